#!/usr/bin/env python3
"""Compares what two models with unlike vocabularies expect next, by a map between their tokens.

    python3 examples/distil_logits.py A B [--tool ./transplant] [--text FILE] [--bytes N]

A and B are directories that transformers loads. `transplant map` writes the maps; the text, the
first N bytes of FILE, is read by both models. Wherever a token of both ends at the same character,
the probabilities of the one are multiplied by the map, which gives probabilities over the other's
tokens: a target to distil towards, or a member of an ensemble. Printed are, as means over those
places: the mass that arrives, the mass on tokens without a counterpart, their sum (1), the
Kullback-Leibler divergence from what arrives (scaled to sum to 1) to what the other model expects,
in bits, and how often both expect the same token most.

The map is made once with each of --weights: with `first_last` all mass of a token goes to the first
of its pieces, which is what a model of the other vocabulary would write next; with `mean` the later
pieces get their parts too. Exits with 77 without PyTorch, transformers or safetensors.
"""

import argparse
import subprocess
import sys
import tempfile
import warnings
from pathlib import Path

try:
    import torch
    from safetensors.torch import load_file
    from transformers import AutoModelForCausalLM, AutoTokenizer
except ImportError as error:
    print(f"distil_logits.py: skipped: {error}", file=sys.stderr)
    sys.exit(77)

warnings.filterwarnings("ignore", message="Sparse CSR")
HERE = Path(__file__).resolve().parent


class Side:
    """A model, and how it reads the text."""

    def __init__(self, path, text, context):
        self.name = Path(path).name
        self.model = AutoModelForCausalLM.from_pretrained(path, dtype=torch.float32).eval()
        self.tokenizer = AutoTokenizer.from_pretrained(path)
        read = self.tokenizer(text, return_offsets_mapping=True, add_special_tokens=False)
        self.ids = read["input_ids"]
        spans = read["offset_mapping"]
        self.context = context
        # Character at which a token ends and the next begins: the token's place.
        self.ends = {end: i for i, (_, end) in enumerate(spans[:-1]) if spans[i + 1][0] >= end > 0}

    @torch.inference_mode()
    def expects(self):
        """(first place, probabilities of what follows each place) window by window."""
        bos = self.tokenizer.bos_token_id
        lead = [] if bos is None else [bos]
        half = (self.context - len(lead)) // 2
        for first in range(0, len(self.ids), half):
            start = max(0, first - half)
            part = torch.tensor([lead + self.ids[start:first + half]])
            logits = self.model(part).logits[0, len(lead) + first - start:]
            yield first, torch.softmax(logits.double(), -1)


def fit(p, columns):
    """Matrices may have more rows than the tokenizer has ids, or fewer."""
    if p.shape[1] < columns:
        return torch.nn.functional.pad(p, (0, columns - p.shape[1]))
    return p[:, :columns]


def keep(side, places):
    """What a model expects at some of its places, by place."""
    wanted = sorted(places)
    rows = []
    for first, p in side.expects():
        rows += [p[i - first].float() for i in wanted if first <= i < first + len(p)]
    return dict(zip(wanted, rows))


def load_map(maps, way):
    return torch.sparse_csr_tensor(maps[way + ".indptr"], maps[way + ".indices"],
                                   maps[way + ".weights"].double(),
                                   tuple(maps[way + ".shape"].tolist()), check_invariants=True)


def compare(matrix, here, there, batch=32):
    """Sums over the places of the mass that arrives, the mass lost, the divergence, and hits."""
    sums = torch.zeros(4, dtype=torch.double)
    kept = (matrix @ torch.ones(matrix.shape[1], 1, dtype=torch.double))[:, 0] > 0
    for i in range(0, len(here), batch):
        p = fit(torch.stack(here[i:i + batch]).double(), matrix.shape[0])
        outside = torch.stack(here[i:i + batch]).double().sum(1) - p.sum(1)
        q = fit(torch.stack(there[i:i + batch]).double(), matrix.shape[1])
        arrived = (matrix.transpose(0, 1) @ p.T).T
        mass = arrived.sum(1)
        target = arrived / mass[:, None]
        terms = torch.where(target > 0, target * (target / q.clamp_min(1e-30)).log2(), 0.0)
        sums += torch.stack([mass.sum(), (p[:, ~kept].sum(1) + outside).sum(), terms.sum(),
                             (arrived.argmax(1) == q.argmax(1)).double().sum()])
    return (sums / len(here)).tolist()


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("a")
    parser.add_argument("b")
    parser.add_argument("--tool", default="./transplant")
    parser.add_argument("--text", type=Path, default=HERE / "models" / "heldout.txt")
    parser.add_argument("--bytes", type=int, default=2000)
    parser.add_argument("--context", type=int, default=256)
    parser.add_argument("--weights", default="first_last,mean")
    args = parser.parse_args()
    text = args.text.read_bytes()[:args.bytes].decode(errors="ignore")
    sides = [Side(path, text, args.context) for path in (args.a, args.b)]
    common = sorted(set(sides[0].ends) & set(sides[1].ends))
    expected = []
    for side in sides:
        by_place = keep(side, {side.ends[at] for at in common})
        expected.append([by_place[side.ends[at]] for at in common])
    print(f"{len(text.encode())} bytes; {len(sides[0].ids)} and {len(sides[1].ids)} tokens; "
          f"{len(common)} places in common\n")
    print("| from | to | weights | mass that arrives | without a counterpart | sum | "
          "divergence, bits | same first choice |")
    print("|---|---|---|---:|---:|---:|---:|---:|")
    for weights in args.weights.split(","):
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / "map.safetensors"
            subprocess.run([args.tool, "map", args.a, args.b, "-q", "-s", weights,
                            "--safetensors", str(file)], check=True)
            maps = load_file(file)
        for way, (a, b) in (("a_to_b", (0, 1)), ("b_to_a", (1, 0))):
            mass, lost, bits, hits = compare(load_map(maps, way), expected[a], expected[b])
            print(f"| {sides[a].name} | {sides[b].name} | `{weights}` | {mass:.6f} | {lost:.6f} | "
                  f"{mass + lost:.6f} | {bits:.3f} | {100 * hits:.1f} % |")


if __name__ == "__main__":
    main()

#!/usr/bin/env python3
"""Rank the ways to make rows on your own two models, by the language model itself.

    python3 examples/evaluate_lm.py BASE DONOR --text english.txt --text code.txt
        [--methods 'omp,omp-affine,omp-affine -k 8'] [--holdout 5%] [--json FILE]

BASE and DONOR are directories as for the tool. A share of the tokens that both
have is hidden: the tool is given a BASE whose tokenizer lacks them, so that it
makes their rows as it makes those of DONOR's own tokens, and the rows that BASE
really has for them are known. BASE with DONOR's tokenizer then reads the texts
twice with the rows of each method: as the tool made it, and with the true rows
in the hidden tokens' places. The second is the bound: all that a method loses
against it, it loses by the rows of the hidden tokens. Nothing is hidden in it,
so it also says what the rows of the truly new tokens are worth.

--methods are separated by commas; each is the name of a method with other
options of the tool behind it. Without the option: all that the tool has.
--command 'NAME=COMMAND' lets another program compete: a command for the shell
with {base}, {donor} and {out} where the directories go. It is given the same
directories as the tool.

A text holds documents with a blank line between them. Each is read by itself, in
windows of --context tokens, as examples/models/evaluate.py does it. Donors much
larger than the texts take long: --new N keeps of the truly new tokens those that
the texts need and others, drawn by chance, up to N; the rest have no rows, and
nothing can be said of how they would disturb the others.

Needs PyTorch, transformers and tokenizers. Exits with 77 where they are missing.
"""

import argparse
import hashlib
import json
import math
import os
import random
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
import textwrap
import time
from pathlib import Path

MODELS = Path(__file__).resolve().parent / "models"
sys.path.insert(0, str(MODELS))
from evaluate import documents, encode, windows  # noqa: E402

try:
    import torch
    import transformers
except ImportError as error:
    print(f"evaluate_lm.py: skipped: {error}", file=sys.stderr)
    sys.exit(77)

OTHER, NEW, HIDDEN = range(3)
CLASSES = ("other", "new", "hidden")


def say(*words):
    print(*words, file=sys.stderr, flush=True)


# ---- what is shared, and what is hidden ----


def token_report(tool, base, donor, folder):
    """{donor id: (kind, bytes as the report writes them, action, base id or None)}"""
    path = folder / "tokens.tsv"
    command = [tool, base, donor, folder / "none", "-a", "zero", "--dry-run", "--quiet"]
    subprocess.run([*command, "--token-report", path], check=True, stdout=subprocess.DEVNULL)
    lines = path.read_text(encoding="utf-8", errors="replace").rstrip("\n").split("\n")[1:]
    rows = [line.split("\t")[:5] for line in lines]
    return {
        int(i): (kind, text, action, int(base_id) if base_id else None)
        for i, kind, text, action, base_id in rows
    }


def read_tokenizer(directory):
    """tokenizer.json of a directory, or what transformers makes of its tokenizer."""
    path = directory / "tokenizer.json"
    if path.exists():
        return json.loads(path.read_text(encoding="utf-8"))
    loaded = transformers.AutoTokenizer.from_pretrained(directory)
    return json.loads(loaded.backend_tokenizer.to_str())


def spellings(tokenizer):
    """{id: string} of the tokens that are not added ones."""
    vocab = tokenizer["model"]["vocab"]
    named = vocab.items() if isinstance(vocab, dict) else ((v[0], i) for i, v in enumerate(vocab))
    added = {token["id"] for token in tokenizer.get("added_tokens", [])}
    return {i: text for text, i in named if i not in added}


def without(tokenizer, ids, rename):
    """Takes tokens out of a tokenizer; `rename` leaves a row to each, under a name of its own."""
    model = tokenizer["model"]
    gone = {i: text for i, text in spellings(tokenizer).items() if i in ids}
    names = {text: f"hidden{i}hidden" for i, text in gone.items()}
    if isinstance(model["vocab"], dict):
        kept = ((text, i) for text, i in model["vocab"].items() if rename or i not in gone)
        model["vocab"] = {names.get(text, text): i for text, i in kept}
    elif rename:
        model["vocab"] = [[names.get(text, text), score] for text, score in model["vocab"]]
    else:
        sys.exit("--new needs a DONOR whose tokenizer.json is not of the type Unigram")
    prefix = len(model.get("continuing_subword_prefix") or "")
    merges = []
    for merge in model.get("merges", []):
        left, right = merge.split(" ", 1) if isinstance(merge, str) else merge
        if not {left, right, left + right[prefix:]} & names.keys():
            merges.append(merge)
    if "merges" in model:
        model["merges"] = merges
    return tokenizer


TOKENIZER_FILES = re.compile(r"tokenizer\.json|.*\.(model|tiktoken)|model\.v\d+|tekken\.json|"
                             r"vocab\.(json|txt)|merges\.txt|added_tokens\.json")


def with_tokenizer(directory, tokenizer, out):
    """A directory of links to the files of another one, with a tokenizer of its own."""
    out.mkdir()
    for path in directory.iterdir():
        if path.is_file() and not TOKENIZER_FILES.fullmatch(path.name):
            (out / path.name).symlink_to(path.resolve())
    text = json.dumps(tokenizer, ensure_ascii=False)
    (out / "tokenizer.json").write_text(text, encoding="utf-8")
    return out


def choose_hidden(report, base_names, share, seed):
    """Base tokens to hide: shared ones of more than a byte, which every tokenizer has."""
    shared = sorted({
        base_id
        for kind, text, action, base_id in report.values()
        if action == "copy" and kind == "text" and base_id in base_names
        and len(re.sub(r"\\(x..|.)", "?", text).encode()) > 1
    })
    return set(random.Random(seed).sample(shared, round(share * len(shared))))


class Pair:
    """Two directories for the tool, and what is hidden, new or left out in them."""

    def __init__(self, tool, base, donor, options, folder):
        self.base, self.donor, self.folder = base, donor, folder
        self.tokenizer = transformers.AutoTokenizer.from_pretrained(donor)
        self.texts = {path.stem: documents(path) for path in options.text}
        self.encoded = {name: encode(self.tokenizer, docs) for name, docs in self.texts.items()}

        report = token_report(tool, base, donor, folder)
        names = read_tokenizer(base)
        ids = choose_hidden(report, spellings(names), options.holdout, options.seed)
        self.seen_base = with_tokenizer(base, without(names, ids, True), folder / "base")

        left_out = self.leave_out(report, options.new, options.seed)
        self.seen_donor = donor
        if left_out:
            kept = without(read_tokenizer(donor), left_out, False)
            self.seen_donor = with_tokenizer(donor, kept, folder / "donor")

        # A token whose bytes the base has twice is still shared: it is not hidden.
        seen = token_report(tool, self.seen_base, self.seen_donor, folder)
        self.true_ids = {
            i: base_id for i, (_, _, _, base_id) in report.items()
            if base_id in ids and i in seen and seen[i][2] == "approximate"
        }
        self.new = {i for i, row in seen.items() if row[2] == "approximate"} - self.true_ids.keys()
        self.ids = sorted(report.keys() - left_out)
        self.left_out = len(left_out)
        self.shared = sum(row[3] is not None for row in report.values())

    def leave_out(self, report, most, seed):
        """The truly new tokens that get no rows."""
        new = {i for i, row in report.items() if row[2] == "approximate" and row[0] == "text"}
        if most is None or len(new) <= most:
            return set()
        new &= spellings(read_tokenizer(self.donor)).keys()  # added tokens stay
        used = {i for docs in self.encoded.values() for ids in docs for i in ids} & new
        rest = sorted(new - used)
        random.Random(seed).shuffle(rest)
        return set(rest[max(0, most - len(used)):])


# ---- a model and its rows ----


def matrices(model):
    """The embedding's module and the head's, or the embedding's alone where they are tied."""
    embedding, head = model.get_input_embeddings(), model.get_output_embeddings()
    tied = head is None or head.weight is embedding.weight
    return [embedding] if tied else [embedding, head]


def load(directory):
    return transformers.AutoModelForCausalLM.from_pretrained(directory, dtype=torch.float32).eval()


def true_rows(base, ids):
    """For each matrix: the base's rows and numbers of these ids."""
    model = load(base)
    index = torch.tensor(ids, dtype=torch.long)
    numbers = [getattr(module, "bias", None) for module in matrices(model)]
    return [
        (module.weight.detach()[index].clone(), None if bias is None else bias.detach()[index])
        for module, bias in zip(matrices(model), numbers, strict=True)
    ]


def keep_rows(model, ids):
    """Leaves these rows alone: token ids[i] becomes token i."""
    index = torch.tensor(ids, dtype=torch.long)
    modules = matrices(model)
    tied = model.get_output_embeddings() if len(modules) == 1 else None
    for module in modules:
        module.weight = torch.nn.Parameter(module.weight.detach()[index], requires_grad=False)
        if getattr(module, "bias", None) is not None:
            module.bias = torch.nn.Parameter(module.bias.detach()[index], requires_grad=False)
        for size in ("num_embeddings", "out_features"):
            if hasattr(module, size):
                setattr(module, size, len(ids))
        if hasattr(module, "padding_idx"):
            module.padding_idx = None
    if tied is not None:
        tied.weight = modules[0].weight
    model.config.get_text_config().vocab_size = len(ids)


def put_rows(model, at, rows):
    """Puts rows in; how many were there already, which were then no secret to the method."""
    index = torch.tensor(at, dtype=torch.long)
    known = torch.ones(len(at), dtype=torch.bool)
    for module, (weight, bias) in zip(matrices(model), rows, strict=True):
        known &= (module.weight.data[index] == weight).all(dim=1)
        module.weight.data[index] = weight
        if bias is not None:
            module.bias.data[index] = bias
    return int(known.sum())


# ---- scoring ----


@torch.inference_mode()
def score(model, encoded, start, context, kind):
    """Sums over a text: of each class its tokens, bits and hits; the wrong wins of each."""
    tokens, bits, hits, wins = (torch.zeros(len(CLASSES), dtype=torch.float64) for _ in range(4))
    todo = [window for ids in encoded for window in windows(ids, start, context)]
    todo.sort(key=lambda window: len(window[0]))
    while todo:
        length = len(todo[-1][0])
        group = todo[-max(1, 2048 // length):]
        del todo[-len(group):]
        # Shorter ones are filled up behind their end, where a causal model does not look.
        ids = torch.full((len(group), length), start)
        scored = torch.zeros(len(group), length - 1, dtype=torch.bool)
        for i, (window, count) in enumerate(group):
            ids[i, :len(window)] = torch.tensor(window)
            scored[i, len(window) - 1 - count:len(window) - 1] = True
        logits = model(input_ids=ids, use_cache=False).logits[:, :-1][scored].float()
        targets = ids[:, 1:][scored]
        loss = torch.nn.functional.cross_entropy(logits, targets, reduction="none").double()
        best = logits.argmax(dim=1)
        tokens += torch.bincount(kind[targets], minlength=len(CLASSES))
        bits += torch.bincount(kind[targets], loss / math.log(2), minlength=len(CLASSES))
        hits += torch.bincount(kind[targets[best == targets]], minlength=len(CLASSES))
        wins += torch.bincount(kind[best[best != targets]], minlength=len(CLASSES))
    return {
        name: dict(zip(CLASSES, sums.tolist(), strict=True))
        for name, sums in (("tokens", tokens), ("bits", bits), ("hits", hits), ("wins", wins))
    }


class Scorer:
    """Scores directories that a method made for a pair."""

    def __init__(self, pair, context):
        self.pair, self.context, self.scored = pair, context, {}
        place = {i: at for at, i in enumerate(pair.ids)}
        self.kind = torch.full((len(pair.ids),), OTHER)
        for ids, value in ((pair.new, NEW), (pair.true_ids, HIDDEN)):
            self.kind[torch.tensor([place[i] for i in ids], dtype=torch.long)] = value
        self.hidden = [place[i] for i in pair.true_ids]
        self.rows = true_rows(pair.base, list(pair.true_ids.values()))
        start = pair.tokenizer.bos_token_id
        start = pair.tokenizer.eos_token_id if start is None else start
        self.start = place[start]
        self.encoded = {
            name: [[place[i] for i in ids] for ids in docs]
            for name, docs in pair.encoded.items()
        }

    def texts(self, model):
        found = {}
        for name, encoded in self.encoded.items():
            found[name] = score(model, encoded, self.start, self.context, self.kind)
            found[name]["bytes"] = sum(len(doc.encode()) for doc in self.pair.texts[name])
        return found

    def directory(self, path):
        model = load(path)
        limit = getattr(model.config.get_text_config(), "max_position_embeddings", None)
        self.context = min(self.context, limit or self.context)
        keep_rows(model, self.pair.ids)
        rows = hashlib.sha256()
        for module in matrices(model):
            rows.update(module.weight.detach().numpy())
        if rows.digest() not in self.scored:  # two methods, or two values of k, may be the same
            made = self.texts(model)
            known = put_rows(model, self.hidden, self.rows)
            found = {"made": made, "bound": self.texts(model), "known": known}
            self.scored[rows.digest()] = found
        return self.scored[rows.digest()]


# ---- methods ----


def tool_methods(tool):
    """The names that --help lists."""
    text = subprocess.run([tool, "--help"], check=True, capture_output=True, text=True).stdout
    found = re.search(r"--approximation-method NAME\s+(.*?)\(omp", text, re.DOTALL)
    return re.findall(r"[a-z][a-z_-]*", found.group(1).replace(" or ", " "))


def competitors(options):
    """{name: a function of directories that gives (command, whether for the shell)}"""
    found = {}
    methods = options.methods.split(",") if options.methods else tool_methods(options.tool)
    for words in map(str.strip, methods):
        name, *rest = shlex.split(words)
        found[words] = lambda base, donor, out, name=name, rest=rest: (
            [options.tool, base, donor, out, "-a", name, "--quiet", *rest], False
        )
    for line in options.command:
        name, command = line.split("=", 1)
        found[name] = lambda base, donor, out, command=command: (
            command.format(base=shlex.quote(str(base)), donor=shlex.quote(str(donor)),
                           out=shlex.quote(str(out))), True
        )
    return found


def transplant(make, pair, out):
    """Seconds, or why there are none."""
    command, shell = make(pair.seen_base, pair.seen_donor, out)
    before = time.monotonic()
    done = subprocess.run(command, shell=shell, capture_output=True, text=True, errors="replace")
    if done.returncode:
        lines = (done.stderr or done.stdout).strip().split("\n")
        return None, f"status {done.returncode}: {lines[-1]}"
    return time.monotonic() - before, None


def digest(texts):
    return hashlib.sha256("\0".join(texts).encode()).hexdigest()[:16]


def run(options, folder, finished=lambda result: None, earlier=None):
    """All methods on one pair; `finished` is told of the result so far after each.

    What an `earlier` result of the same tokens and texts says of a method is taken from it.
    """
    pair = Pair(options.tool, options.base.resolve(), options.donor.resolve(), options, folder)
    say(f"{len(pair.true_ids):,} tokens hidden of {pair.shared:,} shared, {len(pair.new):,} new, "
        f"{pair.left_out:,} left out")
    scorer = Scorer(pair, options.context)
    same = {
        "base": options.base.name, "donor": options.donor.name, "seed": options.seed,
        "shared": pair.shared, "hidden": len(pair.true_ids), "new": len(pair.new),
        "left_out": pair.left_out, "texts": {name: digest(t) for name, t in pair.texts.items()},
    }
    result = {**same, "methods": {}}
    if earlier and same == {name: earlier.get(name) for name in same}:
        result["methods"] = {n: m for n, m in earlier["methods"].items() if "failed" not in m}
    for name, make in competitors(options).items():
        if name in result["methods"]:
            continue
        out = folder / "out"
        seconds, failure = transplant(make, pair, out)
        if failure:
            found = {"failed": failure}
            say(f"{name}: {failure}")
        else:
            before = time.monotonic()
            found = {"seconds": seconds, **scorer.directory(out)}
            say(f"{name}: made in {seconds:.0f} s, scored in {time.monotonic() - before:.0f} s")
            if found["known"]:
                say(f"{name}: knew {found['known']} of the hidden rows")
        shutil.rmtree(out, ignore_errors=True)
        result["methods"][name] = found
        finished(result)
    return result


# ---- tables ----


def total(texts, field, kind=None):
    return sum(sum(t[field].values()) if kind is None else t[field][kind] for t in texts.values())


def ratio(over, under, form):
    return format(over / under, form) if under else "-"


def per_byte(text):
    return sum(text["bits"].values()) / text["bytes"]


def mean_loss(found):
    """Bits a byte more than with the true rows, mean over the texts."""
    made, bound = found["made"], found["bound"]
    return sum(per_byte(made[name]) - per_byte(bound[name]) for name in made) / len(made)


def hidden_loss(found):
    """Bits more than with the true rows for a hidden token, mean over the texts that have any."""
    each = [
        (text["bits"]["hidden"] - found["bound"][name]["bits"]["hidden"]) / count
        for name, text in found["made"].items() if (count := text["tokens"]["hidden"])
    ]
    return sum(each) / len(each) if each else None


def hidden_line(found):
    made, bound = found["made"], found["bound"]
    count = total(made, "tokens", "hidden")
    others = total(made, "tokens", "other")
    return [
        *(f"{per_byte(text):.3f}" for text in made.values()),
        f"{mean_loss(found):.3f}",
        ratio(total(made, "bits", "hidden"), count, ".2f"),
        ratio(total(bound, "bits", "hidden"), count, ".2f"),
        ratio(total(made, "hits", "hidden"), count, ".3f"),
        ratio(total(made, "bits", "other"), others, ".3f"),
        ratio(total(bound, "bits", "other"), others, ".3f"),
        f"{total(made, 'wins', 'hidden'):.0f}",
    ]


def new_line(found):
    bound = found["bound"]
    count = total(bound, "tokens", "new")
    return [
        *(f"{per_byte(text):.3f}" for text in bound.values()),
        ratio(total(bound, "bits", "new"), count, ".2f"),
        ratio(total(bound, "hits", "new"), count, ".3f"),
        f"{total(bound, 'wins', 'new'):.0f}",
        f"{found['seconds']:.0f}",
    ]


def new_bits_line(found):
    return [
        ratio(text["bits"]["new"], text["tokens"]["new"], ".2f")
        for text in found["bound"].values()
    ]


def markdown(head, lines):
    rows = [head, ["---", *("---:" for _ in head[1:])], *lines]
    return "\n".join("| " + " | ".join(row) + " |" for row in rows)


def tables(result):
    """Two tables: what the hidden tokens' rows are worth, and the truly new ones'."""
    methods = {name: m for name, m in result["methods"].items() if "failed" not in m}
    if not methods:
        return "Nothing could be made.\n"
    texts = next(iter(methods.values()))["made"]
    hidden, new, all_tokens = (
        sum(total({name: text}, "tokens", kind) for name, text in texts.items())
        for kind in ("hidden", "new", None)
    )
    words = [
        f"Hidden: {result['hidden']:,} of {result['shared']:,} shared tokens, seed "
        f"{result['seed']}; {result['new']:,} tokens are new"
        + (f", {result['left_out']:,} more are left out" if result["left_out"] else "")
        + f". In the texts: {hidden:,.0f} hidden and {new:,.0f} new of {all_tokens:,.0f} tokens.",
        "Hidden tokens' rows made by the method: bits a byte of each text, how many more than with "
        "the true rows (mean over the texts), bits for a hidden token, with its true row, how "
        "often it is the first choice, bits for the others, with the true rows, and how often a "
        "hidden token wins wrongly.",
        markdown(
            ["rows", *texts, "loss", "hidden", "true", "top-1", "others", "true", "wins"],
            [[f"`{name}`", *hidden_line(m)] for name, m in methods.items()],
        ),
        "Hidden tokens with their true rows, truly new ones by the method: bits a byte, bits for "
        "a new token, how often it is the first choice, how often one wins wrongly, and the "
        "seconds for all rows.",
        markdown(
            ["rows", *texts, "new", "top-1", "wins", "seconds"],
            [[f"`{name}`", *new_line(m)] for name, m in methods.items()],
        ),
        "Bits for a truly new token, by text (tokens: "
        + ", ".join(f"{text['tokens']['new']:.0f}" for text in texts.values()) + "):",
        markdown(
            ["rows", *texts], [[f"`{name}`", *new_bits_line(m)] for name, m in methods.items()]
        ),
    ]
    words += [f"- `{n}`: {m['failed']}" for n, m in result["methods"].items() if "failed" in m]
    return "\n\n".join(w if w[0] in "|-" else textwrap.fill(w, 100) for w in words) + "\n"


def share(text):
    value = float(text[:-1]) / 100 if text.endswith("%") else float(text)
    if not 0 < value < 1:
        raise argparse.ArgumentTypeError(f"{text} is not a share of all")
    return value


def parse(arguments=None):
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("base", metavar="BASE", type=Path)
    parser.add_argument("donor", metavar="DONOR", type=Path)
    parser.add_argument("--text", metavar="FILE", type=Path, action="append", required=True)
    parser.add_argument("--tool", default="./transplant", help="(%(default)s)")
    parser.add_argument("--methods", metavar="LIST", help="of the tool (all)")
    parser.add_argument("--command", metavar="NAME=COMMAND", action="append", default=[])
    parser.add_argument("--holdout", metavar="SHARE", type=share, default="10%",
                        help="of the shared tokens (%(default)s)")
    parser.add_argument("--new", metavar="N", type=int, help="of the new tokens (all)")
    parser.add_argument("--seed", type=int, default=1, help="(%(default)s)")
    parser.add_argument("--context", type=int, default=512, help="in tokens (%(default)s)")
    parser.add_argument("--threads", type=int, help="of PyTorch (all cores)")
    parser.add_argument("--work", type=Path, help="where models go meanwhile (a temporary folder)")
    parser.add_argument("--json", metavar="FILE", type=Path, help="all sums")
    options = parser.parse_args(arguments)
    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()
    torch.set_num_threads(options.threads or os.cpu_count())
    return options


def main():
    options = parse()
    with tempfile.TemporaryDirectory(prefix="evaluate-lm.", dir=options.work) as folder:
        def save(result):
            if options.json:
                options.json.write_text(json.dumps(result, indent=1) + "\n")

        print(tables(run(options, Path(folder), save)), end="")


if __name__ == "__main__":
    main()

"""Make a pair of checkpoints for `transplant evaluate`, as large as asked for.

Both have a byte-level tokenizer of words of small letters, the donor in another
order, and tied bfloat16 embeddings of the kind that make_data.py makes: what is
common to both is a share of the codes of each token, mixed anew for each model.
"""

import argparse
import json
from pathlib import Path

import numpy as np

import make_data
import tensors

LETTERS = "abcdefghijklmnopqrstuvwxyz"
COMMON = .8  # of a token's code; the rest is each model's own


def words(count):
    """Letters, then words of two, three, four letters, and the merges that make them."""
    found, merges, last = list(LETTERS), [], list(LETTERS)
    while len(found) < count:
        pairs = [(w, c) for w in last for c in LETTERS][:count - len(found)]
        last = [w + c for w, c in pairs]
        found += last
        merges += pairs
    return found, [list(pair) for pair in merges]


def write_tokenizer(path, vocab, merges):
    byte_level = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True,
                  "use_regex": True}
    content = {"version": "1.0", "truncation": None, "padding": None, "added_tokens": [],
               "normalizer": None, "pre_tokenizer": byte_level, "post_processor": None,
               "decoder": byte_level,
               "model": {"type": "BPE", "dropout": None, "unk_token": None,
                         "continuing_subword_prefix": None, "end_of_word_suffix": None,
                         "fuse_unk": False, "byte_fallback": False, "ignore_merges": False,
                         "vocab": vocab, "merges": merges}}
    path.write_text(json.dumps(content))


def write_model(path, found, merges, order, width, seed, shared_seed):
    path.mkdir(parents=True, exist_ok=True)
    vocab = {found[token]: row for row, token in enumerate(order)}
    write_tokenizer(path / "tokenizer.json", vocab, merges)
    (path / "tokenizer_config.json").write_text('{"tokenizer_class": "PreTrainedTokenizerFast"}')
    (path / "config.json").write_text(json.dumps(
        {"architectures": ["LlamaForCausalLM"], "model_type": "llama", "hidden_size": width,
         "num_attention_heads": max(1, width // 64), "rope_theta": 10000.0,
         "vocab_size": len(found), "tie_word_embeddings": True}))
    out = tensors.create(path / "model.safetensors", {
        "model.embed_tokens.weight": ("BF16", (len(found), width)),
        "model.norm.weight": ("F32", (width,))}, {"format": "pt"})
    out["model.norm.weight"][:] = 1
    rng, common = np.random.default_rng(seed), np.random.default_rng(shared_seed)
    space = make_data.Space(rng, width, .8)
    places = np.argsort(order)
    for part in make_data.chunks(len(found)):
        rows = part.stop - part.start
        codes = COMMON * make_data.normal(common, rows, width)
        codes += np.float32((1 - COMMON ** 2) ** .5) * make_data.normal(rng, rows, width)
        tensors.store(out["model.embed_tokens.weight"], places[part],
                      space.finish(rng, codes @ space.mix))


def main():
    p = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    p.add_argument("out", type=Path, help="directory that gets base/ and donor/")
    p.add_argument("--tokens", type=int, default=50_000, help="that both share: all")
    p.add_argument("--width", type=int, default=2048)
    a = p.parse_args()
    found, merges = words(a.tokens)
    for seed, name in enumerate(("base", "donor")):
        order = np.random.default_rng(seed).permutation(a.tokens) if seed else range(a.tokens)
        write_model(a.out / name, found, merges, order, a.width, 10 + seed, 1)


if __name__ == "__main__":
    main()

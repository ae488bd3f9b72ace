#!/usr/bin/env python3
"""Opens transplanted directories with the packages that users open them with.

    tests/open_output.py BASE DONOR OUT...

For every OUT: `safetensors` reads every tensor, with the base's names, types and
shapes but for the vocabulary's rows; `tokenizers` gives the donor's ids, all of
them within those rows; config.json agrees with both.
"""
import json
import sys
from pathlib import Path

try:
    from safetensors import safe_open
    from tokenizers import Tokenizer
except ImportError:
    print("skipped open_output: no packages safetensors and tokenizers")
    sys.exit(77)

VOCABULARY = {"model.embed_tokens.weight", "lm_head.weight"}
TEXT = (Path(__file__).parent.parent / "examples/models/heldout.txt").read_text()[:20000]


def tensors(directory):
    """{name: (type, shape)}; reads the bytes of each."""
    found = {}
    with safe_open(directory / "model.safetensors", framework="numpy") as file:
        assert file.metadata() == {"format": "pt"}, file.metadata()
        for name in file.keys():
            view = file.get_slice(name)
            found[name] = view.get_dtype(), view.get_shape()
    return found


def check(base, donor, out):
    config = json.loads((out / "config.json").read_text())
    ours, donors = (Tokenizer.from_file(str(d / "tokenizer.json")) for d in (out, donor))
    ids = ours.encode(TEXT).ids
    assert ids == donors.encode(TEXT).ids and max(ids) < config["vocab_size"]
    assert ours.decode(ids) == donors.decode(ids)
    assert ours.get_vocab() == donors.get_vocab()
    old, new = tensors(base), tensors(out)
    assert old.keys() == new.keys()
    for name, (dtype, shape) in new.items():
        rows = config["vocab_size"] if name in VOCABULARY else old[name][1][0]
        assert (dtype, shape) == (old[name][0], [rows, *old[name][1][1:]]), name
    for role in ("bos_token_id", "eos_token_id", "pad_token_id"):
        wanted = json.loads((donor / "config.json").read_text()).get(role)
        assert config[role] == wanted, (role, config[role], wanted)


def main():
    base, donor, *outs = map(Path, sys.argv[1:])
    failed = 0
    for out in outs:
        try:
            check(base, donor, out)
        except Exception as error:  # whatever a client raises is a failure of ours
            failed += 1
            print(f"FAILED {out}: {type(error).__name__}: {error}")
    print(f"{len(outs) - failed} passed, {failed} failed, 0 skipped")
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()

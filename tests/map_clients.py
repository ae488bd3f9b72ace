#!/usr/bin/env python3
"""Whether the maps between two vocabularies hold for `tokenizers` and PyTorch.

    tests/map_clients.py TRANSPLANT

Every real tokenizer of OTX_REAL_TOKENIZERS and made-up ones of every kind, each with the next, both
ways. torch.sparse_csr_tensor must take the arrays with all its checks, a row must sum to 1 or be
empty, and what `tokenizers` decodes of a token must be what it decodes of its pieces. Exits with 77
without the packages.
"""
import random
import subprocess
import sys
import tempfile
import warnings
from pathlib import Path

sys.dont_write_bytecode = True
try:
    import torch
    from safetensors.torch import load_file
    from tokenizers import Tokenizer
    from reshape_clients import tokenizer_directories
except ImportError as error:
    print(f"skipped map_clients: {error}")
    sys.exit(77)

warnings.filterwarnings("ignore", message="Sparse CSR")
SAME, ROLE, SPLIT, COMBINED, UNUSED, NONE, ABSENT = range(7)
SAMPLE = 3000
passed = failed = 0


def check(good, what):
    global passed, failed
    passed, failed = passed + bool(good), failed + (not good)
    if not good:
        print("failed:", what)


class Decoder:
    """What ids stand for after a letter, spaces at the front with them."""

    def __init__(self, path):
        self.tokenizer = Tokenizer.from_file(str(path / "tokenizer.json"))
        self.loose = "WordPiece" in str(type(self.tokenizer.model))
        self.letter = self.tokenizer.token_to_id("a")
        self.before = self.decode_all([self.letter])

    def decode_all(self, ids):
        return self.tokenizer.decode(ids, skip_special_tokens=False)

    def __call__(self, ids):
        text = self.decode_all([self.letter] + ids)
        return text[len(self.before):] if text.startswith(self.before) else None


def compare(name, maps, way, a, b):
    get = {key: maps[f"{way}.{key}"] for key in ("indptr", "indices", "weights", "shape", "kinds",
                                                 "piece_indptr", "pieces")}
    size = tuple(get["shape"].tolist())
    matrix = torch.sparse_csr_tensor(get["indptr"], get["indices"], get["weights"], size,
                                     check_invariants=True)
    sums = (matrix @ torch.ones(size[1], 1))[:, 0]
    empty = get["kinds"] >= UNUSED
    check(torch.equal(sums == 0, empty), f"{name}: rows are empty that should not be, or not")
    check(((sums - 1).abs() < 1e-5)[~empty].all(), f"{name}: rows do not sum to 1")
    ids = [i for i, kind in enumerate(get["kinds"].tolist()) if kind in (SAME, SPLIT)]
    compared = 0
    for i in random.Random(1).sample(ids, min(SAMPLE, len(ids))):
        pieces = get["pieces"][get["piece_indptr"][i]:get["piece_indptr"][i + 1]].tolist()
        mine, theirs = a([i]), b(pieces)
        if None in (mine, theirs) or "\ufffd" in mine + theirs:
            continue  # a part of a character, which decoders do not show
        if get["kinds"][i] == SAME and a.decode_all([i]) == "":
            continue
        if a.loose or b.loose:
            mine, theirs = mine.replace(" ", ""), theirs.replace(" ", "")
        compared += 1
        if mine != theirs:
            check(False, f"{name}: token {i} is {mine!r}, its pieces {pieces} are {theirs!r}")
    check(compared > len(ids[:SAMPLE]) * 0.6, f"{name}: only {compared} tokens could be decoded")
    print(f"{name}: {size[0]} rows, {matrix._nnz()} entries, {int(empty.sum())} rows empty, "
          f"{compared} tokens decoded alike")


def main():
    transplant = sys.argv[1]
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        found = list(tokenizer_directories(work))
        for (a, first), (b, second) in zip(found, found[1:] + found[:1]):
            file = work / "map.safetensors"
            done = subprocess.run([transplant, "map", "-q", str(first), str(second),
                                   "--safetensors", str(file)], capture_output=True, text=True)
            check(done.returncode == 0, f"{a}, {b}: {done.stderr}")
            if done.returncode:
                continue
            maps, decoders = load_file(file), (Decoder(first), Decoder(second))
            compare(f"{a} -> {b}", maps, "a_to_b", *decoders)
            compare(f"{b} -> {a}", maps, "b_to_a", *reversed(decoders))
    print(f"{passed} passed, {failed} failed, 0 skipped")
    return failed > 0


if __name__ == "__main__":
    sys.exit(main())

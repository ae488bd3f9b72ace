#!/usr/bin/env python3
"""Holds the method subword against NumPy.

    tests/subword_twin.py TRANSPLANT PRINT_SPLIT

Transplants the tokenizer of examples/models/donor by every subword method, and makes the new
rows again from the base's and the pieces that tests/print_split.c prints: the weights are
written out here, for embedding and head, in the direction that is documented (of weighted_mean,
mergekit's are the other way round). In the donor's place once the tokenizer alone, without
weights. Rows must be the same but for the last bit of BF16.
"""
import json
import os
import shutil
import subprocess
import sys
import tempfile

import numpy as np

EMBEDDING, HEAD = "model.embed_tokens.weight", "lm_head.weight"
WEIGHTS = {
    "mean": lambda n, head, sizes: np.ones(n) / n,
    "sum": lambda n, head, sizes: np.ones(n),
    "weighted_mean": lambda n, head, sizes: (np.arange(n, 0, -1) if head else
                                             np.arange(1, n + 1)) / (n * (n + 1) / 2),
    "first_last": lambda n, head, sizes: np.eye(n)[0 if head else -1],
    "last": lambda n, head, sizes: (0.5 ** np.arange(n) / (0.5 ** np.arange(n)).sum() if head
                                    else np.eye(n)[-1]),
    "length": lambda n, head, sizes: np.array(sizes) / sum(sizes),
}
passed = failed = 0


def check(good, what):
    global passed, failed
    passed, failed = passed + bool(good), failed + (not good)
    if not good:
        print("FAILED", what)


def tensors(path):
    with open(path, "rb") as file:
        size = int.from_bytes(file.read(8), "little")
        header = json.loads(file.read(size))
        data = file.read()
    found = {}
    for name in (EMBEDDING, HEAD):
        entry = header[name]
        assert entry["dtype"] == "BF16"
        start, end = entry["data_offsets"]
        bits = np.frombuffer(data[start:end], "<u2").astype(np.uint32) << 16
        found[name] = bits.view(np.float32).astype(np.float64).reshape(entry["shape"])
    return found


def main():
    transplant, print_split = sys.argv[1:3]
    root = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    base, donor = (os.path.join(root, "examples", "models", name) for name in ("base", "donor"))
    old = tensors(os.path.join(base, "model.safetensors"))
    sizes = {}
    pieces = {}
    for line in subprocess.run([print_split, base, base], stdout=subprocess.PIPE,
                               check=True).stdout.decode().splitlines():
        number, data, *_ = line.split()
        sizes[int(number)] = len(data) // 2
    for line in subprocess.run([print_split, base, donor], stdout=subprocess.PIPE,
                               check=True).stdout.decode().splitlines():
        number, _, *ids = line.split()
        pieces[int(number)] = [int(i) for i in ids]
    with tempfile.TemporaryDirectory() as here:
        bare = os.path.join(here, "bare")
        os.mkdir(bare)
        for name in ("tokenizer.json", "tokenizer_config.json"):
            shutil.copy(os.path.join(donor, name), bare)
        for how, weights in WEIGHTS.items():
            for given in (donor, bare) if how == "mean" else (donor,):
                out, table = os.path.join(here, "out"), os.path.join(here, "table")
                done = subprocess.run([transplant, base, given, out, "-q", "--overwrite", "-a",
                                       "subword", "-s", how, "--token-report", table,
                                       "--rows", "tokenizer"])
                check(done.returncode == 0, f"{how} of {given}")
                new = tensors(os.path.join(out, "model.safetensors"))
                with open(table) as file:
                    rows = [line.split("\t") for line in file.read().splitlines()]
                made = [int(row[0]) for row in rows[1:] if "approximate" in row and
                        int(row[0]) in pieces]
                check(len(made) > 500, f"{how}: {len(made)} rows made")
                wrong = 0
                for i in made:
                    for name, head in ((EMBEDDING, False), (HEAD, True)):
                        w = weights(len(pieces[i]), head, [sizes[p] for p in pieces[i]])
                        row = w @ old[name][pieces[i]]
                        wrong += not np.allclose(new[name][i], row, rtol=2.0 ** -8, atol=1e-9)
                check(wrong == 0, f"{how}: {wrong} of {2 * len(made)} rows are others")
                print(f"{how:14} {2 * len(made)} rows, {2 * len(made) - wrong} alike")
    print(f"{passed} passed, {failed} failed, 0 skipped")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())

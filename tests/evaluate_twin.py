#!/usr/bin/env python3
"""The figures of `transplant evaluate` against an independent computation in NumPy.

    python3 tests/evaluate_twin.py TOOL

Draws the same hidden tokens, makes their rows by `zero`, `mean`, `omp` and `affine` from the
formulas, and compares every figure of every class of token; and looks at the page. Run from the
root of the repository. Exits with 77 if NumPy is missing.
"""

import html.parser
import json
import subprocess
import sys
import tempfile
from pathlib import Path

try:
    import numpy as np
except ImportError:
    print("evaluate_twin.py: skipped: no numpy")
    sys.exit(77)

TOOL = sys.argv[1]
BASE, DONOR = Path("examples/models/base"), Path("examples/models/donor")
NAMES = "model.embed_tokens.weight", "lm_head.weight"
SEED, HOLDOUT, K, MASK = 3, 0.1, 12, (1 << 64) - 1
FIGURES = ("share", "error", "loss", "cosine", "centred_cosine", "relative_error", "norm_ratio",
           "top1", "top10")


def tensor(directory, name):
    data = (directory / "model.safetensors").read_bytes()
    size = int.from_bytes(data[:8], "little")
    entry = json.loads(data[8:8 + size])[name]
    begin, end = entry["data_offsets"]
    raw = np.frombuffer(data[8 + size + begin:8 + size + end], dtype="<u2").astype(np.uint32)
    return (raw << 16).view(np.float32).reshape(entry["shape"]).astype(np.float64)


def table(here):
    """The rows of the token report of a dry run."""
    subprocess.run([TOOL, BASE, DONOR, "--dry-run", "-q", "--token-report", here / "t.tsv"],
                   check=True)
    return [line.split("\t") for line in (here / "t.tsv").read_text().splitlines()[1:]]


def draw(count, hidden):
    """Which anchors are hidden: a partial shuffle by splitmix64."""
    state, order = SEED, list(range(count))
    for i in range(hidden):
        state = (state + 0x9E3779B97F4A7C15) & MASK
        z = state
        z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9 & MASK
        z = (z ^ z >> 27) * 0x94D049BB133111EB & MASK
        other = i + (z ^ z >> 31) % (count - i)
        order[i], order[other] = order[other], order[i]
    return np.array(sorted(order[:hidden]))


def omp(atoms, targets, base):
    made = []
    for y in targets:
        support, residual = [], y
        for _ in range(K):
            scores = np.abs(atoms @ residual)
            scores[support] = -1
            support.append(int(scores.argmax()))
            c = np.linalg.lstsq(atoms[support].T, y, rcond=None)[0]
            residual = y - c @ atoms[support]
        made.append(c @ base[support])
    return np.array(made)


def affine(atoms, targets, base):
    a, b = atoms - atoms.mean(0), base - base.mean(0)
    gram = a.T @ a
    gram += 0.01 * np.trace(gram) / len(gram) * np.eye(len(gram))
    return base.mean(0) + (targets - atoms.mean(0)) @ np.linalg.solve(gram, a.T @ b)


def figures(p, b, every, sample):
    """Every figure over some hidden tokens."""
    mean = every.mean(0)

    def cosine(x, y):
        norms = np.linalg.norm(x, axis=1) * np.linalg.norm(y, axis=1)
        return np.where(norms > 0, (x * y).sum(1) / np.where(norms > 0, norms, 1), 0).mean()

    found = {"share": (p * b).sum() / (b * b).sum()}
    found["error"] = np.sqrt((((p - b) @ sample.T) ** 2).sum() / ((b @ sample.T) ** 2).sum())
    found["loss"] = found["error"] + 0.75 * (1 - found["share"])
    found["cosine"] = cosine(p, b)
    found["centred_cosine"] = cosine(p - mean, b - mean)
    norms = np.linalg.norm(b, axis=1)
    found["relative_error"] = (np.linalg.norm(p - b, axis=1) / norms).mean()
    found["norm_ratio"] = (np.linalg.norm(p, axis=1) / norms).mean()
    unit = every / np.maximum(np.linalg.norm(every, axis=1, keepdims=True), 1e-30)
    near = p @ unit.T
    truth = (p * (b / norms[:, None])).sum(1)
    rank = (near > truth[:, None] + 1e-9).sum(1)
    rank[np.linalg.norm(p, axis=1) == 0] = len(every)
    found["top1"], found["top10"] = (rank < 1).mean(), (rank < 10).mean()
    return found


class Page(html.parser.HTMLParser):
    """Counts what is opened and closed, and what would be fetched."""

    def __init__(self):
        super().__init__()
        self.open, self.fetched, self.texts = [], [], []

    def handle_starttag(self, tag, attrs):
        if tag not in ("meta", "br"):
            self.open.append(tag)
        self.fetched += [v for k, v in attrs if k in ("src", "href", "xlink:href")]

    def handle_startendtag(self, tag, attrs):
        pass

    def handle_endtag(self, tag):
        assert self.open and self.open[-1] == tag, (self.open[-3:], tag)
        self.open.pop()

    def handle_data(self, data):
        self.texts.append(data)


def check_page(text, methods):
    page = Page()
    page.feed(text)
    assert not page.open and not page.fetched, (page.open, page.fetched)
    assert "http" not in text and "<script" not in text and "url(" not in text
    assert "prefers-color-scheme: dark" in text
    for method in methods:
        assert page.texts.count(method) >= 6, (method, page.texts.count(method))


def main():
    failed = passed = 0
    with tempfile.TemporaryDirectory() as folder:
        here = Path(folder)
        rows = table(here)
        bases = {}  # each base id is an anchor once: of a text, or else of a byte
        for r in sorted(rows, key=lambda r: (r[1] == "byte", int(r[0]))):
            if r[3] == "copy" and r[1] in ("text", "byte"):
                bases.setdefault(int(r[4]), int(r[0]))
        anchors = sorted((donor, base) for base, donor in bases.items())
        methods = {"zero": None, "mean": None, "omp": omp, "affine": affine}
        subprocess.run([TOOL, "evaluate", BASE, DONOR, "--methods", ",".join(methods), "--holdout",
                        str(HOLDOUT), "--seed", str(SEED), "-k", str(K), "--json", here / "e.json",
                        "--html", here / "e.html", "-q"], check=True)
        found = json.loads((here / "e.json").read_text())
        assert found["anchors"] + found["hidden"] == len(anchors), len(anchors)
        hidden = draw(len(anchors), found["hidden"])
        kept = np.setdiff1d(np.arange(len(anchors)), hidden)
        donor_ids, base_ids = np.array(anchors).T
        tokenizer = json.loads((BASE / "tokenizer.json").read_text())
        count = len(set(tokenizer["model"]["vocab"].values())
                    | {t["id"] for t in tokenizer["added_tokens"]})
        for name, matrix in zip(NAMES, found["matrices"]):
            donor, base = tensor(DONOR, name), tensor(BASE, name)
            assert matrix["rows"] == count == len(base), (matrix["rows"], count, len(base))
            b = base[base_ids[hidden]]
            left = np.setdiff1d(np.arange(count), base_ids[hidden])
            every = np.concatenate([base[left], base[np.sort(base_ids[hidden])]])
            sample = every[np.arange(1024) * count // 1024]
            for entry in matrix["methods"]:
                method = entry["method"]
                if method == "zero":
                    p = np.zeros_like(b)
                elif method == "mean":
                    p = np.repeat(base[left].mean(0)[None], len(b), 0)
                else:
                    p = methods[method](donor[donor_ids[kept]], donor[donor_ids[hidden]],
                                        base[base_ids[kept]])
                wanted, scores = figures(p, b, every, sample), entry["scores"]["all"]
                for figure in FIGURES:
                    near = abs(scores[figure] - wanted[figure]) < 2e-4 * (1 + abs(wanted[figure]))
                    passed, failed = passed + near, failed + (not near)
                    if not near:
                        print(f"  FAILED {name}, {method}: {figure} is {scores[figure]}, "
                              f"NumPy has {wanted[figure]}")
        check_page((here / "e.html").read_text(), methods)
        passed += 1
    print(f"{passed} passed, {failed} failed, 0 skipped")
    return failed > 0


sys.exit(main())

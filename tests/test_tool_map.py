#!/usr/bin/env python3
"""The tool's command map: the files it writes, and what it refuses.

    python3 tests/test_tool_map.py ./transplant [CASE...]

The last line is `N passed, N failed, N skipped`.
"""

import json
import re
import struct
import sys

import tool
from tool import BASE_COUNT, DONOR_COUNT, call, pair

CASES, case = tool.cases()
MODELS = ("examples/models/base", "examples/models/donor")
EMPTY = ("unused", "none", "absent")


def read_tensors(path):
    """Every tensor of a safetensors file as a list of numbers, and the metadata."""
    data = path.read_bytes()
    size = struct.unpack("<Q", data[:8])[0]
    header = json.loads(data[8:8 + size])
    metadata = header.pop("__metadata__")
    tensors = {}
    for name, at in header.items():
        start, end = (8 + size + offset for offset in at["data_offsets"])
        code = {"I64": "q", "F32": "f", "U8": "B"}[at["dtype"]]
        tensors[name] = list(struct.unpack(f"<{at['shape'][0]}{code}", data[start:end]))
    return tensors, metadata


def rows(tensors, way):
    """The entries of each row, after what every map must hold."""
    start, indices = tensors[way + ".indptr"], tensors[way + ".indices"]
    weights, (count, columns) = tensors[way + ".weights"], tensors[way + ".shape"]
    assert len(start) == count + 1 and start[0] == 0 and start[-1] == len(indices)
    assert all(0 <= i < columns for i in indices) and 0 not in weights
    out = []
    for first, end in zip(start, start[1:]):
        assert indices[first:end] == sorted(set(indices[first:end]))
        out.append(dict(zip(indices[first:end], weights[first:end])))
    return out


@case
def both_files_say_the_same(here):
    files = here / "m.safetensors", here / "m.json"
    done = call("map", *MODELS, "--safetensors", files[0], "--json", files[1])
    tensors, metadata = read_tensors(files[0])
    report = json.loads(files[1].read_text())
    assert metadata == {"format": "pt", "a": MODELS[0], "b": MODELS[1],
                        "method": "subword mean, output"}, metadata
    assert report["method"] == metadata["method"]
    assert tensors["a_to_b.shape"] == [2048, 2560] and tensors["b_to_a.shape"] == [2560, 2048]
    for way in ("a_to_b", "b_to_a"):
        table = rows(tensors, way)
        assert len(table) == report[way]["rows"] == sum(report[way]["counts"].values())
        for token in report[way]["tokens"]:
            row = table[token["id"]]
            assert list(row) == [to["id"] for to in token["to"]]
            assert all(abs(row[to["id"]] - to["weight"]) < 1e-7 for to in token["to"])
            assert (not row) == (token["kind"] in EMPTY), token
            assert not row or abs(sum(row.values()) - 1) < 1e-6
            if token["kind"] == "split" and "\\" not in token["token"]:
                assert "".join(token.get("pieces", [token["to"][0]["token"]])) == token["token"]
    assert re.search(r"^  same bytes +1,533 +74.9 %$", done.out, re.M), done.out
    assert re.search(r"^  no counterpart +1 ", done.out, re.M), done.out
    assert sorted(p.name for p in here.iterdir()) == ["m.json", "m.safetensors"]


@case
def how_pieces_are_weighed(here):
    def weights(*args):
        call("map", *MODELS, "-q", "--json", here / "m.json", *args)
        tokens = json.loads((here / "m.json").read_text())["a_to_b"]["tokens"]
        token, = (t for t in tokens if t["token"] == "hat")
        return {to["token"]: round(to["weight"], 6) for to in token["to"]}
    assert weights() == {"h": 0.5, "at": 0.5}
    assert weights("-s", "length") == {"h": 0.333333, "at": 0.666667}
    assert weights("-s", "first_last") == {"h": 1}
    assert weights("-s", "first_last", "--side", "input") == {"at": 1}


@case
def by_a_method(here):
    done = call("map", *MODELS, "-a", "hull", "-k", "4", "--safetensors", here / "m.safetensors")
    tensors, metadata = read_tensors(here / "m.safetensors")
    assert metadata["method"] == "hull, output"
    for way in ("a_to_b", "b_to_a"):
        table = rows(tensors, way)
        assert max(len(row) for row in table) == 4
        assert all(min(row.values()) > 0 for row in table if row)
        assert all(abs(sum(row.values()) - 1) < 1e-5 for row in table if row)
    assert re.search(r"^  combined +512 ", done.out, re.M), done.out
    done = call("map", *MODELS, "-a", "omp", "-k", "4")
    assert "weights below 0" in done.out


@case
def tokenizers_alone(here):
    base, donor = pair(here)
    done = call("map", base / "tokenizer.json", donor / "tokenizer.json")
    assert re.search(rf"^  tokens +{BASE_COUNT}$", done.out, re.M), done.out
    assert re.search(rf"^  tokens +{DONOR_COUNT}$", done.out, re.M), done.out


@case
def what_is_refused(here):
    out = here / "m.json"
    assert "two are wanted: A B" in call("map", MODELS[0], status=2).error
    assert "output or input is wanted" in call("map", *MODELS, "--side", "x", status=2).error
    assert "both maps would go to" in call("map", *MODELS, "--json", out, "--safetensors", out,
                                           status=2).error
    assert "no option" in call("align", *MODELS, "--safetensors", out, status=2).error
    error = call("map", *MODELS, "-a", "omp-affine", "--json", out, status=1).error
    assert "omp-affine makes rows that are no combinations of a few tokens" in error
    assert "nonesuch" in call("map", MODELS[0], here / "nonesuch", "--json", out, status=1).error
    (here / "bad.json").write_text('{"model": {"type": "BPE", "vocab": {"a": 0, "b": 0}}}')
    error = call("map", MODELS[0], here / "bad.json", "--json", out, status=1).error
    assert 'must have an array "merges"' in error and "\n" not in error.strip(), error
    assert [p.name for p in here.iterdir()] == ["bad.json"]


if __name__ == "__main__":
    sys.exit(tool.main(CASES))

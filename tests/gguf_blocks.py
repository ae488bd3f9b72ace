#!/usr/bin/env python3
"""Block types of ggml against gguf-py and against ggml's own C.

    python3 tests/gguf_blocks.py [CC] [--ggml DIR] [--count N] [--golden FILE]

Builds the library as a shared one and calls it on random blocks and random rows: what it
widens must have the bits, and what it quantises the bytes, of the `gguf` package (for the
types that this quantises) and of ggml's quantize_row_* and dequantize_row_*, compiled here
without contraction from the source in the sdist of llama-cpp-python. DIR is where that is
unpacked, or will be: it is fetched by pip if it is not there. --golden writes
tests/golden/blocks.safetensors anew. Exits with 77 if numpy or gguf is missing.
"""

import argparse
import ctypes
import json
import os
import struct
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

try:
    import gguf
    import numpy as np
except ImportError:
    print("gguf_blocks.py: skipped: no packages gguf and numpy")
    sys.exit(77)

ROOT = Path(__file__).resolve().parent.parent
SDIST = "llama-cpp-python==0.3.36"
TYPES = "Q4_0 Q4_1 Q5_0 Q5_1 Q8_0 Q2_K Q3_K Q4_K Q5_K Q6_K IQ4_NL IQ4_XS MXFP4".split()
# What gguf-py quantises.
NUMPY = "Q4_0 Q4_1 Q5_0 Q5_1 Q8_0 MXFP4".split()
# In ggml's own way: quantize_NAME(from, to, rows, columns, no weights) as llama-quantize calls
# it. Of these quantize_row_NAME_ref is another rule, for activations.
QUANTIZE = ("IQ4_NL", "IQ4_XS")
DTYPES, BLOCK = {}, {}  # by name: the number, (elements, bytes)


def shared(cc, source, output, *flags):
    subprocess.run([*cc, "-shared", "-fPIC", "-O2", *flags, source, "-o", output, "-lm"],
                   check=True)
    return ctypes.CDLL(output)


def our_library(cc, folder):
    source = Path(folder) / "ours.c"
    source.write_text('#define OMP_TRANSPLANT_IMPLEMENTATION\n#include "omp_transplant.h"\n')
    subprocess.run([str(ROOT / "amalgamate.sh"), "--only", "files", "--output",
                    str(Path(folder) / "omp_transplant.h")], check=True)
    ours = shared(cc, str(source), str(Path(folder) / "ours.so"), f"-I{folder}")
    ours.otx_dtype_name.restype = ctypes.c_char_p
    ours.otx_blocks_from_float.restype = ours.otx_from_double.restype = ctypes.c_size_t
    number, size = 1, ctypes.c_uint()
    while (name := ours.otx_dtype_name(number)) is not None:
        DTYPES[name.decode()] = number
        BLOCK[name.decode()] = ours.otx_dtype_block(number, ctypes.byref(size)), size.value
        number += 1
    return ours


def ggml_source(folder):
    """The folder of ggml within the sdist, unpacked; None if it cannot be had."""
    found = sorted(Path(folder).glob("*/vendor/llama.cpp/ggml"))
    if found:
        return found[0]
    Path(folder).mkdir(parents=True, exist_ok=True)
    done = subprocess.run(
        [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check",
         "--no-deps", "--no-binary", ":all:", "--no-build-isolation", "--dest", folder, SDIST])
    archives = sorted(Path(folder).glob("*.tar.gz"))
    if done.returncode != 0 or not archives:
        return None
    with tarfile.open(archives[0]) as archive:
        for member in archive.getmembers():
            parts = Path(member.name).parts
            if ".." not in parts and parts[2:4] == ("llama.cpp", "ggml") and member.isfile() and (
                    member.name.endswith(".h") or parts[-1] == "ggml-quants.c"):
                archive.extract(member, folder)
    archives[0].unlink()
    return next(iter(sorted(Path(folder).glob("*/vendor/llama.cpp/ggml"))), None)


# What ggml-quants.c calls of the rest of ggml.
REST = """
void ggml_abort(const char *file, int line, const char *format, ...)
{ (void)file; (void)line; (void)format; abort(); }
const char *ggml_type_name(enum ggml_type type) { (void)type; return ""; }
size_t ggml_type_size(enum ggml_type type) { (void)type; return 0; }
size_t ggml_row_size(enum ggml_type type, int64_t columns) { (void)type; (void)columns; return 0; }
"""


def ggml_library(cc, folder, source, *flags):
    (Path(folder) / "ggml.c").write_text('#include "ggml-quants.c"\n' + REST)
    return shared(cc, str(Path(folder) / "ggml.c"), str(Path(folder) / "ggml.so"), "-w",
                  "-DNDEBUG", *flags, f"-I{source}/src", f"-I{source}/src/ggml-cpu",
                  f"-I{source}/include")


def pointer(array):
    return array.ctypes.data_as(ctypes.c_void_p)


def widened(ours, name, blocks):
    elements, size = BLOCK[name]
    count = blocks.size // size * elements
    room = np.empty(count, np.float32)
    ours.otx_blocks_to_float(pointer(room), pointer(blocks), DTYPES[name],
                             ctypes.c_size_t(count))
    return room


def quantised(ours, name, rows):
    elements, size = BLOCK[name]
    room = np.full(rows.size // elements * size, 0xEE, np.uint8)
    refused = ours.otx_blocks_from_float(pointer(room), pointer(rows), DTYPES[name],
                                         ctypes.c_size_t(rows.size))
    return room, refused


def rounded(ours, name, rows):
    wide = rows.astype(np.float64)
    room = np.empty(rows.size, np.uint32 if name == "F32" else np.uint16)
    ours.otx_from_double(pointer(room), pointer(wide), DTYPES[name],
                         ctypes.c_size_t(rows.size), ctypes.c_bool(False))
    return room.view(np.uint8)


def ggml_widened(ggml, name, blocks):
    elements, size = BLOCK[name]
    room = np.empty(blocks.size // size * elements, np.float32)
    function = getattr(ggml, "dequantize_row_" + name.lower().replace("_k", "_K"))
    function(pointer(blocks), pointer(room), ctypes.c_int64(room.size))
    return room


def ggml_quantised(ggml, name, rows):
    elements, size = BLOCK[name]
    room = np.zeros(rows.size // elements * size, np.uint8)
    if name in QUANTIZE:
        getattr(ggml, "quantize_" + name.lower())(
            pointer(rows), pointer(room), ctypes.c_int64(1), ctypes.c_int64(rows.size), None)
    else:
        function = getattr(ggml, f"quantize_row_{name.lower().replace('_k', '_K')}_ref")
        function(pointer(rows), pointer(room), ctypes.c_int64(rows.size))
    return room


def random_blocks(rng, name, count):
    """All bytes are random, so of F16 scales one in 32 is no number."""
    return rng.integers(0, 256, count * BLOCK[name][1], np.uint8)


def random_rows(rng, count):
    """Rows of 256 of many kinds, as F32, whose blocks all have a place in F16."""
    def scale(low, high):
        return np.exp(rng.uniform(np.log(low), np.log(high), (count, 1)))
    kinds = [
        rng.normal(0, 1, (count, 256)) * scale(1e-4, 10),       # what embeddings look like
        rng.normal(0.3, 1, (count, 256)) * scale(1e-4, 10),
        rng.uniform(-1, 1, (count, 256)) * scale(1e-6, 1e4),
        rng.uniform(0, 1, (count, 256)) * scale(1e-4, 10),      # none below zero
        -rng.uniform(0.5, 1, (count, 256)) * scale(1e-4, 10),   # none near it
        rng.standard_t(1.5, (count, 256)) * 1e-3,               # few that are large
        rng.normal(0, 1, (count, 256)) * (rng.random((count, 256)) < 0.05),  # most are zero
        rng.integers(-9, 10, (count, 256)) / 8.0,               # ties
        np.repeat(rng.normal(0, 1, (count, 8)), 32, 1),         # a value a block
        rng.normal(0, 1, (count, 256)) * np.repeat(             # blocks unlike each other
            np.exp(rng.uniform(-60, 9, (count, 16))), 16, 1),
        rng.normal(0, 1, (count, 256)) * scale(1e-45, 1e-6),    # F16 cannot hold the scale
        rng.normal(0, 1, (count, 256)) * scale(1e3, 1e5),
        rng.normal(0, 1, (count, 256)).astype(np.float16),      # rows that were narrow
    ]
    rows = np.clip(np.concatenate(kinds), -6e4, 6e4).astype(np.float32)
    narrow = (rows[:count].view(np.uint32) & np.uint32(0xFFFF0000)).view(np.float32)
    return np.ascontiguousarray(np.concatenate([rows, narrow]).ravel())


def same_floats(a, b):
    """Bit for bit, but for which NaN it is."""
    return (a.view(np.uint32) == b.view(np.uint32)) | (np.isnan(a) & np.isnan(b))


class Tally:
    passed = failed = blocks = 0

    def check(self, what, same, blocks):
        """`same` is a row a block."""
        wrong = int((~same.reshape(blocks, -1).all(1)).sum())
        self.passed += wrong == 0
        self.failed += wrong != 0
        self.blocks += blocks
        if wrong:
            first = int(np.argmin(same.reshape(blocks, -1).all(1)))
            print(f"  FAILED {what}: {wrong} of {blocks} blocks differ, the first is {first}")


def compare(ours, ggml, options, rng):
    tally = Tally()
    for name in TYPES:
        elements, size = BLOCK[name]
        blocks = random_blocks(rng, name, options.count)
        mine = widened(ours, name, blocks)
        with np.errstate(all="ignore"):
            theirs = gguf.quants.dequantize(blocks.reshape(-1, size),
                                            gguf.GGMLQuantizationType[name]).ravel()
        tally.check(f"{name} widened, against gguf-py", same_floats(mine, theirs), options.count)
        if ggml:
            tally.check(f"{name} widened, against ggml",
                        same_floats(mine, ggml_widened(ggml, name, blocks)), options.count)
        rows = random_rows(rng, options.count // 50)
        if name == "MXFP4":  # below this ggml turns a negative number into an unsigned one
            rows[np.abs(rows) < 2.0 ** -124] = 0
        made, refused = quantised(ours, name, rows)
        tally.check(f"{name} quantised, none refused", np.array([refused == 0]), 1)
        count = rows.size // elements
        if ggml:
            tally.check(f"{name} quantised, against ggml",
                        made == ggml_quantised(ggml, name, rows), count)
        if name in NUMPY:
            # NumPy has no order among zeros of two signs, and another way where a scale is
            # below what floats can invert: such blocks are ggml's to decide.
            rows = rows + np.float32(0)
            plain = np.abs(rows.reshape(count, elements)).max(1) > 1e-30
            with np.errstate(all="ignore"):
                theirs = gguf.quants.quantize(rows.reshape(count, elements),
                                              gguf.GGMLQuantizationType[name])
            same = quantised(ours, name, rows)[0].reshape(count, size) == theirs
            tally.check(f"{name} quantised, against gguf-py", same[plain], int(plain.sum()))
    rows = random_rows(rng, options.count // 50)
    for name in ("F32", "F16", "BF16"):
        with np.errstate(all="ignore"):
            theirs = gguf.quants.quantize(rows, gguf.GGMLQuantizationType[name])
        tally.check(f"{name} rounded, against gguf-py",
                    rounded(ours, name, rows) == theirs.view(np.uint8), rows.size // 32)
    return tally


def many_rows(count=1024):
    """The rows of tests/test_blocks.c, of which the golden file has only sums."""
    with np.errstate(over="ignore"):
        i = np.arange(count * 256, dtype=np.uint64)
        bits = (i + np.uint64(1)) * np.uint64(0x9E3779B97F4A7C15)
        bits = (bits ^ bits >> np.uint64(30)) * np.uint64(0xBF58476D1CE4E5B9)
        bits = (bits ^ bits >> np.uint64(27)) * np.uint64(0x94D049BB133111EB)
        bits ^= bits >> np.uint64(31)
    value = sum((bits >> np.uint64(16 * k) & np.uint64(65535)).astype(np.int64) for k in range(4))
    value -= 2 * 65536
    row, at = i.astype(np.int64) // 256, i.astype(np.int64) % 256
    kind, factor = row % 4, np.exp2(-(row % 29) - 12.0)
    value = np.where(kind == 1, np.abs(value), value)
    value = np.where(kind == 2, np.where(at % 32 == 0, 254, value % 255), value)
    factor = np.where(kind == 3, factor * np.exp2(-(at // 16 * 7 % 11.0)), factor)
    return (value * factor).astype(np.float32)


def sum_of(made):
    """FNV-1a of 32 bits, over the bytes."""
    total = 0x811C9DC5
    for byte in made.tobytes():
        total = (total ^ byte) * 0x01000193 & 0xFFFFFFFF
    return np.array([total], np.uint32)


def golden(ggml, path, rng):
    """Blocks with what they are worth, and rows with their blocks, as ggml has them."""
    rows = random_rows(rng, 1).reshape(-1, 256)[[0, 3, 4, 5, 6, 7, 9]]
    edges = np.array([[0, 0], [-0.0, 0], [0.3, 0.3], [-2, -2], [1, -1], [6e4, -6e4], [1e-8, 0],
                      [1e-30, -1e-30]], np.float32)
    rows = np.concatenate([rows.ravel(), np.tile(np.repeat(edges, 16, 1), 8).ravel()])
    tensors = {"rows": rows}
    for name in TYPES:
        elements, size = BLOCK[name]
        blocks = [np.full(size, byte, np.uint8) for byte in (0x00, 0x01, 0x7b, 0x80, 0xff)]
        blocks = np.concatenate([random_blocks(rng, name, 2 if elements == 256 else 8), *blocks])
        tensors[name + ".blocks"] = blocks
        tensors[name + ".values"] = ggml_widened(ggml, name, blocks)
        tensors[name + ".rows"] = ggml_quantised(ggml, name, rows)
        tensors[name + ".sum"] = sum_of(ggml_quantised(ggml, name, many_rows()))
    header, data = {}, b""
    for name, array in sorted(tensors.items(), key=lambda t: (-t[1].itemsize, t[0])):
        dtype = {"uint8": "U8", "uint32": "U32", "float32": "F32"}[array.dtype.name]
        header[name] = {"dtype": dtype, "shape": [array.size],
                        "data_offsets": [len(data), len(data) + array.nbytes]}
        data += array.tobytes()
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    Path(path).write_bytes(struct.pack("<Q", len(text)) + text + data)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("cc", nargs="?", default=os.environ.get("CC", "cc"))
    parser.add_argument("--ggml", default=str(ROOT / "build" / "tests" / "ggml"))
    parser.add_argument("--ggml-flags", default="-ffp-contract=off")
    parser.add_argument("--count", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--golden")
    options = parser.parse_args()
    cc, rng = options.cc.split(), np.random.default_rng(options.seed)
    with tempfile.TemporaryDirectory() as folder:
        ours, ggml = our_library(cc, folder), None
        source = ggml_source(options.ggml)
        if source:
            ggml = ggml_library(cc, folder, source, *options.ggml_flags.split())
        else:
            print(f"skipped: all that is against ggml itself: no source in {SDIST}")
        if options.golden:
            return golden(ggml, options.golden, rng)
        tally = compare(ours, ggml, options, rng)
    print(f"{tally.blocks} blocks compared")
    print(f"{tally.passed} passed, {tally.failed} failed, {0 if ggml else 2 * len(TYPES)} skipped")
    return 1 if tally.failed else 0


if __name__ == "__main__":
    sys.exit(main())

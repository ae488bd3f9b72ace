#!/usr/bin/env python3
"""How time and memory grow with the largest inputs: a table for people to look at.

    tests/hostile/growth.py TRANSPLANT [--scale N]

Each input is made at half its size and whole; the tool looks at it. Printed are the seconds of
the processor, how many times those of the half, and the most memory, also against the file.
Memory beyond sixteen times the file fails; time is printed, not judged. --scale makes all
inputs N times smaller. The last line is `N passed, N failed, N skipped`.
"""

import argparse
import base64
import os
import random
import struct
import subprocess
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
import gguf_models as gguf  # noqa: E402
import tool  # noqa: E402

passed = failed = 0


def header(path, count):
    """A safetensors header of about 100 bytes a tensor."""
    entries = {f"model.layers.{i}.a_rather_long_name_of_a_tensor.weight": {
        "dtype": "U8", "shape": [1], "data_offsets": [i, i + 1]} for i in range(count)}
    path.write_bytes(tool.header_bytes(entries) + bytes(count))


def tokens(path, count):
    tokenizer = tool.byte_level_tokenizer([f"w{i:x}" for i in range(count)])
    tool.write_json(path, tokenizer)


def alike(path, count):
    """Long tokens that begin alike: a comparison of two reads nearly all of them."""
    tokenizer = tool.byte_level_tokenizer(["a" * 60 + f"{i:x}" for i in range(count)])
    tool.write_json(path, tokenizer)


def merges(path, count):
    tokenizer = tool.byte_level_tokenizer(["a", "b", "ab"])
    tokenizer["model"]["merges"] = ["a b"] * count
    tool.write_json(path, tokenizer)


def added(path, count):
    tokenizer = tool.byte_level_tokenizer(["a"])
    tokenizer["added_tokens"] = [tool.added(i + 1, f"<{i}>") for i in range(count)]
    tool.write_json(path, tokenizer)


def nested(path, count):
    path.write_text('{"x": ' + "[" * count + "]" * count + ', "model": {}}')


def escapes(path, count):
    """One string of escapes alone."""
    path.write_text('{"model": {"type": "BPE", "merges": [], "vocab": {"' + "\\u00e9" * count +
                    '": 0}}}')


def ranks(path, count):
    rng = random.Random(1)
    path.write_bytes(b"".join(base64.b64encode(rng.randbytes(9)) + b" %d\n" % i
                              for i in range(count)))


def colliding_blocks(low):
    """Two strings of 12 bytes that take FNV-1a from one state with that low byte to the same
    next one, and its low byte: see tests/test_hash.c, where it is shown that they do."""
    steps = (3, -13, 18, -2, -18, 12, -7, 8, 13, -16, 9, -3)

    def extend(a, b, one, two):
        if len(one) == len(steps):
            return one, two, a
        for begin in range(256):
            end = begin + steps[len(one)] + b - a
            found = 0 <= end < 256 and extend(begin * 0xb3 & 255, end * 0xb3 & 255,
                                              one + bytes([a ^ begin]), two + bytes([b ^ end]))
            if found:
                return found
        return None

    return extend(low, low, b"", b"")


def colliding(path, count):
    """Ranks of tokens that all have one hash by FNV-1a, whatever it begins with but for the
    low byte of its usual seed."""
    words, low = [b""], 0x25
    while len(words) < count:
        one, two, low = colliding_blocks(low)
        words = [word + block for word in words for block in (one, two)]
    path.write_bytes(b"".join(base64.b64encode(word) + b" %d\n" % i
                              for i, word in enumerate(words[:count])))


def keys(path, count):
    listed = gguf.base_keys()
    listed.update({f"general.key.{i}": (gguf.U32, i) for i in range(count)})
    gguf.write(path, listed, gguf.base_tensors())


def pieces(path, count):
    words = [f"w{i:x}" for i in range(count)]
    listed = gguf.donor_keys(words)
    gguf.write(path, listed, {"output_norm.weight": gguf.blocks(1, "F32", 256)})


INPUTS = [
    ("a safetensors header of 100 MB", "x.safetensors", header, 800000),
    ("1,000,000 tokens", "tokenizer.json", tokens, 1000000),
    ("500,000 tokens that begin alike", "tokenizer.json", alike, 500000),
    ("5,000,000 merges", "tokenizer.json", merges, 5000000),
    ("300,000 added tokens", "tokenizer.json", added, 300000),
    ("20,000,000 brackets", "tokenizer.json", nested, 20000000),
    ("a token of 50 MB, in escapes", "tokenizer.json", escapes, 8000000),
    ("1,000,000 ranks of tiktoken", "x.tiktoken", ranks, 1000000),
    ("131,072 ranks that collide by FNV-1a", "x.tiktoken", colliding, 131072),
    ("1,000,000 keys of GGUF", "x.gguf", keys, 1000000),
    ("1,000,000 pieces in GGUF", "x.gguf", pieces, 1000000),
]


def measured(command):
    """Status, error line, seconds of the processor and most KiB of a run."""
    with tempfile.TemporaryFile() as err:
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=err)
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        err.seek(0)
        said = err.read().decode(errors="replace")
    return process.returncode, said, usage.ru_utime + usage.ru_stime, usage.ru_maxrss


def made(make, path, count):
    """Makes an input in a process of its own: what a program is measured to need at most
    begins with the size of the process that starts it."""
    child = os.fork()
    if child == 0:
        make(path, count)
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 0


def grow(work, title, name, make, count):
    global passed, failed
    seconds = []
    for part in (2, 1):
        path = work / name
        made(make, path, count // part)
        size = path.stat().st_size
        status, said, took, most = measured([tool.TOOL, "inspect", str(path)])
        seconds.append(took)
        path.unlink()
    fine = status in (0, 1) and most * 1024 <= 16 * size + (64 << 20)
    if status == 1:
        errors = [line for line in said.splitlines() if "error:" in line]
        fine = fine and len(errors) == 1 and len(errors[0]) < 1000
    passed, failed = passed + fine, failed + (not fine)
    print(f"{title:37} {size / 1e6:8.1f} {'refused' if status else 'read':8} {took:8.2f} "
          f"{took / max(seconds[0], 0.01):6.1f} {most / 1024:8.0f} {most * 1024 / size:6.1f}"
          + ("" if fine else f"  FAILED, status {status}: {said[-300:]}"), flush=True)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("transplant")
    parser.add_argument("--scale", type=int, default=1)
    args = parser.parse_args()
    tool.TOOL = os.path.abspath(args.transplant)
    print(f"{'input':37} {'MB':>8} {'':8} {'seconds':>8} {'x half':>6} {'MiB':>8} {'x file':>6}")
    with tempfile.TemporaryDirectory(prefix="otx-growth-") as work:
        for title, name, make, count in INPUTS:
            grow(Path(work), title, name, make, count // args.scale)
    print(f"{passed} passed, {failed} failed, 0 skipped")
    return failed > 0


if __name__ == "__main__":
    sys.exit(main())

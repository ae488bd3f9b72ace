#!/usr/bin/env python3
"""Models of more than 4 GiB, their files sparse: what stands behind that is read, copied and
verified to the byte.

    large_files.py TOOL [--runner PROGRAM] [--refused] [CASE...]

PROGRAM starts the tool; wine is given paths as Windows has them. --refused is of a build whose
offsets have 32 bits: it must name what it cannot read or write, and leave nothing. An output
takes 4 GiB of disk, one at a time. Needs the standard library alone.
"""

import argparse
import json
import os
import shutil
import struct
import subprocess
import sys
import tempfile
from pathlib import Path

import gguf_models
import tool
from tool import Skip, Tensor, base_model, donor_model, header_bytes, read_safetensors, snapshot

cases, case = tool.cases()
EDGE = 1 << 32  # no offset of 32 bits leads to it
HOLE = EDGE + (1 << 20)
HOLE_NAME, GGUF_HOLE_NAME = "model.layers.7.hole", "blk.0.hole.weight"
CHUNK = 64 << 20
options = argparse.Namespace()


def path_for_tool(path):
    return "Z:" + str(path).replace("/", "\\") if options.runner == "wine" else str(path)


def call(*args, status=0):
    """Runs the tool, whose paths are pathlib's; what it printed, and its error."""
    words = [path_for_tool(a) if isinstance(a, Path) else str(a) for a in args]
    done = subprocess.run([*options.runner.split(), options.tool, *words],
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, timeout=600)
    done.out, done.err = (t.decode().replace("\r", "") for t in (done.stdout, done.stderr))
    assert done.returncode == status, f"status {done.returncode}, not {status}: {done.err}"
    assert status or done.out or "-q" in words, "nothing was printed: did it run?"
    return done


# ---- files with holes ------------------------------------------------------------------


def write_sparse(path, head, hole, rest, marks):
    """A file of a head, a hole with marks in it, and the rest; marks: offset -> bytes."""
    with open(path, "wb") as file:
        file.write(head)
        try:
            for at, mark in marks.items():
                file.seek(at)
                file.write(mark)
            file.seek(len(head) + hole)
            file.write(rest)
        except OSError:
            raise Skip("no files of that size here")
    if path.stat().st_blocks * 512 > hole // 2:
        path.unlink()
        raise Skip("no sparse files here")


def marks(first, hole):
    """Bytes that lie in the hole at `first`: on either side of the edge, and its last."""
    found = {first + hole - 4: b"last"}
    if first + hole > EDGE + 4:
        found[EDGE - 4] = b"at4GiB!!"
    return found


def with_hole(path, tensors, hole=HOLE):
    """A safetensors file whose first tensor is the hole."""
    header, at, data = {HOLE_NAME: {"dtype": "U8", "shape": [hole],
                                    "data_offsets": [0, hole]}}, hole, b""
    for name, t in tensors.items():
        header[name] = {"dtype": t.dtype, "shape": t.shape,
                        "data_offsets": [at, at + len(t.data)]}
        at, data = at + len(t.data), data + t.data
    head = header_bytes({"__metadata__": {"format": "pt"}, **header})
    write_sparse(path, head, hole, data, marks(len(head), hole))


class Nothing:
    """As long as a hole to the one who asks, and no byte to the one who writes it."""

    def __len__(self):
        return HOLE

    def __add__(self, bytes):
        return bytes


def gguf_with_hole(path, keys, tensors):
    hole = gguf_models.Block("F32", [1], b"")
    hole.shape, hole.data = [HOLE // 4], Nothing()
    gguf_models.write(path, keys, {GGUF_HOLE_NAME: hole, **tensors})
    whole = path.read_bytes()
    size = sum(len(t.data) + -len(t.data) % 32 for t in tensors.values())
    head, rest = whole[:len(whole) - size], whole[len(whole) - size:]
    write_sparse(path, head, HOLE, rest, marks(len(head), HOLE))


def same_bytes(a, a_at, b, b_at, size):
    with open(a, "rb") as first, open(b, "rb") as second:
        first.seek(a_at)
        second.seek(b_at)
        while size > 0:
            part = first.read(min(size, CHUNK))
            if not part or part != second.read(len(part)):
                return False
            size -= len(part)
    return True


def pair(here):
    return base_model().write(here / "base"), donor_model().write(here / "donor")


def transplant(here, base, donor, name="out"):
    out = here / name
    call(base, donor, out, "-q")
    return out


# ---- what lies beyond 4 GiB -----------------------------------------------------------


@case
def donor_behind_a_hole(here):
    base, donor = pair(here)
    wanted = snapshot(transplant(here, base, donor, "wanted"))
    with_hole(donor / "model.safetensors", donor_model().tensors)
    assert f"{HOLE:,}" in call("inspect", donor / "model.safetensors").out
    assert snapshot(transplant(here, base, donor)) == wanted


@case
def base_behind_a_hole(here):
    base, donor = pair(here)
    wanted = transplant(here, base, donor, "wanted") / "model.safetensors"
    with_hole(base / "model.safetensors", base_model().tensors)
    out = transplant(here, base, donor)
    made = out / "model.safetensors"
    with open(made, "rb") as file:
        size = struct.unpack("<Q", file.read(8))[0]
        header = json.loads(file.read(size))
        assert header.pop("__metadata__") == {"format": "pt"}
        begin, hole = 8 + size, header.pop(HOLE_NAME)
        assert hole["shape"] == [HOLE] and hole["dtype"] == "U8", hole
        found = {}
        for name, entry in header.items():
            first, end = entry["data_offsets"]
            file.seek(begin + first)
            found[name] = Tensor(entry["dtype"], entry["shape"], file.read(end - first))
    assert any(header[name]["data_offsets"][0] >= EDGE for name in header)
    assert {n: (t.dtype, t.shape, t.data) for n, t in found.items()} == \
        {n: (t.dtype, t.shape, t.data) for n, t in read_safetensors(wanted).items()}
    with open(base / "model.safetensors", "rb") as file:
        base_begin = 8 + struct.unpack("<Q", file.read(8))[0]
    assert same_bytes(base / "model.safetensors", base_begin, made,
                      begin + hole["data_offsets"][0], HOLE)
    call("verify", out)


@case
def gguf_donor_behind_a_hole(here):
    base, donor = here / "base.gguf", here / "donor.gguf"
    gguf_models.write(base, gguf_models.base_keys(), gguf_models.base_tensors())
    keys, tensors = gguf_models.donor_keys(), gguf_models.donor_tensors()
    gguf_models.write(donor, keys, tensors)
    wanted = transplant(here, base, donor, "wanted.gguf").read_bytes()
    gguf_with_hole(donor, keys, tensors)
    assert transplant(here, base, donor, "out.gguf").read_bytes() == wanted


@case
def gguf_base_behind_a_hole(here):
    base, donor = here / "base.gguf", here / "donor.gguf"
    gguf_models.write(donor, gguf_models.donor_keys(), gguf_models.donor_tensors())
    keys, tensors = gguf_models.base_keys(), gguf_models.base_tensors()
    gguf_models.write(base, keys, tensors)
    wanted = transplant(here, base, donor, "wanted.gguf")
    gguf_with_hole(base, keys, tensors)
    out = transplant(here, base, donor, "out.gguf")
    size = sum(len(t.data) + -len(t.data) % 32 for t in gguf_models.read(wanted)[1].values())
    base_size = sum(len(t.data) + -len(t.data) % 32 for t in tensors.values())
    assert same_bytes(wanted, wanted.stat().st_size - size, out,
                      out.stat().st_size - size, size)
    assert same_bytes(base, base.stat().st_size - base_size - HOLE, out,
                      out.stat().st_size - size - HOLE, HOLE)
    # A vocabulary so small has its fault, and nothing else is found.
    said = [call("verify", path, status=1).out for path in (wanted, out)]
    assert said[0].replace("wanted.gguf", "out.gguf") == said[1] and "241" in said[1], said


# ---- offsets of 32 bits ---------------------------------------------------------------


def refuse(here, base, donor, file, out="out"):
    """One line that names the file and the remedy, and nothing at OUT or beside it."""
    before = sorted(p.name for p in here.iterdir())
    error = call(base, donor, here / out, "-q", status=1).err
    assert error.count("\n") == 1 and error.startswith("transplant: error: "), error
    assert str(file) in error and "-D_FILE_OFFSET_BITS=64" in error, error
    assert sorted(p.name for p in here.iterdir()) == before, list(here.iterdir())


def too_large_to_read(here):
    base, donor = pair(here)
    with_hole(donor / "model.safetensors", donor_model().tensors)
    refuse(here, base, donor, donor / "model.safetensors")
    donor_model().write(here / "small")
    with_hole(base / "model.safetensors", base_model().tensors)
    refuse(here, base, here / "small", base / "model.safetensors")


def too_large_to_write(here):
    """The base is just below 2 GiB, and the output, which has more tokens, above."""
    base, donor = pair(here)
    small = (base / "model.safetensors").stat().st_size
    with_hole(base / "model.safetensors", base_model().tensors, (1 << 31) - small - 512)
    assert (base / "model.safetensors").stat().st_size < (1 << 31)
    refuse(here, base, donor, "model.safetensors")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("tool", type=os.path.abspath)
    parser.add_argument("chosen", nargs="*", metavar="CASE")
    parser.add_argument("--runner", default="")
    parser.add_argument("--refused", action="store_true")
    parser.parse_intermixed_args(namespace=options)
    work = Path(tempfile.mkdtemp(prefix="otx-large-"))
    if shutil.disk_usage(work).free < 2 * HOLE:
        work.rmdir()
        print("  skipped: less than 8 GiB of disk are free")
        print("0 passed, 0 failed, 1 skipped")
        return 0
    all_cases = [too_large_to_read, too_large_to_write] if options.refused else cases
    return tool.run([c for c in all_cases if not options.chosen or c.__name__ in options.chosen],
                    work)


if __name__ == "__main__":
    sys.exit(main())

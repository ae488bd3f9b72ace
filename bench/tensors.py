"""Read and write safetensors files as memory maps, with numpy alone.

Large benchmark files are filled and read in chunks, never held twice.
"""

import json
import struct

import numpy as np

DTYPES = {
    "F64": "<f8", "F32": "<f4", "F16": "<f2", "BF16": "<u2",
    "I64": "<i8", "I32": "<i4", "I16": "<i2", "I8": "i1",
    "U64": "<u8", "U32": "<u4", "U16": "<u2", "U8": "u1", "BOOL": "?",
}


def to_bf16(x):
    """Bits of finite float32 values rounded to bfloat16, ties to even."""
    bits = np.ascontiguousarray(x, np.float32).view(np.uint32)
    return ((bits + 0x7FFF + ((bits >> 16) & 1)) >> 16).astype(np.uint16)


def from_bf16(bits):
    return (bits.astype(np.uint32) << 16).view(np.float32)


def floats(array):
    """A part of a map as float32, whether it holds BF16 or not."""
    return from_bf16(array) if array.dtype == np.uint16 else np.asarray(array, np.float32)


def store(out, part, rows):
    """Puts rows into a part of a map of BF16 or F32."""
    out[part] = to_bf16(rows) if out.dtype == np.uint16 else rows


def header(path):
    """What a file says of its tensors, and where the first begins."""
    with open(path, "rb") as f:
        (size,) = struct.unpack("<Q", f.read(8))
        return json.loads(f.read(size)), 8 + size


def read(path):
    """Maps a file: ({name: array}, metadata). BF16 is widened to float32."""
    infos, start = header(path)
    metadata = infos.pop("__metadata__", {})
    tensors = {}
    for name, info in infos.items():
        begin, end = info["data_offsets"]
        if begin == end:
            tensors[name] = np.zeros(info["shape"], DTYPES[info["dtype"]])
            continue
        array = np.memmap(path, DTYPES[info["dtype"]], "r", start + begin, tuple(info["shape"]))
        tensors[name] = from_bf16(array) if info["dtype"] == "BF16" else array
    return tensors, metadata


def create(path, layout, metadata=None):
    """Lays out a file of {name: (dtype, shape)}; returns writable maps."""
    infos, end = {}, 0
    if metadata:
        infos["__metadata__"] = {k: str(v) for k, v in metadata.items()}
    for name, (dtype, shape) in layout.items():
        begin = end
        end += int(np.prod(shape, dtype=np.int64)) * np.dtype(DTYPES[dtype]).itemsize
        infos[name] = {"dtype": dtype, "shape": list(shape), "data_offsets": [begin, end]}
    text = json.dumps(infos).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as f:
        f.write(struct.pack("<Q", len(text)) + text)
        f.truncate(8 + len(text) + end)
    return {
        name: np.memmap(path, DTYPES[info["dtype"]], "r+",
                        8 + len(text) + info["data_offsets"][0], tuple(info["shape"]))
        for name, info in infos.items() if name != "__metadata__"
    }


def write(path, tensors, metadata=None):
    names = {np.dtype(v): k for k, v in DTYPES.items() if k != "BF16"}
    layout = {name: (names[a.dtype], a.shape) for name, a in tensors.items()}
    for name, target in create(path, layout, metadata).items():
        target[...] = tensors[name]

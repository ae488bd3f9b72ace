#!/usr/bin/env python3
"""Compares the reader and the writer of safetensors headers with the reference.

    compare_safetensors.py [--seed N] [--count N] [CC]

Builds print_safetensors.c, writes odd files (chosen ones, and random changes of
well-formed ones), and checks that both readers accept the same files and read the
same from them, and that both write the same header for the same tensors. The cases of the
reference's own tests and files made to attack readers are printed as a table, with both
verdicts. Where this project means to differ, a case names the reason, and the difference
itself is checked; any other fails.
Exits with 77 if the packages safetensors and numpy are missing.
"""
import argparse
import os
import random
import re
import struct
import subprocess
import sys
import tempfile

try:
    import numpy
    import safetensors
    import safetensors.numpy
except ImportError:
    print("skipped: no packages safetensors and numpy")
    sys.exit(77)

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
BITS = dict(BOOL=8, F4=4, F6_E2M3=6, F6_E3M2=6, U8=8, I8=8, F8_E5M2=8, F8_E4M3=8,
            F8_E8M0=8, F8_E4M3FNUZ=8, F8_E5M2FNUZ=8, I16=16, U16=16, F16=16, BF16=16,
            I32=32, U32=32, F32=32, C64=64, F64=64, I64=64, U64=64)


# Why this project rejects what the reference accepts. Nothing is accepted that it rejects.
TWICE = "a name twice: of two readers one may take the first, another the last"
KEY_TWICE = "a key of the metadata twice: likewise"
FIELDS = "no object: the reference's decoder takes the fields in order as well"
VARIANT = "no string: the reference's decoder takes the name of a type as a key as well"


def file(header, data=b"", size=None):
    if isinstance(header, str):
        header = header.encode("utf-8", "surrogatepass")
    if isinstance(data, int):
        data = bytes(data)
    return struct.pack("<Q", len(header) if size is None else size) + header + data


def entry(name, dtype, shape, begin, end, extra=""):
    return f'"{name}":{{"dtype":"{dtype}","shape":{shape},"data_offsets":[{begin},{end}]{extra}}}'


def one(dtype, shape, size, extra=""):
    return file("{" + entry("a", dtype, shape, 0, size, extra) + "}", size)


def chosen():
    """(what it is, bytes, why only this project rejects it, or None)"""
    same, stricter = [], []

    def add(what, data):
        same.append((what, data, None))

    def strict(what, data, reason):
        stricter.append((what, data, reason))

    for size in range(9):
        add(f"{size} zero bytes", bytes(size))
    add("header length beyond the file", b"<" + bytes(7))
    add("header length 2^64 - 1", b"\xff" * 8 + b"{}")
    add("header of 0 bytes", file(""))
    for text in ("{", "{}", "[]", "null", "1", '""', "{}\r \t\n", "  {}", "{}\0", "\0{}",
                 "\ufeff{}", "{},", "{}{}", "{}x", '{"a"}', '{"a":}', "{,}", "\x0c{}"):
        add("header " + repr(text), file(text))
    add("header \\xff", file(b"\xff"))
    add("invalid UTF-8 in a name",
        file(b'{"\xff":{"dtype":"U8","shape":[0],"data_offsets":[0,0]}}'))
    add("data without tensors", file("{}", 4))
    for dtype, bits in BITS.items():
        for elements in (0, 1, 2, 3, 4):
            add(f"{dtype} [{elements}]", one(dtype, [elements], elements * bits // 8))
        add(f"{dtype} []", one(dtype, [], bits // 8))
    for dtype in ("f32", "F33", "", "float32", "BF16 ", "F32\\u0000"):
        add(f"dtype {dtype!r}", one(dtype, [1], 4))
    add("dtype with an escape", one("F3\\u0032", [1], 4))
    for shape in ("[1e0]", "[1.0]", "[-1]", "[-0]", "[01]", '["1"]', "[true]", "[null]", "[+1]",
                  "[18446744073709551616]", "[18446744073709551615]", "1", "null", '"1"', "{}",
                  "[[1]]", "[1,]", "[,1]", "[1,1,1,1,1,1,1,1,1,1]", "[0x1]", "[1 ]", "[ 1\n]"):
        add("shape " + shape, one("U8", shape, 1))
    for shape in ("[0,9223372036854775808,4]", "[9223372036854775808,4,0]", "[0,0]",
                  "[18446744073709551615,0]", "[2,18446744073709551614]",
                  "[2,9223372036854775807]", "[2305843009213693952]", "[2305843009213693951]"):
        for dtype in ("U8", "I32", "F4"):
            add(f"{dtype} {shape} of 0 bytes", one(dtype, shape, 0))
    for offsets in ("[0]", "[0,1,2]", "[]", "[1,0]", "[0,-1]", "[0,1.0]", '["0","1"]', "null",
                    "[0,1e0]", "[0,18446744073709551616]", "[0,18446744073709551615]",
                    "[18446744073709551615,0]", "[1,2]", "[0,2]", "[0,0]", "{}"):
        add("data_offsets " + offsets,
            file('{"a":{"dtype":"U8","shape":[1],"data_offsets":%s}}' % offsets, 1))
    for fields in ("", '"dtype":"U8"', '"dtype":"U8","shape":[1]',
                   '"shape":[1],"data_offsets":[0,1]', '"dtype":"U8","data_offsets":[0,1]',
                   '"dtype":8,"shape":[1],"data_offsets":[0,1]',
                   '"dtype":null,"shape":[1],"data_offsets":[0,1]',
                   '"data_offsets":[0,1],"shape":[1],"dtype":"U8"',
                   '"dtype":"U8","dtype":"U8","shape":[1],"data_offsets":[0,1]',
                   '"dtype":"U8","shape":[1],"shape":[1],"data_offsets":[0,1]',
                   '"dtype":"U8","shape":[1],"data_offsets":[0,1],"data_offsets":[0,1]',
                   '"DTYPE":"U8","shape":[1],"data_offsets":[0,1]',
                   '"dt\\u0079pe":"U8","shape":[1],"data_offsets":[0,1]'):
        add("fields " + fields, file('{"a":{%s}}' % fields, 1))
    for value in ("1", "null", '"x"', "true"):
        add("entry " + value, file('{"a":%s}' % value, 1))
    strict("entry as array", file('{"a":["U8",[1],[0,1]]}', 1), FIELDS)
    strict("dtype as object",
           file('{"a":{"dtype":{"U8":null},"shape":[1],"data_offsets":[0,1]}}', 1), VARIANT)

    for value in ("1", "null", "1e999", "-1e999", "1e400", "1e308", "1e-999", "0e999999", "[1,2]",
                  "nul", "NaN", "Infinity", "-", "1.", ".5", "1e", "01", '"\\ud83d"', '"\\ude00"',
                  '"\\ud83d\\u0041"', '"\\ud83d\\ude00"', '"\\x"', '"\\u12g4"', '"a\tb"', '"\x7f"',
                  '"\\u0000"', "[", '{"x":{"y":[]}}', "1" + "0" * 308, "1" + "0" * 309,
                  "0." + "0" * 400 + "1e700", "0." + "0" * 400 + "1e720",
                  "1e99999999999999999999", "1e-99999999999999999999"):
        add("extra field " + value[:40], one("U8", [1], 1, ',"x":' + value))
    for depth in (100, 124, 125, 126, 127, 128, 130, 1000, 100000):
        add(f"{depth} nested arrays", one("U8", [1], 1, ',"x":' + "[" * depth + "]" * depth))
    add("nested arrays left open", one("U8", [1], 1, ',"x":' + "[" * 1000))

    tensor = entry("a", "U8", [1], 0, 1)
    for metadata in ("{}", '{"format":"pt"}', "null", '{"a":1}', '{"a":null}', "[]", '"x"', "1",
                     '{"":""}', '{"a\\u0000":"\\ud83d\\ude00"}', '{"a":"\\ud83d"}',
                     '{"a":{"b":"c"}}', '{"a":"b",}', '{"dtype":"U8"}'):
        add("metadata " + metadata, file('{"__metadata__":%s,%s}' % (metadata, tensor), 1))
        add("metadata last " + metadata, file('{%s,"__metadata__":%s}' % (tensor, metadata), 1))
        add("metadata alone " + metadata, file('{"__metadata__":%s}' % metadata))
    add("metadata in escapes", file('{"\\u005f_metadata__":{"a":"b"},%s}' % tensor, 1))
    add("metadata twice", file('{"__metadata__":{},"__metadata__":{},%s}' % tensor, 1))
    add("metadata twice, null", file('{"__metadata__":null,"__metadata__":null,%s}' % tensor, 1))
    strict("a metadata key twice", file('{"__metadata__":{"a":"b","a":"c"},%s}' % tensor, 1),
           KEY_TWICE)

    for name in ("", "\\u0000", "\\ud83d\\ude00", "a\\n", "\\u00e9", "\u00e9", "\U0001f600", "\\/",
                 "a" * 5000, "\x7f", "__metadata", "__metadata__\\u0000"):
        add("name " + name[:20], file("{" + entry(name, "U8", [1], 0, 1) + "}", 1))
    for name in ("\\ud83d", "\n", "\\"):
        add("name " + repr(name), file("{" + entry(name, "U8", [1], 0, 1) + "}", 1))

    def two(what, *entries, size):
        add(what, file("{" + ",".join(entries) + "}", size))

    two("in order", entry("a", "U8", [1], 0, 1), entry("b", "F32", [1], 1, 5), size=5)
    two("out of order", entry("b", "F32", [1], 1, 5), entry("a", "U8", [1], 0, 1), size=5)
    two("hole", entry("a", "U8", [1], 0, 1), entry("b", "U8", [1], 2, 3), size=3)
    two("overlap", entry("a", "U8", [2], 0, 2), entry("b", "U8", [2], 1, 3), size=3)
    two("same bytes", entry("a", "U8", [4], 0, 4), entry("b", "F32", [1], 0, 4), size=4)
    two("empty at the same offset", *(entry(f"t{i}", "F32", [0], 0, 0) for i in range(3)), size=0)
    two("empty at the end", entry("a", "U8", [4], 0, 4), entry("b", "F32", [0], 4, 4), size=4)
    two("empty inside", entry("a", "U8", [4], 0, 4), entry("b", "F32", [0], 2, 2), size=4)
    two("empty first", entry("b", "F32", [0, 7], 0, 0), entry("a", "U8", [4], 0, 4), size=4)
    two("one byte too many", entry("a", "U8", [4], 0, 4), size=5)
    two("one byte too few", entry("a", "U8", [4], 0, 4), size=3)
    strict("a name twice, first bogus",
           file("{" + entry("a", "U8", [9], 5, 7) + "," + entry("a", "U8", [1], 0, 1) + "}", 1),
           TWICE)
    return same + stricter


def vectors():
    """The reference's own tests of its reader, as files, then attacks on readers: (what it is,
    bytes, why only this project rejects it, or None)"""
    one_test = '{"test":{"dtype":"I32","shape":%s,"data_offsets":[%s]}}'
    square, sixty = one_test % ("[2,2]", "0,16"), struct.pack("<Q", 60)
    cases = [
        ("one F32", file('{"attn.0":{"dtype":"F32","shape":[1,2,3],"data_offsets":[0,24]}}', 24)),
        ("F4", file('{"attn.0":{"dtype":"F4","shape":[1,2],"data_offsets":[0,1]}}    ', 1)),
        ("F4, half a byte too many", one("F4", [1, 3], 2)),
        ("F4, a byte too many", one("F4", [1, 2], 2)),
        ("no tensors", file("{}      ")),
        ("no tensors, metadata", file('{"__metadata__":{"framework":"pt"}}     ')),
        ("header padded to 8 bytes", file(
            '{"attn0":{"dtype":"F32","shape":[1,1,2,3],"data_offsets":[0,24]}}       ', 24)),
        ("no dimensions", file(one_test % ("[]", "0,4"), 4)),
        ("I32 [2,2]", file(square, 16)),
        ("ten tensors in one place", file("{" + ",".join(
            entry(f"weight_{i}", "F32", [2, 2], 0, 16) for i in range(10)) + "}", 16)),
        ("more data than tensors", file(square, bytes(16) + b"extra_bogus_data_for_polyglot_file")),
        ("less data than tensors", file(square, 14)),
        ("header too large", sixty[:5] + b"\xff\xff\xff" + square.encode() + bytes(16)),
        ("empty file", b""),
        ("length alone", sixty),
        ("header not UTF-8", file(b"\xff")),
        ("header not JSON", file("{")),
        ("spaces behind the header", file("{}\r \t\n")),
        ("spaces before the header", file("\t\n{}\r ")),
        ("dimension of 0", file(one_test % ("[2,0]", "0, 0"))),
        ("fewer bytes than the shape", file(one_test % ("[2,2]", "0, 4"))),
        ("elements overflow", file(one_test % ("[2,18446744073709551614]", "0,16"), 16)),
        ("bytes overflow", file(one_test % ("[2,9223372036854775807]", "0,16"), 16)),
        ("header of 100,000,001 bytes", file(b"{}" + b" " * 99999999)),
        ("header of 100,000,000 bytes", file(b"{}" + b" " * 99999998)),
        ("metadata of 100 MB", file(
            b'{"__metadata__":{"very_large_metadata":"' + b"a" * 100000000 + b'"}}')),
        # attacks/ of the reference, with fewer tensors
        ("length beyond the file", file(square, 16, size=1000)),
        ("20,000 tensors in one place", file("{" + ",".join(
            entry(f"weight_{i}", "F32", [200, 200], 0, 160000) for i in range(20000)) + "}",
            160000)),
    ]
    attacks = {
        "length 2^63": b"\0" * 7 + b"\x80" + b"{}",
        "length 2^64 - 8": b"\xf8" + b"\xff" * 7 + b"{}",
        "offsets beyond the data": file(one_test % ("[2,2]", "16,32"), 16),
        "offsets near 2^64": file(one_test % (
            "[2,2]", "18446744073709551600,18446744073709551616"), 16),
        "offsets that wrap around": file(one_test % (
            "[2,2]", "18446744073709551608,8"), 16),
        "offsets in reverse": file(one_test % ("[2,2]", "16,0"), 16),
        "negative offsets": file(one_test % ("[2,2]", "-16,0"), 16),
        "offsets with fractions": file(one_test % ("[2,2]", "0.0,16.0"), 16),
        "three offsets": file(one_test % ("[2,2]", "0,8,16"), 16),
        "overlap of one byte": file("{" + entry("a", "U8", [4], 0, 4) + "," +
                                    entry("b", "U8", [4], 3, 7) + "}", 7),
        "hole at the start": file("{" + entry("a", "U8", [4], 4, 8) + "}", 8),
        "hole in the middle": file("{" + entry("a", "U8", [4], 0, 4) + "," +
                                   entry("b", "U8", [4], 5, 9) + "}", 9),
        "hole that a tensor without bytes fills": file(
            "{" + entry("a", "U8", [4], 0, 4) + "," + entry("z", "U8", [0], 4, 5) + "," +
            entry("b", "U8", [4], 5, 9) + "}", 9),
        "no bytes, far away": file("{" + entry("a", "U8", [0], 99, 99) + "}"),
        "no bytes, in the middle of another": file(
            "{" + entry("a", "U8", [4], 0, 4) + "," + entry("z", "U8", [0], 2, 2) + "}", 4),
        "0 times 2^64 - 1": one("U8", "[0,18446744073709551615,18446744073709551615]", 0),
        "2^64 - 1 times 2 times 0": one("U8", "[18446744073709551615,2,0]", 0),
        "bits overflow, bytes do not": one("F64", [2 ** 58], 2 ** 61 % 97),
        "2^32 times 2^32": one("U8", [2 ** 32, 2 ** 32], 0),
        "10,000 dimensions": one("U8", "[" + ",".join(["1"] * 10000) + "]", 1),
        "NaN as dimension": one("U8", "[NaN]", 1), "Infinity as offset": file(
            one_test % ("[2,2]", "0,Infinity"), 16),
        "NaN in a field that is passed over": one("U8", [1], 1, ',"x":NaN'),
        "null as dimension": one("U8", "[null]", 1), "text as dimension": one("U8", '["1"]', 1),
        "hexadecimal": one("U8", "[0x1]", 1), "octal": one("U8", "[01]", 1),
        "dimension 1e0": one("U8", "[1e0]", 1), "dimension -0": one("U8", "[-0]", 1),
        "dimension 2^64": one("U8", "[18446744073709551616]", 1),
        "metadata with a number": file('{"__metadata__":{"a":1}}'),
        "metadata with null": file('{"__metadata__":{"a":null}}'),
        "metadata with an object": file('{"__metadata__":{"a":{}}}'),
        "metadata a list": file('{"__metadata__":["a"]}'),
        "metadata null": file('{"__metadata__":null}'),
        "metadata that is a tensor": file("{" + entry("__metadata__", "U8", [1], 0, 1) + "}", 1),
        "metadata twice": file('{"__metadata__":{"a":"b"},"__metadata__":{"a":"c"}}'),
        "tensors out of order": file("{" + entry("b", "F32", [1], 1, 5) + "," +
                                     entry("a", "U8", [1], 0, 1) + "}", 5),
        "type in small letters": one("f32", [1], 4), "type that is none": one("F128", [1], 16),
        "type with NUL": one("F32\\u0000", [1], 4), "type a number": file(
            '{"a":{"dtype":8,"shape":[1],"data_offsets":[0,1]}}', 1),
        "no shape": file('{"a":{"dtype":"U8","data_offsets":[0,1]}}', 1),
        "a field twice": file(
            '{"a":{"dtype":"U8","shape":[9],"shape":[1],"data_offsets":[0,1]}}', 1),
        "NULs behind the header": file("{}\0\0\0\0\0\0"), "mark of byte order": file("\ufeff{}"),
        "UTF-16": file("{}".encode("utf-16-le")), "comment": file("{/**/}"),
        "comma at the end": file("{" + entry("a", "U8", [1], 0, 1) + ",}", 1),
        "single quotes": file("{'a':1}"), "a list": file("[]"), "two objects": file("{}{}"),
        "overlong UTF-8 in a name": file(
            b'{"\xc0\xaf":{"dtype":"U8","shape":[0],"data_offsets":[0,0]}}'),
        "a surrogate in UTF-8": file(
            b'{"\xed\xa0\x80":{"dtype":"U8","shape":[0],"data_offsets":[0,0]}}'),
        "half a pair of surrogates": file("{" + entry("\\ud800", "U8", [0], 0, 0) + "}"),
        "beyond Unicode": file(
            b'{"\xf4\x90\x80\x80":{"dtype":"U8","shape":[0],"data_offsets":[0,0]}}'),
        "control character in a name": file("{" + entry("\x01", "U8", [0], 0, 0) + "}"),
        "NUL in a name": file("{" + entry("a\\u0000b", "U8", [0], 0, 0) + "}"),
        "name that is a path": file("{" + entry("../../../etc/passwd", "U8", [0], 0, 0) + "}"),
        "name of an object's own": file("{" + entry("__proto__", "U8", [0], 0, 0) + "}"),
        "no name": file("{" + entry("", "U8", [0], 0, 0) + "}"),
        "name of 1 MB": file("{" + entry("n" * 1000000, "U8", [0], 0, 0) + "}"),
        "128 lists in one another": one("U8", [1], 1, ',"x":' + "[" * 128 + "]" * 128),
        "1,000,000 lists in one another": one(
            "U8", [1], 1, ',"x":' + "[" * 10 ** 6 + "]" * 10 ** 6),
        "number of 1,000,000 digits": one("U8", [1], 1, ',"x":' + "1" * 10 ** 6),
        "number beyond double": one("U8", [1], 1, ',"x":1e400'),
        "ZIP archive behind the data": file(square, bytes(16) + b"PK\x05\x06" + bytes(18)),
        "pickle": b"\x80\x02}q\x00.", "GGUF": b"GGUF\x03\0\0\0" + bytes(16),
    }
    differ = {
        "a name twice": (file("{" + entry("w", "U8", [4], 0, 4) + "," +
                              entry("w", "F32", [1], 0, 4) + "}", 4), TWICE),
        "a name twice, in escapes": (file("{" + entry("a", "U8", [1], 0, 1) + "," + entry(
            "\\u0061", "U8", [1], 0, 1) + "}", 1), TWICE),
        "a key of the metadata twice": (file('{"__metadata__":{"a":"b","a":"c"}}'), KEY_TWICE),
        "a tensor as a list": (file('{"a":["U8",[1],[0,1]]}', 1), FIELDS),
        "a type as an object": (file(
            '{"a":{"dtype":{"U8":null},"shape":[1],"data_offsets":[0,1]}}', 1), VARIANT),
    }
    return ([(what, data, None) for what, data in [*cases, *attacks.items()]] +
            [(what, data, reason) for what, (data, reason) in differ.items()])


def well_formed(rng):
    """A file with a few tensors, as text that stands changes well."""
    entries, at = [], 0
    for i in range(rng.randrange(4)):
        dtype = rng.choice(list(BITS))
        shape = [rng.choice((0, 1, 2, 4, 8)) for _ in range(rng.randrange(4))]
        elements = 1
        for n in shape:
            elements *= n
        size = elements * BITS[dtype] // 8
        entries.append(entry(f"t{i}", dtype, shape, at, at + size))
        at += size
    rng.shuffle(entries)
    if rng.random() < 0.3:
        entries.insert(0, '"__metadata__":{"format":"pt"}')
    return ("{" + ",".join(entries) + "}").encode(), at


def changed(rng):
    header, size = well_formed(rng)
    pieces = [b"0", b"1", b"9", b"-", b".", b"e", b'"', b"\\", b"[", b"]", b"{", b"}", b",", b":",
              b" ", b"\n", b"\0", b"\xff", b"null", b"\\u0000", b"\\ud800", b"4", b"16", b"U8"]
    for _ in range(rng.choice((0, 1, 1, 1, 2, 3))):
        at = rng.randrange(len(header) + 1)
        way = rng.randrange(4)
        if way == 0:
            header = header[:at] + header[at + 1:]
        elif way == 1:
            header = header[:at] + rng.choice(pieces) + header[at:]
        elif way == 2:
            header = header[:at] + rng.choice(pieces) + header[at + 1:]
        else:
            end = min(len(header), at + rng.randrange(1, 30))
            header = header[:end] + header[at:end] + header[end:]
    return file(header, max(0, size + rng.choice((0, 0, 0, 0, 0, 0, 0, 0, 1, -1))))


def written(rng):
    """A file as the reference writes it, of odd names and shapes."""
    letters = ["a", "B", "0", ".", "_", '"', "\\", "/", "\n", "\0", "\x1b", "\x7f", "\u00e9",
               "\u2581", "\U0001f600", " "]
    types = ["bool", "uint8", "int8", "int16", "uint16", "float16", "int32", "uint32", "float32",
             "complex64", "float64", "int64", "uint64"]
    tensors = {}
    for _ in range(rng.randrange(12)):
        name = "".join(rng.choice(letters) for _ in range(rng.randrange(6)))
        shape = [rng.choice((0, 1, 2, 3, 5)) for _ in range(rng.randrange(4))]
        tensors[name] = numpy.full(shape, rng.randrange(2), rng.choice(types))
    metadata = rng.choice((None, {"format": "pt"}, {"".join(rng.choices(letters, k=4)): "\t\"x"}))
    return safetensors.numpy.save(tensors, metadata)


def reference(path, data):
    """Why it is rejected, as text, or {name: (dtype, shape, bytes)} and the metadata."""
    try:
        tensors = dict(safetensors.deserialize(data))
    except safetensors.SafetensorError as error:
        return str(error)
    tensors = {name: (t["dtype"], list(t["shape"]), bytes(t["data"]))
               for name, t in tensors.items()}
    with safetensors.safe_open(path, "np") as opened:
        return tensors, opened.metadata() or {}


def ours(lines, data):
    tensors, metadata = {}, {}
    for line in lines:
        kind, *words = line.split(" ")
        if kind == "tensor":
            name, dtype, shape, begin, end = words
            shape = [int(n) for n in shape[1:-1].split(",") if n]
            tensors[text(name)] = (dtype, shape, data[int(begin):int(end)])
        elif kind == "metadata":
            metadata[text(words[0])] = text(words[1])
    return tensors, metadata


def text(quoted):
    return bytes.fromhex(quoted[1:-1]).decode()


def row(case, verdict, wanted):
    """A row of the table: both verdicts, and why they differ or what the reference says."""
    ours, theirs = (("accepts", "rejects")[bad]
                    for bad in (verdict[0] != "accept", isinstance(wanted, str)))
    why = case[2] or (wanted if isinstance(wanted, str) else "")
    why = re.sub(r"[^ -~]", "?", why.replace("Error while deserializing: ", ""))
    print(f"  {case[0]:40} {ours:8} {theirs:8} {why[:90]}")


def check(case, verdict, wanted):
    """None, or in what way the two differ."""
    what, data, reason = case
    accepted, rejected = verdict[0] == "accept", isinstance(wanted, str)
    if reason:
        if rejected:
            return "the reference rejects it too, by now"
        return "accepted, but is meant to be rejected" if accepted else None
    if rejected:
        return "accepted, but the reference rejects it" if accepted else None
    if not accepted:
        # A random change can repeat a name or a key: the one difference that is meant.
        if what == "random" and "occurs twice" in verdict[0]:
            return None
        return f"the reference accepts it, but: {verdict[0]}"
    seen = ours(verdict[1:-1], data)
    if seen != wanted:
        return f"read as {seen}, not {wanted}"
    if what == "written":
        header = data[:8 + struct.unpack("<Q", data[:8])[0]]
        if verdict[-1] != f'layout "{header.hex()}"':
            return f"written as {verdict[-1]}, not {header!r}"
    return None


def run(program, directory, cases):
    """Yields a case, its file and what print_safetensors says of it."""
    paths = []
    for i, case in enumerate(cases):
        paths.append(os.path.join(directory, str(i)))
        with open(paths[-1], "wb") as stream:
            stream.write(case[1])
    output = subprocess.run([program, *paths], capture_output=True, text=True)
    if output.returncode:
        sys.exit(f"print_safetensors ended with {output.returncode}: {output.stderr}")
    verdicts = re.split(r"^(?=accept|reject)", output.stdout, flags=re.M)[1:]
    if len(verdicts) != len(cases):
        sys.exit(f"{len(verdicts)} verdicts for {len(cases)} files")
    for case, path, verdict in zip(cases, paths, verdicts):
        yield case, path, verdict.rstrip("\n").split("\n")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("cc", nargs="?", default=os.environ.get("CC", "cc"))
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--count", type=int, default=4000)
    options = parser.parse_args()
    rng = random.Random(options.seed)
    listed = vectors()
    cases = listed + chosen() + [("random", changed(rng), None) for _ in range(options.count)]
    cases += [("written", written(rng), None) for _ in range(options.count // 10)]
    failed = accepted = 0
    with tempfile.TemporaryDirectory() as directory:
        program = os.path.join(directory, "print_safetensors")
        subprocess.run([*options.cc.split(), "-O1", "-o", program,
                        os.path.join(ROOT, "tests", "print_safetensors.c"), "-lm"], check=True)
        print(f"  {'':40} {'we':8} {safetensors.__version__:8}")
        for start in range(0, len(cases), 500):
            part = run(program, directory, cases[start:start + 500])
            for i, (case, path, verdict) in enumerate(part, start):
                wanted = reference(path, case[1])
                problem = check(case, verdict, wanted)
                if i < len(listed):
                    row(case, verdict, wanted)
                accepted += verdict[0] == "accept"
                if problem:
                    failed += 1
                    print(f"  FAILED {case[0]}: {problem}\n    {case[1][:400]!r}")
    print(f"of {len(cases)} files {accepted} are accepted by both")
    print(f"{len(cases) - failed} passed, {failed} failed, 0 skipped")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())

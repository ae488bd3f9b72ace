"""GGUF files for the tests: a writer, a reader that checks as it goes, and the small models of
tool.py in that form. Needs the standard library alone.
"""

import random
import struct

from tool import BASE_WORDS, DONOR_WORDS, noise

# Numbers of values' types.
U8, I8, U16, I16, U32, I32, F32, BOOL, STRING, ARRAY, U64, I64, F64 = range(13)
CODES = dict(zip((U8, I8, U16, I16, U32, I32, F32, BOOL, U64, I64, F64), "BbHhIif?Qqd"))

# ggml's types: number, elements and bytes of a block, and where in it F16 numbers stand.
TYPES = {"F32": (0, 1, 4, ()), "F16": (1, 1, 2, (0,)), "Q4_0": (2, 32, 18, (0,)),
         "Q4_1": (3, 32, 20, (0, 2)), "Q5_0": (6, 32, 22, (0,)), "Q5_1": (7, 32, 24, (0, 2)),
         "Q8_0": (8, 32, 34, (0,)), "Q2_K": (10, 256, 84, (80, 82)), "Q3_K": (11, 256, 110, (108,)),
         "Q4_K": (12, 256, 144, (0, 2)), "Q5_K": (13, 256, 176, (0, 2)),
         "Q6_K": (14, 256, 210, (208,)), "IQ4_NL": (20, 32, 18, (0,)),
         "IQ3_S": (21, 256, 110, (0,)), "IQ4_XS": (23, 256, 136, (0,)),
         "I32": (26, 1, 4, ()), "I64": (27, 1, 8, ()),
         "BF16": (30, 1, 2, ()), "MXFP4": (39, 32, 17, ())}
NAMES = {row[0]: name for name, row in TYPES.items()}


class Block:
    """A tensor as its bytes: shape has rows before columns, as everywhere but in ggml."""

    def __init__(self, kind, shape, data):
        self.kind, self.shape, self.data = kind, list(shape), bytes(data)
        self.width = len(self.data) // shape[0]

    def row(self, i):
        return self.data[i * self.width:(i + 1) * self.width]


def blocks(seed, kind, *shape):
    """Random blocks whose scales are small numbers."""
    if kind in ("F32", "F16", "BF16"):
        return Block(kind, shape, noise(seed, kind, *shape).data)
    _, elements, size, scales = TYPES[kind]
    assert shape[-1] % elements == 0
    count = shape[-1] // elements
    for n in shape[:-1]:
        count *= n
    pick = random.Random(seed)
    data = bytearray(pick.randbytes(count * size))
    for at in range(0, len(data), size):
        for scale in scales:
            data[at + scale:at + scale + 2] = struct.pack("<e", pick.uniform(0.005, 0.02))
        if kind == "MXFP4":
            data[at] = pick.randrange(118, 124)
    return Block(kind, shape, data)


# ---- files -----------------------------------------------------------------------------


def text(string):
    raw = string if isinstance(string, bytes) else string.encode()
    return struct.pack("<Q", len(raw)) + raw


def element(kind, value):
    return text(value) if kind == STRING else struct.pack("<" + CODES[kind], value)


def write(path, keys, tensors, alignment=32):
    """keys: name -> (type, value) or (type, [values])."""
    out = bytearray(struct.pack("<4sIQQ", b"GGUF", 3, len(tensors), len(keys)))
    for name, (kind, value) in keys.items():
        out += text(name)
        if isinstance(value, list):
            out += struct.pack("<IIQ", ARRAY, kind, len(value))
            out += b"".join(element(kind, v) for v in value)
        else:
            out += struct.pack("<I", kind) + element(kind, value)
    at = 0
    for name, t in tensors.items():
        out += text(name) + struct.pack("<I", len(t.shape))
        out += struct.pack(f"<{len(t.shape)}Q", *reversed(t.shape))
        out += struct.pack("<IQ", TYPES[t.kind][0], at)
        at += len(t.data) + -len(t.data) % alignment
    out += bytes(-len(out) % alignment)
    for t in tensors.values():
        out += t.data + bytes(-len(t.data) % alignment)
    path.write_bytes(out)
    return path


class Reader:
    def __init__(self, raw):
        self.raw, self.at = raw, 0

    def take(self, code):
        values = struct.unpack_from("<" + code, self.raw, self.at)
        self.at += struct.calcsize("<" + code)
        return values[0]

    def string(self):
        size = self.take("Q")
        self.at += size
        return self.raw[self.at - size:self.at]

    def value(self, kind):
        if kind == STRING:
            return self.string()
        if kind != ARRAY:
            return self.take(CODES[kind])
        kind, count = self.take("I"), self.take("Q")
        return [self.value(kind) for _ in range(count)]


def read(path):
    """Keys, name -> (type, value) with strings as bytes, and tensors; both in order."""
    r = Reader(path.read_bytes())
    assert r.take("4s") == b"GGUF" and r.take("I") == 3
    tensor_count, key_count = r.take("Q"), r.take("Q")
    keys, entries, tensors = {}, [], {}
    for _ in range(key_count):
        name, kind = r.string().decode(), r.take("I")
        assert name and name not in keys
        element_kind = struct.unpack_from("<I", r.raw, r.at)[0] if kind == ARRAY else kind
        keys[name] = (element_kind, r.value(kind))
    alignment = keys.get("general.alignment", (U32, 32))[1]
    for _ in range(tensor_count):
        name = r.string().decode()
        shape = [r.take("Q") for _ in range(r.take("I"))][::-1]
        entries.append((name, shape, NAMES[r.take("I")], r.take("Q")))
    begin, at = r.at + -r.at % alignment, 0
    assert not any(r.raw[r.at:begin])
    for name, shape, kind, offset in entries:
        _, elements, size, _ = TYPES[kind]
        count = 1
        for n in shape:
            count *= n
        size *= count // elements
        assert offset == at and name not in tensors, name
        end = begin + at + size
        tensors[name] = Block(kind, shape, r.raw[begin + at:end])
        at += size + -size % alignment
        assert not any(r.raw[end:begin + at]), f"zeros behind {name}"
    assert len(r.raw) == begin + at
    return keys, tensors


# ---- the models of tool.py ---------------------------------------------------------------

EMBED, HEAD = "token_embd.weight", "output.weight"


def base_keys(words=BASE_WORDS):
    tokens = list(words) + ["<|begin|>", "<|end|>"]
    n = len(tokens)
    return {"general.architecture": (STRING, "llama"), "general.name": (STRING, "base"),
            "llama.block_count": (U32, 1), "llama.vocab_size": (U32, n),
            "tokenizer.ggml.model": (STRING, "gpt2"), "tokenizer.ggml.pre": (STRING, "smollm"),
            "tokenizer.ggml.tokens": (STRING, tokens),
            "tokenizer.ggml.token_type": (I32, [1] * (n - 2) + [3, 3]),
            "llama.embedding_length": (U32, 256),
            "tokenizer.ggml.merges": (STRING, ["a b", "c d"]),
            "tokenizer.ggml.bos_token_id": (U32, n - 2),
            "tokenizer.ggml.eos_token_id": (U32, n - 1),
            "tokenizer.ggml.fim_pre_token_id": (U32, 3),
            "tokenizer.ggml.suppress_tokens": (I32, [1, 2]),
            "tokenizer.ggml.token_type_count": (U32, 2),
            "tokenizer.chat_template": (STRING, "the base's <|begin|>"),
            "x.last": (F64, 1.5)}


def base_tensors(kind="F32", head="F32", hidden=256, words=BASE_WORDS):
    rows = len(words) + 2
    tensors = {"blk.0.attn_q.weight": blocks(2, "Q4_K" if hidden % 256 == 0 else "F32", 8, hidden),
               EMBED: blocks(1, kind, rows, hidden),
               "blk.0.odd.weight": blocks(3, "F16", 3, 7),
               "output_norm.weight": blocks(4, "F32", hidden),
               "blk.0.ffn_up_exps.weight": blocks(8, "IQ3_S", 2, 256)}
    if head:
        tensors[HEAD] = blocks(5, head, rows, hidden)
    tensors["rope_freqs.weight"] = blocks(6, "F32", 5)
    return tensors


def donor_keys(words=DONOR_WORDS):
    tokens = ["<unk>", "<s>", "</s>"] + list(words)
    kinds = [2, 3, 3] + [6 if w.startswith("<0x") else 1 for w in words]
    return {"general.architecture": (STRING, "gemma"), "gemma.vocab_size": (U32, len(tokens)),
            "tokenizer.ggml.model": (STRING, "llama"),
            "tokenizer.ggml.tokens": (STRING, tokens),
            "tokenizer.ggml.scores": (F32, [-float(i) for i in range(len(tokens))]),
            "tokenizer.ggml.token_type": (I32, kinds),
            "tokenizer.ggml.bos_token_id": (U32, 1), "tokenizer.ggml.eos_token_id": (U32, 2),
            "tokenizer.ggml.unknown_token_id": (U32, 0),
            "tokenizer.ggml.add_bos_token": (BOOL, True),
            "tokenizer.ggml.newer_than_this": (STRING, "kept"),
            "tokenizer.ggml.token_type_count": (U32, 7),
            "tokenizer.chat_template": (STRING, "the donor's <s>")}


def donor_tensors(kind="F32", hidden=64, tied=False, words=DONOR_WORDS):
    rows = len(words) + 3
    tensors = {EMBED: blocks(15, kind, rows, hidden),
               "output_norm.weight": blocks(16, "F32", hidden)}
    if not tied:
        tensors[HEAD] = blocks(17, kind, rows, hidden)
    return tensors

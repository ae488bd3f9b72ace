#!/usr/bin/env python3
"""Writes the seeds of the fuzz targets: seeds.py DIRECTORY makes DIRECTORY/TARGET/NAME."""
import base64
import json
import os
import struct
import sys

SEEDS = {}


def seed(target, name, data):
    SEEDS.setdefault(target, {})[name] = data.encode() if isinstance(data, str) else data


# ---- JSON

for number, text in enumerate([
        "{}", "[]", "null", "-12.5e+3", '"\\u00e9\\ud83d\\ude00\\n"', "[1,[2,[3,{}]]]", " [NaN] ",
        '{"vocab_size": 10, "a": {"b": [true, false, null]}, "a": "last"}',
        '{\n  "eos_token_id": [1, 2],\n  "text_config": {"vocab_size": 3}\n}\n',
        "[" * 40 + "]" * 40, "[179769313486231580793" + "0" * 289 + "]", '"é▁日本"']):
    seed("json", str(number), text)

# ---- safetensors


def safetensors(header, data=b"", size=None):
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(text) if size is None else size) + text + data


def tensor(dtype, shape, begin, end):
    return {"dtype": dtype, "shape": shape, "data_offsets": [begin, end]}


for name, data in {
        "empty": safetensors({}),
        "one": safetensors({"a": tensor("F32", [1, 2], 0, 8)}, bytes(8)),
        "many": safetensors({"__metadata__": {"format": "pt"}, "b": tensor("BF16", [2], 0, 4),
                             "a.weight": tensor("U8", [3], 4, 7), "é": tensor("I64", [], 7, 15),
                             "none": tensor("F16", [0, 4], 15, 15)}, bytes(15)),
        "small": safetensors({"f4": tensor("F4", [2, 3], 0, 3), "f8": tensor("F8_E4M3", [5], 3, 8)},
                             bytes(8)),
        "space": safetensors(b' {"a":{"dtype":"C64","shape":[1],"data_offsets":[0,8]}}  ',
                             bytes(8)),
        "overlap": safetensors({"a": tensor("U8", [4], 0, 4), "b": tensor("U8", [4], 0, 4)},
                               bytes(4)),
        "short": safetensors({"a": tensor("U8", [4], 0, 4)}, bytes(3)),
        "huge": safetensors({"a": tensor("U8", [2 ** 63, 4, 0], 0, 0)}),
        "long": safetensors({}, size=2 ** 40)}.items():
    seed("safetensors", name, data)

# ---- GGUF


def sized(text):
    data = text if isinstance(text, bytes) else text.encode()
    return struct.pack("<Q", len(data)) + data


def key(name, kind, value):
    return sized(name) + struct.pack("<I", kind) + value


def array(name, kind, values, count=None):
    count = len(values) if count is None else count
    return key(name, 9, struct.pack("<IQ", kind, count) + b"".join(values))


def u32(value):
    return struct.pack("<I", value)


def entry(name, ne, kind, offset):
    return sized(name) + struct.pack(f"<I{len(ne)}QIQ", len(ne), *ne, kind, offset)


def gguf(keys=(), entries=(), data=b"", version=3, alignment=32, counts=None):
    tensors, values = counts or (len(entries), len(keys))
    head = b"GGUF" + struct.pack("<IQQ", version, tensors, values) + b"".join(keys)
    head += b"".join(entries)
    return head + (bytes(-len(head) % alignment) + data if entries else b"")


ARCH = key("general.architecture", 8, sized("llama"))
KINDS = [(0, 1), (1, 1), (2, 2), (3, 2), (4, 4), (5, 4), (6, 4), (7, 1), (10, 8), (11, 8), (12, 8)]
for name, data in {
        "empty": gguf(),
        "v2": gguf([ARCH], version=2),
        "v1": gguf([ARCH], version=1),
        "big": b"GGUF" + struct.pack(">IQQ", 3, 0, 0),
        "values": gguf([key("k" + str(k), k, bytes([200] * n)) for k, n in KINDS]),
        "arrays": gguf([array("k" + str(k), k, [bytes([129] * n)] * 3) for k, n in KINDS]),
        "model": gguf([ARCH, array("tokenizer.ggml.tokens", 8,
                                   [sized(""), sized(b"\xff"), sized("▁a")]),
                       array("tokenizer.ggml.scores", 6, [struct.pack("<f", 0.5)] * 3),
                       array("tokenizer.ggml.token_type", 5, [u32(1)] * 3),
                       key("tokenizer.ggml.add_bos_token", 7, b"\1")],
                      [entry("token_embd.weight", [32, 3], 8, 0), entry("n", [2], 0, 128),
                       entry("e", [0, 5, 2, 3], 1, 160), entry("s", [], 30, 160)], bytes(162)),
        "types": gguf([], [entry(f"t{i}", [0], i, 0) for i in (0, 1, 2, 7, 9, 15, 29, 35, 42)]),
        "aligned": gguf([key("general.alignment", 4, u32(64))],
                        [entry("a", [3], 24, 0), entry("b", [256], 14, 64)], bytes(274),
                        alignment=64),
        "split": gguf([key("split.no", 2, b"\0\0"), key("split.count", 2, b"\2\0"),
                       key("split.tensors.count", 5, u32(2))], [entry("a", [1], 0, 0)], bytes(4)),
        "twice": gguf([ARCH, ARCH]),
        "nested": gguf([array("a", 9, [array("b", 4, [])])]),
        "hole": gguf([], [entry("a", [1], 0, 0), entry("b", [1], 0, 64)], bytes(96)),
        "huge": gguf([], [entry("a", [2 ** 62, 2 ** 62], 0, 0)]),
        "lie": gguf([array("a", 8, [], 2 ** 30)]),
        "many": gguf(counts=(2 ** 63, 2 ** 63))}.items():
    seed("gguf", name, data)


def vocabulary(kind, tokens, types, *more, merges=(), scores=True):
    keys = [ARCH, key("tokenizer.ggml.model", 8, sized(kind)),
            array("tokenizer.ggml.tokens", 8, [sized(token) for token in tokens]),
            array("tokenizer.ggml.token_type", 5, [u32(kind) for kind in types])]
    if scores:
        keys.append(array("tokenizer.ggml.scores", 6,
                          [struct.pack("<f", -i) for i in range(len(tokens))]))
    if merges:
        keys.append(array("tokenizer.ggml.merges", 8, [sized(merge) for merge in merges]))
    return gguf(keys + list(more))


SPECIAL = [key("tokenizer.ggml.bos_token_id", 4, u32(3)),
           key("tokenizer.ggml.unknown_token_id", 4, u32(9)),
           key("tokenizer.chat_template", 8, sized("<unused1><s>")),
           key("tokenizer.ggml.pre", 8, sized("llama-bpe"))]
for name, data in {
        "bytes": vocabulary("gpt2", ["a", "b", "Ġ", "<s>", "ab", "Ġa", "é", "two words",
                                     "<unused1>", "[PAD9]", b"\xff\xc3"],
                            [1, 1, 1, 3, 1, 1, 1, 4, 3, 5, 1], *SPECIAL,
                            merges=["a b", "Ġ a", "x", " y", ""], scores=False),
        "pieces": vocabulary("llama", ["<unk>", "a", "▁", "<s>", "▁a", "<0x41>", "  ", b"\xe2\x96"],
                             [2, 1, 1, 3, 1, 6, 4, 1], *SPECIAL),
        "words": vocabulary("bert", ["▁un", "able", "[UNK]", "[CLS]", "▁[unused1]", "▁▁",
                                     "▁[PAD6]"], [1, 1, 3, 3, 1, 1, 5], *SPECIAL, scores=False),
        "unigram": vocabulary("t5", ["<pad>", "</s>", "<unk>", "▁a", "ab"], [3, 3, 2, 1, 1]),
        "trie": vocabulary("rwkv", ["<s>", r"\x00", r"\n", r"a\'", r"\xZ", "\\"],
                           [3, 1, 1, 1, 1, 1], scores=False),
        "plamo": vocabulary("plamo2", ["<unk>", "<0x0A>", "a"], [2, 6, 1]),
        "spaced": vocabulary("gemma4", ["▁", "a", "▁a", "<tag>", "\n", "\n\n"],
                             [1, 1, 1, 1, 1, 1], merges=["▁ a", "\n \n"]),
        "none": vocabulary("none", ["a"], [1])}.items():
    seed("vocab_gguf", name, data)


# ---- vocabularies: the file with the tokens, then those that go with it


SEPARATOR = b"\x1e\n"
CONFIG = json.dumps({
    "eos_token": "</s>", "bos_token": {"content": "<s>"}, "pad_token": None,
    "additional_special_tokens": ["<x>"], "tokenizer_class": "LlamaTokenizer",
    "added_tokens_decoder": {"4": {"content": "<x>", "special": True}, "9": {"content": "y"}}})
ADDED = json.dumps({"<x>": 5, "z": 6})


def vocabulary(target, name, *texts):
    seed(target, name, SEPARATOR.join(t.encode() if isinstance(t, str) else t for t in texts))


def tokenizer(model, added=(), **rest):
    added = [{"id": i, "content": c, "special": s} for i, c, s in added]
    return json.dumps({"version": "1.0", "added_tokens": added, "model": model, **rest},
                      ensure_ascii=False)


METASPACE = {"type": "Sequence", "decoders": [
    {"type": "Replace", "pattern": {"String": "▁"}, "content": " "}, {"type": "ByteFallback"}]}
for name, texts in {
        "bpe": [tokenizer({"type": "BPE", "merges": ["a b"], "vocab": {"a": 0, "b": 1, "ab": 2}})],
        "list": [tokenizer({"type": "BPE", "merges": [["a", "b"]], "vocab": {"a": 0, "Ġa": 5}},
                           [(1, "<s>", True), (2, "y", False)], decoder={"type": "ByteLevel"}),
                 CONFIG],
        "fallback": [tokenizer({"type": "BPE", "merges": [], "byte_fallback": True,
                                "unk_token": "<unk>",
                                "vocab": {"<unk>": 0, "▁a": 1, "<0x41>": 2, "<unused1>": 3}},
                               decoder=METASPACE), "{}", ADDED, '{"bos_token": "▁a"}'],
        "unigram": [tokenizer({"type": "Unigram", "unk_id": 0, "vocab": [["u", 0], ["▁a", -1.5]]},
                              pre_tokenizer={"type": "Metaspace", "replacement": "▁"})],
        "wordpiece": [tokenizer({"type": "WordPiece", "unk_token": "[UNK]",
                                 "continuing_subword_prefix": "##",
                                 "max_input_chars_per_word": 100,
                                 "vocab": {"[UNK]": 0, "a": 1, "##b": 2}},
                                decoder={"type": "WordPiece", "prefix": "##"})],
        "suffix": [tokenizer({"merges": [], "vocab": {"a</w>": 0}},
                             decoder={"type": "BPEDecoder", "suffix": "</w>"})],
        "wordlevel": ['{"model":{"unk_token":"a","vocab":{"a":0,"\\u0000\\ud83d\\ude00":1}}}']
}.items():
    vocabulary("tokenizer_json", name, *texts)

for name, texts in {
        "gpt2": ['{"a":0,"b":1,"ab":2,"Ġa":3,"<|endoftext|>":4}', "#version: 0.2\na b\n"],
        "roberta": ['{"<s>":0,"</s>":1,"<pad>":2,"<unk>":3,"Ċ":4}', "", "{}", ADDED],
        "suffix": ['{"a</w>":0,"b":7}', "a b\r\n", CONFIG],
        "metaspace": ['{"▁a":1}', "\n"]}.items():
    vocabulary("vocab_json", name, *texts)

for name, texts in {
        "bert": ["[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\n[unused1]\na\n##b\n"],
        "odd": ["a \r\na\n\n\xa0\n\u3000x\nlast", CONFIG]}.items():
    vocabulary("vocab_txt", name, *texts)

for name, texts in {
        "three": ["YQ== 0\nYg== 1\nYWI= 2\n"],
        "added": ["AA== 0\r\n/w== 5\n", CONFIG],
        "gap": ["YQ== 3", "{}", '{"<x>": 9, "y": 4}']}.items():
    vocabulary("tiktoken", name, *texts)


def tekken(words, size, special, specials=None, version="v3"):
    vocab = [{"rank": i, "token_bytes": base64.b64encode(w).decode(), "token_str": None}
             for i, w in enumerate(words)]
    return json.dumps({"config": {"pattern": "x", "num_vocab_tokens": len(words),
                                  "default_vocab_size": size,
                                  "default_num_special_tokens": special, "version": version},
                       "vocab": vocab, "special_tokens": specials})


BYTES = [bytes([i]) for i in range(256)]
LISTED = [{"rank": i, "token_str": s, "is_control": True} for i, s in enumerate(["<unk>", "<s>"])]
vocabulary("tekken", "few", tekken(BYTES[:3], 6, 3, LISTED, "v11"))
vocabulary("tekken", "unlisted", tekken(BYTES[:2], 23, 21))
vocabulary("tekken", "all", tekken([*BYTES, b" the", b"\xe9\xff"], 260, 3, LISTED, "v13"), CONFIG)
vocabulary("tekken", "none", tekken([], 0, 0, [], "v7"))


def varint(value):
    out = b""
    while value > 127:
        out += bytes([value & 127 | 128])
        value >>= 7
    return out + bytes([value])


def field(number, value):
    """A varint, a float, or bytes."""
    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    if isinstance(value, float):
        return varint(number << 3 | 5) + struct.pack("<f", value)
    value = value.encode() if isinstance(value, str) else value
    return varint(number << 3 | 2) + varint(len(value)) + value


def piece(text, type=None, score=-1.0):
    body = field(1, text) + field(2, score) + (b"" if type is None else field(3, type))
    return field(1, body)


def trainer(model=2, fallback=0, *rest):
    return field(2, field(3, model) + field(35, fallback) + b"".join(rest))


PIECES = (piece("<unk>", 2) + piece("<s>", 3) + piece("</s>", 3) + piece("▁a") + piece("é", 1) +
          piece("<mask>", 4) + piece("<unused1>", 5))
ALL_BYTES = b"".join(piece("<0x%02X>" % byte, 6) for byte in range(256))
GROUP = varint(9 << 3 | 3) + field(1, 5) + varint(9 << 3 | 4)
for name, texts in {
        "bpe": [PIECES + trainer(), CONFIG],
        "fallback": [trainer(1, 1, field(41, 2 ** 64 - 1)) + PIECES + ALL_BYTES],
        "roberta": [PIECES + trainer(1), '{"tokenizer_class":"XLMRobertaTokenizerFast"}'],
        "camembert": [PIECES, "{}", ADDED, "{}", '{"model_type": "camembert"}'],
        "t5": [PIECES, '{"tokenizer_class": "T5Tokenizer", "extra_ids": 2}'],
        "unknown fields": [GROUP + field(99, "x") + PIECES + varint(7 << 3 | 1) + bytes(8) + GROUP],
        "tiktoken": ["YQ== 0\nYg== 1\n"]}.items():
    vocabulary("sentencepiece", name, *texts)

# ---- texts to be encoded: a tokenizer.json, and the text

GPT2_VOCAB = {"a": 0, "b": 1, "\u0120": 2, "ab": 3, "\u0120a": 4, "\u010a": 5}
CHARSMAP = base64.b64encode(struct.pack("<IIII", 12, 0x40 << 10, 0x41 | 0x100 | 3 << 10, 1 << 31) +
                            b"b!\0").decode()
SPACES = [{"type": "Prepend", "prepend": "\u2581"},
          {"type": "Replace", "pattern": {"String": " "}, "content": "\u2581"}]
EVERY = [{"type": kind} for kind in ("NFC", "NFD", "NFKC", "NFKD", "Lowercase", "StripAccents",
                                     "Nmt")]
EVERY += [{"type": "BertNormalizer", "clean_text": True, "handle_chinese_chars": True,
           "strip_accents": None, "lowercase": True},
          {"type": "Strip", "strip_left": True, "strip_right": True},
          {"type": "Replace", "pattern": {"Regex": " {2,}"}, "content": " "},
          {"type": "Precompiled", "precompiled_charsmap": CHARSMAP}, {"type": "ByteLevel"}]


def flagged(content, number, **flags):
    return dict({"id": number, "content": content, "single_word": False, "lstrip": False,
                 "rstrip": False, "normalized": False, "special": False}, **flags)


for name, (text, tokenizer) in {
        "byte_level": ("ab ab <s>a\n", {
            "added_tokens": [flagged("<s>", 6, lstrip=True), flagged("ab!", 7, single_word=True)],
            "pre_tokenizer": {"type": "ByteLevel", "add_prefix_space": True, "use_regex": True},
            "model": {"type": "BPE", "vocab": GPT2_VOCAB, "merges": ["a b", "\u0120 a"]}}),
        "whole": ("a aa ab   bb aaaaaaaaaaaaaaaaaaaaaaaa b", {
            "normalizer": {"type": "Sequence", "normalizers": SPACES},
            "model": {"type": "BPE", "unk_token": "<unk>", "fuse_unk": True, "byte_fallback": True,
                      "vocab": {"<unk>": 0, "\u2581": 1, "a": 2, "b": 3, "\u2581a": 4,
                                "<0x0A>": 5}, "merges": [["\u2581", "a"]]}}),
        "every": ("\u00c9A\u0301 \u1e9b\u0323\uac01 \ufb01 \u4e00  A", {
            "normalizer": {"type": "Sequence", "normalizers": EVERY},
            "added_tokens": [flagged("A", 2, normalized=True, rstrip=True)],
            "pre_tokenizer": {"type": "BertPreTokenizer"},
            "model": {"type": "WordPiece", "unk_token": "u", "continuing_subword_prefix": "##",
                      "max_input_chars_per_word": 9, "vocab": {"u": 0, "a": 1, "##b": 3}}}),
        "unigram": ("a ba zz", {
            "pre_tokenizer": {"type": "Metaspace", "replacement": "\u2581", "split": True,
                              "prepend_scheme": "first"},
            "model": {"type": "Unigram", "unk_id": 0, "byte_fallback": False,
                      "vocab": [["<unk>", 0], ["\u2581", -2.5], ["a", -1], ["\u2581a", -3]]}}),
        }.items():
    seed("encode", name, json.dumps(tokenizer, ensure_ascii=False).encode() + b"\x1e\n" +
         text.encode())

# ---- texts cut: an expression or a pre-tokenizer, and behind a line's end a text

SPACED = "It's 12 345 \r\n\n  x\u0301 \u4e2d\u6587 \U0001f600!! aab"
for number, expression in enumerate([
        r"(?i:'s|'t|'re)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|"
        r"\s+(?!\S)|\s+", r"[\p{Han}]+|[\p{Lu}\p{M}&&[^\p{Han}]]*[\p{Ll}]+(?i:'s)?", r"(a+)+b",
        r"(?=(\d{3})+(?!\d))", r"(?<=a|bc)d|(?<!a)\b\w", r"(?:(?:a*)*?|b{2,3}+)+c|^a$",
        r"(?x: a #b\n)(?#c)(?i)[^a-c[:^alpha:]]", r"(?>a|ab)c|.{2,5}?x|\x{1F600}\A\z\Z\B"]):
    seed("cut", str(number), expression + "\n" + SPACED)
for number, step in enumerate([
        {"type": "ByteLevel", "add_prefix_space": True, "use_regex": True},
        {"type": "Sequence", "pretokenizers": [
            {"type": "BertPreTokenizer"}, {"type": "Digits", "individual_digits": True},
            {"type": "Metaspace", "replacement": "_", "prepend_scheme": "first", "split": True}]},
        {"type": "Sequence", "pretokenizers": [
            {"type": "Split", "pattern": {"String": " "}, "behavior": "MergedWithNext",
             "invert": True}, {"type": "Punctuation", "behavior": "Contiguous"},
            {"type": "FixedLength", "length": 3}, {"type": "CharDelimiterSplit", "delimiter": "a"},
            {"type": "Whitespace"}]}]):
    seed("cut", f"steps {number}", json.dumps(step) + "\n" + SPACED)


# ---- configs to be edited: config.json, and generation_config.json behind 0x1e

PLAIN = {"architectures": ["LlamaForCausalLM"], "model_type": "llama", "vocab_size": 8,
         "bos_token_id": 0, "eos_token_id": 1, "pad_token_id": None, "hidden_size": 4,
         "tie_word_embeddings": False, "tokenizer_class": "LlamaTokenizer"}
for name, config, generation in [
        ("plain", PLAIN, None),
        ("generation", PLAIN, {"eos_token_id": [1, 4], "bad_words_ids": [[2, 3], [7]],
                               "suppress_tokens": [1, 2, 6, -1], "forced_decoder_ids": [[1, 0]],
                               "sequence_bias": {"(3,)": -10.0}, "temperature": 0.6}),
        ("levels", {"model_type": "qwen2_5_omni", "image_token_id": 3, "auto_map": {
            "AutoModel": "m.M", "AutoTokenizer": ["t.T", None]}, "text_config": {
                **PLAIN, "dtype": "bfloat16", "vocab_offset": 2}, "vision_config": {
                    "vocab_size": 64, "pad_token_id": 3}, "audio_token_index": 7}, None),
        ("sizes", {"vocab_size": 6, "pad_vocab_size_multiple": 4, "text_vocab_size": 8,
                   "decoder_vocab_size": 8, "vocab_size_per_layer": 9, "n_words": 8}, None),
        ("maps", {"model_type": "chameleon", "vocabulary_map": {"a": 2, "IMG": 9, "b": 3},
                  "id_to_text": {"2": "a", "x": ""}, "task_to_id": {"transcribe": 4},
                  "vocab_offset": 3, "image_token_offset": 5}, {"lang_to_id": {"<|en|>": 2}}),
        ("refused", {"additional_vocab_size": 0, "use_ordered_embeddings": False,
                     "vocab_list": None, "rope_theta": float("inf")}, None)]:
    text = json.dumps(config, indent=2)
    seed("config", name, text if generation is None else text + "\x1e" + json.dumps(generation))


def main():
    for target, seeds in SEEDS.items():
        folder = os.path.join(sys.argv[1], target)
        os.makedirs(folder, exist_ok=True)
        for name, data in seeds.items():
            with open(os.path.join(folder, name), "wb") as file:
                file.write(data)


if __name__ == "__main__":
    main()

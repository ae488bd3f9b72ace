#!/usr/bin/env python3
"""Holds otx_encode against the tokenizers package on whole texts.

    OTX_REAL_TOKENIZERS=DIR tests/encode_oracle.py [PRINT_ENCODE [LINES [NAME...]]]

DIR holds NAME/tokenizer.json of real tokenizers; PRINT_ENCODE is tests/print_encode.c compiled
(it is compiled with $CC, or cc, if not given). Texts are cuts of the corpora beside examples/,
mixed with scripts of all kinds, emoji, marks, runs of spaces, line ends, random characters, and
the tokenizer's own added tokens and other tokens; LINES of them for each (4000), of which every
id must agree. Tokenizers of other kinds (BERT's, T5's with SentencePiece's map of characters,
added tokens of every flag, every normaliser) are trained on the spot. With transformers 5 so are
added tokens of which the files beside tokenizer.json speak, drawn at random.
"""
import base64
import json
import os
import random
import shutil
import struct
import subprocess
import sys
import tempfile

os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
passed = failed = 0
missing = set()
here = program = None
LINES = 4000

SCRIPTS = [(0x20, 0x7e), (0x20, 0x7e), (0x61, 0x7a), (0x30, 0x39), (0xa0, 0x17f), (0x300, 0x36f),
           (0x370, 0x3ff), (0x400, 0x4ff), (0x531, 0x58f), (0x590, 0x5ff), (0x600, 0x6ff),
           (0x900, 0x97f), (0x980, 0x9ff), (0xb80, 0xbff), (0xe00, 0xe7f), (0x1000, 0x109f),
           (0x1100, 0x11ff), (0x1e00, 0x1fff), (0x2000, 0x206f), (0x2070, 0x218f),
           (0x2190, 0x27bf), (0x3000, 0x30ff), (0x4e00, 0x9fff), (0xac00, 0xd7a3),
           (0xf900, 0xfaff), (0xfb00, 0xfdff), (0xfe00, 0xffef), (0x1d400, 0x1d7ff),
           (0x1f1e6, 0x1f1ff), (0x1f300, 0x1f6ff), (0x1f900, 0x1f9ff), (0x20000, 0x2a6df)]
BITS = [" ", "  ", "   ", "\t", "\n", "\r\n", "\n\n", " \n", "\n ", "\r", "\x0b", "\xa0", "\u3000",
        "\u2581", "\u200b", "\u200d", "\ufe0f", "\ufeff", "\ufffd", "\x00", "\x85", "e\u0301",
        "\u0928\u0940", "don't", "I'LL", "we've", "'s", "'S", "1234567", "3.14", "x86_64", "a_b",
        "http://a.b/c?d=e", "\U0001f468\u200d\U0001f469\u200d\U0001f467", "\U0001f1e9\U0001f1ea",
        "\u2764\ufe0f", "\uff21\uff22", "\ufb01", "\u1e9b\u0323", "\u0130", "\u00df", "\u03a3",
        "\u212b", "\uac01", "\u1100\u1161\u11a8", "...", "--", "  def f(x):\n    return x\n",
        "\u0e01\u0e33", "\u00bd", "\u2460", "\u4f60\u597d", "<", ">", "[", "]"]


def check(good, what):
    global passed, failed
    passed, failed = passed + bool(good), failed + (not good)
    if not good:
        print("FAILED", what)


def any_character(draw):
    while True:
        code = draw.randrange(0x110000)
        if not 0xd800 <= code < 0xe000:
            return chr(code)


def make_texts(corpus, tokens, count, seed=1):
    """`tokens`: contents of added tokens, and of others."""
    draw = random.Random(seed)
    texts = ["", " ", "\n", "a", " a", "a ", "  a  b  "]
    while len(texts) < count:
        parts = []
        for _ in range(draw.randrange(1, 9)):
            kind = draw.randrange(8)
            if kind < 3:
                at = draw.randrange(len(corpus) - 120)
                parts.append(corpus[at:at + draw.randrange(1, 100)])
            elif kind == 3:
                low, high = draw.choice(SCRIPTS)
                parts.append("".join(chr(draw.randrange(low, high + 1))
                                     for _ in range(draw.randrange(1, 9))))
            elif kind == 4:
                parts.append("".join(draw.choice(BITS) for _ in range(draw.randrange(1, 5))))
            elif kind == 5 and tokens:
                parts.append(draw.choice(["", "", " ", "a"]) + draw.choice(tokens) +
                             draw.choice(["", "", " ", "b"]))
            elif kind == 6:
                parts.append(any_character(draw))
            else:
                parts.append(" " * draw.randrange(1, 20))
        text = "".join(parts)
        texts.append("".join(c for c in text if not 0xd800 <= ord(c) < 0xe000))
    return texts


def run(path, texts):
    lines = b"".join(text.encode().hex().encode() + b"\n" for text in texts)
    done = subprocess.run([program, path], input=lines, stdout=subprocess.PIPE, check=False)
    return done.returncode, [[int(i) for i in line.split()]
                             for line in done.stdout.decode().splitlines()]


def compare(name, path, corpus, seed=1):
    from tokenizers import Tokenizer
    tokenizer = Tokenizer.from_file(os.path.join(path, "tokenizer.json"))
    tokenizer.no_truncation()
    tokenizer.no_padding()
    draw = random.Random(seed)
    with open(os.path.join(path, "tokenizer.json"), encoding="utf-8") as file:
        added = [token["content"] for token in json.load(file)["added_tokens"]]
    vocab = sorted(tokenizer.get_vocab(with_added_tokens=False))
    tokens = draw.sample(added, min(len(added), 300)) + draw.sample(vocab, min(len(vocab), 200))
    texts = make_texts(corpus, tokens, LINES, seed)
    status, ours = run(path, texts)
    check(status == 0 and len(ours) == len(texts), f"{name}: ended with {status}")
    wrong = 0
    for text, ids in zip(texts, ours):
        try:
            theirs = tokenizer.encode(text, add_special_tokens=False).ids
        except Exception:  # no unknown token: the package fails there
            continue
        if theirs != ids:
            wrong += 1
            if wrong < 4:
                at = next((i for i, (a, b) in enumerate(zip(theirs + [-1], ids + [-2])) if a != b))
                print(f"  {text!a}\n    from {at}: {ids[at:at + 12]} here, {theirs[at:at + 12]} "
                      f"by the package {[tokenizer.id_to_token(i) for i in theirs[at:at + 4]]}")
    check(wrong == 0, f"{name}: {wrong} of {len(texts)}")
    print(f"{name:28} {len(texts):6} texts, {len(texts) - wrong} alike", flush=True)


# ---- small tokenizers ----

def save(name, tokenizer):
    path = os.path.join(here, name.replace("/", "-").replace(" ", "-"))
    os.makedirs(path, exist_ok=True)
    tokenizer.save(os.path.join(path, "tokenizer.json"))
    return path


def small_ones(corpus):
    from tokenizers import (AddedToken, Regex, Tokenizer, decoders, models, normalizers as n,
                            pre_tokenizers as p, trainers)
    lines = corpus.splitlines()

    def train(model, trainer, normalizer, pre, decoder):
        tokenizer = Tokenizer(model)
        if normalizer:
            tokenizer.normalizer = normalizer
        tokenizer.pre_tokenizer = pre
        tokenizer.decoder = decoder
        tokenizer.train_from_iterator(lines, trainer)
        return tokenizer

    def wordpiece(normalizer, **options):
        return train(models.WordPiece(unk_token="[UNK]", **options), trainers.WordPieceTrainer(
            vocab_size=1200, special_tokens=["[UNK]", "[CLS]", "[SEP]", "[MASK]"]), normalizer,
            p.BertPreTokenizer(), decoders.WordPiece())

    yield "bert, lowercase", wordpiece(n.BertNormalizer())
    yield "bert, cased", wordpiece(n.BertNormalizer(lowercase=False))
    yield "bert, short words", wordpiece(n.BertNormalizer(strip_accents=False),
                                         max_input_chars_per_word=6)

    def unigram(normalizer, scheme):
        return train(models.Unigram(), trainers.UnigramTrainer(
            vocab_size=1500, special_tokens=["<pad>", "</s>", "<unk>"], unk_token="<unk>"),
            normalizer, p.Metaspace(prepend_scheme=scheme), decoders.Metaspace())

    yield "unigram, nfkc", unigram(n.Sequence([n.Nmt(), n.NFKC(), n.Replace(Regex(" {2,}"), " ")]),
                                   "always")
    first = unigram(n.Strip(left=False), "first")
    first.add_tokens([AddedToken("<x>", normalized=False), AddedToken("the", single_word=True)])
    yield "unigram, first", first
    yield "unigram, first of what is left", unigram(n.Sequence([
        n.Strip(), n.BertNormalizer(lowercase=False, strip_accents=True), n.Nmt(),
        n.Replace("a", ""), n.Replace(Regex("^[Tt]he"), ""), n.Prepend("z")]), "first")
    state = json.loads(unigram(n.Lowercase(), "never").to_str())
    state["model"]["vocab"] += [[f"<0x{i:02X}>", 0.0] for i in range(256)]
    state["model"]["byte_fallback"] = True
    yield "unigram, bytes", Tokenizer.from_str(json.dumps(state))

    def bpe(normalizer, pre, **options):
        return train(models.BPE(**options), trainers.BpeTrainer(
            vocab_size=1200, special_tokens=["<unk>", "<s>"], show_progress=False,
            **{key: options[key] for key in options if key.endswith("fix")}),
            normalizer, pre, decoders.BPEDecoder())

    yield "bpe, </w>", bpe(n.Sequence([n.NFC(), n.Lowercase()]), p.Whitespace(),
                           unk_token="<unk>", end_of_word_suffix="</w>")
    yield "bpe, fused", bpe(n.StripAccents(), p.WhitespaceSplit(), unk_token="<unk>",
                            fuse_unk=True)
    yield "bpe, lost characters", bpe(n.NFKD(), p.WhitespaceSplit())
    yield "bpe, ##", bpe(None, p.WhitespaceSplit(), unk_token="<unk>",
                         continuing_subword_prefix="##")
    flags = bpe(n.Sequence([n.Lowercase(), n.Replace("x", "yy")]), p.Metaspace(),
                unk_token="<unk>")
    flags.add_tokens([
        AddedToken("<L>", lstrip=True, normalized=False), AddedToken("<R>", rstrip=True,
                                                                     normalized=False),
        AddedToken("<LR>", lstrip=True, rstrip=True, normalized=False),
        AddedToken("ab", single_word=True, normalized=False), AddedToken("<R>  ", normalized=False),
        AddedToken("  ", normalized=False), AddedToken("<R><L>", normalized=False),
        AddedToken("Box", normalized=True), AddedToken("\u00e9", single_word=True, lstrip=True),
        AddedToken("AXE ", normalized=True, rstrip=True)])
    flags.add_special_tokens([AddedToken("<sep>", special=True), AddedToken("THE", special=True,
                                                                           normalized=True)])
    yield "added tokens of all kinds", flags
    many = bpe(None, p.ByteLevel(add_prefix_space=False), unk_token=None)
    draw = random.Random(3)
    many.add_tokens([AddedToken("".join(draw.choices("ab<> ", k=draw.randrange(2, 7))),
                                normalized=False) for _ in range(3000)])
    yield "thousands of added tokens", many


def merges_of_all_kinds(count):
    """BPE whose merges are of bytes and of the unknown token too, drawn at random."""
    from tokenizers import Tokenizer
    draw, wrong = random.Random(3), 0
    path = os.path.join(here, "merges")
    os.makedirs(path)
    for _ in range(count):
        pieces = ["?", "a", "b", "\u00e9"][:draw.randint(2, 4)]
        pieces += [x for x in ("<0xC3>", "<0xA9>", "<0xA8>", "<0x7A>") if draw.random() < .7]
        vocab, merges = {x: i for i, x in enumerate(pieces)}, []
        for _ in range(draw.randint(0, 6)):
            pair = draw.choices(list(vocab), k=2)
            vocab.setdefault("".join(pair), len(vocab))
            merges.append(pair)
        state = {"version": "1.0", "added_tokens": [], "model": {
            "type": "BPE", "unk_token": draw.choice(("?", "?", None)),
            "fuse_unk": draw.random() < .5, "byte_fallback": draw.random() < .7, "vocab": vocab,
            "merges": merges}}
        with open(os.path.join(path, "tokenizer.json"), "w", encoding="utf-8") as out:
            json.dump(state, out)
        tokenizer = Tokenizer.from_str(json.dumps(state))
        texts = ["".join(draw.choices("ab\u00e9\u00e8z?", k=draw.randint(1, 12)))
                 for _ in range(12)]
        theirs = [tokenizer.encode(text).ids for text in texts]
        if run(path, texts) != (0, theirs):
            wrong += 1
            if wrong < 4:
                print(f"  {state['model']}\n    {texts}\n    {theirs} by the package")
    check(wrong == 0, f"merges of bytes and of the unknown token: {wrong} of {count} tokenizers")
    print(f"{'merges of all kinds':28} {count:6} tokenizers, {count - wrong} alike", flush=True)


def sentencepiece_map(corpus):
    """A T5-like tokenizer with SentencePiece's own map of characters."""
    import sentencepiece as spm
    from sentencepiece import sentencepiece_model_pb2 as pb
    for rule in ("nmt_nfkc", "nfkc_cf"):
        file = os.path.join(here, rule + ".model")
        with open(file, "wb") as model:
            spm.SentencePieceTrainer.train(
                sentence_iterator=iter(corpus.splitlines()), model_writer=model, vocab_size=1500,
                normalization_rule_name=rule, minloglevel=2)
        proto = pb.ModelProto()
        with open(file, "rb") as model:
            proto.ParseFromString(model.read())
        charsmap = base64.b64encode(proto.normalizer_spec.precompiled_charsmap).decode()
        state = {"version": "1.0", "truncation": {"direction": "Right", "max_length": 9,
                                                  "strategy": "LongestFirst", "stride": 0},
                 "padding": None, "post_processor": None, "added_tokens": [
                     {"id": 2, "content": "</s>", "single_word": False, "lstrip": False,
                      "rstrip": False, "normalized": False, "special": True}],
                 "normalizer": {"type": "Sequence", "normalizers": [
                     {"type": "Precompiled", "precompiled_charsmap": charsmap},
                     {"type": "Strip", "strip_left": False, "strip_right": True},
                     {"type": "Replace", "pattern": {"Regex": " {2,}"}, "content": "\u2581"}]},
                 "pre_tokenizer": {"type": "Metaspace", "replacement": "\u2581",
                                   "prepend_scheme": "always", "split": True},
                 "decoder": {"type": "Metaspace", "replacement": "\u2581",
                             "prepend_scheme": "always", "split": True},
                 "model": {"type": "Unigram", "unk_id": 0, "byte_fallback": False,
                           "vocab": [[piece.piece, piece.score] for piece in proto.pieces]}}
        path = os.path.join(here, rule)
        os.makedirs(path)
        with open(os.path.join(path, "tokenizer.json"), "w", encoding="utf-8") as out:
            json.dump(state, out)
        compare("t5, " + rule, path, corpus)


def charsmap(pairs):
    """A map of characters as SentencePiece has it, in which every node has 256 places."""
    texts, bases, units = b"", {b"": 256}, {0: 256 << 10}
    for key, text in ((key.encode(), text.encode()) for key, text in pairs.items()):
        for end in range(1, len(key) + 1):
            place = bases[key[:end - 1]] + key[end - 1]
            if key[:end] not in bases:
                bases[key[:end]] = 256 * (len(bases) + 1)
                units[place] = key[end - 1] | (place ^ bases[key[:end]]) << 10
        units[place] |= 0x100
        units[bases[key]] = len(texts)
        texts += text + b"\0"
    array = [units.get(i, 0) for i in range(256 * (len(bases) + 1))]
    return {"type": "Precompiled", "precompiled_charsmap": base64.b64encode(
        struct.pack(f"<I{len(array)}I", 4 * len(array), *array) + texts).decode()}


def beginnings(count):
    """Metaspace's "first", behind steps that put, take and move what a text begins with."""
    from tokenizers import Tokenizer
    draw, wrong = random.Random(5), 0
    path = os.path.join(here, "beginnings")
    os.makedirs(path)

    def replace(kind, pattern, content):
        return {"type": "Replace", "pattern": {kind: pattern}, "content": content}

    def split(kind, pattern, behavior):
        return {"type": "Split", "pattern": {kind: pattern}, "behavior": behavior, "invert": False}

    first = {"type": "Metaspace", "replacement": "\u2581", "prepend_scheme": "first",
             "split": True}
    normal = [replace("String", "``", "b"), replace("String", "a", "zb"),
              replace("String", "a", ""), replace("String", "aa", "z"),
              replace("String", "z", "aa"), replace("Regex", "^.", "zz"),
              replace("Regex", "^..", "b"),
              {"type": "Prepend", "prepend": "z"}, {"type": "Prepend", "prepend": "bz"},
              {"type": "Strip", "strip_left": True, "strip_right": True}, {"type": "NFC"},
              {"type": "NFD"}, {"type": "StripAccents"}, {"type": "Nmt"}, {"type": "Lowercase"},
              {"type": "BertNormalizer", "clean_text": True, "handle_chinese_chars": True,
               "strip_accents": None, "lowercase": False}]
    maps = [charsmap({"\x01": "", "\u200b": " ", "A": "a", "`": "aab", "e\u0301": "\u00e9",
                      "X": "", "\u4f60": "zb", "a\u0301": "", "b\u0301\u0301": "z"}),
            charsmap({"a": "", "\u0301": "", "z": "\u4f60\u4f60\u4f60", "y": "zb", "A": ""}),
            charsmap({"\x01": ""})]
    nothing = [replace("Regex", "^", "z"), replace("Regex", "a*", "b")]
    cuts = [split("String", "z", "Isolated"), split("String", "z", "Removed"),
            split("Regex", ".", "Isolated"), {"type": "WhitespaceSplit"}, first,
            dict(first, prepend_scheme="always", split=False)]
    texts = ["a", "aa", "``a", "Xya", " a", "  a b", "\u4f60", "\u4f60a", "\u00e9a", "e\u0301a",
             "aba", "za", "zaa", "Aa", "\u0301a", "\u200ba", "\x01a", "``", "\x01\x01ab", "`\x01b",
             " `XXab", "za\u0301b", "b\u0301\u0301ab", "ab\u0301\u0301X\x01zb"]
    vocab = {x: i for i, x in enumerate("?\u2581azb\u4f60\u00e9e\u0301 X`")}
    for _ in range(count):
        # behind what matches nothing, a map makes the package panic, or put a text twice
        steps = draw.choices(normal + draw.choice((maps * 3, nothing)), k=draw.randint(0, 4))
        state = {"version": "1.0", "added_tokens": [], "model": {
            "type": "BPE", "unk_token": "?", "vocab": vocab, "merges": []},
            "normalizer": {"type": "Sequence", "normalizers": steps},
            "pre_tokenizer": {"type": "Sequence", "pretokenizers": draw.choices(
                cuts, k=draw.randint(0, 2)) + [first]}}
        with open(os.path.join(path, "tokenizer.json"), "w", encoding="utf-8") as out:
            json.dump(state, out)
        tokenizer, good, theirs = Tokenizer.from_str(json.dumps(state)), [], []
        with open(os.devnull, "w", encoding="utf-8") as null:
            said = os.dup(2)
            os.dup2(null.fileno(), 2)
        for text in texts:
            try:
                theirs.append(tokenizer.encode(text).ids)
                good.append(text)
            except BaseException:  # it panics, with many words, at some steps behind others
                pass
        os.dup2(said, 2)
        os.close(said)
        if run(path, good) != (0, theirs):
            wrong += 1
            if wrong < 4:
                print(f"  {state}\n    {good}\n    {theirs} by the package")
    check(wrong == 0, f"beginnings of texts: {wrong} of {count} tokenizers")
    print(f"{'beginnings of texts':28} {count:6} tokenizers, {count - wrong} alike", flush=True)


def draw_files(draw):
    """tokenizer.json and the files beside it, and its added tokens: which of them speak of a
    token, and how, is drawn."""
    contents = draw.sample(CONTENTS, draw.randint(1, 5))
    own = contents[:draw.randint(0, len(contents))]
    base = {x: i for i, x in enumerate("?abxyfoAFXNm<>/sn ")}
    ids = {x: len(base) + i for i, x in enumerate(contents)}

    def flags(content, special=True):
        names = ["normalized", "lstrip", "rstrip", "single_word"] + ["special"] * special
        return {"content": content, **{name: draw.random() < .4 for name in names}}

    def named():
        content = draw.choice(contents)
        return draw.choice([content, {"__type": "AddedToken", **flags(content)}])

    files = {"tokenizer.json": {
        "version": "1.0", "added_tokens": [dict(id=ids[x], **flags(x)) for x in own],
        "normalizer": draw.choice([None, {"type": "Lowercase"}]), "pre_tokenizer": draw.choice([
            None, {"type": "WhitespaceSplit"}]), "model": {
                "type": "BPE", "unk_token": "?", "vocab": base, "merges": []}}}
    config = files["tokenizer_config.json"] = {"tokenizer_class": "PreTrainedTokenizerFast"}
    roles = ["bos_token", "eos_token", "unk_token", "sep_token", "pad_token", "cls_token",
             "mask_token"]
    config.update((role, named()) for role in draw.sample(roles, draw.choice([0, 1, 2, 4])))
    for key in ("additional_special_tokens", "extra_special_tokens"):
        if draw.random() < .25:
            config[key] = [named() for _ in range(draw.randint(1, 3))]
    if draw.random() < .1:
        config["extra_special_tokens"] = {"first_token": named()}
    if draw.random() < .4:
        config["added_tokens_decoder"] = {str(ids[x]): flags(x) for x in contents
                                          if draw.random() < .7}
        return files, contents
    if draw.random() < .6:
        files["added_tokens.json"] = {x: ids[x] for x in contents if x not in own}
    numbered = own + list(files.get("added_tokens.json", []))
    if numbered and draw.random() < .4:
        content = draw.choice(numbered)
        files["special_tokens_map.json"] = {draw.choice(roles): draw.choice([
            content, flags(content, False)])}
    return files, contents


CONTENTS = ["<m>", "<N>", "Foo", "goo", "Xx", "</s>", "ab", "A b"]


def files_beside(count):
    """Added tokens as files beside tokenizer.json speak of them."""
    os.environ.setdefault("TRANSFORMERS_VERBOSITY", "critical")
    import transformers
    if int(transformers.__version__.split(".")[0]) < 5:
        raise ModuleNotFoundError(name="transformers 5")
    draw, wrong, read = random.Random(7), 0, 0
    path = os.path.join(here, "beside")
    for _ in range(count):
        files, contents = draw_files(draw)
        shutil.rmtree(path, ignore_errors=True)
        os.makedirs(path)
        for name, value in files.items():
            with open(os.path.join(path, name), "w", encoding="utf-8") as out:
                json.dump(value, out)
        try:
            tokenizer = transformers.PreTrainedTokenizerFast.from_pretrained(path)
        except TypeError:
            continue
        read += 1
        texts = ["".join(draw.choices(contents + [x.lower() for x in contents] + list("ab x") +
                                      ["  "], k=draw.randint(1, 8))) for _ in range(12)]
        theirs = [tokenizer.encode(text, add_special_tokens=False) for text in texts]
        status, ours = run(path, texts)
        if (status, ours) != (0, theirs):
            wrong += 1
            if wrong < 4:
                at = next((i for i, a in enumerate(theirs) if ours[i:i + 1] != [a]), 0)
                print(f"  {files}\n    {texts[at]!r}: {ours[at:at + 1]} here, {theirs[at]} by the "
                      f"package, of {tokenizer.added_tokens_decoder}")
    check(wrong == 0 and read > count / 2, f"files beside: {wrong} of {read} tokenizers")
    print(f"{'files beside':28} {read:6} tokenizers, {read - wrong} alike", flush=True)


def main():
    global here, program, LINES
    root = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    real = os.environ.get("OTX_REAL_TOKENIZERS")
    names = sys.argv[3:]
    if len(sys.argv) > 2:
        LINES = int(sys.argv[2])
    with open(os.path.join(root, "examples", "models", "heldout.txt"), encoding="utf-8") as file:
        corpus = file.read()
    with tempfile.TemporaryDirectory() as here:
        program = sys.argv[1] if len(sys.argv) > 1 else os.path.join(here, "print_encode")
        if len(sys.argv) < 2:
            subprocess.run([os.environ.get("CC", "cc"), "-O2", "-I" + root, "-o", program,
                            os.path.join(root, "tests", "print_encode.c"), "-lm"], check=True)
        for name in sorted(os.listdir(real)) if real and os.path.isdir(real) else []:
            if os.path.isfile(os.path.join(real, name, "tokenizer.json")) and (
                    not names or name in names):
                compare(name, os.path.join(real, name), corpus)
        try:
            for name, tokenizer in [] if names and "small" not in names else small_ones(corpus):
                compare(name, save(name, tokenizer), corpus)
            if not names or "merges" in names:
                merges_of_all_kinds(200)
            if not names or "beginnings" in names:
                beginnings(400)
            if not names or "t5" in names:
                sentencepiece_map(corpus)
            if not names or "beside" in names:
                files_beside(400)
        except ModuleNotFoundError as error:
            missing.add(error.name)
            print(f"skipped: no package {error.name}")
    print(f"{passed} passed, {failed} failed, {len(missing)} skipped")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())

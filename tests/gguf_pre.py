#!/usr/bin/env python3
"""Holds the names of pre-tokenizers that src/job/gguf_pre.h finds against llama.cpp itself.

    tests/gguf_pre.py PRINT_GGUF_KEYS

For every row of its table a small vocabulary is trained with the pre-tokenizer as tokenizer.json
files have it (written out here once more, from the files and from the classes of transformers),
and llama.cpp (xllamacpp) must cut a hundred texts into the same tokens as the `tokenizers`
package. What is not known must be refused. With OTX_REAL_TOKENIZERS=DIR the tokenizers there,
NAME/tokenizer.json, are held to llama.cpp as well.
"""
import json
import os
import pathlib
import random
import re
import subprocess
import sys
import tempfile
import unicodedata
import urllib.request

import gguf
import numpy
import xllamacpp
from tokenizers import Tokenizer, models, pre_tokenizers, trainers

SHORT = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)"
ENDS = r"\s*[\r\n]+|\s+(?!\S)|\s+"
LETTERS = SHORT + r"|[^\r\n\p{L}\p{N}]?\p{L}+"
REST = r" ?[^\s\p{L}\p{N}]+[\r\n]*|" + ENDS
LLAMA3 = LETTERS + r"|\p{N}{1,3}|" + REST
UPPER, LOWER = r"[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]", r"[\p{Ll}\p{Lm}\p{Lo}\p{M}]"


def cases(after, digits):
    return (rf"[^\r\n\p{{L}}\p{{N}}]?{UPPER}*{LOWER}+{after}|[^\r\n\p{{L}}\p{{N}}]?{UPPER}+{LOWER}*"
            rf"{after}|{digits}| ?[^\s\p{{L}}\p{{N}}]+[\r\n/]*|" + ENDS)


def split(regex, behavior="Isolated", invert=False):
    return {"type": "Split", "pattern": {"Regex": regex}, "behavior": behavior, "invert": invert}


def level(regex):
    return {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True,
            "use_regex": regex}


def digits(individual):
    return {"type": "Digits", "individual_digits": individual}


BLOOM = split(" ?[^(\\s|[.,!?…。，、।۔،])]+")
# Name, ignore_merges, steps.
ROWS = [
    ("llama-bpe", True, [split(LLAMA3), level(False)]),
    ("llama-bpe", True, [split(LLAMA3, "Removed", True), level(False)]),
    ("glm4", False, [split(LLAMA3), level(False)]),
    ("qwen2", False, [split(LETTERS + r"|\p{N}|" + REST), level(False)]),
    ("qwen35", False, [split(SHORT + r"|[^\r\n\p{L}\p{N}]?[\p{L}\p{M}]+|\p{N}|"
                             r" ?[^\s\p{L}\p{M}\p{N}]+[\r\n]*|" + ENDS), level(False)]),
    ("gpt-4o", True, [split(cases(SHORT + "?", r"\p{N}{1,3}")), level(False)]),
    ("tekken", True, [split(cases("", r"\p{N}")), level(False)]),
    ("gpt-2", False, [level(True)]),
    ("smollm", False, [digits(True), level(True)]),
    ("falcon", False, [{"type": "Punctuation", "behavior": "Contiguous"}, level(True),
                       digits(False), split("[0-9][0-9][0-9]")]),
    ("bloom", False, [BLOOM, level(False)]),
    ("viking", False, [BLOOM, digits(True), level(False)]),
    ("deepseek-v3", False, [
        split(r"\p{N}{1,3}"), split("[一-龥぀-ゟ゠-ヿ]+"),
        split("[!\"#$%&'()*+,\\-./:;<=>?@\\[\\\\\\]^_`{|}~][A-Za-z]+|"
              "[^\r\n\\p{L}\\p{P}\\p{S}]?[\\p{L}\\p{M}]+| ?[\\p{P}\\p{S}]+[\r\n]*|"
              "\\s*[\r\n]+|\\s+(?!\\S)|\\s+"), level(False)]),
    ("deepseek-coder", False, [split("[\r\n]"), split(r"\s?\p{L}+"), split(r"\s?\p{P}+"),
                               split("[一-龥ࠀ-一가-\ud7ff]+"), digits(True), level(False)]),
    ("minicpm5", True, [split(r"\p{N}{1,3}"), split(LETTERS + r"|\p{N}+|" + REST), level(False)]),
    ("jais-2", False, [split(LETTERS + r"|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|"
                             + "".join(rf"\s{{{n}}}(?!\S)|" for n in
                                       (512, 256, 128, 64, 32, 16, 8, 4, "1,2"))
                             + r"\s{1}"), level(False)]),
    ("seed-coder", False, [split(LETTERS + r"|\p{N}{1}| ?[^\s\p{L}\p{N}\r\n]+|" + ENDS),
                           level(False)]),
]
REFUSED = [
    [split(LLAMA3)], [split(LLAMA3, "Removed"), level(False)], [split(LLAMA3), level(True)],
    [split(LETTERS + r"|\p{N}{1,2}|" + REST), level(False)], [digits(False), level(True)],
    [{**level(True), "add_prefix_space": True}], [{"type": "Whitespace"}, level(True)],
    [split(LLAMA3, "MergedWithNext"), level(False)], [level(True), level(False)],
]

TEXTS = [
    "\n \n\n \n\n\n \t \t\t \t\n  \n   \n    \n     \n🚀 (normal) 😶‍🌫️ ✅ 🦙🦙 3 33 333 3333 33333 "
    "333333 3333333 33333333 3.3 3..3 3...3 កាន់តែពិសេសអាច😁 ?我想在apple工作1314151天～ "
    "------======= нещо на Български ''''''```````\"\"\"\"......!!!!!!?????? I've been 'told he's "
    "there, 'RE you sure? 'M not sure I'll make it, 'D you like some tea? We'Ve a'lL",
    "The quick brown fox jumps over the lazy dog.", "  leading spaces and\ttabs   ",
    "def f(x):\n    return x**2  # comment\n\n\nclass A:\n\tpass\n", "naïve café – “quotes” … ½ ²",
    "日本語のテキスト、漢字とカナ。한국어 문장입니다.", "Привет, мир! Как дела?", "\n\n\n", "     ", "a",
    "https://example.com/a/b?c=d&e=%20f#g", "x = {'a': 1, \"b\": [2, 3]};  // C++ \r\n\r\nint main",
    "CamelCase HTTPServer iPhone XMLHttpRequest ALLCAPS don't DON'T I'M we'LL", "word \n word",
    "हिन्दी में लिखा हुआ पाठ", "ภาษาไทยไม่มีช่องว่าง", "עברית وعربية",
    "$100,000.00 (50%) ~/.config <a b='c'/>",
    "1234567890 12 345 6789.0001 1e-10 0xFF 12345", "...!?;:,—–-_+=*&^%$#@~`|\\/<>[]{}()", "word\n",
]

passed = failed = 0


def check(good, what):
    global passed, failed
    passed, failed = passed + bool(good), failed + (not good)
    if not good:
        print("FAILED", what, flush=True)


def more_texts():
    """Lines of the tree itself. Those with a name in brackets are left out: llama.cpp takes what
    is called so, </s> among them, for an end of texts, whatever kind of token it is."""
    top = pathlib.Path(__file__).resolve().parent.parent
    lines = []
    for path in sorted(top.glob("src/*/*.h")) + sorted(top.glob("*.md")):
        lines += [line for line in path.read_text(encoding="utf-8").splitlines()
                  if len(line) > 30 and not re.search(r"<[^ <>]+>", line)]
    random.Random(1).shuffle(lines)
    return lines


def keys_of(directory):
    """The file of keys, or what was said instead."""
    output = pathlib.Path(directory) / "keys.gguf"
    done = subprocess.run([sys.argv[1], directory, output], stderr=subprocess.PIPE)
    return (output, "") if done.returncode == 0 else (None, done.stderr.decode())


def small_model(keys, output):
    """The least model that llama.cpp loads, with these keys."""
    writer, count, width = gguf.GGUFWriter(output, "llama"), 0, 32
    for name, field in gguf.GGUFReader(keys).fields.items():
        if not name.startswith("tokenizer.ggml."):
            continue
        value = field.contents()
        if name.endswith(".tokens"):
            count = len(value)
        writer.add_key_value(name, value, field.types[0],
                             field.types[1] if len(field.types) > 1 else None)
    writer.add_block_count(1)
    writer.add_context_length(64)
    writer.add_embedding_length(width)
    writer.add_feed_forward_length(width)
    writer.add_head_count(1)
    writer.add_head_count_kv(1)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_rope_dimension_count(width)
    zeros = numpy.zeros
    writer.add_tensor("token_embd.weight", zeros((count, width), numpy.float32))
    for name in ("output_norm", "blk.0.attn_norm", "blk.0.ffn_norm"):
        writer.add_tensor(name + ".weight", zeros(width, numpy.float32))
    for name in ("attn_q", "attn_k", "attn_v", "attn_output", "ffn_gate", "ffn_up", "ffn_down"):
        writer.add_tensor(f"blk.0.{name}.weight", zeros((width, width), numpy.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def compare(directory, keys, texts):
    """In a process of its own, as a server lives as long as its process: how many texts
    llama.cpp cuts otherwise than the tokenizers package, and the first."""
    child = os.fork()
    if child:
        return os.waitpid(child, 0)[1] == 0
    sink = os.open(os.devnull, os.O_WRONLY)
    os.dup2(sink, 2)
    model = os.path.join(directory, "model.gguf")
    small_model(keys, model)
    params = xllamacpp.CommonParams()
    params.model.path, params.n_ctx, params.n_parallel, params.warmup = model, 64, 1, False
    server = xllamacpp.Server(params)
    tokenizer = Tokenizer.from_file(os.path.join(directory, "tokenizer.json"))
    bad = 0
    for text in texts:
        body = json.dumps({"content": text, "add_special": False, "parse_special": True})
        request = urllib.request.Request(server.listening_address + "/tokenize", body.encode(),
                                         {"Content-Type": "application/json"})
        got = json.load(urllib.request.urlopen(request))["tokens"]
        wanted = tokenizer.encode(text, add_special_tokens=False).ids
        if tokenizer.normalizer and tokenizer.normalizer.normalize_str(text) != text and \
                "NFC" in str(tokenizer.normalizer):
            continue  # llama.cpp does not normalize
        bad += got != wanted
        if got != wanted and bad == 1:
            print(" text", repr(text[:70]), [tokenizer.id_to_token(i) for i in got][:12],
                  [tokenizer.id_to_token(i) for i in wanted][:12], flush=True)
    if bad:
        print(" ", bad, "of", len(texts), "texts are cut otherwise", flush=True)
    os._exit(bad > 0)


def write(directory, steps, whole, normalizer=None):
    """A tokenizer trained on texts that it cuts by these steps."""
    wanted = steps[0] if len(steps) == 1 else {"type": "Sequence", "pretokenizers": steps}
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    document = json.loads(tokenizer.to_str())
    document["pre_tokenizer"] = wanted
    tokenizer = Tokenizer.from_str(json.dumps(document))
    tokenizer.train_from_iterator(TEXTS * 3 + more_texts()[:3000], trainers.BpeTrainer(
        vocab_size=3000, initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False))
    document = json.loads(tokenizer.to_str())
    document["model"]["ignore_merges"] = whole
    document["normalizer"] = normalizer
    document["decoder"] = level(True)
    pathlib.Path(directory, "tokenizer.json").write_text(json.dumps(document))
    pathlib.Path(directory, "tokenizer_config.json").write_text("{}")


def texts_for(name):
    """Those that are compared. For two names, which its converter gives to such tokenizers as
    these, llama.cpp's own regexes leave marks out of words (a letter and its vowel sign)."""
    texts = TEXTS + more_texts()[-80:]
    if name not in ("gpt-4o", "tekken"):
        return texts
    return [text for text in texts if not any(unicodedata.category(c)[0] == "M" for c in text)]


def rows():
    for name, whole, steps in ROWS:
        with tempfile.TemporaryDirectory() as directory:
            write(directory, steps, whole)
            keys, said = keys_of(directory)
            check(keys, f"{name}: {said}")
            if not keys:
                continue
            found = gguf.GGUFReader(keys).fields["tokenizer.ggml.pre"].contents()
            check(found == name, f"{name} is taken for {found}")
            check(compare(directory, keys, texts_for(name)), f"{name} in llama.cpp")


def refusals():
    for steps in REFUSED:
        with tempfile.TemporaryDirectory() as directory:
            write(directory, steps, False)
            keys, said = keys_of(directory)
            check(not keys and "--pre" in said and said.count("\n") == 1,
                  f"{json.dumps(steps)} is not refused: {said}")
    with tempfile.TemporaryDirectory() as directory:
        write(directory, [level(True)], False, {"type": "Lowercase"})
        check(not keys_of(directory)[0], "a normaliser is not refused")


def real():
    folder = os.environ.get("OTX_REAL_TOKENIZERS")
    for source in sorted(pathlib.Path(folder).iterdir()) if folder else []:
        with tempfile.TemporaryDirectory() as directory:
            for file in source.glob("*.json"):
                (pathlib.Path(directory) / file.name).write_bytes(file.read_bytes())
            keys, said = keys_of(directory)
            check(keys, f"{source.name}: {said}")
            if not keys:
                continue
            texts = texts_for(gguf.GGUFReader(keys).fields["tokenizer.ggml.pre"].contents())
            check(compare(directory, keys, texts), f"{source.name} in llama.cpp")


if __name__ == "__main__":
    rows()
    refusals()
    real()
    print(f"{passed} passed, {failed} failed")
    sys.exit(failed > 0)

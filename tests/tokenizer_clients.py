#!/usr/bin/env python3
"""Whether a client reads from OUT the tokenizer that it read from DONOR.

    tests/tokenizer_clients.py TOOL [--all] [--mend] [--base TYPE]... [--donor NAME]...

A client takes the class of a tokenizer from several places, the model's own type among
them: the donor's files, beside another model's config.json, may be read by another class.
For each kind of base and each donor TOOL makes an OUT, and `AutoTokenizer` has to encode
and decode a hundred lines there exactly as it did in the donor's directory, by the fast
class and, where there is one, by the slow one. The bases differ in their model_type alone:
those in use and every one whose class the installed `transformers` forces, or with --all
all that it knows. Donors are small ones made here, and the real ones in OTX_REAL_TOKENIZERS,
a directory of directories. Prints the pairs that fail, and with --mend which change of
OUT's files makes it right; the last line is `N passed, N failed`.
"""
import argparse
import collections
import json
import logging
import os
import shutil
import subprocess
import sys
import tempfile
import time
import warnings
from pathlib import Path

os.environ.update(HF_HUB_OFFLINE="1", TRANSFORMERS_VERBOSITY="critical",
                  TOKENIZERS_PARALLELISM="false", TRANSFORMERS_NO_ADVISORY_WARNINGS="1",
                  HF_HUB_DISABLE_PROGRESS_BARS="1", TRANSFORMERS_NO_TF="1")
warnings.filterwarnings("ignore")
try:
    import numpy as np
    import transformers
    from safetensors.numpy import save_file
    from sentencepiece import sentencepiece_model_pb2 as sentencepiece_model
    from tokenizers import Tokenizer, models, pre_tokenizers, trainers
    from transformers import AutoTokenizer
    from transformers.models.auto import configuration_auto, tokenization_auto
except ImportError as error:
    print(f"skipped tokenizer_clients: {error}")
    sys.exit(77)
logging.disable(logging.CRITICAL)
FIVE = int(transformers.__version__.split(".")[0]) >= 5

# ---- what is encoded ----------------------------------------------------------

WORDS = ("the of and to in is that it was for on are as with his they at be this from have or by "
         "one had not but what all were when we there can an your which their said if do will "
         "each about how up out them then she many some so these would other into has more her "
         "two like him see time could no make than first been its who now people my made over "
         "did down only way find use may water long little very after words called just where "
         "most know").split()
SENTENCES = [
    "The quick brown fox jumps over the lazy dog.", "It's what they'd said, isn't it?",
    "In 1999 we had 12345 of them; 3.14159 and 1,000,000 more.",
    "Größe, naïve café, Ångström, señor, œuvre.", "你好，世界。我们今天学习中文。",
    "これは日本語の文章です。カタカナ", "안녕하세요 세계", "Привет, мир! Как дела?",
    "مرحبا بالعالم", "नमस्ते दुनिया", "สวัสดีชาวโลก", "😀 🎉👍🏽 👨‍👩‍👧 🇩🇪",
    "def f(x):\n    return x ** 2  # square\n", "for (int i = 0; i < n; ++i) { a[i] += 1; }",
    "SELECT * FROM t WHERE a = 'b' AND c >= 10;", "<div class=\"x\">&amp;</div>",
    "https://example.org/a?b=c&d=%20#e", "UPPER lower MiXeD CamelCase snake_case kebab-case",
]


def lines(tokens):
    """A hundred lines; `tokens` are special ones of the tokenizer."""
    out = ["", " ", "  ", "   ", "\t", "\n", "\n\n", " \n ", "\r\n", "a", " a", "  a", "a ", "a  ",
           "   the   of    and     to", "\tthe\t\tof", "the\n\n\nof\n", "the \n of", " 1", "12",
           "123", "1234", "12345678901", "1 2 3", "1.5e-10", "0x1F", "٣٤", "½²", "é", "e\u0301",
           "ﬁ Å ①", "\u00a0x\u2003y\u3000z", "\u200bx", "x\u0000y", "\ufffd", "▁", "▁the", "a▁b",
           "Ġthe", "<0x41>", "<0x0A>", "##the", "the</w>", "…—“”‘’", "it's", "IT'S", "don't",
           "we'll've", "’s", "\\n", "a\\tb", "{}[]()", "a_b", "__init__", "->", "==", "  # x",
           "        return", "\n    x", "@x", "#1", "$1.00", "50%", "a/b", "C:\\d", "<b>", "</b>",
           "[INST] x [/INST]", "🙂the", "the🙂of", "漢字the", "the漢字"] + SENTENCES
    out += ["".join(tokens)]
    for token in tokens:
        out += [token, f"the{token}of", f"the {token} of", f" {token} ", f"{token}\n{token}the"]
    while len(out) < 100:
        out.append(" ".join(WORDS[len(out) % 40:len(out) % 40 + 9]))
    return out


# ---- tokenizers made small ----------------------------------------------------

GPT2 = None  # the pattern of the ByteLevel pre-tokenizer itself
QWEN2 = (r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*"
         r"|\s*[\r\n]+|\s+(?!\S)|\s+")
QWEN3_5 = (r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?[\p{L}\p{M}]+|\p{N}"
           r"| ?[^\s\p{L}\p{M}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+")
LLAMA3 = QWEN2.replace(r"|\p{N}|", r"|\p{N}{1,3}|")
DEEPSEEK = [r"\p{N}{1,3}", "[一-龥\u3040-ゟ゠-ヿ]+",
            r"[!-/:-~][A-Za-z]+|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+| ?[\p{P}\p{S}]+[\r\n]*"
            r"|\s*[\r\n]+|\s+(?!\S)|\s+"]


def level(**settings):
    return {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True,
            "use_regex": True, **settings}


def template(bos=None, eos=None, cls=None, sep=None):
    """Adds such tokens before and after a text; each is (content, id)."""
    before, after = [t for t in (bos, cls) if t], [t for t in (eos, sep) if t]

    def part(name, number):
        return ([{"SpecialToken": {"id": t, "type_id": number}} for t, _ in before]
                + [{"Sequence": {"id": name, "type_id": number}}]
                + [{"SpecialToken": {"id": t, "type_id": number}} for t, _ in after])
    return {"type": "TemplateProcessing", "single": part("A", 0),
            "pair": part("A", 0) + part("B", 1),
            "special_tokens": {t: {"id": t, "ids": [i], "tokens": [t]} for t, i in before + after}}


def added(tokens, first, **settings):
    return [{"id": first + i, "content": t, "single_word": False, "lstrip": False, "rstrip": False,
             "normalized": False, "special": True, **settings} for i, t in enumerate(tokens)]


def file(model, added_tokens, normalizer=None, pre=None, post=None, decoder=None):
    return {"version": "1.0", "truncation": None, "padding": None, "added_tokens": added_tokens,
            "normalizer": normalizer, "pre_tokenizer": pre, "post_processor": post,
            "decoder": decoder, "model": model}


def bpe(vocab, merges, **settings):
    return {"type": "BPE", "dropout": None, "unk_token": None, "continuing_subword_prefix": None,
            "end_of_word_suffix": None, "fuse_unk": False, "byte_fallback": False,
            "ignore_merges": False, "vocab": vocab, "merges": merges, **settings}


CORPUS = SENTENCES * 3 + [" ".join(WORDS[i:i + 12]) for i in range(len(WORDS) - 12)] + \
    [" the  of   and\n\n\n    to 123 12 1999 2024"] * 9


def learned(pre, alphabet=()):
    """Vocabulary and merges of a BPE learned on the sentences."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre
    tokenizer.train_from_iterator(CORPUS, trainers.BpeTrainer(
        vocab_size=900, initial_alphabet=list(alphabet), show_progress=False))
    model = json.loads(tokenizer.to_str())["model"]
    return model["vocab"], [tuple(m) if isinstance(m, list) else tuple(m.split(" "))
                            for m in model["merges"]]


def byte_level(pattern, special, first=False, normalizer=None, post=None, **settings):
    """A byte-level BPE; the special tokens come first or last."""
    patterns = [pattern] if isinstance(pattern, str) else pattern
    pre = level() if pattern is GPT2 else {"type": "Sequence", "pretokenizers": [
        {"type": "Split", "pattern": {"Regex": p}, "behavior": "Isolated", "invert": False}
        for p in patterns] + [level(use_regex=False)]}
    parsed = json.loads(Tokenizer(models.BPE()).to_str())
    parsed["pre_tokenizer"] = pre
    learner = Tokenizer.from_str(json.dumps(parsed)).pre_tokenizer
    vocab, merges = learned(learner, pre_tokenizers.ByteLevel.alphabet())
    order = sorted(vocab, key=vocab.get)
    order = list(special) + order if first else order + list(special)
    vocab = {t: i for i, t in enumerate(order)}
    model = {t: i for t, i in vocab.items() if first or t not in special}
    if post:
        post = post({t: (t, vocab[t]) for t in special})
    return file(bpe(model, merges, **settings), added(special, vocab[special[0]]), normalizer,
                pre, post or level(trim_offsets=False), level())


REPLACE = {"type": "Replace", "pattern": {"String": " "}, "content": "▁"}
DECODE = [{"type": "Replace", "pattern": {"String": "▁"}, "content": " "},
          {"type": "ByteFallback"}, {"type": "Fuse"}]
STRIP = {"type": "Strip", "content": " ", "start": 1, "stop": 0}


def pieces(special, in_vocabulary=()):
    """A BPE of pieces as SentencePiece has it, bytes after the special tokens."""
    vocab, merges = learned(pre_tokenizers.Metaspace(replacement="▁", prepend_scheme="always"))
    order = list(special) + [f"<0x{b:02X}>" for b in range(256)] + list(in_vocabulary)
    order += [t for t in sorted(vocab, key=vocab.get) if t not in order]
    vocab = {t: i for i, t in enumerate(order)}
    return vocab, merges


def metaspace(style, special=("<unk>", "<s>", "</s>"), bos=True, **settings):
    """As Llama 2's tokenizer.json ("legacy"), the later form of it ("first"), or Gemma's."""
    vocab, merges = pieces(special, settings.pop("in_vocabulary", ()))
    unk = next(t for t in special if "unk" in t)
    model = bpe(vocab, merges, unk_token=unk, fuse_unk=True, byte_fallback=True)
    first = "<bos>" if "<bos>" in special else "<s>"
    post = template(bos=(first, vocab[first])) if bos else None
    if style == "gemma":
        return file(model, added(special, 0), REPLACE,
                    {"type": "Split", "pattern": {"String": " "},
                     "behavior": "MergedWithPrevious", "invert": False},
                    post, {"type": "Sequence", "decoders": DECODE})
    if style == "legacy":
        return file(model, added(special, 0),
                    {"type": "Sequence",
                     "normalizers": [{"type": "Prepend", "prepend": "▁"}, REPLACE]},
                    None, post, {"type": "Sequence", "decoders": DECODE + [STRIP]})
    return file(model, added(special, 0), None,
                {"type": "Metaspace", "replacement": "▁", "prepend_scheme": "first",
                 "split": False}, post, {"type": "Sequence", "decoders": DECODE + [STRIP]})


def unigram(special, post=None, unk="<unk>"):
    """A Unigram model with whole words, as T5 and XLM-RoBERTa have."""
    letters = sorted({c for s in CORPUS for c in s if not c.isspace()})
    order = list(special) + ["▁"] + ["▁" + w for w in WORDS] + letters
    vocab = [[t, 0.0 if t in special else -3.0 - i / 50] for i, t in enumerate(order)]
    post = post({t: (t, i) for i, t in enumerate(special)}) if post else None
    space = {"type": "Metaspace", "replacement": "▁", "prepend_scheme": "always", "split": True}
    return file({"type": "Unigram", "unk_id": order.index(unk), "vocab": vocab,
                 "byte_fallback": False}, added(special, 0), None, space, post, space)


def word_pieces(lower):
    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    letters = sorted({c.lower() if lower else c for s in CORPUS for c in s if not c.isspace()})
    order = special + letters + ["##" + c for c in letters] + [w for w in WORDS if len(w) > 1]
    vocab = {t: i for i, t in enumerate(dict.fromkeys(order))}
    return file({"type": "WordPiece", "unk_token": "[UNK]", "continuing_subword_prefix": "##",
                 "max_input_chars_per_word": 100, "vocab": vocab}, added(special, 0),
                {"type": "BertNormalizer", "clean_text": True, "handle_chinese_chars": True,
                 "strip_accents": None, "lowercase": lower}, {"type": "BertPreTokenizer"},
                {"type": "TemplateProcessing",
                 "single": [{"SpecialToken": {"id": "[CLS]", "type_id": 0}},
                            {"Sequence": {"id": "A", "type_id": 0}},
                            {"SpecialToken": {"id": "[SEP]", "type_id": 0}}],
                 "pair": [{"SpecialToken": {"id": "[CLS]", "type_id": 0}},
                          {"Sequence": {"id": "A", "type_id": 0}},
                          {"SpecialToken": {"id": "[SEP]", "type_id": 0}},
                          {"Sequence": {"id": "B", "type_id": 1}},
                          {"SpecialToken": {"id": "[SEP]", "type_id": 1}}],
                 "special_tokens": {"[CLS]": {"id": "[CLS]", "ids": [2], "tokens": ["[CLS]"]},
                                    "[SEP]": {"id": "[SEP]", "ids": [3], "tokens": ["[SEP]"]}}},
                {"type": "WordPiece", "prefix": "##", "cleanup": True})


def sentencepiece_of(tokenizer, kind, dummy=True):
    """The same vocabulary as SentencePiece would keep it."""
    model = sentencepiece_model.ModelProto()
    vocab = tokenizer["model"]["vocab"]
    scored = vocab if kind == "unigram" else [[t, -float(i)] for t, i in vocab.items()]
    special = {t["content"] for t in tokenizer["added_tokens"]}
    for token, score in scored:
        piece = model.pieces.add()
        piece.piece, piece.score = token, 0.0 if token in special else score
        piece.type = (2 if token == "<unk>" else 3 if token in special else
                      6 if token.startswith("<0x") else 1)
    ids = {t: i for i, (t, _) in enumerate(scored)}
    model.trainer_spec.model_type = 1 if kind == "unigram" else 2
    model.trainer_spec.byte_fallback = kind != "unigram"
    model.trainer_spec.unk_id = ids["<unk>"]
    model.trainer_spec.bos_id = ids.get("<s>", ids.get("<bos>", -1))
    model.trainer_spec.eos_id = ids.get("</s>", ids.get("<eos>", -1))
    model.trainer_spec.pad_id = ids.get("<pad>", -1)
    model.normalizer_spec.name = "identity"
    model.normalizer_spec.add_dummy_prefix = dummy
    model.normalizer_spec.remove_extra_whitespaces = kind == "unigram"
    model.normalizer_spec.escape_whitespaces = True
    return model.SerializeToString()


def vocab_and_merges(tokenizer):
    return {"vocab.json": json.dumps(tokenizer["model"]["vocab"], ensure_ascii=False),
            "merges.txt": "#version: 0.2\n" + "".join(
                " ".join(m) + "\n" for m in tokenizer["model"]["merges"])}


# ---- donors -------------------------------------------------------------------

Donor = collections.namedtuple("Donor", "type config files")
LLAMA_ROLES = {"bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>"}
BERT_ROLES = {"pad_token": "[PAD]", "unk_token": "[UNK]", "cls_token": "[CLS]",
              "sep_token": "[SEP]", "mask_token": "[MASK]"}


def donors():
    """Name -> Donor: model_type, tokenizer_config, files. Each is as some family has it."""
    out = {}

    def put(name, model_type, tokenizer, cls, roles, files=None, json_file=True, **more):
        config = {**({"tokenizer_class": cls} if cls else {}), **roles,
                  "clean_up_tokenization_spaces": False, "model_max_length": 64, **more}
        if "added_tokens_decoder" not in more:
            config["added_tokens_decoder"] = {
                str(t["id"]): {k: v for k, v in t.items() if k != "id"}
                for t in tokenizer["added_tokens"]}
        out[name] = Donor(model_type, config, {
            **({"tokenizer.json": json.dumps(tokenizer, ensure_ascii=False)} if json_file else {}),
            **(files or {})})

    def decoder_of(tokenizer):
        return {str(t["id"]): {k: v for k, v in t.items() if k != "id"}
                for t in tokenizer["added_tokens"]}

    # The family of Llama 2: its two forms of tokenizer.json, class with and without Fast,
    # with the slow class's file; that file alone.
    legacy, later = metaspace("legacy"), metaspace("first")
    model = sentencepiece_of(legacy, "bpe")
    put("llama2", "llama", legacy, "LlamaTokenizer", LLAMA_ROLES, {"tokenizer.model": model},
        add_bos_token=True, add_eos_token=False, legacy=True)
    put("llama2-fast", "llama", later, "LlamaTokenizerFast", LLAMA_ROLES,
        {"tokenizer.model": model}, add_bos_token=True, add_eos_token=False, legacy=False)
    put("llama2-model-only", "llama", legacy, "LlamaTokenizer", LLAMA_ROLES,
        {"tokenizer.model": model}, json_file=False, add_bos_token=True, add_eos_token=False,
        legacy=False)
    put("llama2-no-prefix", "llama", metaspace("gemma", bos=False), "LlamaTokenizer", LLAMA_ROLES,
        {"tokenizer.model": sentencepiece_of(legacy, "bpe", False)}, add_bos_token=False,
        add_eos_token=False, legacy=False, add_prefix_space=False)
    put("mistral", "mistral", legacy, "LlamaTokenizer", LLAMA_ROLES, {"tokenizer.model": model},
        add_bos_token=True, add_eos_token=False, legacy=False)
    phi = metaspace("legacy", bos=False)
    phi["added_tokens"] += added(["<|end|>", "<|user|>"], len(phi["model"]["vocab"]), rstrip=True)
    put("phi3", "phi3", phi, "LlamaTokenizer", {**LLAMA_ROLES, "pad_token": "<|end|>"},
        {"tokenizer.model": model}, add_bos_token=False, add_eos_token=False, legacy=False)
    put("internlm2", "internlm2", legacy, "LlamaTokenizerFast", LLAMA_ROLES)
    put("llava", "llava", later, "LlamaTokenizer", LLAMA_ROLES)
    put("code_llama", "llama", later, "CodeLlamaTokenizer", LLAMA_ROLES,
        {"tokenizer.model": model}, legacy=None)

    # The family of Llama 3 and other byte-level ones that bring their own pattern.
    chat = ["<|begin_of_text|>", "<|end_of_text|>", "<|eot_id|>"]
    roles3 = {"bos_token": chat[0], "eos_token": chat[2]}
    three = byte_level(LLAMA3, chat, ignore_merges=True, post=lambda ids: {
        "type": "Sequence", "processors": [level(trim_offsets=False),
                                           template(bos=ids["<|begin_of_text|>"])]})
    put("llama3", "llama", three, "PreTrainedTokenizerFast", roles3)
    put("llama3-backend", "llama", three, "TokenizersBackend", roles3)
    put("llama3-no-class", "llama", three, None, roles3)
    put("tekken", "mistral", three, "LlamaTokenizerFast", roles3)
    put("gpt_oss", "gpt_oss", byte_level(LLAMA3, chat, ignore_merges=True),
        "PreTrainedTokenizerFast", roles3)
    put("phi3-bytes", "phi3", byte_level(LLAMA3, chat), "GPT2Tokenizer", roles3)
    deep = byte_level(DEEPSEEK, ["<｜begin▁of▁sentence｜>", "<｜end▁of▁sentence｜>"], first=True)
    put("deepseek_v3", "deepseek_v3", deep, "LlamaTokenizerFast",
        {"bos_token": "<｜begin▁of▁sentence｜>", "eos_token": "<｜end▁of▁sentence｜>"},
        add_bos_token=True, add_eos_token=False, legacy=True)
    put("distilled", "qwen2", byte_level(QWEN2, chat, post=lambda ids: template(
        bos=ids["<|begin_of_text|>"])), "LlamaTokenizerFast", roles3, add_bos_token=True)
    put("cohere", "cohere", byte_level(GPT2, ["<PAD>", "<UNK>", "<BOS_TOKEN>",
                                              "<|END_OF_TURN_TOKEN|>"], first=True,
                                       normalizer={"type": "NFC"},
                                       post=lambda ids: template(bos=ids["<BOS_TOKEN>"])),
        "CohereTokenizerFast", {"bos_token": "<BOS_TOKEN>", "eos_token": "<|END_OF_TURN_TOKEN|>",
                                "pad_token": "<PAD>", "unk_token": "<UNK>"},
        add_bos_token=True, add_eos_token=False)
    end = {t: "<|endoftext|>" for t in ("bos_token", "eos_token", "unk_token")}
    dolma = byte_level(LLAMA3, ["<|endoftext|>", "<|pad|>"])
    put("olmo2", "olmo2", dolma, "GPT2Tokenizer", {**end, "pad_token": "<|pad|>"})
    put("granite", "granite", dolma, "GPT2Tokenizer", end, vocab_and_merges(dolma),
        add_bos_token=False, add_prefix_space=False, errors="replace")
    put("stablelm", "stablelm", dolma, "GPTNeoXTokenizer", end)
    put("jamba", "jamba", legacy, "LlamaTokenizer", LLAMA_ROLES)
    put("glm4", "glm4", byte_level(LLAMA3, chat), "PreTrainedTokenizer", roles3)
    put("modernbert", "modernbert", byte_level(
        GPT2, ["[CLS]", "[SEP]", "[PAD]", "[UNK]", "[MASK]"], normalizer={"type": "NFC"},
        post=lambda ids: template(cls=ids["[CLS]"], sep=ids["[SEP]"])),
        "PreTrainedTokenizerFast", BERT_ROLES)

    # GPT-2 and its kin.
    two = byte_level(GPT2, ["<|endoftext|>"])
    put("gpt2", "gpt2", two, "GPT2Tokenizer", end, vocab_and_merges(two))
    put("gpt2-no-class", "gpt2", two, None, {}, vocab_and_merges(two))
    put("gpt2-files-only", "gpt2", two, "GPT2Tokenizer", end, vocab_and_merges(two),
        json_file=False)
    put("gpt_neox", "gpt_neox", two, "GPTNeoXTokenizer", end)
    put("falcon", "falcon", byte_level(LLAMA3, ["<|endoftext|>"]), "PreTrainedTokenizerFast",
        {"eos_token": "<|endoftext|>"})
    put("bloom", "bloom", byte_level(GPT2, ["<unk>", "<s>", "</s>", "<pad>"], first=True),
        "BloomTokenizerFast", {**LLAMA_ROLES, "pad_token": "<pad>"})
    bart = byte_level(GPT2, ["<s>", "<pad>", "</s>", "<unk>", "<mask>"], first=True)
    ids = bart["model"]["vocab"]
    bart["post_processor"] = {"type": "RobertaProcessing", "sep": ["</s>", ids["</s>"]],
                              "cls": ["<s>", ids["<s>"]], "trim_offsets": True,
                              "add_prefix_space": False}
    put("roberta", "roberta", bart, "RobertaTokenizer",
        {**LLAMA_ROLES, "cls_token": "<s>", "sep_token": "</s>", "pad_token": "<pad>",
         "mask_token": "<mask>"}, vocab_and_merges(bart))

    # Qwen's, whose classes build their own pattern.
    chatml = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
    qwen_roles = {"eos_token": "<|im_end|>", "pad_token": "<|endoftext|>"}
    nfc = {"type": "NFC"}
    qwen = byte_level(QWEN2, chatml, normalizer=nfc)
    put("qwen2", "qwen2", qwen, "Qwen2Tokenizer", qwen_roles, vocab_and_merges(qwen),
        add_prefix_space=False, errors="replace", add_bos_token=False)
    put("qwen3", "qwen3", qwen, "Qwen2Tokenizer", qwen_roles, vocab_and_merges(qwen),
        add_prefix_space=False, errors="replace", add_bos_token=False)
    put("qwen3-no-class", "qwen3", qwen, None, qwen_roles, add_prefix_space=False)
    put("qwen-files-only", "qwen2", qwen, "Qwen2Tokenizer", qwen_roles, vocab_and_merges(qwen),
        json_file=False, add_prefix_space=False)
    put("qwen3_5", "qwen3_5_text", byte_level(QWEN3_5, chatml, normalizer=nfc), "Qwen2Tokenizer",
        qwen_roles)
    put("qwen3_5-moe", "qwen3_5_moe", byte_level(QWEN3_5, chatml, normalizer=nfc),
        "TokenizersBackend", qwen_roles)

    # Gemma's, with and without a class; Siglip 2 lowers what Gemma keeps.
    gemma_special = ("<pad>", "<eos>", "<bos>", "<unk>", "<mask>", "<start_of_turn>")
    gemma = metaspace("gemma", gemma_special, in_vocabulary=["▁▁", "▁▁▁", "\n\n"])
    gemma_roles = {"bos_token": "<bos>", "eos_token": "<eos>", "unk_token": "<unk>",
                   "pad_token": "<pad>"}
    gemma_model = {"tokenizer.model": sentencepiece_of(gemma, "bpe", False)}
    put("gemma3", "gemma3_text", gemma, "GemmaTokenizer", gemma_roles, gemma_model,
        add_bos_token=True, add_eos_token=False)
    put("gemma-no-class", "gemma", gemma, None, gemma_roles, gemma_model)
    put("siglip2", "siglip2", gemma, "GemmaTokenizer", gemma_roles)

    # Unigram and WordPiece.
    t5 = unigram(["<pad>", "</s>", "<unk>"], lambda ids: template(eos=ids["</s>"]))
    put("t5", "t5", t5, "T5Tokenizer", {"eos_token": "</s>", "unk_token": "<unk>",
                                        "pad_token": "<pad>"},
        {"spiece.model": sentencepiece_of(t5, "unigram")}, extra_ids=0)
    roberta = unigram(["<s>", "<pad>", "</s>", "<unk>", "<mask>"],
                      lambda ids: template(bos=ids["<s>"], eos=ids["</s>"]))
    put("xlm-roberta", "xlm-roberta", roberta, "XLMRobertaTokenizer",
        {**LLAMA_ROLES, "cls_token": "<s>", "sep_token": "</s>", "pad_token": "<pad>",
         "mask_token": "<mask>"})
    put("bert", "bert", word_pieces(True), "BertTokenizer", BERT_ROLES,
        {"vocab.txt": "".join(t + "\n" for t in word_pieces(True)["model"]["vocab"])},
        do_lower_case=True)
    put("bert-no-class", "bert", word_pieces(True), None, {}, do_lower_case=True)
    return out


# ---- directories --------------------------------------------------------------

WIDTH = 8


def rows_of(tokenizer_files, config):
    """Rows enough for every id."""
    top = [int(i) for i in config.get("added_tokens_decoder", {})]
    for name, text in tokenizer_files.items():
        if name == "tokenizer.json":
            parsed = json.loads(text)
            top += [t["id"] for t in parsed["added_tokens"]] + [len(parsed["model"]["vocab"]) - 1]
        elif name == "vocab.json":
            top.append(len(json.loads(text)) - 1)
        elif name == "tokenizer.model":
            top.append(len(sentencepiece_model.ModelProto.FromString(text).pieces) - 1)
    return max(top) + 1


def write_model(directory, model_type, rows, seed, **config):
    random = np.random.default_rng(seed)
    matrix = (random.standard_normal((rows, WIDTH)) / 4).astype(np.float16)
    save_file({"model.embed_tokens.weight": matrix, "lm_head.weight": matrix[::-1].copy(),
               "model.norm.weight": np.ones(WIDTH, np.float16)},
              directory / "model.safetensors", metadata={"format": "pt"})
    (directory / "config.json").write_text(json.dumps(
        {"model_type": model_type,
         "vocab_size": rows, "tie_word_embeddings": False, **config}))


def write_donor(directory, donor):
    directory.mkdir(parents=True)
    for name, text in donor.files.items():
        (directory / name).write_bytes(text if isinstance(text, bytes) else text.encode())
    (directory / "tokenizer_config.json").write_text(
        json.dumps(donor.config, ensure_ascii=False))
    write_model(directory, donor.type, rows_of(donor.files, donor.config), 2)


REAL_TYPES = {"llama2": "llama", "llama3_1": "llama", "qwen3": "qwen3", "gemma3": "gemma3_text",
              "deepseek_v3": "deepseek_v3", "gptoss": "gpt_oss"}


def link_real(directory, source):
    """A real tokenizer beside a model of its type."""
    directory.mkdir(parents=True)
    for path in source.iterdir():
        if path.name != "config.json" and path.suffix != ".safetensors":
            (directory / path.name).symlink_to(path.resolve())
    parsed = json.loads((source / "tokenizer.json").read_text())
    rows = max([len(parsed["model"]["vocab"])] + [t["id"] + 1 for t in parsed["added_tokens"]])
    write_model(directory, REAL_TYPES.get(source.name, "llama"), rows, 2)


def write_base(directory, model_type):
    directory.mkdir(parents=True)
    tokenizer = byte_level(GPT2, ["<s>", "</s>", "<unk>"])
    (directory / "tokenizer.json").write_text(json.dumps(tokenizer))
    (directory / "tokenizer_config.json").write_text(json.dumps(
        {"tokenizer_class": "PreTrainedTokenizerFast", **LLAMA_ROLES}))
    rows = rows_of({"tokenizer.json": json.dumps(tokenizer)}, {})
    write_model(directory, model_type, rows, 1, bos_token_id=rows - 3, eos_token_id=rows - 2)


# ---- which bases --------------------------------------------------------------

def kinds():
    """Kind -> the model types that the package treats alike: by the class it has for them,
    and by whether it trusts that more than what the tokenizer says."""
    names = tokenization_auto.TOKENIZER_MAPPING_NAMES
    wrong = getattr(tokenization_auto, "MODELS_WITH_INCORRECT_HUB_TOKENIZER_CLASS", set())
    out = collections.defaultdict(list)
    for model_type in dict.fromkeys(list(configuration_auto.CONFIG_MAPPING_NAMES) + sorted(wrong)):
        cls = names.get(model_type)
        out[(str(cls), model_type in wrong)].append(model_type)
    return out


# Types of the drafts and bases in use.
USUAL = ["llama", "qwen2", "qwen3", "gemma3_text", "gpt2", "mistral", "phi3", "granite",
         "gpt_neox", "bert", "cohere", "t5"]


def bases(every):
    """All types, or those in use and every one whose class is forced."""
    types = {t for types in kinds().values() for t in types}
    if every:
        return sorted(types)
    forced = [t for (cls, wrong), types in kinds().items() for t in types
              if wrong and cls != "TokenizersBackend"]
    return sorted(t for t in set(USUAL + forced) if t in types)


# ---- what a client reads ------------------------------------------------------

ROLES = ["bos_token", "eos_token", "unk_token", "pad_token", "cls_token", "sep_token",
         "mask_token"]


def read(directory, fast, said, **settings):
    """What AutoTokenizer makes of a directory: its class, and all that is compared. `said`:
    the roles that the donor names a token for; a class may have others of its own."""
    settings.setdefault("trust_remote_code", False)  # else it asks
    tokenizer = AutoTokenizer.from_pretrained(str(directory), use_fast=fast, **settings)
    texts = lines(list(dict.fromkeys(str(getattr(tokenizer, r, None)) for r in said)))
    plain = [tokenizer.encode(t, add_special_tokens=False) for t in texts]
    whole = [tokenizer.encode(t) for t in texts]
    return type(tokenizer).__name__, texts, {
        "encode": plain,
        "encode with special tokens": whole,
        "decode": [tokenizer.decode(i) for i in whole],
        "decode without special tokens": [tokenizer.decode(i, skip_special_tokens=True)
                                          for i in whole],
        "roles": {r: (str(getattr(tokenizer, r)), getattr(tokenizer, r + "_id", None))
                  for r in ROLES if getattr(tokenizer, r, None)},
        "size": len(tokenizer),
    }


def attempt(directory, fast, said, **settings):
    try:
        return read(directory, fast, said, **settings)
    except Exception as error:  # whatever a class raises on files it cannot read
        return None, None, f"{type(error).__name__}: {error}"[:140]


def difference(donor, out, said):
    """The first thing that differs, in words; None if nothing does."""
    if donor[1] is None or out[1] is None:
        return None if donor[1] is None else f"{out[2]}"
    for key, wanted in donor[2].items():
        got = out[2][key]
        if key == "size":
            # A class may bring tokens of its own, which the model has no rows for.
            if got > wanted:
                return f"{out[0]} has {got} tokens, {donor[0]} {wanted}"
        elif key == "roles":
            for role in said:
                if got.get(role) != wanted.get(role):
                    return f"{role}: {out[0]} {got.get(role)}, {donor[0]} {wanted.get(role)}"
        elif got != wanted:
            at = next(i for i in range(len(wanted)) if wanted[i] != got[i])
            return (f"{key} {donor[1][at]!r}: {out[0]} {got[at]!r}, {donor[0]} "
                    f"{wanted[at]!r}")[:230]
    return None


# ---- what would make OUT right -------------------------------------------------

def edit_json(path, change):
    parsed = json.loads(path.read_text())
    change(parsed)
    path.write_text(json.dumps(parsed, ensure_ascii=False))


def with_class(name):
    def mend(out):
        edit_json(out / "tokenizer_config.json", lambda c: c.update(tokenizer_class=name))
    return mend


def without_class(out):
    edit_json(out / "tokenizer_config.json", lambda c: c.pop("tokenizer_class", None))


OWN_CODE = """import transformers

Class = getattr(transformers, "{name}Fast", None) or transformers.{name}


class TransplantedTokenizer(Class):
    def __init__(self, *arguments, **settings):
        super().__init__(*arguments, **settings)
"""
OWN_CODE_AS_IS = """from transformers import PreTrainedTokenizerFast


class TransplantedTokenizer(PreTrainedTokenizerFast):
    pass
"""


def with_map(name):
    """An auto_map, which has AutoTokenizer take the tokenizer's word for its class; the code
    it names is for those who trust code, and makes the same class."""
    def mend(out):
        own = "tokenization_transplanted.TransplantedTokenizer"
        edit_json(out / "tokenizer_config.json", lambda c: c.update(
            tokenizer_class=name, auto_map={"AutoTokenizer": [own, own]}))
        code = OWN_CODE_AS_IS if name == "PreTrainedTokenizerFast" else OWN_CODE.format(name=name)
        (out / "tokenization_transplanted.py").write_text(code)
    return mend


def with_config_class(name):
    def mend(out):
        without_class(out)
        edit_json(out / "config.json", lambda c: c.update(tokenizer_class=name))
    return mend


def mends(donor_class):
    own = donor_class.removesuffix("Fast")
    if own in ("TokenizersBackend", "PreTrainedTokenizer"):
        own = "PreTrainedTokenizerFast"
    names = dict.fromkeys([own, "PreTrainedTokenizerFast"])
    return ([(f"tokenizer_class {name}", with_class(name)) for name in names]
            + [("no tokenizer_class", without_class)]
            + [(f"config.json tokenizer_class {name}", with_config_class(name)) for name in names]
            + [(f"auto_map {name}", with_map(name)) for name in names])


def problem_of(directory, donor_read, said, **settings):
    """What is wrong with a directory, None if nothing. In 4 both classes are asked for; a slow
    one may be had as the fast one of the donor is, whose tokenizer.json it then has."""
    for fast, wanted in donor_read.items():
        if wanted[1] is None:
            continue
        got = attempt(directory, fast, said, **settings)
        problem = difference(wanted, got, said)
        if problem and not fast and got[1] and got[0] != wanted[0] and \
                not difference(donor_read[True], got, said):
            continue
        if problem:
            return problem if fast else "slow: " + problem
    return None


def try_mends(out, donor_read, said):
    """The changes that make OUT right by every way of reading it, trusted code among them."""
    right = []
    for name, mend in mends(donor_read[True][0]):
        copy = out.with_name("mended")
        shutil.copytree(out, copy)
        mend(copy)
        if not problem_of(copy, donor_read, said):
            trusted = problem_of(copy, donor_read, said, trust_remote_code=True)
            right.append(name + (" (not with trust_remote_code)" if trusted else ""))
        shutil.rmtree(copy)
    return right


# ---- the pairs ----------------------------------------------------------------

# What no change of OUT's files makes right with transformers 4, as 5 needs another one:
# (donor, base or None for all, why).
FOUR_CANNOT = [
    ("deepseek_v3", "qwen2", "add_bos_token asks for a token that its tokenizer.json does not "
                             "add; only 4's LlamaTokenizerFast heeds it, which 5 takes by "
                             "another pre-tokenizer in a qwen2 body"),
    ("real-deepseek_v3", "qwen2", "the same"),
    ("siglip2", None, "4 has no Siglip2Tokenizer"),
]


def excused(donor, base):
    return not FIVE and any(donor == d and b in (None, base) for d, b, _ in FOUR_CANNOT)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("tool")
    parser.add_argument("--all", action="store_true")
    parser.add_argument("--mend", action="store_true")
    parser.add_argument("--base", action="append")
    parser.add_argument("--donor", action="append")
    options = parser.parse_args()
    begin = time.time()
    ways = [True] if FIVE else [True, False]  # 5 knows no slow classes
    scratch = Path(tempfile.mkdtemp(prefix="tokenizer-clients-"))
    passed, failed, refused = 0, 0, collections.Counter()
    wrong = collections.defaultdict(list)
    try:
        given = donors()
        for name, donor in given.items():
            if not options.donor or name in options.donor:
                write_donor(scratch / "donor" / name, donor)
        real = os.environ.get("OTX_REAL_TOKENIZERS")
        for source in sorted(Path(real).iterdir()) if real else []:
            name = "real-" + source.name
            if (source / "tokenizer.json").exists() and (
                    not options.donor or name in options.donor):
                link_real(scratch / "donor" / name, source)
        types = options.base or bases(options.all)
        names = sorted(p.name for p in (scratch / "donor").iterdir())
        for model_type in types:
            write_base(scratch / "base" / model_type, model_type)
        for name in names:
            directory = scratch / "donor" / name
            said = {}
            if (directory / "tokenizer_config.json").exists():
                said = json.loads((directory / "tokenizer_config.json").read_text())
            said = [r for r in ROLES if said.get(r)]
            donor_read = {f: attempt(directory, f, said) for f in ways}
            if donor_read[True][1] is None:
                print(f"note: donor {name} itself cannot be read: {donor_read[True][2]}")
                continue
            for model_type in types:
                if name.startswith("real-") and not options.base and model_type not in USUAL:
                    continue
                out = scratch / "out"
                shutil.rmtree(out, ignore_errors=True)
                run = subprocess.run([options.tool, scratch / "base" / model_type, directory, out,
                                      "-q", "-a", "mean"], capture_output=True, text=True)
                if run.returncode:
                    wrong[(name, "refused: " + run.stderr.strip()[:200])].append(model_type)
                    failed += 1
                    continue
                problem = problem_of(out, donor_read, said)
                if problem and excused(name, model_type):
                    print(f"note: {name} into {model_type}, which 4 cannot do: {problem}")
                    continue
                passed += not problem
                failed += bool(problem)
                if problem:
                    if options.mend:
                        right = try_mends(out, donor_read, said)
                        problem += "\n        right with: " + ("; ".join(right) or "nothing")
                    wrong[(name, problem)].append(model_type)
        for (name, problem), types in wrong.items():
            print(f"FAILED {name} into {', '.join(types)}:\n    {problem}")
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    print(f"transformers {transformers.__version__}, {time.time() - begin:.0f} s")
    print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())

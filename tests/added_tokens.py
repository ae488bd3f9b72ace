#!/usr/bin/env python3
"""Whether added tokens of two files are read as `transformers` reads them.

    tests/added_tokens.py TRANSPLANT [PRINT_ALIGNMENT]

tokenizer.json has added tokens, and added_tokens_decoder of tokenizer_config.json says the same
of them, less, more, or something else of ids that have a token. Every class of transformers 4 and
those of 5 that take tokenizer.json as it stands go by that: a content that is known keeps its id,
another gets the next one, whatever is declared. So is it read here, id by id. Classes of
transformers 5 that build a tokenizer of their own take added_tokens_decoder instead, without its
ids: where that makes a difference `transplant verify` must warn, and where it makes none it must
not. PRINT_ALIGNMENT is tests/print_alignment.c compiled. Exits with 77 without the packages.
"""
import json
import logging
import os
import subprocess
import sys
import tempfile
from pathlib import Path

sys.dont_write_bytecode = True  # of the module below
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
os.environ.setdefault("HF_HUB_OFFLINE", "1")
try:
    import transformers
except ImportError:
    print("skipped added_tokens: no package transformers")
    sys.exit(77)

from vocab_oracle import Vocabulary, compile_program, read_tokens

logging.disable(logging.CRITICAL)
FIVE = int(transformers.__version__.split(".")[0]) >= 5
OWN = {"GPT2Tokenizer": "byte-level", "Qwen2Tokenizer": "byte-level",
       "LlamaTokenizer": "metaspace", "GemmaTokenizer": "metaspace"}
CLASSES = [("PreTrainedTokenizerFast", style) for style in ("byte-level", "metaspace")] + list(
    OWN.items())
WORDS = ["aa", "bb", "cc"]
COMPLETE = {"x": ("<x>", True), "y": ("<y>", False)}
# added_tokens_decoder, by the ids of words and of the two tokens that tokenizer.json adds.
DECODERS = {
    "none": None, "the same": {}, "a flag raised": {"y": ("<y>", True)},
    "a flag lowered": {"x": ("<x>", False)}, "a word as itself": {"word": ("{word}", False)},
    "one is not there": {"y": None}, "new at a word's id": {"word": ("NEW", True)},
    "new at an added token's id": {"x": ("NEW", True)}, "new at the next id": {
        "next": ("NEW", True)}, "new far beyond": {"far": ("NEW", False)},
    "a word at another's id": {"other": ("{word}", True)},
    "an added token at a word's id": {"word": ("<x>", True), "x": None},
    "swapped": {"x": ("<y>", False), "y": ("<x>", True)},
    "two new": {"word": ("NEW", True), "next": ("NEXT", True)},
}
passed = failed = 0


def check(good, what):
    global passed, failed
    passed, failed = passed + bool(good), failed + (not good)
    if not good:
        print("failed:", what)


def write(path, style, name, decoder):
    """A directory with a tokenizer; returns the ids by their names in DECODERS."""
    if style == "byte-level":
        vocab = {char: i for i, char in enumerate(Vocabulary.ALPHABET)}
        step = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True}
        words = WORDS
    else:
        vocab = {content: i for i, content in enumerate(
            ["<unk>", "<s>", "</s>"] + ["<0x%02X>" % byte for byte in range(256)])}
        step = {"type": "Metaspace", "replacement": "\u2581", "prepend_scheme": "first"}
        words = ["\u2581" + word for word in WORDS] + ["\u2581"]
    for word in words:
        vocab[word] = len(vocab)
    ids = {"word": vocab[words[0]], "other": vocab[words[1]], "x": len(vocab),
           "y": len(vocab) + 1, "next": len(vocab) + 2, "far": len(vocab) + 9}
    plain = {"single_word": False, "lstrip": False, "rstrip": False, "normalized": False}
    added = [{"id": i, "content": content, "special": True, **plain}
             for i, content in enumerate(["<unk>", "<s>", "</s>"] * (style == "metaspace"))]
    tokenizer = {
        "version": "1.0", "truncation": None, "padding": None, "normalizer": None,
        "added_tokens": added + [{"id": ids[k], "content": content, "special": special, **plain}
                                 for k, (content, special) in COMPLETE.items()],
        "pre_tokenizer": step, "post_processor": None, "decoder": step,
        "model": {"type": "BPE", "dropout": None, "unk_token": None, "fuse_unk": False,
                  "continuing_subword_prefix": None, "end_of_word_suffix": None,
                  "byte_fallback": style == "metaspace", "vocab": vocab, "merges": []}}
    roles = dict.fromkeys(["bos_token", "eos_token", "unk_token", "pad_token", "mask_token"], "<x>")
    config = {"tokenizer_class": name, **roles}
    if decoder is not None:
        listed = {ids[k]: v for k, v in {**COMPLETE, **decoder}.items() if v}
        config["added_tokens_decoder"] = {
            **{str(token["id"]): {k: v for k, v in token.items() if k != "id"} for token in added},
            **{str(i): {"content": content.format(word=words[0]), "special": special, **plain}
               for i, (content, special) in sorted(listed.items())}}
    path.mkdir()
    for file, content in (("tokenizer.json", tokenizer), ("tokenizer_config.json", config),
                          ("config.json", {"model_type": "llama"})):
        (path / file).write_text(json.dumps(content))


def main():
    with tempfile.TemporaryDirectory() as directory:
        program = sys.argv[2] if len(sys.argv) > 2 else compile_program(directory)
        for (name, style), (case, decoder) in ((c, d) for c in CLASSES for d in DECODERS.items()):
            path = Path(directory, f"{name} {style} {case}")
            write(path, style, name, decoder)
            theirs = transformers.AutoTokenizer.from_pretrained(path)
            contents = {content: i for content, i in theirs.get_vocab().items()}
            special = {i for i, token in theirs.added_tokens_decoder.items() if token.special}
            tokens, _ = read_tokens(program, path)
            ours = {token[2].decode(): i for i, token in tokens.items()}
            control = {i for i, token in tokens.items() if token[0] == "control"}
            wrong = {c: (i, contents.get(c)) for c, i in ours.items() if contents.get(c) != i}
            wrong.update({c: (None, i) for c, i in contents.items() if c not in ours
                          and i < len(ours)})
            said = subprocess.run([sys.argv[1], "verify", path], stdout=subprocess.PIPE,
                                  stderr=subprocess.DEVNULL, timeout=60).stdout.decode()
            warned = "of transformers 5 goes by the latter" in said
            what = f"{transformers.__version__}, {name}, {style}, {case}: "
            if FIVE and name in OWN:
                check(warned or not wrong, f"{what}not warned of {wrong}")
                check(not warned or wrong, f"{what}warned of nothing: {said}")
            else:
                check(not wrong, f"{what}{wrong}")
                check(special <= control, f"{what}special {special}, here {control}")
                check(name in OWN or not warned, f"{what}warned: {said}")
    print("%d passed, %d failed, 0 skipped" % (passed, failed))
    return failed > 0


sys.exit(main())

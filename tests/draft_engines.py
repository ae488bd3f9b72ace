#!/usr/bin/env python3
"""Whether `transplant verify --draft-for` sees a directory as the engines' own code does.

    tests/draft_engines.py TRANSPLANT

llama.cpp knows the special tokens of a model as gguf-py's SpecialVocab finds them: whether they
stand at the ends of texts, and their ids. Small directories with every kind of post-processor,
flag and spelling of a special token are verified against targets that differ in all of that, and
what the tool then says of them must be what SpecialVocab gives, or where that gives nothing what
llama.cpp takes for the kind of vocabulary. transformers and vLLM compare the size that
AutoConfig's get_text_config has: the tool must read the same one, of every model type there is.
Exits with 77 without the packages gguf and transformers.
"""
import itertools
import json
import logging
import re
import subprocess
import sys
import tempfile
from pathlib import Path

try:
    from gguf import SpecialVocab
    from transformers import CONFIG_MAPPING, AutoConfig
except ImportError:
    print("skipped draft_engines: no packages gguf and transformers")
    sys.exit(77)

logging.disable(logging.CRITICAL)
BYTE_LEVEL = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True}
METASPACE = {"type": "Metaspace", "replacement": "\u2581", "prepend_scheme": "first"}
# Whether bos and eos are added, and their ids, where nothing is written (src/llama-vocab.cpp).
UNSAID = {"SPM": ([True, False], [1, 2]), "BPE": ([False, False], [11, 11])}
SPECIAL = ["<unk>", "<s>", "</s>", "<cls>", "<sep>", "<e\u2581t>"]  # ids 20 and on
FIRST = 20
UNSIZED = {"dia", "fsmt"}  # vocab_size is that of a codec, or of one of two vocabularies
passed = failed = 0


def check(good, what):
    global passed, failed
    passed, failed = passed + bool(good), failed + (not good)
    if not good:
        print("failed:", what)


def template(*single):
    parts = [{"Sequence": {"id": "A", "type_id": 0}} if part == "A" else
             {"SpecialToken": {"id": part, "type_id": 0}} for part in single]
    used = [part for part in single if part != "A"]
    return {"type": "TemplateProcessing", "single": parts, "pair": [],
            "special_tokens": {name: {"id": name, "ids": [9], "tokens": [name]} for name in used}}


def sequence(*processors):
    return {"type": "Sequence", "processors": list(processors)}


ROBERTA = {"type": "RobertaProcessing", "sep": ["</s>", 22], "cls": ["<s>", 21]}
PROCESSORS = [
    None, {"type": "ByteLevel", "trim_offsets": False}, template("A"), template("<s>", "A"),
    template("<s>", "A", "</s>"), template("A", "</s>"), template("<cls>", "A", "<sep>"),
    template("<s>", "A", "<e\u2581t>"), template("<unk>", "A"), template("<s>"), ROBERTA,
    sequence({"type": "ByteLevel"}, template("<s>", "A")), sequence(ROBERTA, template("A", "</s>")),
    sequence(template("<s>", "A"), template("A", "<e\u2581t>")), sequence(),
]
NAMED = {"bos_token": "<s>", "eos_token": "</s>"}
CONFIGS = [  # tokenizer_config.json
    None, {}, NAMED, {**NAMED, "add_bos_token": True}, {**NAMED, "add_bos_token": False},
    {**NAMED, "add_bos_token": None, "add_eos_token": True}, {**NAMED, "add_eos_token": False},
    {"bos_token": {"content": "<s>"}, "eos_token": {"content": "</s>"}},
    {"bos_token": None, "eos_token": "<e\u2581t>"}, {"cls_token": "<cls>", "sep_token": "<sep>"},
    {"bos_token": "none such", "eos_token": ""}, {"add_bos_token": "yes", "bos_token": 7},
]
MODELS = [  # ids of config.json
    {"bos_token_id": 5, "eos_token_id": 6}, {"bos_token_id": 5, "eos_token_id": [6, 7]}, {},
    {"bos_token_id": None, "text_config": {"bos_token_id": 8, "eos_token_id": 9}},
]


def write(directory, files):
    directory.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        path = directory / name
        if content is None:
            path.unlink(missing_ok=True)
        else:
            path.write_text(json.dumps(content, ensure_ascii=len(str(content)) % 2 == 0))


def tokenizer(kind, processor):
    words = ["\u2581" * (kind == "SPM") + "w%d" % i for i in range(FIRST)]
    style = METASPACE if kind == "SPM" else BYTE_LEVEL
    return {"version": "1.0", "normalizer": None, "pre_tokenizer": style, "decoder": style,
            "post_processor": processor, "truncation": None, "padding": None,
            "added_tokens": [
                {"id": FIRST + i, "content": content, "single_word": False, "lstrip": False,
                 "rstrip": False, "normalized": False, "special": True}
                for i, content in enumerate(SPECIAL)],
            "model": {"type": "BPE", "vocab": {word: i for i, word in enumerate(words)},
                      "merges": []}}


def newly_known(processor, config):
    """Whether a special token begins a template that is known as neither bos nor cls, while one
    of these is not known: since 2026 it becomes that."""
    config = config or {}
    bos, cls = config.get("bos_token") or config.get("cls_token"), config.get("cls_token")
    for part in (processor or {}).get("processors", [processor or {}]):
        single = part.get("single", [])
        first = single[0].get("SpecialToken", {}).get("id") if len(single) > 1 else None
        if config and first and first not in (bos, cls) and not (bos and cls):
            return True
    return False


def verified(draft, target, engine):
    done = subprocess.run([sys.argv[1], "verify", draft, "--draft-for", target, "--engine", engine],
                          stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, timeout=60)
    lines = [line for line in done.stdout.decode().splitlines() if ": draft: " in line]
    return lines[0] if len(lines) == 1 else "not one line: %s" % lines


def special_tokens(work):
    """Flags and ids, by what is said of a directory beside targets with others."""
    draft, adds, never = work / "draft", work / "adds", work / "never"
    for kind in UNSAID:
        for directory, flag in ((adds, True), (never, False)):
            write(directory, {"config.json": {"bos_token_id": 1000, "eos_token_id": 1001},
                              "tokenizer.json": tokenizer(kind, None), "tokenizer_config.json":
                              {"add_bos_token": flag, "add_eos_token": flag}})
        for processor, config, model in itertools.product(PROCESSORS, CONFIGS, MODELS):
            if not hasattr(SpecialVocab, "_parse_normalizer") and newly_known(processor, config):
                continue  # gguf 0.19.0 is older than that
            case = f"{kind} {json.dumps(processor)} {json.dumps(config)} {json.dumps(model)}"
            write(draft, {"config.json": model, "tokenizer.json": tokenizer(kind, processor),
                          "tokenizer_config.json": config})
            try:
                real = SpecialVocab(draft)
            except Exception as error:  # what cannot be converted has no flags
                print("not converted:", case, repr(error))
                continue
            said = verified(draft, never, "llama.cpp"), verified(draft, adds, "llama.cpp")
            for i, role in enumerate(("bos", "eos")):
                flag = real.add_special_token.get(role, UNSAID[kind][0][i])
                number = real.special_token_ids.get(role, UNSAID[kind][1][i])
                check((f"adds {role} to its texts" in said[0]) == flag, f"{case}: {said[0]}")
                found = re.search(rf"{role} is (-?\d+), the target's is {1000 + i}\b", said[1])
                check(bool(found) == flag and (not found or int(found[1]) == number),
                      f"{case}: {number}: {said[1]}")


def sizes(work):
    """The size of the text model, of every type of model with a default configuration."""
    target = work / "target"
    write(target, {"config.json": {"vocab_size": 123457}, "tokenizer.json": tokenizer("BPE", None)})
    for model_type in sorted(CONFIG_MAPPING):
        draft = work / "types" / model_type
        try:
            CONFIG_MAPPING[model_type]().save_pretrained(draft)
            size = AutoConfig.from_pretrained(draft).get_text_config().vocab_size
        except Exception:  # no defaults, no text, or none that is settled
            continue
        if not isinstance(size, int) or size <= 0:
            continue
        write(draft, {"tokenizer.json": tokenizer("BPE", None)})
        said = verified(draft, target, "transformers")
        known = 'names no "vocab_size"' if model_type in UNSIZED else (
            f'"vocab_size" is {size}, the target\'s 123457')
        check(known in said, f"{model_type}: {size}: {said}")


def main():
    with tempfile.TemporaryDirectory() as directory:
        special_tokens(Path(directory))
        sizes(Path(directory))
    print("%d passed, %d failed, 0 skipped" % (passed, failed))
    return failed > 0


sys.exit(main())

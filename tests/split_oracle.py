#!/usr/bin/env python3
"""Holds otx_vocab_split against the packages that tokenizers belong to.

    OTX_REAL_TOKENIZERS=DIR tests/split_oracle.py [PRINT_SPLIT]

DIR holds NAME/tokenizer.json of real tokenizers; PRINT_SPLIT is tests/print_split.c compiled
(it is compiled with $CC, or cc, if not given). Two comparisons, over all tokens of a donor that
stand for text:

  by the model    the base's model alone (tokenizers' Model.tokenize), without normaliser and
                  pre-tokenizer: what otx_vocab_split promises, so that every token must agree.
                  Bytes that are no UTF-8 cannot be given to a model of characters: there the
                  pieces must stand for just these bytes.
  by the client   the whole tokenizer. Where it disagrees, the cause is looked for: its
                  pre-tokenizer cuts the text, its normaliser changes it, it finds an added
                  token in it. What is left is a failure. The counts are printed.

Small tokenizers of the other kinds (Unigram, WordPiece, word suffixes, prefixes) are trained on
the spot, SentencePiece models by its own trainer; ranks of tiktoken and tekken.json are made of a
real tokenizer's. A package that is missing is named, and counts as skipped.
"""
import base64
import json
import os
import random
import subprocess
import sys
import tempfile

sys.dont_write_bytecode = True  # of the module below

from vocab_oracle import byte_alphabet

os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
PAIRS = [("qwen3", "gemma3"), ("gemma3", "qwen3"), ("llama2", "llama3_1"), ("llama3_1", "llama2"),
         ("deepseek_v3", "gptoss"), ("gptoss", "deepseek_v3"), ("gemma3", "llama3_1")]
ALPHABET = {byte: character for character, byte in byte_alphabet().items()}

passed = failed = 0
missing = set()
here = program = None


def check(good, what):
    global passed, failed
    passed, failed = passed + bool(good), failed + (not good)
    if not good:
        print("FAILED", what)


def run(base, donor=None, texts=None):
    """[(bytes, ids)] of every token of a donor, or of every text."""
    lines = b"" if texts is None else b"".join(t.hex().encode() + b"\n" for t in texts)
    done = subprocess.run([program, base] + ([donor] if donor else []), input=lines,
                          stdout=subprocess.PIPE, check=True)
    rows = []
    for line in done.stdout.decode().splitlines():
        _, data, *ids = line.split(" ")
        rows.append((bytes.fromhex(data[1:]), [int(i) for i in ids]))
    return rows


def utf8(data):
    try:
        return data.decode()
    except UnicodeDecodeError:
        return None


class Client:
    """A tokenizer.json, and what its model is given for a text."""

    def __init__(self, path):
        from tokenizers import Tokenizer
        self.tokenizer = Tokenizer.from_file(path)
        with open(path, encoding="utf-8") as file:
            self.json = json.load(file)
        steps = json.dumps([self.json["decoder"], self.json["pre_tokenizer"]],
                           ensure_ascii=False)
        self.byte_level = '"ByteLevel"' in steps
        self.mark = "▁" if "▁" in steps else " "
        self.added = {token["id"] for token in self.json["added_tokens"]}

    def spelled(self, data):
        if self.byte_level:
            return "".join(ALPHABET[byte] for byte in data)
        text = utf8(data)
        return None if text is None else text.replace(" ", self.mark)

    def by_model(self, data):
        text = self.spelled(data)
        if text is None:
            return None
        return [token.id for token in self.tokenizer.model.tokenize(text)] if text else []

    def bytes_of(self, ids):
        text = b""
        for i in ids:
            token = self.tokenizer.id_to_token(i)
            if len(token) == 6 and token.startswith("<0x"):
                text += bytes([int(token[3:5], 16)])
            else:
                text += token.replace(self.mark, " ").encode()
        return text

    def cause(self, data, ids):
        """Why the whole client splits a text otherwise."""
        tokenizer = self.tokenizer
        text = data.decode()
        if any(i in self.added for i in ids):
            return "added token"
        normal = tokenizer.normalizer.normalize_str(text) if tokenizer.normalizer else text
        if normal != (text if self.byte_level else self.spelled(data)):
            return "normaliser"
        if tokenizer.pre_tokenizer and len(tokenizer.pre_tokenizer.pre_tokenize_str(normal)) > 1:
            return "pre-tokenizer"
        return None


def compare_client(client, rows):
    """How many texts the whole client splits otherwise, by cause."""
    whole = [(data, ids) for data, ids in rows if utf8(data)]
    causes = {"pre-tokenizer": 0, "normaliser": 0, "added token": 0}
    encoded = client.tokenizer.encode_batch([data.decode() for data, _ in whole],
                                            add_special_tokens=False)
    for (data, ids), theirs in zip(whole, encoded):
        if theirs.ids == ids:
            continue
        cause = client.cause(data, theirs.ids)
        if cause:
            causes[cause] += 1
        else:
            check(False, f"{data!r} is {theirs.ids} for the client, {ids} here")
    return len(whole), causes


def compare(title, client, rows):
    wrong = broken = 0
    for data, ids in rows:
        wanted = client.by_model(data)
        if wanted is None:
            broken += 1
            good = client.bytes_of(ids) == data
        else:
            good = wanted == ids
        if not good and wrong < 5:
            print(f"  {data!r}: {ids} here, {wanted} by the package")
        wrong += not good
    check(wrong == 0, f"{title}: {wrong} of {len(rows)}")
    count, causes = compare_client(client, rows)
    print(f"{title:28} {len(rows):7} tokens, by the model {len(rows) - wrong} alike ({broken} are "
          f"no UTF-8); by the client {count - sum(causes.values())} of {count} alike, others: " +
          ", ".join(f"{name} {n}" for name, n in causes.items()), flush=True)


def real_pairs(real):
    for base, donor in PAIRS:
        paths = [os.path.join(real, name) for name in (base, donor)]
        if not all(os.path.isfile(os.path.join(path, "tokenizer.json")) for path in paths):
            continue
        client = Client(os.path.join(paths[0], "tokenizer.json"))
        compare(f"{base} of {donor}", client, run(*paths))


# ---- small tokenizers ----

def folder(name, data):
    path = os.path.join(here, name)
    os.makedirs(path, exist_ok=True)
    return path, os.path.join(path, data)


def made_texts(corpus):
    """Texts with a space before them: cuts of the corpus, and characters that it lacks."""
    draw = random.Random(4)
    texts = []
    for _ in range(4000):
        at = draw.randrange(len(corpus) - 60)
        texts.append(" " + corpus[at:at + draw.randrange(1, 24)].replace("\n", " ").strip())
    for _ in range(800):
        texts.append(" " + "".join(chr(draw.choice([draw.randrange(33, 127), draw.randrange(
            0xa0, 0x600), draw.randrange(0x4e00, 0x5000), 0x1f600])) for _ in range(
                draw.randrange(1, 9))))
    return [" ".join(text.split(" ")) for text in texts]


def trained(corpus):
    """Tokenizers of the other kinds: (name, tokenizer, how a text is given to the model)."""
    from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers
    lines = corpus.splitlines()

    def train(model, trainer, pre, decoder, **changes):
        tokenizer = Tokenizer(model)
        tokenizer.pre_tokenizer = pre
        tokenizer.decoder = decoder
        tokenizer.train_from_iterator(lines, trainer)
        for key, value in changes.items():
            setattr(tokenizer, key, value)
        return tokenizer

    meta = pre_tokenizers.Metaspace(prepend_scheme="never", split=False)
    byte_names = [f"<0x{i:02X}>" for i in range(256)]
    unigram = train(models.Unigram(), trainers.UnigramTrainer(
        vocab_size=1500, special_tokens=["<unk>"], unk_token="<unk>"),
        pre_tokenizers.Metaspace(prepend_scheme="never"), decoders.Metaspace())
    yield "unigram", unigram, False
    state = json.loads(unigram.to_str())
    state["model"]["vocab"] += [[name, 0.0] for name in byte_names]
    state["model"]["byte_fallback"] = True
    yield "unigram with bytes", Tokenizer.from_str(json.dumps(state)), False
    yield "bpe, unknown", train(models.BPE(unk_token="<unk>", fuse_unk=True), trainers.BpeTrainer(
        vocab_size=1200, special_tokens=["<unk>"], show_progress=False), meta,
        decoders.Metaspace()), False
    yield "bpe, </w>", train(models.BPE(unk_token="<unk>", end_of_word_suffix="</w>"),
                             trainers.BpeTrainer(vocab_size=1200, special_tokens=["<unk>"],
                                                 end_of_word_suffix="</w>"),
                             pre_tokenizers.WhitespaceSplit(), decoders.BPEDecoder("</w>")), True
    yield "wordpiece", train(models.WordPiece(unk_token="[UNK]"), trainers.WordPieceTrainer(
        vocab_size=1200, special_tokens=["[UNK]"]), pre_tokenizers.WhitespaceSplit(),
        decoders.WordPiece()), True
    yield "bpe, ##", train(models.BPE(unk_token="[UNK]", continuing_subword_prefix="##"),
                           trainers.BpeTrainer(vocab_size=1200, special_tokens=["[UNK]"],
                                               continuing_subword_prefix="##"),
                           pre_tokenizers.WhitespaceSplit(), decoders.WordPiece()), True


def small_ones(corpus):
    texts = made_texts(corpus)
    for name, tokenizer, words in trained(corpus):
        path, file = folder(name.replace("/", "-"), "tokenizer.json")
        tokenizer.save(file)
        mark = "▁" if "Metaspace" in tokenizer.to_str() else " "
        suffix = "</w>" in name
        given = [text + " " if suffix else text for text in texts]
        wrong = 0
        for (data, ids), text in zip(run(path, texts=[t.encode() for t in given]), texts):
            parts = text.split(" ") if words else [text.replace(" ", mark)]
            wanted = [token.id for part in parts if part for token in
                      tokenizer.model.tokenize(part)]
            if wanted != ids and wrong < 3:
                print(f"  {text!r}: {ids} here, {wanted} by the package")
            wrong += wanted != ids
        check(wrong == 0, f"{name}: {wrong} of {len(texts)}")
        print(f"{name:28} {len(texts):7} texts, {len(texts) - wrong} alike", flush=True)


def sentencepiece_models(corpus):
    import sentencepiece as spm
    texts = made_texts(corpus)
    for kind in ("bpe", "unigram"):
        path, file = folder("sp-" + kind, "tokenizer.model")
        with open(file, "wb") as model:
            spm.SentencePieceTrainer.train(
                sentence_iterator=iter(corpus.splitlines()), model_writer=model, model_type=kind,
                vocab_size=1500, byte_fallback=True, normalization_rule_name="identity",
                add_dummy_prefix=False, remove_extra_whitespaces=False, minloglevel=2)
        processor = spm.SentencePieceProcessor(model_file=file)
        rows = run(path, texts=[text.encode() for text in texts])
        wrong = ties = 0
        for (data, ids), text in zip(rows, texts):
            wanted = processor.encode(text)
            if wanted == ids:
                continue
            # In floats two ways may be equal of which doubles prefer one.
            score = [sum(processor.get_score(i) for i in way) for way in (ids, wanted)]
            if kind == "unigram" and abs(score[0] - score[1]) < 1e-4:
                ties += 1
                continue
            if wrong < 3:
                print(f"  {text!r}: {ids} here, {wanted} by the package")
            wrong += 1
        check(wrong == 0, f"sentencepiece {kind}: {wrong} of {len(texts)}")
        print(f"{'sentencepiece ' + kind:28} {len(texts):7} texts, {len(texts) - wrong - ties} "
              f"alike, ties in floats {ties}", flush=True)


def ranks(real):
    """A real tokenizer's tokens as tiktoken and tekken.json have them."""
    import tiktoken
    with open(os.path.join(real, "gptoss", "tokenizer.json"), encoding="utf-8") as file:
        vocab = json.load(file)["model"]["vocab"]
    characters = byte_alphabet()
    tokens = {bytes(characters[c] for c in token): rank for token, rank in vocab.items()}
    ordered = sorted(tokens, key=tokens.get)
    single = sorted(token for token in ordered if len(token) == 1)
    tekken = single + [token for token in ordered if len(token) > 1]
    path, file = folder("tiktoken", "made.tiktoken")
    with open(file, "w") as out:
        for token in ordered:
            out.write(f"{base64.b64encode(token).decode()} {tokens[token]}\n")
    other, file = folder("tekken", "tekken.json")
    with open(file, "w") as out:
        json.dump({"config": {"default_vocab_size": len(tekken) + 3, "version": "v3",
                              "default_num_special_tokens": 3}, "special_tokens": [],
                   "vocab": [{"rank": i, "token_bytes": base64.b64encode(token).decode()}
                             for i, token in enumerate(tekken)]}, out)
    donor = os.path.join(real, "gemma3")
    for name, path, ranked, shift in (("tiktoken", path, tokens, 0), (
            "tekken.json", other, {token: i for i, token in enumerate(tekken)}, 3)):
        encoding = tiktoken.Encoding(name, pat_str=r"[\s\S]+", mergeable_ranks=ranked,
                                     special_tokens={})
        rows = run(path, donor)[::7]
        wrong = 0
        for data, ids in rows:
            wanted = [i + shift for i in encoding._encode_single_piece(data)]
            if wanted != ids and wrong < 3:
                print(f"  {data!r}: {ids} here, {wanted} by the package")
            wrong += wanted != ids
        check(wrong == 0, f"{name}: {wrong} of {len(rows)}")
        print(f"{name + ' of gemma3':28} {len(rows):7} tokens, {len(rows) - wrong} alike",
              flush=True)


def attempt(what, *arguments):
    try:
        what(*arguments)
    except ModuleNotFoundError as error:
        missing.add(error.name)
        print(f"skipped: no package {error.name}")


def main():
    global here, program
    root = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    real = os.environ.get("OTX_REAL_TOKENIZERS")
    with open(os.path.join(root, "examples", "models", "heldout.txt"), encoding="utf-8") as file:
        corpus = file.read()
    with tempfile.TemporaryDirectory() as here:
        program = sys.argv[1] if len(sys.argv) > 1 else os.path.join(here, "print_split")
        if len(sys.argv) < 2:
            subprocess.run([os.environ.get("CC", "cc"), "-O2", "-I" + root, "-o", program,
                            os.path.join(root, "tests", "print_split.c"), "-lm"], check=True)
        attempt(small_ones, corpus)
        attempt(sentencepiece_models, corpus)
        if real and os.path.isdir(real):
            attempt(ranks, real)
            attempt(real_pairs, real)
        else:
            missing.add("OTX_REAL_TOKENIZERS")
            print("skipped: real tokenizers; OTX_REAL_TOKENIZERS names no directory")
    print(f"{passed} passed, {failed} failed, {len(missing)} skipped")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())

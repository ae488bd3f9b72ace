#!/usr/bin/env python3
"""Whether a vocabulary read from GGUF is that of the directory it was converted from.

    [OTX_REAL_TOKENIZERS=DIR] tests/gguf_vocabs.py PRINT_ALIGNMENT PRINT_SPLIT

Directories with small tokenizers of every kind that llama.cpp's converter takes are made, and
files written from them with gguf-py: its own readers of vocabularies and of special tokens where
it has them, and the converter's rules for the rest, which are few. Then every token must be
aligned with itself, in both directions, stand for the same bytes, have the same role, and every
text must be split alike by the rules of both. Real tokenizers (DIR/NAME/tokenizer.json) are
converted the same way; a NAME.gguf beside them is one that somebody else has made of them.
Exits with 77 without the packages.
"""
import json
import logging
import os
import random
import re
import subprocess
import sys
import tempfile
from pathlib import Path

os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
try:
    import gguf
    import sentencepiece
    import tokenizers
    import transformers
    from gguf import TokenType
except ImportError as lacking:
    print(f"skipped gguf_vocabs: {lacking}")
    sys.exit(77)

logging.disable(logging.CRITICAL)
MARK = "\u2581"
WORDS = ("the of and to in is was for with that on as by at from it his he are be this had not "
         "unable able table tables ability über café naïve 东京 日本語 год года москва 2024 1234 "
         "don't can't it's <tool> </tool>").split()
passed = failed = 0
alignments = splits = None


def check(good, what):
    global passed, failed
    passed, failed = passed + bool(good), failed + (not good)
    if not good:
        print("failed:", what)


def corpus(seed=1, lines=400):
    pick = random.Random(seed)
    return [" ".join(pick.choice(WORDS) for _ in range(pick.randint(3, 14)))
            for _ in range(lines)]


# ---- what llama.cpp's converter does -----------------------------------------------------

def looks_special(text):
    return (text in ("<pad>", "<mask>", "<2mass>", "[@BOS@]") or
            any(text.startswith(a) and text.endswith(b)
                for a, b in (("<|", "|>"), ("<｜", "｜>"), ("<unused", ">"))))


def of_tokenizer(directory, size=None):
    """(tokens, types) of a tokenizer.json: byte-level ones and WordPiece."""
    tokenizer = transformers.AutoTokenizer.from_pretrained(directory)
    names = {i: text for text, i in tokenizer.get_vocab().items()}
    added, details = tokenizer.get_added_vocab(), tokenizer.added_tokens_decoder
    tokens, types = [], []
    for i in range(size or max(names) + 1):
        if i not in names:
            tokens.append(f"[PAD{i}]")
            types.append(TokenType.UNUSED)
            continue
        text, kind = names[i], TokenType.NORMAL
        if text in added:
            if not details[i].normalized:
                text = tokenizer.decode(tokenizer.encode(text, add_special_tokens=False))
            kind = TokenType.CONTROL
            if not (details[i].special or looks_special(text)):
                text, kind = text.replace(MARK, " "), TokenType.USER_DEFINED
        tokens.append(text)
        types.append(kind)
    return tokens, types


def of_wordpiece(directory, since_2025):
    """The same with words marked where they start; which strings stay has changed."""
    tokens, types = of_tokenizer(directory, 400)

    def phantom(text, kind):
        stays = kind == TokenType.CONTROL if since_2025 else re.fullmatch(r"\[.*\]", text)
        return text if stays else text[2:] if text.startswith("##") else MARK + text
    return [phantom(*pair) for pair in zip(tokens, types)], types


def of_pieces(directory):
    """(tokens, scores, types) of a SentencePiece model and what is added to it."""
    model = sentencepiece.SentencePieceProcessor()
    model.Load(str(next(directory.glob("*.model"))))
    config = json.loads((directory / "tokenizer_config.json").read_text())
    added = {int(i): token for i, token in config.get("added_tokens_decoder", {}).items()}
    count = max([model.vocab_size() + 4] + [i + 1 for i in added])
    tokens = [f"[PAD{i}]" for i in range(count)]
    scores, types = [-10000.0] * count, [TokenType.UNUSED] * count
    for i in range(model.vocab_size()):
        tokens[i], scores[i] = model.IdToPiece(i), model.GetScore(i)
        types[i] = (TokenType.UNKNOWN if model.IsUnknown(i) else
                    TokenType.CONTROL if model.IsControl(i) else
                    TokenType.UNUSED if model.IsUnused(i) else
                    TokenType.BYTE if model.IsByte(i) else TokenType.NORMAL)
    for i, token in added.items():
        special = token["special"] or looks_special(token["content"])
        tokens[i] = token["content"] if special else token["content"].replace(MARK, " ")
        types[i] = TokenType.CONTROL if special else TokenType.USER_DEFINED
        scores[i] = -1000.0
    return tokens, scores, types


def write(path, kind, tokens, types, scores=None, directory=None, pre=None):
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_tokenizer_model(kind)
    if pre:
        writer.add_tokenizer_pre(pre)
    writer.add_token_list(tokens)
    if scores:
        writer.add_token_scores(scores)
    writer.add_token_types(types)
    if directory:
        special = gguf.SpecialVocab(directory, load_merges=kind in ("gpt2", "gemma4"),
                                    n_vocab=len(tokens))
        special.add_to_gguf(writer)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.close()
    return path


# ---- comparing ---------------------------------------------------------------------------

def table(path):
    """{id: (kind, added, content, bytes)} and {name: value} of the rest."""
    done = subprocess.run([alignments, path], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          text=True)
    if done.returncode:
        raise RuntimeError(done.stderr)
    rows, rest = {}, {}
    for line in done.stdout.splitlines():
        word, *parts = line.split(" ")
        if word == "token":
            rows[int(parts[0])] = (parts[1], parts[2], *[bytes.fromhex(p[1:]) for p in parts[3:]])
        else:
            rest[" ".join([word] + parts[:-1])] = parts[-1]
    return rows, rest


def aligned(base, donor):
    done = subprocess.run([alignments, base, donor], stdout=subprocess.PIPE,
                          stderr=subprocess.DEVNULL, text=True, check=True)
    return [line.split(" ")[:3] for line in done.stdout.splitlines()]


def split(base, donor):
    return subprocess.run([splits, base, donor], stdout=subprocess.PIPE, check=True,
                          stderr=subprocess.PIPE).stdout


def compare(what, directory, file, texts_of, roles=("bos", "eos", "pad", "unk"), same_rules=True,
            end=None):
    """Everything about the pair; of the ids below `end`, which the model has rows for."""
    ours, about = table(file)
    theirs, known = table(directory)
    end = end or max(theirs) + 1
    ids = sorted(set(ours) & set(theirs))
    lost = sorted(i for i in set(theirs) ^ set(ours) if i < end)
    check(ids and not lost, f"{what}: ids of one alone: {lost[:5]}")
    for donor, base in ((file, directory), (directory, file)):
        other = [row for row in aligned(base, donor) if row[0] != row[1] and int(row[0]) < end and
                 row[2] not in ("padding", "unused")]
        check(not other, f"{what}: not aligned with itself: {other[:5]}")
    apart = [(i, ours[i][3], theirs[i][3]) for i in ids if ours[i][3] != theirs[i][3]]
    check(not apart, f"{what}: bytes of {len(apart)} tokens differ: {apart[:5]}")
    kinds = [(i, ours[i], theirs[i]) for i in ids if ours[i][0] != theirs[i][0] and
             {ours[i][0], theirs[i][0]} != {"control", "text"}]
    check(not kinds, f"{what}: kinds: {kinds[:5]}")
    for role in roles:
        check(about[f"role {role}"] == known[f"role {role}"],
              f"{what}: {role} is {about[f'role {role}']}, not {known[f'role {role}']}")
    for key in ("family", "model") if same_rules else ():
        check(about[key] == known[key], f"{what}: {key} is {about[key]}, not {known[key]}")
    check(split(file, texts_of) == split(directory, texts_of), f"{what}: texts are split otherwise")


# ---- made-up ones ------------------------------------------------------------------------

def save(tokenizer, directory, config, size=None):
    directory.mkdir()
    tokenizer.save(str(directory / "tokenizer.json"))
    (directory / "tokenizer_config.json").write_text(json.dumps(config))
    (directory / "config.json").write_text(json.dumps({"model_type": "llama"}))
    return directory


def added(text, special=False, normalized=False):
    return tokenizers.AddedToken(text, special=special, normalized=normalized)


def byte_level(here):
    tokenizer = tokenizers.Tokenizer(tokenizers.models.BPE())
    tokenizer.pre_tokenizer = tokenizers.pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = tokenizers.decoders.ByteLevel()
    trainer = tokenizers.trainers.BpeTrainer(
        vocab_size=380, special_tokens=["<s>", "</s>"], show_progress=False,
        initial_alphabet=tokenizers.pre_tokenizers.ByteLevel.alphabet())
    tokenizer.train_from_iterator(corpus(), trainer)
    tokenizer.add_tokens([added("<tool>"), added("<|fim|>"), added("  "), added("é東"),
                          added("Plain", normalized=True), added("<unused3>")])
    tokenizer.add_special_tokens([added("<|end|>", special=True)])
    return save(tokenizer, here / "bytes", {
        "tokenizer_class": "PreTrainedTokenizerFast", "bos_token": "<s>", "eos_token": "</s>",
        "pad_token": "<|end|>"})


def wordpiece(here):
    tokenizer = tokenizers.Tokenizer(tokenizers.models.WordPiece(unk_token="[UNK]"))
    tokenizer.normalizer = tokenizers.normalizers.BertNormalizer(lowercase=True)
    tokenizer.pre_tokenizer = tokenizers.pre_tokenizers.BertPreTokenizer()
    tokenizer.decoder = tokenizers.decoders.WordPiece()
    names = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    vocab = tokenizers.trainers.WordPieceTrainer(
        vocab_size=320, special_tokens=names + ["[unused1]", "[unused2]"], show_progress=False)
    tokenizer.train_from_iterator(corpus(), vocab)
    state = json.loads(tokenizer.to_str())
    state["added_tokens"] = [t for t in state["added_tokens"] if "unused" not in t["content"]]
    state["model"]["vocab"][MARK] = len(state["model"]["vocab"])
    tokenizer = tokenizers.Tokenizer.from_str(json.dumps(state))
    return save(tokenizer, here / "words", {
        "tokenizer_class": "PreTrainedTokenizerFast",
        **{f"{role}_token": f"[{role.upper()}]" for role in ("pad", "unk", "cls", "sep", "mask")}})


def spaced_merges(here):
    tokenizer = tokenizers.Tokenizer(tokenizers.models.BPE(unk_token="<unk>", fuse_unk=True,
                                                           byte_fallback=True))
    tokenizer.normalizer = tokenizers.normalizers.Replace(" ", MARK)
    decoders = tokenizers.decoders
    tokenizer.decoder = decoders.Sequence([decoders.Replace(MARK, " "), decoders.ByteFallback(),
                                           decoders.Fuse()])
    names = ["<pad>", "<eos>", "<bos>", "<unk>"] + [f"<0x{byte:02X}>" for byte in range(256)]
    trainer = tokenizers.trainers.BpeTrainer(vocab_size=460, special_tokens=names,
                                             show_progress=False)
    tokenizer.train_from_iterator(corpus() + ["a\n\nb  c   d"] * 40, trainer)
    state = json.loads(tokenizer.to_str())
    state["added_tokens"] = state["added_tokens"][:4]
    tokenizer = tokenizers.Tokenizer.from_str(json.dumps(state))
    tokenizer.add_tokens([added("<tool>"), added("\n\n\n")])
    return save(tokenizer, here / "spaced", {
        "tokenizer_class": "PreTrainedTokenizerFast", "bos_token": "<bos>", "eos_token": "<eos>",
        "pad_token": "<pad>", "unk_token": "<unk>"})


def pieces(here, kind):
    directory = here / kind
    directory.mkdir()
    (directory / "text").write_text("\n".join(corpus()))
    sentencepiece.SentencePieceTrainer.train(
        input=str(directory / "text"), model_prefix=str(directory / "tokenizer"),
        model_type=kind, vocab_size=460 if kind == "bpe" else 160, byte_fallback=kind == "bpe",
        user_defined_symbols=["<own>"], minloglevel=2, hard_vocab_limit=False)
    (directory / "text").unlink()
    (directory / "tokenizer.vocab").unlink()
    count = sentencepiece.SentencePieceProcessor(str(directory / "tokenizer.model")).vocab_size()
    extra = {count: ("<tool>", False), count + 1: ("<|im|>", False), count + 2: ("<end>", True)}
    (directory / "added_tokens.json").write_text(json.dumps(
        {text: i for i, (text, _) in extra.items()}))
    (directory / "tokenizer_config.json").write_text(json.dumps({
        "bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>",
        "added_tokens_decoder": {str(i): {"content": text, "special": special,
                                          "normalized": False}
                                 for i, (text, special) in extra.items()}}))
    (directory / "config.json").write_text(json.dumps(
        {"model_type": "llama", "bos_token_id": 1, "eos_token_id": 2}))
    return directory


def trie(here):
    """RWKV's has no other reader here: the bytes must be those that were escaped."""
    pick = random.Random(5)
    words = [bytes([byte]) for byte in range(256)]
    words += sorted({bytes(pick.choices(range(256), k=pick.randint(2, 6))) for _ in range(200)} |
                    {b"it's", b'"', b"a\\b", b"\n\n", "東京".encode(), b"\\x41"} - set(words))
    tokens = ["<s>"] + [repr(word)[2:-1] for word in words] + ["[PAD999]"]
    types = [TokenType.CONTROL] + [TokenType.NORMAL] * len(words) + [TokenType.UNUSED]
    file = write(here / "trie.gguf", "rwkv", tokens, types)
    rows, about = table(file)
    check([rows[i + 1][3] for i in range(len(words))] == words, "rwkv: bytes")
    check(len(rows) == len(words) + 1 and about["model"] == "Trie", "rwkv: fillers")
    for line in split(file, file).decode().splitlines():
        i, data, *got = line.split(" ")
        check(got == [i], f"rwkv: {data} is split into {got}")


# ---- all of it ---------------------------------------------------------------------------

def made_up(here):
    texts = byte_level(here)
    tokens, types = of_tokenizer(texts, 420)
    compare("gpt2", texts, write(here / "a.gguf", "gpt2", tokens, types, directory=texts,
                                 pre="gpt-2"), texts)
    words = wordpiece(here)
    for recent in (True, False):
        tokens, types = of_wordpiece(words, recent)
        file = write(here / f"b{recent}.gguf", "bert", tokens, types, directory=words)
        compare("bert", words, file, words, ("pad", "unk", "cls", "sep", "mask"))
    spaced = spaced_merges(here)
    vocab = gguf.vocab.LlamaHfVocab(spaced)
    tokens, scores, types = zip(*vocab.all_tokens())
    compare("gemma4", spaced, write(here / "c.gguf", "gemma4", tokens, types, scores, spaced,
                                    "gemma4"), texts)
    for kind, model in (("bpe", "llama"), ("unigram", "t5")):
        directory = pieces(here, kind)
        tokens, scores, types = of_pieces(directory)
        compare(model, directory, write(here / f"{kind}.gguf", model, tokens, types, scores,
                                        directory), texts, ("bos", "eos", "unk"))
    vocab = gguf.vocab.SentencePieceVocab(here / "bpe")
    tokens, scores, types = zip(*vocab.all_tokens())
    compare("llama, by gguf-py", here / "bpe", write(here / "d.gguf", "llama", tokens, types,
                                                     scores, here / "bpe"), texts,
            ("bos", "eos", "unk"))
    trie(here)


def real(here, folder):
    names = sorted(p.parent.name for p in Path(folder).glob("*/tokenizer.json"))
    texts = str(Path(folder) / ("qwen3" if "qwen3" in names else names[0]))
    for name in names:
        directory = Path(folder) / name
        state = json.loads((directory / "tokenizer.json").read_text())
        byte_level = '"ByteLevel"' in json.dumps([state["decoder"], state["pre_tokenizer"]])
        if not byte_level:
            vocab = gguf.vocab.LlamaHfVocab(directory)
            tokens, scores, types = zip(*vocab.all_tokens())
            file = write(here / f"{name}.gguf", "gemma4", tokens, types, scores, directory)
        else:
            tokens, types = of_tokenizer(directory)
            pre = "llama-bpe" if state["model"].get("ignore_merges") else "gpt-2"
            file = write(here / f"{name}.gguf", "gpt2", tokens, types, directory=directory, pre=pre)
        compare(name, directory, file, texts, ())
        there = Path(folder) / f"{name}.gguf"
        if there.exists():
            compare(f"{name}.gguf", directory, there, texts, (), same_rules=False,
                    end=max(table(there)[0]) + 1)


def main():
    global alignments, splits
    alignments, splits = sys.argv[1:3]
    with tempfile.TemporaryDirectory() as here:
        made_up(Path(here))
        folder = os.environ.get("OTX_REAL_TOKENIZERS")
        if folder:
            real(Path(here), folder)
    print(f"{passed} passed, {failed} failed, 0 skipped")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())

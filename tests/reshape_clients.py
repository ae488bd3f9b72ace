#!/usr/bin/env python3
"""Whether a vocabulary that was cut down, or grew, is read as it should be.

    tests/reshape_clients.py TRANSPLANT

Every real tokenizer of OTX_REAL_TOKENIZERS, and made-up ones of every kind, go into a small model.
`transplant trim` cuts that down by ids, by lists to keep and to drop, and to its bytes. Then a text
whose tokens all stay must give the same tokens under their new numbers, any other must still come
back as before, and every row must be that of the token with the same content. `transplant extend`
gives it new tokens: each of them must be met where its text stands alone, old texts must be split
as before but for them, old rows must be the same and new ones the means of those of the pieces.
With a donor of each made-up kind the rows of its tokens must be those of a transplant. `transplant
bytes --by subword` must leave every text as it is. AutoTokenizer must agree with tokenizers, and
`transplant verify` must find nothing new. Exits with 77 without the packages.
"""
import json
import os
import random
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

    import numpy
    import tokenizers
    import transformers
    from safetensors.numpy import load_file, save_file
    from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors
except ImportError as error:
    print(f"skipped trim_clients: {error}")
    sys.exit(77)

logging.disable(logging.CRITICAL)
HERE = Path(__file__).resolve().parent
passed = failed = 0


def check(good, what):
    global passed, failed
    passed, failed = passed + bool(good), failed + (not good)
    if not good:
        print("failed:", what)


def texts():
    """Prose, code, other scripts, what is rare, and nothing."""
    lines = (HERE.parent / "README.md").read_text().splitlines()
    lines += (HERE / "test_json.c").read_text().splitlines()[:150]
    lines += ["", " ", "\n", "a", "Hello world", "naïve café", "日本語のテキスト", "Привет, мир",
              "שלום", "🙂 emoji 👩‍👩‍👧", "x = 12345 + 67.8e-9", "\ttabs\t\tand  spaces   ",
              "don't can't won't", "ｆｕｌｌ ｗｉｄｔｈ", "中文字符", "한국어", "e\u0301", "\u0000\u0001"]
    return lines + ["\n".join(lines[:40]), " ".join(lines[40:90])]


TEXTS = texts()


def corpus():
    return [line for line in TEXTS if line] * 2


def byte_level(prefix_space=False):
    made = Tokenizer(models.BPE())
    made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=prefix_space)
    made.decoder = decoders.ByteLevel()
    made.train_from_iterator(corpus(), tokenizers.trainers.BpeTrainer(
        vocab_size=900, special_tokens=["<s>", "</s>"], show_progress=False,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet()))
    made.add_tokens(["<plain>", "two words"])
    made.add_special_tokens(["<tool>"])
    made.post_processor = processors.TemplateProcessing(
        single="<s> $A", special_tokens=[("<s>", made.token_to_id("<s>"))])
    return made


def metaspace():
    made = Tokenizer(models.BPE(unk_token="<unk>", byte_fallback=True, fuse_unk=True))
    made.normalizer = normalizers.Sequence([normalizers.Prepend("▁"),
                                            normalizers.Replace(" ", "▁")])
    made.decoder = decoders.Sequence([decoders.Replace("▁", " "), decoders.ByteFallback(),
                                      decoders.Fuse(), decoders.Strip(" ", 1, 0)])
    made.train_from_iterator(corpus(), tokenizers.trainers.BpeTrainer(
        vocab_size=1000, show_progress=False,
        special_tokens=["<unk>", "<s>", "</s>"] + [f"<0x{i:02X}>" for i in range(256)]))
    file = json.loads(made.to_str())
    file["added_tokens"] = [t for t in file["added_tokens"] if not t["content"].startswith("<0x")]
    return Tokenizer.from_str(json.dumps(file))


def unigram():
    made = Tokenizer(models.Unigram())
    made.pre_tokenizer = pre_tokenizers.Metaspace()
    made.decoder = decoders.Metaspace()
    made.train_from_iterator(corpus(), tokenizers.trainers.UnigramTrainer(
        vocab_size=700, special_tokens=["<pad>", "</s>", "<unk>"], unk_token="<unk>",
        show_progress=False))
    made.post_processor = processors.BertProcessing(("</s>", made.token_to_id("</s>")),
                                                    ("<pad>", made.token_to_id("<pad>")))
    made.enable_padding(pad_id=made.token_to_id("<pad>"), pad_token="<pad>")
    return made


def wordpiece():
    made = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    made.normalizer = normalizers.BertNormalizer(lowercase=True)
    made.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    made.decoder = decoders.WordPiece()
    made.train_from_iterator(corpus(), tokenizers.trainers.WordPieceTrainer(
        vocab_size=800, special_tokens=["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"],
        show_progress=False))
    made.post_processor = processors.BertProcessing(("[SEP]", made.token_to_id("[SEP]")),
                                                    ("[CLS]", made.token_to_id("[CLS]")))
    return made


MADE_UP = (byte_level, metaspace, unigram, wordpiece)


def tokenizer_directories(folder):
    """Name and directory of each tokenizer."""
    for make in MADE_UP:
        path = folder / make.__name__
        path.mkdir()
        made = make()
        made.save(str(path / "tokenizer.json"))
        ids = {str(i): {"content": t.content, "special": t.special, "normalized": t.normalized,
                        "lstrip": False, "rstrip": False, "single_word": False}
               for i, t in made.get_added_tokens_decoder().items()}
        (path / "tokenizer_config.json").write_text(json.dumps(
            {"tokenizer_class": "PreTrainedTokenizerFast", "added_tokens_decoder": ids}))
        yield make.__name__, path
    real = os.environ.get("OTX_REAL_TOKENIZERS")
    if real:
        for path in sorted(Path(real).iterdir()):
            if (path / "tokenizer.json").exists():
                yield path.name, path


def size_of(tokenizer):
    return max(tokenizer.get_vocab().values()) + 1


def make_model(tokenizer_path, path):
    """A small model with that tokenizer: a row says which token it is of."""
    path.mkdir()
    for file in tokenizer_path.iterdir():
        if file.is_file():
            shutil.copy(file, path / file.name)
    rows = size_of(Tokenizer.from_file(str(path / "tokenizer.json"))) + 5
    matrix = numpy.zeros((rows, 4), dtype=numpy.float32)
    matrix[:, 0] = numpy.arange(rows)
    matrix[:, 1:] = numpy.random.default_rng(1).normal(size=(rows, 3))
    save_file({"model.embed_tokens.weight": matrix, "lm_head.weight": matrix + 1},
              str(path / "model.safetensors"), metadata={"format": "pt"})
    (path / "config.json").write_text(json.dumps(
        {"model_type": "llama", "vocab_size": rows, "hidden_size": 4,
         "num_attention_heads": 2, "num_key_value_heads": 2,
         "tie_word_embeddings": False}))
    return matrix


def contents(tokenizer):
    return {i: c for c, i in tokenizer.get_vocab().items()}


def escape(content):
    out = ""
    for byte in content.encode():
        out += chr(byte) if 32 < byte < 127 and byte not in b"\\#" else f"\\x{byte:02x}"
    return out


def compare(name, old, new, model, out, matrix):
    """What the new tokenizer makes of texts, and the rows that its tokens have."""
    before, after = contents(old), contents(new)
    numbers = {}
    ids = {c: i for i, c in after.items()}
    for i, c in before.items():
        numbers[i] = ids.get(c)
    same = kept = broken = 0
    wrong = []
    for text in TEXTS + made_of(old, numbers):
        first = old.encode(text).ids
        second = new.encode(text).ids
        if all(numbers[i] is not None for i in first):
            kept += 1
            same += second == [numbers[i] for i in first]
            if second != [numbers[i] for i in first]:
                wrong.append(text[:60])
        elif old.decode(first) != new.decode(second):
            broken += 1
            wrong.append(text[:60])
    check(kept > 5 and same == kept, f"{name}: {kept - same} of {kept} texts of tokens that stay "
          f"are other tokens, such as {wrong[:2]}")
    check(broken == 0, f"{name}: {broken} texts are not read back, such as {wrong[:2]}")
    rows = load_file(str(out / "model.safetensors"))
    embedding, head = rows["model.embed_tokens.weight"], rows["lm_head.weight"]
    check(len(embedding) == len(after) == len(head), f"{name}: {len(embedding)} rows for "
          f"{len(after)} tokens")
    back = {c: i for i, c in before.items()}
    good = all((embedding[i] == matrix[back[c]]).all() and (head[i] == matrix[back[c]] + 1).all()
               for i, c in after.items())
    check(good, f"{name}: a row is not its token's")
    check(sorted(after) == list(range(len(after))), f"{name}: ids have holes")
    config = json.loads((out / "config.json").read_text())
    check(config["vocab_size"] == len(after), f"{name}: vocab_size is {config['vocab_size']}")
    if not name.endswith(", keep"):
        return  # AutoTokenizer takes its time, and one kind of cut is like another to it
    client = transformers.AutoTokenizer.from_pretrained(str(out))
    reader = transformers.AutoTokenizer.from_pretrained(str(model))
    wrong = [t for t in TEXTS if all(numbers[i] is not None for i in reader(t)["input_ids"]) and
             client(t)["input_ids"] != [numbers[i] for i in reader(t)["input_ids"]]]
    check(not wrong, f"{name}: AutoTokenizer reads {wrong[:2]} otherwise")


def made_of(tokenizer, numbers):
    """Texts that are made of tokens that stay."""
    rng = random.Random(5)
    stay = [i for i, new in numbers.items() if new is not None]
    return [tokenizer.decode(rng.choices(stay, k=rng.randint(1, 12))) for _ in range(400)]


NEW = [" transplant", " tokenizerlike", "tokenizerlike", " surgeon", "two words", "3.14159",
       "naïveté", " Größe", "東京都庁", "こんにちは", " привет", "ありがとう世界", " CamelCase",
       "a+b==c", "qzqzqzxj", " qzqzqzxjqz", "xjqzqz", "🙂🙃", " 한국어로"]


def grow(tool, label, model, work, matrix, old):
    """New tokens, and what becomes of texts."""
    lines, out = work / "new", work / "out-grown"
    lines.write_text("\n".join(escape(text) for text in NEW))
    result = run(tool, "extend", model, out, "--tokens", lines)
    check(result.returncode == 0, f"{label}: {result.stderr.strip()}")
    if result.returncode:
        return
    check(not list(work.glob("*.otx-*")), f"{label}: something is left beside the output")
    new = Tokenizer.from_file(str(out / "tokenizer.json"))
    before, after = contents(old), contents(new)
    back = {c: i for i, c in before.items()}
    fresh = {i for i, c in after.items() if c not in back}
    lost = sorted(set(back) - set(after.values()))
    check(not lost, f"{label}: lost {lost[:3]}")
    for text in NEW:
        ids = new.encode(text, add_special_tokens=False).ids
        inner = new.encode("(" + text, add_special_tokens=False).ids
        pieces = isinstance(old.model, models.WordPiece)
        if pieces and text[0] != " " and text not in after:
            continue  # it goes on a word, and here there is none
        if isinstance(old.model, models.Unigram) and text[0] != " ":
            continue  # what stands before it may have a better piece with its beginning
        lower = text.lower() if pieces else text
        check(len(ids) == 1 or new.decode(inner[-1:]).strip() == lower.strip(),
              f"{label}: \"{text}\" is {[after[i] for i in ids]}")
    wrong = 0
    for text in TEXTS:
        ids = new.encode(text).ids
        if not fresh & set(ids):
            wrong += [before[i] for i in old.encode(text).ids] != [after[i] for i in ids]
    check(wrong == 0, f"{label}: {wrong} texts without new tokens are split otherwise")
    rows = load_file(str(out / "model.safetensors"))["model.embed_tokens.weight"]
    check(len(rows) == len(after), f"{label}: {len(rows)} rows for {len(after)} tokens")
    check(all((rows[i] == matrix[back[c]]).all() for i, c in after.items() if c in back),
          f"{label}: an old row has changed")
    check(all(numpy.isfinite(rows[i]).all() and rows[i].any() for i in fresh),
          f"{label}: a new row is nothing")
    client = transformers.AutoTokenizer.from_pretrained(str(out))
    wrong = [t for t in TEXTS + NEW if client(t)["input_ids"] != new.encode(t).ids]
    reader = transformers.AutoTokenizer.from_pretrained(str(model))
    known = [t for t in TEXTS + NEW if reader(t)["input_ids"] != old.encode(t).ids]
    check(len(wrong) <= len(known), f"{label}: AutoTokenizer reads {wrong[:2]} otherwise")


BYTES = {c: b for b, c in zip(
    list(range(33, 127)) + list(range(161, 173)) + list(range(174, 256)) +
    [b for b in range(256) if b < 33 or 127 <= b <= 160 or b == 173],
    [chr(b) for b in list(range(33, 127)) + list(range(161, 173)) + list(range(174, 256))] +
    [chr(256 + i) for i in range(68)], strict=True)}


def stands_for(kind, content):
    """The bytes of a token of a made-up tokenizer."""
    if kind == "byte_level":
        return bytes(BYTES[c] for c in content)
    if kind == "wordpiece":
        return (content[2:] if content.startswith("##") else " " + content).encode()
    return content.replace("▁", " ").encode()


def to_bytes(tool, label, model, work, matrix, old):
    """A tokenizer of bytes: nothing is unknown, and texts come back as they were."""
    out = work / "out-by-bytes"
    result = run(tool, "bytes", model, out, "--by", "subword")
    check(result.returncode == 0, f"{label}: {result.stderr.strip()}")
    if result.returncode:
        return
    new = Tokenizer.from_file(str(out / "tokenizer.json"))
    after, back = contents(new), {c: i for i, c in contents(old).items()}
    rows = load_file(str(out / "model.safetensors"))["model.embed_tokens.weight"]
    check(len(rows) == len(after) == max(after) + 1, f"{label}: {len(rows)} rows")
    special = {t.content for t in old.get_added_tokens_decoder().values()}
    check(all((rows[i] == matrix[back[c]]).all() for i, c in after.items() if c in special),
          f"{label}: the row of a special token has changed")
    check(numpy.isfinite(rows).all(), f"{label}: a row is nothing")
    client = transformers.AutoTokenizer.from_pretrained(str(out))
    if "as new bytes" in result.stdout:
        wrong = [t for t in TEXTS
                 if new.decode(new.encode(t, add_special_tokens=False).ids,
                               skip_special_tokens=False) != t]
        check(not wrong, f"{label}: {wrong[:2]} does not come back")
        wrong = [t for t in TEXTS if client(t)["input_ids"] != new.encode(t).ids]
        check(not wrong, f"{label}: AutoTokenizer reads {wrong[:2]} otherwise")
    check(not set(faults(tool, out)) - set(faults(tool, model)), f"{label}: verify finds faults")


def grow_by(tool, label, folder, kind, donor_kind):
    """Tokens of a donor, whose rows are a transplant's."""
    model, donor, work = folder / f"{kind}.base", folder / f"{donor_kind}.base", folder / "by"
    matrix = load_file(str(model / "model.safetensors"))["model.embed_tokens.weight"]
    work.mkdir()
    how = ["-a", "omp", "-k", "2"]
    result = run(tool, "extend", model, work / "out", "--donor", donor, *how)
    whole = run(tool, model, donor, work / "whole", *how)
    check(result.returncode == whole.returncode == 0,
          f"{label}: {result.stderr.strip()} {whole.stderr.strip()}")
    if result.returncode or whole.returncode:
        return
    old, new, other = (Tokenizer.from_file(str(path / "tokenizer.json"))
                       for path in (model, work / "out", donor))
    before, after = contents(old), contents(new)
    back = {c: i for i, c in before.items()}
    fresh = {i for i, c in after.items() if c not in back}
    rows = {name: load_file(str(work / name / "model.safetensors")) for name in ("out", "whole")}
    for name in ("model.embed_tokens.weight", "lm_head.weight"):
        more = 1 if name == "lm_head.weight" else 0
        made, there = rows["out"][name], rows["whole"][name]
        check(all((made[i] == matrix[back[c]] + more).all() for i, c in after.items()
                  if c in back), f"{label}: an old row has changed")
        added = set(other.get_added_tokens_decoder()) | set(new.get_added_tokens_decoder())
        ids = {stands_for(donor_kind, c): i for i, c in sorted(contents(other).items(),
                                                               reverse=True) if i not in added}
        shared = {stands_for(kind, c) for i, c in before.items()
                  if i not in old.get_added_tokens_decoder()}
        same = differ = 0
        for i in fresh - set(new.get_added_tokens_decoder()):
            text = stands_for(kind, after[i])
            if text in ids and text not in shared:
                equal = (made[i] == there[ids[text]]).all()
                same, differ = same + equal, differ + (not equal)
        check(differ == 0 and same > 20, f"{label}: {differ} of {same + differ} rows of {name} "
              "are not the transplant's")
    wrong = 0
    for text in TEXTS:
        ids = new.encode(text).ids
        if not fresh & set(ids):
            wrong += [before[i] for i in old.encode(text).ids] != [after[i] for i in ids]
    check(wrong == 0, f"{label}: {wrong} texts without new tokens are split otherwise")
    client = transformers.AutoTokenizer.from_pretrained(str(work / "out"))
    wrong = [t for t in TEXTS if client(t)["input_ids"] != new.encode(t).ids]
    check(not wrong, f"{label}: AutoTokenizer reads {wrong[:2]} otherwise")
    check(not faults(tool, work / "out"), f"{label}: verify finds faults")
    shutil.rmtree(work)


def run(tool, *arguments):
    return subprocess.run([tool, *map(str, arguments)], capture_output=True, text=True)


def faults(tool, path):
    return [line for line in run(tool, "verify", path).stdout.splitlines()
            if line.startswith("error")]


def trimmings(folder, tokenizer):
    """Arguments of a trimming, by name."""
    rng = random.Random(3)
    before = contents(tokenizer)
    count = len(before)
    some = rng.sample(sorted(before), count // 4)
    keep, drop = folder / "keep", folder / "drop"
    keep.write_text("\n".join(f"#{i}" if i % 2 else escape(before[i]) for i in some) + "\n")
    drop.write_text("\r\n".join(f"#{i}" for i in rng.sample(sorted(before), count // 2)))
    yield "first", ["trim", "--first", str(count // 3)]
    yield "keep", ["trim", "--keep", keep]
    yield "drop", ["trim", "--drop", drop]
    yield "bytes", ["bytes"]


def trim(tool, folder, name, path):
    work = folder / f"{name}.work"
    work.mkdir()
    model = work / "model"
    matrix = make_model(path, model)
    old = Tokenizer.from_file(str(model / "tokenizer.json"))
    known = faults(tool, model)
    for what, (command, *arguments) in trimmings(work, old):
        label, out = f"{name}, {what}", work / f"out-{what}"
        result = run(tool, command, model, out, *arguments)
        check(result.returncode == 0, f"{label}: {result.stderr.strip()}")
        if result.returncode:
            continue
        check(not list(work.glob("*.otx-*")), f"{label}: something is left beside the output")
        new = Tokenizer.from_file(str(out / "tokenizer.json"))
        check(new.get_vocab_size() < old.get_vocab_size(), f"{label}: nothing went")
        compare(label, old, new, model, out, matrix)
        found = faults(tool, out)
        check(len(found) <= len(known), f"{label}: verify says {found}")
    grow(tool, f"{name}, grown", model, work, matrix, old)
    to_bytes(tool, f"{name}, bytes by subword", model, work, matrix, old)
    shutil.rmtree(work)


def main():
    tool = os.path.abspath(sys.argv[1])
    with tempfile.TemporaryDirectory() as folder:
        kinds = []
        for name, path in tokenizer_directories(Path(folder)):
            if name in {make.__name__ for make in MADE_UP}:
                kinds.append(name)
                make_model(path, Path(folder) / f"{name}.base")
            trim(tool, Path(folder), name, path)
        for kind in kinds:
            for donor in kinds:
                if kind != donor:
                    grow_by(tool, f"{kind} by {donor}", Path(folder), kind, donor)
    print(f"{passed} passed, {failed} failed, 0 skipped")
    return failed > 0


if __name__ == "__main__":
    sys.exit(main())

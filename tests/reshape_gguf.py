#!/usr/bin/env python3
"""GGUF files whose vocabulary was cut down, or grew, opened by gguf and by llama.cpp.

    tests/reshape_gguf.py TRANSPLANT [--real DIR]

The example models become GGUF files, and `transplant trim` and `bytes` cut them down by lists, by
ids and to their bytes. All keys and tensors that are not the vocabulary's must be as they were,
and so must the rows of tokens that stay, byte for byte. llama.cpp, by the package xllamacpp, must
split a text whose tokens all stay into the same tokens under their new numbers, read any other
back as before, and find the same logits for tokens that stay. `transplant extend` gives them new
tokens, which it must meet, and split all other texts as before. --real does this with
SmolLM2-135M and Gemma 3 270M. Exits with 77 without gguf and numpy.
"""

import argparse
import json
import random
import subprocess
import sys
import tempfile
from pathlib import Path

sys.dont_write_bytecode = True
import gguf_clients as clients  # noqa: E402  (exits with 77 without its packages)
from gguf_clients import (BOOL, F32, I32, MODELS, STRING, U32, base_keys,  # noqa: E402
                          converted, donor_keys, gguf, has_llama, llama, np)

HERE = Path(__file__).resolve().parent
PARTS = ("tokens", "scores", "token_type", "merges", "suppress_tokens")
passed = failed = 0


def check(good, what):
    global passed, failed
    passed, failed = passed + bool(good), failed + (not good)
    if not good:
        print("failed:", what)
    return good


def texts():
    lines = [line for line in (HERE.parent / "README.md").read_text().splitlines() if line][:60]
    lines += [line for line in (HERE / "test_json.c").read_text().splitlines() if line][:40]
    return lines + ["Hello world", "naïve café", "日本語のテキスト", "Привет, мир", "🙂 emoji", "a",
                    "x = 12345 + 67.8e-9", "\ttabs\t\tand  spaces", "don't", "한국어", "é"]


TEXTS = texts()


def strings(reader, name):
    field = reader.fields.get("tokenizer.ggml." + name)
    return field.contents() if field else None


def compare_files(label, old, new):
    """What the keys and tensors became. Returns the new id of every old one."""
    before, after = strings(old, "tokens"), strings(new, "tokens")
    ids = {token: i for i, token in enumerate(after)}
    numbers = [ids.get(token) for token in before]
    kept = [i for i, n in enumerate(numbers) if n is not None]
    check([numbers[i] for i in kept] == list(range(len(after))), f"{label}: order of tokens")
    for part in ("scores", "token_type"):
        was = strings(old, part)
        if was is not None:
            check(strings(new, part) == [was[i] for i in kept], f"{label}: {part}")
    for name, field in old.fields.items():
        if name.startswith("GGUF.") or name.split(".")[-1] in PARTS:
            continue
        value, now = field.contents(), new.fields.get(name)
        if name.endswith("_token_id"):
            value = numbers[value]
        elif name.endswith(".vocab_size"):
            value = len(after)
        check(now is not None and now.types == field.types and now.contents() == value,
              f"{label}: key {name}")
    for was, now in zip(old.tensors, new.tensors):
        check(was.name == now.name and was.tensor_type == now.tensor_type, f"{label}: {was.name}")
        if was.shape[-1] != len(before):
            check(np.array_equal(was.data, now.data), f"{label}: {was.name} is as it was")
            continue
        rows, ours = (t.data.view(np.uint8).reshape(int(t.shape[-1]), -1) for t in (was, now))
        check(np.array_equal(rows[kept], ours), f"{label}: rows of {was.name}")
    check(len(old.tensors) == len(new.tensors), f"{label}: tensors")
    return numbers


def logits(answer):
    """Log-probabilities of the likeliest tokens, by id."""
    return {p["id"]: p["logprob"] for p in answer["completion_probabilities"][0]["top_logprobs"]}


def compare_llama(label, model, out, numbers):
    """What llama.cpp makes of texts, and of the model."""
    rng = random.Random(7)
    stay = [i for i, n in enumerate(numbers) if n is not None]
    made = llama(model, [("/detokenize", {"tokens": rng.choices(stay, k=9)}) for _ in range(60)])
    if not check(made, f"{label}: the model"):
        return
    every = TEXTS + [a["content"] for a in made]
    asked = [clients.tokenize(text) for text in every]
    before = llama(model, asked)
    after = llama(out, asked)
    if not check(before and after, f"{label}: llama.cpp loads it"):
        return
    before, after = ([a["tokens"] for a in answers] for answers in (before, after))
    same = [all(numbers[i] is not None for i in ids) for ids in before]
    wrong = [text for text, kept, a, b in zip(every, same, before, after)
             if kept and b != [numbers[i] for i in a]]
    check(not wrong, f"{label}: {len(wrong)} of {sum(same)} texts of tokens that stay are other "
          f"tokens, such as {wrong[:2]}")
    bare = label.endswith(", bytes")  # bytes that spell characters are never met
    check(sum(same) > 5 or bare, f"{label}: {sum(same)} texts of tokens that stay")
    back = [llama(m, [("/detokenize", {"tokens": ids}) for ids in rows])
            for m, rows in ((model, before), (out, after))]
    wrong = [text for text, a, b in zip(every, *back) if a["content"] != b["content"]]
    check(not wrong, f"{label}: {len(wrong)} texts are not read back, such as {wrong[:2]}")
    prompts = [ids for ids, kept in zip(before, same) if kept and len(ids) > 3][:3]
    if bare and not prompts:
        return
    many = {"n_predict": 1, "n_probs": 2000, "temperature": 0, "cache_prompt": False}
    old = llama(model, [("/completion", {"prompt": ids, **many}) for ids in prompts])
    new = llama(out, [("/completion", {"prompt": [numbers[i] for i in ids], **many})
                      for ids in prompts])
    apart = 0
    for one, two in zip(old or [], new or []):
        one, two = logits(one), logits(two)
        pairs = [(one[i], two[numbers[i]]) for i in one if numbers[i] in two]
        if check(len(pairs) > 1, f"{label}: {len(pairs)} logits to compare"):
            # All are as much less as the others weighed.
            shift = [a - b for a, b in pairs]
            apart = max(apart, max(shift) - min(shift))
    check(old and new and apart < 2e-4, f"{label}: logits are {apart} apart")


def tokens_of(reader):
    """Without what fills the list up."""
    return [t for i, t in enumerate(strings(reader, "tokens")) if t != f"[PAD{i}]"]


def trimmings(work, count):
    rng = random.Random(3)
    keep, drop = work / "keep", work / "drop"
    keep.write_text("\n".join(f"#{i}" for i in rng.sample(range(count), count // 4)))
    drop.write_text("\n".join(f"#{i}" for i in rng.sample(range(count), count // 2)))
    yield "first", ["trim", "--first", str(count // 3)]
    yield "keep", ["trim", "--keep", keep]
    yield "drop", ["trim", "--drop", drop]
    yield "bytes", ["bytes"]


def trim(transplant, work, model, with_llama, only=None):
    old = gguf.GGUFReader(model)
    for what, (command, *args) in trimmings(work, len(tokens_of(old))):
        if only and what not in only:
            continue
        label, out = f"{model.stem}, {what}", work / f"{model.stem}-{what}.gguf"
        done = subprocess.run([transplant, command, model, out, *args], capture_output=True,
                              text=True)
        if not check(done.returncode == 0, f"{label}: {done.stderr.strip()}"):
            continue
        check(not list(work.glob("*.otx-*")), f"{label}: something is left beside the output")
        numbers = compare_files(label, old, gguf.GGUFReader(out))
        check(None in numbers, f"{label}: nothing went")
        found = subprocess.run([transplant, "verify", out], capture_output=True, text=True)
        check(found.returncode == 0, f"{label}: verify says {found.stdout}")
        if with_llama:
            compare_llama(label, model, out, numbers)
        out.unlink()


NEW = [" transplant", " tokenizerlike", "tokenizerlike", " surgeon", "two words", "3.14159",
       "naïveté", "東京都庁", "こんにちは", " привет", "a+b==c", "qzqzqzxj", " qzqzqzxjqz", "🙂🙃"]


def grow(transplant, work, model, with_llama):
    """New tokens, and what becomes of texts."""
    label, out, lines = f"{model.stem}, grown", work / "grown.gguf", work / "new"
    old = gguf.GGUFReader(model)
    unigram = strings(old, "model") == "t5"  # no added token there but of ASCII
    wanted = [text for text in NEW if text.isascii() or not unigram]
    lines.write_text("\n".join(t.replace(" ", "\\x20") for t in NEW))
    done = subprocess.run([transplant, "extend", model, out, "--tokens", lines],
                          capture_output=True, text=True)
    check(not unigram or "takes the bytes of other characters apart" in done.stderr, label)
    lines.write_text("\n".join(t.replace(" ", "\\x20") for t in wanted))
    out.unlink(missing_ok=True)
    done = subprocess.run([transplant, "extend", model, out, "--tokens", lines],
                          capture_output=True, text=True)
    if not check(done.returncode == 0, f"{label}: {done.stderr.strip()}"):
        return
    new = gguf.GGUFReader(out)
    rows, before, after = strings(old, "tokens"), tokens_of(old), strings(new, "tokens")
    for part in PARTS[:4]:
        was, now = strings(old, part), strings(new, part)
        was = was and was[:len(before)] if part != "merges" else was
        check(was is None or now[:len(was)] == was, f"{label}: {part}")
    for was, now in zip(old.tensors, new.tensors):
        first, ours = (t.data.view(np.uint8).reshape(int(t.shape[-1]), -1) for t in (was, now))
        first = first[:len(before)] if was.shape[-1] == len(rows) else first
        check(np.array_equal(first, ours[:len(first)]), f"{label}: {was.name}")
        check(was.shape[-1] != len(rows) or len(ours) == len(after), f"{label}: rows")
    if with_llama:
        asked = [clients.tokenize(text) for text in TEXTS + wanted + ["(" + t for t in wanted]]
        first, second = ([a["tokens"] for a in llama(m, asked) or []] for m in (model, out))
        check(second, f"{label}: llama.cpp loads it")
        count = len(TEXTS)
        wrong = [text for text, a, b in zip(TEXTS, first, second)
                 if a != b and max(b) < len(before)]
        check(not wrong, f"{label}: {wrong[:2]} are split otherwise")
        alone, inner = second[count:count + len(wanted)], second[count + len(wanted):]
        # A space goes before all, and of Unigram what stands before may have a better piece.
        wrong = [text for text, a, b in zip(wanted, alone, inner)
                 if not a or (a[-1] < len(before) and after[a[-1]].strip("▁Ġ") != text.strip()) or
                 (a[-1:] != b[-1:] and (not unigram or text[0] == " "))]
        check(not wrong, f"{label}: {wrong} are not met")
    out.unlink()


# ---- vocabularies of other kinds ---------------------------------------------------------------


def filled(tokens, kinds, count):
    """As many as the model has rows, as converters fill them up."""
    more = range(len(tokens), count)
    return {"tokenizer.ggml.tokens": (STRING, tokens + [f"[PAD{i}]" for i in more]),
            "tokenizer.ggml.token_type": (I32, kinds + [5] * len(more))}


def unigram(count):
    from tokenizers import Tokenizer, models, pre_tokenizers, trainers
    made = Tokenizer(models.Unigram())
    made.pre_tokenizer = pre_tokenizers.Metaspace()
    made.train_from_iterator(TEXTS * 2, trainers.UnigramTrainer(
        vocab_size=700, special_tokens=["<pad>", "</s>", "<unk>"], unk_token="<unk>",
        show_progress=False))
    pieces = [made.id_to_token(i) for i in range(made.get_vocab_size())]
    scores = dict(json.loads(made.to_str())["model"]["vocab"])
    keys = filled(pieces, [3, 3, 2] + [1] * (len(pieces) - 3), count)
    scores = [float(scores[piece]) for piece in pieces] + [-10000.0] * (count - len(pieces))
    return {"tokenizer.ggml.model": (STRING, "t5"), **keys,
            "tokenizer.ggml.scores": (F32, scores),
            "tokenizer.ggml.add_space_prefix": (BOOL, True)}  # ids are taken for granted


def word_pieces(count):
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, trainers
    made = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    made.normalizer = normalizers.BertNormalizer(lowercase=True)
    made.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    made.train_from_iterator(TEXTS, trainers.WordPieceTrainer(
        vocab_size=700, show_progress=False, special_tokens=special))
    words = [made.id_to_token(i) for i in range(made.get_vocab_size())]
    words = special + [w[2:] if w.startswith("##") else "▁" + w for w in words[5:]]
    return {"tokenizer.ggml.model": (STRING, "bert"),
            **filled(words, [3] * 5 + [1] * (len(words) - 5), count),
            "tokenizer.ggml.unknown_token_id": (U32, 1), "tokenizer.ggml.cls_token_id": (U32, 2),
            "tokenizer.ggml.seperator_token_id": (U32, 3), "tokenizer.ggml.bos_token_id": (U32, 2),
            "tokenizer.ggml.mask_token_id": (U32, 4), "tokenizer.ggml.padding_token_id": (U32, 0)}


def world(count):
    words = sorted({" " * (i % 2) + word for text in TEXTS for i, word in enumerate(text.split())
                    if len(word) > 1 and word.isalpha() and word.isascii()})
    tokens = ["<s>"] + [f"\\x{i:02x}" for i in range(256)] + words[:count - 257]
    return {"tokenizer.ggml.model": (STRING, "rwkv"),
            **filled(tokens, [3] + [1] * (len(tokens) - 1), count),
            "tokenizer.ggml.bos_token_id": (U32, 0), "tokenizer.ggml.eos_token_id": (U32, 0)}


def other_kinds(work):
    """The example base with vocabularies that llama.cpp has besides."""
    try:
        import tokenizers  # noqa: F401
    except ImportError:
        print("skipped t5 and bert: no package tokenizers")
        return
    count = len(base_keys()["tokenizer.ggml.tokens"][1])
    for make in (unigram, word_pieces, world):
        yield converted(MODELS / "base", work / f"{make.__name__}.gguf", make(count), "F16")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("transplant")
    parser.add_argument("--real", type=Path)
    args = parser.parse_args()
    with_llama = has_llama()
    with tempfile.TemporaryDirectory(prefix="otx-cut-") as folder:
        work = Path(folder)
        models = [converted(MODELS / "base", work / "base.gguf", base_keys(), "Q8_0"),
                  converted(MODELS / "donor", work / "donor.gguf", donor_keys(), "F16")]
        for model in models + list(other_kinds(work)):
            trim(args.transplant, work, model, with_llama)
            grow(args.transplant, work, model, with_llama)
        for model in clients.real_files(args.real) if args.real else []:
            trim(args.transplant, work, Path(model), with_llama, ("keep", "bytes"))
            grow(args.transplant, work, Path(model), with_llama)
    print(f"{passed} passed, {failed} failed, 0 skipped")
    return failed > 0


if __name__ == "__main__":
    sys.exit(main())

#!/usr/bin/env python3
"""The tool's commands trim, bytes and extend: their lists, what they write, what they refuse.

    python3 tests/test_tool_reshape.py ./transplant [CASE...]

The last line is `N passed, N failed, N skipped`.
"""

import json
import os
import random
import re
import shutil
import signal
import subprocess
import sys

import tool
from tool import (BASE_COUNT, BASE_ONLY, BASE_WORDS, EMBED, HEAD, SHARED, base_id, base_model, call,
                  donor_model, pair, read_model, refused_to_nobody, snapshot, sound)

CASES, case = tool.cases()

# The special tokens, and single characters, as some bytes have no token.
ALWAYS = [base_id(word) for word in ("A", "B", "Ċ")] + [BASE_COUNT - 2, BASE_COUNT - 1]


def model_in(here):
    return base_model().write(here / "model")


def listing(here, text):
    path = here / "list"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def number(run, what):
    """What the summary says of something."""
    found = re.search(rf"^ +{what} +([\d,]+)", run.out, re.M)
    assert found, (what, run.out)
    return int(found.group(1).replace(",", ""))


def check_rows(here, ids):
    """OUT holds the rows of these tokens, in that order, and nothing else has changed."""
    old, new = read_model(here / "model"), read_model(here / "out")
    assert set(old) == set(new)
    for name in old:
        if name in (EMBED, HEAD):
            assert new[name].shape[0] == len(ids), (new[name].shape, ids)
            assert [new[name].row(i) for i in range(len(ids))] == [old[name].row(i) for i in ids]
        else:
            assert new[name].data == old[name].data
    config = json.loads((here / "out" / "config.json").read_text())
    assert config["vocab_size"] == len(ids)
    assert config["eos_token_id"] == ids.index(BASE_COUNT - 1)
    words = json.loads((here / "out" / "tokenizer.json").read_text())["model"]["vocab"]
    every = BASE_WORDS + [None, None]
    assert words == {every[old]: new for new, old in enumerate(ids) if every[old]}
    sound(here / "out")


def only(here, *names):
    assert sorted(p.name for p in here.iterdir()) == sorted(names), list(here.iterdir())


# ---- lists ---------------------------------------------------------------------------------------


@case
def lists_of_every_form(here):
    model = model_in(here)
    ids = sorted(ALWAYS + [base_id("base3"), base_id("Ġ" + SHARED[7]), 20])
    names = ["base3", f" {SHARED[7]}", "#20"]
    for text in ("\n".join(names), "\r\n".join(names) + "\r\n", "\n\n".join(names + [""]),
                 "\n".join(reversed(names + names)), f"\\x62ase3\n\\x20{SHARED[7]}\n#020",
                 "\n".join(["base3", "Ġ" + SHARED[7], "#20"])):
        run = call("trim", model, here / "out", "--keep", listing(here, text), "--overwrite")
        check_rows(here, ids)
        assert number(run, "stay") == len(ids) and number(run, "as wished") == 3, run.out
        assert number(run, "always") == len(ALWAYS) and number(run, "tokens") == BASE_COUNT
    only(here, "list", "model", "out")


@case
def nothing_in_a_list(here):
    model = model_in(here)
    for text in ("", "\n", "\r\n\n"):
        call("trim", model, here / "out", "--keep", listing(here, text), "--overwrite")
        check_rows(here, sorted(ALWAYS))
    run = call("trim", model, here / "out", "--drop", listing(here, ""), "--overwrite")
    assert "none of its 58 tokens can go" in run.err, run.err
    check_rows(here, list(range(BASE_COUNT)))
    run = call("extend", model, here / "out", "--tokens", listing(here, "\n"), "--overwrite")
    assert number(run, "now") == BASE_COUNT
    check_rows(here, list(range(BASE_COUNT)))


@case
def lists_that_are_refused(here):
    model = model_in(here)
    for text, needle in ((b"base3\nbase99\n", 'token 2 of the list, "base99": .*has no such token'),
                         ("base3\nbasé", '"basé"'), ("#58", '"#58"'), ("#-1", '"#-1"'),
                         ("#18446744073709551616", "has no such token"),
                         (" base3", '" base3"'), ("\ufeffbase3", "has no such token"),
                         ("base\\3", r"a backslash begins \\\\ or \\xNN"),
                         ("base\\x3", "a backslash begins"), ("\\", "a backslash begins"),
                         (b"base3\nba\0se\n", r"/list: holds a zero byte; write \\x00"),
                         (b"\xff\xfe#\n", "has no such token")):
        for option in ("--keep", "--drop"):
            error = call("trim", model, here / "out", option, listing(here, text), status=1).error
            assert re.search(needle, error), (needle, error)
    path = listing(here, "")
    with open(path, "r+b") as file:
        file.truncate((256 << 20) + 1)
    for command, option in (("trim", "--keep"), ("trim", "--drop"), ("extend", "--tokens")):
        error = call(command, model, here / "out", option, path, status=1).error
        assert error.endswith("/list: is no list of tokens: over 256 MiB"), error
        error = call(command, model, here / "out", option, here / "nonesuch", status=1).error
        assert "nonesuch: cannot be opened" in error, error
        error = call(command, model, here / "out", option, here, status=1).error
        assert "is a directory" in error, error
        if os.name == "posix":
            error = call(command, model, here / "out", option, "/dev/stdin", status=1,
                         stdin=subprocess.PIPE).error
            assert "is a device or a pipe, not a regular file" in error, error
    only(here, "list", "model")


# ---- what is written -----------------------------------------------------------------------------


@case
def what_stays(here):
    model = model_in(here)
    before = snapshot(model)
    call("bytes", model, here / "out")
    check_rows(here, sorted(ALWAYS))
    call("trim", model, here / "out", "--first", "9", "--overwrite")
    check_rows(here, sorted(set(ALWAYS) | set(range(9))))
    drop = listing(here, "#5\nA\n<|end|>\nbase11\n")  # the second and the third stay all the same
    call("trim", model, here / "out", "--drop", drop, "--overwrite")
    check_rows(here, [i for i in range(BASE_COUNT) if i not in (5, base_id("base11"))])
    call("trim", model, here / "out", "--drop", drop, "--first", "9", "--overwrite")
    check_rows(here, [i for i in range(BASE_COUNT) if i not in (5, base_id("base11"))])
    call("trim", model, here / "out", "--keep", listing(here, "base11"), "--first", "9",
         "--overwrite")
    check_rows(here, sorted(set(ALWAYS) | set(range(9)) | {base_id("base11")}))
    assert snapshot(model) == before
    assert (here / "out" / "README.md").read_text() == "the base's\n"


@case
def rows_and_silence(here):
    model = model_in(here)
    run = call("bytes", model, here / "out", "--rows", "multiple-of:16", "-q")
    assert (run.out, run.err) == ("", "")
    assert read_model(here / "out")[EMBED].shape[0] == 16
    assert json.loads((here / "out" / "config.json").read_text())["vocab_size"] == 16
    run = call("extend", model, here / "more", "--rows", "multiple-of:16", "-q", "--tokens",
               listing(here, "new"))
    assert (run.out, run.err) == ("", "")
    assert read_model(here / "more")[EMBED].shape[0] == 64
    sound(here / "out")
    sound(here / "more")


@case
def new_tokens(here):
    words = ["a", "b", "c", "Ġ", "Ġa", "ab"]
    made = base_model(words=words)
    made.tokenizer["model"]["merges"] = ["Ġ a", "a b"]
    model = made.write(here / "model")
    run = call("extend", model, here / "out", "--tokens",
               listing(here, "abc\r\n\\x20abba\n\nab\nabc\na b\n#1\n"))
    assert number(run, "tokens") == 8 and number(run, "were there") == 2, run.out
    assert number(run, "of the model") == 2 and number(run, "added") == 2, run.out
    assert number(run, "now") == 12 + number(run, "parts")
    file = json.loads((here / "out" / "tokenizer.json").read_text())
    vocab = file["model"]["vocab"]
    assert [vocab[w] for w in words + ["abc"]] == list(range(7)) and "Ġabba" in vocab, vocab
    assert file["model"]["merges"][:3] == ["Ġ a", "a b", "ab c"]
    assert [t["content"] for t in file["added_tokens"]] == ["<|begin|>", "<|end|>", "a b", "#1"]
    old, new = read_model(model), read_model(here / "out")
    ids = {t["content"]: t["id"] for t in file["added_tokens"]} | vocab
    assert sorted(ids.values()) == list(range(new[EMBED].shape[0]))
    for i, word in enumerate(words + ["<|begin|>", "<|end|>"]):
        assert new[EMBED].row(ids[word]) == old[EMBED].row(i), word
    row, ab, c = new[EMBED].values(6), old[EMBED].values(5), old[EMBED].values(2)
    assert all(abs(x - (y + z) / 2) < 1e-6 for x, y, z in zip(row, ab, c))
    call("extend", model, here / "out", "--tokens", here / "list", "-s", "last", "--overwrite")
    assert read_model(here / "out")[EMBED].row(6) != new[EMBED].row(6)
    sound(here / "out")


@case
def there_and_back(here):
    """What is added and dropped again leaves the model as it was."""
    model = model_in(here)
    names = listing(here, "two words\nnaïve+\n")
    call("extend", model, here / "more", "--tokens", names)
    run = call("trim", here / "more", here / "out", "--first", str(BASE_COUNT))
    assert number(run, "stay") == BASE_COUNT + 2, run.out  # added tokens are in use
    old, new = read_model(model), read_model(here / "out")
    assert all(new[EMBED].row(i) == old[EMBED].row(i) for i in range(BASE_COUNT))


# ---- what is refused -----------------------------------------------------------------------------


@case
def misuse(here):
    model, names = model_in(here), listing(here, "base3")
    out = here / "out"
    for args, needle in (
            (("trim", model, out), "--keep, --drop, --first or --min-count is wanted"),
            (("trim", model, out, "--keep", names, "--drop", names), "one of them is wanted"),
            (("trim", model, "--first", "9"), "too few arguments for 'trim'"),
            (("trim", model, out, out, "--first", "1"), "too many arguments for 'trim'"),
            (("trim", model, out, "--first", "x"), "'x'"),
            (("trim", model, out, "--first", "-1"), "'-1'"),
            (("trim", model, out, "--keep"), "a value is missing after '--keep'"),
            (("trim", model, out, "--tokens", names), "this command has no option 'tokens'"),
            (("trim", model, out, "--first", "9", "-a", "mean"), "this command has no option"),
            (("trim", model, out, "--first", "9", "--rows", "tokenizer"), "multiple-of:N"),
            (("trim", model, out, "--first", "9", "--rows", "multiple-of:0"), "multiple-of:0"),
            (("bytes", model, out, "--keep", names), "this command has no option 'keep'"),
            (("bytes", model, out, "--first", "9"), "this command has no option 'first'"),
            (("bytes", model), "too few arguments for 'bytes'"),
            (("extend", model, out), "--tokens FILE is wanted"),
            (("extend", model, out, "--keep", names), "this command has no option 'keep'"),
            (("extend", model, out, "--tokens", names, "-s", "x"), "unknown subword method 'x'"),
            (("extend", model, out, "--tokens", names, "--rows", "9"), "multiple-of:N"),
            ((model, out, "--keep", names), "this command has no option 'keep'")):
        error = call(*args, status=2).error
        assert needle in error, (needle, error)
    only(here, "list", "model")
    for command in ("trim", "bytes", "extend"):
        assert "usage: transplant " in call("help", command).out
        assert call(command, "--help").out == call("help", command).out


@case
def tokens_that_cannot_be(here):
    model = model_in(here)
    for text, needle in (("\\xff+", "is no UTF-8"), ("a" * 257, "has 257 bytes; 1 to 256"),
                         ("new\n\\q", 'token 2 of the list, "')):
        error = call("extend", model, here / "out", "--tokens", listing(here, text),
                     status=1).error
        assert needle in error, (needle, error)
    only(here, "list", "model")


@case
def other_models(here):
    """No directory, none with a tokenizer.json, and a tokenizer.json that is none."""
    model, names = model_in(here), listing(here, "A")
    every = (("bytes",), ("trim", "--keep", names), ("extend", "--tokens", names))
    for command, *options in every:
        error = call(command, here / "nonesuch", here / "out", *options, status=1).error
        assert "nonesuch" in error, error
        error = call(command, model / "model.safetensors", here / "out", *options, status=1).error
        assert "model.safetensors: " in error, error
    text = (model / "tokenizer.json").read_text()
    (model / "vocab.json").write_text(json.dumps(json.loads(text)["model"]["vocab"]))
    (model / "tokenizer.json").unlink()
    for command, *options in every:
        error = call(command, model, here / "out", *options, status=1).error
        assert "only a tokenizer.json is written anew" in error, error
    for spoiled in ("", "{", "[]", '{"model": {"type": "BPE", "vocab": {"A": -1}, "merges": []}}',
                    text.replace('"id": 56, ', ""), text[:-9], "[" * 100000):
        (model / "tokenizer.json").write_text(spoiled)
        for command, *options in every:
            error = call(command, model, here / "out", *options, status=1).error
            assert "tokenizer.json" in error, error
    only(here, "list", "model")


@case
def files_beside_that_are_spoiled(here):
    model = model_in(here)
    for name in ("vocab.json", "added_tokens.json", "config.json"):
        old = (model / name).read_bytes() if (model / name).exists() else None
        for spoiled in ("{", "[]", "7"):
            (model / name).write_text(spoiled)
            error = call("bytes", model, here / "out", status=1).error
            assert name in error, error
        (model / name).unlink() if old is None else (model / name).write_bytes(old)
    only(here, "model")


# ---- the output ----------------------------------------------------------------------------------


@case
def an_output_that_exists(here):
    model, names = model_in(here), listing(here, "base3")
    every = (("bytes",), ("trim", "--keep", names), ("extend", "--tokens", names))
    for command, *options in every:
        (here / "out").mkdir()
        (here / "out" / "mine").write_text("mine")
        for more in ((), ("--overwrite",)):
            error = call(command, model, here / "out", *options, *more, status=1).error
            assert "does not look like a model" in error, error
        shutil.copytree(model, here / "out", dirs_exist_ok=True)
        before = snapshot(here / "out")
        error = call(command, model, here / "out", *options, status=1).error
        assert error.endswith("out: exists already; pass --overwrite to replace it"), error
        assert snapshot(here / "out") == before
        call(command, model, here / "out", *options, "--overwrite")
        assert not (here / "out" / "mine").exists() and (here / "out" / "config.json").exists()
        call(command, model, here / "out", *options, "--overwrite")
        shutil.rmtree(here / "out")
        (here / "out").write_text("a file")
        error = call(command, model, here / "out", *options, "--overwrite", status=1).error
        assert "is not a directory and is not replaced" in error, error
        (here / "out").unlink()
    only(here, "list", "model")


@case
def an_output_at_the_model(here):
    model, names = model_in(here), listing(here, "base3")
    before = snapshot(here)
    for command, *options in (("bytes",), ("trim", "--keep", names), ("extend", "--tokens", names)):
        assert "exists already" in call(command, model, model, *options, status=1).error
        for out in (model, f"{model}/", f"{model}/.", here / "model" / "out", here):
            error = call(command, model, out, *options, "--overwrite", status=1).error
            assert re.search("must not be, hold or lie in|needs a name of its own|"
                             "does not look like a model", error), error
        error = call(command, model, here / "no" / "out", *options, status=1).error
        assert "cannot be created: No such file" in error, error
        error = call(command, model, here / "out.gguf", *options, status=1).error
        assert "out.gguf" in error, error
        assert snapshot(here) == before
    only(here, "list", "model")


@case
def a_folder_that_nobody_may_write(here):
    model = model_in(here)
    here.chmod(0o755)
    error = refused_to_nobody(here, "bytes", model, here / "out")
    assert "Permission denied" in error, error
    only(here, "copy", "model")


@case
def interrupted(here):
    """Merges are looked for of many long words."""
    letters = [chr(c) for c in range(ord("a"), ord("z") + 1)]
    model = base_model(words=letters).write(here / "model")
    rng = random.Random(1)
    names = listing(here, "\n".join("".join(rng.choices(letters, k=250)) for _ in range(20000)))
    for signal_number in (signal.SIGINT, signal.SIGTERM):
        process = subprocess.Popen([tool.TOOL, "extend", model, here / "out", "--tokens", names],
                                   stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        line = process.stderr.readline()
        assert line.startswith(b"opening"), line
        process.send_signal(signal_number)
        out, rest = process.communicate(timeout=60)
        assert process.returncode == 130, (process.returncode, rest)
        assert rest.endswith(b"transplant: interrupted\n") and not out, rest
        only(here, "list", "model")


@case
def sharded_and_tied(here):
    made = base_model(tied=True)
    made.shards = [[EMBED], [n for n in made.tensors if n != EMBED]]
    model = made.write(here / "model")
    call("trim", model, here / "out", "--keep", listing(here, "\n".join(BASE_ONLY)))
    ids = sorted(ALWAYS + [base_id(word) for word in BASE_ONLY])
    check_rows(here, ids)
    assert (here / "out" / "model.safetensors.index.json").exists()
    assert HEAD not in read_model(here / "out")


@case
def bytes_stand_in_for_characters(here):
    """Where all bytes are tokens, single characters may go, but for the mark of a space."""
    words = [f"<0x{i:02X}>" for i in range(256)] + ["▁", "e", "▁e", "▁ee"]
    made = donor_model(words=words)
    made.tokenizer["model"]["merges"] = ["▁ e", "▁e e"]
    model = made.write(here / "model")
    run = call("bytes", model, here / "out")
    assert number(run, "stay") == 3 + 256 + 1, run.out
    call("trim", model, here / "out", "--keep", listing(here, "▁ee"), "--overwrite")
    file = json.loads((here / "out" / "tokenizer.json").read_text())["model"]
    assert file["merges"] == ["▁ e", "▁e e"] and file["vocab"]["▁ee"] == 262
    sound(here / "out")


if __name__ == "__main__":
    sys.exit(tool.main(CASES))

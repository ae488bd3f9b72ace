#!/usr/bin/env python3
"""The tool's commands trim, bytes and extend: their lists, what they write, what they refuse.

    python3 tests/test_tool_reshape.py ./transplant [CASE...]

The last line is `N passed, N failed, N skipped`.
"""

import base64
import json
import os
import random
import re
import shutil
import signal
import subprocess
import sys

import gguf_models as files
import tool
from tool import (BASE_COUNT, BASE_ONLY, BASE_WORDS, DONOR_WORDS, EMBED, HEAD, SHARED, base_id,
                  base_model, call, donor_id, donor_model, pair, read_model, refused_to_nobody,
                  snapshot, sound)

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
                         (" base3", '" base3"'), ("\ufeffbase3", "begins with a byte order mark"),
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
def added_tokens_in_the_way(here):
    """Added tokens of a file that has no list of them, and those that are spelled as what a
    merge would make: tokenizers refuses a file whose merges make none of the model's own."""
    made = base_model(words=["a", "b", "Ġ", "Ã", "©", "l"])
    del made.tokenizer["added_tokens"]
    made.roles = {}
    model = made.write(here / "model")
    call("extend", model, here / "out", "--tokens", listing(here, "ĠÃ©\n\\x20élb\nélb\na b"))
    file = json.loads((here / "out" / "tokenizer.json").read_text())
    vocab, merges = file["model"]["vocab"], file["model"]["merges"]
    assert merges and all(one + two in vocab for one, two in merges), (merges, vocab)
    assert "Ã©lb" in vocab and "ĠÃ©lb" not in vocab
    assert [t["content"] for t in file["added_tokens"]] == ["ĠÃ©", " élb", "a b"]
    error = call("extend", model, here / "none", "--tokens", listing(here, "a b\nÃ\n"),
                 status=1).error
    assert 'token "Ã": has to be an added token, and cannot be: the tok' in error, error
    ids = [*vocab.values(), *(t["id"] for t in file["added_tokens"])]
    assert sorted(ids) == list(range(len(ids)))
    assert read_model(here / "out")[EMBED].shape[0] == len(ids)


@case
def tokens_that_other_files_name(here):
    """Loaders number them behind those of tokenizer.json, whatever the rows say."""
    made = base_model()
    del made.tokenizer["added_tokens"]
    model = made.write(here / "model")
    run = call("trim", model, here / "out", "--first", "20")
    assert len(re.findall(r'such as "<\|begin\|>" with the id 56', run.err)) == 1, run.err
    error = call("extend", model, here / "none", "--tokens", listing(here, "a b"), status=1).error
    assert re.search(r'/model: token "<\|begin\|>" would not have the id \d+ of its row', error)
    only(here, "list", "model", "out")


@case
def words_of_a_reshaping(here):
    """Of a transplant's messages, in which the model is both sides, however long its path is."""
    made = donor_model(words=[f"<0x{i:02X}>" for i in range(256)] + ["1", "12", "123"])
    for where in (here, here / ("ä" * 120) / ("é" * 120) / ("x" * 200)):
        where.mkdir(parents=True, exist_ok=True)
        (where / "list").write_text("12")
        model = made.write(where / "model")
        run = call("trim", model, where / "out", "--keep", where / "list")
        assert "otx-tokenizer" not in run.err, run.err
        assert where != here or f"{model} reads numbers in pieces of up to 3 digits, its new " \
            "tokenizer in pieces of up to 2 digits: texts" in run.err, run.err
    made = donor_model(words=[f"<0x{i:02X}>" for i in range(256)] + ["1", "2"])
    model = made.write(here / "single")
    run = call("extend", model, here / "more", "--tokens", here / "list")
    assert f"{model} reads numbers digit by digit, its new tokenizer in pieces of up to 2" in \
        run.err and "--split-digits" not in run.err, run.err


@case
def the_class_stays(here):
    """A model's own tokenizer is loaded beside its config as it was: nothing is named for it. One
    that becomes another, of bytes, has its class named."""
    for kind, name in (("mistral", "LlamaTokenizer"), ("qwen2", "PreTrainedTokenizerFast"),
                       ("llama", None)):
        made = donor_model()
        made.config = made.config.replace('"llama"', json.dumps(kind))
        model = made.write(here / kind)
        named = model / "tokenizer_config.json"
        if name:
            tool.write_json(named, json.loads(named.read_text()) | {"tokenizer_class": name})
        else:
            named.unlink()
        names = listing(here, "▁" + SHARED[3])
        for command in (("trim", "--keep", names), ("extend", "--tokens", names)):
            run = call(command[0], model, here / "out", *command[1:], "--overwrite")
            written = here / "out" / "tokenizer_config.json"
            assert "names the class" not in run.err, run.err
            assert not list((here / "out").glob("tokenization*")), list((here / "out").iterdir())
            assert written.exists() == bool(name), (kind, command)
            assert not name or json.loads(written.read_text()) == json.loads(named.read_text())
        call("bytes", model, here / "out", "--by", "subword", "--overwrite")
        written = json.loads((here / "out" / "tokenizer_config.json").read_text())
        assert written["tokenizer_class"] == "PreTrainedTokenizerFast", (kind, written)


@case
def ids_that_configs_name(here):
    """Every id of a role stays, in lists too, whatever the tokenizer says that its tokens are;
    what names no token is left."""
    made = base_model()
    end, more = BASE_COUNT - 1, base_id("base3")
    named = {"eos_token_id": [end, more], "decoder_start_token_id": -1, "pad_token_id": None,
             "tokenizer_class": "GPT2Tokenizer", "auto_map": {"AutoTokenizer": ["x.Y", None]}}
    made.config = json.dumps(json.loads(made.config) | named)
    made.files["generation_config.json"] = json.dumps(
        {"eos_token_id": [more, end], "pad_token_id": -1, "suppress_tokens": [20, end]})
    made.files["x.py"] = ""
    made.roles |= {"auto_map": {"AutoTokenizer": ["x.Y", None]}, "pad_token": "base4",
                   "model_specific_special_tokens": {"image": "base5"}}
    model = made.write(here / "model")
    for command in (("trim", "--first", "3"),
                    ("extend", "--tokens", listing(here, "two words")), ("bytes",),
                    ("bytes", "--by", "subword")):
        run = call(command[0], model, here / "out", *command[1:], "--overwrite")
        file = json.loads((here / "out" / "tokenizer.json").read_text())
        ends = [t["id"] for t in file["added_tokens"] if t["content"] == "<|end|>"]
        ends.append(file["model"]["vocab"]["base3"])
        assert "base5" in file["model"]["vocab"], file
        config = json.loads((here / "out" / "config.json").read_text())
        assert config["eos_token_id"] == ends and config["decoder_start_token_id"] == -1, config
        assert config["pad_token_id"] is None, config
        code = json.loads((here / "out" / "tokenizer_config.json").read_text())["auto_map"]
        assert code == ({} if "subword" in command else named["auto_map"]), code
        left = '"merges.txt" is left out: it is of the tokens as they were; what is read is tok'
        assert (left in run.err) == ("subword" in command), run.err
        if "subword" not in command:
            assert {key: config[key] for key in named} == named | {"eos_token_id": ends}, config
        config = json.loads((here / "out" / "generation_config.json").read_text())
        assert config["eos_token_id"] == ends[::-1] and config["pad_token_id"] == -1, config
        assert command[0] == "extend" or '1 of the ids in "suppress_tokens" have no ' \
            "counterpart in the new tokenizer; left out" in run.err, run.err


@case
def ids_and_code_that_the_config_alone_names(here):
    """An id that no token has becomes its role's; what only config.json names comes along."""
    made = base_model()
    code = {"AutoTokenizer": [None, "tokenization_x.T"]}
    made.config = json.dumps(json.loads(made.config) | {"pad_token_id": 5000, "auto_map": code})
    made.files["tokenization_x.py"] = "class T: pass"
    made.roles |= {"pad_token": "base4"}
    model = made.write(here / "model")
    run = call("trim", model, here / "out", "--first", "5")
    assert "beyond" not in run.err, run.err
    vocab = json.loads((here / "out" / "tokenizer.json").read_text())["model"]["vocab"]
    config = json.loads((here / "out" / "config.json").read_text())
    assert config["pad_token_id"] == vocab["base4"] and config["auto_map"] == code, config
    assert (here / "out" / "tokenization_x.py").exists()


@case
def texts_that_are_tokens(here):
    """A text is a token already if one stands for it, not if one is spelled so."""
    made = base_model(words=["a", "é", "Ã", "©", "Ġ", "=", "Ġ=", "ĠĠ", "Ċ"])
    made.tokenizer["model"]["merges"] = ["Ġ =", "Ġ Ġ"]
    model = made.write(here / "model")
    run = call("extend", model, here / "out", "--tokens",
               listing(here, "\\x20=\n\\x20\\x20\n\\x0a\n<|end|>\né\na=\na=\n"))
    assert number(run, "were there") == 5 and number(run, "added") == 1, run.out
    assert number(run, "of the model") == 1, run.out
    file = json.loads((here / "out" / "tokenizer.json").read_text())
    assert [t["content"] for t in file["added_tokens"]] == ["<|begin|>", "<|end|>", "a="]
    assert file["model"]["vocab"]["Ã©"] == 9 and file["model"]["merges"][2:] == ["Ã ©"]
    error = call("extend", model, here / "none", "--tokens", listing(here, "é\nÃ©\n"),
                 status=1).error
    assert 'token "Ã©": has to be an added token, and cannot be: the tok' in error, error


@case
def texts_that_are_cut(here):
    """What a step takes apart where it stands alone is an added token, however plain it looks."""
    cut = [{"type": "Split", "pattern": {"String": " "}, "behavior": "Isolated", "invert": False},
           {"type": "Split", "pattern": {"Regex": "."}, "behavior": "Isolated", "invert": False},
           {"type": "FixedLength", "length": 2}, {"type": "Odd"},
           {"type": "CharDelimiterSplit", "delimiter": "a"}]
    steps = [("pre_tokenizer", step) for step in cut]
    steps += [("normalizer", {"type": "Replace", "pattern": {"String": "a"}, "content": "b"})]
    odd = base_model(words=["a", "Ġ"])
    odd.tokenizer["pre_tokenizer"] = {"type": "Odd"}
    run = call("extend", odd.write(here / "odd"), here / "out", "--tokens", listing(here, "\\x20"))
    assert number(run, "added") == 1, run.out  # nothing tells that it is met as it is
    for i, (part, step) in enumerate(steps):
        made = base_model(words=["a", "b", " "])
        made.tokenizer["pre_tokenizer"] = made.tokenizer["decoder"] = None
        made.tokenizer[part] = step
        model = made.write(here / f"model{i}")
        run = call("extend", model, here / "out", "--overwrite", "--tokens",
                   listing(here, "bab\n\\x20bb\n" if i else "\\x20ab\nba\n"))
        assert number(run, "added") == (1 if i in (0, 5) else 2), (step, run.out)
        file = json.loads((here / "out" / "tokenizer.json").read_text())
        assert file["added_tokens"][2]["content"] == ("bab" if i else " ab"), (step, file)


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


@case
def rows_of_a_donor(here):
    """New tokens' rows are those of a transplant, bit for bit; the model's own stay."""
    base, donor = pair(here)
    lines = listing(here, "donor3\ndonor19\nmine\nbase3\n")
    for options in (("-a", "omp", "-k", "4"), ("-a", "focus"), ("-a", "hull")):
        run = call("extend", base, here / "out", "--donor", donor, "--tokens", lines, *options,
                   "--overwrite")
        assert number(run, "by the donor") == 2 and number(run, "were there") == 1, run.out
        assert number(run, "by pieces") == number(run, "now") - BASE_COUNT - 2, run.out
        call(base, donor, here / "whole", *options, "--overwrite", "-q")
        old, new, whole = (read_model(path) for path in (base, here / "out", here / "whole"))
        file = json.loads((here / "out" / "tokenizer.json").read_text())
        ids = {t["content"]: t["id"] for t in file["added_tokens"]} | file["model"]["vocab"]
        for name in (EMBED, HEAD):
            for i, word in enumerate(BASE_WORDS + ["<|begin|>", "<|end|>"]):
                assert new[name].row(ids[word]) == old[name].row(i), (options, name, word)
            for word in ("donor3", "donor19"):
                row = whole[name].row(donor_id(word))
                assert new[name].row(ids[word]) == row, (options, name, word)
        sound(here / "out")
    only(here, "base", "donor", "list", "out", "whole")


@case
def tokens_of_a_donor(here):
    """Those of its own that are words; no special ones, whose roles stay the model's."""
    words = ["m", "i", "n", "e"]
    base, donor = pair(here, base_model(words=words),
                       donor_model(words=["e", "i"] + DONOR_WORDS + ["mine", "of+two"]))
    for options, own in (((), 1), (("--max", "1"), 1), (("--first", str(donor_id("é"))), 0)):
        run = call("extend", base, here / "out", "--donor", donor, "-a", "omp", "--overwrite",
                   *options)
        assert number(run, "of the model") == own and number(run, "added") == 0, run.out
        assert number(run, "now") - len(words) - 2 == own + number(run, "parts"), run.out
        assert number(run, "by the donor") == own and ("left out" in run.out) == bool(own), run.out
        config = json.loads((here / "out" / "config.json").read_text())
        file = json.loads((here / "out" / "tokenizer.json").read_text())
        names = {t["content"]: t["id"] for t in file["added_tokens"]}
        assert list(names) == ["<|begin|>", "<|end|>"], names
        assert config["eos_token_id"] == names["<|end|>"], (config, names)
        assert "</s>" not in file["model"]["vocab"]
        sound(here / "out")
    run = call("extend", base, here / "more", "--tokens-of", donor, "-q")
    (donor / "model.safetensors").unlink()
    assert snapshot(here / "more") == snapshot(
        (call("extend", base, here / "again", "--tokens-of", donor, "-q"), here / "again")[1])
    error = call("extend", base, here / "no", "--donor", donor, status=1).error
    assert str(donor) in error and "weights" in error, error
    error = call("extend", base, here / "no", "--donor", here / "nonesuch", status=1).error
    assert "nonesuch" in error, error
    only(here, "again", "base", "donor", "more", "out")


@case
def bytes_that_are_made(here):
    """Every byte is a token then, whatever the model had; its own keep their rows."""
    model = model_in(here)
    run = call("bytes", model, here / "out", "--by", "subword")
    assert number(run, "stay") == 258 and number(run, "as new bytes") == 256 - 3, run.out
    old, new = read_model(model), read_model(here / "out")
    words = json.loads((here / "out" / "tokenizer.json").read_text())["model"]["vocab"]
    for word in ("A", "B", "Ċ"):
        assert new[EMBED].row(words[word]) == old[EMBED].row(base_id(word)), word
    assert new[EMBED].row(words["Ã"]) == new[EMBED].row(words["©"]) == old[EMBED].row(3)
    sound(here / "out")
    call("bytes", model, here / "own", "--by", "own", "-q")
    call("bytes", model, here / "plain", "-q")
    assert snapshot(here / "own") == snapshot(here / "plain")
    call("bytes", here / "out", here / "same", "--by", "subword", "-q")
    again = read_model(here / "same")
    assert all(again[name].data == new[name].data for name in new)


# ---- what is refused -----------------------------------------------------------------------------


@case
def misuse(here):
    model, names = model_in(here), listing(here, "base3")
    out = here / "out"
    for args, needle in (
            (("trim", model, out), "--keep, --drop, --first or --min-count is wanted"),
            (("trim", model, out, "--keep", names, "--drop", names), "one of them is wanted"),
            (("trim", model, out, "--first", "9", "--drop", names), "--drop does not go with"),
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
            (("extend", model, out), "--tokens-of TOKENIZER or --donor DONOR is wanted"),
            (("extend", model, out, "--keep", names), "this command has no option 'keep'"),
            (("extend", model, out, "--tokens", names, "-s", "x"), "unknown subword method 'x'"),
            (("extend", model, out, "--tokens", names, "--rows", "9"), "multiple-of:N"),
            (("extend", model, out, "--tokens", names, "-a", "omp"), "--donor DONOR is wanted"),
            (("extend", model, out, "--tokens", names, "-a", "x"), "unknown approximation method"),
            (("extend", model, out, "--tokens", names, "--norm", "anchors"), "--donor DONOR"),
            (("extend", model, out, "--tokens", names, "--first", "9"), "do not go with"),
            (("extend", model, out, "--tokens", names, "--max", "9"), "do not go with"),
            (("extend", model, out, "--tokens-of", model, "--max", "0"), "'0'"),
            (("trim", model, out, "--first", "9", "--donor", model), "has no option 'donor'"),
            (("trim", model, out, "--first", "9", "--by", "own"), "has no option 'by'"),
            (("bytes", model, out, "--by", "x"), "own or subword is wanted"),
            ((model, out, "--keep", names), "this command has no option 'keep'")):
        error = call(*args, status=2).error
        assert needle in error, (needle, error)
    only(here, "list", "model")
    for command in ("trim", "bytes", "extend"):
        assert "usage: transplant " in call("help", command).out
        assert call(command, "--help").out == call("help", command).out


@case
def tokens_that_cannot_be(here):
    model, donor = model_in(here), donor_model().write(here / "donor")
    for text, needle in (("\\xff+", "is no UTF-8"), ("a" * 257, "has 257 bytes; 1 to 256"),
                         ("new\n\\q", 'token 2 of the list, "')):
        for more in ((), ("--donor", donor, "-a", "omp"), ("--tokens-of", donor)):
            error = call("extend", model, here / "out", "--tokens", listing(here, text), *more,
                         status=1).error
            assert needle in error, (needle, error)
    for spoiled in ("", "{", "[]", "[" * 100000):
        (donor / "tokenizer.json").write_text(spoiled)
        for option in ("--donor", "--tokens-of"):
            error = call("extend", model, here / "out", option, donor, status=1).error
            assert "donor/tokenizer.json" in error, error
    only(here, "donor", "list", "model")


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
        error = call(command, model / "tokenizer.json", here / "out", *options, status=1).error
        assert "tokenizer.json: is a file of a tokenizer, not a model" in error, error
    text = (model / "tokenizer.json").read_text()
    (model / "vocab.json").write_text(json.dumps(json.loads(text)["model"]["vocab"]))
    (model / "tokenizer.json").unlink()
    error = call("extend", model, here / "out", "--tokens", names, status=1).error
    assert re.search("read from vocab.json; only a tokenizer.json grows: load it with", error)
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
def what_was_left_beside_the_output(here):
    model, names = model_in(here), listing(here, "base3")
    (here / "out.otx-tokenizer-1").mkdir()
    run = call("trim", model, here / "out", "--keep", names)
    assert run.err.count('beside the output stands "out.otx-tokenizer-1", left by') == 1, run.err
    assert "otx-tokenizer-2" not in run.err, run.err
    only(here, "list", "model", "out", "out.otx-tokenizer-1")
    error = call("trim", model, here / "none" / "out", "--keep", names, status=1).error
    assert "/none: cannot" in error and "otx-tokenizer" not in error, error


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
        assert "no: cannot list the directory: No such file" in error, error
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
def gguf_files(here):
    """What is cut down and grown is a file, and so is the output."""
    model = files.write(here / "model.gguf", files.base_keys(), files.base_tensors("Q4_K", "Q8_0"))
    names, new = listing(here, "\n".join(BASE_ONLY)), here / "new"
    new.write_text("two words\n")
    before, (keys, tensors) = snapshot(here), files.read(model)
    every = (("bytes",), ("trim", "--keep", names), ("extend", "--tokens", new))
    for command, *options in every:
        out = here / "out.gguf"
        run = call(command, model, out, *options)
        now, rows = files.read(out)
        tokens = now["tokenizer.ggml.tokens"][1]
        old = keys["tokenizer.ggml.tokens"][1]
        assert tokens[-1:] == [b"two words"] or len(tokens) < len(old), (command, tokens)
        assert number(run, "now" if command == "extend" else "stay") == len(tokens), run.out
        for name, tensor in tensors.items():
            if name not in (files.EMBED, files.HEAD):
                assert rows[name].data == tensor.data, name
                continue
            assert rows[name].shape[0] == len(tokens) and rows[name].kind == tensor.kind
            assert all(rows[name].row(i) == tensor.row(old.index(token))
                       for i, token in enumerate(tokens) if token in old), (command, name)
        assert now["x.last"] == keys["x.last"] and "llama.vocab_size" in now
        assert old[keys["tokenizer.ggml.eos_token_id"][1]] == \
            tokens[now["tokenizer.ggml.eos_token_id"][1]]
        error = call(command, model, out, *options, status=1).error
        assert error.endswith("out.gguf: exists already; pass --overwrite to replace it"), error
        call(command, model, out, *options, "--overwrite", "-q")
        out.unlink()
        error = call(command, model, here / "out", *options, status=1).error
        assert "out: the model is a GGUF file, and so is the output" in error, error
        error = call(command, model, model, *options, "--overwrite", status=1).error
        assert "model.gguf: the output must not be a file of the model" in error, error
        assert snapshot(here) == before
    raw = model.read_bytes()
    for size in (0, 3, 4, 24, 100, len(raw) // 2, len(raw) - 20):
        model.write_bytes(raw[:size])
        for command, *options in every:
            call(command, model, here / "out.gguf", *options, status=1)
    only(here, "list", "model.gguf", "new")


@case
def gguf_ids_without_tokens(here):
    """An id behind all tokens must not be that of a new one."""
    keys = files.base_keys()
    count = len(keys["tokenizer.ggml.tokens"][1])
    keys |= {"tokenizer.ggml.padding_token_id": (files.U32, count),
             "tokenizer.ggml.unknown_token_id": (files.U32, 2 ** 32 - 1),
             "tokenizer.ggml.mask_token_id": (files.U32, count + 1)}
    model = files.write(here / "m.gguf", keys, files.base_tensors())
    for command in (("trim", "--first", "5"), ("extend", "--tokens", listing(here, "a b"))):
        call(command[0], model, here / "out.gguf", *command[1:], "--overwrite")
        now = files.read(here / "out.gguf")[0]
        assert now["tokenizer.ggml.unknown_token_id"] == (files.U32, 2 ** 32 - 1)
        assert now["tokenizer.ggml.mask_token_id"] == (files.U32, count + 1)
        assert ("tokenizer.ggml.padding_token_id" in now) == (command[0] == "trim"), now.keys()
    error = call("bytes", model, here / "none.gguf", "--by", "subword", status=1).error
    assert "m.gguf: is a GGUF file; only a tokenizer.json becomes one of bytes: give the " in error


@case
def merges_through_what_is_no_token(here):
    """Under SentencePiece's scores a text is merged through unused pieces, and through
    characters that are no tokens."""
    words = [f"<0x{i:02X}>" for i in range(256)] + ["a", "b", "d", "ab", "abc", "abcd", "x", "xy",
                                                    "ef", "efg"]
    keys = files.donor_keys(words)
    keys["tokenizer.ggml.token_type"][1][3 + words.index("abc")] = 5
    model = files.write(here / "m.gguf", keys, files.donor_tensors(words=words))
    call("trim", model, here / "out.gguf", "--keep", listing(here, "abcd\nefg"))
    now = files.read(here / "out.gguf")[0]["tokenizer.ggml.tokens"][1]
    assert now[259:] == [b"a", b"b", b"d", b"ab", b"abc", b"abcd", b"ef", b"efg"], now[259:]


@case
def gguf_files_that_lack_keys(here):
    keys = files.base_keys()
    del keys["tokenizer.ggml.token_type"]
    model, names = here / "model.gguf", listing(here, "two words\n")
    files.write(model, keys, files.base_tensors())
    error = call("extend", model, here / "out.gguf", "--tokens", names, status=1).error
    assert "model.gguf: has no key tokenizer.ggml.token_type, which would say" in error, error
    call("bytes", model, here / "out.gguf")
    assert "tokenizer.ggml.token_type" not in files.read(here / "out.gguf")[0]
    del keys["tokenizer.ggml.merges"]
    files.write(model, keys, files.base_tensors())
    error = call("bytes", model, here / "out.gguf", "--overwrite", status=1).error
    assert "cannot split text: there is no key tokenizer.ggml.merges" in error, error
    files.write(model, {"general.architecture": (files.STRING, "llama")}, files.base_tensors())
    error = call("bytes", model, here / "out.gguf", "--overwrite", status=1).error
    assert "model.gguf: holds no vocabulary" in error, error
    only(here, "list", "model.gguf", "out.gguf")


@case
def a_tokenizer_that_ranks(here):
    """Of tiktoken's files the special tokens must be known."""
    model = model_in(here)
    (model / "tokenizer.json").unlink()
    lines = [base64.b64encode(bytes([i])).decode() + f" {i}" for i in range(56)]
    (model / "x.tiktoken").write_text("\n".join(lines))
    error = call("bytes", model, here / "out", status=1).error
    assert "its special tokens stand in its loader's code alone; list them" in error, error
    config = {"added_tokens_decoder": {"56": {"content": "<|begin|>", "special": True},
                                       "57": {"content": "<|end|>", "special": True}}}
    (model / "tokenizer_config.json").write_text(json.dumps(config))
    run = call("trim", model, here / "out", "--drop", listing(here, "#5\n"))
    assert number(run, "stay") == 58 and "none of its 58 tokens can go" in run.err, run.err
    error = call("extend", model, here / "out", "--tokens", here / "list", status=1).error
    assert "read from tiktoken; only a tokenizer.json grows" in error, error


@case
def sharded_and_tied(here):
    made = base_model(tied=True)
    made.shards = [[EMBED], [n for n in made.tensors if n != EMBED]]
    model = made.write(here / "model")
    index = model / "model.safetensors.index.json"
    told = json.loads(index.read_text())
    told["metadata"]["total_parameters"] = 1
    tool.write_json(index, told)
    call("trim", model, here / "out", "--keep", listing(here, "\n".join(BASE_ONLY)))
    written = json.loads((here / "out" / index.name).read_text())["metadata"]
    assert 1 < written["total_parameters"] < 10 ** 6, written  # 1 cannot be
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

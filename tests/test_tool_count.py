#!/usr/bin/env python3
"""The tool's command count, and trim by how often tokens occur in a text.

    python3 tests/test_tool_count.py ./transplant [CASE...]

The last line is `N passed, N failed, N skipped`.
"""

import json
import pathlib
import re
import shutil
import sys

import tool
from tool import base_model, call, snapshot, sound

CASES, case = tool.cases()

MODELS = pathlib.Path(__file__).resolve().parent.parent / "examples" / "models"
HELDOUT = MODELS / "heldout.txt"


def summary(run):
    """bytes, tokens, distinct tokens"""
    found = re.fullmatch(r"([\d,]+) bytes, ([\d,]+) tokens, [\d.]+ bytes a token, ([\d,]+) "
                         r"distinct tokens of [\d,]+\n", run.out)
    assert found, run.out
    return [int(number.replace(",", "")) for number in found.groups()]


def table(path):
    rows = [line.split("\t") for line in path.read_text(encoding="utf-8").split("\n")[:-1]]
    return [(int(count), int(token), text) for count, token, text in rows]


@case
def a_text(here):
    run = call("count", MODELS / "base", HELDOUT, "--tsv", here / "tsv", "--json", here / "json")
    size, tokens, distinct = summary(run)
    rows = table(here / "tsv")
    assert size == HELDOUT.stat().st_size and sum(row[0] for row in rows) == tokens
    assert len(rows) == distinct and rows == sorted(rows, key=lambda row: (-row[0], row[1]))
    vocab = json.loads((MODELS / "base" / "tokenizer.json").read_text("utf-8"))["model"]["vocab"]
    assert all(vocab[text] == token for _, token, text in rows)
    data = json.loads((here / "json").read_text("utf-8"))
    assert [data[key] for key in ("bytes", "tokens", "distinct")] == [size, tokens, distinct]
    assert [(row["count"], row["id"], row["token"]) for row in data["counts"]] == rows
    # Pieces of known texts: what is decoded is the text.
    (here / "text").write_text("of the of the", encoding="utf-8")
    call("count", MODELS / "base" / "tokenizer.json", here / "text", "--tsv", here / "tsv")
    rows = table(here / "tsv")
    assert sum(count * len(text.replace("Ġ", " ")) for count, _, text in rows) == 13, rows
    assert (2, vocab["Ġthe"], "Ġthe") in rows, rows


@case
def texts_and_standard_input(here):
    text = HELDOUT.read_bytes()
    (here / "a").write_bytes(text)
    (here / "empty").write_bytes(b"")
    size, tokens, _ = summary(call("count", MODELS / "base", here / "a"))
    with open(here / "a", "rb") as file:
        again = summary(call("count", MODELS / "base", "-", here / "empty", stdin=file))
    assert again[:2] == [size, tokens], again
    with open(here / "a", "rb") as file:
        twice = summary(call("count", MODELS / "base", here / "a", "-", stdin=file))
    assert twice[:2] == [2 * size, 2 * tokens], twice
    assert call("count", MODELS / "base", here / "a", "-q").out == ""


@case
def parts_of_a_large_text(here):
    """More than one part; one of lines is as long as lines are."""
    line = b"the king of the land\n"
    (here / "lines").write_bytes(line * 120000)
    (here / "line").write_bytes(line)
    size, tokens, _ = summary(call("count", MODELS / "base", here / "lines"))
    one = summary(call("count", MODELS / "base", here / "line"))
    assert size == 120000 * len(line) and tokens == 120000 * one[1], (tokens, one)
    (here / "broken").write_bytes(b"\xff\xfe\x00the " * 100)
    assert summary(call("count", MODELS / "base", here / "broken"))[0] == 700


@case
def what_is_refused(here):
    model = base_model().write(here / "model")
    (here / "text").write_text("a")
    before = snapshot(here)
    for args, needle in (((model, here / "none"), "none: cannot be opened"),
                         ((here / "none", here / "text"), "none"),
                         ((model, here / "text", "--tsv", here / "no" / "tsv"), "No such file"),
                         ((here / "text", here / "text"), "which text is encoded by")):
        error = call("count", *args, status=1).error
        assert needle in error, error
    for args, needle in (((model,), "too few arguments for 'count'"),
                         ((model, here / "text", "--tsv", "x", "--json", "x"), "both lists"),
                         ((model, "-", here / "text", "-"), "read once"),
                         ((model, here / "text", "--keep", "x"), "has no option 'keep'")):
        assert needle in call("count", *args, status=2).err
    tokenizer = json.loads((model / "tokenizer.json").read_text())
    tokenizer["normalizer"] = {"type": "Shout"}
    shutil.copytree(model, here / "other")
    (here / "other" / "tokenizer.json").write_text(json.dumps(tokenizer))
    error = call("count", here / "other", here / "text", "--tsv", here / "tsv", status=1).error
    assert 'its normalizer is "Shout", which is not known' in error, error
    shutil.rmtree(here / "other")
    assert snapshot(here) == before


@case
def texts_with_faults(here):
    """Text that wants an unknown token where there is none: the file and the line are named."""
    model = base_model().write(here / "model")
    tokenizer = json.loads((model / "tokenizer.json").read_text())
    vocab = tokenizer["model"]["vocab"]
    word = min(vocab, key=vocab.get)
    tokenizer.update(normalizer=None, pre_tokenizer={"type": "WhitespaceSplit"}, model={
        "type": "WordLevel", "unk_token": "?" * 9, "vocab": vocab})
    (model / "tokenizer.json").write_text(json.dumps(tokenizer))
    (here / "good").write_text(word + "\n")
    (here / "bad").write_text(f"{word}\n{word} zzz\n")
    lost = f': line 2: {model / "tokenizer.json"}: its model has no token for "zzz"'
    for args in (("count", model, here / "good", here / "bad"),
                 ("trim", model, here / "out", "--min-count", 1, "--text", here / "bad"),
                 ("trim", model, here / "out", "--drop", here / "good", "--text", here / "bad")):
        error = call(*args, status=1).error
        assert f"{here / 'bad'}{lost}" in error, error
    with open(here / "bad", "rb") as file:
        error = call("count", model, here / "good", "-", stdin=file, status=1).error
    assert f"-{lost}" in error, error


# ---- trim ----------------------------------------------------------------------------------------


def figures(run):
    found = re.search(r"tokens a byte +([\d.]+) before, ([\d.]+) after: (\S+) % more", run.out)
    assert found, run.out
    return [float(number) for number in found.groups()]


@case
def trimmed_by_a_text(here):
    size, tokens, _ = summary(call("count", MODELS / "base", HELDOUT, "--tsv", here / "tsv"))
    for least in (1, 40):
        run = call("trim", MODELS / "base", here / "out", "--min-count", least, "--text", HELDOUT,
                   "--overwrite")
        before, after, more = figures(run)
        _, tokens_after, _ = summary(call("count", here / "out", HELDOUT))
        assert abs(before - tokens / size) < 1e-6 and abs(after - tokens_after / size) < 1e-6
        assert abs(more - 100 * (tokens_after / tokens - 1)) < 0.01, (more, tokens, tokens_after)
        assert (tokens_after == tokens) == (least == 1)
        words = json.loads((here / "out" / "tokenizer.json").read_text("utf-8"))["model"]["vocab"]
        often = {text for count, _, text in table(here / "tsv") if count >= least}
        assert often <= set(words) and len(words) < 2048, len(words)
        sound(here / "out")


@case
def trimmed_by_a_list_of_counts(here):
    call("count", MODELS / "base", HELDOUT, "--tsv", here / "tsv")
    lines = (here / "tsv").read_text("utf-8").split("\n")[:500]
    (here / "list").write_text("\n".join(lines), encoding="utf-8")
    run = call("trim", MODELS / "base", here / "out", "--keep", here / "list", "--text", HELDOUT)
    assert re.search(r"as wished +500 ", run.out), run.out
    assert figures(run)[2] > 0
    words = json.loads((here / "out" / "tokenizer.json").read_text("utf-8"))["model"]["vocab"]
    assert {line.split("\t")[2] for line in lines} <= set(words)


@case
def counts_of_another_tokenizer(here):
    call("count", MODELS / "donor", HELDOUT, "--tsv", here / "tsv")
    error = call("trim", MODELS / "base", here / "out", "--keep", here / "tsv", status=1).error
    assert re.search(r'token 1 of the list, ".+", is not token \d+ of .*base; count with its '
                     "tokenizer", error), error
    assert not (here / "out").exists()


@case
def counts_of_nothing(here):
    vocab = json.loads((MODELS / "base" / "tokenizer.json").read_text("utf-8"))["model"]["vocab"]
    word = "Ġthe" if "Ġthe" in vocab else "▁the"
    for count, stays in ((0, False), (3, True)):
        (here / "list").write_text(f"{count}\t{vocab[word]}\t{word}\n", encoding="utf-8")
        out = here / f"out{count}"
        call("trim", MODELS / "base", out, "--keep", here / "list")
        words = json.loads((out / "tokenizer.json").read_text("utf-8"))["model"]["vocab"]
        assert (word in words) == stays


@case
def options_that_do_not_go_together(here):
    for args, needle in ((("--min-count", 2), "--min-count goes with"),
                         (("--text", HELDOUT), "nothing says what stays"),
                         (("--min-count", 2, "--text", HELDOUT, "--drop", "x"), "--drop does not"),
                         (("--min-count", "x", "--text", HELDOUT), "--min-count")):
        assert needle in call("trim", MODELS / "base", here / "out", *args, status=2).err
    error = call("trim", MODELS / "base", here / "out", "--min-count", 2, "--text", here / "none",
                 status=1).error
    assert "none: cannot be opened" in error, error
    assert not list(here.iterdir())


if __name__ == "__main__":
    sys.exit(tool.main(CASES))

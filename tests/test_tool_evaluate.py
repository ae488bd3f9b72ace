#!/usr/bin/env python3
"""The command evaluate, by the tool from the outside: what it asks of two models, what it says
where that is missing, and its page.

    python3 tests/test_tool_evaluate.py ./transplant [CASE...]

The last line is `N passed, N failed, N skipped`.
"""

import json
import os
import sys

import tool
from tool import (BASE_COUNT, BASE_WORDS, DONOR_WORDS, EMBED, SHARED, base_model, call, donor_id,
                  donor_model, pair)

CASES, case = tool.cases()
NAN = float("nan")


def evaluate(here, base, donor, *args):
    """The figures of each matrix, and what was said."""
    said = call("evaluate", base, donor, *args, "--json", here / "figures.json").err
    return json.loads((here / "figures.json").read_text())["matrices"], said


def alone(directory):
    """Leaves a tokenizer of a model."""
    (directory / "model.safetensors").unlink()
    return directory


def without_advice(text):
    """It takes neither option, and writes no model that another could be for."""
    for option in ("--map", "-a ", "--rows", "--chat-template", "--embedding-type",
                   "--split-digits", "will be", "the output"):
        assert option not in text, text


@case
def a_donor_without_weights(here):
    base, donor = pair(here)
    alone(donor)
    same = alone(donor_model(words=["▁" + w for w in SHARED]).write(here / "same"))
    for tokens in (donor, same):
        error = call("evaluate", base, tokens, status=1).err
        assert "holds no model.safetensors" in error, error
        assert "the rows of both models are looked at here" in error, error
        without_advice(error)


@case
def rows_that_are_not_looked_at(here):
    """A row of no numbers of a token that the base lacks is no matter; one of a token that both
    have is."""
    base, donor = pair(here)
    as_ever, _ = evaluate(here, base, donor, "--methods", "zero,mean,omp")
    bad = donor_model()
    bad.tensors[EMBED].set_row(donor_id("donor0"), [NAN] * 12)
    figures, _ = evaluate(here, base, bad.write(here / "bad"), "--methods", "zero,mean,omp")
    for one, other in zip(as_ever, figures):
        for a, b in zip(one["methods"], other["methods"]):
            assert a["scores"] == b["scores"]
    bad.tensors[EMBED].set_row(donor_id("▁ba"), [NAN] * 12)
    error = call("evaluate", base, bad.write(here / "worse"), status=1).error
    assert "holds a NaN" in error and error.endswith("is needed"), error
    spoiled = base_model()
    spoiled.tensors[EMBED].set_row(BASE_WORDS.index("Ġba"), [NAN] * 16)
    error = call("evaluate", spoiled.write(here / "spoiled"), donor, status=1).error
    assert "holds a NaN" in error and error.endswith("is needed"), error
    error = call("map", here / "worse", base, "-a", "omp", "--side", "input", status=1).error
    assert "holds a NaN" in error and error.endswith("is needed"), error


@case
def nothing_is_said_of_an_output(here):
    """What a transplant would warn of, or refuse, as its output would have it."""
    base = base_model()
    base.config = base.config.replace('"x_last"',
                                      f'"image_token_index": {BASE_COUNT + 5},\n  "x_last"')
    base.files["chat_template.jinja"] = "the base's\n"
    donor = donor_model(words=DONOR_WORDS)
    donor.tokenizer["added_tokens"].append(tool.added(tool.DONOR_COUNT, "<image_soft_token>"))
    del donor.files["chat_template.jinja"]
    base, donor = pair(here, base, donor)
    assert "give it one with --map" in call(base, donor, "--dry-run", status=1).error
    _, said = evaluate(here, base, donor, "--methods", "mean")
    without_advice(said)
    without_advice(call("map", donor, base, "-a", "omp").err)


@case
def a_page_of_any_path(here):
    """Bytes of a path that are no text, or mean something to HTML."""
    base, donor = pair(here)
    try:
        odd = base.rename(here / os.fsdecode(b"<b>\xff\x01&\xc3\xa9"))
    except OSError:
        raise tool.Skip("names here are text") from None
    call("evaluate", odd, donor, "-q", "--methods", "mean", "--html", here / "page.html")
    page = (here / "page.html").read_bytes().decode()
    assert "/&lt;b&gt;\ufffd\ufffd&amp;é<br>" in page, page


if __name__ == "__main__":
    sys.exit(tool.main(CASES))

#!/usr/bin/env python3
"""That every piece of advice leads somewhere: each case makes the situation of a message
that proposes something, reads it, does what it says, and succeeds.

    python3 tests/test_tool_advice.py ./transplant [CASE...]

The last line is `N passed, N failed, N skipped`.
"""

import json
import re
import shutil
import sys

import tool
from tool import (BASE_COUNT, DONOR_COUNT, DONOR_WORDS, EMBED, HEAD, SHARED, Tensor, added,
                  base_id, base_model, call, donor_id, donor_model, noise, pair, read_model,
                  write_json)

CASES, case = tool.cases()
RESERVED = "<|reserved_special_token_0|>"


def told(text, pattern):
    """What a message says in place of a pattern's groups: the advice, word for word."""
    found = re.search(pattern, text)
    assert found, f"no /{pattern}/ in: {text}"
    return found.group(1) if found.re.groups == 1 else found.groups()


def sound(out, *args):
    """The directory passes the tool's own check; what it prints."""
    return call("verify", out, *args).out


def close(values, others):
    return all(abs(a - b) < 1e-5 for a, b in zip(values, others))


# ---- ids and rows ----------------------------------------------------------------------------


def sees(here, image, words=(), rows=0, content=""):
    """A base whose config.json names the id of a token for images, and a donor with a
    reserved token."""
    base = base_model()
    base.config = base.config.replace('"x_last"', f'"image_token_index": {image},\n  "x_last"')
    if content:
        base.tokenizer["added_tokens"].append(added(image, content))
    if rows:
        for name, seed in ((EMBED, 1), (HEAD, 4)):
            base.tensors[name] = noise(seed, "F32", rows, 16)
        base.config = base.config.replace(f'"vocab_size": {BASE_COUNT}', f'"vocab_size": {rows}')
    return pair(here, base, donor_model(words=DONOR_WORDS + [RESERVED] + list(words)))


def maps_the_image(here, base, donor, image, row=None):
    error = call(base, donor, here / "out", status=1).error
    entry = told(error, r"give it one with --map '(DONOR=#\d+)', DONOR being a reserved")
    assert entry == f"DONOR=#{image}", error
    call(base, donor, here / "out", "-q", "--map", entry.replace("DONOR", RESERVED))
    reserved = donor_id(DONOR_WORDS[-1]) + 1
    assert json.loads((here / "out/config.json").read_text())["image_token_index"] == reserved
    assert " 0 errors" in sound(here / "out")
    for name in (EMBED, HEAD):
        out = read_model(here / "out")[name]
        if row is not None:
            assert out.row(reserved) == row[name]
        else:
            rows = [out.values(i) for i in range(out.shape[0]) if i != reserved]
            assert close(out.values(reserved), [sum(c) / len(rows) for c in zip(*rows)])
    return error


@case
def a_config_id_with_a_token_and_a_row(here):
    image = base_id("base3")
    maps_the_image(here, *sees(here, image), image,
                   {n: base_model().tensors[n].row(image) for n in (EMBED, HEAD)})


@case
def a_config_id_with_a_token_and_no_row(here):
    base, donor = sees(here, BASE_COUNT, content="<image>")
    error = maps_the_image(here, base, donor, BASE_COUNT)
    assert 'the token "<image>", which the donor\'s tokenizer lacks' in error, error


@case
def a_config_id_with_a_row_and_no_token(here):
    base, donor = sees(here, BASE_COUNT + 3, rows=BASE_COUNT + 7)
    rows = {n: noise(s, "F32", BASE_COUNT + 7, 16).row(BASE_COUNT + 3)
            for n, s in ((EMBED, 1), (HEAD, 4))}
    error = maps_the_image(here, base, donor, BASE_COUNT + 3, rows)
    assert "an id without a token;" in error, error


@case
def a_config_id_with_neither(here):
    maps_the_image(here, *sees(here, BASE_COUNT + 1000), BASE_COUNT + 1000)
    # An id that nothing names is a slip.
    call(here / "base", here / "donor", here / "no", "--map", f"{RESERVED}=#{BASE_COUNT + 1001}",
         status=1)


@case
def a_config_id_whose_token_the_donor_has_without_a_row(here):
    base, donor = sees(here, base_id("base3"))
    donor = donor_model(words=DONOR_WORDS)
    donor.tokenizer["added_tokens"].append(added(DONOR_COUNT, "base3"))
    donor.write(here / "short")
    error = call(base, here / "short", here / "out", status=1).error
    option = told(error, r"beyond the \d+ rows; (--rows tokenizer) gives it one")
    call(base, here / "short", here / "out", "-q", *option.split())
    config = json.loads((here / "out/config.json").read_text())
    assert config["image_token_index"] == DONOR_COUNT and " 0 errors" in sound(here / "out")


def short_donor(here):
    """Gemma 3's: an added token whose id is the number of rows."""
    base = base_model().write(here / "base")
    donor = donor_model()
    donor.tokenizer["added_tokens"].append(added(DONOR_COUNT, "<image_soft_token>"))
    return base, donor.write(here / "donor")


@case
def a_token_beyond_the_donors_rows(here):
    base, donor = short_donor(here)
    done = call(base, donor, here / "short")
    option = told(done.err, r'from \d+ on \(token "<image_soft_token>"\), lie beyond the \d+ rows '
                            r'and get none; (--rows tokenizer) gives every token one')
    # As the donor's own directory is: no fault, but a word, which says the same.
    found = sound(here / "short")
    assert " 0 errors, 1 warnings" in found and option in found, found
    done = call(base, donor, here / "out", *option.split())
    assert " 0 errors, 0 warnings" in sound(here / "out")
    for name in (EMBED, HEAD):
        out = read_model(here / "out")[name]
        rows = [out.values(i) for i in range(DONOR_COUNT)]
        assert out.shape[0] == DONOR_COUNT + 1
        assert close(out.values(DONOR_COUNT), [sum(c) / len(rows) for c in zip(*rows)])
    call(base, donor, here / "wide", "-q", "--rows", "multiple-of:64")
    assert read_model(here / "wide")[EMBED].shape[0] % 64 == 0 and sound(here / "wide")
    # It says what gives the token a row of its own.
    entry = told(done.err, r"get what reserved tokens get; --map '(#\d+=BASE)' copies a row")
    call(base, donor, here / "mapped", "-q", *option.split(), "--map",
         entry.replace("BASE", "base3"))
    row = read_model(here / "mapped")[EMBED].row(DONOR_COUNT)
    assert row == base_model().tensors[EMBED].row(base_id("base3"))
    # Methods that solve nothing need no row.
    done = call(base, donor, here / "mean", "-a", "mean", *option.split())
    assert "image_soft" not in done.err and sound(here / "mean")


@case
def a_map_from_a_token_without_a_row(here):
    base, donor = short_donor(here)
    entry = "<image_soft_token>=base3"
    error = call(base, donor, here / "out", "--map", entry, status=1).error
    option = told(error, r"has no row; there are \d+; (--rows tokenizer) gives")
    call(base, donor, here / "out", "-q", "--map", entry, *option.split())
    assert sound(here / "out")


# ---- rows that cannot be used -----------------------------------------------------------------


def nan_row(model, name, row):
    width = model.tensors[name].shape[1]
    model.tensors[name].set_row(row, [float("nan")] * width)
    return model


@case
def a_nan_in_a_row_of_the_base(here):
    for name in (EMBED, HEAD):
        where = here / name
        base, donor = pair(where, nan_row(base_model(), name, base_id("Ġba")))
        error = call(base, donor, where / "out", status=1).error
        entry = told(error, r"and is needed; --map '(#\d+=BASE)' with another token of the base")
        assert entry == f"#{donor_id('▁ba')}=BASE"
        call(base, donor, where / "out", "-q", "--map", entry.replace("BASE", "base3"))
        assert " 0 errors" in sound(where / "out")


@case
def a_nan_that_a_mean_takes_in(here):
    base, donor = pair(here, nan_row(base_model(), EMBED, base_id("base3")))
    error = call(base, donor, here / "out", "-a", "mean", status=1).error
    for method in told(error, r"is needed for the mean of all; (-a omp) or (-a zero) takes none"):
        call(base, donor, here / method[3:], "-q", *method.split())
        assert " 0 errors" in sound(here / method[3:])


@case
def a_nan_in_a_bias(here):
    base = base_model()
    base.tensors["lm_head.bias"] = noise(9, "F32", BASE_COUNT)
    values = tool.unpack("F32", base.tensors["lm_head.bias"].data)
    values[base_id("base3")] = float("nan")
    base.tensors["lm_head.bias"] = Tensor("F32", [BASE_COUNT], tool.pack("F32", values))
    base, donor = pair(here, base)
    error = call(base, donor, here / "out", status=1).error
    method = told(error, r"is needed for the mean of all; (-a zero) takes none")
    call(base, donor, here / "out", "-q", *method.split())
    assert " 0 errors" in sound(here / "out")


@case
def a_nan_in_a_row_of_the_donor(here):
    for word in ("▁ba", "donor4"):
        where = here / word
        base, donor = pair(where, donor=nan_row(donor_model(), EMBED, donor_id(word)))
        error = call(base, donor, where / "out", status=1).error
        entry = told(error, r"and is needed; --map '(#\d+=BASE)' copies a row of the base")
        assert entry == f"#{donor_id(word)}=BASE"
        call(base, donor, where / "out", "-q", "--map", entry.replace("BASE", "base3"))
        assert " 0 errors" in sound(where / "out")


if __name__ == "__main__":
    sys.exit(tool.main(CASES))

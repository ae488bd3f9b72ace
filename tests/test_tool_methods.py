#!/usr/bin/env python3
"""Methods and what modifies them, by the tool from the outside: on the models of
examples/models, whose matrices are untied, and on some that are made here.

    python3 tests/test_tool_methods.py ./transplant [CASE...]

The last line is `N passed, N failed, N skipped`.
"""

import json
import math
import re
import shutil
import sys
from pathlib import Path

import tool
from tool import EMBED, HEAD, base_model, call, donor_model, pair, read_model, refused

CASES, case = tool.cases()

MODELS = Path(__file__).resolve().parent.parent / "examples" / "models"
BASE, DONOR = MODELS / "base", MODELS / "donor"


def transplant(here, *args, base=BASE, donor=DONOR, name="out"):
    """The new model's matrices, and the report."""
    shutil.rmtree(here / name, ignore_errors=True)
    call(base, donor, here / name, "-q", *args, "--report", here / "report.json",
         "--token-report", here / "tokens.tsv")
    return read_model(here / name), json.loads((here / "report.json").read_text())


def actions(here):
    """Of the last token report: id, bytes, action and base id of every line."""
    lines = (here / "tokens.tsv").read_text().splitlines()[1:]
    return [(int(i), text, action, base) for i, _, text, action, base in
            (line.split("\t")[:5] for line in lines)]


def made(here):
    """The ids whose rows were made."""
    return [id for id, _, action, _ in actions(here) if action == "approximate"]


def norm(values):
    return math.sqrt(sum(v * v for v in values))


def median(values):
    return sorted(values)[len(values) // 2]


def without_weights(here):
    """The donor as its tokenizer alone."""
    where = here / "tokenizer-only"
    where.mkdir()
    for file in DONOR.glob("*.json"):
        shutil.copy(file, where)
    return where


# ---- a method for the head ------------------------------------------------------------------


@case
def the_head_by_a_method_of_its_own(here):
    """Each matrix is what its method makes of it alone."""
    omp, _ = transplant(here, "-a", "omp", "-k", "4", name="omp")
    affine, _ = transplant(here, "-a", "affine", "-k", "4", name="affine")
    both, report = transplant(here, "-a", "omp", "--head-method", "affine", "-k", "4")
    assert both[EMBED].data == omp[EMBED].data != affine[EMBED].data
    assert both[HEAD].data == affine[HEAD].data != omp[HEAD].data
    assert (report["method"], report["head_method"]) == ("omp", "affine")
    assert [m["method"] for m in report["matrices"]] == ["omp", "affine"]
    lines = [line.split("\t") for line in (here / "tokens.tsv").read_text().splitlines()]
    anchors = [i for i, cell in enumerate(lines[0]) if cell.startswith("anchors:")]
    filled = [[bool(line[i]) for i in anchors] for line in lines[1:] if line[3] == "approximate"]
    assert filled and all(cells == [True, False] for cells in filled)
    same, report = transplant(here, "-a", "omp", "--head-method", "omp", "-k", "4")
    assert same[HEAD].data == omp[HEAD].data and report["head_method"] == "omp"


@case
def methods_that_solve_beside_those_that_do_not(here):
    omp, _ = transplant(here, "-a", "omp", "-k", "2", name="omp")
    mean, _ = transplant(here, "-a", "mean", name="mean")
    zero, _ = transplant(here, "-a", "zero", name="zero")
    for one, other, rows in (("omp", "mean", (omp, mean)), ("zero", "omp", (zero, omp)),
                             ("mean", "zero", (mean, zero))):
        both, _ = transplant(here, "-a", one, "--head-method", other, "-k", "2")
        assert both[EMBED].data == rows[0][EMBED].data, (one, other)
        assert both[HEAD].data == rows[1][HEAD].data, (one, other)


@case
def a_donor_without_weights(here):
    """What looks at no row of the donor needs none, in either place."""
    donor = without_weights(here)
    whole, _ = transplant(here, "-a", "subword", name="whole")
    for method in ("subword", "mean", "zero"):
        for head in ("subword", "mean", "zero"):
            bare, _ = transplant(here, "-a", method, "--head-method", head, donor=donor)
            if method == "subword":
                assert bare[EMBED].data == whole[EMBED].data
            if head == "subword":
                assert bare[HEAD].data == whole[HEAD].data
    for args in (("-a", "subword", "--head-method", "omp"),
                 ("-a", "omp", "--head-method", "subword")):
        error = call(BASE, donor, here / "bad", *args, status=1).error
        assert "holds no model.safetensors" in error and "-a subword" in error


@case
def a_head_that_is_the_embedding(here):
    base, donor = pair(here, base=base_model(tied=True))
    refused(here, base, donor, "the model is tied, its output head is its embedding",
            "--head-method affine", args=("-a", "omp", "--head-method", "affine"))
    call(base, donor, here / "out", "-q", "-a", "omp", "-k", "3", "--head-method", "omp")
    error = call(base, donor, here / "x", "--head-method", "best", status=2).err
    assert "omp omp-centred omp-affine" in error
    refused(here, base, donor, "hypernetwork", args=("--head-method", "zett"))


# ---- options of methods ---------------------------------------------------------------------


@case
def weight_schemes(here):
    """Barycentric weights sum to 1, by 1 / distance they are positive too, least squares are
    neither; and each makes rows of its own."""
    rows = set()
    for scheme in ("distance_proportional", "barycentric", "least_squares"):
        new, _ = transplant(here, "-a", "common_interpolation", "-k", "3", "--weight-scheme",
                            scheme)
        rows.add(new[EMBED].data)
        weights = [[float(term.split(":")[2]) for term in line.split("\t")[6].split()]
                   for line in (here / "tokens.tsv").read_text().splitlines()[1:]
                   if line.split("\t")[3] == "approximate"]
        assert weights and all(len(w) == 3 for w in weights)
        ones = all(abs(sum(w) - 1) < 1e-6 for w in weights)
        assert ones == (scheme != "least_squares"), scheme
        assert all(min(w) > 0 for w in weights) == (scheme == "distance_proportional"), scheme
    assert len(rows) == 3
    plain, _ = transplant(here, "-a", "common_interpolation", "-k", "3")
    first, _ = transplant(here, "-a", "common_interpolation", "-k", "3", "--weight-scheme",
                          "distance_proportional")
    assert plain[EMBED].data == first[EMBED].data
    error = call(BASE, DONOR, here / "x", "--weight-scheme", "even", status=2).err
    assert "distance_proportional barycentric least_squares" in error


@case
def seeds(here):
    """The same seed, the same rows: on any number of threads and set of instructions."""
    for args in (("-a", "randn"), ("-a", "john_hewitt"),
                 ("-a", "omp", "-k", "2", "--new-vocab-noise", "0.1")):
        first, _ = transplant(here, *args, "--seed", "7", name="first")
        again, _ = transplant(here, *args, "--seed", "7", "--threads", "1", "--isa", "scalar")
        assert first[EMBED].data == again[EMBED].data and first[HEAD].data == again[HEAD].data
        other, _ = transplant(here, *args, "--seed", "8")
        assert first[EMBED].data != other[EMBED].data
        none, _ = transplant(here, *args, name="first")
        zero, _ = transplant(here, *args, "--seed", "0")
        assert none[EMBED].data == zero[EMBED].data
    plain, _ = transplant(here, "-a", "omp", "-k", "2", name="first")
    seeded, _ = transplant(here, "-a", "omp", "-k", "2", "--seed", "9")
    assert plain[EMBED].data == seeded[EMBED].data  # nothing is left to chance there
    assert "'-1'" in call(BASE, DONOR, here / "x", "--seed", "-1", status=2).err


@case
def heads_and_rotary_positions(here):
    """Of mp_rope: from each model's config, in every form that it has, or from the line."""
    args = ("-a", "mp_rope", "-k", "2")
    # The same by hand; others; and nothing said at all.
    plain, _ = transplant(here, *args, name="plain")
    note = call(BASE, DONOR, here / "loud", *args).err
    for path in (BASE, DONOR):
        assert f"{path}: mp_rope takes rows as of 4 heads with rotary positions of base" in note
    said = ("--donor-heads", "4", "--base-heads", "4", "--donor-rope", "1e4", "--base-rope", "1e4")
    same, _ = transplant(here, *args, *said)
    assert same[EMBED].data == plain[EMBED].data and same[HEAD].data == plain[HEAD].data
    for option in said[::2]:
        other, _ = transplant(here, *args, option, "2")
        assert other[EMBED].data != plain[EMBED].data, option
    # Both configs written otherwise: nested, in parts, by layers, in older words.
    plain_config = json.loads((DONOR / "config.json").read_text())
    number = plain_config.pop("rope_parameters")["rope_theta"]
    assert number == 10000
    heads = plain_config.pop("num_attention_heads")
    text = {k: plain_config[k] for k in ("hidden_size", "vocab_size")}
    apart = {"sliding_attention": {"rope_theta": 7.0}, "full_attention": {"rope_theta": 500}}
    for i, (more, base) in enumerate((
            ({"rope_theta": 500.0, "num_attention_heads": 8}, 500),
            ({"rope_theta": 5e2, "n_head": 8}, 500), ({"rotary_emb_base": 500, "n_heads": 8}, 500),
            ({"rope_parameters": {"rope_theta": 500}, "num_heads": 8}, 500),
            ({"rope_parameters": apart, "num_attention_heads": 8}, 500),
            ({"text_config": {**text, "rope_theta": 500, "num_attention_heads": 8},
              "vision_config": {"num_attention_heads": 3, "rope_theta": 9}}, 500),
            ({"num_attention_heads": 8}, 10000))):
        donor = here / f"donor{i}"
        shutil.copytree(DONOR, donor)
        (donor / "config.json").write_text(json.dumps({**plain_config, **more}))
        note = call(BASE, donor, "--dry-run", *args).err
        assert re.search(f"{donor}: mp_rope takes .* 8 heads with .* of base {base}\n", note), note
    assert heads == 4 and "mp_rope takes" not in call(BASE, DONOR, "--dry-run", "-a", "omp").err
    # Of the method that is evaluated too.
    note = call("evaluate", BASE, DONOR, "--methods", "mp_rope", "-k", "1").err
    assert "mp_rope takes rows as of 4 heads" in note
    refused(here, BASE, DONOR, "rows of 128 columns are not of 5 heads.*--donor-heads",
            args=(*args, "--donor-heads", "5"))
    refused(here, BASE, DONOR, "rows of 96 columns are not of 7 heads.*--base-heads",
            args=("-a", "omp", "--head-method", "mp_rope", "--base-heads", "7"))
    for option, value in (("--donor-rope", "0.5"), ("--base-rope", "x"), ("--base-heads", "0")):
        assert option in call(BASE, DONOR, here / "x", option, value, status=2).err


# ---- modifiers ------------------------------------------------------------------------------


@case
def norms_of_the_anchors(here):
    """Every new row, whatever the method, has the median norm of the anchors'."""
    old = read_model(BASE)
    for method in ("omp", "mean", "subword", "randn"):
        new, _ = transplant(here, "-a", method, "-k", "4", "--norm", "anchors")
        shared = [int(base) for _, _, action, base in actions(here) if action == "copy"]
        for name in (EMBED, HEAD):
            wanted = median([norm(old[name].values(i)) for i in shared])
            for id in made(here):
                # of about 1,600 copied tokens 1,533 are anchors; and rows are rounded to bf16
                assert abs(norm(new[name].values(id)) / wanted - 1) < 0.03, (method, name, id)


@case
def modifiers_of_rows_that_are_all_the_same(here):
    mean, _ = transplant(here, "-a", "mean", "--dtype", "f32", name="mean")
    twice, _ = transplant(here, "-a", "mean", "--dtype", "f32", "--new-vocab-scale", "2")
    ids = made(here)
    for name in (EMBED, HEAD):
        for id in ids[:50]:
            assert twice[name].values(id) == [2 * v for v in mean[name].values(id)]
    call(BASE, DONOR, here / "no", "-a", "mean", "--new-vocab-scale", "0", status=2)
    noisy, _ = transplant(here, "-a", "zero", "--dtype", "f32", "--new-vocab-noise", "0.5")
    values = [v for id in ids for v in noisy[HEAD].values(id)]
    assert abs(sum(v * v for v in values) / len(values) - 0.25) < 0.01
    assert abs(sum(values) / len(values)) < 0.01
    copied = next(id for id, _, action, _ in actions(here) if action == "copy")
    assert noisy[HEAD].row(copied) == mean[HEAD].row(copied)
    done = call(BASE, DONOR, here / "zero", "-a", "zero", "--clip-norms", "0.5")
    assert "changes no row of zeros" in done.err
    done = call(BASE, DONOR, here / "zero", "--overwrite", "-a", "zero", "--clip-norms", "0.5",
                "--new-vocab-noise", "1")
    assert "changes no row of zeros" not in done.err


@case
def a_factor_that_is_fitted(here):
    """Differences from the mean of the anchors' rows, all times the same."""
    for method in ("omp", "omp-affine"):
        plain, _ = transplant(here, "-a", method, "-k", "4", "--dtype", "f32", name="plain")
        fitted, _ = transplant(here, "-a", method, "-k", "4", "--dtype", "f32", "--norm",
                               "fitted")
        for name in (EMBED, HEAD):
            rows = [(plain[name].values(id), fitted[name].values(id)) for id in made(here)]
            first, second = rows[0], rows[-1]
            factors = [(f - g) / (p - q) for p, q, f, g in zip(*first[:1], *second[:1],
                       *first[1:], *second[1:]) if abs(p - q) > 0.05]
            assert len(factors) > 10 and max(factors) - min(factors) < 1e-4, factors
            assert 0.3 < factors[0] < 2 and abs(factors[0] - 1) > 1e-3, factors[0]
    for args in (("-a", "mean"), ("-a", "omp", "--head-method", "subword")):
        refused(here, BASE, DONOR, "makes none so", args=("--norm", "fitted", *args))


# ---- which tokens rows are made of ----------------------------------------------------------


def short_rows(tensor):
    """The rows whose norms lie below the first hundredth, between two in proportion."""
    norms = [norm(tensor.values(i)) for i in range(tensor.shape[0])]
    order, at = sorted(norms), 0.01 * (len(norms) - 1)
    low = int(at)
    threshold = order[low] + (at - low) * (order[low + 1] - order[low])
    return {i for i, value in enumerate(norms) if value < threshold}


@case
def tokens_that_look_under_trained(here):
    """On models with heads and no unused tokens: the shortest rows of the embeddings."""
    plain, before = transplant(here, "-a", "omp", "-k", "2", name="plain")
    as_ever = actions(here)
    new, report = transplant(here, "-a", "omp", "-k", "2", "--magikarp")
    old = read_model(BASE)
    bad = {BASE: short_rows(old[EMBED]), DONOR: short_rows(read_model(DONOR)[EMBED])}
    assert 15 < len(bad[BASE]) < 30 and 15 < len(bad[DONOR]) < 30
    lost = anew = 0
    for (id, _, action, base), (_, _, now, _) in zip(as_ever, actions(here)):
        poor, worse = id in bad[DONOR], base and int(base) in bad[BASE]
        # control tokens are left alone
        text = id not in (0, 1, 2, 2559)
        wanted = action
        if text and action == "approximate" and poor:
            wanted = "untrained"
        elif text and action == "copy" and worse:
            wanted = "untrained" if poor else "approximate"
        assert now == wanted, (id, action, now, wanted)
        lost += text and action == "copy" and bool(poor or worse)
        anew += wanted == "approximate" != action
        if now == "copy":
            assert new[EMBED].row(id) == old[EMBED].row(int(base))
    assert anew > 5 and report["tokens"]["untrained"] > 0
    gone = before["matrices"][0]["anchors"] - report["matrices"][0]["anchors"]
    assert 0 < gone <= lost  # some copied tokens are no anchors anyway


@case
def tokens_that_lie_where_unused_ones_do(here):
    """A base that is tied, so that norms say nothing there. Rows without a token lie about
    (1, 1, ...), as do some that have one."""
    base, donor = base_model(tied=True), donor_model(tied=True)
    bad = {"donor": ["▁ba", "▁bi", "donor3"], "base": ["Ġbe", "Ġbi"]}
    for model, side, words in ((base, "base", tool.BASE_WORDS), (donor, "donor", tool.DONOR_WORDS)):
        first, width = model.tensors[EMBED].shape
        rows = tool.noise(9, "F32", first + 400, width)
        for i in range(first):
            rows.set_row(i, model.tensors[EMBED].values(i))
        for i in range(first, first + 400):
            # a few are the shortest of all
            factor = 1 / 64 if i < first + 8 else 1
            rows.set_row(i, [factor * (1 + v) for v in rows.values(i)])
        for word in bad[side]:
            rows.set_row(words.index(word) + (3 if side == "donor" else 0), [1.0] * width)
        model.tensors[EMBED] = rows
        model.config = re.sub(r'("vocab_size": )\d+', rf"\g<1>{first + 400}", model.config)
    base, donor = pair(here, base=base, donor=donor)
    more = {"base": base, "donor": donor}
    _, before = transplant(here, "-a", "omp", "-k", "3", **more)
    as_ever = actions(here)
    _, report = transplant(here, "-a", "omp", "-k", "3", "--magikarp", **more)
    changed = {text: (was, now) for (_, text, was, _), (_, _, now, _) in
               zip(as_ever, actions(here)) if was != now}
    assert changed == {" be": ("copy", "approximate"), " bi": ("copy", "untrained"),
                       "donor3": ("approximate", "untrained")}, changed
    assert before["matrices"][0]["anchors"] - report["matrices"][0]["anchors"] == 3
    bare = without_weights(here)
    error = call(BASE, bare, here / "x", "-a", "mean", "--magikarp", status=1).error
    assert "--magikarp judges tokens by their rows" in error


@case
def tokens_that_peers_confuse(here):
    """Special tokens under one heading each keep a row of their own; and what the base spells
    otherwise, beyond one leading space, is the same by its bytes."""
    specials = ["<|im_start|>", "<|im_end|>", "<|tool|>"]
    spellings = [("ĠĠĠĠ", "▁▁▁▁"), ("ä¸Ń", "中"), ("ÐŁÑĢ", "Пр"), ("Ġä¸Ń", "▁中"), ("ĊĊ", "\n\n"),
                 ("ĉ", "\t")]
    base_words = [*tool.BASE_WORDS, *(b for b, _ in spellings)]
    donor_words = [*(d for _, d in spellings), *tool.DONOR_WORDS]
    base, donor = base_model(words=base_words + specials), donor_model(words=specials + donor_words)
    for model, first in ((base, len(base_words)), (donor, 3)):
        model.tokenizer["added_tokens"] += [tool.added(first + i, s)
                                            for i, s in enumerate(specials)]
        model.tokenizer["added_tokens"].sort(key=lambda token: token["id"])
        model.roles["additional_special_tokens"] = specials
    base, donor = pair(here, base=base, donor=donor)
    new, _ = transplant(here, "-a", "omp", "-k", "2", base=base, donor=donor)
    old = read_model(base)
    for name in (EMBED, HEAD):
        for i in range(len(specials)):
            assert new[name].row(3 + i) == old[name].row(len(base_words) + i), (name, i)
        for i, (spelt, _) in enumerate(spellings):
            wanted = old[name].row(base_words.index(spelt))
            assert new[name].row(3 + len(specials) + i) == wanted, (name, spelt)


def unescape(text):
    """A cell of the token report as the bytes that it stands for."""
    plain = {b"t": b"\t", b"n": b"\n", b"\\": b"\\"}
    return re.sub(rb"\\(?:x(..)|(.))", lambda m: bytes([int(m[1], 16)]) if m[1] else plain[m[2]],
                  text.encode())


@case
def bytes_that_are_matched(here):
    """The peer takes the head's rows where the embedding's are asked for, and the reverse."""
    base, donor = pair(here)
    old, id, from_id = read_model(base), tool.donor_id("<0x41>"), tool.base_id("A")
    for where, copied in (("yes", (True, True)), ("no", (False, False)), ("embed", (True, False)),
                          ("lm_head", (False, True)), (None, (True, True))):
        new, report = transplant(here, "-a", "omp", "-k", "3",
                                 *(("--byte-match", where) if where else ()), base=base,
                                 donor=donor)
        seen = tuple(new[name].row(id) == old[name].row(from_id) for name in (EMBED, HEAD))
        assert seen == copied, (where, seen)
        action = {i: a for i, _, a, _ in actions(here)}[id]
        assert action == ("copy" if copied == (True, True) else "match" if any(copied)
                          else "approximate")
        # A row that is copied for both is an anchor; there are two such bytes.
        assert report["matrices"][0]["anchors"] == tool.COPIED - (0 if copied[0] == copied[1] ==
                                                                  True else 2)
        assert report["tokens"].get("matched", 0) == (2 if action == "match" else 0)
        counts = [m["approximated"] for m in report["matrices"]]
        names = [m["name"] for m in report["matrices"]]
        for name, taken in zip((EMBED, HEAD), copied):
            assert counts[names.index(name)] == tool.APPROXIMATED + (0 if taken else 2)
    tied = base_model(tied=True).write(here / "tied")
    for option in ("--byte-match", "--prefix-match"):
        for where in ("embed", "lm_head"):
            refused(here, tied, donor, f"the model is tied.*{option} {where} has no matrix",
                    args=(option, where))
        call(tied, donor, here / "out", "--overwrite", "-q", option, "yes")
        assert "no yes embed lm_head" in call(tied, donor, here / "x", option, "all", status=2).err


@case
def pieces_of_bytes(here):
    """What omp-affine takes of a token of one byte goes by no other method that wants its pieces: a
    method of the head's, or one that is evaluated too."""
    words = [*tool.BASE_WORDS, "Ġ", *"abcdefghiou"]
    base, donor = pair(here, base=base_model(words=words))
    args = ("-a", "omp-affine", "-k", "3", "--pieces", "0.5", "--byte-match", "no")
    alone, report = transplant(here, *args, base=base, donor=donor)
    assert report["matrices"][0]["map"]["pieces"] == 0.5, report["matrices"]
    both, _ = transplant(here, *args, "--head-method", "subword", base=base, donor=donor)
    assert alone[EMBED].data == both[EMBED].data
    assert alone[HEAD].data != both[HEAD].data
    figures = []
    for methods in ("omp-affine", "subword,omp-affine"):
        call("evaluate", base, donor, "-q", "-k", "3", "--pieces", "0.5", "--holdout", "0.5",
             "--methods", methods, "--json", here / "figures.json")
        found = json.loads((here / "figures.json").read_text())
        figures.append([m["methods"][-1]["scores"] for m in found["matrices"]])
    assert figures[0] == figures[1]


@case
def prefixes_that_are_matched(here):
    """The longest token of the base that begins a new one, in the matrices that are named."""
    old = read_model(BASE)
    call(BASE, BASE, "--dry-run", "-q", "--token-report", here / "base.tsv")
    text = {}
    for line in (here / "base.tsv").read_text().splitlines()[1:]:
        id, kind, cell = line.split("\t")[:3]
        if kind == "text":
            text.setdefault(unescape(cell), int(id))
    plain, _ = transplant(here, "-a", "affine", name="plain")
    wanted = {}
    for id, cell, action, _ in actions(here):
        whole = unescape(cell)
        found = [text[whole[:n]] for n in range(len(whole) - 1, 0, -1)
                 if whole[:n] in text and whole[:n].strip()]
        if action == "approximate" and found and cell != "<unk>":
            wanted[id] = found[0]
    assert len(wanted) > 100
    for where, names in (("yes", (EMBED, HEAD)), ("embed", (EMBED,)), ("lm_head", (HEAD,)),
                         ("no", ())):
        new, report = transplant(here, "-a", "affine", "--prefix-match", where)
        seen = {id: int(base) for id, _, action, base in actions(here) if action == "match"}
        assert seen == (wanted if names else {}), where
        for name in (EMBED, HEAD):
            for id in wanted:
                row = old[name].row(wanted[id]) if name in names else plain[name].row(id)
                assert new[name].row(id) == row, (where, name, id)
        assert report["tokens"].get("matched", 0) == (len(wanted) if names else 0)
    config = json.loads((here / "out" / "config.json").read_text())
    assert config["vocab_size"] == 2560


@case
def norms_without_a_shared_token(here):
    base, donor = pair(here, base=base_model(words=["only", "of", "base"]),
                       donor=donor_model(words=["quite", "others"]))
    call(base, donor, here / "out", "-q", "-a", "mean", "--new-vocab-scale", "2")
    for option in (("--norm", "anchors"), ("--clip-norms", "0.9")):
        refused(here, base, donor, "share no text token by whose norm",
                args=("-a", "mean", *option))


# ---- wide rows ------------------------------------------------------------------------------


@case
def rows_of_any_width_in_another_type(here):
    """Rows are widened by parts: those copied are the base's, whatever their width and types."""
    for width, old, new in ((255, "BF16", "f32"), (257, "F16", "f32"), (600, "BF16", "f32"),
                            (1025, "F32", "bf16")):
        pair(here, base_model(old, hidden=width), donor_model())
        out, _ = transplant(here, "-a", "mean", "--embedding-type", new, base=here / "base",
                            donor=here / "donor")
        base, copied = read_model(here / "base"), 0
        for id, _, action, source in actions(here):
            if action != "copy":
                continue
            for name in (EMBED, HEAD):
                assert out[name].values(id) == base[name].values(int(source)), (width, name, id)
                copied += 1
        assert copied > 20
        shutil.rmtree(here / "base")
        shutil.rmtree(here / "donor")


if __name__ == "__main__":
    sys.exit(tool.main(CASES))

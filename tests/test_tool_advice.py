#!/usr/bin/env python3
"""That every piece of advice leads somewhere: each case makes the situation of a message
that proposes something, reads it, does what it says, and succeeds.

    python3 tests/test_tool_advice.py ./transplant [CASE...]

The last line is `N passed, N failed, N skipped`.
"""

import json
import re
import resource
import shutil
import sys

import tool
from tool import (BASE_COUNT, DONOR_COUNT, DONOR_WORDS, EMBED, HEAD, Tensor, added, base_id,
                  base_model, call, donor_id, donor_model, noise, pair, read_model, snapshot,
                  sound, told)

CASES, case = tool.cases()
RESERVED = "<|reserved_special_token_0|>"


def close(values, others):
    return all(abs(a - b) < 1e-5 for a, b in zip(values, others))


# ---- ids and rows -----------------------------------------------------------------------------


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


@case
def a_token_in_use_without_a_trained_row(here):
    donor = donor_model(words=DONOR_WORDS + [RESERVED])
    row = donor_id(DONOR_WORDS[-1]) + 1
    for name in (EMBED, HEAD):
        donor.tensors[name].set_row(row, [0.0] * 12)
    donor.files["chat_template.jinja"] = "{{ '%s' }}" % RESERVED
    base, donor = pair(here, donor=donor)
    said = call(base, donor, here / "plain").err
    entry = told(said, r"is in use, but has no trained row .*: --map '(#\d+=BASE)' gives it a row")
    assert entry == f"#{row}=BASE"
    said = call(base, donor, here / "out", "--map", entry.replace("BASE", "base3")).err
    assert "is in use" not in said and " 0 errors" in sound(here / "out"), said
    out = read_model(here / "out")[EMBED]
    assert out.row(row) == base_model().tensors[EMBED].row(base_id("base3"))


# ---- a donor without weights ------------------------------------------------------------------


def bare_donor(here):
    base, donor = pair(here)
    for name in ("model.safetensors", "config.json"):
        (donor / name).unlink()
    return base, donor


@case
def a_donor_that_is_a_tokenizer_alone(here):
    base, donor = bare_donor(here)
    error = call(base, donor, here / "out", status=1).error
    assert "donor: holds no model.safetensors" in error, error
    names = told(error, r"the methods (\w+), (\w+) and (\w+) "
                        r"\((-a subword), (-a mean), (-a zero)\) need none")
    for name, option in zip(names[:3], names[3:]):
        call(base, donor, here / name, "-q", *option.split())
        assert " 0 errors" in sound(here / name)
        out = read_model(here / name)[EMBED]
        assert out.shape == [DONOR_COUNT, 16]
        assert out.row(donor_id("▁ba")) == base_model().tensors[EMBED].row(base_id("Ġba"))
        rows = [base_model().tensors[EMBED].values(i) for i in range(BASE_COUNT)]
        mean = [sum(c) / len(rows) for c in zip(*rows)]
        wanted = {"mean": mean, "zero": [0] * 16}.get(name)
        assert name == "subword" or close(out.values(donor_id("donor4")), wanted)
    # Rows as they are wanted, without the matrices to say so.
    call(base, donor, here / "wide", "-q", "-a", "mean", "--rows", "multiple-of:64")
    assert read_model(here / "wide")[EMBED].shape[0] % 64 == 0 and sound(here / "wide")


@case
def a_map_for_every_token_of_a_tokenizer_alone(here):
    base, donor = bare_donor(here)
    error = call(base, donor, here / "out", status=1).error
    count = int(told(error, r"(\d+) tokens are to be solved for .*nor does a --map for every such"))
    # Which they are, the plan of a method that needs no row tells.
    call(base, donor, "--dry-run", "-a", "mean", "--token-report", here / "plan.tsv")
    lines = [line.split("\t") for line in (here / "plan.tsv").read_text().splitlines()[1:]]
    made = [line[0] for line in lines if line[3] == "approximate"]
    assert len(made) == count
    maps = [word for id in made for word in ("--map", f"#{id}=base3")]
    call(base, donor, here / "out", "-q", *maps)
    assert " 0 errors" in sound(here / "out")
    call(base, donor, here / "no", *maps[2:], status=1)


@case
def a_file_of_the_tokenizer_in_the_donors_place(here):
    base, donor = bare_donor(here)
    error = call(base, donor / "tokenizer.json", here / "out", "-a", "mean", status=1).error
    given = told(error, r"not a file of its tokenizer; give the directory (\S+)$")
    call(base, given, here / "out", "-q", "-a", "mean")
    assert " 0 errors" in sound(here / "out")


# ---- templates and values ---------------------------------------------------------------------


@case
def a_chat_template_that_would_be_lost(here):
    base, donor = base_model(), donor_model()
    base.files["chat_template.jinja"] = "{{ '<|begin|>' }}"
    del donor.files["chat_template.jinja"]
    base, donor = pair(here, base, donor)
    said = call(base, donor, here / "out").err
    options = told(said, r"(--chat-template base) keeps it, (--chat-template FILE) gives another")
    said = call(base, donor, here / "kept", *options[0].split()).err
    assert "<|begin|>" in (here / "kept" / "chat_template.jinja").read_text()
    told(said, r'writes "<\|begin\|>", which is no token of \S+; (give the template in words of)')
    (here / "own").write_text("{{ '<s>' }}")
    option = options[1].replace("FILE", f"{here}/own").split()
    said = call(base, donor, here / "own-out", *option).err
    assert "chat template" not in said, said
    assert (here / "own-out" / "chat_template.jinja").read_text() == "{{ '<s>' }}"


@case
def a_value_beyond_the_type(here):
    base = base_model()
    base.tensors[EMBED].set_row(base_id("Ġba"), [70000.0] * 16)
    base, donor = pair(here, base)
    error = call(base, donor, here / "out", "--dtype", "f16", status=1).error
    option = told(error, r"beyond the largest of F16; pass (--saturate) to clamp it")
    call(base, donor, here / "out", "-q", "--dtype", "f16", option)
    assert read_model(here / "out")[EMBED].values(donor_id("▁ba")) == [65504.0] * 16


# ---- the output, and the system ---------------------------------------------------------------


@case
def an_output_that_exists(here):
    base, donor = pair(here)
    call(base, donor, here / "out", "-q", "-a", "zero")
    error = call(base, donor, here / "out", status=1).error
    call(base, donor, here / "out", "-q", told(error, "pass (--overwrite) to replace it"))
    (here / "mine").mkdir()
    (here / "mine" / "letter").write_text("x")
    for taken in (here / "mine", here / "mine" / "letter"):
        for args in ((), ("--overwrite",)):  # which does not help, so that it is not advised
            error = call(base, donor, taken, *args, status=1).error
            told(error, "is not replaced; (give a name of which there is nothing yet)$")
            assert "overwrite" not in error, error
    call(base, donor, here / "new", "-q")


@case
def an_output_that_is_an_empty_folder(here):
    base, donor = pair(here)
    call(base, donor, here / "expected", "-q")
    for name in ("out", "other"):
        (here / name).mkdir()
        call(base, donor, f"{here / name}/", "-q", *(["--overwrite"] if name == "other" else []))
        assert snapshot(here / name) == snapshot(here / "expected")
    # One that fails leaves it as it was.
    (here / "stays").mkdir()
    call(base, donor, here / "stays", "--map", "nix=nix", status=1)
    (donor / "extra").symlink_to("nothing")
    (base / "extra").symlink_to("nothing")
    call(base, donor, here / "stays", status=1)
    assert list((here / "stays").iterdir()) == []
    assert not list(here.glob("*.otx-*"))


@case
def leftovers(here):
    base, donor = pair(here)
    (here / "out.otx-partial-7").mkdir()
    call(base, donor, here / "was", "-q")
    (here / "was").rename(here / "out.otx-old-1")
    said = call(base, donor, here / "out").err
    told(said, r'stands "out.otx-partial-7", left by .*: (remove it once none is running)')
    told(said, r'stands "out.otx-old-1", a former output .*: (rename it back or remove it)')
    (here / "out.otx-partial-7").rmdir()
    shutil.rmtree(here / "out")
    (here / "out.otx-old-1").rename(here / "out")
    assert " 0 errors" in sound(here / "out")
    assert "stands" not in call(base, donor, here / "out", "--overwrite").err


@case
def a_link_to_a_directory(here):
    base, donor = pair(here)
    (here / "elsewhere").mkdir()
    (here / "elsewhere" / "notes.txt").write_text("x")
    (base / "extra").symlink_to("../elsewhere")
    error = call(base, donor, here / "out", status=1).error
    told(error, "(put the directory in its place, or remove it)$")
    (base / "extra").unlink()
    call(base, donor, here / "without", "-q")
    shutil.copytree(here / "elsewhere", base / "extra")
    call(base, donor, here / "with", "-q")
    assert (here / "with" / "extra" / "notes.txt").read_text() == "x"


@case
def too_many_files(here):
    base = base_model()
    for i in range(40):
        base.tensors[f"t{i}"] = noise(i, "F32", 2)
    base.shards = [[n] for n in base.tensors]
    base, donor = pair(here, base)

    def few():
        resource.setrlimit(resource.RLIMIT_NOFILE, (24, 24))

    error = call(base, donor, here / "out", status=1, preexec_fn=few).error
    told(error, r"Too many open files \(see (ulimit -n)\)$")
    call(base, donor, here / "out", "-q")
    assert " 0 errors" in sound(here / "out")


# ---- texts that begin otherwise -----------------------------------------------------------------


def beginning(here):
    """A base that puts a token before every text, and a donor that does not."""
    base, donor = pair(here)
    template = {"type": "TemplateProcessing", "pair": [], "special_tokens": {},
                "single": [{"SpecialToken": {"id": "<|begin|>", "type_id": 0}},
                           {"Sequence": {"id": "A", "type_id": 0}}]}
    edit(base / "tokenizer.json", post_processor=template)
    edit(donor / "tokenizer_config.json", add_bos_token=False)
    return base, donor


def edit(path, **members):
    path.write_text(json.dumps({**json.loads(path.read_text()), **members}))


@case
def a_donor_that_begins_texts_with_nothing(here):
    base, donor = beginning(here)
    error = call(base, donor, here / "out", "-q", "-a", "mean").err
    begin = r'puts "(.*)" before every text, .* begin texts with "(.*)", id ([0-9]+)'
    ours, theirs, id = told(error, begin)
    rows = read_model(here / "out")[EMBED], base_model().tensors[EMBED]
    assert (ours, theirs) == ("<|begin|>", "<s>")
    assert rows[0].row(int(id)) == rows[1].row(BASE_COUNT - 2), "the base's row for it"
    def warned():
        return "before every text" in call(base, donor, "--dry-run", "-q", "-a", "mean").err

    # The flag counts for classes that heed it; for others the post-processor does.
    edit(base / "tokenizer_config.json", add_bos_token=False)
    edit(donor / "tokenizer_config.json", add_bos_token=True)
    assert warned()
    edit(donor / "tokenizer_config.json", tokenizer_class="LlamaTokenizerFast")
    assert not warned()
    edit(donor / "tokenizer_config.json", add_bos_token=False)
    assert warned()
    edit(base / "tokenizer_config.json", tokenizer_class="GemmaTokenizerFast")
    assert not warned()
    edit(base / "tokenizer_config.json", tokenizer_class="PreTrainedTokenizerFast")
    template = json.loads((base / "tokenizer.json").read_text())["post_processor"]
    edit(base / "tokenizer.json", post_processor={"type": "Sequence", "processors": [template]})
    assert warned()
    edit(base / "tokenizer.json", post_processor=None)
    assert not warned()
    # A template's name for a token is a name; what it stands for is told beside.
    token = {"id": "<|begin|>", "ids": [3], "tokens": ["base3"]}
    edit(base / "tokenizer.json", post_processor=template | {"special_tokens": {
        "<|begin|>": token}})
    assert not warned()
    token["ids"] = [BASE_COUNT - 2]
    first = {"SpecialToken": {"id": "BOS", "type_id": 0}}
    edit(base / "tokenizer.json", post_processor=template | {
        "single": [first, *template["single"][1:]], "special_tokens": {"BOS": token}})
    assert warned()
    edit(base / "tokenizer.json", post_processor=None)
    donor, base = base, donor  # SentencePiece's alone is no reason
    edit(base / "tokenizer_config.json", tokenizer_class="PreTrainedTokenizerFast",
         add_bos_token=None)
    assert not warned()


@case
def a_donor_without_a_token_to_begin_texts_with(here):
    base, donor = beginning(here)
    for name in "tokenizer_config.json", "special_tokens_map.json":
        edit(donor / name, bos_token=None)
    error = call(base, donor, here / "out", "-q", "-a", "mean").err
    option = told(error, r"no such token: .* (--map '.*') makes one").split("'")[1]
    word = option.replace("TOKEN", "donor4")
    call(base, donor, here / "o2", "-q", "-a", "mean", "--map", word)
    out = read_model(here / "o2")[EMBED]
    assert out.row(donor_id("donor4")) == base_model().tensors[EMBED].row(BASE_COUNT - 2)
    error = call(base, donor, here / "o3", "-q", "-a", "mean", "--map", word).err
    told(error, rf'begin texts with "donor4", id {donor_id("donor4")}$')


# ---- the command line -------------------------------------------------------------------------


@case
def words_that_are_wrong(here):
    base, donor = pair(here)
    for wrong, pattern, split in (
            ("-a nix", "known are ([a-z _-]+)$", "-a {}"),
            ("--isa nix", "known are (auto scalar)", "--isa {}"),
            ("--padding nix", "known are ([a-z ]+)$", "--padding {}"),
            ("-k 0", "a whole number from (1) is wanted", "-k {}"),
            ("--ridge 2", "a number from (0 to 1) is wanted", "--ridge {}"),
            ("--memory much", "a size like (512MiB or 8G) is wanted", "--memory {}"),
            ("--rows some", "(donor, tokenizer, multiple-of:N or a number) is wanted", "--rows {}"),
            ("--dtype int8", "(f32, f16, bf16, f64, f8_e4m3 or f8_e5m2) is wanted", "--dtype {}")):
        error = call(base, donor, *wrong.split(), status=2, cwd=here).error
        for word in re.split(r", | or | to | ", told(error, pattern)):
            if word in ("a", "zett"):  # zett says what it lacks: test_methods.c
                continue
            word = {"multiple-of:N": "multiple-of:8", "number": "100"}.get(word, word)
            call(base, donor, "--dry-run", "-q", *split.format(word).split())
    told(call("--nix", status=2).err, "Try 'transplant (--help)'")
    call("--help")
    named = told(call("help", "nix", status=2).error, "known are (.*)$")
    for name in named.split(", "):
        call("help", name)


@case
def entries_of_a_map(here):
    base, donor = pair(here, donor=donor_model(words=DONOR_WORDS + ["a=b\\"]))
    for wrong in ("donor0", "donor0=", "donor0=\\q"):
        error = call(base, donor, here / "out", "--map", wrong, status=1).error
        told(error, r"(content or #ID(?: is expected)?, with \\\\, \\= and \\xNN as escapes)")
    entries = ["donor0=base0", f"#{donor_id('donor1')}=#{base_id('base1')}", "a\\=b\\\\=base2",
               "\\x64onor2=b\\x61se3"]
    call(base, donor, here / "out", "-q", *[w for e in entries for w in ("--map", e)])
    out, rows = read_model(here / "out")[EMBED], base_model().tensors[EMBED]
    for word, other in (("donor0", "base0"), ("donor1", "base1"), ("donor2", "base3")):
        assert out.row(donor_id(word)) == rows.row(base_id(other))


# ---- commands that take fewer options ---------------------------------------------------------


@case
def options_that_a_command_does_not_take(here):
    """What a transplant advises is not said where nobody could follow it."""
    nan, words = [float("nan")] * 16, here / "words"
    words.write_text("hello\n")
    spoiled, plain = base_model(), base_model(dtype="F16")
    spoiled.tensors[EMBED].set_row(base_id("Ġba"), nan)
    spoiled.write(here / "spoiled")
    for i in range(BASE_COUNT):
        plain.tensors[EMBED].set_row(i, [6e4] * 16)
    plain.write(here / "plain")
    base, donor = sees(here, BASE_COUNT + 5)
    small, target = base_model(), donor_model()
    small.files["chat_template.jinja"] = "the base's\n"
    del target.files["chat_template.jinja"]
    target.tokenizer["added_tokens"].append(added(DONOR_COUNT, "<image_soft_token>"))
    small, target = small.write(here / "small"), target.write(here / "target")
    for told_of, status, *args in (
            ("is needed", 1, "trim", here / "spoiled", here / "a", "--first", "30"),
            ("is needed", 1, "bytes", here / "spoiled", here / "b", "--by", "subword"),
            ("is needed", 1, "extend", here / "spoiled", here / "c", "--tokens", words),
            ("is needed", 1, "draft-head", here / "spoiled", here / "d", "--draft-vocab", "20"),
            ("is needed", 1, "extend", here / "spoiled", here / "k", "--tokens", words, "-a",
             "mean"),
            ("the largest of F16", 1, "extend", here / "plain", here / "e", "--tokens", words, "-a",
             "mean", "--new-vocab-scale", "3"),
            ("an id without a token", 1, "trim", base, here / "f", "--first", "20"),
            ("an id without a token", 1, "draft-head", base, here / "g", "--draft-vocab", "20"),
            ("lie beyond the 67 rows", 0, "draft", small, target, here / "h"),
            ("is in words of its own", 0, "draft", small, target, here / "i"),
            ("there are 67", 1, "draft", small, target, here / "j", "--map", f"#{DONOR_COUNT}=A")):
        said = call(*args, status=status).err
        assert told_of in said, said
        assert "; " not in said.split(told_of)[1].split("\n")[0], said
    words.write_text("for (i = n; --max; ) -a omp\n")
    said = call("trim", base, here / "l", "--keep", words, status=1).err
    assert '"for (i = n; --max; ) -a omp"' in said and "no such token" in said, said
    said = call("count", here / "two; -a omp", words, status=1).err
    assert "two; -a omp: cannot be opened" in said, said


if __name__ == "__main__":
    sys.exit(tool.main(CASES))

#!/usr/bin/env python3
"""Which files of the two directories come into the output, and what is said of the others.

    python3 tests/test_tool_files.py TOOL [CASE...]
"""
import json
import re
import subprocess
import sys

import tool
from tool import (BASE_WORDS, DONOR_COUNT, DONOR_WORDS, EMBED, HEAD, SECOND, base_model, call,
                  donor_model, noise, pair, read_model, read_safetensors, refused,
                  write_safetensors)

CASES, case = tool.cases()

# ---- code that the tokenizer is loaded with ----------------------------------------------

MAP = {"AutoTokenizer": ["tokenization_x.XTokenizer", None]}
CODE = {
    "tokenization_x.py": 'import os\nfrom transformers import PreTrainedTokenizer\n'
                         'from .first_helper import a\n    from  .second.deep  import b\n'
                         'from . import third as t, (fourth)\nfrom . import (\n    fifth,\n'
                         '    nothing_here,\n)\nfrom .. import above\n'
                         'VOCAB_FILES_NAMES = {"vocab_file": "odd vocabulary.dat"}\n',
    "first_helper.py": "from .sixth import *  # don't\nfrom .first_helper import a\n"
                       "OTHER = 'config.json' or \"more.bin\"\n",
    "second/deep.py": "b = 1\n", "second/__init__.py": "", "third.py": "", "fourth.py": "",
    "fifth.py": "", "sixth.py": "import json\n", "seventh.py": "from .tokenization_x import y\n",
    "odd vocabulary.dat": "a b c\n", "more.bin": "\x01\x02", "named.txt": "by the config\n",
    "modeling_y.py": "# of the donor's model\n",
}
NEEDED = {name for name in CODE if name not in ("seventh.py", "modeling_y.py")}


def coded(here, auto_map=MAP, config=False, files=CODE, base=None):
    donor = donor_model()
    donor.files.update(files)
    donor.roles["vocab_file"] = "named.txt"
    if config:
        donor.config = json.dumps({**json.loads(donor.config), "auto_map": auto_map})
    else:
        donor.roles["auto_map"] = auto_map
    return pair(here, base, donor)


@case
def code_that_a_tokenizer_needs(here):
    base, donor = coded(here)
    call(base, donor, here / "out")
    there = {str(p.relative_to(here / "out")) for p in (here / "out").rglob("*") if p.is_file()}
    assert NEEDED <= there, NEEDED - there
    assert not {"seventh.py", "modeling_y.py"} & there, there
    for name in NEEDED:
        assert (here / "out" / name).read_text() == CODE[name]
    assert "modeling_x.py" in there  # the base's own
    assert "0 errors" in call("verify", here / "out").out


@case
def code_that_is_not_there(here):
    for missing in ("tokenization_x.py", "first_helper.py", "sixth.py"):
        files = {n: t for n, t in CODE.items() if n != missing}
        base, donor = coded(here / missing, files=files)
        refused(here / missing, base, donor, f'"{missing}", which is not there')
    base, donor = coded(here / "whole")
    call(base, donor, here / "whole" / "out")
    for name in ("tokenization_x.py", "third.py", "sixth.py"):
        text = (here / "whole" / "out" / name).read_text()
        (here / "whole" / "out" / name).unlink()
        done = subprocess.run([tool.TOOL, "verify", here / "whole" / "out"], capture_output=True,
                              text=True)
        if name == "third.py":  # it may be no module, but a name within the package
            assert done.returncode == 0, done.stdout
        else:
            assert done.returncode == 1 and f'"{name}", which is not there' in done.stdout
        (here / "whole" / "out" / name).write_text(text)


@case
def code_that_is_fetched(here):
    """Of "repository--module.Class" nothing needs to lie in the directory."""
    base, donor = coded(here, {"AutoTokenizer": "someone/model--tokenization_z.ZTokenizer"})
    call(base, donor, here / "out")
    assert not (here / "out" / "tokenization_x.py").exists()


@case
def code_that_the_model_config_names(here):
    """Where only config.json names the code, the output's does."""
    base, donor = coded(here, config=True)
    call(base, donor, here / "out")
    assert json.loads((here / "out" / "config.json").read_text())["auto_map"] == MAP
    base = base_model()
    base.config = base.config.replace(
        '"x_first"', '"auto_map": {"AutoConfig": "c.C"},\n  "x_first"')
    base, donor = coded(here / "both", config=True, base=base)
    call(base, donor, here / "both" / "out")
    config = json.loads((here / "both" / "out" / "config.json").read_text())
    assert config["auto_map"] == {"AutoConfig": "c.C", **MAP}
    assert "0 errors" in call("verify", here / "both" / "out").out


@case
def code_of_both(here):
    base = base_model()
    base.files["first_helper.py"] = "# another\n"
    base, donor = coded(here, base=base)
    refused(here, base, donor, 'both have "first_helper.py", which differ')
    (base / "first_helper.py").write_text(CODE["first_helper.py"])
    call(base, donor, here / "out")


# ---- the chat template -----------------------------------------------------------------


def talkative(here, base_files=None, donor_files=None, base_roles=None, donor_roles=None):
    base, donor = base_model(), donor_model()
    del donor.files["chat_template.jinja"]
    base.files.update(base_files or {})
    donor.files.update(donor_files or {})
    base.roles.update(base_roles or {})
    donor.roles.update(donor_roles or {})
    return pair(here, base, donor)


def template_of(out):
    path = out / "chat_template.jinja"
    return path.read_text() if path.exists() else None


@case
def a_chat_template_that_disappears(here):
    ours = "{{ '<|begin|>' + messages[0]['content'] }}"
    for name, files, roles in (
            ("jinja", {"chat_template.jinja": ours}, {}), ("config", {}, {"chat_template": ours}),
            ("old", {"chat_template.json": json.dumps({"chat_template": ours})}, {}),
            ("named", {}, {"chat_template": [{"name": "tools", "template": "x"},
                                             {"name": "default", "template": ours}]})):
        base, donor = talkative(here / name, files, base_roles=roles)
        out = here / name / "out"
        assert "warning: the output has no chat template" in call(base, donor, out).err
        assert template_of(out) is None
        said = call(base, donor, out, "--overwrite", "--chat-template", "base").err
        assert template_of(out) == ours
        assert 'the chat template writes "<|begin|>", which is no token' in said, said


@case
def whose_chat_template(here):
    base, donor = talkative(here, {"chat_template.jinja": "{{ '<s>' }}{{ x[0] }}"},
                            {"chat_template.jinja": "theirs", "chat_template.json": "{}",
                             "additional_chat_templates/a.jinja": "more"})
    out = here / "out"
    assert "chat template" not in call(base, donor, out).err
    assert template_of(out) == "theirs" and (out / "additional_chat_templates/a.jinja").exists()
    (here / "mine").write_text("mine <s>")
    for how, text in (("base", "{{ '<s>' }}{{ x[0] }}"), (here / "mine", "mine <s>")):
        said = call(base, donor, out, "--overwrite", "--chat-template", how).err
        assert "chat template" not in said, said
        assert template_of(out) == text
        assert not (out / "chat_template.json").exists()
        assert not (out / "additional_chat_templates").exists()
    refused(here, base, donor, "nonesuch: cannot be opened",
            args=("--overwrite", "--chat-template", here / "nonesuch"))
    (base / "chat_template.jinja").unlink()
    refused(here, base, donor, "base: has no chat template to keep",
            args=("--overwrite", "--chat-template", "base"))


# ---- the texts that a processor looks for -----------------------------------------------

IMAGE = "<image>"


def seeing(here, files, roles=None, config=None):
    """A base that sees, and whose token for that is the donor's <picture> from now on; what is
    said of it."""
    base = base_model(words=BASE_WORDS + [IMAGE])
    base.files.update({name: json.dumps(text) for name, text in files.items()})
    base.roles.update(roles or {})
    base.config = json.dumps({**json.loads(base.config), **(config or {})})
    base, donor = pair(here, base, donor_model(words=DONOR_WORDS + ["<picture>"]))
    done = call(base, donor, here / "out", "-a", "mean", "--map", f"<picture>={IMAGE}")
    return [line for line in done.err.splitlines() if "warning" in line], here / "out"


@case
def texts_of_a_processor(here):
    told, out = seeing(here / "named", {"processor_config.json": {
        "image_token": IMAGE, "patch_size": 14, "tile_token": "TILE"}})
    assert len(told) == 1 and re.search(
        r'base/processor_config.json: "image_token" is "<image>", which is no token of', told[0])
    done = call("verify", out)
    assert '"image_token" is "<image>", which is no token of' in done.out, done.out
    told, out = seeing(here / "nested", {"preprocessor_config.json": {
        "image_processor": {"fake_image_token": {"content": IMAGE, "special": True}}}})
    assert len(told) == 1 and '"fake_image_token" is "<image>"' in told[0], told


@case
def texts_that_a_processor_class_has(here):
    files = {"preprocessor_config.json": {"image_mean": [0.5]}}
    index = {"image_token_index": len(BASE_WORDS)}
    told, out = seeing(here / "default", files, config=index)
    assert len(told) == 1 and '"image_token_index" is "<image>" and becomes "<picture>"' in told[0]
    told, out = seeing(here / "none", {}, config=index)
    assert not told, told
    told, out = seeing(here / "asked", files, {"extra_special_tokens": {"image_token": IMAGE}})
    assert len(told) == 1 and 'names "image_token", for a processor to ask for' in told[0], told


# ---- tokens in use ---------------------------------------------------------------------


@case
def reserved_names_in_use(here):
    names = [f"<reserved_{i}>" for i in range(6)] + ["<|reserved_special_token_7|>"]
    words = DONOR_WORDS + names
    first = 3 + len(DONOR_WORDS)
    donor = donor_model(words=words)
    donor.files.update({
        "chat_template.jinja": "{{ '<reserved_0>' }}",
        "chat_template.json": json.dumps({"chat_template": "[x]<reserved_1>"}),
        "processor_config.json": json.dumps({"image_token": "<reserved_2>"}),
        "generation_config.json": json.dumps({"user_token_id": first + 3, "max_length": first + 5}),
    })
    donor.roles["chat_template"] = [
        {"name": "a", "template": "{{ \"<|reserved_special_token_7|>\" }}"}]
    base, donor = pair(here, None, donor)
    table = here / "tokens"
    call(base, donor, here / "out", "--token-report", table)
    rows = [line.split("\t") for line in table.read_text().splitlines()]
    actions = {row[2]: row[3] for row in rows if row[2] in names}
    assert actions == {n: "approximate" if n in names[:4] + names[6:] else "unused" for n in names}


@case
def tables_of_hashed_ids(here):
    for number, name in enumerate(("model.layers.1.ple.ngram_embedding.weight",
                                   "model.ngram_embeddings.embedders.0.weight",
                                   "model.layers.0.engram.multi_head_embedding.embedding.weight",
                                   "encoder.encoder_hash_tok_embedding.weight")):
        base = base_model()
        base.tensors[name] = noise(9, "F32", 64, 8)
        base, donor = pair(here / str(number), base)
        refused(here / str(number), base, donor, re.escape(name), "hashes of token ids")
    base = base_model()
    base.tensors["model.decoder.ngram_embeddings.weight"] = noise(9, "F32", 2, 8)
    base, donor = pair(here / "positions", base)
    call(base, donor, here / "positions" / "out")


@case
def pointers_of_git_lfs(here):
    pointer = ("version https://git-lfs.github.com/spec/v1\n"
               "oid sha256:4d7a214614ab2935c943f9e0ff69\nsize 12345\n")
    for name in ("model.safetensors", "tokenizer.json", "config.json"):
        for side in ("base", "donor"):
            base, donor = pair(here / name / side)
            path = here / name / side / side / name
            path.write_text(pointer)
            refused(here / name / side, base, donor,
                    f'/{side}/{name}: is a pointer of Git LFS, .* "git lfs pull"')


@case
def a_head_that_nothing_ties(here):
    """Classes differ in what they do where config.json says nothing."""
    base = base_model(tied=True)
    base.config = base.config.replace('  "tie_word_embeddings": true,\n', "")
    base, donor = pair(here, base)
    done = subprocess.run([tool.TOOL, "verify", base], capture_output=True, text=True)
    assert done.returncode == 1 and "gets a random one" in done.stdout, done.stdout
    call(base, donor, here / "out")
    assert json.loads((here / "out" / "config.json").read_text())["tie_word_embeddings"] is True
    assert "0 errors" in call("verify", here / "out").out
    text = (base / "config.json").read_text().replace('"llama"', '"gpt2"')
    (base / "config.json").write_text(text)
    assert "0 errors" in call("verify", base).out
    call(base, donor, here / "out", "--overwrite")
    assert "tie_word_embeddings" not in json.loads((here / "out" / "config.json").read_text())


@case
def rows_by_number(here):
    base, donor = pair(here)
    for rows in (DONOR_COUNT - 1, DONOR_COUNT + 40):
        call(base, donor, here / "out", "--rows", rows, "--overwrite")
        assert read_model(here / "out")[EMBED].shape[0] == rows
    for word in ("0", "-1", "12x", ""):
        call(base, donor, here / "out", "--rows", word, status=2)


LAYERS = [f"model.layers.{n}.{kind}.weight" for n in range(3) for kind in ("mlp", "norm")]


def sharded(here, change, tied=False, **config):
    """A base in two shards, whose index and shards are changed before they are written."""
    base = base_model(tied=tied)
    base.config = json.dumps({**json.loads(base.config), **config})
    base.tensors.update({name: noise(20 + i, "F32", 4) for i, name in enumerate(LAYERS)})
    first = [n for n in base.tensors if n in (EMBED, HEAD, "odd")]
    base.shards = [first, [n for n in base.tensors if n not in first]]
    base, donor = pair(here, base)
    path = base / "model.safetensors.index.json"
    index = json.loads(path.read_text())
    change(index["weight_map"], base)
    path.write_text(json.dumps(index))
    return base, donor


@case
def an_index_beside_the_point(here):
    """Tensors are those of the shards, as for transformers; OUT's index has them and no other."""

    def ghost(names, base):
        names.update({"mtp.fc.weight": SECOND, "model.layers.3.mlp.weight": SECOND,
                      "model.layers.1.other.weight": SECOND})

    def unlisted(names, base):
        names.pop(LAYERS[0]), names.pop(EMBED)

    def misplaced(names, base):
        names[LAYERS[0]] = names[EMBED]

    def overlaid(names, base):
        write_safetensors(base / "model-overlay.safetensors", {LAYERS[0]: noise(1, "F32", 4),
                                                               HEAD: read_model(base)[HEAD]})
        names[LAYERS[0]] = names["odd"] = "model-overlay.safetensors"

    for change, said in (
            (ghost, '3 tensors that it names are in no shard: "model.layers.1.other.weight" in'),
            (unlisted, f'2 tensors are read that it does not name, .*: "{EMBED}" in'),
            (misplaced, f'1 tensors are read from another shard than it says: "{LAYERS[0]}" in "'),
            (overlaid, f'2 tensors are not read, .*: "{HEAD}" in .*"{LAYERS[0]}"')):
        base, donor = sharded(here / change.__name__, change)
        out = here / change.__name__ / "out"
        done = call(base, donor, out)
        assert re.search(f"warning: .*index.json: {said}", done.err), done.err
        assert re.search(f"warning: .*index.json: {said}", call("verify", base).out)
        assert call("verify", out).out == f"{out}: 0 errors, 0 warnings\n"
        tensors = read_model(out)  # whose index says all of it
        wanted = noise(1 if change is overlaid else 20, "F32", 4).data
        assert tensors[LAYERS[0]].data == wanted
        assert tensors.keys() == {EMBED, HEAD, "odd", *LAYERS, "model.norm.weight",
                                  "model.layers.0.ids"}


@case
def an_index_of_more_than_there_is(here):
    """What the index names and no shard holds, where the model is not whole without it."""
    def without(name, **config):
        def change(names, base):
            shard = base / names[name]
            tensors = read_safetensors(shard)
            tensors.pop(name)
            write_safetensors(shard, tensors)
        return sharded(here / (name + str(config)), change, **config)

    for name, said in ((EMBED, "and no other is the embedding"),
                       (HEAD, "the model has no output head"),
                       (LAYERS[2], "a part of the model is missing")):
        base, donor = without(name)
        where = f'index.json names tensor "{re.escape(name)}", which is in no shard.*{said}'
        refused(here, base, donor, where)
        assert re.search(f"error: .*{where}", subprocess.run(
            [tool.TOOL, "verify", base], capture_output=True, text=True).stdout)
    base, donor = without(HEAD, tie_word_embeddings=True)  # the rest of an older file
    call(base, donor, here / "out")
    assert HEAD not in read_model(here / "out")
    base, donor = pair(here / "donor", donor=donor_model())
    layers = {f"model.layers.{name}": noise(1, "F32", 4) for name in ("0.a", "1.b")}
    write_safetensors(donor / "a.safetensors", {**read_model(donor), **layers})
    (donor / "model.safetensors").rename(here / "gone")
    (donor / "model.safetensors.index.json").write_text(json.dumps({"metadata": {}, "weight_map": {
        "model.layers.1.a": "a.safetensors", EMBED: "a.safetensors"}}))
    call(base, donor, here / "of-the-donor")


# ---- single digits ------------------------------------------------------------------------

DIGITS = list("0123456789")
STEP = {"type": "Split", "pattern": {"Regex": "[0-9]"}, "behavior": "Isolated", "invert": False}


def numbered(here, words=DIGITS + ["12", "345"], base_words=DIGITS, **roles):
    """A base that reads single digits, and a donor with longer tokens."""
    donor = donor_model(words=DONOR_WORDS + words)
    donor.roles.update(roles)
    return pair(here, base_model(words=BASE_WORDS + base_words), donor)


def split(here, base, donor, *notes):
    """What --split-digits puts into tokenizer.json: the bytes, and its pre-tokenizer."""
    old = (donor / "tokenizer.json").read_text()
    done = call(base, donor, here / "out", "--split-digits", "--overwrite", "--report",
                here / "report")
    for note in notes:
        assert re.search("note: " + note, done.err), done.err
    assert not re.search("warning: .* reads numbers", done.err), done.err
    new = (here / "out" / "tokenizer.json").read_text()
    assert json.loads((here / "report").read_text())["digits"]["split"] == (old != new)
    assert "0 errors, 0 warnings" in call("verify", here / "out").out
    if old == new:
        return "", "", None
    parsed = json.loads(new)
    made = parsed.pop("pre_tokenizer")
    was = json.loads(old)
    was.pop("pre_tokenizer")
    assert parsed == was
    start = next(i for i in range(len(old) + 1) if old[i:i + 1] != new[i:i + 1])
    left = len(old) - start
    end = next(i for i in range(left + 1) if i == left or old[-1 - i] != new[-1 - i])
    return new[start:len(new) - end], old[start:len(old) - end], made


@case
def digits_are_split(here):
    base, donor = numbered(here)
    warned = call(base, donor, here / "out", "--report", here / "report").err
    assert re.search("warning: .*base reads numbers digit by digit, .*donor in pieces of up to 3 "
                     "digits: rows .*arithmetic; --split-digits keeps", warned), warned
    assert json.loads((here / "report").read_text())["digits"] == {
        "base": 1, "donor": 3, "split": False}
    assert "digits a token            3  1 in BASE: see --split-digits" in call(
        "align", base, donor).out
    assert "digits a token            3" in call("inspect", donor).out
    (donor / "merges.txt").write_text("#version: 0.2\n")
    put, gone, made = split(here, base, donor, '.*"merges.txt" is left out')
    assert (json.loads(put), gone, made) == (STEP, "null", STEP)
    assert not (here / "out" / "merges.txt").exists()
    assert (here / "out" / "chat_template.jinja").exists()
    assert "digits a token            1" in call("inspect", here / "out").out
    draft = call("verify", here / "out", "--draft-for", donor).out
    assert re.search("warning: draft: texts are encoded otherwise .* numbers digit by digit, the "
                     "target's in pieces of up to 3 digits", draft), draft


@case
def digits_are_split_behind_other_steps(here):
    base, donor = numbered(here)
    tokenizer = json.loads((donor / "tokenizer.json").read_text())
    space = {"type": "Metaspace", "replacement": "\u2581", "prepend_scheme": "first",
             "split": False}
    step = json.dumps(STEP)
    for listed, indent, wanted in (
            (None, None, None), ([], None, step), ([space], None, ", " + step),
            ([space, space], None, ", " + step), ([space], 2, ",\n      " + step)):
        tokenizer["pre_tokenizer"] = space if listed is None else {
            "type": "Sequence", "pretokenizers": listed}
        (donor / "tokenizer.json").write_text(json.dumps(tokenizer, indent=indent))
        put, gone, made = split(here, base, donor)
        steps = [space] if listed is None else listed
        assert made == {"type": "Sequence", "pretokenizers": steps + [STEP]}, made
        if listed is not None:
            assert gone == "" and put == wanted, (put, wanted)
    del tokenizer["pre_tokenizer"]
    (donor / "tokenizer.json").write_text(json.dumps(tokenizer))
    new = call(base, donor, here / "out", "--split-digits", "--overwrite") and json.loads(
        (here / "out" / "tokenizer.json").read_text())
    assert new == {**tokenizer, "pre_tokenizer": STEP}


@case
def digits_that_need_no_splitting(here):
    base, donor = numbered(here, words=DIGITS)
    assert split(here, base, donor, ".*digit by digit, as .* does: nothing")[:2] == ("", "")
    base, donor = numbered(here / "few", base_words=["12"], words=DIGITS)
    error = call(base, donor, here / "few" / "out").err
    assert re.search("warning: .*up to 2 digits, .*donor digit by digit: texts will have shorter "
                     "ones than it counts with, and .*arithmetic\n", error), error
    base, donor = numbered(here / "many", base_words=["12345"], words=["1234"])
    assert "numbers" not in call(base, donor, here / "many" / "out").err  # both at random


@case
def digits_that_cannot_be_split(here):
    args = ["--split-digits"]
    refused(here / "a", *numbered(here / "a", base_words=["12"]), "in pieces of up to 2", args=args)
    refused(here / "b", *numbered(here / "b", base_words=[]), "in no way that", args=args)
    refused(here / "c", *numbered(here / "c", words=DIGITS[:7] + DIGITS[8:] + ["12"]),
            "no token for the digit 7 alone", args=args)
    base, donor = numbered(here / "d", auto_map={"AutoTokenizer": ["a--b.C", None]})
    refused(here / "d", base, donor, "by code of its own", args=args)
    base, donor = numbered(here / "e")
    tokenizer = json.loads((donor / "tokenizer.json").read_text())
    tokenizer["model"]["continuing_subword_prefix"] = "##"
    (donor / "tokenizer.json").write_text(json.dumps(tokenizer))
    refused(here / "e", base, donor, "tokenizer.json: .* each digit would be a word", args=args)
    tokenizer["decoder"] = {"type": "WordPiece", "prefix": "##", "cleanup": False}
    (donor / "tokenizer.json").write_text(json.dumps(tokenizer))
    refused(here / "e", base, donor, "donor: .* each digit would be a word", args=args)
    base, donor = numbered(here / "f", words=DIGITS + ["12"])
    vocab = json.loads((donor / "tokenizer.json").read_text())["model"]["vocab"]
    (donor / "tokenizer.json").unlink()
    (donor / "vocab.json").write_text(json.dumps(vocab))
    (donor / "merges.txt").write_text("#version: 0.2\n")
    refused(here / "f", base, donor, "not read from tokenizer.json", args=args)


@case
def digits_and_the_class_of_the_tokenizer(here):
    """A class that makes its pre-tokenizer itself would not heed the step."""
    base, donor = numbered(here, tokenizer_class="GPT2Tokenizer")
    split(here, base, donor, ".*names the class PreTrainedTokenizerFast: the GPT2Tokenizer ")
    config = json.loads((here / "out" / "tokenizer_config.json").read_text())
    assert config == {"tokenizer_class": "PreTrainedTokenizerFast", "bos_token": "<s>",
                      "eos_token": "</s>", "unk_token": "<unk>"}
    (donor / "tokenizer_config.json").write_text('{"tokenizer_class": "GPT2Tokenizer"}')
    split(here, base, donor)  # special_tokens_map.json names the roles
    config = json.loads((here / "out" / "tokenizer_config.json").read_text())
    assert config["bos_token"] == "<s>" and config["eos_token"] == "</s>", config
    (donor / "special_tokens_map.json").unlink()
    (here / "x").mkdir()
    refused(here / "x", base, donor, "a GPT2Tokenizer of it", args=["--split-digits"])
    base, donor = numbered(here / "y", tokenizer_class="PreTrainedTokenizerFast")
    split(here / "y", base, donor)
    assert (here / "y" / "out" / "tokenizer_config.json").read_bytes() == (
        donor / "tokenizer_config.json").read_bytes()
    # One that transformers 5 takes as it stands, but 4 makes of tokenizer.model.
    base, donor = numbered(here / "z", tokenizer_class="LlamaTokenizer", add_prefix_space=True)
    for side in (base, donor):
        text = (side / "config.json").read_text()
        (side / "config.json").write_text(text.replace('"llama"', '"mistral"'))
    told = (".*names the class PreTrainedTokenizerFast: what transformers 4 makes of a "
            "tokenizer.model for the class that .*donor names would not split digits")
    split(here / "z", base, donor, told)
    config = json.loads((here / "z" / "out" / "tokenizer_config.json").read_text())
    named = donor / "tokenizer_config.json"
    assert config == {**json.loads(named.read_text()),
                      "tokenizer_class": "PreTrainedTokenizerFast"}, config
    # 5, which takes it so, has no special tokens of its own: none need be named.
    named.write_text(json.dumps({k: v for k, v in json.loads(named.read_text()).items()
                                 if not k.endswith("_token")}))
    (donor / "special_tokens_map.json").unlink()
    split(here / "z", base, donor, told)
    (donor / "tokenizer_config.json").write_text('{"tokenizer_class": "LlamaTokenizer"}')
    split(here / "z", base, donor)  # 4 reads tokenizer.json then
    config = (here / "z" / "out" / "tokenizer_config.json").read_text()
    assert config == '{"tokenizer_class": "LlamaTokenizer"}', config


@case
def digits_of_tekken(here):
    """Its pattern keeps numbers from becoming the tokens of several digits."""
    import base64
    words = [bytes([i]) for i in range(256)] + [b"12"]
    for pattern, digits in ((r"\p{N}", 1), (r"\p{N}{1,3}", 2)):
        (here / "tekken.json").write_text(json.dumps({
            "config": {"pattern": pattern, "num_vocab_tokens": 257, "default_vocab_size": 258,
                       "default_num_special_tokens": 1, "version": "v3"},
            "vocab": [{"rank": i, "token_bytes": base64.b64encode(w).decode(), "token_str": None}
                      for i, w in enumerate(words)],
            "special_tokens": [{"rank": 0, "token_str": "<s>", "is_control": True}]}))
        assert f"digits a token            {digits}\n" in call("inspect", here / "tekken.json").out


if __name__ == "__main__":
    sys.exit(tool.main(CASES))

#!/usr/bin/env python3
"""That every piece of advice leads somewhere: each case makes the situation of a message
that proposes something, reads it, does what it says, and succeeds.

    python3 tests/test_tool_advice.py ./transplant [CASE...]

The last line is `N passed, N failed, N skipped`.
"""

import json
import re
import shutil
import subprocess
import sys

import tool
from tool import (BASE_COUNT, DONOR_COUNT, DONOR_WORDS, EMBED, HEAD, SHARED, Tensor, added,
                  base_id, base_model, call, donor_id, donor_model, noise, pair, read_model,
                  write_json, write_safetensors)

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


# ---- a donor without weights -------------------------------------------------------------------


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
    names = told(error, r"the methods (\w+) and (\w+) \((-a mean), (-a zero)\) need none")
    for name, option in zip(names[:2], names[2:]):
        call(base, donor, here / name, "-q", *option.split())
        assert " 0 errors" in sound(here / name)
        out = read_model(here / name)[EMBED]
        assert out.shape == [DONOR_COUNT, 16]
        assert out.row(donor_id("▁ba")) == base_model().tensors[EMBED].row(base_id("Ġba"))
        rows = [base_model().tensors[EMBED].values(i) for i in range(BASE_COUNT)]
        mean = [sum(c) / len(rows) for c in zip(*rows)]
        assert close(out.values(donor_id("donor4")), mean if name == "mean" else [0] * 16)
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


# ---- weights under other names ------------------------------------------------------------------


def sharded(here, index="model.safetensors.index.json"):
    base = base_model()
    base.shards = [[EMBED, "odd"], [n for n in base.tensors if n not in (EMBED, "odd")]]
    base, donor = pair(here, base)
    (base / "model.safetensors.index.json").rename(base / index)
    return base, donor


def as_usual(out, expected):
    """The output's weights have the names that loaders look for, and are what they would be."""
    assert " 0 errors, 0 warnings" in sound(out)
    weights = {p.name for p in out.iterdir() if "safetensors" in p.name}
    assert weights == {p.name for p in expected.iterdir() if "safetensors" in p.name}, weights
    assert {n: t.data for n, t in read_model(out).items()} == \
           {n: t.data for n, t in read_model(expected).items()}


@case
def a_variant_that_stands_alone(here):
    base, donor = pair(here)
    call(base, donor, here / "expected", "-q")
    for name in ("model.fp16.safetensors", "diffusion_pytorch_model.safetensors", "x.safetensors"):
        for side in (base, donor):
            (side / "model.safetensors").rename(side / name)
        call(base, donor, here / name, "-q")
        as_usual(here / name, here / "expected")
        assert f'"{name}"' not in call("inspect", base).out
        for side in (base, donor):
            (side / name).rename(side / "model.safetensors")


@case
def an_index_of_a_variant(here):
    base, donor = sharded(here)
    call(base, donor, here / "expected", "-q")
    for name in ("model.safetensors.index.fp16.json", "model.fp16.safetensors.index.json"):
        (base / "model.safetensors.index.json").rename(base / name)
        call(base, donor, here / name, "-q")
        as_usual(here / name, here / "expected")
        assert EMBED in call("inspect", base).out
        call(base / name, donor, here / "named", "-q", "--overwrite")
        as_usual(here / "named", here / "expected")
        (base / name).rename(base / "model.safetensors.index.json")


@case
def several_variants(here):
    for victim in ("base", "donor"):
        where = here / victim
        base, donor = pair(where)
        call(base, donor, where / "expected", "-q")
        side = where / victim
        (side / "model.safetensors").rename(side / "model.fp16.safetensors")
        shutil.copy(side / "model.fp16.safetensors", side / "model.non_ema.safetensors")
        error = call(base, donor, where / "out", status=1).error
        given = told(error, r"several other files of weights; give the path of one, such as "
                            r"([^;\s]+)")
        assert given == str(side / "model.fp16.safetensors")
        sides = (given, donor) if victim == "base" else (base, given)
        call(*sides, where / "out", "-q")
        as_usual(where / "out", where / "expected")
        rows = BASE_COUNT if victim == "base" else DONOR_COUNT
        assert f"[{rows}, " in call("inspect", given).out


@case
def a_file_beside_the_usual_one(here):
    base, donor = pair(here)
    call(base, donor, here / "expected", "-q")
    (base / "model.safetensors").rename(base / "model.fp16.safetensors")
    shutil.copy(donor / "model.safetensors", base / "model.safetensors")
    call(base / "model.fp16.safetensors", donor, here / "out", "-q")
    as_usual(here / "out", here / "expected")
    (base / "model.fp16.safetensors").rename(base / "weights")  # whatever its name
    call(base / "weights", donor, here / "other", "-q")
    as_usual(here / "other", here / "expected")


@case
def a_shard_without_its_index(here):
    base, donor = sharded(here, "aside")
    error = call(base, donor, here / "out", status=1).error
    name = told(error, r"a shard; put the index (\S+) beside it")
    (base / "aside").rename(base / name)
    call(base, donor, here / "out", "-q")
    assert " 0 errors" in sound(here / "out")


@case
def an_index_beside_one_file_that_it_does_not_name(here):
    base, donor = sharded(here)
    shutil.copy(donor / "model.safetensors", base / "model.safetensors")
    error = call(base, donor, here / "out", status=1).error
    assert "model.safetensors and model.safetensors.index.json" in error, error
    told(error, "(remove the one that is out of date)")
    (base / "model.safetensors").unlink()
    call(base, donor, here / "out", "-q")
    assert " 0 errors" in sound(here / "out")


@case
def names_of_the_original_release(here):
    for name in ("consolidated.safetensors", "consolidated.00.pth"):
        where = here / name
        base, donor = pair(where)
        (base / "model.safetensors").rename(base / name)
        error = call(base, donor, where / "out", status=1).error
        wanted = told(error, r"the repository's files for transformers, (\S+) and (\S+) or its")
        assert (base / wanted[0]).exists()
        shutil.copy(base / name, base / wanted[1])
        call(base, donor, where / "out", "-q")
        assert " 0 errors" in sound(where / "out")


@case
def a_directory_above_the_models(here):
    base, donor = pair(here / "run")
    for step in ("checkpoint-500", "checkpoint-700"):
        shutil.copytree(base, here / "training" / step)
    error = call(here / "training", donor, here / "out", status=1).error
    given = told(error, r"its directory \"checkpoint-700\" does: give (\S+)$")
    call(given, donor, here / "out", "-q")
    assert " 0 errors" in sound(here / "out")


# ---- what has to be converted -----------------------------------------------------------------

PYTHON = {  # what the lines of advice import, as far as they do something to files
    "transformers.py": """
import pathlib, shutil
class Saved:
    def __init__(self, path): self.path = pathlib.Path(path)
    def save_pretrained(self, to):
        pathlib.Path(to).mkdir(exist_ok=True)
        for path in self.path.iterdir():
            if path.name == self.held: shutil.copy(path, pathlib.Path(to) / "model.safetensors")
            elif self.held is None and "token" in path.name: shutil.copy(path, to)
            elif self.held and path.name == "config.json" and self.path != pathlib.Path(to):
                shutil.copy(path, to)
class AutoModelForCausalLM(Saved):
    held = "held"
    @classmethod
    def from_pretrained(cls, path, torch_dtype): assert torch_dtype == "auto"; return cls(path)
class AutoTokenizer(Saved):
    held = None
    @classmethod
    def from_pretrained(cls, path): return cls(path)
""", "peft.py": """
import transformers
class AutoPeftModelForCausalLM(transformers.Saved):
    held = "held"
    @classmethod
    def from_pretrained(cls, path): return cls(path)
    def merge_and_unload(self): return self
"""}


def run_python(here, lines, **names):
    """Runs the lines of a message in Python, where two modules stand in for the real ones."""
    where = here / "python"
    where.mkdir(exist_ok=True)
    for name, text in PYTHON.items():
        (where / name).write_text(text)
    setup = "".join(f"{name} = {str(value)!r}\n" for name, value in names.items())
    subprocess.run([sys.executable, "-B", "-c", setup + lines], cwd=where, check=True)


@case
def weights_of_pytorch(here):
    for name, text in (("pytorch_model.bin", b"PK\3\4zip"), ("model.pt", b"\x80\2pickle"),
                       ("model.pth", b"PK\3\4zip"), ("pytorch_model.bin.index.json", b"{}")):
        where = here / name
        base, donor = pair(where)
        (base / "model.safetensors").rename(base / "held")
        (base / name).write_bytes(text)
        for given in (base, base / name):
            if given != base and name.endswith(".json"):
                continue  # an index says no more than its directory
            error = call(given, donor, where / "out", status=1).error
            lines = told(error, r"in Python, D being its directory: (.*), which writes safetensors")
            inspected = call("inspect", given, status=1).error if given != base else error
            assert lines in inspected, inspected
        run_python(where, lines, D=base)
        call(base, donor, where / "out", "-q")
        assert " 0 errors" in sound(where / "out")
        for left in ("held", name):
            assert (where / "out" / left).exists() == (left == "held")


@case
def weights_of_other_frameworks(here):
    for name in ("tf_model.h5", "flax_model.msgpack"):
        where = here / name
        base, donor = pair(where)
        (base / "model.safetensors").rename(here / "held")
        (base / name).write_bytes(b"\x89HDF\r\n")
        error = call(base, donor, where / "out", status=1).error
        told(error, r"(save it with save_pretrained into its directory, which writes safetensors)")
        (here / "held").rename(base / "model.safetensors")
        call(base, donor, where / "out", "-q")
        assert " 0 errors" in sound(where / "out")


@case
def a_lora_adapter(here):
    base, donor = pair(here)
    adapter = here / "adapter"
    shutil.copytree(base, adapter)
    (adapter / "model.safetensors").rename(adapter / "held")
    write_safetensors(adapter / "adapter_model.safetensors", {
        "base_model.model.model.layers.0.mlp.lora_A.weight": noise(1, "F32", 2, 16)})
    write_json(adapter / "adapter_config.json",
               {"peft_type": "LORA", "base_model_name_or_path": "some-org/Some-Model-7B"})
    for given in (adapter, adapter / "adapter_model.safetensors"):
        error = call(given, donor, here / "out", status=1).error
        assert '"adapter_model.safetensors" is an adapter of the model "some-org/Some-Model-7B"' \
            in error, error
        lines = told(error, r"merge it, in Python, D being this directory and NEW another: (.*) "
                            r"and give NEW$")
        new = here / ("new" + given.suffix)
        run_python(here, lines, D=adapter, NEW=new)
        call(new, donor, here / f"out{given.suffix}", "-q")
        assert " 0 errors" in sound(here / f"out{given.suffix}")
    (adapter / "adapter_config.json").write_text("{")  # nothing to read there
    assert 'the model "?"' in call(adapter, donor, here / "out2", status=1).error


@case
def a_gguf_file(here):
    base, donor = pair(here)
    gguf = here / "gguf"
    gguf.mkdir()
    (gguf / "model.Q4_K_M.gguf").write_bytes(b"GGUF\3\0\0\0")
    (gguf / "blob").write_bytes(b"GGUF\3\0\0\0")
    (gguf / "config.json").write_text("{}")
    for given in (gguf, gguf / "model.Q4_K_M.gguf", gguf / "blob"):
        for sides in ((given, donor), (base, given)):
            error = call(*sides, here / "out", status=1).error
            told(error, "GGUF.*llama.cpp reads; take the (directory|tokenizer.json)")
        assert "GGUF" in call("inspect", given, status=1).error
    call(base, donor, here / "out", "-q")  # what they were made from
    assert " 0 errors" in sound(here / "out")


def cached(here, model, name, commits, main=None):
    cache = here / "hub" / f"models--some-org--{name}"
    for commit in commits:
        shutil.copytree(model, cache / "snapshots" / commit)
    (cache / "refs").mkdir(parents=True)
    if main:
        (cache / "refs" / "main").write_text(main)
    return cache


@case
def a_cache_of_the_hub(here):
    base, donor = pair(here)
    one, two = "0" * 40, "1" * 40
    caches = [(cached(here, base, "referred", [one, two], one), one),
              (cached(here, base, "single", [two]), two),
              (cached(here, base, "stale", [two], one), two)]
    for cache, commit in caches:
        for given in (cache, cache / "snapshots"):
            error = call(given, donor, here / "out", status=1).error
            told_path = told(error, r"is a [\w' ]+; give the directory (\S+)$")
            assert told_path == str(cache / "snapshots" / commit), error
            call(told_path, donor, here / "out", "-q", "--overwrite")
            assert " 0 errors" in sound(here / "out")
        error = call(base, cache, here / "no", status=1).error
        told_path = told(error, r"give the directory (\S+)$")
        assert told_path == str(cache / "snapshots" / commit)
        assert told_path in call("inspect", cache, status=1).error
        assert told_path in call("align", base, cache, status=1).error
    error = call(here / "hub", donor, here / "no", status=1).error
    assert told(error, r"a cache of models; give the directory (\S+)$") == \
        str(caches[0][0] / "snapshots" / one)
    empty = cached(here, base, "empty", [])
    (empty / "snapshots").mkdir()
    told(call(empty, donor, here / "no", status=1).error, "(download the model again)$")


@case
def a_name_of_the_hub(here):
    base, donor = pair(here)
    error = call("some-org/some-model", donor, here / "out", status=1).error
    told(error, "(download it first and give its directory)$")
    call(base, donor, here / "out", "-q")


@case
def a_pointer_of_git_lfs(here):
    pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 12345\n"
    for name in ("model.safetensors", "tokenizer.json"):
        where = here / name
        base, donor = pair(where)
        held = (base / name).read_bytes()
        (base / name).write_text(pointer)
        error = call(base, donor, where / "out", status=1).error
        told(error, f'{name}: is a pointer of Git LFS.*"(git lfs pull)" fetches')
        (base / name).write_bytes(held)
        call(base, donor, where / "out", "-q")


if __name__ == "__main__":
    sys.exit(tool.main(CASES))

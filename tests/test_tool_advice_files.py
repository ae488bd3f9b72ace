#!/usr/bin/env python3
"""That advice on files leads somewhere: on what stands in the place of weights or of a
tokenizer. Each case makes the situation, reads the message, does what it says, and succeeds.

    python3 tests/test_tool_advice_files.py ./transplant [CASE...]

The last line is `N passed, N failed, N skipped`.
"""

import json
import re
import shutil
import subprocess
import sys

import tool
from tool import (BASE_COUNT, DONOR_COUNT, EMBED, SHARED, base_model, call, donor_model, noise,
                  pair, read_model, sound, told, write_json, write_safetensors)

CASES, case = tool.cases()


# ---- weights under other names ----------------------------------------------------------------


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
    (adapter / "adapter_model.safetensors").rename(adapter / "lora.safetensors")
    assert '"lora.safetensors" is an adapter' in call(adapter, donor, here / "out2", status=1).error
    (adapter / "adapter_config.json").write_text("{")  # nothing to read there
    assert 'the model "?"' in call(adapter, donor, here / "out2", status=1).error


@case
def a_model_within_peft(here):
    """Saved with its trained embeddings, before anything was merged."""
    base = base_model(tied=True)
    for name in list(base.tensors):
        held = base.tensors.pop(name)
        stem = "base_model.model." + name.removesuffix(".weight")
        if name == EMBED:
            base.tensors[stem + ".original_module.weight"] = held
            stem += ".modules_to_save.default"
        base.tensors[stem + ".weight"] = held
    error = call(*pair(here, base), here / "out", status=1).error
    assert "within PEFT" in error and "save what its merge_and_unload() returns" in error, error


@case
def a_gguf_file_cut_short(here):
    base, donor = pair(here)
    gguf = here / "gguf"
    gguf.mkdir()
    (gguf / "model.Q4_K_M.gguf").write_bytes(b"GGUF\3\0\0\0")
    (gguf / "blob").write_bytes(b"GGUF\3\0\0\0")
    (gguf / "config.json").write_text("{}")
    for given in (gguf, gguf / "model.Q4_K_M.gguf", gguf / "blob"):
        for sides in ((given, donor), (base, given)):
            error = call(*sides, here / "out", status=1).error
            assert "GGUF" in error, error
            assert not (here / "out").exists()
        error = call("inspect", given, status=1).error
        assert "8 bytes are too few for a GGUF file" in error, error


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


# ---- tokenizers -------------------------------------------------------------------------------


def pieces(words):
    """A SentencePiece model."""
    model = b""
    for kind, text in [(2, "<unk>"), (3, "<s>"), (3, "</s>")] + [(1, w) for w in words]:
        text = text.encode()
        inner = bytes([0x0a, len(text)]) + text + b"\x15\0\0\0\0\x18" + bytes([kind])
        model += bytes([0x0a, len(inner)]) + inner
    return model


@case
def a_tokenizer_that_has_to_be_saved_anew(here):
    for name, class_name in (("tokenizer.model", "NllbTokenizer"), ("odd.model", ""),
                             ("source.spm", ""), ("bpe.codes", "")):
        where = here / name
        base, donor = pair(where)
        held = (donor / "tokenizer.json").read_bytes()
        (donor / "tokenizer.json").unlink()
        (donor / name).write_bytes(pieces(["▁a"]))
        if class_name:
            write_json(donor / "tokenizer_config.json", {"tokenizer_class": class_name})
        error = call(base, donor, where / "out", status=1).error
        written = told(error, r"load it with transformers' AutoTokenizer and save it with "
                              r"save_pretrained, which writes (\S+)$")
        (donor / written).write_bytes(held)
        call(base, donor, where / "out", "-q")
        assert " 0 errors" in sound(where / "out")


@case
def a_sentencepiece_model_whose_loader_is_not_named(here):
    directory = here / "t"
    directory.mkdir()
    (directory / "sentencepiece.bpe.model").write_bytes(pieces(["▁a"]))
    for given in (directory, directory / "sentencepiece.bpe.model"):
        error = call("inspect", given, status=1).error
        file, key = told(error, r'neither (\S+) nor config.json names one \("(\w+)"\); put one '
                                r'beside it and give the directory$')
    write_json(directory / file, {key: "XLMRobertaTokenizer"})
    assert '"<mask>"' in call("inspect", directory).out


@case
def names_of_openai(here):
    base, donor = pair(here)
    names = [f"Ġ{w}" for w in SHARED] + ["<|endoftext|>", "new"]
    (donor / "tokenizer.json").unlink()
    write_json(donor / "encoder.json", {w: i for i, w in enumerate(names)})
    (donor / "vocab.bpe").write_text("#version: 0.2\n")
    for name in ("tokenizer_config.json", "special_tokens_map.json"):
        (donor / name).unlink(missing_ok=True)
    error = call(base, donor, here / "out", status=1).error
    to = told(error, r"rename it to (\S+), and vocab.bpe to (\S+)$")
    (donor / "encoder.json").rename(donor / to[0])
    (donor / "vocab.bpe").rename(donor / to[1])
    call(base, donor, here / "out", "-q", "--rows", "tokenizer")
    assert (here / "out" / "merges.txt").exists() and " 0 errors" in sound(here / "out")


@case
def a_vocab_json_without_its_merges(here):
    directory = here / "t"
    directory.mkdir()
    write_json(directory / "vocab.json", {"a": 0, "Ġb": 1})
    error = call("inspect", directory, status=1).error
    missing = told(error, r"there is no (\S+) with it$")
    (directory / missing).write_text("#version: 0.2\n")
    assert "vocabulary: byte-level BPE" in call("inspect", directory).out


@case
def files_beside_the_tokenizer(here):
    base, donor = pair(here)
    for name in ("config.json", "tokenizer_config.json", "special_tokens_map.json"):
        error = call("inspect", donor / name, status=1).error
        told(error, r"looks like a \w+.json, .*(give the directory of the tokenizer or one of)")
    error = call("align", base, donor / "model.safetensors", status=1).error
    told(error, r"holds no tokens; (give the directory of its tokenizer)$")
    assert "copied" in call("align", base, donor).out


@case
def code_that_is_not_there(here):
    base, donor = pair(here)
    config = json.loads((donor / "tokenizer_config.json").read_text())
    config["auto_map"] = {"AutoTokenizer": ["words.WordTokenizer", None]}
    write_json(donor / "tokenizer_config.json", config)
    error = call(base, donor, here / "out", status=1).error
    missing = told(error, r'needs "(\S+)", which is not there; the tokenizer cannot be loaded')
    (donor / missing).write_text("class WordTokenizer: pass\n")
    call(base, donor, here / "out", "-q")
    assert (here / "out" / missing).exists()


@case
def nothing_shared(here):
    base, donor = pair(here, donor=donor_model(words=["<0xFE>", "other", "words"]))
    error = call(base, donor, here / "out", status=1).error
    words = told(error, r'"transplant (align)" shows both')
    assert re.search(r"^  copied +0\b", call(words, base, donor).out, re.M)


if __name__ == "__main__":
    sys.exit(tool.main(CASES))

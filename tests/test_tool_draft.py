#!/usr/bin/env python3
"""Drafts by the tool from the outside: a transplant, the question to every engine, and how to
start it.

    python3 tests/test_tool_draft.py ./transplant [CASE...]

The last line is `N passed, N failed, N skipped`.
"""

import json
import shlex
import shutil
import struct
import subprocess
import sys
from pathlib import Path

import tool
from gguf_models import EMBED as G_EMBED, HEAD as G_HEAD
from gguf_models import base_keys, base_tensors, blocks, donor_keys, donor_tensors, read, write
from tool import EMBED, call, read_model, snapshot

CASES, case = tool.cases()

MODELS = Path(__file__).resolve().parent.parent / "examples" / "models"
BASE, DONOR = MODELS / "base", MODELS / "donor"
MEAN = ("-a", "mean")

# The alphabet of byte-level vocabularies.
BYTES = [chr(b) for b in range(0x21, 0x7f)] + [chr(b) for b in range(0xa1, 0x100) if b != 0xad]
BYTES += [chr(0x100 + n) for n in range(256 - len(BYTES))]


WORDS = BYTES + ["ab", "cd", "hello"]


def whole_gguf(path, words=WORDS, kind="F32", head="F32"):
    """A file of which verify finds nothing wrong."""
    keys = base_keys(words)
    del keys["tokenizer.ggml.fim_pre_token_id"]
    return write(path, keys, base_tensors(kind, head, 256, words))


def starts(run):
    return [line for line in run.out.splitlines() if line.startswith("start: ")]


@case
def directories(here):
    run = call("draft", BASE, DONOR, here / "out", *MEAN)
    for engine in ("llama.cpp", "vllm", "sglang", "transformers"):
        assert f"draft: {engine} takes the pair" in run.out, run.out
    lines = starts(run)
    assert len(lines) == 3 and str(here / "out") in lines[0] and str(DONOR) in lines[0], lines
    assert "assistant_model" in lines[2], lines
    theirs, ours = read_model(DONOR), read_model(here / "out")
    assert ours[EMBED].shape[0] == theirs[EMBED].shape[0]
    assert (here / "out" / "tokenizer.json").read_bytes() == (DONOR / "tokenizer.json").read_bytes()
    run = call("draft", BASE, DONOR, here / "one", *MEAN, "--engine", "vllm")
    assert "sglang" not in run.out and len(starts(run)) == 1, run.out
    run = call("draft", BASE, DONOR, here / "two", *MEAN, "--engine", "sglang")
    assert "STANDALONE" in starts(run)[0] and len(starts(run)) == 1, run.out
    assert call("draft", BASE, DONOR, here / "still", *MEAN, "-q").out == ""


@case
def names_that_a_shell_would_cut(here):
    out = here / 'it\'s "a" draft'
    lines = starts(call("draft", BASE, DONOR, out, *MEAN))
    words = shlex.split(lines[0])
    assert words[:4] == ["start:", "vllm", "serve", str(DONOR)], lines
    assert json.loads(words[-1])["model"] == str(out), words
    assert str(out).replace('"', '\\"') in lines[2], lines
    words = shlex.split(lines[1])
    assert words[1:4] == ["python", "-m", "sglang.launch_server"], words
    options = dict(zip(words[4::2], words[5::2]))
    assert options["--speculative-draft-model-path"] == str(out), options
    assert options["--model-path"] == str(DONOR), options
    lines = starts(call("draft", BASE, DONOR, here / "a draft", *MEAN, "--engine", "llama.cpp"))
    assert shlex.split(lines[0])[3] == f"{here / 'a draft'};", lines
    assert lines[0].endswith("--spec-type draft-simple"), lines


def run_draft(*args):
    """One that ends with what verify or an engine finds wrong: status 1, and no error else."""
    run = subprocess.run([tool.TOOL, "draft", *args, *MEAN], capture_output=True, text=True)
    assert run.returncode == 1 and "error:" not in run.stderr and "start: " not in run.stdout, run
    return run.stdout


@case
def gguf_files(here):
    """The donor's vocabulary, which lacks most bytes, is the one thing that is wrong."""
    base = write(here / "base.gguf", base_keys(), base_tensors("F32", "F32", 256))
    donor = write(here / "donor.gguf", donor_keys(), donor_tensors("F32"))
    out = run_draft(base, donor, here / "out.gguf")
    assert "draft: llama.cpp takes the pair" in out and "vllm" not in out, out
    assert out.count("error: ") == 1 and "no token stands for 241 of the bytes" in out, out
    keys, _ = read(here / "out.gguf")
    assert keys["tokenizer.ggml.tokens"] == read(donor)[0]["tokenizer.ggml.tokens"]


@case
def gguf_files_that_are_whole(here):
    """llama-server drafts with nothing unless it is told how."""
    base, other = whole_gguf(here / "base.gguf"), whole_gguf(here / "target.gguf", WORDS[::-1])
    lines = starts(call("draft", base, other, here / "out.gguf", *MEAN))
    assert shlex.split(lines[0])[1:] == [
        "llama-server", "--model", str(other), "--model-draft", str(here / "out.gguf"),
        "--spec-type", "draft-simple"], lines
    lines = starts(call("draft", base, other, here / "cut.gguf", *MEAN, "--split-max-size", "99K"))
    assert str(here / "cut-00001-of-0") in lines[0], lines


# ---- heads of fewer rows --------------------------------------------------------------


def ids_of(tensor, offset):
    """The ids that d2t means: with `offset`, as safetensors have it."""
    values = struct.unpack(f"<{tensor.shape[0]}q", tensor.data)
    return [value + row * offset for row, value in enumerate(values)]


def check_rows(whole, cut, ids):
    assert cut.shape == [len(ids), *whole.shape[1:]]
    for row, i in enumerate(ids):
        assert cut.row(row) == whole.row(i), i


def content_ids(directory):
    tokenizer = json.loads((directory / "tokenizer.json").read_text())
    return tokenizer["model"]["vocab"] | {t["content"]: t["id"] for t in tokenizer["added_tokens"]}


@case
def trimmed_heads(here):
    """By a list of all three kinds; the same rows as the whole head has."""
    names = content_ids(DONOR)
    words = sorted(names)[40:80]
    lines = [words[0], f"#{names[words[1]]}", *(f"{9 - i}\t{names[w]}\t{w}" if "\\" not in w else w
                                              for i, w in enumerate(words[2:9]))]
    (here / "list").write_text("\r\n".join(lines) + "\n\n")
    run = call("draft", BASE, DONOR, here / "cut", *MEAN, "--draft-vocab", here / "list")
    assert not starts(run) and "takes the tokens of the pair, but not the head" in run.out, run.out
    assert "a draft whose output head has rows for" in run.out
    call(BASE, DONOR, here / "whole", *MEAN, "-q")
    call(BASE, DONOR, here / "too", *MEAN, "-q", "--draft-vocab", here / "list")
    whole, cut = read_model(here / "whole"), read_model(here / "cut")
    assert snapshot(here / "too") == snapshot(here / "cut")
    ids = ids_of(cut["d2t"], True)
    config = json.loads((here / "cut" / "config.json").read_text())
    assert ids == sorted(set(ids)) and {names[w] for w in words[:9]} < set(ids)
    assert config["eos_token_id"] in ids and len(ids) < 20, ids
    assert config["draft_vocab_size"] == len(ids) and config["vocab_size"] == len(names)
    check_rows(whole["lm_head.weight"], cut["lm_head.weight"], ids)
    assert cut[EMBED].data == whole[EMBED].data
    assert list(cut["t2d"].data) == [i in ids for i in range(whole[EMBED].shape[0])]
    out = call("inspect", here / "cut").out
    assert f"output head for {len(ids)} tokens, by d2t" in out, out


@case
def heads_of_finished_models(here):
    for form in ("directory", "gguf", "tied"):
        if form == "directory":
            model, out = BASE, here / "out"
            before = read_model(model)
        else:
            model = whole_gguf(here / "m.gguf", WORDS, "Q8_0", "" if form == "tied" else "Q4_K")
            out = here / f"{form}.gguf"
            before = read(model)[1]
        embed, head = (EMBED, "lm_head.weight") if form == "directory" else (G_EMBED, G_HEAD)
        assert call("draft-head", model, "--dry-run", "--draft-vocab", "30").err
        assert not out.exists()
        call("draft-head", model, out, "--draft-vocab", "30")
        after = read_model(out) if form == "directory" else read(out)[1]
        ids = ids_of(after["d2t"], form == "directory")
        assert ids[:30] == list(range(30)) and len(ids) < 34
        check_rows(before.get(head) or before[embed], after[head], ids)
        for name, tensor in before.items():
            if name != head:
                assert after[name].data == tensor.data, name
        assert set(after) - set(before) <= {head, "d2t", "t2d"}
        assert ("t2d" in after) == (form == "directory")
        assert "output head for" in call("inspect", out).out
        assert call("draft-head", out, here / "again", "--draft-vocab", "9", status=1).error
        if form != "directory":
            keys = read(out)[0]
            keys.pop("general.quantization_version")
            assert keys == read(model)[0]


@case
def gguf_heads_beside_and_none(here):
    """Of a tied file with a head for tokens further on both are cut; an encoder has none."""
    keys, tensors = base_keys(WORDS), base_tensors("Q8_0", "", 256, WORDS)
    further = "blk.0.nextn.shared_head_head.weight"
    tensors[further] = blocks(9, "F32", *tensors[G_EMBED].shape)
    model = write(here / "m.gguf", keys, tensors)
    call("draft-head", model, here / "out.gguf", "--draft-vocab", "20", "-q", status=0)
    after = read(here / "out.gguf")[1]
    check_rows(tensors[G_EMBED], after[G_HEAD], ids_of(after["d2t"], False))
    check_rows(tensors[further], after[further], ids_of(after["d2t"], False))
    del tensors[further]
    for name in ("nomic-bert", "gemma-embedding", "t5encoder"):
        keys["general.architecture"] = (keys["general.architecture"][0], name)
        keys[f"{name}.embedding_length"] = keys["llama.embedding_length"]
        model = write(here / "m.gguf", keys, tensors)
        error = call("draft-head", model, here / "none.gguf", "--draft-vocab", "20", status=1).error
        assert "has no output head that could be cut down" in error, error


@case
def parts_of_a_trimmed_head(here):
    base = whole_gguf(here / "m.gguf", WORDS, "Q8_0", "")
    call("draft-head", base, here / "out.gguf", "--draft-vocab", "20", "--split-max-size", "2K")
    call("draft-head", base, here / "one.gguf", "--draft-vocab", "20", "-q")
    parts = sorted(here.glob("out-*"))
    assert len(parts) > 2
    tensors = {}
    for part in parts:
        tensors |= read(part)[1]
    assert {n: t.data for n, t in tensors.items()} == {
        n: t.data for n, t in read(here / "one.gguf")[1].items()}


@case
def lists_with_digits_in_their_names(here):
    """A number is digits and no more; of one more than once the last is meant."""
    for name in ("20.tsv", "3e2", "7 words"):
        (here / name).write_text("#5\n2\t6\t\n0\t9\t\n")
        call("draft-head", BASE, here / "out", "--draft-vocab", "40", "--draft-vocab", name, "-q",
             "--overwrite", cwd=here)
        ids = ids_of(read_model(here / "out")["d2t"], True)
        assert {5, 6} < set(ids) and 9 not in ids and len(ids) < 6, ids


@case
def lists_that_are_none(here):
    (here / "empty").write_text("\n\r\n\n")
    (here / "nul").write_bytes(b"a\0b")
    (here / "odd").write_bytes(b"\xff\xfe\x1b[31m\n")
    (here / "others").write_text("7\t5\tno token of this one\n")
    (here / "mark").write_bytes(b"\xef\xbb\xbf#5\n")
    for name, wanted in (("empty", "names no token"), ("nul", "holds a zero byte"),
                         ("mark", "begins with a byte order mark"),
                         ("others", "count with that tokenizer"),
                         ("odd", "has no such token"), ("none", ""), (".", "")):
        error = call("draft-head", BASE, here / "out", "--draft-vocab", here / name,
                     status=1).error
        assert wanted in error and "\x1b" not in error, error
        assert not (here / "out").exists()
    for value in ("", "0", "99999999999"):
        call("draft-head", BASE, here / "out", "--draft-vocab", value, status=2)
    call("draft-head", BASE, here / "out", status=2)
    call("trim", BASE, here / "out", "--draft-vocab", "5", status=2)
    assert "all 2048 tokens" in call("draft-head", BASE, here / "out", "--draft-vocab", "5000",
                                     status=1).error
    assert "transplant draft-head MODEL OUT" in call("help", "draft-head").out


@case
def an_engine_that_refuses(here):
    """vLLM compares what the configs say: OUT has the target's rows, which are not that."""
    target = here / "target"
    shutil.copytree(DONOR, target)
    config = json.loads((target / "config.json").read_text())
    shutil.rmtree(here / "out", ignore_errors=True)
    (target / "model.safetensors").unlink()
    config["vocab_size"] += 7
    (target / "config.json").write_text(json.dumps(config))
    assert "error: draft: vllm" in run_draft(BASE, target, here / "out")
    assert (here / "out" / "config.json").exists()


@case
def nothing_is_written(here):
    run = call("draft", BASE, DONOR, "--dry-run", *MEAN)
    assert "draft:" not in run.out and not starts(run)
    for option in (("--rows", "9"), ("--chat-template", "base"), ("--split-digits",)):
        run = call("draft", BASE, DONOR, here / "out", *option, status=2)
        assert "this command has no option" in run.err, run.err
    call("draft", BASE, DONOR, status=2)
    assert "transplant draft SMALL TARGET OUT" in call("help", "draft").out
    assert not (here / "out").exists()


if __name__ == "__main__":
    sys.exit(tool.main(CASES))

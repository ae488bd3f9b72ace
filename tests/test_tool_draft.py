#!/usr/bin/env python3
"""Drafts by the tool from the outside: a transplant, the question to every engine, and how to
start it.

    python3 tests/test_tool_draft.py ./transplant [CASE...]

The last line is `N passed, N failed, N skipped`.
"""

import json
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import tool
from gguf_models import base_keys, base_tensors, donor_keys, donor_tensors, read, write
from tool import EMBED, call, read_model

CASES, case = tool.cases()

MODELS = Path(__file__).resolve().parent.parent / "examples" / "models"
BASE, DONOR = MODELS / "base", MODELS / "donor"
MEAN = ("-a", "mean")


def starts(run):
    return [line for line in run.out.splitlines() if line.startswith("start: ")]


@case
def directories(here):
    run = call("draft", BASE, DONOR, here / "out", *MEAN)
    for engine in ("llama.cpp", "vllm", "sglang", "transformers"):
        assert f"draft: {engine} takes the pair" in run.out, run.out
    lines = starts(run)
    assert len(lines) == 2 and str(here / "out") in lines[0] and str(DONOR) in lines[0], lines
    assert "assistant_model" in lines[1], lines
    theirs, ours = read_model(DONOR), read_model(here / "out")
    assert ours[EMBED].shape[0] == theirs[EMBED].shape[0]
    assert (here / "out" / "tokenizer.json").read_bytes() == (DONOR / "tokenizer.json").read_bytes()
    run = call("draft", BASE, DONOR, here / "one", *MEAN, "--engine", "vllm")
    assert "sglang" not in run.out and len(starts(run)) == 1, run.out
    assert call("draft", BASE, DONOR, here / "still", *MEAN, "-q").out == ""


@case
def names_that_a_shell_would_cut(here):
    out = here / 'it\'s "a" draft'
    lines = starts(call("draft", BASE, DONOR, out, *MEAN))
    words = shlex.split(lines[0])
    assert words[:4] == ["start:", "vllm", "serve", str(DONOR)], lines
    assert json.loads(words[-1])["model"] == str(out), words
    assert str(out).replace('"', '\\"') in lines[1], lines
    lines = starts(call("draft", BASE, DONOR, here / "a draft", *MEAN, "--engine", "llama.cpp"))
    assert shlex.split(lines[0])[3] == f"{here / 'a draft'};", lines


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

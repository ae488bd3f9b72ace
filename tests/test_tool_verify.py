#!/usr/bin/env python3
"""The tool's command verify, on good directories and on spoiled ones.

    python3 tests/test_tool_verify.py ./transplant [CASE...]

The last line is `N passed, N failed, N skipped`.
"""

import json
import re
import shutil
import subprocess
import sys

import tool
from tool import (DONOR_COUNT, EMBED, HEAD, SECOND, Tensor, base_model, call, donor_id, pair,
                  read_model, write_json, write_safetensors)

CASES, case = tool.cases()

def finished(here, **more):
    """A transplanted model to be spoiled: its directory, and the path of the donor."""
    base, donor = pair(here, **more)
    call(base, donor, here / "out", "-q")
    return here / "out", donor


def verify(directory, *findings, args=()):
    """Verifies; wants exactly these findings, "error: ..." or "warning: ...", as expressions."""
    wanted = any(f.startswith("error") for f in findings)
    done = subprocess.run([tool.TOOL, "verify", str(directory), *map(str, args)],
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=60)
    lines = done.stdout.decode().splitlines()
    assert done.returncode == wanted, (done.returncode, lines, done.stderr)
    counts = [sum(f.startswith(kind) for f in findings) for kind in ("error", "warning")]
    assert lines[-1] == "%s: %d errors, %d warnings" % (directory, *counts), lines
    for line, finding in zip(lines[:-1], findings):
        assert re.match(finding, line), f"no /{finding}/ in: {line}"


def change_json(path, change):
    content = json.loads(path.read_text())
    change(content)
    write_json(path, content)


@case
def verify_a_good_one(here):
    out, donor = finished(here)
    verify(out)
    verify(out, args=["--draft-for", donor])
    assert call("verify", out, "-q").out == ""
    assert "nonesuch" in call("verify", here / "nonesuch", status=1).error
    assert "not a directory" in call("verify", out / "config.json", status=1).error
    verify(donor)


@case
def verify_missing_and_broken_files(here):
    out, _ = finished(here)
    for name, finding in (("config.json", "error: .*config.json"),
                          ("tokenizer.json", "error: .*tokenizer"),
                          ("model.safetensors", "error: .*model.safetensors")):
        for text in (None, b"{", b""):
            copy = here / "copy"
            shutil.rmtree(copy, ignore_errors=True)
            shutil.copytree(out, copy)
            (copy / name).unlink()
            if text is not None:
                (copy / name).write_bytes(text)
            verify(copy, finding)
    (out / "generation_config.json").write_text("[]")
    verify(out, "error: .*generation_config.json")


@case
def verify_sizes(here):
    out, _ = finished(here)
    for size in (DONOR_COUNT - 1, DONOR_COUNT + 1):
        change_json(out / "config.json", lambda c: c.update(vocab_size=size))
        verify(out, f'error: .*"vocab_size": {size}, .*{DONOR_COUNT} rows')
    change_json(out / "config.json", lambda c: c.pop("vocab_size"))
    verify(out, 'warning: .*names no "vocab_size"')
    change_json(out / "config.json", lambda c: c.update(vocab_size=DONOR_COUNT))
    change_json(out / "tokenizer.json",
                lambda t: t["model"]["vocab"].update(more=DONOR_COUNT, most=DONOR_COUNT + 5))
    verify(out, rf'error: .* 2 of .* ids, the first {DONOR_COUNT} \(token "more"\), lie beyond')


@case
def verify_ids(here):
    base, donor = pair(here)
    call(base, donor, here / "out", "-q", "--rows", "multiple-of:64")
    out, rows = here / "out", (DONOR_COUNT + 63) // 64 * 64
    config, generation = out / "config.json", out / "generation_config.json"
    change_json(config, lambda c: c.update(pad_token_id=rows, text_config={"image_token_id": rows}))
    verify(out, f'error: .*config.json: "pad_token_id" is {rows}; there are {rows} rows',
           f'error: .*"image_token_id" is {rows}')
    change_json(config, lambda c: c.update(pad_token_id=rows - 1, text_config={}))
    verify(out, f'warning: .*"pad_token_id" is {rows - 1}, an id without a token')
    change_json(config, lambda c: c.update(pad_token_id=None, bos_token_id=5))
    verify(out)  # generation_config.json names the tokenizer's
    change_json(generation, lambda c: c.update(bos_token_id=5, suppress_tokens=[3, rows + 7],
                                               bad_words_ids=[[3], [4, rows - 1]]))
    verify(out, f'error: .*generation_config.json: "suppress_tokens" is {rows + 7};',
           'warning: .*"bad_words_ids" is .*without a token',
           'warning: .*bos is 1 .token "<s>"., which "bos_token_id" .* is not')
    generation.unlink()
    change_json(config, lambda c: (c.pop("eos_token_id"), c.update(bos_token_id=1)))
    verify(out, 'warning: .*eos is 2 .*does not name')


@case
def verify_tying(here):
    out, _ = finished(here)
    change_json(out / "config.json", lambda c: c.update(tie_word_embeddings=True))
    verify(out, 'error: .*"tie_word_embeddings": true, but tensor "lm_head.weight" .* differs')
    change_json(out / "config.json", lambda c: c.update(text_config={"tie_word_embeddings": False}))
    verify(out, 'warning: .*both true and false', 'error: .*differs from the embedding')
    out, _ = finished(here / "tied", base=base_model(tied=True))
    verify(out)
    change_json(out / "config.json", lambda c: c.update(tie_word_embeddings=False))
    verify(out, 'error: .*"tie_word_embeddings": false, but there is no output head')
    change_json(out / "config.json", lambda c: c.update(architectures=["LlamaModel"]))
    verify(out)


@case
def verify_values(here):
    out, _ = finished(here)
    tensors = read_model(out)
    word = donor_id("donor4")
    tensors[EMBED].set_row(word, [1.0] * 15 + [float("nan")])
    tensors[EMBED].set_row(word + 1, [float("inf")] * 16)
    tensors[EMBED].set_row(3, [0.0] * 16)
    tensors[HEAD].set_row(word, [0.0] * 15 + [-0.0])
    write_safetensors(out / "model.safetensors", tensors)
    found = [f'error: .*"{EMBED}" .* 2 rows .*first {word} .token "donor4"',
             f'warning: .*"{HEAD}" .* 1 rows are zeros, the first {word} ']
    verify(out, *(found if EMBED < HEAD else found[::-1]))
    tensors = read_model(out)
    tensors.pop(HEAD)
    tensors[EMBED].set_row(word, [1.0] * 16), tensors[EMBED].set_row(word + 1, [1.0] * 16)
    write_safetensors(out / "model.safetensors", tensors)
    change_json(out / "config.json", lambda c: c.update(tie_word_embeddings=True))
    verify(out, f'warning: .*"{EMBED}" .* 1 rows are zeros, the first 3 ')
    tensors["lm_head.weight_scale"] = Tensor("F32", [1], b"\0\0\x80\x3f")
    write_safetensors(out / "model.safetensors", tensors)
    verify(out, 'error: .*"lm_head.weight_scale" .*packed or scaled')


@case
def verify_files(here):
    base = base_model()
    base.shards = [[EMBED, "odd"], [n for n in base.tensors if n not in (EMBED, "odd")]]
    out, _ = finished(here, base=base)
    index = out / "model.safetensors.index.json"
    verify(out)
    change_json(index, lambda i: i["metadata"].update(total_size=7))
    verify(out, 'warning: .*"total_size": 7, the tensors have')
    change_json(index, lambda i: i.pop("metadata"))
    verify(out, 'error: .*no "metadata"')
    change_json(index, lambda i: i.update(metadata={}))
    (out / "pytorch_model.bin").write_bytes(b"x")
    verify(out, 'warning: .*"pytorch_model.bin" stands beside')
    (out / "pytorch_model.bin").unlink()
    change_json(index, lambda i: i["weight_map"].update(ghost=SECOND))
    verify(out, 'error: .*ghost')


@case
def verify_a_draft_model(here):
    out, donor = finished(here)

    def check(*findings):
        verify(out, *findings, args=["--draft-for", donor])

    (donor / "model.safetensors").unlink()  # its tokenizer and config.json are enough
    check()
    change_json(donor / "config.json", lambda c: c.update(vocab_size=DONOR_COUNT + 100))
    check('error: .*"vocab_size" is .* vLLM wants them equal$')
    change_json(donor / "config.json", lambda c: c.update(vocab_size=DONOR_COUNT + 129))
    check('error: .*vLLM wants them equal, llama.cpp at most 128 apart$')
    change_json(donor / "config.json", lambda c: c.update(vocab_size=DONOR_COUNT))
    change_json(donor / "tokenizer_config.json", lambda c: c.update(add_bos_token=False))
    check('error: draft: the tokenizer adds bos to its texts and the target\'s does not')
    (donor / "special_tokens_map.json").unlink()
    change_json(donor / "tokenizer_config.json",
                lambda c: c.update(add_bos_token=True, bos_token="</s>", eos_token="<s>"))
    check("error: draft: bos is 1, the target's is 2",
          "warning: draft: eos is 2, the target's is 1")
    change_json(donor / "tokenizer_config.json",
                lambda c: c.update(bos_token="<s>", eos_token="</s>"))

    def swap(tokenizer):
        vocab = tokenizer["model"]["vocab"]
        for a, b in (("<0x41>", "<0x0A>"), ("donor4", "donor5")):
            vocab[a], vocab[b] = vocab[b], vocab[a]

    change_json(donor / "tokenizer.json", swap)
    check('warning: draft: 2 ids from 0 on .* first 3: "<0x41>", the target\'s "<0x0A>"',
          'error: draft: 2 ids from 5 on .*"donor4", the target\'s "donor5"')
    other = here / "base"
    (other / "vocab.bpe").unlink(), (other / "merges.txt").unlink()
    verify(out, "error: draft: the vocabulary is metaspace BPE, the target's byte-level BPE",
           "error: .*adds bos", "warning: .*eos", "warning: .*from 0 on", "error: .*from 5 on",
           "error: .*vocab_size", args=["--draft-for", other])
    verify(out, "error: .*nonesuch", args=["--draft-for", here / "nonesuch"])


if __name__ == "__main__":
    sys.exit(tool.main(CASES))

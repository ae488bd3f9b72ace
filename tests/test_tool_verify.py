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


def verify(directory, *findings, args=(), notes=()):
    """Verifies; wants exactly these findings, "error: ..." or "warning: ...", as expressions,
    and these notes."""
    wanted = any(f.startswith("error") for f in findings)
    done = subprocess.run([tool.TOOL, "verify", str(directory), *map(str, args)],
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=60)
    lines = done.stdout.decode().splitlines()
    assert [line for line in lines if line.startswith("note: ")] == list(notes), lines
    lines = [line for line in lines if not line.startswith("note: ")]
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
    verify_draft(out, donor)
    assert call("verify", out, "--draft-for", donor, "-q").out == ""
    assert "nonesuch" in call("verify", here / "nonesuch", status=1).error
    error = call("verify", out / "config.json", status=1).error
    assert "neither a directory nor a GGUF file" in error
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
    quiet = call("verify", out, "-q").out.splitlines() # warnings are said all the same
    assert len(quiet) == 1 and quiet[0].startswith("warning: "), quiet
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
    verify(out, 'warning: .* 1 tensors that it names are in no shard: "ghost"')


@case
def verify_added_tokens_of_two_files(here):
    """What tokenizer_config.json says of them counts for some classes of transformers 5."""
    out, donor = finished(here)
    tokens = json.loads((out / "tokenizer.json").read_text())["added_tokens"]
    listed = {str(token.pop("id")): token for token in tokens}
    said = r"warning: .*added_tokens_decoder.* differ, first in token \"%s\" \(id %d\): LlamaTok"
    swapped = {**listed, "1": listed["2"], "2": listed["1"]}
    for name in ("PreTrainedTokenizerFast", "LlamaTokenizerFast", None):
        for decoder, found in ((None, []), (listed, []), ({"0": listed["0"]}, [said % ("<s>", 1)]),
                               (swapped, ["warning: .* another id at run", said % ("<s>", 1)])):
            if name != "LlamaTokenizerFast":
                found = found[:-1]
            change_json(out / "tokenizer_config.json", lambda c: c.update(
                tokenizer_class=name, added_tokens_decoder=decoder))
            if decoder is None:
                change_json(out / "tokenizer_config.json",
                            lambda c: c.pop("added_tokens_decoder"))
            (out / "special_tokens_map.json").write_text("{}")
            verify(out, *found)
    # However long a content is, it is compared.
    change_json(out / "tokenizer_config.json", lambda c: c.update(
        tokenizer_class="LlamaTokenizerFast", added_tokens_decoder=listed))
    for name in ("tokenizer.json", "tokenizer_config.json"):
        text = (out / name).read_text()
        (out / name).write_text(text.replace('"</s>"', '"%s"' % ("long" * 150)))
    verify(out)
    change_json(donor / "tokenizer_config.json", lambda c: c.update(
        tokenizer_class="LlamaTokenizer", added_tokens_decoder={}))
    done = call(here / "base", donor, here / "again", "-q")
    assert re.search(said % ("<unk>", 0), done.err), done.err


ENGINES = ("llama.cpp", "vllm", "sglang", "transformers")


def verify_draft(directory, target, *findings, engine=None):
    """Verifies a draft model; wants these findings, and notes of the engines asked that take it."""
    engines = [engine] if engine else ENGINES
    takes = [e for e in engines if not any(f"draft: {e}" in f for f in findings)]
    verify(directory, *findings, notes=["note: draft: %s takes the pair" % e for e in takes],
           args=["--draft-for", target] + (["--engine", engine] if engine else []))


@case
def verify_a_draft_model(here):
    out, donor = finished(here)

    def check(*findings, engine=None):
        verify_draft(out, donor, *findings, engine=engine)

    (donor / "model.safetensors").unlink()  # its tokenizer and config.json are enough
    check()
    for apart, wrong in ((100, False), (129, True)):
        change_json(donor / "config.json", lambda c: c.update(vocab_size=DONOR_COUNT + apart))
        sizes = '"vocab_size" is %d, the target.s %d' % (DONOR_COUNT, DONOR_COUNT + apart)
        found = [f"error: draft: llama.cpp refuses .*{sizes}, and at most 128"] * wrong + [
            f"error: draft: vllm refuses .*{sizes}.* use_heterogeneous_vocab",
            f"error: draft: sglang refuses .*{sizes}",
            f"warning: draft: transformers takes .*{sizes}.* assistant_tokenizer"]
        check(*found)
        for engine in ENGINES:
            check(*[f for f in found if engine in f], engine=engine)
    change_json(donor / "config.json", lambda c: c.pop("vocab_size"))
    check(*[f"warning: draft: {e} takes .*donor/config.json names no \"vocab_size\""
            for e in ENGINES[1:]])
    change_json(donor / "config.json",
                lambda c: c.update(vocab_size=7, text_config={"vocab_size": DONOR_COUNT}))
    check()
    other = here / "base"
    (other / "vocab.bpe").unlink(), (other / "merges.txt").unlink()
    verify_draft(out, other, "error: draft: llama.cpp refuses the pair: the vocabulary is SPM "
                 r"\(metaspace BPE\), the target.s BPE \(byte-level BPE\); .*adds bos",
                 "error: draft: vllm refuses", "error: draft: sglang refuses",
                 "warning: draft: transformers takes")
    verify(out, "error: .*nonesuch", args=["--draft-for", here / "nonesuch"])
    assert "--draft-for" in call("verify", out, "--engine", "vllm", status=2).error
    assert "known are all llama.cpp vllm" in call("verify", out, "--draft-for", donor,
                                                  "--engine", "x", status=2).error
    assert "engine" in call("a", "b", "c", "--engine", "vllm", status=2).error


@case
def verify_the_tokens_of_a_draft_model(here):
    out, donor = finished(here)

    def swap(*pairs):
        vocab = json.loads((donor / "tokenizer.json").read_text())["model"]["vocab"]
        for a, b in pairs:
            vocab[a], vocab[b] = vocab[b], vocab[a]
        change_json(donor / "tokenizer.json", lambda t: t["model"].update(vocab=vocab))

    swap(("<0x41>", "<0x0A>"))
    ids = '2 ids from 0 on stand .* first 3: "<0x41>", the target.s "<0x0A>"'
    verify_draft(out, donor, f"warning: draft: vllm takes the pair, but {ids}",
                 f"error: draft: sglang refuses the pair: {ids}",
                 f"warning: draft: transformers takes the pair, but {ids}")
    swap(("donor4", "donor5"))
    verify_draft(out, donor, 'error: draft: llama.cpp .*2 ids from 5 on .*"donor4", .*"donor5"',
                 engine="llama.cpp")
    verify_draft(out, donor, "warning: draft: vllm .*4 ids from 0 on", engine="vllm")


@case
def verify_the_ends_of_texts_of_a_draft_model(here):
    """Flags before ids, from the template as from add_bos_token."""
    out, donor = finished(here)

    def check(*findings):
        verify_draft(out, donor, *findings, engine="llama.cpp")

    def template(*parts):
        def item(name):
            if name == "A":
                return {"Sequence": {"id": "A", "type_id": 0}}
            return {"SpecialToken": {"id": name, "type_id": 0}}
        return {"type": "TemplateProcessing", "single": [item(p) for p in parts], "pair": []}

    def post(processor, **flags):
        change_json(donor / "tokenizer.json", lambda t: t.update(post_processor=processor))
        change_json(donor / "tokenizer_config.json",
                    lambda c: ([c.pop(k, None) for k in ("add_bos_token", "add_eos_token")],
                               c.update(flags)))

    bos = "error: draft: llama.cpp refuses .*the tokenizer adds bos to its texts and .* does not"
    eos = "error: draft: llama.cpp refuses .*the tokenizer does not add eos .* does"
    (donor / "special_tokens_map.json").unlink()
    post(None)
    check()  # the kind's own: bos is added
    post(None, add_bos_token=False)
    check(bos)
    post(template("<s>", "A"))
    check()
    post(template("<s>", "A"), add_bos_token=False)
    check(bos)
    post({"type": "Sequence", "processors": [{"type": "ByteLevel"}, template("<s>", "A", "</s>")]})
    check(eos)
    post({"type": "RobertaProcessing", "cls": ["<s>", 1], "sep": ["</s>", 2]})
    check(eos)
    post(None, add_bos_token=True)
    change_json(donor / "tokenizer_config.json",
                lambda c: c.update(bos_token="</s>", eos_token="<s>"))
    check("error: draft: llama.cpp refuses the pair: bos is 1, the target.s is 2$")
    change_json(out / "tokenizer_config.json", lambda c: c.update(add_bos_token=False))
    post(None, add_bos_token=False)
    check()  # other ids, which neither adds


if __name__ == "__main__":
    sys.exit(tool.main(CASES))

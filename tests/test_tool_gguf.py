#!/usr/bin/env python3
"""GGUF files as base, donor and output of the tool.

    python3 tests/test_tool_gguf.py ./transplant [CASE...]

The last line is `N passed, N failed, N skipped`.
"""

import json
import os
import signal
import struct
import subprocess
import sys

import gguf_models as gguf
import tool
from gguf_models import (BOOL, EMBED, F32, HEAD, I32, STRING, TYPES, U16, U32, base_keys,
                         base_tensors, donor_keys, donor_tensors, read, write)
from tool import BASE_WORDS, DONOR_COUNT, DONOR_WORDS, base_model, call, donor_model

CASES, case = tool.cases()

BASE_COUNT = len(BASE_WORDS) + 2


def base_file(here, kind="F32", head="F32", hidden=256, name="base.gguf", **keys):
    return write(here / name, {**base_keys(), **keys}, base_tensors(kind, head, hidden))


def donor_file(here, kind="F32", name="donor.gguf", **keys):
    return write(here / name, {**donor_keys(), **keys}, donor_tensors(kind))


def transplant(here, base, donor, *args, out="out.gguf", method="mean"):
    """Runs the tool; the output, and of every row the base's that it should be, or None."""
    table = here / f"{out}.tsv"
    call(base, donor, here / out, "-q", "-a", method, "--token-report", table, *args)
    lines = [line.split("\t") for line in table.read_text().splitlines()[1:]]
    return here / out, [int(f[4]) if f[4] else None for f in lines]


def check_untouched(base, out, vocab=(EMBED, HEAD)):
    """All other tensors are the base's, in its order, byte for byte."""
    assert list(out) == list(base)
    for name in base:
        if name not in vocab:
            assert (out[name].kind, out[name].shape) == (base[name].kind, base[name].shape), name
            assert out[name].data == base[name].data, name


def check_shared(base, out, sources):
    copied = 0
    for i, source in enumerate(sources):
        if source is not None:
            assert out.row(i) == base.row(source), i
            copied += 1
    assert copied > 40
    return copied


# ---- GGUF from GGUF ------------------------------------------------------------------------


def plain(here, kind):
    tied = kind == "BF16"
    base = base_file(here, kind, None if tied else "F16")
    out, sources = transplant(here, base, donor_file(here))
    (_, old), (_, new) = read(base), read(out)
    check_untouched(old, new)
    for name in (EMBED, HEAD)[:2 - tied]:
        assert new[name].kind == old[name].kind
        assert new[name].shape == [DONOR_COUNT, 256]
        check_shared(old[name], new[name], sources)
        made = {new[name].row(i) for i, s in enumerate(sources) if s is None}
        assert len(made) == 1 and any(made.pop()), "rows that were made are the mean"
    assert (HEAD in new) != tied


@case
def every_type_of_an_embedding(here):
    for kind in TYPES:
        if kind in ("I32", "I64", "IQ3_S"):
            continue
        folder = here / kind
        folder.mkdir()
        plain(folder, kind)


@case
def keys_come_from_where_they_should(here):
    base, donor = base_file(here), donor_file(here)
    out, _ = transplant(here, base, donor)
    keys, _ = read(out)
    ours, (theirs, _) = read(base)[0], read(donor)
    assert list(keys) == [
        "general.architecture", "general.name", "llama.block_count", "llama.vocab_size",
        "tokenizer.ggml.model", "tokenizer.ggml.tokens", "tokenizer.ggml.scores",
        "tokenizer.ggml.token_type", "tokenizer.ggml.bos_token_id", "tokenizer.ggml.eos_token_id",
        "tokenizer.ggml.unknown_token_id", "tokenizer.ggml.add_bos_token",
        "tokenizer.ggml.newer_than_this", "tokenizer.chat_template", "llama.embedding_length",
        "tokenizer.ggml.token_type_count", "x.last", "general.quantization_version"], list(keys)
    for name, value in keys.items():
        if name == "llama.vocab_size":
            assert value == (U32, DONOR_COUNT)
        elif name == "general.quantization_version":
            assert value == (U32, 2)
        elif name.startswith("tokenizer.") and name != "tokenizer.ggml.token_type_count":
            assert value == theirs[name], name
        else:
            assert value == ours[name], name


@case
def no_quantised_tensor_no_version(here):
    tensors = {k: t for k, t in base_tensors("F32", "F32", 32).items()
               if t.kind in ("F32", "F16")}
    base = write(here / "base.gguf", base_keys(), tensors)
    out, _ = transplant(here, base, donor_file(here))
    assert "general.quantization_version" not in read(out)[0]
    out, _ = transplant(here, base, donor_file(here), "--embedding-type", "q8_0", out="q8.gguf")
    keys, new = read(out)
    assert keys["general.quantization_version"] == (U32, 2)
    assert new[EMBED].kind == new[HEAD].kind == "Q8_0"


@case
def alignment_of_the_base(here):
    keys = {**base_keys(), "general.alignment": (U32, 128)}
    base = write(here / "base.gguf", keys, base_tensors("Q8_0"), 128)
    out, sources = transplant(here, base, donor_file(here))
    old, new = read(base)[1], read(out)[1]
    check_untouched(old, new)
    check_shared(old[EMBED], new[EMBED], sources)


@case
def new_rows_are_those_of_f32_quantised(here):
    """The same floats, and of Q8_0 the same levels, whatever the output's type."""
    base, donor = base_file(here, "Q8_0", "Q8_0"), donor_file(here)
    blocks, sources = transplant(here, base, donor, method="omp-affine")
    floats, _ = transplant(here, base, donor, "--embedding-type", "f32", out="f32.gguf",
                           method="omp-affine")
    blocks, floats = read(blocks)[1], read(floats)[1]
    assert floats[EMBED].kind == "F32" and blocks[EMBED].kind == "Q8_0"
    checked = 0
    for name in (EMBED, HEAD):
        for i in range(DONOR_COUNT):
            values = struct.unpack("<256f", floats[name].row(i))
            for b in range(8):
                block = blocks[name].row(i)[34 * b:34 * b + 34]
                part = values[32 * b:32 * b + 32]
                scale = struct.unpack("<e", block[:2])[0]
                levels = struct.unpack("<32b", block[2:])
                if sources[i] is not None:
                    assert all(v == scale * q for v, q in zip(part, levels))
                    continue
                most = max(map(abs, part))
                assert abs(most / 127 - scale) <= 1e-3 * scale
                assert all(abs(v * 127 / most - q) <= 0.51 for v, q in zip(part, levels))
                checked += 1
    assert checked > 300


@case
def a_new_type_for_the_whole_matrix(here):
    base, donor = base_file(here, "Q4_K", "Q6_K"), donor_file(here)
    for kind in ("q8_0", "bf16", "f16", "Q5_K", "iq4_nl"):
        out, _ = transplant(here, base, donor, "--embedding-type", kind, out=f"{kind}.gguf")
        new = read(out)[1]
        check_untouched(read(base)[1], new)
        assert new[EMBED].kind == new[HEAD].kind == kind.upper()
    out, _ = transplant(here, base, donor, "--dtype", "float16", out="dtype.gguf")
    assert out.read_bytes() == (here / "f16.gguf").read_bytes()
    error = call(base, donor, here / "out.gguf", "--embedding-type", "f64", status=1).error
    assert "--embedding-type f16 or q8_0" in error
    narrow = base_file(here, "F16", "F16", 32, "narrow.gguf")
    error = call(narrow, donor, here / "out.gguf", "--embedding-type", "q6_k", status=1).error
    assert "blocks have 256 columns; --embedding-type q8_0" in error
    error = call(base_model().write(here / "base"), donor_model().write(here / "donor"),
                 here / "out", "--embedding-type", "q8_0", status=1).error
    assert "GGUF files alone" in error


@case
def tying_is_the_bases(here):
    base = base_file(here, "Q8_0", None)
    out, _ = transplant(here, base, donor_file(here))
    assert HEAD not in read(out)[1]
    tensors = base_tensors("Q8_0", "Q8_0")
    tensors[HEAD] = tensors[EMBED]
    base = write(here / "twice.gguf", base_keys(), tensors)
    out, _ = transplant(here, base, donor_file(here), out="both.gguf", method="omp")
    new = read(out)[1]
    assert new[HEAD].data == new[EMBED].data, "stored twice, and so it stays"


@case
def biases_and_copies_for_prediction(here):
    tensors = base_tensors("Q8_0", "Q8_0")
    tensors["output.bias"] = gguf.blocks(30, "F32", BASE_COUNT)
    tensors["blk.1.nextn.embed_tokens.weight"] = gguf.blocks(31, "Q4_0", BASE_COUNT, 256)
    tensors["blk.1.nextn.shared_head_head.weight"] = gguf.blocks(32, "Q5_1", BASE_COUNT, 256)
    base = write(here / "base.gguf", base_keys(), tensors)
    out, sources = transplant(here, base, donor_file(here))
    new = read(out)[1]
    vocab = [EMBED, HEAD] + list(tensors)[-3:]
    check_untouched(tensors, new, vocab)
    for name in vocab:
        assert new[name].kind == tensors[name].kind and new[name].shape[0] == DONOR_COUNT
        check_shared(tensors[name], new[name], sources)


@case
def a_bias_in_blocks(here):
    """Its rows are no blocks; no converter makes one."""
    words = BASE_WORDS + [f"more{i}" for i in range(-BASE_COUNT % 32)]
    tensors = base_tensors(words=words)
    tensors["output.bias"] = gguf.blocks(30, "Q8_0", len(words) + 2)
    base = write(here / "base.gguf", base_keys(words), tensors)
    error = call(base, donor_file(here), here / "out.gguf", "--rows", "multiple-of:32",
                 status=1).error
    assert '"output.bias"' in error and "bias in blocks" in error
    assert not list(here.glob("out.gguf*"))


@case
def what_cannot_be_carried_over(here):
    donor = donor_file(here)
    for name, tensor in {
            "per_layer_token_embd.weight": gguf.blocks(1, "F32", BASE_COUNT, 8),
            "blk.0.ffn_gate_tid2eid.weight":
                gguf.Block("I32", (BASE_COUNT, 2), bytes(8 * BASE_COUNT)),
            "d2t": gguf.Block("I64", (5,), bytes(40)),
            "dspark_markov_w1.weight": gguf.blocks(1, "F32", BASE_COUNT, 4)}.items():
        base = write(here / "base.gguf", base_keys(), {**base_tensors(), name: tensor})
        error = call(base, donor, here / "out.gguf", status=1).error
        assert name in error, error
    tensors = base_tensors()
    tensors[EMBED] = gguf.blocks(1, "IQ3_S", BASE_COUNT, 256)
    base = write(here / "base.gguf", base_keys(), tensors)
    error = call(base, donor, here / "out.gguf", status=1).error
    assert "IQ3_S" in error and "llama-quantize" in error
    assert not (here / "out.gguf").exists()


@case
def rows_are_tokens(here):
    base, donor = base_file(here, "Q8_0"), donor_file(here)
    out, _ = transplant(here, base, donor, "--rows", "multiple-of:64")
    keys, new = read(out)
    rows = new[EMBED].shape[0]
    assert rows == -(-DONOR_COUNT // 64) * 64
    tokens = keys["tokenizer.ggml.tokens"][1]
    assert len(tokens) == rows and tokens[-1] == b"[PAD%d]" % (rows - 1)
    assert keys["tokenizer.ggml.token_type"][1][DONOR_COUNT:] == [5] * (rows - DONOR_COUNT)
    assert keys["tokenizer.ggml.scores"][1][DONOR_COUNT:] == [-10000.0] * (rows - DONOR_COUNT)
    assert keys["llama.vocab_size"] == (U32, rows)
    assert len({new[EMBED].row(i) for i in range(DONOR_COUNT, rows)}) == 1
    error = call(base, donor, here / "few.gguf", "--rows", "20", status=1).error
    assert "as many rows as tokens" in error


@case
def no_two_tokens_of_one_name(here):
    words = DONOR_WORDS[:-1] + [DONOR_WORDS[-2]]
    donor = write(here / "donor.gguf", donor_keys(words), donor_tensors(words=words))
    done = call(base_file(here), donor, here / "out.gguf", "-a", "mean")
    last = DONOR_COUNT - 1
    assert f"token {last} is" in done.err and "once more" in done.err
    tokens = read(here / "out.gguf")[0]["tokenizer.ggml.tokens"][1]
    assert tokens[last] == b"[SAME%d]" % last and len(set(tokens)) == len(tokens)


@case
def nor_of_a_name_that_is_made(here):
    """What is made different, and what fills the rows up, differs from all others too."""
    words = list(DONOR_WORDS)
    words[-1] = words[-2]
    last = len(words) + 2
    words[20:22] = [f"[SAME{last}]", f"[PAD{last + 1}]"]
    donor = write(here / "donor.gguf", donor_keys(words), donor_tensors(words=words))
    call(base_file(here), donor, here / "out.gguf", "-a", "mean", "--rows", "multiple-of:64")
    tokens = read(here / "out.gguf")[0]["tokenizer.ggml.tokens"][1]
    assert tokens[:last] == [b"<unk>", b"<s>", b"</s>"] + [w.encode() for w in words[:-1]]
    assert tokens[last] == b"[SAME%d_2]" % last and tokens[last + 1] == b"[PAD%d_2]" % (last + 1)
    assert tokens[last + 2] == b"[PAD%d]" % (last + 2) and len(set(tokens)) == len(tokens)
    words[:40] = ["same"] * 40
    donor = write(here / "donor.gguf", donor_keys(words), donor_tensors(words=words))
    done = call(base_file(here), donor, here / "many.gguf", "-a", "mean")
    warnings = [line for line in done.err.splitlines() if "once more" in line]
    assert len(warnings) == 1 and "of 40 tokens" in warnings[0], warnings


@case
def ids_in_other_keys(here):
    start = BASE_WORDS.index("Ġae") if "Ġae" in BASE_WORDS else BASE_WORDS.index("A")
    base = base_file(here, **{"llama.decoder_start_token_id": (U32, start)})
    out, sources = transplant(here, base, donor_file(here))
    assert read(out)[0]["llama.decoder_start_token_id"] == (U32, sources.index(start))
    base = base_file(here, **{"llama.decoder_start_token_id": (U32, BASE_WORDS.index("base3"))})
    done = call(base, donor_file(here), here / "lost.gguf", "-a", "mean")
    assert "llama.decoder_start_token_id" in done.err
    assert "llama.decoder_start_token_id" not in read(here / "lost.gguf")[0]
    # Nor does a token that is only matched with one take its place.
    words = ["▁aexx" if word == "donor3" else word for word in DONOR_WORDS]
    donor = write(here / "longer.gguf", donor_keys(words), donor_tensors(words=words))
    base = base_file(here, **{"llama.decoder_start_token_id": (U32, start)})
    out, sources = transplant(here, base, donor, "--prefix-match", "yes", out="prefix.gguf")
    own = words.index("▁ae") + 3
    assert sources.index(start) < own and sources[own] == start
    assert read(out)[0]["llama.decoder_start_token_id"] == (U32, own)


@case
def chat_templates(here):
    base, donor = base_file(here), donor_file(here)
    out, _ = transplant(here, base, donor, "--chat-template", "base")
    assert read(out)[0]["tokenizer.chat_template"] == (STRING, b"the base's <|begin|>")
    (here / "t.jinja").write_text("mine")
    out, _ = transplant(here, base, donor, "--chat-template", here / "t.jinja", out="mine.gguf")
    assert read(out)[0]["tokenizer.chat_template"] == (STRING, b"mine")
    (here / "t.jinja").write_text("")
    out, _ = transplant(here, base, donor, "--chat-template", here / "t.jinja", out="empty.gguf")
    assert "tokenizer.chat_template" not in read(out)[0]
    out, _ = transplant(here, base, donor, "--pre", "qwen2", out="pre.gguf")
    assert read(out)[0]["tokenizer.ggml.pre"] == (STRING, b"qwen2")
    for name, known in (("qwen2", True), ("gemma4", True), ("qwen-2", False)):
        done = call(base, donor, here / f"{name}.gguf", "-a", "mean", "--pre", name)
        assert ("no pre-tokenizer" in done.err) != known, done.err
    keys = donor_keys()
    del keys["tokenizer.chat_template"]
    bare = write(here / "bare.gguf", keys, donor_tensors())
    done = call(base, bare, here / "none.gguf", "-a", "mean")
    assert "no chat template" in done.err
    assert "tokenizer.chat_template" not in read(here / "none.gguf")[0]


@case
def a_bos_that_goes_missing(here):
    base = base_file(here, **{"tokenizer.ggml.add_bos_token": (BOOL, True)})
    done = call(base, donor_file(here, **{"tokenizer.ggml.add_bos_token": (BOOL, False)}),
                here / "out.gguf", "-a", "mean")
    assert "before every text" in done.err


# ---- parts -------------------------------------------------------------------------------


def parts_of(here, stem="out"):
    names = sorted(p.name for p in here.glob(f"{stem}-*.gguf"))
    tensors, keys = {}, []
    for i, name in enumerate(names):
        assert name == f"{stem}-{i + 1:05}-of-{len(names):05}.gguf"
        k, t = read(here / name)
        assert k["split.no"] == (U16, i) and k["split.count"] == (U16, len(names))
        keys.append(k)
        tensors.update(t)
    assert all(k["split.tensors.count"] == (I32, len(tensors)) for k in keys)
    return keys, tensors


@case
def in_parts_and_back(here):
    base, donor = base_file(here, "Q8_0", "Q6_K"), donor_file(here)
    whole, _ = transplant(here, base, donor)
    small = ["--split-max-size", "16K"]
    call(base, donor, here / "out.gguf", "-q", "-a", "mean", "--overwrite", *small)
    assert whole.exists(), "the parts have other names"
    keys, tensors = parts_of(here)
    assert len(keys) > 2
    ours, theirs = read(whole)
    assert {k: t.data for k, t in tensors.items()} == {k: t.data for k, t in theirs.items()}
    assert list(keys[0])[:-3] == list(ours) and all(len(k) == 3 for k in keys[1:])
    call(base, donor, here / "x-00001-of-00002.gguf", status=1)
    first = here / f"out-00001-of-{len(keys):05}.gguf"
    error = call(base, donor, here / "out.gguf", *small, status=1).error
    assert "--overwrite" in error
    call(base, donor, here / "out.gguf", "-q", "-a", "zero", *small, "--overwrite")
    # Parts as a base become one file.
    out, sources = transplant(here, first, donor, out="again.gguf")
    new_keys, new = read(out)
    assert not any(k.startswith("split.") for k in new_keys)
    check_untouched(tensors, new)
    donated, _ = transplant(here, base, first, out="donated.gguf")
    assert read(donated)[1][EMBED].shape == [DONOR_COUNT, 256]


# ---- the output's name -----------------------------------------------------------------------


@case
def names_of_the_output(here):
    base, donor = base_file(here), donor_file(here)
    before = base.read_bytes(), donor.read_bytes()
    for out, needle in (("out", "ends in .gguf"), ("base.gguf", "a file of the base"),
                        ("donor.gguf", "a file of the donor")):
        assert needle in call(base, donor, here / out, "--overwrite", status=1).error
    os.link(base, here / "same.gguf")
    assert "a file of the base" in call(base, donor, here / "same.gguf", "--overwrite",
                                        status=1).error
    (here / "folder.gguf").mkdir()
    assert "is a directory" in call(base, donor, here / "folder.gguf", "--overwrite",
                                    status=1).error
    (here / "letter.gguf").write_text("Dear all")
    assert "no GGUF" in call(base, donor, here / "letter.gguf", "--overwrite", status=1).error
    assert (here / "letter.gguf").read_text() == "Dear all"
    call(base, donor, here / "out.gguf", "-q", "-a", "mean")
    first = (here / "out.gguf").read_bytes()
    assert "--overwrite" in call(base, donor, here / "out.gguf", status=1).error
    call(base, donor, here / "out.gguf", "-q", "-a", "zero", "--overwrite")
    assert (here / "out.gguf").read_bytes() != first
    assert (base.read_bytes(), donor.read_bytes()) == before
    assert not list(here.glob("*.otx-*"))
    directory = base_model().write(here / "base")
    assert "and so is the output" in call(directory, donor_model().write(here / "donor"),
                                          here / "x.gguf", status=1).error


@case
def killed_in_the_middle(here):
    base, donor = base_file(here, "F32", "F32"), donor_file(here)
    done = subprocess.Popen([tool.TOOL, base, donor, here / "out.gguf", "--threads", "1"],
                            stderr=subprocess.PIPE)
    for line in done.stderr:
        if line.startswith(b"solving") or line.startswith(b"writing"):
            break
    done.send_signal(signal.SIGKILL)
    done.wait()
    done.stderr.close()
    if not (here / "out.gguf").exists():
        assert list(here.glob("out.gguf.otx-partial-*"))
        assert "interrupted run" in call(base, donor, here / "out.gguf").err
    read(here / "out.gguf")


@case
def a_base_that_changes(here):
    base, donor = base_file(here), donor_file(here)
    os.truncate(base, base.stat().st_size - 64)
    assert "base.gguf" in call(base, donor, here / "out.gguf", status=1).error
    assert not (here / "out.gguf").exists() and not list(here.glob("*.otx-*"))


@case
def many_keys_and_tensors(here):
    """Far more than any model has, and none gets lost."""
    count = 100000
    keys = {**base_keys(), **{f"k{i:x}": (gguf.U8, 0) for i in range(count)}}
    tensors = {EMBED: gguf.blocks(1, "F32", BASE_COUNT, 32)}
    for i in range(count):
        tensors[f"b.1.{i:x}"] = gguf.Block("F16", (BASE_COUNT,), bytes(2 * BASE_COUNT))
    base = write(here / "base.gguf", keys, tensors)
    call(base, donor_file(here), here / "out.gguf", "-q", "-a", "mean")
    new_keys, new = read(here / "out.gguf")
    assert len(new) == count + 1 and sum(k.startswith("k") for k in new_keys) == count


# ---- in any mix -------------------------------------------------------------------------------


@case
def gguf_from_a_directory(here):
    base = base_file(here, "Q8_0", "F16")
    words = [f"<0x{b:02X}>" for b in range(256)] + DONOR_WORDS[3:]
    count = len(words) + 3
    donor = donor_model(words=words, rows=count + 5).write(here / "donor")
    out, sources = transplant(here, base, donor)
    (keys, new), (ours, old) = read(out), read(base)
    check_untouched(old, new)
    check_shared(old[EMBED], new[EMBED], sources)
    assert new[EMBED].shape[0] == new[HEAD].shape[0] == count + 5
    tokens = [t.decode() for t in keys["tokenizer.ggml.tokens"][1]]
    assert tokens[3:count] == words
    assert tokens[-1] == f"[PAD{count + 4}]"
    assert keys["tokenizer.chat_template"] == (STRING, b"the donor's\n")
    assert keys["tokenizer.ggml.bos_token_id"] == (U32, 1)
    assert "tokenizer.ggml.suppress_tokens" not in keys
    assert keys["tokenizer.ggml.token_type_count"] == ours["tokenizer.ggml.token_type_count"]


@case
def a_directory_from_gguf(here):
    base = base_model().write(here / "base")
    donor = donor_file(here)
    error = call(base, donor, here / "out", status=1).error
    assert "does not say how" in error and "tokenizer.json" in error
    folder = donor_model(hidden=64).write(here / "donor")
    (folder / "model.safetensors").unlink()
    write(folder / "donor.gguf", donor_keys(), donor_tensors("Q8_0"))
    for i, given in enumerate((folder, folder / "donor.gguf")):
        out = here / f"out{i}"
        call(base, given, out, "-q", "-a", "omp")
        assert (out / "tokenizer.json").read_bytes() == (folder / "tokenizer.json").read_bytes()
        assert tool.read_model(out)[tool.EMBED].shape == [DONOR_COUNT, 16]
        assert not list(out.glob("*.gguf"))
        call("verify", out)
    assert tool.snapshot(here / "out0") == tool.snapshot(here / "out1")
    tokens = ["<unk>", "<s>", "</s>"] + DONOR_WORDS[:4] + [f"other{i}" for i in range(60)]
    write(folder / "donor.gguf", {**donor_keys(), "tokenizer.ggml.tokens":
                                  (STRING, tokens)}, donor_tensors())
    assert "is not the tokenizer of" in call(base, folder, here / "out", status=1).error


@case
def dry_runs_and_evaluations(here):
    pairs = [(base_file(here, "Q8_0"), donor_file(here, "Q4_0"))]
    pairs.append((pairs[0][0], donor_model().write(here / "donor")))
    pairs.append((base_model().write(here / "base"), pairs[0][1]))
    for base, donor in pairs:
        done = call(base, donor, "--dry-run")
        assert "Dry run" in done.out and f"{DONOR_COUNT}" in done.out
        done = call("evaluate", base, donor, "--methods", "mean,omp,affine")
        assert "affine" in done.out
    assert sorted(p.name for p in here.iterdir()) == ["base", "base.gguf", "donor", "donor.gguf"]


@case
def evaluations_without_pieces(here):
    """A base that does not say how it cuts text: only what is made of pieces misses them."""
    keys = base_keys()
    del keys["tokenizer.ggml.merges"]
    base, donor = write(here / "b.gguf", keys, base_tensors()), donor_file(here)
    found = []
    for file, args in ((base, ()), (base_file(here), ("--pieces", "no"))):
        done = call("evaluate", file, donor, "--methods", "subword,omp-affine", *args, "--json",
                    here / "figures.json")
        said = "warning: %s: cannot split text: there is no key" % base in done.err
        assert said == (file == base), done.err
        for matrix in json.loads((here / "figures.json").read_text())["matrices"]:
            subword, affine = matrix["methods"]
            assert ("the pieces of the targets are missing" == subword.get("error")) == said
            found.append((said, affine["pieces"], affine["scores"]))
    assert [f[1:] for f in found if f[0]] == [f[1:] for f in found if not f[0]], found


@case
def methods_and_reports(here):
    base, donor = base_file(here, "Q6_K", "Q4_K"), donor_file(here, "Q5_0")
    for method in ("omp", "omp-affine", "affine", "zero", "procrustes", "hull", "subword"):
        out, sources = transplant(here, base, donor, "--report", here / "report.json",
                                  out=f"{method}.gguf", method=method)
        check_shared(read(base)[1][HEAD], read(out)[1][HEAD], sources)
        assert '"dtype": "Q6_K"' in (here / "report.json").read_text()
    one = (here / "omp-affine.gguf").read_bytes()
    call(base, donor, here / "one.gguf", "-q", "-a", "omp-affine", "--threads", "1", "--isa",
         "scalar")
    assert (here / "one.gguf").read_bytes() == one


@case
def a_vocabulary_alone_as_donor(here):
    donor = write(here / "vocab.gguf", donor_keys(), {})
    base = base_file(here, "Q8_0")
    out, _ = transplant(here, base, donor)
    assert read(out)[1][EMBED].shape[0] == DONOR_COUNT
    assert "holds no tensors" in call(base, donor, here / "x.gguf", "-a", "omp", status=1).error
    error = call(base, donor, here / "x.gguf", "-a", "mean", "--magikarp", status=1).error
    assert "holds no tensors; --magikarp judges tokens by their rows" in error, error
    error = call("evaluate", base, donor, status=1).error
    assert "holds no tensors; the rows of both models are looked at" in error, error
    same = write(here / "same.gguf", base_keys(), {})
    error = call("evaluate", base, same, status=1).error
    assert "holds no tensors; the rows of both models are looked at" in error, error


@case
def a_vocabulary_alone_as_base(here):
    base, donor = write(here / "vocab.gguf", base_keys(), {}), donor_file(here)
    call(base, donor, here / "out.gguf", "-q", "-a", "omp")
    assert f"{DONOR_COUNT}" in call("inspect", here / "out.gguf").out
    for wanted, *args in (
            ("the rows of both models are looked at", "evaluate", base, donor),
            ("the rows of both models are looked at", "map", base, donor, "-a", "omp"),
            ("--magikarp judges tokens by", base, donor, here / "x.gguf", "-a", "mean",
             "--magikarp"),
            ("has no output head", base, donor, here / "x.gguf", "--draft-vocab", "20"),
            ("has no output head", "draft-head", base, here / "x.gguf", "--draft-vocab", "20")):
        error = call(*args, status=1).error
        assert f"{base}: " in error and wanted in error, error


if __name__ == "__main__":
    sys.exit(tool.main(CASES))

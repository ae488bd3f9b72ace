#!/usr/bin/env python3
"""What the tool refuses, and how it ends when it is interrupted.

    python3 tests/test_tool_refusals.py ./transplant [CASE...]

The last line is `N passed, N failed, N skipped`.
"""

import json
import os
import re
import resource
import shutil
import signal
import struct
import subprocess
import sys
from pathlib import Path

import tool
from tool import (APPROXIMATED, BASE_COUNT, COPIED, DONOR_COUNT, DONOR_ONLY, DONOR_WORDS, EMBED,
                  HEAD, SECOND, Skip, Tensor, base_id, base_model, big_pair, call, donor_id,
                  donor_model, header_bytes, noise, pair, read_model, refused,
                  refused_to_nobody, write_json, write_safetensors)

CASES, case = tool.cases()

# ---- bad input -----------------------------------------------------------------------------


def sharded_base(here):
    base = base_model()
    base.shards = [[EMBED, "odd"], [n for n in base.tensors if n not in (EMBED, "odd")]]
    return pair(here, base)


def edit_index(base, change):
    path = base / "model.safetensors.index.json"
    index = json.loads(path.read_text())
    change(index["weight_map"])
    write_json(path, index)


@case
def a_missing_shard(here):
    base, donor = sharded_base(here)
    (base / SECOND).unlink()
    refused(here, base, donor, SECOND)


@case
def a_truncated_shard(here):
    base, donor = sharded_base(here)
    data = (base / SECOND).read_bytes()
    for size in (0, 7, 8, 100, len(data) - 1):
        (base / SECOND).write_bytes(data[:size])
        refused(here, base, donor, SECOND)


@case
def an_index_that_leaves_the_directory(here):
    base, donor = sharded_base(here)
    shutil.copy(base / SECOND, here / "x.safetensors")
    for name in ("../x.safetensors", str(here / "x.safetensors"), "a/../../x.safetensors", ".."):
        edit_index(base, lambda m: m.update({n: name for n in m if n not in (EMBED, "odd")}))
        refused(here, base, donor, "index.json", re.escape(name))


@case
def an_index_that_is_none(here):
    base, donor = sharded_base(here)
    edit_index(base, lambda m: m.update({"ghost.weight": "ghost.safetensors"}))
    refused(here, base, donor, "ghost.safetensors: is missing, but the index names it")
    (base / "model.safetensors.index.json").write_text("{")
    refused(here, base, donor, "index.json")


def set_entry(name, **values):
    return lambda header: header[name].update(values)


@case
def headers_that_lie(here):
    base = base_model()
    pair(here, base)
    file = here / "base" / "model.safetensors"
    end = sum(len(t.data) for t in base.tensors.values())
    lies = [
        (set_entry("odd", dtype="U9"), "odd"), (set_entry("odd", dtype=3), "odd"),
        (set_entry("odd", shape=[4]), "odd"), (set_entry("odd", shape=[2**64 - 1, 3]), "odd"),
        (set_entry("odd", shape=[-3]), "odd"), (set_entry("odd", shape=[3.0]), "odd"),
        (set_entry("odd", shape=3), "odd"), (set_entry("odd", data_offsets=[0, 3]), ""),
        (set_entry("odd", data_offsets=[end - 3, end + 5]), "data_offsets"),
        (set_entry("odd", data_offsets=[end, end - 3]), ""),
        (set_entry("odd", data_offsets=[3]), "odd"),
        (set_entry(EMBED, dtype="BF16"), EMBED), (lambda h: h.pop("odd"), "end"),
        (lambda h: h["odd"].pop("shape"), "odd"), (lambda h: h.update({"odd": []}), "odd"),
        (lambda h: h.update({"__metadata__": {"a": 1}}), "metadata"),
        (lambda h: h.update({"more": {"dtype": "U8", "shape": [1],
                                      "data_offsets": [end, end + 1]}}), ""),
        (lambda h: h.update({"over": {"dtype": "U8", "shape": [4], "data_offsets": [0, 4]}}), "")]
    for change, needle in lies:
        write_safetensors(file, base.tensors, change)
        refused(here, here / "base", here / "donor", "model.safetensors", needle)
    good = json.dumps({"a": {"dtype": "U8", "shape": [1], "data_offsets": [0, 1]}}).encode()
    twice = b'{"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},' + good[1:]
    for raw in (b"", b"\0" * 8, struct.pack("<Q", 2**63), struct.pack("<Q", 100_000_001) + b"{}",
                struct.pack("<Q", 1) + b"{", header_bytes(b"[]"), header_bytes(b"{\xff}"),
                header_bytes(b"{}") + b"more", header_bytes(good) + b"ab",
                header_bytes(twice) + b"a",
                header_bytes(b'{"a":' + b"[" * 200 + b"]" * 200 + b"}")):
        file.write_bytes(raw)
        refused(here, here / "base", here / "donor", "model.safetensors")


@case
def ids_beyond_the_rows(here):
    # The donor's last words, all shared, have no row there: they get none by default, and with
    # --rows tokenizer a copy, which needs none.
    base, donor = pair(here, donor=donor_model(rows=DONOR_COUNT - 4))
    done = call(base, donor, here / "short", "--report", here / "r.json")
    assert "warning" in done.err and " 4 ids" in done.err, done.err
    tokens = json.loads((here / "r.json").read_text())["tokens"]
    assert tokens["total"] == DONOR_COUNT and tokens["copied"] == COPIED - 4
    assert re.search(r"^  without a row +4 ", done.out, re.M), done.out
    assert read_model(here / "short")[EMBED].shape == [DONOR_COUNT - 4, 16]
    call(base, donor, here / "long", "-q", "--rows", "tokenizer")
    out, word = read_model(here / "long"), DONOR_WORDS[-1].replace("▁", "Ġ")
    assert out[EMBED].row(DONOR_COUNT - 1) == base_model().tensors[EMBED].row(base_id(word))
    # A word that would have to be solved for gets what reserved tokens get.
    words = DONOR_WORDS + ["needsarow"]
    donor_model(words=words, rows=len(words) + 2).write(here / "none")
    done = call(base, here / "none", here / "padded", "--rows", "tokenizer")
    assert re.search(r"warning: .*needsarow.*reserved", done.err), done.err


@case
def the_bases_ids_beyond_its_rows(here):
    base = base_model()
    for name in (EMBED, HEAD):
        tensor = base.tensors[name]
        base.tensors[name] = Tensor(tensor.dtype, [BASE_COUNT - 2, 16], tensor.data[:-2 * 16 * 4])
    base.config = base.config.replace(f'"vocab_size": {BASE_COUNT}',
                                      f'"vocab_size": {BASE_COUNT - 2}')
    pair(here, base)
    done = call(here / "base", here / "donor", here / "out", "--report", here / "r.json")
    assert "warning" in done.err, done.err
    tokens = json.loads((here / "r.json").read_text())["tokens"]
    assert tokens["by_role"] == 0 and tokens["approximated"] == APPROXIMATED + 2


@case
def no_shared_tokens(here):
    base, donor = pair(here, donor=donor_model(words=["<0xFE>"] + DONOR_ONLY))
    refused(here, base, donor, "share", "align")
    assert re.search(r"^  copied +0\b", call("align", base, donor).out, re.M)


@case
def sizes_that_contradict_the_config(here):
    base, donor = base_model(), donor_model()
    base.config = base.config.replace('"hidden_size": 16', '"hidden_size": 18')
    pair(here, base, donor)
    refused(here, here / "base", here / "donor", "hidden_size", "16", "18", EMBED)
    base_model().write(here / "good")
    donor.config = donor.config.replace('"hidden_size": 12', '"hidden_size": 10')
    donor.write(here / "bad")
    refused(here, here / "good", here / "bad", "hidden_size", "10", "12")
    donor = donor_model()
    donor.tensors[HEAD] = noise(9, "F32", DONOR_COUNT + 1, 12)
    donor.write(here / "heads")
    refused(here, here / "good", here / "heads", HEAD, str(DONOR_COUNT + 1), "rows")


@case
def values_that_are_not_finite(here):
    base_model().write(here / "base")
    for i, (word, value) in enumerate([("donor4", float("nan")), ("▁ba", float("inf")),
                                       ("donor4", float("-inf"))]):
        for name in (EMBED, HEAD):
            donor = donor_model()
            row = donor.tensors[name].values(donor_id(word))
            donor.tensors[name].set_row(donor_id(word), row[:5] + [value] + row[6:])
            donor.write(here / f"donor{i}{name}")
            refused(here, here / "base", here / f"donor{i}{name}", name,
                    "%s|%d" % (word.strip("▁"), donor_id(word)))
    base = base_model()
    base.tensors[EMBED].set_row(base_id("Ġba"), [float("nan")] + [1.0] * 15)
    base.write(here / "bad")
    donor_model().write(here / "donor")
    refused(here, here / "bad", here / "donor", EMBED, "ba|%d" % base_id("Ġba"))
    # A row that nothing uses may hold anything.
    base = base_model()
    base.tensors[EMBED].set_row(base_id("base0"), [float("nan")] * 16)
    base.write(here / "fine")
    call(here / "fine", here / "donor", here / "out", "-q")


@case
def an_unknown_architecture(here):
    base = base_model()
    base.config = base.config.replace("LlamaForCausalLM", "Odd").replace('"llama"', '"odd"')
    base.tensors = {"strange.table": base.tensors[EMBED], "strange.out": base.tensors[HEAD]}
    pair(here, base)
    refused(here, here / "base", here / "donor", "strange.table", "strange.out")


@case
def a_value_beyond_the_output_type(here):
    base, donor = base_model("F16"), donor_model()
    anchor = donor_id("▁ba")
    for name in (EMBED, HEAD):
        base.tensors[name].set_row(base_id("Ġba"), [60000.0] * 8 + [-60000.0] * 8)
        donor.tensors[name].set_row(donor_id("donor5"),
                                    [3 * v for v in donor.tensors[name].values(anchor)])
    pair(here, base, donor)
    refused(here, here / "base", here / "donor", "donor5|%d" % donor_id("donor5"), "F16",
            "--saturate", args=["-k", "1"])
    call(here / "base", here / "donor", here / "out", "-q", "-k", "1", "--saturate")
    row = read_model(here / "out")[EMBED].values(donor_id("donor5"))
    assert row == [65504.0] * 8 + [-65504.0] * 8, row


@case
def a_full_disk(here):
    base, donor = pair(here)

    def small_files():
        resource.setrlimit(resource.RLIMIT_FSIZE,
                           (2048, resource.getrlimit(resource.RLIMIT_FSIZE)[1]))

    # Python ignores SIGXFSZ, and so does a child that is left alone: the write fails.
    refused(here, base, donor, "out", preexec_fn=small_files, restore_signals=False)


@case
def a_full_file_system(here):
    base, donor = pair(here)
    disk = here / "disk"
    disk.mkdir()
    if os.geteuid() != 0:
        raise Skip("mounting a small file system takes root")
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=8k", "none", disk],
                      stderr=subprocess.DEVNULL).returncode:
        raise Skip("a small file system can't be mounted here")
    try:
        refused(disk, base, donor, "disk", "[Nn]o space")
    finally:
        subprocess.run(["umount", disk], check=True)


@case
def a_parent_that_is_no_directory(here):
    base, donor = pair(here)
    (here / "file").write_text("x")
    for out in (here / "file" / "out", here / "none" / "out"):
        error = call(base, donor, out, status=1).error
        assert str(out.parent) in error, error
    assert sorted(p.name for p in here.iterdir()) == ["base", "donor", "file"]


@case
def an_unwritable_parent(here):
    base, donor = pair(here)
    parent = here / "parent"
    parent.mkdir(mode=0o555)
    error = refused_to_nobody(here, base, donor, parent / "out")
    assert re.search("error: .*parent.*[Pp]ermission", error), error
    assert not list(parent.iterdir())


@case
def files_that_cannot_be_looked_at(here):
    base, donor = pair(here)
    for name in ("base/generation_config.json", "base/LICENSE", "base/new/notes.txt",
                 "base/new/config.json", "donor/config.json", "donor/generation_config.json",
                 "donor/tokenizer_config.json", "donor/added_tokens.json"):
        path = here / name
        held = path.read_bytes() if path.exists() else None
        path.parent.mkdir(exist_ok=True)
        path.unlink(missing_ok=True)
        path.symlink_to("nothing")
        refused(here, base, donor, f"/{name}: is a link that leads nowhere$")
        path.unlink()
        path.symlink_to(path.name)
        refused(here, base, donor, f"/{name}: cannot be .*: Too many levels of symbolic links$")
        path.unlink()
        if held is not None:
            path.write_bytes(held)
    shutil.rmtree(base / "new")
    call(base, donor, here / "out")


@case
def files_that_cannot_be_read(here):
    base, donor = pair(here)
    (here / "outs").mkdir()
    (here / "outs").chmod(0o777)
    for name in ("base/generation_config.json", "base/README.md", "donor/config.json",
                 "donor/special_tokens_map.json"):
        (here / name).chmod(0)
        error = refused_to_nobody(here, base, donor, here / "outs" / "out")
        assert re.search(f"/{name}: cannot be opened: Permission denied", error), error
        assert not list((here / "outs").iterdir())
        (here / name).chmod(0o644)
    (base / "extra").mkdir(mode=0)
    error = refused_to_nobody(here, base, donor, here / "outs" / "out")
    assert re.search("/extra.*: Permission denied", error), error
    (base / "extra").rmdir()
    donor.chmod(0o444)
    error = refused_to_nobody(here, base, donor, here / "outs" / "out")
    assert re.search("/donor/.*: cannot be looked at: Permission denied", error), error
    donor.chmod(0o755)


@case
def links_to_directories(here):
    base, donor = pair(here)
    (here / "elsewhere").mkdir()
    (here / "elsewhere" / "file").write_text("x")
    (base / "real").mkdir()
    for place, target in (("real/again", "."), ("up", ".."), ("out", "../elsewhere"),
                          ("same", "real"), ("real/deep", "../..")):
        (base / place).symlink_to(target)
        refused(here, base, donor, f"/{place}: is a link to a directory")
        (base / place).unlink()
    (base / "original").symlink_to("../elsewhere")  # which is left out
    call(base, donor, here / "out")
    assert not (here / "out" / "original").exists()


@case
def a_hub_id(here):
    base, donor = pair(here)
    refused(here, "meta-llama/Llama-2-7b-hf", donor, "meta-llama/Llama-2-7b-hf", "download")
    refused(here, base, "Qwen/Qwen3-0.6B", "Qwen/Qwen3-0.6B", "download")


@case
def missing_and_broken_files(here):
    for name, text in (("tokenizer.json", None), ("tokenizer.json", "{"), ("tokenizer.json", "[]"),
                       ("tokenizer.json", ""), ("config.json", None), ("config.json", "{]"),
                       ("model.safetensors", None)):
        for victim in ("base", "donor"):
            if (name, text, victim) == ("config.json", None, "donor"):
                continue  # a matrix and its tokenizer are enough of a donor
            where = here / f"{name}-{text}-{victim}".replace("/", "")
            base, donor = pair(where)
            path = (base if victim == "base" else donor) / name
            path.unlink()
            if text is not None:
                path.write_text(text)
            refused(where, base, donor, name)


@case
def standard_output_that_is_full(here):
    if not Path("/dev/full").exists():
        raise Skip("no /dev/full here")
    with open("/dev/full", "w") as full:
        done = subprocess.run([tool.TOOL, "--help"], stdout=full, stderr=subprocess.PIPE)
    assert done.returncode == 1 and b"standard output" in done.stderr



# ---- interruption ----------------------------------------------------------------------------


def interrupt(here, number, wait_for):
    base, donor = big_pair(here)
    process = subprocess.Popen([tool.TOOL, str(base), str(donor), str(here / "out"),
                                "--isa", "scalar",
                                "--threads", "1", "-k", "128", "--report", str(here / "r.json")],
                               stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    seen = b""
    while wait_for not in seen:
        line = process.stderr.readline()
        assert line, seen
        seen += line
    process.send_signal(number)
    out, rest = process.communicate(timeout=60)
    assert process.returncode == 130, (process.returncode, rest)
    assert rest.endswith(b"transplant: interrupted\n"), rest
    assert not out
    assert list(here.iterdir()) == [], list(here.iterdir())


@case
def control_c_while_solving(here):
    interrupt(here, signal.SIGINT, b"solving")


@case
def control_c_while_reading(here):
    interrupt(here, signal.SIGINT, b"reading")


@case
def termination(here):
    interrupt(here, signal.SIGTERM, b"solving")


@case
def an_ignored_hangup_stays_ignored(here):
    base, donor = big_pair(here)
    process = subprocess.Popen([tool.TOOL, str(base), str(donor), str(here / "out"), "-a", "mean"],
                               stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                               preexec_fn=lambda: signal.signal(signal.SIGHUP, signal.SIG_IGN))
    process.stderr.readline()
    process.send_signal(signal.SIGHUP)
    process.communicate(timeout=60)
    assert process.returncode == 0


if __name__ == "__main__":
    sys.exit(tool.main(CASES))

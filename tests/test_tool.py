#!/usr/bin/env python3
"""The command-line tool from the outside, in real processes and directories: its command
line, and what it writes.

    python3 tests/test_tool.py ./transplant [CASE...]

The last line is `N passed, N failed, N skipped`.
"""

import json
import os
import re
import signal
import struct
import subprocess
import sys
import time
from pathlib import Path

import tool
from tool import (BASE_CONFIG, BASE_COUNT, BASE_WORDS, COPIED, DONOR_COUNT, EMBED, HEAD, SHARED,
                  Skip, Tensor, base_id, base_model, big_pair, call, donor_id, donor_model, pair,
                  read_model, read_safetensors, refused, snapshot)

CASES, case = tool.cases()

# ---- the command line --------------------------------------------------------------


@case
def help_and_version(here):
    main = call("--help").out
    assert call("-h").out == main
    for word in ("inspect", "align", "verify", "--report", "--token-report", "--map", "--memory",
                 "--padding", "--dtype", "--cosine", "--ridge", "--tolerance", "OTX_ISA"):
        assert word in main, word
    texts = [main, *(call(c, "--help").out for c in ("inspect", "align", "verify"))]
    assert len(set(texts)) == 4
    assert all(len(line) <= 80 for text in texts for line in text.splitlines())
    assert re.match(r"transplant \d+\.\d+\.\d+\n", call("--version").out)


@case
def misuse(here):
    for args, word in [
            ((), "BASE DONOR OUT"), (("a",), "BASE DONOR OUT"), (("a", "b"), "BASE DONOR OUT"),
            (("a", "b", "c", "d"), "too many"), (("a", "--dry-run"), "too few"),
            (("inspect",), "./inspect"), (("inspect", "a", "b"), "./inspect"),
            (("align", "a"), "./align"), (("inspect", "a", "--k", "3"), "'k'"),
            (("verify",), "./verify"), (("verify", "a", "b"), "./verify"),
            (("verify", "a", "--dtype", "f32"), "'dtype'"),
            (("a", "b", "c", "--draft-for", "d"), "'draft-for'"),
            (("a", "b", "c", "--dtype", "i8"), "'i8'"), (("a", "b", "c", "--dtype", ""), "f8_e4m3"),
            (("a", "b", "c", "--padding", "one"), "mean zero"),
            (("align", "a", "b", "--dry-run"), "'dry-run'"), (("--bogus",), "'--bogus'"),
            (("-x",), "'-x'"), (("--k=",), "--k"), (("a", "b", "c", "-k"), "'-k'"),
            (("--kk=3", "a", "b", "c"), "'--kk=3'"), (("--quiet=1", "a", "b", "c"), "'--quiet=1'"),
            (("-qx", "a", "b", "c"), "'-qx'"), (("--k", "0", "a", "b", "c"), "'0'"),
            (("--k", "-3", "a", "b", "c"), "'-3'"), (("--k", "3x", "a", "b", "c"), "'3x'"),
            (("--k", "99999999999999999999", "a", "b", "c"), "whole number"),
            (("--threads", "0", "a", "b", "c"), "'0'"),
            (("--threads=many", "a", "b", "c"), "'many'"),
            (("--memory", "8Q", "a", "b", "c"), "'8Q'"), (("--memory", "0", "a", "b", "c"), "'0'"),
            (("--memory", "8GG", "a", "b", "c"), "'8GG'"), (("--memory", "", "a", "b", "c"), "''"),
            (("--memory", "99999999T", "a", "b", "c"), "size"),
            (("--rows", "all", "a", "b", "c"), "'all'"),
            (("--rows", "multiple-of:", "a", "b", "c"), "multiple-of:N"),
            (("--rows", "multiple-of:0", "a", "b", "c"), "multiple-of:N"),
            (("-a", "best", "a", "b", "c"), "omp omp-centred omp-affine affine mean zero"),
            (("--approximation-method=OMP", "a", "b", "c"),
             "omp omp-centred omp-affine affine mean zero"),
            (("a", "b", "c", "--report=r", "--token-report", "r"), "'r'"),
            (("--isa", "sse9", "a", "b", "c"), "scalar"), (("--", "--help"), "too few")]:
        error = call(*args, status=2).error
        assert word in error, f"{args}: {error}"
    assert "scalar" in call("a", "b", "c", status=2, env={"OTX_ISA": "sse9"}).error
    call("--help", env={"OTX_ISA": "sse9"})


@case
def options_stand_anywhere(here):
    base, donor = pair(here)
    for i, args in enumerate([
            ("-q", "-k", "3", base, donor, "{out}"), (base, "--k=3", donor, "-q", "{out}"),
            (base, donor, "{out}", "--k", "3", "--quiet"),
            ("-k3", "-q", "--", base, donor, "{out}"),
            (base, donor, "{out}", "--k", "99", "-q", "-k", "3")]):
        out = here / f"out{i}"
        call(*[str(a).format(out=out) for a in args])
        assert snapshot(out) == snapshot(here / "out0")


@case
def a_directory_named_like_a_command(here):
    base_model().write(here / "inspect")
    donor_model().write(here / "align")
    call("./inspect", "align", "-q", "out", cwd=here)
    assert (here / "out" / "config.json").exists()
    assert "tensors" in call("inspect", "inspect", cwd=here).out
    call("inspect", "align", "out2", cwd=here, status=2)


@case
def quiet_and_plain_progress(here):
    models = Path(__file__).resolve().parent.parent / "examples/models"
    base, donor = models / "base", models / "donor"
    done = call(base, donor, here / "a", "--quiet")
    assert done.out == "" and done.err == "", done
    done = call(base, donor, here / "b")
    assert "\r" not in done.err and "solving" in done.err and "writing" in done.err
    assert str(here / "b") in done.out


@case
def progress_on_a_terminal(here):
    try:
        import fcntl
        import pty
        import termios
    except ImportError:
        raise Skip("no pseudo terminals here")
    base, donor = big_pair(here)
    for columns, env in ((80, {"COLUMNS": "80"}), (44, {})):
        master, terminal = pty.openpty()
        fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 44, 0, 0))
        clean = {k: v for k, v in os.environ.items() if k not in ("COLUMNS", "OTX_ISA")}
        start = time.monotonic()
        process = subprocess.Popen([tool.TOOL, str(base), str(donor), str(here / "out"),
                                    "-k", "128"],
                                   stderr=terminal, env={**clean, **env})
        os.close(terminal)
        seen, enough = b"", False
        while True:
            try:
                seen += os.read(master, 65536)
            except OSError:  # how Linux says that the other end is closed
                break
            if b"left" in seen.partition(b"note: solver: ")[2] and not enough:
                enough = True  # a second signal would end it without a word
                process.send_signal(signal.SIGTERM)
        os.close(master)
        assert process.wait() == 130
        lines = re.split(rb"[\r\n]+", seen)
        bars = [line for line in lines if b"%" in line and not line.startswith(b"transplant:")]
        assert any(b"note: solver: " in line for line in lines), lines
        assert bars and all(len(line) == columns - 1 for line in bars), bars
        assert len(bars) <= 10 * (time.monotonic() - start) + 2
        assert any(b"#" in line for line in bars) == (columns == 80)
        assert lines[-3].strip() == b"" and lines[-2] == b"transplant: interrupted", lines[-4:]



# ---- what it writes ------------------------------------------------------------------


def check_copied(out, base, donor, matrix, count):
    """Rows of shared tokens are the base's bit for bit."""
    copied = 0
    for word in SHARED:
        assert out[matrix].row(donor_id("▁" + word)) == base[matrix].row(base_id("Ġ" + word))
        copied += 1
    for theirs, ours in (("<0x41>", "A"), ("<0x0A>", "Ċ"), ("é", "Ã©")):
        assert out[matrix].row(donor_id(theirs)) == base[matrix].row(base_id(ours)), theirs
        copied += 1
    assert copied == count
    assert out[matrix].row(1) == base[matrix].row(BASE_COUNT - 2), "<s> in its role"
    assert out[matrix].row(2) == base[matrix].row(BASE_COUNT - 1), "</s> in its role"


@case
def the_output_directory(here):
    for dtype in ("F32", "F16", "BF16", "F64"):
        for shards in (None, [[EMBED, "odd"], ["model.layers.0.mlp.weight", "model.norm.weight"],
                              ["model.layers.0.ids", HEAD]]):
            where = here / f"{dtype}-{bool(shards)}"
            base, donor = base_model(dtype), donor_model()
            base.shards = shards
            pair(where, base, donor)
            call(where / "base", where / "donor", where / "out", "-q")
            files, was = snapshot(where / "out"), snapshot(where / "base")
            tensors = read_model(where / "out")
            assert set(tensors) == set(base.tensors)
            for name, tensor in base.tensors.items():
                if name in (EMBED, HEAD):
                    assert tensors[name].shape == [DONOR_COUNT, 16]
                    assert tensors[name].dtype == dtype
                    check_copied(tensors, base.tensors, donor, name, COPIED)
                else:
                    assert tensors[name].data == tensor.data and tensors[name].shape == tensor.shape
            for name in ("tokenizer.json", "tokenizer_config.json", "special_tokens_map.json",
                         "chat_template.jinja"):
                assert files[name] == (where / "donor" / name).read_bytes(), name
            for name in ("README.md", "modeling_x.py"):
                assert files[name] == was[name], name
            kept = set(was) - {"vocab.bpe", "merges.txt"}
            brought = {"special_tokens_map.json", "chat_template.jinja"}
            assert set(files) == kept | brought, set(files)
            if shards:  # a shard without a vocabulary matrix is the same file
                name = "model-00002-of-00003.safetensors"
                assert read_safetensors(where / "out" / name).keys() == set(shards[1])


@case
def tensors_of_any_type_are_copied(here):
    base = base_model()
    sizes = {"BOOL": 3, "F4": 2, "F6_E2M3": 3, "F6_E3M2": 3, "U8": 3, "I8": 3, "F8_E5M2": 3,
             "F8_E4M3": 3, "F8_E8M0": 3, "F8_E4M3FNUZ": 3, "F8_E5M2FNUZ": 3, "I16": 6, "U16": 6,
             "F16": 6, "BF16": 6, "I32": 12, "U32": 12, "F32": 12, "C64": 24, "F64": 24,
             "I64": 24, "U64": 24}
    for dtype, size in sizes.items():
        shape = [4] if dtype[:3] in ("F4", "F6_") else [3]
        base.tensors[f"model.layers.0.{dtype}"] = Tensor(dtype, shape, bytes(range(1, size + 1)))
    pair(here, base=base)
    call(here / "base", here / "donor", here / "out", "-q")
    out = read_model(here / "out")
    for dtype in sizes:
        name = f"model.layers.0.{dtype}"
        assert (out[name].dtype, out[name].data) == (dtype, base.tensors[name].data), dtype


@case
def matrices_in_another_type(here):
    base, donor = pair(here)
    call(base, donor, here / "plain", "-q")
    plain = read_model(here / "plain")
    for dtype in ("bf16", "F64", "f8_e4m3", "F8_E5M2"):
        call(base, donor, here / dtype, "-q", "--dtype", dtype)
        out = read_model(here / dtype)
        for name in (EMBED, HEAD):
            assert out[name].dtype == dtype.upper() and out[name].shape == plain[name].shape
        config = json.loads((here / dtype / "config.json").read_text())
        assert config["torch_dtype"] == "float32", "what the rest is in"
        if dtype == "F64":
            row = donor_id("▁ba")
            assert out[EMBED].values(row) == plain[EMBED].values(row)
    for value in (449.0, 465.0, 1e5):  # from 464 on it rounds beyond 448
        odd = base_model()
        odd.tensors[EMBED].set_row(base_id("Ġba"), [value] * 16)
        odd.write(here / f"odd{value}")
        if value < 464:
            call(here / f"odd{value}", donor, here / f"out{value}", "-q", "--dtype", "f8_e4m3")
        else:
            refused(here, here / f"odd{value}", donor, "▁ba", "F8_E4M3", "--saturate",
                    args=["--dtype", "f8_e4m3"])


@case
def padding_rows(here):
    base, donor = pair(here)
    for how in ("mean", "zero"):
        done = call(base, donor, here / how, "-q", "--rows", "multiple-of:64", "--padding", how)
        assert ("will be zeros" in done.err) == (how == "zero"), done.err
        rows = read_model(here / how)[HEAD]
        assert (rows.row(DONOR_COUNT) == bytes(16 * 4)) == (how == "zero")
        verdict = call("verify", here / how).out
        assert verdict.endswith("0 errors, %d warnings\n" % (how == "zero")), verdict


@case
def configs_are_edited_in_place(here):
    base, donor = pair(here)
    call(base, donor, here / "out", "-q")
    wanted = BASE_CONFIG % (2, DONOR_COUNT, "false", 1)
    assert (here / "out" / "config.json").read_text() == wanted
    text = (here / "out" / "generation_config.json").read_text()
    assert '"temperature": 0.60' in text
    content = json.loads(text)
    assert content["bos_token_id"] == 1 and content["eos_token_id"] in (2, [2])
    assert list(content) == ["temperature", "eos_token_id", "bos_token_id"]


@case
def tied_and_untied(here):
    for base_tied in (False, True):
        for donor_tied in (False, True):
            where = here / f"{base_tied}-{donor_tied}"
            base, donor = base_model(tied=base_tied), donor_model(tied=donor_tied)
            pair(where, base, donor)
            call(where / "base", where / "donor", where / "out", "-q")
            out = read_model(where / "out")
            assert set(out) == set(base.tensors)
            config = json.loads((where / "out" / "config.json").read_text())
            assert config["tie_word_embeddings"] == base_tied
            for name in set(out) & {EMBED, HEAD}:
                check_copied(out, base.tensors, donor, name, COPIED)


@case
def approximated_rows(here):
    """Rows that are multiples of an anchor's row come out as that multiple of the base's."""
    base, donor = base_model(), donor_model()
    anchor = donor_id("▁ba")
    for name in (EMBED, HEAD):
        donor.tensors[name].set_row(donor_id("donor7"),
                                    [2 * v for v in donor.tensors[name].values(anchor)])
    pair(here, base, donor)
    call(here / "base", here / "donor", here / "out", "-q", "-a", "omp", "-k", "1")
    out = read_model(here / "out")
    for name in (EMBED, HEAD):
        seen = out[name].values(donor_id("donor7"))
        wanted = [2 * v for v in base.tensors[name].values(base_id("Ġba"))]
        assert seen == wanted, (seen, wanted)


@case
def mean_and_zero(here):
    base = base_model()
    pair(here, base)
    call(here / "base", here / "donor", here / "mean", "-q", "-a", "mean")
    call(here / "base", here / "donor", here / "zero", "-q", "--approximation-method=zero")
    mean, zero = read_model(here / "mean"), read_model(here / "zero")
    for name in (EMBED, HEAD):
        columns = zip(*(base.tensors[name].values(i) for i in range(BASE_COUNT)))
        wanted = [sum(c) / BASE_COUNT for c in columns]
        for word in ("donor3", "<0xFE>"):
            seen = mean[name].values(donor_id(word))
            assert all(abs(a - b) < 1e-6 for a, b in zip(seen, wanted)), (seen, wanted)
            assert zero[name].row(donor_id(word)) == bytes(16 * 4)
        check_copied(mean, base.tensors, None, name, COPIED)
        check_copied(zero, base.tensors, None, name, COPIED)


@case
def how_many_rows(here):
    base, donor = pair(here, donor=donor_model(rows=DONOR_COUNT + 9))
    rounded = (DONOR_COUNT + 63) // 64 * 64
    assert DONOR_COUNT % 64
    for how, rows in (("donor", DONOR_COUNT + 9), ("tokenizer", DONOR_COUNT),
                      ("multiple-of:64", rounded), ("multiple-of:1", DONOR_COUNT)):
        report = here / "report.json"
        call(base, donor, here / "out", "-q", "--overwrite", "--rows", how, "--report", report)
        out = read_model(here / "out")
        assert out[EMBED].shape == out[HEAD].shape == [rows, 16], how
        assert json.loads((here / "out" / "config.json").read_text())["vocab_size"] == rows
        assert json.loads(report.read_text())["tokens"]["padding"] == rows - DONOR_COUNT
        if rows > DONOR_COUNT:  # a padding row of the head cannot win; the embedding's is a mean
            assert any(out[EMBED].values(DONOR_COUNT))
            assert any(out[HEAD].values(DONOR_COUNT))
            assert out[EMBED].row(DONOR_COUNT) == out[EMBED].row(rows - 1)


@case
def maps(here):
    base_words = BASE_WORDS + ["x=y", "a\\b"]
    base, donor = base_model(words=base_words), donor_model()
    pair(here, base, donor)
    options = ["--map", "donor0=base3", "--map=#%d=#5" % donor_id("donor1"),
               "--map", "\\x64onor2=x=y", "--map", "donor3=a\\\\b", "--map", "é=base0",
               "--map", "<unk>=<|end|>"]
    call(here / "base", here / "donor", here / "out", "-q", *options, "--report", here / "r.json")
    out = read_model(here / "out")
    for theirs, row in (("donor0", base_id("base3")), ("donor1", 5),
                        ("donor2", len(base_words) - 2), ("donor3", len(base_words) - 1),
                        ("é", base_id("base0"))):
        for name in (EMBED, HEAD):
            assert out[name].row(donor_id(theirs)) == base.tensors[name].row(row), theirs
    assert out[EMBED].row(0) == base.tensors[EMBED].row(len(base_words) + 1)
    assert json.loads((here / "r.json").read_text())["tokens"]["mapped"] == 6
    for entry, needle in (("nonesuch=base3", "nonesuch"), ("donor0=nonesuch", "nonesuch"),
                          ("donor0", "donor0"), ("#9999=base3", "9999"), ("donor0=#9999", "9999"),
                          ("\\xZZ=base3", "xZZ")):
        refused(here, here / "base", here / "donor", needle, args=["--overwrite", "--map", entry])


@case
def memory_sizes(here):
    base, donor = pair(here)
    for i, size in enumerate(("64M", "64MB", "64MiB", "1G", "67108864", "1T")):
        call(base, donor, here / f"out{i}", "-q", "--memory", size)
        assert snapshot(here / f"out{i}") == snapshot(here / "out0")
    refused(here, base, donor, "memory|budget", args=["--memory", "1"])


@case
def overwriting(here):
    base, donor = pair(here)
    base_model().write(here / "out")
    (here / "out" / "stale.txt").write_text("old")
    error = refused(here, base, donor, "out", "--overwrite")
    assert (here / "out" / "stale.txt").exists(), error
    call(base, donor, here / "out", "-q", "--overwrite")
    assert not (here / "out" / "stale.txt").exists()
    assert sorted(p.name for p in here.iterdir()) == ["base", "donor", "out"]
    (here / "file").write_text("not a directory")
    (here / "other").mkdir()
    (here / "other" / "thesis.txt").write_text("no model")
    for name in ("file", "other"):  # what is no model is not replaced at all
        call(base, donor, here / name, "--overwrite", status=1)
    assert (here / "file").read_text() == "not a directory"
    assert (here / "other" / "thesis.txt").read_text() == "no model"
    for model in (base, donor):  # an output over an input would destroy it
        before = snapshot(model)
        call(base, donor, model, status=1)
        assert snapshot(model) == before


@case
def overwriting_an_input(here):
    base, donor = pair(here)
    for model in (base, donor):
        before = snapshot(model)
        call(base, donor, model, "-q", "--overwrite", status=1)
        assert snapshot(model) == before


@case
def inputs_through_links(here):
    base, donor = pair(here)
    (here / "blobs").mkdir()
    for file in list(base.iterdir()):
        target = here / "blobs" / ("x" + str(len(list((here / "blobs").iterdir()))))
        file.rename(target)
        file.symlink_to(target)
    call(base, donor, here / "out", "-q")
    assert not any(p.is_symlink() for p in (here / "out").iterdir())
    assert read_model(here / "out")[EMBED].shape == [DONOR_COUNT, 16]



# ---- one result, however it is computed -----------------------------------------------------


@case
def kernels_and_threads_agree(here):
    base, donor = pair(here, base_model(hidden=37), donor_model(hidden=29))
    kernels = re.search(r"^kernels: +(.*);", call("--version").out, re.M)[1].split()
    assert "scalar" in kernels
    call(base, donor, here / "first", "-q", "-k", "20", "--isa", "scalar", "--threads", "1")
    wanted = snapshot(here / "first")
    for kernel in kernels:
        for threads in (1, 2, 3):
            call(base, donor, here / "out", "-q", "-k", "20", "--overwrite", "--threads", threads,
                 "--report", here / "r.json", env={"OTX_ISA": kernel})
            assert snapshot(here / "out") == wanted, (kernel, threads)
            assert json.loads((here / "r.json").read_text())["isa"] == kernel
    # The option wins over the variable.
    call(base, donor, "--dry-run", "-q", "--isa", "scalar", "--report", here / "r.json",
         env={"OTX_ISA": kernels[-1]})
    assert json.loads((here / "r.json").read_text())["isa"] == "scalar"
    for absent in {"avx2", "avx512", "neon"} - set(kernels):
        refused(here, base, donor, absent, args=["--isa", absent, "--overwrite"])


if __name__ == "__main__":
    sys.exit(tool.main(CASES))

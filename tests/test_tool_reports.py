#!/usr/bin/env python3
"""What the tool reports, and its commands inspect and align.

    python3 tests/test_tool_reports.py ./transplant [CASE...]

The last line is `N passed, N failed, N skipped`.
"""

import base64
import json
import re
import shutil
import struct
import subprocess
import sys
from pathlib import Path

import tool
from tool import (APPROXIMATED, BASE_COUNT, BY_ROLE, COPIED, DONOR_COUNT, EMBED, HEAD, Skip,
                  Tensor, base_id, base_model, call, donor_id, donor_model, header_bytes, noise,
                  pair, read_model, refused, refused_to_nobody)

CASES, case = tool.cases()

# ---- reports ---------------------------------------------------------------------------

REPORT_KEYS = ["version", "base", "donor", "method", "head_method", "k", "isa", "threads",
               "digits", "tokens", "matrices", "peak_bytes", "seconds"]
TOKEN_KEYS = ["total", "copied", "by_role", "mapped", "approximated", "unused", "padding"]
MATRIX_KEYS = ["name", "rows", "columns", "dtype", "method", "anchors", "approximated",
               "mean_relative_residual", "max_relative_residual", "seconds"]
SOLVER_KEYS = ["form", "steps", "passes", "columns", "candidates", "candidates_99", "fallbacks",
               "peak_bytes", "plan"]


def check_report(report, dry):
    assert list(report) == REPORT_KEYS, list(report)
    tokens = report["tokens"]
    assert list(tokens) == TOKEN_KEYS, list(tokens)
    assert tokens["total"] == DONOR_COUNT
    assert tokens["total"] == sum(tokens[k] for k in TOKEN_KEYS[1:-1])
    assert tokens["copied"] == COPIED and tokens["by_role"] == BY_ROLE
    assert tokens["approximated"] == APPROXIMATED and tokens["padding"] == 0
    assert sorted(m["name"] for m in report["matrices"]) == sorted([EMBED, HEAD])
    for matrix in report["matrices"]:
        assert list(matrix)[:len(MATRIX_KEYS)] == MATRIX_KEYS, list(matrix)
        assert (matrix["rows"], matrix["columns"], matrix["dtype"]) == (DONOR_COUNT, 16, "F32")
        assert matrix["anchors"] == COPIED and matrix["approximated"] == APPROXIMATED
        assert ("solver" in matrix) == (not dry)
        if not dry:
            assert list(matrix["solver"]) == SOLVER_KEYS, list(matrix["solver"])
            assert matrix["solver"]["plan"].startswith(matrix["solver"]["form"] + " form in blocks")
            mean, most = matrix["mean_relative_residual"], matrix["max_relative_residual"]
            assert 0 < mean <= most < 1, (mean, most)
            assert matrix["seconds"] >= 0


@case
def the_report(here):
    base, donor = pair(here)
    call(base, donor, here / "out", "-q", "-a", "omp", "-k", "5", "--threads", "2", "--isa",
         "scalar", "--report", here / "r.json")
    report = json.loads((here / "r.json").read_text())
    check_report(report, dry=False)
    assert report["k"] == 5 and report["method"] == "omp" and report["isa"] == "scalar"
    assert report["base"] == str(base) and report["donor"] == str(donor)
    assert report["threads"] in (1, 2) and report["peak_bytes"] > 0 and report["seconds"] >= 0
    assert sorted(p.name for p in here.iterdir()) == ["base", "donor", "out", "r.json"]


@case
def a_dry_run(here):
    base, donor = pair(here)
    before = sorted(here.rglob("*"))
    done = call(base, donor, "--dry-run")
    assert call(base, donor, here / "out", "--dry-run").out == done.out
    assert sorted(here.rglob("*")) == before
    for what, count in (("tokens", DONOR_COUNT), ("copied", COPIED), ("by role", BY_ROLE),
                        ("approximated", APPROXIMATED)):
        assert re.search(rf"^  {what} +{count}\b", done.out, re.M), done.out
    assert EMBED in done.out and HEAD in done.out
    call(base, donor, "--dry-run", "-q", "--report", here / "r.json", "--token-report", here / "t")
    check_report(json.loads((here / "r.json").read_text()), dry=True)
    assert sorted(p.name for p in here.iterdir()) == ["base", "donor", "r.json", "t"]


def unescape(text):
    return re.sub(rb"\\(x[0-9a-f]{2}|.)",
                  lambda m: bytes([int(m[1][1:], 16)]) if m[1][:1] == b"x" else m[1], text.encode())


def combinations(path):
    """What a token report says of each tensor: {tensor: {id: [(donor, base, coefficient)]}}."""
    lines = [line.split("\t") for line in path.read_text().splitlines()]
    head, found = lines[0], {}
    for at, column in enumerate(head):
        if not column.startswith("anchors:"):
            continue
        found[column[len("anchors:"):]] = {
            int(row[0]): [(int(d), int(b), float(c)) for d, b, c in
                          (term.split(":") for term in row[at].split())]
            for row in lines[1:] if row[at]}
    return found


@case
def a_head_of_another_size(here):
    """Whatever its name, it is not taken for something else and left as it is."""
    for name in (HEAD, "embed_out.weight", "output.weight"):
        base = base_model()
        base.tensors.pop(HEAD)
        base.tensors[name] = noise(4, "F32", BASE_COUNT + 64, 16)
        refused(here, *pair(here, base=base), name, "another number of rows")
        shutil.rmtree(here / "base"), shutil.rmtree(here / "donor")


@case
def means_beyond_float(here):
    """A padding row's mean is taken in double; where even that overflows it is refused."""
    base = base_model("F64")
    for name in (EMBED, HEAD):
        for i in range(base.tensors[name].shape[0]):
            base.tensors[name].set_row(i, [(3e38 + i * 1e30) * (-1) ** (i + 1)] * 16)
    base, donor = pair(here, base=base)
    call(base, donor, here / "out", "-q", "-k", "4", "--rows", "multiple-of:4096")
    made = read_model(here / "out")[EMBED]
    assert made.shape == [4096, 16] and all(abs(x) < 1e300 for x in made.values(4095))


@case
def an_empty_report_name(here):
    base, donor = pair(here)
    for option in ("--report", "--token-report"):
        call(base, donor, here / "out", option, "", status=2)
        call(base, donor, here / "out", option + "=", status=2)
    assert not (here / "out").exists()


@case
def a_closed_pipe(here):
    """Nobody reads what is printed: the model is written all the same."""
    base, donor = pair(here)
    run = subprocess.Popen([tool.TOOL, base, donor, here / "out"], stdout=subprocess.PIPE,
                           stderr=subprocess.PIPE)
    run.stdout.close(), run.stderr.close()
    run.wait(60)
    assert read_model(here / "out")[EMBED].shape[0] == DONOR_COUNT
    assert sorted(p.name for p in here.iterdir()) == ["base", "donor", "out"]


@case
def rows_are_the_combinations_reported(here):
    """New rows are what the token report says, by each method that solves."""
    base, donor = pair(here)
    for method in ("omp", "omp-centred"):
        call(base, donor, here / method, "-q", "-k", "4", "-a", method,
             "--token-report", here / "t.tsv")
        old, new = read_model(base), read_model(here / method)
        lines = [line.split("\t") for line in (here / "t.tsv").read_text().splitlines()[1:]]
        anchors = [int(line[4]) for line in lines if line[3] == "copy"]
        assert len(anchors) == COPIED  # in this pair every copied token is an anchor
        for name, tokens in combinations(here / "t.tsv").items():
            rows = [old[name].values(i) for i in range(old[name].shape[0])]
            made = [new[name].values(i) for i in range(new[name].shape[0])]
            centre = [sum(column) / len(anchors) for column in zip(*(rows[i] for i in anchors))]
            assert len(tokens) == APPROXIMATED and old[name].dtype == "F32"
            for id, terms in tokens.items():
                assert 1 <= len(terms) <= 4
                share = 1 - sum(c for _, _, c in terms) if method == "omp-centred" else 0
                for i, value in enumerate(made[id]):
                    wanted = sum(c * rows[b][i] for _, b, c in terms) + share * centre[i]
                    assert abs(value - wanted) < 1e-5 * (1 + abs(wanted)), (method, name, id, i)


@case
def the_token_report(here):
    base, donor = pair(here, donor=donor_model(rows=DONOR_COUNT + 2))
    call(base, donor, here / "out", "-q", "-k", "4", "--token-report", here / "t.tsv")
    lines = (here / "t.tsv").read_text().splitlines()
    head, rows = lines[0].split("\t"), [line.split("\t") for line in lines[1:]]
    assert all(len(row) == len(head) for row in rows)
    ids = [int(row[0]) for row in rows]
    assert sorted(set(ids)) == list(range(DONOR_COUNT + 2)), "every id has a line"
    by_id = {int(row[0]): row for row in reversed(rows)}
    assert any(unescape(cell) == b" ba" for cell in by_id[donor_id("▁ba")])
    assert str(base_id("Ġba")) in by_id[donor_id("▁ba")] and "copy" in by_id[donor_id("▁ba")]
    assert "role" in by_id[1] and str(BASE_COUNT - 2) in by_id[1]
    assert "approximate" in by_id[donor_id("donor0")]
    assert "padding" in by_id[DONOR_COUNT + 1]


@case
def reports_appear_whole(here):
    base, donor = pair(here)
    error = call(base, donor, here / "out", "--report", here / "none" / "r.json", status=1).error
    assert "r.json" in error and sorted(p.name for p in here.iterdir()) == ["base", "donor"]
    (here / "r.json").write_text("old")
    donor_bad = donor_model()
    donor_bad.tensors[EMBED].set_row(donor_id("donor0"), [float("nan")] * 12)
    donor_bad.write(here / "bad")
    call(base, here / "bad", here / "out", "--report", here / "r.json", status=1)
    assert (here / "r.json").read_text() == "old"
    (here / "link.json").symlink_to("target.json")
    call(base, donor, here / "out", "-q", "-a", "omp", "--report", here / "link.json")
    assert (here / "link.json").is_symlink()
    check_report(json.loads((here / "target.json").read_text()), dry=False)
    if Path("/dev/full").exists():
        error = call(base, donor, "--dry-run", "--report", "/dev/full", status=1).error
        assert "/dev/full" in error, error



# ---- sub-commands -----------------------------------------------------------------------


@case
def inspect(here):
    base = base_model("BF16")
    base.shards = [[EMBED, "odd"], [n for n in base.tensors if n not in (EMBED, "odd")]]
    base.write(here / "base")
    out = call("inspect", here / "base").out
    for name, tensor in base.tensors.items():
        shape = re.escape(f"[{', '.join(map(str, tensor.shape))}]")
        size = re.escape(f"{len(tensor.data):,}")
        assert re.search(rf"^{re.escape(name)} +{tensor.dtype} +{size}  {shape}", out, re.M), out
    assert "6 tensors" in out and "2 files" in out and "model-00001-of-00002.safetensors" in out
    assert "vocabulary: byte-level BPE" in out
    for what, count in (("tokens", BASE_COUNT), ("text", BASE_COUNT - 2), ("control", 2)):
        assert re.search(rf"^  {what} +{count}$", out, re.M), out
    assert re.search(rf'^  eos +{BASE_COUNT - 1}  "<\|end\|>"$', out, re.M), out
    one = call("inspect", here / "base" / "model-00001-of-00002.safetensors").out
    assert "2 tensors" in one and "vocabulary" not in one
    vocabulary = call("inspect", here / "base" / "tokenizer.json").out
    assert vocabulary.startswith("vocabulary: byte-level BPE") and "tensors" not in vocabulary
    assert "metaspace BPE" in call("inspect", donor_model().write(here / "donor")).out
    error = call("inspect", here / "nonesuch", status=1).error
    assert "nonesuch" in error, error


def kinds_of_tokenizer(here):
    """One of each kind of file with tokens, and what inspect says of it."""
    def piece(text, kind):
        inner = bytes([0x0a, len(text)]) + text + b"\x15\0\0\0\0\x18" + bytes([kind])
        return bytes([0x0a, len(inner)]) + inner
    pieces = [(b"<unk>", 2), (b"<s>", 3), (b"</s>", 3), ("▁a".encode(), 1)]
    tekken = {"config": {"pattern": "x", "num_vocab_tokens": 256, "default_vocab_size": 259,
                         "default_num_special_tokens": 3, "version": "v3"},
              "vocab": [{"rank": i, "token_bytes": base64.b64encode(bytes([i])).decode(),
                         "token_str": None} for i in range(256)],
              "special_tokens": [{"rank": i, "token_str": s, "is_control": True}
                                 for i, s in enumerate(("<unk>", "<s>", "</s>"))]}
    return [
        ("tokenizer.json", json.dumps(tool.byte_level_tokenizer(["a", "b"])).encode(),
         ("byte-level BPE", "tokenizer.json", 4, 2)),
        ("tekken.json", json.dumps(tekken).encode(), ("plain BPE", "tekken.json", 259, 3)),
        ("tokenizer.model", b"".join(piece(*p) for p in pieces),
         ("metaspace Unigram", "SentencePiece", 4, 3)),
        ("qwen.tiktoken", b"YQ== 0\nYg== 1\n", ("plain BPE", "tiktoken", 2, 0)),
        ("vocab.json", json.dumps({"a": 0, "Ġb": 1, "<|endoftext|>": 2}).encode(),
         ("byte-level BPE", "vocab.json", 3, 0)),
        ("vocab.txt", "[PAD]\n[UNK]\na\n##b\n".encode(),
         ("wordpiece WordPiece", "vocab.txt", 4, 0))]


@case
def inspect_tokenizers_of_any_kind_and_name(here):
    files = kinds_of_tokenizer(here)
    for i, (name, content, (kind, source, tokens, added)) in enumerate(files):
        for other in (name, "x", files[i - 1][0], "0123abcd", "weights.safetensors.txt"):
            path = here / other
            path.write_bytes(content)
            out = call("inspect", path).out
            assert out.startswith(f"vocabulary: {kind}\n"), out
            assert re.search(rf"^  read from +{re.escape(source)}$", out, re.M), out
            for what, count in (("tokens", tokens), ("added", added)):
                assert re.search(rf"^  {what} +{count}$", out, re.M), out
            assert ("  eos  " in out) == (name not in ("tokenizer.json", "qwen.tiktoken",
                                                       "vocab.txt")), out
            path.unlink()


def gguf_part(number, tensors):
    """A part of a GGUF file that is split in two, without a vocabulary."""
    def sized(text):
        return struct.pack("<Q", len(text)) + text.encode()
    keys = [sized("split.no") + struct.pack("<IH", 2, number),
            sized("split.count") + struct.pack("<IH", 2, 2),
            sized("split.tensors.count") + struct.pack("<Ii", 5, 2),
            sized("a.list") + struct.pack("<IIQ5f", 9, 6, 5, 0.5, 1, 2, 3, 4),
            sized("a.flag") + struct.pack("<IB", 7, 1),
            sized("a.text") + struct.pack("<I", 8) + sized("\x1b[31m" + "x" * 1000)]
    head = b"GGUF" + struct.pack("<IQQ", 3, len(tensors), len(keys)) + b"".join(keys)
    for name, kind, width, size in tensors:
        head += sized(name) + struct.pack("<IQQIQ", 2, width, 3, kind, 0)
        head += bytes(-len(head) % 32 + 3 * size)
    return head


@case
def inspect_gguf(here):
    name = "small-{:05}-of-00002.gguf".format
    (here / name(1)).write_bytes(gguf_part(0, [("token_embd.weight", 14, 256, 210)]))
    (here / name(2)).write_bytes(gguf_part(1, [("x", 21, 512, 220)]))
    for given in (here / name(1), here):
        out = call("inspect", given).out
        assert out.startswith("GGUF of version 3, 6 keys\n"), out
        assert "\nsplit.count          u16              2\n" in out, out
        assert re.search(r"^a\.list +f32\[5\] +0\.5, 1, 2, 3, \.\.\.$", out, re.M), out
        assert re.search(r"^a\.flag +bool +true$", out, re.M), out
        assert re.search(r'^a\.text +string +"\\x1b\[31mx{80,100}\.\.\."$', out, re.M), out
        assert re.search(rf"^token_embd\.weight +Q6_K +630  \[3, 256\]  {name(1)}$", out, re.M), out
        assert re.search(rf"^x +IQ3_S +660  \[3, 512\]  {name(2)}$", out, re.M), out
        assert "2 tensors, 1,290 bytes, 2 files\n" in out, out
    error = call("inspect", here / name(2), status=1).error
    assert f'is part 2 of 2 of a split GGUF file; give the first, "{name(1)}"' in error, error


@case
def inspect_what_it_does_not_know(here):
    for content, looks in ((b"", "nothing"), (b"words and lines\n", "text"), (b"\0\1\2", "bytes"),
                           (b'{"model_type": "llama"}', "a config.json"),
                           (b'{"weight_map": {}}', "an index of weights"), (b"{", "JSON"),
                           (b"PK\3\4", "PyTorch")):
        (here / "file").write_bytes(content)
        error = call("inspect", here / "file", status=1).error
        assert re.search(f"/file: (looks like|is) (an? )?{re.escape(looks)}", error), error
    # Weights are known by what they hold too.
    base = base_model().write(here / "base")
    (base / "model.safetensors").rename(here / "blob")
    assert EMBED in call("inspect", here / "blob").out
    error = call("align", base, here / "blob", status=1).error
    assert "holds no tokens" in error, error


@case
def inspect_what_cannot_be_read(here):
    base = base_model().write(here / "base")
    (base / "model.safetensors").chmod(0)
    error = refused_to_nobody(here, "inspect", base)
    assert "/model.safetensors: cannot be opened: Permission denied" in error, error
    (base / "model.safetensors").unlink()
    (base / "model.safetensors").symlink_to("nothing")
    error = call("inspect", base, status=1).error
    assert "/model.safetensors: is a link that leads nowhere" in error, error
    (base / "model.safetensors").unlink()
    assert call("inspect", base).out.startswith("vocabulary: byte-level BPE")


@case
def files_of_more_than_2_gib(here):
    """On a 32-bit system too, where that takes a definition before the first header."""
    size = 5 << 29
    header = header_bytes({"big": {"dtype": "U8", "shape": [size], "data_offsets": [0, size]}})
    path = here / "big.safetensors"
    with open(path, "wb") as file:
        file.write(header)
        try:
            file.truncate(len(header) + size)
        except OSError:
            raise Skip("no sparse files here")
    assert f"{size:,}" in call("inspect", path).out


@case
def hostile_names_are_escaped(here):
    base = base_model()
    base.tensors["evil\x1b[2J\n\x00\u202e"] = Tensor("U8", [1], b"\1")
    base.write(here / "base")
    done = call("inspect", here / "base")
    assert "evil\\x1b[2J\\x0a\\x00\\xe2\\x80\\xae" in done.out and "\x1b" not in done.out


@case
def align(here):
    base, donor = pair(here)
    out = call("align", base, donor).out
    for what, count in (("tokens", DONOR_COUNT), ("copied", COPIED), ("by role", BY_ROLE),
                        ("approximated", APPROXIMATED), ("unused", 0), ("anchors", COPIED)):
        assert re.search(rf"^  {what} +{count}\b", out, re.M), out
    assert re.search(rf'^ +1  "<s>" -> {BASE_COUNT - 2}  "<\|begin\|>"$', out, re.M), out
    assert re.search(rf'^ +{donor_id("donor0")}  "donor0"$|^ +0  "<unk>"$', out, re.M), out
    files = call("align", base / "tokenizer.json", donor / "tokenizer.json").out
    assert "copied" in files
    assert "nonesuch" in call("align", base, here / "nonesuch", status=1).error


if __name__ == "__main__":
    sys.exit(tool.main(CASES))

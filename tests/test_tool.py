#!/usr/bin/env python3
"""Tests the command-line tool from the outside: real processes, real directories.

    python3 tests/test_tool.py ./transplant

Needs the standard library alone. The models it works on are made here, a few
kilobytes each; the last line is `N passed, N failed, N skipped`.
"""

import json
import os
import random
import re
import resource
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
import time
import traceback
from pathlib import Path

TOOL = ""
WORK = Path()
CASES = []

# ---- models ------------------------------------------------------------------

SIZES = {"F64": 8, "F32": 4, "F16": 2, "BF16": 2, "F8_E4M3": 1, "F8_E5M2": 1, "I64": 8, "U8": 1}


def pack(dtype, values):
    if dtype == "BF16":  # the callers' values are exact in it
        return b"".join(struct.pack("<f", v)[2:] for v in values)
    return struct.pack(f"<{len(values)}{ {'F64': 'd', 'F32': 'f', 'F16': 'e'}[dtype]}", *values)


def unpack(dtype, data):
    if dtype == "BF16":
        return [struct.unpack("<f", b"\0\0" + data[i:i + 2])[0] for i in range(0, len(data), 2)]
    code = {"F64": "d", "F32": "f", "F16": "e"}[dtype]
    return list(struct.unpack(f"<{len(data) // SIZES[dtype]}{code}", data))


class Tensor:
    """A matrix or vector as its bytes, addressed by row."""

    def __init__(self, dtype, shape, data):
        self.dtype, self.shape, self.data = dtype, list(shape), bytes(data)
        self.width = len(data) // shape[0] if shape and shape[0] else 0

    def row(self, i):
        return self.data[i * self.width:(i + 1) * self.width]

    def values(self, i):
        return unpack(self.dtype, self.row(i))

    def set_row(self, i, values):
        row = pack(self.dtype, values)
        assert len(row) == self.width
        self.data = self.data[:i * self.width] + row + self.data[(i + 1) * self.width:]


def noise(seed, dtype, *shape):
    """Numbers of either sign with magnitudes from 1/8 to 1/2, exact in every dtype."""
    count = 1
    for n in shape:
        count *= n
    raw = random.Random(seed).randbytes(2 * count)
    if dtype == "BF16" or dtype == "F32":
        top = bytes(b & 0x80 | 0x3e for b in range(256))
        bf16 = bytearray(raw)
        bf16[1::2] = bf16[1::2].translate(top)
        if dtype == "BF16":
            return Tensor(dtype, shape, bf16)
        data = bytearray(4 * count)
        data[2::4], data[3::4] = bf16[0::2], bf16[1::2]
        return Tensor(dtype, shape, data)
    as_bf16 = noise(seed, "BF16", *shape)
    return Tensor(dtype, shape, pack(dtype, unpack("BF16", as_bf16.data)))


def header_bytes(header):
    text = header if isinstance(header, bytes) else json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    return struct.pack("<Q", len(text)) + text


def write_safetensors(path, tensors, change=None):
    """`change` may edit the header's dictionary before it is written: lies."""
    header, data = {"__metadata__": {"format": "pt"}}, b""
    for name, t in tensors.items():
        header[name] = {"dtype": t.dtype, "shape": t.shape,
                        "data_offsets": [len(data), len(data) + len(t.data)]}
        data += t.data
    if change:
        change(header)
    path.write_bytes(header_bytes(header) + data)


def read_safetensors(path):
    raw = path.read_bytes()
    size = struct.unpack("<Q", raw[:8])[0]
    header, data = json.loads(raw[8:8 + size]), raw[8 + size:]
    assert size % 8 == 0 and raw[8:9] == b"{"
    assert header.pop("__metadata__").get("format") == "pt"
    end = max(e["data_offsets"][1] for e in header.values())
    assert end == len(data), "the file ends with its last tensor"
    return {name: Tensor(e["dtype"], e["shape"], data[slice(*e["data_offsets"])])
            for name, e in header.items()}


def read_model(directory):
    index = directory / "model.safetensors.index.json"
    if not index.exists():
        return read_safetensors(directory / "model.safetensors")
    assert not (directory / "model.safetensors").exists()
    content, tensors = json.loads(index.read_text()), {}
    for shard in set(content["weight_map"].values()):
        for name, tensor in read_safetensors(directory / shard).items():
            assert content["weight_map"][name] == shard and name not in tensors
            tensors[name] = tensor
    assert set(tensors) == set(content["weight_map"])
    assert content["metadata"]["total_size"] == sum(len(t.data) for t in tensors.values())
    return tensors


# The words that both tokenizers of the small models have, and those of one alone.
SHARED = [f"{a}{b}" for a in "abcdefgh" for b in "aeiou"]
BASE_ONLY = [f"base{i}" for i in range(12)]
DONOR_ONLY = [f"donor{i}" for i in range(20)]
EMBED, HEAD = "model.embed_tokens.weight", "lm_head.weight"


def added(id, content, special=True):
    return {"id": id, "content": content, "single_word": False, "lstrip": False, "rstrip": False,
            "normalized": False, "special": special}


def byte_level_tokenizer(words):
    """As GPT-2 spells: a leading space is U+0120."""
    vocab = {w: i for i, w in enumerate(words)}
    return {"version": "1.0", "truncation": None, "padding": None,
            "added_tokens": [added(len(words), "<|begin|>"), added(len(words) + 1, "<|end|>")],
            "normalizer": None,
            "pre_tokenizer": {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True,
                              "use_regex": True},
            "post_processor": None, "decoder": {"type": "ByteLevel", "add_prefix_space": True,
                                                "trim_offsets": True, "use_regex": True},
            "model": {"type": "BPE", "dropout": None, "unk_token": None,
                      "continuing_subword_prefix": None, "end_of_word_suffix": None,
                      "fuse_unk": False, "byte_fallback": False, "ignore_merges": False,
                      "vocab": vocab, "merges": []}}


def metaspace_tokenizer(words):
    """As SentencePiece spells: a leading space is U+2581, and bytes are <0xNN>."""
    vocab = {w: i for i, w in enumerate(["<unk>", "<s>", "</s>"] + words)}
    return {"version": "1.0", "truncation": None, "padding": None,
            "added_tokens": [added(0, "<unk>"), added(1, "<s>"), added(2, "</s>")],
            "normalizer": {"type": "Sequence", "normalizers": [
                {"type": "Prepend", "prepend": "\u2581"},
                {"type": "Replace", "pattern": {"String": " "}, "content": "\u2581"}]},
            "pre_tokenizer": None, "post_processor": None,
            "decoder": {"type": "Sequence", "decoders": [
                {"type": "Replace", "pattern": {"String": "\u2581"}, "content": " "},
                {"type": "ByteFallback"}, {"type": "Fuse"},
                {"type": "Strip", "content": " ", "start": 1, "stop": 0}]},
            "model": {"type": "BPE", "dropout": None, "unk_token": "<unk>",
                      "continuing_subword_prefix": None, "end_of_word_suffix": None,
                      "fuse_unk": True, "byte_fallback": True, "ignore_merges": False,
                      "vocab": vocab, "merges": []}}


BASE_WORDS = ["A", "B", "Ċ", "é"[:0] or "Ã©"] + ["Ġ" + w for w in SHARED] + BASE_ONLY
DONOR_WORDS = ["<0x41>", "<0x0A>", "<0xFE>", "é"] + DONOR_ONLY + ["▁" + w for w in SHARED]
BASE_COUNT, DONOR_COUNT = len(BASE_WORDS) + 2, len(DONOR_WORDS) + 3
# What becomes of the donor's tokens: all words in SHARED, A, newline and e acute are in the base;
# so are <s> and </s>, in their roles; <unk>, <0xFE> and the donor's own words are not.
COPIED, BY_ROLE, APPROXIMATED = len(SHARED) + 3, 2, len(DONOR_ONLY) + 2

BASE_CONFIG = """{
  "architectures": [
    "LlamaForCausalLM"
  ],
  "x_first": {"b": 1, "a": [1e-05, 1.50, -0]},
  "model_type": "llama",
  "hidden_size": 16,
  "eos_token_id": %d,
  "vocab_size": %d,
  "tie_word_embeddings": %s,
  "bos_token_id": %d,
  "rope_theta": 10000.0,
  "x_last": "caf\\u00e9"
}
"""


def write_json(path, content):
    path.write_text(json.dumps(content, ensure_ascii=False))


class Model:
    """What a directory holds, to be changed before it is written."""

    def __init__(self, tokenizer, tensors, config, roles, files=None):
        self.tokenizer, self.tensors, self.config, self.roles = tokenizer, tensors, config, roles
        self.files = files or {}
        self.shards = None  # lists of names

    def write(self, directory):
        directory.mkdir(parents=True)
        write_json(directory / "tokenizer.json", self.tokenizer)
        write_json(directory / "tokenizer_config.json",
                   {"tokenizer_class": "PreTrainedTokenizerFast", **self.roles})
        (directory / "config.json").write_text(self.config)
        for name, text in self.files.items():
            (directory / name).parent.mkdir(parents=True, exist_ok=True)
            (directory / name).write_text(text)
        if not self.shards:
            write_safetensors(directory / "model.safetensors", self.tensors)
            return directory
        weight_map = {}
        for i, names in enumerate(self.shards):
            file = f"model-{i + 1:05}-of-{len(self.shards):05}.safetensors"
            write_safetensors(directory / file, {n: self.tensors[n] for n in names})
            weight_map.update({n: file for n in names})
        total = sum(len(t.data) for t in self.tensors.values())
        write_json(directory / "model.safetensors.index.json",
                   {"metadata": {"total_size": total}, "weight_map": weight_map})
        return directory


def base_model(dtype="F32", tied=False, hidden=16, words=BASE_WORDS):
    rows = len(words) + 2
    tensors = {EMBED: noise(1, dtype, rows, hidden),
               "model.layers.0.mlp.weight": noise(2, dtype, 24, hidden),
               "model.layers.0.ids": Tensor("I64", [3], bytes(range(24))),
               "model.norm.weight": noise(3, "F32", hidden), "odd": Tensor("U8", [3], b"\1\2\3")}
    if not tied:
        tensors[HEAD] = noise(4, dtype, rows, hidden)
    config = BASE_CONFIG % (rows - 1, rows, str(tied).lower(), rows - 2)
    return Model(byte_level_tokenizer(words), tensors, config.replace(": 16,", f": {hidden},"),
                 {"bos_token": "<|begin|>", "eos_token": "<|end|>"},
                 {"generation_config.json": '{\n  "temperature": 0.60,\n  "eos_token_id": [%d],\n'
                                            '  "bos_token_id": %d\n}\n' % (rows - 1, rows - 2),
                  "vocab.bpe": "{}", "merges.txt": "#version: 0.2\n", "README.md": "the base's\n",
                  "modeling_x.py": "# the base's\n"})


def donor_model(dtype="F32", tied=False, hidden=12, words=DONOR_WORDS, rows=0):
    rows = rows or len(words) + 3
    tensors = {EMBED: noise(5, dtype, rows, hidden), "model.norm.weight": noise(6, "F32", hidden)}
    if not tied:
        tensors[HEAD] = noise(7, dtype, rows, hidden)
    config = json.dumps({"model_type": "llama", "hidden_size": hidden, "vocab_size": rows,
                         "bos_token_id": 1, "eos_token_id": 2, "tie_word_embeddings": tied})
    return Model(metaspace_tokenizer(words), tensors, config,
                 {"bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>"},
                 {"special_tokens_map.json": '{"bos_token": "<s>", "eos_token":  "</s>"}',
                  "chat_template.jinja": "the donor's\n", "README.md": "the donor's\n"})


# ---- running ---------------------------------------------------------------------


class Skip(Exception):
    pass


def case(function):
    CASES.append(function)
    return function


def call(*args, status=0, **more):
    """Runs the tool; checks its status and the form of its errors."""
    env = {k: v for k, v in os.environ.items() if k != "OTX_ISA"}
    env.update(more.pop("env", {}))
    done = subprocess.run([TOOL, *map(str, args)], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          env=env, timeout=300, **more)
    done.out, done.err = done.stdout.decode(), done.stderr.decode()
    assert done.returncode == status, f"status {done.returncode}, not {status}: {args}: {done.err}"
    errors = [line for line in done.err.splitlines() if "error:" in line]
    if status == 1:
        assert len(errors) == 1 and done.err.endswith(errors[0] + "\n"), done.err
        assert errors[0].startswith("transplant: error: "), done.err
    elif status == 2:
        assert errors == done.err.splitlines()[:1], done.err
        assert done.err.splitlines()[1:] == ["Try 'transplant --help'."], done.err
        assert done.out == ""
    else:
        assert not errors, done.err
    done.error = errors[0] if errors else ""
    return done


def refused(here, base, donor, *needles, args=(), **more):
    """A transplant that must fail, naming all `needles`, and leave nothing behind."""
    before = sorted(p.name for p in here.iterdir())
    error = call(base, donor, here / "out", *args, status=1, **more).error
    for needle in needles:
        assert re.search(needle, error), f"no /{needle}/ in: {error}"
    assert sorted(p.name for p in here.iterdir()) == before, list(here.iterdir())
    return error


def snapshot(directory):
    return {str(p.relative_to(directory)): p.read_bytes()
            for p in sorted(directory.rglob("*")) if p.is_file()}


def pair(here, base=None, donor=None):
    return (base or base_model()).write(here / "base"), (donor or donor_model()).write(here / "donor")


def donor_id(word):
    return DONOR_WORDS.index(word) + 3


def base_id(word):
    return BASE_WORDS.index(word)


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
            (("--threads", "0", "a", "b", "c"), "'0'"), (("--threads=many", "a", "b", "c"), "'many'"),
            (("--memory", "8Q", "a", "b", "c"), "'8Q'"), (("--memory", "0", "a", "b", "c"), "'0'"),
            (("--memory", "8GG", "a", "b", "c"), "'8GG'"), (("--memory", "", "a", "b", "c"), "''"),
            (("--memory", "99999999T", "a", "b", "c"), "size"), (("--rows", "all", "a", "b", "c"), "'all'"),
            (("--rows", "multiple-of:", "a", "b", "c"), "multiple-of:N"),
            (("--rows", "multiple-of:0", "a", "b", "c"), "multiple-of:N"),
            (("-a", "best", "a", "b", "c"), "omp omp-centred mean zero"),
            (("--approximation-method=OMP", "a", "b", "c"), "omp omp-centred mean zero"),
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
            (base, donor, "{out}", "--k", "3", "--quiet"), ("-k3", "-q", "--", base, donor, "{out}"),
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
        process = subprocess.Popen([TOOL, str(base), str(donor), str(here / "out"), "-k", "128"],
                                   stderr=terminal, env={**clean, **env})
        os.close(terminal)
        seen, enough = b"", False
        while True:
            try:
                seen += os.read(master, 65536)
            except OSError:  # how Linux says that the other end is closed
                break
            if b"left" in seen and not enough:
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
            assert set(files) == kept | {"special_tokens_map.json", "chat_template.jinja"}, set(files)
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
    call(here / "base", here / "donor", here / "out", "-q", "-k", "1")
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


# ---- reports ---------------------------------------------------------------------------

REPORT_KEYS = ["version", "base", "donor", "method", "k", "isa", "threads", "tokens", "matrices",
               "peak_bytes", "seconds"]
TOKEN_KEYS = ["total", "copied", "by_role", "mapped", "approximated", "unused", "padding"]
MATRIX_KEYS = ["name", "rows", "columns", "dtype", "anchors", "approximated",
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
    call(base, donor, here / "out", "-q", "-k", "5", "--threads", "2", "--isa", "scalar",
         "--report", here / "r.json")
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
            base.tensors[name].set_row(i, [3e38 if i % 2 else -3e38] * 16)
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
    run = subprocess.Popen([TOOL, base, donor, here / "out"], stdout=subprocess.PIPE,
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
    call(base, donor, here / "out", "-q", "--report", here / "link.json")
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


def finished(here, **more):
    """A transplanted model to be spoiled: its directory, and the path of the donor."""
    base, donor = pair(here, **more)
    call(base, donor, here / "out", "-q")
    return here / "out", donor


def verify(directory, *findings, args=()):
    """Verifies; wants exactly these findings, "error: ..." or "warning: ...", as expressions."""
    wanted = any(f.startswith("error") for f in findings)
    done = subprocess.run([TOOL, "verify", str(directory), *map(str, args)],
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
    check("error: draft: bos is 1, the target's is 2", "warning: draft: eos is 2, the target's is 1")
    change_json(donor / "tokenizer_config.json", lambda c: c.update(bos_token="<s>", eos_token="</s>"))

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


SECOND = "model-00002-of-00002.safetensors"


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
def a_tensor_in_two_shards(here):
    base, donor = sharded_base(here)
    tensors = read_safetensors(base / SECOND)
    write_safetensors(base / SECOND, {**tensors, "odd": Tensor("U8", [3], b"\1\2\3")})
    refused(here, base, donor, "odd", SECOND)


@case
def an_index_that_lies(here):
    base, donor = sharded_base(here)
    edit_index(base, lambda m: m.update({"ghost.weight": SECOND}))
    refused(here, base, donor, "ghost.weight")
    edit_index(base, lambda m: (m.pop("ghost.weight"), m.pop("model.norm.weight")))
    refused(here, base, donor, "model.norm.weight")
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
        (set_entry("odd", data_offsets=[end, end - 3]), ""), (set_entry("odd", data_offsets=[3]), "odd"),
        (set_entry(EMBED, dtype="BF16"), EMBED), (lambda h: h.pop("odd"), "end"),
        (lambda h: h["odd"].pop("shape"), "odd"), (lambda h: h.update({"odd": []}), "odd"),
        (lambda h: h.update({"__metadata__": {"a": 1}}), "metadata"),
        (lambda h: h.update({"more": {"dtype": "U8", "shape": [1], "data_offsets": [end, end + 1]}}), ""),
        (lambda h: h.update({"over": {"dtype": "U8", "shape": [4], "data_offsets": [0, 4]}}), "")]
    for change, needle in lies:
        write_safetensors(file, base.tensors, change)
        refused(here, here / "base", here / "donor", "model.safetensors", needle)
    good = json.dumps({"a": {"dtype": "U8", "shape": [1], "data_offsets": [0, 1]}}).encode()
    twice = b'{"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},' + good[1:]
    for raw in (b"", b"\0" * 8, struct.pack("<Q", 2**63), struct.pack("<Q", 100_000_001) + b"{}",
                struct.pack("<Q", 1) + b"{", header_bytes(b"[]"), header_bytes(b"{\xff}"),
                header_bytes(b"{}") + b"more", header_bytes(good) + b"ab", header_bytes(twice) + b"a",
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
    # A word that has to be solved for needs one.
    words = DONOR_WORDS + ["needsarow"]
    donor_model(words=words, rows=len(words) + 2).write(here / "none")
    refused(here, base, here / "none", "needsarow", str(len(words) + 2), args=["--rows", "tokenizer"])


@case
def the_bases_ids_beyond_its_rows(here):
    base = base_model()
    for name in (EMBED, HEAD):
        tensor = base.tensors[name]
        base.tensors[name] = Tensor(tensor.dtype, [BASE_COUNT - 2, 16], tensor.data[:-2 * 16 * 4])
    base.config = base.config.replace(f'"vocab_size": {BASE_COUNT}', f'"vocab_size": {BASE_COUNT - 2}')
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
        resource.setrlimit(resource.RLIMIT_FSIZE, (2048, 2048))

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


def refused_to_nobody(here, *args):
    """The error of a run by someone whom the modes of files bind, as they do not root."""
    tool = here / "tool"
    shutil.copy(TOOL, tool)

    def become_nobody():
        if os.geteuid() == 0:
            os.setgroups([])
            os.setgid(65534)
            os.setuid(65534)

    WORK.chmod(0o755)
    try:
        done = subprocess.run([tool, *args], preexec_fn=become_nobody,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    except (OSError, subprocess.SubprocessError):
        raise Skip("root here can't become another user")
    assert done.returncode == 1, done
    return done.stderr.decode()


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
    assert re.search("/donor/config.json: cannot be looked at: Permission denied", error), error
    donor.chmod(0o755)


@case
def links_to_directories(here):
    base, donor = pair(here)
    (here / "elsewhere").mkdir()
    (here / "elsewhere" / "file").write_text("x")
    (base / "real").mkdir()
    for place, target in (("real/again", "."), ("up", ".."), ("out", "../elsewhere"), ("same", "real"),
                          ("real/deep", "../..")):
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
        done = subprocess.run([TOOL, "--help"], stdout=full, stderr=subprocess.PIPE)
    assert done.returncode == 1 and b"standard output" in done.stderr


# ---- interruption ----------------------------------------------------------------------------


def big_pair(here):
    """Models that keep the solver busy for a while."""
    where = WORK / "big"
    if not where.exists():
        shared = [f"w{i}" for i in range(3000)]
        base = base_model(hidden=96, words=["Ġ" + w for w in shared])
        donor = donor_model(hidden=192, words=["▁" + w for w in shared] +
                            [f"d{i}" for i in range(5000)])
        pair(where, base, donor)
    return where / "base", where / "donor"


def interrupt(here, number, wait_for):
    base, donor = big_pair(here)
    process = subprocess.Popen([TOOL, str(base), str(donor), str(here / "out"), "--isa", "scalar",
                                "--threads", "1", "-k", "128", "--report", str(here / "r.json")],
                               stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    seen = b""
    while wait_for not in seen:
        line = process.stderr.readline()
        assert line, seen
        seen += line
    sent = time.monotonic()
    process.send_signal(number)
    out, rest = process.communicate(timeout=60)
    assert process.returncode == 130, (process.returncode, rest)
    assert time.monotonic() - sent < 5
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
    process = subprocess.Popen([TOOL, str(base), str(donor), str(here / "out"), "-a", "mean"],
                               stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                               preexec_fn=lambda: signal.signal(signal.SIGHUP, signal.SIG_IGN))
    process.stderr.readline()
    process.send_signal(signal.SIGHUP)
    process.communicate(timeout=60)
    assert process.returncode == 0


# ---- the run ------------------------------------------------------------------------------------


def run(cases, work):
    """Runs the cases, each in a folder of its own in `work`, which is then removed, and
    prints the closing line. Returns whether one failed."""
    # What runs in a shell's background is started with the signal ignored.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    passed = failed = skipped = 0
    try:
        for function in cases:
            here = work / function.__name__
            here.mkdir()
            try:
                function(here)
                passed += 1
            except Skip as why:
                skipped += 1
                print(f"  skipped {function.__name__}: {why}")
            except Exception:
                failed += 1
                print(f"  FAILED {function.__name__}\n{traceback.format_exc()}")
    finally:
        shutil.rmtree(work, ignore_errors=True)
    print(f"{passed} passed, {failed} failed, {skipped} skipped")
    return failed > 0


def main():
    global TOOL, WORK
    if len(sys.argv) < 2:
        sys.exit("usage: test_tool.py TOOL [CASE...]")
    TOOL = os.path.abspath(sys.argv[1])
    WORK = Path(tempfile.mkdtemp(prefix="otx-tool-"))
    chosen = [c for c in CASES if c.__name__ in sys.argv[2:]] if sys.argv[2:] else CASES
    return run(chosen, WORK)


if __name__ == "__main__":
    sys.exit(main())

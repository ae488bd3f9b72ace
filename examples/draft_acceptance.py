#!/usr/bin/env python3
"""How much a draft model saves its target, before and after a transplant.

    examples/draft_acceptance.py TARGET DRAFT [--untransplanted SMALL] [--tokens N] [--ahead N]
                                 [--prompts FILE]

TARGET writes N tokens after each prompt at temperature 0, three times: by itself; with DRAFT, which
has its vocabulary, by assisted generation; and, if SMALL is given, with the model that DRAFT was
made from, whose other vocabulary transformers translates through text ("universal assisted
decoding"). All three must write the same text but for ties in floating point. Printed are

    accepted   part of the tokens that the draft proposed and the target took
    a pass     tokens that come out of one pass of the target: 1 without a draft
    passes     of target and of draft
    seconds    on this machine

Needs torch and transformers. A prompt is a line of FILE; without it, a few are built in.
"""
import argparse
import logging
import os
import sys
import time

os.environ.setdefault("HF_HUB_OFFLINE", "1")
try:
    import torch
    import transformers
except ImportError as error:
    sys.exit(f"draft_acceptance: {error}; pip install torch transformers")

PROMPTS = [
    "The capital of France is",
    "def fibonacci(n):\n    if n < 2:\n        return n\n    return",
    "Water boils at a temperature of",
    "Once upon a time there was a small village by the sea, where",
    "List of the planets of the solar system:\n1. Mercury\n2. Venus\n3.",
    "In the year 1969, the first man",
    "#include <stdio.h>\n\nint main(void)\n{\n    printf(",
    "The three laws of thermodynamics are",
]


class Counted:
    """A model whose passes are counted."""

    def __init__(self, path):
        self.model = transformers.AutoModelForCausalLM.from_pretrained(path, dtype=torch.float32)
        self.model.eval()
        self.passes = 0
        forward = self.model.forward

        def counted(*arguments, **named):
            self.passes += 1
            return forward(*arguments, **named)

        self.model.forward = counted


def generate(target, encode, prompts, tokens, **named):
    """What is written after each prompt, and the passes and seconds of all. What is named goes to
    the model's generate(), which may want tokenizers too."""
    texts, count, start = [], 0, time.time()
    target.passes = 0
    for prompt in prompts:
        inputs = encode(prompt, return_tensors="pt", return_token_type_ids=False)
        with torch.no_grad():
            ids = target.model.generate(**inputs, max_new_tokens=tokens, do_sample=False, **named)
        fresh = ids[0][inputs["input_ids"].shape[1]:]
        count += len(fresh)
        texts.append(fresh.tolist())
    return texts, count, time.time() - start


def report(name, target, draft, texts, plain, count, seconds):
    proposed = draft.passes if draft else 0
    taken = count - target.passes
    same = sum(a == b for a, b in zip(texts, plain))
    accepted = f"{taken / proposed:8.3f}" if proposed else "       -"
    print(f"{name:28} {accepted} {count / target.passes:7.2f} {target.passes:7} {proposed:7} "
          f"{seconds:8.1f}   {same} of {len(plain)}", flush=True)


def assisted(name, target, path, tokenizer, prompts, plain, arguments, translate):
    draft = Counted(path)
    config = draft.model.generation_config
    config.num_assistant_tokens = arguments.ahead
    config.num_assistant_tokens_schedule = "constant"
    config.assistant_confidence_threshold = 0.0
    named = {"assistant_model": draft.model}
    if translate:
        named["tokenizer"] = tokenizer
        named["assistant_tokenizer"] = transformers.AutoTokenizer.from_pretrained(path)
    texts, count, seconds = generate(target, tokenizer, prompts, arguments.tokens, **named)
    report(name, target, draft, texts, plain, count, seconds)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("target")
    parser.add_argument("draft")
    parser.add_argument("--untransplanted", help="the model that DRAFT was made from")
    parser.add_argument("--tokens", type=int, default=48, help="to be written after a prompt (48)")
    parser.add_argument("--ahead", type=int, default=5, help="tokens a draft proposes (5)")
    parser.add_argument("--prompts", help="a file with a prompt a line")
    arguments = parser.parse_args()
    logging.disable(logging.WARNING)
    prompts = PROMPTS
    if arguments.prompts:
        with open(arguments.prompts, encoding="utf-8") as file:
            prompts = [line.rstrip("\n") for line in file if line.strip()]
    tokenizer = transformers.AutoTokenizer.from_pretrained(arguments.target)
    target = Counted(arguments.target)
    print(f"{'':28} {'accepted':>8} {'a pass':>7} {'passes':>7} {'draft':>7} {'seconds':>8}"
          "   same text")
    plain, count, seconds = generate(target, tokenizer, prompts, arguments.tokens)
    report("target alone", target, None, plain, plain, count, seconds)
    assisted("with the draft", target, arguments.draft, tokenizer, prompts, plain, arguments, False)
    if arguments.untransplanted:
        assisted("with it untransplanted", target, arguments.untransplanted, tokenizer, prompts,
                 plain, arguments, True)


if __name__ == "__main__":
    main()

#!/usr/bin/env python3
"""What a client reads from an OUT made with --split-digits.

    tests/tokenizer_digits.py TOOL [--donor NAME]...

Every donor of tokenizer_clients.py and every real one in OTX_REAL_TOKENIZERS whose tokens hold
several digits goes into bodies that read numbers digit by digit. `AutoTokenizer` has to cut every
number into single digits there, to encode lines without a digit as it does in the donor's
directory (where a class of its own makes the pre-tokenizer there: as tokenizer.json stands), and
to decode all of them to the same text. Where the donor cuts numbers from all else, the other
tokens of a line with numbers stay the same, too. The last line is `N passed, N failed`.
"""
import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import tokenizer_clients as clients
from tokenizers import Tokenizer
from transformers import AutoTokenizer

BODIES = ["llama", "qwen2", "qwen3", "gpt2", "mistral"]
NUMBERS = [
    "7", " 7", "  7", "12", " 12", "a  5", "    5,\n   17", "Table:\t 12", "1,234.56", "v1.2.3-rc4",
    "abc123def 99", "日本2024年", "x = 123 + 45;", "\n\n100\n", "12345678901234567890", "3/4=0.75",
    "1e-10", "0x1F", "１２３", "٣٤", "½²", "mail2me@x9.org", "<b>42</b>", "#1", "$1.00", "50%",
    "the 1990s, 2nd of 10,000", "007", "000000", "9 9  9   9"]
# The tool's words where it cannot be done, by donor.
REFUSED = {"gpt2-no-class": "special tokens", "gpt2-files-only": "tokenizer.json",
           "llama2-model-only": "tokenizer.json"}


def write_base(directory, model_type):
    """A body that reads numbers digit by digit."""
    directory.mkdir(parents=True)
    tokenizer = clients.byte_level(clients.QWEN2, ["<s>", "</s>", "<unk>"])
    text = json.dumps(tokenizer)
    (directory / "tokenizer.json").write_text(text)
    (directory / "tokenizer_config.json").write_text(json.dumps(
        {"tokenizer_class": "PreTrainedTokenizerFast", **clients.LLAMA_ROLES}))
    clients.write_model(directory, model_type, clients.rows_of({"tokenizer.json": text}, {}), 1)


def singles(tokens):
    """The tokens with those of a number cut into digits."""
    out = []
    for token in tokens:
        out += token if re.fullmatch("[0-9]+", token) else [token]
    return out


def load(directory):
    try:
        return AutoTokenizer.from_pretrained(str(directory), trust_remote_code=False)
    except Exception:  # 4 lacks a class, or wants files that are not there
        return None


def problem_of(theirs, raw, out):
    """What is wrong with the tokenizer in OUT; None if nothing. `theirs`: what AutoTokenizer
    makes of the donor's; `raw`: that of its tokenizer.json."""
    ours = load(out)
    if not ours:
        return "cannot be loaded" if theirs else None
    rebuilt = not theirs or clients.FIVE and type(theirs).__name__ not in (
        "TokenizersBackend", "PreTrainedTokenizerFast")
    special = [t.content for t in raw.get_added_tokens_decoder().values()]
    vocabulary = raw.get_vocab()
    alone = "Ġ" in vocabulary and all(
        re.fullmatch("[0-9]+", t) for t in vocabulary if re.search("[0-9]", t)
        and t not in special and not t.startswith("<0x"))
    for text in clients.lines(special[:4]) + NUMBERS:
        for whole in (False, True):
            if rebuilt:
                wanted = raw.encode(text, add_special_tokens=whole).ids
            else:
                wanted = theirs.encode(text, add_special_tokens=whole)
            got = ours.encode(text, add_special_tokens=whole)
            names = ours.convert_ids_to_tokens(got)
            if not re.search("[0-9]", text) and got != wanted:
                return f"{text!r}: {got}, not {wanted}"
            if any(re.search("[0-9]", t) and len(t) > 1 and t not in special
                   and not t.startswith("<0x") for t in names):
                return f"{text!r} has tokens of several digits: {names}"
            if alone and names != singles(ours.convert_ids_to_tokens(wanted)):
                return f"{text!r}: {names}, not {singles(ours.convert_ids_to_tokens(wanted))}"
            if raw.decode(got, skip_special_tokens=False) != raw.decode(
                    wanted, skip_special_tokens=False):
                return f"{text!r}: decodes to {raw.decode(got)!r}"
    return None


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("tool")
    parser.add_argument("--donor", action="append")
    options = parser.parse_args()
    scratch = Path(tempfile.mkdtemp(prefix="tokenizer-digits-"))
    passed = failed = 0
    try:
        for name, donor in clients.donors().items():
            clients.write_donor(scratch / "donor" / name, donor)
        real = os.environ.get("OTX_REAL_TOKENIZERS")
        for source in sorted(Path(real).iterdir()) if real else []:
            if (source / "tokenizer.json").exists():
                clients.link_real(scratch / "donor" / ("real-" + source.name), source)
        for body in BODIES:
            write_base(scratch / "base" / body, body)
        for directory in sorted((scratch / "donor").iterdir()):
            name = directory.name
            seen = subprocess.run([options.tool, "inspect", directory], capture_output=True,
                                  text=True).stdout
            digits = int(re.search(r"digits a token +(\d+)", seen)[1])
            if digits < 2 or options.donor and name not in options.donor:
                continue
            theirs, raw = load(directory), None
            if (directory / "tokenizer.json").exists():
                raw = Tokenizer.from_file(str(directory / "tokenizer.json"))
            for body in BODIES[:2] if name.startswith("real-") else BODIES:
                out = scratch / "out"
                shutil.rmtree(out, ignore_errors=True)
                run = subprocess.run([options.tool, scratch / "base" / body, directory, out, "-q",
                                      "-a", "mean", "--split-digits"], capture_output=True,
                                     text=True)
                if name in REFUSED:
                    problem = None if REFUSED[name] in run.stderr else "is not refused"
                elif run.returncode:
                    problem = run.stderr.strip()
                else:
                    problem = problem_of(theirs, raw, out)
                if problem and clients.excused(name, body):
                    print(f"note: {name} into {body}, which 4 cannot do: {problem}"[:200])
                    continue
                passed, failed = passed + (not problem), failed + bool(problem)
                if problem:
                    print(f"FAILED {name} into {body}: {problem}"[:400])
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    print(f"transformers {clients.transformers.__version__}")
    print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())

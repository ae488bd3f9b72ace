"""Run mergekit-tokensurgeon on two model directories.

    python3 bench/peer_surgeon.py BASE DONOR OUT [its options]

It tells the sign of a blank at the start of a token from the tokenizer's class,
and knows few of them. A directory whose tokens have SentencePiece's sign and whose
class it does not know is given to it under the class LlamaTokenizer, which it does.
"""

import json
import subprocess
import sys
import tempfile
from pathlib import Path

KNOWN = ("LlamaTokenizer", "GemmaTokenizer", "T5Tokenizer")


def under_known_class(directory, folder):
    directory = Path(directory)
    names = json.loads((directory / "tokenizer_config.json").read_text())
    vocab = json.loads((directory / "tokenizer.json").read_text())["model"]["vocab"]
    known = names.get("tokenizer_class", "").removesuffix("Fast") in KNOWN
    if known or sum(token.startswith("\u2581") for token in vocab) < len(vocab) / 10:
        return directory
    folder.mkdir()
    for path in directory.iterdir():
        (folder / path.name).symlink_to(path.resolve())
    (folder / "tokenizer_config.json").unlink()
    names["tokenizer_class"] = "LlamaTokenizer"
    (folder / "tokenizer_config.json").write_text(json.dumps(names))
    return folder


def main():
    base, donor, out, *options = sys.argv[1:]
    with tempfile.TemporaryDirectory() as temporary:
        folders = [under_known_class(path, Path(temporary) / name)
                   for path, name in ((base, "base"), (donor, "donor"))]
        surgeon = Path(sys.executable).parent / "mergekit-tokensurgeon"
        return subprocess.run([surgeon, *folders, out, "--quiet", *options]).returncode


if __name__ == "__main__":
    sys.exit(main())

"""The texts of bench/quality.py, as files of documents with a blank line between them.

English is examples/models/heldout.txt, code the standard library of the Python that runs this,
digits lines of arithmetic, made by chance. The others are manual pages of Debian's packages.
"""

import gzip
import os
import random
import re
import subprocess
import sysconfig
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = {"fr": "manpages-fr", "de": "manpages-de", "ru": "manpages-ru", "ja": "manpages-ja",
            "zh": "manpages-zh"}
LANGUAGES = {"zh": "zh_CN"}
LENGTH = 1500  # characters of a document at most
MARKUP = re.compile(r"\\f\(..|\\f\[\w*\]|\\f.|\\s[+-]?\d|\\[&/,|^]|^\.[A-Za-z]+ ?", re.MULTILINE)


def document(text):
    """One document: no blank lines, and cut to length."""
    return re.sub(r"\n\s*\n", "\n", text).strip()[:LENGTH].rstrip()


def english():
    return (ROOT / "examples/models/heldout.txt").read_text(encoding="utf-8").split("\n\n")


def code():
    library = Path(sysconfig.get_path("stdlib"))
    for path in sorted(library.glob("*.py")):
        text = path.read_text(encoding="utf-8", errors="ignore")
        yield text[len(text) // 3:]  # past the licence and the imports


def digits():
    chance = random.Random(1)
    signs = {"+": int.__add__, "-": int.__sub__, "*": int.__mul__}
    for _ in range(40):
        lines = []
        for _ in range(15):
            sign = chance.choice(list(signs))
            a, b = (chance.randrange(10 ** chance.randint(1, 4 if sign != "*" else 2))
                    for _ in range(2))
            lines.append(f"{a} {sign} {b} = {signs[sign](a, b)}")
        yield "\n".join(lines)


def manual_pages(language, downloads):
    """The text of a language's pages, past their heads."""
    package = PACKAGES[language]
    if not list(downloads.glob(f"{package}_*.deb")):
        subprocess.run(["apt-get", "download", "-qq", package], cwd=downloads, check=True)
    into, partial = downloads / package, downloads / f"{package}.{os.getpid()}"
    if not into.exists():
        for deb in downloads.glob(f"{package}_*.deb"):
            subprocess.run(["dpkg-deb", "-x", deb, partial], check=True)
        partial.rename(into)
    pages = into / "usr/share/man" / LANGUAGES.get(language, language)
    for path in sorted(pages.glob("man[1-8]/*.gz")):
        if path.is_symlink():
            continue
        text = gzip.decompress(path.read_bytes()).decode(errors="ignore")
        lines = [line for line in text.split("\n") if not line.startswith(('.\\"', "'\\\"", ".so"))]
        text = MARKUP.sub("", "\n".join(lines)).replace("\\-", "-").replace("\\(aq", "'")
        if len(text) > 1200:
            yield text[300:]


def sample(documents, size):
    """Documents from all over, until they have `size` bytes."""
    documents = [short for text in documents if len(short := document(text)) > 150]
    random.Random(1).shuffle(documents)
    taken, bytes_taken = [], 0
    for text in documents:
        if bytes_taken >= size:
            break
        text = text.encode()[:size - bytes_taken].decode(errors="ignore")
        taken.append(text)
        bytes_taken += len(text.encode())
    return taken


def make(folder, downloads, size, say):
    """The texts' files; those that cannot be had are left out with a word."""
    folder.mkdir(parents=True, exist_ok=True)
    downloads.mkdir(parents=True, exist_ok=True)
    sources = {"en": english, "code": code, "digits": digits}
    for language in PACKAGES:
        sources[language] = lambda language=language: manual_pages(language, downloads)
    made = []
    for name, source in sources.items():
        path = folder / f"{name}.txt"
        try:
            # A token of digits has few bytes: as many tokens are fewer bytes.
            taken = sample(source(), size // 3 if name == "digits" else size)
        except (OSError, subprocess.CalledProcessError) as error:
            say(f"text {name}: skipped: {error}")
            continue
        path.write_text("\n\n".join(taken) + "\n", encoding="utf-8")
        made.append(path)
    return made

#!/usr/bin/env python3
"""The tree itself: how long lines and files are, names that could be mistaken for each
other, and that what the READMEs name is there.

    python3 tests/test_tree.py

Needs the standard library alone. The last line is `N passed, N failed, N skipped`.
"""

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
COLUMNS = 100
ROOM, SUITE = 400, 800
LONG_ROOMS = {"src/simd/avx512.h"}
TEXT = {".c", ".h", ".py", ".sh", ".md", ".mjs", ".txt", ".cmake", ".in", ".js", ".css", ".html"}
DATA = ("tests/golden/", "tests/config_keys.txt", "examples/models/heldout.txt", "build/",
        "examples/out/", "bench/.work/")
CASES = []


def case(function):
    CASES.append(function)
    return function


def files(*suffixes):
    """The files that git knows or would add; without git, all."""
    done = subprocess.run(["git", "ls-files", "-co", "--exclude-standard"], cwd=ROOT,
                          stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    names = done.stdout.decode().split("\n") if done.returncode == 0 else [
        str(p.relative_to(ROOT)) for p in ROOT.rglob("*") if p.is_file() and ".git" not in p.parts]
    return sorted(n for n in names if Path(n).suffix in (suffixes or TEXT) and
                  not n.startswith(DATA) and (ROOT / n).is_file())


def lines(name):
    return (ROOT / name).read_text(encoding="utf-8").split("\n")


@case
def no_line_is_longer_than_100_columns():
    """But rows of tables, and lines with an address, which nothing can break."""
    for name in files():
        for number, line in enumerate(lines(name), 1):
            free = name.endswith(".md") and (line.startswith("|") or "://" in line)
            if len(line) > COLUMNS and not free:
                yield f"{name}:{number}: {len(line)} columns"


@case
def no_room_is_longer_than_400_lines():
    for name in files(".h"):
        count = len(lines(name)) - 1
        if name.startswith("src/") and count > ROOM and name not in LONG_ROOMS:
            yield f"{name}: {count} lines"


@case
def no_suite_is_longer_than_800_lines():
    for name in files(".c", ".py", ".h", ".sh"):
        count = len(lines(name)) - 1
        if name.startswith("tests/") and count > SUITE:
            yield f"{name}: {count} lines"


@case
def no_private_name_differs_from_a_public_one_by_an_underscore():
    text = (ROOT / "omp_transplant.h").read_text()
    text = re.sub(r"/\*.*?\*/", "", text, flags=re.S)
    text = re.sub(r'"(\\.|[^"\\])*"', '""', text)
    private = set(re.findall(r"\b(?:otx|OTX)__(\w+)", text))
    for name in sorted(set(re.findall(r"\botx_([a-z0-9]\w*)|\bOTX_([A-Z0-9]\w*)", text))):
        name = name[0] or name[1]
        if name in private:
            yield f"{name}: public with one underscore, private with two"


def paths_of(name):
    """What a README names: targets of its links, and paths in backquotes."""
    text = (ROOT / name).read_text()
    folder = Path(name).parent
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if "://" not in target and not target.startswith("#"):
            yield target, (ROOT / folder / target.split("#")[0]).exists()
    if name != "src/README.md":
        return
    for quoted in re.findall(r"`([^`\n]+)`", text):
        for word in quoted.split():
            word = word.rstrip(",;:")
            if re.fullmatch(r"(?:\./)?(?:src|tests|bench|examples)/[\w./*-]+|[\w-]+/[\w*-]+\.h",
                            word):
                whole = (ROOT / word.split("/")[0]).exists()
                at = word if whole else f"src/{word}"
                yield word, any(ROOT.glob(at)) if "*" in at else (ROOT / at).exists()


@case
def what_the_readmes_name_exists():
    for name in files(".md"):
        for path, exists in paths_of(name):
            if not exists:
                yield f"{name}: there is no {path}"


@case
def what_the_readmes_name_in_the_source_is_there():
    text = (ROOT / "omp_transplant.h").read_text() + (ROOT / "examples/transplant.c").read_text()
    known = set(re.findall(r"\w+", text))
    for name in files(".md"):
        for quoted in re.findall(r"`([^`\n]+)`", (ROOT / name).read_text()):
            for word in re.findall(r"\b(?:otx|OTX)_\w*[a-zA-Z0-9]", quoted):
                if word not in known and not word.startswith("OTX_REAL") and not re.match(
                        "OTX_(TEST|BENCH)", word):
                    yield f"{name}: nothing is called {word}"


def anchors(name):
    """The headings of a file as its links have them."""
    for line in lines(name):
        if line.startswith("#"):
            heading = re.sub(r"[`*]", "", line.lstrip("#").strip().lower())
            yield re.sub(r"[^\w\- ]", "", heading).replace(" ", "-")


@case
def links_to_headings_lead_somewhere():
    for name in files(".md"):
        text = (ROOT / name).read_text()
        for target in re.findall(r"\]\(([^)\s]*#[^)\s]+)\)", text):
            if "://" in target:
                continue
            path, heading = target.split("#")
            file = str((Path(name).parent / path)) if path else name
            if (ROOT / file).exists() and heading not in anchors(file):
                yield f"{name}: {target}"


@case
def every_example_and_every_suite_is_listed():
    """In the README of its folder."""
    for folder in ("examples", "tests", "bench"):
        readme = ROOT / folder / "README.md"
        if not readme.exists():
            yield f"{folder}/README.md is missing"
            continue
        text = readme.read_text()
        for path in sorted((ROOT / folder).iterdir()):
            name = path.name
            if name.startswith(".") or name in ("README.md", "out", "__pycache__"):
                continue
            if name not in text and path.stem not in text:
                yield f"{folder}/README.md does not tell of {name}"


def main():
    passed = failed = 0
    for function in CASES:
        findings = list(function())
        if findings:
            failed += 1
            print(f"  FAILED {function.__name__}")
            for finding in findings[:40]:
                print(f"    {finding}")
        else:
            passed += 1
    print(f"{passed} passed, {failed} failed, 0 skipped")
    return failed > 0


if __name__ == "__main__":
    sys.exit(main())

#!/usr/bin/env python3
"""What gcov counted of omp_transplant.h, by the rooms of src/, and whether tests/uncovered.txt
explains all that no test runs.

    tests/coverage.py FOLDER [--blocks [ROOM...]]

FOLDER has the header, and the .gcda files of any number of programs that were compiled from it.
A block is a run of lines of one function that nothing ran; its key is "ROOM FUNCTION | TEXT",
with the text of its first line, so that an entry stays good while lines move. Each part of
an entry that ends with "*" fits all that begins so. --blocks prints them. Needs gcc 9 or later.
The last line is `N passed, N failed, N skipped`.
"""

import json
import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
HEADER = "omp_transplant.h"
EXPLAINED = ROOT / "tests" / "uncovered.txt"


def counted(path):
    """{line of the header: (times run, function, whether all parts were run)} of one program."""
    done = subprocess.run(["gcov", "--json-format", "--stdout", str(path)], cwd=ROOT,
                          stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=True)
    lines = {}
    for report in done.stdout.splitlines():
        for file in json.loads(report)["files"]:
            if Path(file["file"]).name != HEADER:
                continue
            for line in file["lines"]:
                count, name, whole = lines.get(line["line_number"], (0, "", True))
                lines[line["line_number"]] = (count + line["count"],
                                              line.get("function_name", name),
                                              whole and not line["unexecuted_block"])
    return lines


def merged(folder):
    lines = {}
    with ThreadPoolExecutor(2) as pool:
        for program in pool.map(counted, sorted(Path(folder).glob("*.gcda"))):
            for line, (count, name, whole) in program.items():
                before, _, once = lines.get(line, (0, "", False))
                lines[line] = (before + count, name, once or whole)
    return lines


def rooms(text):
    """The room of each line, from the marks that amalgamate.sh leaves."""
    room, found = "", [""]
    for line in text:
        mark = re.match(r"/\* >>> src/(\S+)\.h \*/", line)
        room = mark.group(1) if mark else room
        found.append(room)
    return found


def function_at(text, line):
    """The function that a line stands in, where the compiler, which has put it into others, does
    not say."""
    for before in reversed(text[:line]):
        start = re.match(r"[A-Za-z].*?\b(otx_\w+)\(", before)
        if start:
            return start.group(1)
    return ""


def blocks(lines, text, room):
    """[(room, function, first line's text, number of lines, first line)]."""
    found, before = [], None
    for line in sorted(lines):
        count, name, _ = lines[line]
        here = (room[line], name or (function_at(text, line) if count == 0 else ""))
        if count == 0 and before == here:
            found[-1][3] += 1
        elif count == 0:
            found.append([*here, " ".join(text[line - 1].split()), 1, line])
        before = here if count == 0 else None
    return found


class Entry:
    def __init__(self, room, function, start, sometimes, at):
        self.room, self.function, self.start = room, function, start
        self.sometimes, self.at, self.used = sometimes, at, False

    def fits(self, room, function, start):
        return (self.matches(self.room, room) and self.matches(self.function, function) and
                self.matches(self.start, start))

    @staticmethod
    def matches(pattern, text):
        return text.startswith(pattern[:-1]) if pattern.endswith("*") else text == pattern


def entries():
    """Paragraphs: reasons are lines with "#", and one with "#?" makes entries of blocks that
    other machines, or other runs, do run."""
    found, sometimes = [], False
    for at, line in enumerate(EXPLAINED.read_text().splitlines(), 1):
        if not line.strip():
            sometimes = False
        elif line.startswith("#"):
            sometimes = sometimes or line.startswith("#?")
        else:
            where, _, start = line.partition(" | ")
            room, _, function = where.partition(" ")
            found.append(Entry(room, function or "*", start or "*", sometimes, at))
    return found


def table(lines, room):
    """A line is run in part if no program ran all of its parts: at most so many, as one program
    may have run what another has not."""
    wings = {}
    for line, (count, _, whole) in lines.items():
        wing = room[line].split("/")[0]
        total, run, part = wings.get(wing, (0, 0, 0))
        wings[wing] = (total + 1, run + (count > 0), part + (count > 0 and not whole))
    wings["all"] = tuple(map(sum, zip(*wings.values())))
    print(f"{'wing':<10} {'lines':>7} {'run':>7} {'':>9} {'in part':>8}")
    for wing, (total, run, part) in wings.items():
        print(f"{wing:<10} {total:>7} {run:>7} {100 * run / total:>7.2f} % {part:>8}")


def main():
    folder, *more = sys.argv[1:]
    text = (Path(folder) / HEADER).read_text().splitlines()
    room = rooms(text)
    lines = merged(folder)
    found = blocks(lines, text, room)
    if more:
        for where, function, start, size, line in found:
            if not more[1:] or where.startswith(tuple(more[1:])):
                print(f"{where} {function} | {start}")
        return 0
    table(lines, room)
    known = entries()
    passed = failed = 0
    for where, function, start, size, line in found:
        fitting = [e for e in known if e.fits(where, function, start)]
        for entry in fitting:
            entry.used = True
        passed, failed = passed + bool(fitting), failed + (not fitting)
        if not fitting:
            print(f"FAILED no test runs these {size} lines, and nothing says why: {HEADER}:{line}"
                  f"\n    {where} {function} | {start}")
    for entry in known:
        stale = not entry.used and not entry.sometimes
        passed, failed = passed + (not stale), failed + stale
        if stale:
            print(f"FAILED {EXPLAINED.name}:{entry.at}: there is no such block, or tests run it: "
                  f"{entry.room} {entry.function} | {entry.start}")
    print(f"{passed} passed, {failed} failed, 0 skipped")
    return failed > 0


if __name__ == "__main__":
    sys.exit(main())

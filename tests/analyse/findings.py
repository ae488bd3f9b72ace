"""Reads what a compiler says of a header and fails where a finding is not in accepted.txt.

    ./tests/analyse/findings.py NAME HEADER LOG

NAME is the analyser that accepted.txt calls so, LOG what it printed. A finding goes by its check
and the function that it stands in, since lines move.
"""
import os
import re
import sys

FINDING = re.compile(r"^.+?:(\d+):\d+: (?:warning|error): (.*?)(?: \[([\w.,=+-]+)\])?$")
FUNCTION = re.compile(r"^[A-Za-z].*?\b(\w+)\(")


def accepted(name):
    """The pairs of check and function that accepted.txt has for the analyser."""
    here = os.path.dirname(os.path.abspath(__file__))
    pairs = set()
    with open(os.path.join(here, "accepted.txt"), encoding="utf-8") as file:
        for line in file:
            if line.strip() and not line.startswith(("#", " ")):
                analyser, check, function = line.split()
                if analyser == name:
                    pairs.add((check, function))
    return pairs


def functions(header):
    """For each line, the function that it stands in: the last one that began before."""
    found, now = [""], ""
    with open(header, encoding="utf-8") as file:
        for line in file:
            match = FUNCTION.match(line)
            if match and not line.startswith(("typedef", "#")):
                now = match.group(1)
            found.append(now)
    return found


def main():
    name, header, log = sys.argv[1:]
    known, where, seen, new = accepted(name), functions(header), set(), 0
    early = False
    with open(log, encoding="utf-8", errors="replace") as file:
        for line in file:
            match = FINDING.match(line.rstrip("\n"))
            if not match:
                continue
            number, text, check = int(match.group(1)), match.group(2), match.group(3) or "error"
            check = check.split(",")[0]
            if check == "-Wanalyzer-too-complex":
                early = early or "bailed out early" in text
                continue
            function = where[number] if number < len(where) else ""
            seen.add((check, function))
            if (check, function) not in known:
                new += 1
                print(f"FAILED {name}: {function}, line {number}: {text} [{check}]")
    print(f"{name}: {len(seen)} findings, {len(seen & known)} of them accepted"
          + (", and it gave up before the end" if early else ""))
    for check, function in sorted(known - seen):
        if function in where:
            print(f"{name}: accepted, and not found here: {check} in {function}")
    sys.exit(1 if new else 0)


if __name__ == "__main__":
    main()

#!/usr/bin/env python3
"""Inputs that change while they are read.

    tests/hostile/changing.py TRANSPLANT SHIM.so [--most N] [--sanitized LIBASAN]

SHIM.so is shim.c. Each input of each command is halved, grown, written over, replaced or removed
just before each read, open, look, listing and copy: a run ends with status 1, one line that
says why and no output, or with what it makes of the file before or of the file after, to the
byte. --most tries at most N calls of each kind, spread over all of them (0: all). Then a second
process changes files over and over while commands run.
The last line is `N passed, N failed, N skipped`.
"""

import json
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
import gguf_models as gguf  # noqa: E402
import tool  # noqa: E402
import faults  # noqa: E402
from faults import check, spread  # noqa: E402

KINDS = ["read", "open", "stat", "list", "copy"]
ACTIONS = ["halve", "grow", "rewrite", "replace", "vanish"]
OUTPUTS = ["out", "out.gguf", "out.json", "out.tsv"]

ends = Counter()


# ---- models, and what else their files could hold -------------------------------


def models(here):
    base = tool.base_model()
    names = list(base.tensors)
    base.shards = [names[:2], names[2:]]
    tool.pair(here, base)
    gguf.write(here / "base.gguf", gguf.base_keys(), gguf.base_tensors())
    gguf.write(here / "donor.gguf", gguf.donor_keys(), gguf.donor_tensors())
    (here / "list.txt").write_text("\\x20ae\n\\x20bi\nother\ndonor1\ndonor2\n")
    (here / "head.txt").write_text("\\x20ae\n\\x20bi\n")
    (here / "text.txt").write_text("the words base1 base2 donor1 ae\n" * 20)


def flipped(data, begin):
    """Other numbers: bits of F32 that are neither of the sign nor of the exponent."""
    return data[:begin] + bytes(b ^ 0x15 if i % 4 == 1 else b for i, b in enumerate(data[begin:]))


def swapped(text, first, second):
    return text.replace(first, "\0").replace(second, first).replace("\0", second)


def second(path):
    """What the file could hold as well, in as many bytes."""
    data = path.read_bytes()
    if path.suffix == ".safetensors":
        other = flipped(data, 8 + int.from_bytes(data[:8], "little"))
    elif path.suffix == ".gguf":
        other = flipped(data, len(data) - len(data) // 4 // 4 * 4)
    elif path.name == "model.safetensors.index.json":
        index = json.loads(data)
        index["weight_map"] = dict(reversed(index["weight_map"].items()))
        other = json.dumps(index).encode()
    elif path.name == "tokenizer_config.json":
        other = json.dumps(dict(reversed(json.loads(data).items()))).encode()
    else:
        text = data.decode()
        for pair in (('ae":', 'bi":'), ("10000.0", "20000.0"),
                     ("0.60", "0.61"), ("the ", "any "), ("<s>", "<S>"), ("other", "ether"),
                     ("x20ae", "x20bo"), ('"eos_token_id": 2', '"eos_token_id": 1')):
            other = swapped(text, *pair).encode()
            if other != data:
                break
    assert other != data and len(other) == len(data), path
    return other


# ---- runs ----------------------------------------------------------------------------


class Scenario:
    """A command, the files that change, and whether what it prints is its output."""

    def __init__(self, command, files, prints=False):
        self.command, self.files, self.prints = command.split(), files.split(), prints
        self.name = command

    def output(self, here, done):
        found = {"printed": done.stdout} if self.prints else {}
        for name in OUTPUTS:
            path = here / name
            if path.is_dir():
                found.update(tool.snapshot(path))
            elif path.exists():
                found[name] = path.read_bytes()
        return found


DIRECTORY = "config.json tokenizer.json tokenizer_config.json generation_config.json README.md"
BASE = " ".join(f"base/{n}" for n in DIRECTORY.split()) + (
    " base/model-00001-of-00002.safetensors base/model.safetensors.index.json")
DONOR = ("donor/config.json donor/tokenizer.json donor/model.safetensors "
         "donor/chat_template.jinja donor/tokenizer_config.json")
SCENARIOS = [
    Scenario("base donor out -q -a affine --token-report out.tsv", f"{BASE} {DONOR}"),
    Scenario("base.gguf donor.gguf out.gguf -q -a omp -k 4", "base.gguf donor.gguf"),
    Scenario("draft base donor out -q -a zero", "base/config.json donor/tokenizer.json"),
    Scenario("draft-head base out --draft-vocab head.txt -q", "base/model.safetensors.index.json "
             "base/model-00002-of-00002.safetensors base/config.json head.txt"),
    Scenario("trim base out --first 40 --text text.txt -q", f"{BASE} text.txt"),
    Scenario("trim base.gguf out.gguf --first 40 -q", "base.gguf"),
    Scenario("extend base out --tokens list.txt --donor donor -q -a affine",
             "base/tokenizer.json base/model-00001-of-00002.safetensors "
             "base/model-00002-of-00002.safetensors list.txt donor/tokenizer.json "
             "donor/model.safetensors"),
    Scenario("evaluate base donor --methods mean,zero --holdout 30% -q --html out.json",
             "base/model-00001-of-00002.safetensors donor/tokenizer.json donor/model.safetensors"),
    Scenario("map base donor --json out.json -q", "base/tokenizer.json donor/tokenizer.json"),
    Scenario("count base text.txt --tsv out.tsv -q", "base/tokenizer.json text.txt"),
    Scenario("align base donor -q", "base/tokenizer.json donor/tokenizer_config.json", True),
    Scenario("inspect base -q", "base/config.json base/model.safetensors.index.json "
             "base/model-00001-of-00002.safetensors base/tokenizer.json", True),
    Scenario("inspect base.gguf -q", "base.gguf", True),
    Scenario("verify base", "base/config.json base/model.safetensors.index.json "
             "base/model-00001-of-00002.safetensors base/tokenizer.json", True),
]


def run(scenario, here, plan="", file="", counts=None):
    env = dict(os.environ, LD_PRELOAD=SHIM, OMP_NUM_THREADS="1", OTX_SHIM=plan,
               OTX_SHIM_FILE=file, OTX_SHIM_OTHER="other")
    if counts:
        env["OTX_SHIM_COUNTS"] = str(counts)
    return subprocess.run([tool.TOOL, *scenario.command], cwd=here, env=env, timeout=120,
                          capture_output=True, stdin=subprocess.DEVNULL)


def steady(output):
    """Without what differs from run to run: the times on the page of an evaluation."""
    if "out.json" in output and output["out.json"].startswith(b"<!"):
        output["out.json"] = re.sub(rb'<td class="soft">[^<]*<', b"<", output["out.json"])
    return output


def fresh(root):
    here = root / "run"
    shutil.rmtree(here, ignore_errors=True)
    shutil.copytree(root / "begin", here)
    return here


def clean(scenario, here, done):
    """What is wrong with the end of a run that did not go well, or None."""
    err, out = done.stderr.decode(errors="replace"), scenario.output(here, done)
    if done.returncode != 1:
        return f"status {done.returncode}: {err[-500:]}"
    if scenario.command[0] == "verify" and b" errors, " in done.stdout:
        return None  # what it found
    errors = [line for line in err.splitlines() if "error:" in line]
    if len(errors) != 1 or not err.endswith("\n") or not (
            err.splitlines()[-1] == errors[0] and errors[0].startswith("transplant: error: ")):
        return f"not one line of an error: {err[-500:]}"
    out.pop("printed", None)
    left = [p.name for p in here.iterdir() if ".otx-" in p.name]
    return f"status 1, and an output: {sorted(out) + left}; {err[-500:]}" if out or left else None


def judge(scenario, here, done, wanted):
    if done.returncode != 0:
        if scenario.command[0] == "draft" and scenario.output(here, done) in wanted:
            return None if b"error: " in done.stdout else "no word of why"  # OUT stands
        ends["refused"] += 1
        return clean(scenario, here, done)
    out = steady(scenario.output(here, done))
    if out not in wanted:
        first = wanted[0]
        return "neither of the two: " + ", ".join(
            name for name in sorted({*out, *first}) if out.get(name) != first.get(name))
    ends["as before" if out == wanted[0] else "as after"] += 1
    return None


def afterwards(root, scenario, action, file):
    """What a command makes of the file once it has changed."""
    here = fresh(root)
    (here / "other").write_bytes(second(here / file))
    probe = Scenario("count text.txt nothing", "")  # whose first open is enough
    probe.command = ["inspect", "text.txt"]
    run(probe, here, f"open 0 1 {action}", file)
    done = run(scenario, here)
    return [steady(scenario.output(here, done))] if done.returncode == 0 else []


def each_call(root, scenario, most):
    here, counted = fresh(root), root / "counts"
    done = run(scenario, here, counts=counted)
    assert done.returncode == 0, done.stderr
    good = steady(scenario.output(here, done))
    assert good
    counts = {k: int(v) for k, v in (line.split() for line in counted.read_text().splitlines())}
    assert all(counts.get(kind) for kind in ("read", "open", "stat")), counts
    before = faults.passed + faults.failed
    for file in scenario.files:
        other = second(root / "begin" / file)
        for action in ACTIONS:
            wanted = [good, *afterwards(root, scenario, action, file)]
            for kind in KINDS:
                for first in spread(counts.get(kind, 0), most):
                    here = fresh(root)
                    (here / "other").write_bytes(other)
                    done = run(scenario, here, f"{kind} {first} 1 {action}", file)
                    check(judge(scenario, here, done, wanted),
                          f"{scenario.name}: {file}: {action} at {kind} {first}")
    print(f"{scenario.name}: {faults.passed + faults.failed - before} checks")


# ---- a second process -------------------------------------------------------------------


def ticks(root):
    """Whether the file system tells two changes apart that are as near as meddle's."""
    seen = set()
    for _ in range(5):
        (root / "tick").write_bytes(b"")
        seen.add((root / "tick").stat().st_mtime_ns)
        time.sleep(0.012)
    return len(seen) == 5


def meddle(path, spare, contents, in_place, parent):
    """Changes the file as long as the parent lives. Never twice within a tick."""
    rng = random.Random(1)
    while os.getppid() == parent:
        for content in contents:
            time.sleep(rng.uniform(0.012, 0.04))
            if in_place:
                with open(path, "r+b") as file:
                    file.write(content[:rng.choice((len(content), len(content) // 2))])
                    file.truncate(rng.choice((len(content), len(content), len(content) // 2)))
            else:
                spare.write_bytes(content)
                os.rename(spare, path)


def verified(scenario, here):
    """What verify says: of the small models in GGUF, that they cannot spell all bytes."""
    return subprocess.run([tool.TOOL, "verify", scenario.command[2]], cwd=here,
                          capture_output=True, timeout=120).stdout


def beside(root, scenario, file, in_place, runs):
    here = fresh(root)
    path = here / file
    contents = [path.read_bytes(), second(path)]
    wanted = []
    for content in contents:
        path.write_bytes(content)
        shutil.rmtree(here / "out", ignore_errors=True)
        (here / "out.gguf").unlink(missing_ok=True)
        done = run(scenario, here)
        assert done.returncode == 0
        wanted.append(steady(scenario.output(here, done)))
    told = verified(scenario, here)
    parent, child = os.getpid(), os.fork()
    if child == 0:
        try:
            meddle(path, root / "spare", contents, in_place, parent)
        finally:
            os._exit(1)
    try:
        for i in range(runs):
            shutil.rmtree(here / "out", ignore_errors=True)
            for name in OUTPUTS[1:]:
                (here / name).unlink(missing_ok=True)
            done = run(scenario, here)
            if not in_place or done.returncode != 0:
                problem = judge(scenario, here, done, wanted)
            else:
                ends["something"] += 1
                said = verified(scenario, here)
                problem = said != told and f"verify: {said[-1000:]}"
            check(problem, f"{scenario.name}: {file} beside, run {i}")
        check(os.waitpid(child, os.WNOHANG)[0] and "it has ended",
              f"{scenario.name}: beside")
    finally:
        os.kill(child, 9)  # one that has ended and been waited for is an error, and told
        os.waitpid(child, 0)


def main():
    global SHIM
    args, SHIM = faults.command_line(6)
    beside_shim = os.path.dirname(os.path.abspath(args.shim))
    work = Path(tempfile.mkdtemp(prefix="changing-", dir=beside_shim))
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    skipped = 0
    try:
        (work / "begin").mkdir()
        models(work / "begin")
        for scenario in SCENARIOS:
            each_call(work, scenario, args.most)
        check(not all(ends[e] for e in ("refused", "as before", "as after")) and dict(ends), "ends")
        beside_it = ticks(work)
        if not beside_it:
            print("skipped a second process: two changes may have one time here")
            skipped = 1
        for scenario, files in ((SCENARIOS[0], ["base/model-00001-of-00002.safetensors",
                                                "donor/tokenizer.json", "base/config.json"]),
                                (SCENARIOS[1], ["base.gguf", "donor.gguf"]),
                                (SCENARIOS[4], ["base/tokenizer.json"]),
                                (SCENARIOS[6], ["base/tokenizer.json"])):
            for file in files * beside_it:
                for in_place in (False, True):
                    beside(work, scenario, file, in_place, 200 if args.most == 0 else 15)
    finally:
        shutil.rmtree(work, ignore_errors=True)
    print("ends: " + ", ".join(f"{n} {end}" for end, n in ends.most_common()))
    print(f"{faults.passed} passed, {faults.failed} failed, {skipped} skipped")
    return faults.failed > 0


if __name__ == "__main__":
    sys.exit(main())

#!/usr/bin/env python3
"""The tool on a system that fails: every call of every kind, once and for good; killed at every
call; a full disk of every size; limits; files that change while they are read.

    tests/hostile/faults.py TRANSPLANT SHIM.so [--most N] [--sanitized LIBASAN]

SHIM.so is shim.c. Whatever fails, a run ends with status 0 and the right bytes, or with status 1,
one line that says why, and what stood under the output's name before: nothing, or the older
output, whole. --most tries at most N calls of each kind, spread over all of them (0: all).
The last line is `N passed, N failed, N skipped`.
"""

import argparse
import errno
import os
import resource
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
import gguf_models as gguf  # noqa: E402
import tool  # noqa: E402

KINDS = ["read", "write", "open", "close", "sync", "stat", "rename", "mkdir", "list", "remove",
         "link", "malloc", "copy"]
# What each kind can be told to do, besides failing with EIO.
MORE = {"read": ["short", "end", str(errno.EINTR), "cut"], "write": ["short", str(errno.ENOSPC),
        str(errno.EINTR)], "open": [str(errno.EACCES), str(errno.EINTR), str(errno.EMFILE)],
        "close": [str(errno.EINTR), str(errno.ENOSPC)], "sync": [str(errno.ENOSPC),
        str(errno.EINTR)], "stat": [str(errno.EACCES)], "rename": [str(errno.EACCES)],
        "mkdir": [str(errno.EACCES), str(errno.ENOSPC)], "link": [str(errno.EACCES)],
        "list": [str(errno.EACCES)],
        "copy": ["short", "end", str(errno.EINTR), str(errno.EXDEV), str(errno.ENOSPC), "cut"]}
NEVER_FOR_GOOD = {str(errno.EINTR), "cut"}  # the one would never end, the other cut all away

passed = failed = 0


def check(problem, what):
    global passed, failed
    passed, failed = passed + (not problem), failed + bool(problem)
    if problem:
        print(f"FAILED {what}: {problem}")


class Scenario:
    """A command, the models that it is run on, and what stands at its output's name."""

    def __init__(self, name, args, out, make, older):
        self.name, self.args, self.out, self.make, self.older = name, args, out, make, older

    def begin(self, here):
        self.make(here)
        if self.older:
            done = subprocess.run([*tool_command(here), *self.command("-a", "zero")],
                                  capture_output=True)
            assert done.returncode == 0, done.stderr
        return here

    def command(self, *more):
        return [*self.args, *(["--overwrite"] if self.older else []), *more]

    def output(self, here):
        """What stands under the output's name, and under those of its parts."""
        stem = self.out.rsplit(".", 1)[0] if self.out.endswith(".gguf") else self.out
        found = {}
        for path in sorted(here.iterdir()):
            if path.name == self.out or path.name.startswith(f"{stem}-0"):
                found[path.name] = tool.snapshot(path) if path.is_dir() else path.read_bytes()
        return found

    def left(self, here):
        return [p.name for p in here.iterdir() if ".otx-" in p.name]


def directories(here):
    tool.pair(here)


def files(here):
    gguf.write(here / "base.gguf", gguf.base_keys(), gguf.base_tensors())
    gguf.write(here / "donor.gguf", gguf.donor_keys(), gguf.donor_tensors())


PLAIN = ["base", "donor", "out", "-q", "-a", "mean"]
GGUF = ["base.gguf", "donor.gguf", "out.gguf", "-q", "-a", "mean"]
PARTS = [*GGUF, "--split-max-size", "16K"]
SCENARIOS = [
    Scenario("a directory", PLAIN, "out", directories, False),
    Scenario("a directory in place of another", PLAIN, "out", directories, True),
    Scenario("a file", GGUF, "out.gguf", files, False),
    Scenario("parts in place of others", PARTS, "out.gguf", files, True),
    Scenario("a vocabulary cut down", ["trim", "base", "out", "--first", "30", "-q"], "out",
             directories, False),
]


def tool_command(here):
    return [str(here / "transplant") if (here / "transplant").exists() else tool.TOOL]


def run(scenario, here, shim="", counts=None, limit=None, timeout=120):
    env = dict(os.environ, LD_PRELOAD=PRELOAD, OMP_NUM_THREADS="1",
               ASAN_OPTIONS="allocator_may_return_null=1")
    if shim:
        env["OTX_SHIM"] = shim
    if counts:
        env["OTX_SHIM_COUNTS"] = str(counts)
    if limit and not shim:
        env.pop("LD_PRELOAD")
    return subprocess.run([tool.TOOL, *scenario.command()], cwd=here, env=env, timeout=timeout,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, stdin=subprocess.DEVNULL,
                          preexec_fn=limit)


def judge(scenario, here, done, good, older):
    """What is wrong with the end of a run, or None."""
    err, now = done.stderr.decode(errors="replace"), scenario.output(here)
    left = scenario.left(here)
    if done.returncode == 0:
        if now != good:
            return f"status 0, and other bytes: {sorted(now)}; {err[-300:]}"
        if left and "could not be removed" not in err:
            return f"status 0, and left {left}: {err[-300:]}"
        return None
    if done.returncode != 1:
        return f"status {done.returncode}: {err[-2000:]}"
    errors = [line for line in err.splitlines() if "error:" in line]
    if len(errors) != 1 or not err.endswith("\n") or not (
            err.splitlines()[-1] == errors[0] and errors[0].startswith("transplant: error: ")):
        return f"not one line of an error: {err[-1000:]}"
    if now != older and not (kept_aside(err) and not set(now) - set(older)):
        return f"status 1, and another output: {sorted(now)}; {err}"
    if left and not ("could not be removed" in err or kept_aside(err)):
        return f"status 1, and left {left}: {err[-300:]}"
    return None


def kept_aside(err):
    """Whether it is said where the older output is that could not be put back."""
    return "is here now" in err or "could not be put back" in err


def spread(count, most):
    if not most or count <= most:
        return range(count)
    return sorted({i * (count - 1) // max(most - 1, 1) for i in range(most)})


def fresh(root, scenario):
    """A copy of the scenario's beginning to be spoiled."""
    here = root / "run"
    if here.exists():
        shutil.rmtree(here)
    shutil.copytree(root / "begin", here)
    return here


def faults(root, scenario, counts, good, older, most):
    for kind in KINDS:
        count = counts.get(kind, 0)
        for action in [str(errno.EIO if kind != "malloc" else errno.ENOMEM), *MORE.get(kind, [])]:
            for times in (1, -1):
                if times == -1 and action in NEVER_FOR_GOOD:
                    continue
                for first in spread(count, most):
                    here = fresh(root, scenario)
                    plan = f"{kind} {first} {times} {action}"
                    done = run(scenario, here, plan)
                    check(judge(scenario, here, done, good, older), f"{scenario.name}: {plan}")


def kills(root, scenario, counts, good, older, most):
    """Killed, there is no line, and at most leftovers, which the next run tells of."""
    total = sum(counts.get(kind, 0) for kind in KINDS if kind != "malloc")
    for first in spread(total, most and 4 * most):
        here = fresh(root, scenario)
        done = run(scenario, here, f"any {first} 1 kill")
        what = f"{scenario.name}: killed at call {first}"
        now = scenario.output(here)
        if done.returncode == 0:  # fewer calls than before
            check(now != good and "other bytes", what)
            continue
        check(done.returncode != -9 and f"status {done.returncode}", what)
        whole = now in (good, older) or not scenario.older and not now
        if not whole and older and set(older) - set(now):  # a part is aside: none begins the set
            whole = min(older) not in now and min(good) not in now
        if not whole and older and not now:
            whole = bool(scenario.left(here))
        if not whole and not older and good:
            whole = min(good) not in now
        check(not whole and f"half an output: {sorted(now)}", what)
        done = subprocess.run([tool.TOOL, *scenario.command(), *(
            [] if scenario.older else ["--overwrite"])], cwd=here, capture_output=True)
        err = done.stderr.decode()
        problem = done.returncode and f"the next run: {err}"
        if not problem and scenario.output(here) != good:
            problem = "the next run's bytes"
        check(problem, what)


def full_disks(root, scenario, size, good, older, most):
    for budget in spread(size + 1, most and 4 * most):
        here = fresh(root, scenario)
        done = run(scenario, here, f"write @{budget} -1 {errno.ENOSPC}")
        check(judge(scenario, here, done, good, older),
              f"{scenario.name}: a disk of {budget} bytes")


def limits(root, scenario, good, older):
    def limit(which, value):
        def set_it():
            resource.setrlimit(which, (value, resource.getrlimit(which)[1]))
        return set_it

    tried = [("files", resource.RLIMIT_NOFILE, n) for n in range(4, 16)]
    tried += [("bytes a file", resource.RLIMIT_FSIZE, n) for n in (0, 1, 100, 1000, 5000, 20000)]
    if not SANITIZED:
        tried += [("memory", resource.RLIMIT_AS, n << 20) for n in (4, 5, 6, 7, 8, 12, 16, 64)]
        tried += [("stack", resource.RLIMIT_STACK, n << 10) for n in (64, 96, 128, 256)]
    for name, which, value in tried:
        here = fresh(root, scenario)
        done = run(scenario, here, limit=limit(which, value))
        err = done.stderr.decode(errors="replace")
        # Too little for the loader: the program has not begun.
        began = "error while loading shared libraries" not in err and not (
            name in ("memory", "stack") and done.returncode < 0 and not err)
        if began:
            check(judge(scenario, here, done, good, older), f"{scenario.name}: {value} {name}")


def try_all(root, scenario, most):
    shutil.rmtree(root, ignore_errors=True)
    (root / "begin").mkdir(parents=True)
    os.chdir(root / "begin")
    scenario.begin(root / "begin")
    older = scenario.output(root / "begin")
    here = fresh(root, scenario)
    counted = root / "counts"
    done = run(scenario, here, counts=counted)
    assert done.returncode == 0, done.stderr
    good = scenario.output(here)
    assert good and good != older
    counts = {k: int(v) for k, v in (line.split() for line in counted.read_text().splitlines())}
    if SANITIZED:
        counts["malloc"] = 0
    size = sum(len(b) for f in good.values() for b in (f.values() if isinstance(f, dict) else [f]))
    before = passed + failed
    faults(root, scenario, counts, good, older, most)
    kills(root, scenario, counts, good, older, most)
    full_disks(root, scenario, size, good, older, most)
    limits(root, scenario, good, older)
    print(f"{scenario.name}: {sum(counts.values())} calls, {passed + failed - before} checks")


def command_line(most):
    """The arguments, and what is preloaded; the tool is the one that they name."""
    parser = argparse.ArgumentParser()
    parser.add_argument("transplant")
    parser.add_argument("shim")
    parser.add_argument("--most", type=int, default=most)
    parser.add_argument("--sanitized", default="")
    args = parser.parse_args()
    tool.TOOL = os.path.abspath(args.transplant)
    return args, " ".join(filter(None, [args.sanitized, os.path.abspath(args.shim)]))


def main():
    global PRELOAD, SANITIZED
    args, PRELOAD = command_line(40)
    SANITIZED = bool(args.sanitized)
    work = Path(tempfile.mkdtemp(prefix="otx-hostile-"))
    try:
        for scenario in SCENARIOS:
            try_all(work / "scenario", scenario, args.most)
    finally:
        os.chdir("/")
        shutil.rmtree(work, ignore_errors=True)
    print(f"{passed} passed, {failed} failed, 0 skipped")
    return failed > 0


if __name__ == "__main__":
    sys.exit(main())

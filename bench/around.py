"""What stands around a solve: a core that others use, memory that was promised, copies of files,
vocabularies that are read and aligned. bench.py runs it."""

import contextlib
import json
import os
import re
import resource
import shutil
import statistics
import subprocess
import sys
import time
from pathlib import Path

import table

MIB = 2 ** 20
SLACK = 16 * MIB  # of a process that solves: its code, its stacks, its allocator's rounding


def timed(command):
    """Seconds on the wall and of the processor that a command took, and what it printed."""
    before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    done = subprocess.run([str(word) for word in command], check=True, stdout=subprocess.PIPE)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return {"wall": time.monotonic() - start, "user": after.ru_utime - before.ru_utime,
            "sys": after.ru_stime - before.ru_stime, "said": done.stdout.decode()}


def median(runs, *names):
    return statistics.median(sum(run[name] for name in names) for run in runs)


def spread(runs, *names):
    sums = [sum(run[name] for name in names) for run in runs]
    return f"{min(sums):.2f} to {max(sums):.2f}"


@contextlib.contextmanager
def one_core_busy(busy):
    """A process that never rests on the last core."""
    if not busy:
        yield
        return
    core = max(os.sched_getaffinity(0))
    spinner = subprocess.Popen([sys.executable, "-c", "while True: pass"],
                               preexec_fn=lambda: os.sched_setaffinity(0, {core}))
    try:
        yield
    finally:
        spinner.kill()
        spinner.wait()


def busy(solve, rounds, threads):
    """solve(n) is a command on n threads. Returns whether threads pay beside a busy core, too, and
    waiting costs no processor; 5 % are noise."""
    counts, runs = sorted({1, threads}), {}
    for _ in range(rounds):
        for beside in (False, True):
            for n in counts:
                with one_core_busy(beside):
                    runs.setdefault((beside, n), []).append(timed(solve(n)))
    print("| last core | threads | median s | range s | processor s | range s | times as fast |")
    print("|---|---|---|---|---|---|---|")
    for (beside, n), found in sorted(runs.items()):
        ratio = median(runs[beside, 1], "wall") / median(found, "wall")
        print(f"| {'busy' if beside else 'as found'} | {n} | {median(found, 'wall'):.2f} | "
              f"{spread(found, 'wall')} | {median(found, 'user', 'sys'):.2f} | "
              f"{spread(found, 'user', 'sys')} | {ratio:.2f} |")
    alone, most = counts[0], counts[-1]
    return (median(runs[True, most], "wall") <= 1.05 * median(runs[True, alone], "wall") and
            median(runs[True, most], "user", "sys") <=
            1.2 * median(runs[False, alone], "user", "sys"))


def memory(solve, data_bytes):
    """solve(form) is a command in that form. Returns whether the process stays within what the plan
    promises and the data that it holds besides."""
    print("| form | promised, MiB | taken, MiB | process at most, MiB | of it data, MiB |")
    print("|---|---|---|---|---|")
    right = True
    for form in ("gram", "columns", "residual"):
        run = json.loads(timed(solve(form))["said"].splitlines()[-1])
        promised = float(re.search(r" ([0-9.]+) of [0-9.]+ MiB", run["plan"])[1]) * MIB
        most = run["vm_hwm_kib"] * 1024
        right &= run["peak_bytes"] <= promised + MIB and most <= promised + data_bytes + SLACK
        print(f"| {run['form']} | {promised / MIB:.0f} | {run['peak_bytes'] / MIB:.1f} | "
              f"{most / MIB:.1f} | {data_bytes / MIB:.1f} |")
    return right


def synced(path):
    """Seconds until a file that was just written is on the disk."""
    start = time.monotonic()
    with open(path, "rb") as file:
        os.fsync(file.fileno())
    return time.monotonic() - start


def files(tool, base, donor, work, rounds):
    """Copies by cp and by a transplant that makes its rows by mean, in turns."""
    out, copy = Path(work, "around"), Path(work, "around.copy")
    weights = sorted(Path(base).glob("*.safetensors"))
    runs, waits = {}, []
    for _ in range(rounds):
        for file in weights:
            with open(file, "rb") as opened:  # into the page cache
                while opened.read(1 << 24):
                    pass
        for name, command in (("cp", ["cp", *weights, copy]),
                              ("transplant -a mean", [tool, base, donor, out, "-q", "-a", "mean"])):
            shutil.rmtree(out, True)
            shutil.rmtree(copy, True)
            copy.mkdir()
            runs.setdefault(name, []).append(timed(command))
            if name == "cp":
                waits.append(sum(synced(copy / file.name) for file in weights))
    written = sum(file.stat().st_size for file in out.glob("*.safetensors"))
    read = sum(file.stat().st_size for file in weights)
    shutil.rmtree(out, True)
    shutil.rmtree(copy, True)
    table.prose(f"{read / 1e6:.0f} MB of weights in the page cache; the transplant writes "
                f"{written / 1e6:.0f} MB.")
    print("\n| | median s | range s | user s | system s |\n|---|---|---|---|---|")
    for name, found in runs.items():
        print(f"| {name} | {median(found, 'wall'):.2f} | {spread(found, 'wall')} | "
              f"{median(found, 'user'):.2f} | {median(found, 'sys'):.2f} |")
    print(f"| waiting for the disk after cp | {statistics.median(waits):.2f} | "
          f"{min(waits):.2f} to {max(waits):.2f} | | |")


def vocabularies(program, base, donor, rounds):
    found = json.loads(timed([program, donor, base, rounds])["said"])
    print(f"\n| {found['donor']:,} and {found['base']:,} tokens, {found['shared']:,} shared "
          "| processor s | range s |\n|---|---|---|")
    for i, name in enumerate(("both read", "aligned", "in all, on the wall")):
        column = [line[i] for line in found["rounds"]]
        print(f"| {name} | {statistics.median(column):.3f} | {min(column):.3f} to "
              f"{max(column):.3f} |")

"""Time of bench/solve against N, B, d and k, one varied at a time around size S."""

import json
import statistics
import subprocess
import sys
from pathlib import Path

import numpy as np

MIDDLE = {"anchors": 8192, "targets": 2048, "width": 1024, "k": 64}
NAMES = {"anchors": "N", "targets": "B", "width": "d", "k": "k"}
FACTORS = (.25, .5, 1, 2)


def solve(work, repeat, options, sizes):
    """Median seconds, and the form, on data of these sizes that are made anew."""
    data = work / "growth.safetensors"
    words = [word for name, value in sizes.items() for word in (f"--{name}", str(value))]
    maker = Path(__file__).parent / "make_data.py"
    subprocess.run([sys.executable, maker, data, *words], check=True)
    command = [work / "solve", data, work / "growth-ours.safetensors", "--k", str(sizes["k"]),
               "--repeat", str(repeat), *options]
    run = json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout)
    return statistics.median(run["seconds"]), run["form"]


def growth(work, repeat, options):
    """Prints the table with the exponents p of the fits seconds = c x^p."""
    print("\nAround " + ", ".join(f"{NAMES[name]} = {value:,}" for name, value in MIDDLE.items())
          + f"; BF16 data, medians of {repeat} runs, exponent p of seconds = c x^p.\n")
    factors = " | ".join(f"times {factor:g}" for factor in FACTORS)
    print(f"| varied | {factors} | exponent | form |")
    print("|---|" + "---|" * len(FACTORS) + "---|---|")
    for name, value in MIDDLE.items():
        sizes = [{**MIDDLE, name: int(value * factor)} for factor in FACTORS]
        times, forms = zip(*(solve(work, repeat, options, s) for s in sizes))
        exponent = np.polyfit(np.log([s[name] for s in sizes]), np.log(times), 1)[0]
        cells = " | ".join(f"{t:.3f} s" for t in times)
        seen = ", ".join(sorted(set(forms)))
        print(f"| {NAMES[name]} | {cells} | {exponent:.2f} | {seen} |", flush=True)

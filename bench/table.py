"""Turn the JSON lines of several solvers' runs into a table for RESULTS.md.

table.py DATA.safetensors NAME=RUNS.jsonl NAME=RUNS.jsonl ...

Each line of a file is one run: "seconds" (a list), and "targets" if it solved
only the first ones, whose time is then scaled to all of them. Times are
medians over the runs; ratios are to the first solver named.
"""

import json
import statistics
import sys

import tensors


def load(path):
    with open(path) as f:
        return [json.loads(line) for line in f if line.startswith("{")]


def row(name, runs, total, first):
    last = runs[-1]
    targets = last.get("targets", total)
    seconds = [s * total / targets for run in runs for s in run["seconds"]]
    median = statistics.median(seconds)
    how = [f"batch {last['batch']}"] if "batch" in last else []
    how += [str(last[key]) for key in ("form", "isa") if last.get(key)]
    if targets < total:
        how.append(f"scaled up from {targets} targets")
    memory = f"{last['peak_bytes'] / 2 ** 30:.2f}" if last.get("peak_bytes") else "-"
    print(f"| {name} | {last['threads']} | {len(seconds)} | {median:.4g} | {min(seconds):.4g} to {max(seconds):.4g} "
          f"| {median / (first or median):.3g} | {memory} | {', '.join(how)} |")
    return first or median


def main():
    data, *files = sys.argv[1:]
    maps, metadata = tensors.read(data)
    (n, d), b = maps["donor_anchors"].shape, len(maps["targets"])
    print(f"N = {n}, B = {b}, d = {d}, k = {metadata['k']}\n")
    print("| solver | threads | runs | median s | range s | times the first | peak GiB | how |")
    print("|---|---|---|---|---|---|---|---|")
    first = None
    for name, path in (f.split("=", 1) for f in files):
        first = row(name, load(path), b, first)


if __name__ == "__main__":
    main()

"""The stages of bench/solve against what bench/roofline measured.

A stage's least time is the longest that any of its resources takes at the speed
measured for it, as if all others were free. What is counted, with N atoms, B
targets, k steps, d columns, tiles of 32 atoms:

gram       Gram form: N N d / 2 multiply-adds (half by symmetry); 2 N N bytes
           written. Columns form: N d for each column, 2 N bytes
correlate  B N d multiply-adds; 2 B N bytes written
scan       Gram and columns forms: for each scan of a target and each tile, one
           line of 64 bytes for each atom of its support, k / 2 in the mean; 32
           multiply-adds of 16 bits for each line and support looked at; for each
           pass over a block of targets 2 N bytes for each target, and all columns
           read once. Residual form: N d multiply-adds for each scan of a target
"""

import re
import statistics

import table

LEVELS = ("L1", "L2", "L3", "DRAM")


def resources(stage, run, roof, data):
    """{what: (amount, unit, speed in units per second)} of a stage, or None."""
    n, b, d, k, form = data.anchors, data.targets, data.width, data.k, run["form"]
    bf16 = (data.dtype == "BF16" and any(word in run["isa"] for word in ("bf16", "amx"))
            and roof["gops"]["bf16"])
    kind = "bf16" if bf16 else "float"

    def products(multiply_adds):
        return {f"{kind} products": (2 * multiply_adds, "op", roof["gops"][kind] * 1e9)}

    def fits(size):
        """The nearest level of memory, beyond the first, that holds so many bytes."""
        fits = (level for level in LEVELS[1:3] if size <= roof["read"][level]["bytes"])
        return next(fits, "DRAM")

    def memory(amount, size):
        level = fits(size)
        return {f"reading {level}": (amount, "B", roof["read"][level]["gbs"] * 1e9)}

    size = re.search(r"blocks of (\d+) targets", run["plan"])
    scans = run["passes"] * min(b, int(size[1])) if size else 0  # of one target over all atoms
    columns, number = run["columns"], 4 if form == "single" else 2  # bytes
    if stage == "gram" and columns:
        return {**products(columns * n * d if form == "columns" else n * n * d / 2),
                **memory(number * columns * n, number * columns * n)}
    if stage == "correlate" and columns:
        return {**products(b * n * d), **memory(number * b * n, number * b * n)}
    if stage == "scan" and form == "residual":
        rounded = re.search(r"rounded to (8 bits|bf16|float)", run["plan"])[1]
        kind = {"8 bits": "int8"}.get(rounded, rounded)
        return products(scans * n * d)
    if stage == "scan" and columns and scans:
        lines, supports = scans * n / 32 * k / 2, max(1, run["steps"] / scans)
        found = {f"lines in {fits(roof['tile_bytes'])}": (lines, "line", roof["glines"] * 1e9),
                 **memory(run["passes"] * 2 * columns * n + scans * 2 * n, 2 * columns * n)}
        if roof["gops"]["int16"]:
            found["int16 products"] = (lines * 64 * supports, "op", roof["gops"]["int16"] * 1e9)
        return found
    return None


def print_roofs(roofs):
    print("| roof |" +
          "".join(f" {r['threads']} thread{'s' * (r['threads'] > 1)} |" for r in roofs))
    print("|---|" + "---|" * len(roofs))
    rows = [(f"{name} products, Gop/s (a multiply-add is 2)", [r["gops"][name] for r in roofs])
            for name in roofs[0]["gops"]]
    for level in LEVELS:
        size = roofs[0]["read"][level]["bytes"]
        where = f"{level} ({size / 2 ** 10:.0f} KiB)" if level != "DRAM" else level
        rows.append((f"reading {where}, GB/s", [r["read"][level]["gbs"] for r in roofs]))
    rows.append((f"lines of a tile of {roofs[0]['tile_bytes'] / 2 ** 10:.0f} KiB in the order of "
                 "the scan, G/s",
                 [r["glines"] for r in roofs]))
    for name, values in rows:
        print(f"| {name} |" + "".join(f" {v:.4g} |" if v else " none |" for v in values))
    print()


def print_stages(roof, runs, data):
    total = statistics.median(s for run in runs for s in run["seconds"])
    print(f"{roof['threads']} thread{'s' * (roof['threads'] > 1)}, {total:.3f} s, "
          f"{runs[0]['form']} form, "
          f"{runs[0]['isa']}:\n")
    print("| stage | s | of all | what binds | amount | achieved per s | roof per s | least s "
          "| share of the roof |")
    print("|---|---|---|---|---|---|---|---|---|")
    for stage in runs[0]["stages"]:
        took = statistics.median(run["stages"][stage] for run in runs)
        found = resources(stage, runs[-1], roof, data)
        cells = f"| {stage} | {took:.3f} | {took / total:.1%} |"
        if not found or not took:
            print(cells + " - | - | - | - | - | - |")
            continue
        name = max(found, key=lambda what: found[what][0] / found[what][2])  # amount / speed
        amount, unit, speed = found[name]
        print(f"{cells} {name} | {amount:.3g} {unit} | {amount / took:.3g} | {speed:.3g} "
              f"| {amount / speed:.3f} | **{amount / speed / took:.0%}** |")
    print()


def report(data, roofs, runs):
    """Prints the roofs and, for each number of threads, the stages."""
    print_roofs(roofs)
    for roof in roofs:
        print_stages(roof, [r for r in runs if r["threads"] == roof["threads"]], data)
    table.prose("What binds a stage is the resource that would take it longest if all others were "
                "free: its least time is the amount of that at the speed measured for it. "
                "`bench/roofline.py` tells what is counted. Lines in L2, L3 or DRAM: where the "
                "scan's tile of a line for each anchor fits; popular lines are read from nearer. "
                "Stages without a roof compute in double on what they find, a mixture of small "
                "reads and products.")

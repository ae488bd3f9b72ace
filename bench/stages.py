"""A table of where the time of bench/solve went, each number the median of runs."""

import statistics

import table


PARTS = ("rescore", "factor", "predict")  # of select, averages over threads that overlap


def medians(runs):
    """Seconds in all, and of each stage and part of one."""
    def median(find):
        return statistics.median(find(run) for run in runs)
    parts = {}
    for name in runs[0]["stages"]:
        parts[name] = median(lambda run: run["stages"][name])
        if name == "select":
            parts.update({f"- {part}": median(lambda run: run[part]) for part in PARTS})
    return median(lambda run: statistics.median(run["seconds"])), parts


def stages(runs):
    """Prints the table; returns whether few enough steps scored every atom."""
    counts = sorted({run["threads"] for run in runs})
    groups = {n: [run for run in runs if run["threads"] == n] for n in counts}
    total, parts = zip(*(medians(group) for group in groups.values()))
    scaled = len(counts) > 1

    print("| stage |" + "".join(f" {n} thread{'s' * (n > 1)}, s | share |" for n in counts)
          + " times as fast |" * scaled)
    print("|---|" + "---|---|" * len(counts) + "---|" * scaled)
    for name in parts[0]:
        cells = "".join(f" {s[name]:.3f} | {s[name] / t:.1%} |" for s, t in zip(parts, total))
        ratio = " - |" * scaled
        if scaled and parts[-1][name]:
            ratio = f" {parts[0][name] / parts[-1][name]:.2f} |"
        print(f"| {name} |{cells}{ratio}")
    cells = "".join(f" {t:.3f} | of {len(groups[n])} runs |" for n, t in zip(counts, total))
    print(f"| **all** |{cells}" + f" **{total[0] / total[-1]:.2f}** |" * scaled)

    last = runs[-1]
    rate = last["fallbacks"] / max(last["steps"], 1)
    print()
    table.prose(f"Plan: {last['plan']}.")
    print()
    table.prose(f"{last['isa']}. {last['passes']} passes over a block for {last['steps']:,} steps. "
                f"Candidates per step: {last['candidates_per_step']:.3g} in the mean, "
                f"{last['candidates_p99']} at the 99th percentile. Every atom scored in double at "
                f"{last['fallbacks']} steps, {rate:.3%}. Peak memory: "
                f"{last['peak_bytes'] / 2 ** 30:.2f} GiB of the solver, "
                f"{last['vm_hwm_kib'] / 2 ** 20:.2f} GiB of the process.")
    return rate <= .01

"""A table of several solvers' runs for RESULTS.md."""

import statistics
import textwrap


def prose(text, indent=""):
    """Prints a paragraph in lines of at most 100 columns."""
    print(textwrap.fill(text, 100, subsequent_indent=indent, break_long_words=False,
                        break_on_hyphens=False), flush=True)


def row(name, lines, total, first):
    """Prints the line of one solver; returns the median that ratios are to."""
    runs = [line for line in lines if "seconds" in line]
    failed = [line["skipped"] for line in lines if "skipped" in line]
    if not runs:
        why = failed[-1] if failed else "not run"
        print(f"| {name} | - | - | - | - | - | - | skipped: {why} |")
        return first
    last = runs[-1]
    targets = last.get("targets", total)
    seconds = [s * total / targets for run in runs for s in run["seconds"]]
    median = statistics.median(seconds)
    how = [last["how"] if "how" in last else f"{last['form']} form, {last['isa']}"]
    if targets < total:
        how.append(f"measured on {targets:,} targets, times {total / targets:.4g}")
    if failed:
        how.append(f"{len(failed)} runs failed: {failed[-1]}")
    memory = last.get("vm_hwm_kib", 0) * 1024 or last["peak_bytes"]  # of the process
    print(f"| {name} | {last['threads']} | {len(seconds)} | {median:.4g} "
          f"| {min(seconds):.4g} to {max(seconds):.4g} "
          f"| {median / (first or median):.3g} | {memory / 2 ** 30:.2f} | {', '.join(how)} |")
    return first or median


def table(solvers, total):
    """solvers: {name: reports}. A report is one process: "seconds" of its runs, and
    "targets" if it solved only the first ones, whose time is then scaled to all; or
    "skipped", why there is none. Ratios are to the first solver."""
    print("| solver | threads | runs | median s | range s | times the first | peak GiB | how |")
    print("|---|---|---|---|---|---|---|---|")
    first = None
    for name, lines in solvers.items():
        first = row(name, lines, total, first)

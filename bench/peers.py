"""What the scripts that time other solvers share.

A script offers variants (types, batch sizes, algorithms). Those asked for are
timed, reading and conversions aside; the answer of the fastest is written as
indices, coeffs and residual_norm, and one line of JSON tells the times.
"""

import argparse
import json
import os
import resource
import sys
import time

import numpy as np

import tensors


def arguments(doc, variants):
    p = argparse.ArgumentParser(description=doc.splitlines()[0])
    p.add_argument("data", metavar="DATA.safetensors")
    p.add_argument("--out", metavar="OUT.safetensors")
    p.add_argument("--k", type=int, help="default: as the data say")
    p.add_argument("--threads", type=int, default=os.cpu_count())
    p.add_argument("--variants", default=variants, metavar="v,v,...")
    p.add_argument("--first-targets", type=int, metavar="n")
    p.add_argument("--repeat", type=int, default=1)
    return p


def load(a):
    """Anchors and the targets wanted, as float32, and k."""
    data, metadata = tensors.read(a.data)
    targets = np.array(data["targets"][:a.first_targets], np.float32)
    return np.array(data["donor_anchors"], np.float32), targets, a.k or int(metadata["k"])


def seconds(work, repeat):
    """Seconds of each run, and the last result."""
    times = []
    for _ in range(repeat):
        start = time.perf_counter()
        result = work()
        times.append(round(time.perf_counter() - start, 6))
    return times, result


def residual_norms(targets, anchors, indices, coeffs):
    norms = np.empty(len(targets), np.float32)
    for n, y in enumerate(targets):
        norms[n] = np.linalg.norm(y - coeffs[n].astype(np.float64) @ anchors[indices[n]])
    return norms


def run(a, name, anchors, targets, variants, answer, how, ordered=True):
    """Times the variants, {name: function}, and reports; one that fails is told.
    answer(result) turns what one returned into indices and coefficients, untimed;
    how(variant) says what it ran with."""
    times, results, failed = {}, {}, {}
    for variant, work in variants.items():
        try:
            times[variant], results[variant] = seconds(work, a.repeat)
        except Exception as error:  # the peer's own faults are its result
            failed[variant] = f"{type(error).__name__}: {error}"[:200]
    if not times:
        sys.exit(f"{name}: {failed}")
    best = min(times, key=lambda v: min(times[v]))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    if a.out:
        indices, coeffs = (np.asarray(x) for x in answer(results[best]))
        tensors.write(a.out, {
            "indices": np.ascontiguousarray(indices, np.int32),
            "coeffs": np.ascontiguousarray(coeffs, np.float32),
            "residual_norm": residual_norms(targets, anchors, indices, coeffs),
        }, {"ordered": int(ordered)})
    print(json.dumps({
        "seconds": times[best],
        "fastest": min(times[best]),
        "variant": best,
        "by_variant": times,
        "failed": failed,
        "targets": len(targets),
        "threads": a.threads,
        "peak_bytes": peak,
        "how": f"{name}, {how(best)}",
    }))

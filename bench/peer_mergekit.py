"""Time mergekit's own batch_omp, unchanged and in fp32, on benchmark data.

Reading the file is not timed. Every batch size is tried; the answer of the
fastest is written as indices, coeffs and residual_norm, and one JSON line
tells the times and what they were measured with.
"""

import argparse
import importlib.metadata
import json
import os
import resource
import statistics
import time

import numpy as np
import torch

import tensors


def measure(work, repeat):
    """Seconds of each run, and the last result."""
    seconds = []
    for _ in range(repeat):
        start = time.perf_counter()
        result = work()
        seconds.append(time.perf_counter() - start)
    return seconds, result


def gemm_gflops(batch, anchors, width):
    """The product of every step: a batch of residuals by all anchors."""
    x, y = torch.randn(batch, width), torch.randn(anchors, width)
    x @ y.T
    return 2e-9 * batch * anchors * width / min(measure(lambda: x @ y.T, 7)[0])


def solve(batch_omp, targets, anchors, k, batch):
    parts = [batch_omp(part, anchors, k) for part in targets.split(batch)]
    return torch.cat([i for i, _ in parts]), torch.cat([c for _, c in parts])


def residual_norms(targets, anchors, indices, coeffs):
    norms = np.empty(len(targets), np.float32)
    for n, y in enumerate(targets):
        norms[n] = np.linalg.norm(y - coeffs[n].astype(np.float64) @ anchors[indices[n]])
    return norms


def blas():
    build = torch.__config__.show()
    for word, name in (("BLAS_INFO=mkl", "MKL"), ("BLAS_INFO=open", "OpenBLAS")):
        if word in build:
            return name
    return "unknown"


def main():
    p = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    p.add_argument("data", metavar="DATA.safetensors")
    p.add_argument("--out", metavar="OUT.safetensors")
    p.add_argument("--k", type=int, help="default: as the data say")
    p.add_argument("--threads", type=int, default=os.cpu_count())
    p.add_argument("--batch", default="512", metavar="n,n,...", help="512 is mergekit's default")
    p.add_argument("--first-targets", type=int, metavar="n")
    p.add_argument("--repeat", type=int, default=1)
    a = p.parse_args()

    torch.set_num_threads(a.threads)
    from mergekit.tokensurgeon.omp import batch_omp

    data, metadata = tensors.read(a.data)
    k = a.k or int(metadata["k"])
    anchors = torch.from_numpy(np.array(data["donor_anchors"]))
    targets = torch.from_numpy(np.array(data["targets"][:a.first_targets]))
    batch_omp(targets[:8], anchors, 2)  # start the threads

    times, results = {}, {}
    for batch in sorted({min(int(b), len(targets)) for b in a.batch.split(",")}):
        times[batch], results[batch] = measure(
            lambda: solve(batch_omp, targets, anchors, k, batch), a.repeat)
    best = min(times, key=lambda b: statistics.median(times[b]))
    seconds = {batch: [round(s, 4) for s in runs] for batch, runs in times.items()}
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024

    indices, coeffs = (x.numpy() for x in results[best])
    if a.out:
        tensors.write(a.out, {
            "indices": indices.astype(np.int32),
            "coeffs": coeffs,
            "residual_norm": residual_norms(targets.numpy(), anchors.numpy(), indices, coeffs),
        }, {"k": k})
    print(json.dumps({
        "name": "mergekit " + importlib.metadata.version("mergekit"),
        "seconds": seconds[best],
        "targets": len(targets),
        "batch": best,
        "seconds_by_batch": seconds,
        "threads": torch.get_num_threads(),
        "peak_bytes": peak,
        "torch": torch.__version__,
        "blas": blas(),
        "cpu_capability": torch.backends.cpu.get_cpu_capability(),
        "matmul_precision": torch.get_float32_matmul_precision(),
        "gemm_gflops": round(gemm_gflops(best, *anchors.shape), 1),
        "environment": {v: os.environ[v] for v in sorted(os.environ)
                        if v == "LD_PRELOAD" or v.startswith(("MKL_", "OMP_", "MALLOC_", "OPENBLAS_"))},
    }))


if __name__ == "__main__":
    main()

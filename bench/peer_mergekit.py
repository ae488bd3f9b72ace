"""Time mergekit's own batch_omp, unchanged, on benchmark data.

Variants are batch sizes. In fp32 as published; with --reduced PyTorch may multiply
float matrices in bfloat16, where the processor has products of that type that pay.
"""

import importlib.metadata
import sys

import torch

import peers


def gemm_gflops(batch, anchors):
    """The product of every step: a batch of residuals by all anchors."""
    x = torch.randn(batch, anchors.shape[1], device=anchors.device)
    x @ anchors.T
    times, _ = peers.seconds(lambda: (x @ anchors.T)[0, 0].item(), 3)
    return 2e-9 * batch * anchors.numel() / min(times)


def product_error():
    """Relative error of a product of matrices."""
    x, y = torch.randn(512, 1024), torch.randn(1024, 512)
    exact = x.double() @ y.double()
    return float((x @ y - exact).norm() / exact.norm())


def blas():
    build = torch.__config__.show()
    for word, name in (("BLAS_INFO=mkl", "MKL"), ("BLAS_INFO=open", "OpenBLAS")):
        if word in build:
            return name
    return "unknown BLAS"


def main():
    p = peers.arguments(__doc__, "512")  # mergekit's default
    p.add_argument("--reduced", action="store_true", help="products in bfloat16")
    p.add_argument("--device", default="cpu")
    a = p.parse_args()
    if a.device == "cuda" and not torch.cuda.is_available():
        sys.exit(f"PyTorch {torch.__version__} finds no CUDA device")

    torch.set_num_threads(a.threads)
    if a.reduced:
        # Rows given as bfloat16 would not do it: batch_omp widens them.
        torch.set_float32_matmul_precision("medium")
        if product_error() < 1e-4:
            sys.exit(f"PyTorch {torch.__version__} multiplies floats in full on this processor, "
                     "whatever precision is asked for")
    from mergekit.tokensurgeon.omp import batch_omp

    rows, wanted, k = peers.load(a)
    anchors, targets = (torch.from_numpy(x).to(a.device) for x in (rows, wanted))
    batch_omp(targets[:8], anchors, 2)  # start the threads

    def solver(batch):
        def solve():
            parts = [batch_omp(part, anchors, k) for part in targets.split(batch)]
            return [torch.cat(column).cpu() for column in zip(*parts)]  # waits for a GPU
        return solve

    def how(batch):
        unit = torch.cuda.get_device_name() if a.device == "cuda" else \
            f"{blas()}, {torch.backends.cpu.get_cpu_capability()}"
        return (f"batch {batch}, PyTorch {torch.__version__}, {unit}, "
                f"{gemm_gflops(int(batch), anchors):.0f} GF/s in its products")

    batches = sorted({min(int(b), len(targets)) for b in a.variants.split(",")})
    peers.run(a, "mergekit " + importlib.metadata.version("mergekit"), rows, wanted,
              {str(b): solver(b) for b in batches}, lambda answer: answer, how)


if __name__ == "__main__":
    main()

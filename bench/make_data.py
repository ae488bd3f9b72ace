"""Make benchmark data that look like a model's embedding rows.

Gaussian noise flatters and hides: real rows have a decaying spectrum, a
common offset, heavy-tailed norms and near duplicates, and a few popular
anchors serve most targets. All of these decide how often atoms are reused,
how close the runners-up are and how tight error bounds come out.

Writes one safetensors file: donor_anchors (N,d) and targets (B,d), as BF16 as
most checkpoints are or as F32, and k in the metadata. The same arguments give
the same rows (up to the rounding of the machine's matrix product).
"""

import argparse

import numpy as np

import tensors

SIZES = {  # anchors, targets, width, k
    "tiny": (512, 64, 64, 16),
    "S": (8192, 2048, 1024, 64),
    "M": (32768, 8192, 2048, 64),
    "C1": (59084, 70196, 4096, 64),    # OLMo-3-7B with DeepSeek's vocabulary
    "P1": (109566, 42077, 1536, 64),   # Qwen to Llama-3.2-1B
    "G1": (95968, 159000, 2560, 64),   # Gemma 3's vocabulary on a Qwen 3 body
    "wide": (32768, 256, 1024, 64),    # for SPAMS, with --unit
}
PUBLISHED = {  # of the package batched-omp, made as its own benchmark makes them
    "patches": (1024, 5000, 256, 32),
    "faces": (1207, 1207, 8064, 30),
    "audio": (2048, 5000, 512, 64),
}
CHUNK = 4096      # rows made at a time
PARTS = 16        # anchors mixed into one target
DUPLICATES = .02  # share of rows that nearly repeat another
UNTRAINED = .005  # share of small, nearly identical rows (reserved tokens)


def chunks(rows):
    for start in range(0, rows, CHUNK):
        yield slice(start, min(start + CHUNK, rows))


def normal(rng, *shape):
    return rng.standard_normal(shape, np.float32)


def share(rng, rows, part):
    return np.flatnonzero(rng.random(rows) < part)


def jitter(rng, rows):
    """Relative distance of near duplicates, from 1e-4 to 1e-1."""
    return (10 ** rng.uniform(-4, -1, (rows, 1))).astype(np.float32)


class Space:
    """A model's embedding space: a mixing matrix, an offset, an untrained row."""

    def __init__(self, rng, width, offset):
        # An orthogonal mix: cosines, shuffled and with random signs.
        mix = np.cos(np.pi / width * np.outer(rng.permutation(width), np.arange(width) + .5))
        mix *= rng.choice((-1., 1.), width)
        energy = .3 + 30 / (1 + np.arange(width)) ** .9  # a few strong directions over a flat floor
        mix *= np.sqrt(2 / energy.sum() * energy)[:, None]
        self.mix = mix.astype(np.float32)
        self.offset = normal(rng, width) * np.float32(offset)
        self.untrained = normal(rng, width) * np.float32(.02)
        self.scale = np.float32(width ** -.5)  # rows of about unit norm

    def finish(self, rng, rows):
        """Offset, heavy-tailed norms and untrained rows."""
        n = len(rows)
        rows += self.offset
        rows *= np.exp(.12 * rng.standard_t(6, (n, 1)).clip(-6, 6)).astype(np.float32)
        dead = share(rng, n, UNTRAINED)
        noise = jitter(rng, len(dead)) * normal(rng, len(dead), rows.shape[1])
        rows[dead] = self.untrained * (1 + noise)
        return rows * self.scale


def unit_rows(rows):
    return rows / np.linalg.norm(rows.astype(np.float64), axis=1, keepdims=True)


def synthetic(out, seed, offset, unit):
    rng = np.random.default_rng(seed)
    donors, targets = out["donor_anchors"], out["targets"]
    n, d = donors.shape
    space = Space(rng, d, offset)

    for part in chunks(n):
        codes = normal(rng, part.stop - part.start, d)
        twins = share(rng, len(codes), DUPLICATES)
        codes[twins] = codes[rng.integers(0, len(codes), len(twins))] + \
            jitter(rng, len(twins)) * normal(rng, len(twins), d)
        rows = space.finish(rng, codes @ space.mix)
        tensors.store(donors, part, unit_rows(rows) if unit else rows)

    popularity = 1 / (np.arange(n) + 400.)
    reach = np.cumsum(popularity) / popularity.sum()
    order = rng.permutation(n)
    for part in chunks(len(targets)):
        b = part.stop - part.start
        picks = order[np.searchsorted(reach, rng.random((b, PARTS))).clip(max=n - 1)]
        weights = normal(rng, b, PARTS) * np.float32(.15)
        rows = normal(rng, b, d) @ space.mix
        rows *= np.float32(.8)
        for j in range(PARTS):
            rows += weights[:, j, None] * (tensors.floats(donors[picks[:, j]]) / space.scale)
        twins = share(rng, b, DUPLICATES)
        rows[twins] = tensors.floats(donors[picks[twins, 0]]) / space.scale + \
            jitter(rng, len(twins)) * normal(rng, len(twins), d)
        tensors.store(targets, part, space.finish(rng, rows))


def published(out, k):
    """Exactly sparse mixtures of Gaussian unit rows."""
    from sklearn.datasets import make_sparse_coded_signal
    n, d = out["donor_anchors"].shape
    targets, atoms, _ = make_sparse_coded_signal(
        n_samples=len(out["targets"]), n_components=n, n_features=d, n_nonzero_coefs=k,
        random_state=0)
    tensors.store(out["donor_anchors"], slice(None), atoms)
    tensors.store(out["targets"], slice(None), targets)


def model_rows(path, tensor):
    """A matrix of a safetensors or GGUF file."""
    if not path.endswith(".gguf"):
        return tensors.read(path)[0][tensor]
    import gguf
    [found] = [t for t in gguf.GGUFReader(path).tensors if t.name == tensor]
    return gguf.dequantize(found.data, found.tensor_type)


def real(out, rows, seed):
    """Random rows of a real matrix, some as anchors and others as targets."""
    n = len(out["donor_anchors"])
    order = np.random.default_rng(seed).permutation(len(rows))
    for name, ids in (("donor_anchors", order[:n]), ("targets", order[n:n + len(out["targets"])])):
        for part in chunks(len(ids)):
            tensors.store(out[name], part, rows[ids[part]])


def main():
    p = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    p.add_argument("out", metavar="OUT.safetensors")
    p.add_argument("--size", choices=[*SIZES, *PUBLISHED], default="S",
                   help="preset; the next four override it")
    p.add_argument("--anchors", type=int, metavar="N")
    p.add_argument("--targets", type=int, metavar="B")
    p.add_argument("--width", type=int, metavar="d")
    p.add_argument("--k", type=int)
    p.add_argument("--seed", type=int, default=1)
    p.add_argument("--dtype", choices=("bf16", "f32"), default="bf16")
    p.add_argument("--offset", type=float, default=.8,
                   help="common offset, relative to a row's norm without it")
    p.add_argument("--unit", action="store_true", help="anchors of unit norm")
    p.add_argument("--from-model", nargs=2, metavar=("FILE", "TENSOR"),
                   help="split a real matrix at random, four fifths into anchors, instead")
    a = p.parse_args()

    n, b, d, k = {**SIZES, **PUBLISHED}[a.size]
    rows = None
    if a.from_model:
        rows = model_rows(*a.from_model)
        n, d = len(rows) * 4 // 5, rows.shape[1]
        b = len(rows) - n
    n, b = a.anchors or n, a.targets or b
    d, k = a.width or d, a.k or k
    if rows is not None and (n + b > len(rows) or d != rows.shape[1]):
        p.error(f"{n + b} rows of {d} wanted, {a.from_model[1]} has {rows.shape}")

    dtype = a.dtype.upper()
    out = tensors.create(a.out, {"donor_anchors": (dtype, (n, d)), "targets": (dtype, (b, d))},
                         {"k": min(k, n)})
    if rows is not None:
        real(out, rows, a.seed)
    elif a.size in PUBLISHED:
        published(out, min(k, n))
    else:
        synthetic(out, a.seed, a.offset, a.unit)


if __name__ == "__main__":
    main()

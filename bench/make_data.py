"""Make benchmark data that look like a model's embedding rows.

Gaussian noise flatters and hides: real rows have a decaying spectrum, a
common offset, heavy-tailed norms and near duplicates, and a few popular
anchors serve most targets. All of these decide how often atoms are reused,
how close the runners-up are and how tight error bounds come out.

Writes one safetensors file: donor_anchors (N,d), base_anchors (N,db),
targets (B,d), all F32, and k in the metadata. The same arguments give the
same rows (up to the rounding of the machine's matrix product).
"""

import argparse

import numpy as np

import tensors

SIZES = {  # anchors, targets, donor width, base width, k
    "tiny": (512, 64, 64, 48, 16),
    "S": (8192, 2048, 1024, 896, 64),
    "M": (32768, 8192, 2048, 2048, 64),
    "C1": (59084, 70196, 4096, 4096, 64),    # OLMo-3-7B with DeepSeek's vocabulary
    "P1": (109566, 42077, 1536, 2048, 64),   # Qwen to Llama-3.2-1B
    "G1": (95968, 159000, 2560, 2560, 64),   # Gemma 3's vocabulary on a Qwen 3 body
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
    """One model's embedding space: a mixing matrix, an offset, an untrained row."""

    def __init__(self, rng, latent, width, offset):
        # An orthogonal mix: cosines, shuffled and with random signs.
        size = max(latent, width)
        mix = np.cos(np.pi / size * np.outer(rng.permutation(size)[:latent], np.arange(width) + .5))
        mix *= rng.choice((-1., 1.), width)
        energy = .3 + 30 / (1 + np.arange(latent)) ** .9  # a few strong directions over a flat floor
        mix *= np.sqrt(2 / energy.sum() * energy)[:, None]
        self.mix = mix.astype(np.float32)
        self.offset = normal(rng, width) * np.float32(offset)
        self.untrained = normal(rng, width) * np.float32(.02)
        self.scale = np.float32(width ** -.5)  # rows of about unit norm

    def finish(self, rng, rows, out, bf16):
        """Offset, heavy-tailed norms, untrained rows and rounding."""
        n = len(rows)
        rows += self.offset
        rows *= np.exp(.12 * rng.standard_t(6, (n, 1)).clip(-6, 6)).astype(np.float32)
        dead = share(rng, n, UNTRAINED)
        rows[dead] = self.untrained * (1 + jitter(rng, len(dead)) * normal(rng, len(dead), rows.shape[1]))
        rows *= self.scale
        out[...] = tensors.from_bf16(tensors.to_bf16(rows)) if bf16 else rows


def synthetic(out, seed, offset, bf16):
    rng = np.random.default_rng(seed)
    donors, bases, targets = out["donor_anchors"], out["base_anchors"], out["targets"]
    n, d = donors.shape
    donor = Space(rng, d, d, offset)
    base = Space(rng, d, bases.shape[1], offset)

    for part in chunks(n):
        codes = normal(rng, part.stop - part.start, d)
        twins = share(rng, len(codes), DUPLICATES)
        codes[twins] = codes[rng.integers(0, len(codes), len(twins))] + \
            jitter(rng, len(twins)) * normal(rng, len(twins), d)
        donor.finish(rng, codes @ donor.mix, donors[part], bf16)
        rows = codes @ base.mix
        rows += .5 * normal(rng, *rows.shape)  # no base is a linear image of its donor
        base.finish(rng, rows, bases[part], bf16)

    popularity = 1 / (np.arange(n) + 400.)
    reach = np.cumsum(popularity) / popularity.sum()
    order = rng.permutation(n)
    for part in chunks(len(targets)):
        b = part.stop - part.start
        picks = order[np.searchsorted(reach, rng.random((b, PARTS))).clip(max=n - 1)]
        weights = normal(rng, b, PARTS) * np.float32(.15)
        rows = normal(rng, b, d) @ donor.mix
        rows *= np.float32(.8)
        for j in range(PARTS):
            rows += weights[:, j, None] * (donors[picks[:, j]] / donor.scale)
        twins = share(rng, b, DUPLICATES)
        rows[twins] = donors[picks[twins, 0]] / donor.scale + \
            jitter(rng, len(twins)) * normal(rng, len(twins), d)
        donor.finish(rng, rows, targets[part], bf16)


def real(out, rows, seed, bf16):
    """Random rows of a real matrix; its own anchors stand in for the base's."""
    n = len(out["donor_anchors"])
    order = np.random.default_rng(seed).permutation(len(rows))
    for name, ids in (("donor_anchors", order[:n]), ("targets", order[n:n + len(out["targets"])])):
        for part in chunks(len(ids)):
            x = np.asarray(rows[ids[part]], np.float32)
            out[name][part] = tensors.from_bf16(tensors.to_bf16(x)) if bf16 else x
    out["base_anchors"][...] = out["donor_anchors"]


def main():
    p = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    p.add_argument("out", metavar="OUT.safetensors")
    p.add_argument("--size", choices=SIZES, help="preset; the options below override it")
    p.add_argument("--anchors", type=int, metavar="N")
    p.add_argument("--targets", type=int, metavar="B")
    p.add_argument("--donor-dim", type=int, metavar="d")
    p.add_argument("--base-dim", type=int, metavar="db")
    p.add_argument("--k", type=int)
    p.add_argument("--seed", type=int, default=1)
    p.add_argument("--dtype", choices=("f32", "bf16"), default="f32",
                   help="bf16: values that bfloat16 holds exactly, still stored as F32")
    p.add_argument("--offset", type=float, default=.8,
                   help="common offset, relative to a row's norm without it")
    p.add_argument("--from-model", nargs=2, metavar=("FILE", "TENSOR"),
                   help="split a real matrix at random into anchors and targets instead")
    a = p.parse_args()

    n, b, d, db, k = SIZES[a.size or "S"]
    rows = None
    if a.from_model:
        rows = tensors.read(a.from_model[0])[0][a.from_model[1]]
        d = db = a.donor_dim = a.base_dim = rows.shape[1]
        if not a.size:
            n = a.anchors or len(rows) * 4 // 5
            b = len(rows) - n
    n, b = a.anchors or n, a.targets or b
    d, db, k = a.donor_dim or d, a.base_dim or db, a.k or k
    if rows is not None and n + b > len(rows):
        p.error(f"{n + b} rows wanted, {a.from_model[1]} has {len(rows)}")

    out = tensors.create(a.out, {
        "donor_anchors": ("F32", (n, d)),
        "base_anchors": ("F32", (n, db)),
        "targets": ("F32", (b, d)),
    }, {"k": min(k, n), "seed": a.seed, "values": a.dtype})
    if rows is not None:
        real(out, rows, a.seed, a.dtype == "bf16")
    else:
        synthetic(out, a.seed, a.offset, a.dtype == "bf16")


if __name__ == "__main__":
    main()

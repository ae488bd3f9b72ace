#!/usr/bin/env python3
"""Every way of making rows against an independent computation in NumPy.

    python3 tests/method_twins.py [HEADER'S DIRECTORY]

Builds the library as a shared one with $CC (cc), makes rows of matrices made here and of those
in tests/golden by each method of api/methods.h but those of affine_twin.py and test_golden.c,
and compares with what NumPy computes in double from the formulas. Exits with 77 if NumPy or a
compiler is missing.
"""

import ctypes
import json
import struct
import sys
import tempfile
from pathlib import Path

import affine_twin as twin

np = twin.np
GOLDEN = Path(__file__).resolve().parent / "golden"
WEIGHTS = "distance_proportional", "barycentric", "least_squares"
METHODS = {}  # by name
NEED_DONOR, NEED_BASE, NEED_TOKENS, NEED_DONOR_AGAIN = 1, 2, 4, 8

# Anchors, columns of donor and base, targets.
SHAPES = (60, 20, 31, 40), (70, 33, 17, 41), (9, 40, 12, 7), (1, 5, 3, 2), (300, 64, 64, 70)


class Rows(ctypes.Structure):
    _fields_ = [(name, twin.Matrix) for name in ("donor", "base", "targets", "tokens")] + [
        ("pieces", ctypes.c_void_p * 3), ("anchor_pieces", ctypes.c_void_p * 3),
        ("head", ctypes.c_bool)]


class Options(ctypes.Structure):
    _fields_ = [
        ("omp", twin.Pursuit), ("weights", ctypes.c_int), ("seed", ctypes.c_uint64),
        ("subword", ctypes.c_int), ("pieces", ctypes.c_double),
        ("norm", ctypes.c_int), ("scale", ctypes.c_double),
        ("noise", ctypes.c_double), ("clip_norms", ctypes.c_double),
        ("donor_heads", ctypes.c_size_t), ("base_heads", ctypes.c_size_t),
        ("donor_rope", ctypes.c_double), ("base_rope", ctypes.c_double),
        ("solve", ctypes.c_void_p), ("solve_context", ctypes.c_void_p),
    ]


class Fitted(ctypes.Structure):
    _fields_ = [
        ("method", ctypes.c_int), ("targets", ctypes.c_size_t), ("k", ctypes.c_size_t),
        ("indices", ctypes.POINTER(ctypes.c_int32)),
        ("coefficients", ctypes.POINTER(ctypes.c_double)),
        ("residual_norms", ctypes.POINTER(ctypes.c_double)),
        ("target_norms", ctypes.POINTER(ctypes.c_double)),
        ("rest", ctypes.c_char * 4096),
    ]


class Made:
    """What a method made: rows, and what they are combined of."""


def make(lib, method, donor, base, targets, tokens=None, dtype="F32", k=0, cosine=False,
         weights=WEIGHTS[0], seed=0, rope=(0, 0, 0, 0)):
    rows, options, fitted, error, made = Rows(), Options(), Fitted(), twin.Error(), Made()
    number, count = METHODS[method], len(targets)
    views = {"donor": donor, "base": base, "targets": targets, "tokens": tokens}
    keep = [twin.matrix(view, dtype) if view is not None else twin.Matrix()
            for view in views.values()]
    for name, view in zip(views, keep):
        setattr(rows, name, view)
    options.omp.k, options.omp.cosine = k, cosine
    options.weights, options.seed = WEIGHTS.index(weights), seed
    options.donor_heads, options.base_heads, options.donor_rope, options.base_rope = rope
    twin.check(lib.otx_method_fit(None, number, ctypes.byref(rows), ctypes.byref(options),
                                  ctypes.byref(fitted), ctypes.byref(error)), error)
    made.rows = np.empty((count, base.shape[1]))
    for first in range(0, count, 37):  # windows join
        part = made.rows[first:first + 37]
        twin.check(lib.otx_method_make(
            None, ctypes.byref(fitted), ctypes.byref(rows), ctypes.c_size_t(first),
            ctypes.c_size_t(len(part)), ctypes.c_void_p(part.ctypes.data),
            ctypes.byref(error)), error)
    if fitted.k:
        shape = count, fitted.k
        made.indices = np.ctypeslib.as_array(fitted.indices, shape).copy()
        made.coefficients = np.ctypeslib.as_array(fitted.coefficients, shape).copy()
        made.residuals = np.ctypeslib.as_array(fitted.residual_norms, (count,)).copy()
        if not method.startswith("omp-") and method != "mp_rope":
            check_combination(made, *(view.astype(float) for view in (donor, base, targets)))
    lib.otx_method_close(None, ctypes.byref(fitted))
    return made


def check_combination(made, a, b, y):
    """Rows are the combinations, and the residuals what these leave in the donor."""
    coefficients = np.where(made.indices < 0, 0.0, made.coefficients)
    rows = np.einsum("bk,bke->be", coefficients, b[made.indices])
    close(made.rows, rows, 1e-12)
    close(made.residuals, norms(y - np.einsum("bk,bkd->bd", coefficients, a[made.indices])),
          1e-10)


def norms(rows):
    return np.sqrt((rows * rows).sum(axis=-1))


def close(seen, wanted, tolerance):
    scale = max(1.0, abs(wanted).max(initial=0.0))
    worst = abs(seen - wanted).max(initial=0.0) / scale
    assert worst <= tolerance, f"off by {worst:.3g}"


def problem(shape, seed=1):
    """Rows of two models that agree in part; some are zeros, some the same."""
    count, d, e, targets = shape
    random = np.random.default_rng(seed)
    hidden = random.normal(size=(count + targets, 24))
    donor = hidden @ random.normal(size=(24, d)) / 5 + random.normal(size=(count + targets, d))
    base = hidden @ random.normal(size=(24, e)) / 5 + random.normal(size=(count + targets, e))
    donor, base = (donor + 0.3).astype(np.float32), (base - 0.2).astype(np.float32)
    a, b, y = donor[:count], base[:count], donor[count:].copy()
    if count > 8:
        a[3], a[5] = 0, a[4]
        y[1], y[2] = 0, a[6]
    return a, b, y, base


def cosines(a, y):
    both = norms(y)[:, None] * norms(a)
    return np.divide(y @ a.T, both, out=np.zeros_like(both), where=both > 0)


def shared(a, b, y):
    return (rows.astype(float) for rows in (a, b, y))


# ---- combinations of anchors ----


def least_squares(p, y):
    return np.linalg.lstsq(p.T, y, rcond=None)[0]


def barycentric(p, y):
    rest = least_squares(p[1:] - p[0], y - p[0]) if len(p) > 1 else np.empty(0)
    return np.concatenate([[1 - rest.sum()], rest])


def interpolation_weights(scheme, cosine, far, p, y):
    if scheme == "least_squares":
        return least_squares(p, y)
    if scheme == "barycentric":
        return barycentric(p, y)
    weights = -far if cosine else (far == 0) * 1.0 if not far.min() else 1 / far
    return weights / weights.sum()


def compare_interpolation(lib):
    for shape in SHAPES:
        a, b, y, _ = problem(shape)
        wide_a, _, wide_y = shared(a, b, y)
        for cosine in False, True:
            far = (-cosines(wide_a, wide_y) if cosine
                   else norms(wide_y[:, None] - wide_a[None]))
            for scheme in WEIGHTS:
                made = make(lib, "common_interpolation", a, b, y, k=5, cosine=cosine,
                            weights=scheme)
                for i, indices in enumerate(made.indices):
                    if cosine and not y[i].any():
                        assert (indices == -1).all() and not made.rows[i].any()
                        continue
                    order = np.sort(far[i])[:5]
                    assert abs(far[i][indices] - order).max() < 1e-12
                    fit = made.coefficients[i] @ wide_a[indices]
                    weights = interpolation_weights(scheme, cosine, far[i][indices],
                                                    wide_a[indices], wide_y[i])
                    if scheme == "distance_proportional":
                        close(made.coefficients[i], weights, 1e-9)
                    close(fit, weights @ wide_a[indices], 1e-8)
                    if scheme != "least_squares":
                        assert abs(made.coefficients[i].sum() - 1) < 1e-9


def load(name):
    data = (GOLDEN / f"{name}.safetensors").read_bytes()
    size = struct.unpack("<Q", data[:8])[0]
    header, out = json.loads(data[8:8 + size]), {}
    for key, value in header.items():
        if key == "__metadata__":
            continue
        first, end = (8 + size + at for at in value["data_offsets"])
        dtype = {"F32": "<f4", "I64": "<i8"}[value["dtype"]]
        out[key] = np.frombuffer(data[first:end], dtype).reshape(value["shape"])
    return out, header.get("__metadata__", {})


def compare_interpolation_golden(lib):
    golden, about = load("common_interpolation")
    for cosine in False, True:
        for scheme in WEIGHTS:
            name = f"{'cosine' if cosine else 'euclidean'}.{scheme}."
            made = make(lib, "common_interpolation", golden["donor_anchors"],
                        golden["base_anchors"], golden["targets"], k=int(about["k"]),
                        cosine=cosine, weights=scheme)
            assert (made.indices == golden[name + "indices"]).all()
            # Barycentric weights are theirs from a system in float.
            tolerance = 3e-4 if scheme == "barycentric" else 1e-6
            close(made.coefficients, golden[name + "weights"].astype(float), tolerance)
            close(made.rows, golden[name + "base_rows"].astype(float), tolerance)


def compare_clp(lib):
    for shape in SHAPES:
        a, b, y, _ = problem(shape)
        wide_a, wide_b, wide_y = shared(a, b, y)
        weights = cosines(wide_a, wide_y)
        sums = weights.sum(axis=1, keepdims=True)
        weights = np.divide(weights, sums, out=np.zeros_like(weights), where=sums != 0)
        seen, wanted = make(lib, "clp", a, b, y).rows, weights @ wide_b
        close(seen, wanted, 1e-9)
        assert not (seen[~y.any(axis=1)]).any()


def compare_wechsel(lib):
    for shape in SHAPES:
        a, b, y, _ = problem(shape)
        wide_a, _, wide_y = shared(a, b, y)
        near = cosines(wide_a, wide_y)
        for k in 0, 3:
            made = make(lib, "wechsel", a, b, y, k=k)
            for i, indices in enumerate(made.indices):
                if not y[i].any():
                    assert not made.rows[i].any()
                    continue
                best = np.sort(near[i])[::-1][:k or 10]
                assert abs(near[i][indices] - best).max() < 1e-12
                weights = np.exp((best - best[0]) / 0.1)
                close(made.coefficients[i], weights / weights.sum(), 1e-9)


def sparsemax(values):
    order = np.sort(values)[::-1]
    sums = np.cumsum(order)
    size = np.arange(1, len(order) + 1)
    count = size[1 + size * order > sums].max()
    return np.maximum(values - (sums[count - 1] - 1) / count, 0)


def compare_focus(lib):
    for shape in SHAPES:
        a, b, y, _ = problem(shape)
        wide_a, wide_b, wide_y = shared(a, b, y)
        weights = np.array([sparsemax(row) for row in cosines(wide_a, wide_y)])
        weights[~y.any(axis=1)] = 0
        close(make(lib, "focus", a, b, y).rows, weights @ wide_b, 1e-10)


def compare_hull(lib):
    for shape in SHAPES:
        a, b, y, _ = problem(shape)
        wide_a, _, wide_y = shared(a, b, y)
        for k in 0, 4:
            made, omp = make(lib, "hull", a, b, y, k=k), make(lib, "omp", a, b, y, k=k)
            assert (made.indices == omp.indices).all()
            for i, indices in enumerate(made.indices):
                indices = indices[indices >= 0]
                weights = made.coefficients[i][:len(indices)]
                if not len(indices):
                    assert not y[i].any()
                    continue
                assert weights.min() >= 0 and abs(weights.sum() - 1) < 1e-12
                # The best of a convex problem: no anchor lies further along the residual.
                residual = wide_y[i] - weights @ wide_a[indices]
                along = (wide_a[indices] - weights @ wide_a[indices]) @ residual
                assert along.max() < 1e-9 * (1 + wide_y[i] @ wide_y[i])
                assert made.residuals[i] >= omp.residuals[i] - 1e-9


def rates(width, base):
    return base ** (-2 * np.arange(width // 2) / width)


def pairs(row, heads):
    row = row.reshape(heads, -1)
    half = row.shape[1] // 2
    return row[:, :half] + 1j * row[:, half:2 * half]


def turned(row, position, heads, base):
    width = len(row) // heads
    turn = pairs(row, heads) * np.exp(1j * position * rates(width, base))
    return np.concatenate([turn.real, turn.imag, row.reshape(heads, -1)[:, width // 2 * 2:]],
                          axis=1).ravel()


def rope_pursuit(a, y, k, heads, base):
    support, positions, atoms, rest = [], [], [], y
    rate = rates(a.shape[1] // heads, base)
    for _ in range(min(k, *a.shape)):
        score = abs(a @ rest)
        score[support] = -1
        best = int(score.argmax())
        if score[best] <= 0:
            break
        angles = [np.angle(sign * np.conj(pairs(a[best], heads)) * pairs(rest, heads))
                  for sign in (1, -1)]
        both = [(angle * rate).sum() / (heads * (rate * rate).sum()) if len(rate) else 0
                for angle in angles]
        support.append(best)
        positions.append(min(both, key=abs))
        atoms.append(turned(a[best], positions[-1], heads, base))
        rest = rest - (rest @ atoms[-1]) / (a[best] @ a[best]) * atoms[-1]
    return support, positions, np.array(atoms)


def compare_mp_rope(lib):
    for shape, heads in (((60, 20, 32, 40), (5, 4)), ((70, 33, 18, 41), (3, 2)),
                         (SHAPES[3], (1, 1))):
        a, b, y, _ = problem(shape)
        wide_a, wide_b, wide_y = shared(a, b, y)
        made = make(lib, "mp_rope", a, b, y, k=4, rope=(*heads, 10000, 500))
        for i, target in enumerate(wide_y):
            support, positions, atoms = rope_pursuit(wide_a, target, 4, heads[0], 10000)
            assert list(made.indices[i][:len(support)]) == support
            assert (made.indices[i][len(support):] == -1).all()
            if not support:
                assert not made.rows[i].any()
                continue
            weights = least_squares(atoms, target)
            row = sum(weight * turned(wide_b[at], position, heads[1], 500)
                      for weight, at, position in zip(weights, support, positions))
            close(made.coefficients[i][:len(support)], weights, 1e-8)
            close(made.rows[i], row, 1e-8)


def compare_mp_rope_golden(lib):
    golden, about = load("mp_rope")
    rope = [int(about[name]) for name in ("donor_heads", "base_heads", "donor_rope_base",
                                          "base_rope_base")]
    made = make(lib, "mp_rope", golden["donor_anchors"], golden["base_anchors"],
                golden["targets"], k=int(about["k"]), rope=rope)
    assert (made.indices == golden["indices"]).all()
    close(made.coefficients, golden["coeffs"].astype(float), 1e-4)
    close(made.rows, golden["base_rows"].astype(float), 1e-4)


# ---- maps ----


def polar(x):
    u, s, v = np.linalg.svd(x, full_matrices=False)
    kept = s > 1e-9 * s[0] if s[0] > 0 else s > 0
    return (u * kept) @ v


def centred(a, b, y):
    return a - a.mean(0), b - b.mean(0), y - a.mean(0)


# With as many anchors as columns or fewer, with more columns on this side or that.
MAPS = (*SHAPES, (50, 40, 72, 9), (50, 72, 40, 9), (33, 32, 32, 5), (40, 65, 65, 9))


def compare_procrustes(lib):
    for shape in MAPS:
        a, b, y, _ = problem(shape)
        wide_a, wide_b, wide_y = shared(a, b, y)
        a0, b0, y0 = centred(wide_a, wide_b, wide_y)
        rotation = polar(a0.T @ b0)
        size = (a0 * a0).sum()
        scale = (rotation * (a0.T @ b0)).sum() / size if size else 0
        wanted = wide_b.mean(0) + scale * y0 @ rotation
        close(make(lib, "procrustes", a, b, y).rows, wanted, 1e-7)
    # Rows that are turned and scaled come back; the turn is no symmetric one.
    random = np.random.default_rng(2)
    a, y = random.normal(size=(90, 24)).astype(np.float32), random.normal(size=(7, 24))
    turn = np.linalg.qr(random.normal(size=(24, 24)))[0]
    b = (3 * a.astype(float) @ turn + 1).astype(np.float32)
    y = y.astype(np.float32)
    close(make(lib, "procrustes", a, b, y).rows, 3 * y.astype(float) @ turn + 1, 1e-5)


def principal(rows, count):
    values, vectors = np.linalg.eigh(rows.T @ rows)
    return vectors[:, ::-1][:, :count]


def compare_landmark_pca(lib):
    for shape in MAPS:
        a, b, y, _ = problem(shape)
        wide_a, wide_b, wide_y = shared(a, b, y)
        a0, b0, y0 = centred(wide_a, wide_b, wide_y)
        if len(a) <= max(a.shape[1], b.shape[1]) and a.shape[1] != b.shape[1]:
            make(lib, "landmark_pca", a, b, y)  # directions without variance are any
            continue
        least = min(a.shape[1], b.shape[1])
        p, q = principal(a0, least), principal(b0, least)
        # Towards the base: ||a0 p r - b0 q|| is least.
        r = polar((a0 @ p).T @ (b0 @ q))
        wanted = wide_b.mean(0) + y0 @ p @ r @ q.T
        close(make(lib, "landmark_pca", a, b, y).rows, wanted, 1e-6)


def pursue(atoms, y, k):
    support, rest = [], y
    for _ in range(k):
        score = abs(atoms @ rest)
        score[support] = -1
        support.append(int(score.argmax()))
        weights = least_squares(atoms[support], y)
        rest = y - weights @ atoms[support]
    return support, weights


def compare_stb(lib):
    for shape in (300, 24, 64, 70), (300, 33, 32, 20), (400, 40, 24, 9):
        a, b, y, _ = problem(shape)
        wide_a, wide_b, wide_y = shared(a, b, y)
        a0, b0, y0 = centred(wide_a, wide_b, wide_y)
        atoms = a0.astype(np.float32).astype(float)
        directions = principal(a0, min(a.shape[1], b.shape[1])).T
        t, v = [], []
        for direction in directions.astype(np.float32).astype(float):
            support, weights = pursue(atoms, direction, 5)
            t.append(weights @ atoms[support])
            v.append(weights @ b0[support])
        wanted = wide_b.mean(0) + least_squares_rows(np.array(t), y0) @ np.array(v)
        close(make(lib, "stb", a, b, y, k=5).rows, wanted, 1e-3)


def least_squares_rows(basis, rows):
    return np.linalg.lstsq(basis.T, rows.T, rcond=None)[0].T


# ---- rows by chance ----


def scramble(x):
    x = (x ^ x >> np.uint64(30)) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ x >> np.uint64(27)) * np.uint64(0x94D049BB133111EB)
    return x ^ x >> np.uint64(31)


def deviates(seed, targets, columns):
    """Box and Muller's, of SplitMix64's numbers by seed, target and pair of columns."""
    step = np.uint64(0x9E3779B97F4A7C15)
    with np.errstate(over="ignore"):
        of_target = scramble(np.uint64(seed) + step * np.arange(1, targets + 1, dtype=np.uint64))
        pairs = np.arange((columns + 1) // 2, dtype=np.uint64)
        first = scramble(of_target[:, None] + step * (np.uint64(2) * pairs + np.uint64(1)))
        second = scramble(first + step)
    one, two = (((x >> np.uint64(12)).astype(float) + 0.5) / 2.0**52 for x in (first, second))
    radius = np.sqrt(-2 * np.log(one))
    both = [radius * np.cos(2 * np.pi * two), radius * np.sin(2 * np.pi * two)]
    return np.stack(both, axis=-1).reshape(targets, -1)[:, :columns]


def compare_randn(lib):
    for shape in SHAPES:
        *given, tokens = problem(shape)
        wide = tokens.astype(float)
        for seed in 0, 2**64 - 1:
            made = make(lib, "randn", *given, tokens=tokens, seed=seed).rows
            wanted = wide.mean(0) + wide.std(0) * deviates(seed, *made.shape)
            close(made, wanted, 1e-12)
    z = deviates(5, 3000, 41)
    assert abs(z.mean()) < 0.01 and abs(z.std() - 1) < 0.01
    assert abs(np.corrcoef(z.T) - np.eye(41)).max() < 0.1


def compare_john_hewitt(lib):
    for shape in (*SHAPES, (300, 20, 64, 5)):
        *given, tokens = problem(shape)
        wide = tokens.astype(float)
        made = make(lib, "john_hewitt", *given, tokens=tokens, seed=3).rows
        covariance = np.cov(wide.T, bias=True).reshape(wide.shape[1], -1)
        if len(tokens) > 2 * wide.shape[1]:
            factor = np.linalg.cholesky(covariance)
            close(made, wide.mean(0) + deviates(3, *made.shape) @ factor.T, 1e-9)
        # With fewer tokens than columns, rows still stay among theirs.
        centred = wide - wide.mean(0)
        off = made - wide.mean(0)
        close(off @ np.linalg.pinv(centred) @ centred, off, 1e-5)


def compare_types(lib):
    """Rows of other types give what the same numbers give as float."""
    a, b, y, base = problem((80, 19, 23, 30))
    for name in METHODS:
        if name in ("subword", "zett"):  # they need more: subword_twin.py, test_methods.c
            continue
        # Of the last, the tokens.
        half = [rows.astype(np.float16) for rows in (a, b, y, base)]
        wide = [rows.astype(np.float32) for rows in half]
        seen, wanted = make(lib, name, *half, dtype="F16"), make(lib, name, *wide)
        assert (seen.rows == wanted.rows).all(), name


def names(lib):
    lib.otx_method_name.restype = ctypes.c_char_p
    number = 0
    while lib.otx_method_name(number):
        METHODS[lib.otx_method_name(number).decode()] = number
        number += 1


def main():
    passed = failed = 0
    cases = [case for name, case in sorted(globals().items()) if name.startswith("compare_")]
    with tempfile.TemporaryDirectory() as directory:
        lib = twin.build(directory)
        names(lib)
        for case in cases:
            try:
                case(lib)
                passed += 1
            except AssertionError as error:
                print(f"  FAILED {case.__name__}: {error}")
                failed += 1
    print(f"{passed} passed, {failed} failed, 0 skipped")
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()

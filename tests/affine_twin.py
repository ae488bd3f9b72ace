#!/usr/bin/env python3
"""The affine map against an independent computation in NumPy.

    python3 tests/affine_twin.py [HEADER'S DIRECTORY]

Builds the library as a shared one with $CC (cc), fits maps to matrices made here, applies
them, and compares rows, figures and the choice with what NumPy computes in double from the
formulas of api/affine.h. Exits with 77 if NumPy or a compiler is missing.
"""

import ctypes
import os
import subprocess
import sys
import tempfile
from pathlib import Path

try:
    import numpy as np
except ImportError:
    print("affine_twin.py: skipped: no numpy")
    sys.exit(77)

ROOT = Path(sys.argv[1] if len(sys.argv) > 1 else Path(__file__).resolve().parent.parent)
SHARE = 0.75
DTYPES = {}  # by name


class Matrix(ctypes.Structure):
    _fields_ = [
        ("data", ctypes.c_void_p), ("dtype", ctypes.c_int), ("rows", ctypes.c_size_t),
        ("columns", ctypes.c_size_t), ("stride", ctypes.c_size_t), ("index", ctypes.c_void_p),
    ]


class Pursuit(ctypes.Structure):
    _fields_ = [
        ("k", ctypes.c_size_t), ("tolerance", ctypes.c_double), ("memory", ctypes.c_uint64),
        ("form", ctypes.c_int), ("cosine", ctypes.c_bool), ("ridge", ctypes.c_double),
        ("centred", ctypes.c_bool), ("first", ctypes.c_size_t), ("count", ctypes.c_size_t),
    ]


class Output(ctypes.Structure):
    _fields_ = [(name, ctypes.c_void_p) for name in ("indices", "coefficients", "r", "t")]


class Trial(ctypes.Structure):
    _fields_ = [
        ("k", ctypes.c_size_t), ("cosine", ctypes.c_bool), ("lam", ctypes.c_double),
        ("share", ctypes.c_double), ("error", ctypes.c_double), ("loss", ctypes.c_double),
    ]


class Options(ctypes.Structure):
    _fields_ = [
        ("ks", ctypes.c_void_p), ("k_count", ctypes.c_size_t), ("lambdas", ctypes.c_void_p),
        ("lambda_count", ctypes.c_size_t), ("selection", ctypes.c_int),
        ("holdout", ctypes.c_size_t), ("seed", ctypes.c_uint64), ("hide", ctypes.c_void_p),
        ("memory", ctypes.c_uint64), ("ridge", ctypes.c_double), ("tolerance", ctypes.c_double),
    ]


class Map(ctypes.Structure):
    _fields_ = [
        ("anchors", ctypes.c_size_t), ("d", ctypes.c_size_t), ("e", ctypes.c_size_t),
        ("choice", Trial), ("trials", ctypes.POINTER(Trial)), ("trial_count", ctypes.c_size_t),
        ("hidden", ctypes.c_size_t), ("hidden_anchors", ctypes.POINTER(ctypes.c_uint32)),
        ("bytes", ctypes.c_uint64), ("state", ctypes.c_void_p),
    ]


class Error(ctypes.Structure):
    _fields_ = [("code", ctypes.c_int), ("message", ctypes.c_char * 768)]


def build(directory):
    """The library as a shared one: of what OTX_TEST_OBJECT names, an object compiled before and
    flags, or compiled here."""
    library = Path(directory) / "library.so"
    compiler = os.environ.get("CC", "cc").split()
    compiled = os.environ.get("OTX_TEST_OBJECT")
    if compiled:
        parts = compiled.split()
    else:
        source = Path(directory) / "library.c"
        source.write_text('#define OMP_TRANSPLANT_IMPLEMENTATION\n#include "omp_transplant.h"\n')
        parts = ["-std=c99", "-O2", "-fPIC", f"-I{ROOT}", str(source)]
    try:
        subprocess.run([*compiler, "-shared", *parts, "-o", str(library), "-lm"], check=True)
    except FileNotFoundError:
        print("affine_twin.py: skipped: no compiler")
        sys.exit(77)
    lib = ctypes.CDLL(str(library))
    lib.otx_dtype_name.restype = ctypes.c_char_p
    for number in range(64):
        name = lib.otx_dtype_name(number)
        if name:
            DTYPES[name.decode()] = number
    return lib


def matrix(array, dtype="F32"):
    array = np.ascontiguousarray(array)
    view = Matrix(array.ctypes.data, DTYPES[dtype], *array.shape, 0, None)
    view.array = array  # keeps it
    return view


def check(result, error):
    assert result == 0, error.message.decode()


def fit(lib, donor, base, targets=None, ks=None, lambdas=None, selection=0, holdout=0, ridge=0.0,
        tolerance=0.0):
    options, error, fitted = Options(), Error(), Map()
    keep = []
    if ks is not None:
        keep.append((ctypes.c_size_t * len(ks))(*ks))
        options.ks, options.k_count = ctypes.addressof(keep[-1]), len(ks)
    if lambdas is not None:
        keep.append((ctypes.c_double * len(lambdas))(*lambdas))
        options.lambdas, options.lambda_count = ctypes.addressof(keep[-1]), len(lambdas)
    options.selection, options.holdout = selection, holdout
    options.ridge, options.tolerance = ridge, tolerance
    check(lib.otx_affine_fit(None, ctypes.byref(donor), ctypes.byref(base),
                             ctypes.byref(targets) if targets else None, ctypes.byref(options),
                             ctypes.byref(fitted), None, ctypes.byref(error)), error)
    return fitted


def pursue(lib, donor, targets, k, cosine, **more):
    k = min(k, donor.rows, donor.columns)
    options, error = Pursuit(k=k, cosine=cosine, centred=True, **more), Error()
    indices, coefficients = np.empty((targets.rows, k), np.int32), np.empty((targets.rows, k))
    output = Output(indices.ctypes.data, coefficients.ctypes.data, None, None)
    check(lib.otx_omp(None, ctypes.byref(donor), ctypes.byref(targets), ctypes.byref(options),
                      ctypes.byref(output), None, ctypes.byref(error)), error)
    return indices, coefficients


def apply(lib, fitted, donor, base, targets, indices, coefficients):
    rows, error = np.empty((targets.rows, base.columns)), Error()
    k = 0 if indices is None else indices.shape[1]
    check(lib.otx_affine_apply(None, ctypes.byref(fitted), ctypes.byref(donor),
                               ctypes.byref(base), ctypes.byref(targets), ctypes.c_size_t(0),
                               ctypes.c_size_t(targets.rows),
                               indices.ctypes.data_as(ctypes.c_void_p) if k else None,
                               coefficients.ctypes.data_as(ctypes.c_void_p) if k else None,
                               ctypes.c_size_t(k), rows.ctypes.data_as(ctypes.c_void_p),
                               ctypes.byref(error)), error)
    return rows


class Twin:
    """The formulas, in double."""

    def __init__(self, donor, base, lam, means=None):
        self.a0, self.b0 = means or (donor.mean(0), base.mean(0))
        self.a, self.b = donor - self.a0, base - self.b0
        gram = self.a.T @ self.a
        ridge = lam * np.diag(gram).mean() * np.eye(len(gram))
        self.w = np.linalg.lstsq(gram + ridge, self.a.T @ self.b, rcond=1e-13)[0]

    def rows(self, targets, indices=None, coefficients=None):
        rest, rows = targets - self.a0, np.tile(self.b0, (len(targets), 1))
        if indices is not None:
            used = np.where(indices >= 0, coefficients, 0.0)
            rest = rest - np.einsum("tk,tkd->td", used, self.a[indices])
            rows = rows + np.einsum("tk,tkd->td", used, self.b[indices])
        return rows + rest @ self.w


def made(seed, anchors, targets, d, e):
    """Rows with something in common, a linear part, a local part, and noise."""
    random = np.random.default_rng(seed)
    scale = np.exp(random.normal(0, 1, d))
    centres = random.normal(size=(20, d))
    which = random.integers(0, 20, anchors + targets)
    a = (random.normal(size=(anchors + targets, d)) + 2 * centres[which]) * scale + 3
    local = random.normal(size=(20, e))[which]
    b = a @ random.normal(size=(d, e)) / d + local + 0.3 * random.normal(size=(len(a), e)) - 1
    return [x.astype(np.float32) for x in (a[:anchors], b[:anchors], a[anchors:], b[anchors:])]


def largest(seen, wanted):
    return np.abs(seen - wanted).max() / np.abs(wanted - wanted.mean(0)).max()


def compare_rows(lib):
    """Rows of the map alone, and with atoms, for several shapes and ridges."""
    for seed, (n, d, e, lam) in enumerate(
        [(500, 40, 56, 0.01), (900, 96, 64, 0.1), (70, 100, 33, 0.01), (400, 33, 1, 1.0),
         (5000, 64, 40, 0.001), (300, 30, 20, 0.0)]
    ):
        a, b, y, _ = made(seed, n, 50, d, e)
        donor, base, targets = matrix(a), matrix(b), matrix(y)
        twin = Twin(a.astype(float), b.astype(float), lam)
        for k in (0, 5):
            fitted = fit(lib, donor, base, ks=[k], lambdas=[lam], selection=1)
            found = pursue(lib, donor, targets, k, False) if k else (None, None)
            rows = apply(lib, fitted, donor, base, targets, *found)
            off = largest(rows, twin.rows(y.astype(float), *found))
            assert off < (2e-4 if lam else 1e-3), (n, d, e, lam, k, off)
            lib.otx_affine_close(ctypes.byref(fitted))


def compare_types(lib):
    """The other types of matrices."""
    a, b, y, _ = made(7, 300, 20, 24, 28)
    halves = [x.astype(np.float16) for x in (a, b, y)]
    brains = [(x.view(np.uint32) >> 16).astype(np.uint16) for x in (a, b, y)]
    wide = [(x.astype(np.uint32) << 16).view(np.float32) for x in brains]
    doubles = [x.astype(np.float64) for x in (a, b, y)]
    for dtype, given, meant in (("F16", halves, halves), ("BF16", brains, wide),
                                ("F64", doubles, doubles)):
        donor, base, targets = (matrix(x, dtype) for x in given)
        fitted = fit(lib, donor, base, ks=[4], selection=2)
        found = pursue(lib, donor, targets, 4, True)
        rows = apply(lib, fitted, donor, base, targets, *found)
        meant = [x.astype(float) for x in meant]
        off = largest(rows, Twin(*meant[:2], 0.01).rows(meant[2], *found))
        assert off < 2e-4, (dtype, off)
        lib.otx_affine_close(ctypes.byref(fitted))


def hidden_by(n, count, marks, seed=0):
    """The anchors that splitmix64 draws, beside those that are marked."""
    state, mask = seed, (1 << 64) - 1
    while marks.sum() < count:
        state = (state + 0x9E3779B97F4A7C15) & mask
        z = state
        z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9 & mask
        z = (z ^ (z >> 27)) * 0x94D049BB133111EB & mask
        marks[(z ^ (z >> 31)) % n] = True
    return marks


def figures(twin, hidden, truth, sample, found, k, ridge):
    """Share and error with the first k atoms."""
    if k:
        indices = found[0][:, :k]
        coefficients = np.zeros(indices.shape)
        for t, row in enumerate(indices):
            atoms = twin.a[row[row >= 0]]
            held = np.sqrt(ridge) * np.diag(np.linalg.norm(atoms, axis=1))
            coefficients[t, : len(atoms)] = np.linalg.lstsq(
                np.vstack([atoms.T, held]),
                np.append(hidden[t] - twin.a0, np.zeros(len(atoms))), rcond=None)[0]
        rows = twin.rows(hidden, indices, coefficients)
    else:
        rows = twin.rows(hidden)
    off = rows - truth
    share = (rows * truth).sum() / (truth * truth).sum()
    return share, np.sqrt(((off @ sample.T) ** 2).sum() / ((truth @ sample.T) ** 2).sum())


def compare_figures(lib):
    """Figures of every choice, and the best of them; with targets given, hidden anchors are
    those nearest to them, and random ones."""
    ks, lambdas = [0, 2, 6], [0.01, 0.5]
    for seed, (n, d, e, near, more) in enumerate(
        [(600, 20, 26, False, {}), (1500, 48, 30, True, {}),
         (600, 20, 26, False, {"ridge": 0.5, "tolerance": 0.4})]
    ):
        a, b, y, _ = made(20 + seed, n, 40, d, e)
        donor, base = matrix(a), matrix(b)
        count = 45
        wide_a, wide_b = a.astype(float), b.astype(float)
        means = wide_a.mean(0), wide_b.mean(0)
        marks = np.zeros(n, bool)
        if near:
            centred, wanted = wide_a - means[0], y - means[0]
            scores = np.abs(wanted @ centred.T) / np.linalg.norm(centred, axis=1)
            marks[scores.argmax(1)] = True
        marks = hidden_by(n, count, marks)
        fitted = fit(lib, donor, base, matrix(y) if near else None, ks, lambdas, 0,
                     count, **more)
        assert fitted.hidden == count and fitted.trial_count == 12
        sample = wide_b if n <= 1024 else wide_b[np.arange(1024) * n // 1024]
        trials = []
        for number in range(12):
            trial = fitted.trials[number]
            assert trial.k == ks[number % 3] and trial.cosine == (number // 3 % 2 == 1)
            assert trial.lam == lambdas[number // 6]
            kept = matrix(a[~marks])
            found = pursue(lib, kept, matrix(a[marks]), 6, bool(trial.cosine), **more)
            twin = Twin(wide_a[~marks], wide_b[~marks], trial.lam, means)
            assert ((found[0] < 0).sum() > 0) == ("tolerance" in more)
            share, error = figures(twin, wide_a[marks], wide_b[marks], sample, found, trial.k,
                                   more.get("ridge", 0.0))
            assert abs(trial.share - share) < 1e-4, (n, number, trial.share, share)
            assert abs(trial.error - error) < 1e-4, (n, number, trial.error, error)
            assert abs(trial.loss - (error + SHARE * (1 - share))) < 1e-3
            trials.append(trial)
        best, cosine = (min((t for t in trials if t.cosine == way), key=lambda t: t.loss)
                        for way in (False, True))
        if cosine.loss < 0.9 * best.loss:
            best = cosine
        if best.k:  # more atoms for nearly the same loss
            best = [t for t in trials if (t.cosine, t.lam) == (best.cosine, best.lam)
                    and t.loss <= 1.01 * best.loss][-1]
        assert (best.k, best.cosine, best.lam) == (
            fitted.choice.k, fitted.choice.cosine, fitted.choice.lam)
        # The map itself is fitted to all anchors.
        rows = apply(lib, fitted, donor, base, matrix(y), None, None)
        assert largest(rows, Twin(wide_a, wide_b, best.lam).rows(y.astype(float))) < 2e-4
        lib.otx_affine_close(ctypes.byref(fitted))


def main():
    passed = failed = 0
    with tempfile.TemporaryDirectory() as directory:
        lib = build(directory)
        for case in (compare_rows, compare_types, compare_figures):
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

#!/usr/bin/env python3
"""The library from Python, without a wrapper: a shared library and ctypes.

    cc -O3 -fopenmp -shared -fPIC -fvisibility=hidden -I. \\
        '-DOTX_API=__attribute__((visibility("default")))' \\
        examples/two_units/omp_transplant.c -o libomp_transplant.so -lm
    python3 examples/shared_library.py ./libomp_transplant.so

Structures are those of the header; look at its version before you rely on their layout.
"""

import ctypes as c
import sys

SIZE = c.c_size_t


class Matrix(c.Structure):
    _fields_ = [("data", c.c_void_p), ("dtype", c.c_int), ("rows", SIZE), ("columns", SIZE),
                ("stride", SIZE), ("index", c.c_void_p)]


class Options(c.Structure):
    _fields_ = [("k", SIZE), ("tolerance", c.c_double), ("memory", c.c_uint64), ("form", c.c_int),
                ("cosine", c.c_bool), ("ridge", c.c_double), ("centred", c.c_bool),
                ("first_target", SIZE), ("target_count", SIZE)]


class Output(c.Structure):
    _fields_ = [(name, c.c_void_p) for name in
                ("indices", "coefficients", "residual_norms", "target_norms")]


class Error(c.Structure):
    _fields_ = [("code", c.c_int), ("message", c.c_char * 768)]


library = c.CDLL(sys.argv[1])
library.otx_version.restype = library.otx_dtype_name.restype = c.c_char_p
F32 = next(i for i in range(64) if library.otx_dtype_name(i) == b"F32")


def solve(atoms, targets, k):
    """For each target the atoms taken, as [(index, coefficient), ...]."""
    values = [(c.c_float * (len(m) * len(m[0])))(*sum(m, [])) for m in (atoms, targets)]
    matrices = [Matrix(c.addressof(v), F32, len(m), len(m[0]))
                for v, m in zip(values, (atoms, targets))]
    indices, coefficients = (c.c_int32 * (len(targets) * k))(), (c.c_double * (len(targets) * k))()
    output, error = Output(c.addressof(indices), c.addressof(coefficients)), Error()
    if library.otx_omp(None, c.byref(matrices[0]), c.byref(matrices[1]), c.byref(Options(k=k)),
                       c.byref(output), None, c.byref(error)):
        sys.exit(error.message.decode())
    pairs = [(i, round(weight, 9)) for i, weight in zip(indices, coefficients)]
    return [[p for p in pairs[i:i + k] if p[0] >= 0] for i in range(0, len(pairs), k)]


print("version", library.otx_version().decode())
print(solve([[1, 0, 0], [0, 1, 0], [0, 0, 1], [1, 1, 0]], [[5, 4, 0], [0, 0, -6]], 2))

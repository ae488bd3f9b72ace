"""Time SPAMS, batched-omp or scikit-learn on benchmark data.

All three want atoms of unit norm, which the data must have; ours selects the
same atoms then. Each takes dictionary and targets as they are: products of
atoms are part of its time, the order and type of the arrays it is given not.

Variants: spams: f32, f64. batched-omp: ALGORITHM-TYPE-BATCH, algorithms being
its v0, v0_blas (f64 alone) and naive. sklearn: f32 or f64, and f32-split or
f64-split to divide the targets over processes.
"""

import importlib.metadata
import warnings

import numpy as np
from threadpoolctl import threadpool_info, threadpool_limits

import peers

TYPES = {"f32": np.float32, "f64": np.float64}


# Each of these returns what is timed, and what makes indices and coefficients of
# its result.

def spams_variant(word, anchors, targets, k, threads):
    import spams
    dictionary = np.asfortranarray(anchors.T, TYPES[word])
    signals = np.asfortranarray(targets.T, TYPES[word])

    def work():
        return spams.omp(signals, dictionary, L=k, eps=0.0, numThreads=threads)

    def answer(found):
        indices, coeffs = np.zeros((len(targets), k), np.int32), np.zeros((len(targets), k))
        for n, (start, end) in enumerate(zip(found.indptr, found.indptr[1:])):
            indices[n, :end - start] = found.indices[start:end]
            coeffs[n, :end - start] = found.data[start:end]
        return indices, coeffs
    return work, answer


def batched_variant(word, anchors, targets, k, threads):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it says that it was renamed
        import batched_omp.omp as batched
    import torch
    torch.set_num_threads(threads)
    algorithm, kind, batch = word.split("-")
    atoms = torch.from_numpy(np.ascontiguousarray(anchors.T, TYPES[kind]))
    signals = torch.from_numpy(np.ascontiguousarray(targets, TYPES[kind]))

    def one(part, gram):
        if algorithm == "v0_blas":
            return batched.omp_v0_blas(atoms.numpy(), part.numpy(), k)
        function = batched.omp_v0 if algorithm == "v0" else batched.omp_naive
        return function(atoms, part, n_nonzero_coefs=k, XTX=gram)[:2]

    def work():
        gram = None if algorithm == "v0_blas" else atoms.T @ atoms
        return [one(part, gram) for part in signals.split(int(batch))]

    def answer(parts):
        indices, coeffs = (np.concatenate([np.asarray(x) for x in column])
                           for column in zip(*parts))
        return indices, coeffs.reshape(len(targets), k)
    return work, answer


def sklearn_variant(word, anchors, targets, k, threads):
    from sklearn.decomposition import sparse_encode
    from sklearn.linear_model import orthogonal_mp_gram
    kind, *split = word.split("-")
    atoms, signals = anchors.astype(TYPES[kind]), targets.astype(TYPES[kind])

    def work():
        if split:  # the same function, on slices
            return sparse_encode(signals, atoms, algorithm="omp", n_nonzero_coefs=k,
                                 n_jobs=threads, check_input=False)
        return orthogonal_mp_gram(atoms @ atoms.T, atoms @ signals.T, n_nonzero_coefs=k).T

    def answer(dense):
        indices = np.argsort(dense == 0, axis=1, kind="stable")[:, :k]
        return indices, np.take_along_axis(dense, indices, 1)
    if split:  # start the processes
        sparse_encode(signals[:threads], atoms, algorithm="omp", n_nonzero_coefs=1, n_jobs=threads)
    return work, answer


SOLVERS = {  # package, variants, whether its indices are in order of selection
    "spams": (spams_variant, "spams-bin", "f32,f64", False),
    "batched-omp": (batched_variant, "batched-omp",
                    "v0-f32-128,v0-f32-512,naive-f32-128,naive-f32-512,naive-f32-2048,"
                    "v0_blas-f64-128,v0_blas-f64-512", True),
    "sklearn": (sklearn_variant, "scikit-learn", "f32,f64,f32-split,f64-split", False),
}


def main():
    p = peers.arguments(__doc__, "")
    p.add_argument("--solver", choices=SOLVERS, required=True)
    p.add_argument("--blas-threads", type=int, help="default: as --threads")
    a = p.parse_args()
    make, package, variants, ordered = SOLVERS[a.solver]
    anchors, targets, k = peers.load(a)
    warnings.filterwarnings("ignore", "Orthogonal matching pursuit ended prematurely")

    works = {}
    for word in (a.variants or variants).split(","):
        works[word], answer = make(word, anchors, targets, k, a.threads)

    def how(variant):
        libraries = {f"{i['internal_api']} {i['version']} {i['architecture']}"
                     for i in threadpool_info() if i["user_api"] == "blas"}
        return f"{variant}, {', '.join(sorted(libraries))}"

    with threadpool_limits(a.blas_threads or a.threads, "blas"):
        peers.run(a, f"{a.solver} {importlib.metadata.version(package)}", anchors, targets,
                  works, answer, how, ordered)


if __name__ == "__main__":
    main()

"""Compare two solvers' answers, and both with a float64 OMP done by brute force.

Against the reference an answer has to choose the same anchors up to the first
near tie (the two largest |correlations| closer than 1e-9, relatively), and to
reach the same residual norm to 1e-6. A solver that works in fp32 may miss the
first of these; where its first differing choice fell is printed.
Exits with 1 if the first answer misses either.
"""

import argparse
import json
import sys

import numpy as np

import tensors

TIE = 1e-9
CLOSE = 1e-6


def reference(anchors, targets, k):
    """Chosen anchors, gap to the runner-up and residual norm of each step."""
    b, d = targets.shape
    rows = np.arange(b)
    basis = np.zeros((b, d, k))
    used = np.zeros((b, len(anchors)), bool)
    residual = targets.copy()
    chosen = np.full((b, k), -1)
    gaps, norms = np.zeros((b, k)), np.zeros((b, k))
    for t in range(k):
        score = np.abs(residual @ anchors.T)
        score[used] = -1
        pick = score.argmax(1)
        best = score[rows, pick]
        score[rows, pick] = -1
        gaps[:, t] = (best - score.max(1)) / np.maximum(best, np.finfo(float).tiny)
        used[rows, pick] = True
        chosen[:, t] = pick

        done = basis[:, :, :t]
        atom = anchors[pick][:, :, None]
        length = np.linalg.norm(atom, axis=1)
        for _ in range(2):  # twice is enough for orthogonality
            atom = atom - done @ (done.transpose(0, 2, 1) @ atom)
        atom, rest = atom[:, :, 0], np.linalg.norm(atom, axis=1)
        atom = np.where(rest > 1e-12 * length, atom / np.maximum(rest, 1e-300), 0)  # a repeated row adds nothing
        basis[:, :, t] = atom
        residual -= np.sum(atom * residual, 1)[:, None] * atom
        norms[:, t] = np.linalg.norm(residual, axis=1)
    return chosen, gaps, norms


def against_reference(answer, chosen, gaps, norms, scale, sample):
    """How one answer fares on the sampled targets."""
    differing = 0
    missed, widest, worst = [], 0., 0.
    for i, n in enumerate(sample):
        index = answer["indices"][n]
        end = int(np.argmax(index < 0)) if (index < 0).any() else len(index)  # it may stop early
        final = norms[i, end - 1] if end else scale[i]
        if end < len(index) and final > CLOSE * scale[i]:
            missed.append(int(n))  # stopped with something left to explain
        apart = np.flatnonzero(index[:end] != chosen[i, :end])
        if len(apart):
            differing += 1
            ties = np.flatnonzero(gaps[i] < TIE)
            if not len(ties) or apart[0] < ties[0]:
                missed.append(int(n))
            widest = max(widest, gaps[i, apart[0]])
        worst = max(worst, abs(float(answer["residual_norm"][n]) - final) / scale[i])
    return {
        "differing": differing,
        "missed": sorted(set(missed)),
        "widest_gap_missed": float(widest),
        "residual_error": float(worst),
        "ok": bool(not missed and worst <= CLOSE),
    }


def compare(ours, peer):
    n = min(len(ours["indices"]), len(peer["indices"]))
    a, b = ours["indices"][:n], peer["indices"][:n]
    ra, rb = (np.asarray(x["residual_norm"][:n], np.float64) for x in (ours, peer))
    relative = (ra - rb) / np.maximum(np.maximum(ra, rb), 1e-30)
    return {
        "targets": n,
        "same_sequence": float(np.mean((a == b).all(1))),
        "same_set": float(np.mean((np.sort(a, 1) == np.sort(b, 1)).all(1))),
        "residual_difference_max": float(np.abs(relative).max()),
        "residual_difference_median": float(np.median(np.abs(relative))),
        "ours_lower": float(np.mean(relative < -CLOSE)),
        "peer_lower": float(np.mean(relative > CLOSE)),
    }


def main():
    p = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    p.add_argument("ours", metavar="OURS.safetensors")
    p.add_argument("peer", metavar="PEER.safetensors")
    p.add_argument("data", metavar="DATA.safetensors")
    p.add_argument("--sample", type=int, default=64, help="targets to check by brute force")
    p.add_argument("--seed", type=int, default=0)
    a = p.parse_args()

    answers = {"ours": tensors.read(a.ours)[0], "peer": tensors.read(a.peer)[0]}
    data = tensors.read(a.data)[0]
    report = compare(*answers.values())
    print("{targets} targets: {same_sequence:.2%} chose the same anchors in the same order, "
          "{same_set:.2%} the same set".format(**report))
    print("residual norms differ by {residual_difference_max:.1e} at most, "
          "{residual_difference_median:.1e} in the median; ours is lower for {ours_lower:.2%} "
          "and the peer's for {peer_lower:.2%} of the targets".format(**report))

    rng = np.random.default_rng(a.seed)
    sample = np.sort(rng.permutation(report["targets"])[:a.sample])
    targets = data["targets"][sample].astype(np.float64)
    k = answers["ours"]["indices"].shape[1]
    expected = reference(data["donor_anchors"].astype(np.float64), targets, k)
    report["ties"] = int((expected[1] < TIE).any(1).sum())
    print(f"float64 reference, {len(sample)} targets, {report['ties']} of them with a near tie:")
    for name, answer in answers.items():
        r = report[name] = against_reference(
            answer, *expected, np.maximum(np.linalg.norm(targets, axis=1), 1e-30), sample)
        print("  {}: {}; {differing} supports differ, {} of them before a tie "
              "(widest gap missed {widest_gap_missed:.1e}); residual norms within "
              "{residual_error:.1e} of the target's norm".format(
                  name, "agrees" if r["ok"] else "DIFFERS", len(r["missed"]), **r))
    print(json.dumps(report))
    sys.exit(not report["ours"]["ok"])


if __name__ == "__main__":
    main()

"""Compare solvers' answers with the first one's, and all with a float64 OMP done
by brute force on a sample of the targets.

Against that reference an answer has to choose the same anchors up to the first
near tie (the two largest |correlations| closer than 1e-9, relatively), and to
reach the same residual norm to 1e-6 of the target's. A solver that works in
fp32 may miss the first of these.

"""

import numpy as np

import table
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
        # a repeated row adds nothing
        atom = np.where(rest > 1e-12 * length, atom / np.maximum(rest, 1e-300), 0)
        basis[:, :, t] = atom
        residual -= np.sum(atom * residual, 1)[:, None] * atom
        norms[:, t] = np.linalg.norm(residual, axis=1)
    return chosen, gaps, norms


def against_reference(answer, ordered, chosen, gaps, norms, scale, sample):
    """How one answer fares on the sampled targets. One that does not tell the order
    of its anchors is compared by the sets of them."""
    differing = 0
    missed, widest, worst = set(), 0., 0.
    for i, n in enumerate(sample):
        index = answer["indices"][n]
        end = int(np.argmax(index < 0)) if (index < 0).any() else len(index)  # it may stop early
        final = norms[i, end - 1] if end else scale[i]
        if end < len(index) and final > CLOSE * scale[i]:
            missed.add(n)  # stopped with something left to explain
        apart = np.flatnonzero(index[:end] != chosen[i, :end])
        if not ordered:
            differing += set(index[:end]) != set(chosen[i, :end])
        elif len(apart):
            differing += 1
            ties = np.flatnonzero(gaps[i] < TIE)
            if not len(ties) or apart[0] < ties[0]:
                missed.add(n)
            widest = max(widest, gaps[i, apart[0]])
        worst = max(worst, abs(float(answer["residual_norm"][n]) - final) / scale[i])
    right = not missed and worst <= CLOSE and (ordered or not differing)
    return {"differing": differing, "missed": len(missed) if ordered else "-",
            "widest": f"{widest:.1e}" if ordered else "-", "worst": worst, "right": right}


def against_first(ours, peer, scale, ordered):
    n = min(len(ours["indices"]), len(peer["indices"]))
    a, b = ours["indices"][:n], peer["indices"][:n]
    difference = (ours["residual_norm"][:n].astype(float) - peer["residual_norm"][:n]) / scale[:n]
    sequence = f"{np.mean((a == b).all(1)):.2%}" if ordered else "-"
    same = np.mean((np.sort(a, 1) == np.sort(b, 1)).all(1))
    return (f"{n} | {sequence} | {same:.2%} | {np.abs(difference).max():.1e} "
            f"| {np.mean(difference < -CLOSE):.2%} | {np.mean(difference > CLOSE):.2%} "
            f"| {np.mean(ours['residual_norm'][:n] / scale[:n]):.5f} "
            f"| {np.mean(peer['residual_norm'][:n] / scale[:n]):.5f}")


def is_ordered(metadata):
    return metadata.get("ordered", "1") == "1"


def compare(data, answers, sample=64, seed=0):
    """Prints Markdown about {name: file}; returns whether the first is right."""
    data = tensors.read(data)[0]
    answers = {name: tensors.read(path) for name, path in answers.items()}
    first, *others = answers
    ours = answers[first][0]
    count, k = ours["indices"].shape
    scale = np.maximum(np.linalg.norm(data["targets"][:count].astype(float), axis=1), 1e-30)

    if others:
        print(f"| against {first} | targets | same anchors in order | same set "
              "| residuals differ at most | ours lower | theirs lower | mean residual: ours "
              "| theirs |")
        print("|---|---|---|---|---|---|---|---|---|")
        for name in others:
            theirs, metadata = answers[name]
            print(f"| {name} | {against_first(ours, theirs, scale, is_ordered(metadata))} |")
        print()
        table.prose("Residuals are relative to the norm of their target; lower or higher by more "
                    f"than {CLOSE:g} of it.")
        print()

    count = min(len(maps["indices"]) for maps, _ in answers.values())
    chosen = np.sort(np.random.default_rng(seed).permutation(count)[:sample])
    expected = reference(data["donor_anchors"].astype(float),
                         data["targets"][chosen].astype(float), k)
    ties = int((expected[1] < TIE).any(1).sum())
    table.prose(f"Against a float64 brute force, {len(chosen)} targets, {ties} of them with a step "
                f"whose two best are closer than {TIE:g}:")
    print("\n| solver | agrees | targets with other anchors | before such a step "
          "| widest gap missed | residuals differ at most |")
    print("|---|---|---|---|---|---|")
    reports = {name: against_reference(maps, is_ordered(metadata), *expected, scale[chosen], chosen)
               for name, (maps, metadata) in answers.items()}
    for name, r in reports.items():
        print("| {} | {} | {differing} | {missed} | {widest} | {worst:.1e} |".format(
            name, "yes" if r["right"] else "no", **r))
    return reports[first]["right"]

#!/usr/bin/env python3
"""A transplant divided over processes gives what one process gives, to the last byte.

    python3 tests/test_windows.py TOOL SOLVE_WINDOW           windows, joined by hand
    python3 tests/test_windows.py TOOL --mpi MPI_TRANSPLANT   ranks of mpirun

Run from the root of the repository. The last line is `N passed, N failed, N skipped`.
"""

import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import tool

MODELS = Path("examples/models/base"), Path("examples/models/donor")
FORMS = "auto", "gram", "columns", "residual", "single", "exhaustive"
METHODS = "omp", "omp-centred", "omp-affine"
CASES = {"hand": [], "mpi": []}
TOOL = PROGRAM = ""


def case(kind):
    return lambda function: CASES[kind].append(function) or function


def alone(here, models, *args):
    """What the tool makes in one process, as {name: bytes}."""
    where = here / "alone"
    shutil.rmtree(where, ignore_errors=True)
    subprocess.run([TOOL, *models, where, "-q", "--threads", "1", *map(str, args)], check=True,
                   stderr=subprocess.PIPE)
    return tool.snapshot(where)


def small_models(here):
    """22 targets and 43 anchors; two matrices."""
    return tool.pair(here)


def same(found, wanted):
    assert sorted(found) == sorted(wanted), (sorted(found), sorted(wanted))
    for name in wanted:
        assert found[name] == wanted[name], f"{name} differs"


# ---- windows, joined by hand --------------------------------------------------------


def window(mode, index, count, models, where, form, method, k, memory):
    words = [PROGRAM, mode, index, count, *models, where, form, method, k, memory]
    subprocess.run(list(map(str, words)), check=True, stderr=subprocess.PIPE)


def joined(here, models, count, *options):
    where = here / f"parts-{count}"
    shutil.rmtree(where, ignore_errors=True)
    where.mkdir()
    for index in reversed(range(count)):
        window("part", index, count, models, where, *options)
        assert not (where / "joined").exists()
    window("join", 0, count, models, where, *options)
    assert len(list(where.iterdir())) == 2 * count + 1
    return tool.snapshot(where / "joined")


@case("hand")
def every_form_and_method(here):
    models = small_models(here)
    for method in METHODS:
        wanted = alone(here, models, "-k", 9, "-a", method)
        for form in FORMS:
            same(joined(here, models, 3, form, method, 9, 0), wanted)


@case("hand")
def any_number_of_parts(here):
    models = small_models(here)
    wanted = alone(here, models, "-a", "omp")
    for count in 1, 2, 7, 30:  # 30: more than there are targets
        same(joined(here, models, count, "auto", "omp", 64, 0), wanted)


@case("hand")
def any_budget(here):
    wanted = alone(here, MODELS, "-k", 6, "-a", "omp")
    for form, memory in ("gram", 0), ("gram", 16 << 20), ("auto", 4 << 20):
        same(joined(here, MODELS, 2, form, "omp", 6, memory), wanted)
    same(joined(here, MODELS, 7, "auto", "omp", 6, 0), wanted)


@case("hand")
def a_part_that_is_missing(here):
    models = small_models(here)
    window("part", 0, 2, models, here, "auto", "omp", 3, 0)
    try:
        window("join", 0, 2, models, here, "auto", "omp", 3, 0)
        raise AssertionError("joined what is not there")
    except subprocess.CalledProcessError as error:
        assert error.returncode == 1
    assert sorted(p.name for p in here.iterdir()) == ["0.0", "1.0", "base", "donor"]


# ---- MPI -------------------------------------------------------------------------------


def mpirun(*runs, **more):
    """Starts one job of `RANKS, WORDS...` for each run; ranks may outnumber the cores."""
    command = ["mpirun", "--oversubscribe", "--bind-to", "none"]
    if os.geteuid() == 0:
        command.append("--allow-run-as-root")
    for i, (ranks, *words) in enumerate(runs):
        command += [":"] * (i > 0) + ["-n", ranks, PROGRAM, *words]
    env = dict(os.environ, OMP_NUM_THREADS="1", OMPI_MCA_mpi_yield_when_idle="1")
    return subprocess.Popen(list(map(str, command)), env=env, stdout=subprocess.PIPE,
                            stderr=subprocess.PIPE, text=True, **more)


def finish(process, status):
    """Checks status and errors; returns the one error, or "". What mpirun itself says of
    a status that is not 0 stands between dashes."""
    out, err = process.communicate(timeout=300)
    assert process.returncode == status, (process.returncode, out, err)
    errors = re.findall(r"^mpi_transplant: error: (.*)$", err, re.M)
    assert len(errors) == (status != 0), err
    return errors[0] if errors else ""


def refused(here, *runs, status=1):
    before = sorted(p.name for p in here.iterdir())
    error = finish(mpirun(*runs), status)
    assert sorted(p.name for p in here.iterdir()) == before, list(here.iterdir())
    return error


@case("mpi")
def ranks_give_the_bytes_of_one_process(here):
    wanted = alone(here, MODELS)
    for ranks in 1, 2, 4:
        out = here / f"out-{ranks}"
        process = mpirun((ranks, *MODELS, out, "--threads", 1))
        text = process.stdout.read()
        assert finish(process, 0) == ""
        assert re.search(f"948 made by {ranks} rank", text) and text.count("\n") == 1, text
        same(tool.snapshot(out), wanted)


@case("mpi")
def options_and_more_ranks_than_targets(here):
    models = small_models(here)
    for args in ("-k", 9, "-a", "omp-centred"), ("-a", "mean"), ("--k", 5):
        wanted = alone(here, models, *args)
        assert finish(mpirun((3, *models, here / "out", "-q", "--overwrite", *args)), 0) == ""
        same(tool.snapshot(here / "out"), wanted)
    wanted = alone(here, models)
    assert finish(mpirun((23, *models, here / "many", "-q", "--memory", 64)), 0) == ""
    same(tool.snapshot(here / "many"), wanted)


@case("mpi")
def only_rank_0_is_heard(here):
    process = mpirun((3, *MODELS, here / "out", "-k", 2))
    err = process.stderr.read()
    finish(process, 0)
    assert err.count("opening: 0 %") == 1 and len(set(err.splitlines())) > 3, err
    process = mpirun((3, *MODELS, here / "quiet", "-k", 2, "-q"))
    assert process.stderr.read() == "" and process.stdout.read() == ""
    finish(process, 0)


@case("mpi")
def errors_of_all_ranks(here):
    base, donor = small_models(here)
    (here / "taken").mkdir()
    (here / "taken/notes").write_text("mine")
    assert "exists already" in refused(here, (3, base, donor, here / "taken"))
    assert "nowhere" in refused(here, (3, base, here / "nowhere", here / "out"))
    assert refused(here, (2, base, donor), status=2) == "too few arguments"
    assert refused(here, (2, base, donor, here / "out", "-k", "x"), status=2) == "-k"


@case("mpi")
def errors_of_one_rank(here):
    """A job of two programs that differ in their arguments: files that one machine lacks."""
    base, donor = small_models(here)
    good, out = (2, base, donor, here / "out"), here / "out"
    error = refused(here, good, (1, base, here / "gone", out))
    assert error.startswith("rank 2: ") and "gone" in error, error
    assert refused(here, (1, here / "gone", donor, out), good).startswith("rank 0: ")
    error = refused(here, good, (1, base, donor, out, "-k", 3))
    assert "different models or options" in error, error
    assert "different models" in refused(here, good, (1, base, base, out))  # nothing to solve
    assert "different models" in refused(here, (1, base, base, out), good)
    mean = "-a", "mean"  # which rank 0 could write without the others
    assert "gone" in refused(here, (*good, *mean), (1, base, here / "gone", out, *mean))
    short = here / "short"
    shutil.copytree(donor, short)
    weights = (short / "model.safetensors").read_bytes()
    (short / "model.safetensors").write_bytes(weights[:-4])
    error = refused(here, good, (1, base, short, out))
    assert error.startswith("rank 2: ") and "short" in error, error
    nan = here / "nan"  # found when the second matrix is read, after the first was solved
    model = tool.donor_model()
    model.tensors[tool.HEAD].set_row(9, [float("nan")] * 12)
    model.write(nan)
    error = refused(here, good, (1, base, nan, out))
    assert error.startswith("rank 2: ") and "row 9" in error, error


@case("mpi")
def interruption(here):
    out = here / "out"
    process = mpirun((2, *MODELS, out, "-k", 128))
    for line in process.stderr:
        if line.startswith("solving"):
            break
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=60)
    assert process.returncode != 0
    assert list(here.iterdir()) == [], list(here.iterdir())


def main():
    global TOOL, PROGRAM
    if len(sys.argv) < 3:
        sys.exit(__doc__)
    kind = "mpi" if sys.argv[2] == "--mpi" else "hand"
    TOOL, PROGRAM = os.path.abspath(sys.argv[1]), os.path.abspath(sys.argv[-1])
    return tool.run(CASES[kind], Path(tempfile.mkdtemp(prefix="otx-windows-")))


if __name__ == "__main__":
    sys.exit(main())

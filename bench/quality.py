"""What the rows of each method are worth, on real pairs of models.

usage: bench/quality.sh [PAIR ...] > SECTIONS.md

PAIR is BASE:DONOR of these; without any: all.

  gemma3-270m:smollm2-135m   Gemma 3 270M with SmolLM2's tokenizer
  smollm2-135m:gemma3-270m   the other way round
  smollm2-135m:wordllama     SmolLM2 with Llama 2's tokenizer and wordllama's rows
  base:donor, donor:base     the two small models of examples/models, both ways

Each pair is scored by examples/evaluate_lm.py, on English, code, digits, French,
German, Russian, Japanese and Chinese; mergekit's own tool takes part. What cannot
be had is left out with a word. Prints a section for each pair, and what follows
from all that were measured so far. Results are kept in build/quality/results, and
a run that was cut short goes on from there: delete them to measure anew.

Environment: QUALITY_METHODS (a list as evaluate_lm.py takes it; all), QUALITY_SIZE
(bytes of each text, 24000), QUALITY_NEW (how many of a donor's new tokens get rows
where there are many more than the texts use, 20000; or all), QUALITY_SEED (1),
QUALITY_THREADS (all cores), QUALITY_DOWNLOADS (a folder for packages),
QUALITY_PACKAGES (of PyPI, for the environment), OTX_BENCH_DIR (where all is put;
build/quality), CC, PYTHON.
"""

import importlib.metadata
import json
import os
import platform
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import quality_models
import quality_texts

ROOT = Path(__file__).resolve().parent.parent
WORK = Path(os.environ["OTX_BENCH_DIR"])
sys.path.insert(0, str(ROOT / "examples"))
import evaluate_lm  # noqa: E402

PAIRS = ["base:donor", "donor:base", "smollm2-135m:wordllama", "gemma3-270m:smollm2-135m",
         "smollm2-135m:gemma3-270m"]
# The small models have read English prose and nothing else.
TEXTS = {"base:donor": ["en"], "donor:base": ["en"]}
PEER = "mergekit -a omp -k 64"
EXTRA = ["omp-affine -k 8", "omp-affine -k 64"]  # what the choice of k is worth


def say(*words):
    print("quality:", *words, file=sys.stderr, flush=True)


def setting(name, otherwise):
    return os.environ.get(f"QUALITY_{name}") or otherwise


def arguments(pair, texts, downloads):
    """What evaluate_lm.py is called with."""
    base, donor = (quality_models.directory(name, WORK / "models", downloads)
                   for name in pair.split(":"))
    tool = WORK / "transplant"
    methods = setting("METHODS", ",".join([*evaluate_lm.tool_methods(tool), *EXTRA]))
    found = [base, donor, "--tool", tool, "--methods", methods, "--seed", setting("SEED", "1")]
    for path in texts:
        if path.stem in TEXTS.get(pair, [path.stem]):
            found += ["--text", path]
    if (new := setting("NEW", "20000")) != "all":
        found += ["--new", new]
    if threads := setting("THREADS", None):
        found += ["--threads", threads]
    if peer := shutil.which("mergekit-tokensurgeon", path=Path(sys.executable).parent):
        surgeon = f"{sys.executable} {ROOT}/bench/peer_surgeon.py"
        found += ["--command", f"{PEER}={surgeon} {{base}} {{donor}} {{out}} -a omp -k 64"]
    else:
        say(f"mergekit takes no part: {peer} is not there")
    return [str(word) for word in found]


def measure(pair, texts, downloads):
    options = evaluate_lm.parse(arguments(pair, texts, downloads))
    path = WORK / "results" / f"{pair.replace(':', '-')}.json"
    path.parent.mkdir(exist_ok=True)
    earlier = json.loads(path.read_text()) if path.exists() else None

    def save(result):
        path.write_text(json.dumps(result, indent=1) + "\n")

    with tempfile.TemporaryDirectory(prefix="pair.", dir=WORK) as folder:
        return evaluate_lm.run(options, Path(folder), save, earlier)


def machine():
    versions = ", ".join(f"{name} {importlib.metadata.version(name)}"
                         for name in ("torch", "transformers"))
    return f"{platform.machine()}, {os.cpu_count()} cores, {platform.system()}, {versions}"


def section(pair, result):
    base, donor = pair.split(":")
    settings = (f"QUALITY_{name}='{os.environ[f'QUALITY_{name}']}' "
                for name in ("SIZE", "NEW", "SEED") if f"QUALITY_{name}" in os.environ)
    lines = [f"### {base} with {donor}'s tokenizer",
             f"    {''.join(settings)}bench/quality.sh {pair}", machine()]
    return "\n\n".join([*lines, evaluate_lm.tables(result)])


def mean(values):
    values = list(values)
    return sum(values) / len(values) if values else None


def hidden_bits(text):
    count = text["tokens"]["hidden"]
    return text["bits"]["hidden"] / count if count else None


def losses(methods):
    """{method: (bits a byte, bits a hidden token)} lost against the model with true rows.

    True rows have the hidden tokens alone: the others are made, and the bound of a method that
    makes them badly is bad. So the reference is, for each text, the best bound of all methods.
    """
    names = next(iter(methods.values()))["made"]
    best = {
        figure: {name: min(figure(m["bound"][name]) for m in methods.values()) for name in names
                 if figure(next(iter(methods.values()))["bound"][name]) is not None}
        for figure in (evaluate_lm.per_byte, hidden_bits)
    }
    return {
        method: [mean(figure(m["made"][name]) - least for name, least in bounds.items())
                 for figure, bounds in best.items()]
        for method, m in methods.items()
    }


def new_bits(found):
    count = evaluate_lm.total(found["bound"], "tokens", "new")
    return evaluate_lm.total(found["bound"], "bits", "new") / count if count else None


def beaten_by(found, peer):
    """Texts with truly new tokens, and those where the peer needs fewer bits for them."""
    texts = {name: text for name, text in found["bound"].items() if text["tokens"]["new"]}
    worse = [name for name, text in texts.items()
             if text["bits"]["new"] > peer["bound"][name]["bits"]["new"]]
    return texts, worse


def number(value, form):
    return "-" if value is None else format(value, form)


def summary(results):
    """All pairs: what a method loses by hidden tokens, as a part of what mergekit loses."""
    head = ["pair", "rows", "bits a byte lost", "of mergekit's", "bits lost a hidden token",
            "of mergekit's", "bits for a new token", "fewer by mergekit in"]
    lines = []
    for pair, result in results.items():
        methods = {n: m for n, m in result["methods"].items() if "failed" not in m}
        if not methods:
            continue
        lost = losses(methods)
        for name, found in methods.items():
            line = [pair, f"`{name}`"]
            for i, form in enumerate((".3f", ".2f")):
                line.append(number(lost[name][i], form))
                line.append(number(lost[name][i] / lost[PEER][i] if PEER in lost else None, ".2f"))
            line.append(number(new_bits(found), ".2f"))
            if PEER in methods and name != PEER:
                texts, beaten = beaten_by(found, methods[PEER])
                line.append(f"{len(beaten)} of {len(texts)} texts"
                            + (f": {', '.join(beaten)}" if beaten else ""))
            else:
                line.append("-")
            lines.append(line)
    return evaluate_lm.markdown(head, lines)


def build():
    command = [os.environ.get("CC", "cc"), "-O3", "-fopenmp", f"-I{ROOT}",
               ROOT / "examples/transplant.c", "-o", WORK / "transplant", "-lm"]
    subprocess.run(command, check=True)


def main():
    pairs = sys.argv[1:] or PAIRS
    if unknown := set(pairs) - set(PAIRS):
        sys.exit(__doc__ if unknown & {"-h", "--help"} else f"quality: no pair {unknown}")
    downloads = Path(setting("DOWNLOADS", WORK / "downloads"))
    build()
    texts = quality_texts.make(WORK / "texts", downloads, int(setting("SIZE", "24000")), say)
    for pair in pairs:
        say(pair)
        try:
            print(section(pair, measure(pair, texts, downloads)), flush=True)
        except (OSError, subprocess.CalledProcessError) as error:
            say(f"{pair}: skipped: {error}")
    paths = {pair: WORK / "results" / f"{pair.replace(':', '-')}.json" for pair in PAIRS}
    results = {pair: json.loads(path.read_text()) for pair, path in paths.items() if path.exists()}
    print("### All pairs\n\n" + summary(results))


if __name__ == "__main__":
    main()

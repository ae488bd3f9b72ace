#!/usr/bin/env python3
"""Every command under other locales: bytes, reports and printed figures are those of C.

    tests/hostile/locales.py TRANSPLANT LOCATED

LOCATED is located.c: the tool whose process has called setlocale first. The locales are built
here with localedef: decimal commas, decimal points of two bytes, a dotless i, and sets of
characters of one and two bytes a character, in which the second may be a backslash or a brace.
The last line is `N passed, N failed, N skipped`.
"""

import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
import gguf_models as gguf  # noqa: E402
import tool  # noqa: E402

# Locale, set of characters, and its decimal point.
LOCALES = [
    ("de_DE", "UTF-8", ","), ("tr_TR", "UTF-8", ","), ("az_AZ", "UTF-8", ","),
    ("lt_LT", "UTF-8", ","), ("ps_AF", "UTF-8", "\u066b"), ("de_CH", "UTF-8", "."),
    ("de_DE", "ISO-8859-1", ","), ("fr_FR", "ISO-8859-15", ","), ("tr_TR", "ISO-8859-9", ","),
    ("ru_RU", "KOI8-R", ","), ("zh_TW", "BIG5", "."), ("ja_JP", "SHIFT_JIS", "."),
    ("zh_CN", "GB18030", "."), ("ko_KR", "EUC-KR", "."),
]

FRACTIONS = ["--ridge", "0.5", "--tolerance", "0.015625", "--new-vocab-scale", "1.25",
             "--new-vocab-noise", "0.25", "--seed", "7", "--memory", "1536MiB"]
# What is run, in one folder after another; the files that it writes are compared too.
COMMANDS = [
    ["base", "donor", "out", *FRACTIONS, "--report", "r.json", "--token-report", "t.tsv"],
    ["base", "donor", "out2", "-q", "-a", "omp", "-k", "8", "--dtype", "bf16", "--memory", "1G"],
    ["base", "donor", "nothing", "--ridge", "0,5"],
    ["base.gguf", "donor.gguf", "out.gguf", "-q", "--embedding-type", "q8_0", "--memory", "1G"],
    ["base.gguf", "donor.gguf", "out2.gguf", "-q", "--embedding-type", "IQ4_NL",
     "--memory", "1G"],
    ["draft", "base", "donor", "draft", "-q", "--memory", "1G"],
    ["draft-head", "base", "headed", "--draft-vocab", "40", "-q"],
    ["evaluate", "base", "donor", "--holdout", "12.5%", "--json", "e.json", "--html", "e.html",
     "--memory", "1G", "-q"],
    ["trim", "base", "cut", "--min-count", "2", "--text", "text.txt"],
    ["bytes", "base", "bytes", "-q"],
    ["extend", "base", "grown", "--tokens", "list.txt", "--ridge", "0.5"],
    ["extend", "base", "grown2", "--donor", "donor", "--max", "5", "-q", "--ridge", "0.5",
     "--memory", "1G"],
    ["map", "base", "donor", "--json", "m.json", "--safetensors", "m.safetensors"],
    ["count", "base", "text.txt", "--tsv", "c.tsv", "--json", "c.json"],
    ["align", "base", "donor"], ["verify", "out"], ["verify", "spoiled"],
    ["verify", "draft", "--draft-for", "donor"],
    ["inspect", "base"], ["inspect", "base.gguf"], ["inspect", "base/model.safetensors"],
    ["align", "base", "nowhere/caf\u00e9"], ["inspect", "base/config.json"],
    ["base", "donor", "base/config.json/out"], ["help", "evaluate"],
]
# What is not the same in two runs: figures of time and, for how long it takes, progress.
SECONDS = [(rb'("seconds"?:? *)\d+(\.\d+)?(e-\d+)?', rb"\1S"),
           (rb"(?m)^(  seconds +)\d+\.\d$", rb"\1S"),
           (rb'<td class="soft">\d+\.\d</td></tr>', b"<td>S</td></tr>"),
           (rb"complete in \d+\.\d s, peak memory [0-9.]+ [KM]iB", b"complete"),
           (rb"(?m)^(opening|reading|writing|correlating|solving) .*\n", b"")]


def models(here):
    tool.pair(here)
    donor = tool.donor_model()
    # Scores that a reader of the locale would stop in, and words whose case is Turkish.
    donor.files["generation_config.json"] = '{"temperature": 0.75, "top_p": 9.5e-1}'
    shutil.rmtree(here / "donor")
    donor.write(here / "donor")
    gguf.write(here / "base.gguf", gguf.base_keys(), gguf.base_tensors())
    gguf.write(here / "donor.gguf", gguf.donor_keys(), gguf.donor_tensors())
    (here / "text.txt").write_text(
        " ae bi TITLE Istanbul \u0130stanbul caf\u00e9 co co \u6a5f\n" * 9)
    (here / "list.txt").write_text("Istanbul\n\\x20title\n\\xe8\\xa1\\xa8\n")
    spoiled = tool.base_model()
    spoiled.config = spoiled.config.replace('"vocab_size": ', '"vocab_size": 1')
    spoiled.write(here / "spoiled")


def run(program, here, env):
    """All that the commands print and write, by name."""
    seen = {}
    for i, command in enumerate(COMMANDS):
        done = subprocess.run([program, *command], cwd=here, env=env, capture_output=True,
                              stdin=subprocess.DEVNULL)
        seen[f"{i} {' '.join(command)[:60]}"] = (
            b"status %d\n" % done.returncode + done.stdout + b"\n--\n" + done.stderr)
    seen.update({f"the file {name}": data for name, data in tool.snapshot(here).items()})
    for name in seen:
        for pattern, text in SECONDS:
            seen[name] = re.sub(pattern, text, seen[name])
    return seen


def built(folder, name, charset):
    """The name of a locale that has been built, or None."""
    full = f"{name}.{charset}"
    subprocess.run(["localedef", "--no-archive", "-c", "-i", name, "-f", charset, folder / full],
                   capture_output=True)
    return full if (folder / full / "LC_NUMERIC").exists() else None


def differences(wanted, seen):
    names = sorted(n for n in set(wanted) | set(seen) if wanted.get(n) != seen.get(n))
    lines = []
    for name in names[:5]:
        a, b = wanted.get(name, b"").split(b"\n"), seen.get(name, b"").split(b"\n")
        pair = next(((x, y) for x, y in zip(a, b) if x != y), (a[-1], b[-1]))
        lines.append(f"{name}: {pair[0][:200]!r} is {pair[1][:200]!r}")
    return lines


def main():
    if len(sys.argv) != 3:
        print(__doc__)
        return 2
    if not shutil.which("localedef"):
        print("skipped: no localedef")
        return 77
    plain, located = map(os.path.abspath, sys.argv[1:])
    passed = failed = skipped = 0
    with tempfile.TemporaryDirectory(prefix="otx-locales-") as work:
        work = Path(work)
        (work / "locales").mkdir()
        (work / "begin").mkdir()
        models(work / "begin")
        env = {k: v for k, v in os.environ.items() if not k.startswith(("LC_", "LANG", "OTX_"))}
        env.update(LOCPATH=str(work / "locales"), OMP_NUM_THREADS="1")

        def seen(program, **more):
            here = work / "run"
            shutil.rmtree(here, ignore_errors=True)
            shutil.copytree(work / "begin", here)
            return run(program, here, {**env, **more})

        wanted = seen(plain, LC_ALL="C")
        good = sum(text.startswith(b"status 0\n") for text in wanted.values())
        assert good >= 18 and wanted == seen(plain, LC_ALL="C"), "runs differ by themselves"
        for name, charset, point in LOCALES:
            full = built(work / "locales", name, charset)
            if not full:
                print(f"skipped {name}.{charset}: localedef cannot build it")
                skipped += 1
                continue
            variable = "LANG" if name == "tr_TR" else "LC_ALL"
            for program, more in ((plain, {}), (located, {"OTX_LOCATED": point})):
                problem = differences(wanted, seen(program, **{variable: full}, **more))
                passed, failed = passed + (not problem), failed + bool(problem)
                for line in problem:
                    print(f"FAILED {os.path.basename(program)}, {variable}={full}: {line}")
        print(f"{len(wanted)} outputs each, {good} commands of {len(COMMANDS)} with status 0")
    print(f"{passed} passed, {failed} failed, {skipped} skipped")
    return failed > 0


if __name__ == "__main__":
    sys.exit(main())

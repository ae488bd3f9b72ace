#!/usr/bin/env python3
"""Whether a base whose index and shards disagree is read as `transformers` reads it.

    tests/open_shards.py TRANSPLANT

A small base is written in shards, with an index that names tensors that are nowhere, lacks some
that are there, or names other shards. `transformers` finds the files of it and of the output, and
`safetensors` opens them, in that order, as from_pretrained does (modeling_utils.py, 5.24.0): all
tensors but the vocabulary's must have the same values, and the output's index must name what its
shards hold and nothing else. Exits with 77 without the packages.
"""
import json
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from tool import EMBED, HEAD, base_model, donor_model

try:
    import numpy
    from safetensors import safe_open
    from safetensors.numpy import load_file, save_file
    from transformers.utils.hub import get_checkpoint_shard_files
except ImportError:
    print("skipped open_shards: no packages numpy, safetensors and transformers")
    sys.exit(77)

INDEX = "model.safetensors.index.json"
FIRST, SECOND, THIRD = ("model-0000%d-of-00002.safetensors" % i for i in (1, 2, 3))


def loaded(directory):
    """What from_pretrained gathers: {name: value}."""
    files, _ = get_checkpoint_shard_files(str(directory), str(directory / INDEX))
    tensors = {}
    for file in files:
        with safe_open(file, framework="numpy") as opened:
            tensors.update({name: opened.get_tensor(name) for name in opened.keys()})
    return tensors


def sharded(base, directory, change):
    """A copy of the base in two shards, changed by change(shards, names)."""
    shutil.copytree(base, directory)
    tensors = load_file(directory / "model.safetensors")
    (directory / "model.safetensors").unlink()
    second = (HEAD, "odd")
    shards = {FIRST: {n: t for n, t in tensors.items() if n not in second},
              SECOND: {n: tensors[n] for n in second}}
    names = {name: file for file, held in shards.items() for name in held}
    change(shards, names)
    for file, held in shards.items():
        save_file(held, directory / file, metadata={"format": "pt"})
    (directory / INDEX).write_text(json.dumps({"metadata": {}, "weight_map": names}))


def as_it_is(_shards, _names):
    pass


def ghosts(_shards, names):
    names.update({"mtp.fc.weight": SECOND, "model.layers.99.mlp.up_proj.weight": FIRST})


def unlisted(shards, names):
    shards[SECOND]["extra"] = numpy.ones(3, numpy.float32)
    names.pop(EMBED), names.pop(sorted(names)[0])


def misplaced(_shards, names):
    for name, file in names.items():
        names[name] = SECOND if file == FIRST else FIRST


def repeated(shards, names):
    """In both shards, of which the index names the first, the second or a third."""
    held = sorted(n for n in shards[FIRST] if n not in (EMBED, HEAD))
    shards[SECOND].update({n: shards[FIRST][n] * 2 for n in held[:2] + [EMBED]})
    names[held[0]] = SECOND
    shards[THIRD] = {held[2]: shards[FIRST][held[2]] + 1}
    names[held[2]] = THIRD


def main(tool):
    passed = failed = 0
    with tempfile.TemporaryDirectory() as work:
        base, donor = (model.write(Path(work, name)) for name, model in
                       (("base", base_model()), ("donor", donor_model())))
        for change in (as_it_is, ghosts, unlisted, misplaced, repeated):
            ours, out = Path(work, change.__name__), Path(work, change.__name__ + "-out")
            sharded(base, ours, change)
            done = subprocess.run([tool, ours, donor, out, "-q", "-a", "mean"],
                                  stderr=subprocess.PIPE, text=True, timeout=300)
            good = done.returncode == 0 and ("warning: " in done.stderr) == (change != as_it_is)
            if good:
                old, new = loaded(ours), loaded(out)
                index = json.loads((out / INDEX).read_text())["weight_map"]
                held = {}
                for file in set(index.values()):
                    with safe_open(out / file, framework="numpy") as opened:
                        good &= not any(name in held for name in opened.keys())
                        held.update({name: file for name in opened.keys()})
                good &= held == index and old.keys() == new.keys()
                good &= all((old[n] == new[n]).all() for n in old if n not in (EMBED, HEAD))
            if not good:
                print("failed: %s: %s" % (change.__name__, done.stderr))
            passed, failed = passed + good, failed + (not good)
    print("%d passed, %d failed, 0 skipped" % (passed, failed))
    return failed > 0


sys.exit(main(*sys.argv[1:]))

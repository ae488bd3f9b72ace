#!/usr/bin/env python3
"""Which files of the two directories come into the output, and what is said of the others.

    python3 tests/test_tool_files.py TOOL [CASE...]
"""
import json
import subprocess
import sys

import tool
from tool import base_model, call, donor_model, pair, refused

CASES, case = tool.cases()

# ---- code that the tokenizer is loaded with ----------------------------------------------

MAP = {"AutoTokenizer": ["tokenization_x.XTokenizer", None]}
CODE = {
    "tokenization_x.py": 'import os\nfrom transformers import PreTrainedTokenizer\n'
                         'from .first_helper import a\n    from  .second.deep  import b\n'
                         'from . import third as t, (fourth)\nfrom . import (\n    fifth,\n'
                         '    nothing_here,\n)\nfrom .. import above\n'
                         'VOCAB_FILES_NAMES = {"vocab_file": "odd vocabulary.dat"}\n',
    "first_helper.py": "from .sixth import *  # don't\nfrom .first_helper import a\n"
                       "OTHER = 'config.json' or \"more.bin\"\n",
    "second/deep.py": "b = 1\n", "second/__init__.py": "", "third.py": "", "fourth.py": "",
    "fifth.py": "", "sixth.py": "import json\n", "seventh.py": "from .tokenization_x import y\n",
    "odd vocabulary.dat": "a b c\n", "more.bin": "\x01\x02", "named.txt": "by the config\n",
    "modeling_y.py": "# of the donor's model\n",
}
NEEDED = {name for name in CODE if name not in ("seventh.py", "modeling_y.py")}


def coded(here, auto_map=MAP, config=False, files=CODE, base=None):
    donor = donor_model()
    donor.files.update(files)
    donor.roles["vocab_file"] = "named.txt"
    if config:
        donor.config = json.dumps({**json.loads(donor.config), "auto_map": auto_map})
    else:
        donor.roles["auto_map"] = auto_map
    return pair(here, base, donor)


@case
def code_that_a_tokenizer_needs(here):
    base, donor = coded(here)
    call(base, donor, here / "out")
    there = {str(p.relative_to(here / "out")) for p in (here / "out").rglob("*") if p.is_file()}
    assert NEEDED <= there, NEEDED - there
    assert not {"seventh.py", "modeling_y.py"} & there, there
    for name in NEEDED:
        assert (here / "out" / name).read_text() == CODE[name]
    assert "modeling_x.py" in there  # the base's own
    assert "0 errors" in call("verify", here / "out").out


@case
def code_that_is_not_there(here):
    for missing in ("tokenization_x.py", "first_helper.py", "sixth.py"):
        files = {n: t for n, t in CODE.items() if n != missing}
        base, donor = coded(here / missing, files=files)
        refused(here / missing, base, donor, f'"{missing}", which is not there')
    base, donor = coded(here / "whole")
    call(base, donor, here / "whole" / "out")
    for name in ("tokenization_x.py", "third.py", "sixth.py"):
        text = (here / "whole" / "out" / name).read_text()
        (here / "whole" / "out" / name).unlink()
        done = subprocess.run([tool.TOOL, "verify", here / "whole" / "out"], capture_output=True,
                              text=True)
        if name == "third.py":  # it may be no module, but a name within the package
            assert done.returncode == 0, done.stdout
        else:
            assert done.returncode == 1 and f'"{name}", which is not there' in done.stdout
        (here / "whole" / "out" / name).write_text(text)


@case
def code_that_is_fetched(here):
    """Of "repository--module.Class" nothing needs to lie in the directory."""
    base, donor = coded(here, {"AutoTokenizer": "someone/model--tokenization_z.ZTokenizer"})
    call(base, donor, here / "out")
    assert not (here / "out" / "tokenization_x.py").exists()


@case
def code_that_the_model_config_names(here):
    """Where only config.json names the code, the output's does."""
    base, donor = coded(here, config=True)
    call(base, donor, here / "out")
    assert json.loads((here / "out" / "config.json").read_text())["auto_map"] == MAP
    base = base_model()
    base.config = base.config.replace('"x_first"', '"auto_map": {"AutoConfig": "c.C"},\n  "x_first"')
    base, donor = coded(here / "both", config=True, base=base)
    call(base, donor, here / "both" / "out")
    config = json.loads((here / "both" / "out" / "config.json").read_text())
    assert config["auto_map"] == {"AutoConfig": "c.C", **MAP}
    assert "0 errors" in call("verify", here / "both" / "out").out


@case
def code_of_both(here):
    base = base_model()
    base.files["first_helper.py"] = "# another\n"
    base, donor = coded(here, base=base)
    refused(here, base, donor, 'both have "first_helper.py", which differ')
    (base / "first_helper.py").write_text(CODE["first_helper.py"])
    call(base, donor, here / "out")


if __name__ == "__main__":
    sys.exit(tool.main(CASES))

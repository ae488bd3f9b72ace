#!/usr/bin/env python3
"""Which class `transformers` takes for a tokenizer, read from `transformers` itself.

    tests/tokenizer_classes.py            print the tables, as src/model/known.h has them
    tests/tokenizer_classes.py --check    compare them with tests/tokenizer_classes.txt, and
                                          the rule below with what AutoTokenizer does

The class that AutoTokenizer (5) makes depends on the model's type as much as on the
tokenizer's files. `effective` says which it is; `choose` says what to write beside another
model's config.json for the donor's own class to be made there. The last line of a check is
`N passed, N failed`.
"""
import collections
import json
import logging
import os
import sys
import tempfile
import warnings
from pathlib import Path

os.environ.update(HF_HUB_OFFLINE="1", TRANSFORMERS_VERBOSITY="critical",
                  TOKENIZERS_PARALLELISM="false", TRANSFORMERS_NO_ADVISORY_WARNINGS="1")
warnings.filterwarnings("ignore")
try:
    import transformers
    from transformers import AutoTokenizer
    from transformers.models.auto import configuration_auto, tokenization_auto
except ImportError as error:
    print(f"skipped tokenizer_classes: {error}")
    sys.exit(77)
logging.disable(logging.CRITICAL)

NAMES = tokenization_auto.TOKENIZER_MAPPING_NAMES
# Types whose word for the class is trusted more than the tokenizer's own (5 only).
DISTRUSTED = getattr(tokenization_auto, "MODELS_WITH_INCORRECT_HUB_TOKENIZER_CLASS", set())
AS_IS = "TokenizersBackend"  # tokenizer.json as it stands: PreTrainedTokenizerFast by 4's name
GENERIC = (AS_IS, "PythonBackend", "PreTrainedTokenizerFast", "PreTrainedTokenizer",
           "MistralCommonBackend")


def stem(name):
    return name.removesuffix("Fast")


def exists(name):
    return tokenization_auto.tokenizer_class_from_name(name) is not None


def registered(model_type):
    """The class for a type; "" if there is none."""
    return stem(NAMES.get(model_type) or "")


def default(model_type):
    """The class where neither the tokenizer nor the model names one. It goes by the class of
    the configuration, which two types may share."""
    try:
        config = configuration_auto.CONFIG_MAPPING[model_type]
        name = tokenization_auto.TOKENIZER_MAPPING.get(config, None).__name__
    except (AttributeError, ImportError, KeyError):
        return AS_IS
    return AS_IS if name in GENERIC else stem(name)


def made(name):
    """The class that a name makes: an unknown or generic one takes tokenizer.json as it is."""
    if name is None or name in GENERIC or stem(name) in GENERIC:
        return AS_IS
    if name.startswith("Bloom") or not exists(stem(name)):
        return AS_IS
    return stem(name)


def effective(model_type, name, byte_level, mapped=False, model_name=None):
    """The class that AutoTokenizer makes without trust in code. `name`: tokenizer_class of
    tokenizer_config.json, else of config.json; `byte_level`: tokenizer.json has the text
    "ByteLevel" in quotes; `mapped`: tokenizer_config.json has auto_map.AutoTokenizer."""
    own = registered(model_type)
    distrusted = model_type in DISTRUSTED or model_name in DISTRUSTED
    if mapped:
        return made(name)
    if name is None:
        return default(model_type)
    if stem(name) == "LlamaTokenizer" and byte_level and own != "MistralCommonBackend" \
            and not distrusted:
        return AS_IS
    if own and own != stem(name):
        if own in GENERIC:
            return AS_IS
        return own if distrusted else made(name)
    return made(name)


def choose(donor, base_type, base_model_name=None, has_json=True):
    """What to write into OUT's tokenizer_config.json: (tokenizer_class or None to leave it as
    it is, whether auto_map is needed). `donor`: (model_type, name, byte_level, mapped,
    model_name), as for `effective`; `has_json`: there is a tokenizer.json."""
    wanted = effective(*donor)
    _, name, byte_level, _, _ = donor
    if name and effective(base_type, name, byte_level, False, base_model_name) == wanted:
        return None, False
    if wanted in (AS_IS, "Qwen3_5Tokenizer"):  # 4 knows neither; that class is as its files are
        new = "PreTrainedTokenizerFast"
    elif name and stem(name) == wanted:
        new = name
    else:  # 4 has classes without a slow form, and slow forms want files of their own
        new = wanted + ("Fast" if has_json else "")
    mapped = effective(base_type, new, byte_level, False, base_model_name) != made(new)
    return (None if new == name else new), mapped


# ---- the tables -----------------------------------------------------------------

def rows(types):
    """Names on lines of at most 94 columns."""
    lines, row = [], " "
    for t in types:
        if len(row) + len(t) > 92:
            lines.append(row)
            row = " "
        row += " " + t
    return lines + [row]


def tables():
    by_class = collections.defaultdict(list)
    for model_type in sorted(NAMES):
        own = registered(model_type)
        if not own or own in GENERIC:
            by_class[AS_IS].append(model_type)
        elif default(model_type) != AS_IS:
            by_class[default(model_type)].append(model_type)
    forced = {t: registered(t) for t in sorted(DISTRUSTED) if registered(t) not in GENERIC}
    lines = [f"# transformers {transformers.__version__}: the class of a tokenizer by model_type.",
             "# Types not listed have none: what the tokenizer says is taken.", "",
             "this class, whatever the tokenizer says:"]
    lines += [f"  {name}: {t}" for t, name in forced.items()]
    lines += ["", "tokenizer.json as it is, whatever the tokenizer says:"] + rows(by_class[AS_IS])
    lines += ["", "this class, if the tokenizer names none:"]
    for name in sorted(n for n in by_class if n != AS_IS):
        types = [t for t in by_class[name] if t not in forced]
        if types:
            lines += [f"  {name}:"] + ["  " + r for r in rows(types)]
    lines += ["", "a model_name of config.json that forces the class of the type:"]
    return "\n".join(lines + rows(sorted(DISTRUSTED))) + "\n"


# ---- whether the rule is AutoTokenizer's -------------------------------------------

def check():
    sys.path.insert(0, str(Path(__file__).parent))
    import tokenizer_clients as clients
    passed, wrong = 0, collections.Counter()
    given = clients.donors()
    types = sorted(set(NAMES) | {"llama", "gpt_oss", "falcon", "mystery", "deepseek_v3"})
    types.remove("nougat")  # its configuration is not one without its parts
    shapes = [("llama2", None), ("llama3", None), ("deepseek_v3", None), ("gpt2", None),
              ("gemma3", None), ("llama3-no-class", None), ("olmo2", None), ("bert", None),
              ("qwen3_5", None), ("cohere", None), ("bloom", None), ("glm4", None),
              ("llama2", "map"), ("olmo2", "map"), ("gpt2", "map")]
    with tempfile.TemporaryDirectory() as scratch:
        for number, (name, how) in enumerate(shapes):
            directory = Path(scratch) / str(number)
            clients.write_donor(directory, given[name])
            config = json.loads((directory / "tokenizer_config.json").read_text())
            if how:
                config["auto_map"] = {"AutoTokenizer": ["a.B", "a.B"]}
                (directory / "tokenizer_config.json").write_text(json.dumps(config))
            byte_level = '"ByteLevel"' in (directory / "tokenizer.json").read_text()
            for model_type in types:
                (directory / "config.json").write_text(json.dumps({"model_type": model_type}))
                wanted = effective(model_type, config.get("tokenizer_class"), byte_level,
                                   bool(how))
                try:
                    got = type(AutoTokenizer.from_pretrained(str(directory))).__name__
                except Exception:  # the class cannot read these files, which is no matter here
                    continue
                alias = tokenization_auto.tokenizer_class_from_name(wanted)
                if stem(got) == wanted or (alias and alias.__name__ == got):
                    passed += 1
                else:
                    wrong[f"{name} {how or ''} beside {model_type}: {got}, not {wanted}"] += 1
    for line in wrong:
        print("FAILED", line)
    failed = len(wrong)
    file = Path(__file__).with_suffix(".txt")
    if file.read_text() == tables():
        passed += 1
    else:
        failed += 1
        print(f"FAILED {file.name} is not what transformers {transformers.__version__} says")
    print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    if "--check" in sys.argv[1:]:
        sys.exit(check())
    print(tables(), end="")

#!/usr/bin/env python3
"""Holds vocabularies and alignments against the `tokenizers` package.

    OTX_REAL_TOKENIZERS=DIR tests/vocab_oracle.py [PRINT_ALIGNMENT]

DIR holds NAME/tokenizer.json and NAME/tokenizer_config.json of real tokenizers;
PRINT_ALIGNMENT is tests/print_alignment.c compiled (it is compiled with $CC, or
cc, if not given). Without the package nothing is checked; without DIR only small
made-up tokenizers are. In both cases the script says so and ends with status 77,
unless a check has failed.

Everything compared is worked out here from what the package does, not from the
library's rules: ids come from get_vocab, special flags from
get_added_tokens_decoder, what a token stands for from running the
tokenizer's own decoder on it, and what an added one stands for from looking for
the text that the tokenizer cuts it out of. Checked are, for every tokenizer, every token (id,
content, kind, bytes) and the roles; and for every ordered pair, every row of the
alignment (base id, action, whether it is an anchor). The made-up tokenizers have
odd ids, added tokens in disorder, all model types and all decoders; what the
package refuses must be refused, and so must two tokens with one id.

The counts at the end stand beside counts measured earlier by another program
(EARLIER below), which are equal but for gemma3 and llama2: 31,309 anchors where
it counted 31,202 shared tokens. These two have both <0xNN> tokens and text tokens
of the same byte. Here a byte token and the text of that byte are two tokens, each
with its own counterpart; there the two were one, which hides 108 pairs, and the
control token <unk> was counted, which is copied here but is no anchor. That sum
is checked as well: 31,309 - 108 + 1 = 31,202.
"""
import collections
import itertools
import json
import os
import random
import re
import subprocess
import sys
import tempfile

EARLIER = {
    ("gemma3", "qwen3"): 95968, ("deepseek_v3", "gemma3"): 91317, ("gemma3", "llama3_1"): 86434,
    ("llama2", "qwen3"): 29234, ("deepseek_v3", "llama2"): 29220,
    ("llama3_1", "qwen3"): 109566, ("gemma3", "llama2"): 31202,
}
ROLES = ["eos", "bos", "pad", "unk", "sep", "cls", "mask"]
RESERVED = re.compile(
    r"<unused_?\d+>|<unused_token_\d+>|<\|unused_?\d+\|>|\[unused\d+\]|\[UNUSED_TOKEN_\d+\]|"
    r">>UNUSED_\d+<<|<reserved_(token_)?\d+>|<\|reserved_(token_|special_token_)?\d+\|>|"
    r"<SPECIAL_\d+>|<\|(dummy_|placeholder|extra_)\d+\|>|<\[PLHD\d+_never_used\]>|"
    r"<\|(text_post_train|vision|reasoning)_reserved_special_token_\d+\|>|"
    r"\[control_\d+\]|<\|(EXTRA|USER)_\d+_TOKEN\|>|<\|place_holder_mm_span_\d+\|>|"
    r"<｜place▁holder▁no▁\d+｜>", re.ASCII)

passed = failed = 0


def check(good, what):
    global passed, failed
    if good:
        passed += 1
    else:
        failed += 1
        print("FAILED", what)


def byte_alphabet():
    """The byte of every character of GPT-2's alphabet."""
    printable = [*range(33, 127), *range(161, 173), *range(174, 256)]
    rest = [b for b in range(256) if b not in printable]
    return {**{chr(b): b for b in printable}, **{chr(256 + i): b for i, b in enumerate(rest)}}


def is_utf8(text):
    try:
        return bool(text.decode()) or not text
    except UnicodeDecodeError:
        return False


class TwoTokensWithOneId(Exception):
    pass


class Vocabulary:
    def __init__(self, directory):
        from tokenizers import Tokenizer
        self.tokenizer = Tokenizer.from_file(os.path.join(directory, "tokenizer.json"))
        self.config = {}
        config = os.path.join(directory, "tokenizer_config.json")
        if os.path.isfile(config):
            with open(config, encoding="utf-8") as file:
                self.config = json.load(file)
        contents = self.tokenizer.get_vocab(with_added_tokens=True)
        self.content = {id: content for content, id in contents.items()}
        if len(self.content) != len(contents):
            raise TwoTokensWithOneId
        self.added = self.tokenizer.get_added_tokens_decoder()
        self.roles = self.find_roles(contents)
        self.decode = self.tokenizer.decoder.decode if self.tokenizer.decoder else "".join
        self.after = self.decode(["x", "x"])[1:]
        self.byte_level = self.decode(["Ġ"]) == " "
        self.byte_fallback = self.decode(["<0x41>"]) == "A"
        self.lossy = []  # tokens whose bytes the decoder contradicts
        self.own = self.tokenizer.get_vocab(with_added_tokens=False)  # of the model
        self.keys = {id: self.key(id, content) for id, content in self.content.items()}

    def wanted(self):
        return {id: (kind, id in self.added, self.content[id].encode(), text)
                for id, (kind, text) in self.keys.items()}

    def find_roles(self, contents):
        roles = {}
        for role in ROLES:
            value = self.config.get(role + "_token")
            value = value["content"] if isinstance(value, dict) else value
            roles[role] = contents.get(value, -1)
        return roles

    def key(self, id, content):
        special = id in self.added and self.added[id].special
        named = content in self.config.get("additional_special_tokens", [])
        if id in self.roles.values():
            return "control", content.encode()
        if RESERVED.fullmatch(content):
            return "unused", content.encode()
        if special or named:
            return "control", content.encode()
        if id in self.added and content not in self.own:
            return "text", self.added_text(id)
        if self.byte_fallback and re.fullmatch("<0x[0-9A-Fa-f]{2}>", content):
            return "byte", bytes([int(content[3:5], 16)])
        text = self.text(content)
        # No text leads the model to it, but its content does.
        return "text", content.encode() if id in self.added and not is_utf8(text) else text

    ALPHABET = byte_alphabet()

    def alone(self, token):
        """A tokenizer with this added token only, whose id is 0, before the same normaliser."""
        from tokenizers import Tokenizer, models
        tokenizer = Tokenizer(models.BPE())
        if self.tokenizer.normalizer:
            tokenizer.normalizer = self.tokenizer.normalizer
        tokenizer.add_tokens([token])
        return tokenizer

    def added_text(self, id):
        """The text within a text that the client cuts an added token out of: whether the whole
        client does so depends on the other added tokens, see lost_added."""
        content = self.content[id]
        spaced = content.replace("▁", " ")
        alone = self.alone(self.added[id])
        for text in (spaced, content, " " + spaced, "▁" + content):
            if any(0 in alone.encode(text.join(around)).ids for around in self.around(id)):
                return text.encode()
        raise AssertionError(f"nothing is cut out as {content!r}")

    def around(self, id):
        """What is neutral before and after a token. One that the model has too is made by the
        model in some places, and merged with what is beside it in others."""
        if self.content[id] in self.own:
            return [("7", "7"), ("\n", "\n"), ("", ""), ("x ", " y"), ("x", "y")]
        return [("7.", ".7") if self.added[id].single_word else ("7", "7")]

    def leads_to(self, id, text):
        return any(id in self.tokenizer.encode(text.join(around), add_special_tokens=False).ids
                   for around in self.around(id))

    def text(self, content):
        if not self.byte_level:
            return self.decode(["x", content, "x"])[1:-len(self.after)].encode()
        end = getattr(self.tokenizer.model, "end_of_word_suffix", None) or ""
        word = content[:-len(end)] if end and content.endswith(end) else content
        known = all(c in self.ALPHABET for c in word)
        text = bytes(self.ALPHABET[c] for c in word) if known else word.encode()
        if word != content:
            text += self.decode(["x" + end])[1:].encode()
        if self.decode([content]) != text.decode("utf-8", "replace"):
            self.lossy.append(content)
        return text


def align(donor, base):
    """Every row of the plan, in the order of the documentation of otx_align."""
    ids = {}
    for id, key in sorted(base.keys.items()):
        ids.setdefault(key, id)
    added = {base.content[id].encode(): id for id in base.added if base.keys[id][0] == "text"}
    rows, taken = {}, set()

    def copy(id, other):
        texts = ("text", "byte")
        anchor = (donor.keys[id][0] in texts and base.keys[other][0] in texts
                  and donor.keys[id][1] == base.keys[other][1] and other not in taken)
        if anchor:
            taken.add(other)
        rows[id] = (other, "copy", anchor)

    for id, (kind, text) in sorted(donor.keys.items()):
        if (kind, text) in ids:
            copy(id, ids[kind, text])
        elif kind == "unused" and ("control", text) in ids:
            copy(id, ids["control", text])
    for id, (kind, text) in sorted(donor.keys.items()):
        if id in rows:
            continue
        other = {"byte": ("text", text), "text": ("byte", text)}.get(kind)
        if other in ids:
            copy(id, ids[other])
            continue
        # <think> is special in some tokenizers, and plain in others.
        text = donor.content[id].encode()
        plain = kind == "text" and id in donor.added
        if plain and ("control", text) in ids:
            copy(id, ids["control", text])
            continue
        if (plain or kind == "control") and text in added:
            copy(id, added[text])
            continue
        rows[id] = (-1, "unused" if kind == "unused" else "approximate", False)
        for role in ROLES:
            if kind == "control" and donor.roles[role] == id and base.roles[role] >= 0:
                rows[id] = (base.roles[role], "role", False)
                break
    for id in range(max(donor.keys)):
        rows.setdefault(id, (-1, "padding", False))
    return rows


def merged(a, b):
    """Shared tokens as EARLIER counts them: bytes and text merged, control tokens included."""
    def texts(vocabulary, *kinds):
        return {text for kind, text in vocabulary.keys.values() if kind in kinds}

    return (len(texts(a, "text", "byte") & texts(b, "text", "byte")) +
            len(texts(a, "control") & texts(b, "control")))


def run(*arguments):
    return subprocess.run(arguments, check=True, stdout=subprocess.PIPE,
                          stderr=subprocess.DEVNULL).stdout.decode()


def read_tokens(program, directory):
    tokens, roles = {}, {}
    for line in run(program, directory).splitlines():
        words = line.split(" ")
        if words[0] == "token":
            content, text = (bytes.fromhex(word[1:]) for word in words[4:])
            tokens[int(words[1])] = (words[2], words[3] == "1", content, text)
        elif words[0] == "role":
            roles[words[1]] = int(words[2])
    return tokens, roles


def lost_added(vocabulary, tokens):
    """The added tokens that the client does not make of the text that the library says."""
    return [(id, tokens.get(id)) for id in vocabulary.added
            if id not in tokens or not vocabulary.leads_to(id, tokens[id][3].decode())]


def check_vocabulary(name, directory, vocabulary, program):
    tokens, roles = read_tokens(program, directory)
    wanted = vocabulary.wanted()
    different = [id for id in wanted.keys() | tokens.keys() if wanted.get(id) != tokens.get(id)]
    check(not vocabulary.lossy, f"{name}: decoder disagrees, first {vocabulary.lossy[:3]}")
    check(not different, f"{name}: {len(different)} of {len(wanted)} tokens differ, first " +
          str([(id, wanted.get(id), tokens.get(id)) for id in sorted(different)[:3]]))
    check(roles == vocabulary.roles, f"{name}: roles {roles}, not {vocabulary.roles}")
    lost = lost_added(vocabulary, tokens)
    check(not lost, f"{name}: {len(lost)} of {len(vocabulary.added)} added tokens are not cut out "
          f"of their texts, first {lost[:3]}")
    kinds = collections.Counter(kind for kind, _ in vocabulary.keys.values())
    print(f"{name:12} {len(wanted):7} tokens:", ", ".join(f"{n} {k}" for k, n in kinds.items()))


def made_up(random):
    """The text of a small tokenizer.json, often an odd one. Left out is where the library
    looks beyond the decoder: no decoder but a ## model, <0xNN> or </w> known to the model
    alone."""
    words = ["a", "b", "ab", "Ġa", "Ċ", "é", "Ã©", "▁a", "▁", "a▁b", "##a", "##", "a##", "a</w>",
             "</w>", "<0x41>", "<0xe9>", "<0xF>", "<unused7>", "<s>", "a b", "日本", ""]
    random.shuffle(words)
    words = words[:random.randint(1, len(words))]
    ids = list(range(len(words)))
    for _ in range(random.choice([0, 0, 0, 1, 2])):
        odd = random.choice([random.randrange(40), 300, -1, 2 ** 32, 1.0])
        ids[random.randrange(len(ids))] = odd
    model = random.choice([
        {"type": "BPE", "merges": [], "byte_fallback": False},
        {"type": "WordPiece", "unk_token": "zz", "continuing_subword_prefix": "##",
         "max_input_chars_per_word": 9}, {"type": "WordLevel", "unk_token": "zz"},
        {"type": "Unigram", "unk_id": None}])
    model["vocab"] = ([[word, -1.0] for word in words] if model["type"] == "Unigram"
                      else dict(zip(words, ids)))
    if random.random() < .2:
        del model["type"]
    contents = random.choices([*words, "x", "y", "<t>", "éa", "Zq", "q r", "▁q", " z", "z</w>",
                               "<0x42>"], k=random.randrange(6))
    flags = {content: {"special": random.random() < .3, "single_word": random.random() < .1,
                       "lstrip": random.random() < .2, "rstrip": random.random() < .2,
                       "normalized": random.random() < .5} for content in contents}
    added = [{"id": random.randrange(60), "content": content, **flags[content]}
             for content in contents]
    prepend = {"type": "Prepend", "prepend": "▁"}
    mark = {"type": "Replace", "pattern": {"String": " "}, "content": "▁"}
    plain = [None, {"type": "Lowercase"}, {"type": "NFD"},
             {"type": "Strip", "strip_left": True, "strip_right": True}]
    normalizer = random.choice([
        *plain, mark, prepend, {"type": "Sequence", "normalizers": [prepend, mark]},
        {"type": "Sequence", "normalizers": [mark, prepend]}, {"type": "ByteLevel"}])
    replace = {"type": "Replace", "pattern": {"String": "▁"}, "content": " "}
    decoder = random.choice([
        None, {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True,
               "use_regex": True},
        {"type": "Metaspace", "replacement": "▁", "prepend_scheme": "always", "split": True},
        {"type": "Sequence", "decoders": [replace, {"type": "ByteFallback"}, {"type": "Fuse"}]},
        {"type": "Sequence", "decoders": [{"type": "Sequence", "decoders": [replace]},
                                          {"type": "Fuse"}]},
        {"type": "WordPiece", "prefix": "##", "cleanup": False},
        {"type": "BPEDecoder", "suffix": "</w>"}])
    if normalizer and normalizer["type"] == "ByteLevel":
        decoder = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True,
                   "use_regex": True}
    if decoder is None and normalizer and "▁" in str(normalizer):
        decoder = replace
    if random.random() < .3 and "byte_fallback" in model and normalizer in plain:
        model["end_of_word_suffix"] = "</w>"
        replaced = {"type": "Replace", "pattern": {"String": "</w>"},
                    "content": random.choice(["", " "])}
        decoder = random.choice([
            {"type": "BPEDecoder", "suffix": "</w>"}, {"type": "Sequence", "decoders": [replaced]},
            {"type": "Sequence", "decoders": [
                {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True,
                 "use_regex": True}, replaced]}])
    if decoder is None and "continuing_subword_prefix" in model:
        decoder = replace
    return json.dumps({"version": "1.0", "truncation": None, "padding": None, "added_tokens": added,
                       "normalizer": normalizer, "pre_tokenizer": None, "post_processor": None,
                       "decoder": decoder, "model": model}, ensure_ascii=random.random() < .5)


def check_made_up(directory, program, count=400):
    """Whether the library and the package agree on made-up tokenizers, refusals included."""
    verdicts = collections.Counter()
    for seed in range(count):
        text = made_up(random.Random(seed))
        with open(os.path.join(directory, "tokenizer.json"), "w", encoding="utf-8") as file:
            file.write(text)
        try:
            vocabulary = Vocabulary(directory)
        except TwoTokensWithOneId:
            vocabulary = "two tokens with one id"
        except Exception:  # the package raises nothing more special
            vocabulary = "refused"
        if isinstance(vocabulary, str):
            status = subprocess.run([program, directory], stdout=subprocess.DEVNULL,
                                    stderr=subprocess.DEVNULL).returncode
            check(status == 1, f"made-up {seed}: status {status}, not 1 ({vocabulary}): {text}")
            verdicts[vocabulary] += 1
            continue
        tokens, _ = read_tokens(program, directory)
        wanted = vocabulary.wanted()
        check(tokens == wanted and not vocabulary.lossy,
              f"made-up {seed}: {sorted(tokens.items() ^ wanted.items())}: {text}")
        verdicts["read"] += 1
    print("made-up tokenizers:", ", ".join(f"{n} {v}" for v, n in sorted(verdicts.items())))


def check_pair(names, directory, vocabularies, program):
    base, donor = names
    rows = {}
    for line in run(program, os.path.join(directory, base),
                    os.path.join(directory, donor)).splitlines():
        id, other, action, anchor = line.split(" ")
        rows[int(id)] = (int(other), action, anchor == "1")
    wanted = align(vocabularies[donor], vocabularies[base])
    different = [id for id in wanted.keys() | rows.keys() if wanted.get(id) != rows.get(id)]
    check(not different, f"{donor} onto {base}: {len(different)} rows differ, first " +
          str([(id, wanted.get(id), rows.get(id)) for id in sorted(different)[:3]]))
    counts = collections.Counter(action for _, action, _ in wanted.values())
    counts["anchor"] = sum(anchor for _, _, anchor in wanted.values())
    return counts


def print_table(counts):
    columns = ["anchor", "copy", "role", "approximate", "unused", "padding"]
    print(f"\n{'base':12} {'donor':12}", *(f"{c:>11}" for c in columns), f"{'earlier':>9}")
    for (base, donor), count in counts.items():
        earlier = EARLIER.get(tuple(sorted((base, donor))), "")
        print(f"{base:12} {donor:12}", *(f"{count[c]:11}" for c in columns), f"{earlier:>9}")


def compile_program(directory):
    here = os.path.dirname(os.path.abspath(__file__))
    program = os.path.join(directory, "print_alignment")
    subprocess.run([*os.environ.get("CC", "cc").split(), "-std=c99", "-O2", "-o", program,
                    os.path.join(here, "print_alignment.c"), "-lm"], check=True)
    return program


def check_real(names, directory, program):
    vocabularies = {}
    for name in names:
        vocabularies[name] = Vocabulary(os.path.join(directory, name))
        check_vocabulary(name, os.path.join(directory, name), vocabularies[name], program)
    for (a, b), earlier in EARLIER.items():
        if a in vocabularies and b in vocabularies:
            count = merged(vocabularies[a], vocabularies[b])
            check(count == earlier, f"{a} and {b}: {count} merged tokens, not {earlier}")
    print_table({pair: check_pair(pair, directory, vocabularies, program)
                 for pair in itertools.permutations(names, 2)})


def main():
    try:
        import tokenizers  # noqa: F401
    except ImportError:
        print("skipped vocab_oracle: the Python package tokenizers is not installed")
        sys.exit(77)
    directory = os.environ.get("OTX_REAL_TOKENIZERS", "")
    names = sorted(name for name in os.listdir(directory)
                   if os.path.isfile(os.path.join(directory, name, "tokenizer.json"))
                   ) if os.path.isdir(directory) else []
    with tempfile.TemporaryDirectory() as scratch:
        program = sys.argv[1] if len(sys.argv) > 1 else compile_program(scratch)
        check_made_up(scratch, program)
        if len(names) > 1:
            check_real(names, directory, program)
    if len(names) < 2:
        print("skipped real tokenizers: OTX_REAL_TOKENIZERS names no folder of two or more")
    print(f"{passed} passed, {failed} failed")
    sys.exit(1 if failed else 77 if len(names) < 2 else 0)


if __name__ == "__main__":
    main()

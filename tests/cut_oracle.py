#!/usr/bin/env python3
"""Holds the cutter (src/encode) to the tokenizers package, and to tiktoken.

    OTX_REAL_TOKENIZERS=DIR tests/cut_oracle.py [PRINT_CUT]

Some thousands of texts (every script, marks, emoji, white space of every kind, numbers,
contractions, characters of every category at random) are cut by real pre-tokenizers (those in DIR,
NAME/tokenizer.json, and published ones written out here), by every other kind with every
behaviour, and by regular expressions that are there for one rule each. PRINT_CUT is
tests/print_cut.c compiled (it is compiled with $CC, or cc, if not given). A package that is
missing is named, and counts as skipped.
"""
import json
import os
import random
import subprocess
import sys
import tempfile
import unicodedata

GPT2 = r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"
LLAMA3 = (r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+"
          r"[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+")
O200K = "|".join([
    r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve"
    r"|'m|'ll|'d)?",
    r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|'t|'re|'ve"
    r"|'m|'ll|'d)?", r"\p{N}{1,3}", r" ?[^\s\p{L}\p{N}]+[\r\n/]*", r"\s*[\r\n]+", r"\s+(?!\S)",
    r"\s+"])
KIMI = "|".join([
    r"[\p{Han}]+",
    r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}&&[^\p{Han}]]*[\p{Ll}\p{Lm}\p{Lo}\p{M}&&"
    r"[^\p{Han}]]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?",
    r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}&&[^\p{Han}]]+[\p{Ll}\p{Lm}\p{Lo}\p{M}&&"
    r"[^\p{Han}]]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?",
    r"\p{N}{1,3}", r" ?[^\s\p{L}\p{N}]+[\r\n]*", r"\s*[\r\n]+", r"\s+(?!\S)", r"\s+"])
TEKKEN = "|".join([
    r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+",
    r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*",
    r"\p{N}", r" ?[^\s\p{L}\p{N}]+[\r\n/]*", r"\s*[\r\n]+", r"\s+(?!\S)", r"\s+"])
CL100K = (r"'(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?+\p{L}++|\p{N}{1,3}+| ?[^\s\p{L}\p{N}]++"
          r"[\r\n]*+|\s++$|\s*[\r\n]|\s+(?!\S)|\s")
BLOOM = " ?[^(\\s|[.,!?\u2026\u3002\uff0c\u3001\u0964\u06d4\u060c])]+"
QWEN35 = (r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?[\p{L}\p{M}]+|\p{N}| ?"
          r"[^\s\p{L}\p{M}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+")
SUPERBPE = r"(?=(\d{3})+(?!\d))"
BEHAVIOURS = ["Removed", "Isolated", "MergedWithPrevious", "MergedWithNext", "Contiguous"]

passed = failed = 0
missing = set()


def check(good, what):
    global passed, failed
    passed, failed = passed + bool(good), failed + (not good)
    if not good:
        print("FAILED", what)


# ---- pre-tokenizers ----

def regex(pattern, behaviour="Isolated", invert=False):
    return {"type": "Split", "pattern": {"Regex": pattern}, "behavior": behaviour,
            "invert": invert}


def string(text, behaviour, invert=False):
    return {"type": "Split", "pattern": {"String": text}, "behavior": behaviour, "invert": invert}


def byte_level(prefix=False, use=False):
    return {"type": "ByteLevel", "add_prefix_space": prefix, "trim_offsets": True,
            "use_regex": use}


def metaspace(scheme, split):
    return {"type": "Metaspace", "replacement": "\u2581", "prepend_scheme": scheme, "split": split}


def sequence(*steps):
    return {"type": "Sequence", "pretokenizers": list(steps)}


def published():
    yield "gpt-2", byte_level(use=True)
    yield "gpt-2 with a space before", byte_level(True, True)
    for name, pattern in [("llama 3", LLAMA3), ("o200k", O200K), ("kimi", KIMI),
                          ("tekken", TEKKEN), ("bloom", BLOOM), ("qwen 3.5", QWEN35)]:
        yield name, sequence(regex(pattern), byte_level())
    yield "cl100k as tokenizers has it", sequence(regex(CL100K, "Removed", True), byte_level())
    yield "starcoder", sequence({"type": "Digits", "individual_digits": True},
                                byte_level(use=True))
    yield "falcon", sequence({"type": "Punctuation", "behavior": "Contiguous"},
                             byte_level(use=True), {"type": "Digits", "individual_digits": False},
                             regex("[0-9][0-9][0-9]"))
    yield "superbpe", sequence(regex(SUPERBPE), byte_level())
    yield "bert", {"type": "BertPreTokenizer"}
    yield "t5", sequence({"type": "WhitespaceSplit"}, metaspace("always", True))
    yield "deepseek v2", sequence(
        regex("[\r\n]"), regex("\\s?[A-Za-z\u00b5\u00c0-\u00d6\u00d8-\u00f6\u00f8-\u01ba]+"),
        regex("\\s?[!-/:-~\uff01-\uff0f\uff1a-\uff5e\u2018-\u201f\u3000-\u3002]+"), regex("\\s+$"),
        regex("[\u4e00-\u9fa5\u0800-\u4e00\uac00-\ud7ff]+"),
        {"type": "Digits", "individual_digits": True}, byte_level())


def kinds():
    for scheme in ("always", "first", "never"):
        for split in (True, False):
            yield f"Metaspace {scheme} {split}", metaspace(scheme, split)
            yield f"words, Metaspace {scheme} {split}", sequence(
                {"type": "WhitespaceSplit"}, metaspace(scheme, split))
            yield f"cut, Metaspace {scheme} {split}", sequence(
                string("a", "MergedWithNext"), metaspace(scheme, split))
    for name in ("Whitespace", "WhitespaceSplit", "BertPreTokenizer"):
        yield name, {"type": name}
    for single in (True, False):
        yield f"Digits {single}", {"type": "Digits", "individual_digits": single}
    yield "CharDelimiterSplit", {"type": "CharDelimiterSplit", "delimiter": "e"}
    yield "FixedLength", {"type": "FixedLength", "length": 3}
    yield "words, ByteLevel, Metaspace", sequence({"type": "WhitespaceSplit"}, byte_level(True),
                                                  metaspace("first", True))
    yield "ByteLevel, then digits", sequence(byte_level(True, True),
                                             {"type": "Digits", "individual_digits": True})
    for behaviour in BEHAVIOURS:
        yield f"Punctuation {behaviour}", {"type": "Punctuation", "behavior": behaviour}
        for invert in (False, True):
            for text in (" ", "an", ".", "\u0301", ""):
                yield f"{text!r} {behaviour} {invert}", string(text, behaviour, invert)
            for pattern in (r"\s", r"\p{L}+", r"\d*", r"[^aeiou]|$", ""):
                yield f"/{pattern}/ {behaviour} {invert}", regex(pattern, behaviour, invert)


def properties():
    """Every property, and the classes, over all of Unicode."""
    for name in ("Cc Cf Cn Co Ll Lm Lo Lt Lu Mc Me Mn Nd Nl No Pc Pd Pe Pf Pi Po Ps Sc Sk Sm So Zl "
                 "Zp Zs C L M N P S Z LC Letter Uppercase_Letter Punctuation Punct Han Hiragana "
                 "Katakana Hangul Latin Greek Cyrillic Arabic Armenian Bengali Devanagari Ethiopic "
                 "Georgian Gujarati Gurmukhi Hebrew Kannada Khmer Lao Malayalam Myanmar Oriya "
                 "Sinhala Tamil Telugu Thai Tibetan Alphabetic Lowercase Uppercase Any").split():
        yield rf"\p{{{name}}}+"
        if name in ("L", "Han", "Alphabetic"):
            yield rf"\P{{{name}}}+"
            yield rf"\p{{^{name}}}+"
    yield from (r"[\w]+", r"[^\w]+", r"\w+", r"\W+", r"\s+", r"\S+", r"\d+", r"\D+", r"\h+",
    r"\H+", r".+", r"\N+",
                r"(?m:.)+")
    for name in "alnum alpha blank cntrl digit lower punct space upper xdigit word".split():
        yield f"[[:{name}:]]+"
        yield f"[[:^{name}:]]+"
    yield from (r"(?i:[a-z])+", r"(?i:[\u00e0-\u00ff])+", r"(?i)[\p{Greek}&&\p{Ll}]+",
                r"(?i:[^k])+", "(?i:\u03c3)+", "(?i:\u0434)+", r"(?i:s)+", r"(?i)\u1c81",
                r"(?i:\u00e5)")


# A rule each; texts of their letters are cut by them as well.
RULES = [
    "a{2}+", "a{2}?", "a{,2}b", "a{2,}?", "a{,}", "a{x}", "{", "a{1", "]", "[]a]", "[^]a]",
    "[a-]", "[-a]+", "[a-c-e]+", "a**b", "a+?+b", "a++b", "a?+a", "a*+b", "(?m:.)+", ".+", "^b",
    "a$", "a\\Z", "a\\z", "\\Aa", "(?x: a b #c\n )", "(?#c)a", "\\x61", "\\x{1F600}", "\\u0061",
    "[[a-b]c]+", "[a[^b]]", "[&&a]", "[a&&]", "[a-z&&[^aeiou]]+", "[^a-c&&b-d]+",
    "[a-f&&c-z&&[^d]]+", "\\b", "\\B", "\\ba", "a\\b", "(?<=a)b", "(?<!a)b", "(?<=a|bc)d",
    "(?<!ab|c)b", "(?<=^)a", "(?<=\\ba)b", "(?>a+)a", "(?>a|ab)c", "(?<n>a)b", "()", "", "a|", "|a",
    "a||b", "(?i:a)b", "(?i)a(?-i)b", "a(?i)b|c", "(?i-m:A)b", "(?:a*)*b", "(a|b*)*c", "(a*)+b",
    "(?:a?){3}b", "(?:ab?){2,3}?c", "(?:a|b){2,}c", "(?:|a)+b", "(?:a*?)*?b", "(?:(?=a)a)*b",
    "(?!ab)[a-c]+", "(?=a(?!b))..", "(?!(?=b)b)[ab]", "(?:(?!b)[a-c])+",
    "\\d{1,3}(?=(?:\\d{3})*\\b)",
    "a.*?b", "a.+?b", "a.??b", "[a-c]{2,3}?d?", "(?:aa|a)(?:ab|b)", "(?>aa|a)ab", "\\r\\n|\\n",
    "(?:\\r?\\n)+", "[\\r\\n\\t ]+", "\\.|,|;", "\u00e9", "[\u00e0-\u00ff]+", "e\\u0301?",
    "(?:a(?:b(?:c(?:d)?)?)?)?", "a(?=b|c)|b(?!a)", "((a)|(b))+?c", "[^\\S\\n]+", "[\\w-]+",
    "[.\\-+]+",
    "\\-\\/\\'", "[a\\]b]+", "[\\[\\]]+", "(?:^|[^a])b", "(?:$|b)", "$", "^", "\\z", "\\A",
    "(?i)\\p{Lu}b", "(?i)[\\p{Lu}]b", "(?i)\u017f", "(?i)K", "[\\x00-\\x7f]+",
    "(?:a|ab)(?:c|bcd)(?:d*)",
    "(?:.|\\n)+?b", "(?=.*b)a+", "\\s+(?!\\S)|\\s+|\\S", "(?<=\\s)\\S+",
    "(?<![a-z])[a-z]+(?![a-z])",
]
REFUSED = ["(a)\\1", "(?<n>a)\\k<n>", "\\R", "\\X", "\\K", "\\G", "(?~a)", "(?(1)a|b)",
           "\\g<1>", "\\p{Nope}", "[a", "(a", "a)", "*a", "[z-a]", "\\", "(?<=a+)b"]


# ---- texts ----

def words(draw, start, end, count=8):
    text = ""
    for _ in range(count):
        text += "".join(chr(draw.randrange(start, end)) for _ in range(draw.randrange(1, 7)))
        text += draw.choice([" ", " ", "  ", ", ", ". ", "\n", "'s ", "", "-", "1 "])
    return text


def made_texts():
    draw = random.Random(13)
    texts = ["", " ", "  ", "\n", "\r\n", " \r\n \n", "a", "'", "'s",
             "it's IT'S it\u2019s I'LL we'Re",
             "'\u017f 'S K\u212a \u0130\u0131", "don't 'tis '90s o'clock 'll'll",
             "a\u0301e\u0308 \u0301\u0301 x\u0301\u0327",
             "\U0001f600\U0001f468\u200d\U0001f469\u200d\U0001f467 "
             "\U0001f1e9\U0001f1ea\u2764\ufe0f!!",
             "1 12 123 1234 12345678 1.5e-10 \u0661\u0662\u0663\u0664 \u00bd\u00b2 "
             "\u2167 0x1F 1,234,567.89",
             "\tif (x == 1) {\r\n\t\treturn  y[0]->z;\r\n\t}\r\n\r\n\r\n// ...\n",
             "https://example.org/a_b?c=d&e=%20f#g <b>bold</b> \\n C:\\dir @user #tag $5.00 50%",
             "    four\n\n\n   three \t tab\u00a0nbsp\u3000wide"
             "\u2003em\u2028line\x85nel\x0bvt\x0cff\x1cfs ",
             "\u4e2d\u6587\uff0c\u65e5\u672c\u8a9e\u306e\u30c6\u30b9\u30c8\u3002"
             "\ud55c\uad6d\uc5b4 test\u4e2d\u6587abc 3\u4e2d4",
             "\u0000\u0001\u001f\u007f\u0080\ufffd\ufeff\uffff\U0010ffff"]
    for start, end in [(0x41, 0x7b), (0xc0, 0x250), (0x370, 0x400), (0x400, 0x530), (0x530, 0x5f0),
                       (0x600, 0x700), (0x900, 0x980), (0x980, 0xa00), (0xb80, 0xc00),
                       (0xe00, 0xe80), (0xf00, 0xfd0), (0x1000, 0x10a0), (0x10a0, 0x1200),
                       (0x1200, 0x1380), (0x1780, 0x1800), (0x1c80, 0x1cd0), (0x1e00, 0x2000),
                       (0x2000, 0x2070), (0x20a0, 0x2200), (0x2460, 0x2500), (0x2c00, 0x2d00),
                       (0x2e80, 0x3000), (0x3000, 0x3100), (0x3040, 0x30a0), (0x4e00, 0x9fff),
                       (0xa640, 0xa6a0), (0xa720, 0xa800), (0xab30, 0xabc0), (0xac00, 0xd7a4),
                       (0xfb00, 0xfb50), (0xff00, 0xfff0), (0x10400, 0x10500), (0x10d40, 0x10d90),
                       (0x1d400, 0x1d800), (0x1f300, 0x1f700), (0x20000, 0x2a6e0)]:
        texts += [words(draw, start, end) for _ in range(16)]
    by_category = {}
    for code in [*range(0xd800), *range(0xe000, 0x110000)]:
        by_category.setdefault(unicodedata.category(chr(code)), []).append(chr(code))
    for letters in by_category.values(): # those that this Python knows, new ones as Cn
        for _ in range(24):
            texts.append("".join(draw.choice(letters) + draw.choice(["", "", " ", "a", "1", ".",
                                                                     "\n"]) for _ in range(12)))
    every = list(by_category.values())
    for _ in range(600):
        texts.append("".join(draw.choice(draw.choice(every)) for _ in range(draw.randrange(40))))
    small = list("aAbB1 \n\r.,'-_!/s\t") + ["\u00e9", "\u4e2d", "\u0301", "  ", "\r\n", "'s", "12"]
    for _ in range(900):
        texts.append("".join(draw.choice(small) for _ in range(draw.randrange(24))))
    return texts


def rule_texts():
    draw = random.Random(5)
    texts = ["", "a\n", "a\nb\n", "ab\r\n", "aaaaa", "1234567 12 a123456",
    "A\u017f\u00dfss\u1e9eSS\u212aKk"]
    for letters in ("ab", "abc", "abcd", "aab \n", "aAbB", "ab1-]{[.\u00e9e\u0301\u00df",
    "a{1,2}x&\\/'-", "a\r\n\t ."):
        texts += ["".join(draw.choice(letters) for _ in range(draw.randrange(12)))
                  for _ in range(40)]
    return texts


def corpus(root):
    """Lines of the repository, and paragraphs of them."""
    lines = []
    for name in ("examples/models/heldout.txt", "README.md", "src/encode/regex_match.h",
                 "tests/cut_oracle.py"):
        with open(os.path.join(root, name), encoding="utf-8", newline="") as file:
            text = file.read()
        kept = text.split("\n")
        lines += kept[:400] + ["\r\n".join(kept[i:i + 5]) for i in range(0, min(400, len(kept)), 5)]
    return lines


def made_expressions(count, seed):
    """Expressions at random, of all that can be in one; but what is repeated takes something, for
    Oniguruma has rules of its own about rounds of a loop that take nothing."""
    draw = random.Random(seed)
    atoms = ["a", "b", "c", "A", "\u00e9", ".", "[ab]", "[^a]", "[a-c&&[^b]]", "\\s", "\\S", "\\w",
             "\\p{Lu}", "\\n", " ", "[^\\s\\p{L}]", "1", "\\d", "(?i:b)"]
    places = ["^", "$", "\\b", "\\B", "\\A", "\\z", "\\Z", "(?=a)", "(?!b)", "(?<=a)", "(?<!b)",
              "(?<=ab|c)", "(?!\\S)", "(?=b|\\s)"]
    marks = ["", "", "", "", "?", "*", "+", "??", "*?", "+?", "?+", "*+", "++", "{2}", "{1,2}",
             "{2,}", "{,2}", "{1,2}?", "{2}+"]

    def one(depth):
        kind = draw.random()
        if depth == 0 or kind < 0.6:
            return draw.choice(atoms) + draw.choice(marks)
        if kind < 0.7:
            return draw.choice(places)
        if kind < 0.75:
            return draw.choice(["(?=", "(?!"]) + several(depth - 1) + ")"
        mark = draw.choice(marks)
        return draw.choice(["(?:", "(?:", "(?>"]) + several(depth - 1, mark) + ")" + mark

    def several(depth, some=""):
        branches = []
        for _ in range(draw.choice([1, 1, 2, 3])):
            first = draw.choice(atoms) + draw.choice(["", "+", "{2}", "++"]) if some else ""
            branches.append(first + "".join(one(depth)
                                            for _ in range(draw.choice([0, 1, 1, 2, 3]))))
        return "|".join(branches)

    return [several(3) for _ in range(count)]


def random_expressions(program, count=3000, seed=21):
    draw = random.Random(22)
    texts = ["".join(draw.choice("aabbcA1 \n\u00e9.") for _ in range(draw.randrange(1, 14)))
             for _ in range(24)]
    named = [(rule, regex(rule, "MergedWithPrevious")) for rule in made_expressions(count, seed)]
    good = []
    for name, step in named:
        try:
            theirs(step)
            good.append((name, step))
        except Exception as error:  # what the package itself refuses
            assert "Oniguruma" in str(error), error
    compare(f"expressions at random, {count - len(good)} refused", program, good, texts)


# ---- the two sides ----

def cut_here(program, jobs):
    """jobs: (opening line, texts). What is printed for each: a message, or pieces of each."""
    lines = []
    for opening, texts in jobs:
        lines.append(opening)
        lines += [text.encode().hex() for text in texts]
    done = subprocess.run([program], input="\n".join(lines).encode() + b"\n",
                          stdout=subprocess.PIPE, check=True)
    out = iter(done.stdout.decode().split("\n"))
    results = []
    for opening, texts in jobs:
        rows = []
        for _ in texts:
            row = next(out)
            rows.append(row if row.startswith("!") else
                        [bytes.fromhex(piece) for piece in row.split()])
            if row.startswith("!") and len(rows) == 1 and "too many steps" not in row:
                break
        results.append(rows)
    return results


def theirs(step):
    from tokenizers import Tokenizer
    whole = {"version": "1.0", "truncation": None, "padding": None, "added_tokens": [],
             "normalizer": None, "pre_tokenizer": step, "post_processor": None, "decoder": None,
             "model": {"type": "WordLevel", "vocab": {"a": 0}, "unk_token": "a"}}
    return Tokenizer.from_str(json.dumps(whole)).pre_tokenizer


def compare(title, program, named, texts):
    """[(name, step)] over texts: alike by every one of them?"""
    jobs = [(json.dumps(step), texts) for _, step in named]
    alike = total = 0
    for (name, step), rows in zip(named, cut_here(program, jobs)):
        client = theirs(step)
        if len(rows) < len(texts):
            check(False, f"{title}: {name}: {rows[0] if rows else 'nothing'}")
            continue
        wrong = 0
        for text, row in zip(texts, rows):
            wanted = [piece.encode() for piece, _ in client.pre_tokenize_str(text)]
            if wanted != row:
                wrong += 1
                if wrong <= 2:
                    print(f"  {name}: {text[:80]!r}\n    here {row if row[0] == '!' else row[:12]}"
                          f"\n    them {wanted[:12]}")
        check(wrong == 0, f"{title}: {name}: {wrong} of {len(texts)} texts")
        alike, total = alike + len(texts) - wrong, total + len(texts)
    print(f"{title:34} {len(named):4} pre-tokenizers, {alike} of {total} texts alike", flush=True)


def refusals(program):
    for pattern, rows in zip(REFUSED, cut_here(program, [(json.dumps(regex(pattern)), ["a"])
                                                         for pattern in REFUSED])):
        check(str(rows[0]).startswith("! T: the regular expression"), f"{pattern!r}: {rows[0]}")


def by_tiktoken(program, texts):
    import tiktoken
    names = [("cl100k", CL100K), ("o200k", O200K), ("kimi", KIMI), ("tekken", TEKKEN),
             ("gpt-2", GPT2), ("text's borders", r"^a|a$|\p{N}{1,2}+|\s+$|[^\s]"),
             ("dots", r"(?s:.)a|.b|\pL")]
    alike = 0
    for (name, pattern), rows in zip(names, cut_here(program, [
            ("/" + pattern.encode().hex(), texts) for _, pattern in names])):
        pieces = {bytes([i]) for i in range(256)}
        for row in rows:  # two that are one there would be seen as one
            pieces.update(row, map(bytes.__add__, row, row[1:]))
        ranks = {piece: i for i, piece in enumerate(sorted(pieces, key=lambda p: (len(p), p)))}
        encoding = tiktoken.Encoding(name, pat_str=pattern, mergeable_ranks=ranks,
                                     special_tokens={})
        wrong = 0
        for text, row in zip(texts, rows):
            wanted = encoding.decode_tokens_bytes(encoding.encode_ordinary(text))
            if wanted != row:
                wrong += 1
                if wrong <= 2:
                    print(f"  {name}: {text[:80]!r}\n    here {row[:12]}\n    them {wanted[:12]}")
        check(wrong == 0 and len(rows) == len(texts), f"tiktoken {name}: {wrong} of {len(texts)}")
        alike += len(texts) - wrong
    print(f"{'tiktoken':34} {len(names):4} patterns, {alike} of "
          f"{len(names) * len(texts)} texts alike", flush=True)


def run(root, program):
    real = os.environ.get("OTX_REAL_TOKENIZERS")
    texts = made_texts() + corpus(root)
    if real and os.path.isdir(real):
        named = []
        for name in sorted(os.listdir(real)):
            path = os.path.join(real, name, "tokenizer.json")
            if os.path.isfile(path):
                with open(path, encoding="utf-8") as file:
                    step = json.load(file)["pre_tokenizer"]
                if step:
                    named.append((name, step))
        compare("real tokenizers", program, named, texts)
    else:
        missing.add("OTX_REAL_TOKENIZERS")
        print("skipped: real tokenizers; OTX_REAL_TOKENIZERS names no directory")
    compare("published pre-tokenizers", program, list(published()), texts)
    compare("every kind and behaviour", program, list(kinds()), texts[::5])
    compare("one rule each", program, [(rule, regex(rule, "MergedWithPrevious"))
                                       for rule in RULES], rule_texts())
    codes = [*range(0xd800), *range(0xe000, 0x32400), *range(0xe0000, 0xe0200), 0xeffff, 0xf0000,
             0x10fffd, 0x10ffff]  # beyond these nothing differs from its neighbours
    every = "".join(map(chr, codes))
    compare("properties, all of Unicode", program,
            [(name, regex(name, "Removed", True)) for name in properties()],
            [every])
    spaced = "".join("a" + chr(c) for c in codes)
    compare("classes of Rust, all of Unicode", program,
            [(name, step) for name, step in kinds() if name.split()[0] in
             ("Digits", "Punctuation", "Whitespace", "WhitespaceSplit", "BertPreTokenizer")],
            [spaced])
    random_expressions(program)
    refusals(program)
    try:
        by_tiktoken(program, texts)
    except ModuleNotFoundError as error:
        missing.add(error.name)
        print(f"skipped: no package {error.name}")


def main():
    root = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    with tempfile.TemporaryDirectory() as here:
        program = sys.argv[1] if len(sys.argv) > 1 else os.path.join(here, "print_cut")
        if len(sys.argv) < 2:
            subprocess.run([os.environ.get("CC", "cc"), "-O2", "-DOTX_STATIC", "-I" + root, "-o",
                            program, os.path.join(root, "tests", "print_cut.c"), "-lm"], check=True)
        try:
            run(root, program)
        except ModuleNotFoundError as error:
            missing.add(error.name)
            print(f"skipped: no package {error.name}")
    print(f"{passed} passed, {failed} failed, {len(missing)} skipped")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())

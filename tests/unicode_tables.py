#!/usr/bin/env python3
"""Makes the tables of src/encode/unicode_tables.h from the tokenizers package.

    tests/unicode_tables.py > src/encode/unicode_tables.h

What a tokenizer cuts by is what the regular expressions of that package (Oniguruma's) and the
libraries of Rust that it is built with take for a letter, a digit, a mark: each has a version of
Unicode of its own. So the package itself is asked, of every code point. The tables in the source
are tokenizers 0.23.3's: Unicode 16 in regular expressions, 17 in Rust's own is_numeric, and a much
older one in what Punctuation and BertPreTokenizer take for punctuation.
"""
import sys

CATEGORIES = ("Cn Lu Ll Lt Lm Lo Mn Mc Me Nd Nl No Pc Pd Ps Pe Pi Pf Po Sm Sc Sk So Zs Zl Zp Cc "
              "Cf Co Cs").split()
SCRIPTS = ("Arabic Armenian Bengali Cyrillic Devanagari Ethiopic Georgian Greek Gujarati Gurmukhi "
           "Han Hangul Hebrew Hiragana Kannada Katakana Khmer Lao Latin Malayalam Myanmar Oriya "
           "Sinhala Tamil Telugu Thai Tibetan").split()
OTHERS = {"alpha": "L Nl", "lower": "Ll", "upper": "Lu", "word": "L M Nd Nl Pc"}
# Characters that a literal holds as they are, but for what escapes and trigraphs need.
DIGITS = [chr(c) for c in range(0x21, 0x7f) if chr(c) not in '"\\?']
TEXT = "".join(map(chr, [*range(0xd800), *range(0xe000, 0x110000)]))


def kept(step):
    return {ord(c) for piece, _ in step.pre_tokenize_str(TEXT) for c in piece}


def matched(pattern, text=TEXT):
    from tokenizers import Regex
    from tokenizers.pre_tokenizers import Split
    step = Split(Regex(pattern), "removed", invert=True)
    return {ord(c) for piece, _ in step.pre_tokenize_str(text) for c in piece}


def ranges(codes):
    out = []
    for code in sorted(codes):
        if out and out[-1][1] == code - 1:
            out[-1][1] = code
        else:
            out.append([code, code])
    return out


def number(value):
    """A number in digits of base 44, the last of which is 44 higher."""
    digits = [DIGITS[44 + value % 44]]
    while value >= 44:
        value //= 44
        digits.append(DIGITS[value % 44])
    return "".join(reversed(digits))


def literal(name, runs):
    lines = [""]
    for run in runs:
        if len(lines[-1] + run) > 90:
            lines.append("")
        lines[-1] += run
    print(f"static const char *const {name}[] = {{")
    for line in lines:
        print(f'    "{line}",')
    print("};\n")


def category_runs():
    """Of every run of one category: the category, thrice; once more for a run of one, twice
    for one of two, and with the length behind it for any. Lu and Ll by turns are a category."""
    category = [0] * 0x110000
    for index, name in enumerate(CATEGORIES):
        if name not in ("Cn", "Cs"):
            for code in matched(rf"\p{{{name}}}+"):
                category[code] = index
    category[0xd800:0xe000] = [CATEGORIES.index("Cs")] * 0x800
    runs, code = [], 0
    while code < 0x110000:
        end = code
        while end < 0x110000 and category[end] == category[code]:
            end += 1
        turn = code
        while turn + 1 < 0x110000 and category[turn] == 1 and category[turn + 1] == 2:
            turn += 2
        if turn - code > 4:
            runs.append((len(CATEGORIES), (turn - code) // 2))
            code = turn
            continue
        runs.append((category[code], end - code))
        code = end
    for kind, length in runs:
        if kind < len(CATEGORIES) and length <= 2:
            yield DIGITS[kind + 30 * (length - 1)]
        elif kind < len(CATEGORIES):
            yield DIGITS[60 + kind] + number(length)
        else:
            yield DIGITS[90] + number(length)


def gaps(codes):
    """Ranges as how far each begins from the end of the one before, and its length less 1."""
    at = 0
    for first, last in ranges(codes):
        yield number(first - at) + number(last - first)
        at = last + 1


def folds():
    """Characters that differ by case alone from an earlier one: runs of (distance from the run
    before, count less 1, stride less 1, how far the earlier one is)."""
    letters = "".join(map(chr, sorted(matched(r"[\p{L}\p{M}\p{Nl}\p{So}]+"))))
    cased = [c for c in letters if c.lower() != c or c.upper() != c or c.casefold() != c or
             ord(c) in NEW_CASED]
    text = "\n".join(cased)  # apart: a ligature is alike to the two letters that it is of
    pairs = []
    for c in cased:
        first = min(matched(f"(?i:{c})", text))
        if first < ord(c):
            pairs.append((ord(c), ord(c) - first))
    runs = []
    for code, delta in pairs:
        if runs:
            start, count, stride, its = runs[-1]
            step = code - (start + (count - 1) * (stride or 1))
            if its == delta and step in (1, 2) and stride in (0, step):
                runs[-1] = (start, count + 1, step, its)
                continue
        runs.append((code, 1, 0, delta))
    at = 0
    for start, count, stride, delta in runs:
        stride = stride or 1
        yield number(start - at) + number(count - 1) + number(stride - 1) + number(delta)
        at = start


# Cased letters that this Python may not know yet.
NEW_CASED = {*range(0x10d50, 0x10d86), *range(0xa7c0, 0xa7dd), *range(0x1c80, 0x1c8b),
             *range(0x2c00, 0x2c60), 0x19b, 0x264, *range(0x10570, 0x105bd)}


def main():
    import tokenizers
    from tokenizers.pre_tokenizers import Punctuation
    print(f"tokenizers {tokenizers.__version__}", file=sys.stderr)
    print("/* ---- unicode_tables: what characters are, packed ---------------------------------- "
          "*/\n\n/* Made by tests/unicode_tables.py, which says from what, and how they are "
          "packed. */\n")
    literal("otx__category_runs", category_runs())
    print("/* Categories, and characters besides. */\nstatic const struct {\n"
          "    const char *name, *categories, *ranges;\n} otx__named_sets[] = {")
    for name, categories in [*OTHERS.items(), *((script, "") for script in SCRIPTS)]:
        codes = matched(f"[[:{name}:]]+" if name in OTHERS else rf"\p{{{name}}}+")
        for category in categories.split():
            codes -= matched(rf"\p{{{category}}}+")
        text = "".join(gaps(codes))
        print(f'    {{"{name.lower()}", "{categories.lower()}",')
        lines = [text[i:i + 86] for i in range(0, len(text), 86)]
        print("\n".join(f'     "{line}"' for line in lines) + "},")
    print("};\n")
    literal("otx__fold_runs", folds())
    ascii_signs = {c for c in range(0x21, 0x7f) if not chr(c).isalnum()}
    ours = matched(r"\p{P}+") | ascii_signs
    print("/* How what Rust's unicode_categories takes for punctuation differs from that. */")
    literal("otx__punctuation_changes", gaps(ours ^ (set(map(ord, TEXT)) - kept(
        Punctuation("removed")))))


if __name__ == "__main__":
    main()

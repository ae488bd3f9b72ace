#!/usr/bin/env python3
"""Makes src/encode/normal_tables.h: what normalisers know of characters.

    tests/normal_tables.py [--check]

The tables are those of the tokenizers package, which is asked for every character there is (its
Unicode is older than Python's), but for combining classes, which are Python's. --check fails if
the file is not what is made.

A table is a row of numbers in 92 printable digits (no quote, backslash or question mark). The 70
lower digits end a number; each of the 22 upper ones before it counts for one more of 70s, as in
otx__unpack_next. Tables of ranges are pairs: the characters passed over, and the size of the
range less one.
"""
import os
import sys
import unicodedata

from tokenizers import AddedToken, Tokenizer, models, normalizers

PATH = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "src", "encode",
                    "normal_tables.h")
DIGITS = "".join(chr(c) for c in range(32, 127) if chr(c) not in '"\\?')
LAST = 70
HANGUL = range(0xac00, 0xd7a4)
ALL = [c for c in range(0x110000) if not 0xd800 <= c < 0xe000]
nfc, nfd, nfkd = normalizers.NFC(), normalizers.NFD(), normalizers.NFKD()


def digits(number):
    text, rest = DIGITS[number % LAST], number // LAST
    while rest:
        rest, digit = divmod(rest - 1, len(DIGITS) - LAST)
        text = DIGITS[LAST + digit] + text
    return text


def signed(number):
    return 2 * number if number >= 0 else -2 * number - 1


def in_runs(entries):
    """Three or more alike: a 0, their number less three, and the entry."""
    numbers, at = [], 0
    while at < len(entries):
        end = at
        while end < len(entries) and entries[end] == entries[at]:
            end += 1
        if end - at >= 3:
            numbers += [0, end - at - 3, *entries[at]]
        else:
            numbers += [n for entry in entries[at:end] for n in entry]
        at = end
    return numbers


def one_step(char):
    """What a character is made of, of which the first part may be made of others."""
    whole = nfd.normalize_str(char)
    first = nfc.normalize_str(whole[:-1])
    if len(whole) > 1 and len(first) == 1:
        return first + whole[-1]
    parts = unicodedata.decomposition(char).split()
    return "".join(chr(int(part, 16)) for part in parts) if len(whole) > 1 else whole


def forms():
    """(gap and size and kind, parts as differences): kind 0 is of compatibility, in full; 1 is
    composed again; 2 is not."""
    entries, before, last = [], -1, [0] * 32
    for code in ALL:
        char = chr(code)
        plain, wide = nfd.normalize_str(char), nfkd.normalize_str(char)
        if code in HANGUL or plain == wide == char:
            continue
        kind = 0 if plain == char else 1 if nfc.normalize_str(plain) == char else 2
        parts = one_step(char) if kind else wide
        assert kind == 0 or (len(parts) <= 2 and nfd.normalize_str(parts) == plain), hex(code)
        entry = [(code - before - 1) * 96 + len(parts) * 3 + kind]
        for i, part in enumerate(parts):
            entry.append(signed(ord(part) - last[i] - (len(parts) == 1)))
            last[i] = ord(part)
        entries.append(entry)
        before = code
    return in_runs(entries)


def lower():
    entries, before = [], -1
    for code in ALL:
        small = normalizers.Lowercase().normalize_str(chr(code))
        if small == chr(code) or len(small) > 1:
            assert small == chr(code) or code == 0x130
            continue
        entries.append([code - before, signed(ord(small) - code)])
        before = code
    return in_runs(entries)


def combining(code):
    """The class of a character; 0 of those that the package does not put in order yet."""
    of, char = unicodedata.combining(chr(code)), chr(code)
    text = char + "\u0334" if of > 1 else "\u0301" + char
    return of if of == 0 or nfd.normalize_str(text) != text else 0


def classes():
    """(gap, size less one, class)"""
    numbers, before, at = [], 0, 0
    while at < len(ALL):
        code, of = ALL[at], combining(ALL[at])
        end = at
        while end < len(ALL) and combining(ALL[end]) == of:
            end += 1
        if of:
            numbers += [code - before, end - at - 1, of]
            before = code + end - at
        at = end
    return numbers


def ranges(holds):
    numbers, before, at = [], 0, 0
    while at < 0x110000:
        end = at
        while end < 0x110000 and not 0xd800 <= end < 0xe000 and holds(chr(end)):
            end += 1
        if end > at:
            numbers += [at - before, end - at - 1]
            before = end
        at = end + 1
    return numbers


def removed_by(normaliser):
    return lambda char: normaliser.normalize_str(char) == ""


def words():
    """Letters, digits and marks, as the package sees them beside a token that stands alone."""
    model = models.WordLevel({"a": 0, "Q": 1}, unk_token="a")
    tokenizer = Tokenizer(model)
    tokenizer.add_tokens([AddedToken("Q", single_word=True)])
    found = set()
    for at in range(0, len(ALL), 4096):
        part = ALL[at:at + 4096]
        for code, encoding in zip(part, tokenizer.encode_batch([chr(c) + "Q" for c in part])):
            if len(encoding.ids) == 1 and encoding.ids[0] == 0:
                found.add(chr(code))
    return found.__contains__


def table(name, comment, numbers):
    text = "".join(digits(number) for number in numbers)
    rows = [text[at:at + 88] for at in range(0, len(text), 88)]
    return (f"\n/* {comment} */\nstatic const char *const otx__{name}_table[] = {{\n" +
            "".join(f'    "{row}",\n' for row in rows) + "    NULL};\n")


def made():
    bert = dict(handle_chinese_chars=False, lowercase=False)
    clean = normalizers.BertNormalizer(clean_text=True, strip_accents=False, **bert)
    accents = normalizers.BertNormalizer(clean_text=False, strip_accents=True, **bert)
    return ("/* ---- normal_tables: what normalisers know of characters "
            "--------------------------------- */\n\n"
            "/* Made by tests/normal_tables.py, which says how to read them. */\n" +
            table("forms", "What characters are made of: see otx__forms_read.", forms()) +
            table("lower", "Capital letters and how far off the small ones are, but U+0130.",
                  lower()) +
            table("classes", "Combining classes other than 0.", classes()) +
            table("marks", "Marks of any kind.", ranges(removed_by(normalizers.StripAccents()))) +
            table("accents", "Those that take no room.", ranges(removed_by(accents))) +
            table("controls", "What BERT's normaliser takes out.", ranges(removed_by(clean))) +
            table("words", "What a token that stands alone is not beside.", ranges(words())))


def main():
    text = made()
    if "--check" in sys.argv:
        with open(PATH, encoding="ascii") as file:
            good = file.read() == text
        print("as they should be" if good else "src/encode/normal_tables.h is not what is made")
        return 0 if good else 1
    with open(PATH, "w", encoding="ascii") as file:
        file.write(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())

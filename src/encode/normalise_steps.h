/* ---- normalise_steps: what normalisers do, step by step --------------------------------- */

typedef enum otx__tidy_kind {
    OTX__TIDY_NFC, OTX__TIDY_NFD, OTX__TIDY_NFKC, OTX__TIDY_NFKD,
    OTX__TIDY_LOWER,
    OTX__TIDY_MARKS,     /* takes out marks of any kind, */
    OTX__TIDY_ACCENTS,   /* or those that take no room */
    OTX__TIDY_STRIP,     /* spaces at the ends */
    OTX__TIDY_REPLACE,   /* a text by another */
    OTX__TIDY_MATCHES,   /* what a regular expression matches */
    OTX__TIDY_PREPEND,
    OTX__TIDY_CLEAN,     /* BERT: no control characters, one kind of space */
    OTX__TIDY_CHINESE,   /* BERT: spaces around Chinese characters */
    OTX__TIDY_NMT,       /* SentencePiece's rules for translation */
    OTX__TIDY_BYTES,     /* bytes in GPT-2's alphabet */
    OTX__TIDY_CHARSMAP
} otx__tidy_kind;

/* One step. What it points to stands in the normaliser's pool. */
typedef struct otx__tidy_step {
    otx__tidy_kind kind;
    bool left, right;      /* STRIP */
    otx__span from, to;    /* REPLACE, MATCHES, PREPEND: what is put is `to` */
    otx__pattern pattern;  /* MATCHES */
    otx__charsmap map;     /* CHARSMAP */
    struct otx__tidy_step *next;
} otx__tidy_step;

/* The tables that the steps want. */
typedef struct otx__tidy_tables {
    otx__forms forms;
    otx__tidy_table lower, marks, accents, controls;
    bool has_forms, has_lower, has_marks, has_accents, has_controls;
} otx__tidy_tables;

/* ---- characters ---- */

/* Takes out the characters of a table. */
OTX__PRIVATE void otx__tidy_without(const otx__tidy_table *table, otx__span text,
                                      otx__text *to)
{
    size_t at = 0, next;
    for (; at < text.size; at = next) {
        uint32_t code;
        next = at;
        code = otx__utf8_next(text.bytes, text.size, &next);
        if (!otx__tidy_find(table, code)) otx__text_bytes(to, text.bytes + at, next - at);
    }
}

OTX__PRIVATE void otx__tidy_lower(const otx__tidy_table *lower, otx__span text, otx__text *to)
{
    size_t at = 0, next;
    for (; at < text.size; at = next) {
        const otx__tidy_range *range;
        uint32_t code;
        next = at;
        code = otx__utf8_next(text.bytes, text.size, &next);
        range = otx__tidy_find(lower, code);
        if (range) otx__text_code(to, range->value);
        else if (code == 0x130) otx__text_bytes(to, "i\xcc\x87", 3);
        else otx__text_bytes(to, text.bytes + at, next - at);
    }
}

/* Control characters go, and so do U+0000 and U+FFFD; any space becomes the one of ASCII. */
OTX__PRIVATE void otx__tidy_clean(const otx__tidy_table *controls, otx__span text,
                                    otx__text *to)
{
    size_t at = 0, next;
    for (; at < text.size; at = next) {
        uint32_t code;
        next = at;
        code = otx__utf8_next(text.bytes, text.size, &next);
        if (otx__tidy_find(controls, code)) continue;
        if (otx__is_white(code)) otx__text_bytes(to, " ", 1);
        else otx__text_bytes(to, text.bytes + at, next - at);
    }
}

OTX__PRIVATE bool otx__is_chinese(uint32_t code)
{
    return (code >= 0x4e00 && code <= 0x9fff) || (code >= 0x3400 && code <= 0x4dbf) ||
           (code >= 0x20000 && code <= 0x2a6df) || (code >= 0x2a700 && code <= 0x2b73f) ||
           (code >= 0x2b740 && code <= 0x2b81f) || (code >= 0x2b920 && code <= 0x2ceaf) ||
           (code >= 0xf900 && code <= 0xfaff) || (code >= 0x2f800 && code <= 0x2fa1f);
}

OTX__PRIVATE void otx__tidy_chinese(otx__span text, otx__text *to)
{
    size_t at = 0, next;
    for (; at < text.size; at = next) {
        bool spaced;
        next = at;
        spaced = otx__is_chinese(otx__utf8_next(text.bytes, text.size, &next));
        if (spaced) otx__text_bytes(to, " ", 1);
        otx__text_bytes(to, text.bytes + at, next - at);
        if (spaced) otx__text_bytes(to, " ", 1);
    }
}

OTX__PRIVATE bool otx__nmt_drops(uint32_t code)
{
    return (code >= 1 && code <= 8) || code == 0xb || (code >= 0xe && code <= 0x1f) ||
           code == 0x7f || code == 0x8f || code == 0x9f;
}

OTX__PRIVATE void otx__tidy_nmt(otx__span text, otx__text *to)
{
    size_t at = 0, next;
    for (; at < text.size; at = next) {
        uint32_t code;
        next = at;
        code = otx__utf8_next(text.bytes, text.size, &next);
        if (otx__nmt_drops(code)) continue;
        if (code == 9 || code == 0xa || code == 0xc || code == 0xd || code == 0x1680 ||
            (code >= 0x200b && code <= 0x200f) || code == 0x2028 || code == 0x2029 ||
            code == 0x2581 || code == 0xfeff || code == 0xfffd)
            otx__text_bytes(to, " ", 1);
        else otx__text_bytes(to, text.bytes + at, next - at);
    }
}

OTX__PRIVATE void otx__tidy_bytes(otx__span text, otx__text *to)
{
    size_t at;
    for (at = 0; at < text.size; at++)
        otx__text_code(to, otx__character_of_byte((unsigned char)text.bytes[at]));
}

/* ---- texts ---- */

OTX__PRIVATE void otx__tidy_strip(const otx__tidy_step *step, otx__span text, otx__text *to)
{
    size_t start = 0, end = text.size, at, next;
    if (step->left) {
        for (next = 0; next < text.size; start = next)
            if (!otx__is_white(otx__utf8_next(text.bytes, text.size, &next))) break;
    }
    if (step->right) {
        for (end = at = start; at < text.size; at = next) {
            next = at;
            if (!otx__is_white(otx__utf8_next(text.bytes, text.size, &next))) end = next;
        }
    }
    otx__text_bytes(to, text.bytes + start, end - start);
}

/* The place of `part` in a text from `at` on, or the text's size. */
OTX__PRIVATE size_t otx__find_part(otx__span text, size_t at, otx__span part)
{
    while (at + part.size <= text.size) {
        const char *found =
            (const char *)memchr(text.bytes + at, part.bytes[0], text.size - part.size - at + 1);
        if (!found) break;
        at = (size_t)(found - text.bytes);
        if (memcmp(found, part.bytes, part.size) == 0) return at;
        at++;
    }
    return text.size;
}

/* Of the bytes from `at` to `end` those that are among the first `lead`. */
OTX__PRIVATE size_t otx__tidy_led(size_t lead, size_t at, size_t end)
{
    return otx__min(lead, end) - otx__min(lead, at);
}

/* Ends early once more than `limit` bytes have come of it. *lead: the bytes that stand where the
   caller's text begins; what is put stands where the last character does that it is put for. */
OTX__PRIVATE void otx__tidy_replace(const otx__tidy_step *step, otx__span text, size_t limit,
                                      size_t *lead, otx__text *to)
{
    const size_t before = *lead;
    size_t at = 0, found;
    *lead = 0;
    for (; at < text.size && to->size <= limit; at = found + step->from.size) {
        found = otx__find_part(text, at, step->from);
        otx__text_bytes(to, text.bytes + at, found - at);
        *lead += otx__tidy_led(before, at, found);
        if (found == text.size) break;
        otx__text_bytes(to, step->to.bytes, step->to.size);
        if (found + step->from.size <= before) *lead += step->to.size;
    }
}

OTX__PRIVATE void otx__tidy_form(const otx_context *ctx, const otx__tidy_tables *tables,
                                   otx__tidy_kind kind, otx__span text, otx__text *to)
{
    otx__forming forming;
    memset(&forming, 0, sizeof forming);
    forming.ctx = ctx;
    forming.forms = &tables->forms;
    forming.wide = kind == OTX__TIDY_NFKC || kind == OTX__TIDY_NFKD;
    forming.compose = kind == OTX__TIDY_NFC || kind == OTX__TIDY_NFKC;
    otx__forming_run(&forming, text.bytes, text.size, to);
    otx__forming_close(&forming);
}

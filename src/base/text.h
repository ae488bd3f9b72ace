/* ---- text: spans, UTF-8, names in messages, and text that grows -------------- */

/* ---- bytes of others ---- */

/* A part of a text that someone else owns. Not terminated. */
typedef struct otx__span {
    const char *bytes;
    size_t size;
} otx__span;

OTX__PRIVATE otx__span otx__span_of(const char *bytes, size_t size)
{
    otx__span span;
    span.bytes = bytes;
    span.size = size;
    return span;
}

OTX__PRIVATE bool otx__same_bytes(const char *a, size_t a_size, const char *b, size_t b_size)
{
    return a_size == b_size && (a_size == 0 || memcmp(a, b, a_size) == 0);
}

/* Orders byte strings as memcmp does; of two that begin alike, the shorter first. */
OTX__PRIVATE int otx__compare_bytes(const char *a, size_t a_size, const char *b, size_t b_size)
{
    size_t shared = otx__min(a_size, b_size);
    int order = shared ? memcmp(a, b, shared) : 0;
    return order ? order : a_size < b_size ? -1 : a_size > b_size;
}

OTX__PRIVATE bool otx__span_is(otx__span span, const char *text)
{
    return otx__same_bytes(span.bytes, span.size, text, strlen(text));
}

/* Whether `part` stands anywhere in the span. */
OTX__PRIVATE bool otx__span_contains(otx__span span, const char *part)
{
    size_t length = strlen(part), i;
    for (i = 0; i + length <= span.size; i++)
        if (memcmp(span.bytes + i, part, length) == 0) return true;
    return false;
}

OTX__PRIVATE bool otx__has_suffix(const char *name, const char *suffix)
{
    size_t size = strlen(name), length = strlen(suffix);
    return size >= length && memcmp(name + size - length, suffix, length) == 0;
}

OTX__PRIVATE bool otx__has_prefix(const char *name, const char *prefix)
{
    return strncmp(name, prefix, strlen(prefix)) == 0;
}

/* Whether a name fits a pattern, in which * stands for any bytes, or none. */
OTX__PRIVATE bool otx__name_fits(const char *name, const char *pattern)
{
    const char *after_star = NULL, *retry = NULL;
    while (*name) {
        if (*pattern == '*') {
            after_star = ++pattern;
            retry = name;
        } else if (*pattern == *name) {
            pattern++;
            name++;
        } else if (after_star) { /* the star stands for a byte more */
            pattern = after_star;
            name = ++retry;
        } else {
            return false;
        }
    }
    while (*pattern == '*') pattern++;
    return *pattern == 0;
}

/* ---- digits ---- */

OTX__PRIVATE bool otx__is_digit(char byte) { return byte >= '0' && byte <= '9'; }

/* A whole number below 2^64 in decimal digits and nothing else; leading zeros are
   allowed. *value is set only then. */
OTX__PRIVATE bool otx__parse_uint(otx__span digits, uint64_t *value)
{
    uint64_t sum = 0;
    size_t i;
    for (i = 0; i < digits.size; i++) {
        const unsigned digit = (unsigned)(digits.bytes[i] - '0');
        if (!otx__is_digit(digits.bytes[i]) || sum > (UINT64_MAX - digit) / 10) return false;
        sum = sum * 10 + digit;
    }
    if (digits.size > 0) *value = sum;
    return digits.size > 0;
}

/* The value of a hexadecimal digit, or -1. */
OTX__PRIVATE int otx__hex_digit(char digit)
{
    if (otx__is_digit(digit)) return digit - '0';
    if (digit >= 'a' && digit <= 'f') return digit - 'a' + 10;
    if (digit >= 'A' && digit <= 'F') return digit - 'A' + 10;
    return -1;
}

/* ---- UTF-8 ---- */

/* Length of the well-formed UTF-8 sequence that `bytes` starts with (no overlong
   forms, no surrogates, at most U+10FFFF), or 0. */
OTX__PRIVATE size_t otx__utf8_length(const unsigned char *bytes, size_t size)
{
    unsigned lead, low = 0x80, high = 0xbf;
    size_t length, i;
    if (size == 0) return 0;
    lead = bytes[0];
    if (lead < 0x80) return 1;
    if (lead < 0xc2 || lead > 0xf4) return 0;
    length = lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
    if (size < length) return 0;
    if (lead == 0xe0) low = 0xa0;
    if (lead == 0xed) high = 0x9f;
    if (lead == 0xf0) low = 0x90;
    if (lead == 0xf4) high = 0x8f;
    if (bytes[1] < low || bytes[1] > high) return 0;
    for (i = 2; i < length; i++)
        if ((bytes[i] & 0xc0) != 0x80) return 0;
    return length;
}

OTX__PRIVATE bool otx__is_utf8(const char *bytes, size_t size)
{
    size_t at = 0, length;
    for (; at < size; at += length) {
        length = otx__utf8_length((const unsigned char *)bytes + at, size - at);
        if (length == 0) return false;
    }
    return true;
}

/* ---- names in messages ---- */

/* A name for a message, also where there is none. */
OTX__PRIVATE const char *otx__word(const char *word) { return word ? word : "?"; }

/* Room for a quoted name: `char text[OTX__QUOTED];`. */
#define OTX__QUOTED 160

/* Makes any bytes fit for one line of a message: control bytes, quotes,
   backslashes and invalid UTF-8 become \xNN, long ones are cut with "...".
   Returns `to`. */
OTX__PRIVATE const char *otx__quote(char *to, size_t capacity, const char *bytes, size_t size)
{
    static const char digits[] = "0123456789abcdef";
    size_t i = 0, length = 0;
    while (i < size && length + 8 < capacity) {
        unsigned char byte = (unsigned char)bytes[i];
        size_t step = otx__utf8_length((const unsigned char *)bytes + i, size - i);
        if (byte >= 0x20 && byte != 0x7f && byte != '\\' && byte != '"' && step) {
            memcpy(to + length, bytes + i, step);
            length += step;
            i += step;
        } else {
            to[length++] = '\\';
            to[length++] = 'x';
            to[length++] = digits[byte >> 4];
            to[length++] = digits[byte & 15];
            i++;
        }
    }
    if (i < size) {
        memcpy(to + length, "...", 3);
        length += 3;
    }
    to[length] = 0;
    return to;
}

/* ---- growing text ---- */

/* A byte buffer. Appending to one that has failed does nothing, so a run of
   appends needs one check of `failed` at its end. */
typedef struct otx__text {
    const otx_context *ctx;
    char *bytes;
    size_t size, capacity;
    bool failed;
} otx__text;

OTX__PRIVATE void otx__text_open(otx__text *text, const otx_context *ctx)
{
    memset(text, 0, sizeof *text);
    text->ctx = ctx;
}

OTX__PRIVATE void otx__text_close(otx__text *text)
{
    if (text->capacity) otx__free(text->ctx, text->bytes, text->capacity, 1);
    otx__text_open(text, text->ctx);
}

OTX__PRIVATE void otx__text_bytes(otx__text *text, const void *bytes, size_t size)
{
    void *items = text->bytes;
    size_t need;
    if (text->failed || size == 0) return;
    if (!otx__add(text->size, size, &need) ||
        !otx__grow(text->ctx, &items, &text->capacity, need, 1)) {
        text->failed = true;
        return;
    }
    text->bytes = (char *)items;
    memcpy(text->bytes + text->size, bytes, size);
    text->size = need;
}

OTX__PRIVATE void otx__text_string(otx__text *text, const char *string)
{
    otx__text_bytes(text, string, strlen(string));
}

/* For what fits in 512 bytes: numbers and short words. %g and the like are
   barred, because they follow the locale: see otx__text_double. */
OTX__PRIVATE void otx__text_format(otx__text *text, const char *format, ...) OTX__PRINTF(2, 3);
OTX__PRIVATE void otx__text_format(otx__text *text, const char *format, ...)
{
    char line[512];
    int length;
    va_list arguments;
    va_start(arguments, format);
    length = vsnprintf(line, sizeof line, format, arguments);
    va_end(arguments);
    if (length < 0 || (size_t)length >= sizeof line) text->failed = true;
    else otx__text_bytes(text, line, (size_t)length);
}

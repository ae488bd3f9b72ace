/* ---- span: bytes of others, digits, UTF-8 --------------------------------------- */

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

/* Whether a name fits any of several. */
OTX__PRIVATE bool otx__name_fits_any(const char *name, const char *const *patterns,
                                     size_t count)
{
    size_t i;
    for (i = 0; i < count; i++)
        if (otx__name_fits(name, patterns[i])) return true;
    return false;
}

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

/* The character of `length` bytes, as otx__utf8_length gives it, but not 0. */
OTX__PRIVATE uint32_t otx__utf8_code(const unsigned char *bytes, size_t length)
{
    if (length == 1) return bytes[0];
    if (length == 2) return (bytes[0] & 0x1fu) << 6 | (bytes[1] & 0x3fu);
    if (length == 3)
        return (bytes[0] & 0x0fu) << 12 | (bytes[1] & 0x3fu) << 6 | (bytes[2] & 0x3fu);
    return (bytes[0] & 0x07u) << 18 | (bytes[1] & 0x3fu) << 12 | (bytes[2] & 0x3fu) << 6 |
           (bytes[3] & 0x3fu);
}

/* Writes a character, 1 to 4 bytes; returns how many. */
OTX__PRIVATE size_t otx__utf8_put(char *to, uint32_t code)
{
    if (code < 0x80) {
        to[0] = (char)code;
        return 1;
    }
    if (code < 0x800) {
        to[0] = (char)(0xc0 | code >> 6);
        to[1] = (char)(0x80 | (code & 0x3f));
        return 2;
    }
    if (code < 0x10000) {
        to[0] = (char)(0xe0 | code >> 12);
        to[1] = (char)(0x80 | (code >> 6 & 0x3f));
        to[2] = (char)(0x80 | (code & 0x3f));
        return 3;
    }
    to[0] = (char)(0xf0 | code >> 18);
    to[1] = (char)(0x80 | (code >> 12 & 0x3f));
    to[2] = (char)(0x80 | (code >> 6 & 0x3f));
    to[3] = (char)(0x80 | (code & 0x3f));
    return 4;
}

/* The size of the longest beginning of `text` that has at most `limit` bytes and splits no
   character. */
OTX__PRIVATE size_t otx__utf8_cut(const char *text, size_t limit)
{
    size_t size = strlen(text), at = 0, length;
    if (size <= limit) return size;
    for (; at < limit; at += length) {
        length = otx__utf8_length((const unsigned char *)text + at, size - at);
        if (length == 0) length = 1;
        if (at + length > limit) break;
    }
    return at;
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

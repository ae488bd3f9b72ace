/* ---- token_class: what a token is like, by its bytes ------------------------------ */

OTX_API const char *otx_token_class_name(otx_token_class token_class)
{
    static const char *const names[OTX_CLASS_COUNT] = {"all",    "word",  "continuation", "digits",
                                                       "script", "space", "code"};
    return (unsigned)token_class < OTX_CLASS_COUNT ? names[token_class] : NULL;
}

/* What the characters of a token are. */
typedef struct otx__characters {
    size_t spaces, digits, latin, others, marks; /* marks: all else of ASCII, and the like */
} otx__characters;

/* Variation selectors, and punctuation in other forms: vertical, small, of full width. */
OTX__PRIVATE bool otx__is_other_form(uint32_t code)
{
    return (code >= 0xfe00 && code <= 0xfe1f) || (code >= 0xfe30 && code <= 0xfe6f) ||
           (code >= 0xff01 && code <= 0xff0f) || (code >= 0xff1a && code <= 0xff20) ||
           (code >= 0xff3b && code <= 0xff40) || (code >= 0xff5b && code <= 0xff65) ||
           (code >= 0xffe0 && code <= 0xffe6);
}

/* Letters with diacritics up to U+024F, U+1E00 to U+1EFF, further blocks of Latin, what is put
   over a letter, ligatures, and letters of full width. */
OTX__PRIVATE bool otx__is_wide_latin(uint32_t code)
{
    return (code >= 0xc0 && code <= 0x24f && code != 0xd7 && code != 0xf7) || code == 0xaa ||
           code == 0xb5 || code == 0xba || (code >= 0x300 && code <= 0x36f) ||
           (code >= 0x1e00 && code <= 0x1eff) || (code >= 0x2c60 && code <= 0x2c7f) ||
           (code >= 0xa720 && code <= 0xa7ff) || (code >= 0xfb00 && code <= 0xfb06) ||
           (code >= 0xff21 && code <= 0xff3a) || (code >= 0xff41 && code <= 0xff5a);
}

/* A character beyond ASCII: U+0080 to U+00BF but for three, U+2000 to U+2BFF, U+3000 to
   U+303F and those above are signs. Signs that stand among a script's letters count as these. */
OTX__PRIVATE void otx__characters_add_wide(otx__characters *seen, uint32_t code)
{
    if (code == 0xa0 || code == 0x2028 || code == 0x2029 || code == 0x3000 ||
        (code >= 0x2000 && code <= 0x200a))
        seen->spaces++;
    else if (otx__is_wide_latin(code))
        seen->latin++;
    else if (code < 0xc0 || code == 0xd7 || code == 0xf7 || (code >= 0x2000 && code <= 0x2bff) ||
             (code >= 0x3000 && code <= 0x303f) || otx__is_other_form(code))
        seen->marks++;
    else
        seen->others++;
}

OTX__PRIVATE void otx__characters_add(otx__characters *seen, const unsigned char *bytes,
                                      size_t length)
{
    const uint32_t code = otx__utf8_code(bytes, length);
    if (code >= 0x80) otx__characters_add_wide(seen, code);
    else if (code == ' ' || (code >= '\t' && code <= '\r')) seen->spaces++;
    else if (code >= '0' && code <= '9') seen->digits++;
    else if ((code | 0x20) >= 'a' && (code | 0x20) <= 'z') seen->latin++;
    else seen->marks++;
}

OTX_API otx_token_class otx_token_class_of(const char *bytes, size_t size)
{
    const unsigned char *at = (const unsigned char *)bytes;
    otx__characters seen;
    size_t i, length, rest;
    bool spaced = size > 0 && (bytes[0] == ' ' || bytes[0] == '\n' || bytes[0] == '\t');
    memset(&seen, 0, sizeof seen);
    for (i = 0; i < size; i += length) {
        length = otx__utf8_length(at + i, size - i);
        if (length == 0) return OTX_CLASS_SCRIPT;
        otx__characters_add(&seen, at + i, length);
    }
    rest = seen.marks + seen.spaces - spaced;
    if (seen.others) return OTX_CLASS_SCRIPT;
    if (seen.spaces && !seen.digits && !seen.latin && !seen.marks) return OTX_CLASS_SPACE;
    if (seen.digits && !seen.latin && !rest) return OTX_CLASS_DIGITS;
    if (seen.latin && !seen.digits && !rest) return spaced ? OTX_CLASS_WORD
                                                           : OTX_CLASS_CONTINUATION;
    return OTX_CLASS_CODE;
}

/* ---- base64 ---- */

/* The six bits of a character, or -1. */
OTX__PRIVATE int otx__base64_digit(char character)
{
    if (character >= 'A' && character <= 'Z') return character - 'A';
    if (character >= 'a' && character <= 'z') return character - 'a' + 26;
    if (character >= '0' && character <= '9') return character - '0' + 52;
    return character == '+' ? 62 : character == '/' ? 63 : -1;
}

/* Decodes RFC 4648 base64, padded and without anything else in it, to `to`, which
   may be `text` and holds size / 4 * 3 bytes. False if it is none. */
OTX__PRIVATE bool otx__base64_decode(const char *text, size_t size, char *to, size_t *length)
{
    size_t at, padding = 0;
    *length = 0;
    if (size % 4 != 0) return false;
    while (padding < 2 && padding < size && text[size - 1 - padding] == '=') padding++;
    for (at = 0; at < size; at += 4) {
        const size_t digits = at + 4 == size ? 4 - padding : 4;
        unsigned group = 0;
        size_t i;
        for (i = 0; i < 4; i++) {
            const int digit = i < digits ? otx__base64_digit(text[at + i]) : 0;
            if (digit < 0) return false;
            group = group << 6 | (unsigned)digit;
        }
        /* Bits that stand for nothing must be zero. */
        if ((digits == 3 && (group & 0xff)) || (digits == 2 && (group & 0xffff))) return false;
        for (i = 0; i + 1 < digits; i++) to[(*length)++] = (char)(group >> (16 - 8 * i) & 0xff);
    }
    return true;
}

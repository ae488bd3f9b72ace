/* ---- decimal: the digits of a double --------------------------------------- */

/* The digits of significand * 2^exponent, exact: 315 digits before
   the point and 1080 after it, which is room for every double and for a quarter
   of its last place. */
#define OTX__DECIMAL_WHOLE 315
#define OTX__DECIMAL_DIGITS 1395

OTX__PRIVATE void otx__decimal(uint64_t significand, int exponent, char *digits)
{
    enum { LIMBS = OTX__DECIMAL_DIGITS / 9, WHOLE = OTX__DECIMAL_WHOLE / 9 };
    const uint32_t base = 1000000000;
    uint32_t limbs[LIMBS]; /* nine digits each, the most significant first */
    int i, j, shift;
    memset(limbs, 0, sizeof limbs);
    for (i = WHOLE - 1; significand > 0; i--, significand /= base)
        limbs[i] = (uint32_t)(significand % base);
    for (; exponent > 0; exponent -= shift) {
        uint64_t carry = 0;
        shift = exponent < 29 ? exponent : 29;
        for (i = WHOLE - 1; i >= 0; i--) {
            carry += (uint64_t)limbs[i] << shift;
            limbs[i] = (uint32_t)(carry % base);
            carry /= base;
        }
    }
    for (; exponent < 0; exponent += shift) {
        uint64_t rest = 0;
        shift = -exponent < 29 ? -exponent : 29;
        for (i = 0; i < LIMBS; i++) {
            rest = rest * base + limbs[i];
            limbs[i] = (uint32_t)(rest >> shift);
            rest &= (UINT64_C(1) << shift) - 1;
        }
    }
    for (i = 0; i < LIMBS; i++)
        for (j = 8; j >= 0; j--, limbs[i] /= 10)
            digits[9 * i + j] = (char)('0' + limbs[i] % 10);
}

/* Digits enough to tell doubles apart: one before the first that is not 0, for a carry, 18 from
   there on, and '1' or '0' for whether any that is not 0 follows. */
#define OTX__DECIMAL_KEPT 20

/* Those of significand * 2^exponent; `*from` is the place of the first in what otx__decimal
   makes, chosen by these if it is negative. */
OTX__PRIVATE void otx__decimal_keep(uint64_t significand, int exponent, int *from, char *kept)
{
    char digits[OTX__DECIMAL_DIGITS];
    int i;
    otx__decimal(significand, exponent, digits);
    if (*from < 0)
        for (i = 0; digits[i] == '0'; i++) *from = i;
    memcpy(kept, digits + *from, OTX__DECIMAL_KEPT - 1);
    for (i = *from + OTX__DECIMAL_KEPT - 1; i < OTX__DECIMAL_DIGITS && digits[i] == '0';) i++;
    kept[OTX__DECIMAL_KEPT - 1] = i < OTX__DECIMAL_DIGITS ? '1' : '0';
}

/* Cuts the exact digits after `keep` of them, rounding up if the next is at least
   `threshold`. Returns whether the result lies in the interval that reads back as the same
   double; its ends belong to it if `closed`. */
OTX__PRIVATE bool otx__decimal_try(const char *exact, const char *below, const char *above,
                                   bool closed, int keep, char threshold, char *digits)
{
    int i = 1 + keep, from_below, from_above;
    bool up = exact[i] >= threshold;
    memcpy(digits, exact, (size_t)i);
    memset(digits + i, '0', (size_t)(OTX__DECIMAL_KEPT - i));
    while (up) {
        i--;
        up = digits[i] == '9';
        digits[i] = (char)(up ? '0' : digits[i] + 1);
    }
    from_below = memcmp(digits, below, OTX__DECIMAL_KEPT);
    from_above = memcmp(above, digits, OTX__DECIMAL_KEPT);
    return closed ? from_below >= 0 && from_above >= 0 : from_below > 0 && from_above > 0;
}

/* Finds the fewest digits that read back as the same double, and of those the
   nearest to it (upwards if two are): cuts its exact digits at 1, 2, ... until the result lies
   between the midpoints to its neighbours (where reading rounds to even).
   17 digits always do. Returns the place of the first of them. */
OTX__PRIVATE int otx__decimal_shortest(uint64_t bits, char *digits)
{
    char exact[OTX__DECIMAL_KEPT], below[OTX__DECIMAL_KEPT], above[OTX__DECIMAL_KEPT];
    uint64_t significand = bits & ((UINT64_C(1) << 52) - 1);
    int exponent = (int)(bits >> 52), from = -1, keep = 1;
    /* The neighbour below a power of two is at half the distance, which is why
       rounding up may do where rounding to nearest, downwards, does not. */
    uint64_t half = significand == 0 && exponent > 1 ? 1 : 2;
    bool closed = significand % 2 == 0;
    if (exponent > 0) significand |= UINT64_C(1) << 52;
    else exponent = 1;
    otx__decimal_keep(4 * significand, exponent - 1077, &from, exact);
    otx__decimal_keep(4 * significand - half, exponent - 1077, &from, below);
    otx__decimal_keep(4 * significand + 2, exponent - 1077, &from, above);
    while (!otx__decimal_try(exact, below, above, closed, keep, '5', digits) &&
           !otx__decimal_try(exact, below, above, closed, keep, '0', digits))
        keep++;
    return from;
}

/* Most bytes of a double as text, "-1.2345678901234567e-308". */
#define OTX__DOUBLE_TEXT 24

/* Writes a double to `to`, which has room for OTX__DOUBLE_TEXT bytes, with the fewest
   digits that read back as the same double, laid out as by Python's repr (1.0, 0.0001,
   1e-05, 1e+16), whatever the locale. Returns how many bytes that took: 0 for a NaN or
   an infinity. */
OTX__PRIVATE size_t otx__double_text(char *to, double value)
{
    char digits[OTX__DECIMAL_KEPT], *end = to;
    int first = 0, last = OTX__DECIMAL_KEPT - 1, point, power, size, i;
    uint64_t bits, magnitude;
    memcpy(&bits, &value, sizeof bits);
    magnitude = bits & (UINT64_MAX >> 1);
    if (magnitude >> 52 == 0x7ff) return 0;
    if (bits != magnitude) *end++ = '-';
    if (magnitude == 0) {
        memcpy(end, "0.0", 3);
        return (size_t)(end + 3 - to);
    }
    point = OTX__DECIMAL_WHOLE - otx__decimal_shortest(magnitude, digits);
    while (digits[first] == '0') first++;
    while (digits[last] == '0') last--;
    power = point - 1 - first;
    if (power < -4 || power > 15) {
        *end++ = digits[first];
        if (last > first) *end++ = '.';
        memcpy(end, digits + first + 1, (size_t)(last - first));
        end += last - first;
        *end++ = 'e';
        *end++ = power < 0 ? '-' : '+';
        size = power < 0 ? -power : power;
        if (size >= 100) *end++ = (char)('0' + size / 100);
        *end++ = (char)('0' + size / 10 % 10);
        *end++ = (char)('0' + size % 10);
    } else {
        if (first >= point) first = point - 1;
        if (last < point) last = point;
        for (i = first; i <= last; i++) {
            if (i == point) *end++ = '.';
            *end++ = (char)(i >= 0 && i < OTX__DECIMAL_KEPT ? digits[i] : '0');
        }
    }
    return (size_t)(end - to);
}

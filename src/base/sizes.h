/* ---- sizes: counting, and sums and products that may not wrap ------------------ */

#define OTX__COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* double that is not binary64, or a byte that is not eight bits, breaks every
   promise of this file: better no build than a wrong one. */
typedef char otx__assert_binary64[DBL_MANT_DIG == 53 && DBL_MAX_EXP == 1024 ? 1 : -1];
typedef char otx__assert_binary32[FLT_MANT_DIG == 24 && FLT_MAX_EXP == 128 ? 1 : -1];
typedef char otx__assert_octets[CHAR_BIT == 8 ? 1 : -1];

OTX__PRIVATE size_t otx__min(size_t a, size_t b) { return a < b ? a : b; }
OTX__PRIVATE size_t otx__max(size_t a, size_t b) { return a > b ? a : b; }
OTX__PRIVATE double otx__least(double a, double b) { return a < b ? a : b; }

/* These set the result and return true, unless it would wrap. */

OTX__PRIVATE bool otx__mul(size_t a, size_t b, size_t *product)
{
    if (b != 0 && a > SIZE_MAX / b) return false;
    *product = a * b;
    return true;
}

OTX__PRIVATE bool otx__add(size_t a, size_t b, size_t *sum)
{
    if (a > SIZE_MAX - b) return false;
    *sum = a + b;
    return true;
}

OTX__PRIVATE bool otx__mul64(uint64_t a, uint64_t b, uint64_t *product)
{
    if (b != 0 && a > UINT64_MAX / b) return false;
    *product = a * b;
    return true;
}

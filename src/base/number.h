/* ---- number: element types, widening and rounding ------------------------ */

typedef struct otx__dtype_info {
    const char *name;
    unsigned bits;               /* of an element, */
    unsigned elements, in_bytes; /* or what a block has and takes */
} otx__dtype_info;

OTX__PRIVATE const otx__dtype_info *otx__find_dtype(otx_dtype dtype)
{
    static const otx__dtype_info table[OTX_DTYPE_COUNT] = {
        {NULL, 0, 0, 0},
        {"BOOL", 8, 0, 0},          {"F4", 4, 0, 0},            {"F6_E2M3", 6, 0, 0},
        {"F6_E3M2", 6, 0, 0},       {"U8", 8, 0, 0},            {"I8", 8, 0, 0},
        {"F8_E5M2", 8, 0, 0},       {"F8_E4M3", 8, 0, 0},       {"F8_E8M0", 8, 0, 0},
        {"F8_E4M3FNUZ", 8, 0, 0},   {"F8_E5M2FNUZ", 8, 0, 0},   {"I16", 16, 0, 0},
        {"U16", 16, 0, 0},          {"F16", 16, 0, 0},          {"BF16", 16, 0, 0},
        {"I32", 32, 0, 0},          {"U32", 32, 0, 0},          {"F32", 32, 0, 0},
        {"C64", 64, 0, 0},          {"F64", 64, 0, 0},          {"I64", 64, 0, 0},
        {"U64", 64, 0, 0},
        {"Q4_0", 0, 32, 18},        {"Q4_1", 0, 32, 20},        {"Q5_0", 0, 32, 22},
        {"Q5_1", 0, 32, 24},        {"Q8_0", 0, 32, 34},        {"Q2_K", 0, 256, 84},
        {"Q3_K", 0, 256, 110},      {"Q4_K", 0, 256, 144},      {"Q5_K", 0, 256, 176},
        {"Q6_K", 0, 256, 210},      {"IQ4_NL", 0, 32, 18},      {"IQ4_XS", 0, 256, 136},
        {"MXFP4", 0, 32, 17},       {"OPAQUE", 0, 0, 0},
    };
    return (unsigned)dtype < OTX_DTYPE_COUNT ? &table[dtype] : NULL;
}

OTX_API const char *otx_dtype_name(otx_dtype dtype)
{
    const otx__dtype_info *info = otx__find_dtype(dtype);
    return info ? info->name : NULL;
}

OTX_API unsigned otx_dtype_bits(otx_dtype dtype)
{
    const otx__dtype_info *info = otx__find_dtype(dtype);
    return info ? info->bits : 0;
}

OTX_API bool otx_dtype_is_block(otx_dtype dtype)
{
    const otx__dtype_info *info = otx__find_dtype(dtype);
    return info && info->elements > 0;
}

OTX_API unsigned otx_dtype_block(otx_dtype dtype, unsigned *bytes)
{
    const otx__dtype_info *info = otx__find_dtype(dtype);
    const unsigned whole = info && info->bits % 8 == 0 ? info->bits / 8 : 0;
    if (bytes) *bytes = whole ? whole : info ? info->in_bytes : 0;
    return whole ? 1 : info ? info->elements : 0;
}

OTX_API bool otx_dtype_is_embedding(otx_dtype dtype)
{
    return dtype == OTX_F32 || dtype == OTX_F16 || dtype == OTX_BF16 || dtype == OTX_F64 ||
           dtype == OTX_F8_E4M3 || dtype == OTX_F8_E5M2;
}

/* Everything between floats and their bits goes through integers of fixed size,
   so it does not depend on the byte order or on the compiler's half types. */

OTX__PRIVATE float otx__float_of_bits(uint32_t bits)
{
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

OTX__PRIVATE uint64_t otx__bits_of_double(double value)
{
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    return bits;
}

OTX__PRIVATE bool otx__is_finite(double value)
{
    return ((otx__bits_of_double(value) >> 52) & 0x7ff) != 0x7ff;
}

OTX__PRIVATE float otx__float_of_bf16(uint16_t bits)
{
    return otx__float_of_bits((uint32_t)bits << 16);
}

/* A binary float of at most 16 bits: sign, exponent, mantissa. All-ones exponents
   are infinities and NaNs, but in F8_E4M3, which has no infinity and gives them to
   numbers; there all ones is the one NaN. */
typedef struct otx__float_format {
    unsigned exponent_bits, mantissa_bits;
    uint32_t beyond; /* the first pattern that is no finite number */
} otx__float_format;

OTX__PRIVATE otx__float_format otx__format_of(otx_dtype dtype)
{
    static const otx__float_format f32 = {8, 23, 0x7f800000}, bf16 = {8, 7, 0x7f80},
                                   f16 = {5, 10, 0x7c00}, e5m2 = {5, 2, 0x7c},
                                   e4m3 = {4, 3, 0x7f};
    return dtype == OTX_F32       ? f32
           : dtype == OTX_BF16    ? bf16
           : dtype == OTX_F16     ? f16
           : dtype == OTX_F8_E5M2 ? e5m2
                                  : e4m3;
}

/* Whether elements of 2 or 4 bytes are finite: their patterns, but for the sign, below
   `beyond`. Several at a time: what is beyond carries into the bit of the sign. */
OTX__PRIVATE bool otx__bits_are_finite(const char *from, size_t size, uint32_t beyond,
                                       size_t count)
{
    const uint64_t every = size == 4 ? UINT64_C(0x100000001) : UINT64_C(0x1000100010001);
    const uint64_t sign = every << (8 * size - 1), carry = sign - every * beyond;
    const size_t each = 8 / size;
    uint64_t bits, all = 0;
    for (; count >= each; count -= each, from += 8) {
        memcpy(&bits, from, sizeof bits);
        all |= (bits & ~sign) + carry;
    }
    bits = 0;
    memcpy(&bits, from, count * size);
    all |= (bits & ~sign) + carry;
    return (all & sign) == 0;
}

/* The value of a pattern, widened without loss. */
OTX__PRIVATE float otx__float_of_narrow(uint32_t bits, otx__float_format format)
{
    const unsigned mantissa_bits = format.mantissa_bits, up = 23 - mantissa_bits;
    const unsigned width = mantissa_bits + format.exponent_bits;
    const uint32_t bias = 128 - (1u << (format.exponent_bits - 1)); /* between the exponents */
    uint32_t sign = (bits >> width) << 31, magnitude = bits & ((1u << width) - 1);
    uint32_t exponent = magnitude >> mantissa_bits;
    uint32_t mantissa = magnitude & ((1u << mantissa_bits) - 1);
    if (magnitude >= format.beyond)
        return otx__float_of_bits(sign | 0x7f800000u | mantissa << up);
    if (exponent == 0) {
        if (mantissa == 0) return otx__float_of_bits(sign);
        /* Subnormal: shift the leading one into its place. */
        for (exponent = 1; !(mantissa >> mantissa_bits); exponent--) mantissa <<= 1;
        mantissa &= (1u << mantissa_bits) - 1;
    }
    return otx__float_of_bits(sign | (exponent + bias) << 23 | mantissa << up);
}

OTX_API void otx_to_float(float *to, const void *from, otx_dtype dtype, size_t count)
{
    const otx__float_format format = otx__format_of(dtype);
    const unsigned char *bytes = (const unsigned char *)from;
    size_t i;
    if (dtype == OTX_F32) {
        memcpy(to, from, count * sizeof *to);
    } else if (dtype == OTX_F64) {
        for (i = 0; i < count; i++) {
            double value;
            memcpy(&value, bytes + i * sizeof value, sizeof value);
            to[i] = (float)value;
        }
    } else if (dtype == OTX_BF16) { /* by itself: a loop that compilers can vectorise */
        for (i = 0; i < count; i++) {
            uint16_t bits;
            memcpy(&bits, bytes + i * sizeof bits, sizeof bits);
            to[i] = otx__float_of_bf16(bits);
        }
    } else if (otx_dtype_bits(dtype) == 8) {
        for (i = 0; i < count; i++) to[i] = otx__float_of_narrow(bytes[i], format);
    } else {
        for (i = 0; i < count; i++) {
            uint16_t bits;
            memcpy(&bits, bytes + i * sizeof bits, sizeof bits);
            to[i] = otx__float_of_narrow(bits, format);
        }
    }
}

/* Rounds a double once, to nearest even. *overflow: a finite value came out beyond
   the largest finite one. */
OTX__PRIVATE uint32_t otx__round_double(double value, otx__float_format format, bool *overflow)
{
    const unsigned exponent_bits = format.exponent_bits, mantissa_bits = format.mantissa_bits;
    uint64_t bits = otx__bits_of_double(value), mantissa = bits & 0xfffffffffffffu, kept, rest;
    int exponent = (int)((bits >> 52) & 0x7ff), shift = 52 - (int)mantissa_bits;
    uint32_t sign = (uint32_t)(bits >> 63) << (exponent_bits + mantissa_bits), rounded;
    *overflow = false;
    if (exponent == 0x7ff)
        return sign | format.beyond | (mantissa ? 1u << (mantissa_bits - 1) : 0u);
    if (exponent == 0) return sign; /* below 2^-1022: far below every narrower type */
    mantissa |= (uint64_t)1 << 52;
    exponent += (1 << (exponent_bits - 1)) - 1 - 1023;
    if (exponent > (1 << exponent_bits)) exponent = 1 << exponent_bits;
    if (exponent < 1) { /* subnormal in the narrower type */
        shift += 1 - exponent;
        exponent = 1;
    }
    if (shift > 54) return sign;
    kept = mantissa >> shift;
    rest = mantissa & (((uint64_t)1 << shift) - 1);
    if (rest > (uint64_t)1 << (shift - 1) || (rest == (uint64_t)1 << (shift - 1) && (kept & 1)))
        kept++;
    /* The leading one of a normal number adds itself to the exponent field. */
    rounded = ((uint32_t)(exponent - 1) << mantissa_bits) + (uint32_t)kept;
    *overflow = rounded >= format.beyond;
    return sign | (*overflow ? format.beyond : rounded);
}

OTX_API size_t otx_from_double(void *to, const double *from, otx_dtype dtype, size_t count,
                               bool saturate)
{
    const otx__float_format format = otx__format_of(dtype);
    const unsigned size = otx_dtype_bits(dtype) / 8;
    char *bytes = (char *)to;
    size_t i, beyond = 0;
    if (dtype == OTX_F64) {
        memcpy(to, from, count * sizeof *from);
        return 0;
    }
    for (i = 0; i < count; i++) {
        bool overflow;
        uint32_t wide = otx__round_double(from[i], format, &overflow);
        uint16_t narrow;
        uint8_t narrower;
        beyond += overflow;
        wide -= overflow && saturate; /* the pattern before is the largest finite one */
        narrow = (uint16_t)wide;
        narrower = (uint8_t)wide;
        if (size == 4) memcpy(bytes + 4 * i, &wide, 4);
        else if (size == 2) memcpy(bytes + 2 * i, &narrow, 2);
        else memcpy(bytes + i, &narrower, 1);
    }
    return beyond;
}

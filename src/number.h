/* ---- number: element types, widening and rounding ------------------------ */

typedef struct otx__dtype_info {
    const char *name;
    unsigned bits;
} otx__dtype_info;

OTX__PRIVATE const otx__dtype_info *otx__dtype(otx_dtype dtype)
{
    static const otx__dtype_info table[OTX_DTYPE_COUNT] = {
        {"BOOL", 8},    {"F4", 4},       {"F6_E2M3", 6},     {"F6_E3M2", 6},
        {"U8", 8},      {"I8", 8},       {"F8_E5M2", 8},     {"F8_E4M3", 8},
        {"F8_E8M0", 8}, {"F8_E4M3FNUZ", 8}, {"F8_E5M2FNUZ", 8}, {"I16", 16},
        {"U16", 16},    {"F16", 16},     {"BF16", 16},       {"I32", 32},
        {"U32", 32},    {"F32", 32},     {"C64", 64},        {"F64", 64},
        {"I64", 64},    {"U64", 64},
    };
    return (unsigned)dtype < OTX_DTYPE_COUNT ? &table[dtype] : NULL;
}

OTX_API const char *otx_dtype_name(otx_dtype dtype)
{
    const otx__dtype_info *info = otx__dtype(dtype);
    return info ? info->name : NULL;
}

OTX_API unsigned otx_dtype_bits(otx_dtype dtype)
{
    const otx__dtype_info *info = otx__dtype(dtype);
    return info ? info->bits : 0;
}

OTX_API bool otx_dtype_is_embedding(otx_dtype dtype)
{
    return dtype == OTX_F32 || dtype == OTX_F16 || dtype == OTX_BF16 || dtype == OTX_F64;
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

OTX__PRIVATE float otx__float_of_f16(uint16_t bits)
{
    uint32_t sign = (uint32_t)(bits & 0x8000) << 16, exponent = (bits >> 10) & 31u;
    uint32_t mantissa = bits & 0x3ffu;
    if (exponent == 31) return otx__float_of_bits(sign | 0x7f800000u | (mantissa << 13));
    if (exponent == 0) {
        if (mantissa == 0) return otx__float_of_bits(sign);
        /* Subnormal: shift the leading one into its place. */
        exponent = 1;
        while (!(mantissa & 0x400)) {
            mantissa <<= 1;
            exponent--;
        }
        mantissa &= 0x3ff;
    }
    return otx__float_of_bits(sign | ((exponent + 112) << 23) | (mantissa << 13));
}

OTX_API void otx_to_float(float *to, const void *from, otx_dtype dtype, size_t count)
{
    const char *bytes = (const char *)from;
    size_t i;
    if (dtype == OTX_F32) {
        memcpy(to, from, count * sizeof *to);
    } else if (dtype == OTX_F64) {
        for (i = 0; i < count; i++) {
            double value;
            memcpy(&value, bytes + i * sizeof value, sizeof value);
            to[i] = (float)value;
        }
    } else {
        for (i = 0; i < count; i++) {
            uint16_t bits;
            memcpy(&bits, bytes + i * sizeof bits, sizeof bits);
            to[i] = dtype == OTX_BF16 ? otx__float_of_bf16(bits) : otx__float_of_f16(bits);
        }
    }
}

/* Rounds a double once, to nearest even, to the IEEE-like format with that many
   exponent and mantissa bits (all-ones exponents are infinities and NaNs).
   *overflow: a finite value came out beyond the largest finite one. */
OTX__PRIVATE uint32_t otx__round_double(double value, unsigned exponent_bits,
                                        unsigned mantissa_bits, bool *overflow)
{
    uint64_t bits = otx__bits_of_double(value), mantissa = bits & 0xfffffffffffffu, kept, rest;
    int exponent = (int)((bits >> 52) & 0x7ff), shift = 52 - (int)mantissa_bits;
    uint32_t sign = (uint32_t)(bits >> 63) << (exponent_bits + mantissa_bits);
    uint32_t infinity = ((1u << exponent_bits) - 1u) << mantissa_bits, rounded;
    *overflow = false;
    if (exponent == 0x7ff) return sign | infinity | (mantissa ? 1u << (mantissa_bits - 1) : 0u);
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
    *overflow = rounded >= infinity;
    return sign | (*overflow ? infinity : rounded);
}

OTX_API size_t otx_from_double(void *to, const double *from, otx_dtype dtype, size_t count,
                               bool saturate)
{
    char *bytes = (char *)to;
    size_t i, beyond = 0;
    if (dtype == OTX_F64) {
        memcpy(to, from, count * sizeof *from);
        return 0;
    }
    for (i = 0; i < count; i++) {
        bool overflow;
        uint32_t wide = otx__round_double(from[i], dtype == OTX_F16 ? 5 : 8,
                                          dtype == OTX_F16 ? 10 : dtype == OTX_BF16 ? 7 : 23,
                                          &overflow);
        uint16_t narrow;
        beyond += overflow;
        wide -= overflow && saturate; /* the pattern before infinity is the largest finite */
        narrow = (uint16_t)wide;
        if (dtype == OTX_F32) memcpy(bytes + 4 * i, &wide, 4);
        else memcpy(bytes + 2 * i, &narrow, 2);
    }
    return beyond;
}

/* Element types: every code of the small ones against tables, and rounding at every
   border between two codes.
   A suite of the public API: linked with the implementation. */
#include <math.h>
#include <stdint.h>

#include "omp_transplant.h"
#include "test.h"

/* ---- the tables: the codes 0 to 127 as bits of floats, by ml_dtypes 0.5; from 128 on
   the same numbers are negative ---- */

/* float8_e4m3fn */
static const uint32_t e4m3[128] = {
    0x00000000, 0x3b000000, 0x3b800000, 0x3bc00000, 0x3c000000, 0x3c200000, 0x3c400000,
    0x3c600000, 0x3c800000, 0x3c900000, 0x3ca00000, 0x3cb00000, 0x3cc00000, 0x3cd00000,
    0x3ce00000, 0x3cf00000, 0x3d000000, 0x3d100000, 0x3d200000, 0x3d300000, 0x3d400000,
    0x3d500000, 0x3d600000, 0x3d700000, 0x3d800000, 0x3d900000, 0x3da00000, 0x3db00000,
    0x3dc00000, 0x3dd00000, 0x3de00000, 0x3df00000, 0x3e000000, 0x3e100000, 0x3e200000,
    0x3e300000, 0x3e400000, 0x3e500000, 0x3e600000, 0x3e700000, 0x3e800000, 0x3e900000,
    0x3ea00000, 0x3eb00000, 0x3ec00000, 0x3ed00000, 0x3ee00000, 0x3ef00000, 0x3f000000,
    0x3f100000, 0x3f200000, 0x3f300000, 0x3f400000, 0x3f500000, 0x3f600000, 0x3f700000,
    0x3f800000, 0x3f900000, 0x3fa00000, 0x3fb00000, 0x3fc00000, 0x3fd00000, 0x3fe00000,
    0x3ff00000, 0x40000000, 0x40100000, 0x40200000, 0x40300000, 0x40400000, 0x40500000,
    0x40600000, 0x40700000, 0x40800000, 0x40900000, 0x40a00000, 0x40b00000, 0x40c00000,
    0x40d00000, 0x40e00000, 0x40f00000, 0x41000000, 0x41100000, 0x41200000, 0x41300000,
    0x41400000, 0x41500000, 0x41600000, 0x41700000, 0x41800000, 0x41900000, 0x41a00000,
    0x41b00000, 0x41c00000, 0x41d00000, 0x41e00000, 0x41f00000, 0x42000000, 0x42100000,
    0x42200000, 0x42300000, 0x42400000, 0x42500000, 0x42600000, 0x42700000, 0x42800000,
    0x42900000, 0x42a00000, 0x42b00000, 0x42c00000, 0x42d00000, 0x42e00000, 0x42f00000,
    0x43000000, 0x43100000, 0x43200000, 0x43300000, 0x43400000, 0x43500000, 0x43600000,
    0x43700000, 0x43800000, 0x43900000, 0x43a00000, 0x43b00000, 0x43c00000, 0x43d00000,
    0x43e00000, 0x7fc00000,
};
/* float8_e5m2 */
static const uint32_t e5m2[128] = {
    0x00000000, 0x37800000, 0x38000000, 0x38400000, 0x38800000, 0x38a00000, 0x38c00000,
    0x38e00000, 0x39000000, 0x39200000, 0x39400000, 0x39600000, 0x39800000, 0x39a00000,
    0x39c00000, 0x39e00000, 0x3a000000, 0x3a200000, 0x3a400000, 0x3a600000, 0x3a800000,
    0x3aa00000, 0x3ac00000, 0x3ae00000, 0x3b000000, 0x3b200000, 0x3b400000, 0x3b600000,
    0x3b800000, 0x3ba00000, 0x3bc00000, 0x3be00000, 0x3c000000, 0x3c200000, 0x3c400000,
    0x3c600000, 0x3c800000, 0x3ca00000, 0x3cc00000, 0x3ce00000, 0x3d000000, 0x3d200000,
    0x3d400000, 0x3d600000, 0x3d800000, 0x3da00000, 0x3dc00000, 0x3de00000, 0x3e000000,
    0x3e200000, 0x3e400000, 0x3e600000, 0x3e800000, 0x3ea00000, 0x3ec00000, 0x3ee00000,
    0x3f000000, 0x3f200000, 0x3f400000, 0x3f600000, 0x3f800000, 0x3fa00000, 0x3fc00000,
    0x3fe00000, 0x40000000, 0x40200000, 0x40400000, 0x40600000, 0x40800000, 0x40a00000,
    0x40c00000, 0x40e00000, 0x41000000, 0x41200000, 0x41400000, 0x41600000, 0x41800000,
    0x41a00000, 0x41c00000, 0x41e00000, 0x42000000, 0x42200000, 0x42400000, 0x42600000,
    0x42800000, 0x42a00000, 0x42c00000, 0x42e00000, 0x43000000, 0x43200000, 0x43400000,
    0x43600000, 0x43800000, 0x43a00000, 0x43c00000, 0x43e00000, 0x44000000, 0x44200000,
    0x44400000, 0x44600000, 0x44800000, 0x44a00000, 0x44c00000, 0x44e00000, 0x45000000,
    0x45200000, 0x45400000, 0x45600000, 0x45800000, 0x45a00000, 0x45c00000, 0x45e00000,
    0x46000000, 0x46200000, 0x46400000, 0x46600000, 0x46800000, 0x46a00000, 0x46c00000,
    0x46e00000, 0x47000000, 0x47200000, 0x47400000, 0x47600000, 0x7f800000, 0x7fc00000,
    0x7fc00000, 0x7fc00000,
};

static uint32_t bits_of(float value)
{
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    return bits;
}

static bool is_nan(uint32_t bits) { return (bits & 0x7fffffffu) > 0x7f800000u; }

static double value_of(uint32_t bits)
{
    float value;
    memcpy(&value, &bits, sizeof value);
    return (double)value;
}

static void check_codes(otx_dtype dtype, const uint32_t *table)
{
    unsigned code;
    for (code = 0; code < 256; code++) {
        unsigned char byte = (unsigned char)code, back = 0;
        uint32_t wanted = table[code & 127] | (code >= 128 ? 0x80000000u : 0u), seen;
        float value = 0;
        double wide;
        otx_to_float(&value, &byte, dtype, 1);
        seen = bits_of(value);
        CHECK(is_nan(wanted) ? is_nan(seen) : seen == wanted);
        wide = (double)value;
        CHECK_INT(otx_from_double(&back, &wide, dtype, 1, false), 0);
        if (is_nan(wanted)) otx_to_float(&value, &back, dtype, 1);
        CHECK(is_nan(wanted) ? is_nan(bits_of(value)) : back == byte);
    }
}

static void every_code(void)
{
    check_codes(OTX_F8_E4M3, e4m3);
    check_codes(OTX_F8_E5M2, e5m2);
}

/* One number in either sign: the code it must become, and how often it is beyond. */
static void check_rounding(otx_dtype dtype, double value, unsigned code, size_t beyond,
                           bool saturate)
{
    unsigned sign;
    for (sign = 0; sign < 2; sign++) {
        double wide = sign ? -value : value;
        unsigned char byte = 0;
        CHECK_INT(otx_from_double(&byte, &wide, dtype, 1, saturate), beyond);
        CHECK_INT(byte, code | sign << 7);
    }
}

/* `finite` codes are numbers; the next one is what lies beyond them. */
static void check_borders(otx_dtype dtype, const uint32_t *table, unsigned finite, double next)
{
    unsigned code;
    for (code = 0; code < finite; code++) {
        bool last = code + 1 == finite;
        double low = value_of(table[code]), high = last ? next : value_of(table[code + 1]);
        double middle = (low + high) / 2, bit = middle / 4503599627370496.0; /* 2^52 */
        bool up = code % 2 != 0; /* to the even one */
        check_rounding(dtype, middle - bit, code, 0, false);
        check_rounding(dtype, middle, up ? code + 1 : code, last && up, false);
        check_rounding(dtype, middle + bit, code + 1, last, false);
        if (last) check_rounding(dtype, middle + bit, code, 1, true);
    }
    check_rounding(dtype, 1e300, finite, 1, false);
    check_rounding(dtype, 1e300, finite - 1, 1, true);
    check_rounding(dtype, 1e-320, 0, 0, false);
    check_rounding(dtype, (double)INFINITY, finite, 0, false);
}

static void every_border(void)
{
    check_borders(OTX_F8_E4M3, e4m3, 127, 480);
    check_borders(OTX_F8_E5M2, e5m2, 124, 65536);
}

/* The value of a code of 16 bits, from its fields. */
static double half_value(uint32_t code, int exponent_bits, int mantissa_bits)
{
    int exponent = (int)(code >> mantissa_bits) & ((1 << exponent_bits) - 1);
    double mantissa = (double)(code & ((1u << mantissa_bits) - 1));
    double value = exponent ? mantissa + (double)(1u << mantissa_bits) : mantissa;
    int bias = (1 << (exponent_bits - 1)) - 1;
    value = ldexp(value, (exponent ? exponent : 1) - bias - mantissa_bits);
    return code & 0x8000 ? -value : value;
}

static void check_halves(otx_dtype dtype, int exponent_bits, int mantissa_bits)
{
    const uint32_t infinity = ((1u << exponent_bits) - 1) << mantissa_bits;
    uint32_t code, wrong = 0;
    for (code = 0; code < 65536; code++) {
        uint16_t narrow = (uint16_t)code, back = 0;
        float value;
        double wide;
        otx_to_float(&value, &narrow, dtype, 1);
        wide = (double)value;
        if ((code & 0x7fff) > infinity) {
            wrong += !is_nan(bits_of(value));
            continue;
        }
        if ((code & 0x7fff) < infinity)
            wrong += wide != half_value(code, exponent_bits, mantissa_bits);
        otx_from_double(&back, &wide, dtype, 1, false);
        wrong += back != narrow;
    }
    CHECK_INT(wrong, 0);
}

static void every_half(void)
{
    check_halves(OTX_F16, 5, 10);
    check_halves(OTX_BF16, 8, 7);
}

/* A block of every type: how many elements, and bytes. */
static void blocks(void)
{
    static const unsigned sizes[][2] = {{32, 18},   {32, 20},   {32, 22},   {32, 24}, {32, 34},
                                        {256, 84},  {256, 110}, {256, 144}, {256, 176},
                                        {256, 210}, {32, 18},   {256, 136}, {32, 17}};
    unsigned bytes = 7;
    size_t i;
    int dtype;
    for (dtype = 0; dtype < OTX_DTYPE_COUNT; dtype++)
        CHECK_INT(otx_dtype_is_block((otx_dtype)dtype), dtype > OTX_U64 && dtype < OTX_OPAQUE);
    CHECK_INT(OTX_OPAQUE - OTX_Q4_0, COUNT(sizes));
    for (i = 0; i < COUNT(sizes); i++) {
        otx_dtype block = (otx_dtype)(OTX_Q4_0 + i);
        CHECK_INT(otx_dtype_block(block, &bytes), sizes[i][0]);
        CHECK_INT(bytes, sizes[i][1]);
        CHECK_INT(otx_dtype_bits(block), 0);
    }
    CHECK_STRING(otx_dtype_name(OTX_Q6_K), "Q6_K");
    CHECK_STRING(otx_dtype_name(OTX_MXFP4), "MXFP4");
    CHECK_STRING(otx_dtype_name(OTX_OPAQUE), "OPAQUE");
    CHECK_INT(otx_dtype_block(OTX_BF16, &bytes), 1);
    CHECK_INT(bytes, 2);
    CHECK_INT(otx_dtype_block(OTX_C64, NULL), 1);
    CHECK_INT(otx_dtype_block(OTX_OPAQUE, &bytes), 0);
    CHECK_INT(bytes, 0);
    CHECK_INT(otx_dtype_block(OTX_F4, NULL) + otx_dtype_block(OTX_F6_E2M3, NULL), 0);
    CHECK_INT(otx_dtype_block(OTX_DTYPE_NONE, NULL), 0);
    CHECK_INT(otx_dtype_block(OTX_DTYPE_COUNT, &bytes), 0);
}

static void types(void)
{
    static const otx_dtype embeddings[] = {OTX_F8_E5M2, OTX_F8_E4M3, OTX_F16,
                                           OTX_BF16,    OTX_F32,     OTX_F64};
    size_t i, count = 0;
    int dtype;
    for (dtype = 0; dtype < OTX_DTYPE_COUNT; dtype++)
        count += otx_dtype_is_embedding((otx_dtype)dtype);
    CHECK_INT(count, COUNT(embeddings));
    for (i = 0; i < COUNT(embeddings); i++) CHECK(otx_dtype_is_embedding(embeddings[i]));
    CHECK_STRING(otx_dtype_name(OTX_F8_E4M3), "F8_E4M3");
    CHECK_INT(otx_dtype_bits(OTX_F8_E5M2), 8);
    CHECK_INT(otx_dtype_bits(OTX_F4), 4);
    CHECK(otx_dtype_name(OTX_DTYPE_COUNT) == NULL);
    CHECK(otx_dtype_name(OTX_DTYPE_NONE) == NULL);
    CHECK_INT(otx_dtype_bits(OTX_DTYPE_NONE), 0);
}

int main(void)
{
    RUN(every_code);
    RUN(every_border);
    RUN(every_half);
    RUN(types);
    RUN(blocks);
    return test_end();
}

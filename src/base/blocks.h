/* ---- blocks: of ggml, taken apart and widened ----------------------------- */

/* A block taken apart. Element e has the value
       scale[e / group] * level[e] - minus[e / group]
   where the product is exact: F16 has 11 bits, the group's factor and the level at most 12.
   Types without a minimum have 0 there, and less 0 is the same number, -0 too. */
typedef struct otx__block {
    float scale[16], minus[16];
    int8_t level[256];
    unsigned count, group;
} otx__block;

/* What the levels of IQ4_NL and IQ4_XS stand for, and twice the values of E2M1. */
OTX__PRIVATE const int8_t *otx__four_bit_values(otx_dtype dtype)
{
    static const int8_t iq4[16] = {-127, -104, -83, -65, -49, -35, -22, -10,
                                   1,    13,   25,  38,  53,  69,  89,  113};
    static const int8_t e2m1[16] = {0, 1, 2, 3, 4, 6, 8, 12, 0, -1, -2, -3, -4, -6, -8, -12};
    return dtype == OTX_MXFP4 ? e2m1 : iq4;
}

OTX__PRIVATE float otx__half_at(const unsigned char *from)
{
    const otx__float_format half = otx__format_of(OTX_F16);
    return otx__float_of_narrow(from[0] | (uint32_t)from[1] << 8, half);
}

/* ---- scales ---- */

/* The 6-bit scale and minimum of a group of 32, of Q4_K and Q5_K. */
OTX__PRIVATE void otx__six_bits(const unsigned char *from, unsigned group, unsigned *scale,
                                unsigned *minimum)
{
    if (group < 4) {
        *scale = from[group] & 63u;
        *minimum = from[group + 4] & 63u;
    } else {
        *scale = (from[group + 4] & 15u) | (unsigned)from[group - 4] >> 6 << 4;
        *minimum = (unsigned)from[group + 4] >> 4 | (unsigned)from[group] >> 6 << 4;
    }
}

/* The scale of a group, a whole number, and of Q2_K, Q4_K and Q5_K the minimum. */
OTX__PRIVATE int otx__group_scale(const unsigned char *from, otx_dtype dtype, unsigned group,
                                  unsigned *minimum)
{
    unsigned scale;
    switch (dtype) {
    case OTX_Q2_K:
        *minimum = (unsigned)from[group] >> 4;
        return from[group] & 15;
    case OTX_Q3_K:
        from += 96;
        scale = group < 8 ? from[group] & 15u : (unsigned)from[group - 8] >> 4;
        return (int)(scale | ((unsigned)from[8 + group % 4] >> (group / 4 * 2) & 3u) << 4) - 32;
    case OTX_Q4_K:
    case OTX_Q5_K:
        otx__six_bits(from + 4, group, &scale, minimum);
        return (int)scale;
    case OTX_IQ4_XS:
        scale = (unsigned)from[4 + group / 2] >> (group % 2 * 4) & 15u;
        return (int)(scale | ((unsigned)from[2 + group / 4] >> (group % 4 * 2) & 3u) << 4) - 32;
    default: /* Q6_K: signed bytes */
        return (from[192 + group] ^ 128) - 128;
    }
}

/* Where a type of 256 elements has its two F16, or -1. */
OTX__PRIVATE void otx__half_places(otx_dtype dtype, int *scale, int *minimum)
{
    *scale = dtype == OTX_Q2_K ? 80 : dtype == OTX_Q3_K ? 108 : dtype == OTX_Q6_K ? 208 : 0;
    *minimum = dtype == OTX_Q2_K                          ? 82
               : dtype == OTX_Q4_K || dtype == OTX_Q5_K ? 2
                                                          : -1;
}

/* Half the value of an E8M0: 2^(code - 128). */
OTX__PRIVATE float otx__half_e8m0(unsigned code)
{
    const uint32_t normal = (uint32_t)(code - 1) << 23;
    return otx__float_of_bits(code < 2 ? (uint32_t)0x200000 << code : normal);
}

/* Fills in all but the levels. */
OTX__PRIVATE void otx__block_scales(otx__block *block, const unsigned char *from,
                                    otx_dtype dtype)
{
    int scale_at, minimum_at;
    unsigned i;
    float scale, minimum;
    block->count = otx_dtype_block(dtype, NULL);
    if (block->count == 32) {
        block->group = 32;
        block->scale[0] = dtype == OTX_MXFP4 ? otx__half_e8m0(from[0]) : otx__half_at(from);
        block->minus[0] = 0.0f;
        if (dtype == OTX_Q4_1 || dtype == OTX_Q5_1) block->minus[0] = -otx__half_at(from + 2);
        return;
    }
    otx__half_places(dtype, &scale_at, &minimum_at);
    scale = otx__half_at(from + scale_at);
    minimum = minimum_at < 0 ? 0.0f : otx__half_at(from + minimum_at);
    block->group = dtype == OTX_Q4_K || dtype == OTX_Q5_K || dtype == OTX_IQ4_XS ? 32 : 16;
    for (i = 0; i < 256 / block->group; i++) {
        unsigned of_group = 0;
        block->scale[i] = scale * (float)otx__group_scale(from, dtype, i, &of_group);
        block->minus[i] = minimum_at < 0 ? 0.0f : minimum * (float)of_group;
    }
}

/* ---- levels ---- */

/* The low halves of `half` bytes, then the high ones. */
OTX__PRIVATE void otx__nibbles(int8_t *level, const unsigned char *from, unsigned half)
{
    unsigned i;
    for (i = 0; i < half; i++) {
        level[i] = (int8_t)(from[i] & 15);
        level[half + i] = (int8_t)(from[i] >> 4);
    }
}

/* Adds the 256 2-bit numbers of 64 bytes, times a factor. */
OTX__PRIVATE void otx__add_quarters(int8_t *level, const unsigned char *from, int factor)
{
    unsigned i;
    for (i = 0; i < 256; i++) {
        int quarter = from[i / 128 * 32 + i % 32] >> (i % 128 / 32 * 2) & 3;
        level[i] = (int8_t)(level[i] + quarter * factor);
    }
}

/* Adds a bit for each level, times a factor: of element e bit e / 32 of byte e % 32. */
OTX__PRIVATE void otx__add_bits(int8_t *level, const unsigned char *from, int factor)
{
    unsigned i;
    for (i = 0; i < 256; i++)
        level[i] = (int8_t)(level[i] + (from[i % 32] >> (i / 32) & 1) * factor);
}

/* The same for a block of 32, whose bits are in order. */
OTX__PRIVATE void otx__add_fifth_bits(int8_t *level, const unsigned char *from)
{
    unsigned i;
    for (i = 0; i < 32; i++)
        level[i] = (int8_t)(level[i] + (from[i / 8] >> (i % 8) & 1) * 16);
}

OTX__PRIVATE void otx__levels_of_32(int8_t *level, const unsigned char *from, otx_dtype dtype)
{
    const int8_t *values = otx__four_bit_values(dtype);
    const bool valued = dtype == OTX_IQ4_NL || dtype == OTX_MXFP4;
    unsigned i, size;
    int below = dtype == OTX_Q4_0 ? 8 : dtype == OTX_Q5_0 ? 16 : 0;
    if (dtype == OTX_Q8_0) {
        for (i = 0; i < 32; i++) level[i] = (int8_t)((from[2 + i] ^ 128) - 128);
        return;
    }
    (void)otx_dtype_block(dtype, &size);
    otx__nibbles(level, from + size - 16, 16);
    if (dtype == OTX_Q5_0) otx__add_fifth_bits(level, from + 2);
    if (dtype == OTX_Q5_1) otx__add_fifth_bits(level, from + 4);
    for (i = 0; i < 32; i++)
        level[i] = valued ? values[level[i]] : (int8_t)(level[i] - below);
}

OTX__PRIVATE void otx__levels_of_256(int8_t *level, const unsigned char *from, otx_dtype dtype)
{
    const int8_t *values = otx__four_bit_values(dtype);
    unsigned i;
    memset(level, 0, 256);
    switch (dtype) {
    case OTX_Q2_K: otx__add_quarters(level, from + 16, 1); break;
    case OTX_Q3_K:
        memset(level, -4, 256);
        otx__add_quarters(level, from + 32, 1);
        otx__add_bits(level, from, 4);
        break;
    case OTX_Q4_K:
    case OTX_Q5_K:
        for (i = 0; i < 4; i++)
            otx__nibbles(level + 64 * i, from + (dtype == OTX_Q4_K ? 16 : 48) + 32 * i, 32);
        if (dtype == OTX_Q5_K) otx__add_bits(level, from + 16, 16);
        break;
    case OTX_Q6_K:
        for (i = 0; i < 2; i++) otx__nibbles(level + 128 * i, from + 64 * i, 64);
        otx__add_quarters(level, from + 128, 16);
        for (i = 0; i < 256; i++) level[i] = (int8_t)(level[i] - 32);
        break;
    default: /* IQ4_XS */
        for (i = 0; i < 8; i++) otx__nibbles(level + 32 * i, from + 8 + 16 * i, 16);
        for (i = 0; i < 256; i++) level[i] = values[level[i]];
    }
}

OTX__PRIVATE void otx__block_levels(otx__block *block, const unsigned char *from,
                                    otx_dtype dtype)
{
    if (block->count == 32) otx__levels_of_32(block->level, from, dtype);
    else otx__levels_of_256(block->level, from, dtype);
}

OTX_API void otx_blocks_to_float(float *to, const void *from, otx_dtype dtype, size_t count)
{
    const unsigned char *bytes = (const unsigned char *)from;
    unsigned size, elements = otx_dtype_block(dtype, &size), first, i;
    otx__block block;
    for (; count > 0; count -= elements, bytes += size, to += elements) {
        otx__block_scales(&block, bytes, dtype);
        otx__block_levels(&block, bytes, dtype);
        for (first = 0; first < elements; first += block.group) {
            const float scale = block.scale[first / block.group];
            const float minus = block.minus[first / block.group];
            for (i = first; i < first + block.group; i++) {
                float scaled = scale * (float)block.level[i];
                to[i] = scaled - minus;
            }
        }
    }
}

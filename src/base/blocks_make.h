/* ---- blocks: rows quantised ----------------------------------------------- */

OTX__PRIVATE void otx__put_half(unsigned char *to, float value)
{
    const otx__float_format half = otx__format_of(OTX_F16);
    bool overflow;
    uint32_t bits = otx__round_double((double)value, half, &overflow);
    to[0] = (unsigned char)(bits & 255);
    to[1] = (unsigned char)(bits >> 8);
}

/* ---- levels, as otx__levels_of_* take them apart ---- */

OTX__PRIVATE void otx__put_nibbles(unsigned char *to, const uint8_t *level, unsigned half)
{
    unsigned i;
    for (i = 0; i < half; i++)
        to[i] = (unsigned char)((level[i] & 15) | (level[half + i] & 15) << 4);
}

/* Two bits of each of 256 levels, from bit `from` on. */
OTX__PRIVATE void otx__put_quarters(unsigned char *to, const uint8_t *level, unsigned from)
{
    unsigned i;
    memset(to, 0, 64);
    for (i = 0; i < 256; i++) {
        unsigned char *byte = &to[i / 128 * 32 + i % 32];
        *byte = (unsigned char)(*byte | (level[i] >> from & 3) << (i % 128 / 32 * 2));
    }
}

/* Bit `bit` of each of 256 levels. */
OTX__PRIVATE void otx__put_bits(unsigned char *to, const uint8_t *level, unsigned bit)
{
    unsigned i;
    memset(to, 0, 32);
    for (i = 0; i < 256; i++)
        to[i % 32] = (unsigned char)(to[i % 32] | (level[i] >> bit & 1) << (i / 32));
}

OTX__PRIVATE void otx__put_fifth_bits(unsigned char *to, const uint8_t *level)
{
    unsigned i;
    memset(to, 0, 4);
    for (i = 0; i < 32; i++)
        to[i / 8] = (unsigned char)(to[i / 8] | (level[i] >> 4 & 1) << (i % 8));
}

OTX__PRIVATE void otx__put_levels_of_256(unsigned char *to, const uint8_t *level,
                                         otx_dtype dtype)
{
    unsigned i;
    switch (dtype) {
    case OTX_Q2_K: otx__put_quarters(to + 16, level, 0); break;
    case OTX_Q3_K:
        otx__put_bits(to, level, 2);
        otx__put_quarters(to + 32, level, 0);
        break;
    case OTX_Q4_K:
    case OTX_Q5_K:
        if (dtype == OTX_Q5_K) otx__put_bits(to + 16, level, 4);
        for (i = 0; i < 4; i++)
            otx__put_nibbles(to + (dtype == OTX_Q4_K ? 16 : 48) + 32 * i, level + 64 * i, 32);
        break;
    case OTX_Q6_K:
        for (i = 0; i < 2; i++) otx__put_nibbles(to + 64 * i, level + 128 * i, 64);
        otx__put_quarters(to + 128, level, 4);
        break;
    default: /* IQ4_XS */
        for (i = 0; i < 8; i++) otx__put_nibbles(to + 8 + 16 * i, level + 32 * i, 16);
    }
}

/* ---- blocks of 32 ---- */

/* Towards zero. Beyond an int, where a scale too small for its inverse made infinities: 0,
   what x86 stores; the scale is 0 in F16 then. */
OTX__PRIVATE int otx__cut(float value)
{
    return value > -2e9f && value < 2e9f ? (int)value : 0;
}

/* 1 / scale, or 0. */
OTX__PRIVATE float otx__inverse(float scale)
{
    return scale != 0.0f ? 1.0f / scale : 0.0f;
}

/* The largest value gets the level 0, the one furthest from zero. */
OTX__PRIVATE void otx__make_symmetric(unsigned char *to, const float *x, otx_dtype dtype)
{
    const int half = dtype == OTX_Q4_0 ? 8 : 16;
    const float scale = otx__largest(x, 32) / (float)-half, inverse = otx__inverse(scale);
    uint8_t level[32];
    unsigned i;
    otx__put_half(to, scale);
    for (i = 0; i < 32; i++) {
        float scaled = x[i] * inverse;
        level[i] = (uint8_t)otx__between(otx__cut(scaled + ((float)half + 0.5f)), 0,
                                         2 * half - 1);
    }
    if (dtype == OTX_Q5_0) otx__put_fifth_bits(to + 2, level);
    otx__put_nibbles(to + (dtype == OTX_Q5_0 ? 6 : 2), level, 16);
}

/* Levels from the least value to the largest. */
OTX__PRIVATE void otx__make_spread(unsigned char *to, const float *x, otx_dtype dtype)
{
    const int most = dtype == OTX_Q4_1 ? 15 : 31;
    float low = x[0], high = x[0], scale, inverse;
    uint8_t level[32];
    unsigned i;
    for (i = 1; i < 32; i++) {
        if (x[i] < low) low = x[i];
        if (x[i] > high) high = x[i];
    }
    scale = (high - low) / (float)most;
    inverse = otx__inverse(scale);
    otx__put_half(to, scale);
    otx__put_half(to + 2, low);
    for (i = 0; i < 32; i++) {
        float scaled = (x[i] - low) * inverse;
        level[i] = (uint8_t)otx__between(otx__cut(scaled + 0.5f), 0, most);
    }
    if (dtype == OTX_Q5_1) otx__put_fifth_bits(to + 4, level);
    otx__put_nibbles(to + (dtype == OTX_Q5_1 ? 8 : 4), level, 16);
}

/* Bytes, to nearest, halves away from zero. */
OTX__PRIVATE void otx__make_q8_0(unsigned char *to, const float *x)
{
    const float scale = fabsf(otx__largest(x, 32)) / 127.0f, inverse = otx__inverse(scale);
    unsigned i;
    otx__put_half(to, scale);
    for (i = 0; i < 32; i++) {
        float scaled = x[i] * inverse, rest;
        int whole = otx__cut(scaled);
        rest = scaled - (float)whole;
        if (rest >= 0.5f && rest < 1.0f) whole++;
        else if (rest <= -0.5f && rest > -1.0f) whole--;
        to[2 + i] = (unsigned char)(whole & 255);
    }
}

OTX__PRIVATE void otx__make_iq4_nl(unsigned char *to, const float *x)
{
    const int8_t *values = otx__four_bit_values(OTX_IQ4_NL);
    const float scale = otx__fit_values(values, x), inverse = otx__inverse(scale);
    uint8_t level[32];
    unsigned i;
    otx__put_half(to, scale);
    for (i = 0; i < 32; i++) level[i] = (uint8_t)otx__nearest_value(values, inverse * x[i]);
    otx__put_nibbles(to + 2, level, 16);
}

/* The power of two that has the largest value between 4 and 8, on levels up to 6. */
OTX__PRIVATE void otx__make_mxfp4(unsigned char *to, const float *x)
{
    const int8_t *values = otx__four_bit_values(OTX_MXFP4);
    const double largest = (double)fabsf(otx__largest(x, 32));
    uint8_t level[32];
    int exponent = 0;
    unsigned i, l;
    float scale;
    if (largest > 0.0)
        exponent = (int)(otx__bits_of_double(largest) >> 52) - 1023 - 2 + 127;
    to[0] = (unsigned char)otx__between(exponent, 0, 254);
    scale = otx__half_e8m0(to[0]);
    for (i = 0; i < 32; i++) {
        float least = fabsf((float)values[0] * scale - x[i]);
        level[i] = 0;
        for (l = 1; l < 16; l++) {
            float miss = fabsf((float)values[l] * scale - x[i]);
            if (miss < least) {
                least = miss;
                level[i] = (uint8_t)l;
            }
        }
    }
    otx__put_nibbles(to + 1, level, 16);
}

/* ---- blocks of 256 ---- */

/* The levels again, for scales and minima as they are stored; where a scale came out as 0, as
   they are. `half` is what a level has more than what it stands for, `most` the largest. */
OTX__PRIVATE void otx__levels_again(uint8_t *level, const float *x, const unsigned char *from,
                                    otx_dtype dtype, int half, int most)
{
    otx__block block;
    unsigned i;
    otx__block_scales(&block, from, dtype);
    for (i = 0; i < 256; i++) {
        const float scale = block.scale[i / block.group], minus = block.minus[i / block.group];
        if (scale != 0.0f) {
            int l = otx__round_level((x[i] + minus) / scale);
            level[i] = (uint8_t)(otx__between(l, -half, most - half) + half);
        }
    }
}

/* The number of largest magnitude decides about the scale of all. */
OTX__PRIVATE void otx__make_q6_k(unsigned char *to, const float *x)
{
    float scale[16], largest, inverse;
    uint8_t level[256];
    unsigned i;
    for (i = 0; i < 16; i++) scale[i] = otx__fit_trials(level + 16 * i, x + 16 * i, 32);
    largest = otx__largest(scale, 16);
    memset(to, 0, 210);
    if (fabsf(largest) < OTX__GROUP_LEAST) return;
    inverse = -128.0f / largest;
    otx__put_half(to + 208, 1.0f / inverse);
    for (i = 0; i < 16; i++) {
        int l = otx__between(otx__round_level(inverse * scale[i]), -128, 127);
        to[192 + i] = (unsigned char)(l & 255);
    }
    otx__levels_again(level, x, to, OTX_Q6_K, 32, 63);
    otx__put_levels_of_256(to, level, OTX_Q6_K);
}

OTX__PRIVATE void otx__make_q3_k(unsigned char *to, const float *x)
{
    unsigned char *scales = to + 96;
    float scale[16], largest, inverse;
    uint8_t level[256];
    unsigned i;
    for (i = 0; i < 16; i++) scale[i] = otx__fit_descent(level + 16 * i, x + 16 * i, 4);
    largest = otx__largest(scale, 16);
    memset(to, 0, 110);
    if (largest != 0.0f) {
        inverse = -32.0f / largest;
        otx__put_half(to + 108, 1.0f / inverse);
        for (i = 0; i < 16; i++) {
            int l = otx__round_level(inverse * scale[i]) & 255; /* a signed byte */
            l = otx__between((l ^ 128) - 128, -32, 31) + 32;
            scales[i % 8] = (unsigned char)(scales[i % 8] | (l & 15) << (i / 8 * 4));
            scales[8 + i % 4] = (unsigned char)(scales[8 + i % 4] | l >> 4 << (i / 4 * 2));
        }
    }
    otx__levels_again(level, x, to, OTX_Q3_K, 4, 7);
    otx__put_levels_of_256(to, level, OTX_Q3_K);
}

/* The weights of a group of 32 in the fit. */
OTX__PRIVATE void otx__k_weights(float *weight, const float *x)
{
    float sum = 0.0f, mean;
    unsigned i;
    for (i = 0; i < 32; i++) sum += x[i] * x[i];
    mean = (float)sqrt((double)(sum / 32.0f));
    for (i = 0; i < 32; i++) weight[i] = mean + fabsf(x[i]);
}

/* How many of `steps` each number is, when the largest, where positive, is all of them: a
   byte each. Returns the step. */
OTX__PRIVATE float otx__in_steps(uint8_t *to, const float *numbers, unsigned count, float steps)
{
    float largest = 0.0f;
    unsigned i;
    for (i = 0; i < count; i++)
        if (numbers[i] > largest) largest = numbers[i];
    for (i = 0; i < count; i++) {
        float inverse = largest > 0.0f ? steps / largest : 0.0f;
        to[i] = (uint8_t)(otx__round_level(inverse * numbers[i]) & 255);
    }
    return largest / steps;
}

OTX__PRIVATE void otx__make_q2_k(unsigned char *to, const float *x)
{
    static const otx__fit_kind kind = {3, true, -0.5f, 16};
    float scale[16], minus[16], weight[16];
    uint8_t level[256], scales[16], minima[16];
    unsigned i, l;
    for (i = 0; i < 16; i++) {
        for (l = 0; l < 16; l++) weight[l] = fabsf(x[16 * i + l]);
        scale[i] = otx__fit_above(level + 16 * i, x + 16 * i, weight, 16, &kind, &minus[i]);
    }
    otx__put_half(to + 80, otx__in_steps(scales, scale, 16, 15.0f));
    otx__put_half(to + 82, otx__in_steps(minima, minus, 16, 15.0f));
    for (i = 0; i < 16; i++) to[i] = (unsigned char)((scales[i] | minima[i] << 4) & 255);
    otx__levels_again(level, x, to, OTX_Q2_K, 0, 3);
    otx__put_levels_of_256(to, level, OTX_Q2_K);
}

/* Q4_K and Q5_K. */
OTX__PRIVATE void otx__make_k(unsigned char *to, const float *x, otx_dtype dtype)
{
    static const otx__fit_kind four = {15, false, -1.0f, 21}, five = {31, false, -0.5f, 16};
    const otx__fit_kind *kind = dtype == OTX_Q4_K ? &four : &five;
    unsigned char *packed = to + 4;
    float scale[8], minus[8], weight[32];
    uint8_t level[256], scales[8], minima[8];
    unsigned i;
    for (i = 0; i < 8; i++) {
        otx__k_weights(weight, x + 32 * i);
        scale[i] = otx__fit_above(level + 32 * i, x + 32 * i, weight, 32, kind, &minus[i]);
    }
    otx__put_half(to, otx__in_steps(scales, scale, 8, 63.0f));
    otx__put_half(to + 2, otx__in_steps(minima, minus, 8, 63.0f));
    for (i = 0; i < 8; i++) {
        const unsigned s = scales[i] < 63 ? scales[i] : 63, m = minima[i] < 63 ? minima[i] : 63;
        if (i < 4) {
            packed[i] = (unsigned char)s;
            packed[i + 4] = (unsigned char)m;
        } else {
            packed[i + 4] = (unsigned char)((s & 15) | (m & 15) << 4);
            packed[i - 4] = (unsigned char)(packed[i - 4] | s >> 4 << 6);
            packed[i] = (unsigned char)(packed[i] | m >> 4 << 6);
        }
    }
    otx__levels_again(level, x, to, dtype, 0, kind->most);
    otx__put_levels_of_256(to, level, dtype);
}

OTX__PRIVATE void otx__make_iq4_xs(unsigned char *to, const float *x)
{
    const int8_t *values = otx__four_bit_values(OTX_IQ4_XS);
    float scale[8], step, inverse;
    uint8_t level[256];
    unsigned i, e;
    for (i = 0; i < 8; i++) scale[i] = otx__fit_values(values, x + 32 * i);
    step = -otx__largest(scale, 8) / 32.0f;
    inverse = otx__inverse(step);
    memset(to, 0, 8);
    otx__put_half(to, step);
    for (i = 0; i < 8; i++) {
        int l = otx__between(otx__round_level(inverse * scale[i]), -32, 31);
        const float of_group = otx__inverse(step * (float)l);
        for (e = 32 * i; e < 32 * i + 32; e++)
            level[e] = (uint8_t)otx__nearest_value(values, of_group * x[e]);
        l += 32;
        to[4 + i / 2] = (unsigned char)(to[4 + i / 2] | (l & 15) << (i % 2 * 4));
        to[2 + i / 4] = (unsigned char)(to[2 + i / 4] | l >> 4 << (i % 4 * 2));
    }
    otx__put_levels_of_256(to, level, OTX_IQ4_XS);
}

/* ---- any ---- */

OTX__PRIVATE void otx__make_block(unsigned char *to, const float *x, otx_dtype dtype)
{
    switch (dtype) {
    case OTX_Q4_0:
    case OTX_Q5_0: otx__make_symmetric(to, x, dtype); break;
    case OTX_Q4_1:
    case OTX_Q5_1: otx__make_spread(to, x, dtype); break;
    case OTX_Q8_0: otx__make_q8_0(to, x); break;
    case OTX_Q2_K: otx__make_q2_k(to, x); break;
    case OTX_Q3_K: otx__make_q3_k(to, x); break;
    case OTX_Q4_K:
    case OTX_Q5_K: otx__make_k(to, x, dtype); break;
    case OTX_Q6_K: otx__make_q6_k(to, x); break;
    case OTX_IQ4_NL: otx__make_iq4_nl(to, x); break;
    case OTX_IQ4_XS: otx__make_iq4_xs(to, x); break;
    default: otx__make_mxfp4(to, x);
    }
}

/* Whether all values are numbers, and none so large that it has no place in a block whose
   scale is F16: 65504 * 128 * 32 is the most that any type holds. Sums of cubes of what is
   left are finite. */
OTX__PRIVATE bool otx__in_range(const float *x, unsigned count, otx_dtype dtype)
{
    const float most = dtype == OTX_MXFP4 ? FLT_MAX : 1e10f;
    unsigned i;
    for (i = 0; i < count; i++)
        if (!(fabsf(x[i]) <= most)) return false;
    return true;
}

OTX_API size_t otx_blocks_from_float(void *to, const float *from, otx_dtype dtype,
                                     size_t count)
{
    unsigned char *bytes = (unsigned char *)to;
    unsigned size, elements = otx_dtype_block(dtype, &size);
    otx__block block;
    size_t refused = 0;
    for (; count > 0; count -= elements, bytes += size, from += elements) {
        bool holds = otx__in_range(from, elements, dtype);
        if (holds) {
            otx__make_block(bytes, from, dtype);
            otx__block_scales(&block, bytes, dtype); /* an infinity here is in all groups */
            holds = otx__is_finite((double)block.scale[0]) &&
                    otx__is_finite((double)block.minus[0]);
        }
        if (!holds) memset(bytes, 0, size);
        refused += !holds;
    }
    return refused;
}

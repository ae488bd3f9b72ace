/* ---- blocks: scales that fit a group, as ggml fits them -------------------- */

/* All sums are float, from left to right, and the comparisons are ggml's: an infinity from
   values that are too large or too small for float leaves the same bits as there. Levels are
   as they are stored, from 0. */

/* Below this a group is taken for zeros. */
#define OTX__GROUP_LEAST 1e-15f

/* To nearest, ties to even, of what is below 2^22; of what is not, what the trick gives. */
OTX__PRIVATE int otx__round_level(float value)
{
    float shifted = value + 12582912.0f;
    uint32_t bits;
    if (shifted != shifted) return 0;
    memcpy(&bits, &shifted, sizeof bits);
    return (int)(bits & 0x7fffff) - 0x400000;
}

OTX__PRIVATE int otx__between(int value, int least, int most)
{
    return value < least ? least : value > most ? most : value;
}

/* The element of largest magnitude, the first of several. */
OTX__PRIVATE float otx__largest(const float *x, unsigned count)
{
    float largest = 0.0f;
    unsigned i;
    for (i = 0; i < count; i++)
        if (fabsf(x[i]) > fabsf(largest)) largest = x[i];
    return largest;
}

/* ---- levels about zero: Q6_K, Q3_K ---- */

/* Of levels against values, weighted with the values' squares. */
typedef struct otx__level_sums {
    float product, square;
} otx__level_sums;

/* The levels of 16 values, `half` more than what they stand for, and their sums. */
OTX__PRIVATE otx__level_sums otx__levels_about_zero(uint8_t *level, const float *x, int half,
                                                    float inverse)
{
    otx__level_sums sums = {0.0f, 0.0f};
    unsigned i;
    for (i = 0; i < 16; i++) {
        int l = otx__between(otx__round_level(inverse * x[i]), -half, half - 1);
        float weight = x[i] * x[i];
        level[i] = (uint8_t)(l + half);
        sums.product += weight * x[i] * (float)l;
        sums.square += weight * (float)l * (float)l;
    }
    return sums;
}

/* The best of nineteen scales about the one that gives the largest value its level. */
OTX__PRIVATE float otx__fit_trials(uint8_t *level, const float *x, int half)
{
    const float largest = otx__largest(x, 16);
    otx__level_sums sums;
    float scale, best;
    int trial;
    if (fabsf(largest) < OTX__GROUP_LEAST) {
        memset(level, 0, 16);
        return 0.0f;
    }
    sums = otx__levels_about_zero(level, x, half, (float)-half / largest);
    scale = sums.square != 0.0f ? sums.product / sums.square : 0.0f;
    best = scale * sums.product;
    for (trial = -9; trial <= 9; trial++) {
        uint8_t tried[16];
        float step = 0.1f * (float)trial;
        if (trial == 0) continue;
        sums = otx__levels_about_zero(tried, x, half, -((float)half + step) / largest);
        if (sums.square > 0.0f && sums.product * sums.product > best * sums.square) {
            memcpy(level, tried, 16);
            scale = sums.product / sums.square;
            best = scale * sums.product;
        }
    }
    return scale;
}

/* Moves one level to where the rest wants it, if that is better. */
OTX__PRIVATE bool otx__fit_level(uint8_t *level, float x, int half, otx__level_sums *sums)
{
    const float weight = x * x, old = (float)(*level - half);
    otx__level_sums rest;
    int l;
    rest.product = sums->product - weight * x * old;
    if (!(rest.product > 0.0f)) return false;
    rest.square = sums->square - weight * old * old;
    l = otx__between(otx__round_level(x * rest.square / rest.product), -half, half - 1);
    if (l == *level - half) return false;
    rest.product += weight * x * (float)l;
    rest.square += weight * (float)l * (float)l;
    if (!(rest.square > 0.0f && rest.product * rest.product * sums->square >
                                    sums->product * sums->product * rest.square))
        return false;
    *level = (uint8_t)(l + half);
    *sums = rest;
    return true;
}

/* Levels moved one by one, in five rounds at most. */
OTX__PRIVATE float otx__fit_descent(uint8_t *level, const float *x, int half)
{
    const float largest = otx__largest(x, 16);
    otx__level_sums sums;
    unsigned round, i, changed = 1;
    if (fabsf(largest) < OTX__GROUP_LEAST) {
        memset(level, 0, 16);
        return 0.0f;
    }
    sums = otx__levels_about_zero(level, x, half, (float)-half / largest);
    for (round = 0; round < 5 && changed; round++)
        for (i = 0, changed = 0; i < 16; i++)
            changed += otx__fit_level(&level[i], x[i], half, &sums);
    return sums.square > 0.0f ? sums.product / sums.square : 0.0f;
}

/* ---- levels above a minimum: Q2_K, Q4_K, Q5_K ---- */

/* What such a fit is asked for: the largest level, whether misses count by magnitude and not
   by square, and how far inverse scales are tried: from `first` in steps of 0.1. */
typedef struct otx__fit_kind {
    int most;
    bool by_magnitude;
    float first;
    int trials;
} otx__fit_kind;

/* A group in the fit. Values are about scale * level + minimum, with a minimum of at most 0. */
typedef struct otx__group_fit {
    const float *x, *weight;
    unsigned count;
    float most, sum_weight, sum_x; /* of the values: the largest, and sums with the weights */
    float scale, minimum, missing; /* the best as yet */
} otx__group_fit;

/* Levels of at most `most`, when the span above the best minimum as yet is `span` of them.
   Returns the inverse scale. */
OTX__PRIVATE float otx__levels_above(uint8_t *level, const otx__group_fit *fit, float span,
                                     int most)
{
    const float inverse = span / (fit->most - fit->minimum);
    unsigned i;
    for (i = 0; i < fit->count; i++) {
        int l = otx__round_level(inverse * (fit->x[i] - fit->minimum));
        level[i] = (uint8_t)otx__between(l, 0, most);
    }
    return inverse;
}

/* How much values are missed. */
OTX__PRIVATE float otx__fit_missing(const uint8_t *level, const otx__group_fit *fit, float scale,
                                    float minimum, bool by_magnitude)
{
    float missing = 0.0f;
    unsigned i;
    for (i = 0; i < fit->count; i++) {
        float miss = scale * (float)level[i] + minimum - fit->x[i];
        miss = by_magnitude ? fabsf(miss) : miss * miss;
        missing += fit->weight[i] * miss;
    }
    return missing;
}

/* Scale and minimum by weighted least squares for levels that are given; taken if better. */
OTX__PRIVATE bool otx__fit_line(const uint8_t *level, otx__group_fit *fit, bool by_magnitude)
{
    float sum_l = 0.0f, sum_l2 = 0.0f, sum_xl = 0.0f, determinant, scale, minimum, missing;
    unsigned i;
    for (i = 0; i < fit->count; i++) {
        const float l = (float)level[i], weighted = fit->weight[i] * l;
        sum_l += weighted;
        sum_l2 += weighted * l;
        sum_xl += weighted * fit->x[i];
    }
    determinant = fit->sum_weight * sum_l2 - sum_l * sum_l;
    if (!(determinant > 0.0f)) return false;
    scale = (fit->sum_weight * sum_xl - fit->sum_x * sum_l) / determinant;
    minimum = (sum_l2 * fit->sum_x - sum_l * sum_xl) / determinant;
    if (minimum > 0.0f) {
        minimum = 0.0f;
        scale = sum_xl / sum_l2;
    }
    missing = otx__fit_missing(level, fit, scale, minimum, by_magnitude);
    if (!(missing < fit->missing)) return false;
    fit->scale = scale;
    fit->minimum = minimum;
    fit->missing = missing;
    return true;
}

/* Returns the scale; *minus is the minimum with its sign turned. */
OTX__PRIVATE float otx__fit_above(uint8_t *level, const float *x, const float *weight,
                                  unsigned count, const otx__fit_kind *kind, float *minus)
{
    otx__group_fit fit;
    uint8_t tried[32];
    unsigned i;
    int trial;
    fit.x = x;
    fit.weight = weight;
    fit.count = count;
    fit.most = fit.minimum = x[0];
    fit.sum_weight = weight[0];
    fit.sum_x = weight[0] * x[0];
    for (i = 1; i < count; i++) {
        if (x[i] < fit.minimum) fit.minimum = x[i];
        if (x[i] > fit.most) fit.most = x[i];
        fit.sum_weight += weight[i];
        fit.sum_x += weight[i] * x[i];
    }
    if (fit.minimum > 0.0f) fit.minimum = 0.0f;
    *minus = -fit.minimum;
    memset(level, 0, count);
    if (fit.most == fit.minimum) return 0.0f;
    fit.scale = 1.0f / otx__levels_above(level, &fit, (float)kind->most, kind->most);
    fit.missing = otx__fit_missing(level, &fit, fit.scale, fit.minimum, kind->by_magnitude);
    for (trial = 0; trial < kind->trials; trial++) {
        float step = kind->first + 0.1f * (float)trial;
        (void)otx__levels_above(tried, &fit, step + (float)kind->most, kind->most);
        if (otx__fit_line(tried, &fit, kind->by_magnitude)) memcpy(level, tried, count);
    }
    *minus = -fit.minimum;
    return fit.scale;
}

/* ---- levels from a table: IQ4_NL, IQ4_XS ---- */

/* The level whose value is nearest. */
OTX__PRIVATE unsigned otx__nearest_value(const int8_t *values, float x)
{
    unsigned low = 0, high = 15;
    if (x <= (float)values[0]) return 0;
    if (x >= (float)values[15]) return 15;
    while (high - low > 1) {
        unsigned middle = (low + high) / 2;
        if (x < (float)values[middle]) high = middle;
        else low = middle;
    }
    return x - (float)values[high - 1] < (float)values[high] - x ? high - 1 : high;
}

/* The sums for 32 values at an inverse scale. */
OTX__PRIVATE otx__level_sums otx__value_sums(const int8_t *values, const float *x, float inverse)
{
    otx__level_sums sums = {0.0f, 0.0f};
    unsigned i;
    for (i = 0; i < 32; i++) {
        float value = (float)values[otx__nearest_value(values, inverse * x[i])];
        float weight = x[i] * x[i];
        sums.product += weight * value * x[i];
        sums.square += weight * value * value;
    }
    return sums;
}

/* The best of fifteen scales about the one that gives the largest value its level. */
OTX__PRIVATE float otx__fit_values(const int8_t *values, const float *x)
{
    const float largest = otx__largest(x, 32);
    otx__level_sums sums;
    float scale, best;
    int trial;
    if (fabsf(largest) < OTX__GROUP_LEAST) return 0.0f;
    scale = -largest / (float)values[0];
    sums = otx__value_sums(values, x, 1.0f / scale);
    scale = sums.square > 0.0f ? sums.product / sums.square : 0.0f;
    best = scale * sums.product;
    for (trial = -7; trial <= 7; trial++) {
        sums = otx__value_sums(values, x, (float)(trial + values[0]) / largest);
        if (sums.square > 0.0f && sums.product * sums.product > best * sums.square) {
            scale = sums.product / sums.square;
            best = scale * sums.product;
        }
    }
    return scale;
}

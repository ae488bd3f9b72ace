/* The dense products of each set of kernels, for test_kernels.c, which names the sets and
   makes the numbers: within the bound. */
#ifndef KERNEL_PRODUCTS_H
#define KERNEL_PRODUCTS_H

/* What a float sum of n products may be off by: their magnitudes add up to `size`. */
static double allowance(size_t n, double size, double subnormal)
{
    double chain = (double)OTX__CHAIN + (double)(n / OTX__CHAIN) + 4.0;
    return chain * 0x1p-24 * size + (double)n * subnormal;
}

/* After it a float sum loses every 1 that is added: a chain that were too long would
   lose more than the bound allows. */
#define LEADING 0x1p24f
#define LEADING_BF16 0x4b80

/* Long rows, which take long to check, are for the kinds that need them. */
static bool is_wanted(size_t n, int kind) { return n < 200 || kind == PLAIN || kind == ONES; }

/* Chain after chain, as dense products are made of them. */
static void check_product(const otx__kernels *kernels, size_t tiles, size_t n, int kind)
{
    size_t numbers = n * OTX__TILE, size = OTX__TILE * OTX__TILE, i, j, p, tile;
    float *a = (float *)malloc(tiles * numbers * sizeof *a);
    float *b = (float *)malloc(numbers * sizeof *b);
    float *c = (float *)malloc((tiles * size + 1) * sizeof *c);
    for (i = 0; i < tiles * numbers; i++) a[i] = value(kind);
    for (i = 0; i < numbers; i++) b[i] = value(kind);
    for (i = 0; i < OTX__TILE && kind == ONES; i++) a[i] = LEADING;
    for (i = 0; i <= tiles * size; i++) c[i] = 7.0f;
    otx__panels_multiply_floats(kernels, a, tiles, b, n, c);
    CHECK_SET(kernels, c[tiles * size] == 7.0f);
    for (tile = 0; tile < tiles; tile++) {
        const float *panel = a + tile * numbers;
        for (i = 0; i < size; i++) {
            double exact = 0.0, magnitude = 0.0;
            for (p = 0, j = i / OTX__TILE; p < n; p++) {
                double term = (double)panel[p * OTX__TILE + i % OTX__TILE] *
                              (double)b[p * OTX__TILE + j];
                exact += term;
                magnitude += fabs(term);
            }
            CHECK_SET(kernels, fabs((double)c[tile * size + i] - exact) <=
                                   allowance(n, magnitude, 0x1p-149));
        }
    }
    free(a);
    free(b);
    free(c);
}

static void product(void)
{
    size_t i, set;
    int kind;
    for (set = 0; set < set_count; set++)
        for (kind = 0; kind < KINDS; kind++)
            for (i = 0; i < OTX__COUNT(lengths); i++)
                if (lengths[i] && is_wanted(lengths[i], kind))
                    check_product(sets[set], 1 + (i + (size_t)kind) % 3, lengths[i], kind);
}

static void check_product_bf16(const otx__kernels *kernels, size_t tiles, size_t n, int kind)
{
    size_t numbers = n * OTX__TILE, sums = tiles * OTX__TILE * OTX__TILE, tile, i, j, p;
    uint16_t *a = (uint16_t *)malloc(tiles * numbers * 2 + 1);
    uint16_t *b = (uint16_t *)malloc(numbers * 2 + 1);
    float *c = (float *)malloc((sums + 1) * sizeof *c);
    double largest = kind == HUGE_ONES ? 0x1p51 : 1.0;
    for (i = 0; i < tiles * numbers; i++) a[i] = bf16_value(kind);
    for (i = 0; i < numbers; i++) b[i] = bf16_value(kind);
    for (i = 0; i < OTX__TILE && n && kind == ONES; i++) a[2 * i] = LEADING_BF16;
    c[sums] = 7.0f;
    kernels->product_bf16(a, tiles, b, n, c);
    CHECK_SET(kernels, c[sums] == 7.0f);
    for (tile = 0; tile < tiles; tile++) {
        for (j = 0; j < OTX__TILE; j++) {
            for (i = 0; i < OTX__TILE; i++) {
                double exact = 0.0, size = 0.0;
                size_t at = (tile * OTX__TILE + j) * OTX__TILE + i;
                for (p = 0; p < n; p++) {
                    size_t pair = p / 2 * OTX__TILE * 2 + p % 2;
                    double term = (double)otx__float_of_bf16(a[tile * numbers + pair + 2 * i]) *
                                  (double)otx__float_of_bf16(b[pair + 2 * j]);
                    exact += term;
                    size += fabs(term);
                }
                /* Subnormal elements, products and sums may each count as 0. */
                CHECK_SET(kernels, fabs((double)c[at] - exact) <=
                                       allowance(n, size, 0x1p-126 * (2.0 + 2.0 * largest)));
            }
        }
    }
    free(a);
    free(b);
    free(c);
}

static void product_bf16(void)
{
    static const size_t even[] = {0,   2,   4,   6,   14,  16,  18,   30,   32,   34,  62,
                                  64,  66,  126, 128, 130, 256, 510,  512,  514,  544, 1000,
                                  1022, 1024, 1026, 1058, 4098};
    size_t i, set;
    int kind;
    for (set = 0; set < set_count; set++) {
        if (!sets[set]->product_bf16) continue;
        for (kind = 0; kind < KINDS; kind++)
            for (i = 0; i < OTX__COUNT(even); i++)
                if (is_wanted(even[i], kind))
                    check_product_bf16(sets[set], 1 + (i + (size_t)kind) % (even[i] < 200 ? 8 : 2),
                                       even[i], kind);
        check_product_bf16(sets[set], otx__group_most(sets[set]), 1058, PLAIN);
    }
}

/* Numbers from -127 to 127: any, the largest with equal or with other signs, or few. */
static int8_t int8_value(int kind)
{
    switch (kind) {
    case HUGE_ONES: return bits32() & 1 ? 127 : -127;
    case ZEROS: return bits32() % 3 ? 0 : 1;
    case ONES: return 127;
    default: return (int8_t)((int)(bits32() % 255) - 127);
    }
}

static void check_product_int8(const otx__kernels *kernels, size_t tiles, size_t n, int kind)
{
    size_t numbers = n * OTX__TILE, sums = tiles * OTX__TILE * OTX__TILE, i;
    int8_t *a = (int8_t *)malloc(tiles * numbers), *b = (int8_t *)malloc(numbers);
    float *c = (float *)malloc((sums + 1) * sizeof *c), *exact = (float *)malloc(sums * sizeof *c);
    for (i = 0; i < tiles * numbers; i++) a[i] = int8_value(kind);
    for (i = 0; i < numbers; i++) b[i] = int8_value(kind == SMALL_ONES ? ONES : kind);
    for (i = 0; i < numbers && kind == SPREAD; i++) b[i] = -127;
    c[sums] = 7.0f;
    kernels->product_int8(a, tiles, b, n, c);
    otx__product_int8_scalar(a, tiles, b, n, exact);
    CHECK_SET(kernels, c[sums] == 7.0f);
    CHECK_SET(kernels, memcmp(c, exact, sums * sizeof *c) == 0);
    if (kind == ONES) CHECK_SET(kernels, c[0] == (float)(127.0 * 127.0 * (double)n));
    free(a);
    free(b);
    free(c);
    free(exact);
}

static void product_int8(void)
{
    static const size_t fours[] = {4, 8, 12, 60, 64, 68, 128, 252, 508, 512, 516, 1024, 1028,
                                   1540};
    size_t i, set;
    int kind;
    for (set = 0; set < set_count; set++) {
        if (!sets[set]->product_int8) continue;
        for (kind = 0; kind < KINDS; kind++)
            for (i = 0; i < OTX__COUNT(fours); i++)
                if (is_wanted(fours[i], kind))
                    check_product_int8(sets[set], 1 + (i + (size_t)kind) % 4, fours[i], kind);
        check_product_int8(sets[set], otx__group_most(sets[set]), 1540, PLAIN);
        check_product_int8(sets[set], 1, OTX__INT8_TERMS, ONES);
    }
}

#endif

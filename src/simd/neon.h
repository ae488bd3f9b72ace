/* ---- kernel_neon: 64-bit Arm ---------------------------------------------- */

/* Little-endian only: lanes of a big-endian load stand in another order. */
#if !defined(OTX_NO_SIMD) && defined(__aarch64__) && defined(__ARM_NEON) && \
    !defined(__AARCH64EB__)
#define OTX__NEON

#include <arm_neon.h>

/* One chain of products, for sixteen rows of a by four of b: sixteen sums stay in
   registers. It is put in c, or added to it. */
OTX__PRIVATE void otx__chain_neon(const float *a, const float *b, size_t count, bool add,
                                  float *c)
{
    float32x4_t sums[4][4];
    size_t p, i, j;
    OTX__UNROLL
    for (i = 0; i < 4; i++)
        sums[0][i] = sums[1][i] = sums[2][i] = sums[3][i] = vdupq_n_f32(0.0f);
    for (p = 0; p < count; p++, a += OTX__TILE, b += OTX__TILE) {
        float32x4_t b0 = vld1q_f32(b);
        OTX__UNROLL
        for (i = 0; i < 4; i++) {
            float32x4_t a0 = vld1q_f32(a + 4 * i);
            sums[0][i] = vfmaq_laneq_f32(sums[0][i], a0, b0, 0);
            sums[1][i] = vfmaq_laneq_f32(sums[1][i], a0, b0, 1);
            sums[2][i] = vfmaq_laneq_f32(sums[2][i], a0, b0, 2);
            sums[3][i] = vfmaq_laneq_f32(sums[3][i], a0, b0, 3);
        }
    }
    OTX__UNROLL
    for (j = 0; j < 4; j++) {
        OTX__UNROLL
        for (i = 0; i < 4; i++) {
            float *at = c + j * OTX__TILE + 4 * i;
            if (add) sums[j][i] = vaddq_f32(sums[j][i], vld1q_f32(at));
            vst1q_f32(at, sums[j][i]);
        }
    }
}

OTX__PRIVATE void otx__product_neon(const float *a, const float *b, size_t n, bool add, float *c)
{
    size_t i, j;
    for (j = 0; j < OTX__STRIP; j += 4)
        for (i = 0; i < OTX__TILE; i += 16)
            otx__chain_neon(a + i, b + j, n, add, c + j * OTX__TILE + i);
}

/* The larger of `best` and the weighted correlations of four atoms. */
OTX__PRIVATE float32x4_t otx__score_neon(float32x4_t best, int16x4_t start, int32x4_t sum,
                                         const float *scales, const float *common,
                                         const float *weight, uint32_t first)
{
    static const uint32_t four[4] = {0, 1, 2, 3};
    uint32x4_t numbers = vaddq_u32(vld1q_u32(four), vdupq_n_u32(first)), bits;
    float32x4_t value = vmulq_n_f32(vcvtq_f32_s32(vmovl_s16(start)), scales[0]);
    value = vfmaq_n_f32(value, vld1q_f32(common), scales[1]);
    value = vfmsq_n_f32(value, vcvtq_f32_s32(sum), scales[2]);
    value = vmulq_f32(vabsq_f32(value), vld1q_f32(weight));
    /* As otx__packed does. */
    bits = vbicq_u32(vreinterpretq_u32_f32(value), vdupq_n_u32(OTX__TILE - 1));
    return vmaxq_f32(best, vreinterpretq_f32_u32(vorrq_u32(bits, numbers)));
}

/* The sums of `sets` supports of one target over half a tile. */
OTX__INLINE void otx__sums_neon(const otx__scan *scan, size_t target, size_t half, size_t sets,
                                int32x4_t sums[OTX__SETS][4])
{
    const uint32_t *atoms = scan->atoms + target * scan->pitch;
    const int16_t *steps = scan->steps + target * OTX__SETS * scan->pitch;
    size_t count = scan->counts[target], i, j, set;
    int32x4_t parts[OTX__SETS][4];
    OTX__UNROLL
    for (set = 0; set < sets; set++) {
        OTX__UNROLL
        for (i = 0; i < 4; i++) parts[set][i] = vdupq_n_s32(0);
    }
    for (j = 0; j < count; j++) {
        const int16_t *gram = scan->gram + (size_t)atoms[j] * OTX__TILE + 16 * half;
        int16x8_t low = vld1q_s16(gram), high = vld1q_s16(gram + 8);
        OTX__UNROLL
        for (set = 0; set < sets; set++) {
            int16_t step = steps[j / 2 * OTX__SETS * 2 + 2 * set + j % 2];
            parts[set][0] = vmlal_n_s16(parts[set][0], vget_low_s16(low), step);
            parts[set][1] = vmlal_high_n_s16(parts[set][1], low, step);
            parts[set][2] = vmlal_n_s16(parts[set][2], vget_low_s16(high), step);
            parts[set][3] = vmlal_high_n_s16(parts[set][3], high, step);
        }
    }
    OTX__UNROLL
    for (set = 0; set < sets; set++) {
        OTX__UNROLL
        for (i = 0; i < 4; i++) sums[set][i] = parts[set][i];
    }
}

OTX__PRIVATE void otx__scan_neon(const otx__scan *scan)
{
    size_t target, set, half, i;
    for (target = 0; target < scan->targets; target++) {
        const float *scales = scan->scales + target * OTX__SETS * 3;
        size_t sets = scan->sets[target];
        float32x4_t best[OTX__SETS];
        int32x4_t sums[OTX__SETS][4];
        for (set = 0; set < OTX__SETS; set++) best[set] = vdupq_n_f32(0.0f);
        for (half = 0; half < 2; half++) {
            const int16_t *start = scan->start + target * OTX__TILE + 16 * half;
            const float *common = scan->common + 16 * half, *weight = scan->weight + 16 * half;
            if (sets == 1) otx__sums_neon(scan, target, half, 1, sums);
            else if (sets == 2) otx__sums_neon(scan, target, half, 2, sums);
            else otx__sums_neon(scan, target, half, OTX__SETS, sums);
            for (set = 0; set < sets; set++)
                for (i = 0; i < 4; i++)
                    best[set] = otx__score_neon(best[set], vld1_s16(start + 4 * i), sums[set][i],
                                                scales + 3 * set, common + 4 * i,
                                                weight + 4 * i, (uint32_t)(16 * half + 4 * i));
        }
        for (set = 0; set < sets; set++)
            scan->best[set * scan->best_pitch + target] = vmaxvq_f32(best[set]);
    }
}

OTX__PRIVATE void otx__refine_neon(const int16_t *gram, const uint32_t *atoms,
                                   const float *betas, size_t count, float *correlations)
{
    float32x4_t values[8];
    size_t i, j;
    OTX__UNROLL
    for (i = 0; i < 8; i++) values[i] = vld1q_f32(correlations + 4 * i);
    for (j = 0; j < count; j++) {
        const int16_t *column = gram + (size_t)atoms[j] * OTX__TILE;
        float beta = betas[j] / 32767.0f;
        OTX__UNROLL
        for (i = 0; i < 8; i++) {
            float32x4_t wide = vcvtq_f32_s32(vmovl_s16(vld1_s16(column + 4 * i)));
            values[i] = vfmsq_n_f32(values[i], wide, beta);
        }
    }
    OTX__UNROLL
    for (i = 0; i < 8; i++) vst1q_f32(correlations + 4 * i, values[i]);
}

/* Four elements of a row. */
OTX__PRIVATE float32x4_t otx__floats_neon(otx__row row, size_t i)
{
    uint16_t halves[4];
    float four[4];
    if (row.bf16) {
        memcpy(halves, otx__row_at(row, i), sizeof halves);
        return vreinterpretq_f32_u32(vshll_n_u16(vld1_u16(halves), 16));
    }
    memcpy(four, otx__row_at(row, i), sizeof four);
    return vld1q_f32(four);
}

OTX__PRIVATE void otx__rough_dots_neon(const float *a, const otx__row *rows, size_t count,
                                       size_t n, float *out)
{
    size_t i, j, h, whole = n - n % OTX__LANES;
    for (j = 0; j < count; j++) {
        float32x4_t sums[4];
        OTX__UNROLL
        for (h = 0; h < 4; h++) sums[h] = vdupq_n_f32(0.0f);
        for (i = 0; i < whole; i += OTX__LANES) {
            OTX__UNROLL
            for (h = 0; h < 4; h++)
                sums[h] = vfmaq_f32(sums[h], vld1q_f32(a + i + 4 * h),
                                    otx__floats_neon(rows[j], i + 4 * h));
        }
        sums[0] = vaddq_f32(vaddq_f32(sums[0], sums[1]), vaddq_f32(sums[2], sums[3]));
        out[j] = vaddvq_f32(sums[0]);
        for (; i < n; i++) out[j] += a[i] * otx__row_element(rows[j], i);
    }
}

OTX__PRIVATE void otx__rough_residual_neon(float *r, otx__row y, const double *coefficients,
                                           const otx__row *rows, size_t count, size_t n)
{
    size_t i, j, whole = n - n % 4;
    for (i = 0; i < whole; i += 4) {
        float32x4_t value = otx__floats_neon(y, i);
        for (j = 0; j < count; j++)
            value = vfmsq_n_f32(value, otx__floats_neon(rows[j], i), (float)coefficients[j]);
        vst1q_f32(r + i, value);
    }
    for (; i < n; i++) {
        r[i] = otx__row_element(y, i);
        for (j = 0; j < count; j++)
            r[i] -= (float)coefficients[j] * otx__row_element(rows[j], i);
    }
}

/* Four elements of a row as two registers of doubles. */
OTX__PRIVATE void otx__widen_neon(otx__row row, size_t i, float64x2_t *low, float64x2_t *high)
{
    float32x4_t values = otx__floats_neon(row, i);
    *low = vcvt_f64_f32(vget_low_f32(values));
    *high = vcvt_high_f64_f32(values);
}

/* sum + a b. Fused, where the product is exact, it has the same bits. */
OTX__INLINE float64x2_t otx__add_product_neon(float64x2_t sum, float64x2_t a, float64x2_t b,
                                              bool fused)
{
    return fused ? vfmaq_f64(sum, a, b) : vaddq_f64(sum, vmulq_f64(a, b));
}

OTX__INLINE void otx__dots_body_neon(const double *a, const otx__row *rows, size_t count,
                                     size_t n, bool fused, double *out)
{
    size_t row, i, h, whole = n - n % OTX__LANES;
    for (row = 0; row < count; row++) {
        float64x2_t sums[8], low, high;
        double lanes[OTX__LANES];
        OTX__UNROLL
        for (h = 0; h < 8; h++) sums[h] = vdupq_n_f64(0.0);
        for (i = 0; i < whole; i += OTX__LANES) {
            OTX__UNROLL
            for (h = 0; h < 4; h++) {
                const double *at = a + i + 4 * h;
                otx__widen_neon(rows[row], i + 4 * h, &low, &high);
                sums[2 * h] =
                    otx__add_product_neon(sums[2 * h], vld1q_f64(at), low, fused);
                sums[2 * h + 1] =
                    otx__add_product_neon(sums[2 * h + 1], vld1q_f64(at + 2), high, fused);
            }
        }
        OTX__UNROLL
        for (h = 0; h < 8; h++) vst1q_f64(lanes + 2 * h, sums[h]);
        otx__dot_lanes(lanes, a, rows[row], whole, n);
        out[row] = otx__fold_lanes(lanes);
    }
}

OTX__PRIVATE void otx__dots_neon(const double *a, const otx__row *rows, size_t count, size_t n,
                                 double *out)
{
    otx__dots_body_neon(a, rows, count, n, false, out);
}

OTX__PRIVATE void otx__products_neon(const double *a, const otx__row *rows, size_t count,
                                     size_t n, double *out)
{
    otx__dots_body_neon(a, rows, count, n, true, out);
}

OTX__PRIVATE void otx__residual_neon(double *r, otx__row y, const double *coefficients,
                                     const otx__row *rows, size_t count, size_t n)
{
    size_t i, j, whole = n - n % 4;
    for (i = 0; i < whole; i += 4) {
        float64x2_t low = vdupq_n_f64(0.0), high = low, b0, b1;
        if (y.data) {
            otx__widen_neon(y, i, &low, &high);
        } else {
            low = vld1q_f64(r + i);
            high = vld1q_f64(r + i + 2);
        }
        for (j = 0; j < count; j++) {
            otx__widen_neon(rows[j], i, &b0, &b1);
            low = vsubq_f64(low, vmulq_n_f64(b0, coefficients[j]));
            high = vsubq_f64(high, vmulq_n_f64(b1, coefficients[j]));
        }
        vst1q_f64(r + i, low);
        vst1q_f64(r + i + 2, high);
    }
    otx__residual_elements(r, y, coefficients, rows, count, whole, n);
}

OTX__PRIVATE const otx__kernels otx__kernels_neon = {
    OTX_ISA_NEON, otx__product_neon, NULL, NULL, otx__scan_neon, otx__sift_scalar, otx__refine_neon,
    otx__rough_dots_neon, otx__rough_residual_neon, otx__dots_neon, otx__products_neon,
    NULL, otx__residual_neon};

/* ---- and with matrices of bf16 and of 8-bit numbers (FEAT_BF16, FEAT_I8MM) ---- */

/* The other extensions do not help. The scan's numbers have 16 bits, and products of
   8-bit numbers would take them in halves: more work than the widening multiply-add.
   Half-precision floats (fp16) keep 11 bits and overflow at 65,504: they would widen the
   bound of the screen a thousandfold. */
#if (defined(__linux__) || defined(__APPLE__)) &&                                           \
    ((defined(__ARM_FEATURE_BF16_VECTOR_ARITHMETIC) && defined(__ARM_FEATURE_MATMUL_INT8)) || \
     (defined(__clang__) ? __clang_major__ >= 16 : __GNUC__ >= 10))
#define OTX__NEON_BF16

#if defined(__ARM_FEATURE_BF16_VECTOR_ARITHMETIC) && defined(__ARM_FEATURE_MATMUL_INT8)
#define OTX__NEON_BF16_TARGET
#else
#define OTX__NEON_BF16_TARGET __attribute__((target("arch=armv8.2-a+bf16+i8mm")))
#endif

/* By names of our own: strict C modes hide the declarations. */
#ifdef __APPLE__
extern int otx__sys_sysctlbyname(const char *name, void *old, size_t *old_size, void *fresh,
                                 size_t fresh_size) __asm__("_sysctlbyname");
#else
extern unsigned long otx__sys_getauxval(unsigned long type) __asm__("getauxval");
#endif

#ifdef __APPLE__
OTX__PRIVATE bool otx__neon_has(const char *name)
{
    int has = 0;
    size_t size = sizeof has;
    return otx__sys_sysctlbyname(name, &has, &size, NULL, 0) == 0 && has;
}
#endif

OTX__PRIVATE bool otx__neon_bf16_here(void)
{
#ifdef __APPLE__
    return otx__neon_has("hw.optional.arm.FEAT_BF16") && otx__neon_has("hw.optional.arm.FEAT_I8MM");
#else
    const unsigned long hwcap2 = 26, both = 1ul << 13 | 1ul << 14; /* AT_HWCAP2: I8MM, BF16 */
    return (otx__sys_getauxval(hwcap2) & both) == both;
#endif
}

/* Two rows of four terms each, from two pairs of terms of four rows: the rows that
   the instructions multiply with two others. Of 8-bit numbers, four count as a pair. */
OTX__NEON_BF16_TARGET OTX__INLINE void otx__rows_neon(const uint16_t *panel, size_t terms,
                                                      uint32x4_t *first, uint32x4_t *second)
{
    uint32x4_t pair0 = vreinterpretq_u32_u16(vld1q_u16(panel)), pair1 = vdupq_n_u32(0);
    if (terms > 2) pair1 = vreinterpretq_u32_u16(vld1q_u16(panel + 2 * OTX__TILE));
    *first = vzip1q_u32(pair0, pair1);
    *second = vzip2q_u32(pair0, pair1);
}

/* sum + the products of two rows x with two rows y. */
OTX__NEON_BF16_TARGET OTX__INLINE float32x4_t otx__square_neon(float32x4_t sum, uint32x4_t x,
                                                               uint32x4_t y, bool int8)
{
    if (int8)
        return vreinterpretq_f32_s32(vmmlaq_s32(vreinterpretq_s32_f32(sum),
                                                vreinterpretq_s8_u32(x), vreinterpretq_s8_u32(y)));
    return vbfmmlaq_f32(sum, vreinterpretq_bf16_u32(x), vreinterpretq_bf16_u32(y));
}

/* Two sums, with those before where there are any. */
OTX__NEON_BF16_TARGET OTX__INLINE void otx__put_neon(float32x2_t sums, bool first, bool int8,
                                                     float *c)
{
    if (!first && int8)
        sums = vreinterpret_f32_s32(
            vadd_s32(vreinterpret_s32_f32(sums), vreinterpret_s32_f32(vld1_f32(c))));
    else if (!first)
        sums = vadd_f32(sums, vld1_f32(c));
    vst1_f32(c, sums);
}

/* Adds one chain, for eight rows of a by eight of b: sixteen squares of two by two
   sums stay in registers.

   BFMMLA adds to a sum the two products of a pair of terms, after adding them up:
   exact products (their 16 bits fit a float), and two additions that may be off by
   2 u each, for they round to odd. A chain of OTX__CHAIN terms, whose first addition
   is to 0, is so off by at most OTX__CHAIN * u, as a chain of float additions is.
   SMMLA is exact; its integers lie where the floats do. */
OTX__NEON_BF16_TARGET OTX__INLINE void otx__chain_neon_bf16(const uint16_t *a, const uint16_t *b,
                                                            size_t terms, bool first, bool int8,
                                                            float *c)
{
    float32x4_t sums[4][4];
    size_t p, i, j;
    OTX__UNROLL
    for (i = 0; i < 4; i++)
        sums[0][i] = sums[1][i] = sums[2][i] = sums[3][i] = vdupq_n_f32(0.0f);
    for (p = 0; p < terms; p += 4) {
        uint32x4_t x[4], y[4];
        OTX__UNROLL
        for (i = 0; i < 4; i += 2) {
            otx__rows_neon(a + p * OTX__TILE + 4 * i, terms - p, &x[i], &x[i + 1]);
            otx__rows_neon(b + p * OTX__TILE + 4 * i, terms - p, &y[i], &y[i + 1]);
        }
        OTX__UNROLL
        for (j = 0; j < 4; j++) {
            OTX__UNROLL
            for (i = 0; i < 4; i++) sums[j][i] = otx__square_neon(sums[j][i], y[j], x[i], int8);
        }
    }
    OTX__UNROLL
    for (j = 0; j < 4; j++) {
        OTX__UNROLL
        for (i = 0; i < 4; i++) {
            float *even = c + 2 * j * OTX__TILE + 2 * i;
            otx__put_neon(vget_low_f32(sums[j][i]), first, int8, even);
            otx__put_neon(vget_high_f32(sums[j][i]), first, int8, even + OTX__TILE);
        }
    }
}

/* c[tile][j][i] as product_bf16 and, in integers, product_int8 want it, n the elements
   of bf16 that are as wide. */
OTX__NEON_BF16_TARGET OTX__INLINE void otx__products_of_tiles_neon(const uint16_t *a, size_t tiles,
                                                                   const uint16_t *b, size_t n,
                                                                   bool int8, float *c)
{
    size_t tile, block, i, j;
    for (tile = 0; tile < tiles; tile++, a += n * OTX__TILE, c += OTX__TILE * OTX__TILE)
        for (block = 0; block < n || block == 0; block += OTX__CHAIN)
            for (j = 0; j < OTX__TILE; j += 8)
                for (i = 0; i < OTX__TILE; i += 8)
                    otx__chain_neon_bf16(a + block * OTX__TILE + 2 * i,
                                         b + block * OTX__TILE + 2 * j,
                                         otx__min(n - block, OTX__CHAIN), block == 0, int8,
                                         c + j * OTX__TILE + i);
}

OTX__NEON_BF16_TARGET OTX__PRIVATE void otx__product_bf16_neon(const uint16_t *a, size_t tiles,
                                                               const uint16_t *b, size_t n,
                                                               float *c)
{
    otx__products_of_tiles_neon(a, tiles, b, n, false, c);
}

OTX__NEON_BF16_TARGET OTX__PRIVATE void otx__product_int8_neon(const int8_t *a, size_t tiles,
                                                               const int8_t *b, size_t n,
                                                               float *c)
{
    size_t i;
    otx__products_of_tiles_neon((const uint16_t *)(const void *)a, tiles,
                                (const uint16_t *)(const void *)b, n / 2, true, c);
    for (i = 0; i < tiles * OTX__TILE * OTX__TILE; i += 4)
        vst1q_f32(c + i, vcvtq_f32_s32(vreinterpretq_s32_f32(vld1q_f32(c + i))));
}

OTX__PRIVATE const otx__kernels otx__kernels_neon_bf16 = {
    OTX_ISA_NEON_BF16, otx__product_neon, otx__product_bf16_neon, otx__product_int8_neon,
    otx__scan_neon, otx__sift_scalar, otx__refine_neon, otx__rough_dots_neon,
    otx__rough_residual_neon, otx__dots_neon, otx__products_neon, NULL, otx__residual_neon};

#endif /* OTX__NEON_BF16 */

#endif /* OTX__NEON */

/* ---- kernel_neon: 64-bit Arm ---------------------------------------------- */

/* Little-endian only: lanes of a big-endian load stand in another order. */
#if !defined(OTX_NO_SIMD) && defined(__aarch64__) && defined(__ARM_NEON) && \
    !defined(__AARCH64EB__)
#define OTX__NEON

#include <arm_neon.h>

/* Sixteen rows of a by four of b: sixteen sums stay in registers. */
OTX__PRIVATE void otx__product_block_neon(const float *a, const float *b, size_t n, float *c)
{
    size_t block, p, i, j;
    for (block = 0; block < n || block == 0; block += OTX__CHAIN) {
        size_t end = otx__min(n, block + OTX__CHAIN);
        float32x4_t sums[4][4];
        for (j = 0; j < 4; j++)
            for (i = 0; i < 4; i++) sums[j][i] = vdupq_n_f32(0.0f);
        for (p = block; p < end; p++) {
            const float *row = a + p * OTX__TILE;
            float32x4_t b0 = vld1q_f32(b + p * OTX__TILE);
            for (i = 0; i < 4; i++) {
                float32x4_t a0 = vld1q_f32(row + 4 * i);
                sums[0][i] = vfmaq_laneq_f32(sums[0][i], a0, b0, 0);
                sums[1][i] = vfmaq_laneq_f32(sums[1][i], a0, b0, 1);
                sums[2][i] = vfmaq_laneq_f32(sums[2][i], a0, b0, 2);
                sums[3][i] = vfmaq_laneq_f32(sums[3][i], a0, b0, 3);
            }
        }
        for (j = 0; j < 4; j++) {
            for (i = 0; i < 4; i++) {
                float *at = c + j * OTX__TILE + 4 * i;
                if (block) sums[j][i] = vaddq_f32(sums[j][i], vld1q_f32(at));
                vst1q_f32(at, sums[j][i]);
            }
        }
    }
}

OTX__PRIVATE void otx__product_neon(const float *a, const float *b, size_t n, float *c)
{
    size_t i, j;
    for (j = 0; j < OTX__STRIP; j += 4)
        for (i = 0; i < OTX__TILE; i += 16)
            otx__product_block_neon(a + i, b + j, n, c + j * OTX__TILE + i);
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
    for (set = 0; set < sets; set++)
        for (i = 0; i < 4; i++) sums[set][i] = vdupq_n_s32(0);
    for (j = 0; j < count; j++) {
        const int16_t *gram = scan->gram + (size_t)atoms[j] * OTX__TILE + 16 * half;
        int16x8_t low = vld1q_s16(gram), high = vld1q_s16(gram + 8);
        OTX__UNROLL
        for (set = 0; set < sets; set++) {
            int16_t step = steps[j / 2 * OTX__SETS * 2 + 2 * set + j % 2];
            sums[set][0] = vmlal_n_s16(sums[set][0], vget_low_s16(low), step);
            sums[set][1] = vmlal_high_n_s16(sums[set][1], low, step);
            sums[set][2] = vmlal_n_s16(sums[set][2], vget_low_s16(high), step);
            sums[set][3] = vmlal_high_n_s16(sums[set][3], high, step);
        }
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

/* Four elements of a row as two registers of doubles. */
OTX__PRIVATE void otx__widen_neon(otx__row row, size_t i, float64x2_t *low, float64x2_t *high)
{
    float32x4_t values;
    if (row.bf16) {
        uint16_t bits[4];
        memcpy(bits, otx__row_at(row, i), sizeof bits);
        values = vreinterpretq_f32_u32(vshll_n_u16(vld1_u16(bits), 16));
    } else {
        float four[4];
        memcpy(four, otx__row_at(row, i), sizeof four);
        values = vld1q_f32(four);
    }
    *low = vcvt_f64_f32(vget_low_f32(values));
    *high = vcvt_high_f64_f32(values);
}

OTX__PRIVATE void otx__dots_neon(const double *a, const otx__row *rows, size_t count, size_t n,
                                 double *out)
{
    size_t row, i, h, whole = n - n % OTX__LANES;
    for (row = 0; row < count; row++) {
        float64x2_t sums[8], low, high;
        double lanes[OTX__LANES];
        for (h = 0; h < 8; h++) sums[h] = vdupq_n_f64(0.0);
        for (i = 0; i < whole; i += OTX__LANES) {
            for (h = 0; h < 4; h++) {
                const double *at = a + i + 4 * h;
                otx__widen_neon(rows[row], i + 4 * h, &low, &high);
                sums[2 * h] = vaddq_f64(sums[2 * h], vmulq_f64(vld1q_f64(at), low));
                sums[2 * h + 1] =
                    vaddq_f64(sums[2 * h + 1], vmulq_f64(vld1q_f64(at + 2), high));
            }
        }
        for (h = 0; h < 8; h++) vst1q_f64(lanes + 2 * h, sums[h]);
        otx__dot_lanes(lanes, a, rows[row], whole, n);
        out[row] = otx__fold_lanes(lanes);
    }
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
    OTX_ISA_NEON, otx__product_neon, NULL, otx__scan_neon,
    otx__refine_scalar, otx__rough_dots_scalar, otx__rough_residual_scalar, otx__dots_neon, otx__residual_neon};

#endif /* OTX__NEON */

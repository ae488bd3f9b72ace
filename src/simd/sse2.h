/* ---- kernel_sse2: 128-bit x86, the baseline of x86-64 ----------------------- */

#if !defined(OTX_NO_SIMD) &&                                                                 \
    (defined(__x86_64__) || defined(_M_X64) || defined(__i386__) || defined(_M_IX86)) &&     \
    (defined(__clang__) || (defined(__GNUC__) && __GNUC__ >= 5 && !defined(__TINYC__)) ||    \
     (defined(_MSC_VER) && _MSC_VER >= 1900))
#define OTX__SSE2

#include <immintrin.h>

#ifdef _MSC_VER
#define OTX__SSE2_TARGET
#else
#define OTX__SSE2_TARGET __attribute__((target("sse2")))
#endif

/* One chain of products, for eight rows of a by four of b: eight sums stay in
   registers. It is put in c, or added to it. */
OTX__SSE2_TARGET OTX__PRIVATE void otx__chain_sse2(const float *a, const float *b, size_t count,
                                                   bool add, float *c)
{
    __m128 low[4], high[4];
    size_t p, j;
    OTX__UNROLL
    for (j = 0; j < 4; j++) low[j] = high[j] = _mm_setzero_ps();
    for (p = 0; p < count; p++, a += OTX__TILE, b += OTX__TILE) {
        __m128 a0 = _mm_loadu_ps(a), a1 = _mm_loadu_ps(a + 4);
        OTX__UNROLL
        for (j = 0; j < 4; j++) {
            __m128 b0 = _mm_set1_ps(b[j]);
            low[j] = _mm_add_ps(low[j], _mm_mul_ps(a0, b0));
            high[j] = _mm_add_ps(high[j], _mm_mul_ps(a1, b0));
        }
    }
    OTX__UNROLL
    for (j = 0; j < 4; j++, c += OTX__TILE) {
        if (add) {
            low[j] = _mm_add_ps(low[j], _mm_loadu_ps(c));
            high[j] = _mm_add_ps(high[j], _mm_loadu_ps(c + 4));
        }
        _mm_storeu_ps(c, low[j]);
        _mm_storeu_ps(c + 4, high[j]);
    }
}

OTX__PRIVATE void otx__product_sse2(const float *a, const float *b, size_t n, bool add, float *c)
{
    size_t i, j;
    for (j = 0; j < OTX__STRIP; j += 4)
        for (i = 0; i < OTX__TILE; i += 8)
            otx__chain_sse2(a + i, b + j, n, add, c + j * OTX__TILE + i);
}

/* The larger of `best` and the weighted correlations of four atoms. */
OTX__SSE2_TARGET OTX__PRIVATE __m128 otx__score_sse2(__m128 best, const int16_t *start,
                                                     __m128i sum, const float *scales,
                                                     const float *common, const float *weight,
                                                     int first)
{
    __m128i numbers = _mm_add_epi32(_mm_setr_epi32(0, 1, 2, 3), _mm_set1_epi32(first));
    __m128i wide = _mm_loadl_epi64((const __m128i *)(const void *)start);
    __m128 value, along, sums;
    wide = _mm_srai_epi32(_mm_unpacklo_epi16(wide, wide), 16);
    value = _mm_mul_ps(_mm_cvtepi32_ps(wide), _mm_set1_ps(scales[0]));
    along = _mm_mul_ps(_mm_loadu_ps(common), _mm_set1_ps(scales[1]));
    sums = _mm_mul_ps(_mm_cvtepi32_ps(sum), _mm_set1_ps(scales[2]));
    value = _mm_sub_ps(_mm_add_ps(value, along), sums);
    value = _mm_mul_ps(_mm_andnot_ps(_mm_set1_ps(-0.0f), value), _mm_loadu_ps(weight));
    /* As otx__packed does. */
    value = _mm_andnot_ps(_mm_castsi128_ps(_mm_set1_epi32(OTX__TILE - 1)), value);
    return _mm_max_ps(best, _mm_or_ps(value, _mm_castsi128_ps(numbers)));
}

OTX__SSE2_TARGET OTX__PRIVATE __m128i otx__load_sse2(const int16_t *at)
{
    return _mm_loadu_si128((const __m128i *)(const void *)at);
}

/* The sums of `sets` supports of one target over `quarters` quarters of a tile, two
   atoms of them at a time. sums[set] holds the tile's atoms in order. */
OTX__SSE2_TARGET OTX__INLINE void otx__sums_sse2(const otx__scan *scan, size_t target,
                                                 size_t quarter, size_t quarters, size_t sets,
                                                 __m128i sums[OTX__SETS][8])
{
    const uint32_t *atoms = scan->atoms + target * scan->pitch;
    const int16_t *steps = scan->steps + target * OTX__SETS * scan->pitch;
    const int16_t *gram = scan->gram + 8 * quarter;
    const uint32_t *ahead = otx__scan_ahead(scan, target);
    size_t count = scan->counts[target], j, set, h;
    __m128i parts[OTX__SETS][4];
    OTX__UNROLL
    for (set = 0; set < sets; set++) {
        OTX__UNROLL
        for (h = 0; h < 2 * quarters; h++) parts[set][h] = _mm_setzero_si128();
    }
    for (j = 0; j < count; j += 2) {
        const int16_t *column0 = gram + (size_t)atoms[j] * OTX__TILE;
        const int16_t *column1 = gram + (size_t)atoms[j + 1] * OTX__TILE;
        OTX__PREFETCH(gram + (size_t)ahead[j + quarter / 2] * OTX__TILE);
        OTX__UNROLL
        for (h = 0; h < 2 * quarters; h += 2) {
            __m128i g0 = otx__load_sse2(column0 + 4 * h), g1 = otx__load_sse2(column1 + 4 * h);
            __m128i low = _mm_unpacklo_epi16(g0, g1), high = _mm_unpackhi_epi16(g0, g1);
            OTX__UNROLL
            for (set = 0; set < sets; set++) {
                int32_t both;
                __m128i pair;
                memcpy(&both, steps + j * OTX__SETS + 2 * set, sizeof both);
                pair = _mm_set1_epi32(both);
                parts[set][h] = _mm_add_epi32(parts[set][h], _mm_madd_epi16(low, pair));
                parts[set][h + 1] = _mm_add_epi32(parts[set][h + 1], _mm_madd_epi16(high, pair));
            }
        }
    }
    OTX__UNROLL
    for (set = 0; set < sets; set++) {
        OTX__UNROLL
        for (h = 0; h < 2 * quarters; h++) sums[set][2 * quarter + h] = parts[set][h];
    }
}

OTX__SSE2_TARGET OTX__PRIVATE float otx__largest_sse2(__m128 values)
{
    values = _mm_max_ps(values, _mm_movehl_ps(values, values));
    return _mm_cvtss_f32(_mm_max_ss(values, _mm_shuffle_ps(values, values, 1)));
}

/* Up to eight sums stay in registers. */
OTX__SSE2_TARGET OTX__PRIVATE void otx__scan_sse2(const otx__scan *scan)
{
    size_t target, set, i;
    for (target = 0; target < scan->targets; target++) {
        const int16_t *start = scan->start + target * OTX__TILE;
        size_t sets = scan->sets[target];
        __m128i sums[OTX__SETS][8];
        for (i = 0; i < 4; i += sets > 2 ? 1 : 2) {
            if (sets == 1) otx__sums_sse2(scan, target, i, 2, 1, sums);
            else if (sets == 2) otx__sums_sse2(scan, target, i, 2, 2, sums);
            else otx__sums_sse2(scan, target, i, 1, OTX__SETS, sums);
        }
        for (set = 0; set < sets; set++) {
            const float *scales = scan->scales + (target * OTX__SETS + set) * 3;
            __m128 best = _mm_setzero_ps();
            OTX__UNROLL
            for (i = 0; i < 8; i++)
                best = otx__score_sse2(best, start + 4 * i, sums[set][i], scales,
                                       scan->common + 4 * i, scan->weight + 4 * i, (int)(4 * i));
            scan->best[set * scan->best_pitch + target] = otx__largest_sse2(best);
        }
    }
}

/* Takes one column off four correlations, whose numbers stand twice in `twice`. */
OTX__SSE2_TARGET OTX__INLINE __m128 otx__refine_part_sse2(__m128 value, __m128 beta,
                                                          __m128i twice)
{
    __m128 wide = _mm_cvtepi32_ps(_mm_srai_epi32(twice, 16));
    return _mm_sub_ps(value, _mm_mul_ps(beta, wide));
}

OTX__SSE2_TARGET OTX__PRIVATE void otx__refine_sse2(const int16_t *gram, const uint32_t *atoms,
                                                    const float *betas, size_t count,
                                                    float *correlations)
{
    __m128 values[8];
    size_t i, j;
    OTX__UNROLL
    for (i = 0; i < 8; i++) values[i] = _mm_loadu_ps(correlations + 4 * i);
    for (j = 0; j < count; j++) {
        const int16_t *column = gram + (size_t)atoms[j] * OTX__TILE;
        __m128 beta = _mm_set1_ps(betas[j] / 32767.0f);
        OTX__UNROLL
        for (i = 0; i < 8; i += 2) {
            __m128i eight = otx__load_sse2(column + 4 * i);
            __m128i low = _mm_unpacklo_epi16(eight, eight);
            __m128i high = _mm_unpackhi_epi16(eight, eight);
            values[i] = otx__refine_part_sse2(values[i], beta, low);
            values[i + 1] = otx__refine_part_sse2(values[i + 1], beta, high);
        }
    }
    OTX__UNROLL
    for (i = 0; i < 8; i++) _mm_storeu_ps(correlations + 4 * i, values[i]);
}

/* Four elements of a row. */
OTX__SSE2_TARGET OTX__INLINE __m128 otx__floats_sse2(otx__row row, size_t i)
{
    const char *at = otx__row_at(row, i);
    __m128i halves;
    if (!row.bf16) return _mm_loadu_ps((const float *)(const void *)at);
    halves = _mm_loadl_epi64((const __m128i *)(const void *)at);
    return _mm_castsi128_ps(_mm_unpacklo_epi16(_mm_setzero_si128(), halves));
}

OTX__SSE2_TARGET OTX__PRIVATE void otx__rough_dots_sse2(const float *a, const otx__row *rows,
                                                        size_t count, size_t n, float *out)
{
    size_t i, j, h, whole = n - n % OTX__LANES;
    for (j = 0; j < count; j++) {
        __m128 sums[4];
        float lanes[4];
        OTX__UNROLL
        for (h = 0; h < 4; h++) sums[h] = _mm_setzero_ps();
        for (i = 0; i < whole; i += OTX__LANES) {
            OTX__UNROLL
            for (h = 0; h < 4; h++)
                sums[h] = _mm_add_ps(sums[h], _mm_mul_ps(_mm_loadu_ps(a + i + 4 * h),
                                                         otx__floats_sse2(rows[j], i + 4 * h)));
        }
        sums[0] = _mm_add_ps(_mm_add_ps(sums[0], sums[1]), _mm_add_ps(sums[2], sums[3]));
        _mm_storeu_ps(lanes, sums[0]);
        out[j] = (lanes[0] + lanes[1]) + (lanes[2] + lanes[3]);
        for (; i < n; i++) out[j] += a[i] * otx__row_element(rows[j], i);
    }
}

OTX__SSE2_TARGET OTX__PRIVATE void otx__rough_residual_sse2(float *r, otx__row y,
                                                            const double *coefficients,
                                                            const otx__row *rows, size_t count,
                                                            size_t n)
{
    size_t i, j, whole = n - n % 4;
    for (i = 0; i < whole; i += 4) {
        __m128 value = otx__floats_sse2(y, i);
        for (j = 0; j < count; j++)
            value = _mm_sub_ps(value, _mm_mul_ps(_mm_set1_ps((float)coefficients[j]),
                                                 otx__floats_sse2(rows[j], i)));
        _mm_storeu_ps(r + i, value);
    }
    for (; i < n; i++) {
        r[i] = otx__row_element(y, i);
        for (j = 0; j < count; j++)
            r[i] -= (float)coefficients[j] * otx__row_element(rows[j], i);
    }
}

/* Four elements of a row as two registers of doubles. */
OTX__SSE2_TARGET OTX__INLINE void otx__widen_sse2(otx__row row, size_t i, __m128d *low,
                                                  __m128d *high)
{
    __m128 values = otx__floats_sse2(row, i);
    *low = _mm_cvtps_pd(values);
    *high = _mm_cvtps_pd(_mm_movehl_ps(values, values));
}

/* The sums of a row's 16 lanes fill eight registers. */
OTX__SSE2_TARGET OTX__PRIVATE void otx__dots_sse2(const double *a, const otx__row *rows,
                                                  size_t count, size_t n, double *out)
{
    size_t row, i, h, whole = n - n % OTX__LANES;
    for (row = 0; row < count; row++) {
        __m128d sums[8], low, high;
        double lanes[OTX__LANES];
        OTX__UNROLL
        for (h = 0; h < 8; h++) sums[h] = _mm_setzero_pd();
        for (i = 0; i < whole; i += OTX__LANES) {
            OTX__UNROLL
            for (h = 0; h < 8; h += 2) {
                const double *at = a + i + 2 * h;
                otx__widen_sse2(rows[row], i + 2 * h, &low, &high);
                sums[h] = _mm_add_pd(sums[h], _mm_mul_pd(_mm_loadu_pd(at), low));
                sums[h + 1] = _mm_add_pd(sums[h + 1], _mm_mul_pd(_mm_loadu_pd(at + 2), high));
            }
        }
        OTX__UNROLL
        for (h = 0; h < 8; h++) _mm_storeu_pd(lanes + 2 * h, sums[h]);
        otx__dot_lanes(lanes, a, rows[row], whole, n);
        out[row] = otx__fold_lanes(lanes);
    }
}

OTX__SSE2_TARGET OTX__PRIVATE void otx__residual_sse2(double *r, otx__row y,
                                                      const double *coefficients,
                                                      const otx__row *rows, size_t count,
                                                      size_t n)
{
    size_t i, j, whole = n - n % 4;
    for (i = 0; i < whole; i += 4) {
        __m128d low = _mm_setzero_pd(), high = low, b0, b1;
        if (y.data) {
            otx__widen_sse2(y, i, &low, &high);
        } else {
            low = _mm_loadu_pd(r + i);
            high = _mm_loadu_pd(r + i + 2);
        }
        for (j = 0; j < count; j++) {
            __m128d coefficient = _mm_set1_pd(coefficients[j]);
            otx__widen_sse2(rows[j], i, &b0, &b1);
            low = _mm_sub_pd(low, _mm_mul_pd(coefficient, b0));
            high = _mm_sub_pd(high, _mm_mul_pd(coefficient, b1));
        }
        _mm_storeu_pd(r + i, low);
        _mm_storeu_pd(r + i + 2, high);
    }
    otx__residual_elements(r, y, coefficients, rows, count, whole, n);
}

OTX__PRIVATE const otx__kernels otx__kernels_sse2 = {
    OTX_ISA_SSE2, otx__product_sse2, NULL, NULL, otx__scan_sse2, otx__sift_scalar, otx__refine_sse2,
    otx__rough_dots_sse2, otx__rough_residual_sse2, otx__dots_sse2, otx__dots_sse2,
    NULL, otx__residual_sse2};

#endif /* OTX__SSE2 */

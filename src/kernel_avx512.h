/* ---- kernel_avx512: 512-bit x86 (F, BW, DQ, VL, VNNI) --------------------- */

#if !defined(OTX_NO_SIMD) && (defined(__x86_64__) || defined(_M_X64)) &&                  \
    (defined(__clang__) || (defined(__GNUC__) && __GNUC__ >= 8 && !defined(__TINYC__)) || \
     (defined(_MSC_VER) && _MSC_VER >= 1920))
#define OTX__AVX512

/* GCC's own header warns of itself when compiled as C++ (its bug 105593). */
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wuninitialized"
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#endif

#include <immintrin.h>

#ifdef _MSC_VER
#define OTX__AVX512_TARGET
#else
#define OTX__AVX512_TARGET __attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,avx512vnni")))
#endif

/* Adds one chain of products to eight columns of 32 sums. */
OTX__AVX512_TARGET OTX__PRIVATE void otx__product_avx512(const float *a, const float *b, size_t n,
                                                         float *c)
{
    size_t block, p, j;
    for (block = 0; block < n || block == 0; block += OTX__CHAIN) {
        size_t end = otx__min(n, block + OTX__CHAIN);
        __m512 low[OTX__STRIP], high[OTX__STRIP];
        for (j = 0; j < OTX__STRIP; j++) low[j] = high[j] = _mm512_setzero_ps();
        for (p = block; p < end; p++) {
            __m512 a0 = _mm512_loadu_ps(a + p * OTX__TILE);
            __m512 a1 = _mm512_loadu_ps(a + p * OTX__TILE + 16);
            OTX__UNROLL
            for (j = 0; j < OTX__STRIP; j++) {
                __m512 b0 = _mm512_set1_ps(b[p * OTX__TILE + j]);
                low[j] = _mm512_fmadd_ps(a0, b0, low[j]);
                high[j] = _mm512_fmadd_ps(a1, b0, high[j]);
            }
        }
        for (j = 0; j < OTX__STRIP; j++) {
            float *column = c + j * OTX__TILE;
            if (block) {
                low[j] = _mm512_add_ps(low[j], _mm512_loadu_ps(column));
                high[j] = _mm512_add_ps(high[j], _mm512_loadu_ps(column + 16));
            }
            _mm512_storeu_ps(column, low[j]);
            _mm512_storeu_ps(column + 16, high[j]);
        }
    }
}

/* The order in which unpacking interleaved 16-bit numbers leaves the atoms. */
OTX__AVX512_TARGET OTX__PRIVATE __m512 otx__unpacked_avx512(const float *tile, int high)
{
    __m512i order = _mm512_setr_epi32(0, 1, 2, 3, 8, 9, 10, 11, 16, 17, 18, 19, 24, 25, 26, 27);
    order = _mm512_add_epi32(order, _mm512_set1_epi32(high ? 4 : 0));
    return _mm512_permutex2var_ps(_mm512_loadu_ps(tile), order, _mm512_loadu_ps(tile + 16));
}

OTX__AVX512_TARGET OTX__PRIVATE __m512 otx__score_avx512(__m512i start, __m512i sum,
                                                         const float *scales, __m512 common,
                                                         __m512 weight)
{
    __m512 value = _mm512_mul_ps(_mm512_cvtepi32_ps(start), _mm512_set1_ps(scales[0]));
    value = _mm512_fmadd_ps(common, _mm512_set1_ps(scales[1]), value);
    value = _mm512_fnmadd_ps(_mm512_cvtepi32_ps(sum), _mm512_set1_ps(scales[2]), value);
    return _mm512_mul_ps(_mm512_abs_ps(value), weight);
}

/* The sums of `sets` supports of one target, two atoms of them at a time:
   sums[set][0] and [1] hold the tile in the order of unpacking. */
OTX__AVX512_TARGET OTX__INLINE void otx__sums_avx512(const otx__scan *scan, size_t target,
                                                     size_t sets, __m512i sums[OTX__SETS][2])
{
    const uint32_t *atoms = scan->atoms + target * scan->pitch;
    const int16_t *steps = scan->steps + target * OTX__SETS * scan->pitch;
    size_t count = scan->counts[target], j, set;
    for (set = 0; set < sets; set++) sums[set][0] = sums[set][1] = _mm512_setzero_si512();
    for (j = 0; j < count; j += 2) {
        __m512i g0 = _mm512_loadu_si512(scan->gram + (size_t)atoms[j] * OTX__TILE);
        __m512i g1 = _mm512_loadu_si512(scan->gram + (size_t)atoms[j + 1] * OTX__TILE);
        __m512i low = _mm512_unpacklo_epi16(g0, g1), high = _mm512_unpackhi_epi16(g0, g1);
        OTX__UNROLL
        for (set = 0; set < sets; set++) {
            int32_t both;
            __m512i pair;
            memcpy(&both, steps + set * scan->pitch + j, sizeof both);
            pair = _mm512_set1_epi32(both);
            sums[set][0] = _mm512_dpwssd_epi32(sums[set][0], low, pair);
            sums[set][1] = _mm512_dpwssd_epi32(sums[set][1], high, pair);
        }
    }
}

OTX__AVX512_TARGET OTX__PRIVATE void otx__scan_avx512(const otx__scan *scan)
{
    __m512 common0 = otx__unpacked_avx512(scan->common, 0);
    __m512 common1 = otx__unpacked_avx512(scan->common, 1);
    __m512 weight0 = otx__unpacked_avx512(scan->weight, 0);
    __m512 weight1 = otx__unpacked_avx512(scan->weight, 1);
    size_t target, set;
    for (target = 0; target < scan->targets; target++) {
        const float *scales = scan->scales + target * OTX__SETS * 3;
        size_t sets = scan->sets[target];
        __m512i start = _mm512_loadu_si512(scan->start + target * OTX__TILE);
        __m512i start0 = _mm512_unpacklo_epi16(_mm512_setzero_si512(), start);
        __m512i start1 = _mm512_unpackhi_epi16(_mm512_setzero_si512(), start);
        __m512i sums[OTX__SETS][2];
        start0 = _mm512_srai_epi32(start0, 16);
        start1 = _mm512_srai_epi32(start1, 16);
        if (sets == 1) otx__sums_avx512(scan, target, 1, sums);
        else if (sets == 2) otx__sums_avx512(scan, target, 2, sums);
        else otx__sums_avx512(scan, target, OTX__SETS, sums);
        for (set = 0; set < sets; set++) {
            const float *scale = scales + 3 * set;
            __m512 score0 = otx__score_avx512(start0, sums[set][0], scale, common0, weight0);
            __m512 score1 = otx__score_avx512(start1, sums[set][1], scale, common1, weight1);
            scan->best[set * scan->best_pitch + target] =
                _mm512_reduce_max_ps(_mm512_max_ps(score0, score1));
        }
    }
}

/* Sixteen elements of a row as two registers of doubles. */
OTX__AVX512_TARGET OTX__PRIVATE void otx__widen_avx512(otx__row row, size_t i, __m512d *low,
                                                       __m512d *high)
{
    const char *at = otx__row_at(row, i);
    __m512 values;
    if (row.bf16) {
        __m512i wide = _mm512_cvtepu16_epi32(_mm256_loadu_si256((const __m256i *)(const void *)at));
        values = _mm512_castsi512_ps(_mm512_slli_epi32(wide, 16));
    } else {
        values = _mm512_loadu_ps(at);
    }
    *low = _mm512_cvtps_pd(_mm512_castps512_ps256(values));
    *high = _mm512_cvtps_pd(_mm512_extractf32x8_ps(values, 1));
}

/* Four rows at a time hide the latency of the additions. */
OTX__AVX512_TARGET OTX__PRIVATE void otx__dots_avx512(const double *a, const otx__row *rows,
                                                      size_t count, size_t n, double *out)
{
    size_t first, i, j, whole = n - n % OTX__LANES;
    for (first = 0; first < count; first += 4) {
        size_t group = otx__min(4, count - first);
        __m512d low[4], high[4];
        for (j = 0; j < 4; j++) low[j] = high[j] = _mm512_setzero_pd();
        for (i = 0; i < whole; i += OTX__LANES) {
            __m512d a0 = _mm512_loadu_pd(a + i), a1 = _mm512_loadu_pd(a + i + 8), b0, b1;
            for (j = 0; j < 4; j++) {
                otx__widen_avx512(rows[first + (j < group ? j : 0)], i, &b0, &b1);
                low[j] = _mm512_add_pd(low[j], _mm512_mul_pd(a0, b0));
                high[j] = _mm512_add_pd(high[j], _mm512_mul_pd(a1, b1));
            }
        }
        for (j = 0; j < group; j++) {
            double lanes[OTX__LANES];
            _mm512_storeu_pd(lanes, low[j]);
            _mm512_storeu_pd(lanes + 8, high[j]);
            otx__dot_lanes(lanes, a, rows[first + j], whole, n);
            out[first + j] = otx__fold_lanes(lanes);
        }
    }
}

OTX__AVX512_TARGET OTX__PRIVATE void otx__residual_avx512(double *r, otx__row y,
                                                          const double *coefficients,
                                                          const otx__row *rows, size_t count,
                                                          size_t n)
{
    size_t i, j, whole = n - n % OTX__LANES;
    for (i = 0; i < whole; i += OTX__LANES) {
        __m512d low = _mm512_setzero_pd(), high = low, b0, b1;
        if (y.data) {
            otx__widen_avx512(y, i, &low, &high);
        } else {
            low = _mm512_loadu_pd(r + i);
            high = _mm512_loadu_pd(r + i + 8);
        }
        for (j = 0; j < count; j++) {
            __m512d coefficient = _mm512_set1_pd(coefficients[j]);
            otx__widen_avx512(rows[j], i, &b0, &b1);
            low = _mm512_sub_pd(low, _mm512_mul_pd(coefficient, b0));
            high = _mm512_sub_pd(high, _mm512_mul_pd(coefficient, b1));
        }
        _mm512_storeu_pd(r + i, low);
        _mm512_storeu_pd(r + i + 8, high);
    }
    otx__residual_elements(r, y, coefficients, rows, count, whole, n);
}

OTX__PRIVATE const otx__kernels otx__kernels_avx512 = {
    OTX_ISA_AVX512, otx__product_avx512, otx__scan_avx512, otx__dots_avx512,
    otx__residual_avx512};

#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic pop
#endif

#endif /* OTX__AVX512 */

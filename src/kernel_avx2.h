/* ---- kernel_avx2: 256-bit x86 (AVX2, FMA) --------------------------------- */

#if !defined(OTX_NO_SIMD) &&                                                                 \
    (defined(__x86_64__) || defined(_M_X64) || defined(__i386__) || defined(_M_IX86)) &&     \
    (defined(__clang__) || (defined(__GNUC__) && __GNUC__ >= 5 && !defined(__TINYC__)) ||    \
     (defined(_MSC_VER) && _MSC_VER >= 1900))
#define OTX__AVX2

#include <immintrin.h>

#ifdef _MSC_VER
#define OTX__AVX2_TARGET
#else
#define OTX__AVX2_TARGET __attribute__((target("avx2,fma")))
#endif

/* Sixteen rows of a by four of b: eight sums stay in registers. */
OTX__AVX2_TARGET OTX__PRIVATE void otx__product_block_avx2(const float *a, const float *b,
                                                           size_t n, float *c)
{
    size_t block, p, j;
    for (block = 0; block < n || block == 0; block += OTX__CHAIN) {
        size_t end = otx__min(n, block + OTX__CHAIN);
        __m256 low[4], high[4];
        for (j = 0; j < 4; j++) low[j] = high[j] = _mm256_setzero_ps();
        for (p = block; p < end; p++) {
            __m256 a0 = _mm256_loadu_ps(a + p * OTX__TILE);
            __m256 a1 = _mm256_loadu_ps(a + p * OTX__TILE + 8);
            OTX__UNROLL
            for (j = 0; j < 4; j++) {
                __m256 b0 = _mm256_broadcast_ss(b + p * OTX__TILE + j);
                low[j] = _mm256_fmadd_ps(a0, b0, low[j]);
                high[j] = _mm256_fmadd_ps(a1, b0, high[j]);
            }
        }
        for (j = 0; j < 4; j++) {
            float *column = c + j * OTX__TILE;
            if (block) {
                low[j] = _mm256_add_ps(low[j], _mm256_loadu_ps(column));
                high[j] = _mm256_add_ps(high[j], _mm256_loadu_ps(column + 8));
            }
            _mm256_storeu_ps(column, low[j]);
            _mm256_storeu_ps(column + 8, high[j]);
        }
    }
}

OTX__AVX2_TARGET OTX__PRIVATE void otx__product_avx2(const float *a, const float *b, size_t n,
                                                     float *c)
{
    size_t i, j;
    for (j = 0; j < OTX__STRIP; j += 4)
        for (i = 0; i < OTX__TILE; i += 16)
            otx__product_block_avx2(a + i, b + j, n, c + j * OTX__TILE + i);
}

/* The larger of `best` and the weighted correlations of eight atoms. */
OTX__AVX2_TARGET OTX__PRIVATE __m256 otx__score_avx2(__m256 best, const int16_t *start,
                                                     __m256i sum, const float *scales,
                                                     const float *common, const float *weight,
                                                     int first)
{
    __m256i numbers = _mm256_add_epi32(_mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7),
                                       _mm256_set1_epi32(first));
    __m256i wide = _mm256_cvtepi16_epi32(_mm_loadu_si128((const __m128i *)(const void *)start));
    __m256 value = _mm256_mul_ps(_mm256_cvtepi32_ps(wide), _mm256_set1_ps(scales[0]));
    value = _mm256_fmadd_ps(_mm256_loadu_ps(common), _mm256_set1_ps(scales[1]), value);
    value = _mm256_fnmadd_ps(_mm256_cvtepi32_ps(sum), _mm256_set1_ps(scales[2]), value);
    value = _mm256_andnot_ps(_mm256_set1_ps(-0.0f), value);
    value = _mm256_mul_ps(value, _mm256_loadu_ps(weight));
    /* As otx__packed does. */
    value = _mm256_andnot_ps(_mm256_castsi256_ps(_mm256_set1_epi32(OTX__TILE - 1)), value);
    return _mm256_max_ps(best, _mm256_or_ps(value, _mm256_castsi256_ps(numbers)));
}

OTX__AVX2_TARGET OTX__PRIVATE __m256i otx__load_avx2(const int16_t *at)
{
    return _mm256_loadu_si256((const __m256i *)(const void *)at);
}

/* The sums of `sets` supports of one target over half a tile, two atoms of them
   at a time; sums[set][0] and [1] hold its atoms in order. */
OTX__AVX2_TARGET OTX__INLINE void otx__sums_avx2(const otx__scan *scan, size_t target, size_t half,
                                                 size_t sets, __m256i sums[OTX__SETS][2])
{
    const uint32_t *atoms = scan->atoms + target * scan->pitch;
    const int16_t *steps = scan->steps + target * OTX__SETS * scan->pitch;
    const int16_t *gram = scan->gram + 16 * half;
    const uint32_t *ahead = otx__scan_ahead(scan, target);
    size_t count = scan->counts[target], j, set;
    for (set = 0; set < sets; set++) sums[set][0] = sums[set][1] = _mm256_setzero_si256();
    for (j = 0; j < count; j += 2) {
        __m256i g0 = otx__load_avx2(gram + (size_t)atoms[j] * OTX__TILE);
        __m256i g1 = otx__load_avx2(gram + (size_t)atoms[j + 1] * OTX__TILE);
        __m256i low = _mm256_unpacklo_epi16(g0, g1), high = _mm256_unpackhi_epi16(g0, g1);
        OTX__PREFETCH(gram + (size_t)ahead[j + half] * OTX__TILE);
        OTX__UNROLL
        for (set = 0; set < sets; set++) {
            int32_t both;
            __m256i pair;
            memcpy(&both, steps + j * OTX__SETS + 2 * set, sizeof both);
            pair = _mm256_set1_epi32(both);
            sums[set][0] = _mm256_add_epi32(sums[set][0], _mm256_madd_epi16(low, pair));
            sums[set][1] = _mm256_add_epi32(sums[set][1], _mm256_madd_epi16(high, pair));
        }
    }
    for (set = 0; set < sets; set++) {
        /* Unpacking works on 128-bit halves: put the atoms back in order. */
        __m256i low = sums[set][0], high = sums[set][1];
        sums[set][0] = _mm256_permute2x128_si256(low, high, 0x20);
        sums[set][1] = _mm256_permute2x128_si256(low, high, 0x31);
    }
}

OTX__AVX2_TARGET OTX__PRIVATE float otx__largest_avx2(__m256 values)
{
    __m128 four = _mm_max_ps(_mm256_castps256_ps128(values), _mm256_extractf128_ps(values, 1));
    four = _mm_max_ps(four, _mm_movehl_ps(four, four));
    return _mm_cvtss_f32(_mm_max_ss(four, _mm_shuffle_ps(four, four, 1)));
}

OTX__AVX2_TARGET OTX__PRIVATE void otx__scan_avx2(const otx__scan *scan)
{
    size_t target, set, half;
    for (target = 0; target < scan->targets; target++) {
        const float *scales = scan->scales + target * OTX__SETS * 3;
        size_t sets = scan->sets[target];
        __m256 best[OTX__SETS];
        __m256i sums[OTX__SETS][2];
        for (set = 0; set < OTX__SETS; set++) best[set] = _mm256_setzero_ps();
        for (half = 0; half < 2; half++) {
            const int16_t *start = scan->start + target * OTX__TILE + 16 * half;
            const float *common = scan->common + 16 * half, *weight = scan->weight + 16 * half;
            if (sets == 1) otx__sums_avx2(scan, target, half, 1, sums);
            else if (sets == 2) otx__sums_avx2(scan, target, half, 2, sums);
            else otx__sums_avx2(scan, target, half, OTX__SETS, sums);
            for (set = 0; set < sets; set++) {
                best[set] = otx__score_avx2(best[set], start, sums[set][0], scales + 3 * set,
                                            common, weight, (int)(16 * half));
                best[set] = otx__score_avx2(best[set], start + 8, sums[set][1],
                                            scales + 3 * set, common + 8, weight + 8,
                                            (int)(16 * half + 8));
            }
        }
        for (set = 0; set < sets; set++)
            scan->best[set * scan->best_pitch + target] = otx__largest_avx2(best[set]);
    }
}

OTX__AVX2_TARGET OTX__PRIVATE void otx__refine_avx2(const int16_t *gram, const uint32_t *atoms,
                                                    const float *betas, size_t count,
                                                    float *correlations)
{
    __m256 values[4];
    size_t i, j;
    for (i = 0; i < 4; i++) values[i] = _mm256_loadu_ps(correlations + 8 * i);
    for (j = 0; j < count; j++) {
        const int16_t *column = gram + (size_t)atoms[j] * OTX__TILE;
        __m256 beta = _mm256_set1_ps(betas[j] / 32767.0f);
        for (i = 0; i < 4; i++) {
            __m128i eight = _mm_loadu_si128((const __m128i *)(const void *)(column + 8 * i));
            __m256 wide = _mm256_cvtepi32_ps(_mm256_cvtepi16_epi32(eight));
            values[i] = _mm256_fnmadd_ps(beta, wide, values[i]);
        }
    }
    for (i = 0; i < 4; i++) _mm256_storeu_ps(correlations + 8 * i, values[i]);
}

/* Eight elements of a row. */
OTX__AVX2_TARGET OTX__INLINE __m256 otx__floats_avx2(otx__row row, size_t i)
{
    const char *at = otx__row_at(row, i);
    __m256i wide;
    if (!row.bf16) return _mm256_loadu_ps((const float *)(const void *)at);
    wide = _mm256_cvtepu16_epi32(_mm_loadu_si128((const __m128i *)(const void *)at));
    return _mm256_castsi256_ps(_mm256_slli_epi32(wide, 16));
}

OTX__AVX2_TARGET OTX__PRIVATE void otx__rough_dots_avx2(const float *a, const otx__row *rows,
                                                        size_t count, size_t n, float *out)
{
    size_t i, j, k, whole = n - n % OTX__LANES;
    for (j = 0; j < count; j++) {
        __m256 low = _mm256_setzero_ps(), high = low;
        float lanes[8], sum = 0.0f;
        for (i = 0; i < whole; i += OTX__LANES) {
            low = _mm256_fmadd_ps(_mm256_loadu_ps(a + i), otx__floats_avx2(rows[j], i), low);
            high = _mm256_fmadd_ps(_mm256_loadu_ps(a + i + 8), otx__floats_avx2(rows[j], i + 8),
                                   high);
        }
        _mm256_storeu_ps(lanes, _mm256_add_ps(low, high));
        for (k = 0; k < 8; k++) sum += lanes[k];
        for (; i < n; i++) sum += a[i] * otx__row_element(rows[j], i);
        out[j] = sum;
    }
}

OTX__AVX2_TARGET OTX__PRIVATE void otx__rough_residual_avx2(float *r, otx__row y,
                                                            const double *coefficients,
                                                            const otx__row *rows, size_t count,
                                                            size_t n)
{
    size_t i, j, whole = n - n % 8;
    for (i = 0; i < whole; i += 8) _mm256_storeu_ps(r + i, otx__floats_avx2(y, i));
    for (; i < n; i++) r[i] = otx__row_element(y, i);
    for (j = 0; j < count; j++) {
        float coefficient = (float)coefficients[j];
        __m256 by = _mm256_set1_ps(coefficient);
        for (i = 0; i < whole; i += 8)
            _mm256_storeu_ps(r + i, _mm256_fnmadd_ps(by, otx__floats_avx2(rows[j], i),
                                                     _mm256_loadu_ps(r + i)));
        for (; i < n; i++) r[i] -= coefficient * otx__row_element(rows[j], i);
    }
}

/* Eight elements of a row as two registers of doubles. */
OTX__AVX2_TARGET OTX__PRIVATE void otx__widen_avx2(otx__row row, size_t i, __m256d *low,
                                                   __m256d *high)
{
    __m256 values = otx__floats_avx2(row, i);
    *low = _mm256_cvtps_pd(_mm256_castps256_ps128(values));
    *high = _mm256_cvtps_pd(_mm256_extractf128_ps(values, 1));
}

/* Two rows at a time: the sums of their 16 lanes fill eight registers. */
OTX__AVX2_TARGET OTX__PRIVATE void otx__dots_avx2(const double *a, const otx__row *rows,
                                                  size_t count, size_t n, double *out)
{
    size_t first, i, j, h, whole = n - n % OTX__LANES;
    for (first = 0; first < count; first += 2) {
        size_t group = otx__min(2, count - first);
        __m256d sums[2][4];
        for (j = 0; j < 2; j++)
            for (h = 0; h < 4; h++) sums[j][h] = _mm256_setzero_pd();
        for (i = 0; i < whole; i += OTX__LANES) {
            for (h = 0; h < 2; h++) {
                const double *at = a + i + 8 * h;
                __m256d a0 = _mm256_loadu_pd(at), a1 = _mm256_loadu_pd(at + 4), b0, b1;
                for (j = 0; j < 2; j++) {
                    otx__widen_avx2(rows[first + (j < group ? j : 0)], i + 8 * h, &b0, &b1);
                    sums[j][2 * h] = _mm256_add_pd(sums[j][2 * h], _mm256_mul_pd(a0, b0));
                    sums[j][2 * h + 1] =
                        _mm256_add_pd(sums[j][2 * h + 1], _mm256_mul_pd(a1, b1));
                }
            }
        }
        for (j = 0; j < group; j++) {
            double lanes[OTX__LANES];
            for (h = 0; h < 4; h++) _mm256_storeu_pd(lanes + 4 * h, sums[j][h]);
            otx__dot_lanes(lanes, a, rows[first + j], whole, n);
            out[first + j] = otx__fold_lanes(lanes);
        }
    }
}

OTX__AVX2_TARGET OTX__PRIVATE void otx__residual_avx2(double *r, otx__row y,
                                                      const double *coefficients,
                                                      const otx__row *rows, size_t count,
                                                      size_t n)
{
    size_t i, j, whole = n - n % 8;
    for (i = 0; i < whole; i += 8) {
        __m256d low = _mm256_setzero_pd(), high = low, b0, b1;
        if (y.data) {
            otx__widen_avx2(y, i, &low, &high);
        } else {
            low = _mm256_loadu_pd(r + i);
            high = _mm256_loadu_pd(r + i + 4);
        }
        for (j = 0; j < count; j++) {
            __m256d coefficient = _mm256_set1_pd(coefficients[j]);
            otx__widen_avx2(rows[j], i, &b0, &b1);
            low = _mm256_sub_pd(low, _mm256_mul_pd(coefficient, b0));
            high = _mm256_sub_pd(high, _mm256_mul_pd(coefficient, b1));
        }
        _mm256_storeu_pd(r + i, low);
        _mm256_storeu_pd(r + i + 4, high);
    }
    otx__residual_elements(r, y, coefficients, rows, count, whole, n);
}

OTX__PRIVATE const otx__kernels otx__kernels_avx2 = {
    OTX_ISA_AVX2, otx__product_avx2, NULL, otx__scan_avx2,
    otx__refine_avx2, otx__rough_dots_avx2, otx__rough_residual_avx2, otx__dots_avx2, otx__residual_avx2};

#endif /* OTX__AVX2 */

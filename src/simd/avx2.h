/* ---- kernel_avx2: 256-bit x86 (AVX2, FMA) --------------------------------- */

#ifdef OTX__SSE2
#define OTX__AVX2

#ifdef _MSC_VER
#define OTX__AVX2_TARGET
#else
#define OTX__AVX2_TARGET __attribute__((target("avx2,fma")))
#endif

/* One chain of products, for sixteen rows of a by four of b: eight sums stay in
   registers. It is put in c, or added to it. */
OTX__AVX2_TARGET OTX__PRIVATE void otx__chain_avx2(const float *a, const float *b, size_t count,
                                                   bool add, float *c)
{
    __m256 low[4], high[4];
    size_t p, j;
    OTX__UNROLL
    for (j = 0; j < 4; j++) low[j] = high[j] = _mm256_setzero_ps();
    for (p = 0; p < count; p++, a += OTX__TILE, b += OTX__TILE) {
        __m256 a0 = _mm256_loadu_ps(a), a1 = _mm256_loadu_ps(a + 8);
        OTX__UNROLL
        for (j = 0; j < 4; j++) {
            __m256 b0 = _mm256_broadcast_ss(b + j);
            low[j] = _mm256_fmadd_ps(a0, b0, low[j]);
            high[j] = _mm256_fmadd_ps(a1, b0, high[j]);
        }
    }
    OTX__UNROLL
    for (j = 0; j < 4; j++) {
        float *column = c + j * OTX__TILE;
        if (add) {
            low[j] = _mm256_add_ps(low[j], _mm256_loadu_ps(column));
            high[j] = _mm256_add_ps(high[j], _mm256_loadu_ps(column + 8));
        }
        _mm256_storeu_ps(column, low[j]);
        _mm256_storeu_ps(column + 8, high[j]);
    }
}

OTX__PRIVATE void otx__product_avx2(const float *a, const float *b, size_t n, bool add, float *c)
{
    size_t i, j;
    for (j = 0; j < OTX__STRIP; j += 4)
        for (i = 0; i < OTX__TILE; i += 16)
            otx__chain_avx2(a + i, b + j, n, add, c + j * OTX__TILE + i);
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

/* sum + the products of neighbours in a and b, added in pairs. */
typedef __m256i (*otx__multiply_add)(__m256i sum, __m256i a, __m256i b);

OTX__AVX2_TARGET OTX__INLINE __m256i otx__multiply_add_avx2(__m256i sum, __m256i a, __m256i b)
{
    return _mm256_add_epi32(sum, _mm256_madd_epi16(a, b));
}

/* The sums of `sets` supports of one target over `halves` halves of a tile, two
   atoms of them at a time. sums[set] holds the tile's atoms in order.
   `multiply_add` is known where this is inlined, and so is inlined itself. */
OTX__AVX2_TARGET OTX__INLINE void otx__sums_avx2(const otx__scan *scan, size_t target, size_t half,
                                                 size_t halves, size_t sets,
                                                 otx__multiply_add multiply_add,
                                                 __m256i sums[OTX__SETS][4])
{
    const uint32_t *atoms = scan->atoms + target * scan->pitch;
    const int16_t *steps = scan->steps + target * OTX__SETS * scan->pitch;
    const int16_t *gram = scan->gram + 16 * half;
    const uint32_t *ahead = otx__scan_ahead(scan, target);
    size_t count = scan->counts[target], j, set, h;
    __m256i parts[OTX__SETS][4];
    OTX__UNROLL
    for (set = 0; set < sets; set++) {
        OTX__UNROLL
        for (h = 0; h < 2 * halves; h++) parts[set][h] = _mm256_setzero_si256();
    }
    for (j = 0; j < count; j += 2) {
        const int16_t *column0 = gram + (size_t)atoms[j] * OTX__TILE;
        const int16_t *column1 = gram + (size_t)atoms[j + 1] * OTX__TILE;
        OTX__UNROLL
        for (h = half; h < half + halves; h++)
            OTX__PREFETCH(gram + (size_t)ahead[j + h] * OTX__TILE);
        OTX__UNROLL
        for (h = 0; h < 2 * halves; h += 2) {
            __m256i g0 = otx__load_avx2(column0 + 8 * h), g1 = otx__load_avx2(column1 + 8 * h);
            __m256i low = _mm256_unpacklo_epi16(g0, g1), high = _mm256_unpackhi_epi16(g0, g1);
            OTX__UNROLL
            for (set = 0; set < sets; set++) {
                int32_t both;
                __m256i pair;
                memcpy(&both, steps + j * OTX__SETS + 2 * set, sizeof both);
                pair = _mm256_set1_epi32(both);
                parts[set][h] = multiply_add(parts[set][h], low, pair);
                parts[set][h + 1] = multiply_add(parts[set][h + 1], high, pair);
            }
        }
    }
    OTX__UNROLL
    for (set = 0; set < sets; set++) {
        OTX__UNROLL
        for (h = 0; h < 2 * halves; h += 2) {
            /* Unpacking works on 128-bit halves: put the atoms back in order. */
            __m256i low = parts[set][h], high = parts[set][h + 1];
            sums[set][2 * half + h] = _mm256_permute2x128_si256(low, high, 0x20);
            sums[set][2 * half + h + 1] = _mm256_permute2x128_si256(low, high, 0x31);
        }
    }
}

OTX__AVX2_TARGET OTX__PRIVATE float otx__largest_avx2(__m256 values)
{
    __m128 four = _mm_max_ps(_mm256_castps256_ps128(values), _mm256_extractf128_ps(values, 1));
    four = _mm_max_ps(four, _mm_movehl_ps(four, four));
    return _mm_cvtss_f32(_mm_max_ss(four, _mm_shuffle_ps(four, four, 1)));
}

OTX__AVX2_TARGET OTX__PRIVATE uint32_t otx__sift_avx2(const otx__sift *sift, float *least,
                                                      float *most)
{
    __m256 high[4], mark = _mm256_set1_ps(*least), lows = mark, highs = _mm256_setzero_ps();
    const __m256 by = _mm256_set1_ps(sift->by), along = _mm256_set1_ps(sift->along);
    const __m256 bound = _mm256_set1_ps(sift->bound), rest = _mm256_set1_ps(sift->rest);
    uint32_t mask = 0;
    size_t i;
    OTX__UNROLL
    for (i = 0; i < 4; i++) {
        __m256 weight = _mm256_loadu_ps(sift->weight + 8 * i);
        __m256 value = _mm256_mul_ps(_mm256_loadu_ps(sift->products + 8 * i),
                                     _mm256_loadu_ps(sift->scale + 8 * i));
        __m256 spread = _mm256_fmadd_ps(_mm256_loadu_ps(sift->error + 8 * i), rest, bound);
        value = _mm256_fmadd_ps(_mm256_loadu_ps(sift->common + 8 * i), along,
                                _mm256_mul_ps(value, by));
        value = _mm256_andnot_ps(_mm256_set1_ps(-0.0f), value);
        spread = _mm256_fmadd_ps(weight, spread, _mm256_set1_ps(OTX__SIFT_ROOM));
        lows = _mm256_max_ps(lows, _mm256_fmsub_ps(weight, value, spread));
        high[i] = _mm256_fmadd_ps(weight, value, spread);
        highs = _mm256_max_ps(highs, high[i]);
    }
    if (_mm256_movemask_ps(_mm256_cmp_ps(lows, mark, _CMP_GT_OQ))) {
        *least = otx__largest_avx2(lows);
        mark = _mm256_set1_ps(*least);
    }
    OTX__UNROLL
    for (i = 0; i < 4; i++)
        mask |= (uint32_t)_mm256_movemask_ps(_mm256_cmp_ps(high[i], mark, _CMP_GE_OQ)) << 8 * i;
    if (mask) *most = otx__largest_avx2(highs);
    return mask;
}

/* Up to eight sums stay in registers. */
OTX__AVX2_TARGET OTX__INLINE void otx__scan_256(const otx__scan *scan,
                                                otx__multiply_add multiply_add)
{
    size_t target, set, i;
    for (target = 0; target < scan->targets; target++) {
        const int16_t *start = scan->start + target * OTX__TILE;
        size_t sets = scan->sets[target];
        __m256i sums[OTX__SETS][4];
        if (sets == 1) {
            otx__sums_avx2(scan, target, 0, 2, 1, multiply_add, sums);
        } else if (sets == 2) {
            otx__sums_avx2(scan, target, 0, 2, 2, multiply_add, sums);
        } else {
            otx__sums_avx2(scan, target, 0, 1, OTX__SETS, multiply_add, sums);
            otx__sums_avx2(scan, target, 1, 1, OTX__SETS, multiply_add, sums);
        }
        for (set = 0; set < sets; set++) {
            const float *scales = scan->scales + (target * OTX__SETS + set) * 3;
            __m256 best = _mm256_setzero_ps();
            OTX__UNROLL
            for (i = 0; i < 4; i++)
                best = otx__score_avx2(best, start + 8 * i, sums[set][i], scales,
                                       scan->common + 8 * i, scan->weight + 8 * i, (int)(8 * i));
            scan->best[set * scan->best_pitch + target] = otx__largest_avx2(best);
        }
    }
}

OTX__AVX2_TARGET OTX__PRIVATE void otx__scan_avx2(const otx__scan *scan)
{
    otx__scan_256(scan, otx__multiply_add_avx2);
}

OTX__AVX2_TARGET OTX__PRIVATE void otx__refine_avx2(const int16_t *gram, const uint32_t *atoms,
                                                    const float *betas, size_t count,
                                                    float *correlations)
{
    __m256 values[4];
    size_t i, j;
    OTX__UNROLL
    for (i = 0; i < 4; i++) values[i] = _mm256_loadu_ps(correlations + 8 * i);
    for (j = 0; j < count; j++) {
        const int16_t *column = gram + (size_t)atoms[j] * OTX__TILE;
        __m256 beta = _mm256_set1_ps(betas[j] / 32767.0f);
        OTX__UNROLL
        for (i = 0; i < 4; i++) {
            __m128i eight = _mm_loadu_si128((const __m128i *)(const void *)(column + 8 * i));
            __m256 wide = _mm256_cvtepi32_ps(_mm256_cvtepi16_epi32(eight));
            values[i] = _mm256_fnmadd_ps(beta, wide, values[i]);
        }
    }
    OTX__UNROLL
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

/* sum + a b. Fused, where the product is exact, it has the same bits. */
OTX__AVX2_TARGET OTX__INLINE __m256d otx__add_product_avx2(__m256d sum, __m256d a, __m256d b,
                                                           bool fused)
{
    return fused ? _mm256_fmadd_pd(a, b, sum) : _mm256_add_pd(sum, _mm256_mul_pd(a, b));
}

/* Two rows at a time: the sums of their 16 lanes fill eight registers. */
OTX__AVX2_TARGET OTX__INLINE void otx__dots_body_avx2(const double *a, const otx__row *rows,
                                                      size_t count, size_t n, bool fused,
                                                      double *out)
{
    size_t first, i, j, h, whole = n - n % OTX__LANES;
    for (first = 0; first < count; first += 2) {
        size_t group = otx__min(2, count - first);
        __m256d sums[2][4];
        OTX__UNROLL
        for (j = 0; j < 2; j++)
            OTX__UNROLL
            for (h = 0; h < 4; h++) sums[j][h] = _mm256_setzero_pd();
        for (i = 0; i < whole; i += OTX__LANES) {
            OTX__UNROLL
            for (h = 0; h < 2; h++) {
                const double *at = a + i + 8 * h;
                __m256d a0 = _mm256_loadu_pd(at), a1 = _mm256_loadu_pd(at + 4), b0, b1;
                OTX__UNROLL
                for (j = 0; j < 2; j++) {
                    otx__widen_avx2(rows[first + (j < group ? j : 0)], i + 8 * h, &b0, &b1);
                    sums[j][2 * h] = otx__add_product_avx2(sums[j][2 * h], a0, b0, fused);
                    sums[j][2 * h + 1] =
                        otx__add_product_avx2(sums[j][2 * h + 1], a1, b1, fused);
                }
            }
        }
        for (j = 0; j < group; j++) {
            double lanes[OTX__LANES];
            OTX__UNROLL
            for (h = 0; h < 4; h++) _mm256_storeu_pd(lanes + 4 * h, sums[j][h]);
            otx__dot_lanes(lanes, a, rows[first + j], whole, n);
            out[first + j] = otx__fold_lanes(lanes);
        }
    }
}

OTX__AVX2_TARGET OTX__PRIVATE void otx__dots_avx2(const double *a, const otx__row *rows,
                                                  size_t count, size_t n, double *out)
{
    otx__dots_body_avx2(a, rows, count, n, false, out);
}

OTX__AVX2_TARGET OTX__PRIVATE void otx__products_avx2(const double *a, const otx__row *rows,
                                                      size_t count, size_t n, double *out)
{
    otx__dots_body_avx2(a, rows, count, n, true, out);
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
    OTX_ISA_AVX2, otx__product_avx2, NULL, NULL, otx__scan_avx2, otx__sift_avx2, otx__refine_avx2,
    otx__rough_dots_avx2, otx__rough_residual_avx2, otx__dots_avx2, otx__products_avx2,
    NULL, otx__residual_avx2};

/* ---- and with AVX-VNNI, which multiplies and adds in one instruction ---- */

#if (defined(__clang__) && __clang_major__ >= 12) || \
    (defined(__GNUC__) && !defined(__clang__) && __GNUC__ >= 11)
#define OTX__AVX_VNNI
#define OTX__AVX_VNNI_TARGET __attribute__((target("avx2,fma,avxvnni")))

OTX__AVX_VNNI_TARGET OTX__INLINE __m256i otx__multiply_add_avx_vnni(__m256i sum, __m256i a,
                                                                    __m256i b)
{
    return _mm256_dpwssd_avx_epi32(sum, a, b);
}

OTX__AVX_VNNI_TARGET OTX__PRIVATE void otx__scan_avx_vnni(const otx__scan *scan)
{
    otx__scan_256(scan, otx__multiply_add_avx_vnni);
}

/* One chain of products of 8-bit numbers, n terms, of four rows of b and 16 of a, with
   `less` taken off the sums of each row of b. The instruction wants one side without a
   sign: a is taken 128 too large. Sums of integers go in c or are added to it; the last
   of them are made floats. */
OTX__AVX_VNNI_TARGET OTX__PRIVATE void otx__chain_int8_avx_vnni(const int8_t *a, const int8_t *b,
                                                                size_t n, const int32_t *less,
                                                                bool add, bool last, float *c)
{
    const __m256i sign = _mm256_set1_epi8(-128);
    __m256i sums[4][2];
    size_t p, j, h;
    OTX__UNROLL
    for (j = 0; j < 4; j++) sums[j][0] = sums[j][1] = _mm256_set1_epi32(-less[j]);
    for (p = 0; p < n; p += 4) {
        const __m256i *fours = (const __m256i *)(const void *)(a + p * OTX__TILE);
        __m256i a0 = _mm256_xor_si256(_mm256_loadu_si256(fours), sign);
        __m256i a1 = _mm256_xor_si256(_mm256_loadu_si256(fours + 1), sign);
        OTX__UNROLL
        for (j = 0; j < 4; j++) {
            int32_t four;
            __m256i b0;
            memcpy(&four, b + p * OTX__TILE + 4 * j, sizeof four);
            b0 = _mm256_set1_epi32(four);
            sums[j][0] = _mm256_dpbusd_avx_epi32(sums[j][0], a0, b0);
            sums[j][1] = _mm256_dpbusd_avx_epi32(sums[j][1], a1, b0);
        }
    }
    OTX__UNROLL
    for (j = 0; j < 4; j++) {
        OTX__UNROLL
        for (h = 0; h < 2; h++) {
            __m256i *at = (__m256i *)(void *)(c + j * OTX__TILE + 8 * h), sum = sums[j][h];
            if (add) sum = _mm256_add_epi32(sum, _mm256_loadu_si256(at));
            if (last) sum = _mm256_castps_si256(_mm256_cvtepi32_ps(sum));
            _mm256_storeu_si256(at, sum);
        }
    }
}

/* less[j]: what the sums of row j of b, n terms, come out too large by. */
OTX__AVX_VNNI_TARGET OTX__PRIVATE void otx__excess_avx_vnni(const int8_t *b, size_t n,
                                                            int32_t less[OTX__TILE])
{
    const __m256i sign = _mm256_set1_epi8(-128);
    size_t p, i;
    for (i = 0; i < OTX__TILE; i += 8) {
        __m256i sum = _mm256_setzero_si256();
        for (p = 0; p < n; p += 4) {
            const void *fours = b + p * OTX__TILE + 4 * i;
            sum = _mm256_dpbusd_avx_epi32(sum, sign, _mm256_loadu_si256((const __m256i *)fours));
        }
        _mm256_storeu_si256((__m256i *)(void *)(less + i), sum);
    }
}

OTX__PRIVATE void otx__product_int8_avx_vnni(const int8_t *a, size_t tiles, const int8_t *b,
                                             size_t n, float *c)
{
    size_t block, tile, i, j, count;
    int32_t less[OTX__TILE];
    for (block = 0; block < n; block += count) {
        const int8_t *chain = b + block * OTX__TILE;
        count = otx__min(OTX__INT8_CHAIN, n - block);
        otx__excess_avx_vnni(chain, count, less);
        for (tile = 0; tile < tiles; tile++)
            for (j = 0; j < OTX__TILE; j += 4)
                for (i = 0; i < OTX__TILE; i += 16)
                    otx__chain_int8_avx_vnni(a + (tile * n + block) * OTX__TILE + 4 * i,
                                             chain + 4 * j, count, less + j, block > 0,
                                             block + count == n,
                                             c + (tile * OTX__TILE + j) * OTX__TILE + i);
    }
}

OTX__PRIVATE const otx__kernels otx__kernels_avx_vnni = {
    OTX_ISA_AVX_VNNI, otx__product_avx2, NULL, otx__product_int8_avx_vnni,
    otx__scan_avx_vnni, otx__sift_avx2, otx__refine_avx2, otx__rough_dots_avx2,
    otx__rough_residual_avx2, otx__dots_avx2, otx__products_avx2, NULL, otx__residual_avx2};

#endif /* OTX__AVX_VNNI */

#endif /* OTX__AVX2 */

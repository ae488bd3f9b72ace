/* ---- avx512: 512-bit x86 (F, BW, DQ, VL, VNNI) ------------------------------ */

#if defined(OTX__AVX2) && defined(OTX__X86_64) &&               \
    (defined(__clang__) || (defined(OTX__MSVC) && _MSC_VER >= 1920) || \
     (defined(__GNUC__) && __GNUC__ >= 8))
#define OTX__AVX512

/* GCC's own header warns of itself when compiled as C++ (its bug 105593). */
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wuninitialized"
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#endif

/* Lets a sum stay in its register: GCC 12 copies those of integer products about. */
#if defined(__GNUC__)
#define OTX__KEEP(sum) __asm__("" : "+v"(sum))
#else
#define OTX__KEEP(sum) ((void)0)
#endif

#ifdef OTX__MSVC
#define OTX__AVX512_TARGET
#else
#define OTX__AVX512_TARGET __attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,avx512vnni")))
#endif
#define OTX__AVX512_KERNEL OTX__AVX512_TARGET OTX__PRIVATE
#define OTX__AVX512_INLINE OTX__AVX512_TARGET OTX__INLINE

/* Only these let a register of integers be taken for one of bf16. */
#if (defined(__clang__) && __clang_major__ >= 12) || \
    (defined(__GNUC__) && !defined(__clang__) && __GNUC__ >= 10)
#define OTX__AVX512_BF16
#define OTX__AVX512_BF16_KERNEL \
    __attribute__((target("avx512f,avx512bw,avx512bf16"))) OTX__PRIVATE
#endif

OTX__AVX512_KERNEL void otx__product_avx512(const float *a, const float *b, size_t n, bool add,
                                            float *c)
{
    __m512 low[OTX__STRIP], high[OTX__STRIP];
    size_t p, j;
    OTX__UNROLL for (j = 0; j < OTX__STRIP; j++) low[j] = high[j] = _mm512_setzero_ps();
    for (p = 0; p < n; p++, a += OTX__TILE, b += OTX__TILE) {
        __m512 a0 = _mm512_loadu_ps(a), a1 = _mm512_loadu_ps(a + 16);
        OTX__UNROLL for (j = 0; j < OTX__STRIP; j++) {
            __m512 b0 = _mm512_set1_ps(b[j]);
            low[j] = _mm512_fmadd_ps(a0, b0, low[j]);
            high[j] = _mm512_fmadd_ps(a1, b0, high[j]);
        }
    }
    OTX__UNROLL for (j = 0; j < OTX__STRIP; j++, c += OTX__TILE) {
        if (add) {
            low[j] = _mm512_add_ps(low[j], _mm512_loadu_ps(c));
            high[j] = _mm512_add_ps(high[j], _mm512_loadu_ps(c + 16));
        }
        _mm512_storeu_ps(c, low[j]);
        _mm512_storeu_ps(c + 16, high[j]);
    }
}

#ifdef OTX__AVX512_BF16
/* One chain of products, n terms, of eight rows of b and 32 of a: it is put in c, or
   added to it. */
OTX__AVX512_BF16_KERNEL void otx__chain_bf16_avx512(const uint16_t *a, const uint16_t *b,
                                                    size_t n, bool add, float *c)
{
    __m512 low[OTX__STRIP], high[OTX__STRIP];
    size_t p, j;
    OTX__UNROLL for (j = 0; j < OTX__STRIP; j++) low[j] = high[j] = _mm512_setzero_ps();
    for (p = 0; p < n; p += 2) {
        const uint16_t *pairs = b + p * OTX__TILE;
        __m512bh a0 = (__m512bh)_mm512_loadu_si512(a + p * OTX__TILE);
        __m512bh a1 = (__m512bh)_mm512_loadu_si512(a + p * OTX__TILE + 32);
        OTX__UNROLL for (j = 0; j < OTX__STRIP; j++) {
            __m512i b0 = _mm512_set1_epi32(otx__int32_at(pairs + 2 * j));
            __asm__("" : "+v"(b0)); /* Clang 16 crashes if it sees a broadcast of bf16 */
            low[j] = _mm512_dpbf16_ps(low[j], a0, (__m512bh)b0);
            high[j] = _mm512_dpbf16_ps(high[j], a1, (__m512bh)b0);
        }
    }
    OTX__UNROLL for (j = 0; j < OTX__STRIP; j++) {
        float *column = c + j * OTX__TILE;
        if (add) {
            low[j] = _mm512_add_ps(low[j], _mm512_loadu_ps(column));
            high[j] = _mm512_add_ps(high[j], _mm512_loadu_ps(column + 16));
        }
        _mm512_storeu_ps(column, low[j]);
        _mm512_storeu_ps(column + 16, high[j]);
    }
}

/* Chain by chain, so that what is read again lies in the first cache. */
OTX__PRIVATE void otx__product_bf16_avx512(const uint16_t *a, size_t tiles, const uint16_t *b,
                                           size_t n, float *c)
{
    const size_t share = OTX__CHAIN * OTX__STRIP * sizeof *b / tiles;
    size_t block, tile, strip;
    for (block = 0; block < n || block == 0; block += OTX__CHAIN) {
        const uint16_t *chain = b + block * OTX__TILE;
        size_t count = otx__min(OTX__CHAIN, n - block);
        uintptr_t next = (uintptr_t)(chain + count * OTX__TILE);
        for (tile = 0; tile < tiles; tile++)
            for (strip = 0; strip < OTX__TILE; strip += OTX__STRIP, next += share) {
                otx__ask(next, share);
                otx__chain_bf16_avx512(a + (tile * n + block) * OTX__TILE, chain + 2 * strip,
                                       count, block > 0,
                                       c + (tile * OTX__TILE + strip) * OTX__TILE);
            }
    }
}
#endif /* OTX__AVX512_BF16 */

/* One chain of products of 8-bit numbers, n terms, of eight rows of b and 32 of a, with
   `less` taken off the sums of each row of b. The instruction wants one side without a
   sign: a is taken 128 too large. Sums of integers go in c or are added to it; the last
   of them are made floats. */
OTX__AVX512_KERNEL void otx__chain_int8_avx512(const int8_t *a, const int8_t *b, size_t n,
                                               const int32_t *less, bool add, bool last,
                                               float *c)
{
    const __m512i sign = _mm512_set1_epi8(-128);
    __m512i low[OTX__STRIP], high[OTX__STRIP];
    size_t p, j;
    OTX__UNROLL for (j = 0; j < OTX__STRIP; j++) low[j] = high[j] = _mm512_set1_epi32(-less[j]);
    for (p = 0; p < n; p += 4) {
        const int8_t *fours = b + p * OTX__TILE;
        __m512i a0 = _mm512_xor_si512(_mm512_loadu_si512(a + p * OTX__TILE), sign);
        __m512i a1 = _mm512_xor_si512(_mm512_loadu_si512(a + p * OTX__TILE + 64), sign);
        OTX__UNROLL for (j = 0; j < OTX__STRIP; j++) {
            __m512i b0 = _mm512_set1_epi32(otx__int32_at(fours + 4 * j));
            low[j] = _mm512_dpbusd_epi32(low[j], a0, b0);
            high[j] = _mm512_dpbusd_epi32(high[j], a1, b0);
            OTX__KEEP(low[j]);
            OTX__KEEP(high[j]);
        }
    }
    OTX__UNROLL for (j = 0; j < OTX__STRIP; j++, c += OTX__TILE) {
        if (add) {
            low[j] = _mm512_add_epi32(low[j], _mm512_loadu_si512(c));
            high[j] = _mm512_add_epi32(high[j], _mm512_loadu_si512(c + 16));
        }
        if (last) {
            low[j] = _mm512_castps_si512(_mm512_cvtepi32_ps(low[j]));
            high[j] = _mm512_castps_si512(_mm512_cvtepi32_ps(high[j]));
        }
        _mm512_storeu_si512(c, low[j]);
        _mm512_storeu_si512(c + 16, high[j]);
    }
}

/* less[j]: what the sums of row j of b, n terms, come out too large by. */
OTX__AVX512_KERNEL void otx__excess_avx512(const int8_t *b, size_t n, int32_t less[OTX__TILE])
{
    const __m512i sign = _mm512_set1_epi8(-128);
    __m512i low = _mm512_setzero_si512(), high = low;
    size_t p;
    for (p = 0; p < n * OTX__TILE; p += 4 * OTX__TILE) {
        low = _mm512_dpbusd_epi32(low, sign, _mm512_loadu_si512(b + p));
        high = _mm512_dpbusd_epi32(high, sign, _mm512_loadu_si512(b + p + 64));
    }
    _mm512_storeu_si512(less, low);
    _mm512_storeu_si512(less + 16, high);
}

OTX__PRIVATE void otx__product_int8_avx512(const int8_t *a, size_t tiles, const int8_t *b,
                                           size_t n, float *c)
{
    size_t block, tile, strip, count;
    int32_t less[OTX__TILE];
    for (block = 0; block < n; block += count) {
        const int8_t *chain = b + block * OTX__TILE;
        count = otx__min(OTX__INT8_CHAIN, n - block);
        otx__excess_avx512(chain, count, less);
        for (tile = 0; tile < tiles; tile++)
            for (strip = 0; strip < OTX__TILE; strip += OTX__STRIP)
                otx__chain_int8_avx512(a + (tile * n + block) * OTX__TILE, chain + 4 * strip,
                                       count, less + strip, block > 0, block + count == n,
                                       c + (tile * OTX__TILE + strip) * OTX__TILE);
    }
}

/* The numbers of the atoms in the order in which unpacking interleaved 16-bit numbers
   leaves them. */
OTX__AVX512_KERNEL __m512i otx__numbers_avx512(int high)
{
    __m512i order = _mm512_setr_epi32(0, 1, 2, 3, 8, 9, 10, 11, 16, 17, 18, 19, 24, 25, 26, 27);
    return _mm512_add_epi32(order, _mm512_set1_epi32(high ? 4 : 0));
}

/* What belongs to a tile's atoms, in that order. */
OTX__AVX512_KERNEL __m512 otx__unpacked_avx512(const float *tile, int high)
{
    return _mm512_permutex2var_ps(_mm512_loadu_ps(tile), otx__numbers_avx512(high),
                                  _mm512_loadu_ps(tile + 16));
}

OTX__AVX512_KERNEL __m512 otx__score_avx512(__m512i start, __m512i sum, const float *scales,
                                            __m512 common, __m512 weight, __m512i numbers)
{
    __m512 value = _mm512_mul_ps(_mm512_cvtepi32_ps(start), _mm512_set1_ps(scales[0]));
    value = _mm512_fmadd_ps(common, _mm512_set1_ps(scales[1]), value);
    value = _mm512_fnmadd_ps(_mm512_cvtepi32_ps(sum), _mm512_set1_ps(scales[2]), value);
    value = _mm512_mul_ps(_mm512_abs_ps(value), weight);
    /* numbers | (score & ~31), as otx__packed does */
    return _mm512_castsi512_ps(_mm512_ternarylogic_epi32(
        numbers, _mm512_castps_si512(value), _mm512_set1_epi32(OTX__TILE - 1), 0xf4));
}

/* The sums of `sets` supports of one target, two atoms of them at a time:
   sums[set][0] and [1] hold the tile in the order of unpacking. */
OTX__AVX512_INLINE void otx__sums_avx512(const otx__scan *scan, size_t target, size_t sets,
                                         __m512i sums[OTX__SETS][2])
{
    const uint32_t *atoms = scan->atoms + target * scan->pitch;
    const int16_t *steps = scan->steps + target * OTX__SETS * scan->pitch;
    const uint32_t *ahead = otx__scan_ahead(scan, target);
    size_t count = scan->counts[target], j, set;
    OTX__UNROLL for (set = 0; set < sets; set++)
        sums[set][0] = sums[set][1] = _mm512_setzero_si512();
    for (j = 0; j < count; j += 2) {
        __m512i g0 = _mm512_loadu_si512(scan->gram + (size_t)atoms[j] * OTX__TILE);
        __m512i g1 = _mm512_loadu_si512(scan->gram + (size_t)atoms[j + 1] * OTX__TILE);
        __m512i low = _mm512_unpacklo_epi16(g0, g1), high = _mm512_unpackhi_epi16(g0, g1);
        OTX__PREFETCH(scan->gram + (size_t)ahead[j] * OTX__TILE);
        OTX__PREFETCH(scan->gram + (size_t)ahead[j + 1] * OTX__TILE);
        OTX__UNROLL for (set = 0; set < sets; set++) {
            const int16_t *two = steps + j * OTX__SETS + 2 * set;
            __m512i pair = _mm512_set1_epi32(otx__int32_at(two));
            sums[set][0] = _mm512_dpwssd_epi32(sums[set][0], low, pair);
            sums[set][1] = _mm512_dpwssd_epi32(sums[set][1], high, pair);
        }
    }
}

OTX__AVX512_KERNEL void otx__scan_avx512(const otx__scan *scan)
{
    __m512 common0 = otx__unpacked_avx512(scan->common, 0);
    __m512 common1 = otx__unpacked_avx512(scan->common, 1);
    __m512 weight0 = otx__unpacked_avx512(scan->weight, 0);
    __m512 weight1 = otx__unpacked_avx512(scan->weight, 1);
    __m512i numbers0 = otx__numbers_avx512(0), numbers1 = otx__numbers_avx512(1);
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
            __m512 score0 = otx__score_avx512(start0, sums[set][0], scale, common0, weight0,
                                              numbers0);
            __m512 score1 = otx__score_avx512(start1, sums[set][1], scale, common1, weight1,
                                              numbers1);
            scan->best[set * scan->best_pitch + target] =
                _mm512_reduce_max_ps(_mm512_max_ps(score0, score1));
        }
    }
}

/* What sixteen weighted correlations are at least and at most. */
OTX__AVX512_INLINE void otx__sift_half_avx512(const otx__sift *sift, size_t first, __m512 *low,
                                              __m512 *high)
{
    __m512 weight = _mm512_loadu_ps(sift->weight + first), room = _mm512_set1_ps(OTX__SIFT_ROOM);
    __m512 value = _mm512_mul_ps(_mm512_loadu_ps(sift->products + first),
                                 _mm512_loadu_ps(sift->scale + first));
    __m512 spread = _mm512_fmadd_ps(_mm512_loadu_ps(sift->error + first),
                                    _mm512_set1_ps(sift->rest), _mm512_set1_ps(sift->bound));
    value = _mm512_fmadd_ps(_mm512_loadu_ps(sift->common + first), _mm512_set1_ps(sift->along),
                            _mm512_mul_ps(value, _mm512_set1_ps(sift->by)));
    value = _mm512_abs_ps(value);
    spread = _mm512_fmadd_ps(weight, spread, room);
    *low = _mm512_fmsub_ps(weight, value, spread);
    *high = _mm512_fmadd_ps(weight, value, spread);
}

OTX__AVX512_KERNEL uint32_t otx__sift_avx512(const otx__sift *sift, float *least, float *most)
{
    __m512 low0, low1, high0, high1, mark = _mm512_set1_ps(*least);
    __mmask16 mask0, mask1;
    otx__sift_half_avx512(sift, 0, &low0, &high0);
    otx__sift_half_avx512(sift, 16, &low1, &high1);
    if (!_mm512_cmp_ps_mask(_mm512_max_ps(high0, high1), mark, _CMP_GE_OQ)) return 0;
    low0 = _mm512_max_ps(low0, low1);
    if (_mm512_cmp_ps_mask(low0, mark, _CMP_GT_OQ)) {
        *least = _mm512_reduce_max_ps(low0);
        mark = _mm512_set1_ps(*least);
    }
    mask0 = _mm512_cmp_ps_mask(high0, mark, _CMP_GE_OQ);
    mask1 = _mm512_cmp_ps_mask(high1, mark, _CMP_GE_OQ);
    if (mask0 | mask1) *most = _mm512_reduce_max_ps(_mm512_max_ps(high0, high1));
    return (uint32_t)mask1 << 16 | mask0;
}

/* Takes one column off sixteen correlations. */
OTX__AVX512_INLINE __m512 otx__refine_part_avx512(const int16_t *gram, float beta, __m512 value)
{
    __m512 wide = _mm512_cvtepi32_ps(_mm512_cvtepi16_epi32(OTX__256_LOAD_INTS(gram)));
    return _mm512_fnmadd_ps(_mm512_set1_ps(beta), wide, value);
}

OTX__AVX512_KERNEL void otx__refine_avx512(const int16_t *gram, const uint32_t *atoms,
                                           const float *betas, size_t count, float *correlations)
{
    __m512 low = _mm512_loadu_ps(correlations), high = _mm512_loadu_ps(correlations + 16);
    size_t j;
    for (j = 0; j < count; j++) {
        const int16_t *column = gram + (size_t)atoms[j] * OTX__TILE;
        float beta = betas[j] / 32767.0f;
        low = otx__refine_part_avx512(column, beta, low);
        high = otx__refine_part_avx512(column + 16, beta, high);
    }
    _mm512_storeu_ps(correlations, low);
    _mm512_storeu_ps(correlations + 16, high);
}

/* Sixteen elements of a row. */
OTX__AVX512_INLINE __m512 otx__floats_avx512(const char *at, bool bf16)
{
    __m512i wide;
    if (!bf16) return _mm512_loadu_ps(at);
    wide = _mm512_cvtepu16_epi32(OTX__256_LOAD_INTS(at));
    return _mm512_castsi512_ps(_mm512_slli_epi32(wide, 16));
}

/* Rows 4 to 7 come next and are asked for. */
OTX__AVX512_INLINE void otx__rough_dots_group_avx512(const float *a, const char *const rows[8],
                                                     bool bf16, size_t whole, float *out)
{
    const size_t element = bf16 ? 2 : 4;
    __m512 sums[4];
    size_t i, j;
    OTX__UNROLL for (j = 0; j < 4; j++) sums[j] = _mm512_setzero_ps();
    for (i = 0; i < whole; i += OTX__LANES) {
        __m512 a0 = _mm512_loadu_ps(a + i);
        OTX__UNROLL for (j = 0; j < 4; j++) {
            OTX__PREFETCH(rows[4 + j] + i * element);
            sums[j] = _mm512_fmadd_ps(a0, otx__floats_avx512(rows[j] + i * element, bf16),
                                      sums[j]);
        }
    }
    OTX__UNROLL for (j = 0; j < 4; j++) out[j] = _mm512_reduce_add_ps(sums[j]);
}

OTX__AVX512_KERNEL void otx__rough_dots_avx512(const float *a, const otx__row *rows,
                                               size_t count, size_t n, float *out)
{
    size_t first, i, j, whole = n - n % OTX__LANES;
    for (first = 0; first < count; first += 4) {
        const char *at[8];
        float sums[4];
        for (j = 0; j < 8; j++)
            at[j] = (const char *)rows[otx__min(first + j, count - 1)].data;
        if (rows[0].bf16) otx__rough_dots_group_avx512(a, at, true, whole, sums);
        else otx__rough_dots_group_avx512(a, at, false, whole, sums);
        for (j = 0; j < otx__min(4, count - first); j++) {
            for (i = whole; i < n; i++) sums[j] += a[i] * otx__row_element(rows[first + j], i);
            out[first + j] = sums[j];
        }
    }
}

OTX__AVX512_INLINE void otx__rough_group_avx512(float *r, const double *coefficients,
                                                const char *const rows[4], bool bf16,
                                                size_t whole)
{
    size_t i, j;
    for (i = 0; i < whole; i += OTX__LANES) {
        __m512 value = _mm512_loadu_ps(r + i);
        OTX__UNROLL for (j = 0; j < 4; j++)
            value = _mm512_fnmadd_ps(_mm512_set1_ps((float)coefficients[j]),
                                     otx__floats_avx512(rows[j] + i * (bf16 ? 2 : 4), bf16),
                                     value);
        _mm512_storeu_ps(r + i, value);
    }
}

OTX__AVX512_KERNEL void otx__rough_residual_avx512(float *r, otx__row y,
                                                   const double *coefficients,
                                                   const otx__row *rows, size_t count, size_t n)
{
    size_t first, i, j, whole = n - n % OTX__LANES;
    for (i = 0; i < whole; i += OTX__LANES)
        _mm512_storeu_ps(r + i, otx__floats_avx512(otx__row_at(y, i), y.bf16));
    for (; i < n; i++) r[i] = otx__row_element(y, i);
    for (first = 0; first < count; first += 4) {
        const char *at[4];
        double by[4];
        for (j = 0; j < 4; j++) {
            at[j] = (const char *)rows[otx__min(first + j, count - 1)].data;
            by[j] = first + j < count ? coefficients[first + j] : 0.0;
        }
        if (rows[0].bf16) otx__rough_group_avx512(r, by, at, true, whole);
        else otx__rough_group_avx512(r, by, at, false, whole);
        for (j = first; j < otx__min(first + 4, count); j++)
            for (i = whole; i < n; i++)
                r[i] -= (float)coefficients[j] * otx__row_element(rows[j], i);
    }
}

/* Eight elements of a row. */
OTX__AVX512_INLINE __m256 otx__eight_floats_avx512(const char *at, bool bf16)
{
    return bf16 ? OTX__256_OF_BF16(at) : OTX__256_FLOATS_AT(at);
}

/* Sixteen elements of a row as two registers of doubles. */
OTX__AVX512_INLINE void otx__widen_avx512(const char *at, bool bf16, __m512d *low, __m512d *high)
{
    *low = _mm512_cvtps_pd(otx__eight_floats_avx512(at, bf16));
    *high = _mm512_cvtps_pd(otx__eight_floats_avx512(at + (bf16 ? 16 : 32), bf16));
}

/* The lanes of a's products with four rows, up to `whole`; rows[4] to [7] come next
   and are asked for. Four at a time hide the latency of the additions. With `fused`
   the products must be exact. */
OTX__AVX512_INLINE void otx__dots_group_avx512(const double *a, const char *const rows[8],
                                               bool bf16, bool fused, size_t whole,
                                               double lanes[4][OTX__LANES])
{
    const size_t element = bf16 ? 2 : 4;
    __m512d low[4], high[4];
    size_t i, j;
    OTX__UNROLL for (j = 0; j < 4; j++) low[j] = high[j] = _mm512_setzero_pd();
    for (i = 0; i < whole; i += OTX__LANES) {
        __m512d a0 = _mm512_loadu_pd(a + i), a1 = _mm512_loadu_pd(a + i + 8), b0, b1;
        OTX__UNROLL for (j = 0; j < 4; j++) {
            OTX__PREFETCH(rows[4 + j] + i * element);
            otx__widen_avx512(rows[j] + i * element, bf16, &b0, &b1);
            low[j] = fused ? _mm512_fmadd_pd(a0, b0, low[j])
                           : _mm512_add_pd(low[j], _mm512_mul_pd(a0, b0));
            high[j] = fused ? _mm512_fmadd_pd(a1, b1, high[j])
                            : _mm512_add_pd(high[j], _mm512_mul_pd(a1, b1));
        }
    }
    OTX__UNROLL for (j = 0; j < 4; j++) {
        _mm512_storeu_pd(lanes[j], low[j]);
        _mm512_storeu_pd(lanes[j] + 8, high[j]);
    }
}

OTX__AVX512_INLINE void otx__dots_body_avx512(const double *a, const otx__row *rows,
                                              size_t count, size_t n, bool fused, double *out)
{
    size_t first, j, whole = n - n % OTX__LANES;
    for (first = 0; first < count; first += 4) {
        const char *at[8];
        double lanes[4][OTX__LANES];
        for (j = 0; j < 8; j++)
            at[j] = (const char *)rows[otx__min(first + j, count - 1)].data;
        if (rows[first].bf16) otx__dots_group_avx512(a, at, true, fused, whole, lanes);
        else otx__dots_group_avx512(a, at, false, fused, whole, lanes);
        for (j = 0; j < otx__min(4, count - first); j++) {
            otx__dot_lanes(lanes[j], a, rows[first + j], whole, n);
            out[first + j] = otx__fold_lanes(lanes[j]);
        }
    }
}

OTX__AVX512_KERNEL void otx__dots_avx512(const double *a, const otx__row *rows, size_t count,
                                         size_t n, double *out)
{
    otx__dots_body_avx512(a, rows, count, n, false, out);
}

OTX__AVX512_KERNEL void otx__products_avx512(const double *a, const otx__row *rows, size_t count,
                                             size_t n, double *out)
{
    otx__dots_body_avx512(a, rows, count, n, true, out);
}

/* The lanes of the products of two rows with four others, up to `whole`: lanes[j][i]
   of row i of the two and row j of the four. */
OTX__AVX512_INLINE void otx__pair_group_avx512(const char *const a[2], const char *const b[4],
                                               bool bf16, size_t whole,
                                               double lanes[4][2][OTX__LANES])
{
    const size_t element = bf16 ? 2 : 4;
    __m512d low[4][2], high[4][2];
    size_t p, i, j;
    OTX__UNROLL for (j = 0; j < 4; j++)
        low[j][0] = low[j][1] = high[j][0] = high[j][1] = _mm512_setzero_pd();
    for (p = 0; p < whole; p += OTX__LANES) {
        __m512d a0[2], a1[2], b0, b1;
        otx__widen_avx512(a[0] + p * element, bf16, &a0[0], &a1[0]);
        otx__widen_avx512(a[1] + p * element, bf16, &a0[1], &a1[1]);
        OTX__UNROLL for (j = 0; j < 4; j++) {
            otx__widen_avx512(b[j] + p * element, bf16, &b0, &b1);
            OTX__UNROLL for (i = 0; i < 2; i++) {
                low[j][i] = _mm512_fmadd_pd(a0[i], b0, low[j][i]);
                high[j][i] = _mm512_fmadd_pd(a1[i], b1, high[j][i]);
            }
        }
    }
    OTX__UNROLL for (j = 0; j < 4; j++) {
        OTX__UNROLL for (i = 0; i < 2; i++) {
            _mm512_storeu_pd(lanes[j][i], low[j][i]);
            _mm512_storeu_pd(lanes[j][i] + 8, high[j][i]);
        }
    }
}

OTX__AVX512_KERNEL void otx__pair_products_avx512(const otx__row a[2], const otx__row *b,
                                                  size_t count, size_t n, double *out,
                                                  size_t pitch)
{
    const char *const pair[2] = {(const char *)a[0].data, (const char *)a[1].data};
    size_t first, i, j, p, whole = n - n % OTX__LANES;
    for (first = 0; first < count; first += 4) {
        const char *at[4];
        double lanes[4][2][OTX__LANES];
        for (j = 0; j < 4; j++)
            at[j] = (const char *)b[otx__min(first + j, count - 1)].data;
        if (a[0].bf16) otx__pair_group_avx512(pair, at, true, whole, lanes);
        else otx__pair_group_avx512(pair, at, false, whole, lanes);
        for (j = 0; j < otx__min(4, count - first); j++) {
            for (i = 0; i < 2; i++) {
                for (p = whole; p < n; p++)
                    lanes[j][i][p % OTX__LANES] += (double)otx__row_element(a[i], p) *
                                                   (double)otx__row_element(b[first + j], p);
                out[i * pitch + first + j] = otx__fold_lanes(lanes[j][i]);
            }
        }
    }
}

/* Takes four rows, one after the other, off r up to `whole`. Reading all rows at
   once would be too many streams for the processor to foresee. */
OTX__AVX512_INLINE void otx__residual_group_avx512(double *r, const double *coefficients,
                                                   const char *const rows[4], bool bf16,
                                                   size_t whole)
{
    const size_t element = bf16 ? 2 : 4;
    size_t i, j;
    for (i = 0; i < whole; i += OTX__LANES) {
        __m512d low = _mm512_loadu_pd(r + i), high = _mm512_loadu_pd(r + i + 8), b0, b1;
        OTX__UNROLL for (j = 0; j < 4; j++) {
            __m512d coefficient = _mm512_set1_pd(coefficients[j]);
            otx__widen_avx512(rows[j] + i * element, bf16, &b0, &b1);
            low = _mm512_sub_pd(low, _mm512_mul_pd(coefficient, b0));
            high = _mm512_sub_pd(high, _mm512_mul_pd(coefficient, b1));
        }
        _mm512_storeu_pd(r + i, low);
        _mm512_storeu_pd(r + i + 8, high);
    }
}

OTX__AVX512_KERNEL void otx__residual_avx512(double *r, otx__row y, const double *coefficients,
                                             const otx__row *rows, size_t count, size_t n)
{
    size_t i, j, whole = n - n % OTX__LANES, first = 0;
    if (y.data) {
        __m512d low, high;
        for (i = 0; i < whole; i += OTX__LANES) {
            otx__widen_avx512(otx__row_at(y, i), y.bf16, &low, &high);
            _mm512_storeu_pd(r + i, low);
            _mm512_storeu_pd(r + i + 8, high);
        }
    }
    for (; first + 4 <= count; first += 4) {
        const char *at[4];
        for (j = 0; j < 4; j++) at[j] = (const char *)rows[first + j].data;
        if (rows[first].bf16)
            otx__residual_group_avx512(r, coefficients + first, at, true, whole);
        else
            otx__residual_group_avx512(r, coefficients + first, at, false, whole);
    }
    for (i = 0; i < whole && first < count; i += OTX__LANES) {
        __m512d low = _mm512_loadu_pd(r + i), high = _mm512_loadu_pd(r + i + 8), b0, b1;
        for (j = first; j < count; j++) {
            __m512d coefficient = _mm512_set1_pd(coefficients[j]);
            otx__widen_avx512(otx__row_at(rows[j], i), rows[j].bf16, &b0, &b1);
            low = _mm512_sub_pd(low, _mm512_mul_pd(coefficient, b0));
            high = _mm512_sub_pd(high, _mm512_mul_pd(coefficient, b1));
        }
        _mm512_storeu_pd(r + i, low);
        _mm512_storeu_pd(r + i + 8, high);
    }
    otx__residual_elements(r, y, coefficients, rows, count, whole, n);
}

OTX__PRIVATE const otx__kernels otx__kernels_avx512 = {
    OTX_ISA_AVX512, otx__product_avx512, NULL, otx__product_int8_avx512, otx__scan_avx512,
    otx__follow_256, otx__sift_avx512, otx__sift_panel_256, otx__refine_avx512,
    otx__rough_dots_avx512, otx__rough_residual_avx512, otx__dots_avx512, otx__products_avx512,
    otx__pair_products_avx512, otx__residual_avx512};

#ifdef OTX__AVX512_BF16
OTX__PRIVATE const otx__kernels otx__kernels_avx512_bf16 = {
    OTX_ISA_AVX512_BF16, otx__product_avx512, otx__product_bf16_avx512,
    otx__product_int8_avx512, otx__scan_avx512, otx__follow_256, otx__sift_avx512,
    otx__sift_panel_256, otx__refine_avx512, otx__rough_dots_avx512,
    otx__rough_residual_avx512, otx__dots_avx512, otx__products_avx512,
    otx__pair_products_avx512, otx__residual_avx512};
#endif

#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic pop
#endif

#endif /* OTX__AVX512 */

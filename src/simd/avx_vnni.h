/* ---- avx_vnni: AVX2 with AVX-VNNI, which multiplies and adds in one instruction ---- */

#if defined(OTX__AVX2) && ((defined(__clang__) && __clang_major__ >= 12) || \
                           (defined(__GNUC__) && !defined(__clang__) && __GNUC__ >= 11))
#define OTX__AVX_VNNI
#define OTX__AVX_VNNI_TARGET __attribute__((target("avx2,fma,avxvnni")))
#define OTX__AVX_VNNI_KERNEL OTX__AVX_VNNI_TARGET OTX__PRIVATE

OTX__AVX_VNNI_TARGET OTX__INLINE void otx__add_pair_avx_vnni(__m256i sums[2],
                                                             const __m256i pair[2],
                                                             __m256i steps)
{
    sums[0] = _mm256_dpwssd_avx_epi32(sums[0], pair[0], steps);
    sums[1] = _mm256_dpwssd_avx_epi32(sums[1], pair[1], steps);
}

OTX__AVX_VNNI_KERNEL void otx__scan_avx_vnni(const otx__scan *scan)
{
    otx__scan_body_256(scan, otx__add_pair_avx_vnni);
}

/* One chain of products of 8-bit numbers, n terms, of four rows of b and 16 of a, with
   `less` taken off the sums of each row of b. The instruction wants one side without a
   sign: a is taken 128 too large. Sums of integers go in c or are added to it; the last
   of them are made floats. */
OTX__AVX_VNNI_KERNEL void otx__chain_int8_avx_vnni(const int8_t *a, const int8_t *b, size_t n,
                                                   const int32_t *less, bool add, bool last,
                                                   float *c)
{
    const __m256i sign = _mm256_set1_epi8(-128);
    __m256i sums[4][2];
    size_t p, j, h;
    OTX__UNROLL for (j = 0; j < 4; j++) sums[j][0] = sums[j][1] = _mm256_set1_epi32(-less[j]);
    for (p = 0; p < n; p += 4) {
        const __m256i *fours = (const __m256i *)(const void *)(a + p * OTX__TILE);
        __m256i a0 = _mm256_xor_si256(_mm256_loadu_si256(fours), sign);
        __m256i a1 = _mm256_xor_si256(_mm256_loadu_si256(fours + 1), sign);
        OTX__UNROLL for (j = 0; j < 4; j++) {
            __m256i b0 = _mm256_set1_epi32(otx__int32_at(b + p * OTX__TILE + 4 * j));
            sums[j][0] = _mm256_dpbusd_avx_epi32(sums[j][0], a0, b0);
            sums[j][1] = _mm256_dpbusd_avx_epi32(sums[j][1], a1, b0);
        }
    }
    OTX__UNROLL for (j = 0; j < 4; j++) {
        OTX__UNROLL for (h = 0; h < 2; h++) {
            __m256i *at = (__m256i *)(void *)(c + j * OTX__TILE + 8 * h), sum = sums[j][h];
            if (add) sum = _mm256_add_epi32(sum, _mm256_loadu_si256(at));
            if (last) sum = _mm256_castps_si256(_mm256_cvtepi32_ps(sum));
            _mm256_storeu_si256(at, sum);
        }
    }
}

/* less[j]: what the sums of row j of b, n terms, come out too large by. */
OTX__AVX_VNNI_KERNEL void otx__excess_avx_vnni(const int8_t *b, size_t n,
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
    OTX_ISA_AVX_VNNI, otx__product_256, NULL, otx__product_int8_avx_vnni, otx__scan_avx_vnni,
    otx__follow_256, otx__sift_256, otx__sift_panel_256, otx__refine_256, otx__rough_dots_256,
    otx__rough_residual_256, otx__dots_256, otx__products_256, NULL, otx__residual_256};

#endif /* OTX__AVX_VNNI */

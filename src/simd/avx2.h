/* ---- avx2: the operations of 256-bit x86 (AVX2, FMA) -------------------------- */

#ifdef OTX__SSE2
#define OTX__AVX2

#ifdef OTX__MSVC
#define OTX__256_KERNEL OTX__PRIVATE
#define OTX__256_INLINE OTX__INLINE
#else
#define OTX__256_KERNEL __attribute__((target("avx2,fma"))) OTX__PRIVATE
#define OTX__256_INLINE __attribute__((target("avx2,fma"))) OTX__INLINE
#endif

/* sse2.h says what each does. */
typedef __m256 otx__floats_256;
typedef __m256d otx__doubles_256;
typedef __m256i otx__ints_256;
#define OTX__256_WIDTH 8
#define OTX__256_ACROSS 2
#define OTX__256_SUMS 8
#define OTX__256_ROWS 2

#define OTX__256_LOAD(at) _mm256_loadu_ps(at)
#define OTX__256_STORE(at, a) _mm256_storeu_ps(at, a)
#define OTX__256_SPLAT(number) _mm256_set1_ps(number)
#define OTX__256_ADD(a, b) _mm256_add_ps(a, b)
#define OTX__256_MUL(a, b) _mm256_mul_ps(a, b)
#define OTX__256_MAX(a, b) _mm256_max_ps(a, b)
#define OTX__256_ABS(a) _mm256_andnot_ps(_mm256_set1_ps(-0.0f), a)
#define OTX__256_ADD_PRODUCT(sum, a, b) _mm256_fmadd_ps(a, b, sum)
#define OTX__256_SUB_PRODUCT(sum, a, b) _mm256_fnmadd_ps(a, b, sum)
#define OTX__256_PRODUCT_SUB(a, b, sum) _mm256_fmsub_ps(a, b, sum)
#define OTX__256_ADD_BY(sum, a, b, i) _mm256_fmadd_ps(a, _mm256_broadcast_ss((b) + (i)), sum)
#define OTX__256_ANY_ABOVE(a, b) _mm256_movemask_ps(_mm256_cmp_ps(a, b, _CMP_GT_OQ))
#define OTX__256_NOT_BELOW(a, b) (uint32_t)_mm256_movemask_ps(_mm256_cmp_ps(a, b, _CMP_GE_OQ))
#define OTX__256_PACK(a, first)                                                              \
    _mm256_or_ps(_mm256_andnot_ps(_mm256_castsi256_ps(_mm256_set1_epi32(OTX__TILE - 1)), a), \
                 _mm256_castsi256_ps(_mm256_add_epi32(                                       \
                     _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7), _mm256_set1_epi32(first))))

#define OTX__256_FLOATS_AT(at) _mm256_loadu_ps((const float *)(const void *)(at))
#define OTX__256_OF_BF16(at) \
    _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_cvtepu16_epi32(OTX__128_LOAD_INTS(at)), 16))
#define OTX__256_OF_INT16(at) _mm256_cvtepi32_ps(_mm256_cvtepi16_epi32(OTX__128_LOAD_INTS(at)))
#define OTX__256_OF_INTS(a) _mm256_cvtepi32_ps(a)

/* Unpacking works on 128-bit halves. */
#define OTX__256_SPLAT_INT(number) _mm256_set1_epi32(number)
#define OTX__256_LOAD_INTS(at) _mm256_loadu_si256((const __m256i *)(const void *)(at))
#define OTX__256_LOW(column0, column1) _mm256_unpacklo_epi16(column0, column1)
#define OTX__256_HIGH(column0, column1) _mm256_unpackhi_epi16(column0, column1)
#define OTX__256_FIRST(low, high) _mm256_permute2x128_si256(low, high, 0x20)
#define OTX__256_SECOND(low, high) _mm256_permute2x128_si256(low, high, 0x31)

#define OTX__256_LOAD64(at) _mm256_loadu_pd(at)
#define OTX__256_STORE64(at, a) _mm256_storeu_pd(at, a)
#define OTX__256_SPLAT64(number) _mm256_set1_pd(number)
#define OTX__256_ADD_PRODUCT64(sum, a, b, exact) \
    ((exact) ? _mm256_fmadd_pd(a, b, sum) : _mm256_add_pd(sum, _mm256_mul_pd(a, b)))
#define OTX__256_SUB_PRODUCT64(sum, a, b) _mm256_sub_pd(sum, _mm256_mul_pd(a, b))
#define OTX__256_LOW64(a) _mm256_cvtps_pd(_mm256_castps256_ps128(a))
#define OTX__256_HIGH64(a) _mm256_cvtps_pd(_mm256_extractf128_ps(a, 1))

OTX__256_INLINE float otx__largest_256(__m256 a)
{
    return otx__largest_128(_mm_max_ps(_mm256_castps256_ps128(a), _mm256_extractf128_ps(a, 1)));
}

OTX__256_INLINE float otx__total_256(__m256 a)
{
    return otx__total_128(_mm_add_ps(_mm256_castps256_ps128(a), _mm256_extractf128_ps(a, 1)));
}

OTX__256_INLINE void otx__add_pair_256(__m256i sums[2], const __m256i pair[2], __m256i steps)
{
    sums[0] = _mm256_add_epi32(sums[0], _mm256_madd_epi16(pair[0], steps));
    sums[1] = _mm256_add_epi32(sums[1], _mm256_madd_epi16(pair[1], steps));
}

#endif /* OTX__SSE2 */

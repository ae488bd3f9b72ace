/* ---- sse2: the operations of 128-bit x86, the baseline of x86-64 --------------- */

/* Of the sets of 128 bits (this, NEON, WebAssembly's) a build has one at most, so that all
   go by the same names. */
#if !defined(OTX_NO_SIMD) && defined(OTX__X86) &&                                        \
    (defined(__clang__) || (defined(__GNUC__) && __GNUC__ >= 5 && !defined(__TINYC__)) || \
     (defined(_MSC_VER) && _MSC_VER >= 1900))
#define OTX__SSE2
#define OTX__128_ISA OTX_ISA_SSE2

#include <immintrin.h>
#if defined(_MSC_VER) && defined(__clang__) /* which leaves out what no option has named */
#include <smmintrin.h>
#include <avxintrin.h>
#include <avx2intrin.h>
#include <fmaintrin.h>
#include <avx512fintrin.h>
#include <avx512bwintrin.h>
#include <avx512dqintrin.h>
#include <avx512vlintrin.h>
#include <avx512vnniintrin.h>
#if __clang_major__ >= 12
#include <avxvnniintrin.h>
#include <avx512bf16intrin.h>
#endif
#endif

#ifdef OTX__MSVC
#define OTX__128_KERNEL OTX__PRIVATE
#define OTX__128_INLINE OTX__INLINE
#else
#define OTX__128_KERNEL __attribute__((target("sse2"))) OTX__PRIVATE
#define OTX__128_INLINE __attribute__((target("sse2"))) OTX__INLINE
#endif

/* What body.h is written in, and every set has. Registers, of floats, doubles and integers
   of 32 bits: */
typedef __m128 otx__floats_128;
typedef __m128d otx__doubles_128;
typedef __m128i otx__ints_128;
#define OTX__128_WIDTH 4  /* floats in one */
#define OTX__128_ACROSS 2 /* of a that a chain takes: there are four sums of each */
#define OTX__128_SUMS 8   /* of integers that a scan may fill */
#define OTX__128_ROWS 1   /* rows whose 16 sums of doubles fill eight */
#define OTX__128_FUSES 0  /* whether it multiplies and adds in one operation */

/* Floats. sum + a b, sum - a b and a b - sum may be rounded once or twice. */
#define OTX__128_LOAD(at) _mm_loadu_ps(at)
#define OTX__128_STORE(at, a) _mm_storeu_ps(at, a)
#define OTX__128_SPLAT(number) _mm_set1_ps(number)
#define OTX__128_ADD(a, b) _mm_add_ps(a, b)
#define OTX__128_MUL(a, b) _mm_mul_ps(a, b)
#define OTX__128_MAX(a, b) _mm_max_ps(a, b)
#define OTX__128_ABS(a) _mm_andnot_ps(_mm_set1_ps(-0.0f), a)
#define OTX__128_ADD_PRODUCT(sum, a, b) _mm_add_ps(sum, _mm_mul_ps(a, b))
#define OTX__128_SUB_PRODUCT(sum, a, b) _mm_sub_ps(sum, _mm_mul_ps(a, b))
#define OTX__128_PRODUCT_SUB(a, b, sum) _mm_sub_ps(_mm_mul_ps(a, b), sum)
/* sum + a b[i], of four floats b. */
#define OTX__128_ADD_BY(sum, a, b, i) _mm_add_ps(sum, _mm_mul_ps(a, _mm_set1_ps((b)[i])))
/* Whether any of a is above b; those of a that are not below b, a bit each. */
#define OTX__128_ANY_ABOVE(a, b) _mm_movemask_ps(_mm_cmpgt_ps(a, b))
#define OTX__128_NOT_BELOW(a, b) (uint32_t)_mm_movemask_ps(_mm_cmpge_ps(a, b))
/* As otx__packed, the atoms `first` and following. */
#define OTX__128_PACK(a, first)                                               \
    _mm_or_ps(_mm_andnot_ps(_mm_castsi128_ps(_mm_set1_epi32(OTX__TILE - 1)), a), \
              _mm_castsi128_ps(_mm_add_epi32(_mm_setr_epi32(0, 1, 2, 3), _mm_set1_epi32(first))))

/* Floats from floats at any address, bf16, 16-bit integers, and a register of integers. */
#define OTX__128_FLOATS_AT(at) _mm_loadu_ps((const float *)(const void *)(at))
#define OTX__128_OF_BF16(at) \
    _mm_castsi128_ps(_mm_unpacklo_epi16(_mm_setzero_si128(), otx__half_128(at)))
#define OTX__128_OF_INT16(at) \
    _mm_cvtepi32_ps(_mm_srai_epi32(_mm_unpacklo_epi16(otx__half_128(at), otx__half_128(at)), 16))
#define OTX__128_OF_INTS(a) _mm_cvtepi32_ps(a)

/* Integers. LOW and HIGH of two columns of 16-bit numbers are what ADD_PAIR takes, each of
   them; FIRST and SECOND of two sums so made have the atoms in order. */
#define OTX__128_SPLAT_INT(number) _mm_set1_epi32(number)
#define OTX__128_LOAD_INTS(at) _mm_loadu_si128((const __m128i *)(const void *)(at))
#define OTX__128_LOW(column0, column1) _mm_unpacklo_epi16(column0, column1)
#define OTX__128_HIGH(column0, column1) _mm_unpackhi_epi16(column0, column1)
#define OTX__128_FIRST(low, high) (low)
#define OTX__128_SECOND(low, high) (high)

/* Doubles. The first is of exact products, or else rounds twice; the second always does. */
#define OTX__128_LOAD64(at) _mm_loadu_pd(at)
#define OTX__128_STORE64(at, a) _mm_storeu_pd(at, a)
#define OTX__128_SPLAT64(number) _mm_set1_pd(number)
#define OTX__128_ADD_PRODUCT64(sum, a, b, exact) ((void)(exact), _mm_add_pd(sum, _mm_mul_pd(a, b)))
#define OTX__128_SUB_PRODUCT64(sum, a, b) _mm_sub_pd(sum, _mm_mul_pd(a, b))
#define OTX__128_LOW64(a) _mm_cvtps_pd(a)
#define OTX__128_HIGH64(a) _mm_cvtps_pd(_mm_movehl_ps(a, a))

OTX__128_INLINE __m128i otx__half_128(const void *at)
{
    return _mm_loadl_epi64((const __m128i *)at);
}

/* The largest number of a register, and the sum of all. */
OTX__128_INLINE float otx__largest_128(__m128 a)
{
    a = _mm_max_ps(a, _mm_movehl_ps(a, a));
    return _mm_cvtss_f32(_mm_max_ss(a, _mm_shuffle_ps(a, a, 1)));
}

OTX__128_INLINE float otx__total_128(__m128 a)
{
    a = _mm_add_ps(a, _mm_movehl_ps(a, a));
    return _mm_cvtss_f32(_mm_add_ss(a, _mm_shuffle_ps(a, a, 1)));
}

/* Adds two columns, each times one of two 16-bit steps. */
OTX__128_INLINE void otx__add_pair_128(__m128i sums[2], const __m128i pair[2], __m128i steps)
{
    sums[0] = _mm_add_epi32(sums[0], _mm_madd_epi16(pair[0], steps));
    sums[1] = _mm_add_epi32(sums[1], _mm_madd_epi16(pair[1], steps));
}

#endif /* OTX__SSE2 */

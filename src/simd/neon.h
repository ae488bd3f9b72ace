/* ---- neon: the operations of 64-bit Arm --------------------------------------- */

/* Little-endian only: lanes of a big-endian load stand in another order. For Microsoft's own
   compiler it is written as its manual has it; it was never tried there. */
#if !defined(OTX_NO_SIMD) &&                                                     \
    ((defined(__aarch64__) && defined(__ARM_NEON) && !defined(__AARCH64EB__)) || \
     defined(_M_ARM64) || defined(_M_ARM64EC))
#define OTX__NEON
#define OTX__128_ISA OTX_ISA_NEON

#ifdef OTX__MSVC
#include <arm64_neon.h>
#else
#include <arm_neon.h>
#endif

#define OTX__128_KERNEL OTX__PRIVATE
#define OTX__128_INLINE OTX__INLINE

/* sse2.h says what each does. */
typedef float32x4_t otx__floats_128;
typedef float64x2_t otx__doubles_128;
typedef int32x4_t otx__ints_128;
#define OTX__128_WIDTH 4
#define OTX__128_ACROSS 4
#define OTX__128_SUMS 12
#define OTX__128_ROWS 1
#define OTX__128_FUSES 1

#define OTX__128_LOAD(at) vld1q_f32(at)
#define OTX__128_STORE(at, a) vst1q_f32(at, a)
#define OTX__128_SPLAT(number) vdupq_n_f32(number)
#define OTX__128_ADD(a, b) vaddq_f32(a, b)
#define OTX__128_MUL(a, b) vmulq_f32(a, b)
#define OTX__128_MAX(a, b) vmaxq_f32(a, b)
#define OTX__128_ABS(a) vabsq_f32(a)
#define OTX__128_ADD_PRODUCT(sum, a, b) vfmaq_f32(sum, a, b)
#define OTX__128_SUB_PRODUCT(sum, a, b) vfmsq_f32(sum, a, b)
#define OTX__128_PRODUCT_SUB(a, b, sum) vnegq_f32(vfmsq_f32(sum, a, b))
#define OTX__128_ADD_BY(sum, a, b, i) vfmaq_laneq_f32(sum, a, vld1q_f32(b), i)
#define OTX__128_ANY_ABOVE(a, b) vmaxvq_u32(vcgtq_f32(a, b))
#define OTX__128_NOT_BELOW(a, b) vaddvq_u32(vandq_u32(vcgeq_f32(a, b), otx__numbers_128(1)))
#define OTX__128_PACK(a, first)                                                          \
    vreinterpretq_f32_u32(                                                               \
        vorrq_u32(vbicq_u32(vreinterpretq_u32_f32(a), vdupq_n_u32(OTX__TILE - 1)),         \
                  vaddq_u32(otx__numbers_128(0), vdupq_n_u32((uint32_t)(first)))))

#define OTX__128_FLOATS_AT(at) vreinterpretq_f32_u8(vld1q_u8((const uint8_t *)(at)))
#define OTX__128_OF_BF16(at) \
    vreinterpretq_f32_u32(vshll_n_u16(vreinterpret_u16_u8(vld1_u8((const uint8_t *)(at))), 16))
#define OTX__128_OF_INT16(at) vcvtq_f32_s32(vmovl_s16(vld1_s16(at)))
#define OTX__128_OF_INTS(a) vcvtq_f32_s32(a)

/* A column can be multiplied by a number: pairs are just the columns. */
#define OTX__128_SPLAT_INT(number) vdupq_n_s32(number)
#define OTX__128_LOAD_INTS(at) vreinterpretq_s32_s16(vld1q_s16(at))
#define OTX__128_LOW(column0, column1) (column0)
#define OTX__128_HIGH(column0, column1) (column1)
#define OTX__128_FIRST(low, high) (low)
#define OTX__128_SECOND(low, high) (high)

#define OTX__128_LOAD64(at) vld1q_f64(at)
#define OTX__128_STORE64(at, a) vst1q_f64(at, a)
#define OTX__128_SPLAT64(number) vdupq_n_f64(number)
#define OTX__128_ADD_PRODUCT64(sum, a, b, exact) \
    ((exact) ? vfmaq_f64(sum, a, b) : vaddq_f64(sum, vmulq_f64(a, b)))
#define OTX__128_SUB_PRODUCT64(sum, a, b) vsubq_f64(sum, vmulq_f64(a, b))
#define OTX__128_LOW64(a) vcvt_f64_f32(vget_low_f32(a))
#define OTX__128_HIGH64(a) vcvt_high_f64_f32(a)

/* 0 to 3, or with 1 the bits of 1, 2, 4 and 8. */
OTX__128_INLINE uint32x4_t otx__numbers_128(int bits)
{
    static const uint32_t numbers[2][4] = {{0, 1, 2, 3}, {1, 2, 4, 8}};
    return vld1q_u32(numbers[bits]);
}

OTX__128_INLINE float otx__largest_128(float32x4_t a) { return vmaxvq_f32(a); }

OTX__128_INLINE float otx__total_128(float32x4_t a) { return vaddvq_f32(a); }

OTX__128_INLINE void otx__add_pair_128(int32x4_t sums[2], const int32x4_t pair[2],
                                       int32x4_t steps)
{
    int16x8_t column0 = vreinterpretq_s16_s32(pair[0]), column1 = vreinterpretq_s16_s32(pair[1]);
    int16x4_t two = vreinterpret_s16_s32(vget_low_s32(steps));
    sums[0] = vmlal_lane_s16(sums[0], vget_low_s16(column0), two, 0);
    sums[1] = vmlal_high_lane_s16(sums[1], column0, two, 0);
    sums[0] = vmlal_lane_s16(sums[0], vget_low_s16(column1), two, 1);
    sums[1] = vmlal_high_lane_s16(sums[1], column1, two, 1);
}

#endif /* OTX__NEON */

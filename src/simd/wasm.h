/* ---- wasm: the operations of WebAssembly with SIMD128 ------------------------- */

/* Chosen when compiling: a module with these instructions loads only where they are
   known. */
#if !defined(OTX_NO_SIMD) && defined(__wasm_simd128__)
#define OTX__WASM
#define OTX__128_ISA OTX_ISA_WASM

#include <wasm_simd128.h>

#define OTX__128_KERNEL OTX__PRIVATE
#define OTX__128_INLINE OTX__INLINE

/* sse2.h says what each does. */
typedef v128_t otx__floats_128, otx__doubles_128, otx__ints_128;
#define OTX__128_WIDTH 4
#define OTX__128_ACROSS 2
#define OTX__128_SUMS 8
#define OTX__128_ROWS 1
#define OTX__128_FUSES 0

#define OTX__128_LOAD(at) wasm_v128_load(at)
#define OTX__128_STORE(at, a) wasm_v128_store(at, a)
#define OTX__128_SPLAT(number) wasm_f32x4_splat(number)
#define OTX__128_ADD(a, b) wasm_f32x4_add(a, b)
#define OTX__128_MUL(a, b) wasm_f32x4_mul(a, b)
#define OTX__128_MAX(a, b) wasm_f32x4_max(a, b)
#define OTX__128_ABS(a) wasm_f32x4_abs(a)
#define OTX__128_ADD_PRODUCT(sum, a, b) wasm_f32x4_add(sum, wasm_f32x4_mul(a, b))
#define OTX__128_SUB_PRODUCT(sum, a, b) wasm_f32x4_sub(sum, wasm_f32x4_mul(a, b))
#define OTX__128_PRODUCT_SUB(a, b, sum) wasm_f32x4_sub(wasm_f32x4_mul(a, b), sum)
#define OTX__128_ADD_BY(sum, a, b, i) \
    wasm_f32x4_add(sum, wasm_f32x4_mul(a, wasm_v128_load32_splat((b) + (i))))
#define OTX__128_ANY_ABOVE(a, b) wasm_v128_any_true(wasm_f32x4_gt(a, b))
#define OTX__128_NOT_BELOW(a, b) (uint32_t)wasm_i32x4_bitmask(wasm_f32x4_ge(a, b))
#define OTX__128_PACK(a, first)                                        \
    wasm_v128_or(wasm_v128_andnot(a, wasm_i32x4_splat(OTX__TILE - 1)), \
                 wasm_i32x4_add(wasm_i32x4_make(0, 1, 2, 3), wasm_i32x4_splat(first)))

#define OTX__128_FLOATS_AT(at) wasm_v128_load(at)
#define OTX__128_OF_BF16(at) wasm_i32x4_shl(wasm_u32x4_load16x4(at), 16)
#define OTX__128_OF_INT16(at) wasm_f32x4_convert_i32x4(wasm_i32x4_load16x4(at))
#define OTX__128_OF_INTS(a) wasm_f32x4_convert_i32x4(a)

#define OTX__128_SPLAT_INT(number) wasm_i32x4_splat(number)
#define OTX__128_LOAD_INTS(at) wasm_v128_load(at)
#define OTX__128_LOW(column0, column1) \
    wasm_i16x8_shuffle(column0, column1, 0, 8, 1, 9, 2, 10, 3, 11)
#define OTX__128_HIGH(column0, column1) \
    wasm_i16x8_shuffle(column0, column1, 4, 12, 5, 13, 6, 14, 7, 15)
#define OTX__128_FIRST(low, high) (low)
#define OTX__128_SECOND(low, high) (high)

#define OTX__128_LOAD64(at) wasm_v128_load(at)
#define OTX__128_STORE64(at, a) wasm_v128_store(at, a)
#define OTX__128_SPLAT64(number) wasm_f64x2_splat(number)
#define OTX__128_ADD_PRODUCT64(sum, a, b, exact) \
    ((void)(exact), wasm_f64x2_add(sum, wasm_f64x2_mul(a, b)))
#define OTX__128_SUB_PRODUCT64(sum, a, b) wasm_f64x2_sub(sum, wasm_f64x2_mul(a, b))
#define OTX__128_LOW64(a) wasm_f64x2_promote_low_f32x4(a)
#define OTX__128_HIGH64(a) wasm_f64x2_promote_low_f32x4(wasm_i64x2_shuffle(a, a, 1, 1))

OTX__128_INLINE float otx__largest_128(v128_t a)
{
    a = wasm_f32x4_max(a, wasm_i32x4_shuffle(a, a, 2, 3, 0, 1));
    a = wasm_f32x4_max(a, wasm_i32x4_shuffle(a, a, 1, 0, 3, 2));
    return wasm_f32x4_extract_lane(a, 0);
}

OTX__128_INLINE float otx__total_128(v128_t a)
{
    a = wasm_f32x4_add(a, wasm_i32x4_shuffle(a, a, 2, 3, 0, 1));
    a = wasm_f32x4_add(a, wasm_i32x4_shuffle(a, a, 1, 0, 3, 2));
    return wasm_f32x4_extract_lane(a, 0);
}

OTX__128_INLINE void otx__add_pair_128(v128_t sums[2], const v128_t pair[2], v128_t steps)
{
    sums[0] = wasm_i32x4_add(sums[0], wasm_i32x4_dot_i16x8(pair[0], steps));
    sums[1] = wasm_i32x4_add(sums[1], wasm_i32x4_dot_i16x8(pair[1], steps));
}

#endif /* OTX__WASM */

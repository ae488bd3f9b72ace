/* ---- kernel_wasm: WebAssembly with SIMD128 ---------------------------------- */

/* Chosen when compiling: a module with these instructions loads only where they are
   known. */
#if !defined(OTX_NO_SIMD) && defined(__wasm_simd128__)
#define OTX__WASM

#include <wasm_simd128.h>

/* One chain of products, for eight rows of a by four of b: eight sums stay in
   registers. It is put in c, or added to it. */
OTX__PRIVATE void otx__chain_wasm(const float *a, const float *b, size_t count, bool add,
                                  float *c)
{
    v128_t low[4], high[4];
    size_t p, j;
    OTX__UNROLL
    for (j = 0; j < 4; j++) low[j] = high[j] = wasm_f32x4_splat(0.0f);
    for (p = 0; p < count; p++, a += OTX__TILE, b += OTX__TILE) {
        v128_t a0 = wasm_v128_load(a), a1 = wasm_v128_load(a + 4);
        OTX__UNROLL
        for (j = 0; j < 4; j++) {
            v128_t b0 = wasm_v128_load32_splat(b + j);
            low[j] = wasm_f32x4_add(low[j], wasm_f32x4_mul(a0, b0));
            high[j] = wasm_f32x4_add(high[j], wasm_f32x4_mul(a1, b0));
        }
    }
    OTX__UNROLL
    for (j = 0; j < 4; j++) {
        float *column = c + j * OTX__TILE;
        if (add) {
            low[j] = wasm_f32x4_add(low[j], wasm_v128_load(column));
            high[j] = wasm_f32x4_add(high[j], wasm_v128_load(column + 4));
        }
        wasm_v128_store(column, low[j]);
        wasm_v128_store(column + 4, high[j]);
    }
}

OTX__PRIVATE void otx__product_wasm(const float *a, const float *b, size_t n, bool add, float *c)
{
    size_t i, j;
    for (j = 0; j < OTX__STRIP; j += 4)
        for (i = 0; i < OTX__TILE; i += 8)
            otx__chain_wasm(a + i, b + j, n, add, c + j * OTX__TILE + i);
}

/* The larger of `best` and the weighted correlations of four atoms. */
OTX__PRIVATE v128_t otx__score_wasm(v128_t best, const int16_t *start, v128_t sum,
                                    const float *scales, const float *common,
                                    const float *weight, int first)
{
    v128_t numbers = wasm_i32x4_add(wasm_i32x4_make(0, 1, 2, 3), wasm_i32x4_splat(first));
    v128_t starts = wasm_f32x4_convert_i32x4(wasm_i32x4_load16x4(start));
    v128_t value = wasm_f32x4_mul(starts, wasm_f32x4_splat(scales[0]));
    v128_t along = wasm_f32x4_mul(wasm_v128_load(common), wasm_f32x4_splat(scales[1]));
    v128_t sums = wasm_f32x4_mul(wasm_f32x4_convert_i32x4(sum), wasm_f32x4_splat(scales[2]));
    value = wasm_f32x4_abs(wasm_f32x4_sub(wasm_f32x4_add(value, along), sums));
    value = wasm_f32x4_mul(value, wasm_v128_load(weight));
    /* As otx__packed does. */
    value = wasm_v128_andnot(value, wasm_i32x4_splat(OTX__TILE - 1));
    return wasm_f32x4_max(best, wasm_v128_or(value, numbers));
}

/* The sums of `sets` supports of one target over `quarters` quarters of a tile, two
   atoms of them at a time. sums[set] holds the tile's atoms in order. */
OTX__INLINE void otx__sums_wasm(const otx__scan *scan, size_t target, size_t quarter,
                                size_t quarters, size_t sets, v128_t sums[OTX__SETS][8])
{
    const uint32_t *atoms = scan->atoms + target * scan->pitch;
    const int16_t *steps = scan->steps + target * OTX__SETS * scan->pitch;
    const int16_t *gram = scan->gram + 8 * quarter;
    size_t count = scan->counts[target], j, set, h;
    v128_t parts[OTX__SETS][4];
    OTX__UNROLL
    for (set = 0; set < sets; set++) {
        OTX__UNROLL
        for (h = 0; h < 2 * quarters; h++) parts[set][h] = wasm_i32x4_splat(0);
    }
    for (j = 0; j < count; j += 2) {
        const int16_t *column0 = gram + (size_t)atoms[j] * OTX__TILE;
        const int16_t *column1 = gram + (size_t)atoms[j + 1] * OTX__TILE;
        OTX__UNROLL
        for (h = 0; h < 2 * quarters; h += 2) {
            v128_t g0 = wasm_v128_load(column0 + 4 * h), g1 = wasm_v128_load(column1 + 4 * h);
            v128_t low = wasm_i16x8_shuffle(g0, g1, 0, 8, 1, 9, 2, 10, 3, 11);
            v128_t high = wasm_i16x8_shuffle(g0, g1, 4, 12, 5, 13, 6, 14, 7, 15);
            OTX__UNROLL
            for (set = 0; set < sets; set++) {
                v128_t pair = wasm_v128_load32_splat(steps + j * OTX__SETS + 2 * set);
                parts[set][h] =
                    wasm_i32x4_add(parts[set][h], wasm_i32x4_dot_i16x8(low, pair));
                parts[set][h + 1] =
                    wasm_i32x4_add(parts[set][h + 1], wasm_i32x4_dot_i16x8(high, pair));
            }
        }
    }
    OTX__UNROLL
    for (set = 0; set < sets; set++) {
        OTX__UNROLL
        for (h = 0; h < 2 * quarters; h++) sums[set][2 * quarter + h] = parts[set][h];
    }
}

OTX__PRIVATE float otx__largest_wasm(v128_t values)
{
    values = wasm_f32x4_max(values, wasm_i32x4_shuffle(values, values, 2, 3, 0, 1));
    values = wasm_f32x4_max(values, wasm_i32x4_shuffle(values, values, 1, 0, 3, 2));
    return wasm_f32x4_extract_lane(values, 0);
}

/* Up to eight sums stay in registers. */
OTX__PRIVATE void otx__scan_wasm(const otx__scan *scan)
{
    size_t target, set, i;
    for (target = 0; target < scan->targets; target++) {
        const int16_t *start = scan->start + target * OTX__TILE;
        size_t sets = scan->sets[target];
        v128_t sums[OTX__SETS][8];
        for (i = 0; i < 4; i += sets > 2 ? 1 : 2) {
            if (sets == 1) otx__sums_wasm(scan, target, i, 2, 1, sums);
            else if (sets == 2) otx__sums_wasm(scan, target, i, 2, 2, sums);
            else otx__sums_wasm(scan, target, i, 1, OTX__SETS, sums);
        }
        for (set = 0; set < sets; set++) {
            const float *scales = scan->scales + (target * OTX__SETS + set) * 3;
            v128_t best = wasm_f32x4_splat(0.0f);
            OTX__UNROLL
            for (i = 0; i < 8; i++)
                best = otx__score_wasm(best, start + 4 * i, sums[set][i], scales,
                                       scan->common + 4 * i, scan->weight + 4 * i, (int)(4 * i));
            scan->best[set * scan->best_pitch + target] = otx__largest_wasm(best);
        }
    }
}

OTX__PRIVATE void otx__refine_wasm(const int16_t *gram, const uint32_t *atoms,
                                   const float *betas, size_t count, float *correlations)
{
    v128_t values[8];
    size_t i, j;
    OTX__UNROLL
    for (i = 0; i < 8; i++) values[i] = wasm_v128_load(correlations + 4 * i);
    for (j = 0; j < count; j++) {
        const int16_t *column = gram + (size_t)atoms[j] * OTX__TILE;
        v128_t beta = wasm_f32x4_splat(betas[j] / 32767.0f);
        OTX__UNROLL
        for (i = 0; i < 8; i++) {
            v128_t wide = wasm_f32x4_convert_i32x4(wasm_i32x4_load16x4(column + 4 * i));
            values[i] = wasm_f32x4_sub(values[i], wasm_f32x4_mul(beta, wide));
        }
    }
    OTX__UNROLL
    for (i = 0; i < 8; i++) wasm_v128_store(correlations + 4 * i, values[i]);
}

/* Four elements of a row. */
OTX__PRIVATE v128_t otx__floats_wasm(otx__row row, size_t i)
{
    const char *at = otx__row_at(row, i);
    return row.bf16 ? wasm_i32x4_shl(wasm_u32x4_load16x4(at), 16) : wasm_v128_load(at);
}

OTX__PRIVATE void otx__rough_dots_wasm(const float *a, const otx__row *rows, size_t count,
                                       size_t n, float *out)
{
    size_t i, j, h, whole = n - n % OTX__LANES;
    for (j = 0; j < count; j++) {
        v128_t sums[4];
        float lanes[4];
        OTX__UNROLL
        for (h = 0; h < 4; h++) sums[h] = wasm_f32x4_splat(0.0f);
        for (i = 0; i < whole; i += OTX__LANES) {
            OTX__UNROLL
            for (h = 0; h < 4; h++)
                sums[h] =
                    wasm_f32x4_add(sums[h], wasm_f32x4_mul(wasm_v128_load(a + i + 4 * h),
                                                           otx__floats_wasm(rows[j], i + 4 * h)));
        }
        sums[0] = wasm_f32x4_add(wasm_f32x4_add(sums[0], sums[1]),
                                 wasm_f32x4_add(sums[2], sums[3]));
        wasm_v128_store(lanes, sums[0]);
        out[j] = (lanes[0] + lanes[1]) + (lanes[2] + lanes[3]);
        for (; i < n; i++) out[j] += a[i] * otx__row_element(rows[j], i);
    }
}

OTX__PRIVATE void otx__rough_residual_wasm(float *r, otx__row y, const double *coefficients,
                                           const otx__row *rows, size_t count, size_t n)
{
    size_t i, j, whole = n - n % 4;
    for (i = 0; i < whole; i += 4) {
        v128_t value = otx__floats_wasm(y, i);
        for (j = 0; j < count; j++)
            value = wasm_f32x4_sub(value,
                                   wasm_f32x4_mul(wasm_f32x4_splat((float)coefficients[j]),
                                                  otx__floats_wasm(rows[j], i)));
        wasm_v128_store(r + i, value);
    }
    for (; i < n; i++) {
        r[i] = otx__row_element(y, i);
        for (j = 0; j < count; j++)
            r[i] -= (float)coefficients[j] * otx__row_element(rows[j], i);
    }
}

/* Four elements of a row as two registers of doubles. */
OTX__PRIVATE void otx__widen_wasm(otx__row row, size_t i, v128_t *low, v128_t *high)
{
    v128_t values = otx__floats_wasm(row, i);
    *low = wasm_f64x2_promote_low_f32x4(values);
    *high = wasm_f64x2_promote_low_f32x4(wasm_i64x2_shuffle(values, values, 1, 1));
}

/* The sums of a row's 16 lanes fill eight registers. */
OTX__PRIVATE void otx__dots_wasm(const double *a, const otx__row *rows, size_t count, size_t n,
                                 double *out)
{
    size_t row, i, h, whole = n - n % OTX__LANES;
    for (row = 0; row < count; row++) {
        v128_t sums[8], low, high;
        double lanes[OTX__LANES];
        OTX__UNROLL
        for (h = 0; h < 8; h++) sums[h] = wasm_f64x2_splat(0.0);
        for (i = 0; i < whole; i += OTX__LANES) {
            OTX__UNROLL
            for (h = 0; h < 8; h += 2) {
                const double *at = a + i + 2 * h;
                otx__widen_wasm(rows[row], i + 2 * h, &low, &high);
                sums[h] = wasm_f64x2_add(sums[h], wasm_f64x2_mul(wasm_v128_load(at), low));
                sums[h + 1] =
                    wasm_f64x2_add(sums[h + 1], wasm_f64x2_mul(wasm_v128_load(at + 2), high));
            }
        }
        OTX__UNROLL
        for (h = 0; h < 8; h++) wasm_v128_store(lanes + 2 * h, sums[h]);
        otx__dot_lanes(lanes, a, rows[row], whole, n);
        out[row] = otx__fold_lanes(lanes);
    }
}

OTX__PRIVATE void otx__residual_wasm(double *r, otx__row y, const double *coefficients,
                                     const otx__row *rows, size_t count, size_t n)
{
    size_t i, j, whole = n - n % 4;
    for (i = 0; i < whole; i += 4) {
        v128_t low = wasm_f64x2_splat(0.0), high = low, b0, b1;
        if (y.data) {
            otx__widen_wasm(y, i, &low, &high);
        } else {
            low = wasm_v128_load(r + i);
            high = wasm_v128_load(r + i + 2);
        }
        for (j = 0; j < count; j++) {
            v128_t coefficient = wasm_f64x2_splat(coefficients[j]);
            otx__widen_wasm(rows[j], i, &b0, &b1);
            low = wasm_f64x2_sub(low, wasm_f64x2_mul(coefficient, b0));
            high = wasm_f64x2_sub(high, wasm_f64x2_mul(coefficient, b1));
        }
        wasm_v128_store(r + i, low);
        wasm_v128_store(r + i + 2, high);
    }
    otx__residual_elements(r, y, coefficients, rows, count, whole, n);
}

OTX__PRIVATE const otx__kernels otx__kernels_wasm = {
    OTX_ISA_WASM, otx__product_wasm, NULL, NULL, otx__scan_wasm, otx__sift_scalar, otx__refine_wasm,
    otx__rough_dots_wasm, otx__rough_residual_wasm, otx__dots_wasm, otx__dots_wasm,
    NULL, otx__residual_wasm};

#endif /* OTX__WASM */

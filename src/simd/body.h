/* ---- the kernels, by the operations of the set ---- */

#define OTX__VEC_TILE (OTX__TILE / OTX__VEC_WIDTH) /* registers in a tile */
#define OTX__VEC_FOLLOWED 8                        /* columns read side by side, at most */

/* One chain of products, for OTX__VEC_ACROSS registers of a by four rows of b: their sums
   stay in registers. It is put in c, or added to it. */
OTX__VEC_KERNEL void otx__chain_VEC(const float *a, const float *b, size_t count, bool add,
                                    float *c)
{
    otx__floats_VEC sums[4][OTX__VEC_ACROSS];
    size_t p, i, j;
    OTX__UNROLL for (i = 0; i < OTX__VEC_ACROSS; i++)
        sums[0][i] = sums[1][i] = sums[2][i] = sums[3][i] = OTX__VEC_SPLAT(0.0f);
    for (p = 0; p < count; p++, a += OTX__TILE, b += OTX__TILE) {
        otx__floats_VEC x[OTX__VEC_ACROSS];
        OTX__UNROLL for (i = 0; i < OTX__VEC_ACROSS; i++)
            x[i] = OTX__VEC_LOAD(a + OTX__VEC_WIDTH * i);
        OTX__UNROLL for (i = 0; i < OTX__VEC_ACROSS; i++)
            sums[0][i] = OTX__VEC_ADD_BY(sums[0][i], x[i], b, 0);
        OTX__UNROLL for (i = 0; i < OTX__VEC_ACROSS; i++)
            sums[1][i] = OTX__VEC_ADD_BY(sums[1][i], x[i], b, 1);
        OTX__UNROLL for (i = 0; i < OTX__VEC_ACROSS; i++)
            sums[2][i] = OTX__VEC_ADD_BY(sums[2][i], x[i], b, 2);
        OTX__UNROLL for (i = 0; i < OTX__VEC_ACROSS; i++)
            sums[3][i] = OTX__VEC_ADD_BY(sums[3][i], x[i], b, 3);
    }
    OTX__UNROLL for (j = 0; j < 4; j++) {
        OTX__UNROLL for (i = 0; i < OTX__VEC_ACROSS; i++) {
            float *at = c + j * OTX__TILE + OTX__VEC_WIDTH * i;
            if (add) sums[j][i] = OTX__VEC_ADD(sums[j][i], OTX__VEC_LOAD(at));
            OTX__VEC_STORE(at, sums[j][i]);
        }
    }
}

OTX__PRIVATE void otx__product_VEC(const float *a, const float *b, size_t n, bool add, float *c)
{
    size_t i, j;
    for (j = 0; j < OTX__STRIP; j += 4)
        for (i = 0; i < OTX__TILE; i += OTX__VEC_WIDTH * OTX__VEC_ACROSS)
            otx__chain_VEC(a + i, b + j, n, add, c + j * OTX__TILE + i);
}

/* The larger of `best` and the weighted correlations of the atoms from `first`, as
   otx__packed. */
OTX__VEC_INLINE otx__floats_VEC otx__score_VEC(otx__floats_VEC best, const int16_t *start,
                                               otx__ints_VEC sum, const float *scales,
                                               const float *common, const float *weight,
                                               int first)
{
    otx__floats_VEC value = OTX__VEC_MUL(OTX__VEC_OF_INT16(start), OTX__VEC_SPLAT(scales[0]));
    value = OTX__VEC_ADD_PRODUCT(value, OTX__VEC_LOAD(common), OTX__VEC_SPLAT(scales[1]));
    value = OTX__VEC_SUB_PRODUCT(value, OTX__VEC_OF_INTS(sum), OTX__VEC_SPLAT(scales[2]));
    value = OTX__VEC_MUL(OTX__VEC_ABS(value), OTX__VEC_LOAD(weight));
    return OTX__VEC_MAX(best, OTX__VEC_PACK(value, first));
}

/* Adds to two registers of sums the products of two atoms with two steps. */
typedef void (*otx__adder_VEC)(otx__ints_VEC sums[2], const otx__ints_VEC pair[2],
                               otx__ints_VEC steps);

/* The sums of `sets` supports of one target over `units` units of a tile, two registers of
   sums each, two atoms at a time. sums[set] holds the tile's atoms in order. `add` is known
   where this is inlined, and so is inlined itself. */
OTX__VEC_INLINE void otx__sums_VEC(const otx__scan *scan, size_t target, size_t unit,
                                   size_t units, size_t sets, otx__adder_VEC add,
                                   otx__ints_VEC sums[OTX__SETS][OTX__VEC_TILE])
{
    const uint32_t *atoms = scan->atoms + target * scan->pitch;
    const int16_t *steps = scan->steps + target * OTX__SETS * scan->pitch;
    const int16_t *gram = scan->gram + 2 * OTX__VEC_WIDTH * unit;
    const uint32_t *ahead = otx__scan_ahead(scan, target);
    const size_t half = OTX__VEC_TILE / 4; /* of a tile, in units */
    size_t count = scan->counts[target], j, set, h;
    otx__ints_VEC parts[OTX__SETS][4];
    OTX__UNROLL for (set = 0; set < sets; set++)
        OTX__UNROLL for (h = 0; h < 2 * units; h++) parts[set][h] = OTX__VEC_SPLAT_INT(0);
    for (j = 0; j < count; j += 2) {
        const int16_t *column0 = gram + (size_t)atoms[j] * OTX__TILE;
        const int16_t *column1 = gram + (size_t)atoms[j + 1] * OTX__TILE;
        OTX__UNROLL for (h = 0; h < units; h += half)
            OTX__PREFETCH(gram + (size_t)ahead[j + (unit + h) / half] * OTX__TILE);
        OTX__UNROLL for (h = 0; h < 2 * units; h += 2) {
            otx__ints_VEC pair[2], g0 = OTX__VEC_LOAD_INTS(column0 + OTX__VEC_WIDTH * h);
            otx__ints_VEC g1 = OTX__VEC_LOAD_INTS(column1 + OTX__VEC_WIDTH * h);
            pair[0] = OTX__VEC_LOW(g0, g1);
            pair[1] = OTX__VEC_HIGH(g0, g1);
            OTX__UNROLL for (set = 0; set < sets; set++) {
                const int16_t *two = steps + j * OTX__SETS + 2 * set;
                add(&parts[set][h], pair, OTX__VEC_SPLAT_INT(otx__int32_at(two)));
            }
        }
    }
    OTX__UNROLL for (set = 0; set < sets; set++) {
        OTX__UNROLL for (h = 0; h < 2 * units; h += 2) {
            otx__ints_VEC low = parts[set][h], high = parts[set][h + 1];
            sums[set][2 * unit + h] = OTX__VEC_FIRST(low, high);
            sums[set][2 * unit + h + 1] = OTX__VEC_SECOND(low, high);
        }
    }
}

/* OTX__VEC_SUMS sums stay in registers. */
OTX__VEC_INLINE void otx__scan_body_VEC(const otx__scan *scan, otx__adder_VEC add)
{
    const size_t units = OTX__VEC_TILE / 2, few = OTX__VEC_SUMS / (2 * OTX__SETS);
    size_t target, set, i;
    for (target = 0; target < scan->targets; target++) {
        const int16_t *start = scan->start + target * OTX__TILE;
        size_t sets = scan->sets[target];
        otx__ints_VEC sums[OTX__SETS][OTX__VEC_TILE];
        if (sets == 1)
            for (i = 0; i < units; i += 2) otx__sums_VEC(scan, target, i, 2, 1, add, sums);
        else if (sets == 2)
            for (i = 0; i < units; i += 2) otx__sums_VEC(scan, target, i, 2, 2, add, sums);
        else
            for (i = 0; i < units; i += few)
                otx__sums_VEC(scan, target, i, few, OTX__SETS, add, sums);
        for (set = 0; set < sets; set++) {
            const float *scales = scan->scales + (target * OTX__SETS + set) * 3;
            otx__floats_VEC best = OTX__VEC_SPLAT(0.0f);
            OTX__UNROLL for (i = 0; i < OTX__VEC_TILE; i++) {
                const size_t at = OTX__VEC_WIDTH * i;
                best = otx__score_VEC(best, start + at, sums[set][i], scales, scan->common + at,
                                      scan->weight + at, (int)at);
            }
            scan->best[set * scan->best_pitch + target] = otx__largest_VEC(best);
        }
    }
}

OTX__VEC_KERNEL void otx__scan_VEC(const otx__scan *scan)
{
    otx__scan_body_VEC(scan, otx__add_pair_VEC);
}

/* Takes the shares of up to `columns` atoms of the support, from number j on, off what all
   atoms have before, with `open` off what they begin with: columns are read side by side from
   end to end, as processors foresee it. */
OTX__VEC_INLINE void otx__follow_columns_VEC(const otx__follow *follow, size_t j, size_t columns,
                                             bool open)
{
    const float *column[OTX__VEC_FOLLOWED], *before = open ? follow->start : follow->correlations;
    otx__floats_VEC by[OTX__VEC_FOLLOWED], along = OTX__VEC_SPLAT(follow->along), values[2];
    size_t first, c, i;
    OTX__UNROLL for (c = 0; c < columns; c++) {
        bool there = j + c < follow->count; /* or nothing of any column */
        column[c] = follow->gram + (there ? follow->atoms[j + c] * follow->width : 0);
        by[c] = OTX__VEC_SPLAT(there ? follow->betas[j + c] : 0.0f);
    }
    for (first = 0; first < follow->width; first += 2 * OTX__VEC_WIDTH) {
        OTX__UNROLL for (i = 0; i < 2; i++) {
            const size_t at = first + OTX__VEC_WIDTH * i;
            values[i] = OTX__VEC_LOAD(before + at);
            if (open)
                values[i] = OTX__VEC_ADD_PRODUCT(values[i], OTX__VEC_LOAD(follow->common + at),
                                                 along);
        }
        OTX__UNROLL for (c = 0; c < columns; c++)
            OTX__UNROLL for (i = 0; i < 2; i++)
                values[i] = OTX__VEC_SUB_PRODUCT(
                    values[i], by[c], OTX__VEC_LOAD(column[c] + first + OTX__VEC_WIDTH * i));
        OTX__UNROLL for (i = 0; i < 2; i++)
            OTX__VEC_STORE(follow->correlations + first + OTX__VEC_WIDTH * i, values[i]);
    }
}

OTX__VEC_KERNEL void otx__follow_VEC(const otx__follow *follow)
{
    const size_t most = OTX__VEC_FOLLOWED, few = most / 2;
    size_t first, j, i;
    if (follow->count > few) otx__follow_columns_VEC(follow, 0, most, true);
    else otx__follow_columns_VEC(follow, 0, few, true);
    for (j = most; j + few < follow->count; j += most)
        otx__follow_columns_VEC(follow, j, most, false);
    if (j < follow->count) otx__follow_columns_VEC(follow, j, few, false);
    for (first = 0; first < follow->width; first += OTX__TILE) {
        otx__floats_VEC best = OTX__VEC_SPLAT(0.0f);
        OTX__UNROLL for (i = 0; i < OTX__VEC_TILE; i++) {
            const size_t at = first + OTX__VEC_WIDTH * i;
            otx__floats_VEC value = OTX__VEC_ABS(OTX__VEC_LOAD(follow->correlations + at));
            best = OTX__VEC_MAX(best, OTX__VEC_MUL(value, OTX__VEC_LOAD(follow->weight + at)));
        }
        follow->best[first / OTX__TILE] = otx__largest_VEC(best);
    }
}

/* What the weighted |correlations| of some atoms are at least and at most. */
OTX__VEC_INLINE void otx__sift_marks_VEC(const otx__sift *sift, size_t at, otx__floats_VEC *low,
                                         otx__floats_VEC *high)
{
    otx__floats_VEC weight = OTX__VEC_LOAD(sift->weight + at);
    otx__floats_VEC value = OTX__VEC_LOAD(sift->products + at);
    otx__floats_VEC spread = OTX__VEC_LOAD(sift->error + at);
    value = OTX__VEC_MUL(OTX__VEC_MUL(value, OTX__VEC_LOAD(sift->scale + at)),
                         OTX__VEC_SPLAT(sift->by));
    value = OTX__VEC_ADD_PRODUCT(value, OTX__VEC_LOAD(sift->common + at),
                                 OTX__VEC_SPLAT(sift->along));
    value = OTX__VEC_ABS(value);
    spread = OTX__VEC_ADD_PRODUCT(OTX__VEC_SPLAT(sift->bound), spread,
                                  OTX__VEC_SPLAT(sift->rest));
    spread = OTX__VEC_ADD_PRODUCT(OTX__VEC_SPLAT(OTX__SIFT_ROOM), weight, spread);
    *low = OTX__VEC_PRODUCT_SUB(weight, value, spread);
    *high = OTX__VEC_ADD_PRODUCT(spread, weight, value);
}

OTX__VEC_KERNEL uint32_t otx__sift_VEC(const otx__sift *sift, float *least, float *most)
{
    otx__floats_VEC high[OTX__VEC_TILE], mark = OTX__VEC_SPLAT(*least), lows = mark, low;
    otx__floats_VEC highs = OTX__VEC_SPLAT(0.0f);
    uint32_t mask = 0;
    size_t i;
    OTX__UNROLL for (i = 0; i < OTX__VEC_TILE; i++) {
        otx__sift_marks_VEC(sift, OTX__VEC_WIDTH * i, &low, &high[i]);
        lows = OTX__VEC_MAX(lows, low);
        highs = OTX__VEC_MAX(highs, high[i]);
    }
    if (!OTX__VEC_NOT_BELOW(highs, mark)) return 0;
    if (OTX__VEC_ANY_ABOVE(lows, mark)) {
        *least = otx__largest_VEC(lows);
        mark = OTX__VEC_SPLAT(*least);
    }
    OTX__UNROLL for (i = 0; i < OTX__VEC_TILE; i++)
        mask |= OTX__VEC_NOT_BELOW(high[i], mark) << OTX__VEC_WIDTH * i;
    if (mask) *most = otx__largest_VEC(highs);
    return mask;
}

OTX__VEC_KERNEL uint32_t otx__sift_panel_VEC(const otx__sift_panel *panel)
{
    uint32_t mask = 0;
    size_t residual, i;
    for (residual = 0; residual < OTX__TILE; residual++) {
        const otx__sift sift = otx__sift_of(panel, residual);
        otx__floats_VEC highs = OTX__VEC_SPLAT(0.0f), low, high;
        if (!(panel->wanted >> residual & 1)) continue;
        OTX__UNROLL for (i = 0; i < OTX__VEC_TILE; i++) {
            otx__sift_marks_VEC(&sift, OTX__VEC_WIDTH * i, &low, &high);
            highs = OTX__VEC_MAX(highs, high);
        }
        if (OTX__VEC_NOT_BELOW(highs, OTX__VEC_SPLAT(panel->least[residual])))
            mask |= (uint32_t)1 << residual;
    }
    return mask;
}

OTX__VEC_KERNEL void otx__refine_VEC(const int16_t *gram, const uint32_t *atoms,
                                     const float *betas, size_t count, float *correlations)
{
    otx__floats_VEC values[OTX__VEC_TILE];
    size_t i, j;
    OTX__UNROLL for (i = 0; i < OTX__VEC_TILE; i++)
        values[i] = OTX__VEC_LOAD(correlations + OTX__VEC_WIDTH * i);
    for (j = 0; j < count; j++) {
        const int16_t *column = gram + (size_t)atoms[j] * OTX__TILE;
        otx__floats_VEC beta = OTX__VEC_SPLAT(betas[j] / 32767.0f);
        OTX__UNROLL for (i = 0; i < OTX__VEC_TILE; i++) {
            otx__floats_VEC wide = OTX__VEC_OF_INT16(column + OTX__VEC_WIDTH * i);
            values[i] = OTX__VEC_SUB_PRODUCT(values[i], beta, wide);
        }
    }
    OTX__UNROLL for (i = 0; i < OTX__VEC_TILE; i++)
        OTX__VEC_STORE(correlations + OTX__VEC_WIDTH * i, values[i]);
}

/* A register of a row's elements. */
OTX__VEC_INLINE otx__floats_VEC otx__row_VEC(otx__row row, size_t i)
{
    const char *at = otx__row_at(row, i);
    return row.bf16 ? OTX__VEC_OF_BF16(at) : OTX__VEC_FLOATS_AT(at);
}

OTX__VEC_KERNEL void otx__rough_dots_VEC(const float *a, const otx__row *rows, size_t count,
                                         size_t n, float *out)
{
    const size_t registers = OTX__LANES / OTX__VEC_WIDTH;
    size_t i, j, h, whole = n - n % OTX__LANES;
    for (j = 0; j < count; j++) {
        otx__floats_VEC sums[OTX__LANES / OTX__VEC_WIDTH];
        OTX__UNROLL for (h = 0; h < registers; h++) sums[h] = OTX__VEC_SPLAT(0.0f);
        for (i = 0; i < whole; i += OTX__LANES) {
            OTX__UNROLL for (h = 0; h < registers; h++) {
                const size_t at = i + OTX__VEC_WIDTH * h;
                sums[h] = OTX__VEC_ADD_PRODUCT(sums[h], OTX__VEC_LOAD(a + at),
                                               otx__row_VEC(rows[j], at));
            }
        }
        OTX__UNROLL for (h = 1; h < registers; h++) sums[0] = OTX__VEC_ADD(sums[0], sums[h]);
        out[j] = otx__total_VEC(sums[0]);
        for (; i < n; i++) out[j] += a[i] * otx__row_element(rows[j], i);
    }
}

OTX__VEC_KERNEL void otx__rough_residual_VEC(float *r, otx__row y, const double *coefficients,
                                             const otx__row *rows, size_t count, size_t n)
{
    size_t i, j, whole = n - n % OTX__VEC_WIDTH;
    for (i = 0; i < whole; i += OTX__VEC_WIDTH) OTX__VEC_STORE(r + i, otx__row_VEC(y, i));
    for (; i < n; i++) r[i] = otx__row_element(y, i);
    for (j = 0; j < count; j++) {
        float coefficient = (float)coefficients[j];
        otx__floats_VEC by = OTX__VEC_SPLAT(coefficient);
        for (i = 0; i < whole; i += OTX__VEC_WIDTH) {
            otx__floats_VEC value = OTX__VEC_LOAD(r + i), row = otx__row_VEC(rows[j], i);
            OTX__VEC_STORE(r + i, OTX__VEC_SUB_PRODUCT(value, by, row));
        }
        for (; i < n; i++) r[i] -= coefficient * otx__row_element(rows[j], i);
    }
}

/* A register of a row's elements as two of doubles. */
OTX__VEC_INLINE void otx__widen_VEC(otx__row row, size_t i, otx__doubles_VEC *low,
                                    otx__doubles_VEC *high)
{
    otx__floats_VEC values = otx__row_VEC(row, i);
    *low = OTX__VEC_LOW64(values);
    *high = OTX__VEC_HIGH64(values);
}

/* OTX__VEC_ROWS rows at a time: the sums of their 16 lanes fill eight registers. */
OTX__VEC_INLINE void otx__dots_body_VEC(const double *a, const otx__row *rows, size_t count,
                                        size_t n, bool exact, double *out)
{
    const size_t half = OTX__VEC_WIDTH / 2, registers = OTX__LANES / half;
    size_t first, i, j, h, whole = n - n % OTX__LANES;
    for (first = 0; first < count; first += OTX__VEC_ROWS) {
        size_t group = otx__min(OTX__VEC_ROWS, count - first);
        otx__doubles_VEC sums[OTX__VEC_ROWS][2 * OTX__LANES / OTX__VEC_WIDTH];
        OTX__UNROLL for (j = 0; j < OTX__VEC_ROWS; j++)
            OTX__UNROLL for (h = 0; h < registers; h++) sums[j][h] = OTX__VEC_SPLAT64(0.0);
        for (i = 0; i < whole; i += OTX__LANES) {
            OTX__UNROLL for (h = 0; h < registers; h += 2) {
                const size_t at = i + half * h;
                otx__doubles_VEC a0 = OTX__VEC_LOAD64(a + at), b0;
                otx__doubles_VEC a1 = OTX__VEC_LOAD64(a + at + half), b1;
                OTX__UNROLL for (j = 0; j < OTX__VEC_ROWS; j++) {
                    otx__widen_VEC(rows[first + (j < group ? j : 0)], at, &b0, &b1);
                    sums[j][h] = OTX__VEC_ADD_PRODUCT64(sums[j][h], a0, b0, exact);
                    sums[j][h + 1] = OTX__VEC_ADD_PRODUCT64(sums[j][h + 1], a1, b1, exact);
                }
            }
        }
        for (j = 0; j < group; j++) {
            double lanes[OTX__LANES];
            OTX__UNROLL for (h = 0; h < registers; h++)
                OTX__VEC_STORE64(lanes + half * h, sums[j][h]);
            otx__dot_lanes(lanes, a, rows[first + j], whole, n);
            out[first + j] = otx__fold_lanes(lanes);
        }
    }
}

OTX__VEC_KERNEL void otx__dots_VEC(const double *a, const otx__row *rows, size_t count, size_t n,
                                   double *out)
{
    otx__dots_body_VEC(a, rows, count, n, false, out);
}

OTX__VEC_KERNEL void otx__products_VEC(const double *a, const otx__row *rows, size_t count,
                                       size_t n, double *out)
{
    otx__dots_body_VEC(a, rows, count, n, true, out);
}

OTX__VEC_KERNEL void otx__residual_VEC(double *r, otx__row y, const double *coefficients,
                                       const otx__row *rows, size_t count, size_t n)
{
    const size_t half = OTX__VEC_WIDTH / 2;
    size_t i, j, whole = n - n % OTX__VEC_WIDTH;
    for (i = 0; i < whole; i += OTX__VEC_WIDTH) {
        otx__doubles_VEC low, high, b0, b1;
        if (y.data) {
            otx__widen_VEC(y, i, &low, &high);
        } else {
            low = OTX__VEC_LOAD64(r + i);
            high = OTX__VEC_LOAD64(r + i + half);
        }
        for (j = 0; j < count; j++) {
            otx__doubles_VEC coefficient = OTX__VEC_SPLAT64(coefficients[j]);
            otx__widen_VEC(rows[j], i, &b0, &b1);
            low = OTX__VEC_SUB_PRODUCT64(low, coefficient, b0);
            high = OTX__VEC_SUB_PRODUCT64(high, coefficient, b1);
        }
        OTX__VEC_STORE64(r + i, low);
        OTX__VEC_STORE64(r + i + half, high);
    }
    otx__residual_elements(r, y, coefficients, rows, count, whole, n);
}

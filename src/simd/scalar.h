/* ---- scalar: the reference ---------------------------------------------- */

OTX__PRIVATE void otx__product_scalar(const float *a, const float *b, size_t n, bool add, float *c)
{
    size_t i, j, p;
    for (j = 0; j < OTX__STRIP; j++, c += OTX__TILE) {
        float sums[OTX__TILE] = {0};
        for (p = 0; p < n; p++)
            for (i = 0; i < OTX__TILE; i++)
                sums[i] += a[p * OTX__TILE + i] * b[p * OTX__TILE + j];
        for (i = 0; i < OTX__TILE; i++) c[i] = add ? c[i] + sums[i] : sums[i];
    }
}

OTX__PRIVATE void otx__product_bf16_scalar(const uint16_t *a, size_t tiles, const uint16_t *b,
                                           size_t n, float *c)
{
    size_t i, j, p, block, tile;
    memset(c, 0, tiles * OTX__TILE * OTX__TILE * sizeof *c);
    for (tile = 0; tile < tiles; tile++, a += n * OTX__TILE, c += OTX__TILE * OTX__TILE) {
        for (block = 0; block < n; block += OTX__CHAIN) {
            size_t end = otx__min(n, block + OTX__CHAIN);
            for (j = 0; j < OTX__TILE; j++) {
                for (i = 0; i < OTX__TILE; i++) {
                    float sum = 0.0f;
                    for (p = block; p < end; p++) {
                        size_t pair = p / 2 * OTX__TILE * 2 + p % 2;
                        sum += otx__float_of_bf16(a[pair + 2 * i]) *
                               otx__float_of_bf16(b[pair + 2 * j]);
                    }
                    c[j * OTX__TILE + i] += sum;
                }
            }
        }
    }
}

OTX__PRIVATE void otx__product_int8_scalar(const int8_t *a, size_t tiles, const int8_t *b,
                                           size_t n, float *c)
{
    size_t i, j, p, tile;
    for (tile = 0; tile < tiles; tile++, a += n * OTX__TILE) {
        for (j = 0; j < OTX__TILE; j++, c += OTX__TILE) {
            int32_t sums[OTX__TILE] = {0};
            for (p = 0; p < n; p += 4) {
                const int8_t *x = a + p * OTX__TILE, *y = b + p * OTX__TILE + 4 * j;
                for (i = 0; i < OTX__TILE; i++, x += 4)
                    sums[i] += x[0] * y[0] + x[1] * y[1] + x[2] * y[2] + x[3] * y[3];
            }
            for (i = 0; i < OTX__TILE; i++) c[i] = (float)sums[i];
        }
    }
}

OTX__PRIVATE float otx__packed(float score, uint32_t atom)
{
    uint32_t bits;
    memcpy(&bits, &score, sizeof bits);
    return otx__float_of_bits((bits & ~(uint32_t)(OTX__TILE - 1)) | atom);
}

OTX__PRIVATE uint32_t otx__packed_atom(float packed)
{
    uint32_t bits;
    memcpy(&bits, &packed, sizeof bits);
    return bits & (OTX__TILE - 1);
}

OTX__PRIVATE void otx__scan_scalar(const otx__scan *scan)
{
    size_t target, set, i;
    for (target = 0; target < scan->targets; target++) {
        for (set = 0; set < scan->sets[target]; set++) {
            float correlations[OTX__TILE], best = 0.0f;
            otx__scan_target(scan, target, set, correlations);
            for (i = 0; i < OTX__TILE; i++) {
                float score = scan->weight[i] * fabsf(correlations[i]);
                score = otx__packed(score, (uint32_t)i);
                if (score > best) best = score;
            }
            scan->best[set * scan->best_pitch + target] = best;
        }
    }
}

/* The correlations of all atoms with the residual of one support, as otx__scan_target has
   them, but for products in float. */
OTX__PRIVATE void otx__follow_scalar(const otx__follow *follow)
{
    size_t first, i, j;
    for (first = 0; first < follow->width; first += OTX__TILE) {
        float *values = follow->correlations + first, best = 0.0f;
        const float *common = follow->common + first, *weight = follow->weight + first;
        for (i = 0; i < OTX__TILE; i++)
            values[i] = follow->start[first + i] + common[i] * follow->along;
        for (j = 0; j < follow->count; j++) {
            const float *column = follow->gram + follow->atoms[j] * follow->width + first;
            for (i = 0; i < OTX__TILE; i++) values[i] -= follow->betas[j] * column[i];
        }
        for (i = 0; i < OTX__TILE; i++)
            if (weight[i] * fabsf(values[i]) > best) best = weight[i] * fabsf(values[i]);
        follow->best[first / OTX__TILE] = best;
    }
}

/* What the weighted |correlations| are at least and at most. */
OTX__INLINE void otx__sift_marks(const otx__sift *sift, float *low, float *high)
{
    size_t i;
    for (i = 0; i < OTX__TILE; i++) {
        float value = sift->products[i] * sift->scale[i] * sift->by;
        float score = sift->weight[i] * fabsf(value + sift->common[i] * sift->along);
        float spread = sift->weight[i] * (sift->bound + sift->error[i] * sift->rest);
        low[i] = score - spread - OTX__SIFT_ROOM;
        high[i] = score + spread + OTX__SIFT_ROOM;
    }
}

OTX__PRIVATE uint32_t otx__sift_scalar(const otx__sift *sift, float *least, float *most)
{
    float low[OTX__TILE], high[OTX__TILE];
    int32_t lows[OTX__TILE], highs[OTX__TILE], mark, top = 0;
    uint32_t mask = 0;
    size_t i;
    otx__sift_marks(sift, low, high);
    /* Numbers that are not negative compare as their bits do, which compilers make
       vectors of. */
    memcpy(lows, low, sizeof lows);
    memcpy(highs, high, sizeof highs);
    memcpy(&mark, least, sizeof mark);
    for (i = 0; i < OTX__TILE; i++) {
        mark = lows[i] > mark ? lows[i] : mark;
        top = highs[i] > top ? highs[i] : top;
    }
    for (i = 0; i < OTX__TILE; i++) mask |= (uint32_t)(highs[i] >= mark) << i;
    memcpy(least, &mark, sizeof mark);
    memcpy(most, &top, sizeof top);
    return mask;
}

OTX__PRIVATE uint32_t otx__sift_panel_scalar(const otx__sift_panel *panel)
{
    uint32_t mask = 0;
    size_t residual, i;
    for (residual = 0; residual < OTX__TILE; residual++) {
        float low[OTX__TILE], high[OTX__TILE];
        otx__sift sift = otx__sift_of(panel, residual);
        bool any = false;
        if (!(panel->wanted >> residual & 1)) continue;
        otx__sift_marks(&sift, low, high);
        for (i = 0; i < OTX__TILE; i++) any |= high[i] >= panel->least[residual];
        mask |= (uint32_t)any << residual;
    }
    return mask;
}

OTX__PRIVATE void otx__refine_scalar(const int16_t *gram, const uint32_t *atoms,
                                     const float *betas, size_t count, float *correlations)
{
    size_t i, j;
    for (j = 0; j < count; j++) {
        const int16_t *column = gram + (size_t)atoms[j] * OTX__TILE;
        float beta = betas[j] / 32767.0f;
        for (i = 0; i < OTX__TILE; i++) correlations[i] -= beta * (float)column[i];
    }
}

OTX__PRIVATE void otx__rough_dots_scalar(const float *a, const otx__row *rows, size_t count,
                                         size_t n, float *out)
{
    size_t i, j;
    for (j = 0; j < count; j++) {
        float sum = 0.0f;
        for (i = 0; i < n; i++) sum += a[i] * otx__row_element(rows[j], i);
        out[j] = sum;
    }
}

OTX__PRIVATE void otx__rough_residual_scalar(float *r, otx__row y, const double *coefficients,
                                             const otx__row *rows, size_t count, size_t n)
{
    size_t i, j;
    for (i = 0; i < n; i++) r[i] = otx__row_element(y, i);
    for (j = 0; j < count; j++) {
        float coefficient = (float)coefficients[j];
        for (i = 0; i < n; i++) r[i] -= coefficient * otx__row_element(rows[j], i);
    }
}

OTX__PRIVATE void otx__dots_scalar(const double *a, const otx__row *rows, size_t count, size_t n,
                                   double *out)
{
    size_t i;
    for (i = 0; i < count; i++) {
        double lanes[OTX__LANES] = {0};
        otx__dot_lanes(lanes, a, rows[i], 0, n);
        out[i] = otx__fold_lanes(lanes);
    }
}

OTX__PRIVATE void otx__residual_scalar(double *r, otx__row y, const double *coefficients,
                                       const otx__row *rows, size_t count, size_t n)
{
    otx__residual_elements(r, y, coefficients, rows, count, 0, n);
}

OTX__PRIVATE const otx__kernels otx__kernels_scalar = {
    OTX_ISA_SCALAR, otx__product_scalar, otx__product_bf16_scalar, otx__product_int8_scalar,
    otx__scan_scalar, otx__follow_scalar, otx__sift_scalar, otx__sift_panel_scalar,
    otx__refine_scalar, otx__rough_dots_scalar, otx__rough_residual_scalar, otx__dots_scalar,
    otx__dots_scalar, NULL, otx__residual_scalar};

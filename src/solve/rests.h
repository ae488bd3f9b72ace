/* ---- rests: vectors on their way into panels ------------------------------------ */

/* One vector, and what its rest is made of. */
typedef struct otx__splitting {
    const double *vector, *direction;
    double scale, common; /* 1 / norm, and the part along the direction */
    size_t n;
} otx__splitting;

/* Elements of a rest that are made at a time, and partial sums of them. */
#define OTX__REST_CHUNK 32
#define OTX__REST_SUMS 8

/* Elements of the rest from `first` on, with 0 behind the last. */
OTX__PRIVATE void otx__rest_part(const otx__splitting *from, size_t first, double *rest)
{
    const double *vector = from->vector + first, *direction = from->direction + first;
    double scale = from->scale, common = from->common;
    size_t count = otx__min(OTX__REST_CHUNK, from->n - first), p;
    for (p = 0; p < count; p++) rest[p] = vector[p] * scale - common * direction[p];
    for (; p < OTX__REST_CHUNK; p++) rest[p] = 0.0;
}

/* Of elements of a rest, in partial sums. */
typedef struct otx__rest_sums {
    double squares[OTX__REST_SUMS], largest[OTX__REST_SUMS];
} otx__rest_sums;

/* Adds the squares of OTX__REST_CHUNK elements, and keeps the largest. */
OTX__PRIVATE void otx__rest_measure(const double *rest, otx__rest_sums *sums)
{
    size_t p, i;
    for (p = 0; p < OTX__REST_CHUNK; p += OTX__REST_SUMS) {
        for (i = 0; i < OTX__REST_SUMS; i++) {
            double size = fabs(rest[p + i]);
            sums->squares[i] += size * size;
            sums->largest[i] = size > sums->largest[i] ? size : sums->largest[i];
        }
    }
}

/* Folds the partial sums into the first. */
OTX__PRIVATE void otx__rest_fold(otx__rest_sums *sums)
{
    size_t i;
    for (i = 1; i < OTX__REST_SUMS; i++) {
        sums->squares[0] += sums->squares[i];
        if (sums->largest[i] > sums->largest[0]) sums->largest[0] = sums->largest[i];
    }
}

/* Rounds elements to bf16, the even of two that are equally near, and leaves what that
   takes off. */
OTX__PRIVATE void otx__rest_to_bf16(double *rest, uint16_t *to)
{
    size_t p;
    for (p = 0; p < OTX__REST_CHUNK; p++) {
        float wide = (float)rest[p];
        uint32_t bits;
        memcpy(&bits, &wide, sizeof bits);
        bits = (bits + 0x7fff + (bits >> 16 & 1)) & 0xffff0000u;
        to[p] = (uint16_t)(bits >> 16);
        rest[p] -= (double)otx__float_of_bits(bits);
    }
}

/* Rounds elements to multiples of `unit`, of which they are 127 at most, likewise. The
   number added and taken away rounds to integers; where a compiler keeps more digits,
   more is left. */
OTX__PRIVATE void otx__rest_to_int8(double *rest, double unit, double rate, int8_t *to)
{
    const double rounder = 6755399441055744.0; /* 1.5 * 2^52 */
    size_t p;
    for (p = 0; p < OTX__REST_CHUNK; p++) {
        int32_t steps = (int32_t)(rest[p] * rate + rounder - rounder);
        to[p] = (int8_t)steps;
        rest[p] -= (double)steps * unit;
    }
}

/* Writes OTX__REST_CHUNK elements, fewer at the end of a panel, to the lane of a vector. */
OTX__PRIVATE void otx__panel_put(char *panel, size_t bytes, const void *elements, size_t size,
                                 size_t first, size_t lane)
{
    char *to = panel + first * size * OTX__TILE + 4 * lane;
    const char *from = (const char *)elements;
    size_t p, end = otx__min(OTX__REST_CHUNK * size, bytes / OTX__TILE - first * size);
    for (p = 0; p < end; p += 4) memcpy(to + p * OTX__TILE, from + p, 4);
}

/* Writes a rest to its place in the panels, int8 in that unit, and returns the square of
   what rounding to bf16 or int8 takes off it. */
OTX__PRIVATE double otx__rest_write(const otx__panels *panels, size_t at,
                                    const otx__splitting *from, double unit, double rate)
{
    char *panel = otx__panel_at(panels, at / OTX__TILE);
    size_t bytes = otx__panel_bytes(panels->type, panels->columns), lane = at % OTX__TILE, p, i;
    double rest[OTX__REST_CHUNK];
    otx__rest_sums left;
    memset(&left, 0, sizeof left);
    for (p = 0; p < from->n; p += OTX__REST_CHUNK) {
        union {
            float floats[OTX__REST_CHUNK];
            uint16_t halves[OTX__REST_CHUNK];
            int8_t bytes[OTX__REST_CHUNK];
        } to;
        otx__rest_part(from, p, rest);
        if (panels->type == OTX__PANEL_INT8) {
            otx__rest_to_int8(rest, unit, rate, to.bytes);
            otx__panel_put(panel, bytes, to.bytes, 1, p, lane);
        } else if (!otx__panel_is_float(panels->type)) {
            otx__rest_to_bf16(rest, to.halves);
            otx__panel_put(panel, bytes, to.halves, 2, p, lane);
        } else {
            for (i = 0; i < OTX__REST_CHUNK; i++) to.floats[i] = (float)rest[i];
            otx__panel_put(panel, bytes, to.floats, 4, p, lane);
            continue;
        }
        otx__rest_measure(rest, &left);
    }
    otx__rest_fold(&left);
    return left.squares[0];
}

/* Puts the rest of a vector of n elements, in units of that norm, not 0, whose common part
   the panels have, into place `at`, and returns the rest's square. Panels of whole vectors take
   these, where they are of bf16 rounded to it, in place of rests. */
OTX__PRIVATE double otx__panels_put_rest(otx__panels *panels, size_t at, const double *vector,
                                         size_t n, double norm, const double *direction)
{
    double rest[OTX__REST_CHUNK], unit = 1.0, rate = 0.0, left;
    otx__splitting from;
    otx__rest_sums whole;
    size_t p;
    from.vector = vector;
    from.direction = direction;
    from.scale = 1.0 / norm;
    from.common = otx__panel_is_whole(panels->type) ? 0.0 : (double)panels->common[at];
    from.n = n;
    memset(&whole, 0, sizeof whole);
    for (p = 0; p < n; p += OTX__REST_CHUNK) {
        otx__rest_part(&from, p, rest);
        otx__rest_measure(rest, &whole);
    }
    otx__rest_fold(&whole);
    if (panels->type == OTX__PANEL_INT8 && whole.largest[0] > 1e-30) { /* below, all is left */
        unit = (double)(float)(whole.largest[0] / 127.0);
        rate = 1.0 / unit;
    }
    left = otx__rest_write(panels, at, &from, unit, rate);
    panels->scale[at] = (float)unit;
    panels->error[at] = left > 0.0 ? (float)(sqrt(left) * (1.0 + 1e-6)) + 1e-30f : 0.0f;
    return whole.squares[0];
}

/* Puts a row of bf16, of that norm, not 0, into place `at` of bf16 panels. The power
   of 2 brings the norm to between 1 and 2, so that what becomes subnormal, or 0, is
   far below the rounding of the products. */
OTX__PRIVATE void otx__panels_put_row(otx__panels *panels, size_t at, otx__row row, size_t n,
                                      double norm)
{
    uint16_t *panel =
        (uint16_t *)(void *)otx__panel_at(panels, at / OTX__TILE) + 2 * (at % OTX__TILE);
    double scale;
    int exponent;
    size_t p;
    (void)frexp(norm, &exponent);
    scale = ldexp(1.0, 1 - exponent);
    for (p = 0; p < n; p++) {
        float scaled = (float)((double)otx__row_element(row, p) * scale);
        uint32_t bits;
        memcpy(&bits, &scaled, sizeof bits);
        panel[p / 2 * 2 * OTX__TILE + p % 2] = (uint16_t)(bits >> 16);
    }
    panels->scale[at] = (float)(1.0 / (norm * scale));
}

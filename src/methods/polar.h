/* ---- polar: the orthogonal part of a matrix ------------------------------------------- */

/* What of a singular value, relative to the root of the sum of their squares, is not told from
   0: such directions are left out, or come out shorter than 1. */
#define OTX__POLAR_LEAST 1e-8

/* The largest number of turns; 1e-8 takes 24. */
#define OTX__POLAR_TURNS 64

typedef struct otx__polar {
    const otx__dense *square; /* minus x'x, from the diagonal up; then minus the step */
    double step;
} otx__polar;

/* -(3/2 step + 1/2 step^3 square): the tiles of a strip, and those across the diagonal. */
OTX__PRIVATE void otx__polar_step_body(void *argument, size_t strip, int worker)
{
    const otx__polar *polar = (const otx__polar *)argument;
    const otx__dense *square = polar->square;
    double linear = 1.5 * polar->step, cube = 0.5 * polar->step * polar->step * polar->step;
    size_t tile, i, j;
    (void)worker;
    for (tile = 0; tile <= strip; tile++) {
        double *upper = otx__dense_tile(square, tile, strip);
        double *lower = otx__dense_tile(square, strip, tile);
        for (j = 0; j < OTX__TILE; j++) {
            for (i = 0; i < OTX__TILE; i++) {
                double value = -(cube * upper[j * OTX__TILE + i]);
                if (tile == strip && i == j && strip * OTX__TILE + i < square->columns)
                    value -= linear;
                upper[j * OTX__TILE + i] = value;
                if (tile < strip) lower[i * OTX__TILE + j] = value;
            }
        }
    }
}

/* The sum of a b, element by element; strips in order. */
OTX__PRIVATE double otx__dense_inner(const otx__dense *a, const otx__dense *b)
{
    double lanes[OTX__LANES] = {0};
    size_t count = a->tall * a->wide * OTX__TILE_SIZE, i;
    for (i = 0; i < count; i++) {
        double term = a->data[i] * b->data[i];
        lanes[i % OTX__LANES] += term;
    }
    return otx__fold_lanes(lanes);
}

OTX__PRIVATE void otx__dense_scale(const otx__dense *a, double by)
{
    size_t count = a->tall * a->wide * OTX__TILE_SIZE, i;
    for (i = 0; i < count; i++) a->data[i] *= by;
}

OTX__PRIVATE void otx__dense_clear(const otx__dense *a)
{
    memset(a->data, 0, a->tall * a->wide * OTX__TILE_SIZE * sizeof *a->data);
}

/* Makes U V' of x = U S V', which has no more columns than rows. Newton and Schulz' iteration
   x (3/2 step - 1/2 step^3 x'x) multiplies matrices and does nothing else, so it is as exact
   and as parallel as these are, and needs no singular vectors; Chen and Chow's steps (A stable
   scaling of Newton-Schulz, 2014) make small values grow by 2.6 a turn, and the largest never
   exceed 1. other: as x; square: columns x columns. */
OTX__PRIVATE otx_result otx__polar_make(otx__mill *mill, otx__dense *x, otx__dense *other,
                                        otx__dense *square, otx_error *error)
{
    double norm = sqrt(otx__dense_inner(x, x)), least = OTX__POLAR_LEAST;
    otx__polar polar;
    otx_result result = OTX_OK;
    int turn;
    if (!(norm > 0.0)) return OTX_OK;
    otx__dense_scale(x, 1.0 / norm);
    mill->total = OTX__POLAR_TURNS;
    for (turn = 0; turn < OTX__POLAR_TURNS && least < 1.0 - 1e-15 && !result; turn++) {
        double *data = x->data, step = sqrt(3.0 / (1.0 + least + least * least));
        mill->done = (uint64_t)turn;
        otx__dense_clear(square);
        otx__dense_clear(other);
        result = otx__dense_product(mill, square, x, OTX__DENSE_UPPER, x, error);
        polar.square = square;
        polar.step = step;
        if (!result)
            result = otx__mill_loop(mill, square->wide,
                                    (double)square->wide * (double)OTX__TILE_SIZE,
                                    otx__polar_step_body, &polar, error);
        if (!result) result = otx__dense_product(mill, other, x, OTX__DENSE_PLAIN, square, error);
        x->data = other->data;
        other->data = data;
        least *= 0.5 * step * (3.0 - step * step * least * least);
    }
    return result;
}

/* ---- factor: of symmetric matrices -------------------------------------------------------- */

typedef struct otx__factoring {
    otx__normal normal; /* the factor, and what solves with it: see affine_factor.h */
    const otx__dense *products;
    double by;
} otx__factoring;

/* The tiles of a strip, from the diagonal up, as a row of the factor's. */
OTX__PRIVATE void otx__factor_fill_body(void *argument, size_t strip, int worker)
{
    const otx__factoring *f = (const otx__factoring *)argument;
    size_t y, i;
    (void)worker;
    for (y = 0; y <= strip; y++) {
        const double *from = otx__dense_tile(f->products, y, strip);
        double *to = otx__tile_at(f->normal.factor, strip, y);
        for (i = 0; i < OTX__TILE_SIZE; i++) to[i] = from[i] * f->by;
    }
    for (i = 0; i < OTX__TILE; i++)
        f->normal.diagonal[strip * OTX__TILE + i] =
            otx__tile_at(f->normal.factor, strip, strip)[i * (OTX__TILE + 1)];
}

/* L L' = by * products, of which the tiles from the diagonal up count. A column that depends
   on those before it has a pivot of 0, and so has no part in what is solved with L. */
OTX__PRIVATE otx_result otx__dense_factor(otx__mill *mill, const otx__dense *products, double by,
                                          otx__factoring *f, otx_error *error)
{
    size_t tiles = products->wide;
    otx_result result;
    memset(f, 0, sizeof *f);
    f->products = products;
    f->by = by;
    f->normal.ctx = &mill->ctx;
    f->normal.donor.columns = products->columns;
    f->normal.donor.tiles = tiles;
    f->normal.take = mill->take;
    f->normal.total = products->columns;
    f->normal.factor = (double *)otx__pool_take(&mill->pool, otx__pairs(tiles),
                                                OTX__TILE_SIZE * sizeof(double));
    f->normal.diagonal = (double *)otx__pool_take(&mill->pool, tiles, OTX__TILE * sizeof(double));
    if (mill->pool.failed) return otx__pool_fail(&mill->pool, error);
    result = otx__mill_loop(mill, tiles, (double)tiles * (double)OTX__TILE_SIZE,
                            otx__factor_fill_body, f, error);
    return result ? result : otx__normal_factor(&f->normal, error);
}

/* ---- ranks: whether a true row is found among all ----------------------------------- */

/* By the cosine with what a method made: how many of the base's rows lie nearer than the true
   one. Products in float tell of nearly all; in double, in one order, those are compared which
   are too near to it. Rows that are equal do not count. */
typedef struct otx__ranking {
    const otx__evaluating *e;
    const otx__kernels *kernels;
    double *norms;    /* [token_count] of the base's rows */
    double *truths;   /* [hidden] of the true ones */
    double *made;     /* [ranked][e] */
    float *panels;    /* [tile][e][32] the same, of norm 1 */
    double *sizes;    /* [ranked] their norms; 0 for those that are not looked for */
    double *least;    /* [ranked]: <made, true> / ||true|| */
    uint32_t *nearer; /* [worker][ranked] */
    float *tile;      /* [worker][e][32] of the base's rows, then [tile][32][32] products */
    size_t each;
} otx__ranking;

/* <made, row> / ||row||; 0 for a row of zeros. */
OTX__PRIVATE double otx__rank_score(const otx__ranking *r, size_t place, const otx_matrix *rows,
                                    size_t at, double norm)
{
    const double *made = r->made + place * rows->columns;
    double lanes[OTX__LANES] = {0};
    float part[OTX__TILE];
    size_t first, count, i;
    for (first = 0; first < rows->columns; first += count) {
        count = otx__min(OTX__TILE, rows->columns - first);
        otx_to_float(part, otx__affine_at(rows, at, first), rows->dtype, count);
        for (i = 0; i < count; i++) {
            double term = made[first + i] * (double)part[i];
            lanes[i % OTX__LANES] += term;
        }
    }
    return norm > 0.0 ? otx__fold_lanes(lanes) / norm : 0.0;
}

/* 32 rows of the base against all that was made. */
OTX__PRIVATE void otx__ranking_body(void *argument, size_t index, int worker)
{
    const otx__ranking *r = (const otx__ranking *)argument;
    const otx_matrix *all = &r->e->all;
    uint32_t *nearer = r->nearer + (size_t)worker * r->e->ranked;
    float *tile = r->tile + (size_t)worker * r->each, *products = tile + all->columns * OTX__TILE;
    double error = otx__rough_error(all->columns);
    size_t first = index * OTX__TILE, count = otx__min(OTX__TILE, all->rows - first), i, j;
    otx__rough_put_tile(tile, all, index);
    otx__panels_multiply_floats(r->kernels, r->panels, otx__tiles(r->e->ranked), tile,
                                all->columns, products);
    for (i = 0; i < r->e->ranked; i++) {
        const float *product = products + i / OTX__TILE * OTX__TILE_SIZE + i % OTX__TILE;
        double mark = r->sizes[i] > 0.0 ? r->least[i] / r->sizes[i] : 0.0;
        for (j = 0; j < count && r->sizes[i] > 0.0; j++) {
            double norm = r->norms[first + j], off = (double)product[j * OTX__TILE] - mark * norm;
            double room = error * norm + OTX__ROUGH_LEAST;
            if (off < -room) continue;
            nearer[i] += (off > room && off <= (double)FLT_MAX) ||
                         otx__rank_score(r, i, all, first + j, norm) > r->least[i];
        }
    }
}

/* Takes what ranking needs, once for a matrix. */
OTX__PRIVATE otx_result otx__ranking_open(otx__ranking *r, const otx__evaluating *e,
                                          size_t threads, otx__pool *pool, otx_error *error)
{
    size_t columns = e->all.columns, tiles = otx__tiles(e->ranked);
    otx_result result;
    r->e = e;
    r->kernels = otx__combine_kernels(&e->job->ctx);
    r->each = (columns + tiles * OTX__TILE) * OTX__TILE;
    r->norms = (double *)otx__pool_take(pool, e->all.rows, sizeof(double));
    r->truths = (double *)otx__pool_take(pool, e->hidden, sizeof(double));
    r->made = (double *)otx__pool_take(pool, e->ranked, columns * sizeof(double));
    r->panels = (float *)otx__pool_take_zero(pool, tiles, columns * OTX__TILE * sizeof(float));
    r->sizes = (double *)otx__pool_take(pool, e->ranked, sizeof(double));
    r->least = (double *)otx__pool_take(pool, e->ranked, sizeof(double));
    r->nearer = (uint32_t *)otx__pool_take(pool, threads, e->ranked * sizeof(uint32_t));
    r->tile = (float *)otx__pool_take(pool, threads, r->each * sizeof(float));
    if (pool->failed) return otx__pool_fail(pool, error);
    result = otx__matrix_norms(&e->job->ctx, &e->all, r->norms, error);
    return result ? result : otx__matrix_norms(&e->job->ctx, &e->truth, r->truths, error);
}

/* Keeps the rows of those hidden tokens that are ranked. */
OTX__PRIVATE void otx__ranking_keep(otx__ranking *r, size_t first, size_t count,
                                    const double *rows)
{
    const otx__evaluating *e = r->e;
    size_t columns = e->all.columns, place;
    for (place = 0; place < e->ranked; place++) {
        size_t at = otx__evaluating_ranked(e, place);
        const double *row = rows + (at - first) * columns;
        if (at < first || at >= first + count) continue;
        memcpy(r->made + place * columns, row, columns * sizeof *row);
        r->sizes[place] = sqrt(e->figures[at].pp);
        if (!(r->sizes[place] <= DBL_MAX)) r->sizes[place] = 0.0;
        otx__rough_put_vector(r->panels + place / OTX__TILE * columns * OTX__TILE,
                              place % OTX__TILE, row, columns, r->sizes[place]);
    }
}

/* Ranks; rows that were made of zeros, or hold no numbers, are not found. */
OTX__PRIVATE otx_result otx__ranking_run(otx__ranking *r, otx_error *error)
{
    const otx__evaluating *e = r->e;
    const otx_context *ctx = &e->job->ctx;
    size_t threads = (size_t)otx__threads(ctx), place, worker;
    otx__watch watch = otx__watch_open(ctx, OTX_STAGE_SOLVE, 0, e->token_count);
    otx_result result;
    memset(r->nearer, 0, threads * e->ranked * sizeof *r->nearer);
    for (place = 0; place < e->ranked; place++) {
        size_t at = otx__evaluating_ranked(e, place);
        r->least[place] = otx__rank_score(r, place, &e->truth, at, r->truths[at]);
    }
    result = otx__watch_loop(&watch, otx__tiles(e->all.rows),
                             (double)OTX__TILE * OTX__EVALUATE_RANKED * (double)e->all.columns /
                                 4.0,
                             otx__ranking_body, r, error);
    for (place = 0; place < e->ranked && !result; place++) {
        otx__figure *figure = &e->figures[otx__evaluating_ranked(e, place)];
        uint32_t nearer = 0;
        for (worker = 0; worker < threads; worker++)
            nearer += r->nearer[worker * e->ranked + place];
        figure->rank = r->sizes[place] > 0.0 ? nearer : UINT32_MAX - 1;
    }
    return result;
}

/* ---- ranks: whether a true row is found among all ----------------------------------- */

/* Rows of the base that one task compares. */
#define OTX__RANK_ROWS 64

/* By the cosine with what a method made: how many of the base's rows lie nearer than the true
   one. Screened in float, in one order; rows that are equal do not count. */
typedef struct otx__ranking {
    const otx__evaluating *e;
    float *made;      /* [e][OTX__EVALUATE_RANKED]: the rows that were made, side by side */
    float *least;     /* [ranked]: cosine of the true row, times the norm of what was made */
    uint32_t *nearer; /* [worker][ranked] */
    float *row;       /* [worker][e] */
} otx__ranking;

/* <made, row> / ||row|| for all made rows; zeros for a row of zeros. */
OTX__PRIVATE void otx__rank_row(const otx__ranking *r, size_t at, float *row,
                                float *products)
{
    const otx_matrix *all = &r->e->all;
    const size_t element = otx_dtype_bits(all->dtype) / 8;
    double norm = 0.0;
    float scale;
    size_t i, j;
    otx_to_float(row, (const char *)all->data + at * all->columns * element, all->dtype,
                 all->columns);
    for (j = 0; j < OTX__EVALUATE_RANKED; j++) products[j] = 0.0f;
    for (i = 0; i < all->columns; i++) {
        const float *made = r->made + i * OTX__EVALUATE_RANKED;
        const float value = row[i];
        norm += (double)value * (double)value;
        for (j = 0; j < OTX__EVALUATE_RANKED; j++) products[j] += value * made[j];
    }
    scale = norm > 0.0 ? (float)(1.0 / sqrt(norm)) : 0.0f;
    for (j = 0; j < OTX__EVALUATE_RANKED; j++) products[j] *= scale;
}

OTX__PRIVATE void otx__ranking_body(void *argument, size_t index, int worker)
{
    const otx__ranking *r = (const otx__ranking *)argument;
    const otx__evaluating *e = r->e;
    uint32_t *nearer = r->nearer + (size_t)worker * e->ranked;
    float *row = r->row + (size_t)worker * e->all.columns;
    float products[OTX__EVALUATE_RANKED];
    size_t i, j, end = otx__min((index + 1) * OTX__RANK_ROWS, e->token_count);
    for (i = index * OTX__RANK_ROWS; i < end; i++) {
        otx__rank_row(r, e->tokens[i], row, products);
        for (j = 0; j < e->ranked; j++) nearer[j] += products[j] > r->least[j];
    }
}

/* Takes what ranking needs, once for a matrix. */
OTX__PRIVATE bool otx__ranking_take(otx__ranking *r, const otx__evaluating *e, size_t threads,
                                    otx__pool *pool)
{
    size_t columns = e->all.columns;
    r->e = e;
    r->made = (float *)otx__pool_take_zero(pool, columns, OTX__EVALUATE_RANKED * sizeof(float));
    r->least = (float *)otx__pool_take(pool, e->ranked, sizeof(float));
    r->nearer = (uint32_t *)otx__pool_take(pool, threads, e->ranked * sizeof(uint32_t));
    r->row = (float *)otx__pool_take(pool, threads, columns * sizeof(float));
    return !pool->failed;
}

/* Keeps the rows of those hidden tokens that are ranked. */
OTX__PRIVATE void otx__ranking_keep(otx__ranking *r, size_t first, size_t count,
                                    const double *rows)
{
    const otx__evaluating *e = r->e;
    size_t place, i;
    for (place = 0; place < e->ranked; place++) {
        size_t at = otx__evaluating_ranked(e, place);
        if (at < first || at >= first + count) continue;
        for (i = 0; i < e->all.columns; i++)
            r->made[i * OTX__EVALUATE_RANKED + place] =
                (float)rows[(at - first) * e->all.columns + i];
    }
}

/* Ranks; rows that were made of zeros, or hold no numbers, are not found. */
OTX__PRIVATE otx_result otx__ranking_run(otx__ranking *r, otx_error *error)
{
    const otx__evaluating *e = r->e;
    const otx_context *ctx = &e->job->ctx;
    size_t threads = (size_t)otx__threads(ctx), place, worker;
    otx__watch watch = otx__watch_open(ctx, OTX_STAGE_SOLVE, 0, e->token_count);
    float products[OTX__EVALUATE_RANKED];
    otx_result result;
    memset(r->nearer, 0, threads * e->ranked * sizeof *r->nearer);
    for (place = 0; place < e->ranked; place++) {
        otx__rank_row(r, e->hidden_bases[otx__evaluating_ranked(e, place)], r->row, products);
        r->least[place] = products[place];
    }
    result = otx__watch_loop(&watch, (e->token_count + OTX__RANK_ROWS - 1) / OTX__RANK_ROWS,
                             (double)OTX__RANK_ROWS * OTX__EVALUATE_RANKED *
                                 (double)e->all.columns / 4.0,
                             otx__ranking_body, r, error);
    for (place = 0; place < e->ranked && !result; place++) {
        otx__figure *figure = &e->figures[otx__evaluating_ranked(e, place)];
        uint32_t nearer = 0;
        for (worker = 0; worker < threads; worker++)
            nearer += r->nearer[worker * e->ranked + place];
        figure->rank = figure->pp > 0.0 && figure->pp <= DBL_MAX ? nearer : UINT32_MAX - 1;
    }
    return result;
}

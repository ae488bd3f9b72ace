/* ---- spread: the factor that brings hidden anchors' rows nearest to the true ones -------- */

/* Rows that a method makes lie too near to each other, as a map's that is shrunk do, or too far
   apart, as sums of many atoms that fit noise do. One anchor in sixteen is hidden, its row p is
   made from the others, as of a token that is new, and compared with its true row b: about the
   mean m of the anchors' rows in the base the best factor is
       sum <p - m, b - m> / sum <p - m, p - m>
   and 0 if that is less. It is taken about the mean because what all rows have in common makes
   no token likelier than another: a factor on that would raise or lower all new tokens of a head
   at once. */

/* With fewer anchors there is no factor; more are not hidden. */
#define OTX__SPREAD_LEAST 32
#define OTX__SPREAD_MOST 1024

/* Rows that are made at a time. */
#define OTX__SPREAD_ROWS 256

typedef struct otx__spread {
    otx_context ctx; /* a copy: of whose allocator the blocks are */
    otx__pool pool;
    uint32_t *kept, *hidden; /* places among the anchors */
    size_t kept_count, hidden_count;
    otx_fitted trial;        /* the method, fitted to those that are kept */
} otx__spread;

OTX__PRIVATE void otx__spread_close(otx__spread *spread)
{
    otx_context ctx;
    if (!spread) return;
    ctx = spread->ctx;
    otx_method_close(&ctx, &spread->trial);
    otx__pool_close(&spread->pool);
    otx__free(&ctx, spread, 1, sizeof *spread);
}

/* Some rows of a matrix; index has room for them. Nothing of nothing. */
OTX__PRIVATE otx_matrix otx__spread_rows(const otx_matrix *of, const uint32_t *places,
                                         size_t count, uint32_t *index)
{
    otx_matrix rows = *of;
    size_t i;
    if (!of->data) return rows;
    for (i = 0; i < count; i++) index[i] = of->index ? of->index[places[i]] : places[i];
    rows.index = index;
    rows.rows = count;
    return rows;
}

/* The rows that the trial works with. Their indices are of the pool. */
OTX__PRIVATE otx_result otx__spread_open(const otx__spread *spread, const otx_method_rows *from,
                                         otx__pool *pool, otx_method_rows *rows,
                                         otx_error *error)
{
    size_t kept = spread->kept_count, hidden = spread->hidden_count;
    uint32_t *index = (uint32_t *)otx__pool_take(pool, 2 * kept + hidden, sizeof *index);
    memset(rows, 0, sizeof *rows);
    if (!index) return otx__pool_fail(pool, error);
    rows->donor = otx__spread_rows(&from->donor, spread->kept, kept, index);
    rows->targets = otx__spread_rows(&from->donor, spread->hidden, hidden, index + kept);
    rows->base = otx__spread_rows(&from->base, spread->kept, kept, index + kept + hidden);
    rows->tokens = from->tokens;
    rows->head = from->head;
    return OTX_OK;
}

OTX__PRIVATE otx_result otx__spread_fit(const otx_context *ctx, const otx_method_rows *rows,
                                        otx_fitted *fitted, otx_error *error)
{
    size_t anchors = rows->donor.rows, i;
    otx_method_options plain = fitted->options;
    otx_method_rows some;
    otx__spread *spread;
    otx__pool pool;
    otx_result result;
    if (anchors < OTX__SPREAD_LEAST) return OTX_OK;
    spread = fitted->spread = (otx__spread *)otx__alloc_zero(ctx, 1, sizeof *spread);
    if (!spread) return otx__fail_memory(error, sizeof *spread);
    if (ctx) spread->ctx = *ctx;
    otx__pool_open(&spread->pool, &spread->ctx);
    spread->hidden_count = otx__min(anchors / 16, OTX__SPREAD_MOST);
    spread->kept = (uint32_t *)otx__pool_take(&spread->pool, anchors, sizeof *spread->kept);
    if (!spread->kept) return otx__pool_fail(&spread->pool, error);
    spread->kept_count = anchors - spread->hidden_count;
    spread->hidden = spread->kept + spread->kept_count;
    for (i = 0; i < anchors; i++) {
        size_t nth = (i * spread->hidden_count + anchors - 1) / anchors;
        bool hides = nth < spread->hidden_count && i == nth * anchors / spread->hidden_count;
        if (hides) spread->hidden[nth] = (uint32_t)i;
        else spread->kept[i - otx__min(nth, spread->hidden_count)] = (uint32_t)i;
    }
    plain.norm = OTX_NORM_NONE;
    plain.scale = plain.noise = plain.clip_norms = 0.0;
    plain.solve = NULL; /* a caller's own is for the targets */
    otx__pool_open(&pool, ctx);
    result = otx__spread_open(spread, rows, &pool, &some, error);
    if (!result) result = otx_method_fit(ctx, fitted->method, &some, &plain, &spread->trial, error);
    otx__pool_close(&pool);
    fitted->bytes += spread->pool.bytes + spread->trial.bytes;
    return result;
}

/* Adds hidden rows to the two sums. */
OTX__PRIVATE void otx__spread_add(const otx__spread *spread, const otx_matrix *base,
                                  const double *mean, size_t first, size_t count,
                                  const double *made, double *row, double sums[2])
{
    size_t columns = base->columns, i, j;
    for (i = 0; i < count; i++) {
        otx__row_read(base, spread->hidden[first + i], row);
        for (j = 0; j < columns; j++) {
            double p = made[i * columns + j] - mean[j], b = row[j] - mean[j];
            double with = p * b, own = p * p;
            sums[0] += with;
            sums[1] += own;
        }
    }
}

/* The factor in a matrix of the base, and the mean that it is taken about. */
OTX__PRIVATE otx_result otx__spread_factor(const otx_context *ctx, const otx__spread *spread,
                                           const otx_method_rows *from, double *mean,
                                           double *factor, otx_error *error)
{
    size_t columns = from->base.columns, first, count;
    double sums[2] = {0.0, 0.0}, *made, *row;
    otx_method_rows rows;
    otx__pool pool;
    otx_result result = otx__matrix_mean(ctx, &from->base, mean, error);
    *factor = 1.0;
    if (result || !spread) return result;
    otx__pool_open(&pool, ctx);
    made = (double *)otx__pool_take(&pool, OTX__SPREAD_ROWS, columns * sizeof *made);
    row = (double *)otx__pool_take(&pool, columns, sizeof *row);
    result = pool.failed ? otx__pool_fail(&pool, error)
                         : otx__spread_open(spread, from, &pool, &rows, error);
    for (first = 0; first < spread->hidden_count && !result; first += count) {
        count = otx__min(OTX__SPREAD_ROWS, spread->hidden_count - first);
        result = otx_method_make(ctx, &spread->trial, &rows, first, count, made, error);
        if (!result)
            otx__spread_add(spread, &from->base, mean, first, count, made, row, sums);
    }
    otx__pool_close(&pool);
    if (sums[1] > 0.0) *factor = sums[0] > 0.0 ? sums[0] / sums[1] : 0.0;
    return result;
}

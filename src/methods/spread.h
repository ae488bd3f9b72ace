/* ---- spread: the factor that suits hidden anchors' rows best ------------------------------- */

/* Rows that a method makes lie too near to each other, as a map's that is shrunk do, or too far
   apart, as sums of many atoms that fit noise do. One anchor in sixteen is hidden and its row p is
   made from the others, as of a token that is new. With the mean m of the anchors' rows in the
   base, and b the true row, the factor f is that of the least loss of the rows m + f (p - m): the
   figure that the affine map is chosen by too, as it agrees with language models where a mere
   distance does not (the factor of least squares shrinks rows until they do not win where they
   are due). With x = p - m and y = b - m, over all hidden anchors,
       loss(f) = sqrt(sum <f x - y, M (f x - y)> / sum <b, M b>) - 0.75 f sum <x, b> / sum <b, b>
   and a constant. M is the second moment of some anchors' rows in the base. The least lies where
   the slopes of the two terms are the same; f is 0 to 2. It is taken about the mean because what
   all rows have in common makes no token likelier than another. */

/* With fewer anchors there is no factor; more are not hidden; rows that M is of. */
#define OTX__SPREAD_LEAST 32
#define OTX__SPREAD_MOST 256
#define OTX__SPREAD_SAMPLE 256

#define OTX__SPREAD_WIDEST 2.0

typedef struct otx__spread {
    otx_context ctx; /* a copy: of whose allocator the blocks are */
    otx__pool pool;
    uint32_t *kept, *hidden; /* places among the anchors */
    size_t kept_count, hidden_count;
    otx_fitted trial;        /* the method, fitted to those that are kept, with pieces or
                                without as it was to all */
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

/* The pieces of some anchors, of the pool, without their sizes. */
OTX__PRIVATE otx_pieces otx__spread_pieces(const otx_pieces *of, const uint32_t *places,
                                           size_t count, otx__pool *pool)
{
    otx_pieces pieces;
    size_t *starts = (size_t *)otx__pool_take(pool, count + 1, sizeof *starts), total = 0, i, j;
    uint32_t *rows;
    memset(&pieces, 0, sizeof pieces);
    for (i = 0; i < count; i++) total += of->starts[places[i] + 1] - of->starts[places[i]];
    rows = (uint32_t *)otx__pool_take(pool, total, sizeof *rows);
    if (pool->failed) return pieces;
    for (i = total = 0; i < count; i++) {
        starts[i] = total;
        for (j = of->starts[places[i]]; j < of->starts[places[i] + 1]; j++)
            rows[total++] = of->rows[j];
    }
    starts[count] = total;
    pieces.starts = starts;
    pieces.rows = rows;
    return pieces;
}

/* The rows that the trial works with, with pieces where the method took them. Indices are of the
   pool. */
OTX__PRIVATE otx_result otx__spread_open(const otx__spread *spread, const otx_method_rows *from,
                                         bool pieced, otx__pool *pool, otx_method_rows *rows,
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
    if (pieced) {
        rows->anchor_pieces = otx__spread_pieces(&from->anchor_pieces, spread->kept, kept, pool);
        rows->pieces = otx__spread_pieces(&from->anchor_pieces, spread->hidden, hidden, pool);
    }
    return pool->failed ? otx__pool_fail(pool, error) : OTX_OK;
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
    plain.pieces = fitted->pieces > 0.0 ? fitted->pieces : OTX_PIECES_NONE;
    otx__pool_open(&pool, ctx);
    result = otx__spread_open(spread, rows, fitted->pieces > 0.0, &pool, &some, error);
    if (!result) result = otx_method_fit(ctx, fitted->method, &some, &plain, &spread->trial, error);
    otx__pool_close(&pool);
    fitted->bytes += spread->pool.bytes + spread->trial.bytes;
    return result;
}

/* What comes of one hidden anchor. */
typedef struct otx__spread_sums {
    double xx, xy, yy, bb; /* <x, M x> and the like, <b, M b> */
    double with, own;      /* <x, b>, <b, b> */
} otx__spread_sums;

typedef struct otx__spreading {
    const otx__spread *spread;
    const otx_matrix *base;
    size_t columns, sample_count;
    const double *mean;
    double *samples; /* [sample_count][columns] */
    double *made;    /* [hidden][columns] p, then x */
    double *true_rows; /* [hidden][columns] */
    otx__spread_sums *sums; /* [hidden] */
} otx__spreading;

OTX__PRIVATE double otx__spread_dot(const double *a, const double *b, size_t count)
{
    double sum = 0.0;
    size_t i;
    for (i = 0; i < count; i++) {
        double part = a[i] * b[i];
        sum += part;
    }
    return sum;
}

OTX__PRIVATE void otx__spreading_body(void *argument, size_t index, int worker)
{
    const otx__spreading *task = (const otx__spreading *)argument;
    size_t columns = task->columns, i;
    double *x = task->made + index * columns, *b = task->true_rows + index * columns;
    otx__spread_sums *sums = &task->sums[index];
    (void)worker;
    otx__row_read(task->base, task->spread->hidden[index], b);
    for (i = 0; i < columns; i++) x[i] -= task->mean[i];
    sums->with = otx__spread_dot(x, b, columns);
    sums->own = otx__spread_dot(b, b, columns);
    for (i = 0; i < task->sample_count; i++) {
        const double *s = task->samples + i * columns;
        double along = otx__spread_dot(x, s, columns), whole = otx__spread_dot(b, s, columns);
        double truth = whole - otx__spread_dot(task->mean, s, columns);
        double parts[4];
        parts[0] = along * along;
        parts[1] = along * truth;
        parts[2] = truth * truth;
        parts[3] = whole * whole;
        sums->xx += parts[0];
        sums->xy += parts[1];
        sums->yy += parts[2];
        sums->bb += parts[3];
    }
}

/* Where the loss is least. About f = xy / xx its first term is sqrt(xx / bb (t^2 + h^2)). */
OTX__PRIVATE double otx__spread_least(const otx__spread_sums *all)
{
    double middle, slope, rest, factor;
    if (!(all->xx > 0.0 && all->own > 0.0)) return 1.0;
    middle = all->xy / all->xx;
    slope = OTX__CHOICE_SHARE * all->with / all->own * sqrt(all->bb / all->xx);
    rest = all->yy / all->xx - middle * middle;
    if (slope >= 1.0) return OTX__SPREAD_WIDEST;
    if (slope <= -1.0) return 0.0;
    factor = middle + slope * sqrt((rest > 0.0 ? rest : 0.0) / (1.0 - slope * slope));
    if (!(factor > 0.0)) return 0.0;
    return factor < OTX__SPREAD_WIDEST ? factor : OTX__SPREAD_WIDEST;
}

/* The factor in a matrix of the base, and the mean that it is taken about. */
OTX__PRIVATE otx_result otx__spread_factor(const otx_context *ctx, const otx__spread *spread,
                                           const otx_method_rows *from, double *mean,
                                           double *factor, otx_error *error)
{
    otx__watch watch = otx__watch_open(ctx, OTX_STAGE_SOLVE, 0, from->base.rows);
    size_t columns = from->base.columns, hidden, i;
    otx__spread_sums all;
    otx__spreading task;
    otx_method_rows rows;
    otx__pool pool;
    otx_result result = otx__matrix_mean(ctx, &from->base, mean, error);
    *factor = 1.0;
    if (result || !spread) return result;
    hidden = spread->hidden_count;
    memset(&task, 0, sizeof task);
    memset(&all, 0, sizeof all);
    task.spread = spread;
    task.base = &from->base;
    task.columns = columns;
    task.mean = mean;
    task.sample_count = otx__min(spread->kept_count, OTX__SPREAD_SAMPLE);
    otx__pool_open(&pool, ctx);
    task.samples = (double *)otx__pool_take(&pool, task.sample_count, columns * sizeof(double));
    task.made = (double *)otx__pool_take(&pool, hidden, columns * sizeof(double));
    task.true_rows = (double *)otx__pool_take(&pool, hidden, columns * sizeof(double));
    task.sums = (otx__spread_sums *)otx__pool_take_zero(&pool, hidden, sizeof *task.sums);
    result = pool.failed ? otx__pool_fail(&pool, error)
                         : otx__spread_open(spread, from, spread->trial.options.pieces > 0.0,
                                            &pool, &rows, error);
    for (i = 0; i < task.sample_count && !result; i++)
        otx__row_read(task.base, spread->kept[i * spread->kept_count / task.sample_count],
                      task.samples + i * columns);
    if (!result)
        result = otx_method_make(ctx, &spread->trial, &rows, 0, hidden, task.made, error);
    if (!result)
        result = otx__watch_loop(&watch, hidden,
                                 6.0 * (double)task.sample_count * (double)columns,
                                 otx__spreading_body, &task, error);
    for (i = 0; i < hidden && !result; i++) {
        all.xx += task.sums[i].xx;
        all.xy += task.sums[i].xy;
        all.yy += task.sums[i].yy;
        all.bb += task.sums[i].bb;
        all.with += task.sums[i].with;
        all.own += task.sums[i].own;
    }
    otx__pool_close(&pool);
    if (!result) *factor = otx__spread_least(&all);
    return result;
}

/* ---- mp_rope: matching pursuit with rotary positions ----------------------------------- */

/* mergekit's method of that name, by what it gives (tests/golden). Each of k steps
   - takes the anchor a of the largest |<residual, a>| that is not yet taken,
   - finds its position: the least squares of p f = the angle between the residual's and a's
     pairs, over all of them, whichever of a and -a has the smaller |p|,
   - takes <residual, a at p> / ||a||^2 times a at p off the residual.
   Coefficients are the least-squares solution on the turned anchors; a row combines the
   base's, turned by the same positions with its own heads and base. The residual leaves the
   anchors' span, so every step compares it with all of them anew: in float, which leaves few
   tiles of anchors to be compared in double. */
#define OTX__MP_ROPE_K 8

/* Targets whose residuals are compared with all anchors at a time, at most. */
#define OTX__ROPE_TARGETS 512

typedef struct otx__roping {
    otx_fitted *fitted;
    otx__rope donor, base;
    const otx_matrix *rows; /* the base's anchors, of a make */
    size_t first;
    double *to, *wide;      /* [worker][e] */
    otx__near *near;
    size_t room;            /* targets of a window */
    double *residuals;      /* [room][d] */
    float *panels;          /* [tile][d][32] the same, of norm 1 */
    float *marks;           /* [room][tile of anchors][2] what the largest |score| of a tile
                               is at least and at most: see rough.h */
    float *tiles;           /* [worker][d][32] of anchors, then [tile of room][32][32] */
    void *own;              /* [worker] each bytes: weighing, then turned anchors */
    size_t each, step;
} otx__roping;

/* ---- fitting ---- */

/* Puts the window's residuals into panels, 32 to a task. */
OTX__PRIVATE void otx__rope_panel_body(void *argument, size_t tile, int worker)
{
    const otx__roping *task = (const otx__roping *)argument;
    size_t n = task->near->columns, end = otx__min((tile + 1) * OTX__TILE, task->near->count), i;
    (void)worker;
    for (i = tile * OTX__TILE; i < end; i++) {
        const double *residual = task->residuals + i * n;
        otx__rough_put_vector(task->panels + tile * n * OTX__TILE, i % OTX__TILE, residual, n,
                              otx__norm(residual, n));
    }
}

/* What the scores of 32 anchors with one residual may be off by; false if that cannot be
   told. Rounding the marks to float is in it. */
OTX__PRIVATE bool otx__rope_spread(const otx__near *near, size_t first, float *spread)
{
    double error = otx__rough_error(near->columns) + 8.0 * OTX__FLOAT_ROUNDOFF;
    size_t i;
    for (i = 0; i < OTX__TILE; i++) {
        double norm = first + i < near->donor.rows ? near->anchor_norms[first + i] : 0.0;
        if (norm > 1e30) return false;
        spread[i] = (float)(error * norm + 2.0 * OTX__ROUGH_LEAST);
    }
    return true;
}

/* Of the scores of a tile with 32 residuals, where those taken count as 0. */
OTX__PRIVATE void otx__rope_mark(const float *products, const float *spread, float *low,
                                 float *high)
{
    size_t i, j;
    for (i = 0; i < OTX__TILE; i++) low[i] = high[i] = -HUGE_VALF;
    for (j = 0; j < OTX__TILE; j++) {
        for (i = 0; i < OTX__TILE; i++) {
            float score = fabsf(products[j * OTX__TILE + i]);
            low[i] = score - spread[j] > low[i] ? score - spread[j] : low[i];
            high[i] = score + spread[j] > high[i] ? score + spread[j] : high[i];
        }
    }
}

/* 32 anchors with the residuals of all targets of the window. */
OTX__PRIVATE void otx__rope_scores_body(void *argument, size_t index, int worker)
{
    const otx__roping *task = (const otx__roping *)argument;
    const otx__near *near = task->near;
    size_t n = near->columns, tiles = otx__tiles(near->donor.rows), i, j;
    size_t all = otx__tiles(near->count), k = task->fitted->k;
    float *tile = task->tiles + (size_t)worker * (n + otx__tiles(task->room) * OTX__TILE) *
                                    OTX__TILE;
    float *products = tile + n * OTX__TILE, spread[OTX__TILE], low[OTX__TILE], high[OTX__TILE];
    bool known = otx__rope_spread(near, index * OTX__TILE, spread);
    if (known) {
        otx__rough_put_tile(tile, &near->donor, index);
        otx__panels_multiply_floats(near->kernels, task->panels, all, tile, n, products);
    }
    for (i = 0; i < near->count; i++) {
        const int32_t *taken = task->fitted->indices + (near->first + i) * k;
        float *block = products + i / OTX__TILE * OTX__TILE_SIZE;
        float *mark = task->marks + 2 * (i * tiles + index);
        for (j = 0; j < task->step && known; j++)
            if (taken[j] >= 0 && (size_t)taken[j] / OTX__TILE == index)
                block[(size_t)taken[j] % OTX__TILE * OTX__TILE + i % OTX__TILE] = 0.0f;
        mark[0] = -HUGE_VALF;
        mark[1] = HUGE_VALF;
    }
    for (i = 0; i < near->count && known; i++) {
        float *mark = task->marks + 2 * (i * tiles + index);
        if (i % OTX__TILE == 0)
            otx__rope_mark(products + i * OTX__TILE, spread, low, high);
        mark[0] = low[i % OTX__TILE];
        mark[1] = high[i % OTX__TILE];
    }
}

/* The anchor of the largest score that is not among those taken; the number of anchors if no
   score is above 0. */
OTX__PRIVATE size_t otx__rope_best(const otx__roping *task, size_t index, const int32_t *taken)
{
    const otx__near *near = task->near;
    size_t tiles = otx__tiles(near->donor.rows), best = near->donor.rows, tile, count, i, j;
    const float *marks = task->marks + 2 * index * tiles;
    float least = -HUGE_VALF;
    double most = 0.0, scores[OTX__TILE];
    for (tile = 0; tile < tiles; tile++)
        least = marks[2 * tile] > least ? marks[2 * tile] : least;
    for (tile = 0; tile < tiles; tile++) {
        otx__row rows[OTX__TILE];
        if (marks[2 * tile + 1] < least) continue;
        count = otx__min(OTX__TILE, near->donor.rows - tile * OTX__TILE);
        for (i = 0; i < count; i++)
            rows[i] = otx__view_row(&near->anchor_rows, tile * OTX__TILE + i);
        near->kernels->dots(task->residuals + index * near->columns, rows, count, near->columns,
                            scores);
        for (i = 0; i < count; i++) {
            size_t anchor = tile * OTX__TILE + i;
            if (!(fabs(scores[i]) > most)) continue;
            for (j = 0; j < task->step && taken[j] != (int32_t)anchor; j++) {}
            if (j == task->step) most = fabs(scores[i]), best = anchor;
        }
    }
    return best;
}

/* One step of a target of the window. */
OTX__PRIVATE void otx__rope_step_body(void *argument, size_t index, int worker)
{
    const otx__roping *task = (const otx__roping *)argument;
    otx__near *near = task->near;
    otx_fitted *fitted = task->fitted;
    size_t at = (near->first + index) * fitted->k, n = near->columns, best;
    double *residual = task->residuals + index * n, *wide = near->wide + (size_t)worker * n;
    double *position = fitted->linear->divide + at + task->step;
    int32_t *indices = fitted->indices + at;
    indices[task->step] = -1;
    *position = 0.0;
    if (task->step && indices[task->step - 1] < 0) return;
    best = otx__rope_best(task, index, indices);
    if (best == near->donor.rows || !(near->anchor_squares[best] > 0.0)) return;
    indices[task->step] = (int32_t)best;
    otx__row_widen(near->kernels, otx__view_row(&near->anchor_rows, best), n, wide);
    *position = otx__rope_position(&task->donor, wide, residual);
    otx__rope_turn(&task->donor, *position, wide);
    otx__eigen_take(residual, wide,
                    otx__eigen_dot(residual, wide, n) / near->anchor_squares[best], n);
}

/* The coefficients of a target of the window. */
OTX__PRIVATE void otx__rope_finish_body(void *argument, size_t index, int worker)
{
    const otx__roping *task = (const otx__roping *)argument;
    otx__near *near = task->near;
    otx_fitted *fitted = task->fitted;
    size_t target = near->first + index, at = target * fitted->k, n = near->columns, k = 0, i, j;
    char *own = (char *)task->own + (size_t)worker * task->each;
    double *turned = (double *)(void *)(own + task->each) - fitted->k * n;
    double *wide = near->wide + (size_t)worker * n;
    otx__weighing w = otx__weighing_at(own, fitted->k);
    otx__row_widen(near->kernels, otx__view_row(&near->target_rows, target), n, wide);
    for (; k < fitted->k && fitted->indices[at + k] >= 0; k++) {
        double *row = turned + k * n;
        otx__row_widen(near->kernels,
                       otx__view_row(&near->anchor_rows, (size_t)fitted->indices[at + k]), n,
                       row);
        otx__rope_turn(&task->donor, fitted->linear->divide[at + k], row);
        w.right[k] = otx__eigen_dot(wide, row, n);
        for (j = 0; j <= k; j++)
            w.gram[k * w.k + j] = otx__eigen_dot(row, turned + j * n, n);
        w.sizes[k] = w.gram[k * w.k + k];
    }
    for (i = 0; i < fitted->k; i++) fitted->coefficients[at + i] = 0.0;
    otx__weigh_least_squares(&w, k, fitted->coefficients + at);
    for (i = 0; i < k; i++)
        otx__eigen_take(wide, turned + i * n, fitted->coefficients[at + i], n);
    fitted->residual_norms[target] = sqrt(otx__eigen_dot(wide, wide, n));
    fitted->target_norms[target] = near->target_norms[target];
}

/* Takes what the steps need besides. The marks lie where a window's products would. */
OTX__PRIVATE otx_result otx__rope_take(otx__roping *task, otx_error *error)
{
    otx__near *near = task->near;
    size_t n = near->columns, tiles;
    task->room = near->room * near->donor.rows / otx__tiles(near->donor.rows);
    task->room = otx__min(otx__min(task->room, OTX__ROPE_TARGETS), near->targets.rows);
    tiles = otx__tiles(task->room);
    task->marks = (float *)(void *)near->products;
    task->residuals = (double *)otx__pool_take(&near->pool, task->room, n * sizeof(double));
    task->panels = (float *)otx__pool_take_zero(&near->pool, tiles, n * OTX__TILE * sizeof(float));
    task->tiles = (float *)otx__pool_take(&near->pool, (size_t)near->ctx.threads,
                                          (n + tiles * OTX__TILE) * OTX__TILE * sizeof(float));
    return near->pool.failed ? otx__pool_fail(&near->pool, error) : OTX_OK;
}

/* All steps of the targets of the window. */
OTX__PRIVATE otx_result otx__rope_window(otx__roping *task, otx_error *error)
{
    otx__near *near = task->near;
    otx__watch watch =
        otx__watch_open(&near->ctx, OTX_STAGE_SOLVE, near->first, near->targets.rows);
    double n = (double)near->columns, k = (double)task->fitted->k;
    otx_result result = OTX_OK;
    size_t i;
    for (i = 0; i < near->count; i++)
        otx__row_widen(near->kernels, otx__view_row(&near->target_rows, near->first + i),
                       near->columns, task->residuals + i * near->columns);
    for (task->step = 0; task->step < task->fitted->k && !result; task->step++) {
        result = otx__watch_loop(&watch, otx__tiles(near->count), 8.0 * OTX__TILE * n,
                                 otx__rope_panel_body, task, error);
        if (!result)
            result = otx__watch_loop(&watch, otx__tiles(near->donor.rows),
                                     (double)OTX__TILE * (double)near->count * n / 4.0,
                                     otx__rope_scores_body, task, error);
        if (!result)
            result = otx__watch_loop(&watch, near->count,
                                     (double)near->donor.rows + 200.0 * n, otx__rope_step_body,
                                     task, error);
    }
    if (result) return result;
    return otx__watch_loop(&watch, near->count, k * k * n, otx__rope_finish_body, task, error);
}

OTX__PRIVATE otx_result otx__mp_rope_fit(const otx_context *ctx, const otx_method_rows *rows,
                                         const otx_method_options *options, otx_fitted *fitted,
                                         otx_error *error)
{
    size_t k = options->omp.k ? options->omp.k : OTX__MP_ROPE_K, more;
    otx__roping task;
    otx__near near;
    otx__mill mill;
    otx_result result = otx__mill_open(&mill, ctx, options->omp.memory, error);
    memset(&task, 0, sizeof task);
    task.fitted = fitted;
    task.near = &near;
    k = otx_omp_k(k, rows->donor.rows, rows->donor.columns);
    if (!result) result = otx__linear_open(&mill, fitted, 0, 0, error);
    if (!result) result = otx__fitted_alloc(ctx, fitted, k, error);
    if (result) return result;
    if (!otx__mul(k, rows->donor.columns * sizeof(double), &more) ||
        !otx__weighing_fits(k, more, &task.each))
        return otx__fail_memory(error, UINT64_MAX);
    fitted->linear->divide = (double *)otx__pool_take(&fitted->linear->pool, fitted->targets,
                                                      k * sizeof(double));
    if (!fitted->linear->divide) return otx__pool_fail(&fitted->linear->pool, error);
    result = otx__near_open(&near, ctx, rows, 0, fitted->targets, options->omp.memory, task.each,
                            &task.own, error);
    if (!result) result = otx__rope_take(&task, error);
    if (!result)
        result = otx__rope_open(&task.donor, near.columns, options->donor_heads,
                                options->donor_rope, "donor", &near.pool, error);
    for (near.first = 0; near.first < fitted->targets && !result; near.first += near.count) {
        near.count = otx__min(task.room, fitted->targets - near.first);
        result = otx__rope_window(&task, error);
    }
    otx__near_close(&near);
    return result;
}

/* ---- making ---- */

OTX__PRIVATE void otx__rope_make_body(void *argument, size_t index, int worker)
{
    const otx__roping *task = (const otx__roping *)argument;
    const otx_fitted *fitted = task->fitted;
    size_t at = (task->first + index) * fitted->k, n = task->base.columns, first, count, i, j;
    double *row = task->to + index * n, *wide = task->wide + (size_t)worker * n;
    float part[OTX__TILE];
    for (i = 0; i < n; i++) row[i] = 0.0;
    for (j = 0; j < fitted->k && fitted->indices[at + j] >= 0; j++) {
        for (first = 0; first < n; first += count) {
            count = otx__min(OTX__TILE, n - first);
            otx_to_float(part, otx__affine_at(task->rows, (size_t)fitted->indices[at + j], first),
                         task->rows->dtype, count);
            for (i = 0; i < count; i++) wide[first + i] = (double)part[i];
        }
        otx__rope_turn(&task->base, fitted->linear->divide[at + j], wide);
        otx__eigen_take(row, wide, -fitted->coefficients[at + j], n);
    }
}

OTX__PRIVATE otx_result otx__mp_rope_make(const otx_context *ctx, const otx_fitted *fitted,
                                          const otx_method_rows *rows, size_t first,
                                          size_t count, double *to, otx_error *error)
{
    size_t n = rows->base.columns;
    otx__roping task;
    otx__mill mill;
    otx_result result = otx__mill_open(&mill, ctx, 0, error);
    if (result) return result;
    memset(&task, 0, sizeof task);
    memcpy(&task.fitted, &fitted, sizeof fitted); /* which is only read */
    task.rows = &rows->base;
    task.first = first;
    task.to = to;
    task.wide = (double *)otx__pool_take(&mill.pool, (size_t)mill.ctx.threads,
                                         n * sizeof(double));
    if (!task.wide) result = otx__pool_fail(&mill.pool, error);
    if (!result)
        result = otx__rope_open(&task.base, n, fitted->options.base_heads,
                                fitted->options.base_rope, "base", &mill.pool, error);
    mill.done = first;
    mill.total = fitted->targets;
    if (!result)
        result = otx__mill_loop(&mill, count, 100.0 * (double)fitted->k * (double)n,
                                otx__rope_make_body, &task, error);
    otx__pool_close(&mill.pool);
    return result;
}

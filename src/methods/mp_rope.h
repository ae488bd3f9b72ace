/* ---- mp_rope: matching pursuit with rotary positions ----------------------------------- */

/* mergekit's method of that name, by what it gives (tests/golden). Pairs of columns i and
   i + h / 2 of a head of h columns turn by the angle p base^(-2 i / h) at position p (Su et
   al., RoFormer, 2021); a column without a partner stays. Each of k steps
   - takes the anchor a of the largest |<residual, a>| that is not yet taken,
   - finds its position: the least squares of p f = the angle between the residual's and a's
     pairs, over all of them, whichever of a and -a has the smaller |p|,
   - takes <residual, a at p> / ||a||^2 times a at p off the residual.
   Coefficients are the least-squares solution on the turned anchors; a row combines the
   base's, turned by the same positions with its own heads and base. The residual leaves the
   anchors' span, so every step compares it with all of them anew: few steps can be afforded. */
#define OTX__MP_ROPE_K 8

typedef struct otx__rope {
    size_t columns, heads, pairs; /* pairs of a head */
    double *rates;                /* [pairs] angle a position */
} otx__rope;

typedef struct otx__roping {
    otx_fitted *fitted;
    otx__rope donor, base;
    const otx_matrix *rows; /* the base's anchors, of a make */
    size_t first;
    double *to, *wide;      /* [worker][e] */
    otx__near *near;
    double *residuals;      /* [room][d] */
    void *own;              /* [worker] each bytes: weighing, then turned anchors */
    size_t each, step;
} otx__roping;

/* ---- turning ---- */

/* The angle of (x, y), from -pi to pi; 0 of (0, 0). Series after two halvings. */
OTX__PRIVATE double otx__angle(double x, double y)
{
    const double half = 1.57079632679489661923;
    double a = fabs(x), b = fabs(y), t, square, sum = 0.0;
    int i;
    if (!(a + b > 0.0)) return 0.0;
    t = a < b ? a / b : b / a;
    t = t / (1.0 + sqrt(1.0 + t * t));
    t = t / (1.0 + sqrt(1.0 + t * t));
    square = t * t;
    for (i = 21; i > 0; i -= 2) sum = 1.0 / (double)i - square * sum;
    t = 4.0 * t * sum;
    if (a < b) t = half - t;
    if (x < 0.0) t = 2.0 * half - t;
    return y < 0.0 ? -t : t;
}

OTX__PRIVATE otx_result otx__rope_open(otx__rope *rope, size_t columns, size_t heads,
                                       double base, const char *name, otx__pool *pool,
                                       otx_error *error)
{
    size_t i, width;
    rope->columns = columns;
    rope->heads = heads ? heads : 1;
    if (columns % rope->heads)
        return otx__fail(error, OTX_ERROR_ARGUMENT,
                         "%s: rows of %" PRIu64 " columns are not of %" PRIu64 " heads", name,
                         (uint64_t)columns, (uint64_t)heads);
    if (base < 0.0 || (base > 0.0 && base < 1.0) || !otx__is_finite(base))
        return otx__fail(error, OTX_ERROR_ARGUMENT,
                         "%s: the base of rotary positions must be 1 or more", name);
    width = columns / rope->heads;
    rope->pairs = width / 2;
    rope->rates = (double *)otx__pool_take(pool, rope->pairs, sizeof(double));
    if (!rope->rates) return otx__pool_fail(pool, error);
    for (i = 0; i < rope->pairs; i++)
        rope->rates[i] = otx__exp(-otx__logarithm(base > 0.0 ? base : 10000.0) * 2.0 *
                                  (double)i / (double)width);
    return OTX_OK;
}

/* Turns a row to a position. */
OTX__PRIVATE void otx__rope_turn(const otx__rope *rope, double position, double *row)
{
    size_t width = rope->columns / rope->heads, head, i;
    for (i = 0; i < rope->pairs; i++) {
        double turns = position * rope->rates[i] / 6.28318530717958647693, c, s;
        otx__circle(turns - floor(turns), &c, &s);
        for (head = 0; head < rope->heads; head++) {
            double *x = row + head * width + i, *y = x + rope->pairs;
            double a = *x * c, b = *y * s, d = *y * c, e = *x * s;
            *x = a - b;
            *y = d + e;
        }
    }
}

/* The position of a row that fits a residual best; *row is not turned. */
OTX__PRIVATE double otx__rope_position(const otx__rope *rope, const double *row,
                                       const double *residual)
{
    const double pi = 3.14159265358979323846;
    size_t width = rope->columns / rope->heads, head, i;
    double sums[2] = {0.0, 0.0}, squares = 0.0;
    for (head = 0; head < rope->heads; head++) {
        for (i = 0; i < rope->pairs; i++) {
            const double *a = row + head * width + i, *r = residual + head * width + i;
            double x = a[0] * r[0] + a[rope->pairs] * r[rope->pairs];
            double y = a[0] * r[rope->pairs] - a[rope->pairs] * r[0];
            double angle = otx__angle(x, y), rate = rope->rates[i];
            sums[0] += angle * rate;
            sums[1] += (angle > 0.0 ? angle - pi : angle + pi) * rate;
            squares += rate * rate;
        }
    }
    if (!(squares > 0.0)) return 0.0;
    return (fabs(sums[0]) <= fabs(sums[1]) ? sums[0] : sums[1]) / squares;
}

/* ---- fitting ---- */

/* 32 anchors with the residuals of all targets of the window. */
OTX__PRIVATE void otx__rope_scores_body(void *argument, size_t index, int worker)
{
    const otx__roping *task = (const otx__roping *)argument;
    const otx__near *near = task->near;
    size_t first = index * OTX__TILE, count = otx__min(OTX__TILE, near->donor.rows - first), i;
    otx__row anchors[OTX__TILE];
    (void)worker;
    for (i = 0; i < count; i++) anchors[i] = otx__view_row(&near->anchor_rows, first + i);
    for (i = 0; i < near->count; i++)
        near->kernels->dots(task->residuals + i * near->columns, anchors, count, near->columns,
                            near->products + i * near->donor.rows + first);
}

/* The anchor of the largest score that is not among those taken; the number of anchors if no
   score is above 0. */
OTX__PRIVATE size_t otx__rope_best(const double *scores, size_t anchors, const int32_t *taken,
                                   size_t count)
{
    size_t best = anchors, i, j;
    double most = 0.0;
    for (i = 0; i < anchors; i++) {
        if (!(fabs(scores[i]) > most)) continue;
        for (j = 0; j < count && taken[j] != (int32_t)i; j++) {}
        if (j == count) most = fabs(scores[i]), best = i;
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
    best = otx__rope_best(near->products + index * near->donor.rows, near->donor.rows, indices,
                          task->step);
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
        result = otx__watch_loop(&watch, otx__tiles(near->donor.rows),
                                 (double)OTX__TILE * (double)near->count * n,
                                 otx__rope_scores_body, task, error);
        if (!result)
            result = otx__watch_loop(&watch, near->count,
                                     (double)near->donor.rows + 100.0 * n, otx__rope_step_body,
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
    if (!result) {
        task.residuals = (double *)otx__pool_take(&near.pool, near.room,
                                                  near.columns * sizeof(double));
        if (!task.residuals) result = otx__pool_fail(&near.pool, error);
    }
    if (!result)
        result = otx__rope_open(&task.donor, near.columns, options->donor_heads,
                                options->donor_rope, "donor", &near.pool, error);
    for (near.first = 0; near.first < fitted->targets && !result; near.first += near.count) {
        near.count = otx__min(near.room, fitted->targets - near.first);
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

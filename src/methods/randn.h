/* ---- randn: each column by its own mean and deviation ------------------------------ */

typedef struct otx__randn {
    const otx_fitted *fitted;
    const otx_matrix *tokens;
    uint64_t seed;
    size_t first;
    double *to;
} otx__randn;

/* 32 columns' standard deviations over the tokens, added up in their order. */
OTX__PRIVATE void otx__randn_spread_body(void *argument, size_t tile, int worker)
{
    const otx__randn *task = (const otx__randn *)argument;
    const otx__linear *linear = task->fitted->linear;
    const otx_matrix *tokens = task->tokens;
    size_t first = tile * OTX__TILE, count = otx__min(OTX__TILE, tokens->columns - first), i, j;
    double sums[OTX__TILE] = {0};
    float part[OTX__TILE];
    (void)worker;
    for (i = 0; i < tokens->rows; i++) {
        otx_to_float(part, otx__affine_at(tokens, i, first), tokens->dtype, count);
        for (j = 0; j < count; j++) {
            double off = (double)part[j] - linear->to[first + j];
            double square = off * off;
            sums[j] += square;
        }
    }
    for (j = 0; j < count; j++)
        linear->divide[first + j] = sqrt(sums[j] / (double)tokens->rows);
}

/* Keeps the means as `to` and the deviations as `divide`. */
OTX__PRIVATE otx_result otx__randn_fit(const otx_context *ctx, const otx_method_rows *rows,
                                       const otx_method_options *options, otx_fitted *fitted,
                                       otx_error *error)
{
    size_t e = rows->tokens.columns;
    otx__randn task;
    otx__mill mill;
    otx_result result = otx__mill_open(&mill, ctx, options->omp.memory, error);
    if (!result) result = otx__linear_open(&mill, fitted, 0, e, error);
    if (result) return result;
    if (16.0 * (double)e > otx__budget(mill.memory))
        return otx__fail_budget("the deviation of each column", 16.0 * (double)e, mill.memory,
                                error);
    fitted->linear->divide = (double *)otx__pool_take(&fitted->linear->pool, e, sizeof(double));
    if (!fitted->linear->divide) return otx__pool_fail(&fitted->linear->pool, error);
    result = otx__rows_mean(&mill, &rows->tokens, "tokens", fitted->linear->to, error);
    task.fitted = fitted;
    task.tokens = &rows->tokens;
    if (!result)
        result = otx__mill_loop(&mill, otx__tiles(e), 4.0 * OTX__TILE * (double)rows->tokens.rows,
                                otx__randn_spread_body, &task, error);
    return result;
}

OTX__PRIVATE void otx__randn_body(void *argument, size_t index, int worker)
{
    const otx__randn *task = (const otx__randn *)argument;
    const otx__linear *linear = task->fitted->linear;
    size_t columns = linear->map.columns, i;
    double *row = task->to + index * columns;
    double two[2] = {0.0, 0.0};
    (void)worker;
    for (i = 0; i < columns; i++) {
        double part;
        if (i % 2 == 0)
            otx__deviates(task->seed, task->first + index, i / 2, two);
        part = linear->divide[i] * two[i % 2];
        row[i] = linear->to[i] + part;
    }
}

OTX__PRIVATE otx_result otx__randn_make(const otx_context *ctx, const otx_fitted *fitted,
                                        const otx_method_rows *rows, size_t first, size_t count,
                                        double *to, otx_error *error)
{
    otx__watch watch = otx__watch_open(ctx, OTX_STAGE_SOLVE, first, fitted->targets);
    otx__randn task;
    memset(&task, 0, sizeof task);
    task.fitted = fitted;
    task.seed = otx__seed_for(&fitted->options, rows->head);
    task.first = first;
    task.to = to;
    return otx__watch_loop(&watch, count, 100.0 * (double)fitted->linear->map.columns,
                           otx__randn_body, &task, error);
}

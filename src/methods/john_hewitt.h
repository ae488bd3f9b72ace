/* ---- john_hewitt: by the mean and the covariance of all ------------------------------ */

/* mean + L z with L L' the covariance, sums divided by the number of tokens, z normal
   deviates. A column that depends on those before it (fewer tokens than columns, say) has no
   deviate of its own: L is the factor of a covariance without full rank, and nothing has to
   be added to it. */

/* Makes L' of the factor: strips of the map are its rows of tiles. */
OTX__PRIVATE void otx__john_hewitt_turn_body(void *argument, size_t strip, int worker)
{
    const otx__factoring *f = (const otx__factoring *)argument;
    size_t y, i, p;
    (void)worker;
    for (y = 0; y <= strip; y++)
        memcpy(otx__dense_tile(f->products, y, strip), otx__tile_at(f->normal.factor, strip, y),
               OTX__TILE_SIZE * sizeof(double));
    for (p = 0; p < OTX__TILE; p++) /* above the diagonal stand numbers of no use */
        for (i = 0; i < p; i++)
            otx__dense_tile(f->products, strip, strip)[p * OTX__TILE + i] = 0.0;
}

/* Turns the products of the tokens' columns, which the map holds, into L'. */
OTX__PRIVATE otx_result otx__john_hewitt_factor(otx__mill *mill, const otx__dense *map,
                                                size_t tokens, otx_error *error)
{
    otx__factoring f;
    otx_result result = otx__dense_factor(mill, map, 1.0 / (double)tokens, &f, error);
    if (result) return result;
    return otx__mill_loop(mill, map->wide, (double)map->wide * (double)OTX__TILE_SIZE,
                          otx__john_hewitt_turn_body, &f, error);
}

OTX__PRIVATE otx_result otx__john_hewitt_fit(const otx_context *ctx,
                                             const otx_method_rows *rows,
                                             const otx_method_options *options,
                                             otx_fitted *fitted, otx_error *error)
{
    size_t e = rows->tokens.columns;
    double need = 1.5 * otx__dense_need(e, e) + 2.0 * otx__dense_need(OTX__DENSE_ROWS, e);
    otx__dense_read left, right;
    otx__mill mill;
    otx_result result = otx__mill_open(&mill, ctx, options->omp.memory, error);
    if (result) return result;
    if (need > otx__budget(mill.memory))
        return otx__fail_budget("the covariance of the base's rows", need, mill.memory, error);
    result = otx__linear_open(&mill, fitted, e, e, error);
    if (result) return result;
    otx__dense_read_open(&mill, &left, &rows->tokens);
    otx__dense_read_open(&mill, &right, &rows->tokens);
    left.less = right.less = fitted->linear->to;
    if (mill.pool.failed) result = otx__pool_fail(&mill.pool, error);
    if (!result)
        result = otx__rows_mean(&mill, &rows->tokens, "tokens", fitted->linear->to, error);
    if (!result)
        result = otx__dense_cross(&mill, &fitted->linear->map, &left, &right, OTX__DENSE_UPPER,
                                  error);
    if (!result)
        result = otx__john_hewitt_factor(&mill, &fitted->linear->map, rows->tokens.rows, error);
    otx__pool_close(&mill.pool);
    return result;
}

OTX__PRIVATE void otx__john_hewitt_read_body(void *argument, size_t index, int worker)
{
    const otx__linear_task *task = (const otx__linear_task *)argument;
    size_t columns = task->linear->map.rows, i;
    double *row = task->rows + index * task->pitch, two[2] = {0.0, 0.0};
    (void)worker;
    for (i = 0; i < task->pitch; i++) {
        if (i % 2 == 0) otx__deviates(task->seed, task->first + index, i / 2, two);
        row[i] = i < columns ? -two[i % 2] : 0.0; /* products are taken off */
    }
}

OTX__PRIVATE otx_result otx__john_hewitt_make(const otx_context *ctx, const otx_fitted *fitted,
                                              const otx_method_rows *rows, size_t first,
                                              size_t count, double *to, otx_error *error)
{
    return otx__linear_run(ctx, fitted, NULL, otx__john_hewitt_read_body,
                           otx__seed_for(&fitted->options, rows->head), first, count, to, error);
}

/* ---- undertrained: rows that look as if nothing had trained them -------------------------- */

/* After Land and Bartolo, Fishing for Magikarp, 2024 (arXiv 2405.05417), with the thresholds of
   mergekit's --magikarp, by what that gives (tests/golden). */
#define OTX__UNDERTRAINED_PART 0.01  /* of all rows, at either threshold */
#define OTX__UNDERTRAINED_COSINE 0.5 /* that with the mean of unused rows must be above this */

typedef struct otx__undertraining {
    const otx_matrix *matrix;
    const double *mean; /* of unused rows */
    double *rows;       /* [worker][columns] */
    double *cosines;    /* [rows] */
} otx__undertraining;

OTX__PRIVATE void otx__undertraining_body(void *argument, size_t index, int worker)
{
    const otx__undertraining *task = (const otx__undertraining *)argument;
    size_t columns = task->matrix->columns, i;
    double *row = task->rows + (size_t)worker * columns, along = 0.0, square = 0.0, whole = 0.0;
    otx__row_read(task->matrix, index, row);
    for (i = 0; i < columns; i++) {
        double parts[3];
        parts[0] = row[i] * task->mean[i];
        parts[1] = row[i] * row[i];
        parts[2] = task->mean[i] * task->mean[i];
        along += parts[0];
        square += parts[1];
        whole += parts[2];
    }
    task->cosines[index] = otx__ratio(along, sqrt(square) * sqrt(whole));
}

/* The value at a part of the order of all, between two of them in proportion. */
OTX__PRIVATE double otx__quantile(const double *sorted, size_t count, double part)
{
    double at = part * (double)(count - 1), low = floor(at);
    size_t i = (size_t)low, next = otx__min(i + 1, count - 1);
    return sorted[i] + (at - low) * (sorted[next] - sorted[i]);
}

/* Marks the rows below the threshold of the norms, or above that of the cosines. A value that
   is no number is neither, and counts as 0 in the order. */
OTX__PRIVATE void otx__undertrained_mark(const double *values, double *sorted, size_t count,
                                         bool cosines, uint8_t *marks)
{
    double threshold;
    size_t i;
    for (i = 0; i < count; i++) sorted[i] = otx__is_finite(values[i]) ? values[i] : 0.0;
    otx__sort(sorted, count, sizeof *sorted, otx__compare_norms);
    threshold = otx__quantile(sorted, count,
                              cosines ? 1.0 - OTX__UNDERTRAINED_PART : OTX__UNDERTRAINED_PART);
    if (cosines && threshold < OTX__UNDERTRAINED_COSINE) threshold = OTX__UNDERTRAINED_COSINE;
    for (i = 0; i < count; i++)
        if (otx__is_finite(values[i]) &&
            (cosines ? values[i] > threshold : values[i] < threshold))
            marks[i] = 1;
}

/* The cosines of all rows with the mean of some. */
OTX__PRIVATE otx_result otx__undertrained_cosines(const otx_context *ctx,
                                                  const otx_matrix *matrix,
                                                  const otx_matrix *unused, otx__pool *pool,
                                                  double *cosines, otx_error *error)
{
    otx__watch watch = otx__watch_open(ctx, OTX_STAGE_SOLVE, 0, matrix->rows);
    double *mean = (double *)otx__pool_take(pool, matrix->columns, sizeof *mean);
    otx__undertraining task;
    otx_result result;
    task.matrix = matrix;
    task.mean = mean;
    task.cosines = cosines;
    task.rows = (double *)otx__pool_take(pool, (size_t)otx__threads(ctx),
                                         matrix->columns * sizeof(double));
    if (pool->failed) return otx__pool_fail(pool, error);
    result = otx__matrix_mean(ctx, unused, mean, error);
    if (result) return result;
    return otx__watch_loop(&watch, matrix->rows, 6.0 * (double)matrix->columns,
                           otx__undertraining_body, &task, error);
}

OTX_API otx_result otx_mark_undertrained(const otx_context *ctx, const otx_matrix *matrix,
                                         const uint8_t *unused, bool norms, uint8_t *marks,
                                         otx_error *error)
{
    otx_matrix spare = *matrix;
    size_t rows = matrix->rows, count = 0, i;
    uint32_t *index;
    double *values, *sorted;
    otx__pool pool;
    otx_result result = otx__check_matrix(matrix, "matrix", error);
    if (result) return result;
    otx__pool_open(&pool, ctx);
    index = (uint32_t *)otx__pool_take(&pool, rows, sizeof *index);
    values = (double *)otx__pool_take(&pool, rows, sizeof *values);
    sorted = (double *)otx__pool_take(&pool, rows, sizeof *sorted);
    if (pool.failed) result = otx__pool_fail(&pool, error);
    for (i = 0; i < rows && !result; i++) {
        if (!unused[i]) continue;
        marks[i] = 1;
        if (!otx__matrix_row_is_finite(matrix, i)) continue;
        index[count++] = matrix->index ? matrix->index[i] : (uint32_t)i;
    }
    spare.index = index;
    spare.rows = count;
    if (!result && norms) {
        result = otx__matrix_norms(ctx, matrix, values, error);
        if (!result) otx__undertrained_mark(values, sorted, rows, false, marks);
    }
    if (!result && count) {
        result = otx__undertrained_cosines(ctx, matrix, &spare, &pool, values, error);
        if (!result) otx__undertrained_mark(values, sorted, rows, true, marks);
    }
    otx__pool_close(&pool);
    return result;
}

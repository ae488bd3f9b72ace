/* ---- modifiers: what is done to the rows of any method --------------------------------- */

/* In this order: norm, scale, noise, clipping. Norms are measured by those of the anchors' rows
   in the base. */

OTX_API const char *otx_row_norm_name(otx_row_norm norm)
{
    static const char *const names[OTX_NORM_COUNT] = {"none", "anchors", "fitted"};
    return (unsigned)norm < OTX_NORM_COUNT ? names[norm] : NULL;
}

OTX__PRIVATE otx_result otx__modifiers_check(const otx_method_options *options, otx_error *error)
{
    if ((unsigned)options->norm >= OTX_NORM_COUNT)
        return otx__fail(error, OTX_ERROR_ARGUMENT, "norm %d is unknown; known are none, "
                         "anchors and fitted", (int)options->norm);
    if (!(options->clip_norms >= 0.0 && options->clip_norms <= 1.0))
        return otx__fail(error, OTX_ERROR_ARGUMENT, "norms are clipped at a quantile from 0 to "
                         "1");
    if (!(options->noise >= 0.0 && options->noise <= DBL_MAX) ||
        !otx__is_finite(options->scale))
        return otx__fail(error, OTX_ERROR_ARGUMENT, "noise must be a deviation of 0 or more, "
                         "and scale a number");
    return OTX_OK;
}

/* Whether they can be of a method's rows. */
OTX__PRIVATE otx_result otx__modifiers_fit(const otx_method_options *options, const char *name,
                                           unsigned needs, otx_error *error)
{
    if (options->norm != OTX_NORM_FITTED || needs & OTX_NEED_DONOR) return OTX_OK;
    return otx__fail(error, OTX_ERROR_ARGUMENT, "the norm is fitted on rows that are made of "
                     "shared tokens as if they were new, from the donor's: %s makes none so; "
                     "norms can be none or anchors there", name);
}

/* Whether they change any row. */
OTX__PRIVATE bool otx__modifies(const otx_method_options *options)
{
    return options->norm != OTX_NORM_NONE || options->scale != 0.0 || options->noise > 0.0 ||
           options->clip_norms > 0.0;
}

OTX__PRIVATE int otx__compare_norms(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return x < y ? -1 : x > y;
}

typedef struct otx__modifying {
    const otx_method_options *options;
    uint64_t seed;          /* of noise */
    size_t first, columns;
    double median, longest; /* of the anchors; 0: not wanted */
    double *mean, factor;   /* that differences from the mean are multiplied by; or NULL */
    double *to;
} otx__modifying;

OTX__PRIVATE double otx__modified_norm(const double *row, size_t columns)
{
    double sum = 0.0;
    size_t i;
    for (i = 0; i < columns; i++) {
        double square = row[i] * row[i];
        sum += square;
    }
    return sqrt(sum);
}

OTX__PRIVATE void otx__modifying_body(void *argument, size_t index, int worker)
{
    const otx__modifying *task = (const otx__modifying *)argument;
    const otx_method_options *options = task->options;
    size_t columns = task->columns, i;
    double *row = task->to + index * columns, norm = 0.0, factor = 1.0, two[2] = {0.0, 0.0};
    (void)worker;
    for (i = 0; i < columns && task->mean; i++) {
        double apart = task->factor * (row[i] - task->mean[i]);
        row[i] = task->mean[i] + apart;
    }
    if (options->norm == OTX_NORM_ANCHORS) norm = otx__modified_norm(row, columns);
    if (norm > 0.0) factor = task->median / norm;
    if (options->scale != 0.0) factor *= options->scale;
    for (i = 0; i < columns && factor != 1.0; i++) row[i] *= factor;
    for (i = 0; i < columns && options->noise > 0.0; i++) {
        double part;
        if (i % 2 == 0) otx__deviates(task->seed, task->first + index, i / 2, two);
        part = options->noise * two[i % 2];
        row[i] += part;
    }
    if (options->clip_norms <= 0.0) return;
    norm = otx__modified_norm(row, columns);
    for (i = 0; i < columns && norm > task->longest; i++) row[i] *= task->longest / norm;
}

/* The anchors' norm at a part of their order: the median at 0.5. */
OTX__PRIVATE double otx__norm_at(const double *norms, size_t count, double part)
{
    return norms[(size_t)(part * (double)(count - 1) + 0.5)];
}

/* Modifies rows that were made, as the method's options say. */
OTX__PRIVATE otx_result otx__modify(const otx_context *ctx, const otx_fitted *fitted,
                                    const otx_method_rows *rows, size_t first, size_t count,
                                    double *to, otx_error *error)
{
    const otx_method_options *options = &fitted->options;
    bool by_anchors = options->norm != OTX_NORM_NONE || options->clip_norms > 0.0;
    bool apart = options->norm == OTX_NORM_FITTED;
    otx__watch watch = otx__watch_open(ctx, OTX_STAGE_SOLVE, first, fitted->targets);
    size_t anchors = rows->base.rows;
    double *norms = NULL;
    otx__modifying task;
    otx_result result = OTX_OK;
    if (!otx__modifies(options)) return OTX_OK;
    memset(&task, 0, sizeof task);
    task.options = options;
    task.seed = ~otx__seed_for(options, rows->head);
    task.first = first;
    task.columns = rows->base.columns ? rows->base.columns : rows->tokens.columns;
    task.to = to;
    if (by_anchors) {
        result = otx__check_matrix(&rows->base, "base", error);
        if (result) return result;
        norms = (double *)otx__alloc(ctx, anchors, sizeof *norms);
        if (norms && apart) task.mean = (double *)otx__alloc(ctx, task.columns, sizeof(double));
        if (!norms || (apart && !task.mean)) {
            otx__free(ctx, norms, anchors, sizeof *norms);
            return otx__fail_memory(error, (uint64_t)(anchors + task.columns) * sizeof *norms);
        }
        if (apart)
            result = otx__spread_factor(ctx, fitted->spread, rows, task.mean, &task.factor, error);
        if (!result) result = otx__matrix_norms(ctx, &rows->base, norms, error);
        otx__sort(norms, result ? 0 : anchors, sizeof *norms, otx__compare_norms);
        if (!result) task.median = otx__norm_at(norms, anchors, 0.5);
        if (!result) task.longest = otx__norm_at(norms, anchors, options->clip_norms);
    }
    if (!result)
        result = otx__watch_loop(&watch, count, 8.0 * (double)task.columns, otx__modifying_body,
                                 &task, error);
    otx__free(ctx, task.mean, task.columns, sizeof *task.mean);
    otx__free(ctx, norms, anchors, sizeof *norms);
    return result;
}

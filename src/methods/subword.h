/* ---- subword: the rows of the pieces that the base cuts a token into ------------------- */

/* After FVT (Gee et al. 2022) and its kin: mean and sum; weighted_mean and first_last are
   mergekit's, whose weighted_mean has the weights the wrong way round; last is what
   transplant-vocab does (https://github.com/jukofyork/transplant-vocab). */

OTX_API const char *otx_subword_name(otx_subword subword)
{
    static const char *const names[OTX_SUBWORD_COUNT] = {"mean",       "sum",  "weighted_mean",
                                                         "first_last", "last", "length"};
    return (unsigned)subword < OTX_SUBWORD_COUNT ? names[subword] : NULL;
}

/* The weight of piece i of n. What a model reads, it knows of the last piece; what it writes,
   it begins with the first. */
OTX__PRIVATE double otx__subword_weight(otx_subword how, bool head, size_t i, size_t n,
                                        uint32_t bytes)
{
    const bool leads = i == (head ? 0 : n - 1);
    switch (how) {
    case OTX_SUBWORD_WEIGHTED_MEAN: return (double)(head ? n - i : i + 1);
    case OTX_SUBWORD_FIRST_LAST: return leads ? 1.0 : 0.0;
    case OTX_SUBWORD_LAST: return !head ? (leads ? 1.0 : 0.0) : i < 60 ? ldexp(1.0, -(int)i) : 0.0;
    case OTX_SUBWORD_LENGTH: return (double)bytes;
    default: return 1.0;
    }
}

typedef struct otx__subwords {
    const otx_method_rows *rows;
    otx_subword how;
    const double *mean; /* of the tokens' rows, or NULL where every target has pieces */
    size_t first;
    double *to;
} otx__subwords;

OTX__PRIVATE void otx__subwords_body(void *argument, size_t index, int worker)
{
    const otx__subwords *task = (const otx__subwords *)argument;
    const otx_matrix *tokens = &task->rows->tokens;
    const otx_pieces *pieces = &task->rows->pieces;
    size_t start = pieces->starts[task->first + index], i;
    size_t n = pieces->starts[task->first + index + 1] - start;
    const uint32_t *sizes = pieces->sizes + start;
    double *row = task->to + index * tokens->columns, sum = 0.0;
    (void)worker;
    if (n == 0) {
        memcpy(row, task->mean, tokens->columns * sizeof *row);
        return;
    }
    for (i = 0; i < n; i++)
        sum += otx__subword_weight(task->how, task->rows->head, i, n, sizes[i]);
    if (task->how == OTX_SUBWORD_SUM || !(sum > 0.0)) sum = 1.0;
    for (i = 0; i < tokens->columns; i++) row[i] = 0.0;
    for (i = 0; i < n; i++) {
        size_t at = pieces->rows[start + i];
        double share = otx__subword_weight(task->how, task->rows->head, i, n, sizes[i]) / sum;
        otx__row from;
        from.data = otx__affine_at(tokens, at, 0);
        from.bf16 = tokens->dtype == OTX_BF16;
        share = -share;
        otx__combine_slowly(row, tokens->dtype, &share, &from, 1, tokens->columns);
    }
}

/* Whether all pieces are tokens. */
OTX__PRIVATE otx_result otx__subword_check(const otx_fitted *fitted, const otx_method_rows *rows,
                                           otx_error *error)
{
    otx_result result = otx__check_matrix(&rows->tokens, "tokens", error);
    if (result) return result;
    if ((unsigned)fitted->options.subword >= OTX_SUBWORD_COUNT)
        return otx__fail(error, OTX_ERROR_ARGUMENT, "subword %d is unknown",
                         (int)fitted->options.subword);
    return otx__pieces_check(&rows->pieces, fitted->targets, rows->tokens.rows, "target", error);
}

OTX__PRIVATE otx_result otx__subword_make(const otx_context *ctx, const otx_fitted *fitted,
                                          const otx_method_rows *rows, size_t first,
                                          size_t count, double *to, otx_error *error)
{
    otx__watch watch = otx__watch_open(ctx, OTX_STAGE_SOLVE, first, fitted->targets);
    size_t columns = rows->tokens.columns, i;
    double *mean = NULL;
    otx__subwords task;
    otx_result result = otx__subword_check(fitted, rows, error);
    for (i = first; i < first + count && !result && !mean; i++) {
        if (rows->pieces.starts[i] < rows->pieces.starts[i + 1]) continue;
        mean = (double *)otx__alloc(ctx, columns, sizeof *mean);
        if (!mean) return otx__fail_memory(error, (uint64_t)columns * sizeof *mean);
        result = otx__matrix_mean(ctx, &rows->tokens, mean, error);
    }
    memset(&task, 0, sizeof task);
    task.rows = rows;
    task.how = fitted->options.subword;
    task.mean = mean;
    task.first = first;
    task.to = to;
    if (!result)
        result = otx__watch_loop(&watch, count, 8.0 * (double)columns, otx__subwords_body, &task,
                                 error);
    otx__free(ctx, mean, columns, sizeof *mean);
    return result;
}

/* ---- combined: a map by the combinations that a method makes -------------------------- */

/* Whether a method's rows are combinations of shared tokens' rows and nothing else. */
OTX__PRIVATE bool otx__method_combines(otx_method method)
{
    return method == OTX_METHOD_OMP || method == OTX_METHOD_OMP_CENTRED ||
           method == OTX_METHOD_COMMON_INTERPOLATION || method == OTX_METHOD_WECHSEL ||
           method == OTX_METHOD_HULL;
}

/* The solution for the head that the base writes with, or for its embedding. */
OTX__PRIVATE otx__solution *otx__combined_solution(otx_job *job, bool input)
{
    size_t found = OTX__NONE, i;
    for (i = 0; i < job->base.parts.count; i++) {
        const otx__vocab_tensor *tensor = &job->base.parts.tensors[i];
        const size_t solution = job->plans[i].solution;
        if (solution == OTX__NONE) continue;
        if (tensor->at == job->base.parts.embedding && found == OTX__NONE) found = solution;
        if (tensor->at == job->base.parts.head && !input) found = solution;
    }
    return found == OTX__NONE ? &job->solutions[0] : &job->solutions[found];
}

/* The row of the target at a place. */
OTX__PRIVATE otx_result otx__combined_row(const otx_job *job, const otx_fitted *fitted,
                                          size_t target, otx__map_rows *to, otx_error *error)
{
    const int32_t *indices = fitted->indices + target * fitted->k;
    const double *coefficients = fitted->coefficients + target * fitted->k;
    otx_result result = OTX_OK;
    size_t i;
    for (i = 0; i < fitted->k && indices[i] >= 0 && !result; i++)
        result = otx__map_put(to, job->anchor_bases[indices[i]], coefficients[i], error);
    return result ? result : otx__map_end_row(to, OTX_COUNTERPART_COMBINED, error);
}

OTX__PRIVATE otx_result otx__combined_rows(const otx_job *job, const otx_fitted *fitted,
                                           otx__map_rows *to, otx_error *error)
{
    const otx_vocab *donor = &job->donor.vocab;
    otx_result result = OTX_OK;
    size_t target = 0, i;
    for (i = 0; i < donor->count && !result; i++) {
        const otx_alignment_row *row = &job->alignment.rows[i];
        if (otx__map_aligned(to, row, &donor->tokens[i], &result, error)) continue;
        while (target < job->target_count && job->targets[target] < i) target++;
        result = otx__combined_row(job, fitted, target, to, error);
    }
    return result;
}

/* The job of `from`'s tokens in `to`, as far as it is wanted here. */
OTX__PRIVATE otx_result otx__combined_open(const otx_context *ctx, const char *from,
                                           const char *to, const otx_job_options *options,
                                           otx_job **job, otx_error *error)
{
    otx_job_options wanted;
    memset(&wanted, 0, sizeof wanted);
    *job = NULL;
    wanted.method = options->method;
    wanted.how.omp = options->how.omp;
    wanted.how.weights = options->how.weights;
    wanted.how.solve = options->how.solve;
    wanted.how.solve_context = options->how.solve_context;
    wanted.rows = OTX_ROWS_MULTIPLE; /* one for each of the tokenizer's ids, no more */
    wanted.rows_multiple = 1;
    if (!otx__method_combines(wanted.method))
        return otx__fail(error, OTX_ERROR_UNSUPPORTED, "%s makes rows that are no combinations "
                         "of a few tokens; those of omp, omp-centred, common_interpolation, "
                         "wechsel and hull are, and subword maps tokens to their pieces",
                         otx__word(otx_method_name(wanted.method)));
    return otx__job_open_rows(ctx, to, from, &wanted, job, error);
}

OTX_API otx_result otx_token_map_fit(const otx_context *ctx, const char *from, const char *to,
                                     const otx_job_options *options, bool input,
                                     otx_token_map *out, otx_error *error)
{
    otx__solution *solution;
    otx__map_rows rows;
    otx_job *job;
    otx_result result;
    memset(out, 0, sizeof *out);
    result = otx__combined_open(ctx, from, to, options, &job, error);
    if (result) return result;
    solution = otx__combined_solution(job, input);
    if (job->target_count) result = otx__solution_make(job, solution, error);
    if (!result) {
        result = otx__map_rows_open(ctx, job->donor.vocab.count, job->base.vocab.count, out,
                                    &rows, error);
        if (!result) result = otx__combined_rows(job, &solution->fitted, &rows, error);
        otx__map_rows_close(&rows);
    }
    otx_job_close(job);
    if (result) otx_token_map_close(ctx, out);
    return result;
}

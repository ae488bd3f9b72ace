/* ---- diagnose: what is odd about the rows that were made ------------------------------- */

/* Looks at rows as they will be written, beside the anchors' rows of the same matrix. That is
   hygiene, not a defence: a donor that is made for it can hide what its rows do (arXiv
   2601.00065). */

/* A row is long beyond so many times the norm that 99 of 100 anchors stay below, and short
   below one part in so many of what 99 of 100 exceed. */
#define OTX__ODD_NORM 1.5

OTX__PRIVATE int otx__double_compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return x < y ? -1 : x > y;
}

/* How the anchors' norms lie: those that 1, 50 and 99 of 100 do not exceed; 0 where a method
   that needs none has none. */
OTX__PRIVATE otx_result otx__diagnose_anchors(const otx_job *job, const otx_matrix *anchors,
                                              double quantiles[3], otx_error *error)
{
    const otx_context ctx = otx__job_uncounted(job);
    size_t count = anchors->rows;
    double *norms;
    otx_result result;
    if (count == 0) return OTX_OK;
    norms = (double *)otx__alloc(&job->ctx, count, sizeof *norms);
    if (!norms) return otx__fail_memory(error, (uint64_t)count * sizeof *norms);
    result = otx__matrix_norms(&ctx, anchors, norms, error);
    otx__sort(norms, count, sizeof *norms, otx__double_compare);
    quantiles[0] = norms[count / 100];
    quantiles[1] = norms[count / 2];
    quantiles[2] = norms[count - 1 - count / 100];
    otx__free(&job->ctx, norms, count, sizeof *norms);
    return result;
}

/* The base's token whose row is most alike, by one step of a pursuit over all of them. */
OTX__PRIVATE otx_result otx__diagnose_nearest(const otx__rebuild *r, const otx_matrix *made,
                                              otx__diagnosis *d, otx_error *error)
{
    const otx_job *job = r->job;
    otx_context ctx = otx__job_uncounted(job);
    size_t rows = otx__min(r->old.rows, job->base.vocab.count), count = 0, i;
    uint32_t *tokens = (uint32_t *)otx__alloc(&job->ctx, rows, sizeof *tokens);
    double *norms = (double *)otx__alloc(&job->ctx, rows, sizeof *norms);
    otx_omp_options omp;
    otx_omp_output output;
    otx_matrix all;
    otx_result result;
    if (!tokens || !norms) {
        otx__free(&job->ctx, tokens, rows, sizeof *tokens);
        otx__free(&job->ctx, norms, rows, sizeof *norms);
        return otx__fail_memory(error, (uint64_t)rows * (sizeof *tokens + sizeof *norms));
    }
    for (i = 0; i < rows; i++)
        if (r->flags[i]) tokens[count++] = (uint32_t)i;
    all = otx__loaded_rows(&r->old, tokens, count);
    memset(&omp, 0, sizeof omp);
    memset(&output, 0, sizeof output);
    omp.k = 1;
    omp.cosine = true;
    omp.memory = job->options.how.omp.memory;
    output.indices = d->nearest;
    output.coefficients = d->cosines;
    ctx.log = NULL;
    result = otx_omp(&ctx, &all, made, &omp, &output, NULL, error);
    if (!result) result = otx__matrix_norms(&ctx, &all, norms, error);
    for (i = 0; i < made->rows && !result; i++) {
        if (d->nearest[i] < 0) continue;
        d->cosines[i] *= otx__ratio(norms[d->nearest[i]], d->norms[i]);
        d->nearest[i] = (int32_t)tokens[d->nearest[i]];
    }
    otx__free(&job->ctx, norms, rows, sizeof *norms);
    otx__free(&job->ctx, tokens, rows, sizeof *tokens);
    return result;
}

/* Counts the rows whose norms are odd, and says which is the worst and what may be done. */
OTX__PRIVATE void otx__diagnose_norms(const otx__rebuild *r, const otx__diagnosis *d,
                                      otx_job_matrix *matrix)
{
    const otx_job *job = r->job;
    const double most = OTX__ODD_NORM * matrix->anchor_norms[2];
    const double least = matrix->anchor_norms[0] / OTX__ODD_NORM;
    char content[OTX__QUOTED];
    size_t i;
    for (i = 0; i < job->target_count; i++) {
        if (d->norms[i] > matrix->longest_norm) {
            matrix->longest_norm = d->norms[i];
            matrix->longest = job->targets[i];
        }
        if (job->anchor_count == 0) continue; /* there is nothing to hold them to */
        matrix->long_rows += d->norms[i] > most;
        matrix->short_rows += d->norms[i] < least;
    }
    if (!matrix->long_rows) return;
    otx__log(&job->ctx, OTX_WARNING, "%s: %" PRIu64 " new rows of \"%s\" are more than %.1f times "
             "as long as 99 of 100 shared tokens' are; the longest, %.1f times, is id %" PRIu64
             " (\"%s\"). In a head such a row may win where it is not due: another -a or a lower "
             "-k makes shorter ones%s", job->base.path, matrix->long_rows,
             matrix->name, OTX__ODD_NORM, otx__ratio(matrix->longest_norm,
             matrix->anchor_norms[2]), matrix->longest,
             otx__side_content(content, &job->donor, matrix->longest),
             job->lends ? "" : ", --map copies one");
}

/* Looks at the rows that were made for a matrix, while the base's are still there. */
OTX__PRIVATE otx_result otx__diagnose(otx__rebuild *r, otx_error *error)
{
    otx_job *job = r->job;
    const size_t which = (size_t)(r->tensor - job->base.parts.tensors);
    otx_job_matrix *matrix = &job->summary.matrices[job->plans[which].matrix];
    otx__diagnosis *d = &job->diagnoses[job->plans[which].matrix];
    const otx_context ctx = otx__job_uncounted(job);
    otx_matrix anchors = otx__loaded_rows(&r->old, job->anchor_bases, job->anchor_count);
    otx_matrix made = otx__loaded_rows(&r->made, r->places ? r->places : job->targets,
                                       job->target_count);
    size_t targets = job->target_count, i;
    otx_result result;
    if (d->norms) return OTX_OK; /* a draft's head has the embedding's rows once more */
    if (!otx__diagnosis_take(job, d)) return otx__fail_memory(error, (uint64_t)targets * 20);
    result = otx__diagnose_anchors(job, &anchors, matrix->anchor_norms, error);
    if (!result) result = otx__matrix_norms(&ctx, &made, d->norms, error);
    if (result) return result;
    otx__diagnose_norms(r, d, matrix);
    if (!d->nearest) return OTX_OK;
    for (i = 0; i < r->old.rows; i++) r->flags[i] = otx__base_row_is_token(job, i);
    return otx__diagnose_nearest(r, &made, d, error);
}

/* ---- solving for the rows of the donor ---------------------------------- */

/* ||residual|| / ||target||, and 0 for a target of zeros. */
OTX__PRIVATE double otx__solution_residual(const otx__solution *solution, size_t target)
{
    double norm = solution->fitted.target_norms[target];
    return norm > 0 ? solution->fitted.residual_norms[target] / norm : 0;
}

OTX__PRIVATE void otx__solution_summarize(const otx_job *job, otx__solution *solution)
{
    double sum = 0;
    size_t i;
    if (!solution->fitted.residual_norms) return;
    for (i = 0; i < job->target_count; i++) {
        double residual = otx__solution_residual(solution, i);
        sum += residual;
        if (residual > solution->max_residual) solution->max_residual = residual;
    }
    solution->mean_residual = sum / (double)job->target_count;
}

/* Which of the donor's rows are atoms or targets. */
OTX__PRIVATE uint8_t *otx__solution_needs(const otx_job *job, size_t rows)
{
    uint8_t *needed = (uint8_t *)otx__alloc_zero(&job->ctx, rows, 1);
    size_t i;
    if (!needed) return NULL;
    for (i = 0; i < job->anchor_count; i++) needed[job->anchor_donors[i]] = 1;
    for (i = 0; i < job->target_count; i++) needed[job->targets[i]] = 1;
    return needed;
}

/* How many rows of the donor's matrices there are to read. */
OTX__PRIVATE size_t otx__solution_rows(const otx_job *job)
{
    return otx__min((size_t)job->donor.parts.rows, job->donor.vocab.count);
}

/* Whether the rows of one matrix of the donor can be used. */
OTX__PRIVATE otx_result otx__solution_check(const otx_job *job, const otx__solution *solution,
                                            otx_error *error)
{
    size_t rows = otx__solution_rows(job);
    uint8_t *needed = otx__solution_needs(job, rows);
    otx__row_walk walk;
    otx_result result;
    if (!needed) return otx__fail_memory(error, rows);
    result = otx__row_walk_open(&job->ctx, &job->donor, solution->donor,
                                (size_t)solution->donor->tensor->shape[1], rows, NULL, &walk,
                                error);
    if (!result) result = otx__rows_check(job, &walk, needed, error);
    otx__row_walk_close(&walk);
    otx__free(&job->ctx, needed, rows, 1);
    return result;
}

/* Reads one matrix of the donor into the rows of a method. Close with otx__loaded_close in
   any case. */
OTX__PRIVATE otx_result otx__solution_read_donor(const otx_job *job,
                                                 const otx__solution *solution,
                                                 otx__loaded *donor, otx_method_rows *rows,
                                                 otx_error *error)
{
    size_t count = otx__solution_rows(job);
    uint8_t *needed = otx__solution_needs(job, count);
    otx_result result;
    memset(donor, 0, sizeof *donor);
    if (!needed) return otx__fail_memory(error, count);
    result = otx__loaded_open(job, &job->donor, solution->donor,
                              (size_t)solution->donor->tensor->shape[1], needed, count, donor,
                              error);
    otx__free(&job->ctx, needed, count, 1);
    rows->donor = otx__loaded_rows(donor, job->anchor_donors, job->anchor_count);
    rows->targets = otx__loaded_rows(donor, job->targets, job->target_count);
    return result;
}

/* Which of the base's rows a method looks at to be fitted: anchors and, listed in `tokens`, all
   that hold a token. */
OTX__PRIVATE size_t otx__solution_needs_base(const otx_job *job, unsigned needs, uint8_t *needed,
                                             size_t count, uint32_t *tokens)
{
    size_t held = 0, i;
    for (i = 0; i < job->anchor_count && needs & OTX_NEED_BASE; i++)
        needed[job->anchor_bases[i]] = 1;
    for (i = 0; i < count && needs & OTX_NEED_TOKENS; i++) {
        if (!otx__base_row_is_token(job, i)) continue;
        needed[i] = 1;
        tokens[held++] = (uint32_t)i;
    }
    if (!job->anchor_pieces.starts) return held;
    memcpy(tokens, job->pieces.tokens, job->pieces.token_count * sizeof *tokens);
    return job->pieces.token_count;
}

/* Reads those rows of one matrix of the base. Close it likewise; tokens has room for as many
   as the base has ids or rows, the fewer. */
OTX__PRIVATE otx_result otx__solution_read_base(const otx_job *job,
                                                const otx__solution *solution, size_t count,
                                                uint32_t *tokens, otx__loaded *base,
                                                otx_method_rows *rows, otx_error *error)
{
    uint8_t *needed = (uint8_t *)otx__alloc_zero(&job->ctx, count, 1);
    size_t held;
    otx_result result;
    if (!needed) return otx__fail_memory(error, count);
    held = otx__solution_needs_base(job, otx_method_needs(solution->method), needed, count,
                                    tokens);
    result = otx__loaded_open(job, &job->base, solution->base,
                              (size_t)solution->base->tensor->shape[1], needed, count, base,
                              error);
    otx__free(&job->ctx, needed, count, 1);
    rows->base = otx__loaded_rows(base, job->anchor_bases, job->anchor_count);
    rows->tokens = otx__loaded_rows(base, tokens, held);
    return result;
}

/* Reads what the method looks at, fits it, and lets that go. */
OTX__PRIVATE otx_result otx__solution_make(otx_job *job, otx__solution *solution,
                                           otx_error *error)
{
    double start = otx__now();
    size_t count = otx__min((size_t)job->base.parts.rows, job->base.vocab.count);
    uint32_t *tokens = NULL;
    otx_method_rows rows;
    otx__loaded donor, base;
    otx_result result = OTX_OK;
    memset(&rows, 0, sizeof rows);
    memset(&donor, 0, sizeof donor);
    memset(&base, 0, sizeof base);
    rows.targets.rows = job->target_count;
    rows.pieces = otx__pieces_for(&job->pieces, solution->method);
    rows.anchor_pieces = otx__pieces_for(&job->anchor_pieces, solution->method);
    if (solution->donor)
        result = otx__solution_read_donor(job, solution, &donor, &rows, error);
    if (!result && solution->base) {
        tokens = (uint32_t *)otx__alloc(&job->ctx, count, sizeof *tokens);
        result = tokens ? otx__solution_read_base(job, solution, count, tokens, &base, &rows,
                                                  error)
                        : otx__fail_array(error, count, sizeof *tokens);
    }
    if (!result)
        result = otx_method_fit(&job->ctx, solution->method, &rows, &job->options.how,
                                &solution->fitted, error);
    if (!result) otx__solution_summarize(job, solution);
    otx__loaded_close(job, &base);
    otx__loaded_close(job, &donor);
    otx__free(&job->ctx, tokens, count, sizeof *tokens);
    solution->seconds = otx__now() - start;
    return result;
}

/* Enters what came of a solution into the summary of a matrix. */
OTX__PRIVATE void otx__solution_report(otx__solution *solution, otx_job_matrix *matrix)
{
    const otx_fitted *fitted = &solution->fitted;
    matrix->k = fitted->k;
    matrix->mean_relative_residual = solution->mean_residual;
    matrix->max_relative_residual = solution->max_residual;
    matrix->omp = fitted->omp;
    matrix->choice = fitted->map.choice;
    matrix->hidden = fitted->map.hidden;
    matrix->pieces = fitted->pieces;
    matrix->other = fitted->other;
    matrix->affine = fitted->affine;
    matrix->seconds = solution->seconds;
    solution->seconds = 0; /* the first matrix that uses it bears the time */
}

/* Whether a solution's matrix of the donor is neither read at once nor by one before it. */
OTX__PRIVATE bool otx__solution_waits(const otx_job *job, size_t which)
{
    const otx_checkpoint_tensor *donor = job->solutions[which].donor;
    bool later = false;
    size_t i;
    for (i = 0; i < which; i++) {
        if (job->solutions[i].donor == donor) return false;
        later |= job->solutions[i].donor != NULL;
    }
    return donor && later;
}

/* Solves against every matrix of the donor that is needed. All but the first, which is read
   at once, are looked at before. */
OTX__PRIVATE otx_result otx__job_solve(otx_job *job, otx_error *error)
{
    otx_result result = OTX_OK;
    size_t i;
    if (!otx__job_has_fits(job)) return OTX_OK;
    result = otx__job_split(job, error);
    for (i = 0; i < job->solution_count && !result; i++)
        if (otx__solution_waits(job, i))
            result = otx__solution_check(job, &job->solutions[i], error);
    for (i = 0; i < job->solution_count && !result; i++) {
        const otx_fitted *fitted = &job->solutions[i].fitted;
        if (!otx__job_fits(job, job->solutions[i].method)) continue;
        result = otx__solution_make(job, &job->solutions[i], error);
        job->summary.isa = fitted->omp.isa;
        job->summary.threads = fitted->omp.threads;
    }
    for (i = 0; i < job->summary.matrix_count && !result; i++) {
        size_t solution = job->plans[job->matrix_tensors[i]].solution;
        otx__solution_report(&job->solutions[solution], &job->summary.matrices[i]);
    }
    return result;
}

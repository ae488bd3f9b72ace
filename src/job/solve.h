/* ---- solving for the rows of the donor ---------------------------------- */

OTX__PRIVATE otx_result otx__solution_alloc(const otx_job *job, otx__solution *solution,
                                            otx_error *error)
{
    const otx_context *ctx = &job->ctx;
    size_t targets = job->target_count, cells;
    if (!otx__mul(targets, solution->k, &cells)) return otx__fail_memory(error, UINT64_MAX);
    solution->indices = (int32_t *)otx__alloc(ctx, cells, sizeof *solution->indices);
    solution->coefficients = (double *)otx__alloc(ctx, cells, sizeof(double));
    solution->residual_norms = (double *)otx__alloc(ctx, targets, sizeof(double));
    solution->target_norms = (double *)otx__alloc(ctx, targets, sizeof(double));
    if (solution->indices && solution->coefficients && solution->residual_norms &&
        solution->target_norms)
        return OTX_OK;
    return otx__fail_memory(error, (uint64_t)cells * 12 + (uint64_t)targets * 16);
}

/* ||residual|| / ||target||, and 0 for a target of zeros. */
OTX__PRIVATE double otx__solution_residual(const otx__solution *solution, size_t target)
{
    double norm = solution->target_norms[target];
    return norm > 0 ? solution->residual_norms[target] / norm : 0;
}

OTX__PRIVATE void otx__solution_summarize(const otx_job *job, otx__solution *solution)
{
    double sum = 0;
    size_t i;
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

/* Solves by the caller's hook, whose indices will be followed and so are checked. */
OTX__PRIVATE otx_result otx__solution_by_hook(const otx_job *job, const otx_matrix *atoms,
                                              const otx_matrix *targets,
                                              const otx_omp_options *omp,
                                              const otx_omp_output *output,
                                              otx_omp_stats *stats, otx_error *error)
{
    const otx_job_options *options = &job->options;
    size_t k = otx_omp_k(omp->k, atoms->rows, atoms->columns), i, j;
    otx_result result = options->solve(options->solve_context, &job->ctx, atoms, targets, omp,
                                       output, stats, error);
    for (i = 0; i < targets->rows && !result; i++) {
        const int32_t *indices = output->indices + i * k;
        for (j = 0; j < k && indices[j] >= 0; j++)
            if ((size_t)indices[j] >= atoms->rows)
                return otx__fail(error, OTX_ERROR_ARGUMENT,
                                 "options.solve gave target %" PRIu64 " the atom %" PRId32
                                 " of %" PRIu64, (uint64_t)i, indices[j],
                                 (uint64_t)atoms->rows);
    }
    return result;
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

/* Reads one matrix of the donor, solves for all targets in it, and lets it go. */
OTX__PRIVATE otx_result otx__solution_make(otx_job *job, otx__solution *solution,
                                           otx_error *error)
{
    const otx_tensor *tensor = solution->donor->tensor;
    size_t rows = otx__solution_rows(job);
    uint8_t *needed = otx__solution_needs(job, rows);
    double start = otx__now();
    otx_matrix atoms, targets;
    otx_omp_options omp = job->options.omp;
    otx_omp_output output;
    otx__loaded read;
    otx_result result;
    if (!needed) return otx__fail_memory(error, rows);
    result = otx__loaded_open(job, &job->donor, solution->donor, (size_t)tensor->shape[1],
                              needed, rows, &read, error);
    otx__free(&job->ctx, needed, rows, 1);
    if (result) return result;
    memset(&atoms, 0, sizeof atoms);
    atoms.data = read.data;
    atoms.dtype = read.dtype;
    atoms.columns = read.columns;
    targets = atoms;
    atoms.rows = job->anchor_count;
    atoms.index = job->anchor_donors;
    targets.rows = job->target_count;
    targets.index = job->targets;
    omp.centred = job->options.method == OTX_METHOD_OMP_CENTRED;
    solution->k = otx_omp_k(omp.k, atoms.rows, atoms.columns);
    result = otx__solution_alloc(job, solution, error);
    if (!result) {
        output.indices = solution->indices;
        output.coefficients = solution->coefficients;
        output.residual_norms = solution->residual_norms;
        output.target_norms = solution->target_norms;
        result = job->options.solve
                     ? otx__solution_by_hook(job, &atoms, &targets, &omp, &output,
                                             &solution->stats, error)
                     : otx_omp(&job->ctx, &atoms, &targets, &omp, &output, &solution->stats,
                               error);
    }
    if (!result) otx__solution_summarize(job, solution);
    otx__loaded_close(job, &read);
    solution->seconds = otx__now() - start;
    return result;
}

/* Solves against every matrix of the donor that is needed. All but the first, which is read
   at once, are looked at before. */
OTX__PRIVATE otx_result otx__job_solve(otx_job *job, otx_error *error)
{
    otx_result result = OTX_OK;
    size_t i;
    if (!otx__job_has_solves(job)) return OTX_OK;
    for (i = 1; i < job->solution_count && !result; i++)
        result = otx__solution_check(job, &job->solutions[i], error);
    for (i = 0; i < job->solution_count && !result; i++) {
        result = otx__solution_make(job, &job->solutions[i], error);
        job->summary.isa = job->solutions[i].stats.isa;
        job->summary.threads = job->solutions[i].stats.threads;
    }
    for (i = 0; i < job->summary.matrix_count && !result; i++) {
        otx_job_matrix *matrix = &job->summary.matrices[i];
        otx__solution *solution = &job->solutions[job->plans[job->matrix_tensors[i]].solution];
        matrix->mean_relative_residual = solution->mean_residual;
        matrix->max_relative_residual = solution->max_residual;
        matrix->omp = solution->stats;
        matrix->seconds = solution->seconds;
        solution->seconds = 0; /* the first matrix that uses it bears the time */
    }
    return result;
}

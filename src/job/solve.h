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
    if (!result) result = otx__rows_check(&walk, needed, error);
    otx__row_walk_close(&walk);
    otx__free(&job->ctx, needed, rows, 1);
    return result;
}

/* The donor's rows and the base's as solvers take them. */
typedef struct otx__space {
    otx__loaded donor, base; /* base: only with a map, and only while it is fitted */
    otx_matrix atoms, targets;
    otx_matrix anchors; /* the atoms' tokens in the base */
} otx__space;

OTX__PRIVATE otx_matrix otx__loaded_rows(const otx__loaded *loaded, const uint32_t *index,
                                         size_t rows)
{
    otx_matrix matrix;
    memset(&matrix, 0, sizeof matrix);
    matrix.data = loaded->data;
    matrix.dtype = loaded->dtype;
    matrix.columns = loaded->columns;
    matrix.rows = rows;
    matrix.index = index;
    return matrix;
}

OTX__PRIVATE void otx__space_close(const otx_job *job, otx__space *space)
{
    otx__loaded_close(job, &space->donor);
    otx__loaded_close(job, &space->base);
}

/* Reads one matrix of the donor. Close in any case. */
OTX__PRIVATE otx_result otx__space_open(const otx_job *job, const otx__solution *solution,
                                        otx__space *space, otx_error *error)
{
    const otx_tensor *tensor = solution->donor->tensor;
    size_t rows = otx__solution_rows(job);
    uint8_t *needed = otx__solution_needs(job, rows);
    otx_result result;
    memset(space, 0, sizeof *space);
    if (!needed) return otx__fail_memory(error, rows);
    result = otx__loaded_open(job, &job->donor, solution->donor, (size_t)tensor->shape[1],
                              needed, rows, &space->donor, error);
    otx__free(&job->ctx, needed, rows, 1);
    space->atoms = otx__loaded_rows(&space->donor, job->anchor_donors, job->anchor_count);
    space->targets = otx__loaded_rows(&space->donor, job->targets, job->target_count);
    return result;
}

/* Reads the anchors' rows in the base as well. */
OTX__PRIVATE otx_result otx__space_add_base(const otx_job *job, const otx__solution *solution,
                                            otx__space *space, otx_error *error)
{
    const otx_tensor *tensor = solution->base->tensor;
    size_t rows = 0, i;
    uint8_t *needed;
    otx_result result;
    for (i = 0; i < job->anchor_count; i++)
        rows = otx__max(rows, (size_t)job->anchor_bases[i] + 1);
    needed = (uint8_t *)otx__alloc_zero(&job->ctx, rows, 1);
    if (!needed) return otx__fail_memory(error, rows);
    for (i = 0; i < job->anchor_count; i++) needed[job->anchor_bases[i]] = 1;
    result = otx__loaded_open(job, &job->base, solution->base, (size_t)tensor->shape[1], needed,
                              rows, &space->base, error);
    otx__free(&job->ctx, needed, rows, 1);
    space->anchors = otx__loaded_rows(&space->base, job->anchor_bases, job->anchor_count);
    return result;
}

/* Fits the map of a solution, by which the pursuit that goes with it is chosen: *omp. */
OTX__PRIVATE otx_result otx__solution_fit(otx_job *job, otx__solution *solution,
                                          otx__space *space, otx_omp_options *omp,
                                          otx_error *error)
{
    otx_affine_options options;
    size_t k = job->options.method == OTX_METHOD_AFFINE ? 0 : omp->k;
    otx_result result = otx__space_add_base(job, solution, space, error);
    memset(&options, 0, sizeof options);
    options.memory = omp->memory;
    if (omp->cosine) options.selection = OTX_AFFINE_COSINE;
    if (k || job->options.method == OTX_METHOD_AFFINE) {
        options.ks = &k;
        options.k_count = 1;
    }
    if (!result)
        result = otx_affine_fit(&job->ctx, &space->atoms, &space->anchors, &space->targets,
                                &options, &solution->map, &solution->map_stats, error);
    otx__loaded_close(job, &space->base);
    if (result) return result;
    omp->k = 0;
    if (otx_affine_pursuit(&solution->map, omp))
        solution->k = otx_omp_k(omp->k, space->atoms.rows, space->atoms.columns);
    return OTX_OK;
}

/* Runs the pursuit of all targets. */
OTX__PRIVATE otx_result otx__solution_pursue(otx_job *job, otx__solution *solution,
                                             const otx__space *space,
                                             const otx_omp_options *omp, otx_error *error)
{
    otx_omp_output output;
    otx_result result = otx__solution_alloc(job, solution, error);
    if (result) return result;
    output.indices = solution->indices;
    output.coefficients = solution->coefficients;
    output.residual_norms = solution->residual_norms;
    output.target_norms = solution->target_norms;
    result = job->options.solve
                 ? otx__solution_by_hook(job, &space->atoms, &space->targets, omp, &output,
                                         &solution->stats, error)
                 : otx_omp(&job->ctx, &space->atoms, &space->targets, omp, &output,
                           &solution->stats, error);
    if (!result) otx__solution_summarize(job, solution);
    return result;
}

/* Reads one matrix of the donor, solves for all targets in it, and lets it go. */
OTX__PRIVATE otx_result otx__solution_make(otx_job *job, otx__solution *solution,
                                           otx_error *error)
{
    double start = otx__now();
    otx_omp_options omp = job->options.omp;
    otx__space space;
    otx_result result = otx__space_open(job, solution, &space, error);
    omp.centred = job->options.method == OTX_METHOD_OMP_CENTRED;
    solution->k = otx_omp_k(omp.k, job->anchor_count, space.atoms.columns);
    if (solution->base) solution->k = 0;
    if (!result && solution->base)
        result = otx__solution_fit(job, solution, &space, &omp, error);
    if (!result && solution->k > 0)
        result = otx__solution_pursue(job, solution, &space, &omp, error);
    otx__space_close(job, &space);
    solution->seconds = otx__now() - start;
    return result;
}

/* Enters what came of a solution into the summary of a matrix. */
OTX__PRIVATE void otx__solution_report(otx__solution *solution, otx_job_matrix *matrix)
{
    matrix->k = solution->k;
    matrix->mean_relative_residual = solution->mean_residual;
    matrix->max_relative_residual = solution->max_residual;
    matrix->omp = solution->stats;
    matrix->choice = solution->map.choice;
    matrix->hidden = solution->map.hidden;
    matrix->affine = solution->map_stats;
    matrix->seconds = solution->seconds;
    solution->seconds = 0; /* the first matrix that uses it bears the time */
}

/* Solves against every matrix of the donor that is needed. All but the first, which is read
   at once, are looked at before. */
OTX__PRIVATE otx_result otx__job_solve(otx_job *job, otx_error *error)
{
    otx_result result = OTX_OK;
    size_t i;
    if (!otx__job_has_solves(job)) return OTX_OK;
    for (i = 1; i < job->solution_count && !result; i++)
        if (job->solutions[i].donor != job->solutions[i - 1].donor)
            result = otx__solution_check(job, &job->solutions[i], error);
    for (i = 0; i < job->solution_count && !result; i++) {
        const otx__solution *solution = &job->solutions[i];
        result = otx__solution_make(job, &job->solutions[i], error);
        job->summary.isa = solution->base ? solution->map_stats.isa : solution->stats.isa;
        job->summary.threads =
            solution->base ? solution->map_stats.threads : solution->stats.threads;
    }
    for (i = 0; i < job->summary.matrix_count && !result; i++) {
        size_t solution = job->plans[job->matrix_tensors[i]].solution;
        otx__solution_report(&job->solutions[solution], &job->summary.matrices[i]);
    }
    return result;
}

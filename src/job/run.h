/* ---- running a job ------------------------------------------------------ */

/* No directory may hold another: the output would be copied into itself, or a
   model removed by what replaces it. */
OTX__PRIVATE otx_result otx__job_check_output(const otx_job *job, const char *out,
                                              otx_error *error)
{
    const char *inputs[2];
    char name[OTX__PATH_TEXT], other[OTX__PATH_TEXT];
    size_t i;
    inputs[0] = job->base_path;
    inputs[1] = job->donor_path;
    for (i = 0; i < 2; i++) {
        bool inside = false, around = false;
        otx__status status;
        otx_result result = otx__is_within(&job->ctx, out, inputs[i], &inside, error);
        if (!result) result = otx__look(out, &status, error);
        if (!result && !inside && status.present)
            result = otx__is_within(&job->ctx, inputs[i], out, &around, error);
        if (result) return result;
        if (inside || around)
            return otx__fail(error, OTX_ERROR_ARGUMENT,
                             "%s: the output must not be, hold or lie "
                             "in the %s, %s",
                             otx__path_text(name, out), i ? "donor" : "base",
                             otx__path_text(other, inputs[i]));
    }
    return OTX_OK;
}

OTX__PRIVATE otx_result otx__job_solve_all(otx_job *job, otx_error *error)
{
    otx_result result = OTX_OK;
    size_t i;
    if (!otx__job_solves(job) || job->target_count == 0) return OTX_OK;
    for (i = 0; i < job->solution_count && !result; i++) {
        result = otx__job_solve(job, &job->solutions[i], error);
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

/* Solves, then fills the directory. */
OTX__PRIVATE otx_result otx__job_fill(otx_job *job, const char *directory, otx_error *error)
{
    size_t count = job->base.file_count, opened = 0, i;
    otx__shard *shards = (otx__shard *)otx__alloc_zero(&job->ctx, count, sizeof *shards);
    otx_result result = OTX_OK;
    otx__meter meter;
    if (!shards) return otx__fail_memory(error, (uint64_t)count * sizeof *shards);
    memset(&meter, 0, sizeof meter);
    meter.stage = OTX_STAGE_WRITE;
    meter.subject = job->base_path;
    for (; opened < count && !result; opened++) {
        const otx_checkpoint_file *file = &job->base.files[opened];
        result = otx__shard_open(job, &file->header, &shards[opened], error);
        meter.total += shards[opened].touched ? shards[opened].layout.file_size
                                              : file->source.size;
    }
    if (!result) result = otx__job_solve_all(job, error);
    if (!result) result = otx__copy_base(job, directory, &meter, error);
    meter.subject = job->donor_path;
    if (!result) result = otx__copy_donor(job, directory, &meter, error);
    for (i = 0; i < count && !result; i++)
        result = otx__write_shard(job, i, &shards[i], directory, &meter, error);
    if (!result) result = otx__write_index(job, directory, error);
    if (!result) result = otx__write_text(job, directory, "config.json", &job->config, error);
    if (!result && job->generation.size > 0)
        result = otx__write_text(job, directory, "generation_config.json", &job->generation,
                                 error);
    for (i = 0; i < opened; i++) otx__shard_close(job, &shards[i]);
    otx__free(&job->ctx, shards, count, sizeof *shards);
    return result;
}

OTX_API otx_result otx_job_run(otx_job *job, const char *out, otx_error *error)
{
    double start = otx__now();
    otx__output output;
    otx_result result = OTX_OK;
    size_t i;
    if (job->ran)
        return otx__fail(error, OTX_ERROR_ARGUMENT, "this job has been run; open another");
    memset(&output, 0, sizeof output);
    if (out) result = otx__job_check_output(job, out, error);
    if (!result && out)
        result = otx__output_begin(&job->ctx, out, job->options.overwrite, &output, error);
    if (result) return result;
    job->ran = true;
    result = out ? otx__job_fill(job, output.partial, error) : otx__job_solve_all(job, error);
    if (!result && out) result = otx__output_commit(&output, error);
    otx__output_abandon(&output);
    for (i = 0; i < job->solution_count && (result || !job->options.keep_details); i++)
        otx__solution_close(job, &job->solutions[i]);
    job->summary.seconds += otx__now() - start;
    return result;
}

/* ---- looking at a job ---- */

OTX_API const otx_vocab *otx_job_base_vocab(const otx_job *job) { return &job->base_vocab; }

OTX_API const otx_vocab *otx_job_donor_vocab(const otx_job *job) { return &job->donor_vocab; }

OTX_API const otx_alignment *otx_job_alignment(const otx_job *job) { return &job->alignment; }

OTX_API void otx_job_summarize(const otx_job *job, otx_job_summary *out)
{
    *out = job->summary;
    out->peak_bytes = job->peak_bytes;
}

/* ---- all at once ---- */

OTX_API otx_result otx_transplant(const otx_context *ctx, const char *base, const char *donor,
                                  const char *out, const otx_job_options *options,
                                  otx_job_summary *summary, otx_error *error)
{
    otx_job *job;
    otx_result result = otx_job_open(ctx, base, donor, options, &job, error);
    if (result) return result;
    result = otx_job_run(job, out, error);
    if (!result && summary) otx_job_summarize(job, summary);
    otx_job_close(job);
    return result;
}

/* ---- job: a whole transplant, in the order in which it happens ------------ */

/* What was solved against one matrix of the donor. Every matrix of the base in
   the same part takes the same combinations of its own rows. */
typedef struct otx__solution {
    const otx_checkpoint_tensor *donor;
    size_t k;
    int32_t *indices;       /* [targets][k], as of otx_omp_output */
    double *coefficients;   /* [targets][k] */
    double *residual_norms; /* [targets] */
    double *target_norms;   /* [targets] */
    double mean_residual, max_residual; /* relative */
    double seconds;
    otx_omp_stats stats;
} otx__solution;

#define OTX__NONE SIZE_MAX

/* What becomes of one vocabulary tensor of the base. */
typedef struct otx__tensor_plan {
    size_t solution;   /* in job->solutions, or OTX__NONE for a bias */
    size_t matrix;     /* in job->summary.matrices, or OTX__NONE for a bias */
    uint64_t shape[2]; /* its new shape */
    size_t rows;       /* tokens in it, and beyond them those that the class adds */
    size_t columns;    /* elements per token */
    otx_dtype dtype;
} otx__tensor_plan;

struct otx_job {
    otx_context outer; /* the caller's */
    otx_context ctx;   /* the same, with memory counted and progress remembered */
    otx_job_options options;
    uint64_t live_bytes, peak_bytes;
    otx_progress last; /* what was reported last, and is repeated by otx__job_poll */
    char *base_path, *donor_path;
    otx_checkpoint base, donor;
    otx_vocab base_vocab, donor_vocab;
    otx__document base_config, base_generation, donor_config, donor_generation,
        donor_tokenizer;
    otx__model base_model, donor_model;
    otx_alignment alignment;
    uint32_t *anchor_donors, *anchor_bases; /* ids, by donor id */
    uint32_t *targets;                      /* donor ids to solve for */
    size_t anchor_count, target_count;
    otx__tensor_plan plans[OTX__MODEL_MAX_TENSORS]; /* of base_model.tensors */
    size_t matrix_tensors[OTX_JOB_MAX_MATRICES];    /* of summary.matrices: which tensor */
    otx__solution solutions[2];
    size_t solution_count;
    otx__text config, generation; /* the edited files; generation may be empty */
    otx_job_summary summary;
    bool ran;
};

/* ---- hooks of the job ---- */

OTX__PRIVATE void *otx__job_resize(void *context, void *block, size_t old_size, size_t new_size)
{
    otx_job *job = (otx_job *)context;
    void *moved = otx__resize(&job->outer, block, old_size, new_size);
    if (new_size > 0 && !moved) return NULL;
    job->live_bytes = job->live_bytes - (block ? old_size : 0) + new_size;
    if (job->live_bytes > job->peak_bytes) job->peak_bytes = job->live_bytes;
    return moved;
}

/* Remembers what was reported, and says which tensor the solver is at. */
OTX__PRIVATE bool otx__job_progress(void *context, const otx_progress *progress)
{
    otx_job *job = (otx_job *)context;
    const char *subject = progress->subject ? progress->subject : job->last.subject;
    job->last = *progress;
    job->last.subject = subject;
    return job->outer.progress(job->outer.progress_context, &job->last);
}

/* Lets the caller cancel amid work that no stage counts. */
OTX__PRIVATE otx_result otx__job_poll(const otx_job *job, otx_error *error)
{
    return otx__poll(&job->ctx, job->last.stage, job->last.subject, job->last.done,
                     job->last.total, error);
}

/* ---- opening: directories, vocabularies, tensors ---- */

#define OTX__OPENING_STEPS 6

/* Says at which of the steps the opening is, and at whose files. */
OTX__PRIVATE otx_result otx__job_opening(const otx_job *job, const char *path, unsigned step,
                                         otx_error *error)
{
    return otx__poll(&job->ctx, OTX_STAGE_OPEN, path, step, OTX__OPENING_STEPS, error);
}

OTX_API const char *otx_method_name(otx_method method)
{
    static const char *const names[OTX_METHOD_COUNT] = {"omp", "omp-centred", "mean", "zero"};
    return (unsigned)method < OTX_METHOD_COUNT ? names[method] : NULL;
}

OTX_API const char *otx_padding_name(otx_padding padding)
{
    static const char *const names[OTX_PADDING_COUNT] = {"mean", "zero"};
    return (unsigned)padding < OTX_PADDING_COUNT ? names[padding] : NULL;
}

/* Whether rows are solved for. */
OTX__PRIVATE bool otx__job_solves(const otx_job *job)
{
    return job->options.method == OTX_METHOD_OMP ||
           job->options.method == OTX_METHOD_OMP_CENTRED;
}

OTX__PRIVATE otx_result otx__job_check_options(const otx_job_options *options, otx_error *error)
{
    if ((unsigned)options->method >= OTX_METHOD_COUNT)
        return otx__fail(error, OTX_ERROR_ARGUMENT, "method %d is unknown; known are omp, "
                         "omp-centred, mean and zero", (int)options->method);
    if ((unsigned)options->rows > OTX_ROWS_MULTIPLE ||
        (options->rows == OTX_ROWS_MULTIPLE && options->rows_multiple == 0))
        return otx__fail(
            error, OTX_ERROR_ARGUMENT,
            "rows must be the donor's, the tokenizer's, or a multiple of at least 1");
    if ((unsigned)options->padding >= OTX_PADDING_COUNT)
        return otx__fail(error, OTX_ERROR_ARGUMENT,
                         "padding %d is unknown; known are mean and zero",
                         (int)options->padding);
    if (options->dtype && !otx_dtype_is_embedding(options->dtype))
        return otx__fail(error, OTX_ERROR_ARGUMENT, "matrices cannot be written as %s",
                         otx__word(otx_dtype_name(options->dtype)));
    if (options->omp.first_target || options->omp.target_count)
        return otx__fail(
            error, OTX_ERROR_ARGUMENT,
            "a transplant solves all targets; leave first_target and target_count 0");
    return OTX_OK;
}

OTX__PRIVATE otx_result otx__job_check_directory(const char *path, const char *what,
                                                 otx_error *error)
{
    char name[OTX__PATH_TEXT];
    otx__status status;
    otx_result result = otx__model_status(path, &status, error);
    if (result || status.directory) return result;
    return otx__fail(error, OTX_ERROR_ARGUMENT, "%s: the %s must be a model directory, not a "
                     "file", otx__path_text(name, path), what);
}

OTX__PRIVATE otx_result otx__job_open_files(otx_job *job, otx_error *error)
{
    const otx_context *ctx = &job->ctx;
    const char *base = job->base_path, *donor = job->donor_path;
    char name[OTX__PATH_TEXT];
    otx_result result = otx__job_check_directory(base, "base", error);
    if (!result) result = otx__job_check_directory(donor, "donor", error);
    if (!result)
        result = otx__document_open(ctx, base, "config.json", &job->base_config, error);
    if (!result && !job->base_config.present)
        result = otx__fail(error, OTX_ERROR_NOT_FOUND, "%s/config.json: is missing",
                           otx__path_text(name, base));
    if (!result)
        result = otx__document_open(ctx, base, "generation_config.json", &job->base_generation,
                                    error);
    if (!result)
        result = otx__document_open(ctx, donor, "config.json", &job->donor_config, error);
    if (!result)
        result = otx__document_open(ctx, donor, "generation_config.json",
                                    &job->donor_generation, error);
    if (!result)
        result = otx__document_open(ctx, donor, "tokenizer_config.json", &job->donor_tokenizer,
                                    error);
    if (!result) result = otx__job_opening(job, base, 0, error);
    if (!result) result = otx_checkpoint_open(ctx, base, &job->base, error);
    if (!result) result = otx__job_opening(job, donor, 1, error);
    if (!result) result = otx_checkpoint_open(ctx, donor, &job->donor, error);
    if (!result) result = otx__job_opening(job, base, 2, error);
    if (!result) result = otx_vocab_open(ctx, base, &job->base_vocab, error);
    if (!result) result = otx__job_opening(job, donor, 3, error);
    if (!result) result = otx_vocab_open(ctx, donor, &job->donor_vocab, error);
    if (!result) result = otx__job_opening(job, donor, 4, error);
    if (!result)
        result = otx__model_open(ctx, &job->base, &job->base_config, &job->base_vocab, false,
                                 &job->base_model, error);
    if (!result)
        result = otx__model_open(ctx, &job->donor, &job->donor_config, &job->donor_vocab, true,
                                 &job->donor_model, error);
    return result;
}

/* ---- opening a job ------------------------------------------------------ */

OTX__PRIVATE otx_result otx__job_edit_config(otx_job *job, otx_error *error)
{
    otx__config_plan plan;
    memset(&plan, 0, sizeof plan);
    plan.ctx = &job->ctx;
    plan.base_path = job->base_path;
    plan.base_vocab = &job->base_vocab;
    plan.donor_vocab = &job->donor_vocab;
    plan.alignment = &job->alignment;
    plan.base = &job->base_config;
    plan.base_generation = &job->base_generation;
    plan.donor = &job->donor_config;
    plan.donor_generation = &job->donor_generation;
    plan.donor_tokenizer = &job->donor_tokenizer;
    plan.model = &job->base_model;
    plan.dtype = job->options.dtype;
    return otx__config_make(&plan, &job->config, &job->generation, error);
}

OTX__PRIVATE otx_result otx__job_open(otx_job *job, otx_error *error)
{
    otx_result result = otx__job_check_options(&job->options, error);
    if (!result) result = otx__job_open_files(job, error);
    if (!result) result = otx__job_align(job, error);
    if (!result) {
        otx__job_count(job);
        result = otx__job_list(job, error);
    }
    if (!result) result = otx__job_plan(job, error);
    if (!result) result = otx__job_opening(job, job->base_path, 5, error);
    if (!result) result = otx__job_edit_config(job, error);
    return result;
}

OTX_API otx_result otx_job_open(const otx_context *ctx, const char *base, const char *donor,
                                const otx_job_options *options, otx_job **out,
                                otx_error *error)
{
    double start = otx__now();
    otx_job *job = (otx_job *)otx__alloc_zero(ctx, 1, sizeof *job);
    otx_result result = OTX_OK;
    *out = NULL;
    if (!job) return otx__fail_memory(error, sizeof *job);
    if (ctx) job->outer = *ctx;
    if (options) job->options = *options;
    job->ctx = job->outer;
    job->ctx.threads = otx__threads(ctx); /* it must not change on the way */
    job->ctx.allocator.resize = otx__job_resize;
    job->ctx.allocator.context = job;
    if (job->outer.progress) job->ctx.progress = otx__job_progress;
    job->ctx.progress_context = job;
    otx__text_open(&job->config, &job->ctx);
    otx__text_open(&job->generation, &job->ctx);
    job->base_path = otx__path_copy(&job->ctx, base, strlen(base));
    job->donor_path = otx__path_copy(&job->ctx, donor, strlen(donor));
    if (!job->base_path || !job->donor_path)
        result = otx__fail_memory(error, strlen(base) + strlen(donor) + 2);
    if (!result) result = otx__job_open(job, error);
    if (result) {
        otx_job_close(job);
        return result;
    }
    job->options.map = NULL; /* the caller's; used up */
    job->summary.isa = job->ctx.isa == OTX_ISA_AUTO ? otx_isa_best() : job->ctx.isa;
    job->summary.threads = otx__threads(&job->ctx);
    job->summary.seconds = otx__now() - start;
    *out = job;
    return OTX_OK;
}

OTX__PRIVATE void otx__solution_close(const otx_job *job, otx__solution *solution)
{
    size_t targets = job->target_count, k = solution->k;
    otx__free(&job->ctx, solution->indices, targets * k, sizeof *solution->indices);
    otx__free(&job->ctx, solution->coefficients, targets * k, sizeof *solution->coefficients);
    otx__free(&job->ctx, solution->residual_norms, targets, sizeof *solution->residual_norms);
    otx__free(&job->ctx, solution->target_norms, targets, sizeof *solution->target_norms);
    solution->indices = NULL;
    solution->coefficients = solution->residual_norms = solution->target_norms = NULL;
}

OTX_API void otx_job_close(otx_job *job)
{
    const otx_context *ctx;
    otx_context outer;
    size_t i;
    if (!job) return;
    ctx = &job->ctx;
    for (i = 0; i < job->solution_count; i++) otx__solution_close(job, &job->solutions[i]);
    otx__text_close(&job->config);
    otx__text_close(&job->generation);
    otx__free(ctx, job->anchor_donors, job->anchor_count, sizeof *job->anchor_donors);
    otx__free(ctx, job->anchor_bases, job->anchor_count, sizeof *job->anchor_bases);
    otx__free(ctx, job->targets, job->target_count, sizeof *job->targets);
    otx_alignment_close(ctx, &job->alignment);
    otx_vocab_close(ctx, &job->base_vocab);
    otx_vocab_close(ctx, &job->donor_vocab);
    otx_checkpoint_close(ctx, &job->base);
    otx_checkpoint_close(ctx, &job->donor);
    otx__document_close(ctx, &job->base_config);
    otx__document_close(ctx, &job->base_generation);
    otx__document_close(ctx, &job->donor_config);
    otx__document_close(ctx, &job->donor_generation);
    otx__document_close(ctx, &job->donor_tokenizer);
    otx__path_free(ctx, job->base_path);
    otx__path_free(ctx, job->donor_path);
    outer = job->outer;
    otx__free(&outer, job, 1, sizeof *job);
}

/* ---- run: the whole job, in order ---------------------------------------- */

/* Opens both models, finds where every row comes from, and plans what becomes of every
   tensor and of the configs. */
OTX__PRIVATE otx_result otx__job_prepare(otx_job *job, otx_error *error)
{
    otx_result result = otx__job_check_options(&job->options, error);
    if (!result) result = otx__job_open_sides(job, error);
    if (!result) result = otx__job_align(job, error);
    if (!result) result = otx__job_keep_rows(job, error);
    if (!result) result = otx__job_judge_rows(job, error);
    if (!result) result = otx__job_magikarp(job, error);
    if (!result) result = otx__job_match(job, error);
    if (!result) result = otx__job_list(job, error);
    if (!result) result = otx__job_plan_chat(job, error);
    if (!result) result = otx__job_choose_draft(job, error);
    if (!result) result = otx__job_plan_tensors(job, error);
    if (!result) result = otx__job_plan_draft(job, error);
    if (!result) result = otx__job_plan_rope(job, error);
    if (!result) result = otx__opening(job, &job->base, 5, error);
    if (!result) result = otx__job_plan_configs(job, error);
    if (!result) result = otx__job_plan_digits(job, error);
    if (!result) result = otx__job_tell_bos(job, error);
    if (!result) result = otx__job_plan_class(job, error);
    if (!result && job->donor.gguf && !job->base.gguf)
        otx__log(&job->ctx, OTX_NOTE, "%s: is a GGUF file without a tokenizer.json beside it: "
                 "enough to look at and to evaluate, but not for an output in safetensors",
                 job->donor.path);
    return result;
}

/* `renews`, `same_class`: see otx_job. */
OTX__PRIVATE otx_result otx__job_open_for(const otx_context *ctx, const char *base,
                                          const char *donor, const otx_job_options *options,
                                          bool renews, bool same_class, otx_job **out,
                                          otx_error *error)
{
    double start = otx__now();
    otx_job *job;
    otx_result result = otx__job_new(ctx, base, donor, options, &job, error);
    *out = NULL;
    if (job) job->renews = renews;
    if (job) job->same_class = same_class;
    if (!result) result = otx__job_prepare(job, error);
    if (result) {
        otx_job_close(job);
        return result;
    }
    job->options.map = NULL; /* the caller's; used up */
    job->options.draft_vocab = NULL;
    job->summary.isa = job->ctx.isa == OTX_ISA_AUTO ? otx_isa_best() : job->ctx.isa;
    job->summary.threads = otx__threads(&job->ctx);
    job->summary.seconds = otx__now() - start;
    *out = job;
    return OTX_OK;
}

OTX_API otx_result otx_job_open(const otx_context *ctx, const char *base, const char *donor,
                                const otx_job_options *options, otx_job **out,
                                otx_error *error)
{
    return otx__job_open_for(ctx, base, donor, options, false, false, out, error);
}

/* Opens both models for those who look at their rows and write no model: without what a plan of
   one takes, and without advice on it. */
OTX__PRIVATE otx_result otx__job_open_rows(const otx_context *ctx, const char *base,
                                           const char *donor, const otx_job_options *options,
                                           otx_job **out, otx_error *error)
{
    otx_job *job;
    otx_result result = otx__job_new(ctx, base, donor, options, &job, error);
    *out = NULL;
    if (job) job->lends = true;
    if (!result) result = otx__job_check_options(&job->options, error);
    if (!result) result = otx__job_open_sides(job, error);
    if (!result)
        result = otx__job_has_rows(job, "the rows of both models are looked at here", error);
    if (!result) result = otx__job_align(job, error);
    if (!result) otx__tell_rowless(job);
    if (!result) result = otx__job_judge_rows(job, error);
    if (!result) result = otx__list_tokens(job, error);
    if (!result) result = otx__job_plan_tensors(job, error);
    if (result) otx_job_close(job);
    else *out = job;
    return result;
}

/* Everything of an output that needs no solving, so that what is wrong with any file ends
   the run at once and not after hours: where the weights will stand, the other files, the
   index, the configs. */
OTX__PRIVATE otx_result otx__job_stage(const otx_job *job, otx__writing *writing,
                                       otx_error *error)
{
    const char *directory = writing->output.partial;
    otx_result result = otx__writing_layout(job, writing, error);
    if (!result) result = otx__copy_files(job, writing, error);
    if (!result) result = otx__write_index(job, directory, error);
    if (!result) result = otx__write_configs(job, directory, error);
    return result;
}

/* Fails if a file that was read or copied is no longer what it was: the output would be a
   mixture. */
OTX__PRIVATE otx_result otx__job_unchanged(const otx_job *job, const otx__writing *writing,
                                           otx_error *error)
{
    otx_result result = otx__stamps_compare(&job->base.read, error);
    if (!result) result = otx__stamps_compare(&job->donor.read, error);
    if (!result) result = otx__stamps_compare(&writing->copied, error);
    if (!result) result = otx__checkpoint_unchanged(&job->ctx, &job->base.checkpoint, error);
    if (!result) result = otx__checkpoint_unchanged(&job->ctx, &job->donor.checkpoint, error);
    return result;
}

/* Stages, solves, makes the new rows and writes them, and gives the output its name. */
OTX__PRIVATE otx_result otx__job_write_directory(otx_job *job, otx__writing *writing,
                                                 otx_error *error)
{
    otx_result result = otx__job_stage(job, writing, error);
    if (!result) result = otx__job_check_rows(job, error);
    if (!result) result = otx__job_solve(job, error);
    if (!result) result = otx__write_weights(job, writing, error);
    if (!result) result = otx__job_unchanged(job, writing, error);
    if (!result) result = otx__output_commit(&writing->output, error);
    return result;
}

/* The same in GGUF. */
OTX__PRIVATE otx_result otx__job_write_gguf(otx_job *job, otx__gguf_writing *writing,
                                            otx_error *error)
{
    otx_result result = otx__gguf_writing_layout(job, writing, error);
    if (!result) result = otx__job_check_rows(job, error);
    if (!result) result = otx__job_solve(job, error);
    if (!result) result = otx__gguf_write_parts(job, writing, error);
    if (!result) result = otx__stamps_compare(&job->donor.read, error);
    if (!result) result = otx__checkpoint_unchanged(&job->ctx, &job->base.checkpoint, error);
    if (!result) result = otx__checkpoint_unchanged(&job->ctx, &job->donor.checkpoint, error);
    if (!result)
        result = otx__staged_commit(&writing->output, (const char *const *)writing->names,
                                    writing->part_count, error);
    return result;
}

/* Writes the output as the base is. Nothing has been done if it cannot begin: *began. */
OTX__PRIVATE otx_result otx__job_write(otx_job *job, const char *out, bool *began,
                                       otx_error *error)
{
    otx__gguf_writing file;
    otx__writing directory;
    otx_result result;
    if (job->base.gguf) {
        result = otx__gguf_writing_begin(job, out, &file, error);
        *began = job->ran = !result;
        if (!result) result = otx__job_write_gguf(job, &file, error);
        if (*began) otx__gguf_writing_close(job, &file);
    } else {
        result = otx__writing_begin(job, out, &directory, error);
        *began = job->ran = !result;
        if (!result) result = otx__job_write_directory(job, &directory, error);
        if (*began) otx__writing_close(job, &directory);
    }
    return result;
}

OTX_API otx_result otx_job_run(otx_job *job, const char *out, otx_error *error)
{
    double start = otx__now();
    bool began = true;
    otx_result result;
    otx__team team;
    size_t i;
    if (job->ran)
        return otx__fail(error, OTX_ERROR_ARGUMENT, "this job has been run; open another");
    otx__team_open(&team, &job->ctx);
    if (out) result = otx__job_write(job, out, &began, error);
    else {
        job->ran = true;
        result = otx__job_solve(job, error);
    }
    otx__team_close(&team, &job->ctx);
    if (!began) return result;
    for (i = 0; i < job->solution_count && (result || !job->options.keep_details); i++)
        otx_method_close(&job->ctx, &job->solutions[i].fitted);
    job->summary.seconds += otx__now() - start;
    return result;
}

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

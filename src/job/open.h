/* ---- opening the two models ---------------------------------------------- */

#define OTX__OPENING_STEPS 6

/* Says at which of the steps the opening is, and at whose files. */
OTX__PRIVATE otx_result otx__opening(const otx_job *job, const otx__side *side, unsigned step,
                                     otx_error *error)
{
    return otx__poll(&job->ctx, OTX_STAGE_OPEN, side->path, step, OTX__OPENING_STEPS, error);
}

OTX__PRIVATE otx_result otx__open_directory(const otx__side *side, otx_error *error)
{
    char name[OTX__PATH_TEXT];
    otx__status status;
    otx_result result = otx__model_status(side->path, &status, error);
    if (result || status.directory) return result;
    return otx__fail(error, OTX_ERROR_ARGUMENT, "%s: the %s must be a model directory, not a "
                     "file", otx__path_text(name, side->path), side->donor ? "donor" : "base");
}

/* Whether a file beside the weights is read, and must stay as it was; of the base, such
   files are written anew or given by the donor. */
OTX__PRIVATE bool otx__is_read(const char *name)
{
    return strcmp(name, "config.json") == 0 || strcmp(name, "generation_config.json") == 0 ||
           strcmp(name, OTX__INDEX_FILE) == 0 || otx__is_of_tokenizer(name);
}

/* A matrix and its tokenizer are enough of a donor; the base's config is edited. */
OTX__PRIVATE otx_result otx__open_documents(const otx_context *ctx, otx__side *side,
                                            otx_error *error)
{
    char name[OTX__PATH_TEXT];
    otx_result result = otx__stamps_take(&side->read, side->path, otx__is_read, error);
    if (!result)
        result = otx__document_open(ctx, side->path, "config.json", &side->config, error);
    if (!result && !side->config.present && !side->donor)
        result = otx__fail(error, OTX_ERROR_NOT_FOUND, "%s/config.json: is missing",
                           otx__path_text(name, side->path));
    if (!result)
        result = otx__document_open(ctx, side->path, "generation_config.json",
                                    &side->generation, error);
    if (!result)
        result = otx__document_open(ctx, side->path, "tokenizer_config.json", &side->tokenizer,
                                    error);
    return result;
}

/* Opens both models, step by step: what is quickly found wrong with either comes before
   what takes long. */
OTX__PRIVATE otx_result otx__job_open_sides(otx_job *job, otx_error *error)
{
    const otx_context *ctx = &job->ctx;
    otx_result result = OTX_OK;
    otx__side *sides[2];
    unsigned i;
    sides[0] = &job->base;
    sides[1] = &job->donor;
    for (i = 0; i < 2 && !result; i++) result = otx__open_directory(sides[i], error);
    for (i = 0; i < 2 && !result; i++) result = otx__open_documents(ctx, sides[i], error);
    for (i = 0; i < 2 && !result; i++) {
        result = otx__opening(job, sides[i], i, error);
        if (!result)
            result = otx_checkpoint_open(ctx, sides[i]->path, &sides[i]->checkpoint, error);
    }
    for (i = 0; i < 2 && !result; i++) {
        result = otx__opening(job, sides[i], 2 + i, error);
        if (!result) result = otx_vocab_open(ctx, sides[i]->path, &sides[i]->vocab, error);
        if (!result) result = otx__warn_renumbered(ctx, sides[i], error);
    }
    if (!result) result = otx__opening(job, &job->donor, 4, error);
    for (i = 0; i < 2 && !result; i++) result = otx__parts_find(ctx, sides[i], error);
    return result;
}

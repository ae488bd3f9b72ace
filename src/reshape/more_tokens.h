/* ---- more_tokens: all that are wanted, and the model with them --------------------- */

/* What is done to texts before they are cut is told by a tokenizer.json or a GGUF file alone. */
OTX__PRIVATE otx_result otx__extend_check(const otx__reshaping *t, otx_error *error)
{
    char path[OTX__PATH_TEXT];
    if (t->gguf || otx__reshape_reads(t, "tokenizer.json")) return OTX_OK;
    return otx__fail(error, OTX_ERROR_UNSUPPORTED, "%s: its tokenizer is read from %s; only a "
                     "tokenizer.json grows: " OTX__SAVE_AS_JSON, otx__path_text(path, t->model),
                     otx__word(t->vocab.source));
}

OTX__PRIVATE otx_result otx__extend_begin(otx__extending *x, const otx_context *ctx,
                                          const char *model)
{
    uint64_t named = 0;
    otx__document document;
    otx_result result;
    x->t.ctx = ctx;
    x->t.model = model;
    otx__text_open(&x->content, ctx);
    result = otx__reshape_open(&x->t, x->error);
    if (!result) result = otx__extend_check(&x->t, x->error);
    if (!result) result = otx__reshape_look(&x->t, &named, x->error);
    if (result) return result;
    if (x->t.gguf) {
        x->before = otx__look_before_gguf(&x->t.vocab);
    } else {
        result = otx__document_open(ctx, model, otx__new_kinds[0].name, &document, x->error);
        if (result) return result;
        result = otx__look_before_model(ctx, &document.json, &x->before, x->error);
        otx__document_close(ctx, &document);
        if (result) return result;
    }
    x->cuts = otx__look_at_cuts(&x->t.vocab);
    x->growth.ctx = ctx;
    x->growth.vocab = &x->t.vocab;
    x->growth.rules = (const otx__rules *)x->t.vocab.rules;
    x->growth.known = &x->t.contents;
    x->growth.error = x->error;
    otx__text_open(&x->growth.contents, ctx);
    return OTX_OK;
}

/* Tokens of another vocabulary, as many as are wanted. */
OTX__PRIVATE otx_result otx__extend_offer(otx__extending *x, const otx_vocab *vocab,
                                          const otx_extend_options *options)
{
    const size_t count = options->first && options->first < vocab->count
                             ? (size_t)options->first : vocab->count;
    otx_result result = OTX_OK;
    size_t i;
    for (i = 0; i < count && !result; i++) {
        if (options->most && x->summary.own + x->summary.added >= options->most) break;
        result = otx__extend_offered(x, &vocab->tokens[i]);
        if (!result)
            result = otx__poll(x->t.ctx, OTX_STAGE_OPEN, x->t.model, i, count, x->error);
    }
    return result;
}

/* Those of another tokenizer; without a list those of the donor. */
OTX__PRIVATE otx_result otx__extend_of(otx__extending *x, const otx_extend_options *options)
{
    otx_vocab vocab;
    otx_result result;
    if (!options->tokens_of && !options->tokens && options->donor)
        return otx__extend_offer(x, &x->donor.job->donor.vocab, options);
    if (!options->tokens_of) return OTX_OK;
    result = otx_vocab_open(x->t.ctx, options->tokens_of, &vocab, x->error);
    if (result) return result;
    result = otx__extend_offer(x, &vocab, options);
    otx_vocab_close(x->t.ctx, &vocab);
    return result;
}

OTX__PRIVATE otx_result otx__extend_all(otx__extending *x, const otx_extend_options *options)
{
    const otx_context *ctx = x->t.ctx;
    otx_result result = OTX_OK;
    size_t i;
    for (i = 0; i < options->token_count && !result; i++) {
        otx__listed listed;
        result = otx__listed_open(ctx, options->tokens[i], i, &listed, x->error);
        listed.name.is_id = false; /* texts, "#1" too */
        if (!result) result = otx__extend_token(x, &listed);
        if (!result)
            result = otx__poll(ctx, OTX_STAGE_OPEN, x->t.model, i, options->token_count,
                               x->error);
        otx__listed_close(ctx, &listed);
    }
    if (!result) result = otx__extend_of(x, options);
    for (i = 0; i < x->t.vocab.count; i++)
        x->t.keep[i] = x->t.vocab.tokens[i].kind != OTX_TOKEN_NONE;
    x->t.growth = &x->growth;
    for (i = 0; i < x->growth.token_count; i++) x->summary.parts += x->growth.tokens[i].part;
    if (!result) result = otx__renumber(&x->t, x->error);
    x->summary.before = x->t.vocab.token_count;
    x->summary.after = x->t.count;
    return result;
}

/* Whether rows are made from a donor's. */
OTX__PRIVATE bool otx__extend_takes(const otx_extend_options *options)
{
    return options->donor && (otx_method_needs(options->method) & OTX_NEED_DONOR);
}

/* How rows are made without a donor's: those of pieces, if the method needs one. */
OTX__PRIVATE void otx__extend_method(const otx_extend_options *options, otx_job_options *job)
{
    memset(job, 0, sizeof *job);
    job->method = OTX_METHOD_SUBWORD;
    job->how.subword = options->how.subword;
    if (!(otx_method_needs(options->method) & OTX_NEED_DONOR)) {
        job->method = options->method;
        job->how = options->how;
    }
    job->rows = OTX_ROWS_MULTIPLE;
    job->rows_multiple = options->multiple ? options->multiple : 1;
    job->overwrite = options->overwrite;
}

/* Opens the donor, of which also its tokenizer alone may be wanted. */
OTX__PRIVATE otx_result otx__extend_donor(otx__extending *x, const otx_extend_options *options)
{
    otx_job_options job;
    if (!options->donor) return OTX_OK;
    memset(&job, 0, sizeof job);
    job.method = options->method;
    job.how = options->how;
    return otx__from_donor_open(&x->donor, x->t.ctx, x->t.model, options->donor, &job, x->error);
}

OTX__PRIVATE otx_result otx__extend_look(void *context, otx_job *job, otx_error *error)
{
    otx__extending *x = (otx__extending *)context;
    otx_result result = OTX_OK;
    if (x->takes) result = otx__from_donor_join(&x->donor, &x->t, job, error);
    if (!result && x->takes) x->summary.solved = x->donor.job->target_count;
    return result;
}

OTX__PRIVATE otx_result otx__extend_write(otx__extending *x, const char *out,
                                          const otx_extend_options *options)
{
    otx_job_options job;
    otx__output output;
    otx_result result = otx__new_stage(&x->t, out, options->overwrite, &output, x->error);
    if (result) return result;
    otx__extend_method(options, &job);
    result = otx__new_write_all(&x->t, output.partial, x->error);
    if (!result)
        result = otx__new_model(&x->t, &job, output.partial, out, otx__extend_look, x, x->error);
    otx__output_abandon(&output);
    return result;
}

OTX_API otx_result otx_extend(const otx_context *ctx, const char *model, const char *out,
                              const otx_extend_options *options, otx_extend_summary *summary,
                              otx_error *error)
{
    otx__extending x;
    otx_result result;
    memset(&x, 0, sizeof x);
    x.error = error;
    x.takes = otx__extend_takes(options);
    result = otx__extend_begin(&x, ctx, model);
    if (!result) result = otx__extend_donor(&x, options);
    if (!result) result = otx__extend_all(&x, options);
    if (!result) result = otx__extend_write(&x, out, options);
    if (!result && summary) *summary = x.summary;
    otx__from_donor_close(&x.donor);
    otx__before_close(&x.before);
    otx__reshape_close(&x.t);
    if (x.growth.ctx || x.growth.vocab) otx__growth_close(&x.growth);
    otx__text_close(&x.content);
    return result;
}

/* ---- trim: fewer tokens ------------------------------------------------------------------- */

/* Marks the token of a line of counts; to be kept, one that occurs. */
OTX__PRIVATE otx_result otx__trim_counted(otx__reshaping *t, const otx_trim_options *options,
                                          size_t i, bool *counted, otx_error *error)
{
    const char *line = options->tokens[i];
    char path[OTX__PATH_TEXT];
    uint64_t count, id;
    otx__listed listed;
    otx__span text;
    otx_result result;
    *counted = otx__draft_counted(otx__span_of(line, strlen(line)), &count, &id, &text);
    if (!*counted) return OTX_OK;
    result = otx__listed_open(t->ctx, text.bytes, i, &listed, error);
    if (!result && (id >= t->vocab.count || t->vocab.tokens[id].kind == OTX_TOKEN_NONE ||
                    otx__draft_is_foreign(&t->vocab.tokens[id], &listed.name, true)))
        result = otx__fail(error, OTX_ERROR_MISMATCH, "token %" PRIu64 " of the list, \"%s\", is "
                           "not token %" PRIu64 " of %s; count with its tokenizer",
                           (uint64_t)i + 1, listed.quoted, id, otx__path_text(path, t->model));
    if (!result && (count > 0 || options->drop)) t->keep[id] = !options->drop;
    otx__listed_close(t->ctx, &listed);
    return result;
}

/* Marks the token that an entry of the list names. */
OTX__PRIVATE otx_result otx__trim_name(otx__reshaping *t, const otx_trim_options *options,
                                       size_t i, otx_error *error)
{
    char path[OTX__PATH_TEXT];
    otx__listed listed;
    int64_t id;
    bool counted;
    otx_result result = otx__trim_counted(t, options, i, &counted, error);
    if (result || counted) return result;
    result = otx__listed_open(t->ctx, options->tokens[i], i, &listed, error);
    if (!result) {
        id = otx__reshape_find(t, &listed.name);
        if (id >= 0) t->keep[id] = !options->drop;
        else
            result = otx__fail(error, OTX_ERROR_NOT_FOUND, "token %" PRIu64 " of the list, "
                               "\"%s\": %s has no such token", (uint64_t)i + 1, listed.quoted,
                               otx__path_text(path, t->model));
    }
    otx__listed_close(t->ctx, &listed);
    return result;
}

/* Marks what the caller wants to stay. */
OTX__PRIVATE otx_result otx__trim_wish(otx__reshaping *t, const otx_trim_options *options,
                                       otx_trim_summary *summary, otx_error *error)
{
    otx_result result = OTX_OK;
    size_t i;
    for (i = 0; i < t->vocab.count; i++) {
        const bool token = t->vocab.tokens[i].kind != OTX_TOKEN_NONE;
        t->keep[i] = token && (options->drop || i < options->first);
    }
    for (i = 0; i < options->token_count && !result; i++)
        result = otx__trim_name(t, options, i, error);
    if (!result) result = otx__texts_keep(t, options, summary, error);
    for (i = 0; i < t->vocab.count; i++) summary->wanted += t->keep[i];
    return result;
}

/* What is wanted, and what comes of it. */
typedef struct otx__trimming {
    otx__reshaping t;
    otx__bytes bytes;
    bool by_bytes; /* the tokenizer becomes one of bytes */
    otx_trim_summary summary;
} otx__trimming;

OTX__PRIVATE otx_result otx__trim_choose(otx__trimming *trimming,
                                         const otx_trim_options *options, otx_error *error)
{
    otx__reshaping *t = &trimming->t;
    otx_trim_summary *summary = &trimming->summary;
    char path[OTX__PATH_TEXT];
    otx_result result = otx__reshape_open(t, error);
    if (!result) trimming->by_bytes = options->bytes && !otx__bytes_are_there(t);
    if (!result && !options->bytes) result = otx__trim_wish(t, options, summary, error);
    if (!result) result = otx__reshape_look(t, &summary->always, error);
    if (!result && !t->gguf) result = otx__keep_named(t, &summary->always, error);
    if (!result && trimming->by_bytes)
        result = otx__bytes_choose(&trimming->bytes, t, summary, error);
    else if (!result)
        result = otx_vocab_close_under_merges(t->ctx, &t->vocab, t->keep, summary, error);
    if (!result) result = otx__renumber(t, error);
    if (result) return result;
    summary->before = t->vocab.token_count;
    summary->after = t->count - t->hole_count;
    if (summary->after == t->vocab.token_count && !trimming->by_bytes)
        otx__log(t->ctx, OTX_WARNING, "%s: none of its %" PRIu64 " tokens can go: those that are "
                 "not named to stay are needed by others", otx__path_text(path, t->model),
                 summary->after);
    return OTX_OK;
}

/* Bytes of a model's vocabulary matrices, with as many rows as they have now. */
OTX__PRIVATE void otx__trim_count_bytes(const otx_job *job, otx_trim_summary *summary)
{
    size_t i;
    for (i = 0; i < job->base.parts.count; i++) {
        const otx_tensor *old = job->base.parts.tensors[i].at->tensor;
        const otx__tensor_plan *plan = &job->plans[i];
        unsigned bytes;
        const unsigned elements = otx_dtype_block(plan->stored, &bytes);
        summary->matrices += old->end - old->begin;
        if (!job->base.parts.tensors[i].redundant && elements)
            summary->trimmed += (uint64_t)plan->rows * plan->columns / elements * bytes;
    }
}

OTX__PRIVATE otx_result otx__trim_look(void *context, otx_job *job, otx_error *error)
{
    otx__trimming *trimming = (otx__trimming *)context;
    (void)error;
    otx__trim_count_bytes(job, &trimming->summary);
    if (!trimming->by_bytes) return OTX_OK;
    job->give = otx__bytes_give;
    job->give_context = &trimming->bytes;
    return OTX_OK;
}

OTX__PRIVATE otx_result otx__trim_write(otx__trimming *trimming, const char *out,
                                        const otx_trim_options *options, otx_error *error)
{
    otx__reshaping *t = &trimming->t;
    otx_job_options job;
    otx__output output;
    otx_result result = otx__new_stage(t, out, options->overwrite, &output, error);
    if (result) return result;
    memset(&job, 0, sizeof job);
    job.method = OTX_METHOD_ZERO; /* there is nothing to be made, but for bytes */
    if (trimming->by_bytes) job.method = OTX_METHOD_MEAN;
    if (trimming->by_bytes) job.byte_match = OTX_MATCH_NO;
    job.rows = OTX_ROWS_MULTIPLE;
    job.rows_multiple = options->multiple ? options->multiple : 1;
    job.overwrite = options->overwrite;
    result = trimming->by_bytes ? otx__bytes_write_all(t, output.partial, error)
                                : otx__new_write_all(t, output.partial, error);
    if (!result)
        result = otx__texts_after(t->ctx, output.partial, options, &trimming->summary, error);
    if (!result)
        result = otx__new_model(t, &job, output.partial, out, otx__trim_look, trimming, error);
    otx__output_abandon(&output);
    return result;
}

OTX_API otx_result otx_trim(const otx_context *ctx, const char *model, const char *out,
                            const otx_trim_options *options, otx_trim_summary *summary,
                            otx_error *error)
{
    otx__trimming trimming;
    otx_result result;
    memset(&trimming, 0, sizeof trimming);
    trimming.t.ctx = ctx;
    trimming.t.model = model;
    result = otx__trim_choose(&trimming, options, error);
    if (!result) result = otx__trim_write(&trimming, out, options, error);
    if (!result && summary) *summary = trimming.summary;
    otx__bytes_close(&trimming.bytes);
    otx__reshape_close(&trimming.t);
    return result;
}

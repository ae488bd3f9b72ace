/* ---- verify: whether a finished model agrees with itself ------------------- */

/* Checks a directory, whose path the side has. */
OTX__PRIVATE void otx__verify_directory(otx__verifier *v)
{
    otx__verify_open(v);
    otx__verify_index(v);
    otx__verify_listing(v);
    otx__verify_code(v);
    otx__verify_class(v);
    otx__verify_processor(v);
    otx__verify_rows(v);
    otx__verify_ids(v);
    otx__verify_tie(v);
    otx__verify_head(v);
    otx__verify_values(v);
}

OTX__PRIVATE void otx__verifier_open(otx__verifier *v, const otx_context *ctx,
                                     const otx_verify_options *options, otx_error *error)
{
    memset(v, 0, sizeof *v);
    if (ctx) v->quiet = *ctx;
    v->quiet.log = NULL;
    v->ctx = v->quiet;
    v->ctx.log = otx__verify_log;
    v->ctx.log_context = v;
    v->options = options;
    v->error = error;
}

OTX_API otx_result otx_verify(const otx_context *ctx, const char *path,
                              const otx_verify_options *options, otx_verify_summary *summary,
                              otx_error *error)
{
    otx_verify_options none;
    otx__verifier v;
    otx__status status;
    char name[OTX__PATH_TEXT], *file = NULL;
    otx_result result = otx__model_status(path, &status, error);
    if (!result) result = otx__find_gguf(ctx, path, &file, error);
    if (result) return result;
    if (!status.directory && !file)
        return otx__fail(error, OTX_ERROR_ARGUMENT, "%s: is neither a directory nor a GGUF file",
                         otx__path_text(name, path));
    memset(&none, 0, sizeof none);
    otx__verifier_open(&v, ctx, options ? options : &none, error);
    v.failure = otx__side_begin(&v.ctx, file ? file : path, false, &v.side, error);
    if (file) otx__verify_gguf(&v);
    else otx__verify_directory(&v);
    otx__verify_draft(&v);
    if (v.draft) otx__free(&v.ctx, v.draft, (size_t)v.side.draft_rows, sizeof *v.draft);
    otx__side_close(&v.ctx, &v.side);
    otx__path_free(ctx, file);
    if (summary && !v.failure) *summary = v.summary;
    return v.failure;
}

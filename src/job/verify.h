/* ---- verify: whether a finished directory agrees with itself --------------- */

OTX_API otx_result otx_verify(const otx_context *ctx, const char *path,
                              const otx_verify_options *options, otx_verify_summary *summary,
                              otx_error *error)
{
    otx_verify_options none;
    otx__verifier v;
    otx__status status;
    otx_result result = otx__model_status(path, &status, error);
    char name[OTX__PATH_TEXT];
    if (result) return result;
    if (!status.directory)
        return otx__fail(error, OTX_ERROR_ARGUMENT, "%s: is not a directory",
                         otx__path_text(name, path));
    memset(&none, 0, sizeof none);
    memset(&v, 0, sizeof v);
    if (ctx) v.quiet = *ctx;
    v.ctx = v.quiet;
    v.ctx.log = otx__verify_log;
    v.ctx.log_context = &v;
    v.options = options ? options : &none;
    v.error = error;
    v.failure = otx__side_begin(&v.ctx, path, false, &v.side, error);
    otx__verify_open(&v);
    otx__verify_index(&v);
    otx__verify_listing(&v);
    otx__verify_code(&v);
    otx__verify_class(&v);
    otx__verify_processor(&v);
    otx__verify_rows(&v);
    otx__verify_ids(&v);
    otx__verify_tie(&v);
    otx__verify_values(&v);
    otx__verify_draft(&v);
    otx__side_close(&v.ctx, &v.side);
    if (summary && !v.failure) *summary = v.summary;
    return v.failure;
}

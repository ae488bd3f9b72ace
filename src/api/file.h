/* ---- files -------------------------------------------------------------- */

/* Opens the file at `path` (UTF-8 on every platform) for positioned reads;
   close with otx_source_close. Only regular files can be opened; a missing one is
   OTX_ERROR_NOT_FOUND. */
OTX_API otx_result otx_source_open(const otx_context *ctx, const char *path, otx_source *out,
                                   otx_error *error);
OTX_API void otx_source_close(const otx_context *ctx, otx_source *source);

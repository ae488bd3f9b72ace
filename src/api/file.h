/* ---- files -------------------------------------------------------------- */

/* Opens the file at `path` (UTF-8 on every platform) for positioned reads, which are
   thread-safe; close with otx_source_close. Only regular files can be opened. Where there
   is none, OTX_ERROR_NOT_FOUND; one that is there and cannot be looked at or opened, or a
   link that leads nowhere, is another error. */
OTX_API otx_result otx_source_open(const otx_context *ctx, const char *path, otx_source *out,
                                   otx_error *error);
OTX_API void otx_source_close(const otx_context *ctx, otx_source *source);

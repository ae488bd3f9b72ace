/* ---- files to read ------------------------------------------------------ */

/* What an open source keeps. */
typedef struct otx__source_file {
    int file;
    otx__status status; /* of the file when it was opened */
} otx__source_file;

OTX__PRIVATE bool otx__source_read(void *context, uint64_t offset, void *buffer, size_t size)
{
    const otx__source_file *source = (const otx__source_file *)context;
    char *to = (char *)buffer;
    while (size > 0) {
        ptrdiff_t got = otx__sys_read(source->file, offset, to, otx__min(size, OTX__CHUNK));
        if (got <= 0) return false;
        to += got;
        offset += (uint64_t)got;
        size -= (size_t)got;
    }
    return true;
}

/* Reports a read that failed, and why if that can still be seen. */
OTX__PRIVATE otx_result otx__fail_read(otx_error *error, const char *path,
                                       const otx_source *source, uint64_t offset, size_t size)
{
    char name[OTX__PATH_TEXT];
    otx__status status;
    otx__path_text(name, path);
    if (otx__sys_status(path, &status) && status.present && status.size < source->size)
        return otx__fail(error, OTX_ERROR_IO, "%s: has shrunk from %" PRIu64 " to %" PRIu64
                         " bytes while it was being read", name, source->size, status.size);
    return otx__fail(error, OTX_ERROR_IO, "%s: cannot read %" PRIu64 " bytes at offset %" PRIu64
                     " of %" PRIu64, name, (uint64_t)size, offset, source->size);
}

/* The status of a path that must be a regular file. */
OTX__PRIVATE otx_result otx__require_regular(const char *path, otx_error *error)
{
    char name[OTX__PATH_TEXT];
    otx__status status;
    otx_result result = otx__look(path, &status, error);
    if (result || status.regular) return result;
    if (!status.present) return otx__fail_system(error, path, "cannot be opened", ENOENT);
    return otx__fail(error, OTX_ERROR_IO, "%s: is %s, not a regular file",
                     otx__path_text(name, path),
                     status.directory ? "a directory" : "a device or a pipe");
}

OTX_API otx_result otx_source_open(const otx_context *ctx, const char *path, otx_source *out,
                                   otx_error *error)
{
    char name[OTX__PATH_TEXT];
    otx__source_file *source;
    otx__status status;
    otx_result result;
    memset(out, 0, sizeof *out);
    result = otx__require_regular(path, error);
    if (result) return result;
    source = (otx__source_file *)otx__alloc(ctx, 1, sizeof *source);
    if (!source) return otx__fail_memory(error, sizeof *source);
    memset(&status, 0, sizeof status);
    source->file = otx__sys_open(path);
    if (source->file < 0)
        result = otx__fail_system(error, path, "cannot be opened", errno);
    else if (!otx__sys_status_open(source->file, &status) || !status.regular)
        result = otx__fail(error, OTX_ERROR_IO, "%s: changed while it was being opened",
                           otx__path_text(name, path));
    if (result) {
        if (source->file >= 0) (void)otx__sys_close(source->file);
        otx__free(ctx, source, 1, sizeof *source);
        return result;
    }
    source->status = status;
    out->read = otx__source_read;
    out->context = source;
    out->size = status.size;
    return OTX_OK;
}

OTX_API void otx_source_close(const otx_context *ctx, otx_source *source)
{
    otx__source_file *file = (otx__source_file *)source->context;
    if (file) {
        (void)otx__sys_close(file->file);
        otx__free(ctx, file, 1, sizeof *file);
    }
    memset(source, 0, sizeof *source);
}

/* ---- files that change while they are read ---- */

/* Fails if a file is no longer what it was: of that size and time. Not by its number,
   which some network file systems make up anew. */
OTX__PRIVATE otx_result otx__compare_status(const char *path, const otx__status *then,
                                            const otx__status *now, otx_error *error)
{
    char name[OTX__PATH_TEXT];
    if (now->present && then->size == now->size && then->modified == now->modified)
        return OTX_OK;
    otx__path_text(name, path);
    if (!now->present)
        return otx__fail(error, OTX_ERROR_IO, "%s: has vanished since it was first looked at",
                         name);
    if (then->size == now->size)
        return otx__fail(error, OTX_ERROR_IO, "%s: has been written to since it was first "
                         "looked at", name);
    return otx__fail(error, OTX_ERROR_IO, "%s: had %" PRIu64 " bytes when it was first looked "
                     "at, and has %" PRIu64 " now", name, then->size, now->size);
}

/* Fails if an open source is no longer what its path leads to: what was read may be a
   mixture. For what otx_source_open has opened. */
OTX__PRIVATE otx_result otx__source_unchanged(const otx_source *source, const char *path,
                                              otx_error *error)
{
    const otx__source_file *file = (const otx__source_file *)source->context;
    otx__status now;
    otx_result result = otx__look(path, &now, error);
    return result ? result : otx__compare_status(path, &file->status, &now, error);
}

/* ---- small files, whole ---- */

/* Reads all of an open source; the text is NUL-terminated. */
OTX__PRIVATE otx_result otx__source_text(const otx_context *ctx, const otx_source *source,
                                         const char *path, char **text, otx_error *error)
{
    const size_t size = (size_t)source->size;
    char *bytes = (char *)otx__alloc(ctx, size + 1, 1);
    otx_result result = OTX_OK;
    if (!bytes) return otx__fail_memory(error, source->size + 1);
    if (!source->read(source->context, 0, bytes, size))
        result = otx__fail_read(error, path, source, 0, size);
    if (!result) result = otx__source_unchanged(source, path, error);
    if (result) {
        otx__free(ctx, bytes, size + 1, 1);
        return result;
    }
    bytes[size] = 0;
    *text = bytes;
    return OTX_OK;
}

/* Frees what otx__file_read_all gave; NULL is fine. */
OTX__PRIVATE void otx__file_free(const otx_context *ctx, char *text, size_t size)
{
    otx__free(ctx, text, size + 1, 1);
}

/* Reads a whole file of at most `limit` bytes. The text is NUL-terminated behind
   its `size` bytes; free it with otx__file_free. A file that does not exist is
   OTX_ERROR_NOT_FOUND. */
OTX__PRIVATE otx_result otx__file_read_all(const otx_context *ctx, const char *path,
                                           size_t limit, char **text, size_t *size,
                                           otx_error *error)
{
    char name[OTX__PATH_TEXT];
    otx_source source;
    otx_result result = otx_source_open(ctx, path, &source, error);
    *text = NULL;
    *size = 0;
    if (result) return result;
    if (source.size > limit || source.size >= SIZE_MAX)
        result = otx__fail(error, OTX_ERROR_LIMIT, "%s: has %" PRIu64 " bytes, more than the "
                           "limit of %" PRIu64, otx__path_text(name, path), source.size,
                           (uint64_t)limit);
    if (!result) result = otx__source_text(ctx, &source, path, text, error);
    if (!result) *size = (size_t)source.size;
    otx_source_close(ctx, &source);
    if (!result && strncmp(*text, OTX__LFS_POINTER, sizeof OTX__LFS_POINTER - 1) == 0) {
        otx__file_free(ctx, *text, *size);
        *text = NULL;
        result = otx__fail_lfs(error, otx__path_text(name, path));
    }
    return result;
}

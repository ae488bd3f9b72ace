/* ---- files to write ----------------------------------------------------- */

/* Bytes gathered before they are written. */
#define OTX__FILE_BUFFER ((size_t)256 << 10)

/* A new file that is being written. `sink` points back at the struct, which must
   stay where it is. */
typedef struct otx__file {
    const otx_context *ctx;
    char *path;
    unsigned char *buffer;
    size_t used;
    int file;
    int failure; /* errno of the first write that failed, or 0 */
    uint64_t written, pushed; /* bytes; those on their way to the disk */
    otx_sink sink;
} otx__file;

/* Bytes between two pushes: waiting for a whole shard at its end would take longer
   than a caller who wants to stop should wait. */
#define OTX__FILE_PUSH ((uint64_t)64 << 20)

/* Counts bytes that have been written. */
OTX__PRIVATE void otx__file_add(otx__file *file, size_t size)
{
    file->written += (uint64_t)size;
    if (file->written - file->pushed < OTX__FILE_PUSH) return;
    if (!otx__sys_push(file->file, file->pushed, file->written)) file->failure = errno;
    file->pushed = file->written;
}

OTX__PRIVATE void otx__file_put(otx__file *file, const unsigned char *bytes, size_t size)
{
    while (size > 0 && !file->failure) {
        ptrdiff_t done = otx__sys_write(file->file, bytes, otx__min(size, OTX__CHUNK));
        if (done <= 0) {
            file->failure = done < 0 && errno ? errno : EIO;
            return;
        }
        bytes += done;
        size -= (size_t)done;
        otx__file_add(file, (size_t)done);
    }
}

OTX__PRIVATE bool otx__file_write(void *context, const void *bytes, size_t size)
{
    otx__file *file = (otx__file *)context;
    if (size > OTX__FILE_BUFFER - file->used) {
        otx__file_put(file, file->buffer, file->used);
        file->used = 0;
        if (size >= OTX__FILE_BUFFER) {
            otx__file_put(file, (const unsigned char *)bytes, size);
            return !file->failure;
        }
    }
    if (size > 0) memcpy(file->buffer + file->used, bytes, size);
    file->used += size;
    return !file->failure;
}

/* Where the bytes of two files lie alike to this, a system can share blocks, or move pages; else
   it is slower than reading and writing. */
#define OTX__FILE_PAGE 4096

/* Has the system copy bytes of an open file behind what was written. How many it did; 0 where
   it will not or should not, whatever for: reading and writing then tell. */
OTX__PRIVATE size_t otx__file_take(otx__file *file, int from, uint64_t offset, size_t size)
{
#ifdef OTX__COPY_BY_SYSTEM
    ptrdiff_t done;
    if ((file->written + file->used - offset) % OTX__FILE_PAGE != 0) return 0;
    otx__file_put(file, file->buffer, file->used);
    file->used = 0;
    if (file->failure) return 0;
    done = otx__sys_copy(from, offset, file->file, size);
    if (done <= 0) return 0;
    otx__file_add(file, (size_t)done);
    return (size_t)done;
#else
    (void)file, (void)from, (void)offset, (void)size;
    return 0;
#endif
}

OTX__PRIVATE void otx__file_free_parts(otx__file *file)
{
    otx__path_free(file->ctx, file->path);
    otx__free(file->ctx, file->buffer, OTX__FILE_BUFFER, 1);
    memset(file, 0, sizeof *file);
}

/* Creates a file that must not exist yet, with the usual permissions (0666 less
   the umask, whatever the file copied from had). Must be followed by
   otx__file_finish. */
OTX__PRIVATE otx_result otx__file_create(const otx_context *ctx, const char *path,
                                         otx__file *out, otx_error *error)
{
    memset(out, 0, sizeof *out);
    out->ctx = ctx;
    out->path = otx__path_copy(ctx, path, strlen(path));
    out->buffer = (unsigned char *)otx__alloc(ctx, OTX__FILE_BUFFER, 1);
    if (!out->path || !out->buffer) {
        otx__file_free_parts(out);
        return otx__fail_memory(error, OTX__FILE_BUFFER);
    }
    out->file = otx__sys_create(path);
    if (out->file < 0) {
        int number = errno;
        otx__file_free_parts(out);
        return otx__fail_system(error, path, "cannot be created", number);
    }
    out->sink.write = otx__file_write;
    out->sink.context = out;
    return OTX_OK;
}

/* Ends a file: writes what is buffered, waits until it is on the disk, closes.
   `result` is that of whatever wrote into the sink; if it is a failure, or
   writing fails here, the file is removed. A failure of the file itself takes the
   place of `result` and of its message, because it is the cause. */
OTX__PRIVATE otx_result otx__file_finish(otx__file *file, otx_result result, otx_error *error)
{
    if (!result) otx__file_put(file, file->buffer, file->used);
    if (!result && !file->failure && !otx__sys_sync(file->file)) file->failure = errno;
    if (!otx__sys_close(file->file) && !result && !file->failure) file->failure = errno;
    if (file->failure)
        result = otx__fail_system(error, file->path, "cannot be written", file->failure);
    if (result) (void)otx__sys_remove(file->path);
    otx__file_free_parts(file);
    return result;
}

/* Makes the names within a directory durable. Where the system fails at that, all is
   written but may not outlive a loss of power, which is worth a word. */
OTX__PRIVATE void otx__directory_sync(const otx_context *ctx, const char *path)
{
    char name[OTX__PATH_TEXT], why[OTX__REASON_TEXT];
    int number;
    if (otx__sys_sync_directory(path)) return;
    number = errno;
    otx__log(ctx, OTX_WARNING, "%s: may not outlive a loss of power: its names could not be "
             "brought to the disk: %s", otx__path_text(name, path),
             otx__reason_text(why, number));
}

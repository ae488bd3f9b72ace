/* ---- file: paths, reading, writing, copying -------------------------------- */

/* ---- paths and failures ---- */

/* Room for a path in a message: `char text[OTX__PATH_TEXT];`. */
#define OTX__PATH_TEXT 300

/* Makes a path fit for a message. Of a long one the end is kept, because that
   names the file. */
OTX__PRIVATE const char *otx__path_text(char to[OTX__PATH_TEXT], const char *path)
{
    const size_t most = OTX__PATH_TEXT - 16;
    size_t size = strlen(path), begin = size > most ? size - most : 0, i;
    char tail[OTX__PATH_TEXT];
    while (begin > 0 && ((unsigned char)path[begin] & 0xc0) == 0x80) begin++;
    for (i = begin; i < size; i++) tail[i - begin] = OTX__SEPARATOR(path[i]) ? '/' : path[i];
    if (begin > 0) memcpy(to, "...", 3);
    (void)otx__quote(to + (begin > 0 ? 3 : 0), OTX__PATH_TEXT - 3, tail, size - begin);
    return to;
}

/* Reports a failed system call: "PATH: WHAT: why". `number` is errno's value. */
OTX__PRIVATE otx_result otx__fail_system(otx_error *error, const char *path, const char *what,
                                         int number)
{
    char name[OTX__PATH_TEXT], text[128], why[OTX__QUOTED];
    otx_result code = number == ENOENT || number == ENOTDIR ? OTX_ERROR_NOT_FOUND
                      : number == EEXIST || number == ENOTEMPTY ? OTX_ERROR_EXISTS
                      : number == ENOMEM ? OTX_ERROR_MEMORY
                                         : OTX_ERROR_IO;
    if (number == EOVERFLOW || number == EFBIG)
        return otx__fail(error, OTX_ERROR_LIMIT, "%s: %s: too large for this build or file "
                         "system (files of 2 GiB and more need 64-bit offsets: compile with "
                         "-D_FILE_OFFSET_BITS=64)", otx__path_text(name, path), what);
    otx__sys_error_text(text, sizeof text, number);
    otx__quote(why, sizeof why, text, strlen(text)); /* it may not be UTF-8 */
    return otx__fail(error, code, "%s: %s: %s%s", otx__path_text(name, path), what, why,
                     number == EMFILE ? " (see ulimit -n)" : "");
}

/* directory/name in a block of its own; free with otx__path_free. NULL when out
   of memory. An empty directory gives the name alone. */
OTX__PRIVATE char *otx__path_join(const otx_context *ctx, const char *directory,
                                  const char *name)
{
    size_t length = strlen(directory), size = strlen(name);
    bool separate = length > 0 && !OTX__SEPARATOR(directory[length - 1]);
    char *path = (char *)otx__alloc(ctx, length + (separate ? 1 : 0) + size + 1, 1);
    if (!path) return NULL;
    memcpy(path, directory, length);
    if (separate) path[length++] = '/';
    memcpy(path + length, name, size + 1);
    return path;
}

/* Frees a block that holds a string and its terminator and no more. */
OTX__PRIVATE void otx__path_free(const otx_context *ctx, char *path)
{
    if (path) otx__free(ctx, path, strlen(path) + 1, 1);
}

/* A copy of a string's first `size` bytes, for otx__path_free. */
OTX__PRIVATE char *otx__path_copy(const otx_context *ctx, const char *path, size_t size)
{
    char *copy = (char *)otx__alloc(ctx, size + 1, 1);
    if (!copy) return NULL;
    memcpy(copy, path, size);
    copy[size] = 0;
    return copy;
}

/* Where the last name of a path starts. */
OTX__PRIVATE size_t otx__path_name(const char *path)
{
    size_t at = strlen(path);
    while (at > 0 && !OTX__SEPARATOR(path[at - 1])) at--;
    return at;
}

/* The directory a path lies in, for otx__path_free: "." for a bare name. */
OTX__PRIVATE char *otx__path_parent(const otx_context *ctx, const char *path)
{
    size_t size = otx__path_name(path);
    if (size == 0) return otx__path_copy(ctx, ".", 1);
    while (size > 1 && OTX__SEPARATOR(path[size - 1])) size--;
    return otx__path_copy(ctx, path, size);
}

OTX__PRIVATE bool otx__file_exists(const char *path)
{
    otx__status status;
    return otx__sys_status(path, &status);
}

OTX__PRIVATE bool otx__is_directory(const char *path)
{
    otx__status status;
    return otx__sys_status(path, &status) && status.directory;
}

/* Whether both paths lead to one file or directory. */
OTX__PRIVATE bool otx__same_file(const char *a, const char *b) { return otx__sys_same(a, b); }

/* The nearest directory above a path that exists, or the path itself. Takes
   over `path`; NULL when out of memory. */
OTX__PRIVATE char *otx__path_existing(const otx_context *ctx, char *path)
{
    while (path && !otx__is_directory(path)) {
        bool bare = otx__path_name(path) == 0;
        char *parent = otx__path_parent(ctx, path);
        otx__path_free(ctx, path);
        path = parent;
        if (bare) break;
    }
    return path;
}

/* Whether `path` is `directory` or lies anywhere within it, or would if it
   existed. Goes up from `path` as the system does, so that links make no
   difference. */
OTX__PRIVATE otx_result otx__is_within(const otx_context *ctx, const char *path,
                                       const char *directory, bool *within, otx_error *error)
{
    char *here = otx__path_copy(ctx, path, strlen(path)), *above;
    otx_result result = OTX_OK;
    bool found = false;
    *within = false;
    here = otx__path_existing(ctx, here);
    if (!here) return otx__fail_memory(error, strlen(path) + 1);
    for (;;) {
        if (!otx__file_exists(here)) {
            result = otx__fail_system(error, path, "cannot go up from here", errno);
            break;
        }
        found = otx__same_file(here, directory);
        if (found) break;
        above = otx__path_join(ctx, here, "..");
        if (!above) {
            result = otx__fail_memory(error, strlen(here) + 4);
            break;
        }
        if (otx__same_file(here, above)) { /* the root is its own parent */
            otx__path_free(ctx, above);
            break;
        }
        otx__path_free(ctx, here);
        here = above;
    }
    otx__path_free(ctx, here);
    *within = found;
    return result;
}

/* ---- listings ---- */

/* The names in a directory, sorted by their bytes, without "." and "..". */
typedef struct otx__listing {
    const otx_context *ctx;
    char **names;
    size_t count, capacity;
} otx__listing;

OTX__PRIVATE void otx__listing_close(otx__listing *listing)
{
    size_t i;
    for (i = 0; i < listing->count; i++) otx__path_free(listing->ctx, listing->names[i]);
    if (listing->capacity)
        otx__free(listing->ctx, listing->names, listing->capacity, sizeof *listing->names);
    memset(listing, 0, sizeof *listing);
}

OTX__PRIVATE int otx__compare_names(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

OTX__PRIVATE bool otx__listing_add(otx__listing *listing, const char *name)
{
    void *names = listing->names;
    char *copy;
    if (!otx__grow(listing->ctx, &names, &listing->capacity, listing->count + 1,
                   sizeof *listing->names))
        return false;
    listing->names = (char **)names;
    copy = otx__path_copy(listing->ctx, name, strlen(name));
    if (!copy) return false;
    listing->names[listing->count++] = copy;
    return true;
}

OTX__PRIVATE otx_result otx__listing_open(const otx_context *ctx, const char *path,
                                          otx__listing *out, otx_error *error)
{
    otx__sys_directory directory;
    otx_result result = OTX_OK;
    const char *name;
    memset(out, 0, sizeof *out);
    out->ctx = ctx;
    if (!otx__sys_directory_open(&directory, path))
        return otx__fail_system(error, path, "cannot list the directory", errno);
    while (!result && (name = otx__sys_directory_next(&directory)) != NULL) {
        if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0) continue;
        if (!otx__listing_add(out, name)) result = otx__fail_memory(error, strlen(name) + 1);
    }
    if (!result && errno != 0)
        result = otx__fail_system(error, path, "cannot list the directory", errno);
    otx__sys_directory_close(&directory);
    if (result) otx__listing_close(out);
    else otx__sort(out->names, out->count, sizeof *out->names, otx__compare_names);
    return result;
}

OTX__PRIVATE bool otx__listing_has(const otx__listing *listing, const char *name)
{
    return listing->count > 0 && bsearch(&name, listing->names, listing->count,
                                         sizeof *listing->names, otx__compare_names) != NULL;
}

/* ---- sources ---- */

/* What an open source keeps. */
typedef struct otx__source_file {
    int file;
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
    if (otx__sys_status(path, &status) && status.size < source->size)
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
    if (!otx__sys_status(path, &status))
        return otx__fail_system(error, path, "cannot be opened", errno);
    if (status.regular) return OTX_OK;
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

/* Reads a whole file of at most `limit` bytes. The text is NUL-terminated behind
   its `size` bytes; free it with otx__file_free. A file that does not exist is
   OTX_ERROR_NOT_FOUND. */
OTX__PRIVATE otx_result otx__file_read_all(const otx_context *ctx, const char *path,
                                           size_t limit, char **text, size_t *size,
                                           otx_error *error)
{
    char name[OTX__PATH_TEXT], *bytes = NULL;
    otx_source source;
    otx_result result = otx_source_open(ctx, path, &source, error);
    *text = NULL;
    *size = 0;
    if (result) return result;
    if (source.size > limit || source.size >= SIZE_MAX) {
        result = otx__fail(error, OTX_ERROR_LIMIT, "%s: has %" PRIu64 " bytes, more than the "
                           "limit of %" PRIu64, otx__path_text(name, path), source.size,
                           (uint64_t)limit);
        goto done;
    }
    bytes = (char *)otx__alloc(ctx, (size_t)source.size + 1, 1);
    if (!bytes) {
        result = otx__fail_memory(error, source.size + 1);
        goto done;
    }
    if (!source.read(source.context, 0, bytes, (size_t)source.size)) {
        result = otx__fail_read(error, path, &source, 0, (size_t)source.size);
        otx__free(ctx, bytes, (size_t)source.size + 1, 1);
        goto done;
    }
    bytes[source.size] = 0;
    *text = bytes;
    *size = (size_t)source.size;
done:
    otx_source_close(ctx, &source);
    return result;
}

/* Frees what otx__file_read_all gave; NULL is fine. */
OTX__PRIVATE void otx__file_free(const otx_context *ctx, char *text, size_t size)
{
    otx__free(ctx, text, size + 1, 1);
}

/* ---- sinks ---- */

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
        file->written += (uint64_t)done;
        if (file->written - file->pushed < OTX__FILE_PUSH) continue;
        if (!otx__sys_push(file->file, file->pushed, file->written)) file->failure = errno;
        file->pushed = file->written;
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

/* ---- copies ---- */

/* How far a long run of copies has come; NULL where nobody asks. */
typedef struct otx__meter {
    otx_stage stage;
    const char *subject;
    uint64_t done, total;
} otx__meter;

OTX__PRIVATE otx_result otx__meter_add(const otx_context *ctx, otx__meter *meter,
                                       uint64_t bytes, otx_error *error)
{
    if (!meter) return OTX_OK;
    meter->done += bytes;
    return otx__progress(ctx, meter->stage, meter->subject, meter->done, meter->total, error);
}

/* Bytes moved at a time: few calls, and progress often enough. */
#define OTX__STREAM_BLOCK ((size_t)4 << 20)

/* Copies a range of a source into a sink. `path` names the source in errors. */
OTX__PRIVATE otx_result otx__stream(const otx_context *ctx, const otx_source *source,
                                    const char *path, uint64_t offset, uint64_t size,
                                    const otx_sink *sink, otx__meter *meter, otx_error *error)
{
    const size_t capacity = size < OTX__STREAM_BLOCK ? (size_t)size : OTX__STREAM_BLOCK;
    char name[OTX__PATH_TEXT], *block = (char *)otx__alloc(ctx, capacity, 1);
    otx_result result = OTX_OK;
    if (!block) return otx__fail_memory(error, capacity);
    while (size > 0 && !result) {
        size_t step = size < capacity ? (size_t)size : capacity;
        if (!source->read(source->context, offset, block, step))
            result = otx__fail_read(error, path, source, offset, step);
        else if (!sink->write(sink->context, block, step))
            result = otx__fail(error, OTX_ERROR_IO, "%s: its copy cannot be written",
                               otx__path_text(name, path));
        else result = otx__meter_add(ctx, meter, step, error);
        offset += step;
        size -= step;
    }
    otx__free(ctx, block, capacity, 1);
    return result;
}

/* Copies a file to a new one. The meter's total grows by its size. */
OTX__PRIVATE otx_result otx__file_copy(const otx_context *ctx, const char *from, const char *to,
                                       otx__meter *meter, otx_error *error)
{
    otx_source source;
    otx__file file;
    otx_result result = otx_source_open(ctx, from, &source, error);
    if (result) return result;
    if (meter) meter->total += source.size;
    result = otx__meter_add(ctx, meter, 0, error);
    if (!result) result = otx__file_create(ctx, to, &file, error);
    if (!result) {
        result = otx__stream(ctx, &source, from, 0, source.size, &file.sink, meter, error);
        result = otx__file_finish(&file, result, error);
    }
    otx_source_close(ctx, &source);
    return result;
}

/* Copies a directory and all it holds to a new one; files that links lead to
   become files. Call with OTX__TREE_DEPTH. */
OTX__PRIVATE otx_result otx__tree_copy(const otx_context *ctx, const char *from, const char *to,
                                       unsigned depth, otx__meter *meter, otx_error *error)
{
    char name[OTX__PATH_TEXT];
    otx__listing listing;
    otx_result result;
    size_t i;
    if (depth == 0)
        return otx__fail(error, OTX_ERROR_LIMIT, "%s: more than %d directories deep; does a "
                         "link lead in a circle?", otx__path_text(name, from), OTX__TREE_DEPTH);
    result = otx__listing_open(ctx, from, &listing, error);
    if (result) return result;
    if (!otx__sys_make_directory(to))
        result = otx__fail_system(error, to, "cannot be created", errno);
    for (i = 0; i < listing.count && !result; i++) {
        char *source = otx__path_join(ctx, from, listing.names[i]);
        char *target = otx__path_join(ctx, to, listing.names[i]);
        if (!source || !target) result = otx__fail_memory(error, strlen(from) + strlen(to));
        else if (otx__is_directory(source))
            result = otx__tree_copy(ctx, source, target, depth - 1, meter, error);
        else result = otx__file_copy(ctx, source, target, meter, error);
        otx__path_free(ctx, source);
        otx__path_free(ctx, target);
    }
    if (!result) otx__sys_sync_directory(to);
    otx__listing_close(&listing);
    return result;
}

/* Removes what stands at a path and all it holds; links are removed, not
   followed. Call with OTX__TREE_DEPTH. False if anything remains. */
OTX__PRIVATE bool otx__tree_remove(const otx_context *ctx, const char *path, unsigned depth)
{
    otx__listing listing;
    bool gone = true;
    size_t i;
    if (otx__sys_remove(path)) return true;
    if (errno != ENOTEMPTY || depth == 0) return false;
    if (otx__listing_open(ctx, path, &listing, NULL)) return false;
    for (i = 0; i < listing.count; i++) {
        char *child = otx__path_join(ctx, path, listing.names[i]);
        if (!child || !otx__tree_remove(ctx, child, depth - 1)) gone = false;
        otx__path_free(ctx, child);
    }
    otx__listing_close(&listing);
    return gone && otx__sys_remove(path);
}

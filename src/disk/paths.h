/* ---- paths, and failures of the system ---------------------------------- */

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

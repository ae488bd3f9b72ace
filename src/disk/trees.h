/* ---- trees: directories looked through, copied and removed with all they hold --- */

/* Directories within directories that a copy goes down to. Real models have two. */
#define OTX__TREE_DEPTH 32

/* What an entry of a tree is. Only what can be copied is: a file, be it by a link, and a
   directory by its own name. A link to a directory may lead in a circle, or bring in
   what no one has thought of. */
OTX__PRIVATE otx_result otx__tree_entry(const char *path, unsigned depth, otx__status *status,
                                        otx_error *error)
{
    char name[OTX__PATH_TEXT];
    otx_result result = otx__look(path, status, error);
    if (result || status->regular) return result;
    if (!status->directory) return otx__require_regular(path, error);
    otx__path_text(name, path);
    if (otx__sys_is_link(path))
        return otx__fail(error, OTX_ERROR_UNSUPPORTED, "%s: is a link to a directory, and only "
                         "links to files are followed: put the directory in its place, or "
                         "remove it", name);
    if (depth == 0)
        return otx__fail(error, OTX_ERROR_LIMIT, "%s: more than %d directories deep", name,
                         OTX__TREE_DEPTH);
    return OTX_OK;
}

/* ---- files as they were when they were first looked at ---- */

typedef struct otx__stamp {
    char *path;
    otx__status status;
} otx__stamp;

/* Files that must stay as they are until all is done. All zero but for ctx is none. */
typedef struct otx__stamps {
    const otx_context *ctx;
    otx__stamp *items;
    size_t count, capacity;
} otx__stamps;

OTX__PRIVATE void otx__stamps_close(otx__stamps *stamps)
{
    size_t i;
    for (i = 0; i < stamps->count; i++) otx__path_free(stamps->ctx, stamps->items[i].path);
    if (stamps->capacity)
        otx__free(stamps->ctx, stamps->items, stamps->capacity, sizeof *stamps->items);
    memset(stamps, 0, sizeof *stamps);
}

OTX__PRIVATE otx_result otx__stamps_add(otx__stamps *stamps, const char *path,
                                        const otx__status *status, otx_error *error)
{
    void *items = stamps->items;
    otx__stamp *stamp;
    if (!otx__grow(stamps->ctx, &items, &stamps->capacity, stamps->count + 1,
                   sizeof *stamps->items))
        return otx__fail_memory(error, (stamps->count + 1) * sizeof *stamps->items);
    stamps->items = (otx__stamp *)items;
    stamp = &stamps->items[stamps->count];
    stamp->path = otx__path_copy(stamps->ctx, path, strlen(path));
    if (!stamp->path) return otx__fail_memory(error, strlen(path) + 1);
    stamp->status = *status;
    stamps->count++;
    return OTX_OK;
}

/* Adds the files of a directory, though not of those within, whose names are wanted. */
OTX__PRIVATE otx_result otx__stamps_take(otx__stamps *stamps, const char *directory,
                                         bool (*wanted)(const char *name), otx_error *error)
{
    otx__listing listing;
    otx_result result = otx__listing_open(stamps->ctx, directory, &listing, error);
    size_t i;
    for (i = 0; i < listing.count && !result; i++) {
        otx__status status;
        char *path;
        if (!wanted(listing.names[i])) continue;
        memset(&status, 0, sizeof status);
        path = otx__path_join(stamps->ctx, directory, listing.names[i]);
        if (!path) {
            result = otx__fail_memory(error, strlen(directory) + 1);
            break;
        }
        result = otx__look(path, &status, error);
        if (!result && status.regular) result = otx__stamps_add(stamps, path, &status, error);
        otx__path_free(stamps->ctx, path);
    }
    otx__listing_close(&listing);
    return result;
}

/* Fails if one of the files is no longer what it was. */
OTX__PRIVATE otx_result otx__stamps_compare(const otx__stamps *stamps, otx_error *error)
{
    otx_result result = OTX_OK;
    size_t i;
    for (i = 0; i < stamps->count && !result; i++) {
        const otx__stamp *stamp = &stamps->items[i];
        otx__status now;
        result = otx__look(stamp->path, &now, error);
        if (!result) result = otx__compare_status(stamp->path, &stamp->status, &now, error);
    }
    return result;
}

/* ---- looking through ---- */

OTX__PRIVATE otx_result otx__tree_check_level(const otx_context *ctx, const char *path,
                                              unsigned depth, otx__stamps *stamps,
                                              otx_error *error)
{
    otx__listing listing;
    otx__status status;
    size_t i;
    otx_result result = otx__tree_entry(path, depth, &status, error);
    if (result) return result;
    if (status.regular) {
        int file = otx__sys_open(path);
        if (file < 0) return otx__fail_system(error, path, "cannot be opened", errno);
        (void)otx__sys_close(file);
        return stamps ? otx__stamps_add(stamps, path, &status, error) : OTX_OK;
    }
    result = otx__listing_open(ctx, path, &listing, error);
    if (result) return result;
    for (i = 0; i < listing.count && !result; i++) {
        char *child = otx__path_join(ctx, path, listing.names[i]);
        if (!child) result = otx__fail_memory(error, strlen(path) + 1);
        else result = otx__tree_check_level(ctx, child, depth - 1, stamps, error);
        otx__path_free(ctx, child);
    }
    otx__listing_close(&listing);
    return result;
}

/* Whether a file, or a directory and all it holds, can be copied, as far as that shows
   without reading: finds what otx__tree_copy would stumble over at the end of a long run.
   The files are added to `stamps`, unless that is NULL. */
OTX__PRIVATE otx_result otx__tree_check(const otx_context *ctx, const char *path,
                                        otx__stamps *stamps, otx_error *error)
{
    return otx__tree_check_level(ctx, path, OTX__TREE_DEPTH, stamps, error);
}

/* ---- copying ---- */

OTX__PRIVATE otx_result otx__tree_copy_level(const otx_context *ctx, const char *from,
                                             const char *to, unsigned depth, otx__meter *meter,
                                             otx_error *error)
{
    otx__listing listing;
    otx__status status;
    size_t i;
    otx_result result = otx__tree_entry(from, depth, &status, error);
    if (result) return result;
    if (status.regular) return otx__file_copy(ctx, from, to, meter, error);
    result = otx__listing_open(ctx, from, &listing, error);
    if (result) return result;
    if (!otx__sys_make_directory(to))
        result = otx__fail_system(error, to, "cannot be created", errno);
    for (i = 0; i < listing.count && !result; i++) {
        char *source = otx__path_join(ctx, from, listing.names[i]);
        char *target = otx__path_join(ctx, to, listing.names[i]);
        if (!source || !target) result = otx__fail_memory(error, strlen(from) + strlen(to));
        else result = otx__tree_copy_level(ctx, source, target, depth - 1, meter, error);
        otx__path_free(ctx, source);
        otx__path_free(ctx, target);
    }
    if (!result) otx__directory_sync(ctx, to);
    otx__listing_close(&listing);
    return result;
}

/* Copies a file, or a directory and all it holds, to a new name; files that links lead to
   become files. */
OTX__PRIVATE otx_result otx__tree_copy(const otx_context *ctx, const char *from, const char *to,
                                       otx__meter *meter, otx_error *error)
{
    return otx__tree_copy_level(ctx, from, to, OTX__TREE_DEPTH, meter, error);
}

/* ---- removing ---- */

OTX__PRIVATE bool otx__tree_remove(const otx_context *ctx, const char *path);

/* Removes all that a directory holds. */
OTX__PRIVATE bool otx__tree_clear(const otx_context *ctx, const char *path)
{
    otx__listing listing;
    bool gone = true;
    size_t i;
    if (otx__listing_open(ctx, path, &listing, NULL)) return false;
    for (i = 0; i < listing.count; i++) {
        char *child = otx__path_join(ctx, path, listing.names[i]);
        if (!child || !otx__tree_remove(ctx, child)) gone = false;
        otx__path_free(ctx, child);
    }
    otx__listing_close(&listing);
    return gone;
}

OTX__PRIVATE bool otx__tree_remove_unlocked(const otx_context *ctx, const char *path)
{
    if (otx__sys_remove(path)) return true;
    return errno == ENOTEMPTY && otx__tree_clear(ctx, path) && otx__sys_remove(path);
}

/* Removes what stands at a path and all it holds, however deep; links are removed, not
   followed, and what is read-only is made writable if need be. False if anything
   remains. */
OTX__PRIVATE bool otx__tree_remove(const otx_context *ctx, const char *path)
{
    if (otx__tree_remove_unlocked(ctx, path)) return true;
    return otx__sys_unlock(path) && otx__tree_remove_unlocked(ctx, path);
}

/* ---- listings of directories -------------------------------------------- */

/* The names in a directory, sorted by their bytes, without "." and ".." and what the system
   would take for those: by such a name one would come back to the same directory. */
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
        if (otx__sys_is_no_name(name)) continue;
        if (!otx__listing_add(out, name)) result = otx__fail_memory(error, strlen(name) + 1);
    }
    if (!result && errno != 0)
        result = otx__fail_system(error, path, "cannot list the directory", errno);
    otx__sys_directory_close(&directory);
    if (result) otx__listing_close(out);
    else otx__sort(out->names, out->count, sizeof *out->names, otx__compare_names);
    return result;
}

/* The first name that fits a pattern, or NULL. */
OTX__PRIVATE const char *otx__listing_like(const otx__listing *listing, const char *pattern)
{
    size_t i;
    for (i = 0; i < listing->count; i++)
        if (otx__name_fits(listing->names[i], pattern)) return listing->names[i];
    return NULL;
}

OTX__PRIVATE bool otx__listing_has(const otx__listing *listing, const char *name)
{
    return otx__sorted_find(listing->names, listing->count, sizeof *listing->names, &name,
                            otx__compare_names) != NULL;
}

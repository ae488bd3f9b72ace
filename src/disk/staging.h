/* ---- staging: a directory made under another name, then renamed ------------- */

#define OTX__PARTIAL ".otx-partial-"
#define OTX__OLD ".otx-old-"

/* Most leftovers beside one output before it is refused. */
#define OTX__LEFTOVERS 1000

/* A directory that is filled under a temporary name beside its final one. */
typedef struct otx__output {
    const otx_context *ctx;
    char *path;    /* the final name */
    char *partial; /* the directory to fill; NULL once it has its final name */
    bool overwrite;
} otx__output;

/* "PATH.otx-partial-7", for otx__path_free. */
OTX__PRIVATE char *otx__output_sibling(const otx__output *output, const char *suffix,
                                       unsigned number)
{
    size_t size = strlen(output->path) + strlen(suffix) + 12;
    char *path = (char *)otx__alloc(output->ctx, size, 1), *exact;
    if (!path) return NULL;
    otx__format(path, size, "%s%s%u", output->path, suffix, number);
    exact = otx__path_copy(output->ctx, path, strlen(path));
    otx__free(output->ctx, path, size, 1);
    return exact;
}

/* Takes the name without separators at its end. */
OTX__PRIVATE otx_result otx__output_name(otx__output *output, const char *path,
                                         otx_error *error)
{
    char name[OTX__PATH_TEXT];
    const size_t root = otx__sys_root(path);
    size_t size = strlen(path), begin;
    while (size > root && OTX__SEPARATOR(path[size - 1])) size--;
    output->path = otx__path_copy(output->ctx, path, size);
    if (!output->path) return otx__fail_memory(error, size + 1);
    begin = otx__path_name(output->path);
    if (begin < size && !otx__sys_is_no_name(output->path + begin)) return OTX_OK;
    return otx__fail(error, OTX_ERROR_ARGUMENT, "\"%s\": an output directory needs a name of "
                     "its own", otx__path_text(name, path));
}

OTX__PRIVATE bool otx__looks_like_model(const otx__listing *listing)
{
    return otx__listing_has(listing, "config.json") &&
           (otx__listing_has(listing, OTX__MODEL_FILE) ||
            otx__listing_has(listing, OTX__INDEX_FILE));
}

/* What stands under the final name. */
typedef enum otx__standing {
    OTX__STANDS_NOTHING,
    OTX__STANDS_EMPTY, /* a directory that holds nothing, which is as good */
    OTX__STANDS_MODEL  /* one that is to be replaced */
} otx__standing;

/* Looks at what stands under the final name, and refuses what is to stay. A directory is
   replaced only if it looks like a model's, so that a typing error costs no one a home. */
OTX__PRIVATE otx_result otx__output_check(const otx__output *output, otx__standing *standing,
                                          otx_error *error)
{
    char name[OTX__PATH_TEXT];
    otx__listing listing;
    otx__status status;
    otx_result result;
    bool model, empty;
    otx__path_text(name, output->path);
    result = otx__look(output->path, &status, error);
    *standing = OTX__STANDS_NOTHING;
    if (result || !status.present) return result;
    if (!status.directory)
        return otx__fail(error, OTX_ERROR_EXISTS, "%s: is not a directory and is not replaced; "
                         "give a name of which there is nothing yet", name);
    result = otx__listing_open(output->ctx, output->path, &listing, error);
    if (result) return result;
    empty = listing.count == 0;
    model = empty || otx__looks_like_model(&listing);
    otx__listing_close(&listing);
    *standing = empty && !otx__sys_is_link(output->path) ? OTX__STANDS_EMPTY
                                                         : OTX__STANDS_MODEL;
    if (!model)
        return otx__fail(error, OTX_ERROR_EXISTS, "%s: exists already, does not look like a model "
                         "(it has no config.json with " OTX__MODEL_FILE " or its index) and is "
                         "not replaced; give a name of which there is nothing yet", name);
    if (*standing == OTX__STANDS_MODEL && !output->overwrite)
        return otx__fail(error, OTX_ERROR_EXISTS, "%s: exists already; pass --overwrite to "
                         "replace it", name);
    return OTX_OK;
}

/* Warns if a name beside the final one, `base`, was left by an earlier run. */
OTX__PRIVATE void otx__output_leftover(const otx__output *output, const char *base,
                                       const char *sibling)
{
    size_t size = strlen(base);
    char name[OTX__PATH_TEXT];
    if (strncmp(sibling, base, size) != 0) return;
    (void)otx__quote(name, sizeof name, sibling, strlen(sibling));
    if (strncmp(sibling + size, OTX__PARTIAL, sizeof OTX__PARTIAL - 1) == 0)
        otx__log(output->ctx, OTX_WARNING, "beside the output stands \"%s\", left by an "
                 "interrupted run or in use by another: remove it once none is running", name);
    else if (strncmp(sibling + size, OTX__OLD, sizeof OTX__OLD - 1) == 0)
        otx__log(output->ctx, OTX_WARNING, "beside the output stands \"%s\", a former output "
                 "left by a run interrupted while replacing it: rename it back or remove it",
                 name);
}

/* Looks at what stands beside the final name, and tells of leftovers. */
OTX__PRIVATE otx_result otx__output_siblings(const otx__output *output, otx_error *error)
{
    const char *base = output->path + otx__path_name(output->path);
    char *parent = otx__path_parent(output->ctx, output->path);
    otx__listing listing;
    otx_result result;
    size_t i;
    if (!parent) return otx__fail_memory(error, strlen(output->path) + 1);
    result = otx__listing_open(output->ctx, parent, &listing, error);
    otx__path_free(output->ctx, parent);
    if (result) return result;
    for (i = 0; i < listing.count; i++)
        otx__output_leftover(output, base, listing.names[i]);
    otx__listing_close(&listing);
    return OTX_OK;
}

OTX__PRIVATE otx_result otx__fail_leftovers(const otx__output *output, otx_error *error)
{
    char name[OTX__PATH_TEXT];
    return otx__fail(error, OTX_ERROR_EXISTS, "%s: more than %d leftovers of interrupted runs "
                     "stand beside it", otx__path_text(name, output->path), OTX__LEFTOVERS);
}

/* Makes the directory to fill, beside the final name. */
OTX__PRIVATE otx_result otx__output_make(otx__output *output, const char *suffix,
                                         otx_error *error)
{
    unsigned number;
    for (number = 1; number <= OTX__LEFTOVERS; number++) {
        char *path = otx__output_sibling(output, suffix, number);
        int failure;
        if (!path) return otx__fail_memory(error, strlen(output->path) + 32);
        if (otx__sys_make_directory(path)) {
            output->partial = path;
            return OTX_OK;
        }
        failure = errno;
        if (failure != EEXIST) {
            otx_result result = otx__fail_system(error, path, "cannot be created", failure);
            otx__path_free(output->ctx, path);
            return result;
        }
        otx__path_free(output->ctx, path);
    }
    return otx__fail_leftovers(output, error);
}

/* Tries at once whether an empty directory can be replaced, as one that something is mounted
   on cannot: the new directory takes its place, still empty, and another is made. */
OTX__PRIVATE otx_result otx__output_try(const otx__output *output, otx_error *error)
{
    if (!otx__sys_replace_empty(output->partial, output->path))
        return otx__fail_system(error, output->path, "exists already, and cannot be replaced",
                                errno);
    if (!otx__sys_make_directory(output->partial))
        return otx__fail_system(error, output->partial, "cannot be created", errno);
    return OTX_OK;
}

/* Ends an output. What has not been committed is removed. */
OTX__PRIVATE void otx__output_abandon(otx__output *output)
{
    char name[OTX__PATH_TEXT];
    /* What cannot be removed for want of memory may be at the second try. */
    if (output->partial && !otx__tree_remove(output->ctx, output->partial) &&
        !otx__tree_remove(output->ctx, output->partial))
        otx__log(output->ctx, OTX_WARNING, "%s: could not be removed",
                 otx__path_text(name, output->partial));
    otx__path_free(output->ctx, output->partial);
    otx__path_free(output->ctx, output->path);
    memset(output, 0, sizeof *output);
}

/* Makes a temporary directory, output->partial, beside `path`, after checking
   that `path` will be free or empty (or, with overwrite, replaceable) in the end. Must be
   followed by otx__output_abandon, after otx__output_commit if all went well. */
OTX__PRIVATE otx_result otx__output_begin(const otx_context *ctx, const char *path,
                                          bool overwrite, otx__output *output, otx_error *error)
{
    otx__standing standing = OTX__STANDS_NOTHING;
    otx_result result;
    memset(output, 0, sizeof *output);
    output->ctx = ctx;
    output->overwrite = overwrite;
    result = otx__output_name(output, path, error);
    if (!result) result = otx__output_check(output, &standing, error);
    if (!result) result = otx__output_siblings(output, error);
    if (!result) result = otx__output_make(output, OTX__PARTIAL, error);
    if (!result && standing == OTX__STANDS_EMPTY) result = otx__output_try(output, error);
    if (result) otx__output_abandon(output);
    return result;
}

/* Renames what stands under the final name; `*old` is its new name. */
OTX__PRIVATE otx_result otx__output_set_aside(const otx__output *output, char **old,
                                              otx_error *error)
{
    unsigned number;
    for (number = 1; number <= OTX__LEFTOVERS; number++) {
        char *path = otx__output_sibling(output, OTX__OLD, number);
        otx__status status;
        otx_result result;
        if (!path) return otx__fail_memory(error, strlen(output->path) + 32);
        result = otx__look(path, &status, error);
        if (!result && !status.present) {
            if (otx__sys_rename(output->path, path)) {
                *old = path;
                return OTX_OK;
            }
            result = otx__fail_system(error, output->path, "cannot be renamed to make room",
                                      errno);
        }
        otx__path_free(output->ctx, path);
        if (result) return result;
    }
    return otx__fail_leftovers(output, error);
}

/* Gives the directory its final name. What stood there is renamed first and
   removed last, so that at every moment one of the two is whole; an empty directory is
   replaced as long as it is empty. The files within must have been finished. */
OTX__PRIVATE otx_result otx__output_commit(otx__output *output, otx_error *error)
{
    char name[OTX__PATH_TEXT], *old = NULL, *parent;
    otx__standing standing;
    otx_result result = otx__output_check(output, &standing, error);
    if (result) return result;
    parent = otx__path_parent(output->ctx, output->path);
    if (!parent) return otx__fail_memory(error, strlen(output->path) + 1);
    otx__directory_sync(output->ctx, output->partial);
    if (standing == OTX__STANDS_MODEL) result = otx__output_set_aside(output, &old, error);
    if (!result && !(standing == OTX__STANDS_EMPTY
                         ? otx__sys_replace_empty(output->partial, output->path)
                         : otx__sys_rename(output->partial, output->path))) {
        result = otx__fail_system(error, output->path, "cannot be given its final name", errno);
        if (old && !otx__sys_rename(old, output->path))
            otx__log(output->ctx, OTX_WARNING, "%s: the former output is here now",
                     otx__path_text(name, old));
    } else if (!result) {
        otx__path_free(output->ctx, output->partial);
        output->partial = NULL;
        otx__directory_sync(output->ctx, parent);
        if (old && !otx__tree_remove(output->ctx, old))
            otx__log(output->ctx, OTX_WARNING, "%s: the former output could not be removed",
                     otx__path_text(name, old));
    }
    otx__path_free(output->ctx, old);
    otx__path_free(output->ctx, parent);
    return result;
}

/* ---- look: what stands at a path, and whether within another ----------------- */

/* What stands at a path, links followed. Nothing at all is OTX_OK, with !present: what
   cannot be looked at, and a link that leads nowhere, is not nothing but an error. */
OTX__PRIVATE otx_result otx__look(const char *path, otx__status *status, otx_error *error)
{
    char name[OTX__PATH_TEXT];
    if (otx__sys_status(path, status)) return OTX_OK;
    if (errno != ENOENT)
        return otx__fail_system(error, path, "cannot be looked at", errno);
    return otx__fail(error, OTX_ERROR_IO, "%s: is a link that leads nowhere",
                     otx__path_text(name, path));
}

/* Whether both are of one file or directory. */
OTX__PRIVATE bool otx__same_file(const otx__status *a, const otx__status *b)
{
    return a->present && b->present && a->volume == b->volume && a->number == b->number;
}

/* The nearest directory above a path, or the path itself if it is one, for
   otx__path_free. */
OTX__PRIVATE otx_result otx__directory_above(const otx_context *ctx, const char *path,
                                             char **out, otx_error *error)
{
    char *here = otx__path_copy(ctx, path, strlen(path));
    otx_result result = OTX_OK;
    *out = NULL;
    while (here && !result) {
        otx__status status;
        char *parent;
        bool last;
        result = otx__look(here, &status, error);
        if (!result && status.directory) {
            *out = here;
            return OTX_OK;
        }
        parent = otx__path_parent(ctx, here);
        last = parent && strcmp(parent, here) == 0;
        if (!result && last)
            result = otx__fail_system(error, path, "no directory is above it", ENOENT);
        otx__path_free(ctx, here);
        here = parent;
    }
    if (!here && !result) result = otx__fail_memory(error, strlen(path) + 1);
    otx__path_free(ctx, here);
    return result;
}

/* Whether one of the directories that the path itself names is the target. Takes over
   `here`. */
OTX__PRIVATE otx_result otx__is_named_within(const otx_context *ctx, char *here,
                                             const otx__status *target, bool *within,
                                             otx_error *error)
{
    bool last = false;
    while (here && !last && !*within) {
        otx__status status;
        char *parent = otx__path_parent(ctx, here);
        *within = otx__sys_status(here, &status) && otx__same_file(&status, target);
        last = parent && strcmp(parent, here) == 0;
        otx__path_free(ctx, here);
        here = parent;
    }
    if (!here) return otx__fail_memory(error, OTX__PATH_TEXT);
    otx__path_free(ctx, here);
    return OTX_OK;
}

/* Goes up from a directory, as the system does, so that links make no difference, until
   it is the target or has nothing above it. A sandbox refuses to go above its top: then
   `*refused` is set. */
OTX__PRIVATE otx_result otx__climb(const otx_context *ctx, const char *from,
                                   const otx__status *target, bool *within, bool *refused,
                                   otx_error *error)
{
    char *here = otx__path_copy(ctx, from, strlen(from)), *above;
    otx__status status, next;
    otx_result result;
    memset(&next, 0, sizeof next);
    result = here ? otx__look(here, &next, error) : otx__fail_memory(error, strlen(from) + 1);
    while (!result) {
        status = next;
        *within = otx__same_file(&status, target);
        if (*within) break;
        above = otx__path_join(ctx, here, "..");
        if (!above) {
            result = otx__fail_memory(error, strlen(here) + 4);
            break;
        }
        otx__path_free(ctx, here);
        here = above;
        if (!otx__sys_status(here, &next)) {
            *refused = otx__is_refusal(errno);
            if (!*refused)
                result = otx__fail_system(error, from, "cannot go up from here", errno);
            break;
        }
        /* The root is its own parent, or has none. */
        if (!next.present || otx__same_file(&status, &next)) break;
    }
    otx__path_free(ctx, here);
    return result;
}

/* Whether `path` is `directory` or lies anywhere within it, or would if it existed. */
OTX__PRIVATE otx_result otx__is_within(const otx_context *ctx, const char *path,
                                       const char *directory, bool *within, otx_error *error)
{
    otx__status target;
    bool refused = false;
    char *here = NULL;
    otx_result result;
    *within = false;
    result = otx__look(directory, &target, error);
    if (!result) result = otx__directory_above(ctx, path, &here, error);
    if (!result) result = otx__climb(ctx, here, &target, within, &refused, error);
    if (!result && refused) return otx__is_named_within(ctx, here, &target, within, error);
    otx__path_free(ctx, here);
    return result;
}

/* ---- staged_files: files made under another name, then renamed ------------------ */

/* Files grow in a temporary directory beside their final names, as a directory's do: what a
   killed run leaves is found and told of likewise. One file appears under its name at once.
   Of several that only work together, the one that loaders begin with is the first: it takes
   its name last, and goes first where older ones are replaced, so that at no moment a set
   with a beginning is incomplete. */

/* What a file must begin with to be replaced. */
#define OTX__REPLACED_MAGIC "GGUF"

/* Looks at what stands under a final name, and refuses what is to stay: all but files of the
   same kind, so that a typing error costs no one another. */
OTX__PRIVATE otx_result otx__staged_check(const otx__output *output, const char *path,
                                          bool *present, otx_error *error)
{
    char name[OTX__PATH_TEXT], magic[sizeof OTX__REPLACED_MAGIC - 1];
    otx__status status;
    otx_source source;
    bool same;
    otx_result result = otx__look(path, &status, error);
    otx__path_text(name, path);
    *present = !result && status.present;
    if (result || !status.present) return result;
    if (!status.regular)
        return otx__fail(error, OTX_ERROR_EXISTS, "%s: is %s and is not replaced; give a name of "
                         "which there is nothing yet", name,
                         status.directory ? "a directory" : "no regular file");
    if (!output->overwrite)
        return otx__fail(error, OTX_ERROR_EXISTS, "%s: exists already; pass --overwrite to "
                         "replace it", name);
    result = otx_source_open(output->ctx, path, &source, error);
    if (result) return result;
    same = source.size >= sizeof magic &&
           source.read(source.context, 0, magic, sizeof magic) &&
           memcmp(magic, OTX__REPLACED_MAGIC, sizeof magic) == 0;
    otx_source_close(output->ctx, &source);
    if (same) return OTX_OK;
    return otx__fail(error, OTX_ERROR_EXISTS, "%s: exists already, is no GGUF file and is not "
                     "replaced; give a name of which there is nothing yet", name);
}

/* The final name of a file, for otx__path_free; NULL when out of memory. */
OTX__PRIVATE char *otx__staged_path(const otx__output *output, const char *name)
{
    char *parent = otx__path_parent(output->ctx, output->path);
    char *path = parent ? otx__path_join(output->ctx, parent, name) : NULL;
    otx__path_free(output->ctx, parent);
    return path;
}

/* Begins an output of files, of which `path` is one or would be if there were one only.
   Must be followed by otx__output_abandon. */
OTX__PRIVATE otx_result otx__staged_begin(const otx_context *ctx, const char *path,
                                          bool overwrite, otx__output *output, otx_error *error)
{
    otx_result result;
    memset(output, 0, sizeof *output);
    output->ctx = ctx;
    output->overwrite = overwrite;
    result = otx__output_name(output, path, error);
    if (!result) result = otx__output_siblings(output, error);
    if (!result) result = otx__output_make(output, OTX__PARTIAL, error);
    if (result) otx__output_abandon(output);
    return result;
}

/* Renames a file in place of what has the name: at once where the system does that, else
   after it is removed. */
OTX__PRIVATE bool otx__staged_rename(const char *from, const char *to)
{
    if (otx__sys_rename(from, to)) return true;
    return (errno == EEXIST || errno == EACCES) && otx__sys_remove(to) &&
           otx__sys_rename(from, to);
}

/* Gives one file its final name. */
OTX__PRIVATE otx_result otx__staged_move(const otx__output *output, const char *name,
                                         otx_error *error)
{
    char *from = otx__path_join(output->ctx, output->partial, name);
    char *to = otx__staged_path(output, name);
    bool present = false;
    otx_result result = OTX_OK;
    if (!from || !to) result = otx__fail_memory(error, strlen(output->path) + strlen(name));
    if (!result) result = otx__staged_check(output, to, &present, error);
    if (!result && !otx__staged_rename(from, to))
        result = otx__fail_system(error, to, "cannot be given its final name", errno);
    otx__path_free(output->ctx, from);
    otx__path_free(output->ctx, to);
    return result;
}

/* Puts an older file that has a final name into `aside`, if there is one; `back`: from there
   to where it was. */
OTX__PRIVATE otx_result otx__staged_replace(const otx__output *output, const char *aside,
                                            const char *name, bool back, otx_error *error)
{
    char *old = otx__path_join(output->ctx, aside, name);
    char *path = otx__staged_path(output, name);
    bool present = false;
    otx_result result = OTX_OK;
    if (!old || !path) result = otx__fail_memory(error, strlen(output->path) + strlen(name));
    if (!result && back) {
        otx__status status;
        result = otx__look(old, &status, error);
        if (!result && status.present && !otx__sys_rename(old, path))
            result = otx__fail_system(error, path, "cannot be put back", errno);
    } else if (!result) {
        result = otx__staged_check(output, path, &present, error);
        if (!result && present && !otx__sys_rename(path, old))
            result = otx__fail_system(error, path, "cannot be replaced", errno);
    }
    otx__path_free(output->ctx, old);
    otx__path_free(output->ctx, path);
    return result;
}

/* Takes back the names of the files from `first` on, and gives them to those that had them,
   again the first of all last. Where that fails the older files stay where they were put. */
OTX__PRIVATE void otx__staged_undo(otx__output *output, const char *aside,
                                   const char *const *names, size_t first, size_t count)
{
    char name[OTX__PATH_TEXT];
    bool all = true;
    size_t i;
    for (i = first; i < count; i++) {
        char *path = otx__staged_path(output, names[i]);
        if (path) (void)otx__sys_remove(path);
        otx__path_free(output->ctx, path);
    }
    for (i = count; i-- > 0;) {
        /* What fails for want of memory may not at the second try. */
        all = (!otx__staged_replace(output, aside, names[i], true, NULL) ||
               !otx__staged_replace(output, aside, names[i], true, NULL)) && all;
    }
    if (all) return;
    otx__log(output->ctx, OTX_WARNING, "%s: has files of the output that was to be replaced, "
             "which could not be put back", otx__path_text(name, aside));
    otx__path_free(output->ctx, output->partial);
    output->partial = NULL;
}

/* Gives several files their names; what has them stands in `aside` meanwhile, so that it can be
   had again. */
OTX__PRIVATE otx_result otx__staged_commit_set(otx__output *output, const char *parent,
                                               const char *aside, const char *const *names,
                                               size_t count, otx_error *error)
{
    otx_result result = OTX_OK;
    size_t left = count, i;
    if (!otx__sys_make_directory(aside))
        return otx__fail_system(error, aside, "cannot be created", errno);
    for (i = 0; i < count && !result; i++)
        result = otx__staged_replace(output, aside, names[i], false, error);
    while (left > 0 && !result) {
        if (left == 1) otx__directory_sync(output->ctx, parent);
        result = otx__staged_move(output, names[left - 1], error);
        if (!result) left--;
    }
    if (result) otx__staged_undo(output, aside, names, left, count);
    return result;
}

/* Gives the files their final names. They must have been finished. */
OTX__PRIVATE otx_result otx__staged_commit(otx__output *output, const char *const *names,
                                           size_t count, otx_error *error)
{
    char *parent = otx__path_parent(output->ctx, output->path);
    char *aside = otx__path_join(output->ctx, output->partial, "replaced");
    otx_result result = OTX_OK;
    if (!parent || !aside) result = otx__fail_memory(error, strlen(output->path) + 16);
    if (!result) otx__directory_sync(output->ctx, output->partial);
    if (!result && count == 1) result = otx__staged_move(output, names[0], error);
    else if (!result) result = otx__staged_commit_set(output, parent, aside, names, count, error);
    if (!result) otx__directory_sync(output->ctx, parent);
    otx__path_free(output->ctx, aside);
    otx__path_free(output->ctx, parent);
    return result;
}

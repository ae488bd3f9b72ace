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

/* Gives one file its final name; `clear`: removes what has it, and no more. */
OTX__PRIVATE otx_result otx__staged_move(const otx__output *output, const char *name, bool clear,
                                         otx_error *error)
{
    char *from = otx__path_join(output->ctx, output->partial, name);
    char *to = otx__staged_path(output, name);
    bool present = false;
    otx_result result = OTX_OK;
    if (!from || !to) result = otx__fail_memory(error, strlen(output->path) + strlen(name));
    if (!result) result = otx__staged_check(output, to, &present, error);
    if (!result && clear && present && !otx__sys_remove(to))
        result = otx__fail_system(error, to, "cannot be replaced", errno);
    if (!result && !clear && !otx__staged_rename(from, to))
        result = otx__fail_system(error, to, "cannot be given its final name", errno);
    otx__path_free(output->ctx, from);
    otx__path_free(output->ctx, to);
    return result;
}

/* Takes back the names of some files. */
OTX__PRIVATE void otx__staged_undo(const otx__output *output, const char *const *names,
                                   size_t count)
{
    size_t i;
    for (i = 0; i < count; i++) {
        char *path = otx__staged_path(output, names[i]);
        if (path) (void)otx__sys_remove(path);
        otx__path_free(output->ctx, path);
    }
}

/* Gives the files their final names, the last of them first. They must have been finished. */
OTX__PRIVATE otx_result otx__staged_commit(otx__output *output, const char *const *names,
                                           size_t count, otx_error *error)
{
    char *parent = otx__path_parent(output->ctx, output->path);
    otx_result result = OTX_OK;
    size_t left = count;
    if (!parent) return otx__fail_memory(error, strlen(output->path) + 1);
    otx__directory_sync(output->ctx, output->partial);
    if (count > 1) result = otx__staged_move(output, names[0], true, error);
    while (left > 0 && !result) {
        if (left == 1 && count > 1) otx__directory_sync(output->ctx, parent);
        result = otx__staged_move(output, names[left - 1], false, error);
        if (!result) left--;
    }
    if (!result) otx__directory_sync(output->ctx, parent);
    else otx__staged_undo(output, names + left, count - left);
    otx__path_free(output->ctx, parent);
    return result;
}

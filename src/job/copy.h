/* ---- copy: the other files of the two models ------------------------------ */

/* ---- what is left behind ---- */

OTX__PRIVATE bool otx__name_is_in(const char *name, const char *const *names, size_t count)
{
    size_t i;
    for (i = 0; i < count; i++)
        if (strcmp(name, names[i]) == 0) return true;
    return false;
}

OTX__PRIVATE bool otx__name_fits_any(const char *name, const char *const *patterns,
                                     size_t count)
{
    size_t i;
    for (i = 0; i < count; i++)
        if (otx__name_fits(name, patterns[i])) return true;
    return false;
}

/* Copies of the weights that would still hold the old vocabulary. */
OTX__PRIVATE bool otx__is_stale(const char *name, bool directory)
{
    if (directory)
        return otx__name_is_in(name, otx__stale_directories, OTX__COUNT(otx__stale_directories));
    return otx__name_fits_any(name, otx__stale_files, OTX__COUNT(otx__stale_files));
}

/* Files that the job writes itself, or that the donor replaces. */
OTX__PRIVATE bool otx__job_replaces(const otx_job *job, const char *name)
{
    size_t i;
    if (strcmp(name, "config.json") == 0 || strcmp(name, "generation_config.json") == 0 ||
        strcmp(name, OTX__INDEX_FILE) == 0 || otx__is_of_tokenizer(name))
        return true;
    for (i = 0; i < job->base.checkpoint.file_count; i++)
        if (strcmp(name, job->base.checkpoint.files[i].name) == 0) return true;
    return false;
}

/* Whether a sub-directory of the base holds a model of its own, whose vocabulary is the
   old one: what training leaves behind, or what has a config.json with a model's type.
   Modules that come with a model, as those of sentence-transformers, have none. */
OTX__PRIVATE otx_result otx__holds_model(const otx_context *ctx, const char *path,
                                         const char *name, bool *holds, otx_error *error)
{
    otx__document config;
    otx_result result;
    size_t i;
    *holds = false;
    for (i = 0; i < OTX__COUNT(otx__training_directories) && !*holds; i++)
        *holds = otx__has_shape(name, strlen(name), otx__training_directories[i]);
    if (*holds) return OTX_OK;
    result = otx__document_open(ctx, path, "config.json", &config, error);
    if (result == OTX_ERROR_FORMAT || result == OTX_ERROR_LIMIT) return OTX_OK; /* not ours */
    if (result) return result;
    *holds = otx_json_find(&config.json, otx__document_root(&config), OTX__KEY_MODEL_TYPE) !=
             OTX_JSON_NONE;
    otx__document_close(ctx, &config);
    return OTX_OK;
}

/* Whether an entry of the base is left out, with a word or without. */
OTX__PRIVATE otx_result otx__leave_out(const otx_job *job, const char *path, const char *name,
                                       bool *left_out, otx_error *error)
{
    char quoted[OTX__QUOTED];
    otx__status status;
    otx_result result = otx__look(path, &status, error);
    *left_out = false;
    if (result && otx__is_stale(name, false)) result = OTX_OK; /* whatever is wrong with it */
    if (!result && status.directory)
        result = otx__holds_model(&job->ctx, path, name, left_out, error);
    if (result) return result;
    if (!*left_out) *left_out = otx__is_stale(name, status.directory);
    if (*left_out)
        otx__log(&job->ctx, OTX_NOTE, "%s: \"%s\" is left out: it may hold weights for the old "
                 "vocabulary", job->base.path,
                 otx__quote(quoted, sizeof quoted, name, strlen(name)));
    return OTX_OK;
}

/* ---- copying ---- */

/* Copies one entry of a model's directory, a file or a tree. */
OTX__PRIVATE otx_result otx__copy_entry(const otx_context *ctx, const char *from,
                                        const char *name, otx__writing *writing,
                                        otx_error *error)
{
    const char *directory = writing->output.partial;
    char *to = otx__path_join(ctx, directory, name);
    otx_result result;
    if (!to) return otx__fail_memory(error, strlen(directory) + strlen(name) + 2);
    result = otx__tree_copy(ctx, from, to, &writing->meter, error);
    otx__path_free(ctx, to);
    return result;
}

/* Whether some string in an auto_map's AutoTokenizer, "module.Class" or
   "repository--module.Class", names the module that is in `name` (module.py). */
OTX__PRIVATE bool otx__auto_map_names(const otx__document *document, const char *name)
{
    const otx_json *json = &document->json;
    uint32_t map = otx_json_find(json, otx__document_root(document), OTX__KEY_AUTO_MAP);
    uint32_t node = otx_json_find(json, map, OTX__KEY_AUTO_TOKENIZER), i;
    size_t size = strlen(name) - 3; /* without .py */
    if (node == OTX_JSON_NONE) return false;
    for (i = node; i < otx_json_after(json, node); i++) {
        otx__span text = otx__json_span(json, i);
        size_t at = text.size;
        if (otx_json_type_of(json, i) != OTX_JSON_STRING) continue;
        while (at > 0 && text.bytes[at - 1] != '-' && text.bytes[at - 1] != '/') at--;
        if (text.size - at > size && memcmp(text.bytes + at, name, size) == 0 &&
            text.bytes[at + size] == '.')
            return true;
    }
    return false;
}

/* Whether a file of the donor is copied: those of its tokenizer, and of code what its
   configuration names. */
OTX__PRIVATE bool otx__donor_gives(const otx__side *donor, const char *name)
{
    if (!otx__is_tokenizer_code(name)) return otx__is_of_tokenizer(name);
    return otx__auto_map_names(&donor->tokenizer, name) ||
           otx__auto_map_names(&donor->config, name);
}

/* Copies one entry of a side if it belongs into the output. */
OTX__PRIVATE otx_result otx__copy_if_wanted(const otx_job *job, const otx__side *side,
                                            const char *name, otx__writing *writing,
                                            otx_error *error)
{
    bool left_out = side->donor ? !otx__donor_gives(side, name)
                                : otx__job_replaces(job, name) ||
                                      otx__name_is_in(name, otx__bookkeeping,
                                                      OTX__COUNT(otx__bookkeeping));
    otx_result result = OTX_OK;
    char *from;
    if (left_out) return OTX_OK;
    from = otx__path_join(&job->ctx, side->path, name);
    if (!from) return otx__fail_memory(error, strlen(side->path) + strlen(name) + 2);
    if (!side->donor) result = otx__leave_out(job, from, name, &left_out, error);
    if (!result && !left_out) result = otx__copy_entry(&job->ctx, from, name, writing, error);
    otx__path_free(&job->ctx, from);
    return result;
}

/* Everything of the base that does not depend on the vocabulary, or the donor's
   tokenizer. */
OTX__PRIVATE otx_result otx__copy_side(const otx_job *job, const otx__side *side,
                                       otx__writing *writing, otx_error *error)
{
    otx__listing listing;
    otx_result result = otx__listing_open(&job->ctx, side->path, &listing, error);
    size_t i;
    if (result) return result;
    writing->meter.subject = side->path;
    for (i = 0; i < listing.count && !result; i++)
        result = otx__copy_if_wanted(job, side, listing.names[i], writing, error);
    otx__listing_close(&listing);
    return result;
}

/* ---- copy: the other files of the two models ------------------------------ */

/* ---- what is copied, and what is left behind ---- */

OTX__PRIVATE bool otx__name_is_in(const char *name, const char *const *names, size_t count)
{
    size_t i;
    for (i = 0; i < count; i++)
        if (strcmp(name, names[i]) == 0) return true;
    return false;
}

/* Copies of the weights that would still hold the old vocabulary. */
OTX__PRIVATE bool otx__is_stale(const char *name, bool directory)
{
    if (directory)
        return otx__name_is_in(name, otx__stale_directories,
                               OTX__COUNT(otx__stale_directories));
    return otx__name_fits_any(name, otx__stale_files, OTX__COUNT(otx__stale_files));
}

/* Files that the job writes itself, or that the donor replaces. */
OTX__PRIVATE bool otx__job_replaces(const otx_job *job, const char *name)
{
    size_t i;
    if (otx__is_read(name)) return true;
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
    otx_error problem;
    otx_result result;
    size_t i;
    *holds = false;
    for (i = 0; i < OTX__COUNT(otx__training_directories) && !*holds; i++)
        *holds = otx__has_shape(name, strlen(name), otx__training_directories[i]);
    if (*holds) return OTX_OK;
    result = otx__document_open(ctx, path, "config.json", &config, &problem);
    if (result == OTX_ERROR_FORMAT || result == OTX_ERROR_LIMIT) return OTX_OK; /* not ours */
    if (result) return otx__fail(error, result, "%s", problem.message);
    *holds = otx_json_find(&config.json, otx__document_root(&config), OTX__KEY_MODEL_TYPE) !=
             OTX_JSON_NONE;
    otx__document_close(ctx, &config);
    return OTX_OK;
}

/* Whether an entry of the base is left out because it may hold the old vocabulary's
   weights; says so. What cannot be looked at is judged by its name. */
OTX__PRIVATE otx_result otx__is_old(const otx_job *job, const char *path, const char *name,
                                    bool *old, otx_error *error)
{
    const bool stale = otx__is_stale(name, false);
    char quoted[OTX__QUOTED];
    otx__status status;
    otx_result result = otx__look(path, &status, stale ? NULL : error);
    if (result && !stale) return result;
    *old = result ? stale : otx__is_stale(name, status.directory);
    result = OTX_OK;
    if (!*old && status.directory) result = otx__holds_model(&job->ctx, path, name, old, error);
    if (*old)
        otx__log(&job->ctx, OTX_NOTE, "%s: \"%s\" is left out: it may hold weights for the old "
                 "vocabulary", job->base.path,
                 otx__quote(quoted, sizeof quoted, name, strlen(name)));
    return result;
}

/* Whether a file of the donor is copied: those of its tokenizer, and of code what its
   configuration names. */
OTX__PRIVATE bool otx__donor_gives(const otx_job *job, const otx__code *code,
                                   const char *name)
{
    if (job->tokenizer.size > 0 && strcmp(name, "tokenizer_config.json") == 0) return false;
    if (otx__digits_hides(job, name)) return false;
    if (job->options.chat != OTX_CHAT_DONOR &&
        otx__name_is_in(name, otx__template_files, OTX__COUNT(otx__template_files)))
        return false;
    return otx__code_has(code, name) ||
           (otx__is_of_tokenizer(name) &&
            (job->same_class || !otx__is_tokenizer_code(name))); /* config.json may name it */
}

/* Whether two files are the same byte for byte. */
OTX__PRIVATE otx_result otx__files_equal(const otx_context *ctx, const char *one,
                                         const char *other, bool *equal, otx_error *error)
{
    char *a = NULL, *b = NULL;
    size_t a_size = 0, b_size = 0;
    otx_result result = otx__file_read_all(ctx, one, OTX__CODE_LIMIT, &a, &a_size, error);
    if (!result) result = otx__file_read_all(ctx, other, OTX__CODE_LIMIT, &b, &b_size, error);
    *equal = !result && otx__same_bytes(a, a_size, b, b_size);
    otx__file_free(ctx, a, a_size);
    otx__file_free(ctx, b, b_size);
    return result;
}

/* A file that the donor's tokenizer brings takes the place of the base's by the same name,
   which must not be other code: the base's model may run it. */
OTX__PRIVATE otx_result otx__check_clash(const otx_job *job, const char *name,
                                         otx_error *error)
{
    const otx_context *ctx = &job->ctx;
    char *ours = otx__path_join(ctx, job->base.path, name);
    char *theirs = otx__path_join(ctx, job->donor.path, name);
    char quoted[OTX__QUOTED];
    bool equal = true;
    otx_result result = OTX_OK;
    if (!ours || !theirs) result = otx__fail_memory(error, strlen(name) + 1);
    else if (otx__has_suffix(name, ".py"))
        result = otx__files_equal(ctx, ours, theirs, &equal, error);
    if (!equal)
        result = otx__fail(error, OTX_ERROR_MISMATCH, "%s and %s both have \"%s\", which differ: "
                           "the model's code and the tokenizer's cannot stand in one directory",
                           job->base.path, job->donor.path,
                           otx__quote(quoted, sizeof quoted, name, strlen(name)));
    otx__path_free(ctx, ours);
    otx__path_free(ctx, theirs);
    return result;
}

/* Whether an entry of a side belongs into the output; looks through it if it does, and
   notes how its files are. `code` is the donor's. */
OTX__PRIVATE otx_result otx__is_wanted(const otx_job *job, const otx__side *side,
                                       const otx__code *code, const char *name,
                                       otx__stamps *copied, bool *wanted, otx_error *error)
{
    otx_result result = OTX_OK;
    bool old = false;
    char *path;
    *wanted = side->donor ? otx__donor_gives(job, code, name)
                          : !otx__job_replaces(job, name) &&
                                !otx__name_is_in(name, otx__bookkeeping,
                                                 OTX__COUNT(otx__bookkeeping));
    if (*wanted && !side->donor && otx__code_has(code, name)) {
        *wanted = false;
        return otx__check_clash(job, name, error);
    }
    if (!*wanted) return OTX_OK;
    path = otx__path_join(&job->ctx, side->path, name);
    if (!path) return otx__fail_memory(error, strlen(side->path) + strlen(name) + 2);
    if (!side->donor) result = otx__is_old(job, path, name, &old, error);
    *wanted = !old;
    if (!result && *wanted) result = otx__tree_check(&job->ctx, path, copied, error);
    otx__path_free(&job->ctx, path);
    return result;
}

/* Lists what is copied of a side. */
OTX__PRIVATE otx_result otx__list_wanted(const otx_job *job, const otx__side *side,
                                         const otx__code *code, otx__stamps *copied,
                                         otx__listing *wanted, otx_error *error)
{
    otx_result result = otx__listing_open(&job->ctx, side->path, wanted, error);
    size_t count = wanted->count, i;
    wanted->count = 0;
    for (i = 0; i < count; i++) {
        bool kept = true;
        if (!result)
            result = otx__is_wanted(job, side, code, wanted->names[i], copied, &kept, error);
        if (kept) wanted->names[wanted->count++] = wanted->names[i];
        else otx__path_free(&job->ctx, wanted->names[i]);
    }
    return result;
}

/* ---- copying ---- */

OTX__PRIVATE otx_result otx__copy_listed(const otx_context *ctx, const otx__side *side,
                                         const otx__listing *wanted, otx__writing *writing,
                                         otx_error *error)
{
    const char *directory = writing->output.partial;
    otx_result result = OTX_OK;
    size_t i;
    writing->meter.subject = side->path;
    for (i = 0; i < wanted->count && !result; i++) {
        const char *name = wanted->names[i];
        char *from = otx__path_join(ctx, side->path, name);
        char *to = otx__path_join(ctx, directory, name);
        if (from && to) result = otx__tree_copy(ctx, from, to, &writing->meter, error);
        else result = otx__fail_memory(error, strlen(directory) + strlen(name) + 2);
        otx__path_free(ctx, from);
        otx__path_free(ctx, to);
    }
    return result;
}

/* Copies everything of the base that does not depend on the vocabulary, and the donor's
   tokenizer. All of it is looked through before the first is copied. */
OTX__PRIVATE otx_result otx__copy_files(const otx_job *job, otx__writing *writing,
                                        otx_error *error)
{
    const otx_context *ctx = &job->ctx;
    otx__listing base, donor;
    otx__code code;
    otx_result result = otx__code_open(ctx, &job->donor, &code, error);
    memset(&base, 0, sizeof base);
    memset(&donor, 0, sizeof donor);
    if (!result)
        result = otx__list_wanted(job, &job->base, &code, &writing->copied, &base, error);
    if (!result)
        result = otx__list_wanted(job, &job->donor, &code, &writing->copied, &donor, error);
    if (!result) result = otx__copy_listed(ctx, &job->base, &base, writing, error);
    if (!result) result = otx__copy_listed(ctx, &job->donor, &donor, writing, error);
    otx__listing_close(&donor);
    otx__listing_close(&base);
    otx__code_close(&code);
    return result;
}

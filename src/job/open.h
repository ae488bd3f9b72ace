/* ---- opening the two models ---------------------------------------------- */

#define OTX__OPENING_STEPS 6

/* Says at which of the steps the opening is, and at whose files. */
OTX__PRIVATE otx_result otx__opening(const otx_job *job, const otx__side *side, unsigned step,
                                     otx_error *error)
{
    return otx__poll(&job->ctx, OTX_STAGE_OPEN, side->path, step, OTX__OPENING_STEPS, error);
}

/* A model is its directory. A file of weights or an index may be given in its place: then
   those of the directory's weights are meant. */
OTX__PRIVATE otx_result otx__open_directory(const otx_context *ctx, otx__side *side,
                                            otx_error *error)
{
    char name[OTX__PATH_TEXT], where[OTX__PATH_TEXT], *parent;
    otx__weights_kind kind;
    otx__status status;
    otx_result result = otx__model_status(side->path, &status, error);
    if (result || status.directory) return result;
    parent = otx__path_parent(ctx, side->path);
    if (!parent) return otx__fail_memory(error, strlen(side->path) + 1);
    if (otx__source_named(side->path + otx__path_name(side->path)) != OTX_VOCAB_FILES &&
        !otx__name_fits_any(side->path, otx__index_variants, OTX__COUNT(otx__index_variants)))
        result = otx__fail(error, OTX_ERROR_ARGUMENT, "%s: the %s must be a model directory, "
                           "not a file of its tokenizer; give the directory %s",
                           otx__path_text(name, side->path), side->donor ? "donor" : "base",
                           otx__path_text(where, parent));
    else if (otx__name_fits(side->path + otx__path_name(side->path), OTX__ADAPTER))
        result = otx__fail_adapter(ctx, parent, side->path + otx__path_name(side->path), error);
    else result = otx__weights_look_at(ctx, side->path, &kind, error);
    if (result) {
        otx__path_free(ctx, parent);
        return result;
    }
    side->weights = side->path;
    side->path = parent;
    return OTX_OK;
}

/* ---- GGUF ---- */

/* Whether a file begins as a GGUF file does. What else is wrong with it is told later. */
OTX__PRIVATE otx_result otx__is_gguf(const otx_context *ctx, const char *path, bool *is,
                                     otx_error *error)
{
    char magic[sizeof OTX__GGUF_MAGIC - 1];
    otx_source source;
    otx_error problem;
    otx_result result = otx_source_open(ctx, path, &source, &problem);
    *is = false;
    if (result == OTX_ERROR_MEMORY) return otx__fail(error, result, "%s", problem.message);
    if (result) return OTX_OK;
    *is = source.size >= sizeof magic && source.read(source.context, 0, magic, sizeof magic) &&
          memcmp(magic, OTX__GGUF_MAGIC, sizeof magic) == 0;
    otx_source_close(ctx, &source);
    return OTX_OK;
}

/* The GGUF file that a path leads to, for otx__path_free, or NULL: itself, or in a directory
   without other weights the only one. */
OTX__PRIVATE otx_result otx__find_gguf(const otx_context *ctx, const char *path, char **file,
                                       otx_error *error)
{
    otx__status status;
    otx__listing listing;
    otx__weights_found found;
    otx_result result = otx__model_status(path, &status, error);
    bool is;
    *file = NULL;
    if (result) return result;
    if (!status.directory) {
        result = otx__is_gguf(ctx, path, &is, error);
        if (result || !is) return result;
        *file = otx__path_copy(ctx, path, strlen(path));
        return *file ? OTX_OK : otx__fail_memory(error, strlen(path) + 1);
    }
    result = otx__listing_open(ctx, path, &listing, error);
    if (result) return result;
    otx__weights_find(&listing, &found);
    if (found.gguf) {
        *file = otx__path_join(ctx, path, found.gguf);
        if (!*file) result = otx__fail_memory(error, strlen(path) + strlen(found.gguf));
    }
    otx__listing_close(&listing);
    return result;
}

/* Whether the tokenizer's files of a transformers model stand in a directory. */
OTX__PRIVATE otx_result otx__has_tokenizer(const otx_context *ctx, const char *path, bool *has,
                                           otx_error *error)
{
    otx__listing listing;
    otx_result result = otx__listing_open(ctx, path, &listing, error);
    *has = false;
    if (result) return result;
    *has = otx__listing_has(&listing, "tokenizer.json");
    otx__listing_close(&listing);
    return OTX_OK;
}

/* Takes a side that is a GGUF file. One is all of a model; but a donor of a model in
   safetensors gives the files of a tokenizer, which stand beside it or nowhere. */
OTX__PRIVATE otx_result otx__open_gguf(const otx_job *job, otx__side *side, bool *is,
                                       otx_error *error)
{
    const otx_context *ctx = &job->ctx;
    char *file, *parent = NULL;
    bool beside = false;
    otx_result result = otx__find_gguf(ctx, side->path, &file, error);
    *is = !result && file;
    if (result || !file) return result;
    if (side->donor && !job->base.gguf) {
        parent = otx__path_parent(ctx, file);
        result = parent ? otx__has_tokenizer(ctx, parent, &beside, error)
                        : otx__fail_memory(error, strlen(file) + 1);
    }
    side->gguf = !beside;
    otx__path_free(ctx, side->path);
    side->path = beside ? parent : file;
    side->weights = beside ? file : NULL;
    if (!beside) otx__path_free(ctx, parent);
    return result;
}

/* The tokenizer beside a GGUF file must be its own: most of its text tokens, by id. */
OTX__PRIVATE otx_result otx__check_beside(const otx_context *ctx, const otx__side *side,
                                          otx_error *error)
{
    char ours[OTX__QUOTED], theirs[OTX__QUOTED];
    otx_vocab other;
    size_t i, both, first = 0, wrong = 0;
    otx_result result = otx_vocab_open(ctx, side->weights, &other, error);
    if (result) return result;
    both = otx__min(other.count, side->vocab.count);
    for (i = 0; i < both; i++) {
        const otx_token *a = &side->vocab.tokens[i], *b = &other.tokens[i];
        if (a->kind != OTX_TOKEN_TEXT || b->kind != OTX_TOKEN_TEXT ||
            otx__same_bytes(a->bytes, a->size, b->bytes, b->size))
            continue;
        if (wrong++ == 0) first = i;
    }
    if (wrong > both / 100)
        result = otx__fail(error, OTX_ERROR_MISMATCH, "%s: is not the tokenizer of %s, in whose "
                           "directory it stands: %" PRIu64 " tokens differ, the first id %"
                           PRIu64 ", \"%s\" and \"%s\"", side->path,
                           side->weights + otx__path_name(side->weights), (uint64_t)wrong,
                           (uint64_t)first,
                           otx__quote(ours, sizeof ours, side->vocab.tokens[first].content,
                                      side->vocab.tokens[first].content_size),
                           otx__quote(theirs, sizeof theirs, other.tokens[first].content,
                                      other.tokens[first].content_size));
    otx_vocab_close(ctx, &other);
    return result;
}

/* Why there can be no output: the donor is a GGUF file by itself, and the base's is made of
   files. */
OTX__PRIVATE otx_result otx__fail_only_gguf(const otx_job *job, otx_error *error)
{
    char base[OTX__PATH_TEXT], donor[OTX__PATH_TEXT];
    return otx__fail(error, OTX_ERROR_UNSUPPORTED, "%s: is a GGUF file, which does not say how "
                     "transformers is to cut text; for %s, which is in safetensors, put it into a "
                     "directory with the tokenizer.json and tokenizer_config.json of the model "
                     "that it was made from, or give that model's directory",
                     otx__path_text(donor, job->donor.path), otx__path_text(base, job->base.path));
}

/* ---- opening ---- */

/* Opens the weights. A donor may have none, if nothing is to be solved for: then `without`
   says what is missing, and its matrices count as having a row for each of its ids. */
OTX__PRIVATE otx_result otx__open_weights(otx_job *job, otx__side *side, otx_error *error)
{
    bool absent;
    otx_error *told = side->donor ? &job->without : error;
    otx_result result = otx__checkpoint_try(&job->ctx, side->weights ? side->weights : side->path,
                                             &side->checkpoint, &absent, told);
    if (!result && side->donor && !otx__has_weights(&side->checkpoint))
        (void)otx__fail(told, OTX_ERROR_NOT_FOUND, "%s: holds no tensors", side->path);
    if (!result || told == error) return result;
    if (absent && result != OTX_ERROR_MEMORY) return OTX_OK;
    return otx__fail(error, result, "%s", job->without.message);
}

/* Fails where the rows of both models are wanted, and one has none. */
OTX__PRIVATE otx_result otx__job_has_rows(const otx_job *job, const char *why, otx_error *error)
{
    if (!otx__has_weights(&job->base.checkpoint))
        return otx__fail(error, OTX_ERROR_NOT_FOUND, "%s: holds no tensors; %s", job->base.path,
                         why);
    if (!otx__has_weights(&job->donor.checkpoint))
        return otx__fail(error, job->without.code, "%s; %s", job->without.message, why);
    return OTX_OK;
}

OTX__PRIVATE otx_result otx__find_parts(otx_job *job, otx__side *side, otx_error *error)
{
    if (otx__has_weights(&side->checkpoint)) return otx__parts_find(&job->ctx, side, error);
    side->parts.rows = side->vocab.count;
    side->parts.tied = true;
    if (job->options.rows == OTX_ROWS_DONOR && !job->lends)
        otx__log(&job->ctx, OTX_NOTE, "%s: has no weights to say how many rows there are; taken "
                 "are %" PRIu64 ", one for each id of its tokenizer", side->path,
                 side->parts.rows);
    return OTX_OK;
}

/* Whether a file beside the weights is read, and must stay as it was; of the base, such
   files are written anew or given by the donor. */
OTX__PRIVATE bool otx__is_read(const char *name)
{
    return strcmp(name, "config.json") == 0 || strcmp(name, "generation_config.json") == 0 ||
           otx__name_fits_any(name, otx__index_variants, OTX__COUNT(otx__index_variants)) ||
           otx__is_of_tokenizer(name);
}

/* Reports a base without config.json. Where it has no weights either, as they are read,
   what it has instead says more. */
OTX__PRIVATE otx_result otx__fail_no_config(const otx_context *ctx, const otx__side *side,
                                            otx_error *error)
{
    char name[OTX__PATH_TEXT];
    otx_checkpoint checkpoint;
    otx_error problem;
    bool absent;
    otx_result result = otx__checkpoint_try(ctx, side->path, &checkpoint, &absent, &problem);
    if (!result) otx_checkpoint_close(ctx, &checkpoint);
    if (absent && result == OTX_ERROR_UNSUPPORTED)
        return otx__fail(error, result, "%s", problem.message);
    return otx__fail(error, OTX_ERROR_NOT_FOUND, "%s/config.json: is missing",
                     otx__path_text(name, side->path));
}

/* A matrix and its tokenizer are enough of a donor; the base's config is edited. */
OTX__PRIVATE otx_result otx__open_documents(const otx_context *ctx, otx__side *side,
                                            otx_error *error)
{
    otx_result result = otx__stamps_take(&side->read, side->path, otx__is_read, error);
    if (!result)
        result = otx__document_open(ctx, side->path, "config.json", &side->config, error);
    if (!result && !side->config.present && !side->donor)
        result = otx__fail_no_config(ctx, side, error);
    if (!result)
        result = otx__document_open(ctx, side->path, "generation_config.json",
                                    &side->generation, error);
    if (!result)
        result = otx__document_open(ctx, side->path, "tokenizer_config.json", &side->tokenizer,
                                    error);
    return result;
}

/* Opens both models, step by step: what is quickly found wrong with either comes before
   what takes long. */
OTX__PRIVATE otx_result otx__job_open_sides(otx_job *job, otx_error *error)
{
    const otx_context *ctx = &job->ctx;
    otx_result result = OTX_OK;
    otx__side *sides[2];
    unsigned i;
    bool gguf;
    sides[0] = &job->base;
    sides[1] = &job->donor;
    for (i = 0; i < 2 && !result; i++) {
        result = otx__open_gguf(job, sides[i], &gguf, error);
        if (!result && !gguf) result = otx__open_directory(ctx, sides[i], error);
    }
    for (i = 0; i < 2 && !result; i++)
        if (!sides[i]->gguf) result = otx__open_documents(ctx, sides[i], error);
    for (i = 0; i < 2 && !result; i++) {
        result = otx__opening(job, sides[i], i, error);
        if (!result) result = otx__open_weights(job, sides[i], error);
    }
    for (i = 0; i < 2 && !result; i++) {
        result = otx__opening(job, sides[i], 2 + i, error);
        if (!result) result = otx_vocab_open(ctx, sides[i]->path, &sides[i]->vocab, error);
        if (!result && !(job->same_class && sides[i]->donor))
            result = otx__warn_renumbered(ctx, sides[i], error);
        if (!result && sides[i]->weights && otx__gguf_of(&sides[i]->checkpoint))
            result = otx__check_beside(ctx, sides[i], error);
    }
    if (!result) result = otx__opening(job, &job->donor, 4, error);
    for (i = 0; i < 2 && !result; i++) result = otx__find_parts(job, sides[i], error);
    return result;
}

/* ---- new_model: the model with its new tokenizer ---------------------------------------- */

/* "#NEW=#OLD" for every old token: its row is the old one, whatever else is alike. */
typedef struct otx__new_map {
    char (*texts)[32];
    const char **entries;
    size_t count;
} otx__new_map;

OTX__PRIVATE otx_result otx__new_map_open(const otx__reshaping *t, otx__new_map *map,
                                          otx_error *error)
{
    size_t i;
    map->texts = (char(*)[32])otx__alloc(t->ctx, t->count, sizeof *map->texts);
    map->entries = (const char **)otx__alloc(t->ctx, t->count, sizeof *map->entries);
    if (!map->texts || !map->entries)
        return otx__fail_array(error, t->count, sizeof *map->texts);
    for (i = 0; i < t->count; i++) {
        if (t->olds[i] == OTX__GONE) continue;
        otx__format(map->texts[map->count], sizeof *map->texts, "#%" PRIu64 "=#%" PRIu32,
                    (uint64_t)i, t->olds[i]);
        map->entries[map->count] = map->texts[map->count];
        map->count++;
    }
    return OTX_OK;
}

OTX__PRIVATE void otx__new_map_close(const otx__reshaping *t, otx__new_map *map)
{
    if (map->texts) otx__free(t->ctx, map->texts, t->count, sizeof *map->texts);
    if (map->entries) otx__free(t->ctx, (void *)map->entries, t->count, sizeof *map->entries);
}

/* Whether the new tokenizer, as it is read, has the token under the id that its row is written
   for. Loaders number on, behind all that stands in tokenizer.json, what other files name. */
OTX__PRIVATE otx_result otx__check_new_id(const otx__reshaping *t, const otx_vocab *fresh,
                                          size_t id, otx__span content, otx_error *error)
{
    char path[OTX__PATH_TEXT], quoted[OTX__QUOTED];
    if (id < fresh->count && otx__same_bytes(fresh->tokens[id].content,
                                             fresh->tokens[id].content_size, content.bytes,
                                             content.size))
        return OTX_OK;
    return otx__fail(error, OTX_ERROR_UNSUPPORTED, "%s: token \"%s\" would not have the id %"
                     PRIu64 " of its row: there are tokens that other files name and "
                     "tokenizer.json does not, and they are numbered behind it; "
                     OTX__SAVE_AS_JSON, otx__path_text(path, t->model),
                     otx__quote(quoted, sizeof quoted, content.bytes, content.size),
                     (uint64_t)id);
}

OTX__PRIVATE otx_result otx__check_new_ids(const otx__reshaping *t, const otx_vocab *fresh,
                                           otx_error *error)
{
    const otx__growth *g = t->growth;
    otx_result result = OTX_OK;
    size_t i;
    for (i = 0; i < t->count && !result; i++) {
        const otx_token *old = t->olds[i] == OTX__GONE ? NULL : &t->vocab.tokens[t->olds[i]];
        if (!old || old->kind == OTX_TOKEN_NONE) continue;
        result = otx__check_new_id(t, fresh, i, otx__span_of(old->content, old->content_size),
                                   error);
    }
    for (i = 0; g && i < g->token_count && !result; i++)
        result = otx__check_new_id(t, fresh, t->new_ids[i],
                                   otx__growth_content(g, (uint32_t)(t->vocab.count + i)),
                                   error);
    return result;
}

/* Sees the job before it runs, and may have it take rows from elsewhere. */
typedef otx_result (*otx__look_at_job)(void *context, otx_job *job, otx_error *error);

/* Gives the model the tokenizer at `path`. */
OTX__PRIVATE otx_result otx__new_model_at(otx__reshaping *t, const otx_job_options *wanted,
                                          const char *path, const char *out,
                                          otx__look_at_job look, void *context,
                                          otx_error *error)
{
    otx_job_options options = *wanted;
    otx__rewording words;
    otx_context ctx;
    otx__new_map map;
    otx_job *job = NULL;
    otx_error told;
    otx_result result;
    memset(&map, 0, sizeof map);
    words.outer = t->ctx;
    words.stage = path;
    words.model = t->model;
    ctx = otx__reworded(&words);
    result = otx__new_map_open(t, &map, &told);
    options.map = map.entries;
    options.map_count = map.count;
    if (t->spare && options.rows == OTX_ROWS_MULTIPLE) {
        options.rows = OTX_ROWS_EXACT;
        options.rows_exact = (t->count + t->spare + options.rows_multiple - 1) /
                             options.rows_multiple * options.rows_multiple;
    }
    if (!result)
        result = otx__job_open_for(&ctx, t->model, path, &options, true, t->same_class, &job,
                                   &told);
    /* From here on the job sees to it that they stay as they are. */
    if (!result) result = otx__stamps_compare(&t->read, &told);
    if (!result) result = otx__check_new_ids(t, &job->donor.vocab, &told);
    if (!result) result = look(context, job, &told);
    if (!result) result = otx_job_run(job, out, &told);
    otx_job_close(job);
    otx__new_map_close(t, &map);
    return otx__reword_error(&words, result, &told, error);
}

/* Gives the model the tokenizer in `directory`. */
OTX__PRIVATE otx_result otx__new_model(otx__reshaping *t, const otx_job_options *wanted,
                                       const char *directory, const char *out,
                                       otx__look_at_job look, void *context, otx_error *error)
{
    otx_result result;
    char *path = t->gguf ? otx__path_join(t->ctx, directory, OTX__NEW_GGUF)
                         : otx__path_copy(t->ctx, directory, strlen(directory));
    if (!path) return otx__fail_memory(error, strlen(directory) + sizeof OTX__NEW_GGUF + 1);
    result = otx__new_model_at(t, wanted, path, out, look, context, error);
    otx__path_free(t->ctx, path);
    return result;
}

#define OTX__NEW_TOKENIZER ".otx-tokenizer-"

/* Tells of such directories that runs which were killed left beside the output. */
OTX__PRIVATE otx_result otx__new_leftovers(const otx__output *output, otx_error *error)
{
    const char *base = output->path + otx__path_name(output->path);
    char *parent = otx__path_parent(output->ctx, output->path), name[OTX__PATH_TEXT];
    const size_t size = strlen(base);
    otx__listing listing;
    otx_result result;
    size_t i;
    if (!parent) return otx__fail_memory(error, strlen(output->path) + 1);
    result = otx__listing_open(output->ctx, parent, &listing, error);
    otx__path_free(output->ctx, parent);
    if (result) return result;
    for (i = 0; i < listing.count; i++) {
        const char *sibling = listing.names[i];
        if (strncmp(sibling, base, size) == 0 &&
            strncmp(sibling + size, OTX__NEW_TOKENIZER, sizeof OTX__NEW_TOKENIZER - 1) == 0)
            otx__log(output->ctx, OTX_WARNING, "beside the output stands \"%s\", left by an "
                     "interrupted run or in use by another: remove it once none is running",
                     otx__quote(name, sizeof name, sibling, strlen(sibling)));
    }
    otx__listing_close(&listing);
    return OTX_OK;
}

/* Makes the directory of the new tokenizer beside the output. What stands where a GGUF file is
   to be is looked at when that is written. */
OTX__PRIVATE otx_result otx__new_stage(const otx__reshaping *t, const char *out,
                                       bool overwrite, otx__output *output, otx_error *error)
{
    otx__standing standing;
    otx_result result;
    memset(output, 0, sizeof *output);
    output->ctx = t->ctx;
    output->overwrite = overwrite;
    result = otx__output_name(output, out, error);
    if (!result && !t->gguf) result = otx__output_check(output, &standing, error);
    if (!result) result = otx__new_leftovers(output, error);
    if (!result) result = otx__output_make(output, OTX__NEW_TOKENIZER, error);
    if (result) otx__output_abandon(output);
    return result;
}

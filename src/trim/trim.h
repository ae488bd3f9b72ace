/* ---- trim: the whole, in order -------------------------------------------------------- */

/* ---- the new tokenizer ---- */

/* A JSON file of the tokenizer, and how it is written anew. */
typedef struct otx__trim_kind {
    const char *name;
    void (*make)(otx__trim_file *f);
} otx__trim_kind;

static const otx__trim_kind otx__trim_kinds[] = {
    {"tokenizer.json", otx__trim_tokenizer_json},
    {"tokenizer_config.json", otx__trim_tokenizer_config},
    {"vocab.json", otx__trim_token_object},
    {"added_tokens.json", otx__trim_token_object},
};

/* Writes a JSON file of the tokenizer anew. */
OTX__PRIVATE otx_result otx__trim_write_json(otx__trimming *t, const otx__trim_kind *kind,
                                             const char *directory, otx_error *error)
{
    otx__document document;
    otx__text text;
    otx_result result = otx__document_open(t->ctx, t->model, kind->name, &document, error);
    if (result) return result;
    otx__text_open(&text, t->ctx);
    result = otx__trim_json(t, &document.json, kind->make, &text, error);
    if (!result) result = otx__write_text(t->ctx, directory, kind->name, &text, error);
    otx__text_close(&text);
    otx__document_close(t->ctx, &document);
    return result;
}

/* Writes merges.txt or vocab.txt anew. */
OTX__PRIVATE otx_result otx__trim_write_lines(otx__trimming *t, const char *name, bool merges,
                                              const char *directory, otx_error *error)
{
    char *path = otx__path_join(t->ctx, t->model, name), *bytes = NULL;
    size_t size = 0;
    otx__text text;
    otx_result result;
    if (!path) return otx__fail_memory(error, strlen(t->model) + strlen(name) + 2);
    otx__text_open(&text, t->ctx);
    result = otx__file_read_all(t->ctx, path, OTX__TOKENIZER_LIMIT, &bytes, &size, error);
    if (!result)
        result = merges ? otx__trim_merges_txt(t, otx__span_of(bytes, size), &text, error)
                        : otx__trim_vocab_txt(t, otx__span_of(bytes, size), &text, error);
    if (!result) result = otx__write_text(t->ctx, directory, name, &text, error);
    otx__text_close(&text);
    if (bytes) otx__file_free(t->ctx, bytes, size);
    otx__path_free(t->ctx, path);
    return result;
}

OTX__PRIVATE otx_result otx__trim_copy_file(otx__trimming *t, const char *name,
                                            const char *directory, otx_error *error)
{
    char *from = otx__path_join(t->ctx, t->model, name);
    char *to = otx__path_join(t->ctx, directory, name);
    otx_result result = from && to ? otx__tree_copy(t->ctx, from, to, NULL, error)
                                   : otx__fail_memory(error, strlen(name) + 2);
    otx__path_free(t->ctx, from);
    otx__path_free(t->ctx, to);
    return result;
}

/* Writes what becomes of one entry of the model's directory, if it is of the tokenizer. */
OTX__PRIVATE otx_result otx__trim_write(otx__trimming *t, const char *name, const char *directory,
                                        otx_error *error)
{
    char path[OTX__PATH_TEXT], quoted[OTX__QUOTED];
    size_t i;
    for (i = 0; i < OTX__COUNT(otx__trim_kinds); i++)
        if (strcmp(name, otx__trim_kinds[i].name) == 0)
            return otx__trim_write_json(t, &otx__trim_kinds[i], directory, error);
    if (strcmp(name, "merges.txt") == 0 || strcmp(name, "vocab.txt") == 0)
        return otx__trim_write_lines(t, name, *name == 'm', directory, error);
    if (!otx__is_of_tokenizer(name)) return OTX_OK;
    if (!otx__is_other_source(name)) return otx__trim_copy_file(t, name, directory, error);
    otx__log(t->ctx, OTX_NOTE, "%s: \"%s\" is left out: it holds the whole vocabulary; "
             "tokenizer.json is read", otx__path_text(path, t->model),
             otx__quote(quoted, sizeof quoted, name, strlen(name)));
    return OTX_OK;
}

OTX__PRIVATE otx_result otx__trim_write_all(otx__trimming *t, const char *directory,
                                            otx_error *error)
{
    otx__listing listing;
    size_t i;
    otx_result result = otx__listing_open(t->ctx, t->model, &listing, error);
    if (result) return result;
    for (i = 0; i < listing.count && !result; i++)
        result = otx__trim_write(t, listing.names[i], directory, error);
    otx__listing_close(&listing);
    return result;
}

/* ---- which tokens ---- */

/* Keeps what tokenizer.json names by its id, and finds which tokens are its model's. */
OTX__PRIVATE otx_result otx__trim_look(otx__trimming *t, otx_error *error)
{
    otx__document document;
    otx__trim_file f;
    otx_result result =
        otx__document_open(t->ctx, t->model, otx__trim_kinds[0].name, &document, error);
    if (result) return result;
    memset(&f, 0, sizeof f);
    f.t = t;
    f.json = &document.json;
    otx__trim_named(&f, otx__trim_keep_id);
    otx__trim_find_own(&f);
    otx__document_close(t->ctx, &document);
    return OTX_OK;
}

OTX__PRIVATE otx_result otx__trim_choose(otx__trimming *t, otx_error *error)
{
    char path[OTX__PATH_TEXT];
    otx_result result = otx__trim_open(t, error);
    otx__path_text(path, t->model);
    if (!result && strcmp(otx__word(t->vocab.source), "tokenizer.json") != 0)
        return otx__fail(error, OTX_ERROR_UNSUPPORTED, "%s: its tokenizer is read from %s; only "
                         "a tokenizer.json is written anew: load it with transformers' "
                         "AutoTokenizer and save it with save_pretrained, which writes one", path,
                         otx__word(t->vocab.source));
    if (!result) result = otx__trim_wish(t, error);
    if (!result) result = otx__trim_look(t, error);
    if (!result)
        result = otx_vocab_close_under_merges(t->ctx, &t->vocab, t->keep, &t->summary, error);
    if (result) return result;
    otx__trim_number(t);
    if (t->count == t->vocab.token_count)
        otx__log(t->ctx, OTX_WARNING, "%s: none of its %" PRIu64 " tokens can go: those that are "
                 "not named to stay are needed by others", path, (uint64_t)t->count);
    return OTX_OK;
}

/* ---- the model ---- */

/* "#NEW=#OLD" for every token: its row is the old one, whatever else is alike. */
typedef struct otx__trim_map {
    char (*texts)[32];
    const char **entries;
} otx__trim_map;

OTX__PRIVATE otx_result otx__trim_map_open(const otx__trimming *t, otx__trim_map *map,
                                           otx_error *error)
{
    size_t i;
    map->texts = (char(*)[32])otx__alloc(t->ctx, t->count, sizeof *map->texts);
    map->entries = (const char **)otx__alloc(t->ctx, t->count, sizeof *map->entries);
    if (!map->texts || !map->entries)
        return otx__fail_array(error, t->count, sizeof *map->texts);
    for (i = 0; i < t->count; i++) {
        otx__format(map->texts[i], sizeof *map->texts, "#%" PRIu64 "=#%" PRIu32, (uint64_t)i,
                    t->olds[i]);
        map->entries[i] = map->texts[i];
    }
    return OTX_OK;
}

OTX__PRIVATE void otx__trim_map_close(const otx__trimming *t, otx__trim_map *map)
{
    if (map->texts) otx__free(t->ctx, map->texts, t->count, sizeof *map->texts);
    if (map->entries) otx__free(t->ctx, (void *)map->entries, t->count, sizeof *map->entries);
}

/* Bytes of a model's vocabulary matrices, with as many rows as they have now. */
OTX__PRIVATE void otx__trim_count_bytes(otx__trimming *t, const otx_job *job)
{
    size_t i;
    for (i = 0; i < job->base.parts.count; i++) {
        const otx_tensor *old = job->base.parts.tensors[i].at->tensor;
        const otx__tensor_plan *plan = &job->plans[i];
        t->summary.matrices += old->end - old->begin;
        if (!job->base.parts.tensors[i].redundant)
            t->summary.trimmed +=
                (uint64_t)plan->rows * plan->columns * (otx_dtype_bits(plan->dtype) / 8);
    }
}

/* Gives the model the tokenizer in `directory`. */
OTX__PRIVATE otx_result otx__trim_model(otx__trimming *t, const char *directory, const char *out,
                                        otx_error *error)
{
    otx_job_options options;
    otx__trim_map map;
    otx_job *job = NULL;
    otx_result result;
    memset(&map, 0, sizeof map);
    memset(&options, 0, sizeof options);
    options.method = OTX_METHOD_ZERO; /* there is nothing to be made */
    options.rows = OTX_ROWS_MULTIPLE;
    options.rows_multiple = t->options->multiple ? t->options->multiple : 1;
    options.overwrite = t->options->overwrite;
    result = otx__trim_map_open(t, &map, error);
    options.map = map.entries;
    options.map_count = t->count;
    if (!result) result = otx_job_open(t->ctx, t->model, directory, &options, &job, error);
    if (!result) otx__trim_count_bytes(t, job);
    if (!result) result = otx_job_run(job, out, error);
    otx_job_close(job);
    otx__trim_map_close(t, &map);
    return result;
}

/* ---- the whole ---- */

#define OTX__NEW_TOKENIZER ".otx-tokenizer-"

/* Makes the directory of the new tokenizer beside the output. */
OTX__PRIVATE otx_result otx__trim_stage(const otx_context *ctx, const char *out,
                                        bool overwrite, otx__output *output,
                                        otx_error *error)
{
    otx__standing standing;
    otx_result result;
    memset(output, 0, sizeof *output);
    output->ctx = ctx;
    output->overwrite = overwrite;
    result = otx__output_name(output, out, error);
    if (!result) result = otx__output_check(output, &standing, error);
    if (!result) result = otx__output_make(output, OTX__NEW_TOKENIZER, error);
    if (result) otx__output_abandon(output);
    return result;
}

OTX_API otx_result otx_trim(const otx_context *ctx, const char *model, const char *out,
                            const otx_trim_options *options, otx_trim_summary *summary,
                            otx_error *error)
{
    otx__trimming t;
    otx__output output;
    otx_result result;
    memset(&t, 0, sizeof t);
    t.ctx = ctx;
    t.options = options;
    t.model = model;
    result = otx__trim_choose(&t, error);
    if (!result) result = otx__trim_stage(ctx, out, options->overwrite, &output, error);
    if (!result) {
        result = otx__trim_write_all(&t, output.partial, error);
        if (!result) result = otx__trim_model(&t, output.partial, out, error);
        otx__output_abandon(&output);
    }
    if (!result && summary) *summary = t.summary;
    otx__trim_close(&t);
    return result;
}

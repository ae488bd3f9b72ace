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
    if (!result) result = otx_job_open(&ctx, t->model, path, &options, &job, &told);
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
    if (!result) result = otx__output_make(output, OTX__NEW_TOKENIZER, error);
    if (result) otx__output_abandon(output);
    return result;
}

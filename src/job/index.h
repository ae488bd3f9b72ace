/* ---- index: the files that are written anew ------------------------------ */

/* Writes a text as directory/name. */
OTX__PRIVATE otx_result otx__write_text(const otx_context *ctx, const char *directory,
                                        const char *name, const otx__text *text,
                                        otx_error *error)
{
    char *path = otx__path_join(ctx, directory, name);
    otx__file file;
    otx_result result;
    if (!path) return otx__fail_memory(error, strlen(directory) + strlen(name) + 2);
    result = otx__file_create(ctx, path, &file, error);
    if (!result) {
        if (!file.sink.write(file.sink.context, text->bytes, text->size))
            result = otx__fail(error, OTX_ERROR_IO, "cannot be written"); /* finish says why */
        result = otx__file_finish(&file, result, error);
    }
    otx__path_free(ctx, path);
    return result;
}

/* Bytes and elements of all tensors, as they were and as they will be. */
typedef struct otx__totals {
    uint64_t bytes, old_elements, elements;
} otx__totals;

OTX__PRIVATE otx__totals otx__sum_totals(const otx_job *job)
{
    otx__totals totals = {0, 0, 0};
    size_t i;
    for (i = 0; i < job->base.checkpoint.tensor_count; i++) {
        const otx_tensor *tensor = job->base.checkpoint.tensors[i].tensor;
        size_t which = otx__which_tensor(job, tensor);
        uint64_t elements = otx__tensor_elements(tensor, tensor->shape);
        totals.old_elements += elements;
        if (which == OTX__NONE) {
            totals.elements += elements;
            totals.bytes += tensor->end - tensor->begin;
        } else if (!job->base.parts.tensors[which].redundant) {
            elements = otx__tensor_elements(tensor, job->plans[which].shape);
            totals.elements += elements;
            totals.bytes += elements * (otx_dtype_bits(job->plans[which].dtype) / 8);
        }
    }
    for (i = 0; i < job->draft.extra_count; i++) {
        const otx_tensor *tensor = &job->draft.extras[i];
        uint64_t elements = otx__tensor_elements(tensor, tensor->shape);
        totals.elements += elements;
        totals.bytes += elements * (otx_dtype_bits(tensor->dtype) / 8);
    }
    return totals;
}

/* Appends a tensor of the weight map, the first or another. */
OTX__PRIVATE void otx__weight_map_add(const otx_tensor *tensor, const char *file, bool first,
                                      otx__text *to)
{
    otx__text_string(to, first ? "\n    " : ",\n    ");
    otx__text_json_string(to, tensor->name, tensor->name_size);
    otx__text_string(to, ": ");
    otx__text_json_string(to, file, strlen(file));
}

/* The weight map without what is not written and with what is new, as a JSON object. */
OTX__PRIVATE void otx__new_weight_map(const otx_job *job, otx__text *to)
{
    const otx_checkpoint *base = &job->base.checkpoint;
    size_t i, written = 0;
    otx__text_string(to, "{");
    for (i = 0; i < base->tensor_count; i++) {
        const otx_tensor *tensor = base->tensors[i].tensor;
        const char *file = base->files[base->tensors[i].file].name;
        size_t which = otx__which_tensor(job, tensor);
        if (which != OTX__NONE && job->base.parts.tensors[which].redundant) continue;
        otx__weight_map_add(tensor, file, written++ == 0, to);
    }
    for (i = 0; i < job->draft.extra_count; i++)
        otx__weight_map_add(&job->draft.extras[i], base->files[job->draft.home].name,
                            written++ == 0, to);
    otx__text_bytes(to, "\n  }", 5); /* with the terminator */
}

/* Takes what is not written out of the weight map, and what is not true. */
OTX__PRIVATE otx_result otx__edit_weight_map(const otx_job *job, otx_json_edit *edit,
                                             otx_error *error)
{
    bool whole = !job->base.checkpoint.index_differs && job->draft.extra_count == 0;
    otx_result result;
    otx__text map;
    size_t i;
    for (i = 0; i < job->base.parts.count; i++)
        if (job->base.parts.tensors[i].redundant) whole = false;
    if (whole) return OTX_OK;
    otx__text_open(&map, &job->ctx);
    otx__new_weight_map(job, &map);
    result = map.failed ? otx__fail_memory(error, map.size)
                        : otx_json_edit_set(&job->ctx, edit, 0, OTX__KEY_WEIGHT_MAP, map.bytes,
                                            error);
    otx__text_close(&map);
    return result;
}

OTX__PRIVATE otx_result otx__edit_index(const otx_job *job, const otx__document *index,
                                        otx_json_edit *edit, otx_error *error)
{
    const otx_context *ctx = &job->ctx;
    const otx_json *json = &index->json;
    uint32_t metadata = otx_json_find(json, 0, OTX__KEY_METADATA);
    uint32_t node = otx_json_find(json, metadata, OTX__KEY_PARAMETERS);
    otx__totals totals = otx__sum_totals(job);
    otx_result result;
    char value[64];
    uint64_t parameters;
    if (otx_json_type_of(json, metadata) == OTX_JSON_OBJECT) {
        otx__format(value, sizeof value, "%" PRIu64, totals.bytes);
        result = otx_json_edit_set(ctx, edit, metadata, OTX__KEY_TOTAL_SIZE, value, error);
    } else {
        otx__format(value, sizeof value, "{\"" OTX__KEY_TOTAL_SIZE "\": %" PRIu64 "}",
                    totals.bytes);
        result = otx_json_edit_set(ctx, edit, 0, OTX__KEY_METADATA, value, error);
    }
    if (!result && otx_json_uint(json, node, &parameters)) {
        if (parameters < totals.old_elements &&
            totals.old_elements - parameters > totals.elements)
            parameters = totals.old_elements; /* one that cannot be true */
        otx__format(value, sizeof value, "%" PRIu64,
                    parameters - totals.old_elements + totals.elements);
        result = otx_json_edit_replace(ctx, edit, node, value, error);
    }
    return result ? result : otx__edit_weight_map(job, edit, error);
}

/* The index of shards, with what has changed of it. */
OTX__PRIVATE otx_result otx__write_index(const otx_job *job, const char *directory,
                                         otx_error *error)
{
    const otx_context *ctx = &job->ctx;
    otx_json_edit *edit = NULL;
    otx__document index;
    otx__text text;
    otx_result result;
    if (!job->base.checkpoint.sharded) return OTX_OK;
    result = otx__document_open(ctx, job->base.path, job->base.checkpoint.index, &index, error);
    if (result) return result;
    if (!index.present)
        return otx__fail(error, OTX_ERROR_NOT_FOUND, "%s/%s: is gone", job->base.path,
                         job->base.checkpoint.index);
    otx__text_open(&text, ctx);
    result = otx_json_edit_open(ctx, &index.json, &edit, error);
    if (!result) result = otx__edit_index(job, &index, edit, error);
    if (!result) result = otx__edit_to_text(edit, &text, error);
    if (!result) result = otx__write_text(&job->ctx, directory, OTX__INDEX_FILE, &text, error);
    otx_json_edit_close(ctx, edit);
    otx__text_close(&text);
    otx__document_close(ctx, &index);
    return result;
}

/* config.json, generation_config.json, and what is not the donor's of the tokenizer's
   files, as planned. */
OTX__PRIVATE otx_result otx__write_configs(const otx_job *job, const char *directory,
                                           otx_error *error)
{
    otx_result result = otx__write_text(&job->ctx, directory, "config.json", &job->config, error);
    if (!result && job->generation.size > 0)
        result = otx__write_text(&job->ctx, directory, "generation_config.json", &job->generation,
                                 error);
    if (!result && job->digits.size > 0)
        result = otx__write_text(&job->ctx, directory, "tokenizer.json", &job->digits, error);
    if (!result && job->tokenizer.size > 0)
        result = otx__write_text(&job->ctx, directory, "tokenizer_config.json", &job->tokenizer,
                                 error);
    if (!result && job->code.size > 0)
        result = otx__write_text(&job->ctx, directory, OTX__CLASS_MODULE ".py", &job->code, error);
    if (!result && job->options.chat != OTX_CHAT_DONOR)
        result = otx__write_text(&job->ctx, directory, otx__usual_name(OTX_VOCAB_CHAT_TEMPLATE),
                                 &job->chat, error);
    return result;
}

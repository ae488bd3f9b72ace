/* ---- the new weights and their index ------------------------------------ */

/* One file of the output. */
typedef struct otx__shard {
    bool touched;                 /* it holds tensors that change; else it is copied */
    bool empty;                   /* all its tensors are dropped: not written */
    otx_tensor *tensors;          /* of the new file, in order of the old one */
    const otx_tensor **originals; /* of each; names them and says where its bytes are */
    size_t count, capacity;
    otx_layout layout;
} otx__shard;

/* The place of a tensor among the base's vocabulary tensors, or OTX__NONE. */
OTX__PRIVATE size_t otx__job_find_tensor(const otx_job *job, const otx_tensor *tensor)
{
    size_t i;
    for (i = 0; i < job->base_model.tensor_count; i++)
        if (job->base_model.tensors[i].at->tensor == tensor) return i;
    return OTX__NONE;
}

OTX__PRIVATE void otx__shard_close(const otx_job *job, otx__shard *shard)
{
    otx_layout_close(&job->ctx, &shard->layout);
    otx__free(&job->ctx, shard->tensors, shard->capacity, sizeof *shard->tensors);
    otx__free(&job->ctx, shard->originals, shard->capacity, sizeof *shard->originals);
}

/* Lays out the new file with the metadata of the old one. Some loaders want to
   see "format" in it. */
OTX__PRIVATE otx_result otx__shard_layout(const otx_job *job, const otx_safetensors *old,
                                          otx__shard *shard, otx_error *error)
{
    size_t count = old->metadata_count, i;
    otx_metadata *metadata =
        (otx_metadata *)otx__alloc(&job->ctx, count + 1, sizeof *metadata);
    otx_result result;
    bool format = false;
    if (!metadata) return otx__fail_memory(error, (count + 1) * sizeof *metadata);
    for (i = 0; i < count; i++) {
        metadata[i] = old->metadata[i];
        if (metadata[i].key_size == 6 && memcmp(metadata[i].key, "format", 6) == 0)
            format = true;
    }
    metadata[count].key = "format";
    metadata[count].key_size = 6;
    metadata[count].value = "pt";
    metadata[count].value_size = 2;
    result = otx_layout_open(&job->ctx, shard->tensors, shard->count, metadata,
                             count + (format ? 0 : 1), &shard->layout, error);
    otx__free(&job->ctx, metadata, count + 1, sizeof *metadata);
    return result;
}

/* Plans one file; close with otx__shard_close in any case. */
OTX__PRIVATE otx_result otx__shard_open(const otx_job *job, const otx_safetensors *old,
                                        otx__shard *shard, otx_error *error)
{
    size_t i;
    memset(shard, 0, sizeof *shard);
    for (i = 0; i < old->tensor_count && !shard->touched; i++)
        shard->touched = otx__job_find_tensor(job, &old->tensors[i]) != OTX__NONE;
    if (!shard->touched) return OTX_OK;
    shard->capacity = old->tensor_count;
    shard->tensors =
        (otx_tensor *)otx__alloc(&job->ctx, shard->capacity, sizeof *shard->tensors);
    shard->originals = (const otx_tensor **)otx__alloc(&job->ctx, shard->capacity,
                                                       sizeof *shard->originals);
    if (!shard->tensors || !shard->originals)
        return otx__fail_memory(error, (uint64_t)shard->capacity * sizeof *shard->tensors);
    for (i = 0; i < old->tensor_count; i++) {
        size_t which = otx__job_find_tensor(job, &old->tensors[i]);
        otx_tensor *tensor = &shard->tensors[shard->count];
        if (which != OTX__NONE && job->base_model.tensors[which].redundant) continue;
        *tensor = old->tensors[i];
        if (which != OTX__NONE) {
            tensor->shape = job->plans[which].shape;
            tensor->dtype = job->plans[which].dtype;
        }
        shard->originals[shard->count++] = &old->tensors[i];
    }
    shard->empty = shard->count == 0;
    return shard->empty ? OTX_OK : otx__shard_layout(job, old, shard, error);
}

/* Writes the bytes of a new matrix in the file's byte order, and reports them. */
OTX__PRIVATE otx_result otx__write_rows(const otx_job *job, otx__loaded *rows,
                                        otx__file *file, otx__meter *meter, otx_error *error)
{
    size_t size = otx_dtype_bits(rows->dtype) / 8, count = rows->rows * rows->columns, at;
    otx_result result = OTX_OK;
    for (at = 0; at < count && !result;) {
        size_t step = otx__min(count - at, OTX__STREAM_BLOCK / size);
        char *bytes = rows->data + at * size;
        otx__little_endian(bytes, step, size);
        if (!file->sink.write(file->sink.context, bytes, step * size))
            return otx__fail(error, OTX_ERROR_IO, "cannot be written"); /* finish says why */
        result = otx__meter_add(&job->ctx, meter, (uint64_t)step * size, error);
        at += step;
    }
    return result;
}

/* Makes and writes one new matrix. */
OTX__PRIVATE otx_result otx__write_matrix(otx_job *job, size_t which, otx__file *file,
                                          otx__meter *meter, otx_error *error)
{
    const otx__tensor_plan *plan = &job->plans[which];
    double start = otx__now();
    otx__rebuild rebuild;
    otx_result result = otx__rebuild_open(job, which, &rebuild, error);
    if (!result && plan->matrix != OTX__NONE)
        job->summary.matrices[plan->matrix].seconds += otx__now() - start;
    if (!result) {
        meter->subject = job->base_model.tensors[which].at->tensor->name;
        result = otx__write_rows(job, &rebuild.made, file, meter, error);
    }
    otx__rebuild_close(&rebuild);
    return result;
}

/* Writes a file whose vocabulary tensors are new and whose others are copied. */
OTX__PRIVATE otx_result otx__write_touched(otx_job *job, const otx_checkpoint_file *old,
                                           const char *old_path, const otx__shard *shard,
                                           otx__file *file, otx__meter *meter, otx_error *error)
{
    const otx_layout *layout = &shard->layout;
    otx_result result = OTX_OK;
    size_t i;
    if (!file->sink.write(file->sink.context, layout->header, layout->header_size))
        return otx__fail(error, OTX_ERROR_IO, "cannot be written");
    result = otx__meter_add(&job->ctx, meter, layout->header_size, error);
    for (i = 0; i < layout->count && !result; i++) {
        const otx_tensor *original = shard->originals[layout->order[i]];
        size_t which = otx__job_find_tensor(job, original);
        meter->subject = original->name;
        if (which != OTX__NONE) result = otx__write_matrix(job, which, file, meter, error);
        else if (original->end > original->begin)
            result = otx__stream(&job->ctx, &old->source, old_path, original->begin,
                                 original->end - original->begin, &file->sink, meter, error);
    }
    return result;
}

OTX__PRIVATE otx_result otx__write_shard(otx_job *job, size_t index, const otx__shard *shard,
                                         const char *directory, otx__meter *meter,
                                         otx_error *error)
{
    const otx_checkpoint_file *old = &job->base.files[index];
    const otx_context *ctx = &job->ctx;
    char *from, *to;
    otx_result result;
    otx__file file;
    if (shard->empty) return OTX_OK;
    from = otx__path_join(ctx, job->base_path, old->name);
    to = otx__path_join(ctx, directory, old->name);
    if (!from || !to) {
        result = otx__fail_memory(error, strlen(directory) + strlen(old->name) + 2);
        goto done;
    }
    result = otx__file_create(ctx, to, &file, error);
    if (result) goto done;
    meter->subject = old->name;
    if (shard->touched)
        result = otx__write_touched(job, old, from, shard, &file, meter, error);
    else
        result = otx__stream(ctx, &old->source, from, 0, old->source.size, &file.sink, meter,
                             error);
    result = otx__file_finish(&file, result, error);
done:
    otx__path_free(ctx, from);
    otx__path_free(ctx, to);
    return result;
}

/* ---- small files ---- */

/* Writes a text as directory/name. */
OTX__PRIVATE otx_result otx__write_text(const otx_job *job, const char *directory,
                                        const char *name, const otx__text *text,
                                        otx_error *error)
{
    char *path = otx__path_join(&job->ctx, directory, name);
    otx__file file;
    otx_result result;
    if (!path) return otx__fail_memory(error, strlen(directory) + strlen(name) + 2);
    result = otx__file_create(&job->ctx, path, &file, error);
    if (!result) {
        if (!file.sink.write(file.sink.context, text->bytes, text->size))
            result = otx__fail(error, OTX_ERROR_IO, "cannot be written"); /* finish says why */
        result = otx__file_finish(&file, result, error);
    }
    otx__path_free(&job->ctx, path);
    return result;
}

/* Bytes and elements of all tensors, as they were and as they will be. */
typedef struct otx__totals {
    uint64_t bytes, old_elements, elements;
} otx__totals;

OTX__PRIVATE uint64_t otx__tensor_elements(const otx_tensor *tensor, const uint64_t *shape)
{
    uint64_t elements = 1;
    unsigned i;
    for (i = 0; i < tensor->rank; i++) elements *= shape[i];
    return elements;
}

OTX__PRIVATE otx__totals otx__job_totals(const otx_job *job)
{
    otx__totals totals = {0, 0, 0};
    size_t i;
    for (i = 0; i < job->base.tensor_count; i++) {
        const otx_tensor *tensor = job->base.tensors[i].tensor;
        size_t which = otx__job_find_tensor(job, tensor);
        uint64_t elements = otx__tensor_elements(tensor, tensor->shape);
        totals.old_elements += elements;
        if (which == OTX__NONE) {
            totals.elements += elements;
            totals.bytes += tensor->end - tensor->begin;
        } else if (!job->base_model.tensors[which].redundant) {
            elements = otx__tensor_elements(tensor, job->plans[which].shape);
            totals.elements += elements;
            totals.bytes += elements * (otx_dtype_bits(job->plans[which].dtype) / 8);
        }
    }
    return totals;
}

/* The weight map without what is not written, as a JSON object. */
OTX__PRIVATE void otx__new_weight_map(const otx_job *job, otx__text *to)
{
    size_t i, written = 0;
    otx__text_string(to, "{");
    for (i = 0; i < job->base.tensor_count; i++) {
        const otx_tensor *tensor = job->base.tensors[i].tensor;
        const char *file = job->base.files[job->base.tensors[i].file].name;
        size_t which = otx__job_find_tensor(job, tensor);
        if (which != OTX__NONE && job->base_model.tensors[which].redundant) continue;
        otx__text_string(to, written++ ? ",\n    " : "\n    ");
        otx__text_json_string(to, tensor->name, tensor->name_size);
        otx__text_string(to, ": ");
        otx__text_json_string(to, file, strlen(file));
    }
    otx__text_bytes(to, "\n  }", 5); /* with the terminator */
}

OTX__PRIVATE otx_result otx__edit_index(const otx_job *job, const otx__document *index,
                                        otx_json_edit *edit, otx_error *error)
{
    const otx_context *ctx = &job->ctx;
    const otx_json *json = &index->json;
    uint32_t metadata = otx_json_find(json, 0, "metadata"), node;
    otx__totals totals = otx__job_totals(job);
    otx_result result = OTX_OK;
    char value[64];
    uint64_t parameters;
    size_t i;
    otx__format(value, sizeof value, "%" PRIu64, totals.bytes);
    if (otx_json_type_of(json, metadata) == OTX_JSON_OBJECT) {
        result = otx_json_edit_set(ctx, edit, metadata, "total_size", value, error);
        node = otx_json_find(json, metadata, "total_parameters");
        if (!result && otx_json_uint(json, node, &parameters)) {
            otx__format(value, sizeof value, "%" PRIu64,
                        parameters - totals.old_elements + totals.elements);
            result = otx_json_edit_replace(ctx, edit, node, value, error);
        }
    } else {
        otx__format(value, sizeof value, "{\"total_size\": %" PRIu64 "}", totals.bytes);
        result = otx_json_edit_set(ctx, edit, 0, "metadata", value, error);
    }
    for (i = 0; i < job->base_model.tensor_count && !result; i++) {
        otx__text map;
        if (!job->base_model.tensors[i].redundant) continue;
        otx__text_open(&map, ctx);
        otx__new_weight_map(job, &map);
        result = map.failed ? otx__fail_memory(error, map.size)
                            : otx_json_edit_set(ctx, edit, 0, "weight_map", map.bytes, error);
        otx__text_close(&map);
    }
    return result;
}

OTX__PRIVATE otx_result otx__write_index(const otx_job *job, const char *directory,
                                         otx_error *error)
{
    const otx_context *ctx = &job->ctx;
    otx_json_edit *edit = NULL;
    otx__document index;
    otx__text text;
    otx_result result;
    if (!job->base.sharded) return OTX_OK;
    result = otx__document_open(ctx, job->base_path, OTX__INDEX_FILE, &index, error);
    if (result) return result;
    if (!index.present)
        return otx__fail(error, OTX_ERROR_NOT_FOUND, "%s/" OTX__INDEX_FILE ": is gone",
                         job->base_path);
    otx__text_open(&text, ctx);
    result = otx_json_edit_open(ctx, &index.json, &edit, error);
    if (!result) result = otx__edit_index(job, &index, edit, error);
    if (!result) result = otx__edit_to_text(edit, &text, error);
    if (!result) result = otx__write_text(job, directory, OTX__INDEX_FILE, &text, error);
    otx_json_edit_close(ctx, edit);
    otx__text_close(&text);
    otx__document_close(ctx, &index);
    return result;
}

/* ---- safetensors: reading ----------------------------------------------- */

/* Reads and checks the length of the header, then the header itself. */
OTX__PRIVATE otx_result otx__header_read(const otx_context *ctx, const otx_source *source,
                                         const char *name, char **header, size_t *header_size,
                                         otx_error *error)
{
    unsigned char prefix[8];
    uint64_t size = 0;
    int i;
    if (source->size < 8)
        return otx__fail(error, OTX_ERROR_FORMAT, "%s: %" PRIu64
                         " bytes are too few for a safetensors file", name, source->size);
    if (!source->read(source->context, 0, prefix, 8))
        return otx__fail(error, OTX_ERROR_IO, "%s: the first 8 bytes could not be read", name);
    for (i = 7; i >= 0; i--) size = size << 8 | prefix[i];
    if (memcmp(prefix, OTX__LFS_POINTER, sizeof prefix) == 0) return otx__fail_lfs(error, name);
    if (size > source->size - 8)
        return otx__fail(error, OTX_ERROR_FORMAT, "%s: not a safetensors file, or cut short: a "
                         "header of %" PRIu64 " bytes in a file of %" PRIu64,
                         name, size, source->size);
    if (size > OTX__HEADER_LIMIT)
        return otx__fail(error, OTX_ERROR_LIMIT, "%s: a header of %" PRIu64
                         " bytes, and at most %d are allowed", name, size, OTX__HEADER_LIMIT);
    *header = (char *)otx__alloc(ctx, (size_t)size, 1);
    if (!*header) return otx__fail_memory(error, size);
    *header_size = (size_t)size;
    if (source->read(source->context, 8, *header, (size_t)size)) return OTX_OK;
    otx__free(ctx, *header, (size_t)size, 1);
    return otx__fail(error, OTX_ERROR_IO, "%s: the header, %" PRIu64
                     " bytes at offset 8, could not be read", name, size);
}

/* The values of a tensor's entry in the header, as nodes. */
typedef struct otx__entry {
    uint32_t dtype, shape, offsets;
} otx__entry;

/* Where the reading of a header stands. */
typedef struct otx__header {
    const otx_context *ctx;
    const otx_json *json;
    const char *file; /* its name, for errors */
    otx_safetensors *out;
    uint64_t dimensions, bytes; /* that all shapes and all names take */
    uint64_t *shape;            /* where the next shape goes */
    char *string;               /* where the next name goes */
    otx_error *error;
} otx__header;

/* Fails with "FILE: tensor "KEY" PROBLEM", where key is a node. */
OTX__PRIVATE otx_result otx__header_fail(const otx__header *h, otx_result code,
                                         const char *what, uint32_t key, const char *problem)
{
    const otx__span name = otx__json_span(h->json, key);
    return otx__fail_name(h->error, code, h->file, what, name.bytes, name.size, problem);
}

/* Finds the three fields of the entry `value` of the tensor `key` and checks that each
   stands there once; other fields are passed over. */
OTX__PRIVATE otx_result otx__header_entry(const otx__header *h, uint32_t key, uint32_t value,
                                          otx__entry *entry)
{
    static const char *const names[] = {"dtype", "shape", "data_offsets"};
    uint32_t fields[3] = {OTX_JSON_NONE, OTX_JSON_NONE, OTX_JSON_NONE}, i;
    otx_json_iter field = otx_json_iter_of(h->json, value);
    if (otx_json_type_of(h->json, value) != OTX_JSON_OBJECT)
        return otx__header_fail(h, OTX_ERROR_FORMAT, "tensor", key, "is no object");
    while (otx_json_iter_next(&field))
        for (i = 0; i < 3; i++) {
            if (!otx_json_equals(h->json, field.key, names[i])) continue;
            if (fields[i] != OTX_JSON_NONE)
                return otx__header_fail(h, OTX_ERROR_FORMAT, "tensor", key, "repeats a field");
            fields[i] = field.value;
        }
    entry->dtype = fields[0];
    entry->shape = fields[1];
    entry->offsets = fields[2];
    if (otx_json_type_of(h->json, entry->dtype) != OTX_JSON_STRING)
        return otx__header_fail(h, OTX_ERROR_FORMAT, "tensor", key, "has no dtype");
    if (otx_json_type_of(h->json, entry->shape) != OTX_JSON_ARRAY)
        return otx__header_fail(h, OTX_ERROR_FORMAT, "tensor", key, "has no shape");
    if (otx_json_type_of(h->json, entry->offsets) != OTX_JSON_ARRAY ||
        otx_json_count(h->json, entry->offsets) != 2)
        return otx__header_fail(h, OTX_ERROR_FORMAT, "tensor", key,
                                "has no data_offsets (two of them)");
    return OTX_OK;
}

/* Bytes that a string takes, at most, with a NUL after it. */
OTX__PRIVATE uint64_t otx__header_room(const otx__header *h, uint32_t string)
{
    return (uint64_t)otx__json_span(h->json, string).size + 1;
}

/* Counts the entries of the metadata, which may also be null. */
OTX__PRIVATE otx_result otx__header_measure_metadata(otx__header *h, uint32_t key,
                                                     uint32_t value)
{
    otx_json_iter entry = otx_json_iter_of(h->json, value);
    if (otx_json_type_of(h->json, value) == OTX_JSON_NULL) return OTX_OK;
    if (otx_json_type_of(h->json, value) != OTX_JSON_OBJECT)
        return otx__header_fail(h, OTX_ERROR_FORMAT, "the entry", key, "is no object");
    while (otx_json_iter_next(&entry)) {
        if (otx_json_type_of(h->json, entry.value) != OTX_JSON_STRING)
            return otx__header_fail(h, OTX_ERROR_FORMAT, "metadata key", entry.key,
                                    "has a value that is no string");
        h->bytes += otx__header_room(h, entry.key) + otx__header_room(h, entry.value);
    }
    h->out->metadata_count = otx_json_count(h->json, value);
    return OTX_OK;
}

/* Checks the form of every entry, and counts what has to be kept of them. Sets
   *metadata to the metadata's value, if there is one. */
OTX__PRIVATE otx_result otx__header_measure(otx__header *h, uint32_t *metadata)
{
    otx_json_iter member = otx_json_iter_of(h->json, 0);
    otx_result result = OTX_OK;
    *metadata = OTX_JSON_NONE;
    if (otx_json_type_of(h->json, 0) != OTX_JSON_OBJECT)
        return otx__fail(h->error, OTX_ERROR_FORMAT, "%s: the header is no JSON object",
                         h->file);
    while (!result && otx_json_iter_next(&member)) {
        otx__entry entry;
        if (!otx_json_equals(h->json, member.key, OTX__METADATA_KEY)) {
            result = otx__header_entry(h, member.key, member.value, &entry);
            if (result) break;
            h->out->tensor_count++;
            h->dimensions += otx_json_count(h->json, entry.shape);
            h->bytes += otx__header_room(h, member.key);
        } else if (*metadata != OTX_JSON_NONE) {
            result = otx__header_fail(h, OTX_ERROR_FORMAT, "the entry", member.key,
                                      "occurs twice");
        } else {
            *metadata = member.value;
            result = otx__header_measure_metadata(h, member.key, member.value);
        }
    }
    return result;
}

/* The tensors in order of name: private, behind the tensors. NULL in a file of zeros. */
OTX__PRIVATE const otx_tensor **otx__names_of(const otx_safetensors *file)
{
    if (!file->tensors) return NULL;
    return (const otx_tensor **)(void *)(file->tensors + file->tensor_count);
}

/* One block for all: shapes, tensors, the order by name, metadata, strings. What
   needs the strictest alignment stands first, so none is lost. */
OTX__PRIVATE otx_result otx__header_alloc(otx__header *h)
{
    otx_safetensors *out = h->out;
    uint64_t size = h->dimensions * sizeof(uint64_t) + h->bytes +
                    out->tensor_count * (uint64_t)(sizeof(otx_tensor) + sizeof(otx_tensor *)) +
                    out->metadata_count * (uint64_t)sizeof(otx_metadata);
    if (size > SIZE_MAX) return otx__fail_memory(h->error, size);
    out->memory = otx__alloc(h->ctx, (size_t)size, 1);
    if (!out->memory) return otx__fail_memory(h->error, size);
    out->memory_size = (size_t)size;
    h->shape = (uint64_t *)out->memory;
    out->tensors = (otx_tensor *)(void *)(h->shape + h->dimensions);
    out->metadata = (otx_metadata *)(void *)(otx__names_of(out) + out->tensor_count);
    h->string = (char *)(out->metadata + out->metadata_count);
    return OTX_OK;
}

/* Decodes a string into the block. */
OTX__PRIVATE const char *otx__header_string(otx__header *h, uint32_t node, size_t *size)
{
    const char *string = h->string;
    *size = otx_json_string(h->json, node, h->string);
    h->string[*size] = 0;
    h->string += *size + 1;
    return string;
}

/* Reads one entry. Its offsets count from the byte buffer as yet. */
OTX__PRIVATE otx_result otx__header_tensor(otx__header *h, uint32_t key, uint32_t value,
                                           otx_tensor *tensor)
{
    otx__entry entry;
    otx_json_iter size;
    int dtype = OTX_DTYPE_NONE + 1;
    otx_result result = otx__header_entry(h, key, value, &entry);
    if (result) return result;
    while (dtype < OTX_DTYPE_COUNT &&
           !otx_json_equals(h->json, entry.dtype, otx_dtype_name((otx_dtype)dtype)))
        dtype++;
    if (otx_dtype_bits((otx_dtype)dtype) == 0) { /* none is called so, or only in GGUF */
        char quoted[OTX__QUOTED], problem[OTX__QUOTED + 40];
        otx__format(problem, sizeof problem, "has an unknown dtype, \"%s\"",
                       otx__quote_node(quoted, h->json, entry.dtype));
        return otx__header_fail(h, OTX_ERROR_UNSUPPORTED, "tensor", key, problem);
    }
    tensor->dtype = (otx_dtype)dtype;
    tensor->rank = otx_json_count(h->json, entry.shape);
    tensor->shape = h->shape;
    size = otx_json_iter_of(h->json, entry.shape);
    while (otx_json_iter_next(&size))
        if (!otx_json_uint(h->json, size.value, h->shape++))
            return otx__header_fail(h, OTX_ERROR_FORMAT, "tensor", key,
                                    "has a shape that is no list of 64-bit integers");
    if (!otx_json_uint(h->json, otx_json_item(h->json, entry.offsets, 0), &tensor->begin) ||
        !otx_json_uint(h->json, otx_json_item(h->json, entry.offsets, 1), &tensor->end))
        return otx__header_fail(h, OTX_ERROR_FORMAT, "tensor", key,
                                "has data_offsets that are no 64-bit integers");
    tensor->name = otx__header_string(h, key, &tensor->name_size);
    return OTX_OK;
}

/* Reads all entries; `metadata` is the node of their value, or OTX_JSON_NONE. */
OTX__PRIVATE otx_result otx__header_entries(otx__header *h, uint32_t metadata)
{
    otx_safetensors *out = h->out;
    otx_tensor *tensor = out->tensors;
    otx_json_iter member = otx_json_iter_of(h->json, 0);
    while (otx_json_iter_next(&member))
        if (member.value != metadata) {
            otx_result result = otx__header_tensor(h, member.key, member.value, tensor++);
            if (result) return result;
        }
    member = otx_json_iter_of(h->json, metadata);
    while (otx_json_iter_next(&member)) {
        otx_metadata *entry = &out->metadata[member.index];
        entry->key = otx__header_string(h, member.key, &entry->key_size);
        entry->value = otx__header_string(h, member.value, &entry->value_size);
    }
    return otx__check_keys(h->ctx, out->metadata, out->metadata_count, OTX_ERROR_FORMAT,
                           h->file, h->error);
}

/* Sorts the tensors by offset and checks that their bytes follow on each other,
   are as many as type and shape say, and end where the file ends; then makes the
   offsets count from the start of the file. */
OTX__PRIVATE otx_result otx__header_offsets(otx__header *h, uint64_t file_size)
{
    otx_safetensors *out = h->out;
    uint64_t end = 0, bytes, buffer = file_size - out->data_begin;
    char problem[160];
    size_t i;
    otx__sort(out->tensors, out->tensor_count, sizeof *out->tensors, otx__tensor_by_offset);
    for (i = 0; i < out->tensor_count; i++) {
        otx_tensor *tensor = &out->tensors[i];
        const char *wrong = otx__tensor_bytes(tensor, &bytes);
        if (tensor->begin != end || tensor->end < tensor->begin) {
            otx__format(problem, sizeof problem, "has data_offsets [%" PRIu64 ", %" PRIu64
                           "], but the bytes before it end at %" PRIu64,
                           tensor->begin, tensor->end, end);
            wrong = problem;
        } else if (!wrong && tensor->end - tensor->begin != bytes) {
            otx__format(problem, sizeof problem, "takes %" PRIu64 " bytes, but its "
                           "data_offsets [%" PRIu64 ", %" PRIu64 "] span %" PRIu64,
                           bytes, tensor->begin, tensor->end, tensor->end - tensor->begin);
            wrong = problem;
        }
        if (wrong) return otx__tensor_fail(h->error, OTX_ERROR_FORMAT, h->file, tensor, wrong);
        end = tensor->end;
    }
    if (end != buffer)
        return otx__fail(h->error, OTX_ERROR_FORMAT, "%s: the tensors take %" PRIu64
                         " bytes, but %" PRIu64 " follow the header", h->file, end, buffer);
    for (i = 0; i < out->tensor_count; i++) {
        out->tensors[i].begin += out->data_begin;
        out->tensors[i].end += out->data_begin;
        otx__names_of(out)[i] = &out->tensors[i];
    }
    return otx__tensors_by_name(otx__names_of(out), out->tensor_count, OTX_ERROR_FORMAT,
                                h->file, h->error);
}

OTX_API void otx_safetensors_close(const otx_context *ctx, otx_safetensors *file)
{
    otx__free(ctx, file->memory, file->memory_size, 1);
    memset(file, 0, sizeof *file);
}

OTX_API otx_result otx_safetensors_open(const otx_context *ctx, const otx_source *source,
                                        const char *name, otx_safetensors *out,
                                        otx_error *error)
{
    otx__header h;
    otx_json json;
    otx_error cause;
    char *text = NULL;
    size_t size = 0;
    uint32_t metadata;
    otx_result result;
    memset(out, 0, sizeof *out);
    result = otx__header_read(ctx, source, name, &text, &size, error);
    if (result) return result;
    result = otx_json_parse(ctx, text, size, "header", NULL, &json, &cause);
    if (result) {
        otx__fail(error, result, "%s: %s", name, cause.message);
        goto done;
    }
    memset(&h, 0, sizeof h);
    h.ctx = ctx;
    h.json = &json;
    h.file = name;
    h.out = out;
    h.error = error;
    out->data_begin = 8 + (uint64_t)size;
    result = otx__header_measure(&h, &metadata);
    if (!result) result = otx__header_alloc(&h);
    if (!result) result = otx__header_entries(&h, metadata);
    if (!result) result = otx__header_offsets(&h, source->size);
    if (result) otx_safetensors_close(ctx, out);
done:
    otx_json_close(ctx, &json);
    otx__free(ctx, text, size, 1);
    return result;
}

OTX_API const otx_tensor *otx_safetensors_find(const otx_safetensors *file, const char *name,
                                               size_t name_size)
{
    const otx__span wanted = otx__span_of(name, name_size);
    const otx_tensor *const *found = (const otx_tensor *const *)otx__sorted_find(
        otx__names_of(file), file->tensor_count, sizeof *found, &wanted, otx__name_to_tensor);
    return found ? *found : NULL;
}

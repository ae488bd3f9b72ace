/* ---- safetensors: writing ----------------------------------------------- */

/* What is wrong with a tensor that is to be written, or NULL. */
OTX__PRIVATE const char *otx__layout_problem(const otx_tensor *tensor)
{
    const size_t reserved = sizeof OTX__METADATA_KEY - 1;
    if (otx_dtype_bits(tensor->dtype) == 0) return "has an unknown dtype";
    if (!otx__is_utf8(tensor->name, tensor->name_size)) return "has a name that is no UTF-8";
    if (tensor->name_size == reserved && memcmp(tensor->name, OTX__METADATA_KEY, reserved) == 0)
        return "has a reserved name";
    return NULL;
}

/* Checks what is to be written and sorts it in the order of writing. */
OTX__PRIVATE otx_result otx__layout_sort(const otx_context *ctx, const otx_tensor **sorted,
                                         const otx_tensor *tensors, size_t count,
                                         const otx_metadata *metadata, size_t metadata_count,
                                         otx_error *error)
{
    otx_result result;
    size_t i;
    for (i = 0; i < count; i++) {
        const char *problem = otx__layout_problem(&tensors[i]);
        if (problem)
            return otx__fail_name(error, OTX_ERROR_ARGUMENT, NULL, "tensor", tensors[i].name,
                                  tensors[i].name_size, problem);
        sorted[i] = &tensors[i];
    }
    for (i = 0; i < metadata_count; i++) {
        const otx_metadata *entry = &metadata[i];
        if (!otx__is_utf8(entry->key, entry->key_size) ||
            !otx__is_utf8(entry->value, entry->value_size))
            return otx__fail_name(error, OTX_ERROR_ARGUMENT, NULL, "metadata key", entry->key,
                                  entry->key_size, "is no UTF-8, or its value is none");
    }
    result = otx__check_keys(ctx, metadata, metadata_count, OTX_ERROR_ARGUMENT, NULL, error);
    if (!result) result = otx__tensors_by_name(sorted, count, OTX_ERROR_ARGUMENT, NULL, error);
    if (!result) otx__sort(sorted, count, sizeof *sorted, otx__tensor_by_dtype);
    return result;
}

/* Appends "key":{"dtype":"F32","shape":[2,3],"data_offsets":[0,24]}. */
OTX__PRIVATE void otx__layout_tensor(otx__text *text, const otx_tensor *tensor, uint64_t begin,
                                     uint64_t end)
{
    unsigned i;
    otx__text_json_string(text, tensor->name, tensor->name_size);
    otx__text_format(text, ":{\"dtype\":\"%s\",\"shape\":[", otx_dtype_name(tensor->dtype));
    for (i = 0; i < tensor->rank; i++)
        otx__text_format(text, "%s%" PRIu64, i ? "," : "", tensor->shape[i]);
    otx__text_format(text, "],\"data_offsets\":[%" PRIu64 ",%" PRIu64 "]}", begin, end);
}

OTX__PRIVATE void otx__layout_metadata(otx__text *text, const otx_metadata *metadata,
                                       size_t count)
{
    size_t i;
    otx__text_string(text, "\"" OTX__METADATA_KEY "\":{");
    for (i = 0; i < count; i++) {
        if (i) otx__text_string(text, ",");
        otx__text_json_string(text, metadata[i].key, metadata[i].key_size);
        otx__text_string(text, ":");
        otx__text_json_string(text, metadata[i].value, metadata[i].value_size);
    }
    otx__text_string(text, "}");
}

/* Writes the length prefix, the JSON and the padding. The offsets it sets count
   from the end of the header as yet, and file_size leaves it out. */
OTX__PRIVATE otx_result otx__layout_header(otx__text *text, const otx_tensor *const *sorted,
                                           const otx_tensor *tensors,
                                           const otx_metadata *metadata, size_t metadata_count,
                                           otx_layout *out, otx_error *error)
{
    uint64_t end = 0, bytes, size;
    size_t i;
    otx__text_bytes(text, "\0\0\0\0\0\0\0\0{", 9);
    if (metadata_count) otx__layout_metadata(text, metadata, metadata_count);
    for (i = 0; i < out->count; i++) {
        const char *problem = otx__tensor_bytes(sorted[i], &bytes);
        if (!problem && bytes > INT64_MAX - OTX__HEADER_LIMIT * 2 - end)
            problem = "makes the file larger than files can be";
        if (problem)
            return otx__tensor_fail(error, OTX_ERROR_ARGUMENT, NULL, sorted[i], problem);
        if (i || metadata_count) otx__text_string(text, ",");
        otx__layout_tensor(text, sorted[i], end, end + bytes);
        out->order[i] = (uint32_t)(sorted[i] - tensors);
        out->offsets[i] = end;
        end += bytes;
    }
    otx__text_string(text, "}");
    while (text->size % 8 != 0 && !text->failed) otx__text_string(text, " ");
    if (text->failed) return otx__fail_memory(error, text->size);
    size = text->size - 8;
    if (size > OTX__HEADER_LIMIT)
        return otx__fail(error, OTX_ERROR_LIMIT, "the header of %" PRIu64 " tensors takes %"
                         PRIu64 " bytes, and at most %d are allowed",
                         (uint64_t)out->count, size, OTX__HEADER_LIMIT);
    for (i = 0; i < 8; i++) text->bytes[i] = (char)(unsigned char)(size >> (8 * i));
    out->file_size = end;
    return OTX_OK;
}

OTX_API void otx_layout_close(const otx_context *ctx, otx_layout *layout)
{
    otx__free(ctx, layout->header, layout->header_size, 1);
    otx__free(ctx, layout->order, layout->count, sizeof *layout->order);
    otx__free(ctx, layout->offsets, layout->count, sizeof *layout->offsets);
    memset(layout, 0, sizeof *layout);
}

/* Hands the header over, in a block of the size it says, and makes the offsets
   count from the start of the file. */
OTX__PRIVATE otx_result otx__layout_finish(const otx_context *ctx, const otx__text *text,
                                           otx_layout *out, otx_error *error)
{
    size_t i;
    out->header = (char *)otx__alloc(ctx, text->size, 1);
    if (!out->header) return otx__fail_memory(error, text->size);
    memcpy(out->header, text->bytes, text->size);
    out->header_size = text->size;
    out->file_size += text->size;
    for (i = 0; i < out->count; i++) out->offsets[i] += text->size;
    return OTX_OK;
}

OTX_API otx_result otx_layout_open(const otx_context *ctx, const otx_tensor *tensors,
                                   size_t count, const otx_metadata *metadata,
                                   size_t metadata_count, otx_layout *out, otx_error *error)
{
    const otx_tensor **sorted;
    otx__text text;
    otx_result result = OTX_OK;
    memset(out, 0, sizeof *out);
    if (count > UINT32_MAX)
        return otx__fail(error, OTX_ERROR_LIMIT, "%" PRIu64
                         " tensors are more than a header holds", (uint64_t)count);
    otx__text_open(&text, ctx);
    out->count = count;
    sorted = (const otx_tensor **)otx__alloc(ctx, count, sizeof *sorted);
    out->order = (uint32_t *)otx__alloc(ctx, count, sizeof *out->order);
    out->offsets = (uint64_t *)otx__alloc(ctx, count, sizeof *out->offsets);
    if (!sorted || !out->order || !out->offsets)
        result = otx__fail_array(error, count, sizeof *out->offsets);
    if (!result)
        result = otx__layout_sort(ctx, sorted, tensors, count, metadata, metadata_count, error);
    if (!result)
        result = otx__layout_header(&text, sorted, tensors, metadata, metadata_count, out,
                                    error);
    if (!result) result = otx__layout_finish(ctx, &text, out, error);
    otx__text_close(&text);
    otx__free(ctx, sorted, count, sizeof *sorted);
    if (result) otx_layout_close(ctx, out);
    return result;
}

/* ---- GGUF: writing ----------------------------------------------------------- */

/* Appends a number of `size` bytes, little-endian. */
OTX__PRIVATE void otx__gguf_text_uint(otx__text *text, uint64_t value, unsigned size)
{
    char bytes[8];
    unsigned i;
    for (i = 0; i < size; i++) bytes[i] = (char)(unsigned char)(value >> 8 * i);
    otx__text_bytes(text, bytes, size);
}

/* Elements of arrays: a string, an i32, an f32. */
OTX__PRIVATE void otx__gguf_text_string(otx__text *text, const char *bytes, size_t size)
{
    otx__gguf_text_uint(text, size, 8);
    otx__text_bytes(text, bytes, size);
}

OTX__PRIVATE void otx__gguf_text_i32(otx__text *text, int32_t value)
{
    otx__gguf_text_uint(text, (uint32_t)value, 4);
}

OTX__PRIVATE void otx__gguf_text_f32(otx__text *text, float value)
{
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    otx__gguf_text_uint(text, bits, 4);
}

/* What is wrong with a key that is to be written, or NULL. */
OTX__PRIVATE const char *otx__gguf_key_problem(const otx_gguf_key *key)
{
    const unsigned size = otx__gguf_element_size(key->type);
    otx_gguf_strings strings;
    if (key->name_size == 0) return "has no name";
    if (memchr(key->name, 0, key->name_size)) return "has a NUL in its name";
    if (size == 0 && key->type != OTX_GGUF_STRING) return "has an unknown type";
    if (!key->array && key->count != 1) return "is no array, and has not one element";
    if (key->count > OTX__GGUF_LIMIT) return "has more than 2^30 elements";
    if (size) return key->size == key->count * size ? NULL : "has a size that is not its count's";
    memset(&strings, 0, sizeof strings);
    while (otx_gguf_next(key, &strings))
        if (strings.size > OTX__GGUF_LIMIT) return "has a string of more than 2^30 bytes";
    if (strings.count == key->count && strings.next == key->size) return NULL;
    return "has strings that do not fill its bytes";
}

/* What is wrong with a tensor that is to be written, or NULL; else the bytes it takes. */
OTX__PRIVATE const char *otx__gguf_entry_problem(const otx_tensor *tensor, uint32_t type,
                                                 uint64_t *bytes)
{
    if (!otx_gguf_type_name(type)) return "has an unknown type";
    if (tensor->name_size > OTX__GGUF_NAME) return "has a name of more than 63 bytes";
    if (tensor->name_size && memchr(tensor->name, 0, tensor->name_size))
        return "has a NUL in its name";
    return otx__gguf_tensor_bytes(tensor, type, bytes);
}

/* Checks the keys, and finds the alignment that they say. */
OTX__PRIVATE otx_result otx__gguf_check_keys(const otx_context *ctx, const otx_gguf_key *keys,
                                             size_t count, uint32_t *alignment,
                                             otx_error *error)
{
    const otx_gguf_key **order, *const *found;
    const otx__span wanted = otx__span_of(OTX__KEY_ALIGNMENT, sizeof OTX__KEY_ALIGNMENT - 1);
    const char *problem = NULL;
    otx_result result;
    size_t i;
    for (i = 0; i < count; i++) {
        problem = otx__gguf_key_problem(&keys[i]);
        if (problem)
            return otx__fail_name(error, OTX_ERROR_ARGUMENT, NULL, "key", keys[i].name,
                                  keys[i].name_size, problem);
    }
    order = (const otx_gguf_key **)otx__alloc(ctx, count, sizeof *order);
    if (!order) return otx__fail_array(error, count, sizeof *order);
    result = otx__gguf_keys_by_name(order, keys, count, OTX_ERROR_ARGUMENT, NULL, error);
    found = (const otx_gguf_key *const *)otx__sorted_find(order, count, sizeof *order, &wanted,
                                                          otx__name_to_key);
    if (!result) problem = otx__gguf_alignment_of(found ? *found : NULL, alignment);
    if (problem)
        result = otx__fail_name(error, OTX_ERROR_ARGUMENT, NULL, "key", wanted.bytes,
                                wanted.size, problem);
    otx__free(ctx, order, count, sizeof *order);
    return result;
}

/* Fails if two tensors are named alike. */
OTX__PRIVATE otx_result otx__gguf_check_names(const otx_context *ctx, const otx_tensor *tensors,
                                              size_t count, otx_error *error)
{
    const otx_tensor **order = (const otx_tensor **)otx__alloc(ctx, count, sizeof *order);
    otx_result result;
    size_t i;
    if (!order) return otx__fail_array(error, count, sizeof *order);
    for (i = 0; i < count; i++) order[i] = &tensors[i];
    result = otx__tensors_by_name(order, count, OTX_ERROR_ARGUMENT, NULL, error);
    otx__free(ctx, order, count, sizeof *order);
    return result;
}

OTX__PRIVATE void otx__gguf_write_key(otx__text *text, const otx_gguf_key *key)
{
    otx__gguf_text_string(text, key->name, key->name_size);
    if (key->array) otx__gguf_text_uint(text, OTX_GGUF_ARRAY, 4);
    otx__gguf_text_uint(text, key->type, 4);
    if (key->array) otx__gguf_text_uint(text, key->count, 8);
    otx__text_bytes(text, key->data, (size_t)key->size);
}

/* Writes the entry of a tensor whose bytes begin at `offset`, from the first one's. */
OTX__PRIVATE void otx__gguf_write_entry(otx__text *text, const otx_tensor *tensor,
                                        uint32_t type, uint64_t offset)
{
    unsigned i;
    otx__gguf_text_string(text, tensor->name, tensor->name_size);
    otx__gguf_text_uint(text, tensor->rank, 4);
    for (i = tensor->rank; i > 0; i--) otx__gguf_text_uint(text, tensor->shape[i - 1], 8);
    otx__gguf_text_uint(text, type, 4);
    otx__gguf_text_uint(text, offset, 8);
}

/* Writes the tensors' entries. The offsets it sets count from the first one's bytes as yet,
   and file_size is theirs alone. */
OTX__PRIVATE otx_result otx__gguf_write_entries(otx__text *text, const otx_tensor *tensors,
                                                const uint32_t *types, uint32_t alignment,
                                                otx_gguf_layout *out, otx_error *error)
{
    const uint64_t most = INT64_MAX - 2 * OTX__GGUF_LIMIT; /* with padding it passes that */
    uint64_t end = 0, bytes;
    size_t i;
    for (i = 0; i < out->count; i++) {
        const char *problem = otx__gguf_entry_problem(&tensors[i], types[i], &bytes);
        if (!problem && (end > most || bytes > most - end))
            problem = "makes the file larger than files can be";
        if (problem)
            return otx__gguf_tensor_fail(error, OTX_ERROR_ARGUMENT, NULL, &tensors[i], types[i],
                                         problem);
        otx__gguf_write_entry(text, &tensors[i], types[i], end);
        out->offsets[i] = end;
        otx__gguf_pad(end + bytes, alignment, &end);
    }
    out->file_size = end;
    return OTX_OK;
}

OTX_API void otx_gguf_layout_close(const otx_context *ctx, otx_gguf_layout *layout)
{
    otx__free(ctx, layout->header, layout->header_size, 1);
    otx__free(ctx, layout->offsets, layout->count, sizeof *layout->offsets);
    memset(layout, 0, sizeof *layout);
}

/* Pads the header and hands it over, in a block of the size it says; makes the offsets count
   from the start of the file. */
OTX__PRIVATE otx_result otx__gguf_layout_finish(const otx_context *ctx, otx__text *text,
                                                uint32_t alignment, otx_gguf_layout *out,
                                                otx_error *error)
{
    size_t i;
    while (out->count && text->size % alignment != 0 && !text->failed)
        otx__text_bytes(text, "", 1);
    if (text->failed) return otx__fail_memory(error, text->size);
    if (text->size > OTX__GGUF_LIMIT)
        return otx__fail(error, OTX_ERROR_LIMIT, "the header takes %" PRIu64 " bytes, and at "
                         "most %" PRIu64 " are allowed", (uint64_t)text->size, OTX__GGUF_LIMIT);
    out->header = (char *)otx__alloc(ctx, text->size, 1);
    if (!out->header) return otx__fail_memory(error, text->size);
    memcpy(out->header, text->bytes, text->size);
    out->header_size = text->size;
    out->file_size += text->size;
    for (i = 0; i < out->count; i++) out->offsets[i] += text->size;
    return OTX_OK;
}

OTX_API otx_result otx_gguf_layout_open(const otx_context *ctx, const otx_gguf_key *keys,
                                        size_t key_count, const otx_tensor *tensors,
                                        const uint32_t *types, size_t tensor_count,
                                        otx_gguf_layout *out, otx_error *error)
{
    uint32_t alignment = OTX__GGUF_ALIGNMENT;
    otx__text text;
    otx_result result = OTX_OK;
    size_t i;
    memset(out, 0, sizeof *out);
    otx__text_open(&text, ctx);
    out->count = tensor_count;
    out->offsets = (uint64_t *)otx__alloc(ctx, tensor_count, sizeof *out->offsets);
    if (!out->offsets) result = otx__fail_array(error, tensor_count, sizeof *out->offsets);
    if (!result) result = otx__gguf_check_keys(ctx, keys, key_count, &alignment, error);
    if (!result) result = otx__gguf_check_names(ctx, tensors, tensor_count, error);
    otx__text_string(&text, OTX__GGUF_MAGIC);
    otx__gguf_text_uint(&text, 3, 4);
    otx__gguf_text_uint(&text, tensor_count, 8);
    otx__gguf_text_uint(&text, key_count, 8);
    for (i = 0; i < key_count && !result; i++) otx__gguf_write_key(&text, &keys[i]);
    if (!result)
        result = otx__gguf_write_entries(&text, tensors, types, alignment, out, error);
    if (!result) result = otx__gguf_layout_finish(ctx, &text, alignment, out, error);
    otx__text_close(&text);
    if (result) otx_gguf_layout_close(ctx, out);
    return result;
}

/* ---- GGUF: reading ----------------------------------------------------------- */

/* Bytes before the first key; and the fewest that a key and a tensor take. */
#define OTX__GGUF_PREFIX 24
#define OTX__GGUF_LEAST_KEY 13
#define OTX__GGUF_LEAST_TENSOR 24

/* Says why a version is not read. */
OTX__PRIVATE otx_result otx__gguf_refuse_version(const otx__gguf_walk *w, uint32_t version)
{
    if (version == 1)
        return otx__fail(w->error, OTX_ERROR_UNSUPPORTED, "%s: GGUF of version 1, of August "
                         "2023, which llama.cpp does not read either; convert the model anew",
                         w->file);
    if ((version & 0xffff) == 0 && version != 0)
        return otx__fail(w->error, OTX_ERROR_UNSUPPORTED, "%s: GGUF for a big-endian machine, "
                         "and only little-endian files are read; gguf_convert_endian.py of "
                         "llama.cpp's gguf-py makes one of it", w->file);
    return otx__fail(w->error, OTX_ERROR_UNSUPPORTED, "%s: GGUF of version %" PRIu32 ", and "
                     "versions 2 and 3 are read", w->file, version);
}

/* Takes what stands before the first key. */
OTX__PRIVATE otx_result otx__gguf_take_prefix(otx__gguf_walk *w, otx_gguf *out)
{
    const char *bytes;
    uint64_t tensors, keys;
    if (w->size < OTX__GGUF_PREFIX)
        return otx__fail(w->error, OTX_ERROR_FORMAT, "%s: %" PRIu64 " bytes are too few for a "
                         "GGUF file", w->file, w->size);
    bytes = otx__gguf_take(w, OTX__GGUF_PREFIX);
    if (!bytes) return w->result;
    if (memcmp(bytes, OTX__LFS_POINTER, 8) == 0) return otx__fail_lfs(w->error, w->file);
    if (memcmp(bytes, OTX__GGUF_MAGIC, 4) != 0)
        return otx__fail(w->error, OTX_ERROR_FORMAT, "%s: does not begin with GGUF, as every "
                         "GGUF file does", w->file);
    out->version = (uint32_t)otx__gguf_uint(bytes + 4, 4);
    if (out->version != 2 && out->version != 3)
        return otx__gguf_refuse_version(w, out->version);
    tensors = otx__gguf_uint(bytes + 8, 8);
    keys = otx__gguf_uint(bytes + 16, 8);
    if (keys > w->size / OTX__GGUF_LEAST_KEY || tensors > w->size / OTX__GGUF_LEAST_TENSOR)
        return otx__fail(w->error, OTX_ERROR_FORMAT, "%s: says that it has %" PRIu64 " keys and "
                         "%" PRIu64 " tensors, more than %" PRIu64 " bytes can hold", w->file,
                         keys, tensors, w->size);
    if (keys > OTX__GGUF_LIMIT || tensors > OTX__GGUF_LIMIT)
        return otx__fail(w->error, OTX_ERROR_LIMIT, "%s: %" PRIu64 " keys and %" PRIu64 " tensors"
                         ", and at most %" PRIu64 " are allowed", w->file, keys, tensors,
                         OTX__GGUF_LIMIT);
    out->key_count = (size_t)keys;
    out->tensor_count = (size_t)tensors;
    return OTX_OK;
}

/* Walks from the first key to the end of the last tensor's entry; keeps what it finds if
   there is room for it. */
OTX__PRIVATE otx_result otx__gguf_walk_through(otx__gguf_walk *w, otx_gguf *out,
                                               uint64_t *shapes)
{
    uint64_t shape[OTX__GGUF_RANK];
    otx_gguf_key key;
    otx_tensor tensor;
    uint32_t type;
    size_t i;
    w->at = OTX__GGUF_PREFIX;
    for (i = 0; i < out->key_count && !w->result; i++)
        otx__gguf_take_key(w, i, out->key_count, out->keys ? &out->keys[i] : &key);
    for (i = 0; i < out->tensor_count && !w->result; i++)
        otx__gguf_take_tensor(w, i, out->tensor_count,
                              out->tensors ? &out->tensors[i] : &tensor,
                              shapes ? shapes + i * OTX__GGUF_RANK : shape,
                              out->types ? &out->types[i] : &type);
    return w->result;
}

/* The second walk, in a block of its own: shapes, keys, tensors, both orders, types, and the
   header's own bytes, which the first walk has found to be good. */
OTX__PRIVATE otx_result otx__gguf_keep(const otx_context *ctx, const otx__gguf_walk *first,
                                       otx_gguf *out)
{
    const uint64_t tensor_size = OTX__GGUF_RANK * sizeof(uint64_t) + sizeof(otx_tensor) +
                                 sizeof(otx_tensor *) + sizeof(uint32_t);
    const uint64_t size = out->tensor_count * tensor_size + first->at +
                          out->key_count *
                              (uint64_t)(sizeof(otx_gguf_key) + sizeof(otx_gguf_key *));
    otx__gguf_walk w = *first;
    uint64_t *shapes;
    if (size > SIZE_MAX) return otx__fail_memory(w.error, size);
    out->memory = otx__alloc(ctx, (size_t)size, 1);
    if (!out->memory) return otx__fail_memory(w.error, size);
    out->memory_size = (size_t)size;
    shapes = (uint64_t *)out->memory;
    out->keys = (otx_gguf_key *)(void *)(shapes + out->tensor_count * OTX__GGUF_RANK);
    out->tensors = (otx_tensor *)(void *)(out->keys + out->key_count);
    out->types = (uint32_t *)(void *)(otx__gguf_key_order(out) + out->key_count);
    w.bytes.bytes = (char *)(out->types + out->tensor_count);
    w.bytes.size = (size_t)first->at;
    w.size = first->at;
    w.source = NULL;
    memcpy(w.bytes.bytes, first->bytes.bytes, w.bytes.size);
    return otx__gguf_walk_through(&w, out, shapes);
}

OTX__PRIVATE int otx__gguf_key_by_name(const void *a, const void *b)
{
    const otx_gguf_key *x = *(const otx_gguf_key *const *)a;
    const otx_gguf_key *y = *(const otx_gguf_key *const *)b;
    return otx__compare_bytes(x->name, x->name_size, y->name, y->name_size);
}

/* Sorts pointers to keys by name; fails with `code` if two are named alike. */
OTX__PRIVATE otx_result otx__gguf_keys_by_name(const otx_gguf_key **order,
                                               const otx_gguf_key *keys, size_t count,
                                               otx_result code, const char *file,
                                               otx_error *error)
{
    size_t i;
    for (i = 0; i < count; i++) order[i] = &keys[i];
    otx__sort(order, count, sizeof *order, otx__gguf_key_by_name);
    for (i = 1; i < count; i++)
        if (otx__gguf_key_by_name(&order[i - 1], &order[i]) == 0)
            return otx__fail_name(error, code, file, "key", order[i]->name,
                                  order[i]->name_size, "occurs twice");
    return OTX_OK;
}

/* The alignment that a key says, which may be NULL, or what is wrong with it. */
OTX__PRIVATE const char *otx__gguf_alignment_of(const otx_gguf_key *key, uint32_t *alignment)
{
    *alignment = OTX__GGUF_ALIGNMENT;
    if (!key) return NULL;
    if (key->array || key->type != OTX_GGUF_U32) return "is no u32";
    *alignment = (uint32_t)otx__gguf_uint(key->data, 4);
    if (*alignment == 0 || (*alignment & (*alignment - 1)) != 0) return "is no power of two";
    if (*alignment > OTX__GGUF_ALIGNMENT_LIMIT) return "is more than 2^20";
    return NULL;
}

/* Checks that the tensors' bytes follow on each other in order of the header, each padded,
   and that the file has them all, be it without the padding of the last; then makes the
   offsets count from the start of the file. */
OTX__PRIVATE otx_result otx__gguf_offsets(const otx__gguf_walk *w, otx_gguf *out)
{
    uint64_t end = 0;
    char problem[128];
    size_t i;
    if (!otx__gguf_pad(w->at, out->tensor_count ? out->alignment : 1, &out->data_begin))
        return otx__fail_memory(w->error, w->at);
    for (i = 0; i < out->tensor_count; i++) {
        otx_tensor *tensor = &out->tensors[i];
        const uint64_t size = tensor->end - tensor->begin;
        if (tensor->begin != end)
            otx__format(problem, sizeof problem, "has the offset %" PRIu64 ", but the bytes "
                        "before it end at %" PRIu64 ", padded to %" PRIu32, tensor->begin, end,
                        out->alignment);
        else if (out->data_begin > w->size || end > w->size - out->data_begin ||
                 size > w->size - out->data_begin - end)
            otx__format(problem, sizeof problem, "takes %" PRIu64 " bytes at offset %" PRIu64
                        ", but the file is cut short: it has %" PRIu64, size,
                        out->data_begin + end, w->size);
        else {
            tensor->begin += out->data_begin;
            tensor->end += out->data_begin;
            if (otx__gguf_pad(end + size, out->alignment, &end)) continue;
            otx__format(problem, sizeof problem, "ends beyond 2^64");
        }
        return otx__gguf_tensor_fail(w->error, OTX_ERROR_FORMAT, w->file, tensor,
                                     out->types[i], problem);
    }
    return OTX_OK;
}

/* What can be checked when all of a header is there. */
OTX__PRIVATE otx_result otx__gguf_check(const otx__gguf_walk *w, otx_gguf *out)
{
    const otx_tensor **order = otx__gguf_tensor_order(out);
    const char *wrong;
    size_t i;
    otx_result result = otx__gguf_keys_by_name(otx__gguf_key_order(out), out->keys,
                                               out->key_count, OTX_ERROR_FORMAT, w->file,
                                               w->error);
    if (result) return result;
    wrong = otx__gguf_alignment_of(otx_gguf_find(out, OTX__KEY_ALIGNMENT), &out->alignment);
    if (wrong)
        return otx__fail(w->error, OTX_ERROR_FORMAT, "%s: key \"" OTX__KEY_ALIGNMENT "\" %s",
                         w->file, wrong);
    for (i = 0; i < out->tensor_count; i++) order[i] = &out->tensors[i];
    result = otx__tensors_by_name(order, out->tensor_count, OTX_ERROR_FORMAT, w->file,
                                  w->error);
    return result ? result : otx__gguf_offsets(w, out);
}

OTX_API void otx_gguf_close(const otx_context *ctx, otx_gguf *file)
{
    otx__free(ctx, file->memory, file->memory_size, 1);
    memset(file, 0, sizeof *file);
}

OTX_API otx_result otx_gguf_open(const otx_context *ctx, const otx_source *source,
                                 const char *name, otx_gguf *out, otx_error *error)
{
    otx__gguf_walk w;
    otx_result result;
    memset(out, 0, sizeof *out);
    memset(&w, 0, sizeof w);
    otx__text_open(&w.bytes, ctx);
    w.source = source;
    w.file = name;
    w.size = source->size;
    w.error = error;
    otx__format(w.place, sizeof w.place, "its beginning");
    result = otx__gguf_take_prefix(&w, out);
    if (!result) result = otx__gguf_walk_through(&w, out, NULL);
    if (!result) result = otx__gguf_keep(ctx, &w, out);
    if (!result) result = otx__gguf_check(&w, out);
    otx__text_close(&w.bytes);
    if (result) otx_gguf_close(ctx, out);
    return result;
}

/* ---- tensors: what reading and writing a safetensors header share --------- */

/* A file is the length of its header (64 bits, little-endian), the header (JSON)
   and the bytes of the tensors. Longer headers than this are refused, as by the
   reference implementation. */
#define OTX__HEADER_LIMIT 100000000

/* The key that is no tensor. */
#define OTX__METADATA_KEY "__metadata__"

OTX__PRIVATE int otx__compare_tensors(const otx_tensor *a, const otx_tensor *b)
{
    return otx__compare_bytes(a->name, a->name_size, b->name, b->name_size);
}

/* The three orders in which tensors are needed; items are pointers but for the
   second. */
OTX__PRIVATE int otx__tensor_by_name(const void *a, const void *b)
{
    return otx__compare_tensors(*(const otx_tensor *const *)a, *(const otx_tensor *const *)b);
}

/* The same for otx__sorted_find: a name's span against a pointer to a tensor. */
OTX__PRIVATE int otx__name_to_tensor(const void *name, const void *item)
{
    const otx__span *span = (const otx__span *)name;
    const otx_tensor *tensor = *(const otx_tensor *const *)item;
    return otx__compare_bytes(span->bytes, span->size, tensor->name, tensor->name_size);
}

OTX__PRIVATE int otx__tensor_by_offset(const void *a, const void *b)
{
    const otx_tensor *x = (const otx_tensor *)a, *y = (const otx_tensor *)b;
    if (x->begin != y->begin) return x->begin < y->begin ? -1 : 1;
    if (x->end != y->end) return x->end < y->end ? -1 : 1;
    return otx__compare_tensors(x, y);
}

OTX__PRIVATE int otx__tensor_by_dtype(const void *a, const void *b)
{
    const otx_tensor *x = *(const otx_tensor *const *)a, *y = *(const otx_tensor *const *)b;
    if (x->dtype != y->dtype) return x->dtype > y->dtype ? -1 : 1;
    return otx__compare_tensors(x, y);
}

OTX__PRIVATE int otx__metadata_by_key(const void *a, const void *b)
{
    const otx_metadata *x = (const otx_metadata *)a, *y = (const otx_metadata *)b;
    return otx__compare_bytes(x->key, x->key_size, y->key, y->key_size);
}

/* Fails with "FILE: WHAT "NAME" PROBLEM"; without "FILE: " if file is NULL. */
OTX__PRIVATE otx_result otx__fail_name(otx_error *error, otx_result code, const char *file,
                                       const char *what, const char *name, size_t name_size,
                                       const char *problem)
{
    char quoted[OTX__QUOTED];
    return otx__fail(error, code, "%s%s%s \"%s\" %s", file ? file : "", file ? ": " : "", what,
                     otx__quote(quoted, sizeof quoted, name, name_size), problem);
}

/* Sorts pointers to tensors by name; fails with `code` if two are named alike. */
OTX__PRIVATE otx_result otx__tensors_by_name(const otx_tensor **tensors, size_t count,
                                          otx_result code, const char *file, otx_error *error)
{
    size_t i;
    otx__sort(tensors, count, sizeof *tensors, otx__tensor_by_name);
    for (i = 1; i < count; i++)
        if (otx__compare_tensors(tensors[i - 1], tensors[i]) == 0)
            return otx__fail_name(error, code, file, "tensor", tensors[i]->name,
                                  tensors[i]->name_size, "occurs twice");
    return OTX_OK;
}

/* Fails with `code` if a key of the metadata occurs twice. */
OTX__PRIVATE otx_result otx__check_keys(const otx_context *ctx, const otx_metadata *metadata,
                                        size_t count, otx_result code, const char *file,
                                        otx_error *error)
{
    otx_result result = OTX_OK;
    otx_metadata *sorted;
    size_t i;
    if (count < 2) return OTX_OK;
    sorted = (otx_metadata *)otx__alloc(ctx, count, sizeof *sorted);
    if (!sorted) return otx__fail_array(error, count, sizeof *sorted);
    memcpy(sorted, metadata, count * sizeof *sorted);
    otx__sort(sorted, count, sizeof *sorted, otx__metadata_by_key);
    for (i = 1; i < count && !result; i++)
        if (otx__metadata_by_key(&sorted[i - 1], &sorted[i]) == 0)
            result = otx__fail_name(error, code, file, "metadata key", sorted[i].key,
                                    sorted[i].key_size, "occurs twice");
    otx__free(ctx, sorted, count, sizeof *sorted);
    return result;
}

/* A shape as text, "[2, 3]", cut with "..." when there is no room. Returns `to`. */
OTX__PRIVATE const char *otx__shape_text(char *to, size_t capacity, const uint64_t *shape,
                                         unsigned rank)
{
    size_t length = 1;
    unsigned i;
    to[0] = '[';
    for (i = 0; i < rank && length + 32 < capacity; i++)
        length += otx__format(to + length, capacity - length, "%s%" PRIu64, i ? ", " : "",
                                   shape[i]);
    otx__format(to + length, capacity - length, "%s", i < rank ? ", ...]" : "]");
    return to;
}

/* The bytes that a tensor's type and shape take. Returns what is wrong with them, with 0
   bytes, or NULL. Factors are multiplied in order, so that a zero makes good only what comes
   after it: as the reference does. */
OTX__PRIVATE const char *otx__tensor_bytes(const otx_tensor *tensor, uint64_t *bytes)
{
    uint64_t bits = 1;
    unsigned i;
    *bytes = 0;
    for (i = 0; i < tensor->rank; i++)
        if (!otx__mul64(bits, tensor->shape[i], &bits)) return "has 2^64 elements or more";
    if (!otx__mul64(bits, otx_dtype_bits(tensor->dtype), &bits)) return "has 2^64 bits or more";
    if (bits % 8 != 0) return "does not fill whole bytes";
    *bytes = bits / 8;
    return NULL;
}

/* Fails with "FILE: tensor "NAME", F32 [2, 3], PROBLEM". */
OTX__PRIVATE otx_result otx__tensor_fail(otx_error *error, otx_result code, const char *file,
                                         const otx_tensor *tensor, const char *problem)
{
    char text[320], shape[128];
    otx__format(text, sizeof text, "(%s %s) %s", otx_dtype_name(tensor->dtype),
                   otx__shape_text(shape, sizeof shape, tensor->shape, tensor->rank), problem);
    return otx__fail_name(error, code, file, "tensor", tensor->name, tensor->name_size, text);
}

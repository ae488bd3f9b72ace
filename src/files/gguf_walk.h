/* ---- GGUF: what stands in a header, one after the other --------------------------- */

/* A header that is being walked through. How long it is shows only at its end, so the first
   walk reads on in growing pieces, never far beyond what it was asked for and never more than
   the file has, whatever the counts in it say. The second has all of it in one block, in
   which everything stays. Once a walk has failed it must not go on. */
typedef struct otx__gguf_walk {
    const otx_source *source; /* NULL in the second walk */
    const char *file;         /* its name, for errors */
    otx__text bytes;          /* what is there of the header */
    uint64_t at, size;        /* where the walk stands, and how long the file is */
    char place[OTX__QUOTED + 16]; /* what is being read, for errors */
    otx_result result;
    otx_error *error;
} otx__gguf_walk;

#define OTX__GGUF_PIECE ((uint64_t)1 << 16)

/* Reads up to `need` bytes from the start of the file, or further. */
OTX__PRIVATE otx_result otx__gguf_read_on(otx__gguf_walk *w, uint64_t need)
{
    void *bytes = w->bytes.bytes;
    const size_t have = w->bytes.size;
    uint64_t wanted = (uint64_t)have * 2;
    if (need > OTX__GGUF_LIMIT)
        return otx__fail(w->error, OTX_ERROR_LIMIT, "%s: %s ends at byte %" PRIu64 ", and a "
                         "header may have %" PRIu64, w->file, w->place, need, OTX__GGUF_LIMIT);
    if (wanted < OTX__GGUF_PIECE) wanted = OTX__GGUF_PIECE;
    if (wanted < need) wanted = need;
    if (wanted > OTX__GGUF_LIMIT) wanted = OTX__GGUF_LIMIT;
    if (wanted > w->size) wanted = w->size;
    if (!otx__grow(w->bytes.ctx, &bytes, &w->bytes.capacity, (size_t)wanted, 1))
        return otx__fail_memory(w->error, wanted);
    w->bytes.bytes = (char *)bytes;
    if (!w->source->read(w->source->context, have, w->bytes.bytes + have,
                         (size_t)wanted - have))
        return otx__fail(w->error, OTX_ERROR_IO, "%s: the header could not be read, %" PRIu64
                         " bytes at offset %" PRIu64, w->file, wanted - have, (uint64_t)have);
    w->bytes.size = (size_t)wanted;
    return OTX_OK;
}

/* The next `size` bytes, which stand there until more are taken; NULL on failure. */
OTX__PRIVATE char *otx__gguf_take(otx__gguf_walk *w, uint64_t size)
{
    char *taken;
    if (size > w->size - w->at)
        w->result = otx__fail(w->error, OTX_ERROR_FORMAT, "%s: cut short: %s needs %" PRIu64
                              " bytes at offset %" PRIu64 ", and the file has %" PRIu64,
                              w->file, w->place, size, w->at, w->size);
    else if (w->at + size > w->bytes.size) w->result = otx__gguf_read_on(w, w->at + size);
    if (w->result) return NULL;
    taken = w->bytes.bytes + w->at;
    w->at += size;
    return taken;
}

/* The next number, of `size` bytes; 0 on failure. */
OTX__PRIVATE uint64_t otx__gguf_take_uint(otx__gguf_walk *w, unsigned size)
{
    const char *bytes = otx__gguf_take(w, size);
    return bytes ? otx__gguf_uint(bytes, size) : 0;
}

/* The next string, behind its size; NULL on failure. */
OTX__PRIVATE char *otx__gguf_take_string(otx__gguf_walk *w, uint64_t *size)
{
    *size = otx__gguf_take_uint(w, 8);
    if (!w->result && *size > OTX__GGUF_LIMIT)
        w->result = otx__fail(w->error, OTX_ERROR_LIMIT, "%s: %s has a string of %" PRIu64
                              " bytes, and at most %" PRIu64 " are allowed", w->file, w->place,
                              *size, OTX__GGUF_LIMIT);
    return w->result ? NULL : otx__gguf_take(w, *size);
}

/* Fails with "FILE: PLACE PROBLEM". */
OTX__PRIVATE otx_result otx__gguf_walk_fail(otx__gguf_walk *w, const char *problem)
{
    return w->result = otx__fail(w->error, OTX_ERROR_FORMAT, "%s: %s %s", w->file, w->place,
                                 problem);
}

/* Takes the name of number i of `count` keys or tensors. In the second walk it gets a NUL
   behind it: it moves a byte forward, over the end of its size. */
OTX__PRIVATE otx_result otx__gguf_take_name(otx__gguf_walk *w, const char *what, uint64_t i,
                                            uint64_t count, const char **name, size_t *size)
{
    char quoted[OTX__QUOTED], *bytes;
    uint64_t length;
    otx__format(w->place, sizeof w->place, "%s %" PRIu64 " of %" PRIu64, what, i + 1, count);
    bytes = otx__gguf_take_string(w, &length);
    if (!bytes) return w->result;
    otx__format(w->place, sizeof w->place, "%s \"%s\"", what,
                otx__quote(quoted, sizeof quoted, bytes, (size_t)length));
    if (length && memchr(bytes, 0, (size_t)length))
        return otx__gguf_walk_fail(w, "has a NUL in its name");
    *name = bytes;
    *size = (size_t)length;
    if (w->source) return OTX_OK;
    memmove(bytes - 1, bytes, (size_t)length);
    bytes[-1 + (ptrdiff_t)length] = 0;
    *name = bytes - 1;
    return OTX_OK;
}

/* ---- keys ---- */

/* Takes the elements of a value. */
OTX__PRIVATE otx_result otx__gguf_take_elements(otx__gguf_walk *w, otx_gguf_key *key)
{
    const uint64_t begin = w->at;
    const unsigned size = otx__gguf_element_size(key->type);
    uint64_t i, ignored;
    char problem[96];
    if (key->count > OTX__GGUF_LIMIT) {
        otx__format(problem, sizeof problem, "has %" PRIu64 " elements, and at most %" PRIu64
                    " are allowed", key->count, OTX__GGUF_LIMIT);
        return otx__gguf_walk_fail(w, problem);
    }
    if (size) otx__gguf_take(w, key->count * size);
    else
        for (i = 0; i < key->count && !w->result; i++) otx__gguf_take_string(w, &ignored);
    if (w->result) return w->result;
    key->size = w->at - begin;
    key->data = w->bytes.bytes + begin;
    return OTX_OK;
}

/* Takes number i of `count` keys. Its pointers stand only in the second walk. */
OTX__PRIVATE otx_result otx__gguf_take_key(otx__gguf_walk *w, uint64_t i, uint64_t count,
                                           otx_gguf_key *key)
{
    uint64_t type;
    char problem[64];
    memset(key, 0, sizeof *key);
    if (otx__gguf_take_name(w, "key", i, count, &key->name, &key->name_size)) return w->result;
    if (key->name_size == 0) return otx__gguf_walk_fail(w, "is empty");
    type = otx__gguf_take_uint(w, 4);
    key->count = 1;
    if (type == OTX_GGUF_ARRAY) {
        key->array = true;
        type = otx__gguf_take_uint(w, 4);
        key->count = otx__gguf_take_uint(w, 8);
    }
    if (w->result) return w->result;
    if (type == OTX_GGUF_ARRAY)
        return otx__gguf_walk_fail(w, "is an array of arrays, which ggml does not read either");
    if (type >= OTX_GGUF_TYPE_COUNT) {
        otx__format(problem, sizeof problem, "has the type %" PRIu64 ", and there are %d", type,
                    (int)OTX_GGUF_TYPE_COUNT);
        return otx__gguf_walk_fail(w, problem);
    }
    key->type = (otx_gguf_type)type;
    return otx__gguf_take_elements(w, key);
}

/* ---- tensors ---- */

/* Takes the dimensions, the type and the offset of a tensor. */
OTX__PRIVATE otx_result otx__gguf_take_shape(otx__gguf_walk *w, otx_tensor *tensor,
                                             uint64_t *shape, uint32_t *type)
{
    const uint64_t rank = otx__gguf_take_uint(w, 4);
    char problem[96];
    unsigned j;
    if (rank > OTX__GGUF_RANK) {
        otx__format(problem, sizeof problem, "has %" PRIu64 " dimensions, and at most %d are "
                    "allowed", rank, OTX__GGUF_RANK);
        return otx__gguf_walk_fail(w, problem);
    }
    tensor->rank = (unsigned)rank;
    tensor->shape = shape;
    for (j = tensor->rank; j > 0 && !w->result; j--) shape[j - 1] = otx__gguf_take_uint(w, 8);
    if (!w->result) *type = (uint32_t)otx__gguf_take_uint(w, 4);
    if (!w->result) tensor->begin = otx__gguf_take_uint(w, 8);
    return w->result;
}

/* Takes number i of `count` tensors; `shape` has room for four dimensions. Its begin and end
   count from the bytes of the first tensor as yet. */
OTX__PRIVATE otx_result otx__gguf_take_tensor(otx__gguf_walk *w, uint64_t i, uint64_t count,
                                              otx_tensor *tensor, uint64_t *shape,
                                              uint32_t *type)
{
    const char *wrong;
    char problem[96];
    uint64_t bytes;
    memset(tensor, 0, sizeof *tensor);
    if (otx__gguf_take_name(w, "tensor", i, count, &tensor->name, &tensor->name_size))
        return w->result;
    if (tensor->name_size > OTX__GGUF_NAME) {
        otx__format(problem, sizeof problem, "has a name of %" PRIu64 " bytes, and at most %d "
                    "are allowed", (uint64_t)tensor->name_size, OTX__GGUF_NAME);
        return otx__gguf_walk_fail(w, problem);
    }
    if (otx__gguf_take_shape(w, tensor, shape, type)) return w->result;
    if (!otx_gguf_type_name(*type))
        return w->result = otx__fail(w->error, OTX_ERROR_UNSUPPORTED, "%s: %s has ggml's type %"
                                     PRIu32 ", which %s", w->file, w->place, *type,
                                     otx__find_ggml_type(*type) ? "was removed from ggml"
                                                                : "is not known");
    tensor->dtype = otx_gguf_type_dtype(*type);
    wrong = otx__gguf_tensor_bytes(tensor, *type, &bytes);
    if (!wrong && tensor->begin > INT64_MAX) wrong = "has an offset of 2^63 or more";
    if (wrong)
        return w->result = otx__gguf_tensor_fail(w->error, OTX_ERROR_FORMAT, w->file, tensor,
                                                 *type, wrong);
    tensor->end = tensor->begin + bytes;
    return OTX_OK;
}

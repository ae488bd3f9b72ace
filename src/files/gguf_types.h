/* ---- GGUF: ggml's types, and the sizes of values ----------------------------- */

/* What the number of a type means: ggml.h and ggml-common.h of August 2026. A type that was
   removed, or that no file holds, has no name. A new type is a new row, and one behind the
   last row is refused by its number, as by ggml. */
typedef struct otx__ggml_type {
    const char *name;
    unsigned elements, bytes; /* of a block */
    otx_dtype dtype;
} otx__ggml_type;

OTX__PRIVATE const otx__ggml_type *otx__find_ggml_type(uint32_t type)
{
    static const otx__ggml_type table[] = {
        {"F32", 1, 4, OTX_F32},
        {"F16", 1, 2, OTX_F16},
        {"Q4_0", 32, 18, OTX_Q4_0},
        {"Q4_1", 32, 20, OTX_Q4_1},
        {NULL, 0, 0, OTX_DTYPE_NONE}, /* Q4_2 */
        {NULL, 0, 0, OTX_DTYPE_NONE}, /* Q4_3 */
        {"Q5_0", 32, 22, OTX_Q5_0},
        {"Q5_1", 32, 24, OTX_Q5_1},
        {"Q8_0", 32, 34, OTX_Q8_0},
        {"Q8_1", 32, 36, OTX_OPAQUE},
        {"Q2_K", 256, 84, OTX_Q2_K},
        {"Q3_K", 256, 110, OTX_Q3_K},
        {"Q4_K", 256, 144, OTX_Q4_K},
        {"Q5_K", 256, 176, OTX_Q5_K},
        {"Q6_K", 256, 210, OTX_Q6_K},
        {"Q8_K", 256, 292, OTX_OPAQUE},
        {"IQ2_XXS", 256, 66, OTX_OPAQUE},
        {"IQ2_XS", 256, 74, OTX_OPAQUE},
        {"IQ3_XXS", 256, 98, OTX_OPAQUE},
        {"IQ1_S", 256, 50, OTX_OPAQUE},
        {"IQ4_NL", 32, 18, OTX_IQ4_NL},
        {"IQ3_S", 256, 110, OTX_OPAQUE},
        {"IQ2_S", 256, 82, OTX_OPAQUE},
        {"IQ4_XS", 256, 136, OTX_IQ4_XS},
        {"I8", 1, 1, OTX_I8},
        {"I16", 1, 2, OTX_I16},
        {"I32", 1, 4, OTX_I32},
        {"I64", 1, 8, OTX_I64},
        {"F64", 1, 8, OTX_F64},
        {"IQ1_M", 256, 56, OTX_OPAQUE},
        {"BF16", 1, 2, OTX_BF16},
        {NULL, 0, 0, OTX_DTYPE_NONE}, /* Q4_0_4_4 */
        {NULL, 0, 0, OTX_DTYPE_NONE}, /* Q4_0_4_8 */
        {NULL, 0, 0, OTX_DTYPE_NONE}, /* Q4_0_8_8 */
        {"TQ1_0", 256, 54, OTX_OPAQUE},
        {"TQ2_0", 256, 66, OTX_OPAQUE},
        {NULL, 0, 0, OTX_DTYPE_NONE}, /* IQ4_NL_4_4 */
        {NULL, 0, 0, OTX_DTYPE_NONE}, /* IQ4_NL_4_8 */
        {NULL, 0, 0, OTX_DTYPE_NONE}, /* IQ4_NL_8_8 */
        {"MXFP4", 32, 17, OTX_MXFP4},
        {"NVFP4", 64, 36, OTX_OPAQUE},
        {"Q1_0", 128, 18, OTX_OPAQUE},
        {"Q2_0", 64, 18, OTX_OPAQUE},
    };
    return type < OTX__COUNT(table) ? &table[type] : NULL;
}

OTX_API const char *otx_gguf_type_name(uint32_t type)
{
    const otx__ggml_type *info = otx__find_ggml_type(type);
    return info ? info->name : NULL;
}

OTX_API unsigned otx_gguf_type_block(uint32_t type, unsigned *bytes)
{
    const otx__ggml_type *info = otx__find_ggml_type(type);
    if (bytes) *bytes = info ? info->bytes : 0;
    return info ? info->elements : 0;
}

OTX_API otx_dtype otx_gguf_type_dtype(uint32_t type)
{
    const otx__ggml_type *info = otx__find_ggml_type(type);
    return info ? info->dtype : OTX_DTYPE_NONE;
}

OTX_API uint32_t otx_gguf_type_of(otx_dtype dtype)
{
    const otx__ggml_type *info;
    uint32_t type = 0;
    if (dtype == OTX_DTYPE_NONE || dtype == OTX_OPAQUE) return UINT32_MAX;
    while ((info = otx__find_ggml_type(type)) != NULL && info->dtype != dtype) type++;
    return info ? type : UINT32_MAX;
}

/* ---- sizes ---- */

#define OTX__GGUF_MAGIC "GGUF"
#define OTX__GGUF_ALIGNMENT 32 /* where no key says another */
#define OTX__KEY_ALIGNMENT "general.alignment"

/* Most bytes of a string and elements of an array, as in ggml; and of a header. Those with
   the longest vocabularies have some 20 MB. */
#define OTX__GGUF_LIMIT ((uint64_t)1 << 30)

/* Most of an alignment. ggml has no limit, but nobody writes more than 4096, and the space
   before the tensors is part of a header. */
#define OTX__GGUF_ALIGNMENT_LIMIT ((uint32_t)1 << 20)

/* Most dimensions of a tensor, and bytes of its name. */
#define OTX__GGUF_RANK 4
#define OTX__GGUF_NAME 63

/* Bytes of an element that is no string; 0 for strings, arrays and what is no type. */
OTX__PRIVATE unsigned otx__gguf_element_size(otx_gguf_type type)
{
    static const unsigned char sizes[OTX_GGUF_TYPE_COUNT] = {1, 1, 2, 2, 4, 4, 4,
                                                             1, 0, 0, 8, 8, 8};
    return (unsigned)type < OTX_GGUF_TYPE_COUNT ? sizes[type] : 0;
}

/* A number of `size` bytes, at most 8, little-endian. */
OTX__PRIVATE uint64_t otx__gguf_uint(const char *bytes, unsigned size)
{
    uint64_t value = 0;
    while (size-- > 0) value = value << 8 | (unsigned char)bytes[size];
    return value;
}

/* `size` up to a multiple of an alignment; false if that would wrap. */
OTX__PRIVATE bool otx__gguf_pad(uint64_t size, uint32_t alignment, uint64_t *padded)
{
    if (size > UINT64_MAX - (alignment - 1)) return false;
    *padded = (size + alignment - 1) / alignment * alignment;
    return true;
}

/* The bytes that a tensor of a type with a name takes. Returns what is wrong with its shape,
   or NULL. Where one dimension is 0, the others may be any. */
OTX__PRIVATE const char *otx__gguf_tensor_bytes(const otx_tensor *tensor, uint32_t type,
                                                uint64_t *bytes)
{
    unsigned block_bytes, block = otx_gguf_type_block(type, &block_bytes), i;
    uint64_t elements = 1;
    bool empty = false;
    if (tensor->rank > OTX__GGUF_RANK) return "has more than 4 dimensions";
    for (i = 0; i < tensor->rank; i++) {
        if (tensor->shape[i] > INT64_MAX) return "has a dimension of 2^63 or more";
        if (tensor->shape[i] == 0) empty = true;
    }
    if ((tensor->rank ? tensor->shape[tensor->rank - 1] : 1) % block != 0)
        return "has rows that are no whole number of its type's blocks";
    for (i = 0; i < tensor->rank && !empty; i++)
        if (!otx__mul64(elements, tensor->shape[i], &elements) || elements > INT64_MAX)
            return "has 2^63 elements or more";
    if (empty) elements = 0;
    if (!otx__mul64(elements / block, block_bytes, bytes) || *bytes > INT64_MAX)
        return "has 2^63 bytes or more";
    return NULL;
}

/* Fails with "FILE: tensor "NAME" (Q6_K [2, 256]) PROBLEM"; without "FILE: " if file is
   NULL. */
OTX__PRIVATE otx_result otx__gguf_tensor_fail(otx_error *error, otx_result code,
                                              const char *file, const otx_tensor *tensor,
                                              uint32_t type, const char *problem)
{
    char text[320], shape[128];
    otx__format(text, sizeof text, "(%s %s) %s", otx__word(otx_gguf_type_name(type)),
                otx__shape_text(shape, sizeof shape, tensor->shape, tensor->rank), problem);
    return otx__fail_name(error, code, file, "tensor", tensor->name, tensor->name_size, text);
}

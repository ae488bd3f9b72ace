/* ---- GGUF: keys, tensors and values found ----------------------------------------- */

/* What stands in the block of an otx_gguf besides what it names: pointers to its tensors in
   order of name, right behind the tensors (so that otx_safetensors_find works on them), and
   behind those pointers to its keys. */
OTX__PRIVATE const otx_tensor **otx__gguf_tensor_order(const otx_gguf *file)
{
    return (const otx_tensor **)(void *)(file->tensors + file->tensor_count);
}

OTX__PRIVATE const otx_gguf_key **otx__gguf_key_order(const otx_gguf *file)
{
    return (const otx_gguf_key **)(void *)(otx__gguf_tensor_order(file) + file->tensor_count);
}

/* A name's span against a pointer to a key, for otx__sorted_find. */
OTX__PRIVATE int otx__name_to_key(const void *name, const void *item)
{
    const otx__span *span = (const otx__span *)name;
    const otx_gguf_key *key = *(const otx_gguf_key *const *)item;
    return otx__compare_bytes(span->bytes, span->size, key->name, key->name_size);
}

OTX_API const otx_gguf_key *otx_gguf_find(const otx_gguf *file, const char *name)
{
    const otx__span wanted = otx__span_of(name, strlen(name));
    const otx_gguf_key *const *found = (const otx_gguf_key *const *)otx__sorted_find(
        otx__gguf_key_order(file), file->key_count, sizeof *found, &wanted, otx__name_to_key);
    return found ? *found : NULL;
}

OTX_API const otx_tensor *otx_gguf_tensor(const otx_gguf *file, const char *name)
{
    const otx__span wanted = otx__span_of(name, strlen(name));
    const otx_tensor *const *found = (const otx_tensor *const *)otx__sorted_find(
        otx__gguf_tensor_order(file), file->tensor_count, sizeof *found, &wanted,
        otx__name_to_tensor);
    return found ? *found : NULL;
}

/* The bits of element i as they stand there, and in *size their bytes; false if the key is
   NULL, has no such element, or holds strings. */
OTX__PRIVATE bool otx__gguf_bits(const otx_gguf_key *key, uint64_t i, uint64_t *bits,
                                 unsigned *size)
{
    *size = key ? otx__gguf_element_size(key->type) : 0;
    if (*size == 0 || i >= key->count) return false;
    *bits = otx__gguf_uint(key->data + i * *size, *size);
    return true;
}

OTX_API bool otx_gguf_integer(const otx_gguf_key *key, uint64_t i, int64_t *out)
{
    uint64_t bits, sign;
    unsigned size;
    if (!otx__gguf_bits(key, i, &bits, &size)) return false;
    switch (key->type) {
    case OTX_GGUF_F32:
    case OTX_GGUF_F64: return false;
    case OTX_GGUF_BOOL: bits = bits != 0; break; /* as ggml takes it */
    case OTX_GGUF_U64:
        if (bits > INT64_MAX) return false;
        break;
    case OTX_GGUF_I8:
    case OTX_GGUF_I16:
    case OTX_GGUF_I32:
        sign = UINT64_C(1) << (8 * size - 1);
        if (bits & sign) { /* minus what its complement is, which never wraps */
            *out = -(int64_t)(2 * sign - bits);
            return true;
        }
        break;
    case OTX_GGUF_I64:
        if (bits > INT64_MAX) {
            *out = -(int64_t)(UINT64_MAX - bits) - 1;
            return true;
        }
        break;
    default: break;
    }
    *out = (int64_t)bits;
    return true;
}

OTX_API bool otx_gguf_number(const otx_gguf_key *key, uint64_t i, double *out)
{
    uint64_t bits;
    unsigned size;
    int64_t integer;
    if (!otx__gguf_bits(key, i, &bits, &size)) return false;
    if (key->type == OTX_GGUF_F32) {
        *out = (double)otx__float_of_bits((uint32_t)bits);
    } else if (key->type == OTX_GGUF_F64) {
        memcpy(out, &bits, sizeof *out);
    } else if (key->type == OTX_GGUF_U64) {
        *out = (double)bits;
    } else {
        if (!otx_gguf_integer(key, i, &integer)) return false;
        *out = (double)integer;
    }
    return true;
}

OTX_API bool otx_gguf_next(const otx_gguf_key *key, otx_gguf_strings *strings)
{
    uint64_t size;
    if (!key || key->type != OTX_GGUF_STRING || strings->count >= key->count) return false;
    if (key->size < 8 || strings->next > key->size - 8) return false;
    size = otx__gguf_uint(key->data + strings->next, 8);
    if (size > key->size - 8 - strings->next) return false;
    strings->bytes = key->data + strings->next + 8;
    strings->size = (size_t)size;
    strings->next += 8 + size;
    strings->count++;
    return true;
}

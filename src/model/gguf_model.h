/* ---- gguf_model: what a GGUF file says of a model ------------------------------ */

/* Keys that are not the vocabulary's but speak of it. */
#define OTX__KEY_ARCHITECTURE "general.architecture"
#define OTX__KEY_QUANTIZATION "general.quantization_version"
#define OTX__GGUF_QUANTIZATION 2 /* of ggml's blocks, as it counts versions */
#define OTX__KEY_GGUF_SPLIT "split."

/* The header of a GGUF file that has all keys, or NULL if the weights are none. */
OTX__PRIVATE const otx_gguf *otx__gguf_of(const otx_checkpoint *checkpoint)
{
    return checkpoint->gguf ? &checkpoint->files[0].gguf : NULL;
}

/* Whether there are weights: a GGUF file may have a vocabulary alone. */
OTX__PRIVATE bool otx__has_weights(const otx_checkpoint *checkpoint)
{
    return checkpoint->tensor_count > 0 || (checkpoint->files && !otx__gguf_of(checkpoint));
}

/* The type that the rows of a tensor have in memory: blocks are widened. */
OTX__PRIVATE otx_dtype otx__row_dtype(otx_dtype dtype)
{
    return otx_dtype_is_block(dtype) ? OTX_F32 : dtype;
}

/* Whether a key is "ARCHITECTURE.NAME". */
OTX__PRIVATE bool otx__gguf_is_of_model(const otx_gguf *file, const otx_gguf_key *key,
                                        const char *name)
{
    const otx_gguf_key *model = otx_gguf_find(file, OTX__KEY_ARCHITECTURE);
    otx_gguf_strings strings;
    size_t size = strlen(name);
    memset(&strings, 0, sizeof strings);
    return otx_gguf_next(model, &strings) && key->name_size == strings.size + 1 + size &&
           memcmp(key->name, strings.bytes, strings.size) == 0 &&
           key->name[strings.size] == '.' &&
           memcmp(key->name + strings.size + 1, name, size) == 0;
}

/* Whether a key that is not the vocabulary's size has this value: then a dimension of that
   size says nothing about the vocabulary. */
OTX__PRIVATE bool otx__gguf_has_size(const otx_checkpoint *checkpoint, uint64_t size)
{
    const otx_gguf *file = otx__gguf_of(checkpoint);
    size_t i;
    for (i = 0; file && i < file->key_count; i++) {
        const otx_gguf_key *key = &file->keys[i];
        int64_t value;
        if (!key->array && otx_gguf_integer(key, 0, &value) && value >= 0 &&
            (uint64_t)value == size && !otx__gguf_is_of_model(file, key, OTX__KEY_VOCAB_SIZE))
            return true;
    }
    return false;
}

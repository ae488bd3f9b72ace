/* ---- tokenizer_gguf: the tokenizer of a GGUF file ------------------------------- */

/* Whether the bytes that a file begins with are GGUF's. */
OTX__PRIVATE otx_result otx__gguf_is(const otx_context *ctx, const char *path, bool *is,
                                     otx_error *error)
{
    char bytes[4];
    otx_source source;
    otx_result result = otx_source_open(ctx, path, &source, error);
    *is = false;
    if (result) return result;
    if (source.size >= sizeof bytes) {
        if (source.read(source.context, 0, bytes, sizeof bytes))
            *is = memcmp(bytes, OTX__GGUF_MAGIC, sizeof bytes) == 0;
        else result = otx__fail_read(error, path, &source, 0, sizeof bytes);
    }
    otx_source_close(ctx, &source);
    return result;
}

/* Opens a file's header; the file is closed again. */
OTX__PRIVATE otx_result otx__gguf_open_path(const otx_context *ctx, const char *path,
                                            otx_gguf *out, otx_error *error)
{
    char name[OTX__PATH_TEXT];
    otx_source source;
    otx_result result = otx_source_open(ctx, path, &source, error);
    memset(out, 0, sizeof *out);
    if (result) return result;
    result = otx_gguf_open(ctx, &source, otx__path_text(name, path), out, error);
    otx_source_close(ctx, &source);
    return result;
}

/* With `rules` these are read, for a vocabulary that is open. */
OTX__PRIVATE otx_result otx__vocab_open_gguf(const otx_context *ctx, const char *path,
                                             bool rules, otx_vocab *out, otx_error *error)
{
    char name[OTX__PATH_TEXT];
    otx_gguf file;
    int64_t part;
    otx_result result = otx__gguf_open_path(ctx, path, &file, error);
    if (result) return result;
    otx__path_text(name, path);
    if (otx_gguf_integer(otx_gguf_find(&file, OTX__KEY_SPLIT_NO), 0, &part) && part > 0)
        result = otx__fail(error, OTX_ERROR_UNSUPPORTED, "%s: is part %" PRId64 " of a split "
                           "file; give the first, which holds the vocabulary", name, part + 1);
    else
        result = rules ? otx_vocab_parse_gguf_rules(ctx, &file, name, out, error)
                       : otx_vocab_parse_gguf(ctx, &file, name, out, error);
    otx_gguf_close(ctx, &file);
    return result;
}

/* The tokenizer of a directory that has no other files of one; *found is false if it has no
   GGUF file either. */
OTX__PRIVATE otx_result otx__vocab_open_only_gguf(const otx_context *ctx, const char *path,
                                                  const otx__listing *listing, bool rules,
                                                  bool *found, otx_vocab *out, otx_error *error)
{
    const char *rival = NULL, *name = otx__gguf_in(listing, &rival);
    char where[OTX__PATH_TEXT], one[OTX__QUOTED], *whole;
    otx_result result;
    *found = name || rival;
    if (rival)
        return otx__fail(error, OTX_ERROR_UNSUPPORTED, "%s: holds no tokenizer but those of "
                         "several GGUF files, \"%s\" among them; give one of them",
                         otx__path_text(where, path),
                         otx__quote(one, sizeof one, rival, strlen(rival)));
    if (!name) return OTX_OK;
    whole = otx__path_join(ctx, path, name);
    if (!whole) return otx__fail_memory(error, strlen(path) + strlen(name) + 2);
    result = otx__vocab_open_gguf(ctx, whole, rules, out, error);
    otx__path_free(ctx, whole);
    return result;
}

/* ---- vocab_directory: the tokenizer of a model directory -------------------- */

/* Reads one of a tokenizer's files if the directory holds it. */
OTX__PRIVATE otx_result otx__tokenizer_text(const otx_context *ctx, const char *directory,
                                            const otx__listing *listing, const char *name,
                                            char **text, size_t *size, otx_error *error)
{
    char *path;
    otx_result result;
    if (!otx__listing_has(listing, name)) return OTX_OK;
    path = otx__path_join(ctx, directory, name);
    if (!path) return otx__fail_memory(error, strlen(directory) + strlen(name) + 2);
    result = otx__file_read_all(ctx, path, OTX__TOKENIZER_LIMIT, text, size, error);
    otx__path_free(ctx, path);
    return result;
}

/* Reports a directory without a tokenizer.json. */
OTX__PRIVATE otx_result otx__fail_no_tokenizer(otx_error *error, const char *path,
                                               const otx__listing *listing)
{
    static const char convert[] = "load it with transformers' AutoTokenizer and save it with "
                                  "save_pretrained, which writes tokenizer.json";
    static const otx__foreign table[] = {
        {"tokenizer.model", "", convert}, {"", ".model", convert},
        {"tekken.json", "", convert},     {"", ".tiktoken", convert},
        {"vocab.json", "", convert},      {"vocab.txt", "", convert},
        {"", ".gguf", "GGUF is not read; take the tokenizer.json of the original model"},
        {"snapshots", "", "a cache; give the directory within snapshots/"},
    };
    return otx__fail_foreign(error, path, "tokenizer.json", table, OTX__COUNT(table), listing);
}

/* The files of a tokenizer, in the order of otx_vocab_texts. */
#define OTX__TOKENIZER_TEXTS 4

/* Parses what was read. An absent text is NULL and of size 0. */
OTX__PRIVATE otx_result otx__vocab_of_texts(const otx_context *ctx, char *const *texts,
                                            const size_t *sizes, const char *path,
                                            bool directory, otx_vocab *out, otx_error *error)
{
    char name[OTX__PATH_TEXT + 16];
    otx_vocab_texts all;
    memset(&all, 0, sizeof all);
    all.tokenizer_json = texts[0];
    all.tokenizer_json_size = sizes[0];
    all.tokenizer_config = texts[1];
    all.tokenizer_config_size = sizes[1];
    all.special_tokens_map = texts[2];
    all.special_tokens_map_size = sizes[2];
    all.added_tokens = texts[3];
    all.added_tokens_size = sizes[3];
    otx__path_text(name, path);
    if (directory) memcpy(name + strlen(name), "/tokenizer.json", 16);
    return otx_vocab_parse(ctx, &all, name, out, error);
}

OTX__PRIVATE otx_result otx__vocab_open_directory(const otx_context *ctx, const char *path,
                                                  char **texts, size_t *sizes, otx_error *error)
{
    static const char *const names[OTX__TOKENIZER_TEXTS] = {
        "tokenizer.json", "tokenizer_config.json", "special_tokens_map.json",
        "added_tokens.json"
    };
    otx__listing listing;
    otx_result result = otx__listing_open(ctx, path, &listing, error);
    size_t i;
    if (result) return result;
    if (!otx__listing_has(&listing, names[0]))
        result = otx__fail_no_tokenizer(error, path, &listing);
    for (i = 0; i < OTX__TOKENIZER_TEXTS && !result; i++)
        result = otx__tokenizer_text(ctx, path, &listing, names[i], &texts[i], &sizes[i],
                                     error);
    otx__listing_close(&listing);
    return result;
}

OTX_API otx_result otx_vocab_open(const otx_context *ctx, const char *path, otx_vocab *out,
                                  otx_error *error)
{
    char *texts[OTX__TOKENIZER_TEXTS] = {NULL, NULL, NULL, NULL};
    size_t sizes[OTX__TOKENIZER_TEXTS] = {0, 0, 0, 0}, i;
    char name[OTX__PATH_TEXT];
    otx__status status;
    otx_result result;
    memset(out, 0, sizeof *out);
    result = otx__model_status(path, &status, error);
    if (result) return result;
    if (status.directory)
        result = otx__vocab_open_directory(ctx, path, texts, sizes, error);
    else if (!otx__has_suffix(path, ".json"))
        result = otx__fail(error, OTX_ERROR_UNSUPPORTED, "%s: is neither a directory nor a "
                           "tokenizer.json", otx__path_text(name, path));
    else
        result = otx__file_read_all(ctx, path, OTX__TOKENIZER_LIMIT, &texts[0], &sizes[0],
                                    error);
    if (!result) result = otx__vocab_of_texts(ctx, texts, sizes, path, status.directory, out,
                                             error);
    for (i = 0; i < OTX__TOKENIZER_TEXTS; i++)
        if (texts[i]) otx__file_free(ctx, texts[i], sizes[i]);
    return result;
}

/* ---- new_tokenizer: the files of the tokenizer, written anew ------------------------- */

/* A JSON file of the tokenizer, and how it is written anew. */
typedef struct otx__new_kind {
    const char *name;
    void (*make)(otx__new_file *f);
} otx__new_kind;

static const otx__new_kind otx__new_kinds[] = {
    {"tokenizer.json", otx__new_tokenizer_json},
    {"tokenizer_config.json", otx__new_tokenizer_config},
    {"vocab.json", otx__new_vocab_json},
    {"added_tokens.json", otx__new_added_tokens_json},
};

/* Writes a JSON file of the tokenizer anew. */
OTX__PRIVATE otx_result otx__new_write_json(otx__reshaping *t, const otx__new_kind *kind,
                                             const char *directory, otx_error *error)
{
    otx__document document;
    otx__text text;
    otx_result result = otx__document_open(t->ctx, t->model, kind->name, &document, error);
    if (result) return result;
    otx__text_open(&text, t->ctx);
    result = otx__new_json(t, &document.json, kind->make, &text, error);
    if (!result) result = otx__write_text(t->ctx, directory, kind->name, &text, error);
    otx__text_close(&text);
    otx__document_close(t->ctx, &document);
    return result;
}

/* Writes merges.txt or vocab.txt anew. */
OTX__PRIVATE otx_result otx__new_write_lines(otx__reshaping *t, const char *name, bool merges,
                                              const char *directory, otx_error *error)
{
    char *path = otx__path_join(t->ctx, t->model, name), *bytes = NULL;
    size_t size = 0;
    otx__text text;
    otx_result result;
    if (!path) return otx__fail_memory(error, strlen(t->model) + strlen(name) + 2);
    otx__text_open(&text, t->ctx);
    result = otx__file_read_all(t->ctx, path, OTX__TOKENIZER_LIMIT, &bytes, &size, error);
    if (!result)
        result = merges ? otx__new_merges_txt(t, otx__span_of(bytes, size), &text, error)
                        : otx__new_vocab_txt(t, otx__span_of(bytes, size), &text, error);
    if (!result) result = otx__write_text(t->ctx, directory, name, &text, error);
    otx__text_close(&text);
    if (bytes) otx__file_free(t->ctx, bytes, size);
    otx__path_free(t->ctx, path);
    return result;
}

OTX__PRIVATE otx_result otx__new_copy_file(otx__reshaping *t, const char *name,
                                            const char *directory, otx_error *error)
{
    char *from = otx__path_join(t->ctx, t->model, name);
    char *to = otx__path_join(t->ctx, directory, name);
    otx_result result = from && to ? otx__tree_copy(t->ctx, from, to, NULL, error)
                                   : otx__fail_memory(error, strlen(name) + 2);
    otx__path_free(t->ctx, from);
    otx__path_free(t->ctx, to);
    return result;
}

/* Writes what becomes of one entry of the model's directory, if it is of the tokenizer. */
OTX__PRIVATE otx_result otx__new_write(otx__reshaping *t, const char *name, const char *directory,
                                        otx_error *error)
{
    char path[OTX__PATH_TEXT], quoted[OTX__QUOTED];
    size_t i;
    for (i = 0; i < OTX__COUNT(otx__new_kinds); i++)
        if (strcmp(name, otx__new_kinds[i].name) == 0)
            return otx__new_write_json(t, &otx__new_kinds[i], directory, error);
    if (strcmp(name, "merges.txt") == 0 || strcmp(name, "vocab.txt") == 0)
        return otx__new_write_lines(t, name, *name == 'm', directory, error);
    if (!otx__is_of_tokenizer(name)) return OTX_OK;
    if (!otx__is_other_source(name)) return otx__new_copy_file(t, name, directory, error);
    otx__log(t->ctx, OTX_NOTE, "%s: \"%s\" is left out: it holds the whole vocabulary; "
             "tokenizer.json is read", otx__path_text(path, t->model),
             otx__quote(quoted, sizeof quoted, name, strlen(name)));
    return OTX_OK;
}

OTX__PRIVATE otx_result otx__new_write_all(otx__reshaping *t, const char *directory,
                                            otx_error *error)
{
    otx__listing listing;
    size_t i;
    otx_result result = otx__listing_open(t->ctx, t->model, &listing, error);
    if (result) return result;
    for (i = 0; i < listing.count && !result; i++)
        result = otx__new_write(t, listing.names[i], directory, error);
    otx__listing_close(&listing);
    return result;
}

/* Refuses a tokenizer that is not read from tokenizer.json. Keeps what that names by its id,
   which is added to *named, and finds which tokens are its model's. */
OTX__PRIVATE otx_result otx__reshape_look(otx__reshaping *t, uint64_t *named, otx_error *error)
{
    char path[OTX__PATH_TEXT];
    otx__document document;
    otx__new_file f;
    otx_result result;
    if (strcmp(otx__word(t->vocab.source), "tokenizer.json") != 0)
        return otx__fail(error, OTX_ERROR_UNSUPPORTED, "%s: its tokenizer is read from %s; only "
                         "a tokenizer.json is written anew: load it with transformers' "
                         "AutoTokenizer and save it with save_pretrained, which writes one",
                         otx__path_text(path, t->model), otx__word(t->vocab.source));
    result = otx__document_open(t->ctx, t->model, otx__new_kinds[0].name, &document, error);
    if (result) return result;
    memset(&f, 0, sizeof f);
    f.t = t;
    f.json = &document.json;
    otx__new_named(&f, otx__new_keep_id);
    otx__new_find_own(&f);
    *named += f.count;
    otx__document_close(t->ctx, &document);
    return OTX_OK;
}

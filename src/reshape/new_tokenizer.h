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

/* ---- files with tokens ---- */

/* Makes what a reader has been at anew: a SentencePiece model, tekken.json or ranks, as the other
   files are made by their names. *made is false where it stands beside a tokenizer.json and does
   not agree with it, or that grows, as nothing else does. */
OTX__PRIVATE otx_result otx__new_make_source(otx__reshaping *t, const otx__gguf_donor *from,
                                             otx__text *to, bool *made, otx_error *error)
{
    const otx__tokenizer *at = &from->at;
    *made = false;
    if (otx__gguf_donor_is(from, "SentencePiece") && !t->growth)
        return otx__new_pieces_make(t, at, to, made, error);
    if (otx__reshape_reads(t, "tokenizer.json")) return OTX_OK;
    *made = true;
    if (otx__gguf_donor_is(from, "tekken.json"))
        return otx__new_json(t, &at->json, otx__new_tekken_json, to, error);
    return otx__new_ranks(t, otx__span_of(at->text.bytes, at->text.size), to, error);
}

/* Writes the file with tokens that is read, or beside a tokenizer.json the SentencePiece model,
   anew, if that is the name of it: *made. What is wrong with the latter is no matter here. */
OTX__PRIVATE otx_result otx__new_write_source(otx__reshaping *t, const char *name,
                                              const char *directory, bool *made,
                                              otx_error *error)
{
    const bool beside = otx__reshape_reads(t, "tokenizer.json");
    size_t source = beside ? OTX_VOCAB_SENTENCEPIECE : 0;
    otx__gguf_donor from;
    otx__side side;
    otx_error problem;
    otx__text text;
    otx_result result;
    memset(&side, 0, sizeof side);
    side.path = (char *)(uintptr_t)t->model;
    side.vocab = t->vocab;
    *made = false;
    otx__text_open(&text, t->ctx);
    result = otx__gguf_donor_open(t->ctx, &side, source, &from, &problem);
    while (!result && source < OTX_VOCAB_SOURCES && !from.files.names[source]) source++;
    if (!result && source < OTX_VOCAB_SOURCES && strcmp(from.files.names[source], name) == 0)
        result = otx__new_make_source(t, &from, &text, made, &problem);
    if (!result && *made) result = otx__write_text(t->ctx, directory, name, &text, &problem);
    else if (beside && result != OTX_ERROR_MEMORY) result = OTX_OK;
    otx__text_close(&text);
    otx__gguf_donor_close(&from);
    return result ? otx__fail(error, result, "%s", problem.message) : OTX_OK;
}

/* Tells of a file with tokens that does not follow. */
OTX__PRIVATE void otx__new_tell_left(const otx__reshaping *t, const char *name)
{
    char path[OTX__PATH_TEXT], quoted[OTX__QUOTED];
    otx__log(t->ctx, OTX_NOTE, "%s: \"%s\" is left out: it is of the tokens as they were; what is "
             "read is %s", otx__path_text(path, t->model),
             otx__quote(quoted, sizeof quoted, name, strlen(name)), otx__word(t->vocab.source));
}

/* Writes what becomes of one entry of the model's directory, if it is of the tokenizer. */
OTX__PRIVATE otx_result otx__new_write(otx__reshaping *t, const char *name, const char *directory,
                                        otx_error *error)
{
    bool made;
    size_t i;
    otx_result result;
    for (i = 0; i < OTX__COUNT(otx__new_kinds); i++)
        if (strcmp(name, otx__new_kinds[i].name) == 0)
            return otx__new_write_json(t, &otx__new_kinds[i], directory, error);
    if (strcmp(name, "merges.txt") == 0 || strcmp(name, "vocab.txt") == 0)
        return otx__new_write_lines(t, name, *name == 'm', directory, error);
    if (!otx__is_of_tokenizer(name)) return OTX_OK;
    if (!otx__is_other_source(name)) return otx__new_copy_file(t, name, directory, error);
    result = otx__new_write_source(t, name, directory, &made, error);
    if (!result && !made) otx__new_tell_left(t, name);
    return result;
}

/* Copies what of the tokenizer's code has names of its own: modules that others import, files that
   they open. */
OTX__PRIVATE otx_result otx__new_copy_code(otx__reshaping *t, const char *directory,
                                           otx_error *error)
{
    otx__side side;
    otx__code code;
    size_t i;
    otx_result result;
    memset(&side, 0, sizeof side);
    memset(&code, 0, sizeof code);
    side.path = (char *)(uintptr_t)t->model;
    result = otx__document_open(t->ctx, t->model, "tokenizer_config.json", &side.tokenizer, error);
    if (!result)
        result = otx__document_open(t->ctx, t->model, "config.json", &side.config, error);
    if (!result) result = otx__code_open(t->ctx, &side, &code, error);
    for (i = 0; i < code.files.count && !result; i++)
        if (!otx__is_of_tokenizer(code.files.names[i]))
            result = otx__new_copy_file(t, code.files.names[i], directory, error);
    otx__code_close(&code);
    otx__document_close(t->ctx, &side.config);
    otx__document_close(t->ctx, &side.tokenizer);
    return result;
}

OTX__PRIVATE otx_result otx__new_write_all(otx__reshaping *t, const char *directory,
                                            otx_error *error)
{
    otx__listing listing;
    size_t i;
    otx_result result;
    t->same_class = true;
    if (t->gguf) return otx__new_write_gguf(t, directory, error);
    result = otx__listing_open(t->ctx, t->model, &listing, error);
    if (result) return result;
    for (i = 0; i < listing.count && !result; i++)
        result = otx__new_write(t, listing.names[i], directory, error);
    otx__listing_close(&listing);
    return result ? result : otx__new_copy_code(t, directory, error);
}

/* ---- what the files say of what stays ---- */

/* An id that tokenizer.json names stays. */
OTX__PRIVATE void otx__new_keep_id(otx__new_file *f, uint32_t node)
{
    uint64_t id;
    if (!otx_json_uint(f->json, node, &id) || id >= f->t->vocab.count ||
        f->t->vocab.tokens[id].kind == OTX_TOKEN_NONE || f->t->keep[id])
        return;
    f->t->keep[id] = true;
    f->count++;
}

/* Of a tokenizer in JSON: keeps what tokenizer.json names by its id, and finds which tokens are
   its model's; keeps the special tokens of tekken.json. */
OTX__PRIVATE otx_result otx__look_at_json(otx__reshaping *t, uint64_t *named, otx_error *error)
{
    const bool tekken = otx__reshape_reads(t, "tekken.json");
    otx__document document;
    otx__new_file f;
    otx_result result =
        otx__document_open(t->ctx, t->model, otx__word(t->vocab.source), &document, error);
    if (result) return result;
    memset(&f, 0, sizeof f);
    f.t = t;
    f.json = &document.json;
    if (tekken) {
        otx__keep_tekken(t, &document.json, named);
    } else {
        otx__new_named(&f, otx__new_keep_id);
        otx__new_find_own(&f);
        *named += f.count;
    }
    otx__document_close(t->ctx, &document);
    return OTX_OK;
}

/* Keeps what the files of the tokenizer need, which is added to *named, and finds which tokens
   are its model's. Refuses what cannot be written anew. */
OTX__PRIVATE otx_result otx__reshape_look(otx__reshaping *t, uint64_t *named, otx_error *error)
{
    const bool json = otx__reshape_reads(t, "tokenizer.json");
    size_t i;
    if (otx__reshape_reads(t, "tiktoken")) return otx__keep_ranks(t, named, error);
    for (i = 0; i < t->vocab.count && !json; i++)
        t->own[i] = t->vocab.tokens[i].kind != OTX_TOKEN_NONE;
    if (t->gguf) return otx__keep_gguf(t, named, error);
    if (otx__reshape_reads(t, "SentencePiece")) otx__keep_pieces(t, named);
    if (json || otx__reshape_reads(t, "tekken.json"))
        return otx__look_at_json(t, named, error);
    return OTX_OK; /* vocab.json and vocab.txt name nothing by its id */
}

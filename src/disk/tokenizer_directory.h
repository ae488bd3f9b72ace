/* ---- tokenizer_directory: the tokenizer of a model directory ---------------- */

/* The files of a tokenizer that a directory holds, by otx_vocab_file. */
typedef struct otx__vocab_files {
    const otx_context *ctx;
    const char *path;
    const char *names[OTX_VOCAB_FILES]; /* NULL: absent; borrowed from the listing */
    otx_vocab_text texts[OTX_VOCAB_FILES];
    bool rules; /* they are read for a vocabulary that is there */
} otx__vocab_files;

OTX__PRIVATE void otx__vocab_find_files(otx__vocab_files *files, const otx__listing *listing)
{
    size_t i, j;
    for (i = 0; i < OTX__COUNT(otx__known_files); i++) {
        const otx__known_file *known = &otx__known_files[i];
        if (known->file == OTX_VOCAB_FILES || files->names[known->file]) continue;
        for (j = 0; j < listing->count; j++)
            if (otx__name_fits(listing->names[j], known->pattern))
                files->names[known->file] = listing->names[j];
    }
}

OTX__PRIVATE otx_result otx__vocab_read_file(otx__vocab_files *files, size_t file,
                                             otx_error *error)
{
    otx_vocab_text *text = &files->texts[file];
    char *path, *bytes = NULL;
    otx_result result;
    if (!files->names[file] || text->bytes) return OTX_OK;
    path = otx__path_join(files->ctx, files->path, files->names[file]);
    if (!path)
        return otx__fail_memory(error, strlen(files->path) + strlen(files->names[file]) + 2);
    result = otx__file_read_all(files->ctx, path, OTX__TOKENIZER_LIMIT, &bytes, &text->size,
                                error);
    text->bytes = bytes;
    otx__path_free(files->ctx, path);
    return result;
}

OTX__PRIVATE void otx__vocab_drop_file(otx__vocab_files *files, size_t file)
{
    otx_vocab_text *text = &files->texts[file];
    if (text->bytes) otx__file_free(files->ctx, (char *)(uintptr_t)text->bytes, text->size);
    text->bytes = NULL;
}

/* Reads the vocabulary that one of the files with tokens holds. */
OTX__PRIVATE otx_result otx__vocab_of_source(otx__vocab_files *files, size_t source,
                                             otx_vocab *out, otx_error *error)
{
    char directory[OTX__PATH_TEXT], file[OTX__QUOTED], name[OTX__PATH_TEXT + OTX__QUOTED];
    otx_result result = otx__vocab_read_file(files, source, error);
    size_t i;
    if (!files->rules) memset(out, 0, sizeof *out);
    for (i = OTX_VOCAB_SOURCES; i < OTX_VOCAB_FILES && !result; i++)
        if (otx__goes_with((otx_vocab_file)i, (otx_vocab_file)source))
            result = otx__vocab_read_file(files, i, error);
    if (!result) {
        const char *own = files->names[source];
        otx__format(name, sizeof name, "%s/%s", otx__path_text(directory, files->path),
                    otx__quote(file, sizeof file, own, strlen(own)));
        result = files->rules ? otx_vocab_parse_rules(files->ctx, files->texts, name, out, error)
                              : otx_vocab_parse(files->ctx, files->texts, name, out, error);
    }
    otx__vocab_drop_file(files, source);
    return result;
}

/* ---- several sources ---- */

/* A token for a message, or the word for none. */
OTX__PRIVATE const char *otx__token_text(char to[OTX__QUOTED], const otx_vocab *vocab,
                                         size_t id)
{
    if (id >= vocab->count || vocab->tokens[id].kind == OTX_TOKEN_NONE) return "nothing";
    return otx__quote(to, OTX__QUOTED, vocab->tokens[id].bytes, vocab->tokens[id].size);
}

/* Whether an id is the same token in the file that is read and in another. Tokens
   that the former adds to those of the model may be missing in the latter. */
OTX__PRIVATE bool otx__same_meaning(const otx_vocab *read, const otx_vocab *other, size_t id)
{
    const bool in_read = id < read->count && read->tokens[id].kind != OTX_TOKEN_NONE;
    const bool in_other = id < other->count && other->tokens[id].kind != OTX_TOKEN_NONE;
    if (!in_other) return !in_read || read->tokens[id].added;
    if (!in_read) return false;
    return otx__same_bytes(read->tokens[id].bytes, read->tokens[id].size,
                           other->tokens[id].bytes, other->tokens[id].size);
}

/* Says in one line that two files are not of one tokenizer. */
OTX__PRIVATE void otx__vocab_compare(const otx__vocab_files *files, size_t read,
                                     const otx_vocab *vocab, size_t source,
                                     const otx_vocab *other)
{
    const size_t count = otx__max(vocab->count, other->count);
    char path[OTX__PATH_TEXT], name[OTX__QUOTED], one[OTX__QUOTED], two[OTX__QUOTED];
    uint64_t different = 0;
    size_t first = 0, id;
    for (id = 0; id < count; id++)
        if (!otx__same_meaning(vocab, other, id) && different++ == 0) first = id;
    if (different == 0) return;
    otx__log(files->ctx, OTX_WARNING,
             "%s: %s, which is not read, differs from %s in %" PRIu64 " ids, first %" PRIu64
             ": %s in place of %s", otx__path_text(path, files->path),
             otx__quote(name, sizeof name, files->names[source], strlen(files->names[source])),
             files->names[read], different, (uint64_t)first, otx__token_text(one, other, first),
             otx__token_text(two, vocab, first));
}

/* Compares the vocabulary with those of the other files. One that is no good is
   worth a word, but not a failure: nothing depends on it. */
OTX__PRIVATE otx_result otx__vocab_compare_others(otx__vocab_files *files, size_t read,
                                                  const otx_vocab *vocab, otx_error *error)
{
    size_t source;
    for (source = read + 1; source < OTX_VOCAB_SOURCES; source++) {
        otx_vocab other;
        otx_error problem;
        otx_result result;
        if (!files->names[source]) continue;
        if (source == OTX_VOCAB_JSON && !files->names[OTX_VOCAB_MERGES]) continue;
        result = otx__vocab_of_source(files, source, &other, &problem);
        if (result == OTX_ERROR_MEMORY) return otx__fail(error, result, "%s", problem.message);
        if (result)
            otx__log(files->ctx, OTX_WARNING, "not read, and no good: %s", problem.message);
        else
            otx__vocab_compare(files, read, vocab, source, &other);
        otx_vocab_close(files->ctx, &other);
    }
    return OTX_OK;
}

/* ---- the directory, or one file ---- */

/* Reports a directory without a tokenizer. */
OTX__PRIVATE otx_result otx__fail_no_tokenizer(const otx_context *ctx, const char *path,
                                               const otx__listing *listing, otx_error *error)
{
    const char *name = NULL;
    const char *advice = otx__advise_on_tokenizer((const char *const *)listing->names,
                                                  listing->count, &name);
    otx_result result = otx__refuse_cache(ctx, path, listing, error);
    if (result) return result;
    return otx__fail_missing(error, path, "tokenizer.json or other file with tokens", name,
                             advice);
}

/* With `rules` these are read, for a vocabulary that is open. */
OTX__PRIVATE otx_result otx__vocab_open_directory(const otx_context *ctx, const char *path,
                                                  bool rules, otx_vocab *out, otx_error *error)
{
    otx__vocab_files files;
    otx__listing listing;
    size_t source = 0, i;
    bool found = true;
    otx_result result = otx__listing_open(ctx, path, &listing, error);
    if (result) return result;
    memset(&files, 0, sizeof files);
    files.ctx = ctx;
    files.path = path;
    files.rules = rules;
    otx__vocab_find_files(&files, &listing);
    while (source < OTX_VOCAB_SOURCES && !files.names[source]) source++;
    if (source < OTX_VOCAB_SOURCES) result = otx__vocab_of_source(&files, source, out, error);
    else result = otx__vocab_open_only_gguf(ctx, path, &listing, rules, &found, out, error);
    if (!result && !found) result = otx__fail_no_tokenizer(ctx, path, &listing, error);
    if (!result && !rules) result = otx__vocab_compare_others(&files, source, out, error);
    if (result && !rules) otx_vocab_close(ctx, out);
    for (i = 0; i < OTX_VOCAB_FILES; i++) otx__vocab_drop_file(&files, i);
    otx__listing_close(&listing);
    return result;
}

/* Refuses a file that is known to hold no tokens by the bytes that it begins with: one of
   weights, which may be large. */
OTX__PRIVATE otx_result otx__refuse_weights(const otx_context *ctx, const char *path,
                                            otx_error *error)
{
    char name[OTX__PATH_TEXT], bytes[OTX__MAGIC];
    const otx__known_magic *magic;
    otx_source source;
    size_t got;
    otx_result result = otx_source_open(ctx, path, &source, error);
    if (result) return result;
    got = source.size < sizeof bytes ? (size_t)source.size : sizeof bytes;
    otx__path_text(name, path);
    if (!source.read(source.context, 0, bytes, got))
        result = otx__fail_read(error, path, &source, 0, got);
    else if (otx__is_safetensors(bytes, got, source.size))
        result = otx__fail(error, OTX_ERROR_UNSUPPORTED, "%s: is a file of weights, in "
                           "safetensors, and holds no tokens; give the directory of its "
                           "tokenizer", name);
    else if ((magic = otx__magic_of(bytes, got)) != NULL)
        result = otx__fail(error, OTX_ERROR_UNSUPPORTED, "%s: is %s; %s", name, magic->what,
                           magic->advice);
    otx_source_close(ctx, &source);
    return result;
}

/* Reads a file by itself: as what it holds, else as what its name says. */
OTX__PRIVATE otx_result otx__vocab_open_file(const otx_context *ctx, const char *path,
                                             bool rules, otx_vocab *out, otx_error *error)
{
    otx_vocab_text texts[OTX_VOCAB_FILES];
    char name[OTX__PATH_TEXT], *bytes = NULL;
    size_t size = 0;
    otx__recognised what;
    otx_vocab_file file;
    bool gguf;
    otx_result result = otx__gguf_is(ctx, path, &gguf, error);
    if (!result && gguf) return otx__vocab_open_gguf(ctx, path, rules, out, error);
    if (!result) result = otx__refuse_weights(ctx, path, error);
    otx__path_text(name, path);
    memset(texts, 0, sizeof texts);
    memset(&what, 0, sizeof what);
    if (!result)
        result = otx__file_read_all(ctx, path, OTX__TOKENIZER_LIMIT, &bytes, &size, error);
    if (!result) result = otx__recognise(ctx, bytes, size, &what, error);
    file = what.file;
    if (file == OTX_VOCAB_FILES && !what.other)
        file = otx__source_named(path + otx__path_name(path));
    if (!result && file == OTX_VOCAB_FILES)
        result = otx__fail(error, OTX_ERROR_UNSUPPORTED, "%s: looks like %s, and is neither a "
                           "directory nor a tokenizer.json, tekken.json, tokenizer.model, "
                           "*.tiktoken, vocab.json or vocab.txt; give the directory of the "
                           "tokenizer or one of those", name, what.looks);
    if (!result && file < OTX_VOCAB_FILES) {
        texts[file].bytes = bytes;
        texts[file].size = size;
        if (file == OTX_VOCAB_JSON) texts[OTX_VOCAB_MERGES].bytes = ""; /* they make no tokens */
        result = rules ? otx_vocab_parse_rules(ctx, texts, name, out, error)
                       : otx_vocab_parse(ctx, texts, name, out, error);
    }
    if (bytes) otx__file_free(ctx, bytes, size);
    return result;
}

OTX_API otx_result otx_vocab_open(const otx_context *ctx, const char *path, otx_vocab *out,
                                  otx_error *error)
{
    otx__status status;
    otx_result result;
    memset(out, 0, sizeof *out);
    result = otx__model_status(path, &status, error);
    if (result) return result;
    return status.directory ? otx__vocab_open_directory(ctx, path, false, out, error)
                            : otx__vocab_open_file(ctx, path, false, out, error);
}

OTX_API otx_result otx_vocab_open_rules(const otx_context *ctx, const char *path,
                                        otx_vocab *vocab, otx_error *error)
{
    otx__status status;
    otx_result result = otx__model_status(path, &status, error);
    if (result) return result;
    return status.directory ? otx__vocab_open_directory(ctx, path, true, vocab, error)
                            : otx__vocab_open_file(ctx, path, true, vocab, error);
}

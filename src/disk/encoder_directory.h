/* ---- encoder_directory: the encoder of a model directory -------------------------------- */

/* Opens it from the first of the files with tokens, and those that go with it. */
OTX__PRIVATE otx_result otx__encoder_of_files(otx__vocab_files *files, const otx__listing *listing,
                                              otx_encoder **out, otx_error *error)
{
    char directory[OTX__PATH_TEXT], file[OTX__QUOTED], name[OTX__PATH_TEXT + OTX__QUOTED];
    const char *own;
    size_t source = 0, i;
    otx_result result;
    while (source < OTX_VOCAB_SOURCES && !files->names[source]) source++;
    if (source == OTX_VOCAB_SOURCES)
        return otx__fail_no_tokenizer(files->ctx, files->path, listing, error);
    result = otx__vocab_read_file(files, source, error);
    for (i = OTX_VOCAB_SOURCES; i < OTX_VOCAB_FILES && !result; i++)
        if (otx__goes_with((otx_vocab_file)i, (otx_vocab_file)source))
            result = otx__vocab_read_file(files, i, error);
    own = files->names[source];
    otx__format(name, sizeof name, "%s/%s", otx__path_text(directory, files->path),
                otx__quote(file, sizeof file, own, strlen(own)));
    return result ? result : otx_encoder_parse(files->ctx, files->texts, name, out, error);
}

OTX__PRIVATE otx_result otx__encoder_open_directory(const otx_context *ctx, const char *path,
                                                    otx_encoder **out, otx_error *error)
{
    otx__vocab_files files;
    otx__listing listing;
    size_t i;
    otx_result result = otx__listing_open(ctx, path, &listing, error);
    if (result) return result;
    memset(&files, 0, sizeof files);
    files.ctx = ctx;
    files.path = path;
    otx__vocab_find_files(&files, &listing);
    result = otx__encoder_of_files(&files, &listing, out, error);
    for (i = 0; i < OTX_VOCAB_FILES; i++) otx__vocab_drop_file(&files, i);
    otx__listing_close(&listing);
    return result;
}

/* Opens it from one file, by what it holds. */
OTX__PRIVATE otx_result otx__encoder_open_file(const otx_context *ctx, const char *path,
                                               otx_encoder **out, otx_error *error)
{
    otx_vocab_text texts[OTX_VOCAB_FILES];
    char name[OTX__PATH_TEXT], *bytes = NULL;
    size_t size = 0;
    otx__recognised what;
    otx_result result = otx__refuse_weights(ctx, path, error);
    otx__path_text(name, path);
    memset(texts, 0, sizeof texts);
    memset(&what, 0, sizeof what);
    if (!result)
        result = otx__file_read_all(ctx, path, OTX__TOKENIZER_LIMIT, &bytes, &size, error);
    if (!result) result = otx__recognise(ctx, bytes, size, &what, error);
    if (!result && what.file != OTX_VOCAB_TOKENIZER_JSON && what.file != OTX_VOCAB_TEKKEN)
        result = otx__fail(error, OTX_ERROR_UNSUPPORTED, "%s: is neither a directory nor a "
                           "tokenizer.json or tekken.json, which text is encoded by", name);
    if (!result) {
        texts[what.file].bytes = bytes;
        texts[what.file].size = size;
        result = otx_encoder_parse(ctx, texts, name, out, error);
    }
    if (bytes) otx__file_free(ctx, bytes, size);
    return result;
}

OTX_API otx_result otx_encoder_open(const otx_context *ctx, const char *path, otx_encoder **out,
                                    otx_error *error)
{
    otx__status status;
    otx_result result = otx__model_status(path, &status, error);
    *out = NULL;
    if (result) return result;
    return status.directory ? otx__encoder_open_directory(ctx, path, out, error)
                            : otx__encoder_open_file(ctx, path, out, error);
}

/* ---- files of text ---- */

/* Adds up a part of a file, which errors of the text name. */
OTX__PRIVATE otx_result otx__count_part_of(otx_encoder *encoder, const char *path,
                                           otx__span part, bool last, otx_token_counts *counts,
                                           otx_error *error)
{
    char name[OTX__PATH_TEXT];
    const otx_result result =
        otx_encoder_count(encoder, part.bytes, part.size, last, counts, error);
    if (!error || (result != OTX_ERROR_FORMAT && result != OTX_ERROR_LIMIT)) return result;
    return otx__fail(error, result, "%s: %s", otx__path_text(name, path), error->message);
}

OTX_API otx_result otx_encoder_count_file(otx_encoder *encoder, const char *path,
                                          otx_token_counts *counts, otx_error *error)
{
    const otx_context *ctx = encoder->ctx;
    const size_t room = OTX__COUNT_PART;
    otx_source source;
    uint64_t at = 0;
    char *bytes = (char *)otx__alloc(ctx, room, 1);
    otx_result result;
    if (!bytes) return otx__fail_memory(error, room);
    result = otx_source_open(ctx, path, &source, error);
    if (result) {
        otx__free(ctx, bytes, room, 1);
        return result;
    }
    do {
        const size_t part = source.size - at < room ? (size_t)(source.size - at) : room;
        if (part && !source.read(source.context, at, bytes, part))
            result = otx__fail_read(error, path, &source, at, part);
        at += part;
        if (!result)
            result = otx__count_part_of(encoder, path, otx__span_of(bytes, part),
                                        at == source.size, counts, error);
        if (!result) result = otx__poll(ctx, OTX_STAGE_OPEN, path, at, source.size, error);
    } while (!result && at < source.size);
    otx_source_close(ctx, &source);
    otx__free(ctx, bytes, room, 1);
    return result;
}

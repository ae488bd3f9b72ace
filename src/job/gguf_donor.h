/* ---- gguf_donor: the files of a tokenizer, open once more ------------------------- */

/* A vocabulary has forgotten what a GGUF file wants besides: merges, scores, the types of
   pieces, how text is cut into words. So the file that it was read from is read again. */
typedef struct otx__gguf_donor {
    const otx__side *side;
    otx__listing listing;
    otx__vocab_files files;
    otx_vocab view;    /* side->vocab, for the reader, which does not change it */
    otx__tokenizer at; /* the reader */
    char name[OTX__PATH_TEXT + OTX__QUOTED];
} otx__gguf_donor;

OTX__PRIVATE void otx__gguf_donor_close(otx__gguf_donor *donor)
{
    size_t i;
    otx__tokenizer_close(&donor->at);
    if (donor->files.ctx || donor->files.path)
        for (i = 0; i < OTX_VOCAB_FILES; i++) otx__vocab_drop_file(&donor->files, i);
    otx__listing_close(&donor->listing);
}

/* Reads the files, of those with tokens only one. */
OTX__PRIVATE otx_result otx__gguf_donor_read(otx__gguf_donor *donor, size_t source,
                                             otx_error *error)
{
    char directory[OTX__PATH_TEXT], file[OTX__QUOTED];
    const char *own = donor->files.names[source];
    otx_result result = otx__vocab_read_file(&donor->files, source, error);
    size_t i;
    for (i = OTX_VOCAB_SOURCES; i < OTX_VOCAB_FILES && !result; i++)
        if (otx__goes_with((otx_vocab_file)i, (otx_vocab_file)source))
            result = otx__vocab_read_file(&donor->files, i, error);
    if (result) return result;
    otx__format(donor->name, sizeof donor->name, "%s/%s",
                otx__path_text(directory, donor->files.path),
                otx__quote(file, sizeof file, own, strlen(own)));
    result = otx__choose_reader(&donor->at, donor->name);
    return result ? result : otx__open_texts(&donor->at);
}

/* Opens the first of a directory's files with tokens from `source` on; it is no failure if
   there is none, which leaves at.reader NULL. Close it in any case. */
OTX__PRIVATE otx_result otx__gguf_donor_open(const otx_context *ctx, const otx__side *side,
                                             size_t source, otx__gguf_donor *donor,
                                             otx_error *error)
{
    otx_result result;
    size_t i;
    memset(donor, 0, sizeof *donor);
    donor->side = side;
    donor->view = side->vocab;
    donor->files.ctx = ctx;
    donor->files.path = side->path;
    donor->at.ctx = ctx;
    donor->at.texts = donor->files.texts;
    donor->at.error = error;
    donor->at.vocab = &donor->view;
    donor->at.last_added = -1;
    for (i = 0; i < OTX_ROLE_COUNT; i++) donor->at.fallback[i] = -1;
    result = otx__listing_open(ctx, side->path, &donor->listing, error);
    if (result) return result;
    otx__vocab_find_files(&donor->files, &donor->listing);
    while (source < OTX_VOCAB_SOURCES && !donor->files.names[source]) source++;
    return source == OTX_VOCAB_SOURCES ? OTX_OK : otx__gguf_donor_read(donor, source, error);
}

OTX__PRIVATE bool otx__gguf_donor_is(const otx__gguf_donor *donor, const char *source)
{
    return donor->at.reader && strcmp(donor->at.reader->source, source) == 0;
}

/* tokenizer.json as a document, which borrows it; absent where that is not what is read. */
OTX__PRIVATE otx__document otx__gguf_donor_json(const otx__gguf_donor *donor)
{
    otx__document document;
    memset(&document, 0, sizeof document);
    if (!otx__gguf_donor_is(donor, "tokenizer.json")) return document;
    document.json = donor->at.json;
    document.present = true;
    return document;
}

/* ---- vocab.txt: WordPiece, a token a line ---------------------------------------- */

/* Where the text ends without the white space, as Unicode has it, at its end. */
OTX__PRIVATE size_t otx__trimmed(const char *text, size_t size)
{
    static const char *const spaces[] = {
        "\t", "\n", "\v", "\f", "\r", " ", "\xc2\x85", "\xc2\xa0", "\xe1\x9a\x80",
        "\xe2\x80\x80", "\xe2\x80\x81", "\xe2\x80\x82", "\xe2\x80\x83", "\xe2\x80\x84",
        "\xe2\x80\x85", "\xe2\x80\x86", "\xe2\x80\x87", "\xe2\x80\x88", "\xe2\x80\x89",
        "\xe2\x80\x8a", "\xe2\x80\xa8", "\xe2\x80\xa9", "\xe2\x80\xaf", "\xe2\x81\x9f",
        "\xe3\x80\x80"
    };
    size_t i = 0;
    while (i < OTX__COUNT(spaces)) {
        const size_t length = strlen(spaces[i]);
        if (size >= length && memcmp(text + size - length, spaces[i], length) == 0) {
            size -= length;
            i = 0;
        } else {
            i++;
        }
    }
    return size;
}

OTX__PRIVATE otx_result otx__vocab_txt_open(otx__tokenizer *t)
{
    t->type = "WordPiece";
    t->repeat = OTX__REPEAT_REPLACES;
    t->spelling.family = OTX_FAMILY_WORDPIECE;
    t->spelling.mark_size = 2;
    memcpy(t->spelling.mark, "##", 2);
    return OTX_OK;
}

OTX__PRIVATE otx_result otx__vocab_txt_next(otx__tokenizer *t, otx__given *word, bool *more)
{
    const char *line = NULL;
    size_t size = 0;
    *more = otx__next_line(t, &line, &size);
    if (!*more) return OTX_OK;
    word->id = t->position++;
    word->content = line;
    word->size = otx__trimmed(line, size);
    word->kind = OTX_TOKEN_TEXT;
    if (otx__is_utf8(line, size)) return OTX_OK;
    return otx__fail(t->error, OTX_ERROR_FORMAT, "%s:%" PRIu64 ": is not UTF-8", t->name,
                     t->position);
}

OTX__PRIVATE otx_result otx__vocab_txt_roles(otx__tokenizer *t)
{
    otx__fall_back_on(t, otx__roles_vocab_txt, OTX__COUNT(otx__roles_vocab_txt));
    return OTX_OK;
}

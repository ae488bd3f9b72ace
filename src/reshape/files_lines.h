/* ---- files_lines: merges.txt and vocab.txt ------------------------------------------ */

/* The next line from *at on, with its end; false behind the last. `size` is without the end
   ("\n" or "\r\n"). */
OTX__PRIVATE bool otx__new_line(otx__span text, size_t *at, otx__span *line, size_t *size)
{
    const char *start = text.bytes + *at, *end;
    if (*at >= text.size) return false;
    end = (const char *)memchr(start, '\n', text.size - *at);
    *line = otx__span_of(start, end ? (size_t)(end - start) + 1 : text.size - *at);
    *size = line->size - (end ? 1 : 0);
    if (end && *size > 0 && start[*size - 1] == '\r') --*size;
    *at += line->size;
    return true;
}

/* Ends the last line, where it has no end. */
OTX__PRIVATE void otx__end_line(otx__text *to)
{
    if (to->size > 0 && to->bytes[to->size - 1] != '\n') otx__text_string(to, "\n");
}

OTX__PRIVATE void otx__append_merge_lines(const otx__growth *g, otx__text *to)
{
    size_t i;
    if (g && g->merge_count) otx__end_line(to);
    for (i = 0; g && i < g->merge_count; i++) {
        const otx__span left = otx__growth_content(g, g->merges[i].left);
        const otx__span right = otx__growth_content(g, g->merges[i].right);
        otx__text_bytes(to, left.bytes, left.size);
        otx__text_string(to, " ");
        otx__text_bytes(to, right.bytes, right.size);
        otx__text_string(to, "\n");
    }
}

OTX__PRIVATE void otx__append_token_lines(const otx__growth *g, otx__text *to)
{
    size_t i;
    if (g) otx__end_line(to);
    for (i = 0; g && i < g->token_count; i++) {
        const otx__new_token *token = &g->tokens[i];
        if (token->added) continue;
        otx__text_bytes(to, g->contents.bytes + token->at, token->size);
        otx__text_string(to, "\n");
    }
}

/* merges.txt: what is no merge stays as it is. */
OTX__PRIVATE otx_result otx__new_merges_txt(otx__reshaping *t, otx__span text, otx__text *to,
                                            otx_error *error)
{
    otx_result result = OTX_OK;
    otx__span line;
    size_t at = 0, size;
    while (!result && otx__new_line(text, &at, &line, &size)) {
        const bool comment = size >= 8 && memcmp(line.bytes, "#version", 8) == 0;
        bool stays = comment || size == 0;
        result = otx__reshape_room(t, size + 1, error);
        if (!result && !stays) {
            memcpy(t->scratch, line.bytes, size);
            stays = otx__reshape_merge_line(t, size);
        }
        if (stays) otx__text_bytes(to, line.bytes, line.size);
    }
    otx__append_merge_lines(t->growth, to);
    if (!result && to->failed) result = otx__fail_memory(error, to->size);
    return result;
}

/* vocab.txt, in which a token's id is its line. */
OTX__PRIVATE otx_result otx__new_vocab_txt(otx__reshaping *t, otx__span text, otx__text *to,
                                           otx_error *error)
{
    otx__span line;
    size_t at = 0, size, id;
    for (id = 0; otx__new_line(text, &at, &line, &size); id++)
        if (otx__reshape_id(t, line.bytes, size, id) != OTX__GONE)
            otx__text_bytes(to, line.bytes, line.size);
    otx__append_token_lines(t->growth, to);
    return to->failed ? otx__fail_memory(error, to->size) : OTX_OK;
}

/* ---- trim_lines: merges.txt and vocab.txt ------------------------------------------ */

/* The next line from *at on, with its end; false behind the last. `size` is without the end
   ("\n" or "\r\n"). */
OTX__PRIVATE bool otx__trim_line(otx__span text, size_t *at, otx__span *line, size_t *size)
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

/* merges.txt: what is no merge stays as it is. */
OTX__PRIVATE otx_result otx__trim_merges_txt(otx__trimming *t, otx__span text, otx__text *to,
                                             otx_error *error)
{
    otx_result result = OTX_OK;
    otx__span line;
    size_t at = 0, size;
    while (!result && otx__trim_line(text, &at, &line, &size)) {
        const bool comment = size >= 8 && memcmp(line.bytes, "#version", 8) == 0;
        bool stays = comment || size == 0;
        result = otx__trim_room(t, size + 1, error);
        if (!result && !stays) {
            memcpy(t->scratch, line.bytes, size);
            stays = otx__trim_merge_line(t, size);
        }
        if (stays) otx__text_bytes(to, line.bytes, line.size);
    }
    if (!result && to->failed) result = otx__fail_memory(error, to->size);
    return result;
}

/* vocab.txt, in which a token's id is its line. */
OTX__PRIVATE otx_result otx__trim_vocab_txt(otx__trimming *t, otx__span text, otx__text *to,
                                            otx_error *error)
{
    otx__span line;
    size_t at = 0, size, id;
    for (id = 0; otx__trim_line(text, &at, &line, &size); id++)
        if (otx__trim_id(t, line.bytes, size, id) != OTX__GONE)
            otx__text_bytes(to, line.bytes, line.size);
    return to->failed ? otx__fail_memory(error, to->size) : OTX_OK;
}

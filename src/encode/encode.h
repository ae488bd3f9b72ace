/* ---- encode: whole texts as token ids --------------------------------------------------- */

/* Bytes of a text at most, and of what is made of it. */
#define OTX__ENCODE_LIMIT ((size_t)1 << 26)

/* Text between added tokens, as it was made. `lead`: the bytes of it that stand where the caller's
   text begins. */
OTX__PRIVATE otx_result otx__encode_plain(otx_encoder *e, otx__span text, size_t lead,
                                          otx_error *error)
{
    size_t i;
    otx_result result =
        otx__cutter_run(&e->cutter, text.bytes, text.size, lead, &e->slices, error);
    for (i = 0; !result && i < e->slices.count; i++) {
        const otx__slice slice = e->slices.items[i];
        result = otx__encode_piece(e, e->slices.text.bytes + slice.start,
                                   slice.end - slice.start, error);
    }
    return result;
}

OTX__PRIVATE otx_result otx__encode_put(otx_encoder *e, uint32_t id, otx_error *error)
{
    otx_result result = otx__encode_room(e, 1, error);
    if (!result) e->ids[e->id_count++] = id;
    return result;
}

/* Text between the added tokens that are looked for first: normalised, and cut at the others. */
OTX__PRIVATE otx_result otx__encode_part(otx_encoder *e, otx__span text, bool first,
                                         otx_error *error)
{
    const otx__cut_token *token;
    otx__parting cutting;
    otx__span part;
    size_t lead;
    otx_result result = otx__tidy_run(&e->normal, text, &text, error);
    if (result) return result;
    lead = first ? e->normal.lead : 0;
    e->cut_steps += (uint64_t)OTX__SPLIT_STEPS_A_BYTE * text.size;
    otx__parting_open(&cutting, &e->sets[1], text, &e->cut_steps);
    while (!result && otx__parting_next(&cutting, &part, &token)) {
        if (token) result = otx__encode_put(e, token->id, error);
        else {
            const size_t before = (size_t)(part.bytes - text.bytes);
            result = otx__encode_plain(e, part, lead - otx__min(lead, before), error);
        }
    }
    return result;
}

/* The bytes of what is no UTF-8, up to where a character may begin again: the most that could
   have become one, as Python replaces it. */
OTX__PRIVATE size_t otx__broken_size(const unsigned char *bytes, size_t size)
{
    const unsigned lead = bytes[0];
    const size_t wanted = lead < 0xc2 || lead > 0xf4 ? 1 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
    size_t at = 1;
    if (wanted > 1 && size > 1) {
        const unsigned low = lead == 0xe0 ? 0xa0 : lead == 0xf0 ? 0x90 : 0x80;
        const unsigned high = lead == 0xed ? 0x9f : lead == 0xf4 ? 0x8f : 0xbf;
        if (bytes[1] < low || bytes[1] > high) return 1;
        at = 2;
    }
    while (at < wanted && at < size && (bytes[at] & 0xc0) == 0x80) at++;
    return at;
}

/* The text with U+FFFD for what is no UTF-8. */
OTX__PRIVATE otx_result otx__encode_mend(otx_encoder *e, otx__span *text, otx_error *error)
{
    size_t at = 0, start = 0, step;
    e->replaced.size = 0;
    while (at < text->size) {
        const unsigned char *bytes = (const unsigned char *)text->bytes + at;
        step = otx__utf8_length(bytes, text->size - at);
        if (!step) {
            otx__text_bytes(&e->replaced, text->bytes + start, at - start);
            otx__text_string(&e->replaced, "\xef\xbf\xbd");
            step = otx__broken_size(bytes, text->size - at);
            start = at + step;
        }
        at += step;
    }
    if (start == 0) return OTX_OK;
    otx__text_bytes(&e->replaced, text->bytes + start, at - start);
    if (e->replaced.failed) {
        e->replaced.failed = false;
        return otx__fail_memory(error, text->size);
    }
    *text = otx__span_of(e->replaced.bytes, e->replaced.size);
    return OTX_OK;
}

/* Allows what steps may be taken for a text. What is made of it adds to them. */
OTX__PRIVATE void otx__encode_allow(otx_encoder *e, size_t size)
{
    otx__tidy_allow(&e->normal);
    otx__matcher_allow(&e->slices.matcher, 0);
    e->split.steps = OTX__SPLIT_STEPS;
    e->cut_steps = OTX__SPLIT_STEPS + (uint64_t)OTX__SPLIT_STEPS_A_BYTE * size;
}

/* The ids of a text, in e->ids. */
OTX__PRIVATE otx_result otx__encode_text(otx_encoder *e, otx__span text, otx_error *error)
{
    const otx__cut_token *token;
    otx__parting cutting;
    otx__span part;
    otx_result result;
    e->id_count = 0;
    if (text.size > OTX__ENCODE_LIMIT)
        return otx__fail(error, OTX_ERROR_LIMIT, "a text of %" PRIu64 " bytes is too long to be "
                         "encoded at once", (uint64_t)text.size);
    result = otx__encode_mend(e, &text, error);
    otx__encode_allow(e, text.size);
    otx__parting_open(&cutting, &e->sets[0], text, &e->cut_steps);
    while (!result && otx__parting_next(&cutting, &part, &token)) {
        if (token) result = otx__encode_put(e, token->id, error);
        else result = otx__encode_part(e, part, part.bytes == text.bytes, error);
    }
    if (!result && e->cut_steps == 0)
        return otx__fail(error, OTX_ERROR_LIMIT, "%s: it takes too many steps to look for the "
                         "added tokens in a text of %" PRIu64 " bytes: for too long it goes on as "
                         "they begin", e->name, (uint64_t)text.size);
    return result;
}

OTX_API otx_result otx_encode(otx_encoder *encoder, const char *text, size_t size, uint32_t *ids,
                              size_t capacity, size_t *count, otx_error *error)
{
    otx_result result = otx__encode_text(encoder, otx__span_of(text, size), error);
    size_t copied;
    if (result) return result;
    *count = encoder->id_count;
    copied = otx__min(capacity, encoder->id_count);
    if (copied) memcpy(ids, encoder->ids, copied * sizeof *ids);
    return OTX_OK;
}

/* ---- counting ---- */

enum { OTX__COUNT_PART = 1 << 20, OTX__COUNT_LINE = 1 << 23 };

OTX__PRIVATE bool otx__count_begins(unsigned char next)
{
    return (next >= '0' && next <= '9') || (next >= 'A' && next <= 'Z') ||
           (next >= 'a' && next <= 'z') || next >= 0xc3;
}

/* Whether a text may end before a byte: behind a line, where no space follows, so that those of
   a piece stay together. At best no space is before the line's end either: some pre-tokenizers
   leave the last of several to what comes after, and at the end of a text do not. Where lines
   end with CR LF, that is before these. */
OTX__PRIVATE bool otx__count_breaks(const otx__text *text, size_t at, bool best)
{
    const unsigned char *bytes = (const unsigned char *)text->bytes + at;
    if (best && text->size - at > 2 && bytes[0] == '\r' && bytes[1] == '\n')
        return otx__count_begins(bytes[-1]) && otx__count_begins(bytes[2]);
    return bytes[-1] == '\n' && otx__count_begins(bytes[0]) &&
           (!best || (at > 1 && bytes[-2] > ' '));
}

/* The last such place, or 0. */
OTX__PRIVATE size_t otx__count_place(const otx__text *text, bool best)
{
    size_t at = text->size - 1;
    while (at > 0 && !otx__count_breaks(text, at, best)) at--;
    return at;
}

/* How much of what is kept is encoded now. */
OTX__PRIVATE size_t otx__count_part(const otx__text *rest, bool last)
{
    size_t at;
    if (last || rest->size < OTX__COUNT_PART) return last ? rest->size : 0;
    at = otx__count_place(rest, true);
    if (at == 0) at = otx__count_place(rest, false);
    if (at > 0 || rest->size < OTX__COUNT_LINE) return at;
    for (at = rest->size - 4; at < rest->size && ((unsigned char)rest->bytes[at] & 0xc0) == 0x80;)
        at++;
    return at;
}

/* Where the line of a place ends, behind its LF. */
OTX__PRIVATE size_t otx__count_line(otx__span text, size_t at)
{
    const char *end = (const char *)memchr(text.bytes + at, '\n', text.size - at);
    return end ? (size_t)(end - text.bytes) + 1 : text.size;
}

/* Says where the text is that could not be encoded: of one that wants an unknown token, the first
   line that does by itself; or behind which line it begins, if any. */
OTX__PRIVATE otx_result otx__count_fail(otx_encoder *e, otx__span text, otx_result code,
                                        otx_error *error)
{
    uint64_t line = e->lines;
    size_t at = 0, end;
    otx_result result = OTX_OK;
    if (code == OTX_ERROR_MEMORY || !error) return code;
    for (; at < text.size && !result && code == OTX_ERROR_FORMAT; at = end, line++) {
        end = otx__count_line(text, at);
        result = otx__encode_text(e, otx__span_of(text.bytes + at, end - at), error);
    }
    if (result) return otx__fail(error, result, "line %" PRIu64 ": %s", line, error->message);
    if (e->lines == 0) return code;
    return otx__fail(error, code, "behind line %" PRIu64 ": %s", e->lines, error->message);
}

OTX__PRIVATE otx_result otx__count_text(otx_encoder *e, otx__span text, otx_token_counts *counts,
                                        otx_error *error)
{
    size_t i;
    const otx_result result = otx__encode_text(e, text, error);
    if (result) return otx__count_fail(e, text, result, error);
    for (i = 0; i < e->id_count; i++) counts->by_id[e->ids[i]]++;
    for (i = 0; i < text.size; i = otx__count_line(text, i)) e->lines++;
    counts->bytes += text.size;
    counts->tokens += e->id_count;
    return OTX_OK;
}

OTX_API otx_result otx_encoder_count(otx_encoder *encoder, const char *bytes, size_t size,
                                     bool last, otx_token_counts *counts, otx_error *error)
{
    otx__text *rest = &encoder->rest;
    otx_result result = OTX_OK;
    size_t part;
    do {
        const size_t step = otx__min(size, (size_t)OTX__COUNT_PART);
        otx__text_bytes(rest, bytes, step);
        if (rest->failed) {
            rest->failed = false;
            return otx__fail_memory(error, rest->size + step);
        }
        if (step) bytes += step;
        size -= step;
        part = otx__count_part(rest, last && size == 0);
        if (part)
            result = otx__count_text(encoder, otx__span_of(rest->bytes, part), counts, error);
        if (part) memmove(rest->bytes, rest->bytes + part, rest->size - part);
        rest->size -= part;
    } while (!result && size > 0);
    if (result) rest->size = 0;
    if (result || last) encoder->lines = 0; /* the next text begins anew */
    return result;
}

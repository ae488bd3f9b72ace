/* ---- write_counts: how often tokens occur, as lists ------------------------------------- */

/* A token that occurs. */
typedef struct otx__counted {
    uint64_t count;
    uint32_t id;
} otx__counted;

OTX__PRIVATE int otx__compare_counted(const void *a, const void *b)
{
    const otx__counted *x = (const otx__counted *)a, *y = (const otx__counted *)b;
    if (x->count != y->count) return x->count > y->count ? -1 : 1;
    return x->id < y->id ? -1 : x->id > y->id;
}

/* A token's content as lists of tokens have it: \xNN for control characters and what is no
   UTF-8, and for a # that an id would begin with. */
OTX__PRIVATE void otx__counts_name(otx__text *text, const otx_token *token)
{
    size_t at = 0, step;
    for (; at < token->content_size; at += step) {
        const unsigned char *byte = (const unsigned char *)token->content + at;
        const bool id = at == 0 && *byte == '#' && token->content_size > 1 &&
                        otx__is_digit(token->content[1]);
        step = otx__utf8_length(byte, token->content_size - at);
        if (*byte == '\\') {
            otx__text_string(text, "\\\\");
        } else if (step == 0 || *byte < 0x20 || *byte == 0x7f || id) {
            otx__text_format(text, "\\x%02x", (unsigned)*byte);
            step = 1;
        } else {
            otx__text_bytes(text, byte, step);
        }
    }
}

OTX__PRIVATE otx_result otx__counts_flush(otx__text *text, const otx_sink *sink, otx_error *error)
{
    if (text->failed) return otx__fail_memory(error, text->size);
    if (text->size > 0 && !sink->write(sink->context, text->bytes, text->size))
        return otx__fail(error, OTX_ERROR_IO, "the counts could not be written");
    text->size = 0;
    return OTX_OK;
}

OTX__PRIVATE void otx__counts_json_line(otx__text *text, const otx_token *token,
                                        const otx__counted *counted)
{
    const bool readable = otx__is_utf8(token->content, token->content_size);
    otx__text_format(text, "    {\"id\": %" PRIu32 ", \"count\": %" PRIu64 ", \"token\": ",
                     counted->id, counted->count);
    if (readable) otx__text_json_string(text, token->content, token->content_size);
    else otx__text_string(text, "null");
    otx__text_string(text, "}");
}

/* The lines, in either form. */
OTX__PRIVATE otx_result otx__counts_lines(const otx_vocab *vocab, const otx__counted *items,
                                          size_t count, bool json, otx__text *text,
                                          const otx_sink *sink, otx_error *error)
{
    otx_result result = OTX_OK;
    size_t i;
    for (i = 0; i < count && !result; i++) {
        const otx_token *token = &vocab->tokens[items[i].id];
        if (json) {
            otx__counts_json_line(text, token, &items[i]);
            otx__text_string(text, i + 1 < count ? ",\n" : "\n");
        } else {
            otx__text_format(text, "%" PRIu64 "\t%" PRIu32 "\t", items[i].count, items[i].id);
            otx__counts_name(text, token);
            otx__text_string(text, "\n");
        }
        if (text->size >= 1 << 16 || text->failed) result = otx__counts_flush(text, sink, error);
    }
    return result;
}

OTX_API otx_result otx_token_counts_write(const otx_context *ctx, const otx_vocab *vocab,
                                          const otx_token_counts *counts, bool json,
                                          const otx_sink *sink, otx_error *error)
{
    otx__counted *items = (otx__counted *)otx__alloc(ctx, vocab->count, sizeof *items);
    size_t count = 0, i;
    otx__text text;
    otx_result result;
    if (!items) return otx__fail_array(error, vocab->count, sizeof *items);
    for (i = 0; i < vocab->count; i++) {
        if (!counts->by_id[i]) continue;
        items[count].id = (uint32_t)i;
        items[count++].count = counts->by_id[i];
    }
    otx__sort(items, count, sizeof *items, otx__compare_counted);
    otx__text_open(&text, ctx);
    if (json)
        otx__text_format(&text, "{\n  \"bytes\": %" PRIu64 ",\n  \"tokens\": %" PRIu64
                         ",\n  \"distinct\": %" PRIu64 ",\n  \"counts\": [\n", counts->bytes,
                         counts->tokens, (uint64_t)count);
    result = otx__counts_lines(vocab, items, count, json, &text, sink, error);
    if (json) otx__text_string(&text, "  ]\n}\n");
    if (!result) result = otx__counts_flush(&text, sink, error);
    otx__text_close(&text);
    otx__free(ctx, items, vocab->count, sizeof *items);
    return result;
}

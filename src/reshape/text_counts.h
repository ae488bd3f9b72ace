/* ---- text_counts: which tokens the caller's texts are made of --------------------------- */

/* Counts of texts; by_id has room for `room` tokens. All zero: none. */
typedef struct otx__text_counts {
    otx_token_counts counts;
    size_t room;
} otx__text_counts;

OTX__PRIVATE void otx__texts_drop(const otx_context *ctx, otx__text_counts *c)
{
    if (c->room) otx__free(ctx, c->counts.by_id, c->room, sizeof *c->counts.by_id);
    memset(c, 0, sizeof *c);
}

/* Counts the tokens of all texts under the tokenizer of a directory. */
OTX__PRIVATE otx_result otx__texts_count(const otx_context *ctx, const char *directory,
                                         const otx_trim_options *options, otx__text_counts *c,
                                         otx_error *error)
{
    otx_encoder *encoder = NULL;
    size_t i, count;
    otx_result result = otx_encoder_open(ctx, directory, &encoder, error);
    memset(c, 0, sizeof *c);
    if (result) return result;
    count = otx_encoder_vocab(encoder)->count;
    c->counts.by_id = (uint64_t *)otx__alloc_zero(ctx, count, sizeof *c->counts.by_id);
    if (c->counts.by_id) c->room = count;
    else result = otx__fail_array(error, count, sizeof *c->counts.by_id);
    for (i = 0; i < options->text_count && !result; i++)
        result = otx_encoder_count_file(encoder, options->texts[i], &c->counts, error);
    otx_encoder_close(encoder);
    if (result) otx__texts_drop(ctx, c);
    return result;
}

/* Marks what occurs often enough. */
OTX__PRIVATE otx_result otx__texts_keep(otx__reshaping *t, const otx_trim_options *options,
                                        otx_trim_summary *summary, otx_error *error)
{
    otx__text_counts c;
    size_t i;
    otx_result result;
    if (options->text_count == 0) return OTX_OK;
    result = otx__texts_count(t->ctx, t->model, options, &c, error);
    if (result) return result;
    summary->text_bytes = c.counts.bytes;
    summary->text_before = c.counts.tokens;
    for (i = 0; i < otx__min(t->vocab.count, c.room) && options->min_count; i++)
        if (c.counts.by_id[i] >= options->min_count) t->keep[i] = true;
    otx__texts_drop(t->ctx, &c);
    return OTX_OK;
}

/* Adds what the texts are under the new tokenizer. */
OTX__PRIVATE otx_result otx__texts_after(const otx_context *ctx, const char *directory,
                                         const otx_trim_options *options,
                                         otx_trim_summary *summary, otx_error *error)
{
    otx__text_counts c;
    otx_result result;
    if (options->text_count == 0) return OTX_OK;
    result = otx__texts_count(ctx, directory, options, &c, error);
    if (result) return result;
    summary->text_after = c.counts.tokens;
    otx__texts_drop(ctx, &c);
    return OTX_OK;
}

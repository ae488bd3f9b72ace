/* ---- token_map: by the split of the other vocabulary ---------------------------------- */

/* Tokens between two looks at whether the caller wants to stop. */
#define OTX__MAP_STEP 1024

typedef struct otx__map_split {
    const otx_vocab *to;
    otx_token_map_options options;
    otx__map_rows rows;
    uint32_t *ids; /* of one token */
    size_t capacity;
} otx__map_split;

/* Whether a vocabulary's tokens hold no spaces, so that a split loses those of the text. */
OTX__PRIVATE bool otx__map_ignores_spaces(const otx_vocab *vocab)
{
    return vocab->family == OTX_FAMILY_WORDPIECE || vocab->family == OTX_FAMILY_WORD_SUFFIX;
}

/* Whether the pieces stand for the token's bytes, all of them and in order. */
OTX__PRIVATE bool otx__map_is_whole(const otx__map_split *s, const otx_token *token,
                                    size_t count)
{
    const bool loose = otx__map_ignores_spaces(s->to);
    size_t at = 0, i, j;
    for (i = 0; i < count; i++) {
        const otx_token *piece = &s->to->tokens[s->ids[i]];
        if ((int64_t)s->ids[i] == s->to->roles[OTX_ROLE_UNK]) return false;
        for (j = 0; j < piece->size; j++) {
            if (loose && piece->bytes[j] == ' ') continue;
            while (loose && at < token->size && token->bytes[at] == ' ') at++;
            if (at == token->size || token->bytes[at++] != piece->bytes[j]) return false;
        }
    }
    while (loose && at < token->size && token->bytes[at] == ' ') at++;
    return at == token->size;
}

/* Splits a token, with room for all its pieces. */
OTX__PRIVATE otx_result otx__map_cut(otx__map_split *s, const otx_token *token, size_t *count,
                                     otx_error *error)
{
    otx_result result;
    for (;;) {
        void *ids = s->ids;
        result = otx_vocab_split(s->rows.ctx, s->to, token->bytes, token->size, s->ids,
                                 s->capacity, count, error);
        if (result || *count <= s->capacity) return result;
        if (!otx__grow(s->rows.ctx, &ids, &s->capacity, *count, sizeof *s->ids))
            return otx__fail_array(error, *count, sizeof *s->ids);
        s->ids = (uint32_t *)ids;
    }
}

/* The row of a token that has no one counterpart. */
OTX__PRIVATE otx_result otx__map_pieces(otx__map_split *s, const otx_token *token,
                                        otx_error *error)
{
    const bool head = !s->options.input;
    double sum = 0.0;
    size_t count = 0, i;
    otx_result result = OTX_OK;
    if (token->kind != OTX_TOKEN_CONTROL) result = otx__map_cut(s, token, &count, error);
    if (result) return result;
    if (!count || !otx__map_is_whole(s, token, count))
        return otx__map_end_row(&s->rows, OTX_COUNTERPART_NONE, error);
    for (i = 0; i < count; i++)
        sum += otx__subword_weight(s->options.subword, head, i, count,
                                   s->to->tokens[s->ids[i]].size);
    for (i = 0; i < count && !result; i++) {
        const uint32_t id = s->ids[i];
        const double weight = otx__subword_weight(s->options.subword, head, i, count,
                                                  s->to->tokens[id].size);
        result = otx__map_put(&s->rows, id, sum > 0.0 ? weight / sum : 1.0 / (double)count,
                              error);
        if (!result) result = otx__map_put_piece(&s->rows, id, error);
    }
    return result ? result : otx__map_end_row(&s->rows, OTX_COUNTERPART_SPLIT, error);
}

OTX__PRIVATE otx_result otx__map_tokens(otx__map_split *s, const otx_vocab *from,
                                        const otx_alignment *plan, otx_error *error)
{
    otx_result result = OTX_OK;
    size_t i;
    for (i = 0; i < from->count && !result; i++) {
        const otx_token *token = &from->tokens[i];
        if (i % OTX__MAP_STEP == 0)
            result = otx__poll(s->rows.ctx, OTX_STAGE_SOLVE, s->to->source, i, from->count,
                               error);
        if (!result && !otx__map_aligned(&s->rows, &plan->rows[i], token, &result, error))
            result = otx__map_pieces(s, token, error);
    }
    return result;
}

OTX_API otx_result otx_token_map_open(const otx_context *ctx, const otx_vocab *from,
                                      const otx_vocab *to,
                                      const otx_token_map_options *options, otx_token_map *out,
                                      otx_error *error)
{
    otx__map_split s;
    otx_alignment plan;
    otx_result result;
    memset(out, 0, sizeof *out);
    memset(&s, 0, sizeof s);
    s.to = to;
    if (options) s.options = *options;
    if ((unsigned)s.options.subword >= OTX_SUBWORD_COUNT)
        return otx__fail(error, OTX_ERROR_ARGUMENT, "subword %d is unknown",
                         (int)s.options.subword);
    result = otx_align(ctx, from, to, NULL, &plan, error);
    if (result) return result;
    result = otx__map_rows_open(ctx, from->count, to->count, out, &s.rows, error);
    if (!result) result = otx__map_tokens(&s, from, &plan, error);
    otx__map_rows_close(&s.rows);
    if (s.capacity) otx__free(ctx, s.ids, s.capacity, sizeof *s.ids);
    otx_alignment_close(ctx, &plan);
    if (result) otx_token_map_close(ctx, out);
    return result;
}

/* ---- align: which row each donor token gets ---- */

OTX_API const char *otx_action_name(otx_action action)
{
    static const char *const names[] = {"padding", "copy", "role", "map", "approximate",
                                        "unused", "match"};
    return (unsigned)action < OTX__COUNT(names) ? names[action] : NULL;
}

/* Everything the steps below share. Zeroed, then closed by otx__aligner_close. */
typedef struct otx__aligner {
    const otx_vocab *donor, *base;
    uint64_t donor_rows, base_rows, base_ids;
    otx_alignment *out;
    size_t tokens;          /* donor ids that have both a token and a row */
    size_t base_tokens;     /* likewise of the base: ids that can be copied from */
    otx__token_index index; /* of those, the lowest id of each (kind, bytes) */
    otx__token_index added; /* of the added ones among them, by content; of all with `words` */
    bool words;             /* both are WORDPIECE */
    bool bytes_apart;       /* as the options have it */
    bool *is_anchor;        /* [base_tokens] already an atom */
} otx__aligner;

OTX__PRIVATE void otx__aligner_close(const otx_context *ctx, otx__aligner *a)
{
    if (a->index.slots) otx__index_close(ctx, &a->index);
    if (a->added.slots) otx__index_close(ctx, &a->added);
    otx__free(ctx, a->is_anchor, a->base_tokens, sizeof *a->is_anchor);
}

OTX__PRIVATE otx_result otx__index_base(const otx_context *ctx, otx__aligner *a,
                                        otx_error *error)
{
    const otx_token *tokens = a->base->tokens;
    size_t id, added = 0;
    otx_result result = otx__index_open(ctx, &a->index, tokens, a->base_tokens, false, error);
    for (id = 0; id < a->base_tokens; id++) added += tokens[id].added || a->words;
    if (!result) result = otx__index_open(ctx, &a->added, tokens, added, true, error);
    if (result) return result;
    for (id = 0; id < a->base_tokens; id++) {
        const otx_token *token = &tokens[id];
        uint32_t *slot;
        if (token->kind == OTX_TOKEN_NONE) continue;
        slot = otx__index_slot(&a->index, token->kind, token->bytes, token->size);
        if (!*slot) *slot = (uint32_t)id + 1;
        if (!token->added && !a->words) continue;
        slot = otx__index_slot(&a->added, token->kind, token->content, token->content_size);
        if (!*slot) *slot = (uint32_t)id + 1;
    }
    return OTX_OK;
}

/* The caller's own pairs, which go before everything else. */
OTX__PRIVATE otx_result otx__align_map(otx__aligner *a, const otx_map_entry *map, size_t count,
                                       otx_error *error)
{
    size_t i;
    for (i = 0; i < count; i++) {
        otx_alignment_row *row;
        if (map[i].donor >= a->out->count)
            return otx__fail(error, OTX_ERROR_ARGUMENT,
                             "map entry %" PRIu64 ": donor id %" PRIu64 " has no row; there "
                             "are %" PRIu64 " rows", (uint64_t)i, map[i].donor,
                             (uint64_t)a->out->count);
        if (map[i].base >= a->base_ids)
            return otx__fail(error, OTX_ERROR_ARGUMENT,
                             "map entry %" PRIu64 ": base id %" PRIu64 " has no row; the base "
                             "has %" PRIu64 " rows", (uint64_t)i, map[i].base, a->base_rows);
        row = &a->out->rows[map[i].donor];
        if (row->action == OTX_ACTION_MAP)
            return otx__fail(error, OTX_ERROR_ARGUMENT,
                             "map entry %" PRIu64 ": donor id %" PRIu64 " is mapped twice, to "
                             "base ids %" PRId64 " and %" PRIu64, (uint64_t)i, map[i].donor,
                             row->base, map[i].base);
        row->action = OTX_ACTION_MAP;
        row->base = (int64_t)map[i].base;
    }
    return OTX_OK;
}

OTX__PRIVATE bool otx__stands_for_text(const otx_token *token)
{
    return token->kind == OTX_TOKEN_TEXT || token->kind == OTX_TOKEN_BYTE;
}

/* Copies the base's row; it becomes an anchor if it stands for the same text in both, if
   the donor has a row to compare it with, and if no other token has it already. */
OTX__PRIVATE void otx__align_copy(otx__aligner *a, size_t id, int64_t base)
{
    const otx_token *x = &a->donor->tokens[id], *y = &a->base->tokens[base];
    otx_alignment_row *row = &a->out->rows[id];
    row->action = OTX_ACTION_COPY;
    row->base = base;
    if (otx__stands_for_text(x) && otx__stands_for_text(y) &&
        otx__same_bytes(x->bytes, x->size, y->bytes, y->size) && id < a->donor_rows &&
        !a->is_anchor[base]) {
        a->is_anchor[base] = true;
        row->anchor = true;
    }
}

/* The base's token of the same kind and bytes, or -1. A reserved token also
   takes a control token of its name, but not the other way: that would give a
   token in use the row of one that was never trained. */
OTX__PRIVATE int64_t otx__same_token(const otx__aligner *a, const otx_token *token)
{
    int64_t base = otx__index_find(&a->index, token->kind, token->bytes, token->size);
    if (base < 0 && token->kind == OTX_TOKEN_UNUSED)
        base = otx__index_find(&a->index, OTX_TOKEN_CONTROL, token->bytes, token->size);
    return base;
}

/* The base's TEXT token of a BYTE token's byte, or the reverse, or -1. */
OTX__PRIVATE int64_t otx__same_byte(const otx__aligner *a, const otx_token *token)
{
    if (a->bytes_apart) return -1;
    if (token->kind == OTX_TOKEN_BYTE)
        return otx__index_find(&a->index, OTX_TOKEN_TEXT, token->bytes, token->size);
    if (token->kind == OTX_TOKEN_TEXT && token->size == 1)
        return otx__index_find(&a->index, OTX_TOKEN_BYTE, token->bytes, token->size);
    return -1;
}

/* The base's added token of an added token's content, or -1: <think> is special to some
   tokenizers and plain to others, cut out with the space before it by some and without by
   others, and the same to all models. At least one of the two is plain. Between two BERTs one
   of them may be a word of the model, as spaces are nothing to either. */
OTX__PRIVATE int64_t otx__same_added(const otx__aligner *a, const otx_token *token)
{
    const bool plain = token->kind == OTX_TOKEN_TEXT && (token->added || a->words);
    int64_t base = -1;
    if (plain && token->added)
        base = otx__index_find(&a->index, OTX_TOKEN_CONTROL, token->content,
                               token->content_size);
    if (base >= 0 || (!plain && token->kind != OTX_TOKEN_CONTROL)) return base;
    base = otx__index_find(&a->added, OTX_TOKEN_NONE, token->content, token->content_size);
    if (base < 0 || a->base->tokens[base].kind != OTX_TOKEN_TEXT) return -1;
    return a->base->tokens[base].added || (plain && token->added) ? base : -1;
}

/* The base's control token in the same role, or -1. A token may have several
   roles (the end of the text is often the padding too): the first one counts. */
OTX__PRIVATE int64_t otx__same_role(const otx__aligner *a, size_t id)
{
    static const otx_role order[] = {OTX_ROLE_EOS, OTX_ROLE_BOS, OTX_ROLE_PAD, OTX_ROLE_UNK,
                                     OTX_ROLE_SEP, OTX_ROLE_CLS, OTX_ROLE_MASK};
    size_t i;
    if (a->donor->tokens[id].kind != OTX_TOKEN_CONTROL) return -1;
    for (i = 0; i < OTX__COUNT(order); i++) {
        const int64_t base = a->base->roles[order[i]];
        if (a->donor->roles[order[i]] == (int64_t)id && base >= 0 &&
            (uint64_t)base < a->base_tokens && a->base->tokens[base].kind == OTX_TOKEN_CONTROL)
            return base;
    }
    return -1;
}

/* Pairs every donor token that the map leaves. Tokens of the same kind go first,
   through all ids: a BYTE token must not take the anchor of the TEXT token whose
   very counterpart it is. */
OTX__PRIVATE void otx__align_tokens(otx__aligner *a)
{
    const otx_token *tokens = a->donor->tokens;
    otx_alignment_row *rows = a->out->rows;
    size_t id;
    int64_t base;
    for (id = 0; id < a->tokens; id++) {
        if (rows[id].action == OTX_ACTION_MAP || tokens[id].kind == OTX_TOKEN_NONE) continue;
        rows[id].action = OTX_ACTION_APPROXIMATE;
        base = otx__same_token(a, &tokens[id]);
        if (base >= 0) otx__align_copy(a, id, base);
    }
    for (id = 0; id < a->tokens; id++) {
        if (rows[id].action != OTX_ACTION_APPROXIMATE) continue;
        base = otx__same_byte(a, &tokens[id]);
        if (base < 0) base = otx__same_added(a, &tokens[id]);
        if (base >= 0) {
            otx__align_copy(a, id, base);
        } else if (tokens[id].kind == OTX_TOKEN_UNUSED) {
            rows[id].action = OTX_ACTION_UNUSED;
        } else if ((base = otx__same_role(a, id)) >= 0) {
            rows[id].action = OTX_ACTION_ROLE;
            rows[id].base = base;
        } else if (id >= a->donor_rows) {
            rows[id].action = OTX_ACTION_UNUSED; /* there is nothing to solve for */
        }
    }
}

OTX__PRIVATE void otx__align_count(otx_alignment *out)
{
    size_t id;
    for (id = 0; id < out->count; id++) {
        out->counts[out->rows[id].action]++;
        if (out->rows[id].anchor) out->anchor_count++;
    }
}

/* Allocates the rows: no action yet, so padding with no base row. */
OTX__PRIVATE otx_result otx__align_rows(const otx_context *ctx, otx_alignment *out,
                                        uint64_t rows, otx_error *error)
{
    size_t id;
    if (rows > SIZE_MAX / sizeof *out->rows)
        return otx__fail(error, OTX_ERROR_MEMORY, "out of memory asking for %" PRIu64 " rows",
                         rows);
    out->rows = (otx_alignment_row *)otx__alloc_zero(ctx, (size_t)rows, sizeof *out->rows);
    if (!out->rows) return otx__fail_array(error, rows, sizeof *out->rows);
    out->count = (size_t)rows;
    for (id = 0; id < out->count; id++) out->rows[id].base = -1;
    return OTX_OK;
}

OTX_API otx_result otx_align(const otx_context *ctx, const otx_vocab *donor,
                             const otx_vocab *base, const otx_alignment_options *options,
                             otx_alignment *out, otx_error *error)
{
    otx_alignment_options o;
    otx__aligner a;
    otx_result result;
    memset(&o, 0, sizeof o);
    memset(&a, 0, sizeof a);
    memset(out, 0, sizeof *out);
    if (options) o = *options;
    a.donor = donor;
    a.base = base;
    a.donor_rows = o.donor_rows ? o.donor_rows : donor->count;
    a.base_rows = o.base_rows ? o.base_rows : base->count;
    a.base_ids = o.base_ids > a.base_rows ? o.base_ids : a.base_rows;
    a.words = donor->family == OTX_FAMILY_WORDPIECE && base->family == donor->family;
    a.bytes_apart = o.bytes_apart;
    a.out = out;
    a.base_tokens = base->count < a.base_rows ? base->count : (size_t)a.base_rows;
    result = otx__align_rows(ctx, out, o.rows ? o.rows : a.donor_rows, error);
    if (!result) {
        a.tokens = otx__min(donor->count, out->count);
        a.is_anchor = (bool *)otx__alloc_zero(ctx, a.base_tokens, sizeof *a.is_anchor);
        if (!a.is_anchor) result = otx__fail_memory(error, a.base_tokens);
    }
    if (!result) result = otx__index_base(ctx, &a, error);
    if (!result) result = otx__align_map(&a, o.map, o.map_count, error);
    if (!result) {
        otx__align_tokens(&a);
        otx__align_count(out);
    }
    otx__aligner_close(ctx, &a);
    if (result) otx_alignment_close(ctx, out);
    return result;
}

OTX_API void otx_alignment_close(const otx_context *ctx, otx_alignment *alignment)
{
    otx__free(ctx, alignment->rows, alignment->count, sizeof *alignment->rows);
    memset(alignment, 0, sizeof *alignment);
}

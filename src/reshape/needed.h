/* ---- needed: what has to stay for the sake of what stays --------------------- */

/* Tokens that stay, while more are found. */
typedef struct otx__needed {
    const otx_vocab *vocab;
    const otx__rules *rules;
    bool *keep;
    uint32_t *waiting; /* ids that stay and whose parts were not looked at yet */
    size_t waiting_count;
    uint32_t *first, *next; /* by id made, by merge: chains of merge + 1 */
    otx__token_index between; /* by content: tokens that merges only go through, */
    size_t between_most;      /* and the bytes of the longest */
    otx__pool pool;
} otx__needed;

OTX__PRIVATE void otx__need(otx__needed *n, size_t id)
{
    if (n->keep[id]) return;
    n->keep[id] = true;
    n->waiting[n->waiting_count++] = (uint32_t)id;
}

/* ---- what always stays ---- */

/* Whether all 256 bytes have a token, so that no text needs another. */
OTX__PRIVATE bool otx__needed_has_bytes(const otx__rules *rules)
{
    size_t i;
    for (i = 0; i < 256; i++)
        if (rules->bytes[i] < 0) return false;
    return true;
}

/* Whether a token is what a text is cut into before anything is merged: a character, or a
   byte, with what marks its place in a word. */
OTX__PRIVATE bool otx__needed_is_single(const otx__rules *rules, const otx_token *token)
{
    otx__span text = otx__span_of(token->content, token->content_size);
    const size_t before = rules->prefix_size, after = rules->suffix_size;
    if (before && text.size > before && memcmp(text.bytes, rules->prefix, before) == 0) {
        text.bytes += before;
        text.size -= before;
    }
    if (after && text.size > after &&
        memcmp(text.bytes + text.size - after, rules->suffix, after) == 0)
        text.size -= after;
    if (text.size <= 1 || rules->by_bytes) return text.size <= 1;
    return otx__utf8_length((const unsigned char *)text.bytes, text.size) == text.size;
}

/* Whether text of which no token is found is unknown, and other tokens are not made of those
   that are merged. */
OTX__PRIVATE bool otx__needed_wants_characters(const otx__rules *rules)
{
    return rules->how == OTX__SPLIT_VITERBI ||
           (rules->how == OTX__SPLIT_LONGEST && !rules->across_words);
}

/* Whether every character of a token is a token too, as it would stand there: a text is still
   known without it. */
OTX__PRIVATE bool otx__needed_is_spelled(const otx__rules *rules, const otx_token *token)
{
    const size_t size = token->content_size, prefix = rules->prefix_size;
    bool marked = prefix && size > prefix && memcmp(token->content, rules->prefix, prefix) == 0;
    char single[sizeof rules->prefix + 4];
    size_t at, step;
    for (at = marked ? prefix : 0; at < size; at += step) {
        const size_t before = marked ? prefix : 0;
        step = otx__utf8_length((const unsigned char *)token->content + at, size - at);
        if (step == 0) return false;
        memcpy(single, rules->prefix, before);
        memcpy(single + before, token->content + at, step);
        if (otx__rules_find(rules, single, before + step) < 0) return false;
        marked = prefix && !rules->marks_starts;
    }
    return true;
}

/* The mark of a space is put into every text, and bytes would not be read back as one. */
OTX__PRIVATE bool otx__needed_is_mark(const otx__rules *rules, const otx_token *token)
{
    return otx__same_bytes(token->content, token->content_size, rules->spelling.mark,
                           rules->spelling.mark_size);
}

/* Whether a token stays whatever is made of it. */
OTX__PRIVATE bool otx__needed_always(const otx__rules *rules, const otx_token *token,
                                     size_t id, bool has_bytes)
{
    if (token->kind == OTX_TOKEN_NONE) return false;
    if (token->in_use || token->kind == OTX_TOKEN_CONTROL || token->kind == OTX_TOKEN_BYTE)
        return true;
    if (token->kind == OTX_TOKEN_UNUSED) return false;
    if (token->added || otx__needed_is_mark(rules, token)) return true;
    if (!has_bytes && otx__needed_is_single(rules, token)) return true;
    if (!has_bytes && otx__needed_wants_characters(rules) &&
        !otx__needed_is_spelled(rules, token))
        return true;
    /* Text that is unknown costs somewhat more than the piece of the least score. */
    return rules->how == OTX__SPLIT_VITERBI && !(rules->weights[id] > rules->least);
}

OTX__PRIVATE uint64_t otx__needed_begin(otx__needed *n)
{
    const bool has_bytes = otx__needed_has_bytes(n->rules);
    uint64_t always = 0;
    size_t i;
    for (i = 0; i < n->vocab->count; i++) {
        bool stays = otx__needed_always(n->rules, &n->vocab->tokens[i], i, has_bytes);
        if (n->keep[i] && n->vocab->tokens[i].kind != OTX_TOKEN_NONE) {
            n->waiting[n->waiting_count++] = (uint32_t)i;
        } else if (stays) {
            otx__need(n, i);
            always++;
        } else {
            n->keep[i] = false;
        }
    }
    for (i = 0; i < OTX_ROLE_COUNT; i++) {
        const int64_t id = n->vocab->roles[i];
        if (id < 0 || (uint64_t)id >= n->vocab->count || n->keep[id]) continue;
        otx__need(n, (size_t)id);
        always++;
    }
    return always;
}

/* ---- what others are made of ---- */

/* Chains the merges by what they make. */
OTX__PRIVATE void otx__needed_chain(otx__needed *n)
{
    size_t i;
    for (i = 0; i < n->rules->merge_count; i++) {
        const uint32_t made = n->rules->merges[i].made;
        n->next[i] = n->first[made];
        n->first[made] = (uint32_t)i + 1;
    }
}

/* Both halves of every merge that makes a token: whichever a text is merged by, it must find
   them. */
OTX__PRIVATE void otx__need_halves(otx__needed *n, uint32_t id)
{
    uint32_t at;
    for (at = n->first[id]; at; at = n->next[at - 1]) {
        otx__need(n, n->rules->merges[at - 1].left);
        otx__need(n, n->rules->merges[at - 1].right);
    }
}

/* A piece that is unused is none that a text ends as, but merges go through it. */
OTX__PRIVATE bool otx__needed_is_between(const otx__needed *n, const otx_token *token)
{
    return n->rules->how == OTX__SPLIT_WEIGHTS && token->kind == OTX_TOKEN_UNUSED &&
           !otx__is_reserved(token->content, token->content_size);
}

/* Whether a text may have become such a half of a token: one of those that text is made of,
   *id, or one between; or a character, which need not be any, as texts are cut into these
   whatever they are: *id is then -1. */
OTX__PRIVATE bool otx__needed_half(const otx__needed *n, const char *bytes, size_t size,
                                   int64_t *id)
{
    if (*id < 0 && size <= n->between_most)
        *id = otx__index_find(&n->between, OTX_TOKEN_NONE, bytes, size);
    return *id >= 0 || otx__utf8_length((const unsigned char *)bytes, size) == size;
}

/* The same where any two texts merge that are a token together. */
OTX__PRIVATE void otx__need_cuts(otx__needed *n, uint32_t id)
{
    const otx__rules *rules = n->rules;
    const otx_token *token = &n->vocab->tokens[id];
    otx__rule_range range = otx__rules_all(rules);
    size_t at;
    for (at = 0; at + 1 < token->content_size; at++) {
        const char *rest = token->content + at + 1;
        const size_t size = token->content_size - at - 1;
        int64_t left, right;
        otx__rules_narrow(rules, &range, at, (unsigned char)token->content[at]);
        left = otx__rules_exact(rules, &range, at + 1);
        if (!otx__needed_half(n, token->content, at + 1, &left)) continue;
        right = otx__rules_find(rules, rest, size);
        if (!otx__needed_half(n, rest, size, &right)) continue;
        if (left >= 0) otx__need(n, (size_t)left);
        if (right >= 0) otx__need(n, (size_t)right);
    }
}

OTX__PRIVATE uint64_t otx__needed_spread(otx__needed *n)
{
    uint64_t count = 0;
    size_t before;
    while (n->waiting_count > 0) {
        const uint32_t id = n->waiting[--n->waiting_count];
        before = n->waiting_count;
        if (n->vocab->tokens[id].kind != OTX_TOKEN_TEXT &&
            !otx__needed_is_between(n, &n->vocab->tokens[id]))
            continue;
        if (n->rules->how == OTX__SPLIT_MERGES) otx__need_halves(n, id);
        if (n->rules->how == OTX__SPLIT_WEIGHTS) otx__need_cuts(n, id);
        count += n->waiting_count - before;
    }
    return count;
}

/* Finds the tokens that only merges go through. */
OTX__PRIVATE otx_result otx__needed_index(otx__needed *n, const otx_context *ctx,
                                          otx_error *error)
{
    const otx_vocab *vocab = n->vocab;
    size_t i;
    otx_result result = otx__index_open(ctx, &n->between, vocab->tokens, vocab->count, true,
                                        error);
    for (i = 0; i < vocab->count && !result; i++) {
        const otx_token *token = &vocab->tokens[i];
        if (!otx__needed_is_between(n, token)) continue;
        *otx__index_slot(&n->between, OTX_TOKEN_NONE, token->content, token->content_size) =
            (uint32_t)i + 1;
        n->between_most = otx__max(n->between_most, token->content_size);
    }
    return result;
}

OTX_API otx_result otx_vocab_close_under_merges(const otx_context *ctx, const otx_vocab *vocab,
                                                bool *keep, otx_trim_summary *summary,
                                                otx_error *error)
{
    otx__needed n;
    uint64_t always, parts;
    otx_result result;
    if (!vocab->rules)
        return otx__fail(error, OTX_ERROR_ARGUMENT, "the vocabulary was read without its rules");
    memset(&n, 0, sizeof n);
    otx__pool_open(&n.pool, ctx);
    n.vocab = vocab;
    n.rules = (const otx__rules *)vocab->rules;
    n.keep = keep;
    n.waiting = (uint32_t *)otx__pool_take(&n.pool, vocab->count, sizeof *n.waiting);
    n.first = (uint32_t *)otx__pool_take_zero(&n.pool, vocab->count, sizeof *n.first);
    n.next = (uint32_t *)otx__pool_take(&n.pool, n.rules->merge_count, sizeof *n.next);
    result = n.pool.failed ? otx__pool_fail(&n.pool, error) : otx__needed_index(&n, ctx, error);
    if (result) {
        otx__pool_close(&n.pool);
        return result;
    }
    otx__needed_chain(&n);
    always = otx__needed_begin(&n);
    parts = otx__needed_spread(&n);
    otx__index_close(ctx, &n.between);
    otx__pool_close(&n.pool);
    if (summary) summary->always += always;
    if (summary) summary->parts += parts;
    return OTX_OK;
}

/* ---- growth: new tokens of a tokenizer, and the merges that lead to them -------- */

/* A token that the tokenizer lacks. */
typedef struct otx__new_token {
    size_t at, size; /* of its content, in growth.contents */
    double score;    /* of Unigram */
    bool added;      /* not of the model's own list: cut out of a text before anything else */
    bool part;       /* nobody asked for it: a merge on the way to another */
} otx__new_token;

/* Tokens by id: an old one, or vocab.count + its place among the new. */
typedef struct otx__new_merge {
    uint32_t left, right, made;
} otx__new_merge;

/* Slots of a hash table: place + 1, or 0. */
typedef struct otx__slots {
    uint32_t *slots;
    size_t room, count;
} otx__slots;

typedef struct otx__growth {
    const otx_context *ctx;
    const otx_vocab *vocab;
    const otx__rules *rules;
    const otx__token_index *known; /* the old tokens by content */
    otx__text contents;
    otx__new_token *tokens;
    otx__new_merge *merges; /* in their order, which comes after all old ones */
    size_t token_count, token_room, merge_count, merge_room;
    otx__slots by_content, by_pair;
    uint32_t *pieces; /* of one token */
    size_t piece_room;
    otx_error *error;
} otx__growth;

OTX__PRIVATE void otx__growth_close(otx__growth *g)
{
    const otx_context *ctx = g->ctx;
    otx__text_close(&g->contents);
    if (g->token_room) otx__free(ctx, g->tokens, g->token_room, sizeof *g->tokens);
    if (g->merge_room) otx__free(ctx, g->merges, g->merge_room, sizeof *g->merges);
    if (g->piece_room) otx__free(ctx, g->pieces, g->piece_room, sizeof *g->pieces);
    if (g->by_content.room)
        otx__free(ctx, g->by_content.slots, g->by_content.room, sizeof(uint32_t));
    if (g->by_pair.room) otx__free(ctx, g->by_pair.slots, g->by_pair.room, sizeof(uint32_t));
}

/* ---- finding them ---- */

OTX__PRIVATE otx__span otx__growth_content(const otx__growth *g, uint32_t id)
{
    const otx__new_token *token;
    if (id < g->vocab->count)
        return otx__span_of(g->vocab->tokens[id].content, g->vocab->tokens[id].content_size);
    token = &g->tokens[id - g->vocab->count];
    return otx__span_of(g->contents.bytes + token->at, token->size);
}

OTX__PRIVATE otx__hash_key otx__growth_key(const otx__growth *g)
{
    return g->known->key;
}

OTX__PRIVATE uint64_t otx__pair_hash(const otx__growth *g, uint32_t left, uint32_t right)
{
    char bytes[8];
    memcpy(bytes, &left, 4);
    memcpy(bytes + 4, &right, 4);
    return otx__hash(otx__growth_key(g), bytes, sizeof bytes);
}

/* The slot of a new token with that content, or the empty one where it would go. */
OTX__PRIVATE uint32_t *otx__content_slot(const otx__growth *g, const char *bytes, size_t size)
{
    const size_t mask = g->by_content.room - 1;
    size_t at = (size_t)otx__hash(otx__growth_key(g), bytes, size) & mask;
    for (; g->by_content.slots[at]; at = (at + 1) & mask) {
        const otx__new_token *token = &g->tokens[g->by_content.slots[at] - 1];
        if (otx__same_bytes(g->contents.bytes + token->at, token->size, bytes, size)) break;
    }
    return &g->by_content.slots[at];
}

OTX__PRIVATE uint32_t *otx__pair_slot(const otx__growth *g, uint32_t left, uint32_t right)
{
    const size_t mask = g->by_pair.room - 1;
    size_t at = (size_t)otx__pair_hash(g, left, right) & mask;
    for (; g->by_pair.slots[at]; at = (at + 1) & mask) {
        const otx__new_merge *merge = &g->merges[g->by_pair.slots[at] - 1];
        if (merge->left == left && merge->right == right) break;
    }
    return &g->by_pair.slots[at];
}

/* Room for one more than there are; what is in the table is put in anew. */
OTX__PRIVATE otx_result otx__slots_grow(otx__growth *g, otx__slots *table, bool pairs)
{
    const size_t room = table->room ? table->room * 2 : 64;
    uint32_t *slots = table->slots;
    size_t old = table->room, i;
    if (table->count * 2 < table->room) return OTX_OK;
    table->slots = (uint32_t *)otx__alloc_zero(g->ctx, room, sizeof *slots);
    if (!table->slots) {
        table->slots = slots;
        return otx__fail_array(g->error, room, sizeof *slots);
    }
    table->room = room;
    for (i = 0; i < old; i++) {
        const uint32_t place = slots[i];
        if (!place) continue;
        if (pairs) {
            const otx__new_merge *merge = &g->merges[place - 1];
            *otx__pair_slot(g, merge->left, merge->right) = place;
        } else {
            const otx__new_token *token = &g->tokens[place - 1];
            *otx__content_slot(g, g->contents.bytes + token->at, token->size) = place;
        }
    }
    if (old) otx__free(g->ctx, slots, old, sizeof *slots);
    return OTX_OK;
}

/* The id of a token with that content, or -1. */
OTX__PRIVATE int64_t otx__growth_find(const otx__growth *g, const char *bytes, size_t size)
{
    const int64_t id = otx__index_find(g->known, OTX_TOKEN_NONE, bytes, size);
    uint32_t place;
    if (id >= 0 || !g->by_content.room) return id;
    place = *otx__content_slot(g, bytes, size);
    return place ? (int64_t)(g->vocab->count + place - 1) : -1;
}

/* ---- adding to them ---- */

/* A new token, whose content no other has. */
OTX__PRIVATE otx_result otx__growth_add(otx__growth *g, const char *bytes, size_t size,
                                        uint32_t *id)
{
    void *items = g->tokens;
    otx__new_token *token;
    otx_result result = otx__slots_grow(g, &g->by_content, false);
    if (result) return result;
    if (!otx__grow(g->ctx, &items, &g->token_room, g->token_count + 1, sizeof *g->tokens))
        return otx__fail_array(g->error, g->token_count + 1, sizeof *g->tokens);
    g->tokens = (otx__new_token *)items;
    token = &g->tokens[g->token_count];
    memset(token, 0, sizeof *token);
    token->at = g->contents.size;
    token->size = size;
    otx__text_bytes(&g->contents, bytes, size);
    if (g->contents.failed) return otx__fail_memory(g->error, g->contents.size + size);
    *otx__content_slot(g, g->contents.bytes + token->at, size) = (uint32_t)++g->token_count;
    g->by_content.count++;
    *id = (uint32_t)(g->vocab->count + g->token_count - 1);
    return OTX_OK;
}

/* Whether merges may make a token that is there already, which an added one of that content
   would be in the way of: it is none of the model's own. */
OTX__PRIVATE bool otx__growth_makes(const otx__growth *g, uint64_t id)
{
    if (id >= g->vocab->count) return !g->tokens[id - g->vocab->count].added;
    return g->vocab->tokens[id].kind == OTX_TOKEN_TEXT;
}

/* What two tokens are together: without the prefix that says that the second continues a
   word. A token that is in the way, as a special one is, is a refusal: *made is then -1. */
OTX__PRIVATE otx_result otx__growth_join(otx__growth *g, uint32_t left, uint32_t right,
                                         int64_t *made)
{
    otx__span one = otx__growth_content(g, left), two = otx__growth_content(g, right);
    const size_t prefix = g->rules->prefix_size;
    char *both;
    uint32_t id = 0;
    otx_result result = OTX_OK;
    if (prefix && two.size >= prefix && memcmp(two.bytes, g->rules->prefix, prefix) == 0) {
        two.bytes += prefix;
        two.size -= prefix;
    }
    both = (char *)otx__alloc(g->ctx, one.size + two.size, 1);
    if (!both) return otx__fail_memory(g->error, one.size + two.size);
    memcpy(both, one.bytes, one.size);
    memcpy(both + one.size, two.bytes, two.size);
    *made = otx__growth_find(g, both, one.size + two.size);
    if (*made < 0) {
        result = otx__growth_add(g, both, one.size + two.size, &id);
        *made = id;
        if (!result) g->tokens[g->token_count - 1].part = true;
    } else if (!otx__growth_makes(g, (uint64_t)*made)) {
        *made = -1;
    }
    otx__free(g->ctx, both, one.size + two.size, 1);
    return result;
}

OTX__PRIVATE otx_result otx__growth_merge(otx__growth *g, uint32_t left, uint32_t right,
                                          uint32_t made)
{
    void *items = g->merges;
    otx_result result = otx__slots_grow(g, &g->by_pair, true);
    if (result) return result;
    if (!otx__grow(g->ctx, &items, &g->merge_room, g->merge_count + 1, sizeof *g->merges))
        return otx__fail_array(g->error, g->merge_count + 1, sizeof *g->merges);
    g->merges = (otx__new_merge *)items;
    g->merges[g->merge_count].left = left;
    g->merges[g->merge_count].right = right;
    g->merges[g->merge_count].made = made;
    *otx__pair_slot(g, left, right) = (uint32_t)++g->merge_count;
    g->by_pair.count++;
    return OTX_OK;
}

/* ---- what a text is merged to ---- */

/* The place of the merge of two tokens among all, and what it makes; false if there is
   none. */
OTX__PRIVATE bool otx__growth_rank(const otx__growth *g, uint32_t left, uint32_t right,
                                   uint64_t *rank, uint32_t *made)
{
    uint32_t place;
    if (left < g->vocab->count && right < g->vocab->count) {
        const otx__merge *merge = otx__rules_merge(g->rules, left, right);
        if (merge) {
            *rank = merge->rank;
            *made = merge->made;
            return true;
        }
    }
    place = g->by_pair.room ? *otx__pair_slot(g, left, right) : 0;
    if (!place) return false;
    *rank = (uint64_t)UINT32_MAX + place;
    *made = g->merges[place - 1].made;
    return true;
}

/* Merges pieces as far as it goes, the sooner merges first. Returns how many are left. */
OTX__PRIVATE size_t otx__growth_run(const otx__growth *g, uint32_t *pieces, size_t count)
{
    for (;;) {
        uint64_t best = UINT64_MAX, rank = 0;
        uint32_t made = 0, makes = 0;
        size_t where = 0, i;
        for (i = 0; i + 1 < count; i++) {
            if (!otx__growth_rank(g, pieces[i], pieces[i + 1], &rank, &made) || rank >= best)
                continue;
            best = rank;
            makes = made;
            where = i;
        }
        if (best == UINT64_MAX) return count;
        pieces[where] = makes;
        memmove(pieces + where + 1, pieces + where + 2,
                (count - where - 2) * sizeof *pieces);
        count--;
    }
}

/* Adds merges until those pieces become one token, which *reached says. As every new merge
   comes after all others, what was reached before stays so. */
OTX__PRIVATE otx_result otx__growth_reach(otx__growth *g, uint32_t *pieces, size_t count,
                                          bool *reached)
{
    otx_result result = OTX_OK;
    *reached = true;
    while (!result && (count = otx__growth_run(g, pieces, count)) > 1) {
        int64_t made = -1;
        result = otx__growth_join(g, pieces[0], pieces[1], &made);
        *reached = made >= 0;
        if (!*reached) return result;
        if (!result) result = otx__growth_merge(g, pieces[0], pieces[1], (uint32_t)made);
    }
    return result;
}

/* ---- a token, as the tokenizer spells it ---- */

/* What a text is as one token of the model; nothing where that cannot be. */
OTX__PRIVATE void otx__unspell(const otx__spelling *spelling, otx__span text, otx__text *to)
{
    size_t i;
    switch (spelling->family) {
    case OTX_FAMILY_BYTE_LEVEL:
        for (i = 0; i < text.size && !spelling->mark_size; i++) {
            char character[4];
            otx__text_bytes(to, character, otx__spell_byte(character, text.bytes[i]));
        }
        return;
    case OTX_FAMILY_METASPACE:
        for (i = 0; i < text.size; i++)
            if (text.bytes[i] == ' ') otx__text_bytes(to, spelling->mark, spelling->mark_size);
            else otx__text_bytes(to, text.bytes + i, 1);
        return;
    case OTX_FAMILY_WORDPIECE:
        if (text.size > 1 && text.bytes[0] == ' ') {
            otx__text_bytes(to, text.bytes + 1, text.size - 1);
            return;
        }
        otx__text_bytes(to, spelling->mark, spelling->mark_size);
        otx__text_bytes(to, text.bytes, text.size);
        return;
    case OTX_FAMILY_PLAIN: otx__text_bytes(to, text.bytes, text.size); return;
    default: return;
    }
}

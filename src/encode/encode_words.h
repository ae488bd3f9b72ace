/* ---- encode_words: words as the model splits them --------------------------------------- */

/* What one encoder needs, and the room it works in. */
struct otx_encoder {
    const otx_context *ctx;
    char name[512];              /* for messages */
    otx_vocab vocab;              /* with its rules, of every token */
    otx__pool pool;
    otx__cut_set sets[2];         /* added tokens, looked for in the text, and in what was made
                                     of it */
    otx__tidy_table words;        /* letters, digits and marks, where a token stands alone */
    otx__tidy normal;
    otx__cutter cutter;
    bool has_cutter;
    uint8_t *within;              /* see otx__encode_seams; or NULL */
    otx__word_cache cache;
    otx__slices slices;
    uint64_t cut_steps;           /* left to look for added tokens in the text */
    otx__split split;             /* with room for a word of split_room bytes */
    size_t split_room;
    uint32_t *ids;                /* of the text so far */
    size_t id_count, id_room;
    otx__text replaced;           /* the text, where it was no UTF-8 */
    otx__text rest;               /* of a text that is counted */
    uint64_t lines;               /* of it before that */
};

/* ---- seams ---- */

/* Some tokenizers leave whole texts to their model. Where no token has two characters one after
   the other, nothing is ever merged across these two, and a text can be split there first: into
   words that are met again. Which pairs are within tokens stands in a table of hashed bits; of
   two pairs with one bit, either only makes a word longer. */
enum { OTX__SEAM_BITS = 1 << 20, OTX__SEAM_LEAST = 24 /* bytes of a word worth it */ };

OTX__PRIVATE size_t otx__seam_bit(uint32_t left, uint32_t right)
{
    const uint64_t pair = ((uint64_t)left << 21 | right) * UINT64_C(0x9e3779b97f4a7c15);
    return (size_t)(pair >> 40) % OTX__SEAM_BITS;
}

OTX__PRIVATE bool otx__seam_between(const uint8_t *within, uint32_t left, uint32_t right)
{
    const size_t bit = otx__seam_bit(left, right);
    return !(within[bit / 8] >> bit % 8 & 1);
}

/* Whether merges are of such a kind: none of bytes that stand for characters. */
OTX__PRIVATE bool otx__has_seams(const otx_vocab *vocab)
{
    const otx__rules *rules = (const otx__rules *)vocab->rules;
    size_t i;
    if (rules->how != OTX__SPLIT_MERGES || rules->prefix_size || rules->suffix_size) return false;
    for (i = 0; i < rules->merge_count; i++)
        if (vocab->tokens[rules->merges[i].left].kind == OTX_TOKEN_BYTE ||
            vocab->tokens[rules->merges[i].right].kind == OTX_TOKEN_BYTE)
            return false;
    return true;
}

/* Makes the table. */
OTX__PRIVATE otx_result otx__encode_seams(otx_encoder *e, otx_error *error)
{
    const otx__rules *rules = (const otx__rules *)e->vocab.rules;
    size_t i;
    if (!otx__has_seams(&e->vocab)) return OTX_OK;
    e->within = (uint8_t *)otx__pool_take_zero(&e->pool, OTX__SEAM_BITS / 8, 1);
    if (!e->within) return otx__pool_fail(&e->pool, error);
    for (i = 0; i < rules->token_count; i++) {
        const otx__rule_token *token = &rules->tokens[i];
        size_t at = 0;
        uint32_t left = 0;
        while (at < token->size) {
            const bool first = at == 0;
            const uint32_t right = otx__utf8_next(token->content, token->size, &at);
            const size_t bit = otx__seam_bit(left, right);
            if (!first) e->within[bit / 8] |= (uint8_t)(1u << bit % 8);
            left = right;
        }
    }
    return OTX_OK;
}

/* The end of the first part of a word: between two characters that are tokens, as one that is
   unknown may be one with others beside it, or let these come together. */
OTX__PRIVATE size_t otx__seam_end(const otx_encoder *e, const char *word, size_t size)
{
    const otx__rules *rules = (const otx__rules *)e->vocab.rules;
    size_t before = 0, at = 0, next;
    uint32_t left, right;
    if (size < OTX__SEAM_LEAST) return size;
    left = otx__utf8_next(word, size, &at);
    for (; at < size; before = at, at = next, left = right) {
        next = at;
        right = otx__utf8_next(word, size, &next);
        if (otx__seam_between(e->within, left, right) &&
            otx__rules_find(rules, word + before, at - before) >= 0 &&
            otx__rules_find(rules, word + at, next - at) >= 0)
            return at;
    }
    return size;
}

/* ---- words ---- */

/* Room for `count` ids more. */
OTX__PRIVATE otx_result otx__encode_room(otx_encoder *e, size_t count, otx_error *error)
{
    void *items = e->ids;
    if (!otx__grow(e->ctx, &items, &e->id_room, e->id_count + count, sizeof *e->ids))
        return otx__fail_array(error, e->id_count + count, sizeof *e->ids);
    e->ids = (uint32_t *)items;
    return OTX_OK;
}

OTX__PRIVATE void otx__encode_drop_split(otx_encoder *e)
{
    const size_t room = e->split_room;
    if (e->split.ways) otx__free(e->ctx, e->split.ways, room + 1, sizeof *e->split.ways);
    if (e->split.symbols) otx__free(e->ctx, e->split.symbols, room, sizeof *e->split.symbols);
    if (e->split.heap) otx__free(e->ctx, e->split.heap, room, 3 * sizeof *e->split.heap);
    e->split.ways = NULL;
    e->split.symbols = NULL;
    e->split.heap = NULL;
    e->split_room = 0;
}

/* Room to split a word of `size` bytes. */
OTX__PRIVATE otx_result otx__encode_split_room(otx_encoder *e, size_t size, otx_error *error)
{
    otx__split *s = &e->split;
    const otx__rules *rules = (const otx__rules *)e->vocab.rules;
    size_t room = 256;
    bool good = true;
    if (size <= e->split_room) return OTX_OK;
    while (room < size) room *= 2;
    otx__encode_drop_split(e);
    e->split_room = room;
    s->rules = rules;
    if (rules->how == OTX__SPLIT_VITERBI) {
        s->ways = (otx__way *)otx__alloc(e->ctx, room + 1, sizeof *s->ways);
        good = s->ways != NULL;
    } else if (rules->how <= OTX__SPLIT_WEIGHTS) {
        s->symbols = (otx__symbol *)otx__alloc(e->ctx, room, sizeof *s->symbols);
        s->heap = (otx__joining *)otx__alloc(e->ctx, room, 3 * sizeof *s->heap);
        good = s->symbols && s->heap;
    }
    if (good) return OTX_OK;
    otx__encode_drop_split(e);
    return otx__fail_array(error, room, 4 * sizeof *s->heap);
}

/* The ids of a word that is split by the model: as many as it has bytes, or fewer. */
OTX__PRIVATE otx_result otx__encode_new_word(otx_encoder *e, uint64_t hash, const char *word,
                                             size_t size, otx_error *error)
{
    otx__split *s = &e->split;
    char quoted[OTX__QUOTED];
    otx_result result = otx__encode_split_room(e, size, error);
    if (!result) result = otx__encode_room(e, size, error);
    if (result) return result;
    s->ids = e->ids + e->id_count;
    s->capacity = e->id_room - e->id_count;
    s->count = 0;
    s->in_unknown = false;
    s->lost.size = 0;
    s->steps += (uint64_t)OTX__SPLIT_STEPS_A_BYTE * size;
    otx__split_word(s, word, size, true, true);
    if (s->steps == 0) return otx__split_fail(e->name, size, error);
    if (s->lost.size)
        return otx__fail(error, OTX_ERROR_FORMAT, "%s: its model has no token for \"%s\", and no "
                         "unknown token to stand for it", e->name,
                         otx__quote(quoted, sizeof quoted, s->lost.bytes, s->lost.size));
    otx__word_keep(&e->cache, hash, word, size, s->ids, s->count);
    e->id_count += s->count;
    return OTX_OK;
}

/* What became of a word as a part of another is kept beside what becomes of it. */
#define OTX__PART_HASH UINT64_C(0x9e3779b97f4a7c15)

/* A word, or with is_part one of the parts of a word that is no token. */
OTX__PRIVATE otx_result otx__encode_word(otx_encoder *e, const char *word, size_t size,
                                         bool is_part, otx_error *error)
{
    const uint32_t *ids = NULL;
    uint64_t hash = 0;
    size_t count = 0;
    otx_result result;
    if (size <= OTX__CACHE_WORD) {
        hash = otx__hash(e->cache.key, word, size) ^ (is_part ? OTX__PART_HASH : 0);
        ids = otx__word_ids(&e->cache, hash, word, size, &count);
    }
    e->split.is_part = is_part;
    if (!ids) return otx__encode_new_word(e, hash, word, size, error);
    result = otx__encode_room(e, count, error);
    if (result) return result;
    if (count) memcpy(e->ids + e->id_count, ids, count * sizeof *ids);
    e->id_count += count;
    return OTX_OK;
}

/* A piece that the pre-tokenizer gives. */
OTX__PRIVATE otx_result otx__encode_piece(otx_encoder *e, const char *piece, size_t size,
                                          otx_error *error)
{
    const otx__rules *rules = (const otx__rules *)e->vocab.rules;
    size_t at = 0, end = e->within ? otx__seam_end(e, piece, size) : size;
    const bool parts = rules->whole_first && end < size; /* no token has a seam */
    otx_result result = OTX_OK;
    while (at < size && !result) {
        result = otx__encode_word(e, piece + at, end - at, parts, error);
        at = end;
        end = at + (at < size ? otx__seam_end(e, piece + at, size - at) : 0);
    }
    return result;
}

/* ---- extend: a text that becomes a token ---------------------------------------------------- */

/* Longer texts are no tokens: finding their merges takes time with their square. */
#define OTX__TOKEN_MOST 256

/* ---- what is cut out of texts ---- */

/* Tokens that a text is cut at wherever they stand in it, before it is looked at otherwise. */
typedef struct otx__cuts {
    bool first[256]; /* bytes that one of them begins with */
    size_t most;     /* bytes of the longest */
} otx__cuts;

OTX__PRIVATE otx__cuts otx__look_at_cuts(const otx_vocab *vocab)
{
    otx__cuts cuts;
    size_t i;
    memset(&cuts, 0, sizeof cuts);
    for (i = 0; i < vocab->count; i++) {
        const otx_token *token = &vocab->tokens[i];
        if (!otx__is_cut(token) || token->content_size == 0) continue;
        cuts.first[(unsigned char)token->content[0]] = true;
        cuts.most = otx__max(cuts.most, token->content_size);
    }
    return cuts;
}

/* Whether there is one of them in a text, and not the whole of it. */
OTX__PRIVATE bool otx__cuts_hold(const otx__cuts *cuts, const otx__reshaping *t, otx__span text)
{
    size_t at, size;
    for (at = 0; at < text.size; at++) {
        if (!cuts->first[(unsigned char)text.bytes[at]]) continue;
        for (size = 1; size <= otx__min(cuts->most, text.size - at); size++) {
            const int64_t id = otx__index_find(&t->contents, OTX_TOKEN_NONE, text.bytes + at,
                                               size);
            if (size < text.size && id >= 0 && otx__is_cut(&t->vocab.tokens[id])) return true;
        }
    }
    return false;
}

/* A vocabulary that grows. */
typedef struct otx__extending {
    otx__reshaping t;
    otx__growth growth;
    otx__before_model before; /* what happens to texts before the model sees them, */
    otx__cuts cuts;           /* and what is cut out of them before that */
    otx__text content;        /* of the token at hand */
    otx__from_donor donor;    /* that tokens or rows are taken from, if there is one */
    bool takes;               /* rows too */
    otx_extend_summary summary;
    otx_error *error;
} otx__extending;

/* ---- one token ---- */

OTX__PRIVATE bool otx__is_ascii(const char *bytes, size_t size)
{
    size_t i = 0;
    while (i < size && (unsigned char)bytes[i] < 0x80) i++;
    return i == size;
}

/* Whether a text is what a byte-level tokenizer calls another: with the letter that the byte 0xa0
   is written as in its files it cannot have an added token, which would be that byte's. */
OTX__PRIVATE bool otx__extend_is_taken(const otx__extending *x, const char *bytes, size_t size)
{
    const int64_t id = otx__growth_find(&x->growth, bytes, size);
    const otx_token *token;
    if (id < 0 || x->growth.rules->spelling.family != OTX_FAMILY_BYTE_LEVEL) return false;
    if ((uint64_t)id >= x->t.vocab.count)
        return !x->growth.tokens[(size_t)id - x->t.vocab.count].added &&
               !otx__is_ascii(bytes, size);
    token = &x->t.vocab.tokens[id];
    return token->kind == OTX_TOKEN_TEXT && !token->added &&
           !otx__same_bytes(token->bytes, token->size, bytes, size);
}

/* Whether a text as an added token would spoil others: see below. */
OTX__PRIVATE bool otx__extend_harms(const otx__extending *x, otx__span text)
{
    return !otx__is_ascii(text.bytes, text.size) && x->t.gguf &&
           x->growth.rules->how == OTX__SPLIT_VITERBI;
}

/* The text as an added token. */
OTX__PRIVATE otx_result otx__extend_added(otx__extending *x, const otx__listed *listed)
{
    const otx__map_half *name = &listed->name;
    uint32_t id;
    otx_result result;
    if (!otx__is_utf8(name->bytes, name->size))
        return otx__fail(x->error, OTX_ERROR_ARGUMENT, "token \"%s\": is no UTF-8, and cannot "
                         "be met otherwise than as an added token, which is text",
                         listed->quoted);
    if (otx__extend_is_taken(x, name->bytes, name->size))
        return otx__fail(x->error, OTX_ERROR_UNSUPPORTED, "token \"%s\": has to be an added token, "
                         "and cannot be: the tokenizer's files spell a token of another text so",
                         listed->quoted);
    if (otx__growth_find(&x->growth, name->bytes, name->size) >= 0) {
        x->summary.present++;
        return OTX_OK;
    }
    if (otx__extend_harms(x, otx__span_of(name->bytes, name->size)))
        return otx__fail(x->error, OTX_ERROR_UNSUPPORTED, "token \"%s\": would be an added token "
                         "of llama.cpp's kind t5, which beside one that is not all ASCII takes "
                         "the bytes of other characters apart", listed->quoted);
    result = otx__growth_add(&x->growth, name->bytes, name->size, &id);
    if (result) return result;
    x->growth.tokens[x->growth.token_count - 1].added = true;
    x->summary.added++;
    return OTX_OK;
}

/* A character that has no token becomes one in the place of the pieces `at` and on, which are
   its bytes. */
OTX__PRIVATE otx_result otx__extend_character(otx__extending *x, size_t at, size_t *count)
{
    otx__growth *g = &x->growth;
    char bytes[4];
    size_t size = 0, step = 0;
    int64_t found;
    uint32_t id = 0;
    otx_result result = OTX_OK;
    while (!step && size < 4 && at + size < *count) {
        const otx_token *token = &g->vocab->tokens[g->pieces[at + size]];
        if (token->kind != OTX_TOKEN_BYTE) break;
        bytes[size++] = token->bytes[0];
        step = otx__utf8_length((const unsigned char *)bytes, size);
    }
    if (!step) return OTX_OK;
    found = otx__growth_find(g, bytes, size);
    if (found < 0) {
        result = otx__growth_add(g, bytes, size, &id);
        if (result) return result;
        g->tokens[g->token_count - 1].part = true;
        found = id;
    }
    g->pieces[at] = (uint32_t)found;
    memmove(g->pieces + at + 1, g->pieces + at + size,
            (*count - at - size) * sizeof *g->pieces);
    *count -= size - 1;
    return OTX_OK;
}

/* The pieces that a text has now; *known is false where one is unknown or a byte alone. */
OTX__PRIVATE otx_result otx__extend_pieces(otx__extending *x, const otx__map_half *name,
                                           size_t *count, bool *known)
{
    otx__growth *g = &x->growth;
    void *items = g->pieces;
    size_t i;
    otx_result result;
    *known = false;
    if (!otx__grow(x->t.ctx, &items, &g->piece_room, OTX__TOKEN_MOST, sizeof *g->pieces))
        return otx__fail_array(x->error, OTX__TOKEN_MOST, sizeof *g->pieces);
    g->pieces = (uint32_t *)items;
    result = otx_vocab_split(x->t.ctx, &x->t.vocab, name->bytes, name->size, g->pieces,
                             g->piece_room, count, x->error);
    *known = !result && *count > 0 && *count <= g->piece_room;
    for (i = 0; *known && !result && i < *count; i++) {
        const otx_token *token = &g->vocab->tokens[g->pieces[i]];
        if (token->kind == OTX_TOKEN_BYTE && g->rules->how == OTX__SPLIT_MERGES)
            result = otx__extend_character(x, i, count);
        if (result || g->pieces[i] >= g->vocab->count) continue;
        token = &g->vocab->tokens[g->pieces[i]];
        *known = token->kind == OTX_TOKEN_TEXT;
    }
    return result;
}

/* A score under which a text is one piece: more than its best pieces have, by a little for every
   byte but its first, so that none of several new pieces is made of others; but no less than
   any piece has. What is unknown has less than the least, which stays the least: all that is
   unknown goes by it. */
OTX__PRIVATE otx_result otx__extend_score(otx__extending *x, const otx__map_half *name,
                                          double *score)
{
    const otx__rules *rules = x->growth.rules;
    size_t count = 0, i;
    bool known;
    otx_result result = otx__extend_pieces(x, name, &count, &known);
    *score = known ? 0.0 : rules->least;
    for (i = 0; known && i < count && !result; i++)
        *score += rules->weights[x->growth.pieces[i]];
    if (*score < rules->least) *score = rules->least;
    *score += 0.001 * (double)(name->size - 1);
    return result;
}

/* The text as a token of the model's own; *done is false where it cannot be one. */
OTX__PRIVATE otx_result otx__extend_own(otx__extending *x, const otx__map_half *name, bool *done)
{
    otx__growth *g = &x->growth;
    const otx__span content = otx__span_of(x->content.bytes, x->content.size);
    const bool merges = g->rules->how == OTX__SPLIT_MERGES && !g->rules->whole_first;
    size_t count = 0;
    double score = 0;
    uint32_t id;
    int64_t found;
    otx_result result = OTX_OK;
    *done = true;
    if (merges) {
        result = otx__extend_pieces(x, name, &count, done);
        if (!result && *done) result = otx__growth_reach(g, g->pieces, count, done);
        found = otx__growth_find(g, content.bytes, content.size);
        *done = *done && found >= 0;
        if (result || !*done || (uint64_t)found < g->vocab->count) return result;
        g->tokens[(size_t)found - g->vocab->count].part = false;
        return OTX_OK;
    }
    if (g->rules->how == OTX__SPLIT_VITERBI) result = otx__extend_score(x, name, &score);
    if (!result) result = otx__growth_add(g, content.bytes, content.size, &id);
    if (!result) g->tokens[g->token_count - 1].score = score;
    return result;
}

/* Whether a token is there already: the model's, or a new one that was asked for. */
OTX__PRIVATE bool otx__extend_has(const otx__extending *x)
{
    const otx__growth *g = &x->growth;
    int64_t id;
    if (x->content.size == 0) return false;
    id = otx__growth_find(g, x->content.bytes, x->content.size);
    if (id < 0) return false;
    return (uint64_t)id < g->vocab->count || !g->tokens[(size_t)id - g->vocab->count].part;
}

/* Whether a text can be certain to be seen whole by the model. */
OTX__PRIVATE bool otx__extend_is_whole(const otx__extending *x, otx__span text)
{
    const bool spaced = text.bytes[0] == ' ';
    if (spaced && x->before.cuts && x->growth.rules->spelling.family == OTX_FAMILY_PLAIN)
        return false; /* whatever cuts there, nothing keeps the space */
    return otx__is_whole(&x->before, text) && !otx__cuts_hold(&x->cuts, &x->t, text);
}

/* Makes x->content what a text is as a token of the model's own, or nothing where it is not
   certain to be seen whole. */
OTX__PRIVATE otx_result otx__extend_spell(otx__extending *x, otx__span text)
{
    const otx__spelling *spelling = &x->growth.rules->spelling;
    bool whole = false;
    otx_result result = OTX_OK;
    x->content.size = 0;
    if (otx__extend_is_whole(x, text)) otx__unspell(spelling, text, &x->content);
    if (x->content.failed) return otx__fail_memory(x->error, x->content.size);
    if (x->content.size > 0)
        result = otx__try_whole(&x->before, spelling, text,
                                otx__span_of(x->content.bytes, x->content.size), &whole,
                                x->error);
    if (!whole) x->content.size = 0;
    return result;
}

/* Whether the model has a token that stands for a text, however it is spelled: one of its own if
   it is met where the text stands alone. */
OTX__PRIVATE otx_result otx__extend_stands(otx__extending *x, otx__span text, bool *there)
{
    const int64_t id = otx__index_find_any(&x->t.stand_for, text.bytes, text.size);
    const otx_token *token;
    *there = id >= 0;
    if (id < 0) return OTX_OK;
    token = &x->t.vocab.tokens[id];
    if (token->kind != OTX_TOKEN_TEXT || token->added) return OTX_OK;
    return otx__try_whole(&x->before, &x->growth.rules->spelling, text,
                          otx__span_of(token->content, token->content_size), there, x->error);
}

OTX__PRIVATE otx_result otx__extend_token(otx__extending *x, const otx__listed *listed)
{
    const otx__map_half *name = &listed->name;
    const otx__span text = otx__span_of(name->bytes, name->size);
    bool there = false, done = false;
    otx_result result = OTX_OK;
    if (name->size == 0 || name->size > OTX__TOKEN_MOST)
        return otx__fail(x->error, OTX_ERROR_ARGUMENT, "token \"%s\": has %" PRIu64 " bytes; 1 "
                         "to %d are wanted", listed->quoted, (uint64_t)name->size,
                         OTX__TOKEN_MOST);
    result = otx__extend_spell(x, text);
    if (!result) result = otx__extend_stands(x, text, &there);
    if (result) return result;
    if (there || otx__extend_has(x)) {
        x->summary.present++;
        return OTX_OK;
    }
    if (x->content.size > 0) result = otx__extend_own(x, name, &done);
    x->summary.own += done;
    return result || done ? result : otx__extend_added(x, listed);
}

/* A token of another tokenizer: what is cut out of texts there is here too, and any other
   becomes one of the model's own or is left. */
OTX__PRIVATE otx_result otx__extend_offered(otx__extending *x, const otx_token *token)
{
    const otx__span text = otx__span_of(token->bytes, token->size);
    otx__listed listed;
    bool done = false;
    otx_result result = OTX_OK;
    if (token->kind != OTX_TOKEN_TEXT || token->size == 0) return OTX_OK;
    if (otx__index_find(&x->t.stand_for, token->kind, token->bytes, token->size) >= 0 ||
        (token->size == 1 &&
         otx__index_find(&x->t.stand_for, OTX_TOKEN_BYTE, token->bytes, 1) >= 0)) {
        x->summary.present++;
        return OTX_OK;
    }
    memset(&listed, 0, sizeof listed);
    listed.name.bytes = (char *)(uintptr_t)token->bytes; /* is only read */
    listed.name.size = token->size;
    otx__quote(listed.quoted, sizeof listed.quoted, token->content, token->content_size);
    if (token->size > OTX__TOKEN_MOST || !otx__is_utf8(token->bytes, token->size) ||
        (token->added && (otx__extend_is_taken(x, token->bytes, token->size) ||
                          otx__extend_harms(x, text)))) {
        x->summary.left++;
        return OTX_OK;
    }
    if (token->added) return otx__extend_added(x, &listed);
    result = otx__extend_spell(x, text);
    if (result) return result;
    if (otx__extend_has(x)) {
        x->summary.present++;
        return OTX_OK;
    }
    if (x->content.size > 0) result = otx__extend_own(x, &listed.name, &done);
    x->summary.own += done;
    x->summary.left += !done;
    return result;
}

/* ---- split: text split as the tokenizer's model splits it ----------------------------- */

/* ---- tokens along a text ---- */

/* Bytes that two texts of the same size begin with alike. */
OTX__PRIVATE size_t otx__alike(const char *a, const char *b, size_t size)
{
    size_t at = 0;
    if (size == 0 || *a != *b) return 0;
    while (size - at >= 64 && memcmp(a + at, b + at, 64) == 0) at += 64;
    while (at < size && a[at] == b[at]) at++;
    return at;
}

/* Bytes of a text, `at` of which have been met, that it has in common with all of a sorted range,
   by its first and its last; takes what that costs from the steps. */
OTX__PRIVATE size_t otx__alike_all(const char *text, size_t size, otx__span first, otx__span last,
                                   size_t at, uint64_t *steps)
{
    size_t same = otx__alike(text, first.bytes + at, otx__min(size, first.size - at));
    uint64_t taken;
    if (first.bytes != last.bytes)
        same = otx__alike(text, last.bytes + at, otx__min(same, last.size - at));
    taken = 1 + same / OTX__SPLIT_STRIDE;
    *steps -= taken < *steps ? taken : *steps;
    return same;
}

/* Tokens are too long that begin as others do. `name`: of their file, or NULL. */
OTX__PRIVATE otx_result otx__split_fail(const char *name, size_t size, otx_error *error)
{
    return otx__fail(error, OTX_ERROR_LIMIT, "%s%sa text of %" PRIu64 " bytes takes too many steps "
                     "to be split: for too long it goes on as tokens begin that are not in it",
                     name ? name : "", name ? ": " : "", (uint64_t)size);
}

/* Goes on along a text from tokens of a range, which are alike up to `at`, to those that the text
   goes on with: how many bytes of it, within which none of these ends; or 0, where there are none
   or the steps are used up. */
OTX__PRIVATE size_t otx__split_further(otx__split *s, otx__rule_range *range, size_t at,
                                       const char *text, size_t size)
{
    const otx__rule_token *first = s->rules->tokens + range->low, *last;
    size_t same;
    if (range->low >= range->high || size == 0 || s->steps == 0) return 0;
    last = s->rules->tokens + range->high - 1;
    same = otx__alike_all(text, size, otx__span_of(first->content, first->size),
                          otx__span_of(last->content, last->size), at, &s->steps);
    if (same > 0) return same;
    otx__rules_narrow(s->rules, range, at, (unsigned char)*text);
    return range->low < range->high;
}

/* ---- Unigram ---- */

/* What an unknown character costs beyond the least score. */
#define OTX__UNKNOWN_COST 10.0

OTX__PRIVATE void otx__way_offer(otx__way *way, double score, int64_t id, size_t start)
{
    if (way->start != OTX__NO_SYMBOL && !(score > way->score)) return;
    way->score = score;
    way->id = id;
    way->start = (uint32_t)start;
}

/* The best way to every place in the word. */
OTX__PRIVATE void otx__split_ways(otx__split *s, const char *word, size_t size)
{
    const otx__rules *rules = s->rules;
    size_t at, end, step, further;
    for (at = 0; at <= size; at++) {
        s->ways[at].start = OTX__NO_SYMBOL;
        s->ways[at].score = 0.0;
    }
    for (at = 0; at < size; at += step) {
        otx__rule_range range = otx__rules_all(rules);
        bool known = false;
        double score = s->ways[at].score;
        step = otx__split_step(word, at, size);
        for (end = at; (further = otx__split_further(s, &range, end - at, word + end,
                                                     size - end)) > 0;) {
            int64_t id;
            end += further;
            id = otx__rules_exact(rules, &range, end - at);
            if (id < 0) continue;
            known = known || end - at == step;
            otx__way_offer(&s->ways[end], score + rules->weights[id], id, at);
        }
        if (known) continue;
        otx__way_offer(&s->ways[at + step], score + (rules->least - OTX__UNKNOWN_COST),
                       rules->unknown, at);
        if (s->ways[at + step].id < 0) otx__split_lose(s, word + at, step);
    }
}

/* Goes the best way back, turning it round, then forth. What is unknown in a row, the token for
   it among it, is looked at as one. */
OTX__PRIVATE void otx__split_viterbi(otx__split *s, const char *word, size_t size)
{
    const int64_t unknown = s->rules->unknown;
    uint32_t at, end, before;
    otx__split_ways(s, word, size);
    for (end = (uint32_t)size; end > 0; end = before) { /* score becomes the piece's end */
        before = s->ways[end].start;
        s->ways[before].score = (double)end;
        if (before == 0) break;
    }
    for (at = 0; at < size; at = end) {
        int64_t id;
        end = (uint32_t)s->ways[at].score;
        id = s->ways[end].id;
        while (id == unknown && end < size &&
               s->ways[(uint32_t)s->ways[end].score].id == unknown)
            end = (uint32_t)s->ways[end].score;
        if (id == unknown) id = otx__rules_find(s->rules, word + at, end - at);
        if (id >= 0) otx__split_put(s, id);
        else otx__split_unknown(s, word + at, end - at);
    }
}

/* ---- WordPiece ---- */

/* The longest token at the beginning of a text, and its size there; or -1. */
OTX__PRIVATE int64_t otx__longest_token(otx__split *s, const char *text, size_t size, bool first,
                                        size_t *length)
{
    const otx__rules *rules = s->rules;
    otx__rule_range range = otx__rules_all(rules);
    size_t prefix = first == rules->marks_starts ? rules->prefix_size : 0, i, further;
    int64_t best = -1;
    for (i = 0; i < prefix; i++)
        otx__rules_narrow(rules, &range, i, (unsigned char)rules->prefix[i]);
    for (i = 0; (further = otx__split_further(s, &range, prefix + i, text + i, size - i)) > 0;) {
        int64_t id;
        i += further;
        id = otx__rules_exact(rules, &range, prefix + i);
        if (id < 0) continue;
        best = id;
        *length = i;
    }
    return best;
}

/* A word of which any part is unknown is unknown as a whole. */
OTX__PRIVATE void otx__split_longest(otx__split *s, const char *word, size_t size, bool starts)
{
    size_t count = s->count, at, length = 0, characters = 0;
    for (at = 0; at < size; at += otx__split_step(word, at, size)) characters++;
    if (s->rules->across_words) characters = 0;
    for (at = 0; at < size && characters <= s->rules->longest_word; at += length) {
        int64_t id = otx__longest_token(s, word + at, size - at, starts && at == 0, &length);
        if (id < 0) break;
        otx__split_put(s, id);
    }
    if (at == size) return;
    s->count = count;
    otx__split_unknown(s, word, size);
}

/* ---- words ---- */

/* starts, ends: the word does not continue one, nor is it continued. */
OTX__PRIVATE void otx__split_word(otx__split *s, const char *word, size_t size, bool starts,
                                  bool ends)
{
    const otx__rules *rules = s->rules;
    int64_t whole = -1;
    if (size == 0) return;
    if ((rules->whole_first && !s->is_part) || rules->how == OTX__SPLIT_WHOLE)
        whole = otx__rules_find(rules, word, size);
    if (whole >= 0) otx__split_put(s, whole);
    else if (rules->how == OTX__SPLIT_WHOLE) otx__split_unknown(s, word, size);
    else if (rules->how == OTX__SPLIT_LONGEST) otx__split_longest(s, word, size, starts);
    else if (rules->how == OTX__SPLIT_VITERBI) otx__split_viterbi(s, word, size);
    else otx__split_bpe(s, word, size, starts, ends);
}

/* Spells bytes as the tokenizer does; returns how many they become. */
OTX__PRIVATE size_t otx__split_spell(const otx__spelling *spelling, const char *bytes,
                                     size_t size, char *to)
{
    size_t i, length = 0;
    for (i = 0; i < size; i++) {
        if (spelling->family == OTX_FAMILY_BYTE_LEVEL) {
            length += otx__spell_byte(to + length, bytes[i]);
        } else if (spelling->family == OTX_FAMILY_METASPACE && bytes[i] == ' ') {
            memcpy(to + length, spelling->mark, spelling->mark_size);
            length += spelling->mark_size;
        } else {
            to[length++] = bytes[i];
        }
    }
    return length;
}

/* Whether spaces are no part of any token, but end words. */
OTX__PRIVATE bool otx__split_at_spaces(const otx__rules *rules)
{
    return (rules->how == OTX__SPLIT_LONGEST && !rules->across_words) || rules->suffix_size > 0 ||
           rules->spelling.family == OTX_FAMILY_WORDPIECE ||
           rules->spelling.family == OTX_FAMILY_WORD_SUFFIX;
}

OTX__PRIVATE void otx__split_words(otx__split *s, const char *bytes, size_t size)
{
    const otx__spelling *spelling = &s->rules->spelling;
    size_t at = 0, end;
    if (!otx__split_at_spaces(s->rules)) {
        otx__split_word(s, s->text, otx__split_spell(spelling, bytes, size, s->text), true,
                        true);
        return;
    }
    for (; at < size; at = end + 1) {
        for (end = at; end < size && bytes[end] != ' '; end++) {}
        otx__split_word(s, s->text,
                        otx__split_spell(spelling, bytes + at, end - at, s->text),
                        at > 0, end < size || spelling->silent);
    }
}

OTX_API otx_result otx_vocab_split(const otx_context *ctx, const otx_vocab *vocab,
                                   const char *bytes, size_t size, uint32_t *ids,
                                   size_t capacity, size_t *count, otx_error *error)
{
    otx__split s;
    otx_result result = OTX_OK;
    size_t room;
    memset(&s, 0, sizeof s);
    s.rules = (const otx__rules *)vocab->rules;
    if (!s.rules)
        return otx__fail(error, OTX_ERROR_ARGUMENT, "the vocabulary was read without its rules: "
                         "call otx_vocab_parse_rules or otx_vocab_open_rules first");
    room = size * otx__max(2, s.rules->spelling.mark_size) + 1;
    if (size > OTX__SPLIT_LIMIT || room > OTX__SPLIT_LIMIT)
        return otx__fail(error, OTX_ERROR_LIMIT, "a text of %" PRIu64 " bytes is too long to be "
                         "split", (uint64_t)size);
    otx__pool_open(&s.pool, ctx);
    s.ids = ids;
    s.capacity = capacity;
    s.text = (char *)otx__pool_take(&s.pool, room, 1);
    if (s.rules->how == OTX__SPLIT_VITERBI) {
        s.ways = (otx__way *)otx__pool_take(&s.pool, room, sizeof *s.ways);
    } else if (s.rules->how <= OTX__SPLIT_WEIGHTS) {
        s.symbols = (otx__symbol *)otx__pool_take(&s.pool, room, sizeof *s.symbols);
        s.heap = (otx__joining *)otx__pool_take(&s.pool, room, 3 * sizeof *s.heap);
    }
    s.steps = OTX__SPLIT_STEPS + (uint64_t)OTX__SPLIT_STEPS_A_BYTE * room;
    if (s.pool.failed) result = otx__pool_fail(&s.pool, error);
    else otx__split_words(&s, bytes, size);
    if (!result && s.steps == 0) result = otx__split_fail(NULL, size, error);
    otx__pool_close(&s.pool);
    if (!result) *count = s.count;
    return result;
}

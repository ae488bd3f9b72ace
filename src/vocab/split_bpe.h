/* ---- split_bpe: words split by byte-pair encoding ---------------------------------------- */

/* Bytes of a text at most: positions are numbers of 32 bits, and a space may become several
   bytes. */
#define OTX__SPLIT_LIMIT ((size_t)1 << 28)

/* Steps along tokens, for a text of any length and for each byte of it, so that none takes longer
   than in proportion to its length; real vocabularies take twenty. One step is a byte that tells
   tokens apart, or so many that they have in common. */
#define OTX__SPLIT_STEPS 4000000u
#define OTX__SPLIT_STEPS_A_BYTE 128u
#define OTX__SPLIT_STRIDE 128u

/* One piece of a word under BPE, in a list of those that are left. */
typedef struct otx__symbol {
    uint32_t start, size;
    uint32_t before, after; /* neighbours, or OTX__NO_SYMBOL */
    int64_t id;             /* or -1 */
} otx__symbol;

#define OTX__NO_SYMBOL UINT32_MAX

/* Two neighbours that may become one token: `at` and the one after. */
typedef struct otx__joining {
    double weight; /* the less the sooner; of equals the first */
    uint32_t at, made, size;
} otx__joining;

/* The best way to a place in a word under Unigram. */
typedef struct otx__way {
    double score;
    int64_t id;     /* of the last piece, or -1: unknown */
    uint32_t start; /* of the last piece, or OTX__NO_SYMBOL: no way leads here */
} otx__way;

typedef struct otx__split {
    const otx__rules *rules;
    otx__pool pool;
    char *text;           /* as the tokenizer spells it */
    uint32_t *ids;        /* results */
    size_t capacity, count;
    bool in_unknown;      /* the last id is the unknown token */
    bool is_part;         /* of a word that is no token: nor is it one before merges */
    uint64_t steps;       /* left; 0: they did not do */
    otx__span lost;       /* the first text that wants an unknown token, if there is none */
    otx__symbol *symbols; /* BPE */
    otx__joining *heap;
    size_t heap_count;
    otx__way *ways;       /* Unigram */
} otx__split;

OTX__PRIVATE void otx__split_put(otx__split *s, int64_t id)
{
    if (s->count < s->capacity) s->ids[s->count] = (uint32_t)id;
    s->count++;
    s->in_unknown = false;
}

/* Whether there is a token for every byte. */
OTX__PRIVATE bool otx__split_has_bytes(const otx__rules *rules, const char *text, size_t size)
{
    size_t i;
    for (i = 0; i < size && rules->bytes[(unsigned char)text[i]] >= 0; i++) {}
    return i == size;
}

/* Nothing stands for a text. */
OTX__PRIVATE void otx__split_lose(otx__split *s, const char *text, size_t size)
{
    if (s->rules->wants_unknown && !s->lost.size) s->lost = otx__span_of(text, size);
}

/* What no token stands for: its bytes, or the unknown token. */
OTX__PRIVATE void otx__split_unknown(otx__split *s, const char *text, size_t size)
{
    const otx__rules *rules = s->rules;
    size_t i;
    if (otx__split_has_bytes(rules, text, size)) {
        for (i = 0; i < size; i++) otx__split_put(s, rules->bytes[(unsigned char)text[i]]);
    } else if (rules->unknown < 0) {
        otx__split_lose(s, text, size);
    } else if (!(s->in_unknown && rules->fuse_unknown)) {
        otx__split_put(s, rules->unknown);
        s->in_unknown = true;
    }
}

/* The size of the character at a place; what is no UTF-8 goes byte by byte. */
OTX__PRIVATE size_t otx__split_step(const char *text, size_t at, size_t size)
{
    size_t step = otx__utf8_length((const unsigned char *)text + at, size - at);
    return step ? step : 1;
}

/* ---- BPE ---- */

OTX__PRIVATE bool otx__joins_sooner(const otx__joining *a, const otx__joining *b)
{
    return a->weight < b->weight || (!(a->weight > b->weight) && a->at < b->at);
}

OTX__PRIVATE void otx__heap_push(otx__split *s, const otx__joining *joining)
{
    size_t at = s->heap_count++;
    for (; at > 0 && otx__joins_sooner(joining, &s->heap[(at - 1) / 2]); at = (at - 1) / 2)
        s->heap[at] = s->heap[(at - 1) / 2];
    s->heap[at] = *joining;
}

OTX__PRIVATE otx__joining otx__heap_pop(otx__split *s)
{
    otx__joining first = s->heap[0], last = s->heap[--s->heap_count];
    size_t at = 0, child;
    while ((child = 2 * at + 1) < s->heap_count) {
        if (child + 1 < s->heap_count && otx__joins_sooner(&s->heap[child + 1], &s->heap[child]))
            child++;
        if (!otx__joins_sooner(&s->heap[child], &last)) break;
        s->heap[at] = s->heap[child];
        at = child;
    }
    s->heap[at] = last;
    return first;
}

/* Whether a symbol and the one after it may become one, and which. */
OTX__PRIVATE bool otx__split_joins(const otx__split *s, const char *text, uint32_t at,
                                   otx__joining *joining)
{
    const otx__rules *rules = s->rules;
    const otx__symbol *left = &s->symbols[at], *right;
    if (left->after == OTX__NO_SYMBOL) return false;
    right = &s->symbols[left->after];
    joining->at = at;
    joining->size = left->size + right->size;
    if (rules->how == OTX__SPLIT_MERGES) {
        const otx__merge *merge = otx__rules_merge(rules, left->id, right->id);
        if (!merge) return false;
        joining->made = merge->made;
        joining->weight = (double)merge->rank;
    } else {
        int64_t made = otx__rules_find(rules, text + left->start, joining->size);
        if (made < 0) return false;
        joining->made = (uint32_t)made;
        joining->weight = rules->weights[made];
    }
    return true;
}

OTX__PRIVATE void otx__split_offer(otx__split *s, const char *text, uint32_t at)
{
    otx__joining joining;
    if (at != OTX__NO_SYMBOL && otx__split_joins(s, text, at, &joining))
        otx__heap_push(s, &joining);
}

/* The token of the first piece of a character: with what marks one within a word, or at its
   end. */
OTX__PRIVATE int64_t otx__split_character(const otx__split *s, const char *character,
                                          size_t size, bool first, bool last)
{
    const otx__rules *rules = s->rules;
    char whole[80];
    size_t length = 0;
    if (!first) {
        memcpy(whole, rules->prefix, rules->prefix_size);
        length = rules->prefix_size;
    }
    memcpy(whole + length, character, size);
    length += size;
    if (last) {
        memcpy(whole + length, rules->suffix, rules->suffix_size);
        length += rules->suffix_size;
    }
    return otx__rules_find(rules, whole, length);
}

/* Whether nothing at all stands for a character that is no token: what is beside it is then
   joined as if it were not there. */
OTX__PRIVATE bool otx__split_is_lost(const otx__rules *rules, const char *character, size_t size)
{
    return rules->how == OTX__SPLIT_MERGES && rules->unknown < 0 &&
           !otx__split_has_bytes(rules, character, size);
}

/* One more of the pieces to begin with. */
OTX__PRIVATE void otx__split_begin(otx__split *s, size_t *count, size_t start, size_t size,
                                   int64_t id)
{
    otx__symbol *symbol = &s->symbols[*count];
    symbol->start = (uint32_t)start;
    symbol->size = (uint32_t)size;
    symbol->before = *count ? (uint32_t)*count - 1 : OTX__NO_SYMBOL;
    symbol->after = (uint32_t)*count + 1;
    symbol->id = id;
    ++*count;
}

/* What stands for a character that is no token where merges make more of it: the tokens of its
   bytes; or the unknown token, `unknown` bytes of which wait: it goes on with one before it
   and, as in the tokenizers package, stands behind the bytes of what comes after it. */
OTX__PRIVATE void otx__split_stand_in(otx__split *s, const char *word, size_t at, size_t step,
                                      size_t *count, size_t *unknown)
{
    const otx__rules *rules = s->rules;
    size_t i;
    if (otx__split_has_bytes(rules, word + at, step)) {
        for (i = at; i < at + step; i++)
            otx__split_begin(s, count, i, 1, rules->bytes[(unsigned char)word[i]]);
    } else if (rules->unknown < 0) {
        otx__split_lose(s, word + at, step);
    } else {
        if (*unknown && !rules->fuse_unknown) {
            otx__split_begin(s, count, at, *unknown, rules->unknown);
            *unknown = 0;
        }
        *unknown += step;
    }
}

/* Cuts a word into the pieces to begin with: no more of them than bytes. */
OTX__PRIVATE size_t otx__split_symbols(otx__split *s, const char *word, size_t size,
                                       bool starts, bool ends)
{
    const otx__rules *rules = s->rules;
    size_t at, step, count = 0, unknown = 0;
    for (at = 0; at < size; at += step) {
        int64_t id;
        step = rules->by_bytes ? 1 : otx__split_step(word, at, size);
        id = otx__split_character(s, word + at, step, starts && at == 0, ends && at + step == size);
        if (id < 0 && rules->stands_in) {
            otx__split_stand_in(s, word, at, step, &count, &unknown);
            continue;
        }
        if (unknown) otx__split_begin(s, &count, at, unknown, rules->unknown);
        unknown = 0;
        if (id >= 0 || !otx__split_is_lost(rules, word + at, step))
            otx__split_begin(s, &count, at, step, id);
    }
    if (unknown) otx__split_begin(s, &count, at, unknown, rules->unknown);
    if (count) s->symbols[count - 1].after = OTX__NO_SYMBOL;
    return count;
}

/* Joins what may be joined, the soonest first, until nothing may be. What was offered before
   one of the two changed is passed over. */
OTX__PRIVATE void otx__split_bpe(otx__split *s, const char *word, size_t size, bool starts,
                                 bool ends)
{
    size_t count = otx__split_symbols(s, word, size, starts, ends);
    uint32_t at;
    s->heap_count = 0;
    for (at = 0; at < count; at++) otx__split_offer(s, word, at);
    while (s->heap_count > 0) {
        otx__joining next = otx__heap_pop(s), now;
        otx__symbol *left = &s->symbols[next.at], *right;
        if (left->size == 0 || !otx__split_joins(s, word, next.at, &now) ||
            now.made != next.made || now.size != next.size)
            continue;
        right = &s->symbols[left->after];
        left->size = next.size;
        left->id = (int64_t)next.made;
        left->after = right->after;
        if (left->after != OTX__NO_SYMBOL) s->symbols[left->after].before = next.at;
        right->size = 0;
        otx__split_offer(s, word, left->before);
        otx__split_offer(s, word, next.at);
    }
    for (at = 0; at != OTX__NO_SYMBOL && count > 0; at = s->symbols[at].after) {
        const otx__symbol *symbol = &s->symbols[at];
        if (symbol->id >= 0) otx__split_put(s, symbol->id);
        else otx__split_unknown(s, word + symbol->start, symbol->size);
    }
}

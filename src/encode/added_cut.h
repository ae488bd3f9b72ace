/* ---- added_cut: added tokens, cut out of a text ----------------------------------------- */

/* An added token and how it is met. */
typedef struct otx__cut_token {
    otx__span text;  /* what is looked for */
    uint32_t id;
    uint32_t order;  /* of two that are alike the lower one is met */
    bool left, right; /* it takes the spaces there with it */
    bool alone;      /* it is met only where no letters or digits are beside it */
} otx__cut_token;

/* Those that are looked for at one stage. Of several that begin at a place the longest is met,
   and the text goes on behind it: sorted, a place is looked up in a range of them that every
   byte narrows; most places are passed over by their first two bytes. */
typedef struct otx__cut_set {
    otx__cut_token *tokens;  /* by text */
    size_t count;
    const otx__tidy_table *words; /* letters, digits and marks, if any stands alone */
    uint8_t pairs[8192];     /* a bit for two bytes that one begins with */
} otx__cut_set;

OTX__PRIVATE int otx__compare_cut(const void *a, const void *b)
{
    const otx__cut_token *x = (const otx__cut_token *)a, *y = (const otx__cut_token *)b;
    const int order =
        otx__compare_bytes(x->text.bytes, x->text.size, y->text.bytes, y->text.size);
    return order ? order : x->order < y->order ? -1 : x->order > y->order;
}

OTX__PRIVATE void otx__cut_mark(otx__cut_set *set, unsigned pair)
{
    set->pairs[pair >> 3] |= (uint8_t)(1u << (pair & 7));
}

/* When all tokens are in it. */
OTX__PRIVATE void otx__cut_settle(otx__cut_set *set)
{
    size_t i;
    unsigned second;
    otx__sort(set->tokens, set->count, sizeof *set->tokens, otx__compare_cut);
    for (i = 0; i < set->count; i++) {
        const unsigned char *text = (const unsigned char *)set->tokens[i].text.bytes;
        if (set->tokens[i].text.size > 1) {
            otx__cut_mark(set, (unsigned)text[0] << 8 | text[1]);
            continue;
        }
        for (second = 0; second < 256; second++)
            otx__cut_mark(set, (unsigned)text[0] << 8 | second);
    }
}

/* Narrows a range, whose tokens are alike up to `at`, to those that go on with `byte`. */
OTX__PRIVATE void otx__cut_narrow(const otx__cut_set *set, size_t *low, size_t *high, size_t at,
                                  unsigned char byte)
{
    size_t bound[2], side;
    for (side = 0; side < 2; side++) { /* the first with this byte or more, then with more */
        size_t from = *low, to = *high;
        while (from < to) {
            const size_t middle = from + (to - from) / 2;
            const otx__span other = set->tokens[middle].text;
            const int next = other.size > at ? (unsigned char)other.bytes[at] : -1;
            if (next < (int)byte + (int)side) from = middle + 1;
            else to = middle;
        }
        bound[side] = from;
    }
    *low = bound[0];
    *high = bound[1];
}

/* The longest token at the beginning of a text, or NULL; also where the steps are used up. */
OTX__PRIVATE const otx__cut_token *otx__cut_longest(const otx__cut_set *set, const char *text,
                                                    size_t size, uint64_t *steps)
{
    size_t low = 0, high = set->count, at = 0;
    const otx__cut_token *best = NULL;
    while (at < size && low < high && *steps > 0) {
        const otx__span first = set->tokens[low].text, last = set->tokens[high - 1].text;
        const size_t same = otx__alike_all(text + at, size - at, first, last, at, steps);
        if (same == 0) otx__cut_narrow(set, &low, &high, at, (unsigned char)text[at]);
        at += otx__max(same, 1);
        if (low < high && set->tokens[low].text.size == at) best = &set->tokens[low];
    }
    return best;
}

/* ---- what is beside a token ---- */

/* The place of the character before `at`. */
OTX__PRIVATE size_t otx__utf8_before(const char *text, size_t at)
{
    size_t steps = 1;
    while (steps < 4 && steps < at && ((unsigned char)text[at - steps] & 0xc0) == 0x80) steps++;
    return at - steps;
}

/* Where the spaces before a place begin, but not before `least`. */
OTX__PRIVATE size_t otx__spaces_before(const char *text, size_t at, size_t least)
{
    while (at > least) {
        const size_t before = otx__utf8_before(text, at);
        size_t next = before;
        if (before < least || !otx__is_white(otx__utf8_next(text, at, &next))) break;
        at = before;
    }
    return at;
}

OTX__PRIVATE size_t otx__spaces_after(const char *text, size_t at, size_t size)
{
    size_t next = at;
    for (; at < size; at = next)
        if (!otx__is_white(otx__utf8_next(text, size, &next))) break;
    return at;
}

/* Whether letters or digits are beside a token. */
OTX__PRIVATE bool otx__cut_in_word(const otx__tidy_table *words, const char *text, size_t start,
                                   size_t end, size_t size)
{
    size_t at;
    if (start > 0) {
        at = otx__utf8_before(text, start);
        if (otx__tidy_find(words, otx__utf8_next(text, start, &at))) return true;
    }
    at = end;
    return end < size && otx__tidy_find(words, otx__utf8_next(text, size, &at)) != NULL;
}

/* ---- a text ---- */

/* Goes through a text: its parts, one after the other. */
typedef struct otx__parting {
    const otx__cut_set *set;
    uint64_t *steps;   /* left for all that is looked for in a text; 0: they did not do */
    otx__span text;
    size_t at;         /* where the next token is looked for */
    size_t done;       /* what comes before was given */
    size_t white, white_end; /* spaces that were looked at last */
    size_t start, end; /* of the token that was found and not yet given, with its spaces */
    const otx__cut_token *found;
} otx__parting;

OTX__PRIVATE void otx__parting_open(otx__parting *c, const otx__cut_set *set, otx__span text,
                                    uint64_t *steps)
{
    memset(c, 0, sizeof *c);
    c->set = set;
    c->text = text;
    c->steps = steps;
}

/* Where the spaces behind a token end: those of one row are gone through once, however many
   tokens are among them. */
OTX__PRIVATE size_t otx__parting_spaces(otx__parting *c)
{
    if (c->at < c->white || c->at > c->white_end) {
        c->white = c->at;
        c->white_end = otx__spaces_after(c->text.bytes, c->at, c->text.size);
    }
    return c->white_end;
}

/* Finds the next token, if there is one. */
OTX__PRIVATE void otx__parting_find(otx__parting *c)
{
    const unsigned char *text = (const unsigned char *)c->text.bytes;
    const size_t size = c->text.size;
    while (c->at < size && c->set->count > 0 && !c->found && *c->steps > 0) {
        const size_t at = c->at++;
        const unsigned pair = (unsigned)text[at] << 8 | (at + 1 < size ? text[at + 1] : 0u);
        const otx__cut_token *token;
        if (!(c->set->pairs[pair >> 3] >> (pair & 7) & 1)) continue;
        token = otx__cut_longest(c->set, c->text.bytes + at, size - at, c->steps);
        if (!token) continue;
        c->at = at + token->text.size;
        if (token->alone && otx__cut_in_word(c->set->words, c->text.bytes, at, c->at, size))
            continue;
        c->start = at;
        if (token->left) /* those that the one before took are not there twice */
            c->start = otx__max(otx__spaces_before(c->text.bytes, at, c->done), c->done);
        c->end = token->right ? otx__parting_spaces(c) : c->at;
        c->found = c->start < c->end ? token : NULL;
    }
}

/* The next part: a token, or text without any, for which *token is NULL. False at the end. */
OTX__PRIVATE bool otx__parting_next(otx__parting *c, otx__span *part,
                                    const otx__cut_token **token)
{
    size_t end = c->text.size;
    *token = NULL;
    if (!c->found) otx__parting_find(c);
    if (c->found) end = c->start;
    if (end > c->done) {
        *part = otx__span_of(c->text.bytes + c->done, end - c->done);
        c->done = end;
        return true;
    }
    *token = c->found;
    if (c->found) c->done = c->end;
    c->found = NULL;
    return *token != NULL;
}

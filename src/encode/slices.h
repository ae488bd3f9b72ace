/* ---- slices: a text in pieces, and ways to cut it further ------------------------------ */

/* Bytes of a text before any step, which makes it six times as long at most: places are numbers
   of 32 bits. */
#define OTX__SLICED_LIMIT ((size_t)1 << 28)

/* A part of the text of otx__slices, in bytes. */
typedef struct otx__slice {
    uint32_t start, end;
} otx__slice;

/* A text in pieces, in order; none is empty. What a pre-tokenizer removes is in none. */
typedef struct otx__slices {
    const otx_context *ctx;
    otx__text text;              /* what the pieces are parts of */
    otx__slice *items;
    size_t count, capacity;
    otx__text next_text;         /* what a step makes of them */
    otx__slice *next_items;
    size_t next_count, next_capacity;
    otx__matcher matcher;
    size_t lead;                 /* bytes of the text that stand where the user's begins */
    bool failed;                 /* out of memory */
} otx__slices;

OTX__PRIVATE void otx__slices_open(otx__slices *slices, const otx_context *ctx)
{
    memset(slices, 0, sizeof *slices);
    slices->ctx = ctx;
    otx__text_open(&slices->text, ctx);
    otx__text_open(&slices->next_text, ctx);
    otx__matcher_open(&slices->matcher, ctx);
}

OTX__PRIVATE void otx__slices_close(otx__slices *slices)
{
    const otx_context *ctx = slices->ctx;
    otx__text_close(&slices->text);
    otx__text_close(&slices->next_text);
    otx__matcher_close(&slices->matcher);
    if (slices->capacity)
        otx__free(ctx, slices->items, slices->capacity, sizeof *slices->items);
    if (slices->next_capacity)
        otx__free(ctx, slices->next_items, slices->next_capacity, sizeof *slices->next_items);
    otx__slices_open(slices, ctx);
}

/* Adds a piece of the next step's; an empty one is none. */
OTX__PRIVATE void otx__slices_put(otx__slices *slices, size_t start, size_t end)
{
    void *items = slices->next_items;
    if (start >= end || slices->failed) return;
    if (slices->next_count == slices->next_capacity &&
        !otx__grow(slices->ctx, &items, &slices->next_capacity, slices->next_count + 1,
                   sizeof *slices->next_items)) {
        slices->failed = true;
        return;
    }
    slices->next_items = (otx__slice *)items;
    slices->next_items[slices->next_count].start = (uint32_t)start;
    slices->next_items[slices->next_count++].end = (uint32_t)end;
}

/* Puts what a step has made in the place of what it had; with a text of its own, if it wrote
   one. */
OTX__PRIVATE void otx__slices_turn(otx__slices *slices, bool rewritten)
{
    otx__slice *items = slices->items;
    const size_t capacity = slices->capacity;
    slices->items = slices->next_items;
    slices->count = slices->next_count;
    slices->capacity = slices->next_capacity;
    slices->next_items = items;
    slices->next_count = 0;
    slices->next_capacity = capacity;
    if (rewritten) {
        const otx__text text = slices->text;
        slices->text = slices->next_text;
        slices->next_text = text;
    }
    slices->next_text.size = 0;
    slices->failed = slices->failed || slices->text.failed || slices->next_text.failed;
}

/* ---- what becomes of matches ---- */

/* As the tokenizers package names them. */
typedef enum otx__behaviour {
    OTX__CUT_REMOVED, OTX__CUT_ISOLATED, OTX__CUT_MERGED_WITH_PREVIOUS,
    OTX__CUT_MERGED_WITH_NEXT, OTX__CUT_CONTIGUOUS
} otx__behaviour;

/* One piece cut at matches, which come in order. */
typedef struct otx__cutting {
    otx__slices *slices;
    otx__behaviour behaviour;
    bool invert;          /* what lies between matches counts as such */
    size_t done;          /* up to where parts have come */
    size_t open, end;     /* a piece that may still grow */
    bool has_open, matched;
} otx__cutting;

OTX__PRIVATE void otx__cutting_open(otx__cutting *c, otx__slices *slices,
                                    otx__behaviour behaviour, bool invert, size_t start)
{
    memset(c, 0, sizeof *c);
    c->slices = slices;
    c->behaviour = behaviour;
    c->invert = invert;
    c->done = start;
}

OTX__PRIVATE void otx__cutting_flush(otx__cutting *c)
{
    if (c->has_open) otx__slices_put(c->slices, c->open, c->end);
    c->has_open = false;
}

/* The next part of the piece: a match, or what lies between two. Two matches in a row do not
   merge with what is beside them but for the outer ones; with the next means that the last of
   them does. */
OTX__PRIVATE void otx__cutting_part(otx__cutting *c, size_t start, size_t end, bool match)
{
    bool grows = false;
    match = match != c->invert;
    switch (c->behaviour) {
    case OTX__CUT_REMOVED:
        if (!match) otx__slices_put(c->slices, start, end);
        return;
    case OTX__CUT_ISOLATED: otx__slices_put(c->slices, start, end); return;
    case OTX__CUT_MERGED_WITH_PREVIOUS: grows = match && !c->matched; break;
    case OTX__CUT_MERGED_WITH_NEXT: grows = c->matched && !match; break;
    case OTX__CUT_CONTIGUOUS: grows = match == c->matched; break;
    }
    if (!grows || !c->has_open) {
        otx__cutting_flush(c);
        c->open = start;
        c->has_open = true;
    }
    c->end = end;
    c->matched = match;
}

/* A match, with what lies before it. */
OTX__PRIVATE void otx__cutting_match(otx__cutting *c, size_t start, size_t end)
{
    if (c->done < start) otx__cutting_part(c, c->done, start, false);
    otx__cutting_part(c, start, end, true);
    c->done = end;
}

OTX__PRIVATE void otx__cutting_close(otx__cutting *c, size_t end)
{
    if (c->done < end) otx__cutting_part(c, c->done, end, false);
    otx__cutting_flush(c);
}

/* ---- steps ---- */

/* What matches. */
typedef enum otx__match_kind {
    OTX__MATCH_PATTERN,  /* a regular expression */
    OTX__MATCH_TABLE,    /* any character of a table */
    OTX__MATCH_TEXT      /* a text; one that is empty matches as an expression does */
} otx__match_kind;

typedef struct otx__cut_rule {
    otx__match_kind kind;
    otx__behaviour behaviour;
    bool invert;
    otx__pattern pattern;
    otx__char_table table;
    const char *text;
    size_t text_size;
} otx__cut_rule;

OTX__PRIVATE void otx__cut_by_table(otx__cutting *c, const otx__char_table *table, size_t start,
                                    size_t end)
{
    const unsigned char *text = (const unsigned char *)c->slices->text.bytes;
    size_t at = start, step;
    for (; at < end; at += step) {
        step = otx__split_step((const char *)text, at, end);
        if (otx__char_table_step(table, text + at, end - at))
            otx__cutting_match(c, at, at + step);
    }
}

OTX__PRIVATE void otx__cut_by_text(otx__cutting *c, const otx__cut_rule *rule, size_t start,
                                   size_t end)
{
    const char *text = c->slices->text.bytes;
    const size_t size = rule->text_size;
    size_t at = start;
    while (end - at >= size) {
        const char *first = (const char *)memchr(text + at, rule->text[0], end - at - size + 1);
        if (!first) return;
        at = (size_t)(first - text);
        if (memcmp(first, rule->text, size) == 0) {
            otx__cutting_match(c, at, at + size);
            at += size;
        } else {
            at++;
        }
    }
}

/* The text of a piece is all that an expression sees. */
OTX__PRIVATE void otx__cut_by_pattern(otx__cutting *c, otx__matcher *m, size_t start, size_t end)
{
    otx__pattern_walk walk;
    size_t first, last;
    walk.next = 0;
    walk.last_end = SIZE_MAX;
    m->text = (const unsigned char *)c->slices->text.bytes + start;
    m->size = end - start;
    while (otx__pattern_next(m, &walk, &first, &last))
        otx__cutting_match(c, start + first, start + last);
}

/* Cuts every piece by a rule. */
OTX__PRIVATE otx_result otx__slices_cut(otx__slices *slices, const otx__cut_rule *rule,
                                        otx_error *error)
{
    otx__matcher *m = &slices->matcher;
    size_t i;
    if (rule->kind == OTX__MATCH_PATTERN && !otx__matcher_set(m, &rule->pattern))
        return otx__matcher_fail(m, 0, error);
    for (i = 0; i < slices->count && !slices->failed; i++) {
        const otx__slice slice = slices->items[i];
        otx__cutting cutting;
        otx__cutting_open(&cutting, slices, rule->behaviour, rule->invert, slice.start);
        if (rule->kind == OTX__MATCH_TABLE)
            otx__cut_by_table(&cutting, &rule->table, slice.start, slice.end);
        else if (rule->kind == OTX__MATCH_TEXT)
            otx__cut_by_text(&cutting, rule, slice.start, slice.end);
        else otx__cut_by_pattern(&cutting, m, slice.start, slice.end);
        if (m->result) return otx__matcher_fail(m, cutting.done, error);
        otx__cutting_close(&cutting, slice.end);
    }
    otx__slices_turn(slices, false);
    return OTX_OK;
}

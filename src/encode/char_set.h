/* ---- char_set: sets of characters ------------------------------------------------------ */

/* The greatest character. What is no UTF-8 counts as U+FFFD, a byte at a time. */
#define OTX__LAST_CODE 0x10ffffu
#define OTX__NO_CODE 0xfffdu

typedef struct otx__code_range {
    uint32_t first, last;
} otx__code_range;

/* A set of characters. Every operation takes settled sets (in order, apart) and leaves such;
   only otx__char_set_add does not, which otx__char_set_settle has to follow. One that has
   failed stays as it is: memory is asked after once, at the end. */
typedef struct otx__char_set {
    const otx_context *ctx;
    otx__code_range *items;
    size_t count, capacity;
    bool failed;
} otx__char_set;

OTX__PRIVATE void otx__char_set_open(otx__char_set *set, const otx_context *ctx)
{
    memset(set, 0, sizeof *set);
    set->ctx = ctx;
}

OTX__PRIVATE void otx__char_set_close(otx__char_set *set)
{
    if (set->capacity) otx__free(set->ctx, set->items, set->capacity, sizeof *set->items);
    otx__char_set_open(set, set->ctx);
}

OTX__PRIVATE void otx__char_set_add(otx__char_set *set, uint32_t first, uint32_t last)
{
    void *items = set->items;
    otx__code_range *before = set->count ? &set->items[set->count - 1] : NULL;
    if (set->failed) return;
    if (before && first > before->last && first - before->last == 1) {
        before->last = last;
        return;
    }
    if (!otx__grow(set->ctx, &items, &set->capacity, set->count + 1, sizeof *set->items)) {
        set->failed = true;
        return;
    }
    set->items = (otx__code_range *)items;
    set->items[set->count].first = first;
    set->items[set->count++].last = last;
}

OTX__PRIVATE int otx__compare_code_ranges(const void *a, const void *b)
{
    const otx__code_range *x = (const otx__code_range *)a, *y = (const otx__code_range *)b;
    return x->first < y->first ? -1 : x->first > y->first;
}

/* Puts what was added in order, and joins what touches. */
OTX__PRIVATE void otx__char_set_settle(otx__char_set *set)
{
    size_t kept = 0, i;
    if (set->failed || set->count == 0) return;
    otx__sort(set->items, set->count, sizeof *set->items, otx__compare_code_ranges);
    for (i = 1; i < set->count; i++) {
        const otx__code_range next = set->items[i];
        if (next.first <= set->items[kept].last + 1)
            set->items[kept].last = (uint32_t)otx__max(set->items[kept].last, next.last);
        else set->items[++kept] = next;
    }
    set->count = kept + 1;
}

/* Adds all of another. */
OTX__PRIVATE void otx__char_set_join(otx__char_set *set, const otx__char_set *other)
{
    size_t i;
    set->failed = set->failed || other->failed;
    for (i = 0; i < other->count; i++)
        otx__char_set_add(set, other->items[i].first, other->items[i].last);
    otx__char_set_settle(set);
}

/* Makes a set that of all other characters. */
OTX__PRIVATE void otx__char_set_invert(otx__char_set *set)
{
    otx__char_set others;
    uint32_t next = 0;
    size_t i;
    otx__char_set_open(&others, set->ctx);
    for (i = 0; i < set->count; i++) {
        if (set->items[i].first > next)
            otx__char_set_add(&others, next, set->items[i].first - 1);
        next = set->items[i].last + 1;
    }
    if (next <= OTX__LAST_CODE) otx__char_set_add(&others, next, OTX__LAST_CODE);
    others.failed = others.failed || set->failed;
    otx__char_set_close(set);
    *set = others;
}

/* Leaves what the other has too. */
OTX__PRIVATE void otx__char_set_meet(otx__char_set *set, const otx__char_set *other)
{
    otx__char_set shared;
    size_t i = 0, k = 0;
    otx__char_set_open(&shared, set->ctx);
    while (i < set->count && k < other->count) {
        const otx__code_range *a = &set->items[i], *b = &other->items[k];
        const uint32_t first = a->first > b->first ? a->first : b->first;
        const uint32_t last = a->last < b->last ? a->last : b->last;
        if (first <= last) otx__char_set_add(&shared, first, last);
        if (a->last < b->last) i++;
        else k++;
    }
    shared.failed = shared.failed || set->failed || other->failed;
    otx__char_set_close(set);
    *set = shared;
}

OTX__PRIVATE bool otx__code_among(const otx__code_range *items, size_t count, uint32_t code)
{
    size_t low = 0, high = count;
    while (low < high) {
        const size_t middle = low + (high - low) / 2;
        if (code > items[middle].last) low = middle + 1;
        else high = middle;
    }
    return low < count && code >= items[low].first;
}

OTX__PRIVATE bool otx__char_set_has(const otx__char_set *set, uint32_t code)
{
    return otx__code_among(set->items, set->count, code);
}

/* ---- characters in a text ---- */

/* The character at a place before the end of a text, and its size in bytes. */
OTX__PRIVATE size_t otx__code_at(const unsigned char *text, size_t size, uint32_t *code)
{
    const size_t length = otx__utf8_length(text, size);
    *code = length ? otx__utf8_code(text, length) : OTX__NO_CODE;
    return length ? length : 1;
}

/* ---- sets as they are looked into ---- */

/* A set whose first 65,536 characters are bits, for speed. */
typedef struct otx__char_table {
    uint8_t *bits;                /* 8 KiB */
    const otx__code_range *items; /* all of it, in order */
    size_t count;
} otx__char_table;

#define OTX__CHAR_TABLE_BYTES 8192u

/* The table of a settled set, in a pool; false when that is out of memory. */
OTX__PRIVATE bool otx__char_table_make(otx__pool *pool, const otx__char_set *set,
                                       otx__char_table *table)
{
    otx__code_range *items =
        (otx__code_range *)otx__pool_take(pool, set->count, sizeof *items);
    size_t i;
    table->bits = (uint8_t *)otx__pool_take_zero(pool, OTX__CHAR_TABLE_BYTES, 1);
    table->items = items;
    table->count = set->count;
    if (!items || !table->bits) return false;
    for (i = 0; i < set->count; i++) {
        uint32_t code = set->items[i].first;
        items[i] = set->items[i];
        for (; code <= items[i].last && code < 0x10000u; code++)
            table->bits[code >> 3] |= (uint8_t)(1u << (code & 7));
    }
    return true;
}

OTX__PRIVATE bool otx__char_table_has(const otx__char_table *table, uint32_t code)
{
    if (code < 0x10000u) return (table->bits[code >> 3] >> (code & 7) & 1) != 0;
    return otx__code_among(table->items, table->count, code);
}

/* The size in bytes of the character at a place before the end of a text, if the set has it;
   else 0. */
OTX__PRIVATE size_t otx__char_table_step(const otx__char_table *table,
                                         const unsigned char *text, size_t size)
{
    uint32_t code = text[0];
    size_t step = 1;
    if (code >= 0x80) step = otx__code_at(text, size, &code);
    return otx__char_table_has(table, code) ? step : 0;
}

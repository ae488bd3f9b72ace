/* ---- normal_forms: Unicode's four normal forms ------------------------------------------ */

/* What a character is made of. */
typedef struct otx__form {
    uint32_t code;
    uint32_t at;          /* its parts, in otx__forms.parts */
    uint16_t count, kind; /* kind 0: of compatibility, all parts; 1, 2: one or two, that may be
                             made of others; from those of 1 it is made again */
} otx__form;

/* Two characters that are one together. */
typedef struct otx__composed {
    uint32_t first, second, made;
} otx__composed;

/* A character in a text that is put in order. */
typedef struct otx__ordered {
    uint32_t code, order, place; /* order: its combining class */
} otx__ordered;

typedef struct otx__forms {
    otx__form *items; /* by code */
    size_t count;
    uint32_t *parts;
    otx__composed *pairs; /* by first, second */
    size_t pair_count;
    otx__tidy_table classes;
    uint8_t pages[0x1100]; /* by code / 256: there is a form, a class, or both */
} otx__forms;

#define OTX__HANGUL_FIRST 0xac00u
#define OTX__HANGUL_COUNT 11172u

/* ---- reading ---- */

/* Keeps an entry; its parts are differences to those of the entry before. */
OTX__PRIVATE void otx__forms_keep(otx__forms *forms, const uint32_t numbers[33],
                                  uint32_t last[32], uint32_t *code, uint32_t *used)
{
    otx__form *form = &forms->items[forms->count++];
    const uint32_t head = numbers[0], count = head % 96 / 3;
    uint32_t i;
    *code += head / 96 + 1;
    form->code = *code;
    form->kind = (uint16_t)(head % 3);
    form->count = (uint16_t)count;
    form->at = *used;
    for (i = 0; i < count; i++) {
        last[i] = otx__unpack_add(last[i] + (count == 1), numbers[i + 1]);
        forms->parts[(*used)++] = last[i];
    }
    forms->pages[*code >> 8] = 1;
}

enum { OTX__FORMS_ROOM = 6144, OTX__FORM_PARTS_ROOM = 16384 };

OTX__PRIVATE void otx__forms_unpack(otx__forms *forms)
{
    otx__unpack packed = otx__unpack_open(otx__forms_table);
    uint32_t numbers[33], last[32], code = UINT32_MAX, used = 0, head, run, i;
    memset(last, 0, sizeof last);
    while (otx__unpack_next(&packed, &head)) {
        run = 1;
        if (head == 0) {
            if (!otx__unpack_next(&packed, &run) || !otx__unpack_next(&packed, &head)) return;
            run += 3;
        }
        numbers[0] = head;
        for (i = 0; i < head % 96 / 3; i++)
            if (!otx__unpack_next(&packed, &numbers[i + 1])) return;
        for (; run > 0 && forms->count < OTX__FORMS_ROOM &&
               used + 32 <= OTX__FORM_PARTS_ROOM; run--)
            otx__forms_keep(forms, numbers, last, &code, &used);
    }
}

OTX__PRIVATE int otx__compare_composed(const void *a, const void *b)
{
    const otx__composed *x = (const otx__composed *)a, *y = (const otx__composed *)b;
    if (x->first != y->first) return x->first < y->first ? -1 : 1;
    return x->second < y->second ? -1 : x->second > y->second;
}

/* On failure the pool says so. */
OTX__PRIVATE void otx__forms_read(otx__pool *pool, otx__forms *forms)
{
    size_t i;
    memset(forms, 0, sizeof *forms);
    forms->items = (otx__form *)otx__pool_take(pool, OTX__FORMS_ROOM, sizeof *forms->items);
    forms->parts = (uint32_t *)otx__pool_take(pool, OTX__FORM_PARTS_ROOM, sizeof *forms->parts);
    forms->pairs = (otx__composed *)otx__pool_take(pool, OTX__FORMS_ROOM, sizeof *forms->pairs);
    otx__ranges_read(pool, otx__classes_table, true, &forms->classes);
    if (pool->failed) return;
    otx__forms_unpack(forms);
    for (i = 0; i < forms->count; i++) {
        const otx__form *form = &forms->items[i];
        otx__composed *pair = &forms->pairs[forms->pair_count];
        if (form->kind != 1 || form->count != 2) continue;
        pair->first = forms->parts[form->at];
        pair->second = forms->parts[form->at + 1];
        pair->made = form->code;
        forms->pair_count++;
    }
    otx__sort(forms->pairs, forms->pair_count, sizeof *forms->pairs, otx__compare_composed);
    for (i = 0; i < forms->classes.count; i++)
        forms->pages[forms->classes.ranges[i].first >> 8] =
            forms->pages[forms->classes.ranges[i].last >> 8] = 1;
}

/* ---- one character ---- */

OTX__PRIVATE const otx__form *otx__form_of(const otx__forms *forms, uint32_t code)
{
    size_t low = 0, high = forms->count;
    while (low < high) {
        const size_t middle = low + (high - low) / 2;
        if (forms->items[middle].code < code) low = middle + 1;
        else high = middle;
    }
    return low < forms->count && forms->items[low].code == code ? &forms->items[low] : NULL;
}

OTX__PRIVATE uint32_t otx__class_of(const otx__forms *forms, uint32_t code)
{
    const otx__tidy_range *range;
    if (!forms->pages[code >> 8]) return 0;
    range = otx__tidy_find(&forms->classes, code);
    return range ? range->value : 0;
}

/* What two characters are together, or 0. */
OTX__PRIVATE uint32_t otx__compose(const otx__forms *forms, uint32_t first, uint32_t second)
{
    otx__composed wanted;
    const otx__composed *found;
    const uint32_t lead = first - 0x1100, vowel = second - 0x1161;
    const uint32_t syllable = first - OTX__HANGUL_FIRST, tail = second - 0x11a7;
    if (lead < 19 && vowel < 21) return OTX__HANGUL_FIRST + (lead * 21 + vowel) * 28;
    if (syllable < OTX__HANGUL_COUNT && syllable % 28 == 0 && tail > 0 && tail < 28)
        return first + tail;
    wanted.first = first;
    wanted.second = second;
    wanted.made = 0;
    found = (const otx__composed *)otx__sorted_find(forms->pairs, forms->pair_count,
                                                    sizeof wanted, &wanted,
                                                    otx__compare_composed);
    return found ? found->made : 0;
}

/* ---- a part of a text ---- */

/* A text on its way to a normal form. */
typedef struct otx__forming {
    const otx_context *ctx;
    const otx__forms *forms;
    bool wide, compose; /* the forms of compatibility; composed again */
    otx__ordered *items;
    size_t count, room;
    bool failed;
} otx__forming;

OTX__PRIVATE void otx__forming_put(otx__forming *f, uint32_t code)
{
    void *items = f->items;
    if (f->failed || !otx__grow(f->ctx, &items, &f->room, f->count + 1, sizeof *f->items)) {
        f->failed = true;
        return;
    }
    f->items = (otx__ordered *)items;
    f->items[f->count].code = code;
    f->items[f->count].order = otx__class_of(f->forms, code);
    f->items[f->count].place = (uint32_t)f->count;
    f->count++;
}

OTX__PRIVATE void otx__decompose(otx__forming *f, uint32_t code)
{
    uint32_t waiting[16], count = 1;
    waiting[0] = code;
    while (count > 0) { /* the first part of one may be made of others */
        const uint32_t next = waiting[--count], syllable = next - OTX__HANGUL_FIRST;
        const otx__form *form = NULL;
        uint32_t i;
        if (syllable < OTX__HANGUL_COUNT) {
            otx__forming_put(f, 0x1100 + syllable / 588);
            otx__forming_put(f, 0x1161 + syllable % 588 / 28);
            if (syllable % 28) otx__forming_put(f, 0x11a7 + syllable % 28);
            continue;
        }
        if (f->forms->pages[next >> 8]) form = otx__form_of(f->forms, next);
        if (!form || (form->kind == 0 && !f->wide)) {
            otx__forming_put(f, next);
        } else if (form->kind == 0) {
            for (i = 0; i < form->count; i++)
                otx__forming_put(f, f->forms->parts[form->at + i]);
        } else {
            for (i = form->count; i-- > 0 && count < OTX__COUNT(waiting);)
                waiting[count++] = f->forms->parts[form->at + i];
        }
    }
}

OTX__PRIVATE int otx__compare_ordered(const void *a, const void *b)
{
    const otx__ordered *x = (const otx__ordered *)a, *y = (const otx__ordered *)b;
    if (x->order != y->order) return x->order < y->order ? -1 : 1;
    return x->place < y->place ? -1 : x->place > y->place;
}

/* Marks in a row, by their classes. */
OTX__PRIVATE void otx__reorder(otx__forming *f)
{
    size_t at = 0, end;
    for (; at < f->count; at = end) {
        for (end = at; end < f->count && f->items[end].order > 0; end++) {}
        if (end > at + 1)
            otx__sort(f->items + at, end - at, sizeof *f->items, otx__compare_ordered);
        if (end == at) end++;
    }
}

OTX__PRIVATE void otx__recompose(otx__forming *f)
{
    size_t starter = 0, kept = 0, at;
    uint32_t last = 256; /* nothing to compose with yet */
    for (at = 0; at < f->count; at++) {
        const otx__ordered item = f->items[at];
        uint32_t made = 0;
        if (last == 0 || last < item.order)
            made = otx__compose(f->forms, f->items[starter].code, item.code);
        if (made) {
            f->items[starter].code = made;
            continue;
        }
        if (item.order == 0) starter = kept;
        if (item.order == 0 || last != 256) last = item.order;
        f->items[kept++] = item;
    }
    f->count = kept;
}

/* ---- a text ---- */

/* The normal form of a text, appended to `to`. A part between ASCII characters, with the one
   before it, is put into its form by itself: none of them is ever the second of two. */
OTX__PRIVATE void otx__forming_run(otx__forming *f, const char *text, size_t size, otx__text *to)
{
    size_t at = 0, start, end;
    while (at < size) {
        for (end = at; end < size && !((unsigned char)text[end] & 0x80); end++) {}
        start = end < size && end > at ? end - 1 : end;
        otx__text_bytes(to, text + at, start - at);
        f->count = 0;
        for (at = start; at < size && (at < end || ((unsigned char)text[at] & 0x80));)
            otx__decompose(f, otx__utf8_next(text, size, &at));
        if (f->count == 0) continue;
        otx__reorder(f);
        if (f->compose) otx__recompose(f);
        for (start = 0; start < f->count; start++) otx__text_code(to, f->items[start].code);
    }
    if (f->failed) to->failed = true;
}

OTX__PRIVATE void otx__forming_close(otx__forming *f)
{
    if (f->room) otx__free(f->ctx, f->items, f->room, sizeof *f->items);
    f->items = NULL;
    f->room = 0;
}

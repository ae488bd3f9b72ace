/* ---- charsmap: SentencePiece's map of characters ---------------------------------------- */

/* What a tokenizer.json has as Precompiled: a double array of 32-bit units, in which texts are
   looked up, and the texts that take their place, each with a zero byte at its end. Offsets
   come from the file, so that every one is checked. */
typedef struct otx__charsmap {
    const unsigned char *units;
    size_t unit_count;
    const char *texts;
    size_t text_size;
    otx__tidy_table marks; /* what continues a character that is seen as one */
} otx__charsmap;

/* Reads the map that `bytes`, which must stay, hold; false if they are none. */
OTX__PRIVATE bool otx__charsmap_read(const char *bytes, size_t size, otx__charsmap *map)
{
    const unsigned char *at = (const unsigned char *)bytes;
    uint64_t units;
    if (size < 4) return false;
    units = (uint64_t)at[0] | (uint64_t)at[1] << 8 | (uint64_t)at[2] << 16 |
            (uint64_t)at[3] << 24;
    if (units % 4 != 0 || units == 0 || units > size - 4) return false;
    map->units = at + 4;
    map->unit_count = (size_t)(units / 4);
    map->texts = bytes + 4 + units;
    map->text_size = size - 4 - (size_t)units;
    return true;
}

OTX__PRIVATE uint32_t otx__charsmap_unit(const otx__charsmap *map, size_t at)
{
    const unsigned char *unit = map->units + 4 * at;
    return (uint32_t)unit[0] | (uint32_t)unit[1] << 8 | (uint32_t)unit[2] << 16 |
           (uint32_t)unit[3] << 24;
}

/* How far the children of a unit are. */
OTX__PRIVATE size_t otx__charsmap_offset(uint32_t unit)
{
    return (unit >> 10) << (unit >> 6 & 8);
}

/* What stands for the shortest beginning of `key` that the map knows, as in the tokenizers
   package; false if it knows none. */
OTX__PRIVATE bool otx__charsmap_find(const otx__charsmap *map, const char *key, size_t size,
                                     otx__span *found)
{
    size_t node = otx__charsmap_offset(otx__charsmap_unit(map, 0)), i, end;
    for (i = 0; i < size && key[i]; i++) {
        uint32_t unit;
        node ^= (unsigned char)key[i];
        if (node >= map->unit_count) return false;
        unit = otx__charsmap_unit(map, node);
        if ((unit & 0x800000ffu) != (unsigned char)key[i]) return false;
        node ^= otx__charsmap_offset(unit);
        if (!(unit & 0x100)) continue;
        if (node >= map->unit_count) return false;
        end = otx__charsmap_unit(map, node) & 0x7fffffffu;
        if (end > map->text_size) return false;
        *found = otx__span_of(map->texts + end, 0);
        while (end + found->size < map->text_size && found->bytes[found->size]) found->size++;
        return true;
    }
    return false;
}

/* ---- characters as people see them ---- */

/* Characters that stand alone whatever is beside them. */
OTX__PRIVATE bool otx__stands_alone(uint32_t code)
{
    return code < 0x20 || (code >= 0x7f && code < 0xa0) || code == 0xad || code == 0x61c ||
           code == 0x180e || code == 0x200b || code == 0x200e || code == 0x200f ||
           (code >= 0x2028 && code <= 0x202e) || (code >= 0x2060 && code <= 0x206f) ||
           code == 0xfeff || (code >= 0xfff0 && code <= 0xfffb) ||
           (code >= 0xe0000 && code <= 0xe0fff && !(code >= 0xe0020 && code <= 0xe007f) &&
            !(code >= 0xe0100 && code <= 0xe01ef));
}

/* Those that go with what comes before. */
OTX__PRIVATE bool otx__goes_on(const otx__charsmap *map, uint32_t code)
{
    if (code < 0x300) return false;
    if (code == 0x200c || code == 0x200d || code == 0xe33 || code == 0xeb3 || code == 0xff9e ||
        code == 0xff9f || (code >= 0x1f3fb && code <= 0x1f3ff) ||
        (code >= 0xe0020 && code <= 0xe007f))
        return true;
    if (code == 0x102b || code == 0x102c || code == 0x1038 ||
        (code >= 0x1062 && code <= 0x1064) || (code >= 0x1067 && code <= 0x106d) ||
        code == 0x1083 || (code >= 0x1087 && code <= 0x108c) || code == 0x108f ||
        (code >= 0x109a && code <= 0x109c) || code == 0x1a61 || code == 0x1a63 ||
        code == 0x1a64 || code == 0xaa7b || code == 0xaa7d || code == 0x11720 || code == 0x11721)
        return false; /* marks that are none here */
    return otx__tidy_find(&map->marks, code) != NULL;
}

/* Those that go with what comes after. */
OTX__PRIVATE bool otx__goes_before(uint32_t code)
{
    return (code >= 0x600 && code <= 0x605) || code == 0x6dd || code == 0x70f || code == 0x890 ||
           code == 0x891 || code == 0x8e2;
}

/* The bytes of the cluster at the beginning of a text; once they are 6 or more, they may be
   fewer than it has: so long a one is looked at character by character anyway. */
OTX__PRIVATE size_t otx__cluster(const otx__charsmap *map, const char *text, size_t size)
{
    size_t at = 0, end;
    uint32_t code = otx__utf8_next(text, size, &at), next;
    if (code == '\r' && at < size && text[at] == '\n') return 2;
    if (otx__stands_alone(code)) return at;
    for (; at < size && at < 6; code = next, at = end) {
        end = at;
        next = otx__utf8_next(text, size, &end);
        if (otx__goes_on(map, next)) continue;
        if (!otx__goes_before(code) || otx__stands_alone(next)) break;
    }
    while (at >= 6 && at < size) { /* what still goes on with it */
        end = at;
        if (!otx__goes_on(map, otx__utf8_next(text, size, &end))) break;
        at = end;
    }
    return at;
}

/* ---- texts ---- */

/* A text on its way through the map, part by part: what it has, and what takes its place. */
typedef struct otx__charsmap_walk {
    const otx__charsmap *map;
    otx__span text;
    size_t at, cluster; /* where the next part begins; where its cluster ends */
    otx__span from, to;
} otx__charsmap_walk;

OTX__PRIVATE void otx__charsmap_open(otx__charsmap_walk *w, const otx__charsmap *map,
                                     otx__span text)
{
    w->map = map;
    w->text = text;
    w->at = w->cluster = 0;
}

/* A cluster as a whole, if it is short and known, or the next character; false at the end. */
OTX__PRIVATE bool otx__charsmap_next(otx__charsmap_walk *w)
{
    const char *part = w->text.bytes + w->at;
    if (w->at >= w->text.size) return false;
    if (w->at == w->cluster) {
        w->from = otx__span_of(part, otx__cluster(w->map, part, w->text.size - w->at));
        w->cluster += w->from.size;
        if (w->from.size < 6 && otx__charsmap_find(w->map, part, w->from.size, &w->to)) {
            w->at = w->cluster;
            return true;
        }
    }
    (void)otx__utf8_next(w->text.bytes, w->cluster, &w->at);
    w->from = otx__span_of(part, (size_t)(w->text.bytes + w->at - part));
    if (!otx__charsmap_find(w->map, part, w->from.size, &w->to)) w->to = w->from;
    return true;
}

/* The text with all that the map knows replaced; ends early once more than `limit` bytes have
   come of it. */
OTX__PRIVATE void otx__charsmap_run(const otx__charsmap *map, otx__span text, size_t limit,
                                    otx__text *to)
{
    otx__charsmap_walk w;
    otx__charsmap_open(&w, map, text);
    while (to->size <= limit && otx__charsmap_next(&w))
        otx__text_bytes(to, w.to.bytes, w.to.size);
}

OTX__PRIVATE size_t otx__utf8_count(otx__span text)
{
    size_t at = 0, count = 0;
    for (; at < text.size; count++) (void)otx__utf8_next(text.bytes, text.size, &at);
    return count;
}

/* Where what is made stands, as the package counts it: each character takes the place of the next
   of the text, each that a part gets beyond what it had the place of the one before it, and what
   a part had beyond what it gets goes with the last that was made, or is not counted before there
   is one. */
typedef struct otx__charsmap_place {
    otx__span text;
    size_t at;    /* in the text: the character whose place is taken next */
    size_t lead;  /* its bytes that stand where the caller's text begins, */
    size_t made;  /* and those that were made for them */
    size_t last;  /* bytes of the last character made, which has no place yet */
    int64_t more; /* characters made with it less those they were made for */
} otx__charsmap_place;

OTX__PRIVATE void otx__charsmap_put(otx__charsmap_place *p)
{
    if (p->last == 0) return;
    if ((p->more > 0 ? p->at - 1 : p->at) < p->lead) p->made += p->last;
    for (; p->more <= 0 && p->at < p->text.size; p->more++)
        (void)otx__utf8_next(p->text.bytes, p->text.size, &p->at);
}

/* Of what a run makes, the bytes that stand where the first `lead` of the text do. */
OTX__PRIVATE size_t otx__charsmap_lead(const otx__charsmap *map, otx__span text, size_t lead)
{
    otx__charsmap_walk w;
    otx__charsmap_place p;
    if (lead == 0) return 0;
    memset(&p, 0, sizeof p);
    p.text = text;
    p.lead = lead;
    otx__charsmap_open(&w, map, text);
    while (p.at <= lead && otx__charsmap_next(&w)) {
        const size_t had = otx__utf8_count(w.from), has = otx__utf8_count(w.to);
        size_t i, start, end = 0;
        for (i = 0; i < has; i++) {
            otx__charsmap_put(&p);
            start = end;
            (void)otx__utf8_next(w.to.bytes, w.to.size, &end);
            p.last = end - start;
            p.more = i >= had;
        }
        if (has < had) p.more -= (int64_t)(had - has);
    }
    otx__charsmap_put(&p);
    return p.made;
}

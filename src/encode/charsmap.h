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

/* The text with all that the map knows replaced; ends early once more than `limit` bytes have
   come of it. */
OTX__PRIVATE void otx__charsmap_run(const otx__charsmap *map, const char *text, size_t size,
                                    size_t limit, otx__text *to)
{
    size_t at = 0, end, next;
    otx__span found;
    for (; at < size && to->size <= limit; at = end) {
        end = at + otx__cluster(map, text + at, size - at);
        if (end - at < 6 && otx__charsmap_find(map, text + at, end - at, &found)) {
            otx__text_bytes(to, found.bytes, found.size);
            continue;
        }
        for (; at < end; at = next) {
            next = at;
            (void)otx__utf8_next(text, end, &next);
            if (otx__charsmap_find(map, text + at, next - at, &found))
                otx__text_bytes(to, found.bytes, found.size);
            else otx__text_bytes(to, text + at, next - at);
        }
    }
}

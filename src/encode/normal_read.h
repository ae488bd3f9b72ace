/* ---- normal_read: the tables of characters, unpacked ------------------------------------ */

/* A table of normal_tables.h, number by number. */
typedef struct otx__unpack {
    const char *const *row;
    const char *at;
} otx__unpack;

OTX__PRIVATE otx__unpack otx__unpack_open(const char *const *rows)
{
    otx__unpack packed;
    packed.row = rows;
    packed.at = rows[0];
    return packed;
}

/* The next digit: printable ASCII from the space on, but three. -1 after the last. */
OTX__PRIVATE int otx__unpack_digit(otx__unpack *packed)
{
    int code;
    if (!*packed->row) return -1;
    while (!*packed->at) {
        packed->at = *++packed->row;
        if (!packed->at) return -1;
    }
    code = *packed->at++;
    return code - 32 - (code > '"') - (code > '?') - (code > '\\');
}

enum { OTX__UNPACK_LAST = 70, OTX__UNPACK_MORE = 22 };

/* The next number; false after the last. */
OTX__PRIVATE bool otx__unpack_next(otx__unpack *packed, uint32_t *number)
{
    uint32_t rest = 0;
    int digit = otx__unpack_digit(packed);
    for (; digit >= OTX__UNPACK_LAST; digit = otx__unpack_digit(packed))
        rest = rest * OTX__UNPACK_MORE + (uint32_t)(digit - OTX__UNPACK_LAST) + 1;
    if (digit < 0) return false;
    *number = rest * OTX__UNPACK_LAST + (uint32_t)digit;
    return true;
}

/* A number that is odd for those below zero. */
OTX__PRIVATE uint32_t otx__unpack_add(uint32_t to, uint32_t number)
{
    return number % 2 ? to - (number + 1) / 2 : to + number / 2;
}

/* ---- ranges ---- */

/* A set of characters, or a map of them: `value` is what the table says. */
typedef struct otx__tidy_range {
    uint32_t first, last, value;
} otx__tidy_range;

typedef struct otx__tidy_table {
    otx__tidy_range *ranges; /* ascending */
    size_t count;
} otx__tidy_table;

/* The range that holds a character, or NULL. */
OTX__PRIVATE const otx__tidy_range *otx__tidy_find(const otx__tidy_table *table, uint32_t code)
{
    size_t low = 0, high = table->count;
    while (low < high) {
        const size_t middle = low + (high - low) / 2;
        if (code > table->ranges[middle].last) low = middle + 1;
        else high = middle;
    }
    return low < table->count && code >= table->ranges[low].first ? &table->ranges[low] : NULL;
}

/* Unpacks ranges, with a value each or without. On failure the pool says so. */
OTX__PRIVATE void otx__ranges_read(otx__pool *pool, const char *const *rows, bool values,
                                   otx__tidy_table *table)
{
    otx__unpack packed = otx__unpack_open(rows);
    uint32_t gap, size, code = 0;
    size_t numbers = 0;
    while (otx__unpack_next(&packed, &gap)) numbers++;
    table->count = 0;
    table->ranges =
        (otx__tidy_range *)otx__pool_take(pool, numbers / 2, sizeof *table->ranges);
    if (!table->ranges) return;
    packed = otx__unpack_open(rows);
    while (otx__unpack_next(&packed, &gap) && otx__unpack_next(&packed, &size)) {
        otx__tidy_range *range = &table->ranges[table->count++];
        range->first = code + gap;
        range->last = range->first + size;
        range->value = 0;
        code = range->last + 1;
        if (values && !otx__unpack_next(&packed, &range->value)) break;
    }
}

/* Unpacks single characters and what they become; a 0 comes before the number, less three, of
   entries that are alike. */
OTX__PRIVATE void otx__lower_read(otx__pool *pool, otx__tidy_table *table)
{
    otx__unpack packed = otx__unpack_open(otx__lower_table);
    uint32_t gap, off, run, code = UINT32_MAX;
    table->count = 0;
    table->ranges = (otx__tidy_range *)otx__pool_take(pool, 2048, sizeof *table->ranges);
    if (!table->ranges) return;
    while (otx__unpack_next(&packed, &gap)) {
        run = 1;
        if (gap == 0) {
            if (!otx__unpack_next(&packed, &run) || !otx__unpack_next(&packed, &gap)) return;
            run += 3;
        }
        if (!otx__unpack_next(&packed, &off)) return;
        for (; run > 0 && table->count < 2048; run--) {
            otx__tidy_range *range = &table->ranges[table->count++];
            code += gap;
            range->first = range->last = code;
            range->value = otx__unpack_add(code, off);
        }
    }
}

/* ---- characters in a text ---- */

/* The character at a place of UTF-8, which is moved behind it; of what is none, the byte. */
OTX__PRIVATE uint32_t otx__utf8_next(const char *text, size_t size, size_t *at)
{
    const unsigned char *bytes = (const unsigned char *)text + *at;
    const size_t length = otx__utf8_length(bytes, size - *at);
    *at += length ? length : 1;
    return length ? otx__utf8_code(bytes, length) : bytes[0];
}

OTX__PRIVATE void otx__text_code(otx__text *text, uint32_t code)
{
    char bytes[4];
    otx__text_bytes(text, bytes, otx__utf8_put(bytes, code));
}

/* Unicode's White_Space. */
OTX__PRIVATE bool otx__is_white(uint32_t code)
{
    return (code >= 9 && code <= 13) || code == ' ' || code == 0x85 || code == 0xa0 ||
           code == 0x1680 || (code >= 0x2000 && code <= 0x200a) || code == 0x2028 ||
           code == 0x2029 || code == 0x202f || code == 0x205f || code == 0x3000;
}

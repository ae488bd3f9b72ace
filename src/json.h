/* ---- JSON: reading ---- */

/* The parser keeps no stack: while a container is open, `next` of its node holds
   the container around it. */
typedef struct otx__json_parser {
    const otx_context *ctx;
    const char *name;
    const unsigned char *text;
    size_t size, at;
    size_t max_nodes;
    unsigned max_depth, depth;
    bool allow_nonfinite;
    uint32_t open; /* the innermost open container, or OTX_JSON_NONE */
    otx_json *json;
    otx_error *error;
} otx__json_parser;

/* Fails with "NAME:LINE:COLUMN: PROBLEM". Columns count characters, from 1. */
OTX__PRIVATE otx_result otx__json_fail(const otx__json_parser *p, otx_result code, size_t at,
                                       const char *problem)
{
    uint64_t line = 1, column = 1;
    size_t i;
    for (i = 0; i < at; i++) {
        if (p->text[i] == '\n') {
            line++;
            column = 1;
        } else if ((p->text[i] & 0xc0) != 0x80) {
            column++;
        }
    }
    return otx__fail(p->error, code, "%s:%" PRIu64 ":%" PRIu64 ": %s", p->name, line, column,
                     problem);
}

/* Fails with what stands at the current position and what should. */
OTX__PRIVATE otx_result otx__json_expected(const otx__json_parser *p, const char *expected)
{
    char problem[160];
    const size_t size = sizeof problem;
    unsigned byte = p->at < p->size ? p->text[p->at] : 0;
    if (p->at >= p->size)
        (void)snprintf(problem, size, "the text ends, expected %s", expected);
    else if (p->size - p->at >= 3 && memcmp(p->text + p->at, "\xef\xbb\xbf", 3) == 0)
        (void)snprintf(problem, size, "found a byte order mark, expected %s", expected);
    else if (byte > 0x20 && byte < 0x7f)
        (void)snprintf(problem, size, "found '%c', expected %s", (int)byte, expected);
    else
        (void)snprintf(problem, size, "found byte 0x%02x, expected %s", byte, expected);
    return otx__json_fail(p, OTX_ERROR_FORMAT, p->at, problem);
}

OTX__PRIVATE void otx__json_skip_space(otx__json_parser *p)
{
    while (p->at < p->size) {
        unsigned char byte = p->text[p->at];
        if (byte != ' ' && byte != '\n' && byte != '\r' && byte != '\t') break;
        p->at++;
    }
}

OTX__PRIVATE bool otx__json_is(const otx__json_parser *p, char byte)
{
    return p->at < p->size && p->text[p->at] == (unsigned char)byte;
}

OTX__PRIVATE bool otx__json_is_digit(const otx__json_parser *p)
{
    return p->at < p->size && (unsigned)(p->text[p->at] - '0') < 10;
}

OTX__PRIVATE otx_result otx__json_add(otx__json_parser *p, otx_json_type type, size_t start,
                                      size_t end, bool escaped)
{
    otx_json *json = p->json;
    otx_json_node *node;
    if (json->count >= p->max_nodes)
        return otx__json_fail(p, OTX_ERROR_LIMIT, start, "more values than the limit");
    if (json->count == json->capacity) {
        void *items = json->nodes;
        if (!otx__grow(p->ctx, &items, &json->capacity, json->count + 1, sizeof *json->nodes))
            return otx__fail_memory(p->error, (uint64_t)json->count * 2 * sizeof *json->nodes);
        json->nodes = (otx_json_node *)items;
    }
    node = &json->nodes[json->count++];
    node->start = (uint32_t)start;
    node->end = (uint32_t)end;
    node->next = (uint32_t)json->count;
    node->count = 0;
    node->type = (uint8_t)type;
    node->escaped = escaped;
    return OTX_OK;
}

/* Four hexadecimal digits, or -1. */
OTX__PRIVATE int otx__json_hex(const unsigned char *digits)
{
    int value = 0, i;
    for (i = 0; i < 4; i++) {
        int byte = digits[i];
        if (byte >= '0' && byte <= '9') value = value * 16 + byte - '0';
        else if (byte >= 'a' && byte <= 'f') value = value * 16 + byte - 'a' + 10;
        else if (byte >= 'A' && byte <= 'F') value = value * 16 + byte - 'A' + 10;
        else return -1;
    }
    return value;
}

/* Checks the escape that starts at the backslash here, and steps over it. */
OTX__PRIVATE otx_result otx__json_escape(otx__json_parser *p)
{
    size_t start = p->at++;
    int unit;
    if (p->at >= p->size || !memchr("\"\\/bfnrtu", p->text[p->at], 9))
        return otx__json_expected(p, "one of \"\\/bfnrtu after the backslash");
    if (p->text[p->at++] != 'u') return OTX_OK;
    unit = p->size - p->at >= 4 ? otx__json_hex(p->text + p->at) : -1;
    if (unit < 0)
        return otx__json_fail(p, OTX_ERROR_FORMAT, start, "\\u without four hex digits");
    p->at += 4;
    if (unit < 0xd800 || unit > 0xdfff) return OTX_OK;
    if (unit < 0xdc00 && p->size - p->at >= 6 && memcmp(p->text + p->at, "\\u", 2) == 0) {
        unit = otx__json_hex(p->text + p->at + 2);
        p->at += 6;
        if (unit >= 0xdc00 && unit <= 0xdfff) return OTX_OK;
    }
    return otx__json_fail(p, OTX_ERROR_FORMAT, start, "half a surrogate pair");
}

/* A string, whose opening quote stands here. */
OTX__PRIVATE otx_result otx__json_scan_string(otx__json_parser *p)
{
    const unsigned char *text = p->text;
    size_t start = ++p->at, at = start, size = p->size, length;
    bool escaped = false;
    for (;;) {
        while (at < size && text[at] >= 0x20 && text[at] < 0x80 && text[at] != '"' &&
               text[at] != '\\')
            at++;
        p->at = at;
        if (at >= size) return otx__json_expected(p, "the end of a string");
        if (text[at] == '"') break;
        if (text[at] == '\\') {
            otx_result result = otx__json_escape(p);
            if (result) return result;
            escaped = true;
            at = p->at;
        } else if (text[at] < 0x20) {
            return otx__json_fail(p, OTX_ERROR_FORMAT, at, "a control byte in a string");
        } else {
            length = otx__utf8_length(text + at, size - at);
            if (length == 0) return otx__json_expected(p, "valid UTF-8");
            at += length;
        }
    }
    p->at = at + 1;
    return otx__json_add(p, OTX_JSON_STRING, start, at, escaped);
}

/* Whether a number written as JSON has them rounds to a finite double. The
   smallest that does not is 2^1024 - 2^970, halfway between the largest double
   and 2^1024: its 309 digits decide, exactly and without strtod. */
OTX__PRIVATE bool otx__json_is_finite(const unsigned char *number, size_t size)
{
    static const char limit[] =
        "17976931348623158079372897140530341507993413271003782693617377898044496829276475"
        "09466490179775872070963302864166928879109465555478519404026306574886715058206819"
        "08902000708383676273854845817711531764475730270069855571366959622842914819860834"
        "936475292719074168444365510704342711559699508093042880177904174497792";
    const size_t limit_digits = sizeof limit - 1;
    const int64_t beyond = INT64_C(100000000000); /* any count of digits in 4 GiB */
    int64_t power = -1, exponent = 0;             /* power of ten of the first digit */
    size_t seen = 0, i;
    bool point = false, negative = false;
    int order = 0; /* the digits seen against as many of the limit */
    for (i = 0; i < size && (number[i] | 0x20) != 'e'; i++) {
        if (number[i] == '.') point = true;
        if (number[i] < '0') continue; /* '-' and '.' */
        if (seen == 0 && number[i] == '0') {
            if (point) power--;
            continue;
        }
        if (!point) power++;
        if (order == 0) order = number[i] - (seen < limit_digits ? limit[seen] : '0');
        seen++;
    }
    if (seen == 0) return true;
    if (order == 0 && seen < limit_digits && limit[seen + strspn(limit + seen, "0")])
        order = -1; /* digits that are not written are zeros */
    for (i++; i < size; i++) {
        if (number[i] == '-') negative = true;
        else if (number[i] != '+' && exponent < beyond)
            exponent = exponent * 10 + (number[i] - '0');
    }
    power += negative ? -exponent : exponent;
    return power < 308 || (power == 308 && order < 0);
}

/* One digit or more. */
OTX__PRIVATE otx_result otx__json_scan_digits(otx__json_parser *p)
{
    if (!otx__json_is_digit(p)) return otx__json_expected(p, "a digit");
    while (otx__json_is_digit(p)) p->at++;
    return OTX_OK;
}

/* A number, whose '-' or first digit stands here. One that is not finite as a
   double is refused, as the usual readers of model files do. */
OTX__PRIVATE otx_result otx__json_scan_number(otx__json_parser *p)
{
    size_t start = p->at;
    bool exponent = false;
    otx_result result = OTX_OK;
    if (otx__json_is(p, '-')) p->at++;
    if (otx__json_is(p, '0')) p->at++;
    else result = otx__json_scan_digits(p);
    if (!result && otx__json_is(p, '.')) {
        p->at++;
        result = otx__json_scan_digits(p);
    }
    if (!result && (otx__json_is(p, 'e') || otx__json_is(p, 'E'))) {
        exponent = true;
        p->at++;
        if (otx__json_is(p, '+') || otx__json_is(p, '-')) p->at++;
        result = otx__json_scan_digits(p);
    }
    if (result) return result;
    if ((exponent || p->at - start > 308) && !p->allow_nonfinite &&
        !otx__json_is_finite(p->text + start, p->at - start))
        return otx__json_fail(p, OTX_ERROR_FORMAT, start, "a number too large for a double");
    return otx__json_add(p, OTX_JSON_NUMBER, start, p->at, false);
}

/* true, false, null and, where they are allowed, NaN and the infinities. */
OTX__PRIVATE otx_result otx__json_scan_word(otx__json_parser *p)
{
    static const struct {
        const char *text;
        otx_json_type type;
    } words[] = {
        {"null", OTX_JSON_NULL},
        {"true", OTX_JSON_TRUE},
        {"false", OTX_JSON_FALSE},
        {"NaN", OTX_JSON_NUMBER},
        {"Infinity", OTX_JSON_NUMBER},
        {"-Infinity", OTX_JSON_NUMBER},
    };
    size_t start = p->at, length, i, count = p->allow_nonfinite ? 6 : 3;
    for (i = 0; i < count; i++) {
        length = strlen(words[i].text);
        if (p->size - start < length) continue;
        if (memcmp(p->text + start, words[i].text, length) != 0) continue;
        p->at += length;
        return otx__json_add(p, words[i].type, start, p->at, false);
    }
    if (otx__json_is(p, '-')) return otx__json_scan_number(p);
    return otx__json_expected(p, "a value");
}

/* A value: a whole scalar, or the opening of a container. */
OTX__PRIVATE otx_result otx__json_value(otx__json_parser *p)
{
    bool object;
    otx_result result;
    otx__json_skip_space(p);
    if (otx__json_is(p, '"')) return otx__json_scan_string(p);
    if (otx__json_is_digit(p)) return otx__json_scan_number(p);
    object = otx__json_is(p, '{');
    if (!object && !otx__json_is(p, '[')) return otx__json_scan_word(p);
    if (p->depth >= p->max_depth)
        return otx__json_fail(p, OTX_ERROR_LIMIT, p->at, "nested deeper than the limit");
    result = otx__json_add(p, object ? OTX_JSON_OBJECT : OTX_JSON_ARRAY, p->at, p->at, false);
    if (result) return result;
    p->depth++;
    p->at++;
    p->json->nodes[p->json->count - 1].next = p->open;
    p->open = (uint32_t)(p->json->count - 1);
    return OTX_OK;
}

/* One step inside the innermost container: its end, an item, or a member. */
OTX__PRIVATE otx_result otx__json_step(otx__json_parser *p)
{
    otx_json_node *node = &p->json->nodes[p->open];
    bool object = node->type == OTX_JSON_OBJECT;
    otx_result result;
    otx__json_skip_space(p);
    if (otx__json_is(p, object ? '}' : ']')) {
        p->at++;
        p->depth--;
        p->open = node->next;
        node->end = (uint32_t)p->at;
        node->next = (uint32_t)p->json->count;
        return OTX_OK;
    }
    if (node->count > 0) {
        if (!otx__json_is(p, ','))
            return otx__json_expected(p, object ? "',' or '}'" : "',' or ']'");
        p->at++;
        otx__json_skip_space(p);
    }
    node->count++;
    if (object) {
        if (!otx__json_is(p, '"')) return otx__json_expected(p, "a key in quotes");
        result = otx__json_scan_string(p);
        if (result) return result;
        otx__json_skip_space(p);
        if (!otx__json_is(p, ':')) return otx__json_expected(p, "':'");
        p->at++;
    }
    return otx__json_value(p);
}

OTX_API void otx_json_close(const otx_context *ctx, otx_json *json)
{
    if (json->capacity) otx__free(ctx, json->nodes, json->capacity, sizeof *json->nodes);
    memset(json, 0, sizeof *json);
}

OTX_API otx_result otx_json_parse(const otx_context *ctx, const char *text, size_t size,
                                  const char *name, const otx_json_options *options,
                                  otx_json *out, otx_error *error)
{
    otx__json_parser p;
    otx_result result;
    memset(&p, 0, sizeof p);
    memset(out, 0, sizeof *out);
    p.ctx = ctx;
    p.name = name ? name : "JSON";
    p.text = (const unsigned char *)text;
    p.size = size;
    p.max_nodes = options && options->max_nodes ? options->max_nodes : (size_t)1 << 28;
    p.max_nodes = otx__min(p.max_nodes, UINT32_MAX - 1);
    p.max_depth = options && options->max_depth ? options->max_depth : 127;
    p.allow_nonfinite = options && options->allow_nonfinite;
    p.open = OTX_JSON_NONE;
    p.json = out;
    p.error = error;
    if (size >= UINT32_MAX)
        return otx__fail(error, OTX_ERROR_LIMIT, "%s: JSON of %" PRIu64 " bytes, and at most %"
                         PRIu64 " are supported", p.name, (uint64_t)size,
                         (uint64_t)UINT32_MAX - 1);
    out->text = text;
    out->size = size;
    result = otx__json_value(&p);
    while (!result && p.open != OTX_JSON_NONE) result = otx__json_step(&p);
    if (!result) {
        otx__json_skip_space(&p);
        if (p.at < size) result = otx__json_expected(&p, "the end of the text");
    }
    if (result) otx_json_close(ctx, out);
    return result;
}

/* ---- JSON: looking at values ---- */

/* Decodes the character of a string at *at, which moves on; returns how many
   bytes of UTF-8 it is. The string has been checked. */
OTX__PRIVATE size_t otx__json_character(const char *text, size_t *at, char to[4])
{
    static const char letters[] = "\"\\/bfnrt", values[] = "\"\\/\b\f\n\r\t";
    const unsigned char *bytes = (const unsigned char *)text + *at;
    unsigned code;
    size_t length;
    if (bytes[0] != '\\') {
        to[0] = (char)bytes[0];
        *at += 1;
        return 1;
    }
    if (bytes[1] != 'u') {
        to[0] = values[strchr(letters, bytes[1]) - letters];
        *at += 2;
        return 1;
    }
    code = (unsigned)otx__json_hex(bytes + 2);
    *at += 6;
    if (code >= 0xd800 && code <= 0xdbff) {
        code = 0x10000 + ((code - 0xd800) << 10) + (unsigned)otx__json_hex(bytes + 8) - 0xdc00;
        *at += 6;
    }
    length = code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
    if (length == 1) {
        to[0] = (char)code;
    } else {
        static const unsigned char leads[] = {0, 0, 0xc0, 0xe0, 0xf0};
        size_t i;
        for (i = length - 1; i > 0; i--, code >>= 6) to[i] = (char)(0x80 | (code & 0x3f));
        to[0] = (char)(leads[length] | code);
    }
    return length;
}

OTX_API otx_json_type otx_json_type_of(const otx_json *json, uint32_t node)
{
    return node < json->count ? (otx_json_type)json->nodes[node].type : OTX_JSON_NULL;
}

OTX_API size_t otx_json_string(const otx_json *json, uint32_t node, char *to)
{
    const otx_json_node *string = &json->nodes[node];
    size_t at = string->start, size = 0;
    if (!string->escaped) {
        size = string->end - string->start;
        if (size) memcpy(to, json->text + string->start, size);
        return size;
    }
    while (at < string->end) {
        char character[4];
        size_t length = otx__json_character(json->text, &at, character);
        memcpy(to + size, character, length);
        size += length;
    }
    return size;
}

/* Whether a string node stands for these bytes, without decoding it to memory. */
OTX__PRIVATE bool otx__json_is_text(const otx_json *json, uint32_t node, const char *bytes,
                                    size_t size)
{
    const otx_json_node *string = &json->nodes[node];
    size_t at = string->start, seen = 0;
    if (!string->escaped)
        return string->end - string->start == size &&
               (size == 0 || memcmp(json->text + string->start, bytes, size) == 0);
    while (at < string->end) {
        char character[4];
        size_t length = otx__json_character(json->text, &at, character);
        if (size - seen < length || memcmp(bytes + seen, character, length) != 0) return false;
        seen += length;
    }
    return seen == size;
}

OTX_API bool otx_json_equals(const otx_json *json, uint32_t node, const char *text)
{
    return otx_json_type_of(json, node) == OTX_JSON_STRING &&
           otx__json_is_text(json, node, text, strlen(text));
}

OTX_API uint32_t otx_json_find(const otx_json *json, uint32_t object, const char *key)
{
    uint32_t found = OTX_JSON_NONE, member, i;
    size_t size = strlen(key);
    if (otx_json_type_of(json, object) != OTX_JSON_OBJECT) return OTX_JSON_NONE;
    member = object + 1;
    for (i = 0; i < json->nodes[object].count; i++) {
        if (otx__json_is_text(json, member, key, size)) found = member + 1;
        member = json->nodes[member + 1].next;
    }
    return found;
}

OTX_API bool otx_json_uint(const otx_json *json, uint32_t node, uint64_t *value)
{
    uint64_t sum = 0;
    uint32_t at;
    if (otx_json_type_of(json, node) != OTX_JSON_NUMBER) return false;
    for (at = json->nodes[node].start; at < json->nodes[node].end; at++) {
        unsigned digit = (unsigned)((unsigned char)json->text[at] - '0');
        if (digit > 9 || sum > (UINT64_MAX - digit) / 10) return false;
        sum = sum * 10 + digit;
    }
    *value = sum;
    return true;
}

/* ---- JSON: writing ---- */

/* Appends a string with quotes and the escapes that JSON asks for, and no other.
   Bytes that are no UTF-8 become U+FFFD, one each. */
OTX__PRIVATE void otx__text_json_string(otx__text *text, const char *bytes, size_t size)
{
    static const char letters[] = "\"\\bfnrt", values[] = "\"\\\b\f\n\r\t";
    size_t i = 0, plain = 0; /* bytes from plain to i go out as they are */
    otx__text_bytes(text, "\"", 1);
    while (i < size) {
        unsigned char byte = (unsigned char)bytes[i];
        size_t length = otx__utf8_length((const unsigned char *)bytes + i, size - i);
        const char *escape = byte ? strchr(values, byte) : NULL;
        if (length && byte >= 0x20 && !escape) {
            i += length;
            continue;
        }
        otx__text_bytes(text, bytes + plain, i - plain);
        if (length == 0) otx__text_string(text, "\xef\xbf\xbd");
        else if (escape) otx__text_format(text, "\\%c", letters[escape - values]);
        else otx__text_format(text, "\\u%04x", byte);
        plain = ++i;
    }
    otx__text_bytes(text, bytes + plain, size - plain);
    otx__text_bytes(text, "\"", 1);
}

/* The digits of significand * 2^exponent, exact: 315 digits before
   the point and 1080 after it, which is room for every double and for a quarter
   of its last place. */
#define OTX__DECIMAL_WHOLE 315
#define OTX__DECIMAL_DIGITS 1395

OTX__PRIVATE void otx__decimal(uint64_t significand, int exponent, char *digits)
{
    enum { LIMBS = OTX__DECIMAL_DIGITS / 9, WHOLE = OTX__DECIMAL_WHOLE / 9 };
    const uint32_t base = 1000000000;
    uint32_t limbs[LIMBS]; /* nine digits each, the most significant first */
    int i, j, shift;
    memset(limbs, 0, sizeof limbs);
    for (i = WHOLE - 1; significand > 0; i--, significand /= base)
        limbs[i] = (uint32_t)(significand % base);
    for (; exponent > 0; exponent -= shift) {
        uint64_t carry = 0;
        shift = exponent < 29 ? exponent : 29;
        for (i = WHOLE - 1; i >= 0; i--) {
            carry += (uint64_t)limbs[i] << shift;
            limbs[i] = (uint32_t)(carry % base);
            carry /= base;
        }
    }
    for (; exponent < 0; exponent += shift) {
        uint64_t rest = 0;
        shift = -exponent < 29 ? -exponent : 29;
        for (i = 0; i < LIMBS; i++) {
            rest = rest * base + limbs[i];
            limbs[i] = (uint32_t)(rest >> shift);
            rest &= (UINT64_C(1) << shift) - 1;
        }
    }
    for (i = 0; i < LIMBS; i++)
        for (j = 8; j >= 0; j--, limbs[i] /= 10)
            digits[9 * i + j] = (char)('0' + limbs[i] % 10);
}

/* Cuts the exact digits after `keep` of them from `first` on, rounding up if the
   next is at least `threshold`. Returns whether the result lies in the interval
   that reads back as the same double; its ends belong to it if `closed`. */
OTX__PRIVATE bool otx__decimal_try(const char *exact, const char *below, const char *above,
                                   bool closed, int first, int keep, char threshold,
                                   char *digits)
{
    const size_t size = OTX__DECIMAL_DIGITS;
    int i = first + keep, from_below, from_above;
    bool up = exact[i] >= threshold;
    memcpy(digits, exact, (size_t)i);
    memset(digits + i, '0', size - (size_t)i);
    while (up) {
        i--;
        up = digits[i] == '9';
        digits[i] = (char)(up ? '0' : digits[i] + 1);
    }
    from_below = memcmp(digits, below, size);
    from_above = memcmp(above, digits, size);
    return closed ? from_below >= 0 && from_above >= 0 : from_below > 0 && from_above > 0;
}

/* Finds the fewest digits that read back as the same double, and of those the
   nearest to it (upwards if two are): cuts its exact digits at 1, 2, ... until the result lies
   between the midpoints to its neighbours (where reading rounds to even).
   17 digits always do. */
OTX__PRIVATE void otx__decimal_shortest(uint64_t bits, char *digits)
{
    char exact[OTX__DECIMAL_DIGITS], below[OTX__DECIMAL_DIGITS], above[OTX__DECIMAL_DIGITS];
    uint64_t significand = bits & ((UINT64_C(1) << 52) - 1);
    int exponent = (int)(bits >> 52), first = 0, keep = 1;
    /* The neighbour below a power of two is at half the distance, which is why
       rounding up may do where rounding to nearest, downwards, does not. */
    uint64_t half = significand == 0 && exponent > 1 ? 1 : 2;
    bool closed = significand % 2 == 0;
    if (exponent > 0) significand |= UINT64_C(1) << 52;
    else exponent = 1;
    otx__decimal(4 * significand - half, exponent - 1077, below);
    otx__decimal(4 * significand, exponent - 1077, exact);
    otx__decimal(4 * significand + 2, exponent - 1077, above);
    while (exact[first] == '0') first++;
    while (!otx__decimal_try(exact, below, above, closed, first, keep, '5', digits) &&
           !otx__decimal_try(exact, below, above, closed, first, keep, '0', digits))
        keep++;
}

/* Appends a number with the fewest digits that read back as the same double, laid
   out as by Python's repr (1.0, 0.0001, 1e-05, 1e+16), whatever the locale. A NaN or an
   infinity, which JSON does not have, becomes null. */
OTX__PRIVATE void otx__text_double(otx__text *text, double value)
{
    const int point = OTX__DECIMAL_WHOLE;
    char digits[OTX__DECIMAL_DIGITS];
    int first = 0, last = OTX__DECIMAL_DIGITS - 1, power;
    uint64_t bits, magnitude;
    memcpy(&bits, &value, sizeof bits);
    magnitude = bits & (UINT64_MAX >> 1);
    if (magnitude >> 52 == 0x7ff) {
        otx__text_string(text, "null");
        return;
    }
    if (bits != magnitude) otx__text_string(text, "-");
    if (magnitude == 0) {
        otx__text_string(text, "0.0");
        return;
    }
    otx__decimal_shortest(magnitude, digits);
    while (digits[first] == '0') first++;
    while (digits[last] == '0') last--;
    power = point - 1 - first;
    if (power < -4 || power > 15) {
        otx__text_bytes(text, digits + first, 1);
        if (last > first) otx__text_string(text, ".");
        otx__text_bytes(text, digits + first + 1, (size_t)(last - first));
        otx__text_format(text, "e%c%02d", power < 0 ? '-' : '+', power < 0 ? -power : power);
    } else {
        if (first >= point) first = point - 1;
        if (last < point) last = point;
        otx__text_bytes(text, digits + first, (size_t)(point - first));
        otx__text_string(text, ".");
        otx__text_bytes(text, digits + point, (size_t)(last - point + 1));
    }
}

/* ---- JSON: editing ---- */

/* A part of a text that someone else owns. */
typedef struct otx__span {
    const char *bytes;
    size_t size;
} otx__span;

/* One edit: the bytes of the document from start to end give way to a value, or
   to a new member of an object. Texts stand in the pool, by offset. */
typedef struct otx__json_change {
    uint32_t start, end;
    uint32_t node;        /* the value that is replaced, or the object added to */
    size_t sequence;      /* of the call */
    size_t key, key_size; /* with quotes; none if a value is replaced */
    size_t value, value_size;
} otx__json_change;

struct otx_json_edit {
    const otx_json *json;
    otx__json_change *changes;
    size_t count, capacity;
    otx__text pool;
};

OTX_API otx_result otx_json_edit_open(const otx_context *ctx, const otx_json *json,
                                      otx_json_edit **out, otx_error *error)
{
    *out = (otx_json_edit *)otx__alloc_zero(ctx, 1, sizeof **out);
    if (!*out) return otx__fail_memory(error, sizeof **out);
    (*out)->json = json;
    otx__text_open(&(*out)->pool, ctx);
    return OTX_OK;
}

OTX_API void otx_json_edit_close(const otx_context *ctx, otx_json_edit *edit)
{
    if (!edit) return;
    if (edit->capacity) otx__free(ctx, edit->changes, edit->capacity, sizeof *edit->changes);
    otx__text_close(&edit->pool);
    otx__free(ctx, edit, 1, sizeof *edit);
}

/* Makes room for one more change and returns it, all zero, or NULL. It counts
   once the caller has raised edit->count. */
OTX__PRIVATE otx__json_change *otx__json_change_new(const otx_context *ctx, otx_json_edit *edit)
{
    void *items = edit->changes;
    otx__json_change *change;
    if (!otx__grow(ctx, &items, &edit->capacity, edit->count + 1, sizeof *edit->changes))
        return NULL;
    edit->changes = (otx__json_change *)items;
    change = &edit->changes[edit->count];
    memset(change, 0, sizeof *change);
    change->sequence = edit->count;
    return change;
}

/* Checks that a new value is JSON: a typing error must not spoil a file. NaN and
   the infinities pass, as the document may hold them too. */
OTX__PRIVATE otx_result otx__json_check_value(const otx_context *ctx, const char *value,
                                              otx_error *error)
{
    otx_json json;
    otx_json_options options;
    otx_error cause;
    otx_result result;
    memset(&options, 0, sizeof options);
    options.allow_nonfinite = true;
    result = otx_json_parse(ctx, value, strlen(value), "new value", &options, &json, &cause);
    if (result == OTX_OK) otx_json_close(ctx, &json);
    else if (result == OTX_ERROR_MEMORY) return otx__fail(error, result, "%s", cause.message);
    else return otx__fail(error, OTX_ERROR_ARGUMENT, "%s", cause.message);
    return OTX_OK;
}

/* Where the bytes of a node start and end, a string's quotes included. */
OTX__PRIVATE void otx__json_bytes(const otx_json *json, uint32_t node, uint32_t *start,
                                  uint32_t *end)
{
    uint32_t quote = json->nodes[node].type == OTX_JSON_STRING ? 1 : 0;
    *start = json->nodes[node].start - quote;
    *end = json->nodes[node].end + quote;
}

OTX__PRIVATE bool otx__json_is_space(char byte)
{
    return byte == ' ' || byte == '\n' || byte == '\r' || byte == '\t';
}

/* Where the white space from `at` on ends. */
OTX__PRIVATE uint32_t otx__json_after_space(const otx_json *json, uint32_t at)
{
    while (at < json->size && otx__json_is_space(json->text[at])) at++;
    return at;
}

OTX_API otx_result otx_json_edit_replace(const otx_context *ctx, otx_json_edit *edit,
                                         uint32_t node, const char *value, otx_error *error)
{
    const otx_json *json = edit->json;
    otx__json_change *change;
    otx_result result;
    uint32_t start, end, after;
    if (node >= json->count)
        return otx__fail(error, OTX_ERROR_ARGUMENT, "there is no JSON value %" PRIu32, node);
    otx__json_bytes(json, node, &start, &end);
    after = otx__json_after_space(json, end);
    if (after < json->size && json->text[after] == ':')
        return otx__fail(error, OTX_ERROR_ARGUMENT, "JSON value %" PRIu32 " is a key", node);
    result = otx__json_check_value(ctx, value, error);
    if (result) return result;
    change = otx__json_change_new(ctx, edit);
    if (!change) return otx__fail_memory(error, sizeof *change);
    change->start = start;
    change->end = end;
    change->node = node;
    change->value = edit->pool.size;
    otx__text_string(&edit->pool, value);
    change->value_size = edit->pool.size - change->value;
    if (edit->pool.failed) return otx__fail_memory(error, strlen(value));
    edit->count++;
    return OTX_OK;
}

/* The last key of an object that has members, and the value before it, if any. */
OTX__PRIVATE uint32_t otx__json_last_key(const otx_json *json, uint32_t object,
                                         uint32_t *before)
{
    uint32_t key = object + 1, i;
    *before = OTX_JSON_NONE;
    for (i = 1; i < json->nodes[object].count; i++) {
        *before = key + 1;
        key = json->nodes[key + 1].next;
    }
    return key;
}

/* The change that adds this key (quoted, at an offset of the pool) to an object,
   or NULL. */
OTX__PRIVATE otx__json_change *otx__json_added(otx_json_edit *edit, uint32_t object, size_t key,
                                               size_t key_size)
{
    size_t i;
    for (i = 0; i < edit->count; i++) {
        otx__json_change *change = &edit->changes[i];
        if (change->node == object && change->key_size == key_size &&
            memcmp(edit->pool.bytes + change->key, edit->pool.bytes + key, key_size) == 0)
            return change;
    }
    return NULL;
}

OTX_API otx_result otx_json_edit_set(const otx_context *ctx, otx_json_edit *edit,
                                     uint32_t object, const char *key, const char *value,
                                     otx_error *error)
{
    const otx_json *json = edit->json;
    otx__json_change *change, *earlier;
    otx_result result;
    uint32_t found = otx_json_find(json, object, key), unused;
    if (found != OTX_JSON_NONE) return otx_json_edit_replace(ctx, edit, found, value, error);
    if (otx_json_type_of(json, object) != OTX_JSON_OBJECT)
        return otx__fail(error, OTX_ERROR_ARGUMENT, "JSON value %" PRIu32 " is no object",
                         object);
    result = otx__json_check_value(ctx, value, error);
    if (result) return result;
    change = otx__json_change_new(ctx, edit);
    if (!change) return otx__fail_memory(error, sizeof *change);
    change->node = object;
    change->key = edit->pool.size;
    otx__text_json_string(&edit->pool, key, strlen(key));
    change->key_size = edit->pool.size - change->key;
    change->value = edit->pool.size;
    otx__text_string(&edit->pool, value);
    change->value_size = edit->pool.size - change->value;
    if (edit->pool.failed) return otx__fail_memory(error, strlen(key) + strlen(value));
    earlier = otx__json_added(edit, object, change->key, change->key_size);
    if (earlier) {
        earlier->value = change->value;
        earlier->value_size = change->value_size;
        return OTX_OK;
    }
    if (json->nodes[object].count == 0) {
        change->start = json->nodes[object].start + 1;
        change->end = json->nodes[object].end - 1;
    } else {
        uint32_t last = otx__json_last_key(json, object, &unused) + 1;
        otx__json_bytes(json, last, &unused, &change->end);
        change->start = change->end;
    }
    edit->count++;
    return OTX_OK;
}

/* How an object writes its members. A new one is: comma (unless it is the first),
   line, indent, key, colon, value; and after the last of an object that was empty
   comes tail. */
typedef struct otx__json_layout {
    otx__span comma, line, indent, colon, tail;
} otx__json_layout;

OTX__PRIVATE otx__span otx__span_of(const char *bytes, size_t size)
{
    otx__span span;
    span.bytes = bytes;
    span.size = size;
    return span;
}

OTX__PRIVATE otx__span otx__json_slice(const otx_json *json, uint32_t start, uint32_t end)
{
    return otx__span_of(json->text + start, end - start);
}

/* What stands between a key and its value. */
OTX__PRIVATE otx__span otx__json_colon(const otx_json *json, uint32_t key)
{
    uint32_t start, end;
    otx__json_bytes(json, key + 1, &end, &start);
    return otx__json_slice(json, json->nodes[key].end + 1, end);
}

/* Without a line for each member, a space follows the comma if one follows the
   colon. */
OTX__PRIVATE otx__span otx__json_comma(otx__span colon)
{
    return colon.bytes[colon.size - 1] == ' ' ? otx__span_of(", ", 2) : otx__span_of(",", 1);
}

/* The layout for an object without members follows the root's first member: one
   that has a line of its own gives the new members lines too, indented by as
   much more than the line the object stands on. */
OTX__PRIVATE void otx__json_layout_empty(const otx_json *json, uint32_t object,
                                         otx__json_layout *layout)
{
    const otx_json_node *root = json->nodes;
    uint32_t inner = otx__json_after_space(json, root->start + 1), indent = inner;
    uint32_t line = json->nodes[object].start;
    layout->colon = otx__span_of(": ", 2);
    if (root->type == OTX_JSON_OBJECT && root->count > 0)
        layout->colon = otx__json_colon(json, 1);
    while (json->text[indent - 1] == ' ' || json->text[indent - 1] == '\t') indent--;
    if (root->count == 0 || json->text[indent - 1] != '\n') {
        layout->comma = otx__json_comma(layout->colon);
        return;
    }
    while (json->text[line - 1] != '\n') line--;
    for (inner = line; json->text[inner] == ' ' || json->text[inner] == '\t';) inner++;
    line -= json->text[line - 2] == '\r' ? 2 : 1;
    layout->comma = otx__span_of(",", 1);
    layout->line = layout->tail = otx__json_slice(json, line, inner);
    layout->indent = otx__json_slice(json, indent, otx__json_after_space(json, indent));
}

OTX__PRIVATE otx__json_layout otx__json_layout_of(const otx_json *json, uint32_t object)
{
    otx__json_layout layout;
    uint32_t key, before, start, end;
    memset(&layout, 0, sizeof layout);
    if (json->nodes[object].count == 0) {
        otx__json_layout_empty(json, object, &layout);
        return layout;
    }
    key = otx__json_last_key(json, object, &before);
    layout.colon = otx__json_colon(json, key);
    start = json->nodes[key].start - 1;
    if (before != OTX_JSON_NONE) {
        otx__json_bytes(json, before, &end, &end);
        layout.comma = otx__json_slice(json, end, start);
        return layout;
    }
    layout.comma = otx__span_of(",", 1);
    layout.line = otx__json_slice(json, json->nodes[object].start + 1, start);
    if (layout.line.size == 0) layout.comma = otx__json_comma(layout.colon);
    return layout;
}

OTX__PRIVATE bool otx__json_put(const otx_sink *sink, const char *bytes, size_t size)
{
    return size == 0 || sink->write(sink->context, bytes, size);
}

OTX__PRIVATE bool otx__json_put_span(const otx_sink *sink, otx__span span)
{
    return otx__json_put(sink, span.bytes, span.size);
}

/* Writes the members added to one object: changes from first to before end. */
OTX__PRIVATE bool otx__json_put_members(const otx_json_edit *edit, size_t first, size_t end,
                                        const otx_sink *sink)
{
    uint32_t object = edit->changes[first].node;
    otx__json_layout layout = otx__json_layout_of(edit->json, object);
    bool comma = edit->json->nodes[object].count > 0;
    size_t i;
    for (i = first; i < end; i++, comma = true) {
        const otx__json_change *change = &edit->changes[i];
        if ((comma && !otx__json_put_span(sink, layout.comma)) ||
            !otx__json_put_span(sink, layout.line) ||
            !otx__json_put_span(sink, layout.indent) ||
            !otx__json_put(sink, edit->pool.bytes + change->key, change->key_size) ||
            !otx__json_put_span(sink, layout.colon) ||
            !otx__json_put(sink, edit->pool.bytes + change->value, change->value_size))
            return false;
    }
    return otx__json_put_span(sink, layout.tail);
}

OTX__PRIVATE int otx__json_compare_changes(const void *a, const void *b)
{
    const otx__json_change *x = (const otx__json_change *)a, *y = (const otx__json_change *)b;
    if (x->start != y->start) return x->start < y->start ? -1 : 1;
    return x->sequence < y->sequence ? -1 : x->sequence > y->sequence;
}

/* Writes the document with its changes, which are sorted and do not overlap. Two
   that start at one byte replace the same value or add to the same object. */
OTX__PRIVATE bool otx__json_put_edited(const otx_json_edit *edit, const otx_sink *sink)
{
    const otx_json *json = edit->json;
    size_t at = 0, i, end;
    for (i = 0; i < edit->count; i = end) {
        const otx__json_change *first = &edit->changes[i], *last;
        for (end = i + 1; end < edit->count && edit->changes[end].start == first->start;) end++;
        last = &edit->changes[end - 1];
        if (!otx__json_put(sink, json->text + at, first->start - at)) return false;
        if (first->key_size > 0 ? !otx__json_put_members(edit, i, end, sink)
                                : !otx__json_put(sink, edit->pool.bytes + last->value,
                                                 last->value_size))
            return false;
        at = first->end;
    }
    return otx__json_put(sink, json->text + at, json->size - at);
}

OTX_API otx_result otx_json_edit_write(otx_json_edit *edit, const otx_sink *sink,
                                       otx_error *error)
{
    const otx__json_change *changes = edit->changes;
    size_t i;
    otx__sort(edit->changes, edit->count, sizeof *edit->changes, otx__json_compare_changes);
    for (i = 1; i < edit->count; i++)
        if (changes[i].start != changes[i - 1].start && changes[i].start < changes[i - 1].end)
            return otx__fail(error, OTX_ERROR_ARGUMENT,
                             "JSON value %" PRIu32 " is edited, and so is value %" PRIu32
                             " inside it", changes[i - 1].node, changes[i].node);
    if (!otx__json_put_edited(edit, sink))
        return otx__fail(error, OTX_ERROR_IO, "edited JSON could not be written");
    return OTX_OK;
}

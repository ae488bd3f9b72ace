/* ---- JSON: reading ------------------------------------------------------ */

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
        otx__format(problem, size, "the text ends, expected %s", expected);
    else if (p->size - p->at >= 3 && memcmp(p->text + p->at, "\xef\xbb\xbf", 3) == 0)
        otx__format(problem, size, "found a byte order mark, expected %s", expected);
    else if (byte > 0x20 && byte < 0x7f)
        otx__format(problem, size, "found '%c', expected %s", (int)byte, expected);
    else
        otx__format(problem, size, "found byte 0x%02x, expected %s", byte, expected);
    return otx__json_fail(p, OTX_ERROR_FORMAT, p->at, problem);
}

OTX__PRIVATE void otx__json_skip_space(otx__json_parser *p)
{
    while (p->at < p->size) {
        unsigned char byte = p->text[p->at];
        if (byte > ' ') break; /* mostly, at once */
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
            return otx__fail_array(p->error, (uint64_t)json->count * 2, sizeof *json->nodes);
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
        const int digit = otx__hex_digit((char)digits[i]);
        if (digit < 0) return -1;
        value = value * 16 + digit;
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

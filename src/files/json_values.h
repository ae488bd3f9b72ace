/* ---- JSON: looking at values --------------------------------------------- */

OTX_API otx_json_type otx_json_type_of(const otx_json *json, uint32_t node)
{
    return node < json->count ? (otx_json_type)json->nodes[node].type : OTX_JSON_NULL;
}

/* ---- containers ---- */

OTX_API uint32_t otx_json_count(const otx_json *json, uint32_t node)
{
    return node < json->count ? json->nodes[node].count : 0;
}

OTX_API uint32_t otx_json_after(const otx_json *json, uint32_t node)
{
    return node < json->count ? json->nodes[node].next : node;
}

OTX_API otx_json_iter otx_json_iter_of(const otx_json *json, uint32_t node)
{
    otx_json_iter iter;
    memset(&iter, 0, sizeof iter);
    iter.json = json;
    iter.key = iter.value = OTX_JSON_NONE;
    iter.index = UINT32_MAX;
    if (otx_json_count(json, node) == 0) return iter;
    iter.keyed = otx_json_type_of(json, node) == OTX_JSON_OBJECT;
    iter.next = node + 1;
    iter.end = json->nodes[node].next;
    return iter;
}

OTX_API bool otx_json_iter_next(otx_json_iter *iter)
{
    iter->key = iter->value = OTX_JSON_NONE;
    if (iter->next >= iter->end) return false;
    if (iter->keyed) iter->key = iter->next++;
    iter->value = iter->next;
    iter->next = iter->json->nodes[iter->value].next;
    iter->index++;
    return true;
}

OTX_API uint32_t otx_json_item(const otx_json *json, uint32_t array, uint32_t index)
{
    otx_json_iter iter = otx_json_iter_of(json, array);
    if (otx_json_type_of(json, array) != OTX_JSON_ARRAY) return OTX_JSON_NONE;
    while (otx_json_iter_next(&iter))
        if (iter.index == index) return iter.value;
    return OTX_JSON_NONE;
}

/* ---- scalars ---- */

/* The bytes of a node as the text spells them, a string's without its quotes; none for
   OTX_JSON_NONE. */
OTX__PRIVATE otx__span otx__json_span(const otx_json *json, uint32_t node)
{
    if (node >= json->count) return otx__span_of("", 0);
    return otx__span_of(json->text + json->nodes[node].start,
                        json->nodes[node].end - json->nodes[node].start);
}

/* The same for a message. */
OTX__PRIVATE const char *otx__quote_node(char to[OTX__QUOTED], const otx_json *json,
                                         uint32_t node)
{
    const otx__span text = otx__json_span(json, node);
    return otx__quote(to, OTX__QUOTED, text.bytes, text.size);
}

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

OTX_API size_t otx_json_string(const otx_json *json, uint32_t node, char *to)
{
    const otx_json_node *string;
    size_t at, size = 0;
    if (otx_json_type_of(json, node) != OTX_JSON_STRING) return 0;
    string = &json->nodes[node];
    at = string->start;
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
    otx_json_iter iter = otx_json_iter_of(json, object);
    uint32_t found = OTX_JSON_NONE;
    size_t size = strlen(key);
    if (!iter.keyed) return OTX_JSON_NONE;
    while (otx_json_iter_next(&iter))
        if (otx__json_is_text(json, iter.key, key, size)) found = iter.value;
    return found;
}

OTX_API bool otx_json_uint(const otx_json *json, uint32_t node, uint64_t *value)
{
    return otx_json_type_of(json, node) == OTX_JSON_NUMBER &&
           otx__parse_uint(otx__json_span(json, node), value);
}

/* The value of a number, or 0: to the last bit where it has up to 15 digits and an exponent up
   to 22, else to a few. One beyond a double's range is the largest. */
OTX__PRIVATE double otx__json_double(const otx_json *json, uint32_t node)
{
    const otx__span text = otx__json_span(json, node);
    uint64_t digits = 0;
    int exponent = 0, written = 0;
    double value, power = 1.0;
    size_t at;
    bool fraction = false, negative = text.size > 0 && text.bytes[0] == '-';
    if (otx_json_type_of(json, node) != OTX_JSON_NUMBER) return 0.0;
    at = negative ? 1 : 0;
    for (; at < text.size && text.bytes[at] != 'e' && text.bytes[at] != 'E'; at++) {
        if (text.bytes[at] == '.') {
            fraction = true;
            continue;
        }
        if (digits < UINT64_MAX / 100) digits = digits * 10 + (unsigned)(text.bytes[at] - '0');
        else exponent++;
        exponent -= fraction;
    }
    if (at < text.size) {
        bool below = text.bytes[at + 1] == '-';
        for (at += below || text.bytes[at + 1] == '+' ? 2 : 1; at < text.size; at++)
            if (written < 1000) written = written * 10 + (text.bytes[at] - '0');
        exponent += below ? -written : written;
    }
    value = (double)digits;
    written = exponent < 0 ? -exponent : exponent;
    for (; written > 0 && written < 700; written--) {
        power *= 10.0;
        if (power >= 1e22) {
            value = exponent < 0 ? value / power : value * power;
            power = 1.0;
        }
    }
    value = exponent < 0 ? value / power : value * power;
    if (exponent <= -700) value = 0.0;
    if (digits && (exponent >= 700 || !(value <= DBL_MAX))) value = DBL_MAX;
    return negative ? -value : value;
}

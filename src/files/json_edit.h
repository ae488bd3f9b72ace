/* ---- JSON: writing and editing ------------------------------------------ */

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

/* ---- JSON: editing ---- */

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
    otx_json_iter member = otx_json_iter_of(json, object);
    uint32_t key = OTX_JSON_NONE, value = OTX_JSON_NONE;
    *before = OTX_JSON_NONE;
    while (otx_json_iter_next(&member)) {
        *before = value;
        key = member.key;
        value = member.value;
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

/* ---- normalise_open: the normaliser of a tokenizer.json, read --------------------------- */

/* Steps of a normaliser at most; what it looks for has together no more bytes than what a
   pre-tokenizer does. */
#define OTX__TIDY_STEPS 1024u

/* Bytes that all steps together may go over: for a text of any length, and so many times its own.
   A step counts as a few bytes more. Real normalisers have ten steps, and make little more of a
   text than it has. */
#define OTX__TIDY_WORK 1048576u
#define OTX__TIDY_WORK_A_BYTE 128u
#define OTX__TIDY_WORK_A_STEP 8u

/* All expressions together have so many times the steps that a pre-tokenizer's have. */
#define OTX__TIDY_EXPRESSIONS 4u

/* The normaliser of a tokenizer.json. It is used by one thread at a time: texts on their way
   stand in it. */
typedef struct otx__tidy {
    otx__pool pool;
    const char *name;    /* in errors; borrowed */
    otx__tidy_step *first, **last;
    size_t count, pattern_bytes; /* of steps; of all that is looked for */
    otx__tidy_tables tables;
    otx__text texts[2];  /* of one step, of the next */
    otx__matcher matcher;
    size_t lead;         /* bytes of the last text that stand where the caller's begins: its first
                            character, what was put before it, or nothing once that is gone */
    otx__text start;     /* what became of them, by itself */
    size_t limit;        /* bytes that may become of the text */
    uint64_t work;       /* bytes that the steps may yet go over */
    bool ready;          /* texts and matcher are open */
} otx__tidy;

OTX__PRIVATE void otx__tidy_close(otx__tidy *n)
{
    if (!n->ready) return;
    otx__text_close(&n->texts[0]);
    otx__text_close(&n->texts[1]);
    otx__text_close(&n->start);
    otx__matcher_close(&n->matcher);
    otx__pool_close(&n->pool);
    n->ready = false;
}

/* Allows what may be done for a caller's text. Each of its parts adds to that. */
OTX__PRIVATE void otx__tidy_allow(otx__tidy *n)
{
    otx__matcher_allow(&n->matcher, 0);
    n->work = OTX__TIDY_WORK;
}

/* ---- reading ---- */

/* A step more; NULL without memory, which the pool says, or beyond the limit. */
OTX__PRIVATE otx__tidy_step *otx__tidy_add(otx__tidy *n, otx__tidy_kind kind)
{
    otx__tidy_tables *t = &n->tables;
    otx__tidy_step *step;
    if (++n->count > OTX__TIDY_STEPS) return NULL;
    step = (otx__tidy_step *)otx__pool_take_zero(&n->pool, 1, sizeof *step);
    if (!step) return NULL;
    step->kind = kind;
    if (kind <= OTX__TIDY_NFKD && !t->has_forms) {
        otx__forms_read(&n->pool, &t->forms);
        t->has_forms = true;
    } else if (kind == OTX__TIDY_LOWER && !t->has_lower) {
        otx__lower_read(&n->pool, &t->lower);
        t->has_lower = true;
    } else if ((kind == OTX__TIDY_MARKS || kind == OTX__TIDY_CHARSMAP) && !t->has_marks) {
        otx__ranges_read(&n->pool, otx__marks_table, false, &t->marks);
        t->has_marks = true;
    } else if (kind == OTX__TIDY_ACCENTS && !t->has_accents) {
        otx__ranges_read(&n->pool, otx__accents_table, false, &t->accents);
        t->has_accents = true;
    } else if (kind == OTX__TIDY_CLEAN && !t->has_controls) {
        otx__ranges_read(&n->pool, otx__controls_table, false, &t->controls);
        t->has_controls = true;
    }
    if (n->pool.failed) return NULL;
    *n->last = step;
    n->last = &step->next;
    return step;
}

/* A string in the pool; false where it is none, or without memory. */
OTX__PRIVATE bool otx__tidy_string(otx__tidy *n, const otx_json *json, uint32_t node,
                                     otx__span *text)
{
    char *bytes;
    if (otx_json_type_of(json, node) != OTX_JSON_STRING) return false;
    bytes = (char *)otx__pool_take(&n->pool, otx__json_span(json, node).size + 1, 1);
    if (!bytes) return false;
    *text = otx__span_of(bytes, otx_json_string(json, node, bytes));
    return true;
}

/* What there is to say when it is read in part or as a whole: nothing, or that it is too large. */
OTX__PRIVATE otx_result otx__tidy_check(const otx__tidy *n, otx_error *error)
{
    if (n->pool.failed) return otx__pool_fail(&n->pool, error);
    if (n->count > OTX__TIDY_STEPS)
        return otx__fail(error, OTX_ERROR_LIMIT, "%s: the normalizer has more than %u steps",
                         n->name, OTX__TIDY_STEPS);
    if (n->pattern_bytes > OTX__STEP_PATTERNS)
        return otx__fail(error, OTX_ERROR_LIMIT, "%s: the normalizer has patterns of more than %u "
                         "bytes", n->name, OTX__STEP_PATTERNS);
    return OTX_OK;
}

OTX__PRIVATE otx_result otx__tidy_bad(const otx__tidy *n, const char *type, otx_error *error)
{
    if (n->pool.failed) return otx__pool_fail(&n->pool, error);
    return otx__fail(error, OTX_ERROR_FORMAT, "%s: normalizer %s lacks what it needs, or says it "
                     "in a way that is not known", n->name, type);
}

OTX__PRIVATE bool otx__tidy_true(const otx_json *json, uint32_t node, const char *member)
{
    return otx_json_type_of(json, otx_json_find(json, node, member)) == OTX_JSON_TRUE;
}

OTX__PRIVATE otx_result otx__tidy_read_replace(otx__tidy *n, const otx_json *json,
                                                 uint32_t node, otx_error *error)
{
    const uint32_t pattern = otx_json_find(json, node, "pattern");
    const uint32_t regex = otx_json_find(json, pattern, "Regex");
    otx__span from, to;
    otx__tidy_step *step;
    bool matches;
    otx_result result;
    if (!otx__tidy_string(n, json, regex != OTX_JSON_NONE
                                         ? regex : otx_json_find(json, pattern, "String"), &from) ||
        !otx__tidy_string(n, json, otx_json_find(json, node, "content"), &to))
        return otx__tidy_bad(n, "Replace", error);
    if (regex == OTX_JSON_NONE || from.size <= OTX__PATTERN_BYTES) n->pattern_bytes += from.size;
    /* an empty text matches as an expression does */
    matches = regex != OTX_JSON_NONE || from.size == 0;
    step = otx__tidy_add(n, matches ? OTX__TIDY_MATCHES : OTX__TIDY_REPLACE);
    result = otx__tidy_check(n, error);
    if (result || !step) return result;
    if (matches)
        result = otx__pattern_open(&n->pool, OTX__ONIGURUMA, n->name, from.bytes, from.size,
                                   &step->pattern, error);
    step->from = from;
    step->to = to;
    return result;
}

OTX__PRIVATE otx_result otx__tidy_read_charsmap(otx__tidy *n, const otx_json *json,
                                                  uint32_t node, otx_error *error)
{
    const uint32_t text = otx_json_find(json, node, "precompiled_charsmap");
    otx__span map;
    otx__tidy_step *step;
    size_t size;
    if (otx_json_type_of(json, text) == OTX_JSON_NULL) return OTX_OK;
    if (!otx__tidy_string(n, json, text, &map)) return otx__tidy_bad(n, "Precompiled", error);
    if (map.size == 0) return OTX_OK;
    step = otx__tidy_add(n, OTX__TIDY_CHARSMAP);
    if (!step) return otx__tidy_check(n, error);
    step->map.marks = n->tables.marks;
    if (!otx__base64_decode(map.bytes, map.size, (char *)(uintptr_t)map.bytes, &size) ||
        !otx__charsmap_read(map.bytes, size, &step->map))
        return otx__fail(error, OTX_ERROR_FORMAT, "%s: the precompiled_charsmap of its "
                         "normalizer is none", n->name);
    return OTX_OK;
}

/* BERT's normaliser is four that are known otherwise. */
OTX__PRIVATE void otx__tidy_read_bert(otx__tidy *n, const otx_json *json, uint32_t node)
{
    const uint32_t accents = otx_json_find(json, node, "strip_accents");
    const bool lower = otx__tidy_true(json, node, "lowercase");
    const bool strip = otx_json_type_of(json, accents) == OTX_JSON_TRUE ||
                       (lower && otx_json_type_of(json, accents) != OTX_JSON_FALSE);
    if (otx__tidy_true(json, node, "clean_text")) (void)otx__tidy_add(n, OTX__TIDY_CLEAN);
    if (otx__tidy_true(json, node, "handle_chinese_chars"))
        (void)otx__tidy_add(n, OTX__TIDY_CHINESE);
    if (strip) (void)otx__tidy_add(n, OTX__TIDY_NFD);
    if (strip) (void)otx__tidy_add(n, OTX__TIDY_ACCENTS);
    if (lower) (void)otx__tidy_add(n, OTX__TIDY_LOWER);
}

/* Those of one step without parts. */
static const struct {
    const char *type;
    otx__tidy_kind kind;
} otx__tidy_types[] = {
    {"NFC", OTX__TIDY_NFC},         {"NFD", OTX__TIDY_NFD},
    {"NFKC", OTX__TIDY_NFKC},       {"NFKD", OTX__TIDY_NFKD},
    {"Lowercase", OTX__TIDY_LOWER}, {"StripAccents", OTX__TIDY_MARKS},
    {"Nmt", OTX__TIDY_NMT},         {"ByteLevel", OTX__TIDY_BYTES},
};

/* One normaliser that is no Sequence. */
OTX__PRIVATE otx_result otx__tidy_read_one(otx__tidy *n, const otx_json *json, uint32_t node,
                                             otx_error *error)
{
    const uint32_t type = otx_json_find(json, node, "type");
    const otx__span name = otx__json_span(json, type);
    char quoted[OTX__QUOTED];
    otx__tidy_step *step = NULL;
    size_t i;
    for (i = 0; i < OTX__COUNT(otx__tidy_types); i++)
        if (otx__span_is(name, otx__tidy_types[i].type)) {
            (void)otx__tidy_add(n, otx__tidy_types[i].kind);
            return otx__tidy_check(n, error);
        }
    if (otx__span_is(name, "Replace")) return otx__tidy_read_replace(n, json, node, error);
    if (otx__span_is(name, "Precompiled"))
        return otx__tidy_read_charsmap(n, json, node, error);
    if (otx__span_is(name, "BertNormalizer")) {
        otx__tidy_read_bert(n, json, node);
    } else if (otx__span_is(name, "Strip")) {
        step = otx__tidy_add(n, OTX__TIDY_STRIP);
        if (step) step->left = otx__tidy_true(json, node, "strip_left");
        if (step) step->right = otx__tidy_true(json, node, "strip_right");
    } else if (otx__span_is(name, "Prepend")) {
        step = otx__tidy_add(n, OTX__TIDY_PREPEND);
        if (step && !otx__tidy_string(n, json, otx_json_find(json, node, "prepend"), &step->to))
            return otx__tidy_bad(n, "Prepend", error);
    } else {
        return otx__fail(error, OTX_ERROR_UNSUPPORTED, "%s: its normalizer is \"%s\", which is "
                         "not known, so that no text can be encoded", n->name,
                         otx__quote_node(quoted, json, type));
    }
    return otx__tidy_check(n, error);
}

/* Sequences within sequences at most. */
#define OTX__TIDY_DEPTH 16

/* All steps of a value, of which some may be sequences of others. */
OTX__PRIVATE otx_result otx__tidy_read(otx__tidy *n, const otx_json *json, uint32_t node,
                                         otx_error *error)
{
    otx_json_iter waiting[OTX__TIDY_DEPTH];
    size_t depth = 0;
    otx_result result = OTX_OK;
    if (node == OTX_JSON_NONE || otx_json_type_of(json, node) == OTX_JSON_NULL) return OTX_OK;
    for (;;) {
        if (!otx__span_is(otx__json_span(json, otx_json_find(json, node, "type")), "Sequence")) {
            result = otx__tidy_read_one(n, json, node, error);
        } else if (depth == OTX__TIDY_DEPTH) {
            result = otx__tidy_bad(n, "Sequence", error);
        } else {
            waiting[depth++] = otx_json_iter_of(json, otx_json_find(json, node, "normalizers"));
        }
        if (result) return result;
        while (depth > 0 && !otx_json_iter_next(&waiting[depth - 1])) depth--;
        if (depth == 0) return OTX_OK;
        node = waiting[depth - 1].value;
    }
}

/* Opens the normaliser that a value of a tokenizer.json describes (OTX_JSON_NONE and null: none).
   `name` must stay. On failure nothing is left open. */
OTX__PRIVATE otx_result otx__tidy_open(const otx_context *ctx, const otx_json *json,
                                         uint32_t node, const char *name, otx__tidy *n,
                                         otx_error *error)
{
    otx_result result;
    memset(n, 0, sizeof *n);
    otx__pool_open(&n->pool, ctx);
    otx__text_open(&n->texts[0], ctx);
    otx__text_open(&n->texts[1], ctx);
    otx__text_open(&n->start, ctx);
    otx__matcher_open(&n->matcher, ctx);
    otx__tidy_allow(n);
    n->name = name;
    n->last = &n->first;
    n->ready = true;
    result = otx__tidy_read(n, json, node, error);
    if (result) otx__tidy_close(n);
    return result;
}

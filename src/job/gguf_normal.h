/* ---- gguf_normal: what becomes of spaces and letters before text is cut ------------ */

/* How a tokenizer treats text at first, of what llama.cpp can be told. */
typedef struct otx__gguf_normal {
    bool prefix;      /* a space goes before a text */
    bool squeeze;     /* spaces in a row are one, and none ends a text */
    otx__span map;    /* SentencePiece's table of characters */
    uint32_t encoded; /* the node of tokenizer.json that has it in base64 */
} otx__gguf_normal;

/* Fields of SentencePiece's ModelProto and its NormalizerSpec. */
enum {
    OTX__MODEL_NORMALIZER = 3, OTX__NORMALIZER_MAP = 2, OTX__NORMALIZER_PREFIX = 3,
    OTX__NORMALIZER_SQUEEZE = 4
};

/* Of a SentencePiece model, which has been checked. */
OTX__PRIVATE void otx__gguf_read_spec(const otx__gguf_donor *donor, otx__gguf_normal *to)
{
    otx__proto model = otx__proto_open(donor->at.text.bytes, donor->at.text.size);
    otx__field field, inner;
    bool more = true, left;
    to->prefix = to->squeeze = true; /* what it takes if nothing is said */
    while (!otx__proto_next(&model, &field, &more) && more) {
        if (field.wire != OTX__WIRE_BYTES || field.number != OTX__MODEL_NORMALIZER) continue;
        while (!otx__proto_next(&field.bytes, &inner, &left) && left) {
            if (inner.wire == OTX__WIRE_BYTES && inner.number == OTX__NORMALIZER_MAP)
                to->map = otx__span_of((const char *)inner.bytes.at,
                                       otx__proto_left(&inner.bytes));
            if (inner.wire != OTX__WIRE_VARINT) continue;
            if (inner.number == OTX__NORMALIZER_PREFIX) to->prefix = inner.value != 0;
            if (inner.number == OTX__NORMALIZER_SQUEEZE) to->squeeze = inner.value != 0;
        }
    }
}

/* Whether Metaspace puts a mark first. */
OTX__PRIVATE bool otx__gguf_prepends(const otx_json *json, uint32_t step)
{
    const uint32_t scheme = otx_json_find(json, step, "prepend_scheme");
    const uint32_t old = otx_json_find(json, step, "add_prefix_space");
    if (step == OTX_JSON_NONE) return false;
    if (scheme != OTX_JSON_NONE) return !otx_json_equals(json, scheme, "never");
    return otx_json_type_of(json, old) != OTX_JSON_FALSE;
}

/* Of tokenizer.json. */
OTX__PRIVATE void otx__gguf_read_steps(const otx_json *json, otx__gguf_normal *to)
{
    const uint32_t normal = otx_json_find(json, 0, "normalizer");
    const uint32_t words = otx_json_find(json, 0, "pre_tokenizer");
    const uint32_t map = otx_json_find(
        json, otx__find_step(json, normal, OTX_JSON_NONE, "Precompiled"), "precompiled_charsmap");
    uint32_t step = OTX_JSON_NONE;
    to->prefix = otx__find_step(json, normal, OTX_JSON_NONE, "Prepend") != OTX_JSON_NONE ||
                 otx__gguf_prepends(json, otx__find_step(json, words, OTX_JSON_NONE,
                                                         "Metaspace"));
    to->squeeze = otx__find_step(json, words, OTX_JSON_NONE, "WhitespaceSplit") != OTX_JSON_NONE;
    while ((step = otx__find_step(json, normal, step, "Replace")) != OTX_JSON_NONE) {
        const uint32_t pattern = otx_json_find(json, step, "pattern");
        if (otx_json_equals(json, otx_json_find(json, pattern, "Regex"), " {2,}"))
            to->squeeze = true;
    }
    to->encoded = map;
}

/* Adds the table of characters. */
OTX__PRIVATE otx_result otx__gguf_add_map(const otx__gguf_donor *donor,
                                          const otx__gguf_normal *normal, otx__gguf_list *list,
                                          otx_error *error)
{
    static const char key[] = "tokenizer.ggml.precompiled_charsmap";
    const otx_context *ctx = donor->at.ctx;
    const size_t room = otx__json_span(&donor->at.json, normal->encoded).size;
    char *bytes;
    size_t size = 0;
    if (normal->map.size > 0)
        otx__gguf_add_array(list, key, OTX_GGUF_U8, normal->map.size, normal->map.bytes,
                            normal->map.size);
    if (otx_json_type_of(&donor->at.json, normal->encoded) != OTX_JSON_STRING || room == 0)
        return OTX_OK;
    bytes = (char *)otx__alloc(ctx, room, 1);
    if (!bytes) return otx__fail_memory(error, room);
    if (otx__base64_decode(bytes, otx_json_string(&donor->at.json, normal->encoded, bytes), bytes,
                           &size))
        otx__gguf_add_array(list, key, OTX_GGUF_U8, size, bytes, size);
    otx__free(ctx, bytes, room, 1);
    if (size > 0) return OTX_OK;
    return otx__fail(error, OTX_ERROR_FORMAT, "%s: precompiled_charsmap is not base64",
                     donor->at.name);
}

/* Adds a flag of BERT's normaliser, if it is said. */
OTX__PRIVATE void otx__gguf_add_flag(const otx_json *json, const char *type, const char *member,
                                     const char *key, otx__gguf_list *list)
{
    const uint32_t normal = otx_json_find(json, 0, "normalizer");
    const uint32_t bert = otx__find_step(json, normal, OTX_JSON_NONE, "BertNormalizer");
    const otx_json_type value = otx_json_type_of(json, otx_json_find(json, bert, member));
    if (otx__find_step(json, normal, OTX_JSON_NONE, type) != OTX_JSON_NONE)
        otx__gguf_add_bool(list, key, true);
    else if (value == OTX_JSON_TRUE || value == OTX_JSON_FALSE)
        otx__gguf_add_bool(list, key, value == OTX_JSON_TRUE);
}

/* What the class of vocab.txt does unless it is told otherwise. */
OTX__PRIVATE void otx__gguf_add_bert(const otx_json *config, otx__gguf_list *list)
{
    const uint32_t lower = otx_json_find(config, 0, "do_lower_case");
    const uint32_t strip = otx_json_find(config, 0, "strip_accents");
    const otx_json_type type = otx_json_type_of(config, strip);
    otx__gguf_add_bool(list, "tokenizer.ggml.normalizer.lowercase",
                       otx_json_type_of(config, lower) != OTX_JSON_FALSE);
    if (type == OTX_JSON_TRUE || type == OTX_JSON_FALSE)
        otx__gguf_add_bool(list, "tokenizer.ggml.normalizer.strip_accents",
                           type == OTX_JSON_TRUE);
}

OTX__PRIVATE otx_result otx__gguf_add_normal(const otx__gguf_donor *donor, otx__gguf_kind kind,
                                             otx__gguf_list *list, otx_error *error)
{
    const otx__tokenizer *t = &donor->at;
    otx__gguf_normal normal;
    memset(&normal, 0, sizeof normal);
    normal.encoded = OTX_JSON_NONE;
    if (t->reader->complete) {
        otx__gguf_add_flag(&t->json, "Lowercase", "lowercase",
                           "tokenizer.ggml.normalizer.lowercase", list);
        otx__gguf_add_flag(&t->json, "StripAccents", "strip_accents",
                           "tokenizer.ggml.normalizer.strip_accents", list);
    } else if (otx__gguf_donor_is(donor, "vocab.txt")) {
        otx__gguf_add_bert(&t->config, list);
    }
    if (kind != OTX__GGUF_SPM && kind != OTX__GGUF_UGM) return OTX_OK;
    if (t->reader->complete) otx__gguf_read_steps(&t->json, &normal);
    else otx__gguf_read_spec(donor, &normal);
    otx__gguf_add_bool(list, "tokenizer.ggml.add_space_prefix", normal.prefix);
    if (kind != OTX__GGUF_UGM) return OTX_OK;
    otx__gguf_add_bool(list, "tokenizer.ggml.remove_extra_whitespaces", normal.squeeze);
    return otx__gguf_add_map(donor, &normal, list, error);
}

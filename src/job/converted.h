/* ---- converted: the special tokens that a conversion to GGUF finds -------------- */

/* llama.cpp knows of a model what its converter wrote. That takes the flags and ids of
   special tokens from gguf.SpecialVocab, whose rules are these (gguf-py 0.19.0,
   gguf/vocab.py, read in November 2026). tests/draft_engines.py compares the two. */

/* A value in one of a directory's files. */
typedef struct otx__converted_value {
    const otx_json *json;
    uint32_t node;
} otx__converted_value;

/* What is written of a directory. */
typedef struct otx__converted {
    otx__converted_value texts[OTX_ROLE_COUNT];
    bool adds[2];   /* by role, bos and eos: whether it stands at that end of a text */
    int64_t ids[2]; /* by role; -1: none */
} otx__converted;

/* What llama.cpp calls a vocabulary, and takes where nothing is written (src/llama-vocab.cpp).
   Llama 3's and a few other byte-level vocabularies add bos unsaid; all of them say it. */
typedef struct otx__converted_kind {
    otx_family family;
    const char *name;
    bool adds[2];
    int64_t ids[2];
} otx__converted_kind;

OTX__PRIVATE const otx__converted_kind *otx__converted_kind_of(const otx_vocab *vocab)
{
    static const otx__converted_kind kinds[] = {
        {OTX_FAMILY_METASPACE, "SPM", {true, false}, {1, 2}},
        {OTX_FAMILY_WORDPIECE, "WPM", {true, false}, {101, -1}},
        {OTX_FAMILY_BYTE_LEVEL, "BPE", {false, false}, {11, 11}}, /* and all others */
    };
    size_t i = 0;
    while (i + 1 < OTX__COUNT(kinds) && kinds[i].family != vocab->family) i++;
    return &kinds[i];
}

/* ---- values as Python sees them ---- */

OTX__PRIVATE otx__converted_value otx__converted_find(const otx_json *json, uint32_t object,
                                                      const char *key)
{
    otx__converted_value value;
    value.json = json;
    value.node = otx_json_find(json, object, key);
    return value;
}

/* Whether it is there, and neither null nor false nor empty. */
OTX__PRIVATE bool otx__converted_is(otx__converted_value value)
{
    otx_json_type type = otx_json_type_of(value.json, value.node);
    if (type == OTX_JSON_STRING) return otx__json_span(value.json, value.node).size > 0;
    if (type == OTX_JSON_ARRAY || type == OTX_JSON_OBJECT)
        return otx_json_count(value.json, value.node) > 0;
    return type == OTX_JSON_TRUE || type == OTX_JSON_NUMBER;
}

/* Whether two are the same string. Longer ones than any token's are not. */
OTX__PRIVATE bool otx__converted_same(otx__converted_value a, otx__converted_value b)
{
    char one[512], other[512];
    if (otx_json_type_of(a.json, a.node) != OTX_JSON_STRING ||
        otx_json_type_of(b.json, b.node) != OTX_JSON_STRING ||
        otx__json_span(a.json, a.node).size > sizeof one ||
        otx__json_span(b.json, b.node).size > sizeof other)
        return false;
    return otx__same_bytes(one, otx_json_string(a.json, a.node, one), other,
                           otx_json_string(b.json, b.node, other));
}

/* ---- flags: the post-processor, and over it tokenizer_config.json ---- */

/* The special token at a place of a template, or nothing. */
OTX__PRIVATE otx__converted_value otx__converted_special(const otx_json *json, uint32_t template_,
                                                         uint32_t place)
{
    uint32_t item = otx_json_item(json, template_, place);
    return otx__converted_find(json, otx_json_find(json, item, "SpecialToken"), "id");
}

/* A special token first in a template is bos if it is known as bos or cls; one that is last
   becomes eos. `config`: there is a tokenizer_config.json, which knows. */
OTX__PRIVATE void otx__converted_template(const otx_json *json, uint32_t processor, bool config,
                                          otx__converted *to)
{
    uint32_t single = otx_json_find(json, processor, "single");
    uint32_t count = otx_json_count(json, single);
    otx__converted_value first, last;
    if (count < 2) return;
    first = otx__converted_special(json, single, 0);
    last = otx__converted_special(json, single, count - 1);
    if (otx__converted_is(first)) {
        if (!config) to->texts[OTX_ROLE_BOS] = first;
        to->adds[OTX_ROLE_BOS] = otx__converted_same(first, to->texts[OTX_ROLE_BOS]) ||
                                 otx__converted_same(first, to->texts[OTX_ROLE_CLS]);
    }
    if (otx__converted_is(last)) {
        to->texts[OTX_ROLE_EOS] = last;
        to->adds[OTX_ROLE_EOS] = true;
    }
}

OTX__PRIVATE void otx__converted_processor(const otx_json *json, uint32_t processor, bool config,
                                           otx__converted *to)
{
    uint32_t type = otx_json_find(json, processor, "type"), cls;
    if (otx_json_equals(json, type, "TemplateProcessing"))
        otx__converted_template(json, processor, config, to);
    if (!otx_json_equals(json, type, "RobertaProcessing")) return;
    to->adds[OTX_ROLE_BOS] = to->adds[OTX_ROLE_EOS] = true;
    if (otx__converted_is(to->texts[OTX_ROLE_CLS]) || !config) return;
    cls = otx_json_find(json, processor, "cls");
    to->texts[OTX_ROLE_CLS] = to->texts[OTX_ROLE_BOS];
    if (cls == OTX_JSON_NONE) return;
    to->texts[OTX_ROLE_CLS].json = json;
    to->texts[OTX_ROLE_CLS].node = otx_json_item(json, cls, 0);
}

/* All processors of tokenizer.json, those of a sequence in turn. */
OTX__PRIVATE void otx__converted_processors(const otx_json *json, uint32_t root, bool config,
                                            otx__converted *to)
{
    uint32_t processor = otx_json_find(json, root, "post_processor");
    uint32_t list = otx_json_find(json, processor, "processors");
    otx_json_iter item = otx_json_iter_of(json, list);
    if (list == OTX_JSON_NONE) otx__converted_processor(json, processor, config, to);
    while (otx_json_iter_next(&item)) otx__converted_processor(json, item.value, config, to);
}

/* ---- ids: of the added tokens, or as config.json has them ---- */

OTX__PRIVATE bool otx__converted_added_id(const otx_json *json, uint32_t root,
                                          otx__converted_value text, uint64_t *id)
{
    otx_json_iter added = otx_json_iter_of(json, otx_json_find(json, root, "added_tokens"));
    if (otx_json_type_of(text.json, text.node) == OTX_JSON_OBJECT)
        text = otx__converted_find(text.json, text.node, "content");
    while (otx_json_iter_next(&added))
        if (otx__converted_same(otx__converted_find(json, added.value, "content"), text))
            return otx_json_uint(json, otx_json_find(json, added.value, "id"), id);
    return false;
}

OTX__PRIVATE bool otx__converted_config_id(const otx__document *config, const char *key,
                                           uint64_t *id)
{
    const otx_json *json = &config->json;
    uint32_t root = otx__document_root(config), node = otx_json_find(json, root, key);
    if (otx_json_type_of(json, node) == OTX_JSON_NULL)
        node = otx_json_find(json, otx_json_find(json, root, "text_config"), key);
    return otx_json_uint(json, node, id);
}

/* What is written of a side, whose tokenizer.json is `tokens`. */
OTX__PRIVATE void otx__converted_read(const otx__side *side, const otx__document *tokens,
                                      otx__converted *to)
{
    static const char *const flags[] = {OTX__KEY_ADD_BOS, OTX__KEY_ADD_EOS};
    static const char *const keys[] = {"bos_token_id", "eos_token_id"};
    const otx__converted_kind *kind = otx__converted_kind_of(&side->vocab);
    const otx_json *json = &side->tokenizer.json;
    uint32_t root = otx__document_root(&side->tokenizer);
    bool config = otx_json_count(json, root) > 0;
    otx__converted_value *texts = to->texts;
    size_t i;
    for (i = 0; i < OTX_ROLE_COUNT; i++)
        texts[i] = otx__converted_find(json, root, otx__role_keys[i]);
    if (!otx__converted_is(texts[OTX_ROLE_BOS])) texts[OTX_ROLE_BOS] = texts[OTX_ROLE_CLS];
    if (!otx__converted_is(texts[OTX_ROLE_EOS])) texts[OTX_ROLE_EOS] = texts[OTX_ROLE_SEP];
    memcpy(to->adds, kind->adds, sizeof to->adds);
    memcpy(to->ids, kind->ids, sizeof to->ids);
    otx__converted_processors(&tokens->json, otx__document_root(tokens), config, to);
    for (i = 0; i < 2; i++) {
        uint32_t flag = otx_json_find(json, root, flags[i]);
        otx_json_type type = otx_json_type_of(json, flag);
        uint64_t id;
        if (type == OTX_JSON_TRUE || type == OTX_JSON_FALSE)
            to->adds[i] = type == OTX_JSON_TRUE;
        if ((config && otx__converted_added_id(&tokens->json, otx__document_root(tokens), texts[i],
                                               &id)) ||
            otx__converted_config_id(&side->config, keys[i], &id))
            to->ids[i] = id <= UINT32_MAX ? (int64_t)id : -1;
    }
}

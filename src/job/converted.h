/* ---- converted: the special tokens that a conversion to GGUF finds -------------- */

/* llama.cpp knows of a model what its converter wrote. That takes the flags and ids of
   special tokens from gguf.SpecialVocab, whose rules are these (gguf-py, gguf/vocab.py, read
   in November 2026; of 0.19.0 and later). tests/draft_engines.py compares the two. */

/* A value in one of a directory's files. */
typedef struct otx__converted_value {
    const otx_json *json;
    uint32_t node;
} otx__converted_value;

/* What is written of a directory, or stands in a GGUF file. */
typedef struct otx__converted {
    const char *kind; /* what llama.cpp calls the vocabulary */
    otx__converted_value texts[OTX_ROLE_COUNT];
    otx__converted_value turn; /* eot: the eos that a template puts another in place of */
    signed char said[OTX_ROLE_COUNT]; /* of bos, eos and sep: whether it stands at that end of a
                                         text, or between two; -1: nothing is written of it */
    int64_t given[OTX_ROLE_COUNT], turn_id; /* ids that are written; -1: none */
    bool adds[2];   /* by role, bos and eos: what llama.cpp makes of that, and */
    int64_t ids[2]; /* of these */
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

/* Whether it is known as one of two roles. */
OTX__PRIVATE bool otx__converted_is_of(const otx__converted *to, otx__converted_value text,
                                       otx_role one, otx_role other)
{
    return otx__converted_same(text, to->texts[one]) ||
           otx__converted_same(text, to->texts[other]);
}

/* The special token that a template begins with: bos if it is known as bos or cls, or as
   none of them is known. */
OTX__PRIVATE void otx__converted_first(otx__converted *to, otx__converted_value first,
                                       bool config)
{
    const bool known = otx__converted_is_of(to, first, OTX_ROLE_BOS, OTX_ROLE_CLS);
    otx__converted_value *texts = to->texts;
    if (!config || (!known && !otx__converted_is(texts[OTX_ROLE_BOS])))
        texts[OTX_ROLE_BOS] = first;
    if (config && !known && !otx__converted_is(texts[OTX_ROLE_CLS]))
        texts[OTX_ROLE_CLS] = first;
    to->said[OTX_ROLE_BOS] = otx__converted_is_of(to, first, OTX_ROLE_BOS, OTX_ROLE_CLS);
}

/* One that it ends with becomes eos. */
OTX__PRIVATE void otx__converted_last(otx__converted *to, otx__converted_value last, bool config)
{
    if (config && !otx__converted_same(last, to->texts[OTX_ROLE_EOS]) &&
        to->turn.node == OTX_JSON_NONE)
        to->turn = to->texts[OTX_ROLE_EOS];
    to->texts[OTX_ROLE_EOS] = last;
    to->said[OTX_ROLE_EOS] = true;
}

/* What a template for two texts puts between them, [sep] or [eos][sep]; one that the first
   text ends with anyhow does not count. */
OTX__PRIVATE void otx__converted_between(otx__converted *to, const otx_json *json, uint32_t pair,
                                         otx__converted_value first, otx__converted_value last,
                                         bool config)
{
    const uint32_t count = otx_json_count(json, pair);
    const uint32_t begin =
        otx__converted_is(first) &&
        otx__converted_same(first, otx__converted_special(json, pair, 0));
    const uint32_t end = count - (count > 0 && otx__converted_is(last) &&
                                  otx__converted_same(last, otx__converted_special(json, pair,
                                                                                   count - 1)));
    uint32_t a, b;
    bool adds;
    if (end < begin + 3) return;
    a = otx_json_find(json, otx_json_item(json, pair, begin), "Sequence");
    b = otx_json_find(json, otx_json_item(json, pair, end - 1), "Sequence");
    if (!otx_json_equals(json, otx_json_find(json, a, "id"), "A") ||
        !otx_json_equals(json, otx_json_find(json, b, "id"), "B"))
        return;
    adds = otx__converted_is_of(to, otx__converted_special(json, pair, begin + 1), OTX_ROLE_SEP,
                                OTX_ROLE_EOS) && !otx__converted_is(last);
    if (end == begin + 4 && otx__converted_is_of(to, otx__converted_special(json, pair, begin + 2),
                                                 OTX_ROLE_SEP, OTX_ROLE_EOS))
        adds = true;
    to->said[OTX_ROLE_SEP] = adds;
    if (adds && config && !otx__converted_is(to->texts[OTX_ROLE_SEP]))
        to->texts[OTX_ROLE_SEP] = to->texts[OTX_ROLE_EOS];
}

/* `config`: there is a tokenizer_config.json, which knows the roles. */
OTX__PRIVATE void otx__converted_template(const otx_json *json, uint32_t processor, bool config,
                                          otx__converted *to)
{
    uint32_t single = otx_json_find(json, processor, "single");
    uint32_t count = otx_json_count(json, single);
    otx__converted_value first = otx__converted_special(json, OTX_JSON_NONE, 0), last = first;
    if (count > 1) {
        first = otx__converted_special(json, single, 0);
        last = otx__converted_special(json, single, count - 1);
        if (otx__converted_is(first)) otx__converted_first(to, first, config);
        if (otx__converted_is(last)) otx__converted_last(to, last, config);
    }
    otx__converted_between(to, json, otx_json_find(json, processor, "pair"), first, last, config);
}

/* The text of a role that RobertaProcessing names, where tokenizer_config.json does not; or
   else that of another role. */
OTX__PRIVATE void otx__converted_roberta(otx__converted *to, const otx_json *json,
                                         uint32_t processor, otx_role role, otx_role other)
{
    uint32_t named = otx_json_find(json, processor, otx_role_name(role));
    if (otx__converted_is(to->texts[role])) return;
    to->texts[role] = to->texts[other];
    if (named == OTX_JSON_NONE) return;
    to->texts[role].json = json;
    to->texts[role].node = otx_json_item(json, named, 0);
}

OTX__PRIVATE void otx__converted_processor(const otx_json *json, uint32_t processor, bool config,
                                           otx__converted *to)
{
    uint32_t type = otx_json_find(json, processor, "type");
    if (otx_json_equals(json, type, "TemplateProcessing"))
        otx__converted_template(json, processor, config, to);
    if (!otx_json_equals(json, type, "RobertaProcessing")) return;
    to->said[OTX_ROLE_BOS] = to->said[OTX_ROLE_EOS] = to->said[OTX_ROLE_SEP] = true;
    if (!config) return;
    otx__converted_roberta(to, json, processor, OTX_ROLE_CLS, OTX_ROLE_BOS);
    otx__converted_roberta(to, json, processor, OTX_ROLE_SEP, OTX_ROLE_EOS);
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

/* The id that is written of a text, or of a key of config.json; -1: none. */
OTX__PRIVATE int64_t otx__converted_given(const otx__side *side, const otx__document *tokens,
                                          otx__converted_value text, const char *role)
{
    const uint32_t root = otx__document_root(tokens);
    const bool config =
        otx_json_count(&side->tokenizer.json, otx__document_root(&side->tokenizer)) > 0;
    char key[32];
    uint64_t id;
    otx__format(key, sizeof key, "%s_token_id", role);
    if ((config && otx__converted_added_id(&tokens->json, root, text, &id)) ||
        otx__converted_config_id(&side->config, key, &id))
        return id <= UINT32_MAX ? (int64_t)id : -1;
    return -1;
}

/* What is written of a side, whose tokenizer.json is `tokens`. */
OTX__PRIVATE void otx__converted_read(const otx__side *side, const otx__document *tokens,
                                      otx__converted *to)
{
    const otx__converted_kind *kind = otx__converted_kind_of(&side->vocab);
    const otx_json *json = &side->tokenizer.json;
    uint32_t root = otx__document_root(&side->tokenizer);
    bool config = otx_json_count(json, root) > 0;
    otx__converted_value *texts = to->texts;
    size_t i;
    for (i = 0; i < OTX_ROLE_COUNT; i++) {
        texts[i] = otx__converted_find(json, root, otx__role_keys[i]);
        to->said[i] = -1;
    }
    to->turn = otx__converted_find(json, OTX_JSON_NONE, "");
    if (!otx__converted_is(texts[OTX_ROLE_BOS])) texts[OTX_ROLE_BOS] = texts[OTX_ROLE_CLS];
    if (!otx__converted_is(texts[OTX_ROLE_EOS])) texts[OTX_ROLE_EOS] = texts[OTX_ROLE_SEP];
    to->kind = kind->name;
    otx__converted_processors(&tokens->json, otx__document_root(tokens), config, to);
    for (i = 0; i < OTX_ROLE_COUNT; i++) {
        char key[32];
        otx_json_type type;
        otx__format(key, sizeof key, "add_%s", otx__role_keys[i]);
        type = otx_json_type_of(json, otx_json_find(json, root, key));
        if (type == OTX_JSON_TRUE || type == OTX_JSON_FALSE) to->said[i] = type == OTX_JSON_TRUE;
        to->given[i] = otx__converted_given(side, tokens, texts[i], otx_role_name((otx_role)i));
    }
    to->turn_id = to->turn.node == OTX_JSON_NONE
                      ? -1 : otx__converted_given(side, tokens, to->turn, "eot");
    for (i = 0; i < 2; i++) {
        to->adds[i] = to->said[i] < 0 ? kind->adds[i] : to->said[i] > 0;
        to->ids[i] = to->given[i] < 0 ? kind->ids[i] : to->given[i];
    }
}

/* The same of a GGUF file, whose vocabulary is of a kind that is known: what llama.cpp makes of
   its keys. */
OTX__PRIVATE void otx__converted_from_gguf(const otx_gguf *file, otx__converted *to)
{
    static const char *const flags[] = {OTX__GGUF_ADD_BOS, OTX__GGUF_ADD_EOS};
    const otx__vocab_kind *kind = otx__vocab_kind_of(file);
    const otx__gguf_pre *pre = otx__gguf_pre_of(file);
    const otx_gguf_key *tokens = otx_gguf_find(file, OTX__GGUF_TOKENS);
    const uint64_t count = tokens ? tokens->count : 0;
    size_t i;
    memset(to, 0, sizeof *to);
    to->kind = kind->type;
    for (i = 0; i < 2; i++) {
        int64_t value;
        to->adds[i] = kind->adds[i] || (i == OTX_ROLE_BOS && pre && pre->adds_bos);
        to->ids[i] = otx__gguf_usual_role(file, (otx_role)i);
        if (to->ids[i] >= 0 && (uint64_t)to->ids[i] >= count) to->ids[i] = -1;
        if (otx_gguf_integer(otx_gguf_find(file, otx__gguf_role_keys[i]), 0, &value) &&
            value >= 0 && (uint64_t)value < count)
            to->ids[i] = value;
        if (otx_gguf_integer(otx_gguf_find(file, flags[i]), 0, &value)) to->adds[i] = value != 0;
    }
    if (strcmp(kind->name, "gemma4") == 0 && !otx__span_is(otx__gguf_word_of(file, OTX__GGUF_PRE),
                                                           "sarvam-moe"))
        to->adds[OTX_ROLE_BOS] = true; /* whatever the key says */
}

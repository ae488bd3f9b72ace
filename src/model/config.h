/* ---- what config.json says ---------------------------------------------- */

/* The objects that describe the language model: the whole of config.json, and
   within it the parts that multimodal models keep for their text side, or an
   encoder and its decoder for themselves; within those again. */
#define OTX__CONFIG_LEVELS 8

typedef struct otx__levels {
    uint32_t nodes[OTX__CONFIG_LEVELS]; /* the root first */
    size_t count;
} otx__levels;

OTX__PRIVATE otx__levels otx__config_levels(const otx__document *config)
{
    static const char *const nested[] = {"text_config",    "llm_config", "language_config",
                                         "thinker_config", "vlm_config", "decoder",
                                         "encoder"};
    otx__levels levels;
    size_t at, i;
    memset(&levels, 0, sizeof levels);
    if (!config->present) return levels;
    levels.nodes[levels.count++] = 0;
    for (at = 0; at < levels.count; at++) /* grows as it goes */
        for (i = 0; i < OTX__COUNT(nested) && levels.count < OTX__CONFIG_LEVELS; i++) {
            uint32_t node = otx_json_find(&config->json, levels.nodes[at], nested[i]);
            if (otx_json_type_of(&config->json, node) == OTX_JSON_OBJECT)
                levels.nodes[levels.count++] = node;
        }
    return levels;
}

/* Whether any level says key: value. *seen, if it is 0, becomes what the first
   level that has the key says instead. */
OTX__PRIVATE bool otx__config_says(const otx__document *config, const char *key, uint64_t value,
                                   uint64_t *seen)
{
    otx__levels levels = otx__config_levels(config);
    size_t i;
    for (i = 0; i < levels.count; i++) {
        uint64_t said;
        uint32_t node = otx_json_find(&config->json, levels.nodes[i], key);
        if (!otx_json_uint(&config->json, node, &said)) continue;
        if (said == value) return true;
        if (*seen == 0) *seen = said;
    }
    return false;
}

/* Whether `part` stands anywhere in the text. */
OTX__PRIVATE bool otx__span_has(const char *text, size_t size, const char *part)
{
    size_t length = strlen(part), i;
    for (i = 0; i + length <= size; i++)
        if (memcmp(text + i, part, length) == 0) return true;
    return false;
}

/* Whether any number of config.json that is no size of a vocabulary has this
   value: then a dimension of that size says nothing about the vocabulary. */
OTX__PRIVATE bool otx__config_has_size(const otx__document *config, uint64_t size)
{
    const otx_json *json = &config->json;
    uint32_t object, i, key;
    for (object = 0; object < json->count; object++) {
        if (otx_json_type_of(json, object) != OTX_JSON_OBJECT) continue;
        key = object + 1;
        for (i = 0; i < json->nodes[object].count; i++) {
            const otx_json_node *name = &json->nodes[key];
            uint64_t value;
            if (otx_json_uint(json, key + 1, &value) && value == size &&
                !otx__span_has(json->text + name->start, name->end - name->start, "vocab") &&
                !otx__span_has(json->text + name->start, name->end - name->start, "token"))
                return true;
            key = json->nodes[key + 1].next;
        }
    }
    return false;
}

typedef struct otx__tie_flag {
    bool said_true, said_false; /* on some level */
} otx__tie_flag;

OTX__PRIVATE otx__tie_flag otx__config_tie_flag(const otx__document *config)
{
    otx__levels levels = otx__config_levels(config);
    otx__tie_flag flag = {false, false};
    size_t i;
    for (i = 0; i < levels.count; i++) {
        uint32_t node = otx_json_find(&config->json, levels.nodes[i], "tie_word_embeddings");
        if (otx_json_type_of(&config->json, node) == OTX_JSON_TRUE) flag.said_true = true;
        if (otx_json_type_of(&config->json, node) == OTX_JSON_FALSE) flag.said_false = true;
    }
    return flag;
}

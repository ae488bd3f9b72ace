/* ---- what config.json says ---------------------------------------------- */

/* ---- its levels ---- */

/* Steps through the levels of a document, the outer before the inner:
       levels = otx__all_levels(document);
       while (otx__levels_next(&levels)) ... levels.node ... */
typedef struct otx__levels {
    const otx__document *document;
    uint32_t node;
    size_t at;     /* the level after that */
    uint64_t size; /* levels that name another are left out, but the root; 0: none is */
} otx__levels;

OTX__PRIVATE otx__levels otx__all_levels(const otx__document *document)
{
    otx__levels levels;
    memset(&levels, 0, sizeof levels);
    levels.document = document;
    levels.node = OTX_JSON_NONE;
    return levels;
}

OTX__PRIVATE bool otx__levels_next(otx__levels *levels)
{
    const otx__document *document = levels->document;
    while (levels->at < document->level_count) {
        levels->node = document->levels[levels->at++];
        if (!levels->size || levels->at == 1 ||
            otx__object_has_size(&document->json, levels->node, otx__span_of("", 0), true,
                                 levels->size))
            return true;
    }
    return false;
}

/* The node under a key of the level at hand. */
OTX__PRIVATE uint32_t otx__levels_find(const otx__levels *levels, const char *key)
{
    return otx_json_find(&levels->document->json, levels->node, key);
}

/* Whether any level says key: value. *seen, if it is 0, becomes what the first
   level that has the key says instead. */
OTX__PRIVATE bool otx__config_says(const otx__document *config, const char *key, uint64_t value,
                                   uint64_t *seen)
{
    otx__levels levels = otx__all_levels(config);
    while (otx__levels_next(&levels)) {
        uint64_t said;
        if (!otx_json_uint(&config->json, otx__levels_find(&levels, key), &said)) continue;
        if (said == value) return true;
        if (*seen == 0) *seen = said;
    }
    return false;
}

/* ---- sizes ---- */

/* Whether any object says that the vocabulary has that many rows. *seen as above. */
OTX__PRIVATE bool otx__config_says_rows(const otx__document *config, uint64_t rows,
                                        uint64_t *seen)
{
    otx__members at;
    size_t i;
    otx__members_open(&at, config, config, rows);
    while (otx__members_next(&at))
        if ((at.kind == OTX__MEMBER_SIZE || at.kind == OTX__MEMBER_SIZE_IF) &&
            otx__members_has_size(&at))
            return true;
    for (i = 0; i < OTX__COUNT(otx__size_keys); i++)
        (void)otx__config_says(config, otx__size_keys[i], rows, seen);
    return false;
}

/* What config.json calls the size of the vocabulary that has so many rows. */
OTX__PRIVATE uint64_t otx__config_size(const otx__document *config, uint64_t rows)
{
    uint64_t seen = 0;
    return otx__config_says_rows(config, rows, &seen) || seen == 0 ? rows : seen;
}

/* The levels that are about the vocabulary of so many rows: not those that name the size
   of another, as of a speech codec. */
OTX__PRIVATE otx__levels otx__vocabulary_levels(const otx__document *document, uint64_t rows)
{
    otx__levels levels = otx__all_levels(document);
    levels.size = otx__config_size(document, rows);
    return levels;
}

/* Whether any number of config.json that is no size of a vocabulary has this
   value: then a dimension of that size says nothing about the vocabulary. */
OTX__PRIVATE bool otx__config_has_size(const otx__document *config, uint64_t size)
{
    const otx_json *json = &config->json;
    uint32_t object;
    for (object = 0; object < json->count; object++) {
        otx_json_iter member = otx_json_iter_of(json, object);
        if (!member.keyed) continue;
        while (otx_json_iter_next(&member)) {
            uint64_t value;
            if (otx_json_uint(json, member.value, &value) && value == size &&
                !otx__span_contains_any(otx__json_span(json, member.key),
                                        otx__vocabulary_words,
                                        OTX__COUNT(otx__vocabulary_words)))
                return true;
        }
    }
    return false;
}

/* ---- tying ---- */

typedef struct otx__tie_flag {
    bool said_true, said_false; /* on some level */
} otx__tie_flag;

OTX__PRIVATE otx__tie_flag otx__config_tie_flag(const otx__document *config)
{
    otx__levels levels = otx__all_levels(config);
    otx__tie_flag flag = {false, false};
    while (otx__levels_next(&levels)) {
        otx_json_type type = otx_json_type_of(&config->json,
                                              otx__levels_find(&levels, OTX__KEY_TIE));
        if (type == OTX_JSON_TRUE) flag.said_true = true;
        if (type == OTX_JSON_FALSE) flag.said_false = true;
    }
    return flag;
}

/* A string of config.json or another file, or nothing. */
OTX__PRIVATE otx__span otx__document_word(const otx__document *document, const char *key)
{
    uint32_t node = otx_json_find(&document->json, otx__document_root(document), key);
    if (otx_json_type_of(&document->json, node) != OTX_JSON_STRING) return otx__span_of("", 0);
    return otx__json_span(&document->json, node);
}

/* Whether a model of this type has a head of its own where config.json says nothing. */
OTX__PRIVATE bool otx__config_unties(const otx__document *config)
{
    otx__span type = otx__document_word(config, OTX__KEY_MODEL_TYPE);
    return type.size > 0 && otx__has_word(otx__untied_types, type);
}

/* ---- types and classes ---- */

/* Whether a rule holds for the model's type. */
OTX__PRIVATE bool otx__config_follows(const otx__document *config, otx__model_rule rule)
{
    const otx_json *json = &config->json;
    uint32_t node = otx_json_find(json, otx__document_root(config), OTX__KEY_MODEL_TYPE);
    size_t i;
    if (otx_json_type_of(json, node) != OTX_JSON_STRING) return false;
    for (i = 0; i < OTX__COUNT(otx__model_types); i++) {
        const otx__model_type *known = &otx__model_types[i];
        if (known->rule == rule &&
            (known->within ? otx__span_contains(otx__json_span(json, node), known->type)
                           : otx_json_equals(json, node, known->type)))
            return true;
    }
    return false;
}

/* Whether the model has an output head at all: by its class, if config.json names it. */
OTX__PRIVATE bool otx__config_has_head(const otx__document *config)
{
    const otx_json *json = &config->json;
    uint32_t list = otx_json_find(json, otx__document_root(config), OTX__KEY_CLASSES);
    uint32_t name = otx_json_item(json, list, 0);
    return otx_json_type_of(json, name) != OTX_JSON_STRING ||
           otx__span_contains_any(otx__json_span(json, name), otx__head_classes,
                                  OTX__COUNT(otx__head_classes));
}

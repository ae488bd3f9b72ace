/* ---- members: what the members of a config are about ------------------------------ */

/* Whether a word is among those of a text, with blanks between them. */
OTX__PRIVATE bool otx__has_word(const char *words, otx__span word)
{
    while (*words) {
        size_t size = strcspn(words, " ");
        if (otx__same_bytes(words, size, word.bytes, word.size)) return true;
        words += size + (words[size] == ' ');
    }
    return false;
}

/* ---- one member by its key ---- */

/* The id of a role that stands under a key, or NULL. */
OTX__PRIVATE const otx__special *otx__special_of(otx__span key)
{
    size_t i;
    for (i = 0; i < OTX__COUNT(otx__special_names); i++)
        if (otx__span_is(key, otx__special_names[i].key))
            key = otx__span_of(otx__special_names[i].special,
                               strlen(otx__special_names[i].special));
    for (i = 0; i < OTX__COUNT(otx__specials); i++)
        if (otx__span_is(key, otx__specials[i].key)) return &otx__specials[i];
    return NULL;
}

/* Bytes of the longest key that is looked at. */
#define OTX__KEY_MOST 63

/* The first rule for a key of an object that stands under a name and has a type (either
   may be empty), or NULL. */
OTX__PRIVATE const otx__member_rule *otx__member_rule_of(otx__span key, otx__span name,
                                                         otx__span type)
{
    char text[OTX__KEY_MOST + 1];
    size_t i;
    if (key.size > OTX__KEY_MOST) return NULL;
    memcpy(text, key.bytes, key.size);
    text[key.size] = 0;
    for (i = 0; i < OTX__COUNT(otx__member_rules); i++) {
        const otx__member_rule *rule = &otx__member_rules[i];
        if (otx__name_fits(text, rule->pattern) &&
            (!rule->where || otx__has_word(rule->where, name) ||
             otx__has_word(rule->where, type)))
            return rule;
    }
    return NULL;
}

/* Whether a list or a number holds an id. */
OTX__PRIVATE bool otx__node_has_id(const otx_json *json, uint32_t node, uint64_t id)
{
    uint32_t end = otx_json_after(json, node);
    uint64_t value;
    for (; node < end; node++)
        if (otx_json_uint(json, node, &value) && value == id) return true;
    return false;
}

/* ---- the size that an object names ---- */

/* The widest step that an object rounds sizes up to and that divides one, or 0: what is less
   by less than that is the same size before it was rounded. */
OTX__PRIVATE uint64_t otx__object_rounding(const otx_json *json, uint32_t object, uint64_t size)
{
    otx_json_iter at = otx_json_iter_of(json, object);
    const otx__span none = otx__span_of("", 0);
    uint64_t multiple, widest = 0;
    while (at.keyed && otx_json_iter_next(&at)) {
        const otx__member_rule *rule =
            otx__member_rule_of(otx__json_span(json, at.key), none, none);
        if (rule && rule->kind == OTX__MEMBER_ROUNDING &&
            otx_json_uint(json, at.value, &multiple) && multiple > widest &&
            size % multiple == 0)
            widest = multiple;
    }
    return widest;
}

/* Whether a number is a size, as it is or before it was rounded. */
OTX__PRIVATE bool otx__node_is_size(const otx_json *json, uint32_t node, uint64_t size,
                                    uint64_t rounding)
{
    uint64_t said;
    if (!otx_json_uint(json, node, &said)) return false;
    return said == size || (said < size && size - said < rounding);
}

/* The least of the sizes that an object names; UINT64_MAX if it names none. */
OTX__PRIVATE uint64_t otx__object_least_size(const otx_json *json, uint32_t object)
{
    uint64_t size, least = UINT64_MAX;
    size_t i;
    for (i = 0; i < OTX__COUNT(otx__size_keys); i++)
        if (otx_json_uint(json, otx_json_find(json, object, otx__size_keys[i]), &size) &&
            size < least)
            least = size;
    return least;
}

/* Whether an object within another is about the vocabulary of that size: it says so, or
   names no size and the one around it is. */
OTX__PRIVATE bool otx__object_has_size(const otx_json *json, uint32_t object, otx__span name,
                                       bool around, uint64_t size)
{
    bool says = false;
    uint64_t rounding = 0;
    size_t i;
    for (i = 0; i < OTX__COUNT(otx__size_keys); i++) {
        uint32_t node = otx_json_find(json, object, otx__size_keys[i]);
        if (otx_json_type_of(json, node) != OTX_JSON_NUMBER) continue;
        if (!says) rounding = otx__object_rounding(json, object, size);
        if (otx__node_is_size(json, node, size, rounding)) return true;
        says = true;
    }
    return !says && around && !otx__has_word(otx__foreign_objects, name);
}

/* ---- all members ---- */

/* Objects and arrays that lie within each other: as deep as JSON may be. */
#define OTX__MEMBERS_DEPTH 128

typedef struct otx__members_level {
    otx_json_iter at;
    uint32_t node;        /* the object, or the one that the array lies in */
    otx__span name, type; /* the key that it stands under, its "model_type" */
    bool ours;
    uint64_t rounding, least; /* otx__object_rounding, otx__object_least_size: looked up once,
                                 however many members ask */
} otx__members_level;

/* Steps through all members of all objects of a document, in the order of the text:
       otx__members_open(&at, document, config, size);
       while (otx__members_next(&at)) ... at.key, at.value, at.object, at.kind ... */
typedef struct otx__members {
    const otx_json *json;
    uint64_t size;        /* of the vocabulary */
    uint32_t object, key, value;
    otx__member_kind kind;
    const otx__member_rule *rule; /* that says so, or NULL */
    bool ours;                    /* the object is about the vocabulary */
    bool within;                  /* private: the last value is looked into next */
    otx__members_level levels[OTX__MEMBERS_DEPTH];
    size_t depth;
} otx__members;

OTX__PRIVATE otx__span otx__object_type(const otx_json *json, uint32_t object)
{
    uint32_t node = otx_json_find(json, object, OTX__KEY_MODEL_TYPE);
    return otx_json_type_of(json, node) == OTX_JSON_STRING ? otx__json_span(json, node)
                                                           : otx__span_of("", 0);
}

/* Whether the id at hand, in an object about another vocabulary, is the text's all the same:
   its key says so, or it is beyond the size that the object names. */
OTX__PRIVATE bool otx__members_is_text(const otx__members *at, const otx__members_level *level,
                                       otx__span key)
{
    uint64_t id;
    return otx__span_contains_any(key, otx__text_words, OTX__COUNT(otx__text_words)) ||
           (otx_json_uint(at->json, at->value, &id) && id >= level->least);
}

/* Whether the member at hand is the size of the vocabulary. */
OTX__PRIVATE bool otx__members_has_size(const otx__members *at)
{
    return otx__node_is_size(at->json, at->value, at->size,
                             at->levels[at->depth - 1].rounding);
}

OTX__PRIVATE void otx__members_measure(const otx__members *at, otx__members_level *level)
{
    level->rounding = otx__object_rounding(at->json, level->node, at->size);
    level->least = otx__object_least_size(at->json, level->node);
}

/* Begins with the root, which is about the vocabulary whatever size it names; its type is
   that of config.json. */
OTX__PRIVATE void otx__members_open(otx__members *at, const otx__document *document,
                                    const otx__document *config, uint64_t size)
{
    otx__members_level *root = &at->levels[0];
    at->json = &document->json;
    at->size = size;
    at->within = false;
    at->depth = 1;
    root->node = otx__document_root(document);
    root->at = otx_json_iter_of(at->json, root->node);
    root->name = otx__span_of("", 0);
    root->type = otx__object_type(&config->json, otx__document_root(config));
    root->ours = true;
    otx__members_measure(at, root);
}

/* Goes into the value at hand, if there is anything in it. */
OTX__PRIVATE void otx__members_enter(otx__members *at)
{
    const otx__members_level *around = &at->levels[at->depth - 1];
    otx__members_level *level = &at->levels[at->depth];
    otx_json_type type = otx_json_type_of(at->json, at->value);
    if ((type != OTX_JSON_OBJECT && type != OTX_JSON_ARRAY) || at->depth == OTX__MEMBERS_DEPTH)
        return;
    *level = *around;
    level->at = otx_json_iter_of(at->json, at->value);
    if (around->at.keyed) level->name = otx__json_span(at->json, at->key);
    if (type == OTX_JSON_OBJECT) {
        level->node = at->value;
        level->type = otx__object_type(at->json, at->value);
        level->ours = otx__object_has_size(at->json, at->value, level->name, around->ours,
                                           at->size);
        otx__members_measure(at, level);
    }
    at->depth++;
}

/* What the member at hand is. */
OTX__PRIVATE void otx__members_judge(otx__members *at, const otx__members_level *level)
{
    const otx__span key = otx__json_span(at->json, at->key);
    at->object = level->node;
    at->ours = level->ours;
    at->rule = otx__member_rule_of(key, level->name, level->type);
    at->kind = at->rule ? at->rule->kind : OTX__MEMBER_NONE;
    if ((!at->rule || at->kind == OTX__MEMBER_ID) && otx__special_of(key))
        at->kind = OTX__MEMBER_SPECIAL;
    if (at->kind == OTX__MEMBER_ID && !at->ours && !otx__members_is_text(at, level, key))
        at->kind = OTX__MEMBER_NONE;
    at->within = at->kind == OTX__MEMBER_NONE;
}

OTX__PRIVATE bool otx__members_next(otx__members *at)
{
    if (at->within) otx__members_enter(at);
    while (at->depth > 0) {
        otx__members_level *level = &at->levels[at->depth - 1];
        if (!otx_json_iter_next(&level->at)) {
            at->depth--;
            continue;
        }
        at->key = level->at.key;
        at->value = level->at.value;
        if (level->at.keyed) {
            otx__members_judge(at, level);
            return true;
        }
        otx__members_enter(at); /* an item of an array */
    }
    return false;
}

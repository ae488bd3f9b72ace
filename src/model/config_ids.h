/* ---- ids in a config being edited --------------------------------------- */

/* ---- one file being edited ---- */

typedef struct otx__config_edit {
    otx__config_plan *plan;
    const otx__document *document;
    const char *name; /* of the file, for messages */
    bool generation;  /* generation_config.json rather than config.json */
    otx_json_edit *edit;
    otx_error *error;
} otx__config_edit;

/* The levels that are about this vocabulary: not those that name the size of another,
   as of a speech codec, while one names ours. */
OTX__PRIVATE otx__levels otx__vocabulary_levels(const otx__document *document, uint64_t rows)
{
    otx__levels levels = otx__config_levels(document), ours;
    uint64_t seen = 0, size;
    size_t i;
    if (!otx__config_says(document, "vocab_size", rows, &seen)) return levels;
    ours = levels;
    for (i = ours.count = 0; i < levels.count; i++) {
        uint32_t node = otx_json_find(&document->json, levels.nodes[i], "vocab_size");
        bool other = otx_json_uint(&document->json, node, &size) && size != rows;
        if (i == 0 || !other) ours.nodes[ours.count++] = levels.nodes[i];
    }
    return ours;
}

/* The level where a key that is missing goes: the innermost that says how large the
   vocabulary is, else the first within. */
OTX__PRIVATE uint32_t otx__vocabulary_home(const otx__document *document, uint64_t rows)
{
    otx__levels levels = otx__vocabulary_levels(document, rows);
    uint64_t size;
    size_t i;
    for (i = levels.count; i-- > 0;)
        if (otx_json_uint(&document->json,
                          otx_json_find(&document->json, levels.nodes[i], "vocab_size"), &size))
            return levels.nodes[i];
    return levels.nodes[levels.count > 1 ? 1 : 0];
}

/* object[key] = value; takes what the text holds and leaves it empty. */
OTX__PRIVATE otx_result otx__config_set_text(otx__config_edit *e, uint32_t object,
                                             const char *key, otx__text *value)
{
    otx_result result;
    otx__text_bytes(value, "", 1); /* the terminator */
    if (value->failed) return otx__fail_memory(e->error, (uint64_t)value->size);
    result = otx_json_edit_set(e->plan->ctx, e->edit, object, key, value->bytes, e->error);
    value->size = 0;
    return result;
}

OTX__PRIVATE otx_result otx__config_set(otx__config_edit *e, uint32_t object, const char *key,
                                        const char *value)
{
    return otx_json_edit_set(e->plan->ctx, e->edit, object, key, value, e->error);
}

/* Whether the model counts its positions from pad_token_id on, as RoBERTa and the
   fairseq models do: there the id is a number of the architecture, and the masked
   padding may as well be the tokenizer's own. */
OTX__PRIVATE bool otx__config_pad_is_position(const otx__document *config)
{
    static const char *const types[] = {
        "camembert", "longformer", "mpnet",      "xglm",          "m2m_100", "nllb-moe",
        "fsmt",      "esm",        "ibert",      "data2vec-text", "xmod",    "lilt",
        "luke",      "mluke",      "layoutlmv3", "markuplm",      "prophetnet",
        "xlm-prophetnet", "seamless_m4t", "seamless_m4t_v2", "kosmos-2", "kosmos-2.5",
        "trocr",     "roc_bert",
    };
    const otx_json *json = &config->json;
    uint32_t node = otx_json_find(json, otx__document_root(config), "model_type");
    size_t i;
    if (otx_json_type_of(json, node) != OTX_JSON_STRING) return false;
    for (i = 0; i < OTX__COUNT(types); i++)
        if (otx_json_equals(json, node, types[i])) return true;
    return otx__span_has(json->text + json->nodes[node].start,
                         json->nodes[node].end - json->nodes[node].start, "roberta");
}

/* What an id of the base becomes that has no counterpart: that of a role which comes
   close, or null. */
OTX__PRIVATE void otx__config_stand_in(const otx__config_edit *e, const otx__special *special,
                                       uint32_t node, otx__text *value)
{
    otx_json_type type = otx_json_type_of(&e->document->json, node);
    int64_t id = type == OTX_JSON_NUMBER ? otx__config_role(e->plan, special->stand_in) : -1;
    if (id >= 0) otx__text_format(value, "%" PRId64, id);
    else otx__text_string(value, "null");
    if (type == OTX_JSON_NULL) return;
    if (id >= 0)
        otx__log(e->plan->ctx, OTX_WARNING,
                 "%s/%s: the donor has no counterpart of \"%s\"; set to %" PRId64
                 ", its %s token", e->plan->base_path, e->name, special->key, id,
                 id == e->plan->donor_vocab->roles[special->stand_in]
                     ? otx_role_name((otx_role)special->stand_in) : "eos");
    else
        otx__log(e->plan->ctx, OTX_WARNING,
                 "%s/%s: the donor has no counterpart of \"%s\"; set to null",
                 e->plan->base_path, e->name, special->key);
}

/* Sets one special id on every level that has it. */
OTX__PRIVATE otx_result otx__config_edit_special(otx__config_edit *e,
                                                 const otx__special *special, otx__text *value)
{
    const otx_json *json = &e->document->json;
    otx__levels levels = otx__vocabulary_levels(e->document, e->plan->model->rows);
    uint32_t home = otx__vocabulary_home(e->document, e->plan->model->rows);
    otx_result result = OTX_OK;
    bool present = false;
    size_t i;
    for (i = 0; i < levels.count && !result; i++) {
        uint32_t node = otx_json_find(json, levels.nodes[i], special->key);
        bool null = otx_json_type_of(json, node) == OTX_JSON_NULL;
        if (node == OTX_JSON_NONE) continue;
        present = true;
        if (null && special->if_set) continue;
        if (!otx__config_special(e->plan, special, e->generation, json, node, value))
            otx__config_stand_in(e, special, node, value);
        result = otx__config_set_text(e, levels.nodes[i], special->key, value);
    }
    if (!result && !present && special->add &&
        otx__config_special(e->plan, special, e->generation, json, OTX_JSON_NONE, value))
        result = otx__config_set_text(e, home, special->key, value);
    return result;
}

OTX__PRIVATE otx_result otx__config_edit_specials(otx__config_edit *e)
{
    bool keep_pad = otx__config_pad_is_position(e->plan->base);
    otx_result result = OTX_OK;
    otx__text value;
    size_t i;
    otx__text_open(&value, e->plan->ctx);
    for (i = 0; i < OTX__COUNT(otx__specials) && !result; i++)
        if (!keep_pad || otx__specials[i].role != OTX_ROLE_PAD)
            result = otx__config_edit_special(e, &otx__specials[i], &value);
    if (keep_pad && !e->generation)
        otx__log(e->plan->ctx, OTX_NOTE, "%s/%s: \"pad_token_id\" is left as it is, as this "
                 "model counts its positions from it on", e->plan->base_path, e->name);
    otx__text_close(&value);
    return result;
}

/* ---- other ids: image tokens and the like ---- */

/* Whether a key names token ids that are no special ones. */
OTX__PRIVATE bool otx__config_names_ids(const char *key, size_t size)
{
    static const char *const ends[] = {"_token_id", "_token_ids", "_token_index"};
    size_t i;
    for (i = 0; i < OTX__COUNT(otx__specials); i++)
        if (size == strlen(otx__specials[i].key) &&
            memcmp(key, otx__specials[i].key, size) == 0)
            return false;
    for (i = 0; i < OTX__COUNT(ends); i++) {
        size_t length = strlen(ends[i]);
        if (size > length && memcmp(key + size - length, ends[i], length) == 0) return true;
    }
    return false;
}

/* A look-up by content goes through the whole vocabulary; no real config has more
   of them. */
#define OTX__CONFIG_MAX_REMAPS 256

/* Names the first id under a key, one or a list, that has no counterpart. */
OTX__PRIVATE otx_result otx__fail_lost_id(const otx__config_edit *e, const char *key,
                                          uint32_t node)
{
    const otx_json *json = &e->document->json;
    const otx_vocab *vocab = e->plan->base_vocab;
    uint32_t i, count = 1, item = node;
    char token[OTX__QUOTED] = "none";
    uint64_t id = 0;
    if (otx_json_type_of(json, node) == OTX_JSON_ARRAY) {
        count = json->nodes[node].count;
        item = node + 1;
    }
    for (i = 1; i < count && otx__config_carry(e->plan, json, item, OTX__CARRY_SAME) >= 0; i++)
        item = json->nodes[item].next;
    if (otx_json_uint(json, item, &id) && id < vocab->count)
        otx__quote(token, sizeof token, vocab->tokens[id].content,
                   vocab->tokens[id].content_size);
    return otx__fail(e->error, OTX_ERROR_UNSUPPORTED,
                     "%s/%s: \"%s\" is %" PRIu64 ", the token \"%s\", which the donor's "
                     "tokenizer lacks; give it one with --map 'DONOR=#%" PRIu64 "', DONOR "
                     "being a reserved or seldom used token of the donor", e->plan->base_path,
                     e->name, key, id, token, id);
}

/* Carries over what stands under such a key. What has no counterpart is left out
   of generation_config.json, and refused in config.json: the model would look for
   a token that its tokenizer never gives. */
OTX__PRIVATE otx_result otx__config_edit_ids(otx__config_edit *e, const char *key,
                                             size_t key_size, uint32_t node, otx__text *value)
{
    const otx_json *json = &e->document->json;
    otx_json_type type = otx_json_type_of(json, node);
    char quoted[OTX__QUOTED];
    size_t lost = 0, written;
    otx_result result;
    uint64_t id;
    if (type == OTX_JSON_NUMBER && !otx_json_uint(json, node, &id)) return OTX_OK; /* below 0 */
    if (type != OTX_JSON_NUMBER && type != OTX_JSON_ARRAY) return OTX_OK;
    otx__quote(quoted, sizeof quoted, key, key_size);
    e->plan->remaps += type == OTX_JSON_ARRAY ? json->nodes[node].count : 1;
    if (e->plan->remaps > OTX__CONFIG_MAX_REMAPS)
        return otx__fail(e->error, OTX_ERROR_LIMIT, "%s/%s: more than %d token ids at \"%s\"",
                         e->plan->base_path, e->name, OTX__CONFIG_MAX_REMAPS, quoted);
    written = otx__config_carry_ids(e->plan, json, node, OTX__CARRY_SAME, value, &lost);
    if (lost && !e->generation) return otx__fail_lost_id(e, quoted, node);
    if (lost)
        otx__log(e->plan->ctx, OTX_WARNING,
                 "%s/%s: %" PRIu64 " of the ids in \"%s\" have no counterpart; left out",
                 e->plan->base_path, e->name, (uint64_t)lost, quoted);
    if (written == 0) {
        value->size = 0;
        otx__text_string(value, type == OTX_JSON_ARRAY ? "[]" : "null");
    }
    otx__text_bytes(value, "", 1);
    if (value->failed) return otx__fail_memory(e->error, value->size);
    result = otx_json_edit_replace(e->plan->ctx, e->edit, node, value->bytes, e->error);
    value->size = 0;
    return result;
}

/* Every member of every object: the file's nodes stand in one array, so that no
   recursion is needed. */
OTX__PRIVATE otx_result otx__config_edit_other_ids(otx__config_edit *e)
{
    const otx_json *json = &e->document->json;
    otx_result result = OTX_OK;
    uint32_t object, key, i;
    otx__text value;
    otx__text_open(&value, e->plan->ctx);
    for (object = 0; object < json->count && !result; object++) {
        if (otx_json_type_of(json, object) != OTX_JSON_OBJECT) continue;
        key = object + 1;
        for (i = 0; i < json->nodes[object].count && !result; i++) {
            const char *name = json->text + json->nodes[key].start;
            size_t size = json->nodes[key].end - json->nodes[key].start;
            if (otx__config_names_ids(name, size))
                result = otx__config_edit_ids(e, name, size, key + 1, &value);
            key = json->nodes[key + 1].next;
        }
    }
    otx__text_close(&value);
    return result;
}

/* ---- lists that steer generation ---- */

/* A list of lists, in which an inner list without all its counterparts falls out
   whole. With `pairs` the inner lists are [position, id]. */
OTX__PRIVATE void otx__config_carry_lists(const otx__config_plan *plan, const otx_json *json,
                                          uint32_t node, bool pairs, otx__text *to,
                                          size_t *lost)
{
    uint32_t i, j, inner = node + 1, item;
    size_t written = 0;
    otx__text_string(to, "[");
    for (i = 0; i < json->nodes[node].count; i++, inner = json->nodes[inner].next) {
        size_t start = to->size;
        uint32_t count = otx_json_type_of(json, inner) == OTX_JSON_ARRAY
                             ? json->nodes[inner].count : 0;
        bool whole = count > 0;
        otx__text_string(to, written ? ", [" : "[");
        for (j = 0, item = inner + 1; j < count; j++, item = json->nodes[item].next) {
            bool position = pairs && j == 0;
            uint64_t number = 0;
            int64_t id = position ? -1 : otx__config_carry(plan, json, item, OTX__CARRY_HEIR);
            if (position ? !otx_json_uint(json, item, &number) : id < 0) whole = false;
            otx__text_format(to, "%s%" PRIu64, j ? ", " : "", position ? number : (uint64_t)id);
        }
        otx__text_string(to, "]");
        if (whole) written++;
        else if (!to->failed) to->size = start;
        *lost += !whole;
    }
    otx__text_string(to, "]");
}

typedef enum otx__list_kind { OTX__LIST_IDS, OTX__LIST_LISTS, OTX__LIST_PAIRS, OTX__LIST_OTHER }
    otx__list_kind;

OTX__PRIVATE otx_result otx__config_edit_list(otx__config_edit *e, uint32_t object,
                                              const char *key, otx__list_kind kind,
                                              otx__text *value)
{
    const otx_json *json = &e->document->json;
    uint32_t node = otx_json_find(json, object, key);
    size_t lost = 0;
    if (otx_json_type_of(json, node) == OTX_JSON_NULL) return OTX_OK; /* or absent */
    if (kind != OTX__LIST_OTHER && otx_json_type_of(json, node) == OTX_JSON_ARRAY) {
        if (kind != OTX__LIST_IDS)
            otx__config_carry_lists(e->plan, json, node, kind == OTX__LIST_PAIRS, value, &lost);
        else if (otx__config_carry_ids(e->plan, json, node, OTX__CARRY_HEIR, value, &lost) == 0)
            otx__text_string(value, "[]");
        if (lost)
            otx__log(e->plan->ctx, OTX_WARNING,
                     "%s/%s: %" PRIu64 " entries of \"%s\" have no counterpart in the donor's "
                     "tokenizer; left out", e->plan->base_path, e->name, (uint64_t)lost, key);
    } else {
        otx__log(e->plan->ctx, OTX_WARNING,
                 "%s/%s: \"%s\" holds ids of the base's tokenizer in a form that is not known; "
                 "set to null", e->plan->base_path, e->name, key);
        otx__text_string(value, "null");
    }
    return otx__config_set_text(e, object, key, value);
}

OTX__PRIVATE otx_result otx__config_edit_lists(otx__config_edit *e)
{
    static const struct {
        const char *key;
        otx__list_kind kind;
    } lists[] = {
        {"suppress_tokens", OTX__LIST_IDS},     {"begin_suppress_tokens", OTX__LIST_IDS},
        {"bad_words_ids", OTX__LIST_LISTS},     {"force_words_ids", OTX__LIST_LISTS},
        {"forced_decoder_ids", OTX__LIST_PAIRS}, {"sequence_bias", OTX__LIST_OTHER},
        {"lang_to_id", OTX__LIST_OTHER},        {"task_to_id", OTX__LIST_OTHER},
    };
    otx__levels levels = otx__vocabulary_levels(e->document, e->plan->model->rows);
    otx_result result = OTX_OK;
    otx__text value;
    size_t at, i;
    otx__text_open(&value, e->plan->ctx);
    for (at = 0; at < levels.count; at++)
        for (i = 0; i < OTX__COUNT(lists) && !result; i++)
            result = otx__config_edit_list(e, levels.nodes[at], lists[i].key, lists[i].kind,
                                           &value);
    otx__text_close(&value);
    return result;
}

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

/* The level where a key that is missing goes: the innermost that says how large the
   vocabulary is, else the first within. */
OTX__PRIVATE uint32_t otx__vocabulary_home(const otx__document *document, uint64_t rows)
{
    otx__levels levels = otx__vocabulary_levels(document, rows);
    uint32_t sized = OTX_JSON_NONE, second = OTX_JSON_NONE, count = 0;
    uint64_t size;
    while (otx__levels_next(&levels)) {
        if (++count == 2) second = levels.node;
        if (otx_json_uint(&document->json, otx__levels_find(&levels, OTX__KEY_VOCAB_SIZE),
                          &size))
            sized = levels.node;
    }
    if (sized == OTX_JSON_NONE) sized = second;
    return sized == OTX_JSON_NONE ? otx__document_root(document) : sized;
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
                 ", its %s token", e->plan->base->path, e->name, special->key, id,
                 id == e->plan->donor->vocab.roles[special->stand_in]
                     ? otx_role_name((otx_role)special->stand_in) : "eos");
    else
        otx__log(e->plan->ctx, OTX_WARNING,
                 "%s/%s: the donor has no counterpart of \"%s\"; set to null",
                 e->plan->base->path, e->name, special->key);
}

/* Sets one special id on every level that has it. */
OTX__PRIVATE otx_result otx__config_edit_special(otx__config_edit *e,
                                                 const otx__special *special, otx__text *value)
{
    const otx_json *json = &e->document->json;
    otx__levels levels = otx__vocabulary_levels(e->document, e->plan->base->parts.rows);
    uint32_t home = otx__vocabulary_home(e->document, e->plan->base->parts.rows);
    otx_result result = OTX_OK;
    bool present = false;
    while (!result && otx__levels_next(&levels)) {
        uint32_t node = otx__levels_find(&levels, special->key);
        bool null = otx_json_type_of(json, node) == OTX_JSON_NULL;
        if (node == OTX_JSON_NONE) continue;
        present = true;
        if (null && special->if_set) continue;
        if (!otx__config_special(e->plan, special, e->generation, json, node, value))
            otx__config_stand_in(e, special, node, value);
        result = otx__config_set_text(e, levels.node, special->key, value);
    }
    if (!result && !present && special->add &&
        otx__config_special(e->plan, special, e->generation, json, OTX_JSON_NONE, value))
        result = otx__config_set_text(e, home, special->key, value);
    return result;
}

OTX__PRIVATE otx_result otx__config_edit_specials(otx__config_edit *e)
{
    bool keep_pad = otx__config_follows(&e->plan->base->config, OTX__PAD_IS_POSITION);
    otx_result result = OTX_OK;
    otx__text value;
    size_t i;
    otx__text_open(&value, e->plan->ctx);
    for (i = 0; i < OTX__COUNT(otx__specials) && !result; i++)
        if (!keep_pad || otx__specials[i].role != OTX_ROLE_PAD)
            result = otx__config_edit_special(e, &otx__specials[i], &value);
    if (keep_pad && !e->generation)
        otx__log(e->plan->ctx, OTX_NOTE, "%s/%s: \"pad_token_id\" is left as it is, as this "
                 "model counts its positions from it on", e->plan->base->path, e->name);
    otx__text_close(&value);
    return result;
}

/* ---- other ids: image tokens and the like ---- */

/* Whether a key is one of the special ones. */
OTX__PRIVATE bool otx__key_is_special(otx__span key)
{
    size_t i;
    for (i = 0; i < OTX__COUNT(otx__specials); i++)
        if (otx__span_is(key, otx__specials[i].key)) return true;
    return false;
}

/* Whether a key names token ids that are no special ones. */
OTX__PRIVATE bool otx__key_names_ids(otx__span key)
{
    size_t i;
    if (otx__key_is_special(key)) return false;
    for (i = 0; i < OTX__COUNT(otx__id_endings); i++) {
        size_t length = strlen(otx__id_endings[i]);
        if (key.size > length &&
            memcmp(key.bytes + key.size - length, otx__id_endings[i], length) == 0)
            return true;
    }
    return false;
}

/* A look-up by content goes through the whole vocabulary; no real config has more
   of them. */
#define OTX__CONFIG_MAX_REMAPS 256

/* Whether config.json names an id under such a key, alone or in a list. */
OTX__PRIVATE bool otx__config_names_id(const otx__document *config, uint64_t id)
{
    const otx_json *json = &config->json;
    uint32_t object, node;
    uint64_t said;
    for (object = 0; config->present && object < json->count; object++) {
        otx_json_iter member = otx_json_iter_of(json, object);
        if (!member.keyed) continue;
        while (otx_json_iter_next(&member)) {
            if (!otx__key_names_ids(otx__json_span(json, member.key))) continue;
            for (node = member.value; node < otx_json_after(json, member.value); node++)
                if (otx_json_uint(json, node, &said) && said == id) return true;
        }
    }
    return false;
}

/* The donor's token of the same content as the base's id, although it has no row: its id,
   or -1. */
OTX__PRIVATE int64_t otx__config_rowless(const otx__config_plan *plan, uint64_t base)
{
    const otx_token *wanted = otx__side_token(plan->base, base);
    size_t i;
    for (i = plan->alignment->count; wanted && i < plan->donor->vocab.count; i++) {
        const otx_token *token = &plan->donor->vocab.tokens[i];
        if (otx__same_bytes(token->content, token->content_size, wanted->content,
                            wanted->content_size))
            return (int64_t)i;
    }
    return -1;
}

/* Names the first id under a key, one or a list, that has no counterpart. */
OTX__PRIVATE otx_result otx__fail_lost_id(const otx__config_edit *e, const char *key,
                                          uint32_t node)
{
    const otx_json *json = &e->document->json;
    otx_json_iter item = otx_json_iter_of(json, node);
    char token[OTX__QUOTED], what[OTX__QUOTED + 64] = "an id without a token";
    uint64_t id = 0;
    int64_t rowless = -1;
    if (otx_json_type_of(json, node) == OTX_JSON_ARRAY)
        while (otx_json_iter_next(&item)) {
            node = item.value;
            if (otx__config_carry(e->plan, json, node, OTX__CARRY_SAME) < 0) break;
        }
    if (otx_json_uint(json, node, &id)) rowless = otx__config_rowless(e->plan, id);
    if (otx__side_token(e->plan->base, id))
        otx__format(what, sizeof what, "the token \"%s\"%s",
                    otx__side_content(token, e->plan->base, id),
                    rowless < 0 ? ", which the donor's tokenizer lacks" : "");
    if (rowless >= 0)
        return otx__fail(e->error, OTX_ERROR_UNSUPPORTED,
                         "%s/%s: \"%s\" is %" PRIu64 ", %s, which the donor's tokenizer has as "
                         "%" PRId64 ", beyond the %" PRIu64 " rows; --rows tokenizer gives it "
                         "one", e->plan->base->path, e->name, key, id, what, rowless,
                         (uint64_t)e->plan->alignment->count);
    return otx__fail(e->error, OTX_ERROR_UNSUPPORTED,
                     "%s/%s: \"%s\" is %" PRIu64 ", %s; give it one with --map 'DONOR=#%" PRIu64
                     "', DONOR being a reserved or seldom used token of the donor",
                     e->plan->base->path, e->name, key, id, what, id);
}

/* Carries over what stands under such a key. What has no counterpart is left out
   of generation_config.json, and refused in config.json: the model would look for
   a token that its tokenizer never gives. */
OTX__PRIVATE otx_result otx__config_edit_ids(otx__config_edit *e, uint32_t key, uint32_t node,
                                             otx__text *value)
{
    const otx_json *json = &e->document->json;
    otx_json_type type = otx_json_type_of(json, node);
    char quoted[OTX__QUOTED];
    size_t lost = 0, written;
    otx_result result;
    uint64_t id;
    if (type == OTX_JSON_NUMBER && !otx_json_uint(json, node, &id)) return OTX_OK; /* below 0 */
    if (type != OTX_JSON_NUMBER && type != OTX_JSON_ARRAY) return OTX_OK;
    otx__quote_node(quoted, json, key);
    e->plan->remaps += type == OTX_JSON_ARRAY ? otx_json_count(json, node) : 1;
    if (e->plan->remaps > OTX__CONFIG_MAX_REMAPS)
        return otx__fail(e->error, OTX_ERROR_LIMIT, "%s/%s: more than %d token ids at \"%s\"",
                         e->plan->base->path, e->name, OTX__CONFIG_MAX_REMAPS, quoted);
    written = otx__config_carry_ids(e->plan, json, node, OTX__CARRY_SAME, value, &lost);
    if (lost && !e->generation) return otx__fail_lost_id(e, quoted, node);
    if (lost)
        otx__log(e->plan->ctx, OTX_WARNING,
                 "%s/%s: %" PRIu64 " of the ids in \"%s\" have no counterpart; left out",
                 e->plan->base->path, e->name, (uint64_t)lost, quoted);
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
    uint32_t object;
    otx__text value;
    otx__text_open(&value, e->plan->ctx);
    for (object = 0; object < json->count && !result; object++) {
        otx_json_iter member = otx_json_iter_of(json, object);
        if (!member.keyed) continue;
        while (!result && otx_json_iter_next(&member))
            if (otx__key_names_ids(otx__json_span(json, member.key)))
                result = otx__config_edit_ids(e, member.key, member.value, &value);
    }
    otx__text_close(&value);
    return result;
}

/* ---- lists that steer generation ---- */

/* One list of ids, all carried over, or false. With `pair` it is [position, id]. */
OTX__PRIVATE bool otx__config_carry_list(const otx__config_plan *plan, const otx_json *json,
                                         uint32_t node, bool pair, otx__text *to)
{
    otx_json_iter item = otx_json_iter_of(json, node);
    bool whole = otx_json_type_of(json, node) == OTX_JSON_ARRAY &&
                 otx_json_count(json, node) > 0;
    otx__text_string(to, "[");
    while (whole && otx_json_iter_next(&item)) {
        uint64_t number = 0;
        if (pair && item.index == 0) {
            whole = otx_json_uint(json, item.value, &number);
        } else {
            int64_t id = otx__config_carry(plan, json, item.value, OTX__CARRY_HEIR);
            whole = id >= 0;
            number = (uint64_t)id;
        }
        otx__text_format(to, "%s%" PRIu64, item.index ? ", " : "", number);
    }
    otx__text_string(to, "]");
    return whole;
}

/* A list of lists, in which an inner list without all its counterparts falls out
   whole. With `pairs` the inner lists are [position, id]. */
OTX__PRIVATE void otx__config_carry_lists(const otx__config_plan *plan, const otx_json *json,
                                          uint32_t node, bool pairs, otx__text *to,
                                          size_t *lost)
{
    otx_json_iter inner = otx_json_iter_of(json, node);
    size_t written = 0;
    otx__text_string(to, "[");
    while (otx_json_iter_next(&inner)) {
        size_t start = to->size;
        if (written) otx__text_string(to, ", ");
        if (otx__config_carry_list(plan, json, inner.value, pairs, to)) {
            written++;
        } else {
            if (!to->failed) to->size = start;
            ++*lost;
        }
    }
    otx__text_string(to, "]");
}

OTX__PRIVATE otx_result otx__config_edit_list(otx__config_edit *e, uint32_t object,
                                              const otx__id_list *list, otx__text *value)
{
    const otx_json *json = &e->document->json;
    uint32_t node = otx_json_find(json, object, list->key);
    otx__list_kind kind = list->kind;
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
                     "tokenizer; left out", e->plan->base->path, e->name, (uint64_t)lost,
                     list->key);
    } else {
        otx__log(e->plan->ctx, OTX_WARNING,
                 "%s/%s: \"%s\" holds ids of the base's tokenizer in a form that is not known; "
                 "set to null", e->plan->base->path, e->name, list->key);
        otx__text_string(value, "null");
    }
    return otx__config_set_text(e, object, list->key, value);
}

OTX__PRIVATE otx_result otx__config_edit_lists(otx__config_edit *e)
{
    otx__levels levels = otx__vocabulary_levels(e->document, e->plan->base->parts.rows);
    otx_result result = OTX_OK;
    otx__text value;
    size_t i;
    otx__text_open(&value, e->plan->ctx);
    while (!result && otx__levels_next(&levels))
        for (i = 0; i < OTX__COUNT(otx__id_lists) && !result; i++)
            result = otx__config_edit_list(e, levels.node, &otx__id_lists[i], &value);
    otx__text_close(&value);
    return result;
}

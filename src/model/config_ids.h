/* ---- ids in a config being edited --------------------------------------- */

/* ---- one file being edited ---- */

typedef struct otx__config_edit {
    otx__config_plan *plan;
    const otx__document *document;
    const char *name; /* of the file, for messages */
    bool generation;  /* generation_config.json rather than config.json */
    bool keep_pad;    /* pad_token_id is no id of a token */
    bool sized;       /* a size has been met */
    unsigned ranges;  /* that have been met */
    unsigned roles;   /* those that ids have been met of, a bit each */
    otx_json_edit *edit;
    otx__text value;  /* empty between uses */
    otx_error *error;
} otx__config_edit;

/* The level where a key that is missing goes: the innermost that says how large the
   vocabulary is, else the first within. */
OTX__PRIVATE uint32_t otx__vocabulary_home(const otx__document *document, uint64_t rows)
{
    otx__levels levels = otx__vocabulary_levels(document, rows);
    uint32_t sized = OTX_JSON_NONE, second = OTX_JSON_NONE, count = 0;
    const otx__span none = otx__span_of("", 0);
    while (otx__levels_next(&levels)) {
        if (++count == 2) second = levels.node;
        if (otx__object_has_size(&document->json, levels.node, none, false, levels.size))
            sized = levels.node;
    }
    if (sized == OTX_JSON_NONE) sized = second;
    return sized == OTX_JSON_NONE ? otx__document_root(document) : sized;
}

/* Puts what e->value holds in a node's place, or under object[key], and empties it. */
OTX__PRIVATE otx_result otx__config_put(otx__config_edit *e, uint32_t node)
{
    otx_result result;
    otx__text_bytes(&e->value, "", 1); /* the terminator */
    if (e->value.failed) return otx__fail_memory(e->error, (uint64_t)e->value.size);
    result = otx_json_edit_replace(e->plan->ctx, e->edit, node, e->value.bytes, e->error);
    e->value.size = 0;
    return result;
}

OTX__PRIVATE otx_result otx__config_put_under(otx__config_edit *e, uint32_t object,
                                              const char *key)
{
    otx_result result;
    otx__text_bytes(&e->value, "", 1);
    if (e->value.failed) return otx__fail_memory(e->error, (uint64_t)e->value.size);
    result = otx_json_edit_set(e->plan->ctx, e->edit, object, key, e->value.bytes, e->error);
    e->value.size = 0;
    return result;
}

/* ---- ids of roles ---- */

/* What an id of the base becomes that has no counterpart: that of a role which comes
   close, or null. */
OTX__PRIVATE void otx__config_stand_in(otx__config_edit *e, const otx__members *at,
                                       const otx__special *special)
{
    otx_json_type type = otx_json_type_of(at->json, at->value);
    int64_t id = type == OTX_JSON_NUMBER ? otx__config_role(e->plan, special->stand_in) : -1;
    char key[OTX__QUOTED];
    if (id >= 0) otx__text_format(&e->value, "%" PRId64, id);
    else otx__text_string(&e->value, "null");
    if (type == OTX_JSON_NULL) return;
    otx__quote_node(key, at->json, at->key);
    if (id < 0 && special->role >= 0 &&
        e->plan->donor->vocab.roles[special->role] >= (int64_t)e->plan->alignment->count)
        otx__log(e->plan->ctx, OTX_WARNING, "%s/%s: \"%s\" is set to null: the donor's %s, id %"
                 PRId64 ", lies beyond the %" PRIu64 " rows", e->plan->base->path, e->name, key,
                 otx_role_name((otx_role)special->role),
                 e->plan->donor->vocab.roles[special->role],
                 (uint64_t)e->plan->alignment->count);
    else if (id >= 0)
        otx__log(e->plan->ctx, OTX_WARNING,
                 "%s/%s: the donor has no counterpart of \"%s\"; set to %" PRId64
                 ", its %s token", e->plan->base->path, e->name, key, id,
                 id == e->plan->donor->vocab.roles[special->stand_in]
                     ? otx_role_name((otx_role)special->stand_in) : "eos");
    else
        otx__log(e->plan->ctx, OTX_WARNING,
                 "%s/%s: the donor has no counterpart of \"%s\"; set to null",
                 e->plan->base->path, e->name, key);
}

/* An id that a role has. Objects that describe no language model have nulls that ask for
   nothing; where the tokenizer is the base's own, nothing that names no token does. */
OTX__PRIVATE otx_result otx__config_edit_special(otx__config_edit *e, const otx__members *at)
{
    const otx__special *special = otx__special_of(otx__json_span(at->json, at->key));
    const otx_json_type type = otx_json_type_of(at->json, at->value);
    bool null = type == OTX_JSON_NULL;
    if (!at->ours || (null && !otx__document_has_level(e->document, at->object)))
        return OTX_OK;
    if (special->role >= 0) e->roles |= 1u << special->role;
    if (e->plan->renews &&
        (null || (type == OTX_JSON_NUMBER && otx__json_double(at->json, at->value) < 0)))
        return OTX_OK;
    if ((null && special->if_set) || (e->keep_pad && special->role == OTX_ROLE_PAD))
        return OTX_OK;
    if (!otx__config_special(e->plan, special, e->generation, at->json, at->value, &e->value))
        otx__config_stand_in(e, at, special);
    return otx__config_put(e, at->value);
}

/* Whether an object of a config speaks of another vocabulary under the key of a role. */
OTX__PRIVATE bool otx__special_is_foreign(const otx__config_plan *plan,
                                          const otx__special *special,
                                          const otx__document *document, uint32_t object)
{
    const otx__span key = otx__span_of(special->key, strlen(special->key));
    const otx__member_rule *rule;
    if (document == &plan->base->generation) document = &plan->base->config;
    rule = otx__member_rule_of(key, otx__span_of("", 0),
                               otx__object_type(&document->json, object));
    return rule && rule->kind == OTX__MEMBER_NONE;
}

/* Adds those that no object has and the classes have defaults for. */
OTX__PRIVATE otx_result otx__config_add_specials(otx__config_edit *e)
{
    uint32_t home = otx__vocabulary_home(e->document, e->plan->base->parts.rows);
    otx_result result = OTX_OK;
    size_t i;
    for (i = 0; i < OTX__COUNT(otx__specials) && !result; i++) {
        const otx__special *special = &otx__specials[i];
        if (!special->add || (e->roles & 1u << special->role) ||
            (e->keep_pad && special->role == OTX_ROLE_PAD) ||
            otx__special_is_foreign(e->plan, special, e->document, home))
            continue;
        if (otx__config_special(e->plan, special, e->generation, NULL, OTX_JSON_NONE,
                                &e->value))
            result = otx__config_put_under(e, home, special->key);
    }
    if (e->keep_pad && !e->generation)
        otx__log(e->plan->ctx, OTX_NOTE, "%s/%s: \"pad_token_id\" is left as it is, as this "
                 "model counts its positions from it on", e->plan->base->path, e->name);
    return result;
}

/* ---- other ids: image tokens and the like ---- */

/* Whether config.json names an id under such a key, alone or in a list. */
OTX__PRIVATE bool otx__config_names_id(const otx__document *config, uint64_t id)
{
    otx__members at;
    otx__members_open(&at, config, config, 0);
    while (otx__members_next(&at))
        if (at.kind == OTX__MEMBER_ID && otx__node_has_id(at.json, at.value, id)) return true;
    return false;
}

/* The donor's token of the same content as the base's id, although it has no row: its id,
   or -1. */
OTX__PRIVATE int64_t otx__config_rowless(const otx__config_plan *plan, uint64_t base)
{
    const otx_token *wanted = otx__side_token(plan->base, base);
    int64_t id = wanted ? otx__index_find(&plan->contents, OTX_TOKEN_NONE, wanted->content,
                                          wanted->content_size) : -1;
    return id >= 0 && (uint64_t)id >= plan->alignment->count ? id : -1;
}

/* Names the first id under a key, one or a list, that has no counterpart; it may be the key of
   an entry. */
OTX__PRIVATE otx_result otx__fail_lost_id(const otx__config_edit *e, uint32_t key,
                                          uint32_t node)
{
    const otx_json *json = &e->document->json;
    otx_json_iter item = otx_json_iter_of(json, node);
    char token[OTX__QUOTED], what[OTX__QUOTED + 64] = "an id without a token";
    char name[OTX__QUOTED];
    uint64_t id = 0;
    int64_t rowless = -1;
    otx__quote_node(name, json, key);
    if (otx_json_type_of(json, node) == OTX_JSON_ARRAY)
        while (otx_json_iter_next(&item)) {
            node = item.value;
            if (otx__config_carry(e->plan, json, node, OTX__CARRY_SAME) < 0) break;
        }
    if (!otx_json_uint(json, node, &id) && !otx__parse_uint(otx__json_span(json, node), &id))
        return otx__fail(e->error, OTX_ERROR_UNSUPPORTED, "%s/%s: \"%s\" holds \"%s\", which is "
                         "no id of a token", e->plan->base->path, e->name, name,
                         otx__quote_node(token, json, node));
    rowless = otx__config_rowless(e->plan, id);
    if (otx__side_token(e->plan->base, id))
        otx__format(what, sizeof what, "the token \"%s\"%s",
                    otx__side_content(token, e->plan->base, id),
                    rowless < 0 ? ", which the donor's tokenizer lacks" : "");
    if (rowless >= 0)
        return otx__fail(e->error, OTX_ERROR_UNSUPPORTED,
                         "%s/%s: \"%s\" is %" PRIu64 ", %s, which the donor's tokenizer has as "
                         "%" PRId64 ", beyond the %" PRIu64 " rows; --rows tokenizer gives it "
                         "one", e->plan->base->path, e->name, name, id, what, rowless,
                         (uint64_t)e->plan->alignment->count);
    return otx__fail(e->error, OTX_ERROR_UNSUPPORTED,
                     "%s/%s: \"%s\" is %" PRIu64 ", %s; give it one with --map 'DONOR=#%" PRIu64
                     "', DONOR being a reserved or seldom used token of the donor",
                     e->plan->base->path, e->name, name, id, what, id);
}

/* Says what was left out. */
OTX__PRIVATE void otx__config_tell_lost(const otx__config_edit *e, const otx__members *at,
                                        size_t lost)
{
    char key[OTX__QUOTED];
    if (lost)
        otx__log(e->plan->ctx, OTX_WARNING,
                 "%s/%s: %" PRIu64 " of the ids in \"%s\" have no counterpart in the donor's "
                 "tokenizer; left out", e->plan->base->path, e->name, (uint64_t)lost,
                 otx__quote_node(key, at->json, at->key));
}

/* A processor whose settings say nothing has the text of such a token from its class. */
OTX__PRIVATE void otx__config_tell_renamed(const otx__config_edit *e, const otx__members *at,
                                           uint64_t id)
{
    char key[OTX__QUOTED], old[OTX__QUOTED], new_one[OTX__QUOTED];
    int64_t heir = otx__config_same_content(e->plan, id);
    if (!e->plan->processor || heir < 0) return;
    otx__side_content(old, e->plan->base, id);
    otx__side_content(new_one, e->plan->donor, (uint64_t)heir);
    if (strcmp(old, new_one) != 0)
        otx__log(e->plan->ctx, OTX_WARNING,
                 "%s/%s: the token of \"%s\" is \"%s\" and becomes \"%s\"; a processor that "
                 "looks for the old text, by the default of its class, must be told the new one",
                 e->plan->base->path, e->name, otx__quote_node(key, at->json, at->key), old,
                 new_one);
}

/* Carries over what stands under such a key. What has no counterpart is left out
   of generation_config.json, and refused in config.json: the model would look for
   a token that its tokenizer never gives. */
OTX__PRIVATE otx_result otx__config_edit_ids(otx__config_edit *e, const otx__members *at)
{
    otx_json_type type = otx_json_type_of(at->json, at->value);
    size_t lost = 0, written;
    uint64_t id;
    if (type != OTX_JSON_ARRAY) {
        if (!otx_json_uint(at->json, at->value, &id)) return OTX_OK; /* null, or below 0 */
        otx__config_tell_renamed(e, at, id);
    }
    written = otx__config_carry_ids(e->plan, at->json, at->value, OTX__CARRY_SAME, &e->value,
                                    &lost);
    if (lost && !e->generation) return otx__fail_lost_id(e, at->key, at->value);
    otx__config_tell_lost(e, at, lost);
    if (written == 0) {
        e->value.size = 0;
        otx__text_string(&e->value, type == OTX_JSON_ARRAY ? "[]" : "null");
    }
    return otx__config_put(e, at->value);
}

/* ---- heirs: what becomes of the ids in a config ------------------------- */

/* What the edits of config.json and generation_config.json start from. */
typedef struct otx__config_plan {
    const otx_context *ctx;
    const otx__side *base, *donor;
    const otx_alignment *alignment;
    otx_dtype dtype; /* that the matrices are written in, or OTX_DTYPE_NONE: the base's */
    uint64_t draft_rows; /* of a head that has rows for a part of the tokens; else 0 */
    bool renews;     /* the donor is the base's own tokenizer: what is named is named again */
    bool same_class; /* and that is loaded as it was */
    int64_t *heirs; /* by base id: the lowest donor id that takes over its row, or -1 */
    size_t heir_count; /* the base's ids and rows */
    int64_t highest;   /* base id that has an heir: the caller may map one without a row */
    otx__token_index contents; /* of the donor's tokens */
    bool processor; /* the base has one that may look for tokens under their old text */
} otx__config_plan;

/* ---- ids ---- */

/* Fills plan->heirs and plan->contents: see otx__config_plan_close. */
OTX__PRIVATE otx_result otx__config_find_heirs(otx__config_plan *plan, otx_error *error)
{
    const otx__parts *parts = &plan->base->parts;
    size_t count = otx__max(plan->base->vocab.count, (size_t)(parts->rows + parts->extra)), i;
    plan->heir_count = count;
    plan->highest = -1;
    plan->heirs = (int64_t *)otx__alloc(plan->ctx, count, sizeof *plan->heirs);
    if (!plan->heirs) return otx__fail_memory(error, (uint64_t)count * sizeof *plan->heirs);
    for (i = 0; i < count; i++) plan->heirs[i] = -1;
    for (i = plan->alignment->count; i-- > 0;) {
        int64_t base = plan->alignment->rows[i].base;
        if (plan->alignment->rows[i].action == OTX_ACTION_MATCH) continue; /* another token */
        if (base >= 0 && (uint64_t)base < count) plan->heirs[base] = (int64_t)i;
        if (base > plan->highest) plan->highest = base;
    }
    return otx__side_contents(plan->ctx, plan->donor, &plan->contents, error);
}

OTX__PRIVATE void otx__config_plan_close(otx__config_plan *plan)
{
    if (plan->contents.slots) otx__index_close(plan->ctx, &plan->contents);
    otx__free(plan->ctx, plan->heirs, plan->heir_count, sizeof *plan->heirs);
    plan->heirs = NULL;
}

/* Whether a donor's id may be written: it has a token and a row. */
OTX__PRIVATE bool otx__config_id_is_valid(const otx__config_plan *plan, uint64_t id)
{
    return id < plan->alignment->count && otx__side_token(plan->donor, id);
}

/* The donor id that takes over a base id's row, or -1. */
OTX__PRIVATE int64_t otx__config_heir(const otx__config_plan *plan, uint64_t base)
{
    size_t i;
    if (base < plan->heir_count) return plan->heirs[base];
    if (plan->highest < 0 || base > (uint64_t)plan->highest) return -1;
    for (i = 0; i < plan->alignment->count; i++)
        if (plan->alignment->rows[i].base == (int64_t)base) return (int64_t)i;
    return -1;
}

/* The donor id that the caller mapped to a base id, or whose content is the same, or whose
   role is, or -1. */
OTX__PRIVATE int64_t otx__config_same_content(const otx__config_plan *plan, uint64_t base)
{
    const otx_token *wanted = otx__side_token(plan->base, base);
    int64_t heir = otx__config_heir(plan, base);
    otx_action action = heir < 0 ? OTX_ACTION_COUNT : plan->alignment->rows[heir].action;
    int64_t same;
    if (action == OTX_ACTION_MAP || !wanted) return action == OTX_ACTION_MAP ? heir : -1;
    same = otx__index_find(&plan->contents, OTX_TOKEN_NONE, wanted->content,
                           wanted->content_size);
    if (same >= 0 && otx__config_id_is_valid(plan, (uint64_t)same)) return same;
    return action == OTX_ACTION_ROLE ? heir : -1;
}

/* How the ids under a key are carried over. */
typedef enum otx__carry {
    OTX__CARRY_DONOR, /* they are the donor's own: only valid ones are taken */
    OTX__CARRY_HEIR,  /* they are the base's: the donor ids that took over their rows */
    OTX__CARRY_SAME   /* the base's, by content */
} otx__carry;

/* One id, carried over; -1 if it has no counterpart or the node is no id. */
OTX__PRIVATE int64_t otx__config_carry(const otx__config_plan *plan, const otx_json *json,
                                       uint32_t node, otx__carry carry)
{
    uint64_t id;
    if (!otx_json_uint(json, node, &id)) return -1;
    if (carry == OTX__CARRY_DONOR) return otx__config_id_is_valid(plan, id) ? (int64_t)id : -1;
    if (carry == OTX__CARRY_SAME) return otx__config_same_content(plan, id);
    return otx__config_heir(plan, id);
}

/* Writes an id or a list of ids, carried over, as JSON. Items of a list without
   a counterpart are left out and counted. Returns how many ids it wrote; with 0
   `to` is as it was, unless the list was empty before. */
OTX__PRIVATE size_t otx__config_carry_ids(const otx__config_plan *plan, const otx_json *json,
                                          uint32_t node, otx__carry carry, otx__text *to,
                                          size_t *lost)
{
    size_t start = to->size, written = 0;
    otx_json_iter item = otx_json_iter_of(json, node);
    int64_t id;
    if (otx_json_type_of(json, node) != OTX_JSON_ARRAY) {
        id = otx__config_carry(plan, json, node, carry);
        if (id >= 0) otx__text_format(to, "%" PRId64, id);
        else *lost += otx_json_type_of(json, node) == OTX_JSON_NUMBER;
        return id >= 0;
    }
    otx__text_string(to, "[");
    while (otx_json_iter_next(&item)) {
        id = otx__config_carry(plan, json, item.value, carry);
        if (id >= 0) otx__text_format(to, "%s%" PRId64, written++ ? ", " : "", id);
        else ++*lost;
    }
    otx__text_string(to, "]");
    if (written == 0 && !to->failed) to->size = start;
    return written;
}

/* ---- special ids: bos, eos and their like ---- */

/* The valid ids that a file of the donor gives, from its first level with any. */
OTX__PRIVATE bool otx__config_donor_ids(const otx__config_plan *plan,
                                        const otx__document *document, const char *key,
                                        otx__text *to)
{
    otx__levels levels = otx__all_levels(document);
    size_t lost = 0;
    while (otx__levels_next(&levels)) {
        uint32_t node = otx__levels_find(&levels, key);
        if (node == OTX_JSON_NONE) continue;
        if (otx__config_carry_ids(plan, &document->json, node, OTX__CARRY_DONOR, to, &lost))
            return true;
    }
    return false;
}

/* The donor's id in a role, or -1; that of its other end of text for a missing bos
   or eos. */
OTX__PRIVATE int64_t otx__config_role(const otx__config_plan *plan, int role)
{
    int64_t id = role < 0 ? -1 : plan->donor->vocab.roles[role];
    if (id < 0 && role == OTX_ROLE_BOS) id = plan->donor->vocab.roles[OTX_ROLE_EOS];
    return id >= 0 && otx__config_id_is_valid(plan, (uint64_t)id) ? id : -1;
}

/* The new value of a special id, as JSON: from the donor's files, else from its
   tokenizer, else the heir of the base's id; of the base's own tokenizer that first. False if none
   of them knows one. */
OTX__PRIVATE bool otx__config_special(const otx__config_plan *plan, const otx__special *special,
                                      bool generation, const otx_json *base, uint32_t node,
                                      otx__text *to)
{
    int64_t id = special->role < 0 ? -1 : plan->donor->vocab.roles[special->role];
    size_t lost = 0;
    if (plan->renews && node != OTX_JSON_NONE &&
        otx__config_carry_ids(plan, base, node, OTX__CARRY_HEIR, to, &lost) > 0)
        return true;
    if (generation && otx__config_donor_ids(plan, &plan->donor->generation, special->key, to))
        return true;
    if (otx__config_donor_ids(plan, &plan->donor->config, special->key, to)) return true;
    if (id >= 0 && otx__config_id_is_valid(plan, (uint64_t)id)) {
        otx__text_format(to, "%" PRId64, id);
        return true;
    }
    return node != OTX_JSON_NONE &&
           otx__config_carry_ids(plan, base, node, OTX__CARRY_HEIR, to, &lost) > 0;
}

/* ---- heirs: what becomes of the ids in a config ------------------------- */

/* What the edits of config.json and generation_config.json start from. */
typedef struct otx__config_plan {
    const otx_context *ctx;
    const char *base_path;
    const otx_vocab *base_vocab, *donor_vocab;
    const otx_alignment *alignment;
    const otx__document *base, *base_generation;   /* the base's two files */
    const otx__document *donor, *donor_generation; /* the donor's */
    const otx__document *donor_tokenizer;          /* its tokenizer_config.json */
    const otx__model *model;                       /* of the base */
    otx_dtype dtype; /* that the matrices are written in, or OTX_DTYPE_NONE: the base's */
    int64_t *heirs; /* by base id: the lowest donor id that takes over its row, or -1 */
    size_t remaps;  /* ids looked up by content so far */
} otx__config_plan;

/* ---- ids ---- */

/* Fills plan->heirs; free base_vocab->count of them. */
OTX__PRIVATE otx_result otx__config_find_heirs(otx__config_plan *plan, otx_error *error)
{
    size_t count = plan->base_vocab->count, i;
    plan->heirs = (int64_t *)otx__alloc(plan->ctx, count, sizeof *plan->heirs);
    if (!plan->heirs) return otx__fail_memory(error, (uint64_t)count * sizeof *plan->heirs);
    for (i = 0; i < count; i++) plan->heirs[i] = -1;
    for (i = plan->alignment->count; i-- > 0;) {
        int64_t base = plan->alignment->rows[i].base;
        if (base >= 0 && (uint64_t)base < count) plan->heirs[base] = (int64_t)i;
    }
    return OTX_OK;
}

/* Whether a donor's id may be written: it has a token and a row. */
OTX__PRIVATE bool otx__config_id_is_valid(const otx__config_plan *plan, uint64_t id)
{
    return id < plan->alignment->count && id < plan->donor_vocab->count &&
           plan->donor_vocab->tokens[id].kind != OTX_TOKEN_NONE;
}

/* The donor id that takes over a base id's row, or -1. */
OTX__PRIVATE int64_t otx__config_heir(const otx__config_plan *plan, uint64_t base)
{
    return base < plan->base_vocab->count ? plan->heirs[base] : -1;
}

/* The donor id that the caller mapped to a base id, or whose content is the
   same, or -1. */
OTX__PRIVATE int64_t otx__config_same_content(const otx__config_plan *plan, uint64_t base)
{
    const otx_token *wanted;
    int64_t heir = otx__config_heir(plan, base);
    size_t i;
    if (base >= plan->base_vocab->count) return -1;
    if (heir >= 0 && plan->alignment->rows[heir].action == OTX_ACTION_MAP) return heir;
    wanted = &plan->base_vocab->tokens[base];
    if (wanted->kind == OTX_TOKEN_NONE) return -1;
    for (i = 0; i < plan->donor_vocab->count; i++) {
        const otx_token *token = &plan->donor_vocab->tokens[i];
        if (token->content_size == wanted->content_size && otx__config_id_is_valid(plan, i) &&
            memcmp(token->content, wanted->content, wanted->content_size) == 0)
            return (int64_t)i;
    }
    return -1;
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
    uint32_t i, item = node + 1;
    int64_t id;
    if (otx_json_type_of(json, node) != OTX_JSON_ARRAY) {
        id = otx__config_carry(plan, json, node, carry);
        if (id >= 0) otx__text_format(to, "%" PRId64, id);
        else *lost += otx_json_type_of(json, node) == OTX_JSON_NUMBER;
        return id >= 0;
    }
    otx__text_string(to, "[");
    for (i = 0; i < json->nodes[node].count; i++, item = json->nodes[item].next) {
        id = otx__config_carry(plan, json, item, carry);
        if (id >= 0) otx__text_format(to, "%s%" PRId64, written++ ? ", " : "", id);
        else ++*lost;
    }
    otx__text_string(to, "]");
    if (written == 0 && !to->failed) to->size = start;
    return written;
}

/* ---- special ids: bos, eos and their like ---- */

typedef struct otx__special {
    const char *key;
    int role;       /* an otx_role, or -1 */
    int stand_in;   /* the role that serves where a number is there and has no counterpart:
                       some classes take no null; or -1 */
    bool add;       /* written even if the base lacks the key: the classes of the
                       common architectures have defaults for it, now stale */
    bool if_set;    /* left alone where the base says null: it asks for behaviour */
} otx__special;

static const otx__special otx__specials[] = {
    {"bos_token_id", OTX_ROLE_BOS, -1, true, false},
    {"eos_token_id", OTX_ROLE_EOS, -1, true, false},
    {"pad_token_id", OTX_ROLE_PAD, -1, true, false},
    {"unk_token_id", OTX_ROLE_UNK, -1, false, false},
    {"sep_token_id", OTX_ROLE_SEP, OTX_ROLE_EOS, false, false},
    {"cls_token_id", OTX_ROLE_CLS, OTX_ROLE_BOS, false, false},
    {"mask_token_id", OTX_ROLE_MASK, -1, false, false},
    {"decoder_start_token_id", -1, OTX_ROLE_BOS, false, true},
    {"forced_bos_token_id", -1, -1, false, true},
    {"forced_eos_token_id", -1, -1, false, true},
};

/* The valid ids that a file of the donor gives, from its first level with any. */
OTX__PRIVATE bool otx__config_donor_ids(const otx__config_plan *plan,
                                        const otx__document *document, const char *key,
                                        otx__text *to)
{
    otx__levels levels = otx__config_levels(document);
    size_t i, lost = 0;
    for (i = 0; i < levels.count; i++) {
        uint32_t node = otx_json_find(&document->json, levels.nodes[i], key);
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
    int64_t id = role < 0 ? -1 : plan->donor_vocab->roles[role];
    if (id < 0 && role == OTX_ROLE_BOS) id = plan->donor_vocab->roles[OTX_ROLE_EOS];
    return id >= 0 && otx__config_id_is_valid(plan, (uint64_t)id) ? id : -1;
}

/* The new value of a special id, as JSON: from the donor's files, else from its
   tokenizer, else the heir of the base's id. False if none of them knows one. */
OTX__PRIVATE bool otx__config_special(const otx__config_plan *plan, const otx__special *special,
                                      bool generation, const otx_json *base, uint32_t node,
                                      otx__text *to)
{
    int64_t id = special->role < 0 ? -1 : plan->donor_vocab->roles[special->role];
    size_t lost = 0;
    if (generation && otx__config_donor_ids(plan, plan->donor_generation, special->key, to))
        return true;
    if (otx__config_donor_ids(plan, plan->donor, special->key, to)) return true;
    if (id >= 0 && otx__config_id_is_valid(plan, (uint64_t)id)) {
        otx__text_format(to, "%" PRId64, id);
        return true;
    }
    return node != OTX_JSON_NONE &&
           otx__config_carry_ids(plan, base, node, OTX__CARRY_HEIR, to, &lost) > 0;
}

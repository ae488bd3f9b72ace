/* ---- config: the JSON files that must agree with the new vocabulary ------- */

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
    otx_dtype dtype; /* that the matrices are written in, or 0: the base's */
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

/* ---- sizes, tying, classes ---- */

/* Whether a member of a level says how large the vocabulary is: vocab_size whatever it
   says, and other names with that in them (padded_vocab_size, decoder_vocab_size) if
   they say as much. */
OTX__PRIVATE bool otx__config_is_size(const otx__config_edit *e, uint32_t key)
{
    const otx_json *json = &e->document->json;
    const otx_json_node *name = &json->nodes[key];
    uint64_t size;
    if (!otx_json_uint(json, key + 1, &size)) return false;
    return otx_json_equals(json, key, "vocab_size") ||
           otx_json_equals(json, key, "padded_vocab_size") ||
           (size == e->plan->model->rows &&
            otx__span_has(json->text + name->start, name->end - name->start, "vocab_size"));
}

OTX__PRIVATE otx_result otx__config_edit_sizes(otx__config_edit *e)
{
    const otx_json *json = &e->document->json;
    otx__levels levels = otx__vocabulary_levels(e->document, e->plan->model->rows);
    otx_result result = OTX_OK;
    bool present = false;
    char value[32];
    uint32_t key, i;
    size_t at;
    (void)snprintf(value, sizeof value, "%" PRIu64, (uint64_t)e->plan->alignment->count);
    for (at = 0; at < levels.count; at++) {
        key = levels.nodes[at] + 1;
        for (i = 0; i < json->nodes[levels.nodes[at]].count && !result; i++) {
            if (otx__config_is_size(e, key)) {
                present = true;
                result = otx_json_edit_replace(e->plan->ctx, e->edit, key + 1, value, e->error);
            }
            key = json->nodes[key + 1].next;
        }
    }
    if (!result && !present)
        result = otx__config_set(e, otx__vocabulary_home(e->document, e->plan->model->rows),
                                 "vocab_size", value);
    return result;
}

/* The type that the rest of the model is in. Without a word on it loaders take that of
   the first tensor, which may now be a matrix in another type. */
OTX__PRIVATE otx_result otx__config_edit_dtype(otx__config_edit *e)
{
    static const struct {
        otx_dtype dtype;
        const char *name;
    } names[] = {{OTX_F32, "\"float32\""}, {OTX_F16, "\"float16\""},
                 {OTX_BF16, "\"bfloat16\""}, {OTX_F64, "\"float64\""}};
    const otx_dtype old = e->plan->model->embedding->tensor->dtype;
    otx__levels levels = otx__config_levels(e->document);
    size_t i;
    if (!e->plan->dtype || e->plan->dtype == old) return OTX_OK;
    for (i = 0; i < levels.count; i++)
        if (otx_json_find(&e->document->json, levels.nodes[i], "dtype") != OTX_JSON_NONE ||
            otx_json_find(&e->document->json, levels.nodes[i], "torch_dtype") != OTX_JSON_NONE)
            return OTX_OK;
    for (i = 0; i < OTX__COUNT(names); i++)
        if (names[i].dtype == old) return otx__config_set(e, 0, "torch_dtype", names[i].name);
    return OTX_OK;
}

/* Makes the flag say what is written. Two matrices: false on the root and on the
   nested level, whether the flag was there or not, as the defaults of the classes
   differ. One matrix: true where the flag says otherwise, and on both levels if a
   second copy is dropped; else the base had the flag or the default it needs. An
   encoder's head (decoder.weight) keeps the flag, which ties its biases too. */
OTX__PRIVATE otx_result otx__config_edit_tie(otx__config_edit *e)
{
    const otx__model *model = e->plan->model;
    otx__levels levels = otx__vocabulary_levels(e->document, model->rows);
    otx_result result = OTX_OK;
    size_t i;
    if (!model->tied && otx__name_ends(model->head->tensor, "decoder", "weight")) return OTX_OK;
    for (i = 0; i < levels.count && !result; i++) {
        uint32_t node =
            otx_json_find(&e->document->json, levels.nodes[i], "tie_word_embeddings");
        otx_json_type type = otx_json_type_of(&e->document->json, node);
        otx_json_type wanted = model->tied ? OTX_JSON_TRUE : OTX_JSON_FALSE;
        bool said = type == OTX_JSON_TRUE || type == OTX_JSON_FALSE;
        if (said ? type == wanted : model->tied && !model->head) continue;
        result = otx__config_set(e, levels.nodes[i], "tie_word_embeddings",
                                 model->tied ? "true" : "false");
    }
    return result;
}

/* Appends a JSON string node of a document as JSON, quotes included. */
OTX__PRIVATE void otx__config_quote(otx__text *to, const otx_json *json, uint32_t node)
{
    otx__text_string(to, "\"");
    otx__text_bytes(to, json->text + json->nodes[node].start,
                    json->nodes[node].end - json->nodes[node].start);
    otx__text_string(to, "\"");
}

/* The class of the tokenizer is the donor's from now on; code that only the base
   brings for its own tokenizer is named no more. */
OTX__PRIVATE otx_result otx__config_edit_classes(otx__config_edit *e)
{
    const otx_json *json = &e->document->json;
    const otx__document *sources[2];
    uint32_t map = otx_json_find(json, 0, "auto_map");
    uint32_t node = otx_json_find(json, 0, "tokenizer_class");
    otx_result result = OTX_OK;
    otx__text value;
    size_t i;
    sources[0] = e->plan->donor_tokenizer;
    sources[1] = e->plan->donor;
    otx__text_open(&value, e->plan->ctx);
    if (otx_json_type_of(json, node) == OTX_JSON_STRING) {
        for (i = 0; i < OTX__COUNT(sources) && value.size == 0; i++) {
            node = otx_json_find(&sources[i]->json, otx__document_root(sources[i]),
                                 "tokenizer_class");
            if (otx_json_type_of(&sources[i]->json, node) == OTX_JSON_STRING)
                otx__config_quote(&value, &sources[i]->json, node);
        }
        if (value.size == 0) otx__text_string(&value, "null");
        result = otx__config_set_text(e, 0, "tokenizer_class", &value);
    }
    if (!result && otx_json_find(json, map, "AutoTokenizer") != OTX_JSON_NONE)
        result = otx__config_set(e, map, "AutoTokenizer", "null");
    otx__text_close(&value);
    return result;
}

/* ---- the two files ---- */

OTX__PRIVATE bool otx__text_sink_write(void *context, const void *bytes, size_t size)
{
    otx__text *text = (otx__text *)context;
    otx__text_bytes(text, bytes, size);
    return !text->failed;
}

/* Appends the edited document to `out`. */
OTX__PRIVATE otx_result otx__edit_to_text(otx_json_edit *edit, otx__text *out, otx_error *error)
{
    otx_result result;
    otx_sink sink;
    sink.write = otx__text_sink_write;
    sink.context = out;
    result = otx_json_edit_write(edit, &sink, error);
    return out->failed ? otx__fail_memory(error, out->size) : result;
}

/* Appends the edited file to `out`. */
OTX__PRIVATE otx_result otx__config_edit_file(otx__config_plan *plan,
                                              const otx__document *document, const char *name,
                                              bool generation, otx__text *out, otx_error *error)
{
    otx__config_edit e;
    otx_result result;
    memset(&e, 0, sizeof e);
    e.plan = plan;
    e.document = document;
    e.name = name;
    e.generation = generation;
    e.error = error;
    result = otx_json_edit_open(plan->ctx, &document->json, &e.edit, error);
    if (result) return result;
    result = otx__config_edit_specials(&e);
    if (!result) result = otx__config_edit_other_ids(&e);
    if (!result) result = otx__config_edit_lists(&e);
    if (!result && !generation) result = otx__config_edit_sizes(&e);
    if (!result && !generation) result = otx__config_edit_tie(&e);
    if (!result && !generation) result = otx__config_edit_dtype(&e);
    if (!result && !generation) result = otx__config_edit_classes(&e);
    if (!result) result = otx__edit_to_text(e.edit, out, error);
    otx_json_edit_close(plan->ctx, e.edit);
    return result;
}

/* A base without a generation_config.json needs one only if the donor ends its
   texts with several tokens: config.json keeps one eos for readers that expect
   no list. */
OTX__PRIVATE otx_result otx__config_new_generation(const otx__config_plan *plan, otx__text *out,
                                                   otx_error *error)
{
    const otx__document *donor = plan->donor_generation;
    uint32_t eos = otx_json_find(&donor->json, otx__document_root(donor), "eos_token_id");
    size_t i, members = 0;
    if (otx_json_type_of(&donor->json, eos) != OTX_JSON_ARRAY) return OTX_OK;
    otx__text_string(out, "{");
    for (i = 0; i < OTX__COUNT(otx__specials); i++) {
        size_t start = out->size;
        if (!otx__specials[i].add) continue;
        otx__text_format(out, "%s\n  \"%s\": ", members ? "," : "", otx__specials[i].key);
        if (otx__config_special(plan, &otx__specials[i], true, NULL, OTX_JSON_NONE, out))
            members++;
        else if (!out->failed)
            out->size = start;
    }
    otx__text_string(out, "\n}\n");
    return out->failed ? otx__fail_memory(error, out->size) : OTX_OK;
}

/* What the tokenizer promises against what the model can hold. */
OTX__PRIVATE void otx__config_check_length(const otx__config_plan *plan)
{
    uint64_t donor = 0, base = 0;
    if (!otx_json_uint(&plan->donor_tokenizer->json,
                       otx_json_find(&plan->donor_tokenizer->json,
                                     otx__document_root(plan->donor_tokenizer),
                                     "model_max_length"), &donor))
        return;
    if (otx__config_says(plan->base, "max_position_embeddings", donor, &base) || base == 0)
        return;
    otx__log(plan->ctx, OTX_WARNING,
             "the donor's tokenizer_config.json says \"model_max_length\": %" PRIu64
             ", the base's config.json \"max_position_embeddings\": %" PRIu64, donor, base);
}

/* Edits both files for the new vocabulary. `generation` stays empty if none is to
   be written. */
OTX__PRIVATE otx_result otx__config_make(otx__config_plan *plan, otx__text *config,
                                         otx__text *generation, otx_error *error)
{
    otx_result result = otx__config_find_heirs(plan, error);
    if (!result)
        result = otx__config_edit_file(plan, plan->base, "config.json", false, config, error);
    if (!result && plan->base_generation->present)
        result = otx__config_edit_file(plan, plan->base_generation, "generation_config.json",
                                       true, generation, error);
    else if (!result)
        result = otx__config_new_generation(plan, generation, error);
    if (!result) otx__config_check_length(plan);
    otx__free(plan->ctx, plan->heirs, plan->base_vocab->count, sizeof *plan->heirs);
    plan->heirs = NULL;
    return result;
}

/* ---- verify: sizes, ids and tying ------------------------------------------ */

/* ---- sizes ---- */

/* Whether a key is another name of vocab_size, in whose place it is read. */
OTX__PRIVATE bool otx__key_is_other_size(const otx_json *json, uint32_t key)
{
    size_t i;
    for (i = 0; i < OTX__COUNT(otx__size_keys); i++)
        if (otx_json_equals(json, key, otx__size_keys[i]))
            return strcmp(otx__size_keys[i], OTX__KEY_VOCAB_SIZE) != 0;
    return false;
}

OTX__PRIVATE void otx__verify_other_sizes(otx__verifier *v)
{
    const otx__document *config = &v->side.config;
    const uint64_t rows = v->side.parts.rows;
    char key[OTX__QUOTED];
    otx__members at;
    uint64_t said;
    otx__members_open(&at, config, config, otx__config_size(config, rows));
    while (otx__members_next(&at))
        if (at.ours && otx__key_is_other_size(at.json, at.key) &&
            otx_json_uint(at.json, at.value, &said) &&
            !otx__members_has_size(&at))
            otx__found(v, OTX_WARNING, "%s/config.json: says \"%s\": %" PRIu64 "; there are %"
                       PRIu64 " rows", v->side.path, otx__quote_node(key, at.json, at.key),
                       said, rows);
}

OTX__PRIVATE void otx__verify_size_said(otx__verifier *v, uint64_t rows, const char *tensor)
{
    const otx__document *config = &v->side.config;
    uint64_t said = 0;
    if (otx__config_says_rows(config, rows, &said)) {
        otx__verify_other_sizes(v);
    } else if (said != 0) {
        if (rows < said || !otx__config_follows(config, OTX__CLASS_ADDS_ROWS))
            otx__found(v, OTX_FAULT, "%s/config.json: says \"vocab_size\": %" PRIu64
                       ", but tensor %s has %" PRIu64 " rows", v->side.path, said, tensor,
                       rows);
    } else if (config->present) {
        otx__found(v, OTX_WARNING, "%s/config.json: names no \"vocab_size\"; the class's own "
                   "default must be %" PRIu64, v->side.path, rows);
    }
}

/* Tokens beyond the rows are no fault where each is an added one: no text comes by them
   but one that spells them out, and models are published so (Gemma 3 1B). */
OTX__PRIVATE void otx__verify_rows(otx__verifier *v)
{
    const otx__side *side = &v->side;
    const otx_tensor *embedding;
    char tensor[OTX__TENSOR_TEXT], token[OTX__QUOTED];
    size_t i, beyond = 0, first = 0;
    bool added = true;
    uint64_t rows;
    if (v->failure || !side->parts.embedding) return;
    embedding = side->parts.embedding->tensor;
    rows = embedding->shape[0];
    otx__verify_size_said(v, rows, otx__tensor_text(tensor, embedding));
    for (i = side->vocab.count; i-- > 0 && i >= rows;)
        if (otx__side_token(side, i)) {
            beyond++;
            first = i;
            added &= side->vocab.tokens[i].added;
        }
    if (beyond)
        otx__found(v, added ? OTX_WARNING : OTX_FAULT, "%s: %" PRIu64 " of the tokenizer's ids, "
                   "the first %" PRIu64 " (token \"%s\"), lie beyond the %" PRIu64 " rows of "
                   "tensor %s%s; a transplant with --rows tokenizer gives every token one",
                   side->path, (uint64_t)beyond, (uint64_t)first,
                   otx__side_content(token, side, first), rows, tensor,
                   added ? ": a text that holds such a token as it is written fails" : "");
}

/* ---- ids ---- */

/* Whether a key's id must have a token: not the padding's of a model that counts its
   positions from it on. */
OTX__PRIVATE bool otx__must_have_token(const otx__verifier *v, otx__span key)
{
    return !otx__span_is(key, OTX__KEY_PAD) ||
           !otx__config_follows(&v->side.config, OTX__PAD_IS_POSITION);
}

/* Checks one id that stands under `key`; of a list, one of its items. */
OTX__PRIVATE void otx__verify_id(otx__verifier *v, const char *file, otx__span key, uint64_t id)
{
    const otx__side *side = &v->side;
    const otx_checkpoint_tensor *embedding = side->parts.embedding;
    uint64_t rows = embedding ? embedding->tensor->shape[0] : UINT64_MAX;
    char name[OTX__QUOTED];
    otx__quote(name, sizeof name, key.bytes, key.size);
    if (id >= rows)
        otx__found(v, OTX_FAULT, "%s/%s: \"%s\" is %" PRIu64 "; there are %" PRIu64 " rows",
                   side->path, file, name, id, rows);
    else if (side->vocab.tokens && !otx__side_token(side, id) && otx__must_have_token(v, key))
        otx__found(v, OTX_WARNING, "%s/%s: \"%s\" is %" PRIu64 ", an id without a token",
                   side->path, file, name, id);
}

/* The ids that a member of a config holds, if they are the vocabulary's: every number
   within its value. */
OTX__PRIVATE void otx__verify_member(otx__verifier *v, const otx__members *at,
                                     const char *file)
{
    uint32_t node, end = otx_json_after(at->json, at->value);
    uint64_t id;
    switch (at->kind) {
    case OTX__MEMBER_ID:
    case OTX__MEMBER_MAP: break;
    case OTX__MEMBER_SPECIAL:
    case OTX__MEMBER_LIST:
    case OTX__MEMBER_LISTS:
        if (at->ours) break;
        return;
    default: return;
    }
    for (node = at->value; node < end; node++)
        if (otx_json_uint(at->json, node, &id))
            otx__verify_id(v, file, otx__json_span(at->json, at->key), id);
}

OTX__PRIVATE void otx__verify_members(otx__verifier *v, const otx__document *document,
                                      const char *file)
{
    const otx__document *config = &v->side.config;
    otx__members at;
    otx__members_open(&at, document, config, otx__config_size(config, v->side.parts.rows));
    while (otx__members_next(&at)) otx__verify_member(v, &at, file);
}

/* Whether any member of a document that holds the id of a role, under one of its names,
   holds this one. *named becomes true if there is one. */
OTX__PRIVATE bool otx__verify_names(const otx__verifier *v, const otx__document *document,
                                    const otx__special *special, uint64_t id, bool *named)
{
    const otx__document *config = &v->side.config;
    bool agree = false;
    otx__members at;
    otx__members_open(&at, document, config, otx__config_size(config, v->side.parts.rows));
    while (otx__members_next(&at)) {
        if (at.kind != OTX__MEMBER_SPECIAL || !at.ours ||
            otx__special_of(otx__json_span(at.json, at.key)) != special)
            continue;
        *named |= otx_json_type_of(at.json, at.value) != OTX_JSON_NULL;
        agree |= otx__node_has_id(at.json, at.value, id);
    }
    return agree;
}

/* Whether the tokenizer's token in a role is the one that the two files name. Said of
   eos also where none is named: the model would not end its texts. */
OTX__PRIVATE void otx__verify_role(otx__verifier *v, const otx__special *special)
{
    const otx__side *side = &v->side;
    int64_t id = side->vocab.roles[special->role];
    char token[OTX__QUOTED];
    bool named = false, agree;
    if (id < 0) return;
    agree = otx__verify_names(v, &side->generation, special, (uint64_t)id, &named);
    agree |= otx__verify_names(v, &side->config, special, (uint64_t)id, &named);
    if (agree || (!named && special->role != OTX_ROLE_EOS)) return;
    otx__found(v, OTX_WARNING, "%s: the tokenizer's %s is %" PRId64 " (token \"%s\"), which "
               "\"%s\" of config.json and generation_config.json %s", side->path,
               otx_role_name((otx_role)special->role), id,
               otx__side_content(token, side, (uint64_t)id), special->key,
               named ? "is not" : "does not name");
}

OTX__PRIVATE void otx__verify_ids(otx__verifier *v)
{
    const otx__side *side = &v->side;
    size_t i;
    if (v->failure) return;
    otx__verify_members(v, &side->config, "config.json");
    otx__verify_members(v, &side->generation, "generation_config.json");
    if (!side->vocab.tokens || !side->config.present) return;
    for (i = 0; i < OTX__COUNT(otx__specials); i++) {
        const otx__special *special = &otx__specials[i];
        if (special->add && otx__must_have_token(v, otx__span_of(special->key,
                                                                 strlen(special->key))))
            otx__verify_role(v, special);
    }
}

/* ---- tying ---- */

OTX__PRIVATE void otx__verify_tie(otx__verifier *v)
{
    const otx__side *side = &v->side;
    const otx__parts *parts = &side->parts;
    otx__tie_flag flag = otx__config_tie_flag(&side->config);
    char tensor[OTX__TENSOR_TEXT];
    if (v->failure || !parts->embedding) return;
    if (flag.said_true && flag.said_false)
        otx__found(v, OTX_WARNING, "%s/config.json: says \"tie_word_embeddings\" both true and "
                   "false, on two levels", side->path);
    else if (flag.said_false && !parts->head && otx__config_has_head(&side->config))
        otx__found(v, OTX_FAULT, "%s/config.json: says \"tie_word_embeddings\": false, but "
                   "there is no output head", side->path);
    else if (!flag.said_true && !parts->head && otx__config_has_head(&side->config) &&
             otx__config_unties(&side->config))
        otx__found(v, OTX_FAULT, "%s/config.json: says nothing of \"tie_word_embeddings\" and "
                   "there is no output head: a model of this type gets a random one",
                   side->path);
    if (flag.said_true && parts->head && !parts->tied &&
        !otx__name_is_encoder_head(parts->head->tensor))
        otx__found(v, OTX_FAULT, "%s/config.json: says \"tie_word_embeddings\": true, but "
                   "tensor %s differs from the embedding", side->path,
                   otx__tensor_text(tensor, parts->head->tensor));
}

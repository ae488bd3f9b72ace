/* ---- verify: sizes, ids and tying ------------------------------------------ */

/* ---- sizes ---- */

OTX__PRIVATE void otx__verify_size_said(otx__verifier *v, uint64_t rows, const char *tensor)
{
    const otx__document *config = &v->side.config;
    uint64_t said = 0;
    if (!otx__config_says_rows(config, rows, &said) && said != 0 &&
        !(rows > said && otx__config_follows(config, OTX__CLASS_ADDS_ROWS)))
        otx__found(v, OTX_FAULT, "%s/config.json: says \"vocab_size\": %" PRIu64
                   ", but tensor %s has %" PRIu64 " rows", v->side.path, said, tensor, rows);
    else if (config->present && said == 0 &&
             !otx__config_says(config, OTX__KEY_VOCAB_SIZE, rows, &said))
        otx__found(v, OTX_WARNING, "%s/config.json: names no \"vocab_size\"; the class's own "
                   "default must be %" PRIu64, v->side.path, rows);
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

/* Whether a key holds ids, or lists of them, or lists of those. */
OTX__PRIVATE bool otx__key_holds_ids(otx__span key)
{
    size_t i;
    for (i = 0; i < OTX__COUNT(otx__id_lists); i++) {
        const otx__id_list *list = &otx__id_lists[i];
        if ((list->kind == OTX__LIST_IDS || list->kind == OTX__LIST_LISTS) &&
            otx__span_is(key, list->key))
            return true;
    }
    return otx__key_is_special(key) || otx__key_names_ids(key);
}

/* The ids of one object: every number within the value of such a key. */
OTX__PRIVATE void otx__verify_object(otx__verifier *v, const otx_json *json, const char *file,
                                     uint32_t object)
{
    otx_json_iter member = otx_json_iter_of(json, object);
    while (otx_json_iter_next(&member)) {
        otx__span key = otx__json_span(json, member.key);
        uint32_t node, end = otx_json_after(json, member.value);
        uint64_t id;
        if (!otx__key_holds_ids(key)) continue;
        for (node = member.value; node < end; node++)
            if (otx_json_uint(json, node, &id)) otx__verify_id(v, file, key, id);
    }
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

/* Whether the tokenizer's token in a role is the one that the two files name. Said of
   eos also where none is named: the model would not end its texts. */
OTX__PRIVATE void otx__verify_role(otx__verifier *v, otx_role role, const char *key)
{
    const otx__side *side = &v->side;
    const otx_json *config = &side->config.json, *generation = &side->generation.json;
    otx__levels levels = otx__vocabulary_levels(&side->config, side->parts.rows);
    uint32_t node = otx_json_find(generation, otx__document_root(&side->generation), key);
    int64_t id = side->vocab.roles[role];
    char token[OTX__QUOTED];
    bool named = otx_json_type_of(generation, node) != OTX_JSON_NULL, agree;
    if (id < 0) return;
    agree = otx__node_has_id(generation, node, (uint64_t)id);
    while (otx__levels_next(&levels)) {
        node = otx__levels_find(&levels, key);
        named |= otx_json_type_of(config, node) != OTX_JSON_NULL;
        agree |= otx__node_has_id(config, node, (uint64_t)id);
    }
    if (agree || (!named && role != OTX_ROLE_EOS)) return;
    otx__found(v, OTX_WARNING, "%s: the tokenizer's %s is %" PRId64 " (token \"%s\"), which "
               "\"%s\" of config.json and generation_config.json %s", side->path,
               otx_role_name(role), id, otx__side_content(token, side, (uint64_t)id), key,
               named ? "is not" : "does not name");
}

OTX__PRIVATE void otx__verify_ids(otx__verifier *v)
{
    const otx__side *side = &v->side;
    otx__levels levels = otx__vocabulary_levels(&side->config, side->parts.rows);
    size_t i;
    if (v->failure) return;
    while (otx__levels_next(&levels))
        otx__verify_object(v, &side->config.json, "config.json", levels.node);
    if (side->generation.present)
        otx__verify_object(v, &side->generation.json, "generation_config.json", 0);
    if (!side->vocab.tokens || !side->config.present) return;
    for (i = 0; i < OTX__COUNT(otx__specials); i++) {
        const otx__special *special = &otx__specials[i];
        if (special->add && otx__must_have_token(v, otx__span_of(special->key,
                                                                 strlen(special->key))))
            otx__verify_role(v, (otx_role)special->role, special->key);
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

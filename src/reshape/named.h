/* ---- named: tokens that configs name, which stay ------------------------------------- */

/* What stands in a config is an id of a token that the model looks for or writes. Those of
   lists that only forbid tokens may go: nobody writes them then. */

OTX__PRIVATE void otx__keep_id(otx__reshaping *t, uint64_t id, uint64_t *named)
{
    if (id >= t->vocab.count || t->keep[id] || t->vocab.tokens[id].kind == OTX_TOKEN_NONE)
        return;
    t->keep[id] = true;
    ++*named;
}

/* Keeps a number, or all of a list. */
OTX__PRIVATE void otx__keep_ids(otx__reshaping *t, const otx_json *json, uint32_t node,
                                uint64_t *named)
{
    const uint32_t end = otx_json_after(json, node);
    uint64_t id;
    for (; node < end; node++)
        if (otx_json_uint(json, node, &id)) otx__keep_id(t, id, named);
}

/* Keeps the second of every pair [position, id]. */
OTX__PRIVATE void otx__keep_pairs(otx__reshaping *t, const otx_json *json, uint32_t node,
                                  uint64_t *named)
{
    otx_json_iter pair = otx_json_iter_of(json, node);
    while (otx_json_iter_next(&pair))
        otx__keep_ids(t, json, otx_json_item(json, pair.value, 1), named);
}

/* Keeps the ids of a dictionary: its values, or with `back` its keys. */
OTX__PRIVATE void otx__keep_entries(otx__reshaping *t, const otx_json *json, uint32_t node,
                                    bool back, uint64_t *named)
{
    otx_json_iter entry = otx_json_iter_of(json, node);
    uint64_t id;
    while (entry.keyed && otx_json_iter_next(&entry))
        if (back ? otx__parse_uint(otx__json_span(json, entry.key), &id)
                 : otx_json_uint(json, entry.value, &id))
            otx__keep_id(t, id, named);
}

/* Keeps what the member at hand names. In an object about another vocabulary a rule for ids
   may name none of ours: then a few stay too many. */
OTX__PRIVATE void otx__keep_member(otx__reshaping *t, const otx__members *at, uint64_t *named)
{
    const otx__member_kind kind = at->kind == OTX__MEMBER_NONE && at->rule ? at->rule->kind
                                                                           : at->kind;
    uint64_t id, first;
    switch (kind) {
    case OTX__MEMBER_SPECIAL:
    case OTX__MEMBER_ID: otx__keep_ids(t, at->json, at->value, named); break;
    case OTX__MEMBER_PAIRS: otx__keep_pairs(t, at->json, at->value, named); break;
    case OTX__MEMBER_MAP:
    case OTX__MEMBER_MAP_BACK:
        otx__keep_entries(t, at->json, at->value, kind == OTX__MEMBER_MAP_BACK, named);
        break;
    case OTX__MEMBER_FIRST: /* of a range that ends where the next begins, or all does */
        if (!otx_json_uint(at->json, at->value, &first) || first >= t->vocab.count) break;
        for (id = first; id + t->ranged < t->vocab.count; id++) otx__keep_id(t, id, named);
        if (t->vocab.count - first > t->ranged) t->ranged = t->vocab.count - first;
        break;
    default: break;
    }
}

/* Keeps the token that a member of tokenizer_config.json names. */
OTX__PRIVATE otx_result otx__keep_content(otx__reshaping *t, const otx_json *json, uint32_t node,
                                          uint64_t *named, otx_error *error)
{
    const uint32_t content = otx__content_node(json, node);
    otx_result result;
    int64_t id;
    if (content == OTX_JSON_NONE) return OTX_OK;
    result = otx__reshape_room(t, otx__json_span(json, content).size + 1, error);
    if (result) return result;
    id = otx__index_find(&t->contents, OTX_TOKEN_NONE, t->scratch,
                         otx_json_string(json, content, t->scratch));
    if (id >= 0) otx__keep_id(t, (uint64_t)id, named);
    return OTX_OK;
}

/* Keeps the tokens of tokenizer_config.json under names that end so, and those that have names
   of a model's own: what is none becomes one when transformers reads the file, and the model has
   no row for it. */
OTX__PRIVATE otx_result otx__keep_contents(otx__reshaping *t, const otx_json *json,
                                           uint64_t *named, otx_error *error)
{
    static const char ending[] = "_token";
    const size_t size = sizeof ending - 1;
    otx_json_iter at = otx_json_iter_of(json, 0);
    otx_result result = OTX_OK;
    while (!result && otx_json_iter_next(&at)) {
        const otx__span key = otx__json_span(json, at.key);
        if (key.size >= size && memcmp(key.bytes + key.size - size, ending, size) == 0)
            result = otx__keep_content(t, json, at.value, named, error);
    }
    at = otx_json_iter_of(json, otx_json_find(json, 0, "model_specific_special_tokens"));
    while (!result && otx_json_iter_next(&at))
        result = otx__keep_content(t, json, at.value, named, error);
    return result;
}

/* What is wrong with such a file is for those to say who carry it over. */
OTX__PRIVATE otx_result otx__keep_named(otx__reshaping *t, uint64_t *named, otx_error *error)
{
    static const char *const names[] = {"config.json", "generation_config.json",
                                        "tokenizer_config.json"};
    otx__document documents[OTX__COUNT(names)];
    otx__members at;
    otx_error unsaid;
    otx_result result = OTX_OK;
    size_t i;
    memset(documents, 0, sizeof documents);
    for (i = 0; i < OTX__COUNT(names) && !result; i++)
        if (otx__document_open(t->ctx, t->model, names[i], &documents[i], &unsaid) ==
            OTX_ERROR_MEMORY)
            result = otx__fail_memory(error, OTX__DOCUMENT_LIMIT);
    for (i = 0; i < 2 && !result; i++) {
        if (!documents[i].present) continue;
        otx__members_open(&at, &documents[i], &documents[0], 0);
        while (otx__members_next(&at)) otx__keep_member(t, &at, named);
    }
    if (!result && documents[2].present)
        result = otx__keep_contents(t, &documents[2].json, named, error);
    for (i = 0; i < OTX__COUNT(names); i++) otx__document_close(t->ctx, &documents[i]);
    return result;
}

/* ---- lists, dictionaries and ranges of ids in a config ----------------------------- */

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

/* A list of the vocabulary's ids. What has no counterpart falls out. */
OTX__PRIVATE otx_result otx__config_edit_list(otx__config_edit *e, const otx__members *at)
{
    otx_json_type type = otx_json_type_of(at->json, at->value);
    char key[OTX__QUOTED];
    size_t lost = 0;
    if (!at->ours || type == OTX_JSON_NULL) return OTX_OK;
    if (at->kind == OTX__MEMBER_OTHER_FORM || type != OTX_JSON_ARRAY) {
        otx__log(e->plan->ctx, OTX_WARNING,
                 "%s/%s: \"%s\" holds ids of the base's tokenizer in a form that is not known; "
                 "set to null", e->plan->base->path, e->name,
                 otx__quote_node(key, at->json, at->key));
        otx__text_string(&e->value, "null");
    } else if (at->kind != OTX__MEMBER_LIST) {
        otx__config_carry_lists(e->plan, at->json, at->value, at->kind == OTX__MEMBER_PAIRS,
                                &e->value, &lost);
    } else if (otx__config_carry_ids(e->plan, at->json, at->value, OTX__CARRY_HEIR, &e->value,
                                     &lost) == 0) {
        e->value.size = 0;
        otx__text_string(&e->value, "[]");
    }
    otx__config_tell_lost(e, at, lost);
    return otx__config_put(e, at->value);
}

/* ---- dictionaries ---- */

/* The id that a key of {id: text} becomes, or -1. */
OTX__PRIVATE int64_t otx__config_carry_key(const otx__config_plan *plan, const otx_json *json,
                                           uint32_t key)
{
    uint64_t id;
    return otx__parse_uint(otx__json_span(json, key), &id) ? otx__config_heir(plan, id) : -1;
}

/* {text: id}, each id by the content of its token, or {id: text}. Entries without a
   counterpart are refused in config.json, where a model looks them up, and fall out of
   generation_config.json; null where none is left. */
OTX__PRIVATE otx_result otx__config_edit_map(otx__config_edit *e, const otx__members *at)
{
    const bool back = at->kind == OTX__MEMBER_MAP_BACK;
    otx_json_iter entry = otx_json_iter_of(at->json, at->value);
    size_t lost = 0, written = 0;
    if (!entry.keyed) return OTX_OK;
    otx__text_string(&e->value, "{");
    while (otx_json_iter_next(&entry)) {
        int64_t id = back ? otx__config_carry_key(e->plan, at->json, entry.key)
                          : otx__config_carry(e->plan, at->json, entry.value, OTX__CARRY_SAME);
        otx__span text = otx__json_span(at->json, back ? entry.value : entry.key);
        if (id < 0 && !e->generation)
            return otx__fail_lost_id(e, at->key, back ? entry.key : entry.value);
        if (id < 0 && ++lost) continue;
        otx__text_string(&e->value, written++ ? ", \"" : "\"");
        if (back) otx__text_format(&e->value, "%" PRId64 "\": \"", id);
        otx__text_bytes(&e->value, text.bytes, text.size);
        if (back) otx__text_string(&e->value, "\"");
        else otx__text_format(&e->value, "\": %" PRId64, id);
    }
    otx__text_string(&e->value, "}");
    otx__config_tell_lost(e, at, lost);
    if (lost && !written) {
        e->value.size = 0;
        otx__text_string(&e->value, "null");
    }
    return otx__config_put(e, at->value);
}

/* ---- ranges ---- */

/* Most ranges of codes in a config: each is gone through as a whole. Real ones have three. */
#define OTX__RANGES_MOST 16

/* The id after the range that begins at one: the next that begins another, or the end of
   the vocabulary. */
OTX__PRIVATE uint64_t otx__config_range_end(const otx__config_edit *e, uint64_t first)
{
    otx__members at;
    uint64_t end = e->plan->base->vocab.count, other;
    otx__members_open(&at, e->document, e->document, e->plan->base->parts.rows);
    while (otx__members_next(&at))
        if (at.kind == OTX__MEMBER_FIRST && otx_json_uint(at.json, at.value, &other) &&
            other > first && other < end)
            end = other;
    return end;
}

/* Codes of pictures or sounds are ids from a first one on. They are carried over if all of
   them are tokens of the donor too, as far from each other. */
OTX__PRIVATE otx_result otx__config_edit_range(otx__config_edit *e, const otx__members *at)
{
    char key[OTX__QUOTED], token[OTX__QUOTED];
    uint64_t first, end, id;
    int64_t start, found;
    if (!otx_json_uint(at->json, at->value, &first)) return OTX_OK;
    if (e->ranges++ == OTX__RANGES_MOST)
        return otx__fail(e->error, OTX_ERROR_LIMIT, "%s/%s: more than %d ranges of codes, the "
                         "next one by \"%s\"", e->plan->base->path, e->name, OTX__RANGES_MOST,
                         otx__quote_node(key, at->json, at->key));
    end = otx__config_range_end(e, first);
    start = otx__config_same_content(e->plan, first);
    for (id = first, found = start; found >= 0 && id + 1 < end;) {
        found = otx__config_same_content(e->plan, ++id);
        if (found != start + (int64_t)(id - first)) found = -1;
    }
    if (found < 0)
        return otx__fail(e->error, OTX_ERROR_UNSUPPORTED,
                         "%s/%s: the ids from \"%s\" on, %" PRIu64 ", are codes, which the "
                         "donor's tokenizer does not have all in this order: not %" PRIu64
                         ", \"%s\"", e->plan->base->path, e->name,
                         otx__quote_node(key, at->json, at->key), first, id,
                         otx__side_content(token, e->plan->base, id));
    otx__text_format(&e->value, "%" PRId64, start);
    return otx__config_put(e, at->value);
}

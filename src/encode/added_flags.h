/* ---- added_flags: how added tokens are met, as the files say it ------------------------- */

/* An added token by its place among them. */
typedef struct otx__cut_entry {
    otx__cut_token token;
    bool special, normalized;
    bool listed;     /* with what it is; files that only name it say nothing more */
    bool bare;       /* listed by added_tokens.json, with its content alone */
    bool role;       /* named by a role */
    uint64_t values; /* what named it so far: a bit for each of otx__cut_value */
} otx__cut_entry;

/* Added tokens on their way to the sets. */
typedef struct otx__cut_list {
    otx_encoder *e;
    otx__token_index index; /* of the added tokens, by content */
    otx__cut_entry *entries;
    uint32_t *places;       /* by id: of its entry, one more; or 0 */
    size_t count, room;
    size_t normal_size, normal_limit; /* of what becomes of those that are normalised */
    otx_error *error;
} otx__cut_list;

/* The files that say it, parsed; empty where they do not count. */
typedef struct otx__cut_files {
    const otx_json *own, *config; /* tokenizer.json, tokenizer_config.json */
    const otx_json *map, *added;  /* special_tokens_map.json, added_tokens.json */
} otx__cut_files;

/* The entry of a token, made unless there is one; NULL where there is no room. */
OTX__PRIVATE otx__cut_entry *otx__cut_entry_of(otx__cut_list *list, uint32_t id, otx__span text)
{
    otx__cut_entry *entry = list->entries + list->count;
    if (list->places[id]) return &list->entries[list->places[id] - 1];
    if (list->count == list->room) return NULL;
    memset(entry, 0, sizeof *entry);
    entry->token.text = text;
    entry->token.id = id;
    list->places[id] = (uint32_t)++list->count;
    return entry;
}

/* The id of the added token with this content, and its text; -1 if there is none. */
OTX__PRIVATE otx_result otx__cut_find(otx__cut_list *list, const otx_json *json, uint32_t content,
                                      otx__span *text, int64_t *id)
{
    char *copy;
    size_t size;
    *id = -1;
    if (content == OTX_JSON_NONE) return OTX_OK;
    copy = (char *)otx__pool_take(&list->e->pool, otx__json_span(json, content).size + 1, 1);
    if (!copy) return otx__pool_fail(&list->e->pool, list->error);
    size = otx_json_string(json, content, copy);
    *text = otx__span_of(copy, size);
    if (size) *id = otx__index_find(&list->index, OTX_TOKEN_NONE, copy, size);
    return OTX_OK;
}

/* The entry of the token that a node names; NULL where it is no added token. */
OTX__PRIVATE otx_result otx__cut_entry_at(otx__cut_list *list, const otx_json *json, uint32_t node,
                                          otx__cut_entry **entry)
{
    otx__span text;
    int64_t id;
    const otx_result result =
        otx__cut_find(list, json, otx__content_node(json, node), &text, &id);
    *entry = !result && id >= 0 ? otx__cut_entry_of(list, (uint32_t)id, text) : NULL;
    return result;
}

OTX__PRIVATE bool otx__cut_normalized(const otx_json *json, uint32_t node, bool special)
{
    const uint32_t normalized = otx_json_find(json, node, "normalized");
    return otx_json_type_of(json, normalized) == OTX_JSON_TRUE ||
           (normalized == OTX_JSON_NONE && !special);
}

OTX__PRIVATE void otx__cut_put_flags(otx__cut_entry *entry, const otx_json *json, uint32_t node,
                                     bool special)
{
    entry->token.left = otx__tidy_true(json, node, "lstrip");
    entry->token.right = otx__tidy_true(json, node, "rstrip");
    entry->token.alone = otx__tidy_true(json, node, "single_word");
    entry->special = special;
    entry->normalized = otx__cut_normalized(json, node, special);
}

/* ---- lists ---- */

/* Takes in the entries of a list: of several of a token the last counts. */
OTX__PRIVATE otx_result otx__cut_take(otx__cut_list *list, const otx_json *json, const char *key)
{
    otx_json_iter item = otx_json_iter_of(json, otx_json_find(json, 0, key));
    otx_result result = OTX_OK;
    while (!result && otx_json_iter_next(&item)) {
        otx__cut_entry *entry;
        result = otx__cut_entry_at(list, json, item.value, &entry);
        if (!entry) continue;
        entry->listed = true;
        otx__cut_put_flags(entry, json, item.value, otx__tidy_true(json, item.value, "special"));
    }
    return result;
}

/* Entries, in the order of their ids, of the tokens whose place is `mark`. */
OTX__PRIVATE void otx__cut_take_marked(otx__cut_list *list, uint32_t mark, bool bare)
{
    const otx_vocab *vocab = &list->e->vocab;
    size_t i;
    for (i = 0; i < vocab->count; i++) {
        const otx_token *token = &vocab->tokens[i];
        otx__cut_entry *entry;
        if (!token->added || list->places[i] != mark || token->content_size == 0) continue;
        list->places[i] = 0;
        entry = otx__cut_entry_of(list, (uint32_t)i,
                                  otx__span_of(token->content, token->content_size));
        if (!entry) continue;
        entry->special = !bare && token->kind == OTX_TOKEN_CONTROL;
        entry->normalized = !entry->special;
        entry->listed = entry->bare = bare;
    }
}

/* Those of added_tokens.json, which has contents as keys. */
OTX__PRIVATE otx_result otx__cut_take_keys(otx__cut_list *list, const otx_json *json)
{
    otx_json_iter item = otx_json_iter_of(json, 0);
    otx_result result = OTX_OK;
    while (!result && otx_json_iter_next(&item)) {
        otx__span text;
        int64_t id;
        result = otx__cut_find(list, json, item.key, &text, &id);
        if (!result && id >= 0 && !list->places[id]) list->places[id] = UINT32_MAX;
    }
    if (!result) otx__cut_take_marked(list, UINT32_MAX, true);
    return result;
}

/* ---- names ---- */

/* A number below 64 for what names a token: a string, or an object with its flags. */
OTX__PRIVATE unsigned otx__cut_value(const otx_json *json, uint32_t node)
{
    const bool special = otx__tidy_true(json, node, "special");
    if (otx_json_type_of(json, node) == OTX_JSON_STRING) return 32;
    return (unsigned)otx__tidy_true(json, node, "lstrip") |
           (unsigned)otx__tidy_true(json, node, "rstrip") << 1 |
           (unsigned)otx__tidy_true(json, node, "single_word") << 2 |
           (unsigned)otx__cut_normalized(json, node, special) << 3 | (unsigned)special << 4;
}

/* A token that a node names. Where no list has it, what names it says what it is, and the last
   that is none of those before counts. `known`: transformers knows it by now as special, when it
   looks for those of added_tokens.json among them. */
OTX__PRIVATE otx_result otx__cut_name(otx__cut_list *list, const otx_json *json, uint32_t node,
                                      bool role, bool known)
{
    const bool string = otx_json_type_of(json, node) == OTX_JSON_STRING;
    const uint64_t value = (uint64_t)1 << otx__cut_value(json, node);
    otx__cut_entry *entry;
    const otx_result result = otx__cut_entry_at(list, json, node, &entry);
    if (!entry) return result;
    if (role) entry->role = true;
    if (entry->bare) {
        if (role || known) entry->special = true;
        if (known) entry->normalized = false;
    }
    if (entry->listed || (entry->values & value)) return OTX_OK;
    entry->values |= value;
    otx__cut_put_flags(entry, json, node,
                       string || entry->role || otx__tidy_true(json, node, "special"));
    return OTX_OK;
}

/* How transformers 5 takes the members of a list, or of an object, of names. */
typedef enum otx__cut_known { OTX__KNOWN_NONE, OTX__KNOWN_STRINGS, OTX__KNOWN_ALL } otx__cut_known;

OTX__PRIVATE otx_result otx__cut_names(otx__cut_list *list, const otx_json *json, uint32_t names,
                                       otx__cut_known known)
{
    const bool roles = otx_json_type_of(json, names) == OTX_JSON_OBJECT;
    otx_json_iter item = otx_json_iter_of(json, names);
    otx_result result = OTX_OK;
    while (!result && otx_json_iter_next(&item))
        result = otx__cut_name(list, json, item.value, roles, !roles && (known == OTX__KNOWN_ALL ||
                               (known == OTX__KNOWN_STRINGS && otx_json_type_of(json, item.value)
                                == OTX_JSON_STRING)));
    return result;
}

/* The tokens of roles, where special_tokens_map.json goes before tokenizer_config.json. Of the
   latter transformers 5 knows no content yet that stands in an object. */
OTX__PRIVATE otx_result otx__cut_read_roles(otx__cut_list *list, const otx__cut_files *files)
{
    otx_result result = OTX_OK;
    size_t i;
    for (i = 0; i < OTX_ROLE_COUNT && !result; i++) {
        const char *key = otx__role_keys[otx__roles_as_added[i]];
        const otx_json *json = files->map;
        uint32_t node = otx_json_find(json, 0, key);
        if (node == OTX_JSON_NONE) {
            json = files->config;
            node = otx_json_find(json, 0, key);
        }
        result = otx__cut_name(list, json, node, true, json == files->map ||
                               otx_json_type_of(json, node) == OTX_JSON_STRING);
    }
    return result;
}

/* Other special tokens: those of objects, by names of their own, then lists. In a file a list with
   the older key counts where there is none with the newer one; that of the map, where neither file
   has another. */
OTX__PRIVATE otx_result otx__cut_read_more(otx__cut_list *list, const otx__cut_files *files)
{
    const otx_json *config = files->config, *map = files->map;
    const uint32_t older = otx_json_find(config, 0, otx__special_keys[0]);
    const uint32_t newer = otx_json_find(config, 0, otx__special_keys[1]);
    const uint32_t of_map = otx_json_find(map, 0, otx__special_keys[1]);
    const bool object = otx_json_type_of(config, newer) == OTX_JSON_OBJECT;
    const bool object_of_map = otx_json_type_of(map, of_map) == OTX_JSON_OBJECT;
    uint32_t names = older;
    otx_result result = OTX_OK;
    if (object) result = otx__cut_names(list, config, newer, OTX__KNOWN_NONE);
    else if (otx_json_count(config, newer) > 0) names = newer;
    if (!result && object_of_map) result = otx__cut_names(list, map, of_map, OTX__KNOWN_NONE);
    if (!result)
        result = otx__cut_names(list, config, names,
                                object ? OTX__KNOWN_NONE : OTX__KNOWN_STRINGS);
    if (!result && !object_of_map) result = otx__cut_names(list, map, of_map, OTX__KNOWN_ALL);
    if (!result && names == OTX_JSON_NONE && (object_of_map || of_map == OTX_JSON_NONE))
        result = otx__cut_names(list, map, otx_json_find(map, 0, otx__special_keys[0]),
                                OTX__KNOWN_NONE);
    return result;
}

/* All that the files say, in the order in which transformers 5 adds the tokens: to those of
   tokenizer.json the ones of added_tokens_decoder, where these are something else in their place,
   or those of added_tokens.json that it lacks; then what is special and in neither. */
OTX__PRIVATE otx_result otx__cut_read(otx__cut_list *list, const otx__cut_files *files)
{
    otx_result result = otx__cut_take(list, files->own, "added_tokens");
    if (!result) result = otx__cut_take(list, files->config, "added_tokens_decoder");
    if (!result) result = otx__cut_take_keys(list, files->added);
    if (!result) result = otx__cut_read_roles(list, files);
    if (!result) result = otx__cut_read_more(list, files);
    if (!result) otx__cut_take_marked(list, 0, false);
    return result;
}

/* ---- sets ---- */

/* What the normaliser makes of a token, which is looked for in what it makes of texts. One of which
   nothing is left the tokenizers package meets between any two bytes, be they of one character,
   which then is an error. */
OTX__PRIVATE otx_result otx__cut_normalise(otx__cut_list *list, otx__cut_token *token)
{
    otx_encoder *e = list->e;
    const otx__span content = token->text;
    char quoted[OTX__QUOTED];
    char *copy;
    otx_result result = otx__tidy_run(&e->normal, content, &token->text, list->error);
    if (result) return result;
    if (token->text.size == 0)
        return otx__fail(list->error, OTX_ERROR_UNSUPPORTED, "%s: its normalizer leaves nothing of "
                         "the added token \"%s\", by which the tokenizers package then cuts texts "
                         "anywhere, so that none is encoded here", e->name,
                         otx__quote(quoted, sizeof quoted, content.bytes, content.size));
    list->normal_size += token->text.size;
    if (list->normal_size > list->normal_limit)
        return otx__fail(list->error, OTX_ERROR_LIMIT, "%s: its normalizer makes more than %" PRIu64
                         " bytes of its added tokens", e->name, (uint64_t)list->normal_limit);
    copy = (char *)otx__pool_take(&e->pool, token->text.size + 1, 1);
    if (!copy) return otx__pool_fail(&e->pool, list->error);
    memcpy(copy, token->text.bytes, token->text.size);
    token->text.bytes = copy;
    return OTX_OK;
}

/* Puts the entries into a set, of which the tokenizers package looks for special ones first. */
OTX__PRIVATE otx_result otx__cut_fill(otx__cut_list *list, bool normalized)
{
    otx_encoder *e = list->e;
    otx__cut_set *set = &e->sets[normalized];
    size_t i;
    set->words = &e->words;
    set->tokens = (otx__cut_token *)otx__pool_take(&e->pool, list->count, sizeof *set->tokens);
    if (!set->tokens) return otx__pool_fail(&e->pool, list->error);
    for (i = 0; i < list->count; i++) {
        otx__cut_token token = list->entries[i].token;
        token.order = (uint32_t)(list->entries[i].special ? i : list->count + i);
        if (list->entries[i].normalized != normalized) continue;
        if (normalized) {
            otx_result result = otx__cut_normalise(list, &token);
            if (result) return result;
        }
        if (token.alone && !e->words.ranges)
            otx__ranges_read(&e->pool, otx__words_table, false, &e->words);
        set->tokens[set->count++] = token;
    }
    if (e->pool.failed) return otx__pool_fail(&e->pool, list->error);
    otx__cut_settle(set);
    return OTX_OK;
}

/* The same with both sets. */
OTX__PRIVATE otx_result otx__cut_share(otx__cut_list *list)
{
    size_t size = 0, i;
    otx_result result;
    for (i = 0; i < list->count; i++)
        if (list->entries[i].normalized) size += list->entries[i].token.text.size;
    list->normal_limit = otx__tidy_limit(size);
    result = otx__cut_fill(list, false);
    return result ? result : otx__cut_fill(list, true);
}

OTX__PRIVATE otx_result otx__encode_read_added(otx_encoder *e, const otx__cut_files *files,
                                               otx_error *error)
{
    const otx_vocab *vocab = &e->vocab;
    otx__cut_list list;
    size_t i;
    otx_result result;
    memset(&list, 0, sizeof list);
    list.e = e;
    list.error = error;
    for (i = 0; i < vocab->count; i++) list.room += vocab->tokens[i].added;
    result = otx__index_open(e->ctx, &list.index, vocab->tokens, list.room + 1, true, error);
    if (result) return result;
    for (i = 0; i < vocab->count; i++) {
        const otx_token *token = &vocab->tokens[i];
        if (token->added)
            *otx__index_slot(&list.index, OTX_TOKEN_NONE, token->content, token->content_size) =
                (uint32_t)i + 1;
    }
    list.entries = (otx__cut_entry *)otx__alloc(e->ctx, list.room + 1, sizeof *list.entries);
    list.places = (uint32_t *)otx__alloc_zero(e->ctx, vocab->count, sizeof *list.places);
    if (!list.entries || !list.places)
        result = otx__fail_array(error, vocab->count, sizeof *list.places);
    if (!result) result = otx__cut_read(&list, files);
    if (!result) result = otx__cut_share(&list);
    otx__free(e->ctx, list.entries, list.room + 1, sizeof *list.entries);
    otx__free(e->ctx, list.places, vocab->count, sizeof *list.places);
    otx__index_close(e->ctx, &list.index);
    return result;
}

/* ---- encode_open: what an encoder is made from ------------------------------------------ */

/* ---- added tokens ---- */

/* An added token as the files say it, by its place among them. */
typedef struct otx__cut_entry {
    otx__cut_token token;
    bool special, normalized;
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

/* Takes in an entry: of several of a token the last counts, but for one that is only named. */
OTX__PRIVATE otx_result otx__cut_take(otx__cut_list *list, const otx_json *json, uint32_t node,
                                      bool named)
{
    otx_encoder *e = list->e;
    const uint32_t content = otx__content_node(json, node);
    const uint32_t normalized = otx_json_find(json, node, "normalized");
    const bool special = named || otx__tidy_true(json, node, "special");
    otx__cut_entry *entry;
    char *text;
    size_t size;
    int64_t id;
    if (content == OTX_JSON_NONE) return OTX_OK;
    text = (char *)otx__pool_take(&e->pool, otx__json_span(json, content).size + 1, 1);
    if (!text) return otx__pool_fail(&e->pool, list->error);
    size = otx_json_string(json, content, text);
    id = otx__index_find(&list->index, OTX_TOKEN_NONE, text, size);
    if (size == 0 || id < 0 || (named && list->places[id])) return OTX_OK;
    entry = otx__cut_entry_of(list, (uint32_t)id, otx__span_of(text, size));
    if (!entry) return OTX_OK;
    entry->token.left = otx__tidy_true(json, node, "lstrip");
    entry->token.right = otx__tidy_true(json, node, "rstrip");
    entry->token.alone = otx__tidy_true(json, node, "single_word");
    entry->special = special;
    entry->normalized = otx_json_type_of(json, normalized) == OTX_JSON_TRUE ||
                        (normalized == OTX_JSON_NONE && !special);
    return OTX_OK;
}

/* Those of tokenizer.json, then those of tokenizer_config.json: transformers adds them to the
   former or, where it says otherwise of them, in their place. */
OTX__PRIVATE otx_result otx__cut_read(otx__cut_list *list, const otx_json *json,
                                      const otx_json *config)
{
    otx_json_iter entry = otx_json_iter_of(json, otx_json_find(json, 0, "added_tokens"));
    otx_result result = OTX_OK;
    while (!result && otx_json_iter_next(&entry))
        result = otx__cut_take(list, json, entry.value, false);
    entry = otx_json_iter_of(config, otx_json_find(config, 0, "added_tokens_decoder"));
    while (!result && otx_json_iter_next(&entry))
        result = otx__cut_take(list, config, entry.value, false);
    return result;
}

/* Tokens that a file names as special, in no list before. */
OTX__PRIVATE otx_result otx__cut_read_special(otx__cut_list *list, const otx_json *json)
{
    otx_result result = OTX_OK;
    size_t i;
    for (i = 0; i < OTX_ROLE_COUNT && !result; i++)
        result = otx__cut_take(list, json, otx_json_find(json, 0, otx__role_keys[i]), true);
    for (i = 0; i < OTX__COUNT(otx__special_keys); i++) {
        otx_json_iter named = otx_json_iter_of(json, otx_json_find(json, 0, otx__special_keys[i]));
        while (!result && otx_json_iter_next(&named))
            result = otx__cut_take(list, json, named.value, true);
    }
    return result;
}

/* Tokens that added_tokens.json adds, by their names alone. */
OTX__PRIVATE void otx__cut_read_named(otx__cut_list *list)
{
    const otx_vocab *vocab = &list->e->vocab;
    size_t i;
    for (i = 0; i < vocab->count; i++) {
        const otx_token *token = &vocab->tokens[i];
        otx__cut_entry *entry;
        if (!token->added || list->places[i] || token->content_size == 0) continue;
        entry = otx__cut_entry_of(list, (uint32_t)i,
                                  otx__span_of(token->content, token->content_size));
        if (!entry) continue;
        entry->special = token->kind == OTX_TOKEN_CONTROL;
        entry->normalized = !entry->special;
    }
}

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

/* special: special_tokens_map.json where it counts. */
OTX__PRIVATE otx_result otx__encode_read_added(otx_encoder *e, const otx_json *json,
                                               const otx_json *config, const otx_json *special,
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
    if (!result) result = otx__cut_read(&list, json, config);
    if (!result) result = otx__cut_read_special(&list, special);
    if (!result) result = otx__cut_read_special(&list, config);
    if (!result) otx__cut_read_named(&list);
    if (!result) result = otx__cut_share(&list);
    otx__free(e->ctx, list.entries, list.room + 1, sizeof *list.entries);
    otx__free(e->ctx, list.places, vocab->count, sizeof *list.places);
    otx__index_close(e->ctx, &list.index);
    return result;
}

/* ---- the files ---- */

/* What tokenizer.json says of its model that a vocabulary's rules are not told. */
OTX__PRIVATE otx_result otx__encode_read_model(otx_encoder *e, const otx_json *json,
                                               otx_error *error)
{
    otx__rules *rules = (otx__rules *)e->vocab.rules;
    const uint32_t model = otx_json_find(json, 0, "model");
    const uint32_t dropout = otx_json_find(json, model, "dropout");
    const uint32_t unknown = otx_json_find(json, model, "unk_token");
    uint64_t id;
    char *text;
    if (otx_json_type_of(json, dropout) == OTX_JSON_NUMBER && otx__json_double(json, dropout) != 0)
        return otx__fail(error, OTX_ERROR_UNSUPPORTED, "%s: its model has a dropout, so that no "
                         "text is encoded twice alike", e->name);
    rules->unknown = -1;
    rules->wants_unknown = rules->how != OTX__SPLIT_MERGES ||
                           otx_json_type_of(json, unknown) == OTX_JSON_STRING;
    if (rules->how == OTX__SPLIT_VITERBI) {
        if (otx_json_uint(json, otx_json_find(json, model, "unk_id"), &id) && id < e->vocab.count)
            rules->unknown = (int64_t)id;
        return OTX_OK;
    }
    if (otx_json_type_of(json, unknown) != OTX_JSON_STRING) return OTX_OK;
    text = (char *)otx__pool_take(&e->pool, otx__json_span(json, unknown).size + 1, 1);
    if (!text) return otx__pool_fail(&e->pool, error);
    rules->unknown = otx__rules_find(rules, text, otx_json_string(json, unknown, text));
    return OTX_OK;
}

/* A file beside tokenizer.json, which may not be there; Python reads and writes these. */
OTX__PRIVATE otx_result otx__encode_open_beside(otx_encoder *e, const otx_vocab_text *texts,
                                                otx_vocab_file file, otx_json *json,
                                                otx_error *error)
{
    otx_json_options options;
    memset(&options, 0, sizeof options);
    options.allow_nonfinite = true;
    if (!texts[file].bytes) return OTX_OK;
    return otx_json_parse(e->ctx, texts[file].bytes, texts[file].size, otx__usual_name(file),
                          &options, json, error);
}

OTX__PRIVATE otx_result otx__encode_read_json(otx_encoder *e, const otx_vocab_text *texts,
                                              const otx_json *json, otx_error *error)
{
    otx_json config, special;
    otx_result result = otx__encode_read_model(e, json, error);
    memset(&config, 0, sizeof config);
    memset(&special, 0, sizeof special);
    if (!result)
        result = otx__tidy_open(e->ctx, json, otx_json_find(json, 0, "normalizer"), e->name,
                                  &e->normal, error);
    if (!result) {
        result = otx__cutter_open(e->ctx, json, otx_json_find(json, 0, "pre_tokenizer"), e->name,
                                  &e->cutter, error);
        e->has_cutter = !result;
    }
    if (!result)
        result = otx__encode_open_beside(e, texts, OTX_VOCAB_TOKENIZER_CONFIG, &config, error);
    if (!result && otx_json_find(&config, 0, "added_tokens_decoder") == OTX_JSON_NONE)
        result = otx__encode_open_beside(e, texts, OTX_VOCAB_SPECIAL_TOKENS, &special, error);
    if (!result) result = otx__encode_read_added(e, json, &config, &special, error);
    otx_json_close(e->ctx, &config);
    otx_json_close(e->ctx, &special);
    return result;
}

/* tekken.json: a pattern, and tokens of bytes. */
OTX__PRIVATE otx_result otx__encode_read_tekken(otx_encoder *e, const otx_json *json,
                                                otx_error *error)
{
    const uint32_t pattern = otx_json_find(json, otx_json_find(json, 0, "config"), "pattern");
    otx_result result;
    char *text;
    if (otx_json_type_of(json, pattern) != OTX_JSON_STRING)
        return otx__fail(error, OTX_ERROR_FORMAT, "%s: config.pattern is no string", e->name);
    text = (char *)otx__pool_take(&e->pool, otx__json_span(json, pattern).size + 1, 1);
    if (!text) return otx__pool_fail(&e->pool, error);
    result = otx__tidy_open(e->ctx, json, OTX_JSON_NONE, e->name, &e->normal, error);
    if (!result) {
        result = otx__cutter_open_pattern(e->ctx, text, otx_json_string(json, pattern, text),
                                          e->name, &e->cutter, error);
        e->has_cutter = !result;
    }
    return result;
}

OTX__PRIVATE otx_result otx__encode_read(otx_encoder *e, const otx_vocab_text *texts,
                                         otx_error *error)
{
    const bool tekken = strcmp(otx__word(e->vocab.source), "tekken.json") == 0;
    const otx_vocab_text *text = &texts[tekken ? OTX_VOCAB_TEKKEN : OTX_VOCAB_TOKENIZER_JSON];
    otx_json json;
    otx_result result;
    if (!tekken && strcmp(otx__word(e->vocab.source), "tokenizer.json") != 0)
        return otx__fail(error, OTX_ERROR_UNSUPPORTED, "%s: text is encoded by a tokenizer.json "
                         "or tekken.json, not by %s: load it with transformers' AutoTokenizer "
                         "and save it with save_pretrained, which writes tokenizer.json", e->name,
                         otx__word(e->vocab.source));
    result = otx_json_parse(e->ctx, text->bytes, text->size, e->name, NULL, &json, error);
    if (result) return result;
    result = tekken ? otx__encode_read_tekken(e, &json, error)
                    : otx__encode_read_json(e, texts, &json, error);
    otx_json_close(e->ctx, &json);
    return result;
}

OTX_API void otx_encoder_close(otx_encoder *e)
{
    if (!e) return;
    if (e->has_cutter) otx__cutter_close(&e->cutter);
    otx__tidy_close(&e->normal);
    otx__slices_close(&e->slices);
    otx__encode_drop_split(e);
    if (e->id_room) otx__free(e->ctx, e->ids, e->id_room, sizeof *e->ids);
    otx__text_close(&e->replaced);
    otx__text_close(&e->rest);
    otx_vocab_close(e->ctx, &e->vocab);
    otx__pool_close(&e->pool);
    otx__free(e->ctx, e, 1, sizeof *e);
}

OTX_API otx_result otx_encoder_parse(const otx_context *ctx, const otx_vocab_text *texts,
                                     const char *name, otx_encoder **out, otx_error *error)
{
    otx_encoder *e = (otx_encoder *)otx__alloc_zero(ctx, 1, sizeof *e);
    otx_result result;
    *out = NULL;
    if (!e) return otx__fail_memory(error, sizeof *e);
    e->ctx = ctx;
    otx__format(e->name, sizeof e->name, "%s", name ? name : "tokenizer");
    otx__pool_open(&e->pool, ctx);
    otx__slices_open(&e->slices, ctx);
    otx__text_open(&e->replaced, ctx);
    otx__text_open(&e->rest, ctx);
    result = otx_vocab_parse(ctx, texts, name, &e->vocab, error);
    if (!result) /* of a tekken.json special tokens are never met in a text */
        result = otx__parse_rules(ctx, texts, name, texts[OTX_VOCAB_TOKENIZER_JSON].bytes != NULL,
                                  &e->vocab, error);
    if (!result) result = otx__rules_index((otx__rules *)e->vocab.rules, error);
    if (!result) result = otx__encode_read(e, texts, error);
    if (!result) result = otx__encode_seams(e, error);
    if (!result) otx__word_cache_open(&e->pool, &e->cache);
    if (!result && e->pool.failed) result = otx__pool_fail(&e->pool, error);
    if (result) otx_encoder_close(e);
    else *out = e;
    return result;
}

OTX_API const otx_vocab *otx_encoder_vocab(const otx_encoder *encoder)
{
    return &encoder->vocab;
}

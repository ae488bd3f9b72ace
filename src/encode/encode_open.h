/* ---- encode_open: what an encoder is made from ------------------------------------------ */

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
    otx_json config, map, added;
    otx__cut_files files;
    otx_result result = otx__encode_read_model(e, json, error);
    memset(&config, 0, sizeof config);
    memset(&map, 0, sizeof map);
    memset(&added, 0, sizeof added);
    files.own = json;
    files.config = &config;
    files.map = &map;
    files.added = &added;
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
    if (!result && otx_json_find(&config, 0, "added_tokens_decoder") == OTX_JSON_NONE) {
        result = otx__encode_open_beside(e, texts, OTX_VOCAB_SPECIAL_TOKENS, &map, error);
        if (!result)
            result = otx__encode_open_beside(e, texts, OTX_VOCAB_ADDED_TOKENS, &added, error);
    }
    if (!result) result = otx__encode_read_added(e, &files, error);
    otx_json_close(e->ctx, &config);
    otx_json_close(e->ctx, &map);
    otx_json_close(e->ctx, &added);
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

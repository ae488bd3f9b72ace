/* ---- rules_read: the rules of each kind of file ------------------------------------- */

/* The string of a member of the model, if it is one. */
OTX__PRIVATE otx_result otx__rules_affix(otx__tokenizer *t, const char *member, char to[32],
                                         size_t *size)
{
    const uint32_t node = otx_json_find(&t->json, t->model, member);
    size_t given = 0;
    otx_result result = OTX_OK;
    if (otx_json_type_of(&t->json, node) != OTX_JSON_STRING) return OTX_OK;
    result = otx__tokenizer_string(t, &t->json, node, &given);
    if (result) return result;
    if (given > 32)
        return otx__fail(t->error, OTX_ERROR_LIMIT, "%s: the %s of its model has %" PRIu64
                         " bytes, and at most 32 are supported", t->name, member,
                         (uint64_t)given);
    if (given) memcpy(to, t->scratch, given);
    *size = given;
    return OTX_OK;
}

/* The bytes of a tokenizer.json, which the tokenizers package finds by one spelling of their
   names, whatever else these tokens are. */
OTX__PRIVATE void otx__rules_name_bytes(otx__rules *rules)
{
    char name[8];
    size_t byte;
    for (byte = 0; byte < 256; byte++) {
        otx__format(name, sizeof name, "<0x%02X>", (unsigned)byte);
        rules->bytes[byte] = otx__rules_find(rules, name, 6);
    }
}

OTX__PRIVATE otx_result otx__rules_read_json(otx__tokenizer *t, otx__rules *rules)
{
    const otx_json *json = &t->json;
    const bool bytes = otx_json_type_of(json, otx_json_find(json, t->model, "byte_fallback")) ==
                       OTX_JSON_TRUE;
    otx_result result = otx__rules_affix(t, "continuing_subword_prefix", rules->prefix,
                                         &rules->prefix_size);
    if (!result)
        result = otx__rules_affix(t, "end_of_word_suffix", rules->suffix, &rules->suffix_size);
    if (result) return result;
    rules->whole_first = otx_json_type_of(json, otx_json_find(json, t->model, "ignore_merges")) ==
                         OTX_JSON_TRUE;
    (void)otx_json_uint(json, otx_json_find(json, t->model, "max_input_chars_per_word"),
                        &rules->longest_word);
    rules->fuse_unknown = t->ids_by_position ||
                          otx_json_type_of(json, otx_json_find(json, t->model, "fuse_unk")) ==
                              OTX_JSON_TRUE;
    if (!bytes && (rules->every || t->spelling.family != OTX_FAMILY_BYTE_LEVEL))
        otx__rules_forget_bytes(rules); /* they are only decoded */
    else if (rules->every) otx__rules_name_bytes(rules);
    rules->stands_in = rules->how == OTX__SPLIT_MERGES &&
                       strcmp(t->reader->source, "tokenizer.json") == 0;
    return rules->how == OTX__SPLIT_MERGES ? otx__rules_read_merges(t, rules) : OTX_OK;
}

/* What the pieces are made by, by the type of the model; a list of merges, if there is one,
   and what goes with it. */
OTX__PRIVATE otx_result otx__rules_read_kind(otx__tokenizer *t, otx__rules *rules)
{
    const char *source = t->reader->source;
    const bool bpe = strcmp(t->type, "BPE") == 0;
    size_t i;
    otx_result result = OTX_OK;
    rules->how = strcmp(t->type, "Unigram") == 0     ? OTX__SPLIT_VITERBI
                 : strcmp(t->type, "WordPiece") == 0 ? OTX__SPLIT_LONGEST
                 : bpe || strcmp(t->type, "Char") == 0 ? OTX__SPLIT_MERGES
                                                       : OTX__SPLIT_WHOLE;
    if (t->reader->complete) result = otx__rules_read_json(t, rules);
    if (strcmp(source, "vocab.json") == 0) result = otx__rules_read_lines(t, rules);
    if (strcmp(source, "vocab.txt") == 0) {
        rules->prefix_size = 2;
        memcpy(rules->prefix, "##", 2);
    }
    if (strcmp(source, "SentencePiece") == 0) {
        rules->fuse_unknown = true;
        if (bpe) rules->how = OTX__SPLIT_WEIGHTS;
        for (i = 0; i < t->vocab->count && bpe; i++) rules->weights[i] = -rules->weights[i];
    }
    if (strcmp(source, "tekken.json") == 0 || strcmp(source, "tiktoken") == 0) {
        rules->how = OTX__SPLIT_WEIGHTS;
        rules->by_bytes = rules->whole_first = true;
        for (i = 0; i < t->vocab->count; i++) rules->weights[i] = (double)i;
    }
    if (!result) otx__rules_sort_merges(rules, false);
    return result;
}

OTX__PRIVATE otx_result otx__rules_read(otx__tokenizer *t, otx__rules *rules)
{
    otx_result result = otx__rules_read_tokens(t, rules);
    if (result) return result;
    rules->spelling = t->spelling;
    otx__rules_read_bytes(t->vocab, rules);
    rules->unknown = t->vocab->roles[OTX_ROLE_UNK];
    return t->reader->rules ? t->reader->rules(t, rules) : otx__rules_read_kind(t, rules);
}

/* Rules in a pool of their own. */
OTX__PRIVATE otx__rules *otx__rules_open(const otx_context *ctx, otx_error *error)
{
    otx__pool pool;
    otx__rules *rules;
    otx__pool_open(&pool, ctx);
    rules = (otx__rules *)otx__pool_take_zero(&pool, 1, sizeof *rules);
    if (!rules) {
        (void)otx__pool_fail(&pool, error);
        return NULL;
    }
    rules->pool = pool;
    rules->longest_word = OTX__LONGEST_WORD;
    return rules;
}

/* Reads the rules of t->vocab with t->reader, in place of those that it has. */
OTX__PRIVATE otx_result otx__rules_with_reader(otx__tokenizer *t, bool every)
{
    otx__rules *rules = otx__rules_open(t->ctx, t->error);
    otx_result result;
    if (!rules) return OTX_ERROR_MEMORY;
    rules->every = every;
    result = otx__open_texts(t);
    if (!result) result = otx__rules_read(t, rules);
    otx__vocab_drop_rules(t->ctx, result ? (void *)rules : t->vocab->rules);
    if (!result) t->vocab->rules = rules;
    return result;
}

/* As otx_vocab_parse_rules; `every`: see otx__rules. */
OTX__PRIVATE otx_result otx__parse_rules(const otx_context *ctx, const otx_vocab_text *texts,
                                         const char *name, bool every, otx_vocab *vocab,
                                         otx_error *error)
{
    otx__tokenizer t;
    otx_result result;
    otx__tokenizer_begin(&t, ctx, texts, vocab, error);
    result = otx__choose_reader(&t, name);
    if (!result) result = otx__rules_with_reader(&t, every);
    otx__tokenizer_close(&t);
    return result;
}

OTX_API otx_result otx_vocab_parse_rules(const otx_context *ctx, const otx_vocab_text *texts,
                                         const char *name, otx_vocab *vocab, otx_error *error)
{
    return otx__parse_rules(ctx, texts, name, false, vocab, error);
}

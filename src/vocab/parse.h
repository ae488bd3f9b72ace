/* ---- vocab_parse: a vocabulary from its files ------------------------------------- */

/* By otx_vocab_file. */
static const otx__vocab_reader otx__vocab_readers[OTX_VOCAB_SOURCES] = {
    {"tokenizer.json", OTX__NUMBERED_ON, true, otx__tokenizer_json_open,
     otx__tokenizer_json_next, otx__tokenizer_json_roles, NULL},
    {"tekken.json", OTX__NUMBERED_ON, false, otx__tekken_open, otx__tekken_next,
     otx__tekken_roles, NULL},
    {"SentencePiece", OTX__NUMBERED_IN_PLACE, false,
     otx__sentencepiece_open, otx__sentencepiece_next, otx__sentencepiece_roles, NULL},
    {"tiktoken", OTX__NUMBERED_AS_SAID, false, otx__tiktoken_open,
     otx__tiktoken_next, otx__tiktoken_roles, NULL},
    {"vocab.json", OTX__NUMBERED_ON, false, otx__vocab_json_open,
     otx__next_member, otx__vocab_json_roles, NULL},
    {"vocab.txt", OTX__NUMBERED_ON, false, otx__vocab_txt_open,
     otx__vocab_txt_next, otx__vocab_txt_roles, NULL},
};

/* The reader of the first source that is given, and its text. */
OTX__PRIVATE otx_result otx__choose_reader(otx__tokenizer *t, const char *name)
{
    size_t source = 0;
    while (source < OTX_VOCAB_SOURCES && !t->texts[source].bytes) source++;
    if (source == OTX_VOCAB_SOURCES)
        return otx__fail(t->error, OTX_ERROR_ARGUMENT, "%s: no file with tokens is given",
                         name ? name : "vocabulary");
    t->text = t->texts[source];
    if (source == OTX_VOCAB_SENTENCEPIECE &&
        otx__looks_like_tiktoken(t->text.bytes, t->text.size))
        source = OTX_VOCAB_TIKTOKEN;
    t->reader = &otx__vocab_readers[source];
    t->name = name ? name : otx__usual_name((otx_vocab_file)source);
    if (t->text.size < UINT32_MAX) return OTX_OK;
    return otx__fail(t->error, OTX_ERROR_LIMIT,
                     "%s: has %" PRIu64 " bytes, and at most %" PRIu64 " are supported",
                     t->name, (uint64_t)t->text.size, (uint64_t)UINT32_MAX - 1);
}

OTX__PRIVATE otx_result otx__open_texts(otx__tokenizer *t)
{
    otx_result result = otx__open_beside(t, OTX_VOCAB_TOKENIZER_CONFIG, &t->config);
    if (!result) result = otx__open_beside(t, OTX_VOCAB_SPECIAL_TOKENS, &t->special_map);
    if (!result) result = otx__open_beside(t, OTX_VOCAB_ADDED_TOKENS, &t->added);
    return result ? result : t->reader->open(t);
}

/* The lists that add to the tokens: tokenizer.json's own; that of tokenizer_config.json or,
   where it has none, of added_tokens.json; then the names of special tokens, in
   special_tokens_map.json and in tokenizer_config.json. */
enum { OTX__ADDED_LISTS = 4 };

/* The two of them that say the tokens' ids. */
OTX__PRIVATE otx_result otx__list_numbered(otx__tokenizer *t, otx__added_list *lists)
{
    const uint32_t decoder = otx_json_find(&t->config, 0, "added_tokens_decoder");
    otx_result result = OTX_OK;
    t->legacy = decoder == OTX_JSON_NONE;
    if (t->reader->complete)
        result = otx__list_added(t, &t->json, otx_json_find(&t->json, 0, "added_tokens"),
                                 OTX__ADDED_LIST, "added_tokens", &lists[0]);
    if (result) return result;
    if (t->legacy)
        return otx__list_added(t, &t->added, t->added.count ? 0 : OTX_JSON_NONE,
                               OTX__ADDED_BY_NAME, otx__usual_name(OTX_VOCAB_ADDED_TOKENS),
                               &lists[1]);
    return otx__list_added(t, &t->config, decoder, OTX__ADDED_BY_ID,
                           otx__usual_name(OTX_VOCAB_TOKENIZER_CONFIG), &lists[1]);
}

OTX__PRIVATE otx_result otx__list_all_added(otx__tokenizer *t, otx__added_list *lists)
{
    otx_result result = otx__list_numbered(t, lists);
    if (!result && t->legacy)
        result = otx__list_named(t, &t->special_map, otx__usual_name(OTX_VOCAB_SPECIAL_TOKENS),
                                 &lists[2]);
    if (!result)
        result = otx__list_named(t, &t->config, otx__usual_name(OTX_VOCAB_TOKENIZER_CONFIG),
                                 &lists[3]);
    return result;
}

/* Makes the table, with room for all that will be put into it. */
OTX__PRIVATE otx_result otx__reserve_tokens(otx__tokenizer *t, const otx__added_list *lists)
{
    otx__census census;
    uint64_t extra = 0;
    otx_result result = otx__count_words(t, &census);
    size_t i, j;
    if (result) return result;
    for (i = 0; i < OTX__ADDED_LISTS; i++) extra += lists[i].count;
    for (i = 0; i < OTX__ADDED_LISTS; i++) {
        for (j = 0; j < lists[i].count; j++) {
            const otx__added_token *added = &lists[i].tokens[j];
            census.bytes +=
                otx__string_room(otx__json_span(lists[i].json, added->content).size) +
                t->normal.before_size;
            if (t->reader->numbering != OTX__NUMBERED_AS_SAID || added->declared < census.ids ||
                added->declared == UINT64_MAX)
                continue;
            if (added->declared >= otx__id_limit(census.count + extra))
                return otx__fail(t->error, OTX_ERROR_LIMIT, "%s: an added token has the id "
                                 "%" PRIu64 ", and a vocabulary of %" PRIu64 " tokens may have "
                                 "ids below %" PRIu64, t->name, added->declared,
                                 census.count + extra, otx__id_limit(census.count + extra));
            census.ids = added->declared + 1;
        }
    }
    if (census.ids + extra > SIZE_MAX)
        return otx__fail_array(t->error, census.ids + extra, sizeof(otx_token));
    if (census.bytes > SIZE_MAX) return otx__fail_memory(t->error, census.bytes);
    result = otx__vocab_reserve(t->ctx, t->vocab, (size_t)(census.ids + extra),
                                (size_t)census.bytes, t->error);
    if (!result)
        result = otx__index_open(t->ctx, &t->contents, t->vocab->tokens,
                                 (size_t)(census.count + extra), true, t->error);
    return result;
}

OTX__PRIVATE otx_result otx__read_special(otx__tokenizer *t)
{
    otx_result result = OTX_OK;
    size_t i;
    for (i = 0; !result && i < OTX__COUNT(otx__special_keys); i++) {
        const char *key = otx__special_keys[i];
        result = otx__mark_special(t, &t->config, key);
        if (!result && t->legacy) result = otx__mark_special(t, &t->special_map, key);
    }
    if (!result) result = t->reader->roles(t);
    return result ? result : otx__read_roles(t);
}

OTX__PRIVATE otx_result otx__read_tokens(otx__tokenizer *t, otx__added_list *lists)
{
    otx_result result = otx__list_all_added(t, lists);
    if (!result) result = otx__reserve_tokens(t, lists);
    if (!result) result = otx__read_model(t);
    if (!result) result = otx__add_tokens(t, &lists[0]);
    if (!result) result = otx__hand_names(t, &lists[1]);
    if (!result) result = otx__add_tokens(t, &lists[1]);
    if (!result) result = otx__add_named(t, &lists[2]);
    if (!result) result = otx__add_named(t, &lists[3]);
    return result ? result : otx__read_special(t);
}

/* Settles all tokens. One that has a role is in use whatever its name. */
OTX__PRIVATE void otx__finish_tokens(otx__tokenizer *t)
{
    otx_vocab *vocab = t->vocab;
    const size_t limit = ((otx__vocab_memory *)vocab->memory)->token_limit;
    size_t id;
    int role;
    vocab->family = t->spelling.family;
    vocab->model = t->type;
    vocab->source = t->reader->source;
    for (id = 0; id < limit; id++) {
        if (vocab->tokens[id].kind == OTX_TOKEN_NONE) continue;
        otx__finish_token(vocab, &t->spelling, &vocab->tokens[id]);
        vocab->count = id + 1;
    }
    for (role = 0; role < OTX_ROLE_COUNT; role++) {
        otx_token *token;
        if (vocab->roles[role] < 0) continue;
        token = &vocab->tokens[vocab->roles[role]];
        token->kind = OTX_TOKEN_CONTROL;
        token->in_use = true;
        token->bytes = token->content;
        token->size = token->content_size;
    }
}

OTX__PRIVATE void otx__tokenizer_close(otx__tokenizer *t)
{
    if (t->contents.slots) otx__index_close(t->ctx, &t->contents);
    if (t->scratch_capacity) otx__free(t->ctx, t->scratch, t->scratch_capacity, 1);
    otx_json_close(t->ctx, &t->json);
    otx_json_close(t->ctx, &t->config);
    otx_json_close(t->ctx, &t->special_map);
    otx_json_close(t->ctx, &t->added);
}

/* Reads a vocabulary with t->reader. On failure it is closed. */
OTX__PRIVATE otx_result otx__parse_with_reader(otx__tokenizer *t)
{
    otx__added_list lists[OTX__ADDED_LISTS];
    otx_result result;
    size_t i;
    memset(lists, 0, sizeof lists);
    result = otx__open_texts(t);
    if (!result) result = otx__read_tokens(t, lists);
    if (!result) otx__finish_tokens(t);
    if (!result) result = otx__find_in_use(t);
    if (!result) result = otx__find_digits(t);
    if (result) otx_vocab_close(t->ctx, t->vocab);
    for (i = 0; i < OTX__COUNT(lists); i++)
        otx__free(t->ctx, lists[i].tokens, lists[i].room, sizeof *lists[i].tokens);
    return result;
}

/* What every reading begins with. */
OTX__PRIVATE void otx__tokenizer_begin(otx__tokenizer *t, const otx_context *ctx,
                                       const otx_vocab_text *texts, otx_vocab *vocab,
                                       otx_error *error)
{
    size_t i;
    memset(t, 0, sizeof *t);
    t->ctx = ctx;
    t->texts = texts;
    t->error = error;
    t->vocab = vocab;
    t->last_added = -1;
    for (i = 0; i < OTX_ROLE_COUNT; i++) t->fallback[i] = -1;
}

OTX_API otx_result otx_vocab_parse(const otx_context *ctx, const otx_vocab_text *texts,
                                   const char *name, otx_vocab *out, otx_error *error)
{
    otx__tokenizer t;
    otx_result result;
    otx__tokenizer_begin(&t, ctx, texts, out, error);
    memset(out, 0, sizeof *out);
    result = otx__choose_reader(&t, name);
    if (!result) result = otx__parse_with_reader(&t);
    otx__tokenizer_close(&t);
    return result;
}

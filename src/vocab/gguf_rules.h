/* ---- gguf_rules: how the vocabulary of a GGUF file splits text ----------------------- */

/* Whether a token may come of splitting: user-defined ones may only of SentencePiece, whose
   converter makes tokens of the model's own such (Gemma's runs of spaces). */
OTX__PRIVATE bool otx__gguf_splits(const otx__gguf_words *g, uint32_t id)
{
    return otx__gguf_type_at(g, id) != OTX__GGUF_USER || strcmp(g->kind->name, "llama") == 0;
}

/* Sorts out the tokens that the rules have, and spells those that were written out. */
OTX__PRIVATE otx_result otx__gguf_rule_tokens(otx__tokenizer *t, otx__rules *rules)
{
    const otx__spelling *spelling = &t->spelling;
    size_t i, j, kept = 0;
    for (i = 0; i < rules->token_count; i++) {
        otx__rule_token token = rules->tokens[i];
        if (!otx__gguf_splits(t->gguf, token.id)) continue;
        if (kept == 0 || rules->weights[token.id] < rules->least)
            rules->least = rules->weights[token.id];
        if (spelling->family == OTX_FAMILY_METASPACE && memchr(token.content, ' ', token.size)) {
            char *to = (char *)otx__pool_take(&rules->pool, token.size, 3);
            uint32_t size = 0;
            if (!to) return otx__pool_fail(&rules->pool, t->error);
            for (j = 0; j < token.size; j++) {
                memcpy(to + size, token.content[j] == ' ' ? OTX__WORD_MARK : &token.content[j],
                       token.content[j] == ' ' ? 3 : 1);
                size += token.content[j] == ' ' ? 3 : 1;
            }
            token.content = to;
            token.size = size;
        }
        rules->tokens[kept++] = token;
    }
    rules->token_count = kept;
    otx__sort(rules->tokens, kept, sizeof *rules->tokens, otx__compare_rule_tokens);
    return OTX_OK;
}

/* The list of merges: "a b", cut at the first space that is not at its beginning. */
OTX__PRIVATE otx_result otx__gguf_read_merges(otx__tokenizer *t, otx__rules *rules)
{
    const otx_gguf_key *merges = t->gguf->merges;
    otx_gguf_strings at;
    uint32_t rank = 0;
    otx_result result;
    if (!merges)
        return otx__fail(t->error, OTX_ERROR_NOT_FOUND, "%s: cannot split text: there is no key "
                         OTX__GGUF_MERGES, t->name);
    memset(&at, 0, sizeof at);
    result = otx__rules_take_merges(t, rules, (size_t)merges->count);
    while (!result && otx_gguf_next(merges, &at)) {
        const char *space = at.size > 1 ? (const char *)memchr(at.bytes + 1, ' ', at.size - 1)
                                        : NULL;
        const size_t left = space ? (size_t)(space - at.bytes) : 0;
        result = otx__tokenizer_scratch(t, at.size + 1);
        if (!result && space) {
            memcpy(t->scratch, at.bytes, left);
            memcpy(t->scratch + left, space + 1, at.size - left - 1);
            otx__rules_keep_merge(rules, t->scratch, left, at.size - left - 1, rank);
        }
        rank++;
    }
    otx__rules_sort_merges(rules, true);
    return result;
}

/* What the pieces are made by. */
OTX__PRIVATE otx_result otx__gguf_read_rules(otx__tokenizer *t, otx__rules *rules)
{
    const otx__gguf_words *g = t->gguf;
    const char *name = g->kind->name;
    const bool ranks = g->kind->merges && !g->merges &&
                       otx__span_is(otx__gguf_word_of(g->file, OTX__GGUF_PRE), OTX__PRE_KIMI);
    size_t i;
    otx_result result;
    if (strcmp(name, "plamo2") == 0)
        return otx__fail(t->error, OTX_ERROR_UNSUPPORTED, "%s: how a vocabulary of the kind "
                         "plamo2 splits text is not known here", t->name);
    if (g->kind->scores && !g->scores)
        return otx__fail(t->error, OTX_ERROR_NOT_FOUND, "%s: cannot split text: there is no "
                         "key " OTX__GGUF_SCORES, t->name);
    result = otx__gguf_rule_tokens(t, rules);
    rules->whole_first = g->pre && g->pre->whole_first;
    rules->fuse_unknown = g->kind->family == OTX_FAMILY_METASPACE;
    rules->across_words = strcmp(name, "rwkv") == 0;
    rules->how = strcmp(name, "t5") == 0 ? OTX__SPLIT_VITERBI
                 : ranks || strcmp(name, "llama") == 0 ? OTX__SPLIT_WEIGHTS
                 : g->kind->merges ? OTX__SPLIT_MERGES : OTX__SPLIT_LONGEST;
    if (strcmp(name, "bert") == 0) {
        rules->marks_starts = true;
        rules->prefix_size = 3;
        memcpy(rules->prefix, OTX__WORD_MARK, 3);
    }
    for (i = 0; i < t->vocab->count && rules->how == OTX__SPLIT_WEIGHTS; i++)
        rules->weights[i] = ranks ? (double)i : -rules->weights[i];
    if (result || rules->how != OTX__SPLIT_MERGES) return result;
    return otx__gguf_read_merges(t, rules);
}

/* ---- the reader ---- */

static const otx__vocab_reader otx__gguf_reader = {
    "GGUF", OTX__NUMBERED_AS_SAID, false, otx__gguf_open_words, otx__gguf_next_word,
    otx__gguf_find_roles, otx__gguf_read_rules
};

OTX__PRIVATE void otx__gguf_begin(otx__tokenizer *t, otx__gguf_words *words,
                                  const otx_gguf *file, const char *name)
{
    memset(words, 0, sizeof *words);
    words->file = file;
    t->gguf = words;
    t->reader = &otx__gguf_reader;
    t->name = name ? name : "GGUF file";
}

OTX_API otx_result otx_vocab_parse_gguf(const otx_context *ctx, const otx_gguf *file,
                                        const char *name, otx_vocab *out, otx_error *error)
{
    otx_vocab_text texts[OTX_VOCAB_FILES];
    otx__gguf_words words;
    otx__tokenizer t;
    otx_result result;
    memset(texts, 0, sizeof texts);
    memset(out, 0, sizeof *out);
    otx__tokenizer_begin(&t, ctx, texts, out, error);
    otx__gguf_begin(&t, &words, file, name);
    result = otx__parse_with_reader(&t);
    if (!result) otx__gguf_find_in_use(&t);
    if (!result && words.pre && words.pre->digits)
        out->digits = otx__min(out->digits, words.pre->digits);
    otx__tokenizer_close(&t);
    return result;
}

OTX_API otx_result otx_vocab_parse_gguf_rules(const otx_context *ctx, const otx_gguf *file,
                                              const char *name, otx_vocab *vocab,
                                              otx_error *error)
{
    otx_vocab_text texts[OTX_VOCAB_FILES];
    otx__gguf_words words;
    otx__tokenizer t;
    otx_result result;
    memset(texts, 0, sizeof texts);
    otx__tokenizer_begin(&t, ctx, texts, vocab, error);
    otx__gguf_begin(&t, &words, file, name);
    result = otx__rules_with_reader(&t, false);
    otx__tokenizer_close(&t);
    return result;
}

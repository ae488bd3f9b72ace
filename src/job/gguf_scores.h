/* ---- gguf_scores: what stands for merges in llama.cpp's SentencePiece -------------- */

/* llama.cpp merges the two neighbours that make the token of the best score. A tokenizer.json
   of such a model has lost the scores for a list of merges; so they are taken from the
   SentencePiece model beside it, or else made from the list, which is right only if that is
   a list as scores would make it: each token's merges together, and none left out. */

/* Takes the scores of a SentencePiece model in the same directory. *all: it has them all. */
OTX__PRIVATE otx_result otx__gguf_scores_beside(const otx__gguf_donor *donor,
                                                otx__gguf_tokens *tokens, bool *all,
                                                otx_error *error)
{
    const otx_vocab *vocab = &donor->side->vocab;
    otx__gguf_donor other;
    otx_error problem;
    otx__given word;
    bool more = true;
    size_t taken = 0, wanted = 0, id;
    otx_result result = otx__gguf_donor_open(donor->at.ctx, donor->side, OTX_VOCAB_SENTENCEPIECE,
                                             &other, &problem);
    *all = false;
    memset(&word, 0, sizeof word);
    if (!result && otx__gguf_donor_is(&other, "SentencePiece") &&
        strcmp(other.at.type, "BPE") == 0) {
        for (id = 0; id < tokens->count; id++)
            wanted += tokens->types[id] == OTX__PIECE_NORMAL;
        otx__rewind_words(&other.at);
        while (!(result = other.at.reader->next(&other.at, &word, &more)) && more) {
            if (word.id >= vocab->count || tokens->types[word.id] != OTX__PIECE_NORMAL ||
                !otx__same_bytes(word.content, word.size, vocab->tokens[word.id].content,
                                 vocab->tokens[word.id].content_size))
                continue;
            tokens->scores[word.id] = (float)word.score;
            taken++;
        }
        *all = !result && taken == wanted;
    }
    otx__gguf_donor_close(&other);
    return result == OTX_ERROR_MEMORY ? otx__fail(error, result, "%s", problem.message) : OTX_OK;
}

/* ---- from merges ---- */

OTX__PRIVATE bool otx__gguf_is_plain(const otx__gguf_tokens *tokens, int64_t id)
{
    return id >= 0 && tokens->types[id] == OTX__PIECE_NORMAL;
}

/* Says why a list of merges is not that of scores. */
OTX__PRIVATE otx_result otx__gguf_fail_scores(const otx__gguf_donor *donor, const char *content,
                                              size_t size, const char *why, otx_error *error)
{
    char quoted[OTX__QUOTED];
    return otx__fail(error, OTX_ERROR_UNSUPPORTED, "%s: its merges are not those of a "
                     "SentencePiece model, as which llama.cpp would read them: \"%s\" %s; with "
                     "the tokenizer.model beside it its scores are taken", donor->at.name,
                     otx__quote(quoted, sizeof quoted, content, size), why);
}

OTX__PRIVATE int otx__gguf_compare_ranks(const void *a, const void *b)
{
    const otx__merge *x = (const otx__merge *)a, *y = (const otx__merge *)b;
    return x->rank < y->rank ? -1 : x->rank > y->rank;
}

/* Numbers the tokens in the order in which merges make them, from 1. */
OTX__PRIVATE otx_result otx__gguf_order_made(const otx__gguf_donor *donor,
                                             const otx__rules *rules, otx__gguf_tokens *tokens,
                                             uint32_t *order, uint32_t *made, otx_error *error)
{
    const otx_vocab *vocab = &donor->side->vocab;
    otx__merge *merges = (otx__merge *)otx__pool_take(&tokens->pool, rules->merge_count,
                                                      sizeof *merges);
    int64_t last = -1;
    size_t i;
    if (!merges) return otx__pool_fail(&tokens->pool, error);
    memcpy(merges, rules->merges, rules->merge_count * sizeof *merges);
    otx__sort(merges, rules->merge_count, sizeof *merges, otx__gguf_compare_ranks);
    *made = 0;
    for (i = 0; i < rules->merge_count; i++) {
        const otx_token *token = &vocab->tokens[merges[i].made];
        if (!otx__gguf_is_plain(tokens, merges[i].left) ||
            !otx__gguf_is_plain(tokens, merges[i].right) ||
            !otx__gguf_is_plain(tokens, merges[i].made) || (int64_t)merges[i].made == last)
            continue;
        last = merges[i].made;
        if (order[last])
            return otx__gguf_fail_scores(donor, token->content, token->content_size,
                                         "is made by merges that do not follow each other",
                                         error);
        order[last] = ++*made;
    }
    return OTX_OK;
}

/* Checks that every two tokens that make a third are merged. */
OTX__PRIVATE otx_result otx__gguf_check_merged(const otx__gguf_donor *donor,
                                               const otx__rules *rules,
                                               const otx__gguf_tokens *tokens, otx_error *error)
{
    size_t i, at;
    for (i = 0; i < rules->token_count; i++) {
        const otx__rule_token *token = &rules->tokens[i];
        if (!otx__gguf_is_plain(tokens, token->id)) continue;
        for (at = 1; at < token->size; at++) {
            int64_t left, right;
            if (((unsigned char)token->content[at] & 0xc0) == 0x80) continue;
            left = otx__rules_find(rules, token->content, at);
            if (!otx__gguf_is_plain(tokens, left)) continue;
            right = otx__rules_find(rules, token->content + at, token->size - at);
            if (otx__gguf_is_plain(tokens, right) && !otx__rules_merge(rules, left, right))
                return otx__gguf_fail_scores(donor, token->content, token->size,
                                             "is not made of two of its parts, although they "
                                             "are tokens", error);
        }
    }
    return OTX_OK;
}

/* Gives scores as SentencePiece's trainer does: minus the place. By id, where ids are in the
   order of merges, as they are in files that it made. */
OTX__PRIVATE void otx__gguf_number_scores(otx__gguf_tokens *tokens, const uint32_t *order,
                                          uint32_t made)
{
    size_t id, place, first = tokens->count;
    uint32_t last = 0;
    bool ordered = true;
    for (id = 0; id < tokens->count; id++) {
        if (!order[id]) continue;
        if (first == tokens->count) first = id;
        ordered = ordered && order[id] > last;
        last = order[id];
    }
    for (id = 0; id < tokens->count; id++) {
        if (tokens->types[id] != OTX__PIECE_NORMAL) continue;
        if (ordered) place = id < first ? 0 : id - first;
        else place = order[id] ? order[id] - 1 : made;
        tokens->scores[id] = place ? -(float)place : 0.0f;
    }
}

OTX__PRIVATE otx_result otx__gguf_scores_from_merges(otx__gguf_donor *donor,
                                                     otx__gguf_tokens *tokens, otx_error *error)
{
    otx__rules *rules = otx__rules_open(donor->at.ctx, error);
    uint32_t *order = (uint32_t *)otx__pool_take_zero(&tokens->pool, tokens->count,
                                                      sizeof *order);
    uint32_t made = 0;
    otx_result result = OTX_ERROR_MEMORY;
    if (!order) (void)otx__pool_fail(&tokens->pool, error);
    if (rules && order) result = otx__rules_read(&donor->at, rules);
    if (!result) result = otx__gguf_order_made(donor, rules, tokens, order, &made, error);
    if (!result) result = otx__gguf_check_merged(donor, rules, tokens, error);
    if (!result) otx__gguf_number_scores(tokens, order, made);
    otx__vocab_drop_rules(donor->at.ctx, rules);
    return result;
}

/* Settles the scores of a vocabulary of SentencePiece's BPE. */
OTX__PRIVATE otx_result otx__gguf_scores(otx__gguf_donor *donor, otx__gguf_tokens *tokens,
                                         otx_error *error)
{
    bool all = false;
    otx_result result;
    if (tokens->kind != OTX__GGUF_SPM || !donor->at.reader->complete) return OTX_OK;
    result = otx__gguf_scores_beside(donor, tokens, &all, error);
    return result || all ? result : otx__gguf_scores_from_merges(donor, tokens, error);
}

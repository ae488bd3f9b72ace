/* ---- gguf_merges: the merges of a byte-level vocabulary ---------------------------- */

/* A list "left right" in GPT-2's alphabet, the first the soonest. */
typedef struct otx__gguf_merges {
    otx__text text;
    uint64_t count;
} otx__gguf_merges;

/* Appends one; a space within a half is written as the alphabet has it. */
OTX__PRIVATE void otx__gguf_put_merge(otx__gguf_merges *merges, const char *left,
                                      size_t left_size, const char *right, size_t right_size)
{
    const char *halves[2];
    size_t sizes[2], i, j, spaces = 0;
    halves[0] = left;
    halves[1] = right;
    sizes[0] = left_size;
    sizes[1] = right_size;
    for (i = 0; i < 2; i++)
        for (j = 0; j < sizes[i]; j++) spaces += halves[i][j] == ' ';
    otx__gguf_text_uint(&merges->text, left_size + right_size + spaces + 1, 8);
    for (i = 0; i < 2; i++) {
        if (i) otx__text_bytes(&merges->text, " ", 1);
        if (spaces == 0) otx__text_bytes(&merges->text, halves[i], sizes[i]);
        for (j = 0; j < sizes[i] && spaces > 0; j++) {
            if (halves[i][j] == ' ') otx__text_bytes(&merges->text, "\xc4\xa0", 2);
            else otx__text_bytes(&merges->text, halves[i] + j, 1);
        }
    }
    merges->count++;
}

/* One of the form "a b", as lines and old files have it; a comment is none. */
OTX__PRIVATE void otx__gguf_put_line(otx__gguf_merges *merges, const char *line, size_t size)
{
    const char *space = (const char *)memchr(line, ' ', size);
    const size_t left = space ? (size_t)(space - line) : 0;
    if (!space || (size >= 8 && memcmp(line, "#version", 8) == 0)) return;
    otx__gguf_put_merge(merges, line, left, space + 1, size - left - 1);
}

/* Those of tokenizer.json, which have been checked. */
OTX__PRIVATE otx_result otx__gguf_json_merges(otx__tokenizer *t, otx__gguf_merges *merges)
{
    const otx_json *json = &t->json;
    otx_json_iter merge = otx_json_iter_of(json, otx_json_find(json, t->model, "merges"));
    otx_result result = OTX_OK;
    while (!result && otx_json_iter_next(&merge)) {
        if (otx_json_type_of(json, merge.value) == OTX_JSON_STRING) {
            size_t size = 0;
            result = otx__tokenizer_string(t, json, merge.value, &size);
            if (!result) otx__gguf_put_line(merges, t->scratch, size);
        } else {
            const uint32_t a = otx_json_item(json, merge.value, 0);
            const uint32_t b = otx_json_item(json, merge.value, 1);
            size_t left, right;
            result = otx__tokenizer_scratch(t, otx__json_span(json, a).size +
                                                   otx__json_span(json, b).size + 1);
            if (result) break;
            left = otx_json_string(json, a, t->scratch);
            right = otx_json_string(json, b, t->scratch + left);
            otx__gguf_put_merge(merges, t->scratch, left, t->scratch + left, right);
        }
    }
    return result;
}

/* Those of merges.txt. */
OTX__PRIVATE void otx__gguf_text_merges(otx__tokenizer *t, otx__gguf_merges *merges)
{
    const otx_vocab_text own = t->text;
    const char *line = NULL;
    size_t size = 0;
    t->text = t->texts[OTX_VOCAB_MERGES];
    t->offset = 0;
    while (otx__next_line(t, &line, &size)) otx__gguf_put_line(merges, line, size);
    t->text = own;
}

/* ---- of ranks ---- */

/* Two tokens that make one. */
typedef struct otx__gguf_pair {
    uint32_t left, right; /* ids, which are in the order of ranks */
} otx__gguf_pair;

OTX__PRIVATE int otx__gguf_compare_pairs(const void *a, const void *b)
{
    const otx__gguf_pair *x = (const otx__gguf_pair *)a, *y = (const otx__gguf_pair *)b;
    if (x->left != y->left) return x->left < y->left ? -1 : 1;
    return x->right < y->right ? -1 : x->right > y->right;
}

/* The merges that make a token: wherever both halves are tokens. */
OTX__PRIVATE otx_result otx__gguf_rank_merges(otx__tokenizer *t, const otx__gguf_tokens *tokens,
                                              const otx__token_index *index, size_t id,
                                              otx__gguf_merges *merges)
{
    const otx_token *token = &t->vocab->tokens[id];
    otx__gguf_pair *pairs;
    size_t at, i, count = 0;
    otx_result result =
        otx__tokenizer_scratch(t, token->content_size * sizeof *pairs + OTX__ALIGNMENT);
    if (result) return result;
    pairs = (otx__gguf_pair *)(void *)t->scratch;
    for (at = 1; at < token->content_size; at++) {
        const int64_t left = otx__index_find(index, OTX_TOKEN_NONE, token->content, at);
        const int64_t right = left < 0 ? -1 : otx__index_find(index, OTX_TOKEN_NONE,
                                                              token->content + at,
                                                              token->content_size - at);
        if (right < 0) continue;
        pairs[count].left = (uint32_t)left;
        pairs[count++].right = (uint32_t)right;
    }
    otx__sort(pairs, count, sizeof *pairs, otx__gguf_compare_pairs);
    for (i = 0; i < count; i++) {
        const otx_token *left = &tokens->list[pairs[i].left];
        const otx_token *right = &tokens->list[pairs[i].right];
        otx__gguf_put_merge(merges, left->content, left->content_size, right->content,
                            right->content_size);
    }
    return OTX_OK;
}

/* Those that the ranks of tiktoken and tekken.json stand for: a pair is merged the sooner,
   the lower the rank of what it makes. */
OTX__PRIVATE otx_result otx__gguf_ranked_merges(otx__tokenizer *t, const otx__gguf_tokens *tokens,
                                                otx__gguf_merges *merges)
{
    const otx_vocab *vocab = t->vocab;
    otx__token_index index;
    size_t id;
    otx_result result =
        otx__index_open(t->ctx, &index, vocab->tokens, vocab->count, true, t->error);
    if (result) return result;
    for (id = 0; id < vocab->count; id++) {
        const otx_token *token = &vocab->tokens[id];
        if (tokens->types[id] == OTX__PIECE_NORMAL)
            *otx__index_slot(&index, OTX_TOKEN_NONE, token->content, token->content_size) =
                (uint32_t)id + 1;
    }
    for (id = 0; id < vocab->count && !result; id++)
        if (tokens->types[id] == OTX__PIECE_NORMAL)
            result = otx__gguf_rank_merges(t, tokens, &index, id, merges);
    otx__index_close(t->ctx, &index);
    return result;
}

OTX__PRIVATE otx_result otx__gguf_add_merges(otx__gguf_donor *donor,
                                             const otx__gguf_tokens *tokens,
                                             otx__gguf_list *list, otx_error *error)
{
    otx__tokenizer *t = &donor->at;
    otx__gguf_merges merges;
    otx_result result = OTX_OK;
    memset(&merges, 0, sizeof merges);
    otx__text_open(&merges.text, t->ctx);
    if (t->reader->complete) result = otx__gguf_json_merges(t, &merges);
    else if (otx__gguf_donor_is(donor, "vocab.json")) otx__gguf_text_merges(t, &merges);
    else result = otx__gguf_ranked_merges(t, tokens, &merges);
    if (!result && merges.count == 0)
        result = otx__fail(error, OTX_ERROR_UNSUPPORTED, "%s: there are no merges, which "
                           "llama.cpp needs", donor->at.name);
    if (!result)
        otx__gguf_add_text(list, "tokenizer.ggml.merges", OTX_GGUF_STRING, merges.count,
                           &merges.text);
    otx__text_close(&merges.text);
    return result;
}

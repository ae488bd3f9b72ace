/* ---- rules: how a tokenizer splits text, kept for those who ask --------------------- */

/* What a model makes its pieces by. */
typedef enum otx__split_kind {
    OTX__SPLIT_MERGES,  /* BPE by a list of pairs */
    OTX__SPLIT_WEIGHTS, /* BPE by what a pair makes: ranks of tiktoken, scores of SentencePiece */
    OTX__SPLIT_VITERBI, /* Unigram: the best sum of scores */
    OTX__SPLIT_LONGEST, /* WordPiece: the longest token that fits, from the left */
    OTX__SPLIT_WHOLE    /* WordLevel and Word: a token or none */
} otx__split_kind;

/* WordPiece: characters of a word beyond which it is unknown, if the file does not say. */
#define OTX__LONGEST_WORD 100

/* A token of the model, to be found by its content. */
typedef struct otx__rule_token {
    const char *content;
    uint32_t size, id;
} otx__rule_token;

typedef struct otx__merge {
    uint32_t left, right, made; /* ids */
    uint32_t rank;
} otx__merge;

/* Where tokens and merges are, by their hashes: one more than the index of each, or 0. */
typedef struct otx__rule_slots {
    otx__hash_key key;
    uint32_t *tokens, *merges;
    size_t token_mask, merge_mask;
} otx__rule_slots;

/* What otx_vocab.rules points to. */
typedef struct otx__rules {
    otx__pool pool;     /* which this stands in: see otx__vocab_drop_rules */
    otx__split_kind how;
    otx__spelling spelling;
    bool by_bytes;      /* the pieces to begin with are bytes, not characters */
    bool whole_first;   /* a word that is a token is that one, whatever the merges */
    bool marks_starts;  /* the prefix is of a piece that starts a word: GGUF's WordPiece */
    bool across_words;  /* the longest token may hold spaces, and be any length: RWKV */
    bool fuse_unknown;  /* what is unknown in a row is one unknown token */
    bool stands_in;     /* BPE: bytes and the unknown token stand in before pieces are joined */
    bool wants_unknown; /* it is a fault that nothing stands for a text */
    bool every;         /* all tokens of the model count, control tokens and bytes too, as they
                           do where added tokens were cut out of a text before */
    uint64_t longest_word;       /* WordPiece: in characters */
    char prefix[32], suffix[32]; /* of a piece that continues a word, that ends one */
    size_t prefix_size, suffix_size;
    otx__rule_token *tokens;     /* by content */
    size_t token_count;
    otx__merge *merges;          /* by left, right, rank */
    size_t merge_count, merge_room;
    double *weights;             /* by id: scores, or for BPE the less the sooner */
    double least;                /* score */
    int64_t bytes[256];          /* ids of <0xNN>, or -1 */
    int64_t unknown;             /* id, or -1 */
    const uint8_t *without;      /* by id: tokens that are as if they were none; or NULL */
    otx__rule_slots *slots; /* to find them faster; or NULL */
} otx__rules;

/* ---- finding tokens ---- */

OTX__PRIVATE int otx__compare_rule_tokens(const void *a, const void *b)
{
    const otx__rule_token *x = (const otx__rule_token *)a, *y = (const otx__rule_token *)b;
    int order = otx__compare_bytes(x->content, x->size, y->content, y->size);
    return order ? order : x->id < y->id ? -1 : x->id > y->id;
}

typedef struct otx__rule_range {
    size_t low, high; /* tokens from low to high - 1 */
} otx__rule_range;

OTX__PRIVATE otx__rule_range otx__rules_all(const otx__rules *rules)
{
    const otx__rule_range range = {0, rules->token_count};
    return range;
}

/* Narrows a range, whose tokens all begin with the same `at` bytes, to those that go on with
   `byte`. */
OTX__PRIVATE void otx__rules_narrow(const otx__rules *rules, otx__rule_range *range, size_t at,
                                    unsigned char byte)
{
    size_t end = range->high, bound[2], side;
    for (side = 0; side < 2; side++) { /* the first with `byte` or more, then with more */
        size_t low = range->low, high = end;
        while (low < high) {
            size_t middle = low + (high - low) / 2;
            const otx__rule_token *token = &rules->tokens[middle];
            int next = token->size > at ? (unsigned char)token->content[at] : -1;
            if (next < (int)byte + (int)side) low = middle + 1;
            else high = middle;
        }
        bound[side] = low;
    }
    range->low = bound[0];
    range->high = bound[1];
}

OTX__PRIVATE int64_t otx__rules_used(const otx__rules *rules, uint32_t id)
{
    return rules->without && rules->without[id] ? -1 : (int64_t)id;
}

/* The token of a range that has `size` bytes and no more, or -1. */
OTX__PRIVATE int64_t otx__rules_exact(const otx__rules *rules, const otx__rule_range *range,
                                      size_t size)
{
    if (range->low >= range->high || rules->tokens[range->low].size != size) return -1;
    return otx__rules_used(rules, rules->tokens[range->low].id);
}

/* The slot of a token with that content, or the empty one where it would be. */
OTX__PRIVATE uint32_t *otx__rules_slot(const otx__rules *rules, const char *bytes, size_t size)
{
    const otx__rule_slots *slots = rules->slots;
    size_t at = (size_t)otx__hash(slots->key, bytes, size) & slots->token_mask;
    for (; slots->tokens[at]; at = (at + 1) & slots->token_mask) {
        const otx__rule_token *token = &rules->tokens[slots->tokens[at] - 1];
        if (otx__same_bytes(token->content, token->size, bytes, size)) break;
    }
    return &slots->tokens[at];
}

/* The token with that content, or -1. */
OTX__PRIVATE int64_t otx__rules_find(const otx__rules *rules, const char *bytes, size_t size)
{
    size_t low = 0, high = rules->token_count;
    if (rules->slots) {
        const uint32_t slot = *otx__rules_slot(rules, bytes, size);
        return slot ? otx__rules_used(rules, rules->tokens[slot - 1].id) : -1;
    }
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        const otx__rule_token *token = &rules->tokens[middle];
        int order = otx__compare_bytes(bytes, size, token->content, token->size);
        if (order == 0) return otx__rules_used(rules, token->id);
        if (order < 0) high = middle;
        else low = middle + 1;
    }
    return -1;
}

OTX__PRIVATE int otx__compare_merges(const void *a, const void *b)
{
    const otx__merge *x = (const otx__merge *)a, *y = (const otx__merge *)b;
    if (x->left != y->left) return x->left < y->left ? -1 : 1;
    if (x->right != y->right) return x->right < y->right ? -1 : 1;
    return x->rank < y->rank ? -1 : x->rank > y->rank;
}

/* The slot of the merge of two tokens, or the empty one where it would be. */
OTX__PRIVATE uint32_t *otx__merge_slot(const otx__rules *rules, uint32_t left, uint32_t right)
{
    const otx__rule_slots *slots = rules->slots;
    otx__hash_state hash = otx__hash_open(slots->key);
    size_t at = (size_t)otx__hash_close(&hash, (uint64_t)left << 32 | right) & slots->merge_mask;
    for (; slots->merges[at]; at = (at + 1) & slots->merge_mask) {
        const otx__merge *merge = &rules->merges[slots->merges[at] - 1];
        if (merge->left == left && merge->right == right) break;
    }
    return &slots->merges[at];
}

/* Makes the slots, in the pool of the rules; whoever encodes much looks tokens up often. */
OTX__PRIVATE otx_result otx__rules_index(otx__rules *rules, otx_error *error)
{
    otx__rule_slots *slots = (otx__rule_slots *)otx__pool_take_zero(&rules->pool, 1,
                                                                    sizeof *slots);
    size_t i;
    if (!slots) return otx__pool_fail(&rules->pool, error);
    slots->token_mask = slots->merge_mask = 63;
    while (slots->token_mask < 2 * rules->token_count) slots->token_mask += slots->token_mask + 1;
    while (slots->merge_mask < 2 * rules->merge_count) slots->merge_mask += slots->merge_mask + 1;
    slots->tokens = (uint32_t *)otx__pool_take_zero(&rules->pool, slots->token_mask + 1,
                                                    sizeof *slots->tokens);
    slots->merges = (uint32_t *)otx__pool_take_zero(&rules->pool, slots->merge_mask + 1,
                                                    sizeof *slots->merges);
    if (rules->pool.failed) return otx__pool_fail(&rules->pool, error);
    slots->key = otx__hash_key_for(rules->pool.ctx, slots);
    rules->slots = slots;
    for (i = 0; i < rules->token_count; i++)
        *otx__rules_slot(rules, rules->tokens[i].content, rules->tokens[i].size) =
            (uint32_t)i + 1;
    for (i = 0; i < rules->merge_count; i++)
        *otx__merge_slot(rules, rules->merges[i].left, rules->merges[i].right) = (uint32_t)i + 1;
    return OTX_OK;
}

/* The merge of two tokens, or NULL. */
OTX__PRIVATE const otx__merge *otx__rules_merge(const otx__rules *rules, int64_t left,
                                                int64_t right)
{
    size_t low = 0, high = rules->merge_count;
    if (left < 0 || right < 0) return NULL;
    if (rules->slots) {
        const uint32_t slot = *otx__merge_slot(rules, (uint32_t)left, (uint32_t)right);
        if (!slot || otx__rules_used(rules, rules->merges[slot - 1].made) < 0) return NULL;
        return &rules->merges[slot - 1];
    }
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        const otx__merge *merge = &rules->merges[middle];
        if ((int64_t)merge->left < left ||
            ((int64_t)merge->left == left && (int64_t)merge->right < right))
            low = middle + 1;
        else high = middle;
    }
    if (low == rules->merge_count || (int64_t)rules->merges[low].left != left ||
        (int64_t)rules->merges[low].right != right ||
        otx__rules_used(rules, rules->merges[low].made) < 0)
        return NULL;
    return &rules->merges[low];
}

/* ---- reading tokens ---- */

/* Collects the tokens that text is made of, with their scores: neither control tokens, nor
   reserved ones, nor bytes, nor those that are added to the model's. */
OTX__PRIVATE otx_result otx__rules_read_tokens(otx__tokenizer *t, otx__rules *rules)
{
    const otx_vocab *vocab = t->vocab;
    otx__given word;
    bool more = true;
    size_t i, kept = 0;
    otx_result result = OTX_OK;
    rules->tokens = (otx__rule_token *)otx__pool_take(&rules->pool, vocab->count,
                                                      sizeof *rules->tokens);
    rules->weights = (double *)otx__pool_take_zero(&rules->pool, vocab->count, sizeof(double));
    if (rules->pool.failed) return otx__pool_fail(&rules->pool, t->error);
    memset(&word, 0, sizeof word);
    otx__rewind_words(t);
    while (!result && more) {
        const otx_token *token;
        result = t->reader->next(t, &word, &more);
        if (result || !more || word.id >= vocab->count || rules->token_count == vocab->count)
            continue;
        token = &vocab->tokens[word.id];
        if ((token->kind != OTX_TOKEN_TEXT && !rules->every) ||
            !otx__same_bytes(token->content, token->content_size, word.content, word.size))
            continue;
        rules->tokens[rules->token_count].content = token->content;
        rules->tokens[rules->token_count].size = token->content_size;
        rules->tokens[rules->token_count++].id = (uint32_t)word.id;
        rules->weights[word.id] = word.score;
        if (rules->token_count == 1 || word.score < rules->least) rules->least = word.score;
    }
    if (result) return result;
    otx__sort(rules->tokens, rules->token_count, sizeof *rules->tokens,
              otx__compare_rule_tokens);
    for (i = 0; i < rules->token_count; i++) { /* of several alike the last counts */
        const otx__rule_token *token = &rules->tokens[i], *after = token + 1;
        if (i + 1 == rules->token_count ||
            !otx__same_bytes(token->content, token->size, after->content, after->size))
            rules->tokens[kept++] = *token;
    }
    rules->token_count = kept;
    return OTX_OK;
}

OTX__PRIVATE void otx__rules_forget_bytes(otx__rules *rules)
{
    memset(rules->bytes, 0xff, sizeof rules->bytes); /* -1 */
}

OTX__PRIVATE void otx__rules_read_bytes(const otx_vocab *vocab, otx__rules *rules)
{
    size_t i;
    otx__rules_forget_bytes(rules);
    for (i = 0; i < vocab->count; i++)
        if (vocab->tokens[i].kind == OTX_TOKEN_BYTE)
            rules->bytes[(unsigned char)vocab->tokens[i].bytes[0]] = (int64_t)i;
}

/* ---- reading merges ---- */

/* Keeps the merge of two tokens whose contents stand one after the other; one of tokens that
   are not the model's makes nothing. */
OTX__PRIVATE void otx__rules_keep_merge(otx__rules *rules, char *pair, size_t left,
                                        size_t right, uint32_t rank)
{
    otx__merge *merge = &rules->merges[rules->merge_count];
    const size_t prefix = rules->prefix_size;
    int64_t made, a = otx__rules_find(rules, pair, left);
    int64_t b = otx__rules_find(rules, pair + left, right);
    if (prefix && right >= prefix && memcmp(pair + left, rules->prefix, prefix) == 0) {
        right -= prefix;
        memmove(pair + left, pair + left + prefix, right);
    }
    made = otx__rules_find(rules, pair, left + right);
    if (a < 0 || b < 0 || made < 0 || rules->merge_count == rules->merge_room) return;
    merge->left = (uint32_t)a;
    merge->right = (uint32_t)b;
    merge->made = (uint32_t)made;
    merge->rank = rank;
    rules->merge_count++;
}

/* The same of "a b", which is made "ab"; a comment is no merge. */
OTX__PRIVATE bool otx__rules_keep_line(otx__rules *rules, char *line, size_t size, uint32_t rank)
{
    char *space = (char *)memchr(line, ' ', size);
    size_t left = space ? (size_t)(space - line) : 0;
    if (!space || (size >= 8 && memcmp(line, "#version", 8) == 0)) return false;
    memmove(space, space + 1, size - left - 1);
    otx__rules_keep_merge(rules, line, left, size - left - 1, rank);
    return true;
}

OTX__PRIVATE otx_result otx__rules_take_merges(otx__tokenizer *t, otx__rules *rules, size_t count)
{
    rules->merge_room = count;
    rules->merges = (otx__merge *)otx__pool_take(&rules->pool, count, sizeof *rules->merges);
    return rules->merges ? OTX_OK : otx__pool_fail(&rules->pool, t->error);
}

/* Those of tokenizer.json, which have been checked. */
OTX__PRIVATE otx_result otx__rules_read_merges(otx__tokenizer *t, otx__rules *rules)
{
    const otx_json *json = &t->json;
    const uint32_t merges = otx_json_find(json, t->model, "merges");
    otx_json_iter merge = otx_json_iter_of(json, merges);
    uint32_t rank = 0;
    otx_result result = otx__rules_take_merges(t, rules, otx_json_count(json, merges));
    while (!result && otx_json_iter_next(&merge)) {
        size_t left = 0, right;
        if (otx_json_type_of(json, merge.value) == OTX_JSON_STRING) {
            result = otx__tokenizer_string(t, json, merge.value, &left);
            if (!result && otx__rules_keep_line(rules, t->scratch, left, rank)) rank++;
        } else {
            const uint32_t a = otx_json_item(json, merge.value, 0);
            const uint32_t b = otx_json_item(json, merge.value, 1);
            result = otx__tokenizer_scratch(t, otx__json_span(json, a).size +
                                                   otx__json_span(json, b).size + 2);
            if (result) break;
            left = otx_json_string(json, a, t->scratch);
            right = otx_json_string(json, b, t->scratch + left);
            otx__rules_keep_merge(rules, t->scratch, left, right, rank++);
        }
    }
    return result;
}

/* Those of merges.txt. */
OTX__PRIVATE otx_result otx__rules_read_lines(otx__tokenizer *t, otx__rules *rules)
{
    const otx_vocab_text own = t->text, merges = t->texts[OTX_VOCAB_MERGES];
    const char *line = NULL;
    size_t size = 0, lines = 1, i;
    uint32_t rank = 0;
    otx_result result = OTX_OK;
    if (merges.size == 0)
        return otx__fail(t->error, OTX_ERROR_NOT_FOUND, "%s: cannot split text without its "
                         "merges.txt; give the directory", t->name);
    for (i = 0; i < merges.size; i++) lines += merges.bytes[i] == '\n';
    result = otx__rules_take_merges(t, rules, lines);
    t->text = merges;
    t->offset = 0;
    while (!result && otx__next_line(t, &line, &size)) {
        result = otx__tokenizer_scratch(t, size + 1);
        if (result || size == 0) continue;
        memcpy(t->scratch, line, size);
        if (otx__rules_keep_line(rules, t->scratch, size, rank)) rank++;
    }
    t->text = own;
    return result;
}

/* Of several merges of the same two the last counts, as for the tokenizers package, or the first,
   as for llama.cpp. */
OTX__PRIVATE void otx__rules_sort_merges(otx__rules *rules, bool first)
{
    size_t i, kept = 0;
    otx__sort(rules->merges, rules->merge_count, sizeof *rules->merges, otx__compare_merges);
    for (i = 0; i < rules->merge_count; i++) {
        const otx__merge merge = rules->merges[i], *before = &rules->merges[kept ? kept - 1 : 0];
        if (kept == 0 || before->left != merge.left || before->right != merge.right)
            rules->merges[kept++] = merge;
        else if (!first) rules->merges[kept - 1] = merge;
    }
    rules->merge_count = kept;
}

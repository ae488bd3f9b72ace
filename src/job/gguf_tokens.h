/* ---- gguf_tokens: the strings, types and scores of a vocabulary ------------------- */

/* What llama.cpp calls a vocabulary: tokenizer.ggml.model. */
typedef enum otx__gguf_kind {
    OTX__GGUF_BPE, /* byte-level: GPT-2's alphabet */
    OTX__GGUF_SPM, /* SentencePiece's BPE, by scores */
    OTX__GGUF_UGM, /* SentencePiece's Unigram */
    OTX__GGUF_WPM, /* WordPiece */
    OTX__GGUF_KINDS
} otx__gguf_kind;

static const char *const otx__gguf_models[OTX__GGUF_KINDS] = {"gpt2", "llama", "t5", "bert"};

#define OTX__GGUF_ADDED_SCORE (-1000.0f)
#define OTX__GGUF_PAD_SCORE (-10000.0f)
#define OTX__METASPACE "\xe2\x96\x81" /* U+2581 */

/* How a token was added to those of the model. */
enum { OTX__NOT_ADDED, OTX__ADDED_TEXT, OTX__ADDED_SPECIAL };

/* Tokens by id, one for every row. Types have the numbers of SentencePiece's. */
typedef struct otx__gguf_tokens {
    otx__pool pool;
    otx__gguf_kind kind;
    otx_token *list; /* content: the string that is written */
    uint8_t *types;  /* OTX__PIECE_NORMAL and so on */
    uint8_t *added;
    float *scores;
    size_t count;
    char *next;      /* where the next string goes that is not as it was */
} otx__gguf_tokens;

/* ---- what is added ---- */

OTX__PRIVATE otx_result otx__gguf_mark_list(otx__tokenizer *t, const otx__added_list *list,
                                            const otx__token_index *contents,
                                            otx__gguf_tokens *tokens)
{
    size_t i, size = 0;
    for (i = 0; i < list->count; i++) {
        otx_result result =
            otx__tokenizer_string(t, list->json, list->tokens[i].content, &size);
        int64_t id;
        if (result) return result;
        id = otx__index_find(contents, OTX_TOKEN_NONE, t->scratch, size);
        if (id < 0 || tokens->added[id] == OTX__ADDED_SPECIAL) continue;
        tokens->added[id] = list->tokens[i].special ? OTX__ADDED_SPECIAL : OTX__ADDED_TEXT;
    }
    return OTX_OK;
}

/* Marks what the lists of added tokens name, and text that is known as added without one. */
OTX__PRIVATE otx_result otx__gguf_mark_added(otx__gguf_donor *donor, otx__gguf_tokens *tokens)
{
    otx__tokenizer *t = &donor->at;
    const otx_vocab *vocab = &donor->side->vocab;
    otx__added_list lists[OTX__ADDED_LISTS];
    otx__token_index contents;
    otx_result result;
    size_t i;
    memset(lists, 0, sizeof lists);
    result = otx__side_contents(t->ctx, donor->side, &contents, t->error);
    if (!result) result = otx__list_numbered(t, lists);
    for (i = 0; i < vocab->count; i++)
        if (vocab->tokens[i].added && vocab->tokens[i].kind != OTX_TOKEN_NONE &&
            vocab->tokens[i].kind != OTX_TOKEN_CONTROL)
            tokens->added[i] = OTX__ADDED_TEXT;
    for (i = 0; i < OTX__ADDED_LISTS && !result; i++)
        result = otx__gguf_mark_list(t, &lists[i], &contents, tokens);
    for (i = 0; i < OTX__ADDED_LISTS; i++)
        otx__free(t->ctx, lists[i].tokens, lists[i].room, sizeof *lists[i].tokens);
    if (contents.slots) otx__index_close(t->ctx, &contents);
    return result;
}

/* Added tokens that converters take for control tokens whatever is said of them: some models
   have not marked them as such. */
OTX__PRIVATE bool otx__gguf_looks_special(const char *content, size_t size)
{
    static const char *const whole[] = {"<pad>", "<mask>", "<2mass>", "[@BOS@]"};
    static const char *const around[][2] = {
        {"<|", "|>"}, {"<\xef\xbd\x9c", "\xef\xbd\x9c>"}, {"<unused", ">"},
    };
    size_t i;
    for (i = 0; i < OTX__COUNT(whole); i++)
        if (otx__same_bytes(content, size, whole[i], strlen(whole[i]))) return true;
    for (i = 0; i < OTX__COUNT(around); i++) {
        const size_t begin = strlen(around[i][0]), end = strlen(around[i][1]);
        if (size >= begin && size >= end && memcmp(content, around[i][0], begin) == 0 &&
            memcmp(content + size - end, around[i][1], end) == 0)
            return true;
    }
    return false;
}

/* ---- types and scores ---- */

/* The type of a token. `piece` is what SentencePiece calls it, 0 where none does. */
OTX__PRIVATE uint8_t otx__gguf_token_type(const otx__gguf_donor *donor,
                                    const otx__gguf_tokens *tokens, size_t id, uint8_t piece)
{
    const otx_vocab *vocab = &donor->side->vocab;
    const otx_token *token = &vocab->tokens[id];
    const bool pieces = tokens->kind == OTX__GGUF_SPM || tokens->kind == OTX__GGUF_UGM;
    if ((int64_t)id == vocab->roles[OTX_ROLE_UNK] &&
        (tokens->kind == OTX__GGUF_UGM || (piece && tokens->added[id] == OTX__NOT_ADDED)))
        return OTX__PIECE_UNKNOWN;
    if (token->kind == OTX_TOKEN_CONTROL || tokens->added[id] == OTX__ADDED_SPECIAL)
        return OTX__PIECE_CONTROL;
    if (tokens->added[id] == OTX__ADDED_TEXT)
        return otx__gguf_looks_special(token->content, token->content_size)
                   ? OTX__PIECE_CONTROL : OTX__PIECE_USER;
    if (pieces && token->kind == OTX_TOKEN_BYTE) return OTX__PIECE_BYTE;
    return piece == OTX__PIECE_UNUSED ? OTX__PIECE_UNUSED : OTX__PIECE_NORMAL;
}

/* Takes the scores of the model, and which of SentencePiece's are unused. */
OTX__PRIVATE otx_result otx__gguf_walk_model(otx__gguf_donor *donor, otx__gguf_tokens *tokens)
{
    otx__tokenizer *t = &donor->at;
    const otx_vocab *vocab = &donor->side->vocab;
    const bool pieces = otx__gguf_donor_is(donor, "SentencePiece");
    otx__given word;
    otx_result result = OTX_OK;
    size_t i;
    bool more = true;
    for (i = 0; i < vocab->count; i++)
        if (vocab->tokens[i].kind != OTX_TOKEN_NONE) {
            tokens->types[i] = otx__gguf_token_type(donor, tokens, i, pieces);
            tokens->scores[i] = OTX__GGUF_ADDED_SCORE;
        }
    memset(&word, 0, sizeof word);
    otx__rewind_words(t);
    while (!(result = t->reader->next(t, &word, &more)) && more) {
        if (word.id >= vocab->count || vocab->tokens[word.id].kind == OTX_TOKEN_NONE) continue;
        if (tokens->kind == OTX__GGUF_UGM || tokens->added[word.id] == OTX__NOT_ADDED)
            tokens->scores[word.id] = (float)word.score;
        if (pieces && word.kind == OTX_TOKEN_UNUSED)
            tokens->types[word.id] =
                otx__gguf_token_type(donor, tokens, (size_t)word.id, OTX__PIECE_UNUSED);
    }
    return result;
}

/* ---- strings ---- */

/* Keeps what was written at tokens->next. */
OTX__PRIVATE void otx__gguf_put_string(otx__gguf_tokens *tokens, size_t id, size_t size)
{
    tokens->list[id].content = tokens->next;
    tokens->list[id].content_size = (uint32_t)size;
    tokens->next += size;
}

/* A name for what has none of its own: "[PAD7]". */
OTX__PRIVATE void otx__gguf_put_name(otx__gguf_tokens *tokens, const char *what, size_t id)
{
    otx__gguf_put_string(tokens, id, otx__format(tokens->next, 32, "[%s%" PRIu64 "]", what,
                                           (uint64_t)id));
}

/* Bytes in GPT-2's alphabet. */
OTX__PRIVATE size_t otx__gguf_spell_bytes(const char *bytes, size_t size, char *to)
{
    size_t i, length = 0;
    for (i = 0; i < size; i++) length += otx__spell_byte(to + length, bytes[i]);
    return length;
}

/* Text that is added is looked for as it stands, so that marks become spaces. */
OTX__PRIVATE size_t otx__gguf_spell_added(const char *content, size_t size, char *to)
{
    otx__spelling spaces;
    memset(&spaces, 0, sizeof spaces);
    spaces.mark_size = sizeof OTX__METASPACE - 1;
    memcpy(spaces.mark, OTX__METASPACE, spaces.mark_size);
    return otx__spell_spaces(&spaces, content, size, to);
}

/* WordPiece as llama.cpp has it: what begins a word has the mark, what goes on has none. */
OTX__PRIVATE void otx__gguf_spell_word(otx__gguf_tokens *tokens, size_t id)
{
    const otx_token word = tokens->list[id];
    const size_t mark = sizeof OTX__METASPACE - 1;
    if (tokens->types[id] == OTX__PIECE_CONTROL) return;
    if (word.content_size >= 2 && memcmp(word.content, "##", 2) == 0) {
        tokens->list[id].content += 2;
        tokens->list[id].content_size -= 2;
        return;
    }
    memcpy(tokens->next, OTX__METASPACE, mark);
    memcpy(tokens->next + mark, word.content, word.content_size);
    otx__gguf_put_string(tokens, id, mark + word.content_size);
}

OTX__PRIVATE void otx__gguf_spell(const otx__gguf_donor *donor, otx__gguf_tokens *tokens)
{
    const otx_vocab *vocab = &donor->side->vocab;
    const bool raw = otx__gguf_donor_is(donor, "tekken.json") ||
                     otx__gguf_donor_is(donor, "tiktoken");
    size_t id;
    for (id = 0; id < tokens->count; id++) {
        const otx_token *token = id < vocab->count ? &vocab->tokens[id] : NULL;
        otx_token *to = &tokens->list[id];
        to->kind = OTX_TOKEN_TEXT;
        if (!token || token->kind == OTX_TOKEN_NONE) {
            otx__gguf_put_name(tokens, "PAD", id);
        } else if (raw && tokens->types[id] == OTX__PIECE_NORMAL) {
            otx__gguf_put_string(tokens, id, otx__gguf_spell_bytes(token->content,
                                                             token->content_size,
                                                             tokens->next));
        } else if (tokens->types[id] == OTX__PIECE_USER) {
            otx__gguf_put_string(tokens, id, otx__gguf_spell_added(token->content,
                                                             token->content_size,
                                                             tokens->next));
        } else {
            to->content = token->content;
            to->content_size = token->content_size;
        }
        if (tokens->kind == OTX__GGUF_WPM) otx__gguf_spell_word(tokens, id);
        if (to->content_size == 0) otx__gguf_put_name(tokens, "EMPTY", id);
    }
}

/* In which turn a token gets its string, if another has the same: added tokens are cut out
   first, and what is no token comes last. */
OTX__PRIVATE int otx__gguf_turn(uint8_t type)
{
    return type == OTX__PIECE_NORMAL ? 1 : type == OTX__PIECE_UNUSED ? 2 : 0;
}

/* Makes strings differ, as llama.cpp refuses files in which two are the same. The one that
   text leads to keeps its own. */
OTX__PRIVATE otx_result otx__gguf_distinguish(const otx__gguf_donor *donor,
                                              otx__gguf_tokens *tokens, otx_error *error)
{
    const otx_context *ctx = donor->at.ctx;
    otx__token_index index;
    otx__example same;
    size_t i;
    int turn;
    otx_result result =
        otx__index_open(ctx, &index, tokens->list, tokens->count, true, error);
    if (result) return result;
    memset(&same, 0, sizeof same);
    for (turn = 0; turn < 3; turn++) {
        for (i = 0; i < tokens->count; i++) {
            /* Of Unigram's pieces that are alike the last counts. */
            const size_t id =
                tokens->kind == OTX__GGUF_UGM && turn == 1 ? tokens->count - 1 - i : i;
            const otx_token *token = &tokens->list[id];
            uint32_t *slot;
            if (otx__gguf_turn(tokens->types[id]) != turn) continue;
            slot = otx__index_slot(&index, OTX_TOKEN_NONE, token->content, token->content_size);
            if (*slot == id + 1) continue; /* renamed before */
            if (*slot) {
                otx__example_add(&same, token->content, token->content_size, id, *slot - 1);
                otx__gguf_put_name(tokens, "SAME", id);
                tokens->types[id] = OTX__PIECE_UNUSED;
                slot = otx__index_slot(&index, OTX_TOKEN_NONE, token->content,
                                       token->content_size);
            }
            if (!*slot) *slot = (uint32_t)id + 1;
            else result = otx__fail(error, OTX_ERROR_UNSUPPORTED, "%s: tokens %" PRIu64
                                    " and %" PRIu32 " have one string and cannot be told apart",
                                    donor->at.name, (uint64_t)id, *slot - 1);
        }
    }
    otx__index_close(ctx, &index);
    if (!result && same.count)
        otx__log(ctx, OTX_WARNING, "%s: %" PRIu64 " tokens have the string of another, which "
                 "llama.cpp does not take: \"%s\", %" PRIu64 " and %" PRIu64 ", and so on; they "
                 "are called [SAMEid]", donor->at.name, same.count, same.quoted, same.declared,
                 same.id);
    return result;
}

/* ---- all of it ---- */

OTX__PRIVATE otx_result otx__gguf_tokens_take(const otx__gguf_donor *donor,
                                              otx__gguf_tokens *tokens, uint64_t rows,
                                              otx_error *error)
{
    const otx_vocab *vocab = &donor->side->vocab;
    size_t bytes = 0, i, room;
    if (rows < vocab->count || rows >= UINT32_MAX || rows > SIZE_MAX / 64)
        return otx__fail(error, OTX_ERROR_ARGUMENT, "%s: %" PRIu64 " rows are not enough, or "
                         "too many, for a vocabulary of %" PRIu64, donor->at.name, rows,
                         (uint64_t)vocab->count);
    for (i = 0; i < vocab->count; i++) bytes += vocab->tokens[i].content_size;
    tokens->count = (size_t)rows;
    tokens->list = (otx_token *)otx__pool_take_zero(&tokens->pool, tokens->count,
                                                    sizeof *tokens->list);
    tokens->types = (uint8_t *)otx__pool_take(&tokens->pool, tokens->count, 1);
    tokens->added = (uint8_t *)otx__pool_take_zero(&tokens->pool, tokens->count, 1);
    tokens->scores = (float *)otx__pool_take(&tokens->pool, tokens->count, sizeof(float));
    /* A respelled string, and a name twice, one of them with WordPiece's mark. */
    room = 2 * bytes + 80 * tokens->count + 32;
    tokens->next = (char *)otx__pool_take(&tokens->pool, room, 1);
    if (tokens->pool.failed) return otx__pool_fail(&tokens->pool, error);
    memset(tokens->types, OTX__PIECE_UNUSED, tokens->count);
    for (i = 0; i < tokens->count; i++) tokens->scores[i] = OTX__GGUF_PAD_SCORE;
    return OTX_OK;
}

/* Opens them. Close them in any case. */
OTX__PRIVATE otx_result otx__gguf_tokens_open(otx__gguf_donor *donor, otx__gguf_kind kind,
                                              uint64_t rows, otx__gguf_tokens *tokens,
                                              otx_error *error)
{
    otx_result result;
    memset(tokens, 0, sizeof *tokens);
    otx__pool_open(&tokens->pool, donor->at.ctx);
    tokens->kind = kind;
    result = otx__gguf_tokens_take(donor, tokens, rows, error);
    if (!result) result = otx__gguf_mark_added(donor, tokens);
    if (!result) result = otx__gguf_walk_model(donor, tokens);
    if (result) return result;
    otx__gguf_spell(donor, tokens);
    return otx__gguf_distinguish(donor, tokens, error);
}

OTX__PRIVATE void otx__gguf_tokens_close(otx__gguf_tokens *tokens)
{
    otx__pool_close(&tokens->pool);
}

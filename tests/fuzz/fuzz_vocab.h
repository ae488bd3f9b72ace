/* A vocabulary from one kind of file with tokens, and from files that go with it:
   the input is the texts one after the other, with SEPARATOR between them. A target
   defines OTX_FUZZ_FILE, the first of them; one without has an input of its own. */
#ifndef FUZZ_VOCAB_H
#define FUZZ_VOCAB_H

#define SEPARATOR "\x1e\n"

/* What the header promises of every vocabulary. */
static void check_vocab(const otx_vocab *vocab)
{
    size_t i, tokens = 0;
    otx_alignment alignment;
    otx_error error;
    for (i = 0; i < vocab->count; i++) {
        const otx_token *token = &vocab->tokens[i];
        if (token->kind == OTX_TOKEN_NONE) continue;
        tokens++;
        (void)fuzz_touch(token->bytes, token->size);
        (void)fuzz_touch(token->content, token->content_size);
        if (token->kind == OTX_TOKEN_BYTE) FUZZ_CHECK(token->size == 1);
    }
    FUZZ_CHECK(tokens == vocab->token_count);
    FUZZ_CHECK(vocab->count == 0 || vocab->tokens[vocab->count - 1].kind != OTX_TOKEN_NONE);
    FUZZ_CHECK(otx_family_name(vocab->family) && vocab->model && vocab->source);
    for (i = 0; i < OTX_ROLE_COUNT; i++) {
        const int64_t id = vocab->roles[i];
        FUZZ_CHECK(id >= -1 && id < (int64_t)vocab->count);
        if (id >= 0) FUZZ_CHECK(vocab->tokens[id].kind == OTX_TOKEN_CONTROL);
    }
    /* Onto itself nothing is left to be solved. */
    FUZZ_CHECK(otx_align(NULL, vocab, vocab, NULL, &alignment, &error) == OTX_OK);
    FUZZ_CHECK(alignment.counts[OTX_ACTION_APPROXIMATE] == 0);
    otx_alignment_close(NULL, &alignment);
}

/* What is promised of every text that is split: here of the tokens themselves. */
static void check_split(const otx_vocab *vocab)
{
    uint32_t ids[64];
    otx_error error;
    size_t i, j, count;
    for (i = 0; i < vocab->count && i < 256; i++) {
        const otx_token *token = &vocab->tokens[i];
        if (token->kind == OTX_TOKEN_NONE) continue;
        FUZZ_CHECK(otx_vocab_split(NULL, vocab, token->bytes, token->size, ids,
                                   OTX__COUNT(ids), &count, &error) == OTX_OK);
        for (j = 0; j < count && j < OTX__COUNT(ids); j++)
            FUZZ_CHECK(ids[j] < vocab->count && vocab->tokens[ids[j]].kind != OTX_TOKEN_NONE);
    }
}

#ifdef OTX_FUZZ_FILE

/* The text up to the next separator, in a block of its own, so that a byte read
   beyond it is caught; NULL when there is no more. */
static char *next_text(const char **at, const char *end, otx_vocab_text *text)
{
    const char *stop;
    char *copy;
    if (!*at) return NULL;
    for (stop = *at; end - stop >= 2 && memcmp(stop, SEPARATOR, 2) != 0;) stop++;
    if (end - stop < 2) stop = end;
    text->size = (size_t)(stop - *at);
    copy = (char *)malloc(text->size ? text->size : 1);
    if (copy && text->size) memcpy(copy, *at, text->size);
    text->bytes = copy;
    *at = stop == end ? NULL : stop + 2;
    return copy;
}

static void keep_log(void *context, otx_severity severity, const char *message)
{
    (void)context;
    FUZZ_CHECK(message[0] && !strchr(message, '\n'));
    FUZZ_CHECK(severity == OTX_NOTE || severity == OTX_WARNING);
}

static void fuzz_one(const char *bytes, size_t size)
{
    static const otx_vocab_file order[] = {
        OTX_FUZZ_FILE, OTX_VOCAB_TOKENIZER_CONFIG, OTX_VOCAB_ADDED_TOKENS,
        OTX_VOCAB_SPECIAL_TOKENS, OTX_VOCAB_MODEL_CONFIG
    };
    const char *at = bytes, *end = bytes + size;
    otx_vocab_text texts[OTX_VOCAB_FILES];
    otx_context ctx;
    otx_error error;
    otx_vocab vocab;
    size_t i;
    memset(texts, 0, sizeof texts);
    memset(&ctx, 0, sizeof ctx);
    memset(&error, 0, sizeof error);
    ctx.log = keep_log;
    for (i = 0; i < OTX__COUNT(order) && next_text(&at, end, &texts[order[i]]); i++) {
#ifdef OTX_FUZZ_MERGES
        if (i == 0 && !next_text(&at, end, &texts[OTX_VOCAB_MERGES])) break;
#endif
    }
    if (otx_vocab_parse(&ctx, texts, "fuzz", &vocab, &error)) {
        fuzz_check_error(&error);
        FUZZ_CHECK(!vocab.memory && !vocab.tokens && vocab.count == 0);
    } else {
        check_vocab(&vocab);
        if (otx_vocab_parse_rules(&ctx, texts, "fuzz", &vocab, &error)) fuzz_check_error(&error);
        else check_split(&vocab);
        otx_vocab_close(&ctx, &vocab);
    }
    for (i = 0; i < OTX_VOCAB_FILES; i++) free((void *)(uintptr_t)texts[i].bytes);
}

#endif
#endif

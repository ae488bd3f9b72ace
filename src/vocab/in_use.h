/* ---- in use: tokens that are named as reserved ones and are none --------------- */

/* A token in use is no longer one that was never trained: it stands for its content, as
   control tokens do. */
OTX__PRIVATE void otx__use_token(otx_vocab *vocab, int64_t id)
{
    otx_token *token;
    if (id < 0 || (uint64_t)id >= vocab->count) return;
    token = &vocab->tokens[id];
    token->in_use = true;
    if (token->kind == OTX_TOKEN_UNUSED) token->kind = OTX_TOKEN_CONTROL;
}

/* Bytes of the longest mark that is looked for. */
#define OTX__MARK_MOST 64

/* The next thing in a text that may be a control token by its looks: from < to >, from
   [ to ]. Moves the text on behind its first byte; false at the end. */
OTX__PRIVATE bool otx__next_mark(otx__span *text, otx__span *mark)
{
    while (text->size > 0) {
        const char first = *text->bytes, last = first == '<' ? '>' : ']';
        size_t most = otx__min(text->size, OTX__MARK_MOST), size = 1;
        mark->bytes = text->bytes;
        text->bytes++;
        text->size--;
        if (first != '<' && first != '[') continue;
        while (size < most && mark->bytes[size] != last) size++;
        mark->size = size + 1;
        if (size < most) return true;
    }
    return false;
}

OTX__PRIVATE void otx__use_marks(otx__tokenizer *t, otx__span text)
{
    otx__span mark;
    while (otx__next_mark(&text, &mark))
        otx__use_token(t->vocab, otx__index_find(&t->contents, OTX_TOKEN_NONE, mark.bytes,
                                                 mark.size));
}

/* The templates of tokenizer_config.json: a string, or a list of objects with one each. */
OTX__PRIVATE otx_result otx__use_templates(otx__tokenizer *t)
{
    const uint32_t node = otx_json_find(&t->config, 0, "chat_template");
    otx_result result = OTX_OK;
    size_t size;
    uint32_t i;
    for (i = node; node != OTX_JSON_NONE && i < otx_json_after(&t->config, node) && !result;
         i++) {
        if (otx_json_type_of(&t->config, i) != OTX_JSON_STRING) continue;
        result = otx__tokenizer_string(t, &t->config, i, &size);
        if (!result) otx__use_marks(t, otx__span_of(t->scratch, size));
    }
    return result;
}

/* The ids of generation_config.json, numbers and lists, under whatever names end so. What
   is wrong with the file concerns those who need it for more. */
OTX__PRIVATE otx_result otx__use_generation(otx__tokenizer *t)
{
    otx_error *error = t->error;
    otx_json json;
    otx_json_iter at;
    otx_result result;
    uint64_t id;
    uint32_t i;
    memset(&json, 0, sizeof json);
    t->error = NULL;
    result = otx__open_beside(t, OTX_VOCAB_GENERATION_CONFIG, &json);
    t->error = error;
    if (result == OTX_ERROR_MEMORY)
        return otx__fail_memory(error, t->texts[OTX_VOCAB_GENERATION_CONFIG].size);
    at = otx_json_iter_of(&json, result || !json.count ? OTX_JSON_NONE : 0);
    while (otx_json_iter_next(&at)) {
        otx__span key = otx__json_span(&json, at.key);
        if (key.size < 9 || !otx__span_is(otx__span_of(key.bytes + key.size - 9, 9),
                                          "_token_id"))
            continue;
        for (i = at.value; i < otx_json_after(&json, at.value); i++)
            if (otx_json_uint(&json, i, &id) && id < t->vocab->count)
                otx__use_token(t->vocab, (int64_t)id);
    }
    otx_json_close(t->ctx, &json);
    return OTX_OK;
}

/* Tokens that a chat template, a processor or a generation names are in use, whatever
   their names. (So are those with a role: otx__finish_tokens.) */
OTX__PRIVATE otx_result otx__find_in_use(otx__tokenizer *t)
{
    static const otx_vocab_file texts[] = {OTX_VOCAB_CHAT_TEMPLATE, OTX_VOCAB_CHAT_JSON,
                                           OTX_VOCAB_PROCESSOR, OTX_VOCAB_PREPROCESSOR};
    otx_result result = otx__use_templates(t);
    size_t i;
    for (i = 0; i < OTX__COUNT(texts) && !result; i++)
        if (t->texts[texts[i]].bytes)
            otx__use_marks(t, otx__span_of(t->texts[texts[i]].bytes, t->texts[texts[i]].size));
    return result ? result : otx__use_generation(t);
}

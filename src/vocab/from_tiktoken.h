/* ---- tiktoken: lines of base64 and rank ------------------------------------- */

/* The rank is the id. Special tokens stand in the code of the loader and, with
   luck, in added_tokens_decoder. */

/* Whether the line is BASE64 SPACE RANK; decodes the former to t->scratch. */
OTX__PRIVATE bool otx__tiktoken_line(otx__tokenizer *t, const char *line, size_t size,
                                     otx__given *word)
{
    const char *space = (const char *)memchr(line, ' ', size);
    const size_t length = space ? (size_t)(space - line) : 0;
    if (length == 0 || size - length > 11 ||
        !otx__parse_uint(otx__span_of(space + 1, size - length - 1), &word->id))
        return false;
    word->content = t->scratch;
    word->kind = OTX_TOKEN_TEXT;
    return word->id <= UINT32_MAX &&
           otx__base64_decode(line, length, t->scratch, &word->size);
}

OTX__PRIVATE otx_result otx__tiktoken_open(otx__tokenizer *t)
{
    t->type = "BPE";
    t->repeat = OTX__REPEAT_REFUSED;
    return OTX_OK;
}

OTX__PRIVATE otx_result otx__tiktoken_next(otx__tokenizer *t, otx__given *word, bool *more)
{
    const char *line = NULL;
    size_t size = 0;
    otx_result result;
    do {
        t->position++;
        *more = otx__next_line(t, &line, &size);
    } while (*more && size == 0);
    if (!*more) return OTX_OK;
    result = otx__tokenizer_scratch(t, size);
    if (result) return result;
    if (otx__tiktoken_line(t, line, size, word)) return OTX_OK;
    return otx__fail(t->error, OTX_ERROR_FORMAT,
                     "%s:%" PRIu64 ": expected a token in base64, a space and a rank", t->name,
                     t->position);
}

/* Says so where no special token is known. */
OTX__PRIVATE otx_result otx__tiktoken_roles(otx__tokenizer *t)
{
    if (t->vocab->token_count == t->model_size)
        otx__log(t->ctx, OTX_WARNING, "%s: holds no special tokens, and neither "
                 "tokenizer_config.json nor added_tokens.json lists those of its loader",
                 t->name);
    return OTX_OK;
}

/* Whether a text begins as such a file does. Only for telling it from a
   SentencePiece model, which goes by the same name. */
OTX__PRIVATE bool otx__looks_like_tiktoken(const char *text, size_t size)
{
    size_t at = 0;
    while (at < size && (otx__base64_digit(text[at]) >= 0 || text[at] == '=')) at++;
    return at > 0 && at + 1 < size && text[at] == ' ' && otx__is_digit(text[at + 1]);
}

/* ---- recognise: what a file is, by what it holds ---------------------------------- */

/* What JSON files that hold no tokens are known by: a key of the whole. */
static const struct {
    const char *key, *what;
} otx__tokenless[] = {
    {"weight_map", "an index of weights"},
    {"added_tokens_decoder", "a tokenizer_config.json"},
    {"tokenizer_class", "a tokenizer_config.json"},
    {"model_type", "a config.json"},
    {"architectures", "a config.json"},
    {"bos_token", "a special_tokens_map.json"},
    {"eos_token", "a special_tokens_map.json"},
    {"eos_token_id", "a generation_config.json"},
};

/* Whether the whole is {"token": id, ...}, and not the few ids of a configuration. */
OTX__PRIVATE bool otx__is_token_object(const otx_json *json)
{
    otx_json_iter member = otx_json_iter_of(json, 0);
    uint32_t count = otx_json_count(json, 0);
    uint64_t id;
    if (otx_json_type_of(json, 0) != OTX_JSON_OBJECT || count == 0 ||
        (count < 64 && otx_json_find(json, 0, "eos_token_id") != OTX_JSON_NONE))
        return false;
    while (otx_json_iter_next(&member))
        if (!otx_json_uint(json, member.value, &id)) return false;
    return true;
}

/* What a file holds. */
typedef struct otx__recognised {
    otx_vocab_file file; /* with tokens; OTX_VOCAB_FILES: none is known, ... */
    const char *looks;   /* ... and this is what it looks like, ... */
    bool other;          /* ... which is not one of them for certain */
} otx__recognised;

/* Which of the files with tokens a JSON document is, or what else. */
OTX__PRIVATE otx_vocab_file otx__recognise_json(const otx_json *json, otx__recognised *what)
{
    const uint32_t model = otx_json_find(json, 0, "model"), list = otx_json_find(json, 0, "vocab");
    size_t i;
    what->looks = otx_json_type_of(json, 0) == OTX_JSON_OBJECT ? "a JSON object of another kind"
                                                               : "JSON that is no object";
    if (otx_json_find(json, model, "vocab") != OTX_JSON_NONE) return OTX_VOCAB_TOKENIZER_JSON;
    if (otx_json_find(json, otx_json_item(json, list, 0), "token_bytes") != OTX_JSON_NONE)
        return OTX_VOCAB_TEKKEN;
    if (otx__is_token_object(json)) return OTX_VOCAB_JSON;
    for (i = 0; i < OTX__COUNT(otx__tokenless); i++)
        if (otx_json_find(json, 0, otx__tokenless[i].key) != OTX_JSON_NONE) {
            what->looks = otx__tokenless[i].what;
            what->other = true;
            break;
        }
    return OTX_VOCAB_FILES;
}

/* Whether a text begins as a SentencePiece model does: with a piece, which begins with its
   text. */
OTX__PRIVATE bool otx__looks_like_pieces(const char *text, size_t size)
{
    otx__proto model = otx__proto_open(text, size);
    otx__field field, inner;
    bool more;
    return !otx__proto_next(&model, &field, &more) && more &&
           field.number == OTX__MODEL_PIECES && field.wire == OTX__WIRE_BYTES &&
           !otx__proto_next(&field.bytes, &inner, &more) && more &&
           inner.number == OTX__PIECE_TEXT && inner.wire == OTX__WIRE_BYTES;
}

/* Whether a text is UTF-8 without control bytes but those between words and lines. */
OTX__PRIVATE bool otx__is_text(const char *text, size_t size)
{
    size_t i, step;
    for (i = 0; i < size; i += step) {
        unsigned char byte = (unsigned char)text[i];
        step = otx__utf8_length((const unsigned char *)text + i, size - i);
        if (step == 0 || (byte < 0x20 && byte != '\t' && byte != '\n' && byte != '\r'))
            return false;
    }
    return true;
}

/* Whether a line of a text is one of the special tokens that a vocab.txt has. */
OTX__PRIVATE bool otx__has_special_line(const char *text, size_t size)
{
    static const char *const specials[] = {"[UNK]", "[PAD]", "[CLS]", "<unk>", "<pad>", "<cls>"};
    size_t at = 0, end, i;
    while (at < size) {
        for (end = at; end < size && text[end] != '\n' && text[end] != '\r'; end++) {}
        for (i = 0; i < OTX__COUNT(specials); i++)
            if (otx__same_bytes(text + at, end - at, specials[i], strlen(specials[i])))
                return true;
        at = end + 1;
    }
    return false;
}

/* Tells what a text is by what it holds, whatever its name. Fails for want of memory
   alone. */
OTX__PRIVATE otx_result otx__recognise(const otx_context *ctx, const char *text, size_t size,
                                       otx__recognised *what, otx_error *error)
{
    otx_error problem;
    otx_json_options options;
    otx_json json;
    otx_result result = OTX_OK;
    size_t blank = 0;
    while (blank < size && strchr(" \t\r\n", text[blank]) && text[blank]) blank++;
    memset(what, 0, sizeof *what);
    what->file = OTX_VOCAB_FILES;
    what->looks = blank == size ? "nothing, as it is empty" : "text";
    memset(&json, 0, sizeof json);
    memset(&options, 0, sizeof options);
    options.allow_nonfinite = true; /* where it is no tokenizer */
    if (blank < size && (text[blank] == '{' || text[blank] == '[')) {
        result = otx_json_parse(ctx, text, size, "", &options, &json, &problem);
        if (!result) what->file = otx__recognise_json(&json, what);
        otx_json_close(ctx, &json);
        if (result == OTX_ERROR_MEMORY) return otx__fail(error, result, "%s", problem.message);
        if (!result) return OTX_OK;
        what->looks = "JSON that is damaged";
    }
    if (otx__looks_like_pieces(text, size)) what->file = OTX_VOCAB_SENTENCEPIECE;
    else if (otx__looks_like_tiktoken(text, size)) what->file = OTX_VOCAB_TIKTOKEN;
    else if (!otx__is_text(text, size)) what->looks = "bytes that are no text";
    else if (otx__has_special_line(text, size)) what->file = OTX_VOCAB_TXT;
    return OTX_OK;
}

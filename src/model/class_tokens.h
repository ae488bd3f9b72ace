/* ---- class_tokens: added tokens that a class numbers otherwise ------------------ */

/* Classes with rules of their own take of tokenizer.json, in transformers 5, the tokens of
   the model alone where tokenizer_config.json has "added_tokens_decoder", and number its
   contents on from them, in the order of its ids. All other classes, and transformers 4, go
   by tokenizer.json, as the reader here does: tests/added_tokens.py tries all of them. */

/* An entry of added_tokens_decoder. */
typedef struct otx__decoder_entry {
    uint64_t declared;
    size_t id; /* of the token that has its content */
} otx__decoder_entry;

OTX__PRIVATE int otx__compare_declared(const void *a, const void *b)
{
    uint64_t one = ((const otx__decoder_entry *)a)->declared;
    uint64_t other = ((const otx__decoder_entry *)b)->declared;
    return one < other ? -1 : one > other;
}

/* Lists the entries whose content one of the added tokens has, each token once. `text` has room
   for any content. */
OTX__PRIVATE size_t otx__decoder_entries(const otx_json *json, uint32_t decoder,
                                         const otx__token_index *added, bool *listed,
                                         otx__decoder_entry *entries, char *text)
{
    otx_json_iter at = otx_json_iter_of(json, decoder);
    size_t count = 0;
    while (otx_json_iter_next(&at)) {
        uint32_t content = otx_json_find(json, at.value, "content");
        int64_t id;
        entries[count].declared = 0;
        (void)otx__id_of_key(json, at.key, &entries[count].declared); /* it was read once */
        id = otx__index_find(added, OTX_TOKEN_NONE, text, otx_json_string(json, content, text));
        if (id < 0 || listed[id]) continue;
        listed[id] = true;
        entries[count++].id = (size_t)id;
    }
    otx__sort(entries, count, sizeof *entries, otx__compare_declared);
    return count;
}

/* The first added token that is not in added_tokens_decoder, or else not in the order of
   the ids that it has here; vocab.count if there is none. */
OTX__PRIVATE size_t otx__first_renumbered(const otx__side *side, const bool *listed,
                                          const otx__decoder_entry *entries, size_t count)
{
    size_t i;
    for (i = 0; i < side->vocab.count; i++)
        if (side->vocab.tokens[i].added && !listed[i]) return i;
    for (i = 1; i < count; i++)
        if (entries[i].id < entries[i - 1].id) return entries[i].id;
    return side->vocab.count;
}

OTX__PRIVATE otx_result otx__find_renumbered(const otx_context *ctx, const otx__side *side,
                                             uint32_t decoder, size_t *first, otx_error *error)
{
    const otx_vocab *vocab = &side->vocab;
    const otx_json *json = &side->tokenizer.json;
    const size_t most = otx_json_count(json, decoder) + (size_t)1;
    const size_t size = otx__json_span(json, decoder).size;
    otx__decoder_entry *entries =
        (otx__decoder_entry *)otx__alloc(ctx, most, sizeof *entries);
    bool *listed = (bool *)otx__alloc_zero(ctx, vocab->count, sizeof *listed);
    char *text = (char *)otx__alloc(ctx, size, 1);
    otx__token_index added;
    otx_result result = OTX_OK;
    size_t i, count = 0;
    memset(&added, 0, sizeof added);
    for (i = 0; i < vocab->count; i++) count += vocab->tokens[i].added;
    if (!entries || !listed || !text) result = otx__fail_array(error, most, sizeof *entries);
    else result = otx__index_open(ctx, &added, vocab->tokens, count, true, error);
    for (i = 0; i < vocab->count && !result; i++) {
        const otx_token *token = &vocab->tokens[i];
        if (token->added)
            *otx__index_slot(&added, OTX_TOKEN_NONE, token->content, token->content_size) =
                (uint32_t)i + 1;
    }
    if (!result) {
        count = otx__decoder_entries(json, decoder, &added, listed, entries, text);
        *first = otx__first_renumbered(side, listed, entries, count);
        otx__index_close(ctx, &added);
    }
    if (text) otx__free(ctx, text, size, 1);
    if (listed) otx__free(ctx, listed, vocab->count, sizeof *listed);
    if (entries) otx__free(ctx, entries, most, sizeof *entries);
    return result;
}

/* Warns where the class of a side's tokenizer makes that a difference. */
OTX__PRIVATE otx_result otx__warn_renumbered(const otx_context *ctx, const otx__side *side,
                                             otx_error *error)
{
    const otx_json *json = &side->tokenizer.json;
    const uint32_t decoder = otx_json_find(json, otx__document_root(&side->tokenizer),
                                           OTX__KEY_ADDED_DECODER);
    const otx__span made = otx__class_effective(
        otx__document_word(&side->config, OTX__KEY_MODEL_TYPE), otx__side_class(side),
        side->vocab.family == OTX_FAMILY_BYTE_LEVEL, otx__side_is_mapped(side));
    char path[OTX__PATH_TEXT], token[OTX__QUOTED];
    size_t first = 0;
    otx_result result;
    if (otx_json_type_of(json, decoder) != OTX_JSON_OBJECT || otx__span_is(made, OTX__AS_IS) ||
        strcmp(otx__word(side->vocab.source), "tokenizer.json") != 0)
        return OTX_OK;
    result = otx__find_renumbered(ctx, side, decoder, &first, error);
    if (result || first == side->vocab.count) return result;
    otx__log(ctx, OTX_WARNING, "%s: the added tokens of tokenizer.json and those of \""
             OTX__KEY_ADDED_DECODER "\" of tokenizer_config.json differ, first in token \"%s\" "
             "(id %" PRIu64 "): %.*s of transformers 5 goes by the latter and gives them other "
             "ids; here they are as for other classes and transformers 4",
             otx__path_text(path, side->path), otx__side_content(token, side, first),
             (uint64_t)first, (int)made.size, made.bytes);
    return OTX_OK;
}

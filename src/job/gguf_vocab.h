/* ---- gguf_vocab: the keys of a vocabulary in a GGUF file ------------------------ */

/* What is written is what llama.cpp's converter writes (convert_hf_to_gguf.py, November 2026)
   for the tokenizer of a directory, whatever the model; tests/gguf_keys.py compares the two,
   and lists where this is truer to the tokenizer. */

/* ---- which kind ---- */

/* Whether tokenizer.json treats text as llama.cpp's SentencePiece does: spaces become marks,
   and nothing is cut that its merges could join. */
OTX__PRIVATE bool otx__gguf_is_spm_text(const otx_json *json)
{
    const uint32_t part = otx_json_find(json, 0, "pre_tokenizer");
    const uint32_t pattern = otx_json_find(json, part, "pattern");
    if (otx_json_type_of(json, part) == OTX_JSON_NULL) return true;
    if (otx_json_equals(json, otx_json_find(json, part, "type"), "Metaspace")) return true;
    return otx_json_equals(json, otx_json_find(json, part, "type"), "Split") && /* Gemma */
           otx_json_equals(json, otx_json_find(json, pattern, "String"), " ");
}

/* llama.cpp needs a token for every byte, for text that no piece has. */
OTX__PRIVATE otx_result otx__gguf_check_bytes(const otx__gguf_donor *donor, otx_error *error)
{
    const otx_vocab *vocab = &donor->side->vocab;
    bool has[256];
    size_t i;
    memset(has, 0, sizeof has);
    for (i = 0; i < vocab->count; i++)
        if (vocab->tokens[i].kind == OTX_TOKEN_BYTE)
            has[(unsigned char)vocab->tokens[i].bytes[0]] = true;
    for (i = 0; i < 256 && has[i]; i++) {}
    if (i == 256) return OTX_OK;
    return otx__fail(error, OTX_ERROR_UNSUPPORTED, "%s: has no token for the byte 0x%02X, "
                     "without which llama.cpp cannot read all texts", donor->at.name,
                     (unsigned)i);
}

OTX__PRIVATE otx_result otx__gguf_find_kind(const otx__gguf_donor *donor, otx__gguf_kind *kind,
                                            otx_error *error)
{
    const otx__tokenizer *t = &donor->at;
    const otx_vocab *vocab = &donor->side->vocab;
    const bool ranks = otx__gguf_donor_is(donor, "tekken.json") ||
                       otx__gguf_donor_is(donor, "tiktoken");
    const char *why = NULL;
    *kind = OTX__GGUF_KINDS;
    if (strcmp(vocab->model, "BPE") == 0) {
        if (ranks || (vocab->family == OTX_FAMILY_BYTE_LEVEL && t->spelling.mark_size == 0))
            *kind = OTX__GGUF_BPE;
        else if (vocab->family != OTX_FAMILY_METASPACE || otx__gguf_donor_is(donor, "vocab.json"))
            why = "BPE that is neither byte-level nor SentencePiece's";
        else if (t->reader->complete && !otx__gguf_is_spm_text(&t->json))
            why = "BPE on marks for spaces with a pre-tokenizer";
        else *kind = OTX__GGUF_SPM;
    } else if (strcmp(vocab->model, "Unigram") == 0) {
        *kind = OTX__GGUF_UGM;
        if (vocab->roles[OTX_ROLE_UNK] < 0) why = "Unigram without an unknown token";
    } else if (strcmp(vocab->model, "WordPiece") == 0) {
        *kind = OTX__GGUF_WPM;
        if (t->reader->complete && (t->spelling.mark_size != 2 ||
                                    memcmp(t->spelling.mark, "##", 2) != 0))
            why = "WordPiece without ##";
    } else {
        why = vocab->model;
    }
    if (why)
        return otx__fail(error, OTX_ERROR_UNSUPPORTED, "%s: llama.cpp has no vocabulary of this "
                         "kind, %s", donor->at.name, why);
    return *kind == OTX__GGUF_SPM ? otx__gguf_check_bytes(donor, error) : OTX_OK;
}

/* ---- whole words ---- */

/* Where the rules for a name differ from the tokenizer in whether a word that is a token is
   that one, it must be so by the merges as well. */
OTX__PRIVATE otx_result otx__gguf_check_whole(otx__gguf_donor *donor, const char *pre,
                                              const otx__gguf_tokens *tokens, otx_error *error)
{
    const otx_context *ctx = donor->at.ctx;
    otx__rules *rules = otx__rules_open(ctx, error);
    char quoted[OTX__QUOTED];
    otx_result result = OTX_ERROR_MEMORY;
    size_t id, count = 0;
    uint32_t first = 0;
    if (rules) result = otx__rules_read(&donor->at, rules);
    if (!result) rules->whole_first = false;
    donor->view.rules = rules;
    for (id = 0; id < donor->view.count && !result; id++) {
        const otx_token *token = &donor->view.tokens[id];
        if (tokens->types[id] != OTX__PIECE_NORMAL) continue;
        result = otx_vocab_split(ctx, &donor->view, token->bytes, token->size, &first, 1, &count,
                                 error);
        if (!result && (count != 1 || first != id))
            result = otx__fail(error, OTX_ERROR_UNSUPPORTED, "%s: text is cut as by llama.cpp's "
                               "\"%s\", but merges alone do not make token %" PRIu64 ", \"%s\", "
                               "of its text: they differ in ignore_merges; name another with "
                               "--pre if you are sure", donor->at.name, pre, (uint64_t)id,
                               otx__quote(quoted, sizeof quoted, token->bytes, token->size));
    }
    donor->view.rules = NULL;
    otx__vocab_drop_rules(ctx, rules);
    return result;
}

/* The name of the pre-tokenizer, which only byte-level vocabularies have. */
OTX__PRIVATE otx_result otx__gguf_find_pre(otx__gguf_donor *donor, const char **pre,
                                           const otx__gguf_tokens *tokens, otx_error *error)
{
    const otx_json *json = &donor->at.json;
    const otx__pre_row *row;
    otx_result result;
    bool whole;
    if (*pre) return OTX_OK;
    *pre = "default";
    if (tokens->kind != OTX__GGUF_BPE) return OTX_OK;
    result = otx__pre_find(donor, pre, &row, error);
    if (result || !row) return result;
    whole = otx_json_type_of(json, otx_json_find(json, donor->at.model, "ignore_merges")) ==
            OTX_JSON_TRUE;
    return row->whole == whole ? OTX_OK : otx__gguf_check_whole(donor, *pre, tokens, error);
}

/* ---- all of it ---- */

OTX__PRIVATE void otx__gguf_add_tokens(const otx__gguf_tokens *tokens, const otx_context *ctx,
                                       otx__gguf_list *list)
{
    const bool scored = tokens->kind == OTX__GGUF_SPM || tokens->kind == OTX__GGUF_UGM;
    otx__text strings, types, scores;
    size_t i;
    otx__text_open(&strings, ctx);
    otx__text_open(&types, ctx);
    otx__text_open(&scores, ctx);
    for (i = 0; i < tokens->count; i++) {
        otx__gguf_text_string(&strings, tokens->list[i].content, tokens->list[i].content_size);
        otx__gguf_text_i32(&types, tokens->types[i]);
        if (scored) otx__gguf_text_f32(&scores, tokens->scores[i]);
    }
    otx__gguf_add_text(list, "tokenizer.ggml.tokens", OTX_GGUF_STRING, tokens->count, &strings);
    if (scored)
        otx__gguf_add_text(list, "tokenizer.ggml.scores", OTX_GGUF_F32, tokens->count, &scores);
    otx__gguf_add_text(list, "tokenizer.ggml.token_type", OTX_GGUF_I32, tokens->count, &types);
    otx__text_close(&scores);
    otx__text_close(&types);
    otx__text_close(&strings);
}

OTX__PRIVATE otx_result otx__gguf_add_all(otx__gguf_donor *donor, uint64_t rows,
                                          const char *pre, otx__gguf_list *list,
                                          otx_error *error)
{
    otx__gguf_tokens tokens;
    otx__gguf_kind kind;
    otx_result result = otx__gguf_find_kind(donor, &kind, error);
    if (result) return result;
    result = otx__gguf_tokens_open(donor, kind, rows, &tokens, error);
    if (!result) result = otx__gguf_find_pre(donor, &pre, &tokens, error);
    if (!result) result = otx__gguf_scores(donor, &tokens, error);
    if (!result) {
        const char *model = otx__gguf_models[kind];
        otx__gguf_add_string(list, "tokenizer.ggml.model", model, strlen(model));
        otx__gguf_add_string(list, "tokenizer.ggml.pre", pre, strlen(pre));
        otx__gguf_add_tokens(&tokens, donor->at.ctx, list);
        if (kind == OTX__GGUF_BPE) result = otx__gguf_add_merges(donor, &tokens, list, error);
    }
    otx__gguf_tokens_close(&tokens);
    if (result) return result;
    otx__gguf_add_roles(donor, kind, rows, list);
    return otx__gguf_add_normal(donor, kind, list, error);
}

/* Adds the keys of the tokenizer of a model directory, `tokenizer.*` and nothing else: neither
   ARCH.vocab_size nor tokenizer.ggml.token_type_count, which stay with the base. There are
   `rows` tokens, at least side->vocab.count; ids without one are "[PADid]". `pre` is the name
   of the rule that llama.cpp cuts text by, or NULL: then it is found, or refused with the
   names. `chat` is the template, an empty text for none, or NULL for all that the donor has.
   On failure the list holds some of it. */
OTX__PRIVATE otx_result otx__gguf_vocab_keys(const otx_context *ctx, const otx__side *side,
                                             uint64_t rows, const char *pre,
                                             const otx__text *chat, otx__gguf_list *list,
                                             otx_error *error)
{
    otx__gguf_donor donor;
    otx_result result =
        otx__gguf_donor_open(ctx, side, OTX_VOCAB_TOKENIZER_JSON, &donor, error);
    if (!result && !donor.at.reader)
        result = otx__fail(error, OTX_ERROR_NOT_FOUND, "%s: has lost its tokenizer", side->path);
    if (!result) result = otx__gguf_add_all(&donor, rows, pre, list, error);
    otx__gguf_donor_close(&donor);
    if (!result && !chat) result = otx__gguf_add_chats(ctx, side, list, error);
    if (!result && chat && chat->size > 0)
        otx__gguf_add_string(list, OTX__GGUF_CHAT, chat->bytes, chat->size);
    return result;
}

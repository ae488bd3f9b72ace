/* ---- files_ranks: tiktoken's ranks and tekken.json, written anew ----------------------- */

/* ---- tiktoken ---- */

/* Lines "BASE64 RANK", of which the rank is the id. */
OTX__PRIVATE otx_result otx__new_ranks(const otx__reshaping *t, otx__span text, otx__text *to,
                                       otx_error *error)
{
    otx__span line;
    size_t at = 0, size;
    while (otx__new_line(text, &at, &line, &size)) {
        const char *space = (const char *)memchr(line.bytes, ' ', size);
        const size_t head = space ? (size_t)(space - line.bytes) + 1 : 0;
        uint64_t rank;
        if (!space || !otx__parse_uint(otx__span_of(space + 1, size - head), &rank) ||
            rank >= t->vocab.count || t->ids[rank] == OTX__GONE)
            continue;
        otx__text_bytes(to, line.bytes, head);
        otx__text_format(to, "%" PRIu32, t->ids[rank]);
        otx__text_bytes(to, line.bytes + size, line.size - size);
    }
    return to->failed ? otx__fail_memory(error, to->size) : OTX_OK;
}

/* Whether a text holds a number that stands by itself. */
OTX__PRIVATE bool otx__holds_number(otx__span text, uint64_t number)
{
    char digits[24];
    const size_t size = otx__format(digits, sizeof digits, "%" PRIu64, number);
    size_t at;
    for (at = 0; at + size <= text.size; at++)
        if (memcmp(text.bytes + at, digits, size) == 0 &&
            (at == 0 || !otx__is_digit(text.bytes[at - 1])) &&
            (at + size == text.size || !otx__is_digit(text.bytes[at + size])))
            return true;
    return false;
}

/* Refuses the loader's code if it says by number how many ranks there are, as Qwen's does. */
OTX__PRIVATE otx_result otx__check_code(const otx__reshaping *t, const char *name,
                                        uint64_t ranks, otx_error *error)
{
    char where[OTX__PATH_TEXT], *path = otx__path_join(t->ctx, t->model, name), *bytes = NULL;
    size_t size = 0;
    otx_result result;
    if (!path) return otx__fail_memory(error, strlen(t->model) + strlen(name) + 2);
    result = otx__file_read_all(t->ctx, path, OTX__TOKENIZER_LIMIT, &bytes, &size, error);
    if (!result && otx__holds_number(otx__span_of(bytes, size), ranks))
        result = otx__fail(error, OTX_ERROR_UNSUPPORTED, "%s: holds the number %" PRIu64 ", the "
                           "count of ranks, from which special tokens would be numbered; have it "
                           "take the length of the ranks that it has read instead",
                           otx__path_text(where, path), ranks);
    if (bytes) otx__file_free(t->ctx, bytes, size);
    otx__path_free(t->ctx, path);
    return result;
}

/* Rows that the model has behind all ids: its loader may have tokens for them. */
OTX__PRIVATE otx_result otx__count_spare(otx__reshaping *t, otx_error *error)
{
    otx__document config;
    uint64_t rows = 0;
    otx_result result = otx__document_open(t->ctx, t->model, "config.json", &config, error);
    if (result) return result;
    (void)otx_json_uint(&config.json, otx_json_find(&config.json, otx__document_root(&config),
                                                    "vocab_size"), &rows);
    if (rows > t->vocab.count) t->spare = rows - t->vocab.count;
    otx__document_close(t->ctx, &config);
    return OTX_OK;
}

/* Ranks are ids, and special tokens have those from their count on: loaders number them so, and
   not all of them are listed. */
OTX__PRIVATE otx_result otx__keep_ranks(otx__reshaping *t, uint64_t *named, otx_error *error)
{
    char path[OTX__PATH_TEXT];
    otx__listing listing;
    size_t i, ranks = 0, others = 0;
    otx_result result;
    otx__path_text(path, t->model);
    while (ranks < t->vocab.count && t->vocab.tokens[ranks].kind != OTX_TOKEN_NONE &&
           !otx__is_cut(&t->vocab.tokens[ranks]))
        t->own[ranks++] = true;
    for (i = ranks; i < t->vocab.count; i++) {
        const otx_token *token = &t->vocab.tokens[i];
        if (token->kind == OTX_TOKEN_NONE) continue;
        if (!otx__is_cut(token) && token->kind != OTX_TOKEN_UNUSED)
            return otx__fail(error, OTX_ERROR_UNSUPPORTED, "%s: its ranks are not numbered "
                             "through, there is a token at %" PRIu64 " behind %" PRIu64
                             " others; they cannot be numbered anew", path, (uint64_t)i,
                             (uint64_t)ranks);
        others++;
        *named += !t->keep[i];
        t->keep[i] = true;
    }
    if (others == 0)
        return otx__fail(error, OTX_ERROR_UNSUPPORTED, "%s: its special tokens stand in its "
                         "loader's code alone; list them with their ids in added_tokens_decoder "
                         "of tokenizer_config.json, so that they are numbered anew", path);
    t->holes = true;
    result = otx__count_spare(t, error);
    if (result) return result;
    result = otx__listing_open(t->ctx, t->model, &listing, error);
    for (i = 0; !result && i < listing.count; i++)
        if (otx__is_tokenizer_code(listing.names[i]))
            result = otx__check_code(t, listing.names[i], ranks, error);
    otx__listing_close(&listing);
    return result;
}

/* ---- tekken.json ---- */

/* How many ids are special tokens', which come first; then come the entries of the list. */
OTX__PRIVATE uint64_t otx__tekken_specials_of(const otx_json *json)
{
    uint64_t count = 0;
    (void)otx_json_uint(json, otx_json_find(json, otx_json_find(json, 0, "config"),
                                            "default_num_special_tokens"), &count);
    return count;
}

/* Entries that stay, with the ranks that they have then; those that no id has go. */
OTX__PRIVATE void otx__new_tekken_words(otx__new_file *f, uint32_t array)
{
    const uint64_t specials = otx__tekken_specials_of(f->json);
    otx_json_iter entry = otx_json_iter_of(f->json, array);
    while (otx_json_iter_next(&entry)) {
        const uint64_t id = entry.index + specials;
        uint32_t start, end, at, after;
        if (id >= f->t->vocab.count || f->t->ids[id] == OTX__GONE) continue;
        otx__json_bytes(f->json, entry.value, &start, &end);
        otx__json_bytes(f->json, otx_json_find(f->json, entry.value, "rank"), &at, &after);
        otx__new_next(f);
        otx__text_bytes(&f->value, f->json->text + start, at - start);
        otx__text_format(&f->value, "%" PRIu64, f->t->ids[id] - specials);
        otx__text_bytes(&f->value, f->json->text + after, end - after);
    }
}

/* Puts a number in the place of one. */
OTX__PRIVATE void otx__new_put_count(otx__new_file *f, const char *member, uint64_t count)
{
    const uint32_t node = otx_json_find(f->json, otx_json_find(f->json, 0, "config"), member);
    char digits[24];
    if (f->result || otx_json_type_of(f->json, node) != OTX_JSON_NUMBER) return;
    otx__format(digits, sizeof digits, "%" PRIu64, count);
    f->result = otx_json_edit_replace(f->t->ctx, f->edit, node, digits, f->error);
}

OTX__PRIVATE void otx__new_tekken_json(otx__new_file *f)
{
    otx__new_part(f, otx_json_find(f->json, 0, "vocab"), otx__new_tekken_words);
    otx__new_put_count(f, "default_vocab_size", f->t->count);
    otx__new_put_count(f, "num_vocab_tokens", f->t->count - otx__tekken_specials_of(f->json));
}

/* All special tokens stay: their ids are their places in the list. */
OTX__PRIVATE void otx__keep_tekken(otx__reshaping *t, const otx_json *json, uint64_t *named)
{
    const uint64_t specials = otx__tekken_specials_of(json);
    size_t i;
    for (i = 0; i < t->vocab.count && i < specials; i++) {
        *named += !t->keep[i];
        t->keep[i] = true;
    }
}

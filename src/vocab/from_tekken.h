/* ---- tekken.json: the tokenizers of Mistral ---------------------------------- */

/* Special tokens have the first ids; then come the entries of the list of tokens, in
   order, as many as the configuration says. Bytes are in base64. */

/* A count from the configuration. */
OTX__PRIVATE otx_result otx__tekken_count(otx__tokenizer *t, const char *key, uint64_t *count)
{
    const uint32_t node = otx_json_find(&t->json, otx_json_find(&t->json, 0, "config"), key);
    if (otx_json_uint(&t->json, node, count)) return OTX_OK;
    return otx__fail(t->error, OTX_ERROR_FORMAT, "%s: config.%s is not a whole number", t->name,
                     key);
}

/* The N of the version "vN", or 0. */
OTX__PRIVATE unsigned otx__tekken_version(const otx__tokenizer *t)
{
    const otx_json *json = &t->json;
    const uint32_t node = otx_json_find(json, otx_json_find(json, 0, "config"), "version");
    uint64_t version = 0;
    char text[8] = "";
    size_t size;
    if (otx__json_span(json, node).size > sizeof text) return 0;
    size = otx_json_string(json, node, text);
    if (size > 0 && text[0] == 'v')
        (void)otx__parse_uint(otx__span_of(text + 1, size - 1), &version);
    return (unsigned)version;
}

/* Finds the two lists and checks how many of each there are. */
OTX__PRIVATE otx_result otx__tekken_open(otx__tokenizer *t)
{
    const otx_json *json = &t->json;
    uint64_t size = 0, listed;
    otx_result result = otx__open_own(t);
    if (!result) result = otx__tekken_count(t, "default_vocab_size", &size);
    if (!result) result = otx__tekken_count(t, "default_num_special_tokens", &t->special_count);
    if (result) return result;
    t->words = otx_json_find(json, 0, "vocab");
    t->specials = otx_json_find(json, 0, "special_tokens");
    if (otx_json_type_of(json, t->words) != OTX_JSON_ARRAY)
        return otx__fail(t->error, OTX_ERROR_FORMAT, "%s: there is no array \"vocab\"",
                         t->name);
    if (otx_json_type_of(json, t->specials) == OTX_JSON_ARRAY) {
        listed = otx_json_count(json, t->specials);
    } else if (otx_json_type_of(json, t->specials) != OTX_JSON_NULL ||
               otx__tekken_version(t) == 0 || otx__tekken_version(t) > OTX__TEKKEN_UNLISTED) {
        return otx__fail(t->error, OTX_ERROR_FORMAT,
                         "%s: there is no array \"special_tokens\", which only the versions up "
                         "to v%d may lack", t->name, OTX__TEKKEN_UNLISTED);
    } else {
        t->specials = OTX_JSON_NONE;
        listed = OTX__COUNT(otx__tekken_specials);
    }
    t->word_count = size - t->special_count;
    if (listed > t->special_count || t->special_count > size ||
        t->word_count > otx_json_count(json, t->words) ||
        t->special_count > otx__id_limit(otx_json_count(json, t->words)))
        return otx__fail(t->error, OTX_ERROR_FORMAT,
                         "%s: a vocabulary of %" PRIu64 " with %" PRIu64 " special tokens does "
                         "not go with lists of %" PRIu32 " and %" PRIu64, t->name, size,
                         t->special_count, otx_json_count(json, t->words), listed);
    t->type = "BPE";
    t->repeat = OTX__REPEAT_APART;
    return OTX_OK;
}

/* Whether an entry of a list has the position that it says. */
OTX__PRIVATE otx_result otx__tekken_rank(otx__tokenizer *t, uint32_t entry, const char *list,
                                         uint64_t position)
{
    uint64_t rank;
    if (otx_json_uint(&t->json, otx_json_find(&t->json, entry, "rank"), &rank) &&
        rank == position)
        return OTX_OK;
    return otx__fail(t->error, OTX_ERROR_FORMAT, "%s: entry %" PRIu64 " of %s has not the rank "
                     "%" PRIu64, t->name, position, list, position);
}

/* A special token: listed, or one of those above, or a filler. */
OTX__PRIVATE otx_result otx__tekken_special(otx__tokenizer *t, otx__given *word)
{
    const otx_json *json = &t->json;
    uint32_t content;
    otx_result result;
    word->kind = OTX_TOKEN_CONTROL;
    word->added = true;
    if (t->position == 0) t->entries = otx_json_iter_of(json, t->specials);
    if (otx_json_iter_next(&t->entries)) {
        result = otx__tekken_rank(t, t->entries.value, "special_tokens", t->position);
        if (result) return result;
        content = otx_json_find(json, t->entries.value, "token_str");
        if (otx_json_type_of(json, content) != OTX_JSON_STRING)
            return otx__fail(t->error, OTX_ERROR_FORMAT, "%s: entry %" PRIu64 " of "
                             "special_tokens has no token_str", t->name, t->position);
        result = otx__tokenizer_string(t, json, content, &word->size);
        word->content = t->scratch;
        return result;
    }
    if (t->specials == OTX_JSON_NONE && t->position < OTX__COUNT(otx__tekken_specials)) {
        word->content = otx__tekken_specials[t->position];
        word->size = strlen(word->content);
        return OTX_OK;
    }
    result = otx__tokenizer_scratch(t, 40);
    if (result) return result;
    word->size = otx__format(t->scratch, 40, "<SPECIAL_%" PRIu64 ">", t->position);
    word->content = t->scratch;
    return OTX_OK;
}

OTX__PRIVATE otx_result otx__tekken_next(otx__tokenizer *t, otx__given *word, bool *more)
{
    const otx_json *json = &t->json;
    const uint64_t rank = t->position - t->special_count;
    uint32_t content;
    otx_result result;
    *more = t->position < t->special_count + t->word_count;
    word->id = t->position;
    if (!*more) return OTX_OK;
    if (t->position < t->special_count) {
        result = otx__tekken_special(t, word);
        t->position++;
        return result;
    }
    if (rank == 0) t->entries = otx_json_iter_of(json, t->words);
    t->position++;
    (void)otx_json_iter_next(&t->entries); /* there are enough: word_count is no more */
    result = otx__tekken_rank(t, t->entries.value, "vocab", rank);
    if (result) return result;
    content = otx_json_find(json, t->entries.value, "token_bytes");
    word->size = 0;
    if (otx_json_type_of(json, content) == OTX_JSON_STRING) {
        result = otx__tokenizer_string(t, json, content, &word->size);
        if (result) return result;
    }
    if (word->size == 0 ||
        !otx__base64_decode(t->scratch, word->size, t->scratch, &word->size) ||
        (rank < 256 && (word->size != 1 || (unsigned char)t->scratch[0] != rank)))
        return otx__fail(t->error, OTX_ERROR_FORMAT, "%s: the token_bytes of entry %" PRIu64
                         " of vocab are not base64%s", t->name, rank,
                         rank < 256 ? " of that byte" : "");
    word->content = t->scratch;
    word->kind = OTX_TOKEN_TEXT;
    word->added = false;
    return OTX_OK;
}

OTX__PRIVATE otx_result otx__tekken_roles(otx__tokenizer *t)
{
    otx__fall_back_on(t, otx__roles_tekken, OTX__COUNT(otx__roles_tekken));
    return OTX_OK;
}

/* ---- gguf_merge: the keys of a GGUF file under another vocabulary ------------------ */

/* All that begins so is the vocabulary's and comes from the donor, known or not, but the
   number of BERT's segments, which sizes a tensor of the base. */
#define OTX__GGUF_VOCAB "tokenizer."
#define OTX__GGUF_SEGMENTS "tokenizer.ggml.token_type_count"

/* What llama.cpp calls the type of a token that nothing is, and the score that its converter
   gives one. */
#define OTX__GGUF_UNUSED 5
#define OTX__GGUF_LEAST_SCORE (-10000)

/* Keys of the model that hold an id: ARCHITECTURE.NAME. */
static const char *const otx__gguf_id_keys[] = {
    "decoder_start_token_id", /* T5 */
};

OTX__PRIVATE bool otx__gguf_begins(const otx_gguf_key *key, const char *with)
{
    const size_t size = strlen(with);
    return key->name_size >= size && memcmp(key->name, with, size) == 0;
}

OTX__PRIVATE bool otx__gguf_is_vocab(const otx_gguf_key *key)
{
    return otx__gguf_begins(key, OTX__GGUF_VOCAB) &&
           !otx__same_bytes(key->name, key->name_size, OTX__GGUF_SEGMENTS,
                            strlen(OTX__GGUF_SEGMENTS));
}

/* ---- tokens ---- */

/* Lists the tokens that keep their strings: of equal ones the first. The others are of no
   kind. */
OTX__PRIVATE void otx__gguf_keep_first(const otx_gguf_key *tokens, uint64_t rows,
                                       otx_token *list, otx__token_index *index,
                                       otx__example *same)
{
    otx_gguf_strings at;
    uint64_t i;
    memset(&at, 0, sizeof at);
    for (i = 0; i < rows && otx_gguf_next(tokens, &at); i++) {
        uint32_t *slot = otx__index_slot(index, OTX_TOKEN_NONE, at.bytes, at.size);
        if (*slot) {
            otx__example_add(same, at.bytes, at.size, i, *slot - 1);
            continue;
        }
        list[i].content = at.bytes;
        list[i].content_size = (uint32_t)at.size;
        list[i].kind = OTX_TOKEN_TEXT;
        *slot = (uint32_t)i + 1;
    }
}

/* Writes a name that no token has: "[PAD7]", or "[PAD7_2]" if one is called so. */
OTX__PRIVATE void otx__gguf_put_new_name(const otx__token_index *index, const char *what,
                                         uint64_t id, otx__text *to)
{
    char name[64];
    size_t size = otx__format(name, sizeof name, "[%s%" PRIu64 "]", what, id);
    uint64_t i;
    for (i = 2; otx__index_find(index, OTX_TOKEN_NONE, name, size) >= 0; i++)
        size = otx__format(name, sizeof name, "[%s%" PRIu64 "_%" PRIu64 "]", what, id, i);
    otx__gguf_text_string(to, name, size);
}

/* Writes the list of tokens anew: of two with one string the second becomes another, as
   llama.cpp ends on such, and there are as many as rows. */
OTX__PRIVATE otx_result otx__gguf_unique(const otx_job *job, const otx_gguf_key *tokens,
                                         uint64_t rows, otx__text *to, otx_error *error)
{
    otx__token_index index;
    otx__example same;
    otx_token *list = (otx_token *)otx__alloc_zero(&job->ctx, (size_t)rows, sizeof *list);
    uint64_t i;
    otx_result result;
    if (!list) return otx__fail_array(error, (size_t)rows, sizeof *list);
    memset(&same, 0, sizeof same);
    result = otx__index_open(&job->ctx, &index, list, (size_t)rows, true, error);
    if (!result) otx__gguf_keep_first(tokens, rows, list, &index, &same);
    for (i = 0; i < rows && !result; i++) {
        if (list[i].kind != OTX_TOKEN_NONE)
            otx__gguf_text_string(to, list[i].content, list[i].content_size);
        else otx__gguf_put_new_name(&index, i < tokens->count ? "SAME" : "PAD", i, to);
    }
    if (!result) otx__index_close(&job->ctx, &index);
    otx__free(&job->ctx, list, (size_t)rows, sizeof *list);
    if (!result && to->failed) result = otx__fail_memory(error, to->size);
    if (!result && same.count)
        otx__log(&job->ctx, OTX_WARNING, "%s: of %" PRIu64 " tokens the string is that of an "
                 "earlier one, which llama.cpp does not take: token %" PRIu64 " is \"%s\" once "
                 "more, as token %" PRIu64 " is, and so on; they are called [SAMEid]",
                 job->donor.path, same.count, same.id, same.quoted, same.declared);
    return result;
}

/* Gives one of the lists of numbers beside the tokens their length, if it is there. */
OTX__PRIVATE void otx__gguf_resize(otx__gguf_list *list, const char *name, uint64_t rows)
{
    const otx_gguf_key *key = otx__gguf_find_in(list, name);
    otx__text text;
    uint64_t i;
    if (!key || key->count == rows || key->size != key->count * 4) return;
    otx__text_open(&text, list->pool.ctx);
    otx__text_bytes(&text, key->data, otx__min((size_t)key->count, (size_t)rows) * 4);
    for (i = key->count; i < rows; i++) {
        if (strcmp(name, OTX__GGUF_TYPES) == 0) otx__gguf_text_i32(&text, OTX__GGUF_UNUSED);
        else if (key->type == OTX_GGUF_F32) otx__gguf_text_f32(&text, OTX__GGUF_LEAST_SCORE);
        else otx__gguf_text_i32(&text, OTX__GGUF_LEAST_SCORE);
    }
    otx__gguf_add_text(list, name, key->type, rows, &text);
    otx__text_close(&text);
}

/* Makes the list of tokens one of so many different ones. */
OTX__PRIVATE otx_result otx__gguf_settle_tokens(const otx_job *job, otx__gguf_list *list,
                                                uint64_t rows, otx_error *error)
{
    const otx_gguf_key *tokens = otx__gguf_find_in(list, OTX__GGUF_TOKENS);
    otx__text text;
    otx_result result;
    if (list->pool.failed) return otx__pool_fail(&list->pool, error);
    if (!tokens)
        return otx__fail(error, OTX_ERROR_FORMAT, "%s: has no key \"" OTX__GGUF_TOKENS "\"",
                         job->donor.path);
    otx__text_open(&text, &job->ctx);
    result = otx__gguf_unique(job, tokens, rows, &text, error);
    if (!result) otx__gguf_add_text(list, OTX__GGUF_TOKENS, OTX_GGUF_STRING, rows, &text);
    otx__text_close(&text);
    otx__gguf_resize(list, OTX__GGUF_TYPES, rows);
    otx__gguf_resize(list, OTX__GGUF_SCORES, rows);
    return result;
}

/* ---- the donor's keys ---- */

/* Copies those of a GGUF file, but a chat template where another is wanted. */
OTX__PRIVATE void otx__gguf_copy_vocab(const otx_job *job, otx__gguf_list *list)
{
    const otx_gguf *donor = otx__gguf_of(&job->donor.checkpoint);
    const bool chat = job->options.chat != OTX_CHAT_DONOR;
    size_t i;
    for (i = 0; i < donor->key_count; i++)
        if (otx__gguf_is_vocab(&donor->keys[i]) &&
            !(chat && otx__gguf_begins(&donor->keys[i], OTX__GGUF_TEMPLATE)))
            otx__gguf_add(list, &donor->keys[i]);
    if (chat && job->chat.size > 0)
        otx__gguf_add_string(list, OTX__GGUF_TEMPLATE, job->chat.bytes, job->chat.size);
    if (job->options.pre)
        otx__gguf_add_string(list, OTX__GGUF_PRE, job->options.pre, strlen(job->options.pre));
}

OTX__PRIVATE otx_result otx__gguf_add_vocab(const otx_job *job, otx__gguf_list *list,
                                            otx_error *error)
{
    const bool chat = job->options.chat != OTX_CHAT_DONOR;
    const uint64_t rows = job->alignment.count;
    const char *pre = job->options.pre;
    char quoted[OTX__QUOTED];
    if (pre && !otx__gguf_is_pre(otx__span_of(pre, strlen(pre))))
        otx__log(&job->ctx, OTX_WARNING, "--pre %s: no pre-tokenizer of llama.cpp of August 2026 "
                 "has that name, and one that does not know it does not load the file",
                 otx__quote(quoted, sizeof quoted, pre, strlen(pre)));
    if (job->donor.gguf) otx__gguf_copy_vocab(job, list);
    else {
        otx_result result = otx__gguf_vocab_keys(&job->ctx, &job->donor, rows, pre,
                                                 chat ? &job->chat : NULL, list, error);
        if (result) return result;
    }
    return otx__gguf_settle_tokens(job, list, rows, error);
}

/* ---- the base's keys ---- */

/* The id of the output that a token of the base became, or -1. */
OTX__PRIVATE int64_t otx__gguf_heir(const otx_job *job, int64_t base)
{
    size_t i;
    for (i = 0; i < job->alignment.count; i++)
        if (job->alignment.rows[i].base == base &&
            job->alignment.rows[i].action != OTX_ACTION_MATCH) /* another token */
            return (int64_t)i;
    return -1;
}

/* Takes over a key of the base that holds an id; leaves it out where no token has its place. */
OTX__PRIVATE void otx__gguf_add_id(const otx_job *job, const otx_gguf_key *key,
                                   otx__gguf_list *list)
{
    char quoted[OTX__QUOTED];
    int64_t id = -1, heir = -1;
    if (otx_gguf_integer(key, 0, &id) && id >= 0) heir = otx__gguf_heir(job, id);
    if (heir >= 0) otx__gguf_add_u32(list, key->name, (uint32_t)heir);
    else
        otx__log(&job->ctx, OTX_WARNING, "%s: key \"%s\", which names id %" PRId64 ", is left "
                 "out: no token of %s takes its place; --map 'TOKEN=#%" PRId64 "' gives it one",
                 job->base.path, otx__quote(quoted, sizeof quoted, key->name, key->name_size), id,
                 job->donor.path, id);
}

/* Takes over one key of the base that is not the vocabulary's. */
OTX__PRIVATE void otx__gguf_add_base(const otx_job *job, const otx_gguf *base,
                                     const otx_gguf_key *key, otx__gguf_list *list)
{
    size_t i;
    if (otx__gguf_begins(key, OTX__KEY_GGUF_SPLIT)) return;
    if (otx__gguf_is_of_model(base, key, OTX__KEY_VOCAB_SIZE)) {
        otx__gguf_add_u32(list, key->name, (uint32_t)job->alignment.count);
        return;
    }
    for (i = 0; i < OTX__COUNT(otx__gguf_id_keys); i++)
        if (otx__gguf_is_of_model(base, key, otx__gguf_id_keys[i])) {
            otx__gguf_add_id(job, key, list);
            return;
        }
    otx__gguf_add(list, key);
}

/* The keys of the output: the base's in their order, the vocabulary's, which are the donor's,
   where the first of them stood. `blocks`: some tensor is quantised. */
OTX__PRIVATE otx_result otx__gguf_merge(const otx_job *job, bool blocks, otx__gguf_list *list,
                                        otx_error *error)
{
    const otx_gguf *base = otx__gguf_of(&job->base.checkpoint);
    otx_result result = OTX_OK;
    bool added = false;
    size_t i;
    for (i = 0; i < base->key_count && !result; i++) {
        if (!otx__gguf_is_vocab(&base->keys[i])) {
            otx__gguf_add_base(job, base, &base->keys[i], list);
        } else if (!added) {
            added = true;
            result = otx__gguf_add_vocab(job, list, error);
        }
    }
    if (!result && !added) result = otx__gguf_add_vocab(job, list, error);
    if (!result && blocks && !otx__gguf_find_in(list, OTX__KEY_QUANTIZATION))
        otx__gguf_add_u32(list, OTX__KEY_QUANTIZATION, OTX__GGUF_QUANTIZATION);
    return result ? result : otx__gguf_list_finish(list, error);
}

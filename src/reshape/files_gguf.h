/* ---- files_gguf: the keys of a GGUF file's vocabulary, written anew -------------------- */

/* The tokenizer of such a model stands in a file with all of its keys and no tensors. */
#define OTX__NEW_GGUF "tokenizer.gguf"

/* Whole tokenizers in one string, which llama.cpp does not read. */
static const char *const otx__gguf_whole[] = {"tokenizer.huggingface.json",
                                              "tokenizer.rwkv.world"};

/* Lists of ids, of which those go that have no token any more. */
static const char *const otx__gguf_id_lists[] = {"tokenizer.ggml.suppress_tokens",
                                                 "tokenizer.ggml.eog_token_ids"};

OTX__PRIVATE bool otx__gguf_is_named(const otx_gguf_key *key, const char *name)
{
    return otx__same_bytes(key->name, key->name_size, name, strlen(name));
}

OTX__PRIVATE bool otx__gguf_is_any(const otx_gguf_key *key, const char *const *names,
                                   size_t count)
{
    size_t i;
    for (i = 0; i < count; i++)
        if (otx__gguf_is_named(key, names[i])) return true;
    return false;
}

/* Whether a key of the vocabulary holds one id. */
OTX__PRIVATE bool otx__gguf_is_id(const otx_gguf_key *key)
{
    static const char ending[] = "_token_id";
    const size_t size = sizeof ending - 1;
    return !key->array && key->type != OTX_GGUF_STRING && key->name_size > size &&
           memcmp(key->name + key->name_size - size, ending, size) == 0;
}

/* ---- lists ---- */

/* Whether a token stays. */
OTX__PRIVATE bool otx__gguf_stays(const otx__reshaping *t, uint64_t id)
{
    return id < t->vocab.count && t->ids[id] != OTX__GONE;
}

/* What the list of tokens, or one beside it, has of the new tokens that are added, or are the
   model's own. */
OTX__PRIVATE uint64_t otx__append_gguf(const otx__reshaping *t, const otx_gguf_key *key,
                                       bool added, otx__text *to)
{
    const otx__growth *g = t->growth;
    uint64_t count = 0;
    size_t i;
    for (i = 0; g && i < g->token_count; i++) {
        const otx__new_token *token = &g->tokens[i];
        const float score = added ? OTX__GGUF_ADDED_SCORE : (float)token->score;
        if (token->added != added) continue;
        count++;
        if (key->type == OTX_GGUF_STRING)
            otx__gguf_text_string(to, g->contents.bytes + token->at, token->size);
        else if (otx__gguf_is_named(key, OTX__GGUF_TYPES))
            otx__gguf_text_i32(to, added ? OTX__GGUF_USER : OTX__GGUF_NORMAL);
        else otx__gguf_text_f32(to, score);
    }
    return count;
}

/* The list of tokens, or what stands beside it, of which tokens that stay remain. Their ids
   are in the order in which they were. Scores that are integers become floats where tokens
   are added, as the scores of those lie between. */
OTX__PRIVATE void otx__new_gguf_tokens(const otx__reshaping *t, const otx_gguf_key *key,
                                       otx__gguf_list *list)
{
    const bool floats = t->growth && t->growth->token_count > 0 && key->type == OTX_GGUF_I32 &&
                        otx__gguf_is_named(key, OTX__GGUF_SCORES);
    otx_gguf_strings at;
    otx__text text;
    uint64_t kept = 0, id;
    double score = 0.0;
    memset(&at, 0, sizeof at);
    otx__text_open(&text, t->ctx);
    for (id = 0; id < key->count; id++) {
        const unsigned size = otx__gguf_element_size(key->type);
        if (!size && !otx_gguf_next(key, &at)) break;
        if (!otx__gguf_stays(t, id)) continue;
        kept++;
        if (floats && otx_gguf_number(key, id, &score)) otx__gguf_text_f32(&text, (float)score);
        else if (size) otx__text_bytes(&text, key->data + id * size, size);
        else otx__gguf_text_string(&text, at.bytes, at.size);
    }
    kept += otx__append_gguf(t, key, false, &text);
    kept += otx__append_gguf(t, key, true, &text);
    otx__gguf_add_text(list, key->name, floats ? OTX_GGUF_F32 : key->type, kept, &text);
    otx__text_close(&text);
}

/* Merges that lead to new tokens. */
OTX__PRIVATE uint64_t otx__append_gguf_merges(const otx__growth *g, otx__text *to)
{
    size_t i;
    for (i = 0; g && i < g->merge_count; i++) {
        const otx__span left = otx__growth_content(g, g->merges[i].left);
        const otx__span right = otx__growth_content(g, g->merges[i].right);
        otx__gguf_text_uint(to, left.size + 1 + right.size, 8);
        otx__text_bytes(to, left.bytes, left.size);
        otx__text_string(to, " ");
        otx__text_bytes(to, right.bytes, right.size);
    }
    return g ? g->merge_count : 0;
}

/* The list of merges, of which those remain whose tokens all stay. */
OTX__PRIVATE otx_result otx__new_gguf_merges(otx__reshaping *t, const otx_gguf_key *key,
                                             otx__gguf_list *list, otx_error *error)
{
    otx_gguf_strings at;
    otx__text text;
    uint64_t kept = 0;
    otx_result result = OTX_OK;
    memset(&at, 0, sizeof at);
    otx__text_open(&text, t->ctx);
    while (!result && otx_gguf_next(key, &at)) {
        const char *space = at.size > 1 ? (const char *)memchr(at.bytes + 1, ' ', at.size - 1)
                                        : NULL;
        const size_t left = space ? (size_t)(space - at.bytes) : 0;
        result = otx__reshape_room(t, at.size + 1, error);
        if (result || !space) continue;
        memcpy(t->scratch, at.bytes, left);
        memcpy(t->scratch + left, space + 1, at.size - left - 1);
        if (!otx__reshape_merges(t, left, at.size - left - 1)) continue;
        kept++;
        otx__gguf_text_string(&text, at.bytes, at.size);
    }
    kept += otx__append_gguf_merges(t->growth, &text);
    otx__gguf_add_text(list, key->name, OTX_GGUF_STRING, kept, &text);
    otx__text_close(&text);
    return result;
}

/* A list of tokens' strings, in any order, of which those remain whose tokens stay. */
OTX__PRIVATE void otx__new_gguf_names(const otx__reshaping *t, const otx_gguf_key *key,
                                      otx__gguf_list *list)
{
    otx_gguf_strings at;
    otx__text text;
    uint64_t kept = 0;
    memset(&at, 0, sizeof at);
    otx__text_open(&text, t->ctx);
    while (otx_gguf_next(key, &at)) {
        if (otx__reshape_id(t, at.bytes, at.size, UINT64_MAX) == OTX__GONE) continue;
        kept++;
        otx__gguf_text_string(&text, at.bytes, at.size);
    }
    otx__gguf_add_text(list, key->name, OTX_GGUF_STRING, kept, &text);
    otx__text_close(&text);
}

/* ---- ids ---- */

/* Appends the new number of an id, as many bytes as the old one has; false where it has
   none. */
OTX__PRIVATE bool otx__new_gguf_id(const otx__reshaping *t, const otx_gguf_key *key, uint64_t i,
                                   otx__text *to)
{
    int64_t id;
    if (!otx_gguf_integer(key, i, &id) || id < 0 || !otx__gguf_stays(t, (uint64_t)id))
        return false;
    otx__gguf_text_uint(to, t->ids[id], otx__gguf_element_size(key->type));
    return true;
}

/* One id, or a list of them. One without a token, as -1 is, stays as it is where no other
   would be meant; else it is left out. */
OTX__PRIVATE void otx__new_gguf_ids(const otx__reshaping *t, const otx_gguf_key *key,
                                    otx__gguf_list *list)
{
    otx__text text;
    uint64_t kept = 0, i;
    int64_t id = -1;
    otx__text_open(&text, t->ctx);
    for (i = 0; i < key->count; i++) kept += otx__new_gguf_id(t, key, i, &text);
    if (key->array) otx__gguf_add_text(list, key->name, key->type, kept, &text);
    else if (text.failed) otx__gguf_list_fail(list, text.size, 1);
    else if (kept) otx__gguf_add_value(list, key->name, key->type, text.bytes, text.size);
    else if (!otx_gguf_integer(key, 0, &id) || id < 0 || (uint64_t)id >= t->vocab.count)
        otx__gguf_add(list, key);
    otx__text_close(&text);
}

/* Names the special tokens that llama.cpp takes for granted where no key tells, as their ids
   may be others now. */
OTX__PRIVATE void otx__new_gguf_roles(const otx__reshaping *t, const otx_gguf *file,
                                      otx__gguf_list *list)
{
    size_t i;
    for (i = 0; i < OTX_ROLE_COUNT; i++) {
        const int64_t usual = otx__gguf_usual_role(file, (otx_role)i);
        if (usual < 0 || otx_gguf_find(file, otx__gguf_role_keys[i]) ||
            !otx__gguf_stays(t, (uint64_t)usual) || t->ids[usual] == (uint32_t)usual ||
            t->vocab.tokens[usual].kind != OTX_TOKEN_CONTROL)
            continue;
        otx__gguf_add_u32(list, otx__gguf_role_keys[i], t->ids[usual]);
    }
}

/* ---- all keys ---- */

OTX__PRIVATE otx_result otx__new_gguf_key(otx__reshaping *t, const otx_gguf_key *key,
                                          otx__gguf_list *list, otx_error *error)
{
    static const char *const beside[] = {OTX__GGUF_TOKENS, OTX__GGUF_TYPES, OTX__GGUF_SCORES};
    char path[OTX__PATH_TEXT];
    if (otx__gguf_begins(key, OTX__KEY_GGUF_SPLIT)) return OTX_OK; /* it is not in parts */
    if (otx__gguf_is_any(key, otx__gguf_whole, OTX__COUNT(otx__gguf_whole))) {
        otx__log(t->ctx, OTX_NOTE, "%s: key %s is left out: it holds the whole vocabulary, and "
                 "llama.cpp does not read it", otx__path_text(path, t->model), key->name);
        return OTX_OK;
    }
    if (key->array && otx__gguf_is_any(key, beside, OTX__COUNT(beside)))
        otx__new_gguf_tokens(t, key, list);
    else if (key->array && otx__gguf_is_named(key, OTX__GGUF_MERGES))
        return otx__new_gguf_merges(t, key, list, error);
    else if (key->array && key->type == OTX_GGUF_STRING &&
             otx__gguf_is_named(key, "tokenizer.ggml.added_tokens"))
        otx__new_gguf_names(t, key, list);
    else if (otx__gguf_is_vocab(key) &&
             (otx__gguf_is_id(key) ||
              (key->array && key->type != OTX_GGUF_STRING &&
               otx__gguf_is_any(key, otx__gguf_id_lists, OTX__COUNT(otx__gguf_id_lists)))))
        otx__new_gguf_ids(t, key, list);
    else otx__gguf_add(list, key);
    return OTX_OK;
}

/* Writes the file of the new tokenizer. */
OTX__PRIVATE otx_result otx__new_write_gguf(otx__reshaping *t, const char *directory,
                                            otx_error *error)
{
    otx_gguf file;
    otx__gguf_list list;
    otx_gguf_layout layout;
    otx__text text;
    size_t i;
    char path[OTX__PATH_TEXT];
    otx_result result = otx__gguf_open_path(t->ctx, t->model, &file, error);
    if (result) return result;
    memset(&layout, 0, sizeof layout);
    if (t->growth && !otx_gguf_find(&file, OTX__GGUF_TYPES))
        result = otx__fail(error, OTX_ERROR_UNSUPPORTED, "%s: has no key " OTX__GGUF_TYPES
                           ", which would say how new tokens are met",
                           otx__path_text(path, t->model));
    otx__gguf_list_open(&list, t->ctx);
    otx__text_open(&text, t->ctx);
    for (i = 0; i < file.key_count && !result; i++)
        result = otx__new_gguf_key(t, &file.keys[i], &list, error);
    if (!result) otx__new_gguf_roles(t, &file, &list);
    if (!result) result = otx__gguf_list_finish(&list, error);
    if (!result)
        result = otx_gguf_layout_open(t->ctx, list.keys, list.count, NULL, NULL, 0, &layout,
                                      error);
    if (!result) otx__text_bytes(&text, layout.header, layout.header_size);
    if (!result && text.failed) result = otx__fail_memory(error, text.size);
    if (!result) result = otx__write_text(t->ctx, directory, OTX__NEW_GGUF, &text, error);
    otx__text_close(&text);
    otx_gguf_layout_close(t->ctx, &layout);
    otx__gguf_list_close(&list);
    otx_gguf_close(t->ctx, &file);
    return result;
}

/* Tokens that keys of the model name stay. */
OTX__PRIVATE otx_result otx__keep_gguf(otx__reshaping *t, uint64_t *named, otx_error *error)
{
    otx_gguf file;
    size_t i, j;
    int64_t id;
    otx_result result = otx__gguf_open_path(t->ctx, t->model, &file, error);
    for (i = 0; !result && i < file.key_count; i++)
        for (j = 0; j < OTX__COUNT(otx__gguf_id_keys); j++)
            if (otx__gguf_is_of_model(&file, &file.keys[i], otx__gguf_id_keys[j]) &&
                otx_gguf_integer(&file.keys[i], 0, &id) && id >= 0)
                otx__keep_id(t, (uint64_t)id, named);
    otx_gguf_close(t->ctx, &file);
    return result;
}

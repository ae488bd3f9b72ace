/* ---- vocab: the table of tokens, and finding tokens in it ---- */

OTX_API const char *otx_token_kind_name(otx_token_kind kind)
{
    static const char *const names[] = {"none", "text", "byte", "control", "unused"};
    return (unsigned)kind < OTX__COUNT(names) ? names[kind] : NULL;
}

OTX_API const char *otx_role_name(otx_role role)
{
    static const char *const names[] = {"bos", "eos", "pad", "unk", "sep", "cls", "mask"};
    return (unsigned)role < OTX__COUNT(names) ? names[role] : NULL;
}

OTX_API const char *otx_family_name(otx_family family)
{
    static const char *const names[] = {"plain", "byte-level", "metaspace", "wordpiece",
                                        "word-suffix"};
    return (unsigned)family < OTX__COUNT(names) ? names[family] : NULL;
}

/* ---- reserved tokens ---- */

/* Whether all of `text` has the shape of `pattern`, in which # stands for one or
   more decimal digits. */
OTX__PRIVATE bool otx__has_shape(const char *text, size_t size, const char *pattern)
{
    size_t at = 0, first;
    for (; *pattern; pattern++) {
        if (*pattern != '#') {
            if (at == size || text[at] != *pattern) return false;
            at++;
            continue;
        }
        for (first = at; at < size && otx__is_digit(text[at]);) at++;
        if (at == first) return false;
    }
    return at == size;
}

/* Whether a token is named as the reserved, never trained tokens of the known
   tokenizers are. */
OTX__PRIVATE bool otx__is_reserved(const char *text, size_t size)
{
    size_t i;
    for (i = 0; i < OTX__COUNT(otx__reserved_names); i++)
        if (otx__has_shape(text, size, otx__reserved_names[i])) return true;
    return false;
}

/* ---- storage ---- */

/* What otx_vocab.memory points to: one block that holds this, then the tokens,
   then their strings. Nothing in it ever moves, so that tokens may point into it. */
typedef struct otx__vocab_memory {
    size_t size;        /* of the block */
    size_t token_limit; /* tokens that there is room for */
    char *next;         /* where the next string goes */
} otx__vocab_memory;

/* Makes an empty vocabulary with room for that many ids and bytes of strings. */
OTX__PRIVATE otx_result otx__vocab_reserve(const otx_context *ctx, otx_vocab *vocab,
                                           size_t tokens, size_t bytes, otx_error *error)
{
    /* A whole number of tokens, so that the tokens after it are aligned. */
    const size_t head = (sizeof(otx__vocab_memory) + sizeof(otx_token) - 1) / sizeof(otx_token);
    otx__vocab_memory *memory;
    size_t size, before, i;
    memset(vocab, 0, sizeof *vocab);
    for (i = 0; i < OTX_ROLE_COUNT; i++) vocab->roles[i] = -1;
    if (!otx__add(tokens, head, &before) || !otx__mul(before, sizeof(otx_token), &before) ||
        !otx__add(before, bytes, &size))
        return otx__fail_array(error, tokens, sizeof(otx_token));
    memory = (otx__vocab_memory *)otx__alloc(ctx, size, 1);
    if (!memory) return otx__fail_memory(error, size);
    memset(memory, 0, before);
    memory->size = size;
    memory->token_limit = tokens;
    memory->next = (char *)memory + before;
    vocab->memory = memory;
    vocab->tokens = (otx_token *)memory + head;
    return OTX_OK;
}

/* Lets go what rules.h keeps: rules begin with the pool that they stand in. */
OTX__PRIVATE void otx__vocab_drop_rules(const otx_context *ctx, void *rules)
{
    otx__pool pool;
    if (!rules) return;
    memcpy(&pool, rules, sizeof pool);
    pool.ctx = ctx;
    otx__pool_close(&pool);
}

OTX_API void otx_vocab_close(const otx_context *ctx, otx_vocab *vocab)
{
    otx__vocab_drop_rules(ctx, vocab->rules);
    if (vocab->memory)
        otx__free(ctx, vocab->memory, ((otx__vocab_memory *)vocab->memory)->size, 1);
    memset(vocab, 0, sizeof *vocab);
}

/* Takes `size` bytes of the room for strings. That there is enough of it, whoever
   asked otx__vocab_reserve for it has to know. */
OTX__PRIVATE char *otx__vocab_keep(otx_vocab *vocab, size_t size)
{
    otx__vocab_memory *memory = (otx__vocab_memory *)vocab->memory;
    char *string = memory->next;
    memory->next += size;
    return string;
}

/* ---- index ---- */

/* A hash table of ids, by (kind, bytes) or by content. The hash is keyed, so that no file
   can be made whose tokens all fall into one slot; what is found does not depend on it. */
typedef struct otx__token_index {
    const otx_token *tokens;
    uint32_t *slots; /* id + 1, or 0; a power of two of them */
    uint8_t *tags;   /* behind the slots: a part of each token's hash, so that others' bytes,
                        which lie anywhere, are hardly ever looked at */
    size_t slot_count;
    otx__hash_key key;
    bool by_content; /* and then the kind is ignored */
} otx__token_index;

/* Bytes of a slot and its tag. */
#define OTX__INDEX_SLOT (sizeof(uint32_t) + sizeof(uint8_t))

/* Makes an empty index of tokens[], with room for that many. */
OTX__PRIVATE otx_result otx__index_open(const otx_context *ctx, otx__token_index *index,
                                        const otx_token *tokens, size_t limit, bool by_content,
                                        otx_error *error)
{
    size_t slots = 16;
    while (slots / 2 < limit && slots <= SIZE_MAX / 2) slots *= 2;
    memset(index, 0, sizeof *index);
    index->slots = (uint32_t *)otx__alloc_zero(ctx, slots, OTX__INDEX_SLOT);
    if (!index->slots) return otx__fail_array(error, slots, OTX__INDEX_SLOT);
    index->tags = (uint8_t *)(index->slots + slots);
    index->tokens = tokens;
    index->slot_count = slots;
    index->key = otx__hash_key_for(ctx, index->slots);
    index->by_content = by_content;
    return OTX_OK;
}

OTX__PRIVATE void otx__index_close(const otx_context *ctx, otx__token_index *index)
{
    otx__free(ctx, index->slots, index->slot_count, OTX__INDEX_SLOT);
    memset(index, 0, sizeof *index);
}

/* Where the slot is that holds such a token, or the empty one where it would go, and the tag
   that it has or would have. */
OTX__PRIVATE size_t otx__index_at(const otx__token_index *index, otx_token_kind kind,
                                  const char *bytes, size_t size, uint8_t *tag)
{
    const size_t mask = index->slot_count - 1;
    const uint64_t hash = otx__hash(index->key, bytes, size);
    size_t at;
    if (index->by_content) kind = OTX_TOKEN_NONE;
    *tag = (uint8_t)(hash >> 56);
    at = ((size_t)hash + (size_t)kind) & mask;
    for (; index->slots[at]; at = (at + 1) & mask) {
        const otx_token *token = &index->tokens[index->slots[at] - 1];
        if (index->tags[at] != *tag) continue;
        if (index->by_content) {
            if (otx__same_bytes(token->content, token->content_size, bytes, size)) break;
        } else if (token->kind == kind) {
            if (otx__same_bytes(token->bytes, token->size, bytes, size)) break;
        }
    }
    return at;
}

/* That slot, to be filled with the token's id + 1 if it is empty. */
OTX__PRIVATE uint32_t *otx__index_slot(otx__token_index *index, otx_token_kind kind,
                                       const char *bytes, size_t size)
{
    uint8_t tag;
    const size_t at = otx__index_at(index, kind, bytes, size, &tag);
    index->tags[at] = tag;
    return &index->slots[at];
}

/* The id of such a token, or -1. */
OTX__PRIVATE int64_t otx__index_find(const otx__token_index *index, otx_token_kind kind,
                                     const char *bytes, size_t size)
{
    uint8_t tag;
    return (int64_t)index->slots[otx__index_at(index, kind, bytes, size, &tag)] - 1;
}

/* The id of a token that stands for these bytes, of whatever kind: text before all others. */
OTX__PRIVATE int64_t otx__index_find_any(const otx__token_index *index, const char *bytes,
                                         size_t size)
{
    static const otx_token_kind kinds[] = {OTX_TOKEN_TEXT, OTX_TOKEN_BYTE, OTX_TOKEN_CONTROL,
                                           OTX_TOKEN_UNUSED};
    int64_t id = -1;
    size_t i;
    for (i = 0; i < OTX__COUNT(kinds) && id < 0; i++)
        id = otx__index_find(index, kinds[i], bytes, size);
    return id;
}

/* ---- handed_names: pieces whose names other pieces get ------------------------------- */

/* An entry of a list, and the piece that has its content. */
typedef struct otx__handed {
    uint32_t *slot;      /* of the content, in t->contents */
    const char *content;
    uint32_t size;
    int64_t from;        /* id, or -1 */
} otx__handed;

/* The place of the entry with that id in a list that is in the order of ids, or -1. */
OTX__PRIVATE int64_t otx__added_place(const otx__added_list *list, int64_t id)
{
    size_t low = 0, high = list->count;
    while (low < high) {
        const size_t middle = low + (high - low) / 2;
        if (list->tokens[middle].declared < (uint64_t)id) low = middle + 1;
        else high = middle;
    }
    return low < list->count && list->tokens[low].declared == (uint64_t)id ? (int64_t)low : -1;
}

/* Whether an entry has the name of a piece that gets another one itself. One that a piece outside
   of the list has stays with that piece. */
OTX__PRIVATE bool otx__is_handed(const otx__added_list *list, const otx__handed *handed, size_t i)
{
    const int64_t from = handed[i].from;
    const int64_t its = from < 0 ? -1 : otx__added_place(list, from);
    if (its < 0 || (uint64_t)from == list->tokens[i].declared) return false;
    return handed[its].from < 0 ||
           (handed[its].from != from && otx__added_place(list, handed[its].from) >= 0);
}

/* Finds the pieces that have the contents of a list. */
OTX__PRIVATE otx_result otx__find_handed(otx__tokenizer *t, const otx__added_list *list,
                                         otx__handed *handed)
{
    size_t i;
    for (i = 0; i < list->count; i++) {
        size_t size = 0;
        otx_result result = otx__tokenizer_string(t, list->json, list->tokens[i].content, &size);
        if (result) return result;
        handed[i].from = otx__index_find(&t->contents, OTX_TOKEN_NONE, t->scratch, size);
        if (handed[i].from < 0) continue;
        handed[i].slot = otx__index_slot(&t->contents, OTX_TOKEN_NONE, t->scratch, size);
        handed[i].content = t->vocab->tokens[handed[i].from].content;
        handed[i].size = t->vocab->tokens[handed[i].from].content_size;
    }
    return OTX_OK;
}

/* Lets pieces whose ids a list gives other names hand theirs on, as transformers does it: two of
   them may swap. Other entries are no concern of this. */
OTX__PRIVATE otx_result otx__hand_names(otx__tokenizer *t, const otx__added_list *list)
{
    otx__handed *handed;
    size_t i;
    otx_result result;
    if (t->reader->numbering != OTX__NUMBERED_IN_PLACE || t->legacy || list->count == 0)
        return OTX_OK;
    handed = (otx__handed *)otx__alloc_zero(t->ctx, list->count, sizeof *handed);
    if (!handed) return otx__fail_array(t->error, list->count, sizeof *handed);
    result = otx__find_handed(t, list, handed);
    for (i = 0; i < list->count && !result; i++) {
        const uint64_t id = list->tokens[i].declared;
        otx_token *token = otx__replaced_token(t, id);
        if (!token || !otx__is_handed(list, handed, i) ||
            *handed[i].slot != (uint32_t)handed[i].from + 1)
            continue;
        memset(token, 0, sizeof *token);
        token->content = handed[i].content;
        token->content_size = handed[i].size;
        token->kind = OTX_TOKEN_TEXT;
        *handed[i].slot = (uint32_t)id + 1;
        otx__spell_added(t->vocab, list->tokens[i].normalized ? &t->normal : NULL, token);
    }
    otx__free(t->ctx, handed, list->count, sizeof *handed);
    return result;
}

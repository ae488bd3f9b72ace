/* ---- renumber: which tokens stay, and their new ids --------------------------- */

#define OTX__GONE UINT32_MAX

/* A model whose vocabulary is cut down, or grows. */
typedef struct otx__reshaping {
    const otx_context *ctx;
    const char *model;          /* its directory, or its GGUF file: */
    char *gguf;                 /* the path of that, or NULL */
    otx__stamps read;           /* its files beside the weights, before they were read */
    otx_vocab vocab;            /* with its rules */
    otx__token_index contents;  /* its tokens by content, */
    otx__token_index stand_for; /* and by (kind, bytes) */
    bool *keep;                 /* by id */
    bool *own;                  /* by id: tokens of the model, not only added to it */
    uint32_t *ids;              /* by id: the new one, or OTX__GONE */
    uint32_t *olds;             /* by new id: the old one, or OTX__GONE for a new token */
    size_t old_room;
    uint64_t ranged;            /* so many of the last ids are kept by ranges of codes */
    size_t count;               /* tokens that there are then */
    bool same_class;            /* the new tokenizer is loaded as the old one is */
    bool holes;                 /* ids behind the model's own that have no token stay such: */
    size_t hole_count;          /* so many, which are in `count`, */
    uint64_t spare;             /* and rows behind all ids */
    const otx__growth *growth;  /* new tokens, or NULL: */
    uint32_t *new_ids;          /* their ids */
    char *scratch;              /* the string decoded last */
    size_t scratch_room;
} otx__reshaping;

OTX__PRIVATE void otx__reshape_close(otx__reshaping *t)
{
    const otx_context *ctx = t->ctx;
    if (t->scratch_room) otx__free(ctx, t->scratch, t->scratch_room, 1);
    if (t->new_ids) otx__free(ctx, t->new_ids, t->growth->token_count, sizeof *t->new_ids);
    if (t->olds) otx__free(ctx, t->olds, t->old_room, sizeof *t->olds);
    otx__free(ctx, t->ids, t->vocab.count, sizeof *t->ids);
    otx__free(ctx, t->own, t->vocab.count, sizeof *t->own);
    otx__free(ctx, t->keep, t->vocab.count, sizeof *t->keep);
    if (t->stand_for.slots) otx__index_close(ctx, &t->stand_for);
    if (t->contents.slots) otx__index_close(ctx, &t->contents);
    otx_vocab_close(ctx, &t->vocab);
    otx__stamps_close(&t->read);
    otx__path_free(ctx, t->gguf);
}

/* Whether the vocabulary is read from such a source: see otx_vocab. */
OTX__PRIVATE bool otx__reshape_reads(const otx__reshaping *t, const char *source)
{
    return strcmp(otx__word(t->vocab.source), source) == 0;
}

/* Whether texts are cut at a token wherever it stands in them. */
OTX__PRIVATE bool otx__is_cut(const otx_token *token)
{
    return token->added || token->kind == OTX_TOKEN_CONTROL;
}

/* Of tokens that are alike the lowest id is found. */
OTX__PRIVATE otx_result otx__reshape_index(otx__reshaping *t, bool by_content,
                                           otx__token_index *index, otx_error *error)
{
    size_t i;
    otx_result result = otx__index_open(t->ctx, index, t->vocab.tokens, t->vocab.count,
                                        by_content, error);
    for (i = 0; i < t->vocab.count && !result; i++) {
        const otx_token *token = &t->vocab.tokens[i];
        uint32_t *slot;
        if (token->kind == OTX_TOKEN_NONE) continue;
        slot = by_content ? otx__index_slot(index, OTX_TOKEN_NONE, token->content,
                                            token->content_size)
                          : otx__index_slot(index, token->kind, token->bytes, token->size);
        if (!*slot) *slot = (uint32_t)i + 1;
    }
    return result;
}

/* Looks at the files that are read, more than once, before they are. What is neither a directory
   nor a GGUF file is refused when it is opened. */
OTX__PRIVATE otx_result otx__reshape_stamp(otx__reshaping *t, otx_error *error)
{
    otx__status status;
    otx_result result = otx__look(t->model, &status, error);
    t->read.ctx = t->ctx;
    if (result) return result;
    if (t->gguf) return otx__stamps_add(&t->read, t->model, &status, error);
    return status.directory ? otx__stamps_take(&t->read, t->model, otx__is_read, error) : OTX_OK;
}

/* Opens the vocabulary of a directory, or of the GGUF file that is or holds the model. What is
   odd about it is told when the model is opened. */
OTX__PRIVATE otx_result otx__reshape_open_vocab(otx__reshaping *t, otx_error *error)
{
    char path[OTX__PATH_TEXT];
    otx__status status;
    otx_context quiet;
    otx_result result = otx__find_gguf(t->ctx, t->model, &t->gguf, error);
    memset(&quiet, 0, sizeof quiet);
    if (t->ctx) quiet = *t->ctx;
    quiet.log = NULL;
    if (!result && t->gguf) t->model = t->gguf;
    if (!result) result = otx__reshape_stamp(t, error);
    if (!result) result = otx_vocab_open(&quiet, t->model, &t->vocab, error);
    if (!result) result = otx__model_status(t->model, &status, error);
    if (result || status.directory || t->gguf) return result;
    return otx__fail(error, OTX_ERROR_ARGUMENT, "%s: is a file of a tokenizer, not a model; give "
                     "the model's directory or GGUF file", otx__path_text(path, t->model));
}

/* Opens the vocabulary, with every token still to be judged. */
OTX__PRIVATE otx_result otx__reshape_open(otx__reshaping *t, otx_error *error)
{
    otx_result result = otx__reshape_open_vocab(t, error);
    size_t count = t->vocab.count;
    if (!result) result = otx_vocab_open_rules(t->ctx, t->model, &t->vocab, error);
    if (result) return result;
    t->keep = (bool *)otx__alloc_zero(t->ctx, count, sizeof *t->keep);
    t->own = (bool *)otx__alloc_zero(t->ctx, count, sizeof *t->own);
    t->ids = (uint32_t *)otx__alloc(t->ctx, count, sizeof *t->ids);
    if (!t->keep || !t->own || !t->ids)
        return otx__fail_array(error, count, sizeof *t->ids);
    result = otx__reshape_index(t, true, &t->contents, error);
    return result ? result : otx__reshape_index(t, false, &t->stand_for, error);
}

/* ---- the caller's list ---- */

/* An entry of a list of tokens: a text with its escapes undone, or an id. */
typedef struct otx__listed {
    otx__map_half name;
    size_t room;
    char quoted[OTX__QUOTED]; /* for messages */
} otx__listed;

OTX__PRIVATE otx_result otx__listed_open(const otx_context *ctx, const char *text, size_t place,
                                         otx__listed *to, otx_error *error)
{
    memset(to, 0, sizeof *to);
    to->room = strlen(text) + 1;
    otx__quote(to->quoted, sizeof to->quoted, text, to->room - 1);
    to->name.bytes = (char *)otx__alloc(ctx, to->room, 1);
    if (!to->name.bytes) return otx__fail_memory(error, to->room);
    if (otx__map_unescape(text, 0, &to->name)) return OTX_OK;
    return otx__fail(error, OTX_ERROR_ARGUMENT, "token %" PRIu64 " of the list, \"%s\": a "
                     "backslash begins \\\\ or \\xNN", (uint64_t)place + 1, to->quoted);
}

OTX__PRIVATE void otx__listed_close(const otx_context *ctx, otx__listed *listed)
{
    if (listed->name.bytes) otx__free(ctx, listed->name.bytes, listed->room, 1);
}

/* The id that a name stands for, or -1. */
OTX__PRIVATE int64_t otx__reshape_find(const otx__reshaping *t, const otx__map_half *name)
{
    static const otx_token_kind kinds[] = {OTX_TOKEN_TEXT, OTX_TOKEN_BYTE, OTX_TOKEN_CONTROL,
                                           OTX_TOKEN_UNUSED};
    uint64_t id;
    int64_t found;
    size_t i;
    if (name->is_id) {
        bool known = otx__parse_uint(otx__span_of(name->bytes + 1, name->size - 1), &id) &&
                     id < t->vocab.count && t->vocab.tokens[id].kind != OTX_TOKEN_NONE;
        return known ? (int64_t)id : -1;
    }
    found = otx__index_find(&t->contents, OTX_TOKEN_NONE, name->bytes, name->size);
    for (i = 0; i < OTX__COUNT(kinds) && found < 0; i++)
        found = otx__index_find(&t->stand_for, kinds[i], name->bytes, name->size);
    return found;
}

/* ---- new ids ---- */

/* Numbers the tokens that stay, or are new, and are the model's own, or are not. */
OTX__PRIVATE void otx__number(otx__reshaping *t, bool own)
{
    const otx__growth *g = t->growth;
    size_t i;
    for (i = 0; i < t->vocab.count; i++) {
        if (t->own[i] != own) continue;
        t->ids[i] = OTX__GONE;
        if (!t->keep[i]) {
            if (own || !t->holes) continue;
            t->hole_count++;
            t->olds[t->count++] = OTX__GONE;
            continue;
        }
        t->ids[i] = (uint32_t)t->count;
        t->olds[t->count++] = (uint32_t)i;
    }
    for (i = 0; g && i < g->token_count; i++) {
        if (g->tokens[i].added == own) continue;
        t->new_ids[i] = (uint32_t)t->count;
        t->olds[t->count++] = OTX__GONE;
    }
}

/* The model's own tokens come first, in their order, then those that are only added to them:
   loaders number these on from there. New ones come last of either. */
OTX__PRIVATE otx_result otx__renumber(otx__reshaping *t, otx_error *error)
{
    const size_t news = t->growth ? t->growth->token_count : 0;
    t->old_room = t->vocab.count + news;
    t->olds = (uint32_t *)otx__alloc(t->ctx, t->old_room, sizeof *t->olds);
    if (!t->olds) return otx__fail_array(error, t->old_room, sizeof *t->olds);
    if (news) t->new_ids = (uint32_t *)otx__alloc(t->ctx, news, sizeof *t->new_ids);
    if (news && !t->new_ids) return otx__fail_array(error, news, sizeof *t->new_ids);
    otx__number(t, true);
    otx__number(t, false);
    return OTX_OK;
}

/* The new id of the token with that content, or OTX__GONE. Where several have it, `declared`
   says which, if it is one of them. */
OTX__PRIVATE uint32_t otx__reshape_id(const otx__reshaping *t, const char *content, size_t size,
                                   uint64_t declared)
{
    int64_t id;
    if (declared < t->vocab.count && t->vocab.tokens[declared].kind != OTX_TOKEN_NONE &&
        otx__same_bytes(t->vocab.tokens[declared].content,
                        t->vocab.tokens[declared].content_size, content, size))
        return t->ids[declared];
    id = otx__index_find(&t->contents, OTX_TOKEN_NONE, content, size);
    return id < 0 ? OTX__GONE : t->ids[id];
}

/* Room for `need` bytes at t->scratch, which keeps its contents. */
OTX__PRIVATE otx_result otx__reshape_room(otx__reshaping *t, size_t need, otx_error *error)
{
    void *items = t->scratch;
    if (!otx__grow(t->ctx, &items, &t->scratch_room, need, 1))
        return otx__fail_memory(error, need);
    t->scratch = (char *)items;
    return OTX_OK;
}

/* Whether a merge stays, whose halves of `left` and `right` bytes stand one after the other in
   t->scratch: the token that it makes does, and then its halves do. A prefix that continues a
   word is not the second half's in what is made. */
OTX__PRIVATE bool otx__reshape_merges(otx__reshaping *t, size_t left, size_t right)
{
    const otx__rules *rules = (const otx__rules *)t->vocab.rules;
    const size_t prefix = rules->prefix_size;
    char *pair = t->scratch;
    if (otx__reshape_id(t, pair, left, UINT64_MAX) == OTX__GONE ||
        otx__reshape_id(t, pair + left, right, UINT64_MAX) == OTX__GONE)
        return false;
    if (prefix && right >= prefix && memcmp(pair + left, rules->prefix, prefix) == 0) {
        right -= prefix;
        memmove(pair + left, pair + left + prefix, right);
    }
    return otx__reshape_id(t, pair, left + right, UINT64_MAX) != OTX__GONE;
}

/* The same of "left right" in t->scratch. */
OTX__PRIVATE bool otx__reshape_merge_line(otx__reshaping *t, size_t size)
{
    char *space = (char *)memchr(t->scratch, ' ', size);
    size_t left = space ? (size_t)(space - t->scratch) : 0;
    if (!space) return false;
    memmove(space, space + 1, size - left - 1);
    return otx__reshape_merges(t, left, size - left - 1);
}

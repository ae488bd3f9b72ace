/* ---- draft_vocab: the tokens that a draft's head has rows for ------------------ */

/* The caller's list while it is read. */
typedef struct otx__draft_list {
    const otx_job *job;
    uint8_t *chosen;           /* by id: it has a row */
    size_t rows;               /* ids that can have one */
    otx__names names;          /* the donor's */
    char *scratch;             /* an entry with its escapes undone */
    size_t room;
    otx_error *error;
} otx__draft_list;

OTX__PRIVATE void otx__draft_list_close(otx__draft_list *l)
{
    const otx_context *ctx = &l->job->ctx;
    otx__names_close(ctx, &l->names);
    if (l->scratch) otx__free(ctx, l->scratch, l->room, 1);
    otx__free(ctx, l->chosen, l->rows, 1);
}

/* ---- one entry ---- */

/* The id of a token by its text; -1 if there is none. */
OTX__PRIVATE int64_t otx__draft_find(const otx__draft_list *l, const otx__map_half *name)
{
    int64_t id = otx__index_find(&l->names.contents, OTX_TOKEN_NONE, name->bytes, name->size);
    return id < 0 ? otx__index_find_any(&l->names.bytes, name->bytes, name->size) : id;
}

/* The parts of "COUNT\tID\tTOKEN"; false if an entry is no such line. */
OTX__PRIVATE bool otx__draft_counted(otx__span entry, uint64_t *count, uint64_t *id,
                                     otx__span *token)
{
    const char *end = entry.bytes + entry.size;
    const char *first = (const char *)memchr(entry.bytes, '\t', entry.size), *second;
    if (!first || !otx__parse_uint(otx__span_of(entry.bytes, (size_t)(first - entry.bytes)), count))
        return false;
    first++;
    second = (const char *)memchr(first, '\t', (size_t)(end - first));
    if (!second || !otx__parse_uint(otx__span_of(first, (size_t)(second - first)), id))
        return false;
    *token = otx__span_of(second + 1, (size_t)(end - second - 1));
    return true;
}

/* Whether the text of a counted token is another than that of the token with its id: then the
   counts are another tokenizer's. Texts that are cut or escaped otherwise say nothing. */
OTX__PRIVATE bool otx__draft_is_foreign(const otx_token *token, const otx__map_half *text,
                                        bool whole)
{
    if (!whole || text->size == 0 ||
        (text->size >= 3 && memcmp(text->bytes + text->size - 3, "...", 3) == 0))
        return false;
    return !otx__same_bytes(token->content, token->content_size, text->bytes, text->size) &&
           !otx__same_bytes(token->bytes, token->size, text->bytes, text->size);
}

OTX__PRIVATE otx_result otx__draft_choose_id(const otx__draft_list *l, uint64_t id, size_t place,
                                             const char *quoted)
{
    const otx__side *donor = &l->job->donor;
    if (!otx__side_token(donor, id))
        return otx__fail(l->error, OTX_ERROR_NOT_FOUND, "entry %" PRIu64 " of the draft's tokens, "
                         "\"%s\": %s has no such token", (uint64_t)place + 1, quoted,
                         donor->path);
    if (id >= l->rows)
        return otx__fail(l->error, OTX_ERROR_MISMATCH, "entry %" PRIu64 " of the draft's tokens, "
                         "\"%s\": id %" PRIu64 " has no row; there are %" PRIu64,
                         (uint64_t)place + 1, quoted, id, (uint64_t)l->rows);
    l->chosen[id] = 1;
    return OTX_OK;
}

/* Takes a line of counts. */
OTX__PRIVATE otx_result otx__draft_take_count(otx__draft_list *l, uint64_t count, uint64_t id,
                                              otx__span text, size_t place, const char *quoted)
{
    const otx_token *token = otx__side_token(&l->job->donor, id);
    char content[OTX__QUOTED];
    otx__map_half half;
    bool whole;
    if (count == 0) return OTX_OK;
    memset(&half, 0, sizeof half);
    half.bytes = l->scratch;
    whole = otx__map_unescape(text.bytes, 0, &half) != NULL;
    if (token && otx__draft_is_foreign(token, &half, whole))
        return otx__fail(l->error, OTX_ERROR_MISMATCH, "entry %" PRIu64 " of the draft's tokens, "
                         "\"%s\": token %" PRIu64 " of %s is \"%s\"; count with that tokenizer",
                         (uint64_t)place + 1, quoted, id, l->job->donor.path,
                         otx__side_content(content, &l->job->donor, id));
    return otx__draft_choose_id(l, id, place, quoted);
}

OTX__PRIVATE otx_result otx__draft_take(otx__draft_list *l, size_t place)
{
    const char *text = l->job->options.draft_vocab[place];
    const otx__span entry = otx__span_of(text, strlen(text));
    char quoted[OTX__QUOTED];
    uint64_t count, id = UINT64_MAX;
    void *items = l->scratch;
    otx__map_half half;
    otx__span token;
    int64_t found;
    otx__quote(quoted, sizeof quoted, entry.bytes, entry.size);
    if (!otx__grow(&l->job->ctx, &items, &l->room, entry.size + 1, 1))
        return otx__fail_memory(l->error, entry.size + 1);
    l->scratch = (char *)items;
    if (otx__draft_counted(entry, &count, &id, &token))
        return otx__draft_take_count(l, count, id, token, place, quoted);
    memset(&half, 0, sizeof half);
    half.bytes = l->scratch;
    if (!otx__map_unescape(entry.bytes, 0, &half))
        return otx__fail(l->error, OTX_ERROR_ARGUMENT, "entry %" PRIu64 " of the draft's tokens, "
                         "\"%s\": a backslash begins \\\\ or \\xNN", (uint64_t)place + 1, quoted);
    if (half.is_id) {
        if (!otx__parse_uint(otx__span_of(half.bytes + 1, half.size - 1), &id)) id = UINT64_MAX;
        return otx__draft_choose_id(l, id, place, quoted);
    }
    found = otx__draft_find(l, &half);
    if (found >= 0) id = (uint64_t)found;
    return otx__draft_choose_id(l, id, place, quoted);
}

/* ---- all of them ---- */

/* Whether there is a token, and not a reserved one. */
OTX__PRIVATE bool otx__draft_is_trained(const otx_token *token)
{
    return token->kind != OTX_TOKEN_NONE && token->kind != OTX_TOKEN_UNUSED;
}

/* Chooses ids below the caller's number, and what a generation needs: tokens with a role, and
   those that the chat template or a generation config names; a template that the caller
   chose, too. */
OTX__PRIVATE void otx__draft_always(otx__draft_list *l)
{
    otx__span text = otx__span_of(l->job->chat.bytes, l->job->chat.size), mark;
    size_t i;
    while (otx__next_mark(&text, &mark)) {
        const int64_t id =
            otx__index_find(&l->names.contents, OTX_TOKEN_NONE, mark.bytes, mark.size);
        if (id >= 0 && (uint64_t)id < l->rows) l->chosen[id] = 1;
    }
    for (i = 0; i < otx__min(l->rows, l->job->donor.vocab.count); i++) {
        const otx_token *token = &l->job->donor.vocab.tokens[i];
        if (token->in_use ||
            (otx__draft_is_trained(token) && i < l->job->options.draft_vocab_first))
            l->chosen[i] = 1;
    }
}

/* Makes the list of ids that were chosen. */
OTX__PRIVATE otx_result otx__draft_finish(const otx__draft_list *l, otx__draft_head *to)
{
    const otx_vocab *vocab = &l->job->donor.vocab;
    uint64_t tokens = 0;
    size_t count = 0, without = 0, i;
    for (i = 0; i < otx__min(l->rows, vocab->count); i++) {
        const bool trained = otx__draft_is_trained(&vocab->tokens[i]);
        tokens += trained;
        without += trained && !l->chosen[i];
    }
    for (i = 0; i < l->rows; i++) count += l->chosen[i];
    if (count == 0 || without == 0)
        return otx__fail(l->error, OTX_ERROR_ARGUMENT, "the draft's head would have rows for %s %"
                         PRIu64 " tokens of %s: give %s", count ? "all" : "none of the", tokens,
                         l->job->donor.path, count ? "fewer" : "some");
    to->ids = (uint32_t *)otx__alloc(&l->job->ctx, count, sizeof *to->ids);
    if (!to->ids) return otx__fail_array(l->error, count, sizeof *to->ids);
    to->count = count;
    for (i = count = 0; i < l->rows; i++)
        if (l->chosen[i]) to->ids[count++] = (uint32_t)i;
    return OTX_OK;
}

/* Whether the caller wants a head of fewer rows. */
OTX__PRIVATE bool otx__job_is_draft(const otx_job *job)
{
    return job->options.draft_vocab_count > 0 || job->options.draft_vocab_first > 0;
}

/* Chooses the tokens that the head has rows for, once the new rows are known. */
OTX__PRIVATE otx_result otx__job_choose_draft(otx_job *job, otx_error *error)
{
    otx__draft_list l;
    otx_result result = OTX_OK;
    size_t i;
    if (!otx__job_is_draft(job)) return OTX_OK;
    memset(&l, 0, sizeof l);
    l.job = job;
    l.rows = job->alignment.count;
    l.error = error;
    l.chosen = (uint8_t *)otx__alloc_zero(&job->ctx, l.rows, 1);
    if (!l.chosen) return otx__fail_memory(error, l.rows);
    if (job->options.draft_vocab_count > 0 || job->chat.size > 0)
        result = otx__names_open(&job->ctx, &job->donor, &l.names, error);
    for (i = 0; i < job->options.draft_vocab_count && !result; i++) {
        result = otx__draft_take(&l, i);
        if (!result && i % 1024 == 0) result = otx__job_poll(job, error);
    }
    if (!result) otx__draft_always(&l);
    if (!result) result = otx__draft_finish(&l, &job->draft);
    otx__draft_list_close(&l);
    job->summary.draft_rows = job->draft.count;
    return result;
}

/* Where the donor is the base once more, whose head alone is cut down, every row is the base's:
   those without a token, or with a reserved one, too. */
OTX__PRIVATE otx_result otx__job_keep_rows(otx_job *job, otx_error *error)
{
    const uint64_t rows = job->base.parts.rows + job->base.parts.extra;
    otx__status base, donor;
    otx_result result;
    size_t i;
    if (!otx__job_is_draft(job)) return OTX_OK;
    result = otx__look(job->base.path, &base, error);
    if (!result) result = otx__look(job->donor.path, &donor, error);
    if (result || !otx__same_file(&base, &donor)) return result;
    for (i = 0; i < job->alignment.count && i < rows; i++) {
        otx_alignment_row *row = &job->alignment.rows[i];
        if (row->action != OTX_ACTION_PADDING) { /* those have no token to count */
            job->alignment.counts[row->action]--;
            job->alignment.counts[OTX_ACTION_COPY]++;
        }
        row->action = OTX_ACTION_COPY;
        row->base = (int64_t)i;
    }
    return OTX_OK;
}

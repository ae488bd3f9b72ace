/* ---- match: rows of tokens that a new one only begins with -------------------------------- */

/* Whether a prefix is white space alone, which says nothing of a word. */
OTX__PRIVATE bool otx__match_is_blank(const char *bytes, size_t size)
{
    size_t i;
    for (i = 0; i < size; i++)
        if (bytes[i] != ' ' && (bytes[i] < '\t' || bytes[i] > '\r')) return false;
    return true;
}

/* The base's token of the same byte, where the alignment keeps these apart; or the longest TEXT
   token that a token begins with; or -1. */
OTX__PRIVATE int64_t otx__match_find(const otx_job *job, const otx__token_index *index,
                                     const otx_token *token)
{
    otx_match how = otx__match_of(job, token);
    size_t size = token->size;
    if (how == OTX_MATCH_NO || !otx__stands_for_text(token)) return -1;
    if (size == 1)
        return otx__index_find(index, token->kind == OTX_TOKEN_BYTE ? OTX_TOKEN_TEXT
                                                                    : OTX_TOKEN_BYTE,
                               token->bytes, size);
    while (token->kind == OTX_TOKEN_TEXT && size-- > 1 &&
           !otx__match_is_blank(token->bytes, size)) {
        int64_t base = otx__index_find(index, OTX_TOKEN_TEXT, token->bytes, size);
        if (base >= 0) return base;
    }
    return -1;
}

/* An index of the base's tokens with a row, by kind and bytes. */
OTX__PRIVATE otx_result otx__match_index(const otx_job *job, otx__token_index *index,
                                         otx_error *error)
{
    const otx_token *tokens = job->base.vocab.tokens;
    size_t count = otx__min(job->base.vocab.count, (size_t)job->base.parts.rows), id;
    otx_result result = otx__index_open(&job->ctx, index, tokens, count, false, error);
    for (id = 0; id < count && !result; id++) {
        uint32_t *slot;
        if (tokens[id].kind == OTX_TOKEN_NONE) continue;
        slot = otx__index_slot(index, tokens[id].kind, tokens[id].bytes, tokens[id].size);
        if (!*slot) *slot = (uint32_t)id + 1;
    }
    return result;
}

/* Whether an option that names one of two matrices finds two. */
OTX__PRIVATE otx_result otx__match_check(const otx_job *job, const char *option, otx_match how,
                                         otx_error *error)
{
    if ((how != OTX_MATCH_EMBED && how != OTX_MATCH_LM_HEAD) || otx__job_has_head(job))
        return OTX_OK;
    return otx__fail(error, OTX_ERROR_ARGUMENT, "%s: %s, so that %s %s has no matrix of its own; "
                     "yes and no are left", job->base.path, otx__job_headless(job), option,
                     otx_match_name(how));
}

/* Finds rows for tokens that would be solved for, as far as the options want it. */
OTX__PRIVATE otx_result otx__job_match(otx_job *job, otx_error *error)
{
    const otx_job_options *options = &job->options;
    otx_alignment *alignment = &job->alignment;
    otx__token_index index;
    size_t i, count = otx__min(alignment->count, job->donor.vocab.count);
    otx_result result = otx__match_check(job, "--byte-match", options->byte_match, error);
    if (!result) result = otx__match_check(job, "--prefix-match", options->prefix_match, error);
    if (options->prefix_match == OTX_MATCH_DEFAULT && options->byte_match == OTX_MATCH_DEFAULT)
        return OTX_OK;
    memset(&index, 0, sizeof index);
    if (!result) result = otx__match_index(job, &index, error);
    for (i = 0; i < count && !result; i++) {
        otx_alignment_row *row = &alignment->rows[i];
        int64_t base;
        if (row->action != OTX_ACTION_APPROXIMATE) continue;
        base = otx__match_find(job, &index, &job->donor.vocab.tokens[i]);
        if (base < 0) continue;
        row->action = OTX_ACTION_MATCH;
        row->base = base;
        alignment->counts[OTX_ACTION_APPROXIMATE]--;
        alignment->counts[OTX_ACTION_MATCH]++;
    }
    if (index.slots) otx__index_close(&job->ctx, &index);
    return result;
}

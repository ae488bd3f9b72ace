/* ---- pieces: what the base's tokenizer cuts tokens of the donor into ------------------ */

/* Where the row of each id of the base stands among those that hold a token; UINT32_MAX: the
   piece counts for nothing, as it has no row or is the unknown token. */
OTX__PRIVATE uint32_t *otx__pieces_places(otx__job_pieces *p, const otx_job *job,
                                          const uint32_t *tokens, size_t token_count)
{
    const otx_vocab *base = &job->base.vocab;
    uint32_t *places = (uint32_t *)otx__pool_take(&p->pool, base->count, sizeof *places);
    size_t i;
    if (!places) return NULL;
    for (i = 0; i < base->count; i++) places[i] = UINT32_MAX;
    for (i = 0; i < token_count; i++) places[tokens[i]] = (uint32_t)i;
    if (base->roles[OTX_ROLE_UNK] >= 0) places[base->roles[OTX_ROLE_UNK]] = UINT32_MAX;
    return places;
}

/* Splits one token; with room for its pieces, keeps them. */
OTX__PRIVATE otx_result otx__pieces_split(otx__job_pieces *p, const otx_job *job, uint32_t donor,
                                          const uint32_t *places, size_t *kept,
                                          otx_error *error)
{
    const otx_vocab *base = &job->base.vocab;
    const otx_token *token = &job->donor.vocab.tokens[donor];
    size_t count, i;
    otx_result result;
    for (;;) {
        void *ids = p->ids;
        result = otx_vocab_split(&job->ctx, base, token->bytes, token->size, p->ids, p->capacity,
                                 &count, error);
        if (result || count <= p->capacity) break;
        if (!otx__grow(&job->ctx, &ids, &p->capacity, count, sizeof *p->ids))
            return otx__fail_memory(error, (uint64_t)count * sizeof *p->ids);
        p->ids = (uint32_t *)ids;
    }
    for (i = 0; i < count && !result; i++) {
        uint32_t place = places[p->ids[i]];
        if (place == UINT32_MAX) continue;
        if (p->rows) {
            p->rows[*kept] = place;
            p->sizes[*kept] = base->tokens[p->ids[i]].size;
        }
        ++*kept;
    }
    return result;
}

/* Lists them once more without those of tokens that are no text. */
OTX__PRIVATE otx_result otx__pieces_of_texts(otx__job_pieces *p, const otx_job *job,
                                             const uint32_t *targets, size_t count,
                                             otx_error *error)
{
    size_t i, kept = 0;
    p->text_starts = (size_t *)otx__pool_take(&p->pool, count + 1, sizeof *p->text_starts);
    p->text_rows = (uint32_t *)otx__pool_take(&p->pool, p->starts[count], sizeof *p->text_rows);
    if (p->pool.failed) return otx__pool_fail(&p->pool, error);
    for (i = 0; i < count; i++) {
        const size_t start = p->starts[i], size = p->starts[i + 1] - start;
        p->text_starts[i] = kept;
        if (job->donor.vocab.tokens[targets[i]].kind != OTX_TOKEN_TEXT) continue;
        memcpy(p->text_rows + kept, p->rows + start, size * sizeof *p->rows);
        kept += size;
    }
    p->text_starts[count] = kept;
    return OTX_OK;
}

/* Splits donor tokens: once to count the pieces, once to keep them. tokens are the base's ids
   that hold one. With `without`, flags by id of the base, each is split as if the base lacked
   that of `bases` which is the same. */
OTX__PRIVATE otx_result otx__pieces_open(otx__job_pieces *p, const otx_job *job,
                                         const uint32_t *targets, size_t count,
                                         const uint32_t *tokens, size_t token_count,
                                         const uint32_t *bases, uint8_t *without,
                                         otx_error *error)
{
    uint32_t *places = otx__pieces_places(p, job, tokens, token_count);
    otx_result result = OTX_OK;
    size_t i, pass, kept = 0;
    p->starts = (size_t *)otx__pool_take(&p->pool, count + 1, sizeof *p->starts);
    if (p->pool.failed) return otx__pool_fail(&p->pool, error);
    for (pass = 0; pass < 2 && !result; pass++) {
        uint32_t *rows = (uint32_t *)otx__pool_take(&p->pool, kept, sizeof *rows);
        p->sizes = (uint32_t *)otx__pool_take(&p->pool, kept, sizeof *p->sizes);
        if (p->pool.failed) return otx__pool_fail(&p->pool, error);
        if (pass) p->rows = rows;
        kept = 0;
        for (i = 0; i < count && !result; i++) {
            p->starts[i] = kept;
            if (without) without[bases[i]] = 1;
            result = otx__pieces_split(p, job, targets[i], places, &kept, error);
            if (without) without[bases[i]] = 0;
        }
        p->starts[count] = kept;
    }
    return result ? result : otx__pieces_of_texts(p, job, targets, count, error);
}

/* The pieces that a method takes: beside a donor's row, those of texts alone, whatever other
   methods of the job take. */
OTX__PRIVATE otx_pieces otx__pieces_for(const otx__job_pieces *p, otx_method method)
{
    bool texts = (otx_method_needs(method) & OTX_WANT_PIECES) != 0;
    otx_pieces pieces;
    pieces.starts = texts ? p->text_starts : p->starts;
    pieces.rows = texts ? p->text_rows : p->rows;
    pieces.sizes = texts ? NULL : p->sizes;
    return pieces;
}

/* Splits the anchors, each as if the base lacked it. Of the base's tokens `without` flags those
   that it is to lack besides. */
OTX__PRIVATE otx_result otx__pieces_open_anchors(otx__job_pieces *p, const otx_job *job,
                                                 const uint32_t *donors, const uint32_t *bases,
                                                 size_t count, const uint32_t *tokens,
                                                 size_t token_count, uint8_t *without,
                                                 otx_error *error)
{
    otx__rules *rules = (otx__rules *)job->base.vocab.rules;
    const uint8_t *before = rules->without;
    otx_result result;
    rules->without = without;
    result = otx__pieces_open(p, job, donors, count, tokens, token_count, bases, without, error);
    rules->without = before;
    return result;
}

/* Reads how the base splits. A method that only wants pieces does without where that is not
   known, with a note. */
OTX__PRIVATE otx_result otx__job_open_rules(otx_job *job, bool must, bool *known,
                                            otx_error *error)
{
    otx_error why;
    otx_result result;
    memset(&why, 0, sizeof why);
    result = otx_vocab_open_rules(&job->ctx, job->base.path, &job->base.vocab, &why);
    *known = result == OTX_OK;
    if (!result) return OTX_OK;
    if (must || result == OTX_ERROR_MEMORY || result == OTX_ERROR_CANCELLED) {
        if (error) *error = why;
        return result;
    }
    otx__log(&job->ctx, OTX_NOTE, "the base's tokenizer cannot cut new tokens into pieces: %s",
             why.message);
    return OTX_OK;
}

/* Lists the base's ids that hold a token, and finds the pieces of the job's targets and anchors,
   if a method asks for them. */
OTX__PRIVATE otx_result otx__job_split(otx_job *job, otx_error *error)
{
    size_t rows = otx__min((size_t)job->base.parts.rows, job->base.vocab.count), i;
    unsigned needs = otx__job_needs(job);
    bool must = (needs & OTX_NEED_PIECES) || job->options.how.pieces > 0.0, known;
    otx__job_pieces *p = &job->pieces;
    uint8_t *without;
    otx_result result;
    p->tokens = (uint32_t *)otx__pool_take(&p->pool, rows, sizeof *p->tokens);
    without = (uint8_t *)otx__pool_take_zero(&p->pool, job->base.vocab.count, 1);
    if (p->pool.failed) return otx__pool_fail(&p->pool, error);
    for (i = 0; i < rows; i++)
        if (otx__base_row_is_token(job, i)) p->tokens[p->token_count++] = (uint32_t)i;
    if (job->options.how.pieces < 0.0) needs &= ~(unsigned)OTX_WANT_PIECES;
    if (!(needs & (OTX_NEED_PIECES | OTX_WANT_PIECES))) return OTX_OK;
    result = otx__job_open_rules(job, must, &known, error);
    if (result || !known) return result;
    result = otx__pieces_open(p, job, job->targets, job->target_count, p->tokens, p->token_count,
                              NULL, NULL, error);
    if (result || !(needs & OTX_WANT_PIECES)) return result;
    return otx__pieces_open_anchors(&job->anchor_pieces, job, job->anchor_donors,
                                    job->anchor_bases, job->anchor_count, p->tokens,
                                    p->token_count, without, error);
}

/* ---- align: where every new row comes from ------------------------------ */

OTX__PRIVATE otx_result otx__new_rows(const otx_job *job, uint64_t *rows, otx_error *error)
{
    uint64_t multiple = job->options.rows_multiple, count = job->donor.vocab.count;
    *rows = job->donor.parts.rows;
    if (job->options.rows == OTX_ROWS_TOKENIZER) *rows = count;
    if (job->options.rows == OTX_ROWS_MULTIPLE) {
        *rows = multiple;
        if (multiple <= INT32_MAX) *rows = (count + multiple - 1) / multiple * multiple;
    }
    if (job->options.rows == OTX_ROWS_EXACT) *rows = job->options.rows_exact;
    if (*rows > 0 && *rows <= INT32_MAX) return OTX_OK;
    return otx__fail(error, OTX_ERROR_LIMIT,
                     "the new matrices would have %" PRIu64 " rows; 1 to "
                     "2147483647 are supported",
                     *rows);
}

/* A row that only some of the base's tensors have can be copied, but is no atom. */
OTX__PRIVATE void otx__limit_anchors(otx_job *job)
{
    otx_alignment *alignment = &job->alignment;
    size_t i;
    for (i = 0; i < alignment->count; i++) {
        otx_alignment_row *row = &alignment->rows[i];
        if (!row->anchor || (uint64_t)row->base < job->base.parts.rows) continue;
        row->anchor = false;
        alignment->anchor_count--;
    }
}

/* Pairs the tokens of the two models, by the caller's map first. */
OTX__PRIVATE otx_result otx__job_align(otx_job *job, otx_error *error)
{
    otx_alignment_options options;
    size_t count = job->options.map_count, i;
    otx_map_entry *map = (otx_map_entry *)otx__alloc_zero(&job->ctx, count, sizeof *map);
    otx_result result;
    if (!map) return otx__fail_memory(error, (uint64_t)count * sizeof *map);
    memset(&options, 0, sizeof options);
    result = otx__new_rows(job, &options.rows, error);
    for (i = 0; i < count && !result; i++) {
        result = otx__map_parse(job, job->options.map[i], options.rows, &map[i], error);
        if (!result) result = otx__job_poll(job, error);
    }
    options.donor_rows = job->donor.parts.rows;
    options.base_rows = job->base.parts.rows + job->base.parts.extra;
    options.map = map;
    options.map_count = count;
    if (!result)
        result = otx_align(&job->ctx, &job->donor.vocab, &job->base.vocab, &options,
                           &job->alignment, error);
    if (!result) otx__limit_anchors(job);
    otx__free(&job->ctx, map, count, sizeof *map);
    return result;
}

/* The counts of the report, and what should not pass without a word. */
OTX__PRIVATE void otx__count_tokens(otx_job *job)
{
    const size_t *counts = job->alignment.counts;
    otx_job_tokens *tokens = &job->summary.tokens;
    size_t i, first = OTX__NONE;
    for (i = job->alignment.count; i < job->donor.vocab.count; i++) {
        if (!otx__side_token(&job->donor, i)) continue;
        if (first == OTX__NONE) first = i;
        tokens->skipped++;
    }
    tokens->total = job->donor.vocab.token_count;
    tokens->copied = counts[OTX_ACTION_COPY];
    tokens->by_role = counts[OTX_ACTION_ROLE];
    tokens->mapped = counts[OTX_ACTION_MAP];
    tokens->approximated = counts[OTX_ACTION_APPROXIMATE];
    tokens->unused = counts[OTX_ACTION_UNUSED];
    tokens->padding = counts[OTX_ACTION_PADDING];
    if (tokens->skipped)
        otx__log(&job->ctx, OTX_WARNING, "%s: %" PRIu64 " ids of the tokenizer, from %" PRIu64
                 " on, lie beyond the %" PRIu64 " rows and get none", job->donor.path,
                 tokens->skipped, (uint64_t)first, (uint64_t)job->alignment.count);
    else if (job->donor.vocab.count > job->donor.parts.rows)
        otx__log(&job->ctx, OTX_WARNING,
                 "%s: the tokenizer's ids reach %" PRIu64 ", the matrices have %" PRIu64
                 " rows; ids beyond can only be copied",
                 job->donor.path, (uint64_t)job->donor.vocab.count - 1, job->donor.parts.rows);
    if (job->base.vocab.count > job->base.parts.rows + job->base.parts.extra)
        otx__log(&job->ctx, OTX_WARNING,
                 "%s: the tokenizer's ids reach %" PRIu64 ", the matrices "
                 "have %" PRIu64 " rows; ids beyond are not copied from",
                 job->base.path, (uint64_t)job->base.vocab.count - 1,
                 job->base.parts.rows + job->base.parts.extra);
    if (job->options.padding == OTX_PADDING_ZERO && tokens->padding + tokens->unused > 0)
        otx__log(&job->ctx, OTX_WARNING, "%" PRIu64 " rows without a token of their own will "
                 "be zeros, which score 0 in an output head and may be sampled",
                 tokens->padding + tokens->unused);
}

/* Whether a token of the donor is treated as a reserved one for its row alone. */
OTX__PRIVATE bool otx__is_untrained(const otx_job *job, size_t id)
{
    return id < job->alignment.count && (uint64_t)id < job->donor.parts.rows &&
           job->alignment.rows[id].action == OTX_ACTION_UNUSED &&
           job->donor.vocab.tokens[id].kind != OTX_TOKEN_UNUSED;
}

/* Lists of the anchors and of the targets, both by donor id. */
OTX__PRIVATE otx_result otx__list_tokens(otx_job *job, otx_error *error)
{
    const otx_alignment *alignment = &job->alignment;
    size_t anchors = alignment->anchor_count, i;
    size_t targets = alignment->counts[OTX_ACTION_APPROXIMATE];
    job->anchor_donors = (uint32_t *)otx__alloc(&job->ctx, anchors, sizeof(uint32_t));
    if (job->anchor_donors)
        job->anchor_bases = (uint32_t *)otx__alloc(&job->ctx, anchors, sizeof(uint32_t));
    if (job->anchor_bases)
        job->targets = (uint32_t *)otx__alloc(&job->ctx, targets, sizeof(uint32_t));
    job->anchor_count = anchors; /* before any return: they are the sizes to free */
    job->target_count = targets;
    if (!job->targets) return otx__fail_memory(error, (uint64_t)(anchors + targets) * 4);
    anchors = targets = 0;
    for (i = 0; i < alignment->count; i++) {
        const otx_alignment_row *row = &alignment->rows[i];
        if (row->anchor) {
            job->anchor_donors[anchors] = (uint32_t)i;
            job->anchor_bases[anchors++] = (uint32_t)row->base;
        }
        if (row->action == OTX_ACTION_APPROXIMATE) job->targets[targets++] = (uint32_t)i;
    }
    if (!otx__job_solves(job) || anchors > 0 || targets == 0) return OTX_OK;
    return otx__fail(error, OTX_ERROR_NO_ANCHORS, "the tokenizers of %s and %s share no text "
                     "token, so that there is nothing to build %" PRIu64 " rows from; "
                     "\"transplant align\" shows both", job->base.path, job->donor.path,
                     (uint64_t)targets);
}

/* Tells what should not pass without a word of how the two vocabularies are aligned, and
   lists anchors and targets. */
OTX__PRIVATE otx_result otx__job_list(otx_job *job, otx_error *error)
{
    otx__count_tokens(job);
    return otx__list_tokens(job, error);
}

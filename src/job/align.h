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
    if (job->base.gguf && *rows < count) {
        if (job->options.rows != OTX_ROWS_DONOR)
            return otx__fail(error, OTX_ERROR_ARGUMENT, "a GGUF file has as many rows as tokens: "
                             "%" PRIu64 " rows are fewer than the %" PRIu64 " ids of %s", *rows,
                             count, job->donor.path);
        *rows = count;
    }
    if (*rows > 0 && *rows <= INT32_MAX) return OTX_OK;
    return otx__fail(error, OTX_ERROR_LIMIT,
                     "the new matrices would have %" PRIu64 " rows; 1 to "
                     "2147483647 are supported",
                     *rows);
}

/* Donor ids that can be given a row by the method: one that solves nothing asks nothing of
   the donor's matrices. */
OTX__PRIVATE uint64_t otx__donor_rows(const otx_job *job)
{
    uint64_t rows = job->donor.parts.rows, count = job->donor.vocab.count;
    return otx__job_solves(job) || rows > count ? rows : count;
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

/* Reads the caller's map. */
OTX__PRIVATE otx_result otx__job_read_map(const otx_job *job, uint64_t rows, otx_map_entry *map,
                                          otx_error *error)
{
    otx__names names[2];
    size_t i;
    otx_result result = OTX_OK;
    memset(names, 0, sizeof names);
    if (job->options.map_count == 0) return OTX_OK;
    result = otx__names_open(&job->ctx, &job->donor, &names[0], error);
    if (!result) result = otx__names_open(&job->ctx, &job->base, &names[1], error);
    for (i = 0; i < job->options.map_count && !result; i++) {
        result = otx__map_parse(job, job->options.map[i], rows, names, &map[i], error);
        if (!result) result = otx__job_poll(job, error);
    }
    otx__names_close(&job->ctx, &names[1]);
    otx__names_close(&job->ctx, &names[0]);
    return result;
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
    if (!result) result = otx__job_read_map(job, options.rows, map, error);
    options.donor_rows = otx__donor_rows(job);
    options.base_rows = job->base.parts.rows + job->base.parts.extra;
    for (i = 0; i < count && !result; i++)
        if (map[i].base >= options.base_ids) options.base_ids = map[i].base + 1;
    options.bytes_apart = job->options.byte_match != OTX_MATCH_DEFAULT &&
                          job->options.byte_match != OTX_MATCH_YES;
    options.map = map;
    options.map_count = count;
    if (!result)
        result = otx_align(&job->ctx, &job->donor.vocab, &job->base.vocab, &options,
                           &job->alignment, error);
    if (!result) otx__limit_anchors(job);
    otx__free(&job->ctx, map, count, sizeof *map);
    return result;
}

/* Tells of the donor's tokens without a row in the new matrices, and of those without one
   in the donor's own that would have been solved for. Counts the former. */
OTX__PRIVATE void otx__tell_rowless(otx_job *job)
{
    const uint64_t rows = otx__donor_rows(job), count = job->alignment.count;
    uint64_t skipped = 0, bare = 0, first_skipped = 0, first_bare = 0, i;
    char content[OTX__QUOTED];
    for (i = otx__min((size_t)rows, (size_t)count); i < job->donor.vocab.count; i++) {
        const otx_token *token = otx__side_token(&job->donor, i);
        if (!token) continue;
        if (i >= count && skipped++ == 0) first_skipped = i;
        if (i >= rows && i < count && job->alignment.rows[i].action == OTX_ACTION_UNUSED &&
            token->kind != OTX_TOKEN_UNUSED && bare++ == 0)
            first_bare = i;
    }
    if (skipped)
        otx__log(&job->ctx, OTX_WARNING, "%s: %" PRIu64 " ids of the tokenizer, from %" PRIu64
                 " on (token \"%s\"), lie beyond the %" PRIu64 " rows and get none; --rows "
                 "tokenizer gives every token one", job->donor.path, skipped, first_skipped,
                 otx__side_content(content, &job->donor, first_skipped), count);
    if (bare)
        otx__log(&job->ctx, OTX_WARNING, "%s: %" PRIu64 " tokens, the first %" PRIu64 " (\"%s\"), "
                 "have no row among the %" PRIu64 " of the donor's matrices to be solved from, "
                 "and get what reserved tokens get; --map '#%" PRIu64 "=BASE' copies a row of "
                 "the base", job->donor.path, bare, first_bare,
                 otx__side_content(content, &job->donor, first_bare), rows, first_bare);
    job->summary.tokens.skipped = skipped;
}

/* Tells of base ids that the map names and that have no row to copy. */
OTX__PRIVATE void otx__tell_unmapped(const otx_job *job)
{
    const int64_t rows = (int64_t)(job->base.parts.rows + job->base.parts.extra);
    size_t i;
    for (i = 0; i < job->alignment.count; i++) {
        const otx_alignment_row *row = &job->alignment.rows[i];
        if (row->action == OTX_ACTION_MAP && row->base >= rows)
            otx__log(&job->ctx, OTX_NOTE, "%s: id %" PRId64 " has no row: the donor's token %"
                     PRIu64 ", which is mapped to it, takes its place in the configs and gets "
                     "what reserved tokens get", job->base.path, row->base, (uint64_t)i);
    }
}

/* The counts of the report, and what should not pass without a word. */
OTX__PRIVATE void otx__count_tokens(otx_job *job)
{
    const size_t *counts = job->alignment.counts;
    otx_job_tokens *tokens = &job->summary.tokens;
    uint64_t bare = 0;
    size_t i;
    otx__tell_rowless(job);
    otx__tell_unmapped(job);
    tokens->total = job->donor.vocab.token_count;
    tokens->copied = counts[OTX_ACTION_COPY];
    tokens->by_role = counts[OTX_ACTION_ROLE];
    tokens->mapped = counts[OTX_ACTION_MAP];
    tokens->matched = counts[OTX_ACTION_MATCH];
    tokens->approximated = counts[OTX_ACTION_APPROXIMATE];
    tokens->unused = counts[OTX_ACTION_UNUSED];
    tokens->padding = counts[OTX_ACTION_PADDING];
    if (job->base.vocab.count > job->base.parts.rows + job->base.parts.extra)
        otx__log(&job->ctx, OTX_WARNING,
                 "%s: the tokenizer's ids reach %" PRIu64 ", the matrices "
                 "have %" PRIu64 " rows; ids beyond are not copied from",
                 job->base.path, (uint64_t)job->base.vocab.count - 1,
                 job->base.parts.rows + job->base.parts.extra);
    for (i = 0; i < job->alignment.count; i++)
        bare += job->alignment.rows[i].action == OTX_ACTION_PADDING ||
                job->alignment.rows[i].action == OTX_ACTION_UNUSED;
    if (job->options.padding == OTX_PADDING_ZERO && bare > 0)
        otx__log(&job->ctx, OTX_WARNING, "%" PRIu64 " rows without a token of their own will "
                 "be zeros, which score 0 in an output head and may be sampled", bare);
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
    size_t targets = 0;
    for (i = 0; i < alignment->count; i++) targets += otx__job_makes(job, i);
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
        if (otx__job_makes(job, i)) job->targets[targets++] = (uint32_t)i;
    }
    if (!otx__job_solves(job) || targets == 0) return OTX_OK;
    if (!otx__has_weights(&job->donor.checkpoint))
        return otx__fail(error, job->without.code, "%s; %" PRIu64 " tokens are to be solved for "
                         "in the donor's weights: the methods subword, mean and zero "
                         "(-a subword, -a mean, -a zero) need none%s", job->without.message,
                         (uint64_t)targets,
                         job->lends ? "" : ", nor does a --map for every such token");
    if (anchors > 0) return OTX_OK;
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

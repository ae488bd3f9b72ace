/* ---- the plan: what becomes of every tensor ----------------------------- */

/* ---- opening: the alignment ---- */

OTX__PRIVATE otx_result otx__job_rows(const otx_job *job, uint64_t *rows, otx_error *error)
{
    uint64_t multiple = job->options.rows_multiple, count = job->donor_vocab.count;
    *rows = job->donor_model.rows;
    if (job->options.rows == OTX_ROWS_TOKENIZER) *rows = count;
    if (job->options.rows == OTX_ROWS_MULTIPLE) {
        *rows = multiple;
        if (multiple <= INT32_MAX) *rows = (count + multiple - 1) / multiple * multiple;
    }
    if (*rows > 0 && *rows <= INT32_MAX) return OTX_OK;
    return otx__fail(error, OTX_ERROR_LIMIT,
                     "the new matrices would have %" PRIu64 " rows; 1 to "
                     "2147483647 are supported",
                     *rows);
}

/* A row that only some of the base's tensors have can be copied, but is no atom. */
OTX__PRIVATE void otx__job_limit_anchors(otx_job *job)
{
    otx_alignment *alignment = &job->alignment;
    size_t i;
    for (i = 0; i < alignment->count; i++) {
        otx_alignment_row *row = &alignment->rows[i];
        if (!row->anchor || (uint64_t)row->base < job->base_model.rows) continue;
        row->anchor = false;
        alignment->anchor_count--;
    }
}

OTX__PRIVATE otx_result otx__job_align(otx_job *job, otx_error *error)
{
    otx_alignment_options options;
    size_t count = job->options.map_count, i;
    otx_map_entry *map = (otx_map_entry *)otx__alloc_zero(&job->ctx, count, sizeof *map);
    otx_result result;
    if (!map) return otx__fail_memory(error, (uint64_t)count * sizeof *map);
    memset(&options, 0, sizeof options);
    result = otx__job_rows(job, &options.rows, error);
    for (i = 0; i < count && !result; i++) {
        result = otx__map_parse(job, job->options.map[i], options.rows, &map[i], error);
        if (!result) result = otx__job_poll(job, error);
    }
    options.donor_rows = job->donor_model.rows;
    options.base_rows = job->base_model.rows + job->base_model.extra;
    options.map = map;
    options.map_count = count;
    if (!result)
        result = otx_align(&job->ctx, &job->donor_vocab, &job->base_vocab, &options,
                           &job->alignment, error);
    if (!result) otx__job_limit_anchors(job);
    otx__free(&job->ctx, map, count, sizeof *map);
    return result;
}

/* The counts of the report, and what should not pass without a word. */
OTX__PRIVATE void otx__job_count(otx_job *job)
{
    const size_t *counts = job->alignment.counts;
    otx_job_tokens *tokens = &job->summary.tokens;
    size_t i, first = OTX__NONE;
    for (i = job->alignment.count; i < job->donor_vocab.count; i++) {
        if (job->donor_vocab.tokens[i].kind == OTX_TOKEN_NONE) continue;
        if (first == OTX__NONE) first = i;
        tokens->skipped++;
    }
    tokens->total = job->donor_vocab.token_count;
    tokens->copied = counts[OTX_ACTION_COPY];
    tokens->by_role = counts[OTX_ACTION_ROLE];
    tokens->mapped = counts[OTX_ACTION_MAP];
    tokens->approximated = counts[OTX_ACTION_APPROXIMATE];
    tokens->unused = counts[OTX_ACTION_UNUSED];
    tokens->padding = counts[OTX_ACTION_PADDING];
    if (tokens->skipped)
        otx__log(&job->ctx, OTX_WARNING, "%s: %" PRIu64 " ids of the tokenizer, from %" PRIu64
                 " on, lie beyond the %" PRIu64 " rows and get none", job->donor_path,
                 tokens->skipped, (uint64_t)first, (uint64_t)job->alignment.count);
    else if (job->donor_vocab.count > job->donor_model.rows)
        otx__log(&job->ctx, OTX_WARNING,
                 "%s: the tokenizer's ids reach %" PRIu64 ", the matrices have %" PRIu64
                 " rows; ids beyond can only be copied",
                 job->donor_path, (uint64_t)job->donor_vocab.count - 1, job->donor_model.rows);
    if (job->base_vocab.count > job->base_model.rows + job->base_model.extra)
        otx__log(&job->ctx, OTX_WARNING,
                 "%s: the tokenizer's ids reach %" PRIu64 ", the matrices "
                 "have %" PRIu64 " rows; ids beyond are not copied from",
                 job->base_path, (uint64_t)job->base_vocab.count - 1,
                 job->base_model.rows + job->base_model.extra);
    if (job->options.padding == OTX_PADDING_ZERO && tokens->padding + tokens->unused > 0)
        otx__log(&job->ctx, OTX_WARNING, "%" PRIu64 " rows without a token of their own will "
                 "be zeros, which score 0 in an output head and may be sampled",
                 tokens->padding + tokens->unused);
}

/* Lists of the anchors and of the targets, both by donor id. */
OTX__PRIVATE otx_result otx__job_list(otx_job *job, otx_error *error)
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
                     "\"transplant align\" shows both", job->base_path, job->donor_path,
                     (uint64_t)targets);
}

/* ---- opening: the plan ---- */

/* The solution for one matrix of the donor; makes room for it once. */
OTX__PRIVATE size_t otx__job_solution(otx_job *job, const otx_checkpoint_tensor *donor)
{
    size_t i;
    for (i = 0; i < job->solution_count; i++)
        if (job->solutions[i].donor == donor) return i;
    job->solutions[i].donor = donor;
    job->solution_count++;
    return i;
}

/* Enters one tensor of the base into the summary. A head is solved in the space
   of the donor's head; in that of its embedding if either model has but one
   matrix. */
OTX__PRIVATE otx_result otx__job_plan_matrix(otx_job *job, size_t which, otx_error *error)
{
    const otx__model *donor = &job->donor_model;
    const otx__model_tensor *tensor = &job->base_model.tensors[which];
    const otx_tensor *old = tensor->at->tensor;
    bool head = tensor->part == OTX__PART_HEAD && !job->base_model.tied && !donor->tied;
    otx__tensor_plan *plan = &job->plans[which];
    otx_job_matrix *matrix;
    if (job->summary.matrix_count == OTX_JOB_MAX_MATRICES)
        return otx__fail(error, OTX_ERROR_LIMIT, "%s: more than %d matrices are sized by the "
                         "vocabulary", job->base_path, OTX_JOB_MAX_MATRICES);
    plan->shape[1] = old->shape[1];
    plan->columns = (size_t)old->shape[1];
    if (job->options.dtype != OTX_DTYPE_NONE) plan->dtype = job->options.dtype;
    plan->solution = otx__job_solution(job, head ? donor->head : donor->embedding);
    plan->matrix = job->summary.matrix_count++;
    job->matrix_tensors[plan->matrix] = which;
    matrix = &job->summary.matrices[plan->matrix];
    (void)otx__quote(matrix->name, sizeof matrix->name, old->name, old->name_size);
    matrix->rows = plan->rows;
    matrix->columns = old->shape[1];
    matrix->dtype = plan->dtype;
    matrix->anchors = job->anchor_count;
    matrix->approximated = job->target_count;
    return OTX_OK;
}

/* Plans every tensor of the base's vocabulary: embeddings, then heads, then
   biases. */
OTX__PRIVATE otx_result otx__job_plan(otx_job *job, otx_error *error)
{
    static const otx__part parts[] = {OTX__PART_EMBEDDING, OTX__PART_HEAD, OTX__PART_BIAS};
    const otx__model *base = &job->base_model;
    otx_result result = OTX_OK;
    size_t part, i;
    for (part = 0; part < OTX__COUNT(parts); part++) {
        for (i = 0; i < base->tensor_count && !result; i++) {
            const otx__model_tensor *tensor = &base->tensors[i];
            otx__tensor_plan *plan = &job->plans[i];
            if (tensor->part != parts[part]) continue;
            plan->solution = plan->matrix = OTX__NONE;
            plan->rows = job->alignment.count + (size_t)(tensor->rows - base->rows);
            plan->shape[0] = plan->shape[1] = plan->rows;
            plan->columns = 1;
            plan->dtype = tensor->at->tensor->dtype;
            if (tensor->part != OTX__PART_BIAS) {
                if (!tensor->redundant) result = otx__job_plan_matrix(job, i, error);
                continue;
            }
            if (tensor->at->tensor->rank == 2) plan->shape[0] = 1;
            if (job->target_count > 0 && otx__job_solves(job))
                otx__log(&job->ctx, OTX_NOTE, "%s: tensor \"%s\" is a bias: tokens that are "
                         "solved for get the mean of the base's", job->base_path,
                         tensor->at->tensor->name);
        }
    }
    return result;
}

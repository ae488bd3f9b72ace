/* ---- job: a whole transplant, in the order in which it happens ------------ */

/* What was solved against one matrix of the donor. Every matrix of the base in
   the same part takes the same combinations of its own rows. */
typedef struct otx__solution {
    const otx_checkpoint_tensor *donor;
    size_t k;
    int32_t *indices;       /* [targets][k], as of otx_omp_output */
    double *coefficients;   /* [targets][k] */
    double *residual_norms; /* [targets] */
    double *target_norms;   /* [targets] */
    double mean_residual, max_residual; /* relative */
    double seconds;
    otx_omp_stats stats;
} otx__solution;

#define OTX__NONE SIZE_MAX

/* What becomes of one vocabulary tensor of the base. */
typedef struct otx__tensor_plan {
    size_t solution;   /* in job->solutions, or OTX__NONE for a bias */
    size_t matrix;     /* in job->summary.matrices, or OTX__NONE for a bias */
    uint64_t shape[2]; /* its new shape */
    size_t rows;       /* tokens in it, and beyond them those that the class adds */
    size_t columns;    /* elements per token */
    otx_dtype dtype;
} otx__tensor_plan;

struct otx_job {
    otx_context outer; /* the caller's */
    otx_context ctx;   /* the same, with memory counted and progress remembered */
    otx_job_options options;
    uint64_t live_bytes, peak_bytes;
    otx_progress last; /* what was reported last, and is repeated by otx__job_poll */
    char *base_path, *donor_path;
    otx_checkpoint base, donor;
    otx_vocab base_vocab, donor_vocab;
    otx__document base_config, base_generation, donor_config, donor_generation,
        donor_tokenizer;
    otx__model base_model, donor_model;
    otx_alignment alignment;
    uint32_t *anchor_donors, *anchor_bases; /* ids, by donor id */
    uint32_t *targets;                      /* donor ids to solve for */
    size_t anchor_count, target_count;
    otx__tensor_plan plans[OTX__MODEL_MAX_TENSORS]; /* of base_model.tensors */
    size_t matrix_tensors[OTX_JOB_MAX_MATRICES];    /* of summary.matrices: which tensor */
    otx__solution solutions[2];
    size_t solution_count;
    otx__text config, generation; /* the edited files; generation may be empty */
    otx_job_summary summary;
    bool ran;
};

/* ---- hooks of the job ---- */

OTX__PRIVATE void *otx__job_resize(void *context, void *block, size_t old_size, size_t new_size)
{
    otx_job *job = (otx_job *)context;
    void *moved = otx__resize(&job->outer, block, old_size, new_size);
    if (new_size > 0 && !moved) return NULL;
    job->live_bytes = job->live_bytes - (block ? old_size : 0) + new_size;
    if (job->live_bytes > job->peak_bytes) job->peak_bytes = job->live_bytes;
    return moved;
}

/* Remembers what was reported, and says which tensor the solver is at. */
OTX__PRIVATE bool otx__job_progress(void *context, const otx_progress *progress)
{
    otx_job *job = (otx_job *)context;
    const char *subject = progress->subject ? progress->subject : job->last.subject;
    job->last = *progress;
    job->last.subject = subject;
    return job->outer.progress(job->outer.progress_context, &job->last);
}

/* Lets the caller cancel amid work that no stage counts. */
OTX__PRIVATE otx_result otx__job_poll(const otx_job *job, otx_error *error)
{
    return otx__progress(&job->ctx, job->last.stage, job->last.subject, job->last.done,
                         job->last.total, error);
}

/* ---- opening: directories, vocabularies, tensors ---- */

#define OTX__OPENING_STEPS 6

/* Says at which of the steps the opening is, and at whose files. */
OTX__PRIVATE otx_result otx__job_opening(const otx_job *job, const char *path, unsigned step,
                                         otx_error *error)
{
    return otx__progress(&job->ctx, OTX_STAGE_OPEN, path, step, OTX__OPENING_STEPS, error);
}

OTX_API const char *otx_method_name(otx_method method)
{
    static const char *const names[OTX_METHOD_COUNT] = {"omp", "omp-centred", "mean", "zero"};
    return (unsigned)method < OTX_METHOD_COUNT ? names[method] : NULL;
}

OTX_API const char *otx_padding_name(otx_padding padding)
{
    static const char *const names[OTX_PADDING_COUNT] = {"mean", "zero"};
    return (unsigned)padding < OTX_PADDING_COUNT ? names[padding] : NULL;
}

/* Whether rows are solved for. */
OTX__PRIVATE bool otx__job_solves(const otx_job *job)
{
    return job->options.method == OTX_METHOD_OMP ||
           job->options.method == OTX_METHOD_OMP_CENTRED;
}

OTX__PRIVATE otx_result otx__job_check_options(const otx_job_options *options, otx_error *error)
{
    if ((unsigned)options->method >= OTX_METHOD_COUNT)
        return otx__fail(error, OTX_ERROR_ARGUMENT, "method %d is unknown; known are omp, "
                         "omp-centred, mean and zero", (int)options->method);
    if ((unsigned)options->rows > OTX_ROWS_MULTIPLE ||
        (options->rows == OTX_ROWS_MULTIPLE && options->rows_multiple == 0))
        return otx__fail(
            error, OTX_ERROR_ARGUMENT,
            "rows must be the donor's, the tokenizer's, or a multiple of at least 1");
    if ((unsigned)options->padding >= OTX_PADDING_COUNT)
        return otx__fail(error, OTX_ERROR_ARGUMENT,
                         "padding %d is unknown; known are mean and zero",
                         (int)options->padding);
    if (options->dtype && !otx_dtype_is_embedding(options->dtype))
        return otx__fail(error, OTX_ERROR_ARGUMENT, "matrices cannot be written as %s",
                         otx__word(otx_dtype_name(options->dtype)));
    if (options->omp.first_target || options->omp.target_count)
        return otx__fail(
            error, OTX_ERROR_ARGUMENT,
            "a transplant solves all targets; leave first_target and target_count 0");
    return OTX_OK;
}

OTX__PRIVATE otx_result otx__job_check_directory(const char *path, const char *what,
                                                 otx_error *error)
{
    char name[OTX__PATH_TEXT];
    otx__status status;
    otx_result result = otx__model_status(path, &status, error);
    if (result || status.directory) return result;
    return otx__fail(error, OTX_ERROR_ARGUMENT, "%s: the %s must be a model directory, not a "
                     "file", otx__path_text(name, path), what);
}

OTX__PRIVATE otx_result otx__job_open_files(otx_job *job, otx_error *error)
{
    const otx_context *ctx = &job->ctx;
    const char *base = job->base_path, *donor = job->donor_path;
    char name[OTX__PATH_TEXT];
    otx_result result = otx__job_check_directory(base, "base", error);
    if (!result) result = otx__job_check_directory(donor, "donor", error);
    if (!result)
        result = otx__document_open(ctx, base, "config.json", &job->base_config, error);
    if (!result && !job->base_config.present)
        result = otx__fail(error, OTX_ERROR_NOT_FOUND, "%s/config.json: is missing",
                           otx__path_text(name, base));
    if (!result)
        result = otx__document_open(ctx, base, "generation_config.json", &job->base_generation,
                                    error);
    if (!result)
        result = otx__document_open(ctx, donor, "config.json", &job->donor_config, error);
    if (!result)
        result = otx__document_open(ctx, donor, "generation_config.json",
                                    &job->donor_generation, error);
    if (!result)
        result = otx__document_open(ctx, donor, "tokenizer_config.json", &job->donor_tokenizer,
                                    error);
    if (!result) result = otx__job_opening(job, base, 0, error);
    if (!result) result = otx_checkpoint_open(ctx, base, &job->base, error);
    if (!result) result = otx__job_opening(job, donor, 1, error);
    if (!result) result = otx_checkpoint_open(ctx, donor, &job->donor, error);
    if (!result) result = otx__job_opening(job, base, 2, error);
    if (!result) result = otx_vocab_open(ctx, base, &job->base_vocab, error);
    if (!result) result = otx__job_opening(job, donor, 3, error);
    if (!result) result = otx_vocab_open(ctx, donor, &job->donor_vocab, error);
    if (!result) result = otx__job_opening(job, donor, 4, error);
    if (!result)
        result = otx__model_open(ctx, &job->base, &job->base_config, &job->base_vocab, false,
                                 &job->base_model, error);
    if (!result)
        result = otx__model_open(ctx, &job->donor, &job->donor_config, &job->donor_vocab, true,
                                 &job->donor_model, error);
    return result;
}

/* ---- opening: the caller's map ---- */

/* One side of "DONOR=BASE" with its escapes undone. */
typedef struct otx__map_side {
    const char *what; /* "donor" or "base" */
    const otx_vocab *vocab;
    uint64_t rows;
    char *bytes;
    size_t size;
    bool is_id; /* it started with an unescaped # and a digit */
} otx__map_side;

/* Undoes the escapes of one side, from `at` up to the unescaped `stop` (or the
   end, with 0). Returns where it stopped, or NULL where an escape is none. */
OTX__PRIVATE const char *otx__map_unescape(const char *at, char stop, otx__map_side *side)
{
    side->size = 0;
    side->is_id = at[0] == '#' && at[1] >= '0' && at[1] <= '9';
    while (*at && *at != stop) {
        if (*at != '\\') {
            side->bytes[side->size++] = *at++;
        } else if (at[1] == '\\' || at[1] == '=') {
            side->bytes[side->size++] = at[1];
            at += 2;
        } else if (at[1] == 'x' && otx__hex_digit(at[2]) >= 0 && otx__hex_digit(at[3]) >= 0) {
            side->bytes[side->size++] =
                (char)(otx__hex_digit(at[2]) * 16 + otx__hex_digit(at[3]));
            at += 4;
        } else {
            return NULL;
        }
    }
    return at;
}

/* The id of a side: by number, by content as the tokenizer's file spells it, or
   by the bytes it stands for; the lowest of several. */
OTX__PRIVATE otx_result otx__map_find(const otx__map_side *side, const char *entry,
                                      uint64_t *id, otx_error *error)
{
    const otx_vocab *vocab = side->vocab;
    char quoted[OTX__QUOTED], text[OTX__QUOTED];
    bool found = false;
    size_t i;
    *id = 0;
    if (side->is_id) {
        for (i = 1; i < side->size; i++) {
            unsigned digit = (unsigned)((unsigned char)side->bytes[i] - '0');
            if (digit > 9 || *id > UINT32_MAX) break;
            *id = *id * 10 + digit;
        }
        found = i == side->size && *id < vocab->count &&
                vocab->tokens[*id].kind != OTX_TOKEN_NONE;
    } else {
        size_t by_bytes = vocab->count;
        for (i = 0; i < vocab->count && !found; i++) {
            const otx_token *token = &vocab->tokens[i];
            if (token->kind == OTX_TOKEN_NONE) continue;
            found = token->content_size == side->size &&
                    memcmp(token->content, side->bytes, side->size) == 0;
            if (found) *id = i;
            else if (by_bytes == vocab->count && token->size == side->size &&
                     memcmp(token->bytes, side->bytes, side->size) == 0)
                by_bytes = i;
        }
        if (!found && by_bytes < vocab->count) {
            found = true;
            *id = by_bytes;
        }
    }
    otx__quote(quoted, sizeof quoted, side->bytes, side->size);
    otx__quote(text, sizeof text, entry, strlen(entry));
    if (!found)
        return otx__fail(error, OTX_ERROR_NOT_FOUND,
                         "map \"%s\": the %s's tokenizer has no token "
                         "\"%s\"",
                         text, side->what, quoted);
    if (*id >= side->rows)
        return otx__fail(error, OTX_ERROR_MISMATCH, "map \"%s\": %s id %" PRIu64 " has no row; "
                         "there are %" PRIu64, text, side->what, *id, side->rows);
    return OTX_OK;
}

OTX__PRIVATE otx_result otx__map_parse(otx_job *job, const char *text, uint64_t rows,
                                       otx_map_entry *entry, otx_error *error)
{
    size_t size = strlen(text) + 1;
    char quoted[OTX__QUOTED], *bytes = (char *)otx__alloc(&job->ctx, size, 1);
    otx__map_side side = {"donor", NULL, 0, NULL, 0, false};
    const char *at;
    otx_result result;
    if (!bytes) return otx__fail_memory(error, size);
    side.vocab = &job->donor_vocab;
    side.rows = rows;
    side.bytes = bytes;
    at = otx__map_unescape(text, '=', &side);
    if (!at || *at != '=' || side.size == 0) {
        result = otx__fail(error, OTX_ERROR_ARGUMENT,
                           "map \"%s\": DONOR=BASE is expected, each "
                           "a token's content or #ID, with \\\\, \\= and \\xNN as escapes",
                           otx__quote(quoted, sizeof quoted, text, size - 1));
        goto done;
    }
    result = otx__map_find(&side, text, &entry->donor, error);
    if (result) goto done;
    side.what = "base";
    side.vocab = &job->base_vocab;
    side.rows = job->base_model.rows + job->base_model.extra;
    at = otx__map_unescape(at + 1, 0, &side);
    if (!at || side.size == 0)
        result = otx__fail(error, OTX_ERROR_ARGUMENT,
                           "map \"%s\": after = a base token's content "
                           "or #ID is expected, with \\\\, \\= and \\xNN as escapes",
                           otx__quote(quoted, sizeof quoted, text, size - 1));
    else result = otx__map_find(&side, text, &entry->base, error);
done:
    otx__free(&job->ctx, bytes, size, 1);
    return result;
}

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
    if (job->options.dtype) plan->dtype = job->options.dtype;
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

OTX__PRIVATE otx_result otx__job_edit_config(otx_job *job, otx_error *error)
{
    otx__config_plan plan;
    memset(&plan, 0, sizeof plan);
    plan.ctx = &job->ctx;
    plan.base_path = job->base_path;
    plan.base_vocab = &job->base_vocab;
    plan.donor_vocab = &job->donor_vocab;
    plan.alignment = &job->alignment;
    plan.base = &job->base_config;
    plan.base_generation = &job->base_generation;
    plan.donor = &job->donor_config;
    plan.donor_generation = &job->donor_generation;
    plan.donor_tokenizer = &job->donor_tokenizer;
    plan.model = &job->base_model;
    plan.dtype = job->options.dtype;
    return otx__config_make(&plan, &job->config, &job->generation, error);
}

OTX__PRIVATE otx_result otx__job_open(otx_job *job, otx_error *error)
{
    otx_result result = otx__job_check_options(&job->options, error);
    if (!result) result = otx__job_open_files(job, error);
    if (!result) result = otx__job_align(job, error);
    if (!result) {
        otx__job_count(job);
        result = otx__job_list(job, error);
    }
    if (!result) result = otx__job_plan(job, error);
    if (!result) result = otx__job_opening(job, job->base_path, 5, error);
    if (!result) result = otx__job_edit_config(job, error);
    return result;
}

OTX_API otx_result otx_job_open(const otx_context *ctx, const char *base, const char *donor,
                                const otx_job_options *options, otx_job **out,
                                otx_error *error)
{
    double start = otx__now();
    otx_job *job = (otx_job *)otx__alloc_zero(ctx, 1, sizeof *job);
    otx_result result = OTX_OK;
    *out = NULL;
    if (!job) return otx__fail_memory(error, sizeof *job);
    if (ctx) job->outer = *ctx;
    if (options) job->options = *options;
    job->ctx = job->outer;
    job->ctx.threads = otx__threads(ctx); /* it must not change on the way */
    job->ctx.allocator.resize = otx__job_resize;
    job->ctx.allocator.context = job;
    if (job->outer.progress) job->ctx.progress = otx__job_progress;
    job->ctx.progress_context = job;
    otx__text_open(&job->config, &job->ctx);
    otx__text_open(&job->generation, &job->ctx);
    job->base_path = otx__path_copy(&job->ctx, base, strlen(base));
    job->donor_path = otx__path_copy(&job->ctx, donor, strlen(donor));
    if (!job->base_path || !job->donor_path)
        result = otx__fail_memory(error, strlen(base) + strlen(donor) + 2);
    if (!result) result = otx__job_open(job, error);
    if (result) {
        otx_job_close(job);
        return result;
    }
    job->options.map = NULL; /* the caller's; used up */
    job->summary.isa = job->ctx.isa == OTX_ISA_AUTO ? otx_isa_best() : job->ctx.isa;
    job->summary.threads = otx__threads(&job->ctx);
    job->summary.seconds = otx__now() - start;
    *out = job;
    return OTX_OK;
}

OTX__PRIVATE void otx__solution_close(const otx_job *job, otx__solution *solution)
{
    size_t targets = job->target_count, k = solution->k;
    otx__free(&job->ctx, solution->indices, targets * k, sizeof *solution->indices);
    otx__free(&job->ctx, solution->coefficients, targets * k, sizeof *solution->coefficients);
    otx__free(&job->ctx, solution->residual_norms, targets, sizeof *solution->residual_norms);
    otx__free(&job->ctx, solution->target_norms, targets, sizeof *solution->target_norms);
    solution->indices = NULL;
    solution->coefficients = solution->residual_norms = solution->target_norms = NULL;
}

OTX_API void otx_job_close(otx_job *job)
{
    const otx_context *ctx;
    otx_context outer;
    size_t i;
    if (!job) return;
    ctx = &job->ctx;
    for (i = 0; i < job->solution_count; i++) otx__solution_close(job, &job->solutions[i]);
    otx__text_close(&job->config);
    otx__text_close(&job->generation);
    otx__free(ctx, job->anchor_donors, job->anchor_count, sizeof *job->anchor_donors);
    otx__free(ctx, job->anchor_bases, job->anchor_count, sizeof *job->anchor_bases);
    otx__free(ctx, job->targets, job->target_count, sizeof *job->targets);
    otx_alignment_close(ctx, &job->alignment);
    otx_vocab_close(ctx, &job->base_vocab);
    otx_vocab_close(ctx, &job->donor_vocab);
    otx_checkpoint_close(ctx, &job->base);
    otx_checkpoint_close(ctx, &job->donor);
    otx__document_close(ctx, &job->base_config);
    otx__document_close(ctx, &job->base_generation);
    otx__document_close(ctx, &job->donor_config);
    otx__document_close(ctx, &job->donor_generation);
    otx__document_close(ctx, &job->donor_tokenizer);
    otx__path_free(ctx, job->base_path);
    otx__path_free(ctx, job->donor_path);
    outer = job->outer;
    otx__free(&outer, job, 1, sizeof *job);
}

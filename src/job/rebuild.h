/* ---- the new rows of one vocabulary tensor ------------------------------ */

/* Targets that one call of the body combines; targets between polls, fewer where
   that is more multiply-adds of a worker than so many; bytes copied between polls. */
#define OTX__COMBINE_CHUNK 16
#define OTX__COMBINE_BATCH 1024
#define OTX__COMBINE_WORK 1e8
#define OTX__COPY_BLOCK ((size_t)64 << 20)

typedef struct otx__rebuild {
    otx_job *job;
    const otx__vocab_tensor *tensor;
    const otx__solution *solution; /* NULL: the mean or zeros instead */
    const otx__kernels *kernels;   /* asked for once: the processor takes long to tell */
    otx__loaded old, made;       /* the base's rows, and the new ones */
    size_t old_rows, old_size;   /* rows of the base to read, and bytes of one */
    uint8_t *flags;              /* by row of either */
    size_t flag_count;
    size_t row_size;             /* of a new row, in bytes */
    double *scratch;             /* a row for each worker, and one for a mean */
    const double *centre;        /* the mean of the anchors' rows, or NULL: not centred */
    size_t workers;
    size_t first;                /* target of the batch */
    size_t failed[OTX__COMBINE_BATCH / OTX__COMBINE_CHUNK]; /* first target that is out of
                                                               range, or OTX__NONE */
} otx__rebuild;

OTX__PRIVATE otx_result otx__fail_range(const otx__rebuild *r, size_t id, otx_error *error)
{
    const otx_tensor *tensor = r->tensor->at->tensor;
    const otx_token *token = otx__side_token(&r->job->donor, id);
    char name[OTX__QUOTED], content[OTX__QUOTED];
    otx__quote(name, sizeof name, tensor->name, tensor->name_size);
    if (!token)
        return otx__fail(error, OTX_ERROR_RANGE,
                         "%s: tensor \"%s\": the mean of the new rows, wanted for the padding "
                         "row %" PRIu64 ", has a value beyond the largest of %s",
                         r->job->base.path, name, (uint64_t)id, otx_dtype_name(r->made.dtype));
    return otx__fail(error, OTX_ERROR_RANGE,
                     "%s: tensor \"%s\": the new row of donor id %" PRIu64 " (token \"%s\") has "
                     "a value beyond the largest of %s; pass --saturate to clamp it",
                     r->job->base.path, name, (uint64_t)id,
                     otx__quote(content, sizeof content, token->content, token->content_size),
                     otx_dtype_name(r->made.dtype));
}

/* Rounds a row into the new matrix; false if a value does not fit. */
OTX__PRIVATE bool otx__rebuild_store(otx__rebuild *r, size_t id, const double *row)
{
    bool saturate = r->job->options.saturate;
    size_t i;
    for (i = 0; i < r->made.columns; i++)
        if (!otx__is_finite(row[i])) return false;
    return otx_from_double(r->made.data + id * r->row_size, row, r->made.dtype, r->made.columns,
                           saturate) == 0 || saturate;
}

/* mean + sum of c_j (a_j - mean) is the combination plus (1 - sum of c_j) mean. */
OTX__PRIVATE void otx__rebuild_centre(const otx__rebuild *r, const double *coefficients,
                                      double *row)
{
    double share = 1.0;
    size_t i;
    for (i = 0; i < r->solution->k; i++) share -= coefficients[i];
    for (i = 0; i < r->made.columns; i++) {
        double part = share * r->centre[i];
        row[i] += part;
    }
}

OTX__PRIVATE void otx__rebuild_body(void *argument, size_t index, int worker)
{
    otx__rebuild *r = (otx__rebuild *)argument;
    const otx_job *job = r->job;
    const otx__solution *solution = r->solution;
    double *row = r->scratch + (size_t)worker * r->made.columns;
    size_t target = r->first + index * OTX__COMBINE_CHUNK;
    size_t end = otx__min(target + OTX__COMBINE_CHUNK, job->target_count);
    otx_matrix anchors;
    memset(&anchors, 0, sizeof anchors);
    anchors.data = r->old.data;
    anchors.dtype = r->old.dtype;
    anchors.rows = job->anchor_count;
    anchors.columns = r->old.columns;
    anchors.index = job->anchor_bases;
    r->failed[index] = OTX__NONE;
    for (; target < end && r->failed[index] == OTX__NONE; target++) {
        const double *coefficients = solution->coefficients + target * solution->k;
        otx__combine_row(r->kernels, &anchors, solution->indices + target * solution->k,
                     coefficients, solution->k, row);
        if (r->centre) otx__rebuild_centre(r, coefficients, row);
        if (!otx__rebuild_store(r, job->targets[target], row)) r->failed[index] = target;
    }
}

/* The rows of the targets by their combinations of the base's rows. */
OTX__PRIVATE otx_result otx__rebuild_combine(otx__rebuild *r, otx_error *error)
{
    otx_job *job = r->job;
    double work = (double)r->solution->k * (double)r->made.columns / (double)r->workers;
    size_t batch = OTX__COMBINE_BATCH, i;
    otx_result result = OTX_OK;
    while (batch > OTX__COMBINE_CHUNK && (double)batch * work > OTX__COMBINE_WORK) batch /= 2;
    for (r->first = 0; r->first < job->target_count && !result; r->first += batch) {
        size_t count = otx__min(job->target_count - r->first, batch);
        size_t chunks = (count + OTX__COMBINE_CHUNK - 1) / OTX__COMBINE_CHUNK;
        otx__parallel(&job->ctx, chunks, otx__rebuild_body, r);
        for (i = 0; i < chunks && !result; i++)
            if (r->failed[i] != OTX__NONE)
                result = otx__fail_range(r, job->targets[r->failed[i]], error);
        if (!result) result = otx__job_poll(job, error);
    }
    return result;
}

/* Lets the caller cancel now and then, by row, while rows are copied. */
OTX__PRIVATE otx_result otx__rebuild_poll(const otx__rebuild *r, size_t row, otx_error *error)
{
    size_t step = OTX__COPY_BLOCK / r->row_size + 1;
    return row % step == step - 1 ? otx__job_poll(r->job, error) : OTX_OK;
}

/* The base's row that a new one copies, or -1. Those that the class adds beyond the
   vocabulary stay what they are. */
OTX__PRIVATE int64_t otx__rebuild_source(const otx__rebuild *r, size_t row)
{
    const otx_alignment *alignment = &r->job->alignment;
    int64_t base;
    if (row >= alignment->count)
        return (int64_t)(r->job->base.parts.rows + (row - alignment->count));
    base = alignment->rows[row].base;
    return base < (int64_t)r->old_rows ? base : -1;
}

/* Whether a row of the base holds a token that the model has been trained on. */
OTX__PRIVATE bool otx__base_row_is_token(const otx_job *job, size_t row)
{
    const otx_token *token = otx__side_token(&job->base, row);
    return token && token->kind != OTX_TOKEN_UNUSED;
}

/* Flags the base's rows that will be used: those that are copied from, and those that a
   mean is taken of. */
OTX__PRIVATE void otx__rebuild_flag_old(otx__rebuild *r)
{
    const otx_job *job = r->job;
    const otx_alignment *alignment = &job->alignment;
    bool mean = !r->solution && job->options.method != OTX_METHOD_ZERO && job->target_count > 0;
    size_t i;
    memset(r->flags, 0, r->flag_count);
    for (i = 0; i < r->old_rows && mean; i++) r->flags[i] = otx__base_row_is_token(job, i);
    for (i = 0; i < alignment->count; i++) {
        int64_t base = alignment->rows[i].base;
        if (base >= 0 && base < (int64_t)r->old_rows) r->flags[base] = 1;
    }
}

/* What becomes of a new row. One that would copy a row which this tensor of the base
   does not have is padding. */
OTX__PRIVATE otx_action otx__rebuild_action(const otx__rebuild *r, size_t row)
{
    const otx_alignment *alignment = &r->job->alignment;
    if (row >= alignment->count) return OTX_ACTION_COPY;
    if (alignment->rows[row].base >= (int64_t)r->old_rows) return OTX_ACTION_PADDING;
    return alignment->rows[row].action;
}

/* All rows of an action get the same values. */
OTX__PRIVATE otx_result otx__rebuild_fill(otx__rebuild *r, otx_action action, const double *row,
                                          otx_error *error)
{
    size_t i, first = OTX__NONE;
    for (i = 0; i < r->made.rows; i++) {
        otx_result result = otx__rebuild_poll(r, i, error);
        if (result) return result;
        if (otx__rebuild_action(r, i) != action) continue;
        if (first == OTX__NONE) {
            first = i;
            if (!otx__rebuild_store(r, i, row)) return otx__fail_range(r, i, error);
        } else {
            memcpy(r->made.data + i * r->row_size, r->made.data + first * r->row_size,
                   r->row_size);
        }
    }
    return OTX_OK;
}

/* Copies one row of the base, bit for bit but into another type. */
OTX__PRIVATE otx_result otx__rebuild_copy_row(otx__rebuild *r, size_t to, const char *from,
                                              otx_error *error)
{
    const otx_dtype dtype = r->tensor->at->tensor->dtype;
    if (dtype == r->made.dtype) {
        memcpy(r->made.data + to * r->row_size, from, r->row_size);
        return OTX_OK;
    }
    otx__to_double(r->scratch, from, dtype, r->made.columns);
    return otx__rebuild_store(r, to, r->scratch) ? OTX_OK : otx__fail_range(r, to, error);
}

/* Reads the base's rows, checking those that will be used, and copies. */
OTX__PRIVATE otx_result otx__rebuild_copy(otx__rebuild *r, otx_error *error)
{
    otx_result result = otx__loaded_open(r->job, &r->job->base, r->tensor->at, r->made.columns,
                                         r->flags, r->old_rows, &r->old, error);
    size_t i;
    for (i = 0; i < r->made.rows && !result; i++) {
        int64_t base = otx__rebuild_source(r, i);
        if (base >= 0)
            result = otx__rebuild_copy_row(r, i, r->old.data + (size_t)base * r->old_size,
                                           error);
        if (!result) result = otx__rebuild_poll(r, i, error);
    }
    return result;
}

/* The rows that must be made: by combinations; as the mean of the base's rows
   that hold trained tokens; or as zeros. A bias has no space to solve in, so
   that under omp it gets the mean as well. */
OTX__PRIVATE otx_result otx__rebuild_targets(otx__rebuild *r, otx_error *error)
{
    otx_job *job = r->job;
    double *mean = r->scratch + r->workers * r->made.columns;
    size_t i;
    otx_result result = OTX_OK;
    if (job->target_count == 0) return OTX_OK;
    if (r->solution && job->options.method == OTX_METHOD_OMP_CENTRED) {
        memset(r->flags, 0, r->flag_count);
        for (i = 0; i < job->anchor_count; i++) r->flags[job->anchor_bases[i]] = 1;
        result = otx__rows_average(job, &r->old, r->flags, mean, error);
        r->centre = mean;
    }
    if (r->solution) return result ? result : otx__rebuild_combine(r, error);
    for (i = 0; i < r->made.columns; i++) mean[i] = 0;
    if (job->options.method != OTX_METHOD_ZERO) {
        for (i = 0; i < r->old.rows; i++) r->flags[i] = otx__base_row_is_token(job, i);
        result = otx__rows_average(job, &r->old, r->flags, mean, error);
    }
    if (!result) result = otx__rebuild_fill(r, OTX_ACTION_APPROXIMATE, mean, error);
    return result;
}

/* Rows without a token of their own, padding and reserved ones, get the mean of
   the new rows that have one, or zeros if those are asked for. In a head a row of the
   mean can never be the only best: for a hidden state h it scores <mean, h>, and with
   the bias treated alike that is the mean of the other rows' scores, which is not
   above the largest of them (but for rounding the mean to the output's type). */
OTX__PRIVATE otx_result otx__rebuild_padding(otx__rebuild *r, otx_error *error)
{
    otx_job *job = r->job;
    double *mean = r->scratch + r->workers * r->made.columns;
    otx_result result = OTX_OK;
    size_t i, count = 0;
    for (i = 0; i < r->made.rows; i++) {
        otx_action action = otx__rebuild_action(r, i);
        bool token = action != OTX_ACTION_PADDING && action != OTX_ACTION_UNUSED;
        r->flags[i] = token && i < job->alignment.count;
        count += !token;
    }
    if (count == 0) return OTX_OK;
    for (i = 0; i < r->made.columns; i++) mean[i] = 0;
    if (job->options.padding == OTX_PADDING_MEAN)
        result = otx__rows_average(job, &r->made, r->flags, mean, error);
    if (!result) result = otx__rebuild_fill(r, OTX_ACTION_PADDING, mean, error);
    if (!result) result = otx__rebuild_fill(r, OTX_ACTION_UNUSED, mean, error);
    return result;
}

OTX__PRIVATE void otx__rebuild_close(otx__rebuild *r)
{
    const otx_job *job = r->job;
    otx__loaded_close(job, &r->old);
    otx__loaded_close(job, &r->made);
    otx__free(&job->ctx, r->flags, r->flag_count, 1);
    otx__free(&job->ctx, r->scratch, (r->workers + 1) * r->made.columns, sizeof *r->scratch);
}

/* Takes what is needed for `rows` new rows of one tensor, and flags the base's rows that
   will be used. Close with otx__rebuild_close in any case. */
OTX__PRIVATE otx_result otx__rebuild_begin(otx_job *job, size_t which, size_t rows,
                                           size_t workers, otx__rebuild *r, otx_error *error)
{
    const otx__tensor_plan *plan = &job->plans[which];
    size_t cells;
    memset(r, 0, sizeof *r);
    r->job = job;
    r->tensor = &job->base.parts.tensors[which];
    if (otx__job_has_solves(job) && plan->solution != OTX__NONE)
        r->solution = &job->solutions[plan->solution];
    r->made.dtype = plan->dtype;
    r->made.columns = plan->columns;
    r->made.rows = rows;
    r->row_size = plan->columns * (otx_dtype_bits(r->made.dtype) / 8);
    r->old_size = plan->columns * (otx_dtype_bits(r->tensor->at->tensor->dtype) / 8);
    r->old_rows = (size_t)r->tensor->rows;
    if (r->old_rows == job->base.parts.rows)
        r->old_rows = otx__min(r->old_rows, otx__base_ids(job));
    r->workers = workers;
    r->kernels = otx__combine_kernels(&job->ctx);
    r->flag_count = otx__max(otx__max(plan->rows, job->base.vocab.count),
                             (size_t)r->tensor->rows);
    r->flags = (uint8_t *)otx__alloc(&job->ctx, r->flag_count, 1);
    if (otx__mul(workers + 1, plan->columns, &cells))
        r->scratch = (double *)otx__alloc(&job->ctx, cells, sizeof *r->scratch);
    if (otx__mul(rows, plan->columns, &cells))
        r->made.data = (char *)otx__alloc(&job->ctx, cells, otx_dtype_bits(r->made.dtype) / 8);
    if (!r->flags || !r->scratch || !r->made.data)
        return otx__fail_memory(error, (uint64_t)rows * r->row_size);
    otx__rebuild_flag_old(r);
    return OTX_OK;
}

/* Makes the new rows of one tensor. On success they are r->made, and the base's
   are let go; close with otx__rebuild_close in any case. */
OTX__PRIVATE otx_result otx__rebuild_open(otx_job *job, size_t which, otx__rebuild *r,
                                          otx_error *error)
{
    otx_result result = otx__rebuild_begin(job, which, job->plans[which].rows,
                                           (size_t)otx__threads(&job->ctx), r, error);
    if (!result) result = otx__rebuild_copy(r, error);
    if (!result) result = otx__rebuild_targets(r, error);
    otx__loaded_close(job, &r->old);
    if (!result) result = otx__rebuild_padding(r, error);
    return result;
}

/* ---- before the solves ---- */

/* Whether the rows that will be copied fit into their new type. Flags those that do not,
   to name the first as the copying would. */
OTX__PRIVATE otx_result otx__rebuild_check_range(otx__rebuild *r, otx__row_walk *walk,
                                                 size_t rows, otx_error *error)
{
    otx_result result = OTX_OK;
    size_t i;
    memset(r->flags, 0, r->flag_count);
    for (i = 0; i < rows; i++) {
        int64_t base = otx__rebuild_source(r, i);
        if (base >= 0) r->flags[base] = 1;
    }
    while (!result && otx__row_walk_next(walk, &result, error))
        for (i = 0; i < walk->count; i++) {
            uint8_t *flag = &r->flags[walk->first + i];
            if (*flag && otx__rebuild_copy_row(r, 0, walk->bytes + i * walk->row_size, NULL))
                *flag = 2;
        }
    for (i = 0; i < rows && !result; i++) {
        int64_t base = otx__rebuild_source(r, i);
        if (base >= 0 && r->flags[base] == 2) result = otx__fail_range(r, i, error);
    }
    return result;
}

/* Whether the base's rows of one tensor can be used. */
OTX__PRIVATE otx_result otx__rebuild_check(otx_job *job, size_t which, otx_error *error)
{
    const otx__tensor_plan *plan = &job->plans[which];
    otx__row_walk walk;
    otx__rebuild r;
    otx_result result = otx__rebuild_begin(job, which, 1, 0, &r, error);
    memset(&walk, 0, sizeof walk);
    if (!result)
        result = otx__row_walk_open(&job->ctx, &job->base, r.tensor->at, plan->columns,
                                    r.old_rows, NULL, &walk, error);
    if (!result) result = otx__rows_check(job, &walk, r.flags, error);
    if (!result && plan->dtype != r.tensor->at->tensor->dtype && !job->options.saturate) {
        walk.first = walk.count = 0;
        result = otx__rebuild_check_range(&r, &walk, plan->rows, error);
    }
    otx__row_walk_close(&walk);
    otx__rebuild_close(&r);
    return result;
}

/* Looks at the base's rows before the solves, so that one which cannot be used ends the run
   before them and not after. */
OTX__PRIVATE otx_result otx__job_check_rows(otx_job *job, otx_error *error)
{
    otx_result result = OTX_OK;
    size_t i;
    if (!otx__job_has_solves(job)) return OTX_OK;
    for (i = 0; i < job->base.parts.count && !result; i++)
        if (!job->base.parts.tensors[i].redundant) result = otx__rebuild_check(job, i, error);
    return result;
}

/* ---- rebuild: the new rows of one vocabulary tensor ----------------------------- */

/* Bytes copied between polls. */
#define OTX__COPY_BLOCK ((size_t)64 << 20)

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
    if (alignment->rows[row].action == OTX_ACTION_MATCH &&
        !otx__job_matches(r->job, row, r->tensor->kind))
        return -1;
    return base < (int64_t)r->old_rows ? base : -1;
}

/* Flags the base's rows that will be used: those that are copied from, and those that a
   mean is taken of. */
OTX__PRIVATE void otx__rebuild_flag_old(otx__rebuild *r)
{
    const otx_job *job = r->job;
    const otx_alignment *alignment = &job->alignment;
    const otx_method method = otx__job_method(job, r->tensor->kind);
    bool pieces = (otx_method_needs(method) & OTX_NEED_PIECES) != 0;
    bool mean = (!r->solution || pieces || method == OTX_METHOD_MEAN) &&
                method != OTX_METHOD_ZERO && job->target_count > 0;
    size_t i;
    memset(r->flags, 0, r->flag_count);
    for (i = 0; i < r->old_rows && mean; i++) r->flags[i] = otx__base_row_is_token(job, i);
    for (i = 0; i < alignment->count; i++) {
        int64_t base = otx__rebuild_source(r, i);
        if (base >= 0) r->flags[base] = 1;
    }
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
    const otx_dtype dtype = otx__row_dtype(r->tensor->at->tensor->dtype);
    if (dtype == r->made.dtype) {
        memcpy(r->made.data + to * r->row_size, from, r->row_size);
        return OTX_OK;
    }
    otx__to_double(r->row, from, dtype, r->made.columns);
    return otx__rebuild_store(r, to, r->row) ? OTX_OK : otx__fail_range(r, to, error);
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

/* Rows from elsewhere, if there are any. */
OTX__PRIVATE otx_result otx__rebuild_give(otx__rebuild *r, otx_error *error)
{
    return r->job->give ? r->job->give(r->job->give_context, r, error) : OTX_OK;
}

/* The rows that must be made: by the method, from the donor's; as the mean of
   the base's rows that hold trained tokens; or as zeros. A bias has no space to solve in, so
   that under omp it gets the mean as well. */
OTX__PRIVATE otx_result otx__rebuild_targets(otx__rebuild *r, otx_error *error)
{
    otx_job *job = r->job;
    double *mean = r->row;
    size_t i;
    otx_result result = OTX_OK;
    if (job->target_count == 0) return OTX_OK;
    if (r->solution) {
        result = otx__rebuild_solved(r, error);
        if (!result) result = otx__rebuild_give(r, error);
        return result ? result : otx__diagnose(r, error);
    }
    for (i = 0; i < r->made.columns; i++) mean[i] = 0;
    if (otx__job_method(job, r->tensor->kind) != OTX_METHOD_ZERO) {
        for (i = 0; i < r->old.rows; i++) r->flags[i] = otx__base_row_is_token(job, i);
        result = otx__rows_average(job, &r->old, r->flags, mean, error);
    }
    if (!result) result = otx__rebuild_fill(r, OTX_ACTION_APPROXIMATE, mean, error);
    return result ? result : otx__rebuild_give(r, error);
}

/* Rows without a token of their own, padding and reserved ones, get the mean of
   the new rows that have one, or zeros if those are asked for. In a head a row of the
   mean can never be the only best: for a hidden state h it scores <mean, h>, and with
   the bias treated alike that is the mean of the other rows' scores, which is not
   above the largest of them (but for rounding the mean to the output's type). */
OTX__PRIVATE otx_result otx__rebuild_padding(otx__rebuild *r, otx_error *error)
{
    otx_job *job = r->job;
    double *mean = r->row;
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
    otx__free(&job->ctx, r->row, r->made.columns, sizeof *r->row);
}

/* Takes what is needed for `rows` new rows of one tensor, and flags the base's rows that
   will be used. Close with otx__rebuild_close in any case. */
OTX__PRIVATE otx_result otx__rebuild_begin(otx_job *job, size_t which, size_t rows,
                                           otx__rebuild *r, otx_error *error)
{
    const otx__tensor_plan *plan = &job->plans[which];
    size_t cells;
    memset(r, 0, sizeof *r);
    r->job = job;
    r->tensor = &job->base.parts.tensors[which];
    if (plan->solution != OTX__NONE &&
        otx__job_fits(job, job->solutions[plan->solution].method))
        r->solution = &job->solutions[plan->solution];
    r->made.dtype = plan->dtype;
    r->made.columns = plan->columns;
    r->made.rows = rows;
    r->row_size = plan->columns * (otx_dtype_bits(r->made.dtype) / 8);
    r->old_size =
        plan->columns * (otx_dtype_bits(otx__row_dtype(r->tensor->at->tensor->dtype)) / 8);
    r->old_rows = (size_t)r->tensor->rows;
    if (r->old_rows == job->base.parts.rows)
        r->old_rows = otx__min(r->old_rows, otx__base_ids(job));
    r->flag_count = otx__max(otx__max(plan->rows, job->base.vocab.count),
                             (size_t)r->tensor->rows);
    r->flags = (uint8_t *)otx__alloc(&job->ctx, r->flag_count, 1);
    r->row = (double *)otx__alloc(&job->ctx, plan->columns, sizeof *r->row);
    if (otx__mul(rows, plan->columns, &cells))
        r->made.data = (char *)otx__alloc(&job->ctx, cells, otx_dtype_bits(r->made.dtype) / 8);
    if (!r->flags || !r->row || !r->made.data)
        return otx__fail_memory(error, (uint64_t)rows * r->row_size);
    otx__rebuild_flag_old(r);
    return OTX_OK;
}

/* Makes the new rows of one tensor. On success they are r->made, and the base's
   are let go; close with otx__rebuild_close in any case. */
OTX__PRIVATE otx_result otx__rebuild_open(otx_job *job, size_t which, otx__rebuild *r,
                                          otx_error *error)
{
    otx_result result = otx__rebuild_begin(job, which, job->plans[which].rows, r, error);
    if (!result) result = otx__rebuild_copy(r, error);
    if (!result) result = otx__rebuild_targets(r, error);
    otx__loaded_close(job, &r->old);
    if (!result) result = otx__rebuild_padding(r, error);
    return result;
}

/* Moves the new rows of a draft's head before all others, once all are made. */
OTX__PRIVATE void otx__rebuild_pick(otx__rebuild *r)
{
    const otx__draft_head *draft = &r->job->draft;
    size_t i;
    r->ids = draft->ids;
    for (i = 0; i < draft->count; i++)
        memmove(r->made.data + i * r->row_size, r->made.data + draft->ids[i] * r->row_size,
                r->row_size);
}

/* How many new rows are written. */
OTX__PRIVATE size_t otx__rebuild_count(const otx__rebuild *r)
{
    return r->ids ? r->job->draft.count : r->made.rows;
}

/* The donor's id that a row which is written is of. */
OTX__PRIVATE size_t otx__rebuild_id(const otx__rebuild *r, size_t row)
{
    return r->ids ? r->ids[row] : row;
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
    otx_result result = otx__rebuild_begin(job, which, 1, &r, error);
    memset(&walk, 0, sizeof walk);
    if (!result)
        result = otx__row_walk_open(&job->ctx, &job->base, r.tensor->at, plan->columns,
                                    r.old_rows, NULL, &walk, error);
    if (!result) result = otx__rows_check(job, &walk, r.flags, error);
    if (!result && plan->dtype != walk.dtype && !job->options.saturate) {
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
    if (!otx__job_has_fits(job)) return OTX_OK;
    for (i = 0; i < job->base.parts.count && !result; i++)
        if (!job->base.parts.tensors[i].redundant) result = otx__rebuild_check(job, i, error);
    return result;
}

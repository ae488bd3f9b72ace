/* ---- targets: the rows that are made from the donor's ---------------------- */

/* Targets that one call of the body combines; targets between polls, fewer where
   that is more multiply-adds of a worker than so many. */
#define OTX__COMBINE_CHUNK 16
#define OTX__COMBINE_BATCH 1024
#define OTX__COMBINE_WORK 1e8

/* Bytes of the rows that a map makes at a time. */
#define OTX__MAPPED_BYTES ((size_t)64 << 20)

/* What making the new rows of one vocabulary tensor takes. */
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
    otx_matrix anchors = otx__loaded_rows(&r->old, job->anchor_bases, job->anchor_count);
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

/* Rounds the rows that a map has made of some targets. */
OTX__PRIVATE otx_result otx__rebuild_store_targets(otx__rebuild *r, size_t first, size_t count,
                                                   const double *rows, otx_error *error)
{
    size_t i;
    for (i = 0; i < count; i++)
        if (!otx__rebuild_store(r, r->job->targets[first + i], rows + i * r->made.columns))
            return otx__fail_range(r, r->job->targets[first + i], error);
    return OTX_OK;
}

/* The rows of the targets by the map, and what it misses at their anchors. */
OTX__PRIVATE otx_result otx__rebuild_map(otx__rebuild *r, otx_error *error)
{
    otx_job *job = r->job;
    const otx__solution *solution = r->solution;
    const otx_context ctx = otx__job_uncounted(job);
    size_t width = r->made.columns, first, count;
    size_t room = otx__min(OTX__MAPPED_BYTES / (width * sizeof(double)) + 1, job->target_count);
    otx_matrix anchors = otx__loaded_rows(&r->old, job->anchor_bases, job->anchor_count);
    double *rows = (double *)otx__alloc(&job->ctx, room, width * sizeof *rows);
    otx__space space;
    otx_result result;
    if (!rows) return otx__fail_memory(error, (uint64_t)room * width * sizeof *rows);
    result = otx__space_open(job, solution, &space, error);
    for (first = 0; first < job->target_count && !result; first += count) {
        count = otx__min(room, job->target_count - first);
        result = otx_affine_apply(&ctx, &solution->map, &space.atoms, &anchors, &space.targets,
                                  first, count, solution->indices, solution->coefficients,
                                  solution->k, rows, error);
        if (!result) result = otx__rebuild_store_targets(r, first, count, rows, error);
    }
    otx__space_close(job, &space);
    otx__free(&job->ctx, rows, room, width * sizeof *rows);
    return result;
}

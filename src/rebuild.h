/* ---- rebuild: the new rows of one vocabulary tensor ------------------------- */

/* ---- reading a matrix ---- */

/* Bytes read before progress is reported. */
#define OTX__READ_BLOCK ((size_t)4 << 20)

/* Whether a row holds numbers only, none of them beyond float. */
OTX__PRIVATE bool otx__row_is_finite(const char *row, otx_dtype dtype, size_t columns)
{
    const size_t size = otx_dtype_bits(dtype) / 8;
    float values[256];
    size_t i, j;
    for (i = 0; i < columns; i += OTX__COUNT(values)) {
        size_t count = otx__min(columns - i, OTX__COUNT(values));
        otx_to_float(values, row + i * size, dtype, count);
        for (j = 0; j < count; j++)
            if (!(values[j] >= -FLT_MAX && values[j] <= FLT_MAX)) return false;
    }
    return true;
}

OTX__PRIVATE otx_result otx__fail_row(const otx_checkpoint *checkpoint,
                                      const otx_tensor *tensor, const otx_vocab *vocab,
                                      size_t row, otx_error *error)
{
    char name[OTX__QUOTED], token[OTX__QUOTED];
    return otx__fail(
        error, OTX_ERROR_NOT_FINITE,
        "%s: tensor \"%s\", row %" PRIu64 " (token \"%s\"): holds a NaN, an infinity "
        "or a value beyond 32-bit float, and is needed",
        checkpoint->path, otx__quote(name, sizeof name, tensor->name, tensor->name_size),
        (uint64_t)row,
        otx__quote(token, sizeof token, vocab->tokens[row].content,
                   vocab->tokens[row].content_size));
}

/* A matrix in memory: the first rows of a tensor, in its own type. */
typedef struct otx__loaded {
    char *data;
    otx_dtype dtype;
    size_t rows, columns;
} otx__loaded;

OTX__PRIVATE void otx__loaded_close(const otx_job *job, otx__loaded *rows)
{
    otx__free(&job->ctx, rows->data, rows->rows * rows->columns,
              otx_dtype_bits(rows->dtype) / 8);
    rows->data = NULL;
}

/* Reads the first rows of a tensor and checks those that are needed, by row. */
OTX__PRIVATE otx_result otx__loaded_open(otx_job *job, const otx_checkpoint *checkpoint,
                                       const otx_checkpoint_tensor *at, const otx_vocab *vocab,
                                       size_t columns, const uint8_t *needed, size_t rows,
                                       otx__loaded *out, otx_error *error)
{
    size_t size = otx_dtype_bits(at->tensor->dtype) / 8, row_size, first, step, elements;
    otx_result result = OTX_OK;
    memset(out, 0, sizeof *out);
    out->dtype = at->tensor->dtype;
    out->rows = rows;
    out->columns = columns;
    if (!otx__mul(columns, size, &row_size) || !otx__mul(rows, columns, &elements))
        return otx__fail_memory(error, UINT64_MAX);
    out->data = (char *)otx__alloc(&job->ctx, elements, size);
    if (!out->data) return otx__fail_memory(error, (uint64_t)rows * row_size);
    step = otx__max(OTX__READ_BLOCK / row_size, 1);
    for (first = 0; first < rows && !result; first += step) {
        size_t count = otx__min(step, rows - first), i;
        char *to = out->data + first * row_size;
        result = otx_checkpoint_read(checkpoint, at, (uint64_t)first * columns, count * columns,
                                     to, error);
        for (i = 0; i < count && !result; i++)
            if (needed[first + i] &&
                !otx__row_is_finite(to + i * row_size, out->dtype, columns))
                result = otx__fail_row(checkpoint, at->tensor, vocab, first + i, error);
        if (!result)
            result = otx__progress(&job->ctx, OTX_STAGE_READ, at->tensor->name,
                                   (uint64_t)(first + count) * row_size,
                                   (uint64_t)rows * row_size, error);
    }
    if (result) otx__loaded_close(job, out);
    return result;
}

/* ---- solving ---- */

OTX__PRIVATE otx_result otx__solution_alloc(const otx_job *job, otx__solution *solution,
                                            otx_error *error)
{
    const otx_context *ctx = &job->ctx;
    size_t targets = job->target_count, cells;
    if (!otx__mul(targets, solution->k, &cells)) return otx__fail_memory(error, UINT64_MAX);
    solution->indices = (int32_t *)otx__alloc(ctx, cells, sizeof *solution->indices);
    solution->coefficients = (double *)otx__alloc(ctx, cells, sizeof(double));
    solution->residual_norms = (double *)otx__alloc(ctx, targets, sizeof(double));
    solution->target_norms = (double *)otx__alloc(ctx, targets, sizeof(double));
    if (solution->indices && solution->coefficients && solution->residual_norms &&
        solution->target_norms)
        return OTX_OK;
    return otx__fail_memory(error, (uint64_t)cells * 12 + (uint64_t)targets * 16);
}

/* ||residual|| / ||target||, and 0 for a target of zeros. */
OTX__PRIVATE double otx__solution_residual(const otx__solution *solution, size_t target)
{
    double norm = solution->target_norms[target];
    return norm > 0 ? solution->residual_norms[target] / norm : 0;
}

OTX__PRIVATE void otx__solution_summarize(const otx_job *job, otx__solution *solution)
{
    double sum = 0;
    size_t i;
    for (i = 0; i < job->target_count; i++) {
        double residual = otx__solution_residual(solution, i);
        sum += residual;
        if (residual > solution->max_residual) solution->max_residual = residual;
    }
    solution->mean_residual = sum / (double)job->target_count;
}

/* Which of the donor's rows are atoms or targets. */
OTX__PRIVATE uint8_t *otx__job_needed_of_donor(const otx_job *job, size_t rows)
{
    uint8_t *needed = (uint8_t *)otx__alloc_zero(&job->ctx, rows, 1);
    size_t i;
    if (!needed) return NULL;
    for (i = 0; i < job->anchor_count; i++) needed[job->anchor_donors[i]] = 1;
    for (i = 0; i < job->target_count; i++) needed[job->targets[i]] = 1;
    return needed;
}

/* Solves by the caller's hook, whose indices will be followed and so are checked. */
OTX__PRIVATE otx_result otx__job_solve_by_hook(const otx_job *job, const otx_matrix *atoms,
                                               const otx_matrix *targets,
                                               const otx_omp_options *omp,
                                               const otx_omp_output *output,
                                               otx_omp_stats *stats, otx_error *error)
{
    const otx_job_options *options = &job->options;
    size_t k = otx_omp_k(omp->k, atoms->rows, atoms->columns), i, j;
    otx_result result = options->solve(options->solve_context, &job->ctx, atoms, targets, omp,
                                       output, stats, error);
    for (i = 0; i < targets->rows && !result; i++) {
        const int32_t *indices = output->indices + i * k;
        for (j = 0; j < k && indices[j] >= 0; j++)
            if ((size_t)indices[j] >= atoms->rows)
                return otx__fail(error, OTX_ERROR_ARGUMENT,
                                 "options.solve gave target %" PRIu64 " the atom %" PRId32
                                 " of %" PRIu64, (uint64_t)i, indices[j],
                                 (uint64_t)atoms->rows);
    }
    return result;
}

/* Reads one matrix of the donor, solves for all targets in it, and lets it go. */
OTX__PRIVATE otx_result otx__job_solve(otx_job *job, otx__solution *solution, otx_error *error)
{
    const otx_tensor *tensor = solution->donor->tensor;
    size_t rows = (size_t)otx__min((size_t)job->donor_model.rows, job->donor_vocab.count);
    uint8_t *needed = otx__job_needed_of_donor(job, rows);
    double start = otx__now();
    otx_matrix atoms, targets;
    otx_omp_options omp = job->options.omp;
    otx_omp_output output;
    otx__loaded read;
    otx_result result;
    if (!needed) return otx__fail_memory(error, rows);
    result = otx__loaded_open(job, &job->donor, solution->donor, &job->donor_vocab,
                            (size_t)tensor->shape[1], needed, rows, &read, error);
    otx__free(&job->ctx, needed, rows, 1);
    if (result) return result;
    memset(&atoms, 0, sizeof atoms);
    atoms.data = read.data;
    atoms.dtype = read.dtype;
    atoms.columns = read.columns;
    targets = atoms;
    atoms.rows = job->anchor_count;
    atoms.index = job->anchor_donors;
    targets.rows = job->target_count;
    targets.index = job->targets;
    omp.centred = job->options.method == OTX_METHOD_OMP_CENTRED;
    solution->k = otx_omp_k(omp.k, atoms.rows, atoms.columns);
    result = otx__solution_alloc(job, solution, error);
    if (!result) {
        output.indices = solution->indices;
        output.coefficients = solution->coefficients;
        output.residual_norms = solution->residual_norms;
        output.target_norms = solution->target_norms;
        result = job->options.solve
                     ? otx__job_solve_by_hook(job, &atoms, &targets, &omp, &output,
                                              &solution->stats, error)
                     : otx_omp(&job->ctx, &atoms, &targets, &omp, &output, &solution->stats,
                               error);
    }
    if (!result) otx__solution_summarize(job, solution);
    otx__loaded_close(job, &read);
    solution->seconds = otx__now() - start;
    return result;
}

/* ---- means of rows ---- */

/* Columns that one call of the body adds up, and elements between polls. */
#define OTX__MEAN_COLUMNS 256
#define OTX__MEAN_ELEMENTS ((size_t)1 << 25)

typedef struct otx__mean {
    const char *data;
    otx_dtype dtype;
    size_t columns, first, end;
    const uint8_t *wanted; /* by row */
    double *sums;          /* by column */
} otx__mean;

/* Widens elements without loss, F64 too. */
OTX__PRIVATE void otx__to_double(double *to, const char *from, otx_dtype dtype, size_t count)
{
    size_t i;
    for (i = 0; i < count; i++) {
        float value;
        if (dtype == OTX_F64) {
            memcpy(&to[i], from + i * sizeof *to, sizeof *to);
        } else {
            otx_to_float(&value, from + i * (otx_dtype_bits(dtype) / 8), dtype, 1);
            to[i] = (double)value;
        }
    }
}

/* Adds the wanted rows to the sums of some columns: row after row, whatever the
   number of threads. */
OTX__PRIVATE void otx__mean_body(void *argument, size_t index, int worker)
{
    const otx__mean *mean = (const otx__mean *)argument;
    const size_t size = otx_dtype_bits(mean->dtype) / 8, column = index * OTX__MEAN_COLUMNS;
    const size_t count = otx__min(mean->columns - column, OTX__MEAN_COLUMNS);
    double values[OTX__MEAN_COLUMNS];
    size_t row, i;
    (void)worker;
    for (row = mean->first; row < mean->end; row++) {
        if (!mean->wanted[row]) continue;
        otx__to_double(values, mean->data + (row * mean->columns + column) * size, mean->dtype,
                       count);
        for (i = 0; i < count; i++) mean->sums[column + i] += values[i];
    }
}

/* The mean of the wanted rows in double; zeros if none is wanted. */
OTX__PRIVATE otx_result otx__job_mean(otx_job *job, const otx__loaded *rows,
                                      const uint8_t *wanted, double *to, otx_error *error)
{
    const size_t step = otx__max(OTX__MEAN_ELEMENTS / rows->columns, 1);
    otx__mean mean;
    otx_result result = OTX_OK;
    size_t i, count = 0;
    mean.data = rows->data;
    mean.dtype = rows->dtype;
    mean.columns = rows->columns;
    mean.wanted = wanted;
    mean.sums = to;
    for (i = 0; i < rows->columns; i++) to[i] = 0;
    for (i = 0; i < rows->rows; i++) count += wanted[i];
    for (mean.first = 0; mean.first < rows->rows && !result; mean.first = mean.end) {
        mean.end = rows->rows - mean.first < step ? rows->rows : mean.first + step;
        otx__parallel(&job->ctx, (rows->columns + OTX__MEAN_COLUMNS - 1) / OTX__MEAN_COLUMNS,
                      otx__mean_body, &mean);
        result = otx__job_poll(job, error);
    }
    for (i = 0; i < rows->columns && count > 0; i++) to[i] /= (double)count;
    return result;
}

/* ---- one new matrix ---- */

/* Targets that one call of the body combines; targets between polls, fewer where
   that is more multiply-adds of a worker than so many; bytes copied between polls. */
#define OTX__COMBINE_CHUNK 16
#define OTX__COMBINE_BATCH 1024
#define OTX__COMBINE_WORK 1e8
#define OTX__COPY_BLOCK ((size_t)64 << 20)

typedef struct otx__rebuild {
    otx_job *job;
    const otx__model_tensor *tensor;
    const otx__solution *solution; /* NULL: the mean or zeros instead */
    const otx__kernels *kernels;   /* asked for once: the processor takes long to tell */
    otx__loaded old, made;      /* the base's rows, and the new ones */
    size_t old_rows;               /* how many rows of the base there were to read */
    uint8_t *flags;                /* by row of either */
    size_t flag_count;
    size_t row_size;               /* of a new row, in bytes */
    double *scratch; /* a row for each worker, and one for a mean */
    const double *centre; /* the mean of the anchors' rows, or NULL: not centred */
    size_t workers;
    size_t first;    /* target of the batch */
    size_t failed[OTX__COMBINE_BATCH / OTX__COMBINE_CHUNK]; /* first target that is out of
                                                               range, or OTX__NONE */
} otx__rebuild;

OTX__PRIVATE otx_result otx__fail_range(const otx__rebuild *r, size_t id, otx_error *error)
{
    const otx_tensor *tensor = r->tensor->at->tensor;
    const otx_vocab *vocab = &r->job->donor_vocab;
    const otx_token *token = id < vocab->count ? &vocab->tokens[id] : NULL;
    char name[OTX__QUOTED], content[OTX__QUOTED];
    otx__quote(name, sizeof name, tensor->name, tensor->name_size);
    if (!token || token->kind == OTX_TOKEN_NONE)
        return otx__fail(error, OTX_ERROR_RANGE,
                         "%s: tensor \"%s\": the mean of the new rows, wanted for the padding "
                         "row %" PRIu64 ", has a value beyond the largest of %s",
                         r->job->base_path, name, (uint64_t)id, otx_dtype_name(r->made.dtype));
    return otx__fail(error, OTX_ERROR_RANGE,
                     "%s: tensor \"%s\": the new row of donor id %" PRIu64 " (token \"%s\") has a "
                     "value beyond the largest of %s; pass --saturate to clamp it",
                     r->job->base_path, name, (uint64_t)id,
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
        otx__combine(r->kernels, &anchors, solution->indices + target * solution->k, coefficients,
                     solution->k, row);
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
        return (int64_t)(r->job->base_model.rows + (row - alignment->count));
    base = alignment->rows[row].base;
    return base < (int64_t)r->old_rows ? base : -1;
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

/* Whether a row of the base holds a token that the model has been trained on. */
OTX__PRIVATE bool otx__base_row_is_token(const otx_job *job, size_t row)
{
    otx_token_kind kind = OTX_TOKEN_NONE;
    if (row < job->base_vocab.count) kind = job->base_vocab.tokens[row].kind;
    return kind != OTX_TOKEN_NONE && kind != OTX_TOKEN_UNUSED;
}

/* Copies one row of the base, bit for bit but into another type. */
OTX__PRIVATE otx_result otx__rebuild_copy_row(otx__rebuild *r, size_t to, size_t from,
                                              otx_error *error)
{
    const size_t old_size = r->old.columns * (otx_dtype_bits(r->old.dtype) / 8);
    const char *row = r->old.data + from * old_size;
    if (r->old.dtype == r->made.dtype) {
        memcpy(r->made.data + to * r->row_size, row, r->row_size);
        return OTX_OK;
    }
    otx__to_double(r->scratch, row, r->old.dtype, r->old.columns);
    return otx__rebuild_store(r, to, r->scratch) ? OTX_OK : otx__fail_range(r, to, error);
}

/* Reads the base's rows, checking those that will be used, and copies. */
OTX__PRIVATE otx_result otx__rebuild_copy(otx__rebuild *r, otx_error *error)
{
    otx_job *job = r->job;
    const otx_alignment *alignment = &job->alignment;
    size_t rows = (size_t)r->tensor->rows, i;
    bool mean = !r->solution && job->options.method != OTX_METHOD_ZERO && job->target_count > 0;
    otx_result result;
    if (rows == job->base_model.rows) rows = otx__min(rows, job->base_vocab.count);
    r->old_rows = rows;
    memset(r->flags, 0, r->flag_count);
    for (i = 0; i < rows && mean; i++) r->flags[i] = otx__base_row_is_token(job, i);
    for (i = 0; i < alignment->count; i++)
        if (alignment->rows[i].base >= 0) r->flags[alignment->rows[i].base] = 1;
    result = otx__loaded_open(job, &job->base, r->tensor->at, &job->base_vocab, r->made.columns,
                            r->flags, rows, &r->old, error);
    for (i = 0; i < r->made.rows && !result; i++) {
        int64_t base = otx__rebuild_source(r, i);
        if (base >= 0) result = otx__rebuild_copy_row(r, i, (size_t)base, error);
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
        result = otx__job_mean(job, &r->old, r->flags, mean, error);
        r->centre = mean;
    }
    if (r->solution) return result ? result : otx__rebuild_combine(r, error);
    for (i = 0; i < r->made.columns; i++) mean[i] = 0;
    if (job->options.method != OTX_METHOD_ZERO) {
        for (i = 0; i < r->old.rows; i++) r->flags[i] = otx__base_row_is_token(job, i);
        result = otx__job_mean(job, &r->old, r->flags, mean, error);
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
        result = otx__job_mean(job, &r->made, r->flags, mean, error);
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

/* Makes the new rows of one tensor. On success they are r->made, and the base's
   are let go; close with otx__rebuild_close in any case. */
OTX__PRIVATE otx_result otx__rebuild_open(otx_job *job, size_t which, otx__rebuild *r,
                                          otx_error *error)
{
    const otx__tensor_plan *plan = &job->plans[which];
    size_t cells;
    otx_result result;
    memset(r, 0, sizeof *r);
    r->job = job;
    r->tensor = &job->base_model.tensors[which];
    if (otx__job_solves(job) && plan->solution != OTX__NONE &&
        job->target_count > 0)
        r->solution = &job->solutions[plan->solution];
    r->made.dtype = plan->dtype;
    r->made.columns = plan->columns;
    r->made.rows = plan->rows;
    r->row_size = plan->columns * (otx_dtype_bits(r->made.dtype) / 8);
    r->workers = (size_t)otx__threads(&job->ctx);
    r->kernels = otx__combine_kernels(&job->ctx);
    r->flag_count = otx__max(otx__max(r->made.rows, job->base_vocab.count),
                             (size_t)r->tensor->rows);
    r->flags = (uint8_t *)otx__alloc(&job->ctx, r->flag_count, 1);
    if (otx__mul(r->workers + 1, plan->columns, &cells))
        r->scratch = (double *)otx__alloc(&job->ctx, cells, sizeof *r->scratch);
    if (otx__mul(r->made.rows, plan->columns, &cells))
        r->made.data = (char *)otx__alloc(&job->ctx, cells, otx_dtype_bits(r->made.dtype) / 8);
    if (!r->flags || !r->scratch || !r->made.data)
        return otx__fail_memory(error, (uint64_t)r->made.rows * r->row_size);
    result = otx__rebuild_copy(r, error);
    if (!result) result = otx__rebuild_targets(r, error);
    otx__loaded_close(job, &r->old);
    if (!result) result = otx__rebuild_padding(r, error);
    return result;
}

/* ---- rows in memory ----------------------------------------------------- */

/* ---- a tensor's rows, block by block ---- */

/* Bytes read before progress is reported. */
#define OTX__READ_BLOCK ((size_t)4 << 20)

/* Steps through the first rows of a tensor of a side:
       result = otx__row_walk_open(...);
       while (!result && otx__row_walk_next(&walk, &result, error))
           for (i = 0; i < walk.count; i++) ... row walk.first + i at walk.bytes + i * row_size
       otx__row_walk_close(&walk); */
typedef struct otx__row_walk {
    const otx_context *ctx;
    const otx_job *job; /* for advice, or NULL */
    const otx__side *side;
    const otx_checkpoint_tensor *at;
    otx_dtype dtype; /* of the rows in memory */
    size_t rows, columns, row_size;
    size_t step;  /* rows of a block at most */
    char *whole;  /* where all rows go, or NULL */
    char *block;  /* where a block goes if they do not stay */
    size_t first, count; /* the rows at hand */
    char *bytes;
} otx__row_walk;

/* With `whole`, which has room for all rows, they stay there. */
OTX__PRIVATE otx_result otx__row_walk_open(const otx_context *ctx, const otx__side *side,
                                           const otx_checkpoint_tensor *at, size_t columns,
                                           size_t rows, char *whole, otx__row_walk *walk,
                                           otx_error *error)
{
    memset(walk, 0, sizeof *walk);
    walk->ctx = ctx;
    walk->side = side;
    walk->at = at;
    walk->dtype = otx__row_dtype(at->tensor->dtype);
    walk->rows = rows;
    walk->columns = columns;
    walk->whole = whole;
    if (!otx__mul(columns, otx_dtype_bits(walk->dtype) / 8, &walk->row_size))
        return otx__fail_memory(error, UINT64_MAX);
    walk->step = otx__min(otx__max(OTX__READ_BLOCK / walk->row_size, 1), rows);
    if (whole) return OTX_OK;
    walk->block = (char *)otx__alloc(ctx, walk->step, walk->row_size);
    if (walk->block) return OTX_OK;
    return otx__fail_memory(error, (uint64_t)walk->step * walk->row_size);
}

OTX__PRIVATE void otx__row_walk_close(otx__row_walk *walk)
{
    otx__free(walk->ctx, walk->block, walk->step, walk->row_size);
}

/* Reads the next rows; false at the end and on failure. Progress is that of the rows
   before, which have been looked at by then. */
OTX__PRIVATE bool otx__row_walk_next(otx__row_walk *walk, otx_result *result, otx_error *error)
{
    walk->first += walk->count;
    if (walk->count > 0)
        *result = otx__poll(walk->ctx, OTX_STAGE_READ, walk->at->tensor->name,
                            (uint64_t)walk->first * walk->row_size,
                            (uint64_t)walk->rows * walk->row_size, error);
    walk->count = otx__min(walk->step, walk->rows - walk->first);
    if (*result || walk->count == 0) return false;
    walk->bytes = walk->whole ? walk->whole + walk->first * walk->row_size : walk->block;
    *result = otx_checkpoint_read(&walk->side->checkpoint, walk->at,
                                  (uint64_t)walk->first * walk->columns,
                                  walk->count * walk->columns, walk->bytes, error);
    return !*result;
}

/* ---- rows that are needed ---- */

/* Beyond the last of the base's ids that have a token or are copied from. */
OTX__PRIVATE size_t otx__base_ids(const otx_job *job)
{
    int64_t ids = (int64_t)job->base.vocab.count;
    size_t i;
    for (i = 0; i < job->alignment.count; i++)
        if (job->alignment.rows[i].base >= ids) ids = job->alignment.rows[i].base + 1;
    return (size_t)ids;
}

/* Whether a row holds numbers only, none of them beyond float. */
OTX__PRIVATE bool otx__row_is_finite(const char *row, otx_dtype dtype, size_t columns)
{
    const size_t size = otx_dtype_bits(dtype) / 8;
    float values[256];
    size_t i, j;
    if (dtype == OTX_BF16 || dtype == OTX_F16 || dtype == OTX_F32)
        return otx__bits_are_finite(row, size, otx__format_of(dtype).beyond, columns);
    for (i = 0; i < columns; i += OTX__COUNT(values)) {
        size_t count = otx__min(columns - i, OTX__COUNT(values));
        otx_to_float(values, row + i * size, dtype, count);
        for (j = 0; j < count; j++)
            if (!(values[j] >= -FLT_MAX && values[j] <= FLT_MAX)) return false;
    }
    return true;
}

/* Whether a row holds zeros only. */
OTX__PRIVATE bool otx__row_is_zero(const char *row, otx_dtype dtype, size_t columns)
{
    const size_t size = otx_dtype_bits(dtype) / 8;
    float values[16];
    size_t i, j;
    for (i = 0; i < columns; i += OTX__COUNT(values)) {
        size_t count = otx__min(columns - i, OTX__COUNT(values));
        otx_to_float(values, row + i * size, dtype, count);
        for (j = 0; j < count; j++)
            if (values[j] != 0) return false;
    }
    return true;
}

/* Whether a row of the base holds a token that the model has been trained on. */
OTX__PRIVATE bool otx__base_row_is_token(const otx_job *job, size_t row)
{
    const otx_token *token = otx__side_token(&job->base, row);
    return token && token->kind != OTX_TOKEN_UNUSED;
}

/* Whether tokens that are made get the mean of the base's rows in a tensor of the base. */
OTX__PRIVATE bool otx__takes_mean(const otx_job *job, const otx_checkpoint_tensor *at)
{
    size_t i;
    for (i = 0; i < job->base.parts.count && job->target_count > 0; i++) {
        otx__part_kind kind = job->base.parts.tensors[i].kind;
        otx_method method = otx__job_method(job, kind);
        if (job->base.parts.tensors[i].at == at)
            return method != OTX_METHOD_ZERO &&
                   (kind == OTX__PART_BIAS || method == OTX_METHOD_MEAN);
    }
    return false;
}

/* What the caller can do about a row that cannot be used: nothing where all of the base's are
   copied. Returns `to`. */
OTX__PRIVATE const char *otx__row_advice(char to[OTX__QUOTED], const otx__row_walk *walk,
                                         size_t row)
{
    const otx_job *job = walk->job;
    size_t i = 0;
    to[0] = 0;
    if (job->lends || job->renews) return to;
    if (walk->side->donor) {
        otx__format(to, OTX__QUOTED, "; --map '#%" PRIu64 "=BASE' copies a row of the base in "
                    "its place", (uint64_t)row);
    } else if (otx__takes_mean(job, walk->at)) {
        otx__format(to, OTX__QUOTED, " for the mean of all; -a %szero takes none",
                    otx__job_solves(job) ? "" : "omp or -a ");
    } else {
        while (i < job->alignment.count && job->alignment.rows[i].base != (int64_t)row) i++;
        if (i < job->alignment.count)
            otx__format(to, OTX__QUOTED, "; --map '#%" PRIu64 "=BASE' with another token of "
                        "the base avoids it", (uint64_t)i);
    }
    return to;
}

OTX__PRIVATE otx_result otx__fail_row(const otx__row_walk *walk, size_t row, otx_error *error)
{
    const otx_tensor *tensor = walk->at->tensor;
    char name[OTX__QUOTED], content[OTX__QUOTED], advice[OTX__QUOTED];
    return otx__fail(
        error, OTX_ERROR_NOT_FINITE,
        "%s: tensor \"%s\", row %" PRIu64 " (token \"%s\"): holds a NaN, an infinity "
        "or a value beyond 32-bit float, and is needed%s", walk->side->path,
        otx__quote(name, sizeof name, tensor->name, tensor->name_size), (uint64_t)row,
        otx__side_content(content, walk->side, row), otx__row_advice(advice, walk, row));
}

/* Most parts of a block that are looked at at once. */
#define OTX__ROW_PARTS 64

typedef struct otx__row_check {
    const otx__row_walk *walk;
    const uint8_t *needed;     /* by row */
    size_t share;              /* rows of a part */
    size_t bad[OTX__ROW_PARTS]; /* the first of each that cannot be used, or OTX__NONE */
} otx__row_check;

OTX__PRIVATE void otx__row_check_body(void *argument, size_t index, int worker)
{
    otx__row_check *check = (otx__row_check *)argument;
    const otx__row_walk *walk = check->walk;
    size_t i = index * check->share, end = otx__min(i + check->share, walk->count);
    (void)worker;
    check->bad[index] = OTX__NONE;
    for (; i < end && check->bad[index] == OTX__NONE; i++)
        if (check->needed[walk->first + i] &&
            !otx__row_is_finite(walk->bytes + i * walk->row_size, walk->dtype, walk->columns))
            check->bad[index] = walk->first + i;
}

/* Goes through rows and checks those that the job needs, by row. */
OTX__PRIVATE otx_result otx__rows_check(const otx_job *job, otx__row_walk *walk,
                                        const uint8_t *needed, otx_error *error)
{
    otx_result result = OTX_OK;
    otx__row_check check;
    size_t i;
    walk->job = job;
    check.walk = walk;
    check.needed = needed;
    while (!result && otx__row_walk_next(walk, &result, error)) {
        size_t parts = otx__min(walk->count, OTX__ROW_PARTS);
        check.share = (walk->count + parts - 1) / parts;
        otx__parallel(walk->ctx, parts, otx__row_check_body, &check);
        for (i = 0; i < parts && !result; i++)
            if (check.bad[i] != OTX__NONE)
                result = otx__fail_row(walk, check.bad[i], error);
    }
    return result;
}

/* A matrix in memory: the first rows of a tensor, in its own type, or widened. */
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

/* Reads the first rows of a side's tensor and checks those that are needed. */
OTX__PRIVATE otx_result otx__loaded_open(const otx_job *job, const otx__side *side,
                                         const otx_checkpoint_tensor *at, size_t columns,
                                         const uint8_t *needed, size_t rows, otx__loaded *out,
                                         otx_error *error)
{
    const otx_dtype dtype = otx__row_dtype(at->tensor->dtype);
    const size_t size = otx_dtype_bits(dtype) / 8;
    otx__row_walk walk;
    otx_result result;
    size_t elements;
    memset(out, 0, sizeof *out);
    out->dtype = dtype;
    out->rows = rows;
    out->columns = columns;
    if (!otx__mul(rows, columns, &elements)) return otx__fail_memory(error, UINT64_MAX);
    out->data = (char *)otx__alloc(&job->ctx, elements, size);
    if (!out->data) return otx__fail_memory(error, (uint64_t)elements * size);
    result = otx__row_walk_open(&job->ctx, side, at, columns, rows, out->data, &walk, error);
    if (!result) result = otx__rows_check(job, &walk, needed, error);
    if (result) otx__loaded_close(job, out);
    return result;
}

/* The rows that are listed, or the first, as a method takes them. */
OTX__PRIVATE otx_matrix otx__loaded_rows(const otx__loaded *loaded, const uint32_t *index,
                                         size_t rows)
{
    otx_matrix matrix;
    memset(&matrix, 0, sizeof matrix);
    matrix.data = loaded->data;
    matrix.dtype = loaded->dtype;
    matrix.columns = loaded->columns;
    matrix.rows = rows;
    matrix.index = index;
    return matrix;
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
    const size_t size = otx_dtype_bits(dtype) / 8;
    float values[OTX__MEAN_COLUMNS];
    size_t first, part, i;
    if (dtype == OTX_F64) {
        memcpy(to, from, count * sizeof *to);
        return;
    }
    for (first = 0; first < count; first += part) {
        part = otx__min(count - first, OTX__MEAN_COLUMNS);
        otx_to_float(values, from + first * size, dtype, part);
        for (i = 0; i < part; i++) to[first + i] = (double)values[i];
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

/* The mean of the wanted rows in double; zeros if none is wanted. The solver has a mean of
   its own (solve/views.h): of rows as it takes them, F64 rounded to float, by an index. */
OTX__PRIVATE otx_result otx__rows_average(otx_job *job, const otx__loaded *rows,
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

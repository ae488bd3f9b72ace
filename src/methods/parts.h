/* ---- parts: what methods share ---------------------------------------------- */

/* Targets that one task combines. */
#define OTX__COMBINE_CHUNK 16

/* A method. fit and make as otx_method_fit and otx_method_make have them; the caller has
   checked that the matrices which are needed are there, and closes what failed. */
typedef struct otx__method_entry {
    const char *name;
    unsigned needs;
    otx_result (*fit)(const otx_context *ctx, const otx_method_rows *rows,
                      const otx_method_options *options, otx_fitted *fitted, otx_error *error);
    otx_result (*make)(const otx_context *ctx, const otx_fitted *fitted,
                       const otx_method_rows *rows, size_t first, size_t count, double *to,
                       otx_error *error);
} otx__method_entry;

OTX__PRIVATE otx_result otx__fail_isa(otx_isa isa, otx_error *error)
{
    return otx__fail(error, OTX_ERROR_UNSUPPORTED,
                     "this machine or build has no instruction set \"%s\"",
                     otx__word(otx_isa_name(isa)));
}

/* ---- combinations of anchors ---- */

/* Takes room for k anchors a target. */
OTX__PRIVATE otx_result otx__fitted_alloc(const otx_context *ctx, otx_fitted *fitted, size_t k,
                                          otx_error *error)
{
    size_t targets = fitted->targets, cells;
    fitted->k = k;
    if (!otx__mul(targets, k, &cells)) return otx__fail_memory(error, UINT64_MAX);
    fitted->indices = (int32_t *)otx__alloc(ctx, cells, sizeof *fitted->indices);
    fitted->coefficients = (double *)otx__alloc(ctx, cells, sizeof *fitted->coefficients);
    fitted->residual_norms = (double *)otx__alloc(ctx, targets, sizeof(double));
    fitted->target_norms = (double *)otx__alloc(ctx, targets, sizeof(double));
    fitted->bytes = (uint64_t)cells * 12 + (uint64_t)targets * 16;
    if (fitted->indices && fitted->coefficients && fitted->residual_norms &&
        fitted->target_norms)
        return OTX_OK;
    return otx__fail_memory(error, fitted->bytes);
}

typedef struct otx__combining {
    const otx__kernels *kernels;
    const otx_fitted *fitted;
    const otx_matrix *base;
    const double *centre; /* the mean of the base's anchors, or NULL: not centred */
    size_t first, count;
    double *to;
} otx__combining;

/* mean + sum of c_j (b_j - mean) is the combination plus (1 - sum of c_j) mean. */
OTX__PRIVATE void otx__combine_centre(const double *centre, const double *coefficients, size_t k,
                                      size_t columns, double *row)
{
    double share = 1.0;
    size_t i;
    for (i = 0; i < k; i++) share -= coefficients[i];
    for (i = 0; i < columns; i++) {
        double part = share * centre[i];
        row[i] += part;
    }
}

OTX__PRIVATE void otx__combining_body(void *argument, size_t index, int worker)
{
    const otx__combining *task = (const otx__combining *)argument;
    size_t k = task->fitted->k, columns = task->base->columns, i;
    size_t end = otx__min((index + 1) * OTX__COMBINE_CHUNK, task->count);
    (void)worker;
    for (i = index * OTX__COMBINE_CHUNK; i < end; i++) {
        const double *coefficients = task->fitted->coefficients + (task->first + i) * k;
        double *row = task->to + i * columns;
        otx__combine_row(task->kernels, task->base,
                         task->fitted->indices + (task->first + i) * k, coefficients, k, row);
        if (task->centre) otx__combine_centre(task->centre, coefficients, k, columns, row);
    }
}

/* Combines the anchors' rows in the base; centre may be NULL. */
OTX__PRIVATE otx_result otx__fitted_combine(const otx_context *ctx, const otx_fitted *fitted,
                                            const otx_matrix *base, const double *centre,
                                            size_t first, size_t count, double *to,
                                            otx_error *error)
{
    otx__watch watch = otx__watch_open(ctx, OTX_STAGE_SOLVE, first, fitted->targets);
    otx__combining task;
    task.kernels = otx__combine_kernels(ctx);
    task.fitted = fitted;
    task.base = base;
    task.centre = centre;
    task.first = first;
    task.count = count;
    task.to = to;
    return otx__watch_loop(&watch, (count + OTX__COMBINE_CHUNK - 1) / OTX__COMBINE_CHUNK,
                           (double)OTX__COMBINE_CHUNK * (double)(fitted->k + 1) *
                               (double)base->columns,
                           otx__combining_body, &task, error);
}

/* ---- sums of rows ---- */

/* The mean of the rows of a matrix, in double, in their order. */
OTX__PRIVATE otx_result otx__matrix_mean(const otx_context *ctx, const otx_matrix *matrix,
                                         double *mean, otx_error *error)
{
    otx__watch watch = otx__watch_open(ctx, OTX_STAGE_SOLVE, 0, matrix->rows);
    otx__view view;
    otx__pool none;
    memset(&view, 0, sizeof view);
    otx__pool_open(&none, ctx);
    view.data = (const char *)matrix->data;
    view.stride = (matrix->stride ? matrix->stride : matrix->columns) *
                  (otx_dtype_bits(matrix->dtype) / 8);
    view.index = matrix->index;
    return otx__view_mean(&watch, &view, matrix, mean, error);
}

/* ---- rows ---- */

/* The elements of a row, as floats in double. */
OTX__PRIVATE void otx__row_read(const otx_matrix *matrix, size_t row, double *to)
{
    const size_t element = otx_dtype_bits(matrix->dtype) / 8;
    const size_t stride = matrix->stride ? matrix->stride : matrix->columns;
    const char *from = (const char *)matrix->data +
                       (matrix->index ? matrix->index[row] : row) * stride * element;
    float part[64];
    size_t first, count, i;
    for (first = 0; first < matrix->columns; first += count) {
        count = otx__min(matrix->columns - first, OTX__COUNT(part));
        otx_to_float(part, from + first * element, matrix->dtype, count);
        for (i = 0; i < count; i++) to[first + i] = (double)part[i];
    }
}

/* Rows that one task takes the norms of. */
#define OTX__NORM_ROWS 64

typedef struct otx__norming {
    const otx_matrix *matrix;
    double *norms;
} otx__norming;

OTX__PRIVATE void otx__norming_body(void *argument, size_t index, int worker)
{
    const otx__norming *task = (const otx__norming *)argument;
    const otx_matrix *matrix = task->matrix;
    size_t row, end = otx__min((index + 1) * OTX__NORM_ROWS, matrix->rows), first, count, i;
    (void)worker;
    for (row = index * OTX__NORM_ROWS; row < end; row++) {
        double values[64], sum = 0.0;
        otx_matrix part = *matrix;
        for (first = 0; first < matrix->columns; first += count) {
            count = otx__min(matrix->columns - first, OTX__COUNT(values));
            part.columns = count;
            part.stride = matrix->stride ? matrix->stride : matrix->columns;
            part.data = (const char *)matrix->data + first * (otx_dtype_bits(part.dtype) / 8);
            otx__row_read(&part, row, values);
            for (i = 0; i < count; i++) sum += values[i] * values[i];
        }
        task->norms[row] = sqrt(sum);
    }
}

/* The norms of all rows of a matrix. */
OTX__PRIVATE otx_result otx__matrix_norms(const otx_context *ctx, const otx_matrix *matrix,
                                          double *norms, otx_error *error)
{
    otx__watch watch = otx__watch_open(ctx, OTX_STAGE_SOLVE, 0, matrix->rows);
    otx__norming task;
    task.matrix = matrix;
    task.norms = norms;
    return otx__watch_loop(&watch, (matrix->rows + OTX__NORM_ROWS - 1) / OTX__NORM_ROWS,
                           2.0 * OTX__NORM_ROWS * (double)matrix->columns, otx__norming_body,
                           &task, error);
}

/* x / y, and 0 where y is. */
OTX__PRIVATE double otx__ratio(double x, double y) { return y > 0.0 ? x / y : 0.0; }

/* ---- dense: matrices of double, and their products ------------------------------------- */

/* A matrix of double in strips of 32 columns; what lies behind its last row or column is 0. */
typedef struct otx__dense {
    size_t rows, columns;
    size_t tall, wide; /* the same in tiles */
    double *data;      /* [strip][tall * 32][32] */
} otx__dense;

/* What those who compute with them hold. */
typedef struct otx__mill {
    otx_context ctx; /* settled: its threads do not change on the way */
    otx__pool pool;
    otx__take take;  /* the loop that all products consist of: see otx__tile_take */
    uint64_t memory; /* the budget */
    uint64_t done, total;
} otx__mill;

/* ---- opening and closing ---- */

OTX__PRIVATE otx_result otx__mill_open(otx__mill *mill, const otx_context *ctx, uint64_t memory,
                                       otx_error *error)
{
    const otx__kernels *kernels;
    memset(mill, 0, sizeof *mill);
    if (ctx) mill->ctx = *ctx;
    mill->ctx.threads = otx__threads(ctx);
    mill->memory = memory;
    otx__pool_open(&mill->pool, &mill->ctx);
    kernels = otx__kernels_for(mill->ctx.isa);
    if (!kernels) return otx__fail_isa(mill->ctx.isa, error);
    mill->take = otx__tile_take_for(kernels->isa);
    return OTX_OK;
}

OTX__PRIVATE otx_result otx__mill_loop(otx__mill *mill, size_t count, double work,
                                       otx_parallel_body body, void *argument, otx_error *error)
{
    otx__watch watch = otx__watch_open(&mill->ctx, OTX_STAGE_GRAM, mill->done, mill->total);
    return otx__watch_loop(&watch, count, work, body, argument, error);
}

/* Bytes of a matrix, also where they would not fit a size. */
OTX__PRIVATE double otx__dense_need(size_t rows, size_t columns)
{
    return 8.0 * (double)OTX__TILE_SIZE * (double)otx__tiles(rows) * (double)otx__tiles(columns);
}

/* All 0. */
OTX__PRIVATE otx__dense otx__dense_take(otx__pool *pool, size_t rows, size_t columns)
{
    otx__dense dense;
    size_t tiles = 0;
    dense.rows = rows;
    dense.columns = columns;
    dense.tall = otx__tiles(rows);
    dense.wide = otx__tiles(columns);
    if (!otx__mul(dense.tall, dense.wide, &tiles)) pool->failed = true;
    dense.data = (double *)otx__pool_take_zero(pool, tiles, OTX__TILE_SIZE * sizeof(double));
    return dense;
}

OTX__PRIVATE double *otx__dense_tile(const otx__dense *dense, size_t tile, size_t strip)
{
    return dense->data + (strip * dense->tall + tile) * OTX__TILE_SIZE;
}

/* The element of a row and a column. */
OTX__PRIVATE double *otx__dense_at(const otx__dense *dense, size_t row, size_t column)
{
    return dense->data + (column / OTX__TILE * dense->tall * OTX__TILE + row) * OTX__TILE +
           column % OTX__TILE;
}

/* ---- products ---- */

typedef struct otx__dense_task {
    otx__mill *mill;
    const otx__dense *to, *a, *b;
    bool turned, upper;
} otx__dense_task;

OTX__PRIVATE void otx__dense_product_body(void *argument, size_t index, int worker)
{
    const otx__dense_task *task = (const otx__dense_task *)argument;
    size_t tile = index % task->to->tall, strip = index / task->to->tall, p;
    double *to = otx__dense_tile(task->to, tile, strip);
    (void)worker;
    for (p = 0; p < task->b->tall && !(task->upper && tile > strip); p++) {
        const double *b = otx__dense_tile(task->b, p, strip);
        if (task->turned)
            task->mill->take(to, b, otx__dense_tile(task->a, p, tile), OTX__TILE, 1);
        else task->mill->take(to, b, otx__dense_tile(task->a, tile, p), 1, OTX__TILE);
    }
}

/* What is taken: a b, a' b, or of that the tiles from the diagonal up. */
typedef enum otx__dense_form {
    OTX__DENSE_PLAIN,
    OTX__DENSE_TURNED,
    OTX__DENSE_UPPER
} otx__dense_form;

/* to -= that. Every element in the order of the terms. */
OTX__PRIVATE otx_result otx__dense_product(otx__mill *mill, const otx__dense *to,
                                           const otx__dense *a, otx__dense_form form,
                                           const otx__dense *b, otx_error *error)
{
    otx__dense_task task;
    task.mill = mill;
    task.to = to;
    task.a = a;
    task.b = b;
    task.turned = form != OTX__DENSE_PLAIN;
    task.upper = form == OTX__DENSE_UPPER;
    return otx__mill_loop(mill, to->tall * to->wide,
                          (double)b->tall * OTX__TILE * (double)OTX__TILE_SIZE,
                          otx__dense_product_body, &task, error);
}

/* ---- rows of models ---- */

/* Rows that are held at a time. */
#define OTX__DENSE_ROWS 1024

/* Reads rows: times (row - less), of those with that many. */
typedef struct otx__dense_read {
    const otx_matrix *matrix;
    const char *name;
    const double *less;  /* [columns] or NULL */
    const double *times; /* [rows of the matrix] or NULL */
    double *sums;        /* [columns] or NULL: all rows are added to it, */
    double *squares;     /* likewise their squares */
    bool negated;
    size_t first, count;
    otx__dense block;
} otx__dense_read;

OTX__PRIVATE void otx__dense_read_body(void *argument, size_t strip, int worker)
{
    const otx__dense_read *read = (const otx__dense_read *)argument;
    const otx_matrix *matrix = read->matrix;
    size_t first = strip * OTX__TILE, i, j;
    size_t columns = otx__min(OTX__TILE, matrix->columns - first);
    double *to = otx__dense_tile(&read->block, 0, strip);
    float part[OTX__TILE];
    (void)worker;
    for (i = 0; i < read->block.tall * OTX__TILE; i++, to += OTX__TILE) {
        for (j = 0; j < OTX__TILE; j++) to[j] = 0.0;
        if (i >= read->count) continue;
        otx_to_float(part, otx__affine_at(matrix, read->first + i, first), matrix->dtype,
                     columns);
        for (j = 0; j < columns; j++) {
            double value = (double)part[j];
            if (read->less) value -= read->less[first + j];
            if (read->times) value *= read->times[read->first + i];
            if (read->sums) read->sums[first + j] += value;
            if (read->squares) {
                double square = value * value;
                read->squares[first + j] += square;
            }
            to[j] = read->negated ? -value : value;
        }
    }
}

OTX__PRIVATE otx_result otx__dense_read_rows(otx__mill *mill, otx__dense_read *read,
                                             size_t first, size_t count, otx_error *error)
{
    read->first = first;
    read->count = count;
    return otx__mill_loop(mill, read->block.wide, 4.0 * OTX__TILE * OTX__DENSE_ROWS,
                          otx__dense_read_body, read, error);
}

/* Takes room for the rows that are read at a time. */
OTX__PRIVATE void otx__dense_read_open(otx__mill *mill, otx__dense_read *read,
                                       const otx_matrix *matrix)
{
    memset(read, 0, sizeof *read);
    read->matrix = matrix;
    read->block = otx__dense_take(&mill->pool, otx__min(matrix->rows, OTX__DENSE_ROWS),
                                  matrix->columns);
}

/* to += a'b over all rows of two matrices, or the tiles of that from the diagonal up. */
OTX__PRIVATE otx_result otx__dense_cross(otx__mill *mill, const otx__dense *to,
                                         otx__dense_read *a, otx__dense_read *b,
                                         otx__dense_form form, otx_error *error)
{
    size_t rows = a->matrix->rows, first, count;
    otx_result result = OTX_OK;
    b->negated = true; /* products are taken off */
    for (first = 0; first < rows && !result; first += count) {
        count = otx__min(OTX__DENSE_ROWS, rows - first);
        mill->done = first;
        mill->total = rows;
        result = otx__dense_read_rows(mill, a, first, count, error);
        if (!result) result = otx__dense_read_rows(mill, b, first, count, error);
        if (!result) result = otx__dense_product(mill, to, &a->block, form, &b->block, error);
    }
    return result;
}

/* Of a tile of `to`, from a matrix that is wide where `to` is tall. */
OTX__PRIVATE void otx__dense_turn_body(void *argument, size_t strip, int worker)
{
    const otx__dense_task *task = (const otx__dense_task *)argument;
    size_t tile, i, j;
    (void)worker;
    for (tile = 0; tile < task->to->tall; tile++) {
        const double *from = otx__dense_tile(task->a, strip, tile);
        double *to = otx__dense_tile(task->to, tile, strip);
        for (j = 0; j < OTX__TILE; j++)
            for (i = 0; i < OTX__TILE; i++) to[j * OTX__TILE + i] = from[i * OTX__TILE + j];
    }
}

/* to = from'. */
OTX__PRIVATE otx_result otx__dense_turn(otx__mill *mill, const otx__dense *to,
                                        const otx__dense *from, otx_error *error)
{
    otx__dense_task task;
    memset(&task, 0, sizeof task);
    task.to = to;
    task.a = from;
    return otx__mill_loop(mill, to->wide, 4.0 * (double)to->tall * (double)OTX__TILE_SIZE,
                          otx__dense_turn_body, &task, error);
}

/* ---- what rows are measured by ---- */

/* The mean of all rows; a NaN or an infinity among them is found here. */
OTX__PRIVATE otx_result otx__rows_mean(otx__mill *mill, const otx_matrix *matrix,
                                       const char *name, double *mean, otx_error *error)
{
    otx_result result = otx__matrix_mean(&mill->ctx, matrix, mean, error);
    size_t i, row;
    for (i = 0; i < matrix->columns && !result; i++) {
        if (otx__is_finite(mean[i])) continue;
        for (row = 0; row + 1 < matrix->rows; row++) {
            float value;
            otx_to_float(&value, otx__affine_at(matrix, row, i), matrix->dtype, 1);
            if (!otx__is_finite((double)value)) break;
        }
        result = otx__fail(error, OTX_ERROR_NOT_FINITE,
                           "%s: row %" PRIu64 " holds a NaN, an infinity, or a value beyond a "
                           "float", name, (uint64_t)row);
    }
    return result;
}

/* The same only to look for them. */
OTX__PRIVATE otx_result otx__rows_finite(otx__mill *mill, const otx_matrix *matrix,
                                         const char *name, otx_error *error)
{
    double *mean = (double *)otx__alloc(&mill->ctx, matrix->columns, sizeof *mean);
    otx_result result;
    if (!mean) return otx__fail_array(error, matrix->columns, sizeof *mean);
    result = otx__rows_mean(mill, matrix, name, mean, error);
    otx__free(&mill->ctx, mean, matrix->columns, sizeof *mean);
    return result;
}

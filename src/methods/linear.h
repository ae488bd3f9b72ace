/* ---- linear: maps between two models' rows --------------------------------------------- */

/* row = to + (target - from) map [/ <target, divide>]. Methods of chance put their deviates in
   place of target - from. */
typedef struct otx__linear {
    otx_context ctx; /* a copy: of whose allocator the blocks are */
    otx__pool pool;
    otx__dense map;  /* d x e */
    double *from, *to, *divide; /* [d], [e], [d]; or NULL */
} otx__linear;

/* ---- opening and closing ---- */

OTX__PRIVATE void otx__linear_close(otx__linear *linear)
{
    otx_context ctx;
    if (!linear) return;
    ctx = linear->ctx;
    otx__pool_close(&linear->pool);
    otx__free(&ctx, linear, 1, sizeof *linear);
}

/* A map of zeros from d to e columns, of a method that is being fitted. */
OTX__PRIVATE otx_result otx__linear_open(const otx__mill *mill, otx_fitted *fitted, size_t d,
                                         size_t e, otx_error *error)
{
    otx__linear *linear = (otx__linear *)otx__alloc_zero(&mill->ctx, 1, sizeof *linear);
    fitted->linear = linear;
    if (!linear) return otx__fail_memory(error, sizeof *linear);
    linear->ctx = mill->ctx;
    otx__pool_open(&linear->pool, &linear->ctx);
    linear->map = otx__dense_take(&linear->pool, d, e);
    linear->from = (double *)otx__pool_take_zero(&linear->pool, d, sizeof(double));
    linear->to = (double *)otx__pool_take_zero(&linear->pool, e, sizeof(double));
    fitted->bytes = linear->pool.bytes;
    return linear->pool.failed ? otx__pool_fail(&linear->pool, error) : OTX_OK;
}

/* ---- applying ---- */

typedef struct otx__linear_task {
    const otx__linear *linear;
    const otx_matrix *targets;
    uint64_t seed;
    otx__take take;
    size_t first, count, pitch;
    double *rows;     /* [targets of a window, whole tiles][pitch] from - target */
    double *divisors; /* [the same] or NULL */
    double *to;
} otx__linear_task;

OTX__PRIVATE void otx__linear_read_body(void *argument, size_t index, int worker)
{
    const otx__linear_task *task = (const otx__linear_task *)argument;
    const otx__linear *linear = task->linear;
    double *row = task->rows + index * task->pitch, divisor = 0.0;
    size_t first, count, i;
    float part[OTX__TILE];
    (void)worker;
    for (i = 0; i < task->pitch; i++) row[i] = 0.0;
    if (index >= task->count) return;
    for (first = 0; first < linear->map.rows; first += count) {
        count = otx__min(OTX__TILE, linear->map.rows - first);
        otx_to_float(part, otx__affine_at(task->targets, task->first + index, first),
                     task->targets->dtype, count);
        for (i = 0; i < count; i++) {
            double value = (double)part[i];
            row[first + i] = linear->from[first + i] - value;
            if (linear->divide) divisor += linear->divide[first + i] * value;
        }
    }
    if (linear->divide) task->divisors[index] = divisor;
}

/* 32 targets' elements of a strip. */
OTX__PRIVATE void otx__linear_apply_body(void *argument, size_t index, int worker)
{
    const otx__linear_task *task = (const otx__linear_task *)argument;
    const otx__linear *linear = task->linear;
    size_t tiles = otx__tiles(task->count), strip = index / tiles, x, i, j;
    size_t first = index % tiles * OTX__TILE, width = linear->map.columns;
    size_t columns = otx__min(OTX__TILE, width - strip * OTX__TILE);
    double tile[OTX__TILE_SIZE];
    (void)worker;
    memset(tile, 0, sizeof tile);
    for (x = 0; x < linear->map.tall; x++)
        task->take(tile, otx__dense_tile(&linear->map, x, strip),
                   task->rows + first * task->pitch + x * OTX__TILE, 1, task->pitch);
    for (j = 0; j < OTX__TILE && first + j < task->count; j++) {
        double *to = task->to + (first + j) * width + strip * OTX__TILE;
        double divisor = linear->divide ? task->divisors[first + j] : 1.0;
        for (i = 0; i < columns; i++) {
            double value = divisor != 0.0 ? tile[j * OTX__TILE + i] / divisor : 0.0;
            to[i] = linear->to[strip * OTX__TILE + i] + value;
        }
    }
}

/* Targets that are read at a time. */
#define OTX__LINEAR_TARGETS 512

/* Makes rows of what `read` puts in place of targets, by a seed or not. */
OTX__PRIVATE otx_result otx__linear_run(const otx_context *ctx, const otx_fitted *fitted,
                                        const otx_matrix *targets, otx_parallel_body read,
                                        uint64_t seed, size_t first, size_t count, double *to,
                                        otx_error *error)
{
    const otx__linear *linear = fitted->linear;
    size_t room = otx__tiles(otx__min(count, OTX__LINEAR_TARGETS)) * OTX__TILE, end;
    otx__linear_task task;
    otx__mill mill;
    otx_result result = otx__mill_open(&mill, ctx, 0, error);
    if (result) return result;
    memset(&task, 0, sizeof task);
    task.linear = linear;
    task.targets = targets;
    task.seed = seed;
    task.take = mill.take;
    task.pitch = linear->map.tall * OTX__TILE;
    task.rows = (double *)otx__pool_take(&mill.pool, room, task.pitch * sizeof(double));
    task.divisors = (double *)otx__pool_take(&mill.pool, room, sizeof(double));
    if (mill.pool.failed) result = otx__pool_fail(&mill.pool, error);
    mill.total = fitted->targets;
    for (end = first + count, task.first = first; task.first < end && !result;
         task.first += task.count) {
        task.count = otx__min(OTX__LINEAR_TARGETS, end - task.first);
        task.to = to + (task.first - first) * linear->map.columns;
        mill.done = task.first;
        result = otx__mill_loop(&mill, otx__tiles(task.count) * OTX__TILE,
                                4.0 * (double)task.pitch, read, &task, error);
        if (!result)
            result = otx__mill_loop(&mill, linear->map.wide * otx__tiles(task.count),
                                    (double)task.pitch * (double)OTX__TILE_SIZE,
                                    otx__linear_apply_body, &task, error);
    }
    otx__pool_close(&mill.pool);
    return result;
}

OTX__PRIVATE otx_result otx__linear_make(const otx_context *ctx, const otx_fitted *fitted,
                                         const otx_method_rows *rows, size_t first, size_t count,
                                         double *to, otx_error *error)
{
    const otx__dense *map = &fitted->linear->map;
    if (rows->donor.columns != map->rows || rows->base.columns != map->columns)
        return otx__fail(error, OTX_ERROR_ARGUMENT,
                         "the map is of %" PRIu64 " by %" PRIu64 " columns, and the rows have "
                         "%" PRIu64 " and %" PRIu64, (uint64_t)map->rows,
                         (uint64_t)map->columns, (uint64_t)rows->donor.columns,
                         (uint64_t)rows->base.columns);
    return otx__linear_run(ctx, fitted, &rows->targets, otx__linear_read_body, 0, first, count,
                           to, error);
}

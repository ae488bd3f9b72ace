/* ---- near: each target against all anchors -------------------------------------- */

/* Targets whose products with all anchors are held at a time, where there is room. */
#define OTX__NEAR_TARGETS 64

/* Bytes of anchors that are read against all of these before the next are: a core's cache. */
#define OTX__NEAR_BYTES 262144

/* What is done for a target of which products[n] are known: those with the anchors, which may
   be overwritten. */
typedef struct otx__near otx__near;
typedef void (*otx__near_visit)(otx__near *near, size_t target, double *products, int worker);

struct otx__near {
    otx_context ctx; /* settled: its threads do not change on the way */
    otx__pool pool;
    const otx__kernels *kernels;
    otx_matrix donor, targets; /* anchors; targets `base` and on */
    otx__view anchor_rows, target_rows;
    size_t columns, origin;    /* of the matrices; the number of the first target */
    double *anchor_squares, *target_squares; /* <row, row>, and its root */
    double *anchor_norms, *target_norms;
    double *wide;              /* [worker][columns] */
    double *products;          /* [room][anchors] */
    size_t room, first, count; /* targets of a window: at most, at hand */
    otx__near_visit visit;
    void *argument;            /* the visit's */
};

/* A range of the rows of a matrix. */
OTX__PRIVATE otx_matrix otx__matrix_part(const otx_matrix *matrix, size_t first, size_t count)
{
    otx_matrix part = *matrix;
    size_t stride = matrix->stride ? matrix->stride : matrix->columns;
    part.rows = count;
    if (matrix->index) part.index += first;
    else
        part.data = (const char *)matrix->data +
                    first * stride * (otx_dtype_bits(matrix->dtype) / 8);
    return part;
}

/* ---- memory ---- */

OTX__PRIVATE double otx__budget(uint64_t memory)
{
    return (double)(memory ? memory : (uint64_t)4 << 30);
}

OTX__PRIVATE otx_result otx__fail_budget(const char *what, double need, uint64_t memory,
                                         otx_error *error)
{
    return otx__fail(error, OTX_ERROR_MEMORY, "%s takes %.0f MiB, and the budget is %.0f MiB",
                     what, ceil(need / 1048576.0), floor(otx__budget(memory) / 1048576.0));
}

/* Takes all memory, `each` bytes a worker for the visits' own with it: *own. */
OTX__PRIVATE otx_result otx__near_take(otx__near *near, uint64_t memory, size_t each,
                                       void **own, otx_error *error)
{
    size_t anchors = near->donor.rows, targets = near->targets.rows;
    size_t threads = (size_t)near->ctx.threads;
    bool copied = !otx__view_is_direct(&near->donor, false);
    double a = (double)anchors, t = (double)targets, n = (double)near->columns, need;
    need = 16.0 * (a + t) + (double)threads * (8.0 * n + (double)each);
    if (copied) need += 4.0 * a * n;
    if (!otx__view_is_direct(&near->targets, false)) need += 4.0 * t * n;
    near->room = otx__min(OTX__NEAR_TARGETS, targets);
    while (near->room > 1 && need + 8.0 * a * (double)near->room > otx__budget(memory))
        near->room -= (near->room + 1) / 2;
    need += 8.0 * a * (double)near->room;
    if (need > otx__budget(memory))
        return otx__fail_budget("comparing targets with all anchors", need, memory, error);
    (void)otx__view_open(&near->anchor_rows, &near->donor, false, &near->pool);
    (void)otx__view_open(&near->target_rows, &near->targets, false, &near->pool);
    near->anchor_squares = (double *)otx__pool_take(&near->pool, anchors, sizeof(double));
    near->anchor_norms = (double *)otx__pool_take(&near->pool, anchors, sizeof(double));
    near->target_squares = (double *)otx__pool_take(&near->pool, targets, sizeof(double));
    near->target_norms = (double *)otx__pool_take(&near->pool, targets, sizeof(double));
    near->wide = (double *)otx__pool_take(&near->pool, threads, near->columns * sizeof(double));
    near->products =
        (double *)otx__pool_take(&near->pool, near->room, anchors * sizeof(double));
    *own = otx__pool_take(&near->pool, threads, otx__max(each, 1));
    return near->pool.failed ? otx__pool_fail(&near->pool, error) : OTX_OK;
}

/* ---- norms ---- */

OTX__PRIVATE void otx__near_square(const otx__near *near, const otx__view *view, size_t i,
                                   int worker, double *square, double *norm)
{
    double *wide = near->wide + (size_t)worker * near->columns;
    otx__row row = otx__view_row(view, i);
    otx__row_widen(near->kernels, row, near->columns, wide);
    near->kernels->products(wide, &row, 1, near->columns, square);
    *norm = sqrt(*square);
}

/* 32 anchors, or behind them 32 targets. */
OTX__PRIVATE void otx__near_norms_body(void *argument, size_t index, int worker)
{
    const otx__near *near = (const otx__near *)argument;
    size_t tiles = otx__tiles(near->donor.rows), first, i;
    bool target = index >= tiles;
    first = (target ? index - tiles : index) * OTX__TILE;
    for (i = first; i < otx__min(first + OTX__TILE, target ? near->targets.rows
                                                           : near->donor.rows); i++) {
        if (target)
            otx__near_square(near, &near->target_rows, i, worker, near->target_squares + i,
                             near->target_norms + i);
        else
            otx__near_square(near, &near->anchor_rows, i, worker, near->anchor_squares + i,
                             near->anchor_norms + i);
    }
}

OTX__PRIVATE otx_result otx__near_finite(const double *norms, size_t count, const char *name,
                                         size_t origin, otx_error *error)
{
    size_t i;
    for (i = 0; i < count; i++)
        if (!otx__is_finite(norms[i]))
            return otx__fail(error, OTX_ERROR_NOT_FINITE,
                             "%s: row %" PRIu64 " holds a NaN, an infinity, or a value beyond "
                             "a float", name, (uint64_t)(origin + i));
    return OTX_OK;
}

OTX__PRIVATE otx_result otx__near_measure(otx__near *near, otx_error *error)
{
    otx__watch watch = otx__watch_open(&near->ctx, OTX_STAGE_SOLVE, 0, near->targets.rows);
    otx_result result =
        otx__view_copy(&watch, &near->anchor_rows, &near->donor, NULL, error);
    if (!result) result = otx__view_copy(&watch, &near->target_rows, &near->targets, NULL, error);
    if (!result)
        result = otx__watch_loop(&watch,
                                 otx__tiles(near->donor.rows) + otx__tiles(near->targets.rows),
                                 2.0 * OTX__TILE * (double)near->columns, otx__near_norms_body,
                                 near, error);
    if (!result)
        result = otx__near_finite(near->anchor_norms, near->donor.rows, "donor", 0, error);
    if (!result)
        result = otx__near_finite(near->target_norms, near->targets.rows, "targets",
                                  near->origin, error);
    return result;
}

/* ---- opening and closing ---- */

/* Targets `first` to first + count - 1 of rows, and the anchors, with *own, `each` bytes a
   worker for the visits. To be closed in any case. */
OTX__PRIVATE otx_result otx__near_open(otx__near *near, const otx_context *ctx,
                                       const otx_method_rows *rows, size_t first, size_t count,
                                       uint64_t memory, size_t each, void **own,
                                       otx_error *error)
{
    otx_result result;
    memset(near, 0, sizeof *near);
    if (ctx) near->ctx = *ctx;
    near->ctx.threads = otx__threads(ctx);
    otx__pool_open(&near->pool, &near->ctx);
    near->kernels = otx__kernels_for(near->ctx.isa);
    if (!near->kernels) return otx__fail_isa(near->ctx.isa, error);
    near->donor = rows->donor;
    near->targets = otx__matrix_part(&rows->targets, first, count);
    near->columns = rows->donor.columns;
    near->origin = first;
    result = otx__near_take(near, memory, each, own, error);
    return result ? result : otx__near_measure(near, error);
}

OTX__PRIVATE void otx__near_close(otx__near *near) { otx__pool_close(&near->pool); }

/* ---- products ---- */

/* Products of one or two targets of the window from `target` on with some anchors. */
OTX__PRIVATE void otx__near_pair(const otx__near *near, size_t target, size_t pair,
                                 const otx__row *anchors, size_t count, double *products,
                                 double *wide)
{
    const otx__kernels *kernels = near->kernels;
    size_t pitch = near->donor.rows, i;
    otx__row two[2];
    for (i = 0; i < pair; i++)
        two[i] = otx__view_row(&near->target_rows, near->first + target + i);
    if (pair == 2 && kernels->pair_products && two[0].bf16 == anchors[0].bf16) {
        kernels->pair_products(two, anchors, count, near->columns, products, pitch);
        return;
    }
    for (i = 0; i < pair; i++) {
        otx__row_widen(kernels, two[i], near->columns, wide);
        kernels->products(wide, anchors, count, near->columns, products + i * pitch);
    }
}

/* 32 anchors with all targets of the window. */
OTX__PRIVATE void otx__near_products_body(void *argument, size_t index, int worker)
{
    const otx__near *near = (const otx__near *)argument;
    size_t first = index * OTX__TILE, end = otx__min(first + OTX__TILE, near->donor.rows);
    size_t most = otx__min(OTX__TILE, 4 + OTX__NEAR_BYTES / (4 * near->columns)), count, i;
    for (; first < end; first += count) {
        otx__row anchors[OTX__TILE];
        count = otx__min(most, end - first);
        for (i = 0; i < count; i++) anchors[i] = otx__view_row(&near->anchor_rows, first + i);
        for (i = 0; i < near->count; i += 2)
            otx__near_pair(near, i, otx__min(2, near->count - i), anchors, count,
                           near->products + i * near->donor.rows + first,
                           near->wide + (size_t)worker * near->columns);
    }
}

OTX__PRIVATE void otx__near_visit_body(void *argument, size_t index, int worker)
{
    otx__near *near = (otx__near *)argument;
    near->visit(near, near->first + index, near->products + index * near->donor.rows, worker);
}

/* Visits every target; `work` is that of a visit, in multiply-adds or so. */
OTX__PRIVATE otx_result otx__near_run(otx__near *near, double work, otx__near_visit visit,
                                      void *argument, otx_error *error)
{
    size_t anchors = near->donor.rows, targets = near->targets.rows;
    otx_result result = OTX_OK;
    near->visit = visit;
    near->argument = argument;
    for (near->first = 0; near->first < targets && !result; near->first += near->count) {
        otx__watch watch = otx__watch_open(&near->ctx, OTX_STAGE_SOLVE, near->first, targets);
        near->count = otx__min(near->room, targets - near->first);
        result = otx__watch_loop(&watch, otx__tiles(anchors),
                                 (double)OTX__TILE * (double)near->count *
                                     (double)near->columns,
                                 otx__near_products_body, near, error);
        if (!result)
            result = otx__watch_loop(&watch, near->count, work, otx__near_visit_body, near,
                                     error);
    }
    return result;
}

/* ---- what visits share ---- */

/* Turns products into cosines; a row of zeros has 0 with all. */
OTX__PRIVATE void otx__near_cosines(const otx__near *near, size_t target, double *products)
{
    double norm = near->target_norms[target];
    size_t i;
    for (i = 0; i < near->donor.rows; i++) {
        double both = norm * near->anchor_norms[i];
        products[i] = both > 0.0 ? products[i] / both : 0.0;
    }
}

/* An anchor and how far it is, whatever the measure. */
typedef struct otx__neighbour {
    double far;
    int32_t anchor;
} otx__neighbour;

/* The k nearest of all, in order, ties to the lower index. */
OTX__PRIVATE void otx__near_pick(const double *far, size_t count, size_t k,
                                 otx__neighbour *nearest)
{
    size_t held = 0, i, j;
    for (i = 0; i < count; i++) {
        if (held == k && !(far[i] < nearest[k - 1].far)) continue;
        if (held < k) held++;
        for (j = held - 1; j > 0 && far[i] < nearest[j - 1].far; j--) nearest[j] = nearest[j - 1];
        nearest[j].far = far[i];
        nearest[j].anchor = (int32_t)i;
    }
}

/* ||target - combination||, in the donor. */
OTX__PRIVATE double otx__near_residual(const otx__near *near, size_t target,
                                       const int32_t *indices, const double *coefficients,
                                       size_t k, double *wide)
{
    otx__row row = otx__view_row(&near->target_rows, target);
    size_t j, count;
    otx__row_widen(near->kernels, row, near->columns, wide);
    for (j = 0; j < k && indices[j] >= 0; j += count) {
        otx__row rows[OTX__TILE], none = {NULL, false};
        for (count = 0; count < OTX__TILE && j + count < k && indices[j + count] >= 0; count++)
            rows[count] = otx__view_row(&near->anchor_rows, (size_t)indices[j + count]);
        near->kernels->residual(wide, none, coefficients + j, rows, count, near->columns);
    }
    return otx__norm(wide, near->columns);
}

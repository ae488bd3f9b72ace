/* ---- map: a fitted map, and the rows it makes ------------------------------------- */

/* Targets whose rows are made at a time. */
#define OTX__AFFINE_TARGETS 512

/* An anchor by the keyed hash of its donor row: a donor cannot make its rows collide. */
typedef struct otx__known_row {
    uint64_t hash;
    uint32_t anchor;
} otx__known_row;

typedef struct otx__affine {
    otx_context ctx; /* a copy: of whose allocator the blocks are */
    otx__pool pool;
    size_t anchors, columns, width; /* N, d, e */
    double *donor_mean, *base_mean; /* [d], [e] */
    otx__digits digits;             /* columns of the map, d terms */
    double *unit;                   /* [strip][32] of these columns */
    otx__hash_key key;
    otx__known_row *known;          /* [anchors] in order */
    uint32_t *hidden;               /* those that were, in ascending order */
} otx__affine;

/* ---- anchors by their rows ---- */

OTX__PRIVATE int otx__known_compare(const void *a, const void *b)
{
    const otx__known_row *x = (const otx__known_row *)a, *y = (const otx__known_row *)b;
    if (x->hash != y->hash) return x->hash < y->hash ? -1 : 1;
    return x->anchor < y->anchor ? -1 : x->anchor > y->anchor;
}

/* Of a row's elements as floats; 0 and -0 are one. */
OTX__PRIVATE uint64_t otx__hash_row(otx__hash_key key, const otx_matrix *matrix, size_t row)
{
    otx__hash_state state = otx__hash_open(key);
    float part[OTX__TILE];
    size_t first, count, i;
    for (first = 0; first < matrix->columns; first += count) {
        count = otx__min(OTX__TILE, matrix->columns - first);
        otx_to_float(part, otx__affine_at(matrix, row, first), matrix->dtype, count);
        for (i = 0; i < count; i++) {
            float value = part[i] + 0.0f;
            uint32_t bits;
            memcpy(&bits, &value, sizeof bits);
            otx__hash_take(&state, bits);
        }
    }
    return otx__hash_close(&state, matrix->columns);
}

/* Whether two rows hold the same floats. */
OTX__PRIVATE bool otx__same_rows(const otx_matrix *a, size_t i, const otx_matrix *b, size_t j)
{
    float x[OTX__TILE], y[OTX__TILE];
    size_t first, count, p;
    for (first = 0; first < a->columns; first += count) {
        count = otx__min(OTX__TILE, a->columns - first);
        otx_to_float(x, otx__affine_at(a, i, first), a->dtype, count);
        otx_to_float(y, otx__affine_at(b, j, first), b->dtype, count);
        for (p = 0; p < count; p++)
            if (x[p] < y[p] || x[p] > y[p]) return false;
    }
    return true;
}

/* The lowest anchor that has the target's row; SIZE_MAX if none has. */
OTX__PRIVATE size_t otx__affine_find(const otx__affine *map, const otx_matrix *donor,
                                  const otx_matrix *targets, size_t target)
{
    uint64_t hash = otx__hash_row(map->key, targets, target);
    size_t low = 0, high = map->anchors;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (map->known[middle].hash < hash)
            low = middle + 1;
        else
            high = middle;
    }
    for (; low < map->anchors && map->known[low].hash == hash; low++)
        if (otx__same_rows(donor, map->known[low].anchor, targets, target))
            return map->known[low].anchor;
    return SIZE_MAX;
}

/* ---- making the map ---- */

typedef struct otx__affine_task {
    otx__affine *map;
    const otx_matrix *donor;
    const double *weights; /* [strip][tiles * 32][32] */
    size_t pitch;          /* tiles * 32 */
    double *column;        /* [worker][d] */
} otx__affine_task;

OTX__PRIVATE void otx__affine_hash_body(void *argument, size_t index, int worker)
{
    const otx__affine_task *task = (const otx__affine_task *)argument;
    size_t i, end = otx__min(task->map->anchors, (index + 1) * OTX__TILE);
    (void)worker;
    for (i = index * OTX__TILE; i < end; i++) {
        task->map->known[i].hash = otx__hash_row(task->map->key, task->donor, i);
        task->map->known[i].anchor = (uint32_t)i;
    }
}

/* 32 columns of the map, and zeros behind the last. */
OTX__PRIVATE void otx__affine_strip_body(void *argument, size_t strip, int worker)
{
    const otx__affine_task *task = (const otx__affine_task *)argument;
    otx__affine *map = task->map;
    const double *weights = task->weights + strip * task->pitch * OTX__TILE;
    double *column = task->column + (size_t)worker * map->columns;
    size_t lane, p;
    for (lane = 0; lane < OTX__TILE; lane++) {
        for (p = 0; p < map->columns; p++) column[p] = weights[p * OTX__TILE + lane];
        otx__digits_put_vector(&map->digits, strip, lane, column,
                               &map->unit[strip * OTX__TILE + lane]);
    }
}

/* Takes the means over, and the weights as otx__normal has them. */
OTX__PRIVATE otx_result otx__affine_set(otx__affine *map, const otx__normal *normal, double *column,
                                     otx_error *error)
{
    otx__watch watch = otx__watch_open(normal->ctx, OTX_STAGE_GRAM, normal->done, normal->total);
    otx__affine_task task;
    memset(&task, 0, sizeof task);
    task.map = map;
    task.weights = normal->weights;
    task.pitch = normal->donor.tiles * OTX__TILE;
    task.column = column;
    memcpy(map->donor_mean, normal->donor.mean, map->columns * sizeof *map->donor_mean);
    memcpy(map->base_mean, normal->base.mean, map->width * sizeof *map->base_mean);
    return otx__watch_loop(&watch, map->digits.tiles, 8.0 * OTX__TILE * (double)map->columns,
                           otx__affine_strip_body, &task, error);
}

/* Learns what the anchors' donor rows are. */
OTX__PRIVATE otx_result otx__affine_know(otx__affine *map, const otx__normal *normal,
                                         otx_error *error)
{
    otx__watch watch = otx__watch_open(normal->ctx, OTX_STAGE_GRAM, normal->done, normal->total);
    otx__affine_task task;
    otx_result result;
    memset(&task, 0, sizeof task);
    task.map = map;
    task.donor = normal->donor.matrix;
    map->key = otx__hash_key_for(normal->ctx, map->known);
    result = otx__watch_loop(&watch, (map->anchors + OTX__TILE - 1) / OTX__TILE,
                             4.0 * OTX__TILE * (double)map->columns, otx__affine_hash_body, &task,
                             error);
    if (!result) otx__sort(map->known, map->anchors, sizeof *map->known, otx__known_compare);
    return result;
}

/* ---- making rows ---- */

enum {
    OTX__ROW_OPEN,  /* what the map makes of the remainder is to be added */
    OTX__ROW_MADE,  /* nothing */
    OTX__ROW_BROKEN /* nothing: it is not finite */
};

/* Some targets on their way. */
typedef struct otx__mapping {
    const otx__affine *map;
    const otx_matrix *donor, *base, *targets;
    const int32_t *indices;     /* [count][k] */
    const double *coefficients; /* [count][k] */
    size_t k;
    const uint32_t *order; /* which targets, or NULL for first, first + 1, ... */
    size_t first, count;   /* at hand */
    bool find;             /* whether targets may be anchors */
    double *rows;          /* [count][e] */
    otx__digits digits;    /* their remainders, d terms */
    double *unit;          /* [tile][32] of these */
    uint8_t *states;       /* [tile][32] what is to be done: */
    double *scratch;       /* [worker][2 * d] */
    double *totals;        /* [worker][OTX__GROUP][32][32] */
    float *products;       /* [worker][4 * OTX__GROUP][32][32] */
} otx__mapping;

OTX__PRIVATE size_t otx__mapping_target(const otx__mapping *mapping, size_t i)
{
    return mapping->order ? mapping->order[mapping->first + i] : mapping->first + i;
}

/* to := sum of coefficients * rows, and returns what is missing to a sum of 1. */
OTX__PRIVATE double otx__mapping_combine(const otx__mapping *mapping, const otx_matrix *matrix,
                                         size_t i, double *to)
{
    const int32_t *indices = mapping->indices + i * mapping->k;
    const double *coefficients = mapping->coefficients + i * mapping->k;
    double missing = 1.0;
    size_t j;
    for (j = 0; j < matrix->columns; j++) to[j] = 0.0;
    if (!mapping->k) return missing;
    otx__combine_row(mapping->map->digits.kernels, matrix, indices, coefficients, mapping->k, to);
    for (j = 0; j < mapping->k && indices[j] >= 0; j++) missing -= coefficients[j];
    return missing;
}

/* Target minus mean minus what the atoms make of it. False if that is not finite, and 0
   then. */
OTX__PRIVATE bool otx__mapping_remainder(const otx__mapping *mapping, size_t i,
                                         double *remainder, double *sum)
{
    const otx__affine *map = mapping->map;
    size_t target = otx__mapping_target(mapping, i), first, count, j;
    double missing = otx__mapping_combine(mapping, mapping->donor, i, sum);
    float part[OTX__TILE];
    bool finite = true;
    for (first = 0; first < map->columns; first += count) {
        count = otx__min(OTX__TILE, map->columns - first);
        otx_to_float(part, otx__affine_at(mapping->targets, target, first),
                     mapping->targets->dtype, count);
        for (j = first; j < first + count; j++) {
            double mean = missing * map->donor_mean[j];
            remainder[j] = (double)part[j - first] - mean - sum[j];
            finite &= otx__is_finite(remainder[j]);
        }
    }
    for (j = 0; j < map->columns && !finite; j++) remainder[j] = 0.0;
    return finite;
}

/* The base's row of an anchor. */
OTX__PRIVATE void otx__mapping_copy(const otx__mapping *mapping, size_t anchor, double *row)
{
    size_t width = mapping->map->width, first, count, j;
    float part[OTX__TILE];
    for (first = 0; first < width; first += count) {
        count = otx__min(OTX__TILE, width - first);
        otx_to_float(part, otx__affine_at(mapping->base, anchor, first), mapping->base->dtype,
                     count);
        for (j = 0; j < count; j++) row[first + j] = (double)part[j];
    }
}

/* One target: its remainder goes to the digits, what the atoms make of it to its row. */
OTX__PRIVATE void otx__mapping_open_body(void *argument, size_t i, int worker)
{
    const otx__mapping *mapping = (const otx__mapping *)argument;
    const otx__affine *map = mapping->map;
    double *remainder = mapping->scratch + (size_t)worker * 2 * map->columns, missing;
    double *row = mapping->rows + i * map->width;
    size_t anchor = SIZE_MAX, j;
    bool finite = true;
    if (i < mapping->count)
        finite = otx__mapping_remainder(mapping, i, remainder, remainder + map->columns);
    else /* a lane without a target */
        for (j = 0; j < map->columns; j++) remainder[j] = 0.0;
    otx__digits_put_vector(&mapping->digits, i / OTX__TILE, i % OTX__TILE, remainder,
                           &mapping->unit[i]);
    mapping->states[i] = finite ? OTX__ROW_OPEN : OTX__ROW_BROKEN;
    if (!finite || i >= mapping->count) return;
    if (mapping->find)
        anchor = otx__affine_find(map, mapping->donor, mapping->targets,
                               otx__mapping_target(mapping, i));
    if (anchor != SIZE_MAX) {
        mapping->states[i] = OTX__ROW_MADE;
        otx__mapping_copy(mapping, anchor, row);
        return;
    }
    missing = otx__mapping_combine(mapping, mapping->base, i, row);
    for (j = 0; j < map->width; j++) {
        double mean = missing * map->base_mean[j];
        row[j] = mean + row[j];
    }
}

/* Adds 32 columns of what the map makes of the remainders. */
OTX__PRIVATE void otx__mapping_strip_body(void *argument, size_t strip, int worker)
{
    const otx__mapping *mapping = (const otx__mapping *)argument;
    const otx__affine *map = mapping->map;
    double *totals = mapping->totals + (size_t)worker * OTX__GROUP * OTX__TILE_SIZE;
    float *products = mapping->products + (size_t)worker * 4 * OTX__GROUP * OTX__TILE_SIZE;
    const double *unit = map->unit + strip * OTX__TILE;
    size_t columns = otx__min(OTX__TILE, map->width - strip * OTX__TILE);
    size_t all = (mapping->count + OTX__TILE - 1) / OTX__TILE, first, tiles, i, j;
    for (first = 0; first < all; first += tiles) {
        double *each[OTX__GROUP];
        tiles = otx__min(OTX__GROUP, all - first);
        for (i = 0; i < tiles; i++) each[i] = totals + i * OTX__TILE_SIZE;
        memset(totals, 0, tiles * OTX__TILE_SIZE * sizeof *totals);
        otx__digits_multiply(&mapping->digits, first, tiles, &map->digits, strip, each, products);
        for (i = 0; i < tiles * OTX__TILE; i++) {
            size_t at = first * OTX__TILE + i;
            const double *total = totals + i / OTX__TILE * OTX__TILE_SIZE + i % OTX__TILE;
            double *row = mapping->rows + at * map->width + strip * OTX__TILE;
            if (at >= mapping->count) break;
            if (mapping->states[at] != OTX__ROW_OPEN) continue;
            for (j = 0; j < columns; j++) {
                double mapped = total[j * OTX__TILE] * (mapping->unit[at] * unit[j]);
                row[j] += mapped;
            }
        }
    }
}

/* Room for `targets` at a time. */
OTX__PRIVATE bool otx__mapping_take(otx__mapping *mapping, size_t targets, size_t threads,
                                    otx__pool *pool)
{
    const otx__affine *map = mapping->map;
    size_t tiles = (targets + OTX__TILE - 1) / OTX__TILE;
    otx__digits_shape(&mapping->digits, map->digits.kernels, tiles, map->columns);
    (void)otx__digits_take(&mapping->digits, pool);
    mapping->unit = (double *)otx__pool_take(pool, tiles, OTX__TILE * sizeof(double));
    mapping->states = (uint8_t *)otx__pool_take(pool, tiles, OTX__TILE);
    mapping->scratch =
        (double *)otx__pool_take(pool, threads, 2 * map->columns * sizeof(double));
    mapping->totals = (double *)otx__pool_take(
        pool, threads, OTX__GROUP * OTX__TILE_SIZE * sizeof(double));
    mapping->products = (float *)otx__pool_take(
        pool, threads, 4 * OTX__GROUP * OTX__TILE_SIZE * sizeof(float));
    return !pool->failed;
}

/* Makes the rows of the targets at hand, whose number is at most that of otx__mapping_take. */
OTX__PRIVATE otx_result otx__mapping_run(otx__mapping *mapping, otx__watch *watch,
                                         otx_error *error)
{
    const otx__affine *map = mapping->map;
    double work = (double)map->columns * (double)map->width, columns = (double)map->columns;
    size_t i, tiles = (mapping->count + OTX__TILE - 1) / OTX__TILE;
    otx_result result;
    result = otx__watch_loop(watch, tiles * OTX__TILE, 16.0 * ((double)mapping->k + 2.0) * columns,
                             otx__mapping_open_body, mapping, error);
    for (i = 0; i < mapping->count && !result; i++)
        if (mapping->states[i] == OTX__ROW_BROKEN)
            return otx__fail(error, OTX_ERROR_NOT_FINITE,
                             "target %" PRIu64 ", or a coefficient of it, is NaN, infinite, or "
                             "beyond a float",
                             (uint64_t)otx__mapping_target(mapping, i));
    if (result) return result;
    return otx__watch_loop(watch, map->digits.tiles,
                           4.0 * work / (double)map->digits.tiles * (double)mapping->count,
                           otx__mapping_strip_body, mapping, error);
}

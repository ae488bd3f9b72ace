/* ---- normal: the normal equations of the affine map, and their solution --------- */

/* With the anchors' rows A (donor) and B (base) less their means, whole multiples of the
   units of their columns: S = A'A, in tiles of the lower triangle, and C = A'B, in strips of
   32 columns. Both hold whole numbers until the units are put in. */

/* Anchors whose digits are held at a time. */
#define OTX__BLOCK 4096

/* See otx__tile_take. */
typedef void (*otx__take)(double *t, const double *a, const double *b, size_t step, size_t pitch);

/* Rows of one matrix as the normal reads them. */
typedef struct otx__affine_side {
    const otx_matrix *matrix;
    const char *name; /* for messages */
    size_t columns, tiles;
    double *mean, *unit; /* [tiles * 32] 0 behind the last column */
} otx__affine_side;

typedef struct otx__normal {
    const otx_context *ctx;
    const otx__kernels *kernels;
    otx__affine_side donor, base;
    size_t rows;
    otx__digits block;     /* columns of donor and, behind them, of base */
    const uint32_t *order; /* of the anchors, or NULL for 0, 1, 2, ... */
    size_t first, count;   /* of those in the block, in that order */
    double *gram;          /* [tile x][tile y <= x][j][i] S of columns 32 x + i, 32 y + j */
    double *cross;         /* [strip][donor column][32] C */
    float *products;       /* [worker][4 * OTX__GROUP][32][32] */
    double *factor;        /* as gram: S in true units and with ridge, then its factor */
    double *weights;       /* as cross: C in true units, then the map */
    double *diagonal;      /* [donor column] of factor, before it is one; 0 behind the last */
    double ridge;          /* what is added to the diagonal */
    otx__take take;
    size_t column;         /* tile of the factor at hand */
    uint64_t done, total;  /* for the caller: rows and columns that are through */
} otx__normal;

/* Row i of a matrix, from column `first` on. */
OTX__PRIVATE const char *otx__affine_at(const otx_matrix *matrix, size_t i, size_t first)
{
    size_t stride = matrix->stride ? matrix->stride : matrix->columns;
    size_t row = matrix->index ? matrix->index[i] : i;
    return (const char *)matrix->data +
           (row * stride + first) * (otx_dtype_bits(matrix->dtype) / 8);
}

/* Whether all elements of a row are finite. */
OTX__PRIVATE bool otx__matrix_row_is_finite(const otx_matrix *matrix, size_t row)
{
    float part[OTX__TILE];
    size_t first, count, i;
    for (first = 0; first < matrix->columns; first += count) {
        count = otx__min(OTX__TILE, matrix->columns - first);
        otx_to_float(part, otx__affine_at(matrix, row, first), matrix->dtype, count);
        for (i = 0; i < count; i++)
            if (!otx__is_finite((double)part[i])) return false;
    }
    return true;
}

OTX__PRIVATE size_t otx__pairs(size_t tiles) { return tiles * (tiles + 1) / 2; }

OTX__PRIVATE double *otx__tile_at(double *triangle, size_t x, size_t y)
{
    return triangle + (otx__pairs(x) + y) * OTX__TILE_SIZE;
}

OTX__PRIVATE otx_result otx__normal_loop(otx__normal *normal, size_t count, double work,
                                         otx_parallel_body body, otx_error *error)
{
    otx__watch watch =
        otx__watch_open(normal->ctx, OTX_STAGE_GRAM, normal->done, normal->total);
    return otx__watch_loop(&watch, count, work, body, normal, error);
}

/* ---- means and units ---- */

OTX__PRIVATE const otx__affine_side *otx__normal_side(const otx__normal *normal, size_t *tile)
{
    if (*tile < normal->donor.tiles) return &normal->donor;
    *tile -= normal->donor.tiles;
    return &normal->base;
}

/* 32 columns: sums in double in the order of the rows. Rounding keeps order, so the largest
   difference from the mean is that of the largest or the smallest element. */
OTX__PRIVATE void otx__normal_measure_body(void *argument, size_t tile, int worker)
{
    const otx__normal *normal = (const otx__normal *)argument;
    const otx__affine_side *side = otx__normal_side(normal, &tile);
    size_t first = tile * OTX__TILE, count = otx__min(OTX__TILE, side->columns - first), i, j;
    double sums[OTX__TILE] = {0};
    float part[OTX__TILE], least[OTX__TILE], most[OTX__TILE];
    (void)worker;
    for (i = 0; i < normal->rows; i++) {
        otx_to_float(part, otx__affine_at(side->matrix, i, first), side->matrix->dtype, count);
        for (j = 0; j < count; j++) {
            sums[j] += (double)part[j];
            least[j] = i && least[j] < part[j] ? least[j] : part[j];
            most[j] = i && most[j] > part[j] ? most[j] : part[j];
        }
    }
    for (j = 0; j < count; j++) {
        double mean = sums[j] / (double)normal->rows;
        double below = mean - (double)least[j], above = (double)most[j] - mean;
        side->mean[first + j] = mean;
        side->unit[first + j] = otx__digits_unit(below > above ? below : above);
    }
}

/* Names the row that holds a value which is none. */
OTX__PRIVATE otx_result otx__normal_fail_row(const otx__affine_side *side, size_t column,
                                             otx_error *error)
{
    size_t i;
    for (i = 0; i < side->matrix->rows; i++) {
        float value;
        otx_to_float(&value, otx__affine_at(side->matrix, i, column), side->matrix->dtype, 1);
        if (!otx__is_finite((double)value)) break;
    }
    return otx__fail(error, OTX_ERROR_NOT_FINITE,
                     "%s: row %" PRIu64 ", column %" PRIu64 ", is NaN, infinite, or beyond a float",
                     side->name, (uint64_t)i, (uint64_t)column);
}

OTX__PRIVATE otx_result otx__normal_measure(otx__normal *normal, otx_error *error)
{
    const otx__affine_side *sides[2];
    otx_result result =
        otx__normal_loop(normal, normal->donor.tiles + normal->base.tiles,
                         4.0 * OTX__TILE * (double)normal->rows, otx__normal_measure_body, error);
    size_t side, i;
    sides[0] = &normal->donor;
    sides[1] = &normal->base;
    for (side = 0; side < 2 && !result; side++)
        for (i = 0; i < sides[side]->columns; i++)
            if (!otx__is_finite(sides[side]->mean[i]))
                return otx__normal_fail_row(sides[side], i, error);
    return result;
}

/* ---- products ---- */

/* The digits of 32 columns of the block's anchors. */
OTX__PRIVATE void otx__normal_fill_body(void *argument, size_t index, int worker)
{
    const otx__normal *normal = (const otx__normal *)argument;
    size_t tile = index, terms = otx__digits_terms(&normal->block), p, i;
    const otx__affine_side *side = otx__normal_side(normal, &tile);
    size_t first = tile * OTX__TILE, count = otx__min(OTX__TILE, side->columns - first);
    double rate[OTX__TILE] = {0}, steps[OTX__TILE] = {0};
    float part[OTX__TILE];
    (void)worker;
    for (i = 0; i < count; i++)
        if (side->unit[first + i] > 0.0) rate[i] = 1.0 / side->unit[first + i];
    for (p = 0; p < terms; p++) {
        size_t row = normal->first + p;
        if (p < normal->count) {
            if (normal->order) row = normal->order[row];
            otx_to_float(part, otx__affine_at(side->matrix, row, first), side->matrix->dtype,
                         count);
        }
        for (i = 0; i < count; i++)
            steps[i] = p < normal->count ? ((double)part[i] - side->mean[first + i]) * rate[i]
                                         : 0.0;
        otx__digits_put_term(&normal->block, index, p, steps);
    }
}

/* Adds the block's products of 32 columns of the donor with those columns of it that are
   not before them and all of the base. No two tasks write the same place. */
OTX__PRIVATE void otx__normal_multiply_body(void *argument, size_t tile, int worker)
{
    const otx__normal *normal = (const otx__normal *)argument;
    size_t rows = normal->donor.tiles, end = rows + normal->base.tiles, first, count, i;
    float *products =
        normal->products + (size_t)worker * 4 * OTX__GROUP * OTX__TILE_SIZE;
    for (first = tile; first < end; first += count) {
        double *totals[OTX__GROUP];
        count = otx__min(OTX__GROUP, end - first);
        for (i = 0; i < count; i++)
            totals[i] = first + i < rows
                            ? otx__tile_at(normal->gram, first + i, tile)
                            : normal->cross +
                                  ((first + i - rows) * rows + tile) * OTX__TILE_SIZE;
        otx__digits_multiply(&normal->block, first, count, &normal->block, tile, totals,
                             products);
    }
}

/* Adds anchors `first` to `end` of the order to the sums. These are whole numbers, exact in
   double up to 8 million anchors; beyond, they are rounded block by block in one order. */
OTX__PRIVATE otx_result otx__normal_add(otx__normal *normal, size_t first, size_t end,
                                        otx_error *error)
{
    double tiles = (double)(normal->donor.tiles + normal->base.tiles);
    otx_result result = OTX_OK;
    for (; first < end && !result; first += normal->count) {
        normal->first = first;
        normal->count = otx__min(OTX__BLOCK, end - first);
        otx__digits_resize(&normal->block, normal->count);
        result = otx__normal_loop(normal, (size_t)tiles, 8.0 * OTX__TILE * (double)normal->count,
                                  otx__normal_fill_body, error);
        if (result) return result;
        result = otx__normal_loop(normal, normal->donor.tiles,
                                  4.0 * tiles * (double)OTX__TILE_SIZE * (double)normal->count,
                                  otx__normal_multiply_body, error);
        normal->done += normal->count;
    }
    return result;
}

/* ---- in true units ---- */

/* A row of tiles of the triangle, or a strip of the right-hand side. */
OTX__PRIVATE void otx__normal_scale_body(void *argument, size_t index, int worker)
{
    const otx__normal *normal = (const otx__normal *)argument;
    size_t rows = normal->donor.tiles, tile = index, y, i, j;
    const otx__affine_side *side = otx__normal_side(normal, &tile);
    const double *unit = side->unit + tile * OTX__TILE;
    (void)worker;
    for (y = 0; y < (index < rows ? index + 1 : rows); y++) {
        size_t at = (index < rows ? otx__pairs(index) + y : tile * rows + y) * OTX__TILE_SIZE;
        const double *from = (index < rows ? normal->gram : normal->cross) + at;
        double *to = (index < rows ? normal->factor : normal->weights) + at;
        for (j = 0; j < OTX__TILE; j++)
            for (i = 0; i < OTX__TILE; i++)
                to[j * OTX__TILE + i] =
                    from[j * OTX__TILE + i] * unit[i] * normal->donor.unit[y * OTX__TILE + j];
    }
    for (i = 0; i < OTX__TILE && index < rows; i++) {
        double *at = otx__tile_at(normal->factor, index, index) + i * (OTX__TILE + 1);
        if (index * OTX__TILE + i < normal->donor.columns) *at += normal->ridge;
        normal->diagonal[index * OTX__TILE + i] = *at;
    }
}

/* The mean of the diagonal of S in true units, columns in order. */
OTX__PRIVATE double otx__normal_diagonal(const otx__normal *normal)
{
    double sum = 0.0;
    size_t i;
    for (i = 0; i < normal->donor.columns; i++) {
        double unit = normal->donor.unit[i];
        size_t at = i % OTX__TILE * (OTX__TILE + 1);
        sum += otx__tile_at(normal->gram, i / OTX__TILE, i / OTX__TILE)[at] * unit * unit;
    }
    return sum / (double)normal->donor.columns;
}

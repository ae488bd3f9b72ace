/* ---- dictionary: the atoms, as the solver wants them ----------------------- */

/* The rows of a matrix that the kernels can read: float or bf16. */
typedef struct otx__rows {
    const char *data;
    size_t stride; /* bytes */
    const uint32_t *index;
    bool bf16;
} otx__rows;

/* The least weight of an atom that is not zero. */
#define OTX__LEAST_WEIGHT 7.888609052210118e-31f /* 2^-100 */

/* For screening, every atom is split: a / ||a|| = common * direction + rest. The
   direction is that of the mean of the unit atoms, which in real embeddings is so
   strong that correlations without it are an order of magnitude smaller, and so
   is their rounding. */
typedef struct otx__dictionary {
    const otx_context *ctx;
    const otx__kernels *kernels;
    otx__rows rows;
    size_t count, columns, tiles;
    double *norms;      /* [atom] */
    double *along;      /* [atom] <a, direction> */
    double *direction;  /* [column], of norm 1, or 0 if the atoms have no mean */
    double largest;     /* of the norms */
    float *common;      /* [tile][32] */
    float *weight;      /* [tile][32] norm / largest; 0 for a zero row or none */
    float *tile_weight; /* [tile] the largest of them */
    float *panels;      /* [tile][column][32] the rests */
} otx__dictionary;

OTX__PRIVATE otx__row otx__rows_at(const otx__rows *rows, size_t i)
{
    otx__row row;
    row.data = rows->data + (rows->index ? rows->index[i] : i) * rows->stride;
    row.bf16 = rows->bf16;
    return row;
}

/* Whether the kernels can read the matrix where it stands. */
OTX__PRIVATE bool otx__rows_are_direct(const otx_matrix *matrix, bool centred)
{
    return !centred && (matrix->dtype == OTX_F32 || matrix->dtype == OTX_BF16);
}

/* Views the matrix. Types that the kernels do not read are widened into a copy, and
   so are rows that a centre, if not NULL, is taken off. */
OTX__PRIVATE bool otx__rows_open(otx__rows *rows, const otx_matrix *matrix,
                                 const double *centre, otx__pool *pool)
{
    size_t element = otx_dtype_bits(matrix->dtype) / 8, i, j;
    rows->data = (const char *)matrix->data;
    rows->stride = (matrix->stride ? matrix->stride : matrix->columns) * element;
    rows->index = matrix->index;
    rows->bf16 = matrix->dtype == OTX_BF16;
    if (!otx__rows_are_direct(matrix, centre != NULL)) {
        float *copy = (float *)otx__pool_take(pool, matrix->rows, matrix->columns * sizeof *copy);
        if (!copy) return false;
        for (i = 0; i < matrix->rows; i++) {
            float *row = copy + i * matrix->columns;
            otx_to_float(row, otx__rows_at(rows, i).data, matrix->dtype, matrix->columns);
            for (j = 0; j < matrix->columns && centre; j++)
                row[j] = (float)((double)row[j] - centre[j]);
        }
        rows->data = (const char *)copy;
        rows->stride = matrix->columns * sizeof *copy;
        rows->index = NULL;
        rows->bf16 = false;
    }
    return true;
}

/* The mean of a matrix's rows, added up in double in the order of the rows; `row`
   is room for one. */
OTX__PRIVATE void otx__rows_mean(const otx_matrix *matrix, float *row, double *mean)
{
    size_t element = otx_dtype_bits(matrix->dtype) / 8, i, j;
    size_t stride = (matrix->stride ? matrix->stride : matrix->columns) * element;
    for (j = 0; j < matrix->columns; j++) mean[j] = 0.0;
    for (i = 0; i < matrix->rows; i++) {
        size_t at = matrix->index ? matrix->index[i] : i;
        otx_to_float(row, (const char *)matrix->data + at * stride, matrix->dtype,
                     matrix->columns);
        for (j = 0; j < matrix->columns; j++) mean[j] += (double)row[j];
    }
    for (j = 0; j < matrix->columns; j++) mean[j] /= (double)matrix->rows;
}

/* Doubles of a row, exactly. */
OTX__PRIVATE void otx__row_widen(const otx__kernels *kernels, otx__row row, size_t n, double *to)
{
    kernels->residual(to, row, NULL, NULL, 0, n);
}

/* ---- building ---- */

OTX__PRIVATE size_t otx__tiles(size_t rows) { return (rows + OTX__TILE - 1) / OTX__TILE; }

typedef struct otx__dictionary_task {
    otx__dictionary *dictionary;
    double *scratch; /* [worker][columns] */
} otx__dictionary_task;

OTX__PRIVATE void otx__norms_body(void *argument, size_t tile, int worker)
{
    otx__dictionary_task *task = (otx__dictionary_task *)argument;
    otx__dictionary *dictionary = task->dictionary;
    double *wide = task->scratch + (size_t)worker * dictionary->columns;
    size_t i, end = otx__min(dictionary->count, (tile + 1) * OTX__TILE);
    for (i = tile * OTX__TILE; i < end; i++) {
        otx__row row = otx__rows_at(&dictionary->rows, i);
        otx__row_widen(dictionary->kernels, row, dictionary->columns, wide);
        dictionary->kernels->dots(wide, &row, 1, dictionary->columns, &dictionary->norms[i]);
        dictionary->norms[i] = sqrt(dictionary->norms[i]);
    }
}

/* Columns of the direction that one task sums up. */
#define OTX__DIRECTION_COLUMNS 64

OTX__PRIVATE void otx__direction_body(void *argument, size_t index, int worker)
{
    otx__dictionary *dictionary = ((otx__dictionary_task *)argument)->dictionary;
    size_t first = index * OTX__DIRECTION_COLUMNS, i, j;
    size_t count = otx__min(OTX__DIRECTION_COLUMNS, dictionary->columns - first);
    double *sum = dictionary->direction + first;
    (void)worker;
    for (j = 0; j < count; j++) sum[j] = 0.0;
    for (i = 0; i < dictionary->count; i++) {
        otx__row row = otx__rows_at(&dictionary->rows, i);
        double scale = dictionary->norms[i] > 0.0 ? 1.0 / dictionary->norms[i] : 0.0;
        for (j = 0; j < count; j++)
            sum[j] += scale * (double)otx__row_element(row, first + j);
    }
}

/* Splits the atoms of one tile. */
OTX__PRIVATE void otx__split_body(void *argument, size_t tile, int worker)
{
    otx__dictionary_task *task = (otx__dictionary_task *)argument;
    otx__dictionary *dictionary = task->dictionary;
    size_t n = dictionary->columns, i, p, lane;
    double *wide = task->scratch + (size_t)worker * n;
    float *panel = dictionary->panels + tile * n * OTX__TILE;
    float largest = 0.0f;
    memset(panel, 0, n * OTX__TILE * sizeof *panel);
    for (lane = 0; lane < OTX__TILE; lane++) {
        double norm, along = 0.0;
        float common, weight;
        i = tile * OTX__TILE + lane;
        dictionary->common[i] = dictionary->weight[i] = 0.0f;
        if (i >= dictionary->count) continue;
        otx__row_widen(dictionary->kernels, otx__rows_at(&dictionary->rows, i), n, wide);
        for (p = 0; p < n; p++) along += wide[p] * dictionary->direction[p];
        dictionary->along[i] = along;
        norm = dictionary->norms[i];
        if (!(norm > 0.0)) continue;
        common = (float)(along / norm);
        for (p = 0; p < n; p++)
            panel[p * OTX__TILE + lane] =
                (float)(wide[p] / norm - (double)common * dictionary->direction[p]);
        /* Never 0 for an atom that may be taken; screen.h allows for the lift. */
        weight = (float)(norm / dictionary->largest);
        if (weight < OTX__LEAST_WEIGHT) weight = OTX__LEAST_WEIGHT;
        dictionary->common[i] = common;
        dictionary->weight[i] = weight;
        if (weight > largest) largest = weight;
    }
    dictionary->tile_weight[tile] = largest;
}

OTX__PRIVATE void otx__normalise(double *vector, size_t n)
{
    double sum = 0.0;
    size_t i;
    for (i = 0; i < n; i++) sum += vector[i] * vector[i];
    if (sum > 0.0)
        for (i = 0; i < n; i++) vector[i] /= sqrt(sum);
}

/* Norms of all atoms; a row that is not finite is named. */
OTX__PRIVATE otx_result otx__dictionary_norms(otx__dictionary *dictionary, double *scratch,
                                              otx_error *error)
{
    otx__dictionary_task task;
    size_t i;
    task.dictionary = dictionary;
    task.scratch = scratch;
    otx__parallel(dictionary->ctx, dictionary->tiles, otx__norms_body, &task);
    for (i = 0; i < dictionary->count; i++) {
        if (!otx__is_finite(dictionary->norms[i]))
            return otx__fail(error, OTX_ERROR_NOT_FINITE,
                             "atom %" PRIu64 " holds a value that is NaN, infinite, or beyond a "
                             "float",
                             (uint64_t)i);
        if (dictionary->norms[i] > dictionary->largest) dictionary->largest = dictionary->norms[i];
    }
    return OTX_OK;
}

/* What only screening needs. */
OTX__PRIVATE void otx__dictionary_split(otx__dictionary *dictionary, double *scratch)
{
    otx__dictionary_task task;
    size_t chunks =
        (dictionary->columns + OTX__DIRECTION_COLUMNS - 1) / OTX__DIRECTION_COLUMNS;
    task.dictionary = dictionary;
    task.scratch = scratch;
    otx__parallel(dictionary->ctx, chunks, otx__direction_body, &task);
    otx__normalise(dictionary->direction, dictionary->columns);
    otx__parallel(dictionary->ctx, dictionary->tiles, otx__split_body, &task);
}

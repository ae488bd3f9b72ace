/* ---- dictionary: the atoms, as the solver wants them ----------------------- */

/* The rows of a matrix that the kernels can read: float or bf16. */
typedef struct otx__rows {
    const char *data;
    size_t stride; /* bytes */
    const uint32_t *index;
    bool bf16;
    float *copy; /* the solver's own, or NULL */
} otx__rows;

/* For screening, every atom is split. The direction is that of the mean of the unit
   atoms, which in real embeddings is so strong that correlations without it are an
   order of magnitude smaller, and so is their rounding. */
typedef struct otx__dictionary {
    const otx_context *ctx;
    const otx__kernels *kernels;
    otx__rows rows;
    size_t count, columns, tiles;
    double *squares;    /* [atom] <a, a> */
    double *norms;      /* [atom] */
    double *gram;       /* [atom][atom] <a, b>, or NULL (gram.h) */
    double *along;      /* [atom] <a, direction> */
    double *direction;  /* [column], of norm 1, or 0 if the atoms have no mean */
    double largest;     /* of the norms */
    float *weight;      /* [tile][32] what a unit atom's correlation counts for in the
                           selection: norm / largest, or 1; 0 for a zero row or none */
    float *tile_weight; /* [tile] the largest of them */
    otx__panels panels;
    bool cosine;        /* atoms are selected as if all had norm 1 */
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

/* Views a matrix. Types that the kernels do not read, and rows that a centre is to be
   taken off, need a copy: otx__rows_copy makes it. */
OTX__PRIVATE bool otx__rows_open(otx__rows *rows, const otx_matrix *matrix, bool centred,
                                 otx__pool *pool)
{
    size_t element = otx_dtype_bits(matrix->dtype) / 8;
    rows->data = (const char *)matrix->data;
    rows->stride = (matrix->stride ? matrix->stride : matrix->columns) * element;
    rows->index = matrix->index;
    rows->bf16 = matrix->dtype == OTX_BF16;
    if (otx__rows_are_direct(matrix, centred)) return true;
    rows->copy = (float *)otx__pool_take(pool, matrix->rows, matrix->columns * sizeof(float));
    return rows->copy != NULL;
}

typedef struct otx__copy_task {
    const otx__rows *rows;
    const otx_matrix *matrix;
    double *centre; /* or NULL */
} otx__copy_task;

/* Columns of a mean that one task sums up. */
#define OTX__SUM_COLUMNS 64

/* Some columns of the mean, added up in double in the order of the rows. */
OTX__PRIVATE void otx__rows_mean_body(void *argument, size_t index, int worker)
{
    otx__copy_task *task = (otx__copy_task *)argument;
    const otx_matrix *matrix = task->matrix;
    size_t first = index * OTX__SUM_COLUMNS, i, j;
    size_t count = otx__min(OTX__SUM_COLUMNS, matrix->columns - first);
    size_t offset = first * otx_dtype_bits(matrix->dtype) / 8;
    double *mean = task->centre + first;
    float part[OTX__SUM_COLUMNS];
    (void)worker;
    for (j = 0; j < count; j++) mean[j] = 0.0;
    for (i = 0; i < matrix->rows; i++) {
        const char *row = (const char *)otx__rows_at(task->rows, i).data;
        otx_to_float(part, row + offset, matrix->dtype, count);
        for (j = 0; j < count; j++) mean[j] += (double)part[j];
    }
    for (j = 0; j < count; j++) mean[j] /= (double)matrix->rows;
}

/* The mean of the rows of a matrix. */
OTX__PRIVATE otx_result otx__rows_mean(otx__watch *watch, const otx__rows *rows,
                                       const otx_matrix *matrix, double *mean, otx_error *error)
{
    size_t chunks = (matrix->columns + OTX__SUM_COLUMNS - 1) / OTX__SUM_COLUMNS;
    otx__copy_task task;
    task.rows = rows;
    task.matrix = matrix;
    task.centre = mean;
    return otx__watch_loop(watch, chunks, 4.0 * OTX__SUM_COLUMNS * (double)matrix->rows,
                           otx__rows_mean_body, &task, error);
}

OTX__PRIVATE void otx__copy_body(void *argument, size_t index, int worker)
{
    const otx__copy_task *task = (const otx__copy_task *)argument;
    const otx_matrix *matrix = task->matrix;
    size_t n = matrix->columns, i, j, end = otx__min(matrix->rows, (index + 1) * OTX__TILE);
    (void)worker;
    for (i = index * OTX__TILE; i < end; i++) {
        float *row = task->rows->copy + i * n;
        otx_to_float(row, otx__rows_at(task->rows, i).data, matrix->dtype, n);
        for (j = 0; j < n && task->centre; j++)
            row[j] = (float)((double)row[j] - task->centre[j]);
    }
}

/* Makes the copy, if one is needed, and views that. */
OTX__PRIVATE otx_result otx__rows_copy(otx__watch *watch, otx__rows *rows,
                                       const otx_matrix *matrix, double *centre,
                                       otx_error *error)
{
    otx__copy_task task;
    otx_result result;
    if (!rows->copy) return OTX_OK;
    task.rows = rows;
    task.matrix = matrix;
    task.centre = centre;
    result = otx__watch_loop(watch, (matrix->rows + OTX__TILE - 1) / OTX__TILE,
                             4.0 * OTX__TILE * (double)matrix->columns, otx__copy_body, &task,
                             error);
    rows->data = (const char *)rows->copy;
    rows->stride = matrix->columns * sizeof *rows->copy;
    rows->index = NULL;
    rows->bf16 = false;
    return result;
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
        dictionary->kernels->products(wide, &row, 1, dictionary->columns, &dictionary->squares[i]);
        dictionary->norms[i] = sqrt(dictionary->squares[i]);
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

/* ---- splitting the atoms ---- */

OTX__PRIVATE void otx__split_body(void *argument, size_t tile, int worker)
{
    otx__dictionary_task *task = (otx__dictionary_task *)argument;
    otx__dictionary *dictionary = task->dictionary;
    otx__panels *panels = &dictionary->panels;
    size_t n = dictionary->columns, i, p, lane;
    double *wide = task->scratch + (size_t)worker * n;
    float largest = 0.0f;
    otx__panels_clear(panels, tile);
    for (lane = 0; lane < OTX__TILE; lane++) {
        otx__row row;
        double norm, along = 0.0;
        float weight;
        i = tile * OTX__TILE + lane;
        dictionary->weight[i] = 0.0f;
        if (i >= dictionary->count) continue;
        row = otx__rows_at(&dictionary->rows, i);
        otx__row_widen(dictionary->kernels, row, n, wide);
        for (p = 0; p < n; p++) along += wide[p] * dictionary->direction[p];
        dictionary->along[i] = along;
        norm = dictionary->norms[i];
        if (!(norm > 0.0)) continue;
        panels->common[i] = (float)(along / norm);
        if (panels->type == OTX__PANEL_ROWS)
            otx__panels_put_row(panels, i, row, n, norm);
        else
            (void)otx__panels_put_rest(panels, i, wide, n, norm, dictionary->direction);
        /* Never 0 for an atom that may be taken; screen.h allows for the lift. */
        weight = dictionary->cosine ? 1.0f : (float)(norm / dictionary->largest);
        if (weight < OTX__LEAST_WEIGHT) weight = OTX__LEAST_WEIGHT;
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
    otx__watch watch = otx__watch_open(dictionary->ctx, OTX_STAGE_GRAM, 0, dictionary->count);
    otx__dictionary_task task;
    otx_result result;
    size_t i;
    task.dictionary = dictionary;
    task.scratch = scratch;
    result = otx__watch_loop(&watch, dictionary->tiles,
                             4.0 * OTX__TILE * (double)dictionary->columns, otx__norms_body,
                             &task, error);
    for (i = 0; i < dictionary->count && !result; i++) {
        if (!otx__is_finite(dictionary->norms[i]))
            return otx__fail(error, OTX_ERROR_NOT_FINITE,
                             "atom %" PRIu64 " holds a value that is NaN, infinite, or beyond a "
                             "float",
                             (uint64_t)i);
        if (dictionary->norms[i] > dictionary->largest) dictionary->largest = dictionary->norms[i];
    }
    return result;
}

/* What only screening needs. */
OTX__PRIVATE otx_result otx__dictionary_split(otx__dictionary *dictionary, double *scratch,
                                              otx_error *error)
{
    size_t chunks = (dictionary->columns + OTX__DIRECTION_COLUMNS - 1) / OTX__DIRECTION_COLUMNS;
    otx__watch watch = otx__watch_open(dictionary->ctx, OTX_STAGE_GRAM, 0, dictionary->count);
    double work = 8.0 * OTX__DIRECTION_COLUMNS * (double)dictionary->count;
    otx__dictionary_task task;
    otx_result result;
    task.dictionary = dictionary;
    task.scratch = scratch;
    result = otx__watch_loop(&watch, chunks, work, otx__direction_body, &task, error);
    if (result) return result;
    otx__normalise(dictionary->direction, dictionary->columns);
    work = 16.0 * OTX__TILE * (double)dictionary->columns;
    return otx__watch_loop(&watch, dictionary->tiles, work, otx__split_body, &task, error);
}

/* ---- views: the rows of matrices, as the kernels read them ------------------- */

/* The rows of a matrix, float or bf16, or of a copy that is float. */
typedef struct otx__view {
    const char *data;
    size_t stride; /* bytes */
    const uint32_t *index;
    bool bf16;
    float *copy; /* the pool's, or NULL */
} otx__view;

/* Tiles, or panels, that so many rows take. */
OTX__PRIVATE size_t otx__tiles(size_t rows) { return (rows + OTX__TILE - 1) / OTX__TILE; }

OTX__PRIVATE otx__row otx__view_row(const otx__view *view, size_t i)
{
    otx__row row;
    row.data = view->data + (view->index ? view->index[i] : i) * view->stride;
    row.bf16 = view->bf16;
    return row;
}

/* Doubles of a row, exactly. */
OTX__PRIVATE void otx__row_widen(const otx__kernels *kernels, otx__row row, size_t n, double *to)
{
    kernels->residual(to, row, NULL, NULL, 0, n);
}

/* Whether the kernels can read the matrix where it stands. */
OTX__PRIVATE bool otx__view_is_direct(const otx_matrix *matrix, bool centred)
{
    return !centred && (matrix->dtype == OTX_F32 || matrix->dtype == OTX_BF16);
}

/* Views a matrix. Types that the kernels do not read, and rows that a centre is to be
   taken off, need a copy: its memory is taken here, otx__view_copy fills it in. */
OTX__PRIVATE bool otx__view_open(otx__view *view, const otx_matrix *matrix, bool centred,
                                 otx__pool *pool)
{
    size_t element = otx_dtype_bits(matrix->dtype) / 8;
    view->data = (const char *)matrix->data;
    view->stride = (matrix->stride ? matrix->stride : matrix->columns) * element;
    view->index = matrix->index;
    view->bf16 = matrix->dtype == OTX_BF16;
    if (otx__view_is_direct(matrix, centred)) return true;
    view->copy = (float *)otx__pool_take(pool, matrix->rows, matrix->columns * sizeof(float));
    return view->copy != NULL;
}

/* A view not yet copied, of that matrix. */
typedef struct otx__view_task {
    const otx__view *view;
    const otx_matrix *matrix;
    double *centre; /* [columns] of the mean, or NULL */
} otx__view_task;

/* Columns of a mean that one task sums up. */
#define OTX__VIEW_MEAN_COLUMNS 64

/* Some columns of the mean, added up in double in the order of the rows. */
OTX__PRIVATE void otx__view_mean_body(void *argument, size_t index, int worker)
{
    otx__view_task *task = (otx__view_task *)argument;
    const otx_matrix *matrix = task->matrix;
    size_t first = index * OTX__VIEW_MEAN_COLUMNS, i, j;
    size_t count = otx__min(OTX__VIEW_MEAN_COLUMNS, matrix->columns - first);
    size_t offset = first * otx_dtype_bits(matrix->dtype) / 8;
    double *mean = task->centre + first;
    float part[OTX__VIEW_MEAN_COLUMNS];
    (void)worker;
    for (j = 0; j < count; j++) mean[j] = 0.0;
    for (i = 0; i < matrix->rows; i++) {
        const char *row = (const char *)otx__view_row(task->view, i).data;
        otx_to_float(part, row + offset, matrix->dtype, count);
        for (j = 0; j < count; j++) mean[j] += (double)part[j];
    }
    for (j = 0; j < count; j++) mean[j] /= (double)matrix->rows;
}

/* The mean of the rows of a matrix, which a centred solve takes off: deciding, so in one
   order. */
OTX__PRIVATE otx_result otx__view_mean(otx__watch *watch, const otx__view *view,
                                       const otx_matrix *matrix, double *mean, otx_error *error)
{
    size_t chunks = (matrix->columns + OTX__VIEW_MEAN_COLUMNS - 1) / OTX__VIEW_MEAN_COLUMNS;
    otx__view_task task;
    task.view = view;
    task.matrix = matrix;
    task.centre = mean;
    return otx__watch_loop(watch, chunks, 4.0 * OTX__VIEW_MEAN_COLUMNS * (double)matrix->rows,
                           otx__view_mean_body, &task, error);
}

OTX__PRIVATE void otx__view_copy_body(void *argument, size_t index, int worker)
{
    const otx__view_task *task = (const otx__view_task *)argument;
    const otx_matrix *matrix = task->matrix;
    size_t n = matrix->columns, i, j, end = otx__min(matrix->rows, (index + 1) * OTX__TILE);
    (void)worker;
    for (i = index * OTX__TILE; i < end; i++) {
        float *row = task->view->copy + i * n;
        otx_to_float(row, otx__view_row(task->view, i).data, matrix->dtype, n);
        for (j = 0; j < n && task->centre; j++)
            row[j] = (float)((double)row[j] - task->centre[j]);
    }
}

/* Makes the copy, if one is needed, and views that. */
OTX__PRIVATE otx_result otx__view_copy(otx__watch *watch, otx__view *view,
                                       const otx_matrix *matrix, double *centre,
                                       otx_error *error)
{
    otx__view_task task;
    otx_result result;
    if (!view->copy) return OTX_OK;
    task.view = view;
    task.matrix = matrix;
    task.centre = centre;
    result = otx__watch_loop(watch, otx__tiles(matrix->rows),
                             4.0 * OTX__TILE * (double)matrix->columns, otx__view_copy_body,
                             &task, error);
    view->data = (const char *)view->copy;
    view->stride = matrix->columns * sizeof *view->copy;
    view->index = NULL;
    view->bf16 = false;
    return result;
}

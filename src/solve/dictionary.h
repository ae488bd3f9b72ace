/* ---- dictionary: the atoms, and their split along a common direction ----------- */

#define OTX__NO_ATOM UINT32_MAX

struct otx__shares;

/* For screening, every atom is split. The direction is that of the mean of the unit
   atoms, which in real embeddings is so strong that correlations without it are an
   order of magnitude smaller, and so is their rounding. */
typedef struct otx__dictionary {
    const otx_context *ctx;
    const otx__kernels *kernels;
    otx__view rows;
    size_t count, columns, tiles;
    double *squares;    /* [atom] <a, a> */
    double *norms;      /* [atom] */
    double *exact_gram; /* [atom][atom] <a, b>, or NULL (exact_gram.h) */
    double *along;      /* [atom] <a, direction> */
    double *direction;  /* [column], of norm 1, or 0 if the atoms have no mean */
    double largest;     /* of the norms */
    float *weight;      /* [tile][32] what a unit atom's correlation counts for in the
                           selection: norm / largest, or 1; 0 for a zero row or none */
    float *tile_weight; /* [tile] the largest of them */
    otx__panels panels; /* of whole vectors: of their own columns alone */
    struct otx__shares *shares; /* with these: the others (sharing.h) */
    bool cosine;        /* atoms are selected as if all had norm 1 */
} otx__dictionary;

/* Tiles of atoms that the dense products take together: as many as a cache holds, and where
   they are more than OTX__GROUP no more than leave every thread several groups. */
OTX__PRIVATE size_t otx__dictionary_group(const otx__dictionary *dictionary)
{
    const otx__panels *panels = &dictionary->panels;
    bool amx = dictionary->kernels->isa == OTX_ISA_AMX && !otx__panel_is_float(panels->type);
    size_t most = amx ? OTX__GROUP_AMX : OTX__GROUP;
    size_t fair = dictionary->tiles / (4 * (size_t)otx__threads(dictionary->ctx));
    size_t fit = (amx ? OTX__GROUP_BYTES_AMX : OTX__GROUP_BYTES) /
                 (otx__panel_bytes(panels->type, panels->columns) + 1);
    most = otx__min(most, otx__max(OTX__GROUP, fair));
    return otx__max(1, otx__min(most, fit));
}

/* ---- norms and direction ---- */

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
        otx__row row = otx__view_row(&dictionary->rows, i);
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
        otx__row row = otx__view_row(&dictionary->rows, i);
        double scale = dictionary->norms[i] > 0.0 ? 1.0 / dictionary->norms[i] : 0.0;
        for (j = 0; j < count; j++)
            sum[j] += scale * (double)otx__row_element(row, first + j);
    }
}

/* ---- splitting the atoms ---- */

/* Splits one atom, and returns its weight. */
OTX__PRIVATE float otx__split_atom(otx__dictionary *dictionary, size_t atom, double *wide)
{
    otx__panels *panels = &dictionary->panels;
    otx__row row = otx__view_row(&dictionary->rows, atom);
    size_t n = dictionary->columns, p;
    double norm = dictionary->norms[atom], along = 0.0;
    float weight;
    otx__row_widen(dictionary->kernels, row, n, wide);
    for (p = 0; p < n; p++) along += wide[p] * dictionary->direction[p];
    dictionary->along[atom] = along;
    if (!(norm > 0.0)) return 0.0f;
    panels->common[atom] = (float)(along / norm);
    if (panels->type == OTX__PANEL_ROWS)
        otx__panels_put_row(panels, atom, row, n, norm);
    else
        (void)otx__panels_put_rest(panels, atom, wide, dictionary->shares ? panels->columns : n,
                                   norm, dictionary->direction);
    /* Never 0 for an atom that may be taken; the bounds allow for the lift. */
    weight = dictionary->cosine ? 1.0f : (float)(norm / dictionary->largest);
    return weight < OTX__LEAST_WEIGHT ? OTX__LEAST_WEIGHT : weight;
}

OTX__PRIVATE void otx__split_body(void *argument, size_t tile, int worker)
{
    otx__dictionary_task *task = (otx__dictionary_task *)argument;
    otx__dictionary *dictionary = task->dictionary;
    double *wide = task->scratch + (size_t)worker * dictionary->columns;
    size_t i, end = (tile + 1) * OTX__TILE;
    float largest = 0.0f;
    otx__panels_clear(&dictionary->panels, tile);
    for (i = tile * OTX__TILE; i < end; i++) {
        float weight = i < dictionary->count ? otx__split_atom(dictionary, i, wide) : 0.0f;
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

/* What only screening needs: the direction, and the atoms split along it. */
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

/* ---- pursuit: what one solve holds, and the memory it takes --------------------- */

typedef struct otx__pursuit {
    otx_context ctx; /* the caller's, with the number of threads settled */
    const otx_matrix *atoms, *targets; /* the caller's, as the next three */
    const otx__sharing *sharing;       /* of the atoms' columns, or NULL */
    const otx_omp_options *options;
    const otx_omp_output *output;
    size_t first, end; /* targets wanted */
    otx__problem problem;
    otx__dictionary dictionary;
    otx__screen screen;
    otx__screen apart; /* in the forms with a table: of the residual form, for a few targets */
    otx__pool pool;
    double *centre; /* [columns] to be taken off all rows, or NULL */
    /* As planned, besides screen.capacity and screen.table.slots: */
    otx_omp_form form;
    otx__panel_type panels;
    bool exact_gram; /* exact products of all pairs of atoms, if there is memory */
    otx_omp_stats stats;
} otx__pursuit;

/* How much faster products of 8-bit numbers must be than finer ones to be worth their
   bound. */
#define OTX__INT8_GAIN_MIN 1.2

/* How much faster products must be for what atoms share to be looked up. */
#define OTX__SHARED_GAIN_MIN 1.2

/* Columns of a dense product with an atom, in the mean. */
OTX__PRIVATE double otx__pursuit_columns(const otx__pursuit *pursuit, otx__panel_type type)
{
    if (type != OTX__PANEL_WHOLE) return (double)pursuit->dictionary.columns;
    return otx__sharing_columns(pursuit->sharing, (double)pursuit->dictionary.count);
}

/* Panels of a type, or those of whole vectors where these are faster by what atoms share: not
   for a few targets, as parts are multiplied by whole panels of them. The table of all pairs of
   atoms is not made so. */
OTX__PRIVATE otx__panel_type otx__pursuit_share(const otx__pursuit *pursuit, otx_omp_form form,
                                                otx__panel_type type)
{
    otx__plan_rates rates = otx__plan_rates_of(pursuit->dictionary.kernels->isa);
    double columns = (double)pursuit->dictionary.columns, shared;
    if (!pursuit->sharing || !otx__form_screens(form) || otx__form_keeps_all(form) ||
        pursuit->end - pursuit->first < OTX__TILE)
        return type;
    shared = columns / otx__pursuit_columns(pursuit, OTX__PANEL_WHOLE) * rates.dense;
    return shared > OTX__SHARED_GAIN_MIN * otx__plan_dense_rate(&rates, type, columns)
               ? OTX__PANEL_WHOLE
               : type;
}

/* What the panels of a form hold. Products of rows that are bf16 already need no
   rounding; what the residual form rounds is given exact scores in the end. */
OTX__PRIVATE otx__panel_type otx__pursuit_panel_type(const otx__pursuit *pursuit,
                                                     otx_omp_form form)
{
    const otx__kernels *kernels = pursuit->dictionary.kernels;
    otx__plan_rates rates = otx__plan_rates_of(kernels->isa);
    double columns = (double)pursuit->atoms->columns;
    otx__panel_type finer = otx__panel_finer(kernels);
    bool int8 = kernels->product_int8 &&
                otx__plan_dense_rate(&rates, OTX__PANEL_INT8, columns) >
                    OTX__INT8_GAIN_MIN * otx__plan_dense_rate(&rates, finer, columns);
    if (!otx__form_has_table(form))
        return otx__pursuit_share(pursuit, form, int8 ? OTX__PANEL_INT8 : finer);
    if (!pursuit->options->centred && pursuit->atoms->dtype == OTX_BF16 &&
        pursuit->targets->dtype == OTX_BF16 && kernels->product_bf16)
        return OTX__PANEL_ROWS;
    return otx__pursuit_share(pursuit, form, OTX__PANEL_FLOAT);
}

/* ---- how much a form needs ---- */

/* Bytes: fixed, for each target of a block and, in the columns form, for each column. A
   little more than what is taken below, and to be changed with it. */
typedef struct otx__pursuit_need {
    double fixed, target, column;
} otx__pursuit_need;

/* Targets that are finished apart at a time, at most. */
#define OTX__APART_TARGETS 64

/* Bytes of a target's screen; vector: of its place in the panels. */
OTX__PRIVATE double otx__screen_need(double vector, double sets, double tiles)
{
    return vector + sets * 4.0 * tiles + OTX__SETS * 28.0 + 32.0;
}

/* What the residual form's screen needs besides. */
OTX__PRIVATE double otx__residual_need(double columns, double threads)
{
    return 4.0 * threads + 8.0 * columns + 4.0 * OTX__RUNNERS + 4.0;
}

/* Bytes of the copy that a matrix needs. */
OTX__PRIVATE double otx__view_need(const otx_matrix *matrix, bool centred)
{
    if (otx__view_is_direct(matrix, centred)) return 0.0;
    return 4.0 * (double)matrix->rows * (double)matrix->columns;
}

OTX__PRIVATE otx__pursuit_need otx__pursuit_needs(const otx__pursuit *pursuit, otx_omp_form form)
{
    double n = (double)pursuit->dictionary.count, d = (double)pursuit->dictionary.columns;
    double k = (double)pursuit->problem.k, threads = pursuit->ctx.threads;
    double tiles = (double)pursuit->dictionary.tiles, width = tiles * OTX__TILE;
    /* Of what a scan has found; the residual form's are one, and the masks. */
    double sets = otx__form_scans(form) ? OTX__SETS : otx__form_is_single(form) ? 0 : 2;
    bool centred = pursuit->options->centred;
    otx__panel_type type = otx__pursuit_panel_type(pursuit, form);
    size_t group = otx__group_most(pursuit->dictionary.kernels);
    double vector = otx__panel_need(pursuit->dictionary.kernels, type, d);
    otx__pursuit_need need;
    need.fixed = 24.0 * n + 8.0 * d + (centred ? 8.0 * d : 0.0) +
                 otx__view_need(pursuit->atoms, centred) +
                 otx__view_need(pursuit->targets, centred);
    need.fixed += threads * (20.0 * d + 40.0 * k + sizeof(otx__scratch) + 512.0 +
                             8.0 * (double)otx__scratch_scores(pursuit->dictionary.count));
    need.target = sizeof(otx__support) + 4.0 * k * (k + 1.0) + 12.0 * k;
    need.column = 0.0;
    if (form == OTX_FORM_RESIDUAL) need.target += otx__residual_need(d, threads);
    if (otx__form_screens(form)) {
        bool shares = type == OTX__PANEL_WHOLE;
        double own = shares ? (double)pursuit->sharing->own : d;
        need.fixed += threads * (4.0 * n + 4.0 * OTX__TILE_SIZE * (double)group);
        need.fixed += width * (otx__panel_need(pursuit->dictionary.kernels, type, own) + 4.0) +
                      4.0 * tiles + (shares ? otx__shares_need(pursuit->sharing, width) : 0.0);
        need.target += otx__screen_need(vector, sets, tiles);
    }
    if (otx__form_has_table(form)) {
        need.target += 2.0 * width + (4.0 + 6.0 * OTX__SETS) * (k + 1.0) + 12.0;
        need.fixed += OTX__APART_TARGETS *
                      (otx__screen_need(vector, 2.0, tiles) + otx__residual_need(d, threads) +
                       sizeof(otx__support));
    }
    if (form == OTX_FORM_GRAM) need.fixed += 2.0 * width * width;
    if (form == OTX_FORM_SINGLE) {
        need.fixed += 4.0 * width * width + threads * (8.0 * width + 4.0 * tiles);
        need.target += 2.0 * width;
    }
    if (form == OTX_FORM_COLUMNS) {
        need.column = 2.0 * width + 12.0;
        need.fixed += 4.0 * n + OTX__BATCH_COLUMNS * vector;
    }
    need.fixed += 65536.0; /* what aligns the blocks */
    return need;
}

/* ---- taking it ---- */

OTX__PRIVATE bool otx__pursuit_take_scratch(otx__pursuit *pursuit)
{
    otx__pool *pool = &pursuit->pool;
    bool screens = otx__form_screens(pursuit->form);
    size_t threads = (size_t)pursuit->ctx.threads, d = pursuit->dictionary.columns, i;
    size_t k = pursuit->problem.k, n = pursuit->dictionary.count, most = otx__scratch_scores(n);
    size_t group = otx__group_most(pursuit->dictionary.kernels);
    size_t block = screens ? group * OTX__TILE_SIZE : 1, survivors = screens ? n : 1;
    /* Of the screen that is of the residual form. */
    size_t capacity = otx__form_has_table(pursuit->form) ? pursuit->apart.capacity
                      : screens                          ? pursuit->screen.capacity
                                                         : 1;
    otx__scratch *scratch = (otx__scratch *)otx__pool_take_zero(pool, threads, sizeof *scratch);
    double *wide = (double *)otx__pool_take(pool, threads, d * sizeof(double));
    double *residuals = (double *)otx__pool_take(pool, threads, d * sizeof(double));
    double *products = (double *)otx__pool_take(pool, threads, (k + 2) * sizeof(double));
    double *scores = (double *)otx__pool_take(pool, threads, most * sizeof(double));
    otx__row *rows = (otx__row *)otx__pool_take(pool, threads, (k + 1) * sizeof(otx__row));
    float *blocks = (float *)otx__pool_take(pool, threads, block * sizeof(float));
    float *roughs = (float *)otx__pool_take(pool, threads, d * sizeof(float));
    float *least = (float *)otx__pool_take(pool, threads, capacity * sizeof(float));
    uint32_t *left = (uint32_t *)otx__pool_take(pool, threads, survivors * sizeof(uint32_t));
    if (pool->failed) return false;
    for (i = 0; i < threads; i++) {
        scratch[i].row = wide + i * d;
        scratch[i].residual = residuals + i * d;
        scratch[i].products = products + i * (k + 2);
        scratch[i].scores = scores + i * most;
        scratch[i].rows = rows + i * (k + 1);
        scratch[i].block = blocks + i * block;
        scratch[i].rough = roughs + i * d;
        scratch[i].least = least + i * capacity;
        scratch[i].survivors = left + i * survivors;
    }
    pursuit->screen.scratch = scratch;
    return true;
}

OTX__PRIVATE bool otx__pursuit_take_dictionary(otx__pursuit *pursuit)
{
    otx__dictionary *dictionary = &pursuit->dictionary;
    otx__pool *pool = &pursuit->pool;
    size_t n = dictionary->count, width = dictionary->tiles * OTX__TILE;
    size_t columns = dictionary->columns;
    dictionary->squares = (double *)otx__pool_take(pool, n, sizeof(double));
    dictionary->norms = (double *)otx__pool_take(pool, n, sizeof(double));
    if (!otx__form_screens(pursuit->form)) return !pool->failed;
    dictionary->along = (double *)otx__pool_take(pool, n, sizeof(double));
    dictionary->direction = (double *)otx__pool_take(pool, dictionary->columns, sizeof(double));
    dictionary->weight = (float *)otx__pool_take(pool, width, sizeof(float));
    dictionary->tile_weight = (float *)otx__pool_take(pool, dictionary->tiles, sizeof(float));
    if (pursuit->panels == OTX__PANEL_WHOLE) columns = pursuit->sharing->own;
    return otx__panels_take(&dictionary->panels, dictionary->kernels, pursuit->panels, columns,
                            dictionary->tiles, pool) &&
           (pursuit->panels != OTX__PANEL_WHOLE ||
            otx__shares_take(dictionary, pursuit->sharing, pool));
}

OTX__PRIVATE bool otx__pursuit_take_table(otx__pursuit *pursuit)
{
    otx__gram_table *table = &pursuit->screen.table;
    otx__dictionary *dictionary = &pursuit->dictionary;
    otx__pool *pool = &pursuit->pool;
    size_t n = dictionary->count, width = dictionary->tiles * OTX__TILE, slots = table->slots;
    if (!otx__form_has_table(pursuit->form)) return true;
    table->dictionary = dictionary;
    if (otx__form_is_single(pursuit->form))
        table->floats = (float *)otx__pool_take(pool, width, slots * sizeof(float));
    else
        table->products = (int16_t *)otx__pool_take(pool, width, slots * sizeof(int16_t));
    if (otx__form_keeps_all(pursuit->form)) return !pool->failed;
    table->slot_of = (int32_t *)otx__pool_take(pool, n, sizeof(int32_t));
    table->atom_of = (uint32_t *)otx__pool_take(pool, slots, sizeof(uint32_t));
    table->last_needed = (uint32_t *)otx__pool_take(pool, slots, sizeof(uint32_t));
    table->missing = (uint32_t *)otx__pool_take(pool, slots, sizeof(uint32_t));
    if (!otx__panels_take(&table->panels, dictionary->kernels, pursuit->panels,
                          dictionary->columns, OTX__BATCH_COLUMNS / OTX__TILE, pool))
        return false;
    otx__gram_table_clear(table);
    return true;
}

OTX__PRIVATE bool otx__pursuit_take_supports(otx__pursuit *pursuit)
{
    otx__pool *pool = &pursuit->pool;
    size_t k = pursuit->problem.k, triangle = otx__triangle_size(k), i;
    size_t capacity = pursuit->screen.capacity;
    otx__support *supports = (otx__support *)otx__pool_take(pool, capacity, sizeof *supports);
    double *factors = (double *)otx__pool_take(pool, capacity, triangle * sizeof(double));
    double *forwards = (double *)otx__pool_take(pool, capacity, k * sizeof(double));
    int32_t *barred = (int32_t *)otx__pool_take(pool, capacity, k * sizeof(int32_t));
    if (pool->failed) return false;
    for (i = 0; i < capacity; i++) {
        supports[i].factor = factors + i * triangle;
        supports[i].forward = forwards + i * k;
        supports[i].barred = barred + i * k;
    }
    pursuit->screen.supports = supports;
    return true;
}

/* What each worker needs to follow targets alone. */
OTX__PRIVATE bool otx__pursuit_take_singles(otx__pursuit *pursuit)
{
    otx__pool *pool = &pursuit->pool;
    size_t tiles = pursuit->dictionary.tiles, width = tiles * OTX__TILE;
    size_t threads = (size_t)pursuit->ctx.threads, i;
    float *all = (float *)otx__pool_take(pool, threads, (2 * width + tiles) * sizeof(float));
    for (i = 0; i < threads && all; i++) {
        otx__single *single = &pursuit->screen.scratch[i].single;
        single->correlations = all + i * (2 * width + tiles);
        single->weight = single->correlations + width;
        single->best = single->weight + width;
    }
    return all != NULL;
}

/* What the forms with a table keep of their targets. */
OTX__PRIVATE bool otx__pursuit_take_sets(otx__pursuit *pursuit)
{
    otx__screen *screen = &pursuit->screen;
    otx__pool *pool = &pursuit->pool;
    size_t k = pursuit->problem.k, capacity = screen->capacity, pitch = k + k % 2;
    size_t width = pursuit->dictionary.tiles * OTX__TILE;
    screen->pitch = pitch;
    if (otx__form_is_single(screen->form))
        screen->floats = (float *)otx__pool_take(pool, capacity, width * sizeof(float));
    else
        screen->start = (int16_t *)otx__pool_take(pool, capacity, width * sizeof(int16_t));
    screen->betas = (float *)otx__pool_take(pool, capacity, OTX__SETS * pitch * sizeof(float));
    screen->atoms = (uint32_t *)otx__pool_take_zero(pool, capacity, pitch * sizeof(uint32_t));
    screen->steps = (int16_t *)otx__pool_take(pool, capacity, OTX__SETS * pitch * sizeof(int16_t));
    screen->counts = (uint32_t *)otx__pool_take(pool, capacity, sizeof(uint32_t));
    screen->apart = (uint32_t *)otx__pool_take(pool, capacity, sizeof(uint32_t));
    return !pool->failed;
}

/* What the residual form keeps of its targets. */
OTX__PRIVATE bool otx__pursuit_take_residuals(otx__pursuit *pursuit, otx__screen *screen)
{
    otx__pool *pool = &pursuit->pool;
    size_t capacity = screen->capacity, columns = pursuit->dictionary.columns;
    screen->masks = (uint32_t *)otx__pool_take_zero(
        pool, capacity, pursuit->dictionary.tiles * sizeof(uint32_t));
    screen->residuals = (double *)otx__pool_take(pool, capacity, columns * sizeof(double));
    screen->runners =
        (uint32_t *)otx__pool_take(pool, capacity, OTX__RUNNERS * sizeof(uint32_t));
    screen->bars = (float *)otx__pool_take(pool, capacity, sizeof(float));
    return !pool->failed;
}

/* A screen, by its form and capacity, but for its supports. */
OTX__PRIVATE bool otx__pursuit_take_screen(otx__pursuit *pursuit, otx__screen *screen)
{
    otx__pool *pool = &pursuit->pool;
    size_t capacity = screen->capacity, tiles = pursuit->dictionary.tiles;
    size_t sets = otx__form_scans(screen->form) ? OTX__SETS : 1;
    if (!otx__form_screens(screen->form)) return true;
    (void)otx__panels_take(&screen->panels, pursuit->dictionary.kernels, pursuit->panels,
                           pursuit->dictionary.columns, capacity / OTX__TILE, pool);
    /* Zero, as those of sets that are not looked at are read too, for nothing. */
    if (!otx__form_is_single(screen->form))
        screen->best = (float *)otx__pool_take_zero(pool, capacity, sets * tiles * sizeof(float));
    else if (!otx__pursuit_take_singles(pursuit))
        return false;
    screen->bounds = (otx__bound *)otx__pool_take(pool, capacity, OTX__SETS * sizeof(otx__bound));
    screen->along = (double *)otx__pool_take(pool, capacity, sizeof(double));
    screen->rest = (double *)otx__pool_take(pool, capacity, sizeof(double));
    screen->scales = (float *)otx__pool_take(pool, capacity, OTX__SETS * 3 * sizeof(float));
    screen->sets = (uint32_t *)otx__pool_take(pool, capacity, sizeof(uint32_t));
    screen->last_right = (uint32_t *)otx__pool_take_zero(pool, capacity, sizeof(uint32_t));
    screen->undecided = (uint32_t *)otx__pool_take(pool, capacity, sizeof(uint32_t));
    return !pool->failed && (otx__form_has_table(screen->form)
                                 ? otx__pursuit_take_sets(pursuit)
                                 : otx__pursuit_take_residuals(pursuit, screen));
}

/* The screen of targets that are finished apart. */
OTX__PRIVATE bool otx__pursuit_take_apart(otx__pursuit *pursuit)
{
    otx__screen *apart = &pursuit->apart;
    if (!otx__form_has_table(pursuit->form)) return true;
    apart->problem = &pursuit->problem;
    apart->scratch = pursuit->screen.scratch;
    apart->supports = (otx__support *)otx__pool_take(&pursuit->pool, apart->capacity,
                                                     sizeof *apart->supports);
    return otx__pursuit_take_screen(pursuit, apart);
}

/* Views the atoms and the targets, and takes the memory of copies. */
OTX__PRIVATE bool otx__pursuit_take_views(otx__pursuit *pursuit)
{
    otx__pool *pool = &pursuit->pool;
    bool centred = pursuit->options->centred;
    if (centred)
        pursuit->centre =
            (double *)otx__pool_take(pool, pursuit->atoms->columns, sizeof(double));
    return !pool->failed &&
           otx__view_open(&pursuit->dictionary.rows, pursuit->atoms, centred, pool) &&
           otx__view_open(&pursuit->problem.targets, pursuit->targets, centred, pool);
}

/* All memory of a solve that has been planned; otx__pool_close gives it back. The exact
   products of all pairs of atoms come last: where there is no room for them, a solve goes
   on without. */
OTX__PRIVATE otx_result otx__pursuit_take(otx__pursuit *pursuit, otx_error *error)
{
    otx__pool *pool = &pursuit->pool;
    size_t n = pursuit->dictionary.count, all;
    if (!otx__pursuit_take_scratch(pursuit) || !otx__pursuit_take_dictionary(pursuit) ||
        !otx__pursuit_take_table(pursuit) || !otx__pursuit_take_supports(pursuit) ||
        !otx__pursuit_take_screen(pursuit, &pursuit->screen) ||
        !otx__pursuit_take_apart(pursuit) || !otx__pursuit_take_views(pursuit))
        return otx__pool_fail(pool, error);
    if (pursuit->exact_gram && otx__mul(n, n, &all))
        pursuit->dictionary.exact_gram = (double *)otx__pool_try(pool, all, sizeof(double));
    return OTX_OK;
}

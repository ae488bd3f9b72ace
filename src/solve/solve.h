/* ---- omp: Orthogonal Matching Pursuit for many targets ---------------------- */

OTX_API const char *otx_omp_form_name(otx_omp_form form)
{
    static const char *const names[OTX_FORM_COUNT] = {"auto", "gram", "columns", "residual",
                                                        "exhaustive"};
    return (unsigned)form < OTX_FORM_COUNT ? names[form] : NULL;
}

OTX_API size_t otx_omp_k(size_t k, size_t atoms, size_t columns)
{
    return otx__min(k ? k : 64, otx__min(atoms, columns));
}

/* The same as the residual kernels, for the types that they do not read. */
OTX__PRIVATE void otx__combine_slowly(double *row, otx_dtype dtype, const double *negated,
                                      const otx__row *rows, size_t count, size_t n)
{
    size_t element = otx_dtype_bits(dtype) / 8, i, j;
    for (j = 0; j < count; j++) {
        for (i = 0; i < n; i++) {
            float value;
            double term;
            otx_to_float(&value, (const char *)rows[j].data + i * element, dtype, 1);
            term = negated[j] * (double)value;
            row[i] -= term;
        }
    }
}

OTX__PRIVATE void otx__combine(const otx__kernels *kernels, const otx_matrix *atoms,
                               const int32_t *indices, const double *coefficients, size_t k,
                               double *row)
{
    size_t element = otx_dtype_bits(atoms->dtype) / 8, i, j, count;
    size_t stride = (atoms->stride ? atoms->stride : atoms->columns) * element;
    for (i = 0; i < atoms->columns; i++) row[i] = 0.0;
    for (j = 0; j < k && indices[j] >= 0; j += count) {
        otx__row rows[OTX__TILE], none = {NULL, false};
        double negated[OTX__TILE];
        for (count = 0; count < OTX__TILE && j + count < k && indices[j + count] >= 0; count++) {
            size_t atom = (size_t)indices[j + count];
            if (atoms->index) atom = atoms->index[atom];
            rows[count].data = (const char *)atoms->data + atom * stride;
            rows[count].bf16 = atoms->dtype == OTX_BF16;
            negated[count] = -coefficients[j + count];
        }
        if (atoms->dtype == OTX_F32 || atoms->dtype == OTX_BF16)
            kernels->residual(row, none, negated, rows, count, atoms->columns);
        else
            otx__combine_slowly(row, atoms->dtype, negated, rows, count, atoms->columns);
    }
}

/* The kernels that combine rows; all give the same bits. */
OTX__PRIVATE const otx__kernels *otx__combine_kernels(const otx_context *ctx)
{
    const otx__kernels *kernels = otx__kernels_for(ctx ? ctx->isa : OTX_ISA_AUTO);
    return kernels ? kernels : &otx__kernels_scalar;
}

OTX_API void otx_combine(const otx_context *ctx, const otx_matrix *atoms, const int32_t *indices,
                         const double *coefficients, size_t k, double *row)
{
    otx__combine(otx__combine_kernels(ctx), atoms, indices, coefficients, k, row);
}

/* ---- memory ---- */

OTX__PRIVATE bool otx__solve_scratch(otx__solve *solve)
{
    otx__pool *pool = &solve->pool;
    size_t threads = (size_t)solve->threads, d = solve->dictionary.columns, i;
    size_t k = solve->problem.k, n = solve->dictionary.count;
    otx__scratch *scratch = (otx__scratch *)otx__pool_take_zero(pool, threads, sizeof *scratch);
    double *rows = (double *)otx__pool_take(pool, threads, d * sizeof(double));
    double *residuals = (double *)otx__pool_take(pool, threads, d * sizeof(double));
    double *products = (double *)otx__pool_take(pool, threads, (k + 2) * sizeof(double));
    double *scores = (double *)otx__pool_take(pool, threads, otx__scores(n) * sizeof(double));
    otx__row *supports = (otx__row *)otx__pool_take(pool, threads, (k + 1) * sizeof(otx__row));
    size_t block = solve->form == OTX_FORM_EXHAUSTIVE ? 1 : OTX__GROUP * OTX__TILE * OTX__TILE;
    float *blocks = (float *)otx__pool_take(pool, threads, block * sizeof *blocks);
    float *roughs = (float *)otx__pool_take(pool, threads, d * sizeof *roughs);
    size_t many = solve->form == OTX_FORM_RESIDUAL ? n : 1;
    size_t capacity = solve->form == OTX_FORM_RESIDUAL ? solve->screen.capacity : 1;
    float *least = (float *)otx__pool_take(pool, threads, capacity * sizeof *least);
    uint32_t *likely = (uint32_t *)otx__pool_take(pool, threads, many * sizeof *likely);
    if (pool->failed) return false;
    for (i = 0; i < threads; i++) {
        scratch[i].least = least + i * capacity;
        scratch[i].likely = likely + i * many;
        scratch[i].row = rows + i * d;
        scratch[i].residual = residuals + i * d;
        scratch[i].products = products + i * (k + 2);
        scratch[i].scores = scores + i * otx__scores(n);
        scratch[i].rows = supports + i * (k + 1);
        scratch[i].block = blocks + i * block;
        scratch[i].rough = roughs + i * d;
    }
    solve->screen.scratch = scratch;
    return true;
}

/* Views the atoms and the targets. */
OTX__PRIVATE bool otx__solve_rows(otx__solve *solve, const otx_matrix *atoms,
                                  const otx_matrix *targets, bool centred)
{
    otx__pool *pool = &solve->pool;
    if (centred)
        solve->centre = (double *)otx__pool_take(pool, atoms->columns, sizeof *solve->centre);
    return !pool->failed && otx__rows_open(&solve->dictionary.rows, atoms, centred, pool) &&
           otx__rows_open(&solve->problem.targets, targets, centred, pool);
}

/* Makes copies of those rows that need it, without the atoms' mean if that is wanted. */
OTX__PRIVATE otx_result otx__solve_copy(otx__solve *solve, const otx_matrix *atoms,
                                        const otx_matrix *targets, otx_error *error)
{
    otx__watch watch = otx__watch_open(solve->ctx, OTX_STAGE_GRAM, 0, atoms->rows);
    otx_result result = OTX_OK;
    if (solve->centre)
        result = otx__rows_mean(&watch, &solve->dictionary.rows, atoms, solve->centre, error);
    if (!result)
        result = otx__rows_copy(&watch, &solve->dictionary.rows, atoms, solve->centre, error);
    if (!result)
        result = otx__rows_copy(&watch, &solve->problem.targets, targets, solve->centre, error);
    return result;
}

OTX__PRIVATE bool otx__solve_dictionary(otx__solve *solve)
{
    otx__dictionary *dictionary = &solve->dictionary;
    otx__pool *pool = &solve->pool;
    size_t width = dictionary->tiles * OTX__TILE;
    dictionary->squares = (double *)otx__pool_take(pool, dictionary->count, sizeof(double));
    dictionary->norms = (double *)otx__pool_take(pool, dictionary->count, sizeof(double));
    if (solve->form != OTX_FORM_EXHAUSTIVE) {
        dictionary->along = (double *)otx__pool_take(pool, dictionary->count, sizeof(double));
        dictionary->direction =
            (double *)otx__pool_take(pool, dictionary->columns, sizeof(double));
        dictionary->weight = (float *)otx__pool_take(pool, width, sizeof(float));
        dictionary->tile_weight = (float *)otx__pool_take(pool, dictionary->tiles, sizeof(float));
        (void)otx__panels_take(&dictionary->panels, dictionary->kernels, solve->panels,
                               dictionary->columns, dictionary->tiles, pool);
    }
    return !pool->failed;
}

OTX__PRIVATE bool otx__solve_table(otx__solve *solve)
{
    otx__table *table = &solve->screen.table;
    otx__dictionary *dictionary = &solve->dictionary;
    otx__pool *pool = &solve->pool;
    size_t width = dictionary->tiles * OTX__TILE;
    if (!otx__form_scans(solve->form)) return true;
    table->dictionary = dictionary;
    table->products =
        (int16_t *)otx__pool_take(pool, width, table->slots * sizeof(int16_t));
    if (solve->form == OTX_FORM_COLUMNS) {
        table->slot_of = (int32_t *)otx__pool_take(pool, dictionary->count, sizeof(int32_t));
        table->atom_of = (uint32_t *)otx__pool_take(pool, table->slots, sizeof(uint32_t));
        table->stamps = (uint32_t *)otx__pool_take(pool, table->slots, sizeof(uint32_t));
        table->fresh = (uint32_t *)otx__pool_take(pool, table->slots, sizeof(uint32_t));
        (void)otx__panels_take(&table->panels, dictionary->kernels, solve->panels,
                               dictionary->columns, OTX__FRESH / OTX__TILE, pool);
    }
    if (pool->failed) return false;
    if (solve->form == OTX_FORM_COLUMNS) otx__table_clear(table);
    return true;
}

OTX__PRIVATE bool otx__solve_block(otx__solve *solve)
{
    otx__screen *screen = &solve->screen;
    otx__pool *pool = &solve->pool;
    size_t k = solve->problem.k, capacity = screen->capacity, i;
    size_t tiles = solve->dictionary.tiles, triangle = otx__triangle_size(k);
    size_t sets = otx__form_scans(solve->form) ? OTX__SETS : 1;
    double *factors, *forwards;
    int32_t *barred;
    screen->supports = (otx__support *)otx__pool_take(pool, capacity, sizeof(otx__support));
    factors = (double *)otx__pool_take(pool, capacity, triangle * sizeof(double));
    forwards = (double *)otx__pool_take(pool, capacity, k * sizeof(double));
    barred = (int32_t *)otx__pool_take(pool, capacity, k * sizeof(int32_t));
    if (solve->form != OTX_FORM_EXHAUSTIVE) {
        (void)otx__panels_take(&screen->panels, solve->dictionary.kernels, solve->panels,
                               solve->dictionary.columns, capacity / OTX__TILE, pool);
        screen->best = (float *)otx__pool_take(pool, capacity, sets * tiles * sizeof(float));
        screen->bounds = (double *)otx__pool_take(pool, capacity, OTX__SETS * 2 * sizeof(double));
        screen->along = (double *)otx__pool_take(pool, capacity, sizeof(double));
        screen->rest = (double *)otx__pool_take(pool, capacity, sizeof(double));
        screen->scales = (float *)otx__pool_take(pool, capacity, OTX__SETS * 3 * sizeof(float));
        screen->sets = (uint32_t *)otx__pool_take(pool, capacity, sizeof(uint32_t));
        screen->last = (uint32_t *)otx__pool_take_zero(pool, capacity, sizeof(uint32_t));
        screen->undecided = (uint32_t *)otx__pool_take(pool, capacity, sizeof(uint32_t));
    }
    if (solve->form == OTX_FORM_RESIDUAL)
        screen->masks = (uint32_t *)otx__pool_take(pool, capacity, tiles * sizeof(uint32_t));
    if (otx__form_scans(solve->form)) {
        size_t width = tiles * OTX__TILE;
        screen->pitch = k + k % 2;
        screen->start = (int16_t *)otx__pool_take(pool, capacity, width * sizeof(int16_t));
        screen->betas = (float *)otx__pool_take(pool, capacity, OTX__SETS * screen->pitch * 4);
        screen->atoms = (uint32_t *)otx__pool_take_zero(pool, capacity, screen->pitch * 4);
        screen->steps = (int16_t *)otx__pool_take(pool, capacity, OTX__SETS * screen->pitch * 2);
        screen->counts = (uint32_t *)otx__pool_take(pool, capacity, sizeof(uint32_t));
    }
    if (pool->failed) return false;
    for (i = 0; i < capacity; i++) {
        screen->supports[i].factor = factors + i * triangle;
        screen->supports[i].forward = forwards + i * k;
        screen->supports[i].barred = barred + i * k;
    }
    return true;
}

/* The exact products of all pairs of atoms. Taken after all else; where there is no
   room for them, a solve goes on without. */
OTX__PRIVATE void otx__solve_gram(otx__solve *solve)
{
    otx__dictionary *dictionary = &solve->dictionary;
    size_t count = dictionary->count, bytes;
    if (!solve->gram || !otx__mul(count, count, &bytes)) return;
    dictionary->gram = (double *)otx__pool_try(&solve->pool, bytes, sizeof(double));
}

/* ---- solving ---- */

OTX__PRIVATE void otx__support_open_body(void *argument, size_t index, int worker)
{
    otx__solve *solve = (otx__solve *)argument;
    const otx__dictionary *dictionary = &solve->dictionary;
    otx__scratch *scratch = &solve->screen.scratch[worker];
    otx__support *support = &solve->screen.supports[index];
    otx__row_widen(dictionary->kernels, support->target, dictionary->columns, scratch->row);
    scratch->wide = NULL;
    support->norm = otx__norm(scratch->row, dictionary->columns);
    support->ended = !(support->norm > 0.0);
}

/* Points the block's supports at their targets and results. */
OTX__PRIVATE otx_result otx__solve_open(otx__solve *solve, size_t first, otx_error *error)
{
    otx__screen *screen = &solve->screen;
    size_t i, k = solve->problem.k;
    otx__watch watch = otx__watch_open(solve->ctx, OTX_STAGE_SOLVE, (first - solve->first) * k,
                                       (solve->end - solve->first) * k);
    otx_result result;
    screen->count = otx__min(screen->capacity, solve->end - first);
    for (i = 0; i < screen->count; i++) {
        otx__support *support = &screen->supports[i];
        support->target = otx__rows_at(&solve->problem.targets, first + i);
        support->indices = solve->output->indices + (first + i) * k;
        support->coefficients = solve->output->coefficients + (first + i) * k;
        support->count = support->barred_count = 0;
    }
    result = otx__watch_loop(&watch, screen->count, 4.0 * (double)solve->dictionary.columns,
                             otx__support_open_body, solve, error);
    for (i = 0; i < screen->count && !result; i++)
        if (!otx__is_finite(screen->supports[i].norm))
            return otx__fail(error, OTX_ERROR_NOT_FINITE,
                             "target %" PRIu64 " holds a value that is NaN, infinite, or beyond a "
                             "float",
                             (uint64_t)(first + i));
    return result;
}

OTX__PRIVATE void otx__exhaustive_body(void *argument, size_t index, int worker)
{
    otx__solve *solve = (otx__solve *)argument;
    otx__support *support = &solve->screen.supports[index];
    if (!support->ended)
        otx__support_exhaustive_step(&solve->problem, support, &solve->screen.scratch[worker]);
}

/* Steps that the block's targets have behind them; *active: one has not ended. */
OTX__PRIVATE uint64_t otx__block_steps(const otx__screen *screen, bool *active)
{
    uint64_t steps = 0;
    size_t i;
    *active = false;
    for (i = 0; i < screen->count; i++) {
        const otx__support *support = &screen->supports[i];
        steps += support->ended ? screen->problem->k : support->count;
        *active |= !support->ended;
    }
    return steps;
}

/* Adds the time since the last call to a stage's. */
OTX__PRIVATE void otx__lap(double *clock, double *stage)
{
    double now = otx__now();
    *stage += now - *clock;
    *clock = now;
}

/* Makes the panels anew in finer numbers. */
OTX__PRIVATE otx_result otx__solve_sharpen(otx__solve *solve, otx_error *error)
{
    otx__screen *screen = &solve->screen;
    otx__dictionary *dictionary = &solve->dictionary;
    size_t columns = dictionary->columns, i;
    otx_result result;
    otx__log(solve->ctx, OTX_NOTE, "solver: 8 bits leave too many candidates; %s from here",
             otx__panel_finer(dictionary->kernels) == OTX__PANEL_BF16 ? "bf16" : "float");
    solve->panels = otx__panel_finer(dictionary->kernels);
    otx__panels_set_type(&dictionary->panels, solve->panels, columns);
    otx__panels_set_type(&screen->panels, solve->panels, columns);
    result = otx__dictionary_split(dictionary, screen->scratch[0].row, error);
    for (i = 0; i < screen->capacity / OTX__TILE; i++) otx__panels_clear(&screen->panels, i);
    for (i = 0; i < screen->count; i++) screen->sets[i] = 0;
    return result ? result : otx__screen_waiting(screen, error);
}

/* One step of all targets of a block, or, in the forms that scan, several. */
OTX__PRIVATE otx_result otx__solve_step(otx__solve *solve, double *clock, otx_error *error)
{
    otx__screen *screen = &solve->screen;
    otx_omp_stats *stats = &solve->stats;
    otx_result result;
    if (solve->form == OTX_FORM_EXHAUSTIVE) {
        double work = (double)solve->dictionary.count * (double)solve->dictionary.columns;
        result = otx__watch_loop(&screen->watch, screen->count, work, otx__exhaustive_body,
                                 solve, error);
        otx__lap(clock, &stats->seconds_select);
        return result;
    }
    result = otx__screen_scan_all(screen, error);
    otx__lap(clock, &stats->seconds_scan);
    if (!result) result = otx__screen_select(screen, error);
    if (!result && screen->coarse) result = otx__solve_sharpen(solve, error);
    otx__lap(clock, &stats->seconds_select);
    if (!result) result = otx__screen_columns(screen, error);
    otx__lap(clock, &stats->seconds_gram);
    return result;
}

/* All steps of a block of targets. */
OTX__PRIVATE otx_result otx__solve_steps(otx__solve *solve, size_t first, double *clock,
                                         otx_error *error)
{
    otx__screen *screen = &solve->screen;
    uint64_t k = solve->problem.k, done = (first - solve->first) * k;
    otx_result result = OTX_OK;
    bool active;
    screen->watch = otx__watch_open(solve->ctx, OTX_STAGE_SOLVE, done,
                                    (solve->end - solve->first) * k);
    if (solve->form != OTX_FORM_EXHAUSTIVE) result = otx__screen_open_block(screen, error);
    otx__lap(clock, &solve->stats.seconds_correlate);
    while (!result) {
        screen->watch.done = done + otx__block_steps(screen, &active);
        if (!active) break;
        result = otx__solve_step(solve, clock, error);
    }
    if (result) return result;
    return otx__progress(solve->ctx, OTX_STAGE_SOLVE, NULL, screen->watch.done,
                         screen->watch.total, error);
}

OTX__PRIVATE void otx__finish_body(void *argument, size_t index, int worker)
{
    otx__solve *solve = (otx__solve *)argument;
    otx__support *support = &solve->screen.supports[index];
    otx__scratch *scratch = &solve->screen.scratch[worker];
    size_t target = (size_t)(support->indices - solve->output->indices) / solve->problem.k, i;
    otx__support_solve(support);
    for (i = support->count; i < solve->problem.k; i++) { /* what was predicted last */
        support->indices[i] = -1;
        support->coefficients[i] = 0.0;
    }
    if (solve->output->target_norms) solve->output->target_norms[target] = support->norm;
    if (!solve->output->residual_norms) return;
    otx__support_residual(&solve->problem, support, scratch);
    solve->output->residual_norms[target] =
        otx__norm(scratch->residual, solve->dictionary.columns);
}

/* Adds up what the workers counted. */
OTX__PRIVATE void otx__solve_count(otx__solve *solve)
{
    otx_omp_stats *stats = &solve->stats;
    uint64_t steps[OTX__CANDIDATES + 1] = {0}, all = 0, below = 0;
    size_t i, j;
    for (i = 0; i < (size_t)solve->threads; i++) {
        const otx__scratch *scratch = &solve->screen.scratch[i];
        stats->steps += scratch->steps;
        stats->fallbacks += scratch->fallbacks;
        stats->seconds_rescore += scratch->seconds_rescore / solve->threads;
        stats->seconds_factor += scratch->seconds_factor / solve->threads;
        stats->seconds_predict += scratch->seconds_predict / solve->threads;
        for (j = 0; j <= OTX__CANDIDATES; j++) steps[j] += scratch->candidates[j];
    }
    for (j = 0; j <= OTX__CANDIDATES; j++) {
        stats->candidates += steps[j] * (j < OTX__CANDIDATES ? j + 1 : solve->dictionary.count);
        all += steps[j];
    }
    for (j = 0; j <= OTX__CANDIDATES && below < all - all / 100; j++) {
        below += steps[j];
        stats->candidates_99 = j < OTX__CANDIDATES ? j + 1 : solve->dictionary.count;
    }
    stats->passes = solve->screen.passes;
    stats->columns = solve->screen.table.columns;
}

OTX__PRIVATE otx_result otx__solve_run(otx__solve *solve, otx_error *error)
{
    otx__dictionary *dictionary = &solve->dictionary;
    otx__scratch *scratch = solve->screen.scratch;
    otx_omp_stats *stats = &solve->stats;
    double clock = otx__now();
    size_t first;
    otx_result result = otx__dictionary_norms(dictionary, scratch[0].row, error);
    if (!result && solve->form != OTX_FORM_EXHAUSTIVE)
        result = otx__dictionary_split(dictionary, scratch[0].row, error);
    if (!result && dictionary->gram)
        result = otx__dictionary_gram(dictionary, scratch[0].row, error);
    if (!result && solve->form == OTX_FORM_GRAM)
        result = otx__table_fill(&solve->screen.table, scratch, error);
    otx__lap(&clock, &stats->seconds_gram);
    for (first = solve->first; first < solve->end && !result; first += solve->screen.count) {
        result = otx__solve_open(solve, first, error);
        if (!result) result = otx__solve_steps(solve, first, &clock, error);
        if (result) break;
        result = otx__watch_loop(&solve->screen.watch, solve->screen.count,
                                 2.0 * (double)solve->problem.k * (double)dictionary->columns,
                                 otx__finish_body, solve, error);
        otx__lap(&clock, &stats->seconds_finish);
    }
    if (!result) otx__solve_count(solve);
    return result;
}

/* ---- the public call ---- */

OTX__PRIVATE otx_result otx__check_matrix(const otx_matrix *matrix, const char *name,
                                          otx_error *error)
{
    size_t bytes;
    if (!matrix || !otx_dtype_is_embedding(matrix->dtype))
        return otx__fail(error, OTX_ERROR_ARGUMENT,
                         "%s: not a matrix of F64, F32, F16, BF16 or F8", name);
    if (matrix->rows == 0 || matrix->columns == 0 || !matrix->data)
        return otx__fail(error, OTX_ERROR_ARGUMENT, "%s: the matrix is empty", name);
    if (matrix->rows > INT32_MAX || matrix->columns > INT32_MAX ||
        (matrix->stride && matrix->stride < matrix->columns))
        return otx__fail(error, OTX_ERROR_ARGUMENT,
                         "%s: %" PRIu64 " rows of %" PRIu64 " columns, stride %" PRIu64
                         ", are out of range",
                         name, (uint64_t)matrix->rows, (uint64_t)matrix->columns,
                         (uint64_t)matrix->stride);
    if (!otx__mul(matrix->rows, matrix->columns, &bytes) || !otx__mul(bytes, 8, &bytes))
        return otx__fail(error, OTX_ERROR_ARGUMENT, "%s: the matrix is too large", name);
    return OTX_OK;
}

/* The most ridge: beyond all use, and far from where the coefficients that screening
   keeps as floats would vanish. */
#define OTX__RIDGE 1e6

OTX__PRIVATE otx_result otx__solve_check(otx__solve *solve, const otx_matrix *atoms,
                                         const otx_matrix *targets,
                                         const otx_omp_options *options, otx_error *error)
{
    otx_isa isa = solve->ctx ? solve->ctx->isa : OTX_ISA_AUTO;
    otx_result result = otx__check_matrix(atoms, "atoms", error);
    if (!result) result = otx__check_matrix(targets, "targets", error);
    if (result) return result;
    if (atoms->columns != targets->columns)
        return otx__fail(error, OTX_ERROR_ARGUMENT,
                         "atoms have %" PRIu64 " columns and targets %" PRIu64,
                         (uint64_t)atoms->columns, (uint64_t)targets->columns);
    if (otx__form_scans(options->form) && solve->problem.k > OTX__GRAM_K)
        return otx__fail(error, OTX_ERROR_ARGUMENT,
                         "the forms with products of atoms take at most %d atoms per target, "
                         "not %" PRIu64,
                         OTX__GRAM_K, (uint64_t)solve->problem.k);
    if (!solve->output || !solve->output->indices || !solve->output->coefficients)
        return otx__fail(error, OTX_ERROR_ARGUMENT, "an output array is missing");
    if ((unsigned)options->form >= OTX_FORM_COUNT || options->tolerance < 0.0 ||
        !otx__is_finite(options->tolerance) ||
        !(options->ridge >= 0.0 && options->ridge <= OTX__RIDGE))
        return otx__fail(error, OTX_ERROR_ARGUMENT, "an option of the solver is out of range");
    if (options->first_target >= targets->rows ||
        options->target_count > targets->rows - options->first_target)
        return otx__fail(error, OTX_ERROR_ARGUMENT,
                         "targets %" PRIu64 " to %" PRIu64 " are not among %" PRIu64,
                         (uint64_t)options->first_target,
                         (uint64_t)options->first_target + options->target_count,
                         (uint64_t)targets->rows);
    solve->dictionary.kernels = otx__kernels_for(isa);
    if (!solve->dictionary.kernels)
        return otx__fail(error, OTX_ERROR_UNSUPPORTED,
                         "this machine or build has no instruction set \"%s\"",
                         otx_isa_name(isa) ? otx_isa_name(isa) : "?");
    return OTX_OK;
}

OTX_API otx_result otx_omp(const otx_context *ctx, const otx_matrix *atoms,
                           const otx_matrix *targets, const otx_omp_options *options,
                           const otx_omp_output *output, otx_omp_stats *stats,
                           otx_error *error)
{
    static const otx_omp_options defaults = {0, 0.0, 0, OTX_FORM_AUTO, false, 0.0, false, 0, 0};
    otx__solve solve;
    otx_context settled;
    otx_result result;
    double clock = otx__now();
    if (!options) options = &defaults;
    memset(&solve, 0, sizeof solve);
    memset(&settled, 0, sizeof settled);
    if (ctx) settled = *ctx;
    settled.threads = solve.threads = otx__threads(ctx); /* it must not change on the way */
    ctx = solve.ctx = solve.dictionary.ctx = &settled;
    solve.output = output;
    otx__pool_open(&solve.pool, ctx);
    if (atoms) solve.problem.k = otx_omp_k(options->k, atoms->rows, atoms->columns);
    result = otx__solve_check(&solve, atoms, targets, options, error);
    if (result) return result;
    solve.first = options->first_target;
    solve.end = solve.first + (options->target_count ? options->target_count
                                                     : targets->rows - solve.first);
    solve.dictionary.count = atoms->rows;
    solve.dictionary.columns = atoms->columns;
    solve.dictionary.tiles = otx__tiles(atoms->rows);
    solve.problem.dictionary = &solve.dictionary;
    solve.dictionary.cosine = options->cosine;
    solve.problem.tolerance = options->tolerance;
    solve.problem.ridge = options->ridge;
    result = otx__solve_plan(&solve, atoms, targets, options, error);
    if (result) return result;
    solve.screen.problem = &solve.problem;
    solve.screen.form = solve.form;
    if (!otx__solve_scratch(&solve) || !otx__solve_dictionary(&solve) ||
        !otx__solve_table(&solve) || !otx__solve_block(&solve) ||
        !otx__solve_rows(&solve, atoms, targets, options->centred))
        result = otx__pool_fail(&solve.pool, error);
    else
        otx__solve_gram(&solve);
    if (!result) result = otx__solve_copy(&solve, atoms, targets, error);
    if (!result) result = otx__solve_run(&solve, error);
    solve.stats.form = solve.form;
    solve.stats.isa = solve.dictionary.kernels->isa;
    solve.stats.threads = solve.threads;
    solve.stats.peak_bytes = solve.pool.bytes;
    solve.stats.seconds = otx__now() - clock;
    otx__pool_close(&solve.pool);
    if (stats && !result) *stats = solve.stats;
    return result;
}

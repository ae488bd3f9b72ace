/* ---- omp: Orthogonal Matching Pursuit for many targets ---------------------- */

/* What one solve works with, and how it was planned. */
typedef struct otx__solve {
    const otx_context *ctx; /* the caller's, with the number of threads settled */
    otx__problem problem;
    otx__dictionary dictionary;
    otx__screen screen;
    const otx_omp_output *output;
    otx__pool pool;
    int threads;
    otx_omp_form form;
    size_t first, end; /* targets wanted */
    otx_omp_stats stats;
} otx__solve;

OTX_API const char *otx_omp_form_name(otx_omp_form form)
{
    static const char *const names[OTX_FORM_COUNT] = {"auto", "gram", "residual", "exhaustive"};
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

OTX_API void otx_combine(const otx_context *ctx, const otx_matrix *atoms, const int32_t *indices,
                         const double *coefficients, size_t k, double *row)
{
    const otx__kernels *kernels = otx__kernels_for(ctx ? ctx->isa : OTX_ISA_AUTO);
    size_t element = otx_dtype_bits(atoms->dtype) / 8, i, j, count;
    size_t stride = (atoms->stride ? atoms->stride : atoms->columns) * element;
    if (!kernels) kernels = &otx__kernels_scalar;
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

/* ---- planning ---- */

/* The scan's integer sums have room for that many atoms of a target. */
#define OTX__GRAM_K 32000

/* What a form needs: fixed bytes, and bytes for each target of a block. */
typedef struct otx__need {
    double fixed, target;
} otx__need;

/* Scores that a worker has room for. */
OTX__PRIVATE size_t otx__scores(size_t atoms) { return otx__max(atoms, OTX__CANDIDATES); }

OTX__PRIVATE otx__need otx__form_need(const otx__solve *solve, const otx_matrix *atoms,
                                      const otx_matrix *targets, bool centred,
                                      otx_omp_form form)
{
    double n = (double)atoms->rows, d = (double)atoms->columns, k = (double)solve->problem.k;
    double tiles = (double)otx__tiles(atoms->rows), width = tiles * OTX__TILE;
    double sets = form == OTX_FORM_GRAM ? OTX__SETS : 1;
    otx__need need;
    need.fixed = 16.0 * n + 8.0 * d +
                 solve->threads * (16.0 * d + 24.0 * k + 8.0 * (double)otx__scores(atoms->rows) +
                                   sizeof(otx__scratch) + 512.0);
    if (!otx__rows_are_direct(atoms, centred)) need.fixed += 4.0 * n * d;
    if (!otx__rows_are_direct(targets, centred)) need.fixed += 4.0 * (double)targets->rows * d;
    if (centred) need.fixed += 8.0 * d;
    need.target = sizeof(otx__support) + 4.0 * k * (k + 1.0) + 12.0 * k;
    if (form != OTX_FORM_EXHAUSTIVE) {
        need.fixed += width * (4.0 * d + 8.0) + 4.0 * tiles;
        need.target += 4.0 * d + sets * 4.0 * tiles + OTX__SETS * 28.0 + 24.0;
    }
    if (form == OTX_FORM_GRAM) {
        need.fixed += 2.0 * width * width;
        need.target += 2.0 * width + (4.0 + 6.0 * sets) * (k + 1.0) + 8.0;
    }
    need.fixed += 65536.0; /* alignment */
    return need;
}

/* Seconds on one core, roughly: only their ratios matter. Multiply-adds of the
   dense products, of the scans, and in double; bytes of the Gram matrix read. */
OTX__PRIVATE double otx__form_cost(const otx__solve *solve, otx_omp_form form, double capacity)
{
    double n = (double)solve->dictionary.count, d = (double)solve->dictionary.columns;
    double k = (double)solve->problem.k, b = (double)(solve->end - solve->first);
    double blocks = ceil(b / capacity);
    const double dense = 60e9, scan = 25e9, exact = 5e9, bytes = 10e9;
    if (form == OTX_FORM_EXHAUSTIVE) return k * b * n * d / exact;
    if (form == OTX_FORM_RESIDUAL) return k * b * n * d / dense + b * k * k * d / exact;
    return (n * n * d / 2.0 + b * n * d) / dense + b * n * k * k / 2.0 / scan +
           blocks * k * 2.0 * n * n / bytes;
}

/* Picks the form and the size of its blocks. */
OTX__PRIVATE otx_result otx__solve_plan(otx__solve *solve, const otx_matrix *atoms,
                                        const otx_matrix *targets,
                                        const otx_omp_options *options, otx_error *error)
{
    double budget = options->memory ? (double)options->memory : 4294967296.0;
    double wanted = (double)(solve->end - solve->first), best = 0.0, least = 0.0;
    int form;
    for (form = OTX_FORM_GRAM; form < OTX_FORM_COUNT; form++) {
        otx__need need =
            otx__form_need(solve, atoms, targets, options->centred, (otx_omp_form)form);
        double capacity = floor((budget - need.fixed) / need.target / OTX__TILE) * OTX__TILE;
        double cost, minimum = need.fixed + need.target * OTX__TILE;
        if (options->form != OTX_FORM_AUTO && options->form != (otx_omp_form)form) continue;
        if (form == OTX_FORM_GRAM && solve->problem.k > OTX__GRAM_K) continue;
        if (least == 0.0 || minimum < least) least = minimum;
        if (capacity < OTX__TILE) continue;
        /* Only the Gram form gains by large blocks; small ones let a caller stop. */
        capacity = otx__least(capacity, form == OTX_FORM_GRAM ? 16384.0 : 2048.0);
        /* Blocks of the same size, so that none is a small remainder. */
        capacity = ceil(wanted / ceil(wanted / capacity) / OTX__TILE) * OTX__TILE;
        cost = otx__form_cost(solve, (otx_omp_form)form, capacity);
        if (solve->form != OTX_FORM_AUTO && cost >= best) continue;
        best = cost;
        solve->form = (otx_omp_form)form;
        solve->screen.capacity = (size_t)capacity;
    }
    if (solve->form != OTX_FORM_AUTO) return OTX_OK;
    return otx__fail(error, OTX_ERROR_MEMORY,
                     "the solver needs at least %.0f MiB and its budget is %.0f MiB",
                     ceil(least / 1048576.0), floor(budget / 1048576.0));
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
    otx__row *supports = (otx__row *)otx__pool_take(pool, threads, k * sizeof(otx__row));
    if (pool->failed) return false;
    for (i = 0; i < threads; i++) {
        scratch[i].row = rows + i * d;
        scratch[i].residual = residuals + i * d;
        scratch[i].products = products + i * (k + 2);
        scratch[i].scores = scores + i * otx__scores(n);
        scratch[i].rows = supports + i * k;
    }
    solve->screen.scratch = scratch;
    return true;
}

/* Views the atoms and the targets, without the atoms' mean if that is wanted. */
OTX__PRIVATE bool otx__solve_rows(otx__solve *solve, const otx_matrix *atoms,
                                  const otx_matrix *targets, bool centred)
{
    otx__pool *pool = &solve->pool;
    double *centre = NULL;
    if (centred) {
        centre = (double *)otx__pool_take(pool, atoms->columns, sizeof *centre);
        if (!centre) return false;
        /* The scratch row is of doubles: there is room for floats. */
        otx__rows_mean(atoms, (float *)(void *)solve->screen.scratch[0].row, centre);
    }
    return otx__rows_open(&solve->dictionary.rows, atoms, centre, pool) &&
           otx__rows_open(&solve->problem.targets, targets, centre, pool);
}

OTX__PRIVATE bool otx__solve_dictionary(otx__solve *solve)
{
    otx__dictionary *dictionary = &solve->dictionary;
    otx__pool *pool = &solve->pool;
    size_t width = dictionary->tiles * OTX__TILE;
    dictionary->norms = (double *)otx__pool_take(pool, dictionary->count, sizeof(double));
    if (solve->form != OTX_FORM_EXHAUSTIVE) {
        size_t row = dictionary->columns * sizeof(float);
        dictionary->along = (double *)otx__pool_take(pool, dictionary->count, sizeof(double));
        dictionary->direction =
            (double *)otx__pool_take(pool, dictionary->columns, sizeof(double));
        dictionary->common = (float *)otx__pool_take(pool, width, sizeof(float));
        dictionary->weight = (float *)otx__pool_take(pool, width, sizeof(float));
        dictionary->tile_weight = (float *)otx__pool_take(pool, dictionary->tiles, sizeof(float));
        dictionary->panels = (float *)otx__pool_take(pool, width, row);
    }
    return !pool->failed;
}

OTX__PRIVATE bool otx__solve_block(otx__solve *solve)
{
    otx__screen *screen = &solve->screen;
    otx__pool *pool = &solve->pool;
    size_t k = solve->problem.k, capacity = screen->capacity, i;
    size_t tiles = solve->dictionary.tiles, triangle = k * (k + 1) / 2;
    size_t row = solve->dictionary.columns * sizeof(float);
    size_t sets = solve->form == OTX_FORM_GRAM ? OTX__SETS : 1;
    double *factors, *forwards;
    int32_t *barred;
    screen->supports = (otx__support *)otx__pool_take(pool, capacity, sizeof(otx__support));
    factors = (double *)otx__pool_take(pool, capacity, triangle * sizeof(double));
    forwards = (double *)otx__pool_take(pool, capacity, k * sizeof(double));
    barred = (int32_t *)otx__pool_take(pool, capacity, k * sizeof(int32_t));
    if (solve->form != OTX_FORM_EXHAUSTIVE) {
        screen->panels = (float *)otx__pool_take_zero(pool, capacity, row);
        screen->best = (float *)otx__pool_take(pool, capacity, sets * tiles * sizeof(float));
        screen->bounds = (double *)otx__pool_take(pool, capacity, OTX__SETS * 2 * sizeof(double));
        screen->along = (double *)otx__pool_take(pool, capacity, sizeof(double));
        screen->rest = (double *)otx__pool_take(pool, capacity, sizeof(double));
        screen->scales = (float *)otx__pool_take(pool, capacity, OTX__SETS * 3 * sizeof(float));
        screen->sets = (uint32_t *)otx__pool_take(pool, capacity, sizeof(uint32_t));
    }
    if (solve->form == OTX_FORM_GRAM) {
        screen->pitch = k + k % 2;
        screen->start = (int16_t *)otx__pool_take(pool, capacity, screen->width * sizeof(int16_t));
        screen->betas = (float *)otx__pool_take(pool, capacity, OTX__SETS * screen->pitch * 4);
        screen->atoms = (uint32_t *)otx__pool_take(pool, capacity, screen->pitch * 4);
        screen->steps = (int16_t *)otx__pool_take(pool, capacity, OTX__SETS * screen->pitch * 2);
        screen->counts = (uint32_t *)otx__pool_take(pool, capacity, sizeof(uint32_t));
        screen->gram = (int16_t *)otx__pool_take(pool, screen->width,
                                                 screen->width * sizeof(int16_t));
    }
    if (pool->failed) return false;
    for (i = 0; i < capacity; i++) {
        screen->supports[i].factor = factors + i * triangle;
        screen->supports[i].forward = forwards + i * k;
        screen->supports[i].barred = barred + i * k;
    }
    return true;
}

/* ---- solving ---- */

OTX__PRIVATE void otx__support_open_body(void *argument, size_t index, int worker)
{
    otx__solve *solve = (otx__solve *)argument;
    const otx__dictionary *dictionary = &solve->dictionary;
    otx__scratch *scratch = &solve->screen.scratch[worker];
    otx__support *support = &solve->screen.supports[index];
    otx__row_widen(dictionary->kernels, support->target, dictionary->columns, scratch->row);
    support->norm = otx__norm(scratch->row, dictionary->columns);
    support->ended = !(support->norm > 0.0);
}

/* Points the block's supports at their targets and results. */
OTX__PRIVATE otx_result otx__solve_open(otx__solve *solve, size_t first, otx_error *error)
{
    otx__screen *screen = &solve->screen;
    size_t i, k = solve->problem.k;
    screen->count = otx__min(screen->capacity, solve->end - first);
    for (i = 0; i < screen->count; i++) {
        otx__support *support = &screen->supports[i];
        support->target = otx__rows_at(&solve->problem.targets, first + i);
        support->indices = solve->output->indices + (first + i) * k;
        support->coefficients = solve->output->coefficients + (first + i) * k;
        support->count = support->barred_count = 0;
    }
    otx__parallel(solve->ctx, screen->count, otx__support_open_body, solve);
    for (i = 0; i < screen->count; i++)
        if (!otx__is_finite(screen->supports[i].norm))
            return otx__fail(error, OTX_ERROR_NOT_FINITE,
                             "target %" PRIu64 " holds a value that is NaN, infinite, or beyond a "
                             "float",
                             (uint64_t)(first + i));
    return OTX_OK;
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

/* All steps of a block of targets. */
OTX__PRIVATE otx_result otx__solve_steps(otx__solve *solve, size_t first, otx_error *error)
{
    otx__screen *screen = &solve->screen;
    uint64_t k = solve->problem.k, done = (first - solve->first) * k;
    double clock = otx__now(), now;
    otx_result result = OTX_OK;
    screen->steps_done = done;
    screen->steps_total = (solve->end - solve->first) * k;
    if (solve->form != OTX_FORM_EXHAUSTIVE) result = otx__screen_open_block(screen, error);
    if (result) return result;
    now = otx__now();
    solve->stats.seconds_correlate += now - clock;
    for (;;) {
        bool active;
        screen->steps_done = done + otx__block_steps(screen, &active);
        result = otx__progress(solve->ctx, OTX_STAGE_SOLVE, NULL, screen->steps_done,
                               screen->steps_total, error);
        if (result || !active) return result;
        clock = now;
        if (solve->form == OTX_FORM_EXHAUSTIVE) {
            otx__parallel(solve->ctx, screen->count, otx__exhaustive_body, solve);
        } else {
            result = otx__screen_scan_all(screen, error);
            if (result) return result;
            now = otx__now();
            solve->stats.seconds_screen += now - clock;
            clock = now;
            otx__screen_select(screen);
        }
        now = otx__now();
        solve->stats.seconds_select += now - clock;
    }
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

OTX__PRIVATE otx_result otx__solve_run(otx__solve *solve, otx_error *error)
{
    otx_result result;
    size_t first, i;
    double clock = otx__now();
    result = otx__dictionary_norms(&solve->dictionary, solve->screen.scratch[0].row, error);
    if (result) return result;
    if (solve->form != OTX_FORM_EXHAUSTIVE)
        otx__dictionary_split(&solve->dictionary, solve->screen.scratch[0].row);
    if (solve->form == OTX_FORM_GRAM) {
        result = otx__screen_gram(&solve->screen, error);
        if (result) return result;
    }
    solve->stats.seconds_gram = otx__now() - clock;
    for (first = solve->first; first < solve->end; first += solve->screen.count) {
        result = otx__solve_open(solve, first, error);
        if (!result) result = otx__solve_steps(solve, first, error);
        if (result) return result;
        otx__parallel(solve->ctx, solve->screen.count, otx__finish_body, solve);
    }
    for (i = 0; i < (size_t)solve->threads; i++) {
        solve->stats.steps += solve->screen.scratch[i].steps;
        solve->stats.candidates += solve->screen.scratch[i].candidates;
        solve->stats.fallbacks += solve->screen.scratch[i].fallbacks;
    }
    return OTX_OK;
}

/* ---- the public call ---- */

OTX__PRIVATE otx_result otx__check_matrix(const otx_matrix *matrix, const char *name,
                                          otx_error *error)
{
    size_t bytes;
    if (!matrix || !otx_dtype_is_embedding(matrix->dtype))
        return otx__fail(error, OTX_ERROR_ARGUMENT,
                         "%s: not a matrix of F32, F16, BF16 or F64", name);
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
    if (options->form == OTX_FORM_GRAM && solve->problem.k > OTX__GRAM_K)
        return otx__fail(error, OTX_ERROR_ARGUMENT,
                         "the Gram form takes at most %d atoms per target, not %" PRIu64,
                         OTX__GRAM_K, (uint64_t)solve->problem.k);
    if (!solve->output || !solve->output->indices || !solve->output->coefficients)
        return otx__fail(error, OTX_ERROR_ARGUMENT, "an output array is missing");
    if ((unsigned)options->form >= OTX_FORM_COUNT || options->tolerance < 0.0 ||
        !otx__is_finite(options->tolerance))
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
    static const otx_omp_options defaults = {0, 0.0, 0, OTX_FORM_AUTO, false, 0, 0};
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
    solve.problem.tolerance = options->tolerance;
    result = otx__solve_plan(&solve, atoms, targets, options, error);
    if (result) return result;
    solve.screen.problem = &solve.problem;
    solve.screen.form = solve.form;
    solve.screen.width = solve.dictionary.tiles * OTX__TILE;
    if (!otx__solve_scratch(&solve) || !otx__solve_dictionary(&solve) ||
        !otx__solve_block(&solve) ||
        !otx__solve_rows(&solve, atoms, targets, options->centred))
        result = otx__fail_memory(error, solve.pool.failed);
    else
        result = otx__solve_run(&solve, error);
    solve.stats.form = solve.form;
    solve.stats.isa = solve.dictionary.kernels->isa;
    solve.stats.threads = solve.threads;
    solve.stats.peak_bytes = solve.pool.bytes;
    solve.stats.seconds = otx__now() - clock;
    otx__pool_close(&solve.pool);
    if (stats && !result) *stats = solve.stats;
    return result;
}

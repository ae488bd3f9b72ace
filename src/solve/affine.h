/* ---- affine: fitting and applying affine maps ---------------------------------------- */

#define OTX__LAMBDA 0.01
#define OTX__HIDDEN 256

/* Everything that one fit needs. */
typedef struct otx__fit {
    otx_context ctx; /* settled: its threads do not change on the way */
    otx_affine_options options;
    otx__pool pool; /* freed at the end */
    otx__affine *map;
    otx__normal normal;
    otx__choice choice;
    otx_affine_trial *trials;
    size_t trial_count;
    double *column; /* [worker][d] */
    uint8_t *marks; /* [anchors] */
    bool chooses;
} otx__fit;

/* ---- what is asked for ---- */

OTX__PRIVATE otx_result otx__fit_check_options(const otx__fit *fit, otx_error *error)
{
    const otx_affine_options *options = &fit->options;
    size_t i;
    if (options->k_count > OTX__CHOICE_KS || options->lambda_count > OTX__CHOICE_KS)
        return otx__fail(error, OTX_ERROR_ARGUMENT, "at most %d choices of a kind, not %" PRIu64,
                         OTX__CHOICE_KS,
                         (uint64_t)otx__max(options->k_count, options->lambda_count));
    for (i = 1; i < options->k_count; i++)
        if (options->ks[i] <= options->ks[i - 1])
            return otx__fail(error, OTX_ERROR_ARGUMENT,
                             "numbers of atoms to choose from must ascend: %" PRIu64
                             " after %" PRIu64,
                             (uint64_t)options->ks[i], (uint64_t)options->ks[i - 1]);
    for (i = 0; i < options->lambda_count; i++)
        if (!(options->lambdas[i] >= 0.0 && options->lambdas[i] <= OTX__RIDGE_MAX))
            return otx__fail(error, OTX_ERROR_ARGUMENT, "lambda %g is not from 0 to %g",
                             options->lambdas[i], OTX__RIDGE_MAX);
    if ((unsigned)options->selection > OTX_AFFINE_COSINE)
        return otx__fail(error, OTX_ERROR_ARGUMENT, "selection %d is none",
                         (int)options->selection);
    return OTX_OK;
}

OTX__PRIVATE otx_result otx__fit_check(const otx__fit *fit, const otx_matrix *donor,
                                       const otx_matrix *base, const otx_matrix *targets,
                                       otx_error *error)
{
    otx_result result = otx__check_matrix(donor, "donor", error);
    if (!result) result = otx__check_matrix(base, "base", error);
    if (!result && targets) result = otx__check_matrix(targets, "targets", error);
    if (!result) result = otx__fit_check_options(fit, error);
    if (result) return result;
    if (donor->rows != base->rows)
        return otx__fail(error, OTX_ERROR_ARGUMENT,
                         "donor has %" PRIu64 " rows of anchors and base %" PRIu64,
                         (uint64_t)donor->rows, (uint64_t)base->rows);
    if (targets && targets->columns != donor->columns)
        return otx__fail(error, OTX_ERROR_ARGUMENT,
                         "anchors have %" PRIu64 " columns in the donor and targets %" PRIu64,
                         (uint64_t)donor->columns, (uint64_t)targets->columns);
    if (!otx__kernels_for(fit->ctx.isa))
        return otx__fail(error, OTX_ERROR_UNSUPPORTED,
                         "this machine or build has no instruction set \"%s\"",
                         otx_isa_name(fit->ctx.isa) ? otx_isa_name(fit->ctx.isa) : "?");
    return OTX_OK;
}

/* Fills in what was left to be chosen. */
OTX__PRIVATE void otx__fit_settle(otx__fit *fit, const otx_affine_options *options)
{
    static const size_t ks[] = {0, 1, 2, 4, 8, 16, 24, 32, 48, 64};
    static const double lambda = OTX__LAMBDA;
    if (options) fit->options = *options;
    if (!fit->options.ks || !fit->options.k_count) {
        fit->options.ks = ks;
        fit->options.k_count = OTX__COUNT(ks);
    }
    if (!fit->options.lambdas || !fit->options.lambda_count) {
        fit->options.lambdas = &lambda;
        fit->options.lambda_count = 1;
    }
}

/* The ways of selecting, each with its numbers of atoms: how many of `count` there are. */
OTX__PRIVATE void otx__fit_sets(otx__fit *fit, size_t count)
{
    otx__choice *choice = &fit->choice;
    otx__choice_set *set = choice->sets;
    set->cosine = fit->options.selection == OTX_AFFINE_COSINE;
    set->k_count = count;
    set->most = choice->most;
    choice->set_count = 1;
    if (fit->options.selection != OTX_AFFINE_EITHER) return;
    set = &choice->sets[1];
    set->cosine = true;
    while (set->k_count < count && choice->ks[set->k_count] <= OTX__CHOICE_COSINE_K)
        set->most = choice->ks[set->k_count++];
    if (set->most > 0) choice->set_count = 2; /* without atoms both ways are one */
}

/* How many anchors to hide, and the choices that there are. */
OTX__PRIVATE void otx__fit_choices(otx__fit *fit)
{
    const otx_affine_options *options = &fit->options;
    otx__choice *choice = &fit->choice;
    size_t rows = fit->normal.rows, hidden = options->holdout, limit, count = 0, i;
    hidden = otx__min(hidden ? hidden : OTX__HIDDEN, rows / 10);
    limit = otx__min(rows - hidden, fit->normal.donor.columns);
    for (i = 0; i < options->k_count; i++) {
        size_t k = otx__min(options->ks[i], limit);
        if (count && k == choice->most) continue;
        choice->ks[count++] = choice->most = k;
    }
    otx__fit_sets(fit, count);
    for (i = 0; i < choice->set_count; i++)
        fit->trial_count += choice->sets[i].k_count * options->lambda_count;
    fit->chooses = hidden > 0 && (fit->trial_count > 1 || options->holdout > 0);
    choice->hidden = fit->chooses ? hidden : 0;
    choice->kept = rows - choice->hidden;
}

/* ---- memory ---- */

/* Bytes of the large blocks, also where they would not fit a size. */
OTX__PRIVATE double otx__fit_need(const otx__fit *fit)
{
    const otx__normal *normal = &fit->normal;
    const otx__choice *choice = &fit->choice;
    double d = (double)normal->donor.columns, e = (double)normal->base.columns;
    double rows = (double)normal->donor.tiles, strips = (double)normal->base.tiles;
    double sums = 8.0 * (double)OTX__TILE_SIZE * (rows * (rows + 1.0) / 2.0 + rows * strips);
    double hidden = (double)choice->hidden, most = (double)choice->most;
    double need = sums + otx__digits_need(&normal->block) +
                  otx__digits_need(&fit->map->digits) + 16.0 * (double)normal->rows +
                  (double)fit->ctx.threads * (8.0 * d + 16.0 * OTX__GROUP * OTX__TILE_SIZE);
    size_t i;
    if (!fit->chooses) return need;
    need += sums + 13.0 * (double)normal->rows + otx__digits_need(&choice->mapping.digits);
    need += hidden * (8.0 * e + most * 12.0 + 8.0);
    for (i = 0; i < choice->set_count; i++)
        need += hidden * (double)choice->sets[i].most *
                (4.0 + 8.0 * (double)choice->sets[i].k_count);
    need += 4.0 * (double)choice->sample_count * e;
    need += (double)fit->ctx.threads * (4.0 * (most + 1.0) * d + 16.0 * d + 8.0 * e +
                                        8.0 * (most + 4.0) * (most + 4.0) +
                                        24.0 * OTX__GROUP * OTX__TILE_SIZE);
    return need;
}

OTX__PRIVATE otx_result otx__fit_budget(const otx__fit *fit, otx_error *error)
{
    double need = otx__fit_need(fit);
    double budget = (double)otx__choice_budget(&fit->choice, 0);
    if (need <= budget) return OTX_OK;
    return otx__fail(error, OTX_ERROR_MEMORY,
                     "a map of %" PRIu64 " by %" PRIu64 " columns over %" PRIu64
                     " anchors takes %.0f MiB, and the budget is %.0f MiB",
                     (uint64_t)fit->normal.donor.columns, (uint64_t)fit->normal.base.columns,
                     (uint64_t)fit->normal.rows, ceil(need / 1048576.0),
                     floor(budget / 1048576.0));
}

OTX__PRIVATE void otx__fit_take_side(otx__affine_side *side, otx__pool *pool)
{
    side->mean = (double *)otx__pool_take_zero(pool, side->tiles, OTX__TILE * sizeof(double));
    side->unit = (double *)otx__pool_take_zero(pool, side->tiles, OTX__TILE * sizeof(double));
}

OTX__PRIVATE bool otx__fit_take_normal(otx__fit *fit)
{
    otx__normal *normal = &fit->normal;
    otx__pool *pool = &fit->pool;
    size_t threads = (size_t)fit->ctx.threads, tile = OTX__TILE_SIZE * sizeof(double);
    size_t pairs = otx__pairs(normal->donor.tiles);
    size_t strips = normal->base.tiles * normal->donor.tiles;
    otx__fit_take_side(&normal->donor, pool);
    otx__fit_take_side(&normal->base, pool);
    (void)otx__digits_take(&normal->block, pool);
    normal->gram = (double *)otx__pool_take_zero(pool, pairs, tile);
    normal->cross = (double *)otx__pool_take_zero(pool, strips, tile);
    normal->factor = normal->gram;
    normal->weights = normal->cross;
    if (fit->chooses) {
        normal->factor = (double *)otx__pool_take(pool, pairs, tile);
        normal->weights = (double *)otx__pool_take(pool, strips, tile);
    }
    normal->diagonal =
        (double *)otx__pool_take(pool, normal->donor.tiles, OTX__TILE * sizeof(double));
    normal->products = (float *)otx__pool_take(
        pool, threads, 4 * OTX__GROUP * OTX__TILE_SIZE * sizeof(float));
    fit->column = (double *)otx__pool_take(pool, threads, normal->donor.columns * sizeof(double));
    return !pool->failed;
}

OTX__PRIVATE bool otx__fit_take_choice(otx__fit *fit)
{
    otx__choice *choice = &fit->choice;
    otx__pool *pool = &fit->pool;
    size_t threads = (size_t)fit->ctx.threads, d = fit->normal.donor.columns;
    size_t e = fit->normal.base.columns, rows = fit->normal.rows, most = choice->most;
    size_t hidden = choice->hidden, each = otx__max(most, 1), factor, i;
    if (!fit->chooses) return true;
    factor = otx__triangle_size(most) + 2 * most + 2;
    fit->marks = (uint8_t *)otx__pool_take_zero(pool, rows, 1);
    choice->order = (uint32_t *)otx__pool_take(pool, rows, sizeof(uint32_t));
    choice->donor_rows = (uint32_t *)otx__pool_take(pool, rows, sizeof(uint32_t));
    choice->base_rows = (uint32_t *)otx__pool_take(pool, rows, sizeof(uint32_t));
    for (i = 0; i < choice->set_count; i++) {
        otx__choice_set *set = &choice->sets[i];
        set->indices =
            (int32_t *)otx__pool_take(pool, hidden, otx__max(set->most, 1) * sizeof(int32_t));
        set->coefficients = (double *)otx__pool_take_zero(
            pool, hidden, set->k_count * set->most * sizeof(double));
    }
    choice->last = (double *)otx__pool_take(pool, hidden, each * sizeof(double));
    choice->rows = (float *)otx__pool_take(pool, threads, (most + 1) * d * sizeof(float));
    choice->wide = fit->column;
    choice->factor = (double *)otx__pool_take(pool, threads, factor * sizeof(double));
    choice->sample =
        (float *)otx__pool_take(pool, choice->sample_count, e * sizeof(float));
    choice->truth = (double *)otx__pool_take(pool, threads, (e + OTX__TILE) * sizeof(double));
    choice->figures = (otx__figures *)otx__pool_take(pool, hidden, sizeof(otx__figures));
    choice->mapping.rows = (double *)otx__pool_take(pool, hidden, e * sizeof(double));
    return otx__mapping_take(&choice->mapping, hidden, threads, pool);
}

/* What the map keeps. */
OTX__PRIVATE bool otx__fit_take_map(otx__fit *fit)
{
    otx__affine *map = fit->map;
    otx__pool *pool = &map->pool;
    map->donor_mean = (double *)otx__pool_take(pool, map->columns, sizeof(double));
    map->base_mean = (double *)otx__pool_take(pool, map->width, sizeof(double));
    map->unit = (double *)otx__pool_take(pool, map->digits.tiles, OTX__TILE * sizeof(double));
    map->known = (otx__known_row *)otx__pool_take(pool, map->anchors, sizeof(otx__known_row));
    fit->trials =
        (otx_affine_trial *)otx__pool_take_zero(pool, fit->trial_count, sizeof *fit->trials);
    return otx__digits_take(&map->digits, pool);
}

/* ---- fitting ---- */

OTX__PRIVATE void otx__fit_set_side(otx__affine_side *side, const otx_matrix *matrix,
                                    const char *name)
{
    side->matrix = matrix;
    side->name = name;
    side->columns = matrix->columns;
    side->tiles = (matrix->columns + OTX__TILE - 1) / OTX__TILE;
}

/* Shapes of it all. */
OTX__PRIVATE void otx__fit_shape(otx__fit *fit, const otx_matrix *donor, const otx_matrix *base)
{
    const otx__kernels *kernels = otx__kernels_for(fit->ctx.isa);
    otx__normal *normal = &fit->normal;
    otx__choice *choice = &fit->choice;
    otx__affine *map = fit->map;
    normal->ctx = choice->ctx = &fit->ctx;
    normal->kernels = choice->kernels = kernels;
    normal->take = otx__tile_take_for(kernels->isa);
    normal->rows = map->anchors = donor->rows;
    otx__fit_set_side(&normal->donor, donor, "donor");
    otx__fit_set_side(&normal->base, base, "base");
    otx__digits_shape(&normal->block, kernels, normal->donor.tiles + normal->base.tiles,
                      otx__min(OTX__BLOCK, donor->rows));
    map->columns = donor->columns;
    map->width = base->columns;
    otx__digits_shape(&map->digits, kernels, normal->base.tiles, donor->columns);
    choice->normal = normal;
    choice->map = map;
    choice->mapping.map = map;
    choice->options = &fit->options;
    choice->sample_count = otx__min(OTX__CHOICE_ROWS, base->rows);
    otx__fit_choices(fit);
    otx__digits_shape(&choice->mapping.digits, kernels,
                      (choice->hidden + OTX__TILE - 1) / OTX__TILE, donor->columns);
    normal->total = (uint64_t)donor->rows + donor->columns;
    if (fit->chooses) normal->total += donor->columns * fit->options.lambda_count;
}

/* The choices, in order of lambda, selection and k. */
OTX__PRIVATE void otx__fit_list(otx__fit *fit)
{
    otx_affine_trial *trial = fit->trials;
    size_t lambda, set, k;
    for (lambda = 0; lambda < fit->options.lambda_count; lambda++)
        for (set = 0; set < fit->choice.set_count; set++)
            for (k = 0; k < fit->choice.sets[set].k_count; k++, trial++) {
                trial->k = fit->choice.ks[k];
                trial->cosine = fit->choice.sets[set].cosine;
                trial->lambda = fit->options.lambdas[lambda];
            }
}

/* Hides anchors, fits a map to the others, and finds the best choice. */
OTX__PRIVATE otx_result otx__fit_choose(otx__fit *fit, const otx_matrix *targets, size_t *best,
                                        otx_affine_stats *stats, otx_error *error)
{
    otx__choice *choice = &fit->choice;
    const otx_matrix *donor = fit->normal.donor.matrix, *base = fit->normal.base.matrix;
    otx_matrix donor_view, base_view, hidden_view;
    uint64_t taken = fit->pool.bytes + fit->map->pool.bytes;
    double clock = otx__now();
    otx_result result = otx__choice_hide(choice, targets, fit->marks, taken, error);
    choice->seconds_pursuit = otx__now() - clock;
    if (result) return result;
    donor_view = otx__choice_view(donor, choice->order, donor->rows, choice->donor_rows);
    base_view = otx__choice_view(base, choice->order, base->rows, choice->base_rows);
    hidden_view = donor_view;
    hidden_view.index = choice->donor_rows + choice->kept;
    hidden_view.rows = choice->hidden;
    choice->mapping.donor = &donor_view;
    choice->mapping.base = &base_view;
    choice->mapping.targets = &hidden_view;
    choice->mapping.count = choice->hidden;
    fit->normal.order = choice->order;
    otx__choice_sample(choice);
    clock = otx__now();
    result = otx__normal_add(&fit->normal, 0, choice->kept, error);
    stats->seconds_products += otx__now() - clock;
    if (!result) result = otx__choice_run(choice, fit->trials, fit->trial_count, taken, error);
    if (!result) *best = otx__choice_best(fit->trials, fit->trial_count);
    stats->seconds_pursuit = choice->seconds_pursuit;
    stats->seconds_trials = choice->seconds_trials;
    return result;
}

OTX__PRIVATE otx_result otx__fit_run(otx__fit *fit, const otx_matrix *targets, size_t *best,
                                     otx_affine_stats *stats, otx_error *error)
{
    otx__normal *normal = &fit->normal;
    double clock = otx__now();
    otx_result result = otx__normal_measure(normal, error);
    stats->seconds_products = otx__now() - clock;
    if (!result && fit->chooses) result = otx__fit_choose(fit, targets, best, stats, error);
    clock = otx__now();
    if (!result) result = otx__normal_add(normal, fit->chooses ? fit->choice.kept : 0,
                                          normal->rows, error);
    stats->seconds_products += otx__now() - clock;
    if (!result) result = otx__normal_solve(normal, fit->trials[*best].lambda, error);
    if (!result) result = otx__affine_set(fit->map, normal, fit->column, error);
    if (!result) result = otx__affine_know(fit->map, normal, error);
    return result;
}

/* Takes all memory, within the budget. */
OTX__PRIVATE otx_result otx__fit_open(otx__fit *fit, otx_error *error)
{
    otx_result result = otx__fit_budget(fit, error);
    if (result) return result;
    if (!otx__fit_take_map(fit)) return otx__pool_fail(&fit->map->pool, error);
    if (!otx__fit_take_normal(fit) || !otx__fit_take_choice(fit))
        return otx__pool_fail(&fit->pool, error);
    otx__fit_list(fit);
    return OTX_OK;
}

OTX__PRIVATE void otx__affine_close(otx__affine *map)
{
    otx_context ctx = map->ctx; /* whose allocator frees what it stands in */
    otx__pool_close(&map->pool);
    otx__free(&ctx, map, 1, sizeof *map);
}

OTX__PRIVATE otx__affine *otx__affine_new(const otx_context *ctx)
{
    otx__affine *map = (otx__affine *)otx__alloc_zero(ctx, 1, sizeof *map);
    if (!map) return NULL;
    if (ctx) map->ctx.allocator = ctx->allocator;
    otx__pool_open(&map->pool, &map->ctx);
    return map;
}

OTX__PRIVATE void otx__fit_result(const otx__fit *fit, size_t best, otx_affine_map *map)
{
    memset(map, 0, sizeof *map);
    map->anchors = fit->map->anchors;
    map->donor_columns = fit->map->columns;
    map->base_columns = fit->map->width;
    map->choice = fit->trials[best];
    map->trials = fit->trials;
    map->trial_count = fit->trial_count;
    map->hidden = fit->choice.hidden;
    map->bytes = fit->map->pool.bytes + sizeof *fit->map;
    map->state = fit->map;
}

OTX_API otx_result otx_affine_fit(const otx_context *ctx, const otx_matrix *donor,
                                  const otx_matrix *base, const otx_matrix *targets,
                                  const otx_affine_options *options, otx_affine_map *map,
                                  otx_affine_stats *stats, otx_error *error)
{
    otx__fit fit;
    otx_affine_stats counted;
    otx_result result;
    size_t best = 0;
    double clock = otx__now();
    memset(&fit, 0, sizeof fit);
    memset(&counted, 0, sizeof counted);
    if (ctx) fit.ctx = *ctx;
    fit.ctx.threads = otx__threads(ctx);
    otx__fit_settle(&fit, options);
    result = otx__fit_check(&fit, donor, base, targets, error);
    if (result) return result;
    fit.map = otx__affine_new(ctx);
    if (!fit.map) return otx__fail_memory(error, sizeof *fit.map);
    otx__pool_open(&fit.pool, &fit.ctx);
    otx__fit_shape(&fit, donor, base);
    result = otx__fit_open(&fit, error);
    if (!result) result = otx__fit_run(&fit, targets, &best, &counted, error);
    counted.isa = fit.normal.kernels->isa;
    counted.threads = fit.ctx.threads;
    counted.peak_bytes = fit.pool.bytes + fit.map->pool.bytes + sizeof *fit.map;
    counted.seconds = otx__now() - clock;
    counted.seconds_solve = counted.seconds - counted.seconds_products -
                            counted.seconds_pursuit - counted.seconds_trials;
    otx__pool_close(&fit.pool);
    if (result) {
        otx__affine_close(fit.map);
        return result;
    }
    otx__fit_result(&fit, best, map);
    if (stats) *stats = counted;
    return OTX_OK;
}

OTX_API bool otx_affine_pursuit(const otx_affine_map *map, otx_omp_options *options)
{
    options->k = map->choice.k;
    options->cosine = map->choice.cosine;
    options->centred = true;
    return map->choice.k > 0;
}

OTX_API void otx_affine_close(otx_affine_map *map)
{
    if (map->state) otx__affine_close((otx__affine *)map->state);
    memset(map, 0, sizeof *map);
}

/* ---- applying ---- */

OTX__PRIVATE otx_result otx__apply_check(const otx__affine *map, const otx_matrix *donor,
                                         const otx_matrix *base, const otx_matrix *targets,
                                         size_t first, size_t count, otx_error *error)
{
    otx_result result = otx__check_matrix(donor, "donor", error);
    if (!result) result = otx__check_matrix(base, "base", error);
    if (!result) result = otx__check_matrix(targets, "targets", error);
    if (result) return result;
    if (donor->rows != map->anchors || base->rows != map->anchors ||
        donor->columns != map->columns || base->columns != map->width ||
        targets->columns != map->columns)
        return otx__fail(error, OTX_ERROR_ARGUMENT,
                         "the map is from %" PRIu64 " to %" PRIu64 " columns over %" PRIu64
                         " anchors, and these matrices are not of its shape",
                         (uint64_t)map->columns, (uint64_t)map->width, (uint64_t)map->anchors);
    if (first > targets->rows || count > targets->rows - first)
        return otx__fail(error, OTX_ERROR_ARGUMENT,
                         "targets %" PRIu64 " to %" PRIu64 " are not among %" PRIu64,
                         (uint64_t)first, (uint64_t)first + count, (uint64_t)targets->rows);
    return OTX_OK;
}

/* All blocks of targets. */
OTX__PRIVATE otx_result otx__apply_run(const otx_context *ctx, otx__mapping *mapping,
                                       size_t count, size_t room, otx_error *error)
{
    size_t done = 0, step = mapping->k;
    otx_result result = OTX_OK;
    while (done < count && !result) {
        otx__watch watch = otx__watch_open(ctx, OTX_STAGE_SOLVE, done, count);
        mapping->count = otx__min(room, count - done);
        result = otx__mapping_run(mapping, &watch, error);
        done += mapping->count;
        mapping->first += mapping->count;
        mapping->indices += mapping->count * step;
        mapping->coefficients += mapping->count * step;
        mapping->rows += mapping->count * mapping->map->width;
    }
    return result;
}

OTX_API otx_result otx_affine_apply(const otx_context *ctx, const otx_affine_map *map,
                                    const otx_matrix *donor, const otx_matrix *base,
                                    const otx_matrix *targets, size_t first, size_t count,
                                    const int32_t *indices, const double *coefficients,
                                    size_t k, double *rows, otx_error *error)
{
    static const int32_t no_index = -1;
    static const double no_coefficient = 0.0;
    const otx__affine *state = map ? (const otx__affine *)map->state : NULL;
    size_t room = otx__min(OTX__AFFINE_TARGETS, count);
    otx__mapping mapping;
    otx_context settled;
    otx__pool pool;
    otx_result result;
    if (!state || (k && (!indices || !coefficients)) || (count && !rows))
        return otx__fail(error, OTX_ERROR_ARGUMENT, "there is no map, or an array is missing");
    result = otx__apply_check(state, donor, base, targets, first, count, error);
    if (result || !count) return result;
    memset(&settled, 0, sizeof settled);
    if (ctx) settled = *ctx;
    settled.threads = otx__threads(ctx);
    memset(&mapping, 0, sizeof mapping);
    mapping.map = state;
    mapping.donor = donor;
    mapping.base = base;
    mapping.targets = targets;
    mapping.indices = k ? indices + first * k : &no_index;
    mapping.coefficients = k ? coefficients + first * k : &no_coefficient;
    mapping.k = k;
    mapping.first = first;
    mapping.rows = rows;
    mapping.find = true;
    otx__pool_open(&pool, &settled);
    if (!otx__mapping_take(&mapping, room, (size_t)settled.threads, &pool))
        result = otx__pool_fail(&pool, error);
    else
        result = otx__apply_run(&settled, &mapping, count, room, error);
    otx__pool_close(&pool);
    return result;
}

/* ---- affine: fitting and applying affine maps ---------------------------------------- */

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
    memcpy(fit->map->hidden, choice->order + choice->kept, choice->hidden * sizeof(uint32_t));
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

OTX__PRIVATE void otx__affine_free(otx__affine *map)
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
    map->hidden_anchors = fit->map->hidden;
    map->bytes = fit->map->pool.bytes + sizeof *fit->map;
    map->state = fit->map;
}

/* otx_affine_fit, told what columns the donor's rows share; NULL: none. */
OTX__PRIVATE otx_result otx__affine_fit_shared(const otx_context *ctx, const otx_matrix *donor,
                                               const otx__sharing *sharing,
                                               const otx_matrix *base, const otx_matrix *targets,
                                               const otx_affine_options *options,
                                               otx_affine_map *map, otx_affine_stats *stats,
                                               otx_error *error)
{
    otx__fit fit;
    otx__team team;
    otx_affine_stats counted;
    otx_result result;
    size_t best = 0;
    double clock = otx__now();
    memset(&fit, 0, sizeof fit);
    memset(&counted, 0, sizeof counted);
    if (ctx) fit.ctx = *ctx;
    fit.ctx.threads = otx__threads(ctx);
    fit.ctx.log = NULL; /* the plans of pursuits of hidden anchors say nothing to a caller */
    otx__fit_settle(&fit, options);
    result = otx__fit_check(&fit, donor, base, targets, error);
    if (result) return result;
    fit.map = otx__affine_new(ctx);
    if (!fit.map) return otx__fail_memory(error, sizeof *fit.map);
    otx__pool_open(&fit.pool, &fit.ctx);
    otx__fit_shape(&fit, donor, base);
    fit.choice.sharing = sharing;
    otx__team_open(&team, &fit.ctx);
    result = otx__fit_open(&fit, error);
    if (!result) result = otx__fit_run(&fit, targets, &best, &counted, error);
    otx__team_close(&team, &fit.ctx);
    counted.isa = fit.normal.kernels->isa;
    counted.threads = fit.ctx.threads;
    counted.peak_bytes = fit.pool.bytes + fit.map->pool.bytes + sizeof *fit.map;
    counted.seconds = otx__now() - clock;
    counted.seconds_solve = counted.seconds - counted.seconds_products -
                            counted.seconds_pursuit - counted.seconds_trials;
    otx__pool_close(&fit.pool);
    if (result) {
        otx__affine_free(fit.map);
        return result;
    }
    otx__fit_result(&fit, best, map);
    if (stats) *stats = counted;
    return OTX_OK;
}

OTX_API otx_result otx_affine_fit(const otx_context *ctx, const otx_matrix *donor,
                                  const otx_matrix *base, const otx_matrix *targets,
                                  const otx_affine_options *options, otx_affine_map *map,
                                  otx_affine_stats *stats, otx_error *error)
{
    return otx__affine_fit_shared(ctx, donor, NULL, base, targets, options, map, stats, error);
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
    if (map->state) otx__affine_free((otx__affine *)map->state);
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
    otx__team team;
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
    otx__team_open(&team, &settled);
    otx__pool_open(&pool, &settled);
    if (!otx__mapping_take(&mapping, room, (size_t)settled.threads, &pool))
        result = otx__pool_fail(&pool, error);
    else
        result = otx__apply_run(&settled, &mapping, count, room, error);
    otx__pool_close(&pool);
    otx__team_close(&team, &settled);
    return result;
}

/* ---- what a fit of an affine map holds and needs ------------------------- */

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
            return otx__fail(error, OTX_ERROR_ARGUMENT, "lambda %f is not from 0 to %.0f",
                             options->lambdas[i], OTX__RIDGE_MAX);
    if ((unsigned)options->selection > OTX_AFFINE_COSINE)
        return otx__fail(error, OTX_ERROR_ARGUMENT, "selection %d is none",
                         (int)options->selection);
    return OTX_OK;
}

/* Whether anchors that a caller names can be hidden. */
OTX__PRIVATE otx_result otx__fit_check_hide(const otx_affine_options *options, size_t anchors,
                                            otx_error *error)
{
    size_t i;
    if (!options->hide) return OTX_OK;
    if (!options->holdout || options->holdout > anchors / 10)
        return otx__fail(error, OTX_ERROR_ARGUMENT, "%" PRIu64 " of %" PRIu64 " anchors cannot "
                         "be hidden; 1 to a tenth of them can", (uint64_t)options->holdout,
                         (uint64_t)anchors);
    for (i = 0; i < options->holdout; i++)
        if (options->hide[i] >= anchors || (i && options->hide[i] <= options->hide[i - 1]))
            return otx__fail(error, OTX_ERROR_ARGUMENT, "anchors to hide must ascend and be "
                             "among %" PRIu64 "; number %" PRIu64 " is %" PRIu32,
                             (uint64_t)anchors, (uint64_t)i, options->hide[i]);
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
    if (!result) result = otx__fit_check_hide(&fit->options, donor->rows, error);
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
    map->hidden = (uint32_t *)otx__pool_take(pool, fit->choice.hidden, sizeof(uint32_t));
    fit->trials =
        (otx_affine_trial *)otx__pool_take_zero(pool, fit->trial_count, sizeof *fit->trials);
    return otx__digits_take(&map->digits, pool);
}

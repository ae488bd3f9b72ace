/* ---- steps: a pursuit from its rows to its results ------------------------------ */

/* Adds the time since the last call to a stage's. */
OTX__PRIVATE void otx__lap(double *clock, double *stage)
{
    double now = otx__now();
    *stage += now - *clock;
    *clock = now;
}

/* ---- what all targets share ---- */

/* Makes copies of those rows that need it, without the atoms' mean if that is wanted. */
OTX__PRIVATE otx_result otx__pursuit_copy(otx__pursuit *pursuit, otx_error *error)
{
    const otx_matrix *atoms = pursuit->atoms, *targets = pursuit->targets;
    otx__watch watch = otx__watch_open(&pursuit->ctx, OTX_STAGE_GRAM, 0, atoms->rows);
    otx__view *rows = &pursuit->dictionary.rows, *others = &pursuit->problem.targets;
    double *centre = pursuit->centre;
    otx_result result = OTX_OK;
    if (centre) result = otx__view_mean(&watch, rows, atoms, centre, error);
    if (!result) result = otx__view_copy(&watch, rows, atoms, centre, error);
    return result ? result : otx__view_copy(&watch, others, targets, centre, error);
}

/* Norms, and what the form screens by. */
OTX__PRIVATE otx_result otx__pursuit_prepare(otx__pursuit *pursuit, otx_error *error)
{
    otx__dictionary *dictionary = &pursuit->dictionary;
    otx__scratch *scratch = pursuit->screen.scratch;
    double *rows = scratch[0].row; /* [worker][columns] */
    otx_result result = otx__dictionary_norms(dictionary, rows, error);
    if (!result && otx__form_screens(pursuit->form))
        result = otx__dictionary_split(dictionary, rows, error);
    if (!result && otx__form_screens(pursuit->form) && dictionary->shares)
        result = otx__shares_fill(dictionary, pursuit->sharing, pursuit->atoms->index, error);
    if (!result && otx__form_screens(pursuit->form) && dictionary->exact_gram)
        result = otx__exact_gram_fill(dictionary, rows, error);
    if (!result && otx__form_keeps_all(pursuit->form))
        result = otx__gram_table_fill(&pursuit->screen.table, scratch, error);
    return result;
}

/* ---- a block of targets ---- */

OTX__PRIVATE void otx__block_open_body(void *argument, size_t index, int worker)
{
    otx__pursuit *pursuit = (otx__pursuit *)argument;
    const otx__dictionary *dictionary = &pursuit->dictionary;
    otx__scratch *scratch = &pursuit->screen.scratch[worker];
    otx__support *support = &pursuit->screen.supports[index];
    otx__row_widen(dictionary->kernels, support->target, dictionary->columns, scratch->row);
    scratch->row_target = NULL;
    support->norm = otx__norm(scratch->row, dictionary->columns);
    support->ended = !(support->norm > 0.0);
}

/* Points the block's supports at their targets and results. A target that is not finite is
   named. */
OTX__PRIVATE otx_result otx__block_open(otx__pursuit *pursuit, size_t first, otx_error *error)
{
    const otx_omp_output *output = pursuit->output;
    otx__screen *screen = &pursuit->screen;
    size_t i, k = pursuit->problem.k;
    otx__watch watch = otx__watch_open(&pursuit->ctx, OTX_STAGE_SOLVE,
                                       (first - pursuit->first) * k,
                                       (pursuit->end - pursuit->first) * k);
    otx_result result;
    screen->count = otx__min(screen->capacity, pursuit->end - first);
    for (i = 0; i < screen->count; i++) {
        otx__support *support = &screen->supports[i];
        support->target = otx__view_row(&pursuit->problem.targets, first + i);
        support->indices = output->indices + (first + i) * k;
        support->coefficients = output->coefficients + (first + i) * k;
        support->count = support->barred_count = 0;
    }
    result = otx__watch_loop(&watch, screen->count, 4.0 * (double)pursuit->dictionary.columns,
                             otx__block_open_body, pursuit, error);
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
    otx__pursuit *pursuit = (otx__pursuit *)argument;
    otx__support *support = &pursuit->screen.supports[index];
    if (!support->ended)
        otx__support_exhaustive_step(&pursuit->problem, support, &pursuit->screen.scratch[worker]);
}

/* Makes the panels anew in finer numbers. */
OTX__PRIVATE otx_result otx__pursuit_sharpen(otx__pursuit *pursuit, otx_error *error)
{
    otx__screen *screen = &pursuit->screen;
    otx__dictionary *dictionary = &pursuit->dictionary;
    size_t columns = dictionary->columns, i;
    otx_result result;
    pursuit->panels = otx__panel_finer(dictionary->kernels);
    otx__log(&pursuit->ctx, OTX_NOTE, "solver: 8 bits leave too many candidates; %s from here",
             otx__panel_type_name(pursuit->panels));
    otx__panels_set_type(&dictionary->panels, pursuit->panels, columns);
    otx__panels_set_type(&screen->panels, pursuit->panels, columns);
    result = otx__dictionary_split(dictionary, screen->scratch[0].row, error);
    for (i = 0; i < screen->capacity / OTX__TILE; i++) otx__panels_clear(&screen->panels, i);
    for (i = 0; i < screen->count; i++) screen->sets[i] = 0;
    return result ? result : otx__screen_make_waiting_ready(screen, error);
}

/* One step of all targets of a block, or, in the forms with a table, several. */
OTX__PRIVATE otx_result otx__block_step(otx__pursuit *pursuit, double *clock, otx_error *error)
{
    otx__screen *screen = &pursuit->screen;
    otx_omp_stats *stats = &pursuit->stats;
    otx_result result;
    if (!otx__form_screens(pursuit->form)) {
        double work = (double)pursuit->dictionary.count * (double)pursuit->dictionary.columns;
        result = otx__watch_loop(&screen->watch, screen->count, work, otx__exhaustive_body,
                                 pursuit, error);
        otx__lap(clock, &stats->seconds_select);
        return result;
    }
    if (otx__form_is_single(pursuit->form)) {
        result = otx__single_run(screen, error);
        otx__lap(clock, &stats->seconds_select);
        return result;
    }
    result = otx__screen_scan_all(screen, error);
    otx__lap(clock, &stats->seconds_scan);
    if (!result) result = otx__screen_select(screen, error);
    if (!result && screen->too_coarse) result = otx__pursuit_sharpen(pursuit, error);
    otx__lap(clock, &stats->seconds_select);
    if (!result) result = otx__screen_get_columns(screen, error);
    otx__lap(clock, &stats->seconds_gram);
    return result;
}

/* All steps of a block of targets. */
OTX__PRIVATE otx_result otx__block_run(otx__pursuit *pursuit, size_t first, double *clock,
                                       otx_error *error)
{
    otx__screen *screen = &pursuit->screen;
    uint64_t k = pursuit->problem.k, done = (first - pursuit->first) * k;
    otx_result result = OTX_OK;
    bool active;
    screen->watch = otx__watch_open(&pursuit->ctx, OTX_STAGE_SOLVE, done,
                                    (pursuit->end - pursuit->first) * k);
    if (otx__form_screens(pursuit->form)) result = otx__screen_open_block(screen, error);
    otx__lap(clock, &pursuit->stats.seconds_correlate);
    while (!result) {
        screen->watch.done = done + otx__screen_steps(screen, &active);
        if (!active) break;
        result = otx__block_step(pursuit, clock, error);
    }
    if (!result && otx__form_has_table(pursuit->form)) result = otx__apart_run(pursuit, error);
    otx__lap(clock, &pursuit->stats.seconds_select);
    if (result) return result;
    return otx__poll(&pursuit->ctx, OTX_STAGE_SOLVE, NULL, screen->watch.done,
                     screen->watch.total, error);
}

/* ---- results ---- */

OTX__PRIVATE void otx__finish_body(void *argument, size_t index, int worker)
{
    otx__pursuit *pursuit = (otx__pursuit *)argument;
    const otx_omp_output *output = pursuit->output;
    otx__support *support = &pursuit->screen.supports[index];
    otx__scratch *scratch = &pursuit->screen.scratch[worker];
    size_t k = pursuit->problem.k, target = (size_t)(support->indices - output->indices) / k, i;
    otx__support_solve(support);
    for (i = support->count; i < k; i++) { /* what was predicted last */
        support->indices[i] = -1;
        support->coefficients[i] = 0.0;
    }
    if (output->target_norms) output->target_norms[target] = support->norm;
    if (!output->residual_norms) return;
    otx__support_residual(&pursuit->problem, support, scratch);
    output->residual_norms[target] = otx__norm(scratch->residual, pursuit->dictionary.columns);
}

/* Adds up what the workers counted. */
OTX__PRIVATE void otx__pursuit_count(otx__pursuit *pursuit)
{
    otx_omp_stats *stats = &pursuit->stats;
    uint64_t steps[OTX__CANDIDATES_MAX + 1] = {0}, all = 0, below = 0, atoms;
    int threads = pursuit->ctx.threads;
    size_t i, j;
    for (i = 0; i < (size_t)threads; i++) {
        const otx__scratch *scratch = &pursuit->screen.scratch[i];
        stats->steps += scratch->steps;
        stats->fallbacks += scratch->fallbacks;
        stats->seconds_rescore += scratch->seconds_rescore / threads;
        stats->seconds_factor += scratch->seconds_factor / threads;
        stats->seconds_predict += scratch->seconds_predict / threads;
        for (j = 0; j <= OTX__CANDIDATES_MAX; j++) steps[j] += scratch->candidates[j];
    }
    for (j = 0; j <= OTX__CANDIDATES_MAX; j++) all += steps[j];
    for (j = 0; j <= OTX__CANDIDATES_MAX; j++) {
        atoms = j < OTX__CANDIDATES_MAX ? j + 1 : pursuit->dictionary.count;
        stats->candidates += steps[j] * atoms;
        if (below < all - all / 100) stats->candidates_99 = atoms;
        below += steps[j];
    }
    stats->passes = pursuit->screen.passes;
    stats->columns = pursuit->screen.table.columns;
}

/* Solves block after block; the pursuit has been planned, and its memory taken. */
OTX__PRIVATE otx_result otx__pursuit_run(otx__pursuit *pursuit, otx_error *error)
{
    otx__screen *screen = &pursuit->screen;
    double work = 2.0 * (double)pursuit->problem.k * (double)pursuit->dictionary.columns, clock;
    otx_result result = otx__pursuit_copy(pursuit, error);
    size_t first;
    clock = otx__now();
    if (!result) result = otx__pursuit_prepare(pursuit, error);
    otx__lap(&clock, &pursuit->stats.seconds_gram);
    for (first = pursuit->first; first < pursuit->end && !result; first += screen->count) {
        result = otx__block_open(pursuit, first, error);
        if (!result) result = otx__block_run(pursuit, first, &clock, error);
        if (result) break;
        result = otx__watch_loop(&screen->watch, screen->count, work, otx__finish_body, pursuit,
                                 error);
        otx__lap(&clock, &pursuit->stats.seconds_finish);
    }
    if (!result) otx__pursuit_count(pursuit);
    return result;
}

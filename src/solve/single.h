/* ---- single: many steps of one target before those of the next ------------------ */

/* Where the products of all pairs of atoms are few, those of one support stay in a core's
   cache from step to step. Then nothing is gained by reading them once for many targets, and
   for several guessed steps of each (predict.h): one target is followed for many steps, in
   float, whose bound leaves fewer atoms to tell apart than one of 16-bit numbers. It is
   Batch-OMP as Rubinstein, Zibulevsky and Elad have it, but for what decides. */

/* The tile's largest weighted |correlations|, and all correlations, with the residual of a
   support whose coefficients stand in the screen. Atoms that are hidden count for nothing. */
OTX__PRIVATE void otx__single_follow(const otx__screen *screen, size_t target, double along,
                                     const otx__single *single)
{
    const otx__dictionary *dictionary = screen->problem->dictionary;
    const otx__support *support = &screen->supports[target];
    size_t width = dictionary->tiles * OTX__TILE, held = support->count + support->barred_count;
    size_t i;
    otx__follow follow;
    follow.gram = screen->table.floats;
    follow.atoms = screen->atoms + target * screen->pitch;
    follow.betas = screen->betas + target * OTX__SETS * screen->pitch;
    follow.count = support->count;
    follow.start = screen->floats + target * width;
    follow.common = dictionary->panels.common;
    follow.weight = dictionary->weight;
    follow.along = (float)along;
    follow.width = width;
    follow.correlations = single->correlations;
    follow.best = single->best;
    if (otx__support_hides(screen->problem, support)) {
        memcpy(single->weight, dictionary->weight, width * sizeof *single->weight);
        for (i = 0; i < held; i++) single->weight[otx__support_held(support, i)] = 0.0f;
        follow.weight = single->weight;
    }
    dictionary->kernels->follow(&follow);
}

/* Makes candidates of the atoms that may be the best for a target's support. */
OTX__PRIVATE void otx__single_look(otx__screen *screen, size_t target,
                                   otx__candidates *candidates, otx__scratch *scratch)
{
    const otx__dictionary *dictionary = screen->problem->dictionary;
    const otx__single *single = &scratch->single;
    otx__bound *bounds = otx__screen_bound(screen, target, 0);
    double bound, low;
    size_t tile;
    otx__set_betas betas;
    betas.values = scratch->products;
    otx__support_solve(&screen->supports[target]);
    otx__betas_take(screen, target, 0, &betas);
    *bounds = otx__betas_float_bound(screen, target, &betas);
    bound = bounds->refined;
    candidates->count = 0;
    candidates->least = 0.0;
    candidates->overflow = !betas.bounded;
    if (candidates->overflow) return;
    otx__single_follow(screen, target, betas.along, single);
    for (tile = 0; tile < dictionary->tiles; tile++) {
        low = otx__scanned_low(single->best[tile], (double)dictionary->tile_weight[tile] * bound);
        if (low > candidates->least) candidates->least = low;
    }
    for (tile = 0; tile < dictionary->tiles && !candidates->overflow; tile++) {
        double spread = (double)dictionary->tile_weight[tile] * bound;
        if (otx__scanned_high(single->best[tile], spread) < candidates->least) continue;
        otx__scanned_add(screen, tile, target, 0, single->correlations + tile * OTX__TILE,
                         candidates);
    }
}

/* Steps of a target before the next one's: more would keep a caller waiting for long. */
#define OTX__SINGLE_STEPS 32

/* The next steps of one target; one that its products do not tell enough of is set apart. */
OTX__PRIVATE void otx__single_body(void *argument, size_t target, int worker)
{
    otx__screen *screen = (otx__screen *)argument;
    otx__support *support = &screen->supports[target];
    otx__scratch *scratch = &screen->scratch[worker];
    otx__candidates candidates;
    otx__outcome outcome;
    size_t step;
    screen->sets[target] = 1;
    for (step = 0; step < OTX__SINGLE_STEPS && !support->ended; step++) {
        otx__single_look(screen, target, &candidates, scratch);
        outcome = otx__select_step(screen, target, 0, &candidates, scratch);
        if (outcome == OTX__STEP_BLURRED) {
            screen->sets[target] = OTX__SETS_APART;
            return;
        }
        if (outcome != OTX__STEP_OPEN) continue;
        scratch->fallbacks++;
        otx__support_exhaustive_step(screen->problem, support, scratch);
    }
}

/* Follows every target of a block for some steps. */
OTX__PRIVATE otx_result otx__single_run(otx__screen *screen, otx_error *error)
{
    const otx__problem *problem = screen->problem;
    double k = (double)problem->k, n = (double)problem->dictionary->count;
    double d = (double)problem->dictionary->columns;
    /* The table, the factor, and now and then a residual and candidates in double. */
    double work = (double)otx__min(problem->k, OTX__SINGLE_STEPS) *
                  (k * n + 4.0 * n + k * k + k * d + 16.0 * d);
    otx_result result = otx__watch_loop(&screen->watch, screen->count, work, otx__single_body,
                                        screen, error);
    screen->passes++;
    if (!result) (void)otx__screen_list(screen);
    return result;
}

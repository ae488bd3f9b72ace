/* ---- select: the next atoms of each target ---------------------------------- */

/* Tiles with candidates of one target and set; more mean that every atom is scored. */
#define OTX__FOUND 64

/* Atoms that may be the best for one support of one target, with their
   correlations as the screen has them, weighted in `high` with the error added. In the
   residual form they stand in scratch->likely until otx__screen_narrow. */
typedef struct otx__candidates {
    size_t atoms[OTX__CANDIDATES];
    double correlations[OTX__CANDIDATES], high[OTX__CANDIDATES];
    size_t count;
    bool overflow;
    double least; /* what the best weighted correlation of all is at least */
} otx__candidates;

/* Tiles that may hold the best atom for one set of one target. */
typedef struct otx__finds {
    uint32_t tiles[OTX__FOUND];
    size_t count; /* more than OTX__FOUND: too many */
    double least; /* what the best weighted correlation of all is at least */
} otx__finds;

/* How far the weighted correlation of a scan may be off, relatively, by its last
   operations. */
#define OTX__SLACK (8.0 * OTX__UNIT + OTX__PACKED)

/* Finds those tiles for a chunk of targets in the forms that scan. */
OTX__PRIVATE void otx__screen_gather(const otx__screen *screen, size_t first, size_t count,
                                     size_t set, otx__finds *finds)
{
    const otx__dictionary *dictionary = screen->problem->dictionary;
    const float *all = screen->best + set * dictionary->tiles * screen->capacity + first;
    double least[OTX__SELECTED], bounds[OTX__SELECTED];
    size_t tile, j;
    for (j = 0; j < count; j++) {
        /* What is not looked at has no set of this number. */
        bool looked = set < screen->sets[first + j];
        least[j] = looked ? 0.0 : HUGE_VAL;
        bounds[j] = looked ? screen->bounds[2 * ((first + j) * OTX__SETS + set)] : 0.0;
        finds[j].count = 0;
    }
    for (tile = 0; tile < dictionary->tiles; tile++) {
        const float *best = all + tile * screen->capacity;
        double weight = dictionary->tile_weight[tile];
        for (j = 0; j < count; j++) {
            double low = (double)best[j] * (1.0 - OTX__SLACK) - weight * bounds[j] -
                         4.0 * (double)OTX__LEAST_WEIGHT;
            if (low > least[j]) least[j] = low;
        }
    }
    for (j = 0; j < count; j++) finds[j].least = least[j];
    for (tile = 0; tile < dictionary->tiles; tile++) {
        const float *best = all + tile * screen->capacity;
        double weight = dictionary->tile_weight[tile];
        for (j = 0; j < count; j++) {
            double high = (double)best[j] * (1.0 + OTX__SLACK) + weight * bounds[j];
            if (!(high >= least[j])) continue;
            if (finds[j].count < OTX__FOUND) finds[j].tiles[finds[j].count] = (uint32_t)tile;
            finds[j].count++;
        }
    }
}

/* Adds an atom that may be the best, with what its weighted correlation is at most.
   False if there is no room. */
OTX__PRIVATE bool otx__candidates_add(otx__candidates *candidates, size_t atom,
                                      double correlation, double high)
{
    size_t at = candidates->count;
    candidates->overflow |= at == OTX__CANDIDATES;
    if (candidates->overflow) return false;
    candidates->atoms[at] = atom;
    candidates->correlations[at] = correlation;
    candidates->high[at] = high;
    candidates->count = at + 1;
    return true;
}

/* Adds the atoms of one tile that may be the best. */
OTX__PRIVATE void otx__screen_tile(const otx__screen *screen, size_t tile, size_t target,
                                   size_t set, otx__candidates *candidates)
{
    const otx__dictionary *dictionary = screen->problem->dictionary;
    const float *weights = dictionary->weight + tile * OTX__TILE;
    float correlations[OTX__TILE];
    double bound = screen->bounds[2 * (target * OTX__SETS + set) + 1];
    size_t i;
    otx__screen_refine(screen, tile, target, set, correlations);
    for (i = 0; i < OTX__TILE; i++) {
        double weight = (double)weights[i], value = fabs((double)correlations[i]), low, high;
        size_t atom = tile * OTX__TILE + i;
        high = (value + bound) * weight * (1.0 + 8.0 * OTX__UNIT);
        if (!(weight > 0.0) || high < candidates->least) continue;
        if (otx__support_holds(&screen->supports[target], atom)) continue;
        if (!otx__candidates_add(candidates, atom, value, high)) return;
        low = (value - bound) * weight * (1.0 - 8.0 * OTX__UNIT) -
              4.0 * (double)OTX__LEAST_WEIGHT;
        if (low > candidates->least) candidates->least = low;
    }
}

/* Drops the candidates that better ones, found later, rule out. */
OTX__PRIVATE void otx__screen_prune(otx__candidates *candidates)
{
    size_t i, kept = 0;
    for (i = 0; i < candidates->count; i++) {
        if (candidates->high[i] < candidates->least) continue;
        candidates->atoms[kept] = candidates->atoms[i];
        candidates->correlations[kept++] = candidates->correlations[i];
    }
    candidates->count = kept;
}

/* ---- candidates in the residual form ---- */

/* What the best weighted correlation of all is at least, for a chunk of targets. */
OTX__PRIVATE void otx__sifted_least(const otx__screen *screen, size_t first, size_t count,
                                    otx__finds *finds)
{
    size_t workers = (size_t)otx__threads(screen->problem->dictionary->ctx), worker, j;
    for (j = 0; j < count; j++) finds[j].least = 0.0;
    for (worker = 0; worker < workers; worker++) {
        const float *least = screen->scratch[worker].least + first;
        for (j = 0; j < count; j++)
            if ((double)least[j] > finds[j].least) finds[j].least = (double)least[j];
    }
}

/* Gathers the atoms that the scan could not rule out. */
OTX__PRIVATE void otx__sifted_collect(const otx__screen *screen, size_t target, double least,
                                      otx__candidates *candidates, otx__scratch *scratch)
{
    const otx__dictionary *dictionary = screen->problem->dictionary;
    const float *high = screen->best + target;
    const uint32_t *masks = screen->masks + target;
    size_t tile, i;
    for (tile = 0; tile < dictionary->tiles; tile++) {
        uint32_t mask = masks[tile * screen->capacity];
        if (!mask || (double)high[tile * screen->capacity] < least) continue;
        for (i = tile * OTX__TILE; mask; i++, mask >>= 1)
            if ((mask & 1) && dictionary->weight[i] > 0.0f &&
                !otx__support_holds(&screen->supports[target], i))
                scratch->likely[candidates->count++] = (uint32_t)i;
    }
    scratch->likely_steps++;
}

/* So few are scored in double at once. */
#define OTX__FEW 12

/* The residual, which must be current, as floats of a vector of norm 1. Returns its norm. */
OTX__PRIVATE double otx__likely_open(const otx__dictionary *dictionary, otx__scratch *scratch)
{
    double norm = otx__norm(scratch->residual, dictionary->columns);
    double unit = norm > 1e-290 ? 1.0 / norm : 0.0;
    size_t i;
    for (i = 0; i < dictionary->columns; i++)
        scratch->rough[i] = (float)(scratch->residual[i] * unit);
    return norm;
}

/* What the scores of some likely atoms with that vector are at most, by products in
   float, and, of the best of them, at least. A sum of n such products is off by no more
   than n + 2 units of the norms, whatever its order, and by what counts as 0. */
OTX__PRIVATE double otx__likely_scores(const otx__dictionary *dictionary, size_t first,
                                       size_t end, otx__scratch *scratch)
{
    size_t n = dictionary->columns, i, count;
    double share = 1.02 * (double)(n + 2) * OTX__UNIT, tiny = (double)n * ldexp(1.0, -125);
    double least = 0.0;
    for (; first < end; first += count) {
        const uint32_t *atoms = scratch->likely + first;
        otx__row rows[OTX__TILE];
        float products[OTX__TILE];
        count = otx__min(OTX__TILE, end - first);
        for (i = 0; i < count; i++) rows[i] = otx__rows_at(&dictionary->rows, atoms[i]);
        dictionary->kernels->rough_dots(scratch->rough, rows, count, n, products);
        for (i = 0; i < count; i++) {
            double off = share * dictionary->norms[atoms[i]] + tiny;
            double score = otx__score(dictionary, atoms[i], (double)products[i]);
            double spread = otx__score(dictionary, atoms[i], off);
            bool sound = otx__is_finite(score); /* else beyond a float */
            scratch->scores[first + i] = sound ? score + spread : HUGE_VAL;
            if (sound && score - spread > least) least = score - spread;
        }
    }
    return least;
}

/* Drops those of the likely atoms whose tile promises less than the atoms of the most
   promising tile have, and returns how many are left, in their order. */
OTX__PRIVATE size_t otx__likely_near(const otx__screen *screen, size_t target, size_t count,
                                     double norm, otx__scratch *scratch)
{
    const otx__dictionary *dictionary = screen->problem->dictionary;
    const float *most = screen->best + target;
    double unit = screen->supports[target].norm * (dictionary->cosine ? 1.0 : dictionary->largest);
    size_t best = 0, end, i, kept = 0;
    double least;
    for (i = 0; i < count; i++)
        if (most[scratch->likely[i] / OTX__TILE * screen->capacity] >
            most[scratch->likely[best] / OTX__TILE * screen->capacity])
            best = i;
    for (end = best; end < count; end++)
        if (scratch->likely[end] / OTX__TILE != scratch->likely[best] / OTX__TILE) break;
    least = otx__likely_scores(dictionary, best, end, scratch) * norm / unit * (1.0 - 1e-5);
    for (i = 0; i < count; i++)
        if ((double)most[scratch->likely[i] / OTX__TILE * screen->capacity] >= least)
            scratch->likely[kept++] = scratch->likely[i];
    return kept;
}

/* Makes candidates of those of the likely atoms that can be the best; the deciding
   residual must be current. False if there are none or too many. */
OTX__PRIVATE bool otx__screen_narrow(const otx__screen *screen, size_t target,
                                     otx__candidates *candidates, otx__scratch *scratch)
{
    const otx__dictionary *dictionary = screen->problem->dictionary;
    size_t count = candidates->count, i;
    bool few = count <= OTX__FEW;
    double least = 0.0;
    if (!few) {
        double norm = otx__likely_open(dictionary, scratch);
        count = otx__likely_near(screen, target, count, norm, scratch);
        least = otx__likely_scores(dictionary, 0, count, scratch);
        scratch->likely_atoms += count;
    }
    candidates->count = 0;
    for (i = 0; i < count; i++)
        if ((few || scratch->scores[i] >= least) &&
            !otx__candidates_add(candidates, scratch->likely[i], 0.0, 0.0))
            return false;
    return candidates->count > 0;
}

/* ---- deciding ---- */

/* Scores the candidates in double and returns the best, the lowest index among
   equals. */
OTX__PRIVATE size_t otx__screen_decide(const otx__screen *screen,
                                       const otx__candidates *candidates, otx__scratch *scratch,
                                       double *score)
{
    const otx__dictionary *dictionary = screen->problem->dictionary;
    otx__row rows[OTX__CANDIDATES];
    size_t i, best = 0;
    for (i = 0; i < candidates->count; i++)
        rows[i] = otx__rows_at(&dictionary->rows, candidates->atoms[i]);
    dictionary->kernels->dots(scratch->residual, rows, candidates->count, dictionary->columns,
                              scratch->scores);
    for (i = 0; i < candidates->count; i++) {
        scratch->scores[i] =
            otx__score(dictionary, candidates->atoms[i], scratch->scores[i]);
        if (scratch->scores[i] > scratch->scores[best]) best = i;
    }
    *score = scratch->scores[best];
    return candidates->atoms[best];
}

/* Finds the best atom for one support of a target among the candidates, or ends
   the target. False if it takes more than the candidates to tell. */
OTX__PRIVATE bool otx__screen_best(otx__screen *screen, size_t target, size_t set,
                                   otx__candidates *candidates, otx__scratch *scratch,
                                   size_t *atom)
{
    const otx__problem *problem = screen->problem;
    otx__support *support = &screen->supports[target];
    double rounding = 64.0 * DBL_EPSILON * (double)problem->dictionary->columns, score;
    bool scans = otx__form_scans(screen->form);
    double clock;
    if (scans) otx__screen_prune(candidates);
    /* With atoms barred the screen's least may be theirs. */
    if (candidates->overflow || candidates->count == 0 || support->barred_count) return false;
    *atom = scans ? candidates->atoms[0] : 0;
    if (scans && candidates->count == 1 && !(problem->tolerance > 0.0) &&
        candidates->correlations[0] - screen->bounds[2 * (target * OTX__SETS + set) + 1] >
            2.0 * rounding) {
        scratch->candidates[0]++;
        return true;
    }
    clock = otx__now();
    otx__support_residual(problem, support, scratch);
    if (!otx__support_is_close(problem, support, scratch)) {
        if (!scans && !otx__screen_narrow(screen, target, candidates, scratch)) return false;
        *atom = otx__screen_decide(screen, candidates, scratch, &score);
        support->ended = otx__is_rounding(problem, support, *atom, score);
        scratch->candidates[candidates->count - 1]++;
    }
    scratch->seconds_rescore += otx__now() - clock;
    return true;
}

/* In place of a number of sets: the target is among screen->undecided. */
#define OTX__UNDECIDED UINT32_MAX

/* How a step came out. */
typedef enum otx__outcome {
    OTX__STEP_DONE,     /* an atom was selected, or the target has ended */
    OTX__STEP_FORESEEN, /* the atom predicted was: the next set holds good */
    OTX__STEP_OPEN      /* every atom has to be scored */
} otx__outcome;

/* One step of one target, by what the scan found for its set number `set`. */
OTX__PRIVATE otx__outcome otx__screen_step(otx__screen *screen, size_t target, size_t set,
                                           otx__candidates *candidates,
                                           otx__scratch *scratch)
{
    const otx__problem *problem = screen->problem;
    otx__support *support = &screen->supports[target];
    size_t atom;
    if (!otx__screen_best(screen, target, set, candidates, scratch, &atom))
        return OTX__STEP_OPEN;
    if (support->ended) return OTX__STEP_DONE;
    if (set + 1 < screen->sets[target] && (size_t)support->indices[support->count] == atom) {
        support->count++; /* all else was made ready with the prediction */
        scratch->steps++;
        support->ended = support->count == problem->k;
        return support->ended ? OTX__STEP_DONE : OTX__STEP_FORESEEN;
    }
    return otx__support_select(problem, support, atom, scratch) ? OTX__STEP_DONE : OTX__STEP_OPEN;
}

/* Where more than this share of the atoms are likely, telling them apart takes longer
   than a scan in finer numbers. */
#define OTX__COARSE (1.0 / 40.0)

/* What the weighted correlations of the atoms selected are at most: nothing without
   ridge, as the residual is orthogonal to them. */
OTX__PRIVATE double otx__screen_held(const otx__screen *screen, size_t target, size_t set)
{
    const otx__problem *problem = screen->problem;
    const otx__support *support = &screen->supports[target];
    size_t slot = (target * OTX__SETS + set) * screen->pitch, j;
    double held = 0.0;
    for (j = 0; j < support->count; j++) {
        size_t atom = (size_t)support->indices[j];
        double beta = otx__form_scans(screen->form)
                          ? (double)screen->betas[slot + j]
                          : support->coefficients[j] * problem->dictionary->norms[atom] /
                                support->norm;
        double share = problem->ridge * fabs(beta) * (double)problem->dictionary->weight[atom];
        if (share > held) held = share;
    }
    return held * (1.0 + 1e-5);
}

/* Makes the candidates of a target's set from the tiles that may hold them. */
OTX__PRIVATE void otx__screen_collect(const otx__screen *screen, size_t target, size_t set,
                                      const otx__finds *finds, otx__candidates *candidates,
                                      otx__scratch *scratch)
{
    size_t i;
    candidates->count = 0;
    candidates->least = finds->least;
    candidates->overflow = otx__form_scans(screen->form) && finds->count > OTX__FOUND;
    /* An atom that is selected may have set the mark: none is ruled out by it. */
    if (screen->problem->ridge > 0.0 && finds->least <= otx__screen_held(screen, target, set))
        candidates->overflow = true;
    if (!otx__form_scans(screen->form)) {
        candidates->overflow |= !otx__screen_is_bounded(screen, target);
        if (candidates->overflow) return;
        otx__sifted_collect(screen, target, finds->least, candidates, scratch);
        return;
    }
    for (i = 0; i < finds->count && !candidates->overflow; i++)
        otx__screen_tile(screen, finds->tiles[i], target, set, candidates);
}

/* Selects for a chunk of targets whose `best` is filled in, and makes them ready for
   the next scan: target by target, as all that reads the rows of one support. */
OTX__PRIVATE void otx__select_body(void *argument, size_t index, int worker)
{
    otx__screen *screen = (otx__screen *)argument;
    otx__scratch *scratch = &screen->scratch[worker];
    size_t first = index * OTX__SELECTED, count = otx__min(OTX__SELECTED, screen->count - first);
    size_t sets = 0, set, j;
    otx__finds finds[OTX__SETS][OTX__SELECTED];
    otx__candidates candidates;
    for (j = 0; j < count; j++) sets = otx__max(sets, screen->sets[first + j]);
    for (set = 0; set < sets; set++) {
        if (otx__form_scans(screen->form))
            otx__screen_gather(screen, first, count, set, finds[set]);
        else
            otx__sifted_least(screen, first, count, finds[set]);
    }
    for (j = 0; j < count; j++) {
        size_t target = first + j;
        otx__outcome outcome = OTX__STEP_FORESEEN;
        if (screen->sets[target] == 0) continue;
        for (set = 0; outcome == OTX__STEP_FORESEEN; set++) {
            screen->last[target] = (uint32_t)set;
            otx__screen_collect(screen, target, set, &finds[set][j], &candidates, scratch);
            outcome = otx__screen_step(screen, target, set, &candidates, scratch);
        }
        if (outcome == OTX__STEP_OPEN) screen->sets[target] = OTX__UNDECIDED;
        else otx__screen_next(screen, target, scratch);
    }
}

OTX__PRIVATE void otx__undecided_body(void *argument, size_t index, int worker)
{
    otx__screen *screen = (otx__screen *)argument;
    otx__scratch *scratch = &screen->scratch[worker];
    size_t target = screen->undecided[index];
    scratch->fallbacks++;
    otx__support_exhaustive_step(screen->problem, &screen->supports[target], scratch);
    otx__screen_next(screen, target, scratch);
}

OTX__PRIVATE otx_result otx__screen_select(otx__screen *screen, otx_error *error)
{
    const otx__dictionary *dictionary = screen->problem->dictionary;
    double work = (double)dictionary->count * (double)dictionary->columns;
    size_t count = 0, target, worker;
    uint64_t atoms = 0, steps = 0;
    otx_result result =
        otx__watch_loop(&screen->watch, (screen->count + OTX__SELECTED - 1) / OTX__SELECTED,
                        otx__select_work(screen), otx__select_body, screen, error);
    for (target = 0; target < screen->count; target++)
        if (screen->sets[target] == OTX__UNDECIDED) screen->undecided[count++] = (uint32_t)target;
    if (result) return result;
    for (worker = 0; worker < (size_t)otx__threads(dictionary->ctx); worker++) {
        otx__scratch *scratch = &screen->scratch[worker];
        atoms += scratch->likely_atoms;
        steps += scratch->likely_steps;
        scratch->likely_atoms = scratch->likely_steps = 0;
    }
    screen->coarse = screen->panels.type == OTX__PANEL_INT8 &&
                     (double)atoms > OTX__COARSE * (double)steps * (double)dictionary->count;
    return otx__watch_loop(&screen->watch, count, work, otx__undecided_body, screen, error);
}

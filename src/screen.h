/* ---- screen: which atoms are worth scoring in double ------------------------ */

/* Screening finds, for a block of targets at a time, approximate correlations of
   every atom with every residual and a bound on their error. Only atoms that the
   bound cannot rule out are scored in double, so the selection is exact whatever
   the screen computes in.

   With unit atoms a^ = common * m + rest, and everything in units of the target's
   norm, the correlation of atom n with the residual r = y - sum beta_j a^_j is

       <r, a^_n> = common_n <r, m> + <y', rest_n> - sum beta_j <rest_j, rest_n>

   where y' is y without its part along m. The Gram form keeps the products
   <rest_j, rest_n> and <y', rest_n> as 16-bit fixed point, and rounds beta to 16
   bits, so that a step is a sum of integer products. The residual form keeps no
   products: it multiplies the rests with the residual without its part along m.

   Reading the products takes most of the time, so each reading serves several
   steps: from the tiles with the best atoms of one step the atoms of the next few
   are predicted, and a scan looks at the support with none, one, two ... of them
   at once. A prediction is only ever a guess at what the scan will find; where it
   finds another atom, that one is selected and the guesses after it are dropped.

   The bound, of the error of one such correlation (u = 2^-24, S = sum |beta|,
   Y = ||y'||, e the errors of the rounded betas):

       products of rests     S * (grid + chain)   rounding to the grid, and of the
                                                  float sums they come from
       rounded beta          ||sum e_j a^_j||     computed, from the factor
       products of y'        Y * (grid + chain)
       everything in float   8 u * (1 + S + Y)    rests, common, y', m, beta
       final evaluation      8 u * (Y + |<r, m>| + S)

   For the few tiles that hold candidates the sum is taken again with the betas as
   floats: (t + 4) u S for t terms takes the place of the rounded betas' error.

   The bound must also exceed what rounding leaves of the correlations of the atoms
   selected, which are not quite 0 for the deciding residual: about
   (k + columns) 2^-52 S. The Gram form's 8 u S covers that many times over; the
   residual form adds it.

   grid = 0.51 / 32767 and chain = (OTX__CHAIN + columns / OTX__CHAIN + 4) u bound
   rounding to fixed point and a float sum of products of unit vectors. */

#define OTX__UNIT 5.9604644775390625e-08 /* u */
#define OTX__GRID (0.51 / 32767.0)

/* Candidates of one target and step; more mean that every atom is scored. */
#define OTX__CANDIDATES 256

/* Tiles in which the atoms of the next steps are looked for. */
#define OTX__LIKELY 24

/* Targets that one task selects for: a cache line of `best`. */
#define OTX__SELECTED 16

/* Targets that one task scans: few enough to share the work among threads. */
#define OTX__SCAN_TARGETS 1024

typedef struct otx__screen {
    const otx__problem *problem;
    otx_omp_form form;
    int16_t *gram;          /* [tile][atom][32], in the Gram form */
    size_t width;           /* atoms, padded to whole tiles */
    size_t pitch;           /* k, padded to an even number */
    size_t capacity;        /* targets a block can hold: whole tiles */
    size_t count;           /* targets in the block */
    otx__support *supports; /* [target] */
    float *panels;          /* [target tile][column][32]: y', or the residuals */
    int16_t *start;         /* [tile][target][32]: <y', rest> in the Gram form */
    float *best;            /* [set][tile][target]: largest weighted |correlation| */
    double *bounds;         /* [target][OTX__SETS][2]: of a scan, and of a candidate */
    float *betas;           /* [target][OTX__SETS][pitch] */
    double *along;          /* [target] <y, m> / ||y|| */
    double *rest;           /* [target] ||y'|| / ||y||, rounded up */
    float *scales;          /* these five as in otx__scan */
    uint32_t *atoms, *counts, *sets;
    int16_t *steps;
    otx__scratch *scratch;  /* [worker] */
    size_t group;           /* of tiles: the first that otx__screen_correlate is at */
    uint64_t steps_done, steps_total; /* for progress */
} otx__screen;

OTX__PRIVATE double otx__chain_error(size_t columns)
{
    return ((double)OTX__CHAIN + (double)(columns / OTX__CHAIN) + 4.0) * OTX__UNIT;
}

/* Nearest integer to a number, within int16; wrong by at most 0.51 in all. */
OTX__PRIVATE int16_t otx__fixed(float value)
{
    float shifted = value + (value < 0.0f ? -0.5f : 0.5f);
    if (shifted > 32767.0f) return 32767;
    if (shifted < -32767.0f) return -32767;
    return (int16_t)shifted;
}

/* ---- products of all atoms with the rows of a panel ---- */

/* Tiles of atoms whose panels, read again and again, stay in a core's cache. */
OTX__PRIVATE size_t otx__group_tiles(size_t columns)
{
    size_t tiles = ((size_t)1 << 20) / (columns * OTX__TILE * sizeof(float) + 1);
    return tiles < 1 ? 1 : tiles > 8 ? 8 : tiles;
}

typedef struct otx__gram_task {
    otx__screen *screen;
    size_t first, end; /* the group of tiles at hand */
} otx__gram_task;

/* Products of tile `index` with the group's tiles from it on, stored on both
   sides of the diagonal. No two tasks write the same place. */
OTX__PRIVATE void otx__gram_body(void *argument, size_t index, int worker)
{
    otx__gram_task *task = (otx__gram_task *)argument;
    otx__screen *screen = task->screen;
    const otx__dictionary *dictionary = screen->problem->dictionary;
    size_t size = dictionary->columns * OTX__TILE, tile, strip, i, j;
    const float *other = dictionary->panels + index * size;
    (void)worker;
    for (tile = otx__max(task->first, index); tile < task->end; tile++) {
        for (strip = 0; strip < OTX__TILE; strip += OTX__STRIP) {
            float products[OTX__STRIP * OTX__TILE];
            size_t column = index * OTX__TILE + strip, row = tile * OTX__TILE;
            int16_t *here = screen->gram + (tile * screen->width + column) * OTX__TILE;
            int16_t *there = screen->gram + (index * screen->width + row) * OTX__TILE + strip;
            dictionary->kernels->product(dictionary->panels + tile * size, other + strip,
                                         dictionary->columns, products);
            for (j = 0; j < OTX__STRIP; j++) {
                for (i = 0; i < OTX__TILE; i++) {
                    int16_t fixed = otx__fixed(products[j * OTX__TILE + i] * 32767.0f);
                    here[j * OTX__TILE + i] = fixed;
                    there[i * OTX__TILE + j] = fixed;
                }
            }
        }
    }
}

OTX__PRIVATE otx_result otx__screen_gram(otx__screen *screen, otx_error *error)
{
    const otx__dictionary *dictionary = screen->problem->dictionary;
    size_t group = otx__group_tiles(dictionary->columns);
    otx_result result = OTX_OK;
    otx__gram_task task;
    task.screen = screen;
    for (task.first = 0; task.first < dictionary->tiles && !result; task.first = task.end) {
        task.end = otx__min(dictionary->tiles, task.first + group);
        otx__parallel(dictionary->ctx, task.end, otx__gram_body, &task);
        result = otx__progress(dictionary->ctx, OTX_STAGE_GRAM, NULL, task.end * OTX__TILE,
                               dictionary->tiles * OTX__TILE, error);
    }
    return result;
}

/* One strip of products of a tile with eight targets: to fixed point, or, in the
   residual form, to the largest weighted correlation. */
OTX__PRIVATE void otx__screen_strip(otx__screen *screen, size_t tile, size_t target,
                                    const float *products)
{
    const otx__dictionary *dictionary = screen->problem->dictionary;
    const float *common = dictionary->common + tile * OTX__TILE;
    const float *weight = dictionary->weight + tile * OTX__TILE;
    size_t i, j;
    for (j = 0; j < OTX__STRIP && target + j < screen->count; j++) {
        const float *column = products + j * OTX__TILE;
        if (screen->form == OTX_FORM_GRAM) {
            double rest = screen->rest[target + j];
            float scale = rest > 0.0 ? (float)(32767.0 / rest) : 0.0f;
            int16_t *start =
                screen->start + (tile * screen->capacity + target + j) * OTX__TILE;
            for (i = 0; i < OTX__TILE; i++) start[i] = otx__fixed(column[i] * scale);
        } else {
            float along = screen->scales[3 * OTX__SETS * (target + j) + 1], best = 0.0f;
            for (i = 0; i < OTX__TILE; i++) {
                float score = weight[i] * fabsf(column[i] + common[i] * along);
                if (score > best) best = score;
            }
            screen->best[tile * screen->capacity + target + j] = best;
        }
    }
}

/* All targets of the block against one group of tiles, from screen->group on. */
OTX__PRIVATE void otx__correlate_body(void *argument, size_t index, int worker)
{
    otx__screen *screen = (otx__screen *)argument;
    const otx__dictionary *dictionary = screen->problem->dictionary;
    size_t size = dictionary->columns * OTX__TILE, group = otx__group_tiles(dictionary->columns);
    size_t first = (screen->group + index) * group, target, tile, strip;
    size_t end = otx__min(dictionary->tiles, first + group);
    (void)worker;
    for (target = 0; target < screen->count; target += OTX__TILE) {
        const float *panel = screen->panels + target / OTX__TILE * size;
        for (tile = first; tile < end; tile++) {
            for (strip = 0; strip < OTX__TILE; strip += OTX__STRIP) {
                float products[OTX__STRIP * OTX__TILE];
                dictionary->kernels->product(dictionary->panels + tile * size, panel + strip,
                                             dictionary->columns, products);
                otx__screen_strip(screen, tile, target + strip, products);
            }
        }
    }
}

/* Multiply-adds between two looks at whether the caller wants to stop. */
#define OTX__POLL_WORK 4e9

OTX__PRIVATE otx_result otx__screen_correlate(otx__screen *screen, otx_error *error)
{
    const otx__dictionary *dictionary = screen->problem->dictionary;
    size_t group = otx__group_tiles(dictionary->columns);
    size_t groups = (dictionary->tiles + group - 1) / group;
    double work = (double)(group * OTX__TILE) * (double)dictionary->columns *
                  (double)screen->count;
    size_t threads = (size_t)otx__threads(dictionary->ctx);
    size_t slice = otx__max(threads, (size_t)otx__least(OTX__POLL_WORK / work, (double)groups));
    otx_result result = OTX_OK;
    for (screen->group = 0; screen->group < groups && !result; screen->group += slice) {
        otx__parallel(dictionary->ctx, otx__min(slice, groups - screen->group),
                      otx__correlate_body, screen);
        result = otx__progress(dictionary->ctx, OTX_STAGE_SOLVE, NULL, screen->steps_done,
                               screen->steps_total, error);
    }
    return result;
}

/* ---- what a step of one target needs ---- */

/* Splits a vector (a target or a residual) into its part along m, returned in
   units of the target's norm, and its rest, put into the panel. */
OTX__PRIVATE double otx__screen_split(otx__screen *screen, size_t target, const double *vector)
{
    const otx__dictionary *dictionary = screen->problem->dictionary;
    size_t n = dictionary->columns, p;
    float *panel = screen->panels + target / OTX__TILE * n * OTX__TILE + target % OTX__TILE;
    double norm = screen->supports[target].norm, along = 0.0, square = 0.0;
    for (p = 0; p < n; p++) along += vector[p] * dictionary->direction[p];
    for (p = 0; p < n; p++) {
        double rest = norm > 0.0 ? (vector[p] - along * dictionary->direction[p]) / norm : 0.0;
        panel[p * OTX__TILE] = (float)rest;
        square += rest * rest;
    }
    screen->rest[target] = sqrt(square) * (1.0 + 1e-6) + 1e-30;
    return norm > 0.0 ? along / norm : 0.0;
}

/* ||sum of errors_j a^_j||, from the factor: G = L L', so it is ||L' e||. */
OTX__PRIVATE double otx__support_span(const otx__support *support, const double *errors)
{
    double square = 0.0;
    size_t i, j;
    for (j = 0; j < support->count; j++) {
        double sum = 0.0;
        for (i = j; i < support->count; i++)
            sum += support->factor[i * (i + 1) / 2 + j] * errors[i];
        square += sum * sum;
    }
    return sqrt(square) * (1.0 + 1e-6);
}

/* Rounds the coefficients of a support for the next scan, as its set number
   `set`, and bounds what comes of it. */
OTX__PRIVATE void otx__screen_prepare(otx__screen *screen, size_t target, size_t set,
                                      otx__scratch *scratch)
{
    const otx__dictionary *dictionary = screen->problem->dictionary;
    otx__support *support = &screen->supports[target];
    uint32_t *atoms = screen->atoms + target * screen->pitch;
    size_t count = support->ended ? 0 : support->count, j, slot = target * OTX__SETS + set;
    int16_t *steps = screen->steps + slot * screen->pitch;
    double *betas = scratch->products, sum = 0.0, largest = 0.0, along = screen->along[target];
    double rest = screen->rest[target], chain = otx__chain_error(dictionary->columns), unit;
    double *bounds = screen->bounds + 2 * slot;
    otx__support_solve(support);
    for (j = 0; j < count; j++) {
        size_t atom = (size_t)support->indices[j];
        betas[j] = support->coefficients[j] * dictionary->norms[atom] / support->norm;
        along -= support->coefficients[j] * dictionary->along[atom] / support->norm;
        sum += fabs(betas[j]);
        if (fabs(betas[j]) > largest) largest = fabs(betas[j]);
        atoms[j] = (uint32_t)atom;
        screen->betas[slot * screen->pitch + j] = (float)betas[j];
    }
    /* Sums of up to 65,536 times 32,767 fit 32 bits. */
    unit = sum / (65500.0 - (double)count);
    if (unit < largest / 32766.0) unit = largest / 32766.0;
    if (!(unit > 0.0)) unit = 1.0;
    memset(steps, 0, screen->pitch * sizeof *steps);
    for (j = 0; j < count; j++) {
        double rounded = betas[j] / unit;
        steps[j] = (int16_t)(rounded + (rounded < 0.0 ? -0.5 : 0.5));
        /* The error of the coefficient itself, as the factor wants it. */
        betas[j] = (betas[j] - unit * steps[j]) * support->norm /
                   dictionary->norms[support->indices[j]];
    }
    /* What the scan adds up are the rounded betas. */
    bounds[0] = (sum + 0.5 * (double)count * unit) * (OTX__GRID + chain) +
                rest * (OTX__GRID + chain) +
                8.0 * OTX__UNIT * (2.0 + 2.0 * sum + 2.0 * rest + fabs(along));
    bounds[1] = bounds[0] + ((double)count + 4.0) * OTX__UNIT * sum;
    if (count) bounds[0] += otx__support_span(support, betas) / support->norm;
    if (count % 2) {
        atoms[count] = atoms[count - 1];
        count++;
    }
    screen->counts[target] = (uint32_t)count;
    screen->sets[target] = (uint32_t)set + 1;
    screen->scales[3 * slot] = (float)(rest / 32767.0);
    screen->scales[3 * slot + 1] = (float)along;
    screen->scales[3 * slot + 2] = (float)(unit / 32767.0);
}

/* The same for the residual form, whose panel must be made anew. */
OTX__PRIVATE void otx__screen_residual(otx__screen *screen, size_t target, otx__scratch *scratch)
{
    const otx__problem *problem = screen->problem;
    otx__support *support = &screen->supports[target];
    double along, sum = 0.0, chain = otx__chain_error(problem->dictionary->columns);
    size_t slot = target * OTX__SETS, j;
    if (support->ended) {
        memset(scratch->residual, 0, problem->dictionary->columns * sizeof *scratch->residual);
    } else {
        otx__support_residual(problem, support, scratch);
        for (j = 0; j < support->count; j++)
            sum += fabs(support->coefficients[j]) *
                   problem->dictionary->norms[support->indices[j]] / support->norm;
    }
    along = otx__screen_split(screen, target, scratch->residual);
    screen->bounds[2 * slot] = screen->rest[target] * chain +
                               8.0 * OTX__UNIT * (2.0 + screen->rest[target] + fabs(along)) +
                               8.0 * DBL_EPSILON * (1.0 + sum) *
                                   (double)(problem->k + problem->dictionary->columns);
    screen->scales[3 * slot + 1] = (float)along;
    screen->sets[target] = 1;
}

/* ---- scanning ---- */

OTX__PRIVATE otx__scan otx__screen_scan(const otx__screen *screen, size_t tile, size_t target,
                                        size_t count)
{
    const otx__dictionary *dictionary = screen->problem->dictionary;
    otx__scan scan;
    scan.gram = screen->gram + tile * screen->width * OTX__TILE;
    scan.common = dictionary->common + tile * OTX__TILE;
    scan.weight = dictionary->weight + tile * OTX__TILE;
    scan.start = screen->start + (tile * screen->capacity + target) * OTX__TILE;
    scan.atoms = screen->atoms + target * screen->pitch;
    scan.steps = screen->steps + target * OTX__SETS * screen->pitch;
    scan.counts = screen->counts + target;
    scan.sets = screen->sets + target;
    scan.scales = screen->scales + target * OTX__SETS * 3;
    scan.pitch = screen->pitch;
    scan.targets = count;
    scan.best = screen->best + tile * screen->capacity + target;
    scan.best_pitch = dictionary->tiles * screen->capacity;
    return scan;
}

OTX__PRIVATE void otx__scan_body(void *argument, size_t index, int worker)
{
    const otx__screen *screen = (const otx__screen *)argument;
    size_t parts = (screen->count + OTX__SCAN_TARGETS - 1) / OTX__SCAN_TARGETS;
    size_t target = index % parts * OTX__SCAN_TARGETS;
    otx__scan scan = otx__screen_scan(screen, index / parts, target,
                                      otx__min(OTX__SCAN_TARGETS, screen->count - target));
    (void)worker;
    screen->problem->dictionary->kernels->scan(&scan);
}

/* Fills in `best` for the coming steps of the block. */
OTX__PRIVATE otx_result otx__screen_scan_all(otx__screen *screen, otx_error *error)
{
    const otx__dictionary *dictionary = screen->problem->dictionary;
    size_t parts = (screen->count + OTX__SCAN_TARGETS - 1) / OTX__SCAN_TARGETS;
    if (screen->form != OTX_FORM_GRAM) return otx__screen_correlate(screen, error);
    otx__parallel(dictionary->ctx, dictionary->tiles * parts, otx__scan_body, screen);
    return OTX_OK;
}

/* ---- selecting ---- */

/* Atoms that may be the best for one support of one target, with their
   correlations as the screen has them, weighted in `high` with the error added. */
typedef struct otx__candidates {
    size_t atoms[OTX__CANDIDATES];
    double correlations[OTX__CANDIDATES], high[OTX__CANDIDATES];
    size_t count;
    bool overflow;
    double least; /* what the best weighted correlation of all is at least */
} otx__candidates;

/* The correlations of one tile's atoms, with the coefficients as floats. */
OTX__PRIVATE void otx__screen_refine(const otx__screen *screen, size_t tile, size_t target,
                                     size_t set, float *correlations)
{
    const otx__dictionary *dictionary = screen->problem->dictionary;
    size_t slot = target * OTX__SETS + set, count = screen->supports[target].count, i, j;
    const float *betas = screen->betas + slot * screen->pitch, *scales = screen->scales + 3 * slot;
    const uint32_t *atoms = screen->atoms + target * screen->pitch;
    const int16_t *gram = screen->gram + tile * screen->width * OTX__TILE;
    const int16_t *start = screen->start + (tile * screen->capacity + target) * OTX__TILE;
    const float *common = dictionary->common + tile * OTX__TILE;
    for (i = 0; i < OTX__TILE; i++)
        correlations[i] = (float)start[i] * scales[0] + common[i] * scales[1];
    for (j = 0; j < count; j++) {
        const int16_t *column = gram + (size_t)atoms[j] * OTX__TILE;
        float beta = betas[j] / 32767.0f;
        for (i = 0; i < OTX__TILE; i++) correlations[i] -= beta * (float)column[i];
    }
}

/* Adds the atoms of one tile that may be the best. */
OTX__PRIVATE void otx__screen_tile(const otx__screen *screen, size_t tile, size_t target,
                                   size_t set, otx__candidates *candidates)
{
    const otx__dictionary *dictionary = screen->problem->dictionary;
    const float *weights = dictionary->weight + tile * OTX__TILE;
    float correlations[OTX__TILE] = {0};
    double bound = 1.0; /* the residual form scores every atom of the tile */
    size_t i;
    if (screen->form == OTX_FORM_GRAM) {
        bound = screen->bounds[2 * (target * OTX__SETS + set) + 1];
        otx__screen_refine(screen, tile, target, set, correlations);
    }
    for (i = 0; i < OTX__TILE; i++) {
        double weight = (double)weights[i], value = fabs((double)correlations[i]), low, high;
        size_t atom = tile * OTX__TILE + i;
        high = (value + bound) * weight * (1.0 + 8.0 * OTX__UNIT);
        if (!(weight > 0.0)) continue;
        if (screen->form == OTX_FORM_GRAM && high < candidates->least) continue;
        if (otx__support_holds(&screen->supports[target], atom)) continue;
        if (candidates->count == OTX__CANDIDATES) {
            candidates->overflow = true;
            return;
        }
        candidates->atoms[candidates->count] = atom;
        candidates->correlations[candidates->count] = value;
        candidates->high[candidates->count++] = high;
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

/* Scores the candidates in double and returns the best, the lowest index among
   equals; *score is its |correlation|. */
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
    for (i = 1; i < candidates->count; i++)
        if (fabs(scratch->scores[i]) > fabs(scratch->scores[best])) best = i;
    *score = fabs(scratch->scores[best]);
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
    bool gram = screen->form == OTX_FORM_GRAM;
    if (gram) otx__screen_prune(candidates);
    /* With atoms barred the screen's least may be theirs. */
    if (candidates->overflow || candidates->count == 0 || support->barred_count) return false;
    scratch->candidates += candidates->count;
    *atom = candidates->atoms[0];
    if (gram && candidates->count == 1 && !(problem->tolerance > 0.0) &&
        candidates->correlations[0] - screen->bounds[2 * (target * OTX__SETS + set) + 1] >
            2.0 * rounding)
        return true;
    otx__support_residual(problem, support, scratch);
    if (otx__support_is_close(problem, support, scratch)) return true;
    *atom = otx__screen_decide(screen, candidates, scratch, &score);
    support->ended = otx__is_rounding(problem, support, *atom, score);
    return true;
}

/* One step of one target, by what the scan found for its set number `set`. True
   if the atom selected is the one predicted, so that the next set holds good. */
OTX__PRIVATE bool otx__screen_step(otx__screen *screen, size_t target, size_t set,
                                   otx__candidates *candidates, otx__scratch *scratch)
{
    const otx__problem *problem = screen->problem;
    otx__support *support = &screen->supports[target];
    size_t atom;
    if (otx__screen_best(screen, target, set, candidates, scratch, &atom)) {
        if (support->ended) return false;
        if (set + 1 < screen->sets[target] && (size_t)support->indices[support->count] == atom) {
            support->count++; /* all else was made ready with the prediction */
            scratch->steps++;
            support->ended = support->count == problem->k;
            return !support->ended;
        }
        if (otx__support_select(problem, support, atom, scratch)) return false;
    }
    scratch->fallbacks++;
    otx__support_exhaustive_step(problem, support, scratch);
    return false;
}

/* The candidates of a chunk of targets, for their sets number `set`. */
OTX__PRIVATE void otx__screen_gather(const otx__screen *screen, size_t first, size_t count,
                                     size_t set, const bool *active, otx__candidates *candidates)
{
    const otx__dictionary *dictionary = screen->problem->dictionary;
    const float *all = screen->best + set * dictionary->tiles * screen->capacity + first;
    double least[OTX__SELECTED], bounds[OTX__SELECTED];
    size_t tile, j;
    for (j = 0; j < count; j++) {
        least[j] = 0.0;
        bounds[j] = screen->bounds[2 * ((first + j) * OTX__SETS + set)];
        candidates[j].count = 0;
        candidates[j].overflow = false;
    }
    for (tile = 0; tile < dictionary->tiles; tile++) {
        const float *best = all + tile * screen->capacity;
        double weight = dictionary->tile_weight[tile];
        for (j = 0; j < count; j++) {
            double low = (double)best[j] * (1.0 - 8.0 * OTX__UNIT) - weight * bounds[j] -
                         4.0 * (double)OTX__LEAST_WEIGHT;
            if (low > least[j]) least[j] = low;
        }
    }
    for (j = 0; j < count; j++) candidates[j].least = least[j];
    for (tile = 0; tile < dictionary->tiles; tile++) {
        const float *best = all + tile * screen->capacity;
        double weight = dictionary->tile_weight[tile];
        for (j = 0; j < count; j++) {
            double high = (double)best[j] * (1.0 + 8.0 * OTX__UNIT) + weight * bounds[j];
            if (high >= least[j] && active[j] && !candidates[j].overflow)
                otx__screen_tile(screen, tile, first + j, set, &candidates[j]);
        }
    }
}

/* ---- predicting ---- */

/* The tiles that held the best atoms for a target's set. Returns how many. */
OTX__PRIVATE size_t otx__screen_likely(const otx__screen *screen, size_t target, size_t set,
                                       size_t likely[OTX__LIKELY])
{
    size_t tiles = screen->problem->dictionary->tiles, count = 0, tile, at;
    const float *best = screen->best + set * tiles * screen->capacity + target;
    float values[OTX__LIKELY];
    for (tile = 0; tile < tiles; tile++) {
        float value = best[tile * screen->capacity];
        if (count == OTX__LIKELY && !(value > values[count - 1])) continue;
        if (count < OTX__LIKELY) count++;
        for (at = count - 1; at > 0 && value > values[at - 1]; at--) {
            values[at] = values[at - 1];
            likely[at] = likely[at - 1];
        }
        values[at] = value;
        likely[at] = tile;
    }
    return count;
}

/* The best atom in these tiles for a target's set; false if there is none. */
OTX__PRIVATE bool otx__screen_guess(const otx__screen *screen, size_t target, size_t set,
                                    const size_t *likely, size_t count, size_t *atom)
{
    const otx__dictionary *dictionary = screen->problem->dictionary;
    static const uint32_t one = 1;
    float best = 0.0f, correlations[OTX__TILE];
    size_t i, tile = likely[0];
    const float *weight;
    bool found = false;
    for (i = 0; i < count; i++) {
        float value;
        otx__scan scan = otx__screen_scan(screen, likely[i], target, 1);
        scan.steps += set * screen->pitch;
        scan.scales += set * 3;
        scan.sets = &one;
        scan.best = &value;
        dictionary->kernels->scan(&scan);
        if (value > best) {
            best = value;
            tile = likely[i];
        }
    }
    otx__screen_refine(screen, tile, target, set, correlations);
    weight = dictionary->weight + tile * OTX__TILE;
    best = 0.0f;
    for (i = 0; i < OTX__TILE; i++) {
        float score = weight[i] * fabsf(correlations[i]);
        size_t index = tile * OTX__TILE + i;
        if (!(score > best) || otx__support_holds(&screen->supports[target], index)) continue;
        best = score;
        *atom = index;
        found = true;
    }
    return found;
}

/* Makes the sets for the next scan: the support as it is, and with one atom after
   the other that is likely to come. `set` is the last that the scan got right. */
OTX__PRIVATE void otx__screen_predict(otx__screen *screen, size_t target, size_t set,
                                      otx__scratch *scratch)
{
    const otx__problem *problem = screen->problem;
    otx__support *support = &screen->supports[target];
    size_t likely[OTX__LIKELY], sure = support->count, sets, count, atom;
    otx__screen_prepare(screen, target, 0, scratch);
    if (support->ended) return;
    count = otx__screen_likely(screen, target, set, likely);
    /* One more than was right the last time. */
    for (sets = 1; sets < OTX__SETS && sets <= set + 1 && support->count + 1 < problem->k;
         sets++) {
        if (!otx__screen_guess(screen, target, sets - 1, likely, count, &atom) ||
            !otx__support_append(problem, support, atom, scratch))
            break;
        otx__screen_prepare(screen, target, sets, scratch);
    }
    support->count = sure;
}

/* Selects for a chunk of targets whose `best` is filled in, and makes them ready
   for the next scan. */
OTX__PRIVATE void otx__select_body(void *argument, size_t index, int worker)
{
    otx__screen *screen = (otx__screen *)argument;
    otx__scratch *scratch = &screen->scratch[worker];
    size_t first = index * OTX__SELECTED, count = otx__min(OTX__SELECTED, screen->count - first);
    size_t last[OTX__SELECTED], set, j;
    bool active[OTX__SELECTED], any = true;
    otx__candidates candidates[OTX__SELECTED];
    for (j = 0; j < count; j++) {
        active[j] = !screen->supports[first + j].ended;
        last[j] = 0;
    }
    for (set = 0; set < OTX__SETS && any; set++) {
        otx__screen_gather(screen, first, count, set, active, candidates);
        any = false;
        for (j = 0; j < count; j++) {
            if (!active[j]) continue;
            last[j] = set;
            active[j] = otx__screen_step(screen, first + j, set, &candidates[j], scratch);
            any |= active[j];
        }
    }
    for (j = 0; j < count; j++) {
        if (screen->form == OTX_FORM_GRAM)
            otx__screen_predict(screen, first + j, last[j], scratch);
        else
            otx__screen_residual(screen, first + j, scratch);
    }
}

/* ---- a block of targets ---- */

/* Makes the targets of the block ready for the first step. */
OTX__PRIVATE void otx__screen_open_body(void *argument, size_t index, int worker)
{
    otx__screen *screen = (otx__screen *)argument;
    const otx__dictionary *dictionary = screen->problem->dictionary;
    otx__scratch *scratch = &screen->scratch[worker];
    size_t target, end = otx__min(screen->count, (index + 1) * OTX__TILE);
    for (target = index * OTX__TILE; target < end; target++) {
        if (screen->form == OTX_FORM_GRAM) {
            otx__row_widen(dictionary->kernels, screen->supports[target].target,
                           dictionary->columns, scratch->row);
            screen->along[target] = otx__screen_split(screen, target, scratch->row);
            otx__screen_prepare(screen, target, 0, scratch);
        } else {
            otx__screen_residual(screen, target, scratch);
        }
    }
}

OTX__PRIVATE otx_result otx__screen_open_block(otx__screen *screen, otx_error *error)
{
    const otx__dictionary *dictionary = screen->problem->dictionary;
    otx__parallel(dictionary->ctx, otx__tiles(screen->count), otx__screen_open_body, screen);
    return screen->form == OTX_FORM_GRAM ? otx__screen_correlate(screen, error) : OTX_OK;
}

OTX__PRIVATE void otx__screen_select(otx__screen *screen)
{
    otx__parallel(screen->problem->dictionary->ctx,
                  (screen->count + OTX__SELECTED - 1) / OTX__SELECTED, otx__select_body, screen);
}

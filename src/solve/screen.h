/* ---- screen: which atoms are worth scoring in double ------------------------ */

/* Screening finds, for a block of targets at a time, approximate correlations of
   every atom with every residual and a bound on their error. Only atoms that the
   bound cannot rule out are scored in double, so the selection is exact whatever
   the screen computes in.

   With unit atoms a^ = common * m + rest, and everything in units of the target's
   norm, the correlation of atom n with the residual r = y - sum beta_j a^_j is

       <r, a^_n> = common_n <r, m> + <y', rest_n> - sum beta_j <rest_j, rest_n>

   where y' is y without its part along m. The Gram form and the columns form keep
   the products <rest_j, rest_n> (table.h) and <y', rest_n> as 16-bit fixed point, and
   round beta to 16 bits, so that a step is a sum of integer products. The residual
   form keeps no products: it multiplies the rests with the residual without its part
   along m, both rounded to 8 bits or to bf16 where that is faster.

   Reading the products takes most of the time, so each reading serves several
   steps: among the best atoms of one step those of the next few are guessed
   (predict.h), and a scan looks at the support with none, one, two ... of them at
   once. A guess never decides: where the scan finds another atom, that one is
   selected and the guesses after it are dropped (select.h).

   The bound, of the error of one such correlation (u = 2^-24, S = sum |beta|,
   Y = ||y'||, e the errors of the rounded betas):

       products of rests     S * (grid + chain)   rounding to the grid, and of the
                                                  float sums they come from
       rounded beta          ||sum e_j a^_j||     computed, from the factor
       products of y'        Y * grid + (1 or Y) * chain   1 with panels of rows
       everything in float   8 u * (2 + 2 S + 2 Y)   rests, common, y', m, beta
       final evaluation      8 u * (Y + |<r, m>| + S)

   For the few tiles that hold candidates the sum is taken again with the betas as
   floats: (t + 4) u S for t terms takes the place of the rounded betas' error.

   In the residual form, with R = ||rest of r||, d_n = ||rest_n - what it is rounded to||
   and d = the same of the residual:

       rounded rests         d_n (R + d) + d      norms computed when they are rounded
       their products        1.02 R * chain       0 with 8 bits, as integers are exact
       everything in float   16 u * (2 + R + |<r, m>|)

   The bound must also exceed what rounding leaves of the correlations of the atoms
   selected, which are not quite 0 for the deciding residual: about
   (k + columns) 2^-52 S. The Gram form's 8 u S covers that many times over; the
   residual form adds it.

   grid = 0.51 / 32767 and chain = (OTX__CHAIN + columns / OTX__CHAIN + 12) u bound
   rounding to fixed point and a float sum of products of unit vectors; in that 12
   are the scales and the common part that products of rows take off last. */

#define OTX__UNIT 5.9604644775390625e-08 /* u */
#define OTX__GRID (0.51 / 32767.0)

typedef struct otx__screen {
    const otx__problem *problem;
    otx_omp_form form;
    otx__table table;       /* in the forms that scan */
    size_t pitch;           /* k, padded to an even number */
    size_t capacity;        /* targets a block can hold: whole tiles */
    size_t count;           /* targets in the block */
    otx__support *supports; /* [target] */
    otx__panels panels;     /* the targets, or their residuals */
    int16_t *start;         /* [tile][target][32]: <y', rest> in the forms that scan */
    float *best;            /* [set][tile][target]: largest weighted |correlation|; in the
                               residual form what those of the masks are at most */
    uint32_t *masks;        /* [tile][target] the residual form: a tile's atoms that may
                               be the best of all */
    double *bounds;         /* [target][OTX__SETS][2]: of a scan, and of a candidate; the
                               residual form's may be infinite */
    float *betas;           /* [target][OTX__SETS][pitch] */
    double *along;          /* [target] <y, m> / ||y|| */
    double *rest;           /* [target] ||y'|| / ||y||, rounded up */
    float *scales;          /* these five as in otx__scan */
    uint32_t *atoms, *counts, *sets;
    int16_t *steps;
    uint32_t *last;         /* [target] the last set that the last scan got right */
    uint32_t *undecided;    /* targets whose every atom is to be scored */
    otx__scratch *scratch;  /* [worker] */
    otx__watch watch;       /* of the stage at hand */
    uint64_t passes;        /* scans of a whole block */
    bool coarse;            /* the panels' 8 bits leave too many candidates */
} otx__screen;

/* Whether correlations come from a table of products, not from the residuals. */
OTX__PRIVATE bool otx__form_scans(otx_omp_form form)
{
    return form == OTX_FORM_GRAM || form == OTX_FORM_COLUMNS;
}

OTX__PRIVATE double otx__chain_error(size_t columns)
{
    return ((double)OTX__CHAIN + (double)(columns / OTX__CHAIN) + 12.0) * OTX__UNIT;
}

/* ---- products of all atoms with the rows of a panel ---- */

/* Products of a tile's atoms with one target: to fixed point. */
OTX__PRIVATE void otx__screen_start(const otx__screen *screen, size_t tile, size_t target,
                                    const float *products)
{
    double rest = screen->rest[target];
    float scale = rest > 0.0 ? (float)(32767.0 / rest) : 0.0f;
    int16_t *start = screen->start + (tile * screen->capacity + target) * OTX__TILE;
    size_t i;
    for (i = 0; i < OTX__TILE; i++) start[i] = otx__fixed(products[i] * scale);
}

/* Products of a tile's atoms with the residual of one target: to the atoms that may have
   the largest correlation of all. */
OTX__PRIVATE void otx__screen_sift(const otx__screen *screen, size_t tile, size_t target,
                                   const float *products, float *least)
{
    const otx__dictionary *dictionary = screen->problem->dictionary;
    size_t first = tile * OTX__TILE, at = tile * screen->capacity + target;
    otx__sift sift;
    sift.products = products;
    sift.scale = dictionary->panels.scale + first;
    sift.common = dictionary->panels.common + first;
    sift.weight = dictionary->weight + first;
    sift.error = dictionary->panels.error + first;
    sift.by = screen->panels.scale[target];
    sift.along = screen->panels.common[target];
    sift.bound = (float)screen->bounds[2 * target * OTX__SETS];
    sift.rest = (float)screen->rest[target];
    screen->masks[at] = dictionary->kernels->sift(&sift, &least[target], &screen->best[at]);
}

/* Whether the residual form has a bound for a target. */
OTX__PRIVATE bool otx__screen_is_bounded(const otx__screen *screen, size_t target)
{
    return screen->bounds[2 * target * OTX__SETS] < HUGE_VAL;
}

/* The products of a tile with the targets of one panel; in the residual form `least` is
   what the best of each target is at least, as far as this worker knows. */
OTX__PRIVATE void otx__screen_products(const otx__screen *screen, size_t tile, size_t panel,
                                       const float *products, float *least)
{
    size_t first = panel * OTX__TILE, target;
    size_t end = otx__min(screen->count, first + OTX__TILE);
    for (target = first; target < end; target++, products += OTX__TILE) {
        if (otx__form_scans(screen->form)) otx__screen_start(screen, tile, target, products);
        else if (screen->sets[target] && otx__screen_is_bounded(screen, target))
            otx__screen_sift(screen, tile, target, products, least);
    }
}

/* All targets of the block against one group of tiles. */
OTX__PRIVATE void otx__correlate_body(void *argument, size_t index, int worker)
{
    otx__screen *screen = (otx__screen *)argument;
    const otx__dictionary *dictionary = screen->problem->dictionary;
    size_t group = otx__panels_group(&dictionary->panels), first = index * group, panel, tile;
    size_t tiles = otx__min(group, dictionary->tiles - first);
    float *block = screen->scratch[worker].block;
    for (panel = 0; panel < otx__tiles(screen->count); panel++) {
        otx__panels_multiply(dictionary->kernels, &dictionary->panels, first, tiles,
                             &screen->panels, panel, block);
        for (tile = 0; tile < tiles; tile++)
            otx__screen_products(screen, first + tile, panel,
                                 block + tile * OTX__TILE * OTX__TILE,
                                 screen->scratch[worker].least);
    }
}

OTX__PRIVATE otx_result otx__screen_correlate(otx__screen *screen, otx_error *error)
{
    const otx__dictionary *dictionary = screen->problem->dictionary;
    size_t group = otx__panels_group(&dictionary->panels);
    double work = (double)(group * OTX__TILE) * (double)dictionary->columns *
                  (double)screen->count;
    size_t worker, target;
    for (worker = 0; worker < (size_t)otx__threads(dictionary->ctx); worker++)
        for (target = 0; target < screen->count && !otx__form_scans(screen->form); target++)
            screen->scratch[worker].least[target] = 0.0f;
    return otx__watch_loop(&screen->watch, (dictionary->tiles + group - 1) / group, work,
                           otx__correlate_body, screen, error);
}

/* ---- what a step of one target needs ---- */

/* Splits a vector (a target or a residual) into its part along m, which is returned,
   and its rest, both in units of the target's norm, and puts it into the panel. */
OTX__PRIVATE double otx__screen_split(otx__screen *screen, size_t target, const double *vector)
{
    const otx__dictionary *dictionary = screen->problem->dictionary;
    const otx__support *support = &screen->supports[target];
    size_t n = dictionary->columns, p;
    double along = 0.0, square = 0.0;
    screen->rest[target] = 1e-30;
    if (!(support->norm > 0.0)) return 0.0;
    for (p = 0; p < n; p++) along += vector[p] * dictionary->direction[p];
    along /= support->norm;
    screen->panels.common[target] = (float)along;
    if (screen->panels.type == OTX__PANEL_ROWS) {
        otx__panels_put_row(&screen->panels, target, support->target, n, support->norm);
        for (p = 0; p < n; p++) {
            double rest = vector[p] / support->norm - along * dictionary->direction[p];
            square += rest * rest;
        }
    } else {
        square = otx__panels_put_rest(&screen->panels, target, vector, n, support->norm,
                                      dictionary->direction);
    }
    screen->rest[target] += sqrt(square) * (1.0 + 1e-6);
    return along;
}

/* Rounds the coefficients of a support for the next scan, as its set number
   `set`, and bounds what comes of it. */
OTX__PRIVATE void otx__screen_prepare(otx__screen *screen, size_t target, size_t set,
                                      otx__scratch *scratch)
{
    const otx__dictionary *dictionary = screen->problem->dictionary;
    otx__support *support = &screen->supports[target];
    uint32_t *atoms = screen->atoms + target * screen->pitch;
    size_t count = support->count, j, slot = target * OTX__SETS + set;
    int16_t *steps = screen->steps + target * OTX__SETS * screen->pitch + 2 * set;
    double *betas = scratch->products, sum = 0.0, largest = 0.0, along = screen->along[target];
    double rest = screen->rest[target], chain = otx__chain_error(dictionary->columns), unit;
    double *bounds = screen->bounds + 2 * slot, scale = 1.0 / support->norm, rate;
    otx__support_solve(support);
    for (j = 0; j < count; j++) {
        size_t atom = (size_t)support->indices[j];
        double share = support->coefficients[j] * scale;
        betas[j] = share * dictionary->norms[atom];
        along -= share * dictionary->along[atom];
        sum += fabs(betas[j]);
        if (fabs(betas[j]) > largest) largest = fabs(betas[j]);
        atoms[j] = otx__table_slot(&screen->table, atom);
        screen->betas[slot * screen->pitch + j] = (float)betas[j];
    }
    /* Sums of up to 65,536 times 32,767 fit 32 bits. */
    unit = sum / (65500.0 - (double)count);
    if (unit < largest / 32766.0) unit = largest / 32766.0;
    if (!(unit > 0.0)) unit = 1.0;
    rate = 1.0 / unit;
    for (j = 0; j < count; j++) {
        double rounded = betas[j] * rate;
        int16_t step = (int16_t)(rounded + (rounded < 0.0 ? -0.5 : 0.5));
        steps[j / 2 * OTX__SETS * 2 + j % 2] = step;
        /* The error of the coefficient itself, as the factor wants it. */
        betas[j] = (betas[j] - unit * step) * support->norm /
                   dictionary->norms[support->indices[j]];
    }
    /* Later sets are larger, but by no more than a scan can take. */
    for (; j < otx__min(screen->pitch, count + OTX__SETS + 1); j++)
        steps[j / 2 * OTX__SETS * 2 + j % 2] = 0;
    /* What the scan adds up are the rounded betas. */
    bounds[0] = (sum + 0.5 * (double)count * unit) * (OTX__GRID + chain) +
                rest * OTX__GRID + (screen->panels.type == OTX__PANEL_ROWS ? 1.0 : rest) * chain +
                8.0 * OTX__UNIT * (2.0 + 2.0 * sum + 2.0 * rest + fabs(along));
    bounds[1] = bounds[0] + ((double)count + 4.0) * OTX__UNIT * sum;
    /* ||sum of errors_j a_j||: with G = L L' that is ||L' e||. */
    bounds[0] += otx__triangle_norm(support->factor, count, betas) * (1.0 + 1e-6) * scale;
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

/* Sums of coefficients, and parts of a residual, both in units of the target's norm, from
   which on the residual form scores every atom: the bound would mean nothing. */
#define OTX__WILD_SUM 1e20
#define OTX__WILD_PART 3.0

/* The same for the residual form, whose panel must be made anew. */
OTX__PRIVATE void otx__screen_residual(otx__screen *screen, size_t target, otx__scratch *scratch)
{
    const otx__problem *problem = screen->problem;
    otx__support *support = &screen->supports[target];
    double along, bound, sum = 0.0, chain = otx__chain_error(problem->dictionary->columns);
    size_t j;
    screen->sets[target] = !support->ended;
    if (support->ended) return;
    otx__support_residual(problem, support, scratch);
    for (j = 0; j < support->count; j++)
        sum += fabs(support->coefficients[j]) *
               problem->dictionary->norms[support->indices[j]] / support->norm;
    screen->bounds[2 * target * OTX__SETS] = HUGE_VAL;
    if (!(sum < OTX__WILD_SUM)) return;
    along = otx__screen_split(screen, target, scratch->residual);
    if (!(screen->rest[target] + fabs(along) < OTX__WILD_PART)) return;
    /* Rounded to 8 bits, sums are exact; in float, of numbers a little larger at most. */
    bound = screen->panels.type == OTX__PANEL_INT8 ? 0.0 : 1.02 * chain * screen->rest[target];
    bound += 16.0 * OTX__UNIT * (2.0 + screen->rest[target] + fabs(along)) +
             8.0 * DBL_EPSILON * (1.0 + sum) *
                 (double)(problem->k + problem->dictionary->columns);
    /* <a, r> - <a', r'>, with what they are rounded to: at most |a - a'| |r| + |a'| |r - r'|,
       and |a'| is at most 1 + |a - a'|. */
    bound += (double)screen->panels.error[target];
    screen->rest[target] += (double)screen->panels.error[target];
    screen->bounds[2 * target * OTX__SETS] = bound * (1.0 + 1e-6);
}

/* ---- scanning ---- */

OTX__PRIVATE otx__scan otx__screen_scan(const otx__screen *screen, size_t tile, size_t target,
                                        size_t count)
{
    const otx__dictionary *dictionary = screen->problem->dictionary;
    otx__scan scan;
    scan.gram = otx__table_at(&screen->table, tile, 0);
    scan.common = dictionary->panels.common + tile * OTX__TILE;
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

/* Parts of a block that are scanned apart: one, so that a tile comes from memory
   but once, where there are tiles enough to share among the threads. */
OTX__PRIVATE size_t otx__scan_parts(const otx__screen *screen)
{
    const otx__dictionary *dictionary = screen->problem->dictionary;
    size_t wanted = 8 * (size_t)otx__threads(dictionary->ctx);
    size_t parts = (wanted + dictionary->tiles - 1) / dictionary->tiles;
    return otx__min(parts, otx__tiles(screen->count));
}

OTX__PRIVATE void otx__scan_body(void *argument, size_t index, int worker)
{
    const otx__screen *screen = (const otx__screen *)argument;
    size_t parts = otx__scan_parts(screen), part = index % parts;
    size_t each = (screen->count + parts - 1) / parts, first = part * each;
    otx__scan scan;
    (void)worker;
    if (first >= screen->count) return;
    scan = otx__screen_scan(screen, index / parts, first,
                            otx__min(each, screen->count - first));
    screen->problem->dictionary->kernels->scan(&scan);
}

/* Fills in `best` for the coming steps of the block. */
OTX__PRIVATE otx_result otx__screen_scan_all(otx__screen *screen, otx_error *error)
{
    size_t parts = otx__scan_parts(screen), target;
    double work = 0.0;
    screen->passes++;
    if (!otx__form_scans(screen->form)) return otx__screen_correlate(screen, error);
    for (target = 0; target < screen->count; target++)
        work += (double)(screen->counts[target] * screen->sets[target] + 16) * OTX__TILE;
    return otx__watch_loop(&screen->watch, screen->problem->dictionary->tiles * parts,
                           work / (double)parts, otx__scan_body, screen, error);
}

/* The correlations of one tile's atoms, with the coefficients as floats. */
OTX__PRIVATE void otx__screen_refine(const otx__screen *screen, size_t tile, size_t target,
                                     size_t set, float *correlations)
{
    const otx__dictionary *dictionary = screen->problem->dictionary;
    size_t slot = target * OTX__SETS + set, count = screen->supports[target].count, i;
    const float *betas = screen->betas + slot * screen->pitch, *scales = screen->scales + 3 * slot;
    const uint32_t *atoms = screen->atoms + target * screen->pitch;
    const int16_t *start = screen->start + (tile * screen->capacity + target) * OTX__TILE;
    const float *common = dictionary->panels.common + tile * OTX__TILE;
    for (i = 0; i < OTX__TILE; i++)
        correlations[i] = (float)start[i] * scales[0] + common[i] * scales[1];
    dictionary->kernels->refine(otx__table_at(&screen->table, tile, 0), atoms, betas, count,
                                correlations);
}

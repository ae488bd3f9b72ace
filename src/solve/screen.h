/* ---- screen: which atoms are worth scoring in double ---------------------------- */

/* Screening finds, for a block of targets at a time, approximate correlations of
   every atom with every residual and a bound on their error. Only atoms that the
   bound cannot rule out are scored in double, so the selection is exact whatever
   the screen computes in.

   With unit atoms a^ = common * m + rest, and everything in units of the target's
   norm, the correlation of atom n with the residual r = y - sum beta_j a^_j is

       <r, a^_n> = common_n <r, m> + <y', rest_n> - sum beta_j <rest_j, rest_n>

   where y' is y without its part along m. The Gram form and the columns form keep
   the products <rest_j, rest_n> (gram_table.h) and <y', rest_n> as 16-bit fixed point, and
   round beta to 16 bits, so that a step is a sum of integer products. The residual
   form keeps no products: it multiplies the rests with the residual without its part
   along m, both rounded to 8 bits or to bf16 where that is faster; or, where atoms share columns
   (sharing.h), all of them with all of it.

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
       products of y'        Y * grid + (1 or Y) * chain   1 with panels of whole vectors
       everything in float   8 u * (2 + 2 S + 2 Y)   rests, common, y', m, beta
       final evaluation      8 u * (Y + |<r, m>| + S)

   For the few tiles that hold candidates the sum is taken again with the betas as
   floats: (t + 4) u S for t terms takes the place of the rounded betas' error.

   Where targets are followed alone (single.h) all products are floats, and betas too: there
   is no grid, and adding up takes (t + 8) u (S + Y + |<r, m>|).

   In the residual form, with R = ||rest of r||, d_n = ||rest_n - what it is rounded to||
   and d = the same of the residual:

       rounded rests         d_n (R + d) + d      norms computed when they are rounded
       their products        1.02 R * chain       0 with 8 bits, as integers are exact
       everything in float   16 u * (2 + R + |<r, m>|)

   With panels of whole vectors, as those of targets finished apart from a table made of rows
   (apart.h), not the rest of r is rounded but all of it: d_n = 0, and R and d are those of r.

   The bound must also exceed what rounding leaves of the correlations of the atoms
   selected, which are not quite 0 for the deciding residual: about
   (k + columns) 2^-52 S. The Gram form's 8 u S covers that many times over; the
   residual form adds it.

   grid = 0.51 / 32767 and chain = (OTX__CHAIN + columns / OTX__CHAIN + 12) u bound
   rounding to fixed point and a float sum of products of unit vectors; in that 12
   are the scales and the common part that products of rows take off last, or, of panels of
   whole vectors, the 6 roundings of a shared part's factor, its product with that, the sums of
   parts and the common part. */

#define OTX__FLOAT_ROUNDOFF 5.9604644775390625e-08 /* u */
#define OTX__FIXED_ROUNDOFF (0.51 / 32767.0)       /* grid */

/* Sums of coefficients, in units of the target's norm, from which on there is no bound: it
   would mean nothing, and coefficients might be beyond a float. */
#define OTX__BOUND_SUM_MAX 1e20

/* Of a correlation in units of the target's norm, for one set. The residual form has one
   set and no second bound. The first is infinite where there is none. */
typedef struct otx__bound {
    double scanned; /* as a scan computes it, with rounded betas */
    double refined; /* with the betas as floats */
} otx__bound;

/* Atoms of the last steps that a target keeps to try first. */
#define OTX__RUNNERS 16

/* A block of targets, and what the screen knows of them. A set is a support that a scan
   looks at: number 0 the atoms selected, and with each further one a predicted atom
   more. */
typedef struct otx__screen {
    const otx__problem *problem;
    otx_omp_form form;
    otx__gram_table table;  /* in the forms with one */
    size_t pitch;           /* k, padded to an even number */
    size_t capacity;        /* targets a block can hold: whole tiles */
    size_t count;           /* targets in the block */
    otx__support *supports; /* [target] */
    otx__panels panels;     /* the targets, or their residuals */
    size_t panel, panel_end; /* of these, those that are multiplied at hand */
    int16_t *start;         /* [tile][target][32]: <y', rest> in the forms that scan */
    float *floats;          /* [target][atom] the same in the single form */
    float *best;            /* [set][tile][target]: largest weighted |correlation|; in the
                               residual form what those of the masks are at most */
    uint32_t *masks;        /* [tile][target] the residual form: a tile's atoms that may
                               be the best of all; before, those to be hidden */
    double *residuals;      /* [target][column] the residual form: of the atoms selected */
    uint32_t *runners;      /* [target][OTX__RUNNERS] likewise: atoms that came near, or
                               OTX__NO_ATOM */
    float *bars;            /* [target] likewise: what the largest weighted correlation is at
                               least, by these */
    otx__bound *bounds;     /* [target][OTX__SETS] */
    float *betas;           /* [target][OTX__SETS][pitch] */
    double *along;          /* [target] <y, m> / ||y|| */
    double *rest;           /* [target] ||y'|| / ||y||, rounded up; with residuals in panels
                               of whole vectors, of the whole of these */
    float *scales;          /* these five as in otx__scan */
    uint32_t *atoms, *counts, *sets;
    int16_t *steps;
    uint32_t *last_right;   /* [target] the last set that the last scan was asked about: all
                               atoms predicted for it were right */
    uint32_t *undecided;    /* targets whose every atom is to be scored */
    uint32_t *apart;        /* in the forms with a table: targets to be finished in the residual
                               form (apart.h), which count as ended until then */
    size_t apart_count;
    otx__scratch *scratch;  /* [worker] */
    otx__watch watch;       /* of the stage at hand */
    uint64_t passes;        /* scans of a whole block */
    bool too_coarse;        /* the panels' 8 bits leave too many candidates */
} otx__screen;

/* Where <y', rest> of a tile's atoms stands for one target. */
OTX__PRIVATE int16_t *otx__screen_start(const otx__screen *screen, size_t tile, size_t target)
{
    return screen->start + (tile * screen->capacity + target) * OTX__TILE;
}

OTX__PRIVATE otx__bound *otx__screen_bound(const otx__screen *screen, size_t target, size_t set)
{
    return &screen->bounds[target * OTX__SETS + set];
}

/* Whether there is a bound for a target's set. */
OTX__PRIVATE bool otx__screen_is_bounded(const otx__screen *screen, size_t target, size_t set)
{
    return otx__screen_bound(screen, target, set)->scanned < HUGE_VAL;
}

OTX__PRIVATE double otx__chain_error(size_t columns)
{
    return ((double)OTX__CHAIN + (double)(columns / OTX__CHAIN) + 12.0) * OTX__FLOAT_ROUNDOFF;
}

/* ---- what a scan needs of one target ---- */

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
    if (otx__panel_is_whole(screen->panels.type) && otx__form_has_table(screen->form)) {
        if (screen->panels.type == OTX__PANEL_ROWS)
            otx__panels_put_row(&screen->panels, target, support->target, n, support->norm);
        else
            (void)otx__panels_put_rest(&screen->panels, target, vector, n, support->norm,
                                       dictionary->direction);
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

/* The betas of one set on their way into a scan. */
typedef struct otx__set_betas {
    double *values;      /* [count] in double; in the end what rounding took off them */
    double sum, largest; /* of their magnitudes */
    double along;        /* <r, m> */
    double unit;         /* that they are rounded to multiples of */
    bool bounded;        /* or they are too large, and 0 all of them */
} otx__set_betas;

/* Makes the betas of a support, whose coefficients are current, and keeps them as floats. */
OTX__PRIVATE void otx__betas_take(const otx__screen *screen, size_t target, size_t set,
                                  otx__set_betas *betas)
{
    const otx__dictionary *dictionary = screen->problem->dictionary;
    const otx__support *support = &screen->supports[target];
    float *kept = screen->betas + (target * OTX__SETS + set) * screen->pitch;
    uint32_t *atoms = screen->atoms + target * screen->pitch;
    double scale = 1.0 / support->norm, along = screen->along[target], sum = 0.0, largest = 0.0;
    size_t j;
    for (j = 0; j < support->count; j++) {
        size_t atom = (size_t)support->indices[j];
        double share = support->coefficients[j] * scale;
        double beta = share * dictionary->norms[atom];
        along -= share * dictionary->along[atom];
        sum += fabs(beta);
        if (fabs(beta) > largest) largest = fabs(beta);
        atoms[j] = otx__gram_table_slot(&screen->table, atom);
        kept[j] = (float)beta;
        betas->values[j] = beta;
    }
    betas->bounded = sum < OTX__BOUND_SUM_MAX;
    for (j = 0; j < support->count && !betas->bounded; j++) {
        kept[j] = 0.0f;
        betas->values[j] = 0.0;
    }
    betas->along = betas->bounded ? along : 0.0;
    betas->sum = betas->bounded ? sum : 0.0;
    betas->largest = betas->bounded ? largest : 0.0;
}

/* Rounds the betas to 16 bits, and leaves of each the error of the coefficient itself, as
   the factor wants it. */
OTX__PRIVATE void otx__betas_round(const otx__screen *screen, size_t target, size_t set,
                                   otx__set_betas *betas)
{
    const otx__dictionary *dictionary = screen->problem->dictionary;
    const otx__support *support = &screen->supports[target];
    int16_t *steps = screen->steps + target * OTX__SETS * screen->pitch + 2 * set;
    size_t count = support->count, j;
    double *values = betas->values, unit, rate;
    /* Sums of up to 65,536 times 32,767 fit 32 bits. */
    unit = betas->sum / (65500.0 - (double)count);
    if (unit < betas->largest / 32766.0) unit = betas->largest / 32766.0;
    if (!(unit > 0.0)) unit = 1.0;
    rate = 1.0 / unit;
    for (j = 0; j < count; j++) {
        double rounded = values[j] * rate;
        int16_t step = (int16_t)(rounded + (rounded < 0.0 ? -0.5 : 0.5));
        steps[j / 2 * OTX__SETS * 2 + j % 2] = step;
        values[j] = (values[j] - unit * step) * support->norm /
                    dictionary->norms[support->indices[j]];
    }
    /* Later sets are larger, but by no more than a scan can take. */
    for (; j < otx__min(screen->pitch, count + OTX__SETS + 1); j++)
        steps[j / 2 * OTX__SETS * 2 + j % 2] = 0;
    betas->unit = unit;
}

/* What all products with a target have in their bounds, those of atoms given a grid. sum: of
   the betas that are added up. */
OTX__PRIVATE double otx__betas_common_bound(const otx__screen *screen, size_t target,
                                            const otx__set_betas *betas, double sum, double grid)
{
    double chain = otx__chain_error(screen->problem->dictionary->columns);
    double rest = screen->rest[target];
    double ones = otx__panel_is_whole(screen->panels.type) ? 1.0 : rest;
    return sum * (grid + chain) + rest * grid + ones * chain +
           8.0 * OTX__FLOAT_ROUNDOFF *
               (2.0 + 2.0 * betas->sum + 2.0 * rest + fabs(betas->along));
}

/* The bound where all is in float. */
OTX__PRIVATE otx__bound otx__betas_float_bound(const otx__screen *screen, size_t target,
                                               const otx__set_betas *betas)
{
    double count = (double)screen->supports[target].count;
    double sizes = betas->sum + screen->rest[target] + fabs(betas->along);
    otx__bound bound;
    bound.refined = otx__betas_common_bound(screen, target, betas, betas->sum, 0.0) +
                    (count + 8.0) * OTX__FLOAT_ROUNDOFF * sizes;
    bound.scanned = betas->bounded ? bound.refined : HUGE_VAL;
    return bound;
}

/* The bound of a set, as above; the betas' errors are lost. */
OTX__PRIVATE otx__bound otx__betas_bound(const otx__screen *screen, size_t target,
                                         otx__set_betas *betas)
{
    const otx__support *support = &screen->supports[target];
    double sum = betas->sum, count = (double)support->count;
    otx__bound bound;
    /* What the scan adds up are the rounded betas. */
    bound.scanned = otx__betas_common_bound(screen, target, betas,
                                            sum + 0.5 * count * betas->unit,
                                            OTX__FIXED_ROUNDOFF);
    bound.refined = bound.scanned + (count + 4.0) * OTX__FLOAT_ROUNDOFF * sum;
    /* ||sum of errors_j a_j||: with G = L L' that is ||L' e||. */
    bound.scanned += otx__triangle_norm(support->factor, support->count, betas->values) *
                     (1.0 + 1e-6) * (1.0 / support->norm);
    if (!betas->bounded) bound.scanned = HUGE_VAL;
    return bound;
}

/* Makes a support ready for the next scan, as its set number `set`. */
OTX__PRIVATE void otx__screen_prepare(otx__screen *screen, size_t target, size_t set,
                                      otx__scratch *scratch)
{
    otx__support *support = &screen->supports[target];
    uint32_t *atoms = screen->atoms + target * screen->pitch;
    float *scales = screen->scales + 3 * (target * OTX__SETS + set);
    size_t count = support->count;
    otx__set_betas betas;
    betas.values = scratch->products;
    otx__support_solve(support);
    otx__betas_take(screen, target, set, &betas);
    otx__betas_round(screen, target, set, &betas);
    *otx__screen_bound(screen, target, set) = otx__betas_bound(screen, target, &betas);
    if (count % 2) {
        atoms[count] = atoms[count - 1];
        count++;
    }
    screen->counts[target] = (uint32_t)count;
    screen->sets[target] = (uint32_t)set + 1;
    scales[0] = (float)(screen->rest[target] / 32767.0);
    scales[1] = (float)betas.along;
    scales[2] = (float)(betas.unit / 32767.0);
}

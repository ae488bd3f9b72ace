/* ---- residuals: the residual form's targets on their way into a scan ------------- */

/* ---- the residuals at hand ---- */

/* Keeps the deciding residual for the step that it decides. */
OTX__PRIVATE void otx__residual_keep(const otx__screen *screen, size_t target,
                                     const otx__scratch *scratch)
{
    size_t columns = screen->problem->dictionary->columns;
    memcpy(screen->residuals + target * columns, scratch->residual, columns * sizeof(double));
}

/* scratch->residual: that of the target's support, as kept. */
OTX__PRIVATE void otx__residual_recall(const otx__screen *screen, size_t target,
                                       otx__scratch *scratch)
{
    size_t columns = screen->problem->dictionary->columns;
    memcpy(scratch->residual, screen->residuals + target * columns, columns * sizeof(double));
}

/* ---- survivors: atoms that a scan has not ruled out, scored in float ---- */

/* The residual, which must be current, as floats of a vector of norm 1. Returns its norm. */
OTX__PRIVATE double otx__survivors_open(const otx__dictionary *dictionary, otx__scratch *scratch)
{
    double norm = otx__norm(scratch->residual, dictionary->columns);
    double unit = norm > 1e-290 ? 1.0 / norm : 0.0;
    size_t i;
    for (i = 0; i < dictionary->columns; i++)
        scratch->rough[i] = (float)(scratch->residual[i] * unit);
    return norm;
}

/* What the scores of some survivors with that vector are at most, by products in float,
   and, of the best of them, at least. A sum of n such products, one side of which was
   rounded, is off by no more than n + 1 units of the norms, whatever its order, and by what
   counts as 0. The further unit and the 2 % are far more than the scores that decide, in
   double, are off: what is ruled out scores less than the best there too, and ties with
   nothing. */
OTX__PRIVATE double otx__survivors_score(const otx__dictionary *dictionary, size_t first,
                                         size_t end, otx__scratch *scratch)
{
    size_t n = dictionary->columns, i, count;
    double share = 1.02 * (double)(n + 2) * OTX__FLOAT_ROUNDOFF;
    double tiny = (double)n * ldexp(1.0, -125), least = 0.0;
    for (; first < end; first += count) {
        const uint32_t *atoms = scratch->survivors + first;
        otx__row rows[OTX__TILE];
        float products[OTX__TILE];
        count = otx__min(OTX__TILE, end - first);
        for (i = 0; i < count; i++) rows[i] = otx__view_row(&dictionary->rows, atoms[i]);
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

/* What the best weighted correlation of some survivors is at least, as a scan has it. */
OTX__PRIVATE double otx__survivors_least(const otx__screen *screen, size_t target, size_t first,
                                         size_t end, double norm, otx__scratch *scratch)
{
    const otx__dictionary *dictionary = screen->problem->dictionary;
    double unit = screen->supports[target].norm * (dictionary->cosine ? 1.0 : dictionary->largest);
    double least = otx__survivors_score(dictionary, first, end, scratch);
    return least > 0.0 ? least * norm / unit * (1.0 - 1e-5) : 0.0;
}

/* ---- runners-up ---- */

/* The atoms that came next in a step are most likely to come first in the following ones.
   What the best of them has with the new residual, a few products, is a bar for all others
   before these are scanned: nearly every tile fails it at once. */

/* A target of a new block has none yet, nor a bar. */
OTX__PRIVATE void otx__runners_clear(const otx__screen *screen, size_t target)
{
    size_t i;
    screen->bars[target] = 0.0f;
    for (i = 0; i < OTX__RUNNERS; i++)
        screen->runners[target * OTX__RUNNERS + i] = OTX__NO_ATOM;
}

/* Keeps the best of some atoms, by their scores or, where there are none, as they come, and
   of those kept before as many as there is room for. */
OTX__PRIVATE void otx__runners_keep(const otx__screen *screen, size_t target,
                                    const uint32_t *atoms, const double *scores, size_t count)
{
    uint32_t *runners = screen->runners + target * OTX__RUNNERS, kept[OTX__RUNNERS];
    double values[OTX__RUNNERS];
    size_t found = 0, i, j, at;
    for (i = 0; i < count; i++) {
        double value = scores ? scores[i] : 0.0;
        if (found == OTX__RUNNERS && !(value > values[found - 1])) continue;
        if (found < OTX__RUNNERS) found++;
        for (at = found - 1; at > 0 && value > values[at - 1]; at--) {
            values[at] = values[at - 1];
            kept[at] = kept[at - 1];
        }
        values[at] = value;
        kept[at] = atoms[i];
    }
    for (i = 0; i < OTX__RUNNERS && found < OTX__RUNNERS; i++) {
        for (j = 0; j < found && kept[j] != runners[i]; j++) continue;
        if (j == found) kept[found++] = runners[i];
    }
    memcpy(runners, kept, found * sizeof *kept);
}

/* A weighted correlation that one atom, which the target may take, has at least; the
   deciding residual must be current. */
OTX__PRIVATE float otx__runners_bar(const otx__screen *screen, size_t target,
                                    otx__scratch *scratch)
{
    const otx__dictionary *dictionary = screen->problem->dictionary;
    const otx__support *support = &screen->supports[target];
    const uint32_t *runners = screen->runners + target * OTX__RUNNERS;
    size_t count = 0, i;
    double norm;
    for (i = 0; i < OTX__RUNNERS; i++)
        if (runners[i] != OTX__NO_ATOM && !otx__support_holds(support, runners[i]))
            scratch->survivors[count++] = runners[i];
    if (count == 0) return 0.0f;
    norm = otx__survivors_open(dictionary, scratch);
    return (float)otx__survivors_least(screen, target, 0, count, norm, scratch);
}

/* ---- what a scan needs of one target ---- */

/* The residual form: marks the atoms that a target hides. */
OTX__PRIVATE void otx__screen_hide(const otx__screen *screen, size_t target)
{
    const otx__problem *problem = screen->problem;
    const otx__support *support = &screen->supports[target];
    size_t tiles = problem->dictionary->tiles, held = support->count + support->barred_count, i;
    uint32_t *masks = screen->masks + target;
    if (!otx__support_hides(problem, support)) return;
    for (i = 0; i < tiles; i++) masks[i * screen->capacity] = 0;
    for (i = 0; i < held; i++) {
        size_t atom = otx__support_held(support, i);
        masks[atom / OTX__TILE * screen->capacity] |= 1u << atom % OTX__TILE;
    }
}

/* Parts of a residual, in units of the target's norm, from which on the residual form scores
   every atom: the bound would mean nothing. */
#define OTX__BOUND_PART_MAX 3.0

/* Makes a target ready for the next scan: its residual is put into the panel. */
OTX__PRIVATE void otx__screen_residual(otx__screen *screen, size_t target, otx__scratch *scratch)
{
    const otx__problem *problem = screen->problem;
    otx__support *support = &screen->supports[target];
    double along, bound, sum = 0.0, chain = otx__chain_error(problem->dictionary->columns);
    size_t j;
    screen->sets[target] = !support->ended;
    screen->bars[target] = 0.0f;
    if (support->ended) return;
    otx__support_residual(problem, support, scratch);
    otx__residual_keep(screen, target, scratch);
    for (j = 0; j < support->count; j++)
        sum += fabs(support->coefficients[j]) *
               problem->dictionary->norms[support->indices[j]] / support->norm;
    otx__screen_bound(screen, target, 0)->scanned = HUGE_VAL;
    if (!(sum < OTX__BOUND_SUM_MAX)) return;
    along = otx__screen_split(screen, target, scratch->residual);
    if (!(screen->rest[target] + fabs(along) < OTX__BOUND_PART_MAX)) return;
    /* Rounded to 8 bits, sums are exact; in float, of numbers a little larger at most. */
    bound = screen->panels.type == OTX__PANEL_INT8 ? 0.0 : 1.02 * chain * screen->rest[target];
    bound += 16.0 * OTX__FLOAT_ROUNDOFF * (2.0 + screen->rest[target] + fabs(along)) +
             8.0 * DBL_EPSILON * (1.0 + sum) *
                 (double)(problem->k + problem->dictionary->columns);
    /* <a, r> - <a', r'>, with what they are rounded to: at most |a - a'| |r| + |a'| |r - r'|,
       and |a'| is at most 1 + |a - a'|. */
    bound += (double)screen->panels.error[target];
    screen->rest[target] += (double)screen->panels.error[target];
    otx__screen_bound(screen, target, 0)->scanned = bound * (1.0 + 1e-6);
    screen->bars[target] = otx__runners_bar(screen, target, scratch);
    otx__screen_hide(screen, target);
}

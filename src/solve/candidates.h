/* ---- candidates: the atoms that a scan could not rule out ----------------------- */

/* Tiles with candidates of one target and set; more mean that every atom is scored. */
#define OTX__BEST_TILES_MAX 64

/* Atoms that may be the best for one set of one target, with their correlations as the
   screen has them, and weighted with the error added. In the residual form they stand in
   scratch->survivors until otx__sifted_narrow, and have no such numbers. */
typedef struct otx__candidates {
    size_t atoms[OTX__CANDIDATES_MAX];
    double correlations[OTX__CANDIDATES_MAX], high[OTX__CANDIDATES_MAX];
    size_t count;
    bool overflow; /* there are more, or others may be the best */
    double least;  /* what the best weighted correlation of all is at least */
} otx__candidates;

/* Tiles that may hold the best atom for one set of one target. */
typedef struct otx__best_tiles {
    uint32_t tiles[OTX__BEST_TILES_MAX];
    size_t count; /* more than OTX__BEST_TILES_MAX: too many */
    double least; /* what the best weighted correlation of all is at least */
} otx__best_tiles;

/* ---- in the forms with a table ---- */

/* How far the weighted correlation of a scan may be off, relatively, by its last
   operations. */
#define OTX__SCAN_RELATIVE_ERROR (8.0 * OTX__FLOAT_ROUNDOFF + OTX__PACKED)

/* What the best weighted correlation of a tile is at least and at most, by what a scan has
   of it and how far that may be off otherwise. */
OTX__PRIVATE double otx__scanned_low(float best, double spread)
{
    return (double)best * (1.0 - OTX__SCAN_RELATIVE_ERROR) - spread -
           4.0 * (double)OTX__LEAST_WEIGHT;
}

OTX__PRIVATE double otx__scanned_high(float best, double spread)
{
    return (double)best * (1.0 + OTX__SCAN_RELATIVE_ERROR) + spread;
}

/* The best weighted correlation of a tile's atoms for a target's set, which the support is,
   without those that it holds. */
OTX__PRIVATE float otx__scanned_best(const otx__screen *screen, size_t tile, size_t target,
                                     size_t set)
{
    const otx__support *support = &screen->supports[target];
    const float *weights = screen->problem->dictionary->weight + tile * OTX__TILE;
    size_t held = support->count + support->barred_count, i;
    float correlations[OTX__TILE], best = 0.0f;
    uint32_t hidden = 0;
    for (i = 0; i < held; i++) {
        size_t atom = otx__support_held(support, i);
        if (atom / OTX__TILE == tile) hidden |= 1u << atom % OTX__TILE;
    }
    otx__screen_refine(screen, tile, target, set, correlations);
    for (i = 0; i < OTX__TILE; i++) {
        float score = otx__packed(weights[i] * fabsf(correlations[i]), (uint32_t)i);
        if (!(hidden >> i & 1) && score > best) best = score;
    }
    return best;
}

/* Marks the tiles of the atoms that a target's set hides: their best are no longer positive.
   best: of the set and the target. */
OTX__PRIVATE void otx__scanned_mark(const otx__screen *screen, const otx__support *support,
                                    float *best)
{
    size_t held = support->count + support->barred_count, i;
    for (i = 0; i < held; i++) {
        size_t tile = otx__support_held(support, i) / OTX__TILE;
        best[tile * screen->capacity] = -fabsf(best[tile * screen->capacity]);
    }
}

/* Takes the marks off. Where such a tile may have the best atom of all, which are at least
   *least, its best is found again without those hidden. */
OTX__PRIVATE void otx__scanned_unmark(const otx__screen *screen, size_t target, size_t set,
                                      float *best, double bound, double *least)
{
    const otx__support *support = &screen->supports[target];
    size_t held = support->count + support->barred_count, i;
    for (i = 0; i < held; i++) {
        size_t tile = otx__support_held(support, i) / OTX__TILE;
        double spread = (double)screen->problem->dictionary->tile_weight[tile] * bound;
        float *at = best + tile * screen->capacity;
        if (!(*at < 0.0f)) continue; /* 0, or another of the tile's took it off */
        *at = -*at;
        if (otx__scanned_high(*at, spread) < *least) continue;
        *at = otx__scanned_best(screen, tile, target, set);
        if (otx__scanned_low(*at, spread) > *least) *least = otx__scanned_low(*at, spread);
    }
}

/* Finds the best tiles of one set of each target of a task. */
OTX__PRIVATE void otx__scanned_tiles(const otx__screen *screen, size_t first, size_t count,
                                     size_t set, otx__best_tiles *found)
{
    const otx__dictionary *dictionary = screen->problem->dictionary;
    float *all = screen->best + set * dictionary->tiles * screen->capacity + first;
    double least[OTX__TASK_TARGETS], bounds[OTX__TASK_TARGETS];
    bool hides[OTX__TASK_TARGETS];
    size_t tile, j;
    for (j = 0; j < count; j++) {
        otx__support *support = &screen->supports[first + j];
        const otx__bound *bound = otx__screen_bound(screen, first + j, set);
        /* What is not looked at has no set of this number. */
        bool looked = set < screen->sets[first + j];
        hides[j] = looked && otx__support_hides(screen->problem, support);
        least[j] = looked ? 0.0 : HUGE_VAL;
        bounds[j] = looked ? bound->scanned : 0.0;
        if (hides[j] && bound->refined > bounds[j]) bounds[j] = bound->refined;
        found[j].count = 0;
        support->count += hides[j] ? set : 0; /* with those predicted, until below */
        if (hides[j]) otx__scanned_mark(screen, support, all + j);
    }
    for (tile = 0; tile < dictionary->tiles; tile++) {
        const float *best = all + tile * screen->capacity;
        double weight = (double)dictionary->tile_weight[tile];
        for (j = 0; j < count; j++) {
            double low = otx__scanned_low(best[j], weight * bounds[j]);
            if (low > least[j]) least[j] = low;
        }
    }
    for (j = 0; j < count; j++) {
        if (hides[j])
            otx__scanned_unmark(screen, first + j, set, all + j, bounds[j], &least[j]);
        screen->supports[first + j].count -= hides[j] ? set : 0;
        found[j].least = least[j];
    }
    for (tile = 0; tile < dictionary->tiles; tile++) {
        const float *best = all + tile * screen->capacity;
        double weight = (double)dictionary->tile_weight[tile];
        for (j = 0; j < count; j++) {
            if (!(otx__scanned_high(best[j], weight * bounds[j]) >= least[j])) continue;
            if (found[j].count < OTX__BEST_TILES_MAX)
                found[j].tiles[found[j].count] = (uint32_t)tile;
            found[j].count++;
        }
    }
}

/* Adds an atom that may be the best, with what its weighted correlation is at most.
   False if there is no room. */
OTX__PRIVATE bool otx__candidates_add(otx__candidates *candidates, size_t atom,
                                      double correlation, double high)
{
    size_t at = candidates->count;
    candidates->overflow |= at == OTX__CANDIDATES_MAX;
    if (candidates->overflow) return false;
    candidates->atoms[at] = atom;
    candidates->correlations[at] = correlation;
    candidates->high[at] = high;
    candidates->count = at + 1;
    return true;
}

/* Adds the atoms of one tile that may be the best for a target's set, by its refined
   bound. */
OTX__PRIVATE void otx__scanned_add(const otx__screen *screen, size_t tile, size_t target,
                                   size_t set, const float *correlations,
                                   otx__candidates *candidates)
{
    const otx__dictionary *dictionary = screen->problem->dictionary;
    const float *weights = dictionary->weight + tile * OTX__TILE;
    double bound = otx__screen_bound(screen, target, set)->refined;
    size_t i;
    for (i = 0; i < OTX__TILE; i++) {
        double weight = (double)weights[i], value = fabs((double)correlations[i]), low, high;
        size_t atom = tile * OTX__TILE + i;
        high = (value + bound) * weight * (1.0 + 8.0 * OTX__FLOAT_ROUNDOFF);
        if (!(weight > 0.0) || high < candidates->least) continue;
        if (otx__support_holds(&screen->supports[target], atom)) continue;
        if (!otx__candidates_add(candidates, atom, value, high)) return;
        low = (value - bound) * weight * (1.0 - 8.0 * OTX__FLOAT_ROUNDOFF) -
              4.0 * (double)OTX__LEAST_WEIGHT;
        if (low > candidates->least) candidates->least = low;
    }
}

/* The same, with the correlations that this takes. */
OTX__PRIVATE void otx__scanned_atoms(const otx__screen *screen, size_t tile, size_t target,
                                     size_t set, otx__candidates *candidates)
{
    float correlations[OTX__TILE];
    otx__screen_refine(screen, tile, target, set, correlations);
    otx__scanned_add(screen, tile, target, set, correlations, candidates);
}

/* Drops the candidates that better ones, found later, rule out. */
OTX__PRIVATE void otx__scanned_prune(otx__candidates *candidates)
{
    size_t i, kept = 0;
    for (i = 0; i < candidates->count; i++) {
        if (candidates->high[i] < candidates->least) continue;
        candidates->atoms[kept] = candidates->atoms[i];
        candidates->correlations[kept++] = candidates->correlations[i];
    }
    candidates->count = kept;
}

/* ---- in the residual form ---- */

/* What the best weighted correlation of all is at least, for each target of a task. */
OTX__PRIVATE void otx__sifted_least(const otx__screen *screen, size_t first, size_t count,
                                    otx__best_tiles *found)
{
    size_t workers = (size_t)otx__threads(screen->problem->dictionary->ctx), worker, j;
    for (j = 0; j < count; j++) found[j].least = 0.0;
    for (worker = 0; worker < workers; worker++) {
        const float *least = screen->scratch[worker].least + first;
        for (j = 0; j < count; j++)
            if ((double)least[j] > found[j].least) found[j].least = (double)least[j];
    }
}

/* Finds the tiles in which the scan left atoms that may be the best, for each target of a
   task. A line of masks, mostly 0, serves all of them. */
OTX__PRIVATE void otx__sifted_tiles(const otx__screen *screen, size_t first, size_t count,
                                    otx__best_tiles *found)
{
    size_t tiles = screen->problem->dictionary->tiles, tile, j;
    otx__sifted_least(screen, first, count, found);
    for (j = 0; j < count; j++) found[j].count = 0;
    for (tile = 0; tile < tiles; tile++) {
        const uint32_t *masks = screen->masks + tile * screen->capacity + first;
        const float *high = screen->best + tile * screen->capacity + first;
        uint32_t any = 0;
        for (j = 0; j < count; j++) any |= masks[j];
        for (j = 0; j < count && any; j++) {
            if (!masks[j] || (double)high[j] < found[j].least) continue;
            if (found[j].count < OTX__BEST_TILES_MAX)
                found[j].tiles[found[j].count] = (uint32_t)tile;
            found[j].count++;
        }
    }
}

/* Gathers a tile's atoms that the scan could not rule out: survivors. */
OTX__PRIVATE void otx__sifted_tile(const otx__screen *screen, size_t tile, size_t target,
                                   otx__candidates *candidates, otx__scratch *scratch)
{
    const float *weight = screen->problem->dictionary->weight;
    uint32_t mask = screen->masks[tile * screen->capacity + target];
    size_t i;
    for (i = tile * OTX__TILE; mask; i++, mask >>= 1)
        if ((mask & 1) && weight[i] > 0.0f && !otx__support_holds(&screen->supports[target], i))
            scratch->survivors[candidates->count++] = (uint32_t)i;
}

/* Those of all tiles, in their order. */
OTX__PRIVATE void otx__sifted_collect(const otx__screen *screen, size_t target,
                                      const otx__best_tiles *found, otx__candidates *candidates,
                                      otx__scratch *scratch)
{
    const float *high = screen->best + target;
    const uint32_t *masks = screen->masks + target;
    size_t tiles = screen->problem->dictionary->tiles, i;
    scratch->survivors_steps++;
    if (found->count <= OTX__BEST_TILES_MAX)
        for (i = 0; i < found->count; i++)
            otx__sifted_tile(screen, found->tiles[i], target, candidates, scratch);
    else
        for (i = 0; i < tiles; i++)
            if (masks[i * screen->capacity] &&
                (double)high[i * screen->capacity] >= found->least)
                otx__sifted_tile(screen, i, target, candidates, scratch);
}

/* Survivors up to which all are scored in double; more are scored in float first. */
#define OTX__DIRECT_SCORES_MAX 12

/* Drops the survivors whose tile promises less than the atoms of the most
   promising tile have, and returns how many are left, in their order. */
OTX__PRIVATE size_t otx__survivors_prune(const otx__screen *screen, size_t target, size_t count,
                                         double norm, otx__scratch *scratch)
{
    const float *most = screen->best + target;
    size_t best = 0, end, i, kept = 0;
    double least;
    for (i = 0; i < count; i++)
        if (most[scratch->survivors[i] / OTX__TILE * screen->capacity] >
            most[scratch->survivors[best] / OTX__TILE * screen->capacity])
            best = i;
    for (end = best; end < count; end++)
        if (scratch->survivors[end] / OTX__TILE != scratch->survivors[best] / OTX__TILE) break;
    least = otx__survivors_least(screen, target, best, end, norm, scratch);
    for (i = 0; i < count; i++)
        if ((double)most[scratch->survivors[i] / OTX__TILE * screen->capacity] >= least)
            scratch->survivors[kept++] = scratch->survivors[i];
    return kept;
}

/* Makes candidates of those survivors that can be the best; the deciding residual must be
   current. False if there are none or too many. */
OTX__PRIVATE bool otx__sifted_narrow(const otx__screen *screen, size_t target,
                                     otx__candidates *candidates, otx__scratch *scratch)
{
    const otx__dictionary *dictionary = screen->problem->dictionary;
    size_t count = candidates->count, i;
    bool direct = count <= OTX__DIRECT_SCORES_MAX;
    double least = 0.0;
    if (!direct) {
        double norm = otx__survivors_open(dictionary, scratch);
        count = otx__survivors_prune(screen, target, count, norm, scratch);
        least = otx__survivors_score(dictionary, 0, count, scratch);
        scratch->survivors_scored += count;
    }
    otx__runners_keep(screen, target, scratch->survivors, direct ? NULL : scratch->scores, count);
    candidates->count = 0;
    for (i = 0; i < count; i++)
        if ((direct || scratch->scores[i] >= least) &&
            !otx__candidates_add(candidates, scratch->survivors[i], 0.0, 0.0))
            return false;
    return candidates->count > 0;
}

/* ---- in either ---- */

/* Makes the candidates of a target's set from the tiles that may hold them. */
OTX__PRIVATE void otx__candidates_collect(const otx__screen *screen, size_t target, size_t set,
                                          const otx__best_tiles *found,
                                          otx__candidates *candidates, otx__scratch *scratch)
{
    size_t i;
    candidates->count = 0;
    candidates->least = found->least;
    candidates->overflow = !otx__screen_is_bounded(screen, target, set);
    if (!otx__form_scans(screen->form)) {
        if (!candidates->overflow)
            otx__sifted_collect(screen, target, found, candidates, scratch);
        return;
    }
    candidates->overflow |= found->count > OTX__BEST_TILES_MAX;
    for (i = 0; i < found->count && !candidates->overflow; i++)
        otx__scanned_atoms(screen, found->tiles[i], target, set, candidates);
}

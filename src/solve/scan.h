/* ---- scan: the correlations of all atoms with a block's residuals --------------- */

/* ---- products of all atoms with the rows of a panel ---- */

/* Products of a tile's atoms with one target: to fixed point, or as they are. */
OTX__PRIVATE void otx__screen_keep(const otx__screen *screen, size_t tile, size_t target,
                                   const float *products)
{
    size_t width = screen->problem->dictionary->tiles * OTX__TILE;
    double rest = screen->rest[target];
    float scale = rest > 0.0 ? (float)(32767.0 / rest) : 0.0f;
    int16_t *start;
    size_t i;
    if (screen->floats) {
        memcpy(screen->floats + target * width + tile * OTX__TILE, products,
               OTX__TILE * sizeof *products);
        return;
    }
    start = otx__screen_start(screen, tile, target);
    for (i = 0; i < OTX__TILE; i++) start[i] = otx__fixed(products[i] * scale);
}

/* The residuals of a panel on their way through the sift. */
typedef struct otx__strip {
    const otx__screen *screen;
    size_t panel;
    uint32_t sifted; /* the targets that are, a bit each */
    float ones[OTX__TILE];
    float by[OTX__TILE], along[OTX__TILE], bound[OTX__TILE], rest[OTX__TILE]; /* [target] */
    float least[OTX__TILE]; /* [target] what the best is at least, as far as is known */
} otx__strip;

/* least: [target of the block] */
OTX__PRIVATE void otx__strip_open(otx__strip *strip, const otx__screen *screen, size_t panel,
                                  const float *least)
{
    bool scaled = otx__panel_is_whole(screen->panels.type); /* products have been */
    size_t first = panel * OTX__TILE, i;
    memset(strip, 0, sizeof *strip);
    strip->screen = screen;
    strip->panel = panel;
    for (i = 0; i < OTX__TILE; i++) strip->ones[i] = 1.0f;
    for (i = 0; i < OTX__TILE && first + i < screen->count; i++) {
        size_t target = first + i;
        if (!screen->sets[target] || !otx__screen_is_bounded(screen, target, 0)) continue;
        strip->sifted |= (uint32_t)1 << i;
        strip->by[i] = scaled ? 1.0f : screen->panels.scale[target];
        strip->along[i] = screen->panels.common[target];
        strip->bound[i] = (float)otx__screen_bound(screen, target, 0)->scanned;
        strip->rest[i] = (float)screen->rest[target];
        strip->least[i] = least[target];
    }
}

OTX__PRIVATE void otx__strip_close(const otx__strip *strip, float *least)
{
    size_t i;
    for (i = 0; i < OTX__TILE; i++)
        if (strip->sifted >> i & 1) least[strip->panel * OTX__TILE + i] = strip->least[i];
}

/* One of the targets with the tile at hand: the atoms that may have the largest correlation
   of all. */
OTX__PRIVATE void otx__strip_sift(otx__strip *strip, const otx__sift_panel *panel, size_t i,
                                  size_t at)
{
    const otx__screen *screen = strip->screen;
    const otx__support *support = &screen->supports[strip->panel * OTX__TILE + i];
    otx__sift sift = otx__sift_of(panel, i);
    float weight[OTX__TILE];
    size_t j;
    if (otx__support_hides(screen->problem, support) && screen->masks[at]) {
        for (j = 0; j < OTX__TILE; j++)
            weight[j] = screen->masks[at] >> j & 1 ? 0.0f : sift.weight[j];
        sift.weight = weight;
    }
    screen->masks[at] = screen->problem->dictionary->kernels->sift(&sift, &strip->least[i],
                                                                   &screen->best[at]);
}

/* Products of a tile's atoms with the residuals. What sift_panel sees it sees without what
   targets hide, which can but let more pass. */
OTX__PRIVATE void otx__strip_sift_tile(otx__strip *strip, size_t tile, const float *products)
{
    const otx__screen *screen = strip->screen;
    const otx__dictionary *dictionary = screen->problem->dictionary;
    size_t first = tile * OTX__TILE, i;
    size_t at = tile * screen->capacity + strip->panel * OTX__TILE;
    otx__sift_panel panel;
    uint32_t left;
    panel.products = products;
    panel.scale = otx__panel_is_whole(screen->panels.type) ? strip->ones
                                                           : dictionary->panels.scale + first;
    panel.common = dictionary->panels.common + first;
    panel.weight = dictionary->weight + first;
    panel.error = dictionary->panels.error + first;
    panel.by = strip->by;
    panel.along = strip->along;
    panel.bound = strip->bound;
    panel.rest = strip->rest;
    panel.least = strip->least;
    panel.wanted = strip->sifted;
    left = dictionary->kernels->sift_panel(&panel);
    for (i = 0; i < OTX__TILE; i++) {
        if (left >> i & 1) otx__strip_sift(strip, &panel, i, at + i);
        else if (strip->sifted >> i & 1) screen->masks[at + i] = 0;
    }
}

/* The products of some tiles with the targets of one panel. */
OTX__PRIVATE void otx__screen_products(const otx__screen *screen, size_t first, size_t tiles,
                                       size_t panel, otx__scratch *scratch)
{
    size_t end = otx__min(screen->count, (panel + 1) * OTX__TILE), tile, target;
    otx__strip strip;
    if (!otx__form_has_table(screen->form)) otx__strip_open(&strip, screen, panel, scratch->least);
    for (tile = 0; tile < tiles; tile++) {
        const float *products = scratch->block + tile * OTX__TILE_SIZE;
        if (!otx__form_has_table(screen->form)) {
            otx__strip_sift_tile(&strip, first + tile, products);
            continue;
        }
        for (target = panel * OTX__TILE; target < end; target++, products += OTX__TILE)
            otx__screen_keep(screen, first + tile, target, products);
    }
    if (!otx__form_has_table(screen->form)) otx__strip_close(&strip, scratch->least);
}

/* The targets of the panels at hand against one group of tiles. */
OTX__PRIVATE void otx__correlate_body(void *argument, size_t index, int worker)
{
    otx__screen *screen = (otx__screen *)argument;
    const otx__dictionary *dictionary = screen->problem->dictionary;
    size_t group = otx__dictionary_group(dictionary), first = index * group, panel;
    size_t tiles = otx__min(group, dictionary->tiles - first);
    for (panel = screen->panel; panel < screen->panel_end; panel++) {
        otx__dictionary_multiply(dictionary, first, tiles, &screen->panels, panel,
                                 otx__min(OTX__TILE, screen->count - panel * OTX__TILE),
                                 screen->scratch[worker].block);
        otx__screen_products(screen, first, tiles, panel, &screen->scratch[worker]);
    }
}

/* All targets of the block against all tiles. */
OTX__PRIVATE otx_result otx__screen_correlate(otx__screen *screen, otx_error *error)
{
    const otx__dictionary *dictionary = screen->problem->dictionary;
    size_t group = otx__dictionary_group(dictionary), panels = otx__tiles(screen->count);
    size_t most = dictionary->shares ? OTX__SHARED_PANELS : panels, worker, target;
    double work = (double)(group * OTX__TILE_SIZE) * (double)dictionary->columns;
    otx_result result = OTX_OK;
    for (worker = 0; worker < (size_t)otx__threads(dictionary->ctx); worker++)
        for (target = 0; target < screen->count && !otx__form_has_table(screen->form); target++)
            screen->scratch[worker].least[target] = screen->bars[target];
    for (screen->panel = 0; screen->panel < panels && !result;
         screen->panel = screen->panel_end) {
        size_t count = otx__min(most, panels - screen->panel);
        screen->panel_end = screen->panel + count;
        if (dictionary->shares)
            result = otx__shares_look(dictionary, &screen->panels, screen->panel, count,
                                      &screen->watch, error);
        if (!result)
            result = otx__watch_loop(&screen->watch, (dictionary->tiles + group - 1) / group,
                                     work * (double)count, otx__correlate_body, screen, error);
    }
    return result;
}

/* ---- scanning ---- */

OTX__PRIVATE otx__scan otx__screen_scan(const otx__screen *screen, size_t tile, size_t target,
                                        size_t count)
{
    const otx__dictionary *dictionary = screen->problem->dictionary;
    otx__scan scan;
    scan.gram = otx__gram_table_at(&screen->table, tile, 0);
    scan.common = dictionary->panels.common + tile * OTX__TILE;
    scan.weight = dictionary->weight + tile * OTX__TILE;
    scan.start = otx__screen_start(screen, tile, target);
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
    const int16_t *start = otx__screen_start(screen, tile, target);
    const float *common = dictionary->panels.common + tile * OTX__TILE;
    for (i = 0; i < OTX__TILE; i++)
        correlations[i] = (float)start[i] * scales[0] + common[i] * scales[1];
    dictionary->kernels->refine(otx__gram_table_at(&screen->table, tile, 0), atoms, betas, count,
                                correlations);
}

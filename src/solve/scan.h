/* ---- scan: the correlations of all atoms with a block's residuals --------------- */

/* ---- products of all atoms with the rows of a panel ---- */

/* Products of a tile's atoms with one target: to fixed point. */
OTX__PRIVATE void otx__screen_keep(const otx__screen *screen, size_t tile, size_t target,
                                   const float *products)
{
    double rest = screen->rest[target];
    float scale = rest > 0.0 ? (float)(32767.0 / rest) : 0.0f;
    int16_t *start = otx__screen_start(screen, tile, target);
    size_t i;
    for (i = 0; i < OTX__TILE; i++) start[i] = otx__fixed(products[i] * scale);
}

/* Products of a tile's atoms with the residual of one target: to the atoms that may have
   the largest correlation of all. */
OTX__PRIVATE void otx__screen_sift(const otx__screen *screen, size_t tile, size_t target,
                                   const float *products, float *least)
{
    const otx__dictionary *dictionary = screen->problem->dictionary;
    size_t first = tile * OTX__TILE, at = tile * screen->capacity + target, i;
    float weight[OTX__TILE], ones[OTX__TILE];
    otx__sift sift;
    sift.products = products;
    sift.scale = dictionary->panels.scale + first;
    sift.by = screen->panels.scale[target];
    if (dictionary->panels.type == OTX__PANEL_ROWS) { /* scales have been applied */
        for (i = 0; i < OTX__TILE; i++) ones[i] = 1.0f;
        sift.scale = ones;
        sift.by = 1.0f;
    }
    sift.common = dictionary->panels.common + first;
    sift.weight = dictionary->weight + first;
    sift.error = dictionary->panels.error + first;
    sift.along = screen->panels.common[target];
    sift.bound = (float)otx__screen_bound(screen, target, 0)->scanned;
    sift.rest = (float)screen->rest[target];
    if (otx__support_hides(screen->problem, &screen->supports[target]) && screen->masks[at]) {
        for (i = 0; i < OTX__TILE; i++)
            weight[i] = screen->masks[at] >> i & 1 ? 0.0f : sift.weight[i];
        sift.weight = weight;
    }
    screen->masks[at] = dictionary->kernels->sift(&sift, &least[target], &screen->best[at]);
}

/* The products of a tile with the targets of one panel; in the residual form `least` is
   what the best of each target is at least, as far as this worker knows. */
OTX__PRIVATE void otx__screen_products(const otx__screen *screen, size_t tile, size_t panel,
                                       const float *products, float *least)
{
    size_t first = panel * OTX__TILE, target;
    size_t end = otx__min(screen->count, first + OTX__TILE);
    for (target = first; target < end; target++, products += OTX__TILE) {
        if (otx__form_scans(screen->form)) otx__screen_keep(screen, tile, target, products);
        else if (screen->sets[target] && otx__screen_is_bounded(screen, target))
            otx__screen_sift(screen, tile, target, products, least);
    }
}

/* All targets of the block against one group of tiles. */
OTX__PRIVATE void otx__correlate_body(void *argument, size_t index, int worker)
{
    otx__screen *screen = (otx__screen *)argument;
    const otx__dictionary *dictionary = screen->problem->dictionary;
    size_t group = otx__dictionary_group(dictionary), first = index * group, panel, tile;
    size_t tiles = otx__min(group, dictionary->tiles - first);
    float *block = screen->scratch[worker].block;
    for (panel = 0; panel < otx__tiles(screen->count); panel++) {
        otx__panels_multiply(dictionary->kernels, &dictionary->panels, first, tiles,
                             &screen->panels, panel,
                             otx__min(OTX__TILE, screen->count - panel * OTX__TILE), block);
        for (tile = 0; tile < tiles; tile++)
            otx__screen_products(screen, first + tile, panel,
                                 block + tile * OTX__TILE * OTX__TILE,
                                 screen->scratch[worker].least);
    }
}

OTX__PRIVATE otx_result otx__screen_correlate(otx__screen *screen, otx_error *error)
{
    const otx__dictionary *dictionary = screen->problem->dictionary;
    size_t group = otx__dictionary_group(dictionary);
    double work = (double)(group * OTX__TILE) * (double)dictionary->columns *
                  (double)screen->count;
    size_t worker, target;
    for (worker = 0; worker < (size_t)otx__threads(dictionary->ctx); worker++)
        for (target = 0; target < screen->count && !otx__form_scans(screen->form); target++)
            screen->scratch[worker].least[target] = screen->bars[target];
    return otx__watch_loop(&screen->watch, (dictionary->tiles + group - 1) / group, work,
                           otx__correlate_body, screen, error);
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

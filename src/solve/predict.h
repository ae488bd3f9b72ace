/* ---- predict: making targets ready for the next scan ---------------------------- */

/* Atoms among which those of the next steps are looked for, each from another tile. */
#define OTX__PROSPECTS_MAX 24

/* The best atoms of the tiles that held the best ones for a target's set, without those
   that it holds. Returns how many. */
OTX__PRIVATE size_t otx__prospects_find(const otx__screen *screen, size_t target, size_t set,
                                        uint32_t atoms[OTX__PROSPECTS_MAX])
{
    size_t tiles = screen->problem->dictionary->tiles, count = 0, kept = 0, tile, at;
    size_t most = otx__min(OTX__PROSPECTS_MAX, 4 + tiles / 8);
    const float *best = screen->best + set * tiles * screen->capacity + target;
    float values[OTX__PROSPECTS_MAX];
    for (tile = 0; tile < tiles; tile++) {
        float value = best[tile * screen->capacity];
        if (count == most && !(value > values[count - 1])) continue;
        if (count < most) count++;
        for (at = count - 1; at > 0 && value > values[at - 1]; at--) {
            values[at] = values[at - 1];
            atoms[at] = atoms[at - 1];
        }
        values[at] = value;
        atoms[at] = (uint32_t)(tile * OTX__TILE) + otx__packed_atom(value);
    }
    for (at = 0; at < count; at++)
        if (atoms[at] < screen->problem->dictionary->count &&
            !otx__support_holds(&screen->supports[target], atoms[at]))
            atoms[kept++] = atoms[at];
    return kept;
}

/* Columns from which on looking up exact products of atoms, which lie anywhere, takes less
   time than reading the atoms. */
#define OTX__LOOK_UP_COLUMNS_MIN 1024

/* Roughly the products of atoms with the residual of a target's support, whose
   coefficients are current: by the products of the atoms and, as the screen has them, of
   the target. */
OTX__PRIVATE void otx__prospects_look_up(const otx__screen *screen, size_t target,
                                         const uint32_t *atoms, size_t count, double *products)
{
    const otx__dictionary *dictionary = screen->problem->dictionary;
    const otx__support *support = &screen->supports[target];
    size_t i, j;
    for (i = 0; i < count; i++) {
        size_t atom = atoms[i], tile = atom / OTX__TILE, lane = atom % OTX__TILE;
        const double *gram = dictionary->exact_gram + atom * dictionary->count;
        double start = (double)otx__screen_start(screen, tile, target)[lane];
        double sum = start * screen->rest[target] / 32767.0 +
                     screen->along[target] * (double)dictionary->panels.common[atom];
        sum *= support->norm * dictionary->norms[atom];
        for (j = 0; j < support->count; j++)
            sum -= support->coefficients[j] * gram[support->indices[j]];
        products[i] = sum;
    }
}

/* The same by the residual, in float. */
OTX__PRIVATE void otx__prospects_multiply(const otx__screen *screen, size_t target,
                                          const uint32_t *atoms, size_t count,
                                          otx__scratch *scratch, double *products)
{
    const otx__dictionary *dictionary = screen->problem->dictionary;
    const otx__support *support = &screen->supports[target];
    otx__row rows[OTX__PROSPECTS_MAX];
    float rough[OTX__PROSPECTS_MAX];
    size_t i;
    for (i = 0; i < count; i++) rows[i] = otx__view_row(&dictionary->rows, atoms[i]);
    otx__support_rows(screen->problem, support, scratch);
    dictionary->kernels->rough_residual(scratch->rough, support->target, support->coefficients,
                                        scratch->rows, support->count, dictionary->columns);
    dictionary->kernels->rough_dots(scratch->rough, rows, count, dictionary->columns, rough);
    for (i = 0; i < count; i++) products[i] = (double)rough[i];
}

/* Takes the best of these atoms for a target's support off the list. False if there is
   none. */
OTX__PRIVATE bool otx__prospects_take(const otx__screen *screen, size_t target,
                                      uint32_t *atoms, size_t *count, otx__scratch *scratch,
                                      size_t *atom)
{
    const otx__dictionary *dictionary = screen->problem->dictionary;
    double products[OTX__PROSPECTS_MAX], score = 0.0;
    size_t i, best = 0;
    if (dictionary->exact_gram && dictionary->columns >= OTX__LOOK_UP_COLUMNS_MIN)
        otx__prospects_look_up(screen, target, atoms, *count, products);
    else
        otx__prospects_multiply(screen, target, atoms, *count, scratch, products);
    for (i = 0; i < *count; i++) {
        double value = otx__score(dictionary, atoms[i], products[i]);
        if (!(value > score)) continue;
        score = value;
        best = i;
    }
    if (!(score > 0.0)) return false;
    *atom = atoms[best];
    atoms[best] = atoms[--*count];
    return true;
}

/* Makes the sets for the next scan: the support as it is, and with one atom after
   the other that is likely to come. The factor grows with them; the count does not. */
OTX__PRIVATE void otx__screen_predict(otx__screen *screen, size_t target, otx__scratch *scratch)
{
    const otx__problem *problem = screen->problem;
    otx__support *support = &screen->supports[target];
    size_t sure = support->count, last = screen->last_right[target], sets, count, atom;
    uint32_t prospects[OTX__PROSPECTS_MAX];
    otx__screen_prepare(screen, target, 0, scratch);
    if (sure == 0) return;
    count = otx__prospects_find(screen, target, last, prospects);
    /* One more than was right the last time. */
    for (sets = 1; sets < OTX__SETS && sets <= last + 1 && support->count + 1 < problem->k;
         sets++) {
        if (!otx__prospects_take(screen, target, prospects, &count, scratch, &atom) ||
            !otx__gram_table_has(&screen->table, atom) ||
            !otx__support_append(problem, support, atom, scratch))
            break;
        otx__screen_prepare(screen, target, sets, scratch);
    }
    support->count = sure;
}

/* Whether all the atoms that a target has selected have a column. */
OTX__PRIVATE bool otx__screen_has_columns(const otx__screen *screen, size_t target)
{
    const otx__support *support = &screen->supports[target];
    size_t i;
    for (i = 0; i < support->count; i++)
        if (!otx__gram_table_has(&screen->table, (size_t)support->indices[i])) return false;
    return true;
}

/* Makes a target ready for the next scan. One that has ended, or whose columns are
   not there, is left out of it. */
OTX__PRIVATE void otx__screen_make_ready(otx__screen *screen, size_t target, otx__scratch *scratch)
{
    double clock = otx__now();
    if (!otx__form_scans(screen->form))
        otx__screen_residual(screen, target, scratch);
    else if (screen->supports[target].ended || !otx__screen_has_columns(screen, target))
        screen->sets[target] = screen->counts[target] = 0;
    else
        otx__screen_predict(screen, target, scratch);
    scratch->seconds_predict += otx__now() - clock;
}

/* Targets that one task makes ready or selects for: a cache line of `best`. */
#define OTX__TASK_TARGETS 16

OTX__PRIVATE size_t otx__task_count(const otx__screen *screen)
{
    return (screen->count + OTX__TASK_TARGETS - 1) / OTX__TASK_TARGETS;
}

OTX__PRIVATE void otx__waiting_body(void *argument, size_t index, int worker)
{
    otx__screen *screen = (otx__screen *)argument;
    size_t target = index * OTX__TASK_TARGETS;
    size_t end = otx__min(screen->count, target + OTX__TASK_TARGETS);
    for (; target < end; target++)
        if (screen->sets[target] == 0 && !screen->supports[target].ended)
            otx__screen_make_ready(screen, target, &screen->scratch[worker]);
}

/* What selecting for so many targets costs, in multiply-adds or so. */
OTX__PRIVATE double otx__task_work(const otx__screen *screen)
{
    const otx__problem *problem = screen->problem;
    double n = (double)problem->dictionary->count, d = (double)problem->dictionary->columns;
    double scored = otx__form_scans(screen->form) ? 0.0 : n / 8.0; /* a block may have more */
    return OTX__TASK_TARGETS * (16.0 * (double)problem->k * d + scored * d + n / 8.0);
}

/* Makes the targets ready that the last scan left out: all of a new block or of new panels,
   and those that waited for columns. */
OTX__PRIVATE otx_result otx__screen_make_waiting_ready(otx__screen *screen, otx_error *error)
{
    return otx__watch_loop(&screen->watch, otx__task_count(screen), otx__task_work(screen),
                           otx__waiting_body, screen, error);
}

/* ---- the columns form ---- */

/* Keeps, or gets, the columns of a target's atoms; false if there is no room. */
OTX__PRIVATE bool otx__screen_need_columns(otx__screen *screen, size_t target)
{
    const otx__support *support = &screen->supports[target];
    size_t count = support->count, i;
    if (screen->sets[target]) count += screen->sets[target] - 1; /* those predicted */
    for (i = 0; i < count; i++)
        if (!otx__gram_table_need(&screen->table, (size_t)support->indices[i])) return false;
    return true;
}

/* The columns form: gets the columns that waiting targets need, the first of them
   first, and keeps those that the others use. As there is room for k columns, one
   target at least goes on, so all of them end. */
OTX__PRIVATE otx_result otx__screen_get_columns(otx__screen *screen, otx_error *error)
{
    otx__gram_table *table = &screen->table;
    size_t target;
    otx_result result;
    if (screen->form != OTX_FORM_COLUMNS) return OTX_OK;
    otx__gram_table_begin(table);
    for (target = 0; target < screen->count; target++)
        if (screen->sets[target]) (void)otx__screen_need_columns(screen, target);
    for (target = 0; target < screen->count; target++)
        if (!screen->sets[target] && !screen->supports[target].ended)
            (void)otx__screen_need_columns(screen, target);
    result = otx__gram_table_compute(table, &screen->watch, screen->scratch, error);
    return result ? result : otx__screen_make_waiting_ready(screen, error);
}

/* ---- the first step of a block ---- */

OTX__PRIVATE void otx__screen_open_body(void *argument, size_t index, int worker)
{
    otx__screen *screen = (otx__screen *)argument;
    const otx__dictionary *dictionary = screen->problem->dictionary;
    otx__scratch *scratch = &screen->scratch[worker];
    size_t target, end = otx__min(screen->count, (index + 1) * OTX__TILE);
    otx__panels_clear(&screen->panels, index);
    for (target = index * OTX__TILE; target < end; target++) {
        screen->sets[target] = 0;
        if (screen->form == OTX_FORM_RESIDUAL) otx__runners_clear(screen, target);
        if (!otx__form_has_table(screen->form)) continue;
        screen->counts[target] = 0;
        otx__row_widen(dictionary->kernels, screen->supports[target].target,
                       dictionary->columns, scratch->row);
        scratch->row_target = NULL;
        screen->along[target] = otx__screen_split(screen, target, scratch->row);
    }
}

/* Makes the targets of the block ready for the first step. */
OTX__PRIVATE otx_result otx__screen_open_block(otx__screen *screen, otx_error *error)
{
    double work = 16.0 * OTX__TILE * (double)screen->problem->dictionary->columns;
    otx_result result = otx__watch_loop(&screen->watch, otx__tiles(screen->count), work,
                                        otx__screen_open_body, screen, error);
    if (!result && otx__form_has_table(screen->form))
        result = otx__screen_correlate(screen, error);
    if (result || otx__form_is_single(screen->form)) return result;
    return otx__screen_make_waiting_ready(screen, error);
}

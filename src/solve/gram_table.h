/* ---- gram table: products of atoms with all atoms ------------------------------- */

/* Whether a form tells in cheap arithmetic which atoms to look at. With OTX_SMALL there is none
   that does: compilers see it here, and leave out what such forms need. */
OTX__PRIVATE bool otx__form_screens(otx_omp_form form)
{
#ifdef OTX_SMALL
    return (void)form, false;
#else
    return form != OTX_FORM_EXHAUSTIVE;
#endif
}

/* Whether this build has a form. */
OTX__PRIVATE bool otx__form_is_here(otx_omp_form form)
{
    return form == OTX_FORM_EXHAUSTIVE || otx__form_screens(form);
}

/* Whether each target is followed alone, by a table of products in float (single.h). */
OTX__PRIVATE bool otx__form_is_single(otx_omp_form form)
{
    return otx__form_screens(form) && form == OTX_FORM_SINGLE;
}

/* Whether the products of all pairs of atoms are kept. */
OTX__PRIVATE bool otx__form_keeps_all(otx_omp_form form)
{
    return otx__form_is_single(form) || (otx__form_screens(form) && form == OTX_FORM_GRAM);
}

/* Whether correlations come from a table of products, not from the residuals. */
OTX__PRIVATE bool otx__form_has_table(otx_omp_form form)
{
    return otx__form_keeps_all(form) || (otx__form_screens(form) && form == OTX_FORM_COLUMNS);
}

/* Whether they do by scans of that table, a block of targets at a time. */
OTX__PRIVATE bool otx__form_scans(otx_omp_form form)
{
    return otx__form_has_table(form) && !otx__form_is_single(form);
}

/* Columns that are computed together at most: whole tiles, where columns of atoms are shared
   OTX__SHARED_PANELS of them. */
#define OTX__BATCH_COLUMNS 512

/* The rests' products as 16-bit fixed point: [tile][slot][32], the 32 atoms of a tile
   against the atom in a slot; or, where targets are followed alone, in float: [slot][atom],
   whole tiles of atoms. In the Gram form and there every atom stands in the slot of its own
   number. In the columns form only atoms that supports hold have a slot, as long as they
   need it; a column is computed when its atom comes in. */
typedef struct otx__gram_table {
    otx__dictionary *dictionary;
    int16_t *products; /* or NULL */
    float *floats;     /* or NULL */
    size_t slots;
    size_t group;      /* where all are kept: the first of the tiles at hand */
    uint64_t columns; /* computed so far */
    /* The columns form only: */
    int32_t *slot_of;          /* [atom] -1: none */
    uint32_t *atom_of;         /* [slot] OTX__NO_ATOM: free */
    uint32_t *last_needed;     /* [slot] the pass that needed it last */
    uint32_t pass;
    size_t next_slot;          /* where the search for a free slot goes on */
    bool full;                 /* no slot was left in this pass */
    uint32_t *missing;         /* slots whose columns are to be computed */
    size_t missing_count;
    size_t batch, batch_count; /* those at hand: the first, and how many */
    otx__panels panels;        /* their atoms */
} otx__gram_table;

/* Nearest integer to a number, within int16; wrong by at most 0.51 in all. */
OTX__PRIVATE int16_t otx__fixed(float value)
{
    float shifted = value + (value < 0.0f ? -0.5f : 0.5f);
    if (shifted > 32767.0f) return 32767;
    if (shifted < -32767.0f) return -32767;
    return (int16_t)shifted;
}

OTX__PRIVATE int16_t *otx__gram_table_at(const otx__gram_table *table, size_t tile, size_t slot)
{
    return table->products + (tile * table->slots + slot) * OTX__TILE;
}

/* ---- where all of them are kept ---- */

typedef struct otx__gram_table_task {
    otx__gram_table *table;
    otx__scratch *scratch; /* [worker] */
} otx__gram_table_task;

/* The products of the rests of two tiles' atoms, of the exact products of these. */
OTX__PRIVATE void otx__gram_table_from_exact(const otx__dictionary *dictionary, size_t tile,
                                             size_t other, float *block)
{
    const float *common = dictionary->panels.common;
    size_t i, j;
    memset(block, 0, OTX__TILE * OTX__TILE * sizeof *block);
    for (j = other * OTX__TILE; j < otx__min(dictionary->count, (other + 1) * OTX__TILE); j++) {
        const double *row = dictionary->exact_gram + j * dictionary->count;
        float *column = block + j % OTX__TILE * OTX__TILE;
        if (!(dictionary->norms[j] > 0.0)) continue;
        for (i = tile * OTX__TILE; i < otx__min(dictionary->count, (tile + 1) * OTX__TILE); i++)
            if (dictionary->norms[i] > 0.0)
                column[i % OTX__TILE] =
                    (float)(row[i] / dictionary->norms[i] / dictionary->norms[j] -
                            (double)common[i] * (double)common[j]);
    }
}

/* Stores the products of two tiles on both sides of the diagonal. block: [atom of
   other][atom of tile] */
OTX__PRIVATE void otx__gram_table_put_fixed(const otx__gram_table *table, size_t tile,
                                            size_t other, const float *block)
{
    int16_t *here = otx__gram_table_at(table, tile, other * OTX__TILE);
    int16_t *there = otx__gram_table_at(table, other, tile * OTX__TILE);
    size_t i, j;
    for (i = 0; i < OTX__TILE * OTX__TILE; i++) here[i] = otx__fixed(block[i] * 32767.0f);
    if (tile == other) return;
    for (i = 0; i < OTX__TILE; i++)
        for (j = 0; j < OTX__TILE; j++) there[i * OTX__TILE + j] = here[j * OTX__TILE + i];
}

/* The same in float. */
OTX__PRIVATE void otx__gram_table_put_floats(const otx__gram_table *table, size_t tile,
                                             size_t other, const float *block)
{
    float *here = table->floats + other * OTX__TILE * table->slots + tile * OTX__TILE;
    float *there = table->floats + tile * OTX__TILE * table->slots + other * OTX__TILE;
    size_t i, j;
    for (j = 0; j < OTX__TILE; j++)
        memcpy(here + j * table->slots, block + j * OTX__TILE, OTX__TILE * sizeof *here);
    if (tile == other) return;
    for (i = 0; i < OTX__TILE; i++)
        for (j = 0; j < OTX__TILE; j++) there[i * table->slots + j] = block[j * OTX__TILE + i];
}

/* Products of tile `index` with the group's tiles from it on. No two tasks write the same
   place. */
OTX__PRIVATE void otx__gram_table_fill_body(void *argument, size_t index, int worker)
{
    otx__gram_table_task *task = (otx__gram_table_task *)argument;
    otx__gram_table *table = task->table;
    const otx__dictionary *dictionary = table->dictionary;
    const otx__panels *panels = &dictionary->panels;
    size_t end = otx__min(dictionary->tiles, table->group + otx__dictionary_group(dictionary));
    size_t first = otx__max(table->group, index), tile;
    float *block = task->scratch[worker].block;
    for (tile = first; tile < end && dictionary->exact_gram; tile++)
        otx__gram_table_from_exact(dictionary, tile, index,
                                   block + (tile - first) * OTX__TILE * OTX__TILE);
    if (!dictionary->exact_gram)
        otx__panels_multiply(dictionary->kernels, panels, first, end - first, panels, index,
                             OTX__TILE, block);
    for (tile = first; tile < end; tile++, block += OTX__TILE * OTX__TILE) {
        if (table->floats) otx__gram_table_put_floats(table, tile, index, block);
        else otx__gram_table_put_fixed(table, tile, index, block);
    }
}

OTX__PRIVATE otx_result otx__gram_table_fill(otx__gram_table *table, otx__scratch *scratch,
                                             otx_error *error)
{
    const otx__dictionary *dictionary = table->dictionary;
    size_t group = otx__dictionary_group(dictionary), end;
    otx_result result = OTX_OK;
    otx__gram_table_task task;
    task.table = table;
    task.scratch = scratch;
    for (table->group = 0; table->group < dictionary->tiles && !result; table->group += group) {
        double work = (double)group * OTX__TILE * OTX__TILE * (double)dictionary->columns;
        otx__watch watch = otx__watch_open(dictionary->ctx, OTX_STAGE_GRAM,
                                           table->group * OTX__TILE,
                                           dictionary->tiles * OTX__TILE);
        end = otx__min(dictionary->tiles, table->group + group);
        result = otx__watch_loop(&watch, end, work, otx__gram_table_fill_body, &task, error);
    }
    table->columns = dictionary->count;
    return result;
}

/* ---- the columns form: those that are needed ---- */

OTX__PRIVATE void otx__gram_table_clear(otx__gram_table *table)
{
    size_t i;
    for (i = 0; i < table->dictionary->count; i++) table->slot_of[i] = -1;
    for (i = 0; i < table->slots; i++) {
        table->atom_of[i] = OTX__NO_ATOM;
        table->last_needed[i] = 0;
    }
}

/* Nothing is needed yet in the pass that begins. */
OTX__PRIVATE void otx__gram_table_begin(otx__gram_table *table)
{
    table->pass++;
    table->missing_count = 0;
    table->full = false;
}

/* Whether an atom has a column. */
OTX__PRIVATE bool otx__gram_table_has(const otx__gram_table *table, size_t atom)
{
    return !table->slot_of || table->slot_of[atom] >= 0;
}

OTX__PRIVATE uint32_t otx__gram_table_slot(const otx__gram_table *table, size_t atom)
{
    return table->slot_of ? (uint32_t)table->slot_of[atom] : (uint32_t)atom;
}

/* Keeps an atom's column for this pass, giving it a slot that nobody else needs
   in this pass if it has none. False if there is none. */
OTX__PRIVATE bool otx__gram_table_need(otx__gram_table *table, size_t atom)
{
    size_t tried, slot;
    if (table->slot_of[atom] >= 0) {
        table->last_needed[table->slot_of[atom]] = table->pass;
        return true;
    }
    for (tried = 0; tried < table->slots && !table->full; tried++) {
        slot = table->next_slot;
        table->next_slot = (slot + 1) % table->slots;
        if (table->last_needed[slot] == table->pass) continue;
        if (table->atom_of[slot] != OTX__NO_ATOM) table->slot_of[table->atom_of[slot]] = -1;
        table->atom_of[slot] = (uint32_t)atom;
        table->slot_of[atom] = (int32_t)slot;
        table->last_needed[slot] = table->pass;
        table->missing[table->missing_count++] = (uint32_t)slot;
        return true;
    }
    table->full = true;
    return false;
}

/* Gathers the atoms of one panel of the columns at hand. */
OTX__PRIVATE void otx__gram_table_gather_body(void *argument, size_t index, int worker)
{
    const otx__gram_table_task *task = (const otx__gram_table_task *)argument;
    otx__gram_table *table = task->table;
    const otx__dictionary *dictionary = table->dictionary;
    otx__scratch *scratch = &task->scratch[worker];
    size_t i, end = otx__min(table->batch_count, (index + 1) * OTX__TILE);
    if (dictionary->shares) otx__panels_clear(&table->panels, index);
    for (i = index * OTX__TILE; i < end; i++) {
        uint32_t atom = table->atom_of[table->missing[table->batch + i]];
        if (!dictionary->shares) {
            otx__panels_copy(&table->panels, i, &dictionary->panels, atom);
            continue;
        }
        otx__row_widen(dictionary->kernels, otx__view_row(&dictionary->rows, atom),
                       dictionary->columns, scratch->row);
        scratch->row_target = NULL;
        table->panels.common[i] = dictionary->panels.common[atom];
        (void)otx__panels_put_rest(&table->panels, i, scratch->row, dictionary->columns,
                                   dictionary->norms[atom], dictionary->direction);
    }
}

/* One group of tiles against the columns at hand. */
OTX__PRIVATE void otx__gram_table_columns_body(void *argument, size_t index, int worker)
{
    otx__gram_table_task *task = (otx__gram_table_task *)argument;
    otx__gram_table *table = task->table;
    const otx__dictionary *dictionary = table->dictionary;
    size_t group = otx__dictionary_group(dictionary), first = index * group;
    size_t tiles = otx__min(group, dictionary->tiles - first), panel, tile, i, j;
    float *block = task->scratch[worker].block;
    for (panel = 0; panel < otx__tiles(table->batch_count); panel++) {
        size_t columns = otx__min(OTX__TILE, table->batch_count - panel * OTX__TILE);
        const uint32_t *slots = table->missing + table->batch + panel * OTX__TILE;
        otx__dictionary_multiply(dictionary, first, tiles, &table->panels, panel, columns,
                                 block);
        for (tile = 0; tile < tiles; tile++) {
            for (j = 0; j < columns; j++) {
                const float *column = block + (tile * OTX__TILE + j) * OTX__TILE;
                int16_t *to = otx__gram_table_at(table, first + tile, slots[j]);
                for (i = 0; i < OTX__TILE; i++) to[i] = otx__fixed(column[i] * 32767.0f);
            }
        }
    }
}

/* Computes the columns of the atoms that got a slot in this pass. */
OTX__PRIVATE otx_result otx__gram_table_compute(otx__gram_table *table, otx__watch *watch,
                                                otx__scratch *scratch, otx_error *error)
{
    const otx__dictionary *dictionary = table->dictionary;
    size_t group = otx__dictionary_group(dictionary);
    size_t groups = (dictionary->tiles + group - 1) / group;
    size_t most = dictionary->shares ? OTX__SHARED_PANELS * OTX__TILE : OTX__BATCH_COLUMNS;
    otx_result result = OTX_OK;
    otx__gram_table_task task;
    task.table = table;
    task.scratch = scratch;
    for (table->batch = 0; table->batch < table->missing_count && !result;
         table->batch += table->batch_count) {
        size_t count = otx__min(most, table->missing_count - table->batch);
        double work = (double)(group * OTX__TILE) * (double)count * (double)dictionary->columns;
        table->batch_count = count;
        otx__parallel(dictionary->ctx, otx__tiles(count), otx__gram_table_gather_body, &task);
        if (dictionary->shares)
            result = otx__shares_look(dictionary, &table->panels, 0, otx__tiles(count), watch,
                                      error);
        if (result) break;
        result = otx__watch_loop(watch, groups, work, otx__gram_table_columns_body, &task, error);
    }
    table->columns += table->missing_count;
    return result;
}

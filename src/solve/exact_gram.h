/* ---- exact gram: products of all pairs of atoms in double ---------------------- */

/* The factors of supports are made of exact products of atoms. Where there are few
   atoms and many targets, the same pairs come again and again: then all of them are
   computed once. <a, b> has the bits of <b, a>, as products of two floats are exact in
   double and are added up in the same order. */

/* Bytes of rows that are read against 32 others before the next ones are: they stay
   in a core's cache. */
#define OTX__EXACT_GRAM_ROW_BYTES 262144

/* Ranges that the tiles up to one, for the products with its atoms, are divided into, so
   that the caller is asked between them. */
OTX__PRIVATE size_t otx__exact_gram_parts(const otx__dictionary *dictionary)
{
    double work = (double)OTX__TILE * (double)dictionary->count * (double)dictionary->columns;
    return otx__min(dictionary->tiles, 1 + (size_t)(work / OTX__POLL_WORK));
}

/* Products of one or two atoms from `a` on with those from `start` on, whose rows are
   given. */
OTX__PRIVATE void otx__exact_gram_pair(const otx__dictionary *dictionary, size_t a, size_t pair,
                                       const otx__row *rows, size_t count, size_t start,
                                       double *wide)
{
    const otx__kernels *kernels = dictionary->kernels;
    size_t pitch = dictionary->count, i;
    double *products = dictionary->exact_gram + a * pitch + start;
    otx__row two[2];
    for (i = 0; i < pair; i++) two[i] = otx__view_row(&dictionary->rows, a + i);
    if (pair == 2 && kernels->pair_products) {
        kernels->pair_products(two, rows, count, dictionary->columns, products, pitch);
        return;
    }
    for (i = 0; i < pair; i++) {
        otx__row_widen(kernels, two[i], dictionary->columns, wide);
        kernels->products(wide, rows, count, dictionary->columns, products + i * pitch);
    }
}

/* Products of the atoms of a tile with those of a range of the tiles up to it, on both
   sides of the diagonal. No two tasks write the same place. */
OTX__PRIVATE void otx__exact_gram_body(void *argument, size_t index, int worker)
{
    otx__dictionary_task *task = (otx__dictionary_task *)argument;
    otx__dictionary *dictionary = task->dictionary;
    size_t parts = otx__exact_gram_parts(dictionary), tile = index / parts, part = index % parts;
    size_t range = (tile + parts) / parts * OTX__TILE; /* tiles 0 to `tile`, divided */
    size_t n = dictionary->columns, first = tile * OTX__TILE, start, count, a, b;
    size_t last = otx__min(dictionary->count, first + OTX__TILE);
    size_t end = otx__min(last, (part + 1) * range);
    size_t most = otx__min(OTX__TILE, 4 + OTX__EXACT_GRAM_ROW_BYTES / (4 * n));
    for (start = part * range; start < end; start += count) {
        otx__row rows[OTX__TILE];
        count = otx__min(most, end - start);
        for (b = 0; b < count; b++) rows[b] = otx__view_row(&dictionary->rows, start + b);
        for (a = first; a < last; a += 2)
            otx__exact_gram_pair(dictionary, a, otx__min(2, last - a), rows, count, start,
                                 task->scratch + (size_t)worker * n);
        for (a = first; a < last; a++)
            for (b = start; b < otx__min(start + count, first); b++)
                dictionary->exact_gram[b * dictionary->count + a] =
                    dictionary->exact_gram[a * dictionary->count + b];
    }
}

/* scratch: [worker][columns]. */
OTX__PRIVATE otx_result otx__exact_gram_fill(otx__dictionary *dictionary, double *scratch,
                                             otx_error *error)
{
    otx__watch watch = otx__watch_open(dictionary->ctx, OTX_STAGE_GRAM, dictionary->count,
                                       dictionary->count);
    double work = (double)OTX__TILE * (double)dictionary->count * (double)dictionary->columns;
    size_t parts = otx__exact_gram_parts(dictionary);
    otx__dictionary_task task;
    task.dictionary = dictionary;
    task.scratch = scratch;
    return otx__watch_loop(&watch, dictionary->tiles * parts, work / (double)parts,
                           otx__exact_gram_body, &task, error);
}

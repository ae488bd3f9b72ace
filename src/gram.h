/* ---- gram: products of all pairs of atoms in double --------------------------- */

/* The factors of supports are made of exact products of atoms. Where there are few
   atoms and many targets, the same pairs come again and again: then all of them are
   computed once. <a, b> has the bits of <b, a>, as products of two floats are exact in
   double and are added up in the same order. */

/* Bytes of rows that are read against 32 others before the next ones are: they stay
   in a core's cache. */
#define OTX__GRAM_BYTES 262144

/* Ranges of tiles that the products of one tile's atoms are divided into, for the caller
   to be asked between them. */
OTX__PRIVATE size_t otx__gram_parts(const otx__dictionary *dictionary)
{
    double work = (double)OTX__TILE * (double)dictionary->count * (double)dictionary->columns;
    return otx__min(dictionary->tiles, 1 + (size_t)(work / OTX__POLL_WORK));
}

/* Products of the atoms of a tile with those of a range of the tiles up to it, on both
   sides of the diagonal. No two tasks write the same place. */
OTX__PRIVATE void otx__gram_body(void *argument, size_t index, int worker)
{
    otx__dictionary_task *task = (otx__dictionary_task *)argument;
    otx__dictionary *dictionary = task->dictionary;
    size_t parts = otx__gram_parts(dictionary), tile = index / parts, part = index % parts;
    size_t range = (dictionary->tiles + parts - 1) / parts * OTX__TILE;
    size_t n = dictionary->columns, first = tile * OTX__TILE, start, count, a, b;
    size_t last = otx__min(dictionary->count, first + OTX__TILE);
    size_t end = otx__min(last, (part + 1) * range);
    size_t most = otx__min(OTX__TILE, 4 + OTX__GRAM_BYTES / (4 * n));
    double *wide = task->scratch + (size_t)worker * n;
    for (start = part * range; start < end; start += count) {
        otx__row rows[OTX__TILE];
        count = otx__min(most, end - start);
        for (b = 0; b < count; b++) rows[b] = otx__rows_at(&dictionary->rows, start + b);
        for (a = first; a < last; a++) {
            double *products = dictionary->gram + a * dictionary->count + start;
            otx__row_widen(dictionary->kernels, otx__rows_at(&dictionary->rows, a), n, wide);
            dictionary->kernels->products(wide, rows, count, n, products);
            for (b = 0; b < otx__min(count, first - otx__min(first, start)); b++)
                dictionary->gram[(start + b) * dictionary->count + a] = products[b];
        }
    }
}

OTX__PRIVATE otx_result otx__dictionary_gram(otx__dictionary *dictionary, double *scratch,
                                             otx_error *error)
{
    otx__watch watch = otx__watch_open(dictionary->ctx, OTX_STAGE_GRAM, dictionary->count,
                                       dictionary->count);
    double work = (double)OTX__TILE * (double)dictionary->count * (double)dictionary->columns;
    size_t parts = otx__gram_parts(dictionary);
    otx__dictionary_task task;
    task.dictionary = dictionary;
    task.scratch = scratch;
    return otx__watch_loop(&watch, dictionary->tiles * parts, work / (double)parts,
                           otx__gram_body, &task, error);
}

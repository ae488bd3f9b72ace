/* ---- gram: products of all pairs of atoms in double --------------------------- */

/* The factors of supports are made of exact products of atoms. Where there are few
   atoms and many targets, the same pairs come again and again: then all of them are
   computed once. <a, b> has the bits of <b, a>, as products of two floats are exact in
   double and are added up in the same order. */

/* Bytes of rows that are read against 32 others before the next ones are: they stay
   in a core's cache. */
#define OTX__GRAM_BYTES 262144

/* Products of the atoms of a tile with those of the tiles up to it, on both sides of
   the diagonal. No two tasks write the same place. */
OTX__PRIVATE void otx__gram_body(void *argument, size_t tile, int worker)
{
    otx__dictionary_task *task = (otx__dictionary_task *)argument;
    otx__dictionary *dictionary = task->dictionary;
    size_t n = dictionary->columns, first = tile * OTX__TILE, start, count, a, b;
    size_t end = otx__min(dictionary->count, first + OTX__TILE);
    size_t most = otx__min(OTX__TILE, 4 + OTX__GRAM_BYTES / (4 * n));
    double *wide = task->scratch + (size_t)worker * n;
    for (start = 0; start < end; start += count) {
        otx__row rows[OTX__TILE];
        count = otx__min(most, end - start);
        for (b = 0; b < count; b++) rows[b] = otx__rows_at(&dictionary->rows, start + b);
        for (a = first; a < end; a++) {
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
    otx__watch watch = otx__watch_open(dictionary->ctx, OTX_STAGE_GRAM, 0, dictionary->count);
    double work = (double)OTX__TILE * (double)dictionary->count * (double)dictionary->columns;
    otx__dictionary_task task;
    task.dictionary = dictionary;
    task.scratch = scratch;
    return otx__watch_loop(&watch, dictionary->tiles, work, otx__gram_body, &task, error);
}

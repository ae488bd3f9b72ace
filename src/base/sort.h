/* ---- sort: in place, without memory, never quadratic; and finding ------------ */

OTX__PRIVATE void otx__swap(char *a, char *b, size_t size)
{
    char held[64];
    memcpy(held, a, size);
    memcpy(a, b, size);
    memcpy(b, held, size);
}

/* Heap sort: takes no memory and is never quadratic, where qsort may be either.
   Not stable, so `compare` should find no two items equal. An item has at most
   64 bytes. */
OTX__PRIVATE void otx__sort(void *items, size_t count, size_t size,
                            int (*compare)(const void *a, const void *b))
{
    char *base = (char *)items;
    size_t unsorted = count / 2, end = count;
    while (end > 1) {
        size_t parent, child;
        if (unsorted > 0) unsorted--; /* make a heap, from the last parent up */
        else otx__swap(base, base + --end * size, size); /* take its largest off */
        for (parent = unsorted; (child = 2 * parent + 1) < end; parent = child) {
            if (child + 1 < end && compare(base + child * size, base + (child + 1) * size) < 0)
                child++;
            if (compare(base + parent * size, base + child * size) >= 0) break;
            otx__swap(base + parent * size, base + child * size, size);
        }
    }
}

/* The item of a sorted array for which compare(key, item) is 0, or NULL. As bsearch,
   and of an array without items, too. */
OTX__PRIVATE const void *otx__sorted_find(const void *items, size_t count, size_t size,
                                          const void *key,
                                          int (*compare)(const void *key, const void *item))
{
    const char *base = (const char *)items;
    size_t low = 0, high = count;
    while (low < high) {
        const size_t middle = low + (high - low) / 2;
        const int order = compare(key, base + middle * size);
        if (order == 0) return base + middle * size;
        if (order < 0) high = middle;
        else low = middle + 1;
    }
    return NULL;
}

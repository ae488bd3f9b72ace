/* ---- memory ------------------------------------------------------------- */

OTX__PRIVATE void *otx__resize(const otx_context *ctx, void *block, size_t old_size,
                               size_t new_size)
{
    if (ctx && ctx->allocator.resize)
        return ctx->allocator.resize(ctx->allocator.context, block, old_size, new_size);
    if (new_size == 0) {
        free(block);
        return NULL;
    }
    return block ? realloc(block, new_size) : malloc(new_size);
}

/* count elements of `size` bytes; NULL when out of memory or when the product
   overflows. A count of 0 still gives a block that must be freed (as 1 byte). */
OTX__PRIVATE void *otx__alloc(const otx_context *ctx, size_t count, size_t size)
{
    size_t bytes;
    if (!otx__mul(count, size, &bytes)) return NULL;
    return otx__resize(ctx, NULL, 0, bytes ? bytes : 1);
}

OTX__PRIVATE void *otx__alloc_zero(const otx_context *ctx, size_t count, size_t size)
{
    void *block = otx__alloc(ctx, count, size);
    if (block) memset(block, 0, count * size);
    return block;
}

/* Frees what otx__alloc(ctx, count, size) gave; NULL is fine. */
OTX__PRIVATE void otx__free(const otx_context *ctx, void *block, size_t count, size_t size)
{
    size_t bytes = count * size;
    if (block) (void)otx__resize(ctx, block, bytes ? bytes : 1, 0);
}

/* Makes room for at least `need` elements in a growing array (doubling).
   `*items` may move; false when out of memory, and then nothing has changed.
   Free with otx__free(ctx, items, capacity, size) if capacity > 0. */
OTX__PRIVATE bool otx__grow(const otx_context *ctx, void **items, size_t *capacity, size_t need,
                            size_t size)
{
    size_t wanted = *capacity ? *capacity : 16, old_bytes = *capacity * size, bytes;
    void *moved;
    if (need <= *capacity) return true;
    while (wanted < need) {
        if (wanted > SIZE_MAX / 2) return false;
        wanted *= 2;
    }
    if (!otx__mul(wanted, size, &bytes)) return false;
    moved = otx__resize(ctx, *items, old_bytes, bytes);
    if (!moved) return false;
    *items = moved;
    *capacity = wanted;
    return true;
}

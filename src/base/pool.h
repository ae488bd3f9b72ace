/* ---- pool: blocks that are freed together --------------------------------- */

/* The system call by a name of our own: strict C modes hide its declaration. */
#if defined(__linux__) && defined(__GNUC__) && !defined(OTX_NO_STDIO)
#define OTX__LARGE_PAGES
extern int otx__sys_madvise(void *block, size_t size, int advice) __asm__("madvise");
#endif

#define OTX__POOL_BLOCKS 64
#define OTX__ALIGNMENT 64 /* a cache line, and the widest register */

/* A handful of blocks and the sum of their sizes. Once a block could not be had,
   every later one is NULL too, so a run of takes needs one check of `failed`. */
typedef struct otx__pool {
    const otx_context *ctx;
    void *blocks[OTX__POOL_BLOCKS];
    size_t sizes[OTX__POOL_BLOCKS];
    size_t count;
    uint64_t bytes;
    uint64_t failed; /* 0, or the size of the block that could not be had */
} otx__pool;

OTX__PRIVATE void otx__pool_open(otx__pool *pool, const otx_context *ctx)
{
    memset(pool, 0, sizeof *pool);
    pool->ctx = ctx;
}

OTX__PRIVATE void otx__pool_close(otx__pool *pool)
{
    size_t i;
    for (i = 0; i < pool->count; i++) otx__free(pool->ctx, pool->blocks[i], pool->sizes[i], 1);
    otx__pool_open(pool, pool->ctx);
}

/* Asks for large pages, where the platform takes the hint: the loops over tiles
   touch lines far apart, and small pages make each of them a miss. */
OTX__PRIVATE void otx__advise_large_pages(void *block, size_t size)
{
#ifdef OTX__LARGE_PAGES
    const int huge_page = 14; /* MADV_HUGEPAGE */
    const uintptr_t page = (uintptr_t)1 << 21;
    uintptr_t first = ((uintptr_t)block + page - 1) & ~(page - 1);
    uintptr_t end = ((uintptr_t)block + size) & ~(page - 1);
    if (first < end) (void)otx__sys_madvise((void *)first, end - first, huge_page);
#else
    (void)block;
    (void)size;
#endif
}

/* count elements of `size` bytes, aligned, uninitialised. */
OTX__PRIVATE void *otx__pool_take(otx__pool *pool, size_t count, size_t size)
{
    size_t bytes;
    char *block;
    if (pool->failed) return NULL;
    if (pool->count == OTX__POOL_BLOCKS || !otx__mul(count, size, &bytes) ||
        !otx__add(bytes, OTX__ALIGNMENT, &bytes)) {
        pool->failed = UINT64_MAX;
        return NULL;
    }
    block = (char *)otx__alloc(pool->ctx, bytes, 1);
    if (!block) {
        pool->failed = bytes;
        return NULL;
    }
    /* How a caller's allocator gets its memory is its own affair. */
    if (!pool->ctx || !pool->ctx->allocator.resize) otx__advise_large_pages(block, bytes);
    pool->blocks[pool->count] = block;
    pool->sizes[pool->count++] = bytes;
    pool->bytes += bytes;
    return block + (OTX__ALIGNMENT - (uintptr_t)block % OTX__ALIGNMENT);
}

OTX__PRIVATE void *otx__pool_take_zero(otx__pool *pool, size_t count, size_t size)
{
    void *block = otx__pool_take(pool, count, size);
    if (block) memset(block, 0, count * size);
    return block;
}

/* ---- pool: blocks that are freed together --------------------------------- */

/* The system call by a name of our own: strict C modes hide its declaration. */
#if defined(__linux__) && defined(__GNUC__) && !defined(OTX_NO_STDIO)
#define OTX__LARGE_PAGES
extern int otx__sys_madvise(void *block, size_t size, int advice) __asm__("madvise");
#endif

#define OTX__ALIGNMENT 64 /* a cache line, and the widest register */

/* What stands at the head of every block. */
typedef struct otx__pool_block {
    struct otx__pool_block *next;
    size_t bytes; /* as asked for, this head with them */
} otx__pool_block;

/* A chain of blocks and the sum of their sizes. Once a block could not be had, every
   later one is NULL too, so a run of takes needs one check of `failed`. */
typedef struct otx__pool {
    const otx_context *ctx;
    otx__pool_block *blocks;
    uint64_t bytes;
    bool failed;
    size_t failed_count, failed_size; /* elements of the block that could not be had */
} otx__pool;

OTX__PRIVATE void otx__pool_open(otx__pool *pool, const otx_context *ctx)
{
    memset(pool, 0, sizeof *pool);
    pool->ctx = ctx;
}

OTX__PRIVATE void otx__pool_close(otx__pool *pool)
{
    while (pool->blocks) {
        otx__pool_block *block = pool->blocks;
        pool->blocks = block->next;
        otx__free(pool->ctx, block, block->bytes, 1);
    }
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

/* Bytes to ask for, with room for the head and for aligning what follows it. */
OTX__PRIVATE bool otx__pool_size(size_t count, size_t size, size_t *bytes)
{
    return otx__mul(count, size, bytes) &&
           otx__add(*bytes, sizeof(otx__pool_block) + OTX__ALIGNMENT, bytes);
}

/* As otx__pool_take, but a block that cannot be had is no failure. */
OTX__PRIVATE void *otx__pool_try(otx__pool *pool, size_t count, size_t size)
{
    size_t bytes;
    otx__pool_block *block;
    char *start;
    if (pool->failed || !otx__pool_size(count, size, &bytes)) return NULL;
    block = (otx__pool_block *)otx__alloc(pool->ctx, bytes, 1);
    if (!block) return NULL;
    /* How a caller's allocator gets its memory is its own affair. */
    if (!pool->ctx || !pool->ctx->allocator.resize) otx__advise_large_pages(block, bytes);
    block->next = pool->blocks;
    block->bytes = bytes;
    pool->blocks = block;
    pool->bytes += bytes;
    start = (char *)(block + 1);
    return start + (OTX__ALIGNMENT - (uintptr_t)start % OTX__ALIGNMENT) % OTX__ALIGNMENT;
}

/* count elements of `size` bytes, aligned, uninitialised; freed with the pool. */
OTX__PRIVATE void *otx__pool_take(otx__pool *pool, size_t count, size_t size)
{
    void *block = otx__pool_try(pool, count, size);
    if (block || pool->failed) return block;
    pool->failed = true;
    pool->failed_count = count;
    pool->failed_size = size;
    return NULL;
}

OTX__PRIVATE void *otx__pool_take_zero(otx__pool *pool, size_t count, size_t size)
{
    void *block = otx__pool_take(pool, count, size);
    if (block) memset(block, 0, count * size);
    return block;
}

/* Says which block could not be had. */
OTX__PRIVATE otx_result otx__pool_fail(const otx__pool *pool, otx_error *error)
{
    size_t bytes;
    if (otx__pool_size(pool->failed_count, pool->failed_size, &bytes))
        return otx__fail_memory(error, bytes);
    return otx__fail(error, OTX_ERROR_MEMORY,
                     "out of memory: %" PRIu64 " times %" PRIu64
                     " bytes are more than this machine can address",
                     (uint64_t)pool->failed_count, (uint64_t)pool->failed_size);
}

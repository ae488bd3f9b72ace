/* ---- word_cache: what words became before ----------------------------------------------- */

enum {
    OTX__CACHE_SLOTS = 1 << 17, /* of which half are used at most */
    OTX__CACHE_ROOM = 1 << 21,  /* 32-bit units for words and their ids */
    OTX__CACHE_WORD = 128,      /* bytes of a word, */
    OTX__CACHE_IDS = 64         /* and ids, at most */
};

typedef struct otx__cached {
    uint64_t hash;
    uint32_t at; /* in units, one more: the word, then its ids; 0: nothing */
    uint16_t size, count;
} otx__cached;

/* A table that forgets everything once it is full. */
typedef struct otx__word_cache {
    otx__hash_key key;
    otx__cached *slots;
    uint32_t *units;
    size_t count, used;
} otx__word_cache;

OTX__PRIVATE void otx__word_cache_open(otx__pool *pool, otx__word_cache *cache)
{
    memset(cache, 0, sizeof *cache);
    cache->slots =
        (otx__cached *)otx__pool_take_zero(pool, OTX__CACHE_SLOTS, sizeof *cache->slots);
    cache->units = (uint32_t *)otx__pool_take(pool, OTX__CACHE_ROOM, sizeof *cache->units);
    cache->key = otx__hash_key_for(pool->ctx, cache);
}

/* The slot of a word, or the empty one where it would be. */
OTX__PRIVATE otx__cached *otx__word_slot(const otx__word_cache *cache, uint64_t hash,
                                         const char *word, size_t size)
{
    size_t at = (size_t)hash % OTX__CACHE_SLOTS;
    for (; cache->slots[at].at; at = (at + 1) % OTX__CACHE_SLOTS) {
        const otx__cached *slot = &cache->slots[at];
        if (slot->hash == hash && slot->size == size &&
            memcmp(cache->units + slot->at - 1, word, size) == 0)
            break;
    }
    return &cache->slots[at];
}

/* The ids of a word, if it is there. */
OTX__PRIVATE const uint32_t *otx__word_ids(const otx__word_cache *cache, uint64_t hash,
                                           const char *word, size_t size, size_t *count)
{
    const otx__cached *slot = otx__word_slot(cache, hash, word, size);
    if (!slot->at) return NULL;
    *count = slot->count;
    return cache->units + slot->at - 1 + (size + 3) / 4;
}

OTX__PRIVATE void otx__word_keep(otx__word_cache *cache, uint64_t hash, const char *word,
                                 size_t size, const uint32_t *ids, size_t count)
{
    const size_t units = (size + 3) / 4 + count;
    otx__cached *slot;
    if (size > OTX__CACHE_WORD || count > OTX__CACHE_IDS) return;
    if (cache->count >= OTX__CACHE_SLOTS / 2 || cache->used + units > OTX__CACHE_ROOM) {
        memset(cache->slots, 0, OTX__CACHE_SLOTS * sizeof *cache->slots);
        cache->count = cache->used = 0;
    }
    slot = otx__word_slot(cache, hash, word, size);
    if (slot->at) return;
    slot->hash = hash;
    slot->at = (uint32_t)cache->used + 1;
    slot->size = (uint16_t)size;
    slot->count = (uint16_t)count;
    memcpy(cache->units + cache->used, word, size);
    if (count) memcpy(cache->units + cache->used + (size + 3) / 4, ids, count * sizeof *ids);
    cache->used += units;
    cache->count++;
}

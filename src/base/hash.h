/* ---- hash: keyed, for tables whose keys a stranger chooses ------------------- */

/* The key of one table. Who does not know it cannot make keys that fall into one slot. */
typedef struct otx__hash_key {
    uint64_t a, b;
} otx__hash_key;

typedef struct otx__hash_state {
    uint64_t v0, v1, v2, v3;
} otx__hash_state;

OTX__PRIVATE uint64_t otx__rotate(uint64_t x, unsigned by) { return x << by | x >> (64 - by); }

OTX__PRIVATE void otx__hash_round(otx__hash_state *s)
{
    s->v0 += s->v1;
    s->v2 += s->v3;
    s->v1 = otx__rotate(s->v1, 13) ^ s->v0;
    s->v3 = otx__rotate(s->v3, 16) ^ s->v2;
    s->v0 = otx__rotate(s->v0, 32) + s->v3;
    s->v2 += s->v1;
    s->v1 = otx__rotate(s->v1, 17) ^ s->v2;
    s->v3 = otx__rotate(s->v3, 21) ^ s->v0;
    s->v2 = otx__rotate(s->v2, 32);
}

/* Eight bytes, the first the lowest: compilers make one load of it. */
OTX__PRIVATE uint64_t otx__hash_word(const char *bytes)
{
    const unsigned char *b = (const unsigned char *)bytes;
    return (uint64_t)b[0] | (uint64_t)b[1] << 8 | (uint64_t)b[2] << 16 | (uint64_t)b[3] << 24 |
           (uint64_t)b[4] << 32 | (uint64_t)b[5] << 40 | (uint64_t)b[6] << 48 |
           (uint64_t)b[7] << 56;
}

/* Takes in eight bytes. */
OTX__PRIVATE void otx__hash_take(otx__hash_state *s, uint64_t word)
{
    s->v3 ^= word;
    otx__hash_round(s);
    s->v0 ^= word;
}

OTX__PRIVATE otx__hash_state otx__hash_open(otx__hash_key key)
{
    otx__hash_state s;
    s.v0 = key.a ^ UINT64_C(0x736f6d6570736575);
    s.v1 = key.b ^ UINT64_C(0x646f72616e646f6d);
    s.v2 = key.a ^ UINT64_C(0x6c7967656e657261);
    s.v3 = key.b ^ UINT64_C(0x7465646279746573);
    return s;
}

/* The hash of what was taken in and of a last word, which tells the size. */
OTX__PRIVATE uint64_t otx__hash_close(otx__hash_state *s, uint64_t last)
{
    size_t i;
    otx__hash_take(s, last);
    s->v2 ^= 0xff;
    for (i = 0; i < 3; i++) otx__hash_round(s);
    return s->v0 ^ s->v1 ^ s->v2 ^ s->v3;
}

/* SipHash-1-3 (Aumasson and Bernstein 2012), the same on every byte order. */
OTX__PRIVATE uint64_t otx__hash(otx__hash_key key, const char *bytes, size_t size)
{
    otx__hash_state s = otx__hash_open(key);
    uint64_t word = (uint64_t)size << 56;
    size_t i;
    for (i = 0; size - i >= 8; i += 8) otx__hash_take(&s, otx__hash_word(bytes + i));
    bytes += i;
    size -= i;
    for (i = 0; i < size; i++) word |= (uint64_t)(unsigned char)bytes[i] << 8 * i;
    return otx__hash_close(&s, word);
}

/* A key for a table in `block`: the caller's secret, if there is one, with what differs
   from run to run where nothing else does, addresses and the clock. */
OTX__PRIVATE otx__hash_key otx__hash_key_for(const otx_context *ctx, const void *block)
{
    otx__hash_key key = {0, 0};
    double now = otx__now();
    uint64_t parts[4];
    if (ctx) {
        key.a = ctx->hash_key[0];
        key.b = ctx->hash_key[1];
    }
    parts[0] = (uint64_t)(uintptr_t)block;
    parts[1] = (uint64_t)(uintptr_t)&key;
    memcpy(&parts[2], &now, sizeof now);
    parts[3] = 0;
    key.a = otx__hash(key, (const char *)parts, sizeof parts);
    parts[3] = 1;
    key.b = otx__hash(key, (const char *)parts, sizeof parts);
    return key;
}

/* The keyed hash, and a vocabulary made to defeat the table of tokens.
   Looks at private functions: includes the implementation, with functions that are static
   so that those not used are left out. */
#define OTX_STATIC
#define OMP_TRANSPLANT_IMPLEMENTATION
#include "omp_transplant.h"
#include "test.h"

/* What CPython 3.11, whose bytes hash by SipHash-1-3, says under PYTHONHASHSEED=0. */
static void reference_values(void)
{
    static const struct {
        size_t size;
        uint64_t hash;
    } cases[] = {
        {1, UINT64_C(0x26144e6cff3ac45c)}, {2, UINT64_C(0x52bd41de9d38aaf7)},
        {7, UINT64_C(0xdf736fc88c20792a)}, {8, UINT64_C(0x13c8df4ec019b503)},
        {9, UINT64_C(0xdfb5eb7cc3223b49)}, {15, UINT64_C(0xbeba3cf576457485)},
        {16, UINT64_C(0x610125500b21b982)}, {17, UINT64_C(0xfa02bdcf2ab24ba9)},
        {40, UINT64_C(0x42b70d836a1c4680)},
    };
    static const otx__hash_key zero = {0, 0}, other = {0, 1};
    char bytes[64];
    size_t i;
    for (i = 0; i < sizeof bytes; i++) bytes[i] = (char)(i * 37 + 11);
    for (i = 0; i < sizeof cases / sizeof *cases; i++) {
        CHECK(otx__hash(zero, bytes, cases[i].size) == cases[i].hash);
        CHECK(otx__hash(other, bytes, cases[i].size) != cases[i].hash);
    }
}

/* Blocks of 12 bytes, two for each value of the low byte of FNV-1a's 64 bits, that take
   the whole of it from one state to the same next one: the differences of the bytes are a
   short vector of the lattice of those that the powers of its factor carry to 0. All
   strings made of such blocks collide, whatever the upper 56 bits of a seed are. */
#define BLOCK 12
#define BLOCKS 8

static bool crafted_bytes(unsigned a, unsigned b, unsigned at, char one[BLOCK], char two[BLOCK],
                          unsigned *next)
{
    static const int differences[BLOCK] = {3, -13, 18, -2, -18, 12, -7, 8, 13, -16, 9, -3};
    int from, to;
    *next = a;
    if (at == BLOCK) return true;
    for (from = 0; from < 256; from++) { /* the low bytes after the exclusive or */
        to = from + differences[at] + (int)b - (int)a;
        if (to < 0 || to > 255) continue;
        one[at] = (char)((int)a ^ from);
        two[at] = (char)((int)b ^ to);
        if (crafted_bytes((unsigned)from * 0xb3 & 0xff, (unsigned)to * 0xb3 & 0xff, at + 1, one,
                          two, next))
            return true;
    }
    return false;
}

/* Fills in two blocks for a low byte, and returns that of the state behind them. */
static unsigned crafted_block(unsigned low, char one[BLOCK], char two[BLOCK])
{
    unsigned next = 0;
    CHECK(crafted_bytes(low, low, 0, one, two, &next));
    return next;
}

static uint64_t fnv(uint64_t hash, const char *bytes, size_t size)
{
    size_t i;
    for (i = 0; i < size; i++) hash = (hash ^ (unsigned char)bytes[i]) * UINT64_C(0x100000001b3);
    return hash;
}

/* The attack is one: for three seeds of every low byte, both blocks give the same hash. */
static void the_attack_works(void)
{
    char one[BLOCK], two[BLOCK];
    uint64_t low;
    size_t same = 0;
    for (low = 0; low < 256; low++) {
        uint64_t seed = UINT64_C(0x123456789abcde00) * (low + 3) * 256 + low;
        unsigned next = crafted_block((unsigned)low, one, two);
        same += fnv(seed, one, BLOCK) == fnv(seed, two, BLOCK) &&
                (fnv(seed, one, BLOCK) & 0xff) == next;
    }
    CHECK_INT(same, 256);
}

/* The longest way to a slot in a table of such strings for every low byte. */
static void the_table_holds(void)
{
    const size_t each = (size_t)1 << BLOCKS, count = 256 * each, size = BLOCK * BLOCKS;
    otx_token *tokens = (otx_token *)calloc(count, sizeof *tokens);
    char *bytes = (char *)malloc(count * size);
    otx__token_index index;
    size_t i, longest = 0, at;
    if (!tokens || !bytes) exit(2);
    for (i = 0; i < count; i++) {
        unsigned low = (unsigned)(i / each), block;
        for (block = 0; block < BLOCKS; block++) {
            char two[2][BLOCK];
            low = crafted_block(low, two[0], two[1]);
            memcpy(bytes + i * size + block * BLOCK, two[i >> block & 1], BLOCK);
        }
        tokens[i].kind = OTX_TOKEN_TEXT;
        tokens[i].bytes = bytes + i * size;
        tokens[i].size = (uint32_t)size;
    }
    CHECK_INT(otx__index_open(NULL, &index, tokens, count, false, NULL), OTX_OK);
    for (i = 0; i < count; i++) {
        uint32_t *slot = otx__index_slot(&index, OTX_TOKEN_TEXT, tokens[i].bytes, size);
        if (*slot == 0) *slot = (uint32_t)(i + 1);
    }
    for (i = 0; i < index.slot_count; i++) { /* runs of full slots bound every way */
        for (at = i; at < index.slot_count && index.slots[at]; at++) {}
        if (at - i > longest) longest = at - i;
        if (at > i) i = at;
    }
    CHECK(longest < 128);
    otx__index_close(NULL, &index);
    free(tokens);
    free(bytes);
}

/* A caller's secret is used: the order of slots differs by it alone. */
static void the_secret_counts(void)
{
    otx_context a, b;
    otx__hash_key one, two;
    memset(&a, 0, sizeof a);
    memset(&b, 0, sizeof b);
    b.hash_key[1] = 1;
    one = otx__hash_key_for(&a, NULL);
    two = otx__hash_key_for(&b, NULL);
    CHECK(one.a != two.a && one.b != two.b && one.a != one.b);
}

int main(void)
{
    RUN(reference_values);
    RUN(the_attack_works);
    RUN(the_table_holds);
    RUN(the_secret_counts);
    return test_end();
}

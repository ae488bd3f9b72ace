/* The keyed hash, and a vocabulary and rows made to defeat tables of tokens and of anchors.
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

/* ---- rows ---- */

/* What a hash of rows without a key does with one element. */
static uint64_t row_step(uint64_t hash, uint32_t bits)
{
    hash = (hash ^ bits) * UINT64_C(0x9e3779b97f4a7c15);
    return hash ^ hash >> 29;
}

static bool is_common_float(uint32_t bits)
{
    uint32_t exponent = bits >> 23 & 0xff;
    return exponent > 30 && exponent < 220;
}

/* Two pairs of elements that take the hash from one state to the same next one. The first
   differ by a Fibonacci number, which the factor, the golden section of 2^64, takes to almost
   nothing: the upper halves of the states behind them are the same, and the second elements
   mend the lower. Returns the next state; 0 if there are no such pairs. */
#define FIBONACCI_47 2971215073u

static uint64_t crafted_pairs(uint64_t hash, uint32_t one[2], uint32_t two[2])
{
    uint32_t low, exponent;
    for (low = 0; low < UINT32_MAX - FIBONACCI_47 - 12345; low += 12345) {
        uint64_t states[2];
        one[0] = low ^ (uint32_t)hash;
        two[0] = (low + FIBONACCI_47) ^ (uint32_t)hash;
        states[0] = row_step(hash, one[0]);
        states[1] = row_step(hash, two[0]);
        if (!is_common_float(one[0]) || !is_common_float(two[0])) continue;
        if (states[0] >> 32 != states[1] >> 32) continue;
        for (exponent = 31; exponent < 220; exponent++) {
            one[1] = exponent << 23;
            two[1] = one[1] ^ (uint32_t)(states[0] ^ states[1]);
            if (is_common_float(two[1])) return row_step(states[0], one[1]);
        }
    }
    return 0;
}

#define PAIRS 8
#define ROWS (1 << PAIRS)

/* Rows of all choices among eight such pairs: they collide. Returns how many do. */
static size_t crafted_rows(float rows[ROWS][2 * PAIRS])
{
    static uint32_t bits[ROWS][2 * PAIRS];
    uint64_t start = UINT64_C(0xcbf29ce484222325), hash = start;
    size_t pair, i, j, same = 0;
    for (pair = 0; pair < PAIRS; pair++) {
        uint32_t two[2][2];
        hash = crafted_pairs(hash, two[0], two[1]);
        for (i = 0; i < ROWS; i++) memcpy(bits[i] + 2 * pair, two[i >> pair & 1], sizeof two[0]);
    }
    for (i = 0; i < ROWS; i++) {
        uint64_t own = start;
        for (j = 0; j < 2 * PAIRS; j++) own = row_step(own, bits[i][j]);
        same += own == hash;
    }
    memcpy(rows, bits, sizeof bits);
    return same;
}

/* A target is compared with no more than one anchor, and gets its row where it is that; the
   rows do not depend on the key. */
static void rows_that_collide(void)
{
    static float donor[ROWS][2 * PAIRS], base[ROWS][3];
    static double made[2][ROWS][3];
    otx_matrix anchors, rows, targets;
    otx_context ctx;
    size_t i, j, round, runs = 0, own = 0;
    CHECK_INT(crafted_rows(donor), ROWS);
    for (i = 0; i < ROWS; i++)
        for (j = 0; j < 3; j++) base[i][j] = (float)(i * (j + 2) % 97);
    memset(&anchors, 0, sizeof anchors);
    memset(&ctx, 0, sizeof ctx);
    anchors.data = donor;
    anchors.dtype = OTX_F32;
    anchors.rows = ROWS - 6; /* the last six are targets that are no anchors */
    anchors.columns = 2 * PAIRS;
    targets = rows = anchors;
    targets.rows = ROWS;
    rows.data = base;
    rows.columns = 3;
    for (round = 0; round < 2; round++) {
        otx_affine_options options;
        otx_affine_map map;
        const otx__affine *state;
        size_t none = 0;
        memset(&options, 0, sizeof options);
        options.ks = &none;
        options.k_count = 1;
        ctx.hash_key[0] = round;
        memset(&map, 0, sizeof map);
        CHECK_INT(otx_affine_fit(&ctx, &anchors, &rows, NULL, &options, &map, NULL, NULL), OTX_OK);
        if (!map.state) return;
        state = (const otx__affine *)map.state;
        for (i = 1; i < anchors.rows; i++)
            runs += state->known[i].hash == state->known[i - 1].hash;
        CHECK_INT(otx_affine_apply(&ctx, &map, &anchors, &rows, &targets, 0, ROWS, NULL, NULL, 0,
                                   made[round][0], NULL),
                  OTX_OK);
        otx_affine_close(&map);
    }
    CHECK_INT(runs, 0);
    CHECK(!memcmp(made[0], made[1], sizeof made[0]));
    for (i = 0; i < ROWS; i++)
        own += made[0][i][0] == (double)base[i][0] && made[0][i][1] == (double)base[i][1] &&
               made[0][i][2] == (double)base[i][2];
    CHECK_INT(own, anchors.rows);
}

int main(void)
{
    RUN(reference_values);
    RUN(the_attack_works);
    RUN(the_table_holds);
    RUN(the_secret_counts);
    RUN(rows_that_collide);
    return test_end();
}

/* What runs on a bare microcontroller: two small vocabularies aligned, and the new tokens made
   of the shared ones, in a fixed arena and without stdio. Prints, by hand, what every platform
   has to print; tests/platforms.sh compares. On a machine with an operating system it is a
   program like any other (-DHOSTED). */
#define OTX_NO_STDIO
#define OTX_NO_SIMD
#define OTX_SMALL
#define OMP_TRANSPLANT_IMPLEMENTATION
#include "../../omp_transplant.h"

#ifdef HOSTED
#include <stdio.h>
static void say(const char *text) { fputs(text, stdout); }
#else
void say(const char *text); /* start.c */
#endif

/* ---- the arena: blocks one after another; the last one can grow and go ---- */

enum { ARENA = 160 * 1024 };

static union {
    double aligned;
    unsigned char bytes[ARENA];
} arena;
static size_t used, most;

static size_t padded(size_t size) { return (size + 7) & ~(size_t)7; }

static void *arena_resize(void *context, void *block, size_t old_size, size_t new_size)
{
    unsigned char *old = (unsigned char *)block, *fresh;
    const bool last = old && old + padded(old_size) == arena.bytes + used;
    (void)context;
    if (last) used = (size_t)(old - arena.bytes);
    if (new_size == 0) return NULL;
    if (new_size > ARENA || padded(new_size) > ARENA - used) {
        if (last) used += padded(old_size);
        return NULL;
    }
    fresh = arena.bytes + used;
    used += padded(new_size);
    if (used > most) most = used;
    if (old && !last) memcpy(fresh, old, old_size < new_size ? old_size : new_size);
    return fresh;
}

/* ---- printing ---- */

static void say_number(const char *name, uint64_t value)
{
    char text[24];
    int at = sizeof text - 1;
    text[at] = 0;
    do text[--at] = (char)('0' + value % 10);
    while ((value /= 10) != 0);
    say(name);
    say(text + at);
    say("\n");
}

/* FNV-1a of numbers, least significant byte first. */
static void mix(uint64_t *hash, uint64_t value)
{
    int i;
    for (i = 0; i < 8; i++, value >>= 8) *hash = (*hash ^ (value & 255)) * 0x100000001b3u;
}

/* ---- the models ---- */

#define BPE "{\"model\": {\"type\": \"BPE\", \"merges\": [], \"vocab\": {"
static const char base_text[] =
    BPE "\"a\": 0, \"b\": 1, \"c\": 2, \"d\": 3, \"e\": 4, \"f\": 5, \"g\": 6, \"h\": 7, \"i\": 8,"
        "\"j\": 9, \"k\": 10, \"l\": 11, \"m\": 12, \"n\": 13, \"o\": 14, \"p\": 15}}}";
static const char donor_text[] =
    BPE "\"p\": 0, \"o\": 1, \"ab\": 2, \"m\": 3, \"l\": 4, \"k\": 5, \"cd\": 6, \"j\": 7,"
        "\"i\": 8, \"h\": 9, \"g\": 10, \"f\": 11, \"ef\": 12, \"e\": 13, \"d\": 14,"
        "\"c\": 15, \"b\": 16, \"a\": 17, \"xyz\": 18}}}";

enum { DONOR = 19, COLUMNS = 12, ATOMS = 15, TARGETS = 4, K = 5 };

static float rows[DONOR][COLUMNS], atoms[ATOMS][COLUMNS], targets[TARGETS][COLUMNS];

/* Rows of small integers over 64: exact everywhere. */
static void make_rows(void)
{
    uint32_t state = 1;
    int i, j;
    for (i = 0; i < DONOR; i++)
        for (j = 0; j < COLUMNS; j++) {
            state = state * 1664525u + 1013904223u;
            rows[i][j] = (float)((int)(state >> 24) - 128) / 64;
        }
}

static otx_result vocabulary(const otx_context *ctx, const char *text, size_t size,
                             otx_vocab *out, otx_error *error)
{
    otx_vocab_text texts[OTX_VOCAB_FILES];
    memset(texts, 0, sizeof texts);
    texts[OTX_VOCAB_TOKENIZER_JSON].bytes = text;
    texts[OTX_VOCAB_TOKENIZER_JSON].size = size;
    return otx_vocab_parse(ctx, texts, "tokenizer.json", out, error);
}

/* Rows of shared tokens are atoms, those of the others targets. */
static otx_result gather(const otx_context *ctx, otx_error *error)
{
    otx_vocab base, donor;
    otx_alignment plan;
    size_t i, a = 0, t = 0;
    otx_result result;
    memset(&base, 0, sizeof base);
    memset(&donor, 0, sizeof donor);
    memset(&plan, 0, sizeof plan);
    result = vocabulary(ctx, base_text, sizeof base_text - 1, &base, error);
    if (!result) result = vocabulary(ctx, donor_text, sizeof donor_text - 1, &donor, error);
    if (!result) result = otx_align(ctx, &donor, &base, NULL, &plan, error);
    for (i = 0; i < plan.count && !result; i++) {
        if (plan.rows[i].anchor && a < ATOMS) memcpy(atoms[a++], rows[i], sizeof rows[i]);
        else if (plan.rows[i].action == OTX_ACTION_APPROXIMATE && t < TARGETS)
            memcpy(targets[t++], rows[i], sizeof rows[i]);
    }
    say_number("shared ", a);
    say_number("new ", t);
    otx_alignment_close(ctx, &plan);
    otx_vocab_close(ctx, &donor);
    otx_vocab_close(ctx, &base);
    return result;
}

static otx_result solve(const otx_context *ctx, otx_error *error)
{
    static int32_t indices[TARGETS][K];
    static double coefficients[TARGETS][K];
    otx_matrix dictionary = {atoms, OTX_F32, ATOMS, COLUMNS, 0, NULL};
    otx_matrix wanted = {targets, OTX_F32, TARGETS, COLUMNS, 0, NULL};
    otx_omp_output output = {indices[0], coefficients[0], NULL, NULL};
    otx_omp_options options;
    uint64_t hash = 0xcbf29ce484222325u, bits;
    int i, j;
    otx_result result;
    memset(&options, 0, sizeof options);
    options.k = K;
    result = otx_omp(ctx, &dictionary, &wanted, &options, &output, NULL, error);
    for (i = 0; i < TARGETS && !result; i++)
        for (j = 0; j < K; j++) {
            memcpy(&bits, &coefficients[i][j], sizeof bits);
            mix(&hash, (uint64_t)indices[i][j]);
            mix(&hash, bits);
        }
    if (!result) say_number("digest ", hash);
    return result;
}

int main(void)
{
    otx_context ctx;
    otx_error error;
    otx_result result;
    memset(&ctx, 0, sizeof ctx);
    ctx.allocator.resize = arena_resize;
    make_rows();
    result = gather(&ctx, &error);
    if (!result) result = solve(&ctx, &error);
    if (result) {
        say(error.message);
        say("\n");
        return 1;
    }
    say_number("arena ", most);
    say("done\n");
    return 0;
}

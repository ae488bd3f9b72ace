/* The tests of the kernels again, for instructions that few machines have: here plain
   C takes their place. What is tested is how the kernels use them; and, on a machine that
   pretends to have them, what the processor and the system are asked for, and when.
   Looks at private functions, as test_kernels.c does, which it includes. */
#define OTX_STATIC
#define OMP_TRANSPLANT_IMPLEMENTATION
#if (defined(__x86_64__) || defined(__i386__)) && !defined(__TINYC__)

#include <immintrin.h>
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- AVX-VNNI ---- */

/* Not inlined: a compiler that may use AVX-VNNI would make it of this again. */
__attribute__((target("avx2"), noinline)) static __m256i emulated_dpwssd(__m256i sum, __m256i a,
                                                                         __m256i b)
{
    return _mm256_add_epi32(sum, _mm256_madd_epi16(a, b));
}

/* Four products of a number without a sign and one with are added, without saturation. */
__attribute__((target("avx2"), noinline)) static __m256i emulated_dpbusd(__m256i sum, __m256i a,
                                                                         __m256i b)
{
    uint8_t left[32];
    int8_t right[32];
    int32_t sums[8];
    int i;
    _mm256_storeu_si256((__m256i *)(void *)left, a);
    _mm256_storeu_si256((__m256i *)(void *)right, b);
    _mm256_storeu_si256((__m256i *)(void *)sums, sum);
    for (i = 0; i < 32; i++)
        sums[i / 4] = (int32_t)((uint32_t)sums[i / 4] + (uint32_t)(left[i] * right[i]));
    return _mm256_loadu_si256((const __m256i *)(const void *)sums);
}

#undef _mm256_dpbusd_avx_epi32
#define _mm256_dpbusd_avx_epi32(sum, a, b) emulated_dpbusd(sum, a, b)
#undef _mm256_dpwssd_avx_epi32
#define _mm256_dpwssd_avx_epi32(sum, a, b) emulated_dpwssd(sum, a, b)

/* ---- AMX ---- */

static struct {
    int configured;
    unsigned char tiles[8][16][64];
} emulated;

static void amx_need(int condition, const char *what)
{
    if (condition) return;
    printf("  tiles: %s\n", what);
    exit(1);
}

static void amx_loadconfig(const void *config)
{
    unsigned char bytes[64];
    uint16_t width;
    int i;
    memcpy(bytes, config, 64);
    amx_need(!emulated.configured, "configured twice");
    amx_need(bytes[0] == 1 && bytes[1] == 0, "palette 1, from the first row");
    for (i = 2; i < 64; i++) {
        memcpy(&width, bytes + 16 + i % 16 / 2 * 2, sizeof width);
        if (i < 16 || (i >= 32 && i < 48) || i >= 56) amx_need(bytes[i] == 0, "reserved bytes");
        else if (i < 32) amx_need(width == 64, "tiles 64 bytes wide");
        else amx_need(bytes[i] == 16, "tiles of 16 rows");
    }
    memset(emulated.tiles, 0, sizeof emulated.tiles);
    emulated.configured = 1;
}

static void amx_release(void)
{
    amx_need(emulated.configured, "released twice");
    memset(emulated.tiles, 0xff, sizeof emulated.tiles);
    emulated.configured = 0;
}

static void amx_zero(int tile)
{
    amx_need(emulated.configured, "zeroed before they are configured");
    memset(emulated.tiles[tile], 0, sizeof emulated.tiles[tile]);
}

static void amx_load(int tile, const void *base, size_t stride)
{
    size_t row;
    amx_need(emulated.configured, "loaded before they are configured");
    for (row = 0; row < 16; row++)
        memcpy(emulated.tiles[tile][row], (const char *)base + row * stride, 64);
}

static void amx_store(int tile, void *base, size_t stride)
{
    size_t row;
    amx_need(emulated.configured, "stored before they are configured");
    for (row = 0; row < 16; row++)
        memcpy((char *)base + row * stride, emulated.tiles[tile][row], 64);
}

static float amx_flushed(float value) { return fabsf(value) < 0x1p-126f ? value * 0.0f : value; }

static float amx_element(int tile, size_t row, size_t i)
{
    uint16_t half;
    uint32_t bits;
    float value;
    memcpy(&half, emulated.tiles[tile][row] + 2 * i, sizeof half);
    bits = (uint32_t)half << 16;
    memcpy(&value, &bits, sizeof value);
    return amx_flushed(value);
}

/* As the manual has it: the even and the odd terms are each added up from 0 by fused
   multiply-adds, and the two sums, added, are added to the tile. */
static void amx_dpbf16ps(int to, int a, int b)
{
    size_t m, n, k, part;
    amx_need(emulated.configured, "multiplied before they are configured");
    for (m = 0; m < 16; m++) {
        for (n = 0; n < 16; n++) {
            float sums[2] = {0.0f, 0.0f}, sum;
            for (k = 0; k < 16; k++)
                for (part = 0; part < 2; part++)
                    /* The product of two such numbers is exact in double, as within an fma. */
                    sums[part] = amx_flushed((float)((double)amx_element(a, m, 2 * k + part) *
                                                         (double)amx_element(b, k, 2 * n + part) +
                                                     (double)sums[part]));
            memcpy(&sum, emulated.tiles[to][m] + 4 * n, sizeof sum);
            sum = amx_flushed(sum + amx_flushed(sums[0] + sums[1]));
            memcpy(emulated.tiles[to][m] + 4 * n, &sum, sizeof sum);
        }
    }
}

/* Fours of numbers with a sign. */
static void amx_dpbssd(int to, int a, int b)
{
    size_t m, n, k;
    amx_need(emulated.configured, "multiplied before they are configured");
    for (m = 0; m < 16; m++) {
        for (n = 0; n < 16; n++) {
            int32_t sum;
            memcpy(&sum, emulated.tiles[to][m] + 4 * n, sizeof sum);
            for (k = 0; k < 64; k++)
                sum += (signed char)emulated.tiles[a][m][k] *
                       (signed char)emulated.tiles[b][k / 4][4 * n + k % 4];
            memcpy(emulated.tiles[to][m] + 4 * n, &sum, sizeof sum);
        }
    }
}

#undef _tile_loadconfig
#undef _tile_release
#undef _tile_zero
#undef _tile_loadd
#undef _tile_stored
#undef _tile_dpbf16ps
#undef _tile_dpbssd
#define _tile_loadconfig(config) amx_loadconfig(config)
#define _tile_release() amx_release()
#define _tile_zero(tile) amx_zero(tile)
#define _tile_loadd(tile, base, stride) amx_load(tile, base, stride)
#define _tile_stored(tile, base, stride) amx_store(tile, base, stride)
#define _tile_dpbf16ps(to, a, b) amx_dpbf16ps(to, a, b)
#define _tile_dpbssd(to, a, b) amx_dpbssd(to, a, b)

/* ---- the processor and the system, as they answer ---- */

static void machine_cpuid(unsigned leaf, unsigned part, unsigned registers[4]);
static uint64_t machine_xgetbv(void);
#ifdef __GNUC__
__attribute__((unused))
#endif
static long machine_arch_prctl(long what, uintptr_t argument);

#define OTX__CPUID(leaf, part, registers) machine_cpuid(leaf, part, registers)
#define OTX__XGETBV() machine_xgetbv()
#define OTX__ARCH_PRCTL(what, argument) machine_arch_prctl(what, argument)

#endif

#define OTX_TEST_EMULATED
#include "test_kernels.c"

#ifdef OTX__SSE2

enum { REAL, WITH_AMX, WITH_ALL };

static struct {
    int asked;    /* how often cpuid ran */
    int taken;    /* how often the tile registers were asked for */
    int pretends; /* one of these */
    int refuses;  /* to lend the registers to anyone: 1; to this process: 2 */
} machine;

static void machine_cpuid(unsigned leaf, unsigned part, unsigned registers[4])
{
    machine.asked++;
    otx__cpuid(leaf, part, registers);
    if (machine.pretends == WITH_ALL && leaf == 0 && registers[0] < 7) registers[0] = 7;
    if (machine.pretends == WITH_ALL && leaf == 1) registers[2] |= 1u << 12 | 1u << 27 | 1u << 28;
    if (machine.pretends == WITH_ALL && leaf == 7 && part == 0) {
        registers[1] |= 1u << 5 | 1u << 16 | 1u << 17 | 1u << 30 | 1u << 31;
        registers[2] |= 1u << 11;
    }
    if (machine.pretends != REAL && leaf == 7 && part == 0)
        registers[3] |= 1u << 22 | 1u << 24 | 1u << 25;
}

static uint64_t machine_xgetbv(void)
{
    if (machine.pretends == WITH_ALL) return 0x600e6;
    return otx__xgetbv() | (machine.pretends == WITH_AMX ? 0x60000u : 0);
}

static long machine_arch_prctl(long what, uintptr_t argument)
{
    uint64_t states = machine.refuses == 1 ? 0 : 1u << 18;
#ifdef OTX__AMX
    if (machine.pretends == REAL) return otx__arch_prctl(what, argument);
#endif
    if (what == 0x1021) {
        memcpy((void *)argument, &states, sizeof states);
        return 0;
    }
    CHECK_INT(what, 0x1023);
    CHECK_INT(argument, 18);
    machine.taken++;
    return machine.refuses ? -22 : 0;
}

#ifdef OTX__AMX
/* Only a solve takes the tile registers, which it does for the whole process. */
static void asking_takes_nothing(void)
{
    machine.pretends = WITH_ALL;
    CHECK_INT(otx_isa_best(), OTX_ISA_AMX);
    CHECK(otx_isa_available(OTX_ISA_AMX));
    CHECK(otx__kernels_found(OTX_ISA_AMX) == &otx__kernels_amx);
    machine.refuses = 1;
    CHECK(!otx_isa_available(OTX_ISA_AMX));
    CHECK(otx_isa_best() != OTX_ISA_AMX);
    machine.refuses = 0;
    machine.pretends = REAL;
    CHECK_INT(machine.taken, 0);
}

enum { AMX_ATOMS = 70, AMX_TARGETS = 40, AMX_COLUMNS = 33, AMX_K = 5 };

static otx_result solve_with(otx_isa isa, int32_t *indices, otx_omp_stats *stats,
                             otx_error *error)
{
    static float data[(AMX_ATOMS + AMX_TARGETS) * AMX_COLUMNS];
    static double coefficients[AMX_TARGETS * AMX_K];
    otx_matrix atoms, targets;
    otx_omp_options options;
    otx_omp_output output;
    otx_context ctx;
    size_t i;
    for (i = 0; i < OTX__COUNT(data); i++) data[i] = (float)(i * 7919 % 1013) / 500.0f - 1.0f;
    memset(&ctx, 0, sizeof ctx);
    memset(&atoms, 0, sizeof atoms);
    memset(&options, 0, sizeof options);
    memset(&output, 0, sizeof output);
    ctx.isa = isa;
    atoms.data = data;
    atoms.dtype = OTX_F32;
    atoms.rows = AMX_ATOMS;
    atoms.columns = AMX_COLUMNS;
    targets = atoms;
    targets.data = data + AMX_ATOMS * AMX_COLUMNS;
    targets.rows = AMX_TARGETS;
    options.k = AMX_K;
    output.indices = indices;
    output.coefficients = coefficients;
    return otx_omp(&ctx, &atoms, &targets, &options, &output, stats, error);
}

static void solving_takes_amx(void)
{
    int32_t wanted[AMX_TARGETS * AMX_K], seen[AMX_TARGETS * AMX_K];
    otx_isa best = otx_isa_best();
    otx_omp_stats stats;
    otx_error error;
    machine.taken = 0;
    machine.pretends = WITH_AMX;
    CHECK_INT(solve_with(OTX_ISA_AVX512, wanted, &stats, &error), OTX_OK);
    CHECK_INT(machine.taken, 0);
    CHECK_INT(solve_with(OTX_ISA_AUTO, seen, &stats, &error), OTX_OK);
    CHECK_INT(stats.isa, OTX_ISA_AMX);
    CHECK_INT(machine.taken, 1);
    CHECK(!memcmp(seen, wanted, sizeof seen));
    /* Where the system has the registers, and this process may not have them. */
    machine.refuses = 2;
    CHECK_INT(solve_with(OTX_ISA_AUTO, seen, &stats, &error), OTX_OK);
    CHECK(best == OTX_ISA_AMX || stats.isa == best);
    CHECK(stats.isa != OTX_ISA_AMX && !memcmp(seen, wanted, sizeof seen));
    CHECK_INT(solve_with(OTX_ISA_AMX, seen, &stats, &error), OTX_ERROR_UNSUPPORTED);
    CHECK_CONTAINS(error.message, "\"amx\"");
    machine.refuses = 0;
    machine.pretends = REAL;
}
#endif

/* A row is combined in less time than the processor takes to say what it is. */
static void combining_asks_nothing(void)
{
    float atoms[3 * 5] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};
    const int32_t indices[3] = {2, 0, -1};
    const double coefficients[3] = {0.5, -2.0, 9.0};
    double row[5];
    otx_matrix matrix;
    otx_context ctx;
    int isa;
    memset(&matrix, 0, sizeof matrix);
    memset(&ctx, 0, sizeof ctx);
    matrix.data = atoms;
    matrix.dtype = OTX_F32;
    matrix.rows = 3;
    matrix.columns = 5;
    machine.asked = 0;
    for (isa = OTX_ISA_AUTO; isa < OTX_ISA_COUNT; isa++) {
        ctx.isa = (otx_isa)isa;
        otx_combine(isa == OTX_ISA_AUTO ? NULL : &ctx, &matrix, indices, coefficients, 3, row);
        CHECK(row[0] == 3.5 && row[4] == -2.5);
    }
    CHECK_INT(machine.asked, 0);
}

#endif /* OTX__SSE2 */

int main(void)
{
#ifdef OTX__SSE2
    RUN(combining_asks_nothing);
#endif
#ifdef OTX__AMX
    RUN(asking_takes_nothing);
    if (otx_isa_available(OTX_ISA_AVX512)) RUN(solving_takes_amx);
    else SKIP(solving_takes_amx, "no AVX-512");
#endif
    printf("kernels:");
#ifdef OTX__AVX_VNNI
    if (otx_isa_available(OTX_ISA_AVX2)) add_set(&otx__kernels_avx_vnni);
#endif
#ifdef OTX__AMX
    if (otx_isa_available(OTX_ISA_AVX512)) add_set(&otx__kernels_amx);
#endif
    if (set_count == 0) {
        printf(" none that this compiler and this machine can stand in for: skipped\n");
        return test_passed || test_failed ? test_end() : 77;
    }
    return run_all();
}

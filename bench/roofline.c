/* What this machine can do at best, for bench/run.sh roofline.

     roofline THREADS ATOMS SUPPORTS K

   Prints one line of JSON: multiply-adds per second in float, bf16, int16 and int8,
   reading speed of each level of memory, and how many lines of 64 bytes a second
   can be read in the order of the solver's scan. SUPPORTS is a file of int32, K
   atoms below ATOMS for each target, -1 for none: the scan reads one line for each
   of them from a tile of ATOMS lines. Speeds are of all threads together, the best
   of several tries. */
#define _GNU_SOURCE
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#ifdef __linux__
#include <sys/mman.h>
#endif

#define LINE 64
#define TRIES 7
#define UNROLL _Pragma("GCC unroll 16")

typedef struct buffer {
    const char *data;
    size_t lines;
    const int32_t *atoms; /* which lines to read, in order; NULL: all */
    size_t count;
} buffer;

/* Each does `turns` turns of something and returns what must not be optimised
   away. arithmetic: one turn is `chains` instructions; memory: one pass. */
typedef float arithmetic(size_t turns);
typedef uint64_t memory(const buffer *buffer, size_t turns);

typedef struct unit {
    const char *isa;
    arithmetic *floats, *bf16, *int16, *int8; /* NULL: the machine has none */
    size_t float_adds, bf16_adds, int16_adds, int8_adds; /* multiply-adds of one turn */
    memory *read, *lines;
} unit;

/* Sums of products in CHAINS vectors of BYTES, and reading by such vectors. */
#define VECTOR_LOOPS(NAME, TARGET, BYTES, CHAINS)                                          \
    TARGET static float floats_##NAME(size_t turns)                                        \
    {                                                                                      \
        typedef float vector __attribute__((vector_size(BYTES)));                          \
        vector sums[CHAINS], x, y, total;                                                  \
        size_t i, j;                                                                       \
        float part = (float)turns;                                                         \
        for (i = 0; i < BYTES / 4; i++) {                                                  \
            x[i] = 1.0f / (2.0f + part);                                                   \
            y[i] = 1.0f + x[i];                                                            \
        }                                                                                  \
        for (j = 0; j < CHAINS; j++) sums[j] = x + (float)j;                               \
        for (i = 0; i < turns; i++) {                                                      \
            UNROLL                                                                         \
            for (j = 0; j < CHAINS; j++) sums[j] = sums[j] * x + y;                        \
            __asm__ volatile("");                                                          \
        }                                                                                  \
        total = sums[0];                                                                   \
        for (j = 1; j < CHAINS; j++) total += sums[j];                                     \
        for (part = 0.0f, i = 0; i < BYTES / 4; i++) part += total[i];                     \
        return part;                                                                       \
    }                                                                                      \
    TARGET static uint64_t read_##NAME(const buffer *buffer, size_t turns)                 \
    {                                                                                      \
        typedef uint64_t vector __attribute__((vector_size(BYTES)));                       \
        vector sums[8] = {{0}};                                                            \
        size_t i, j, bytes = buffer->lines * LINE / (8 * BYTES) * (8 * BYTES);             \
        while (turns--) {                                                                  \
            for (i = 0; i < bytes; i += 8 * BYTES) {                                       \
                UNROLL                                                                     \
                for (j = 0; j < 8; j++)                                                    \
                    sums[j] ^= *(const vector *)(const void *)(buffer->data + i + j * BYTES); \
            }                                                                              \
            __asm__ volatile("" ::: "memory");                                             \
        }                                                                                  \
        for (j = 1; j < 8; j++) sums[0] ^= sums[j];                                        \
        return sums[0][0];                                                                 \
    }                                                                                      \
    TARGET static uint64_t lines_##NAME(const buffer *buffer, size_t turns)                \
    {                                                                                      \
        typedef uint64_t vector __attribute__((vector_size(BYTES)));                       \
        vector sums[4][LINE / BYTES] = {{{0}}};                                            \
        size_t i, j, part;                                                                 \
        while (turns--) {                                                                  \
            for (i = 0; i + 4 <= buffer->count; i += 4) {                                  \
                UNROLL                                                                     \
                for (j = 0; j < 4; j++) {                                                  \
                    const char *line = buffer->data + (size_t)buffer->atoms[i + j] * LINE; \
                    UNROLL                                                                 \
                    for (part = 0; part < LINE / BYTES; part++)                            \
                        sums[j][part] ^= *(const vector *)(const void *)(line + part * BYTES); \
                }                                                                          \
            }                                                                              \
            __asm__ volatile("" ::: "memory");                                             \
        }                                                                                  \
        for (j = 0; j < 4; j++)                                                            \
            for (part = 0; part < LINE / BYTES; part++) sums[0][0] ^= sums[j][part];       \
        return sums[0][0][0];                                                              \
    }

VECTOR_LOOPS(plain, , 16, 12)

static const unit plain = {"plain", floats_plain, NULL, NULL, NULL, 4 * 12, 0, 0, 0,
                           read_plain, lines_plain};

#if defined(__x86_64__)
#include <cpuid.h>
#include <immintrin.h>
#include <sys/syscall.h>
#include <unistd.h>

#define AVX2 __attribute__((target("avx2,fma")))
#define AVX512 __attribute__((target("avx512f,avx512bw,avx512vnni")))
#define AVX512_BF16 __attribute__((target("avx512f,avx512bw,avx512bf16")))
#define AMX __attribute__((target("amx-tile,amx-bf16,amx-int8")))

VECTOR_LOOPS(avx2, AVX2, 32, 12)
VECTOR_LOOPS(avx512, AVX512, 64, 16)

/* In assembler, as compilers add copies of registers to such loops. Nothing is read
   but registers that were set to 0 before. */
#define TWELVE(OP) OP(0) OP(1) OP(2) OP(3) OP(4) OP(5) OP(6) OP(7) OP(8) OP(9) OP(10) OP(11)
#define SIXTEEN(OP) TWELVE(OP) OP(12) OP(13) OP(14) OP(15)
#define USED                                                                               \
    "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7", "xmm8", "xmm9", "xmm10", \
        "xmm11", "xmm12", "xmm13", "xmm14", "xmm15"
#define CLEAR(N) "vpxor %%xmm" #N ", %%xmm" #N ", %%xmm" #N "\n\t"
#define MADD(N)                                                                            \
    "vpmaddwd %%ymm15, %%ymm15, %%ymm12\n\tvpaddd %%ymm12, %%ymm" #N ", %%ymm" #N "\n\t"
#define DPWSSD(N) "vpdpwssd %%zmm31, %%zmm31, %%zmm" #N "\n\t"
#define DPBUSD(N) "vpdpbusd %%zmm31, %%zmm31, %%zmm" #N "\n\t"
#define DPBF16(N) "vdpbf16ps %%zmm31, %%zmm31, %%zmm" #N "\n\t"

AVX2 static float int16_avx2(size_t turns)
{
    __asm__ volatile(SIXTEEN(CLEAR) : : : USED);
    while (turns--) __asm__ volatile(TWELVE(MADD) : : : USED);
    return 0.0f;
}

AVX512 static float int16_avx512(size_t turns)
{
    __asm__ volatile(SIXTEEN(CLEAR) "vpxord %%zmm31, %%zmm31, %%zmm31" : : : USED, "xmm31");
    while (turns--) __asm__ volatile(SIXTEEN(DPWSSD) : : : USED, "xmm31");
    return 0.0f;
}

AVX512 static float int8_avx512(size_t turns)
{
    __asm__ volatile(SIXTEEN(CLEAR) "vpxord %%zmm31, %%zmm31, %%zmm31" : : : USED, "xmm31");
    while (turns--) __asm__ volatile(SIXTEEN(DPBUSD) : : : USED, "xmm31");
    return 0.0f;
}

AVX512_BF16 static float bf16_avx512(size_t turns)
{
    __asm__ volatile(SIXTEEN(CLEAR) "vpxord %%zmm31, %%zmm31, %%zmm31" : : : USED, "xmm31");
    while (turns--) __asm__ volatile(SIXTEEN(DPBF16) : : : USED, "xmm31");
    return 0.0f;
}

/* Two by two tiles of 16 rows of 64 bytes, from registers. */
AMX static inline float tiles_amx(size_t turns, int int8)
{
    static const struct {
        uint8_t palette, start, reserved[14];
        uint16_t row_bytes[16];
        uint8_t rows[16];
    } shape = {1, 0, {0}, {64, 64, 64, 64, 64, 64, 64, 64}, {16, 16, 16, 16, 16, 16, 16, 16}};
    float out[16 * 16];
    size_t i;
    _tile_loadconfig(&shape);
    _tile_zero(0);
    _tile_zero(1);
    _tile_zero(2);
    _tile_zero(3);
    _tile_zero(4);
    _tile_zero(5);
    _tile_zero(6);
    _tile_zero(7);
    for (i = 0; i < turns && int8; i++) {
        _tile_dpbssd(0, 4, 6);
        _tile_dpbssd(1, 4, 7);
        _tile_dpbssd(2, 5, 6);
        _tile_dpbssd(3, 5, 7);
    }
    for (i = 0; i < turns && !int8; i++) {
        _tile_dpbf16ps(0, 4, 6);
        _tile_dpbf16ps(1, 4, 7);
        _tile_dpbf16ps(2, 5, 6);
        _tile_dpbf16ps(3, 5, 7);
    }
    _tile_stored(0, out, 64);
    _tile_release();
    return out[0];
}

AMX static float bf16_amx(size_t turns) { return tiles_amx(turns, 0); }

AMX static float int8_amx(size_t turns) { return tiles_amx(turns, 1); }

/* Whether the machine has AMX and the system lets this process use it. */
static int amx(void)
{
    unsigned a, b, c, d;
    if (!__get_cpuid_count(7, 0, &a, &b, &c, &d)) return 0;
    if (!(d >> 22 & 1) || (d >> 24 & 3) != 3) return 0; /* AMX-BF16, AMX-TILE, AMX-INT8 */
#ifdef __linux__
    return syscall(SYS_arch_prctl, 0x1023 /* ARCH_REQ_XCOMP_PERM */, 18 /* tile data */) == 0;
#else
    return 0;
#endif
}
#endif

static unit best_unit(void)
{
    unit best = plain;
#if defined(__x86_64__)
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) {
        unit avx2 = {"avx2", floats_avx2, NULL, int16_avx2, NULL, 8 * 12, 0, 16 * 12, 0,
                     read_avx2, lines_avx2};
        best = avx2;
    }
    if (__builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vnni")) {
        unit avx512 = {"avx512", floats_avx512, NULL, int16_avx512, int8_avx512,
                       16 * 16, 0, 32 * 16, 64 * 16, read_avx512, lines_avx512};
        best = avx512;
        if (__builtin_cpu_supports("avx512bf16")) {
            best.bf16 = bf16_avx512;
            best.bf16_adds = 32 * 16;
        }
        if (amx()) {
            best.isa = "amx";
            best.bf16 = bf16_amx;
            best.bf16_adds = 4 * 16 * 16 * 32;
            best.int8 = int8_amx;
            best.int8_adds = 4 * 16 * 16 * 64;
        }
    }
#endif
    return best;
}

static volatile float float_sink;
static volatile uint64_t word_sink;

static double now(void)
{
    struct timespec t;
    timespec_get(&t, TIME_UTC);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* Seconds that all threads together take for so many turns each. */
static double seconds(int threads, arithmetic *work, memory *pass, const buffer *buffers,
                      size_t turns)
{
    double start = now();
    int i;
#pragma omp parallel for num_threads(threads) schedule(static, 1)
    for (i = 0; i < threads; i++) {
        if (work) float_sink = work(turns);
        else word_sink = pass(&buffers[i], turns);
    }
    return now() - start;
}

/* Turns of one thread per second, at the best of several tries of 50 ms or more. */
static double rate(int threads, arithmetic *work, memory *pass, const buffer *buffers)
{
    double best = 0.0;
    size_t turns = 1;
    int i;
    /* Twice, as a pause of the machine may have made the first long. */
    while (seconds(threads, work, pass, buffers, turns) < 0.05 ||
           seconds(threads, work, pass, buffers, turns) < 0.05)
        turns *= 2;
    for (i = 0; i < TRIES; i++) {
        double took = seconds(threads, work, pass, buffers, turns);
        if ((double)turns / took > best) best = (double)turns / took;
    }
    return best;
}

/* Memory of its own for each thread, on large pages where the system has them,
   touched first by the thread that reads it. */
static void open_buffers(buffer *buffers, int threads, size_t bytes)
{
    size_t page = (size_t)1 << 21, size = (bytes + page - 1) / page * page;
    int i;
#pragma omp parallel for num_threads(threads) schedule(static, 1)
    for (i = 0; i < threads; i++) {
        char *data = aligned_alloc(page, size);
        if (!data) {
            fprintf(stderr, "roofline: out of memory\n");
            exit(1);
        }
#ifdef MADV_HUGEPAGE
        madvise(data, size, MADV_HUGEPAGE);
#endif
        memset(data, 1, size);
        buffers[i].data = data;
        buffers[i].lines = bytes / LINE;
    }
}

static void close_buffers(buffer *buffers, int threads)
{
    int i;
    for (i = 0; i < threads; i++) free((void *)(uintptr_t)buffers[i].data);
}

/* Bytes of the first processor's cache as Linux tells it (sysconf can be far off
   on virtual machines), or else a usual number. */
static size_t cache_bytes(int index, size_t usual)
{
    char path[80], unit = 'K';
    unsigned long size;
    FILE *file;
    snprintf(path, sizeof path, "/sys/devices/system/cpu/cpu0/cache/index%d/size", index);
    file = fopen(path, "r");
    if (!file) return usual;
    if (fscanf(file, "%lu%c", &size, &unit) < 1) size = 0;
    fclose(file);
    return size == 0 ? usual : (size_t)size << (unit == 'M' ? 20 : 10);
}

static void print_levels(const unit *unit, int threads, buffer *buffers)
{
    static const char *const names[] = {"L1", "L2", "L3", "DRAM"};
    size_t size[4], used;
    int i;
    size[0] = cache_bytes(0, (size_t)32 << 10); /* index1 is the instructions' */
    size[1] = cache_bytes(2, (size_t)1 << 20);
    size[2] = cache_bytes(3, (size_t)32 << 20);
    size[3] = 16 * size[2];
    for (i = 0; i < 4; i++) {
        used = (i < 2 ? size[i] : size[i] / (size_t)threads) / 2;
        if (i == 2 && used < 2 * size[1]) used = 2 * size[1];
        open_buffers(buffers, threads, used);
        printf("\"%s\": {\"bytes\": %zu, \"gbs\": %.1f}%s", names[i], size[i],
               1e-9 * threads * (double)used * rate(threads, NULL, unit->read, buffers),
               i < 3 ? ", " : "");
        close_buffers(buffers, threads);
    }
}

/* The atoms of the first targets, as many as a scan's part has. */
static int32_t *read_supports(const char *path, size_t k, size_t atoms, size_t *count)
{
    size_t most = 1024 * k, got, i;
    int32_t *list = malloc(most * sizeof *list);
    FILE *file = fopen(path, "rb");
    if (!list || !file) {
        perror(path);
        exit(1);
    }
    got = fread(list, sizeof *list, most, file);
    fclose(file);
    for (*count = 0, i = 0; i < got; i++)
        if (list[i] >= 0 && (size_t)list[i] < atoms) list[(*count)++] = list[i];
    *count -= *count % 4;
    return list;
}

/* 10^9 operations per second of all threads; 0 where there are none. */
static double operations(int threads, arithmetic *work, size_t adds)
{
    if (!work) return 0.0;
    return 2e-9 * threads * (double)adds * rate(threads, work, NULL, NULL);
}

int main(int argc, char **argv)
{
    unit unit = best_unit();
    int threads, i;
    size_t atoms, count;
    int32_t *list;
    buffer *buffers;
    if (argc != 5) {
        fprintf(stderr, "usage: roofline THREADS ATOMS SUPPORTS K\n");
        return 2;
    }
    threads = atoi(argv[1]);
    atoms = strtoul(argv[2], NULL, 10);
    list = read_supports(argv[3], strtoul(argv[4], NULL, 10), atoms, &count);
#ifndef _OPENMP
    threads = 1;
#endif
    buffers = calloc((size_t)threads, sizeof *buffers);
    if (!buffers || threads < 1 || count == 0) {
        fprintf(stderr, "roofline: no threads, no memory or no atoms\n");
        return 1;
    }
    printf("{\"threads\": %d, \"isa\": \"%s\", \"gops\": {\"float\": %.1f, \"bf16\": %.1f, "
           "\"int16\": %.1f, \"int8\": %.1f}, \"read\": {",
           threads, unit.isa, operations(threads, unit.floats, unit.float_adds),
           operations(threads, unit.bf16, unit.bf16_adds),
           operations(threads, unit.int16, unit.int16_adds),
           operations(threads, unit.int8, unit.int8_adds));
    print_levels(&unit, threads, buffers);
    open_buffers(buffers, threads, atoms * LINE);
    for (i = 0; i < threads; i++) {
        buffers[i].atoms = list;
        buffers[i].count = count;
    }
    printf("}, \"tile_bytes\": %zu, \"glines\": %.4f}\n", atoms * LINE,
           1e-9 * threads * (double)count * rate(threads, NULL, unit.lines, buffers));
    close_buffers(buffers, threads);
    free(buffers);
    free(list);
    return 0;
}

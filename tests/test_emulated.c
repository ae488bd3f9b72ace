/* The tests of the kernels again, for instructions that few machines have: here plain
   C takes their place. What is tested is how the kernels use them.
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
                    sums[part] = amx_flushed((float)fma((double)amx_element(a, m, 2 * k + part),
                                                        (double)amx_element(b, k, 2 * n + part),
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

#endif

#define OTX_TEST_EMULATED
#include "test_kernels.c"

int main(void)
{
    printf("kernels:");
#ifdef OTX__AVX_VNNI
    if (otx_isa_available(OTX_ISA_AVX2)) add_set(&otx__kernels_avx_vnni);
#endif
#ifdef OTX__AMX
    if (otx_isa_available(OTX_ISA_AVX512)) add_set(&otx__kernels_amx);
#endif
    if (set_count == 0) {
        printf(" none that this compiler and this machine can stand in for: skipped\n");
        return 77;
    }
    return run_all();
}

/* ---- amx: x86 tile registers (bf16, int8), beside AVX-512 ---------------------- */

/* Linux only: elsewhere there is no known way to be lent the registers. */
#if defined(OTX__AVX512) && defined(__linux__) && defined(__x86_64__) && !defined(__ILP32__) && \
    ((defined(__clang__) && __clang_major__ >= 13) ||                                           \
     (!defined(__clang__) && __GNUC__ >= 11))
#define OTX__AMX

/* GCC's own header warns of itself when compiled as C++ (its bug 105593). */
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wuninitialized"
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#endif

#define OTX__AMX_TARGET __attribute__((target("amx-tile,amx-bf16,amx-int8")))
#define OTX__AMX_KERNEL OTX__AMX_TARGET OTX__PRIVATE
#define OTX__AMX_ALIGNED __attribute__((aligned(64)))

/* One instruction multiplies 16 rows of 32 terms by 32 terms of 16 rows: it sums
   its 32 products from 0 and adds the sum to a tile of 16 by 16 floats, each
   operation rounded to nearest and subnormals taken as 0. So c, added up in chunks
   of OTX__AMX_CHUNK terms, is off by at most
       (32 + OTX__AMX_CHUNK / 32 + n / OTX__AMX_CHUNK) u
   of the sum of the products' magnitudes, less than chains of OTX__CHAIN are.

   Four 8-bit numbers lie as two of bf16 do, and one instruction multiplies twice as
   many of them: all else is the same, but that sums are exact integers. */
#define OTX__AMX_TERMS 32
#define OTX__AMX_BLOCK (OTX__TILE * OTX__AMX_TERMS) /* numbers: so much of a panel */
#define OTX__AMX_CHUNK 512 /* of 32 rows: it fits the first level of the cache */

/* For the tile instructions: some compilers do not know that they read memory. */
#define OTX__AMX_WRITTEN(pointer) __asm__ volatile("" : : "r"(pointer) : "memory")

/* A call of Linux, as the C library has none. Tests put their own in its place. */
#ifndef OTX__ARCH_PRCTL
#define OTX__ARCH_PRCTL(what, argument) otx__arch_prctl(what, argument)
#endif

OTX__PRIVATE long otx__arch_prctl(long what, uintptr_t argument)
{
    const long arch_prctl = 158;
    long result;
    __asm__ volatile("syscall"
                     : "=a"(result)
                     : "a"(arch_prctl), "D"(what), "S"(argument)
                     : "rcx", "r11", "memory");
    return result;
}

#define OTX__AMX_TILE_DATA 18 /* the number of this state of the processor */

/* Whether the operating system lends the tile registers to those who ask for them. */
OTX__PRIVATE bool otx__amx_lent(void)
{
    const long get_supported = 0x1021;
    uint64_t states = 0;
    return OTX__ARCH_PRCTL(get_supported, (uintptr_t)&states) == 0 &&
           (states >> OTX__AMX_TILE_DATA & 1);
}

/* Asks for them, for the whole process and to its end: its threads' signal frames grow by
   8 KiB. Asking again does no harm. */
OTX__PRIVATE bool otx__amx_take(void)
{
    const long request_permission = 0x1023;
    return OTX__ARCH_PRCTL(request_permission, OTX__AMX_TILE_DATA) == 0;
}

/* One block of a panel: where it lies, or, when fewer terms are left, a copy filled
   up with zeros. */
OTX__PRIVATE const uint16_t *otx__amx_block(const uint16_t *panel, size_t terms, uint16_t *copy)
{
    if (terms >= OTX__AMX_TERMS) return panel;
    memset(copy, 0, OTX__AMX_BLOCK * sizeof *copy);
    memcpy(copy, panel, terms * OTX__TILE * sizeof *copy);
    OTX__AMX_WRITTEN(copy);
    return copy;
}

/* Sixteen rows of a block, row by row: from[pair][row of 32] to to[row][pair]. */
OTX__AVX512_KERNEL void otx__amx_transpose(const uint16_t *from, uint16_t *to)
{
    __m512i rows[4], low01, low23, high01, high23;
    size_t four, i, lane;
    for (four = 0; four < 4; four++) {
        const uint16_t *columns = from + 8 * four;
        /* Four rows of four pairs are turned in each of the four lanes. */
        OTX__UNROLL for (i = 0; i < 4; i++) {
            const uint16_t *at = columns + i * 2 * OTX__TILE;
            __m128i lanes[4];
            OTX__UNROLL for (lane = 0; lane < 4; lane++)
                lanes[lane] = _mm_loadu_si128(
                    (const __m128i *)(const void *)(at + lane * 8 * OTX__TILE));
            rows[i] = _mm512_castsi128_si512(lanes[0]);
            rows[i] = _mm512_inserti32x4(rows[i], lanes[1], 1);
            rows[i] = _mm512_inserti32x4(rows[i], lanes[2], 2);
            rows[i] = _mm512_inserti32x4(rows[i], lanes[3], 3);
        }
        low01 = _mm512_unpacklo_epi32(rows[0], rows[1]);
        low23 = _mm512_unpacklo_epi32(rows[2], rows[3]);
        high01 = _mm512_unpackhi_epi32(rows[0], rows[1]);
        high23 = _mm512_unpackhi_epi32(rows[2], rows[3]);
        to += 4 * OTX__AMX_TERMS;
        _mm512_storeu_si512(to - 4 * OTX__AMX_TERMS, _mm512_unpacklo_epi64(low01, low23));
        _mm512_storeu_si512(to - 3 * OTX__AMX_TERMS, _mm512_unpackhi_epi64(low01, low23));
        _mm512_storeu_si512(to - 2 * OTX__AMX_TERMS, _mm512_unpacklo_epi64(high01, high23));
        _mm512_storeu_si512(to - 1 * OTX__AMX_TERMS, _mm512_unpackhi_epi64(high01, high23));
    }
}

/* A chunk of panel b as the first operand wants it, [block][row][term]. */
OTX__PRIVATE void otx__amx_rows(const uint16_t *b, size_t terms, uint16_t *rows)
{
    OTX__AMX_ALIGNED uint16_t copy[OTX__AMX_BLOCK];
    size_t p;
    for (p = 0; p < terms; p += OTX__AMX_TERMS) {
        const uint16_t *block = otx__amx_block(b + p * OTX__TILE, terms - p, copy);
        uint16_t *to = rows + p * OTX__TILE;
        otx__amx_transpose(block, to);
        otx__amx_transpose(block + OTX__TILE, to + OTX__AMX_BLOCK / 2);
    }
    OTX__AMX_WRITTEN(rows);
}

/* The products of the chunk's 32 rows with those of panel a: four tiles of sums. Each block
   asks for `share` bytes more from `next` on. */
OTX__AMX_TARGET OTX__INLINE void otx__amx_chunk(const uint16_t *a, size_t terms,
                                                const uint16_t *rows, bool int8,
                                                uintptr_t next, size_t share, float *c)
{
    OTX__AMX_ALIGNED uint16_t copy[OTX__AMX_BLOCK];
    size_t p;
    _tile_zero(0);
    _tile_zero(1);
    _tile_zero(2);
    _tile_zero(3);
    for (p = 0; p < terms; p += OTX__AMX_TERMS, next += share) {
        const uint16_t *block = otx__amx_block(a + p * OTX__TILE, terms - p, copy);
        const uint16_t *row = rows + p * OTX__TILE;
        otx__ask(next, share);
        _tile_loadd(4, row, 64);
        _tile_loadd(5, row + OTX__AMX_BLOCK / 2, 64);
        _tile_loadd(6, block, 128);
        _tile_loadd(7, block + OTX__TILE, 128);
        if (int8) {
            _tile_dpbssd(0, 4, 6);
            _tile_dpbssd(1, 4, 7);
            _tile_dpbssd(2, 5, 6);
            _tile_dpbssd(3, 5, 7);
        } else {
            _tile_dpbf16ps(0, 4, 6);
            _tile_dpbf16ps(1, 4, 7);
            _tile_dpbf16ps(2, 5, 6);
            _tile_dpbf16ps(3, 5, 7);
        }
    }
    _tile_stored(0, c, 128);
    _tile_stored(1, c + 16, 128);
    _tile_stored(2, c + 16 * OTX__TILE, 128);
    _tile_stored(3, c + 16 * OTX__TILE + 16, 128);
}

/* Adds the sums of a chunk of one panel. */
OTX__AVX512_KERNEL void otx__amx_add(float *c, const float *sums, bool int8)
{
    size_t i;
    for (i = 0; i < OTX__TILE * OTX__TILE; i += 16) {
        if (int8)
            _mm512_storeu_si512(c + i, _mm512_add_epi32(_mm512_loadu_si512(c + i),
                                                        _mm512_loadu_si512(sums + i)));
        else
            _mm512_storeu_ps(c + i,
                             _mm512_add_ps(_mm512_loadu_ps(c + i), _mm512_loadu_ps(sums + i)));
    }
}

/* c[tile][j][i] as product_bf16 and, in integers, product_int8 want it, n the elements
   of bf16 that are as wide. Chunks are about as long as each other: while one is
   multiplied, the next is asked for. */
OTX__AMX_TARGET OTX__INLINE void otx__product_amx(const uint16_t *a, size_t tiles,
                                                  const uint16_t *b, size_t n, bool int8,
                                                  float *c)
{
    /* All eight tiles have 16 rows of 64 bytes: palette 1, the widths, the heights. */
    static const uint8_t config[64] = {1,  0,  0,  0,  0,  0,  0,  0,  0,  0, 0,  0, 0,  0, 0,  0,
                                       64, 0,  64, 0,  64, 0,  64, 0,  64, 0, 64, 0, 64, 0, 64, 0,
                                       0,  0,  0,  0,  0,  0,  0,  0,  0,  0, 0,  0, 0,  0, 0,  0,
                                       16, 16, 16, 16, 16, 16, 16, 16, 0,  0, 0,  0, 0,  0, 0,  0};
    OTX__AMX_ALIGNED uint16_t rows[OTX__AMX_CHUNK * OTX__TILE];
    OTX__AMX_ALIGNED float sums[OTX__TILE * OTX__TILE];
    const size_t share = OTX__AMX_BLOCK * sizeof *b / otx__max(tiles, 1);
    size_t chunks = otx__max(1, (n + OTX__AMX_CHUNK - 1) / OTX__AMX_CHUNK);
    size_t blocks = (n + chunks * OTX__AMX_TERMS - 1) / (chunks * OTX__AMX_TERMS);
    size_t first, tile;
    if (n == 0) memset(c, 0, tiles * sizeof sums);
    _tile_loadconfig(config);
    for (first = 0; first < n; first += blocks * OTX__AMX_TERMS) {
        size_t terms = otx__min(n - first, blocks * OTX__AMX_TERMS);
        uintptr_t next = (uintptr_t)(b + (first + terms) * OTX__TILE);
        otx__amx_rows(b + first * OTX__TILE, terms, rows);
        for (tile = 0; tile < tiles; tile++, next += blocks * share) {
            const uint16_t *panel = a + (tile * n + first) * OTX__TILE;
            float *at = c + tile * OTX__TILE * OTX__TILE;
            if (first == 0) {
                otx__amx_chunk(panel, terms, rows, int8, next, share, at);
            } else {
                otx__amx_chunk(panel, terms, rows, int8, next, share, sums);
                otx__amx_add(at, sums, int8);
            }
        }
    }
    _tile_release();
}

OTX__AMX_KERNEL void otx__product_bf16_amx(const uint16_t *a, size_t tiles, const uint16_t *b,
                                           size_t n, float *c)
{
    otx__product_amx(a, tiles, b, n, false, c);
}

OTX__AMX_KERNEL void otx__amx_product_int8(const int8_t *a, size_t tiles, const int8_t *b,
                                           size_t n, float *c)
{
    otx__product_amx((const uint16_t *)(const void *)a, tiles, (const uint16_t *)(const void *)b,
                     n / 2, true, c);
}

OTX__AVX512_KERNEL void otx__product_int8_amx(const int8_t *a, size_t tiles, const int8_t *b,
                                              size_t n, float *c)
{
    size_t i;
    otx__amx_product_int8(a, tiles, b, n, c);
    for (i = 0; i < tiles * OTX__TILE * OTX__TILE; i += 16)
        _mm512_storeu_ps(c + i, _mm512_cvtepi32_ps(_mm512_loadu_si512(c + i)));
}

OTX__PRIVATE const otx__kernels otx__kernels_amx = {
    OTX_ISA_AMX, otx__product_avx512, otx__product_bf16_amx, otx__product_int8_amx,
    otx__scan_avx512, otx__follow_256, otx__sift_avx512, otx__sift_panel_256,
    otx__refine_avx512, otx__rough_dots_avx512, otx__rough_residual_avx512, otx__dots_avx512,
    otx__products_avx512, otx__pair_products_avx512, otx__residual_avx512};

#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic pop
#endif

#endif /* OTX__AMX */

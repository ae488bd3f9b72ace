/* ---- neon_bf16: NEON with matrices of bf16 and of 8-bit numbers ---------------- */

/* FEAT_BF16 and FEAT_I8MM. The other extensions do not help. The scan's numbers have 16
   bits, and products of 8-bit numbers would take them in halves: more work than the widening
   multiply-add. Half-precision floats (fp16) keep 11 bits and overflow at 65,504: they would
   widen the bound of the screen a thousandfold. */
#if defined(OTX__NEON) && (defined(__linux__) || defined(__APPLE__)) &&                     \
    ((defined(__ARM_FEATURE_BF16_VECTOR_ARITHMETIC) && defined(__ARM_FEATURE_MATMUL_INT8)) || \
     (defined(__clang__) ? __clang_major__ >= 16 : __GNUC__ >= 10))
#define OTX__NEON_BF16

#if defined(__ARM_FEATURE_BF16_VECTOR_ARITHMETIC) && defined(__ARM_FEATURE_MATMUL_INT8)
#define OTX__NEON_BF16_TARGET
#else
#define OTX__NEON_BF16_TARGET __attribute__((target("arch=armv8.2-a+bf16+i8mm")))
#endif
#define OTX__NEON_BF16_KERNEL OTX__NEON_BF16_TARGET OTX__PRIVATE
#define OTX__NEON_BF16_INLINE OTX__NEON_BF16_TARGET OTX__INLINE

/* By names of our own: strict C modes hide the declarations. */
#ifdef __APPLE__
extern int otx__sys_sysctlbyname(const char *name, void *old, size_t *old_size, void *fresh,
                                 size_t fresh_size) __asm__("_sysctlbyname");
#else
extern unsigned long otx__sys_getauxval(unsigned long type) __asm__("getauxval");
#endif

#ifdef __APPLE__
OTX__PRIVATE bool otx__neon_has(const char *name)
{
    int has = 0;
    size_t size = sizeof has;
    return otx__sys_sysctlbyname(name, &has, &size, NULL, 0) == 0 && has;
}
#endif

OTX__PRIVATE bool otx__neon_bf16_here(void)
{
#ifdef __APPLE__
    return otx__neon_has("hw.optional.arm.FEAT_BF16") && otx__neon_has("hw.optional.arm.FEAT_I8MM");
#else
    const unsigned long hwcap2 = 26, both = 1ul << 13 | 1ul << 14; /* AT_HWCAP2: I8MM, BF16 */
    return (otx__sys_getauxval(hwcap2) & both) == both;
#endif
}

/* Two rows of four terms each, from two pairs of terms of four rows: the rows that
   the instructions multiply with two others. Of 8-bit numbers, four count as a pair. */
OTX__NEON_BF16_INLINE void otx__rows_neon(const uint16_t *panel, size_t terms, uint32x4_t *first,
                                          uint32x4_t *second)
{
    uint32x4_t pair0 = vreinterpretq_u32_u16(vld1q_u16(panel)), pair1 = vdupq_n_u32(0);
    if (terms > 2) pair1 = vreinterpretq_u32_u16(vld1q_u16(panel + 2 * OTX__TILE));
    *first = vzip1q_u32(pair0, pair1);
    *second = vzip2q_u32(pair0, pair1);
}

/* sum + the products of two rows x with two rows y. */
OTX__NEON_BF16_INLINE float32x4_t otx__square_neon(float32x4_t sum, uint32x4_t x, uint32x4_t y,
                                                   bool int8)
{
    if (int8)
        return vreinterpretq_f32_s32(vmmlaq_s32(vreinterpretq_s32_f32(sum),
                                                vreinterpretq_s8_u32(x), vreinterpretq_s8_u32(y)));
    return vbfmmlaq_f32(sum, vreinterpretq_bf16_u32(x), vreinterpretq_bf16_u32(y));
}

/* Two sums, with those before where there are any. */
OTX__NEON_BF16_INLINE void otx__put_neon(float32x2_t sums, bool first, bool int8, float *c)
{
    if (!first && int8)
        sums = vreinterpret_f32_s32(
            vadd_s32(vreinterpret_s32_f32(sums), vreinterpret_s32_f32(vld1_f32(c))));
    else if (!first)
        sums = vadd_f32(sums, vld1_f32(c));
    vst1_f32(c, sums);
}

/* Adds one chain, for eight rows of a by eight of b: sixteen squares of two by two
   sums stay in registers.

   BFMMLA adds to a sum the two products of a pair of terms, after adding them up:
   exact products (their 16 bits fit a float), and two additions that may be off by
   2 u each, for they round to odd. A chain of OTX__CHAIN terms, whose first addition
   is to 0, is so off by at most OTX__CHAIN * u, as a chain of float additions is.
   SMMLA is exact; its integers lie where the floats do. */
OTX__NEON_BF16_INLINE void otx__chain_neon_bf16(const uint16_t *a, const uint16_t *b,
                                                size_t terms, bool first, bool int8, float *c)
{
    float32x4_t sums[4][4];
    size_t p, i, j;
    OTX__UNROLL for (i = 0; i < 4; i++)
        sums[0][i] = sums[1][i] = sums[2][i] = sums[3][i] = vdupq_n_f32(0.0f);
    for (p = 0; p < terms; p += 4) {
        uint32x4_t x[4], y[4];
        OTX__UNROLL for (i = 0; i < 4; i += 2) {
            otx__rows_neon(a + p * OTX__TILE + 4 * i, terms - p, &x[i], &x[i + 1]);
            otx__rows_neon(b + p * OTX__TILE + 4 * i, terms - p, &y[i], &y[i + 1]);
        }
        OTX__UNROLL for (j = 0; j < 4; j++) {
            OTX__UNROLL for (i = 0; i < 4; i++)
                sums[j][i] = otx__square_neon(sums[j][i], y[j], x[i], int8);
        }
    }
    OTX__UNROLL for (j = 0; j < 4; j++) {
        OTX__UNROLL for (i = 0; i < 4; i++) {
            float *even = c + 2 * j * OTX__TILE + 2 * i;
            otx__put_neon(vget_low_f32(sums[j][i]), first, int8, even);
            otx__put_neon(vget_high_f32(sums[j][i]), first, int8, even + OTX__TILE);
        }
    }
}

/* c[tile][j][i] as product_bf16 and, in integers, product_int8 want it, n the elements
   of bf16 that are as wide. */
OTX__NEON_BF16_INLINE void otx__products_of_tiles_neon(const uint16_t *a, size_t tiles,
                                                       const uint16_t *b, size_t n, bool int8,
                                                       float *c)
{
    size_t tile, block, i, j;
    for (tile = 0; tile < tiles; tile++, a += n * OTX__TILE, c += OTX__TILE * OTX__TILE)
        for (block = 0; block < n || block == 0; block += OTX__CHAIN)
            for (j = 0; j < OTX__TILE; j += 8)
                for (i = 0; i < OTX__TILE; i += 8)
                    otx__chain_neon_bf16(a + block * OTX__TILE + 2 * i,
                                         b + block * OTX__TILE + 2 * j,
                                         otx__min(n - block, OTX__CHAIN), block == 0, int8,
                                         c + j * OTX__TILE + i);
}

OTX__NEON_BF16_KERNEL void otx__product_bf16_neon(const uint16_t *a, size_t tiles,
                                                  const uint16_t *b, size_t n, float *c)
{
    otx__products_of_tiles_neon(a, tiles, b, n, false, c);
}

OTX__NEON_BF16_KERNEL void otx__product_int8_neon(const int8_t *a, size_t tiles, const int8_t *b,
                                                  size_t n, float *c)
{
    size_t i;
    otx__products_of_tiles_neon((const uint16_t *)(const void *)a, tiles,
                                (const uint16_t *)(const void *)b, n / 2, true, c);
    for (i = 0; i < tiles * OTX__TILE * OTX__TILE; i += 4)
        vst1q_f32(c + i, vcvtq_f32_s32(vreinterpretq_s32_f32(vld1q_f32(c + i))));
}

OTX__PRIVATE const otx__kernels otx__kernels_neon_bf16 = {
    OTX_ISA_NEON_BF16, otx__product_128, otx__product_bf16_neon, otx__product_int8_neon,
    otx__scan_128, otx__follow_128, otx__sift_128, otx__sift_panel_128, otx__refine_128,
    otx__rough_dots_128, otx__rough_residual_128, otx__dots_128, otx__products_128, NULL,
    otx__residual_128};

#endif /* OTX__NEON_BF16 */

/* ---- kernels: the table of them, and what all versions share ---------------- */

/* A few loops take nearly all the time. Each instruction set has its own version
   of them; otx__kernels is the set in use.

   Four of them decide (dots, products, pair_products, residual): they compute in double,
   round after every operation that is not exact, and every version gives the same bits. A
   sum runs in 16 lanes, lane = position mod 16, which are folded by halves at the end (8,
   4, 2, 1).

   The others only screen (product, product_bf16, product_int8, scan, follow, sift, sift_panel,
   refine, rough_dots) or guess (rough_residual): what the screening ones compute is within an
   error bound that screen.h proves, and may differ between instruction sets. */

/* Rows of atoms that one panel or one tile holds. */
#define OTX__TILE 32

/* Products of the rows of two of them. */
#define OTX__TILE_SIZE ((size_t)OTX__TILE * OTX__TILE)

/* Tiles that the dense products take together at most. */
#define OTX__GROUP 4

/* The same of AMX, for which the panel that these are multiplied by has to be turned. */
#define OTX__GROUP_AMX 16

/* Bytes of them, read again and again: they stay in a core's second cache, which has 2 MiB
   on all processors with AMX. */
#define OTX__GROUP_BYTES ((size_t)512 << 10)
#define OTX__GROUP_BYTES_AMX ((size_t)1280 << 10)

/* Columns of C that one call of product fills. */
#define OTX__STRIP 8

/* Terms of dense products that are added up in one chain before a new one begins. It
   is part of the error bound. */
#define OTX__CHAIN 128

/* Products of so many 8-bit numbers add up to less than 2^31. */
#define OTX__INT8_TERMS 131072

/* Terms of them that are added up for one tile before the next: of 32 rows of a and as
   many of b, they fit the first cache. */
#define OTX__INT8_CHAIN 512

#define OTX__LANES 16

/* Microsoft's own compiler: it has every instruction in every function, and Clang in its
   place, which knows attributes, does not. */
#if defined(_MSC_VER) && !defined(__clang__)
#define OTX__MSVC
#endif

/* Processors. ARM64EC, Arm code that x86 code can call, names itself x86 as well. */
#if (defined(__x86_64__) || defined(_M_X64)) && !defined(_M_ARM64EC)
#define OTX__X86_64
#endif
#if defined(OTX__X86_64) || defined(__i386__) || defined(_M_IX86)
#define OTX__X86
#endif

/* Loops over a few registers must vanish at every level of optimisation. */
#if defined(__clang__)
#define OTX__UNROLL _Pragma("clang loop unroll(full)")
#define OTX__INLINE static inline __attribute__((always_inline, unused))
#elif defined(__GNUC__) && __GNUC__ >= 8
#define OTX__UNROLL _Pragma("GCC unroll 16")
#define OTX__INLINE static inline __attribute__((always_inline, unused))
#else
#define OTX__UNROLL
#define OTX__INLINE static
#endif

/* One row of a matrix, float or bf16, of any alignment. */
typedef struct otx__row {
    const void *data;
    bool bf16;
} otx__row;

/* Supports of one target that a scan looks at together: the one selected so far
   and those with one, two, ... predicted atoms more. */
#define OTX__SETS 3

/* One tile of 32 atoms against many targets: see otx__scan_target. */
typedef struct otx__scan {
    const int16_t *gram;    /* [atom][32]: products with the tile's atoms */
    const float *common;    /* [32] the tile's atoms along the common direction */
    const float *weight;    /* [32] their relative norms; 0: never to be taken */
    const int16_t *start;   /* [target][32]: products of the targets */
    const uint32_t *atoms;  /* [target][pitch] where in gram the atoms of the largest
                               support stand */
    const int16_t *steps;   /* [target][pitch / 2][OTX__SETS][2] their coefficients,
                               quantised; 0 for atoms that a support lacks */
    const uint32_t *counts; /* [target] how many atoms, padded to an even number */
    const uint32_t *sets;   /* [target] how many supports; 0 with a count of 0: leave
                               the target out */
    const float *scales;    /* [target][OTX__SETS][3]: of start, common and gram */
    size_t pitch;           /* even */
    size_t targets;
    float *best;            /* [set][target] out: the tile's largest weighted
                               |correlation|, as otx__packed; sets lie best_pitch
                               apart */
    size_t best_pitch;
} otx__scan;

/* All atoms against one support of one target: see otx__follow_scalar. */
typedef struct otx__follow {
    const float *gram;      /* [atom][width] products with all atoms */
    const uint32_t *atoms;  /* [count] the support */
    const float *betas;     /* [count] its coefficients */
    size_t count;
    const float *start;     /* [width] products of the target */
    const float *common;    /* [width] the atoms along the common direction */
    const float *weight;    /* [width] their relative norms; 0: never to be taken */
    float along;            /* the residual along that direction */
    size_t width;           /* atoms, as whole tiles */
    float *correlations;    /* [width] out */
    float *best;            /* [tile] out: the largest weighted |correlation| */
} otx__follow;

/* The least weight of an atom that is not zero. */
#define OTX__LEAST_WEIGHT 7.888609052210118e-31f /* 2^-100 */

/* One tile of 32 atoms against one residual: see otx__sift_scalar. */
typedef struct otx__sift {
    const float *products; /* [32] of the numbers in the panels */
    const float *scale, *common, *weight, *error; /* [32] as in the dictionary */
    float by, along, bound, rest;                 /* of the residual */
} otx__sift;

/* A tile of 32 atoms against residuals of a panel. */
typedef struct otx__sift_panel {
    const float *products;                        /* [residual][32] as otx__sift has them */
    const float *scale, *common, *weight, *error; /* [32] as there */
    const float *by, *along, *bound, *rest;       /* [residual] as there */
    const float *least;                           /* [residual] what sift is given */
    uint32_t wanted; /* the residuals at issue, a bit each: of others nothing is read */
} otx__sift_panel;

/* What every bound of a weighted correlation has room for besides: products with the
   least weights may vanish. */
#define OTX__SIFT_ROOM (4.0f * OTX__LEAST_WEIGHT)

/* A score with the number of its atom, 0 to 31, in the lowest bits: a maximum of such
   scores tells whose it is. Off by less than OTX__PACKED times the score. */
#define OTX__PACKED 3.814697265625e-06 /* 2^-18 */

typedef struct otx__kernels {
    otx_isa isa;

    /* c[j][i] = <a_i, b_j> for 32 rows of panel a and 8 of panel b, in float, or added to
       what c holds; both lie as [n][32], b from its first row wanted. n is at most
       OTX__CHAIN: what is read again and again lies in the first cache. */
    void (*product)(const float *a, const float *b, size_t n, bool add, float *c);

    /* c[tile][j][i] = <a_i, b_j> for the 32 rows of each of `tiles` panels a, one
       after the other, and all 32 of panel b. Panels are of bf16, two elements of a
       row together, [n / 2][32][2], n even. In float, chains of OTX__CHAIN;
       subnormals may count as 0. NULL where it would not pay. */
    void (*product_bf16)(const uint16_t *a, size_t tiles, const uint16_t *b, size_t n, float *c);

    /* The same of numbers from -127 to 127, four elements of a row together,
       [n / 4][32][4], n a multiple of 4, not 0 and at most OTX__INT8_TERMS: sums are exact,
       and rounded to float. NULL where it would not pay. */
    void (*product_int8)(const int8_t *a, size_t tiles, const int8_t *b, size_t n, float *c);

    void (*scan)(const otx__scan *scan);
    void (*follow)(const otx__follow *follow);

    /* The atoms of a tile, a bit each, whose weighted |correlation| may be the largest of
       all. *least is what that is at least, before and after; *most, set unless there are
       none, what these have at most. */
    uint32_t (*sift)(const otx__sift *sift, float *least, float *most);

    /* Those of the residuals wanted, a bit each, for which sift may find atoms: mostly few
       or none, told in less time than by asking it for each. */
    uint32_t (*sift_panel)(const otx__sift_panel *panel);

    /* correlations[i] -= sum over j of betas[j] / 32767 * gram[atoms[j]][i], for the
       32 atoms i of a tile, in float. */
    void (*refine)(const int16_t *gram, const uint32_t *atoms, const float *betas, size_t count,
                   float *correlations);

    /* Roughly the same as the next two, in float: for guesses, and, as a sum of n products
       is off by no more than n + 2 units of their magnitudes' sum, to rule atoms out. */
    void (*rough_dots)(const float *a, const otx__row *rows, size_t count, size_t n, float *out);
    void (*rough_residual)(float *r, otx__row y, const double *coefficients,
                           const otx__row *rows, size_t count, size_t n);

    /* out[i] = <a, rows[i]>. The rows of one call are of one type, here and below. */
    void (*dots)(const double *a, const otx__row *rows, size_t count, size_t n, double *out);

    /* The same where all of a are floats: their products are exact in double, so that
       multiplying and adding in one operation gives the same bits. */
    void (*products)(const double *a, const otx__row *rows, size_t count, size_t n, double *out);

    /* out[i * pitch + j] = <a[i], b[j]> for two rows a, each read once for all b, with
       the bits of products. NULL where that is no faster. */
    void (*pair_products)(const otx__row a[2], const otx__row *b, size_t count, size_t n,
                          double *out, size_t pitch);

    /* r = y - sum of coefficients[j] * rows[j], element by element, j in order.
       With y.data NULL, y is r itself. */
    void (*residual)(double *r, otx__row y, const double *coefficients, const otx__row *rows,
                     size_t count, size_t n);
} otx__kernels;

/* One residual of a panel, as sift wants it. */
OTX__INLINE otx__sift otx__sift_of(const otx__sift_panel *panel, size_t residual)
{
    otx__sift sift;
    sift.products = panel->products + residual * OTX__TILE;
    sift.scale = panel->scale;
    sift.common = panel->common;
    sift.weight = panel->weight;
    sift.error = panel->error;
    sift.by = panel->by[residual];
    sift.along = panel->along[residual];
    sift.bound = panel->bound[residual];
    sift.rest = panel->rest[residual];
    return sift;
}

/* Tiles that the dense products of a set take together at most. */
OTX__PRIVATE size_t otx__group_most(const otx__kernels *kernels)
{
    return kernels->isa == OTX_ISA_AMX ? OTX__GROUP_AMX : OTX__GROUP;
}

/* ---- what all versions share ---- */

/* Asks for a line of the cache that is read soon: into the second level, as the
   first has room for too few of them. */
#if defined(__GNUC__) || defined(__clang__)
#define OTX__PREFETCH(at) __builtin_prefetch((at), 0, 2)
#elif defined(OTX__MSVC) && defined(OTX__X86)
#include <intrin.h>
#define OTX__PREFETCH(at) _mm_prefetch((const char *)(at), _MM_HINT_T1)
#else
#define OTX__PREFETCH(at) ((void)(at))
#endif

/* Asks for bytes that are read soon: mostly of the panel that is streamed past a group of
   tiles, or of the one that lies behind it and comes next. They come from afar, in chunks
   too short for a processor to foresee them. */
OTX__INLINE void otx__ask(uintptr_t from, size_t bytes)
{
    size_t i;
    for (i = 0; i < bytes; i += 64) OTX__PREFETCH((const char *)(from + i));
}

/* Targets between asking for the lines of one in a scan and using them. They lie
   anywhere in the tile, so no processor foresees them. */
#define OTX__PREFETCH_TARGETS 4

/* The atoms to ask for while `target` is scanned; those behind its count are
   atoms of before, and harmless. */
OTX__PRIVATE const uint32_t *otx__scan_ahead(const otx__scan *scan, size_t target)
{
    return scan->atoms + otx__min(target + OTX__PREFETCH_TARGETS, scan->targets - 1) * scan->pitch;
}

/* The address of element `first` of a row. */
OTX__PRIVATE const char *otx__row_at(otx__row row, size_t first)
{
    return (const char *)row.data + first * (row.bf16 ? 2 : 4);
}

/* Two 16-bit or four 8-bit numbers as one of 32 bits, to be copied across a register. */
OTX__INLINE int32_t otx__int32_at(const void *at)
{
    int32_t value;
    memcpy(&value, at, sizeof value);
    return value;
}

OTX__PRIVATE float otx__row_element(otx__row row, size_t i)
{
    uint32_t bits;
    uint16_t half;
    if (row.bf16) {
        memcpy(&half, otx__row_at(row, i), sizeof half);
        return otx__float_of_bf16(half);
    }
    memcpy(&bits, otx__row_at(row, i), sizeof bits);
    return otx__float_of_bits(bits);
}

/* Adds the products from element `first` to n, fewer than all lanes at the end
   of a row, to their lanes. */
OTX__PRIVATE void otx__dot_lanes(double *lanes, const double *a, otx__row row, size_t first,
                                 size_t n)
{
    size_t i;
    for (i = first; i < n; i++)
        lanes[i % OTX__LANES] += a[i] * (double)otx__row_element(row, i);
}

OTX__PRIVATE double otx__fold_lanes(double *lanes)
{
    size_t half, i;
    for (half = OTX__LANES / 2; half > 0; half /= 2)
        for (i = 0; i < half; i++) lanes[i] += lanes[i + half];
    return lanes[0];
}

/* r from element `first` to n: the definition, and the tail of every version. */
OTX__PRIVATE void otx__residual_elements(double *r, otx__row y, const double *coefficients,
                                         const otx__row *rows, size_t count, size_t first,
                                         size_t n)
{
    size_t i, j;
    for (i = first; i < n; i++) {
        double value = y.data ? (double)otx__row_element(y, i) : r[i];
        for (j = 0; j < count; j++) {
            double term = coefficients[j] * (double)otx__row_element(rows[j], i);
            value -= term;
        }
        r[i] = value;
    }
}

/* The tile's atoms against one support of one target: their correlations with
   its residual, relative to the norms of atoms and target. In units of the
   target's norm,
       <r, a> = <y, a'> + <r, m> <a, m> - sum of coefficient_j <a_j', a'>
   with m the common direction and a' what is left of an atom without it. */
OTX__PRIVATE void otx__scan_target(const otx__scan *scan, size_t target, size_t set,
                                   float *correlations)
{
    const uint32_t *atoms = scan->atoms + target * scan->pitch;
    const int16_t *steps = scan->steps + target * OTX__SETS * scan->pitch + 2 * set;
    const int16_t *start = scan->start + target * OTX__TILE;
    const float *scales = scan->scales + (target * OTX__SETS + set) * 3;
    int32_t sums[OTX__TILE];
    size_t i, j, count = scan->counts[target];
    memset(sums, 0, sizeof sums);
    for (j = 0; j < count; j++) {
        const int16_t *gram = scan->gram + (size_t)atoms[j] * OTX__TILE;
        int32_t step = steps[j / 2 * OTX__SETS * 2 + j % 2];
        for (i = 0; i < OTX__TILE; i++) sums[i] += step * gram[i];
    }
    for (i = 0; i < OTX__TILE; i++)
        correlations[i] = (float)start[i] * scales[0] + scan->common[i] * scales[1] -
                          (float)sums[i] * scales[2];
}

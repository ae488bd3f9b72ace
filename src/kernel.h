/* ---- kernel: the hot loops, and their scalar reference -------------------- */

/* Four loops take nearly all the time. Each instruction set has its own version
   of all four; otx__kernels is the set in use.

   Two of them decide (dots, residual): they compute in double, round after every
   operation, and every version gives the same bits. A sum runs in 16 lanes,
   lane = position mod 16, which are folded by halves at the end (8, 4, 2, 1).

   The other two only screen (product, scan): what they compute is within an error
   bound that screen.h proves, and may differ between instruction sets. */

/* Rows of atoms that one panel or one tile holds. */
#define OTX__TILE 32

/* Columns of C that one call of product fills. */
#define OTX__STRIP 8

/* Terms that product adds up in one chain before it starts a new one. It is part
   of the error bound. */
#define OTX__CHAIN 128

#define OTX__LANES 16

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
#define OTX__SETS 4

/* One tile of 32 atoms against many targets: see otx__scan_target. */
typedef struct otx__scan {
    const int16_t *gram;    /* [atom][32]: products with the tile's atoms */
    const float *common;    /* [32] the tile's atoms along the common direction */
    const float *weight;    /* [32] their relative norms; 0: never to be taken */
    const int16_t *start;   /* [target][32]: products of the targets */
    const uint32_t *atoms;  /* [target][pitch] the atoms of the largest support */
    const int16_t *steps;   /* [target][OTX__SETS][pitch] their coefficients,
                               quantised; 0 for atoms that a support lacks */
    const uint32_t *counts; /* [target] how many atoms, padded to an even number */
    const uint32_t *sets;   /* [target] how many supports, from 1 on */
    const float *scales;    /* [target][OTX__SETS][3]: of start, common and gram */
    size_t pitch;           /* even */
    size_t targets;
    float *best;            /* [set][target] out: the tile's largest weighted
                               |correlation|; sets lie best_pitch apart */
    size_t best_pitch;
} otx__scan;

typedef struct otx__kernels {
    otx_isa isa;

    /* c[j][i] = <a_i, b_j> for 32 rows of panel a and 8 of panel b; both lie as
       [n][32], b from its first row wanted. In float, chains of OTX__CHAIN. */
    void (*product)(const float *a, const float *b, size_t n, float *c);

    void (*scan)(const otx__scan *scan);

    /* out[i] = <a, rows[i]>. */
    void (*dots)(const double *a, const otx__row *rows, size_t count, size_t n, double *out);

    /* r = y - sum of coefficients[j] * rows[j], element by element, j in order.
       With y.data NULL, y is r itself. */
    void (*residual)(double *r, otx__row y, const double *coefficients, const otx__row *rows,
                     size_t count, size_t n);
} otx__kernels;

/* ---- what all versions share ---- */

/* The address of element `first` of a row. */
OTX__PRIVATE const char *otx__row_at(otx__row row, size_t first)
{
    return (const char *)row.data + first * (row.bf16 ? 2 : 4);
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
    const int16_t *steps = scan->steps + (target * OTX__SETS + set) * scan->pitch;
    const int16_t *start = scan->start + target * OTX__TILE;
    const float *scales = scan->scales + (target * OTX__SETS + set) * 3;
    int32_t sums[OTX__TILE];
    size_t i, j, count = scan->counts[target];
    memset(sums, 0, sizeof sums);
    for (j = 0; j < count; j++) {
        const int16_t *gram = scan->gram + (size_t)atoms[j] * OTX__TILE;
        int32_t step = steps[j];
        for (i = 0; i < OTX__TILE; i++) sums[i] += step * gram[i];
    }
    for (i = 0; i < OTX__TILE; i++)
        correlations[i] = (float)start[i] * scales[0] + scan->common[i] * scales[1] -
                          (float)sums[i] * scales[2];
}

/* ---- the scalar reference ---- */

OTX__PRIVATE void otx__product_scalar(const float *a, const float *b, size_t n, float *c)
{
    size_t i, j, p, block;
    memset(c, 0, OTX__STRIP * OTX__TILE * sizeof *c);
    for (block = 0; block < n; block += OTX__CHAIN) {
        size_t end = otx__min(n, block + OTX__CHAIN);
        for (j = 0; j < OTX__STRIP; j++) {
            float sums[OTX__TILE];
            memset(sums, 0, sizeof sums);
            for (p = block; p < end; p++)
                for (i = 0; i < OTX__TILE; i++)
                    sums[i] += a[p * OTX__TILE + i] * b[p * OTX__TILE + j];
            for (i = 0; i < OTX__TILE; i++) c[j * OTX__TILE + i] += sums[i];
        }
    }
}

OTX__PRIVATE void otx__scan_scalar(const otx__scan *scan)
{
    size_t target, set, i;
    for (target = 0; target < scan->targets; target++) {
        for (set = 0; set < scan->sets[target]; set++) {
            float correlations[OTX__TILE], best = 0.0f;
            otx__scan_target(scan, target, set, correlations);
            for (i = 0; i < OTX__TILE; i++) {
                float score = scan->weight[i] * fabsf(correlations[i]);
                if (score > best) best = score;
            }
            scan->best[set * scan->best_pitch + target] = best;
        }
    }
}

OTX__PRIVATE void otx__dots_scalar(const double *a, const otx__row *rows, size_t count, size_t n,
                                   double *out)
{
    size_t i;
    for (i = 0; i < count; i++) {
        double lanes[OTX__LANES] = {0};
        otx__dot_lanes(lanes, a, rows[i], 0, n);
        out[i] = otx__fold_lanes(lanes);
    }
}

OTX__PRIVATE void otx__residual_scalar(double *r, otx__row y, const double *coefficients,
                                       const otx__row *rows, size_t count, size_t n)
{
    otx__residual_elements(r, y, coefficients, rows, count, 0, n);
}

OTX__PRIVATE const otx__kernels otx__kernels_scalar = {
    OTX_ISA_SCALAR, otx__product_scalar, otx__scan_scalar, otx__dots_scalar,
    otx__residual_scalar};

/* ---- rates: what a processor does in a second ------------------------------------ */

/* What a core does in a second, roughly, in 10^9 multiply-adds: of dense products in float,
   in bf16 and of 8-bit numbers, of scans, of one target that is followed, and in double. Only
   the ratios matter. */
typedef struct otx__plan_rates {
    double dense, dense_bf16, dense_int8, scan, follow, exact;
} otx__plan_rates;

OTX__PRIVATE otx__plan_rates otx__plan_rates_of(otx_isa isa)
{
    static const otx__plan_rates rates[OTX_ISA_COUNT] = {
        {1.5, 1.0, 1.5, 1.0, 1.0, 0.7},        /* auto, which is settled before */
        {1.5, 1.0, 1.5, 1.0, 1.0, 0.7},        /* scalar */
        {11.0, 0.0, 0.0, 8.0, 5.0, 2.0},       /* sse2 */
        {40.0, 0.0, 0.0, 16.0, 24.0, 4.0},     /* avx2 */
        {40.0, 0.0, 90.0, 20.0, 24.0, 4.0},    /* avx-vnni */
        {50.0, 0.0, 170.0, 35.0, 20.0, 7.0},   /* avx512 */
        {50.0, 85.0, 170.0, 35.0, 20.0, 7.0},  /* avx512-bf16 */
        {60.0, 300.0, 500.0, 35.0, 20.0, 7.0}, /* amx */
        {12.0, 0.0, 0.0, 10.0, 6.0, 2.0},      /* neon */
        {12.0, 24.0, 44.0, 10.0, 6.0, 2.0},    /* neon-bf16 */
        {6.0, 0.0, 0.0, 5.0, 3.0, 1.0},        /* wasm */
    };
    return rates[isa];
}

/* The longest rows that lose nothing by 8 bits. These leave the residual form's bound at some
   1.6 % of the residual's norm, of which the largest correlations are a smaller part in longer
   rows: more and more atoms are within the bound of each other, until finer numbers take
   over. */
#define OTX__INT8_COLUMNS 1536.0

/* Of dense products with panels of a type, for rows of so many columns. */
OTX__PRIVATE double otx__plan_dense_rate(const otx__plan_rates *rates, otx__panel_type type,
                                         double columns)
{
    if (otx__panel_is_float(type)) return rates->dense;
    if (type != OTX__PANEL_INT8) return rates->dense_bf16;
    return rates->dense_int8 * otx__least(1.0, OTX__INT8_COLUMNS / columns);
}

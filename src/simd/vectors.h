/* ---- vectors: the kernels of body.h, of 128 and of 256 bits --------------------- */

/* amalgamate.sh puts the text of body.h in place of a line that says so. */
#ifdef OTX__128_ISA
/* @expand body 128 */

OTX__PRIVATE const otx__kernels otx__kernels_128 = {
    OTX__128_ISA, otx__product_128, NULL, NULL, otx__scan_128, otx__follow_128, otx__sift_128,
    otx__sift_panel_128, otx__refine_128, otx__rough_dots_128, otx__rough_residual_128,
    otx__dots_128, OTX__128_FUSES ? otx__products_128 : otx__dots_128, NULL,
    otx__residual_128};

#endif

#ifdef OTX__AVX2
/* @expand body 256 */

OTX__PRIVATE const otx__kernels otx__kernels_256 = {
    OTX_ISA_AVX2, otx__product_256, NULL, NULL, otx__scan_256, otx__follow_256, otx__sift_256,
    otx__sift_panel_256, otx__refine_256, otx__rough_dots_256, otx__rough_residual_256,
    otx__dots_256, otx__products_256, NULL, otx__residual_256};

#endif

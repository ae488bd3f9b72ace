/* ---- mapping: omp-affine, affine ----------------------------------------------- */

/* Fits the map, then runs the pursuit that was chosen to go with it, if any. */
OTX__PRIVATE otx_result otx__affine_method_fit(const otx_context *ctx,
                                               const otx_method_rows *rows,
                                               const otx_method_options *options,
                                               otx_fitted *fitted, otx_error *error)
{
    otx_omp_options omp = options->omp;
    otx_affine_options affine;
    size_t k = fitted->method == OTX_METHOD_AFFINE ? 0 : omp.k;
    otx_result result;
    memset(&affine, 0, sizeof affine);
    affine.memory = omp.memory;
    if (omp.cosine) affine.selection = OTX_AFFINE_COSINE;
    if (k || fitted->method == OTX_METHOD_AFFINE) {
        affine.ks = &k;
        affine.k_count = 1;
    }
    result = otx_affine_fit(ctx, &rows->donor, &rows->base, &rows->targets, &affine,
                            &fitted->map, &fitted->affine, error);
    if (result || !otx_affine_pursuit(&fitted->map, &omp)) return result;
    return otx__pursue(ctx, rows, options, &omp, fitted, error);
}

OTX__PRIVATE otx_result otx__affine_method_make(const otx_context *ctx, const otx_fitted *fitted,
                                                const otx_method_rows *rows, size_t first,
                                                size_t count, double *to, otx_error *error)
{
    return otx_affine_apply(ctx, &fitted->map, &rows->donor, &rows->base, &rows->targets, first,
                            count, fitted->indices, fitted->coefficients, fitted->k, to, error);
}

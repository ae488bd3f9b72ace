/* ---- pursuit: omp, omp-centred ------------------------------------------------ */

/* Whether all indices that a caller's solver gave are atoms': they will be followed. And all
   their coefficients numbers. */
OTX__PRIVATE otx_result otx__pursued_check(const otx_fitted *fitted, size_t atoms,
                                           otx_error *error)
{
    size_t i, j;
    for (i = 0; i < fitted->targets; i++) {
        const int32_t *indices = fitted->indices + i * fitted->k;
        for (j = 0; j < fitted->k && indices[j] >= 0; j++) {
            if ((size_t)indices[j] >= atoms)
                return otx__fail(error, OTX_ERROR_ARGUMENT,
                                 "options.solve gave target %" PRIu64 " the atom %" PRId32
                                 " of %" PRIu64, (uint64_t)i, indices[j], (uint64_t)atoms);
            if (!otx__is_finite(fitted->coefficients[i * fitted->k + j]))
                return otx__fail(error, OTX_ERROR_ARGUMENT,
                                 "options.solve gave target %" PRIu64 " a coefficient of atom %"
                                 PRId32 " that is no number", (uint64_t)i, indices[j]);
        }
    }
    return OTX_OK;
}

/* Runs the pursuit of all targets. sharing: of the donor's columns, or NULL. */
OTX__PRIVATE otx_result otx__pursue(const otx_context *ctx, const otx_method_rows *rows,
                                    const otx__sharing *sharing,
                                    const otx_method_options *options,
                                    const otx_omp_options *omp, otx_fitted *fitted,
                                    otx_error *error)
{
    size_t k = otx_omp_k(omp->k, rows->donor.rows, rows->donor.columns);
    otx_omp_output output;
    otx_context own;
    otx_result result = otx__fitted_alloc(ctx, fitted, k, error);
    if (result) return result;
    output.indices = fitted->indices;
    output.coefficients = fitted->coefficients;
    output.residual_norms = fitted->residual_norms;
    output.target_norms = fitted->target_norms;
    if (!options->solve)
        return otx__omp_shared(ctx, &rows->donor, sharing, &rows->targets, omp, &output,
                               &fitted->omp, error);
    memset(&own, 0, sizeof own);
    if (ctx) own = *ctx;
    otx__team_leave(&own);
    result = options->solve(options->solve_context, ctx ? &own : NULL, &rows->donor,
                            &rows->targets, omp, &output, &fitted->omp, error);
    return result ? result : otx__pursued_check(fitted, rows->donor.rows, error);
}

OTX__PRIVATE otx_result otx__omp_fit(const otx_context *ctx, const otx_method_rows *rows,
                                     const otx_method_options *options, otx_fitted *fitted,
                                     otx_error *error)
{
    otx_omp_options omp = options->omp;
    omp.centred = fitted->method == OTX_METHOD_OMP_CENTRED;
    return otx__pursue(ctx, rows, NULL, options, &omp, fitted, error);
}

OTX__PRIVATE otx_result otx__omp_make(const otx_context *ctx, const otx_fitted *fitted,
                                      const otx_method_rows *rows, size_t first, size_t count,
                                      double *to, otx_error *error)
{
    return otx__fitted_combine(ctx, fitted, &rows->base, NULL, first, count, to, error);
}

OTX__PRIVATE otx_result otx__omp_centred_make(const otx_context *ctx, const otx_fitted *fitted,
                                              const otx_method_rows *rows, size_t first,
                                              size_t count, double *to, otx_error *error)
{
    size_t columns = rows->base.columns;
    double *centre = (double *)otx__alloc(ctx, columns, sizeof *centre);
    otx_result result;
    if (!centre) return otx__fail_memory(error, (uint64_t)columns * sizeof *centre);
    result = otx__matrix_mean(ctx, &rows->base, centre, error);
    if (!result)
        result = otx__fitted_combine(ctx, fitted, &rows->base, centre, first, count, to, error);
    otx__free(ctx, centre, columns, sizeof *centre);
    return result;
}

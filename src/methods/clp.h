/* ---- clp: CLP-Transfer's rule, in the donor's space -------------------------------------- */

/* Ostendorff and Rehm, Efficient language model training through cross-lingual and
   progressive transfer learning, 2023: all shared tokens, weighted by their cosine with the
   target in a helper model, which the weights' sum is divided out of; no softmax, nothing
   clipped. As published, a row whose weights nearly cancel is large. Here the helper is the
   donor.

   With u_n = a_n / ||a_n|| the weights are <y, u_n>, so a row is linear in the target but for
   their sum: y U'B / <y, sum of u_n>. That takes one product over the anchors, not one for
   each target. A target of zeros, or of weights of sum 0, gets zeros. */

typedef struct otx__clp_norms {
    const otx_matrix *donor;
    double *times; /* [anchors] 1 / norm; 0 for a row of zeros */
} otx__clp_norms;

OTX__PRIVATE void otx__clp_norms_body(void *argument, size_t tile, int worker)
{
    const otx__clp_norms *norms = (const otx__clp_norms *)argument;
    const otx_matrix *donor = norms->donor;
    size_t i, j, first, count;
    (void)worker;
    for (i = tile * OTX__TILE; i < otx__min((tile + 1) * OTX__TILE, donor->rows); i++) {
        double lanes[OTX__LANES] = {0}, norm;
        float part[OTX__TILE];
        for (first = 0; first < donor->columns; first += count) {
            count = otx__min(OTX__TILE, donor->columns - first);
            otx_to_float(part, otx__affine_at(donor, i, first), donor->dtype, count);
            for (j = 0; j < count; j++)
                lanes[j % OTX__LANES] += (double)part[j] * (double)part[j];
        }
        norm = sqrt(otx__fold_lanes(lanes));
        norms->times[i] = norm > 0.0 ? 1.0 / norm : 0.0;
    }
}

OTX__PRIVATE otx_result otx__clp_sum(otx__mill *mill, const otx_method_rows *rows,
                                     otx__linear *linear, double *times, otx_error *error)
{
    otx__dense_read donor, base;
    otx__clp_norms norms;
    otx_result result;
    otx__dense_read_open(mill, &donor, &rows->donor);
    otx__dense_read_open(mill, &base, &rows->base);
    if (mill->pool.failed) return otx__pool_fail(&mill->pool, error);
    norms.donor = &rows->donor;
    norms.times = times;
    result = otx__mill_loop(mill, otx__tiles(rows->donor.rows),
                            4.0 * OTX__TILE * (double)rows->donor.columns, otx__clp_norms_body,
                            &norms, error);
    donor.times = times;
    donor.sums = linear->divide;
    if (!result)
        result = otx__dense_cross(mill, &linear->map, &donor, &base, OTX__DENSE_TURNED, error);
    return result;
}

OTX__PRIVATE otx_result otx__clp_fit(const otx_context *ctx, const otx_method_rows *rows,
                                     const otx_method_options *options, otx_fitted *fitted,
                                     otx_error *error)
{
    size_t n = rows->donor.rows, d = rows->donor.columns, e = rows->base.columns;
    double need = otx__dense_need(d, e) + otx__dense_need(OTX__DENSE_ROWS, d) +
                  otx__dense_need(OTX__DENSE_ROWS, e) + 8.0 * (double)n;
    double *times;
    otx__mill mill;
    otx_result result = otx__mill_open(&mill, ctx, options->omp.memory, error);
    if (result) return result;
    if (need > otx__budget(mill.memory))
        return otx__fail_budget("the sum over all anchors", need, mill.memory, error);
    result = otx__linear_open(&mill, fitted, d, e, error);
    if (result) return result;
    fitted->linear->divide =
        (double *)otx__pool_take_zero(&fitted->linear->pool, d, sizeof(double));
    times = (double *)otx__pool_take(&mill.pool, n, sizeof(double));
    if (fitted->linear->pool.failed) result = otx__pool_fail(&fitted->linear->pool, error);
    if (!result) result = otx__rows_finite(&mill, &rows->donor, "donor", error);
    if (!result) result = otx__rows_finite(&mill, &rows->base, "base", error);
    if (!result) result = otx__rows_finite(&mill, &rows->targets, "targets", error);
    if (!result) result = otx__clp_sum(&mill, rows, fitted->linear, times, error);
    otx__pool_close(&mill.pool);
    return result;
}

/* ---- hull: omp's anchors, weights of 0 or more ------------------------------------------ */

/* Least squares on the simplex over the support that OMP selects. A row of the head that is a
   mean of others scores no more than the best of them, whatever the hidden state: no new token
   can win everywhere, as one with large coefficients of both signs can. */

OTX__PRIVATE void otx__hull_body(void *argument, size_t target, int worker)
{
    otx__near *near = (otx__near *)argument;
    const otx__nearest *nearest = (const otx__nearest *)near->argument;
    otx_fitted *fitted = nearest->fitted;
    size_t k = fitted->k, count = 0;
    const int32_t *indices = fitted->indices + target * k;
    otx__weighing w =
        otx__weighing_at((char *)nearest->own + (size_t)worker * nearest->each, k);
    while (count < k && indices[count] >= 0) count++;
    if (count) {
        otx__weighing_fill(&w, near, target, indices, count,
                           near->wide + (size_t)worker * near->columns);
        otx__weigh_hull(&w, count, near->target_squares[target],
                        fitted->coefficients + target * k);
    }
    otx__nearest_finish(near, fitted, target, false, worker);
}

OTX__PRIVATE otx_result otx__hull_fit(const otx_context *ctx, const otx_method_rows *rows,
                                      const otx_method_options *options, otx_fitted *fitted,
                                      otx_error *error)
{
    otx__watch watch;
    otx__nearest nearest;
    otx__near near;
    double k, width = (double)rows->donor.columns;
    otx_result result = otx__omp_fit(ctx, rows, options, fitted, error);
    if (result) return result;
    k = (double)fitted->k;
    nearest.fitted = fitted;
    if (!otx__weighing_fits(fitted->k, 0, &nearest.each))
        return otx__fail_memory(error, UINT64_MAX);
    result = otx__near_open(&near, ctx, rows, 0, fitted->targets, options->omp.memory,
                            nearest.each, &nearest.own, error);
    near.argument = &nearest;
    watch = otx__watch_open(&near.ctx, OTX_STAGE_SOLVE, 0, fitted->targets);
    if (!result)
        result = otx__watch_loop(&watch, fitted->targets, k * k * (width + k * k),
                                 otx__hull_body, &near, error);
    otx__near_close(&near);
    return result;
}

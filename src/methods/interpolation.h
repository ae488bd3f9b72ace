/* ---- interpolation: common_interpolation ------------------------------------------- */

/* mergekit's method of that name, by what it gives (tests/golden): the k anchors nearest to a
   target in the donor, by Euclidean distance or cosine, and one of three weights. Where the
   weights by cosine sum to 0, and for a target of zeros by cosine, a row is zeros. */

OTX_API const char *otx_weighting_name(otx_weighting weights)
{
    static const char *const names[OTX_WEIGHTING_COUNT] = {"distance_proportional",
                                                         "barycentric", "least_squares"};
    return (unsigned)weights < OTX_WEIGHTING_COUNT ? names[weights] : NULL;
}

/* What a worker has for one target. */
typedef struct otx__nearest {
    otx_fitted *fitted;
    void *own;   /* [worker] each bytes */
    size_t each;
} otx__nearest;


/* Finds the k nearest by `far`, and writes them down. */
OTX__PRIVATE otx__neighbour *otx__nearest_find(const otx__near *near,
                                               const otx__nearest *nearest, size_t target,
                                               const double *far, int worker)
{
    const otx_fitted *fitted = nearest->fitted;
    char *own = (char *)nearest->own + (size_t)worker * nearest->each;
    otx__neighbour *found =
        (otx__neighbour *)(void *)(own + nearest->each - fitted->k * sizeof(otx__neighbour));
    size_t i;
    otx__near_pick(far, near->donor.rows, fitted->k, found);
    for (i = 0; i < fitted->k; i++)
        fitted->indices[target * fitted->k + i] = found[i].anchor;
    return found;
}

/* Notes what the combination leaves of the target. Those of a sum of 0 are none. */
OTX__PRIVATE void otx__nearest_finish(const otx__near *near, otx_fitted *fitted, size_t target,
                                      bool none, int worker)
{
    size_t k = fitted->k, i;
    int32_t *indices = fitted->indices + target * k;
    double *coefficients = fitted->coefficients + target * k;
    for (i = 0; i < k && none; i++) {
        indices[i] = -1;
        coefficients[i] = 0.0;
    }
    fitted->target_norms[target] = near->target_norms[target];
    fitted->residual_norms[target] =
        otx__near_residual(near, target, indices, coefficients, k,
                           near->wide + (size_t)worker * near->columns);
}

/* Divides weights by their sum; false if that is 0. */
OTX__PRIVATE bool otx__share_out(double *weights, size_t k)
{
    double sum = 0.0;
    size_t i;
    for (i = 0; i < k; i++) sum += weights[i];
    for (i = 0; i < k && sum != 0.0; i++) weights[i] /= sum;
    return sum != 0.0;
}

/* 1 / distance; those at no distance share alike, and leave nothing to others. */
OTX__PRIVATE void otx__interpolation_inverse(const otx__near *near, size_t target,
                                             const int32_t *indices, size_t k, double *wide,
                                             double *weights)
{
    const double one = 1.0;
    bool same = false;
    size_t i;
    for (i = 0; i < k; i++) {
        weights[i] = otx__near_residual(near, target, indices + i, &one, 1, wide);
        if (weights[i] == 0.0) same = true;
    }
    for (i = 0; i < k; i++)
        weights[i] = same ? (weights[i] == 0.0 ? 1.0 : 0.0) : 1.0 / weights[i];
}

OTX__PRIVATE void otx__interpolation_visit(otx__near *near, size_t target, double *products,
                                           int worker)
{
    const otx__nearest *nearest = (const otx__nearest *)near->argument;
    otx_fitted *fitted = nearest->fitted;
    const otx_method_options *options = &fitted->options;
    size_t k = fitted->k, i;
    int32_t *indices = fitted->indices + target * k;
    double *weights = fitted->coefficients + target * k;
    double *wide = near->wide + (size_t)worker * near->columns;
    otx__weighing w;
    otx__neighbour *found;
    bool none = options->omp.cosine && !(near->target_norms[target] > 0.0);
    if (options->omp.cosine) otx__near_cosines(near, target, products);
    for (i = 0; i < near->donor.rows; i++)
        products[i] = options->omp.cosine ? -products[i]
                                          : near->anchor_squares[i] - 2.0 * products[i];
    found = otx__nearest_find(near, nearest, target, products, worker);
    if (options->weights == OTX_WEIGHTING_DISTANCE) {
        for (i = 0; i < k; i++) weights[i] = -found[i].far;
        if (!options->omp.cosine)
            otx__interpolation_inverse(near, target, indices, k, wide, weights);
        if (!otx__share_out(weights, k)) none = true;
    } else {
        w = otx__weighing_at((char *)nearest->own + (size_t)worker * nearest->each, k);
        otx__weighing_fill(&w, near, target, indices, k, wide);
        if (options->weights == OTX_WEIGHTING_BARYCENTRIC) otx__weigh_barycentric(&w, k, weights);
        else otx__weigh_least_squares(&w, k, weights);
    }
    otx__nearest_finish(near, fitted, target, none, worker);
}

/* Visits all targets for their k nearest anchors, which may be to be weighed. */
OTX__PRIVATE otx_result otx__nearest_run(const otx_context *ctx, const otx_method_rows *rows,
                                         otx_fitted *fitted, size_t k, bool weighed, double work,
                                         otx__near_visit visit, otx_error *error)
{
    otx__nearest nearest;
    otx__near near;
    otx_result result;
    k = otx__min(k, rows->donor.rows);
    nearest.fitted = fitted;
    if (!otx__weighing_fits(weighed ? k : 0, k * sizeof(otx__neighbour), &nearest.each))
        return otx__fail_memory(error, UINT64_MAX);
    result = otx__fitted_alloc(ctx, fitted, k, error);
    if (result) return result;
    result = otx__near_open(&near, ctx, rows, 0, fitted->targets, fitted->options.omp.memory,
                            nearest.each, &nearest.own, error);
    if (!result)
        result = otx__near_run(&near, work + 4.0 * (double)rows->donor.rows, visit, &nearest,
                               error);
    otx__near_close(&near);
    return result;
}

OTX__PRIVATE otx_result otx__interpolation_fit(const otx_context *ctx,
                                               const otx_method_rows *rows,
                                               const otx_method_options *options,
                                               otx_fitted *fitted, otx_error *error)
{
    size_t k = options->omp.k ? options->omp.k : OTX__K_DEFAULT;
    double width = (double)rows->donor.columns, n = (double)k;
    if ((unsigned)options->weights >= OTX_WEIGHTING_COUNT)
        return otx__fail(error, OTX_ERROR_ARGUMENT,
                         "weights %d are unknown; known are distance_proportional, barycentric "
                         "and least_squares", (int)options->weights);
    return otx__nearest_run(ctx, rows, fitted, k, options->weights != OTX_WEIGHTING_DISTANCE,
                            options->weights == OTX_WEIGHTING_DISTANCE ? 4.0 * n * width
                                                                     : n * n * (width + n),
                            otx__interpolation_visit, error);
}

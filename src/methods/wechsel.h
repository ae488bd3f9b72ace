/* ---- wechsel: WECHSEL's rule, in the donor's space -------------------------------- */

/* Minixhofer, Paischer and Rekabsaz, WECHSEL, 2022: the 10 source tokens of largest cosine,
   weighted by softmax(cosine / 0.1). There the cosines are those of aligned static word
   vectors of two languages; here those of the donor's rows. */
#define OTX__WECHSEL_K 10
#define OTX__WECHSEL_TEMPERATURE 0.1

/* e^x for x <= 0, in operations that are rounded alike everywhere. */
OTX__PRIVATE double otx__exp(double x)
{
    const double log2_high = 0.693147180369123816490, log2_low = 1.90821492927058770002e-10;
    double whole, rest, sum = 1.0;
    int i;
    if (!(x > -700.0)) return 0.0;
    whole = floor(x * 1.44269504088896338700 + 0.5);
    rest = x - whole * log2_high;
    rest -= whole * log2_low;
    for (i = 15; i > 0; i--) sum = 1.0 + sum * rest / (double)i;
    return ldexp(sum, (int)whole);
}

OTX__PRIVATE void otx__wechsel_visit(otx__near *near, size_t target, double *products,
                                     int worker)
{
    const otx__nearest *nearest = (const otx__nearest *)near->argument;
    otx_fitted *fitted = nearest->fitted;
    double *weights = fitted->coefficients + target * fitted->k;
    const otx__neighbour *found;
    size_t i;
    otx__near_cosines(near, target, products);
    for (i = 0; i < near->donor.rows; i++) products[i] = -products[i];
    found = otx__nearest_find(near, nearest, target, products, worker);
    for (i = 0; i < fitted->k; i++)
        weights[i] = otx__exp((found[0].far - found[i].far) / OTX__WECHSEL_TEMPERATURE);
    (void)otx__share_out(weights, fitted->k);
    otx__nearest_finish(near, fitted, target, !(near->target_norms[target] > 0.0), worker);
}

OTX__PRIVATE otx_result otx__wechsel_fit(const otx_context *ctx, const otx_method_rows *rows,
                                         const otx_method_options *options, otx_fitted *fitted,
                                         otx_error *error)
{
    size_t k = options->omp.k ? options->omp.k : OTX__WECHSEL_K;
    return otx__nearest_run(ctx, rows, fitted, k, false,
                            4.0 * (double)rows->donor.columns * (double)k, otx__wechsel_visit,
                            error);
}

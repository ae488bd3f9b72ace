/* ---- focus: FOCUS' rule, in the donor's space ---------------------------------------- */

/* Dobler and de Melo, FOCUS, 2023: all source tokens, weighted by the sparsemax (Martins and
   Astudillo 2016) of their cosines. There the cosines are those of word vectors trained on
   text of the new language; here those of the donor's rows. The anchors of a target may be
   all, so none are kept: rows are made in one go. */

typedef struct otx__focusing {
    const otx_matrix *base;
    double *to;
    void *own;   /* [worker] each bytes: weights, then anchors */
    size_t each;
} otx__focusing;

/* The number t for which the sum of max(value - t, 0) is 1. It grows from turn to turn, until
   no more values fall below (Michelot 1986); those below the largest less 1 do at once. */
OTX__PRIVATE double otx__sparsemax_threshold(const double *values, size_t count)
{
    double threshold = values[0];
    size_t held = 0, before, i;
    for (i = 1; i < count; i++) threshold = values[i] > threshold ? values[i] : threshold;
    threshold -= 1.0;
    do {
        double sum = 0.0;
        before = held;
        held = 0;
        for (i = 0; i < count; i++) {
            if (!(values[i] > threshold)) continue;
            sum += values[i];
            held++;
        }
        if (held && held != before) threshold = (sum - 1.0) / (double)held;
    } while (held && held != before);
    return threshold;
}

OTX__PRIVATE void otx__focus_visit(otx__near *near, size_t target, double *products, int worker)
{
    const otx__focusing *focusing = (const otx__focusing *)near->argument;
    size_t anchors = near->donor.rows, width = focusing->base->columns, held = 0, i;
    double *weights =
        (double *)(void *)((char *)focusing->own + (size_t)worker * focusing->each);
    int32_t *indices = (int32_t *)(void *)(weights + anchors);
    double *row = focusing->to + target * width, threshold;
    otx__near_cosines(near, target, products);
    threshold = otx__sparsemax_threshold(products, anchors);
    for (i = 0; i < anchors && near->target_norms[target] > 0.0; i++) {
        if (!(products[i] > threshold)) continue;
        weights[held] = products[i] - threshold;
        indices[held++] = (int32_t)i;
    }
    otx__combine_row(near->kernels, focusing->base, indices, weights, held, row);
}

/* Looks at all rows, so that what cannot be used is found before any is made. */
OTX__PRIVATE otx_result otx__focus_fit(const otx_context *ctx, const otx_method_rows *rows,
                                       const otx_method_options *options, otx_fitted *fitted,
                                       otx_error *error)
{
    otx__near near;
    void *none;
    otx_result result = otx__near_open(&near, ctx, rows, 0, fitted->targets,
                                       options->omp.memory, 0, &none, error);
    otx__near_close(&near);
    return result;
}

OTX__PRIVATE otx_result otx__focus_make(const otx_context *ctx, const otx_fitted *fitted,
                                        const otx_method_rows *rows, size_t first, size_t count,
                                        double *to, otx_error *error)
{
    double anchors = (double)rows->donor.rows, width = (double)rows->base.columns;
    otx__focusing focusing;
    otx__near near;
    otx_result result;
    focusing.base = &rows->base;
    focusing.to = to;
    focusing.each = (rows->donor.rows * 12 + OTX__ALIGNMENT) / OTX__ALIGNMENT * OTX__ALIGNMENT;
    result = otx__near_open(&near, ctx, rows, first, count, fitted->options.omp.memory,
                            focusing.each, &focusing.own, error);
    if (!result)
        result = otx__near_run(&near, anchors * (16.0 + width), otx__focus_visit, &focusing,
                               error);
    otx__near_close(&near);
    return result;
}

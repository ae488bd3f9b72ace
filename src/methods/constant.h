/* ---- constant: mean, zero --------------------------------------------------------- */

OTX__PRIVATE otx_result otx__mean_make(const otx_context *ctx, const otx_fitted *fitted,
                                       const otx_method_rows *rows, size_t first, size_t count,
                                       double *to, otx_error *error)
{
    size_t columns = rows->tokens.columns, i;
    otx_result result = otx__matrix_mean(ctx, &rows->tokens, to, error);
    (void)fitted;
    (void)first;
    for (i = 1; i < count && !result; i++) memcpy(to + i * columns, to, columns * sizeof *to);
    return result;
}

OTX__PRIVATE otx_result otx__zero_make(const otx_context *ctx, const otx_fitted *fitted,
                                       const otx_method_rows *rows, size_t first, size_t count,
                                       double *to, otx_error *error)
{
    size_t i, cells = count * rows->tokens.columns;
    (void)ctx;
    (void)fitted;
    (void)first;
    (void)error;
    for (i = 0; i < cells; i++) to[i] = 0.0;
    return OTX_OK;
}

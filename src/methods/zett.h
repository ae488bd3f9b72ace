/* ---- zett: what cannot be made without a network of its own ------------------------------- */

OTX__PRIVATE otx_result otx__zett_refuse(otx_error *error)
{
    return otx__fail(error, OTX_ERROR_UNSUPPORTED,
                     "zett needs the weights of a hypernetwork that was trained on this base, on "
                     "GPUs, and there are none in a model directory; omp-affine and subword need "
                     "the models alone");
}

OTX__PRIVATE otx_result otx__zett_fit(const otx_context *ctx, const otx_method_rows *rows,
                                      const otx_method_options *options, otx_fitted *fitted,
                                      otx_error *error)
{
    (void)ctx;
    (void)rows;
    (void)options;
    (void)fitted;
    return otx__zett_refuse(error);
}

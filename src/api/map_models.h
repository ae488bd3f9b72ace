/* ---- maps by the rows of two models ---------------------------------------------------------- */

/* Maps every token of the model in directory `from` to tokens of that in `to`: those that both
   share as otx_token_map_open does, and any other to the shared tokens that a method combines to
   its row, by its coefficients. options->method is one that combines tokens and nothing else:
   omp, omp-centred, common_interpolation, wechsel or hull; of options->how omp, weights and solve
   are looked at, and of all other options none. `input`: by the embeddings; else by the output
   heads, where both models have one of their own.

   Coefficients are as otx_method_fit gives them, rounded to float, and nothing is normalised:
   hull's are 0 or more and sum to 1, as do those of common_interpolation by distance and of
   wechsel; omp's have either sign and any sum (least_sum, most_sum and negative tell). Those of
   omp-centred leave 1 - their sum to the mean of all shared tokens, which has no entry.

   Both models must have weights. Errors are those of otx_job_open and otx_method_fit, and
   OTX_ERROR_UNSUPPORTED for other methods; then *out is zeros. Holds the two matrices, one after
   the other, and what the method takes. */
OTX_API otx_result otx_token_map_fit(const otx_context *ctx, const char *from, const char *to,
                                     const otx_job_options *options, bool input,
                                     otx_token_map *out, otx_error *error);

/* ---- block types of ggml ------------------------------------------------ */

/* The bytes of blocks are those of a GGUF file, little-endian on every machine, without
   alignment. Layouts and rules are ggml's (github.com/ggml-org/ggml, MIT licence), in words
   and code of our own. `count` is of elements, and a multiple of the type's block. */

/* Widens blocks as ggml's dequantize_row_* do, to the same bits: scale times level, which is
   exact, less the minimum, rounded once to float. A scale that is no number gives NaNs and
   infinities. The type must satisfy otx_dtype_is_block. */
OTX_API void otx_blocks_to_float(float *to, const void *from, otx_dtype dtype, size_t count);

/* Quantises to blocks as ggml does for a file without an importance matrix, to the same bytes:
   its quantize_row_*_ref, for IQ4_NL and IQ4_XS its quantize_iq4_*, compiled without fused
   multiply-adds. With them, as it is released, it chooses among equally good blocks now and
   then otherwise: of normal numbers in 29 % of Q5_K, 24 % of Q2_K, 5 % of Q4_K, 0.5 % of Q6_K,
   0.2 % of IQ4, none of the others but by chance. In MXFP4 the exponent is exact here, where
   log2f may round up to it just below a power of two. Where C keeps floats in double until they
   are stored (FLT_EVAL_METHOD 1: GCC for s390x under -std=c99; 2: the x87), blocks are as good
   and may be others; -fexcess-precision=fast gives the same there too.
   Returns how many blocks cannot hold their values: with an infinity or a NaN among them, or
   so large that a scale or minimum is beyond F16. Those are all zero bytes. The type must
   satisfy otx_dtype_is_block. */
OTX_API size_t otx_blocks_from_float(void *to, const float *from, otx_dtype dtype,
                                     size_t count);

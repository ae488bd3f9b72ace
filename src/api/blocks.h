/* ---- block types of ggml ------------------------------------------------ */

/* The bytes of blocks are those of a GGUF file, little-endian on every machine, without
   alignment. Layouts and rules are ggml's (github.com/ggml-org/ggml, MIT licence), in words
   and code of our own. `count` is of elements, and a multiple of the type's block. */

/* Widens blocks as ggml's dequantize_row_* do, to the same bits: scale times level, less the
   minimum, each operation in float and rounded by itself. A scale that is no number gives
   NaNs or infinities. The type must satisfy otx_dtype_is_block. */
OTX_API void otx_blocks_to_float(float *to, const void *from, otx_dtype dtype, size_t count);

/* Quantises to blocks as ggml does for a file without an importance matrix, to the same bytes:
   its quantize_row_*_ref, for IQ4_NL and IQ4_XS its quantize_iq4_*, built without contraction
   to fused multiply-adds. (ggml built with it, as it is released, gives a few K blocks other
   levels. In MXFP4 the exponent is exact here, where log2f may round it up to a power of
   two.) Returns how many blocks cannot hold their values, with an infinity or a NaN among
   them, or so large that a scale or minimum is beyond F16; those are all zero bytes. The type
   must satisfy otx_dtype_is_block. */
OTX_API size_t otx_blocks_from_float(void *to, const float *from, otx_dtype dtype,
                                     size_t count);

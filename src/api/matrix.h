/* ---- numbers and matrices ---------------------------------------------- */

/* The types a safetensors file can hold, in the order in which the reference
   implementation sorts them. 0 is none of them: what nobody has set. Behind OTX_U64 are
   those that no safetensors file holds, only GGUF: the block types of ggml that can be
   widened, and OTX_OPAQUE for all others, whose blocks can be copied and no more. */
typedef enum otx_dtype {
    OTX_DTYPE_NONE,
    OTX_BOOL, OTX_F4, OTX_F6_E2M3, OTX_F6_E3M2, OTX_U8, OTX_I8, OTX_F8_E5M2,
    OTX_F8_E4M3, OTX_F8_E8M0, OTX_F8_E4M3FNUZ, OTX_F8_E5M2FNUZ, OTX_I16, OTX_U16,
    OTX_F16, OTX_BF16, OTX_I32, OTX_U32, OTX_F32, OTX_C64, OTX_F64, OTX_I64, OTX_U64,
    OTX_Q4_0, OTX_Q4_1, OTX_Q5_0, OTX_Q5_1, OTX_Q8_0, OTX_Q2_K, OTX_Q3_K, OTX_Q4_K,
    OTX_Q5_K, OTX_Q6_K, OTX_IQ4_NL, OTX_IQ4_XS, OTX_MXFP4, OTX_OPAQUE,
    OTX_DTYPE_COUNT
} otx_dtype;

/* "BF16", "Q6_K"; NULL for OTX_DTYPE_NONE and for a number that is no type. */
OTX_API const char *otx_dtype_name(otx_dtype dtype);

/* Size of one element in bits (F4 and F6 are no whole bytes); 0 if no type, and for
   blocks, whose elements have no size of their own. */
OTX_API unsigned otx_dtype_bits(otx_dtype dtype);

/* Whether the type is one of blocks that can be widened: OTX_Q4_0 to OTX_MXFP4. */
OTX_API bool otx_dtype_is_block(otx_dtype dtype);

/* How many elements a block has, and in *bytes (which may be NULL) how many bytes it
   takes: 256 and 210 for Q6_K; 1 and the size of an element for types of whole bytes; 0
   and 0 for F4, F6, OTX_OPAQUE and what is no type. Blocks do not cross rows. */
OTX_API unsigned otx_dtype_block(otx_dtype dtype, unsigned *bytes);

/* Whether the type can hold the vocabulary matrices: F64, F32, F16, BF16, F8_E4M3,
   F8_E5M2. */
OTX_API bool otx_dtype_is_embedding(otx_dtype dtype);

/* Widens count elements (host byte order, any alignment) to float. F64 is
   rounded to nearest even. The type must satisfy otx_dtype_is_embedding. */
OTX_API void otx_to_float(float *to, const void *from, otx_dtype dtype, size_t count);

/* Rounds count doubles to dtype, nearest even, in one rounding; a NaN stays
   NaN. Returns how many finite values were beyond the largest finite value of
   dtype after rounding; those become infinite (NaN in F8_E4M3, which has no
   infinity), or with `saturate` the largest finite value. */
OTX_API size_t otx_from_double(void *to, const double *from, otx_dtype dtype, size_t count,
                               bool saturate);

/* A matrix, row after row. `index`, if set, picks the rows: row i stands at row
   index[i] of data. Elements are in host byte order and need no alignment.
   Nothing is owned. */
typedef struct otx_matrix {
    const void *data;
    otx_dtype dtype;       /* one that otx_dtype_is_embedding accepts */
    size_t rows, columns;
    size_t stride;         /* elements from one row of data to the next; 0: columns */
    const uint32_t *index; /* rows entries, or NULL for 0, 1, 2, ... */
} otx_matrix;

/* ---- GGUF ------------------------------------------------------------------------------ */

/* The format that llama.cpp reads: keys with values, a table of tensors, their bytes. Version
   3 is written, 2 and 3 are read, little-endian. What is checked and how is ggml's reader's
   (ggml/docs/gguf.md; src/gguf.cpp, August 2026). */

/* Types of values, by their numbers in the format. */
typedef enum otx_gguf_type {
    OTX_GGUF_U8, OTX_GGUF_I8, OTX_GGUF_U16, OTX_GGUF_I16, OTX_GGUF_U32, OTX_GGUF_I32,
    OTX_GGUF_F32, OTX_GGUF_BOOL, OTX_GGUF_STRING, OTX_GGUF_ARRAY, OTX_GGUF_U64, OTX_GGUF_I64,
    OTX_GGUF_F64, OTX_GGUF_TYPE_COUNT
} otx_gguf_type;

/* A key and its value, which is one element or an array of them. The bytes are owned by the
   otx_gguf, or by the caller when writing. */
typedef struct otx_gguf_key {
    const char *name; /* name_size bytes, none of which is NUL; when read, one is behind them */
    size_t name_size;
    otx_gguf_type type; /* of the elements; never OTX_GGUF_ARRAY */
    bool array;
    uint64_t count;     /* elements; 1 unless it is an array */
    const char *data;   /* as the file has them, unaligned: numbers little-endian, each
                           string behind its size in 8 bytes */
    uint64_t size;      /* of data */
} otx_gguf_key;

/* One file's header. Close with otx_gguf_close. */
typedef struct otx_gguf {
    uint32_t version, alignment;
    otx_gguf_key *keys;  /* in order of the file */
    size_t key_count;
    otx_tensor *tensors; /* in order of the file, which is that of their bytes; shapes as other
                            formats have them, rows before columns: ggml's, reversed */
    uint32_t *types;     /* ggml's number of each tensor's type; its dtype is OTX_OPAQUE where
                            its elements cannot be read here */
    size_t tensor_count;
    uint64_t data_begin; /* offset of the first tensor's bytes in the source */
    void *memory;        /* private: one block that holds all of the above, and what finds
                            keys and tensors by their names */
    size_t memory_size;
} otx_gguf;

/* Reads and checks a header by every rule of ggml's reader, and that the file has all of the
   tensors' bytes; those of the last need not be padded. Stricter than ggml: no NUL in names,
   an alignment of at most 2^20, a header of at most 2^30 bytes. `name` stands in errors. */
OTX_API otx_result otx_gguf_open(const otx_context *ctx, const otx_source *source,
                                 const char *name, otx_gguf *out, otx_error *error);
OTX_API void otx_gguf_close(const otx_context *ctx, otx_gguf *file);

/* The key or the tensor of that name, or NULL. */
OTX_API const otx_gguf_key *otx_gguf_find(const otx_gguf *file, const char *name);
OTX_API const otx_tensor *otx_gguf_tensor(const otx_gguf *file, const char *name);

/* Element i of a key's value. False if the key is NULL, has no such element, or one of another
   kind, or an integer beyond int64_t: integers are all integer types and bool (any byte but
   0 is true), numbers those and the two of floats. */
OTX_API bool otx_gguf_integer(const otx_gguf_key *key, uint64_t i, int64_t *out);
OTX_API bool otx_gguf_number(const otx_gguf_key *key, uint64_t i, double *out);

/* The strings of a key's value, one after the other: begin with zeros. False behind the last,
   or if the key is NULL or holds no strings. */
typedef struct otx_gguf_strings {
    uint64_t next;   /* place of the next one in data, and */
    uint64_t count;  /* how many were given */
    const char *bytes; /* the one that was given last */
    size_t size;
} otx_gguf_strings;
OTX_API bool otx_gguf_next(const otx_gguf_key *key, otx_gguf_strings *strings);

/* ggml's type of a number: its name ("Q6_K"), or NULL; elements in a block and the block's
   bytes, or 0; as a dtype, OTX_OPAQUE where its elements cannot be read here, OTX_DTYPE_NONE
   where there is no such type. */
OTX_API const char *otx_gguf_type_name(uint32_t type);
OTX_API unsigned otx_gguf_type_block(uint32_t type, unsigned *bytes);
OTX_API otx_dtype otx_gguf_type_dtype(uint32_t type);

/* The number of a dtype, or UINT32_MAX. */
OTX_API uint32_t otx_gguf_type_of(otx_dtype dtype);

/* A header ready to be written. The tensors' bytes follow in order, each at its offset, with
   zeros up to the next one's and to the end of the file. Close with otx_gguf_layout_close. */
typedef struct otx_gguf_layout {
    char *header; /* with the zeros up to the first tensor's bytes */
    size_t header_size;
    uint64_t *offsets; /* of each tensor, within the file */
    size_t count;
    uint64_t file_size;
} otx_gguf_layout;

/* Lays out a file of version 3 with the alignment that its keys say (32 if none does); begin,
   end and dtype of the tensors are ignored. What otx_gguf_open would refuse is refused. */
OTX_API otx_result otx_gguf_layout_open(const otx_context *ctx, const otx_gguf_key *keys,
                                        size_t key_count, const otx_tensor *tensors,
                                        const uint32_t *types, size_t tensor_count,
                                        otx_gguf_layout *out, otx_error *error);
OTX_API void otx_gguf_layout_close(const otx_context *ctx, otx_gguf_layout *layout);

/* ---- safetensors ------------------------------------------------------------ */

/* One tensor of a file. Strings and shapes are owned by the otx_safetensors (or
   by the caller when writing). Names are UTF-8 with a length, and may hold NUL;
   they are NUL-terminated besides. */
typedef struct otx_tensor {
    const char *name;
    size_t name_size;
    otx_dtype dtype;
    unsigned rank;
    const uint64_t *shape;
    uint64_t begin, end; /* offsets of its bytes within the source */
} otx_tensor;

typedef struct otx_metadata {
    const char *key, *value;
    size_t key_size, value_size;
} otx_metadata;

/* One file's header. Close with otx_safetensors_close. */
typedef struct otx_safetensors {
    otx_tensor *tensors; /* in order of their bytes */
    size_t tensor_count;
    otx_metadata *metadata; /* in order of the header */
    size_t metadata_count;
    uint64_t data_begin; /* offset of the byte buffer in the source */
    void *memory;        /* private: one block that holds all of the above, and the
                            tensors in order of name */
    size_t memory_size;
} otx_safetensors;

/* Reads and checks a header by every rule of the reference implementation
   (huggingface/safetensors): sizes, JSON, dtypes, shapes, overflow, offsets
   without holes or overlap, exact file size; rejects duplicate names besides.
   `name` stands in errors. */
OTX_API otx_result otx_safetensors_open(const otx_context *ctx, const otx_source *source,
                                        const char *name, otx_safetensors *out,
                                        otx_error *error);
OTX_API void otx_safetensors_close(const otx_context *ctx, otx_safetensors *file);

/* The tensor with that name, or NULL. */
OTX_API const otx_tensor *otx_safetensors_find(const otx_safetensors *file, const char *name,
                                               size_t name_size);

/* A header ready to be written, and the order in which the tensors' bytes follow
   it (the reference's: dtype descending, then name). Close with
   otx_layout_close. */
typedef struct otx_layout {
    char *header; /* length prefix, JSON, padding to a multiple of 8 */
    size_t header_size;
    uint32_t *order;    /* position of the i-th tensor to write */
    uint64_t *offsets;  /* of the i-th tensor to write, within the file */
    size_t count;
    uint64_t file_size;
} otx_layout;

/* Lays out a file from names, types and shapes (begin and end are ignored).
   Names must be unique UTF-8 and not "__metadata__". */
OTX_API otx_result otx_layout_open(const otx_context *ctx, const otx_tensor *tensors,
                                   size_t count, const otx_metadata *metadata,
                                   size_t metadata_count, otx_layout *out, otx_error *error);
OTX_API void otx_layout_close(const otx_context *ctx, otx_layout *layout);

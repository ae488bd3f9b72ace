/* ---- directories ------------------------------------------------------------------ */

/* Reads the vocabulary of a model directory, or of one file without those that may
   lie beside it: a tokenizer.json, tekken.json, SentencePiece model, tiktoken file,
   vocab.json or vocab.txt, or a GGUF file (of a split one the first part), which is
   known by what it holds, under any name. Of several files with tokens in a directory the
   first in the order of otx_vocab_file is read; the others are compared with it, and one
   that says something else is reported to ctx->log. Only if there is none its one GGUF
   file is read. */
OTX_API otx_result otx_vocab_open(const otx_context *ctx, const char *path, otx_vocab *out,
                                  otx_error *error);

/* Reads besides how its tokenizer splits text: otx_vocab_parse_rules, from the files at the
   same path. */
OTX_API otx_result otx_vocab_open_rules(const otx_context *ctx, const char *path,
                                        otx_vocab *vocab, otx_error *error);

/* Opens the encoder of a model directory, or of a tokenizer.json or tekken.json alone. */
OTX_API otx_result otx_encoder_open(const otx_context *ctx, const char *path, otx_encoder **out,
                                    otx_error *error);

/* Adds up the tokens of a file, in parts: otx_encoder_count. Errors name the file. */
OTX_API otx_result otx_encoder_count_file(otx_encoder *encoder, const char *path,
                                          otx_token_counts *counts, otx_error *error);

/* A checkpoint: model.safetensors, or the shards that model.safetensors.index.json names; or
   a GGUF file, or the parts of a split one. */
typedef struct otx_checkpoint_tensor {
    const otx_tensor *tensor;
    uint32_t file;
} otx_checkpoint_tensor;

typedef struct otx_checkpoint_file {
    char *name; /* within the directory */
    otx_source source;
    otx_safetensors header; /* of a GGUF file what it says of its tensors */
    otx_gguf gguf;          /* of no other it holds anything */
} otx_checkpoint_file;

typedef struct otx_checkpoint {
    char *path;
    otx_checkpoint_file *files;
    size_t file_count;
    otx_checkpoint_tensor *tensors; /* by name */
    size_t tensor_count;
    bool gguf;          /* the files are GGUF, and the keys are those of the first */
    bool sharded;       /* there is an index, ... */
    bool index_differs; /* ... and it says something else than the shards */
    char *index;        /* its name within the directory, or NULL */
    char *absent;       /* the tensors that it names and no shard holds, each name with a
                           NUL at its end; NULL if there is none */
    size_t absent_size; /* of all these names */
} otx_checkpoint;

/* Opens a model directory, or one file: a safetensors file by any name, an index, or a GGUF
   file, of a split one the first part. Of a directory without model.safetensors and its
   index, the one other file or index is opened (model.fp16.safetensors, say, or
   model.safetensors.index.fp16.json); if it has none, its one GGUF model. Every shard is
   opened and checked; names that leave the directory and missing shards are errors. As for
   transformers, the tensors are those of all shards that the index names, of several
   with one name that of the last file by name; what the index says else is reported
   to ctx->log. Of a split GGUF file all parts must be there, and what they say of each other
   must be so. Close with otx_checkpoint_close. */
OTX_API otx_result otx_checkpoint_open(const otx_context *ctx, const char *path,
                                       otx_checkpoint *out, otx_error *error);
OTX_API void otx_checkpoint_close(const otx_context *ctx, otx_checkpoint *checkpoint);

/* The tensor with that name, or NULL. */
OTX_API const otx_checkpoint_tensor *otx_checkpoint_find(const otx_checkpoint *checkpoint,
                                                         const char *name);

/* Reads `count` elements of an embedding tensor from element `first` on, in its
   own dtype and host byte order. A tensor of blocks (otx_dtype_is_block) is widened to
   floats, which `to` must be aligned for; first and count must be whole blocks.
   Thread-safe. */
OTX_API otx_result otx_checkpoint_read(const otx_checkpoint *checkpoint,
                                       const otx_checkpoint_tensor *tensor, uint64_t first,
                                       size_t count, void *to, otx_error *error);

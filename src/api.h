/* ---- version ---------------------------------------------------------- */

#define OTX_VERSION_MAJOR 0
#define OTX_VERSION_MINOR 1
#define OTX_VERSION_PATCH 0
#define OTX_VERSION_STRING "0.1.0"

/* Linkage of the public functions. Define OTX_STATIC before every include to
   make them static to the file that holds the implementation. */
#if defined(__GNUC__) || defined(__clang__)
#define OTX__PRIVATE static __attribute__((unused))
#define OTX__PRINTF(string, first) __attribute__((format(printf, string, first)))
#else
#define OTX__PRIVATE static
#define OTX__PRINTF(string, first)
#endif
#ifdef OTX_STATIC
#define OTX_API OTX__PRIVATE
#else
#define OTX_API extern
#endif

/* The version the implementation was built from, "major.minor.patch". */
OTX_API const char *otx_version(void);

/* ---- results ---------------------------------------------------------- */

/* One list feeds the enum, otx_result_name and otx_result_text. */
#define OTX_RESULTS(X)                                                         \
    X(OTX_OK, "no error")                                                      \
    X(OTX_ERROR_ARGUMENT, "an argument is invalid")                            \
    X(OTX_ERROR_MEMORY, "out of memory, or over the memory budget")            \
    X(OTX_ERROR_IO, "a file could not be read or written")                     \
    X(OTX_ERROR_NOT_FOUND, "a file, tensor or token is missing")               \
    X(OTX_ERROR_EXISTS, "the output exists already")                           \
    X(OTX_ERROR_FORMAT, "a file is malformed")                                 \
    X(OTX_ERROR_LIMIT, "a file exceeds a limit of this library")               \
    X(OTX_ERROR_UNSUPPORTED, "a well-formed file holds what is not supported") \
    X(OTX_ERROR_MISMATCH, "two parts of the input contradict each other")      \
    X(OTX_ERROR_NO_ANCHORS, "the vocabularies share no token")                 \
    X(OTX_ERROR_NOT_FINITE, "a value that is needed is NaN or infinite")       \
    X(OTX_ERROR_RANGE, "a value is beyond the range of the output type")       \
    X(OTX_ERROR_CANCELLED, "cancelled by the progress callback")

typedef enum otx_result {
#define OTX__RESULT_ENUM(name, text) name,
    OTX_RESULTS(OTX__RESULT_ENUM)
#undef OTX__RESULT_ENUM
        OTX_RESULT_COUNT
} otx_result;

/* "OTX_ERROR_IO" and "a file could not be read or written"; never NULL, also
   for numbers that are no result. */
OTX_API const char *otx_result_name(otx_result result);
OTX_API const char *otx_result_text(otx_result result);

/* What went wrong, in one line of UTF-8 that names the file, the tensor or
   token and the numbers involved. Every function that can fail takes one (NULL
   is allowed) and fills it in only when it fails. */
typedef struct otx_error {
    otx_result code;
    char message[768];
} otx_error;

/* ---- context: memory, threads, progress -------------------------------- */

/* The one memory hook. block NULL: allocate new_size bytes; new_size 0: free
   block; else resize it, keeping min(old_size, new_size) bytes. old_size is
   always the size that was asked for. Returns NULL when out of memory (and
   then leaves block as it was). Alignment as malloc's. Called only from the
   thread that called the library. */
typedef struct otx_allocator {
    void *(*resize)(void *context, void *block, size_t old_size, size_t new_size);
    void *context;
} otx_allocator;

/* Runs body(argument, index, worker) for every index below count, in any
   order and on any threads, and returns when all have ended. worker is below
   otx_context.threads and never the same in two calls that overlap in time. */
typedef void (*otx_parallel_body)(void *argument, size_t index, int worker);
typedef void (*otx_parallel_for)(void *context, size_t count, otx_parallel_body body,
                                 void *argument);

/* What a long call is doing; what it counts depends on the stage. */
typedef enum otx_stage {
    OTX_STAGE_OPEN,  /* files of the two models looked at: steps done */
    OTX_STAGE_READ,  /* bytes of vocabulary matrices read */
    OTX_STAGE_GRAM,  /* correlations between the atoms: rows done */
    OTX_STAGE_SOLVE, /* steps of targets: targets * k */
    OTX_STAGE_WRITE, /* bytes of the output written */
    OTX_STAGE_COUNT
} otx_stage;

typedef struct otx_progress {
    otx_stage stage;
    const char *subject; /* the tensor or file at hand; may be NULL */
    uint64_t done, total;
} otx_progress;

typedef enum otx_severity {
    OTX_NOTE,
    OTX_WARNING,
    OTX_FAULT /* only from otx_verify */
} otx_severity;

/* Instruction sets a kernel exists for. AUTO takes the best the machine has. */
typedef enum otx_isa {
    OTX_ISA_AUTO,
    OTX_ISA_SCALAR,      /* the reference: plain C, what all others must equal */
    OTX_ISA_SSE2,
    OTX_ISA_AVX2,        /* AVX2 + FMA */
    OTX_ISA_AVX_VNNI,    /* and AVX-VNNI */
    OTX_ISA_AVX512,      /* AVX-512 F, BW, DQ, VL, VNNI */
    OTX_ISA_AVX512_BF16, /* and BF16 */
    OTX_ISA_AMX,         /* and AMX-BF16, AMX-INT8 */
    OTX_ISA_NEON,        /* 64-bit Arm */
    OTX_ISA_NEON_BF16,   /* and BF16, I8MM */
    OTX_ISA_WASM,        /* WebAssembly's SIMD128 */
    OTX_ISA_COUNT
} otx_isa;

/* "auto", "scalar", "avx2", ...; NULL for a number that is none. */
OTX_API const char *otx_isa_name(otx_isa isa);

/* The instruction set with that name, or OTX_ISA_COUNT. */
OTX_API otx_isa otx_isa_from_name(const char *name);

/* Whether this build and this machine (processor and operating system) can run
   it. AUTO and SCALAR always can. */
OTX_API bool otx_isa_available(otx_isa isa);

/* What AUTO resolves to here. */
OTX_API otx_isa otx_isa_best(void);

/* Everything a call needs from its surroundings. All zero is the default, and
   so is a NULL pointer to it. It is read, never written; one may serve several
   threads at once if its hooks may. The library keeps no global state: two
   calls that share no object may always run at the same time. */
typedef struct otx_context {
    otx_allocator allocator;        /* resize NULL: realloc and free */
    otx_parallel_for parallel_for;  /* NULL: OpenMP if compiled in, else serial */
    void *parallel_context;
    int threads;                    /* most workers at once; 0: all that OpenMP
                                       gives, or 1 under a hook */
    otx_isa isa;                    /* an unavailable one is OTX_ERROR_UNSUPPORTED */
    bool (*progress)(void *context, const otx_progress *progress); /* false: cancel */
    void *progress_context;         /* called from the caller's thread only */
    void (*log)(void *context, otx_severity severity, const char *message);
    void *log_context;
} otx_context;

/* ---- numbers and matrices ---------------------------------------------- */

/* The types a safetensors file can hold, in the order in which the reference
   implementation sorts them. */
typedef enum otx_dtype {
    OTX_BOOL, OTX_F4, OTX_F6_E2M3, OTX_F6_E3M2, OTX_U8, OTX_I8, OTX_F8_E5M2,
    OTX_F8_E4M3, OTX_F8_E8M0, OTX_F8_E4M3FNUZ, OTX_F8_E5M2FNUZ, OTX_I16, OTX_U16,
    OTX_F16, OTX_BF16, OTX_I32, OTX_U32, OTX_F32, OTX_C64, OTX_F64, OTX_I64, OTX_U64,
    OTX_DTYPE_COUNT
} otx_dtype;

/* "BF16"; NULL for a number that is no type. */
OTX_API const char *otx_dtype_name(otx_dtype dtype);

/* Size of one element in bits (F4 and F6 are no whole bytes); 0 if no type. */
OTX_API unsigned otx_dtype_bits(otx_dtype dtype);

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

/* ---- the solver --------------------------------------------------------- */

/* How correlations are kept up to date. All forms select the same atoms and
   give the same bits; they differ in time and memory. */
typedef enum otx_omp_form {
    OTX_FORM_AUTO,     /* by a model of cost, within the budget */
    OTX_FORM_GRAM,     /* keeps the products of all pairs of atoms; k <= 32,000 */
    OTX_FORM_COLUMNS,  /* keeps the products of all atoms with those that are selected,
                          as many as there is room for; k <= 32,000 */
    OTX_FORM_RESIDUAL, /* multiplies all atoms with all residuals at every step */
    OTX_FORM_EXHAUSTIVE, /* scores every atom in double at every step: the definition
                            itself, slow, with next to no memory */
    OTX_FORM_COUNT
} otx_omp_form;

/* "auto", "gram", "columns", "residual", "exhaustive"; NULL for a number that is none. */
OTX_API const char *otx_omp_form_name(otx_omp_form form);

typedef struct otx_omp_options {
    size_t k;            /* atoms per target; 0: 64. Capped at atoms and columns */
    double tolerance;    /* a target ends when ||residual|| <= tolerance * ||target|| */
    uint64_t memory;     /* budget in bytes for what the solver allocates;
                            0: 4 GiB */
    otx_omp_form form;
    bool cosine;         /* select by |<residual, atom>| / ||atom|| */
    double ridge;        /* adds ridge * ||atom||^2 to the diagonal of the normal
                            equations of a target: a ridge regression on the atoms
                            scaled to norm 1, which holds near-dependent ones down.
                            At most 1e6 */
    bool centred;        /* take the atoms' mean off atoms and targets first, each
                            value rounded to float; norms and residuals are then
                            those of the centred targets */
    size_t first_target; /* solve only this window of the targets; outputs are  */
    size_t target_count; /* still addressed by target. 0: all from the first     */
} otx_omp_options;

/* Where the results go; the caller owns all arrays. Results for one target do
   not depend on the others, so windows solved apart join byte for byte. */
typedef struct otx_omp_output {
    int32_t *indices;        /* [targets][k] atoms in order of selection; -1 where
                                a target ended before k */
    double *coefficients;    /* [targets][k] least squares on the atoms selected;
                                0 where a target ended before k */
    double *residual_norms;  /* [targets] ||target - combination||; may be NULL */
    double *target_norms;    /* [targets] ||target||; may be NULL */
} otx_omp_output;

/* What a solve did. Seconds are wall time. */
typedef struct otx_omp_stats {
    otx_omp_form form;
    otx_isa isa;
    int threads;
    uint64_t steps;         /* atoms selected */
    uint64_t passes;        /* times that a whole block of targets was screened */
    uint64_t columns;       /* of the Gram matrix computed; 0 in forms without */
    uint64_t candidates;    /* atoms that were left to decide between, over all steps */
    uint64_t candidates_99; /* 99 of 100 steps left no more than that many */
    uint64_t fallbacks;     /* steps at which every atom was scored in double: after an
                               atom was passed over, or where hundreds tie */
    uint64_t peak_bytes;    /* most memory the solver held */
    double seconds;
    double seconds_gram;      /* splitting the atoms; all their products, or columns */
    double seconds_correlate; /* products of targets and atoms */
    double seconds_scan;      /* correlations of all atoms, step by step */
    double seconds_select;    /* deciding between candidates, and all of these, which
                                 are averages over the threads and overlap: */
    double seconds_rescore;   /* - scoring candidates in double */
    double seconds_factor;    /* - rows of Cholesky factors */
    double seconds_predict;   /* - the next steps' likely atoms, and their factors */
    double seconds_finish;    /* coefficients and residual norms */
    char plan[320];           /* the form chosen, and what others would have cost */
} otx_omp_stats;

/* Orthogonal Matching Pursuit for many targets over one dictionary (Pati,
   Rezaiifar and Krishnaprasad 1993; in the Gram form, Rubinstein, Zibulevsky
   and Elad 2008; as used for transplanting, arXiv 2506.06607).

   Each step of a target takes the atom with the largest |<residual, atom>| that
   is not yet taken, ties going to the lower index; the atoms are used as they
   are, neither normalised nor centred, unless options say otherwise. Coefficients
   are the least-squares solution on the atoms taken, or that with ridge. An atom
   that depends on those taken (pivot^2 <= 1e-12 * ||atom||^2) is passed over for
   that target. A target ends with k atoms, or when the best correlation is at
   rounding level (64 * 2^-52 * columns * ||target|| * ||atom||), or at the tolerance.

   The deciding numbers are computed in double precision in one fixed order, so
   the output is the same to the last bit on every instruction set, thread count,
   byte order and compiler that keeps to IEEE binary32/64.

   atoms: N x d, targets: B x d, both at most 2^31 - 1 rows. A NaN or infinity in
   either is OTX_ERROR_NOT_FINITE; F64 values are rounded to float first. Rows of
   zeros are fine: never selected as atoms, and no atoms for such a target. On
   failure the outputs hold nothing of use. stats may be NULL. Thread-safe if the
   hooks of ctx are. */
OTX_API otx_result otx_omp(const otx_context *ctx, const otx_matrix *atoms,
                           const otx_matrix *targets, const otx_omp_options *options,
                           const otx_omp_output *output, otx_omp_stats *stats,
                           otx_error *error);

/* The atoms a target gets at most: min(k or 64, N, d). It is the row length of
   otx_omp_output's arrays. */
OTX_API size_t otx_omp_k(size_t k, size_t atoms, size_t columns);

/* One new row: sum over j of coefficients[j] * atoms[indices[j]], in double, j in
   order, up to the first negative index. row: atoms->columns doubles. Indices
   are not checked against atoms->rows. Of ctx only isa matters. Thread-safe. */
OTX_API void otx_combine(const otx_context *ctx, const otx_matrix *atoms,
                         const int32_t *indices, const double *coefficients, size_t k,
                         double *row);

/* ---- sources and sinks: bytes in and out --------------------------------- */

/* Random access to bytes. read fills `buffer` with `size` bytes from `offset`
   or returns false; the library never reads beyond `size`, the total. */
typedef struct otx_source {
    bool (*read)(void *context, uint64_t offset, void *buffer, size_t size);
    void *context;
    uint64_t size;
} otx_source;

/* Bytes in order. write returns false when it fails. */
typedef struct otx_sink {
    bool (*write)(void *context, const void *bytes, size_t size);
    void *context;
} otx_sink;

/* A block of memory as a source; the block must outlive it. */
OTX_API otx_source otx_source_memory(const void *bytes, size_t size);

#ifndef OTX_NO_STDIO
/* Opens the file at `path` (UTF-8 on every platform) for positioned reads;
   close with otx_source_close. Only regular files can be opened; a missing one is
   OTX_ERROR_NOT_FOUND. */
OTX_API otx_result otx_source_open(const otx_context *ctx, const char *path, otx_source *out,
                                   otx_error *error);
OTX_API void otx_source_close(const otx_context *ctx, otx_source *source);
#endif

/* ---- JSON ------------------------------------------------------------------ */

/* The reader is iterative, checks UTF-8 and RFC 8259 in full (numbers too), and
   keeps spans of the text instead of copies: the text must outlive the document
   and stay unchanged. */

typedef enum otx_json_type {
    OTX_JSON_NULL, OTX_JSON_FALSE, OTX_JSON_TRUE, OTX_JSON_NUMBER, OTX_JSON_STRING,
    OTX_JSON_ARRAY, OTX_JSON_OBJECT
} otx_json_type;

/* One value. Nodes stand in document order: an array's items, or an object's
   key, value, key, value, ... (a key is a STRING node), follow it; `next` is the
   node after the value and all it contains. */
typedef struct otx_json_node {
    uint32_t start, end; /* span in the text; for a string without its quotes */
    uint32_t next;
    uint32_t count; /* items of an array, members of an object */
    uint8_t type;   /* an otx_json_type */
    bool escaped;   /* a string with escapes in it */
} otx_json_node;

/* A parsed document; node 0 is its root. Close with otx_json_close. */
typedef struct otx_json {
    const char *text;
    size_t size;
    otx_json_node *nodes;
    size_t count, capacity;
} otx_json;

#define OTX_JSON_NONE UINT32_MAX

typedef struct otx_json_options {
    unsigned max_depth;   /* 0: 127, as serde_json */
    size_t max_nodes;     /* 0: 2^28 */
    bool allow_nonfinite; /* NaN, Infinity and -Infinity, as Python writes them, and
                             numbers beyond the range of a double */
} otx_json_options;

/* Parses the whole text (below 4 GiB). `name` stands in errors, which give line
   and column. options NULL: defaults. */
OTX_API otx_result otx_json_parse(const otx_context *ctx, const char *text, size_t size,
                                  const char *name, const otx_json_options *options,
                                  otx_json *out, otx_error *error);
OTX_API void otx_json_close(const otx_context *ctx, otx_json *json);

/* The value of the last member of `object` with that key (escapes decoded), as
   Python and JavaScript resolve duplicates; OTX_JSON_NONE if there is none or
   `object` is no object or itself NONE (so look-ups chain). */
OTX_API uint32_t otx_json_find(const otx_json *json, uint32_t object, const char *key);

/* The type of a node; OTX_JSON_NULL for OTX_JSON_NONE. */
OTX_API otx_json_type otx_json_type_of(const otx_json *json, uint32_t node);

/* A number node as a non-negative integer written with digits only; false if it
   is anything else or above 2^64 - 1. */
OTX_API bool otx_json_uint(const otx_json *json, uint32_t node, uint64_t *value);

/* Whether a string node equals the C string. */
OTX_API bool otx_json_equals(const otx_json *json, uint32_t node, const char *text);

/* Decodes a string node to UTF-8 into `to`, which must hold end - start bytes;
   returns the length, which is never more. No terminator is written. */
OTX_API size_t otx_json_string(const otx_json *json, uint32_t node, char *to);

/* Edits of a document as replaced spans of its text: what is not touched keeps
   every byte (order, spelling of numbers, white space). */
typedef struct otx_json_edit otx_json_edit;

OTX_API otx_result otx_json_edit_open(const otx_context *ctx, const otx_json *json,
                                      otx_json_edit **out, otx_error *error);
OTX_API void otx_json_edit_close(const otx_context *ctx, otx_json_edit *edit);

/* Replaces the value `node` by the JSON text `value`, which must be one value (NaN
   and the infinities are allowed); a key is no value. */
OTX_API otx_result otx_json_edit_replace(const otx_context *ctx, otx_json_edit *edit,
                                         uint32_t node, const char *value, otx_error *error);

/* Sets object[key]: replaces the value, or adds the member at the end in the
   object's own layout. Added keys of one object keep the order of the calls. Takes
   time in proportion to the object's members. After OTX_ERROR_MEMORY an edit can
   only be closed. */
OTX_API otx_result otx_json_edit_set(const otx_context *ctx, otx_json_edit *edit, uint32_t object,
                                     const char *key, const char *value, otx_error *error);

/* Writes the edited text. An edit inside a value that is itself replaced is
   OTX_ERROR_ARGUMENT, before any byte is written. */
OTX_API otx_result otx_json_edit_write(otx_json_edit *edit, const otx_sink *sink,
                                       otx_error *error);

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

/* ---- vocabularies ------------------------------------------------------------- */

/* A token is (kind, bytes). Bytes are what the token stands for in text, with
   every tokenizer's spelling undone: a leading space is 0x20, not U+2581 or
   U+0120. */
typedef enum otx_token_kind {
    OTX_TOKEN_NONE,    /* no token has this id */
    OTX_TOKEN_TEXT,
    OTX_TOKEN_BYTE,    /* one byte, as <0xNN> of a byte-fallback tokenizer */
    OTX_TOKEN_CONTROL, /* special: stands for its content, not for text */
    OTX_TOKEN_UNUSED,  /* reserved, never trained: <unused7> and the like */
    OTX_TOKEN_KIND_COUNT
} otx_token_kind;

/* "none", "text", "byte", "control", "unused"; NULL if no kind. */
OTX_API const char *otx_token_kind_name(otx_token_kind kind);

typedef enum otx_role {
    OTX_ROLE_BOS, OTX_ROLE_EOS, OTX_ROLE_PAD, OTX_ROLE_UNK, OTX_ROLE_SEP, OTX_ROLE_CLS,
    OTX_ROLE_MASK, OTX_ROLE_COUNT
} otx_role;

/* "bos", "eos", ...; NULL if no role. */
OTX_API const char *otx_role_name(otx_role role);

typedef struct otx_token {
    const char *bytes;   /* any bytes, NUL and invalid UTF-8 included */
    const char *content; /* as the tokenizer's file spells it, UTF-8; from tekken.json
                            and tiktoken files the bytes themselves */
    uint32_t size, content_size;
    otx_token_kind kind;
    bool added;          /* from added_tokens rather than the model's vocabulary */
} otx_token;

/* How a tokenizer spells its tokens. */
typedef enum otx_family {
    OTX_FAMILY_PLAIN,       /* as they are */
    OTX_FAMILY_BYTE_LEVEL,  /* the GPT-2 byte alphabet */
    OTX_FAMILY_METASPACE,   /* U+2581 (or another mark) for the space; SentencePiece */
    OTX_FAMILY_WORDPIECE,   /* ## continues a word */
    OTX_FAMILY_WORD_SUFFIX, /* </w> ends a word */
    OTX_FAMILY_COUNT
} otx_family;

/* "plain", "byte-level", "metaspace", "wordpiece", "word-suffix"; or NULL. */
OTX_API const char *otx_family_name(otx_family family);

typedef struct otx_vocab {
    otx_token *tokens;   /* by id; ids without a token are OTX_TOKEN_NONE */
    size_t count;        /* the highest id + 1 */
    size_t token_count;  /* ids that have a token */
    int64_t roles[OTX_ROLE_COUNT]; /* ids, or -1 */
    otx_family family;
    const char *model;   /* "BPE", "Unigram", "WordPiece", "WordLevel", "Word", "Char" */
    const char *source;  /* what it was read from: "tokenizer.json", "SentencePiece",
                            "tekken.json", "tiktoken", "vocab.json", "vocab.txt" */
    void *memory;        /* private: what tokens and strings stand in */
} otx_vocab;

/* The files of a tokenizer. */
typedef enum otx_vocab_file {
    /* Those that hold the tokens, in the order in which loaders prefer them. */
    OTX_VOCAB_TOKENIZER_JSON, /* tokenizer.json: all four model types */
    OTX_VOCAB_TEKKEN,         /* tekken.json */
    OTX_VOCAB_SENTENCEPIECE,  /* tokenizer.model, spiece.model, sentencepiece.bpe.model;
                                 a tokenizer.model may be a tiktoken file as well */
    OTX_VOCAB_TIKTOKEN,       /* *.tiktoken, tiktoken.model */
    OTX_VOCAB_JSON,           /* vocab.json; OTX_VOCAB_MERGES is needed as well */
    OTX_VOCAB_TXT,            /* vocab.txt: WordPiece, a token a line */
    OTX_VOCAB_SOURCES,
    /* Those that go with one of them. */
    OTX_VOCAB_MERGES = OTX_VOCAB_SOURCES, /* merges.txt */
    OTX_VOCAB_TOKENIZER_CONFIG, /* tokenizer_config.json: roles, added_tokens_decoder */
    OTX_VOCAB_SPECIAL_TOKENS,   /* special_tokens_map.json: roles */
    OTX_VOCAB_ADDED_TOKENS,     /* added_tokens.json */
    OTX_VOCAB_MODEL_CONFIG,     /* config.json: which loader numbers the pieces of a
                                   SentencePiece model, where tokenizer_config.json
                                   does not tell */
    OTX_VOCAB_FILES
} otx_vocab_file;

/* The bytes of one file; NULL if it is absent. */
typedef struct otx_vocab_text {
    const char *bytes;
    size_t size;
} otx_vocab_text;

/* Reads a vocabulary from texts[OTX_VOCAB_FILES]: the first of the files with tokens
   that is given, and those that go with it, merged as transformers merges them. Ids
   are those that the loader gives at run time; a declared id that differs is reported
   to ctx->log. A token that a file merely names, without being in any list, is
   reported and not added. Where the loader numbers tokens by rules in its own code
   that are not known here, the result is OTX_ERROR_UNSUPPORTED. `name` stands in
   errors for the file with the tokens. Close with otx_vocab_close. */
OTX_API otx_result otx_vocab_parse(const otx_context *ctx, const otx_vocab_text *texts,
                                   const char *name, otx_vocab *out, otx_error *error);
OTX_API void otx_vocab_close(const otx_context *ctx, otx_vocab *vocab);

/* ---- alignment ------------------------------------------------------------------ */

/* Where the row of a donor token comes from. */
typedef enum otx_action {
    OTX_ACTION_PADDING,     /* no token has this id */
    OTX_ACTION_COPY,        /* the base's row of the same (kind, bytes) */
    OTX_ACTION_ROLE,        /* the base's row of the control token in the same role */
    OTX_ACTION_MAP,         /* the base's row named by the caller */
    OTX_ACTION_APPROXIMATE, /* solved for */
    OTX_ACTION_UNUSED,      /* a reserved token: gets what a padding row gets */
    OTX_ACTION_COUNT
} otx_action;

/* "padding", "copy", "role", "map", "approximate", "unused"; or NULL. */
OTX_API const char *otx_action_name(otx_action action);

typedef struct otx_alignment_row {
    int64_t base;      /* the base id that is copied, or -1 */
    otx_action action;
    bool anchor;       /* copied and an atom of the dictionary */
} otx_alignment_row;

/* A caller's own pairing of a donor id with a base id. */
typedef struct otx_map_entry {
    uint64_t donor, base;
} otx_map_entry;

typedef struct otx_alignment_options {
    uint64_t donor_rows; /* of the donor's matrices; 0: donor->count */
    uint64_t base_rows;  /* of the base's matrices; 0: base->count */
    uint64_t rows;       /* wanted; 0: donor_rows. Ids from here on get no row */
    const otx_map_entry *map;
    size_t map_count;
} otx_alignment_options;

/* The plan for every row of the new matrices. Close with otx_alignment_close. */
typedef struct otx_alignment {
    otx_alignment_row *rows; /* by donor id */
    size_t count;            /* rows of the new matrices */
    size_t counts[OTX_ACTION_COUNT];
    size_t anchor_count;
} otx_alignment;

/* Pairs every donor id with a base id, or says that its row must be solved for.
   In this order: the caller's map; tokens of the same (kind, bytes), the lowest
   base id among equals; a BYTE token with the TEXT token of that one byte, either
   way; control tokens with the same content, also where one of the two is a plain
   added token (<think> in some models); control tokens in the same role (eos, bos,
   pad, unk, sep, cls, mask). Only pairs of TEXT and BYTE tokens become anchors: the
   lowest donor id of each pair, each base id once, both ids within their
   matrices. Base ids at or beyond base_rows are never copied from. A token that
   must be solved for but has no row in the donor's matrices is
   OTX_ERROR_MISMATCH. */
OTX_API otx_result otx_align(const otx_context *ctx, const otx_vocab *donor,
                             const otx_vocab *base, const otx_alignment_options *options,
                             otx_alignment *out, otx_error *error);
OTX_API void otx_alignment_close(const otx_context *ctx, otx_alignment *alignment);

#ifndef OTX_NO_STDIO

/* ---- directories ------------------------------------------------------------------ */

/* Reads the vocabulary of a model directory, or of one file without those that may
   lie beside it: tokenizer.json, tekken.json, *.model, *.tiktoken or vocab.txt. Of
   several files with tokens in a directory the first in the order of otx_vocab_file
   is read; the others are compared with it, and one that says something else is
   reported to ctx->log. */
OTX_API otx_result otx_vocab_open(const otx_context *ctx, const char *path, otx_vocab *out,
                                  otx_error *error);

/* A checkpoint: model.safetensors, or the shards that
   model.safetensors.index.json names. */
typedef struct otx_checkpoint_tensor {
    const otx_tensor *tensor;
    uint32_t file;
} otx_checkpoint_tensor;

typedef struct otx_checkpoint_file {
    char *name; /* within the directory */
    otx_source source;
    otx_safetensors header;
} otx_checkpoint_file;

typedef struct otx_checkpoint {
    char *path;
    otx_checkpoint_file *files;
    size_t file_count;
    otx_checkpoint_tensor *tensors; /* by name */
    size_t tensor_count;
    bool sharded; /* there is an index */
} otx_checkpoint;

/* Opens a model directory, or one .safetensors file. Every shard is opened and
   checked: names that leave the directory, missing shards, tensors missing from
   their shard, in two shards, or in no index are errors. Close with
   otx_checkpoint_close. */
OTX_API otx_result otx_checkpoint_open(const otx_context *ctx, const char *path,
                                       otx_checkpoint *out, otx_error *error);
OTX_API void otx_checkpoint_close(const otx_context *ctx, otx_checkpoint *checkpoint);

/* The tensor with that name, or NULL. */
OTX_API const otx_checkpoint_tensor *otx_checkpoint_find(const otx_checkpoint *checkpoint,
                                                         const char *name);

/* Reads `count` elements of an embedding tensor from element `first` on, in its
   own dtype and host byte order. Thread-safe. */
OTX_API otx_result otx_checkpoint_read(const otx_checkpoint *checkpoint,
                                       const otx_checkpoint_tensor *tensor, uint64_t first,
                                       size_t count, void *to, otx_error *error);

/* ---- the whole job ------------------------------------------------------------------ */

typedef enum otx_method {
    OTX_METHOD_OMP,  /* arXiv 2506.06607 */
    OTX_METHOD_OMP_CENTRED, /* the same between the spaces without their means: a row
                               is the mean of the base's anchors plus the combination
                               of what sets them apart from it */
    OTX_METHOD_MEAN, /* the mean of the base's token rows */
    OTX_METHOD_ZERO,
    OTX_METHOD_COUNT
} otx_method;

/* "omp", "omp-centred", "mean", "zero"; or NULL. */
OTX_API const char *otx_method_name(otx_method method);

/* How many rows the new matrices get. */
typedef enum otx_rows {
    OTX_ROWS_DONOR,     /* as many as the donor's matrices */
    OTX_ROWS_TOKENIZER, /* the donor's highest token id + 1 */
    OTX_ROWS_MULTIPLE   /* that, up to the next multiple of rows_multiple */
} otx_rows;

/* Solves as otx_omp does, from the same arguments after its own context. */
typedef otx_result (*otx_solve)(void *context, const otx_context *ctx,
                                const otx_matrix *atoms, const otx_matrix *targets,
                                const otx_omp_options *options, const otx_omp_output *output,
                                otx_omp_stats *stats, otx_error *error);

/* What rows without a token of their own get: padding and reserved tokens. */
typedef enum otx_padding {
    OTX_PADDING_MEAN, /* the mean of the new rows that have a token: as an output row it
                         never scores above the best of them */
    OTX_PADDING_ZERO, /* zeros. As an output row it scores 0, which may be the most */
    OTX_PADDING_COUNT
} otx_padding;

/* "mean", "zero"; or NULL. */
OTX_API const char *otx_padding_name(otx_padding padding);

typedef struct otx_job_options {
    otx_method method;
    otx_omp_options omp; /* k, tolerance, memory, form; no window */
    otx_rows rows;
    uint64_t rows_multiple;
    otx_padding padding;
    otx_dtype dtype;   /* of the new matrices, one that otx_dtype_is_embedding accepts;
                          0: the base's. Loaders convert to the type that config.json
                          names, which stays */
    const char *const *map; /* "DONOR=BASE", by content; \xNN and \\ and \= escape,
                               #ID is an id; split at the first unescaped = */
    size_t map_count;
    bool saturate;     /* clamp values beyond the base's dtype instead of failing */
    bool overwrite;    /* replace an existing output */
    bool keep_details; /* keep each token's atoms for otx_job_write_tokens */
    otx_solve solve;   /* NULL: otx_omp. One of your own can share a transplant among
                          processes: it solves a window of the targets, exchanges, and
                          returns the results of all. It is called for one matrix of
                          the donor after another, in the same order in every process.
                          An index that is no atom's is OTX_ERROR_ARGUMENT */
    void *solve_context;
} otx_job_options;

/* Counts of donor tokens by what becomes of them; they add up to total. Padding
   rows, which have no token, are apart. `skipped` ids lie beyond the new rows
   and get none. */
typedef struct otx_job_tokens {
    uint64_t total, copied, by_role, mapped, approximated, unused, skipped, padding;
} otx_job_tokens;

typedef struct otx_job_matrix {
    char name[160]; /* of the base's tensor; longer ones are cut */
    uint64_t rows, columns;
    otx_dtype dtype;
    uint64_t anchors, approximated;
    double mean_relative_residual, max_relative_residual; /* after otx_job_run */
    double seconds;
    otx_omp_stats omp;
} otx_job_matrix;

#define OTX_JOB_MAX_MATRICES 8

typedef struct otx_job_summary {
    otx_job_tokens tokens;
    otx_job_matrix matrices[OTX_JOB_MAX_MATRICES];
    size_t matrix_count;
    otx_isa isa;
    int threads;
    uint64_t peak_bytes; /* most memory held at once through the allocator */
    double seconds;
} otx_job_summary;

/* A transplant: the base model, the donor of the tokenizer, and the plan. */
typedef struct otx_job otx_job;

/* Opens both directories, reads the vocabularies, finds the vocabulary tensors,
   aligns, and makes every check that needs no solving. Reads no tensor data, but
   where it takes the bytes of two matrices to tell whether they are tied. */
OTX_API otx_result otx_job_open(const otx_context *ctx, const char *base, const char *donor,
                                const otx_job_options *options, otx_job **out,
                                otx_error *error);
OTX_API void otx_job_close(otx_job *job);

/* What the job looks at; valid until it is closed. */
OTX_API const otx_vocab *otx_job_base_vocab(const otx_job *job);
OTX_API const otx_vocab *otx_job_donor_vocab(const otx_job *job);
OTX_API const otx_alignment *otx_job_alignment(const otx_job *job);
OTX_API void otx_job_summarize(const otx_job *job, otx_job_summary *out);

/* Solves, and writes a complete model directory under a temporary name beside
   `out`, then renames it. On failure nothing stands under the final name and the
   temporary directory is removed. Files and sub-directories of the base that have
   nothing to do with the vocabulary are copied; weights in other formats, and
   sub-directories that hold a model of their own (checkpoint-500 and the like), are
   left out with a note. With `out` NULL it solves and writes nothing: for the
   processes that only help another by options.solve. */
OTX_API otx_result otx_job_run(otx_job *job, const char *out, otx_error *error);

/* The report as one JSON object; the token table as tab-separated text. Before
   otx_job_run they hold the plan; after it the table needs keep_details. */
OTX_API otx_result otx_job_write_report(const otx_job *job, const otx_sink *sink,
                                        otx_error *error);
OTX_API otx_result otx_job_write_tokens(const otx_job *job, const otx_sink *sink,
                                        otx_error *error);

/* otx_job_open, otx_job_run, otx_job_close. summary may be NULL. */
OTX_API otx_result otx_transplant(const otx_context *ctx, const char *base, const char *donor,
                                  const char *out, const otx_job_options *options,
                                  otx_job_summary *summary, otx_error *error);

/* ---- looking at a finished directory ------------------------------------------------- */

typedef struct otx_verify_options {
    /* Called for every finding, in order, with one line of text: OTX_FAULT for what
       keeps the model from being loaded or makes it wrong, OTX_WARNING for what may
       surprise. */
    void (*finding)(void *context, otx_severity severity, const char *message);
    void *finding_context;
    const char *draft_for; /* a directory: the target of a draft model; or NULL */
} otx_verify_options;

typedef struct otx_verify_summary {
    uint64_t faults, warnings;
} otx_verify_summary;

/* Checks that a model directory agrees with itself: tokenizer, matrices,
   config.json, generation_config.json and index. Row counts, ids within the rows,
   special ids that have a token and are the tokenizer's, tying; rows that are not
   finite (faults) and rows of zeros in an output head, which can be sampled
   (warnings). All values of the vocabulary's tensors are read, in blocks.

   draft_for names the model that this one is to draft for; its tokenizer and its
   config.json are read. The rules are those of llama.cpp (same kind of vocabulary,
   same bos and eos, sizes at most 128 apart, the same token at every id from 5 on)
   and of vLLM (equal vocab_size).

   OTX_OK when it came to its end, whatever it found; a directory that is not there,
   lack of memory and cancelling are errors. summary may be NULL. */
OTX_API otx_result otx_verify(const otx_context *ctx, const char *path,
                              const otx_verify_options *options, otx_verify_summary *summary,
                              otx_error *error);

#endif /* OTX_NO_STDIO */

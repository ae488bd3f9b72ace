/* omp_transplant.h - give a language model another model's tokenizer.

   For every token that the base model lacks, Orthogonal Matching Pursuit finds
   the few shared tokens whose combination makes that token's row in the donor's
   embedding matrix, and the same combination of the base's rows becomes the new
   row (arXiv 2506.06607). No training, no dependency but libc and libm.

   Do this
       #define OMP_TRANSPLANT_IMPLEMENTATION
       #include "omp_transplant.h"
   in one C or C++ file, and include the header without the define elsewhere.

       otx_error error;
       if (otx_transplant(NULL, "base", "donor", "out", NULL, NULL, &error))
           fprintf(stderr, "%s\n", error.message);

   Options, defined before every include
       OTX_STATIC     every function is static to the file with the implementation
       OTX_NO_STDIO   no files: only what works on memory is built
       OTX_NO_SIMD    only the scalar reference kernels are built
   Compile with OpenMP for several threads, or set otx_context.parallel_for.

   What is where

      162  api/version                version
      188  api/result                 results
      228  api/context                context: memory, threads, progress
      303  api/isa                    instruction sets
      319  api/matrix                 numbers and matrices
      363  api/solver                 the solver
      474  api/affine                 the affine map: rows as the map makes them, and what it misses
      603  api/source                 sources and sinks: bytes in and out
      623  api/json                   JSON
      745  api/safetensors            safetensors
      809  api/vocab                  vocabularies
      908  api/align                  alignment
      969  api/file                   files
      979  api/directory              directories
     1030  api/job                    the whole job
     1160  api/verify                 looking at a finished directory

     1204  base                       what everything stands on
     1230  base/begin                 system headers, and how floating point must be compiled
     1266  base/result                results, failures, checked sizes
     1356  base/memory                the allocator, arrays that grow
     1415  base/text                  spans, UTF-8, digits, names in messages, and text that grows
     1652  base/hooks                 log, progress, threads of the caller
     1721  base/sort                  in place, without memory, never quadratic; finding in what is sorted
     1771  base/clock                 wall time for statistics
     1817  base/pool                  blocks that are freed together
     1932  base/number                element types, widening and rounding
     2120  base/base64                decoding
     2156  base/protobuf              fields of a message
     2278  base/decimal               the shortest digits of a double
     2403  base/watch                 long loops that the caller can stop

     2456  files                      formats, on memory and streams
     2475  files/memory_source        memory as a source of bytes
     2493  files/json_read            a parser without recursion
     2846  files/json_values          looking at values, stepping through containers
     3017  files/json_edit            writing, and edits that keep every byte they do not touch
     3385  files/tensors              what reading and writing a header share: orders, sizes, messages
     3520  files/safetensors_read     the header of a file, checked
     3843  files/safetensors_write    the header of a new file

     4000  vocab                      tokens, from every source, and which of them are the same
     4024  vocab/known                what the world calls things: files, classes, tokens
     4312  vocab/token_table          the table of tokens, and finding tokens in it
     4490  vocab/spelling             from what a file spells to bytes
     4621  vocab/reader               what the readers of all sources share
     4969  vocab/added_tokens         what other files add to a model's tokens
     5231  vocab/from_tokenizer_json  tokenizer.json
     5486  vocab/from_tekken          tekken.json
     5641  vocab/from_tiktoken        *.tiktoken
     5706  vocab/from_sentencepiece   tokenizer.model and its like
     6061  vocab/from_vocab_json      vocab.json and merges.txt
     6147  vocab/from_vocab_txt       vocab.txt
     6204  vocab/parse                the first source that is given, and what goes with it
     6388  vocab/align                which base token a donor token is

     6640  simd                       the hot loops, once for each instruction set
     6661  simd/kernels               the table of kernels, and what all versions share
     6916  simd/scalar                the reference
     7085  simd/sse2                  128-bit x86
     7390  simd/avx2                  256-bit x86, with FMA
     7864  simd/avx512                512-bit x86
     8522  simd/amx                   tiles of x86
     8743  simd/neon                  64-bit Arm
     9181  simd/wasm                  WebAssembly's SIMD128
     9454  simd/dispatch              which of them this machine can run

     9629  solve                      Orthogonal Matching Pursuit for many targets
     9657  solve/panels               vectors as the dense products want them
     9992  solve/dictionary           the atoms, split along their common direction
    10268  solve/exact_products       products of all pairs of atoms in double
    10348  solve/triangle             packed lower triangles
    10452  solve/support              what is known of one target, and the exact steps
    10698  solve/gram_table           products of atoms with all atoms, for scans
    10930  solve/screen               which atoms are worth scoring in double
    11309  solve/predict              making targets ready for the next scan
    11536  solve/select               the next atoms of each target
    11970  solve/plan                 which form, and in what blocks
    12270  solve/solve                the solve itself
    12822  solve/affine_digits        whole numbers of 16 bits, whose products are exact
    13031  solve/affine_normal        the normal equations of an affine map, and their solution
    13486  solve/affine_map           a fitted map, and the rows it makes
    13827  solve/affine_choice        how many atoms to take, and chosen by what
    14187  solve/affine               fitting and applying affine maps

    14693  disk                       files and directories
    14718  disk/system                what POSIX and Windows are asked for
    14754  disk/windows               the system as Windows gives it
    14999  disk/posix                 the system as POSIX gives it
    15194  disk/paths                 paths, and failures of the system
    15346  disk/listing               listings of directories
    15412  disk/reading               files to read
    15544  disk/writing               files to write
    15648  disk/copying               copies of files and trees, and their removal
    15762  disk/staging               a directory made under another name, then renamed
    15995  disk/known                 what a model directory holds, and what is not read
    16070  disk/foreign               a directory without what is wanted of it
    16133  disk/weight_index          the index of a checkpoint in shards
    16349  disk/checkpoint            a model directory, in one file or in shards
    16661  disk/tokenizer_directory   the tokenizer of a model directory

    16917  model                      which tensors and config keys belong to the vocabulary
    16934  model/document             the JSON files of a model directory
    16989  model/config               what config.json says
    17086  model/names                names of tensors
    17219  model/parts                the tensors that the vocabulary sizes
    17675  model/heirs                what becomes of the ids in a config
    17856  model/config_ids           ids in a config being edited
    18198  model/config_edit          config.json and generation_config.json, edited

    18436  job                        the whole transplant, in the order in which it happens
    18459  job/job                    what a job holds, and opening the two models
    18648  job/map                    the caller's map
    18769  job/plan                   what becomes of every tensor
    18972  job/open                   opening a job
    19085  job/rows                   rows in memory
    19170  job/solve                  solving for the rows of the donor
    19288  job/rebuild                the new rows of one vocabulary tensor
    19671  job/write                  the new weights and their index
    19981  job/copy                   the other files of the two models
    20140  job/run                    running a job
    20276  job/report                 what a job did, as JSON and as a table
    20503  job/verify                 whether a finished directory agrees with itself

   This file is generated from src/ by amalgamate.sh. MIT licence, at the end. */

#ifndef OMP_TRANSPLANT_H
#define OMP_TRANSPLANT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* >>> src/api/version.h */
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

/* >>> src/api/result.h */
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

/* >>> src/api/context.h */
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

/* >>> src/api/isa.h */
/* ---- instruction sets --------------------------------------------------- */

/* "auto", "scalar", "avx2", ...; NULL for a number that is none. */
OTX_API const char *otx_isa_name(otx_isa isa);

/* The instruction set with that name, or OTX_ISA_COUNT. */
OTX_API otx_isa otx_isa_from_name(const char *name);

/* Whether this build and this machine (processor and operating system) can run
   it. AUTO and SCALAR always can. */
OTX_API bool otx_isa_available(otx_isa isa);

/* What AUTO resolves to here. */
OTX_API otx_isa otx_isa_best(void);

/* >>> src/api/matrix.h */
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

/* >>> src/api/solver.h */
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

/* >>> src/api/affine.h */
/* ---- the affine map: rows as the map makes them, and what it misses ------- */

/* With a_j and b_j the anchors' rows in donor and base, a0 and b0 their means, and y a
   target's row in the donor:

     1. W is the ridge regression of b - b0 on a - a0 over all anchors (Hoerl and Kennard
        1970): (A'A + lambda * mean(diag A'A) * I) W = A'B, rows of A and B less their means.
     2. c are the coefficients of a centred pursuit of y (otx_omp with `centred`).
     3. row = b0 + sum c_j (b_j - b0) + (y - a0 - sum c_j (a_j - a0)) W:

   what the map makes of y, plus the same combination of what the map misses at the anchors.
   Geostatistics knows it as regression kriging. With no atoms it is the map; a target that
   is an anchor's row gets that anchor's base row, bit for bit (the lowest anchor's, if
   several have that row).

   The means are sums in double in the order of the rows. Every column of A and B, every
   column of W and every target's remainder is rounded to whole multiples of 1 / 32,512 of
   its largest element; sums of products of these are exact up to 8 million anchors, and the
   system is solved by a Cholesky factor in double in one order. So the bits are the same on
   every instruction set, thread count, byte order and compiler that keeps to IEEE
   binary32/64. Without ridge, a column of A that depends on those before it (pivot <= 1e-12
   of its square) gets weights 0, as constant columns do. Fewer anchors than columns are fine.

   How many atoms to take differs from pair to pair and matrix to matrix, from none to 64. It
   is found by hiding some anchors, making their rows by each choice from the rest (one pursuit
   holds all shorter ones), and comparing with the true rows b by two figures
   over all of them, with M the second moment of the base's rows (its anchors', 1,024 of them
   or all):

     share = sum <p, b> / sum <b, b>                            of its logit that a row gives
     error = sqrt(sum <p - b, M (p - b)> / sum <b, M b>)        of its logits elsewhere

   The choice has the least loss, error + 0.75 * (1 - share); in that proportion the two
   explain the bits per byte that a language model needs with such rows to 0.007, over the
   methods that were measured. If it takes atoms, more of them are taken as long as the loss
   is within 2 % of it: targets lie further from the anchors than these from one another, and
   what is far wants more atoms. Anchors that look like the targets are hidden, where targets
   are given. */

/* One choice, and what came of it on the hidden anchors. */
typedef struct otx_affine_trial {
    size_t k;      /* atoms per target */
    bool cosine;   /* selected by cosine */
    double lambda; /* ridge of the map */
    double share, error, loss; /* as above; 0 where nothing was hidden */
} otx_affine_trial;

/* How the pursuit selects. */
typedef enum otx_affine_selection {
    OTX_AFFINE_COSINE,      /* as with otx_omp's option `cosine`: on the pairs that were
                               measured, the better or as good */
    OTX_AFFINE_CORRELATION, /* as otx_omp selects by itself */
    OTX_AFFINE_EITHER       /* both are tried, correlation first */
} otx_affine_selection;

typedef struct otx_affine_options {
    const size_t *ks;       /* atoms per target to choose from, in ascending order, 0 being
                               the map alone; larger ones than anchors or columns allow are
                               left out. NULL: 0, 1, 2, 4, 8, 16, 24, 32, 48, 64 */
    size_t k_count;
    const double *lambdas;  /* to choose from, 0 to 1e6 each; NULL: 0.01 */
    size_t lambda_count;
    otx_affine_selection selection;
    size_t holdout;         /* anchors to hide, a tenth of all at most; 0: 256. None are where
                               there is but one choice and this is 0 */
    uint64_t seed;          /* of which are hidden, beyond those that look like targets */
    uint64_t memory;        /* budget in bytes for fitting; 0: 4 GiB */
} otx_affine_options;

/* A map that was fitted, and the choice: what to run otx_omp with. To be closed. */
typedef struct otx_affine_map {
    size_t anchors, donor_columns, base_columns;
    otx_affine_trial choice;
    otx_affine_trial *trials; /* all choices, in order of lambda, selection and k */
    size_t trial_count;
    size_t hidden;            /* anchors */
    uint64_t bytes;           /* that the map holds */
    void *state;
} otx_affine_map;

/* What fitting did. Seconds are wall time. */
typedef struct otx_affine_stats {
    otx_isa isa;
    int threads;
    uint64_t peak_bytes;
    double seconds;
    double seconds_products; /* A'A and A'B */
    double seconds_solve;    /* factors and solutions */
    double seconds_pursuit;  /* of the hidden anchors */
    double seconds_trials;   /* their rows and figures */
} otx_affine_stats;

/* Fits a map from donor (N x d) to base (N x e), whose rows i belong to the same anchor, and
   makes the choice. targets (B x d) are the rows that it is for, or NULL: up to `holdout` of
   them, evenly spread, are looked at, and the anchors nearest to them by cosine are hidden;
   what is missing to `holdout` is drawn at random.

   A NaN or infinity is OTX_ERROR_NOT_FINITE and names the row; F64 values are rounded to
   float first. Memory in bytes: about 8 (d^2 / 2 + d e), twice that where there is a choice,
   8,192 (d + e), or four times that without a kernel for bytes, and what otx_omp takes for
   the hidden anchors within the same budget; less room is OTX_ERROR_MEMORY. On failure *map
   is left alone. targets, options and stats may be NULL. Thread-safe if the hooks of ctx
   are; these must outlive the map if they allocate. */
OTX_API otx_result otx_affine_fit(const otx_context *ctx, const otx_matrix *donor,
                                  const otx_matrix *base, const otx_matrix *targets,
                                  const otx_affine_options *options, otx_affine_map *map,
                                  otx_affine_stats *stats, otx_error *error);

/* The pursuit that goes with the choice: k, cosine and centred of *options are set, the rest
   is left alone. False if it takes no atoms, and no pursuit is to be run. */
OTX_API bool otx_affine_pursuit(const otx_affine_map *map, otx_omp_options *options);

/* Rows of targets `first` to first + count - 1: rows is [count][e] doubles. indices and
   coefficients are what otx_omp gave for these targets over the donor's anchors, [targets][k]
   with k = otx_omp_k(its k, N, d), addressed by target; NULL with a k of 0: the map alone.
   donor and base are those that the map was fitted to. Takes memory for 512 targets at a
   time, about 512 * (2 d + 8 e) bytes (8 d without a kernel for bytes). A target that is not
   finite is OTX_ERROR_NOT_FINITE; indices are not checked against N. ctx need not be that of
   fitting, but its isa does not count. Thread-safe on one map, if the hooks of ctx are. */
OTX_API otx_result otx_affine_apply(const otx_context *ctx, const otx_affine_map *map,
                                    const otx_matrix *donor, const otx_matrix *base,
                                    const otx_matrix *targets, size_t first, size_t count,
                                    const int32_t *indices, const double *coefficients,
                                    size_t k, double *rows, otx_error *error);

/* Frees what the map holds; one of zeros is fine. */
OTX_API void otx_affine_close(otx_affine_map *map);

/* >>> src/api/source.h */
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

/* >>> src/api/json.h */
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

/* No node. Every function below takes it, as it takes a node of a type it does not
   expect, and finds nothing there: look-ups chain. */
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

/* The type of a node; OTX_JSON_NULL for OTX_JSON_NONE. */
OTX_API otx_json_type otx_json_type_of(const otx_json *json, uint32_t node);

/* The value of the last member of `object` with that key (escapes decoded), as
   Python and JavaScript resolve duplicates; OTX_JSON_NONE if there is none or
   `object` is no object. */
OTX_API uint32_t otx_json_find(const otx_json *json, uint32_t object, const char *key);

/* Steps through the items of an array or the members of an object, in the order of the
   text:
       otx_json_iter at = otx_json_iter_of(&json, node);
       while (otx_json_iter_next(&at)) ... at.key, at.value, at.index ...
   Nothing else has anything to step through. At the end key and value are NONE. */
typedef struct otx_json_iter {
    const otx_json *json;
    uint32_t key;       /* of a member: a STRING node; of an item: OTX_JSON_NONE */
    uint32_t value;
    uint32_t index;     /* 0 for the first */
    uint32_t next, end; /* private: nodes not yet stepped over */
    bool keyed;         /* private: an object's */
} otx_json_iter;

OTX_API otx_json_iter otx_json_iter_of(const otx_json *json, uint32_t node);
OTX_API bool otx_json_iter_next(otx_json_iter *iter);

/* How many items an array or members an object has; 0 for anything else. */
OTX_API uint32_t otx_json_count(const otx_json *json, uint32_t node);

/* The item of an array at that index, or OTX_JSON_NONE. Takes time in proportion to the
   index. */
OTX_API uint32_t otx_json_item(const otx_json *json, uint32_t array, uint32_t index);

/* The node after a value and all it contains, so that the value and what is in it, keys
   too, are the nodes from `node` to before that one; NONE for NONE. */
OTX_API uint32_t otx_json_after(const otx_json *json, uint32_t node);

/* A number node as a non-negative integer written with digits only; false if it
   is anything else or above 2^64 - 1. */
OTX_API bool otx_json_uint(const otx_json *json, uint32_t node, uint64_t *value);

/* Whether a string node equals the C string. */
OTX_API bool otx_json_equals(const otx_json *json, uint32_t node, const char *text);

/* Decodes a string node to UTF-8 into `to`, which must hold end - start bytes;
   returns the length, which is never more, and is 0 if the node is no string. No
   terminator is written. */
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

/* >>> src/api/safetensors.h */
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

/* >>> src/api/vocab.h */
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

/* >>> src/api/align.h */
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

/* >>> src/api/file.h */
/* ---- files -------------------------------------------------------------- */

/* Opens the file at `path` (UTF-8 on every platform) for positioned reads;
   close with otx_source_close. Only regular files can be opened; a missing one is
   OTX_ERROR_NOT_FOUND. */
OTX_API otx_result otx_source_open(const otx_context *ctx, const char *path, otx_source *out,
                                   otx_error *error);
OTX_API void otx_source_close(const otx_context *ctx, otx_source *source);

/* >>> src/api/directory.h */
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

/* >>> src/api/job.h */
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

/* >>> src/api/verify.h */
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

#ifdef __cplusplus
}
#endif

#endif /* OMP_TRANSPLANT_H */

#if defined(OMP_TRANSPLANT_IMPLEMENTATION) && !defined(OMP_TRANSPLANT_IMPLEMENTED)
#define OMP_TRANSPLANT_IMPLEMENTED

/* >>> src/base/chapter.h */
/* ==== base: what everything stands on ==== */

/* Knows nothing of models, tokens or files: results and messages, checked sizes, the
   caller's hooks (memory, threads, progress, log), text, numbers, sorting.
   Hides byte order, the locale, compilers' habits with floating point.
   Owns nothing. Memory is asked of the context that is handed down, with its old size, and
   given back to the same; a function that fails fills in the error and returns its code.
   Read result.h and memory.h first: all other rooms speak that way.

   Rooms, in order of dependency:
     begin     system headers, and how floating point must be compiled
     result    results, failures, checked sizes
     memory    the allocator, arrays that grow
     text      spans, UTF-8, digits, names in messages, and text that grows
     hooks     log, progress, threads of the caller
     sort      in place, without memory, never quadratic; finding in what is sorted
     clock     wall time for statistics
     pool      blocks that are freed together
     number    element types, widening and rounding
     base64    decoding
     protobuf  fields of a message
     decimal   the shortest digits of a double
     watch     long loops that the caller can stop
     end       what begin changed is put back: the last room of all */

/* >>> src/base/begin.h */
/* ======================================================================== *
 *  Implementation                                                          *
 * ======================================================================== */

#include <float.h>
#include <inttypes.h>
#include <limits.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#ifdef _OPENMP
#include <omp.h>
#endif

/* The deciding arithmetic must round after every operation: no fused multiply-add but
   where a kernel asks for one by name. The last room, end.h, gives back what the user had:
   from a stack with GCC, and with Clang where its float_control is (x86, and 64-bit Arm from
   18 on); elsewhere what the command line says, and a pragma of the user's from before is
   lost. Under -ffp-contract=fast Clang fuses whatever a pragma says. */
#if defined(__clang__)
#if ((defined(__x86_64__) || defined(__i386__)) && __clang_major__ >= 13) || \
    (defined(__aarch64__) && __clang_major__ >= 18)
#define OTX__FLOAT_CONTROL
#pragma float_control(push)
#endif
#pragma clang fp contract(off)
#elif defined(__GNUC__)
#pragma GCC push_options
#pragma GCC optimize("fp-contract=off")
#elif defined(_MSC_VER)
#pragma fp_contract(off)
#endif

/* >>> src/base/result.h */
/* ---- results, failures, checked sizes ----------------------------------- */

#define OTX__COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* double that is not binary64, or a byte that is not eight bits, breaks every
   promise of this file: better no build than a wrong one. */
typedef char otx__assert_binary64[DBL_MANT_DIG == 53 && DBL_MAX_EXP == 1024 ? 1 : -1];
typedef char otx__assert_binary32[FLT_MANT_DIG == 24 && FLT_MAX_EXP == 128 ? 1 : -1];
typedef char otx__assert_octets[CHAR_BIT == 8 ? 1 : -1];

OTX_API const char *otx_version(void) { return OTX_VERSION_STRING; }

OTX_API const char *otx_result_name(otx_result result)
{
    static const char *const names[] = {
#define OTX__RESULT_NAME(name, text) #name,
        OTX_RESULTS(OTX__RESULT_NAME)
#undef OTX__RESULT_NAME
    };
    return (unsigned)result < OTX__COUNT(names) ? names[result] : "OTX_ERROR_UNKNOWN";
}

OTX_API const char *otx_result_text(otx_result result)
{
    static const char *const texts[] = {
#define OTX__RESULT_TEXT(name, text) text,
        OTX_RESULTS(OTX__RESULT_TEXT)
#undef OTX__RESULT_TEXT
    };
    return (unsigned)result < OTX__COUNT(texts) ? texts[result] : "unknown error";
}

/* A message is one line, whatever names are in it, and does nothing to a terminal. */
OTX__PRIVATE void otx__one_line(char *message)
{
    for (; *message; message++)
        if ((unsigned char)*message < 0x20 || *message == 0x7f) *message = '?';
}

/* Fills in the error and returns its code, so that failing reads
   `return otx__fail(error, OTX_ERROR_FORMAT, "%s: ...", name);`. A message too
   long is cut. Never allocates. */
OTX__PRIVATE otx_result otx__fail(otx_error *error, otx_result code, const char *format, ...)
    OTX__PRINTF(3, 4);
OTX__PRIVATE otx_result otx__fail(otx_error *error, otx_result code, const char *format, ...)
{
    if (error) {
        va_list arguments;
        va_start(arguments, format);
        error->code = code;
        (void)vsnprintf(error->message, sizeof error->message, format, arguments);
        va_end(arguments);
        otx__one_line(error->message);
    }
    return code;
}

OTX__PRIVATE otx_result otx__fail_memory(otx_error *error, uint64_t bytes)
{
    return otx__fail(error, OTX_ERROR_MEMORY, "out of memory asking for %" PRIu64 " bytes", bytes);
}

/* ---- checked sizes ---- */

OTX__PRIVATE bool otx__mul(size_t a, size_t b, size_t *product)
{
    if (b != 0 && a > SIZE_MAX / b) return false;
    *product = a * b;
    return true;
}

OTX__PRIVATE bool otx__add(size_t a, size_t b, size_t *sum)
{
    if (a > SIZE_MAX - b) return false;
    *sum = a + b;
    return true;
}

OTX__PRIVATE bool otx__mul64(uint64_t a, uint64_t b, uint64_t *product)
{
    if (b != 0 && a > UINT64_MAX / b) return false;
    *product = a * b;
    return true;
}

OTX__PRIVATE size_t otx__min(size_t a, size_t b) { return a < b ? a : b; }
OTX__PRIVATE size_t otx__max(size_t a, size_t b) { return a > b ? a : b; }
OTX__PRIVATE double otx__least(double a, double b) { return a < b ? a : b; }

/* >>> src/base/memory.h */
/* ---- memory ------------------------------------------------------------- */

OTX__PRIVATE void *otx__resize(const otx_context *ctx, void *block, size_t old_size,
                               size_t new_size)
{
    if (ctx && ctx->allocator.resize)
        return ctx->allocator.resize(ctx->allocator.context, block, old_size, new_size);
    if (new_size == 0) {
        free(block);
        return NULL;
    }
    return realloc(block, new_size);
}

/* count elements of `size` bytes; NULL when out of memory or when the product
   overflows. A count of 0 still gives a block that must be freed (as 1 byte). */
OTX__PRIVATE void *otx__alloc(const otx_context *ctx, size_t count, size_t size)
{
    size_t bytes;
    if (!otx__mul(count, size, &bytes)) return NULL;
    return otx__resize(ctx, NULL, 0, bytes ? bytes : 1);
}

OTX__PRIVATE void *otx__alloc_zero(const otx_context *ctx, size_t count, size_t size)
{
    void *block = otx__alloc(ctx, count, size);
    if (block) memset(block, 0, count * size);
    return block;
}

/* Frees what otx__alloc(ctx, count, size) gave; NULL is fine. */
OTX__PRIVATE void otx__free(const otx_context *ctx, void *block, size_t count, size_t size)
{
    size_t bytes = count * size;
    if (block) (void)otx__resize(ctx, block, bytes ? bytes : 1, 0);
}

/* Makes room for at least `need` elements in a growing array (doubling).
   `*items` may move; false when out of memory, and then nothing has changed.
   Free with otx__free(ctx, items, capacity, size) if capacity > 0. */
OTX__PRIVATE bool otx__grow(const otx_context *ctx, void **items, size_t *capacity, size_t need,
                            size_t size)
{
    size_t wanted = *capacity ? *capacity : 16, old_bytes = *capacity * size, bytes;
    void *moved;
    if (need <= *capacity) return true;
    while (wanted < need) {
        if (wanted > SIZE_MAX / 2) return false;
        wanted *= 2;
    }
    if (!otx__mul(wanted, size, &bytes)) return false;
    moved = otx__resize(ctx, *items, old_bytes, bytes);
    if (!moved) return false;
    *items = moved;
    *capacity = wanted;
    return true;
}

/* >>> src/base/text.h */
/* ---- text: spans, UTF-8, names in messages, and text that grows -------------- */

/* ---- bytes of others ---- */

/* A part of a text that someone else owns. Not terminated. */
typedef struct otx__span {
    const char *bytes;
    size_t size;
} otx__span;

OTX__PRIVATE otx__span otx__span_of(const char *bytes, size_t size)
{
    otx__span span;
    span.bytes = bytes;
    span.size = size;
    return span;
}

OTX__PRIVATE bool otx__same_bytes(const char *a, size_t a_size, const char *b, size_t b_size)
{
    return a_size == b_size && (a_size == 0 || memcmp(a, b, a_size) == 0);
}

/* Orders byte strings as memcmp does; of two that begin alike, the shorter first. */
OTX__PRIVATE int otx__compare_bytes(const char *a, size_t a_size, const char *b, size_t b_size)
{
    size_t shared = otx__min(a_size, b_size);
    int order = shared ? memcmp(a, b, shared) : 0;
    return order ? order : a_size < b_size ? -1 : a_size > b_size;
}

OTX__PRIVATE bool otx__span_is(otx__span span, const char *text)
{
    return otx__same_bytes(span.bytes, span.size, text, strlen(text));
}

/* Whether `part` stands anywhere in the span. */
OTX__PRIVATE bool otx__span_contains(otx__span span, const char *part)
{
    size_t length = strlen(part), i;
    for (i = 0; i + length <= span.size; i++)
        if (memcmp(span.bytes + i, part, length) == 0) return true;
    return false;
}

OTX__PRIVATE bool otx__has_suffix(const char *name, const char *suffix)
{
    size_t size = strlen(name), length = strlen(suffix);
    return size >= length && memcmp(name + size - length, suffix, length) == 0;
}

OTX__PRIVATE bool otx__has_prefix(const char *name, const char *prefix)
{
    return strncmp(name, prefix, strlen(prefix)) == 0;
}

/* Whether a name fits a pattern, in which * stands for any bytes, or none. */
OTX__PRIVATE bool otx__name_fits(const char *name, const char *pattern)
{
    const char *after_star = NULL, *retry = NULL;
    while (*name) {
        if (*pattern == '*') {
            after_star = ++pattern;
            retry = name;
        } else if (*pattern == *name) {
            pattern++;
            name++;
        } else if (after_star) { /* the star stands for a byte more */
            pattern = after_star;
            name = ++retry;
        } else {
            return false;
        }
    }
    while (*pattern == '*') pattern++;
    return *pattern == 0;
}

/* ---- digits ---- */

OTX__PRIVATE bool otx__is_digit(char byte) { return byte >= '0' && byte <= '9'; }

/* A whole number below 2^64 in decimal digits and nothing else; leading zeros are
   allowed. *value is set only then. */
OTX__PRIVATE bool otx__parse_uint(otx__span digits, uint64_t *value)
{
    uint64_t sum = 0;
    size_t i;
    for (i = 0; i < digits.size; i++) {
        const unsigned digit = (unsigned)(digits.bytes[i] - '0');
        if (!otx__is_digit(digits.bytes[i]) || sum > (UINT64_MAX - digit) / 10) return false;
        sum = sum * 10 + digit;
    }
    if (digits.size > 0) *value = sum;
    return digits.size > 0;
}

/* The value of a hexadecimal digit, or -1. */
OTX__PRIVATE int otx__hex_digit(char digit)
{
    if (otx__is_digit(digit)) return digit - '0';
    if (digit >= 'a' && digit <= 'f') return digit - 'a' + 10;
    if (digit >= 'A' && digit <= 'F') return digit - 'A' + 10;
    return -1;
}

/* ---- UTF-8 ---- */

/* Length of the well-formed UTF-8 sequence that `bytes` starts with (no overlong
   forms, no surrogates, at most U+10FFFF), or 0. */
OTX__PRIVATE size_t otx__utf8_length(const unsigned char *bytes, size_t size)
{
    unsigned lead, low = 0x80, high = 0xbf;
    size_t length, i;
    if (size == 0) return 0;
    lead = bytes[0];
    if (lead < 0x80) return 1;
    if (lead < 0xc2 || lead > 0xf4) return 0;
    length = lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
    if (size < length) return 0;
    if (lead == 0xe0) low = 0xa0;
    if (lead == 0xed) high = 0x9f;
    if (lead == 0xf0) low = 0x90;
    if (lead == 0xf4) high = 0x8f;
    if (bytes[1] < low || bytes[1] > high) return 0;
    for (i = 2; i < length; i++)
        if ((bytes[i] & 0xc0) != 0x80) return 0;
    return length;
}

OTX__PRIVATE bool otx__is_utf8(const char *bytes, size_t size)
{
    size_t at = 0, length;
    for (; at < size; at += length) {
        length = otx__utf8_length((const unsigned char *)bytes + at, size - at);
        if (length == 0) return false;
    }
    return true;
}

/* ---- names in messages ---- */

/* A name for a message, also where there is none. */
OTX__PRIVATE const char *otx__word(const char *word) { return word ? word : "?"; }

/* Room for a quoted name: `char text[OTX__QUOTED];`. */
#define OTX__QUOTED 160

/* Makes any bytes fit for one line of a message: control bytes, quotes,
   backslashes and invalid UTF-8 become \xNN, long ones are cut with "...".
   Returns `to`. */
OTX__PRIVATE const char *otx__quote(char *to, size_t capacity, const char *bytes, size_t size)
{
    static const char digits[] = "0123456789abcdef";
    size_t i = 0, length = 0;
    while (i < size && length + 8 < capacity) {
        unsigned char byte = (unsigned char)bytes[i];
        size_t step = otx__utf8_length((const unsigned char *)bytes + i, size - i);
        if (byte >= 0x20 && byte != 0x7f && byte != '\\' && byte != '"' && step) {
            memcpy(to + length, bytes + i, step);
            length += step;
            i += step;
        } else {
            to[length++] = '\\';
            to[length++] = 'x';
            to[length++] = digits[byte >> 4];
            to[length++] = digits[byte & 15];
            i++;
        }
    }
    if (i < size) {
        memcpy(to + length, "...", 3);
        length += 3;
    }
    to[length] = 0;
    return to;
}

/* ---- growing text ---- */

/* A byte buffer. Appending to one that has failed does nothing, so a run of
   appends needs one check of `failed` at its end. */
typedef struct otx__text {
    const otx_context *ctx;
    char *bytes;
    size_t size, capacity;
    bool failed;
} otx__text;

OTX__PRIVATE void otx__text_open(otx__text *text, const otx_context *ctx)
{
    memset(text, 0, sizeof *text);
    text->ctx = ctx;
}

OTX__PRIVATE void otx__text_close(otx__text *text)
{
    if (text->capacity) otx__free(text->ctx, text->bytes, text->capacity, 1);
    otx__text_open(text, text->ctx);
}

OTX__PRIVATE void otx__text_bytes(otx__text *text, const void *bytes, size_t size)
{
    void *items = text->bytes;
    size_t need;
    if (text->failed || size == 0) return;
    if (!otx__add(text->size, size, &need) ||
        !otx__grow(text->ctx, &items, &text->capacity, need, 1)) {
        text->failed = true;
        return;
    }
    text->bytes = (char *)items;
    memcpy(text->bytes + text->size, bytes, size);
    text->size = need;
}

OTX__PRIVATE void otx__text_string(otx__text *text, const char *string)
{
    otx__text_bytes(text, string, strlen(string));
}

/* For what fits in 512 bytes: numbers and short words. %g and the like are
   barred, because they follow the locale: see otx__text_double. */
OTX__PRIVATE void otx__text_format(otx__text *text, const char *format, ...) OTX__PRINTF(2, 3);
OTX__PRIVATE void otx__text_format(otx__text *text, const char *format, ...)
{
    char line[512];
    int length;
    va_list arguments;
    va_start(arguments, format);
    length = vsnprintf(line, sizeof line, format, arguments);
    va_end(arguments);
    if (length < 0 || (size_t)length >= sizeof line) text->failed = true;
    else otx__text_bytes(text, line, (size_t)length);
}

/* >>> src/base/hooks.h */
/* ---- hooks of the caller ------------------------------------------------ */

OTX__PRIVATE void otx__log(const otx_context *ctx, otx_severity severity, const char *format, ...)
    OTX__PRINTF(3, 4);
OTX__PRIVATE void otx__log(const otx_context *ctx, otx_severity severity, const char *format, ...)
{
    char message[768];
    va_list arguments;
    if (!ctx || !ctx->log) return;
    va_start(arguments, format);
    (void)vsnprintf(message, sizeof message, format, arguments);
    va_end(arguments);
    otx__one_line(message);
    ctx->log(ctx->log_context, severity, message);
}

/* Reports progress; OTX_ERROR_CANCELLED if the caller wants to stop. */
OTX__PRIVATE otx_result otx__progress(const otx_context *ctx, otx_stage stage, const char *subject,
                                      uint64_t done, uint64_t total, otx_error *error)
{
    otx_progress progress;
    if (!ctx || !ctx->progress) return OTX_OK;
    progress.stage = stage;
    progress.subject = subject;
    progress.done = done;
    progress.total = total;
    if (ctx->progress(ctx->progress_context, &progress)) return OTX_OK;
    return otx__fail(error, OTX_ERROR_CANCELLED, "cancelled");
}

/* Most workers that otx__parallel_for runs at once. */
OTX__PRIVATE int otx__threads(const otx_context *ctx)
{
    if (ctx && ctx->threads > 0) {
#ifndef _OPENMP
        if (!ctx->parallel_for) return 1;
#endif
        return ctx->threads;
    }
    if (ctx && ctx->parallel_for) return 1;
#ifdef _OPENMP
    return omp_get_max_threads();
#else
    return 1;
#endif
}

OTX__PRIVATE void otx__parallel(const otx_context *ctx, size_t count, otx_parallel_body body,
                                void *argument)
{
    size_t i;
    if (ctx && ctx->parallel_for) {
        ctx->parallel_for(ctx->parallel_context, count, body, argument);
        return;
    }
#ifdef _OPENMP
    if (count > 1 && otx__threads(ctx) > 1) {
        int threads = otx__threads(ctx);
        int64_t index, total = (int64_t)count; /* signed: OpenMP 2.0 (MSVC) */
#pragma omp parallel for schedule(dynamic, 1) num_threads(threads)
        for (index = 0; index < total; index++)
            body(argument, (size_t)index, omp_get_thread_num());
        return;
    }
#endif
    for (i = 0; i < count; i++) body(argument, i, 0);
}

/* >>> src/base/sort.h */
/* ---- sort: in place, without memory, never quadratic; and finding ------------ */

OTX__PRIVATE void otx__swap(char *a, char *b, size_t size)
{
    char held[64];
    memcpy(held, a, size);
    memcpy(a, b, size);
    memcpy(b, held, size);
}

/* Heap sort: takes no memory and is never quadratic, where qsort may be either.
   Not stable, so `compare` should find no two items equal. An item has at most
   64 bytes. */
OTX__PRIVATE void otx__sort(void *items, size_t count, size_t size,
                            int (*compare)(const void *a, const void *b))
{
    char *base = (char *)items;
    size_t unsorted = count / 2, end = count;
    while (end > 1) {
        size_t parent, child;
        if (unsorted > 0) unsorted--; /* make a heap, from the last parent up */
        else otx__swap(base, base + --end * size, size); /* take its largest off */
        for (parent = unsorted; (child = 2 * parent + 1) < end; parent = child) {
            if (child + 1 < end && compare(base + child * size, base + (child + 1) * size) < 0)
                child++;
            if (compare(base + parent * size, base + child * size) >= 0) break;
            otx__swap(base + parent * size, base + child * size, size);
        }
    }
}

/* The item of a sorted array for which compare(key, item) is 0, or NULL. As bsearch,
   and of an array without items, too. */
OTX__PRIVATE const void *otx__sorted_find(const void *items, size_t count, size_t size,
                                          const void *key,
                                          int (*compare)(const void *key, const void *item))
{
    const char *base = (const char *)items;
    size_t low = 0, high = count;
    while (low < high) {
        const size_t middle = low + (high - low) / 2;
        const int order = compare(key, base + middle * size);
        if (order == 0) return base + middle * size;
        if (order < 0) high = middle;
        else low = middle + 1;
    }
    return NULL;
}

/* >>> src/base/clock.h */
/* ---- clock: wall time for statistics ---------------------------------------- */

#ifndef OTX_NO_STDIO
#include <time.h>
#ifdef _WIN32
/* As windows.h declares it, without windows.h. */
union _LARGE_INTEGER;
#ifdef __cplusplus
extern "C"
#endif
__declspec(dllimport) int __stdcall QueryPerformanceCounter(union _LARGE_INTEGER *count);
#ifdef __cplusplus
extern "C"
#endif
__declspec(dllimport) int __stdcall QueryPerformanceFrequency(union _LARGE_INTEGER *hertz);
#elif defined(__unix__) || defined(__APPLE__)
#include <sys/time.h>
#endif
#endif

/* Seconds from an arbitrary start, for differences. The clock is monotonic where
   the headers in force declare one (strict -std=c99 hides clock_gettime); else it
   follows the system's time and may jump with it. 0 under OTX_NO_STDIO. */
OTX__PRIVATE double otx__now(void)
{
#ifdef OTX_NO_STDIO
    return 0;
#elif defined(_WIN32)
    int64_t count = 0, hertz = 1;
    (void)QueryPerformanceCounter((union _LARGE_INTEGER *)&count);
    (void)QueryPerformanceFrequency((union _LARGE_INTEGER *)&hertz);
    return (double)count / (double)hertz;
#elif defined(CLOCK_MONOTONIC) && !(defined(__wasi__) && defined(__STRICT_ANSI__))
    struct timespec now;
    if (clock_gettime(CLOCK_MONOTONIC, &now) != 0) return 0;
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
#elif defined(__unix__) || defined(__APPLE__)
    struct timeval now;
    if (gettimeofday(&now, NULL) != 0) return 0;
    return (double)now.tv_sec + 1e-6 * (double)now.tv_usec;
#else
    return (double)time(NULL);
#endif
}

/* >>> src/base/pool.h */
/* ---- pool: blocks that are freed together --------------------------------- */

/* The system call by a name of our own: strict C modes hide its declaration. */
#if defined(__linux__) && defined(__GNUC__) && !defined(OTX_NO_STDIO)
#define OTX__LARGE_PAGES
extern int otx__sys_madvise(void *block, size_t size, int advice) __asm__("madvise");
#endif

#define OTX__ALIGNMENT 64 /* a cache line, and the widest register */

/* What stands at the head of every block. */
typedef struct otx__pool_block {
    struct otx__pool_block *next;
    size_t bytes; /* as asked for, this head with them */
} otx__pool_block;

/* A chain of blocks and the sum of their sizes. Once a block could not be had, every
   later one is NULL too, so a run of takes needs one check of `failed`. */
typedef struct otx__pool {
    const otx_context *ctx;
    otx__pool_block *blocks;
    uint64_t bytes;
    bool failed;
    size_t failed_count, failed_size; /* elements of the block that could not be had */
} otx__pool;

OTX__PRIVATE void otx__pool_open(otx__pool *pool, const otx_context *ctx)
{
    memset(pool, 0, sizeof *pool);
    pool->ctx = ctx;
}

OTX__PRIVATE void otx__pool_close(otx__pool *pool)
{
    while (pool->blocks) {
        otx__pool_block *block = pool->blocks;
        pool->blocks = block->next;
        otx__free(pool->ctx, block, block->bytes, 1);
    }
    otx__pool_open(pool, pool->ctx);
}

/* Asks for large pages, where the platform takes the hint: the loops over tiles
   touch lines far apart, and small pages make each of them a miss. */
OTX__PRIVATE void otx__advise_large_pages(void *block, size_t size)
{
#ifdef OTX__LARGE_PAGES
    const int huge_page = 14; /* MADV_HUGEPAGE */
    const uintptr_t page = (uintptr_t)1 << 21;
    uintptr_t first = ((uintptr_t)block + page - 1) & ~(page - 1);
    uintptr_t end = ((uintptr_t)block + size) & ~(page - 1);
    if (first < end) (void)otx__sys_madvise((void *)first, end - first, huge_page);
#else
    (void)block;
    (void)size;
#endif
}

/* Bytes to ask for, with room for the head and for aligning what follows it. */
OTX__PRIVATE bool otx__pool_size(size_t count, size_t size, size_t *bytes)
{
    return otx__mul(count, size, bytes) &&
           otx__add(*bytes, sizeof(otx__pool_block) + OTX__ALIGNMENT, bytes);
}

/* As otx__pool_take, but a block that cannot be had is no failure. */
OTX__PRIVATE void *otx__pool_try(otx__pool *pool, size_t count, size_t size)
{
    size_t bytes;
    otx__pool_block *block;
    char *start;
    if (pool->failed || !otx__pool_size(count, size, &bytes)) return NULL;
    block = (otx__pool_block *)otx__alloc(pool->ctx, bytes, 1);
    if (!block) return NULL;
    /* How a caller's allocator gets its memory is its own affair. */
    if (!pool->ctx || !pool->ctx->allocator.resize) otx__advise_large_pages(block, bytes);
    block->next = pool->blocks;
    block->bytes = bytes;
    pool->blocks = block;
    pool->bytes += bytes;
    start = (char *)(block + 1);
    return start + (OTX__ALIGNMENT - (uintptr_t)start % OTX__ALIGNMENT) % OTX__ALIGNMENT;
}

/* count elements of `size` bytes, aligned, uninitialised; freed with the pool. */
OTX__PRIVATE void *otx__pool_take(otx__pool *pool, size_t count, size_t size)
{
    void *block = otx__pool_try(pool, count, size);
    if (block || pool->failed) return block;
    pool->failed = true;
    pool->failed_count = count;
    pool->failed_size = size;
    return NULL;
}

OTX__PRIVATE void *otx__pool_take_zero(otx__pool *pool, size_t count, size_t size)
{
    void *block = otx__pool_take(pool, count, size);
    if (block) memset(block, 0, count * size);
    return block;
}

/* Says which block could not be had. */
OTX__PRIVATE otx_result otx__pool_fail(const otx__pool *pool, otx_error *error)
{
    size_t bytes;
    if (otx__pool_size(pool->failed_count, pool->failed_size, &bytes))
        return otx__fail_memory(error, bytes);
    return otx__fail(error, OTX_ERROR_MEMORY,
                     "out of memory: %" PRIu64 " times %" PRIu64
                     " bytes are more than this machine can address",
                     (uint64_t)pool->failed_count, (uint64_t)pool->failed_size);
}

/* >>> src/base/number.h */
/* ---- number: element types, widening and rounding ------------------------ */

typedef struct otx__dtype_info {
    const char *name;
    unsigned bits;
} otx__dtype_info;

OTX__PRIVATE const otx__dtype_info *otx__dtype(otx_dtype dtype)
{
    static const otx__dtype_info table[OTX_DTYPE_COUNT] = {
        {"BOOL", 8},    {"F4", 4},       {"F6_E2M3", 6},     {"F6_E3M2", 6},
        {"U8", 8},      {"I8", 8},       {"F8_E5M2", 8},     {"F8_E4M3", 8},
        {"F8_E8M0", 8}, {"F8_E4M3FNUZ", 8}, {"F8_E5M2FNUZ", 8}, {"I16", 16},
        {"U16", 16},    {"F16", 16},     {"BF16", 16},       {"I32", 32},
        {"U32", 32},    {"F32", 32},     {"C64", 64},        {"F64", 64},
        {"I64", 64},    {"U64", 64},
    };
    return (unsigned)dtype < OTX_DTYPE_COUNT ? &table[dtype] : NULL;
}

OTX_API const char *otx_dtype_name(otx_dtype dtype)
{
    const otx__dtype_info *info = otx__dtype(dtype);
    return info ? info->name : NULL;
}

OTX_API unsigned otx_dtype_bits(otx_dtype dtype)
{
    const otx__dtype_info *info = otx__dtype(dtype);
    return info ? info->bits : 0;
}

OTX_API bool otx_dtype_is_embedding(otx_dtype dtype)
{
    return dtype == OTX_F32 || dtype == OTX_F16 || dtype == OTX_BF16 || dtype == OTX_F64 ||
           dtype == OTX_F8_E4M3 || dtype == OTX_F8_E5M2;
}

/* Everything between floats and their bits goes through integers of fixed size,
   so it does not depend on the byte order or on the compiler's half types. */

OTX__PRIVATE float otx__float_of_bits(uint32_t bits)
{
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

OTX__PRIVATE uint64_t otx__bits_of_double(double value)
{
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    return bits;
}

OTX__PRIVATE bool otx__is_finite(double value)
{
    return ((otx__bits_of_double(value) >> 52) & 0x7ff) != 0x7ff;
}

OTX__PRIVATE float otx__float_of_bf16(uint16_t bits)
{
    return otx__float_of_bits((uint32_t)bits << 16);
}

/* A binary float of at most 16 bits: sign, exponent, mantissa. All-ones exponents
   are infinities and NaNs, but in F8_E4M3, which has no infinity and gives them to
   numbers; there all ones is the one NaN. */
typedef struct otx__float_format {
    unsigned exponent_bits, mantissa_bits;
    uint32_t beyond; /* the first pattern that is no finite number */
} otx__float_format;

OTX__PRIVATE otx__float_format otx__format_of(otx_dtype dtype)
{
    static const otx__float_format f32 = {8, 23, 0x7f800000}, bf16 = {8, 7, 0x7f80},
                                   f16 = {5, 10, 0x7c00}, e5m2 = {5, 2, 0x7c},
                                   e4m3 = {4, 3, 0x7f};
    return dtype == OTX_F32       ? f32
           : dtype == OTX_BF16    ? bf16
           : dtype == OTX_F16     ? f16
           : dtype == OTX_F8_E5M2 ? e5m2
                                  : e4m3;
}

/* The value of a pattern, widened without loss. */
OTX__PRIVATE float otx__float_of_narrow(uint32_t bits, otx__float_format format)
{
    const unsigned mantissa_bits = format.mantissa_bits, up = 23 - mantissa_bits;
    const unsigned width = mantissa_bits + format.exponent_bits;
    const uint32_t bias = 128 - (1u << (format.exponent_bits - 1)); /* between the exponents */
    uint32_t sign = (bits >> width) << 31, magnitude = bits & ((1u << width) - 1);
    uint32_t exponent = magnitude >> mantissa_bits;
    uint32_t mantissa = magnitude & ((1u << mantissa_bits) - 1);
    if (magnitude >= format.beyond)
        return otx__float_of_bits(sign | 0x7f800000u | mantissa << up);
    if (exponent == 0) {
        if (mantissa == 0) return otx__float_of_bits(sign);
        /* Subnormal: shift the leading one into its place. */
        for (exponent = 1; !(mantissa >> mantissa_bits); exponent--) mantissa <<= 1;
        mantissa &= (1u << mantissa_bits) - 1;
    }
    return otx__float_of_bits(sign | (exponent + bias) << 23 | mantissa << up);
}

OTX_API void otx_to_float(float *to, const void *from, otx_dtype dtype, size_t count)
{
    const otx__float_format format = otx__format_of(dtype);
    const unsigned char *bytes = (const unsigned char *)from;
    size_t i;
    if (dtype == OTX_F32) {
        memcpy(to, from, count * sizeof *to);
    } else if (dtype == OTX_F64) {
        for (i = 0; i < count; i++) {
            double value;
            memcpy(&value, bytes + i * sizeof value, sizeof value);
            to[i] = (float)value;
        }
    } else if (otx_dtype_bits(dtype) == 8) {
        for (i = 0; i < count; i++) to[i] = otx__float_of_narrow(bytes[i], format);
    } else {
        for (i = 0; i < count; i++) {
            uint16_t bits;
            memcpy(&bits, bytes + i * sizeof bits, sizeof bits);
            to[i] = dtype == OTX_BF16 ? otx__float_of_bf16(bits)
                                      : otx__float_of_narrow(bits, format);
        }
    }
}

/* Rounds a double once, to nearest even. *overflow: a finite value came out beyond
   the largest finite one. */
OTX__PRIVATE uint32_t otx__round_double(double value, otx__float_format format, bool *overflow)
{
    const unsigned exponent_bits = format.exponent_bits, mantissa_bits = format.mantissa_bits;
    uint64_t bits = otx__bits_of_double(value), mantissa = bits & 0xfffffffffffffu, kept, rest;
    int exponent = (int)((bits >> 52) & 0x7ff), shift = 52 - (int)mantissa_bits;
    uint32_t sign = (uint32_t)(bits >> 63) << (exponent_bits + mantissa_bits), rounded;
    *overflow = false;
    if (exponent == 0x7ff)
        return sign | format.beyond | (mantissa ? 1u << (mantissa_bits - 1) : 0u);
    if (exponent == 0) return sign; /* below 2^-1022: far below every narrower type */
    mantissa |= (uint64_t)1 << 52;
    exponent += (1 << (exponent_bits - 1)) - 1 - 1023;
    if (exponent > (1 << exponent_bits)) exponent = 1 << exponent_bits;
    if (exponent < 1) { /* subnormal in the narrower type */
        shift += 1 - exponent;
        exponent = 1;
    }
    if (shift > 54) return sign;
    kept = mantissa >> shift;
    rest = mantissa & (((uint64_t)1 << shift) - 1);
    if (rest > (uint64_t)1 << (shift - 1) || (rest == (uint64_t)1 << (shift - 1) && (kept & 1)))
        kept++;
    /* The leading one of a normal number adds itself to the exponent field. */
    rounded = ((uint32_t)(exponent - 1) << mantissa_bits) + (uint32_t)kept;
    *overflow = rounded >= format.beyond;
    return sign | (*overflow ? format.beyond : rounded);
}

OTX_API size_t otx_from_double(void *to, const double *from, otx_dtype dtype, size_t count,
                               bool saturate)
{
    const otx__float_format format = otx__format_of(dtype);
    const unsigned size = otx_dtype_bits(dtype) / 8;
    char *bytes = (char *)to;
    size_t i, beyond = 0;
    if (dtype == OTX_F64) {
        memcpy(to, from, count * sizeof *from);
        return 0;
    }
    for (i = 0; i < count; i++) {
        bool overflow;
        uint32_t wide = otx__round_double(from[i], format, &overflow);
        uint16_t narrow;
        uint8_t narrower;
        beyond += overflow;
        wide -= overflow && saturate; /* the pattern before is the largest finite one */
        narrow = (uint16_t)wide;
        narrower = (uint8_t)wide;
        if (size == 4) memcpy(bytes + 4 * i, &wide, 4);
        else if (size == 2) memcpy(bytes + 2 * i, &narrow, 2);
        else memcpy(bytes + i, &narrower, 1);
    }
    return beyond;
}

/* >>> src/base/base64.h */
/* ---- base64 ---- */

/* The six bits of a character, or -1. */
OTX__PRIVATE int otx__base64_digit(char character)
{
    if (character >= 'A' && character <= 'Z') return character - 'A';
    if (character >= 'a' && character <= 'z') return character - 'a' + 26;
    if (character >= '0' && character <= '9') return character - '0' + 52;
    return character == '+' ? 62 : character == '/' ? 63 : -1;
}

/* Decodes RFC 4648 base64, padded and without anything else in it, to `to`, which
   may be `text` and holds size / 4 * 3 bytes. False if it is none. */
OTX__PRIVATE bool otx__base64_decode(const char *text, size_t size, char *to, size_t *length)
{
    size_t at, padding = 0;
    *length = 0;
    if (size % 4 != 0) return false;
    while (padding < 2 && padding < size && text[size - 1 - padding] == '=') padding++;
    for (at = 0; at < size; at += 4) {
        const size_t digits = at + 4 == size ? 4 - padding : 4;
        unsigned group = 0;
        size_t i;
        for (i = 0; i < 4; i++) {
            const int digit = i < digits ? otx__base64_digit(text[at + i]) : 0;
            if (digit < 0) return false;
            group = group << 6 | (unsigned)digit;
        }
        /* Bits that stand for nothing must be zero. */
        if ((digits == 3 && (group & 0xff)) || (digits == 2 && (group & 0xffff))) return false;
        for (i = 0; i + 1 < digits; i++) to[(*length)++] = (char)(group >> (16 - 8 * i) & 0xff);
    }
    return true;
}

/* >>> src/base/protobuf.h */
/* ---- protobuf: the wire format, field by field -------------------------------- */

/* Where a message is being read. Nothing is read from `end` on. */
typedef struct otx__proto {
    const unsigned char *at, *end;
} otx__proto;

typedef enum otx__wire {
    OTX__WIRE_VARINT, OTX__WIRE_64, OTX__WIRE_BYTES, OTX__WIRE_GROUP, OTX__WIRE_GROUP_END,
    OTX__WIRE_32
} otx__wire;

/* One field: `value` of a varint, `bytes` of a string or message. */
typedef struct otx__field {
    uint32_t number;
    otx__wire wire;
    uint64_t value;
    otx__proto bytes;
} otx__field;

/* Groups in groups, as deep as protobuf itself allows. */
#define OTX__PROTO_DEPTH 100

OTX__PRIVATE otx__proto otx__proto_open(const char *bytes, size_t size)
{
    otx__proto proto;
    proto.at = (const unsigned char *)bytes;
    proto.end = proto.at + size;
    return proto;
}

OTX__PRIVATE size_t otx__proto_left(const otx__proto *proto)
{
    return (size_t)(proto->end - proto->at);
}

/* These return what is wrong, or NULL. */

OTX__PRIVATE const char *otx__proto_varint(otx__proto *proto, uint64_t *value)
{
    unsigned shift;
    *value = 0;
    for (shift = 0; shift < 70; shift += 7) {
        unsigned byte;
        if (proto->at == proto->end) return "a number is cut off";
        byte = *proto->at++;
        if (shift == 63 && byte > 1) break;
        *value |= (uint64_t)(byte & 0x7f) << shift;
        if (byte < 0x80) return NULL;
    }
    return "a number has more than 64 bits";
}

/* The start of a field: its number and how it is written. */
OTX__PRIVATE const char *otx__proto_tag(otx__proto *proto, otx__field *field)
{
    uint64_t tag;
    const char *problem = otx__proto_varint(proto, &tag);
    if (problem) return problem;
    if (tag > UINT32_MAX || tag >> 3 == 0) return "a field has no valid number";
    if ((tag & 7) > OTX__WIRE_32) return "a field is of no known wire type";
    field->number = (uint32_t)(tag >> 3);
    field->wire = (otx__wire)(tag & 7);
    return NULL;
}

/* What follows the start, but of a group. */
OTX__PRIVATE const char *otx__proto_body(otx__proto *proto, otx__field *field)
{
    uint64_t size = field->wire == OTX__WIRE_64 ? 8 : 4;
    const char *problem;
    if (field->wire == OTX__WIRE_VARINT) return otx__proto_varint(proto, &field->value);
    if (field->wire == OTX__WIRE_BYTES) {
        problem = otx__proto_varint(proto, &size);
        if (problem) return problem;
    }
    if (size > otx__proto_left(proto)) return "a field is longer than what holds it";
    field->bytes.at = proto->at;
    proto->at += (size_t)size;
    field->bytes.end = proto->at;
    return NULL;
}

/* Steps over a group, whose start has been read. */
OTX__PRIVATE const char *otx__proto_group(otx__proto *proto, uint32_t number)
{
    uint32_t open[OTX__PROTO_DEPTH];
    size_t depth = 0;
    otx__field field;
    memset(&field, 0, sizeof field);
    open[depth++] = number;
    while (depth > 0) {
        const char *problem = otx__proto_tag(proto, &field);
        if (problem) return problem;
        if (field.wire == OTX__WIRE_GROUP) {
            if (depth == OTX__PROTO_DEPTH) return "groups are nested too deep";
            open[depth++] = field.number;
        } else if (field.wire == OTX__WIRE_GROUP_END) {
            if (open[--depth] != field.number) return "a group ends that is not open";
        } else {
            problem = otx__proto_body(proto, &field);
            if (problem) return problem;
        }
    }
    return NULL;
}

/* The next field; a group is stepped over. At the end, *more is false. */
OTX__PRIVATE const char *otx__proto_next(otx__proto *proto, otx__field *field, bool *more)
{
    const char *problem;
    memset(field, 0, sizeof *field);
    *more = proto->at != proto->end;
    if (!*more) return NULL;
    problem = otx__proto_tag(proto, field);
    if (problem) return problem;
    if (field->wire == OTX__WIRE_GROUP_END) return "a group ends that is not open";
    if (field->wire == OTX__WIRE_GROUP) return otx__proto_group(proto, field->number);
    return otx__proto_body(proto, field);
}

/* >>> src/base/decimal.h */
/* ---- decimal: the shortest digits of a double --------------------------- */

/* The digits of significand * 2^exponent, exact: 315 digits before
   the point and 1080 after it, which is room for every double and for a quarter
   of its last place. */
#define OTX__DECIMAL_WHOLE 315
#define OTX__DECIMAL_DIGITS 1395

OTX__PRIVATE void otx__decimal(uint64_t significand, int exponent, char *digits)
{
    enum { LIMBS = OTX__DECIMAL_DIGITS / 9, WHOLE = OTX__DECIMAL_WHOLE / 9 };
    const uint32_t base = 1000000000;
    uint32_t limbs[LIMBS]; /* nine digits each, the most significant first */
    int i, j, shift;
    memset(limbs, 0, sizeof limbs);
    for (i = WHOLE - 1; significand > 0; i--, significand /= base)
        limbs[i] = (uint32_t)(significand % base);
    for (; exponent > 0; exponent -= shift) {
        uint64_t carry = 0;
        shift = exponent < 29 ? exponent : 29;
        for (i = WHOLE - 1; i >= 0; i--) {
            carry += (uint64_t)limbs[i] << shift;
            limbs[i] = (uint32_t)(carry % base);
            carry /= base;
        }
    }
    for (; exponent < 0; exponent += shift) {
        uint64_t rest = 0;
        shift = -exponent < 29 ? -exponent : 29;
        for (i = 0; i < LIMBS; i++) {
            rest = rest * base + limbs[i];
            limbs[i] = (uint32_t)(rest >> shift);
            rest &= (UINT64_C(1) << shift) - 1;
        }
    }
    for (i = 0; i < LIMBS; i++)
        for (j = 8; j >= 0; j--, limbs[i] /= 10)
            digits[9 * i + j] = (char)('0' + limbs[i] % 10);
}

/* Cuts the exact digits after `keep` of them from `first` on, rounding up if the
   next is at least `threshold`. Returns whether the result lies in the interval
   that reads back as the same double; its ends belong to it if `closed`. */
OTX__PRIVATE bool otx__decimal_try(const char *exact, const char *below, const char *above,
                                   bool closed, int first, int keep, char threshold,
                                   char *digits)
{
    const size_t size = OTX__DECIMAL_DIGITS;
    int i = first + keep, from_below, from_above;
    bool up = exact[i] >= threshold;
    memcpy(digits, exact, (size_t)i);
    memset(digits + i, '0', size - (size_t)i);
    while (up) {
        i--;
        up = digits[i] == '9';
        digits[i] = (char)(up ? '0' : digits[i] + 1);
    }
    from_below = memcmp(digits, below, size);
    from_above = memcmp(above, digits, size);
    return closed ? from_below >= 0 && from_above >= 0 : from_below > 0 && from_above > 0;
}

/* Finds the fewest digits that read back as the same double, and of those the
   nearest to it (upwards if two are): cuts its exact digits at 1, 2, ... until the result lies
   between the midpoints to its neighbours (where reading rounds to even).
   17 digits always do. */
OTX__PRIVATE void otx__decimal_shortest(uint64_t bits, char *digits)
{
    char exact[OTX__DECIMAL_DIGITS], below[OTX__DECIMAL_DIGITS], above[OTX__DECIMAL_DIGITS];
    uint64_t significand = bits & ((UINT64_C(1) << 52) - 1);
    int exponent = (int)(bits >> 52), first = 0, keep = 1;
    /* The neighbour below a power of two is at half the distance, which is why
       rounding up may do where rounding to nearest, downwards, does not. */
    uint64_t half = significand == 0 && exponent > 1 ? 1 : 2;
    bool closed = significand % 2 == 0;
    if (exponent > 0) significand |= UINT64_C(1) << 52;
    else exponent = 1;
    otx__decimal(4 * significand - half, exponent - 1077, below);
    otx__decimal(4 * significand, exponent - 1077, exact);
    otx__decimal(4 * significand + 2, exponent - 1077, above);
    while (exact[first] == '0') first++;
    while (!otx__decimal_try(exact, below, above, closed, first, keep, '5', digits) &&
           !otx__decimal_try(exact, below, above, closed, first, keep, '0', digits))
        keep++;
}

/* Appends a number with the fewest digits that read back as the same double, laid
   out as by Python's repr (1.0, 0.0001, 1e-05, 1e+16), whatever the locale. A NaN or an
   infinity, which JSON does not have, becomes null. */
OTX__PRIVATE void otx__text_double(otx__text *text, double value)
{
    const int point = OTX__DECIMAL_WHOLE;
    char digits[OTX__DECIMAL_DIGITS];
    int first = 0, last = OTX__DECIMAL_DIGITS - 1, power;
    uint64_t bits, magnitude;
    memcpy(&bits, &value, sizeof bits);
    magnitude = bits & (UINT64_MAX >> 1);
    if (magnitude >> 52 == 0x7ff) {
        otx__text_string(text, "null");
        return;
    }
    if (bits != magnitude) otx__text_string(text, "-");
    if (magnitude == 0) {
        otx__text_string(text, "0.0");
        return;
    }
    otx__decimal_shortest(magnitude, digits);
    while (digits[first] == '0') first++;
    while (digits[last] == '0') last--;
    power = point - 1 - first;
    if (power < -4 || power > 15) {
        otx__text_bytes(text, digits + first, 1);
        if (last > first) otx__text_string(text, ".");
        otx__text_bytes(text, digits + first + 1, (size_t)(last - first));
        otx__text_format(text, "e%c%02d", power < 0 ? '-' : '+', power < 0 ? -power : power);
    } else {
        if (first >= point) first = point - 1;
        if (last < point) last = point;
        otx__text_bytes(text, digits + first, (size_t)(point - first));
        otx__text_string(text, ".");
        otx__text_bytes(text, digits + point, (size_t)(last - point + 1));
    }
}

/* >>> src/base/watch.h */
/* ---- watch: long loops that the caller can stop ---------------------------- */

/* Multiply-adds of one thread between two looks at whether the caller wants to
   stop: well under a second, in double on slow machines too. */
#define OTX__POLL_WORK 2e8

/* A long loop, and what is told of it while it runs. */
typedef struct otx__watch {
    const otx_context *ctx;
    otx_stage stage;
    uint64_t done, total;
    otx_parallel_body body;
    void *argument;
    size_t first; /* of the indices at hand */
} otx__watch;

OTX__PRIVATE otx__watch otx__watch_open(const otx_context *ctx, otx_stage stage, uint64_t done,
                                        uint64_t total)
{
    otx__watch watch;
    memset(&watch, 0, sizeof watch);
    watch.ctx = ctx;
    watch.stage = stage;
    watch.done = done;
    watch.total = total;
    return watch;
}

OTX__PRIVATE void otx__watch_body(void *argument, size_t index, int worker)
{
    otx__watch *watch = (otx__watch *)argument;
    watch->body(watch->argument, watch->first + index, worker);
}

/* otx__parallel in slices, for items of `work` multiply-adds or so each. */
OTX__PRIVATE otx_result otx__watch_loop(otx__watch *watch, size_t count, double work,
                                        otx_parallel_body body, void *argument,
                                        otx_error *error)
{
    size_t threads = (size_t)otx__threads(watch->ctx), slice = count;
    double share = OTX__POLL_WORK * (double)threads / (work + 1.0);
    otx_result result = OTX_OK;
    if (share < (double)count) slice = otx__max(threads, (size_t)share);
    watch->body = body;
    watch->argument = argument;
    for (watch->first = 0; watch->first < count && !result; watch->first += slice) {
        otx__parallel(watch->ctx, otx__min(slice, count - watch->first), otx__watch_body, watch);
        result = otx__progress(watch->ctx, watch->stage, NULL, watch->done, watch->total, error);
    }
    return result;
}

/* >>> src/files/chapter.h */
/* ==== files: formats, on memory and streams ==== */

/* Knows JSON and safetensors as their specifications have them, and nothing of what a model
   keeps in them. Everything is untrusted: every size is checked before it is used.
   Hides spans and nodes behind numbers, a header behind a table of tensors.
   A parsed JSON refers to the caller's text, which must outlive it; a safetensors header owns
   its strings and refers to the source.
   Read json_read.h first.

   Rooms, in order of dependency:
     memory_source      memory as a source of bytes
     json_read          a parser without recursion
     json_values        looking at values, stepping through containers
     json_edit          writing, and edits that keep every byte they do not touch
     tensors            what reading and writing a header share: orders, sizes, messages
     safetensors_read   the header of a file, checked
     safetensors_write  the header of a new file */

/* >>> src/files/memory_source.h */
/* ---- memory as a source ---- */

OTX__PRIVATE bool otx__memory_read(void *context, uint64_t offset, void *buffer, size_t size)
{
    if (size > 0) memcpy(buffer, (const char *)context + offset, size);
    return true;
}

OTX_API otx_source otx_source_memory(const void *bytes, size_t size)
{
    otx_source source;
    source.read = otx__memory_read;
    source.context = (void *)(uintptr_t)bytes; /* only ever read from */
    source.size = size;
    return source;
}

/* >>> src/files/json_read.h */
/* ---- JSON: reading ------------------------------------------------------ */

/* The parser keeps no stack: while a container is open, `next` of its node holds
   the container around it. */
typedef struct otx__json_parser {
    const otx_context *ctx;
    const char *name;
    const unsigned char *text;
    size_t size, at;
    size_t max_nodes;
    unsigned max_depth, depth;
    bool allow_nonfinite;
    uint32_t open; /* the innermost open container, or OTX_JSON_NONE */
    otx_json *json;
    otx_error *error;
} otx__json_parser;

/* Fails with "NAME:LINE:COLUMN: PROBLEM". Columns count characters, from 1. */
OTX__PRIVATE otx_result otx__json_fail(const otx__json_parser *p, otx_result code, size_t at,
                                       const char *problem)
{
    uint64_t line = 1, column = 1;
    size_t i;
    for (i = 0; i < at; i++) {
        if (p->text[i] == '\n') {
            line++;
            column = 1;
        } else if ((p->text[i] & 0xc0) != 0x80) {
            column++;
        }
    }
    return otx__fail(p->error, code, "%s:%" PRIu64 ":%" PRIu64 ": %s", p->name, line, column,
                     problem);
}

/* Fails with what stands at the current position and what should. */
OTX__PRIVATE otx_result otx__json_expected(const otx__json_parser *p, const char *expected)
{
    char problem[160];
    const size_t size = sizeof problem;
    unsigned byte = p->at < p->size ? p->text[p->at] : 0;
    if (p->at >= p->size)
        (void)snprintf(problem, size, "the text ends, expected %s", expected);
    else if (p->size - p->at >= 3 && memcmp(p->text + p->at, "\xef\xbb\xbf", 3) == 0)
        (void)snprintf(problem, size, "found a byte order mark, expected %s", expected);
    else if (byte > 0x20 && byte < 0x7f)
        (void)snprintf(problem, size, "found '%c', expected %s", (int)byte, expected);
    else
        (void)snprintf(problem, size, "found byte 0x%02x, expected %s", byte, expected);
    return otx__json_fail(p, OTX_ERROR_FORMAT, p->at, problem);
}

OTX__PRIVATE void otx__json_skip_space(otx__json_parser *p)
{
    while (p->at < p->size) {
        unsigned char byte = p->text[p->at];
        if (byte != ' ' && byte != '\n' && byte != '\r' && byte != '\t') break;
        p->at++;
    }
}

OTX__PRIVATE bool otx__json_is(const otx__json_parser *p, char byte)
{
    return p->at < p->size && p->text[p->at] == (unsigned char)byte;
}

OTX__PRIVATE bool otx__json_is_digit(const otx__json_parser *p)
{
    return p->at < p->size && (unsigned)(p->text[p->at] - '0') < 10;
}

OTX__PRIVATE otx_result otx__json_add(otx__json_parser *p, otx_json_type type, size_t start,
                                      size_t end, bool escaped)
{
    otx_json *json = p->json;
    otx_json_node *node;
    if (json->count >= p->max_nodes)
        return otx__json_fail(p, OTX_ERROR_LIMIT, start, "more values than the limit");
    if (json->count == json->capacity) {
        void *items = json->nodes;
        if (!otx__grow(p->ctx, &items, &json->capacity, json->count + 1, sizeof *json->nodes))
            return otx__fail_memory(p->error, (uint64_t)json->count * 2 * sizeof *json->nodes);
        json->nodes = (otx_json_node *)items;
    }
    node = &json->nodes[json->count++];
    node->start = (uint32_t)start;
    node->end = (uint32_t)end;
    node->next = (uint32_t)json->count;
    node->count = 0;
    node->type = (uint8_t)type;
    node->escaped = escaped;
    return OTX_OK;
}

/* Four hexadecimal digits, or -1. */
OTX__PRIVATE int otx__json_hex(const unsigned char *digits)
{
    int value = 0, i;
    for (i = 0; i < 4; i++) {
        const int digit = otx__hex_digit((char)digits[i]);
        if (digit < 0) return -1;
        value = value * 16 + digit;
    }
    return value;
}

/* Checks the escape that starts at the backslash here, and steps over it. */
OTX__PRIVATE otx_result otx__json_escape(otx__json_parser *p)
{
    size_t start = p->at++;
    int unit;
    if (p->at >= p->size || !memchr("\"\\/bfnrtu", p->text[p->at], 9))
        return otx__json_expected(p, "one of \"\\/bfnrtu after the backslash");
    if (p->text[p->at++] != 'u') return OTX_OK;
    unit = p->size - p->at >= 4 ? otx__json_hex(p->text + p->at) : -1;
    if (unit < 0)
        return otx__json_fail(p, OTX_ERROR_FORMAT, start, "\\u without four hex digits");
    p->at += 4;
    if (unit < 0xd800 || unit > 0xdfff) return OTX_OK;
    if (unit < 0xdc00 && p->size - p->at >= 6 && memcmp(p->text + p->at, "\\u", 2) == 0) {
        unit = otx__json_hex(p->text + p->at + 2);
        p->at += 6;
        if (unit >= 0xdc00 && unit <= 0xdfff) return OTX_OK;
    }
    return otx__json_fail(p, OTX_ERROR_FORMAT, start, "half a surrogate pair");
}

/* A string, whose opening quote stands here. */
OTX__PRIVATE otx_result otx__json_scan_string(otx__json_parser *p)
{
    const unsigned char *text = p->text;
    size_t start = ++p->at, at = start, size = p->size, length;
    bool escaped = false;
    for (;;) {
        while (at < size && text[at] >= 0x20 && text[at] < 0x80 && text[at] != '"' &&
               text[at] != '\\')
            at++;
        p->at = at;
        if (at >= size) return otx__json_expected(p, "the end of a string");
        if (text[at] == '"') break;
        if (text[at] == '\\') {
            otx_result result = otx__json_escape(p);
            if (result) return result;
            escaped = true;
            at = p->at;
        } else if (text[at] < 0x20) {
            return otx__json_fail(p, OTX_ERROR_FORMAT, at, "a control byte in a string");
        } else {
            length = otx__utf8_length(text + at, size - at);
            if (length == 0) return otx__json_expected(p, "valid UTF-8");
            at += length;
        }
    }
    p->at = at + 1;
    return otx__json_add(p, OTX_JSON_STRING, start, at, escaped);
}

/* Whether a number written as JSON has them rounds to a finite double. The
   smallest that does not is 2^1024 - 2^970, halfway between the largest double
   and 2^1024: its 309 digits decide, exactly and without strtod. */
OTX__PRIVATE bool otx__json_is_finite(const unsigned char *number, size_t size)
{
    static const char limit[] =
        "17976931348623158079372897140530341507993413271003782693617377898044496829276475"
        "09466490179775872070963302864166928879109465555478519404026306574886715058206819"
        "08902000708383676273854845817711531764475730270069855571366959622842914819860834"
        "936475292719074168444365510704342711559699508093042880177904174497792";
    const size_t limit_digits = sizeof limit - 1;
    const int64_t beyond = INT64_C(100000000000); /* any count of digits in 4 GiB */
    int64_t power = -1, exponent = 0;             /* power of ten of the first digit */
    size_t seen = 0, i;
    bool point = false, negative = false;
    int order = 0; /* the digits seen against as many of the limit */
    for (i = 0; i < size && (number[i] | 0x20) != 'e'; i++) {
        if (number[i] == '.') point = true;
        if (number[i] < '0') continue; /* '-' and '.' */
        if (seen == 0 && number[i] == '0') {
            if (point) power--;
            continue;
        }
        if (!point) power++;
        if (order == 0) order = number[i] - (seen < limit_digits ? limit[seen] : '0');
        seen++;
    }
    if (seen == 0) return true;
    if (order == 0 && seen < limit_digits && limit[seen + strspn(limit + seen, "0")])
        order = -1; /* digits that are not written are zeros */
    for (i++; i < size; i++) {
        if (number[i] == '-') negative = true;
        else if (number[i] != '+' && exponent < beyond)
            exponent = exponent * 10 + (number[i] - '0');
    }
    power += negative ? -exponent : exponent;
    return power < 308 || (power == 308 && order < 0);
}

/* One digit or more. */
OTX__PRIVATE otx_result otx__json_scan_digits(otx__json_parser *p)
{
    if (!otx__json_is_digit(p)) return otx__json_expected(p, "a digit");
    while (otx__json_is_digit(p)) p->at++;
    return OTX_OK;
}

/* A number, whose '-' or first digit stands here. One that is not finite as a
   double is refused, as the usual readers of model files do. */
OTX__PRIVATE otx_result otx__json_scan_number(otx__json_parser *p)
{
    size_t start = p->at;
    bool exponent = false;
    otx_result result = OTX_OK;
    if (otx__json_is(p, '-')) p->at++;
    if (otx__json_is(p, '0')) p->at++;
    else result = otx__json_scan_digits(p);
    if (!result && otx__json_is(p, '.')) {
        p->at++;
        result = otx__json_scan_digits(p);
    }
    if (!result && (otx__json_is(p, 'e') || otx__json_is(p, 'E'))) {
        exponent = true;
        p->at++;
        if (otx__json_is(p, '+') || otx__json_is(p, '-')) p->at++;
        result = otx__json_scan_digits(p);
    }
    if (result) return result;
    if ((exponent || p->at - start > 308) && !p->allow_nonfinite &&
        !otx__json_is_finite(p->text + start, p->at - start))
        return otx__json_fail(p, OTX_ERROR_FORMAT, start, "a number too large for a double");
    return otx__json_add(p, OTX_JSON_NUMBER, start, p->at, false);
}

/* true, false, null and, where they are allowed, NaN and the infinities. */
OTX__PRIVATE otx_result otx__json_scan_word(otx__json_parser *p)
{
    static const struct {
        const char *text;
        otx_json_type type;
    } words[] = {
        {"null", OTX_JSON_NULL},
        {"true", OTX_JSON_TRUE},
        {"false", OTX_JSON_FALSE},
        {"NaN", OTX_JSON_NUMBER},
        {"Infinity", OTX_JSON_NUMBER},
        {"-Infinity", OTX_JSON_NUMBER},
    };
    size_t start = p->at, length, i, count = p->allow_nonfinite ? 6 : 3;
    for (i = 0; i < count; i++) {
        length = strlen(words[i].text);
        if (p->size - start < length) continue;
        if (memcmp(p->text + start, words[i].text, length) != 0) continue;
        p->at += length;
        return otx__json_add(p, words[i].type, start, p->at, false);
    }
    if (otx__json_is(p, '-')) return otx__json_scan_number(p);
    return otx__json_expected(p, "a value");
}

/* A value: a whole scalar, or the opening of a container. */
OTX__PRIVATE otx_result otx__json_value(otx__json_parser *p)
{
    bool object;
    otx_result result;
    otx__json_skip_space(p);
    if (otx__json_is(p, '"')) return otx__json_scan_string(p);
    if (otx__json_is_digit(p)) return otx__json_scan_number(p);
    object = otx__json_is(p, '{');
    if (!object && !otx__json_is(p, '[')) return otx__json_scan_word(p);
    if (p->depth >= p->max_depth)
        return otx__json_fail(p, OTX_ERROR_LIMIT, p->at, "nested deeper than the limit");
    result = otx__json_add(p, object ? OTX_JSON_OBJECT : OTX_JSON_ARRAY, p->at, p->at, false);
    if (result) return result;
    p->depth++;
    p->at++;
    p->json->nodes[p->json->count - 1].next = p->open;
    p->open = (uint32_t)(p->json->count - 1);
    return OTX_OK;
}

/* One step inside the innermost container: its end, an item, or a member. */
OTX__PRIVATE otx_result otx__json_step(otx__json_parser *p)
{
    otx_json_node *node = &p->json->nodes[p->open];
    bool object = node->type == OTX_JSON_OBJECT;
    otx_result result;
    otx__json_skip_space(p);
    if (otx__json_is(p, object ? '}' : ']')) {
        p->at++;
        p->depth--;
        p->open = node->next;
        node->end = (uint32_t)p->at;
        node->next = (uint32_t)p->json->count;
        return OTX_OK;
    }
    if (node->count > 0) {
        if (!otx__json_is(p, ','))
            return otx__json_expected(p, object ? "',' or '}'" : "',' or ']'");
        p->at++;
        otx__json_skip_space(p);
    }
    node->count++;
    if (object) {
        if (!otx__json_is(p, '"')) return otx__json_expected(p, "a key in quotes");
        result = otx__json_scan_string(p);
        if (result) return result;
        otx__json_skip_space(p);
        if (!otx__json_is(p, ':')) return otx__json_expected(p, "':'");
        p->at++;
    }
    return otx__json_value(p);
}

OTX_API void otx_json_close(const otx_context *ctx, otx_json *json)
{
    if (json->capacity) otx__free(ctx, json->nodes, json->capacity, sizeof *json->nodes);
    memset(json, 0, sizeof *json);
}

OTX_API otx_result otx_json_parse(const otx_context *ctx, const char *text, size_t size,
                                  const char *name, const otx_json_options *options,
                                  otx_json *out, otx_error *error)
{
    otx__json_parser p;
    otx_result result;
    memset(&p, 0, sizeof p);
    memset(out, 0, sizeof *out);
    p.ctx = ctx;
    p.name = name ? name : "JSON";
    p.text = (const unsigned char *)text;
    p.size = size;
    p.max_nodes = options && options->max_nodes ? options->max_nodes : (size_t)1 << 28;
    p.max_nodes = otx__min(p.max_nodes, UINT32_MAX - 1);
    p.max_depth = options && options->max_depth ? options->max_depth : 127;
    p.allow_nonfinite = options && options->allow_nonfinite;
    p.open = OTX_JSON_NONE;
    p.json = out;
    p.error = error;
    if (size >= UINT32_MAX)
        return otx__fail(error, OTX_ERROR_LIMIT, "%s: JSON of %" PRIu64 " bytes, and at most %"
                         PRIu64 " are supported", p.name, (uint64_t)size,
                         (uint64_t)UINT32_MAX - 1);
    out->text = text;
    out->size = size;
    result = otx__json_value(&p);
    while (!result && p.open != OTX_JSON_NONE) result = otx__json_step(&p);
    if (!result) {
        otx__json_skip_space(&p);
        if (p.at < size) result = otx__json_expected(&p, "the end of the text");
    }
    if (result) otx_json_close(ctx, out);
    return result;
}

/* >>> src/files/json_values.h */
/* ---- JSON: looking at values --------------------------------------------- */

OTX_API otx_json_type otx_json_type_of(const otx_json *json, uint32_t node)
{
    return node < json->count ? (otx_json_type)json->nodes[node].type : OTX_JSON_NULL;
}

/* ---- containers ---- */

OTX_API uint32_t otx_json_count(const otx_json *json, uint32_t node)
{
    return node < json->count ? json->nodes[node].count : 0;
}

OTX_API uint32_t otx_json_after(const otx_json *json, uint32_t node)
{
    return node < json->count ? json->nodes[node].next : node;
}

OTX_API otx_json_iter otx_json_iter_of(const otx_json *json, uint32_t node)
{
    otx_json_iter iter;
    memset(&iter, 0, sizeof iter);
    iter.json = json;
    iter.key = iter.value = OTX_JSON_NONE;
    iter.index = UINT32_MAX;
    if (otx_json_count(json, node) == 0) return iter;
    iter.keyed = otx_json_type_of(json, node) == OTX_JSON_OBJECT;
    iter.next = node + 1;
    iter.end = json->nodes[node].next;
    return iter;
}

OTX_API bool otx_json_iter_next(otx_json_iter *iter)
{
    iter->key = iter->value = OTX_JSON_NONE;
    if (iter->next >= iter->end) return false;
    if (iter->keyed) iter->key = iter->next++;
    iter->value = iter->next;
    iter->next = iter->json->nodes[iter->value].next;
    iter->index++;
    return true;
}

OTX_API uint32_t otx_json_item(const otx_json *json, uint32_t array, uint32_t index)
{
    otx_json_iter iter = otx_json_iter_of(json, array);
    if (otx_json_type_of(json, array) != OTX_JSON_ARRAY) return OTX_JSON_NONE;
    while (otx_json_iter_next(&iter))
        if (iter.index == index) return iter.value;
    return OTX_JSON_NONE;
}

/* ---- scalars ---- */

/* The bytes of a node as the text spells them, a string's without its quotes; none for
   OTX_JSON_NONE. */
OTX__PRIVATE otx__span otx__json_span(const otx_json *json, uint32_t node)
{
    if (node >= json->count) return otx__span_of("", 0);
    return otx__span_of(json->text + json->nodes[node].start,
                        json->nodes[node].end - json->nodes[node].start);
}

/* The same for a message. */
OTX__PRIVATE const char *otx__quote_node(char to[OTX__QUOTED], const otx_json *json,
                                         uint32_t node)
{
    const otx__span text = otx__json_span(json, node);
    return otx__quote(to, OTX__QUOTED, text.bytes, text.size);
}

/* Decodes the character of a string at *at, which moves on; returns how many
   bytes of UTF-8 it is. The string has been checked. */
OTX__PRIVATE size_t otx__json_character(const char *text, size_t *at, char to[4])
{
    static const char letters[] = "\"\\/bfnrt", values[] = "\"\\/\b\f\n\r\t";
    const unsigned char *bytes = (const unsigned char *)text + *at;
    unsigned code;
    size_t length;
    if (bytes[0] != '\\') {
        to[0] = (char)bytes[0];
        *at += 1;
        return 1;
    }
    if (bytes[1] != 'u') {
        to[0] = values[strchr(letters, bytes[1]) - letters];
        *at += 2;
        return 1;
    }
    code = (unsigned)otx__json_hex(bytes + 2);
    *at += 6;
    if (code >= 0xd800 && code <= 0xdbff) {
        code = 0x10000 + ((code - 0xd800) << 10) + (unsigned)otx__json_hex(bytes + 8) - 0xdc00;
        *at += 6;
    }
    length = code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
    if (length == 1) {
        to[0] = (char)code;
    } else {
        static const unsigned char leads[] = {0, 0, 0xc0, 0xe0, 0xf0};
        size_t i;
        for (i = length - 1; i > 0; i--, code >>= 6) to[i] = (char)(0x80 | (code & 0x3f));
        to[0] = (char)(leads[length] | code);
    }
    return length;
}

OTX_API size_t otx_json_string(const otx_json *json, uint32_t node, char *to)
{
    const otx_json_node *string;
    size_t at, size = 0;
    if (otx_json_type_of(json, node) != OTX_JSON_STRING) return 0;
    string = &json->nodes[node];
    at = string->start;
    if (!string->escaped) {
        size = string->end - string->start;
        if (size) memcpy(to, json->text + string->start, size);
        return size;
    }
    while (at < string->end) {
        char character[4];
        size_t length = otx__json_character(json->text, &at, character);
        memcpy(to + size, character, length);
        size += length;
    }
    return size;
}

/* Whether a string node stands for these bytes, without decoding it to memory. */
OTX__PRIVATE bool otx__json_is_text(const otx_json *json, uint32_t node, const char *bytes,
                                    size_t size)
{
    const otx_json_node *string = &json->nodes[node];
    size_t at = string->start, seen = 0;
    if (!string->escaped)
        return string->end - string->start == size &&
               (size == 0 || memcmp(json->text + string->start, bytes, size) == 0);
    while (at < string->end) {
        char character[4];
        size_t length = otx__json_character(json->text, &at, character);
        if (size - seen < length || memcmp(bytes + seen, character, length) != 0) return false;
        seen += length;
    }
    return seen == size;
}

OTX_API bool otx_json_equals(const otx_json *json, uint32_t node, const char *text)
{
    return otx_json_type_of(json, node) == OTX_JSON_STRING &&
           otx__json_is_text(json, node, text, strlen(text));
}

OTX_API uint32_t otx_json_find(const otx_json *json, uint32_t object, const char *key)
{
    otx_json_iter iter = otx_json_iter_of(json, object);
    uint32_t found = OTX_JSON_NONE;
    size_t size = strlen(key);
    if (!iter.keyed) return OTX_JSON_NONE;
    while (otx_json_iter_next(&iter))
        if (otx__json_is_text(json, iter.key, key, size)) found = iter.value;
    return found;
}

OTX_API bool otx_json_uint(const otx_json *json, uint32_t node, uint64_t *value)
{
    return otx_json_type_of(json, node) == OTX_JSON_NUMBER &&
           otx__parse_uint(otx__json_span(json, node), value);
}

/* >>> src/files/json_edit.h */
/* ---- JSON: writing and editing ------------------------------------------ */

/* Appends a string with quotes and the escapes that JSON asks for, and no other.
   Bytes that are no UTF-8 become U+FFFD, one each. */
OTX__PRIVATE void otx__text_json_string(otx__text *text, const char *bytes, size_t size)
{
    static const char letters[] = "\"\\bfnrt", values[] = "\"\\\b\f\n\r\t";
    size_t i = 0, plain = 0; /* bytes from plain to i go out as they are */
    otx__text_bytes(text, "\"", 1);
    while (i < size) {
        unsigned char byte = (unsigned char)bytes[i];
        size_t length = otx__utf8_length((const unsigned char *)bytes + i, size - i);
        const char *escape = byte ? strchr(values, byte) : NULL;
        if (length && byte >= 0x20 && !escape) {
            i += length;
            continue;
        }
        otx__text_bytes(text, bytes + plain, i - plain);
        if (length == 0) otx__text_string(text, "\xef\xbf\xbd");
        else if (escape) otx__text_format(text, "\\%c", letters[escape - values]);
        else otx__text_format(text, "\\u%04x", byte);
        plain = ++i;
    }
    otx__text_bytes(text, bytes + plain, size - plain);
    otx__text_bytes(text, "\"", 1);
}

/* ---- JSON: editing ---- */

/* One edit: the bytes of the document from start to end give way to a value, or
   to a new member of an object. Texts stand in the pool, by offset. */
typedef struct otx__json_change {
    uint32_t start, end;
    uint32_t node;        /* the value that is replaced, or the object added to */
    size_t sequence;      /* of the call */
    size_t key, key_size; /* with quotes; none if a value is replaced */
    size_t value, value_size;
} otx__json_change;

struct otx_json_edit {
    const otx_json *json;
    otx__json_change *changes;
    size_t count, capacity;
    otx__text pool;
};

OTX_API otx_result otx_json_edit_open(const otx_context *ctx, const otx_json *json,
                                      otx_json_edit **out, otx_error *error)
{
    *out = (otx_json_edit *)otx__alloc_zero(ctx, 1, sizeof **out);
    if (!*out) return otx__fail_memory(error, sizeof **out);
    (*out)->json = json;
    otx__text_open(&(*out)->pool, ctx);
    return OTX_OK;
}

OTX_API void otx_json_edit_close(const otx_context *ctx, otx_json_edit *edit)
{
    if (!edit) return;
    if (edit->capacity) otx__free(ctx, edit->changes, edit->capacity, sizeof *edit->changes);
    otx__text_close(&edit->pool);
    otx__free(ctx, edit, 1, sizeof *edit);
}

/* Makes room for one more change and returns it, all zero, or NULL. It counts
   once the caller has raised edit->count. */
OTX__PRIVATE otx__json_change *otx__json_change_new(const otx_context *ctx, otx_json_edit *edit)
{
    void *items = edit->changes;
    otx__json_change *change;
    if (!otx__grow(ctx, &items, &edit->capacity, edit->count + 1, sizeof *edit->changes))
        return NULL;
    edit->changes = (otx__json_change *)items;
    change = &edit->changes[edit->count];
    memset(change, 0, sizeof *change);
    change->sequence = edit->count;
    return change;
}

/* Checks that a new value is JSON: a typing error must not spoil a file. NaN and
   the infinities pass, as the document may hold them too. */
OTX__PRIVATE otx_result otx__json_check_value(const otx_context *ctx, const char *value,
                                              otx_error *error)
{
    otx_json json;
    otx_json_options options;
    otx_error cause;
    otx_result result;
    memset(&options, 0, sizeof options);
    options.allow_nonfinite = true;
    result = otx_json_parse(ctx, value, strlen(value), "new value", &options, &json, &cause);
    if (result == OTX_OK) otx_json_close(ctx, &json);
    else if (result == OTX_ERROR_MEMORY) return otx__fail(error, result, "%s", cause.message);
    else return otx__fail(error, OTX_ERROR_ARGUMENT, "%s", cause.message);
    return OTX_OK;
}

/* Where the bytes of a node start and end, a string's quotes included. */
OTX__PRIVATE void otx__json_bytes(const otx_json *json, uint32_t node, uint32_t *start,
                                  uint32_t *end)
{
    uint32_t quote = json->nodes[node].type == OTX_JSON_STRING ? 1 : 0;
    *start = json->nodes[node].start - quote;
    *end = json->nodes[node].end + quote;
}

OTX__PRIVATE bool otx__json_is_space(char byte)
{
    return byte == ' ' || byte == '\n' || byte == '\r' || byte == '\t';
}

/* Where the white space from `at` on ends. */
OTX__PRIVATE uint32_t otx__json_after_space(const otx_json *json, uint32_t at)
{
    while (at < json->size && otx__json_is_space(json->text[at])) at++;
    return at;
}

OTX_API otx_result otx_json_edit_replace(const otx_context *ctx, otx_json_edit *edit,
                                         uint32_t node, const char *value, otx_error *error)
{
    const otx_json *json = edit->json;
    otx__json_change *change;
    otx_result result;
    uint32_t start, end, after;
    if (node >= json->count)
        return otx__fail(error, OTX_ERROR_ARGUMENT, "there is no JSON value %" PRIu32, node);
    otx__json_bytes(json, node, &start, &end);
    after = otx__json_after_space(json, end);
    if (after < json->size && json->text[after] == ':')
        return otx__fail(error, OTX_ERROR_ARGUMENT, "JSON value %" PRIu32 " is a key", node);
    result = otx__json_check_value(ctx, value, error);
    if (result) return result;
    change = otx__json_change_new(ctx, edit);
    if (!change) return otx__fail_memory(error, sizeof *change);
    change->start = start;
    change->end = end;
    change->node = node;
    change->value = edit->pool.size;
    otx__text_string(&edit->pool, value);
    change->value_size = edit->pool.size - change->value;
    if (edit->pool.failed) return otx__fail_memory(error, strlen(value));
    edit->count++;
    return OTX_OK;
}

/* The last key of an object that has members, and the value before it, if any. */
OTX__PRIVATE uint32_t otx__json_last_key(const otx_json *json, uint32_t object,
                                         uint32_t *before)
{
    otx_json_iter member = otx_json_iter_of(json, object);
    uint32_t key = OTX_JSON_NONE, value = OTX_JSON_NONE;
    *before = OTX_JSON_NONE;
    while (otx_json_iter_next(&member)) {
        *before = value;
        key = member.key;
        value = member.value;
    }
    return key;
}

/* The change that adds this key (quoted, at an offset of the pool) to an object,
   or NULL. */
OTX__PRIVATE otx__json_change *otx__json_added(otx_json_edit *edit, uint32_t object, size_t key,
                                               size_t key_size)
{
    size_t i;
    for (i = 0; i < edit->count; i++) {
        otx__json_change *change = &edit->changes[i];
        if (change->node == object && change->key_size == key_size &&
            memcmp(edit->pool.bytes + change->key, edit->pool.bytes + key, key_size) == 0)
            return change;
    }
    return NULL;
}

OTX_API otx_result otx_json_edit_set(const otx_context *ctx, otx_json_edit *edit,
                                     uint32_t object, const char *key, const char *value,
                                     otx_error *error)
{
    const otx_json *json = edit->json;
    otx__json_change *change, *earlier;
    otx_result result;
    uint32_t found = otx_json_find(json, object, key), unused;
    if (found != OTX_JSON_NONE) return otx_json_edit_replace(ctx, edit, found, value, error);
    if (otx_json_type_of(json, object) != OTX_JSON_OBJECT)
        return otx__fail(error, OTX_ERROR_ARGUMENT, "JSON value %" PRIu32 " is no object",
                         object);
    result = otx__json_check_value(ctx, value, error);
    if (result) return result;
    change = otx__json_change_new(ctx, edit);
    if (!change) return otx__fail_memory(error, sizeof *change);
    change->node = object;
    change->key = edit->pool.size;
    otx__text_json_string(&edit->pool, key, strlen(key));
    change->key_size = edit->pool.size - change->key;
    change->value = edit->pool.size;
    otx__text_string(&edit->pool, value);
    change->value_size = edit->pool.size - change->value;
    if (edit->pool.failed) return otx__fail_memory(error, strlen(key) + strlen(value));
    earlier = otx__json_added(edit, object, change->key, change->key_size);
    if (earlier) {
        earlier->value = change->value;
        earlier->value_size = change->value_size;
        return OTX_OK;
    }
    if (json->nodes[object].count == 0) {
        change->start = json->nodes[object].start + 1;
        change->end = json->nodes[object].end - 1;
    } else {
        uint32_t last = otx__json_last_key(json, object, &unused) + 1;
        otx__json_bytes(json, last, &unused, &change->end);
        change->start = change->end;
    }
    edit->count++;
    return OTX_OK;
}

/* How an object writes its members. A new one is: comma (unless it is the first),
   line, indent, key, colon, value; and after the last of an object that was empty
   comes tail. */
typedef struct otx__json_layout {
    otx__span comma, line, indent, colon, tail;
} otx__json_layout;

OTX__PRIVATE otx__span otx__json_slice(const otx_json *json, uint32_t start, uint32_t end)
{
    return otx__span_of(json->text + start, end - start);
}

/* What stands between a key and its value. */
OTX__PRIVATE otx__span otx__json_colon(const otx_json *json, uint32_t key)
{
    uint32_t start, end;
    otx__json_bytes(json, key + 1, &end, &start);
    return otx__json_slice(json, json->nodes[key].end + 1, end);
}

/* Without a line for each member, a space follows the comma if one follows the
   colon. */
OTX__PRIVATE otx__span otx__json_comma(otx__span colon)
{
    return colon.bytes[colon.size - 1] == ' ' ? otx__span_of(", ", 2) : otx__span_of(",", 1);
}

/* The layout for an object without members follows the root's first member: one
   that has a line of its own gives the new members lines too, indented by as
   much more than the line the object stands on. */
OTX__PRIVATE void otx__json_layout_empty(const otx_json *json, uint32_t object,
                                         otx__json_layout *layout)
{
    const otx_json_node *root = json->nodes;
    uint32_t inner = otx__json_after_space(json, root->start + 1), indent = inner;
    uint32_t line = json->nodes[object].start;
    layout->colon = otx__span_of(": ", 2);
    if (root->type == OTX_JSON_OBJECT && root->count > 0)
        layout->colon = otx__json_colon(json, 1);
    while (json->text[indent - 1] == ' ' || json->text[indent - 1] == '\t') indent--;
    if (root->count == 0 || json->text[indent - 1] != '\n') {
        layout->comma = otx__json_comma(layout->colon);
        return;
    }
    while (json->text[line - 1] != '\n') line--;
    for (inner = line; json->text[inner] == ' ' || json->text[inner] == '\t';) inner++;
    line -= json->text[line - 2] == '\r' ? 2 : 1;
    layout->comma = otx__span_of(",", 1);
    layout->line = layout->tail = otx__json_slice(json, line, inner);
    layout->indent = otx__json_slice(json, indent, otx__json_after_space(json, indent));
}

OTX__PRIVATE otx__json_layout otx__json_layout_of(const otx_json *json, uint32_t object)
{
    otx__json_layout layout;
    uint32_t key, before, start, end;
    memset(&layout, 0, sizeof layout);
    if (json->nodes[object].count == 0) {
        otx__json_layout_empty(json, object, &layout);
        return layout;
    }
    key = otx__json_last_key(json, object, &before);
    layout.colon = otx__json_colon(json, key);
    start = json->nodes[key].start - 1;
    if (before != OTX_JSON_NONE) {
        otx__json_bytes(json, before, &end, &end);
        layout.comma = otx__json_slice(json, end, start);
        return layout;
    }
    layout.comma = otx__span_of(",", 1);
    layout.line = otx__json_slice(json, json->nodes[object].start + 1, start);
    if (layout.line.size == 0) layout.comma = otx__json_comma(layout.colon);
    return layout;
}

OTX__PRIVATE bool otx__json_put(const otx_sink *sink, const char *bytes, size_t size)
{
    return size == 0 || sink->write(sink->context, bytes, size);
}

OTX__PRIVATE bool otx__json_put_span(const otx_sink *sink, otx__span span)
{
    return otx__json_put(sink, span.bytes, span.size);
}

/* Writes the members added to one object: changes from first to before end. */
OTX__PRIVATE bool otx__json_put_members(const otx_json_edit *edit, size_t first, size_t end,
                                        const otx_sink *sink)
{
    uint32_t object = edit->changes[first].node;
    otx__json_layout layout = otx__json_layout_of(edit->json, object);
    bool comma = edit->json->nodes[object].count > 0;
    size_t i;
    for (i = first; i < end; i++, comma = true) {
        const otx__json_change *change = &edit->changes[i];
        if ((comma && !otx__json_put_span(sink, layout.comma)) ||
            !otx__json_put_span(sink, layout.line) ||
            !otx__json_put_span(sink, layout.indent) ||
            !otx__json_put(sink, edit->pool.bytes + change->key, change->key_size) ||
            !otx__json_put_span(sink, layout.colon) ||
            !otx__json_put(sink, edit->pool.bytes + change->value, change->value_size))
            return false;
    }
    return otx__json_put_span(sink, layout.tail);
}

OTX__PRIVATE int otx__json_compare_changes(const void *a, const void *b)
{
    const otx__json_change *x = (const otx__json_change *)a, *y = (const otx__json_change *)b;
    if (x->start != y->start) return x->start < y->start ? -1 : 1;
    return x->sequence < y->sequence ? -1 : x->sequence > y->sequence;
}

/* Writes the document with its changes, which are sorted and do not overlap. Two
   that start at one byte replace the same value or add to the same object. */
OTX__PRIVATE bool otx__json_put_edited(const otx_json_edit *edit, const otx_sink *sink)
{
    const otx_json *json = edit->json;
    size_t at = 0, i, end;
    for (i = 0; i < edit->count; i = end) {
        const otx__json_change *first = &edit->changes[i], *last;
        for (end = i + 1; end < edit->count && edit->changes[end].start == first->start;) end++;
        last = &edit->changes[end - 1];
        if (!otx__json_put(sink, json->text + at, first->start - at)) return false;
        if (first->key_size > 0 ? !otx__json_put_members(edit, i, end, sink)
                                : !otx__json_put(sink, edit->pool.bytes + last->value,
                                                 last->value_size))
            return false;
        at = first->end;
    }
    return otx__json_put(sink, json->text + at, json->size - at);
}

OTX_API otx_result otx_json_edit_write(otx_json_edit *edit, const otx_sink *sink,
                                       otx_error *error)
{
    const otx__json_change *changes = edit->changes;
    size_t i;
    otx__sort(edit->changes, edit->count, sizeof *edit->changes, otx__json_compare_changes);
    for (i = 1; i < edit->count; i++)
        if (changes[i].start != changes[i - 1].start && changes[i].start < changes[i - 1].end)
            return otx__fail(error, OTX_ERROR_ARGUMENT,
                             "JSON value %" PRIu32 " is edited, and so is value %" PRIu32
                             " inside it", changes[i - 1].node, changes[i].node);
    if (!otx__json_put_edited(edit, sink))
        return otx__fail(error, OTX_ERROR_IO, "edited JSON could not be written");
    return OTX_OK;
}

/* >>> src/files/tensors.h */
/* ---- tensors: what reading and writing a safetensors header share --------- */

/* A file is the length of its header (64 bits, little-endian), the header (JSON)
   and the bytes of the tensors. Longer headers than this are refused, as by the
   reference implementation. */
#define OTX__HEADER_LIMIT 100000000

/* The key that is no tensor. */
#define OTX__METADATA_KEY "__metadata__"

OTX__PRIVATE int otx__compare_tensors(const otx_tensor *a, const otx_tensor *b)
{
    return otx__compare_bytes(a->name, a->name_size, b->name, b->name_size);
}

/* The three orders in which tensors are needed; items are pointers but for the
   second. */
OTX__PRIVATE int otx__tensor_by_name(const void *a, const void *b)
{
    return otx__compare_tensors(*(const otx_tensor *const *)a, *(const otx_tensor *const *)b);
}

/* The same for otx__sorted_find: a name's span against a pointer to a tensor. */
OTX__PRIVATE int otx__name_to_tensor(const void *name, const void *item)
{
    const otx__span *span = (const otx__span *)name;
    const otx_tensor *tensor = *(const otx_tensor *const *)item;
    return otx__compare_bytes(span->bytes, span->size, tensor->name, tensor->name_size);
}

OTX__PRIVATE int otx__tensor_by_offset(const void *a, const void *b)
{
    const otx_tensor *x = (const otx_tensor *)a, *y = (const otx_tensor *)b;
    if (x->begin != y->begin) return x->begin < y->begin ? -1 : 1;
    if (x->end != y->end) return x->end < y->end ? -1 : 1;
    return otx__compare_tensors(x, y);
}

OTX__PRIVATE int otx__tensor_by_dtype(const void *a, const void *b)
{
    const otx_tensor *x = *(const otx_tensor *const *)a, *y = *(const otx_tensor *const *)b;
    if (x->dtype != y->dtype) return x->dtype > y->dtype ? -1 : 1;
    return otx__compare_tensors(x, y);
}

OTX__PRIVATE int otx__metadata_by_key(const void *a, const void *b)
{
    const otx_metadata *x = (const otx_metadata *)a, *y = (const otx_metadata *)b;
    return otx__compare_bytes(x->key, x->key_size, y->key, y->key_size);
}

/* Fails with "FILE: WHAT "NAME" PROBLEM"; without "FILE: " if file is NULL. */
OTX__PRIVATE otx_result otx__fail_name(otx_error *error, otx_result code, const char *file,
                                       const char *what, const char *name, size_t name_size,
                                       const char *problem)
{
    char quoted[OTX__QUOTED];
    return otx__fail(error, code, "%s%s%s \"%s\" %s", file ? file : "", file ? ": " : "", what,
                     otx__quote(quoted, sizeof quoted, name, name_size), problem);
}

/* Sorts pointers to tensors by name; fails with `code` if two are named alike. */
OTX__PRIVATE otx_result otx__tensors_by_name(const otx_tensor **tensors, size_t count,
                                          otx_result code, const char *file, otx_error *error)
{
    size_t i;
    otx__sort(tensors, count, sizeof *tensors, otx__tensor_by_name);
    for (i = 1; i < count; i++)
        if (otx__compare_tensors(tensors[i - 1], tensors[i]) == 0)
            return otx__fail_name(error, code, file, "tensor", tensors[i]->name,
                                  tensors[i]->name_size, "occurs twice");
    return OTX_OK;
}

/* Fails with `code` if a key of the metadata occurs twice. */
OTX__PRIVATE otx_result otx__check_keys(const otx_context *ctx, const otx_metadata *metadata,
                                        size_t count, otx_result code, const char *file,
                                        otx_error *error)
{
    otx_result result = OTX_OK;
    otx_metadata *sorted;
    size_t i;
    if (count < 2) return OTX_OK;
    sorted = (otx_metadata *)otx__alloc(ctx, count, sizeof *sorted);
    if (!sorted) return otx__fail_memory(error, (uint64_t)count * sizeof *sorted);
    memcpy(sorted, metadata, count * sizeof *sorted);
    otx__sort(sorted, count, sizeof *sorted, otx__metadata_by_key);
    for (i = 1; i < count && !result; i++)
        if (otx__metadata_by_key(&sorted[i - 1], &sorted[i]) == 0)
            result = otx__fail_name(error, code, file, "metadata key", sorted[i].key,
                                    sorted[i].key_size, "occurs twice");
    otx__free(ctx, sorted, count, sizeof *sorted);
    return result;
}

/* A shape as text, "[2, 3]", cut with "..." when there is no room. Returns `to`. */
OTX__PRIVATE const char *otx__shape_text(char *to, size_t capacity, const uint64_t *shape,
                                         unsigned rank)
{
    size_t length = 1;
    unsigned i;
    to[0] = '[';
    for (i = 0; i < rank && length + 32 < capacity; i++)
        length += (size_t)snprintf(to + length, capacity - length, "%s%" PRIu64, i ? ", " : "",
                                   shape[i]);
    (void)snprintf(to + length, capacity - length, "%s", i < rank ? ", ...]" : "]");
    return to;
}

/* The bytes that a tensor's type and shape take. Returns what is wrong with them,
   or NULL. Factors are multiplied in order, so that a zero makes good only what
   comes after it: as the reference does. */
OTX__PRIVATE const char *otx__tensor_bytes(const otx_tensor *tensor, uint64_t *bytes)
{
    uint64_t bits = 1;
    unsigned i;
    for (i = 0; i < tensor->rank; i++)
        if (!otx__mul64(bits, tensor->shape[i], &bits)) return "has 2^64 elements or more";
    if (!otx__mul64(bits, otx_dtype_bits(tensor->dtype), &bits)) return "has 2^64 bits or more";
    if (bits % 8 != 0) return "does not fill whole bytes";
    *bytes = bits / 8;
    return NULL;
}

/* Fails with "FILE: tensor "NAME", F32 [2, 3], PROBLEM". */
OTX__PRIVATE otx_result otx__tensor_fail(otx_error *error, otx_result code, const char *file,
                                         const otx_tensor *tensor, const char *problem)
{
    char text[320], shape[128];
    (void)snprintf(text, sizeof text, "(%s %s) %s", otx_dtype_name(tensor->dtype),
                   otx__shape_text(shape, sizeof shape, tensor->shape, tensor->rank), problem);
    return otx__fail_name(error, code, file, "tensor", tensor->name, tensor->name_size, text);
}

/* >>> src/files/safetensors_read.h */
/* ---- safetensors: reading ----------------------------------------------- */

/* Reads and checks the length of the header, then the header itself. */
OTX__PRIVATE otx_result otx__header_read(const otx_context *ctx, const otx_source *source,
                                         const char *name, char **header, size_t *header_size,
                                         otx_error *error)
{
    unsigned char prefix[8];
    uint64_t size = 0;
    int i;
    if (source->size < 8)
        return otx__fail(error, OTX_ERROR_FORMAT, "%s: %" PRIu64
                         " bytes are too few for a safetensors file", name, source->size);
    if (!source->read(source->context, 0, prefix, 8))
        return otx__fail(error, OTX_ERROR_IO, "%s: the first 8 bytes could not be read", name);
    for (i = 7; i >= 0; i--) size = size << 8 | prefix[i];
    if (size > source->size - 8)
        return otx__fail(error, OTX_ERROR_FORMAT, "%s: not a safetensors file, or cut short: a "
                         "header of %" PRIu64 " bytes in a file of %" PRIu64,
                         name, size, source->size);
    if (size > OTX__HEADER_LIMIT)
        return otx__fail(error, OTX_ERROR_LIMIT, "%s: a header of %" PRIu64
                         " bytes, and at most %d are allowed", name, size, OTX__HEADER_LIMIT);
    *header = (char *)otx__alloc(ctx, (size_t)size, 1);
    if (!*header) return otx__fail_memory(error, size);
    *header_size = (size_t)size;
    if (source->read(source->context, 8, *header, (size_t)size)) return OTX_OK;
    otx__free(ctx, *header, (size_t)size, 1);
    return otx__fail(error, OTX_ERROR_IO, "%s: the header, %" PRIu64
                     " bytes at offset 8, could not be read", name, size);
}

/* The values of a tensor's entry in the header, as nodes. */
typedef struct otx__entry {
    uint32_t dtype, shape, offsets;
} otx__entry;

/* Where the reading of a header stands. */
typedef struct otx__header {
    const otx_context *ctx;
    const otx_json *json;
    const char *file; /* its name, for errors */
    otx_safetensors *out;
    uint64_t dimensions, bytes; /* that all shapes and all names take */
    uint64_t *shape;            /* where the next shape goes */
    char *string;               /* where the next name goes */
    otx_error *error;
} otx__header;

/* Fails with "FILE: tensor "KEY" PROBLEM", where key is a node. */
OTX__PRIVATE otx_result otx__header_fail(const otx__header *h, otx_result code,
                                         const char *what, uint32_t key, const char *problem)
{
    const otx__span name = otx__json_span(h->json, key);
    return otx__fail_name(h->error, code, h->file, what, name.bytes, name.size, problem);
}

/* Finds the three fields of the entry `value` of the tensor `key` and checks that each
   stands there once; other fields are passed over. */
OTX__PRIVATE otx_result otx__header_entry(const otx__header *h, uint32_t key, uint32_t value,
                                          otx__entry *entry)
{
    static const char *const names[] = {"dtype", "shape", "data_offsets"};
    uint32_t fields[3] = {OTX_JSON_NONE, OTX_JSON_NONE, OTX_JSON_NONE}, i;
    otx_json_iter field = otx_json_iter_of(h->json, value);
    if (otx_json_type_of(h->json, value) != OTX_JSON_OBJECT)
        return otx__header_fail(h, OTX_ERROR_FORMAT, "tensor", key, "is no object");
    while (otx_json_iter_next(&field))
        for (i = 0; i < 3; i++) {
            if (!otx_json_equals(h->json, field.key, names[i])) continue;
            if (fields[i] != OTX_JSON_NONE)
                return otx__header_fail(h, OTX_ERROR_FORMAT, "tensor", key, "repeats a field");
            fields[i] = field.value;
        }
    entry->dtype = fields[0];
    entry->shape = fields[1];
    entry->offsets = fields[2];
    if (otx_json_type_of(h->json, entry->dtype) != OTX_JSON_STRING)
        return otx__header_fail(h, OTX_ERROR_FORMAT, "tensor", key, "has no dtype");
    if (otx_json_type_of(h->json, entry->shape) != OTX_JSON_ARRAY)
        return otx__header_fail(h, OTX_ERROR_FORMAT, "tensor", key, "has no shape");
    if (otx_json_type_of(h->json, entry->offsets) != OTX_JSON_ARRAY ||
        otx_json_count(h->json, entry->offsets) != 2)
        return otx__header_fail(h, OTX_ERROR_FORMAT, "tensor", key,
                                "has no data_offsets (two of them)");
    return OTX_OK;
}

/* Bytes that a string takes, at most, with a NUL after it. */
OTX__PRIVATE uint64_t otx__header_room(const otx__header *h, uint32_t string)
{
    return (uint64_t)otx__json_span(h->json, string).size + 1;
}

/* Counts the entries of the metadata, which may also be null. */
OTX__PRIVATE otx_result otx__header_measure_metadata(otx__header *h, uint32_t key,
                                                     uint32_t value)
{
    otx_json_iter entry = otx_json_iter_of(h->json, value);
    if (otx_json_type_of(h->json, value) == OTX_JSON_NULL) return OTX_OK;
    if (otx_json_type_of(h->json, value) != OTX_JSON_OBJECT)
        return otx__header_fail(h, OTX_ERROR_FORMAT, "the entry", key, "is no object");
    while (otx_json_iter_next(&entry)) {
        if (otx_json_type_of(h->json, entry.value) != OTX_JSON_STRING)
            return otx__header_fail(h, OTX_ERROR_FORMAT, "metadata key", entry.key,
                                    "has a value that is no string");
        h->bytes += otx__header_room(h, entry.key) + otx__header_room(h, entry.value);
    }
    h->out->metadata_count = otx_json_count(h->json, value);
    return OTX_OK;
}

/* Checks the form of every entry, and counts what has to be kept of them. Sets
   *metadata to the metadata's value, if there is one. */
OTX__PRIVATE otx_result otx__header_measure(otx__header *h, uint32_t *metadata)
{
    otx_json_iter member = otx_json_iter_of(h->json, 0);
    otx_result result = OTX_OK;
    *metadata = OTX_JSON_NONE;
    if (otx_json_type_of(h->json, 0) != OTX_JSON_OBJECT)
        return otx__fail(h->error, OTX_ERROR_FORMAT, "%s: the header is no JSON object",
                         h->file);
    while (!result && otx_json_iter_next(&member)) {
        otx__entry entry;
        if (!otx_json_equals(h->json, member.key, OTX__METADATA_KEY)) {
            result = otx__header_entry(h, member.key, member.value, &entry);
            if (result) break;
            h->out->tensor_count++;
            h->dimensions += otx_json_count(h->json, entry.shape);
            h->bytes += otx__header_room(h, member.key);
        } else if (*metadata != OTX_JSON_NONE) {
            result = otx__header_fail(h, OTX_ERROR_FORMAT, "the entry", member.key,
                                      "occurs twice");
        } else {
            *metadata = member.value;
            result = otx__header_measure_metadata(h, member.key, member.value);
        }
    }
    return result;
}

/* The tensors in order of name: private, behind the tensors. */
OTX__PRIVATE const otx_tensor **otx__names_of(const otx_safetensors *file)
{
    return (const otx_tensor **)(void *)(file->tensors + file->tensor_count);
}

/* One block for all: shapes, tensors, the order by name, metadata, strings. What
   needs the strictest alignment stands first, so none is lost. */
OTX__PRIVATE otx_result otx__header_alloc(otx__header *h)
{
    otx_safetensors *out = h->out;
    uint64_t size = h->dimensions * sizeof(uint64_t) + h->bytes +
                    out->tensor_count * (uint64_t)(sizeof(otx_tensor) + sizeof(otx_tensor *)) +
                    out->metadata_count * (uint64_t)sizeof(otx_metadata);
    if (size > SIZE_MAX) return otx__fail_memory(h->error, size);
    out->memory = otx__alloc(h->ctx, (size_t)size, 1);
    if (!out->memory) return otx__fail_memory(h->error, size);
    out->memory_size = (size_t)size;
    h->shape = (uint64_t *)out->memory;
    out->tensors = (otx_tensor *)(void *)(h->shape + h->dimensions);
    out->metadata = (otx_metadata *)(void *)(otx__names_of(out) + out->tensor_count);
    h->string = (char *)(out->metadata + out->metadata_count);
    return OTX_OK;
}

/* Decodes a string into the block. */
OTX__PRIVATE const char *otx__header_string(otx__header *h, uint32_t node, size_t *size)
{
    const char *string = h->string;
    *size = otx_json_string(h->json, node, h->string);
    h->string[*size] = 0;
    h->string += *size + 1;
    return string;
}

/* Reads one entry. Its offsets count from the byte buffer as yet. */
OTX__PRIVATE otx_result otx__header_tensor(otx__header *h, uint32_t key, uint32_t value,
                                           otx_tensor *tensor)
{
    otx__entry entry;
    otx_json_iter size;
    int dtype = 0;
    otx_result result = otx__header_entry(h, key, value, &entry);
    if (result) return result;
    while (dtype < OTX_DTYPE_COUNT &&
           !otx_json_equals(h->json, entry.dtype, otx_dtype_name((otx_dtype)dtype)))
        dtype++;
    if (dtype == OTX_DTYPE_COUNT) {
        char quoted[OTX__QUOTED], problem[OTX__QUOTED + 40];
        (void)snprintf(problem, sizeof problem, "has an unknown dtype, \"%s\"",
                       otx__quote_node(quoted, h->json, entry.dtype));
        return otx__header_fail(h, OTX_ERROR_UNSUPPORTED, "tensor", key, problem);
    }
    tensor->dtype = (otx_dtype)dtype;
    tensor->rank = otx_json_count(h->json, entry.shape);
    tensor->shape = h->shape;
    size = otx_json_iter_of(h->json, entry.shape);
    while (otx_json_iter_next(&size))
        if (!otx_json_uint(h->json, size.value, h->shape++))
            return otx__header_fail(h, OTX_ERROR_FORMAT, "tensor", key,
                                    "has a shape that is no list of 64-bit integers");
    if (!otx_json_uint(h->json, otx_json_item(h->json, entry.offsets, 0), &tensor->begin) ||
        !otx_json_uint(h->json, otx_json_item(h->json, entry.offsets, 1), &tensor->end))
        return otx__header_fail(h, OTX_ERROR_FORMAT, "tensor", key,
                                "has data_offsets that are no 64-bit integers");
    tensor->name = otx__header_string(h, key, &tensor->name_size);
    return OTX_OK;
}

/* Reads all entries; `metadata` is the node of their value, or OTX_JSON_NONE. */
OTX__PRIVATE otx_result otx__header_entries(otx__header *h, uint32_t metadata)
{
    otx_safetensors *out = h->out;
    otx_tensor *tensor = out->tensors;
    otx_json_iter member = otx_json_iter_of(h->json, 0);
    while (otx_json_iter_next(&member))
        if (member.value != metadata) {
            otx_result result = otx__header_tensor(h, member.key, member.value, tensor++);
            if (result) return result;
        }
    member = otx_json_iter_of(h->json, metadata);
    while (otx_json_iter_next(&member)) {
        otx_metadata *entry = &out->metadata[member.index];
        entry->key = otx__header_string(h, member.key, &entry->key_size);
        entry->value = otx__header_string(h, member.value, &entry->value_size);
    }
    return otx__check_keys(h->ctx, out->metadata, out->metadata_count, OTX_ERROR_FORMAT,
                           h->file, h->error);
}

/* Sorts the tensors by offset and checks that their bytes follow on each other,
   are as many as type and shape say, and end where the file ends; then makes the
   offsets count from the start of the file. */
OTX__PRIVATE otx_result otx__header_offsets(otx__header *h, uint64_t file_size)
{
    otx_safetensors *out = h->out;
    uint64_t end = 0, bytes, buffer = file_size - out->data_begin;
    char problem[160];
    size_t i;
    otx__sort(out->tensors, out->tensor_count, sizeof *out->tensors, otx__tensor_by_offset);
    for (i = 0; i < out->tensor_count; i++) {
        otx_tensor *tensor = &out->tensors[i];
        const char *wrong = otx__tensor_bytes(tensor, &bytes);
        if (tensor->begin != end || tensor->end < tensor->begin) {
            (void)snprintf(problem, sizeof problem, "has data_offsets [%" PRIu64 ", %" PRIu64
                           "], but the bytes before it end at %" PRIu64,
                           tensor->begin, tensor->end, end);
            wrong = problem;
        } else if (!wrong && tensor->end - tensor->begin != bytes) {
            (void)snprintf(problem, sizeof problem, "takes %" PRIu64 " bytes, but its "
                           "data_offsets [%" PRIu64 ", %" PRIu64 "] span %" PRIu64,
                           bytes, tensor->begin, tensor->end, tensor->end - tensor->begin);
            wrong = problem;
        }
        if (wrong) return otx__tensor_fail(h->error, OTX_ERROR_FORMAT, h->file, tensor, wrong);
        end = tensor->end;
    }
    if (end != buffer)
        return otx__fail(h->error, OTX_ERROR_FORMAT, "%s: the tensors take %" PRIu64
                         " bytes, but %" PRIu64 " follow the header", h->file, end, buffer);
    for (i = 0; i < out->tensor_count; i++) {
        out->tensors[i].begin += out->data_begin;
        out->tensors[i].end += out->data_begin;
        otx__names_of(out)[i] = &out->tensors[i];
    }
    return otx__tensors_by_name(otx__names_of(out), out->tensor_count, OTX_ERROR_FORMAT,
                                h->file, h->error);
}

OTX_API void otx_safetensors_close(const otx_context *ctx, otx_safetensors *file)
{
    otx__free(ctx, file->memory, file->memory_size, 1);
    memset(file, 0, sizeof *file);
}

OTX_API otx_result otx_safetensors_open(const otx_context *ctx, const otx_source *source,
                                        const char *name, otx_safetensors *out,
                                        otx_error *error)
{
    otx__header h;
    otx_json json;
    otx_error cause;
    char *text = NULL;
    size_t size = 0;
    uint32_t metadata;
    otx_result result;
    memset(out, 0, sizeof *out);
    result = otx__header_read(ctx, source, name, &text, &size, error);
    if (result) return result;
    result = otx_json_parse(ctx, text, size, "header", NULL, &json, &cause);
    if (result) {
        otx__fail(error, result, "%s: %s", name, cause.message);
        goto done;
    }
    memset(&h, 0, sizeof h);
    h.ctx = ctx;
    h.json = &json;
    h.file = name;
    h.out = out;
    h.error = error;
    out->data_begin = 8 + (uint64_t)size;
    result = otx__header_measure(&h, &metadata);
    if (!result) result = otx__header_alloc(&h);
    if (!result) result = otx__header_entries(&h, metadata);
    if (!result) result = otx__header_offsets(&h, source->size);
    if (result) otx_safetensors_close(ctx, out);
done:
    otx_json_close(ctx, &json);
    otx__free(ctx, text, size, 1);
    return result;
}

OTX_API const otx_tensor *otx_safetensors_find(const otx_safetensors *file, const char *name,
                                               size_t name_size)
{
    const otx__span wanted = otx__span_of(name, name_size);
    const otx_tensor *const *found = (const otx_tensor *const *)otx__sorted_find(
        otx__names_of(file), file->tensor_count, sizeof *found, &wanted, otx__name_to_tensor);
    return found ? *found : NULL;
}

/* >>> src/files/safetensors_write.h */
/* ---- safetensors: writing ----------------------------------------------- */

/* What is wrong with a tensor that is to be written, or NULL. */
OTX__PRIVATE const char *otx__layout_problem(const otx_tensor *tensor)
{
    const size_t reserved = sizeof OTX__METADATA_KEY - 1;
    if (otx_dtype_bits(tensor->dtype) == 0) return "has an unknown dtype";
    if (!otx__is_utf8(tensor->name, tensor->name_size)) return "has a name that is no UTF-8";
    if (tensor->name_size == reserved && memcmp(tensor->name, OTX__METADATA_KEY, reserved) == 0)
        return "has a reserved name";
    return NULL;
}

/* Checks what is to be written and sorts it in the order of writing. */
OTX__PRIVATE otx_result otx__layout_sort(const otx_context *ctx, const otx_tensor **sorted,
                                         const otx_tensor *tensors, size_t count,
                                         const otx_metadata *metadata, size_t metadata_count,
                                         otx_error *error)
{
    otx_result result;
    size_t i;
    for (i = 0; i < count; i++) {
        const char *problem = otx__layout_problem(&tensors[i]);
        if (problem)
            return otx__fail_name(error, OTX_ERROR_ARGUMENT, NULL, "tensor", tensors[i].name,
                                  tensors[i].name_size, problem);
        sorted[i] = &tensors[i];
    }
    for (i = 0; i < metadata_count; i++) {
        const otx_metadata *entry = &metadata[i];
        if (!otx__is_utf8(entry->key, entry->key_size) ||
            !otx__is_utf8(entry->value, entry->value_size))
            return otx__fail_name(error, OTX_ERROR_ARGUMENT, NULL, "metadata key", entry->key,
                                  entry->key_size, "is no UTF-8, or its value is none");
    }
    result = otx__check_keys(ctx, metadata, metadata_count, OTX_ERROR_ARGUMENT, NULL, error);
    if (!result) result = otx__tensors_by_name(sorted, count, OTX_ERROR_ARGUMENT, NULL, error);
    if (!result) otx__sort(sorted, count, sizeof *sorted, otx__tensor_by_dtype);
    return result;
}

/* Appends "key":{"dtype":"F32","shape":[2,3],"data_offsets":[0,24]}. */
OTX__PRIVATE void otx__layout_tensor(otx__text *text, const otx_tensor *tensor, uint64_t begin,
                                     uint64_t end)
{
    unsigned i;
    otx__text_json_string(text, tensor->name, tensor->name_size);
    otx__text_format(text, ":{\"dtype\":\"%s\",\"shape\":[", otx_dtype_name(tensor->dtype));
    for (i = 0; i < tensor->rank; i++)
        otx__text_format(text, "%s%" PRIu64, i ? "," : "", tensor->shape[i]);
    otx__text_format(text, "],\"data_offsets\":[%" PRIu64 ",%" PRIu64 "]}", begin, end);
}

OTX__PRIVATE void otx__layout_metadata(otx__text *text, const otx_metadata *metadata,
                                       size_t count)
{
    size_t i;
    otx__text_string(text, "\"" OTX__METADATA_KEY "\":{");
    for (i = 0; i < count; i++) {
        if (i) otx__text_string(text, ",");
        otx__text_json_string(text, metadata[i].key, metadata[i].key_size);
        otx__text_string(text, ":");
        otx__text_json_string(text, metadata[i].value, metadata[i].value_size);
    }
    otx__text_string(text, "}");
}

/* Writes the length prefix, the JSON and the padding. The offsets it sets count
   from the end of the header as yet, and file_size leaves it out. */
OTX__PRIVATE otx_result otx__layout_header(otx__text *text, const otx_tensor *const *sorted,
                                           const otx_tensor *tensors,
                                           const otx_metadata *metadata, size_t metadata_count,
                                           otx_layout *out, otx_error *error)
{
    uint64_t end = 0, bytes, size;
    size_t i;
    otx__text_bytes(text, "\0\0\0\0\0\0\0\0{", 9);
    if (metadata_count) otx__layout_metadata(text, metadata, metadata_count);
    for (i = 0; i < out->count; i++) {
        const char *problem = otx__tensor_bytes(sorted[i], &bytes);
        if (!problem && bytes > INT64_MAX - OTX__HEADER_LIMIT * 2 - end)
            problem = "makes the file larger than files can be";
        if (problem)
            return otx__tensor_fail(error, OTX_ERROR_ARGUMENT, NULL, sorted[i], problem);
        if (i || metadata_count) otx__text_string(text, ",");
        otx__layout_tensor(text, sorted[i], end, end + bytes);
        out->order[i] = (uint32_t)(sorted[i] - tensors);
        out->offsets[i] = end;
        end += bytes;
    }
    otx__text_string(text, "}");
    while (text->size % 8 != 0 && !text->failed) otx__text_string(text, " ");
    if (text->failed) return otx__fail_memory(error, text->size);
    size = text->size - 8;
    if (size > OTX__HEADER_LIMIT)
        return otx__fail(error, OTX_ERROR_LIMIT, "the header of %" PRIu64 " tensors takes %"
                         PRIu64 " bytes, and at most %d are allowed",
                         (uint64_t)out->count, size, OTX__HEADER_LIMIT);
    for (i = 0; i < 8; i++) text->bytes[i] = (char)(unsigned char)(size >> (8 * i));
    out->file_size = end;
    return OTX_OK;
}

OTX_API void otx_layout_close(const otx_context *ctx, otx_layout *layout)
{
    otx__free(ctx, layout->header, layout->header_size, 1);
    otx__free(ctx, layout->order, layout->count, sizeof *layout->order);
    otx__free(ctx, layout->offsets, layout->count, sizeof *layout->offsets);
    memset(layout, 0, sizeof *layout);
}

/* Hands the header over, in a block of the size it says, and makes the offsets
   count from the start of the file. */
OTX__PRIVATE otx_result otx__layout_finish(const otx_context *ctx, const otx__text *text,
                                           otx_layout *out, otx_error *error)
{
    size_t i;
    out->header = (char *)otx__alloc(ctx, text->size, 1);
    if (!out->header) return otx__fail_memory(error, text->size);
    memcpy(out->header, text->bytes, text->size);
    out->header_size = text->size;
    out->file_size += text->size;
    for (i = 0; i < out->count; i++) out->offsets[i] += text->size;
    return OTX_OK;
}

OTX_API otx_result otx_layout_open(const otx_context *ctx, const otx_tensor *tensors,
                                   size_t count, const otx_metadata *metadata,
                                   size_t metadata_count, otx_layout *out, otx_error *error)
{
    const otx_tensor **sorted;
    otx__text text;
    otx_result result = OTX_OK;
    memset(out, 0, sizeof *out);
    if (count > UINT32_MAX)
        return otx__fail(error, OTX_ERROR_LIMIT, "%" PRIu64
                         " tensors are more than a header holds", (uint64_t)count);
    otx__text_open(&text, ctx);
    out->count = count;
    sorted = (const otx_tensor **)otx__alloc(ctx, count, sizeof *sorted);
    out->order = (uint32_t *)otx__alloc(ctx, count, sizeof *out->order);
    out->offsets = (uint64_t *)otx__alloc(ctx, count, sizeof *out->offsets);
    if (!sorted || !out->order || !out->offsets)
        result = otx__fail_memory(error, (uint64_t)count * sizeof *out->offsets);
    if (!result)
        result = otx__layout_sort(ctx, sorted, tensors, count, metadata, metadata_count, error);
    if (!result)
        result = otx__layout_header(&text, sorted, tensors, metadata, metadata_count, out,
                                    error);
    if (!result) result = otx__layout_finish(ctx, &text, out, error);
    otx__text_close(&text);
    otx__free(ctx, sorted, count, sizeof *sorted);
    if (result) otx_layout_close(ctx, out);
    return result;
}

/* >>> src/vocab/chapter.h */
/* ==== vocab: tokens, from every source, and which of them are the same ==== */

/* Knows what tokenizers' files say and what their loaders make of it: for every id a kind and
   the bytes that the token stands for, and the roles of special tokens.
   Hides each source behind one reader; what they share is in reader.h.
   A vocabulary owns its tokens and their bytes in one block.
   Read token_table.h, then reader.h, then one of the sources.

   Rooms, in order of dependency:
     known                what the world calls things: files, classes, tokens
     token_table          the table of tokens, and finding tokens in it
     spelling             from what a file spells to bytes
     reader               what the readers of all sources share
     added_tokens         what other files add to a model's tokens
     from_tokenizer_json  tokenizer.json
     from_tekken          tekken.json
     from_tiktoken        *.tiktoken
     from_sentencepiece   tokenizer.model and its like
     from_vocab_json      vocab.json and merges.txt
     from_vocab_txt       vocab.txt
     parse                the first source that is given, and what goes with it
     align                which base token a donor token is */

/* >>> src/vocab/known.h */
/* ---- known: what the world calls things in vocabularies ----------------------- */

/* Everything that was found in files rather than thought of here: names of files, of
   classes, of tokens. A new name is a new row; the comment says who needs it. */

/* ---- files ---- */

/* How XLM-RoBERTa, CamemBERT and their kin name a SentencePiece model. */
#define OTX__SENTENCEPIECE_BPE "sentencepiece.bpe.model"

/* What a name says of a file. */
typedef struct otx__known_file {
    const char *pattern; /* see otx__name_fits */
    otx_vocab_file file; /* what it is read as; OTX_VOCAB_FILES: it is not read */
} otx__known_file;

/* The files of a tokenizer in a model directory. Of two rows for the same kind of file
   the first is preferred, as by the loaders. */
static const otx__known_file otx__known_files[] = {
    {"tokenizer.json", OTX_VOCAB_TOKENIZER_JSON},
    {"tekken.json", OTX_VOCAB_TEKKEN},                /* Mistral: mistral-common */
    {"tokenizer.model", OTX_VOCAB_SENTENCEPIECE},     /* Llama 2, Gemma */
    {"spiece.model", OTX_VOCAB_SENTENCEPIECE},        /* T5, ALBERT, XLNet */
    {OTX__SENTENCEPIECE_BPE, OTX_VOCAB_SENTENCEPIECE},
    {"sentencepiece.model", OTX_VOCAB_SENTENCEPIECE}, /* RemBERT */
    {"spm.model", OTX_VOCAB_SENTENCEPIECE},           /* DeBERTa v2 and v3 */
    {"tokenizer.model.v*", OTX_VOCAB_SENTENCEPIECE},  /* Mistral; the last of several */
    {"tiktoken.model", OTX_VOCAB_TIKTOKEN},           /* Kimi */
    {"*.tiktoken", OTX_VOCAB_TIKTOKEN},               /* Qwen 1 */
    {"vocab.json", OTX_VOCAB_JSON},                   /* GPT-2, RoBERTa, Whisper */
    {"vocab.txt", OTX_VOCAB_TXT},                     /* BERT */
    {"merges.txt", OTX_VOCAB_MERGES},
    {"tokenizer_config.json", OTX_VOCAB_TOKENIZER_CONFIG},
    {"special_tokens_map.json", OTX_VOCAB_SPECIAL_TOKENS},
    {"added_tokens.json", OTX_VOCAB_ADDED_TOKENS},
    {"config.json", OTX_VOCAB_MODEL_CONFIG},          /* the model's, not the tokenizer's */
    {"tokenizer.model.*", OTX_VOCAB_FILES},           /* a SentencePiece model set aside */
    {"vocab.bpe", OTX_VOCAB_FILES},                   /* OpenAI's merges.txt */
    {"encoder.json", OTX_VOCAB_FILES},                /* OpenAI's vocab.json */
    {"bpe.codes", OTX_VOCAB_FILES},                   /* PhoBERT, BERTweet */
    {"*.spm", OTX_VOCAB_FILES},                       /* Marian: one for each side */
    {"chat_template.jinja", OTX_VOCAB_FILES},         /* transformers */
    {"chat_template.json", OTX_VOCAB_FILES},          /* its processors */
    {"additional_chat_templates", OTX_VOCAB_FILES},   /* a directory of more */
};

/* Which of them are read with one source only; the others go with every one. */
static const struct {
    otx_vocab_file file, source;
} otx__known_pairs[] = {
    {OTX_VOCAB_MERGES, OTX_VOCAB_JSON},
    {OTX_VOCAB_MODEL_CONFIG, OTX_VOCAB_SENTENCEPIECE},
};

/* Code of a tokenizer that is loaded with it. Files of a model too may have such names:
   whose they are, auto_map says. */
static const char *const otx__known_code[] = {
    "tokenization_*.py", /* what save_pretrained writes for a tokenizer of one's own */
};

/* A file that is given by itself may have any name that ends as these do; the first
   that fits counts. */
static const otx__known_file otx__known_endings[] = {
    {"*vocab.json", OTX_VOCAB_FILES}, /* not enough by itself: merges.txt is missing */
    {"*tekken*.json", OTX_VOCAB_TEKKEN},
    {"*.json", OTX_VOCAB_TOKENIZER_JSON},
    {"tiktoken.model", OTX_VOCAB_TIKTOKEN},
    {"*.tiktoken", OTX_VOCAB_TIKTOKEN},
    {"*.model", OTX_VOCAB_SENTENCEPIECE},
    {"*.model.v*", OTX_VOCAB_SENTENCEPIECE},
    {"*vocab.txt", OTX_VOCAB_TXT},
};

/* What may stand in a directory in place of what is wanted, and what to do about it. */
typedef struct otx__known_advice {
    const char *pattern, *advice;
} otx__known_advice;

#define OTX__SAVE_AS_JSON "load it with transformers' AutoTokenizer and save it with " \
                          "save_pretrained, which writes tokenizer.json"

static const otx__known_advice otx__tokenizer_advice[] = {
    {"*.model", OTX__SAVE_AS_JSON}, /* by a name that no loader is known to look for */
    {"*.spm", OTX__SAVE_AS_JSON},
    {"bpe.codes*", OTX__SAVE_AS_JSON},
    {"encoder.json*", "OpenAI's names; rename it to vocab.json, and vocab.bpe to merges.txt"},
    {"*.gguf", "GGUF is not read; take the tokenizer.json of the original model"},
    {"snapshots*", "a cache; give the directory within snapshots/"}, /* huggingface_hub */
};

/* ---- keys of JSON files ---- */

/* The key of a role's token, in tokenizer_config.json and special_tokens_map.json. */
static const char *const otx__role_keys[OTX_ROLE_COUNT] = {
    "bos_token", "eos_token", "pad_token", "unk_token", "sep_token", "cls_token", "mask_token",
};

/* Keys there of lists of tokens that are special besides. */
static const char *const otx__special_keys[] = {
    "additional_special_tokens", /* transformers, up to 4 */
    "extra_special_tokens",      /* transformers, from 5 on; before, an object of names */
};

/* ---- tokens ---- */

/* Names of reserved, never trained tokens; # stands for a number. Only whole names
   count: text that merely holds one is text. */
static const char *const otx__reserved_names[] = {
    "<unused#>",                      /* Gemma */
    "<unused_#>",
    "<unused_token_#>",
    "<|unused#|>",
    "<|unused_#|>",
    "[unused#]",                      /* BERT */
    "[UNUSED_TOKEN_#]",               /* InternLM */
    ">>UNUSED_#<<",                   /* Falcon */
    "<reserved_#>",                   /* Baichuan */
    "<reserved_token_#>",
    "<|reserved_#|>",                 /* gpt-oss */
    "<|reserved_token_#|>",           /* Kimi */
    "<|reserved_special_token_#|>",   /* Llama 3 */
    "<SPECIAL_#>",                    /* Mistral, Nemotron */
    "<|dummy_#|>",                    /* Phi */
    "<|placeholder#|>",
    "<|extra_#|>",                    /* Qwen 1 */
    "<[PLHD#_never_used]>",           /* Seed */
    "<\xef\xbd\x9cplace\xe2\x96\x81holder\xe2\x96\x81no\xe2\x96\x81#\xef\xbd\x9c>",
                                      /* DeepSeek */
};

/* The token that has a role, unless a file says otherwise. */
typedef struct otx__known_role {
    otx_role role;
    const char *content;
} otx__known_role;

static const otx__known_role otx__roles_sentencepiece[] = { /* if the trainer names none */
    {OTX_ROLE_BOS, "<s>"}, {OTX_ROLE_EOS, "</s>"}, {OTX_ROLE_PAD, "<pad>"},
};

static const otx__known_role otx__roles_tekken[] = { /* mistral-common */
    {OTX_ROLE_BOS, "<s>"}, {OTX_ROLE_EOS, "</s>"}, {OTX_ROLE_UNK, "<unk>"},
    {OTX_ROLE_PAD, "<pad>"},
};

static const otx__known_role otx__roles_vocab_txt[] = { /* BERT */
    {OTX_ROLE_PAD, "[PAD]"}, {OTX_ROLE_UNK, "[UNK]"}, {OTX_ROLE_CLS, "[CLS]"},
    {OTX_ROLE_SEP, "[SEP]"}, {OTX_ROLE_MASK, "[MASK]"},
};

static const otx__known_role otx__roles_roberta[] = { /* RoBERTa */
    {OTX_ROLE_BOS, "<s>"}, {OTX_ROLE_CLS, "<s>"}, {OTX_ROLE_EOS, "</s>"},
    {OTX_ROLE_SEP, "</s>"}, {OTX_ROLE_PAD, "<pad>"}, {OTX_ROLE_UNK, "<unk>"},
    {OTX_ROLE_MASK, "<mask>"},
};

static const otx__known_role otx__roles_gpt2[] = { /* GPT-2, Whisper */
    {OTX_ROLE_BOS, "<|endoftext|>"}, {OTX_ROLE_EOS, "<|endoftext|>"},
    {OTX_ROLE_UNK, "<|endoftext|>"},
};

/* The special tokens of a tekken.json that lists none, as the first ones did, and the last
   version of which a file may do so. Those after them are named by their ids. */
static const char *const otx__tekken_specials[] = {
    "<unk>", "<s>", "</s>", "[INST]", "[/INST]", "[AVAILABLE_TOOLS]", "[/AVAILABLE_TOOLS]",
    "[TOOL_RESULTS]", "[/TOOL_RESULTS]", "[TOOL_CALLS]", "[IMG]", "<pad>", "[IMG_BREAK]",
    "[IMG_END]", "[PREFIX]", "[MIDDLE]", "[SUFFIX]", "[SYSTEM_PROMPT]", "[/SYSTEM_PROMPT]",
    "[TOOL_CONTENT]",
};
#define OTX__TEKKEN_UNLISTED 7

/* ---- loaders of SentencePiece models ---- */

/* How a class of transformers numbers the pieces: first tokens of its own, then the
   pieces but for the first few, then more of its own. A class of which nothing but its
   name is known numbers them by other rules, and is refused. One that is not here takes
   the pieces as they are. */
typedef struct otx__piece_layout {
    const char *name;  /* the class, without "Fast" */
    const char *model; /* the model_type of config.json that has it; NULL: none alone */
    const char *before[6], *after[2];
    unsigned dropped;  /* pieces */
    unsigned extra;    /* then <extra_id_N> down to 0, so many unless extra_ids says else */
} otx__piece_layout;

static const otx__piece_layout otx__piece_layouts[] = {
    {"XLMRobertaTokenizer", "xlm-roberta", {"<s>", "<pad>", "</s>", "<unk>"}, {"<mask>"}, 3, 0},
    {"XLMRobertaTokenizer", "xlm-roberta-xl", {"<s>", "<pad>", "</s>", "<unk>"}, {"<mask>"},
     3, 0},
    {"LayoutXLMTokenizer", NULL, {"<s>", "<pad>", "</s>", "<unk>"}, {"<mask>"}, 3, 0},
    {"CamembertTokenizer", "camembert",
     {"<s>NOTUSED", "<pad>", "</s>NOTUSED", "<unk>", "<unk>NOTUSED"}, {"<mask>"}, 1, 0},
    {"T5Tokenizer", "t5", {NULL}, {NULL}, 0, 100},
    {"T5Tokenizer", "mt5", {NULL}, {NULL}, 0, 100},
    {"MBartTokenizer", "mbart", {NULL}, {NULL}, 0, 0},
    {"MBart50Tokenizer", NULL, {NULL}, {NULL}, 0, 0},
    {"NllbTokenizer", "nllb-moe", {NULL}, {NULL}, 0, 0},
    {"M2M100Tokenizer", "m2m_100", {NULL}, {NULL}, 0, 0},
    {"SeamlessM4TTokenizer", "seamless_m4t", {NULL}, {NULL}, 0, 0},
    {"XGLMTokenizer", "xglm", {NULL}, {NULL}, 0, 0},
    {"PLBartTokenizer", "plbart", {NULL}, {NULL}, 0, 0},
    {"BarthezTokenizer", NULL, {NULL}, {NULL}, 0, 0},
    {"BartphoTokenizer", NULL, {NULL}, {NULL}, 0, 0},
    {"MLukeTokenizer", "mluke", {NULL}, {NULL}, 0, 0},
    {"PegasusTokenizer", "pegasus", {NULL}, {NULL}, 0, 0},
    {"PegasusTokenizer", "bigbird_pegasus", {NULL}, {NULL}, 0, 0},
    {"XLMProphetNetTokenizer", "xlm-prophetnet", {NULL}, {NULL}, 0, 0},
    {"Speech2TextTokenizer", "speech_to_text", {NULL}, {NULL}, 0, 0},
    {"MarianTokenizer", "marian", {NULL}, {NULL}, 0, 0},
    {"CpmTokenizer", NULL, {NULL}, {NULL}, 0, 0},
};

/* ---- looking things up ---- */

OTX__PRIVATE bool otx__is_tokenizer_code(const char *name)
{
    size_t i;
    for (i = 0; i < OTX__COUNT(otx__known_code); i++)
        if (otx__name_fits(name, otx__known_code[i])) return true;
    return false;
}

/* Whether a name in a model directory belongs to its tokenizer: those of the base are
   left out of an output, and the donor's are copied. One stale file would do harm:
   converters take the first that they know. */
OTX__PRIVATE bool otx__is_of_tokenizer(const char *name)
{
    size_t i;
    for (i = 0; i < OTX__COUNT(otx__known_files); i++)
        if (otx__known_files[i].file != OTX_VOCAB_MODEL_CONFIG &&
            otx__name_fits(name, otx__known_files[i].pattern))
            return true;
    return otx__is_tokenizer_code(name);
}

/* The name that a kind of file usually has. */
OTX__PRIVATE const char *otx__usual_name(otx_vocab_file file)
{
    size_t i = 0;
    while (otx__known_files[i].file != file) i++;
    return otx__known_files[i].pattern;
}

/* Whether a kind of file is read with that source. */
OTX__PRIVATE bool otx__goes_with(otx_vocab_file file, otx_vocab_file source)
{
    size_t i;
    for (i = 0; i < OTX__COUNT(otx__known_pairs); i++)
        if (otx__known_pairs[i].file == file) return otx__known_pairs[i].source == source;
    return true;
}

/* What a file that is given by itself holds, by its name; OTX_VOCAB_FILES if that is not
   known or is no vocabulary. */
OTX__PRIVATE otx_vocab_file otx__source_named(const char *name)
{
    size_t i;
    for (i = 0; i < OTX__COUNT(otx__known_endings); i++)
        if (otx__name_fits(name, otx__known_endings[i].pattern))
            return otx__known_endings[i].file;
    return OTX_VOCAB_FILES;
}

/* The first advice that one of the names in a directory calls for, and that name; NULL
   if there is none. */
OTX__PRIVATE const char *otx__find_advice(const otx__known_advice *rows, size_t count,
                                          const char *const *names, size_t name_count,
                                          const char **name)
{
    size_t i, j;
    for (i = 0; i < count; i++)
        for (j = 0; j < name_count; j++)
            if (otx__name_fits(names[j], rows[i].pattern)) {
                *name = names[j];
                return rows[i].advice;
            }
    return NULL;
}

/* The same for a directory in which no tokenizer was found. */
OTX__PRIVATE const char *otx__advise_on_tokenizer(const char *const *names, size_t name_count,
                                                  const char **name)
{
    return otx__find_advice(otx__tokenizer_advice, OTX__COUNT(otx__tokenizer_advice), names,
                            name_count, name);
}

/* >>> src/vocab/token_table.h */
/* ---- vocab: the table of tokens, and finding tokens in it ---- */

OTX_API const char *otx_token_kind_name(otx_token_kind kind)
{
    static const char *const names[] = {"none", "text", "byte", "control", "unused"};
    return (unsigned)kind < OTX__COUNT(names) ? names[kind] : NULL;
}

OTX_API const char *otx_role_name(otx_role role)
{
    static const char *const names[] = {"bos", "eos", "pad", "unk", "sep", "cls", "mask"};
    return (unsigned)role < OTX__COUNT(names) ? names[role] : NULL;
}

OTX_API const char *otx_family_name(otx_family family)
{
    static const char *const names[] = {"plain", "byte-level", "metaspace", "wordpiece",
                                        "word-suffix"};
    return (unsigned)family < OTX__COUNT(names) ? names[family] : NULL;
}

/* ---- reserved tokens ---- */

/* Whether all of `text` has the shape of `pattern`, in which # stands for one or
   more decimal digits. */
OTX__PRIVATE bool otx__has_shape(const char *text, size_t size, const char *pattern)
{
    size_t at = 0, first;
    for (; *pattern; pattern++) {
        if (*pattern != '#') {
            if (at == size || text[at] != *pattern) return false;
            at++;
            continue;
        }
        for (first = at; at < size && otx__is_digit(text[at]);) at++;
        if (at == first) return false;
    }
    return at == size;
}

/* Whether a token is named as the reserved, never trained tokens of the known
   tokenizers are. */
OTX__PRIVATE bool otx__is_reserved(const char *text, size_t size)
{
    size_t i;
    for (i = 0; i < OTX__COUNT(otx__reserved_names); i++)
        if (otx__has_shape(text, size, otx__reserved_names[i])) return true;
    return false;
}

/* ---- storage ---- */

/* What otx_vocab.memory points to: one block that holds this, then the tokens,
   then their strings. Nothing in it ever moves, so that tokens may point into it. */
typedef struct otx__vocab_memory {
    size_t size;        /* of the block */
    size_t token_limit; /* tokens that there is room for */
    char *next;         /* where the next string goes */
} otx__vocab_memory;

/* Makes an empty vocabulary with room for that many ids and bytes of strings. */
OTX__PRIVATE otx_result otx__vocab_reserve(const otx_context *ctx, otx_vocab *vocab,
                                           size_t tokens, size_t bytes, otx_error *error)
{
    /* A whole number of tokens, so that the tokens after it are aligned. */
    const size_t head = (sizeof(otx__vocab_memory) + sizeof(otx_token) - 1) / sizeof(otx_token);
    otx__vocab_memory *memory;
    size_t size, before, i;
    memset(vocab, 0, sizeof *vocab);
    for (i = 0; i < OTX_ROLE_COUNT; i++) vocab->roles[i] = -1;
    if (!otx__add(tokens, head, &before) || !otx__mul(before, sizeof(otx_token), &before) ||
        !otx__add(before, bytes, &size))
        return otx__fail_memory(error, UINT64_MAX);
    memory = (otx__vocab_memory *)otx__alloc(ctx, size, 1);
    if (!memory) return otx__fail_memory(error, size);
    memset(memory, 0, before);
    memory->size = size;
    memory->token_limit = tokens;
    memory->next = (char *)memory + before;
    vocab->memory = memory;
    vocab->tokens = (otx_token *)memory + head;
    return OTX_OK;
}

OTX_API void otx_vocab_close(const otx_context *ctx, otx_vocab *vocab)
{
    if (vocab->memory)
        otx__free(ctx, vocab->memory, ((otx__vocab_memory *)vocab->memory)->size, 1);
    memset(vocab, 0, sizeof *vocab);
}

/* Takes `size` bytes of the room for strings. That there is enough of it, whoever
   asked otx__vocab_reserve for it has to know. */
OTX__PRIVATE char *otx__vocab_keep(otx_vocab *vocab, size_t size)
{
    otx__vocab_memory *memory = (otx__vocab_memory *)vocab->memory;
    char *string = memory->next;
    memory->next += size;
    return string;
}

/* ---- index ---- */

/* A hash table of ids, by (kind, bytes) or by content. The hash is seeded with
   the table's own address, so that no file can be made whose tokens all fall into
   one slot; what is found does not depend on it. */
typedef struct otx__token_index {
    const otx_token *tokens;
    uint32_t *slots; /* id + 1, or 0; a power of two of them */
    size_t slot_count;
    uint64_t seed;
    bool by_content; /* and then the kind is ignored */
} otx__token_index;

/* Makes an empty index of tokens[], with room for that many. */
OTX__PRIVATE otx_result otx__index_open(const otx_context *ctx, otx__token_index *index,
                                        const otx_token *tokens, size_t limit, bool by_content,
                                        otx_error *error)
{
    size_t slots = 16;
    while (slots / 2 < limit && slots <= SIZE_MAX / 2) slots *= 2;
    memset(index, 0, sizeof *index);
    index->slots = (uint32_t *)otx__alloc_zero(ctx, slots, sizeof *index->slots);
    if (!index->slots) return otx__fail_memory(error, (uint64_t)slots * sizeof *index->slots);
    index->tokens = tokens;
    index->slot_count = slots;
    index->seed = (uint64_t)(uintptr_t)index->slots * UINT64_C(0x9e3779b97f4a7c15);
    index->seed ^= index->seed >> 32;
    index->by_content = by_content;
    return OTX_OK;
}

OTX__PRIVATE void otx__index_close(const otx_context *ctx, otx__token_index *index)
{
    otx__free(ctx, index->slots, index->slot_count, sizeof *index->slots);
    memset(index, 0, sizeof *index);
}

/* FNV-1a, with the high bits folded into the low ones that pick the slot. */
OTX__PRIVATE size_t otx__token_hash(uint64_t seed, otx_token_kind kind, const char *bytes,
                                    size_t size)
{
    uint64_t hash = seed + (uint64_t)kind;
    size_t i;
    for (i = 0; i < size; i++) {
        hash ^= (unsigned char)bytes[i];
        hash *= UINT64_C(0x100000001b3);
    }
    return (size_t)(hash ^ hash >> 32);
}

/* The slot that holds such a token, or the empty one where it would go. */
OTX__PRIVATE uint32_t *otx__index_slot(const otx__token_index *index, otx_token_kind kind,
                                       const char *bytes, size_t size)
{
    const size_t mask = index->slot_count - 1;
    size_t at;
    if (index->by_content) kind = OTX_TOKEN_NONE;
    at = otx__token_hash(index->seed, kind, bytes, size) & mask;
    for (; index->slots[at]; at = (at + 1) & mask) {
        const otx_token *token = &index->tokens[index->slots[at] - 1];
        if (index->by_content) {
            if (otx__same_bytes(token->content, token->content_size, bytes, size)) break;
        } else if (token->kind == kind) {
            if (otx__same_bytes(token->bytes, token->size, bytes, size)) break;
        }
    }
    return &index->slots[at];
}

/* The id of such a token, or -1. */
OTX__PRIVATE int64_t otx__index_find(const otx__token_index *index, otx_token_kind kind,
                                     const char *bytes, size_t size)
{
    return (int64_t)*otx__index_slot(index, kind, bytes, size) - 1;
}

/* >>> src/vocab/spelling.h */
/* ---- spelling: from a token as it is written to the bytes it stands for ---- */

/* How this tokenizer writes text as tokens. */
typedef struct otx__spelling {
    otx_family family;
    bool byte_fallback; /* <0xNN> is a byte */
    char mark[32];      /* METASPACE: the space; WORDPIECE: the prefix that continues a
                           word; WORD_SUFFIX: the suffix that ends one */
    size_t mark_size;
} otx__spelling;

/* The byte that a character of the GPT-2 alphabet stands for, or -1. Printable
   bytes stand for themselves; the other 68 are U+0100 and on, in order. */
OTX__PRIVATE int otx__byte_of_character(unsigned code)
{
    if ((code >= 0x21 && code <= 0x7e) || (code >= 0xa1 && code <= 0xff && code != 0xad))
        return (int)code;
    if (code < 0x100 || code > 0x143) return -1;
    code -= 0x100;
    if (code <= 0x20) return (int)code;
    if (code == 0x21) return 0x7f;
    return code == 0x43 ? 0xad : (int)(0x80 + (code - 0x22));
}

/* Undoes the GPT-2 alphabet; a token with any other character stands for itself,
   as in the decoder of the tokenizers package. */
OTX__PRIVATE size_t otx__spell_byte_level(const char *content, size_t size, char *to)
{
    size_t at = 0, length = 0;
    while (at < size) {
        const unsigned char lead = (unsigned char)content[at];
        unsigned code = lead;
        int byte;
        if (lead >= 0xc0 && lead < 0xe0)
            code = (lead & 0x1fu) << 6 | ((unsigned char)content[at + 1] & 0x3fu);
        byte = lead < 0xe0 ? otx__byte_of_character(code) : -1;
        if (byte < 0) {
            memcpy(to, content, size);
            return size;
        }
        to[length++] = (char)byte;
        at += lead < 0x80 ? 1 : 2;
    }
    return length;
}

/* Replaces every mark by a space. */
OTX__PRIVATE size_t otx__spell_spaces(const otx__spelling *spelling, const char *content,
                                      size_t size, char *to)
{
    const size_t mark = spelling->mark_size;
    size_t at = 0, length = 0;
    while (at < size) {
        if (size - at >= mark && memcmp(content + at, spelling->mark, mark) == 0) {
            to[length++] = ' ';
            at += mark;
        } else {
            to[length++] = content[at++];
        }
    }
    return length;
}

/* Writes the bytes that a token stands for to `to`, which has room for one more
   than `size`, and returns how many there are. */
OTX__PRIVATE size_t otx__spell(const otx__spelling *spelling, const char *content, size_t size,
                               char *to)
{
    const size_t mark = spelling->mark_size;
    switch (spelling->family) {
    case OTX_FAMILY_BYTE_LEVEL:
        return otx__spell_byte_level(content, size, to);
    case OTX_FAMILY_METASPACE:
    case OTX_FAMILY_WORD_SUFFIX:
        return otx__spell_spaces(spelling, content, size, to);
    case OTX_FAMILY_WORDPIECE: /* what continues no word begins one, after a space */
        if (size >= mark && memcmp(content, spelling->mark, mark) == 0) {
            memcpy(to, content + mark, size - mark);
            return size - mark;
        }
        to[0] = ' ';
        memcpy(to + 1, content, size);
        return size + 1;
    default:
        memcpy(to, content, size);
        return size;
    }
}

/* The byte of a token that is exactly <0xNN>, or -1. */
OTX__PRIVATE int otx__fallback_byte(const char *content, size_t size)
{
    int high, low;
    if (size != 6 || memcmp(content, "<0x", 3) != 0 || content[5] != '>') return -1;
    high = otx__hex_digit(content[3]);
    low = otx__hex_digit(content[4]);
    return high < 0 || low < 0 ? -1 : high * 16 + low;
}

/* What a string of `size` bytes takes in the table at most: its content, and its
   bytes, which a word mark may make longer by one. */
OTX__PRIVATE uint64_t otx__string_room(uint64_t size) { return 2 * size + 1; }

/* Settles kind and bytes of a token whose content and kind are known: TEXT, CONTROL
   or UNUSED, and BYTE only where the content is <0xNN>. The bytes are written where
   the next string goes (otx__string_room has seen to the room), and kept only if they
   differ from the content. */
OTX__PRIVATE void otx__finish_token(otx_vocab *vocab, const otx__spelling *spelling,
                                    otx_token *token)
{
    otx__vocab_memory *memory = (otx__vocab_memory *)vocab->memory;
    int byte = -1;
    token->bytes = token->content;
    token->size = token->content_size;
    if (otx__is_reserved(token->content, token->content_size)) token->kind = OTX_TOKEN_UNUSED;
    if (token->kind != OTX_TOKEN_TEXT && token->kind != OTX_TOKEN_BYTE) return;
    if (spelling->byte_fallback || token->kind == OTX_TOKEN_BYTE)
        byte = otx__fallback_byte(token->content, token->content_size);
    if (byte >= 0) {
        token->kind = OTX_TOKEN_BYTE;
        memory->next[0] = (char)byte;
        token->size = 1;
    } else {
        token->size =
            (uint32_t)otx__spell(spelling, token->content, token->content_size, memory->next);
    }
    if (!otx__same_bytes(memory->next, token->size, token->content, token->content_size))
        token->bytes = otx__vocab_keep(vocab, token->size);
}

/* >>> src/vocab/reader.h */
/* ---- reader: what the readers of all sources share ---------------------------- */

/* One token as the file of a model gives it. */
typedef struct otx__given {
    uint64_t id;
    const char *content; /* until the next one is asked for */
    size_t size;
    otx_token_kind kind; /* never NONE */
    bool added;          /* not of the text that the model was trained on */
} otx__given;

/* What it means that a file gives one content to two ids. */
typedef enum otx__repeat {
    OTX__REPEAT_REPLACES, /* only the last counts: the first id has no token */
    OTX__REPEAT_STAYS,    /* both are tokens, and the content means the last */
    OTX__REPEAT_APART,    /* a fault, but between control tokens or bytes and others;
                             the content then means the former */
    OTX__REPEAT_REFUSED   /* a fault */
} otx__repeat;

/* The id of an added token that the model lacks. */
typedef enum otx__numbering {
    OTX__NUMBERED_ON,      /* the next one, whatever is declared: as the tokenizers
                              package has it */
    OTX__NUMBERED_IN_PLACE, /* that of the token it is declared to replace, or the next */
    OTX__NUMBERED_AS_SAID  /* the declared one */
} otx__numbering;

struct otx__tokenizer;

/* A kind of file with tokens. */
typedef struct otx__vocab_reader {
    const char *source; /* see otx_vocab */
    otx__numbering numbering;
    bool complete;      /* it lists the added tokens itself; other files should add none */
    /* Checks the file and sets what it knows of the tokenizer. */
    otx_result (*open)(struct otx__tokenizer *t);
    /* The next token, or *more = false after the last. Runs twice over the file:
       otx__rewind_words goes before each time. */
    otx_result (*next)(struct otx__tokenizer *t, otx__given *word, bool *more);
    /* Sets t->fallback, when all tokens are known. */
    otx_result (*roles)(struct otx__tokenizer *t);
} otx__vocab_reader;

/* What is at hand while a vocabulary is read. JSON documents that are absent are
   empty, so that looking things up in them finds nothing. */
typedef struct otx__tokenizer {
    const otx_context *ctx;
    const otx__vocab_reader *reader;
    const otx_vocab_text *texts;
    const char *name;
    otx_error *error;
    otx_json config, special_map, added;
    bool legacy; /* tokenizer_config.json lists no added tokens */

    /* What a reader knows, and where it is. */
    otx_vocab_text text;      /* its file */
    otx_json json;            /* the same, if it is JSON */
    const char *type;         /* of the model: a literal */
    otx__spelling spelling;
    otx__repeat repeat;
    uint32_t model, words;    /* nodes: the object that describes the tokens, and they */
    bool ids_by_position;     /* Unigram: a list instead of an object */
    uint32_t specials;        /* tekken.json: the node of the special tokens, ... */
    uint64_t special_count;   /* ... how many ids are theirs, ... */
    uint64_t word_count;      /* ... and how many entries of the list count */
    const struct otx__piece_layout *layout; /* SentencePiece: how ids are numbered */
    uint64_t extra_ids;       /* ... and T5's count of <extra_id_N> */
    otx__span role_names[OTX_ROLE_COUNT]; /* ... and its control pieces */
    uint64_t past;            /* ... and tokens given after the last piece */
    uint64_t position;        /* of the next token */
    size_t offset;            /* in the text: of the next line or field */
    otx_json_iter entries;    /* of `words` or `specials`; set at their first */
    int64_t fallback[OTX_ROLE_COUNT]; /* ids for roles that no file names, or -1 */

    otx_vocab *vocab;
    otx__token_index contents; /* the id of each content */
    size_t model_size;         /* tokens of the model */
    int64_t last_added;        /* highest id of an added token, or -1 */
    char *scratch;             /* the string decoded last */
    size_t scratch_capacity;
} otx__tokenizer;

/* ---- small tools ---- */

/* For a message about many tokens: how many there are, and the first of them. */
typedef struct otx__example {
    char quoted[OTX__QUOTED];
    uint64_t count, id, declared;
} otx__example;

OTX__PRIVATE void otx__example_add(otx__example *example, const char *bytes, size_t size,
                                   uint64_t id, uint64_t declared)
{
    if (example->count++) return;
    (void)otx__quote(example->quoted, sizeof example->quoted, bytes, size);
    example->id = id;
    example->declared = declared;
}

/* Room for `need` bytes at t->scratch, whose contents are lost. */
OTX__PRIVATE otx_result otx__tokenizer_scratch(otx__tokenizer *t, size_t need)
{
    void *items = t->scratch;
    if (!otx__grow(t->ctx, &items, &t->scratch_capacity, need, 1))
        return otx__fail_memory(t->error, need);
    t->scratch = (char *)items;
    return OTX_OK;
}

/* Decodes a string node to t->scratch, which the next call overwrites. */
OTX__PRIVATE otx_result otx__tokenizer_string(otx__tokenizer *t, const otx_json *json,
                                              uint32_t node, size_t *size)
{
    const size_t need = otx__json_span(json, node).size + 1;
    otx_result result = otx__tokenizer_scratch(t, need);
    if (!result) *size = otx_json_string(json, node, t->scratch);
    return result;
}

/* A string given as such or as {"content": "..."}; or OTX_JSON_NONE. */
OTX__PRIVATE uint32_t otx__content_node(const otx_json *json, uint32_t node)
{
    if (otx_json_type_of(json, node) == OTX_JSON_OBJECT)
        node = otx_json_find(json, node, "content");
    return otx_json_type_of(json, node) == OTX_JSON_STRING ? node : OTX_JSON_NONE;
}

/* The id of the token with that content, or -1. */
OTX__PRIVATE otx_result otx__find_content(otx__tokenizer *t, const otx_json *json,
                                          uint32_t node, int64_t *id)
{
    size_t size = 0;
    otx_result result = otx__tokenizer_string(t, json, node, &size);
    if (!result) *id = otx__index_find(&t->contents, OTX_TOKEN_NONE, t->scratch, size);
    return result;
}

OTX__PRIVATE int64_t otx__find_text(const otx__tokenizer *t, const char *text)
{
    return otx__index_find(&t->contents, OTX_TOKEN_NONE, text, strlen(text));
}

/* Sets the tokens of roles that no file names, by their contents. */
OTX__PRIVATE void otx__fall_back_on(otx__tokenizer *t, const otx__known_role *roles,
                                    size_t count)
{
    size_t i;
    for (i = 0; i < count; i++) t->fallback[roles[i].role] = otx__find_text(t, roles[i].content);
}

/* The next line of the reader's text, without its end ("\n" or "\r\n"). */
OTX__PRIVATE bool otx__next_line(otx__tokenizer *t, const char **line, size_t *size)
{
    const char *start, *end;
    if (t->offset >= t->text.size) return false;
    start = t->text.bytes + t->offset;
    end = (const char *)memchr(start, '\n', t->text.size - t->offset);
    *line = start;
    *size = end ? (size_t)(end - start) : t->text.size - t->offset;
    t->offset += *size + (end ? 1 : 0);
    if (end && *size > 0 && start[*size - 1] == '\r') --*size;
    return true;
}

/* ---- JSON files ---- */

/* Parses a file that goes with the one that t->name names, in the same directory.
   Python reads and writes these. */
OTX__PRIVATE otx_result otx__open_beside(otx__tokenizer *t, otx_vocab_file file,
                                         otx_json *json)
{
    const otx_vocab_text *text = &t->texts[file];
    const char *other = otx__usual_name(file);
    const char *slash = strrchr(t->name, '/');
    char name[512];
    otx_json_options options;
    otx_result result;
    if (!text->bytes) return OTX_OK;
    memset(&options, 0, sizeof options);
    options.allow_nonfinite = true;
    if (slash && slash - t->name < 400)
        (void)snprintf(name, sizeof name, "%.*s/%s", (int)(slash - t->name), t->name, other);
    else
        (void)snprintf(name, sizeof name, "%.400s: %s", t->name, other);
    result = otx_json_parse(t->ctx, text->bytes, text->size, name, &options, json, t->error);
    if (!result && otx_json_type_of(json, 0) != OTX_JSON_OBJECT)
        result = otx__fail(t->error, OTX_ERROR_FORMAT, "%s: expected a JSON object", name);
    return result;
}

/* Parses the reader's own file, which must hold an object. */
OTX__PRIVATE otx_result otx__open_own(otx__tokenizer *t)
{
    otx_result result = otx_json_parse(t->ctx, t->text.bytes, t->text.size, t->name, NULL,
                                       &t->json, t->error);
    if (!result && otx_json_type_of(&t->json, 0) != OTX_JSON_OBJECT)
        result = otx__fail(t->error, OTX_ERROR_FORMAT, "%s: expected a JSON object", t->name);
    return result;
}

/* The next member of the object t->words, {"content": id}. */
OTX__PRIVATE otx_result otx__next_member(otx__tokenizer *t, otx__given *word, bool *more)
{
    const otx_json *json = &t->json;
    char quoted[OTX__QUOTED], number[OTX__QUOTED];
    otx_result result;
    if (t->position++ == 0) t->entries = otx_json_iter_of(json, t->words);
    *more = otx_json_iter_next(&t->entries);
    if (!*more) return OTX_OK;
    if (!otx_json_uint(json, t->entries.value, &word->id) || word->id > UINT32_MAX)
        return otx__fail(t->error, OTX_ERROR_FORMAT,
                         "%s: token \"%s\" has the id %s, expected a whole number from 0 to "
                         "%" PRIu32, t->name, otx__quote_node(quoted, json, t->entries.key),
                         otx__quote_node(number, json, t->entries.value), UINT32_MAX);
    result = otx__tokenizer_string(t, json, t->entries.key, &word->size);
    word->content = t->scratch;
    word->kind = OTX_TOKEN_TEXT;
    return result;
}

/* ---- the model's tokens ---- */

/* What a table of the model's tokens takes. */
typedef struct otx__census {
    uint64_t count, ids, bytes; /* ids: the highest + 1 */
} otx__census;

/* The ids that a vocabulary of so many tokens may have: they may have holes, but the
   memory must stay in proportion to the file. */
OTX__PRIVATE uint64_t otx__id_limit(uint64_t count) { return 16 * count + 65536; }

OTX__PRIVATE void otx__rewind_words(otx__tokenizer *t)
{
    t->position = 0;
    t->offset = 0;
    t->past = 0;
}

/* Reports the first token whose id is beyond the limit. */
OTX__PRIVATE otx_result otx__fail_id(otx__tokenizer *t, uint64_t count)
{
    const uint64_t limit = otx__id_limit(count);
    char quoted[OTX__QUOTED];
    otx__given word;
    bool more = true;
    otx_result result;
    memset(&word, 0, sizeof word);
    otx__rewind_words(t);
    do result = t->reader->next(t, &word, &more);
    while (!result && more && word.id < limit);
    if (result) return result;
    return otx__fail(t->error, OTX_ERROR_LIMIT,
                     "%s: token \"%s\" has the id %" PRIu64 ", and a vocabulary of %" PRIu64
                     " tokens may have ids below %" PRIu64, t->name,
                     otx__quote(quoted, sizeof quoted, word.content, word.size), word.id, count,
                     limit);
}

OTX__PRIVATE otx_result otx__count_words(otx__tokenizer *t, otx__census *census)
{
    otx__given word;
    bool more;
    memset(census, 0, sizeof *census);
    memset(&word, 0, sizeof word);
    otx__rewind_words(t);
    for (;;) {
        otx_result result = t->reader->next(t, &word, &more);
        if (result) return result;
        if (!more) break;
        census->count++;
        census->bytes += otx__string_room(word.size);
        if (word.id >= census->ids) census->ids = word.id + 1;
    }
    if (census->count == 0 && !t->reader->complete)
        return otx__fail(t->error, OTX_ERROR_FORMAT, "%s: holds no token", t->name);
    if (census->ids > otx__id_limit(census->count)) return otx__fail_id(t, census->count);
    return OTX_OK;
}

/* What becomes of a content that an earlier token has, which `slot` names. Sets
   *stays if the content goes on meaning that one. */
OTX__PRIVATE otx_result otx__repeat_word(otx__tokenizer *t, const otx__given *word,
                                         uint32_t slot, bool *stays)
{
    otx_token *earlier = &t->vocab->tokens[slot - 1];
    char quoted[OTX__QUOTED];
    bool control = word->kind == OTX_TOKEN_CONTROL || word->kind == OTX_TOKEN_BYTE;
    if (t->repeat == OTX__REPEAT_REPLACES) {
        memset(earlier, 0, sizeof *earlier);
        t->vocab->token_count--;
    }
    if (t->repeat < OTX__REPEAT_APART) return OTX_OK;
    *stays = earlier->kind == OTX_TOKEN_CONTROL || earlier->kind == OTX_TOKEN_BYTE;
    if (t->repeat == OTX__REPEAT_APART && *stays != control) return OTX_OK;
    return otx__fail(t->error, OTX_ERROR_FORMAT, "%s: token \"%s\" is given twice, as ids "
                     "%" PRIu32 " and %" PRIu64, t->name,
                     otx__quote(quoted, sizeof quoted, word->content, word->size), slot - 1,
                     word->id);
}

/* Gives the token an id. */
OTX__PRIVATE otx_result otx__put_token(otx__tokenizer *t, const otx__given *word)
{
    otx_token *token = &t->vocab->tokens[word->id];
    uint32_t *slot = otx__index_slot(&t->contents, OTX_TOKEN_NONE, word->content, word->size);
    bool stays = false;
    char *content;
    if (*slot) {
        otx_result result = otx__repeat_word(t, word, *slot, &stays);
        if (result) return result;
    }
    if (token->kind != OTX_TOKEN_NONE) {
        char first[OTX__QUOTED], second[OTX__QUOTED];
        return otx__fail(t->error, OTX_ERROR_FORMAT,
                         "%s: tokens \"%s\" and \"%s\" both have the id %" PRIu64
                         ", and a model has one row for it", t->name,
                         otx__quote(first, sizeof first, token->content, token->content_size),
                         otx__quote(second, sizeof second, word->content, word->size),
                         word->id);
    }
    content = otx__vocab_keep(t->vocab, word->size);
    if (word->size) memcpy(content, word->content, word->size);
    token->content = content;
    token->content_size = (uint32_t)word->size;
    token->kind = word->kind;
    token->added = word->added;
    if (!stays) *slot = (uint32_t)word->id + 1;
    t->vocab->token_count++;
    return OTX_OK;
}

OTX__PRIVATE otx_result otx__read_model(otx__tokenizer *t)
{
    otx__given word;
    bool more = true;
    memset(&word, 0, sizeof word);
    otx__rewind_words(t);
    while (more) {
        otx_result result = t->reader->next(t, &word, &more);
        if (!result && more) result = otx__put_token(t, &word);
        if (result) return result;
    }
    t->model_size = t->vocab->token_count;
    return OTX_OK;
}

/* >>> src/vocab/added_tokens.h */
/* ---- added tokens: what other files add to a model's tokens ------------------ */

/* A token that one of the files adds to those of the model. */
typedef struct otx__added_token {
    uint64_t declared; /* its id, by the file */
    uint32_t content;  /* a node */
    bool special;
} otx__added_token;

/* A list of them, in the order in which they are added. */
typedef struct otx__added_list {
    const otx_json *json;
    const char *file;
    otx__added_token *tokens;
    size_t count;
} otx__added_list;

/* ---- lists of added tokens ---- */

OTX__PRIVATE int otx__compare_added(const void *a, const void *b)
{
    const otx__added_token *x = (const otx__added_token *)a, *y = (const otx__added_token *)b;
    if (x->declared != y->declared) return x->declared < y->declared ? -1 : 1;
    return x->content < y->content ? -1 : x->content > y->content;
}

/* An id written as the name of a member: decimal digits only. */
OTX__PRIVATE bool otx__id_of_key(const otx_json *json, uint32_t key, uint64_t *id)
{
    const otx__span digits = otx__json_span(json, key);
    return digits.size <= 10 && otx__parse_uint(digits, id) && *id <= UINT32_MAX;
}

/* Where a file that adds tokens has the parts of one entry. */
typedef enum otx__added_form {
    OTX__ADDED_LIST,  /* tokenizer.json: [{"id": 3, "content": "x", "special": true}] */
    OTX__ADDED_BY_ID, /* added_tokens_decoder: {"3": {"content": "x", "special": true}} */
    OTX__ADDED_BY_NAME /* added_tokens.json: {"x": 3} */
} otx__added_form;

OTX__PRIVATE bool otx__added_entry(const otx_json_iter *entry, otx__added_form form,
                                   otx__added_token *token)
{
    const otx_json *json = entry->json;
    const uint32_t special = otx_json_find(json, entry->value, "special");
    uint32_t id = entry->value;
    token->content = form == OTX__ADDED_BY_NAME ? entry->key
                                                : otx_json_find(json, entry->value, "content");
    token->special = otx_json_type_of(json, special) == OTX_JSON_TRUE;
    if (special != OTX_JSON_NONE && !token->special &&
        otx_json_type_of(json, special) != OTX_JSON_FALSE)
        return false;
    if (otx_json_type_of(json, token->content) != OTX_JSON_STRING) return false;
    if (form == OTX__ADDED_BY_ID) return otx__id_of_key(json, entry->key, &token->declared);
    if (form == OTX__ADDED_LIST) id = otx_json_find(json, entry->value, "id");
    return otx_json_uint(json, id, &token->declared) && token->declared <= UINT32_MAX;
}

/* Collects the tokens that a file adds. The two forms that are objects are added
   in the order of their ids, as transformers does. */
OTX__PRIVATE otx_result otx__list_added(otx__tokenizer *t, const otx_json *json, uint32_t node,
                                        otx__added_form form, const char *file,
                                        otx__added_list *list)
{
    const bool object = form != OTX__ADDED_LIST;
    const uint32_t count = otx_json_count(json, node);
    otx_json_iter entry = otx_json_iter_of(json, node);
    if (node == OTX_JSON_NONE) return OTX_OK;
    if (otx_json_type_of(json, node) != (object ? OTX_JSON_OBJECT : OTX_JSON_ARRAY))
        return otx__fail(t->error, OTX_ERROR_FORMAT, "%s: %s must be an %s", t->name, file,
                         object ? "object" : "array");
    list->json = json;
    list->file = file;
    list->tokens = (otx__added_token *)otx__alloc(t->ctx, count, sizeof *list->tokens);
    if (!list->tokens)
        return otx__fail_memory(t->error, (uint64_t)count * sizeof *list->tokens);
    list->count = count;
    while (otx_json_iter_next(&entry))
        if (!otx__added_entry(&entry, form, &list->tokens[entry.index]))
            return otx__fail(t->error, OTX_ERROR_FORMAT,
                             "%s: entry %" PRIu32 " of %s lacks a content that is a string, "
                             "an id from 0 to %" PRIu32 ", or a special that is true or false",
                             t->name, entry.index, file, UINT32_MAX);
    if (object) otx__sort(list->tokens, count, sizeof *list->tokens, otx__compare_added);
    return OTX_OK;
}

/* The id that the next new added token gets. */
OTX__PRIVATE uint64_t otx__next_added_id(const otx__tokenizer *t)
{
    return otx__max(t->model_size, (size_t)(t->last_added + 1));
}

/* What is worth saying about a list of added tokens. */
typedef struct otx__added_news {
    otx__example moved;  /* ids that differ from what the file says */
    otx__example fresh;  /* tokens that the files before it lack */
    otx__example raised; /* tokens that are special only by this file */
} otx__added_news;

OTX__PRIVATE void otx__report_added(const otx__tokenizer *t, const otx__added_list *list,
                                    const otx__added_news *news)
{
    const bool beside = t->reader->complete && list->json != &t->json;
    const char *file = list->file;
    if (news->moved.count)
        otx__log(t->ctx, OTX_WARNING,
                 "%s: %s: %" PRIu64 " tokens have another id at run time than the file says, "
                 "such as \"%s\": %" PRIu64 " instead of %" PRIu64, t->name, file,
                 news->moved.count, news->moved.quoted, news->moved.id, news->moved.declared);
    if (news->fresh.count && beside)
        otx__log(t->ctx, OTX_WARNING,
                 "%s: %s: %" PRIu64 " tokens are not in tokenizer.json and are added after its "
                 "own, such as \"%s\" with the id %" PRIu64, t->name, file, news->fresh.count,
                 news->fresh.quoted, news->fresh.id);
    if (news->raised.count && beside)
        otx__log(t->ctx, OTX_WARNING,
                 "%s: %s: %" PRIu64 " tokens are special, but not so in tokenizer.json, such "
                 "as \"%s\" with the id %" PRIu64, t->name, file, news->raised.count,
                 news->raised.quoted, news->raised.id);
}

/* The token that an added token replaces by its declared id: a placeholder of the
   model, such as InternLM's [UNUSED_TOKEN_145]. Or NULL. */
OTX__PRIVATE otx_token *otx__replaced_token(const otx__tokenizer *t, uint64_t declared)
{
    const otx__vocab_memory *memory = (const otx__vocab_memory *)t->vocab->memory;
    if (t->reader->numbering != OTX__NUMBERED_IN_PLACE || declared >= memory->token_limit ||
        t->vocab->tokens[declared].kind == OTX_TOKEN_NONE)
        return NULL;
    return &t->vocab->tokens[declared];
}

/* Makes the content in t->scratch, which no token has, a token. */
OTX__PRIVATE otx_result otx__put_added(otx__tokenizer *t, uint64_t declared, size_t size,
                                       uint64_t *next, int64_t *id)
{
    otx_token *replaced = otx__replaced_token(t, declared);
    otx__given word;
    otx_result result;
    word.content = t->scratch;
    word.size = size;
    word.kind = OTX_TOKEN_TEXT;
    word.added = false; /* not before it is known what becomes of it */
    word.id = *next;
    if (replaced || t->reader->numbering == OTX__NUMBERED_AS_SAID) word.id = declared;
    else ++*next;
    if (replaced) {
        memset(replaced, 0, sizeof *replaced);
        t->vocab->token_count--;
    }
    result = otx__put_token(t, &word);
    *id = (int64_t)word.id;
    return result;
}

/* Adds a list. Content that is known keeps its id, whatever is declared; for other
   content see otx__numbering. */
OTX__PRIVATE otx_result otx__add_tokens(otx__tokenizer *t, const otx__added_list *list)
{
    uint64_t next = otx__next_added_id(t);
    otx__added_news news;
    size_t i;
    memset(&news, 0, sizeof news);
    for (i = 0; i < list->count; i++) {
        const otx__added_token *added = &list->tokens[i];
        otx_token *token;
        size_t size = 0;
        int64_t id;
        otx_result result = otx__tokenizer_string(t, list->json, added->content, &size);
        if (result) return result;
        if (size == 0) continue;
        id = otx__index_find(&t->contents, OTX_TOKEN_NONE, t->scratch, size);
        if (id < 0) {
            result = otx__put_added(t, added->declared, size, &next, &id);
            if (result) return result;
            otx__example_add(&news.fresh, t->scratch, size, (uint64_t)id, 0);
        }
        token = &t->vocab->tokens[id];
        if ((uint64_t)id != added->declared)
            otx__example_add(&news.moved, t->scratch, size, (uint64_t)id, added->declared);
        if (added->special && token->added && token->kind == OTX_TOKEN_TEXT)
            otx__example_add(&news.raised, t->scratch, size, (uint64_t)id, 0);
        if (added->special) token->kind = OTX_TOKEN_CONTROL;
        token->added = true;
        if (id > t->last_added) t->last_added = id;
    }
    otx__report_added(t, list, &news);
    return OTX_OK;
}

/* ---- special tokens and roles ---- */

/* Marks the tokens that a file names as special, in a list or in an object. */
OTX__PRIVATE otx_result otx__mark_special(otx__tokenizer *t, const otx_json *json,
                                          const char *key)
{
    const uint32_t list = otx_json_find(json, 0, key);
    otx_json_iter named = otx_json_iter_of(json, list);
    otx__example missing;
    memset(&missing, 0, sizeof missing);
    while (otx_json_iter_next(&named)) {
        const uint32_t content = otx__content_node(json, named.value);
        size_t size = 0;
        int64_t id;
        otx_result result;
        if (content == OTX_JSON_NONE) continue;
        result = otx__tokenizer_string(t, json, content, &size);
        if (result) return result;
        id = otx__index_find(&t->contents, OTX_TOKEN_NONE, t->scratch, size);
        if (id >= 0) t->vocab->tokens[id].kind = OTX_TOKEN_CONTROL;
        else otx__example_add(&missing, t->scratch, size, 0, 0);
    }
    if (missing.count)
        otx__log(t->ctx, OTX_WARNING,
                 "%s: %" PRIu64 " of the %s are no tokens of the tokenizer, such as \"%s\"",
                 t->name, missing.count, key, missing.quoted);
    return OTX_OK;
}

/* The node that names the token of a role, and the file it stands in; NONE if there
   is none. special_tokens_map.json goes before tokenizer_config.json, but is read
   only if the latter lists no added tokens, as by transformers. */
OTX__PRIVATE uint32_t otx__role_node(const otx__tokenizer *t, const char *key,
                                     const otx_json **json)
{
    uint32_t node = OTX_JSON_NONE;
    *json = &t->special_map;
    if (t->legacy) node = otx_json_find(*json, 0, key);
    if (node != OTX_JSON_NONE) return node;
    *json = &t->config;
    return otx_json_find(*json, 0, key);
}

/* Finds the token of every role. One that no file speaks of is the reader's; an
   unknown token is so even where a file says that there is none. */
OTX__PRIVATE otx_result otx__read_roles(otx__tokenizer *t)
{
    int64_t *roles = t->vocab->roles;
    int role;
    for (role = 0; role < OTX_ROLE_COUNT; role++) {
        const otx_json *json;
        const char *key = otx__role_keys[role];
        char quoted[OTX__QUOTED];
        uint32_t node, content;
        otx_result result;
        node = otx__role_node(t, key, &json);
        content = otx__content_node(json, node);
        if (content != OTX_JSON_NONE) {
            result = otx__find_content(t, json, content, &roles[role]);
            if (result) return result;
            if (roles[role] < 0)
                otx__log(t->ctx, OTX_WARNING, "%s: the %s \"%s\" is no token of the tokenizer",
                         t->name, key, otx__quote_node(quoted, json, content));
        }
        if (node == OTX_JSON_NONE || (role == OTX_ROLE_UNK && roles[role] < 0))
            roles[role] = t->fallback[role];
    }
    return OTX_OK;
}

/* >>> src/vocab/from_tokenizer_json.h */
/* ---- tokenizer.json: the vocabulary as the `tokenizers` package sees it ---- */

/* ---- the model: its type, its merges ---- */

/* The type of a model without `type`, by the members that only it has: files
   from before the type was written. */
OTX__PRIVATE const char *otx__legacy_model_type(const otx_json *json, uint32_t model)
{
    if (otx_json_type_of(json, otx_json_find(json, model, "vocab")) == OTX_JSON_ARRAY)
        return "Unigram";
    if (otx_json_find(json, model, "merges") != OTX_JSON_NONE) return "BPE";
    if (otx_json_find(json, model, "unk_token") == OTX_JSON_NONE) return NULL;
    return otx_json_find(json, model, "continuing_subword_prefix") != OTX_JSON_NONE &&
                   otx_json_find(json, model, "max_input_chars_per_word") != OTX_JSON_NONE
               ? "WordPiece"
               : "WordLevel";
}

/* Finds the model, its type and its vocabulary. */
OTX__PRIVATE otx_result otx__find_model(otx__tokenizer *t)
{
    static const char *const types[] = {"BPE", "WordPiece", "WordLevel", "Unigram"};
    const otx_json *json = &t->json;
    const uint32_t version = otx_json_find(json, 0, "version");
    uint32_t node;
    size_t i;
    if (version != OTX_JSON_NONE && !otx_json_equals(json, version, "1.0"))
        return otx__fail(t->error, OTX_ERROR_UNSUPPORTED, "%s: version is not \"1.0\"",
                         t->name);
    t->model = otx_json_find(json, 0, "model");
    if (otx_json_type_of(json, t->model) != OTX_JSON_OBJECT)
        return otx__fail(t->error, OTX_ERROR_FORMAT, "%s: there is no object \"model\"",
                         t->name);
    node = otx_json_find(json, t->model, "type");
    t->type = NULL;
    for (i = 0; i < OTX__COUNT(types); i++)
        if (otx_json_equals(json, node, types[i])) t->type = types[i];
    if (node == OTX_JSON_NONE) t->type = otx__legacy_model_type(json, t->model);
    if (!t->type)
        return otx__fail(t->error, OTX_ERROR_UNSUPPORTED,
                         "%s: the model's type is %s BPE, WordPiece, WordLevel or Unigram",
                         t->name, node == OTX_JSON_NONE ? "not given, and does not look like"
                                                        : "none of");
    t->ids_by_position = strcmp(t->type, "Unigram") == 0;
    t->words = otx_json_find(json, t->model, "vocab");
    if (otx_json_type_of(json, t->words) !=
        (t->ids_by_position ? OTX_JSON_ARRAY : OTX_JSON_OBJECT))
        return otx__fail(t->error, OTX_ERROR_FORMAT,
                         "%s: the vocabulary of a %s model must be %s", t->name, t->type,
                         t->ids_by_position ? "an array" : "an object");
    return OTX_OK;
}

/* Whether a merge is "a b", with one space in it, or a comment. */
OTX__PRIVATE bool otx__is_merge_line(const char *line, size_t size)
{
    size_t i, spaces = 0;
    if (size >= 8 && memcmp(line, "#version", 8) == 0) return true;
    for (i = 0; i < size; i++) spaces += line[i] == ' ';
    return spaces == 1;
}

/* Whether a node is an array of two items of these types. */
OTX__PRIVATE bool otx__is_pair(const otx_json *json, uint32_t node, otx_json_type first,
                               otx_json_type second)
{
    return otx_json_type_of(json, node) == OTX_JSON_ARRAY && otx_json_count(json, node) == 2 &&
           otx_json_type_of(json, otx_json_item(json, node, 0)) == first &&
           otx_json_type_of(json, otx_json_item(json, node, 1)) == second;
}

/* Merges make no tokens, but a file whose merges are broken is no tokenizer.
   They are all "a b" or all ["a", "b"]. */
OTX__PRIVATE otx_result otx__check_merges(otx__tokenizer *t)
{
    const otx_json *json = &t->json;
    const uint32_t merges = otx_json_find(json, t->model, "merges");
    otx_json_type wanted = OTX_JSON_NULL;
    otx_json_iter merge = otx_json_iter_of(json, merges);
    if (otx_json_type_of(json, merges) != OTX_JSON_ARRAY)
        return otx__fail(t->error, OTX_ERROR_FORMAT,
                         "%s: a BPE model must have an array \"merges\"", t->name);
    while (otx_json_iter_next(&merge)) {
        const otx_json_type type = otx_json_type_of(json, merge.value);
        bool good = type == OTX_JSON_STRING;
        if (good) {
            size_t size = 0;
            otx_result result = otx__tokenizer_string(t, json, merge.value, &size);
            if (result) return result;
            good = otx__is_merge_line(t->scratch, size);
        } else {
            good = otx__is_pair(json, merge.value, OTX_JSON_STRING, OTX_JSON_STRING);
        }
        if (merge.index == 0) wanted = type;
        if (!good || type != wanted)
            return otx__fail(t->error, OTX_ERROR_FORMAT,
                             "%s: merge %" PRIu32 " is neither \"a b\" nor [\"a\", \"b\"], or "
                             "not written as the first is", t->name, merge.index);
    }
    return OTX_OK;
}

/* ---- spelling ---- */

/* The first object of that type after node `after`, within the decoder (or
   pre-tokenizer or normalizer) `part`, in its sequences too; or OTX_JSON_NONE. */
OTX__PRIVATE uint32_t otx__find_step(const otx_json *json, uint32_t part, uint32_t after,
                                     const char *type)
{
    const uint32_t end = otx_json_after(json, part);
    uint32_t node;
    for (node = after == OTX_JSON_NONE ? part : after + 1; node < end; node++)
        if (otx_json_equals(json, otx_json_find(json, node, "type"), type)) return node;
    return OTX_JSON_NONE;
}

/* The string that a step replaces by a space (or, in a normalizer, puts in its
   place), or OTX_JSON_NONE. */
OTX__PRIVATE uint32_t otx__replaced_by_space(const otx_json *json, uint32_t part,
                                             bool normalizer)
{
    uint32_t step = OTX_JSON_NONE;
    while ((step = otx__find_step(json, part, step, "Replace")) != OTX_JSON_NONE) {
        const uint32_t pattern = otx_json_find(json, step, "pattern");
        const uint32_t from = otx_json_find(json, pattern, "String");
        const uint32_t to = otx_json_find(json, step, "content");
        if (otx_json_equals(json, normalizer ? from : to, " ")) return normalizer ? to : from;
    }
    return OTX_JSON_NONE;
}

/* Sets the family and its mark, if `node` is a string that is not empty. */
OTX__PRIVATE bool otx__spell_with(const otx_json *json, otx__spelling *spelling,
                                  otx_family family, uint32_t node)
{
    const size_t size = otx__json_span(json, node).size;
    if (otx_json_type_of(json, node) != OTX_JSON_STRING || size == 0 ||
        size > sizeof spelling->mark)
        return false;
    spelling->family = family;
    spelling->mark_size = otx_json_string(json, node, spelling->mark);
    return true;
}

/* Where the mark of a family may be given. */
typedef struct otx__mark_place {
    const char *part, *step, *member; /* step NULL: the member of the part itself */
    otx_family family;
} otx__mark_place;

OTX__PRIVATE uint32_t otx__mark_node(const otx_json *json, const otx__mark_place *place)
{
    const uint32_t part = otx_json_find(json, 0, place->part);
    if (!place->step) return otx_json_find(json, part, place->member);
    if (strcmp(place->step, "Replace") == 0)
        return otx__replaced_by_space(json, part, strcmp(place->member, "content") == 0);
    return otx_json_find(json, otx__find_step(json, part, OTX_JSON_NONE, place->step),
                         place->member);
}

/* Finds out the family: from the decoder where it tells, since that is what turns
   tokens into text, and else from what text goes through on its way in. */
OTX__PRIVATE void otx__find_spelling(otx__tokenizer *t)
{
    static const char *const parts[] = {"decoder", "pre_tokenizer", "normalizer"};
    static const otx__mark_place places[] = {
        {"decoder", "Metaspace", "replacement", OTX_FAMILY_METASPACE},
        {"decoder", "Replace", "pattern", OTX_FAMILY_METASPACE},
        {"decoder", "WordPiece", "prefix", OTX_FAMILY_WORDPIECE},
        {"decoder", "BPEDecoder", "suffix", OTX_FAMILY_WORD_SUFFIX},
        {"pre_tokenizer", "Metaspace", "replacement", OTX_FAMILY_METASPACE},
        {"normalizer", "Replace", "content", OTX_FAMILY_METASPACE},
        {"model", NULL, "continuing_subword_prefix", OTX_FAMILY_WORDPIECE},
        {"model", NULL, "end_of_word_suffix", OTX_FAMILY_WORD_SUFFIX},
    };
    const otx_json *json = &t->json;
    const uint32_t decoder = otx_json_find(json, 0, "decoder");
    otx__spelling *spelling = &t->spelling;
    size_t i;
    spelling->byte_fallback =
        otx__find_step(json, decoder, OTX_JSON_NONE, "ByteFallback") != OTX_JSON_NONE ||
        otx_json_type_of(json, otx_json_find(json, t->model, "byte_fallback")) == OTX_JSON_TRUE;
    for (i = 0; i < OTX__COUNT(parts); i++) {
        const uint32_t part = otx_json_find(json, 0, parts[i]);
        if (otx__find_step(json, part, OTX_JSON_NONE, "ByteLevel") == OTX_JSON_NONE) continue;
        spelling->family = OTX_FAMILY_BYTE_LEVEL;
        return;
    }
    for (i = 0; i < OTX__COUNT(places); i++)
        if (otx__spell_with(json, spelling, places[i].family, otx__mark_node(json, &places[i])))
            return;
}

/* ---- the reader ---- */

OTX__PRIVATE otx_result otx__tokenizer_json_open(otx__tokenizer *t)
{
    otx_result result;
    if (t->text.size == 0)
        return otx__fail(t->error, OTX_ERROR_FORMAT, "%s: tokenizer.json is empty", t->name);
    result = otx__open_own(t);
    if (!result) result = otx__find_model(t);
    if (!result && strcmp(t->type, "BPE") == 0) result = otx__check_merges(t);
    if (!result) otx__find_spelling(t);
    t->repeat = t->ids_by_position ? OTX__REPEAT_STAYS : OTX__REPEAT_REPLACES;
    return result;
}

/* The next entry of a list of [content, score]: ids are positions. */
OTX__PRIVATE otx_result otx__next_scored(otx__tokenizer *t, otx__given *word, bool *more)
{
    const otx_json *json = &t->json;
    otx_result result;
    if (t->position == 0) t->entries = otx_json_iter_of(json, t->words);
    *more = otx_json_iter_next(&t->entries);
    if (!*more) return OTX_OK;
    if (!otx__is_pair(json, t->entries.value, OTX_JSON_STRING, OTX_JSON_NUMBER))
        return otx__fail(t->error, OTX_ERROR_FORMAT,
                         "%s: entry %" PRIu64 " of the vocabulary is not [string, number]",
                         t->name, t->position);
    result = otx__tokenizer_string(t, json, otx_json_item(json, t->entries.value, 0),
                                   &word->size);
    word->content = t->scratch;
    word->id = t->position++;
    word->kind = OTX_TOKEN_TEXT;
    return result;
}

OTX__PRIVATE otx_result otx__tokenizer_json_next(otx__tokenizer *t, otx__given *word,
                                                 bool *more)
{
    return t->ids_by_position ? otx__next_scored(t, word, more)
                              : otx__next_member(t, word, more);
}

/* The id that the model itself names as unknown. */
OTX__PRIVATE otx_result otx__tokenizer_json_roles(otx__tokenizer *t)
{
    const uint32_t content =
        otx__content_node(&t->json, otx_json_find(&t->json, t->model, "unk_token"));
    const uint32_t number = otx_json_find(&t->json, t->model, "unk_id");
    uint64_t position;
    if (content != OTX_JSON_NONE && !t->ids_by_position)
        return otx__find_content(t, &t->json, content, &t->fallback[OTX_ROLE_UNK]);
    if (!t->ids_by_position || otx_json_type_of(&t->json, number) == OTX_JSON_NULL)
        return OTX_OK;
    if (!otx_json_uint(&t->json, number, &position) || position >= t->model_size)
        return otx__fail(t->error, OTX_ERROR_FORMAT,
                         "%s: unk_id is not the position of one of the %" PRIu64 " tokens",
                         t->name, (uint64_t)t->model_size);
    t->fallback[OTX_ROLE_UNK] = (int64_t)position;
    return OTX_OK;
}

/* >>> src/vocab/from_tekken.h */
/* ---- tekken.json: the tokenizers of Mistral ---------------------------------- */

/* Special tokens have the first ids; then come the entries of the list of tokens, in
   order, as many as the configuration says. Bytes are in base64. */

/* A count from the configuration. */
OTX__PRIVATE otx_result otx__tekken_count(otx__tokenizer *t, const char *key, uint64_t *count)
{
    const uint32_t node = otx_json_find(&t->json, otx_json_find(&t->json, 0, "config"), key);
    if (otx_json_uint(&t->json, node, count)) return OTX_OK;
    return otx__fail(t->error, OTX_ERROR_FORMAT, "%s: config.%s is not a whole number", t->name,
                     key);
}

/* The N of the version "vN", or 0. */
OTX__PRIVATE unsigned otx__tekken_version(const otx__tokenizer *t)
{
    const otx_json *json = &t->json;
    const uint32_t node = otx_json_find(json, otx_json_find(json, 0, "config"), "version");
    uint64_t version = 0;
    char text[8] = "";
    size_t size;
    if (otx__json_span(json, node).size > sizeof text) return 0;
    size = otx_json_string(json, node, text);
    if (size > 0 && text[0] == 'v')
        (void)otx__parse_uint(otx__span_of(text + 1, size - 1), &version);
    return (unsigned)version;
}

/* Finds the two lists and checks how many of each there are. */
OTX__PRIVATE otx_result otx__tekken_open(otx__tokenizer *t)
{
    const otx_json *json = &t->json;
    uint64_t size = 0, listed;
    otx_result result = otx__open_own(t);
    if (!result) result = otx__tekken_count(t, "default_vocab_size", &size);
    if (!result) result = otx__tekken_count(t, "default_num_special_tokens", &t->special_count);
    if (result) return result;
    t->words = otx_json_find(json, 0, "vocab");
    t->specials = otx_json_find(json, 0, "special_tokens");
    if (otx_json_type_of(json, t->words) != OTX_JSON_ARRAY)
        return otx__fail(t->error, OTX_ERROR_FORMAT, "%s: there is no array \"vocab\"",
                         t->name);
    if (otx_json_type_of(json, t->specials) == OTX_JSON_ARRAY) {
        listed = otx_json_count(json, t->specials);
    } else if (otx_json_type_of(json, t->specials) != OTX_JSON_NULL ||
               otx__tekken_version(t) == 0 || otx__tekken_version(t) > OTX__TEKKEN_UNLISTED) {
        return otx__fail(t->error, OTX_ERROR_FORMAT,
                         "%s: there is no array \"special_tokens\", which only the versions up "
                         "to v%d may lack", t->name, OTX__TEKKEN_UNLISTED);
    } else {
        t->specials = OTX_JSON_NONE;
        listed = OTX__COUNT(otx__tekken_specials);
    }
    t->word_count = size - t->special_count;
    if (listed > t->special_count || t->special_count > size ||
        t->word_count > otx_json_count(json, t->words) ||
        t->special_count > otx__id_limit(otx_json_count(json, t->words)))
        return otx__fail(t->error, OTX_ERROR_FORMAT,
                         "%s: a vocabulary of %" PRIu64 " with %" PRIu64 " special tokens does "
                         "not go with lists of %" PRIu32 " and %" PRIu64, t->name, size,
                         t->special_count, otx_json_count(json, t->words), listed);
    t->type = "BPE";
    t->repeat = OTX__REPEAT_APART;
    return OTX_OK;
}

/* Whether an entry of a list has the position that it says. */
OTX__PRIVATE otx_result otx__tekken_rank(otx__tokenizer *t, uint32_t entry, const char *list,
                                         uint64_t position)
{
    uint64_t rank;
    if (otx_json_uint(&t->json, otx_json_find(&t->json, entry, "rank"), &rank) &&
        rank == position)
        return OTX_OK;
    return otx__fail(t->error, OTX_ERROR_FORMAT, "%s: entry %" PRIu64 " of %s has not the rank "
                     "%" PRIu64, t->name, position, list, position);
}

/* A special token: listed, or one of those above, or a filler. */
OTX__PRIVATE otx_result otx__tekken_special(otx__tokenizer *t, otx__given *word)
{
    const otx_json *json = &t->json;
    uint32_t content;
    otx_result result;
    word->kind = OTX_TOKEN_CONTROL;
    word->added = true;
    if (t->position == 0) t->entries = otx_json_iter_of(json, t->specials);
    if (otx_json_iter_next(&t->entries)) {
        result = otx__tekken_rank(t, t->entries.value, "special_tokens", t->position);
        if (result) return result;
        content = otx_json_find(json, t->entries.value, "token_str");
        if (otx_json_type_of(json, content) != OTX_JSON_STRING)
            return otx__fail(t->error, OTX_ERROR_FORMAT, "%s: entry %" PRIu64 " of "
                             "special_tokens has no token_str", t->name, t->position);
        result = otx__tokenizer_string(t, json, content, &word->size);
        word->content = t->scratch;
        return result;
    }
    if (t->specials == OTX_JSON_NONE && t->position < OTX__COUNT(otx__tekken_specials)) {
        word->content = otx__tekken_specials[t->position];
        word->size = strlen(word->content);
        return OTX_OK;
    }
    result = otx__tokenizer_scratch(t, 40);
    if (result) return result;
    word->size = (size_t)snprintf(t->scratch, 40, "<SPECIAL_%" PRIu64 ">", t->position);
    word->content = t->scratch;
    return OTX_OK;
}

OTX__PRIVATE otx_result otx__tekken_next(otx__tokenizer *t, otx__given *word, bool *more)
{
    const otx_json *json = &t->json;
    const uint64_t rank = t->position - t->special_count;
    uint32_t content;
    otx_result result;
    *more = t->position < t->special_count + t->word_count;
    word->id = t->position;
    if (!*more) return OTX_OK;
    if (t->position < t->special_count) {
        result = otx__tekken_special(t, word);
        t->position++;
        return result;
    }
    if (rank == 0) t->entries = otx_json_iter_of(json, t->words);
    t->position++;
    (void)otx_json_iter_next(&t->entries); /* there are enough: word_count is no more */
    result = otx__tekken_rank(t, t->entries.value, "vocab", rank);
    if (result) return result;
    content = otx_json_find(json, t->entries.value, "token_bytes");
    word->size = 0;
    if (otx_json_type_of(json, content) == OTX_JSON_STRING) {
        result = otx__tokenizer_string(t, json, content, &word->size);
        if (result) return result;
    }
    if (word->size == 0 ||
        !otx__base64_decode(t->scratch, word->size, t->scratch, &word->size) ||
        (rank < 256 && (word->size != 1 || (unsigned char)t->scratch[0] != rank)))
        return otx__fail(t->error, OTX_ERROR_FORMAT, "%s: the token_bytes of entry %" PRIu64
                         " of vocab are not base64%s", t->name, rank,
                         rank < 256 ? " of that byte" : "");
    word->content = t->scratch;
    word->kind = OTX_TOKEN_TEXT;
    word->added = false;
    return OTX_OK;
}

OTX__PRIVATE otx_result otx__tekken_roles(otx__tokenizer *t)
{
    otx__fall_back_on(t, otx__roles_tekken, OTX__COUNT(otx__roles_tekken));
    return OTX_OK;
}

/* >>> src/vocab/from_tiktoken.h */
/* ---- tiktoken: lines of base64 and rank ------------------------------------- */

/* The rank is the id. Special tokens stand in the code of the loader and, with
   luck, in added_tokens_decoder. */

/* Whether the line is BASE64 SPACE RANK; decodes the former to t->scratch. */
OTX__PRIVATE bool otx__tiktoken_line(otx__tokenizer *t, const char *line, size_t size,
                                     otx__given *word)
{
    const char *space = (const char *)memchr(line, ' ', size);
    const size_t length = space ? (size_t)(space - line) : 0;
    if (length == 0 || size - length > 11 ||
        !otx__parse_uint(otx__span_of(space + 1, size - length - 1), &word->id))
        return false;
    word->content = t->scratch;
    word->kind = OTX_TOKEN_TEXT;
    return word->id <= UINT32_MAX &&
           otx__base64_decode(line, length, t->scratch, &word->size);
}

OTX__PRIVATE otx_result otx__tiktoken_open(otx__tokenizer *t)
{
    t->type = "BPE";
    t->repeat = OTX__REPEAT_REFUSED;
    return OTX_OK;
}

OTX__PRIVATE otx_result otx__tiktoken_next(otx__tokenizer *t, otx__given *word, bool *more)
{
    const char *line = NULL;
    size_t size = 0;
    otx_result result;
    do {
        t->position++;
        *more = otx__next_line(t, &line, &size);
    } while (*more && size == 0);
    if (!*more) return OTX_OK;
    result = otx__tokenizer_scratch(t, size);
    if (result) return result;
    if (otx__tiktoken_line(t, line, size, word)) return OTX_OK;
    return otx__fail(t->error, OTX_ERROR_FORMAT,
                     "%s:%" PRIu64 ": expected a token in base64, a space and a rank", t->name,
                     t->position);
}

/* Says so where no special token is known. */
OTX__PRIVATE otx_result otx__tiktoken_roles(otx__tokenizer *t)
{
    if (t->vocab->token_count == t->model_size)
        otx__log(t->ctx, OTX_WARNING, "%s: holds no special tokens, and neither "
                 "tokenizer_config.json nor added_tokens.json lists those of its loader",
                 t->name);
    return OTX_OK;
}

/* Whether a text begins as such a file does. Only for telling it from a
   SentencePiece model, which goes by the same name. */
OTX__PRIVATE bool otx__looks_like_tiktoken(const char *text, size_t size)
{
    size_t at = 0;
    while (at < size && (otx__base64_digit(text[at]) >= 0 || text[at] == '=')) at++;
    return at > 0 && at + 1 < size && text[at] == ' ' && otx__is_digit(text[at + 1]);
}

/* >>> src/vocab/from_sentencepiece.h */
/* ---- SentencePiece: tokenizer.model, spiece.model, sentencepiece.bpe.model ------ */

/* The file is a protobuf message, ModelProto, of which these fields count. A field
   that is not known, or not written as its type is, is stepped over. */
enum {
    OTX__MODEL_PIECES = 1, OTX__MODEL_TRAINER = 2,
    OTX__PIECE_TEXT = 1, OTX__PIECE_TYPE = 3,
    OTX__TRAINER_MODEL = 3, OTX__TRAINER_FALLBACK = 35, OTX__TRAINER_BOS = 46,
    OTX__TRAINER_EOS = 47, OTX__TRAINER_PAD = 48
};

/* The types of a piece. */
enum {
    OTX__PIECE_NORMAL = 1, OTX__PIECE_UNKNOWN, OTX__PIECE_CONTROL, OTX__PIECE_USER,
    OTX__PIECE_UNUSED, OTX__PIECE_BYTE
};

typedef struct otx__piece {
    const char *text;
    size_t size;
    uint64_t type;
} otx__piece;

typedef struct otx__trainer {
    uint64_t model;
    bool byte_fallback;
} otx__trainer;

/* ---- ids of the loader ---- */

/* How many of T5's own tokens a configuration may ask for. */
#define OTX__EXTRA_IDS 65536

/* Whether a class is the one named, or its "Fast" kin. */
OTX__PRIVATE bool otx__is_class(const otx_json *json, uint32_t node, const char *name)
{
    char fast[40];
    (void)snprintf(fast, sizeof fast, "%sFast", name);
    return otx_json_equals(json, node, name) || otx_json_equals(json, node, fast);
}

/* Finds the layout of the loader's class, if it has one: the class that
   tokenizer_config.json names, or config.json, or that goes with the type of model.
   Sets *known if any of them says anything. */
OTX__PRIVATE otx_result otx__find_layout(otx__tokenizer *t, bool *known)
{
    const otx_json *json = &t->config;
    uint32_t node = otx_json_find(json, 0, "tokenizer_class");
    bool named = true;
    otx_json model;
    otx_result result = OTX_OK;
    size_t i;
    memset(&model, 0, sizeof model);
    if (otx_json_type_of(json, node) != OTX_JSON_STRING) {
        result = otx__open_beside(t, OTX_VOCAB_MODEL_CONFIG, &model);
        json = &model;
        node = otx_json_find(json, 0, "tokenizer_class");
    }
    if (otx_json_type_of(json, node) != OTX_JSON_STRING) {
        named = false;
        node = otx_json_find(json, 0, "model_type");
    }
    *known = otx_json_type_of(json, node) == OTX_JSON_STRING;
    for (i = 0; i < OTX__COUNT(otx__piece_layouts) && !t->layout && !result; i++) {
        const otx__piece_layout *layout = &otx__piece_layouts[i];
        if (named ? otx__is_class(json, node, layout->name)
                  : layout->model && otx_json_equals(json, node, layout->model))
            t->layout = layout;
    }
    otx_json_close(t->ctx, &model);
    return result;
}

/* Settles how ids are numbered. */
OTX__PRIVATE otx_result otx__read_layout(otx__tokenizer *t)
{
    const uint32_t node = otx_json_find(&t->config, 0, "extra_ids");
    bool known = false;
    otx_result result = otx__find_layout(t, &known);
    if (!result && !known && otx__has_suffix(t->name, OTX__SENTENCEPIECE_BPE))
        return otx__fail(t->error, OTX_ERROR_UNSUPPORTED,
                         "%s: how a file of this name numbers its pieces depends on the "
                         "loader, and neither tokenizer_config.json nor config.json names one",
                         t->name);
    if (result || !t->layout || t->layout->dropped > 0) return result;
    if (t->layout->extra == 0)
        return otx__fail(t->error, OTX_ERROR_UNSUPPORTED,
                         "%s: %s numbers the pieces by rules of its own; load it with "
                         "transformers' AutoTokenizer and save it with save_pretrained, which "
                         "writes tokenizer.json", t->name, t->layout->name);
    t->extra_ids = t->layout->extra;
    if (node == OTX_JSON_NONE) return OTX_OK;
    if (otx_json_uint(&t->config, node, &t->extra_ids) && t->extra_ids <= OTX__EXTRA_IDS)
        return OTX_OK;
    return otx__fail(t->error, OTX_ERROR_FORMAT,
                     "%s: extra_ids of tokenizer_config.json is not a whole number from 0 to "
                     "%d", t->name, OTX__EXTRA_IDS);
}

/* ---- the message ---- */

OTX__PRIVATE const char *otx__read_piece(otx__proto proto, otx__piece *piece)
{
    otx__field field;
    bool more = true;
    memset(piece, 0, sizeof *piece);
    piece->type = OTX__PIECE_NORMAL;
    for (;;) {
        const char *problem = otx__proto_next(&proto, &field, &more);
        if (problem || !more) return problem;
        if (field.number == OTX__PIECE_TEXT && field.wire == OTX__WIRE_BYTES) {
            piece->text = (const char *)field.bytes.at;
            piece->size = otx__proto_left(&field.bytes);
        } else if (field.number == OTX__PIECE_TYPE && field.wire == OTX__WIRE_VARINT) {
            piece->type = field.value;
        }
    }
}

OTX__PRIVATE void otx__name_role(otx__tokenizer *t, otx_role role, const char *name,
                                 size_t size)
{
    t->role_names[role] = otx__span_of(name, size);
}

OTX__PRIVATE const char *otx__read_trainer(otx__tokenizer *t, otx__proto proto,
                                           otx__trainer *trainer)
{
    otx__field field;
    bool more = true;
    for (;;) {
        const char *problem = otx__proto_next(&proto, &field, &more);
        if (problem || !more) return problem;
        if (field.wire == OTX__WIRE_VARINT) {
            if (field.number == OTX__TRAINER_MODEL) trainer->model = field.value;
            if (field.number == OTX__TRAINER_FALLBACK)
                trainer->byte_fallback = field.value != 0;
        } else if (field.wire == OTX__WIRE_BYTES) {
            const char *name = (const char *)field.bytes.at;
            const size_t size = otx__proto_left(&field.bytes);
            if (field.number == OTX__TRAINER_BOS) otx__name_role(t, OTX_ROLE_BOS, name, size);
            if (field.number == OTX__TRAINER_EOS) otx__name_role(t, OTX_ROLE_EOS, name, size);
            if (field.number == OTX__TRAINER_PAD) otx__name_role(t, OTX_ROLE_PAD, name, size);
        }
    }
}

/* Whether a piece is <0xNN>, in capitals. */
OTX__PRIVATE bool otx__is_byte_piece(const otx__piece *piece)
{
    const int byte = otx__fallback_byte(piece->text, piece->size);
    char name[16];
    if (byte < 0) return false;
    (void)snprintf(name, sizeof name, "<0x%02X>", (unsigned)byte);
    return memcmp(name, piece->text, 6) == 0;
}

/* The rules of SentencePiece's own loader for one piece. */
OTX__PRIVATE otx_result otx__check_piece(otx__tokenizer *t, const otx__piece *piece,
                                         uint64_t position)
{
    char quoted[OTX__QUOTED];
    const char *problem = NULL;
    if (piece->size == 0) problem = "is empty";
    else if (!otx__is_utf8(piece->text, piece->size)) problem = "is not UTF-8";
    else if (memchr(piece->text, 0, piece->size)) problem = "holds a zero byte";
    else if (piece->type < OTX__PIECE_NORMAL || piece->type > OTX__PIECE_BYTE)
        problem = "is of no known type";
    else if (piece->type == OTX__PIECE_BYTE && !otx__is_byte_piece(piece))
        problem = "stands for a byte, but is not <0xNN>";
    if (!problem) return OTX_OK;
    return otx__fail(t->error, OTX_ERROR_FORMAT, "%s: piece %" PRIu64 ", \"%s\", %s", t->name,
                     position, otx__quote(quoted, sizeof quoted, piece->text, piece->size),
                     problem);
}

/* How many pieces there are of each type, and which bytes. */
typedef struct otx__piece_census {
    uint64_t counts[OTX__PIECE_BYTE + 1], total;
    bool bytes[256];
} otx__piece_census;

/* Reads the whole message once and checks it. */
OTX__PRIVATE otx_result otx__scan_pieces(otx__tokenizer *t, otx__trainer *trainer,
                                         otx__piece_census *census)
{
    otx__proto proto = otx__proto_open(t->text.bytes, t->text.size);
    bool more = true;
    memset(census, 0, sizeof *census);
    for (;;) {
        otx__field field;
        otx__piece piece;
        const uint64_t offset = (uint64_t)(proto.at - (const unsigned char *)t->text.bytes);
        const char *problem = otx__proto_next(&proto, &field, &more);
        otx_result result = OTX_OK;
        if (!problem && !more) return OTX_OK;
        memset(&piece, 0, sizeof piece);
        if (!problem && field.wire == OTX__WIRE_BYTES && field.number == OTX__MODEL_TRAINER)
            problem = otx__read_trainer(t, field.bytes, trainer);
        if (!problem && field.wire == OTX__WIRE_BYTES && field.number == OTX__MODEL_PIECES) {
            problem = otx__read_piece(field.bytes, &piece);
            if (!problem) result = otx__check_piece(t, &piece, census->total);
            if (!problem && !result) {
                census->counts[piece.type]++;
                census->total++;
                if (piece.type == OTX__PIECE_BYTE)
                    census->bytes[otx__fallback_byte(piece.text, piece.size)] = true;
            }
        }
        if (problem)
            return otx__fail(t->error, OTX_ERROR_FORMAT, "%s: is no SentencePiece model: %s in "
                             "the field at byte %" PRIu64, t->name, problem, offset);
        if (result) return result;
    }
}

OTX__PRIVATE otx_result otx__sentencepiece_open(otx__tokenizer *t)
{
    static const char *const models[] = {"Unigram", "BPE", "Word", "Char"};
    otx__trainer trainer = {1, false};
    otx__piece_census census;
    otx_result result;
    size_t i, bytes = 0;
    for (i = 0; i < OTX__COUNT(otx__roles_sentencepiece); i++) {
        const otx__known_role *known = &otx__roles_sentencepiece[i];
        otx__name_role(t, known->role, known->content, strlen(known->content));
    }
    result = otx__scan_pieces(t, &trainer, &census);
    if (result) return result;
    for (i = 0; i < 256; i++) bytes += census.bytes[i];
    if (census.counts[OTX__PIECE_UNKNOWN] != 1 &&
        (census.counts[OTX__PIECE_UNKNOWN] > 1 || !trainer.byte_fallback))
        return otx__fail(t->error, OTX_ERROR_FORMAT, "%s: is no SentencePiece model: %" PRIu64
                         " of %" PRIu64 " pieces stand for what is unknown, expected one",
                         t->name, census.counts[OTX__PIECE_UNKNOWN], census.total);
    if (trainer.byte_fallback ? bytes != 256 : bytes != 0)
        return otx__fail(t->error, OTX_ERROR_FORMAT, "%s: byte_fallback is %s, but there are "
                         "pieces for %u of the 256 bytes", t->name,
                         trainer.byte_fallback ? "set" : "not set", (unsigned)bytes);
    if (trainer.model == 1 && census.total == census.counts[OTX__PIECE_UNKNOWN] +
                                                  census.counts[OTX__PIECE_CONTROL] + bytes)
        return otx__fail(t->error, OTX_ERROR_FORMAT,
                         "%s: is a Unigram model without a piece of text", t->name);
    if (trainer.model < 1 || trainer.model > OTX__COUNT(models))
        return otx__fail(t->error, OTX_ERROR_UNSUPPORTED, "%s: the type of the model, %" PRIu64
                         ", is not known", t->name, trainer.model);
    t->type = models[trainer.model - 1];
    t->repeat = trainer.model == 2 ? OTX__REPEAT_REFUSED : OTX__REPEAT_APART;
    t->spelling.family = OTX_FAMILY_METASPACE;
    t->spelling.mark_size = 3;
    memcpy(t->spelling.mark, "\xe2\x96\x81", 3);
    return otx__read_layout(t);
}

/* ---- the tokens ---- */

/* A token that the loader has of its own. */
OTX__PRIVATE void otx__own_piece(otx__given *word, const char *content)
{
    word->content = content;
    word->size = strlen(content);
    word->kind = OTX_TOKEN_CONTROL;
    word->added = true;
}

/* The token of its own that the loader puts at this place, counted from 0 after the
   pieces; false after the last. */
OTX__PRIVATE bool otx__piece_after(otx__tokenizer *t, uint64_t place, otx__given *word,
                                   otx_result *result)
{
    if (t->extra_ids == 0) {
        const char *own = t->layout && place < 2 ? t->layout->after[place] : NULL;
        if (own) otx__own_piece(word, own);
        return own != NULL;
    }
    if (place >= t->extra_ids) return false;
    *result = otx__tokenizer_scratch(t, 40);
    if (*result) return true;
    (void)snprintf(t->scratch, 40, "<extra_id_%" PRIu64 ">", t->extra_ids - 1 - place);
    otx__own_piece(word, t->scratch);
    return true;
}

/* The next piece, at t->offset; false after the last. The file has been checked. */
OTX__PRIVATE bool otx__next_piece(otx__tokenizer *t, otx__piece *piece)
{
    otx__proto proto = otx__proto_open(t->text.bytes, t->text.size);
    otx__field field;
    bool more = true;
    proto.at += t->offset;
    while (!otx__proto_next(&proto, &field, &more) && more) {
        t->offset = t->text.size - otx__proto_left(&proto);
        if (field.wire == OTX__WIRE_BYTES && field.number == OTX__MODEL_PIECES)
            return !otx__read_piece(field.bytes, piece);
    }
    t->offset = t->text.size;
    return false;
}

OTX__PRIVATE otx_result otx__sentencepiece_next(otx__tokenizer *t, otx__given *word, bool *more)
{
    static const otx_token_kind kinds[] = {
        OTX_TOKEN_NONE, OTX_TOKEN_TEXT, OTX_TOKEN_CONTROL, OTX_TOKEN_CONTROL, OTX_TOKEN_TEXT,
        OTX_TOKEN_UNUSED, OTX_TOKEN_BYTE
    };
    const otx__piece_layout *layout = t->layout;
    otx_result result = OTX_OK;
    otx__piece piece;
    const bool first = t->offset == 0;
    bool found;
    unsigned i;
    word->id = t->position++;
    *more = true;
    if (layout && word->id < OTX__COUNT(layout->before) && layout->before[word->id]) {
        otx__own_piece(word, layout->before[word->id]);
        return OTX_OK;
    }
    found = otx__next_piece(t, &piece);
    if (layout && first)
        for (i = 0; i < layout->dropped && found; i++) found = otx__next_piece(t, &piece);
    if (found) {
        word->content = piece.text;
        word->size = piece.size;
        word->kind = kinds[piece.type];
        word->added = word->kind == OTX_TOKEN_CONTROL || piece.type == OTX__PIECE_USER;
        if (piece.type == OTX__PIECE_UNKNOWN) t->fallback[OTX_ROLE_UNK] = (int64_t)word->id;
        return OTX_OK;
    }
    *more = otx__piece_after(t, t->past++, word, &result);
    return result;
}

/* Roles go by the names of pieces, which must be control pieces. */
OTX__PRIVATE otx_result otx__sentencepiece_roles(otx__tokenizer *t)
{
    size_t i;
    for (i = 0; i < OTX__COUNT(otx__roles_sentencepiece); i++) {
        const otx_role role = otx__roles_sentencepiece[i].role;
        const otx__span name = t->role_names[role];
        const int64_t id =
            otx__index_find(&t->contents, OTX_TOKEN_NONE, name.bytes, name.size);
        if (id >= 0 && id != t->fallback[OTX_ROLE_UNK] &&
            t->vocab->tokens[id].kind == OTX_TOKEN_CONTROL)
            t->fallback[role] = id;
    }
    if (t->layout && t->layout->dropped > 0) {
        t->fallback[OTX_ROLE_UNK] = otx__find_text(t, "<unk>");
        t->fallback[OTX_ROLE_MASK] = otx__find_text(t, "<mask>");
        t->fallback[OTX_ROLE_CLS] = t->fallback[OTX_ROLE_BOS];
        t->fallback[OTX_ROLE_SEP] = t->fallback[OTX_ROLE_EOS];
    }
    return OTX_OK;
}

/* >>> src/vocab/from_vocab_json.h */
/* ---- vocab.json and merges.txt: BPE as GPT-2 and its kin have it ---------------- */

/* Merges make no tokens, but a file of others is not this vocabulary's. */
OTX__PRIVATE otx_result otx__check_merges_text(otx__tokenizer *t)
{
    const otx_vocab_text vocab = t->text;
    const char *line = NULL;
    size_t size = 0;
    uint64_t number = 0;
    bool good = true;
    t->text = t->texts[OTX_VOCAB_MERGES];
    t->offset = 0;
    while (good && otx__next_line(t, &line, &size)) {
        number++;
        good = size == 0 || otx__is_merge_line(line, size);
    }
    t->text = vocab;
    if (good) return OTX_OK;
    return otx__fail(t->error, OTX_ERROR_FORMAT, "%s: line %" PRIu64 " of merges.txt is not "
                     "\"a b\"", t->name, number);
}

/* Tells the family from the tokens, as nothing else does: by U+0120, the space of the
   GPT-2 alphabet, or by the mark of SentencePiece, or by </w>. */
OTX__PRIVATE otx_result otx__guess_spelling(otx__tokenizer *t)
{
    static const struct {
        const char *mark;
        otx_family family;
    } marks[] = {
        {"\xc4\xa0", OTX_FAMILY_BYTE_LEVEL},
        {"\xe2\x96\x81", OTX_FAMILY_METASPACE},
        {"</w>", OTX_FAMILY_WORD_SUFFIX},
    };
    bool seen[OTX__COUNT(marks)] = {false, false, false}, more = true;
    otx__given word;
    size_t i;
    memset(&word, 0, sizeof word);
    otx__rewind_words(t);
    for (;;) {
        otx_result result = otx__next_member(t, &word, &more);
        if (result) return result;
        if (!more) break;
        for (i = 0; i < OTX__COUNT(marks); i++) {
            const size_t size = strlen(marks[i].mark);
            const bool suffix = marks[i].family == OTX_FAMILY_WORD_SUFFIX;
            if (word.size >= size && memcmp(word.content + (suffix ? word.size - size : 0),
                                            marks[i].mark, size) == 0)
                seen[i] = true;
        }
    }
    for (i = 0; i < OTX__COUNT(marks) && !seen[i]; i++) {}
    if (i == OTX__COUNT(marks)) return OTX_OK;
    t->spelling.family = marks[i].family;
    if (marks[i].family == OTX_FAMILY_BYTE_LEVEL) return OTX_OK;
    t->spelling.mark_size = strlen(marks[i].mark);
    memcpy(t->spelling.mark, marks[i].mark, t->spelling.mark_size);
    return OTX_OK;
}

OTX__PRIVATE otx_result otx__vocab_json_open(otx__tokenizer *t)
{
    otx_result result = otx__open_own(t);
    if (result) return result;
    if (!t->texts[OTX_VOCAB_MERGES].bytes)
        return otx__fail(t->error, OTX_ERROR_NOT_FOUND, "%s: there is no merges.txt with it",
                         t->name);
    t->words = 0; /* the root */
    t->type = "BPE";
    t->repeat = OTX__REPEAT_REPLACES;
    result = otx__check_merges_text(t);
    return result ? result : otx__guess_spelling(t);
}

/* The special tokens of RoBERTa's classes, or else of GPT-2's, where they are tokens. */
OTX__PRIVATE otx_result otx__vocab_json_roles(otx__tokenizer *t)
{
    if (otx__find_text(t, "<s>") >= 0 && otx__find_text(t, "</s>") >= 0 &&
        otx__find_text(t, "<pad>") >= 0 && otx__find_text(t, "<unk>") >= 0)
        otx__fall_back_on(t, otx__roles_roberta, OTX__COUNT(otx__roles_roberta));
    else
        otx__fall_back_on(t, otx__roles_gpt2, OTX__COUNT(otx__roles_gpt2));
    return OTX_OK;
}

/* >>> src/vocab/from_vocab_txt.h */
/* ---- vocab.txt: WordPiece, a token a line ---------------------------------------- */

/* Where the text ends without the white space, as Unicode has it, at its end. */
OTX__PRIVATE size_t otx__trimmed(const char *text, size_t size)
{
    static const char *const spaces[] = {
        "\t", "\n", "\v", "\f", "\r", " ", "\xc2\x85", "\xc2\xa0", "\xe1\x9a\x80",
        "\xe2\x80\x80", "\xe2\x80\x81", "\xe2\x80\x82", "\xe2\x80\x83", "\xe2\x80\x84",
        "\xe2\x80\x85", "\xe2\x80\x86", "\xe2\x80\x87", "\xe2\x80\x88", "\xe2\x80\x89",
        "\xe2\x80\x8a", "\xe2\x80\xa8", "\xe2\x80\xa9", "\xe2\x80\xaf", "\xe2\x81\x9f",
        "\xe3\x80\x80"
    };
    size_t i = 0;
    while (i < OTX__COUNT(spaces)) {
        const size_t length = strlen(spaces[i]);
        if (size >= length && memcmp(text + size - length, spaces[i], length) == 0) {
            size -= length;
            i = 0;
        } else {
            i++;
        }
    }
    return size;
}

OTX__PRIVATE otx_result otx__vocab_txt_open(otx__tokenizer *t)
{
    t->type = "WordPiece";
    t->repeat = OTX__REPEAT_REPLACES;
    t->spelling.family = OTX_FAMILY_WORDPIECE;
    t->spelling.mark_size = 2;
    memcpy(t->spelling.mark, "##", 2);
    return OTX_OK;
}

OTX__PRIVATE otx_result otx__vocab_txt_next(otx__tokenizer *t, otx__given *word, bool *more)
{
    const char *line = NULL;
    size_t size = 0;
    *more = otx__next_line(t, &line, &size);
    if (!*more) return OTX_OK;
    word->id = t->position++;
    word->content = line;
    word->size = otx__trimmed(line, size);
    word->kind = OTX_TOKEN_TEXT;
    if (otx__is_utf8(line, size)) return OTX_OK;
    return otx__fail(t->error, OTX_ERROR_FORMAT, "%s:%" PRIu64 ": is not UTF-8", t->name,
                     t->position);
}

OTX__PRIVATE otx_result otx__vocab_txt_roles(otx__tokenizer *t)
{
    otx__fall_back_on(t, otx__roles_vocab_txt, OTX__COUNT(otx__roles_vocab_txt));
    return OTX_OK;
}

/* >>> src/vocab/parse.h */
/* ---- vocab_parse: a vocabulary from its files ------------------------------------- */

/* By otx_vocab_file. */
static const otx__vocab_reader otx__vocab_readers[OTX_VOCAB_SOURCES] = {
    {"tokenizer.json", OTX__NUMBERED_ON, true, otx__tokenizer_json_open,
     otx__tokenizer_json_next, otx__tokenizer_json_roles},
    {"tekken.json", OTX__NUMBERED_ON, false, otx__tekken_open, otx__tekken_next,
     otx__tekken_roles},
    {"SentencePiece", OTX__NUMBERED_IN_PLACE, false,
     otx__sentencepiece_open, otx__sentencepiece_next, otx__sentencepiece_roles},
    {"tiktoken", OTX__NUMBERED_AS_SAID, false, otx__tiktoken_open,
     otx__tiktoken_next, otx__tiktoken_roles},
    {"vocab.json", OTX__NUMBERED_ON, false, otx__vocab_json_open,
     otx__next_member, otx__vocab_json_roles},
    {"vocab.txt", OTX__NUMBERED_ON, false, otx__vocab_txt_open,
     otx__vocab_txt_next, otx__vocab_txt_roles},
};

/* The reader of the first source that is given, and its text. */
OTX__PRIVATE otx_result otx__choose_reader(otx__tokenizer *t, const char *name)
{
    size_t source = 0;
    while (source < OTX_VOCAB_SOURCES && !t->texts[source].bytes) source++;
    if (source == OTX_VOCAB_SOURCES)
        return otx__fail(t->error, OTX_ERROR_ARGUMENT, "%s: no file with tokens is given",
                         name ? name : "vocabulary");
    t->text = t->texts[source];
    if (source == OTX_VOCAB_SENTENCEPIECE &&
        otx__looks_like_tiktoken(t->text.bytes, t->text.size))
        source = OTX_VOCAB_TIKTOKEN;
    t->reader = &otx__vocab_readers[source];
    t->name = name ? name : otx__usual_name((otx_vocab_file)source);
    if (t->text.size < UINT32_MAX) return OTX_OK;
    return otx__fail(t->error, OTX_ERROR_LIMIT,
                     "%s: has %" PRIu64 " bytes, and at most %" PRIu64 " are supported",
                     t->name, (uint64_t)t->text.size, (uint64_t)UINT32_MAX - 1);
}

OTX__PRIVATE otx_result otx__open_texts(otx__tokenizer *t)
{
    otx_result result = otx__open_beside(t, OTX_VOCAB_TOKENIZER_CONFIG, &t->config);
    if (!result) result = otx__open_beside(t, OTX_VOCAB_SPECIAL_TOKENS, &t->special_map);
    if (!result) result = otx__open_beside(t, OTX_VOCAB_ADDED_TOKENS, &t->added);
    return result ? result : t->reader->open(t);
}

/* The two lists that add to the tokens: tokenizer.json's own, and that of
   tokenizer_config.json or, where it has none, of added_tokens.json. */
OTX__PRIVATE otx_result otx__list_all_added(otx__tokenizer *t, otx__added_list lists[2])
{
    const uint32_t decoder = otx_json_find(&t->config, 0, "added_tokens_decoder");
    otx_result result = OTX_OK;
    t->legacy = decoder == OTX_JSON_NONE;
    if (t->reader->complete)
        result = otx__list_added(t, &t->json, otx_json_find(&t->json, 0, "added_tokens"),
                                 OTX__ADDED_LIST, "added_tokens", &lists[0]);
    if (result) return result;
    if (t->legacy)
        return otx__list_added(t, &t->added, t->added.count ? 0 : OTX_JSON_NONE,
                               OTX__ADDED_BY_NAME, otx__usual_name(OTX_VOCAB_ADDED_TOKENS),
                               &lists[1]);
    return otx__list_added(t, &t->config, decoder, OTX__ADDED_BY_ID,
                           otx__usual_name(OTX_VOCAB_TOKENIZER_CONFIG), &lists[1]);
}

/* Makes the table, with room for all that will be put into it. */
OTX__PRIVATE otx_result otx__reserve_tokens(otx__tokenizer *t, const otx__added_list lists[2])
{
    otx__census census;
    uint64_t extra = lists[0].count + lists[1].count;
    otx_result result = otx__count_words(t, &census);
    size_t i, j;
    if (result) return result;
    for (i = 0; i < 2; i++) {
        for (j = 0; j < lists[i].count; j++) {
            const otx__added_token *added = &lists[i].tokens[j];
            census.bytes +=
                otx__string_room(otx__json_span(lists[i].json, added->content).size);
            if (t->reader->numbering != OTX__NUMBERED_AS_SAID || added->declared < census.ids)
                continue;
            if (added->declared >= otx__id_limit(census.count + extra))
                return otx__fail(t->error, OTX_ERROR_LIMIT, "%s: an added token has the id "
                                 "%" PRIu64 ", and a vocabulary of %" PRIu64 " tokens may have "
                                 "ids below %" PRIu64, t->name, added->declared,
                                 census.count + extra, otx__id_limit(census.count + extra));
            census.ids = added->declared + 1;
        }
    }
    if (census.bytes > SIZE_MAX || census.ids + extra > SIZE_MAX)
        return otx__fail_memory(t->error, census.bytes);
    result = otx__vocab_reserve(t->ctx, t->vocab, (size_t)(census.ids + extra),
                                (size_t)census.bytes, t->error);
    if (!result)
        result = otx__index_open(t->ctx, &t->contents, t->vocab->tokens,
                                 (size_t)(census.count + extra), true, t->error);
    return result;
}

OTX__PRIVATE otx_result otx__read_special(otx__tokenizer *t)
{
    otx_result result = OTX_OK;
    size_t i;
    for (i = 0; !result && i < OTX__COUNT(otx__special_keys); i++) {
        const char *key = otx__special_keys[i];
        result = otx__mark_special(t, &t->config, key);
        if (!result && t->legacy) result = otx__mark_special(t, &t->special_map, key);
    }
    if (!result) result = t->reader->roles(t);
    return result ? result : otx__read_roles(t);
}

OTX__PRIVATE otx_result otx__read_tokens(otx__tokenizer *t, otx__added_list lists[2])
{
    otx_result result = otx__list_all_added(t, lists);
    if (!result) result = otx__reserve_tokens(t, lists);
    if (!result) result = otx__read_model(t);
    if (!result) result = otx__add_tokens(t, &lists[0]);
    if (!result) result = otx__add_tokens(t, &lists[1]);
    return result ? result : otx__read_special(t);
}

/* Settles all tokens. One that has a role is in use whatever its name. */
OTX__PRIVATE void otx__finish_tokens(otx__tokenizer *t)
{
    otx_vocab *vocab = t->vocab;
    const size_t limit = ((otx__vocab_memory *)vocab->memory)->token_limit;
    size_t id;
    int role;
    vocab->family = t->spelling.family;
    vocab->model = t->type;
    vocab->source = t->reader->source;
    for (id = 0; id < limit; id++) {
        if (vocab->tokens[id].kind == OTX_TOKEN_NONE) continue;
        otx__finish_token(vocab, &t->spelling, &vocab->tokens[id]);
        vocab->count = id + 1;
    }
    for (role = 0; role < OTX_ROLE_COUNT; role++) {
        otx_token *token;
        if (vocab->roles[role] < 0) continue;
        token = &vocab->tokens[vocab->roles[role]];
        token->kind = OTX_TOKEN_CONTROL;
        token->bytes = token->content;
        token->size = token->content_size;
    }
}

OTX__PRIVATE void otx__tokenizer_close(otx__tokenizer *t)
{
    if (t->contents.slots) otx__index_close(t->ctx, &t->contents);
    if (t->scratch_capacity) otx__free(t->ctx, t->scratch, t->scratch_capacity, 1);
    otx_json_close(t->ctx, &t->json);
    otx_json_close(t->ctx, &t->config);
    otx_json_close(t->ctx, &t->special_map);
    otx_json_close(t->ctx, &t->added);
}

OTX_API otx_result otx_vocab_parse(const otx_context *ctx, const otx_vocab_text *texts,
                                   const char *name, otx_vocab *out, otx_error *error)
{
    otx__tokenizer t;
    otx__added_list lists[2];
    otx_result result;
    size_t i;
    memset(&t, 0, sizeof t);
    memset(lists, 0, sizeof lists);
    memset(out, 0, sizeof *out);
    t.ctx = ctx;
    t.texts = texts;
    t.error = error;
    t.vocab = out;
    t.last_added = -1;
    for (i = 0; i < OTX_ROLE_COUNT; i++) t.fallback[i] = -1;
    result = otx__choose_reader(&t, name);
    if (!result) result = otx__open_texts(&t);
    if (!result) result = otx__read_tokens(&t, lists);
    if (!result) otx__finish_tokens(&t);
    else otx_vocab_close(ctx, out);
    for (i = 0; i < OTX__COUNT(lists); i++)
        otx__free(ctx, lists[i].tokens, lists[i].count, sizeof *lists[i].tokens);
    otx__tokenizer_close(&t);
    return result;
}

/* >>> src/vocab/align.h */
/* ---- align: which row each donor token gets ---- */

OTX_API const char *otx_action_name(otx_action action)
{
    static const char *const names[] = {"padding", "copy", "role", "map", "approximate",
                                        "unused"};
    return (unsigned)action < OTX__COUNT(names) ? names[action] : NULL;
}

/* Everything the steps below share. Zeroed, then closed by otx__aligner_close. */
typedef struct otx__aligner {
    const otx_vocab *donor, *base;
    uint64_t donor_rows, base_rows;
    otx_alignment *out;
    size_t tokens;          /* donor ids that have both a token and a row */
    size_t base_tokens;     /* likewise of the base: ids that can be copied from */
    otx__token_index index; /* of those, the lowest id of each (kind, bytes) */
    bool *is_anchor;        /* [base_tokens] already an atom */
} otx__aligner;

OTX__PRIVATE void otx__aligner_close(const otx_context *ctx, otx__aligner *a)
{
    if (a->index.slots) otx__index_close(ctx, &a->index);
    otx__free(ctx, a->is_anchor, a->base_tokens, sizeof *a->is_anchor);
}

OTX__PRIVATE otx_result otx__index_base(const otx_context *ctx, otx__aligner *a,
                                        otx_error *error)
{
    size_t id;
    otx_result result =
        otx__index_open(ctx, &a->index, a->base->tokens, a->base_tokens, false, error);
    if (result) return result;
    for (id = 0; id < a->base_tokens; id++) {
        const otx_token *token = &a->base->tokens[id];
        uint32_t *slot;
        if (token->kind == OTX_TOKEN_NONE) continue;
        slot = otx__index_slot(&a->index, token->kind, token->bytes, token->size);
        if (!*slot) *slot = (uint32_t)id + 1;
    }
    return OTX_OK;
}

/* The caller's own pairs, which go before everything else. */
OTX__PRIVATE otx_result otx__align_map(otx__aligner *a, const otx_map_entry *map, size_t count,
                                       otx_error *error)
{
    size_t i;
    for (i = 0; i < count; i++) {
        otx_alignment_row *row;
        if (map[i].donor >= a->out->count)
            return otx__fail(error, OTX_ERROR_ARGUMENT,
                             "map entry %" PRIu64 ": donor id %" PRIu64 " has no row; there "
                             "are %" PRIu64 " rows", (uint64_t)i, map[i].donor,
                             (uint64_t)a->out->count);
        if (map[i].base >= a->base_rows)
            return otx__fail(error, OTX_ERROR_ARGUMENT,
                             "map entry %" PRIu64 ": base id %" PRIu64 " has no row; the base "
                             "has %" PRIu64 " rows", (uint64_t)i, map[i].base, a->base_rows);
        row = &a->out->rows[map[i].donor];
        if (row->action == OTX_ACTION_MAP)
            return otx__fail(error, OTX_ERROR_ARGUMENT,
                             "map entry %" PRIu64 ": donor id %" PRIu64 " is mapped twice, to "
                             "base ids %" PRId64 " and %" PRIu64, (uint64_t)i, map[i].donor,
                             row->base, map[i].base);
        row->action = OTX_ACTION_MAP;
        row->base = (int64_t)map[i].base;
    }
    return OTX_OK;
}

OTX__PRIVATE bool otx__stands_for_text(const otx_token *token)
{
    return token->kind == OTX_TOKEN_TEXT || token->kind == OTX_TOKEN_BYTE;
}

/* Copies the base's row; it becomes an anchor if it stands for text in both, if the
   donor has a row to compare it with, and if no other token has it already. */
OTX__PRIVATE void otx__align_copy(otx__aligner *a, size_t id, int64_t base)
{
    otx_alignment_row *row = &a->out->rows[id];
    row->action = OTX_ACTION_COPY;
    row->base = base;
    if (otx__stands_for_text(&a->donor->tokens[id]) &&
        otx__stands_for_text(&a->base->tokens[base]) && id < a->donor_rows &&
        !a->is_anchor[base]) {
        a->is_anchor[base] = true;
        row->anchor = true;
    }
}

/* The base's token of the same kind and bytes, or -1. A reserved token also
   takes a control token of its name, but not the other way: that would give a
   token in use the row of one that was never trained. */
OTX__PRIVATE int64_t otx__same_token(const otx__aligner *a, const otx_token *token)
{
    int64_t base = otx__index_find(&a->index, token->kind, token->bytes, token->size);
    if (base < 0 && token->kind == OTX_TOKEN_UNUSED)
        base = otx__index_find(&a->index, OTX_TOKEN_CONTROL, token->bytes, token->size);
    return base;
}

/* The base's TEXT token of a BYTE token's byte, or the reverse, or -1. */
OTX__PRIVATE int64_t otx__same_byte(const otx__aligner *a, const otx_token *token)
{
    if (token->kind == OTX_TOKEN_BYTE)
        return otx__index_find(&a->index, OTX_TOKEN_TEXT, token->bytes, token->size);
    if (token->kind == OTX_TOKEN_TEXT && token->size == 1)
        return otx__index_find(&a->index, OTX_TOKEN_BYTE, token->bytes, token->size);
    return -1;
}

/* The base's plain added token of a control token's content, or the reverse, or -1:
   <think> is special to some tokenizers and not to others, and the same to all
   models. */
OTX__PRIVATE int64_t otx__same_added(const otx__aligner *a, const otx_token *token)
{
    int64_t base = -1;
    if (token->kind == OTX_TOKEN_CONTROL) {
        base = otx__index_find(&a->index, OTX_TOKEN_TEXT, token->content, token->content_size);
        if (base >= 0 && !a->base->tokens[base].added) base = -1;
    } else if (token->kind == OTX_TOKEN_TEXT && token->added) {
        base = otx__index_find(&a->index, OTX_TOKEN_CONTROL, token->content,
                               token->content_size);
    }
    return base;
}

/* The base's control token in the same role, or -1. A token may have several
   roles (the end of the text is often the padding too): the first one counts. */
OTX__PRIVATE int64_t otx__same_role(const otx__aligner *a, size_t id)
{
    static const otx_role order[] = {OTX_ROLE_EOS, OTX_ROLE_BOS, OTX_ROLE_PAD, OTX_ROLE_UNK,
                                     OTX_ROLE_SEP, OTX_ROLE_CLS, OTX_ROLE_MASK};
    size_t i;
    if (a->donor->tokens[id].kind != OTX_TOKEN_CONTROL) return -1;
    for (i = 0; i < OTX__COUNT(order); i++) {
        const int64_t base = a->base->roles[order[i]];
        if (a->donor->roles[order[i]] == (int64_t)id && base >= 0 &&
            (uint64_t)base < a->base_tokens && a->base->tokens[base].kind == OTX_TOKEN_CONTROL)
            return base;
    }
    return -1;
}

/* Pairs every donor token that the map leaves. Tokens of the same kind go first,
   through all ids: a BYTE token must not take the anchor of the TEXT token whose
   very counterpart it is. */
OTX__PRIVATE void otx__align_tokens(otx__aligner *a)
{
    const otx_token *tokens = a->donor->tokens;
    otx_alignment_row *rows = a->out->rows;
    size_t id;
    int64_t base;
    for (id = 0; id < a->tokens; id++) {
        if (rows[id].action == OTX_ACTION_MAP || tokens[id].kind == OTX_TOKEN_NONE) continue;
        rows[id].action = OTX_ACTION_APPROXIMATE;
        base = otx__same_token(a, &tokens[id]);
        if (base >= 0) otx__align_copy(a, id, base);
    }
    for (id = 0; id < a->tokens; id++) {
        if (rows[id].action != OTX_ACTION_APPROXIMATE) continue;
        base = otx__same_byte(a, &tokens[id]);
        if (base < 0) base = otx__same_added(a, &tokens[id]);
        if (base >= 0) {
            otx__align_copy(a, id, base);
        } else if (tokens[id].kind == OTX_TOKEN_UNUSED) {
            rows[id].action = OTX_ACTION_UNUSED;
        } else if ((base = otx__same_role(a, id)) >= 0) {
            rows[id].action = OTX_ACTION_ROLE;
            rows[id].base = base;
        }
    }
}

/* Counts the actions, and refuses what cannot be solved for. */
OTX__PRIVATE otx_result otx__align_count(otx__aligner *a, otx_error *error)
{
    otx_alignment *out = a->out;
    char quoted[OTX__QUOTED];
    size_t id;
    for (id = 0; id < out->count; id++) {
        out->counts[out->rows[id].action]++;
        if (out->rows[id].anchor) out->anchor_count++;
        if (out->rows[id].action == OTX_ACTION_APPROXIMATE && id >= a->donor_rows)
            return otx__fail(error, OTX_ERROR_MISMATCH,
                             "donor token \"%s\" has id %" PRIu64 ", but the donor's matrices "
                             "have only %" PRIu64 " rows, and the base has no such token to "
                             "copy",
                             otx__quote(quoted, sizeof quoted, a->donor->tokens[id].content,
                                        a->donor->tokens[id].content_size),
                             (uint64_t)id, a->donor_rows);
    }
    return OTX_OK;
}

/* Allocates the rows: no action yet, so padding with no base row. */
OTX__PRIVATE otx_result otx__align_rows(const otx_context *ctx, otx_alignment *out,
                                        uint64_t rows, otx_error *error)
{
    size_t id;
    if (rows > SIZE_MAX / sizeof *out->rows)
        return otx__fail(error, OTX_ERROR_MEMORY, "out of memory asking for %" PRIu64 " rows",
                         rows);
    out->rows = (otx_alignment_row *)otx__alloc_zero(ctx, (size_t)rows, sizeof *out->rows);
    if (!out->rows) return otx__fail_memory(error, rows * sizeof *out->rows);
    out->count = (size_t)rows;
    for (id = 0; id < out->count; id++) out->rows[id].base = -1;
    return OTX_OK;
}

OTX_API otx_result otx_align(const otx_context *ctx, const otx_vocab *donor,
                             const otx_vocab *base, const otx_alignment_options *options,
                             otx_alignment *out, otx_error *error)
{
    otx_alignment_options o;
    otx__aligner a;
    otx_result result;
    memset(&o, 0, sizeof o);
    memset(&a, 0, sizeof a);
    memset(out, 0, sizeof *out);
    if (options) o = *options;
    a.donor = donor;
    a.base = base;
    a.donor_rows = o.donor_rows ? o.donor_rows : donor->count;
    a.base_rows = o.base_rows ? o.base_rows : base->count;
    a.out = out;
    a.base_tokens = base->count < a.base_rows ? base->count : (size_t)a.base_rows;
    result = otx__align_rows(ctx, out, o.rows ? o.rows : a.donor_rows, error);
    if (!result) {
        a.tokens = otx__min(donor->count, out->count);
        a.is_anchor = (bool *)otx__alloc_zero(ctx, a.base_tokens, sizeof *a.is_anchor);
        if (!a.is_anchor) result = otx__fail_memory(error, a.base_tokens);
    }
    if (!result) result = otx__index_base(ctx, &a, error);
    if (!result) result = otx__align_map(&a, o.map, o.map_count, error);
    if (!result) {
        otx__align_tokens(&a);
        result = otx__align_count(&a, error);
    }
    otx__aligner_close(ctx, &a);
    if (result) otx_alignment_close(ctx, out);
    return result;
}

OTX_API void otx_alignment_close(const otx_context *ctx, otx_alignment *alignment)
{
    otx__free(ctx, alignment->rows, alignment->count, sizeof *alignment->rows);
    memset(alignment, 0, sizeof *alignment);
}

/* >>> src/simd/chapter.h */
/* ==== simd: the hot loops, once for each instruction set ==== */

/* Knows a dozen loops: kernels.h says what each computes, scalar.h computes it plainly, and
   all others must give the same bits (those that decide) or stay within one bound (those that
   only screen).
   Hides intrinsics, and which sets this machine can run.
   Owns nothing: a set of kernels is a constant table.
   Read kernels.h and scalar.h first.

   Rooms, in order of dependency:
     kernels   the table of kernels, and what all versions share
     scalar    the reference
     sse2      128-bit x86
     avx2      256-bit x86, with FMA
     avx512    512-bit x86
     amx       tiles of x86
     neon      64-bit Arm
     wasm      WebAssembly's SIMD128
     dispatch  which of them this machine can run */

/* >>> src/simd/kernels.h */
/* ---- kernel: the hot loops, and their scalar reference -------------------- */

/* A few loops take nearly all the time. Each instruction set has its own version
   of them; otx__kernels is the set in use.

   Four of them decide (dots, products, pair_products, residual): they compute in double,
   round after every operation that is not exact, and every version gives the same bits. A
   sum runs in 16 lanes, lane = position mod 16, which are folded by halves at the end (8,
   4, 2, 1).

   The others only screen (product, product_bf16, product_int8, scan, sift, refine,
   rough_dots) or guess (rough_residual): what the screening ones compute is within an
   error bound that screen.h proves, and may differ between instruction sets. */

/* Rows of atoms that one panel or one tile holds. */
#define OTX__TILE 32

/* Tiles that the dense products take together at most. */
#define OTX__GROUP 4

/* Columns of C that one call of product fills. */
#define OTX__STRIP 8

/* Terms of dense products that are added up in one chain before a new one begins. It
   is part of the error bound. */
#define OTX__CHAIN 128

/* Products of so many 8-bit numbers add up to less than 2^31. */
#define OTX__INT8_TERMS 131072

/* Terms of them that are added up for one tile before the next: of 32 rows of a and as
   many of b, they fit the first cache. */
#define OTX__INT8_CHAIN 512

#define OTX__LANES 16

/* Loops over a few registers must vanish at every level of optimisation. */
#if defined(__clang__)
#define OTX__UNROLL _Pragma("clang loop unroll(full)")
#define OTX__INLINE static inline __attribute__((always_inline, unused))
#elif defined(__GNUC__) && __GNUC__ >= 8
#define OTX__UNROLL _Pragma("GCC unroll 16")
#define OTX__INLINE static inline __attribute__((always_inline, unused))
#else
#define OTX__UNROLL
#define OTX__INLINE static
#endif

/* One row of a matrix, float or bf16, of any alignment. */
typedef struct otx__row {
    const void *data;
    bool bf16;
} otx__row;

/* Supports of one target that a scan looks at together: the one selected so far
   and those with one, two, ... predicted atoms more. */
#define OTX__SETS 3

/* One tile of 32 atoms against many targets: see otx__scan_target. */
typedef struct otx__scan {
    const int16_t *gram;    /* [atom][32]: products with the tile's atoms */
    const float *common;    /* [32] the tile's atoms along the common direction */
    const float *weight;    /* [32] their relative norms; 0: never to be taken */
    const int16_t *start;   /* [target][32]: products of the targets */
    const uint32_t *atoms;  /* [target][pitch] where in gram the atoms of the largest
                               support stand */
    const int16_t *steps;   /* [target][pitch / 2][OTX__SETS][2] their coefficients,
                               quantised; 0 for atoms that a support lacks */
    const uint32_t *counts; /* [target] how many atoms, padded to an even number */
    const uint32_t *sets;   /* [target] how many supports; 0 with a count of 0: leave
                               the target out */
    const float *scales;    /* [target][OTX__SETS][3]: of start, common and gram */
    size_t pitch;           /* even */
    size_t targets;
    float *best;            /* [set][target] out: the tile's largest weighted
                               |correlation|, as otx__packed; sets lie best_pitch
                               apart */
    size_t best_pitch;
} otx__scan;

/* The least weight of an atom that is not zero. */
#define OTX__LEAST_WEIGHT 7.888609052210118e-31f /* 2^-100 */

/* One tile of 32 atoms against one residual: see otx__sift_scalar. */
typedef struct otx__sift {
    const float *products; /* [32] of the numbers in the panels */
    const float *scale, *common, *weight, *error; /* [32] as in the dictionary */
    float by, along, bound, rest;                 /* of the residual */
} otx__sift;

/* What every bound of a weighted correlation has room for besides: products with the
   least weights may vanish. */
#define OTX__SIFT_ROOM (4.0f * OTX__LEAST_WEIGHT)

/* A score with the number of its atom, 0 to 31, in the lowest bits: a maximum of such
   scores tells whose it is. Off by less than OTX__PACKED times the score. */
#define OTX__PACKED 3.814697265625e-06 /* 2^-18 */

typedef struct otx__kernels {
    otx_isa isa;

    /* c[j][i] = <a_i, b_j> for 32 rows of panel a and 8 of panel b, in float, or added to
       what c holds; both lie as [n][32], b from its first row wanted. n is at most
       OTX__CHAIN: what is read again and again lies in the first cache. */
    void (*product)(const float *a, const float *b, size_t n, bool add, float *c);

    /* c[tile][j][i] = <a_i, b_j> for the 32 rows of each of `tiles` panels a, one
       after the other, and all 32 of panel b. Panels are of bf16, two elements of a
       row together, [n / 2][32][2], n even. In float, chains of OTX__CHAIN;
       subnormals may count as 0. NULL where it would not pay. */
    void (*product_bf16)(const uint16_t *a, size_t tiles, const uint16_t *b, size_t n, float *c);

    /* The same of numbers from -127 to 127, four elements of a row together,
       [n / 4][32][4], n a multiple of 4, not 0 and at most OTX__INT8_TERMS: sums are exact,
       and rounded to float. NULL where it would not pay. */
    void (*product_int8)(const int8_t *a, size_t tiles, const int8_t *b, size_t n, float *c);

    void (*scan)(const otx__scan *scan);

    /* The atoms of a tile, a bit each, whose weighted |correlation| may be the largest of
       all. *least is what that is at least, before and after; *most, set unless there are
       none, what these have at most. */
    uint32_t (*sift)(const otx__sift *sift, float *least, float *most);

    /* correlations[i] -= sum over j of betas[j] / 32767 * gram[atoms[j]][i], for the
       32 atoms i of a tile, in float. */
    void (*refine)(const int16_t *gram, const uint32_t *atoms, const float *betas, size_t count,
                   float *correlations);

    /* Roughly the same as the next two, in float: for guesses, and, as a sum of n products
       is off by no more than n + 2 units of their magnitudes' sum, to rule atoms out. */
    void (*rough_dots)(const float *a, const otx__row *rows, size_t count, size_t n, float *out);
    void (*rough_residual)(float *r, otx__row y, const double *coefficients,
                           const otx__row *rows, size_t count, size_t n);

    /* out[i] = <a, rows[i]>. The rows of one call are of one type, here and below. */
    void (*dots)(const double *a, const otx__row *rows, size_t count, size_t n, double *out);

    /* The same where all of a are floats: their products are exact in double, so that
       multiplying and adding in one operation gives the same bits. */
    void (*products)(const double *a, const otx__row *rows, size_t count, size_t n, double *out);

    /* out[i * pitch + j] = <a[i], b[j]> for two rows a, each read once for all b, with
       the bits of products. NULL where that is no faster. */
    void (*pair_products)(const otx__row a[2], const otx__row *b, size_t count, size_t n,
                          double *out, size_t pitch);

    /* r = y - sum of coefficients[j] * rows[j], element by element, j in order.
       With y.data NULL, y is r itself. */
    void (*residual)(double *r, otx__row y, const double *coefficients, const otx__row *rows,
                     size_t count, size_t n);
} otx__kernels;

/* ---- what all versions share ---- */

/* Asks for a line of the cache that is read soon: into the second level, as the
   first has room for too few of them. */
#if defined(__GNUC__) || defined(__clang__)
#define OTX__PREFETCH(at) __builtin_prefetch((at), 0, 2)
#elif defined(_MSC_VER) && (defined(_M_X64) || defined(_M_IX86))
#include <intrin.h>
#define OTX__PREFETCH(at) _mm_prefetch((const char *)(at), _MM_HINT_T1)
#else
#define OTX__PREFETCH(at) ((void)(at))
#endif

/* Targets between asking for the lines of one in a scan and using them. They lie
   anywhere in the tile, so no processor foresees them. */
#define OTX__AHEAD 4

/* The atoms to ask for while `target` is scanned; those behind its count are
   atoms of before, and harmless. */
OTX__PRIVATE const uint32_t *otx__scan_ahead(const otx__scan *scan, size_t target)
{
    return scan->atoms + otx__min(target + OTX__AHEAD, scan->targets - 1) * scan->pitch;
}

/* The address of element `first` of a row. */
OTX__PRIVATE const char *otx__row_at(otx__row row, size_t first)
{
    return (const char *)row.data + first * (row.bf16 ? 2 : 4);
}

OTX__PRIVATE float otx__row_element(otx__row row, size_t i)
{
    uint32_t bits;
    uint16_t half;
    if (row.bf16) {
        memcpy(&half, otx__row_at(row, i), sizeof half);
        return otx__float_of_bf16(half);
    }
    memcpy(&bits, otx__row_at(row, i), sizeof bits);
    return otx__float_of_bits(bits);
}

/* Adds the products from element `first` to n, fewer than all lanes at the end
   of a row, to their lanes. */
OTX__PRIVATE void otx__dot_lanes(double *lanes, const double *a, otx__row row, size_t first,
                                 size_t n)
{
    size_t i;
    for (i = first; i < n; i++)
        lanes[i % OTX__LANES] += a[i] * (double)otx__row_element(row, i);
}

OTX__PRIVATE double otx__fold_lanes(double *lanes)
{
    size_t half, i;
    for (half = OTX__LANES / 2; half > 0; half /= 2)
        for (i = 0; i < half; i++) lanes[i] += lanes[i + half];
    return lanes[0];
}

/* r from element `first` to n: the definition, and the tail of every version. */
OTX__PRIVATE void otx__residual_elements(double *r, otx__row y, const double *coefficients,
                                         const otx__row *rows, size_t count, size_t first,
                                         size_t n)
{
    size_t i, j;
    for (i = first; i < n; i++) {
        double value = y.data ? (double)otx__row_element(y, i) : r[i];
        for (j = 0; j < count; j++) {
            double term = coefficients[j] * (double)otx__row_element(rows[j], i);
            value -= term;
        }
        r[i] = value;
    }
}

/* The tile's atoms against one support of one target: their correlations with
   its residual, relative to the norms of atoms and target. In units of the
   target's norm,
       <r, a> = <y, a'> + <r, m> <a, m> - sum of coefficient_j <a_j', a'>
   with m the common direction and a' what is left of an atom without it. */
OTX__PRIVATE void otx__scan_target(const otx__scan *scan, size_t target, size_t set,
                                   float *correlations)
{
    const uint32_t *atoms = scan->atoms + target * scan->pitch;
    const int16_t *steps = scan->steps + target * OTX__SETS * scan->pitch + 2 * set;
    const int16_t *start = scan->start + target * OTX__TILE;
    const float *scales = scan->scales + (target * OTX__SETS + set) * 3;
    int32_t sums[OTX__TILE];
    size_t i, j, count = scan->counts[target];
    memset(sums, 0, sizeof sums);
    for (j = 0; j < count; j++) {
        const int16_t *gram = scan->gram + (size_t)atoms[j] * OTX__TILE;
        int32_t step = steps[j / 2 * OTX__SETS * 2 + j % 2];
        for (i = 0; i < OTX__TILE; i++) sums[i] += step * gram[i];
    }
    for (i = 0; i < OTX__TILE; i++)
        correlations[i] = (float)start[i] * scales[0] + scan->common[i] * scales[1] -
                          (float)sums[i] * scales[2];
}

/* >>> src/simd/scalar.h */
/* ---- scalar: the reference ---------------------------------------------- */

OTX__PRIVATE void otx__product_scalar(const float *a, const float *b, size_t n, bool add, float *c)
{
    size_t i, j, p;
    for (j = 0; j < OTX__STRIP; j++, c += OTX__TILE) {
        float sums[OTX__TILE] = {0};
        for (p = 0; p < n; p++)
            for (i = 0; i < OTX__TILE; i++)
                sums[i] += a[p * OTX__TILE + i] * b[p * OTX__TILE + j];
        for (i = 0; i < OTX__TILE; i++) c[i] = add ? c[i] + sums[i] : sums[i];
    }
}

OTX__PRIVATE void otx__product_bf16_scalar(const uint16_t *a, size_t tiles, const uint16_t *b,
                                           size_t n, float *c)
{
    size_t i, j, p, block, tile;
    memset(c, 0, tiles * OTX__TILE * OTX__TILE * sizeof *c);
    for (tile = 0; tile < tiles; tile++, a += n * OTX__TILE, c += OTX__TILE * OTX__TILE) {
        for (block = 0; block < n; block += OTX__CHAIN) {
            size_t end = otx__min(n, block + OTX__CHAIN);
            for (j = 0; j < OTX__TILE; j++) {
                for (i = 0; i < OTX__TILE; i++) {
                    float sum = 0.0f;
                    for (p = block; p < end; p++) {
                        size_t pair = p / 2 * OTX__TILE * 2 + p % 2;
                        sum += otx__float_of_bf16(a[pair + 2 * i]) *
                               otx__float_of_bf16(b[pair + 2 * j]);
                    }
                    c[j * OTX__TILE + i] += sum;
                }
            }
        }
    }
}

OTX__PRIVATE void otx__product_int8_scalar(const int8_t *a, size_t tiles, const int8_t *b,
                                           size_t n, float *c)
{
    size_t i, j, p, tile;
    for (tile = 0; tile < tiles; tile++, a += n * OTX__TILE) {
        for (j = 0; j < OTX__TILE; j++, c += OTX__TILE) {
            int32_t sums[OTX__TILE] = {0};
            for (p = 0; p < n; p += 4) {
                const int8_t *x = a + p * OTX__TILE, *y = b + p * OTX__TILE + 4 * j;
                for (i = 0; i < OTX__TILE; i++, x += 4)
                    sums[i] += x[0] * y[0] + x[1] * y[1] + x[2] * y[2] + x[3] * y[3];
            }
            for (i = 0; i < OTX__TILE; i++) c[i] = (float)sums[i];
        }
    }
}

OTX__PRIVATE float otx__packed(float score, uint32_t atom)
{
    uint32_t bits;
    memcpy(&bits, &score, sizeof bits);
    return otx__float_of_bits((bits & ~(uint32_t)(OTX__TILE - 1)) | atom);
}

OTX__PRIVATE uint32_t otx__packed_atom(float packed)
{
    uint32_t bits;
    memcpy(&bits, &packed, sizeof bits);
    return bits & (OTX__TILE - 1);
}

OTX__PRIVATE void otx__scan_scalar(const otx__scan *scan)
{
    size_t target, set, i;
    for (target = 0; target < scan->targets; target++) {
        for (set = 0; set < scan->sets[target]; set++) {
            float correlations[OTX__TILE], best = 0.0f;
            otx__scan_target(scan, target, set, correlations);
            for (i = 0; i < OTX__TILE; i++) {
                float score = scan->weight[i] * fabsf(correlations[i]);
                score = otx__packed(score, (uint32_t)i);
                if (score > best) best = score;
            }
            scan->best[set * scan->best_pitch + target] = best;
        }
    }
}

OTX__PRIVATE uint32_t otx__sift_scalar(const otx__sift *sift, float *least, float *most)
{
    float low[OTX__TILE], high[OTX__TILE];
    int32_t lows[OTX__TILE], highs[OTX__TILE], mark, top = 0;
    uint32_t mask = 0;
    size_t i;
    for (i = 0; i < OTX__TILE; i++) {
        float value = sift->products[i] * sift->scale[i] * sift->by;
        float score = sift->weight[i] * fabsf(value + sift->common[i] * sift->along);
        float spread = sift->weight[i] * (sift->bound + sift->error[i] * sift->rest);
        low[i] = score - spread - OTX__SIFT_ROOM;
        high[i] = score + spread + OTX__SIFT_ROOM;
    }
    /* Numbers that are not negative compare as their bits do, which compilers make
       vectors of. */
    memcpy(lows, low, sizeof lows);
    memcpy(highs, high, sizeof highs);
    memcpy(&mark, least, sizeof mark);
    for (i = 0; i < OTX__TILE; i++) {
        mark = lows[i] > mark ? lows[i] : mark;
        top = highs[i] > top ? highs[i] : top;
    }
    for (i = 0; i < OTX__TILE; i++) mask |= (uint32_t)(highs[i] >= mark) << i;
    memcpy(least, &mark, sizeof mark);
    memcpy(most, &top, sizeof top);
    return mask;
}

OTX__PRIVATE void otx__refine_scalar(const int16_t *gram, const uint32_t *atoms,
                                     const float *betas, size_t count, float *correlations)
{
    size_t i, j;
    for (j = 0; j < count; j++) {
        const int16_t *column = gram + (size_t)atoms[j] * OTX__TILE;
        float beta = betas[j] / 32767.0f;
        for (i = 0; i < OTX__TILE; i++) correlations[i] -= beta * (float)column[i];
    }
}

OTX__PRIVATE void otx__rough_dots_scalar(const float *a, const otx__row *rows, size_t count,
                                         size_t n, float *out)
{
    size_t i, j;
    for (j = 0; j < count; j++) {
        float sum = 0.0f;
        for (i = 0; i < n; i++) sum += a[i] * otx__row_element(rows[j], i);
        out[j] = sum;
    }
}

OTX__PRIVATE void otx__rough_residual_scalar(float *r, otx__row y, const double *coefficients,
                                             const otx__row *rows, size_t count, size_t n)
{
    size_t i, j;
    for (i = 0; i < n; i++) r[i] = otx__row_element(y, i);
    for (j = 0; j < count; j++) {
        float coefficient = (float)coefficients[j];
        for (i = 0; i < n; i++) r[i] -= coefficient * otx__row_element(rows[j], i);
    }
}

OTX__PRIVATE void otx__dots_scalar(const double *a, const otx__row *rows, size_t count, size_t n,
                                   double *out)
{
    size_t i;
    for (i = 0; i < count; i++) {
        double lanes[OTX__LANES] = {0};
        otx__dot_lanes(lanes, a, rows[i], 0, n);
        out[i] = otx__fold_lanes(lanes);
    }
}

OTX__PRIVATE void otx__residual_scalar(double *r, otx__row y, const double *coefficients,
                                       const otx__row *rows, size_t count, size_t n)
{
    otx__residual_elements(r, y, coefficients, rows, count, 0, n);
}

OTX__PRIVATE const otx__kernels otx__kernels_scalar = {
    OTX_ISA_SCALAR, otx__product_scalar, otx__product_bf16_scalar, otx__product_int8_scalar,
    otx__scan_scalar, otx__sift_scalar, otx__refine_scalar, otx__rough_dots_scalar,
    otx__rough_residual_scalar, otx__dots_scalar, otx__dots_scalar, NULL, otx__residual_scalar};

/* >>> src/simd/sse2.h */
/* ---- kernel_sse2: 128-bit x86, the baseline of x86-64 ----------------------- */

#if !defined(OTX_NO_SIMD) &&                                                                 \
    (defined(__x86_64__) || defined(_M_X64) || defined(__i386__) || defined(_M_IX86)) &&     \
    (defined(__clang__) || (defined(__GNUC__) && __GNUC__ >= 5 && !defined(__TINYC__)) ||    \
     (defined(_MSC_VER) && _MSC_VER >= 1900))
#define OTX__SSE2

#include <immintrin.h>

#ifdef _MSC_VER
#define OTX__SSE2_TARGET
#else
#define OTX__SSE2_TARGET __attribute__((target("sse2")))
#endif

/* One chain of products, for eight rows of a by four of b: eight sums stay in
   registers. It is put in c, or added to it. */
OTX__SSE2_TARGET OTX__PRIVATE void otx__chain_sse2(const float *a, const float *b, size_t count,
                                                   bool add, float *c)
{
    __m128 low[4], high[4];
    size_t p, j;
    OTX__UNROLL
    for (j = 0; j < 4; j++) low[j] = high[j] = _mm_setzero_ps();
    for (p = 0; p < count; p++, a += OTX__TILE, b += OTX__TILE) {
        __m128 a0 = _mm_loadu_ps(a), a1 = _mm_loadu_ps(a + 4);
        OTX__UNROLL
        for (j = 0; j < 4; j++) {
            __m128 b0 = _mm_set1_ps(b[j]);
            low[j] = _mm_add_ps(low[j], _mm_mul_ps(a0, b0));
            high[j] = _mm_add_ps(high[j], _mm_mul_ps(a1, b0));
        }
    }
    OTX__UNROLL
    for (j = 0; j < 4; j++, c += OTX__TILE) {
        if (add) {
            low[j] = _mm_add_ps(low[j], _mm_loadu_ps(c));
            high[j] = _mm_add_ps(high[j], _mm_loadu_ps(c + 4));
        }
        _mm_storeu_ps(c, low[j]);
        _mm_storeu_ps(c + 4, high[j]);
    }
}

OTX__PRIVATE void otx__product_sse2(const float *a, const float *b, size_t n, bool add, float *c)
{
    size_t i, j;
    for (j = 0; j < OTX__STRIP; j += 4)
        for (i = 0; i < OTX__TILE; i += 8)
            otx__chain_sse2(a + i, b + j, n, add, c + j * OTX__TILE + i);
}

/* The larger of `best` and the weighted correlations of four atoms. */
OTX__SSE2_TARGET OTX__PRIVATE __m128 otx__score_sse2(__m128 best, const int16_t *start,
                                                     __m128i sum, const float *scales,
                                                     const float *common, const float *weight,
                                                     int first)
{
    __m128i numbers = _mm_add_epi32(_mm_setr_epi32(0, 1, 2, 3), _mm_set1_epi32(first));
    __m128i wide = _mm_loadl_epi64((const __m128i *)(const void *)start);
    __m128 value, along, sums;
    wide = _mm_srai_epi32(_mm_unpacklo_epi16(wide, wide), 16);
    value = _mm_mul_ps(_mm_cvtepi32_ps(wide), _mm_set1_ps(scales[0]));
    along = _mm_mul_ps(_mm_loadu_ps(common), _mm_set1_ps(scales[1]));
    sums = _mm_mul_ps(_mm_cvtepi32_ps(sum), _mm_set1_ps(scales[2]));
    value = _mm_sub_ps(_mm_add_ps(value, along), sums);
    value = _mm_mul_ps(_mm_andnot_ps(_mm_set1_ps(-0.0f), value), _mm_loadu_ps(weight));
    /* As otx__packed does. */
    value = _mm_andnot_ps(_mm_castsi128_ps(_mm_set1_epi32(OTX__TILE - 1)), value);
    return _mm_max_ps(best, _mm_or_ps(value, _mm_castsi128_ps(numbers)));
}

OTX__SSE2_TARGET OTX__PRIVATE __m128i otx__load_sse2(const int16_t *at)
{
    return _mm_loadu_si128((const __m128i *)(const void *)at);
}

/* The sums of `sets` supports of one target over `quarters` quarters of a tile, two
   atoms of them at a time. sums[set] holds the tile's atoms in order. */
OTX__SSE2_TARGET OTX__INLINE void otx__sums_sse2(const otx__scan *scan, size_t target,
                                                 size_t quarter, size_t quarters, size_t sets,
                                                 __m128i sums[OTX__SETS][8])
{
    const uint32_t *atoms = scan->atoms + target * scan->pitch;
    const int16_t *steps = scan->steps + target * OTX__SETS * scan->pitch;
    const int16_t *gram = scan->gram + 8 * quarter;
    const uint32_t *ahead = otx__scan_ahead(scan, target);
    size_t count = scan->counts[target], j, set, h;
    __m128i parts[OTX__SETS][4];
    OTX__UNROLL
    for (set = 0; set < sets; set++) {
        OTX__UNROLL
        for (h = 0; h < 2 * quarters; h++) parts[set][h] = _mm_setzero_si128();
    }
    for (j = 0; j < count; j += 2) {
        const int16_t *column0 = gram + (size_t)atoms[j] * OTX__TILE;
        const int16_t *column1 = gram + (size_t)atoms[j + 1] * OTX__TILE;
        OTX__PREFETCH(gram + (size_t)ahead[j + quarter / 2] * OTX__TILE);
        OTX__UNROLL
        for (h = 0; h < 2 * quarters; h += 2) {
            __m128i g0 = otx__load_sse2(column0 + 4 * h), g1 = otx__load_sse2(column1 + 4 * h);
            __m128i low = _mm_unpacklo_epi16(g0, g1), high = _mm_unpackhi_epi16(g0, g1);
            OTX__UNROLL
            for (set = 0; set < sets; set++) {
                int32_t both;
                __m128i pair;
                memcpy(&both, steps + j * OTX__SETS + 2 * set, sizeof both);
                pair = _mm_set1_epi32(both);
                parts[set][h] = _mm_add_epi32(parts[set][h], _mm_madd_epi16(low, pair));
                parts[set][h + 1] = _mm_add_epi32(parts[set][h + 1], _mm_madd_epi16(high, pair));
            }
        }
    }
    OTX__UNROLL
    for (set = 0; set < sets; set++) {
        OTX__UNROLL
        for (h = 0; h < 2 * quarters; h++) sums[set][2 * quarter + h] = parts[set][h];
    }
}

OTX__SSE2_TARGET OTX__PRIVATE float otx__largest_sse2(__m128 values)
{
    values = _mm_max_ps(values, _mm_movehl_ps(values, values));
    return _mm_cvtss_f32(_mm_max_ss(values, _mm_shuffle_ps(values, values, 1)));
}

/* Up to eight sums stay in registers. */
OTX__SSE2_TARGET OTX__PRIVATE void otx__scan_sse2(const otx__scan *scan)
{
    size_t target, set, i;
    for (target = 0; target < scan->targets; target++) {
        const int16_t *start = scan->start + target * OTX__TILE;
        size_t sets = scan->sets[target];
        __m128i sums[OTX__SETS][8];
        for (i = 0; i < 4; i += sets > 2 ? 1 : 2) {
            if (sets == 1) otx__sums_sse2(scan, target, i, 2, 1, sums);
            else if (sets == 2) otx__sums_sse2(scan, target, i, 2, 2, sums);
            else otx__sums_sse2(scan, target, i, 1, OTX__SETS, sums);
        }
        for (set = 0; set < sets; set++) {
            const float *scales = scan->scales + (target * OTX__SETS + set) * 3;
            __m128 best = _mm_setzero_ps();
            OTX__UNROLL
            for (i = 0; i < 8; i++)
                best = otx__score_sse2(best, start + 4 * i, sums[set][i], scales,
                                       scan->common + 4 * i, scan->weight + 4 * i, (int)(4 * i));
            scan->best[set * scan->best_pitch + target] = otx__largest_sse2(best);
        }
    }
}

/* Takes one column off four correlations, whose numbers stand twice in `twice`. */
OTX__SSE2_TARGET OTX__INLINE __m128 otx__refine_part_sse2(__m128 value, __m128 beta,
                                                          __m128i twice)
{
    __m128 wide = _mm_cvtepi32_ps(_mm_srai_epi32(twice, 16));
    return _mm_sub_ps(value, _mm_mul_ps(beta, wide));
}

OTX__SSE2_TARGET OTX__PRIVATE void otx__refine_sse2(const int16_t *gram, const uint32_t *atoms,
                                                    const float *betas, size_t count,
                                                    float *correlations)
{
    __m128 values[8];
    size_t i, j;
    OTX__UNROLL
    for (i = 0; i < 8; i++) values[i] = _mm_loadu_ps(correlations + 4 * i);
    for (j = 0; j < count; j++) {
        const int16_t *column = gram + (size_t)atoms[j] * OTX__TILE;
        __m128 beta = _mm_set1_ps(betas[j] / 32767.0f);
        OTX__UNROLL
        for (i = 0; i < 8; i += 2) {
            __m128i eight = otx__load_sse2(column + 4 * i);
            __m128i low = _mm_unpacklo_epi16(eight, eight);
            __m128i high = _mm_unpackhi_epi16(eight, eight);
            values[i] = otx__refine_part_sse2(values[i], beta, low);
            values[i + 1] = otx__refine_part_sse2(values[i + 1], beta, high);
        }
    }
    OTX__UNROLL
    for (i = 0; i < 8; i++) _mm_storeu_ps(correlations + 4 * i, values[i]);
}

/* Four elements of a row. */
OTX__SSE2_TARGET OTX__INLINE __m128 otx__floats_sse2(otx__row row, size_t i)
{
    const char *at = otx__row_at(row, i);
    __m128i halves;
    if (!row.bf16) return _mm_loadu_ps((const float *)(const void *)at);
    halves = _mm_loadl_epi64((const __m128i *)(const void *)at);
    return _mm_castsi128_ps(_mm_unpacklo_epi16(_mm_setzero_si128(), halves));
}

OTX__SSE2_TARGET OTX__PRIVATE void otx__rough_dots_sse2(const float *a, const otx__row *rows,
                                                        size_t count, size_t n, float *out)
{
    size_t i, j, h, whole = n - n % OTX__LANES;
    for (j = 0; j < count; j++) {
        __m128 sums[4];
        float lanes[4];
        OTX__UNROLL
        for (h = 0; h < 4; h++) sums[h] = _mm_setzero_ps();
        for (i = 0; i < whole; i += OTX__LANES) {
            OTX__UNROLL
            for (h = 0; h < 4; h++)
                sums[h] = _mm_add_ps(sums[h], _mm_mul_ps(_mm_loadu_ps(a + i + 4 * h),
                                                         otx__floats_sse2(rows[j], i + 4 * h)));
        }
        sums[0] = _mm_add_ps(_mm_add_ps(sums[0], sums[1]), _mm_add_ps(sums[2], sums[3]));
        _mm_storeu_ps(lanes, sums[0]);
        out[j] = (lanes[0] + lanes[1]) + (lanes[2] + lanes[3]);
        for (; i < n; i++) out[j] += a[i] * otx__row_element(rows[j], i);
    }
}

OTX__SSE2_TARGET OTX__PRIVATE void otx__rough_residual_sse2(float *r, otx__row y,
                                                            const double *coefficients,
                                                            const otx__row *rows, size_t count,
                                                            size_t n)
{
    size_t i, j, whole = n - n % 4;
    for (i = 0; i < whole; i += 4) {
        __m128 value = otx__floats_sse2(y, i);
        for (j = 0; j < count; j++)
            value = _mm_sub_ps(value, _mm_mul_ps(_mm_set1_ps((float)coefficients[j]),
                                                 otx__floats_sse2(rows[j], i)));
        _mm_storeu_ps(r + i, value);
    }
    for (; i < n; i++) {
        r[i] = otx__row_element(y, i);
        for (j = 0; j < count; j++)
            r[i] -= (float)coefficients[j] * otx__row_element(rows[j], i);
    }
}

/* Four elements of a row as two registers of doubles. */
OTX__SSE2_TARGET OTX__INLINE void otx__widen_sse2(otx__row row, size_t i, __m128d *low,
                                                  __m128d *high)
{
    __m128 values = otx__floats_sse2(row, i);
    *low = _mm_cvtps_pd(values);
    *high = _mm_cvtps_pd(_mm_movehl_ps(values, values));
}

/* The sums of a row's 16 lanes fill eight registers. */
OTX__SSE2_TARGET OTX__PRIVATE void otx__dots_sse2(const double *a, const otx__row *rows,
                                                  size_t count, size_t n, double *out)
{
    size_t row, i, h, whole = n - n % OTX__LANES;
    for (row = 0; row < count; row++) {
        __m128d sums[8], low, high;
        double lanes[OTX__LANES];
        OTX__UNROLL
        for (h = 0; h < 8; h++) sums[h] = _mm_setzero_pd();
        for (i = 0; i < whole; i += OTX__LANES) {
            OTX__UNROLL
            for (h = 0; h < 8; h += 2) {
                const double *at = a + i + 2 * h;
                otx__widen_sse2(rows[row], i + 2 * h, &low, &high);
                sums[h] = _mm_add_pd(sums[h], _mm_mul_pd(_mm_loadu_pd(at), low));
                sums[h + 1] = _mm_add_pd(sums[h + 1], _mm_mul_pd(_mm_loadu_pd(at + 2), high));
            }
        }
        OTX__UNROLL
        for (h = 0; h < 8; h++) _mm_storeu_pd(lanes + 2 * h, sums[h]);
        otx__dot_lanes(lanes, a, rows[row], whole, n);
        out[row] = otx__fold_lanes(lanes);
    }
}

OTX__SSE2_TARGET OTX__PRIVATE void otx__residual_sse2(double *r, otx__row y,
                                                      const double *coefficients,
                                                      const otx__row *rows, size_t count,
                                                      size_t n)
{
    size_t i, j, whole = n - n % 4;
    for (i = 0; i < whole; i += 4) {
        __m128d low = _mm_setzero_pd(), high = low, b0, b1;
        if (y.data) {
            otx__widen_sse2(y, i, &low, &high);
        } else {
            low = _mm_loadu_pd(r + i);
            high = _mm_loadu_pd(r + i + 2);
        }
        for (j = 0; j < count; j++) {
            __m128d coefficient = _mm_set1_pd(coefficients[j]);
            otx__widen_sse2(rows[j], i, &b0, &b1);
            low = _mm_sub_pd(low, _mm_mul_pd(coefficient, b0));
            high = _mm_sub_pd(high, _mm_mul_pd(coefficient, b1));
        }
        _mm_storeu_pd(r + i, low);
        _mm_storeu_pd(r + i + 2, high);
    }
    otx__residual_elements(r, y, coefficients, rows, count, whole, n);
}

OTX__PRIVATE const otx__kernels otx__kernels_sse2 = {
    OTX_ISA_SSE2, otx__product_sse2, NULL, NULL, otx__scan_sse2, otx__sift_scalar, otx__refine_sse2,
    otx__rough_dots_sse2, otx__rough_residual_sse2, otx__dots_sse2, otx__dots_sse2,
    NULL, otx__residual_sse2};

#endif /* OTX__SSE2 */

/* >>> src/simd/avx2.h */
/* ---- kernel_avx2: 256-bit x86 (AVX2, FMA) --------------------------------- */

#ifdef OTX__SSE2
#define OTX__AVX2

#ifdef _MSC_VER
#define OTX__AVX2_TARGET
#else
#define OTX__AVX2_TARGET __attribute__((target("avx2,fma")))
#endif

/* One chain of products, for sixteen rows of a by four of b: eight sums stay in
   registers. It is put in c, or added to it. */
OTX__AVX2_TARGET OTX__PRIVATE void otx__chain_avx2(const float *a, const float *b, size_t count,
                                                   bool add, float *c)
{
    __m256 low[4], high[4];
    size_t p, j;
    OTX__UNROLL
    for (j = 0; j < 4; j++) low[j] = high[j] = _mm256_setzero_ps();
    for (p = 0; p < count; p++, a += OTX__TILE, b += OTX__TILE) {
        __m256 a0 = _mm256_loadu_ps(a), a1 = _mm256_loadu_ps(a + 8);
        OTX__UNROLL
        for (j = 0; j < 4; j++) {
            __m256 b0 = _mm256_broadcast_ss(b + j);
            low[j] = _mm256_fmadd_ps(a0, b0, low[j]);
            high[j] = _mm256_fmadd_ps(a1, b0, high[j]);
        }
    }
    OTX__UNROLL
    for (j = 0; j < 4; j++) {
        float *column = c + j * OTX__TILE;
        if (add) {
            low[j] = _mm256_add_ps(low[j], _mm256_loadu_ps(column));
            high[j] = _mm256_add_ps(high[j], _mm256_loadu_ps(column + 8));
        }
        _mm256_storeu_ps(column, low[j]);
        _mm256_storeu_ps(column + 8, high[j]);
    }
}

OTX__PRIVATE void otx__product_avx2(const float *a, const float *b, size_t n, bool add, float *c)
{
    size_t i, j;
    for (j = 0; j < OTX__STRIP; j += 4)
        for (i = 0; i < OTX__TILE; i += 16)
            otx__chain_avx2(a + i, b + j, n, add, c + j * OTX__TILE + i);
}

/* The larger of `best` and the weighted correlations of eight atoms. */
OTX__AVX2_TARGET OTX__PRIVATE __m256 otx__score_avx2(__m256 best, const int16_t *start,
                                                     __m256i sum, const float *scales,
                                                     const float *common, const float *weight,
                                                     int first)
{
    __m256i numbers = _mm256_add_epi32(_mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7),
                                       _mm256_set1_epi32(first));
    __m256i wide = _mm256_cvtepi16_epi32(_mm_loadu_si128((const __m128i *)(const void *)start));
    __m256 value = _mm256_mul_ps(_mm256_cvtepi32_ps(wide), _mm256_set1_ps(scales[0]));
    value = _mm256_fmadd_ps(_mm256_loadu_ps(common), _mm256_set1_ps(scales[1]), value);
    value = _mm256_fnmadd_ps(_mm256_cvtepi32_ps(sum), _mm256_set1_ps(scales[2]), value);
    value = _mm256_andnot_ps(_mm256_set1_ps(-0.0f), value);
    value = _mm256_mul_ps(value, _mm256_loadu_ps(weight));
    /* As otx__packed does. */
    value = _mm256_andnot_ps(_mm256_castsi256_ps(_mm256_set1_epi32(OTX__TILE - 1)), value);
    return _mm256_max_ps(best, _mm256_or_ps(value, _mm256_castsi256_ps(numbers)));
}

OTX__AVX2_TARGET OTX__PRIVATE __m256i otx__load_avx2(const int16_t *at)
{
    return _mm256_loadu_si256((const __m256i *)(const void *)at);
}

/* sum + the products of neighbours in a and b, added in pairs. */
typedef __m256i (*otx__multiply_add)(__m256i sum, __m256i a, __m256i b);

OTX__AVX2_TARGET OTX__INLINE __m256i otx__multiply_add_avx2(__m256i sum, __m256i a, __m256i b)
{
    return _mm256_add_epi32(sum, _mm256_madd_epi16(a, b));
}

/* The sums of `sets` supports of one target over `halves` halves of a tile, two
   atoms of them at a time. sums[set] holds the tile's atoms in order.
   `multiply_add` is known where this is inlined, and so is inlined itself. */
OTX__AVX2_TARGET OTX__INLINE void otx__sums_avx2(const otx__scan *scan, size_t target, size_t half,
                                                 size_t halves, size_t sets,
                                                 otx__multiply_add multiply_add,
                                                 __m256i sums[OTX__SETS][4])
{
    const uint32_t *atoms = scan->atoms + target * scan->pitch;
    const int16_t *steps = scan->steps + target * OTX__SETS * scan->pitch;
    const int16_t *gram = scan->gram + 16 * half;
    const uint32_t *ahead = otx__scan_ahead(scan, target);
    size_t count = scan->counts[target], j, set, h;
    __m256i parts[OTX__SETS][4];
    OTX__UNROLL
    for (set = 0; set < sets; set++) {
        OTX__UNROLL
        for (h = 0; h < 2 * halves; h++) parts[set][h] = _mm256_setzero_si256();
    }
    for (j = 0; j < count; j += 2) {
        const int16_t *column0 = gram + (size_t)atoms[j] * OTX__TILE;
        const int16_t *column1 = gram + (size_t)atoms[j + 1] * OTX__TILE;
        OTX__UNROLL
        for (h = half; h < half + halves; h++)
            OTX__PREFETCH(gram + (size_t)ahead[j + h] * OTX__TILE);
        OTX__UNROLL
        for (h = 0; h < 2 * halves; h += 2) {
            __m256i g0 = otx__load_avx2(column0 + 8 * h), g1 = otx__load_avx2(column1 + 8 * h);
            __m256i low = _mm256_unpacklo_epi16(g0, g1), high = _mm256_unpackhi_epi16(g0, g1);
            OTX__UNROLL
            for (set = 0; set < sets; set++) {
                int32_t both;
                __m256i pair;
                memcpy(&both, steps + j * OTX__SETS + 2 * set, sizeof both);
                pair = _mm256_set1_epi32(both);
                parts[set][h] = multiply_add(parts[set][h], low, pair);
                parts[set][h + 1] = multiply_add(parts[set][h + 1], high, pair);
            }
        }
    }
    OTX__UNROLL
    for (set = 0; set < sets; set++) {
        OTX__UNROLL
        for (h = 0; h < 2 * halves; h += 2) {
            /* Unpacking works on 128-bit halves: put the atoms back in order. */
            __m256i low = parts[set][h], high = parts[set][h + 1];
            sums[set][2 * half + h] = _mm256_permute2x128_si256(low, high, 0x20);
            sums[set][2 * half + h + 1] = _mm256_permute2x128_si256(low, high, 0x31);
        }
    }
}

OTX__AVX2_TARGET OTX__PRIVATE float otx__largest_avx2(__m256 values)
{
    __m128 four = _mm_max_ps(_mm256_castps256_ps128(values), _mm256_extractf128_ps(values, 1));
    four = _mm_max_ps(four, _mm_movehl_ps(four, four));
    return _mm_cvtss_f32(_mm_max_ss(four, _mm_shuffle_ps(four, four, 1)));
}

OTX__AVX2_TARGET OTX__PRIVATE uint32_t otx__sift_avx2(const otx__sift *sift, float *least,
                                                      float *most)
{
    __m256 high[4], mark = _mm256_set1_ps(*least), lows = mark, highs = _mm256_setzero_ps();
    const __m256 by = _mm256_set1_ps(sift->by), along = _mm256_set1_ps(sift->along);
    const __m256 bound = _mm256_set1_ps(sift->bound), rest = _mm256_set1_ps(sift->rest);
    uint32_t mask = 0;
    size_t i;
    OTX__UNROLL
    for (i = 0; i < 4; i++) {
        __m256 weight = _mm256_loadu_ps(sift->weight + 8 * i);
        __m256 value = _mm256_mul_ps(_mm256_loadu_ps(sift->products + 8 * i),
                                     _mm256_loadu_ps(sift->scale + 8 * i));
        __m256 spread = _mm256_fmadd_ps(_mm256_loadu_ps(sift->error + 8 * i), rest, bound);
        value = _mm256_fmadd_ps(_mm256_loadu_ps(sift->common + 8 * i), along,
                                _mm256_mul_ps(value, by));
        value = _mm256_andnot_ps(_mm256_set1_ps(-0.0f), value);
        spread = _mm256_fmadd_ps(weight, spread, _mm256_set1_ps(OTX__SIFT_ROOM));
        lows = _mm256_max_ps(lows, _mm256_fmsub_ps(weight, value, spread));
        high[i] = _mm256_fmadd_ps(weight, value, spread);
        highs = _mm256_max_ps(highs, high[i]);
    }
    if (_mm256_movemask_ps(_mm256_cmp_ps(lows, mark, _CMP_GT_OQ))) {
        *least = otx__largest_avx2(lows);
        mark = _mm256_set1_ps(*least);
    }
    OTX__UNROLL
    for (i = 0; i < 4; i++)
        mask |= (uint32_t)_mm256_movemask_ps(_mm256_cmp_ps(high[i], mark, _CMP_GE_OQ)) << 8 * i;
    if (mask) *most = otx__largest_avx2(highs);
    return mask;
}

/* Up to eight sums stay in registers. */
OTX__AVX2_TARGET OTX__INLINE void otx__scan_256(const otx__scan *scan,
                                                otx__multiply_add multiply_add)
{
    size_t target, set, i;
    for (target = 0; target < scan->targets; target++) {
        const int16_t *start = scan->start + target * OTX__TILE;
        size_t sets = scan->sets[target];
        __m256i sums[OTX__SETS][4];
        if (sets == 1) {
            otx__sums_avx2(scan, target, 0, 2, 1, multiply_add, sums);
        } else if (sets == 2) {
            otx__sums_avx2(scan, target, 0, 2, 2, multiply_add, sums);
        } else {
            otx__sums_avx2(scan, target, 0, 1, OTX__SETS, multiply_add, sums);
            otx__sums_avx2(scan, target, 1, 1, OTX__SETS, multiply_add, sums);
        }
        for (set = 0; set < sets; set++) {
            const float *scales = scan->scales + (target * OTX__SETS + set) * 3;
            __m256 best = _mm256_setzero_ps();
            OTX__UNROLL
            for (i = 0; i < 4; i++)
                best = otx__score_avx2(best, start + 8 * i, sums[set][i], scales,
                                       scan->common + 8 * i, scan->weight + 8 * i, (int)(8 * i));
            scan->best[set * scan->best_pitch + target] = otx__largest_avx2(best);
        }
    }
}

OTX__AVX2_TARGET OTX__PRIVATE void otx__scan_avx2(const otx__scan *scan)
{
    otx__scan_256(scan, otx__multiply_add_avx2);
}

OTX__AVX2_TARGET OTX__PRIVATE void otx__refine_avx2(const int16_t *gram, const uint32_t *atoms,
                                                    const float *betas, size_t count,
                                                    float *correlations)
{
    __m256 values[4];
    size_t i, j;
    OTX__UNROLL
    for (i = 0; i < 4; i++) values[i] = _mm256_loadu_ps(correlations + 8 * i);
    for (j = 0; j < count; j++) {
        const int16_t *column = gram + (size_t)atoms[j] * OTX__TILE;
        __m256 beta = _mm256_set1_ps(betas[j] / 32767.0f);
        OTX__UNROLL
        for (i = 0; i < 4; i++) {
            __m128i eight = _mm_loadu_si128((const __m128i *)(const void *)(column + 8 * i));
            __m256 wide = _mm256_cvtepi32_ps(_mm256_cvtepi16_epi32(eight));
            values[i] = _mm256_fnmadd_ps(beta, wide, values[i]);
        }
    }
    OTX__UNROLL
    for (i = 0; i < 4; i++) _mm256_storeu_ps(correlations + 8 * i, values[i]);
}

/* Eight elements of a row. */
OTX__AVX2_TARGET OTX__INLINE __m256 otx__floats_avx2(otx__row row, size_t i)
{
    const char *at = otx__row_at(row, i);
    __m256i wide;
    if (!row.bf16) return _mm256_loadu_ps((const float *)(const void *)at);
    wide = _mm256_cvtepu16_epi32(_mm_loadu_si128((const __m128i *)(const void *)at));
    return _mm256_castsi256_ps(_mm256_slli_epi32(wide, 16));
}

OTX__AVX2_TARGET OTX__PRIVATE void otx__rough_dots_avx2(const float *a, const otx__row *rows,
                                                        size_t count, size_t n, float *out)
{
    size_t i, j, k, whole = n - n % OTX__LANES;
    for (j = 0; j < count; j++) {
        __m256 low = _mm256_setzero_ps(), high = low;
        float lanes[8], sum = 0.0f;
        for (i = 0; i < whole; i += OTX__LANES) {
            low = _mm256_fmadd_ps(_mm256_loadu_ps(a + i), otx__floats_avx2(rows[j], i), low);
            high = _mm256_fmadd_ps(_mm256_loadu_ps(a + i + 8), otx__floats_avx2(rows[j], i + 8),
                                   high);
        }
        _mm256_storeu_ps(lanes, _mm256_add_ps(low, high));
        for (k = 0; k < 8; k++) sum += lanes[k];
        for (; i < n; i++) sum += a[i] * otx__row_element(rows[j], i);
        out[j] = sum;
    }
}

OTX__AVX2_TARGET OTX__PRIVATE void otx__rough_residual_avx2(float *r, otx__row y,
                                                            const double *coefficients,
                                                            const otx__row *rows, size_t count,
                                                            size_t n)
{
    size_t i, j, whole = n - n % 8;
    for (i = 0; i < whole; i += 8) _mm256_storeu_ps(r + i, otx__floats_avx2(y, i));
    for (; i < n; i++) r[i] = otx__row_element(y, i);
    for (j = 0; j < count; j++) {
        float coefficient = (float)coefficients[j];
        __m256 by = _mm256_set1_ps(coefficient);
        for (i = 0; i < whole; i += 8)
            _mm256_storeu_ps(r + i, _mm256_fnmadd_ps(by, otx__floats_avx2(rows[j], i),
                                                     _mm256_loadu_ps(r + i)));
        for (; i < n; i++) r[i] -= coefficient * otx__row_element(rows[j], i);
    }
}

/* Eight elements of a row as two registers of doubles. */
OTX__AVX2_TARGET OTX__PRIVATE void otx__widen_avx2(otx__row row, size_t i, __m256d *low,
                                                   __m256d *high)
{
    __m256 values = otx__floats_avx2(row, i);
    *low = _mm256_cvtps_pd(_mm256_castps256_ps128(values));
    *high = _mm256_cvtps_pd(_mm256_extractf128_ps(values, 1));
}

/* sum + a b. Fused, where the product is exact, it has the same bits. */
OTX__AVX2_TARGET OTX__INLINE __m256d otx__add_product_avx2(__m256d sum, __m256d a, __m256d b,
                                                           bool fused)
{
    return fused ? _mm256_fmadd_pd(a, b, sum) : _mm256_add_pd(sum, _mm256_mul_pd(a, b));
}

/* Two rows at a time: the sums of their 16 lanes fill eight registers. */
OTX__AVX2_TARGET OTX__INLINE void otx__dots_body_avx2(const double *a, const otx__row *rows,
                                                      size_t count, size_t n, bool fused,
                                                      double *out)
{
    size_t first, i, j, h, whole = n - n % OTX__LANES;
    for (first = 0; first < count; first += 2) {
        size_t group = otx__min(2, count - first);
        __m256d sums[2][4];
        OTX__UNROLL
        for (j = 0; j < 2; j++)
            OTX__UNROLL
            for (h = 0; h < 4; h++) sums[j][h] = _mm256_setzero_pd();
        for (i = 0; i < whole; i += OTX__LANES) {
            OTX__UNROLL
            for (h = 0; h < 2; h++) {
                const double *at = a + i + 8 * h;
                __m256d a0 = _mm256_loadu_pd(at), a1 = _mm256_loadu_pd(at + 4), b0, b1;
                OTX__UNROLL
                for (j = 0; j < 2; j++) {
                    otx__widen_avx2(rows[first + (j < group ? j : 0)], i + 8 * h, &b0, &b1);
                    sums[j][2 * h] = otx__add_product_avx2(sums[j][2 * h], a0, b0, fused);
                    sums[j][2 * h + 1] =
                        otx__add_product_avx2(sums[j][2 * h + 1], a1, b1, fused);
                }
            }
        }
        for (j = 0; j < group; j++) {
            double lanes[OTX__LANES];
            OTX__UNROLL
            for (h = 0; h < 4; h++) _mm256_storeu_pd(lanes + 4 * h, sums[j][h]);
            otx__dot_lanes(lanes, a, rows[first + j], whole, n);
            out[first + j] = otx__fold_lanes(lanes);
        }
    }
}

OTX__AVX2_TARGET OTX__PRIVATE void otx__dots_avx2(const double *a, const otx__row *rows,
                                                  size_t count, size_t n, double *out)
{
    otx__dots_body_avx2(a, rows, count, n, false, out);
}

OTX__AVX2_TARGET OTX__PRIVATE void otx__products_avx2(const double *a, const otx__row *rows,
                                                      size_t count, size_t n, double *out)
{
    otx__dots_body_avx2(a, rows, count, n, true, out);
}

OTX__AVX2_TARGET OTX__PRIVATE void otx__residual_avx2(double *r, otx__row y,
                                                      const double *coefficients,
                                                      const otx__row *rows, size_t count,
                                                      size_t n)
{
    size_t i, j, whole = n - n % 8;
    for (i = 0; i < whole; i += 8) {
        __m256d low = _mm256_setzero_pd(), high = low, b0, b1;
        if (y.data) {
            otx__widen_avx2(y, i, &low, &high);
        } else {
            low = _mm256_loadu_pd(r + i);
            high = _mm256_loadu_pd(r + i + 4);
        }
        for (j = 0; j < count; j++) {
            __m256d coefficient = _mm256_set1_pd(coefficients[j]);
            otx__widen_avx2(rows[j], i, &b0, &b1);
            low = _mm256_sub_pd(low, _mm256_mul_pd(coefficient, b0));
            high = _mm256_sub_pd(high, _mm256_mul_pd(coefficient, b1));
        }
        _mm256_storeu_pd(r + i, low);
        _mm256_storeu_pd(r + i + 4, high);
    }
    otx__residual_elements(r, y, coefficients, rows, count, whole, n);
}

OTX__PRIVATE const otx__kernels otx__kernels_avx2 = {
    OTX_ISA_AVX2, otx__product_avx2, NULL, NULL, otx__scan_avx2, otx__sift_avx2, otx__refine_avx2,
    otx__rough_dots_avx2, otx__rough_residual_avx2, otx__dots_avx2, otx__products_avx2,
    NULL, otx__residual_avx2};

/* ---- and with AVX-VNNI, which multiplies and adds in one instruction ---- */

#if (defined(__clang__) && __clang_major__ >= 12) || \
    (defined(__GNUC__) && !defined(__clang__) && __GNUC__ >= 11)
#define OTX__AVX_VNNI
#define OTX__AVX_VNNI_TARGET __attribute__((target("avx2,fma,avxvnni")))

OTX__AVX_VNNI_TARGET OTX__INLINE __m256i otx__multiply_add_avx_vnni(__m256i sum, __m256i a,
                                                                    __m256i b)
{
    return _mm256_dpwssd_avx_epi32(sum, a, b);
}

OTX__AVX_VNNI_TARGET OTX__PRIVATE void otx__scan_avx_vnni(const otx__scan *scan)
{
    otx__scan_256(scan, otx__multiply_add_avx_vnni);
}

/* One chain of products of 8-bit numbers, n terms, of four rows of b and 16 of a, with
   `less` taken off the sums of each row of b. The instruction wants one side without a
   sign: a is taken 128 too large. Sums of integers go in c or are added to it; the last
   of them are made floats. */
OTX__AVX_VNNI_TARGET OTX__PRIVATE void otx__chain_int8_avx_vnni(const int8_t *a, const int8_t *b,
                                                                size_t n, const int32_t *less,
                                                                bool add, bool last, float *c)
{
    const __m256i sign = _mm256_set1_epi8(-128);
    __m256i sums[4][2];
    size_t p, j, h;
    OTX__UNROLL
    for (j = 0; j < 4; j++) sums[j][0] = sums[j][1] = _mm256_set1_epi32(-less[j]);
    for (p = 0; p < n; p += 4) {
        const __m256i *fours = (const __m256i *)(const void *)(a + p * OTX__TILE);
        __m256i a0 = _mm256_xor_si256(_mm256_loadu_si256(fours), sign);
        __m256i a1 = _mm256_xor_si256(_mm256_loadu_si256(fours + 1), sign);
        OTX__UNROLL
        for (j = 0; j < 4; j++) {
            int32_t four;
            __m256i b0;
            memcpy(&four, b + p * OTX__TILE + 4 * j, sizeof four);
            b0 = _mm256_set1_epi32(four);
            sums[j][0] = _mm256_dpbusd_avx_epi32(sums[j][0], a0, b0);
            sums[j][1] = _mm256_dpbusd_avx_epi32(sums[j][1], a1, b0);
        }
    }
    OTX__UNROLL
    for (j = 0; j < 4; j++) {
        OTX__UNROLL
        for (h = 0; h < 2; h++) {
            __m256i *at = (__m256i *)(void *)(c + j * OTX__TILE + 8 * h), sum = sums[j][h];
            if (add) sum = _mm256_add_epi32(sum, _mm256_loadu_si256(at));
            if (last) sum = _mm256_castps_si256(_mm256_cvtepi32_ps(sum));
            _mm256_storeu_si256(at, sum);
        }
    }
}

/* less[j]: what the sums of row j of b, n terms, come out too large by. */
OTX__AVX_VNNI_TARGET OTX__PRIVATE void otx__excess_avx_vnni(const int8_t *b, size_t n,
                                                            int32_t less[OTX__TILE])
{
    const __m256i sign = _mm256_set1_epi8(-128);
    size_t p, i;
    for (i = 0; i < OTX__TILE; i += 8) {
        __m256i sum = _mm256_setzero_si256();
        for (p = 0; p < n; p += 4) {
            const void *fours = b + p * OTX__TILE + 4 * i;
            sum = _mm256_dpbusd_avx_epi32(sum, sign, _mm256_loadu_si256((const __m256i *)fours));
        }
        _mm256_storeu_si256((__m256i *)(void *)(less + i), sum);
    }
}

OTX__PRIVATE void otx__product_int8_avx_vnni(const int8_t *a, size_t tiles, const int8_t *b,
                                             size_t n, float *c)
{
    size_t block, tile, i, j, count;
    int32_t less[OTX__TILE];
    for (block = 0; block < n; block += count) {
        const int8_t *chain = b + block * OTX__TILE;
        count = otx__min(OTX__INT8_CHAIN, n - block);
        otx__excess_avx_vnni(chain, count, less);
        for (tile = 0; tile < tiles; tile++)
            for (j = 0; j < OTX__TILE; j += 4)
                for (i = 0; i < OTX__TILE; i += 16)
                    otx__chain_int8_avx_vnni(a + (tile * n + block) * OTX__TILE + 4 * i,
                                             chain + 4 * j, count, less + j, block > 0,
                                             block + count == n,
                                             c + (tile * OTX__TILE + j) * OTX__TILE + i);
    }
}

OTX__PRIVATE const otx__kernels otx__kernels_avx_vnni = {
    OTX_ISA_AVX_VNNI, otx__product_avx2, NULL, otx__product_int8_avx_vnni,
    otx__scan_avx_vnni, otx__sift_avx2, otx__refine_avx2, otx__rough_dots_avx2,
    otx__rough_residual_avx2, otx__dots_avx2, otx__products_avx2, NULL, otx__residual_avx2};

#endif /* OTX__AVX_VNNI */

#endif /* OTX__AVX2 */

/* >>> src/simd/avx512.h */
/* ---- kernel_avx512: 512-bit x86 (F, BW, DQ, VL, VNNI) --------------------- */

#if !defined(OTX_NO_SIMD) && (defined(__x86_64__) || defined(_M_X64)) &&                  \
    (defined(__clang__) || (defined(__GNUC__) && __GNUC__ >= 8 && !defined(__TINYC__)) || \
     (defined(_MSC_VER) && _MSC_VER >= 1920))
#define OTX__AVX512

/* GCC's own header warns of itself when compiled as C++ (its bug 105593). */
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wuninitialized"
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#endif

#include <immintrin.h>

/* Lets a sum stay in its register: GCC 12 copies those of integer products about. */
#if defined(__GNUC__)
#define OTX__KEEP(sum) __asm__("" : "+v"(sum))
#else
#define OTX__KEEP(sum) ((void)0)
#endif

#ifdef _MSC_VER
#define OTX__AVX512_TARGET
#else
#define OTX__AVX512_TARGET __attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,avx512vnni")))
#endif

/* Only these let a register of integers be taken for one of bf16. */
#if (defined(__clang__) && __clang_major__ >= 12) || \
    (defined(__GNUC__) && !defined(__clang__) && __GNUC__ >= 10)
#define OTX__AVX512_BF16
#define OTX__AVX512_BF16_TARGET __attribute__((target("avx512f,avx512bw,avx512bf16")))
#endif

OTX__AVX512_TARGET OTX__PRIVATE void otx__product_avx512(const float *a, const float *b, size_t n,
                                                         bool add, float *c)
{
    __m512 low[OTX__STRIP], high[OTX__STRIP];
    size_t p, j;
    OTX__UNROLL
    for (j = 0; j < OTX__STRIP; j++) low[j] = high[j] = _mm512_setzero_ps();
    for (p = 0; p < n; p++, a += OTX__TILE, b += OTX__TILE) {
        __m512 a0 = _mm512_loadu_ps(a), a1 = _mm512_loadu_ps(a + 16);
        OTX__UNROLL
        for (j = 0; j < OTX__STRIP; j++) {
            __m512 b0 = _mm512_set1_ps(b[j]);
            low[j] = _mm512_fmadd_ps(a0, b0, low[j]);
            high[j] = _mm512_fmadd_ps(a1, b0, high[j]);
        }
    }
    OTX__UNROLL
    for (j = 0; j < OTX__STRIP; j++, c += OTX__TILE) {
        if (add) {
            low[j] = _mm512_add_ps(low[j], _mm512_loadu_ps(c));
            high[j] = _mm512_add_ps(high[j], _mm512_loadu_ps(c + 16));
        }
        _mm512_storeu_ps(c, low[j]);
        _mm512_storeu_ps(c + 16, high[j]);
    }
}

#ifdef OTX__AVX512_BF16
/* One chain of products, n terms, of eight rows of b and 32 of a: it is put in c, or
   added to it. */
OTX__AVX512_BF16_TARGET OTX__PRIVATE void otx__chain_bf16_avx512(const uint16_t *a,
                                                                 const uint16_t *b, size_t n,
                                                                 bool add, float *c)
{
    __m512 low[OTX__STRIP], high[OTX__STRIP];
    size_t p, j;
    OTX__UNROLL
    for (j = 0; j < OTX__STRIP; j++) low[j] = high[j] = _mm512_setzero_ps();
    for (p = 0; p < n; p += 2) {
        const uint16_t *pairs = b + p * OTX__TILE;
        __m512bh a0 = (__m512bh)_mm512_loadu_si512(a + p * OTX__TILE);
        __m512bh a1 = (__m512bh)_mm512_loadu_si512(a + p * OTX__TILE + 32);
        OTX__UNROLL
        for (j = 0; j < OTX__STRIP; j++) {
            int32_t both;
            __m512i b0;
            memcpy(&both, pairs + 2 * j, sizeof both);
            b0 = _mm512_set1_epi32(both);
            __asm__("" : "+v"(b0)); /* Clang 16 crashes if it sees a broadcast of bf16 */
            low[j] = _mm512_dpbf16_ps(low[j], a0, (__m512bh)b0);
            high[j] = _mm512_dpbf16_ps(high[j], a1, (__m512bh)b0);
        }
    }
    OTX__UNROLL
    for (j = 0; j < OTX__STRIP; j++) {
        float *column = c + j * OTX__TILE;
        if (add) {
            low[j] = _mm512_add_ps(low[j], _mm512_loadu_ps(column));
            high[j] = _mm512_add_ps(high[j], _mm512_loadu_ps(column + 16));
        }
        _mm512_storeu_ps(column, low[j]);
        _mm512_storeu_ps(column + 16, high[j]);
    }
}

/* Chain by chain, so that what is read again lies in the first cache. */
OTX__PRIVATE void otx__product_bf16_avx512(const uint16_t *a, size_t tiles, const uint16_t *b,
                                           size_t n, float *c)
{
    size_t block, tile, strip;
    for (block = 0; block < n || block == 0; block += OTX__CHAIN) {
        const uint16_t *chain = b + block * OTX__TILE;
        size_t count = otx__min(OTX__CHAIN, n - block);
        for (tile = 0; tile < tiles; tile++)
            for (strip = 0; strip < OTX__TILE; strip += OTX__STRIP)
                otx__chain_bf16_avx512(a + (tile * n + block) * OTX__TILE, chain + 2 * strip,
                                       count, block > 0,
                                       c + (tile * OTX__TILE + strip) * OTX__TILE);
    }
}
#endif /* OTX__AVX512_BF16 */

/* One chain of products of 8-bit numbers, n terms, of eight rows of b and 32 of a, with
   `less` taken off the sums of each row of b. The instruction wants one side without a
   sign: a is taken 128 too large. Sums of integers go in c or are added to it; the last
   of them are made floats. */
OTX__AVX512_TARGET OTX__PRIVATE void otx__chain_int8_avx512(const int8_t *a, const int8_t *b,
                                                            size_t n, const int32_t *less,
                                                            bool add, bool last, float *c)
{
    const __m512i sign = _mm512_set1_epi8(-128);
    __m512i low[OTX__STRIP], high[OTX__STRIP];
    size_t p, j;
    OTX__UNROLL
    for (j = 0; j < OTX__STRIP; j++) low[j] = high[j] = _mm512_set1_epi32(-less[j]);
    for (p = 0; p < n; p += 4) {
        const int8_t *fours = b + p * OTX__TILE;
        __m512i a0 = _mm512_xor_si512(_mm512_loadu_si512(a + p * OTX__TILE), sign);
        __m512i a1 = _mm512_xor_si512(_mm512_loadu_si512(a + p * OTX__TILE + 64), sign);
        OTX__UNROLL
        for (j = 0; j < OTX__STRIP; j++) {
            int32_t four;
            __m512i b0;
            memcpy(&four, fours + 4 * j, sizeof four);
            b0 = _mm512_set1_epi32(four);
            low[j] = _mm512_dpbusd_epi32(low[j], a0, b0);
            high[j] = _mm512_dpbusd_epi32(high[j], a1, b0);
            OTX__KEEP(low[j]);
            OTX__KEEP(high[j]);
        }
    }
    OTX__UNROLL
    for (j = 0; j < OTX__STRIP; j++, c += OTX__TILE) {
        if (add) {
            low[j] = _mm512_add_epi32(low[j], _mm512_loadu_si512(c));
            high[j] = _mm512_add_epi32(high[j], _mm512_loadu_si512(c + 16));
        }
        if (last) {
            low[j] = _mm512_castps_si512(_mm512_cvtepi32_ps(low[j]));
            high[j] = _mm512_castps_si512(_mm512_cvtepi32_ps(high[j]));
        }
        _mm512_storeu_si512(c, low[j]);
        _mm512_storeu_si512(c + 16, high[j]);
    }
}

/* less[j]: what the sums of row j of b, n terms, come out too large by. */
OTX__AVX512_TARGET OTX__PRIVATE void otx__excess_avx512(const int8_t *b, size_t n,
                                                        int32_t less[OTX__TILE])
{
    const __m512i sign = _mm512_set1_epi8(-128);
    __m512i low = _mm512_setzero_si512(), high = low;
    size_t p;
    for (p = 0; p < n * OTX__TILE; p += 4 * OTX__TILE) {
        low = _mm512_dpbusd_epi32(low, sign, _mm512_loadu_si512(b + p));
        high = _mm512_dpbusd_epi32(high, sign, _mm512_loadu_si512(b + p + 64));
    }
    _mm512_storeu_si512(less, low);
    _mm512_storeu_si512(less + 16, high);
}

OTX__PRIVATE void otx__product_int8_avx512(const int8_t *a, size_t tiles, const int8_t *b,
                                           size_t n, float *c)
{
    size_t block, tile, strip, count;
    int32_t less[OTX__TILE];
    for (block = 0; block < n; block += count) {
        const int8_t *chain = b + block * OTX__TILE;
        count = otx__min(OTX__INT8_CHAIN, n - block);
        otx__excess_avx512(chain, count, less);
        for (tile = 0; tile < tiles; tile++)
            for (strip = 0; strip < OTX__TILE; strip += OTX__STRIP)
                otx__chain_int8_avx512(a + (tile * n + block) * OTX__TILE, chain + 4 * strip,
                                       count, less + strip, block > 0, block + count == n,
                                       c + (tile * OTX__TILE + strip) * OTX__TILE);
    }
}

/* The numbers of the atoms in the order in which unpacking interleaved 16-bit numbers
   leaves them. */
OTX__AVX512_TARGET OTX__PRIVATE __m512i otx__numbers_avx512(int high)
{
    __m512i order = _mm512_setr_epi32(0, 1, 2, 3, 8, 9, 10, 11, 16, 17, 18, 19, 24, 25, 26, 27);
    return _mm512_add_epi32(order, _mm512_set1_epi32(high ? 4 : 0));
}

/* What belongs to a tile's atoms, in that order. */
OTX__AVX512_TARGET OTX__PRIVATE __m512 otx__unpacked_avx512(const float *tile, int high)
{
    return _mm512_permutex2var_ps(_mm512_loadu_ps(tile), otx__numbers_avx512(high),
                                  _mm512_loadu_ps(tile + 16));
}

OTX__AVX512_TARGET OTX__PRIVATE __m512 otx__score_avx512(__m512i start, __m512i sum,
                                                         const float *scales, __m512 common,
                                                         __m512 weight, __m512i numbers)
{
    __m512 value = _mm512_mul_ps(_mm512_cvtepi32_ps(start), _mm512_set1_ps(scales[0]));
    value = _mm512_fmadd_ps(common, _mm512_set1_ps(scales[1]), value);
    value = _mm512_fnmadd_ps(_mm512_cvtepi32_ps(sum), _mm512_set1_ps(scales[2]), value);
    value = _mm512_mul_ps(_mm512_abs_ps(value), weight);
    /* numbers | (score & ~31), as otx__packed does */
    return _mm512_castsi512_ps(_mm512_ternarylogic_epi32(
        numbers, _mm512_castps_si512(value), _mm512_set1_epi32(OTX__TILE - 1), 0xf4));
}

/* The sums of `sets` supports of one target, two atoms of them at a time:
   sums[set][0] and [1] hold the tile in the order of unpacking. */
OTX__AVX512_TARGET OTX__INLINE void otx__sums_avx512(const otx__scan *scan, size_t target,
                                                     size_t sets, __m512i sums[OTX__SETS][2])
{
    const uint32_t *atoms = scan->atoms + target * scan->pitch;
    const int16_t *steps = scan->steps + target * OTX__SETS * scan->pitch;
    const uint32_t *ahead = otx__scan_ahead(scan, target);
    size_t count = scan->counts[target], j, set;
    OTX__UNROLL
    for (set = 0; set < sets; set++) sums[set][0] = sums[set][1] = _mm512_setzero_si512();
    for (j = 0; j < count; j += 2) {
        __m512i g0 = _mm512_loadu_si512(scan->gram + (size_t)atoms[j] * OTX__TILE);
        __m512i g1 = _mm512_loadu_si512(scan->gram + (size_t)atoms[j + 1] * OTX__TILE);
        __m512i low = _mm512_unpacklo_epi16(g0, g1), high = _mm512_unpackhi_epi16(g0, g1);
        OTX__PREFETCH(scan->gram + (size_t)ahead[j] * OTX__TILE);
        OTX__PREFETCH(scan->gram + (size_t)ahead[j + 1] * OTX__TILE);
        OTX__UNROLL
        for (set = 0; set < sets; set++) {
            int32_t both;
            __m512i pair;
            memcpy(&both, steps + j * OTX__SETS + 2 * set, sizeof both);
            pair = _mm512_set1_epi32(both);
            sums[set][0] = _mm512_dpwssd_epi32(sums[set][0], low, pair);
            sums[set][1] = _mm512_dpwssd_epi32(sums[set][1], high, pair);
        }
    }
}

OTX__AVX512_TARGET OTX__PRIVATE void otx__scan_avx512(const otx__scan *scan)
{
    __m512 common0 = otx__unpacked_avx512(scan->common, 0);
    __m512 common1 = otx__unpacked_avx512(scan->common, 1);
    __m512 weight0 = otx__unpacked_avx512(scan->weight, 0);
    __m512 weight1 = otx__unpacked_avx512(scan->weight, 1);
    __m512i numbers0 = otx__numbers_avx512(0), numbers1 = otx__numbers_avx512(1);
    size_t target, set;
    for (target = 0; target < scan->targets; target++) {
        const float *scales = scan->scales + target * OTX__SETS * 3;
        size_t sets = scan->sets[target];
        __m512i start = _mm512_loadu_si512(scan->start + target * OTX__TILE);
        __m512i start0 = _mm512_unpacklo_epi16(_mm512_setzero_si512(), start);
        __m512i start1 = _mm512_unpackhi_epi16(_mm512_setzero_si512(), start);
        __m512i sums[OTX__SETS][2];
        start0 = _mm512_srai_epi32(start0, 16);
        start1 = _mm512_srai_epi32(start1, 16);
        if (sets == 1) otx__sums_avx512(scan, target, 1, sums);
        else if (sets == 2) otx__sums_avx512(scan, target, 2, sums);
        else otx__sums_avx512(scan, target, OTX__SETS, sums);
        for (set = 0; set < sets; set++) {
            const float *scale = scales + 3 * set;
            __m512 score0 = otx__score_avx512(start0, sums[set][0], scale, common0, weight0,
                                              numbers0);
            __m512 score1 = otx__score_avx512(start1, sums[set][1], scale, common1, weight1,
                                              numbers1);
            scan->best[set * scan->best_pitch + target] =
                _mm512_reduce_max_ps(_mm512_max_ps(score0, score1));
        }
    }
}

/* What sixteen weighted correlations are at least and at most. */
OTX__AVX512_TARGET OTX__INLINE void otx__sift_half_avx512(const otx__sift *sift, size_t first,
                                                          __m512 *low, __m512 *high)
{
    __m512 weight = _mm512_loadu_ps(sift->weight + first), room = _mm512_set1_ps(OTX__SIFT_ROOM);
    __m512 value = _mm512_mul_ps(_mm512_loadu_ps(sift->products + first),
                                 _mm512_loadu_ps(sift->scale + first));
    __m512 spread = _mm512_fmadd_ps(_mm512_loadu_ps(sift->error + first),
                                    _mm512_set1_ps(sift->rest), _mm512_set1_ps(sift->bound));
    value = _mm512_fmadd_ps(_mm512_loadu_ps(sift->common + first), _mm512_set1_ps(sift->along),
                            _mm512_mul_ps(value, _mm512_set1_ps(sift->by)));
    value = _mm512_abs_ps(value);
    spread = _mm512_fmadd_ps(weight, spread, room);
    *low = _mm512_fmsub_ps(weight, value, spread);
    *high = _mm512_fmadd_ps(weight, value, spread);
}

OTX__AVX512_TARGET OTX__PRIVATE uint32_t otx__sift_avx512(const otx__sift *sift, float *least,
                                                          float *most)
{
    __m512 low0, low1, high0, high1, mark = _mm512_set1_ps(*least);
    __mmask16 mask0, mask1;
    otx__sift_half_avx512(sift, 0, &low0, &high0);
    otx__sift_half_avx512(sift, 16, &low1, &high1);
    low0 = _mm512_max_ps(low0, low1);
    if (_mm512_cmp_ps_mask(low0, mark, _CMP_GT_OQ)) {
        *least = _mm512_reduce_max_ps(low0);
        mark = _mm512_set1_ps(*least);
    }
    mask0 = _mm512_cmp_ps_mask(high0, mark, _CMP_GE_OQ);
    mask1 = _mm512_cmp_ps_mask(high1, mark, _CMP_GE_OQ);
    if (mask0 | mask1) *most = _mm512_reduce_max_ps(_mm512_max_ps(high0, high1));
    return (uint32_t)mask1 << 16 | mask0;
}

/* Takes one column off sixteen correlations. */
OTX__AVX512_TARGET OTX__INLINE __m512 otx__refine_part_avx512(const int16_t *gram, float beta,
                                                              __m512 value)
{
    __m256i column = _mm256_loadu_si256((const __m256i *)(const void *)gram);
    __m512 wide = _mm512_cvtepi32_ps(_mm512_cvtepi16_epi32(column));
    return _mm512_fnmadd_ps(_mm512_set1_ps(beta), wide, value);
}

OTX__AVX512_TARGET OTX__PRIVATE void otx__refine_avx512(const int16_t *gram,
                                                        const uint32_t *atoms,
                                                        const float *betas, size_t count,
                                                        float *correlations)
{
    __m512 low = _mm512_loadu_ps(correlations), high = _mm512_loadu_ps(correlations + 16);
    size_t j;
    for (j = 0; j < count; j++) {
        const int16_t *column = gram + (size_t)atoms[j] * OTX__TILE;
        float beta = betas[j] / 32767.0f;
        low = otx__refine_part_avx512(column, beta, low);
        high = otx__refine_part_avx512(column + 16, beta, high);
    }
    _mm512_storeu_ps(correlations, low);
    _mm512_storeu_ps(correlations + 16, high);
}

/* Sixteen elements of a row. */
OTX__AVX512_TARGET OTX__INLINE __m512 otx__floats_avx512(const char *at, bool bf16)
{
    __m512i wide;
    if (!bf16) return _mm512_loadu_ps(at);
    wide = _mm512_cvtepu16_epi32(_mm256_loadu_si256((const __m256i *)(const void *)at));
    return _mm512_castsi512_ps(_mm512_slli_epi32(wide, 16));
}

/* Rows 4 to 7 come next and are asked for. */
OTX__AVX512_TARGET OTX__INLINE void otx__rough_dots_group_avx512(const float *a,
                                                                 const char *const rows[8],
                                                                 bool bf16, size_t whole,
                                                                 float *out)
{
    const size_t element = bf16 ? 2 : 4;
    __m512 sums[4];
    size_t i, j;
    OTX__UNROLL
    for (j = 0; j < 4; j++) sums[j] = _mm512_setzero_ps();
    for (i = 0; i < whole; i += OTX__LANES) {
        __m512 a0 = _mm512_loadu_ps(a + i);
        OTX__UNROLL
        for (j = 0; j < 4; j++) {
            OTX__PREFETCH(rows[4 + j] + i * element);
            sums[j] = _mm512_fmadd_ps(a0, otx__floats_avx512(rows[j] + i * element, bf16),
                                      sums[j]);
        }
    }
    OTX__UNROLL
    for (j = 0; j < 4; j++) out[j] = _mm512_reduce_add_ps(sums[j]);
}

OTX__AVX512_TARGET OTX__PRIVATE void otx__rough_dots_avx512(const float *a, const otx__row *rows,
                                                            size_t count, size_t n, float *out)
{
    size_t first, i, j, whole = n - n % OTX__LANES;
    for (first = 0; first < count; first += 4) {
        const char *at[8];
        float sums[4];
        for (j = 0; j < 8; j++)
            at[j] = (const char *)rows[otx__min(first + j, count - 1)].data;
        if (rows[0].bf16) otx__rough_dots_group_avx512(a, at, true, whole, sums);
        else otx__rough_dots_group_avx512(a, at, false, whole, sums);
        for (j = 0; j < otx__min(4, count - first); j++) {
            for (i = whole; i < n; i++) sums[j] += a[i] * otx__row_element(rows[first + j], i);
            out[first + j] = sums[j];
        }
    }
}

OTX__AVX512_TARGET OTX__INLINE void otx__rough_group_avx512(float *r, const double *coefficients,
                                                            const char *const rows[4],
                                                            bool bf16, size_t whole)
{
    size_t i, j;
    for (i = 0; i < whole; i += OTX__LANES) {
        __m512 value = _mm512_loadu_ps(r + i);
        OTX__UNROLL
        for (j = 0; j < 4; j++)
            value = _mm512_fnmadd_ps(_mm512_set1_ps((float)coefficients[j]),
                                     otx__floats_avx512(rows[j] + i * (bf16 ? 2 : 4), bf16),
                                     value);
        _mm512_storeu_ps(r + i, value);
    }
}

OTX__AVX512_TARGET OTX__PRIVATE void otx__rough_residual_avx512(float *r, otx__row y,
                                                                const double *coefficients,
                                                                const otx__row *rows,
                                                                size_t count, size_t n)
{
    size_t first, i, j, whole = n - n % OTX__LANES;
    for (i = 0; i < whole; i += OTX__LANES)
        _mm512_storeu_ps(r + i, otx__floats_avx512(otx__row_at(y, i), y.bf16));
    for (; i < n; i++) r[i] = otx__row_element(y, i);
    for (first = 0; first < count; first += 4) {
        const char *at[4];
        double by[4];
        for (j = 0; j < 4; j++) {
            at[j] = (const char *)rows[otx__min(first + j, count - 1)].data;
            by[j] = first + j < count ? coefficients[first + j] : 0.0;
        }
        if (rows[0].bf16) otx__rough_group_avx512(r, by, at, true, whole);
        else otx__rough_group_avx512(r, by, at, false, whole);
        for (j = first; j < otx__min(first + 4, count); j++)
            for (i = whole; i < n; i++)
                r[i] -= (float)coefficients[j] * otx__row_element(rows[j], i);
    }
}

/* Eight elements of a row. */
OTX__AVX512_TARGET OTX__INLINE __m256 otx__eight_floats_avx512(const char *at, bool bf16)
{
    __m256i wide;
    if (!bf16) return _mm256_loadu_ps((const float *)(const void *)at);
    wide = _mm256_cvtepu16_epi32(_mm_loadu_si128((const __m128i *)(const void *)at));
    return _mm256_castsi256_ps(_mm256_slli_epi32(wide, 16));
}

/* Sixteen elements of a row as two registers of doubles. */
OTX__AVX512_TARGET OTX__INLINE void otx__widen_avx512(const char *at, bool bf16, __m512d *low,
                                                      __m512d *high)
{
    *low = _mm512_cvtps_pd(otx__eight_floats_avx512(at, bf16));
    *high = _mm512_cvtps_pd(otx__eight_floats_avx512(at + (bf16 ? 16 : 32), bf16));
}

/* The lanes of a's products with four rows, up to `whole`; rows[4] to [7] come next
   and are asked for. Four at a time hide the latency of the additions. With `fused`
   the products must be exact. */
OTX__AVX512_TARGET OTX__INLINE void otx__dots_group_avx512(const double *a,
                                                           const char *const rows[8], bool bf16,
                                                           bool fused, size_t whole,
                                                           double lanes[4][OTX__LANES])
{
    const size_t element = bf16 ? 2 : 4;
    __m512d low[4], high[4];
    size_t i, j;
    OTX__UNROLL
    for (j = 0; j < 4; j++) low[j] = high[j] = _mm512_setzero_pd();
    for (i = 0; i < whole; i += OTX__LANES) {
        __m512d a0 = _mm512_loadu_pd(a + i), a1 = _mm512_loadu_pd(a + i + 8), b0, b1;
        OTX__UNROLL
        for (j = 0; j < 4; j++) {
            OTX__PREFETCH(rows[4 + j] + i * element);
            otx__widen_avx512(rows[j] + i * element, bf16, &b0, &b1);
            low[j] = fused ? _mm512_fmadd_pd(a0, b0, low[j])
                           : _mm512_add_pd(low[j], _mm512_mul_pd(a0, b0));
            high[j] = fused ? _mm512_fmadd_pd(a1, b1, high[j])
                            : _mm512_add_pd(high[j], _mm512_mul_pd(a1, b1));
        }
    }
    OTX__UNROLL
    for (j = 0; j < 4; j++) {
        _mm512_storeu_pd(lanes[j], low[j]);
        _mm512_storeu_pd(lanes[j] + 8, high[j]);
    }
}

OTX__AVX512_TARGET OTX__INLINE void otx__dots_body_avx512(const double *a, const otx__row *rows,
                                                          size_t count, size_t n, bool fused,
                                                          double *out)
{
    size_t first, j, whole = n - n % OTX__LANES;
    for (first = 0; first < count; first += 4) {
        const char *at[8];
        double lanes[4][OTX__LANES];
        for (j = 0; j < 8; j++)
            at[j] = (const char *)rows[otx__min(first + j, count - 1)].data;
        if (rows[first].bf16) otx__dots_group_avx512(a, at, true, fused, whole, lanes);
        else otx__dots_group_avx512(a, at, false, fused, whole, lanes);
        for (j = 0; j < otx__min(4, count - first); j++) {
            otx__dot_lanes(lanes[j], a, rows[first + j], whole, n);
            out[first + j] = otx__fold_lanes(lanes[j]);
        }
    }
}

OTX__AVX512_TARGET OTX__PRIVATE void otx__dots_avx512(const double *a, const otx__row *rows,
                                                      size_t count, size_t n, double *out)
{
    otx__dots_body_avx512(a, rows, count, n, false, out);
}

OTX__AVX512_TARGET OTX__PRIVATE void otx__products_avx512(const double *a, const otx__row *rows,
                                                          size_t count, size_t n, double *out)
{
    otx__dots_body_avx512(a, rows, count, n, true, out);
}

/* The lanes of the products of two rows with four others, up to `whole`: lanes[j][i]
   of row i of the two and row j of the four. */
OTX__AVX512_TARGET OTX__INLINE void otx__pair_group_avx512(const char *const a[2],
                                                           const char *const b[4], bool bf16,
                                                           size_t whole,
                                                           double lanes[4][2][OTX__LANES])
{
    const size_t element = bf16 ? 2 : 4;
    __m512d low[4][2], high[4][2];
    size_t p, i, j;
    OTX__UNROLL
    for (j = 0; j < 4; j++)
        low[j][0] = low[j][1] = high[j][0] = high[j][1] = _mm512_setzero_pd();
    for (p = 0; p < whole; p += OTX__LANES) {
        __m512d a0[2], a1[2], b0, b1;
        otx__widen_avx512(a[0] + p * element, bf16, &a0[0], &a1[0]);
        otx__widen_avx512(a[1] + p * element, bf16, &a0[1], &a1[1]);
        OTX__UNROLL
        for (j = 0; j < 4; j++) {
            otx__widen_avx512(b[j] + p * element, bf16, &b0, &b1);
            OTX__UNROLL
            for (i = 0; i < 2; i++) {
                low[j][i] = _mm512_fmadd_pd(a0[i], b0, low[j][i]);
                high[j][i] = _mm512_fmadd_pd(a1[i], b1, high[j][i]);
            }
        }
    }
    OTX__UNROLL
    for (j = 0; j < 4; j++) {
        OTX__UNROLL
        for (i = 0; i < 2; i++) {
            _mm512_storeu_pd(lanes[j][i], low[j][i]);
            _mm512_storeu_pd(lanes[j][i] + 8, high[j][i]);
        }
    }
}

OTX__AVX512_TARGET OTX__PRIVATE void otx__pair_products_avx512(const otx__row a[2],
                                                               const otx__row *b, size_t count,
                                                               size_t n, double *out,
                                                               size_t pitch)
{
    const char *const pair[2] = {(const char *)a[0].data, (const char *)a[1].data};
    size_t first, i, j, p, whole = n - n % OTX__LANES;
    for (first = 0; first < count; first += 4) {
        const char *at[4];
        double lanes[4][2][OTX__LANES];
        for (j = 0; j < 4; j++)
            at[j] = (const char *)b[otx__min(first + j, count - 1)].data;
        if (a[0].bf16) otx__pair_group_avx512(pair, at, true, whole, lanes);
        else otx__pair_group_avx512(pair, at, false, whole, lanes);
        for (j = 0; j < otx__min(4, count - first); j++) {
            for (i = 0; i < 2; i++) {
                for (p = whole; p < n; p++)
                    lanes[j][i][p % OTX__LANES] += (double)otx__row_element(a[i], p) *
                                                   (double)otx__row_element(b[first + j], p);
                out[i * pitch + first + j] = otx__fold_lanes(lanes[j][i]);
            }
        }
    }
}

/* Takes four rows, one after the other, off r up to `whole`. Reading all rows at
   once would be too many streams for the processor to foresee. */
OTX__AVX512_TARGET OTX__INLINE void otx__residual_group_avx512(double *r,
                                                               const double *coefficients,
                                                               const char *const rows[4],
                                                               bool bf16, size_t whole)
{
    const size_t element = bf16 ? 2 : 4;
    size_t i, j;
    for (i = 0; i < whole; i += OTX__LANES) {
        __m512d low = _mm512_loadu_pd(r + i), high = _mm512_loadu_pd(r + i + 8), b0, b1;
        OTX__UNROLL
        for (j = 0; j < 4; j++) {
            __m512d coefficient = _mm512_set1_pd(coefficients[j]);
            otx__widen_avx512(rows[j] + i * element, bf16, &b0, &b1);
            low = _mm512_sub_pd(low, _mm512_mul_pd(coefficient, b0));
            high = _mm512_sub_pd(high, _mm512_mul_pd(coefficient, b1));
        }
        _mm512_storeu_pd(r + i, low);
        _mm512_storeu_pd(r + i + 8, high);
    }
}

OTX__AVX512_TARGET OTX__PRIVATE void otx__residual_avx512(double *r, otx__row y,
                                                          const double *coefficients,
                                                          const otx__row *rows, size_t count,
                                                          size_t n)
{
    size_t i, j, whole = n - n % OTX__LANES, first = 0;
    if (y.data) {
        __m512d low, high;
        for (i = 0; i < whole; i += OTX__LANES) {
            otx__widen_avx512(otx__row_at(y, i), y.bf16, &low, &high);
            _mm512_storeu_pd(r + i, low);
            _mm512_storeu_pd(r + i + 8, high);
        }
    }
    for (; first + 4 <= count; first += 4) {
        const char *at[4];
        for (j = 0; j < 4; j++) at[j] = (const char *)rows[first + j].data;
        if (rows[first].bf16)
            otx__residual_group_avx512(r, coefficients + first, at, true, whole);
        else
            otx__residual_group_avx512(r, coefficients + first, at, false, whole);
    }
    for (i = 0; i < whole && first < count; i += OTX__LANES) {
        __m512d low = _mm512_loadu_pd(r + i), high = _mm512_loadu_pd(r + i + 8), b0, b1;
        for (j = first; j < count; j++) {
            __m512d coefficient = _mm512_set1_pd(coefficients[j]);
            otx__widen_avx512(otx__row_at(rows[j], i), rows[j].bf16, &b0, &b1);
            low = _mm512_sub_pd(low, _mm512_mul_pd(coefficient, b0));
            high = _mm512_sub_pd(high, _mm512_mul_pd(coefficient, b1));
        }
        _mm512_storeu_pd(r + i, low);
        _mm512_storeu_pd(r + i + 8, high);
    }
    otx__residual_elements(r, y, coefficients, rows, count, whole, n);
}

OTX__PRIVATE const otx__kernels otx__kernels_avx512 = {
    OTX_ISA_AVX512, otx__product_avx512, NULL, otx__product_int8_avx512, otx__scan_avx512,
    otx__sift_avx512, otx__refine_avx512, otx__rough_dots_avx512, otx__rough_residual_avx512,
    otx__dots_avx512, otx__products_avx512,
    otx__pair_products_avx512, otx__residual_avx512};

#ifdef OTX__AVX512_BF16
OTX__PRIVATE const otx__kernels otx__kernels_avx512_bf16 = {
    OTX_ISA_AVX512_BF16, otx__product_avx512, otx__product_bf16_avx512,
    otx__product_int8_avx512, otx__scan_avx512, otx__sift_avx512, otx__refine_avx512,
    otx__rough_dots_avx512, otx__rough_residual_avx512,
    otx__dots_avx512, otx__products_avx512,
    otx__pair_products_avx512, otx__residual_avx512};
#endif

#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic pop
#endif

#endif /* OTX__AVX512 */

/* >>> src/simd/amx.h */
/* ---- kernel_amx: x86 tile registers (bf16, int8), beside AVX-512 ------------------- */

/* Linux only: elsewhere there is no known way to be lent the registers. */
#if defined(OTX__AVX512) && defined(__linux__) && defined(__x86_64__) && !defined(__ILP32__) && \
    ((defined(__clang__) && __clang_major__ >= 13) ||                                           \
     (!defined(__clang__) && __GNUC__ >= 11))
#define OTX__AMX

/* GCC's own header warns of itself when compiled as C++ (its bug 105593). */
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wuninitialized"
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#endif

#define OTX__AMX_TARGET __attribute__((target("amx-tile,amx-bf16,amx-int8")))
#define OTX__AMX_ALIGNED __attribute__((aligned(64)))

/* One instruction multiplies 16 rows of 32 terms by 32 terms of 16 rows: it sums
   its 32 products from 0 and adds the sum to a tile of 16 by 16 floats, each
   operation rounded to nearest and subnormals taken as 0. So c, added up in chunks
   of OTX__AMX_CHUNK terms, is off by at most
       (32 + OTX__AMX_CHUNK / 32 + n / OTX__AMX_CHUNK) u
   of the sum of the products' magnitudes, less than chains of OTX__CHAIN are.

   Four 8-bit numbers lie as two of bf16 do, and one instruction multiplies twice as
   many of them: all else is the same, but that sums are exact integers. */
#define OTX__AMX_TERMS 32
#define OTX__AMX_BLOCK (OTX__TILE * OTX__AMX_TERMS) /* numbers: so much of a panel */
#define OTX__AMX_CHUNK 512 /* of 32 rows: it fits the first level of the cache */

/* For the tile instructions: some compilers do not know that they read memory. */
#define OTX__AMX_WRITTEN(pointer) __asm__ volatile("" : : "r"(pointer) : "memory")

/* Asks the operating system for the tile registers, for the whole process. Asking
   again does no harm. */
OTX__PRIVATE bool otx__amx_granted(void)
{
    const long arch_prctl = 158, request_permission = 0x1023, tile_data = 18;
    long result;
    __asm__ volatile("syscall"
                     : "=a"(result)
                     : "a"(arch_prctl), "D"(request_permission), "S"(tile_data)
                     : "rcx", "r11", "memory");
    return result == 0;
}

/* One block of a panel: where it lies, or, when fewer terms are left, a copy filled
   up with zeros. */
OTX__PRIVATE const uint16_t *otx__amx_block(const uint16_t *panel, size_t terms, uint16_t *copy)
{
    if (terms >= OTX__AMX_TERMS) return panel;
    memset(copy, 0, OTX__AMX_BLOCK * sizeof *copy);
    memcpy(copy, panel, terms * OTX__TILE * sizeof *copy);
    OTX__AMX_WRITTEN(copy);
    return copy;
}

/* Sixteen rows of a block, row by row: from[pair][row of 32] to to[row][pair]. */
OTX__AVX512_TARGET OTX__PRIVATE void otx__amx_transpose(const uint16_t *from, uint16_t *to)
{
    __m512i rows[4], low01, low23, high01, high23;
    size_t four, i, lane;
    for (four = 0; four < 4; four++) {
        const uint16_t *columns = from + 8 * four;
        /* Four rows of four pairs are turned in each of the four lanes. */
        OTX__UNROLL
        for (i = 0; i < 4; i++) {
            const uint16_t *at = columns + i * 2 * OTX__TILE;
            __m128i lanes[4];
            OTX__UNROLL
            for (lane = 0; lane < 4; lane++)
                lanes[lane] = _mm_loadu_si128(
                    (const __m128i *)(const void *)(at + lane * 8 * OTX__TILE));
            rows[i] = _mm512_castsi128_si512(lanes[0]);
            rows[i] = _mm512_inserti32x4(rows[i], lanes[1], 1);
            rows[i] = _mm512_inserti32x4(rows[i], lanes[2], 2);
            rows[i] = _mm512_inserti32x4(rows[i], lanes[3], 3);
        }
        low01 = _mm512_unpacklo_epi32(rows[0], rows[1]);
        low23 = _mm512_unpacklo_epi32(rows[2], rows[3]);
        high01 = _mm512_unpackhi_epi32(rows[0], rows[1]);
        high23 = _mm512_unpackhi_epi32(rows[2], rows[3]);
        to += 4 * OTX__AMX_TERMS;
        _mm512_storeu_si512(to - 4 * OTX__AMX_TERMS, _mm512_unpacklo_epi64(low01, low23));
        _mm512_storeu_si512(to - 3 * OTX__AMX_TERMS, _mm512_unpackhi_epi64(low01, low23));
        _mm512_storeu_si512(to - 2 * OTX__AMX_TERMS, _mm512_unpacklo_epi64(high01, high23));
        _mm512_storeu_si512(to - 1 * OTX__AMX_TERMS, _mm512_unpackhi_epi64(high01, high23));
    }
}

/* A chunk of panel b as the first operand wants it, [block][row][term]. */
OTX__PRIVATE void otx__amx_rows(const uint16_t *b, size_t terms, uint16_t *rows)
{
    OTX__AMX_ALIGNED uint16_t copy[OTX__AMX_BLOCK];
    size_t p;
    for (p = 0; p < terms; p += OTX__AMX_TERMS) {
        const uint16_t *block = otx__amx_block(b + p * OTX__TILE, terms - p, copy);
        uint16_t *to = rows + p * OTX__TILE;
        otx__amx_transpose(block, to);
        otx__amx_transpose(block + OTX__TILE, to + OTX__AMX_BLOCK / 2);
    }
    OTX__AMX_WRITTEN(rows);
}

/* The products of the chunk's 32 rows with those of panel a: four tiles of sums. */
OTX__AMX_TARGET OTX__INLINE void otx__amx_chunk(const uint16_t *a, size_t terms,
                                                const uint16_t *rows, bool int8, float *c)
{
    OTX__AMX_ALIGNED uint16_t copy[OTX__AMX_BLOCK];
    size_t p;
    _tile_zero(0);
    _tile_zero(1);
    _tile_zero(2);
    _tile_zero(3);
    for (p = 0; p < terms; p += OTX__AMX_TERMS) {
        const uint16_t *block = otx__amx_block(a + p * OTX__TILE, terms - p, copy);
        const uint16_t *row = rows + p * OTX__TILE;
        _tile_loadd(4, row, 64);
        _tile_loadd(5, row + OTX__AMX_BLOCK / 2, 64);
        _tile_loadd(6, block, 128);
        _tile_loadd(7, block + OTX__TILE, 128);
        if (int8) {
            _tile_dpbssd(0, 4, 6);
            _tile_dpbssd(1, 4, 7);
            _tile_dpbssd(2, 5, 6);
            _tile_dpbssd(3, 5, 7);
        } else {
            _tile_dpbf16ps(0, 4, 6);
            _tile_dpbf16ps(1, 4, 7);
            _tile_dpbf16ps(2, 5, 6);
            _tile_dpbf16ps(3, 5, 7);
        }
    }
    _tile_stored(0, c, 128);
    _tile_stored(1, c + 16, 128);
    _tile_stored(2, c + 16 * OTX__TILE, 128);
    _tile_stored(3, c + 16 * OTX__TILE + 16, 128);
}

/* Adds the sums of a chunk of one panel. */
OTX__AVX512_TARGET OTX__PRIVATE void otx__amx_add(float *c, const float *sums, bool int8)
{
    size_t i;
    for (i = 0; i < OTX__TILE * OTX__TILE; i += 16) {
        if (int8)
            _mm512_storeu_si512(c + i, _mm512_add_epi32(_mm512_loadu_si512(c + i),
                                                        _mm512_loadu_si512(sums + i)));
        else
            _mm512_storeu_ps(c + i,
                             _mm512_add_ps(_mm512_loadu_ps(c + i), _mm512_loadu_ps(sums + i)));
    }
}

/* c[tile][j][i] as product_bf16 and, in integers, product_int8 want it, n the elements
   of bf16 that are as wide. */
OTX__AMX_TARGET OTX__INLINE void otx__product_amx(const uint16_t *a, size_t tiles,
                                                  const uint16_t *b, size_t n, bool int8, float *c)
{
    /* All eight tiles have 16 rows of 64 bytes: palette 1, the widths, the heights. */
    static const uint8_t config[64] = {1,  0,  0,  0,  0,  0,  0,  0,  0,  0, 0,  0, 0,  0, 0,  0,
                                       64, 0,  64, 0,  64, 0,  64, 0,  64, 0, 64, 0, 64, 0, 64, 0,
                                       0,  0,  0,  0,  0,  0,  0,  0,  0,  0, 0,  0, 0,  0, 0,  0,
                                       16, 16, 16, 16, 16, 16, 16, 16, 0,  0, 0,  0, 0,  0, 0,  0};
    OTX__AMX_ALIGNED uint16_t rows[OTX__AMX_CHUNK * OTX__TILE];
    OTX__AMX_ALIGNED float sums[OTX__TILE * OTX__TILE];
    size_t first, tile;
    if (n == 0) memset(c, 0, tiles * sizeof sums);
    _tile_loadconfig(config);
    for (first = 0; first < n; first += OTX__AMX_CHUNK) {
        size_t terms = otx__min(n - first, OTX__AMX_CHUNK);
        otx__amx_rows(b + first * OTX__TILE, terms, rows);
        for (tile = 0; tile < tiles; tile++) {
            const uint16_t *panel = a + (tile * n + first) * OTX__TILE;
            float *at = c + tile * OTX__TILE * OTX__TILE;
            if (first == 0) {
                otx__amx_chunk(panel, terms, rows, int8, at);
            } else {
                otx__amx_chunk(panel, terms, rows, int8, sums);
                otx__amx_add(at, sums, int8);
            }
        }
    }
    _tile_release();
}

OTX__AMX_TARGET OTX__PRIVATE void otx__product_bf16_amx(const uint16_t *a, size_t tiles,
                                                        const uint16_t *b, size_t n, float *c)
{
    otx__product_amx(a, tiles, b, n, false, c);
}

OTX__AMX_TARGET OTX__PRIVATE void otx__amx_product_int8(const int8_t *a, size_t tiles,
                                                        const int8_t *b, size_t n, float *c)
{
    otx__product_amx((const uint16_t *)(const void *)a, tiles, (const uint16_t *)(const void *)b,
                     n / 2, true, c);
}

OTX__AVX512_TARGET OTX__PRIVATE void otx__product_int8_amx(const int8_t *a, size_t tiles,
                                                           const int8_t *b, size_t n, float *c)
{
    size_t i;
    otx__amx_product_int8(a, tiles, b, n, c);
    for (i = 0; i < tiles * OTX__TILE * OTX__TILE; i += 16)
        _mm512_storeu_ps(c + i, _mm512_cvtepi32_ps(_mm512_loadu_si512(c + i)));
}

OTX__PRIVATE const otx__kernels otx__kernels_amx = {
    OTX_ISA_AMX, otx__product_avx512, otx__product_bf16_amx, otx__product_int8_amx,
    otx__scan_avx512, otx__sift_avx512, otx__refine_avx512, otx__rough_dots_avx512,
    otx__rough_residual_avx512, otx__dots_avx512, otx__products_avx512,
    otx__pair_products_avx512, otx__residual_avx512};

#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic pop
#endif

#endif /* OTX__AMX */

/* >>> src/simd/neon.h */
/* ---- kernel_neon: 64-bit Arm ---------------------------------------------- */

/* Little-endian only: lanes of a big-endian load stand in another order. */
#if !defined(OTX_NO_SIMD) && defined(__aarch64__) && defined(__ARM_NEON) && \
    !defined(__AARCH64EB__)
#define OTX__NEON

#include <arm_neon.h>

/* One chain of products, for sixteen rows of a by four of b: sixteen sums stay in
   registers. It is put in c, or added to it. */
OTX__PRIVATE void otx__chain_neon(const float *a, const float *b, size_t count, bool add,
                                  float *c)
{
    float32x4_t sums[4][4];
    size_t p, i, j;
    OTX__UNROLL
    for (i = 0; i < 4; i++)
        sums[0][i] = sums[1][i] = sums[2][i] = sums[3][i] = vdupq_n_f32(0.0f);
    for (p = 0; p < count; p++, a += OTX__TILE, b += OTX__TILE) {
        float32x4_t b0 = vld1q_f32(b);
        OTX__UNROLL
        for (i = 0; i < 4; i++) {
            float32x4_t a0 = vld1q_f32(a + 4 * i);
            sums[0][i] = vfmaq_laneq_f32(sums[0][i], a0, b0, 0);
            sums[1][i] = vfmaq_laneq_f32(sums[1][i], a0, b0, 1);
            sums[2][i] = vfmaq_laneq_f32(sums[2][i], a0, b0, 2);
            sums[3][i] = vfmaq_laneq_f32(sums[3][i], a0, b0, 3);
        }
    }
    OTX__UNROLL
    for (j = 0; j < 4; j++) {
        OTX__UNROLL
        for (i = 0; i < 4; i++) {
            float *at = c + j * OTX__TILE + 4 * i;
            if (add) sums[j][i] = vaddq_f32(sums[j][i], vld1q_f32(at));
            vst1q_f32(at, sums[j][i]);
        }
    }
}

OTX__PRIVATE void otx__product_neon(const float *a, const float *b, size_t n, bool add, float *c)
{
    size_t i, j;
    for (j = 0; j < OTX__STRIP; j += 4)
        for (i = 0; i < OTX__TILE; i += 16)
            otx__chain_neon(a + i, b + j, n, add, c + j * OTX__TILE + i);
}

/* The larger of `best` and the weighted correlations of four atoms. */
OTX__PRIVATE float32x4_t otx__score_neon(float32x4_t best, int16x4_t start, int32x4_t sum,
                                         const float *scales, const float *common,
                                         const float *weight, uint32_t first)
{
    static const uint32_t four[4] = {0, 1, 2, 3};
    uint32x4_t numbers = vaddq_u32(vld1q_u32(four), vdupq_n_u32(first)), bits;
    float32x4_t value = vmulq_n_f32(vcvtq_f32_s32(vmovl_s16(start)), scales[0]);
    value = vfmaq_n_f32(value, vld1q_f32(common), scales[1]);
    value = vfmsq_n_f32(value, vcvtq_f32_s32(sum), scales[2]);
    value = vmulq_f32(vabsq_f32(value), vld1q_f32(weight));
    /* As otx__packed does. */
    bits = vbicq_u32(vreinterpretq_u32_f32(value), vdupq_n_u32(OTX__TILE - 1));
    return vmaxq_f32(best, vreinterpretq_f32_u32(vorrq_u32(bits, numbers)));
}

/* The sums of `sets` supports of one target over half a tile. */
OTX__INLINE void otx__sums_neon(const otx__scan *scan, size_t target, size_t half, size_t sets,
                                int32x4_t sums[OTX__SETS][4])
{
    const uint32_t *atoms = scan->atoms + target * scan->pitch;
    const int16_t *steps = scan->steps + target * OTX__SETS * scan->pitch;
    size_t count = scan->counts[target], i, j, set;
    int32x4_t parts[OTX__SETS][4];
    OTX__UNROLL
    for (set = 0; set < sets; set++) {
        OTX__UNROLL
        for (i = 0; i < 4; i++) parts[set][i] = vdupq_n_s32(0);
    }
    for (j = 0; j < count; j++) {
        const int16_t *gram = scan->gram + (size_t)atoms[j] * OTX__TILE + 16 * half;
        int16x8_t low = vld1q_s16(gram), high = vld1q_s16(gram + 8);
        OTX__UNROLL
        for (set = 0; set < sets; set++) {
            int16_t step = steps[j / 2 * OTX__SETS * 2 + 2 * set + j % 2];
            parts[set][0] = vmlal_n_s16(parts[set][0], vget_low_s16(low), step);
            parts[set][1] = vmlal_high_n_s16(parts[set][1], low, step);
            parts[set][2] = vmlal_n_s16(parts[set][2], vget_low_s16(high), step);
            parts[set][3] = vmlal_high_n_s16(parts[set][3], high, step);
        }
    }
    OTX__UNROLL
    for (set = 0; set < sets; set++) {
        OTX__UNROLL
        for (i = 0; i < 4; i++) sums[set][i] = parts[set][i];
    }
}

OTX__PRIVATE void otx__scan_neon(const otx__scan *scan)
{
    size_t target, set, half, i;
    for (target = 0; target < scan->targets; target++) {
        const float *scales = scan->scales + target * OTX__SETS * 3;
        size_t sets = scan->sets[target];
        float32x4_t best[OTX__SETS];
        int32x4_t sums[OTX__SETS][4];
        for (set = 0; set < OTX__SETS; set++) best[set] = vdupq_n_f32(0.0f);
        for (half = 0; half < 2; half++) {
            const int16_t *start = scan->start + target * OTX__TILE + 16 * half;
            const float *common = scan->common + 16 * half, *weight = scan->weight + 16 * half;
            if (sets == 1) otx__sums_neon(scan, target, half, 1, sums);
            else if (sets == 2) otx__sums_neon(scan, target, half, 2, sums);
            else otx__sums_neon(scan, target, half, OTX__SETS, sums);
            for (set = 0; set < sets; set++)
                for (i = 0; i < 4; i++)
                    best[set] = otx__score_neon(best[set], vld1_s16(start + 4 * i), sums[set][i],
                                                scales + 3 * set, common + 4 * i,
                                                weight + 4 * i, (uint32_t)(16 * half + 4 * i));
        }
        for (set = 0; set < sets; set++)
            scan->best[set * scan->best_pitch + target] = vmaxvq_f32(best[set]);
    }
}

OTX__PRIVATE void otx__refine_neon(const int16_t *gram, const uint32_t *atoms,
                                   const float *betas, size_t count, float *correlations)
{
    float32x4_t values[8];
    size_t i, j;
    OTX__UNROLL
    for (i = 0; i < 8; i++) values[i] = vld1q_f32(correlations + 4 * i);
    for (j = 0; j < count; j++) {
        const int16_t *column = gram + (size_t)atoms[j] * OTX__TILE;
        float beta = betas[j] / 32767.0f;
        OTX__UNROLL
        for (i = 0; i < 8; i++) {
            float32x4_t wide = vcvtq_f32_s32(vmovl_s16(vld1_s16(column + 4 * i)));
            values[i] = vfmsq_n_f32(values[i], wide, beta);
        }
    }
    OTX__UNROLL
    for (i = 0; i < 8; i++) vst1q_f32(correlations + 4 * i, values[i]);
}

/* Four elements of a row. */
OTX__PRIVATE float32x4_t otx__floats_neon(otx__row row, size_t i)
{
    uint16_t halves[4];
    float four[4];
    if (row.bf16) {
        memcpy(halves, otx__row_at(row, i), sizeof halves);
        return vreinterpretq_f32_u32(vshll_n_u16(vld1_u16(halves), 16));
    }
    memcpy(four, otx__row_at(row, i), sizeof four);
    return vld1q_f32(four);
}

OTX__PRIVATE void otx__rough_dots_neon(const float *a, const otx__row *rows, size_t count,
                                       size_t n, float *out)
{
    size_t i, j, h, whole = n - n % OTX__LANES;
    for (j = 0; j < count; j++) {
        float32x4_t sums[4];
        OTX__UNROLL
        for (h = 0; h < 4; h++) sums[h] = vdupq_n_f32(0.0f);
        for (i = 0; i < whole; i += OTX__LANES) {
            OTX__UNROLL
            for (h = 0; h < 4; h++)
                sums[h] = vfmaq_f32(sums[h], vld1q_f32(a + i + 4 * h),
                                    otx__floats_neon(rows[j], i + 4 * h));
        }
        sums[0] = vaddq_f32(vaddq_f32(sums[0], sums[1]), vaddq_f32(sums[2], sums[3]));
        out[j] = vaddvq_f32(sums[0]);
        for (; i < n; i++) out[j] += a[i] * otx__row_element(rows[j], i);
    }
}

OTX__PRIVATE void otx__rough_residual_neon(float *r, otx__row y, const double *coefficients,
                                           const otx__row *rows, size_t count, size_t n)
{
    size_t i, j, whole = n - n % 4;
    for (i = 0; i < whole; i += 4) {
        float32x4_t value = otx__floats_neon(y, i);
        for (j = 0; j < count; j++)
            value = vfmsq_n_f32(value, otx__floats_neon(rows[j], i), (float)coefficients[j]);
        vst1q_f32(r + i, value);
    }
    for (; i < n; i++) {
        r[i] = otx__row_element(y, i);
        for (j = 0; j < count; j++)
            r[i] -= (float)coefficients[j] * otx__row_element(rows[j], i);
    }
}

/* Four elements of a row as two registers of doubles. */
OTX__PRIVATE void otx__widen_neon(otx__row row, size_t i, float64x2_t *low, float64x2_t *high)
{
    float32x4_t values = otx__floats_neon(row, i);
    *low = vcvt_f64_f32(vget_low_f32(values));
    *high = vcvt_high_f64_f32(values);
}

/* sum + a b. Fused, where the product is exact, it has the same bits. */
OTX__INLINE float64x2_t otx__add_product_neon(float64x2_t sum, float64x2_t a, float64x2_t b,
                                              bool fused)
{
    return fused ? vfmaq_f64(sum, a, b) : vaddq_f64(sum, vmulq_f64(a, b));
}

OTX__INLINE void otx__dots_body_neon(const double *a, const otx__row *rows, size_t count,
                                     size_t n, bool fused, double *out)
{
    size_t row, i, h, whole = n - n % OTX__LANES;
    for (row = 0; row < count; row++) {
        float64x2_t sums[8], low, high;
        double lanes[OTX__LANES];
        OTX__UNROLL
        for (h = 0; h < 8; h++) sums[h] = vdupq_n_f64(0.0);
        for (i = 0; i < whole; i += OTX__LANES) {
            OTX__UNROLL
            for (h = 0; h < 4; h++) {
                const double *at = a + i + 4 * h;
                otx__widen_neon(rows[row], i + 4 * h, &low, &high);
                sums[2 * h] =
                    otx__add_product_neon(sums[2 * h], vld1q_f64(at), low, fused);
                sums[2 * h + 1] =
                    otx__add_product_neon(sums[2 * h + 1], vld1q_f64(at + 2), high, fused);
            }
        }
        OTX__UNROLL
        for (h = 0; h < 8; h++) vst1q_f64(lanes + 2 * h, sums[h]);
        otx__dot_lanes(lanes, a, rows[row], whole, n);
        out[row] = otx__fold_lanes(lanes);
    }
}

OTX__PRIVATE void otx__dots_neon(const double *a, const otx__row *rows, size_t count, size_t n,
                                 double *out)
{
    otx__dots_body_neon(a, rows, count, n, false, out);
}

OTX__PRIVATE void otx__products_neon(const double *a, const otx__row *rows, size_t count,
                                     size_t n, double *out)
{
    otx__dots_body_neon(a, rows, count, n, true, out);
}

OTX__PRIVATE void otx__residual_neon(double *r, otx__row y, const double *coefficients,
                                     const otx__row *rows, size_t count, size_t n)
{
    size_t i, j, whole = n - n % 4;
    for (i = 0; i < whole; i += 4) {
        float64x2_t low = vdupq_n_f64(0.0), high = low, b0, b1;
        if (y.data) {
            otx__widen_neon(y, i, &low, &high);
        } else {
            low = vld1q_f64(r + i);
            high = vld1q_f64(r + i + 2);
        }
        for (j = 0; j < count; j++) {
            otx__widen_neon(rows[j], i, &b0, &b1);
            low = vsubq_f64(low, vmulq_n_f64(b0, coefficients[j]));
            high = vsubq_f64(high, vmulq_n_f64(b1, coefficients[j]));
        }
        vst1q_f64(r + i, low);
        vst1q_f64(r + i + 2, high);
    }
    otx__residual_elements(r, y, coefficients, rows, count, whole, n);
}

OTX__PRIVATE const otx__kernels otx__kernels_neon = {
    OTX_ISA_NEON, otx__product_neon, NULL, NULL, otx__scan_neon, otx__sift_scalar, otx__refine_neon,
    otx__rough_dots_neon, otx__rough_residual_neon, otx__dots_neon, otx__products_neon,
    NULL, otx__residual_neon};

/* ---- and with matrices of bf16 and of 8-bit numbers (FEAT_BF16, FEAT_I8MM) ---- */

/* The other extensions do not help. The scan's numbers have 16 bits, and products of
   8-bit numbers would take them in halves: more work than the widening multiply-add.
   Half-precision floats (fp16) keep 11 bits and overflow at 65,504: they would widen the
   bound of the screen a thousandfold. */
#if (defined(__linux__) || defined(__APPLE__)) &&                                           \
    ((defined(__ARM_FEATURE_BF16_VECTOR_ARITHMETIC) && defined(__ARM_FEATURE_MATMUL_INT8)) || \
     (defined(__clang__) ? __clang_major__ >= 16 : __GNUC__ >= 10))
#define OTX__NEON_BF16

#if defined(__ARM_FEATURE_BF16_VECTOR_ARITHMETIC) && defined(__ARM_FEATURE_MATMUL_INT8)
#define OTX__NEON_BF16_TARGET
#else
#define OTX__NEON_BF16_TARGET __attribute__((target("arch=armv8.2-a+bf16+i8mm")))
#endif

/* By names of our own: strict C modes hide the declarations. */
#ifdef __APPLE__
extern int otx__sys_sysctlbyname(const char *name, void *old, size_t *old_size, void *fresh,
                                 size_t fresh_size) __asm__("_sysctlbyname");
#else
extern unsigned long otx__sys_getauxval(unsigned long type) __asm__("getauxval");
#endif

#ifdef __APPLE__
OTX__PRIVATE bool otx__neon_has(const char *name)
{
    int has = 0;
    size_t size = sizeof has;
    return otx__sys_sysctlbyname(name, &has, &size, NULL, 0) == 0 && has;
}
#endif

OTX__PRIVATE bool otx__neon_bf16_here(void)
{
#ifdef __APPLE__
    return otx__neon_has("hw.optional.arm.FEAT_BF16") && otx__neon_has("hw.optional.arm.FEAT_I8MM");
#else
    const unsigned long hwcap2 = 26, both = 1ul << 13 | 1ul << 14; /* AT_HWCAP2: I8MM, BF16 */
    return (otx__sys_getauxval(hwcap2) & both) == both;
#endif
}

/* Two rows of four terms each, from two pairs of terms of four rows: the rows that
   the instructions multiply with two others. Of 8-bit numbers, four count as a pair. */
OTX__NEON_BF16_TARGET OTX__INLINE void otx__rows_neon(const uint16_t *panel, size_t terms,
                                                      uint32x4_t *first, uint32x4_t *second)
{
    uint32x4_t pair0 = vreinterpretq_u32_u16(vld1q_u16(panel)), pair1 = vdupq_n_u32(0);
    if (terms > 2) pair1 = vreinterpretq_u32_u16(vld1q_u16(panel + 2 * OTX__TILE));
    *first = vzip1q_u32(pair0, pair1);
    *second = vzip2q_u32(pair0, pair1);
}

/* sum + the products of two rows x with two rows y. */
OTX__NEON_BF16_TARGET OTX__INLINE float32x4_t otx__square_neon(float32x4_t sum, uint32x4_t x,
                                                               uint32x4_t y, bool int8)
{
    if (int8)
        return vreinterpretq_f32_s32(vmmlaq_s32(vreinterpretq_s32_f32(sum),
                                                vreinterpretq_s8_u32(x), vreinterpretq_s8_u32(y)));
    return vbfmmlaq_f32(sum, vreinterpretq_bf16_u32(x), vreinterpretq_bf16_u32(y));
}

/* Two sums, with those before where there are any. */
OTX__NEON_BF16_TARGET OTX__INLINE void otx__put_neon(float32x2_t sums, bool first, bool int8,
                                                     float *c)
{
    if (!first && int8)
        sums = vreinterpret_f32_s32(
            vadd_s32(vreinterpret_s32_f32(sums), vreinterpret_s32_f32(vld1_f32(c))));
    else if (!first)
        sums = vadd_f32(sums, vld1_f32(c));
    vst1_f32(c, sums);
}

/* Adds one chain, for eight rows of a by eight of b: sixteen squares of two by two
   sums stay in registers.

   BFMMLA adds to a sum the two products of a pair of terms, after adding them up:
   exact products (their 16 bits fit a float), and two additions that may be off by
   2 u each, for they round to odd. A chain of OTX__CHAIN terms, whose first addition
   is to 0, is so off by at most OTX__CHAIN * u, as a chain of float additions is.
   SMMLA is exact; its integers lie where the floats do. */
OTX__NEON_BF16_TARGET OTX__INLINE void otx__chain_neon_bf16(const uint16_t *a, const uint16_t *b,
                                                            size_t terms, bool first, bool int8,
                                                            float *c)
{
    float32x4_t sums[4][4];
    size_t p, i, j;
    OTX__UNROLL
    for (i = 0; i < 4; i++)
        sums[0][i] = sums[1][i] = sums[2][i] = sums[3][i] = vdupq_n_f32(0.0f);
    for (p = 0; p < terms; p += 4) {
        uint32x4_t x[4], y[4];
        OTX__UNROLL
        for (i = 0; i < 4; i += 2) {
            otx__rows_neon(a + p * OTX__TILE + 4 * i, terms - p, &x[i], &x[i + 1]);
            otx__rows_neon(b + p * OTX__TILE + 4 * i, terms - p, &y[i], &y[i + 1]);
        }
        OTX__UNROLL
        for (j = 0; j < 4; j++) {
            OTX__UNROLL
            for (i = 0; i < 4; i++) sums[j][i] = otx__square_neon(sums[j][i], y[j], x[i], int8);
        }
    }
    OTX__UNROLL
    for (j = 0; j < 4; j++) {
        OTX__UNROLL
        for (i = 0; i < 4; i++) {
            float *even = c + 2 * j * OTX__TILE + 2 * i;
            otx__put_neon(vget_low_f32(sums[j][i]), first, int8, even);
            otx__put_neon(vget_high_f32(sums[j][i]), first, int8, even + OTX__TILE);
        }
    }
}

/* c[tile][j][i] as product_bf16 and, in integers, product_int8 want it, n the elements
   of bf16 that are as wide. */
OTX__NEON_BF16_TARGET OTX__INLINE void otx__products_of_tiles_neon(const uint16_t *a, size_t tiles,
                                                                   const uint16_t *b, size_t n,
                                                                   bool int8, float *c)
{
    size_t tile, block, i, j;
    for (tile = 0; tile < tiles; tile++, a += n * OTX__TILE, c += OTX__TILE * OTX__TILE)
        for (block = 0; block < n || block == 0; block += OTX__CHAIN)
            for (j = 0; j < OTX__TILE; j += 8)
                for (i = 0; i < OTX__TILE; i += 8)
                    otx__chain_neon_bf16(a + block * OTX__TILE + 2 * i,
                                         b + block * OTX__TILE + 2 * j,
                                         otx__min(n - block, OTX__CHAIN), block == 0, int8,
                                         c + j * OTX__TILE + i);
}

OTX__NEON_BF16_TARGET OTX__PRIVATE void otx__product_bf16_neon(const uint16_t *a, size_t tiles,
                                                               const uint16_t *b, size_t n,
                                                               float *c)
{
    otx__products_of_tiles_neon(a, tiles, b, n, false, c);
}

OTX__NEON_BF16_TARGET OTX__PRIVATE void otx__product_int8_neon(const int8_t *a, size_t tiles,
                                                               const int8_t *b, size_t n,
                                                               float *c)
{
    size_t i;
    otx__products_of_tiles_neon((const uint16_t *)(const void *)a, tiles,
                                (const uint16_t *)(const void *)b, n / 2, true, c);
    for (i = 0; i < tiles * OTX__TILE * OTX__TILE; i += 4)
        vst1q_f32(c + i, vcvtq_f32_s32(vreinterpretq_s32_f32(vld1q_f32(c + i))));
}

OTX__PRIVATE const otx__kernels otx__kernels_neon_bf16 = {
    OTX_ISA_NEON_BF16, otx__product_neon, otx__product_bf16_neon, otx__product_int8_neon,
    otx__scan_neon, otx__sift_scalar, otx__refine_neon, otx__rough_dots_neon,
    otx__rough_residual_neon, otx__dots_neon, otx__products_neon, NULL, otx__residual_neon};

#endif /* OTX__NEON_BF16 */

#endif /* OTX__NEON */

/* >>> src/simd/wasm.h */
/* ---- kernel_wasm: WebAssembly with SIMD128 ---------------------------------- */

/* Chosen when compiling: a module with these instructions loads only where they are
   known. */
#if !defined(OTX_NO_SIMD) && defined(__wasm_simd128__)
#define OTX__WASM

#include <wasm_simd128.h>

/* One chain of products, for eight rows of a by four of b: eight sums stay in
   registers. It is put in c, or added to it. */
OTX__PRIVATE void otx__chain_wasm(const float *a, const float *b, size_t count, bool add,
                                  float *c)
{
    v128_t low[4], high[4];
    size_t p, j;
    OTX__UNROLL
    for (j = 0; j < 4; j++) low[j] = high[j] = wasm_f32x4_splat(0.0f);
    for (p = 0; p < count; p++, a += OTX__TILE, b += OTX__TILE) {
        v128_t a0 = wasm_v128_load(a), a1 = wasm_v128_load(a + 4);
        OTX__UNROLL
        for (j = 0; j < 4; j++) {
            v128_t b0 = wasm_v128_load32_splat(b + j);
            low[j] = wasm_f32x4_add(low[j], wasm_f32x4_mul(a0, b0));
            high[j] = wasm_f32x4_add(high[j], wasm_f32x4_mul(a1, b0));
        }
    }
    OTX__UNROLL
    for (j = 0; j < 4; j++) {
        float *column = c + j * OTX__TILE;
        if (add) {
            low[j] = wasm_f32x4_add(low[j], wasm_v128_load(column));
            high[j] = wasm_f32x4_add(high[j], wasm_v128_load(column + 4));
        }
        wasm_v128_store(column, low[j]);
        wasm_v128_store(column + 4, high[j]);
    }
}

OTX__PRIVATE void otx__product_wasm(const float *a, const float *b, size_t n, bool add, float *c)
{
    size_t i, j;
    for (j = 0; j < OTX__STRIP; j += 4)
        for (i = 0; i < OTX__TILE; i += 8)
            otx__chain_wasm(a + i, b + j, n, add, c + j * OTX__TILE + i);
}

/* The larger of `best` and the weighted correlations of four atoms. */
OTX__PRIVATE v128_t otx__score_wasm(v128_t best, const int16_t *start, v128_t sum,
                                    const float *scales, const float *common,
                                    const float *weight, int first)
{
    v128_t numbers = wasm_i32x4_add(wasm_i32x4_make(0, 1, 2, 3), wasm_i32x4_splat(first));
    v128_t starts = wasm_f32x4_convert_i32x4(wasm_i32x4_load16x4(start));
    v128_t value = wasm_f32x4_mul(starts, wasm_f32x4_splat(scales[0]));
    v128_t along = wasm_f32x4_mul(wasm_v128_load(common), wasm_f32x4_splat(scales[1]));
    v128_t sums = wasm_f32x4_mul(wasm_f32x4_convert_i32x4(sum), wasm_f32x4_splat(scales[2]));
    value = wasm_f32x4_abs(wasm_f32x4_sub(wasm_f32x4_add(value, along), sums));
    value = wasm_f32x4_mul(value, wasm_v128_load(weight));
    /* As otx__packed does. */
    value = wasm_v128_andnot(value, wasm_i32x4_splat(OTX__TILE - 1));
    return wasm_f32x4_max(best, wasm_v128_or(value, numbers));
}

/* The sums of `sets` supports of one target over `quarters` quarters of a tile, two
   atoms of them at a time. sums[set] holds the tile's atoms in order. */
OTX__INLINE void otx__sums_wasm(const otx__scan *scan, size_t target, size_t quarter,
                                size_t quarters, size_t sets, v128_t sums[OTX__SETS][8])
{
    const uint32_t *atoms = scan->atoms + target * scan->pitch;
    const int16_t *steps = scan->steps + target * OTX__SETS * scan->pitch;
    const int16_t *gram = scan->gram + 8 * quarter;
    size_t count = scan->counts[target], j, set, h;
    v128_t parts[OTX__SETS][4];
    OTX__UNROLL
    for (set = 0; set < sets; set++) {
        OTX__UNROLL
        for (h = 0; h < 2 * quarters; h++) parts[set][h] = wasm_i32x4_splat(0);
    }
    for (j = 0; j < count; j += 2) {
        const int16_t *column0 = gram + (size_t)atoms[j] * OTX__TILE;
        const int16_t *column1 = gram + (size_t)atoms[j + 1] * OTX__TILE;
        OTX__UNROLL
        for (h = 0; h < 2 * quarters; h += 2) {
            v128_t g0 = wasm_v128_load(column0 + 4 * h), g1 = wasm_v128_load(column1 + 4 * h);
            v128_t low = wasm_i16x8_shuffle(g0, g1, 0, 8, 1, 9, 2, 10, 3, 11);
            v128_t high = wasm_i16x8_shuffle(g0, g1, 4, 12, 5, 13, 6, 14, 7, 15);
            OTX__UNROLL
            for (set = 0; set < sets; set++) {
                v128_t pair = wasm_v128_load32_splat(steps + j * OTX__SETS + 2 * set);
                parts[set][h] =
                    wasm_i32x4_add(parts[set][h], wasm_i32x4_dot_i16x8(low, pair));
                parts[set][h + 1] =
                    wasm_i32x4_add(parts[set][h + 1], wasm_i32x4_dot_i16x8(high, pair));
            }
        }
    }
    OTX__UNROLL
    for (set = 0; set < sets; set++) {
        OTX__UNROLL
        for (h = 0; h < 2 * quarters; h++) sums[set][2 * quarter + h] = parts[set][h];
    }
}

OTX__PRIVATE float otx__largest_wasm(v128_t values)
{
    values = wasm_f32x4_max(values, wasm_i32x4_shuffle(values, values, 2, 3, 0, 1));
    values = wasm_f32x4_max(values, wasm_i32x4_shuffle(values, values, 1, 0, 3, 2));
    return wasm_f32x4_extract_lane(values, 0);
}

/* Up to eight sums stay in registers. */
OTX__PRIVATE void otx__scan_wasm(const otx__scan *scan)
{
    size_t target, set, i;
    for (target = 0; target < scan->targets; target++) {
        const int16_t *start = scan->start + target * OTX__TILE;
        size_t sets = scan->sets[target];
        v128_t sums[OTX__SETS][8];
        for (i = 0; i < 4; i += sets > 2 ? 1 : 2) {
            if (sets == 1) otx__sums_wasm(scan, target, i, 2, 1, sums);
            else if (sets == 2) otx__sums_wasm(scan, target, i, 2, 2, sums);
            else otx__sums_wasm(scan, target, i, 1, OTX__SETS, sums);
        }
        for (set = 0; set < sets; set++) {
            const float *scales = scan->scales + (target * OTX__SETS + set) * 3;
            v128_t best = wasm_f32x4_splat(0.0f);
            OTX__UNROLL
            for (i = 0; i < 8; i++)
                best = otx__score_wasm(best, start + 4 * i, sums[set][i], scales,
                                       scan->common + 4 * i, scan->weight + 4 * i, (int)(4 * i));
            scan->best[set * scan->best_pitch + target] = otx__largest_wasm(best);
        }
    }
}

OTX__PRIVATE void otx__refine_wasm(const int16_t *gram, const uint32_t *atoms,
                                   const float *betas, size_t count, float *correlations)
{
    v128_t values[8];
    size_t i, j;
    OTX__UNROLL
    for (i = 0; i < 8; i++) values[i] = wasm_v128_load(correlations + 4 * i);
    for (j = 0; j < count; j++) {
        const int16_t *column = gram + (size_t)atoms[j] * OTX__TILE;
        v128_t beta = wasm_f32x4_splat(betas[j] / 32767.0f);
        OTX__UNROLL
        for (i = 0; i < 8; i++) {
            v128_t wide = wasm_f32x4_convert_i32x4(wasm_i32x4_load16x4(column + 4 * i));
            values[i] = wasm_f32x4_sub(values[i], wasm_f32x4_mul(beta, wide));
        }
    }
    OTX__UNROLL
    for (i = 0; i < 8; i++) wasm_v128_store(correlations + 4 * i, values[i]);
}

/* Four elements of a row. */
OTX__PRIVATE v128_t otx__floats_wasm(otx__row row, size_t i)
{
    const char *at = otx__row_at(row, i);
    return row.bf16 ? wasm_i32x4_shl(wasm_u32x4_load16x4(at), 16) : wasm_v128_load(at);
}

OTX__PRIVATE void otx__rough_dots_wasm(const float *a, const otx__row *rows, size_t count,
                                       size_t n, float *out)
{
    size_t i, j, h, whole = n - n % OTX__LANES;
    for (j = 0; j < count; j++) {
        v128_t sums[4];
        float lanes[4];
        OTX__UNROLL
        for (h = 0; h < 4; h++) sums[h] = wasm_f32x4_splat(0.0f);
        for (i = 0; i < whole; i += OTX__LANES) {
            OTX__UNROLL
            for (h = 0; h < 4; h++)
                sums[h] =
                    wasm_f32x4_add(sums[h], wasm_f32x4_mul(wasm_v128_load(a + i + 4 * h),
                                                           otx__floats_wasm(rows[j], i + 4 * h)));
        }
        sums[0] = wasm_f32x4_add(wasm_f32x4_add(sums[0], sums[1]),
                                 wasm_f32x4_add(sums[2], sums[3]));
        wasm_v128_store(lanes, sums[0]);
        out[j] = (lanes[0] + lanes[1]) + (lanes[2] + lanes[3]);
        for (; i < n; i++) out[j] += a[i] * otx__row_element(rows[j], i);
    }
}

OTX__PRIVATE void otx__rough_residual_wasm(float *r, otx__row y, const double *coefficients,
                                           const otx__row *rows, size_t count, size_t n)
{
    size_t i, j, whole = n - n % 4;
    for (i = 0; i < whole; i += 4) {
        v128_t value = otx__floats_wasm(y, i);
        for (j = 0; j < count; j++)
            value = wasm_f32x4_sub(value,
                                   wasm_f32x4_mul(wasm_f32x4_splat((float)coefficients[j]),
                                                  otx__floats_wasm(rows[j], i)));
        wasm_v128_store(r + i, value);
    }
    for (; i < n; i++) {
        r[i] = otx__row_element(y, i);
        for (j = 0; j < count; j++)
            r[i] -= (float)coefficients[j] * otx__row_element(rows[j], i);
    }
}

/* Four elements of a row as two registers of doubles. */
OTX__PRIVATE void otx__widen_wasm(otx__row row, size_t i, v128_t *low, v128_t *high)
{
    v128_t values = otx__floats_wasm(row, i);
    *low = wasm_f64x2_promote_low_f32x4(values);
    *high = wasm_f64x2_promote_low_f32x4(wasm_i64x2_shuffle(values, values, 1, 1));
}

/* The sums of a row's 16 lanes fill eight registers. */
OTX__PRIVATE void otx__dots_wasm(const double *a, const otx__row *rows, size_t count, size_t n,
                                 double *out)
{
    size_t row, i, h, whole = n - n % OTX__LANES;
    for (row = 0; row < count; row++) {
        v128_t sums[8], low, high;
        double lanes[OTX__LANES];
        OTX__UNROLL
        for (h = 0; h < 8; h++) sums[h] = wasm_f64x2_splat(0.0);
        for (i = 0; i < whole; i += OTX__LANES) {
            OTX__UNROLL
            for (h = 0; h < 8; h += 2) {
                const double *at = a + i + 2 * h;
                otx__widen_wasm(rows[row], i + 2 * h, &low, &high);
                sums[h] = wasm_f64x2_add(sums[h], wasm_f64x2_mul(wasm_v128_load(at), low));
                sums[h + 1] =
                    wasm_f64x2_add(sums[h + 1], wasm_f64x2_mul(wasm_v128_load(at + 2), high));
            }
        }
        OTX__UNROLL
        for (h = 0; h < 8; h++) wasm_v128_store(lanes + 2 * h, sums[h]);
        otx__dot_lanes(lanes, a, rows[row], whole, n);
        out[row] = otx__fold_lanes(lanes);
    }
}

OTX__PRIVATE void otx__residual_wasm(double *r, otx__row y, const double *coefficients,
                                     const otx__row *rows, size_t count, size_t n)
{
    size_t i, j, whole = n - n % 4;
    for (i = 0; i < whole; i += 4) {
        v128_t low = wasm_f64x2_splat(0.0), high = low, b0, b1;
        if (y.data) {
            otx__widen_wasm(y, i, &low, &high);
        } else {
            low = wasm_v128_load(r + i);
            high = wasm_v128_load(r + i + 2);
        }
        for (j = 0; j < count; j++) {
            v128_t coefficient = wasm_f64x2_splat(coefficients[j]);
            otx__widen_wasm(rows[j], i, &b0, &b1);
            low = wasm_f64x2_sub(low, wasm_f64x2_mul(coefficient, b0));
            high = wasm_f64x2_sub(high, wasm_f64x2_mul(coefficient, b1));
        }
        wasm_v128_store(r + i, low);
        wasm_v128_store(r + i + 2, high);
    }
    otx__residual_elements(r, y, coefficients, rows, count, whole, n);
}

OTX__PRIVATE const otx__kernels otx__kernels_wasm = {
    OTX_ISA_WASM, otx__product_wasm, NULL, NULL, otx__scan_wasm, otx__sift_scalar, otx__refine_wasm,
    otx__rough_dots_wasm, otx__rough_residual_wasm, otx__dots_wasm, otx__dots_wasm,
    NULL, otx__residual_wasm};

#endif /* OTX__WASM */

/* >>> src/simd/dispatch.h */
/* ---- dispatch: which kernels this machine can run ------------------------- */

/* Sets of instruction sets, as here, are bits numbered by otx_isa. */
#define OTX__ISA_BIT(isa) (1u << (isa))

#ifdef OTX__SSE2

#ifdef _MSC_VER
#include <intrin.h>
#else
#include <cpuid.h>
#endif

OTX__PRIVATE void otx__cpuid(unsigned leaf, unsigned part, unsigned registers[4])
{
#ifdef _MSC_VER
    int values[4], i;
    __cpuidex(values, (int)leaf, (int)part);
    for (i = 0; i < 4; i++) registers[i] = (unsigned)values[i];
#else
    __cpuid_count(leaf, part, registers[0], registers[1], registers[2], registers[3]);
#endif
}

/* The register states that the operating system saves. */
OTX__PRIVATE uint64_t otx__xgetbv(void)
{
#ifdef _MSC_VER
    return _xgetbv(0);
#else
    uint32_t low, high;
    __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
    return ((uint64_t)high << 32) | low;
#endif
}

OTX__PRIVATE bool otx__all_bits(uint64_t value, uint64_t bits) { return (value & bits) == bits; }

OTX__PRIVATE unsigned otx__isas_x86(void)
{
    const unsigned sse2 = 1u << 26;                                        /* leaf 1, edx */
    const unsigned fma = 1u << 12, osxsave = 1u << 27, avx = 1u << 28;     /* leaf 1, ecx */
    const unsigned avx2 = 1u << 5;                                         /* leaf 7, ebx */
    const unsigned avx512 = 1u << 16 | 1u << 17 | 1u << 30 | 1u << 31;     /* F, DQ, BW, VL */
    const unsigned avx512_vnni = 1u << 11;                                 /* leaf 7, ecx */
    const unsigned amx = 1u << 22 | 1u << 24 | 1u << 25; /* leaf 7, edx: bf16, tiles, int8 */
    const unsigned avx_vnni = 1u << 4, avx512_bf16 = 1u << 5;            /* leaf 7.1, eax */
    const uint64_t avx_state = 0x06, avx512_state = 0xe6, amx_state = 0x60000;
    unsigned leaf0[4], leaf1[4], leaf7[4], more[4] = {0}, found = 0;
    uint64_t state;
    otx__cpuid(0, 0, leaf0);
    otx__cpuid(1, 0, leaf1);
    if (leaf1[3] & sse2) found |= OTX__ISA_BIT(OTX_ISA_SSE2);
    if (leaf0[0] < 7 || !otx__all_bits(leaf1[2], fma | osxsave | avx)) return found;
    otx__cpuid(7, 0, leaf7);
    if (leaf7[0] >= 1) otx__cpuid(7, 1, more);
    state = otx__xgetbv();
    if (!(leaf7[1] & avx2) || !otx__all_bits(state, avx_state)) return found;
    found |= OTX__ISA_BIT(OTX_ISA_AVX2);
    if (more[0] & avx_vnni) found |= OTX__ISA_BIT(OTX_ISA_AVX_VNNI);
    if (!otx__all_bits(leaf7[1], avx512) || !(leaf7[2] & avx512_vnni) ||
        !otx__all_bits(state, avx512_state))
        return found;
    found |= OTX__ISA_BIT(OTX_ISA_AVX512);
    if (more[0] & avx512_bf16) found |= OTX__ISA_BIT(OTX_ISA_AVX512_BF16);
#ifdef OTX__AMX
    if (otx__all_bits(leaf7[3], amx) && otx__all_bits(state, amx_state) && otx__amx_granted())
        found |= OTX__ISA_BIT(OTX_ISA_AMX);
#else
    (void)amx;
    (void)amx_state;
#endif
    return found;
}

/* AVX512-BF16 does two multiply-adds where FMA does one. AMD runs both at the same
   rate; Intel runs it at half that of FMA, and has AMX for bf16. */
OTX__PRIVATE bool otx__avx512_bf16_pays(void)
{
    unsigned leaf0[4];
    char vendor[13] = {0};
    otx__cpuid(0, 0, leaf0);
    memcpy(vendor, &leaf0[1], 4);
    memcpy(vendor + 4, &leaf0[3], 4);
    memcpy(vendor + 8, &leaf0[2], 4);
    return strcmp(vendor, "AuthenticAMD") == 0 || strcmp(vendor, "HygonGenuine") == 0;
}

#endif /* OTX__SSE2 */

/* What processor and operating system can run, of what this file was built with. */
OTX__PRIVATE unsigned otx__isas_here(void)
{
    unsigned found = OTX__ISA_BIT(OTX_ISA_SCALAR);
#ifdef OTX__SSE2
    found |= otx__isas_x86();
#endif
#ifdef OTX__NEON
    found |= OTX__ISA_BIT(OTX_ISA_NEON);
#endif
#ifdef OTX__NEON_BF16
    if (otx__neon_bf16_here()) found |= OTX__ISA_BIT(OTX_ISA_NEON_BF16);
#endif
#ifdef OTX__WASM
    found |= OTX__ISA_BIT(OTX_ISA_WASM);
#endif
    return found;
}

/* The kernels for an instruction set, or NULL where they cannot run. */
OTX__PRIVATE const otx__kernels *otx__kernels_for(otx_isa isa)
{
    /* The fastest first. */
    static const otx__kernels *const built[] = {
#ifdef OTX__AMX
        &otx__kernels_amx,
#endif
#ifdef OTX__AVX512_BF16
        &otx__kernels_avx512_bf16,
#endif
#ifdef OTX__AVX512
        &otx__kernels_avx512,
#endif
#ifdef OTX__AVX_VNNI
        &otx__kernels_avx_vnni,
#endif
#ifdef OTX__AVX2
        &otx__kernels_avx2,
#endif
#ifdef OTX__SSE2
        &otx__kernels_sse2,
#endif
#ifdef OTX__NEON_BF16
        &otx__kernels_neon_bf16,
#endif
#ifdef OTX__NEON
        &otx__kernels_neon,
#endif
#ifdef OTX__WASM
        &otx__kernels_wasm,
#endif
        &otx__kernels_scalar};
    unsigned here = otx__isas_here();
    size_t i;
#ifdef OTX__SSE2
    if (isa == OTX_ISA_AUTO && !otx__avx512_bf16_pays())
        here &= ~OTX__ISA_BIT(OTX_ISA_AVX512_BF16);
#endif
    for (i = 0; i < OTX__COUNT(built); i++)
        if ((isa == OTX_ISA_AUTO || isa == built[i]->isa) && (here & OTX__ISA_BIT(built[i]->isa)))
            return built[i];
    return NULL;
}

OTX_API otx_isa otx_isa_best(void) { return otx__kernels_for(OTX_ISA_AUTO)->isa; }

OTX_API bool otx_isa_available(otx_isa isa) { return otx__kernels_for(isa) != NULL; }

OTX_API const char *otx_isa_name(otx_isa isa)
{
    static const char *const names[OTX_ISA_COUNT] = {
        "auto", "scalar", "sse2", "avx2", "avx-vnni", "avx512", "avx512-bf16", "amx", "neon",
        "neon-bf16", "wasm"};
    return (unsigned)isa < OTX_ISA_COUNT ? names[isa] : NULL;
}

OTX_API otx_isa otx_isa_from_name(const char *name)
{
    int isa;
    for (isa = 0; isa < OTX_ISA_COUNT; isa++)
        if (strcmp(name, otx_isa_name((otx_isa)isa)) == 0) return (otx_isa)isa;
    return OTX_ISA_COUNT;
}

/* >>> src/solve/chapter.h */
/* ==== solve: Orthogonal Matching Pursuit for many targets ==== */

/* Knows atoms, targets and supports, and nothing of tokens or models.
   Hides low precision: cheap arithmetic screens, with a proved bound, and what is left is
   decided in double, in one order (support.h).
   A solve owns one pool, given back at its end; results go to the caller's arrays.
   Read support.h for the method itself, screen.h for the bound, solve.h for the order of it
   all.

   Rooms, in order of dependency:
     panels          vectors as the dense products want them
     dictionary      the atoms, split along their common direction
     exact_products  products of all pairs of atoms in double
     triangle        packed lower triangles
     support         what is known of one target, and the exact steps
     gram_table      products of atoms with all atoms, for scans
     screen          which atoms are worth scoring in double
     predict         making targets ready for the next scan
     select          the next atoms of each target
     plan            which form, and in what blocks
     solve           the solve itself
     affine_digits   whole numbers of 16 bits, whose products are exact
     affine_normal   the normal equations of an affine map, and their solution
     affine_map      a fitted map, and the rows it makes
     affine_choice   how many atoms to take, and chosen by what
     affine          fitting and applying affine maps */

/* >>> src/solve/panels.h */
/* ---- panels: vectors as the dense products want them ------------------------- */

/* What the numbers of panels are. Those that round need fewer bytes and less time, and
   take their errors into the bound (screen.h). */
typedef enum otx__panel_type {
    OTX__PANEL_FLOAT, /* [tile][column][32] floats: the rests */
    OTX__PANEL_ROWS,  /* [tile][column / 2][32][2] bf16: the vectors as they are but for a
                         power of 2; their products have the common part taken out
                         afterwards */
    OTX__PANEL_BF16,  /* likewise, the rests, rounded */
    OTX__PANEL_INT8   /* [tile][column / 4][32][4] int8_t: the rests, rounded, in units
                         that make the largest element 127 */
} otx__panel_type;

/* Vectors split along the dictionary's direction, v / ||v|| = common * direction +
   rest, 32 to a panel. */
typedef struct otx__panels {
    otx__panel_type type;
    size_t columns; /* what is missing to whole pairs and fours is 0 */
    void *data;
    float *scale;   /* [tile][32] what the numbers are to be multiplied by */
    float *common;  /* [tile][32] */
    float *error;   /* [tile][32] the norm of what rounding took off the rest, or more */
} otx__panels;

/* ---- memory ---- */

/* Columns with those added that fill up pairs or fours. */
OTX__PRIVATE size_t otx__panel_columns(otx__panel_type type, size_t columns)
{
    size_t group = type == OTX__PANEL_FLOAT ? 1 : type == OTX__PANEL_INT8 ? 4 : 2;
    return (columns + group - 1) / group * group;
}

/* Bytes of the numbers of one vector. */
OTX__PRIVATE size_t otx__panel_lane_bytes(otx__panel_type type, size_t columns)
{
    size_t each = type == OTX__PANEL_FLOAT ? 4 : type == OTX__PANEL_INT8 ? 1 : 2;
    return otx__panel_columns(type, columns) * each;
}

/* Bytes of the numbers of one panel. */
OTX__PRIVATE size_t otx__panel_bytes(otx__panel_type type, size_t columns)
{
    return otx__panel_lane_bytes(type, columns) * OTX__TILE;
}

/* What takes the place of panels of 8 bits where these are too coarse. */
OTX__PRIVATE otx__panel_type otx__panel_finer(const otx__kernels *kernels)
{
    return kernels->product_bf16 ? OTX__PANEL_BF16 : OTX__PANEL_FLOAT;
}

/* The type that a panel needs room for: one of 8 bits may become a finer one. */
OTX__PRIVATE otx__panel_type otx__panel_largest(const otx__kernels *kernels, otx__panel_type type)
{
    return type == OTX__PANEL_INT8 ? otx__panel_finer(kernels) : type;
}

/* Bytes that a vector takes in panels, at most; also where they would not fit a size. */
OTX__PRIVATE double otx__panel_need(const otx__kernels *kernels, otx__panel_type type,
                                    double columns)
{
    bool wide = otx__panel_largest(kernels, type) == OTX__PANEL_FLOAT;
    return (columns + 3.0) * (wide ? 4.0 : 2.0) + 3.0 * sizeof(float);
}

OTX__PRIVATE void otx__panels_set_type(otx__panels *panels, otx__panel_type type, size_t columns)
{
    panels->type = type;
    panels->columns = otx__panel_columns(type, columns);
}

OTX__PRIVATE bool otx__panels_take(otx__panels *panels, const otx__kernels *kernels,
                                   otx__panel_type type, size_t columns, size_t tiles,
                                   otx__pool *pool)
{
    otx__panel_type largest = otx__panel_largest(kernels, type);
    size_t bytes = otx__max(otx__panel_lane_bytes(type, columns),
                            otx__panel_lane_bytes(largest, columns));
    otx__panels_set_type(panels, type, columns);
    panels->data = otx__pool_take(pool, tiles * OTX__TILE, bytes);
    panels->scale = (float *)otx__pool_take(pool, tiles, OTX__TILE * sizeof(float));
    panels->common = (float *)otx__pool_take(pool, tiles, OTX__TILE * sizeof(float));
    panels->error = (float *)otx__pool_take(pool, tiles, OTX__TILE * sizeof(float));
    return !pool->failed;
}

/* The numbers of a panel. */
OTX__PRIVATE char *otx__panel_at(const otx__panels *panels, size_t tile)
{
    return (char *)panels->data + tile * otx__panel_bytes(panels->type, panels->columns);
}

/* Fills a panel with vectors of 0. */
OTX__PRIVATE void otx__panels_clear(otx__panels *panels, size_t tile)
{
    size_t i;
    memset(otx__panel_at(panels, tile), 0, otx__panel_bytes(panels->type, panels->columns));
    for (i = tile * OTX__TILE; i < (tile + 1) * OTX__TILE; i++)
        panels->common[i] = panels->scale[i] = panels->error[i] = 0.0f;
}

/* ---- vectors ---- */

/* One vector on its way into panels of rests. */
typedef struct otx__splitting {
    const double *vector, *direction;
    double scale, common; /* 1 / norm, and the part along the direction */
    size_t n;
} otx__splitting;

/* Elements of a rest that are made at a time, and partial sums of them. */
#define OTX__REST 32
#define OTX__REST_SUMS 8

/* Elements of the rest from `first` on, with 0 behind the last. */
OTX__PRIVATE void otx__rest_part(const otx__splitting *from, size_t first, double *rest)
{
    const double *vector = from->vector + first, *direction = from->direction + first;
    double scale = from->scale, common = from->common;
    size_t count = otx__min(OTX__REST, from->n - first), p;
    for (p = 0; p < count; p++) rest[p] = vector[p] * scale - common * direction[p];
    for (; p < OTX__REST; p++) rest[p] = 0.0;
}

/* Adds the squares of such elements, and keeps the largest. */
OTX__PRIVATE void otx__rest_measure(const double *rest, double *sums, double *largest)
{
    size_t p, i;
    for (p = 0; p < OTX__REST; p += OTX__REST_SUMS) {
        for (i = 0; i < OTX__REST_SUMS; i++) {
            double size = fabs(rest[p + i]);
            sums[i] += size * size;
            largest[i] = size > largest[i] ? size : largest[i];
        }
    }
}

/* Rounds elements to bf16, the even of two that are equally near, and leaves what that
   takes off. */
OTX__PRIVATE void otx__rest_to_bf16(double *rest, uint16_t *to)
{
    size_t p;
    for (p = 0; p < OTX__REST; p++) {
        float wide = (float)rest[p];
        uint32_t bits;
        memcpy(&bits, &wide, sizeof bits);
        bits = (bits + 0x7fff + (bits >> 16 & 1)) & 0xffff0000u;
        to[p] = (uint16_t)(bits >> 16);
        rest[p] -= (double)otx__float_of_bits(bits);
    }
}

/* Rounds elements to multiples of `unit`, of which they are 127 at most, likewise. The
   number added and taken away rounds to integers; where a compiler keeps more digits,
   more is left. */
OTX__PRIVATE void otx__rest_to_int8(double *rest, double unit, double rate, int8_t *to)
{
    const double rounder = 6755399441055744.0; /* 1.5 * 2^52 */
    size_t p;
    for (p = 0; p < OTX__REST; p++) {
        int32_t steps = (int32_t)(rest[p] * rate + rounder - rounder);
        to[p] = (int8_t)steps;
        rest[p] -= (double)steps * unit;
    }
}

/* Writes OTX__REST elements, fewer at the end of a panel, to the lane of a vector. */
OTX__PRIVATE void otx__panel_put(char *panel, size_t bytes, const void *elements, size_t size,
                                 size_t first, size_t lane)
{
    char *to = panel + first * size * OTX__TILE + 4 * lane;
    const char *from = (const char *)elements;
    size_t p, end = otx__min(OTX__REST * size, bytes / OTX__TILE - first * size);
    for (p = 0; p < end; p += 4) memcpy(to + p * OTX__TILE, from + p, 4);
}

/* Puts the rest of a vector of n elements and of that norm, not 0, into place `at`, and
   returns the rest's square. */
OTX__PRIVATE double otx__panels_put_rest(otx__panels *panels, size_t at, const double *vector,
                                         size_t n, double norm, const double *direction)
{
    char *panel = otx__panel_at(panels, at / OTX__TILE);
    size_t bytes = otx__panel_bytes(panels->type, panels->columns), p, i;
    double sums[OTX__REST_SUMS] = {0}, largest[OTX__REST_SUMS] = {0}, left[OTX__REST_SUMS] = {0};
    double rest[OTX__REST], unused[OTX__REST_SUMS] = {0}, unit = 1.0, rate = 0.0;
    otx__splitting from;
    from.vector = vector;
    from.direction = direction;
    from.scale = 1.0 / norm;
    from.common = (double)panels->common[at];
    from.n = n;
    for (p = 0; p < n; p += OTX__REST) {
        otx__rest_part(&from, p, rest);
        otx__rest_measure(rest, sums, largest);
    }
    for (i = 1; i < OTX__REST_SUMS; i++) {
        sums[0] += sums[i];
        if (largest[i] > largest[0]) largest[0] = largest[i];
    }
    if (panels->type == OTX__PANEL_INT8 && largest[0] > 1e-30) { /* below, all is left */
        unit = (double)(float)(largest[0] / 127.0);
        rate = 1.0 / unit;
    }
    for (p = 0; p < n; p += OTX__REST) {
        union {
            float floats[OTX__REST];
            uint16_t halves[OTX__REST];
            int8_t bytes[OTX__REST];
        } to;
        otx__rest_part(&from, p, rest);
        if (panels->type == OTX__PANEL_INT8) {
            otx__rest_to_int8(rest, unit, rate, to.bytes);
            otx__panel_put(panel, bytes, to.bytes, 1, p, at % OTX__TILE);
        } else if (panels->type == OTX__PANEL_BF16) {
            otx__rest_to_bf16(rest, to.halves);
            otx__panel_put(panel, bytes, to.halves, 2, p, at % OTX__TILE);
        } else {
            for (i = 0; i < OTX__REST; i++) to.floats[i] = (float)rest[i];
            otx__panel_put(panel, bytes, to.floats, 4, p, at % OTX__TILE);
            continue;
        }
        otx__rest_measure(rest, left, unused);
    }
    for (i = 1; i < OTX__REST_SUMS; i++) left[0] += left[i];
    panels->scale[at] = (float)unit;
    panels->error[at] = left[0] > 0.0 ? (float)(sqrt(left[0]) * (1.0 + 1e-6)) + 1e-30f : 0.0f;
    return sums[0];
}

/* Puts a row of bf16, of that norm, not 0, into place `at` of bf16 panels. The power
   of 2 brings the norm to between 1 and 2, so that what becomes subnormal, or 0, is
   far below the rounding of the products. */
OTX__PRIVATE void otx__panels_put_row(otx__panels *panels, size_t at, otx__row row, size_t n,
                                      double norm)
{
    uint16_t *panel =
        (uint16_t *)(void *)otx__panel_at(panels, at / OTX__TILE) + 2 * (at % OTX__TILE);
    double scale;
    int exponent;
    size_t p;
    (void)frexp(norm, &exponent);
    scale = ldexp(1.0, 1 - exponent);
    for (p = 0; p < n; p++) {
        float scaled = (float)((double)otx__row_element(row, p) * scale);
        uint32_t bits;
        memcpy(&bits, &scaled, sizeof bits);
        panel[p / 2 * 2 * OTX__TILE + p % 2] = (uint16_t)(bits >> 16);
    }
    panels->scale[at] = (float)(1.0 / (norm * scale));
}

/* Copies a vector from one set of panels to another of the same type. */
OTX__PRIVATE void otx__panels_copy(otx__panels *to, size_t at, const otx__panels *from,
                                   size_t from_at)
{
    size_t bytes = otx__panel_bytes(from->type, from->columns), p;
    const char *source = otx__panel_at(from, from_at / OTX__TILE) + 4 * (from_at % OTX__TILE);
    char *copy = otx__panel_at(to, at / OTX__TILE) + 4 * (at % OTX__TILE);
    to->common[at] = from->common[from_at];
    to->scale[at] = from->scale[from_at];
    to->error[at] = from->error[from_at];
    /* One float, one pair or one four of every vector stand side by side. */
    for (p = 0; p < bytes; p += 4 * OTX__TILE) memcpy(copy + p, source + p, 4);
}

/* ---- products ---- */

/* Panels whose numbers, read again and again, stay in a core's cache. */
OTX__PRIVATE size_t otx__panels_group(const otx__panels *panels)
{
    size_t tiles = ((size_t)1 << 19) / (otx__panel_bytes(panels->type, panels->columns) + 1);
    return tiles < 1 ? 1 : tiles > OTX__GROUP ? OTX__GROUP : tiles;
}

/* products[tile][j][i], as below, of panels of float with at least one column. */
OTX__PRIVATE void otx__panels_multiply_floats(const otx__kernels *kernels, const float *a,
                                              size_t tiles, const float *b, size_t columns,
                                              float *products)
{
    size_t block, tile, j;
    for (block = 0; block < columns; block += OTX__CHAIN)
        for (tile = 0; tile < tiles; tile++)
            for (j = 0; j < OTX__TILE; j += OTX__STRIP)
                kernels->product(a + (tile * columns + block) * OTX__TILE,
                                 b + block * OTX__TILE + j, otx__min(OTX__CHAIN, columns - block),
                                 block > 0, products + (tile * OTX__TILE + j) * OTX__TILE);
}

/* Turns products of ROWS into those of the vectors' rests. */
OTX__PRIVATE void otx__panels_take_common(const otx__panels *a, size_t first, size_t tiles,
                                          const otx__panels *b, size_t other, float *products)
{
    size_t tile, i, j;
    for (tile = 0; tile < tiles; tile++) {
        const float *scale = a->scale + (first + tile) * OTX__TILE;
        const float *common = a->common + (first + tile) * OTX__TILE;
        for (j = 0; j < OTX__TILE; j++) {
            float *column = products + (tile * OTX__TILE + j) * OTX__TILE;
            float by = b->scale[other * OTX__TILE + j], less = b->common[other * OTX__TILE + j];
            for (i = 0; i < OTX__TILE; i++)
                column[i] = column[i] * scale[i] * by - common[i] * less;
        }
    }
}

/* products[tile][j][i]: the product of the rests of the 32 vectors i of each of
   `tiles` panels of a from `first` on, and the 32 vectors j of one panel of b, of the
   same type; where that is INT8, in units of both their scales. */
OTX__PRIVATE void otx__panels_multiply(const otx__kernels *kernels, const otx__panels *a,
                                       size_t first, size_t tiles, const otx__panels *b,
                                       size_t other, float *products)
{
    const void *rows = otx__panel_at(a, first), *columns = otx__panel_at(b, other);
    switch (a->type) {
    case OTX__PANEL_FLOAT:
        otx__panels_multiply_floats(kernels, (const float *)rows, tiles, (const float *)columns,
                                    a->columns, products);
        return;
    case OTX__PANEL_ROWS:
    case OTX__PANEL_BF16:
        kernels->product_bf16((const uint16_t *)rows, tiles, (const uint16_t *)columns,
                              a->columns, products);
        if (a->type == OTX__PANEL_ROWS)
            otx__panels_take_common(a, first, tiles, b, other, products);
        return;
    case OTX__PANEL_INT8:
        kernels->product_int8((const int8_t *)rows, tiles, (const int8_t *)columns, a->columns,
                              products);
        return;
    }
}

/* >>> src/solve/dictionary.h */
/* ---- dictionary: the atoms, as the solver wants them ----------------------- */

/* The rows of a matrix that the kernels can read: float or bf16. */
typedef struct otx__rows {
    const char *data;
    size_t stride; /* bytes */
    const uint32_t *index;
    bool bf16;
    float *copy; /* the solver's own, or NULL */
} otx__rows;

/* For screening, every atom is split. The direction is that of the mean of the unit
   atoms, which in real embeddings is so strong that correlations without it are an
   order of magnitude smaller, and so is their rounding. */
typedef struct otx__dictionary {
    const otx_context *ctx;
    const otx__kernels *kernels;
    otx__rows rows;
    size_t count, columns, tiles;
    double *squares;    /* [atom] <a, a> */
    double *norms;      /* [atom] */
    double *gram;       /* [atom][atom] <a, b>, or NULL (gram.h) */
    double *along;      /* [atom] <a, direction> */
    double *direction;  /* [column], of norm 1, or 0 if the atoms have no mean */
    double largest;     /* of the norms */
    float *weight;      /* [tile][32] what a unit atom's correlation counts for in the
                           selection: norm / largest, or 1; 0 for a zero row or none */
    float *tile_weight; /* [tile] the largest of them */
    otx__panels panels;
    bool cosine;        /* atoms are selected as if all had norm 1 */
} otx__dictionary;

OTX__PRIVATE otx__row otx__rows_at(const otx__rows *rows, size_t i)
{
    otx__row row;
    row.data = rows->data + (rows->index ? rows->index[i] : i) * rows->stride;
    row.bf16 = rows->bf16;
    return row;
}

/* Whether the kernels can read the matrix where it stands. */
OTX__PRIVATE bool otx__rows_are_direct(const otx_matrix *matrix, bool centred)
{
    return !centred && (matrix->dtype == OTX_F32 || matrix->dtype == OTX_BF16);
}

/* Views a matrix. Types that the kernels do not read, and rows that a centre is to be
   taken off, need a copy: otx__rows_copy makes it. */
OTX__PRIVATE bool otx__rows_open(otx__rows *rows, const otx_matrix *matrix, bool centred,
                                 otx__pool *pool)
{
    size_t element = otx_dtype_bits(matrix->dtype) / 8;
    rows->data = (const char *)matrix->data;
    rows->stride = (matrix->stride ? matrix->stride : matrix->columns) * element;
    rows->index = matrix->index;
    rows->bf16 = matrix->dtype == OTX_BF16;
    if (otx__rows_are_direct(matrix, centred)) return true;
    rows->copy = (float *)otx__pool_take(pool, matrix->rows, matrix->columns * sizeof(float));
    return rows->copy != NULL;
}

typedef struct otx__copy_task {
    const otx__rows *rows;
    const otx_matrix *matrix;
    double *centre; /* or NULL */
} otx__copy_task;

/* Columns of a mean that one task sums up. */
#define OTX__SUM_COLUMNS 64

/* Some columns of the mean, added up in double in the order of the rows. */
OTX__PRIVATE void otx__rows_mean_body(void *argument, size_t index, int worker)
{
    otx__copy_task *task = (otx__copy_task *)argument;
    const otx_matrix *matrix = task->matrix;
    size_t first = index * OTX__SUM_COLUMNS, i, j;
    size_t count = otx__min(OTX__SUM_COLUMNS, matrix->columns - first);
    size_t offset = first * otx_dtype_bits(matrix->dtype) / 8;
    double *mean = task->centre + first;
    float part[OTX__SUM_COLUMNS];
    (void)worker;
    for (j = 0; j < count; j++) mean[j] = 0.0;
    for (i = 0; i < matrix->rows; i++) {
        const char *row = (const char *)otx__rows_at(task->rows, i).data;
        otx_to_float(part, row + offset, matrix->dtype, count);
        for (j = 0; j < count; j++) mean[j] += (double)part[j];
    }
    for (j = 0; j < count; j++) mean[j] /= (double)matrix->rows;
}

/* The mean of the rows of a matrix. */
OTX__PRIVATE otx_result otx__rows_mean(otx__watch *watch, const otx__rows *rows,
                                       const otx_matrix *matrix, double *mean, otx_error *error)
{
    size_t chunks = (matrix->columns + OTX__SUM_COLUMNS - 1) / OTX__SUM_COLUMNS;
    otx__copy_task task;
    task.rows = rows;
    task.matrix = matrix;
    task.centre = mean;
    return otx__watch_loop(watch, chunks, 4.0 * OTX__SUM_COLUMNS * (double)matrix->rows,
                           otx__rows_mean_body, &task, error);
}

OTX__PRIVATE void otx__copy_body(void *argument, size_t index, int worker)
{
    const otx__copy_task *task = (const otx__copy_task *)argument;
    const otx_matrix *matrix = task->matrix;
    size_t n = matrix->columns, i, j, end = otx__min(matrix->rows, (index + 1) * OTX__TILE);
    (void)worker;
    for (i = index * OTX__TILE; i < end; i++) {
        float *row = task->rows->copy + i * n;
        otx_to_float(row, otx__rows_at(task->rows, i).data, matrix->dtype, n);
        for (j = 0; j < n && task->centre; j++)
            row[j] = (float)((double)row[j] - task->centre[j]);
    }
}

/* Makes the copy, if one is needed, and views that. */
OTX__PRIVATE otx_result otx__rows_copy(otx__watch *watch, otx__rows *rows,
                                       const otx_matrix *matrix, double *centre,
                                       otx_error *error)
{
    otx__copy_task task;
    otx_result result;
    if (!rows->copy) return OTX_OK;
    task.rows = rows;
    task.matrix = matrix;
    task.centre = centre;
    result = otx__watch_loop(watch, (matrix->rows + OTX__TILE - 1) / OTX__TILE,
                             4.0 * OTX__TILE * (double)matrix->columns, otx__copy_body, &task,
                             error);
    rows->data = (const char *)rows->copy;
    rows->stride = matrix->columns * sizeof *rows->copy;
    rows->index = NULL;
    rows->bf16 = false;
    return result;
}

/* Doubles of a row, exactly. */
OTX__PRIVATE void otx__row_widen(const otx__kernels *kernels, otx__row row, size_t n, double *to)
{
    kernels->residual(to, row, NULL, NULL, 0, n);
}

/* ---- building ---- */

OTX__PRIVATE size_t otx__tiles(size_t rows) { return (rows + OTX__TILE - 1) / OTX__TILE; }

typedef struct otx__dictionary_task {
    otx__dictionary *dictionary;
    double *scratch; /* [worker][columns] */
} otx__dictionary_task;

OTX__PRIVATE void otx__norms_body(void *argument, size_t tile, int worker)
{
    otx__dictionary_task *task = (otx__dictionary_task *)argument;
    otx__dictionary *dictionary = task->dictionary;
    double *wide = task->scratch + (size_t)worker * dictionary->columns;
    size_t i, end = otx__min(dictionary->count, (tile + 1) * OTX__TILE);
    for (i = tile * OTX__TILE; i < end; i++) {
        otx__row row = otx__rows_at(&dictionary->rows, i);
        otx__row_widen(dictionary->kernels, row, dictionary->columns, wide);
        dictionary->kernels->products(wide, &row, 1, dictionary->columns, &dictionary->squares[i]);
        dictionary->norms[i] = sqrt(dictionary->squares[i]);
    }
}

/* Columns of the direction that one task sums up. */
#define OTX__DIRECTION_COLUMNS 64

OTX__PRIVATE void otx__direction_body(void *argument, size_t index, int worker)
{
    otx__dictionary *dictionary = ((otx__dictionary_task *)argument)->dictionary;
    size_t first = index * OTX__DIRECTION_COLUMNS, i, j;
    size_t count = otx__min(OTX__DIRECTION_COLUMNS, dictionary->columns - first);
    double *sum = dictionary->direction + first;
    (void)worker;
    for (j = 0; j < count; j++) sum[j] = 0.0;
    for (i = 0; i < dictionary->count; i++) {
        otx__row row = otx__rows_at(&dictionary->rows, i);
        double scale = dictionary->norms[i] > 0.0 ? 1.0 / dictionary->norms[i] : 0.0;
        for (j = 0; j < count; j++)
            sum[j] += scale * (double)otx__row_element(row, first + j);
    }
}

/* ---- splitting the atoms ---- */

OTX__PRIVATE void otx__split_body(void *argument, size_t tile, int worker)
{
    otx__dictionary_task *task = (otx__dictionary_task *)argument;
    otx__dictionary *dictionary = task->dictionary;
    otx__panels *panels = &dictionary->panels;
    size_t n = dictionary->columns, i, p, lane;
    double *wide = task->scratch + (size_t)worker * n;
    float largest = 0.0f;
    otx__panels_clear(panels, tile);
    for (lane = 0; lane < OTX__TILE; lane++) {
        otx__row row;
        double norm, along = 0.0;
        float weight;
        i = tile * OTX__TILE + lane;
        dictionary->weight[i] = 0.0f;
        if (i >= dictionary->count) continue;
        row = otx__rows_at(&dictionary->rows, i);
        otx__row_widen(dictionary->kernels, row, n, wide);
        for (p = 0; p < n; p++) along += wide[p] * dictionary->direction[p];
        dictionary->along[i] = along;
        norm = dictionary->norms[i];
        if (!(norm > 0.0)) continue;
        panels->common[i] = (float)(along / norm);
        if (panels->type == OTX__PANEL_ROWS)
            otx__panels_put_row(panels, i, row, n, norm);
        else
            (void)otx__panels_put_rest(panels, i, wide, n, norm, dictionary->direction);
        /* Never 0 for an atom that may be taken; screen.h allows for the lift. */
        weight = dictionary->cosine ? 1.0f : (float)(norm / dictionary->largest);
        if (weight < OTX__LEAST_WEIGHT) weight = OTX__LEAST_WEIGHT;
        dictionary->weight[i] = weight;
        if (weight > largest) largest = weight;
    }
    dictionary->tile_weight[tile] = largest;
}

OTX__PRIVATE void otx__normalise(double *vector, size_t n)
{
    double sum = 0.0;
    size_t i;
    for (i = 0; i < n; i++) sum += vector[i] * vector[i];
    if (sum > 0.0)
        for (i = 0; i < n; i++) vector[i] /= sqrt(sum);
}

/* Norms of all atoms; a row that is not finite is named. */
OTX__PRIVATE otx_result otx__dictionary_norms(otx__dictionary *dictionary, double *scratch,
                                              otx_error *error)
{
    otx__watch watch = otx__watch_open(dictionary->ctx, OTX_STAGE_GRAM, 0, dictionary->count);
    otx__dictionary_task task;
    otx_result result;
    size_t i;
    task.dictionary = dictionary;
    task.scratch = scratch;
    result = otx__watch_loop(&watch, dictionary->tiles,
                             4.0 * OTX__TILE * (double)dictionary->columns, otx__norms_body,
                             &task, error);
    for (i = 0; i < dictionary->count && !result; i++) {
        if (!otx__is_finite(dictionary->norms[i]))
            return otx__fail(error, OTX_ERROR_NOT_FINITE,
                             "atom %" PRIu64 " holds a value that is NaN, infinite, or beyond a "
                             "float",
                             (uint64_t)i);
        if (dictionary->norms[i] > dictionary->largest) dictionary->largest = dictionary->norms[i];
    }
    return result;
}

/* What only screening needs. */
OTX__PRIVATE otx_result otx__dictionary_split(otx__dictionary *dictionary, double *scratch,
                                              otx_error *error)
{
    size_t chunks = (dictionary->columns + OTX__DIRECTION_COLUMNS - 1) / OTX__DIRECTION_COLUMNS;
    otx__watch watch = otx__watch_open(dictionary->ctx, OTX_STAGE_GRAM, 0, dictionary->count);
    double work = 8.0 * OTX__DIRECTION_COLUMNS * (double)dictionary->count;
    otx__dictionary_task task;
    otx_result result;
    task.dictionary = dictionary;
    task.scratch = scratch;
    result = otx__watch_loop(&watch, chunks, work, otx__direction_body, &task, error);
    if (result) return result;
    otx__normalise(dictionary->direction, dictionary->columns);
    work = 16.0 * OTX__TILE * (double)dictionary->columns;
    return otx__watch_loop(&watch, dictionary->tiles, work, otx__split_body, &task, error);
}

/* >>> src/solve/exact_products.h */
/* ---- gram: products of all pairs of atoms in double --------------------------- */

/* The factors of supports are made of exact products of atoms. Where there are few
   atoms and many targets, the same pairs come again and again: then all of them are
   computed once. <a, b> has the bits of <b, a>, as products of two floats are exact in
   double and are added up in the same order. */

/* Bytes of rows that are read against 32 others before the next ones are: they stay
   in a core's cache. */
#define OTX__GRAM_BYTES 262144

/* Ranges that the tiles up to one, for the products with its atoms, are divided into, so
   that the caller is asked between them. */
OTX__PRIVATE size_t otx__gram_parts(const otx__dictionary *dictionary)
{
    double work = (double)OTX__TILE * (double)dictionary->count * (double)dictionary->columns;
    return otx__min(dictionary->tiles, 1 + (size_t)(work / OTX__POLL_WORK));
}

/* Products of one or two atoms from `a` on with those from `start` on, whose rows are
   given. */
OTX__PRIVATE void otx__gram_pair(const otx__dictionary *dictionary, size_t a, size_t pair,
                                 const otx__row *rows, size_t count, size_t start, double *wide)
{
    const otx__kernels *kernels = dictionary->kernels;
    size_t pitch = dictionary->count, i;
    double *products = dictionary->gram + a * pitch + start;
    otx__row two[2];
    for (i = 0; i < pair; i++) two[i] = otx__rows_at(&dictionary->rows, a + i);
    if (pair == 2 && kernels->pair_products) {
        kernels->pair_products(two, rows, count, dictionary->columns, products, pitch);
        return;
    }
    for (i = 0; i < pair; i++) {
        otx__row_widen(kernels, two[i], dictionary->columns, wide);
        kernels->products(wide, rows, count, dictionary->columns, products + i * pitch);
    }
}

/* Products of the atoms of a tile with those of a range of the tiles up to it, on both
   sides of the diagonal. No two tasks write the same place. */
OTX__PRIVATE void otx__gram_body(void *argument, size_t index, int worker)
{
    otx__dictionary_task *task = (otx__dictionary_task *)argument;
    otx__dictionary *dictionary = task->dictionary;
    size_t parts = otx__gram_parts(dictionary), tile = index / parts, part = index % parts;
    size_t range = (tile + parts) / parts * OTX__TILE; /* tiles 0 to `tile`, divided */
    size_t n = dictionary->columns, first = tile * OTX__TILE, start, count, a, b;
    size_t last = otx__min(dictionary->count, first + OTX__TILE);
    size_t end = otx__min(last, (part + 1) * range);
    size_t most = otx__min(OTX__TILE, 4 + OTX__GRAM_BYTES / (4 * n));
    for (start = part * range; start < end; start += count) {
        otx__row rows[OTX__TILE];
        count = otx__min(most, end - start);
        for (b = 0; b < count; b++) rows[b] = otx__rows_at(&dictionary->rows, start + b);
        for (a = first; a < last; a += 2)
            otx__gram_pair(dictionary, a, otx__min(2, last - a), rows, count, start,
                           task->scratch + (size_t)worker * n);
        for (a = first; a < last; a++)
            for (b = start; b < otx__min(start + count, first); b++)
                dictionary->gram[b * dictionary->count + a] =
                    dictionary->gram[a * dictionary->count + b];
    }
}

OTX__PRIVATE otx_result otx__dictionary_gram(otx__dictionary *dictionary, double *scratch,
                                             otx_error *error)
{
    otx__watch watch = otx__watch_open(dictionary->ctx, OTX_STAGE_GRAM, dictionary->count,
                                       dictionary->count);
    double work = (double)OTX__TILE * (double)dictionary->count * (double)dictionary->columns;
    size_t parts = otx__gram_parts(dictionary);
    otx__dictionary_task task;
    task.dictionary = dictionary;
    task.scratch = scratch;
    return otx__watch_loop(&watch, dictionary->tiles * parts, work / (double)parts,
                           otx__gram_body, &task, error);
}

/* >>> src/solve/triangle.h */
/* ---- triangle: packed lower triangles, row after row without the zeros ------- */

/* Row i of L holds i + 1 elements from i (i + 1) / 2 on. The loops take four rows at
   a time, for the processor to have four sums under way; the order of the operations
   on any one number, and so every bit, is that of the loops over single rows. */
#define OTX__ROWS 4

/* Pointers that nothing else in the function reaches. */
#if defined(__GNUC__) || defined(__clang__) || defined(_MSC_VER)
#define OTX__RESTRICT __restrict
#else
#define OTX__RESTRICT
#endif

OTX__PRIVATE size_t otx__triangle_size(size_t rows) { return rows * (rows + 1) / 2; }

/* The elements (first + i, first + j), i > j, of four rows' own block. */
OTX__PRIVATE void otx__triangle_corner(const double *const rows[OTX__ROWS], size_t first,
                                       size_t count, double sums[OTX__ROWS])
{
    size_t i, j;
    for (j = 0; j < count; j++) {
        sums[j] /= rows[j][first + j];
        for (i = j + 1; i < count; i++) {
            double term = rows[i][first + j] * sums[j];
            sums[i] -= term;
        }
    }
}

/* Solves L x = b in place. */
OTX__PRIVATE void otx__triangle_forward(const double *factor, size_t count, double *x)
{
    size_t first, i, j;
    for (first = 0; first < count; first += OTX__ROWS) {
        size_t rows = otx__min(OTX__ROWS, count - first);
        const double *at[OTX__ROWS];
        double sums[OTX__ROWS], s0, s1, s2, s3;
        for (i = 0; i < OTX__ROWS; i++) {
            at[i] = factor + otx__triangle_size(otx__min(first + i, count - 1));
            sums[i] = x[otx__min(first + i, count - 1)];
        }
        s0 = sums[0], s1 = sums[1], s2 = sums[2], s3 = sums[3];
        for (j = 0; j < first; j++) {
            double t0 = at[0][j] * x[j], t1 = at[1][j] * x[j];
            double t2 = at[2][j] * x[j], t3 = at[3][j] * x[j];
            s0 -= t0, s1 -= t1, s2 -= t2, s3 -= t3;
        }
        sums[0] = s0, sums[1] = s1, sums[2] = s2, sums[3] = s3;
        otx__triangle_corner(at, first, rows, sums);
        for (i = 0; i < rows; i++) x[first + i] = sums[i];
    }
}

/* x[j] -= sum over i of rows[i][j] * by[i], i from the last to the first. */
OTX__PRIVATE void otx__triangle_take(double *OTX__RESTRICT x, const double *OTX__RESTRICT r0,
                                     const double *OTX__RESTRICT r1,
                                     const double *OTX__RESTRICT r2,
                                     const double *OTX__RESTRICT r3, const double *by,
                                     size_t count)
{
    double b0 = by[0], b1 = by[1], b2 = by[2], b3 = by[3];
    size_t j;
    for (j = 0; j < count; j++) {
        double t0 = r0[j] * b0, t1 = r1[j] * b1, t2 = r2[j] * b2, t3 = r3[j] * b3;
        x[j] = x[j] - t3 - t2 - t1 - t0;
    }
}

/* Solves L' x = b in place, from the last to the first. */
OTX__PRIVATE void otx__triangle_backward(const double *factor, size_t count, double *x)
{
    size_t end, i, j;
    for (end = count; end > 0; end -= otx__min(OTX__ROWS, end)) {
        size_t rows = otx__min(OTX__ROWS, end), first = end - rows;
        const double *row[OTX__ROWS] = {factor, factor, factor, factor};
        for (i = rows; i-- > 0;) {
            row[i] = factor + otx__triangle_size(first + i);
            x[first + i] /= row[i][first + i];
            for (j = 0; j < i; j++) {
                double term = row[i][first + j] * x[first + i];
                x[first + j] -= term;
            }
        }
        if (first) otx__triangle_take(x, row[0], row[1], row[2], row[3], x + first, first);
    }
}

/* ||L' x||; x is lost. */
OTX__PRIVATE double otx__triangle_norm(const double *factor, size_t count, double *x)
{
    double square = 0.0;
    size_t i, j;
    for (i = 0; i < count; i++) {
        const double *row = factor + otx__triangle_size(i);
        double by = x[i];
        for (j = 0; j < i; j++) x[j] += row[j] * by;
        x[i] = row[i] * by;
    }
    for (i = 0; i < count; i++) square += x[i] * x[i];
    return sqrt(square);
}

/* >>> src/solve/support.h */
/* ---- support: what is known of one target, and the exact steps -------------- */

/* Candidates of one target and step; more mean that every atom is scored. */
#define OTX__CANDIDATES 256

/* A target on its way. The factor is that of the Gram matrix of the atoms
   selected, G = L L', row after row without the zeros; forward solves L z = A'y.
   Behind the atoms selected, indices, factor and forward may hold predicted ones
   (screen.h); raising the count selects them. The coefficients are those of the
   atoms selected after otx__support_solve. */
typedef struct otx__support {
    otx__row target;
    double norm;          /* of the target */
    int32_t *indices;     /* [k] the caller's row of results */
    double *coefficients; /* [k] likewise */
    double *factor;       /* [k * (k + 1) / 2] */
    double *forward;      /* [k] */
    size_t count;         /* atoms selected */
    int32_t *barred;      /* [k] atoms that depend on those selected */
    size_t barred_count;
    bool ended;
} otx__support;

/* What one worker computes in. */
typedef struct otx__scratch {
    double *row, *residual; /* [columns] */
    const void *wide;       /* the target that row holds, or NULL */
    otx__row *rows;         /* [k + 1] those of the atoms selected */
    double *products;       /* [k + 2] */
    double *scores;         /* [atoms] */
    float *block;           /* [OTX__GROUP][32][32] dense products */
    float *rough;           /* [columns] */
    float *least;           /* [target of a block] the residual form: what the largest
                               weighted correlation is at least, by the tiles seen */
    uint32_t *likely;       /* [atoms] likewise: those not ruled out */
    uint64_t likely_atoms, likely_steps; /* since the last pass: of them, and for so many */
    uint64_t fallbacks, steps;
    uint64_t candidates[OTX__CANDIDATES + 1]; /* steps by how many atoms were candidates;
                                                 the last: every atom was */
    double seconds_rescore, seconds_factor, seconds_predict;
} otx__scratch;

typedef struct otx__problem {
    const otx__dictionary *dictionary;
    otx__rows targets;
    size_t k;
    double tolerance;
    double ridge; /* added to the diagonal of the Gram matrix, times ||atom||^2 */
} otx__problem;

OTX__PRIVATE bool otx__support_holds(const otx__support *support, size_t atom)
{
    size_t i;
    for (i = 0; i < support->count; i++)
        if ((size_t)support->indices[i] == atom) return true;
    for (i = 0; i < support->barred_count; i++)
        if ((size_t)support->barred[i] == atom) return true;
    return false;
}

/* scratch->rows: the rows of the atoms selected. */
OTX__PRIVATE void otx__support_rows(const otx__problem *problem, const otx__support *support,
                                    otx__scratch *scratch)
{
    size_t i;
    for (i = 0; i < support->count; i++)
        scratch->rows[i] = otx__rows_at(&problem->dictionary->rows, (size_t)support->indices[i]);
}

/* The norm of a vector of doubles, in the order of all deciding sums. */
OTX__PRIVATE double otx__norm(const double *vector, size_t n)
{
    double lanes[OTX__LANES] = {0};
    size_t i;
    for (i = 0; i < n; i++) {
        double square = vector[i] * vector[i];
        lanes[i % OTX__LANES] += square;
    }
    return sqrt(otx__fold_lanes(lanes));
}

/* Solves L' gamma = z for the coefficients. */
OTX__PRIVATE void otx__support_solve(otx__support *support)
{
    size_t i;
    for (i = 0; i < support->count; i++) support->coefficients[i] = support->forward[i];
    otx__triangle_backward(support->factor, support->count, support->coefficients);
}

/* scratch->residual: the deciding residual, target minus combination. */
OTX__PRIVATE void otx__support_residual(const otx__problem *problem, otx__support *support,
                                        otx__scratch *scratch)
{
    otx__support_solve(support);
    otx__support_rows(problem, support, scratch);
    problem->dictionary->kernels->residual(scratch->residual, support->target,
                                           support->coefficients, scratch->rows, support->count,
                                           problem->dictionary->columns);
}

/* The same of exact products that are kept: only that with the target is computed, from
   the target widened, which stays for the next atom. */
OTX__PRIVATE void otx__support_look_up(const otx__problem *problem, const otx__support *support,
                                       size_t atom, otx__scratch *scratch, double *products)
{
    const otx__dictionary *dictionary = problem->dictionary;
    const double *gram = dictionary->gram + atom * dictionary->count;
    otx__row row = otx__rows_at(&dictionary->rows, atom);
    size_t i;
    /* They lie anywhere: asked for now, they are there when the target's is done. */
    for (i = 0; i < support->count; i++) OTX__PREFETCH(gram + support->indices[i]);
    if (scratch->wide != support->target.data)
        otx__row_widen(dictionary->kernels, support->target, dictionary->columns, scratch->row);
    scratch->wide = support->target.data;
    dictionary->kernels->products(scratch->row, &row, 1, dictionary->columns, products + i);
    for (i = 0; i < support->count; i++) products[i] = gram[support->indices[i]];
}

/* The products of an atom with those selected and, behind them, with the target. */
OTX__PRIVATE void otx__support_products(const otx__problem *problem,
                                        const otx__support *support, size_t atom,
                                        otx__scratch *scratch, double *products)
{
    const otx__dictionary *dictionary = problem->dictionary;
    const otx__kernels *kernels = dictionary->kernels;
    size_t t = support->count, together = t;
    if (dictionary->gram) {
        otx__support_look_up(problem, support, atom, scratch, products);
        return;
    }
    otx__row_widen(kernels, otx__rows_at(&dictionary->rows, atom), dictionary->columns,
                   scratch->row);
    otx__support_rows(problem, support, scratch);
    scratch->rows[t] = support->target;
    /* A call takes one type. */
    if (problem->targets.bf16 == dictionary->rows.bf16) together++;
    kernels->products(scratch->row, scratch->rows, together, dictionary->columns, products);
    if (together == t)
        kernels->products(scratch->row, &support->target, 1, dictionary->columns, products + t);
}

/* Adds an atom: a row of the factor and of the forward solution. False, and
   nothing has changed, if the atom depends on those selected. */
OTX__PRIVATE bool otx__support_append(const otx__problem *problem, otx__support *support,
                                      size_t atom, otx__scratch *scratch)
{
    const otx__dictionary *dictionary = problem->dictionary;
    size_t t = support->count, j;
    double *row = support->factor + otx__triangle_size(t), pivot, value;
    double clock = otx__now();
    otx__support_products(problem, support, atom, scratch, row);
    value = row[t];
    pivot = dictionary->squares[atom] * (1.0 + problem->ridge);
    otx__triangle_forward(support->factor, t, row);
    for (j = 0; j < t; j++) {
        double square = row[j] * row[j], share = row[j] * support->forward[j];
        pivot -= square;
        value -= share;
    }
    scratch->seconds_factor += otx__now() - clock;
    if (!(pivot > 1e-12 * dictionary->squares[atom])) return false;
    row[t] = sqrt(pivot);
    support->forward[t] = value / row[t];
    support->indices[t] = (int32_t)atom;
    support->count++;
    return true;
}

/* Selects an atom; one that depends on those selected is barred instead. */
OTX__PRIVATE bool otx__support_select(const otx__problem *problem, otx__support *support,
                                      size_t atom, otx__scratch *scratch)
{
    if (otx__support_append(problem, support, atom, scratch)) {
        scratch->steps++;
        support->ended = support->count == problem->k;
        return true;
    }
    /* Those that find no room are found dependent again at the next step. */
    if (support->barred_count < problem->k)
        support->barred[support->barred_count++] = (int32_t)atom;
    return false;
}

/* What an atom's correlation with a residual counts for in the selection. */
OTX__PRIVATE double otx__score(const otx__dictionary *dictionary, size_t atom,
                               double correlation)
{
    double norm = dictionary->norms[atom];
    if (!dictionary->cosine) return fabs(correlation);
    return norm > 0.0 ? fabs(correlation) / norm : 0.0;
}

/* Whether the best score is nothing but rounding. */
OTX__PRIVATE bool otx__is_rounding(const otx__problem *problem, const otx__support *support,
                                   size_t atom, double score)
{
    const otx__dictionary *dictionary = problem->dictionary;
    return score <= 64.0 * DBL_EPSILON * (double)dictionary->columns * support->norm *
                        (dictionary->cosine ? 1.0 : dictionary->norms[atom]);
}

/* Ends the target if its residual, which must be current, is small enough. */
OTX__PRIVATE bool otx__support_is_close(const otx__problem *problem, otx__support *support,
                                        const otx__scratch *scratch)
{
    double norm;
    if (!(problem->tolerance > 0.0)) return false;
    norm = otx__norm(scratch->residual, problem->dictionary->columns);
    support->ended = norm <= problem->tolerance * support->norm;
    return support->ended;
}

/* One step by the definition: every atom is scored in double. Takes the best
   that neither is selected nor depends on those selected, or ends the target. */
OTX__PRIVATE void otx__support_exhaustive_step(const otx__problem *problem,
                                               otx__support *support, otx__scratch *scratch)
{
    const otx__dictionary *dictionary = problem->dictionary;
    size_t i, j;
    otx__support_residual(problem, support, scratch);
    if (otx__support_is_close(problem, support, scratch)) return;
    for (i = 0; i < dictionary->count; i += OTX__TILE) {
        otx__row rows[OTX__TILE];
        double *scores = scratch->scores + i;
        size_t count = otx__min(OTX__TILE, dictionary->count - i);
        for (j = 0; j < count; j++) rows[j] = otx__rows_at(&dictionary->rows, i + j);
        dictionary->kernels->dots(scratch->residual, rows, count, dictionary->columns, scores);
        for (j = 0; j < count; j++) scores[j] = otx__score(dictionary, i + j, scores[j]);
    }
    scratch->candidates[OTX__CANDIDATES]++;
    for (i = 0; i < support->count; i++) scratch->scores[support->indices[i]] = 0.0;
    for (i = 0; i < support->barred_count; i++) scratch->scores[support->barred[i]] = 0.0;
    while (!support->ended) {
        size_t best = 0;
        for (i = 1; i < dictionary->count; i++)
            if (scratch->scores[i] > scratch->scores[best]) best = i;
        if (otx__is_rounding(problem, support, best, scratch->scores[best])) {
            support->ended = true;
        } else if (otx__support_select(problem, support, best, scratch)) {
            return;
        }
        scratch->scores[best] = 0.0;
    }
}

/* >>> src/solve/gram_table.h */
/* ---- table: products of atoms with all atoms -------------------------------- */

/* The rests' products as 16-bit fixed point, for scans: [tile][slot][32], the 32
   atoms of a tile against the atom in a slot. In the Gram form every atom stands
   in the slot of its own number. In the columns form only atoms that supports hold
   have a slot, as long as they need it; a column is computed when its atom comes
   in. */
typedef struct otx__table {
    otx__dictionary *dictionary;
    int16_t *products;
    size_t slots;
    /* The columns form only: */
    int32_t *slot_of;  /* [atom] -1: none */
    uint32_t *atom_of; /* [slot] OTX__NOBODY: free */
    uint32_t *stamps;  /* [slot] the pass that needed it last */
    uint32_t *fresh;   /* [slot] slots whose columns are to be computed */
    size_t fresh_count, hand;
    uint32_t pass;
    bool full;          /* no slot was left in this pass */
    otx__panels panels; /* the atoms of OTX__FRESH of those slots */
    size_t first, count; /* of the fresh ones at hand */
    size_t group;        /* the Gram form: the first of the tiles at hand */
    uint64_t columns;    /* computed so far */
} otx__table;

#define OTX__NOBODY UINT32_MAX

/* Columns that are computed together: whole tiles. */
#define OTX__FRESH 512

/* Nearest integer to a number, within int16; wrong by at most 0.51 in all. */
OTX__PRIVATE int16_t otx__fixed(float value)
{
    float shifted = value + (value < 0.0f ? -0.5f : 0.5f);
    if (shifted > 32767.0f) return 32767;
    if (shifted < -32767.0f) return -32767;
    return (int16_t)shifted;
}

OTX__PRIVATE int16_t *otx__table_at(const otx__table *table, size_t tile, size_t slot)
{
    return table->products + (tile * table->slots + slot) * OTX__TILE;
}

/* ---- all of them ---- */

typedef struct otx__table_task {
    otx__table *table;
    const otx__scratch *scratch; /* [worker] */
} otx__table_task;

/* The products of the rests of two tiles' atoms, of the exact products of these. */
OTX__PRIVATE void otx__table_exact(const otx__dictionary *dictionary, size_t tile, size_t other,
                                   float *block)
{
    const float *common = dictionary->panels.common;
    size_t i, j;
    memset(block, 0, OTX__TILE * OTX__TILE * sizeof *block);
    for (j = other * OTX__TILE; j < otx__min(dictionary->count, (other + 1) * OTX__TILE); j++) {
        const double *row = dictionary->gram + j * dictionary->count;
        float *column = block + j % OTX__TILE * OTX__TILE;
        if (!(dictionary->norms[j] > 0.0)) continue;
        for (i = tile * OTX__TILE; i < otx__min(dictionary->count, (tile + 1) * OTX__TILE); i++)
            if (dictionary->norms[i] > 0.0)
                column[i % OTX__TILE] =
                    (float)(row[i] / dictionary->norms[i] / dictionary->norms[j] -
                            (double)common[i] * (double)common[j]);
    }
}

/* Products of tile `index` with the group's tiles from it on, stored on both
   sides of the diagonal. No two tasks write the same place. */
OTX__PRIVATE void otx__table_body(void *argument, size_t index, int worker)
{
    otx__table_task *task = (otx__table_task *)argument;
    otx__table *table = task->table;
    const otx__dictionary *dictionary = table->dictionary;
    const otx__panels *panels = &dictionary->panels;
    size_t end = otx__min(dictionary->tiles, table->group + otx__panels_group(panels));
    size_t first = otx__max(table->group, index), tile, i, j;
    float *block = task->scratch[worker].block;
    for (tile = first; tile < end && dictionary->gram; tile++)
        otx__table_exact(dictionary, tile, index,
                         block + (tile - first) * OTX__TILE * OTX__TILE);
    if (!dictionary->gram)
        otx__panels_multiply(dictionary->kernels, panels, first, end - first, panels, index,
                             block);
    for (tile = first; tile < end; tile++, block += OTX__TILE * OTX__TILE) {
        int16_t *here = otx__table_at(table, tile, index * OTX__TILE);
        int16_t *there = otx__table_at(table, index, tile * OTX__TILE);
        for (i = 0; i < OTX__TILE * OTX__TILE; i++) here[i] = otx__fixed(block[i] * 32767.0f);
        if (tile == index) continue;
        for (i = 0; i < OTX__TILE; i++)
            for (j = 0; j < OTX__TILE; j++) there[i * OTX__TILE + j] = here[j * OTX__TILE + i];
    }
}

OTX__PRIVATE otx_result otx__table_fill(otx__table *table, const otx__scratch *scratch,
                                        otx_error *error)
{
    const otx__dictionary *dictionary = table->dictionary;
    size_t group = otx__panels_group(&dictionary->panels), end;
    otx_result result = OTX_OK;
    otx__table_task task;
    task.table = table;
    task.scratch = scratch;
    for (table->group = 0; table->group < dictionary->tiles && !result; table->group += group) {
        double work = (double)group * OTX__TILE * OTX__TILE * (double)dictionary->columns;
        otx__watch watch = otx__watch_open(dictionary->ctx, OTX_STAGE_GRAM,
                                           table->group * OTX__TILE,
                                           dictionary->tiles * OTX__TILE);
        end = otx__min(dictionary->tiles, table->group + group);
        result = otx__watch_loop(&watch, end, work, otx__table_body, &task, error);
    }
    table->columns = dictionary->count;
    return result;
}

/* ---- those that are needed ---- */

OTX__PRIVATE void otx__table_clear(otx__table *table)
{
    size_t i;
    for (i = 0; i < table->dictionary->count; i++) table->slot_of[i] = -1;
    for (i = 0; i < table->slots; i++) {
        table->atom_of[i] = OTX__NOBODY;
        table->stamps[i] = 0;
    }
}

/* Nothing is needed yet in the pass that begins. */
OTX__PRIVATE void otx__table_begin(otx__table *table)
{
    table->pass++;
    table->fresh_count = 0;
    table->full = false;
}

/* Whether an atom has a column. */
OTX__PRIVATE bool otx__table_has(const otx__table *table, size_t atom)
{
    return !table->slot_of || table->slot_of[atom] >= 0;
}

OTX__PRIVATE uint32_t otx__table_slot(const otx__table *table, size_t atom)
{
    return table->slot_of ? (uint32_t)table->slot_of[atom] : (uint32_t)atom;
}

/* Keeps an atom's column for this pass, giving it a slot that nobody else needs
   in this pass if it has none. False if there is none. */
OTX__PRIVATE bool otx__table_need(otx__table *table, size_t atom)
{
    size_t tried, slot;
    if (table->slot_of[atom] >= 0) {
        table->stamps[table->slot_of[atom]] = table->pass;
        return true;
    }
    for (tried = 0; tried < table->slots && !table->full; tried++) {
        slot = table->hand;
        table->hand = (slot + 1) % table->slots;
        if (table->stamps[slot] == table->pass) continue;
        if (table->atom_of[slot] != OTX__NOBODY) table->slot_of[table->atom_of[slot]] = -1;
        table->atom_of[slot] = (uint32_t)atom;
        table->slot_of[atom] = (int32_t)slot;
        table->stamps[slot] = table->pass;
        table->fresh[table->fresh_count++] = (uint32_t)slot;
        return true;
    }
    table->full = true;
    return false;
}

/* Gathers the atoms of one panel of the fresh columns. */
OTX__PRIVATE void otx__fresh_body(void *argument, size_t index, int worker)
{
    otx__table *table = ((otx__table_task *)argument)->table;
    size_t i, end = otx__min(table->count, (index + 1) * OTX__TILE);
    (void)worker;
    for (i = index * OTX__TILE; i < end; i++)
        otx__panels_copy(&table->panels, i, &table->dictionary->panels,
                         table->atom_of[table->fresh[table->first + i]]);
}

/* One group of tiles against the fresh columns at hand. */
OTX__PRIVATE void otx__columns_body(void *argument, size_t index, int worker)
{
    otx__table_task *task = (otx__table_task *)argument;
    otx__table *table = task->table;
    const otx__dictionary *dictionary = table->dictionary;
    size_t group = otx__panels_group(&dictionary->panels), first = index * group;
    size_t tiles = otx__min(group, dictionary->tiles - first), panel, tile, i, j;
    float *block = task->scratch[worker].block;
    for (panel = 0; panel < otx__tiles(table->count); panel++) {
        size_t columns = otx__min(OTX__TILE, table->count - panel * OTX__TILE);
        const uint32_t *slots = table->fresh + table->first + panel * OTX__TILE;
        otx__panels_multiply(dictionary->kernels, &dictionary->panels, first, tiles,
                             &table->panels, panel, block);
        for (tile = 0; tile < tiles; tile++) {
            for (j = 0; j < columns; j++) {
                const float *column = block + (tile * OTX__TILE + j) * OTX__TILE;
                int16_t *to = otx__table_at(table, first + tile, slots[j]);
                for (i = 0; i < OTX__TILE; i++) to[i] = otx__fixed(column[i] * 32767.0f);
            }
        }
    }
}

/* Computes the columns of the atoms that got a slot in this pass. */
OTX__PRIVATE otx_result otx__table_refresh(otx__table *table, otx__watch *watch,
                                           const otx__scratch *scratch, otx_error *error)
{
    const otx__dictionary *dictionary = table->dictionary;
    size_t group = otx__panels_group(&dictionary->panels);
    size_t groups = (dictionary->tiles + group - 1) / group;
    otx_result result = OTX_OK;
    otx__table_task task;
    task.table = table;
    task.scratch = scratch;
    for (table->first = 0; table->first < table->fresh_count && !result;
         table->first += table->count) {
        double work;
        table->count = otx__min(OTX__FRESH, table->fresh_count - table->first);
        work = (double)(group * OTX__TILE) * (double)table->count * (double)dictionary->columns;
        otx__parallel(dictionary->ctx, otx__tiles(table->count), otx__fresh_body, &task);
        result = otx__watch_loop(watch, groups, work, otx__columns_body, &task, error);
    }
    table->columns += table->fresh_count;
    return result;
}

/* >>> src/solve/screen.h */
/* ---- screen: which atoms are worth scoring in double ------------------------ */

/* Screening finds, for a block of targets at a time, approximate correlations of
   every atom with every residual and a bound on their error. Only atoms that the
   bound cannot rule out are scored in double, so the selection is exact whatever
   the screen computes in.

   With unit atoms a^ = common * m + rest, and everything in units of the target's
   norm, the correlation of atom n with the residual r = y - sum beta_j a^_j is

       <r, a^_n> = common_n <r, m> + <y', rest_n> - sum beta_j <rest_j, rest_n>

   where y' is y without its part along m. The Gram form and the columns form keep
   the products <rest_j, rest_n> (table.h) and <y', rest_n> as 16-bit fixed point, and
   round beta to 16 bits, so that a step is a sum of integer products. The residual
   form keeps no products: it multiplies the rests with the residual without its part
   along m, both rounded to 8 bits or to bf16 where that is faster.

   Reading the products takes most of the time, so each reading serves several
   steps: among the best atoms of one step those of the next few are guessed
   (predict.h), and a scan looks at the support with none, one, two ... of them at
   once. A guess never decides: where the scan finds another atom, that one is
   selected and the guesses after it are dropped (select.h).

   The bound, of the error of one such correlation (u = 2^-24, S = sum |beta|,
   Y = ||y'||, e the errors of the rounded betas):

       products of rests     S * (grid + chain)   rounding to the grid, and of the
                                                  float sums they come from
       rounded beta          ||sum e_j a^_j||     computed, from the factor
       products of y'        Y * grid + (1 or Y) * chain   1 with panels of rows
       everything in float   8 u * (2 + 2 S + 2 Y)   rests, common, y', m, beta
       final evaluation      8 u * (Y + |<r, m>| + S)

   For the few tiles that hold candidates the sum is taken again with the betas as
   floats: (t + 4) u S for t terms takes the place of the rounded betas' error.

   In the residual form, with R = ||rest of r||, d_n = ||rest_n - what it is rounded to||
   and d = the same of the residual:

       rounded rests         d_n (R + d) + d      norms computed when they are rounded
       their products        1.02 R * chain       0 with 8 bits, as integers are exact
       everything in float   16 u * (2 + R + |<r, m>|)

   The bound must also exceed what rounding leaves of the correlations of the atoms
   selected, which are not quite 0 for the deciding residual: about
   (k + columns) 2^-52 S. The Gram form's 8 u S covers that many times over; the
   residual form adds it.

   grid = 0.51 / 32767 and chain = (OTX__CHAIN + columns / OTX__CHAIN + 12) u bound
   rounding to fixed point and a float sum of products of unit vectors; in that 12
   are the scales and the common part that products of rows take off last. */

#define OTX__UNIT 5.9604644775390625e-08 /* u */
#define OTX__GRID (0.51 / 32767.0)

typedef struct otx__screen {
    const otx__problem *problem;
    otx_omp_form form;
    otx__table table;       /* in the forms that scan */
    size_t pitch;           /* k, padded to an even number */
    size_t capacity;        /* targets a block can hold: whole tiles */
    size_t count;           /* targets in the block */
    otx__support *supports; /* [target] */
    otx__panels panels;     /* the targets, or their residuals */
    int16_t *start;         /* [tile][target][32]: <y', rest> in the forms that scan */
    float *best;            /* [set][tile][target]: largest weighted |correlation|; in the
                               residual form what those of the masks are at most */
    uint32_t *masks;        /* [tile][target] the residual form: a tile's atoms that may
                               be the best of all */
    double *bounds;         /* [target][OTX__SETS][2]: of a scan, and of a candidate; the
                               residual form's may be infinite */
    float *betas;           /* [target][OTX__SETS][pitch] */
    double *along;          /* [target] <y, m> / ||y|| */
    double *rest;           /* [target] ||y'|| / ||y||, rounded up */
    float *scales;          /* these five as in otx__scan */
    uint32_t *atoms, *counts, *sets;
    int16_t *steps;
    uint32_t *last;         /* [target] the last set that the last scan got right */
    uint32_t *undecided;    /* targets whose every atom is to be scored */
    otx__scratch *scratch;  /* [worker] */
    otx__watch watch;       /* of the stage at hand */
    uint64_t passes;        /* scans of a whole block */
    bool coarse;            /* the panels' 8 bits leave too many candidates */
} otx__screen;

/* Whether correlations come from a table of products, not from the residuals. */
OTX__PRIVATE bool otx__form_scans(otx_omp_form form)
{
    return form == OTX_FORM_GRAM || form == OTX_FORM_COLUMNS;
}

OTX__PRIVATE double otx__chain_error(size_t columns)
{
    return ((double)OTX__CHAIN + (double)(columns / OTX__CHAIN) + 12.0) * OTX__UNIT;
}

/* ---- products of all atoms with the rows of a panel ---- */

/* Products of a tile's atoms with one target: to fixed point. */
OTX__PRIVATE void otx__screen_start(const otx__screen *screen, size_t tile, size_t target,
                                    const float *products)
{
    double rest = screen->rest[target];
    float scale = rest > 0.0 ? (float)(32767.0 / rest) : 0.0f;
    int16_t *start = screen->start + (tile * screen->capacity + target) * OTX__TILE;
    size_t i;
    for (i = 0; i < OTX__TILE; i++) start[i] = otx__fixed(products[i] * scale);
}

/* Products of a tile's atoms with the residual of one target: to the atoms that may have
   the largest correlation of all. */
OTX__PRIVATE void otx__screen_sift(const otx__screen *screen, size_t tile, size_t target,
                                   const float *products, float *least)
{
    const otx__dictionary *dictionary = screen->problem->dictionary;
    size_t first = tile * OTX__TILE, at = tile * screen->capacity + target;
    otx__sift sift;
    sift.products = products;
    sift.scale = dictionary->panels.scale + first;
    sift.common = dictionary->panels.common + first;
    sift.weight = dictionary->weight + first;
    sift.error = dictionary->panels.error + first;
    sift.by = screen->panels.scale[target];
    sift.along = screen->panels.common[target];
    sift.bound = (float)screen->bounds[2 * target * OTX__SETS];
    sift.rest = (float)screen->rest[target];
    screen->masks[at] = dictionary->kernels->sift(&sift, &least[target], &screen->best[at]);
}

/* Whether the residual form has a bound for a target. */
OTX__PRIVATE bool otx__screen_is_bounded(const otx__screen *screen, size_t target)
{
    return screen->bounds[2 * target * OTX__SETS] < HUGE_VAL;
}

/* The products of a tile with the targets of one panel; in the residual form `least` is
   what the best of each target is at least, as far as this worker knows. */
OTX__PRIVATE void otx__screen_products(const otx__screen *screen, size_t tile, size_t panel,
                                       const float *products, float *least)
{
    size_t first = panel * OTX__TILE, target;
    size_t end = otx__min(screen->count, first + OTX__TILE);
    for (target = first; target < end; target++, products += OTX__TILE) {
        if (otx__form_scans(screen->form)) otx__screen_start(screen, tile, target, products);
        else if (screen->sets[target] && otx__screen_is_bounded(screen, target))
            otx__screen_sift(screen, tile, target, products, least);
    }
}

/* All targets of the block against one group of tiles. */
OTX__PRIVATE void otx__correlate_body(void *argument, size_t index, int worker)
{
    otx__screen *screen = (otx__screen *)argument;
    const otx__dictionary *dictionary = screen->problem->dictionary;
    size_t group = otx__panels_group(&dictionary->panels), first = index * group, panel, tile;
    size_t tiles = otx__min(group, dictionary->tiles - first);
    float *block = screen->scratch[worker].block;
    for (panel = 0; panel < otx__tiles(screen->count); panel++) {
        otx__panels_multiply(dictionary->kernels, &dictionary->panels, first, tiles,
                             &screen->panels, panel, block);
        for (tile = 0; tile < tiles; tile++)
            otx__screen_products(screen, first + tile, panel,
                                 block + tile * OTX__TILE * OTX__TILE,
                                 screen->scratch[worker].least);
    }
}

OTX__PRIVATE otx_result otx__screen_correlate(otx__screen *screen, otx_error *error)
{
    const otx__dictionary *dictionary = screen->problem->dictionary;
    size_t group = otx__panels_group(&dictionary->panels);
    double work = (double)(group * OTX__TILE) * (double)dictionary->columns *
                  (double)screen->count;
    size_t worker, target;
    for (worker = 0; worker < (size_t)otx__threads(dictionary->ctx); worker++)
        for (target = 0; target < screen->count && !otx__form_scans(screen->form); target++)
            screen->scratch[worker].least[target] = 0.0f;
    return otx__watch_loop(&screen->watch, (dictionary->tiles + group - 1) / group, work,
                           otx__correlate_body, screen, error);
}

/* ---- what a step of one target needs ---- */

/* Splits a vector (a target or a residual) into its part along m, which is returned,
   and its rest, both in units of the target's norm, and puts it into the panel. */
OTX__PRIVATE double otx__screen_split(otx__screen *screen, size_t target, const double *vector)
{
    const otx__dictionary *dictionary = screen->problem->dictionary;
    const otx__support *support = &screen->supports[target];
    size_t n = dictionary->columns, p;
    double along = 0.0, square = 0.0;
    screen->rest[target] = 1e-30;
    if (!(support->norm > 0.0)) return 0.0;
    for (p = 0; p < n; p++) along += vector[p] * dictionary->direction[p];
    along /= support->norm;
    screen->panels.common[target] = (float)along;
    if (screen->panels.type == OTX__PANEL_ROWS) {
        otx__panels_put_row(&screen->panels, target, support->target, n, support->norm);
        for (p = 0; p < n; p++) {
            double rest = vector[p] / support->norm - along * dictionary->direction[p];
            square += rest * rest;
        }
    } else {
        square = otx__panels_put_rest(&screen->panels, target, vector, n, support->norm,
                                      dictionary->direction);
    }
    screen->rest[target] += sqrt(square) * (1.0 + 1e-6);
    return along;
}

/* Rounds the coefficients of a support for the next scan, as its set number
   `set`, and bounds what comes of it. */
OTX__PRIVATE void otx__screen_prepare(otx__screen *screen, size_t target, size_t set,
                                      otx__scratch *scratch)
{
    const otx__dictionary *dictionary = screen->problem->dictionary;
    otx__support *support = &screen->supports[target];
    uint32_t *atoms = screen->atoms + target * screen->pitch;
    size_t count = support->count, j, slot = target * OTX__SETS + set;
    int16_t *steps = screen->steps + target * OTX__SETS * screen->pitch + 2 * set;
    double *betas = scratch->products, sum = 0.0, largest = 0.0, along = screen->along[target];
    double rest = screen->rest[target], chain = otx__chain_error(dictionary->columns), unit;
    double *bounds = screen->bounds + 2 * slot, scale = 1.0 / support->norm, rate;
    otx__support_solve(support);
    for (j = 0; j < count; j++) {
        size_t atom = (size_t)support->indices[j];
        double share = support->coefficients[j] * scale;
        betas[j] = share * dictionary->norms[atom];
        along -= share * dictionary->along[atom];
        sum += fabs(betas[j]);
        if (fabs(betas[j]) > largest) largest = fabs(betas[j]);
        atoms[j] = otx__table_slot(&screen->table, atom);
        screen->betas[slot * screen->pitch + j] = (float)betas[j];
    }
    /* Sums of up to 65,536 times 32,767 fit 32 bits. */
    unit = sum / (65500.0 - (double)count);
    if (unit < largest / 32766.0) unit = largest / 32766.0;
    if (!(unit > 0.0)) unit = 1.0;
    rate = 1.0 / unit;
    for (j = 0; j < count; j++) {
        double rounded = betas[j] * rate;
        int16_t step = (int16_t)(rounded + (rounded < 0.0 ? -0.5 : 0.5));
        steps[j / 2 * OTX__SETS * 2 + j % 2] = step;
        /* The error of the coefficient itself, as the factor wants it. */
        betas[j] = (betas[j] - unit * step) * support->norm /
                   dictionary->norms[support->indices[j]];
    }
    /* Later sets are larger, but by no more than a scan can take. */
    for (; j < otx__min(screen->pitch, count + OTX__SETS + 1); j++)
        steps[j / 2 * OTX__SETS * 2 + j % 2] = 0;
    /* What the scan adds up are the rounded betas. */
    bounds[0] = (sum + 0.5 * (double)count * unit) * (OTX__GRID + chain) +
                rest * OTX__GRID + (screen->panels.type == OTX__PANEL_ROWS ? 1.0 : rest) * chain +
                8.0 * OTX__UNIT * (2.0 + 2.0 * sum + 2.0 * rest + fabs(along));
    bounds[1] = bounds[0] + ((double)count + 4.0) * OTX__UNIT * sum;
    /* ||sum of errors_j a_j||: with G = L L' that is ||L' e||. */
    bounds[0] += otx__triangle_norm(support->factor, count, betas) * (1.0 + 1e-6) * scale;
    if (count % 2) {
        atoms[count] = atoms[count - 1];
        count++;
    }
    screen->counts[target] = (uint32_t)count;
    screen->sets[target] = (uint32_t)set + 1;
    screen->scales[3 * slot] = (float)(rest / 32767.0);
    screen->scales[3 * slot + 1] = (float)along;
    screen->scales[3 * slot + 2] = (float)(unit / 32767.0);
}

/* Sums of coefficients, and parts of a residual, both in units of the target's norm, from
   which on the residual form scores every atom: the bound would mean nothing. */
#define OTX__WILD_SUM 1e20
#define OTX__WILD_PART 3.0

/* The same for the residual form, whose panel must be made anew. */
OTX__PRIVATE void otx__screen_residual(otx__screen *screen, size_t target, otx__scratch *scratch)
{
    const otx__problem *problem = screen->problem;
    otx__support *support = &screen->supports[target];
    double along, bound, sum = 0.0, chain = otx__chain_error(problem->dictionary->columns);
    size_t j;
    screen->sets[target] = !support->ended;
    if (support->ended) return;
    otx__support_residual(problem, support, scratch);
    for (j = 0; j < support->count; j++)
        sum += fabs(support->coefficients[j]) *
               problem->dictionary->norms[support->indices[j]] / support->norm;
    screen->bounds[2 * target * OTX__SETS] = HUGE_VAL;
    if (!(sum < OTX__WILD_SUM)) return;
    along = otx__screen_split(screen, target, scratch->residual);
    if (!(screen->rest[target] + fabs(along) < OTX__WILD_PART)) return;
    /* Rounded to 8 bits, sums are exact; in float, of numbers a little larger at most. */
    bound = screen->panels.type == OTX__PANEL_INT8 ? 0.0 : 1.02 * chain * screen->rest[target];
    bound += 16.0 * OTX__UNIT * (2.0 + screen->rest[target] + fabs(along)) +
             8.0 * DBL_EPSILON * (1.0 + sum) *
                 (double)(problem->k + problem->dictionary->columns);
    /* <a, r> - <a', r'>, with what they are rounded to: at most |a - a'| |r| + |a'| |r - r'|,
       and |a'| is at most 1 + |a - a'|. */
    bound += (double)screen->panels.error[target];
    screen->rest[target] += (double)screen->panels.error[target];
    screen->bounds[2 * target * OTX__SETS] = bound * (1.0 + 1e-6);
}

/* ---- scanning ---- */

OTX__PRIVATE otx__scan otx__screen_scan(const otx__screen *screen, size_t tile, size_t target,
                                        size_t count)
{
    const otx__dictionary *dictionary = screen->problem->dictionary;
    otx__scan scan;
    scan.gram = otx__table_at(&screen->table, tile, 0);
    scan.common = dictionary->panels.common + tile * OTX__TILE;
    scan.weight = dictionary->weight + tile * OTX__TILE;
    scan.start = screen->start + (tile * screen->capacity + target) * OTX__TILE;
    scan.atoms = screen->atoms + target * screen->pitch;
    scan.steps = screen->steps + target * OTX__SETS * screen->pitch;
    scan.counts = screen->counts + target;
    scan.sets = screen->sets + target;
    scan.scales = screen->scales + target * OTX__SETS * 3;
    scan.pitch = screen->pitch;
    scan.targets = count;
    scan.best = screen->best + tile * screen->capacity + target;
    scan.best_pitch = dictionary->tiles * screen->capacity;
    return scan;
}

/* Parts of a block that are scanned apart: one, so that a tile comes from memory
   but once, where there are tiles enough to share among the threads. */
OTX__PRIVATE size_t otx__scan_parts(const otx__screen *screen)
{
    const otx__dictionary *dictionary = screen->problem->dictionary;
    size_t wanted = 8 * (size_t)otx__threads(dictionary->ctx);
    size_t parts = (wanted + dictionary->tiles - 1) / dictionary->tiles;
    return otx__min(parts, otx__tiles(screen->count));
}

OTX__PRIVATE void otx__scan_body(void *argument, size_t index, int worker)
{
    const otx__screen *screen = (const otx__screen *)argument;
    size_t parts = otx__scan_parts(screen), part = index % parts;
    size_t each = (screen->count + parts - 1) / parts, first = part * each;
    otx__scan scan;
    (void)worker;
    if (first >= screen->count) return;
    scan = otx__screen_scan(screen, index / parts, first,
                            otx__min(each, screen->count - first));
    screen->problem->dictionary->kernels->scan(&scan);
}

/* Fills in `best` for the coming steps of the block. */
OTX__PRIVATE otx_result otx__screen_scan_all(otx__screen *screen, otx_error *error)
{
    size_t parts = otx__scan_parts(screen), target;
    double work = 0.0;
    screen->passes++;
    if (!otx__form_scans(screen->form)) return otx__screen_correlate(screen, error);
    for (target = 0; target < screen->count; target++)
        work += (double)(screen->counts[target] * screen->sets[target] + 16) * OTX__TILE;
    return otx__watch_loop(&screen->watch, screen->problem->dictionary->tiles * parts,
                           work / (double)parts, otx__scan_body, screen, error);
}

/* The correlations of one tile's atoms, with the coefficients as floats. */
OTX__PRIVATE void otx__screen_refine(const otx__screen *screen, size_t tile, size_t target,
                                     size_t set, float *correlations)
{
    const otx__dictionary *dictionary = screen->problem->dictionary;
    size_t slot = target * OTX__SETS + set, count = screen->supports[target].count, i;
    const float *betas = screen->betas + slot * screen->pitch, *scales = screen->scales + 3 * slot;
    const uint32_t *atoms = screen->atoms + target * screen->pitch;
    const int16_t *start = screen->start + (tile * screen->capacity + target) * OTX__TILE;
    const float *common = dictionary->panels.common + tile * OTX__TILE;
    for (i = 0; i < OTX__TILE; i++)
        correlations[i] = (float)start[i] * scales[0] + common[i] * scales[1];
    dictionary->kernels->refine(otx__table_at(&screen->table, tile, 0), atoms, betas, count,
                                correlations);
}

/* >>> src/solve/predict.h */
/* ---- predict: making targets ready for the next scan ------------------------- */

/* Atoms among which those of the next steps are looked for, each from another tile. */
#define OTX__LIKELY 24

/* The best atoms of the tiles that held the best ones for a target's set, without those
   that it holds. Returns how many. */
OTX__PRIVATE size_t otx__screen_likely(const otx__screen *screen, size_t target, size_t set,
                                       uint32_t atoms[OTX__LIKELY])
{
    size_t tiles = screen->problem->dictionary->tiles, count = 0, kept = 0, tile, at;
    size_t most = otx__min(OTX__LIKELY, 4 + tiles / 8);
    const float *best = screen->best + set * tiles * screen->capacity + target;
    float values[OTX__LIKELY];
    for (tile = 0; tile < tiles; tile++) {
        float value = best[tile * screen->capacity];
        if (count == most && !(value > values[count - 1])) continue;
        if (count < most) count++;
        for (at = count - 1; at > 0 && value > values[at - 1]; at--) {
            values[at] = values[at - 1];
            atoms[at] = atoms[at - 1];
        }
        values[at] = value;
        atoms[at] = (uint32_t)(tile * OTX__TILE) + otx__packed_atom(value);
    }
    for (at = 0; at < count; at++)
        if (atoms[at] < screen->problem->dictionary->count &&
            !otx__support_holds(&screen->supports[target], atoms[at]))
            atoms[kept++] = atoms[at];
    return kept;
}

/* Columns from which on exact products of atoms, which lie anywhere, are read sooner
   than rows. */
#define OTX__LONG_ROW 1024

/* Roughly the products of atoms with the residual of a target's support, whose
   coefficients are current: by the residual, or by the products of the atoms and, as
   the screen has them, of the target. */
OTX__PRIVATE void otx__screen_rough(const otx__screen *screen, size_t target,
                                    const uint32_t *atoms, size_t count, otx__scratch *scratch,
                                    double *products)
{
    const otx__dictionary *dictionary = screen->problem->dictionary;
    const otx__support *support = &screen->supports[target];
    otx__row rows[OTX__LIKELY];
    float rough[OTX__LIKELY];
    bool look_up = dictionary->gram && dictionary->columns >= OTX__LONG_ROW;
    size_t i, j;
    for (i = 0; i < count && look_up; i++) {
        size_t atom = atoms[i], tile = atom / OTX__TILE, lane = atom % OTX__TILE;
        const double *gram = dictionary->gram + atom * dictionary->count;
        double start = (double)screen->start[(tile * screen->capacity + target) * OTX__TILE + lane];
        double sum = start * screen->rest[target] / 32767.0 +
                     screen->along[target] * (double)dictionary->panels.common[atom];
        sum *= support->norm * dictionary->norms[atom];
        for (j = 0; j < support->count; j++)
            sum -= support->coefficients[j] * gram[support->indices[j]];
        products[i] = sum;
    }
    if (look_up) return;
    for (i = 0; i < count; i++) rows[i] = otx__rows_at(&dictionary->rows, atoms[i]);
    otx__support_rows(screen->problem, support, scratch);
    dictionary->kernels->rough_residual(scratch->rough, support->target, support->coefficients,
                                        scratch->rows, support->count, dictionary->columns);
    dictionary->kernels->rough_dots(scratch->rough, rows, count, dictionary->columns, rough);
    for (i = 0; i < count; i++) products[i] = (double)rough[i];
}

/* Takes the best of these atoms for a target's support off the list. False if there is
   none. */
OTX__PRIVATE bool otx__screen_guess(const otx__screen *screen, size_t target, uint32_t *atoms,
                                    size_t *count, otx__scratch *scratch, size_t *atom)
{
    const otx__dictionary *dictionary = screen->problem->dictionary;
    double products[OTX__LIKELY], score = 0.0;
    size_t i, best = 0;
    otx__screen_rough(screen, target, atoms, *count, scratch, products);
    for (i = 0; i < *count; i++) {
        double value = otx__score(dictionary, atoms[i], products[i]);
        if (!(value > score)) continue;
        score = value;
        best = i;
    }
    if (!(score > 0.0)) return false;
    *atom = atoms[best];
    atoms[best] = atoms[--*count];
    return true;
}

/* Makes the sets for the next scan: the support as it is, and with one atom after
   the other that is likely to come. */
OTX__PRIVATE void otx__screen_predict(otx__screen *screen, size_t target, otx__scratch *scratch)
{
    const otx__problem *problem = screen->problem;
    otx__support *support = &screen->supports[target];
    size_t sure = support->count, last = screen->last[target], sets, count, atom;
    uint32_t likely[OTX__LIKELY];
    otx__screen_prepare(screen, target, 0, scratch);
    if (sure == 0) return;
    count = otx__screen_likely(screen, target, last, likely);
    /* One more than was right the last time. */
    for (sets = 1; sets < OTX__SETS && sets <= last + 1 && support->count + 1 < problem->k;
         sets++) {
        if (!otx__screen_guess(screen, target, likely, &count, scratch, &atom) ||
            !otx__table_has(&screen->table, atom) ||
            !otx__support_append(problem, support, atom, scratch))
            break;
        otx__screen_prepare(screen, target, sets, scratch);
    }
    support->count = sure;
}

/* Whether all the atoms that a target has selected have a column. */
OTX__PRIVATE bool otx__screen_ready(const otx__screen *screen, size_t target)
{
    const otx__support *support = &screen->supports[target];
    size_t i;
    for (i = 0; i < support->count; i++)
        if (!otx__table_has(&screen->table, (size_t)support->indices[i])) return false;
    return true;
}

/* Makes a target ready for the next scan. One that has ended, or whose columns are
   not there, is left out of it. */
OTX__PRIVATE void otx__screen_next(otx__screen *screen, size_t target, otx__scratch *scratch)
{
    double clock = otx__now();
    if (!otx__form_scans(screen->form))
        otx__screen_residual(screen, target, scratch);
    else if (screen->supports[target].ended || !otx__screen_ready(screen, target))
        screen->sets[target] = screen->counts[target] = 0;
    else
        otx__screen_predict(screen, target, scratch);
    scratch->seconds_predict += otx__now() - clock;
}

/* Targets that one task makes ready or selects for: a cache line of `best`. */
#define OTX__SELECTED 16

OTX__PRIVATE void otx__waiting_body(void *argument, size_t index, int worker)
{
    otx__screen *screen = (otx__screen *)argument;
    size_t target = index * OTX__SELECTED;
    size_t end = otx__min(screen->count, target + OTX__SELECTED);
    for (; target < end; target++)
        if (screen->sets[target] == 0 && !screen->supports[target].ended)
            otx__screen_next(screen, target, &screen->scratch[worker]);
}

/* What selecting for a chunk of targets costs, in multiply-adds or so. */
OTX__PRIVATE double otx__select_work(const otx__screen *screen)
{
    const otx__problem *problem = screen->problem;
    double n = (double)problem->dictionary->count, d = (double)problem->dictionary->columns;
    double likely = otx__form_scans(screen->form) ? 0.0 : n / 8.0; /* a block may have more */
    return OTX__SELECTED * (16.0 * (double)problem->k * d + likely * d + n / 8.0);
}

/* Makes the targets ready that wait. */
OTX__PRIVATE otx_result otx__screen_waiting(otx__screen *screen, otx_error *error)
{
    return otx__watch_loop(&screen->watch, (screen->count + OTX__SELECTED - 1) / OTX__SELECTED,
                           otx__select_work(screen), otx__waiting_body, screen, error);
}

/* Keeps, or gets, the columns of a target's atoms; false if there is no room. */
OTX__PRIVATE bool otx__screen_need(otx__screen *screen, size_t target)
{
    const otx__support *support = &screen->supports[target];
    size_t count = support->count, i;
    if (screen->sets[target]) count += screen->sets[target] - 1; /* those predicted */
    for (i = 0; i < count; i++)
        if (!otx__table_need(&screen->table, (size_t)support->indices[i])) return false;
    return true;
}

/* The columns form: gets the columns that waiting targets need, the first of them
   first, and keeps those that the others use. As there is room for k columns, one
   target at least goes on, so all of them end. */
OTX__PRIVATE otx_result otx__screen_columns(otx__screen *screen, otx_error *error)
{
    otx__table *table = &screen->table;
    size_t target;
    otx_result result;
    if (screen->form != OTX_FORM_COLUMNS) return OTX_OK;
    otx__table_begin(table);
    for (target = 0; target < screen->count; target++)
        if (screen->sets[target]) (void)otx__screen_need(screen, target);
    for (target = 0; target < screen->count; target++)
        if (!screen->sets[target] && !screen->supports[target].ended)
            (void)otx__screen_need(screen, target);
    result = otx__table_refresh(table, &screen->watch, screen->scratch, error);
    return result ? result : otx__screen_waiting(screen, error);
}

/* ---- the first step of a block ---- */

OTX__PRIVATE void otx__screen_open_body(void *argument, size_t index, int worker)
{
    otx__screen *screen = (otx__screen *)argument;
    const otx__dictionary *dictionary = screen->problem->dictionary;
    otx__scratch *scratch = &screen->scratch[worker];
    size_t target, end = otx__min(screen->count, (index + 1) * OTX__TILE);
    otx__panels_clear(&screen->panels, index);
    for (target = index * OTX__TILE; target < end; target++) {
        screen->sets[target] = 0;
        if (!otx__form_scans(screen->form)) continue;
        screen->counts[target] = 0;
        otx__row_widen(dictionary->kernels, screen->supports[target].target,
                       dictionary->columns, scratch->row);
        scratch->wide = NULL;
        screen->along[target] = otx__screen_split(screen, target, scratch->row);
    }
}

/* Makes the targets of the block ready for the first step. */
OTX__PRIVATE otx_result otx__screen_open_block(otx__screen *screen, otx_error *error)
{
    double work = 16.0 * OTX__TILE * (double)screen->problem->dictionary->columns;
    otx_result result = otx__watch_loop(&screen->watch, otx__tiles(screen->count), work,
                                        otx__screen_open_body, screen, error);
    if (!result && otx__form_scans(screen->form)) result = otx__screen_correlate(screen, error);
    return result ? result : otx__screen_waiting(screen, error);
}

/* >>> src/solve/select.h */
/* ---- select: the next atoms of each target ---------------------------------- */

/* Tiles with candidates of one target and set; more mean that every atom is scored. */
#define OTX__FOUND 64

/* Atoms that may be the best for one support of one target, with their
   correlations as the screen has them, weighted in `high` with the error added. In the
   residual form they stand in scratch->likely until otx__screen_narrow. */
typedef struct otx__candidates {
    size_t atoms[OTX__CANDIDATES];
    double correlations[OTX__CANDIDATES], high[OTX__CANDIDATES];
    size_t count;
    bool overflow;
    double least; /* what the best weighted correlation of all is at least */
} otx__candidates;

/* Tiles that may hold the best atom for one set of one target. */
typedef struct otx__finds {
    uint32_t tiles[OTX__FOUND];
    size_t count; /* more than OTX__FOUND: too many */
    double least; /* what the best weighted correlation of all is at least */
} otx__finds;

/* How far the weighted correlation of a scan may be off, relatively, by its last
   operations. */
#define OTX__SLACK (8.0 * OTX__UNIT + OTX__PACKED)

/* Finds those tiles for a chunk of targets in the forms that scan. */
OTX__PRIVATE void otx__screen_gather(const otx__screen *screen, size_t first, size_t count,
                                     size_t set, otx__finds *finds)
{
    const otx__dictionary *dictionary = screen->problem->dictionary;
    const float *all = screen->best + set * dictionary->tiles * screen->capacity + first;
    double least[OTX__SELECTED], bounds[OTX__SELECTED];
    size_t tile, j;
    for (j = 0; j < count; j++) {
        /* What is not looked at has no set of this number. */
        bool looked = set < screen->sets[first + j];
        least[j] = looked ? 0.0 : HUGE_VAL;
        bounds[j] = looked ? screen->bounds[2 * ((first + j) * OTX__SETS + set)] : 0.0;
        finds[j].count = 0;
    }
    for (tile = 0; tile < dictionary->tiles; tile++) {
        const float *best = all + tile * screen->capacity;
        double weight = dictionary->tile_weight[tile];
        for (j = 0; j < count; j++) {
            double low = (double)best[j] * (1.0 - OTX__SLACK) - weight * bounds[j] -
                         4.0 * (double)OTX__LEAST_WEIGHT;
            if (low > least[j]) least[j] = low;
        }
    }
    for (j = 0; j < count; j++) finds[j].least = least[j];
    for (tile = 0; tile < dictionary->tiles; tile++) {
        const float *best = all + tile * screen->capacity;
        double weight = dictionary->tile_weight[tile];
        for (j = 0; j < count; j++) {
            double high = (double)best[j] * (1.0 + OTX__SLACK) + weight * bounds[j];
            if (!(high >= least[j])) continue;
            if (finds[j].count < OTX__FOUND) finds[j].tiles[finds[j].count] = (uint32_t)tile;
            finds[j].count++;
        }
    }
}

/* Adds an atom that may be the best, with what its weighted correlation is at most.
   False if there is no room. */
OTX__PRIVATE bool otx__candidates_add(otx__candidates *candidates, size_t atom,
                                      double correlation, double high)
{
    size_t at = candidates->count;
    candidates->overflow |= at == OTX__CANDIDATES;
    if (candidates->overflow) return false;
    candidates->atoms[at] = atom;
    candidates->correlations[at] = correlation;
    candidates->high[at] = high;
    candidates->count = at + 1;
    return true;
}

/* Adds the atoms of one tile that may be the best. */
OTX__PRIVATE void otx__screen_tile(const otx__screen *screen, size_t tile, size_t target,
                                   size_t set, otx__candidates *candidates)
{
    const otx__dictionary *dictionary = screen->problem->dictionary;
    const float *weights = dictionary->weight + tile * OTX__TILE;
    float correlations[OTX__TILE];
    double bound = screen->bounds[2 * (target * OTX__SETS + set) + 1];
    size_t i;
    otx__screen_refine(screen, tile, target, set, correlations);
    for (i = 0; i < OTX__TILE; i++) {
        double weight = (double)weights[i], value = fabs((double)correlations[i]), low, high;
        size_t atom = tile * OTX__TILE + i;
        high = (value + bound) * weight * (1.0 + 8.0 * OTX__UNIT);
        if (!(weight > 0.0) || high < candidates->least) continue;
        if (otx__support_holds(&screen->supports[target], atom)) continue;
        if (!otx__candidates_add(candidates, atom, value, high)) return;
        low = (value - bound) * weight * (1.0 - 8.0 * OTX__UNIT) -
              4.0 * (double)OTX__LEAST_WEIGHT;
        if (low > candidates->least) candidates->least = low;
    }
}

/* Drops the candidates that better ones, found later, rule out. */
OTX__PRIVATE void otx__screen_prune(otx__candidates *candidates)
{
    size_t i, kept = 0;
    for (i = 0; i < candidates->count; i++) {
        if (candidates->high[i] < candidates->least) continue;
        candidates->atoms[kept] = candidates->atoms[i];
        candidates->correlations[kept++] = candidates->correlations[i];
    }
    candidates->count = kept;
}

/* ---- candidates in the residual form ---- */

/* What the best weighted correlation of all is at least, for a chunk of targets. */
OTX__PRIVATE void otx__sifted_least(const otx__screen *screen, size_t first, size_t count,
                                    otx__finds *finds)
{
    size_t workers = (size_t)otx__threads(screen->problem->dictionary->ctx), worker, j;
    for (j = 0; j < count; j++) finds[j].least = 0.0;
    for (worker = 0; worker < workers; worker++) {
        const float *least = screen->scratch[worker].least + first;
        for (j = 0; j < count; j++)
            if ((double)least[j] > finds[j].least) finds[j].least = (double)least[j];
    }
}

/* Gathers the atoms that the scan could not rule out. */
OTX__PRIVATE void otx__sifted_collect(const otx__screen *screen, size_t target, double least,
                                      otx__candidates *candidates, otx__scratch *scratch)
{
    const otx__dictionary *dictionary = screen->problem->dictionary;
    const float *high = screen->best + target;
    const uint32_t *masks = screen->masks + target;
    size_t tile, i;
    for (tile = 0; tile < dictionary->tiles; tile++) {
        uint32_t mask = masks[tile * screen->capacity];
        if (!mask || (double)high[tile * screen->capacity] < least) continue;
        for (i = tile * OTX__TILE; mask; i++, mask >>= 1)
            if ((mask & 1) && dictionary->weight[i] > 0.0f &&
                !otx__support_holds(&screen->supports[target], i))
                scratch->likely[candidates->count++] = (uint32_t)i;
    }
    scratch->likely_steps++;
}

/* So few are scored in double at once. */
#define OTX__FEW 12

/* The residual, which must be current, as floats of a vector of norm 1. Returns its norm. */
OTX__PRIVATE double otx__likely_open(const otx__dictionary *dictionary, otx__scratch *scratch)
{
    double norm = otx__norm(scratch->residual, dictionary->columns);
    double unit = norm > 1e-290 ? 1.0 / norm : 0.0;
    size_t i;
    for (i = 0; i < dictionary->columns; i++)
        scratch->rough[i] = (float)(scratch->residual[i] * unit);
    return norm;
}

/* What the scores of some likely atoms with that vector are at most, by products in
   float, and, of the best of them, at least. A sum of n such products is off by no more
   than n + 2 units of the norms, whatever its order, and by what counts as 0. */
OTX__PRIVATE double otx__likely_scores(const otx__dictionary *dictionary, size_t first,
                                       size_t end, otx__scratch *scratch)
{
    size_t n = dictionary->columns, i, count;
    double share = 1.02 * (double)(n + 2) * OTX__UNIT, tiny = (double)n * ldexp(1.0, -125);
    double least = 0.0;
    for (; first < end; first += count) {
        const uint32_t *atoms = scratch->likely + first;
        otx__row rows[OTX__TILE];
        float products[OTX__TILE];
        count = otx__min(OTX__TILE, end - first);
        for (i = 0; i < count; i++) rows[i] = otx__rows_at(&dictionary->rows, atoms[i]);
        dictionary->kernels->rough_dots(scratch->rough, rows, count, n, products);
        for (i = 0; i < count; i++) {
            double off = share * dictionary->norms[atoms[i]] + tiny;
            double score = otx__score(dictionary, atoms[i], (double)products[i]);
            double spread = otx__score(dictionary, atoms[i], off);
            bool sound = otx__is_finite(score); /* else beyond a float */
            scratch->scores[first + i] = sound ? score + spread : HUGE_VAL;
            if (sound && score - spread > least) least = score - spread;
        }
    }
    return least;
}

/* Drops those of the likely atoms whose tile promises less than the atoms of the most
   promising tile have, and returns how many are left, in their order. */
OTX__PRIVATE size_t otx__likely_near(const otx__screen *screen, size_t target, size_t count,
                                     double norm, otx__scratch *scratch)
{
    const otx__dictionary *dictionary = screen->problem->dictionary;
    const float *most = screen->best + target;
    double unit = screen->supports[target].norm * (dictionary->cosine ? 1.0 : dictionary->largest);
    size_t best = 0, end, i, kept = 0;
    double least;
    for (i = 0; i < count; i++)
        if (most[scratch->likely[i] / OTX__TILE * screen->capacity] >
            most[scratch->likely[best] / OTX__TILE * screen->capacity])
            best = i;
    for (end = best; end < count; end++)
        if (scratch->likely[end] / OTX__TILE != scratch->likely[best] / OTX__TILE) break;
    least = otx__likely_scores(dictionary, best, end, scratch) * norm / unit * (1.0 - 1e-5);
    for (i = 0; i < count; i++)
        if ((double)most[scratch->likely[i] / OTX__TILE * screen->capacity] >= least)
            scratch->likely[kept++] = scratch->likely[i];
    return kept;
}

/* Makes candidates of those of the likely atoms that can be the best; the deciding
   residual must be current. False if there are none or too many. */
OTX__PRIVATE bool otx__screen_narrow(const otx__screen *screen, size_t target,
                                     otx__candidates *candidates, otx__scratch *scratch)
{
    const otx__dictionary *dictionary = screen->problem->dictionary;
    size_t count = candidates->count, i;
    bool few = count <= OTX__FEW;
    double least = 0.0;
    if (!few) {
        double norm = otx__likely_open(dictionary, scratch);
        count = otx__likely_near(screen, target, count, norm, scratch);
        least = otx__likely_scores(dictionary, 0, count, scratch);
        scratch->likely_atoms += count;
    }
    candidates->count = 0;
    for (i = 0; i < count; i++)
        if ((few || scratch->scores[i] >= least) &&
            !otx__candidates_add(candidates, scratch->likely[i], 0.0, 0.0))
            return false;
    return candidates->count > 0;
}

/* ---- deciding ---- */

/* Scores the candidates in double and returns the best, the lowest index among
   equals. */
OTX__PRIVATE size_t otx__screen_decide(const otx__screen *screen,
                                       const otx__candidates *candidates, otx__scratch *scratch,
                                       double *score)
{
    const otx__dictionary *dictionary = screen->problem->dictionary;
    otx__row rows[OTX__CANDIDATES];
    size_t i, best = 0;
    for (i = 0; i < candidates->count; i++)
        rows[i] = otx__rows_at(&dictionary->rows, candidates->atoms[i]);
    dictionary->kernels->dots(scratch->residual, rows, candidates->count, dictionary->columns,
                              scratch->scores);
    for (i = 0; i < candidates->count; i++) {
        scratch->scores[i] =
            otx__score(dictionary, candidates->atoms[i], scratch->scores[i]);
        if (scratch->scores[i] > scratch->scores[best]) best = i;
    }
    *score = scratch->scores[best];
    return candidates->atoms[best];
}

/* Finds the best atom for one support of a target among the candidates, or ends
   the target. False if it takes more than the candidates to tell. */
OTX__PRIVATE bool otx__screen_best(otx__screen *screen, size_t target, size_t set,
                                   otx__candidates *candidates, otx__scratch *scratch,
                                   size_t *atom)
{
    const otx__problem *problem = screen->problem;
    otx__support *support = &screen->supports[target];
    double rounding = 64.0 * DBL_EPSILON * (double)problem->dictionary->columns, score;
    bool scans = otx__form_scans(screen->form);
    double clock;
    if (scans) otx__screen_prune(candidates);
    /* With atoms barred the screen's least may be theirs. */
    if (candidates->overflow || candidates->count == 0 || support->barred_count) return false;
    *atom = scans ? candidates->atoms[0] : 0;
    if (scans && candidates->count == 1 && !(problem->tolerance > 0.0) &&
        candidates->correlations[0] - screen->bounds[2 * (target * OTX__SETS + set) + 1] >
            2.0 * rounding) {
        scratch->candidates[0]++;
        return true;
    }
    clock = otx__now();
    otx__support_residual(problem, support, scratch);
    if (!otx__support_is_close(problem, support, scratch)) {
        if (!scans && !otx__screen_narrow(screen, target, candidates, scratch)) return false;
        *atom = otx__screen_decide(screen, candidates, scratch, &score);
        support->ended = otx__is_rounding(problem, support, *atom, score);
        scratch->candidates[candidates->count - 1]++;
    }
    scratch->seconds_rescore += otx__now() - clock;
    return true;
}

/* In place of a number of sets: the target is among screen->undecided. */
#define OTX__UNDECIDED UINT32_MAX

/* How a step came out. */
typedef enum otx__outcome {
    OTX__STEP_DONE,     /* an atom was selected, or the target has ended */
    OTX__STEP_FORESEEN, /* the atom predicted was: the next set holds good */
    OTX__STEP_OPEN      /* every atom has to be scored */
} otx__outcome;

/* One step of one target, by what the scan found for its set number `set`. */
OTX__PRIVATE otx__outcome otx__screen_step(otx__screen *screen, size_t target, size_t set,
                                           otx__candidates *candidates,
                                           otx__scratch *scratch)
{
    const otx__problem *problem = screen->problem;
    otx__support *support = &screen->supports[target];
    size_t atom;
    if (!otx__screen_best(screen, target, set, candidates, scratch, &atom))
        return OTX__STEP_OPEN;
    if (support->ended) return OTX__STEP_DONE;
    if (set + 1 < screen->sets[target] && (size_t)support->indices[support->count] == atom) {
        support->count++; /* all else was made ready with the prediction */
        scratch->steps++;
        support->ended = support->count == problem->k;
        return support->ended ? OTX__STEP_DONE : OTX__STEP_FORESEEN;
    }
    return otx__support_select(problem, support, atom, scratch) ? OTX__STEP_DONE : OTX__STEP_OPEN;
}

/* Where more than this share of the atoms are likely, telling them apart takes longer
   than a scan in finer numbers. */
#define OTX__COARSE (1.0 / 40.0)

/* What the weighted correlations of the atoms selected are at most: nothing without
   ridge, as the residual is orthogonal to them. */
OTX__PRIVATE double otx__screen_held(const otx__screen *screen, size_t target, size_t set)
{
    const otx__problem *problem = screen->problem;
    const otx__support *support = &screen->supports[target];
    size_t slot = (target * OTX__SETS + set) * screen->pitch, j;
    double held = 0.0;
    for (j = 0; j < support->count; j++) {
        size_t atom = (size_t)support->indices[j];
        double beta = otx__form_scans(screen->form)
                          ? (double)screen->betas[slot + j]
                          : support->coefficients[j] * problem->dictionary->norms[atom] /
                                support->norm;
        double share = problem->ridge * fabs(beta) * (double)problem->dictionary->weight[atom];
        if (share > held) held = share;
    }
    return held * (1.0 + 1e-5);
}

/* Makes the candidates of a target's set from the tiles that may hold them. */
OTX__PRIVATE void otx__screen_collect(const otx__screen *screen, size_t target, size_t set,
                                      const otx__finds *finds, otx__candidates *candidates,
                                      otx__scratch *scratch)
{
    size_t i;
    candidates->count = 0;
    candidates->least = finds->least;
    candidates->overflow = otx__form_scans(screen->form) && finds->count > OTX__FOUND;
    /* An atom that is selected may have set the mark: none is ruled out by it. */
    if (screen->problem->ridge > 0.0 && finds->least <= otx__screen_held(screen, target, set))
        candidates->overflow = true;
    if (!otx__form_scans(screen->form)) {
        candidates->overflow |= !otx__screen_is_bounded(screen, target);
        if (candidates->overflow) return;
        otx__sifted_collect(screen, target, finds->least, candidates, scratch);
        return;
    }
    for (i = 0; i < finds->count && !candidates->overflow; i++)
        otx__screen_tile(screen, finds->tiles[i], target, set, candidates);
}

/* Selects for a chunk of targets whose `best` is filled in, and makes them ready for
   the next scan: target by target, as all that reads the rows of one support. */
OTX__PRIVATE void otx__select_body(void *argument, size_t index, int worker)
{
    otx__screen *screen = (otx__screen *)argument;
    otx__scratch *scratch = &screen->scratch[worker];
    size_t first = index * OTX__SELECTED, count = otx__min(OTX__SELECTED, screen->count - first);
    size_t sets = 0, set, j;
    otx__finds finds[OTX__SETS][OTX__SELECTED];
    otx__candidates candidates;
    for (j = 0; j < count; j++) sets = otx__max(sets, screen->sets[first + j]);
    for (set = 0; set < sets; set++) {
        if (otx__form_scans(screen->form))
            otx__screen_gather(screen, first, count, set, finds[set]);
        else
            otx__sifted_least(screen, first, count, finds[set]);
    }
    for (j = 0; j < count; j++) {
        size_t target = first + j;
        otx__outcome outcome = OTX__STEP_FORESEEN;
        if (screen->sets[target] == 0) continue;
        for (set = 0; outcome == OTX__STEP_FORESEEN; set++) {
            screen->last[target] = (uint32_t)set;
            otx__screen_collect(screen, target, set, &finds[set][j], &candidates, scratch);
            outcome = otx__screen_step(screen, target, set, &candidates, scratch);
        }
        if (outcome == OTX__STEP_OPEN) screen->sets[target] = OTX__UNDECIDED;
        else otx__screen_next(screen, target, scratch);
    }
}

OTX__PRIVATE void otx__undecided_body(void *argument, size_t index, int worker)
{
    otx__screen *screen = (otx__screen *)argument;
    otx__scratch *scratch = &screen->scratch[worker];
    size_t target = screen->undecided[index];
    scratch->fallbacks++;
    otx__support_exhaustive_step(screen->problem, &screen->supports[target], scratch);
    otx__screen_next(screen, target, scratch);
}

OTX__PRIVATE otx_result otx__screen_select(otx__screen *screen, otx_error *error)
{
    const otx__dictionary *dictionary = screen->problem->dictionary;
    double work = (double)dictionary->count * (double)dictionary->columns;
    size_t count = 0, target, worker;
    uint64_t atoms = 0, steps = 0;
    otx_result result =
        otx__watch_loop(&screen->watch, (screen->count + OTX__SELECTED - 1) / OTX__SELECTED,
                        otx__select_work(screen), otx__select_body, screen, error);
    for (target = 0; target < screen->count; target++)
        if (screen->sets[target] == OTX__UNDECIDED) screen->undecided[count++] = (uint32_t)target;
    if (result) return result;
    for (worker = 0; worker < (size_t)otx__threads(dictionary->ctx); worker++) {
        otx__scratch *scratch = &screen->scratch[worker];
        atoms += scratch->likely_atoms;
        steps += scratch->likely_steps;
        scratch->likely_atoms = scratch->likely_steps = 0;
    }
    screen->coarse = screen->panels.type == OTX__PANEL_INT8 &&
                     (double)atoms > OTX__COARSE * (double)steps * (double)dictionary->count;
    return otx__watch_loop(&screen->watch, count, work, otx__undecided_body, screen, error);
}

/* >>> src/solve/plan.h */
/* ---- plan: which form, and in what blocks ------------------------------------ */

/* What one solve works with, and how it was planned. */
typedef struct otx__solve {
    const otx_context *ctx; /* the caller's, with the number of threads settled */
    otx__problem problem;
    otx__dictionary dictionary;
    otx__screen screen;
    const otx_omp_output *output;
    otx__pool pool;
    int threads;
    otx_omp_form form;
    otx__panel_type panels;
    bool gram;         /* exact products of all pairs of atoms */
    double *centre;    /* [columns] to be taken off all rows, or NULL */
    size_t first, end; /* targets wanted */
    otx_omp_stats stats;
} otx__solve;

/* The scan's integer sums have room for that many atoms of a target. */
#define OTX__GRAM_K 32000

/* What a form needs: fixed bytes, bytes for each target of a block, and, in the
   columns form, for each column. */
typedef struct otx__need {
    double fixed, target, column;
} otx__need;

/* One way to solve. */
typedef struct otx__plan {
    otx_omp_form form;
    double capacity; /* targets of a block */
    double columns;  /* of the table */
    bool gram;       /* with exact products of all pairs of atoms */
    double seconds, bytes;
} otx__plan;

/* Scores that a worker has room for. */
OTX__PRIVATE size_t otx__scores(size_t atoms) { return otx__max(atoms, OTX__CANDIDATES); }

/* The longest rows that the residual form rounds to 8 bits. That leaves its bound at
   some 1.6 % of the residual's norm, of which the largest correlations are a smaller
   part in longer rows: too many atoms would be within the bound of each other. */
#define OTX__INT8_COLUMNS 1536

/* What the panels of a form hold. Products of rows that are bf16 already need no
   rounding; what the residual form rounds is given exact scores in the end. */
OTX__PRIVATE otx__panel_type otx__plan_panels(const otx__solve *solve, const otx_matrix *atoms,
                                              const otx_matrix *targets, bool centred,
                                              otx_omp_form form)
{
    const otx__kernels *kernels = solve->dictionary.kernels;
    if (!otx__form_scans(form)) {
        if (kernels->product_int8 && atoms->columns <= OTX__INT8_COLUMNS) return OTX__PANEL_INT8;
        return otx__panel_finer(kernels);
    }
    if (!centred && atoms->dtype == OTX_BF16 && targets->dtype == OTX_BF16 &&
        kernels->product_bf16)
        return OTX__PANEL_ROWS;
    return OTX__PANEL_FLOAT;
}

OTX__PRIVATE otx__need otx__form_need(const otx__solve *solve, const otx_matrix *atoms,
                                      const otx_matrix *targets, bool centred,
                                      otx_omp_form form)
{
    double n = (double)atoms->rows, d = (double)atoms->columns, k = (double)solve->problem.k;
    double tiles = (double)otx__tiles(atoms->rows), width = tiles * OTX__TILE;
    double sets = otx__form_scans(form) ? OTX__SETS : 2; /* one, and the masks */
    otx__panel_type type = otx__plan_panels(solve, atoms, targets, centred, form);
    double vector = otx__panel_need(solve->dictionary.kernels, type, d);
    otx__need need;
    need.fixed = 24.0 * n + 8.0 * d +
                 solve->threads *
                     (20.0 * d + 40.0 * k + 8.0 * (double)otx__scores(atoms->rows) +
                      sizeof(otx__scratch) + 512.0);
    if (!otx__rows_are_direct(atoms, centred)) need.fixed += 4.0 * n * d;
    if (!otx__rows_are_direct(targets, centred)) need.fixed += 4.0 * (double)targets->rows * d;
    if (centred) need.fixed += 8.0 * d;
    if (form == OTX_FORM_RESIDUAL) need.fixed += 4.0 * n * solve->threads;
    need.target = sizeof(otx__support) + 4.0 * k * (k + 1.0) + 12.0 * k;
    if (form == OTX_FORM_RESIDUAL) need.target += 4.0 * solve->threads;
    need.column = 0.0;
    if (form != OTX_FORM_EXHAUSTIVE) {
        need.fixed += solve->threads * OTX__GROUP * OTX__TILE * OTX__TILE * 4.0;
        need.fixed += width * (vector + 4.0) + 4.0 * tiles;
        need.target += vector + sets * 4.0 * tiles + OTX__SETS * 28.0 + 32.0;
    }
    if (otx__form_scans(form))
        need.target += 2.0 * width + (4.0 + 6.0 * sets) * (k + 1.0) + 8.0;
    if (form == OTX_FORM_GRAM) need.fixed += 2.0 * width * width;
    if (form == OTX_FORM_COLUMNS) {
        need.column = 2.0 * width + 12.0;
        need.fixed += 4.0 * n + OTX__FRESH * vector;
    }
    need.fixed += 65536.0; /* alignment */
    return need;
}

/* What a core of a machine does in a second, roughly, in 10^9 multiply-adds: of dense
   products in float, in bf16 and of 8-bit numbers, of scans, and in double. Only the
   ratios matter. */
typedef struct otx__rates {
    double dense, dense_bf16, dense_int8, scan, exact;
} otx__rates;

OTX__PRIVATE otx__rates otx__rates_of(otx_isa isa)
{
    static const otx__rates rates[OTX_ISA_COUNT] = {
        {1.5, 1.0, 1.5, 1.0, 0.7},      /* auto, which is settled before */
        {1.5, 1.0, 1.5, 1.0, 0.7},      /* scalar */
        {11.0, 0.0, 0.0, 8.0, 2.0},     /* sse2 */
        {40.0, 0.0, 0.0, 20.0, 4.0},    /* avx2 */
        {40.0, 0.0, 90.0, 25.0, 4.0},   /* avx-vnni */
        {50.0, 0.0, 170.0, 35.0, 7.0},  /* avx512 */
        {50.0, 85.0, 170.0, 35.0, 7.0}, /* avx512-bf16 */
        {60.0, 300.0, 500.0, 35.0, 7.0}, /* amx */
        {12.0, 0.0, 0.0, 10.0, 2.0},    /* neon */
        {12.0, 24.0, 44.0, 10.0, 2.0},  /* neon-bf16 */
        {6.0, 0.0, 0.0, 5.0, 1.0},      /* wasm */
    };
    return rates[isa];
}

/* Of dense products with panels of a type. */
OTX__PRIVATE double otx__dense_rate(otx_isa isa, otx__panel_type type)
{
    otx__rates rates = otx__rates_of(isa);
    if (type == OTX__PANEL_FLOAT) return rates.dense;
    return type == OTX__PANEL_INT8 ? rates.dense_int8 : rates.dense_bf16;
}

/* Columns that the targets of one block need, at a guess: supports share atoms. */
OTX__PRIVATE double otx__block_columns(const otx__solve *solve, double capacity)
{
    double n = (double)solve->dictionary.count, taken = capacity * (double)solve->problem.k;
    return n * (1.0 - exp(-0.5 * taken / n));
}

/* Seconds, roughly. */
OTX__PRIVATE double otx__plan_cost(const otx__solve *solve, const otx__plan *plan,
                                   otx__panel_type type)
{
    double n = (double)solve->dictionary.count, d = (double)solve->dictionary.columns;
    double k = (double)solve->problem.k, b = (double)(solve->end - solve->first);
    double blocks = ceil(b / plan->capacity), columns = plan->gram ? 0.0 : n / 2.0;
    double exact = plan->gram ? n * n * d / 2.0 + b * k * d : b * k * k * d;
    otx__rates rates = otx__rates_of(solve->dictionary.kernels->isa);
    double dense = otx__dense_rate(solve->dictionary.kernels->isa, type);
    /* 10^9 bytes in a second, of a small table from a cache, of a large one from memory */
    const double bytes = 2.0 * n * plan->columns < 16777216.0 ? 50.0 : 10.0;
    if (plan->form == OTX_FORM_EXHAUSTIVE)
        return k * b * n * d / rates.exact / solve->threads * 1e-9;
    /* Residuals are made and rounded, and some 64 atoms a step told apart. */
    if (plan->form == OTX_FORM_RESIDUAL)
        return (k * b * n * d / dense + (3.0 * exact + 64.0 * k * b * d) / rates.exact) /
               solve->threads * 1e-9;
    if (plan->form == OTX_FORM_COLUMNS) {
        double wanted = otx__block_columns(solve, plan->capacity);
        /* Those of a block; and of each further one what the table does not keep. */
        columns = wanted + (blocks - 1.0) * (wanted > plan->columns ? wanted : wanted * 0.5);
        if (plan->columns >= n) columns = otx__least(columns, n);
    }
    return ((columns * n * d + b * n * d) / dense + b * n * k * k / 2.0 / rates.scan +
            exact / rates.exact + blocks * k * n * otx__least(n, plan->columns) / bytes) /
           solve->threads * 1e-9;
}

/* The largest blocks, and the most columns, that a form has room for. */
OTX__PRIVATE bool otx__plan_fit(const otx__solve *solve, const otx__need *need, double budget,
                                otx__plan *plan)
{
    double wanted = (double)(solve->end - solve->first), n = (double)solve->dictionary.count;
    double k = (double)solve->problem.k, room = budget - need->fixed;
    /* Only forms that scan gain by large blocks; small ones let a caller stop. */
    double most = otx__form_scans(plan->form) ? 16384.0 : 2048.0;
    plan->columns = plan->form == OTX_FORM_GRAM ? n : 0.0;
    if (plan->form == OTX_FORM_COLUMNS) {
        /* A quarter of the room for the targets leaves the rest for columns. */
        double fewest = otx__least(n, k);
        room -= fewest * need->column;
        plan->capacity = floor(otx__least(room / 4.0, room) / need->target / OTX__TILE);
        if (plan->capacity < 1.0) plan->capacity = floor(room / need->target / OTX__TILE);
        plan->capacity = otx__least(plan->capacity * OTX__TILE, most);
        plan->capacity = otx__least(plan->capacity, ceil(wanted / OTX__TILE) * OTX__TILE);
        room -= plan->capacity * need->target;
        plan->columns = otx__least(n, fewest + floor(room / need->column));
    } else {
        /* A pass reads the whole table and the whole block, which had better stay in a
           cache: it is hardly larger than four times the table. */
        double fit = 512.0 + ceil(8.0 * n * n / need->target / OTX__TILE) * OTX__TILE;
        if (plan->form == OTX_FORM_GRAM) most = otx__least(most, fit);
        plan->capacity = floor(room / need->target / OTX__TILE) * OTX__TILE;
        plan->capacity = otx__least(plan->capacity, most);
    }
    if (plan->capacity < OTX__TILE) return false;
    /* Blocks of the same size, so that none is a small remainder. */
    plan->capacity = ceil(wanted / ceil(wanted / plan->capacity) / OTX__TILE) * OTX__TILE;
    plan->bytes = need->fixed + plan->capacity * need->target + plan->columns * need->column;
    return true;
}

/* The cheapest way that a form has room for: the Gram form with or without the exact
   products of all pairs of atoms. False if there is none. */
OTX__PRIVATE bool otx__plan_form(const otx__solve *solve, const otx__need *need,
                                 otx__panel_type type, double budget, otx__plan *plan)
{
    double n = (double)solve->dictionary.count;
    otx__need more = *need;
    otx__plan with = *plan;
    if (!otx__plan_fit(solve, need, budget, plan)) return false;
    plan->seconds = otx__plan_cost(solve, plan, type) + 1e-12;
    with.gram = plan->form == OTX_FORM_GRAM;
    more.fixed += 8.0 * n * n + OTX__ALIGNMENT;
    if (!with.gram || !otx__plan_fit(solve, &more, budget, &with)) return true;
    with.seconds = otx__plan_cost(solve, &with, type) + 1e-12;
    if (with.seconds < 0.9 * plan->seconds) *plan = with;
    return true;
}

/* Says what was chosen, and what the others would have taken. */
OTX__PRIVATE void otx__plan_tell(const otx__solve *solve, const otx__plan *plans,
                                 const otx__plan *best, double budget, char *line, size_t size)
{
    size_t length, form;
    int written = snprintf(line, size, "%s form in blocks of %.0f targets, %.0f of %.0f MiB",
                           otx__word(otx_omp_form_name(best->form)), best->capacity,
                           ceil(best->bytes / 1048576.0), floor(budget / 1048576.0));
    length = written > 0 ? (size_t)written : 0;
    if (best->gram && length < size) {
        written = snprintf(line + length, size - length, ", exact products kept");
        length += written > 0 ? (size_t)written : 0;
    }
    if (best->form == OTX_FORM_RESIDUAL && length < size) {
        written = snprintf(line + length, size - length, ", rounded to %s",
                           solve->panels == OTX__PANEL_INT8   ? "8 bits"
                           : solve->panels == OTX__PANEL_BF16 ? "bf16"
                                                              : "float");
        length += written > 0 ? (size_t)written : 0;
    }
    if (best->form == OTX_FORM_COLUMNS && length < size) {
        written = snprintf(line + length, size - length, ", %.0f of %.0f columns kept",
                           best->columns, (double)solve->dictionary.count);
        length += written > 0 ? (size_t)written : 0;
    }
    for (form = OTX_FORM_GRAM; form < OTX_FORM_COUNT && length < size; form++) {
        if (&plans[form] == best) continue;
        if (plans[form].form == OTX_FORM_AUTO) continue;
        if (plans[form].seconds > 0.0)
            written = snprintf(line + length, size - length, "; %s: %.0f %% of the time",
                               otx__word(otx_omp_form_name((otx_omp_form)form)),
                               100.0 * plans[form].seconds / best->seconds);
        else
            written = snprintf(line + length, size - length, "; %s: needs %.0f MiB",
                               otx__word(otx_omp_form_name((otx_omp_form)form)),
                               ceil(plans[form].bytes / 1048576.0));
        length += written > 0 ? (size_t)written : 0;
    }
}

/* Picks the form and the size of its blocks. */
OTX__PRIVATE otx_result otx__solve_plan(otx__solve *solve, const otx_matrix *atoms,
                                        const otx_matrix *targets,
                                        const otx_omp_options *options, otx_error *error)
{
    double budget = options->memory ? (double)options->memory : 4294967296.0, least = 0.0;
    otx__plan plans[OTX_FORM_COUNT];
    const otx__plan *best = NULL;
    int form;
    memset(plans, 0, sizeof plans);
    for (form = OTX_FORM_GRAM; form < OTX_FORM_COUNT; form++) {
        otx__plan *plan = &plans[form];
        otx_omp_form name = (otx_omp_form)form;
        otx__need need = otx__form_need(solve, atoms, targets, options->centred, name);
        otx__panel_type type = otx__plan_panels(solve, atoms, targets, options->centred, name);
        double k = (double)solve->problem.k;
        if (options->form != OTX_FORM_AUTO && options->form != name) continue;
        if (otx__form_scans(name) && solve->problem.k > OTX__GRAM_K) continue;
        plan->form = name;
        plan->bytes = need.fixed + need.target * OTX__TILE + need.column * k;
        if (least == 0.0 || plan->bytes < least) least = plan->bytes;
        if (!otx__plan_form(solve, &need, type, budget, plan)) continue;
        if (!best || plan->seconds < best->seconds) best = plan;
    }
    if (!best)
        return otx__fail(error, OTX_ERROR_MEMORY,
                         "the solver needs at least %.0f MiB and its budget is %.0f MiB",
                         ceil(least / 1048576.0), floor(budget / 1048576.0));
    solve->form = best->form;
    solve->gram = best->gram;
    solve->panels = otx__plan_panels(solve, atoms, targets, options->centred, best->form);
    solve->screen.capacity = (size_t)best->capacity;
    solve->screen.table.slots =
        best->form == OTX_FORM_GRAM ? solve->dictionary.tiles * OTX__TILE : (size_t)best->columns;
    otx__plan_tell(solve, plans, best, budget, solve->stats.plan, sizeof solve->stats.plan);
    otx__log(solve->ctx, OTX_NOTE, "solver: %s", solve->stats.plan);
    return OTX_OK;
}

/* >>> src/solve/solve.h */
/* ---- omp: Orthogonal Matching Pursuit for many targets ---------------------- */

OTX_API const char *otx_omp_form_name(otx_omp_form form)
{
    static const char *const names[OTX_FORM_COUNT] = {"auto", "gram", "columns", "residual",
                                                        "exhaustive"};
    return (unsigned)form < OTX_FORM_COUNT ? names[form] : NULL;
}

OTX_API size_t otx_omp_k(size_t k, size_t atoms, size_t columns)
{
    return otx__min(k ? k : 64, otx__min(atoms, columns));
}

/* The same as the residual kernels, for the types that they do not read. */
OTX__PRIVATE void otx__combine_slowly(double *row, otx_dtype dtype, const double *negated,
                                      const otx__row *rows, size_t count, size_t n)
{
    size_t element = otx_dtype_bits(dtype) / 8, i, j;
    for (j = 0; j < count; j++) {
        for (i = 0; i < n; i++) {
            float value;
            double term;
            otx_to_float(&value, (const char *)rows[j].data + i * element, dtype, 1);
            term = negated[j] * (double)value;
            row[i] -= term;
        }
    }
}

OTX__PRIVATE void otx__combine(const otx__kernels *kernels, const otx_matrix *atoms,
                               const int32_t *indices, const double *coefficients, size_t k,
                               double *row)
{
    size_t element = otx_dtype_bits(atoms->dtype) / 8, i, j, count;
    size_t stride = (atoms->stride ? atoms->stride : atoms->columns) * element;
    for (i = 0; i < atoms->columns; i++) row[i] = 0.0;
    for (j = 0; j < k && indices[j] >= 0; j += count) {
        otx__row rows[OTX__TILE], none = {NULL, false};
        double negated[OTX__TILE];
        for (count = 0; count < OTX__TILE && j + count < k && indices[j + count] >= 0; count++) {
            size_t atom = (size_t)indices[j + count];
            if (atoms->index) atom = atoms->index[atom];
            rows[count].data = (const char *)atoms->data + atom * stride;
            rows[count].bf16 = atoms->dtype == OTX_BF16;
            negated[count] = -coefficients[j + count];
        }
        if (atoms->dtype == OTX_F32 || atoms->dtype == OTX_BF16)
            kernels->residual(row, none, negated, rows, count, atoms->columns);
        else
            otx__combine_slowly(row, atoms->dtype, negated, rows, count, atoms->columns);
    }
}

/* The kernels that combine rows; all give the same bits. */
OTX__PRIVATE const otx__kernels *otx__combine_kernels(const otx_context *ctx)
{
    const otx__kernels *kernels = otx__kernels_for(ctx ? ctx->isa : OTX_ISA_AUTO);
    return kernels ? kernels : &otx__kernels_scalar;
}

OTX_API void otx_combine(const otx_context *ctx, const otx_matrix *atoms, const int32_t *indices,
                         const double *coefficients, size_t k, double *row)
{
    otx__combine(otx__combine_kernels(ctx), atoms, indices, coefficients, k, row);
}

/* ---- memory ---- */

OTX__PRIVATE bool otx__solve_scratch(otx__solve *solve)
{
    otx__pool *pool = &solve->pool;
    size_t threads = (size_t)solve->threads, d = solve->dictionary.columns, i;
    size_t k = solve->problem.k, n = solve->dictionary.count;
    otx__scratch *scratch = (otx__scratch *)otx__pool_take_zero(pool, threads, sizeof *scratch);
    double *rows = (double *)otx__pool_take(pool, threads, d * sizeof(double));
    double *residuals = (double *)otx__pool_take(pool, threads, d * sizeof(double));
    double *products = (double *)otx__pool_take(pool, threads, (k + 2) * sizeof(double));
    double *scores = (double *)otx__pool_take(pool, threads, otx__scores(n) * sizeof(double));
    otx__row *supports = (otx__row *)otx__pool_take(pool, threads, (k + 1) * sizeof(otx__row));
    size_t block = solve->form == OTX_FORM_EXHAUSTIVE ? 1 : OTX__GROUP * OTX__TILE * OTX__TILE;
    float *blocks = (float *)otx__pool_take(pool, threads, block * sizeof *blocks);
    float *roughs = (float *)otx__pool_take(pool, threads, d * sizeof *roughs);
    size_t many = solve->form == OTX_FORM_RESIDUAL ? n : 1;
    size_t capacity = solve->form == OTX_FORM_RESIDUAL ? solve->screen.capacity : 1;
    float *least = (float *)otx__pool_take(pool, threads, capacity * sizeof *least);
    uint32_t *likely = (uint32_t *)otx__pool_take(pool, threads, many * sizeof *likely);
    if (pool->failed) return false;
    for (i = 0; i < threads; i++) {
        scratch[i].least = least + i * capacity;
        scratch[i].likely = likely + i * many;
        scratch[i].row = rows + i * d;
        scratch[i].residual = residuals + i * d;
        scratch[i].products = products + i * (k + 2);
        scratch[i].scores = scores + i * otx__scores(n);
        scratch[i].rows = supports + i * (k + 1);
        scratch[i].block = blocks + i * block;
        scratch[i].rough = roughs + i * d;
    }
    solve->screen.scratch = scratch;
    return true;
}

/* Views the atoms and the targets. */
OTX__PRIVATE bool otx__solve_rows(otx__solve *solve, const otx_matrix *atoms,
                                  const otx_matrix *targets, bool centred)
{
    otx__pool *pool = &solve->pool;
    if (centred)
        solve->centre = (double *)otx__pool_take(pool, atoms->columns, sizeof *solve->centre);
    return !pool->failed && otx__rows_open(&solve->dictionary.rows, atoms, centred, pool) &&
           otx__rows_open(&solve->problem.targets, targets, centred, pool);
}

/* Makes copies of those rows that need it, without the atoms' mean if that is wanted. */
OTX__PRIVATE otx_result otx__solve_copy(otx__solve *solve, const otx_matrix *atoms,
                                        const otx_matrix *targets, otx_error *error)
{
    otx__watch watch = otx__watch_open(solve->ctx, OTX_STAGE_GRAM, 0, atoms->rows);
    otx_result result = OTX_OK;
    if (solve->centre)
        result = otx__rows_mean(&watch, &solve->dictionary.rows, atoms, solve->centre, error);
    if (!result)
        result = otx__rows_copy(&watch, &solve->dictionary.rows, atoms, solve->centre, error);
    if (!result)
        result = otx__rows_copy(&watch, &solve->problem.targets, targets, solve->centre, error);
    return result;
}

OTX__PRIVATE bool otx__solve_dictionary(otx__solve *solve)
{
    otx__dictionary *dictionary = &solve->dictionary;
    otx__pool *pool = &solve->pool;
    size_t width = dictionary->tiles * OTX__TILE;
    dictionary->squares = (double *)otx__pool_take(pool, dictionary->count, sizeof(double));
    dictionary->norms = (double *)otx__pool_take(pool, dictionary->count, sizeof(double));
    if (solve->form != OTX_FORM_EXHAUSTIVE) {
        dictionary->along = (double *)otx__pool_take(pool, dictionary->count, sizeof(double));
        dictionary->direction =
            (double *)otx__pool_take(pool, dictionary->columns, sizeof(double));
        dictionary->weight = (float *)otx__pool_take(pool, width, sizeof(float));
        dictionary->tile_weight = (float *)otx__pool_take(pool, dictionary->tiles, sizeof(float));
        (void)otx__panels_take(&dictionary->panels, dictionary->kernels, solve->panels,
                               dictionary->columns, dictionary->tiles, pool);
    }
    return !pool->failed;
}

OTX__PRIVATE bool otx__solve_table(otx__solve *solve)
{
    otx__table *table = &solve->screen.table;
    otx__dictionary *dictionary = &solve->dictionary;
    otx__pool *pool = &solve->pool;
    size_t width = dictionary->tiles * OTX__TILE;
    if (!otx__form_scans(solve->form)) return true;
    table->dictionary = dictionary;
    table->products =
        (int16_t *)otx__pool_take(pool, width, table->slots * sizeof(int16_t));
    if (solve->form == OTX_FORM_COLUMNS) {
        table->slot_of = (int32_t *)otx__pool_take(pool, dictionary->count, sizeof(int32_t));
        table->atom_of = (uint32_t *)otx__pool_take(pool, table->slots, sizeof(uint32_t));
        table->stamps = (uint32_t *)otx__pool_take(pool, table->slots, sizeof(uint32_t));
        table->fresh = (uint32_t *)otx__pool_take(pool, table->slots, sizeof(uint32_t));
        (void)otx__panels_take(&table->panels, dictionary->kernels, solve->panels,
                               dictionary->columns, OTX__FRESH / OTX__TILE, pool);
    }
    if (pool->failed) return false;
    if (solve->form == OTX_FORM_COLUMNS) otx__table_clear(table);
    return true;
}

OTX__PRIVATE bool otx__solve_block(otx__solve *solve)
{
    otx__screen *screen = &solve->screen;
    otx__pool *pool = &solve->pool;
    size_t k = solve->problem.k, capacity = screen->capacity, i;
    size_t tiles = solve->dictionary.tiles, triangle = otx__triangle_size(k);
    size_t sets = otx__form_scans(solve->form) ? OTX__SETS : 1;
    double *factors, *forwards;
    int32_t *barred;
    screen->supports = (otx__support *)otx__pool_take(pool, capacity, sizeof(otx__support));
    factors = (double *)otx__pool_take(pool, capacity, triangle * sizeof(double));
    forwards = (double *)otx__pool_take(pool, capacity, k * sizeof(double));
    barred = (int32_t *)otx__pool_take(pool, capacity, k * sizeof(int32_t));
    if (solve->form != OTX_FORM_EXHAUSTIVE) {
        (void)otx__panels_take(&screen->panels, solve->dictionary.kernels, solve->panels,
                               solve->dictionary.columns, capacity / OTX__TILE, pool);
        screen->best = (float *)otx__pool_take(pool, capacity, sets * tiles * sizeof(float));
        screen->bounds = (double *)otx__pool_take(pool, capacity, OTX__SETS * 2 * sizeof(double));
        screen->along = (double *)otx__pool_take(pool, capacity, sizeof(double));
        screen->rest = (double *)otx__pool_take(pool, capacity, sizeof(double));
        screen->scales = (float *)otx__pool_take(pool, capacity, OTX__SETS * 3 * sizeof(float));
        screen->sets = (uint32_t *)otx__pool_take(pool, capacity, sizeof(uint32_t));
        screen->last = (uint32_t *)otx__pool_take_zero(pool, capacity, sizeof(uint32_t));
        screen->undecided = (uint32_t *)otx__pool_take(pool, capacity, sizeof(uint32_t));
    }
    if (solve->form == OTX_FORM_RESIDUAL)
        screen->masks = (uint32_t *)otx__pool_take(pool, capacity, tiles * sizeof(uint32_t));
    if (otx__form_scans(solve->form)) {
        size_t width = tiles * OTX__TILE;
        screen->pitch = k + k % 2;
        screen->start = (int16_t *)otx__pool_take(pool, capacity, width * sizeof(int16_t));
        screen->betas = (float *)otx__pool_take(pool, capacity, OTX__SETS * screen->pitch * 4);
        screen->atoms = (uint32_t *)otx__pool_take_zero(pool, capacity, screen->pitch * 4);
        screen->steps = (int16_t *)otx__pool_take(pool, capacity, OTX__SETS * screen->pitch * 2);
        screen->counts = (uint32_t *)otx__pool_take(pool, capacity, sizeof(uint32_t));
    }
    if (pool->failed) return false;
    for (i = 0; i < capacity; i++) {
        screen->supports[i].factor = factors + i * triangle;
        screen->supports[i].forward = forwards + i * k;
        screen->supports[i].barred = barred + i * k;
    }
    return true;
}

/* The exact products of all pairs of atoms. Taken after all else; where there is no
   room for them, a solve goes on without. */
OTX__PRIVATE void otx__solve_gram(otx__solve *solve)
{
    otx__dictionary *dictionary = &solve->dictionary;
    size_t count = dictionary->count, bytes;
    if (!solve->gram || !otx__mul(count, count, &bytes)) return;
    dictionary->gram = (double *)otx__pool_try(&solve->pool, bytes, sizeof(double));
}

/* ---- solving ---- */

OTX__PRIVATE void otx__support_open_body(void *argument, size_t index, int worker)
{
    otx__solve *solve = (otx__solve *)argument;
    const otx__dictionary *dictionary = &solve->dictionary;
    otx__scratch *scratch = &solve->screen.scratch[worker];
    otx__support *support = &solve->screen.supports[index];
    otx__row_widen(dictionary->kernels, support->target, dictionary->columns, scratch->row);
    scratch->wide = NULL;
    support->norm = otx__norm(scratch->row, dictionary->columns);
    support->ended = !(support->norm > 0.0);
}

/* Points the block's supports at their targets and results. */
OTX__PRIVATE otx_result otx__solve_open(otx__solve *solve, size_t first, otx_error *error)
{
    otx__screen *screen = &solve->screen;
    size_t i, k = solve->problem.k;
    otx__watch watch = otx__watch_open(solve->ctx, OTX_STAGE_SOLVE, (first - solve->first) * k,
                                       (solve->end - solve->first) * k);
    otx_result result;
    screen->count = otx__min(screen->capacity, solve->end - first);
    for (i = 0; i < screen->count; i++) {
        otx__support *support = &screen->supports[i];
        support->target = otx__rows_at(&solve->problem.targets, first + i);
        support->indices = solve->output->indices + (first + i) * k;
        support->coefficients = solve->output->coefficients + (first + i) * k;
        support->count = support->barred_count = 0;
    }
    result = otx__watch_loop(&watch, screen->count, 4.0 * (double)solve->dictionary.columns,
                             otx__support_open_body, solve, error);
    for (i = 0; i < screen->count && !result; i++)
        if (!otx__is_finite(screen->supports[i].norm))
            return otx__fail(error, OTX_ERROR_NOT_FINITE,
                             "target %" PRIu64 " holds a value that is NaN, infinite, or beyond a "
                             "float",
                             (uint64_t)(first + i));
    return result;
}

OTX__PRIVATE void otx__exhaustive_body(void *argument, size_t index, int worker)
{
    otx__solve *solve = (otx__solve *)argument;
    otx__support *support = &solve->screen.supports[index];
    if (!support->ended)
        otx__support_exhaustive_step(&solve->problem, support, &solve->screen.scratch[worker]);
}

/* Steps that the block's targets have behind them; *active: one has not ended. */
OTX__PRIVATE uint64_t otx__block_steps(const otx__screen *screen, bool *active)
{
    uint64_t steps = 0;
    size_t i;
    *active = false;
    for (i = 0; i < screen->count; i++) {
        const otx__support *support = &screen->supports[i];
        steps += support->ended ? screen->problem->k : support->count;
        *active |= !support->ended;
    }
    return steps;
}

/* Adds the time since the last call to a stage's. */
OTX__PRIVATE void otx__lap(double *clock, double *stage)
{
    double now = otx__now();
    *stage += now - *clock;
    *clock = now;
}

/* Makes the panels anew in finer numbers. */
OTX__PRIVATE otx_result otx__solve_sharpen(otx__solve *solve, otx_error *error)
{
    otx__screen *screen = &solve->screen;
    otx__dictionary *dictionary = &solve->dictionary;
    size_t columns = dictionary->columns, i;
    otx_result result;
    otx__log(solve->ctx, OTX_NOTE, "solver: 8 bits leave too many candidates; %s from here",
             otx__panel_finer(dictionary->kernels) == OTX__PANEL_BF16 ? "bf16" : "float");
    solve->panels = otx__panel_finer(dictionary->kernels);
    otx__panels_set_type(&dictionary->panels, solve->panels, columns);
    otx__panels_set_type(&screen->panels, solve->panels, columns);
    result = otx__dictionary_split(dictionary, screen->scratch[0].row, error);
    for (i = 0; i < screen->capacity / OTX__TILE; i++) otx__panels_clear(&screen->panels, i);
    for (i = 0; i < screen->count; i++) screen->sets[i] = 0;
    return result ? result : otx__screen_waiting(screen, error);
}

/* One step of all targets of a block, or, in the forms that scan, several. */
OTX__PRIVATE otx_result otx__solve_step(otx__solve *solve, double *clock, otx_error *error)
{
    otx__screen *screen = &solve->screen;
    otx_omp_stats *stats = &solve->stats;
    otx_result result;
    if (solve->form == OTX_FORM_EXHAUSTIVE) {
        double work = (double)solve->dictionary.count * (double)solve->dictionary.columns;
        result = otx__watch_loop(&screen->watch, screen->count, work, otx__exhaustive_body,
                                 solve, error);
        otx__lap(clock, &stats->seconds_select);
        return result;
    }
    result = otx__screen_scan_all(screen, error);
    otx__lap(clock, &stats->seconds_scan);
    if (!result) result = otx__screen_select(screen, error);
    if (!result && screen->coarse) result = otx__solve_sharpen(solve, error);
    otx__lap(clock, &stats->seconds_select);
    if (!result) result = otx__screen_columns(screen, error);
    otx__lap(clock, &stats->seconds_gram);
    return result;
}

/* All steps of a block of targets. */
OTX__PRIVATE otx_result otx__solve_steps(otx__solve *solve, size_t first, double *clock,
                                         otx_error *error)
{
    otx__screen *screen = &solve->screen;
    uint64_t k = solve->problem.k, done = (first - solve->first) * k;
    otx_result result = OTX_OK;
    bool active;
    screen->watch = otx__watch_open(solve->ctx, OTX_STAGE_SOLVE, done,
                                    (solve->end - solve->first) * k);
    if (solve->form != OTX_FORM_EXHAUSTIVE) result = otx__screen_open_block(screen, error);
    otx__lap(clock, &solve->stats.seconds_correlate);
    while (!result) {
        screen->watch.done = done + otx__block_steps(screen, &active);
        if (!active) break;
        result = otx__solve_step(solve, clock, error);
    }
    if (result) return result;
    return otx__progress(solve->ctx, OTX_STAGE_SOLVE, NULL, screen->watch.done,
                         screen->watch.total, error);
}

OTX__PRIVATE void otx__finish_body(void *argument, size_t index, int worker)
{
    otx__solve *solve = (otx__solve *)argument;
    otx__support *support = &solve->screen.supports[index];
    otx__scratch *scratch = &solve->screen.scratch[worker];
    size_t target = (size_t)(support->indices - solve->output->indices) / solve->problem.k, i;
    otx__support_solve(support);
    for (i = support->count; i < solve->problem.k; i++) { /* what was predicted last */
        support->indices[i] = -1;
        support->coefficients[i] = 0.0;
    }
    if (solve->output->target_norms) solve->output->target_norms[target] = support->norm;
    if (!solve->output->residual_norms) return;
    otx__support_residual(&solve->problem, support, scratch);
    solve->output->residual_norms[target] =
        otx__norm(scratch->residual, solve->dictionary.columns);
}

/* Adds up what the workers counted. */
OTX__PRIVATE void otx__solve_count(otx__solve *solve)
{
    otx_omp_stats *stats = &solve->stats;
    uint64_t steps[OTX__CANDIDATES + 1] = {0}, all = 0, below = 0;
    size_t i, j;
    for (i = 0; i < (size_t)solve->threads; i++) {
        const otx__scratch *scratch = &solve->screen.scratch[i];
        stats->steps += scratch->steps;
        stats->fallbacks += scratch->fallbacks;
        stats->seconds_rescore += scratch->seconds_rescore / solve->threads;
        stats->seconds_factor += scratch->seconds_factor / solve->threads;
        stats->seconds_predict += scratch->seconds_predict / solve->threads;
        for (j = 0; j <= OTX__CANDIDATES; j++) steps[j] += scratch->candidates[j];
    }
    for (j = 0; j <= OTX__CANDIDATES; j++) {
        stats->candidates += steps[j] * (j < OTX__CANDIDATES ? j + 1 : solve->dictionary.count);
        all += steps[j];
    }
    for (j = 0; j <= OTX__CANDIDATES && below < all - all / 100; j++) {
        below += steps[j];
        stats->candidates_99 = j < OTX__CANDIDATES ? j + 1 : solve->dictionary.count;
    }
    stats->passes = solve->screen.passes;
    stats->columns = solve->screen.table.columns;
}

OTX__PRIVATE otx_result otx__solve_run(otx__solve *solve, otx_error *error)
{
    otx__dictionary *dictionary = &solve->dictionary;
    otx__scratch *scratch = solve->screen.scratch;
    otx_omp_stats *stats = &solve->stats;
    double clock = otx__now();
    size_t first;
    otx_result result = otx__dictionary_norms(dictionary, scratch[0].row, error);
    if (!result && solve->form != OTX_FORM_EXHAUSTIVE)
        result = otx__dictionary_split(dictionary, scratch[0].row, error);
    if (!result && dictionary->gram)
        result = otx__dictionary_gram(dictionary, scratch[0].row, error);
    if (!result && solve->form == OTX_FORM_GRAM)
        result = otx__table_fill(&solve->screen.table, scratch, error);
    otx__lap(&clock, &stats->seconds_gram);
    for (first = solve->first; first < solve->end && !result; first += solve->screen.count) {
        result = otx__solve_open(solve, first, error);
        if (!result) result = otx__solve_steps(solve, first, &clock, error);
        if (result) break;
        result = otx__watch_loop(&solve->screen.watch, solve->screen.count,
                                 2.0 * (double)solve->problem.k * (double)dictionary->columns,
                                 otx__finish_body, solve, error);
        otx__lap(&clock, &stats->seconds_finish);
    }
    if (!result) otx__solve_count(solve);
    return result;
}

/* ---- the public call ---- */

OTX__PRIVATE otx_result otx__check_matrix(const otx_matrix *matrix, const char *name,
                                          otx_error *error)
{
    size_t bytes;
    if (!matrix || !otx_dtype_is_embedding(matrix->dtype))
        return otx__fail(error, OTX_ERROR_ARGUMENT,
                         "%s: not a matrix of F64, F32, F16, BF16 or F8", name);
    if (matrix->rows == 0 || matrix->columns == 0 || !matrix->data)
        return otx__fail(error, OTX_ERROR_ARGUMENT, "%s: the matrix is empty", name);
    if (matrix->rows > INT32_MAX || matrix->columns > INT32_MAX ||
        (matrix->stride && matrix->stride < matrix->columns))
        return otx__fail(error, OTX_ERROR_ARGUMENT,
                         "%s: %" PRIu64 " rows of %" PRIu64 " columns, stride %" PRIu64
                         ", are out of range",
                         name, (uint64_t)matrix->rows, (uint64_t)matrix->columns,
                         (uint64_t)matrix->stride);
    if (!otx__mul(matrix->rows, matrix->columns, &bytes) || !otx__mul(bytes, 8, &bytes))
        return otx__fail(error, OTX_ERROR_ARGUMENT, "%s: the matrix is too large", name);
    return OTX_OK;
}

/* The most ridge: beyond all use, and far from where the coefficients that screening
   keeps as floats would vanish. */
#define OTX__RIDGE 1e6

OTX__PRIVATE otx_result otx__solve_check(otx__solve *solve, const otx_matrix *atoms,
                                         const otx_matrix *targets,
                                         const otx_omp_options *options, otx_error *error)
{
    otx_isa isa = solve->ctx ? solve->ctx->isa : OTX_ISA_AUTO;
    otx_result result = otx__check_matrix(atoms, "atoms", error);
    if (!result) result = otx__check_matrix(targets, "targets", error);
    if (result) return result;
    if (atoms->columns != targets->columns)
        return otx__fail(error, OTX_ERROR_ARGUMENT,
                         "atoms have %" PRIu64 " columns and targets %" PRIu64,
                         (uint64_t)atoms->columns, (uint64_t)targets->columns);
    if (otx__form_scans(options->form) && solve->problem.k > OTX__GRAM_K)
        return otx__fail(error, OTX_ERROR_ARGUMENT,
                         "the forms with products of atoms take at most %d atoms per target, "
                         "not %" PRIu64,
                         OTX__GRAM_K, (uint64_t)solve->problem.k);
    if (!solve->output || !solve->output->indices || !solve->output->coefficients)
        return otx__fail(error, OTX_ERROR_ARGUMENT, "an output array is missing");
    if ((unsigned)options->form >= OTX_FORM_COUNT || options->tolerance < 0.0 ||
        !otx__is_finite(options->tolerance) ||
        !(options->ridge >= 0.0 && options->ridge <= OTX__RIDGE))
        return otx__fail(error, OTX_ERROR_ARGUMENT, "an option of the solver is out of range");
    if (options->first_target >= targets->rows ||
        options->target_count > targets->rows - options->first_target)
        return otx__fail(error, OTX_ERROR_ARGUMENT,
                         "targets %" PRIu64 " to %" PRIu64 " are not among %" PRIu64,
                         (uint64_t)options->first_target,
                         (uint64_t)options->first_target + options->target_count,
                         (uint64_t)targets->rows);
    solve->dictionary.kernels = otx__kernels_for(isa);
    if (!solve->dictionary.kernels)
        return otx__fail(error, OTX_ERROR_UNSUPPORTED,
                         "this machine or build has no instruction set \"%s\"",
                         otx_isa_name(isa) ? otx_isa_name(isa) : "?");
    return OTX_OK;
}

OTX_API otx_result otx_omp(const otx_context *ctx, const otx_matrix *atoms,
                           const otx_matrix *targets, const otx_omp_options *options,
                           const otx_omp_output *output, otx_omp_stats *stats,
                           otx_error *error)
{
    static const otx_omp_options defaults = {0, 0.0, 0, OTX_FORM_AUTO, false, 0.0, false, 0, 0};
    otx__solve solve;
    otx_context settled;
    otx_result result;
    double clock = otx__now();
    if (!options) options = &defaults;
    memset(&solve, 0, sizeof solve);
    memset(&settled, 0, sizeof settled);
    if (ctx) settled = *ctx;
    settled.threads = solve.threads = otx__threads(ctx); /* it must not change on the way */
    ctx = solve.ctx = solve.dictionary.ctx = &settled;
    solve.output = output;
    otx__pool_open(&solve.pool, ctx);
    if (atoms) solve.problem.k = otx_omp_k(options->k, atoms->rows, atoms->columns);
    result = otx__solve_check(&solve, atoms, targets, options, error);
    if (result) return result;
    solve.first = options->first_target;
    solve.end = solve.first + (options->target_count ? options->target_count
                                                     : targets->rows - solve.first);
    solve.dictionary.count = atoms->rows;
    solve.dictionary.columns = atoms->columns;
    solve.dictionary.tiles = otx__tiles(atoms->rows);
    solve.problem.dictionary = &solve.dictionary;
    solve.dictionary.cosine = options->cosine;
    solve.problem.tolerance = options->tolerance;
    solve.problem.ridge = options->ridge;
    result = otx__solve_plan(&solve, atoms, targets, options, error);
    if (result) return result;
    solve.screen.problem = &solve.problem;
    solve.screen.form = solve.form;
    if (!otx__solve_scratch(&solve) || !otx__solve_dictionary(&solve) ||
        !otx__solve_table(&solve) || !otx__solve_block(&solve) ||
        !otx__solve_rows(&solve, atoms, targets, options->centred))
        result = otx__pool_fail(&solve.pool, error);
    else
        otx__solve_gram(&solve);
    if (!result) result = otx__solve_copy(&solve, atoms, targets, error);
    if (!result) result = otx__solve_run(&solve, error);
    solve.stats.form = solve.form;
    solve.stats.isa = solve.dictionary.kernels->isa;
    solve.stats.threads = solve.threads;
    solve.stats.peak_bytes = solve.pool.bytes;
    solve.stats.seconds = otx__now() - clock;
    otx__pool_close(&solve.pool);
    if (stats && !result) *stats = solve.stats;
    return result;
}

/* >>> src/solve/affine_digits.h */
/* ---- digits: whole numbers of 16 bits, whose products are exact ---------------- */

/* The sums of the affine map are those of whole numbers. Each vector is rounded to whole
   multiples of its unit, 1 / 32,512 of its largest element, and each multiple written as
   255 * high + low with digits from -127 to 127. What the dense kernels make of digits is
   exact, whether they compute in integers or in float, as long as it stays below 2^24, and
   so is the sum of it all in double below 2^53: no order of operations matters, and every
   instruction set gives the same bits.

   Rounding adds to a vector of N elements what white noise would: 1 / 12 unit^2 an element,
   N * 2^-30 / 12 of the vector's square at the very most (one element that is larger than
   all others together) and about 10^-8 of it in embeddings; the ridge adds 10^-2. */
#define OTX__DIGIT 127
#define OTX__DIGIT_BASE 255
#define OTX__DIGITS_MOST (OTX__DIGIT_BASE * OTX__DIGIT + OTX__DIGIT)

/* Products of digits that are added up in one go: 127^2 * 1024 and, where sums of two
   digits are multiplied, 254^2 * 256 are below 2^24. */
#define OTX__DIGITS_BYTES 1024
#define OTX__DIGITS_FLOATS 256

/* Vectors, 32 to a tile. Tiles of a chunk of their terms stand together, laid out as the
   kernels want them (kernels.h): bytes for product_int8, else floats for product. Floats
   have room for the sum of both digits, and with it three products do for four. */
typedef struct otx__digits {
    const otx__kernels *kernels;
    bool floats;
    size_t tiles, terms;
    size_t chunk, chunks; /* terms of a chunk, a multiple of 4; what is missing is 0 */
    char *planes[3];      /* [chunk][tile][chunk * 32] high, low and, as floats, their sum */
} otx__digits;

OTX__PRIVATE void otx__digits_shape(otx__digits *digits, const otx__kernels *kernels,
                                    size_t tiles, size_t terms)
{
    size_t most;
    memset(digits, 0, sizeof *digits);
    digits->kernels = kernels;
    digits->floats = !kernels->product_int8;
    most = digits->floats ? OTX__DIGITS_FLOATS : OTX__DIGITS_BYTES;
    digits->tiles = tiles;
    digits->terms = terms;
    digits->chunks = (terms + most - 1) / most;
    digits->chunk = ((terms + digits->chunks - 1) / digits->chunks + 3) / 4 * 4;
}

/* Bytes of one plane of a tile's chunk. */
OTX__PRIVATE size_t otx__digits_bytes(const otx__digits *digits)
{
    return digits->chunk * OTX__TILE * (digits->floats ? sizeof(float) : 1);
}

/* Bytes of it all, also where they would not fit a size. */
OTX__PRIVATE double otx__digits_need(const otx__digits *digits)
{
    return (digits->floats ? 3.0 : 2.0) * (double)digits->chunks * (double)digits->tiles *
           (double)otx__digits_bytes(digits);
}

/* Their numbers are whatever stood there: all places are to be written, also those behind
   the last vector and term. */
OTX__PRIVATE bool otx__digits_take(otx__digits *digits, otx__pool *pool)
{
    size_t tiles = 0, i;
    if (!otx__mul(digits->tiles, digits->chunks, &tiles)) pool->failed = true;
    for (i = 0; i < (digits->floats ? 3u : 2u); i++)
        digits->planes[i] = (char *)otx__pool_take(pool, tiles, otx__digits_bytes(digits));
    return !pool->failed;
}

/* The same room for fewer terms. */
OTX__PRIVATE void otx__digits_resize(otx__digits *digits, size_t terms)
{
    otx__digits shape;
    otx__digits_shape(&shape, digits->kernels, digits->tiles, terms);
    digits->terms = shape.terms;
    digits->chunk = shape.chunk;
    digits->chunks = shape.chunks;
}

/* Terms with those added that fill up the last chunk. */
OTX__PRIVATE size_t otx__digits_terms(const otx__digits *digits)
{
    return digits->chunk * digits->chunks;
}

/* Rounds to the nearest whole number, the even of two; |value| is far below 2^31. */
OTX__INLINE int32_t otx__whole(double value)
{
    const double rounder = 6755399441055744.0; /* 1.5 * 2^52 */
    return (int32_t)(value + rounder - rounder);
}

/* The unit of a vector by its largest element; 0 for one of zeros. Elements that no float
   can hold count as such. */
OTX__PRIVATE double otx__digits_unit(double largest)
{
    return largest > 1e-200 ? largest / OTX__DIGITS_MOST : 0.0;
}

/* Writes one number, |whole| <= OTX__DIGITS_MOST, to place p of a chunk that begins at
   `block`. */
OTX__INLINE void otx__digits_write(const otx__digits *digits, size_t block, size_t lane, size_t p,
                                   int32_t whole)
{
    int32_t high = (whole + OTX__DIGIT + OTX__DIGIT_BASE * 128) / OTX__DIGIT_BASE - 128;
    int32_t low = whole - OTX__DIGIT_BASE * high;
    if (digits->floats) {
        size_t at = block + p * OTX__TILE + lane;
        ((float *)(void *)digits->planes[0])[at] = (float)high;
        ((float *)(void *)digits->planes[1])[at] = (float)low;
        ((float *)(void *)digits->planes[2])[at] = (float)(high + low);
    } else {
        size_t at = block + p / 4 * 4 * OTX__TILE + lane * 4 + p % 4;
        ((int8_t *)(void *)digits->planes[0])[at] = (int8_t)high;
        ((int8_t *)(void *)digits->planes[1])[at] = (int8_t)low;
    }
}

/* Where the chunk of a term of a tile begins. */
OTX__PRIVATE size_t otx__digits_block(const otx__digits *digits, size_t tile, size_t chunk)
{
    return (chunk * digits->tiles + tile) * digits->chunk * OTX__TILE;
}

/* Writes one term of a tile's 32 vectors, in units of these. */
OTX__PRIVATE void otx__digits_put_term(const otx__digits *digits, size_t tile, size_t term,
                                       const double elements[OTX__TILE])
{
    size_t block = otx__digits_block(digits, tile, term / digits->chunk);
    size_t p = term % digits->chunk, lane;
    for (lane = 0; lane < OTX__TILE; lane++)
        otx__digits_write(digits, block, lane, p, otx__whole(elements[lane]));
}

/* Writes all terms of one vector, in units of its own: *unit. */
OTX__PRIVATE void otx__digits_put_vector(const otx__digits *digits, size_t tile, size_t lane,
                                         const double *vector, double *unit)
{
    double largest = 0.0, rate;
    size_t chunk, p, i;
    for (i = 0; i < digits->terms; i++)
        if (fabs(vector[i]) > largest) largest = fabs(vector[i]);
    *unit = otx__digits_unit(largest);
    rate = *unit > 0.0 ? 1.0 / *unit : 0.0;
    for (chunk = 0, i = 0; chunk < digits->chunks; chunk++) {
        size_t block = otx__digits_block(digits, tile, chunk);
        for (p = 0; p < digits->chunk; p++, i++)
            otx__digits_write(digits, block, lane, p,
                              i < digits->terms ? otx__whole(vector[i] * rate) : 0);
    }
}

/* products[tile][j][i] of one plane of a and one of b over one chunk, exact. */
OTX__PRIVATE void otx__digits_chunk(const otx__digits *digits, const char *a, size_t tiles,
                                    const char *b, float *products)
{
    const float *x = (const float *)(const void *)a, *y = (const float *)(const void *)b;
    size_t n = digits->chunk, tile, j, p;
    if (!digits->floats) {
        digits->kernels->product_int8((const int8_t *)a, tiles, (const int8_t *)b, n, products);
        return;
    }
    for (tile = 0; tile < tiles; tile++, x += n * OTX__TILE)
        for (p = 0; p < n; p += OTX__CHAIN)
            for (j = 0; j < OTX__TILE; j += OTX__STRIP)
                digits->kernels->product(x + p * OTX__TILE, y + p * OTX__TILE + j,
                                         otx__min(OTX__CHAIN, n - p), p > 0,
                                         products + (tile * OTX__TILE + j) * OTX__TILE);
}

/* totals[tile][j][i] += <a_i, b_j> in units of both, for up to OTX__GROUP tiles of a from
   `first` on and one of b. products: room for 4 * OTX__GROUP * 32 * 32. */
OTX__PRIVATE void otx__digits_multiply(const otx__digits *a, size_t first, size_t tiles,
                                       const otx__digits *b, size_t other, double *const *totals,
                                       float *products)
{
    size_t size = tiles * OTX__TILE * OTX__TILE, chunk, tile, i;
    size_t bytes = otx__digits_bytes(a);
    const float *high = products, *low = products + size, *mixed = products + 2 * size;
    const float *turned = products + 3 * size;
    for (chunk = 0; chunk < a->chunks; chunk++) {
        size_t at = (chunk * a->tiles + first) * bytes, to = (chunk * b->tiles + other) * bytes;
        otx__digits_chunk(a, a->planes[0] + at, tiles, b->planes[0] + to, products);
        otx__digits_chunk(a, a->planes[1] + at, tiles, b->planes[1] + to, products + size);
        if (a->floats) {
            otx__digits_chunk(a, a->planes[2] + at, tiles, b->planes[2] + to,
                              products + 2 * size);
        } else {
            otx__digits_chunk(a, a->planes[0] + at, tiles, b->planes[1] + to,
                              products + 2 * size);
            otx__digits_chunk(a, a->planes[1] + at, tiles, b->planes[0] + to,
                              products + 3 * size);
        }
        for (tile = 0; tile < tiles; tile++) {
            double *total = totals[tile];
            size_t from = tile * OTX__TILE * OTX__TILE;
            for (i = 0; i < OTX__TILE * OTX__TILE; i++) {
                double top = (double)high[from + i], end = (double)low[from + i], middle;
                middle = a->floats ? (double)mixed[from + i] - top - end
                                   : (double)mixed[from + i] + (double)turned[from + i];
                total[i] += (double)(OTX__DIGIT_BASE * OTX__DIGIT_BASE) * top +
                            (double)OTX__DIGIT_BASE * middle + end;
            }
        }
    }
}

/* >>> src/solve/affine_normal.h */
/* ---- normal: the normal equations of the affine map, and their solution --------- */

/* With the anchors' rows A (donor) and B (base) less their means, whole multiples of the
   units of their columns: S = A'A, in tiles of the lower triangle, and C = A'B, in strips of
   32 columns. Both hold whole numbers until the units are put in. */

/* Anchors whose digits are held at a time. */
#define OTX__BLOCK 4096

#define OTX__TILE_SIZE ((size_t)OTX__TILE * OTX__TILE)

/* See otx__tile_take_by. */
typedef void (*otx__take)(double *t, const double *a, const double *b, size_t step, size_t pitch);

/* Rows of one matrix as the normal reads them. */
typedef struct otx__affine_side {
    const otx_matrix *matrix;
    const char *name; /* for messages */
    size_t columns, tiles;
    double *mean, *unit; /* [tiles * 32] 0 behind the last column */
} otx__affine_side;

typedef struct otx__normal {
    const otx_context *ctx;
    const otx__kernels *kernels;
    otx__affine_side donor, base;
    size_t rows;
    otx__digits block;     /* columns of donor and, behind them, of base */
    const uint32_t *order; /* of the anchors, or NULL for 0, 1, 2, ... */
    size_t first, count;   /* of those in the block, in that order */
    double *gram;          /* [tile x][tile y <= x][j][i] S of columns 32 x + i, 32 y + j */
    double *cross;         /* [strip][donor column][32] C */
    float *products;       /* [worker][4 * OTX__GROUP][32][32] */
    double *factor;        /* as gram: S in true units and with ridge, then its factor */
    double *weights;       /* as cross: C in true units, then the map */
    double *diagonal;      /* [donor column] of factor, before it is one; 0 behind the last */
    double ridge;          /* what is added to the diagonal */
    otx__take take;
    size_t column;         /* tile of the factor at hand */
    uint64_t done, total;  /* for the caller: rows and columns that are through */
} otx__normal;

/* Row i of a matrix, from column `first` on. */
OTX__PRIVATE const char *otx__affine_at(const otx_matrix *matrix, size_t i, size_t first)
{
    size_t stride = matrix->stride ? matrix->stride : matrix->columns;
    size_t row = matrix->index ? matrix->index[i] : i;
    return (const char *)matrix->data +
           (row * stride + first) * (otx_dtype_bits(matrix->dtype) / 8);
}

OTX__PRIVATE size_t otx__pairs(size_t tiles) { return tiles * (tiles + 1) / 2; }

OTX__PRIVATE double *otx__tile_at(double *triangle, size_t x, size_t y)
{
    return triangle + (otx__pairs(x) + y) * OTX__TILE_SIZE;
}

OTX__PRIVATE otx_result otx__normal_loop(otx__normal *normal, size_t count, double work,
                                         otx_parallel_body body, otx_error *error)
{
    otx__watch watch =
        otx__watch_open(normal->ctx, OTX_STAGE_GRAM, normal->done, normal->total);
    return otx__watch_loop(&watch, count, work, body, normal, error);
}

/* ---- means and units ---- */

OTX__PRIVATE const otx__affine_side *otx__normal_side(const otx__normal *normal, size_t *tile)
{
    if (*tile < normal->donor.tiles) return &normal->donor;
    *tile -= normal->donor.tiles;
    return &normal->base;
}

/* 32 columns: sums in double in the order of the rows. Rounding keeps order, so the largest
   difference from the mean is that of the largest or the smallest element. */
OTX__PRIVATE void otx__normal_measure_body(void *argument, size_t tile, int worker)
{
    const otx__normal *normal = (const otx__normal *)argument;
    const otx__affine_side *side = otx__normal_side(normal, &tile);
    size_t first = tile * OTX__TILE, count = otx__min(OTX__TILE, side->columns - first), i, j;
    double sums[OTX__TILE] = {0};
    float part[OTX__TILE], least[OTX__TILE], most[OTX__TILE];
    (void)worker;
    for (i = 0; i < normal->rows; i++) {
        otx_to_float(part, otx__affine_at(side->matrix, i, first), side->matrix->dtype, count);
        for (j = 0; j < count; j++) {
            sums[j] += (double)part[j];
            least[j] = i && least[j] < part[j] ? least[j] : part[j];
            most[j] = i && most[j] > part[j] ? most[j] : part[j];
        }
    }
    for (j = 0; j < count; j++) {
        double mean = sums[j] / (double)normal->rows;
        double below = mean - (double)least[j], above = (double)most[j] - mean;
        side->mean[first + j] = mean;
        side->unit[first + j] = otx__digits_unit(below > above ? below : above);
    }
}

/* Names the row that holds a value which is none. */
OTX__PRIVATE otx_result otx__normal_fail_row(const otx__affine_side *side, size_t column,
                                             otx_error *error)
{
    size_t i;
    for (i = 0; i < side->matrix->rows; i++) {
        float value;
        otx_to_float(&value, otx__affine_at(side->matrix, i, column), side->matrix->dtype, 1);
        if (!otx__is_finite((double)value)) break;
    }
    return otx__fail(error, OTX_ERROR_NOT_FINITE,
                     "%s: row %" PRIu64 ", column %" PRIu64 ", is NaN, infinite, or beyond a float",
                     side->name, (uint64_t)i, (uint64_t)column);
}

OTX__PRIVATE otx_result otx__normal_measure(otx__normal *normal, otx_error *error)
{
    const otx__affine_side *sides[2];
    otx_result result =
        otx__normal_loop(normal, normal->donor.tiles + normal->base.tiles,
                         4.0 * OTX__TILE * (double)normal->rows, otx__normal_measure_body, error);
    size_t side, i;
    sides[0] = &normal->donor;
    sides[1] = &normal->base;
    for (side = 0; side < 2 && !result; side++)
        for (i = 0; i < sides[side]->columns; i++)
            if (!otx__is_finite(sides[side]->mean[i]))
                return otx__normal_fail_row(sides[side], i, error);
    return result;
}

/* ---- products ---- */

/* The digits of 32 columns of the block's anchors. */
OTX__PRIVATE void otx__normal_fill_body(void *argument, size_t index, int worker)
{
    const otx__normal *normal = (const otx__normal *)argument;
    size_t tile = index, terms = otx__digits_terms(&normal->block), p, i;
    const otx__affine_side *side = otx__normal_side(normal, &tile);
    size_t first = tile * OTX__TILE, count = otx__min(OTX__TILE, side->columns - first);
    double rate[OTX__TILE] = {0}, steps[OTX__TILE] = {0};
    float part[OTX__TILE];
    (void)worker;
    for (i = 0; i < count; i++)
        if (side->unit[first + i] > 0.0) rate[i] = 1.0 / side->unit[first + i];
    for (p = 0; p < terms; p++) {
        size_t row = normal->first + p;
        if (p < normal->count) {
            if (normal->order) row = normal->order[row];
            otx_to_float(part, otx__affine_at(side->matrix, row, first), side->matrix->dtype,
                         count);
        }
        for (i = 0; i < count; i++)
            steps[i] = p < normal->count ? ((double)part[i] - side->mean[first + i]) * rate[i]
                                         : 0.0;
        otx__digits_put_term(&normal->block, index, p, steps);
    }
}

/* Adds the block's products of 32 columns of the donor with those columns of it that are
   not before them and all of the base. No two tasks write the same place. */
OTX__PRIVATE void otx__normal_multiply_body(void *argument, size_t tile, int worker)
{
    const otx__normal *normal = (const otx__normal *)argument;
    size_t rows = normal->donor.tiles, end = rows + normal->base.tiles, first, count, i;
    float *products =
        normal->products + (size_t)worker * 4 * OTX__GROUP * OTX__TILE_SIZE;
    for (first = tile; first < end; first += count) {
        double *totals[OTX__GROUP];
        count = otx__min(OTX__GROUP, end - first);
        for (i = 0; i < count; i++)
            totals[i] = first + i < rows
                            ? otx__tile_at(normal->gram, first + i, tile)
                            : normal->cross +
                                  ((first + i - rows) * rows + tile) * OTX__TILE_SIZE;
        otx__digits_multiply(&normal->block, first, count, &normal->block, tile, totals,
                             products);
    }
}

/* Adds anchors `first` to `end` of the order to the sums. These are whole numbers, exact in
   double up to 8 million anchors; beyond, they are rounded block by block in one order. */
OTX__PRIVATE otx_result otx__normal_add(otx__normal *normal, size_t first, size_t end,
                                        otx_error *error)
{
    double tiles = (double)(normal->donor.tiles + normal->base.tiles);
    otx_result result = OTX_OK;
    for (; first < end && !result; first += normal->count) {
        normal->first = first;
        normal->count = otx__min(OTX__BLOCK, end - first);
        otx__digits_resize(&normal->block, normal->count);
        result = otx__normal_loop(normal, (size_t)tiles, 8.0 * OTX__TILE * (double)normal->count,
                                  otx__normal_fill_body, error);
        if (result) return result;
        result = otx__normal_loop(normal, normal->donor.tiles,
                                  4.0 * tiles * (double)OTX__TILE_SIZE * (double)normal->count,
                                  otx__normal_multiply_body, error);
        normal->done += normal->count;
    }
    return result;
}

/* ---- in true units ---- */

/* A row of tiles of the triangle, or a strip of the right-hand side. */
OTX__PRIVATE void otx__normal_scale_body(void *argument, size_t index, int worker)
{
    const otx__normal *normal = (const otx__normal *)argument;
    size_t rows = normal->donor.tiles, tile = index, y, i, j;
    const otx__affine_side *side = otx__normal_side(normal, &tile);
    const double *unit = side->unit + tile * OTX__TILE;
    (void)worker;
    for (y = 0; y < (index < rows ? index + 1 : rows); y++) {
        size_t at = (index < rows ? otx__pairs(index) + y : tile * rows + y) * OTX__TILE_SIZE;
        const double *from = (index < rows ? normal->gram : normal->cross) + at;
        double *to = (index < rows ? normal->factor : normal->weights) + at;
        for (j = 0; j < OTX__TILE; j++)
            for (i = 0; i < OTX__TILE; i++)
                to[j * OTX__TILE + i] =
                    from[j * OTX__TILE + i] * unit[i] * normal->donor.unit[y * OTX__TILE + j];
    }
    for (i = 0; i < OTX__TILE && index < rows; i++) {
        double *at = otx__tile_at(normal->factor, index, index) + i * (OTX__TILE + 1);
        if (index * OTX__TILE + i < normal->donor.columns) *at += normal->ridge;
        normal->diagonal[index * OTX__TILE + i] = *at;
    }
}

/* The mean of the diagonal of S in true units, columns in order. */
OTX__PRIVATE double otx__normal_diagonal(const otx__normal *normal)
{
    double sum = 0.0;
    size_t i;
    for (i = 0; i < normal->donor.columns; i++) {
        double unit = normal->donor.unit[i];
        size_t at = i % OTX__TILE * (OTX__TILE + 1);
        sum += otx__tile_at(normal->gram, i / OTX__TILE, i / OTX__TILE)[at] * unit * unit;
    }
    return sum / (double)normal->donor.columns;
}

/* ---- the factor ---- */

/* t[j][i] -= sum over p of a[p][i] * b[p * step + j * pitch], p in order: the loop that the
   factor and the solution consist of. `lanes` is how many i, and j, are kept in registers:
   which has no influence on the order of operations on any number. */
OTX__INLINE void otx__tile_take_by(size_t lanes, double *OTX__RESTRICT t,
                                   const double *OTX__RESTRICT a, const double *OTX__RESTRICT b,
                                   size_t step, size_t pitch)
{
    size_t i, j, p, x, y;
    for (j = 0; j < OTX__TILE; j += 4) {
        for (i = 0; i < OTX__TILE; i += lanes) {
            double sums[4][16];
            for (y = 0; y < 4; y++)
                for (x = 0; x < lanes; x++) sums[y][x] = t[(j + y) * OTX__TILE + i + x];
            for (p = 0; p < OTX__TILE; p++) {
                OTX__UNROLL
                for (y = 0; y < 4; y++) {
                    double by = b[p * step + (j + y) * pitch];
                    OTX__UNROLL
                    for (x = 0; x < lanes; x++) {
                        double term = a[p * OTX__TILE + i + x] * by;
                        sums[y][x] -= term;
                    }
                }
            }
            for (y = 0; y < 4; y++)
                for (x = 0; x < lanes; x++) t[(j + y) * OTX__TILE + i + x] = sums[y][x];
        }
    }
}

OTX__PRIVATE void otx__tile_take(double *t, const double *a, const double *b, size_t step,
                                 size_t pitch)
{
    otx__tile_take_by(4, t, a, b, step, pitch);
}

/* The same loop, for compilers to make wider vectors of. */
#if defined(OTX__AVX2) && (defined(__GNUC__) || defined(__clang__))
__attribute__((target("avx2"))) OTX__PRIVATE void otx__tile_take_avx2(
    double *t, const double *a, const double *b, size_t step, size_t pitch)
{
    otx__tile_take_by(8, t, a, b, step, pitch);
}
#endif

#if defined(OTX__AVX512) && (defined(__GNUC__) || defined(__clang__))
__attribute__((target("avx512f,avx512vl"))) OTX__PRIVATE void otx__tile_take_avx512(
    double *t, const double *a, const double *b, size_t step, size_t pitch)
{
    otx__tile_take_by(16, t, a, b, step, pitch);
}
#endif

OTX__PRIVATE otx__take otx__tile_take_for(otx_isa isa)
{
#if defined(OTX__AVX512) && (defined(__GNUC__) || defined(__clang__))
    if (isa == OTX_ISA_AVX512 || isa == OTX_ISA_AVX512_BF16 || isa == OTX_ISA_AMX)
        return otx__tile_take_avx512;
#endif
#if defined(OTX__AVX2) && (defined(__GNUC__) || defined(__clang__))
    if (isa >= OTX_ISA_AVX2 && isa <= OTX_ISA_AMX) return otx__tile_take_avx2;
#endif
    (void)isa;
    return otx__tile_take;
}

/* A tile of the column at hand, less what the columns before it account for. */
OTX__PRIVATE void otx__factor_take_body(void *argument, size_t index, int worker)
{
    const otx__normal *normal = (const otx__normal *)argument;
    size_t x = normal->column + index, y;
    double *tile = otx__tile_at(normal->factor, x, normal->column);
    (void)worker;
    for (y = 0; y < normal->column; y++)
        normal->take(tile, otx__tile_at(normal->factor, x, y),
                       otx__tile_at(normal->factor, normal->column, y), OTX__TILE, 1);
}

/* Factors a tile of the diagonal, S = L L'. A column that depends on those before it is
   left out: its pivot, and all below it, become 0. */
OTX__PRIVATE void otx__factor_corner(const otx__normal *normal)
{
    size_t first = normal->column * OTX__TILE, i, j, p;
    double *tile = otx__tile_at(normal->factor, normal->column, normal->column);
    for (j = 0; j < OTX__TILE; j++) {
        double *column = tile + j * OTX__TILE;
        for (p = 0; p < j; p++) {
            double by = tile[p * OTX__TILE + j];
            for (i = j; i < OTX__TILE; i++) {
                double term = tile[p * OTX__TILE + i] * by;
                column[i] -= term;
            }
        }
        column[j] = column[j] > 1e-12 * normal->diagonal[first + j] ? sqrt(column[j]) : 0.0;
        for (i = j + 1; i < OTX__TILE; i++)
            column[i] = column[j] > 0.0 ? column[i] / column[j] : 0.0;
    }
}

/* The same columns of a tile below the diagonal. */
OTX__PRIVATE void otx__factor_below_body(void *argument, size_t index, int worker)
{
    const otx__normal *normal = (const otx__normal *)argument;
    const double *corner = otx__tile_at(normal->factor, normal->column, normal->column);
    double *tile = otx__tile_at(normal->factor, normal->column + 1 + index, normal->column);
    size_t i, j, p;
    (void)worker;
    for (j = 0; j < OTX__TILE; j++) {
        double *column = tile + j * OTX__TILE, pivot = corner[j * OTX__TILE + j];
        for (p = 0; p < j; p++) {
            double by = corner[p * OTX__TILE + j];
            for (i = 0; i < OTX__TILE; i++) {
                double term = tile[p * OTX__TILE + i] * by;
                column[i] -= term;
            }
        }
        for (i = 0; i < OTX__TILE; i++) column[i] = pivot > 0.0 ? column[i] / pivot : 0.0;
    }
}

OTX__PRIVATE otx_result otx__normal_factor(otx__normal *normal, otx_error *error)
{
    size_t tiles = normal->donor.tiles;
    otx_result result = OTX_OK;
    for (normal->column = 0; normal->column < tiles && !result; normal->column++) {
        size_t below = tiles - normal->column - 1;
        double work = (double)OTX__TILE * (double)OTX__TILE_SIZE;
        result = otx__normal_loop(normal, below + 1, (double)normal->column * work,
                                  otx__factor_take_body, error);
        if (result) return result;
        otx__factor_corner(normal);
        result = otx__normal_loop(normal, below, work, otx__factor_below_body, error);
        normal->done += otx__min(OTX__TILE, normal->donor.columns - normal->column * OTX__TILE);
    }
    return result;
}

/* ---- the solution ---- */

/* Solves L z = c and L' w = z for a tile of 32 right-hand sides, in place. */
OTX__PRIVATE void otx__corner_forward(const double *corner, double *x)
{
    size_t i, j, c;
    for (j = 0; j < OTX__TILE; j++) {
        double *row = x + j * OTX__TILE, pivot = corner[j * OTX__TILE + j];
        for (i = 0; i < j; i++) {
            double by = corner[i * OTX__TILE + j];
            for (c = 0; c < OTX__TILE; c++) {
                double term = x[i * OTX__TILE + c] * by;
                row[c] -= term;
            }
        }
        for (c = 0; c < OTX__TILE; c++) row[c] = pivot > 0.0 ? row[c] / pivot : 0.0;
    }
}

OTX__PRIVATE void otx__corner_backward(const double *corner, double *x)
{
    size_t i, j, c;
    for (j = OTX__TILE; j-- > 0;) {
        double *row = x + j * OTX__TILE, pivot = corner[j * OTX__TILE + j];
        for (i = j + 1; i < OTX__TILE; i++) {
            double by = corner[j * OTX__TILE + i];
            for (c = 0; c < OTX__TILE; c++) {
                double term = x[i * OTX__TILE + c] * by;
                row[c] -= term;
            }
        }
        for (c = 0; c < OTX__TILE; c++) row[c] = pivot > 0.0 ? row[c] / pivot : 0.0;
    }
}

/* A strip of 32 columns of the map. */
OTX__PRIVATE void otx__normal_solve_body(void *argument, size_t strip, int worker)
{
    const otx__normal *normal = (const otx__normal *)argument;
    size_t tiles = normal->donor.tiles, x, y;
    double *to = normal->weights + strip * tiles * OTX__TILE_SIZE;
    (void)worker;
    for (x = 0; x < tiles; x++) {
        for (y = 0; y < x; y++)
            normal->take(to + x * OTX__TILE_SIZE, to + y * OTX__TILE_SIZE,
                           otx__tile_at(normal->factor, x, y), OTX__TILE, 1);
        otx__corner_forward(otx__tile_at(normal->factor, x, x), to + x * OTX__TILE_SIZE);
    }
    for (x = tiles; x-- > 0;) {
        for (y = tiles; y-- > x + 1;)
            normal->take(to + x * OTX__TILE_SIZE, to + y * OTX__TILE_SIZE,
                           otx__tile_at(normal->factor, y, x), 1, OTX__TILE);
        otx__corner_backward(otx__tile_at(normal->factor, x, x), to + x * OTX__TILE_SIZE);
    }
}

/* weights: the map that the sums so far give with that ridge, relative to the mean of the
   diagonal. If factor and weights are gram and cross themselves, the sums are lost. */
OTX__PRIVATE otx_result otx__normal_solve(otx__normal *normal, double lambda, otx_error *error)
{
    double columns = (double)normal->donor.tiles * OTX__TILE;
    otx_result result;
    normal->ridge = lambda * otx__normal_diagonal(normal);
    result = otx__normal_loop(normal, normal->donor.tiles + normal->base.tiles,
                              2.0 * OTX__TILE * columns, otx__normal_scale_body, error);
    if (!result) result = otx__normal_factor(normal, error);
    if (!result)
        result = otx__normal_loop(normal, normal->base.tiles,
                                  (double)OTX__TILE * columns * columns,
                                  otx__normal_solve_body, error);
    return result;
}

/* >>> src/solve/affine_map.h */
/* ---- map: a fitted map, and the rows it makes ------------------------------------- */

/* Targets whose rows are made at a time. */
#define OTX__AFFINE_TARGETS 512

/* An anchor by the hash of its donor row. */
typedef struct otx__known_row {
    uint64_t hash;
    uint32_t anchor;
} otx__known_row;

typedef struct otx__affine {
    otx_context ctx; /* a copy: of whose allocator the blocks are */
    otx__pool pool;
    size_t anchors, columns, width; /* N, d, e */
    double *donor_mean, *base_mean; /* [d], [e] */
    otx__digits digits;             /* columns of the map, d terms */
    double *unit;                   /* [strip][32] of these columns */
    otx__known_row *known;          /* [anchors] in order */
} otx__affine;

/* ---- anchors by their rows ---- */

OTX__PRIVATE int otx__known_compare(const void *a, const void *b)
{
    const otx__known_row *x = (const otx__known_row *)a, *y = (const otx__known_row *)b;
    if (x->hash != y->hash) return x->hash < y->hash ? -1 : 1;
    return x->anchor < y->anchor ? -1 : x->anchor > y->anchor;
}

/* Of a row's elements as floats; 0 and -0 are one. */
OTX__PRIVATE uint64_t otx__hash_row(const otx_matrix *matrix, size_t row)
{
    uint64_t hash = UINT64_C(0xcbf29ce484222325);
    float part[OTX__TILE];
    size_t first, count, i;
    for (first = 0; first < matrix->columns; first += count) {
        count = otx__min(OTX__TILE, matrix->columns - first);
        otx_to_float(part, otx__affine_at(matrix, row, first), matrix->dtype, count);
        for (i = 0; i < count; i++) {
            float value = part[i] + 0.0f;
            uint32_t bits;
            memcpy(&bits, &value, sizeof bits);
            hash = (hash ^ bits) * UINT64_C(0x9e3779b97f4a7c15);
            hash ^= hash >> 29;
        }
    }
    return hash;
}

/* Whether two rows hold the same floats. */
OTX__PRIVATE bool otx__same_rows(const otx_matrix *a, size_t i, const otx_matrix *b, size_t j)
{
    float x[OTX__TILE], y[OTX__TILE];
    size_t first, count, p;
    for (first = 0; first < a->columns; first += count) {
        count = otx__min(OTX__TILE, a->columns - first);
        otx_to_float(x, otx__affine_at(a, i, first), a->dtype, count);
        otx_to_float(y, otx__affine_at(b, j, first), b->dtype, count);
        for (p = 0; p < count; p++)
            if (x[p] < y[p] || x[p] > y[p]) return false;
    }
    return true;
}

/* The lowest anchor that has the target's row; SIZE_MAX if none has. */
OTX__PRIVATE size_t otx__affine_find(const otx__affine *map, const otx_matrix *donor,
                                  const otx_matrix *targets, size_t target)
{
    uint64_t hash = otx__hash_row(targets, target);
    size_t low = 0, high = map->anchors;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (map->known[middle].hash < hash)
            low = middle + 1;
        else
            high = middle;
    }
    for (; low < map->anchors && map->known[low].hash == hash; low++)
        if (otx__same_rows(donor, map->known[low].anchor, targets, target))
            return map->known[low].anchor;
    return SIZE_MAX;
}

/* ---- making the map ---- */

typedef struct otx__affine_task {
    otx__affine *map;
    const otx_matrix *donor;
    const double *weights; /* [strip][tiles * 32][32] */
    size_t pitch;          /* tiles * 32 */
    double *column;        /* [worker][d] */
} otx__affine_task;

OTX__PRIVATE void otx__affine_hash_body(void *argument, size_t index, int worker)
{
    const otx__affine_task *task = (const otx__affine_task *)argument;
    size_t i, end = otx__min(task->map->anchors, (index + 1) * OTX__TILE);
    (void)worker;
    for (i = index * OTX__TILE; i < end; i++) {
        task->map->known[i].hash = otx__hash_row(task->donor, i);
        task->map->known[i].anchor = (uint32_t)i;
    }
}

/* 32 columns of the map, and zeros behind the last. */
OTX__PRIVATE void otx__affine_strip_body(void *argument, size_t strip, int worker)
{
    const otx__affine_task *task = (const otx__affine_task *)argument;
    otx__affine *map = task->map;
    const double *weights = task->weights + strip * task->pitch * OTX__TILE;
    double *column = task->column + (size_t)worker * map->columns;
    size_t lane, p;
    for (lane = 0; lane < OTX__TILE; lane++) {
        for (p = 0; p < map->columns; p++) column[p] = weights[p * OTX__TILE + lane];
        otx__digits_put_vector(&map->digits, strip, lane, column,
                               &map->unit[strip * OTX__TILE + lane]);
    }
}

/* Takes the means over, and the weights as otx__normal has them. */
OTX__PRIVATE otx_result otx__affine_set(otx__affine *map, const otx__normal *normal, double *column,
                                     otx_error *error)
{
    otx__watch watch = otx__watch_open(normal->ctx, OTX_STAGE_GRAM, normal->done, normal->total);
    otx__affine_task task;
    memset(&task, 0, sizeof task);
    task.map = map;
    task.weights = normal->weights;
    task.pitch = normal->donor.tiles * OTX__TILE;
    task.column = column;
    memcpy(map->donor_mean, normal->donor.mean, map->columns * sizeof *map->donor_mean);
    memcpy(map->base_mean, normal->base.mean, map->width * sizeof *map->base_mean);
    return otx__watch_loop(&watch, map->digits.tiles, 8.0 * OTX__TILE * (double)map->columns,
                           otx__affine_strip_body, &task, error);
}

/* Learns what the anchors' donor rows are. */
OTX__PRIVATE otx_result otx__affine_know(otx__affine *map, const otx__normal *normal, otx_error *error)
{
    otx__watch watch = otx__watch_open(normal->ctx, OTX_STAGE_GRAM, normal->done, normal->total);
    otx__affine_task task;
    otx_result result;
    memset(&task, 0, sizeof task);
    task.map = map;
    task.donor = normal->donor.matrix;
    result = otx__watch_loop(&watch, (map->anchors + OTX__TILE - 1) / OTX__TILE,
                             4.0 * OTX__TILE * (double)map->columns, otx__affine_hash_body, &task,
                             error);
    if (!result) otx__sort(map->known, map->anchors, sizeof *map->known, otx__known_compare);
    return result;
}

/* ---- making rows ---- */

enum {
    OTX__ROW_OPEN,  /* what the map makes of the remainder is to be added */
    OTX__ROW_MADE,  /* nothing */
    OTX__ROW_BROKEN /* nothing: it is not finite */
};

/* Some targets on their way. */
typedef struct otx__mapping {
    const otx__affine *map;
    const otx_matrix *donor, *base, *targets;
    const int32_t *indices;     /* [count][k] */
    const double *coefficients; /* [count][k] */
    size_t k;
    const uint32_t *order; /* which targets, or NULL for first, first + 1, ... */
    size_t first, count;   /* at hand */
    bool find;             /* whether targets may be anchors */
    double *rows;          /* [count][e] */
    otx__digits digits;    /* their remainders, d terms */
    double *unit;          /* [tile][32] of these */
    uint8_t *states;       /* [tile][32] what is to be done: */
    double *scratch;       /* [worker][2 * d] */
    double *totals;        /* [worker][OTX__GROUP][32][32] */
    float *products;       /* [worker][4 * OTX__GROUP][32][32] */
} otx__mapping;

OTX__PRIVATE size_t otx__mapping_target(const otx__mapping *mapping, size_t i)
{
    return mapping->order ? mapping->order[mapping->first + i] : mapping->first + i;
}

/* to := sum of coefficients * rows, and returns what is missing to a sum of 1. */
OTX__PRIVATE double otx__mapping_combine(const otx__mapping *mapping, const otx_matrix *matrix,
                                         size_t i, double *to)
{
    const int32_t *indices = mapping->indices + i * mapping->k;
    const double *coefficients = mapping->coefficients + i * mapping->k;
    double missing = 1.0;
    size_t j;
    for (j = 0; j < matrix->columns; j++) to[j] = 0.0;
    if (!mapping->k) return missing;
    otx__combine(mapping->map->digits.kernels, matrix, indices, coefficients, mapping->k, to);
    for (j = 0; j < mapping->k && indices[j] >= 0; j++) missing -= coefficients[j];
    return missing;
}

/* Target minus mean minus what the atoms make of it. False if that is not finite, and 0
   then. */
OTX__PRIVATE bool otx__mapping_remainder(const otx__mapping *mapping, size_t i,
                                         double *remainder, double *sum)
{
    const otx__affine *map = mapping->map;
    size_t target = otx__mapping_target(mapping, i), first, count, j;
    double missing = otx__mapping_combine(mapping, mapping->donor, i, sum);
    float part[OTX__TILE];
    bool finite = true;
    for (first = 0; first < map->columns; first += count) {
        count = otx__min(OTX__TILE, map->columns - first);
        otx_to_float(part, otx__affine_at(mapping->targets, target, first),
                     mapping->targets->dtype, count);
        for (j = first; j < first + count; j++) {
            double mean = missing * map->donor_mean[j];
            remainder[j] = (double)part[j - first] - mean - sum[j];
            finite &= otx__is_finite(remainder[j]);
        }
    }
    for (j = 0; j < map->columns && !finite; j++) remainder[j] = 0.0;
    return finite;
}

/* The base's row of an anchor. */
OTX__PRIVATE void otx__mapping_copy(const otx__mapping *mapping, size_t anchor, double *row)
{
    size_t width = mapping->map->width, first, count, j;
    float part[OTX__TILE];
    for (first = 0; first < width; first += count) {
        count = otx__min(OTX__TILE, width - first);
        otx_to_float(part, otx__affine_at(mapping->base, anchor, first), mapping->base->dtype,
                     count);
        for (j = 0; j < count; j++) row[first + j] = (double)part[j];
    }
}

/* One target: its remainder goes to the digits, what the atoms make of it to its row. */
OTX__PRIVATE void otx__mapping_open_body(void *argument, size_t i, int worker)
{
    const otx__mapping *mapping = (const otx__mapping *)argument;
    const otx__affine *map = mapping->map;
    double *remainder = mapping->scratch + (size_t)worker * 2 * map->columns, missing;
    double *row = mapping->rows + i * map->width;
    size_t anchor = SIZE_MAX, j;
    bool finite = true;
    if (i < mapping->count)
        finite = otx__mapping_remainder(mapping, i, remainder, remainder + map->columns);
    else /* a lane without a target */
        for (j = 0; j < map->columns; j++) remainder[j] = 0.0;
    otx__digits_put_vector(&mapping->digits, i / OTX__TILE, i % OTX__TILE, remainder,
                           &mapping->unit[i]);
    mapping->states[i] = finite ? OTX__ROW_OPEN : OTX__ROW_BROKEN;
    if (!finite || i >= mapping->count) return;
    if (mapping->find)
        anchor = otx__affine_find(map, mapping->donor, mapping->targets,
                               otx__mapping_target(mapping, i));
    if (anchor != SIZE_MAX) {
        mapping->states[i] = OTX__ROW_MADE;
        otx__mapping_copy(mapping, anchor, row);
        return;
    }
    missing = otx__mapping_combine(mapping, mapping->base, i, row);
    for (j = 0; j < map->width; j++) {
        double mean = missing * map->base_mean[j];
        row[j] = mean + row[j];
    }
}

/* Adds 32 columns of what the map makes of the remainders. */
OTX__PRIVATE void otx__mapping_strip_body(void *argument, size_t strip, int worker)
{
    const otx__mapping *mapping = (const otx__mapping *)argument;
    const otx__affine *map = mapping->map;
    double *totals = mapping->totals + (size_t)worker * OTX__GROUP * OTX__TILE_SIZE;
    float *products = mapping->products + (size_t)worker * 4 * OTX__GROUP * OTX__TILE_SIZE;
    const double *unit = map->unit + strip * OTX__TILE;
    size_t columns = otx__min(OTX__TILE, map->width - strip * OTX__TILE);
    size_t all = (mapping->count + OTX__TILE - 1) / OTX__TILE, first, tiles, i, j;
    for (first = 0; first < all; first += tiles) {
        double *each[OTX__GROUP];
        tiles = otx__min(OTX__GROUP, all - first);
        for (i = 0; i < tiles; i++) each[i] = totals + i * OTX__TILE_SIZE;
        memset(totals, 0, tiles * OTX__TILE_SIZE * sizeof *totals);
        otx__digits_multiply(&mapping->digits, first, tiles, &map->digits, strip, each, products);
        for (i = 0; i < tiles * OTX__TILE; i++) {
            size_t at = first * OTX__TILE + i;
            const double *total = totals + i / OTX__TILE * OTX__TILE_SIZE + i % OTX__TILE;
            double *row = mapping->rows + at * map->width + strip * OTX__TILE;
            if (at >= mapping->count) break;
            if (mapping->states[at] != OTX__ROW_OPEN) continue;
            for (j = 0; j < columns; j++) {
                double mapped = total[j * OTX__TILE] * (mapping->unit[at] * unit[j]);
                row[j] += mapped;
            }
        }
    }
}

/* Room for `targets` at a time. */
OTX__PRIVATE bool otx__mapping_take(otx__mapping *mapping, size_t targets, size_t threads,
                                    otx__pool *pool)
{
    const otx__affine *map = mapping->map;
    size_t tiles = (targets + OTX__TILE - 1) / OTX__TILE;
    otx__digits_shape(&mapping->digits, map->digits.kernels, tiles, map->columns);
    (void)otx__digits_take(&mapping->digits, pool);
    mapping->unit = (double *)otx__pool_take(pool, tiles, OTX__TILE * sizeof(double));
    mapping->states = (uint8_t *)otx__pool_take(pool, tiles, OTX__TILE);
    mapping->scratch =
        (double *)otx__pool_take(pool, threads, 2 * map->columns * sizeof(double));
    mapping->totals = (double *)otx__pool_take(
        pool, threads, OTX__GROUP * OTX__TILE_SIZE * sizeof(double));
    mapping->products = (float *)otx__pool_take(
        pool, threads, 4 * OTX__GROUP * OTX__TILE_SIZE * sizeof(float));
    return !pool->failed;
}

/* Makes the rows of the targets at hand, whose number is at most that of otx__mapping_take. */
OTX__PRIVATE otx_result otx__mapping_run(otx__mapping *mapping, otx__watch *watch,
                                         otx_error *error)
{
    const otx__affine *map = mapping->map;
    double work = (double)map->columns * (double)map->width, columns = (double)map->columns;
    size_t i, tiles = (mapping->count + OTX__TILE - 1) / OTX__TILE;
    otx_result result;
    result = otx__watch_loop(watch, tiles * OTX__TILE, 16.0 * ((double)mapping->k + 2.0) * columns,
                             otx__mapping_open_body, mapping, error);
    for (i = 0; i < mapping->count && !result; i++)
        if (mapping->states[i] == OTX__ROW_BROKEN)
            return otx__fail(error, OTX_ERROR_NOT_FINITE,
                             "target %" PRIu64 ", or a coefficient of it, is NaN, infinite, or "
                             "beyond a float",
                             (uint64_t)otx__mapping_target(mapping, i));
    if (result) return result;
    return otx__watch_loop(watch, map->digits.tiles,
                           4.0 * work / (double)map->digits.tiles * (double)mapping->count,
                           otx__mapping_strip_body, mapping, error);
}

/* >>> src/solve/affine_choice.h */
/* ---- choice: how many atoms, chosen by what, and how much ridge --------------------- */

/* Some anchors are hidden, and their rows made by each choice from the rest: one pursuit
   and one map serve for all numbers of atoms, as the first atoms of a pursuit are those of
   a shorter one. */

#define OTX__CHOICE_KS 64     /* numbers of atoms to choose from */
#define OTX__CHOICE_ROWS 1024 /* of the base, whose products stand for its second moment */

/* What the loss counts a lack of share for, against the error. */
#define OTX__CHOICE_SHARE 0.75

/* The loss at which more atoms are as good as the best, relative to its. */
#define OTX__CHOICE_SLACK 1.02

/* Sums of one hidden anchor: <p, b>, <b, b>, and those of squared products with rows of the
   base, of p - b and of b. */
typedef struct otx__figures {
    double share, whole, error, moment;
} otx__figures;

typedef struct otx__choice {
    const otx_context *ctx;
    const otx__kernels *kernels;
    otx__normal *normal;
    otx__affine *map;
    const otx_affine_options *options;
    size_t ks[OTX__CHOICE_KS], k_count, most; /* the largest of them */
    size_t hidden, kept;
    uint32_t *order; /* [anchors] those kept, those hidden, both in ascending order */
    uint32_t *donor_rows, *base_rows; /* [anchors] where they stand in the matrices */
    size_t selections;
    int32_t *indices;     /* [selection][hidden][most] of those kept */
    double *last;         /* [hidden][most] coefficients of all of these */
    double *coefficients; /* [selection][k][hidden][most] of the first so many */
    size_t selection;     /* at hand */
    float *rows;                      /* [worker][most + 1][d] less the mean */
    double *wide;                     /* [worker][d] */
    double *factor;                   /* [worker][most * (most + 1) / 2 + 2 * most + 1] */
    otx__mapping mapping;
    float *sample; /* [sample_count][e] rows of the base */
    size_t sample_count;
    double *truth;         /* [worker][e + 1024] */
    otx__figures *figures; /* [hidden] */
    bool known;            /* whether these have what does not go by the choice */
    double seconds_pursuit, seconds_trials;
} otx__choice;

/* ---- which anchors ---- */

/* The next of the numbers that splitmix64 (Steele, Lea and Flood 2014) makes of a seed. */
OTX__PRIVATE uint64_t otx__next_random(uint64_t *state)
{
    uint64_t z = *state += UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

/* Rows `which` of a matrix, as a matrix; index has room for them. */
OTX__PRIVATE otx_matrix otx__choice_view(const otx_matrix *matrix, const uint32_t *which,
                                         size_t count, uint32_t *index)
{
    otx_matrix view = *matrix;
    size_t i;
    for (i = 0; i < count; i++) index[i] = matrix->index ? matrix->index[which[i]] : which[i];
    view.index = index;
    view.rows = count;
    return view;
}

OTX__PRIVATE uint64_t otx__choice_budget(const otx__choice *choice, uint64_t taken)
{
    uint64_t budget = choice->options->memory ? choice->options->memory : (uint64_t)4 << 30;
    return budget > taken ? budget - taken : 1;
}

/* Marks the anchors nearest to targets, evenly spread, as hidden. */
OTX__PRIVATE otx_result otx__choice_near(otx__choice *choice, const otx_matrix *targets,
                                         uint8_t *marks, size_t *marked, uint64_t taken,
                                         otx_error *error)
{
    size_t count = otx__min(choice->hidden, targets->rows), i;
    const otx_matrix *donor = choice->normal->donor.matrix;
    uint32_t *which = choice->order, *index = choice->base_rows; /* not in use yet */
    otx_omp_options options;
    otx_omp_output output;
    otx_matrix view;
    otx_result result;
    for (i = 0; i < count; i++)
        which[i] = (uint32_t)((uint64_t)i * targets->rows / count);
    view = otx__choice_view(targets, which, count, index);
    memset(&options, 0, sizeof options);
    memset(&output, 0, sizeof output);
    options.k = 1;
    options.cosine = options.centred = true;
    options.memory = otx__choice_budget(choice, taken);
    output.indices = choice->indices;
    output.coefficients = choice->last;
    result = otx_omp(choice->ctx, donor, &view, &options, &output, NULL, error);
    for (i = 0; i < count && !result; i++) {
        if (output.indices[i] < 0 || marks[output.indices[i]]) continue;
        marks[output.indices[i]] = 1;
        ++*marked;
    }
    return result;
}

/* Settles the order: those that look like targets, and others at random, come last. */
OTX__PRIVATE otx_result otx__choice_hide(otx__choice *choice, const otx_matrix *targets,
                                         uint8_t *marks, uint64_t taken, otx_error *error)
{
    size_t anchors = choice->normal->rows, marked = 0, kept = 0, last = choice->kept, i;
    uint64_t state = choice->options->seed;
    otx_result result = OTX_OK;
    if (targets && choice->hidden)
        result = otx__choice_near(choice, targets, marks, &marked, taken, error);
    if (result) return result;
    while (marked < choice->hidden) {
        size_t anchor = (size_t)(otx__next_random(&state) % anchors);
        marked += !marks[anchor];
        marks[anchor] = 1;
    }
    for (i = 0; i < anchors; i++) choice->order[marks[i] ? last++ : kept++] = (uint32_t)i;
    return OTX_OK;
}

/* ---- the pursuit ---- */

/* One row less the donor's mean, rounded to float as otx_omp does it. */
OTX__PRIVATE void otx__choice_centre(const otx__choice *choice, size_t anchor, float *to)
{
    const otx__affine_side *donor = &choice->normal->donor;
    size_t i;
    otx_to_float(to, otx__affine_at(donor->matrix, anchor, 0), donor->matrix->dtype,
                 donor->columns);
    for (i = 0; i < donor->columns; i++) to[i] = (float)((double)to[i] - donor->mean[i]);
}

/* The products of an atom with those before it, with itself, and with the target, which
   stands first. */
OTX__PRIVATE void otx__choice_products(const otx__choice *choice, float *rows, size_t atom,
                                       double *wide, double *products)
{
    size_t columns = choice->normal->donor.columns, i;
    const float *own = rows + (atom + 1) * columns;
    for (i = 0; i < columns; i++) wide[i] = (double)own[i];
    for (i = 0; i < atom + 2; i++) {
        otx__row row;
        row.data = rows + i * columns;
        row.bf16 = false;
        choice->kernels->products(wide, &row, 1, columns, &products[i]);
    }
}

/* The coefficients of the first atoms of one hidden anchor, for all numbers of them. */
OTX__PRIVATE void otx__choice_prefix_body(void *argument, size_t i, int worker)
{
    const otx__choice *choice = (const otx__choice *)argument;
    size_t most = choice->most, columns = choice->normal->donor.columns, count, j, p;
    size_t triangle = otx__triangle_size(most);
    float *rows = choice->rows + (size_t)worker * (most + 1) * columns;
    double *wide = choice->wide + (size_t)worker * columns;
    double *factor = choice->factor + (size_t)worker * (triangle + 2 * most + 2);
    double *forward = factor + triangle, *products = forward + most;
    const int32_t *indices =
        choice->indices + (choice->selection * choice->hidden + i) * most;
    otx__choice_centre(choice, choice->order[choice->kept + i], rows);
    for (count = 0; count < most && indices[count] >= 0; count++) {
        double *row = factor + otx__triangle_size(count), pivot, value;
        otx__choice_centre(choice, choice->order[indices[count]], rows + (count + 1) * columns);
        otx__choice_products(choice, rows, count, wide, products);
        value = products[0];
        pivot = products[count + 1];
        for (j = 0; j < count; j++) row[j] = products[j + 1];
        if (count) otx__triangle_forward(factor, count, row);
        for (j = 0; j < count; j++) {
            double square = row[j] * row[j], share = row[j] * forward[j];
            pivot -= square;
            value -= share;
        }
        if (!(pivot > 0.0)) break;
        row[count] = sqrt(pivot);
        forward[count] = value / row[count];
    }
    for (j = 0; j < choice->k_count; j++) {
        size_t first = otx__min(choice->ks[j], count);
        size_t set = choice->selection * choice->k_count + j;
        double *to = choice->coefficients + (set * choice->hidden + i) * most;
        for (p = 0; p < most; p++) to[p] = p < first ? forward[p] : 0.0;
        if (first) otx__triangle_backward(factor, first, to);
    }
}

/* The pursuit of all hidden anchors. */
OTX__PRIVATE otx_result otx__choice_pursue(otx__choice *choice, bool cosine, uint64_t taken,
                                           otx_error *error)
{
    const otx_matrix *donor = choice->normal->donor.matrix;
    otx__watch watch =
        otx__watch_open(choice->ctx, OTX_STAGE_GRAM, choice->normal->done, choice->normal->total);
    otx_matrix atoms = *donor, targets = *donor;
    otx_omp_options options;
    otx_omp_output output;
    otx_result result;
    if (!choice->most) return OTX_OK;
    atoms.index = choice->donor_rows;
    atoms.rows = choice->kept;
    targets.index = choice->donor_rows + choice->kept;
    targets.rows = choice->hidden;
    memset(&options, 0, sizeof options);
    memset(&output, 0, sizeof output);
    options.k = choice->most;
    options.cosine = cosine;
    options.centred = true;
    options.memory = otx__choice_budget(choice, taken);
    output.indices =
        choice->indices + choice->selection * choice->hidden * choice->most;
    output.coefficients = choice->last;
    result = otx_omp(choice->ctx, &atoms, &targets, &options, &output, NULL, error);
    if (!result)
        result = otx__watch_loop(&watch, choice->hidden,
                                 (double)choice->most * (double)choice->most *
                                     (double)donor->columns,
                                 otx__choice_prefix_body, choice, error);
    return result;
}

/* ---- figures ---- */

/* Rows of the base, evenly spread over the anchors. */
OTX__PRIVATE void otx__choice_sample(otx__choice *choice)
{
    const otx_matrix *base = choice->normal->base.matrix;
    size_t i;
    for (i = 0; i < choice->sample_count; i++) {
        size_t row = (size_t)((uint64_t)i * base->rows / choice->sample_count);
        otx_to_float(choice->sample + i * base->columns, otx__affine_at(base, row, 0),
                     base->dtype, base->columns);
    }
}

/* The sum of the squared products of a vector with the sample. */
OTX__PRIVATE double otx__choice_moment(const otx__choice *choice, const double *vector,
                                       double *products)
{
    size_t width = choice->normal->base.columns, first, count, i;
    double sum = 0.0;
    for (first = 0; first < choice->sample_count; first += count) {
        otx__row rows[OTX__TILE];
        count = otx__min(OTX__TILE, choice->sample_count - first);
        for (i = 0; i < count; i++) {
            rows[i].data = choice->sample + (first + i) * width;
            rows[i].bf16 = false;
        }
        choice->kernels->dots(vector, rows, count, width, products);
        for (i = 0; i < count; i++) sum += products[i] * products[i];
    }
    return sum;
}

/* Compares one row with the true one. */
OTX__PRIVATE void otx__choice_compare_body(void *argument, size_t i, int worker)
{
    const otx__choice *choice = (const otx__choice *)argument;
    const otx_matrix *base = choice->normal->base.matrix;
    size_t width = base->columns, j;
    double *truth = choice->truth + (size_t)worker * (width + OTX__TILE);
    double *row = choice->mapping.rows + i * width, share = 0.0;
    otx__figures *figures = &choice->figures[i];
    otx__mapping_copy(&choice->mapping, choice->kept + i, truth);
    for (j = 0; j < width; j++) {
        share += row[j] * truth[j];
        row[j] -= truth[j];
    }
    figures->share = share;
    figures->error = otx__choice_moment(choice, row, truth + width);
    if (choice->known) return;
    figures->whole = 0.0;
    for (j = 0; j < width; j++) figures->whole += truth[j] * truth[j];
    figures->moment = otx__choice_moment(choice, truth, truth + width);
}

/* The rows of all hidden anchors by one choice, and its figures. */
OTX__PRIVATE otx_result otx__choice_try(otx__choice *choice, size_t selection, size_t k,
                                        otx_affine_trial *trial, otx_error *error)
{
    otx__watch watch =
        otx__watch_open(choice->ctx, OTX_STAGE_GRAM, choice->normal->done, choice->normal->total);
    double width = (double)choice->normal->base.columns;
    otx__figures sum = {0.0, 0.0, 0.0, 0.0};
    otx_result result;
    size_t i;
    choice->mapping.indices =
        choice->indices + selection * choice->hidden * choice->most;
    choice->mapping.coefficients =
        choice->coefficients +
        (selection * choice->k_count + k) * choice->hidden * choice->most;
    choice->mapping.k = choice->most;
    result = otx__mapping_run(&choice->mapping, &watch, error);
    if (!result)
        result = otx__watch_loop(&watch, choice->hidden,
                                 2.0 * (double)choice->sample_count * width,
                                 otx__choice_compare_body, choice, error);
    choice->known = true;
    for (i = 0; i < choice->hidden && !result; i++) {
        sum.share += choice->figures[i].share;
        sum.whole += choice->figures[i].whole;
        sum.error += choice->figures[i].error;
        sum.moment += choice->figures[i].moment;
    }
    trial->share = sum.whole > 0.0 ? sum.share / sum.whole : 0.0;
    trial->error = sum.moment > 0.0 ? sqrt(sum.error / sum.moment) : 0.0;
    trial->loss = trial->error + OTX__CHOICE_SHARE * (1.0 - trial->share);
    return result;
}

/* The choice of the least loss, of equals the first; if it takes atoms, the one with most
   atoms, all else being the same, whose loss is nearly that. */
OTX__PRIVATE size_t otx__choice_best(const otx_affine_trial *trials, size_t count)
{
    size_t best = 0, i;
    double least;
    for (i = 1; i < count; i++)
        if (trials[i].loss < trials[best].loss) best = i;
    least = trials[best].loss;
    if (trials[best].k == 0) return best;
    for (i = best + 1; i < count && trials[i].k > trials[i - 1].k; i++)
        if (trials[i].loss <= OTX__CHOICE_SLACK * least) best = i;
    return best;
}

/* Tries every choice. */
OTX__PRIVATE otx_result otx__choice_run(otx__choice *choice, otx_affine_trial *trials,
                                        size_t count, uint64_t taken, otx_error *error)
{
    size_t each = choice->k_count, i;
    double clock = otx__now();
    otx_result result = OTX_OK;
    for (i = 0; i < choice->selections && !result; i++) {
        choice->selection = i;
        result = otx__choice_pursue(choice, trials[i * each].cosine, taken, error);
    }
    choice->seconds_pursuit += otx__now() - clock;
    for (i = 0; i < count && !result; i++) {
        if (i % (each * choice->selections) == 0) {
            result = otx__normal_solve(choice->normal, trials[i].lambda, error);
            if (!result)
                result = otx__affine_set(choice->map, choice->normal, choice->wide, error);
        }
        clock = otx__now();
        if (!result)
            result = otx__choice_try(choice, i / each % choice->selections, i % each,
                                     &trials[i], error);
        choice->seconds_trials += otx__now() - clock;
    }
    return result;
}

/* >>> src/solve/affine.h */
/* ---- affine: fitting and applying affine maps ---------------------------------------- */

#define OTX__LAMBDA 0.01
#define OTX__HIDDEN 256

/* Everything that one fit needs. */
typedef struct otx__fit {
    otx_context ctx; /* settled: its threads do not change on the way */
    otx_affine_options options;
    otx__pool pool; /* freed at the end */
    otx__affine *map;
    otx__normal normal;
    otx__choice choice;
    otx_affine_trial *trials;
    size_t trial_count;
    double *column; /* [worker][d] */
    uint8_t *marks; /* [anchors] */
    bool chooses;
} otx__fit;

/* ---- what is asked for ---- */

OTX__PRIVATE otx_result otx__fit_check_options(const otx__fit *fit, otx_error *error)
{
    const otx_affine_options *options = &fit->options;
    size_t i;
    if (options->k_count > OTX__CHOICE_KS || options->lambda_count > OTX__CHOICE_KS)
        return otx__fail(error, OTX_ERROR_ARGUMENT, "at most %d choices of a kind, not %" PRIu64,
                         OTX__CHOICE_KS,
                         (uint64_t)otx__max(options->k_count, options->lambda_count));
    for (i = 1; i < options->k_count; i++)
        if (options->ks[i] <= options->ks[i - 1])
            return otx__fail(error, OTX_ERROR_ARGUMENT,
                             "numbers of atoms to choose from must ascend: %" PRIu64
                             " after %" PRIu64,
                             (uint64_t)options->ks[i], (uint64_t)options->ks[i - 1]);
    for (i = 0; i < options->lambda_count; i++)
        if (!(options->lambdas[i] >= 0.0 && options->lambdas[i] <= OTX__RIDGE))
            return otx__fail(error, OTX_ERROR_ARGUMENT, "lambda %g is not from 0 to %g",
                             options->lambdas[i], OTX__RIDGE);
    if ((unsigned)options->selection > OTX_AFFINE_EITHER)
        return otx__fail(error, OTX_ERROR_ARGUMENT, "selection %d is none",
                         (int)options->selection);
    return OTX_OK;
}

OTX__PRIVATE otx_result otx__fit_check(const otx__fit *fit, const otx_matrix *donor,
                                       const otx_matrix *base, const otx_matrix *targets,
                                       otx_error *error)
{
    otx_result result = otx__check_matrix(donor, "donor", error);
    if (!result) result = otx__check_matrix(base, "base", error);
    if (!result && targets) result = otx__check_matrix(targets, "targets", error);
    if (!result) result = otx__fit_check_options(fit, error);
    if (result) return result;
    if (donor->rows != base->rows)
        return otx__fail(error, OTX_ERROR_ARGUMENT,
                         "donor has %" PRIu64 " rows of anchors and base %" PRIu64,
                         (uint64_t)donor->rows, (uint64_t)base->rows);
    if (targets && targets->columns != donor->columns)
        return otx__fail(error, OTX_ERROR_ARGUMENT,
                         "anchors have %" PRIu64 " columns in the donor and targets %" PRIu64,
                         (uint64_t)donor->columns, (uint64_t)targets->columns);
    if (!otx__kernels_for(fit->ctx.isa))
        return otx__fail(error, OTX_ERROR_UNSUPPORTED,
                         "this machine or build has no instruction set \"%s\"",
                         otx_isa_name(fit->ctx.isa) ? otx_isa_name(fit->ctx.isa) : "?");
    return OTX_OK;
}

/* Fills in what was left to be chosen. */
OTX__PRIVATE void otx__fit_settle(otx__fit *fit, const otx_affine_options *options)
{
    static const size_t ks[] = {0, 1, 2, 4, 8, 16, 24, 32, 48, 64};
    static const double lambda = OTX__LAMBDA;
    if (options) fit->options = *options;
    if (!fit->options.ks || !fit->options.k_count) {
        fit->options.ks = ks;
        fit->options.k_count = OTX__COUNT(ks);
    }
    if (!fit->options.lambdas || !fit->options.lambda_count) {
        fit->options.lambdas = &lambda;
        fit->options.lambda_count = 1;
    }
}

/* How many anchors to hide, and the choices that there are. */
OTX__PRIVATE void otx__fit_choices(otx__fit *fit)
{
    const otx_affine_options *options = &fit->options;
    otx__choice *choice = &fit->choice;
    size_t rows = fit->normal.rows, hidden = options->holdout, limit, i;
    hidden = otx__min(hidden ? hidden : OTX__HIDDEN, rows / 10);
    limit = otx__min(rows - hidden, fit->normal.donor.columns);
    for (i = 0; i < options->k_count; i++) {
        size_t k = otx__min(options->ks[i], limit);
        if (choice->k_count && k == choice->most) continue;
        choice->ks[choice->k_count++] = choice->most = k;
    }
    choice->selections = options->selection == OTX_AFFINE_EITHER ? 2 : 1;
    fit->trial_count = choice->k_count * choice->selections * options->lambda_count;
    fit->chooses = hidden > 0 && (fit->trial_count > 1 || options->holdout > 0);
    choice->hidden = fit->chooses ? hidden : 0;
    choice->kept = rows - choice->hidden;
}

/* ---- memory ---- */

/* Bytes of the large blocks, also where they would not fit a size. */
OTX__PRIVATE double otx__fit_need(const otx__fit *fit)
{
    const otx__normal *normal = &fit->normal;
    const otx__choice *choice = &fit->choice;
    double d = (double)normal->donor.columns, e = (double)normal->base.columns;
    double rows = (double)normal->donor.tiles, strips = (double)normal->base.tiles;
    double sums = 8.0 * (double)OTX__TILE_SIZE * (rows * (rows + 1.0) / 2.0 + rows * strips);
    double hidden = (double)choice->hidden, most = (double)choice->most;
    double sets = (double)choice->selections * (double)choice->k_count;
    double need = sums + otx__digits_need(&normal->block) +
                  otx__digits_need(&fit->map->digits) + 16.0 * (double)normal->rows +
                  (double)fit->ctx.threads * (8.0 * d + 16.0 * OTX__GROUP * OTX__TILE_SIZE);
    if (!fit->chooses) return need;
    need += sums + 13.0 * (double)normal->rows + otx__digits_need(&choice->mapping.digits);
    need += hidden * (8.0 * e + most * (16.0 + 8.0 * sets));
    need += 4.0 * (double)choice->sample_count * e;
    need += (double)fit->ctx.threads * (4.0 * (most + 1.0) * d + 16.0 * d + 8.0 * e +
                                        8.0 * (most + 4.0) * (most + 4.0) +
                                        24.0 * OTX__GROUP * OTX__TILE_SIZE);
    return need;
}

OTX__PRIVATE otx_result otx__fit_budget(const otx__fit *fit, otx_error *error)
{
    double need = otx__fit_need(fit);
    double budget = (double)otx__choice_budget(&fit->choice, 0);
    if (need <= budget) return OTX_OK;
    return otx__fail(error, OTX_ERROR_MEMORY,
                     "a map of %" PRIu64 " by %" PRIu64 " columns over %" PRIu64
                     " anchors takes %.0f MiB, and the budget is %.0f MiB",
                     (uint64_t)fit->normal.donor.columns, (uint64_t)fit->normal.base.columns,
                     (uint64_t)fit->normal.rows, ceil(need / 1048576.0),
                     floor(budget / 1048576.0));
}

OTX__PRIVATE void otx__fit_take_side(otx__affine_side *side, otx__pool *pool)
{
    side->mean = (double *)otx__pool_take_zero(pool, side->tiles, OTX__TILE * sizeof(double));
    side->unit = (double *)otx__pool_take_zero(pool, side->tiles, OTX__TILE * sizeof(double));
}

OTX__PRIVATE bool otx__fit_take_normal(otx__fit *fit)
{
    otx__normal *normal = &fit->normal;
    otx__pool *pool = &fit->pool;
    size_t threads = (size_t)fit->ctx.threads, tile = OTX__TILE_SIZE * sizeof(double);
    size_t pairs = otx__pairs(normal->donor.tiles);
    size_t strips = normal->base.tiles * normal->donor.tiles;
    otx__fit_take_side(&normal->donor, pool);
    otx__fit_take_side(&normal->base, pool);
    (void)otx__digits_take(&normal->block, pool);
    normal->gram = (double *)otx__pool_take_zero(pool, pairs, tile);
    normal->cross = (double *)otx__pool_take_zero(pool, strips, tile);
    normal->factor = normal->gram;
    normal->weights = normal->cross;
    if (fit->chooses) {
        normal->factor = (double *)otx__pool_take(pool, pairs, tile);
        normal->weights = (double *)otx__pool_take(pool, strips, tile);
    }
    normal->diagonal =
        (double *)otx__pool_take(pool, normal->donor.tiles, OTX__TILE * sizeof(double));
    normal->products = (float *)otx__pool_take(
        pool, threads, 4 * OTX__GROUP * OTX__TILE_SIZE * sizeof(float));
    fit->column = (double *)otx__pool_take(pool, threads, normal->donor.columns * sizeof(double));
    return !pool->failed;
}

OTX__PRIVATE bool otx__fit_take_choice(otx__fit *fit)
{
    otx__choice *choice = &fit->choice;
    otx__pool *pool = &fit->pool;
    size_t threads = (size_t)fit->ctx.threads, d = fit->normal.donor.columns;
    size_t e = fit->normal.base.columns, rows = fit->normal.rows, most = choice->most;
    size_t hidden = choice->hidden, each = otx__max(most, 1), factor;
    if (!fit->chooses) return true;
    factor = otx__triangle_size(most) + 2 * most + 2;
    fit->marks = (uint8_t *)otx__pool_take_zero(pool, rows, 1);
    choice->order = (uint32_t *)otx__pool_take(pool, rows, sizeof(uint32_t));
    choice->donor_rows = (uint32_t *)otx__pool_take(pool, rows, sizeof(uint32_t));
    choice->base_rows = (uint32_t *)otx__pool_take(pool, rows, sizeof(uint32_t));
    choice->indices = (int32_t *)otx__pool_take(
        pool, hidden, choice->selections * each * sizeof(int32_t));
    choice->last = (double *)otx__pool_take(pool, hidden, each * sizeof(double));
    choice->coefficients = (double *)otx__pool_take_zero(
        pool, hidden, choice->selections * choice->k_count * each * sizeof(double));
    choice->rows = (float *)otx__pool_take(pool, threads, (most + 1) * d * sizeof(float));
    choice->wide = fit->column;
    choice->factor = (double *)otx__pool_take(pool, threads, factor * sizeof(double));
    choice->sample =
        (float *)otx__pool_take(pool, choice->sample_count, e * sizeof(float));
    choice->truth = (double *)otx__pool_take(pool, threads, (e + OTX__TILE) * sizeof(double));
    choice->figures = (otx__figures *)otx__pool_take(pool, hidden, sizeof(otx__figures));
    choice->mapping.rows = (double *)otx__pool_take(pool, hidden, e * sizeof(double));
    return otx__mapping_take(&choice->mapping, hidden, threads, pool);
}

/* What the map keeps. */
OTX__PRIVATE bool otx__fit_take_map(otx__fit *fit)
{
    otx__affine *map = fit->map;
    otx__pool *pool = &map->pool;
    map->donor_mean = (double *)otx__pool_take(pool, map->columns, sizeof(double));
    map->base_mean = (double *)otx__pool_take(pool, map->width, sizeof(double));
    map->unit = (double *)otx__pool_take(pool, map->digits.tiles, OTX__TILE * sizeof(double));
    map->known = (otx__known_row *)otx__pool_take(pool, map->anchors, sizeof(otx__known_row));
    fit->trials =
        (otx_affine_trial *)otx__pool_take_zero(pool, fit->trial_count, sizeof *fit->trials);
    return otx__digits_take(&map->digits, pool);
}

/* ---- fitting ---- */

OTX__PRIVATE void otx__fit_set_side(otx__affine_side *side, const otx_matrix *matrix,
                                    const char *name)
{
    side->matrix = matrix;
    side->name = name;
    side->columns = matrix->columns;
    side->tiles = (matrix->columns + OTX__TILE - 1) / OTX__TILE;
}

/* Shapes of it all. */
OTX__PRIVATE void otx__fit_shape(otx__fit *fit, const otx_matrix *donor, const otx_matrix *base)
{
    const otx__kernels *kernels = otx__kernels_for(fit->ctx.isa);
    otx__normal *normal = &fit->normal;
    otx__choice *choice = &fit->choice;
    otx__affine *map = fit->map;
    normal->ctx = choice->ctx = &fit->ctx;
    normal->kernels = choice->kernels = kernels;
    normal->take = otx__tile_take_for(kernels->isa);
    normal->rows = map->anchors = donor->rows;
    otx__fit_set_side(&normal->donor, donor, "donor");
    otx__fit_set_side(&normal->base, base, "base");
    otx__digits_shape(&normal->block, kernels, normal->donor.tiles + normal->base.tiles,
                      otx__min(OTX__BLOCK, donor->rows));
    map->columns = donor->columns;
    map->width = base->columns;
    otx__digits_shape(&map->digits, kernels, normal->base.tiles, donor->columns);
    choice->normal = normal;
    choice->map = map;
    choice->mapping.map = map;
    choice->options = &fit->options;
    choice->sample_count = otx__min(OTX__CHOICE_ROWS, base->rows);
    otx__fit_choices(fit);
    otx__digits_shape(&choice->mapping.digits, kernels,
                      (choice->hidden + OTX__TILE - 1) / OTX__TILE, donor->columns);
    normal->total = (uint64_t)donor->rows + donor->columns;
    if (fit->chooses) normal->total += donor->columns * fit->options.lambda_count;
}

/* The choices, in order of lambda, selection and k. */
OTX__PRIVATE void otx__fit_list(otx__fit *fit)
{
    const otx_affine_options *options = &fit->options;
    size_t selections = fit->choice.selections, i;
    for (i = 0; i < fit->trial_count; i++) {
        size_t selection = i / fit->choice.k_count % selections;
        fit->trials[i].k = fit->choice.ks[i % fit->choice.k_count];
        fit->trials[i].cosine = options->selection == OTX_AFFINE_COSINE || selection == 1;
        fit->trials[i].lambda = options->lambdas[i / fit->choice.k_count / selections];
    }
}

/* Hides anchors, fits a map to the others, and finds the best choice. */
OTX__PRIVATE otx_result otx__fit_choose(otx__fit *fit, const otx_matrix *targets, size_t *best,
                                        otx_affine_stats *stats, otx_error *error)
{
    otx__choice *choice = &fit->choice;
    const otx_matrix *donor = fit->normal.donor.matrix, *base = fit->normal.base.matrix;
    otx_matrix donor_view, base_view, hidden_view;
    uint64_t taken = fit->pool.bytes + fit->map->pool.bytes;
    double clock = otx__now();
    otx_result result = otx__choice_hide(choice, targets, fit->marks, taken, error);
    choice->seconds_pursuit = otx__now() - clock;
    if (result) return result;
    donor_view = otx__choice_view(donor, choice->order, donor->rows, choice->donor_rows);
    base_view = otx__choice_view(base, choice->order, base->rows, choice->base_rows);
    hidden_view = donor_view;
    hidden_view.index = choice->donor_rows + choice->kept;
    hidden_view.rows = choice->hidden;
    choice->mapping.donor = &donor_view;
    choice->mapping.base = &base_view;
    choice->mapping.targets = &hidden_view;
    choice->mapping.count = choice->hidden;
    fit->normal.order = choice->order;
    otx__choice_sample(choice);
    clock = otx__now();
    result = otx__normal_add(&fit->normal, 0, choice->kept, error);
    stats->seconds_products += otx__now() - clock;
    if (!result) result = otx__choice_run(choice, fit->trials, fit->trial_count, taken, error);
    if (!result) *best = otx__choice_best(fit->trials, fit->trial_count);
    stats->seconds_pursuit = choice->seconds_pursuit;
    stats->seconds_trials = choice->seconds_trials;
    return result;
}

OTX__PRIVATE otx_result otx__fit_run(otx__fit *fit, const otx_matrix *targets, size_t *best,
                                     otx_affine_stats *stats, otx_error *error)
{
    otx__normal *normal = &fit->normal;
    double clock = otx__now();
    otx_result result = otx__normal_measure(normal, error);
    stats->seconds_products = otx__now() - clock;
    if (!result && fit->chooses) result = otx__fit_choose(fit, targets, best, stats, error);
    clock = otx__now();
    if (!result) result = otx__normal_add(normal, fit->chooses ? fit->choice.kept : 0,
                                          normal->rows, error);
    stats->seconds_products += otx__now() - clock;
    if (!result) result = otx__normal_solve(normal, fit->trials[*best].lambda, error);
    if (!result) result = otx__affine_set(fit->map, normal, fit->column, error);
    if (!result) result = otx__affine_know(fit->map, normal, error);
    return result;
}

/* Takes all memory, within the budget. */
OTX__PRIVATE otx_result otx__fit_open(otx__fit *fit, otx_error *error)
{
    otx_result result = otx__fit_budget(fit, error);
    if (result) return result;
    if (!otx__fit_take_map(fit)) return otx__pool_fail(&fit->map->pool, error);
    if (!otx__fit_take_normal(fit) || !otx__fit_take_choice(fit))
        return otx__pool_fail(&fit->pool, error);
    otx__fit_list(fit);
    return OTX_OK;
}

OTX__PRIVATE void otx__affine_close(otx__affine *map)
{
    otx_context ctx = map->ctx; /* whose allocator frees what it stands in */
    otx__pool_close(&map->pool);
    otx__free(&ctx, map, 1, sizeof *map);
}

OTX__PRIVATE otx__affine *otx__affine_new(const otx_context *ctx)
{
    otx__affine *map = (otx__affine *)otx__alloc_zero(ctx, 1, sizeof *map);
    if (!map) return NULL;
    if (ctx) map->ctx.allocator = ctx->allocator;
    otx__pool_open(&map->pool, &map->ctx);
    return map;
}

OTX__PRIVATE void otx__fit_result(const otx__fit *fit, size_t best, otx_affine_map *map)
{
    memset(map, 0, sizeof *map);
    map->anchors = fit->map->anchors;
    map->donor_columns = fit->map->columns;
    map->base_columns = fit->map->width;
    map->choice = fit->trials[best];
    map->trials = fit->trials;
    map->trial_count = fit->trial_count;
    map->hidden = fit->choice.hidden;
    map->bytes = fit->map->pool.bytes + sizeof *fit->map;
    map->state = fit->map;
}

OTX_API otx_result otx_affine_fit(const otx_context *ctx, const otx_matrix *donor,
                                  const otx_matrix *base, const otx_matrix *targets,
                                  const otx_affine_options *options, otx_affine_map *map,
                                  otx_affine_stats *stats, otx_error *error)
{
    otx__fit fit;
    otx_affine_stats counted;
    otx_result result;
    size_t best = 0;
    double clock = otx__now();
    memset(&fit, 0, sizeof fit);
    memset(&counted, 0, sizeof counted);
    if (ctx) fit.ctx = *ctx;
    fit.ctx.threads = otx__threads(ctx);
    otx__fit_settle(&fit, options);
    result = otx__fit_check(&fit, donor, base, targets, error);
    if (result) return result;
    fit.map = otx__affine_new(ctx);
    if (!fit.map) return otx__fail_memory(error, sizeof *fit.map);
    otx__pool_open(&fit.pool, &fit.ctx);
    otx__fit_shape(&fit, donor, base);
    result = otx__fit_open(&fit, error);
    if (!result) result = otx__fit_run(&fit, targets, &best, &counted, error);
    counted.isa = fit.normal.kernels->isa;
    counted.threads = fit.ctx.threads;
    counted.peak_bytes = fit.pool.bytes + fit.map->pool.bytes + sizeof *fit.map;
    counted.seconds = otx__now() - clock;
    counted.seconds_solve = counted.seconds - counted.seconds_products -
                            counted.seconds_pursuit - counted.seconds_trials;
    otx__pool_close(&fit.pool);
    if (result) {
        otx__affine_close(fit.map);
        return result;
    }
    otx__fit_result(&fit, best, map);
    if (stats) *stats = counted;
    return OTX_OK;
}

OTX_API bool otx_affine_pursuit(const otx_affine_map *map, otx_omp_options *options)
{
    options->k = map->choice.k;
    options->cosine = map->choice.cosine;
    options->centred = true;
    return map->choice.k > 0;
}

OTX_API void otx_affine_close(otx_affine_map *map)
{
    if (map->state) otx__affine_close((otx__affine *)map->state);
    memset(map, 0, sizeof *map);
}

/* ---- applying ---- */

OTX__PRIVATE otx_result otx__apply_check(const otx__affine *map, const otx_matrix *donor,
                                         const otx_matrix *base, const otx_matrix *targets,
                                         size_t first, size_t count, otx_error *error)
{
    otx_result result = otx__check_matrix(donor, "donor", error);
    if (!result) result = otx__check_matrix(base, "base", error);
    if (!result) result = otx__check_matrix(targets, "targets", error);
    if (result) return result;
    if (donor->rows != map->anchors || base->rows != map->anchors ||
        donor->columns != map->columns || base->columns != map->width ||
        targets->columns != map->columns)
        return otx__fail(error, OTX_ERROR_ARGUMENT,
                         "the map is from %" PRIu64 " to %" PRIu64 " columns over %" PRIu64
                         " anchors, and these matrices are not of its shape",
                         (uint64_t)map->columns, (uint64_t)map->width, (uint64_t)map->anchors);
    if (first > targets->rows || count > targets->rows - first)
        return otx__fail(error, OTX_ERROR_ARGUMENT,
                         "targets %" PRIu64 " to %" PRIu64 " are not among %" PRIu64,
                         (uint64_t)first, (uint64_t)first + count, (uint64_t)targets->rows);
    return OTX_OK;
}

/* All blocks of targets. */
OTX__PRIVATE otx_result otx__apply_run(const otx_context *ctx, otx__mapping *mapping,
                                       size_t count, size_t room, otx_error *error)
{
    size_t done = 0, step = mapping->k;
    otx_result result = OTX_OK;
    while (done < count && !result) {
        otx__watch watch = otx__watch_open(ctx, OTX_STAGE_SOLVE, done, count);
        mapping->count = otx__min(room, count - done);
        result = otx__mapping_run(mapping, &watch, error);
        done += mapping->count;
        mapping->first += mapping->count;
        mapping->indices += mapping->count * step;
        mapping->coefficients += mapping->count * step;
        mapping->rows += mapping->count * mapping->map->width;
    }
    return result;
}

OTX_API otx_result otx_affine_apply(const otx_context *ctx, const otx_affine_map *map,
                                    const otx_matrix *donor, const otx_matrix *base,
                                    const otx_matrix *targets, size_t first, size_t count,
                                    const int32_t *indices, const double *coefficients,
                                    size_t k, double *rows, otx_error *error)
{
    static const int32_t no_index = -1;
    static const double no_coefficient = 0.0;
    const otx__affine *state = map ? (const otx__affine *)map->state : NULL;
    size_t room = otx__min(OTX__AFFINE_TARGETS, count);
    otx__mapping mapping;
    otx_context settled;
    otx__pool pool;
    otx_result result;
    if (!state || (k && (!indices || !coefficients)) || (count && !rows))
        return otx__fail(error, OTX_ERROR_ARGUMENT, "there is no map, or an array is missing");
    result = otx__apply_check(state, donor, base, targets, first, count, error);
    if (result || !count) return result;
    memset(&settled, 0, sizeof settled);
    if (ctx) settled = *ctx;
    settled.threads = otx__threads(ctx);
    memset(&mapping, 0, sizeof mapping);
    mapping.map = state;
    mapping.donor = donor;
    mapping.base = base;
    mapping.targets = targets;
    mapping.indices = k ? indices + first * k : &no_index;
    mapping.coefficients = k ? coefficients + first * k : &no_coefficient;
    mapping.k = k;
    mapping.first = first;
    mapping.rows = rows;
    mapping.find = true;
    otx__pool_open(&pool, &settled);
    if (!otx__mapping_take(&mapping, room, (size_t)settled.threads, &pool))
        result = otx__pool_fail(&pool, error);
    else
        result = otx__apply_run(&settled, &mapping, count, room, error);
    otx__pool_close(&pool);
    return result;
}

#ifndef OTX_NO_STDIO

/* >>> src/disk/chapter.h */
/* ==== disk: files and directories ==== */

/* Knows paths, directories and what lies in them: shards, checkpoints, tokenizers.
   Hides POSIX and Windows (system.h is all that differs), and the temporary names under
   which an output grows.
   Paths are UTF-8; one that is made is owned by its maker (otx__path_free).
   Read paths.h first; system.h only to port.

   Rooms, in order of dependency:
     system               what POSIX and Windows are asked for
     windows              the system as Windows gives it
     posix                the system as POSIX gives it
     paths                paths, and failures of the system
     listing              listings of directories
     reading              files to read
     writing              files to write
     copying              copies of files and trees, and their removal
     staging              a directory made under another name, then renamed
     known                what a model directory holds, and what is not read
     foreign              a directory without what is wanted of it
     weight_index         the index of a checkpoint in shards
     checkpoint           a model directory, in one file or in shards
     tokenizer_directory  the tokenizer of a model directory */

/* >>> src/disk/system.h */
/* ---- system: what POSIX and Windows are asked for --------------------------- */

/* Paths are UTF-8 on every platform. The functions otx__sys_* are all that differs
   between platforms (windows.h, posix.h), and nothing else asks the system. They set
   errno when they fail. Symbolic links are followed when reading and never when
   removing.

     open, create, close         a file to read; a new one to write; -1 or false if not
     read, write                 the bytes moved; 0 or less where there are none
     sync, push                  waits until all is on the disk; starts on part of it
     sync_directory              makes the names in a directory durable
     status, status_open         what stands at a path; what was opened
     same                        whether two paths lead to one file or directory
     make_directory, rename, remove
     directory_open, _next, _close   the names in a directory, one after another
     error_text                  what a value of errno says */

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/types.h>

/* Most bytes one system call is asked to move: some systems refuse 2 GiB. */
#define OTX__CHUNK ((size_t)64 << 20)

/* Directories within directories that a copy or a removal goes down to: a
   bound against links that lead in circles. */
#define OTX__TREE_DEPTH 32

/* What stands at a path. Neither regular nor directory: a device or a pipe. */
typedef struct otx__status {
    bool regular, directory;
    uint64_t size;
} otx__status;

/* >>> src/disk/windows.h */
/* ---- windows: the system as Windows gives it ------------------------------- */

#ifdef _WIN32

#include <direct.h>
#include <io.h>
#include <share.h>
#include <wchar.h>

#define OTX__SEPARATOR(c) ((c) == '/' || (c) == '\\')

/* Room for a path in UTF-16 units, its terminator included. */
#define OTX__WIDE 4096

/* As windows.h declares it, without windows.h. */
struct _OVERLAPPED;
#ifdef __cplusplus
extern "C"
#endif
__declspec(dllimport) int __stdcall ReadFile(void *file, void *buffer, unsigned long size,
                                             unsigned long *got, struct _OVERLAPPED *at);

/* The layout of an OVERLAPPED. */
typedef struct otx__overlapped {
    uintptr_t internal, internal_high;
    unsigned long offset, offset_high;
    void *event;
} otx__overlapped;

/* UTF-8 to UTF-16, without separators at the end, which some calls refuse. */
OTX__PRIVATE bool otx__sys_wide(wchar_t to[OTX__WIDE], const char *path)
{
    const unsigned char *bytes = (const unsigned char *)path;
    size_t size = strlen(path), i = 0, count = 0;
    while (i < size) {
        size_t length = otx__utf8_length(bytes + i, size - i), j;
        uint32_t code = length == 1 ? bytes[i] : bytes[i] & (0x7fu >> length);
        if (length == 0 || count + 3 > OTX__WIDE) {
            errno = length == 0 ? EILSEQ : ENAMETOOLONG;
            return false;
        }
        for (j = 1; j < length; j++) code = code << 6 | (bytes[i + j] & 0x3fu);
        if (code >= 0x10000) {
            to[count++] = (wchar_t)(0xd7c0 + (code >> 10));
            to[count++] = (wchar_t)(0xdc00 + (code & 0x3ff));
        } else {
            to[count++] = (wchar_t)code;
        }
        i += length;
    }
    while (count > 1 && OTX__SEPARATOR(to[count - 1]) && to[count - 2] != L':') count--;
    to[count] = 0;
    return true;
}

/* UTF-16 to UTF-8. `to` must hold three bytes for each unit and a terminator. A
   surrogate without its partner becomes U+FFFD. */
OTX__PRIVATE void otx__sys_narrow(char *to, const wchar_t *name)
{
    while (*name) {
        uint32_t code = (uint32_t)*name++;
        if (code >= 0xd800 && code < 0xdc00 && *name >= 0xdc00 && *name < 0xe000)
            code = ((code - 0xd7c0) << 10) + ((uint32_t)*name++ & 0x3ff);
        else if (code >= 0xd800 && code < 0xe000) code = 0xfffd;
        if (code < 0x80) {
            *to++ = (char)code;
            continue;
        }
        if (code < 0x800) {
            *to++ = (char)(0xc0 | code >> 6);
        } else {
            if (code < 0x10000) {
                *to++ = (char)(0xe0 | code >> 12);
            } else {
                *to++ = (char)(0xf0 | code >> 18);
                *to++ = (char)(0x80 | (code >> 12 & 0x3f));
            }
            *to++ = (char)(0x80 | (code >> 6 & 0x3f));
        }
        *to++ = (char)(0x80 | (code & 0x3f));
    }
    *to = 0;
}

OTX__PRIVATE int otx__sys_open(const char *path)
{
    wchar_t wide[OTX__WIDE];
    int file;
    if (!otx__sys_wide(wide, path)) return -1;
    return _wsopen_s(&file, wide, _O_RDONLY | _O_BINARY | _O_NOINHERIT, _SH_DENYNO, 0) ? -1
                                                                                     : file;
}

OTX__PRIVATE int otx__sys_create(const char *path)
{
    wchar_t wide[OTX__WIDE];
    int file, flags = _O_WRONLY | _O_CREAT | _O_EXCL | _O_BINARY | _O_NOINHERIT;
    if (!otx__sys_wide(wide, path)) return -1;
    return _wsopen_s(&file, wide, flags, _SH_DENYNO, _S_IREAD | _S_IWRITE) ? -1 : file;
}

OTX__PRIVATE bool otx__sys_close(int file) { return _close(file) == 0; }

/* Bytes read; 0 or less where there are none. Thread-safe: the offset goes with
   the call. */
OTX__PRIVATE ptrdiff_t otx__sys_read(int file, uint64_t offset, void *to, size_t size)
{
    otx__overlapped at;
    unsigned long got = 0;
    memset(&at, 0, sizeof at);
    at.offset = (unsigned long)(offset & 0xffffffffu);
    at.offset_high = (unsigned long)(offset >> 32);
    if (ReadFile((void *)_get_osfhandle(file), to, (unsigned long)size, &got,
                 (struct _OVERLAPPED *)&at))
        return (ptrdiff_t)got;
    errno = EIO;
    return -1;
}

OTX__PRIVATE ptrdiff_t otx__sys_write(int file, const void *bytes, size_t size)
{
    return _write(file, bytes, (unsigned)size);
}

OTX__PRIVATE bool otx__sys_sync(int file) { return _commit(file) == 0; }

OTX__PRIVATE bool otx__sys_push(int file, uint64_t first, uint64_t end)
{
    (void)first;
    (void)end;
    return otx__sys_sync(file);
}

/* Windows has no such call and needs none. */
OTX__PRIVATE void otx__sys_sync_directory(const char *path) { (void)path; }

OTX__PRIVATE void otx__sys_status_of(otx__status *to, const struct _stat64 *from)
{
    to->regular = (from->st_mode & _S_IFMT) == _S_IFREG;
    to->directory = (from->st_mode & _S_IFMT) == _S_IFDIR;
    to->size = from->st_size > 0 ? (uint64_t)from->st_size : 0;
}

OTX__PRIVATE bool otx__sys_status(const char *path, otx__status *status)
{
    wchar_t wide[OTX__WIDE];
    struct _stat64 raw;
    memset(status, 0, sizeof *status);
    if (!otx__sys_wide(wide, path) || _wstat64(wide, &raw) != 0) return false;
    otx__sys_status_of(status, &raw);
    return true;
}

OTX__PRIVATE bool otx__sys_status_open(int file, otx__status *status)
{
    struct _stat64 raw;
    memset(status, 0, sizeof *status);
    if (_fstat64(file, &raw) != 0) return false;
    otx__sys_status_of(status, &raw);
    return true;
}

OTX__PRIVATE bool otx__sys_make_directory(const char *path)
{
    wchar_t wide[OTX__WIDE];
    return otx__sys_wide(wide, path) && _wmkdir(wide) == 0;
}

OTX__PRIVATE bool otx__sys_rename(const char *from, const char *to)
{
    wchar_t wide_from[OTX__WIDE], wide_to[OTX__WIDE];
    return otx__sys_wide(wide_from, from) && otx__sys_wide(wide_to, to) &&
           _wrename(wide_from, wide_to) == 0;
}

/* Removes a file, a link or an empty directory; ENOTEMPTY if it is not empty. */
OTX__PRIVATE bool otx__sys_remove(const char *path)
{
    wchar_t wide[OTX__WIDE];
    return otx__sys_wide(wide, path) && (_wunlink(wide) == 0 || _wrmdir(wide) == 0);
}

/* By full path, without regard to case; links are not resolved. */
OTX__PRIVATE bool otx__sys_same(const char *a, const char *b)
{
    wchar_t wide[OTX__WIDE], full_a[OTX__WIDE], full_b[OTX__WIDE];
    return otx__sys_wide(wide, a) && _wfullpath(full_a, wide, OTX__WIDE) &&
           otx__sys_wide(wide, b) && _wfullpath(full_b, wide, OTX__WIDE) &&
           _wcsicmp(full_a, full_b) == 0;
}

typedef struct otx__sys_directory {
    intptr_t handle;
    struct _wfinddata64_t found;
    bool pending; /* `found` has not been handed out yet */
    char name[3 * 260 + 1];
} otx__sys_directory;

OTX__PRIVATE bool otx__sys_directory_open(otx__sys_directory *directory, const char *path)
{
    wchar_t wide[OTX__WIDE];
    otx__status status;
    size_t length;
    if (!otx__sys_status(path, &status) || !otx__sys_wide(wide, path)) return false;
    if (!status.directory) {
        errno = ENOTDIR;
        return false;
    }
    length = wcslen(wide);
    if (length + 3 > OTX__WIDE) {
        errno = ENAMETOOLONG;
        return false;
    }
    wide[length] = L'/';
    wide[length + 1] = L'*';
    wide[length + 2] = 0;
    directory->handle = _wfindfirst64(wide, &directory->found);
    directory->pending = true;
    return directory->handle != -1;
}

/* The next name, NULL at the end or, with errno set, on failure. */
OTX__PRIVATE const char *otx__sys_directory_next(otx__sys_directory *directory)
{
    if (!directory->pending && _wfindnext64(directory->handle, &directory->found) != 0) {
        if (errno == ENOENT) errno = 0;
        return NULL;
    }
    directory->pending = false;
    otx__sys_narrow(directory->name, directory->found.name);
    return directory->name;
}

OTX__PRIVATE void otx__sys_directory_close(otx__sys_directory *directory)
{
    (void)_findclose(directory->handle);
}

OTX__PRIVATE void otx__sys_error_text(char *to, size_t capacity, int number)
{
    if (strerror_s(to, capacity, number) != 0) (void)snprintf(to, capacity, "error %d", number);
}
#endif /* _WIN32 */

/* >>> src/disk/posix.h */
/* ---- posix: the system as POSIX gives it ----------------------------------- */

#ifndef _WIN32

#include <dirent.h>
#include <unistd.h>

#define OTX__SEPARATOR(c) ((c) == '/')

/* What some systems or some feature-test macros do not offer. */
#ifdef O_CLOEXEC
#define OTX__O_CLOEXEC O_CLOEXEC
#else
#define OTX__O_CLOEXEC 0
#endif

/* glibc hides pread under strict -std=c99, and other system headers may have
   settled that before this file is reached; so it is declared under a name of
   our own. The 64-bit form exists whatever the size of off_t. */
#ifdef __GLIBC__
#ifdef __cplusplus
extern "C"
#endif
ssize_t otx__sys_pread(int file, void *to, size_t size, int64_t offset) __asm__("pread64");
#else
#define otx__sys_pread(file, to, size, offset) pread(file, to, size, (off_t)(offset))
#endif

/* O_NONBLOCK, so that a pipe put in the file's place cannot hang the caller;
   regular files are indifferent to it. */
OTX__PRIVATE int otx__sys_open(const char *path)
{
    int file;
    do file = open(path, O_RDONLY | O_NONBLOCK | OTX__O_CLOEXEC);
    while (file < 0 && errno == EINTR);
    return file;
}

OTX__PRIVATE int otx__sys_create(const char *path)
{
    int file;
    do file = open(path, O_WRONLY | O_CREAT | O_EXCL | OTX__O_CLOEXEC, 0666);
    while (file < 0 && errno == EINTR);
    return file;
}

/* After EINTR the descriptor is gone on Linux and in an unknown state elsewhere:
   trying again could close a descriptor of another thread. */
OTX__PRIVATE bool otx__sys_close(int file) { return close(file) == 0 || errno == EINTR; }

/* Bytes read; 0 at the end of the file, -1 on failure. Thread-safe: the offset
   goes with the call. */
OTX__PRIVATE ptrdiff_t otx__sys_read(int file, uint64_t offset, void *to, size_t size)
{
    ptrdiff_t got;
    if (sizeof(off_t) < 8 && offset > INT32_MAX) {
        errno = EOVERFLOW;
        return -1;
    }
    do got = (ptrdiff_t)otx__sys_pread(file, to, size, (int64_t)offset);
    while (got < 0 && errno == EINTR);
    return got;
}

OTX__PRIVATE ptrdiff_t otx__sys_write(int file, const void *bytes, size_t size)
{
    ptrdiff_t done;
    do done = (ptrdiff_t)write(file, bytes, size);
    while (done < 0 && errno == EINTR);
    return done;
}

/* The system call by a name of our own: strict C modes hide its declaration. */
#if defined(__linux__) && defined(__GLIBC__) && defined(__GNUC__)
#define OTX__PUSH_BY_RANGE
extern int otx__sys_sync_range(int file, int64_t offset, int64_t bytes,
                               unsigned flags) __asm__("sync_file_range");
#endif

/* EINVAL and ENOTSUP: a file system that cannot, such as some FUSE ones. */
OTX__PRIVATE bool otx__sys_sync(int file)
{
    int result;
    do result = fsync(file);
    while (result != 0 && errno == EINTR);
    return result == 0 || errno == EINVAL || errno == ENOTSUP;
}

/* Starts writing the bytes from `first` to `end` of a file to the disk, and waits for
   those before, so that the disk is never far behind. EINVAL and the like: a file
   system that cannot. Without the system call it waits for all. */
OTX__PRIVATE bool otx__sys_push(int file, uint64_t first, uint64_t end)
{
#ifdef OTX__PUSH_BY_RANGE
    const unsigned start = 2, finish = 7; /* SYNC_FILE_RANGE_... */
    int result = otx__sys_sync_range(file, (int64_t)first, (int64_t)(end - first), start);
    if (result == 0 && first > 0) result = otx__sys_sync_range(file, 0, (int64_t)first, finish);
    return result == 0 || errno == EINVAL || errno == ENOTSUP || errno == ENOSYS ||
           errno == ESPIPE;
#else
    (void)first;
    (void)end;
    return otx__sys_sync(file);
#endif
}

/* Makes names within a directory durable, as far as the system lets us. */
OTX__PRIVATE void otx__sys_sync_directory(const char *path)
{
    int file = otx__sys_open(path);
    if (file < 0) return;
    (void)otx__sys_sync(file);
    (void)otx__sys_close(file);
}

OTX__PRIVATE void otx__sys_status_of(otx__status *to, const struct stat *from)
{
    to->regular = S_ISREG(from->st_mode);
    to->directory = S_ISDIR(from->st_mode);
    to->size = from->st_size > 0 ? (uint64_t)from->st_size : 0;
}

OTX__PRIVATE bool otx__sys_status(const char *path, otx__status *status)
{
    struct stat raw;
    memset(status, 0, sizeof *status);
    if (stat(path, &raw) != 0) return false;
    otx__sys_status_of(status, &raw);
    return true;
}

OTX__PRIVATE bool otx__sys_status_open(int file, otx__status *status)
{
    struct stat raw;
    memset(status, 0, sizeof *status);
    if (fstat(file, &raw) != 0) return false;
    otx__sys_status_of(status, &raw);
    return true;
}

OTX__PRIVATE bool otx__sys_make_directory(const char *path) { return mkdir(path, 0777) == 0; }

OTX__PRIVATE bool otx__sys_rename(const char *from, const char *to)
{
    return rename(from, to) == 0;
}

/* Removes a file, a link or an empty directory; ENOTEMPTY if it is not empty.
   remove() follows no link, and unlike lstat() no header hides it. */
OTX__PRIVATE bool otx__sys_remove(const char *path)
{
    if (remove(path) == 0) return true;
    if (errno == EEXIST) errno = ENOTEMPTY;
    return false;
}

OTX__PRIVATE bool otx__sys_same(const char *a, const char *b)
{
    struct stat of_a, of_b;
    return stat(a, &of_a) == 0 && stat(b, &of_b) == 0 && of_a.st_dev == of_b.st_dev &&
           of_a.st_ino == of_b.st_ino;
}

typedef struct otx__sys_directory {
    DIR *stream;
} otx__sys_directory;

OTX__PRIVATE bool otx__sys_directory_open(otx__sys_directory *directory, const char *path)
{
    directory->stream = opendir(path);
    return directory->stream != NULL;
}

/* The next name, NULL at the end or, with errno set, on failure. */
OTX__PRIVATE const char *otx__sys_directory_next(otx__sys_directory *directory)
{
    const struct dirent *entry;
    errno = 0;
    entry = readdir(directory->stream);
    return entry ? entry->d_name : NULL;
}

OTX__PRIVATE void otx__sys_directory_close(otx__sys_directory *directory)
{
    (void)closedir(directory->stream);
}

OTX__PRIVATE void otx__sys_error_text(char *to, size_t capacity, int number)
{
    (void)snprintf(to, capacity, "%s", strerror(number));
}

#endif /* !_WIN32 */

/* >>> src/disk/paths.h */
/* ---- paths, and failures of the system ---------------------------------- */

/* Room for a path in a message: `char text[OTX__PATH_TEXT];`. */
#define OTX__PATH_TEXT 300

/* Makes a path fit for a message. Of a long one the end is kept, because that
   names the file. */
OTX__PRIVATE const char *otx__path_text(char to[OTX__PATH_TEXT], const char *path)
{
    const size_t most = OTX__PATH_TEXT - 16;
    size_t size = strlen(path), begin = size > most ? size - most : 0, i;
    char tail[OTX__PATH_TEXT];
    while (begin > 0 && ((unsigned char)path[begin] & 0xc0) == 0x80) begin++;
    for (i = begin; i < size; i++) tail[i - begin] = OTX__SEPARATOR(path[i]) ? '/' : path[i];
    if (begin > 0) memcpy(to, "...", 3);
    (void)otx__quote(to + (begin > 0 ? 3 : 0), OTX__PATH_TEXT - 3, tail, size - begin);
    return to;
}

/* Reports a failed system call: "PATH: WHAT: why". `number` is errno's value. */
OTX__PRIVATE otx_result otx__fail_system(otx_error *error, const char *path, const char *what,
                                         int number)
{
    char name[OTX__PATH_TEXT], text[128], why[OTX__QUOTED];
    otx_result code = number == ENOENT || number == ENOTDIR ? OTX_ERROR_NOT_FOUND
                      : number == EEXIST || number == ENOTEMPTY ? OTX_ERROR_EXISTS
                      : number == ENOMEM ? OTX_ERROR_MEMORY
                                         : OTX_ERROR_IO;
    if (number == EOVERFLOW || number == EFBIG)
        return otx__fail(error, OTX_ERROR_LIMIT, "%s: %s: too large for this build or file "
                         "system (files of 2 GiB and more need 64-bit offsets: compile with "
                         "-D_FILE_OFFSET_BITS=64)", otx__path_text(name, path), what);
    otx__sys_error_text(text, sizeof text, number);
    otx__quote(why, sizeof why, text, strlen(text)); /* it may not be UTF-8 */
    return otx__fail(error, code, "%s: %s: %s%s", otx__path_text(name, path), what, why,
                     number == EMFILE ? " (see ulimit -n)" : "");
}

/* directory/name in a block of its own; free with otx__path_free. NULL when out
   of memory. An empty directory gives the name alone. */
OTX__PRIVATE char *otx__path_join(const otx_context *ctx, const char *directory,
                                  const char *name)
{
    size_t length = strlen(directory), size = strlen(name);
    bool separate = length > 0 && !OTX__SEPARATOR(directory[length - 1]);
    char *path = (char *)otx__alloc(ctx, length + (separate ? 1 : 0) + size + 1, 1);
    if (!path) return NULL;
    memcpy(path, directory, length);
    if (separate) path[length++] = '/';
    memcpy(path + length, name, size + 1);
    return path;
}

/* Frees a block that holds a string and its terminator and no more. */
OTX__PRIVATE void otx__path_free(const otx_context *ctx, char *path)
{
    if (path) otx__free(ctx, path, strlen(path) + 1, 1);
}

/* A copy of a string's first `size` bytes, for otx__path_free. */
OTX__PRIVATE char *otx__path_copy(const otx_context *ctx, const char *path, size_t size)
{
    char *copy = (char *)otx__alloc(ctx, size + 1, 1);
    if (!copy) return NULL;
    memcpy(copy, path, size);
    copy[size] = 0;
    return copy;
}

/* Where the last name of a path starts. */
OTX__PRIVATE size_t otx__path_name(const char *path)
{
    size_t at = strlen(path);
    while (at > 0 && !OTX__SEPARATOR(path[at - 1])) at--;
    return at;
}

/* The directory a path lies in, for otx__path_free: "." for a bare name. */
OTX__PRIVATE char *otx__path_parent(const otx_context *ctx, const char *path)
{
    size_t size = otx__path_name(path);
    if (size == 0) return otx__path_copy(ctx, ".", 1);
    while (size > 1 && OTX__SEPARATOR(path[size - 1])) size--;
    return otx__path_copy(ctx, path, size);
}

OTX__PRIVATE bool otx__file_exists(const char *path)
{
    otx__status status;
    return otx__sys_status(path, &status);
}

OTX__PRIVATE bool otx__is_directory(const char *path)
{
    otx__status status;
    return otx__sys_status(path, &status) && status.directory;
}

/* Whether both paths lead to one file or directory. */
OTX__PRIVATE bool otx__same_file(const char *a, const char *b) { return otx__sys_same(a, b); }

/* The nearest directory above a path that exists, or the path itself. Takes
   over `path`; NULL when out of memory. */
OTX__PRIVATE char *otx__path_existing(const otx_context *ctx, char *path)
{
    while (path && !otx__is_directory(path)) {
        bool bare = otx__path_name(path) == 0;
        char *parent = otx__path_parent(ctx, path);
        otx__path_free(ctx, path);
        path = parent;
        if (bare) break;
    }
    return path;
}

/* Whether `path` is `directory` or lies anywhere within it, or would if it
   existed. Goes up from `path` as the system does, so that links make no
   difference. */
OTX__PRIVATE otx_result otx__is_within(const otx_context *ctx, const char *path,
                                       const char *directory, bool *within, otx_error *error)
{
    char *here = otx__path_copy(ctx, path, strlen(path)), *above;
    otx_result result = OTX_OK;
    bool found = false;
    *within = false;
    here = otx__path_existing(ctx, here);
    if (!here) return otx__fail_memory(error, strlen(path) + 1);
    for (;;) {
        if (!otx__file_exists(here)) {
            result = otx__fail_system(error, path, "cannot go up from here", errno);
            break;
        }
        found = otx__same_file(here, directory);
        if (found) break;
        above = otx__path_join(ctx, here, "..");
        if (!above) {
            result = otx__fail_memory(error, strlen(here) + 4);
            break;
        }
        if (otx__same_file(here, above)) { /* the root is its own parent */
            otx__path_free(ctx, above);
            break;
        }
        otx__path_free(ctx, here);
        here = above;
    }
    otx__path_free(ctx, here);
    *within = found;
    return result;
}

/* >>> src/disk/listing.h */
/* ---- listings of directories -------------------------------------------- */

/* The names in a directory, sorted by their bytes, without "." and "..". */
typedef struct otx__listing {
    const otx_context *ctx;
    char **names;
    size_t count, capacity;
} otx__listing;

OTX__PRIVATE void otx__listing_close(otx__listing *listing)
{
    size_t i;
    for (i = 0; i < listing->count; i++) otx__path_free(listing->ctx, listing->names[i]);
    if (listing->capacity)
        otx__free(listing->ctx, listing->names, listing->capacity, sizeof *listing->names);
    memset(listing, 0, sizeof *listing);
}

OTX__PRIVATE int otx__compare_names(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

OTX__PRIVATE bool otx__listing_add(otx__listing *listing, const char *name)
{
    void *names = listing->names;
    char *copy;
    if (!otx__grow(listing->ctx, &names, &listing->capacity, listing->count + 1,
                   sizeof *listing->names))
        return false;
    listing->names = (char **)names;
    copy = otx__path_copy(listing->ctx, name, strlen(name));
    if (!copy) return false;
    listing->names[listing->count++] = copy;
    return true;
}

OTX__PRIVATE otx_result otx__listing_open(const otx_context *ctx, const char *path,
                                          otx__listing *out, otx_error *error)
{
    otx__sys_directory directory;
    otx_result result = OTX_OK;
    const char *name;
    memset(out, 0, sizeof *out);
    out->ctx = ctx;
    if (!otx__sys_directory_open(&directory, path))
        return otx__fail_system(error, path, "cannot list the directory", errno);
    while (!result && (name = otx__sys_directory_next(&directory)) != NULL) {
        if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0) continue;
        if (!otx__listing_add(out, name)) result = otx__fail_memory(error, strlen(name) + 1);
    }
    if (!result && errno != 0)
        result = otx__fail_system(error, path, "cannot list the directory", errno);
    otx__sys_directory_close(&directory);
    if (result) otx__listing_close(out);
    else otx__sort(out->names, out->count, sizeof *out->names, otx__compare_names);
    return result;
}

OTX__PRIVATE bool otx__listing_has(const otx__listing *listing, const char *name)
{
    return listing->count > 0 && bsearch(&name, listing->names, listing->count,
                                         sizeof *listing->names, otx__compare_names) != NULL;
}

/* >>> src/disk/reading.h */
/* ---- files to read ------------------------------------------------------ */

/* What an open source keeps. */
typedef struct otx__source_file {
    int file;
} otx__source_file;

OTX__PRIVATE bool otx__source_read(void *context, uint64_t offset, void *buffer, size_t size)
{
    const otx__source_file *source = (const otx__source_file *)context;
    char *to = (char *)buffer;
    while (size > 0) {
        ptrdiff_t got = otx__sys_read(source->file, offset, to, otx__min(size, OTX__CHUNK));
        if (got <= 0) return false;
        to += got;
        offset += (uint64_t)got;
        size -= (size_t)got;
    }
    return true;
}

/* Reports a read that failed, and why if that can still be seen. */
OTX__PRIVATE otx_result otx__fail_read(otx_error *error, const char *path,
                                       const otx_source *source, uint64_t offset, size_t size)
{
    char name[OTX__PATH_TEXT];
    otx__status status;
    otx__path_text(name, path);
    if (otx__sys_status(path, &status) && status.size < source->size)
        return otx__fail(error, OTX_ERROR_IO, "%s: has shrunk from %" PRIu64 " to %" PRIu64
                         " bytes while it was being read", name, source->size, status.size);
    return otx__fail(error, OTX_ERROR_IO, "%s: cannot read %" PRIu64 " bytes at offset %" PRIu64
                     " of %" PRIu64, name, (uint64_t)size, offset, source->size);
}

/* The status of a path that must be a regular file. */
OTX__PRIVATE otx_result otx__require_regular(const char *path, otx_error *error)
{
    char name[OTX__PATH_TEXT];
    otx__status status;
    if (!otx__sys_status(path, &status))
        return otx__fail_system(error, path, "cannot be opened", errno);
    if (status.regular) return OTX_OK;
    return otx__fail(error, OTX_ERROR_IO, "%s: is %s, not a regular file",
                     otx__path_text(name, path),
                     status.directory ? "a directory" : "a device or a pipe");
}

OTX_API otx_result otx_source_open(const otx_context *ctx, const char *path, otx_source *out,
                                   otx_error *error)
{
    char name[OTX__PATH_TEXT];
    otx__source_file *source;
    otx__status status;
    otx_result result;
    memset(out, 0, sizeof *out);
    result = otx__require_regular(path, error);
    if (result) return result;
    source = (otx__source_file *)otx__alloc(ctx, 1, sizeof *source);
    if (!source) return otx__fail_memory(error, sizeof *source);
    memset(&status, 0, sizeof status);
    source->file = otx__sys_open(path);
    if (source->file < 0)
        result = otx__fail_system(error, path, "cannot be opened", errno);
    else if (!otx__sys_status_open(source->file, &status) || !status.regular)
        result = otx__fail(error, OTX_ERROR_IO, "%s: changed while it was being opened",
                           otx__path_text(name, path));
    if (result) {
        if (source->file >= 0) (void)otx__sys_close(source->file);
        otx__free(ctx, source, 1, sizeof *source);
        return result;
    }
    out->read = otx__source_read;
    out->context = source;
    out->size = status.size;
    return OTX_OK;
}

OTX_API void otx_source_close(const otx_context *ctx, otx_source *source)
{
    otx__source_file *file = (otx__source_file *)source->context;
    if (file) {
        (void)otx__sys_close(file->file);
        otx__free(ctx, file, 1, sizeof *file);
    }
    memset(source, 0, sizeof *source);
}

/* Reads a whole file of at most `limit` bytes. The text is NUL-terminated behind
   its `size` bytes; free it with otx__file_free. A file that does not exist is
   OTX_ERROR_NOT_FOUND. */
OTX__PRIVATE otx_result otx__file_read_all(const otx_context *ctx, const char *path,
                                           size_t limit, char **text, size_t *size,
                                           otx_error *error)
{
    char name[OTX__PATH_TEXT], *bytes = NULL;
    otx_source source;
    otx_result result = otx_source_open(ctx, path, &source, error);
    *text = NULL;
    *size = 0;
    if (result) return result;
    if (source.size > limit || source.size >= SIZE_MAX) {
        result = otx__fail(error, OTX_ERROR_LIMIT, "%s: has %" PRIu64 " bytes, more than the "
                           "limit of %" PRIu64, otx__path_text(name, path), source.size,
                           (uint64_t)limit);
        goto done;
    }
    bytes = (char *)otx__alloc(ctx, (size_t)source.size + 1, 1);
    if (!bytes) {
        result = otx__fail_memory(error, source.size + 1);
        goto done;
    }
    if (!source.read(source.context, 0, bytes, (size_t)source.size)) {
        result = otx__fail_read(error, path, &source, 0, (size_t)source.size);
        otx__free(ctx, bytes, (size_t)source.size + 1, 1);
        goto done;
    }
    bytes[source.size] = 0;
    *text = bytes;
    *size = (size_t)source.size;
done:
    otx_source_close(ctx, &source);
    return result;
}

/* Frees what otx__file_read_all gave; NULL is fine. */
OTX__PRIVATE void otx__file_free(const otx_context *ctx, char *text, size_t size)
{
    otx__free(ctx, text, size + 1, 1);
}

/* >>> src/disk/writing.h */
/* ---- files to write ----------------------------------------------------- */

/* Bytes gathered before they are written. */
#define OTX__FILE_BUFFER ((size_t)256 << 10)

/* A new file that is being written. `sink` points back at the struct, which must
   stay where it is. */
typedef struct otx__file {
    const otx_context *ctx;
    char *path;
    unsigned char *buffer;
    size_t used;
    int file;
    int failure; /* errno of the first write that failed, or 0 */
    uint64_t written, pushed; /* bytes; those on their way to the disk */
    otx_sink sink;
} otx__file;

/* Bytes between two pushes: waiting for a whole shard at its end would take longer
   than a caller who wants to stop should wait. */
#define OTX__FILE_PUSH ((uint64_t)64 << 20)

OTX__PRIVATE void otx__file_put(otx__file *file, const unsigned char *bytes, size_t size)
{
    while (size > 0 && !file->failure) {
        ptrdiff_t done = otx__sys_write(file->file, bytes, otx__min(size, OTX__CHUNK));
        if (done <= 0) {
            file->failure = done < 0 && errno ? errno : EIO;
            return;
        }
        bytes += done;
        size -= (size_t)done;
        file->written += (uint64_t)done;
        if (file->written - file->pushed < OTX__FILE_PUSH) continue;
        if (!otx__sys_push(file->file, file->pushed, file->written)) file->failure = errno;
        file->pushed = file->written;
    }
}

OTX__PRIVATE bool otx__file_write(void *context, const void *bytes, size_t size)
{
    otx__file *file = (otx__file *)context;
    if (size > OTX__FILE_BUFFER - file->used) {
        otx__file_put(file, file->buffer, file->used);
        file->used = 0;
        if (size >= OTX__FILE_BUFFER) {
            otx__file_put(file, (const unsigned char *)bytes, size);
            return !file->failure;
        }
    }
    if (size > 0) memcpy(file->buffer + file->used, bytes, size);
    file->used += size;
    return !file->failure;
}

OTX__PRIVATE void otx__file_free_parts(otx__file *file)
{
    otx__path_free(file->ctx, file->path);
    otx__free(file->ctx, file->buffer, OTX__FILE_BUFFER, 1);
    memset(file, 0, sizeof *file);
}

/* Creates a file that must not exist yet, with the usual permissions (0666 less
   the umask, whatever the file copied from had). Must be followed by
   otx__file_finish. */
OTX__PRIVATE otx_result otx__file_create(const otx_context *ctx, const char *path,
                                         otx__file *out, otx_error *error)
{
    memset(out, 0, sizeof *out);
    out->ctx = ctx;
    out->path = otx__path_copy(ctx, path, strlen(path));
    out->buffer = (unsigned char *)otx__alloc(ctx, OTX__FILE_BUFFER, 1);
    if (!out->path || !out->buffer) {
        otx__file_free_parts(out);
        return otx__fail_memory(error, OTX__FILE_BUFFER);
    }
    out->file = otx__sys_create(path);
    if (out->file < 0) {
        int number = errno;
        otx__file_free_parts(out);
        return otx__fail_system(error, path, "cannot be created", number);
    }
    out->sink.write = otx__file_write;
    out->sink.context = out;
    return OTX_OK;
}

/* Ends a file: writes what is buffered, waits until it is on the disk, closes.
   `result` is that of whatever wrote into the sink; if it is a failure, or
   writing fails here, the file is removed. A failure of the file itself takes the
   place of `result` and of its message, because it is the cause. */
OTX__PRIVATE otx_result otx__file_finish(otx__file *file, otx_result result, otx_error *error)
{
    if (!result) otx__file_put(file, file->buffer, file->used);
    if (!result && !file->failure && !otx__sys_sync(file->file)) file->failure = errno;
    if (!otx__sys_close(file->file) && !result && !file->failure) file->failure = errno;
    if (file->failure)
        result = otx__fail_system(error, file->path, "cannot be written", file->failure);
    if (result) (void)otx__sys_remove(file->path);
    otx__file_free_parts(file);
    return result;
}

/* >>> src/disk/copying.h */
/* ---- copies of files and trees, and their removal ----------------------- */

/* How far a long run of copies has come; NULL where nobody asks. */
typedef struct otx__meter {
    otx_stage stage;
    const char *subject;
    uint64_t done, total;
} otx__meter;

OTX__PRIVATE otx_result otx__meter_add(const otx_context *ctx, otx__meter *meter,
                                       uint64_t bytes, otx_error *error)
{
    if (!meter) return OTX_OK;
    meter->done += bytes;
    return otx__progress(ctx, meter->stage, meter->subject, meter->done, meter->total, error);
}

/* Bytes moved at a time: few calls, and progress often enough. */
#define OTX__STREAM_BLOCK ((size_t)4 << 20)

/* Copies a range of a source into a sink. `path` names the source in errors. */
OTX__PRIVATE otx_result otx__stream(const otx_context *ctx, const otx_source *source,
                                    const char *path, uint64_t offset, uint64_t size,
                                    const otx_sink *sink, otx__meter *meter, otx_error *error)
{
    const size_t capacity = size < OTX__STREAM_BLOCK ? (size_t)size : OTX__STREAM_BLOCK;
    char name[OTX__PATH_TEXT], *block = (char *)otx__alloc(ctx, capacity, 1);
    otx_result result = OTX_OK;
    if (!block) return otx__fail_memory(error, capacity);
    while (size > 0 && !result) {
        size_t step = size < capacity ? (size_t)size : capacity;
        if (!source->read(source->context, offset, block, step))
            result = otx__fail_read(error, path, source, offset, step);
        else if (!sink->write(sink->context, block, step))
            result = otx__fail(error, OTX_ERROR_IO, "%s: its copy cannot be written",
                               otx__path_text(name, path));
        else result = otx__meter_add(ctx, meter, step, error);
        offset += step;
        size -= step;
    }
    otx__free(ctx, block, capacity, 1);
    return result;
}

/* Copies a file to a new one. The meter's total grows by its size. */
OTX__PRIVATE otx_result otx__file_copy(const otx_context *ctx, const char *from, const char *to,
                                       otx__meter *meter, otx_error *error)
{
    otx_source source;
    otx__file file;
    otx_result result = otx_source_open(ctx, from, &source, error);
    if (result) return result;
    if (meter) meter->total += source.size;
    result = otx__meter_add(ctx, meter, 0, error);
    if (!result) result = otx__file_create(ctx, to, &file, error);
    if (!result) {
        result = otx__stream(ctx, &source, from, 0, source.size, &file.sink, meter, error);
        result = otx__file_finish(&file, result, error);
    }
    otx_source_close(ctx, &source);
    return result;
}

/* Copies a directory and all it holds to a new one; files that links lead to
   become files. Call with OTX__TREE_DEPTH. */
OTX__PRIVATE otx_result otx__tree_copy(const otx_context *ctx, const char *from, const char *to,
                                       unsigned depth, otx__meter *meter, otx_error *error)
{
    char name[OTX__PATH_TEXT];
    otx__listing listing;
    otx_result result;
    size_t i;
    if (depth == 0)
        return otx__fail(error, OTX_ERROR_LIMIT, "%s: more than %d directories deep; does a "
                         "link lead in a circle?", otx__path_text(name, from), OTX__TREE_DEPTH);
    result = otx__listing_open(ctx, from, &listing, error);
    if (result) return result;
    if (!otx__sys_make_directory(to))
        result = otx__fail_system(error, to, "cannot be created", errno);
    for (i = 0; i < listing.count && !result; i++) {
        char *source = otx__path_join(ctx, from, listing.names[i]);
        char *target = otx__path_join(ctx, to, listing.names[i]);
        if (!source || !target) result = otx__fail_memory(error, strlen(from) + strlen(to));
        else if (otx__is_directory(source))
            result = otx__tree_copy(ctx, source, target, depth - 1, meter, error);
        else result = otx__file_copy(ctx, source, target, meter, error);
        otx__path_free(ctx, source);
        otx__path_free(ctx, target);
    }
    if (!result) otx__sys_sync_directory(to);
    otx__listing_close(&listing);
    return result;
}

/* Removes what stands at a path and all it holds; links are removed, not
   followed. Call with OTX__TREE_DEPTH. False if anything remains. */
OTX__PRIVATE bool otx__tree_remove(const otx_context *ctx, const char *path, unsigned depth)
{
    otx__listing listing;
    bool gone = true;
    size_t i;
    if (otx__sys_remove(path)) return true;
    if (errno != ENOTEMPTY || depth == 0) return false;
    if (otx__listing_open(ctx, path, &listing, NULL)) return false;
    for (i = 0; i < listing.count; i++) {
        char *child = otx__path_join(ctx, path, listing.names[i]);
        if (!child || !otx__tree_remove(ctx, child, depth - 1)) gone = false;
        otx__path_free(ctx, child);
    }
    otx__listing_close(&listing);
    return gone && otx__sys_remove(path);
}

/* >>> src/disk/staging.h */
/* ---- staging: a directory made under another name, then renamed ------------- */

#define OTX__PARTIAL ".otx-partial-"
#define OTX__OLD ".otx-old-"

/* Most leftovers beside one output before it is refused. */
#define OTX__LEFTOVERS 1000

/* A directory that is filled under a temporary name beside its final one. */
typedef struct otx__output {
    const otx_context *ctx;
    char *path;    /* the final name */
    char *partial; /* the directory to fill; NULL once it has its final name */
    bool overwrite;
} otx__output;

/* "PATH.otx-partial-7", for otx__path_free. */
OTX__PRIVATE char *otx__output_sibling(const otx__output *output, const char *suffix,
                                       unsigned number)
{
    size_t size = strlen(output->path) + strlen(suffix) + 12;
    char *path = (char *)otx__alloc(output->ctx, size, 1), *exact;
    if (!path) return NULL;
    (void)snprintf(path, size, "%s%s%u", output->path, suffix, number);
    exact = otx__path_copy(output->ctx, path, strlen(path));
    otx__free(output->ctx, path, size, 1);
    return exact;
}

/* Takes the name without separators at its end. */
OTX__PRIVATE otx_result otx__output_name(otx__output *output, const char *path,
                                         otx_error *error)
{
    char name[OTX__PATH_TEXT];
    size_t size = strlen(path), begin;
    while (size > 0 && OTX__SEPARATOR(path[size - 1])) size--;
    output->path = otx__path_copy(output->ctx, path, size);
    if (!output->path) return otx__fail_memory(error, size + 1);
    begin = otx__path_name(output->path);
    if (begin < size && strcmp(output->path + begin, ".") != 0 &&
        strcmp(output->path + begin, "..") != 0)
        return OTX_OK;
    return otx__fail(error, OTX_ERROR_ARGUMENT, "\"%s\": an output directory needs a name of "
                     "its own", otx__path_text(name, path));
}

/* Whether the final name is free, or may be replaced. A directory is replaced
   only if it looks like a model's, so that a typing error costs no one a home. */
OTX__PRIVATE otx_result otx__output_check(const otx__output *output, bool *exists,
                                          otx_error *error)
{
    char name[OTX__PATH_TEXT];
    otx__listing listing;
    otx__status status;
    otx_result result;
    bool model;
    otx__path_text(name, output->path);
    *exists = otx__sys_status(output->path, &status);
    if (!*exists && errno == ENOENT) return OTX_OK;
    if (!*exists) return otx__fail_system(error, output->path, "cannot be looked at", errno);
    if (!output->overwrite)
        return otx__fail(error, OTX_ERROR_EXISTS, "%s: exists already; pass --overwrite to "
                         "replace it", name);
    if (!status.directory)
        return otx__fail(error, OTX_ERROR_EXISTS, "%s: is not a directory and is not replaced",
                         name);
    result = otx__listing_open(output->ctx, output->path, &listing, error);
    if (result) return result;
    model = listing.count == 0 || (otx__listing_has(&listing, "config.json") &&
                                   (otx__listing_has(&listing, "model.safetensors") ||
                                    otx__listing_has(&listing, "model.safetensors.index.json")));
    otx__listing_close(&listing);
    if (model) return OTX_OK;
    return otx__fail(error, OTX_ERROR_EXISTS, "%s: does not look like a model (it has no "
                     "config.json with model.safetensors or its index) and is not replaced", name);
}

/* Warns if a name beside the final one, `base`, was left by an earlier run. */
OTX__PRIVATE void otx__output_leftover(const otx__output *output, const char *base,
                                       const char *sibling)
{
    size_t size = strlen(base);
    char name[OTX__PATH_TEXT];
    if (strncmp(sibling, base, size) != 0) return;
    (void)otx__quote(name, sizeof name, sibling, strlen(sibling));
    if (strncmp(sibling + size, OTX__PARTIAL, sizeof OTX__PARTIAL - 1) == 0)
        otx__log(output->ctx, OTX_WARNING, "beside the output stands \"%s\", left by an "
                 "interrupted run or in use by another: remove it once none is running", name);
    else if (strncmp(sibling + size, OTX__OLD, sizeof OTX__OLD - 1) == 0)
        otx__log(output->ctx, OTX_WARNING, "beside the output stands \"%s\", a former output "
                 "left by a run interrupted while replacing it: rename it back or remove it",
                 name);
}

/* Looks at what stands beside the final name: tells of leftovers, and refuses a
   dangling link, which could not be replaced in the end. */
OTX__PRIVATE otx_result otx__output_siblings(const otx__output *output, bool exists,
                                             otx_error *error)
{
    const char *base = output->path + otx__path_name(output->path);
    char name[OTX__PATH_TEXT], *parent = otx__path_parent(output->ctx, output->path);
    otx__listing listing;
    otx_result result;
    size_t i;
    if (!parent) return otx__fail_memory(error, strlen(output->path) + 1);
    result = otx__listing_open(output->ctx, parent, &listing, error);
    otx__path_free(output->ctx, parent);
    if (result) return result;
    if (!exists && otx__listing_has(&listing, base))
        result = otx__fail(error, OTX_ERROR_EXISTS, "%s: is a link that leads nowhere",
                           otx__path_text(name, output->path));
    for (i = 0; i < listing.count && !result; i++)
        otx__output_leftover(output, base, listing.names[i]);
    otx__listing_close(&listing);
    return result;
}

OTX__PRIVATE otx_result otx__fail_leftovers(const otx__output *output, otx_error *error)
{
    char name[OTX__PATH_TEXT];
    return otx__fail(error, OTX_ERROR_EXISTS, "%s: more than %d leftovers of interrupted runs "
                     "stand beside it", otx__path_text(name, output->path), OTX__LEFTOVERS);
}

OTX__PRIVATE otx_result otx__output_make(otx__output *output, otx_error *error)
{
    unsigned number;
    for (number = 1; number <= OTX__LEFTOVERS; number++) {
        char *path = otx__output_sibling(output, OTX__PARTIAL, number);
        int failure;
        if (!path) return otx__fail_memory(error, strlen(output->path) + 32);
        if (otx__sys_make_directory(path)) {
            output->partial = path;
            return OTX_OK;
        }
        failure = errno;
        if (failure != EEXIST) {
            otx_result result = otx__fail_system(error, path, "cannot be created", failure);
            otx__path_free(output->ctx, path);
            return result;
        }
        otx__path_free(output->ctx, path);
    }
    return otx__fail_leftovers(output, error);
}

/* Ends an output. What has not been committed is removed. */
OTX__PRIVATE void otx__output_abandon(otx__output *output)
{
    char name[OTX__PATH_TEXT];
    if (output->partial && !otx__tree_remove(output->ctx, output->partial, OTX__TREE_DEPTH))
        otx__log(output->ctx, OTX_WARNING, "%s: could not be removed",
                 otx__path_text(name, output->partial));
    otx__path_free(output->ctx, output->partial);
    otx__path_free(output->ctx, output->path);
    memset(output, 0, sizeof *output);
}

/* Makes a temporary directory, output->partial, beside `path`, after checking
   that `path` will be free (or, with overwrite, replaceable) in the end. Must be
   followed by otx__output_abandon, after otx__output_commit if all went well. */
OTX__PRIVATE otx_result otx__output_begin(const otx_context *ctx, const char *path,
                                          bool overwrite, otx__output *output, otx_error *error)
{
    bool exists = false;
    otx_result result;
    memset(output, 0, sizeof *output);
    output->ctx = ctx;
    output->overwrite = overwrite;
    result = otx__output_name(output, path, error);
    if (!result) result = otx__output_check(output, &exists, error);
    if (!result) result = otx__output_siblings(output, exists, error);
    if (!result) result = otx__output_make(output, error);
    if (result) otx__output_abandon(output);
    return result;
}

/* Renames what stands under the final name; `*old` is its new name. */
OTX__PRIVATE otx_result otx__output_set_aside(const otx__output *output, char **old,
                                              otx_error *error)
{
    otx_result result;
    unsigned number;
    for (number = 1; number <= OTX__LEFTOVERS; number++) {
        char *path = otx__output_sibling(output, OTX__OLD, number);
        if (!path) return otx__fail_memory(error, strlen(output->path) + 32);
        if (!otx__file_exists(path)) {
            if (otx__sys_rename(output->path, path)) {
                *old = path;
                return OTX_OK;
            }
            result = otx__fail_system(error, output->path, "cannot be renamed to make room",
                                      errno);
            otx__path_free(output->ctx, path);
            return result;
        }
        otx__path_free(output->ctx, path);
    }
    return otx__fail_leftovers(output, error);
}

/* Gives the directory its final name. What stood there is renamed first and
   removed last, so that at every moment one of the two is whole. The files
   within must have been finished. */
OTX__PRIVATE otx_result otx__output_commit(otx__output *output, otx_error *error)
{
    char name[OTX__PATH_TEXT], *old = NULL, *parent;
    bool exists;
    otx_result result = otx__output_check(output, &exists, error);
    if (result) return result;
    parent = otx__path_parent(output->ctx, output->path);
    if (!parent) return otx__fail_memory(error, strlen(output->path) + 1);
    otx__sys_sync_directory(output->partial);
    if (exists) result = otx__output_set_aside(output, &old, error);
    if (!result && !otx__sys_rename(output->partial, output->path)) {
        result = otx__fail_system(error, output->path, "cannot be given its final name", errno);
        if (old && !otx__sys_rename(old, output->path))
            otx__log(output->ctx, OTX_WARNING, "%s: the former output is here now",
                     otx__path_text(name, old));
    } else if (!result) {
        otx__path_free(output->ctx, output->partial);
        output->partial = NULL;
        otx__sys_sync_directory(parent);
        if (old && !otx__tree_remove(output->ctx, old, OTX__TREE_DEPTH))
            otx__log(output->ctx, OTX_WARNING, "%s: the former output could not be removed",
                     otx__path_text(name, old));
    }
    otx__path_free(output->ctx, old);
    otx__path_free(output->ctx, parent);
    return result;
}

/* >>> src/disk/known.h */
/* ---- known: what a model directory holds, and what is not read ------------- */

#define OTX__MODEL_FILE "model.safetensors"
#define OTX__INDEX_FILE "model.safetensors.index.json"

/* Most bytes of an index, and of a tokenizer's files. Real ones stay below
   20 MB and 50 MB. */
#define OTX__INDEX_LIMIT ((size_t)256 << 20)
#define OTX__TOKENIZER_LIMIT ((size_t)1 << 30)

/* Whether a name in a model directory belongs to its tokenizer: those of the
   base are left out of an output, and the donor's are copied. One stale file
   would do harm: converters take the first that they know. */
OTX__PRIVATE bool otx__is_tokenizer_file(const char *name)
{
    static const char *const names[] = {
        "tokenizer.json", "tokenizer_config.json", "special_tokens_map.json",
        "added_tokens.json", "tokenizer.model", "spiece.model", "spm.model",
        "sentencepiece.model", "sentencepiece.bpe.model", "tekken.json", "tiktoken.model",
        "vocab.json", "vocab.txt", "vocab.bpe", "merges.txt", "encoder.json", "bpe.codes",
        "chat_template.jinja", "chat_template.json", "additional_chat_templates"
    };
    size_t i;
    for (i = 0; i < OTX__COUNT(names); i++)
        if (strcmp(name, names[i]) == 0) return true;
    return otx__has_prefix(name, "tokenizer.model.") || otx__has_suffix(name, ".tiktoken") ||
           otx__has_suffix(name, ".spm") ||
           (otx__has_prefix(name, "tokenization_") && otx__has_suffix(name, ".py"));
}

/* ---- what is not read ---- */

/* A kind of file that this library does not read, and what to do about it. Of several
   kinds in a directory the first in the table is reported. */
typedef struct otx__foreign {
    const char *prefix, *suffix, *advice;
} otx__foreign;

#define OTX__SAVE_WEIGHTS \
    "load it with transformers and save it with save_pretrained, which writes safetensors"

/* In the place of weights. */
static const otx__foreign otx__foreign_weights[] = {
    {"adapter_model.", "", "an adapter; merge it into its model first"}, /* of PEFT */
    {"model-", ".safetensors", "a shard; the index " OTX__INDEX_FILE " is missing"},
    {"consolidated", ".safetensors", /* of Mistral and Meta */
     "weights under the names of the original release; take the repository's files for "
     "transformers"},
    {"", ".safetensors", "if that is the model, give that file's path"},
    {"", ".bin.index.json", OTX__SAVE_WEIGHTS}, /* of PyTorch, in shards */
    {"", ".bin", OTX__SAVE_WEIGHTS},
    {"", ".pt", OTX__SAVE_WEIGHTS},
    {"", ".pth", OTX__SAVE_WEIGHTS},
    {"", ".h5", OTX__SAVE_WEIGHTS},      /* of TensorFlow */
    {"", ".msgpack", OTX__SAVE_WEIGHTS}, /* of Flax */
    {"", ".gguf", "GGUF is not read; take the safetensors it was made from"},
    {"snapshots", "", "a cache; give the directory within snapshots/"}, /* of the hub */
};

#define OTX__SAVE_TOKENIZER                                                           \
    "load it with transformers' AutoTokenizer and save it with save_pretrained, which " \
    "writes tokenizer.json"

/* In the place of a tokenizer. */
static const otx__foreign otx__foreign_tokenizers[] = {
    {"", ".model", OTX__SAVE_TOKENIZER}, /* SentencePiece under a name of its own */
    {"", ".spm", OTX__SAVE_TOKENIZER},   /* Marian's two */
    {"bpe.codes", "", OTX__SAVE_TOKENIZER}, /* of fastBPE */
    {"encoder.json", "",
     "OpenAI's names; rename it to vocab.json, and vocab.bpe to merges.txt"},
    {"", ".gguf", "GGUF is not read; take the tokenizer.json of the original model"},
    {"snapshots", "", "a cache; give the directory within snapshots/"}, /* of the hub */
};

/* >>> src/disk/foreign.h */
/* ---- foreign: a directory without what is wanted of it ---------------------- */

/* The first kind of `table` that a listed name matches, and that name. */
OTX__PRIVATE const otx__foreign *otx__foreign_find(const otx__foreign *table, size_t count,
                                                   const otx__listing *listing,
                                                   const char **name)
{
    size_t i, j;
    for (i = 0; i < count; i++)
        for (j = 0; j < listing->count; j++)
            if (otx__has_prefix(listing->names[j], table[i].prefix) &&
                otx__has_suffix(listing->names[j], table[i].suffix)) {
                *name = listing->names[j];
                return &table[i];
            }
    return NULL;
}

/* Reports a directory without what is wanted of it: what it has instead, if that
   is known (OTX_ERROR_UNSUPPORTED), else only what is missing. */
OTX__PRIVATE otx_result otx__fail_foreign(otx_error *error, const char *path,
                                          const char *wanted, const otx__foreign *table,
                                          size_t count, const otx__listing *listing)
{
    char where[OTX__PATH_TEXT], what[OTX__QUOTED];
    const char *name = NULL;
    const otx__foreign *kind = otx__foreign_find(table, count, listing, &name);
    otx__path_text(where, path);
    if (!kind)
        return otx__fail(error, OTX_ERROR_NOT_FOUND, "%s: holds no %s", where, wanted);
    return otx__fail(error, OTX_ERROR_UNSUPPORTED, "%s: holds no %s, but \"%s\": %s", where,
                     wanted, otx__quote(what, sizeof what, name, strlen(name)), kind->advice);
}

/* Whether a path that leads nowhere looks like a model's name on a hub: a name,
   or two with one slash, and no leading dot. */
OTX__PRIVATE bool otx__is_hub_name(const char *path)
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                  "0123456789-_.";
    size_t head = strspn(path, letters);
    if (head == 0 || path[0] == '.') return false;
    if (path[head] == 0) return true;
    return path[head] == '/' && path[head + 1] != 0 &&
           path[head + 1 + strspn(path + head + 1, letters)] == 0;
}

/* Finds out what stands at a path given by the user. */
OTX__PRIVATE otx_result otx__model_status(const char *path, otx__status *status,
                                          otx_error *error)
{
    char name[OTX__PATH_TEXT];
    int number;
    if (otx__sys_status(path, status)) return OTX_OK;
    number = errno;
    if (number == ENOENT && otx__is_hub_name(path))
        return otx__fail(error, OTX_ERROR_NOT_FOUND, "%s: no such file or directory; if it is "
                         "a model on a hub, download it first and give its directory",
                         otx__path_text(name, path));
    return otx__fail_system(error, path, "cannot be opened", number);
}

/* >>> src/disk/weight_index.h */
/* ---- weight_index: the index of a checkpoint in shards ---------------------- */

/* Room for a file's name in a message: `char text[OTX__NAME_TEXT];`. */
#define OTX__NAME_TEXT 96

OTX__PRIVATE const char *otx__name_text(char to[OTX__NAME_TEXT], const char *name)
{
    return otx__quote(to, OTX__NAME_TEXT, name, strlen(name));
}

/* Most entries and shards of an index: about a hundred times those of the
   largest models there are. */
#define OTX__INDEX_NODES ((size_t)1 << 24)
#define OTX__INDEX_FILES 65536

/* One line of the weight map. The strings are not terminated. */
typedef struct otx__weight_entry {
    const char *tensor, *shard;
    size_t tensor_size, shard_size;
    uint32_t file;
} otx__weight_entry;

typedef struct otx__weight_index {
    char *text; /* the file */
    size_t text_size;
    char *strings; /* what the entries point at; text_size bytes */
    otx__weight_entry *entries;
    size_t count;
} otx__weight_index;

OTX__PRIVATE void otx__weight_index_close(const otx_context *ctx, otx__weight_index *index)
{
    otx__free(ctx, index->entries, index->count, sizeof *index->entries);
    otx__free(ctx, index->strings, index->text_size, 1);
    if (index->text) otx__file_free(ctx, index->text, index->text_size);
    memset(index, 0, sizeof *index);
}

OTX__PRIVATE int otx__weight_by_file(const void *a, const void *b)
{
    const otx__weight_entry *one = (const otx__weight_entry *)a;
    const otx__weight_entry *other = (const otx__weight_entry *)b;
    return otx__compare_bytes(one->shard, one->shard_size, other->shard, other->shard_size);
}

OTX__PRIVATE int otx__weight_by_tensor(const void *a, const void *b)
{
    const otx__weight_entry *one = (const otx__weight_entry *)a;
    const otx__weight_entry *other = (const otx__weight_entry *)b;
    return otx__compare_bytes(one->tensor, one->tensor_size, other->tensor, other->tensor_size);
}

/* The weight map of a parsed index: the one member of that name. */
OTX__PRIVATE otx_result otx__weight_index_map(const otx_json *json, const char *name,
                                              uint32_t *map, otx_error *error)
{
    uint32_t key, i, found = 0;
    if (otx_json_type_of(json, 0) != OTX_JSON_OBJECT)
        return otx__fail(error, OTX_ERROR_FORMAT, "%s: is not a JSON object", name);
    for (i = 0, key = 1; i < json->nodes[0].count; i++, key = json->nodes[key + 1].next)
        if (otx_json_equals(json, key, "weight_map")) {
            *map = key + 1;
            found++;
        }
    if (found != 1 || otx_json_type_of(json, *map) != OTX_JSON_OBJECT)
        return otx__fail(error, OTX_ERROR_FORMAT, "%s: %s", name,
                         found == 0   ? "has no \"weight_map\""
                         : found == 1 ? "\"weight_map\" is not an object"
                                      : "has more than one \"weight_map\"");
    if (json->nodes[*map].count == 0)
        return otx__fail(error, OTX_ERROR_FORMAT, "%s: \"weight_map\" is empty", name);
    return OTX_OK;
}

/* Fills in the entries from the members of the weight map, in their order. */
OTX__PRIVATE otx_result otx__weight_index_entries(const otx_json *json, uint32_t map,
                                                  const char *name, otx__weight_index *index,
                                                  otx_error *error)
{
    char *end = index->strings;
    uint32_t key = map + 1;
    size_t i;
    for (i = 0; i < index->count; i++, key = json->nodes[key + 1].next) {
        otx__weight_entry *entry = &index->entries[i];
        char what[OTX__QUOTED];
        entry->tensor = end;
        entry->tensor_size = otx_json_string(json, key, end);
        end += entry->tensor_size;
        if (otx_json_type_of(json, key + 1) != OTX_JSON_STRING)
            return otx__fail(error, OTX_ERROR_FORMAT, "%s: the file of tensor \"%s\" is not a "
                             "string", name,
                             otx__quote(what, sizeof what, entry->tensor, entry->tensor_size));
        entry->shard = end;
        entry->shard_size = otx_json_string(json, key + 1, end);
        end += entry->shard_size;
    }
    return OTX_OK;
}

/* Reads an index. `path` is its file's. */
OTX__PRIVATE otx_result otx__weight_index_open(const otx_context *ctx, const char *path,
                                               otx__weight_index *index, otx_error *error)
{
    char name[OTX__PATH_TEXT];
    uint32_t map = 0;
    otx_json json;
    otx_json_options options;
    otx_result result;
    memset(index, 0, sizeof *index);
    memset(&json, 0, sizeof json);
    memset(&options, 0, sizeof options);
    options.max_nodes = OTX__INDEX_NODES;
    otx__path_text(name, path);
    result = otx__file_read_all(ctx, path, OTX__INDEX_LIMIT, &index->text, &index->text_size,
                                error);
    if (!result)
        result = otx_json_parse(ctx, index->text, index->text_size, name, &options, &json,
                                error);
    if (!result) result = otx__weight_index_map(&json, name, &map, error);
    if (!result) {
        index->count = json.nodes[map].count;
        index->strings = (char *)otx__alloc(ctx, index->text_size, 1);
        index->entries = (otx__weight_entry *)otx__alloc_zero(ctx, index->count,
                                                             sizeof *index->entries);
        if (!index->strings || !index->entries)
            result = otx__fail_memory(error, index->count * sizeof *index->entries);
    }
    if (!result) result = otx__weight_index_entries(&json, map, name, index, error);
    otx_json_close(ctx, &json);
    if (result) otx__weight_index_close(ctx, index);
    return result;
}

/* Shards are names within the directory, the same on every file system: no way
   out of it, no drive, no stream, nothing a terminal would act on. */
OTX__PRIVATE bool otx__is_weight_file(const char *name, size_t size)
{
    size_t i;
    if (size == 0 || size > 255 || name[0] == '.') return false;
    for (i = 0; i < size; i++) {
        unsigned char c = (unsigned char)name[i];
        if (c < 0x20 || c == 0x7f || c == '/' || c == '\\' || c == ':') return false;
    }
    return true;
}

OTX__PRIVATE int otx__lower(char c) { return c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c; }

/* Order by name without regard to ASCII case. */
OTX__PRIVATE int otx__compare_folded(const void *a, const void *b)
{
    const char *one = *(char *const *)a, *other = *(char *const *)b;
    while (*one && otx__lower(*one) == otx__lower(*other)) one++, other++;
    return otx__lower(*one) - otx__lower(*other);
}

/* Two shards whose names differ only in case would be one file elsewhere. */
OTX__PRIVATE otx_result otx__check_case(const otx_context *ctx,
                                        const otx_checkpoint *checkpoint, const char *path,
                                        otx_error *error)
{
    size_t count = checkpoint->file_count, i;
    otx_result result = OTX_OK;
    char **names = (char **)otx__alloc(ctx, count, sizeof *names);
    if (!names) return otx__fail_memory(error, count * sizeof *names);
    for (i = 0; i < count; i++) names[i] = checkpoint->files[i].name;
    otx__sort(names, count, sizeof *names, otx__compare_folded);
    for (i = 1; i < count && !result; i++)
        if (otx__compare_folded(&names[i - 1], &names[i]) == 0) {
            char where[OTX__PATH_TEXT], one[OTX__NAME_TEXT], other[OTX__NAME_TEXT];
            result = otx__fail(error, OTX_ERROR_MISMATCH, "%s: the shards \"%s\" and \"%s\" "
                               "differ only in case", otx__path_text(where, path),
                               otx__name_text(one, names[i - 1]),
                               otx__name_text(other, names[i]));
        }
    otx__free(ctx, names, count, sizeof *names);
    return result;
}

/* Lists the shards that an index names, each once, and notes in the entries
   which is theirs. Sorts the entries by shard. */
OTX__PRIVATE otx_result otx__weight_index_list(const otx_context *ctx, otx__weight_index *index,
                                               const char *path, otx_checkpoint *checkpoint,
                                               otx_error *error)
{
    char where[OTX__PATH_TEXT], what[OTX__QUOTED];
    size_t i, count = 0;
    otx__sort(index->entries, index->count, sizeof *index->entries, otx__weight_by_file);
    for (i = 0; i < index->count; i++) {
        otx__weight_entry *entry = &index->entries[i];
        if (i == 0 || otx__weight_by_file(entry - 1, entry) != 0) count++;
        entry->file = (uint32_t)(count - 1);
    }
    if (count > OTX__INDEX_FILES)
        return otx__fail(error, OTX_ERROR_LIMIT, "%s: names %" PRIu64 " shards, more than the "
                         "limit of %d", otx__path_text(where, path), (uint64_t)count,
                         OTX__INDEX_FILES);
    checkpoint->files =
        (otx_checkpoint_file *)otx__alloc_zero(ctx, count, sizeof *checkpoint->files);
    if (!checkpoint->files) return otx__fail_memory(error, count * sizeof *checkpoint->files);
    checkpoint->file_count = count;
    for (i = 0; i < index->count; i++) {
        const otx__weight_entry *entry = &index->entries[i];
        otx_checkpoint_file *file = &checkpoint->files[entry->file];
        if (file->name) continue;
        if (!otx__is_weight_file(entry->shard, entry->shard_size))
            return otx__fail(error, OTX_ERROR_FORMAT, "%s: \"%s\" is not the name of a file "
                             "within the directory", otx__path_text(where, path),
                             otx__quote(what, sizeof what, entry->shard, entry->shard_size));
        file->name = otx__path_copy(ctx, entry->shard, entry->shard_size);
        if (!file->name) return otx__fail_memory(error, entry->shard_size + 1);
    }
    return otx__check_case(ctx, checkpoint, path, error);
}

/* >>> src/disk/checkpoint.h */
/* ---- checkpoint: a model directory, in one file or in shards ------------ */

/* ---- the tensors ---- */

OTX__PRIVATE int otx__checkpoint_by_name(const void *a, const void *b)
{
    return otx__compare_tensors(((const otx_checkpoint_tensor *)a)->tensor,
                                ((const otx_checkpoint_tensor *)b)->tensor);
}

/* Opens the file number `i`, whose name is set, and reads its header. */
OTX__PRIVATE otx_result otx__checkpoint_open_file(const otx_context *ctx,
                                                  otx_checkpoint *checkpoint, size_t i,
                                                  otx_error *error)
{
    otx_checkpoint_file *file = &checkpoint->files[i];
    char name[OTX__PATH_TEXT], *path = otx__path_join(ctx, checkpoint->path, file->name);
    otx_result result;
    if (!path) return otx__fail_memory(error, strlen(checkpoint->path) + strlen(file->name));
    otx__path_text(name, path);
    result = otx_source_open(ctx, path, &file->source, error);
    if (result == OTX_ERROR_NOT_FOUND && checkpoint->sharded)
        result = otx__fail(error, result, "%s: is missing, but the index names it", name);
    if (!result) result = otx_safetensors_open(ctx, &file->source, name, &file->header, error);
    otx__path_free(ctx, path);
    return result;
}

/* Gathers the tensors of all files, sorted by name. */
OTX__PRIVATE otx_result otx__checkpoint_gather(const otx_context *ctx,
                                               otx_checkpoint *checkpoint, otx_error *error)
{
    otx_checkpoint_tensor *tensors;
    size_t count = 0, i, j;
    for (i = 0; i < checkpoint->file_count; i++)
        count += checkpoint->files[i].header.tensor_count;
    tensors = (otx_checkpoint_tensor *)otx__alloc(ctx, count, sizeof *tensors);
    if (!tensors) return otx__fail_memory(error, count * sizeof *tensors);
    checkpoint->tensors = tensors;
    checkpoint->tensor_count = count;
    for (i = 0; i < checkpoint->file_count; i++)
        for (j = 0; j < checkpoint->files[i].header.tensor_count; j++, tensors++) {
            tensors->tensor = &checkpoint->files[i].header.tensors[j];
            tensors->file = (uint32_t)i;
        }
    otx__sort(checkpoint->tensors, count, sizeof *tensors, otx__checkpoint_by_name);
    return OTX_OK;
}

/* No tensor may be in two shards, and none twice in the index. Both lists are
   sorted by tensor. */
OTX__PRIVATE otx_result otx__checkpoint_unique(const otx_checkpoint *checkpoint,
                                               const otx__weight_index *index, const char *path,
                                               otx_error *error)
{
    char where[OTX__PATH_TEXT], what[OTX__QUOTED], one[OTX__NAME_TEXT], other[OTX__NAME_TEXT];
    size_t i;
    otx__path_text(where, path);
    for (i = 1; i < index->count; i++) {
        const otx__weight_entry *entry = &index->entries[i];
        if (otx__weight_by_tensor(entry - 1, entry) == 0)
            return otx__fail(error, OTX_ERROR_FORMAT, "%s: names tensor \"%s\" twice", where,
                             otx__quote(what, sizeof what, entry->tensor, entry->tensor_size));
    }
    for (i = 1; i < checkpoint->tensor_count; i++) {
        const otx_checkpoint_tensor *found = &checkpoint->tensors[i];
        if (otx__checkpoint_by_name(found - 1, found) == 0)
            return otx__fail(error, OTX_ERROR_MISMATCH, "%s: tensor \"%s\" is in two shards, "
                             "\"%s\" and \"%s\"", where,
                             otx__quote(what, sizeof what, found->tensor->name,
                                        found->tensor->name_size),
                             otx__name_text(one, checkpoint->files[found[-1].file].name),
                             otx__name_text(other, checkpoint->files[found->file].name));
    }
    return OTX_OK;
}

/* Checks that the index and the shards' headers tell the same story: two sorted
   lists, each without repetitions, that must go in step. */
OTX__PRIVATE otx_result otx__checkpoint_compare(const otx_checkpoint *checkpoint,
                                                const otx__weight_index *index,
                                                const char *path, otx_error *error)
{
    char where[OTX__PATH_TEXT], what[OTX__QUOTED], one[OTX__NAME_TEXT], other[OTX__NAME_TEXT];
    size_t i;
    otx__path_text(where, path);
    for (i = 0; i < index->count || i < checkpoint->tensor_count; i++) {
        const otx__weight_entry *entry = i < index->count ? &index->entries[i] : NULL;
        const otx_checkpoint_tensor *found =
            i < checkpoint->tensor_count ? &checkpoint->tensors[i] : NULL;
        const otx_tensor *tensor = found ? found->tensor : NULL;
        int order = !entry    ? 1
                    : !tensor ? -1
                              : otx__compare_bytes(entry->tensor, entry->tensor_size,
                                                   tensor->name, tensor->name_size);
        if (order == 0 && entry->file == found->file) continue;
        if (order <= 0) {
            otx__name_text(one, checkpoint->files[entry->file].name);
            otx__quote(what, sizeof what, entry->tensor, entry->tensor_size);
        } else {
            otx__quote(what, sizeof what, tensor->name, tensor->name_size);
        }
        if (order < 0)
            return otx__fail(error, OTX_ERROR_MISMATCH, "%s: says that tensor \"%s\" is in "
                             "\"%s\", but it is not", where, what, one);
        otx__name_text(other, checkpoint->files[found->file].name);
        if (order > 0)
            return otx__fail(error, OTX_ERROR_MISMATCH, "%s: does not name tensor \"%s\", "
                             "which is in \"%s\"", where, what, other);
        return otx__fail(error, OTX_ERROR_MISMATCH, "%s: says that tensor \"%s\" is in \"%s\", "
                         "but it is in \"%s\"", where, what, one, other);
    }
    return OTX_OK;
}

/* ---- opening ---- */

OTX_API void otx_checkpoint_close(const otx_context *ctx, otx_checkpoint *checkpoint)
{
    size_t i;
    for (i = 0; i < checkpoint->file_count; i++) {
        otx_checkpoint_file *file = &checkpoint->files[i];
        otx_safetensors_close(ctx, &file->header);
        otx_source_close(ctx, &file->source);
        otx__path_free(ctx, file->name);
    }
    otx__free(ctx, checkpoint->files, checkpoint->file_count, sizeof *checkpoint->files);
    otx__free(ctx, checkpoint->tensors, checkpoint->tensor_count, sizeof *checkpoint->tensors);
    otx__path_free(ctx, checkpoint->path);
    memset(checkpoint, 0, sizeof *checkpoint);
}

/* Reports a directory that holds neither the one file nor an index. */
OTX__PRIVATE otx_result otx__fail_no_model(otx_error *error, const char *path,
                                           const otx__listing *listing)
{
    return otx__fail_foreign(error, path, OTX__MODEL_FILE " and no " OTX__INDEX_FILE,
                             otx__foreign_weights, OTX__COUNT(otx__foreign_weights), listing);
}

/* A checkpoint that is one file. */
OTX__PRIVATE otx_result otx__checkpoint_single(const otx_context *ctx,
                                               otx_checkpoint *checkpoint, const char *name,
                                               otx_error *error)
{
    otx_result result;
    checkpoint->files =
        (otx_checkpoint_file *)otx__alloc_zero(ctx, 1, sizeof *checkpoint->files);
    if (!checkpoint->files) return otx__fail_memory(error, sizeof *checkpoint->files);
    checkpoint->file_count = 1;
    checkpoint->files[0].name = otx__path_copy(ctx, name, strlen(name));
    if (!checkpoint->files[0].name) return otx__fail_memory(error, strlen(name) + 1);
    result = otx__checkpoint_open_file(ctx, checkpoint, 0, error);
    return result ? result : otx__checkpoint_gather(ctx, checkpoint, error);
}

/* A checkpoint with an index. `both`: there is a model.safetensors besides, which
   some loaders would take and others not. */
OTX__PRIVATE otx_result otx__checkpoint_sharded(const otx_context *ctx,
                                                otx_checkpoint *checkpoint, bool both,
                                                otx_error *error)
{
    char name[OTX__PATH_TEXT], *path = otx__path_join(ctx, checkpoint->path, OTX__INDEX_FILE);
    otx__weight_index index;
    otx_result result;
    size_t i;
    if (!path) return otx__fail_memory(error, strlen(checkpoint->path) + 64);
    checkpoint->sharded = true;
    result = otx__weight_index_open(ctx, path, &index, error);
    if (!result) result = otx__weight_index_list(ctx, &index, path, checkpoint, error);
    if (!result && both &&
        (checkpoint->file_count > 1 || strcmp(checkpoint->files[0].name, OTX__MODEL_FILE) != 0))
        result = otx__fail(error, OTX_ERROR_MISMATCH, "%s: holds both " OTX__MODEL_FILE " and "
                           OTX__INDEX_FILE ", which names other files; remove the one that is "
                           "out of date", otx__path_text(name, checkpoint->path));
    for (i = 0; i < checkpoint->file_count && !result; i++)
        result = otx__checkpoint_open_file(ctx, checkpoint, i, error);
    if (!result) result = otx__checkpoint_gather(ctx, checkpoint, error);
    if (!result)
        otx__sort(index.entries, index.count, sizeof *index.entries, otx__weight_by_tensor);
    if (!result) result = otx__checkpoint_unique(checkpoint, &index, path, error);
    if (!result) result = otx__checkpoint_compare(checkpoint, &index, path, error);
    otx__weight_index_close(ctx, &index);
    otx__path_free(ctx, path);
    return result;
}

OTX__PRIVATE otx_result otx__checkpoint_directory(const otx_context *ctx, const char *path,
                                                  otx_checkpoint *checkpoint, otx_error *error)
{
    otx__listing listing;
    bool one, index;
    otx_result result;
    checkpoint->path = otx__path_copy(ctx, path, strlen(path));
    if (!checkpoint->path) return otx__fail_memory(error, strlen(path) + 1);
    result = otx__listing_open(ctx, path, &listing, error);
    if (result) return result;
    one = otx__listing_has(&listing, OTX__MODEL_FILE);
    index = otx__listing_has(&listing, OTX__INDEX_FILE);
    if (index) result = otx__checkpoint_sharded(ctx, checkpoint, one, error);
    else if (one) result = otx__checkpoint_single(ctx, checkpoint, OTX__MODEL_FILE, error);
    else result = otx__fail_no_model(error, path, &listing);
    otx__listing_close(&listing);
    return result;
}

OTX_API otx_result otx_checkpoint_open(const otx_context *ctx, const char *path,
                                       otx_checkpoint *out, otx_error *error)
{
    char name[OTX__PATH_TEXT];
    otx__status status;
    otx_result result;
    memset(out, 0, sizeof *out);
    result = otx__model_status(path, &status, error);
    if (result) return result;
    if (status.directory) {
        result = otx__checkpoint_directory(ctx, path, out, error);
    } else if (otx__has_suffix(path, ".safetensors")) {
        out->path = otx__path_parent(ctx, path);
        if (out->path)
            result = otx__checkpoint_single(ctx, out, path + otx__path_name(path), error);
        else result = otx__fail_memory(error, strlen(path) + 1);
    } else {
        result = otx__fail(error, OTX_ERROR_UNSUPPORTED, "%s: is neither a directory nor a "
                           ".safetensors file", otx__path_text(name, path));
    }
    if (result) otx_checkpoint_close(ctx, out);
    return result;
}

/* ---- reading ---- */

OTX_API const otx_checkpoint_tensor *otx_checkpoint_find(const otx_checkpoint *checkpoint,
                                                         const char *name)
{
    size_t low = 0, high = checkpoint->tensor_count, size = strlen(name);
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        const otx_tensor *tensor = checkpoint->tensors[middle].tensor;
        int order = otx__compare_bytes(name, size, tensor->name, tensor->name_size);
        if (order == 0) return &checkpoint->tensors[middle];
        if (order < 0) high = middle;
        else low = middle + 1;
    }
    return NULL;
}

/* Reads bytes of a tensor as they stand in the file, `first` counting from its
   own first. Thread-safe. */
OTX__PRIVATE otx_result otx__checkpoint_bytes(const otx_checkpoint *checkpoint,
                                              const otx_checkpoint_tensor *tensor,
                                              uint64_t first, size_t size, void *to,
                                              otx_error *error)
{
    const otx_checkpoint_file *file = &checkpoint->files[tensor->file];
    const otx_tensor *what = tensor->tensor;
    uint64_t have = what->end - what->begin;
    char where[OTX__PATH_TEXT], shard[OTX__NAME_TEXT], name[OTX__QUOTED];
    bool within = first <= have && size <= have - first;
    if (within && file->source.read(file->source.context, what->begin + first, to, size))
        return OTX_OK;
    otx__path_text(where, checkpoint->path);
    otx__name_text(shard, file->name);
    otx__quote(name, sizeof name, what->name, what->name_size);
    if (!within)
        return otx__fail(error, OTX_ERROR_ARGUMENT, "%s: \"%s\": tensor \"%s\" has %" PRIu64
                         " bytes; %" PRIu64 " from byte %" PRIu64 " on are beyond it", where,
                         shard, name, have, (uint64_t)size, first);
    return otx__fail(error, OTX_ERROR_IO, "%s: \"%s\": tensor \"%s\": cannot read %" PRIu64
                     " bytes at offset %" PRIu64 "; was the file changed or cut short?", where,
                     shard, name, (uint64_t)size, what->begin + first);
}

/* Elements of `size` bytes between the files' byte order and the host's, in
   place; either way is the same. */
OTX__PRIVATE void otx__little_endian(void *elements, size_t count, size_t size)
{
    const uint16_t probe = 1;
    unsigned char *bytes = (unsigned char *)elements, low;
    size_t i, j;
    memcpy(&low, &probe, 1);
    if (low == 1) return;
    for (i = 0; i < count; i++, bytes += size)
        for (j = 0; j < size / 2; j++) {
            unsigned char swapped = bytes[j];
            bytes[j] = bytes[size - 1 - j];
            bytes[size - 1 - j] = swapped;
        }
}

OTX_API otx_result otx_checkpoint_read(const otx_checkpoint *checkpoint,
                                       const otx_checkpoint_tensor *tensor, uint64_t first,
                                       size_t count, void *to, otx_error *error)
{
    size_t size = otx_dtype_bits(tensor->tensor->dtype) / 8, bytes;
    uint64_t offset;
    otx_result result;
    if (!otx_dtype_is_embedding(tensor->tensor->dtype)) {
        char what[OTX__QUOTED];
        return otx__fail(error, OTX_ERROR_UNSUPPORTED, "tensor \"%s\": cannot read elements of "
                         "type %s", otx__quote(what, sizeof what, tensor->tensor->name,
                                               tensor->tensor->name_size),
                         otx_dtype_name(tensor->tensor->dtype));
    }
    if (!otx__mul64(first, size, &offset)) offset = UINT64_MAX;
    if (!otx__mul(count, size, &bytes)) bytes = SIZE_MAX;
    result = otx__checkpoint_bytes(checkpoint, tensor, offset, bytes, to, error);
    if (!result) otx__little_endian(to, count, size);
    return result;
}

/* >>> src/disk/tokenizer_directory.h */
/* ---- tokenizer_directory: the tokenizer of a model directory ---------------- */

/* The files of a tokenizer that a directory holds, by otx_vocab_file. */
typedef struct otx__vocab_files {
    const otx_context *ctx;
    const char *path;
    const char *names[OTX_VOCAB_FILES]; /* NULL: absent; borrowed from the listing */
    otx_vocab_text texts[OTX_VOCAB_FILES];
} otx__vocab_files;

/* The names that a file with tokens may have, the loaders' favourite first. In a
   name that ends with *, anything may follow; in one that starts with it, precede. */
typedef struct otx__vocab_name {
    otx_vocab_file file;
    const char *name;
} otx__vocab_name;

static const otx__vocab_name otx__vocab_names[] = {
    {OTX_VOCAB_TOKENIZER_JSON, "tokenizer.json"},
    {OTX_VOCAB_TEKKEN, "tekken.json"},
    {OTX_VOCAB_SENTENCEPIECE, "tokenizer.model"},
    {OTX_VOCAB_SENTENCEPIECE, "spiece.model"},
    {OTX_VOCAB_SENTENCEPIECE, "sentencepiece.bpe.model"},
    {OTX_VOCAB_SENTENCEPIECE, "sentencepiece.model"},
    {OTX_VOCAB_SENTENCEPIECE, "spm.model"},
    {OTX_VOCAB_SENTENCEPIECE, "tokenizer.model.v*"}, /* Mistral's; the last of several */
    {OTX_VOCAB_TIKTOKEN, "tiktoken.model"},
    {OTX_VOCAB_TIKTOKEN, "*.tiktoken"},
    {OTX_VOCAB_JSON, "vocab.json"},
    {OTX_VOCAB_TXT, "vocab.txt"},
    {OTX_VOCAB_MERGES, "merges.txt"},
    {OTX_VOCAB_TOKENIZER_CONFIG, "tokenizer_config.json"},
    {OTX_VOCAB_SPECIAL_TOKENS, "special_tokens_map.json"},
    {OTX_VOCAB_ADDED_TOKENS, "added_tokens.json"},
    {OTX_VOCAB_MODEL_CONFIG, "config.json"},
};

OTX__PRIVATE bool otx__vocab_name_fits(const char *name, const char *pattern)
{
    char stem[32];
    const size_t size = strlen(pattern);
    if (pattern[0] == '*') return otx__has_suffix(name, pattern + 1);
    if (pattern[size - 1] != '*') return strcmp(name, pattern) == 0;
    memcpy(stem, pattern, size - 1);
    stem[size - 1] = 0;
    return otx__has_prefix(name, stem);
}

OTX__PRIVATE void otx__vocab_find_files(otx__vocab_files *files, const otx__listing *listing)
{
    size_t i, j;
    for (i = 0; i < OTX__COUNT(otx__vocab_names); i++) {
        const otx__vocab_name *known = &otx__vocab_names[i];
        if (files->names[known->file]) continue;
        for (j = 0; j < listing->count; j++)
            if (otx__vocab_name_fits(listing->names[j], known->name))
                files->names[known->file] = listing->names[j];
    }
}

OTX__PRIVATE otx_result otx__vocab_read_file(otx__vocab_files *files, size_t file,
                                             otx_error *error)
{
    otx_vocab_text *text = &files->texts[file];
    char *path, *bytes = NULL;
    otx_result result;
    if (!files->names[file] || text->bytes) return OTX_OK;
    path = otx__path_join(files->ctx, files->path, files->names[file]);
    if (!path)
        return otx__fail_memory(error, strlen(files->path) + strlen(files->names[file]) + 2);
    result = otx__file_read_all(files->ctx, path, OTX__TOKENIZER_LIMIT, &bytes, &text->size,
                                error);
    text->bytes = bytes;
    otx__path_free(files->ctx, path);
    return result;
}

OTX__PRIVATE void otx__vocab_drop_file(otx__vocab_files *files, size_t file)
{
    otx_vocab_text *text = &files->texts[file];
    if (text->bytes) otx__file_free(files->ctx, (char *)(uintptr_t)text->bytes, text->size);
    text->bytes = NULL;
}

/* Whether a file goes with that source: merges.txt and config.json only with one. */
OTX__PRIVATE bool otx__vocab_goes_with(size_t file, size_t source)
{
    if (file == OTX_VOCAB_MERGES) return source == OTX_VOCAB_JSON;
    return file != OTX_VOCAB_MODEL_CONFIG || source == OTX_VOCAB_SENTENCEPIECE;
}

/* Reads the vocabulary that one of the files with tokens holds. */
OTX__PRIVATE otx_result otx__vocab_of_source(otx__vocab_files *files, size_t source,
                                             otx_vocab *out, otx_error *error)
{
    char directory[OTX__PATH_TEXT], file[OTX__QUOTED], name[OTX__PATH_TEXT + OTX__QUOTED];
    otx_result result = otx__vocab_read_file(files, source, error);
    size_t i;
    memset(out, 0, sizeof *out);
    for (i = OTX_VOCAB_SOURCES; i < OTX_VOCAB_FILES && !result; i++)
        if (otx__vocab_goes_with(i, source)) result = otx__vocab_read_file(files, i, error);
    if (!result) {
        const char *own = files->names[source];
        (void)snprintf(name, sizeof name, "%s/%s", otx__path_text(directory, files->path),
                       otx__quote(file, sizeof file, own, strlen(own)));
        result = otx_vocab_parse(files->ctx, files->texts, name, out, error);
    }
    otx__vocab_drop_file(files, source);
    return result;
}

/* ---- several sources ---- */

/* A token for a message, or the word for none. */
OTX__PRIVATE const char *otx__token_text(char to[OTX__QUOTED], const otx_vocab *vocab,
                                         size_t id)
{
    if (id >= vocab->count || vocab->tokens[id].kind == OTX_TOKEN_NONE) return "nothing";
    return otx__quote(to, OTX__QUOTED, vocab->tokens[id].bytes, vocab->tokens[id].size);
}

/* Whether an id is the same token in the file that is read and in another. Tokens
   that the former adds to those of the model may be missing in the latter. */
OTX__PRIVATE bool otx__same_meaning(const otx_vocab *read, const otx_vocab *other, size_t id)
{
    const bool in_read = id < read->count && read->tokens[id].kind != OTX_TOKEN_NONE;
    const bool in_other = id < other->count && other->tokens[id].kind != OTX_TOKEN_NONE;
    if (!in_other) return !in_read || read->tokens[id].added;
    if (!in_read) return false;
    return otx__same_bytes(read->tokens[id].bytes, read->tokens[id].size,
                           other->tokens[id].bytes, other->tokens[id].size);
}

/* Says in one line that two files are not of one tokenizer. */
OTX__PRIVATE void otx__vocab_compare(const otx__vocab_files *files, size_t read,
                                     const otx_vocab *vocab, size_t source,
                                     const otx_vocab *other)
{
    const size_t count = otx__max(vocab->count, other->count);
    char path[OTX__PATH_TEXT], name[OTX__QUOTED], one[OTX__QUOTED], two[OTX__QUOTED];
    uint64_t different = 0;
    size_t first = 0, id;
    for (id = 0; id < count; id++)
        if (!otx__same_meaning(vocab, other, id) && different++ == 0) first = id;
    if (different == 0) return;
    otx__log(files->ctx, OTX_WARNING,
             "%s: %s, which is not read, differs from %s in %" PRIu64 " ids, first %" PRIu64
             ": %s in place of %s", otx__path_text(path, files->path),
             otx__quote(name, sizeof name, files->names[source], strlen(files->names[source])),
             files->names[read], different, (uint64_t)first, otx__token_text(one, other, first),
             otx__token_text(two, vocab, first));
}

/* Compares the vocabulary with those of the other files. One that is no good is
   worth a word, but not a failure: nothing depends on it. */
OTX__PRIVATE otx_result otx__vocab_compare_others(otx__vocab_files *files, size_t read,
                                                  const otx_vocab *vocab, otx_error *error)
{
    size_t source;
    for (source = read + 1; source < OTX_VOCAB_SOURCES; source++) {
        otx_vocab other;
        otx_error problem;
        otx_result result;
        if (!files->names[source]) continue;
        if (source == OTX_VOCAB_JSON && !files->names[OTX_VOCAB_MERGES]) continue;
        result = otx__vocab_of_source(files, source, &other, &problem);
        if (result == OTX_ERROR_MEMORY) return otx__fail(error, result, "%s", problem.message);
        if (result)
            otx__log(files->ctx, OTX_WARNING, "not read, and no good: %s", problem.message);
        else
            otx__vocab_compare(files, read, vocab, source, &other);
        otx_vocab_close(files->ctx, &other);
    }
    return OTX_OK;
}

/* ---- the directory, or one file ---- */

/* Reports a directory without a tokenizer. */
OTX__PRIVATE otx_result otx__fail_no_tokenizer(otx_error *error, const char *path,
                                               const otx__listing *listing)
{
    return otx__fail_foreign(error, path, "tokenizer.json or other file with tokens",
                             otx__foreign_tokenizers, OTX__COUNT(otx__foreign_tokenizers),
                             listing);
}

OTX__PRIVATE otx_result otx__vocab_open_directory(const otx_context *ctx, const char *path,
                                                  otx_vocab *out, otx_error *error)
{
    otx__vocab_files files;
    otx__listing listing;
    size_t source = 0, i;
    otx_result result = otx__listing_open(ctx, path, &listing, error);
    if (result) return result;
    memset(&files, 0, sizeof files);
    files.ctx = ctx;
    files.path = path;
    otx__vocab_find_files(&files, &listing);
    while (source < OTX_VOCAB_SOURCES && !files.names[source]) source++;
    if (source == OTX_VOCAB_SOURCES) result = otx__fail_no_tokenizer(error, path, &listing);
    else result = otx__vocab_of_source(&files, source, out, error);
    if (!result) result = otx__vocab_compare_others(&files, source, out, error);
    if (result) otx_vocab_close(ctx, out);
    for (i = 0; i < OTX_VOCAB_FILES; i++) otx__vocab_drop_file(&files, i);
    otx__listing_close(&listing);
    return result;
}

/* What a file holds by its name, or OTX_VOCAB_SOURCES. */
OTX__PRIVATE otx_vocab_file otx__vocab_file_kind(const char *path)
{
    const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
    if (otx__has_suffix(name, ".json"))
        return strstr(name, "tekken") ? OTX_VOCAB_TEKKEN : OTX_VOCAB_TOKENIZER_JSON;
    if (otx__has_suffix(name, ".tiktoken") || strcmp(name, "tiktoken.model") == 0)
        return OTX_VOCAB_TIKTOKEN;
    if (otx__has_suffix(name, ".model") || strstr(name, ".model.v"))
        return OTX_VOCAB_SENTENCEPIECE;
    return otx__has_suffix(name, "vocab.txt") ? OTX_VOCAB_TXT : OTX_VOCAB_SOURCES;
}

OTX__PRIVATE otx_result otx__vocab_open_file(const otx_context *ctx, const char *path,
                                             otx_vocab *out, otx_error *error)
{
    const otx_vocab_file file = otx__vocab_file_kind(path);
    otx_vocab_text texts[OTX_VOCAB_FILES];
    char name[OTX__PATH_TEXT], *bytes = NULL;
    otx_result result;
    memset(texts, 0, sizeof texts);
    if (file == OTX_VOCAB_SOURCES || otx__has_suffix(path, "vocab.json"))
        return otx__fail(error, OTX_ERROR_UNSUPPORTED, "%s: is neither a directory nor a "
                         "tokenizer.json, tekken.json, *.model, *.tiktoken or vocab.txt",
                         otx__path_text(name, path));
    result = otx__file_read_all(ctx, path, OTX__TOKENIZER_LIMIT, &bytes, &texts[file].size,
                                error);
    texts[file].bytes = bytes;
    if (!result)
        result = otx_vocab_parse(ctx, texts, otx__path_text(name, path), out, error);
    if (bytes) otx__file_free(ctx, bytes, texts[file].size);
    return result;
}

OTX_API otx_result otx_vocab_open(const otx_context *ctx, const char *path, otx_vocab *out,
                                  otx_error *error)
{
    otx__status status;
    otx_result result;
    memset(out, 0, sizeof *out);
    result = otx__model_status(path, &status, error);
    if (result) return result;
    return status.directory ? otx__vocab_open_directory(ctx, path, out, error)
                            : otx__vocab_open_file(ctx, path, out, error);
}

/* >>> src/model/chapter.h */
/* ==== model: which tensors and config keys belong to the vocabulary ==== */

/* Knows what the world calls things: names of tensors, keys of configs.
   Hides the quirks of architectures from the job.
   Documents own their text and nodes; tensors belong to the checkpoint.
   Read names.h, then parts.h for tensors and config_ids.h for configs.

   Rooms, in order of dependency:
     document     the JSON files of a model directory
     config       what config.json says
     names        names of tensors
     parts        the tensors that the vocabulary sizes
     heirs        what becomes of the ids in a config
     config_ids   ids in a config being edited
     config_edit  config.json and generation_config.json, edited */

/* >>> src/model/document.h */
/* ---- documents: the JSON files of a model directory --------------------- */

/* One JSON file of a directory. Absent ones have no nodes, so that every
   look-up from otx__document_root finds nothing. */
typedef struct otx__document {
    char *text;
    size_t size;
    otx_json json;
    bool present;
} otx__document;

/* Far above any real one; keeps a hostile file from filling the memory. */
#define OTX__DOCUMENT_LIMIT OTX__INDEX_LIMIT

OTX__PRIVATE void otx__document_close(const otx_context *ctx, otx__document *document)
{
    otx_json_close(ctx, &document->json);
    otx__file_free(ctx, document->text, document->size);
    memset(document, 0, sizeof *document);
}

/* Reads and parses directory/name, an object. A missing file is an absent
   document. NaN and Infinity are let through, as Python writes them. */
OTX__PRIVATE otx_result otx__document_open(const otx_context *ctx, const char *directory,
                                           const char *name, otx__document *out,
                                           otx_error *error)
{
    otx_json_options options;
    otx_result result;
    char *path;
    memset(out, 0, sizeof *out);
    memset(&options, 0, sizeof options);
    options.allow_nonfinite = true;
    path = otx__path_join(ctx, directory, name);
    if (!path) return otx__fail_memory(error, strlen(directory) + strlen(name) + 2);
    result = OTX_OK;
    if (!otx__file_exists(path)) goto done;
    result = otx__file_read_all(ctx, path, OTX__DOCUMENT_LIMIT, &out->text, &out->size, error);
    if (result) goto done;
    result = otx_json_parse(ctx, out->text, out->size, path, &options, &out->json, error);
    if (!result && otx_json_type_of(&out->json, 0) != OTX_JSON_OBJECT)
        result = otx__fail(error, OTX_ERROR_FORMAT, "%s: not a JSON object", path);
    if (result) otx__document_close(ctx, out);
    else out->present = true;
done:
    otx__path_free(ctx, path);
    return result;
}

OTX__PRIVATE uint32_t otx__document_root(const otx__document *document)
{
    return document->present ? 0 : OTX_JSON_NONE;
}

/* >>> src/model/config.h */
/* ---- what config.json says ---------------------------------------------- */

/* The objects that describe the language model: the whole of config.json, and
   within it the parts that multimodal models keep for their text side, or an
   encoder and its decoder for themselves; within those again. */
#define OTX__CONFIG_LEVELS 8

typedef struct otx__levels {
    uint32_t nodes[OTX__CONFIG_LEVELS]; /* the root first */
    size_t count;
} otx__levels;

OTX__PRIVATE otx__levels otx__config_levels(const otx__document *config)
{
    static const char *const nested[] = {"text_config",    "llm_config", "language_config",
                                         "thinker_config", "vlm_config", "decoder",
                                         "encoder"};
    otx__levels levels;
    size_t at, i;
    memset(&levels, 0, sizeof levels);
    if (!config->present) return levels;
    levels.nodes[levels.count++] = 0;
    for (at = 0; at < levels.count; at++) /* grows as it goes */
        for (i = 0; i < OTX__COUNT(nested) && levels.count < OTX__CONFIG_LEVELS; i++) {
            uint32_t node = otx_json_find(&config->json, levels.nodes[at], nested[i]);
            if (otx_json_type_of(&config->json, node) == OTX_JSON_OBJECT)
                levels.nodes[levels.count++] = node;
        }
    return levels;
}

/* Whether any level says key: value. *seen, if it is 0, becomes what the first
   level that has the key says instead. */
OTX__PRIVATE bool otx__config_says(const otx__document *config, const char *key, uint64_t value,
                                   uint64_t *seen)
{
    otx__levels levels = otx__config_levels(config);
    size_t i;
    for (i = 0; i < levels.count; i++) {
        uint64_t said;
        uint32_t node = otx_json_find(&config->json, levels.nodes[i], key);
        if (!otx_json_uint(&config->json, node, &said)) continue;
        if (said == value) return true;
        if (*seen == 0) *seen = said;
    }
    return false;
}

/* Whether `part` stands anywhere in the text. */
OTX__PRIVATE bool otx__span_has(const char *text, size_t size, const char *part)
{
    size_t length = strlen(part), i;
    for (i = 0; i + length <= size; i++)
        if (memcmp(text + i, part, length) == 0) return true;
    return false;
}

/* Whether any number of config.json that is no size of a vocabulary has this
   value: then a dimension of that size says nothing about the vocabulary. */
OTX__PRIVATE bool otx__config_has_size(const otx__document *config, uint64_t size)
{
    const otx_json *json = &config->json;
    uint32_t object, i, key;
    for (object = 0; object < json->count; object++) {
        if (otx_json_type_of(json, object) != OTX_JSON_OBJECT) continue;
        key = object + 1;
        for (i = 0; i < json->nodes[object].count; i++) {
            const otx_json_node *name = &json->nodes[key];
            uint64_t value;
            if (otx_json_uint(json, key + 1, &value) && value == size &&
                !otx__span_has(json->text + name->start, name->end - name->start, "vocab") &&
                !otx__span_has(json->text + name->start, name->end - name->start, "token"))
                return true;
            key = json->nodes[key + 1].next;
        }
    }
    return false;
}

typedef struct otx__tie_flag {
    bool said_true, said_false; /* on some level */
} otx__tie_flag;

OTX__PRIVATE otx__tie_flag otx__config_tie_flag(const otx__document *config)
{
    otx__levels levels = otx__config_levels(config);
    otx__tie_flag flag = {false, false};
    size_t i;
    for (i = 0; i < levels.count; i++) {
        uint32_t node = otx_json_find(&config->json, levels.nodes[i], "tie_word_embeddings");
        if (otx_json_type_of(&config->json, node) == OTX_JSON_TRUE) flag.said_true = true;
        if (otx_json_type_of(&config->json, node) == OTX_JSON_FALSE) flag.said_false = true;
    }
    return flag;
}

/* >>> src/model/names.h */
/* ---- names of tensors --------------------------------------------------- */

/* What a tensor that is sized by the vocabulary does. */
typedef enum otx__part {
    OTX__PART_NONE,      /* it is not sized by the vocabulary */
    OTX__PART_EMBEDDING, /* a row per token, on the way in */
    OTX__PART_HEAD,      /* a row per token, on the way out */
    OTX__PART_BIAS       /* a number per token, added to what the head gives */
} otx__part;

/* What stands before ".weight" at the end of a name, for the models in use: llama
   and most others (embed_tokens, lm_head), internlm2 (tok_embeddings, output), gpt2
   (wte), falcon, bloom, bert and chatglm (word_embeddings, output_layer), neox
   (embed_in, embed_out), mamba and xlm (embeddings, pred_layer.proj), t5 and bart
   (shared), clip (token_embedding), xlnet (word_embedding, lm_loss), openai-gpt
   (tokens_embed), cpm-ant (input_embedding), ctrl (transformer.w), bert, roberta and
   distilbert heads (decoder, vocab_projector), phi (linear), MTP copies
   (shared_head.head), electra, whisper (proj_out), xglm (output_projection).
   Prefixes are free: model., transformer., language_model.model. and so on. The
   order is that of preference where several would do. */
static const char *const otx__embedding_names[] = {
    "embed_tokens",   "tok_embeddings",  "wte",          "word_embeddings", "embed_in",
    "shared",         "embeddings",      "word_embedding", "token_embedding",
    "tokens_embed",   "input_embedding", "transformer.w", "embedding",       "embed",
    "emb",
};
static const char *const otx__head_names[] = {
    "lm_head", "embed_out", "output", "output_layer", "vocab_projector", "decoder", "proj_out",
    "output_projection", "generator_lm_head", "lm_loss", "pred_layer.proj", "linear", "head",
    "unembed", "cls",
};
/* Owners of biases that are no heads: a number per token beside a tied head. */
static const char *const otx__bias_names[] = {"predictions", "embedding_decoder"};

/* A view of one component of a dotted name. */
typedef struct otx__component {
    const char *bytes;
    size_t size;
} otx__component;

/* The component that ends `skip` components before the end; size 0 if none. */
OTX__PRIVATE otx__component otx__name_component(const otx_tensor *tensor, unsigned skip)
{
    otx__component component = {tensor->name, 0};
    size_t end = tensor->name_size, begin;
    for (;; skip--) {
        for (begin = end; begin > 0 && tensor->name[begin - 1] != '.'; begin--) {}
        if (skip == 0) break;
        if (begin == 0) return component;
        end = begin - 1;
    }
    component.bytes = tensor->name + begin;
    component.size = end - begin;
    return component;
}

OTX__PRIVATE bool otx__component_is(otx__component component, const char *text)
{
    return component.size == strlen(text) && memcmp(component.bytes, text, component.size) == 0;
}

/* Whether the tensor belongs to a numbered layer: a component of digits. */
OTX__PRIVATE bool otx__name_is_numbered(const otx_tensor *tensor)
{
    size_t i, digits = 0, length = 0;
    for (i = 0; i <= tensor->name_size; i++) {
        char byte = i < tensor->name_size ? tensor->name[i] : '.';
        if (byte == '.') {
            if (length > 0 && digits == length) return true;
            digits = length = 0;
        } else {
            digits += byte >= '0' && byte <= '9';
            length++;
        }
    }
    return false;
}

/* Whether the name speaks of tokens, whatever the layer. */
OTX__PRIVATE bool otx__name_is_lexical(const otx_tensor *tensor)
{
    static const char *const words[] = {"embed",   "wte",         "vocab",
                                        "lm_head", "shared_head", "token"};
    size_t i;
    for (i = 0; i < OTX__COUNT(words); i++)
        if (otx__span_has(tensor->name, tensor->name_size, words[i])) return true;
    return false;
}

/* Whether the name is STEM.LAST, whatever stands before it; either may have several
   components. */
OTX__PRIVATE bool otx__name_ends(const otx_tensor *tensor, const char *stem, const char *last)
{
    size_t stem_size = strlen(stem), last_size = strlen(last), at;
    if (tensor->name_size < stem_size + last_size + 1) return false;
    at = tensor->name_size - (stem_size + last_size + 1);
    return (at == 0 || tensor->name[at - 1] == '.') &&
           memcmp(tensor->name + at, stem, stem_size) == 0 &&
           tensor->name[at + stem_size] == '.' &&
           memcmp(tensor->name + at + stem_size + 1, last, last_size) == 0;
}

/* Which of the stems the name has, or `count`. */
OTX__PRIVATE size_t otx__name_in(const otx_tensor *tensor, const char *const *stems,
                                 size_t count, const char *last)
{
    size_t i;
    for (i = 0; i < count && !otx__name_ends(tensor, stems[i], last); i++) {}
    return i;
}

OTX__PRIVATE size_t otx__embedding_name(const otx_tensor *tensor)
{
    return otx__name_in(tensor, otx__embedding_names, OTX__COUNT(otx__embedding_names),
                        "weight");
}

OTX__PRIVATE size_t otx__head_name(const otx_tensor *tensor)
{
    return otx__name_in(tensor, otx__head_names, OTX__COUNT(otx__head_names), "weight");
}

/* The bias of a head, or a number per token under a name of its own. */
OTX__PRIVATE bool otx__name_is_bias(const otx_tensor *tensor)
{
    return otx__component_is(otx__name_component(tensor, 0), "final_logits_bias") ||
           otx__name_in(tensor, otx__head_names, OTX__COUNT(otx__head_names), "bias") <
               OTX__COUNT(otx__head_names) ||
           otx__name_in(tensor, otx__bias_names, OTX__COUNT(otx__bias_names), "bias") <
               OTX__COUNT(otx__bias_names);
}

/* >>> src/model/parts.h */
/* ---- parts: the tensors that the vocabulary sizes ----------------------- */

/* ---- tensors in messages ---- */

/* Room for a tensor's quoted name and shape. */
#define OTX__TENSOR_TEXT (OTX__QUOTED + 96)

/* `"lm_head.weight" [32000, 4096]`; returns `to`. */
OTX__PRIVATE const char *otx__tensor_text(char *to, const otx_tensor *tensor)
{
    char name[OTX__QUOTED];
    size_t length, i;
    otx__quote(name, sizeof name, tensor->name, tensor->name_size);
    length = (size_t)snprintf(to, OTX__TENSOR_TEXT, "\"%s\" [", name);
    for (i = 0; i < tensor->rank && i < 3; i++)
        length += (size_t)snprintf(to + length, OTX__TENSOR_TEXT - length, "%s%" PRIu64,
                                   i ? ", " : "", tensor->shape[i]);
    (void)snprintf(to + length, OTX__TENSOR_TEXT - length, tensor->rank > 3 ? ", ...]" : "]");
    return to;
}

/* ---- the vocabulary's tensors of one model ---- */

#define OTX__MODEL_MAX_TENSORS 16

typedef struct otx__model_tensor {
    const otx_checkpoint_tensor *at;
    otx__part part;
    uint64_t rows;  /* its own: those of the model, or `extra` more */
    bool redundant; /* the head of a tied model, stored once more: not written */
} otx__model_tensor;

typedef struct otx__model {
    const otx_context *ctx;
    const otx_checkpoint *checkpoint;
    const otx__document *config;
    uint64_t ids; /* of the tokenizer: the highest + 1 */
    bool donor;
    uint64_t rows;  /* of the tensors below */
    uint64_t extra; /* rows that some have beyond those, as the classes of a few models
                       add to what config.json calls the vocabulary's size */
    otx__model_tensor tensors[OTX__MODEL_MAX_TENSORS]; /* by name */
    size_t tensor_count;
    const otx_checkpoint_tensor *embedding; /* the main one */
    const otx_checkpoint_tensor *head;      /* NULL if none is stored */
    bool tied;                              /* the head is the embedding */
} otx__model;

OTX__PRIVATE otx_result otx__model_refuse(const otx__model *model, const otx_tensor *tensor,
                                          const char *why, otx_error *error)
{
    char text[OTX__TENSOR_TEXT];
    return otx__fail(error, OTX_ERROR_UNSUPPORTED, "%s: tensor %s %s", model->checkpoint->path,
                     otx__tensor_text(text, tensor), why);
}

/* Lists what could be an embedding, for an architecture that is not known. */
OTX__PRIVATE otx_result otx__fail_unknown_model(const otx__model *model, const otx_vocab *vocab,
                                           const char *why, otx_error *error)
{
    char list[480] = "", text[OTX__TENSOR_TEXT];
    size_t i, length = 0, more = 0;
    for (i = 0; i < model->checkpoint->tensor_count; i++) {
        const otx_tensor *tensor = model->checkpoint->tensors[i].tensor;
        size_t size;
        if (tensor->rank != 2 || tensor->shape[0] < vocab->count) continue;
        size = strlen(otx__tensor_text(text, tensor));
        if (length + size + 3 > sizeof list - 24) {
            more++;
            continue;
        }
        length += (size_t)snprintf(list + length, sizeof list - length, "%s%s",
                                   length ? ", " : "", text);
    }
    if (more)
        (void)snprintf(list + length, sizeof list - length, " and %" PRIu64 " more",
                       (uint64_t)more);
    return otx__fail(error, OTX_ERROR_UNSUPPORTED,
                     "%s: %s; tensors with at least the tokenizer's %" PRIu64 " rows: %s",
                     model->checkpoint->path, why, (uint64_t)vocab->count,
                     list[0] ? list : "none");
}

/* How well a tensor fits as the main embedding: lower is better, SIZE_MAX is not
   at all. The size that config.json gives decides before the place, the place
   (outside the numbered layers) before the name. */
OTX__PRIVATE size_t otx__embedding_rank(const otx__model *model, const otx_tensor *tensor)
{
    size_t name = otx__embedding_name(tensor), rank = name;
    uint64_t seen = 0;
    if (tensor->rank != 2 || name == OTX__COUNT(otx__embedding_names)) return SIZE_MAX;
    if (otx__name_is_numbered(tensor)) rank += 100;
    if (!otx__config_says(model->config, "vocab_size", tensor->shape[0], &seen) &&
        !otx__config_says(model->config, "padded_vocab_size", tensor->shape[0], &seen))
        rank += 200;
    return rank;
}

/* Where an embedding has more rows than config.json says, the model's class adds them
   (Llama 3.2 Vision 8, Moshi 1), or it could not be loaded. The new one has as many
   more. */
OTX__PRIVATE void otx__model_find_extra(otx__model *model)
{
    uint64_t said = 0;
    if (otx__config_says(model->config, "vocab_size", model->rows, &said) ||
        otx__config_says(model->config, "padded_vocab_size", model->rows, &said) || said == 0)
        return;
    otx__log(model->ctx, OTX_WARNING,
             "%s: config.json says \"vocab_size\": %" PRIu64 ", the embedding has %" PRIu64
             " rows%s", model->checkpoint->path, said, model->rows,
             said < model->rows && !model->donor ? "; the new one will have as many more" : "");
    if (said > model->rows) return;
    model->extra = model->rows - said;
    model->rows = said;
}

OTX__PRIVATE otx_result otx__model_find_embedding(otx__model *model, const otx_vocab *vocab,
                                                  otx_error *error)
{
    const otx_checkpoint *checkpoint = model->checkpoint;
    const otx_checkpoint_tensor *rival = NULL;
    size_t best = SIZE_MAX, i;
    for (i = 0; i < checkpoint->tensor_count; i++) {
        size_t rank = otx__embedding_rank(model, checkpoint->tensors[i].tensor);
        if (rank == SIZE_MAX || rank > best) continue;
        if (rank < best) {
            best = rank;
            rival = NULL;
            model->embedding = &checkpoint->tensors[i];
        } else if (checkpoint->tensors[i].tensor->shape[0] !=
                   model->embedding->tensor->shape[0]) {
            rival = &checkpoint->tensors[i];
        }
    }
    if (!model->embedding)
        return otx__fail_unknown_model(model, vocab,
                                       "no tensor is known as the input embedding", error);
    if (rival)
        return otx__fail_unknown_model(
            model, vocab, "several tensors may be the input embedding, of different sizes",
            error);
    model->rows = model->embedding->tensor->shape[0];
    if (model->rows == 0 || model->rows > INT32_MAX)
        return otx__model_refuse(model, model->embedding->tensor,
                                 "is empty or has more than 2147483647 rows", error);
    otx__model_find_extra(model);
    return OTX_OK;
}

/* ---- every tensor in its part ---- */

/* Whether a size is that of the vocabulary. */
OTX__PRIVATE bool otx__model_has_rows(const otx__model *model, uint64_t size)
{
    return size == model->rows || (model->extra > 0 && size == model->rows + model->extra);
}

OTX__PRIVATE bool otx__model_sizes(const otx__model *model, const otx_tensor *tensor)
{
    unsigned i;
    for (i = 0; i < tensor->rank; i++)
        if (otx__model_has_rows(model, tensor->shape[i])) return true;
    return false;
}

/* A [rows] or [1, rows] tensor. */
OTX__PRIVATE bool otx__is_vector(const otx__model *model, const otx_tensor *tensor)
{
    return (tensor->rank == 1 || (tensor->rank == 2 && tensor->shape[0] == 1)) &&
           otx__model_has_rows(model, tensor->shape[tensor->rank - 1]);
}

/* Why a tensor cannot be carried over to another vocabulary by its name alone,
   whatever its shape; NULL if nothing speaks against it. */
OTX__PRIVATE const char *otx__name_verdict(const otx_tensor *tensor)
{
    otx__component last = otx__name_component(tensor, 0),
                   before = otx__name_component(tensor, 1);
    if (otx__component_is(before, "embed_tokens_per_layer"))
        return "holds per-layer embeddings, which are no rows of one space and cannot be "
               "transplanted";
    if (otx__component_is(last, "d2t") || otx__component_is(last, "t2d"))
        return "maps a draft vocabulary to the full one, which is not true any more under "
               "another tokenizer";
    return NULL;
}

/* Whether the last component is one of those under which quantised matrices keep
   their codes, scales, zero points and shapes, or adapters their factors. */
OTX__PRIVATE bool otx__component_is_packed(otx__component last)
{
    static const char *const parts[] = {"scale",  "scales", "quant",       "pack",   "qweight",
                                        "qzeros", "absmax", "zero_point",  "weight_", "g_idx",
                                        "SCB",    "lora_",  "codebook"};
    size_t i;
    for (i = 0; i < OTX__COUNT(parts); i++)
        if (otx__span_has(last.bytes, last.size, parts[i])) return true;
    return false;
}

/* Whether the name is that of a packed or scaled embedding or head. */
OTX__PRIVATE bool otx__name_is_packed(const otx_tensor *tensor)
{
    static const char *const owners[] = {"lm_head",         "embed_out",      "output_layer",
                                         "embed_tokens",    "tok_embeddings", "wte",
                                         "word_embeddings", "embed_in",       "output",
                                         "embeddings",      "shared",         "lm_head.linear"};
    otx__component last = otx__name_component(tensor, 0);
    char name[64];
    if (last.size >= sizeof name || !otx__component_is_packed(last)) return false;
    memcpy(name, last.bytes, last.size);
    name[last.size] = 0;
    return otx__name_in(tensor, owners, OTX__COUNT(owners), name) < OTX__COUNT(owners);
}

/* What a tensor that is sized by the vocabulary is by its name. */
OTX__PRIVATE otx__part otx__name_part(const otx__model *model, const otx_tensor *tensor)
{
    if (tensor->rank == 2 && otx__model_has_rows(model, tensor->shape[0])) {
        if (otx__embedding_name(tensor) < OTX__COUNT(otx__embedding_names))
            return OTX__PART_EMBEDDING;
        if (otx__head_name(tensor) < OTX__COUNT(otx__head_names)) return OTX__PART_HEAD;
    }
    if (otx__is_vector(model, tensor) && otx__name_is_bias(tensor)) return OTX__PART_BIAS;
    return OTX__PART_NONE;
}

/* A head under a known name, outside the numbered layers, whose size is neither the
   vocabulary's nor small enough to be something else. */
OTX__PRIVATE bool otx__is_other_head(const otx__model *model, const otx_tensor *tensor)
{
    return otx__head_name(tensor) < OTX__COUNT(otx__head_names) && tensor->rank == 2 &&
           !otx__model_has_rows(model, tensor->shape[0]) && !otx__name_is_numbered(tensor) &&
           (tensor->shape[0] >= model->ids || otx__name_ends(tensor, "lm_head", "weight"));
}

OTX__PRIVATE bool otx__dtype_is_integer(otx_dtype dtype)
{
    return dtype == OTX_I64 || dtype == OTX_U64 || dtype == OTX_I32 || dtype == OTX_U32 ||
           dtype == OTX_I16 || dtype == OTX_U16 || dtype == OTX_BOOL;
}

/* The base's tensor is sized like the vocabulary, but under no name that is known.
   Those of numbered layers whose names say nothing of tokens, and those whose size
   config.json explains otherwise, only happen to be; a table of integers per token
   (DeepSeek V4's of experts) does not. */
OTX__PRIVATE otx_result otx__model_coincidence(const otx__model *model,
                                               const otx_tensor *tensor, otx_error *error)
{
    bool numbered = otx__name_is_numbered(tensor);
    bool explained = otx__config_has_size(model->config, model->rows);
    if (otx__dtype_is_integer(tensor->dtype) && !explained)
        return otx__model_refuse(model, tensor, "is a table of integers by token, which cannot "
                                                "be transplanted", error);
    if (numbered && !otx__name_is_lexical(tensor)) return OTX_OK;
    if (!explained)
        return otx__model_refuse(model, tensor, "has a dimension as large as the vocabulary, "
                                                "but what it is for is not known", error);
    if (!numbered && tensor->rank == 2 && otx__model_has_rows(model, tensor->shape[0])) {
        char text[OTX__TENSOR_TEXT];
        otx__log(model->ctx, OTX_WARNING,
                 "%s: tensor %s has as many rows as the vocabulary, "
                 "but config.json gives that size to something else too; it is left as it is",
                 model->checkpoint->path, otx__tensor_text(text, tensor));
    }
    return OTX_OK;
}

/* The part that a tensor plays, or a refusal. Of the base every tensor must be
   understood; of the donor only the embedding and the head are read. */
OTX__PRIVATE otx_result otx__model_part(const otx__model *model, const otx_tensor *tensor,
                                        otx__part *part, otx_error *error)
{
    const char *verdict = model->donor ? NULL : otx__name_verdict(tensor);
    *part = OTX__PART_NONE;
    if (verdict) return otx__model_refuse(model, tensor, verdict, error);
    if (otx__name_is_packed(tensor) && !(model->donor && otx__name_is_numbered(tensor)))
        return otx__model_refuse(model, tensor,
                                 "belongs to a packed or scaled vocabulary matrix; only plain "
                                 "F64, F32, F16, BF16 and F8 ones are supported", error);
    if (otx__is_other_head(model, tensor))
        return otx__model_refuse(model, tensor, "is an output head with another number of rows "
                                                "than the embedding", error);
    if (!otx__model_sizes(model, tensor)) return OTX_OK;
    *part = otx__name_part(model, tensor);
    if (model->donor && *part == OTX__PART_BIAS) *part = OTX__PART_NONE;
    if (*part != OTX__PART_NONE || model->donor) return OTX_OK;
    return otx__model_coincidence(model, tensor, error);
}

/* The main head: outside the numbered layers first, then by name. */
OTX__PRIVATE size_t otx__head_rank(const otx_tensor *tensor)
{
    return otx__head_name(tensor) + (otx__name_is_numbered(tensor) ? 100u : 0u);
}

OTX__PRIVATE otx_result otx__model_add(otx__model *model, const otx_checkpoint_tensor *at,
                                       otx__part part, otx_error *error)
{
    const otx_tensor *tensor = at->tensor;
    otx__model_tensor *slot = &model->tensors[model->tensor_count];
    if (!otx_dtype_is_embedding(tensor->dtype)) {
        char text[OTX__TENSOR_TEXT];
        return otx__fail(error, OTX_ERROR_UNSUPPORTED,
                         "%s: tensor %s is %s; F64, F32, F16, BF16, F8_E4M3 or F8_E5M2 is "
                         "expected",
                         model->checkpoint->path, otx__tensor_text(text, tensor),
                         otx_dtype_name(tensor->dtype));
    }
    if (part != OTX__PART_BIAS && (tensor->shape[1] == 0 || tensor->shape[1] > INT32_MAX))
        return otx__model_refuse(model, tensor, "has no columns or more than 2147483647",
                                 error);
    if (model->tensor_count == OTX__MODEL_MAX_TENSORS)
        return otx__fail(error, OTX_ERROR_LIMIT,
                         "%s: more than %d tensors are sized by the vocabulary",
                         model->checkpoint->path, OTX__MODEL_MAX_TENSORS);
    slot->at = at;
    slot->part = part;
    slot->rows = tensor->shape[part == OTX__PART_BIAS ? tensor->rank - 1 : 0];
    slot->redundant = false;
    model->tensor_count++;
    if (part == OTX__PART_HEAD &&
        (!model->head || otx__head_rank(tensor) < otx__head_rank(model->head->tensor)))
        model->head = at;
    return OTX_OK;
}

OTX__PRIVATE otx_result otx__model_find_parts(otx__model *model, otx_error *error)
{
    const otx_checkpoint *checkpoint = model->checkpoint;
    otx_result result = OTX_OK;
    size_t i;
    for (i = 0; i < checkpoint->tensor_count && !result; i++) {
        otx__part part;
        result = otx__model_part(model, checkpoint->tensors[i].tensor, &part, error);
        if (!result && part != OTX__PART_NONE)
            result = otx__model_add(model, &checkpoint->tensors[i], part, error);
    }
    return result;
}

/* ---- tying ---- */

#define OTX__COMPARE_CHUNK ((size_t)1 << 20)

/* Whether two tensors are equal in type, shape and every byte. Ends at the first
   difference. */
OTX__PRIVATE otx_result otx__tensors_equal(const otx_context *ctx,
                                           const otx_checkpoint *checkpoint,
                                           const otx_checkpoint_tensor *a,
                                           const otx_checkpoint_tensor *b, bool *equal,
                                           otx_error *error)
{
    const size_t chunk = OTX__COMPARE_CHUNK;
    uint64_t size = a->tensor->end - a->tensor->begin, at = 0;
    otx_result result = OTX_OK;
    char *bytes;
    *equal = a->tensor->dtype == b->tensor->dtype && a->tensor->rank == b->tensor->rank &&
             memcmp(a->tensor->shape, b->tensor->shape,
                    a->tensor->rank * sizeof *a->tensor->shape) == 0;
    if (!*equal) return OTX_OK;
    bytes = (char *)otx__alloc(ctx, 2, chunk);
    if (!bytes) return otx__fail_memory(error, 2 * (uint64_t)chunk);
    while (!result && *equal && at < size) {
        size_t count = size - at < chunk ? (size_t)(size - at) : chunk;
        result = otx__checkpoint_bytes(checkpoint, a, at, count, bytes, error);
        if (!result)
            result = otx__checkpoint_bytes(checkpoint, b, at, count, bytes + chunk, error);
        if (!result) *equal = memcmp(bytes, bytes + chunk, count) == 0;
        at += count;
        if (!result)
            result = otx__progress(ctx, OTX_STAGE_READ, b->tensor->name, at, size, error);
    }
    otx__free(ctx, bytes, 2, chunk);
    return result;
}

/* Tied: there is no head, or no level of the config denies it and the head is
   the embedding once more. */
OTX__PRIVATE otx_result otx__model_find_tie(otx__model *model, otx_error *error)
{
    otx__tie_flag flag = otx__config_tie_flag(model->config);
    otx_result result;
    size_t i;
    model->tied = !model->head;
    if (!model->head) {
        if (flag.said_false && !flag.said_true)
            otx__log(
                model->ctx, OTX_WARNING,
                "%s: config.json says \"tie_word_embeddings\": false, but there is no output "
                "head; taken as tied",
                model->checkpoint->path);
        return OTX_OK;
    }
    if (flag.said_false && !flag.said_true) return OTX_OK;
    result = otx__tensors_equal(model->ctx, model->checkpoint, model->embedding, model->head,
                                &model->tied, error);
    if (result) return result;
    if (!model->tied && flag.said_true)
        otx__log(
            model->ctx, OTX_WARNING,
            "%s: config.json says \"tie_word_embeddings\": true, but the output head differs "
            "from the embedding; taken as untied",
            model->checkpoint->path);
    for (i = 0; i < model->tensor_count; i++)
        if (model->tied && model->tensors[i].at == model->head)
            model->tensors[i].redundant = true;
    return OTX_OK;
}

/* ---- the whole of it ---- */

/* Hidden sizes stand under several names; some models factorise the embedding, and
   its own width then stands somewhere too. */
OTX__PRIVATE otx_result otx__model_check_width(const otx__model *model, otx_error *error)
{
    static const char *const keys[] = {"hidden_size", "n_embd", "d_model", "embedding_size",
                                       "word_embed_proj_dim", "input_embedding_size"};
    uint64_t width = model->embedding->tensor->shape[1], seen = 0;
    char text[OTX__TENSOR_TEXT];
    size_t i, first = 0;
    for (i = 0; i < OTX__COUNT(keys); i++) {
        bool before = seen != 0;
        if (otx__config_says(model->config, keys[i], width, &seen)) return OTX_OK;
        if (!before && seen) first = i;
    }
    if (!seen || otx__config_has_size(model->config, width)) return OTX_OK;
    return otx__fail(error, OTX_ERROR_MISMATCH,
                     "%s: tensor %s has %" PRIu64
                     " columns, but config.json says \"%s\": %" PRIu64,
                     model->checkpoint->path, otx__tensor_text(text, model->embedding->tensor),
                     width, keys[first], seen);
}

/* Finds the vocabulary's tensors of an open checkpoint, which must outlive the
   model as must its config. */
OTX__PRIVATE otx_result otx__model_open(const otx_context *ctx,
                                        const otx_checkpoint *checkpoint,
                                        const otx__document *config, const otx_vocab *vocab,
                                        bool donor, otx__model *out, otx_error *error)
{
    otx_result result;
    memset(out, 0, sizeof *out);
    out->ctx = ctx;
    out->checkpoint = checkpoint;
    out->config = config;
    out->ids = vocab->count;
    out->donor = donor;
    result = otx__model_find_embedding(out, vocab, error);
    if (!result) result = otx__model_check_width(out, error);
    if (!result) result = otx__model_find_parts(out, error);
    if (!result) result = otx__model_find_tie(out, error);
    return result;
}

/* >>> src/model/heirs.h */
/* ---- heirs: what becomes of the ids in a config ------------------------- */

/* What the edits of config.json and generation_config.json start from. */
typedef struct otx__config_plan {
    const otx_context *ctx;
    const char *base_path;
    const otx_vocab *base_vocab, *donor_vocab;
    const otx_alignment *alignment;
    const otx__document *base, *base_generation;   /* the base's two files */
    const otx__document *donor, *donor_generation; /* the donor's */
    const otx__document *donor_tokenizer;          /* its tokenizer_config.json */
    const otx__model *model;                       /* of the base */
    otx_dtype dtype; /* that the matrices are written in, or 0: the base's */
    int64_t *heirs; /* by base id: the lowest donor id that takes over its row, or -1 */
    size_t remaps;  /* ids looked up by content so far */
} otx__config_plan;

/* ---- ids ---- */

/* Fills plan->heirs; free base_vocab->count of them. */
OTX__PRIVATE otx_result otx__config_find_heirs(otx__config_plan *plan, otx_error *error)
{
    size_t count = plan->base_vocab->count, i;
    plan->heirs = (int64_t *)otx__alloc(plan->ctx, count, sizeof *plan->heirs);
    if (!plan->heirs) return otx__fail_memory(error, (uint64_t)count * sizeof *plan->heirs);
    for (i = 0; i < count; i++) plan->heirs[i] = -1;
    for (i = plan->alignment->count; i-- > 0;) {
        int64_t base = plan->alignment->rows[i].base;
        if (base >= 0 && (uint64_t)base < count) plan->heirs[base] = (int64_t)i;
    }
    return OTX_OK;
}

/* Whether a donor's id may be written: it has a token and a row. */
OTX__PRIVATE bool otx__config_id_is_valid(const otx__config_plan *plan, uint64_t id)
{
    return id < plan->alignment->count && id < plan->donor_vocab->count &&
           plan->donor_vocab->tokens[id].kind != OTX_TOKEN_NONE;
}

/* The donor id that takes over a base id's row, or -1. */
OTX__PRIVATE int64_t otx__config_heir(const otx__config_plan *plan, uint64_t base)
{
    return base < plan->base_vocab->count ? plan->heirs[base] : -1;
}

/* The donor id that the caller mapped to a base id, or whose content is the
   same, or -1. */
OTX__PRIVATE int64_t otx__config_same_content(const otx__config_plan *plan, uint64_t base)
{
    const otx_token *wanted;
    int64_t heir = otx__config_heir(plan, base);
    size_t i;
    if (base >= plan->base_vocab->count) return -1;
    if (heir >= 0 && plan->alignment->rows[heir].action == OTX_ACTION_MAP) return heir;
    wanted = &plan->base_vocab->tokens[base];
    if (wanted->kind == OTX_TOKEN_NONE) return -1;
    for (i = 0; i < plan->donor_vocab->count; i++) {
        const otx_token *token = &plan->donor_vocab->tokens[i];
        if (token->content_size == wanted->content_size && otx__config_id_is_valid(plan, i) &&
            memcmp(token->content, wanted->content, wanted->content_size) == 0)
            return (int64_t)i;
    }
    return -1;
}

/* How the ids under a key are carried over. */
typedef enum otx__carry {
    OTX__CARRY_DONOR, /* they are the donor's own: only valid ones are taken */
    OTX__CARRY_HEIR,  /* they are the base's: the donor ids that took over their rows */
    OTX__CARRY_SAME   /* the base's, by content */
} otx__carry;

/* One id, carried over; -1 if it has no counterpart or the node is no id. */
OTX__PRIVATE int64_t otx__config_carry(const otx__config_plan *plan, const otx_json *json,
                                       uint32_t node, otx__carry carry)
{
    uint64_t id;
    if (!otx_json_uint(json, node, &id)) return -1;
    if (carry == OTX__CARRY_DONOR) return otx__config_id_is_valid(plan, id) ? (int64_t)id : -1;
    if (carry == OTX__CARRY_SAME) return otx__config_same_content(plan, id);
    return otx__config_heir(plan, id);
}

/* Writes an id or a list of ids, carried over, as JSON. Items of a list without
   a counterpart are left out and counted. Returns how many ids it wrote; with 0
   `to` is as it was, unless the list was empty before. */
OTX__PRIVATE size_t otx__config_carry_ids(const otx__config_plan *plan, const otx_json *json,
                                          uint32_t node, otx__carry carry, otx__text *to,
                                          size_t *lost)
{
    size_t start = to->size, written = 0;
    uint32_t i, item = node + 1;
    int64_t id;
    if (otx_json_type_of(json, node) != OTX_JSON_ARRAY) {
        id = otx__config_carry(plan, json, node, carry);
        if (id >= 0) otx__text_format(to, "%" PRId64, id);
        else *lost += otx_json_type_of(json, node) == OTX_JSON_NUMBER;
        return id >= 0;
    }
    otx__text_string(to, "[");
    for (i = 0; i < json->nodes[node].count; i++, item = json->nodes[item].next) {
        id = otx__config_carry(plan, json, item, carry);
        if (id >= 0) otx__text_format(to, "%s%" PRId64, written++ ? ", " : "", id);
        else ++*lost;
    }
    otx__text_string(to, "]");
    if (written == 0 && !to->failed) to->size = start;
    return written;
}

/* ---- special ids: bos, eos and their like ---- */

typedef struct otx__special {
    const char *key;
    int role;       /* an otx_role, or -1 */
    int stand_in;   /* the role that serves where a number is there and has no counterpart:
                       some classes take no null; or -1 */
    bool add;       /* written even if the base lacks the key: the classes of the
                       common architectures have defaults for it, now stale */
    bool if_set;    /* left alone where the base says null: it asks for behaviour */
} otx__special;

static const otx__special otx__specials[] = {
    {"bos_token_id", OTX_ROLE_BOS, -1, true, false},
    {"eos_token_id", OTX_ROLE_EOS, -1, true, false},
    {"pad_token_id", OTX_ROLE_PAD, -1, true, false},
    {"unk_token_id", OTX_ROLE_UNK, -1, false, false},
    {"sep_token_id", OTX_ROLE_SEP, OTX_ROLE_EOS, false, false},
    {"cls_token_id", OTX_ROLE_CLS, OTX_ROLE_BOS, false, false},
    {"mask_token_id", OTX_ROLE_MASK, -1, false, false},
    {"decoder_start_token_id", -1, OTX_ROLE_BOS, false, true},
    {"forced_bos_token_id", -1, -1, false, true},
    {"forced_eos_token_id", -1, -1, false, true},
};

/* The valid ids that a file of the donor gives, from its first level with any. */
OTX__PRIVATE bool otx__config_donor_ids(const otx__config_plan *plan,
                                        const otx__document *document, const char *key,
                                        otx__text *to)
{
    otx__levels levels = otx__config_levels(document);
    size_t i, lost = 0;
    for (i = 0; i < levels.count; i++) {
        uint32_t node = otx_json_find(&document->json, levels.nodes[i], key);
        if (node == OTX_JSON_NONE) continue;
        if (otx__config_carry_ids(plan, &document->json, node, OTX__CARRY_DONOR, to, &lost))
            return true;
    }
    return false;
}

/* The donor's id in a role, or -1; that of its other end of text for a missing bos
   or eos. */
OTX__PRIVATE int64_t otx__config_role(const otx__config_plan *plan, int role)
{
    int64_t id = role < 0 ? -1 : plan->donor_vocab->roles[role];
    if (id < 0 && role == OTX_ROLE_BOS) id = plan->donor_vocab->roles[OTX_ROLE_EOS];
    return id >= 0 && otx__config_id_is_valid(plan, (uint64_t)id) ? id : -1;
}

/* The new value of a special id, as JSON: from the donor's files, else from its
   tokenizer, else the heir of the base's id. False if none of them knows one. */
OTX__PRIVATE bool otx__config_special(const otx__config_plan *plan, const otx__special *special,
                                      bool generation, const otx_json *base, uint32_t node,
                                      otx__text *to)
{
    int64_t id = special->role < 0 ? -1 : plan->donor_vocab->roles[special->role];
    size_t lost = 0;
    if (generation && otx__config_donor_ids(plan, plan->donor_generation, special->key, to))
        return true;
    if (otx__config_donor_ids(plan, plan->donor, special->key, to)) return true;
    if (id >= 0 && otx__config_id_is_valid(plan, (uint64_t)id)) {
        otx__text_format(to, "%" PRId64, id);
        return true;
    }
    return node != OTX_JSON_NONE &&
           otx__config_carry_ids(plan, base, node, OTX__CARRY_HEIR, to, &lost) > 0;
}

/* >>> src/model/config_ids.h */
/* ---- ids in a config being edited --------------------------------------- */

/* ---- one file being edited ---- */

typedef struct otx__config_edit {
    otx__config_plan *plan;
    const otx__document *document;
    const char *name; /* of the file, for messages */
    bool generation;  /* generation_config.json rather than config.json */
    otx_json_edit *edit;
    otx_error *error;
} otx__config_edit;

/* The levels that are about this vocabulary: not those that name the size of another,
   as of a speech codec, while one names ours. */
OTX__PRIVATE otx__levels otx__vocabulary_levels(const otx__document *document, uint64_t rows)
{
    otx__levels levels = otx__config_levels(document), ours;
    uint64_t seen = 0, size;
    size_t i;
    if (!otx__config_says(document, "vocab_size", rows, &seen)) return levels;
    ours = levels;
    for (i = ours.count = 0; i < levels.count; i++) {
        uint32_t node = otx_json_find(&document->json, levels.nodes[i], "vocab_size");
        bool other = otx_json_uint(&document->json, node, &size) && size != rows;
        if (i == 0 || !other) ours.nodes[ours.count++] = levels.nodes[i];
    }
    return ours;
}

/* The level where a key that is missing goes: the innermost that says how large the
   vocabulary is, else the first within. */
OTX__PRIVATE uint32_t otx__vocabulary_home(const otx__document *document, uint64_t rows)
{
    otx__levels levels = otx__vocabulary_levels(document, rows);
    uint64_t size;
    size_t i;
    for (i = levels.count; i-- > 0;)
        if (otx_json_uint(&document->json,
                          otx_json_find(&document->json, levels.nodes[i], "vocab_size"), &size))
            return levels.nodes[i];
    return levels.nodes[levels.count > 1 ? 1 : 0];
}

/* object[key] = value; takes what the text holds and leaves it empty. */
OTX__PRIVATE otx_result otx__config_set_text(otx__config_edit *e, uint32_t object,
                                             const char *key, otx__text *value)
{
    otx_result result;
    otx__text_bytes(value, "", 1); /* the terminator */
    if (value->failed) return otx__fail_memory(e->error, (uint64_t)value->size);
    result = otx_json_edit_set(e->plan->ctx, e->edit, object, key, value->bytes, e->error);
    value->size = 0;
    return result;
}

OTX__PRIVATE otx_result otx__config_set(otx__config_edit *e, uint32_t object, const char *key,
                                        const char *value)
{
    return otx_json_edit_set(e->plan->ctx, e->edit, object, key, value, e->error);
}

/* Whether the model counts its positions from pad_token_id on, as RoBERTa and the
   fairseq models do: there the id is a number of the architecture, and the masked
   padding may as well be the tokenizer's own. */
OTX__PRIVATE bool otx__config_pad_is_position(const otx__document *config)
{
    static const char *const types[] = {
        "camembert", "longformer", "mpnet",      "xglm",          "m2m_100", "nllb-moe",
        "fsmt",      "esm",        "ibert",      "data2vec-text", "xmod",    "lilt",
        "luke",      "mluke",      "layoutlmv3", "markuplm",      "prophetnet",
        "xlm-prophetnet", "seamless_m4t", "seamless_m4t_v2", "kosmos-2", "kosmos-2.5",
        "trocr",     "roc_bert",
    };
    const otx_json *json = &config->json;
    uint32_t node = otx_json_find(json, otx__document_root(config), "model_type");
    size_t i;
    if (otx_json_type_of(json, node) != OTX_JSON_STRING) return false;
    for (i = 0; i < OTX__COUNT(types); i++)
        if (otx_json_equals(json, node, types[i])) return true;
    return otx__span_has(json->text + json->nodes[node].start,
                         json->nodes[node].end - json->nodes[node].start, "roberta");
}

/* What an id of the base becomes that has no counterpart: that of a role which comes
   close, or null. */
OTX__PRIVATE void otx__config_stand_in(const otx__config_edit *e, const otx__special *special,
                                       uint32_t node, otx__text *value)
{
    otx_json_type type = otx_json_type_of(&e->document->json, node);
    int64_t id = type == OTX_JSON_NUMBER ? otx__config_role(e->plan, special->stand_in) : -1;
    if (id >= 0) otx__text_format(value, "%" PRId64, id);
    else otx__text_string(value, "null");
    if (type == OTX_JSON_NULL) return;
    if (id >= 0)
        otx__log(e->plan->ctx, OTX_WARNING,
                 "%s/%s: the donor has no counterpart of \"%s\"; set to %" PRId64
                 ", its %s token", e->plan->base_path, e->name, special->key, id,
                 id == e->plan->donor_vocab->roles[special->stand_in]
                     ? otx_role_name((otx_role)special->stand_in) : "eos");
    else
        otx__log(e->plan->ctx, OTX_WARNING,
                 "%s/%s: the donor has no counterpart of \"%s\"; set to null",
                 e->plan->base_path, e->name, special->key);
}

/* Sets one special id on every level that has it. */
OTX__PRIVATE otx_result otx__config_edit_special(otx__config_edit *e,
                                                 const otx__special *special, otx__text *value)
{
    const otx_json *json = &e->document->json;
    otx__levels levels = otx__vocabulary_levels(e->document, e->plan->model->rows);
    uint32_t home = otx__vocabulary_home(e->document, e->plan->model->rows);
    otx_result result = OTX_OK;
    bool present = false;
    size_t i;
    for (i = 0; i < levels.count && !result; i++) {
        uint32_t node = otx_json_find(json, levels.nodes[i], special->key);
        bool null = otx_json_type_of(json, node) == OTX_JSON_NULL;
        if (node == OTX_JSON_NONE) continue;
        present = true;
        if (null && special->if_set) continue;
        if (!otx__config_special(e->plan, special, e->generation, json, node, value))
            otx__config_stand_in(e, special, node, value);
        result = otx__config_set_text(e, levels.nodes[i], special->key, value);
    }
    if (!result && !present && special->add &&
        otx__config_special(e->plan, special, e->generation, json, OTX_JSON_NONE, value))
        result = otx__config_set_text(e, home, special->key, value);
    return result;
}

OTX__PRIVATE otx_result otx__config_edit_specials(otx__config_edit *e)
{
    bool keep_pad = otx__config_pad_is_position(e->plan->base);
    otx_result result = OTX_OK;
    otx__text value;
    size_t i;
    otx__text_open(&value, e->plan->ctx);
    for (i = 0; i < OTX__COUNT(otx__specials) && !result; i++)
        if (!keep_pad || otx__specials[i].role != OTX_ROLE_PAD)
            result = otx__config_edit_special(e, &otx__specials[i], &value);
    if (keep_pad && !e->generation)
        otx__log(e->plan->ctx, OTX_NOTE, "%s/%s: \"pad_token_id\" is left as it is, as this "
                 "model counts its positions from it on", e->plan->base_path, e->name);
    otx__text_close(&value);
    return result;
}

/* ---- other ids: image tokens and the like ---- */

/* Whether a key names token ids that are no special ones. */
OTX__PRIVATE bool otx__config_names_ids(const char *key, size_t size)
{
    static const char *const ends[] = {"_token_id", "_token_ids", "_token_index"};
    size_t i;
    for (i = 0; i < OTX__COUNT(otx__specials); i++)
        if (size == strlen(otx__specials[i].key) &&
            memcmp(key, otx__specials[i].key, size) == 0)
            return false;
    for (i = 0; i < OTX__COUNT(ends); i++) {
        size_t length = strlen(ends[i]);
        if (size > length && memcmp(key + size - length, ends[i], length) == 0) return true;
    }
    return false;
}

/* A look-up by content goes through the whole vocabulary; no real config has more
   of them. */
#define OTX__CONFIG_MAX_REMAPS 256

/* Names the first id under a key, one or a list, that has no counterpart. */
OTX__PRIVATE otx_result otx__fail_lost_id(const otx__config_edit *e, const char *key,
                                          uint32_t node)
{
    const otx_json *json = &e->document->json;
    const otx_vocab *vocab = e->plan->base_vocab;
    uint32_t i, count = 1, item = node;
    char token[OTX__QUOTED] = "none";
    uint64_t id = 0;
    if (otx_json_type_of(json, node) == OTX_JSON_ARRAY) {
        count = json->nodes[node].count;
        item = node + 1;
    }
    for (i = 1; i < count && otx__config_carry(e->plan, json, item, OTX__CARRY_SAME) >= 0; i++)
        item = json->nodes[item].next;
    if (otx_json_uint(json, item, &id) && id < vocab->count)
        otx__quote(token, sizeof token, vocab->tokens[id].content,
                   vocab->tokens[id].content_size);
    return otx__fail(e->error, OTX_ERROR_UNSUPPORTED,
                     "%s/%s: \"%s\" is %" PRIu64 ", the token \"%s\", which the donor's "
                     "tokenizer lacks; give it one with --map 'DONOR=#%" PRIu64 "', DONOR "
                     "being a reserved or seldom used token of the donor", e->plan->base_path,
                     e->name, key, id, token, id);
}

/* Carries over what stands under such a key. What has no counterpart is left out
   of generation_config.json, and refused in config.json: the model would look for
   a token that its tokenizer never gives. */
OTX__PRIVATE otx_result otx__config_edit_ids(otx__config_edit *e, const char *key,
                                             size_t key_size, uint32_t node, otx__text *value)
{
    const otx_json *json = &e->document->json;
    otx_json_type type = otx_json_type_of(json, node);
    char quoted[OTX__QUOTED];
    size_t lost = 0, written;
    otx_result result;
    uint64_t id;
    if (type == OTX_JSON_NUMBER && !otx_json_uint(json, node, &id)) return OTX_OK; /* below 0 */
    if (type != OTX_JSON_NUMBER && type != OTX_JSON_ARRAY) return OTX_OK;
    otx__quote(quoted, sizeof quoted, key, key_size);
    e->plan->remaps += type == OTX_JSON_ARRAY ? json->nodes[node].count : 1;
    if (e->plan->remaps > OTX__CONFIG_MAX_REMAPS)
        return otx__fail(e->error, OTX_ERROR_LIMIT, "%s/%s: more than %d token ids at \"%s\"",
                         e->plan->base_path, e->name, OTX__CONFIG_MAX_REMAPS, quoted);
    written = otx__config_carry_ids(e->plan, json, node, OTX__CARRY_SAME, value, &lost);
    if (lost && !e->generation) return otx__fail_lost_id(e, quoted, node);
    if (lost)
        otx__log(e->plan->ctx, OTX_WARNING,
                 "%s/%s: %" PRIu64 " of the ids in \"%s\" have no counterpart; left out",
                 e->plan->base_path, e->name, (uint64_t)lost, quoted);
    if (written == 0) {
        value->size = 0;
        otx__text_string(value, type == OTX_JSON_ARRAY ? "[]" : "null");
    }
    otx__text_bytes(value, "", 1);
    if (value->failed) return otx__fail_memory(e->error, value->size);
    result = otx_json_edit_replace(e->plan->ctx, e->edit, node, value->bytes, e->error);
    value->size = 0;
    return result;
}

/* Every member of every object: the file's nodes stand in one array, so that no
   recursion is needed. */
OTX__PRIVATE otx_result otx__config_edit_other_ids(otx__config_edit *e)
{
    const otx_json *json = &e->document->json;
    otx_result result = OTX_OK;
    uint32_t object, key, i;
    otx__text value;
    otx__text_open(&value, e->plan->ctx);
    for (object = 0; object < json->count && !result; object++) {
        if (otx_json_type_of(json, object) != OTX_JSON_OBJECT) continue;
        key = object + 1;
        for (i = 0; i < json->nodes[object].count && !result; i++) {
            const char *name = json->text + json->nodes[key].start;
            size_t size = json->nodes[key].end - json->nodes[key].start;
            if (otx__config_names_ids(name, size))
                result = otx__config_edit_ids(e, name, size, key + 1, &value);
            key = json->nodes[key + 1].next;
        }
    }
    otx__text_close(&value);
    return result;
}

/* ---- lists that steer generation ---- */

/* A list of lists, in which an inner list without all its counterparts falls out
   whole. With `pairs` the inner lists are [position, id]. */
OTX__PRIVATE void otx__config_carry_lists(const otx__config_plan *plan, const otx_json *json,
                                          uint32_t node, bool pairs, otx__text *to,
                                          size_t *lost)
{
    uint32_t i, j, inner = node + 1, item;
    size_t written = 0;
    otx__text_string(to, "[");
    for (i = 0; i < json->nodes[node].count; i++, inner = json->nodes[inner].next) {
        size_t start = to->size;
        uint32_t count = otx_json_type_of(json, inner) == OTX_JSON_ARRAY
                             ? json->nodes[inner].count : 0;
        bool whole = count > 0;
        otx__text_string(to, written ? ", [" : "[");
        for (j = 0, item = inner + 1; j < count; j++, item = json->nodes[item].next) {
            bool position = pairs && j == 0;
            uint64_t number = 0;
            int64_t id = position ? -1 : otx__config_carry(plan, json, item, OTX__CARRY_HEIR);
            if (position ? !otx_json_uint(json, item, &number) : id < 0) whole = false;
            otx__text_format(to, "%s%" PRIu64, j ? ", " : "", position ? number : (uint64_t)id);
        }
        otx__text_string(to, "]");
        if (whole) written++;
        else if (!to->failed) to->size = start;
        *lost += !whole;
    }
    otx__text_string(to, "]");
}

typedef enum otx__list_kind { OTX__LIST_IDS, OTX__LIST_LISTS, OTX__LIST_PAIRS, OTX__LIST_OTHER }
    otx__list_kind;

OTX__PRIVATE otx_result otx__config_edit_list(otx__config_edit *e, uint32_t object,
                                              const char *key, otx__list_kind kind,
                                              otx__text *value)
{
    const otx_json *json = &e->document->json;
    uint32_t node = otx_json_find(json, object, key);
    size_t lost = 0;
    if (otx_json_type_of(json, node) == OTX_JSON_NULL) return OTX_OK; /* or absent */
    if (kind != OTX__LIST_OTHER && otx_json_type_of(json, node) == OTX_JSON_ARRAY) {
        if (kind != OTX__LIST_IDS)
            otx__config_carry_lists(e->plan, json, node, kind == OTX__LIST_PAIRS, value, &lost);
        else if (otx__config_carry_ids(e->plan, json, node, OTX__CARRY_HEIR, value, &lost) == 0)
            otx__text_string(value, "[]");
        if (lost)
            otx__log(e->plan->ctx, OTX_WARNING,
                     "%s/%s: %" PRIu64 " entries of \"%s\" have no counterpart in the donor's "
                     "tokenizer; left out", e->plan->base_path, e->name, (uint64_t)lost, key);
    } else {
        otx__log(e->plan->ctx, OTX_WARNING,
                 "%s/%s: \"%s\" holds ids of the base's tokenizer in a form that is not known; "
                 "set to null", e->plan->base_path, e->name, key);
        otx__text_string(value, "null");
    }
    return otx__config_set_text(e, object, key, value);
}

OTX__PRIVATE otx_result otx__config_edit_lists(otx__config_edit *e)
{
    static const struct {
        const char *key;
        otx__list_kind kind;
    } lists[] = {
        {"suppress_tokens", OTX__LIST_IDS},     {"begin_suppress_tokens", OTX__LIST_IDS},
        {"bad_words_ids", OTX__LIST_LISTS},     {"force_words_ids", OTX__LIST_LISTS},
        {"forced_decoder_ids", OTX__LIST_PAIRS}, {"sequence_bias", OTX__LIST_OTHER},
        {"lang_to_id", OTX__LIST_OTHER},        {"task_to_id", OTX__LIST_OTHER},
    };
    otx__levels levels = otx__vocabulary_levels(e->document, e->plan->model->rows);
    otx_result result = OTX_OK;
    otx__text value;
    size_t at, i;
    otx__text_open(&value, e->plan->ctx);
    for (at = 0; at < levels.count; at++)
        for (i = 0; i < OTX__COUNT(lists) && !result; i++)
            result = otx__config_edit_list(e, levels.nodes[at], lists[i].key, lists[i].kind,
                                           &value);
    otx__text_close(&value);
    return result;
}

/* >>> src/model/config_edit.h */
/* ---- config.json and generation_config.json, edited --------------------- */

/* ---- sizes, tying, classes ---- */

/* Whether a member of a level says how large the vocabulary is: vocab_size whatever it
   says, and other names with that in them (padded_vocab_size, decoder_vocab_size) if
   they say as much. */
OTX__PRIVATE bool otx__config_is_size(const otx__config_edit *e, uint32_t key)
{
    const otx_json *json = &e->document->json;
    const otx_json_node *name = &json->nodes[key];
    uint64_t size;
    if (!otx_json_uint(json, key + 1, &size)) return false;
    return otx_json_equals(json, key, "vocab_size") ||
           otx_json_equals(json, key, "padded_vocab_size") ||
           (size == e->plan->model->rows &&
            otx__span_has(json->text + name->start, name->end - name->start, "vocab_size"));
}

OTX__PRIVATE otx_result otx__config_edit_sizes(otx__config_edit *e)
{
    const otx_json *json = &e->document->json;
    otx__levels levels = otx__vocabulary_levels(e->document, e->plan->model->rows);
    otx_result result = OTX_OK;
    bool present = false;
    char value[32];
    uint32_t key, i;
    size_t at;
    (void)snprintf(value, sizeof value, "%" PRIu64, (uint64_t)e->plan->alignment->count);
    for (at = 0; at < levels.count; at++) {
        key = levels.nodes[at] + 1;
        for (i = 0; i < json->nodes[levels.nodes[at]].count && !result; i++) {
            if (otx__config_is_size(e, key)) {
                present = true;
                result = otx_json_edit_replace(e->plan->ctx, e->edit, key + 1, value, e->error);
            }
            key = json->nodes[key + 1].next;
        }
    }
    if (!result && !present)
        result = otx__config_set(e, otx__vocabulary_home(e->document, e->plan->model->rows),
                                 "vocab_size", value);
    return result;
}

/* The type that the rest of the model is in. Without a word on it loaders take that of
   the first tensor, which may now be a matrix in another type. */
OTX__PRIVATE otx_result otx__config_edit_dtype(otx__config_edit *e)
{
    static const struct {
        otx_dtype dtype;
        const char *name;
    } names[] = {{OTX_F32, "\"float32\""}, {OTX_F16, "\"float16\""},
                 {OTX_BF16, "\"bfloat16\""}, {OTX_F64, "\"float64\""}};
    const otx_dtype old = e->plan->model->embedding->tensor->dtype;
    otx__levels levels = otx__config_levels(e->document);
    size_t i;
    if (!e->plan->dtype || e->plan->dtype == old) return OTX_OK;
    for (i = 0; i < levels.count; i++)
        if (otx_json_find(&e->document->json, levels.nodes[i], "dtype") != OTX_JSON_NONE ||
            otx_json_find(&e->document->json, levels.nodes[i], "torch_dtype") != OTX_JSON_NONE)
            return OTX_OK;
    for (i = 0; i < OTX__COUNT(names); i++)
        if (names[i].dtype == old) return otx__config_set(e, 0, "torch_dtype", names[i].name);
    return OTX_OK;
}

/* Makes the flag say what is written. Two matrices: false on the root and on the
   nested level, whether the flag was there or not, as the defaults of the classes
   differ. One matrix: true where the flag says otherwise, and on both levels if a
   second copy is dropped; else the base had the flag or the default it needs. An
   encoder's head (decoder.weight) keeps the flag, which ties its biases too. */
OTX__PRIVATE otx_result otx__config_edit_tie(otx__config_edit *e)
{
    const otx__model *model = e->plan->model;
    otx__levels levels = otx__vocabulary_levels(e->document, model->rows);
    otx_result result = OTX_OK;
    size_t i;
    if (!model->tied && otx__name_ends(model->head->tensor, "decoder", "weight")) return OTX_OK;
    for (i = 0; i < levels.count && !result; i++) {
        uint32_t node =
            otx_json_find(&e->document->json, levels.nodes[i], "tie_word_embeddings");
        otx_json_type type = otx_json_type_of(&e->document->json, node);
        otx_json_type wanted = model->tied ? OTX_JSON_TRUE : OTX_JSON_FALSE;
        bool said = type == OTX_JSON_TRUE || type == OTX_JSON_FALSE;
        if (said ? type == wanted : model->tied && !model->head) continue;
        result = otx__config_set(e, levels.nodes[i], "tie_word_embeddings",
                                 model->tied ? "true" : "false");
    }
    return result;
}

/* Appends a JSON string node of a document as JSON, quotes included. */
OTX__PRIVATE void otx__config_quote(otx__text *to, const otx_json *json, uint32_t node)
{
    otx__text_string(to, "\"");
    otx__text_bytes(to, json->text + json->nodes[node].start,
                    json->nodes[node].end - json->nodes[node].start);
    otx__text_string(to, "\"");
}

/* The class of the tokenizer is the donor's from now on; code that only the base
   brings for its own tokenizer is named no more. */
OTX__PRIVATE otx_result otx__config_edit_classes(otx__config_edit *e)
{
    const otx_json *json = &e->document->json;
    const otx__document *sources[2];
    uint32_t map = otx_json_find(json, 0, "auto_map");
    uint32_t node = otx_json_find(json, 0, "tokenizer_class");
    otx_result result = OTX_OK;
    otx__text value;
    size_t i;
    sources[0] = e->plan->donor_tokenizer;
    sources[1] = e->plan->donor;
    otx__text_open(&value, e->plan->ctx);
    if (otx_json_type_of(json, node) == OTX_JSON_STRING) {
        for (i = 0; i < OTX__COUNT(sources) && value.size == 0; i++) {
            node = otx_json_find(&sources[i]->json, otx__document_root(sources[i]),
                                 "tokenizer_class");
            if (otx_json_type_of(&sources[i]->json, node) == OTX_JSON_STRING)
                otx__config_quote(&value, &sources[i]->json, node);
        }
        if (value.size == 0) otx__text_string(&value, "null");
        result = otx__config_set_text(e, 0, "tokenizer_class", &value);
    }
    if (!result && otx_json_find(json, map, "AutoTokenizer") != OTX_JSON_NONE)
        result = otx__config_set(e, map, "AutoTokenizer", "null");
    otx__text_close(&value);
    return result;
}

/* ---- the two files ---- */

OTX__PRIVATE bool otx__text_sink_write(void *context, const void *bytes, size_t size)
{
    otx__text *text = (otx__text *)context;
    otx__text_bytes(text, bytes, size);
    return !text->failed;
}

/* Appends the edited document to `out`. */
OTX__PRIVATE otx_result otx__edit_to_text(otx_json_edit *edit, otx__text *out, otx_error *error)
{
    otx_result result;
    otx_sink sink;
    sink.write = otx__text_sink_write;
    sink.context = out;
    result = otx_json_edit_write(edit, &sink, error);
    return out->failed ? otx__fail_memory(error, out->size) : result;
}

/* Appends the edited file to `out`. */
OTX__PRIVATE otx_result otx__config_edit_file(otx__config_plan *plan,
                                              const otx__document *document, const char *name,
                                              bool generation, otx__text *out, otx_error *error)
{
    otx__config_edit e;
    otx_result result;
    memset(&e, 0, sizeof e);
    e.plan = plan;
    e.document = document;
    e.name = name;
    e.generation = generation;
    e.error = error;
    result = otx_json_edit_open(plan->ctx, &document->json, &e.edit, error);
    if (result) return result;
    result = otx__config_edit_specials(&e);
    if (!result) result = otx__config_edit_other_ids(&e);
    if (!result) result = otx__config_edit_lists(&e);
    if (!result && !generation) result = otx__config_edit_sizes(&e);
    if (!result && !generation) result = otx__config_edit_tie(&e);
    if (!result && !generation) result = otx__config_edit_dtype(&e);
    if (!result && !generation) result = otx__config_edit_classes(&e);
    if (!result) result = otx__edit_to_text(e.edit, out, error);
    otx_json_edit_close(plan->ctx, e.edit);
    return result;
}

/* A base without a generation_config.json needs one only if the donor ends its
   texts with several tokens: config.json keeps one eos for readers that expect
   no list. */
OTX__PRIVATE otx_result otx__config_new_generation(const otx__config_plan *plan, otx__text *out,
                                                   otx_error *error)
{
    const otx__document *donor = plan->donor_generation;
    uint32_t eos = otx_json_find(&donor->json, otx__document_root(donor), "eos_token_id");
    size_t i, members = 0;
    if (otx_json_type_of(&donor->json, eos) != OTX_JSON_ARRAY) return OTX_OK;
    otx__text_string(out, "{");
    for (i = 0; i < OTX__COUNT(otx__specials); i++) {
        size_t start = out->size;
        if (!otx__specials[i].add) continue;
        otx__text_format(out, "%s\n  \"%s\": ", members ? "," : "", otx__specials[i].key);
        if (otx__config_special(plan, &otx__specials[i], true, NULL, OTX_JSON_NONE, out))
            members++;
        else if (!out->failed)
            out->size = start;
    }
    otx__text_string(out, "\n}\n");
    return out->failed ? otx__fail_memory(error, out->size) : OTX_OK;
}

/* What the tokenizer promises against what the model can hold. */
OTX__PRIVATE void otx__config_check_length(const otx__config_plan *plan)
{
    uint64_t donor = 0, base = 0;
    if (!otx_json_uint(&plan->donor_tokenizer->json,
                       otx_json_find(&plan->donor_tokenizer->json,
                                     otx__document_root(plan->donor_tokenizer),
                                     "model_max_length"), &donor))
        return;
    if (otx__config_says(plan->base, "max_position_embeddings", donor, &base) || base == 0)
        return;
    otx__log(plan->ctx, OTX_WARNING,
             "the donor's tokenizer_config.json says \"model_max_length\": %" PRIu64
             ", the base's config.json \"max_position_embeddings\": %" PRIu64, donor, base);
}

/* Edits both files for the new vocabulary. `generation` stays empty if none is to
   be written. */
OTX__PRIVATE otx_result otx__config_make(otx__config_plan *plan, otx__text *config,
                                         otx__text *generation, otx_error *error)
{
    otx_result result = otx__config_find_heirs(plan, error);
    if (!result)
        result = otx__config_edit_file(plan, plan->base, "config.json", false, config, error);
    if (!result && plan->base_generation->present)
        result = otx__config_edit_file(plan, plan->base_generation, "generation_config.json",
                                       true, generation, error);
    else if (!result)
        result = otx__config_new_generation(plan, generation, error);
    if (!result) otx__config_check_length(plan);
    otx__free(plan->ctx, plan->heirs, plan->base_vocab->count, sizeof *plan->heirs);
    plan->heirs = NULL;
    return result;
}

/* >>> src/job/chapter.h */
/* ==== job: the whole transplant, in the order in which it happens ==== */

/* Knows the order of things and little else: open both models, align, plan, solve, rebuild,
   write, commit.
   Hides nothing: run.h reads like the README.
   A job owns all it opened; what fails leaves nothing under the output's name.
   Read job.h, then run.h.

   Rooms, in order of dependency:
     job      what a job holds, and opening the two models
     map      the caller's map
     plan     what becomes of every tensor
     open     opening a job
     rows     rows in memory
     solve    solving for the rows of the donor
     rebuild  the new rows of one vocabulary tensor
     write    the new weights and their index
     copy     the other files of the two models
     run      running a job
     report   what a job did, as JSON and as a table
     verify   whether a finished directory agrees with itself */

/* >>> src/job/job.h */
/* ---- job: a whole transplant, in the order in which it happens ------------ */

/* What was solved against one matrix of the donor. Every matrix of the base in
   the same part takes the same combinations of its own rows. */
typedef struct otx__solution {
    const otx_checkpoint_tensor *donor;
    size_t k;
    int32_t *indices;       /* [targets][k], as of otx_omp_output */
    double *coefficients;   /* [targets][k] */
    double *residual_norms; /* [targets] */
    double *target_norms;   /* [targets] */
    double mean_residual, max_residual; /* relative */
    double seconds;
    otx_omp_stats stats;
} otx__solution;

#define OTX__NONE SIZE_MAX

/* What becomes of one vocabulary tensor of the base. */
typedef struct otx__tensor_plan {
    size_t solution;   /* in job->solutions, or OTX__NONE for a bias */
    size_t matrix;     /* in job->summary.matrices, or OTX__NONE for a bias */
    uint64_t shape[2]; /* its new shape */
    size_t rows;       /* tokens in it, and beyond them those that the class adds */
    size_t columns;    /* elements per token */
    otx_dtype dtype;
} otx__tensor_plan;

struct otx_job {
    otx_context outer; /* the caller's */
    otx_context ctx;   /* the same, with memory counted and progress remembered */
    otx_job_options options;
    uint64_t live_bytes, peak_bytes;
    otx_progress last; /* what was reported last, and is repeated by otx__job_poll */
    char *base_path, *donor_path;
    otx_checkpoint base, donor;
    otx_vocab base_vocab, donor_vocab;
    otx__document base_config, base_generation, donor_config, donor_generation,
        donor_tokenizer;
    otx__model base_model, donor_model;
    otx_alignment alignment;
    uint32_t *anchor_donors, *anchor_bases; /* ids, by donor id */
    uint32_t *targets;                      /* donor ids to solve for */
    size_t anchor_count, target_count;
    otx__tensor_plan plans[OTX__MODEL_MAX_TENSORS]; /* of base_model.tensors */
    size_t matrix_tensors[OTX_JOB_MAX_MATRICES];    /* of summary.matrices: which tensor */
    otx__solution solutions[2];
    size_t solution_count;
    otx__text config, generation; /* the edited files; generation may be empty */
    otx_job_summary summary;
    bool ran;
};

/* ---- hooks of the job ---- */

OTX__PRIVATE void *otx__job_resize(void *context, void *block, size_t old_size, size_t new_size)
{
    otx_job *job = (otx_job *)context;
    void *moved = otx__resize(&job->outer, block, old_size, new_size);
    if (new_size > 0 && !moved) return NULL;
    job->live_bytes = job->live_bytes - (block ? old_size : 0) + new_size;
    if (job->live_bytes > job->peak_bytes) job->peak_bytes = job->live_bytes;
    return moved;
}

/* Remembers what was reported, and says which tensor the solver is at. */
OTX__PRIVATE bool otx__job_progress(void *context, const otx_progress *progress)
{
    otx_job *job = (otx_job *)context;
    const char *subject = progress->subject ? progress->subject : job->last.subject;
    job->last = *progress;
    job->last.subject = subject;
    return job->outer.progress(job->outer.progress_context, &job->last);
}

/* Lets the caller cancel amid work that no stage counts. */
OTX__PRIVATE otx_result otx__job_poll(const otx_job *job, otx_error *error)
{
    return otx__progress(&job->ctx, job->last.stage, job->last.subject, job->last.done,
                         job->last.total, error);
}

/* ---- opening: directories, vocabularies, tensors ---- */

#define OTX__OPENING_STEPS 6

/* Says at which of the steps the opening is, and at whose files. */
OTX__PRIVATE otx_result otx__job_opening(const otx_job *job, const char *path, unsigned step,
                                         otx_error *error)
{
    return otx__progress(&job->ctx, OTX_STAGE_OPEN, path, step, OTX__OPENING_STEPS, error);
}

OTX_API const char *otx_method_name(otx_method method)
{
    static const char *const names[OTX_METHOD_COUNT] = {"omp", "omp-centred", "mean", "zero"};
    return (unsigned)method < OTX_METHOD_COUNT ? names[method] : NULL;
}

OTX_API const char *otx_padding_name(otx_padding padding)
{
    static const char *const names[OTX_PADDING_COUNT] = {"mean", "zero"};
    return (unsigned)padding < OTX_PADDING_COUNT ? names[padding] : NULL;
}

/* Whether rows are solved for. */
OTX__PRIVATE bool otx__job_solves(const otx_job *job)
{
    return job->options.method == OTX_METHOD_OMP ||
           job->options.method == OTX_METHOD_OMP_CENTRED;
}

OTX__PRIVATE otx_result otx__job_check_options(const otx_job_options *options, otx_error *error)
{
    if ((unsigned)options->method >= OTX_METHOD_COUNT)
        return otx__fail(error, OTX_ERROR_ARGUMENT, "method %d is unknown; known are omp, "
                         "omp-centred, mean and zero", (int)options->method);
    if ((unsigned)options->rows > OTX_ROWS_MULTIPLE ||
        (options->rows == OTX_ROWS_MULTIPLE && options->rows_multiple == 0))
        return otx__fail(
            error, OTX_ERROR_ARGUMENT,
            "rows must be the donor's, the tokenizer's, or a multiple of at least 1");
    if ((unsigned)options->padding >= OTX_PADDING_COUNT)
        return otx__fail(error, OTX_ERROR_ARGUMENT,
                         "padding %d is unknown; known are mean and zero",
                         (int)options->padding);
    if (options->dtype && !otx_dtype_is_embedding(options->dtype))
        return otx__fail(error, OTX_ERROR_ARGUMENT, "matrices cannot be written as %s",
                         otx__word(otx_dtype_name(options->dtype)));
    if (options->omp.first_target || options->omp.target_count)
        return otx__fail(
            error, OTX_ERROR_ARGUMENT,
            "a transplant solves all targets; leave first_target and target_count 0");
    return OTX_OK;
}

OTX__PRIVATE otx_result otx__job_check_directory(const char *path, const char *what,
                                                 otx_error *error)
{
    char name[OTX__PATH_TEXT];
    otx__status status;
    otx_result result = otx__model_status(path, &status, error);
    if (result || status.directory) return result;
    return otx__fail(error, OTX_ERROR_ARGUMENT, "%s: the %s must be a model directory, not a "
                     "file", otx__path_text(name, path), what);
}

OTX__PRIVATE otx_result otx__job_open_files(otx_job *job, otx_error *error)
{
    const otx_context *ctx = &job->ctx;
    const char *base = job->base_path, *donor = job->donor_path;
    char name[OTX__PATH_TEXT];
    otx_result result = otx__job_check_directory(base, "base", error);
    if (!result) result = otx__job_check_directory(donor, "donor", error);
    if (!result)
        result = otx__document_open(ctx, base, "config.json", &job->base_config, error);
    if (!result && !job->base_config.present)
        result = otx__fail(error, OTX_ERROR_NOT_FOUND, "%s/config.json: is missing",
                           otx__path_text(name, base));
    if (!result)
        result = otx__document_open(ctx, base, "generation_config.json", &job->base_generation,
                                    error);
    if (!result)
        result = otx__document_open(ctx, donor, "config.json", &job->donor_config, error);
    if (!result)
        result = otx__document_open(ctx, donor, "generation_config.json",
                                    &job->donor_generation, error);
    if (!result)
        result = otx__document_open(ctx, donor, "tokenizer_config.json", &job->donor_tokenizer,
                                    error);
    if (!result) result = otx__job_opening(job, base, 0, error);
    if (!result) result = otx_checkpoint_open(ctx, base, &job->base, error);
    if (!result) result = otx__job_opening(job, donor, 1, error);
    if (!result) result = otx_checkpoint_open(ctx, donor, &job->donor, error);
    if (!result) result = otx__job_opening(job, base, 2, error);
    if (!result) result = otx_vocab_open(ctx, base, &job->base_vocab, error);
    if (!result) result = otx__job_opening(job, donor, 3, error);
    if (!result) result = otx_vocab_open(ctx, donor, &job->donor_vocab, error);
    if (!result) result = otx__job_opening(job, donor, 4, error);
    if (!result)
        result = otx__model_open(ctx, &job->base, &job->base_config, &job->base_vocab, false,
                                 &job->base_model, error);
    if (!result)
        result = otx__model_open(ctx, &job->donor, &job->donor_config, &job->donor_vocab, true,
                                 &job->donor_model, error);
    return result;
}

/* >>> src/job/map.h */
/* ---- the caller's map --------------------------------------------------- */

/* One side of "DONOR=BASE" with its escapes undone. */
typedef struct otx__map_side {
    const char *what; /* "donor" or "base" */
    const otx_vocab *vocab;
    uint64_t rows;
    char *bytes;
    size_t size;
    bool is_id; /* it started with an unescaped # and a digit */
} otx__map_side;

/* Undoes the escapes of one side, from `at` up to the unescaped `stop` (or the
   end, with 0). Returns where it stopped, or NULL where an escape is none. */
OTX__PRIVATE const char *otx__map_unescape(const char *at, char stop, otx__map_side *side)
{
    side->size = 0;
    side->is_id = at[0] == '#' && at[1] >= '0' && at[1] <= '9';
    while (*at && *at != stop) {
        if (*at != '\\') {
            side->bytes[side->size++] = *at++;
        } else if (at[1] == '\\' || at[1] == '=') {
            side->bytes[side->size++] = at[1];
            at += 2;
        } else if (at[1] == 'x' && otx__hex_digit(at[2]) >= 0 && otx__hex_digit(at[3]) >= 0) {
            side->bytes[side->size++] =
                (char)(otx__hex_digit(at[2]) * 16 + otx__hex_digit(at[3]));
            at += 4;
        } else {
            return NULL;
        }
    }
    return at;
}

/* The id of a side: by number, by content as the tokenizer's file spells it, or
   by the bytes it stands for; the lowest of several. */
OTX__PRIVATE otx_result otx__map_find(const otx__map_side *side, const char *entry,
                                      uint64_t *id, otx_error *error)
{
    const otx_vocab *vocab = side->vocab;
    char quoted[OTX__QUOTED], text[OTX__QUOTED];
    bool found = false;
    size_t i;
    *id = 0;
    if (side->is_id) {
        for (i = 1; i < side->size; i++) {
            unsigned digit = (unsigned)((unsigned char)side->bytes[i] - '0');
            if (digit > 9 || *id > UINT32_MAX) break;
            *id = *id * 10 + digit;
        }
        found = i == side->size && *id < vocab->count &&
                vocab->tokens[*id].kind != OTX_TOKEN_NONE;
    } else {
        size_t by_bytes = vocab->count;
        for (i = 0; i < vocab->count && !found; i++) {
            const otx_token *token = &vocab->tokens[i];
            if (token->kind == OTX_TOKEN_NONE) continue;
            found = token->content_size == side->size &&
                    memcmp(token->content, side->bytes, side->size) == 0;
            if (found) *id = i;
            else if (by_bytes == vocab->count && token->size == side->size &&
                     memcmp(token->bytes, side->bytes, side->size) == 0)
                by_bytes = i;
        }
        if (!found && by_bytes < vocab->count) {
            found = true;
            *id = by_bytes;
        }
    }
    otx__quote(quoted, sizeof quoted, side->bytes, side->size);
    otx__quote(text, sizeof text, entry, strlen(entry));
    if (!found)
        return otx__fail(error, OTX_ERROR_NOT_FOUND,
                         "map \"%s\": the %s's tokenizer has no token "
                         "\"%s\"",
                         text, side->what, quoted);
    if (*id >= side->rows)
        return otx__fail(error, OTX_ERROR_MISMATCH, "map \"%s\": %s id %" PRIu64 " has no row; "
                         "there are %" PRIu64, text, side->what, *id, side->rows);
    return OTX_OK;
}

OTX__PRIVATE otx_result otx__map_parse(otx_job *job, const char *text, uint64_t rows,
                                       otx_map_entry *entry, otx_error *error)
{
    size_t size = strlen(text) + 1;
    char quoted[OTX__QUOTED], *bytes = (char *)otx__alloc(&job->ctx, size, 1);
    otx__map_side side = {"donor", NULL, 0, NULL, 0, false};
    const char *at;
    otx_result result;
    if (!bytes) return otx__fail_memory(error, size);
    side.vocab = &job->donor_vocab;
    side.rows = rows;
    side.bytes = bytes;
    at = otx__map_unescape(text, '=', &side);
    if (!at || *at != '=' || side.size == 0) {
        result = otx__fail(error, OTX_ERROR_ARGUMENT,
                           "map \"%s\": DONOR=BASE is expected, each "
                           "a token's content or #ID, with \\\\, \\= and \\xNN as escapes",
                           otx__quote(quoted, sizeof quoted, text, size - 1));
        goto done;
    }
    result = otx__map_find(&side, text, &entry->donor, error);
    if (result) goto done;
    side.what = "base";
    side.vocab = &job->base_vocab;
    side.rows = job->base_model.rows + job->base_model.extra;
    at = otx__map_unescape(at + 1, 0, &side);
    if (!at || side.size == 0)
        result = otx__fail(error, OTX_ERROR_ARGUMENT,
                           "map \"%s\": after = a base token's content "
                           "or #ID is expected, with \\\\, \\= and \\xNN as escapes",
                           otx__quote(quoted, sizeof quoted, text, size - 1));
    else result = otx__map_find(&side, text, &entry->base, error);
done:
    otx__free(&job->ctx, bytes, size, 1);
    return result;
}

/* >>> src/job/plan.h */
/* ---- the plan: what becomes of every tensor ----------------------------- */

/* ---- opening: the alignment ---- */

OTX__PRIVATE otx_result otx__job_rows(const otx_job *job, uint64_t *rows, otx_error *error)
{
    uint64_t multiple = job->options.rows_multiple, count = job->donor_vocab.count;
    *rows = job->donor_model.rows;
    if (job->options.rows == OTX_ROWS_TOKENIZER) *rows = count;
    if (job->options.rows == OTX_ROWS_MULTIPLE) {
        *rows = multiple;
        if (multiple <= INT32_MAX) *rows = (count + multiple - 1) / multiple * multiple;
    }
    if (*rows > 0 && *rows <= INT32_MAX) return OTX_OK;
    return otx__fail(error, OTX_ERROR_LIMIT,
                     "the new matrices would have %" PRIu64 " rows; 1 to "
                     "2147483647 are supported",
                     *rows);
}

/* A row that only some of the base's tensors have can be copied, but is no atom. */
OTX__PRIVATE void otx__job_limit_anchors(otx_job *job)
{
    otx_alignment *alignment = &job->alignment;
    size_t i;
    for (i = 0; i < alignment->count; i++) {
        otx_alignment_row *row = &alignment->rows[i];
        if (!row->anchor || (uint64_t)row->base < job->base_model.rows) continue;
        row->anchor = false;
        alignment->anchor_count--;
    }
}

OTX__PRIVATE otx_result otx__job_align(otx_job *job, otx_error *error)
{
    otx_alignment_options options;
    size_t count = job->options.map_count, i;
    otx_map_entry *map = (otx_map_entry *)otx__alloc_zero(&job->ctx, count, sizeof *map);
    otx_result result;
    if (!map) return otx__fail_memory(error, (uint64_t)count * sizeof *map);
    memset(&options, 0, sizeof options);
    result = otx__job_rows(job, &options.rows, error);
    for (i = 0; i < count && !result; i++) {
        result = otx__map_parse(job, job->options.map[i], options.rows, &map[i], error);
        if (!result) result = otx__job_poll(job, error);
    }
    options.donor_rows = job->donor_model.rows;
    options.base_rows = job->base_model.rows + job->base_model.extra;
    options.map = map;
    options.map_count = count;
    if (!result)
        result = otx_align(&job->ctx, &job->donor_vocab, &job->base_vocab, &options,
                           &job->alignment, error);
    if (!result) otx__job_limit_anchors(job);
    otx__free(&job->ctx, map, count, sizeof *map);
    return result;
}

/* The counts of the report, and what should not pass without a word. */
OTX__PRIVATE void otx__job_count(otx_job *job)
{
    const size_t *counts = job->alignment.counts;
    otx_job_tokens *tokens = &job->summary.tokens;
    size_t i, first = OTX__NONE;
    for (i = job->alignment.count; i < job->donor_vocab.count; i++) {
        if (job->donor_vocab.tokens[i].kind == OTX_TOKEN_NONE) continue;
        if (first == OTX__NONE) first = i;
        tokens->skipped++;
    }
    tokens->total = job->donor_vocab.token_count;
    tokens->copied = counts[OTX_ACTION_COPY];
    tokens->by_role = counts[OTX_ACTION_ROLE];
    tokens->mapped = counts[OTX_ACTION_MAP];
    tokens->approximated = counts[OTX_ACTION_APPROXIMATE];
    tokens->unused = counts[OTX_ACTION_UNUSED];
    tokens->padding = counts[OTX_ACTION_PADDING];
    if (tokens->skipped)
        otx__log(&job->ctx, OTX_WARNING, "%s: %" PRIu64 " ids of the tokenizer, from %" PRIu64
                 " on, lie beyond the %" PRIu64 " rows and get none", job->donor_path,
                 tokens->skipped, (uint64_t)first, (uint64_t)job->alignment.count);
    else if (job->donor_vocab.count > job->donor_model.rows)
        otx__log(&job->ctx, OTX_WARNING,
                 "%s: the tokenizer's ids reach %" PRIu64 ", the matrices have %" PRIu64
                 " rows; ids beyond can only be copied",
                 job->donor_path, (uint64_t)job->donor_vocab.count - 1, job->donor_model.rows);
    if (job->base_vocab.count > job->base_model.rows + job->base_model.extra)
        otx__log(&job->ctx, OTX_WARNING,
                 "%s: the tokenizer's ids reach %" PRIu64 ", the matrices "
                 "have %" PRIu64 " rows; ids beyond are not copied from",
                 job->base_path, (uint64_t)job->base_vocab.count - 1,
                 job->base_model.rows + job->base_model.extra);
    if (job->options.padding == OTX_PADDING_ZERO && tokens->padding + tokens->unused > 0)
        otx__log(&job->ctx, OTX_WARNING, "%" PRIu64 " rows without a token of their own will "
                 "be zeros, which score 0 in an output head and may be sampled",
                 tokens->padding + tokens->unused);
}

/* Lists of the anchors and of the targets, both by donor id. */
OTX__PRIVATE otx_result otx__job_list(otx_job *job, otx_error *error)
{
    const otx_alignment *alignment = &job->alignment;
    size_t anchors = alignment->anchor_count, i;
    size_t targets = alignment->counts[OTX_ACTION_APPROXIMATE];
    job->anchor_donors = (uint32_t *)otx__alloc(&job->ctx, anchors, sizeof(uint32_t));
    if (job->anchor_donors)
        job->anchor_bases = (uint32_t *)otx__alloc(&job->ctx, anchors, sizeof(uint32_t));
    if (job->anchor_bases)
        job->targets = (uint32_t *)otx__alloc(&job->ctx, targets, sizeof(uint32_t));
    job->anchor_count = anchors; /* before any return: they are the sizes to free */
    job->target_count = targets;
    if (!job->targets) return otx__fail_memory(error, (uint64_t)(anchors + targets) * 4);
    anchors = targets = 0;
    for (i = 0; i < alignment->count; i++) {
        const otx_alignment_row *row = &alignment->rows[i];
        if (row->anchor) {
            job->anchor_donors[anchors] = (uint32_t)i;
            job->anchor_bases[anchors++] = (uint32_t)row->base;
        }
        if (row->action == OTX_ACTION_APPROXIMATE) job->targets[targets++] = (uint32_t)i;
    }
    if (!otx__job_solves(job) || anchors > 0 || targets == 0) return OTX_OK;
    return otx__fail(error, OTX_ERROR_NO_ANCHORS, "the tokenizers of %s and %s share no text "
                     "token, so that there is nothing to build %" PRIu64 " rows from; "
                     "\"transplant align\" shows both", job->base_path, job->donor_path,
                     (uint64_t)targets);
}

/* ---- opening: the plan ---- */

/* The solution for one matrix of the donor; makes room for it once. */
OTX__PRIVATE size_t otx__job_solution(otx_job *job, const otx_checkpoint_tensor *donor)
{
    size_t i;
    for (i = 0; i < job->solution_count; i++)
        if (job->solutions[i].donor == donor) return i;
    job->solutions[i].donor = donor;
    job->solution_count++;
    return i;
}

/* Enters one tensor of the base into the summary. A head is solved in the space
   of the donor's head; in that of its embedding if either model has but one
   matrix. */
OTX__PRIVATE otx_result otx__job_plan_matrix(otx_job *job, size_t which, otx_error *error)
{
    const otx__model *donor = &job->donor_model;
    const otx__model_tensor *tensor = &job->base_model.tensors[which];
    const otx_tensor *old = tensor->at->tensor;
    bool head = tensor->part == OTX__PART_HEAD && !job->base_model.tied && !donor->tied;
    otx__tensor_plan *plan = &job->plans[which];
    otx_job_matrix *matrix;
    if (job->summary.matrix_count == OTX_JOB_MAX_MATRICES)
        return otx__fail(error, OTX_ERROR_LIMIT, "%s: more than %d matrices are sized by the "
                         "vocabulary", job->base_path, OTX_JOB_MAX_MATRICES);
    plan->shape[1] = old->shape[1];
    plan->columns = (size_t)old->shape[1];
    if (job->options.dtype) plan->dtype = job->options.dtype;
    plan->solution = otx__job_solution(job, head ? donor->head : donor->embedding);
    plan->matrix = job->summary.matrix_count++;
    job->matrix_tensors[plan->matrix] = which;
    matrix = &job->summary.matrices[plan->matrix];
    (void)otx__quote(matrix->name, sizeof matrix->name, old->name, old->name_size);
    matrix->rows = plan->rows;
    matrix->columns = old->shape[1];
    matrix->dtype = plan->dtype;
    matrix->anchors = job->anchor_count;
    matrix->approximated = job->target_count;
    return OTX_OK;
}

/* Plans every tensor of the base's vocabulary: embeddings, then heads, then
   biases. */
OTX__PRIVATE otx_result otx__job_plan(otx_job *job, otx_error *error)
{
    static const otx__part parts[] = {OTX__PART_EMBEDDING, OTX__PART_HEAD, OTX__PART_BIAS};
    const otx__model *base = &job->base_model;
    otx_result result = OTX_OK;
    size_t part, i;
    for (part = 0; part < OTX__COUNT(parts); part++) {
        for (i = 0; i < base->tensor_count && !result; i++) {
            const otx__model_tensor *tensor = &base->tensors[i];
            otx__tensor_plan *plan = &job->plans[i];
            if (tensor->part != parts[part]) continue;
            plan->solution = plan->matrix = OTX__NONE;
            plan->rows = job->alignment.count + (size_t)(tensor->rows - base->rows);
            plan->shape[0] = plan->shape[1] = plan->rows;
            plan->columns = 1;
            plan->dtype = tensor->at->tensor->dtype;
            if (tensor->part != OTX__PART_BIAS) {
                if (!tensor->redundant) result = otx__job_plan_matrix(job, i, error);
                continue;
            }
            if (tensor->at->tensor->rank == 2) plan->shape[0] = 1;
            if (job->target_count > 0 && otx__job_solves(job))
                otx__log(&job->ctx, OTX_NOTE, "%s: tensor \"%s\" is a bias: tokens that are "
                         "solved for get the mean of the base's", job->base_path,
                         tensor->at->tensor->name);
        }
    }
    return result;
}

/* >>> src/job/open.h */
/* ---- opening a job ------------------------------------------------------ */

OTX__PRIVATE otx_result otx__job_edit_config(otx_job *job, otx_error *error)
{
    otx__config_plan plan;
    memset(&plan, 0, sizeof plan);
    plan.ctx = &job->ctx;
    plan.base_path = job->base_path;
    plan.base_vocab = &job->base_vocab;
    plan.donor_vocab = &job->donor_vocab;
    plan.alignment = &job->alignment;
    plan.base = &job->base_config;
    plan.base_generation = &job->base_generation;
    plan.donor = &job->donor_config;
    plan.donor_generation = &job->donor_generation;
    plan.donor_tokenizer = &job->donor_tokenizer;
    plan.model = &job->base_model;
    plan.dtype = job->options.dtype;
    return otx__config_make(&plan, &job->config, &job->generation, error);
}

OTX__PRIVATE otx_result otx__job_open(otx_job *job, otx_error *error)
{
    otx_result result = otx__job_check_options(&job->options, error);
    if (!result) result = otx__job_open_files(job, error);
    if (!result) result = otx__job_align(job, error);
    if (!result) {
        otx__job_count(job);
        result = otx__job_list(job, error);
    }
    if (!result) result = otx__job_plan(job, error);
    if (!result) result = otx__job_opening(job, job->base_path, 5, error);
    if (!result) result = otx__job_edit_config(job, error);
    return result;
}

OTX_API otx_result otx_job_open(const otx_context *ctx, const char *base, const char *donor,
                                const otx_job_options *options, otx_job **out,
                                otx_error *error)
{
    double start = otx__now();
    otx_job *job = (otx_job *)otx__alloc_zero(ctx, 1, sizeof *job);
    otx_result result = OTX_OK;
    *out = NULL;
    if (!job) return otx__fail_memory(error, sizeof *job);
    if (ctx) job->outer = *ctx;
    if (options) job->options = *options;
    job->ctx = job->outer;
    job->ctx.threads = otx__threads(ctx); /* it must not change on the way */
    job->ctx.allocator.resize = otx__job_resize;
    job->ctx.allocator.context = job;
    if (job->outer.progress) job->ctx.progress = otx__job_progress;
    job->ctx.progress_context = job;
    otx__text_open(&job->config, &job->ctx);
    otx__text_open(&job->generation, &job->ctx);
    job->base_path = otx__path_copy(&job->ctx, base, strlen(base));
    job->donor_path = otx__path_copy(&job->ctx, donor, strlen(donor));
    if (!job->base_path || !job->donor_path)
        result = otx__fail_memory(error, strlen(base) + strlen(donor) + 2);
    if (!result) result = otx__job_open(job, error);
    if (result) {
        otx_job_close(job);
        return result;
    }
    job->options.map = NULL; /* the caller's; used up */
    job->summary.isa = job->ctx.isa == OTX_ISA_AUTO ? otx_isa_best() : job->ctx.isa;
    job->summary.threads = otx__threads(&job->ctx);
    job->summary.seconds = otx__now() - start;
    *out = job;
    return OTX_OK;
}

OTX__PRIVATE void otx__solution_close(const otx_job *job, otx__solution *solution)
{
    size_t targets = job->target_count, k = solution->k;
    otx__free(&job->ctx, solution->indices, targets * k, sizeof *solution->indices);
    otx__free(&job->ctx, solution->coefficients, targets * k, sizeof *solution->coefficients);
    otx__free(&job->ctx, solution->residual_norms, targets, sizeof *solution->residual_norms);
    otx__free(&job->ctx, solution->target_norms, targets, sizeof *solution->target_norms);
    solution->indices = NULL;
    solution->coefficients = solution->residual_norms = solution->target_norms = NULL;
}

OTX_API void otx_job_close(otx_job *job)
{
    const otx_context *ctx;
    otx_context outer;
    size_t i;
    if (!job) return;
    ctx = &job->ctx;
    for (i = 0; i < job->solution_count; i++) otx__solution_close(job, &job->solutions[i]);
    otx__text_close(&job->config);
    otx__text_close(&job->generation);
    otx__free(ctx, job->anchor_donors, job->anchor_count, sizeof *job->anchor_donors);
    otx__free(ctx, job->anchor_bases, job->anchor_count, sizeof *job->anchor_bases);
    otx__free(ctx, job->targets, job->target_count, sizeof *job->targets);
    otx_alignment_close(ctx, &job->alignment);
    otx_vocab_close(ctx, &job->base_vocab);
    otx_vocab_close(ctx, &job->donor_vocab);
    otx_checkpoint_close(ctx, &job->base);
    otx_checkpoint_close(ctx, &job->donor);
    otx__document_close(ctx, &job->base_config);
    otx__document_close(ctx, &job->base_generation);
    otx__document_close(ctx, &job->donor_config);
    otx__document_close(ctx, &job->donor_generation);
    otx__document_close(ctx, &job->donor_tokenizer);
    otx__path_free(ctx, job->base_path);
    otx__path_free(ctx, job->donor_path);
    outer = job->outer;
    otx__free(&outer, job, 1, sizeof *job);
}

/* >>> src/job/rows.h */
/* ---- rows in memory ----------------------------------------------------- */

/* Bytes read before progress is reported. */
#define OTX__READ_BLOCK ((size_t)4 << 20)

/* Whether a row holds numbers only, none of them beyond float. */
OTX__PRIVATE bool otx__row_is_finite(const char *row, otx_dtype dtype, size_t columns)
{
    const size_t size = otx_dtype_bits(dtype) / 8;
    float values[256];
    size_t i, j;
    for (i = 0; i < columns; i += OTX__COUNT(values)) {
        size_t count = otx__min(columns - i, OTX__COUNT(values));
        otx_to_float(values, row + i * size, dtype, count);
        for (j = 0; j < count; j++)
            if (!(values[j] >= -FLT_MAX && values[j] <= FLT_MAX)) return false;
    }
    return true;
}

OTX__PRIVATE otx_result otx__fail_row(const otx_checkpoint *checkpoint,
                                      const otx_tensor *tensor, const otx_vocab *vocab,
                                      size_t row, otx_error *error)
{
    char name[OTX__QUOTED], token[OTX__QUOTED];
    return otx__fail(
        error, OTX_ERROR_NOT_FINITE,
        "%s: tensor \"%s\", row %" PRIu64 " (token \"%s\"): holds a NaN, an infinity "
        "or a value beyond 32-bit float, and is needed",
        checkpoint->path, otx__quote(name, sizeof name, tensor->name, tensor->name_size),
        (uint64_t)row,
        otx__quote(token, sizeof token, vocab->tokens[row].content,
                   vocab->tokens[row].content_size));
}

/* A matrix in memory: the first rows of a tensor, in its own type. */
typedef struct otx__loaded {
    char *data;
    otx_dtype dtype;
    size_t rows, columns;
} otx__loaded;

OTX__PRIVATE void otx__loaded_close(const otx_job *job, otx__loaded *rows)
{
    otx__free(&job->ctx, rows->data, rows->rows * rows->columns,
              otx_dtype_bits(rows->dtype) / 8);
    rows->data = NULL;
}

/* Reads the first rows of a tensor and checks those that are needed, by row. */
OTX__PRIVATE otx_result otx__loaded_open(otx_job *job, const otx_checkpoint *checkpoint,
                                       const otx_checkpoint_tensor *at, const otx_vocab *vocab,
                                       size_t columns, const uint8_t *needed, size_t rows,
                                       otx__loaded *out, otx_error *error)
{
    size_t size = otx_dtype_bits(at->tensor->dtype) / 8, row_size, first, step, elements;
    otx_result result = OTX_OK;
    memset(out, 0, sizeof *out);
    out->dtype = at->tensor->dtype;
    out->rows = rows;
    out->columns = columns;
    if (!otx__mul(columns, size, &row_size) || !otx__mul(rows, columns, &elements))
        return otx__fail_memory(error, UINT64_MAX);
    out->data = (char *)otx__alloc(&job->ctx, elements, size);
    if (!out->data) return otx__fail_memory(error, (uint64_t)rows * row_size);
    step = otx__max(OTX__READ_BLOCK / row_size, 1);
    for (first = 0; first < rows && !result; first += step) {
        size_t count = otx__min(step, rows - first), i;
        char *to = out->data + first * row_size;
        result = otx_checkpoint_read(checkpoint, at, (uint64_t)first * columns, count * columns,
                                     to, error);
        for (i = 0; i < count && !result; i++)
            if (needed[first + i] &&
                !otx__row_is_finite(to + i * row_size, out->dtype, columns))
                result = otx__fail_row(checkpoint, at->tensor, vocab, first + i, error);
        if (!result)
            result = otx__progress(&job->ctx, OTX_STAGE_READ, at->tensor->name,
                                   (uint64_t)(first + count) * row_size,
                                   (uint64_t)rows * row_size, error);
    }
    if (result) otx__loaded_close(job, out);
    return result;
}

/* >>> src/job/solve.h */
/* ---- solving for the rows of the donor ---------------------------------- */

OTX__PRIVATE otx_result otx__solution_alloc(const otx_job *job, otx__solution *solution,
                                            otx_error *error)
{
    const otx_context *ctx = &job->ctx;
    size_t targets = job->target_count, cells;
    if (!otx__mul(targets, solution->k, &cells)) return otx__fail_memory(error, UINT64_MAX);
    solution->indices = (int32_t *)otx__alloc(ctx, cells, sizeof *solution->indices);
    solution->coefficients = (double *)otx__alloc(ctx, cells, sizeof(double));
    solution->residual_norms = (double *)otx__alloc(ctx, targets, sizeof(double));
    solution->target_norms = (double *)otx__alloc(ctx, targets, sizeof(double));
    if (solution->indices && solution->coefficients && solution->residual_norms &&
        solution->target_norms)
        return OTX_OK;
    return otx__fail_memory(error, (uint64_t)cells * 12 + (uint64_t)targets * 16);
}

/* ||residual|| / ||target||, and 0 for a target of zeros. */
OTX__PRIVATE double otx__solution_residual(const otx__solution *solution, size_t target)
{
    double norm = solution->target_norms[target];
    return norm > 0 ? solution->residual_norms[target] / norm : 0;
}

OTX__PRIVATE void otx__solution_summarize(const otx_job *job, otx__solution *solution)
{
    double sum = 0;
    size_t i;
    for (i = 0; i < job->target_count; i++) {
        double residual = otx__solution_residual(solution, i);
        sum += residual;
        if (residual > solution->max_residual) solution->max_residual = residual;
    }
    solution->mean_residual = sum / (double)job->target_count;
}

/* Which of the donor's rows are atoms or targets. */
OTX__PRIVATE uint8_t *otx__job_needed_of_donor(const otx_job *job, size_t rows)
{
    uint8_t *needed = (uint8_t *)otx__alloc_zero(&job->ctx, rows, 1);
    size_t i;
    if (!needed) return NULL;
    for (i = 0; i < job->anchor_count; i++) needed[job->anchor_donors[i]] = 1;
    for (i = 0; i < job->target_count; i++) needed[job->targets[i]] = 1;
    return needed;
}

/* Solves by the caller's hook, whose indices will be followed and so are checked. */
OTX__PRIVATE otx_result otx__job_solve_by_hook(const otx_job *job, const otx_matrix *atoms,
                                               const otx_matrix *targets,
                                               const otx_omp_options *omp,
                                               const otx_omp_output *output,
                                               otx_omp_stats *stats, otx_error *error)
{
    const otx_job_options *options = &job->options;
    size_t k = otx_omp_k(omp->k, atoms->rows, atoms->columns), i, j;
    otx_result result = options->solve(options->solve_context, &job->ctx, atoms, targets, omp,
                                       output, stats, error);
    for (i = 0; i < targets->rows && !result; i++) {
        const int32_t *indices = output->indices + i * k;
        for (j = 0; j < k && indices[j] >= 0; j++)
            if ((size_t)indices[j] >= atoms->rows)
                return otx__fail(error, OTX_ERROR_ARGUMENT,
                                 "options.solve gave target %" PRIu64 " the atom %" PRId32
                                 " of %" PRIu64, (uint64_t)i, indices[j],
                                 (uint64_t)atoms->rows);
    }
    return result;
}

/* Reads one matrix of the donor, solves for all targets in it, and lets it go. */
OTX__PRIVATE otx_result otx__job_solve(otx_job *job, otx__solution *solution, otx_error *error)
{
    const otx_tensor *tensor = solution->donor->tensor;
    size_t rows = (size_t)otx__min((size_t)job->donor_model.rows, job->donor_vocab.count);
    uint8_t *needed = otx__job_needed_of_donor(job, rows);
    double start = otx__now();
    otx_matrix atoms, targets;
    otx_omp_options omp = job->options.omp;
    otx_omp_output output;
    otx__loaded read;
    otx_result result;
    if (!needed) return otx__fail_memory(error, rows);
    result = otx__loaded_open(job, &job->donor, solution->donor, &job->donor_vocab,
                            (size_t)tensor->shape[1], needed, rows, &read, error);
    otx__free(&job->ctx, needed, rows, 1);
    if (result) return result;
    memset(&atoms, 0, sizeof atoms);
    atoms.data = read.data;
    atoms.dtype = read.dtype;
    atoms.columns = read.columns;
    targets = atoms;
    atoms.rows = job->anchor_count;
    atoms.index = job->anchor_donors;
    targets.rows = job->target_count;
    targets.index = job->targets;
    omp.centred = job->options.method == OTX_METHOD_OMP_CENTRED;
    solution->k = otx_omp_k(omp.k, atoms.rows, atoms.columns);
    result = otx__solution_alloc(job, solution, error);
    if (!result) {
        output.indices = solution->indices;
        output.coefficients = solution->coefficients;
        output.residual_norms = solution->residual_norms;
        output.target_norms = solution->target_norms;
        result = job->options.solve
                     ? otx__job_solve_by_hook(job, &atoms, &targets, &omp, &output,
                                              &solution->stats, error)
                     : otx_omp(&job->ctx, &atoms, &targets, &omp, &output, &solution->stats,
                               error);
    }
    if (!result) otx__solution_summarize(job, solution);
    otx__loaded_close(job, &read);
    solution->seconds = otx__now() - start;
    return result;
}

/* >>> src/job/rebuild.h */
/* ---- the new rows of one vocabulary tensor ------------------------------ */

/* ---- means of rows ---- */

/* Columns that one call of the body adds up, and elements between polls. */
#define OTX__MEAN_COLUMNS 256
#define OTX__MEAN_ELEMENTS ((size_t)1 << 25)

typedef struct otx__mean {
    const char *data;
    otx_dtype dtype;
    size_t columns, first, end;
    const uint8_t *wanted; /* by row */
    double *sums;          /* by column */
} otx__mean;

/* Widens elements without loss, F64 too. */
OTX__PRIVATE void otx__to_double(double *to, const char *from, otx_dtype dtype, size_t count)
{
    size_t i;
    for (i = 0; i < count; i++) {
        float value;
        if (dtype == OTX_F64) {
            memcpy(&to[i], from + i * sizeof *to, sizeof *to);
        } else {
            otx_to_float(&value, from + i * (otx_dtype_bits(dtype) / 8), dtype, 1);
            to[i] = (double)value;
        }
    }
}

/* Adds the wanted rows to the sums of some columns: row after row, whatever the
   number of threads. */
OTX__PRIVATE void otx__mean_body(void *argument, size_t index, int worker)
{
    const otx__mean *mean = (const otx__mean *)argument;
    const size_t size = otx_dtype_bits(mean->dtype) / 8, column = index * OTX__MEAN_COLUMNS;
    const size_t count = otx__min(mean->columns - column, OTX__MEAN_COLUMNS);
    double values[OTX__MEAN_COLUMNS];
    size_t row, i;
    (void)worker;
    for (row = mean->first; row < mean->end; row++) {
        if (!mean->wanted[row]) continue;
        otx__to_double(values, mean->data + (row * mean->columns + column) * size, mean->dtype,
                       count);
        for (i = 0; i < count; i++) mean->sums[column + i] += values[i];
    }
}

/* The mean of the wanted rows in double; zeros if none is wanted. */
OTX__PRIVATE otx_result otx__job_mean(otx_job *job, const otx__loaded *rows,
                                      const uint8_t *wanted, double *to, otx_error *error)
{
    const size_t step = otx__max(OTX__MEAN_ELEMENTS / rows->columns, 1);
    otx__mean mean;
    otx_result result = OTX_OK;
    size_t i, count = 0;
    mean.data = rows->data;
    mean.dtype = rows->dtype;
    mean.columns = rows->columns;
    mean.wanted = wanted;
    mean.sums = to;
    for (i = 0; i < rows->columns; i++) to[i] = 0;
    for (i = 0; i < rows->rows; i++) count += wanted[i];
    for (mean.first = 0; mean.first < rows->rows && !result; mean.first = mean.end) {
        mean.end = rows->rows - mean.first < step ? rows->rows : mean.first + step;
        otx__parallel(&job->ctx, (rows->columns + OTX__MEAN_COLUMNS - 1) / OTX__MEAN_COLUMNS,
                      otx__mean_body, &mean);
        result = otx__job_poll(job, error);
    }
    for (i = 0; i < rows->columns && count > 0; i++) to[i] /= (double)count;
    return result;
}

/* ---- one new matrix ---- */

/* Targets that one call of the body combines; targets between polls, fewer where
   that is more multiply-adds of a worker than so many; bytes copied between polls. */
#define OTX__COMBINE_CHUNK 16
#define OTX__COMBINE_BATCH 1024
#define OTX__COMBINE_WORK 1e8
#define OTX__COPY_BLOCK ((size_t)64 << 20)

typedef struct otx__rebuild {
    otx_job *job;
    const otx__model_tensor *tensor;
    const otx__solution *solution; /* NULL: the mean or zeros instead */
    const otx__kernels *kernels;   /* asked for once: the processor takes long to tell */
    otx__loaded old, made;      /* the base's rows, and the new ones */
    size_t old_rows;               /* how many rows of the base there were to read */
    uint8_t *flags;                /* by row of either */
    size_t flag_count;
    size_t row_size;               /* of a new row, in bytes */
    double *scratch; /* a row for each worker, and one for a mean */
    const double *centre; /* the mean of the anchors' rows, or NULL: not centred */
    size_t workers;
    size_t first;    /* target of the batch */
    size_t failed[OTX__COMBINE_BATCH / OTX__COMBINE_CHUNK]; /* first target that is out of
                                                               range, or OTX__NONE */
} otx__rebuild;

OTX__PRIVATE otx_result otx__fail_range(const otx__rebuild *r, size_t id, otx_error *error)
{
    const otx_tensor *tensor = r->tensor->at->tensor;
    const otx_vocab *vocab = &r->job->donor_vocab;
    const otx_token *token = id < vocab->count ? &vocab->tokens[id] : NULL;
    char name[OTX__QUOTED], content[OTX__QUOTED];
    otx__quote(name, sizeof name, tensor->name, tensor->name_size);
    if (!token || token->kind == OTX_TOKEN_NONE)
        return otx__fail(error, OTX_ERROR_RANGE,
                         "%s: tensor \"%s\": the mean of the new rows, wanted for the padding "
                         "row %" PRIu64 ", has a value beyond the largest of %s",
                         r->job->base_path, name, (uint64_t)id, otx_dtype_name(r->made.dtype));
    return otx__fail(error, OTX_ERROR_RANGE,
                     "%s: tensor \"%s\": the new row of donor id %" PRIu64 " (token \"%s\") has a "
                     "value beyond the largest of %s; pass --saturate to clamp it",
                     r->job->base_path, name, (uint64_t)id,
                     otx__quote(content, sizeof content, token->content, token->content_size),
                     otx_dtype_name(r->made.dtype));
}

/* Rounds a row into the new matrix; false if a value does not fit. */
OTX__PRIVATE bool otx__rebuild_store(otx__rebuild *r, size_t id, const double *row)
{
    bool saturate = r->job->options.saturate;
    size_t i;
    for (i = 0; i < r->made.columns; i++)
        if (!otx__is_finite(row[i])) return false;
    return otx_from_double(r->made.data + id * r->row_size, row, r->made.dtype, r->made.columns,
                           saturate) == 0 || saturate;
}

/* mean + sum of c_j (a_j - mean) is the combination plus (1 - sum of c_j) mean. */
OTX__PRIVATE void otx__rebuild_centre(const otx__rebuild *r, const double *coefficients,
                                      double *row)
{
    double share = 1.0;
    size_t i;
    for (i = 0; i < r->solution->k; i++) share -= coefficients[i];
    for (i = 0; i < r->made.columns; i++) {
        double part = share * r->centre[i];
        row[i] += part;
    }
}

OTX__PRIVATE void otx__rebuild_body(void *argument, size_t index, int worker)
{
    otx__rebuild *r = (otx__rebuild *)argument;
    const otx_job *job = r->job;
    const otx__solution *solution = r->solution;
    double *row = r->scratch + (size_t)worker * r->made.columns;
    size_t target = r->first + index * OTX__COMBINE_CHUNK;
    size_t end = otx__min(target + OTX__COMBINE_CHUNK, job->target_count);
    otx_matrix anchors;
    memset(&anchors, 0, sizeof anchors);
    anchors.data = r->old.data;
    anchors.dtype = r->old.dtype;
    anchors.rows = job->anchor_count;
    anchors.columns = r->old.columns;
    anchors.index = job->anchor_bases;
    r->failed[index] = OTX__NONE;
    for (; target < end && r->failed[index] == OTX__NONE; target++) {
        const double *coefficients = solution->coefficients + target * solution->k;
        otx__combine(r->kernels, &anchors, solution->indices + target * solution->k, coefficients,
                     solution->k, row);
        if (r->centre) otx__rebuild_centre(r, coefficients, row);
        if (!otx__rebuild_store(r, job->targets[target], row)) r->failed[index] = target;
    }
}

/* The rows of the targets by their combinations of the base's rows. */
OTX__PRIVATE otx_result otx__rebuild_combine(otx__rebuild *r, otx_error *error)
{
    otx_job *job = r->job;
    double work = (double)r->solution->k * (double)r->made.columns / (double)r->workers;
    size_t batch = OTX__COMBINE_BATCH, i;
    otx_result result = OTX_OK;
    while (batch > OTX__COMBINE_CHUNK && (double)batch * work > OTX__COMBINE_WORK) batch /= 2;
    for (r->first = 0; r->first < job->target_count && !result; r->first += batch) {
        size_t count = otx__min(job->target_count - r->first, batch);
        size_t chunks = (count + OTX__COMBINE_CHUNK - 1) / OTX__COMBINE_CHUNK;
        otx__parallel(&job->ctx, chunks, otx__rebuild_body, r);
        for (i = 0; i < chunks && !result; i++)
            if (r->failed[i] != OTX__NONE)
                result = otx__fail_range(r, job->targets[r->failed[i]], error);
        if (!result) result = otx__job_poll(job, error);
    }
    return result;
}

/* Lets the caller cancel now and then, by row, while rows are copied. */
OTX__PRIVATE otx_result otx__rebuild_poll(const otx__rebuild *r, size_t row, otx_error *error)
{
    size_t step = OTX__COPY_BLOCK / r->row_size + 1;
    return row % step == step - 1 ? otx__job_poll(r->job, error) : OTX_OK;
}

/* The base's row that a new one copies, or -1. Those that the class adds beyond the
   vocabulary stay what they are. */
OTX__PRIVATE int64_t otx__rebuild_source(const otx__rebuild *r, size_t row)
{
    const otx_alignment *alignment = &r->job->alignment;
    int64_t base;
    if (row >= alignment->count)
        return (int64_t)(r->job->base_model.rows + (row - alignment->count));
    base = alignment->rows[row].base;
    return base < (int64_t)r->old_rows ? base : -1;
}

/* What becomes of a new row. One that would copy a row which this tensor of the base
   does not have is padding. */
OTX__PRIVATE otx_action otx__rebuild_action(const otx__rebuild *r, size_t row)
{
    const otx_alignment *alignment = &r->job->alignment;
    if (row >= alignment->count) return OTX_ACTION_COPY;
    if (alignment->rows[row].base >= (int64_t)r->old_rows) return OTX_ACTION_PADDING;
    return alignment->rows[row].action;
}

/* All rows of an action get the same values. */
OTX__PRIVATE otx_result otx__rebuild_fill(otx__rebuild *r, otx_action action, const double *row,
                                          otx_error *error)
{
    size_t i, first = OTX__NONE;
    for (i = 0; i < r->made.rows; i++) {
        otx_result result = otx__rebuild_poll(r, i, error);
        if (result) return result;
        if (otx__rebuild_action(r, i) != action) continue;
        if (first == OTX__NONE) {
            first = i;
            if (!otx__rebuild_store(r, i, row)) return otx__fail_range(r, i, error);
        } else {
            memcpy(r->made.data + i * r->row_size, r->made.data + first * r->row_size,
                   r->row_size);
        }
    }
    return OTX_OK;
}

/* Whether a row of the base holds a token that the model has been trained on. */
OTX__PRIVATE bool otx__base_row_is_token(const otx_job *job, size_t row)
{
    otx_token_kind kind = OTX_TOKEN_NONE;
    if (row < job->base_vocab.count) kind = job->base_vocab.tokens[row].kind;
    return kind != OTX_TOKEN_NONE && kind != OTX_TOKEN_UNUSED;
}

/* Copies one row of the base, bit for bit but into another type. */
OTX__PRIVATE otx_result otx__rebuild_copy_row(otx__rebuild *r, size_t to, size_t from,
                                              otx_error *error)
{
    const size_t old_size = r->old.columns * (otx_dtype_bits(r->old.dtype) / 8);
    const char *row = r->old.data + from * old_size;
    if (r->old.dtype == r->made.dtype) {
        memcpy(r->made.data + to * r->row_size, row, r->row_size);
        return OTX_OK;
    }
    otx__to_double(r->scratch, row, r->old.dtype, r->old.columns);
    return otx__rebuild_store(r, to, r->scratch) ? OTX_OK : otx__fail_range(r, to, error);
}

/* Reads the base's rows, checking those that will be used, and copies. */
OTX__PRIVATE otx_result otx__rebuild_copy(otx__rebuild *r, otx_error *error)
{
    otx_job *job = r->job;
    const otx_alignment *alignment = &job->alignment;
    size_t rows = (size_t)r->tensor->rows, i;
    bool mean = !r->solution && job->options.method != OTX_METHOD_ZERO && job->target_count > 0;
    otx_result result;
    if (rows == job->base_model.rows) rows = otx__min(rows, job->base_vocab.count);
    r->old_rows = rows;
    memset(r->flags, 0, r->flag_count);
    for (i = 0; i < rows && mean; i++) r->flags[i] = otx__base_row_is_token(job, i);
    for (i = 0; i < alignment->count; i++)
        if (alignment->rows[i].base >= 0) r->flags[alignment->rows[i].base] = 1;
    result = otx__loaded_open(job, &job->base, r->tensor->at, &job->base_vocab, r->made.columns,
                            r->flags, rows, &r->old, error);
    for (i = 0; i < r->made.rows && !result; i++) {
        int64_t base = otx__rebuild_source(r, i);
        if (base >= 0) result = otx__rebuild_copy_row(r, i, (size_t)base, error);
        if (!result) result = otx__rebuild_poll(r, i, error);
    }
    return result;
}

/* The rows that must be made: by combinations; as the mean of the base's rows
   that hold trained tokens; or as zeros. A bias has no space to solve in, so
   that under omp it gets the mean as well. */
OTX__PRIVATE otx_result otx__rebuild_targets(otx__rebuild *r, otx_error *error)
{
    otx_job *job = r->job;
    double *mean = r->scratch + r->workers * r->made.columns;
    size_t i;
    otx_result result = OTX_OK;
    if (job->target_count == 0) return OTX_OK;
    if (r->solution && job->options.method == OTX_METHOD_OMP_CENTRED) {
        memset(r->flags, 0, r->flag_count);
        for (i = 0; i < job->anchor_count; i++) r->flags[job->anchor_bases[i]] = 1;
        result = otx__job_mean(job, &r->old, r->flags, mean, error);
        r->centre = mean;
    }
    if (r->solution) return result ? result : otx__rebuild_combine(r, error);
    for (i = 0; i < r->made.columns; i++) mean[i] = 0;
    if (job->options.method != OTX_METHOD_ZERO) {
        for (i = 0; i < r->old.rows; i++) r->flags[i] = otx__base_row_is_token(job, i);
        result = otx__job_mean(job, &r->old, r->flags, mean, error);
    }
    if (!result) result = otx__rebuild_fill(r, OTX_ACTION_APPROXIMATE, mean, error);
    return result;
}

/* Rows without a token of their own, padding and reserved ones, get the mean of
   the new rows that have one, or zeros if those are asked for. In a head a row of the
   mean can never be the only best: for a hidden state h it scores <mean, h>, and with
   the bias treated alike that is the mean of the other rows' scores, which is not
   above the largest of them (but for rounding the mean to the output's type). */
OTX__PRIVATE otx_result otx__rebuild_padding(otx__rebuild *r, otx_error *error)
{
    otx_job *job = r->job;
    double *mean = r->scratch + r->workers * r->made.columns;
    otx_result result = OTX_OK;
    size_t i, count = 0;
    for (i = 0; i < r->made.rows; i++) {
        otx_action action = otx__rebuild_action(r, i);
        bool token = action != OTX_ACTION_PADDING && action != OTX_ACTION_UNUSED;
        r->flags[i] = token && i < job->alignment.count;
        count += !token;
    }
    if (count == 0) return OTX_OK;
    for (i = 0; i < r->made.columns; i++) mean[i] = 0;
    if (job->options.padding == OTX_PADDING_MEAN)
        result = otx__job_mean(job, &r->made, r->flags, mean, error);
    if (!result) result = otx__rebuild_fill(r, OTX_ACTION_PADDING, mean, error);
    if (!result) result = otx__rebuild_fill(r, OTX_ACTION_UNUSED, mean, error);
    return result;
}

OTX__PRIVATE void otx__rebuild_close(otx__rebuild *r)
{
    const otx_job *job = r->job;
    otx__loaded_close(job, &r->old);
    otx__loaded_close(job, &r->made);
    otx__free(&job->ctx, r->flags, r->flag_count, 1);
    otx__free(&job->ctx, r->scratch, (r->workers + 1) * r->made.columns, sizeof *r->scratch);
}

/* Makes the new rows of one tensor. On success they are r->made, and the base's
   are let go; close with otx__rebuild_close in any case. */
OTX__PRIVATE otx_result otx__rebuild_open(otx_job *job, size_t which, otx__rebuild *r,
                                          otx_error *error)
{
    const otx__tensor_plan *plan = &job->plans[which];
    size_t cells;
    otx_result result;
    memset(r, 0, sizeof *r);
    r->job = job;
    r->tensor = &job->base_model.tensors[which];
    if (otx__job_solves(job) && plan->solution != OTX__NONE &&
        job->target_count > 0)
        r->solution = &job->solutions[plan->solution];
    r->made.dtype = plan->dtype;
    r->made.columns = plan->columns;
    r->made.rows = plan->rows;
    r->row_size = plan->columns * (otx_dtype_bits(r->made.dtype) / 8);
    r->workers = (size_t)otx__threads(&job->ctx);
    r->kernels = otx__combine_kernels(&job->ctx);
    r->flag_count = otx__max(otx__max(r->made.rows, job->base_vocab.count),
                             (size_t)r->tensor->rows);
    r->flags = (uint8_t *)otx__alloc(&job->ctx, r->flag_count, 1);
    if (otx__mul(r->workers + 1, plan->columns, &cells))
        r->scratch = (double *)otx__alloc(&job->ctx, cells, sizeof *r->scratch);
    if (otx__mul(r->made.rows, plan->columns, &cells))
        r->made.data = (char *)otx__alloc(&job->ctx, cells, otx_dtype_bits(r->made.dtype) / 8);
    if (!r->flags || !r->scratch || !r->made.data)
        return otx__fail_memory(error, (uint64_t)r->made.rows * r->row_size);
    result = otx__rebuild_copy(r, error);
    if (!result) result = otx__rebuild_targets(r, error);
    otx__loaded_close(job, &r->old);
    if (!result) result = otx__rebuild_padding(r, error);
    return result;
}

/* >>> src/job/write.h */
/* ---- the new weights and their index ------------------------------------ */

/* One file of the output. */
typedef struct otx__shard {
    bool touched;                 /* it holds tensors that change; else it is copied */
    bool empty;                   /* all its tensors are dropped: not written */
    otx_tensor *tensors;          /* of the new file, in order of the old one */
    const otx_tensor **originals; /* of each; names them and says where its bytes are */
    size_t count, capacity;
    otx_layout layout;
} otx__shard;

/* The place of a tensor among the base's vocabulary tensors, or OTX__NONE. */
OTX__PRIVATE size_t otx__job_find_tensor(const otx_job *job, const otx_tensor *tensor)
{
    size_t i;
    for (i = 0; i < job->base_model.tensor_count; i++)
        if (job->base_model.tensors[i].at->tensor == tensor) return i;
    return OTX__NONE;
}

OTX__PRIVATE void otx__shard_close(const otx_job *job, otx__shard *shard)
{
    otx_layout_close(&job->ctx, &shard->layout);
    otx__free(&job->ctx, shard->tensors, shard->capacity, sizeof *shard->tensors);
    otx__free(&job->ctx, shard->originals, shard->capacity, sizeof *shard->originals);
}

/* Lays out the new file with the metadata of the old one. Some loaders want to
   see "format" in it. */
OTX__PRIVATE otx_result otx__shard_layout(const otx_job *job, const otx_safetensors *old,
                                          otx__shard *shard, otx_error *error)
{
    size_t count = old->metadata_count, i;
    otx_metadata *metadata =
        (otx_metadata *)otx__alloc(&job->ctx, count + 1, sizeof *metadata);
    otx_result result;
    bool format = false;
    if (!metadata) return otx__fail_memory(error, (count + 1) * sizeof *metadata);
    for (i = 0; i < count; i++) {
        metadata[i] = old->metadata[i];
        if (metadata[i].key_size == 6 && memcmp(metadata[i].key, "format", 6) == 0)
            format = true;
    }
    metadata[count].key = "format";
    metadata[count].key_size = 6;
    metadata[count].value = "pt";
    metadata[count].value_size = 2;
    result = otx_layout_open(&job->ctx, shard->tensors, shard->count, metadata,
                             count + (format ? 0 : 1), &shard->layout, error);
    otx__free(&job->ctx, metadata, count + 1, sizeof *metadata);
    return result;
}

/* Plans one file; close with otx__shard_close in any case. */
OTX__PRIVATE otx_result otx__shard_open(const otx_job *job, const otx_safetensors *old,
                                        otx__shard *shard, otx_error *error)
{
    size_t i;
    memset(shard, 0, sizeof *shard);
    for (i = 0; i < old->tensor_count && !shard->touched; i++)
        shard->touched = otx__job_find_tensor(job, &old->tensors[i]) != OTX__NONE;
    if (!shard->touched) return OTX_OK;
    shard->capacity = old->tensor_count;
    shard->tensors =
        (otx_tensor *)otx__alloc(&job->ctx, shard->capacity, sizeof *shard->tensors);
    shard->originals = (const otx_tensor **)otx__alloc(&job->ctx, shard->capacity,
                                                       sizeof *shard->originals);
    if (!shard->tensors || !shard->originals)
        return otx__fail_memory(error, (uint64_t)shard->capacity * sizeof *shard->tensors);
    for (i = 0; i < old->tensor_count; i++) {
        size_t which = otx__job_find_tensor(job, &old->tensors[i]);
        otx_tensor *tensor = &shard->tensors[shard->count];
        if (which != OTX__NONE && job->base_model.tensors[which].redundant) continue;
        *tensor = old->tensors[i];
        if (which != OTX__NONE) {
            tensor->shape = job->plans[which].shape;
            tensor->dtype = job->plans[which].dtype;
        }
        shard->originals[shard->count++] = &old->tensors[i];
    }
    shard->empty = shard->count == 0;
    return shard->empty ? OTX_OK : otx__shard_layout(job, old, shard, error);
}

/* Writes the bytes of a new matrix in the file's byte order, and reports them. */
OTX__PRIVATE otx_result otx__write_rows(const otx_job *job, otx__loaded *rows,
                                        otx__file *file, otx__meter *meter, otx_error *error)
{
    size_t size = otx_dtype_bits(rows->dtype) / 8, count = rows->rows * rows->columns, at;
    otx_result result = OTX_OK;
    for (at = 0; at < count && !result;) {
        size_t step = otx__min(count - at, OTX__STREAM_BLOCK / size);
        char *bytes = rows->data + at * size;
        otx__little_endian(bytes, step, size);
        if (!file->sink.write(file->sink.context, bytes, step * size))
            return otx__fail(error, OTX_ERROR_IO, "cannot be written"); /* finish says why */
        result = otx__meter_add(&job->ctx, meter, (uint64_t)step * size, error);
        at += step;
    }
    return result;
}

/* Makes and writes one new matrix. */
OTX__PRIVATE otx_result otx__write_matrix(otx_job *job, size_t which, otx__file *file,
                                          otx__meter *meter, otx_error *error)
{
    const otx__tensor_plan *plan = &job->plans[which];
    double start = otx__now();
    otx__rebuild rebuild;
    otx_result result = otx__rebuild_open(job, which, &rebuild, error);
    if (!result && plan->matrix != OTX__NONE)
        job->summary.matrices[plan->matrix].seconds += otx__now() - start;
    if (!result) {
        meter->subject = job->base_model.tensors[which].at->tensor->name;
        result = otx__write_rows(job, &rebuild.made, file, meter, error);
    }
    otx__rebuild_close(&rebuild);
    return result;
}

/* Writes a file whose vocabulary tensors are new and whose others are copied. */
OTX__PRIVATE otx_result otx__write_touched(otx_job *job, const otx_checkpoint_file *old,
                                           const char *old_path, const otx__shard *shard,
                                           otx__file *file, otx__meter *meter, otx_error *error)
{
    const otx_layout *layout = &shard->layout;
    otx_result result = OTX_OK;
    size_t i;
    if (!file->sink.write(file->sink.context, layout->header, layout->header_size))
        return otx__fail(error, OTX_ERROR_IO, "cannot be written");
    result = otx__meter_add(&job->ctx, meter, layout->header_size, error);
    for (i = 0; i < layout->count && !result; i++) {
        const otx_tensor *original = shard->originals[layout->order[i]];
        size_t which = otx__job_find_tensor(job, original);
        meter->subject = original->name;
        if (which != OTX__NONE) result = otx__write_matrix(job, which, file, meter, error);
        else if (original->end > original->begin)
            result = otx__stream(&job->ctx, &old->source, old_path, original->begin,
                                 original->end - original->begin, &file->sink, meter, error);
    }
    return result;
}

OTX__PRIVATE otx_result otx__write_shard(otx_job *job, size_t index, const otx__shard *shard,
                                         const char *directory, otx__meter *meter,
                                         otx_error *error)
{
    const otx_checkpoint_file *old = &job->base.files[index];
    const otx_context *ctx = &job->ctx;
    char *from, *to;
    otx_result result;
    otx__file file;
    if (shard->empty) return OTX_OK;
    from = otx__path_join(ctx, job->base_path, old->name);
    to = otx__path_join(ctx, directory, old->name);
    if (!from || !to) {
        result = otx__fail_memory(error, strlen(directory) + strlen(old->name) + 2);
        goto done;
    }
    result = otx__file_create(ctx, to, &file, error);
    if (result) goto done;
    meter->subject = old->name;
    if (shard->touched)
        result = otx__write_touched(job, old, from, shard, &file, meter, error);
    else
        result = otx__stream(ctx, &old->source, from, 0, old->source.size, &file.sink, meter,
                             error);
    result = otx__file_finish(&file, result, error);
done:
    otx__path_free(ctx, from);
    otx__path_free(ctx, to);
    return result;
}

/* ---- small files ---- */

/* Writes a text as directory/name. */
OTX__PRIVATE otx_result otx__write_text(const otx_job *job, const char *directory,
                                        const char *name, const otx__text *text,
                                        otx_error *error)
{
    char *path = otx__path_join(&job->ctx, directory, name);
    otx__file file;
    otx_result result;
    if (!path) return otx__fail_memory(error, strlen(directory) + strlen(name) + 2);
    result = otx__file_create(&job->ctx, path, &file, error);
    if (!result) {
        if (!file.sink.write(file.sink.context, text->bytes, text->size))
            result = otx__fail(error, OTX_ERROR_IO, "cannot be written"); /* finish says why */
        result = otx__file_finish(&file, result, error);
    }
    otx__path_free(&job->ctx, path);
    return result;
}

/* Bytes and elements of all tensors, as they were and as they will be. */
typedef struct otx__totals {
    uint64_t bytes, old_elements, elements;
} otx__totals;

OTX__PRIVATE uint64_t otx__tensor_elements(const otx_tensor *tensor, const uint64_t *shape)
{
    uint64_t elements = 1;
    unsigned i;
    for (i = 0; i < tensor->rank; i++) elements *= shape[i];
    return elements;
}

OTX__PRIVATE otx__totals otx__job_totals(const otx_job *job)
{
    otx__totals totals = {0, 0, 0};
    size_t i;
    for (i = 0; i < job->base.tensor_count; i++) {
        const otx_tensor *tensor = job->base.tensors[i].tensor;
        size_t which = otx__job_find_tensor(job, tensor);
        uint64_t elements = otx__tensor_elements(tensor, tensor->shape);
        totals.old_elements += elements;
        if (which == OTX__NONE) {
            totals.elements += elements;
            totals.bytes += tensor->end - tensor->begin;
        } else if (!job->base_model.tensors[which].redundant) {
            elements = otx__tensor_elements(tensor, job->plans[which].shape);
            totals.elements += elements;
            totals.bytes += elements * (otx_dtype_bits(job->plans[which].dtype) / 8);
        }
    }
    return totals;
}

/* The weight map without what is not written, as a JSON object. */
OTX__PRIVATE void otx__new_weight_map(const otx_job *job, otx__text *to)
{
    size_t i, written = 0;
    otx__text_string(to, "{");
    for (i = 0; i < job->base.tensor_count; i++) {
        const otx_tensor *tensor = job->base.tensors[i].tensor;
        const char *file = job->base.files[job->base.tensors[i].file].name;
        size_t which = otx__job_find_tensor(job, tensor);
        if (which != OTX__NONE && job->base_model.tensors[which].redundant) continue;
        otx__text_string(to, written++ ? ",\n    " : "\n    ");
        otx__text_json_string(to, tensor->name, tensor->name_size);
        otx__text_string(to, ": ");
        otx__text_json_string(to, file, strlen(file));
    }
    otx__text_bytes(to, "\n  }", 5); /* with the terminator */
}

OTX__PRIVATE otx_result otx__edit_index(const otx_job *job, const otx__document *index,
                                        otx_json_edit *edit, otx_error *error)
{
    const otx_context *ctx = &job->ctx;
    const otx_json *json = &index->json;
    uint32_t metadata = otx_json_find(json, 0, "metadata"), node;
    otx__totals totals = otx__job_totals(job);
    otx_result result = OTX_OK;
    char value[64];
    uint64_t parameters;
    size_t i;
    (void)snprintf(value, sizeof value, "%" PRIu64, totals.bytes);
    if (otx_json_type_of(json, metadata) == OTX_JSON_OBJECT) {
        result = otx_json_edit_set(ctx, edit, metadata, "total_size", value, error);
        node = otx_json_find(json, metadata, "total_parameters");
        if (!result && otx_json_uint(json, node, &parameters)) {
            (void)snprintf(value, sizeof value, "%" PRIu64,
                           parameters - totals.old_elements + totals.elements);
            result = otx_json_edit_replace(ctx, edit, node, value, error);
        }
    } else {
        (void)snprintf(value, sizeof value, "{\"total_size\": %" PRIu64 "}", totals.bytes);
        result = otx_json_edit_set(ctx, edit, 0, "metadata", value, error);
    }
    for (i = 0; i < job->base_model.tensor_count && !result; i++) {
        otx__text map;
        if (!job->base_model.tensors[i].redundant) continue;
        otx__text_open(&map, ctx);
        otx__new_weight_map(job, &map);
        result = map.failed ? otx__fail_memory(error, map.size)
                            : otx_json_edit_set(ctx, edit, 0, "weight_map", map.bytes, error);
        otx__text_close(&map);
    }
    return result;
}

OTX__PRIVATE otx_result otx__write_index(const otx_job *job, const char *directory,
                                         otx_error *error)
{
    const otx_context *ctx = &job->ctx;
    otx_json_edit *edit = NULL;
    otx__document index;
    otx__text text;
    otx_result result;
    if (!job->base.sharded) return OTX_OK;
    result = otx__document_open(ctx, job->base_path, OTX__INDEX_FILE, &index, error);
    if (result) return result;
    if (!index.present)
        return otx__fail(error, OTX_ERROR_NOT_FOUND, "%s/" OTX__INDEX_FILE ": is gone",
                         job->base_path);
    otx__text_open(&text, ctx);
    result = otx_json_edit_open(ctx, &index.json, &edit, error);
    if (!result) result = otx__edit_index(job, &index, edit, error);
    if (!result) result = otx__edit_to_text(edit, &text, error);
    if (!result) result = otx__write_text(job, directory, OTX__INDEX_FILE, &text, error);
    otx_json_edit_close(ctx, edit);
    otx__text_close(&text);
    otx__document_close(ctx, &index);
    return result;
}

/* >>> src/job/copy.h */
/* ---- the other files of the two models ---------------------------------- */

/* Copies of the weights that would still hold the old vocabulary: other formats,
   other layouts, and directories of either. */
OTX__PRIVATE bool otx__name_is_stale_weights(const char *name, bool directory)
{
    static const char *const directories[] = {"original", "onnx", "openvino", "coreml", "gguf",
                                              "metal", "mlx"};
    static const char *const ends[] = {".safetensors", ".safetensors.index.json", ".bin",
                                       ".bin.index.json", ".gguf", ".ggml", ".h5", ".msgpack",
                                       ".msgpack.index.json", ".pt", ".pth", ".ckpt", ".onnx",
                                       ".onnx_data", ".ot", ".tflite", ".npz", ".nemo"};
    size_t i;
    for (i = 0; directory && i < OTX__COUNT(directories); i++)
        if (strcmp(name, directories[i]) == 0) return true;
    for (i = 0; !directory && i < OTX__COUNT(ends); i++)
        if (otx__has_suffix(name, ends[i])) return true;
    return false;
}

/* What the download and version control keep beside a model. */
OTX__PRIVATE bool otx__name_is_bookkeeping(const char *name)
{
    return strcmp(name, ".git") == 0 || strcmp(name, ".cache") == 0 ||
           strcmp(name, ".huggingface") == 0;
}

OTX__PRIVATE bool otx__name_is_tokenizer_code(const char *name)
{
    return otx__has_prefix(name, "tokenization_") && otx__has_suffix(name, ".py");
}

/* Files that the job writes itself, or that the donor replaces. */
OTX__PRIVATE bool otx__job_replaces(const otx_job *job, const char *name)
{
    size_t i;
    if (strcmp(name, "config.json") == 0 || strcmp(name, "generation_config.json") == 0 ||
        strcmp(name, OTX__INDEX_FILE) == 0 || otx__is_tokenizer_file(name))
        return true;
    for (i = 0; i < job->base.file_count; i++)
        if (strcmp(name, job->base.files[i].name) == 0) return true;
    return false;
}

/* Copies one entry of a directory of the base or the donor, whole. */
OTX__PRIVATE otx_result otx__copy_entry(const otx_job *job, const char *from_directory,
                                        const char *to_directory, const char *name,
                                        otx__meter *meter, otx_error *error)
{
    const otx_context *ctx = &job->ctx;
    char *from = otx__path_join(ctx, from_directory, name);
    char *to = otx__path_join(ctx, to_directory, name);
    otx_result result;
    if (!from || !to)
        result = otx__fail_memory(error, strlen(from_directory) + strlen(name) + 2);
    else if (otx__is_directory(from))
        result = otx__tree_copy(ctx, from, to, OTX__TREE_DEPTH, meter, error);
    else result = otx__file_copy(ctx, from, to, meter, error);
    otx__path_free(ctx, from);
    otx__path_free(ctx, to);
    return result;
}

/* Whether a sub-directory of the base holds a model of its own, whose vocabulary is the
   old one: what training leaves behind, or what has a config.json with a model's type.
   Modules that come with a model, as those of sentence-transformers, have none. */
OTX__PRIVATE otx_result otx__holds_model(const otx_context *ctx, const char *path,
                                         const char *name, bool *holds, otx_error *error)
{
    otx__document config;
    otx_result result;
    *holds = otx__has_shape(name, strlen(name), "checkpoint-#") ||
             otx__has_shape(name, strlen(name), "global_step#");
    if (*holds) return OTX_OK;
    result = otx__document_open(ctx, path, "config.json", &config, error);
    if (result) return result == OTX_ERROR_MEMORY ? result : OTX_OK; /* no config of ours */
    *holds = otx_json_find(&config.json, otx__document_root(&config), "model_type") !=
             OTX_JSON_NONE;
    otx__document_close(ctx, &config);
    return OTX_OK;
}

/* Everything of the base that does not depend on the vocabulary. */
OTX__PRIVATE otx_result otx__copy_base(otx_job *job, const char *directory, otx__meter *meter,
                                       otx_error *error)
{
    otx__listing listing;
    otx_result result = otx__listing_open(&job->ctx, job->base_path, &listing, error);
    size_t i;
    if (result) return result;
    for (i = 0; i < listing.count && !result; i++) {
        const char *name = listing.names[i];
        char *path;
        bool within, stale = false;
        if (otx__job_replaces(job, name) || otx__name_is_bookkeeping(name)) continue;
        path = otx__path_join(&job->ctx, job->base_path, name);
        if (!path) {
            result = otx__fail_memory(error, strlen(job->base_path) + strlen(name) + 2);
            break;
        }
        within = otx__is_directory(path);
        if (within) result = otx__holds_model(&job->ctx, path, name, &stale, error);
        otx__path_free(&job->ctx, path);
        if (result) break;
        if (stale || otx__name_is_stale_weights(name, within)) {
            char quoted[OTX__QUOTED];
            otx__log(&job->ctx, OTX_NOTE, "%s: \"%s\" is left out: it may hold weights for the "
                     "old vocabulary", job->base_path,
                     otx__quote(quoted, sizeof quoted, name, strlen(name)));
            continue;
        }
        result = otx__copy_entry(job, job->base_path, directory, name, meter, error);
    }
    otx__listing_close(&listing);
    return result;
}

/* Whether some string in an auto_map's AutoTokenizer, "module.Class" or
   "repository--module.Class", names the module that is in `name` (module.py). */
OTX__PRIVATE bool otx__auto_map_names(const otx__document *document, const char *name)
{
    const otx_json *json = &document->json;
    uint32_t map = otx_json_find(json, otx__document_root(document), "auto_map");
    uint32_t node = otx_json_find(json, map, "AutoTokenizer"), end, i;
    size_t size = strlen(name) - 3; /* without .py */
    if (node == OTX_JSON_NONE) return false;
    end = json->nodes[node].next;
    for (i = node; i < end; i++) {
        const char *text = json->text + json->nodes[i].start;
        size_t length = json->nodes[i].end - json->nodes[i].start, at;
        if (otx_json_type_of(json, i) != OTX_JSON_STRING) continue;
        for (at = length; at > 0 && text[at - 1] != '-' && text[at - 1] != '/'; at--) {}
        if (length - at > size && memcmp(text + at, name, size) == 0 && text[at + size] == '.')
            return true;
    }
    return false;
}

/* The donor's tokenizer files, and the code that its configuration names. */
OTX__PRIVATE otx_result otx__copy_donor(otx_job *job, const char *directory,
                                        otx__meter *meter, otx_error *error)
{
    otx__listing listing;
    otx_result result = otx__listing_open(&job->ctx, job->donor_path, &listing, error);
    size_t i;
    if (result) return result;
    for (i = 0; i < listing.count && !result; i++) {
        const char *name = listing.names[i];
        bool code = otx__name_is_tokenizer_code(name) &&
                    (otx__auto_map_names(&job->donor_tokenizer, name) ||
                     otx__auto_map_names(&job->donor_config, name));
        if (otx__name_is_tokenizer_code(name) ? !code : !otx__is_tokenizer_file(name)) continue;
        result = otx__copy_entry(job, job->donor_path, directory, name, meter, error);
    }
    otx__listing_close(&listing);
    return result;
}

/* >>> src/job/run.h */
/* ---- running a job ------------------------------------------------------ */

/* No directory may hold another: the output would be copied into itself, or a
   model removed by what replaces it. */
OTX__PRIVATE otx_result otx__job_check_output(const otx_job *job, const char *out,
                                              otx_error *error)
{
    const char *inputs[2];
    char name[OTX__PATH_TEXT], other[OTX__PATH_TEXT];
    size_t i;
    inputs[0] = job->base_path;
    inputs[1] = job->donor_path;
    for (i = 0; i < 2; i++) {
        bool inside = false, around = false;
        otx_result result = otx__is_within(&job->ctx, out, inputs[i], &inside, error);
        if (!result && !inside && otx__file_exists(out))
            result = otx__is_within(&job->ctx, inputs[i], out, &around, error);
        if (result) return result;
        if (inside || around)
            return otx__fail(error, OTX_ERROR_ARGUMENT,
                             "%s: the output must not be, hold or lie "
                             "in the %s, %s",
                             otx__path_text(name, out), i ? "donor" : "base",
                             otx__path_text(other, inputs[i]));
    }
    return OTX_OK;
}

OTX__PRIVATE otx_result otx__job_solve_all(otx_job *job, otx_error *error)
{
    otx_result result = OTX_OK;
    size_t i;
    if (!otx__job_solves(job) || job->target_count == 0) return OTX_OK;
    for (i = 0; i < job->solution_count && !result; i++) {
        result = otx__job_solve(job, &job->solutions[i], error);
        job->summary.isa = job->solutions[i].stats.isa;
        job->summary.threads = job->solutions[i].stats.threads;
    }
    for (i = 0; i < job->summary.matrix_count && !result; i++) {
        otx_job_matrix *matrix = &job->summary.matrices[i];
        otx__solution *solution = &job->solutions[job->plans[job->matrix_tensors[i]].solution];
        matrix->mean_relative_residual = solution->mean_residual;
        matrix->max_relative_residual = solution->max_residual;
        matrix->omp = solution->stats;
        matrix->seconds = solution->seconds;
        solution->seconds = 0; /* the first matrix that uses it bears the time */
    }
    return result;
}

/* Solves, then fills the directory. */
OTX__PRIVATE otx_result otx__job_fill(otx_job *job, const char *directory, otx_error *error)
{
    size_t count = job->base.file_count, opened = 0, i;
    otx__shard *shards = (otx__shard *)otx__alloc_zero(&job->ctx, count, sizeof *shards);
    otx_result result = OTX_OK;
    otx__meter meter;
    if (!shards) return otx__fail_memory(error, (uint64_t)count * sizeof *shards);
    memset(&meter, 0, sizeof meter);
    meter.stage = OTX_STAGE_WRITE;
    meter.subject = job->base_path;
    for (; opened < count && !result; opened++) {
        const otx_checkpoint_file *file = &job->base.files[opened];
        result = otx__shard_open(job, &file->header, &shards[opened], error);
        meter.total += shards[opened].touched ? shards[opened].layout.file_size
                                              : file->source.size;
    }
    if (!result) result = otx__job_solve_all(job, error);
    if (!result) result = otx__copy_base(job, directory, &meter, error);
    meter.subject = job->donor_path;
    if (!result) result = otx__copy_donor(job, directory, &meter, error);
    for (i = 0; i < count && !result; i++)
        result = otx__write_shard(job, i, &shards[i], directory, &meter, error);
    if (!result) result = otx__write_index(job, directory, error);
    if (!result) result = otx__write_text(job, directory, "config.json", &job->config, error);
    if (!result && job->generation.size > 0)
        result = otx__write_text(job, directory, "generation_config.json", &job->generation,
                                 error);
    for (i = 0; i < opened; i++) otx__shard_close(job, &shards[i]);
    otx__free(&job->ctx, shards, count, sizeof *shards);
    return result;
}

OTX_API otx_result otx_job_run(otx_job *job, const char *out, otx_error *error)
{
    double start = otx__now();
    otx__output output;
    otx_result result = OTX_OK;
    size_t i;
    if (job->ran)
        return otx__fail(error, OTX_ERROR_ARGUMENT, "this job has been run; open another");
    memset(&output, 0, sizeof output);
    if (out) result = otx__job_check_output(job, out, error);
    if (!result && out)
        result = otx__output_begin(&job->ctx, out, job->options.overwrite, &output, error);
    if (result) return result;
    job->ran = true;
    result = out ? otx__job_fill(job, output.partial, error) : otx__job_solve_all(job, error);
    if (!result && out) result = otx__output_commit(&output, error);
    otx__output_abandon(&output);
    for (i = 0; i < job->solution_count && (result || !job->options.keep_details); i++)
        otx__solution_close(job, &job->solutions[i]);
    job->summary.seconds += otx__now() - start;
    return result;
}

/* ---- looking at a job ---- */

OTX_API const otx_vocab *otx_job_base_vocab(const otx_job *job) { return &job->base_vocab; }

OTX_API const otx_vocab *otx_job_donor_vocab(const otx_job *job) { return &job->donor_vocab; }

OTX_API const otx_alignment *otx_job_alignment(const otx_job *job) { return &job->alignment; }

OTX_API void otx_job_summarize(const otx_job *job, otx_job_summary *out)
{
    *out = job->summary;
    out->peak_bytes = job->peak_bytes;
}

/* ---- all at once ---- */

OTX_API otx_result otx_transplant(const otx_context *ctx, const char *base, const char *donor,
                                  const char *out, const otx_job_options *options,
                                  otx_job_summary *summary, otx_error *error)
{
    otx_job *job;
    otx_result result = otx_job_open(ctx, base, donor, options, &job, error);
    if (result) return result;
    result = otx_job_run(job, out, error);
    if (!result && summary) otx_job_summarize(job, summary);
    otx_job_close(job);
    return result;
}

/* >>> src/job/report.h */
/* ---- report: what a job did, as JSON and as a table ------------------------- */

/* ---- the report ---- */

OTX__PRIVATE otx_result otx__report_flush(otx__text *text, const otx_sink *sink,
                                          otx_error *error)
{
    if (text->failed) return otx__fail_memory(error, text->size);
    if (text->size > 0 && !sink->write(sink->context, text->bytes, text->size))
        return otx__fail(error, OTX_ERROR_IO, "the report could not be written");
    text->size = 0;
    return OTX_OK;
}

/* The base's tensor that a matrix of the summary is about. */
OTX__PRIVATE const otx_tensor *otx__job_matrix_tensor(const otx_job *job, size_t index)
{
    return job->base_model.tensors[job->matrix_tensors[index]].at->tensor;
}

OTX__PRIVATE void otx__report_tokens(otx__text *text, const otx_job_tokens *tokens)
{
    otx__text_format(text,
                     "  \"tokens\": {\"total\": %" PRIu64 ", \"copied\": %" PRIu64
                     ", \"by_role\": %" PRIu64 ", \"mapped\": %" PRIu64
                     ", \"approximated\": %" PRIu64 ", \"unused\": %" PRIu64,
                     tokens->total, tokens->copied, tokens->by_role, tokens->mapped,
                     tokens->approximated, tokens->unused);
    if (tokens->skipped) otx__text_format(text, ", \"skipped\": %" PRIu64, tokens->skipped);
    otx__text_format(text, ", \"padding\": %" PRIu64 "},\n", tokens->padding);
}

OTX__PRIVATE void otx__report_solver(otx__text *text, const otx_omp_stats *omp)
{
    otx__text_format(text,
                     ", \"solver\": {\"form\": \"%s\", \"steps\": %" PRIu64 ", \"passes\": %" PRIu64
                     ", \"columns\": %" PRIu64,
                     otx__word(otx_omp_form_name(omp->form)), omp->steps, omp->passes,
                     omp->columns);
    otx__text_format(text,
                     ", \"candidates\": %" PRIu64 ", \"candidates_99\": %" PRIu64
                     ", \"fallbacks\": %" PRIu64 ", \"peak_bytes\": %" PRIu64 ", \"plan\": ",
                     omp->candidates, omp->candidates_99, omp->fallbacks, omp->peak_bytes);
    otx__text_json_string(text, omp->plan, strlen(omp->plan));
    otx__text_string(text, "}");
}

/* Residuals are null where nothing was solved. */
OTX__PRIVATE void otx__report_matrix(otx__text *text, const otx_job *job, size_t index)
{
    const otx_tensor *tensor = otx__job_matrix_tensor(job, index);
    const otx_job_matrix *matrix = &job->summary.matrices[index];
    bool solved = otx__job_solves(job) && job->ran;
    otx__text_string(text, "    {\"name\": ");
    otx__text_json_string(text, tensor->name, tensor->name_size);
    otx__text_format(text,
                     ", \"rows\": %" PRIu64 ", \"columns\": %" PRIu64 ", \"dtype\": \"%s\"",
                     matrix->rows, matrix->columns, otx__word(otx_dtype_name(matrix->dtype)));
    otx__text_format(text, ", \"anchors\": %" PRIu64 ", \"approximated\": %" PRIu64,
                     matrix->anchors, matrix->approximated);
    otx__text_string(text, ", \"mean_relative_residual\": ");
    if (solved) otx__text_double(text, matrix->mean_relative_residual);
    else otx__text_string(text, "null");
    otx__text_string(text, ", \"max_relative_residual\": ");
    if (solved) otx__text_double(text, matrix->max_relative_residual);
    else otx__text_string(text, "null");
    otx__text_string(text, ", \"seconds\": ");
    otx__text_double(text, matrix->seconds);
    if (solved) otx__report_solver(text, &matrix->omp);
    otx__text_string(text, "}");
}

OTX_API otx_result otx_job_write_report(const otx_job *job, const otx_sink *sink,
                                        otx_error *error)
{
    const otx_job_summary *summary = &job->summary;
    otx__text text;
    otx_result result;
    size_t i;
    otx__text_open(&text, &job->ctx);
    otx__text_string(&text, "{\n  \"version\": \"" OTX_VERSION_STRING "\",\n  \"base\": ");
    otx__text_json_string(&text, job->base_path, strlen(job->base_path));
    otx__text_string(&text, ",\n  \"donor\": ");
    otx__text_json_string(&text, job->donor_path, strlen(job->donor_path));
    otx__text_format(&text, ",\n  \"method\": \"%s\",\n  \"k\": %" PRIu64
                     ",\n  \"isa\": \"%s\",\n  \"threads\": %d,\n",
                     otx__word(otx_method_name(job->options.method)),
                     (uint64_t)(job->options.omp.k ? job->options.omp.k : 64),
                     otx__word(otx_isa_name(summary->isa)), summary->threads);
    otx__report_tokens(&text, &summary->tokens);
    otx__text_string(&text, "  \"matrices\": [");
    for (i = 0; i < summary->matrix_count; i++) {
        otx__text_string(&text, i ? ",\n" : "\n");
        otx__report_matrix(&text, job, i);
    }
    otx__text_format(&text, "\n  ],\n  \"peak_bytes\": %" PRIu64 ",\n  \"seconds\": ",
                     job->peak_bytes);
    otx__text_double(&text, summary->seconds);
    otx__text_string(&text, "\n}\n");
    result = otx__report_flush(&text, sink, error);
    otx__text_close(&text);
    return result;
}

/* ---- the token table ---- */

/* Bytes as one field of a tab-separated line. */
OTX__PRIVATE void otx__table_bytes(otx__text *text, const char *bytes, size_t size)
{
    size_t i = 0;
    while (i < size) {
        unsigned char byte = (unsigned char)bytes[i];
        size_t length = otx__utf8_length((const unsigned char *)bytes + i, size - i);
        if (byte == '\t') otx__text_string(text, "\\t");
        else if (byte == '\n') otx__text_string(text, "\\n");
        else if (byte == '\\') otx__text_string(text, "\\\\");
        else if (length == 0 || byte < 0x20 || byte == 0x7f)
            otx__text_format(text, "\\x%02x", byte);
        else otx__text_bytes(text, bytes + i, length);
        i += otx__max(length, 1);
    }
}

/* A number to nine significant digits, "-1.23456789e-02": a table of millions of
   them is for reading and must not take minutes. */
OTX__PRIVATE void otx__table_number(otx__text *text, double value)
{
    double size = value < 0 ? -value : value;
    int power = 8;
    uint64_t digits;
    if (!otx__is_finite(value) || value == 0) {
        otx__text_string(text, value == 0 ? "0" : "nan");
        return;
    }
    while (size < 1e8) {
        size *= 10;
        power--;
    }
    while (size >= 999999999.5) {
        size /= 10;
        power++;
    }
    digits = (uint64_t)(size + 0.5);
    otx__text_format(text, "%s%" PRIu64 ".%08" PRIu64 "e%c%02d", value < 0 ? "-" : "",
                     digits / 100000000, digits % 100000000, power < 0 ? '-' : '+',
                     power < 0 ? -power : power);
}

/* The two fields of a target in one matrix: its relative residual, and
   donor:base:coefficient for each of its anchors. */
OTX__PRIVATE void otx__table_anchors(otx__text *text, const otx_job *job,
                                     const otx__solution *solution, size_t target)
{
    const int32_t *indices = solution->indices + target * solution->k;
    const double *coefficients = solution->coefficients + target * solution->k;
    size_t i;
    otx__text_string(text, "\t");
    otx__table_number(text, otx__solution_residual(solution, target));
    otx__text_string(text, "\t");
    for (i = 0; i < solution->k && indices[i] >= 0; i++) {
        otx__text_format(text, "%s%" PRIu32 ":%" PRIu32 ":", i ? " " : "",
                         job->anchor_donors[indices[i]], job->anchor_bases[indices[i]]);
        otx__table_number(text, coefficients[i]);
    }
}

OTX__PRIVATE void otx__table_head(otx__text *text, const otx_job *job)
{
    size_t i;
    otx__text_string(text, "id\tkind\tbytes\taction\tbase_id");
    for (i = 0; i < job->summary.matrix_count; i++) {
        const otx_tensor *tensor = otx__job_matrix_tensor(job, i);
        otx__text_string(text, "\tresidual:");
        otx__table_bytes(text, tensor->name, tensor->name_size);
        otx__text_string(text, "\tanchors:");
        otx__table_bytes(text, tensor->name, tensor->name_size);
    }
    otx__text_string(text, "\n");
}

/* The line of one donor id; `target` is its place among the targets if it is
   one. */
OTX__PRIVATE void otx__table_line(otx__text *text, const otx_job *job, size_t id, size_t target)
{
    const otx_alignment_row *row = id < job->alignment.count ? &job->alignment.rows[id] : NULL;
    const otx_token *token = id < job->donor_vocab.count ? &job->donor_vocab.tokens[id] : NULL;
    bool solved = row && row->action == OTX_ACTION_APPROXIMATE && job->ran &&
                  otx__job_solves(job);
    size_t i;
    otx__text_format(text, "%" PRIu64 "\t%s\t", (uint64_t)id,
                     otx__word(otx_token_kind_name(token ? token->kind : OTX_TOKEN_NONE)));
    if (token) otx__table_bytes(text, token->bytes, token->size);
    otx__text_format(text, "\t%s\t", row ? otx__word(otx_action_name(row->action)) : "skipped");
    if (row && row->base >= 0) otx__text_format(text, "%" PRId64, row->base);
    for (i = 0; i < job->summary.matrix_count; i++) {
        const otx__tensor_plan *plan = &job->plans[job->matrix_tensors[i]];
        if (solved) otx__table_anchors(text, job, &job->solutions[plan->solution], target);
        else otx__text_string(text, "\t\t");
    }
    otx__text_string(text, "\n");
}

OTX_API otx_result otx_job_write_tokens(const otx_job *job, const otx_sink *sink,
                                        otx_error *error)
{
    size_t count = otx__max(job->alignment.count, job->donor_vocab.count), target = 0, i;
    bool details = otx__job_solves(job) && job->target_count > 0 && job->ran;
    otx_result result = OTX_OK;
    otx__text text;
    if (details && !job->solutions[0].indices)
        return otx__fail(error, OTX_ERROR_ARGUMENT,
                         "the token table needs a job that has been run with keep_details");
    otx__text_open(&text, &job->ctx);
    otx__table_head(&text, job);
    for (i = 0; i < count && !result; i++) {
        otx__table_line(&text, job, i, target);
        if (target < job->target_count && job->targets[target] == i) target++;
        if (text.size < OTX__FILE_BUFFER && !text.failed) continue;
        result = otx__report_flush(&text, sink, error);
        if (!result) result = otx__job_poll(job, error);
    }
    if (!result) result = otx__report_flush(&text, sink, error);
    otx__text_close(&text);
    return result;
}

/* >>> src/job/verify.h */
/* ---- verify: whether a finished directory agrees with itself ------------------ */

typedef struct otx__verifier {
    otx_context ctx;   /* the caller's, but warnings of what is opened are findings */
    otx_context quiet; /* the same without a log: for what is told here in other words */
    const otx_verify_options *options;
    otx_verify_summary summary;
    const char *path;
    otx__document config, generation, tokenizer;
    otx_vocab vocab;           /* no tokens if it could not be opened */
    otx_checkpoint checkpoint; /* no files if it could not be opened */
    otx__model model;          /* no embedding if it was not found */
    otx_result failure;        /* what ends the whole: lack of memory, cancelling */
    otx_error *error;
} otx__verifier;

/* ---- findings ---- */

OTX__PRIVATE void otx__found(otx__verifier *v, otx_severity severity, const char *format, ...)
    OTX__PRINTF(3, 4);
OTX__PRIVATE void otx__found(otx__verifier *v, otx_severity severity, const char *format, ...)
{
    char message[768];
    va_list arguments;
    if (severity == OTX_FAULT) v->summary.faults++;
    else if (severity == OTX_WARNING) v->summary.warnings++;
    if (!v->options->finding) return;
    va_start(arguments, format);
    (void)vsnprintf(message, sizeof message, format, arguments);
    va_end(arguments);
    otx__one_line(message);
    v->options->finding(v->options->finding_context, severity, message);
}

/* The log of what is opened: its warnings are findings, its notes stay notes. */
OTX__PRIVATE void otx__verify_log(void *context, otx_severity severity, const char *message)
{
    otx__verifier *v = (otx__verifier *)context;
    if (severity != OTX_NOTE) otx__found(v, severity, "%s", message);
    else if (v->quiet.log) v->quiet.log(v->quiet.log_context, severity, message);
}

/* Makes a fault of an error, unless it is one of the run rather than of the files.
   True if there was none. */
OTX__PRIVATE bool otx__verify_take(otx__verifier *v, otx_result result, const otx_error *error)
{
    if (!result) return true;
    if (result == OTX_ERROR_MEMORY || result == OTX_ERROR_CANCELLED) {
        v->failure = otx__fail(v->error, result, "%s", error->message);
        return false;
    }
    otx__found(v, OTX_FAULT, "%s", error->message);
    return false;
}

/* A token for a message, `none` where there is none. */
OTX__PRIVATE const char *otx__content_text(char to[OTX__QUOTED], const otx_vocab *vocab,
                                         uint64_t id)
{
    const otx_token *token = id < vocab->count ? &vocab->tokens[id] : NULL;
    if (!token || token->kind == OTX_TOKEN_NONE) return strcpy(to, "none");
    return otx__quote(to, OTX__QUOTED, token->content, token->content_size);
}

OTX__PRIVATE bool otx__vocab_has(const otx_vocab *vocab, uint64_t id)
{
    return id < vocab->count && vocab->tokens[id].kind != OTX_TOKEN_NONE;
}

/* ---- opening ---- */

OTX__PRIVATE void otx__verify_document(otx__verifier *v, const char *name, bool needed,
                                       otx__document *out)
{
    otx_error error;
    if (v->failure) return;
    if (!otx__verify_take(v, otx__document_open(&v->ctx, v->path, name, out, &error), &error))
        return;
    if (needed && !out->present) otx__found(v, OTX_FAULT, "%s/%s: is missing", v->path, name);
}

OTX__PRIVATE void otx__verify_open(otx__verifier *v)
{
    otx_error error;
    otx__verify_document(v, "config.json", true, &v->config);
    otx__verify_document(v, "generation_config.json", false, &v->generation);
    otx__verify_document(v, "tokenizer_config.json", false, &v->tokenizer);
    if (!v->failure)
        otx__verify_take(v, otx_vocab_open(&v->ctx, v->path, &v->vocab, &error), &error);
    if (!v->failure)
        otx__verify_take(v, otx_checkpoint_open(&v->ctx, v->path, &v->checkpoint, &error),
                         &error);
    if (v->failure || !v->vocab.tokens || !v->checkpoint.files) return;
    if (!otx__verify_take(v, otx__model_open(&v->quiet, &v->checkpoint, &v->config, &v->vocab,
                                             false, &v->model, &error), &error))
        v->model.embedding = NULL;
}

/* ---- files ---- */

/* What transformers and others read of an index beyond its map, which
   otx_checkpoint_open has compared with the shards. */
OTX__PRIVATE void otx__verify_index(otx__verifier *v)
{
    otx__document index;
    uint64_t total = 0, said;
    uint32_t metadata;
    size_t i;
    memset(&index, 0, sizeof index);
    if (v->failure || !v->checkpoint.sharded) return;
    otx__verify_document(v, OTX__INDEX_FILE, true, &index);
    for (i = 0; i < v->checkpoint.tensor_count; i++) {
        const otx_tensor *tensor = v->checkpoint.tensors[i].tensor;
        total += tensor->end - tensor->begin;
    }
    metadata = otx_json_find(&index.json, otx__document_root(&index), "metadata");
    if (index.present && otx_json_type_of(&index.json, metadata) != OTX_JSON_OBJECT)
        otx__found(v, OTX_FAULT, "%s/" OTX__INDEX_FILE ": has no \"metadata\", without which "
                   "transformers does not load it", v->path);
    else if (otx_json_uint(&index.json, otx_json_find(&index.json, metadata, "total_size"),
                           &said) && said != total)
        otx__found(v, OTX_WARNING, "%s/" OTX__INDEX_FILE ": says \"total_size\": %" PRIu64
                   ", the tensors have %" PRIu64 " bytes", v->path, said, total);
    otx__document_close(&v->ctx, &index);
}

/* Weights that some loader might take instead of those that were checked. */
OTX__PRIVATE void otx__verify_listing(otx__verifier *v)
{
    static const char *const ends[] = {".bin", ".bin.index.json", ".gguf", ".safetensors"};
    char quoted[OTX__QUOTED];
    otx__listing listing;
    otx_error error;
    size_t i, j;
    if (v->failure ||
        !otx__verify_take(v, otx__listing_open(&v->ctx, v->path, &listing, &error), &error))
        return;
    for (i = 0; i < listing.count && v->checkpoint.files; i++) {
        const char *name = listing.names[i];
        bool other = false;
        for (j = 0; j < OTX__COUNT(ends); j++) other |= otx__has_suffix(name, ends[j]);
        for (j = 0; j < v->checkpoint.file_count; j++)
            if (strcmp(name, v->checkpoint.files[j].name) == 0) other = false;
        if (other && strcmp(name, "training_args.bin") != 0)
            otx__found(v, OTX_WARNING, "%s: \"%s\" stands beside the weights that were checked",
                       v->path, otx__quote(quoted, sizeof quoted, name, strlen(name)));
    }
    otx__listing_close(&listing);
}

/* ---- sizes ---- */

/* Whether the model's class gives the embedding more rows than "vocab_size". */
OTX__PRIVATE bool otx__class_adds_rows(const otx__document *config)
{
    static const char *const types[] = {"mllama", "mllama_text_model", "moshi", "cpmant"};
    uint32_t node = otx_json_find(&config->json, otx__document_root(config), "model_type");
    size_t i;
    for (i = 0; i < OTX__COUNT(types); i++)
        if (otx_json_type_of(&config->json, node) == OTX_JSON_STRING &&
            otx_json_equals(&config->json, node, types[i]))
            return true;
    return false;
}

OTX__PRIVATE void otx__verify_rows(otx__verifier *v)
{
    const otx__model *model = &v->model;
    char tensor[OTX__TENSOR_TEXT], token[OTX__QUOTED];
    uint64_t rows, said = 0;
    size_t i, beyond = 0, first = 0;
    if (v->failure || !model->embedding) return;
    rows = model->embedding->tensor->shape[0];
    otx__tensor_text(tensor, model->embedding->tensor);
    if (!otx__config_says(&v->config, "vocab_size", rows, &said) &&
        !otx__config_says(&v->config, "padded_vocab_size", rows, &said) && said != 0 &&
        !(rows > said && otx__class_adds_rows(&v->config)))
        otx__found(v, OTX_FAULT, "%s/config.json: says \"vocab_size\": %" PRIu64
                   ", but tensor %s has %" PRIu64 " rows", v->path, said, tensor, rows);
    else if (v->config.present && said == 0 &&
             !otx__config_says(&v->config, "vocab_size", rows, &said))
        otx__found(v, OTX_WARNING, "%s/config.json: names no \"vocab_size\"; the class's own "
                   "default must be %" PRIu64, v->path, rows);
    for (i = v->vocab.count; i-- > 0 && i >= rows;)
        if (otx__vocab_has(&v->vocab, i)) {
            beyond++;
            first = i;
        }
    if (beyond)
        otx__found(v, OTX_FAULT, "%s: %" PRIu64 " of the tokenizer's ids, the first %" PRIu64
                   " (token \"%s\"), lie beyond the %" PRIu64 " rows of tensor %s", v->path,
                   (uint64_t)beyond, (uint64_t)first,
                   otx__content_text(token, &v->vocab, first), rows, tensor);
}

/* ---- ids ---- */

/* Checks one id that stands under `key`; of a list, one of its items. */
OTX__PRIVATE void otx__verify_id(otx__verifier *v, const char *file, const char *key,
                                 size_t key_size, uint64_t id)
{
    uint64_t rows = v->model.embedding ? v->model.embedding->tensor->shape[0] : UINT64_MAX;
    bool pad = key_size == 12 && memcmp(key, "pad_token_id", 12) == 0;
    char name[OTX__QUOTED];
    otx__quote(name, sizeof name, key, key_size);
    if (id >= rows)
        otx__found(v, OTX_FAULT, "%s/%s: \"%s\" is %" PRIu64 "; there are %" PRIu64 " rows",
                   v->path, file, name, id, rows);
    else if (v->vocab.tokens && !otx__vocab_has(&v->vocab, id) &&
             !(pad && otx__config_pad_is_position(&v->config)))
        otx__found(v, OTX_WARNING, "%s/%s: \"%s\" is %" PRIu64 ", an id without a token",
                   v->path, file, name, id);
}

/* Whether a key holds ids, or lists of them, or lists of those. */
OTX__PRIVATE bool otx__verify_holds_ids(const char *key, size_t size)
{
    static const char *const lists[] = {"suppress_tokens", "begin_suppress_tokens",
                                        "bad_words_ids", "force_words_ids"};
    size_t i;
    for (i = 0; i < OTX__COUNT(lists); i++)
        if (otx__same_bytes(key, size, lists[i], strlen(lists[i]))) return true;
    for (i = 0; i < OTX__COUNT(otx__specials); i++)
        if (otx__same_bytes(key, size, otx__specials[i].key, strlen(otx__specials[i].key)))
            return true;
    return otx__config_names_ids(key, size);
}

/* Every number within the value of such a key. */
OTX__PRIVATE void otx__verify_value(otx__verifier *v, const otx_json *json, const char *file,
                                    uint32_t key)
{
    const otx_json_node *name = &json->nodes[key];
    uint32_t node;
    uint64_t id;
    for (node = key + 1; node < json->nodes[key + 1].next; node++)
        if (otx_json_uint(json, node, &id))
            otx__verify_id(v, file, json->text + name->start, name->end - name->start, id);
}

/* The ids of one object. */
OTX__PRIVATE void otx__verify_object(otx__verifier *v, const otx_json *json, const char *file,
                                     uint32_t object)
{
    uint32_t key = object + 1, i;
    for (i = 0; i < json->nodes[object].count; i++) {
        const otx_json_node *name = &json->nodes[key];
        if (otx__verify_holds_ids(json->text + name->start, name->end - name->start))
            otx__verify_value(v, json, file, key);
        key = json->nodes[key + 1].next;
    }
}

/* Whether a list or a number holds an id. */
OTX__PRIVATE bool otx__node_has_id(const otx_json *json, uint32_t node, uint64_t id)
{
    uint32_t at;
    uint64_t value;
    if (node == OTX_JSON_NONE) return false;
    for (at = node; at < json->nodes[node].next; at++)
        if (otx_json_uint(json, at, &value) && value == id) return true;
    return false;
}

/* Whether the tokenizer's token in a role is the one that the two files name. Said of
   eos also where none is named: the model would not end its texts. */
OTX__PRIVATE void otx__verify_role(otx__verifier *v, otx_role role, const char *key)
{
    otx__levels levels = otx__vocabulary_levels(&v->config, v->model.rows);
    int64_t id = v->vocab.roles[role];
    char token[OTX__QUOTED];
    const otx_json *generation = &v->generation.json;
    uint32_t node = otx_json_find(generation, otx__document_root(&v->generation), key);
    bool named = otx_json_type_of(generation, node) != OTX_JSON_NULL, agree;
    size_t i;
    if (id < 0) return;
    agree = otx__node_has_id(generation, node, (uint64_t)id);
    for (i = 0; i < levels.count; i++) {
        node = otx_json_find(&v->config.json, levels.nodes[i], key);
        named |= otx_json_type_of(&v->config.json, node) != OTX_JSON_NULL;
        agree |= otx__node_has_id(&v->config.json, node, (uint64_t)id);
    }
    if (agree || (!named && role != OTX_ROLE_EOS)) return;
    otx__found(v, OTX_WARNING, "%s: the tokenizer's %s is %" PRId64 " (token \"%s\"), which "
               "\"%s\" of config.json and generation_config.json %s", v->path,
               otx_role_name(role), id, otx__content_text(token, &v->vocab, (uint64_t)id), key,
               named ? "is not" : "does not name");
}

OTX__PRIVATE void otx__verify_ids(otx__verifier *v)
{
    otx__levels levels = otx__vocabulary_levels(&v->config, v->model.rows);
    size_t i;
    if (v->failure) return;
    for (i = 0; i < levels.count; i++)
        otx__verify_object(v, &v->config.json, "config.json", levels.nodes[i]);
    if (v->generation.present)
        otx__verify_object(v, &v->generation.json, "generation_config.json", 0);
    if (!v->vocab.tokens || !v->config.present) return;
    otx__verify_role(v, OTX_ROLE_BOS, "bos_token_id");
    otx__verify_role(v, OTX_ROLE_EOS, "eos_token_id");
    if (!otx__config_pad_is_position(&v->config))
        otx__verify_role(v, OTX_ROLE_PAD, "pad_token_id");
}

/* ---- tying ---- */

/* Whether the model has an output head at all: by its class, if config.json names it. */
OTX__PRIVATE bool otx__class_has_head(const otx__document *config)
{
    const otx_json *json = &config->json;
    uint32_t node = otx_json_find(json, otx__document_root(config), "architectures");
    const otx_json_node *name;
    if (otx_json_type_of(json, node) != OTX_JSON_ARRAY || json->nodes[node].count == 0 ||
        otx_json_type_of(json, node + 1) != OTX_JSON_STRING)
        return true;
    name = &json->nodes[node + 1];
    return otx__span_has(json->text + name->start, name->end - name->start, "For") ||
           otx__span_has(json->text + name->start, name->end - name->start, "LM");
}

OTX__PRIVATE void otx__verify_tie(otx__verifier *v)
{
    const otx__model *model = &v->model;
    otx__tie_flag flag = otx__config_tie_flag(&v->config);
    char tensor[OTX__TENSOR_TEXT];
    if (v->failure || !model->embedding) return;
    if (flag.said_true && flag.said_false)
        otx__found(v, OTX_WARNING, "%s/config.json: says \"tie_word_embeddings\" both true and "
                   "false, on two levels", v->path);
    else if (flag.said_false && !model->head && otx__class_has_head(&v->config))
        otx__found(v, OTX_FAULT, "%s/config.json: says \"tie_word_embeddings\": false, but "
                   "there is no output head", v->path);
    if (flag.said_true && model->head && !model->tied &&
        !otx__name_ends(model->head->tensor, "decoder", "weight"))
        otx__found(v, OTX_FAULT, "%s/config.json: says \"tie_word_embeddings\": true, but "
                   "tensor %s differs from the embedding", v->path,
                   otx__tensor_text(tensor, model->head->tensor));
}

/* ---- values ---- */

/* What is told of the rows of one tensor. */
typedef struct otx__row_count {
    uint64_t bad, first_bad;   /* not finite */
    uint64_t zero, first_zero; /* zeros only */
} otx__row_count;

/* Looks at one row. */
OTX__PRIVATE void otx__row_count_add(otx__row_count *count, uint64_t row, const char *data,
                                     otx_dtype dtype, size_t columns)
{
    const size_t size = otx_dtype_bits(dtype) / 8;
    float values[256];
    bool zero = true;
    size_t i, j;
    if (!otx__row_is_finite(data, dtype, columns)) {
        if (count->bad++ == 0) count->first_bad = row;
        return;
    }
    for (i = 0; i < columns && zero; i += OTX__COUNT(values)) {
        size_t part = otx__min(columns - i, OTX__COUNT(values));
        otx_to_float(values, data + i * size, dtype, part);
        for (j = 0; j < part && zero; j++) zero = values[j] == 0;
    }
    if (zero && count->zero++ == 0) count->first_zero = row;
}

/* Reads a tensor in blocks of rows; a bias is one element a row. */
OTX__PRIVATE otx_result otx__verify_read(otx__verifier *v, const otx__model_tensor *what,
                                         otx__row_count *count, otx_error *error)
{
    const otx_tensor *tensor = what->at->tensor;
    const size_t columns = what->part == OTX__PART_BIAS ? 1 : (size_t)tensor->shape[1];
    const uint64_t rows = what->rows;
    size_t row_size, step, i, some;
    otx_result result = OTX_OK;
    uint64_t row;
    char *data;
    if (!otx__mul(columns, otx_dtype_bits(tensor->dtype) / 8, &row_size))
        return otx__fail_memory(error, UINT64_MAX);
    step = otx__max(OTX__READ_BLOCK / row_size, 1);
    if (step > rows) step = (size_t)rows;
    data = (char *)otx__alloc(&v->ctx, step, row_size);
    if (!data) return otx__fail_memory(error, (uint64_t)step * row_size);
    for (row = 0; row < rows && !result; row += some) {
        some = rows - row < step ? (size_t)(rows - row) : step;
        result = otx_checkpoint_read(&v->checkpoint, what->at, row * columns, some * columns,
                                     data, error);
        for (i = 0; i < some && !result; i++)
            otx__row_count_add(count, row + i, data + i * row_size, tensor->dtype, columns);
        if (!result)
            result = otx__progress(&v->ctx, OTX_STAGE_READ, tensor->name,
                                   (row + some) * row_size, rows * row_size, error);
    }
    otx__free(&v->ctx, data, step, row_size);
    return result;
}

OTX__PRIVATE void otx__verify_tensor(otx__verifier *v, const otx__model_tensor *what)
{
    const otx__model *model = &v->model;
    bool sampled = what->part == OTX__PART_HEAD ||
                   (what->at == model->embedding && model->tied &&
                    otx__class_has_head(&v->config));
    char tensor[OTX__TENSOR_TEXT], token[OTX__QUOTED];
    otx__row_count count;
    otx_error error;
    memset(&count, 0, sizeof count);
    if (!otx__verify_take(v, otx__verify_read(v, what, &count, &error), &error)) return;
    otx__tensor_text(tensor, what->at->tensor);
    if (count.bad)
        otx__found(v, OTX_FAULT, "%s: tensor %s: %" PRIu64 " rows hold a NaN, an infinity or a "
                   "value beyond 32-bit float, the first %" PRIu64 " (token \"%s\")", v->path,
                   tensor, count.bad, count.first_bad,
                   otx__content_text(token, &v->vocab, count.first_bad));
    if (count.zero && sampled)
        otx__found(v, OTX_WARNING, "%s: tensor %s: %" PRIu64 " rows are zeros, the first "
                   "%" PRIu64 " (token \"%s\"): they score 0, which may be the most, and can "
                   "be sampled", v->path, tensor, count.zero, count.first_zero,
                   otx__content_text(token, &v->vocab, count.first_zero));
}

/* ---- as a draft model for another ---- */

/* What is read of the model to draft for. */
typedef struct otx__target {
    otx_vocab vocab;
    otx__document config, tokenizer;
    uint64_t rows; /* what config.json says */
} otx__target;

/* A flag of tokenizer_config.json; where it is silent, what llama.cpp takes for a
   SentencePiece vocabulary (bos yes) and others (no). */
OTX__PRIVATE bool otx__adds(const otx__document *tokenizer, const otx_vocab *vocab,
                            const char *key, bool silent)
{
    uint32_t node = otx_json_find(&tokenizer->json, otx__document_root(tokenizer), key);
    otx_json_type type = otx_json_type_of(&tokenizer->json, node);
    if (type == OTX_JSON_TRUE || type == OTX_JSON_FALSE) return type == OTX_JSON_TRUE;
    return silent && vocab->family == OTX_FAMILY_METASPACE;
}

/* The tokens at both ends of a text. */
OTX__PRIVATE void otx__verify_draft_end(otx__verifier *v, const otx__target *target,
                                        otx_role role, const char *key)
{
    bool silent = role == OTX_ROLE_BOS;
    bool ours = otx__adds(&v->tokenizer, &v->vocab, key, silent);
    bool theirs = otx__adds(&target->tokenizer, &target->vocab, key, silent);
    int64_t id = v->vocab.roles[role], other = target->vocab.roles[role];
    if (ours != theirs)
        otx__found(v, OTX_FAULT, "draft: the tokenizer %s %s to its texts and the target's %s; "
                   "llama.cpp refuses the pair", ours ? "adds" : "does not add",
                   otx_role_name(role), theirs ? "does" : "does not");
    else if (id != other)
        otx__found(v, ours ? OTX_FAULT : OTX_WARNING, "draft: %s is %" PRId64
                   ", the target's is %" PRId64 "%s", otx_role_name(role), id, other,
                   ours ? "; llama.cpp refuses the pair" : "");
}

/* llama.cpp compares tokens from this id on, and lets sizes differ by so much. */
#define OTX__DRAFT_FIRST 5
#define OTX__DRAFT_SLACK 128

/* Compares the tokens of some ids. */
OTX__PRIVATE void otx__verify_draft_tokens(otx__verifier *v, const otx__target *target,
                                           size_t begin, size_t end, otx_severity severity)
{
    const otx_vocab *ours = &v->vocab, *theirs = &target->vocab;
    char token[OTX__QUOTED], other[OTX__QUOTED];
    size_t i, different = 0, first = 0;
    for (i = end; i-- > begin;) {
        bool here = otx__vocab_has(ours, i), there = otx__vocab_has(theirs, i);
        if (here == there &&
            (!here || otx__same_bytes(ours->tokens[i].content, ours->tokens[i].content_size,
                                      theirs->tokens[i].content,
                                      theirs->tokens[i].content_size)))
            continue;
        first = i;
        different++;
    }
    if (different)
        otx__found(v, severity, "draft: %" PRIu64 " ids from %" PRIu64 " on stand for other "
                   "tokens than the target's, the first %" PRIu64 ": \"%s\", the target's "
                   "\"%s\"", (uint64_t)different, (uint64_t)begin, (uint64_t)first,
                   otx__content_text(token, ours, first),
                   otx__content_text(other, theirs, first));
}

OTX__PRIVATE void otx__verify_draft_pair(otx__verifier *v, const otx__target *target)
{
    uint64_t rows = v->model.embedding ? v->model.rows : 0, apart;
    size_t count = otx__max(v->vocab.count, target->vocab.count);
    if (v->vocab.family != target->vocab.family ||
        strcmp(otx__word(v->vocab.model), otx__word(target->vocab.model)) != 0)
        otx__found(v, OTX_FAULT, "draft: the vocabulary is %s %s, the target's %s %s; "
                   "llama.cpp refuses the pair", otx_family_name(v->vocab.family),
                   otx__word(v->vocab.model), otx_family_name(target->vocab.family),
                   otx__word(target->vocab.model));
    otx__verify_draft_end(v, target, OTX_ROLE_BOS, "add_bos_token");
    otx__verify_draft_end(v, target, OTX_ROLE_EOS, "add_eos_token");
    otx__verify_draft_tokens(v, target, 0, otx__min(count, OTX__DRAFT_FIRST), OTX_WARNING);
    otx__verify_draft_tokens(v, target, OTX__DRAFT_FIRST, count, OTX_FAULT);
    if (rows == 0 || target->rows == 0 || rows == target->rows) return;
    apart = rows > target->rows ? rows - target->rows : target->rows - rows;
    otx__found(v, OTX_FAULT, "draft: \"vocab_size\" is %" PRIu64 ", the target's %" PRIu64
               "; vLLM wants them equal%s", rows, target->rows,
               apart > OTX__DRAFT_SLACK ? ", llama.cpp at most 128 apart" : "");
}

OTX__PRIVATE void otx__verify_draft(otx__verifier *v)
{
    const char *path = v->options->draft_for;
    otx__target target;
    otx_error error;
    otx_result result;
    if (v->failure || !path || !v->vocab.tokens) return;
    memset(&target, 0, sizeof target);
    result = otx_vocab_open(&v->ctx, path, &target.vocab, &error);
    if (!result)
        result = otx__document_open(&v->ctx, path, "config.json", &target.config, &error);
    if (!result)
        result = otx__document_open(&v->ctx, path, "tokenizer_config.json", &target.tokenizer,
                                    &error);
    if (otx__verify_take(v, result, &error)) {
        (void)otx__config_says(&target.config, "vocab_size", UINT64_MAX, &target.rows);
        otx__verify_draft_pair(v, &target);
    }
    otx__document_close(&v->ctx, &target.tokenizer);
    otx__document_close(&v->ctx, &target.config);
    otx_vocab_close(&v->ctx, &target.vocab);
}

/* ---- the whole ---- */

OTX__PRIVATE void otx__verify_close(otx__verifier *v)
{
    otx_checkpoint_close(&v->ctx, &v->checkpoint);
    otx_vocab_close(&v->ctx, &v->vocab);
    otx__document_close(&v->ctx, &v->tokenizer);
    otx__document_close(&v->ctx, &v->generation);
    otx__document_close(&v->ctx, &v->config);
}

OTX_API otx_result otx_verify(const otx_context *ctx, const char *path,
                              const otx_verify_options *options, otx_verify_summary *summary,
                              otx_error *error)
{
    otx_verify_options none;
    otx__verifier v;
    otx__status status;
    otx_result result = otx__model_status(path, &status, error);
    char name[OTX__PATH_TEXT];
    size_t i;
    if (result) return result;
    if (!status.directory)
        return otx__fail(error, OTX_ERROR_ARGUMENT, "%s: is not a directory",
                         otx__path_text(name, path));
    memset(&none, 0, sizeof none);
    memset(&v, 0, sizeof v);
    if (ctx) v.quiet = *ctx;
    v.ctx = v.quiet;
    v.ctx.log = otx__verify_log;
    v.ctx.log_context = &v;
    v.options = options ? options : &none;
    v.path = path;
    v.error = error;
    otx__verify_open(&v);
    otx__verify_index(&v);
    otx__verify_listing(&v);
    otx__verify_rows(&v);
    otx__verify_ids(&v);
    otx__verify_tie(&v);
    for (i = 0; v.model.embedding && i < v.model.tensor_count && !v.failure; i++)
        otx__verify_tensor(&v, &v.model.tensors[i]);
    otx__verify_draft(&v);
    otx__verify_close(&v);
    if (summary && !v.failure) *summary = v.summary;
    return v.failure;
}

#endif /* OTX_NO_STDIO */

/* >>> src/base/end.h */
/* ---- end: contraction as the user had it (see begin.h) ------------------------ */

#if defined(OTX__FLOAT_CONTROL)
#pragma float_control(pop)
#elif defined(__clang__)
#pragma STDC FP_CONTRACT DEFAULT
#elif defined(__GNUC__)
#pragma GCC pop_options
#elif defined(_MSC_VER) && (defined(_M_FP_CONTRACT) || defined(_M_FP_FAST) || \
                            (_MSC_VER < 1930 && !defined(_M_FP_STRICT)))
#pragma fp_contract(on) /* what these options make the default, before 2022 all but strict */
#endif

#endif /* OMP_TRANSPLANT_IMPLEMENTATION */

/*
MIT License

Copyright (c) 2026 the omp_transplant.h authors

Permission is hereby granted, free of charge, to any person obtaining a copy
of this software and associated documentation files (the "Software"), to deal
in the Software without restriction, including without limitation the rights
to use, copy, modify, merge, publish, distribute, sublicense, and/or sell
copies of the Software, and to permit persons to whom the Software is
furnished to do so, subject to the following conditions:

The above copyright notice and this permission notice shall be included in all
copies or substantial portions of the Software.

THE SOFTWARE IS PROVIDED "AS IS", WITHOUT WARRANTY OF ANY KIND, EXPRESS OR
IMPLIED, INCLUDING BUT NOT LIMITED TO THE WARRANTIES OF MERCHANTABILITY,
FITNESS FOR A PARTICULAR PURPOSE AND NONINFRINGEMENT. IN NO EVENT SHALL THE
AUTHORS OR COPYRIGHT HOLDERS BE LIABLE FOR ANY CLAIM, DAMAGES OR OTHER
LIABILITY, WHETHER IN AN ACTION OF CONTRACT, TORT OR OTHERWISE, ARISING FROM,
OUT OF OR IN CONNECTION WITH THE SOFTWARE OR THE USE OR OTHER DEALINGS IN THE
SOFTWARE.
*/

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
       OTX_API        what your compiler wants before a function that a library exports
       OTX_NO_STDIO   no files, no stdio.h: only what works on memory is built
       OTX_NO_SIMD    only the scalar reference kernels are built
   Compile with OpenMP for several threads, or set otx_context.parallel_for.

   What is where

      186  api/version                version
      216  api/result                 results
      256  api/context                context: memory, threads, progress
      334  api/isa                    instruction sets
      351  api/matrix                 numbers and matrices
      396  api/solver                 the solver
      523  api/source                 sources and sinks: bytes in and out
      543  api/json                   JSON
      665  api/safetensors            safetensors
      729  api/vocab                  vocabularies
      828  api/align                  alignment
      889  api/file                   files
      900  api/directory              directories
      951  api/job                    the whole job
     1083  api/verify                 looking at a finished directory

     1127  base                       what everything stands on
     1160  base/begin                 system headers, and how floating point must be compiled
     1198  base/sizes                 counting, and sums and products that may not wrap
     1236  base/span                  bytes of others, digits, UTF-8
     1384  base/decimal               the digits of a double
     1519  base/format                printf without stdio and without a locale
     1788  base/result                results, failures, messages
     1904  base/memory                the allocator, arrays that grow
     1963  base/text                  names in messages, and text that grows
     2071  base/hooks                 log, progress, threads of the caller
     2140  base/sort                  in place, without memory, never quadratic; finding in what is sorted
     2190  base/clock                 wall time for statistics
     2236  base/hash                  keyed, for tables whose keys a stranger chooses
     2315  base/pool                  blocks that are freed together
     2430  base/number                element types, widening and rounding
     2619  base/base64                decoding
     2655  base/protobuf              fields of a message
     2777  base/watch                 long loops that the caller can stop

     2830  files                      formats, on memory and streams
     2854  files/memory_source        memory as a source of bytes
     2872  files/json_read            a parser without recursion
     3225  files/json_values          looking at values, stepping through containers
     3396  files/json_edit            writing, and edits that keep every byte they do not touch
     3764  files/tensors              what reading and writing a header share: orders, sizes, messages
     3899  files/safetensors_read     the header of a file, checked
     4222  files/safetensors_write    the header of a new file

     4379  vocab                      tokens, from every source, and which of them are the same
     4411  vocab/known                what the world calls things: files, classes, tokens
     4699  vocab/token_table          the table of tokens, and finding tokens in it
     4862  vocab/spelling             from what a file spells to bytes
     4993  vocab/reader               what the readers of all sources share
     5343  vocab/added_tokens         what other files add to a model's tokens
     5604  vocab/from_tokenizer_json  tokenizer.json
     5859  vocab/from_tekken          tekken.json
     6014  vocab/from_tiktoken        *.tiktoken
     6079  vocab/from_sentencepiece   tokenizer.model and its like
     6434  vocab/from_vocab_json      vocab.json and merges.txt
     6520  vocab/from_vocab_txt       vocab.txt
     6577  vocab/parse                the first source that is given, and what goes with it
     6762  vocab/align                which base token a donor token is

     7014  simd                       the hot loops, once for each instruction set
     7038  simd/kernels               the table of kernels, and what all versions share
     7315  simd/scalar                the reference
     7484  simd/sse2                  the operations of 128-bit x86, and what each does
     7589  simd/neon                  those of 64-bit Arm
     7683  simd/wasm                  those of WebAssembly's SIMD128
     7767  simd/avx2                  those of 256-bit x86, with FMA
     7849  simd/vectors               body.h by the operations of 128 bits and by those of 256
     8491  simd/avx_vnni              AVX2, and products of integers
     8587  simd/neon_bf16             NEON, and products of matrices
     8741  simd/avx512                512-bit x86, by hand
     9347  simd/amx                   tiles of x86, beside AVX-512
     9590  simd/dispatch              which of them this machine can run

     9801  solve                      Orthogonal Matching Pursuit for many targets
     9844  solve/views                the rows of matrices, as the kernels read them
     9973  solve/panels               vectors as the dense products want them, and these
    10164  solve/rests                vectors on their way into panels
    10341  solve/dictionary           the atoms, and their split along a common direction
    10496  solve/exact_gram           products of all pairs of atoms in double
    10578  solve/triangle             packed lower triangles
    10682  solve/support              what is known of one target, and the exact steps
    10944  solve/gram_table           products of atoms with all atoms, for scans
    11182  solve/screen               which atoms are worth scoring in double: the bound
    11472  solve/scan                 the correlations of all atoms with a block's residuals
    11629  solve/predict              making targets ready for the next scan
    11875  solve/candidates           the atoms that a scan could not rule out
    12159  solve/select               the next atoms of each target
    12325  solve/pursuit              what one solve holds, and the memory it takes
    12569  solve/plan                 which form, and in what blocks
    12814  solve/steps                a pursuit from its rows to its results
    13053  solve/combine              new rows of coefficients
    13115  solve/solver               the public call

    13282  disk                       files and directories
    13314  disk/system                what POSIX and Windows are asked for
    13353  disk/windows_paths         paths as Windows takes them
    13493  disk/windows               the system as Windows gives it
    13792  disk/posix                 the system as POSIX gives it
    14030  disk/paths                 what can be told from their text
    14104  disk/failure               why the system refused
    14218  disk/look                  what stands at a path, and whether within another
    14339  disk/listing               listings of directories
    14405  disk/reading               files to read, and whether they have changed
    14579  disk/writing               files to write
    14696  disk/copying               copies of files
    14762  disk/trees                 directories looked through, copied and removed with all they hold
    14977  disk/known                 what weights are called in a directory
    15013  disk/staging               a directory made under another name, then renamed
    15249  disk/missing               a path or a directory without what is wanted of it
    15292  disk/weight_index          the index of a checkpoint in shards
    15508  disk/checkpoint            a model directory, in one file or in shards
    15843  disk/tokenizer_directory   the tokenizer of a model directory

    16044  model                      which tensors and config keys belong to the vocabulary
    16071  model/known                what the world calls things
    16437  model/names                names of tensors
    16585  model/document             the JSON files of a model directory
    16671  model/config               what config.json says
    16825  model/side                 a model directory opened once
    16928  model/code                 the Python that a tokenizer is loaded with
    17165  model/parts                what each tensor does for the vocabulary
    17275  model/find                 finding the parts of a model
    17529  model/heirs                what becomes of the ids in a config
    17680  model/config_ids           ids in a config being edited
    17987  model/config_edit          config.json and generation_config.json, edited

    18238  job                        the whole transplant, in the order in which it happens
    18270  job/job                    what a job holds
    18482  job/open                   opening the two models
    18559  job/map                    the caller's map
    18676  job/align                  where every new row comes from
    18813  job/plan                   what becomes of every tensor, and of the configs
    18910  job/rows                   rows in memory: reading, checking, their mean
    19163  job/solve                  solving for the rows of the donor
    19332  job/rebuild                the new rows of one vocabulary tensor
    19717  job/write                  the output and its weights
    19987  job/copy                   the other files of the two models
    20209  job/index                  the files that are written anew
    20368  job/run                    the whole, in order
    20476  job/report                 what a job did, as JSON and as a table
    20705  job/findings               what is told of a finished directory
    20754  job/check_files            its files
    20855  job/check_ids              sizes, ids and tying
    21027  job/check_values           values
    21107  job/check_draft            as a draft model for another
    21219  job/verify                 whether a finished directory agrees with itself

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
#define OTX_VERSION_MINOR 2
#define OTX_VERSION_PATCH 0
#define OTX_VERSION_STRING "0.2.0"

/* Linkage of the public functions. Define OTX_STATIC before every include to make them
   static to the file that holds the implementation, or OTX_API to what your compiler wants
   before a function that a shared library exports, such as __declspec(dllexport) or
   __attribute__((visibility("default"))). */
#if defined(__GNUC__) || defined(__clang__)
#define OTX__PRIVATE static __attribute__((unused))
#define OTX__PRINTF(string, first) __attribute__((format(printf, string, first)))
#else
#define OTX__PRIVATE static
#define OTX__PRINTF(string, first)
#endif
#ifndef OTX_API
#ifdef OTX_STATIC
#define OTX_API OTX__PRIVATE
#else
#define OTX_API extern
#endif
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
    int threads;                    /* most workers at once, up to 1,024; 0 or less: all
                                       that OpenMP gives, or 1 under a hook */
    otx_isa isa;                    /* an unavailable one is OTX_ERROR_UNSUPPORTED */
    bool (*progress)(void *context, const otx_progress *progress); /* false: cancel */
    void *progress_context;         /* called from the caller's thread only */
    void (*log)(void *context, otx_severity severity, const char *message);
    void *log_context;              /* messages are a line of UTF-8, as in otx_error */
    uint64_t hash_key[2]; /* a secret that keys the tables of tokens, beside addresses and
                             the clock: for files of strangers where both can be foreseen
                             (WebAssembly, no clock). Results do not depend on it */
} otx_context;

/* >>> src/api/isa.h */
/* ---- instruction sets --------------------------------------------------- */

/* "auto", "scalar", "avx2", ...; NULL for a number that is none. */
OTX_API const char *otx_isa_name(otx_isa isa);

/* The instruction set with that name, or OTX_ISA_COUNT. */
OTX_API otx_isa otx_isa_from_name(const char *name);

/* Whether this build and this machine (processor and operating system) can run
   it. AUTO and SCALAR always can. Linux lends the registers of AMX to a process as a
   whole: only a solve asks for them, and where it is refused, AUTO takes the next. */
OTX_API bool otx_isa_available(otx_isa isa);

/* What AUTO resolves to here. */
OTX_API otx_isa otx_isa_best(void);

/* >>> src/api/matrix.h */
/* ---- numbers and matrices ---------------------------------------------- */

/* The types a safetensors file can hold, in the order in which the reference
   implementation sorts them. 0 is none of them: what nobody has set. */
typedef enum otx_dtype {
    OTX_DTYPE_NONE,
    OTX_BOOL, OTX_F4, OTX_F6_E2M3, OTX_F6_E3M2, OTX_U8, OTX_I8, OTX_F8_E5M2,
    OTX_F8_E4M3, OTX_F8_E8M0, OTX_F8_E4M3FNUZ, OTX_F8_E5M2FNUZ, OTX_I16, OTX_U16,
    OTX_F16, OTX_BF16, OTX_I32, OTX_U32, OTX_F32, OTX_C64, OTX_F64, OTX_I64, OTX_U64,
    OTX_DTYPE_COUNT
} otx_dtype;

/* "BF16"; NULL for OTX_DTYPE_NONE and for a number that is no type. */
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

/* "auto", "gram", "columns", "residual", "exhaustive"; NULL for a number that is none.
   Thread-safe. */
OTX_API const char *otx_omp_form_name(otx_omp_form form);

/* All zero is the default. */
typedef struct otx_omp_options {
    size_t k;            /* atoms per target; 0: 64. Capped at atoms and columns */
    double tolerance;    /* a target ends when ||residual|| <= tolerance * ||target||;
                            finite, 0 or more */
    uint64_t memory;     /* budget in bytes for what the solver allocates;
                            0: 4 GiB. It is kept to; one that no form fits in is
                            OTX_ERROR_MEMORY */
    otx_omp_form form;
    bool cosine;         /* select by |<residual, atom>| / ||atom||, as if all atoms
                            had norm 1 */
    double ridge;        /* adds ridge * ||atom||^2 to the diagonal of the normal
                            equations of a target: a ridge regression (Hoerl and
                            Kennard 1970) on the atoms scaled to norm 1, which holds
                            near-dependent ones down. 0 to 1e6 */
    bool centred;        /* take the atoms' mean off atoms and targets first, each
                            value rounded to float; norms and residuals are then
                            those of the centred targets */
    size_t first_target; /* solve only this window of the targets; outputs are  */
    size_t target_count; /* still addressed by target. 0: all from the first     */
} otx_omp_options;

/* Where the results go; the caller owns all arrays, of as many rows as there are
   targets, also for a window of them. k is otx_omp_k's. Results for one target do
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
    otx_omp_form form;      /* the one used, never AUTO */
    otx_isa isa;            /* likewise */
    int threads;            /* most workers at once */
    uint64_t steps;         /* atoms selected */
    uint64_t passes;        /* times that a whole block of targets was screened */
    uint64_t columns;       /* of the Gram matrix computed; 0 in forms without */
    uint64_t candidates;    /* atoms that were left to decide between, over all steps */
    uint64_t candidates_99; /* 99 of 100 steps left no more than that many */
    uint64_t fallbacks;     /* steps at which every atom was scored in double: after an
                               atom was passed over, or where hundreds tie */
    uint64_t peak_bytes;    /* most memory the solver held */
    double seconds;         /* of the whole call */
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

   atoms: N x d, targets: B x d, at most 2^31 - 1 of each, of any type that
   otx_dtype_is_embedding accepts; F64 values are rounded to float first. They are
   read only, and may be the same. Rows of zeros are fine: never selected as atoms,
   and no atoms for such a target. options and stats may be NULL.

   Fails with OTX_ERROR_ARGUMENT (a matrix that is empty, of another type or too
   large, columns that differ, no array for indices or coefficients, an option out
   of range), OTX_ERROR_UNSUPPORTED (an instruction set that is not there),
   OTX_ERROR_MEMORY, OTX_ERROR_NOT_FINITE (names the atom or target that holds a NaN
   or infinity) or OTX_ERROR_CANCELLED; then the arrays hold nothing of use, and
   stats is as it was. Thread-safe if the hooks of ctx are, and nothing writes to
   the matrices. */
OTX_API otx_result otx_omp(const otx_context *ctx, const otx_matrix *atoms,
                           const otx_matrix *targets, const otx_omp_options *options,
                           const otx_omp_output *output, otx_omp_stats *stats,
                           otx_error *error);

/* The atoms a target gets at most: min(k or 64, N, d). It is the row length of
   otx_omp_output's arrays. Thread-safe. */
OTX_API size_t otx_omp_k(size_t k, size_t atoms, size_t columns);

/* One new row: sum over j of coefficients[j] * atoms[indices[j]], in double, j in
   order, every product and sum rounded, up to the first negative index, of k at
   most. row: atoms->columns doubles, overwritten; zeros if no index counts. Indices
   are not checked against atoms->rows, nor the matrix as otx_omp checks it. Of ctx
   only isa matters, and of that only SCALAR: what runs wherever the build does is
   taken otherwise, and the bits are the same. Cannot fail, takes no memory. Thread-safe. */
OTX_API void otx_combine(const otx_context *ctx, const otx_matrix *atoms,
                         const int32_t *indices, const double *coefficients, size_t k,
                         double *row);

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

/* Opens the file at `path` (UTF-8 on every platform) for positioned reads, which are
   thread-safe; close with otx_source_close. Only regular files can be opened. Where there
   is none, OTX_ERROR_NOT_FOUND; one that is there and cannot be looked at or opened, or a
   link that leads nowhere, is another error. */
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
                          OTX_DTYPE_NONE: the base's. Loaders convert to the type that
                          config.json names, which stays */
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
   left out with a note. All but the weights is written before the first solve, so that
   a file that cannot be copied ends the run at once: OTX_STAGE_WRITE is reported before
   the solves and after them, as one count. With `out` NULL it solves and writes
   nothing: for the processes that only help another by options.solve. */
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

/* Knows nothing of models, tokens or files: sizes that do not wrap, bytes and digits, results
   and messages, the caller's hooks (memory, threads, progress, log), numbers, sorting.
   Hides byte order, the locale, stdio, and compilers' habits with floating point.
   Owns nothing. Memory is asked of the context that is handed down, with its old size, and
   given back to the same; only a pool and a text remember what they took.
   A function that can fail takes the error last, fills it in with otx__fail and returns its
   code; the first failure is the one that is told. Messages are for people: one line of
   UTF-8 that names the file, the tensor or token, and the numbers (otx__quote for names).
   Read result.h and memory.h first: all other rooms speak that way; then span.h.

   Rooms, in order of dependency:
     begin     system headers, and how floating point must be compiled
     sizes     counting, and sums and products that may not wrap
     span      bytes of others, digits, UTF-8
     decimal   the digits of a double
     format    printf without stdio and without a locale
     result    results, failures, messages
     memory    the allocator, arrays that grow
     text      names in messages, and text that grows
     hooks     log, progress, threads of the caller
     sort      in place, without memory, never quadratic; finding in what is sorted
     clock     wall time for statistics
     hash      keyed, for tables whose keys a stranger chooses
     pool      blocks that are freed together
     number    element types, widening and rounding
     base64    decoding
     protobuf  fields of a message
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
#ifndef OTX_NO_STDIO
#include <stdio.h> /* rename and remove, no more */
#endif
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

/* >>> src/base/sizes.h */
/* ---- sizes: counting, and sums and products that may not wrap ------------------ */

#define OTX__COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* double that is not binary64, or a byte that is not eight bits, breaks every
   promise of this file: better no build than a wrong one. */
typedef char otx__assert_binary64[DBL_MANT_DIG == 53 && DBL_MAX_EXP == 1024 ? 1 : -1];
typedef char otx__assert_binary32[FLT_MANT_DIG == 24 && FLT_MAX_EXP == 128 ? 1 : -1];
typedef char otx__assert_octets[CHAR_BIT == 8 ? 1 : -1];

OTX__PRIVATE size_t otx__min(size_t a, size_t b) { return a < b ? a : b; }
OTX__PRIVATE size_t otx__max(size_t a, size_t b) { return a > b ? a : b; }
OTX__PRIVATE double otx__least(double a, double b) { return a < b ? a : b; }

/* These set the result and return true, unless it would wrap. */

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

/* >>> src/base/span.h */
/* ---- span: bytes of others, digits, UTF-8 --------------------------------------- */

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

/* The size of the longest beginning of `text` that has at most `limit` bytes and splits no
   character. */
OTX__PRIVATE size_t otx__utf8_cut(const char *text, size_t limit)
{
    size_t size = strlen(text), at = 0, length;
    if (size <= limit) return size;
    for (; at < limit; at += length) {
        length = otx__utf8_length((const unsigned char *)text + at, size - at);
        if (length == 0) length = 1;
        if (at + length > limit) break;
    }
    return at;
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

/* >>> src/base/decimal.h */
/* ---- decimal: the digits of a double --------------------------------------- */

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

/* Most bytes of a double as text, "-1.2345678901234567e-308". */
#define OTX__DOUBLE_TEXT 24

/* Writes a double to `to`, which has room for OTX__DOUBLE_TEXT bytes, with the fewest
   digits that read back as the same double, laid out as by Python's repr (1.0, 0.0001,
   1e-05, 1e+16), whatever the locale. Returns how many bytes that took: 0 for a NaN or
   an infinity. */
OTX__PRIVATE size_t otx__double_text(char *to, double value)
{
    const int point = OTX__DECIMAL_WHOLE;
    char digits[OTX__DECIMAL_DIGITS], *end = to;
    int first = 0, last = OTX__DECIMAL_DIGITS - 1, power, size;
    uint64_t bits, magnitude;
    memcpy(&bits, &value, sizeof bits);
    magnitude = bits & (UINT64_MAX >> 1);
    if (magnitude >> 52 == 0x7ff) return 0;
    if (bits != magnitude) *end++ = '-';
    if (magnitude == 0) {
        memcpy(end, "0.0", 3);
        return (size_t)(end + 3 - to);
    }
    otx__decimal_shortest(magnitude, digits);
    while (digits[first] == '0') first++;
    while (digits[last] == '0') last--;
    power = point - 1 - first;
    if (power < -4 || power > 15) {
        *end++ = digits[first];
        if (last > first) *end++ = '.';
        memcpy(end, digits + first + 1, (size_t)(last - first));
        end += last - first;
        *end++ = 'e';
        *end++ = power < 0 ? '-' : '+';
        size = power < 0 ? -power : power;
        if (size >= 100) *end++ = (char)('0' + size / 100);
        *end++ = (char)('0' + size / 10 % 10);
        *end++ = (char)('0' + size % 10);
    } else {
        if (first >= point) first = point - 1;
        if (last < point) last = point;
        memcpy(end, digits + first, (size_t)(point - first));
        end += point - first;
        *end++ = '.';
        memcpy(end, digits + point, (size_t)(last - point + 1));
        end += last - point + 1;
    }
    return (size_t)(end - to);
}

/* >>> src/base/format.h */
/* ---- format: printf without stdio and without a locale ------------------------------ */

/* Of what printf has: %s, %c, %d, %u, %x, %X, %f and %%; a width, with spaces or zeros
   before the number; a precision of %s (bytes) and of %f (digits, rounded to nearest even
   as by printf), also as *; and the sizes l, ll, z, j and I64, which is what PRIu64 may
   be. Nothing else: what is not known is copied as it stands. */

/* C libraries without them, or with them only for C. */
#ifndef PRIu64
#if ULONG_MAX == UINT64_MAX
#define PRIu64 "lu"
#define PRId64 "ld"
#else
#define PRIu64 "llu"
#define PRId64 "lld"
#endif
#endif
#ifndef PRIu32
#define PRIu32 "u"
#define PRId32 "d"
#endif

/* Text that is written to a block, and that goes on being counted behind its end. */
typedef struct otx__written {
    char *to;
    size_t capacity, size;
} otx__written;

/* A conversion: what stands between % and the letter, and the letter. */
typedef struct otx__conversion {
    size_t width, precision;
    bool zeros, precise, star; /* star: the precision is the next argument */
    char type;                 /* of an integer: i int, l long, L long long, z size_t,
                                  j intmax_t */
    char letter;
} otx__conversion;

OTX__PRIVATE void otx__write(otx__written *text, const char *bytes, size_t size)
{
    if (size && text->size < text->capacity)
        memcpy(text->to + text->size, bytes, otx__min(size, text->capacity - text->size));
    text->size += size;
}

OTX__PRIVATE void otx__write_repeated(otx__written *text, char byte, size_t count)
{
    for (; count > 0; count--) otx__write(text, &byte, 1);
}

/* What goes before the last `size` bytes of a conversion: its sign, and what fills it up
   to its width. */
OTX__PRIVATE void otx__write_padding(otx__written *text, const otx__conversion *c,
                                     const char *sign, size_t size)
{
    const size_t taken = size + strlen(sign), fill = c->width > taken ? c->width - taken : 0;
    if (!c->zeros) otx__write_repeated(text, ' ', fill);
    otx__write(text, sign, strlen(sign));
    if (c->zeros) otx__write_repeated(text, '0', fill);
}

OTX__PRIVATE void otx__write_integer(otx__written *text, const otx__conversion *c,
                                     uint64_t value, bool negative)
{
    const char *digits = c->letter == 'X' ? "0123456789ABCDEF" : "0123456789abcdef";
    const unsigned base = c->letter == 'x' || c->letter == 'X' ? 16 : 10;
    char bytes[20];
    size_t first = sizeof bytes;
    do bytes[--first] = digits[value % base];
    while ((value /= base) > 0);
    otx__write_padding(text, c, negative ? "-" : "", sizeof bytes - first);
    otx__write(text, bytes + first, sizeof bytes - first);
}

/* Rounds exact digits to nearest even at `end`: digits from there on fall off. */
OTX__PRIVATE void otx__round_digits(char *digits, int end)
{
    const int size = OTX__DECIMAL_DIGITS;
    int i = end;
    bool up = digits[end] > '5';
    if (digits[end] == '5') {
        for (i = end + 1; i < size && digits[i] == '0';) i++;
        up = i < size || (digits[end - 1] - '0') % 2 == 1;
    }
    for (i = end - 1; up; i--) {
        up = digits[i] == '9';
        digits[i] = (char)(up ? '0' : digits[i] + 1);
    }
}

OTX__PRIVATE void otx__write_double(otx__written *text, const otx__conversion *c, double value)
{
    const int point = OTX__DECIMAL_WHOLE, most = OTX__DECIMAL_DIGITS - point - 1;
    const int precision =
        !c->precise ? 6 : c->precision < (size_t)most ? (int)c->precision : most;
    char digits[OTX__DECIMAL_DIGITS];
    otx__conversion plain = *c;
    uint64_t bits, significand;
    int exponent, first = 0;
    const char *sign;
    memcpy(&bits, &value, sizeof bits);
    sign = bits >> 63 ? "-" : "";
    exponent = (int)(bits >> 52 & 0x7ff);
    significand = bits & ((UINT64_C(1) << 52) - 1);
    if (exponent == 0x7ff) {
        plain.zeros = false;
        otx__write_padding(text, &plain, sign, 3);
        otx__write(text, significand ? "nan" : "inf", 3);
        return;
    }
    if (exponent > 0) significand |= UINT64_C(1) << 52;
    else exponent = 1;
    otx__decimal(significand, exponent - 1075, digits);
    otx__round_digits(digits, point + precision);
    while (first < point - 1 && digits[first] == '0') first++;
    otx__write_padding(text, c, sign,
                       (size_t)(point - first + precision + (precision > 0 ? 1 : 0)));
    otx__write(text, digits + first, (size_t)(point - first));
    if (precision > 0) otx__write(text, ".", 1);
    otx__write(text, digits + point, (size_t)precision);
}

OTX__PRIVATE void otx__write_string(otx__written *text, const otx__conversion *c,
                                    const char *string)
{
    size_t size = 0;
    if (!string) string = "(null)";
    while ((!c->precise || size < c->precision) && string[size]) size++;
    otx__write_padding(text, c, "", size);
    otx__write(text, string, size);
}

OTX__PRIVATE size_t otx__read_number(const char **at)
{
    size_t number = 0;
    for (; otx__is_digit(**at) && number < 1000000; ++*at)
        number = number * 10 + (size_t)(**at - '0');
    return number;
}

/* Reads what follows a %; returns what follows that. */
OTX__PRIVATE const char *otx__read_conversion(otx__conversion *c, const char *at)
{
    memset(c, 0, sizeof *c);
    c->type = 'i';
    c->zeros = *at == '0';
    c->width = otx__read_number(&at);
    if (*at == '.') {
        c->precise = true;
        c->star = *++at == '*';
        if (c->star) at++;
        else c->precision = otx__read_number(&at);
    }
    if (strncmp(at, "I64", 3) == 0 || strncmp(at, "ll", 2) == 0) {
        at += *at == 'I' ? 3 : 2;
        c->type = 'L';
    } else if (*at == 'l' || *at == 'z' || *at == 'j') {
        c->type = *at++;
    }
    c->letter = *at;
    return *at ? at + 1 : at;
}

/* What is left of the arguments. A list by itself cannot be handed on and used again. */
typedef struct otx__arguments {
    va_list list;
} otx__arguments;

OTX__PRIVATE uint64_t otx__next_unsigned(otx__arguments *arguments, char type)
{
    switch (type) {
    case 'l': return va_arg(arguments->list, unsigned long);
    case 'L': return va_arg(arguments->list, unsigned long long);
    case 'z': return va_arg(arguments->list, size_t);
    case 'j': return va_arg(arguments->list, uintmax_t);
    default: return va_arg(arguments->list, unsigned);
    }
}

OTX__PRIVATE int64_t otx__next_signed(otx__arguments *arguments, char type)
{
    switch (type) {
    case 'l': return va_arg(arguments->list, long);
    case 'L': return va_arg(arguments->list, long long);
    case 'z': return va_arg(arguments->list, ptrdiff_t);
    case 'j': return va_arg(arguments->list, intmax_t);
    default: return va_arg(arguments->list, int);
    }
}

/* Writes the next arguments as a conversion says; false if it is none of ours. */
OTX__PRIVATE bool otx__convert(otx__written *text, otx__conversion *c,
                               otx__arguments *arguments)
{
    int64_t number;
    char byte;
    if (c->star) {
        const int precision = va_arg(arguments->list, int);
        c->precise = precision >= 0;
        c->precision = precision >= 0 ? (size_t)precision : 0;
    }
    switch (c->letter) {
    case 's':
        otx__write_string(text, c, va_arg(arguments->list, const char *));
        return true;
    case 'c':
        byte = (char)va_arg(arguments->list, int);
        otx__write_padding(text, c, "", 1);
        otx__write(text, &byte, 1);
        return true;
    case 'd':
        number = otx__next_signed(arguments, c->type);
        otx__write_integer(text, c, number < 0 ? 0 - (uint64_t)number : (uint64_t)number,
                           number < 0);
        return true;
    case 'u':
    case 'x':
    case 'X':
        otx__write_integer(text, c, otx__next_unsigned(arguments, c->type), false);
        return true;
    case 'f':
        otx__write_double(text, c, va_arg(arguments->list, double));
        return true;
    default:
        otx__write(text, "%", 1);
        return c->letter == '%';
    }
}

/* Writes what fits into `capacity` bytes, a terminator included; returns how many bytes
   the whole has, as vsnprintf does. */
OTX__PRIVATE size_t otx__format_list(char *to, size_t capacity, const char *format,
                                     va_list arguments) OTX__PRINTF(3, 0);
OTX__PRIVATE size_t otx__format_list(char *to, size_t capacity, const char *format,
                                     va_list arguments)
{
    otx__arguments rest;
    otx__written text;
    text.to = to;
    text.capacity = capacity;
    text.size = 0;
    va_copy(rest.list, arguments);
    while (*format) {
        const size_t plain = strcspn(format, "%");
        const char *after;
        otx__conversion c;
        otx__write(&text, format, plain);
        format += plain;
        if (!*format) break;
        after = otx__read_conversion(&c, ++format);
        if (otx__convert(&text, &c, &rest)) format = after;
    }
    va_end(rest.list);
    if (capacity) to[otx__min(text.size, capacity - 1)] = 0;
    return text.size;
}

OTX__PRIVATE size_t otx__format(char *to, size_t capacity, const char *format, ...)
    OTX__PRINTF(3, 4);
OTX__PRIVATE size_t otx__format(char *to, size_t capacity, const char *format, ...)
{
    va_list arguments;
    size_t size;
    va_start(arguments, format);
    size = otx__format_list(to, capacity, format, arguments);
    va_end(arguments);
    return size;
}

/* >>> src/base/result.h */
/* ---- result: results and failures ----------------------------------------- */

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

/* ---- messages ---- */

#define OTX__MESSAGE sizeof(((otx_error *)0)->message)

/* What stands in a message for the character at `bytes`: the character itself, but '?'
   for a control character, and \xNN for a byte that is no UTF-8 or starts a control
   character of two bytes. Returns the size of what it wrote; *step is that of what it
   read. */
OTX__PRIVATE size_t otx__message_character(char to[4], const char *bytes, size_t size,
                                           size_t *step)
{
    static const char digits[] = "0123456789abcdef";
    const unsigned char byte = (unsigned char)bytes[0];
    const size_t length = otx__utf8_length((const unsigned char *)bytes, size);
    if (length > 1 && !(byte == 0xc2 && (unsigned char)bytes[1] < 0xa0)) {
        memcpy(to, bytes, length);
        return *step = length;
    }
    *step = 1;
    to[0] = byte < 0x20 || byte == 0x7f ? '?' : bytes[0];
    if (byte < 0x80) return 1;
    to[0] = '\\';
    to[1] = 'x';
    to[2] = digits[byte >> 4];
    to[3] = digits[byte & 15];
    return 4;
}

/* Makes a message for people: one line of UTF-8 that does nothing to a terminal,
   whatever the names in it hold. One too long is cut between two characters, with
   "...". */
OTX__PRIVATE void otx__message(char to[OTX__MESSAGE], const char *format, va_list arguments)
    OTX__PRINTF(2, 0);
OTX__PRIVATE void otx__message(char to[OTX__MESSAGE], const char *format, va_list arguments)
{
    /* A message is never shorter than what it is made of: no more of that is looked at than
       what fits, and one character that does not. */
    char raw[OTX__MESSAGE + 4], character[4];
    const size_t limit = OTX__MESSAGE - 1;
    size_t size = otx__min(otx__format_list(raw, sizeof raw, format, arguments), sizeof raw - 1);
    size_t at = 0, length = 0, cut = 0, step, room;
    for (; at < size; at += step, length += room) {
        room = otx__message_character(character, raw + at, size - at, &step);
        if (length + room > limit) {
            memcpy(to + cut, "...", 3);
            length = cut + 3;
            break;
        }
        memcpy(to + length, character, room);
        if (length + room + 3 <= limit) cut = length + room;
    }
    to[length] = 0;
}

/* Fills in the error and returns its code, so that failing reads
   `return otx__fail(error, OTX_ERROR_FORMAT, "%s: ...", name);`. Never allocates. The
   arguments may point into the error's own message. */
OTX__PRIVATE otx_result otx__fail(otx_error *error, otx_result code, const char *format, ...)
    OTX__PRINTF(3, 4);
OTX__PRIVATE otx_result otx__fail(otx_error *error, otx_result code, const char *format, ...)
{
    if (error) {
        va_list arguments;
        va_start(arguments, format);
        error->code = code;
        otx__message(error->message, format, arguments);
        va_end(arguments);
    }
    return code;
}

/* `bytes` may be UINT64_MAX for a sum or a product that wraps. */
OTX__PRIVATE otx_result otx__fail_memory(otx_error *error, uint64_t bytes)
{
    if (bytes == UINT64_MAX)
        return otx__fail(error, OTX_ERROR_MEMORY,
                         "out of memory asking for more bytes than can be addressed");
    return otx__fail(error, OTX_ERROR_MEMORY, "out of memory asking for %" PRIu64 " bytes%s",
                     bytes, bytes > SIZE_MAX ? ", more than can be addressed" : "");
}

/* The same for `count` elements of `size` bytes, whose product may wrap. */
OTX__PRIVATE otx_result otx__fail_array(otx_error *error, uint64_t count, size_t size)
{
    uint64_t bytes;
    if (otx__mul64(count, size, &bytes)) return otx__fail_memory(error, bytes);
    return otx__fail(error, OTX_ERROR_MEMORY,
                     "out of memory asking for %" PRIu64 " elements of %" PRIu64 " bytes, "
                     "more than can be addressed", count, (uint64_t)size);
}

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
/* ---- text: names in messages, and text that grows -------------------------------- */

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

/* For what fits in 512 bytes: numbers and short words. */
OTX__PRIVATE void otx__text_format(otx__text *text, const char *format, ...) OTX__PRINTF(2, 3);
OTX__PRIVATE void otx__text_format(otx__text *text, const char *format, ...)
{
    char line[512];
    size_t length;
    va_list arguments;
    va_start(arguments, format);
    length = otx__format_list(line, sizeof line, format, arguments);
    va_end(arguments);
    if (length >= sizeof line) text->failed = true;
    else otx__text_bytes(text, line, length);
}

/* Appends a number as otx__double_text writes it; one that JSON does not have becomes
   null. */
OTX__PRIVATE void otx__text_double(otx__text *text, double value)
{
    char digits[OTX__DOUBLE_TEXT];
    const size_t size = otx__double_text(digits, value);
    if (size) otx__text_bytes(text, digits, size);
    else otx__text_string(text, "null");
}

/* >>> src/base/hooks.h */
/* ---- hooks of the caller ------------------------------------------------ */

OTX__PRIVATE void otx__log(const otx_context *ctx, otx_severity severity, const char *format,
                           ...) OTX__PRINTF(3, 4);
OTX__PRIVATE void otx__log(const otx_context *ctx, otx_severity severity, const char *format,
                           ...)
{
    char message[OTX__MESSAGE];
    va_list arguments;
    if (!ctx || !ctx->log) return;
    va_start(arguments, format);
    otx__message(message, format, arguments);
    va_end(arguments);
    ctx->log(ctx->log_context, severity, message);
}

/* Reports progress; OTX_ERROR_CANCELLED if the caller wants to stop. */
OTX__PRIVATE otx_result otx__poll(const otx_context *ctx, otx_stage stage,
                                  const char *subject, uint64_t done, uint64_t total,
                                  otx_error *error)
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

/* More threads than any machine has of processors end in the runtime's own crash. */
#define OTX__THREADS_MOST 1024

/* Most workers that otx__parallel runs at once. */
OTX__PRIVATE int otx__threads(const otx_context *ctx)
{
    int threads = ctx ? ctx->threads : 0;
#ifdef _OPENMP
    if (threads <= 0 && !(ctx && ctx->parallel_for)) threads = omp_get_max_threads();
#else
    if (!(ctx && ctx->parallel_for)) threads = 1;
#endif
    if (threads > OTX__THREADS_MOST) return OTX__THREADS_MOST;
    return threads > 0 ? threads : 1;
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
        int threads = (int)otx__min((size_t)otx__threads(ctx), count);
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

/* >>> src/base/hash.h */
/* ---- hash: keyed, for tables whose keys a stranger chooses ------------------- */

/* The key of one table. Who does not know it cannot make keys that fall into one slot. */
typedef struct otx__hash_key {
    uint64_t a, b;
} otx__hash_key;

typedef struct otx__hash_state {
    uint64_t v0, v1, v2, v3;
} otx__hash_state;

OTX__PRIVATE uint64_t otx__rotate(uint64_t x, unsigned by) { return x << by | x >> (64 - by); }

OTX__PRIVATE void otx__hash_round(otx__hash_state *s)
{
    s->v0 += s->v1;
    s->v2 += s->v3;
    s->v1 = otx__rotate(s->v1, 13) ^ s->v0;
    s->v3 = otx__rotate(s->v3, 16) ^ s->v2;
    s->v0 = otx__rotate(s->v0, 32) + s->v3;
    s->v2 += s->v1;
    s->v1 = otx__rotate(s->v1, 17) ^ s->v2;
    s->v3 = otx__rotate(s->v3, 21) ^ s->v0;
    s->v2 = otx__rotate(s->v2, 32);
}

/* Takes in eight bytes. */
OTX__PRIVATE void otx__hash_take(otx__hash_state *s, uint64_t word)
{
    s->v3 ^= word;
    otx__hash_round(s);
    s->v0 ^= word;
}

/* SipHash-1-3 (Aumasson and Bernstein 2012), the same on every byte order. */
OTX__PRIVATE uint64_t otx__hash(otx__hash_key key, const char *bytes, size_t size)
{
    otx__hash_state s;
    uint64_t word = 0;
    size_t i;
    s.v0 = key.a ^ UINT64_C(0x736f6d6570736575);
    s.v1 = key.b ^ UINT64_C(0x646f72616e646f6d);
    s.v2 = key.a ^ UINT64_C(0x6c7967656e657261);
    s.v3 = key.b ^ UINT64_C(0x7465646279746573);
    for (i = 0; i < size; i++) {
        word |= (uint64_t)(unsigned char)bytes[i] << 8 * (i % 8);
        if (i % 8 == 7) {
            otx__hash_take(&s, word);
            word = 0;
        }
    }
    otx__hash_take(&s, word | (uint64_t)size << 56);
    s.v2 ^= 0xff;
    for (i = 0; i < 3; i++) otx__hash_round(&s);
    return s.v0 ^ s.v1 ^ s.v2 ^ s.v3;
}

/* A key for a table in `block`: the caller's secret, if there is one, with what differs
   from run to run where nothing else does, addresses and the clock. */
OTX__PRIVATE otx__hash_key otx__hash_key_for(const otx_context *ctx, const void *block)
{
    otx__hash_key key = {0, 0};
    double now = otx__now();
    uint64_t parts[4];
    if (ctx) {
        key.a = ctx->hash_key[0];
        key.b = ctx->hash_key[1];
    }
    parts[0] = (uint64_t)(uintptr_t)block;
    parts[1] = (uint64_t)(uintptr_t)&key;
    memcpy(&parts[2], &now, sizeof now);
    parts[3] = 0;
    key.a = otx__hash(key, (const char *)parts, sizeof parts);
    parts[3] = 1;
    key.b = otx__hash(key, (const char *)parts, sizeof parts);
    return key;
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

OTX__PRIVATE const otx__dtype_info *otx__find_dtype(otx_dtype dtype)
{
    static const otx__dtype_info table[OTX_DTYPE_COUNT] = {
        {NULL, 0},
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
    const otx__dtype_info *info = otx__find_dtype(dtype);
    return info ? info->name : NULL;
}

OTX_API unsigned otx_dtype_bits(otx_dtype dtype)
{
    const otx__dtype_info *info = otx__find_dtype(dtype);
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
        result = otx__poll(watch->ctx, watch->stage, NULL, watch->done, watch->total, error);
    }
    return result;
}

/* >>> src/files/chapter.h */
/* ==== files: formats, on memory and streams ==== */

/* Knows JSON and safetensors as their specifications have them, and nothing of what a model
   keeps in them; nothing of paths either: bytes come from memory or an otx_source, and go to
   an otx_sink.
   Everything is untrusted: every size is checked before it is used, nothing recurses, memory
   stays in proportion to the input.
   Hides spans and nodes behind numbers (step through them with otx_json_iter, never by
   hand), a header behind a table of tensors.
   A parsed JSON refers to the caller's text, which must outlive it, and an edit to the parsed
   JSON; a safetensors header owns its strings in one block, and refers to no source.
   Read json_values.h first, then tensors.h. A new format is a room of its own here, and
   learns nothing of models.

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
        otx__format(problem, size, "the text ends, expected %s", expected);
    else if (p->size - p->at >= 3 && memcmp(p->text + p->at, "\xef\xbb\xbf", 3) == 0)
        otx__format(problem, size, "found a byte order mark, expected %s", expected);
    else if (byte > 0x20 && byte < 0x7f)
        otx__format(problem, size, "found '%c', expected %s", (int)byte, expected);
    else
        otx__format(problem, size, "found byte 0x%02x, expected %s", byte, expected);
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
            return otx__fail_array(p->error, (uint64_t)json->count * 2, sizeof *json->nodes);
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
    if (!sorted) return otx__fail_array(error, count, sizeof *sorted);
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
        length += otx__format(to + length, capacity - length, "%s%" PRIu64, i ? ", " : "",
                                   shape[i]);
    otx__format(to + length, capacity - length, "%s", i < rank ? ", ...]" : "]");
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
    otx__format(text, sizeof text, "(%s %s) %s", otx_dtype_name(tensor->dtype),
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
    int dtype = OTX_DTYPE_NONE + 1;
    otx_result result = otx__header_entry(h, key, value, &entry);
    if (result) return result;
    while (dtype < OTX_DTYPE_COUNT &&
           !otx_json_equals(h->json, entry.dtype, otx_dtype_name((otx_dtype)dtype)))
        dtype++;
    if (dtype == OTX_DTYPE_COUNT) {
        char quoted[OTX__QUOTED], problem[OTX__QUOTED + 40];
        otx__format(problem, sizeof problem, "has an unknown dtype, \"%s\"",
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
            otx__format(problem, sizeof problem, "has data_offsets [%" PRIu64 ", %" PRIu64
                           "], but the bytes before it end at %" PRIu64,
                           tensor->begin, tensor->end, end);
            wrong = problem;
        } else if (!wrong && tensor->end - tensor->begin != bytes) {
            otx__format(problem, sizeof problem, "takes %" PRIu64 " bytes, but its "
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
        result = otx__fail_array(error, count, sizeof *out->offsets);
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
   Hides each source behind one reader: three functions and a few facts in a table (parse.h).
   A reader hands out tokens one by one, twice: to be counted, then to be kept; what all
   sources share (added tokens, roles, spelling, errors) is done once, outside.
   A vocabulary owns its tokens and their bytes in one block; while it is read, the texts and
   the parsed JSON belong to otx__tokenizer, which goes when it is done.
   Read known.h for names, token_table.h for the result, then reader.h, then one of the
   sources.
   To add a source: its kind to otx_vocab_file (api/vocab.h), the names of its files to
   known.h, a room from_*.h with open, next and roles, a row to otx__vocab_readers in parse.h;
   to the tests, a fuzz target, a case in test_sources.c, and the loader to hold it to in
   vocab_sources.py.

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
        return otx__fail_array(error, tokens, sizeof(otx_token));
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

/* A hash table of ids, by (kind, bytes) or by content. The hash is keyed, so that no file
   can be made whose tokens all fall into one slot; what is found does not depend on it. */
typedef struct otx__token_index {
    const otx_token *tokens;
    uint32_t *slots; /* id + 1, or 0; a power of two of them */
    size_t slot_count;
    otx__hash_key key;
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
    if (!index->slots) return otx__fail_array(error, slots, sizeof *index->slots);
    index->tokens = tokens;
    index->slot_count = slots;
    index->key = otx__hash_key_for(ctx, index->slots);
    index->by_content = by_content;
    return OTX_OK;
}

OTX__PRIVATE void otx__index_close(const otx_context *ctx, otx__token_index *index)
{
    otx__free(ctx, index->slots, index->slot_count, sizeof *index->slots);
    memset(index, 0, sizeof *index);
}

/* The slot that holds such a token, or the empty one where it would go. */
OTX__PRIVATE uint32_t *otx__index_slot(const otx__token_index *index, otx_token_kind kind,
                                       const char *bytes, size_t size)
{
    const size_t mask = index->slot_count - 1;
    size_t at;
    if (index->by_content) kind = OTX_TOKEN_NONE;
    at = ((size_t)otx__hash(index->key, bytes, size) + (size_t)kind) & mask;
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
    for (i = 0; i < count; i++)
        t->fallback[roles[i].role] = otx__find_text(t, roles[i].content);
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
        otx__format(name, sizeof name, "%.*s/%s", (int)(slash - t->name), t->name, other);
    else
        otx__format(name, sizeof name, "%.*s: %s", (int)otx__utf8_cut(t->name, 400), t->name,
                    other);
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
    if (!list->tokens) return otx__fail_array(t->error, count, sizeof *list->tokens);
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
    word->size = otx__format(t->scratch, 40, "<SPECIAL_%" PRIu64 ">", t->position);
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
    otx__format(fast, sizeof fast, "%sFast", name);
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
    otx__format(name, sizeof name, "<0x%02X>", (unsigned)byte);
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
    otx__format(t->scratch, 40, "<extra_id_%" PRIu64 ">", t->extra_ids - 1 - place);
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
    if (census.ids + extra > SIZE_MAX)
        return otx__fail_array(t->error, census.ids + extra, sizeof(otx_token));
    if (census.bytes > SIZE_MAX) return otx__fail_memory(t->error, census.bytes);
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
    if (!out->rows) return otx__fail_array(error, rows, sizeof *out->rows);
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
     kernels    the table of kernels, and what all versions share
     scalar     the reference
     sse2       the operations of 128-bit x86, and what each does
     neon       those of 64-bit Arm
     wasm       those of WebAssembly's SIMD128
     avx2       those of 256-bit x86, with FMA
     vectors    body.h by the operations of 128 bits and by those of 256
     avx_vnni   AVX2, and products of integers
     neon_bf16  NEON, and products of matrices
     avx512     512-bit x86, by hand
     amx        tiles of x86, beside AVX-512
     dispatch   which of them this machine can run */

/* >>> src/simd/kernels.h */
/* ---- kernels: the table of them, and what all versions share ---------------- */

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

/* Microsoft's own compiler: it has every instruction in every function, and Clang in its
   place, which knows attributes, does not. */
#if defined(_MSC_VER) && !defined(__clang__)
#define OTX__MSVC
#endif

/* Processors. ARM64EC, Arm code that x86 code can call, names itself x86 as well. */
#if defined(__x86_64__) || (defined(_M_X64) && !defined(_M_ARM64EC))
#define OTX__X86_64
#endif
#if defined(OTX__X86_64) || defined(__i386__) || defined(_M_IX86)
#define OTX__X86
#endif

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
#elif defined(OTX__MSVC) && defined(OTX__X86)
#include <intrin.h>
#define OTX__PREFETCH(at) _mm_prefetch((const char *)(at), _MM_HINT_T1)
#else
#define OTX__PREFETCH(at) ((void)(at))
#endif

/* Targets between asking for the lines of one in a scan and using them. They lie
   anywhere in the tile, so no processor foresees them. */
#define OTX__PREFETCH_TARGETS 4

/* The atoms to ask for while `target` is scanned; those behind its count are
   atoms of before, and harmless. */
OTX__PRIVATE const uint32_t *otx__scan_ahead(const otx__scan *scan, size_t target)
{
    return scan->atoms + otx__min(target + OTX__PREFETCH_TARGETS, scan->targets - 1) * scan->pitch;
}

/* The address of element `first` of a row. */
OTX__PRIVATE const char *otx__row_at(otx__row row, size_t first)
{
    return (const char *)row.data + first * (row.bf16 ? 2 : 4);
}

/* Two 16-bit or four 8-bit numbers as one of 32 bits, to be copied across a register. */
OTX__INLINE int32_t otx__int32_at(const void *at)
{
    int32_t value;
    memcpy(&value, at, sizeof value);
    return value;
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
/* ---- sse2: the operations of 128-bit x86, the baseline of x86-64 --------------- */

/* Of the sets of 128 bits (this, NEON, WebAssembly's) a build has one at most, so that all
   go by the same names. */
#if !defined(OTX_NO_SIMD) && defined(OTX__X86) &&                                        \
    (defined(__clang__) || (defined(__GNUC__) && __GNUC__ >= 5 && !defined(__TINYC__)) || \
     (defined(_MSC_VER) && _MSC_VER >= 1900))
#define OTX__SSE2
#define OTX__128_ISA OTX_ISA_SSE2

#include <immintrin.h>

#ifdef OTX__MSVC
#define OTX__128_KERNEL OTX__PRIVATE
#define OTX__128_INLINE OTX__INLINE
#else
#define OTX__128_KERNEL __attribute__((target("sse2"))) OTX__PRIVATE
#define OTX__128_INLINE __attribute__((target("sse2"))) OTX__INLINE
#endif

/* What body.h is written in, and every set has. Registers, of floats, doubles and integers
   of 32 bits: */
typedef __m128 otx__floats_128;
typedef __m128d otx__doubles_128;
typedef __m128i otx__ints_128;
#define OTX__128_WIDTH 4  /* floats in one */
#define OTX__128_ACROSS 2 /* of a that a chain takes: there are four sums of each */
#define OTX__128_SUMS 8   /* of integers that a scan may fill */
#define OTX__128_ROWS 1   /* rows whose 16 sums of doubles fill eight */

/* Floats. sum + a b, sum - a b and a b - sum may be rounded once or twice. */
#define OTX__128_LOAD(at) _mm_loadu_ps(at)
#define OTX__128_STORE(at, a) _mm_storeu_ps(at, a)
#define OTX__128_SPLAT(number) _mm_set1_ps(number)
#define OTX__128_ADD(a, b) _mm_add_ps(a, b)
#define OTX__128_MUL(a, b) _mm_mul_ps(a, b)
#define OTX__128_MAX(a, b) _mm_max_ps(a, b)
#define OTX__128_ABS(a) _mm_andnot_ps(_mm_set1_ps(-0.0f), a)
#define OTX__128_ADD_PRODUCT(sum, a, b) _mm_add_ps(sum, _mm_mul_ps(a, b))
#define OTX__128_SUB_PRODUCT(sum, a, b) _mm_sub_ps(sum, _mm_mul_ps(a, b))
#define OTX__128_PRODUCT_SUB(a, b, sum) _mm_sub_ps(_mm_mul_ps(a, b), sum)
/* sum + a b[i], of four floats b. */
#define OTX__128_ADD_BY(sum, a, b, i) _mm_add_ps(sum, _mm_mul_ps(a, _mm_set1_ps((b)[i])))
/* Whether any of a is above b; those of a that are not below b, a bit each. */
#define OTX__128_ANY_ABOVE(a, b) _mm_movemask_ps(_mm_cmpgt_ps(a, b))
#define OTX__128_NOT_BELOW(a, b) (uint32_t)_mm_movemask_ps(_mm_cmpge_ps(a, b))
/* As otx__packed, the atoms `first` and following. */
#define OTX__128_PACK(a, first)                                               \
    _mm_or_ps(_mm_andnot_ps(_mm_castsi128_ps(_mm_set1_epi32(OTX__TILE - 1)), a), \
              _mm_castsi128_ps(_mm_add_epi32(_mm_setr_epi32(0, 1, 2, 3), _mm_set1_epi32(first))))

/* Floats from floats at any address, bf16, 16-bit integers, and a register of integers. */
#define OTX__128_FLOATS_AT(at) _mm_loadu_ps((const float *)(const void *)(at))
#define OTX__128_OF_BF16(at) \
    _mm_castsi128_ps(_mm_unpacklo_epi16(_mm_setzero_si128(), otx__half_128(at)))
#define OTX__128_OF_INT16(at) \
    _mm_cvtepi32_ps(_mm_srai_epi32(_mm_unpacklo_epi16(otx__half_128(at), otx__half_128(at)), 16))
#define OTX__128_OF_INTS(a) _mm_cvtepi32_ps(a)

/* Integers. LOW and HIGH of two columns of 16-bit numbers are what ADD_PAIR takes, each of
   them; FIRST and SECOND of two sums so made have the atoms in order. */
#define OTX__128_SPLAT_INT(number) _mm_set1_epi32(number)
#define OTX__128_LOAD_INTS(at) _mm_loadu_si128((const __m128i *)(const void *)(at))
#define OTX__128_LOW(column0, column1) _mm_unpacklo_epi16(column0, column1)
#define OTX__128_HIGH(column0, column1) _mm_unpackhi_epi16(column0, column1)
#define OTX__128_FIRST(low, high) (low)
#define OTX__128_SECOND(low, high) (high)

/* Doubles. The first is of exact products, or else rounds twice; the second always does. */
#define OTX__128_LOAD64(at) _mm_loadu_pd(at)
#define OTX__128_STORE64(at, a) _mm_storeu_pd(at, a)
#define OTX__128_SPLAT64(number) _mm_set1_pd(number)
#define OTX__128_ADD_PRODUCT64(sum, a, b, exact) ((void)(exact), _mm_add_pd(sum, _mm_mul_pd(a, b)))
#define OTX__128_SUB_PRODUCT64(sum, a, b) _mm_sub_pd(sum, _mm_mul_pd(a, b))
#define OTX__128_LOW64(a) _mm_cvtps_pd(a)
#define OTX__128_HIGH64(a) _mm_cvtps_pd(_mm_movehl_ps(a, a))

OTX__128_INLINE __m128i otx__half_128(const void *at)
{
    return _mm_loadl_epi64((const __m128i *)at);
}

/* The largest number of a register, and the sum of all. */
OTX__128_INLINE float otx__largest_128(__m128 a)
{
    a = _mm_max_ps(a, _mm_movehl_ps(a, a));
    return _mm_cvtss_f32(_mm_max_ss(a, _mm_shuffle_ps(a, a, 1)));
}

OTX__128_INLINE float otx__total_128(__m128 a)
{
    a = _mm_add_ps(a, _mm_movehl_ps(a, a));
    return _mm_cvtss_f32(_mm_add_ss(a, _mm_shuffle_ps(a, a, 1)));
}

/* Adds two columns, each times one of two 16-bit steps. */
OTX__128_INLINE void otx__add_pair_128(__m128i sums[2], const __m128i pair[2], __m128i steps)
{
    sums[0] = _mm_add_epi32(sums[0], _mm_madd_epi16(pair[0], steps));
    sums[1] = _mm_add_epi32(sums[1], _mm_madd_epi16(pair[1], steps));
}

#endif /* OTX__SSE2 */

/* >>> src/simd/neon.h */
/* ---- neon: the operations of 64-bit Arm --------------------------------------- */

/* Little-endian only: lanes of a big-endian load stand in another order. Microsoft's own
   compiler should build this, and has never been tried. */
#if !defined(OTX_NO_SIMD) &&                                                     \
    ((defined(__aarch64__) && defined(__ARM_NEON) && !defined(__AARCH64EB__)) || \
     (defined(OTX__MSVC) && (defined(_M_ARM64) || defined(_M_ARM64EC))))
#define OTX__NEON
#define OTX__128_ISA OTX_ISA_NEON

#ifdef OTX__MSVC
#include <arm64_neon.h>
#else
#include <arm_neon.h>
#endif

#define OTX__128_KERNEL OTX__PRIVATE
#define OTX__128_INLINE OTX__INLINE

/* sse2.h says what each does. */
typedef float32x4_t otx__floats_128;
typedef float64x2_t otx__doubles_128;
typedef int32x4_t otx__ints_128;
#define OTX__128_WIDTH 4
#define OTX__128_ACROSS 4
#define OTX__128_SUMS 12
#define OTX__128_ROWS 1

#define OTX__128_LOAD(at) vld1q_f32(at)
#define OTX__128_STORE(at, a) vst1q_f32(at, a)
#define OTX__128_SPLAT(number) vdupq_n_f32(number)
#define OTX__128_ADD(a, b) vaddq_f32(a, b)
#define OTX__128_MUL(a, b) vmulq_f32(a, b)
#define OTX__128_MAX(a, b) vmaxq_f32(a, b)
#define OTX__128_ABS(a) vabsq_f32(a)
#define OTX__128_ADD_PRODUCT(sum, a, b) vfmaq_f32(sum, a, b)
#define OTX__128_SUB_PRODUCT(sum, a, b) vfmsq_f32(sum, a, b)
#define OTX__128_PRODUCT_SUB(a, b, sum) vnegq_f32(vfmsq_f32(sum, a, b))
#define OTX__128_ADD_BY(sum, a, b, i) vfmaq_laneq_f32(sum, a, vld1q_f32(b), i)
#define OTX__128_ANY_ABOVE(a, b) vmaxvq_u32(vcgtq_f32(a, b))
#define OTX__128_NOT_BELOW(a, b) vaddvq_u32(vandq_u32(vcgeq_f32(a, b), otx__numbers_128(1)))
#define OTX__128_PACK(a, first)                                                          \
    vreinterpretq_f32_u32(                                                               \
        vorrq_u32(vbicq_u32(vreinterpretq_u32_f32(a), vdupq_n_u32(OTX__TILE - 1)),         \
                  vaddq_u32(otx__numbers_128(0), vdupq_n_u32((uint32_t)(first)))))

#define OTX__128_FLOATS_AT(at) vreinterpretq_f32_u8(vld1q_u8((const uint8_t *)(at)))
#define OTX__128_OF_BF16(at) \
    vreinterpretq_f32_u32(vshll_n_u16(vreinterpret_u16_u8(vld1_u8((const uint8_t *)(at))), 16))
#define OTX__128_OF_INT16(at) vcvtq_f32_s32(vmovl_s16(vld1_s16(at)))
#define OTX__128_OF_INTS(a) vcvtq_f32_s32(a)

/* A column can be multiplied by a number: pairs are just the columns. */
#define OTX__128_SPLAT_INT(number) vdupq_n_s32(number)
#define OTX__128_LOAD_INTS(at) vreinterpretq_s32_s16(vld1q_s16(at))
#define OTX__128_LOW(column0, column1) (column0)
#define OTX__128_HIGH(column0, column1) (column1)
#define OTX__128_FIRST(low, high) (low)
#define OTX__128_SECOND(low, high) (high)

#define OTX__128_LOAD64(at) vld1q_f64(at)
#define OTX__128_STORE64(at, a) vst1q_f64(at, a)
#define OTX__128_SPLAT64(number) vdupq_n_f64(number)
#define OTX__128_ADD_PRODUCT64(sum, a, b, exact) \
    ((exact) ? vfmaq_f64(sum, a, b) : vaddq_f64(sum, vmulq_f64(a, b)))
#define OTX__128_SUB_PRODUCT64(sum, a, b) vsubq_f64(sum, vmulq_f64(a, b))
#define OTX__128_LOW64(a) vcvt_f64_f32(vget_low_f32(a))
#define OTX__128_HIGH64(a) vcvt_high_f64_f32(a)

/* 0 to 3, or with 1 the bits of 1, 2, 4 and 8. */
OTX__128_INLINE uint32x4_t otx__numbers_128(int bits)
{
    static const uint32_t numbers[2][4] = {{0, 1, 2, 3}, {1, 2, 4, 8}};
    return vld1q_u32(numbers[bits]);
}

OTX__128_INLINE float otx__largest_128(float32x4_t a) { return vmaxvq_f32(a); }

OTX__128_INLINE float otx__total_128(float32x4_t a) { return vaddvq_f32(a); }

OTX__128_INLINE void otx__add_pair_128(int32x4_t sums[2], const int32x4_t pair[2],
                                       int32x4_t steps)
{
    int16x8_t column0 = vreinterpretq_s16_s32(pair[0]), column1 = vreinterpretq_s16_s32(pair[1]);
    int16x4_t two = vreinterpret_s16_s32(vget_low_s32(steps));
    sums[0] = vmlal_lane_s16(sums[0], vget_low_s16(column0), two, 0);
    sums[1] = vmlal_high_lane_s16(sums[1], column0, two, 0);
    sums[0] = vmlal_lane_s16(sums[0], vget_low_s16(column1), two, 1);
    sums[1] = vmlal_high_lane_s16(sums[1], column1, two, 1);
}

#endif /* OTX__NEON */

/* >>> src/simd/wasm.h */
/* ---- wasm: the operations of WebAssembly with SIMD128 ------------------------- */

/* Chosen when compiling: a module with these instructions loads only where they are
   known. */
#if !defined(OTX_NO_SIMD) && defined(__wasm_simd128__)
#define OTX__WASM
#define OTX__128_ISA OTX_ISA_WASM

#include <wasm_simd128.h>

#define OTX__128_KERNEL OTX__PRIVATE
#define OTX__128_INLINE OTX__INLINE

/* sse2.h says what each does. */
typedef v128_t otx__floats_128, otx__doubles_128, otx__ints_128;
#define OTX__128_WIDTH 4
#define OTX__128_ACROSS 2
#define OTX__128_SUMS 8
#define OTX__128_ROWS 1

#define OTX__128_LOAD(at) wasm_v128_load(at)
#define OTX__128_STORE(at, a) wasm_v128_store(at, a)
#define OTX__128_SPLAT(number) wasm_f32x4_splat(number)
#define OTX__128_ADD(a, b) wasm_f32x4_add(a, b)
#define OTX__128_MUL(a, b) wasm_f32x4_mul(a, b)
#define OTX__128_MAX(a, b) wasm_f32x4_max(a, b)
#define OTX__128_ABS(a) wasm_f32x4_abs(a)
#define OTX__128_ADD_PRODUCT(sum, a, b) wasm_f32x4_add(sum, wasm_f32x4_mul(a, b))
#define OTX__128_SUB_PRODUCT(sum, a, b) wasm_f32x4_sub(sum, wasm_f32x4_mul(a, b))
#define OTX__128_PRODUCT_SUB(a, b, sum) wasm_f32x4_sub(wasm_f32x4_mul(a, b), sum)
#define OTX__128_ADD_BY(sum, a, b, i) \
    wasm_f32x4_add(sum, wasm_f32x4_mul(a, wasm_v128_load32_splat((b) + (i))))
#define OTX__128_ANY_ABOVE(a, b) wasm_v128_any_true(wasm_f32x4_gt(a, b))
#define OTX__128_NOT_BELOW(a, b) (uint32_t)wasm_i32x4_bitmask(wasm_f32x4_ge(a, b))
#define OTX__128_PACK(a, first)                                        \
    wasm_v128_or(wasm_v128_andnot(a, wasm_i32x4_splat(OTX__TILE - 1)), \
                 wasm_i32x4_add(wasm_i32x4_make(0, 1, 2, 3), wasm_i32x4_splat(first)))

#define OTX__128_FLOATS_AT(at) wasm_v128_load(at)
#define OTX__128_OF_BF16(at) wasm_i32x4_shl(wasm_u32x4_load16x4(at), 16)
#define OTX__128_OF_INT16(at) wasm_f32x4_convert_i32x4(wasm_i32x4_load16x4(at))
#define OTX__128_OF_INTS(a) wasm_f32x4_convert_i32x4(a)

#define OTX__128_SPLAT_INT(number) wasm_i32x4_splat(number)
#define OTX__128_LOAD_INTS(at) wasm_v128_load(at)
#define OTX__128_LOW(column0, column1) \
    wasm_i16x8_shuffle(column0, column1, 0, 8, 1, 9, 2, 10, 3, 11)
#define OTX__128_HIGH(column0, column1) \
    wasm_i16x8_shuffle(column0, column1, 4, 12, 5, 13, 6, 14, 7, 15)
#define OTX__128_FIRST(low, high) (low)
#define OTX__128_SECOND(low, high) (high)

#define OTX__128_LOAD64(at) wasm_v128_load(at)
#define OTX__128_STORE64(at, a) wasm_v128_store(at, a)
#define OTX__128_SPLAT64(number) wasm_f64x2_splat(number)
#define OTX__128_ADD_PRODUCT64(sum, a, b, exact) \
    ((void)(exact), wasm_f64x2_add(sum, wasm_f64x2_mul(a, b)))
#define OTX__128_SUB_PRODUCT64(sum, a, b) wasm_f64x2_sub(sum, wasm_f64x2_mul(a, b))
#define OTX__128_LOW64(a) wasm_f64x2_promote_low_f32x4(a)
#define OTX__128_HIGH64(a) wasm_f64x2_promote_low_f32x4(wasm_i64x2_shuffle(a, a, 1, 1))

OTX__128_INLINE float otx__largest_128(v128_t a)
{
    a = wasm_f32x4_max(a, wasm_i32x4_shuffle(a, a, 2, 3, 0, 1));
    a = wasm_f32x4_max(a, wasm_i32x4_shuffle(a, a, 1, 0, 3, 2));
    return wasm_f32x4_extract_lane(a, 0);
}

OTX__128_INLINE float otx__total_128(v128_t a)
{
    a = wasm_f32x4_add(a, wasm_i32x4_shuffle(a, a, 2, 3, 0, 1));
    a = wasm_f32x4_add(a, wasm_i32x4_shuffle(a, a, 1, 0, 3, 2));
    return wasm_f32x4_extract_lane(a, 0);
}

OTX__128_INLINE void otx__add_pair_128(v128_t sums[2], const v128_t pair[2], v128_t steps)
{
    sums[0] = wasm_i32x4_add(sums[0], wasm_i32x4_dot_i16x8(pair[0], steps));
    sums[1] = wasm_i32x4_add(sums[1], wasm_i32x4_dot_i16x8(pair[1], steps));
}

#endif /* OTX__WASM */

/* >>> src/simd/avx2.h */
/* ---- avx2: the operations of 256-bit x86 (AVX2, FMA) -------------------------- */

#ifdef OTX__SSE2
#define OTX__AVX2

#ifdef OTX__MSVC
#define OTX__256_KERNEL OTX__PRIVATE
#define OTX__256_INLINE OTX__INLINE
#else
#define OTX__256_KERNEL __attribute__((target("avx2,fma"))) OTX__PRIVATE
#define OTX__256_INLINE __attribute__((target("avx2,fma"))) OTX__INLINE
#endif

/* sse2.h says what each does. */
typedef __m256 otx__floats_256;
typedef __m256d otx__doubles_256;
typedef __m256i otx__ints_256;
#define OTX__256_WIDTH 8
#define OTX__256_ACROSS 2
#define OTX__256_SUMS 8
#define OTX__256_ROWS 2

#define OTX__256_LOAD(at) _mm256_loadu_ps(at)
#define OTX__256_STORE(at, a) _mm256_storeu_ps(at, a)
#define OTX__256_SPLAT(number) _mm256_set1_ps(number)
#define OTX__256_ADD(a, b) _mm256_add_ps(a, b)
#define OTX__256_MUL(a, b) _mm256_mul_ps(a, b)
#define OTX__256_MAX(a, b) _mm256_max_ps(a, b)
#define OTX__256_ABS(a) _mm256_andnot_ps(_mm256_set1_ps(-0.0f), a)
#define OTX__256_ADD_PRODUCT(sum, a, b) _mm256_fmadd_ps(a, b, sum)
#define OTX__256_SUB_PRODUCT(sum, a, b) _mm256_fnmadd_ps(a, b, sum)
#define OTX__256_PRODUCT_SUB(a, b, sum) _mm256_fmsub_ps(a, b, sum)
#define OTX__256_ADD_BY(sum, a, b, i) _mm256_fmadd_ps(a, _mm256_broadcast_ss((b) + (i)), sum)
#define OTX__256_ANY_ABOVE(a, b) _mm256_movemask_ps(_mm256_cmp_ps(a, b, _CMP_GT_OQ))
#define OTX__256_NOT_BELOW(a, b) (uint32_t)_mm256_movemask_ps(_mm256_cmp_ps(a, b, _CMP_GE_OQ))
#define OTX__256_PACK(a, first)                                                              \
    _mm256_or_ps(_mm256_andnot_ps(_mm256_castsi256_ps(_mm256_set1_epi32(OTX__TILE - 1)), a), \
                 _mm256_castsi256_ps(_mm256_add_epi32(                                       \
                     _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7), _mm256_set1_epi32(first))))

#define OTX__256_FLOATS_AT(at) _mm256_loadu_ps((const float *)(const void *)(at))
#define OTX__256_OF_BF16(at) \
    _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_cvtepu16_epi32(OTX__128_LOAD_INTS(at)), 16))
#define OTX__256_OF_INT16(at) _mm256_cvtepi32_ps(_mm256_cvtepi16_epi32(OTX__128_LOAD_INTS(at)))
#define OTX__256_OF_INTS(a) _mm256_cvtepi32_ps(a)

/* Unpacking works on 128-bit halves. */
#define OTX__256_SPLAT_INT(number) _mm256_set1_epi32(number)
#define OTX__256_LOAD_INTS(at) _mm256_loadu_si256((const __m256i *)(const void *)(at))
#define OTX__256_LOW(column0, column1) _mm256_unpacklo_epi16(column0, column1)
#define OTX__256_HIGH(column0, column1) _mm256_unpackhi_epi16(column0, column1)
#define OTX__256_FIRST(low, high) _mm256_permute2x128_si256(low, high, 0x20)
#define OTX__256_SECOND(low, high) _mm256_permute2x128_si256(low, high, 0x31)

#define OTX__256_LOAD64(at) _mm256_loadu_pd(at)
#define OTX__256_STORE64(at, a) _mm256_storeu_pd(at, a)
#define OTX__256_SPLAT64(number) _mm256_set1_pd(number)
#define OTX__256_ADD_PRODUCT64(sum, a, b, exact) \
    ((exact) ? _mm256_fmadd_pd(a, b, sum) : _mm256_add_pd(sum, _mm256_mul_pd(a, b)))
#define OTX__256_SUB_PRODUCT64(sum, a, b) _mm256_sub_pd(sum, _mm256_mul_pd(a, b))
#define OTX__256_LOW64(a) _mm256_cvtps_pd(_mm256_castps256_ps128(a))
#define OTX__256_HIGH64(a) _mm256_cvtps_pd(_mm256_extractf128_ps(a, 1))

OTX__256_INLINE float otx__largest_256(__m256 a)
{
    return otx__largest_128(_mm_max_ps(_mm256_castps256_ps128(a), _mm256_extractf128_ps(a, 1)));
}

OTX__256_INLINE float otx__total_256(__m256 a)
{
    return otx__total_128(_mm_add_ps(_mm256_castps256_ps128(a), _mm256_extractf128_ps(a, 1)));
}

OTX__256_INLINE void otx__add_pair_256(__m256i sums[2], const __m256i pair[2], __m256i steps)
{
    sums[0] = _mm256_add_epi32(sums[0], _mm256_madd_epi16(pair[0], steps));
    sums[1] = _mm256_add_epi32(sums[1], _mm256_madd_epi16(pair[1], steps));
}

#endif /* OTX__SSE2 */

/* >>> src/simd/vectors.h */
/* ---- vectors: the kernels of body.h, of 128 and of 256 bits --------------------- */

/* amalgamate.sh puts the text of body.h in place of a line that says so. */
#ifdef OTX__128_ISA
/* ---- the kernels, by the operations of the set ---- */

#define OTX__128_TILE (OTX__TILE / OTX__128_WIDTH) /* registers in a tile */

/* One chain of products, for OTX__128_ACROSS registers of a by four rows of b: their sums
   stay in registers. It is put in c, or added to it. */
OTX__128_KERNEL void otx__chain_128(const float *a, const float *b, size_t count, bool add,
                                    float *c)
{
    otx__floats_128 sums[4][OTX__128_ACROSS];
    size_t p, i, j;
    OTX__UNROLL for (i = 0; i < OTX__128_ACROSS; i++)
        sums[0][i] = sums[1][i] = sums[2][i] = sums[3][i] = OTX__128_SPLAT(0.0f);
    for (p = 0; p < count; p++, a += OTX__TILE, b += OTX__TILE) {
        otx__floats_128 x[OTX__128_ACROSS];
        OTX__UNROLL for (i = 0; i < OTX__128_ACROSS; i++)
            x[i] = OTX__128_LOAD(a + OTX__128_WIDTH * i);
        OTX__UNROLL for (i = 0; i < OTX__128_ACROSS; i++)
            sums[0][i] = OTX__128_ADD_BY(sums[0][i], x[i], b, 0);
        OTX__UNROLL for (i = 0; i < OTX__128_ACROSS; i++)
            sums[1][i] = OTX__128_ADD_BY(sums[1][i], x[i], b, 1);
        OTX__UNROLL for (i = 0; i < OTX__128_ACROSS; i++)
            sums[2][i] = OTX__128_ADD_BY(sums[2][i], x[i], b, 2);
        OTX__UNROLL for (i = 0; i < OTX__128_ACROSS; i++)
            sums[3][i] = OTX__128_ADD_BY(sums[3][i], x[i], b, 3);
    }
    OTX__UNROLL for (j = 0; j < 4; j++) {
        OTX__UNROLL for (i = 0; i < OTX__128_ACROSS; i++) {
            float *at = c + j * OTX__TILE + OTX__128_WIDTH * i;
            if (add) sums[j][i] = OTX__128_ADD(sums[j][i], OTX__128_LOAD(at));
            OTX__128_STORE(at, sums[j][i]);
        }
    }
}

OTX__PRIVATE void otx__product_128(const float *a, const float *b, size_t n, bool add, float *c)
{
    size_t i, j;
    for (j = 0; j < OTX__STRIP; j += 4)
        for (i = 0; i < OTX__TILE; i += OTX__128_WIDTH * OTX__128_ACROSS)
            otx__chain_128(a + i, b + j, n, add, c + j * OTX__TILE + i);
}

/* The larger of `best` and the weighted correlations of the atoms from `first`, as
   otx__packed. */
OTX__128_INLINE otx__floats_128 otx__score_128(otx__floats_128 best, const int16_t *start,
                                               otx__ints_128 sum, const float *scales,
                                               const float *common, const float *weight,
                                               int first)
{
    otx__floats_128 value = OTX__128_MUL(OTX__128_OF_INT16(start), OTX__128_SPLAT(scales[0]));
    value = OTX__128_ADD_PRODUCT(value, OTX__128_LOAD(common), OTX__128_SPLAT(scales[1]));
    value = OTX__128_SUB_PRODUCT(value, OTX__128_OF_INTS(sum), OTX__128_SPLAT(scales[2]));
    value = OTX__128_MUL(OTX__128_ABS(value), OTX__128_LOAD(weight));
    return OTX__128_MAX(best, OTX__128_PACK(value, first));
}

/* Adds to two registers of sums the products of two atoms with two steps. */
typedef void (*otx__adder_128)(otx__ints_128 sums[2], const otx__ints_128 pair[2],
                                otx__ints_128 steps);

/* The sums of `sets` supports of one target over `units` units of a tile, two registers of
   sums each, two atoms at a time. sums[set] holds the tile's atoms in order. `add` is known
   where this is inlined, and so is inlined itself. */
OTX__128_INLINE void otx__sums_128(const otx__scan *scan, size_t target, size_t unit,
                                   size_t units, size_t sets, otx__adder_128 add,
                                   otx__ints_128 sums[OTX__SETS][OTX__128_TILE])
{
    const uint32_t *atoms = scan->atoms + target * scan->pitch;
    const int16_t *steps = scan->steps + target * OTX__SETS * scan->pitch;
    const int16_t *gram = scan->gram + 2 * OTX__128_WIDTH * unit;
    const uint32_t *ahead = otx__scan_ahead(scan, target);
    const size_t half = OTX__128_TILE / 4; /* of a tile, in units */
    size_t count = scan->counts[target], j, set, h;
    otx__ints_128 parts[OTX__SETS][4];
    OTX__UNROLL for (set = 0; set < sets; set++)
        OTX__UNROLL for (h = 0; h < 2 * units; h++) parts[set][h] = OTX__128_SPLAT_INT(0);
    for (j = 0; j < count; j += 2) {
        const int16_t *column0 = gram + (size_t)atoms[j] * OTX__TILE;
        const int16_t *column1 = gram + (size_t)atoms[j + 1] * OTX__TILE;
        OTX__UNROLL for (h = 0; h < units; h += half)
            OTX__PREFETCH(gram + (size_t)ahead[j + (unit + h) / half] * OTX__TILE);
        OTX__UNROLL for (h = 0; h < 2 * units; h += 2) {
            otx__ints_128 pair[2], g0 = OTX__128_LOAD_INTS(column0 + OTX__128_WIDTH * h);
            otx__ints_128 g1 = OTX__128_LOAD_INTS(column1 + OTX__128_WIDTH * h);
            pair[0] = OTX__128_LOW(g0, g1);
            pair[1] = OTX__128_HIGH(g0, g1);
            OTX__UNROLL for (set = 0; set < sets; set++) {
                const int16_t *two = steps + j * OTX__SETS + 2 * set;
                add(&parts[set][h], pair, OTX__128_SPLAT_INT(otx__int32_at(two)));
            }
        }
    }
    OTX__UNROLL for (set = 0; set < sets; set++) {
        OTX__UNROLL for (h = 0; h < 2 * units; h += 2) {
            otx__ints_128 low = parts[set][h], high = parts[set][h + 1];
            sums[set][2 * unit + h] = OTX__128_FIRST(low, high);
            sums[set][2 * unit + h + 1] = OTX__128_SECOND(low, high);
        }
    }
}

/* OTX__128_SUMS sums stay in registers. */
OTX__128_INLINE void otx__scan_body_128(const otx__scan *scan, otx__adder_128 add)
{
    const size_t units = OTX__128_TILE / 2, few = OTX__128_SUMS / (2 * OTX__SETS);
    size_t target, set, i;
    for (target = 0; target < scan->targets; target++) {
        const int16_t *start = scan->start + target * OTX__TILE;
        size_t sets = scan->sets[target];
        otx__ints_128 sums[OTX__SETS][OTX__128_TILE];
        if (sets == 1)
            for (i = 0; i < units; i += 2) otx__sums_128(scan, target, i, 2, 1, add, sums);
        else if (sets == 2)
            for (i = 0; i < units; i += 2) otx__sums_128(scan, target, i, 2, 2, add, sums);
        else
            for (i = 0; i < units; i += few)
                otx__sums_128(scan, target, i, few, OTX__SETS, add, sums);
        for (set = 0; set < sets; set++) {
            const float *scales = scan->scales + (target * OTX__SETS + set) * 3;
            otx__floats_128 best = OTX__128_SPLAT(0.0f);
            OTX__UNROLL for (i = 0; i < OTX__128_TILE; i++) {
                const size_t at = OTX__128_WIDTH * i;
                best = otx__score_128(best, start + at, sums[set][i], scales, scan->common + at,
                                       scan->weight + at, (int)at);
            }
            scan->best[set * scan->best_pitch + target] = otx__largest_128(best);
        }
    }
}

OTX__128_KERNEL void otx__scan_128(const otx__scan *scan)
{
    otx__scan_body_128(scan, otx__add_pair_128);
}

OTX__128_KERNEL uint32_t otx__sift_128(const otx__sift *sift, float *least, float *most)
{
    otx__floats_128 high[OTX__128_TILE], mark = OTX__128_SPLAT(*least), lows = mark;
    otx__floats_128 highs = OTX__128_SPLAT(0.0f);
    const otx__floats_128 by = OTX__128_SPLAT(sift->by), along = OTX__128_SPLAT(sift->along);
    const otx__floats_128 bound = OTX__128_SPLAT(sift->bound), rest = OTX__128_SPLAT(sift->rest);
    uint32_t mask = 0;
    size_t i;
    OTX__UNROLL for (i = 0; i < OTX__128_TILE; i++) {
        const size_t at = OTX__128_WIDTH * i;
        otx__floats_128 weight = OTX__128_LOAD(sift->weight + at);
        otx__floats_128 value = OTX__128_LOAD(sift->products + at);
        otx__floats_128 spread = OTX__128_LOAD(sift->error + at);
        value = OTX__128_MUL(OTX__128_MUL(value, OTX__128_LOAD(sift->scale + at)), by);
        value = OTX__128_ADD_PRODUCT(value, OTX__128_LOAD(sift->common + at), along);
        value = OTX__128_ABS(value);
        spread = OTX__128_ADD_PRODUCT(bound, spread, rest);
        spread = OTX__128_ADD_PRODUCT(OTX__128_SPLAT(OTX__SIFT_ROOM), weight, spread);
        lows = OTX__128_MAX(lows, OTX__128_PRODUCT_SUB(weight, value, spread));
        high[i] = OTX__128_ADD_PRODUCT(spread, weight, value);
        highs = OTX__128_MAX(highs, high[i]);
    }
    if (OTX__128_ANY_ABOVE(lows, mark)) {
        *least = otx__largest_128(lows);
        mark = OTX__128_SPLAT(*least);
    }
    OTX__UNROLL for (i = 0; i < OTX__128_TILE; i++)
        mask |= OTX__128_NOT_BELOW(high[i], mark) << OTX__128_WIDTH * i;
    if (mask) *most = otx__largest_128(highs);
    return mask;
}

OTX__128_KERNEL void otx__refine_128(const int16_t *gram, const uint32_t *atoms,
                                     const float *betas, size_t count, float *correlations)
{
    otx__floats_128 values[OTX__128_TILE];
    size_t i, j;
    OTX__UNROLL for (i = 0; i < OTX__128_TILE; i++)
        values[i] = OTX__128_LOAD(correlations + OTX__128_WIDTH * i);
    for (j = 0; j < count; j++) {
        const int16_t *column = gram + (size_t)atoms[j] * OTX__TILE;
        otx__floats_128 beta = OTX__128_SPLAT(betas[j] / 32767.0f);
        OTX__UNROLL for (i = 0; i < OTX__128_TILE; i++) {
            otx__floats_128 wide = OTX__128_OF_INT16(column + OTX__128_WIDTH * i);
            values[i] = OTX__128_SUB_PRODUCT(values[i], beta, wide);
        }
    }
    OTX__UNROLL for (i = 0; i < OTX__128_TILE; i++)
        OTX__128_STORE(correlations + OTX__128_WIDTH * i, values[i]);
}

/* A register of a row's elements. */
OTX__128_INLINE otx__floats_128 otx__row_128(otx__row row, size_t i)
{
    const char *at = otx__row_at(row, i);
    return row.bf16 ? OTX__128_OF_BF16(at) : OTX__128_FLOATS_AT(at);
}

OTX__128_KERNEL void otx__rough_dots_128(const float *a, const otx__row *rows, size_t count,
                                         size_t n, float *out)
{
    const size_t registers = OTX__LANES / OTX__128_WIDTH;
    size_t i, j, h, whole = n - n % OTX__LANES;
    for (j = 0; j < count; j++) {
        otx__floats_128 sums[OTX__LANES / OTX__128_WIDTH];
        OTX__UNROLL for (h = 0; h < registers; h++) sums[h] = OTX__128_SPLAT(0.0f);
        for (i = 0; i < whole; i += OTX__LANES) {
            OTX__UNROLL for (h = 0; h < registers; h++) {
                const size_t at = i + OTX__128_WIDTH * h;
                sums[h] = OTX__128_ADD_PRODUCT(sums[h], OTX__128_LOAD(a + at),
                                                otx__row_128(rows[j], at));
            }
        }
        OTX__UNROLL for (h = 1; h < registers; h++) sums[0] = OTX__128_ADD(sums[0], sums[h]);
        out[j] = otx__total_128(sums[0]);
        for (; i < n; i++) out[j] += a[i] * otx__row_element(rows[j], i);
    }
}

OTX__128_KERNEL void otx__rough_residual_128(float *r, otx__row y, const double *coefficients,
                                             const otx__row *rows, size_t count, size_t n)
{
    size_t i, j, whole = n - n % OTX__128_WIDTH;
    for (i = 0; i < whole; i += OTX__128_WIDTH) OTX__128_STORE(r + i, otx__row_128(y, i));
    for (; i < n; i++) r[i] = otx__row_element(y, i);
    for (j = 0; j < count; j++) {
        float coefficient = (float)coefficients[j];
        otx__floats_128 by = OTX__128_SPLAT(coefficient);
        for (i = 0; i < whole; i += OTX__128_WIDTH) {
            otx__floats_128 value = OTX__128_LOAD(r + i), row = otx__row_128(rows[j], i);
            OTX__128_STORE(r + i, OTX__128_SUB_PRODUCT(value, by, row));
        }
        for (; i < n; i++) r[i] -= coefficient * otx__row_element(rows[j], i);
    }
}

/* A register of a row's elements as two of doubles. */
OTX__128_INLINE void otx__widen_128(otx__row row, size_t i, otx__doubles_128 *low,
                                    otx__doubles_128 *high)
{
    otx__floats_128 values = otx__row_128(row, i);
    *low = OTX__128_LOW64(values);
    *high = OTX__128_HIGH64(values);
}

/* OTX__128_ROWS rows at a time: the sums of their 16 lanes fill eight registers. */
OTX__128_INLINE void otx__dots_body_128(const double *a, const otx__row *rows, size_t count,
                                        size_t n, bool exact, double *out)
{
    const size_t half = OTX__128_WIDTH / 2, registers = OTX__LANES / half;
    size_t first, i, j, h, whole = n - n % OTX__LANES;
    for (first = 0; first < count; first += OTX__128_ROWS) {
        size_t group = otx__min(OTX__128_ROWS, count - first);
        otx__doubles_128 sums[OTX__128_ROWS][2 * OTX__LANES / OTX__128_WIDTH];
        OTX__UNROLL for (j = 0; j < OTX__128_ROWS; j++)
            OTX__UNROLL for (h = 0; h < registers; h++) sums[j][h] = OTX__128_SPLAT64(0.0);
        for (i = 0; i < whole; i += OTX__LANES) {
            OTX__UNROLL for (h = 0; h < registers; h += 2) {
                const size_t at = i + half * h;
                otx__doubles_128 a0 = OTX__128_LOAD64(a + at), b0;
                otx__doubles_128 a1 = OTX__128_LOAD64(a + at + half), b1;
                OTX__UNROLL for (j = 0; j < OTX__128_ROWS; j++) {
                    otx__widen_128(rows[first + (j < group ? j : 0)], at, &b0, &b1);
                    sums[j][h] = OTX__128_ADD_PRODUCT64(sums[j][h], a0, b0, exact);
                    sums[j][h + 1] = OTX__128_ADD_PRODUCT64(sums[j][h + 1], a1, b1, exact);
                }
            }
        }
        for (j = 0; j < group; j++) {
            double lanes[OTX__LANES];
            OTX__UNROLL for (h = 0; h < registers; h++)
                OTX__128_STORE64(lanes + half * h, sums[j][h]);
            otx__dot_lanes(lanes, a, rows[first + j], whole, n);
            out[first + j] = otx__fold_lanes(lanes);
        }
    }
}

OTX__128_KERNEL void otx__dots_128(const double *a, const otx__row *rows, size_t count, size_t n,
                                   double *out)
{
    otx__dots_body_128(a, rows, count, n, false, out);
}

OTX__128_KERNEL void otx__products_128(const double *a, const otx__row *rows, size_t count,
                                       size_t n, double *out)
{
    otx__dots_body_128(a, rows, count, n, true, out);
}

OTX__128_KERNEL void otx__residual_128(double *r, otx__row y, const double *coefficients,
                                       const otx__row *rows, size_t count, size_t n)
{
    const size_t half = OTX__128_WIDTH / 2;
    size_t i, j, whole = n - n % OTX__128_WIDTH;
    for (i = 0; i < whole; i += OTX__128_WIDTH) {
        otx__doubles_128 low, high, b0, b1;
        if (y.data) {
            otx__widen_128(y, i, &low, &high);
        } else {
            low = OTX__128_LOAD64(r + i);
            high = OTX__128_LOAD64(r + i + half);
        }
        for (j = 0; j < count; j++) {
            otx__doubles_128 coefficient = OTX__128_SPLAT64(coefficients[j]);
            otx__widen_128(rows[j], i, &b0, &b1);
            low = OTX__128_SUB_PRODUCT64(low, coefficient, b0);
            high = OTX__128_SUB_PRODUCT64(high, coefficient, b1);
        }
        OTX__128_STORE64(r + i, low);
        OTX__128_STORE64(r + i + half, high);
    }
    otx__residual_elements(r, y, coefficients, rows, count, whole, n);
}

OTX__PRIVATE const otx__kernels otx__kernels_128 = {
    OTX__128_ISA, otx__product_128, NULL, NULL, otx__scan_128, otx__sift_128, otx__refine_128,
    otx__rough_dots_128, otx__rough_residual_128, otx__dots_128, otx__products_128, NULL,
    otx__residual_128};

#endif

#ifdef OTX__AVX2
/* ---- the kernels, by the operations of the set ---- */

#define OTX__256_TILE (OTX__TILE / OTX__256_WIDTH) /* registers in a tile */

/* One chain of products, for OTX__256_ACROSS registers of a by four rows of b: their sums
   stay in registers. It is put in c, or added to it. */
OTX__256_KERNEL void otx__chain_256(const float *a, const float *b, size_t count, bool add,
                                    float *c)
{
    otx__floats_256 sums[4][OTX__256_ACROSS];
    size_t p, i, j;
    OTX__UNROLL for (i = 0; i < OTX__256_ACROSS; i++)
        sums[0][i] = sums[1][i] = sums[2][i] = sums[3][i] = OTX__256_SPLAT(0.0f);
    for (p = 0; p < count; p++, a += OTX__TILE, b += OTX__TILE) {
        otx__floats_256 x[OTX__256_ACROSS];
        OTX__UNROLL for (i = 0; i < OTX__256_ACROSS; i++)
            x[i] = OTX__256_LOAD(a + OTX__256_WIDTH * i);
        OTX__UNROLL for (i = 0; i < OTX__256_ACROSS; i++)
            sums[0][i] = OTX__256_ADD_BY(sums[0][i], x[i], b, 0);
        OTX__UNROLL for (i = 0; i < OTX__256_ACROSS; i++)
            sums[1][i] = OTX__256_ADD_BY(sums[1][i], x[i], b, 1);
        OTX__UNROLL for (i = 0; i < OTX__256_ACROSS; i++)
            sums[2][i] = OTX__256_ADD_BY(sums[2][i], x[i], b, 2);
        OTX__UNROLL for (i = 0; i < OTX__256_ACROSS; i++)
            sums[3][i] = OTX__256_ADD_BY(sums[3][i], x[i], b, 3);
    }
    OTX__UNROLL for (j = 0; j < 4; j++) {
        OTX__UNROLL for (i = 0; i < OTX__256_ACROSS; i++) {
            float *at = c + j * OTX__TILE + OTX__256_WIDTH * i;
            if (add) sums[j][i] = OTX__256_ADD(sums[j][i], OTX__256_LOAD(at));
            OTX__256_STORE(at, sums[j][i]);
        }
    }
}

OTX__PRIVATE void otx__product_256(const float *a, const float *b, size_t n, bool add, float *c)
{
    size_t i, j;
    for (j = 0; j < OTX__STRIP; j += 4)
        for (i = 0; i < OTX__TILE; i += OTX__256_WIDTH * OTX__256_ACROSS)
            otx__chain_256(a + i, b + j, n, add, c + j * OTX__TILE + i);
}

/* The larger of `best` and the weighted correlations of the atoms from `first`, as
   otx__packed. */
OTX__256_INLINE otx__floats_256 otx__score_256(otx__floats_256 best, const int16_t *start,
                                               otx__ints_256 sum, const float *scales,
                                               const float *common, const float *weight,
                                               int first)
{
    otx__floats_256 value = OTX__256_MUL(OTX__256_OF_INT16(start), OTX__256_SPLAT(scales[0]));
    value = OTX__256_ADD_PRODUCT(value, OTX__256_LOAD(common), OTX__256_SPLAT(scales[1]));
    value = OTX__256_SUB_PRODUCT(value, OTX__256_OF_INTS(sum), OTX__256_SPLAT(scales[2]));
    value = OTX__256_MUL(OTX__256_ABS(value), OTX__256_LOAD(weight));
    return OTX__256_MAX(best, OTX__256_PACK(value, first));
}

/* Adds to two registers of sums the products of two atoms with two steps. */
typedef void (*otx__adder_256)(otx__ints_256 sums[2], const otx__ints_256 pair[2],
                                otx__ints_256 steps);

/* The sums of `sets` supports of one target over `units` units of a tile, two registers of
   sums each, two atoms at a time. sums[set] holds the tile's atoms in order. `add` is known
   where this is inlined, and so is inlined itself. */
OTX__256_INLINE void otx__sums_256(const otx__scan *scan, size_t target, size_t unit,
                                   size_t units, size_t sets, otx__adder_256 add,
                                   otx__ints_256 sums[OTX__SETS][OTX__256_TILE])
{
    const uint32_t *atoms = scan->atoms + target * scan->pitch;
    const int16_t *steps = scan->steps + target * OTX__SETS * scan->pitch;
    const int16_t *gram = scan->gram + 2 * OTX__256_WIDTH * unit;
    const uint32_t *ahead = otx__scan_ahead(scan, target);
    const size_t half = OTX__256_TILE / 4; /* of a tile, in units */
    size_t count = scan->counts[target], j, set, h;
    otx__ints_256 parts[OTX__SETS][4];
    OTX__UNROLL for (set = 0; set < sets; set++)
        OTX__UNROLL for (h = 0; h < 2 * units; h++) parts[set][h] = OTX__256_SPLAT_INT(0);
    for (j = 0; j < count; j += 2) {
        const int16_t *column0 = gram + (size_t)atoms[j] * OTX__TILE;
        const int16_t *column1 = gram + (size_t)atoms[j + 1] * OTX__TILE;
        OTX__UNROLL for (h = 0; h < units; h += half)
            OTX__PREFETCH(gram + (size_t)ahead[j + (unit + h) / half] * OTX__TILE);
        OTX__UNROLL for (h = 0; h < 2 * units; h += 2) {
            otx__ints_256 pair[2], g0 = OTX__256_LOAD_INTS(column0 + OTX__256_WIDTH * h);
            otx__ints_256 g1 = OTX__256_LOAD_INTS(column1 + OTX__256_WIDTH * h);
            pair[0] = OTX__256_LOW(g0, g1);
            pair[1] = OTX__256_HIGH(g0, g1);
            OTX__UNROLL for (set = 0; set < sets; set++) {
                const int16_t *two = steps + j * OTX__SETS + 2 * set;
                add(&parts[set][h], pair, OTX__256_SPLAT_INT(otx__int32_at(two)));
            }
        }
    }
    OTX__UNROLL for (set = 0; set < sets; set++) {
        OTX__UNROLL for (h = 0; h < 2 * units; h += 2) {
            otx__ints_256 low = parts[set][h], high = parts[set][h + 1];
            sums[set][2 * unit + h] = OTX__256_FIRST(low, high);
            sums[set][2 * unit + h + 1] = OTX__256_SECOND(low, high);
        }
    }
}

/* OTX__256_SUMS sums stay in registers. */
OTX__256_INLINE void otx__scan_body_256(const otx__scan *scan, otx__adder_256 add)
{
    const size_t units = OTX__256_TILE / 2, few = OTX__256_SUMS / (2 * OTX__SETS);
    size_t target, set, i;
    for (target = 0; target < scan->targets; target++) {
        const int16_t *start = scan->start + target * OTX__TILE;
        size_t sets = scan->sets[target];
        otx__ints_256 sums[OTX__SETS][OTX__256_TILE];
        if (sets == 1)
            for (i = 0; i < units; i += 2) otx__sums_256(scan, target, i, 2, 1, add, sums);
        else if (sets == 2)
            for (i = 0; i < units; i += 2) otx__sums_256(scan, target, i, 2, 2, add, sums);
        else
            for (i = 0; i < units; i += few)
                otx__sums_256(scan, target, i, few, OTX__SETS, add, sums);
        for (set = 0; set < sets; set++) {
            const float *scales = scan->scales + (target * OTX__SETS + set) * 3;
            otx__floats_256 best = OTX__256_SPLAT(0.0f);
            OTX__UNROLL for (i = 0; i < OTX__256_TILE; i++) {
                const size_t at = OTX__256_WIDTH * i;
                best = otx__score_256(best, start + at, sums[set][i], scales, scan->common + at,
                                       scan->weight + at, (int)at);
            }
            scan->best[set * scan->best_pitch + target] = otx__largest_256(best);
        }
    }
}

OTX__256_KERNEL void otx__scan_256(const otx__scan *scan)
{
    otx__scan_body_256(scan, otx__add_pair_256);
}

OTX__256_KERNEL uint32_t otx__sift_256(const otx__sift *sift, float *least, float *most)
{
    otx__floats_256 high[OTX__256_TILE], mark = OTX__256_SPLAT(*least), lows = mark;
    otx__floats_256 highs = OTX__256_SPLAT(0.0f);
    const otx__floats_256 by = OTX__256_SPLAT(sift->by), along = OTX__256_SPLAT(sift->along);
    const otx__floats_256 bound = OTX__256_SPLAT(sift->bound), rest = OTX__256_SPLAT(sift->rest);
    uint32_t mask = 0;
    size_t i;
    OTX__UNROLL for (i = 0; i < OTX__256_TILE; i++) {
        const size_t at = OTX__256_WIDTH * i;
        otx__floats_256 weight = OTX__256_LOAD(sift->weight + at);
        otx__floats_256 value = OTX__256_LOAD(sift->products + at);
        otx__floats_256 spread = OTX__256_LOAD(sift->error + at);
        value = OTX__256_MUL(OTX__256_MUL(value, OTX__256_LOAD(sift->scale + at)), by);
        value = OTX__256_ADD_PRODUCT(value, OTX__256_LOAD(sift->common + at), along);
        value = OTX__256_ABS(value);
        spread = OTX__256_ADD_PRODUCT(bound, spread, rest);
        spread = OTX__256_ADD_PRODUCT(OTX__256_SPLAT(OTX__SIFT_ROOM), weight, spread);
        lows = OTX__256_MAX(lows, OTX__256_PRODUCT_SUB(weight, value, spread));
        high[i] = OTX__256_ADD_PRODUCT(spread, weight, value);
        highs = OTX__256_MAX(highs, high[i]);
    }
    if (OTX__256_ANY_ABOVE(lows, mark)) {
        *least = otx__largest_256(lows);
        mark = OTX__256_SPLAT(*least);
    }
    OTX__UNROLL for (i = 0; i < OTX__256_TILE; i++)
        mask |= OTX__256_NOT_BELOW(high[i], mark) << OTX__256_WIDTH * i;
    if (mask) *most = otx__largest_256(highs);
    return mask;
}

OTX__256_KERNEL void otx__refine_256(const int16_t *gram, const uint32_t *atoms,
                                     const float *betas, size_t count, float *correlations)
{
    otx__floats_256 values[OTX__256_TILE];
    size_t i, j;
    OTX__UNROLL for (i = 0; i < OTX__256_TILE; i++)
        values[i] = OTX__256_LOAD(correlations + OTX__256_WIDTH * i);
    for (j = 0; j < count; j++) {
        const int16_t *column = gram + (size_t)atoms[j] * OTX__TILE;
        otx__floats_256 beta = OTX__256_SPLAT(betas[j] / 32767.0f);
        OTX__UNROLL for (i = 0; i < OTX__256_TILE; i++) {
            otx__floats_256 wide = OTX__256_OF_INT16(column + OTX__256_WIDTH * i);
            values[i] = OTX__256_SUB_PRODUCT(values[i], beta, wide);
        }
    }
    OTX__UNROLL for (i = 0; i < OTX__256_TILE; i++)
        OTX__256_STORE(correlations + OTX__256_WIDTH * i, values[i]);
}

/* A register of a row's elements. */
OTX__256_INLINE otx__floats_256 otx__row_256(otx__row row, size_t i)
{
    const char *at = otx__row_at(row, i);
    return row.bf16 ? OTX__256_OF_BF16(at) : OTX__256_FLOATS_AT(at);
}

OTX__256_KERNEL void otx__rough_dots_256(const float *a, const otx__row *rows, size_t count,
                                         size_t n, float *out)
{
    const size_t registers = OTX__LANES / OTX__256_WIDTH;
    size_t i, j, h, whole = n - n % OTX__LANES;
    for (j = 0; j < count; j++) {
        otx__floats_256 sums[OTX__LANES / OTX__256_WIDTH];
        OTX__UNROLL for (h = 0; h < registers; h++) sums[h] = OTX__256_SPLAT(0.0f);
        for (i = 0; i < whole; i += OTX__LANES) {
            OTX__UNROLL for (h = 0; h < registers; h++) {
                const size_t at = i + OTX__256_WIDTH * h;
                sums[h] = OTX__256_ADD_PRODUCT(sums[h], OTX__256_LOAD(a + at),
                                                otx__row_256(rows[j], at));
            }
        }
        OTX__UNROLL for (h = 1; h < registers; h++) sums[0] = OTX__256_ADD(sums[0], sums[h]);
        out[j] = otx__total_256(sums[0]);
        for (; i < n; i++) out[j] += a[i] * otx__row_element(rows[j], i);
    }
}

OTX__256_KERNEL void otx__rough_residual_256(float *r, otx__row y, const double *coefficients,
                                             const otx__row *rows, size_t count, size_t n)
{
    size_t i, j, whole = n - n % OTX__256_WIDTH;
    for (i = 0; i < whole; i += OTX__256_WIDTH) OTX__256_STORE(r + i, otx__row_256(y, i));
    for (; i < n; i++) r[i] = otx__row_element(y, i);
    for (j = 0; j < count; j++) {
        float coefficient = (float)coefficients[j];
        otx__floats_256 by = OTX__256_SPLAT(coefficient);
        for (i = 0; i < whole; i += OTX__256_WIDTH) {
            otx__floats_256 value = OTX__256_LOAD(r + i), row = otx__row_256(rows[j], i);
            OTX__256_STORE(r + i, OTX__256_SUB_PRODUCT(value, by, row));
        }
        for (; i < n; i++) r[i] -= coefficient * otx__row_element(rows[j], i);
    }
}

/* A register of a row's elements as two of doubles. */
OTX__256_INLINE void otx__widen_256(otx__row row, size_t i, otx__doubles_256 *low,
                                    otx__doubles_256 *high)
{
    otx__floats_256 values = otx__row_256(row, i);
    *low = OTX__256_LOW64(values);
    *high = OTX__256_HIGH64(values);
}

/* OTX__256_ROWS rows at a time: the sums of their 16 lanes fill eight registers. */
OTX__256_INLINE void otx__dots_body_256(const double *a, const otx__row *rows, size_t count,
                                        size_t n, bool exact, double *out)
{
    const size_t half = OTX__256_WIDTH / 2, registers = OTX__LANES / half;
    size_t first, i, j, h, whole = n - n % OTX__LANES;
    for (first = 0; first < count; first += OTX__256_ROWS) {
        size_t group = otx__min(OTX__256_ROWS, count - first);
        otx__doubles_256 sums[OTX__256_ROWS][2 * OTX__LANES / OTX__256_WIDTH];
        OTX__UNROLL for (j = 0; j < OTX__256_ROWS; j++)
            OTX__UNROLL for (h = 0; h < registers; h++) sums[j][h] = OTX__256_SPLAT64(0.0);
        for (i = 0; i < whole; i += OTX__LANES) {
            OTX__UNROLL for (h = 0; h < registers; h += 2) {
                const size_t at = i + half * h;
                otx__doubles_256 a0 = OTX__256_LOAD64(a + at), b0;
                otx__doubles_256 a1 = OTX__256_LOAD64(a + at + half), b1;
                OTX__UNROLL for (j = 0; j < OTX__256_ROWS; j++) {
                    otx__widen_256(rows[first + (j < group ? j : 0)], at, &b0, &b1);
                    sums[j][h] = OTX__256_ADD_PRODUCT64(sums[j][h], a0, b0, exact);
                    sums[j][h + 1] = OTX__256_ADD_PRODUCT64(sums[j][h + 1], a1, b1, exact);
                }
            }
        }
        for (j = 0; j < group; j++) {
            double lanes[OTX__LANES];
            OTX__UNROLL for (h = 0; h < registers; h++)
                OTX__256_STORE64(lanes + half * h, sums[j][h]);
            otx__dot_lanes(lanes, a, rows[first + j], whole, n);
            out[first + j] = otx__fold_lanes(lanes);
        }
    }
}

OTX__256_KERNEL void otx__dots_256(const double *a, const otx__row *rows, size_t count, size_t n,
                                   double *out)
{
    otx__dots_body_256(a, rows, count, n, false, out);
}

OTX__256_KERNEL void otx__products_256(const double *a, const otx__row *rows, size_t count,
                                       size_t n, double *out)
{
    otx__dots_body_256(a, rows, count, n, true, out);
}

OTX__256_KERNEL void otx__residual_256(double *r, otx__row y, const double *coefficients,
                                       const otx__row *rows, size_t count, size_t n)
{
    const size_t half = OTX__256_WIDTH / 2;
    size_t i, j, whole = n - n % OTX__256_WIDTH;
    for (i = 0; i < whole; i += OTX__256_WIDTH) {
        otx__doubles_256 low, high, b0, b1;
        if (y.data) {
            otx__widen_256(y, i, &low, &high);
        } else {
            low = OTX__256_LOAD64(r + i);
            high = OTX__256_LOAD64(r + i + half);
        }
        for (j = 0; j < count; j++) {
            otx__doubles_256 coefficient = OTX__256_SPLAT64(coefficients[j]);
            otx__widen_256(rows[j], i, &b0, &b1);
            low = OTX__256_SUB_PRODUCT64(low, coefficient, b0);
            high = OTX__256_SUB_PRODUCT64(high, coefficient, b1);
        }
        OTX__256_STORE64(r + i, low);
        OTX__256_STORE64(r + i + half, high);
    }
    otx__residual_elements(r, y, coefficients, rows, count, whole, n);
}

OTX__PRIVATE const otx__kernels otx__kernels_256 = {
    OTX_ISA_AVX2, otx__product_256, NULL, NULL, otx__scan_256, otx__sift_256, otx__refine_256,
    otx__rough_dots_256, otx__rough_residual_256, otx__dots_256, otx__products_256, NULL,
    otx__residual_256};

#endif

/* >>> src/simd/avx_vnni.h */
/* ---- avx_vnni: AVX2 with AVX-VNNI, which multiplies and adds in one instruction ---- */

#if defined(OTX__AVX2) && ((defined(__clang__) && __clang_major__ >= 12) || \
                           (defined(__GNUC__) && !defined(__clang__) && __GNUC__ >= 11))
#define OTX__AVX_VNNI
#define OTX__AVX_VNNI_TARGET __attribute__((target("avx2,fma,avxvnni")))
#define OTX__AVX_VNNI_KERNEL OTX__AVX_VNNI_TARGET OTX__PRIVATE

OTX__AVX_VNNI_TARGET OTX__INLINE void otx__add_pair_avx_vnni(__m256i sums[2],
                                                             const __m256i pair[2],
                                                             __m256i steps)
{
    sums[0] = _mm256_dpwssd_avx_epi32(sums[0], pair[0], steps);
    sums[1] = _mm256_dpwssd_avx_epi32(sums[1], pair[1], steps);
}

OTX__AVX_VNNI_KERNEL void otx__scan_avx_vnni(const otx__scan *scan)
{
    otx__scan_body_256(scan, otx__add_pair_avx_vnni);
}

/* One chain of products of 8-bit numbers, n terms, of four rows of b and 16 of a, with
   `less` taken off the sums of each row of b. The instruction wants one side without a
   sign: a is taken 128 too large. Sums of integers go in c or are added to it; the last
   of them are made floats. */
OTX__AVX_VNNI_KERNEL void otx__chain_int8_avx_vnni(const int8_t *a, const int8_t *b, size_t n,
                                                   const int32_t *less, bool add, bool last,
                                                   float *c)
{
    const __m256i sign = _mm256_set1_epi8(-128);
    __m256i sums[4][2];
    size_t p, j, h;
    OTX__UNROLL for (j = 0; j < 4; j++) sums[j][0] = sums[j][1] = _mm256_set1_epi32(-less[j]);
    for (p = 0; p < n; p += 4) {
        const __m256i *fours = (const __m256i *)(const void *)(a + p * OTX__TILE);
        __m256i a0 = _mm256_xor_si256(_mm256_loadu_si256(fours), sign);
        __m256i a1 = _mm256_xor_si256(_mm256_loadu_si256(fours + 1), sign);
        OTX__UNROLL for (j = 0; j < 4; j++) {
            __m256i b0 = _mm256_set1_epi32(otx__int32_at(b + p * OTX__TILE + 4 * j));
            sums[j][0] = _mm256_dpbusd_avx_epi32(sums[j][0], a0, b0);
            sums[j][1] = _mm256_dpbusd_avx_epi32(sums[j][1], a1, b0);
        }
    }
    OTX__UNROLL for (j = 0; j < 4; j++) {
        OTX__UNROLL for (h = 0; h < 2; h++) {
            __m256i *at = (__m256i *)(void *)(c + j * OTX__TILE + 8 * h), sum = sums[j][h];
            if (add) sum = _mm256_add_epi32(sum, _mm256_loadu_si256(at));
            if (last) sum = _mm256_castps_si256(_mm256_cvtepi32_ps(sum));
            _mm256_storeu_si256(at, sum);
        }
    }
}

/* less[j]: what the sums of row j of b, n terms, come out too large by. */
OTX__AVX_VNNI_KERNEL void otx__excess_avx_vnni(const int8_t *b, size_t n,
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
    OTX_ISA_AVX_VNNI, otx__product_256, NULL, otx__product_int8_avx_vnni, otx__scan_avx_vnni,
    otx__sift_256, otx__refine_256, otx__rough_dots_256, otx__rough_residual_256,
    otx__dots_256, otx__products_256, NULL, otx__residual_256};

#endif /* OTX__AVX_VNNI */

/* >>> src/simd/neon_bf16.h */
/* ---- neon_bf16: NEON with matrices of bf16 and of 8-bit numbers ---------------- */

/* FEAT_BF16 and FEAT_I8MM. The other extensions do not help. The scan's numbers have 16
   bits, and products of 8-bit numbers would take them in halves: more work than the widening
   multiply-add. Half-precision floats (fp16) keep 11 bits and overflow at 65,504: they would
   widen the bound of the screen a thousandfold. */
#if defined(OTX__NEON) && (defined(__linux__) || defined(__APPLE__)) &&                     \
    ((defined(__ARM_FEATURE_BF16_VECTOR_ARITHMETIC) && defined(__ARM_FEATURE_MATMUL_INT8)) || \
     (defined(__clang__) ? __clang_major__ >= 16 : __GNUC__ >= 10))
#define OTX__NEON_BF16

#if defined(__ARM_FEATURE_BF16_VECTOR_ARITHMETIC) && defined(__ARM_FEATURE_MATMUL_INT8)
#define OTX__NEON_BF16_TARGET
#else
#define OTX__NEON_BF16_TARGET __attribute__((target("arch=armv8.2-a+bf16+i8mm")))
#endif
#define OTX__NEON_BF16_KERNEL OTX__NEON_BF16_TARGET OTX__PRIVATE
#define OTX__NEON_BF16_INLINE OTX__NEON_BF16_TARGET OTX__INLINE

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
OTX__NEON_BF16_INLINE void otx__rows_neon(const uint16_t *panel, size_t terms, uint32x4_t *first,
                                          uint32x4_t *second)
{
    uint32x4_t pair0 = vreinterpretq_u32_u16(vld1q_u16(panel)), pair1 = vdupq_n_u32(0);
    if (terms > 2) pair1 = vreinterpretq_u32_u16(vld1q_u16(panel + 2 * OTX__TILE));
    *first = vzip1q_u32(pair0, pair1);
    *second = vzip2q_u32(pair0, pair1);
}

/* sum + the products of two rows x with two rows y. */
OTX__NEON_BF16_INLINE float32x4_t otx__square_neon(float32x4_t sum, uint32x4_t x, uint32x4_t y,
                                                   bool int8)
{
    if (int8)
        return vreinterpretq_f32_s32(vmmlaq_s32(vreinterpretq_s32_f32(sum),
                                                vreinterpretq_s8_u32(x), vreinterpretq_s8_u32(y)));
    return vbfmmlaq_f32(sum, vreinterpretq_bf16_u32(x), vreinterpretq_bf16_u32(y));
}

/* Two sums, with those before where there are any. */
OTX__NEON_BF16_INLINE void otx__put_neon(float32x2_t sums, bool first, bool int8, float *c)
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
OTX__NEON_BF16_INLINE void otx__chain_neon_bf16(const uint16_t *a, const uint16_t *b,
                                                size_t terms, bool first, bool int8, float *c)
{
    float32x4_t sums[4][4];
    size_t p, i, j;
    OTX__UNROLL for (i = 0; i < 4; i++)
        sums[0][i] = sums[1][i] = sums[2][i] = sums[3][i] = vdupq_n_f32(0.0f);
    for (p = 0; p < terms; p += 4) {
        uint32x4_t x[4], y[4];
        OTX__UNROLL for (i = 0; i < 4; i += 2) {
            otx__rows_neon(a + p * OTX__TILE + 4 * i, terms - p, &x[i], &x[i + 1]);
            otx__rows_neon(b + p * OTX__TILE + 4 * i, terms - p, &y[i], &y[i + 1]);
        }
        OTX__UNROLL for (j = 0; j < 4; j++) {
            OTX__UNROLL for (i = 0; i < 4; i++)
                sums[j][i] = otx__square_neon(sums[j][i], y[j], x[i], int8);
        }
    }
    OTX__UNROLL for (j = 0; j < 4; j++) {
        OTX__UNROLL for (i = 0; i < 4; i++) {
            float *even = c + 2 * j * OTX__TILE + 2 * i;
            otx__put_neon(vget_low_f32(sums[j][i]), first, int8, even);
            otx__put_neon(vget_high_f32(sums[j][i]), first, int8, even + OTX__TILE);
        }
    }
}

/* c[tile][j][i] as product_bf16 and, in integers, product_int8 want it, n the elements
   of bf16 that are as wide. */
OTX__NEON_BF16_INLINE void otx__products_of_tiles_neon(const uint16_t *a, size_t tiles,
                                                       const uint16_t *b, size_t n, bool int8,
                                                       float *c)
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

OTX__NEON_BF16_KERNEL void otx__product_bf16_neon(const uint16_t *a, size_t tiles,
                                                  const uint16_t *b, size_t n, float *c)
{
    otx__products_of_tiles_neon(a, tiles, b, n, false, c);
}

OTX__NEON_BF16_KERNEL void otx__product_int8_neon(const int8_t *a, size_t tiles, const int8_t *b,
                                                  size_t n, float *c)
{
    size_t i;
    otx__products_of_tiles_neon((const uint16_t *)(const void *)a, tiles,
                                (const uint16_t *)(const void *)b, n / 2, true, c);
    for (i = 0; i < tiles * OTX__TILE * OTX__TILE; i += 4)
        vst1q_f32(c + i, vcvtq_f32_s32(vreinterpretq_s32_f32(vld1q_f32(c + i))));
}

OTX__PRIVATE const otx__kernels otx__kernels_neon_bf16 = {
    OTX_ISA_NEON_BF16, otx__product_128, otx__product_bf16_neon, otx__product_int8_neon,
    otx__scan_128, otx__sift_128, otx__refine_128, otx__rough_dots_128,
    otx__rough_residual_128, otx__dots_128, otx__products_128, NULL, otx__residual_128};

#endif /* OTX__NEON_BF16 */

/* >>> src/simd/avx512.h */
/* ---- avx512: 512-bit x86 (F, BW, DQ, VL, VNNI) ------------------------------ */

#if defined(OTX__AVX2) && defined(OTX__X86_64) &&               \
    (defined(__clang__) || (defined(OTX__MSVC) && _MSC_VER >= 1920) || \
     (defined(__GNUC__) && __GNUC__ >= 8))
#define OTX__AVX512

/* GCC's own header warns of itself when compiled as C++ (its bug 105593). */
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wuninitialized"
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#endif

/* Lets a sum stay in its register: GCC 12 copies those of integer products about. */
#if defined(__GNUC__)
#define OTX__KEEP(sum) __asm__("" : "+v"(sum))
#else
#define OTX__KEEP(sum) ((void)0)
#endif

#ifdef OTX__MSVC
#define OTX__AVX512_TARGET
#else
#define OTX__AVX512_TARGET __attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,avx512vnni")))
#endif
#define OTX__AVX512_KERNEL OTX__AVX512_TARGET OTX__PRIVATE
#define OTX__AVX512_INLINE OTX__AVX512_TARGET OTX__INLINE

/* Only these let a register of integers be taken for one of bf16. */
#if (defined(__clang__) && __clang_major__ >= 12) || \
    (defined(__GNUC__) && !defined(__clang__) && __GNUC__ >= 10)
#define OTX__AVX512_BF16
#define OTX__AVX512_BF16_KERNEL \
    __attribute__((target("avx512f,avx512bw,avx512bf16"))) OTX__PRIVATE
#endif

OTX__AVX512_KERNEL void otx__product_avx512(const float *a, const float *b, size_t n, bool add,
                                            float *c)
{
    __m512 low[OTX__STRIP], high[OTX__STRIP];
    size_t p, j;
    OTX__UNROLL for (j = 0; j < OTX__STRIP; j++) low[j] = high[j] = _mm512_setzero_ps();
    for (p = 0; p < n; p++, a += OTX__TILE, b += OTX__TILE) {
        __m512 a0 = _mm512_loadu_ps(a), a1 = _mm512_loadu_ps(a + 16);
        OTX__UNROLL for (j = 0; j < OTX__STRIP; j++) {
            __m512 b0 = _mm512_set1_ps(b[j]);
            low[j] = _mm512_fmadd_ps(a0, b0, low[j]);
            high[j] = _mm512_fmadd_ps(a1, b0, high[j]);
        }
    }
    OTX__UNROLL for (j = 0; j < OTX__STRIP; j++, c += OTX__TILE) {
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
OTX__AVX512_BF16_KERNEL void otx__chain_bf16_avx512(const uint16_t *a, const uint16_t *b,
                                                    size_t n, bool add, float *c)
{
    __m512 low[OTX__STRIP], high[OTX__STRIP];
    size_t p, j;
    OTX__UNROLL for (j = 0; j < OTX__STRIP; j++) low[j] = high[j] = _mm512_setzero_ps();
    for (p = 0; p < n; p += 2) {
        const uint16_t *pairs = b + p * OTX__TILE;
        __m512bh a0 = (__m512bh)_mm512_loadu_si512(a + p * OTX__TILE);
        __m512bh a1 = (__m512bh)_mm512_loadu_si512(a + p * OTX__TILE + 32);
        OTX__UNROLL for (j = 0; j < OTX__STRIP; j++) {
            __m512i b0 = _mm512_set1_epi32(otx__int32_at(pairs + 2 * j));
            __asm__("" : "+v"(b0)); /* Clang 16 crashes if it sees a broadcast of bf16 */
            low[j] = _mm512_dpbf16_ps(low[j], a0, (__m512bh)b0);
            high[j] = _mm512_dpbf16_ps(high[j], a1, (__m512bh)b0);
        }
    }
    OTX__UNROLL for (j = 0; j < OTX__STRIP; j++) {
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
OTX__AVX512_KERNEL void otx__chain_int8_avx512(const int8_t *a, const int8_t *b, size_t n,
                                               const int32_t *less, bool add, bool last,
                                               float *c)
{
    const __m512i sign = _mm512_set1_epi8(-128);
    __m512i low[OTX__STRIP], high[OTX__STRIP];
    size_t p, j;
    OTX__UNROLL for (j = 0; j < OTX__STRIP; j++) low[j] = high[j] = _mm512_set1_epi32(-less[j]);
    for (p = 0; p < n; p += 4) {
        const int8_t *fours = b + p * OTX__TILE;
        __m512i a0 = _mm512_xor_si512(_mm512_loadu_si512(a + p * OTX__TILE), sign);
        __m512i a1 = _mm512_xor_si512(_mm512_loadu_si512(a + p * OTX__TILE + 64), sign);
        OTX__UNROLL for (j = 0; j < OTX__STRIP; j++) {
            __m512i b0 = _mm512_set1_epi32(otx__int32_at(fours + 4 * j));
            low[j] = _mm512_dpbusd_epi32(low[j], a0, b0);
            high[j] = _mm512_dpbusd_epi32(high[j], a1, b0);
            OTX__KEEP(low[j]);
            OTX__KEEP(high[j]);
        }
    }
    OTX__UNROLL for (j = 0; j < OTX__STRIP; j++, c += OTX__TILE) {
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
OTX__AVX512_KERNEL void otx__excess_avx512(const int8_t *b, size_t n, int32_t less[OTX__TILE])
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
OTX__AVX512_KERNEL __m512i otx__numbers_avx512(int high)
{
    __m512i order = _mm512_setr_epi32(0, 1, 2, 3, 8, 9, 10, 11, 16, 17, 18, 19, 24, 25, 26, 27);
    return _mm512_add_epi32(order, _mm512_set1_epi32(high ? 4 : 0));
}

/* What belongs to a tile's atoms, in that order. */
OTX__AVX512_KERNEL __m512 otx__unpacked_avx512(const float *tile, int high)
{
    return _mm512_permutex2var_ps(_mm512_loadu_ps(tile), otx__numbers_avx512(high),
                                  _mm512_loadu_ps(tile + 16));
}

OTX__AVX512_KERNEL __m512 otx__score_avx512(__m512i start, __m512i sum, const float *scales,
                                            __m512 common, __m512 weight, __m512i numbers)
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
OTX__AVX512_INLINE void otx__sums_avx512(const otx__scan *scan, size_t target, size_t sets,
                                         __m512i sums[OTX__SETS][2])
{
    const uint32_t *atoms = scan->atoms + target * scan->pitch;
    const int16_t *steps = scan->steps + target * OTX__SETS * scan->pitch;
    const uint32_t *ahead = otx__scan_ahead(scan, target);
    size_t count = scan->counts[target], j, set;
    OTX__UNROLL for (set = 0; set < sets; set++)
        sums[set][0] = sums[set][1] = _mm512_setzero_si512();
    for (j = 0; j < count; j += 2) {
        __m512i g0 = _mm512_loadu_si512(scan->gram + (size_t)atoms[j] * OTX__TILE);
        __m512i g1 = _mm512_loadu_si512(scan->gram + (size_t)atoms[j + 1] * OTX__TILE);
        __m512i low = _mm512_unpacklo_epi16(g0, g1), high = _mm512_unpackhi_epi16(g0, g1);
        OTX__PREFETCH(scan->gram + (size_t)ahead[j] * OTX__TILE);
        OTX__PREFETCH(scan->gram + (size_t)ahead[j + 1] * OTX__TILE);
        OTX__UNROLL for (set = 0; set < sets; set++) {
            const int16_t *two = steps + j * OTX__SETS + 2 * set;
            __m512i pair = _mm512_set1_epi32(otx__int32_at(two));
            sums[set][0] = _mm512_dpwssd_epi32(sums[set][0], low, pair);
            sums[set][1] = _mm512_dpwssd_epi32(sums[set][1], high, pair);
        }
    }
}

OTX__AVX512_KERNEL void otx__scan_avx512(const otx__scan *scan)
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
OTX__AVX512_INLINE void otx__sift_half_avx512(const otx__sift *sift, size_t first, __m512 *low,
                                              __m512 *high)
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

OTX__AVX512_KERNEL uint32_t otx__sift_avx512(const otx__sift *sift, float *least, float *most)
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
OTX__AVX512_INLINE __m512 otx__refine_part_avx512(const int16_t *gram, float beta, __m512 value)
{
    __m512 wide = _mm512_cvtepi32_ps(_mm512_cvtepi16_epi32(OTX__256_LOAD_INTS(gram)));
    return _mm512_fnmadd_ps(_mm512_set1_ps(beta), wide, value);
}

OTX__AVX512_KERNEL void otx__refine_avx512(const int16_t *gram, const uint32_t *atoms,
                                           const float *betas, size_t count, float *correlations)
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
OTX__AVX512_INLINE __m512 otx__floats_avx512(const char *at, bool bf16)
{
    __m512i wide;
    if (!bf16) return _mm512_loadu_ps(at);
    wide = _mm512_cvtepu16_epi32(OTX__256_LOAD_INTS(at));
    return _mm512_castsi512_ps(_mm512_slli_epi32(wide, 16));
}

/* Rows 4 to 7 come next and are asked for. */
OTX__AVX512_INLINE void otx__rough_dots_group_avx512(const float *a, const char *const rows[8],
                                                     bool bf16, size_t whole, float *out)
{
    const size_t element = bf16 ? 2 : 4;
    __m512 sums[4];
    size_t i, j;
    OTX__UNROLL for (j = 0; j < 4; j++) sums[j] = _mm512_setzero_ps();
    for (i = 0; i < whole; i += OTX__LANES) {
        __m512 a0 = _mm512_loadu_ps(a + i);
        OTX__UNROLL for (j = 0; j < 4; j++) {
            OTX__PREFETCH(rows[4 + j] + i * element);
            sums[j] = _mm512_fmadd_ps(a0, otx__floats_avx512(rows[j] + i * element, bf16),
                                      sums[j]);
        }
    }
    OTX__UNROLL for (j = 0; j < 4; j++) out[j] = _mm512_reduce_add_ps(sums[j]);
}

OTX__AVX512_KERNEL void otx__rough_dots_avx512(const float *a, const otx__row *rows,
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

OTX__AVX512_INLINE void otx__rough_group_avx512(float *r, const double *coefficients,
                                                const char *const rows[4], bool bf16,
                                                size_t whole)
{
    size_t i, j;
    for (i = 0; i < whole; i += OTX__LANES) {
        __m512 value = _mm512_loadu_ps(r + i);
        OTX__UNROLL for (j = 0; j < 4; j++)
            value = _mm512_fnmadd_ps(_mm512_set1_ps((float)coefficients[j]),
                                     otx__floats_avx512(rows[j] + i * (bf16 ? 2 : 4), bf16),
                                     value);
        _mm512_storeu_ps(r + i, value);
    }
}

OTX__AVX512_KERNEL void otx__rough_residual_avx512(float *r, otx__row y,
                                                   const double *coefficients,
                                                   const otx__row *rows, size_t count, size_t n)
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
OTX__AVX512_INLINE __m256 otx__eight_floats_avx512(const char *at, bool bf16)
{
    return bf16 ? OTX__256_OF_BF16(at) : OTX__256_FLOATS_AT(at);
}

/* Sixteen elements of a row as two registers of doubles. */
OTX__AVX512_INLINE void otx__widen_avx512(const char *at, bool bf16, __m512d *low, __m512d *high)
{
    *low = _mm512_cvtps_pd(otx__eight_floats_avx512(at, bf16));
    *high = _mm512_cvtps_pd(otx__eight_floats_avx512(at + (bf16 ? 16 : 32), bf16));
}

/* The lanes of a's products with four rows, up to `whole`; rows[4] to [7] come next
   and are asked for. Four at a time hide the latency of the additions. With `fused`
   the products must be exact. */
OTX__AVX512_INLINE void otx__dots_group_avx512(const double *a, const char *const rows[8],
                                               bool bf16, bool fused, size_t whole,
                                               double lanes[4][OTX__LANES])
{
    const size_t element = bf16 ? 2 : 4;
    __m512d low[4], high[4];
    size_t i, j;
    OTX__UNROLL for (j = 0; j < 4; j++) low[j] = high[j] = _mm512_setzero_pd();
    for (i = 0; i < whole; i += OTX__LANES) {
        __m512d a0 = _mm512_loadu_pd(a + i), a1 = _mm512_loadu_pd(a + i + 8), b0, b1;
        OTX__UNROLL for (j = 0; j < 4; j++) {
            OTX__PREFETCH(rows[4 + j] + i * element);
            otx__widen_avx512(rows[j] + i * element, bf16, &b0, &b1);
            low[j] = fused ? _mm512_fmadd_pd(a0, b0, low[j])
                           : _mm512_add_pd(low[j], _mm512_mul_pd(a0, b0));
            high[j] = fused ? _mm512_fmadd_pd(a1, b1, high[j])
                            : _mm512_add_pd(high[j], _mm512_mul_pd(a1, b1));
        }
    }
    OTX__UNROLL for (j = 0; j < 4; j++) {
        _mm512_storeu_pd(lanes[j], low[j]);
        _mm512_storeu_pd(lanes[j] + 8, high[j]);
    }
}

OTX__AVX512_INLINE void otx__dots_body_avx512(const double *a, const otx__row *rows,
                                              size_t count, size_t n, bool fused, double *out)
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

OTX__AVX512_KERNEL void otx__dots_avx512(const double *a, const otx__row *rows, size_t count,
                                         size_t n, double *out)
{
    otx__dots_body_avx512(a, rows, count, n, false, out);
}

OTX__AVX512_KERNEL void otx__products_avx512(const double *a, const otx__row *rows, size_t count,
                                             size_t n, double *out)
{
    otx__dots_body_avx512(a, rows, count, n, true, out);
}

/* The lanes of the products of two rows with four others, up to `whole`: lanes[j][i]
   of row i of the two and row j of the four. */
OTX__AVX512_INLINE void otx__pair_group_avx512(const char *const a[2], const char *const b[4],
                                               bool bf16, size_t whole,
                                               double lanes[4][2][OTX__LANES])
{
    const size_t element = bf16 ? 2 : 4;
    __m512d low[4][2], high[4][2];
    size_t p, i, j;
    OTX__UNROLL for (j = 0; j < 4; j++)
        low[j][0] = low[j][1] = high[j][0] = high[j][1] = _mm512_setzero_pd();
    for (p = 0; p < whole; p += OTX__LANES) {
        __m512d a0[2], a1[2], b0, b1;
        otx__widen_avx512(a[0] + p * element, bf16, &a0[0], &a1[0]);
        otx__widen_avx512(a[1] + p * element, bf16, &a0[1], &a1[1]);
        OTX__UNROLL for (j = 0; j < 4; j++) {
            otx__widen_avx512(b[j] + p * element, bf16, &b0, &b1);
            OTX__UNROLL for (i = 0; i < 2; i++) {
                low[j][i] = _mm512_fmadd_pd(a0[i], b0, low[j][i]);
                high[j][i] = _mm512_fmadd_pd(a1[i], b1, high[j][i]);
            }
        }
    }
    OTX__UNROLL for (j = 0; j < 4; j++) {
        OTX__UNROLL for (i = 0; i < 2; i++) {
            _mm512_storeu_pd(lanes[j][i], low[j][i]);
            _mm512_storeu_pd(lanes[j][i] + 8, high[j][i]);
        }
    }
}

OTX__AVX512_KERNEL void otx__pair_products_avx512(const otx__row a[2], const otx__row *b,
                                                  size_t count, size_t n, double *out,
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
OTX__AVX512_INLINE void otx__residual_group_avx512(double *r, const double *coefficients,
                                                   const char *const rows[4], bool bf16,
                                                   size_t whole)
{
    const size_t element = bf16 ? 2 : 4;
    size_t i, j;
    for (i = 0; i < whole; i += OTX__LANES) {
        __m512d low = _mm512_loadu_pd(r + i), high = _mm512_loadu_pd(r + i + 8), b0, b1;
        OTX__UNROLL for (j = 0; j < 4; j++) {
            __m512d coefficient = _mm512_set1_pd(coefficients[j]);
            otx__widen_avx512(rows[j] + i * element, bf16, &b0, &b1);
            low = _mm512_sub_pd(low, _mm512_mul_pd(coefficient, b0));
            high = _mm512_sub_pd(high, _mm512_mul_pd(coefficient, b1));
        }
        _mm512_storeu_pd(r + i, low);
        _mm512_storeu_pd(r + i + 8, high);
    }
}

OTX__AVX512_KERNEL void otx__residual_avx512(double *r, otx__row y, const double *coefficients,
                                             const otx__row *rows, size_t count, size_t n)
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
/* ---- amx: x86 tile registers (bf16, int8), beside AVX-512 ---------------------- */

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
#define OTX__AMX_KERNEL OTX__AMX_TARGET OTX__PRIVATE
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

/* A call of Linux, as the C library has none. Tests put their own in its place. */
#ifndef OTX__ARCH_PRCTL
#define OTX__ARCH_PRCTL(what, argument) otx__arch_prctl(what, argument)
#endif

OTX__PRIVATE long otx__arch_prctl(long what, uintptr_t argument)
{
    const long arch_prctl = 158;
    long result;
    __asm__ volatile("syscall"
                     : "=a"(result)
                     : "a"(arch_prctl), "D"(what), "S"(argument)
                     : "rcx", "r11", "memory");
    return result;
}

#define OTX__AMX_TILE_DATA 18 /* the number of this state of the processor */

/* Whether the operating system lends the tile registers to those who ask for them. */
OTX__PRIVATE bool otx__amx_lent(void)
{
    const long get_supported = 0x1021;
    uint64_t states = 0;
    return OTX__ARCH_PRCTL(get_supported, (uintptr_t)&states) == 0 &&
           (states >> OTX__AMX_TILE_DATA & 1);
}

/* Asks for them, for the whole process and to its end: its threads' signal frames grow by
   8 KiB. Asking again does no harm. */
OTX__PRIVATE bool otx__amx_take(void)
{
    const long request_permission = 0x1023;
    return OTX__ARCH_PRCTL(request_permission, OTX__AMX_TILE_DATA) == 0;
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
OTX__AVX512_KERNEL void otx__amx_transpose(const uint16_t *from, uint16_t *to)
{
    __m512i rows[4], low01, low23, high01, high23;
    size_t four, i, lane;
    for (four = 0; four < 4; four++) {
        const uint16_t *columns = from + 8 * four;
        /* Four rows of four pairs are turned in each of the four lanes. */
        OTX__UNROLL for (i = 0; i < 4; i++) {
            const uint16_t *at = columns + i * 2 * OTX__TILE;
            __m128i lanes[4];
            OTX__UNROLL for (lane = 0; lane < 4; lane++)
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
OTX__AVX512_KERNEL void otx__amx_add(float *c, const float *sums, bool int8)
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
                                                  const uint16_t *b, size_t n, bool int8,
                                                  float *c)
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

OTX__AMX_KERNEL void otx__product_bf16_amx(const uint16_t *a, size_t tiles, const uint16_t *b,
                                           size_t n, float *c)
{
    otx__product_amx(a, tiles, b, n, false, c);
}

OTX__AMX_KERNEL void otx__amx_product_int8(const int8_t *a, size_t tiles, const int8_t *b,
                                           size_t n, float *c)
{
    otx__product_amx((const uint16_t *)(const void *)a, tiles, (const uint16_t *)(const void *)b,
                     n / 2, true, c);
}

OTX__AVX512_KERNEL void otx__product_int8_amx(const int8_t *a, size_t tiles, const int8_t *b,
                                              size_t n, float *c)
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

/* >>> src/simd/dispatch.h */
/* ---- dispatch: which kernels this machine can run, and which a call takes -------- */

/* Sets of instruction sets, as here, are bits numbered by otx_isa. */
#define OTX__ISA_BIT(isa) (1u << (isa))

#ifdef OTX__SSE2

#ifdef OTX__MSVC
#include <intrin.h>
#else
#include <cpuid.h>
#endif

/* What the processor says of itself. A virtual machine may take many microseconds to answer.
   Tests put their own in its place. */
#ifndef OTX__CPUID
#define OTX__CPUID(leaf, part, registers) otx__cpuid(leaf, part, registers)
#define OTX__XGETBV() otx__xgetbv()
#endif

/* eax, ebx, ecx and edx. */
OTX__PRIVATE void otx__cpuid(unsigned leaf, unsigned part, unsigned registers[4])
{
#ifdef OTX__MSVC
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
#ifdef OTX__MSVC
    return _xgetbv(0);
#else
    uint32_t low, high;
    __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
    return ((uint64_t)high << 32) | low;
#endif
}

OTX__PRIVATE bool otx__all_bits(uint64_t value, uint64_t bits)
{
    return (value & bits) == bits;
}

/* Each set needs its own bits, a state that is saved, and the set before it. */
OTX__PRIVATE unsigned otx__isas_x86(void)
{
    const unsigned sse2 = 1u << 26;                                    /* leaf 1, edx */
    const unsigned fma = 1u << 12, osxsave = 1u << 27, avx = 1u << 28; /* leaf 1, ecx */
    const unsigned avx2 = 1u << 5;                                     /* leaf 7, ebx */
    const unsigned avx512 = 1u << 16 | 1u << 17 | 1u << 30 | 1u << 31; /* F, DQ, BW, VL */
    const unsigned avx512_vnni = 1u << 11;                             /* leaf 7, ecx */
    const unsigned amx = 1u << 22 | 1u << 24 | 1u << 25; /* leaf 7, edx: bf16, tiles, int8 */
    const unsigned avx_vnni = 1u << 4, avx512_bf16 = 1u << 5;          /* leaf 7.1, eax */
    const uint64_t avx_state = 0x06, avx512_state = 0xe6, amx_state = 0x60000;
    unsigned leaf0[4], leaf1[4], leaf7[4], more[4] = {0}, found = 0;
    uint64_t state;
    OTX__CPUID(0, 0, leaf0);
    OTX__CPUID(1, 0, leaf1);
    if (leaf1[3] & sse2) found |= OTX__ISA_BIT(OTX_ISA_SSE2);
    if (leaf0[0] < 7 || !otx__all_bits(leaf1[2], fma | osxsave | avx)) return found;
    OTX__CPUID(7, 0, leaf7);
    if (leaf7[0] >= 1) OTX__CPUID(7, 1, more);
    state = OTX__XGETBV();
    if (!(leaf7[1] & avx2) || !otx__all_bits(state, avx_state)) return found;
    found |= OTX__ISA_BIT(OTX_ISA_AVX2);
    if (more[0] & avx_vnni) found |= OTX__ISA_BIT(OTX_ISA_AVX_VNNI);
    if (!otx__all_bits(leaf7[1], avx512) || !(leaf7[2] & avx512_vnni) ||
        !otx__all_bits(state, avx512_state))
        return found;
    found |= OTX__ISA_BIT(OTX_ISA_AVX512);
    if (more[0] & avx512_bf16) found |= OTX__ISA_BIT(OTX_ISA_AVX512_BF16);
    if (otx__all_bits(leaf7[3], amx) && otx__all_bits(state, amx_state))
        found |= OTX__ISA_BIT(OTX_ISA_AMX);
    return found;
}

/* AVX512-BF16 does two multiply-adds where FMA does one. AMD runs both at the same
   rate; Intel runs it at half that of FMA, and has AMX for bf16. */
OTX__PRIVATE bool otx__avx512_bf16_pays(void)
{
    unsigned leaf0[4];
    char vendor[13] = {0};
    OTX__CPUID(0, 0, leaf0);
    memcpy(vendor, &leaf0[1], 4);
    memcpy(vendor + 4, &leaf0[3], 4);
    memcpy(vendor + 8, &leaf0[2], 4);
    return strcmp(vendor, "AuthenticAMD") == 0 || strcmp(vendor, "HygonGenuine") == 0;
}

#endif /* OTX__SSE2 */

/* What processor and operating system can run, whatever this was built with. Asks for
   nothing that the process does not have. */
OTX__PRIVATE unsigned otx__isas_here(void)
{
    unsigned found = OTX__ISA_BIT(OTX_ISA_SCALAR);
#ifdef OTX__SSE2
    found |= otx__isas_x86();
#elif defined(OTX__128_ISA)
    found |= OTX__ISA_BIT(OTX__128_ISA);
#endif
#ifdef OTX__AMX
    if (found & OTX__ISA_BIT(OTX_ISA_AMX) && !otx__amx_lent()) found &= ~OTX__ISA_BIT(OTX_ISA_AMX);
#endif
#ifdef OTX__NEON_BF16
    if (otx__neon_bf16_here()) found |= OTX__ISA_BIT(OTX_ISA_NEON_BF16);
#endif
    return found;
}

/* The kernels built for one of `sets`: for AUTO the fastest, or NULL. */
OTX__PRIVATE const otx__kernels *otx__kernels_among(unsigned sets, otx_isa isa)
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
        &otx__kernels_256,
#endif
#ifdef OTX__NEON_BF16
        &otx__kernels_neon_bf16,
#endif
#ifdef OTX__128_ISA
        &otx__kernels_128,
#endif
        &otx__kernels_scalar};
    size_t i;
#ifdef OTX__SSE2
    if (isa == OTX_ISA_AUTO && sets & OTX__ISA_BIT(OTX_ISA_AVX512_BF16) && !otx__avx512_bf16_pays())
        sets &= ~OTX__ISA_BIT(OTX_ISA_AVX512_BF16);
#endif
    for (i = 0; i < OTX__COUNT(built); i++)
        if ((isa == OTX_ISA_AUTO || isa == built[i]->isa) &&
            (sets & OTX__ISA_BIT(built[i]->isa)))
            return built[i];
    return NULL;
}

/* The kernels for an instruction set, or NULL where they cannot run. Before their dense
   products are called they are to be taken. */
OTX__PRIVATE const otx__kernels *otx__kernels_for(otx_isa isa)
{
    return otx__kernels_among(otx__isas_here(), isa);
}

/* The same, with all that they need: where the system refuses that, NULL, or for AUTO the
   fastest of the others. */
OTX__PRIVATE const otx__kernels *otx__kernels_take(otx_isa isa)
{
    unsigned sets = otx__isas_here();
    const otx__kernels *kernels = otx__kernels_among(sets, isa);
#ifdef OTX__AMX
    if (kernels == &otx__kernels_amx && !otx__amx_take())
        kernels = otx__kernels_among(sets & ~OTX__ISA_BIT(OTX_ISA_AMX), isa);
#endif
    return kernels;
}

/* Kernels that run wherever this build does. For single calls: to ask the processor would
   take longer than they do. */
OTX__PRIVATE const otx__kernels *otx__kernels_baseline(void)
{
#if defined(OTX__AVX2) && defined(__AVX2__) && (defined(__FMA__) || defined(OTX__MSVC))
    return &otx__kernels_256;
#elif defined(OTX__128_ISA) && (!defined(OTX__X86) || defined(OTX__X86_64) ||    \
                                defined(__SSE2__) ||                             \
                                (defined(_M_IX86_FP) && _M_IX86_FP >= 2))
    return &otx__kernels_128;
#else
    return &otx__kernels_scalar;
#endif
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

/* Knows atoms, targets, and supports: the atoms that a target has selected. Knows nothing of
   tokens or models.

   Hides low precision. What decides is computed in double, every operation rounded, in one
   order, whatever the form, the kernels and the threads, so that all give the same bits:
     the residual, the scores of atoms by it, the end of a target    support.h, select.h
     the factor of the support's Gram matrix, the coefficients       support.h, triangle.h
     products of atoms, which are exact in double, kept or not       support.h, exact_gram.h
     the mean taken off in a centred solve; new rows                 views.h, combine.h
   All else screens: cheap arithmetic that leaves the atoms which may score best, within a
   bound of its error that is proved (screen.h); or guesses, which cost nothing but time where
   they are wrong (predict.h).

   A solve is a pursuit (pursuit.h). It owns one pool of memory, given back at its end; atoms,
   targets and the arrays of results are the caller's. Tasks that run at once write to the
   scratch of their worker, and to targets or tiles that are theirs alone.

   Read support.h first: its exhaustive step is the method. Then screen.h for the bound, and
   steps.h for the order of it all.

   Rooms, in order of dependency:
     views       the rows of matrices, as the kernels read them
     panels      vectors as the dense products want them, and these
     rests       vectors on their way into panels
     dictionary  the atoms, and their split along a common direction
     exact_gram  products of all pairs of atoms in double
     triangle    packed lower triangles
     support     what is known of one target, and the exact steps
     gram_table  products of atoms with all atoms, for scans
     screen      which atoms are worth scoring in double: the bound
     scan        the correlations of all atoms with a block's residuals
     predict     making targets ready for the next scan
     candidates  the atoms that a scan could not rule out
     select      the next atoms of each target
     pursuit     what one solve holds, and the memory it takes
     plan        which form, and in what blocks
     steps       a pursuit from its rows to its results
     combine     new rows of coefficients
     solver      the public call */

/* >>> src/solve/views.h */
/* ---- views: the rows of matrices, as the kernels read them ------------------- */

/* The rows of a matrix, float or bf16, or of a copy that is float. */
typedef struct otx__view {
    const char *data;
    size_t stride; /* bytes */
    const uint32_t *index;
    bool bf16;
    float *copy; /* the pool's, or NULL */
} otx__view;

/* Tiles, or panels, that so many rows take. */
OTX__PRIVATE size_t otx__tiles(size_t rows) { return (rows + OTX__TILE - 1) / OTX__TILE; }

OTX__PRIVATE otx__row otx__view_row(const otx__view *view, size_t i)
{
    otx__row row;
    row.data = view->data + (view->index ? view->index[i] : i) * view->stride;
    row.bf16 = view->bf16;
    return row;
}

/* Doubles of a row, exactly. */
OTX__PRIVATE void otx__row_widen(const otx__kernels *kernels, otx__row row, size_t n, double *to)
{
    kernels->residual(to, row, NULL, NULL, 0, n);
}

/* Whether the kernels can read the matrix where it stands. */
OTX__PRIVATE bool otx__view_is_direct(const otx_matrix *matrix, bool centred)
{
    return !centred && (matrix->dtype == OTX_F32 || matrix->dtype == OTX_BF16);
}

/* Views a matrix. Types that the kernels do not read, and rows that a centre is to be
   taken off, need a copy: its memory is taken here, otx__view_copy fills it in. */
OTX__PRIVATE bool otx__view_open(otx__view *view, const otx_matrix *matrix, bool centred,
                                 otx__pool *pool)
{
    size_t element = otx_dtype_bits(matrix->dtype) / 8;
    view->data = (const char *)matrix->data;
    view->stride = (matrix->stride ? matrix->stride : matrix->columns) * element;
    view->index = matrix->index;
    view->bf16 = matrix->dtype == OTX_BF16;
    if (otx__view_is_direct(matrix, centred)) return true;
    view->copy = (float *)otx__pool_take(pool, matrix->rows, matrix->columns * sizeof(float));
    return view->copy != NULL;
}

/* A view not yet copied, of that matrix. */
typedef struct otx__view_task {
    const otx__view *view;
    const otx_matrix *matrix;
    double *centre; /* [columns] of the mean, or NULL */
} otx__view_task;

/* Columns of a mean that one task sums up. */
#define OTX__VIEW_MEAN_COLUMNS 64

/* Some columns of the mean, added up in double in the order of the rows. */
OTX__PRIVATE void otx__view_mean_body(void *argument, size_t index, int worker)
{
    otx__view_task *task = (otx__view_task *)argument;
    const otx_matrix *matrix = task->matrix;
    size_t first = index * OTX__VIEW_MEAN_COLUMNS, i, j;
    size_t count = otx__min(OTX__VIEW_MEAN_COLUMNS, matrix->columns - first);
    size_t offset = first * otx_dtype_bits(matrix->dtype) / 8;
    double *mean = task->centre + first;
    float part[OTX__VIEW_MEAN_COLUMNS];
    (void)worker;
    for (j = 0; j < count; j++) mean[j] = 0.0;
    for (i = 0; i < matrix->rows; i++) {
        const char *row = (const char *)otx__view_row(task->view, i).data;
        otx_to_float(part, row + offset, matrix->dtype, count);
        for (j = 0; j < count; j++) mean[j] += (double)part[j];
    }
    for (j = 0; j < count; j++) mean[j] /= (double)matrix->rows;
}

/* The mean of the rows of a matrix, which a centred solve takes off: deciding, so in one
   order. */
OTX__PRIVATE otx_result otx__view_mean(otx__watch *watch, const otx__view *view,
                                       const otx_matrix *matrix, double *mean, otx_error *error)
{
    size_t chunks = (matrix->columns + OTX__VIEW_MEAN_COLUMNS - 1) / OTX__VIEW_MEAN_COLUMNS;
    otx__view_task task;
    task.view = view;
    task.matrix = matrix;
    task.centre = mean;
    return otx__watch_loop(watch, chunks, 4.0 * OTX__VIEW_MEAN_COLUMNS * (double)matrix->rows,
                           otx__view_mean_body, &task, error);
}

OTX__PRIVATE void otx__view_copy_body(void *argument, size_t index, int worker)
{
    const otx__view_task *task = (const otx__view_task *)argument;
    const otx_matrix *matrix = task->matrix;
    size_t n = matrix->columns, i, j, end = otx__min(matrix->rows, (index + 1) * OTX__TILE);
    (void)worker;
    for (i = index * OTX__TILE; i < end; i++) {
        float *row = task->view->copy + i * n;
        otx_to_float(row, otx__view_row(task->view, i).data, matrix->dtype, n);
        for (j = 0; j < n && task->centre; j++)
            row[j] = (float)((double)row[j] - task->centre[j]);
    }
}

/* Makes the copy, if one is needed, and views that. */
OTX__PRIVATE otx_result otx__view_copy(otx__watch *watch, otx__view *view,
                                       const otx_matrix *matrix, double *centre,
                                       otx_error *error)
{
    otx__view_task task;
    otx_result result;
    if (!view->copy) return OTX_OK;
    task.view = view;
    task.matrix = matrix;
    task.centre = centre;
    result = otx__watch_loop(watch, otx__tiles(matrix->rows),
                             4.0 * OTX__TILE * (double)matrix->columns, otx__view_copy_body,
                             &task, error);
    view->data = (const char *)view->copy;
    view->stride = matrix->columns * sizeof *view->copy;
    view->index = NULL;
    view->bf16 = false;
    return result;
}

/* >>> src/solve/panels.h */
/* ---- panels: vectors as the dense products want them, and these ---------------- */

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

/* For what is said of a plan. */
OTX__PRIVATE const char *otx__panel_type_name(otx__panel_type type)
{
    return type == OTX__PANEL_INT8 ? "8 bits" : type == OTX__PANEL_FLOAT ? "float" : "bf16";
}

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

/* >>> src/solve/rests.h */
/* ---- rests: vectors on their way into panels ------------------------------------ */

/* One vector, and what its rest is made of. */
typedef struct otx__splitting {
    const double *vector, *direction;
    double scale, common; /* 1 / norm, and the part along the direction */
    size_t n;
} otx__splitting;

/* Elements of a rest that are made at a time, and partial sums of them. */
#define OTX__REST_CHUNK 32
#define OTX__REST_SUMS 8

/* Elements of the rest from `first` on, with 0 behind the last. */
OTX__PRIVATE void otx__rest_part(const otx__splitting *from, size_t first, double *rest)
{
    const double *vector = from->vector + first, *direction = from->direction + first;
    double scale = from->scale, common = from->common;
    size_t count = otx__min(OTX__REST_CHUNK, from->n - first), p;
    for (p = 0; p < count; p++) rest[p] = vector[p] * scale - common * direction[p];
    for (; p < OTX__REST_CHUNK; p++) rest[p] = 0.0;
}

/* Of elements of a rest, in partial sums. */
typedef struct otx__rest_sums {
    double squares[OTX__REST_SUMS], largest[OTX__REST_SUMS];
} otx__rest_sums;

/* Adds the squares of OTX__REST_CHUNK elements, and keeps the largest. */
OTX__PRIVATE void otx__rest_measure(const double *rest, otx__rest_sums *sums)
{
    size_t p, i;
    for (p = 0; p < OTX__REST_CHUNK; p += OTX__REST_SUMS) {
        for (i = 0; i < OTX__REST_SUMS; i++) {
            double size = fabs(rest[p + i]);
            sums->squares[i] += size * size;
            sums->largest[i] = size > sums->largest[i] ? size : sums->largest[i];
        }
    }
}

/* Folds the partial sums into the first. */
OTX__PRIVATE void otx__rest_fold(otx__rest_sums *sums)
{
    size_t i;
    for (i = 1; i < OTX__REST_SUMS; i++) {
        sums->squares[0] += sums->squares[i];
        if (sums->largest[i] > sums->largest[0]) sums->largest[0] = sums->largest[i];
    }
}

/* Rounds elements to bf16, the even of two that are equally near, and leaves what that
   takes off. */
OTX__PRIVATE void otx__rest_to_bf16(double *rest, uint16_t *to)
{
    size_t p;
    for (p = 0; p < OTX__REST_CHUNK; p++) {
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
    for (p = 0; p < OTX__REST_CHUNK; p++) {
        int32_t steps = (int32_t)(rest[p] * rate + rounder - rounder);
        to[p] = (int8_t)steps;
        rest[p] -= (double)steps * unit;
    }
}

/* Writes OTX__REST_CHUNK elements, fewer at the end of a panel, to the lane of a vector. */
OTX__PRIVATE void otx__panel_put(char *panel, size_t bytes, const void *elements, size_t size,
                                 size_t first, size_t lane)
{
    char *to = panel + first * size * OTX__TILE + 4 * lane;
    const char *from = (const char *)elements;
    size_t p, end = otx__min(OTX__REST_CHUNK * size, bytes / OTX__TILE - first * size);
    for (p = 0; p < end; p += 4) memcpy(to + p * OTX__TILE, from + p, 4);
}

/* Writes a rest to its place in the panels, int8 in that unit, and returns the square of
   what rounding to bf16 or int8 takes off it. */
OTX__PRIVATE double otx__rest_write(const otx__panels *panels, size_t at,
                                    const otx__splitting *from, double unit, double rate)
{
    char *panel = otx__panel_at(panels, at / OTX__TILE);
    size_t bytes = otx__panel_bytes(panels->type, panels->columns), lane = at % OTX__TILE, p, i;
    double rest[OTX__REST_CHUNK];
    otx__rest_sums left;
    memset(&left, 0, sizeof left);
    for (p = 0; p < from->n; p += OTX__REST_CHUNK) {
        union {
            float floats[OTX__REST_CHUNK];
            uint16_t halves[OTX__REST_CHUNK];
            int8_t bytes[OTX__REST_CHUNK];
        } to;
        otx__rest_part(from, p, rest);
        if (panels->type == OTX__PANEL_INT8) {
            otx__rest_to_int8(rest, unit, rate, to.bytes);
            otx__panel_put(panel, bytes, to.bytes, 1, p, lane);
        } else if (panels->type == OTX__PANEL_BF16) {
            otx__rest_to_bf16(rest, to.halves);
            otx__panel_put(panel, bytes, to.halves, 2, p, lane);
        } else {
            for (i = 0; i < OTX__REST_CHUNK; i++) to.floats[i] = (float)rest[i];
            otx__panel_put(panel, bytes, to.floats, 4, p, lane);
            continue;
        }
        otx__rest_measure(rest, &left);
    }
    otx__rest_fold(&left);
    return left.squares[0];
}

/* Puts the rest of a vector of n elements and of that norm, not 0, whose common part the
   panels have, into place `at`, and returns the rest's square. */
OTX__PRIVATE double otx__panels_put_rest(otx__panels *panels, size_t at, const double *vector,
                                         size_t n, double norm, const double *direction)
{
    double rest[OTX__REST_CHUNK], unit = 1.0, rate = 0.0, left;
    otx__splitting from;
    otx__rest_sums whole;
    size_t p;
    from.vector = vector;
    from.direction = direction;
    from.scale = 1.0 / norm;
    from.common = (double)panels->common[at];
    from.n = n;
    memset(&whole, 0, sizeof whole);
    for (p = 0; p < n; p += OTX__REST_CHUNK) {
        otx__rest_part(&from, p, rest);
        otx__rest_measure(rest, &whole);
    }
    otx__rest_fold(&whole);
    if (panels->type == OTX__PANEL_INT8 && whole.largest[0] > 1e-30) { /* below, all is left */
        unit = (double)(float)(whole.largest[0] / 127.0);
        rate = 1.0 / unit;
    }
    left = otx__rest_write(panels, at, &from, unit, rate);
    panels->scale[at] = (float)unit;
    panels->error[at] = left > 0.0 ? (float)(sqrt(left) * (1.0 + 1e-6)) + 1e-30f : 0.0f;
    return whole.squares[0];
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

/* >>> src/solve/dictionary.h */
/* ---- dictionary: the atoms, and their split along a common direction ----------- */

/* For screening, every atom is split. The direction is that of the mean of the unit
   atoms, which in real embeddings is so strong that correlations without it are an
   order of magnitude smaller, and so is their rounding. */
typedef struct otx__dictionary {
    const otx_context *ctx;
    const otx__kernels *kernels;
    otx__view rows;
    size_t count, columns, tiles;
    double *squares;    /* [atom] <a, a> */
    double *norms;      /* [atom] */
    double *exact_gram; /* [atom][atom] <a, b>, or NULL (exact_gram.h) */
    double *along;      /* [atom] <a, direction> */
    double *direction;  /* [column], of norm 1, or 0 if the atoms have no mean */
    double largest;     /* of the norms */
    float *weight;      /* [tile][32] what a unit atom's correlation counts for in the
                           selection: norm / largest, or 1; 0 for a zero row or none */
    float *tile_weight; /* [tile] the largest of them */
    otx__panels panels;
    bool cosine;        /* atoms are selected as if all had norm 1 */
} otx__dictionary;

/* ---- norms and direction ---- */

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
        otx__row row = otx__view_row(&dictionary->rows, i);
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
        otx__row row = otx__view_row(&dictionary->rows, i);
        double scale = dictionary->norms[i] > 0.0 ? 1.0 / dictionary->norms[i] : 0.0;
        for (j = 0; j < count; j++)
            sum[j] += scale * (double)otx__row_element(row, first + j);
    }
}

/* ---- splitting the atoms ---- */

/* Splits one atom, and returns its weight. */
OTX__PRIVATE float otx__split_atom(otx__dictionary *dictionary, size_t atom, double *wide)
{
    otx__panels *panels = &dictionary->panels;
    otx__row row = otx__view_row(&dictionary->rows, atom);
    size_t n = dictionary->columns, p;
    double norm = dictionary->norms[atom], along = 0.0;
    float weight;
    otx__row_widen(dictionary->kernels, row, n, wide);
    for (p = 0; p < n; p++) along += wide[p] * dictionary->direction[p];
    dictionary->along[atom] = along;
    if (!(norm > 0.0)) return 0.0f;
    panels->common[atom] = (float)(along / norm);
    if (panels->type == OTX__PANEL_ROWS)
        otx__panels_put_row(panels, atom, row, n, norm);
    else
        (void)otx__panels_put_rest(panels, atom, wide, n, norm, dictionary->direction);
    /* Never 0 for an atom that may be taken; the bounds allow for the lift. */
    weight = dictionary->cosine ? 1.0f : (float)(norm / dictionary->largest);
    return weight < OTX__LEAST_WEIGHT ? OTX__LEAST_WEIGHT : weight;
}

OTX__PRIVATE void otx__split_body(void *argument, size_t tile, int worker)
{
    otx__dictionary_task *task = (otx__dictionary_task *)argument;
    otx__dictionary *dictionary = task->dictionary;
    double *wide = task->scratch + (size_t)worker * dictionary->columns;
    size_t i, end = (tile + 1) * OTX__TILE;
    float largest = 0.0f;
    otx__panels_clear(&dictionary->panels, tile);
    for (i = tile * OTX__TILE; i < end; i++) {
        float weight = i < dictionary->count ? otx__split_atom(dictionary, i, wide) : 0.0f;
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

/* What only screening needs: the direction, and the atoms split along it. */
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

/* >>> src/solve/exact_gram.h */
/* ---- exact gram: products of all pairs of atoms in double ---------------------- */

/* The factors of supports are made of exact products of atoms. Where there are few
   atoms and many targets, the same pairs come again and again: then all of them are
   computed once. <a, b> has the bits of <b, a>, as products of two floats are exact in
   double and are added up in the same order. */

/* Bytes of rows that are read against 32 others before the next ones are: they stay
   in a core's cache. */
#define OTX__EXACT_GRAM_ROW_BYTES 262144

/* Ranges that the tiles up to one, for the products with its atoms, are divided into, so
   that the caller is asked between them. */
OTX__PRIVATE size_t otx__exact_gram_parts(const otx__dictionary *dictionary)
{
    double work = (double)OTX__TILE * (double)dictionary->count * (double)dictionary->columns;
    return otx__min(dictionary->tiles, 1 + (size_t)(work / OTX__POLL_WORK));
}

/* Products of one or two atoms from `a` on with those from `start` on, whose rows are
   given. */
OTX__PRIVATE void otx__exact_gram_pair(const otx__dictionary *dictionary, size_t a, size_t pair,
                                       const otx__row *rows, size_t count, size_t start,
                                       double *wide)
{
    const otx__kernels *kernels = dictionary->kernels;
    size_t pitch = dictionary->count, i;
    double *products = dictionary->exact_gram + a * pitch + start;
    otx__row two[2];
    for (i = 0; i < pair; i++) two[i] = otx__view_row(&dictionary->rows, a + i);
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
OTX__PRIVATE void otx__exact_gram_body(void *argument, size_t index, int worker)
{
    otx__dictionary_task *task = (otx__dictionary_task *)argument;
    otx__dictionary *dictionary = task->dictionary;
    size_t parts = otx__exact_gram_parts(dictionary), tile = index / parts, part = index % parts;
    size_t range = (tile + parts) / parts * OTX__TILE; /* tiles 0 to `tile`, divided */
    size_t n = dictionary->columns, first = tile * OTX__TILE, start, count, a, b;
    size_t last = otx__min(dictionary->count, first + OTX__TILE);
    size_t end = otx__min(last, (part + 1) * range);
    size_t most = otx__min(OTX__TILE, 4 + OTX__EXACT_GRAM_ROW_BYTES / (4 * n));
    for (start = part * range; start < end; start += count) {
        otx__row rows[OTX__TILE];
        count = otx__min(most, end - start);
        for (b = 0; b < count; b++) rows[b] = otx__view_row(&dictionary->rows, start + b);
        for (a = first; a < last; a += 2)
            otx__exact_gram_pair(dictionary, a, otx__min(2, last - a), rows, count, start,
                                 task->scratch + (size_t)worker * n);
        for (a = first; a < last; a++)
            for (b = start; b < otx__min(start + count, first); b++)
                dictionary->exact_gram[b * dictionary->count + a] =
                    dictionary->exact_gram[a * dictionary->count + b];
    }
}

/* scratch: [worker][columns]. */
OTX__PRIVATE otx_result otx__exact_gram_fill(otx__dictionary *dictionary, double *scratch,
                                             otx_error *error)
{
    otx__watch watch = otx__watch_open(dictionary->ctx, OTX_STAGE_GRAM, dictionary->count,
                                       dictionary->count);
    double work = (double)OTX__TILE * (double)dictionary->count * (double)dictionary->columns;
    size_t parts = otx__exact_gram_parts(dictionary);
    otx__dictionary_task task;
    task.dictionary = dictionary;
    task.scratch = scratch;
    return otx__watch_loop(&watch, dictionary->tiles * parts, work / (double)parts,
                           otx__exact_gram_body, &task, error);
}

/* >>> src/solve/triangle.h */
/* ---- triangle: packed lower triangles, row after row without the zeros ------- */

/* Row i of L holds i + 1 elements from i (i + 1) / 2 on. The loops take four rows at
   a time, for the processor to have four sums under way; the order of the operations
   on any one number, and so every bit, is that of the loops over single rows. */
#define OTX__TRIANGLE_ROWS 4

/* Pointers that nothing else in the function reaches. */
#if defined(__GNUC__) || defined(__clang__) || defined(_MSC_VER)
#define OTX__RESTRICT __restrict
#else
#define OTX__RESTRICT
#endif

OTX__PRIVATE size_t otx__triangle_size(size_t rows) { return rows * (rows + 1) / 2; }

/* The elements (first + i, first + j), i > j, of four rows' own block. */
OTX__PRIVATE void otx__triangle_corner(const double *const rows[OTX__TRIANGLE_ROWS], size_t first,
                                       size_t count, double sums[OTX__TRIANGLE_ROWS])
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
    for (first = 0; first < count; first += OTX__TRIANGLE_ROWS) {
        size_t rows = otx__min(OTX__TRIANGLE_ROWS, count - first);
        const double *at[OTX__TRIANGLE_ROWS];
        double sums[OTX__TRIANGLE_ROWS], s0, s1, s2, s3;
        for (i = 0; i < OTX__TRIANGLE_ROWS; i++) {
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
    for (end = count; end > 0; end -= otx__min(OTX__TRIANGLE_ROWS, end)) {
        size_t rows = otx__min(OTX__TRIANGLE_ROWS, end), first = end - rows;
        const double *row[OTX__TRIANGLE_ROWS] = {factor, factor, factor, factor};
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
/* ---- support: what is known of one target, and the exact steps ----------------- */

/* Everything here decides: it is computed in double, in one order. */

/* Candidates of one target and step; more mean that every atom is scored. */
#define OTX__CANDIDATES_MAX 256

/* An atom of which less than this share of <a, a> is left without its projection on the
   atoms selected depends on them. */
#define OTX__PIVOT_MIN 1e-12

/* Scores below so many units of columns * ||target|| * ||atom|| are nothing but rounding. */
#define OTX__ROUNDING_LEVEL (64.0 * DBL_EPSILON)

/* A target on its way. The factor is that of the Gram matrix of the atoms selected,
   G = L L' (triangle.h); forward solves L z = A'y. Behind the atoms selected, indices,
   factor and forward may hold predicted ones (predict.h); raising the count selects them.
   The coefficients are those of the atoms selected after otx__support_solve. */
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

/* What one worker computes in, and what it counts. */
typedef struct otx__scratch {
    double *row, *residual; /* [columns] */
    const void *row_target; /* the target that row holds, or NULL */
    otx__row *rows;         /* [k + 1] those of the atoms selected */
    double *products;       /* [k + 2] */
    double *scores;         /* [otx__scratch_scores(atoms)] */
    float *block;           /* [OTX__GROUP][32][32] dense products */
    float *rough;           /* [columns] */
    float *least;           /* [target of a block] the residual form: what the largest
                               weighted correlation is at least, by the tiles seen */
    uint32_t *survivors;    /* [atoms] likewise: those that a scan has not ruled out */
    uint64_t survivors_scored, survivors_steps; /* since the last scan: in float; steps */
    uint64_t fallbacks, steps;
    uint64_t candidates[OTX__CANDIDATES_MAX + 1]; /* steps by how many atoms were
                                                     candidates; the last: every atom was */
    double seconds_rescore, seconds_factor, seconds_predict;
} otx__scratch;

/* Scores that a worker needs room for. */
OTX__PRIVATE size_t otx__scratch_scores(size_t atoms)
{
    return otx__max(atoms, OTX__CANDIDATES_MAX);
}

/* What all targets share. */
typedef struct otx__problem {
    const otx__dictionary *dictionary;
    otx__view targets;
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
        scratch->rows[i] = otx__view_row(&problem->dictionary->rows, (size_t)support->indices[i]);
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

/* The products of an atom with those selected and, behind them, with the target, where
   all products of atoms are kept: only that with the target is computed, from the target
   widened, which stays for the next atom. */
OTX__PRIVATE void otx__support_look_up(const otx__problem *problem, const otx__support *support,
                                       size_t atom, otx__scratch *scratch, double *products)
{
    const otx__dictionary *dictionary = problem->dictionary;
    const double *gram = dictionary->exact_gram + atom * dictionary->count;
    otx__row row = otx__view_row(&dictionary->rows, atom);
    size_t i;
    /* They lie anywhere: asked for now, they are there when the target's is done. */
    for (i = 0; i < support->count; i++) OTX__PREFETCH(gram + support->indices[i]);
    if (scratch->row_target != support->target.data)
        otx__row_widen(dictionary->kernels, support->target, dictionary->columns, scratch->row);
    scratch->row_target = support->target.data;
    dictionary->kernels->products(scratch->row, &row, 1, dictionary->columns, products + i);
    for (i = 0; i < support->count; i++) products[i] = gram[support->indices[i]];
}

/* The same, looked up or computed. */
OTX__PRIVATE void otx__support_products(const otx__problem *problem,
                                        const otx__support *support, size_t atom,
                                        otx__scratch *scratch, double *products)
{
    const otx__dictionary *dictionary = problem->dictionary;
    const otx__kernels *kernels = dictionary->kernels;
    size_t t = support->count, together = t;
    if (dictionary->exact_gram) {
        otx__support_look_up(problem, support, atom, scratch, products);
        return;
    }
    otx__row_widen(kernels, otx__view_row(&dictionary->rows, atom), dictionary->columns,
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
    if (!(pivot > OTX__PIVOT_MIN * dictionary->squares[atom])) return false;
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
    return score <= OTX__ROUNDING_LEVEL * (double)dictionary->columns * support->norm *
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
        for (j = 0; j < count; j++) rows[j] = otx__view_row(&dictionary->rows, i + j);
        dictionary->kernels->dots(scratch->residual, rows, count, dictionary->columns, scores);
        for (j = 0; j < count; j++) scores[j] = otx__score(dictionary, i + j, scores[j]);
    }
    scratch->candidates[OTX__CANDIDATES_MAX]++;
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
/* ---- gram table: products of atoms with all atoms, for scans -------------------- */

/* Whether correlations come from a table of products, not from the residuals. */
OTX__PRIVATE bool otx__form_scans(otx_omp_form form)
{
    return form == OTX_FORM_GRAM || form == OTX_FORM_COLUMNS;
}

#define OTX__NO_ATOM UINT32_MAX

/* Columns that are computed together at most: whole tiles. */
#define OTX__BATCH_COLUMNS 512

/* The rests' products as 16-bit fixed point: [tile][slot][32], the 32 atoms of a tile
   against the atom in a slot. In the Gram form every atom stands in the slot of its own
   number. In the columns form only atoms that supports hold have a slot, as long as they
   need it; a column is computed when its atom comes in. */
typedef struct otx__gram_table {
    otx__dictionary *dictionary;
    int16_t *products;
    size_t slots;
    size_t group;     /* the Gram form: the first of the tiles at hand */
    uint64_t columns; /* computed so far */
    /* The columns form only: */
    int32_t *slot_of;          /* [atom] -1: none */
    uint32_t *atom_of;         /* [slot] OTX__NO_ATOM: free */
    uint32_t *last_needed;     /* [slot] the pass that needed it last */
    uint32_t pass;
    size_t next_slot;          /* where the search for a free slot goes on */
    bool full;                 /* no slot was left in this pass */
    uint32_t *missing;         /* slots whose columns are to be computed */
    size_t missing_count;
    size_t batch, batch_count; /* those at hand: the first, and how many */
    otx__panels panels;        /* their atoms */
} otx__gram_table;

/* Nearest integer to a number, within int16; wrong by at most 0.51 in all. */
OTX__PRIVATE int16_t otx__fixed(float value)
{
    float shifted = value + (value < 0.0f ? -0.5f : 0.5f);
    if (shifted > 32767.0f) return 32767;
    if (shifted < -32767.0f) return -32767;
    return (int16_t)shifted;
}

OTX__PRIVATE int16_t *otx__gram_table_at(const otx__gram_table *table, size_t tile, size_t slot)
{
    return table->products + (tile * table->slots + slot) * OTX__TILE;
}

/* ---- the Gram form: all of them ---- */

typedef struct otx__gram_table_task {
    otx__gram_table *table;
    const otx__scratch *scratch; /* [worker] */
} otx__gram_table_task;

/* The products of the rests of two tiles' atoms, of the exact products of these. */
OTX__PRIVATE void otx__gram_table_from_exact(const otx__dictionary *dictionary, size_t tile,
                                             size_t other, float *block)
{
    const float *common = dictionary->panels.common;
    size_t i, j;
    memset(block, 0, OTX__TILE * OTX__TILE * sizeof *block);
    for (j = other * OTX__TILE; j < otx__min(dictionary->count, (other + 1) * OTX__TILE); j++) {
        const double *row = dictionary->exact_gram + j * dictionary->count;
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
OTX__PRIVATE void otx__gram_table_fill_body(void *argument, size_t index, int worker)
{
    otx__gram_table_task *task = (otx__gram_table_task *)argument;
    otx__gram_table *table = task->table;
    const otx__dictionary *dictionary = table->dictionary;
    const otx__panels *panels = &dictionary->panels;
    size_t end = otx__min(dictionary->tiles, table->group + otx__panels_group(panels));
    size_t first = otx__max(table->group, index), tile, i, j;
    float *block = task->scratch[worker].block;
    for (tile = first; tile < end && dictionary->exact_gram; tile++)
        otx__gram_table_from_exact(dictionary, tile, index,
                                   block + (tile - first) * OTX__TILE * OTX__TILE);
    if (!dictionary->exact_gram)
        otx__panels_multiply(dictionary->kernels, panels, first, end - first, panels, index,
                             block);
    for (tile = first; tile < end; tile++, block += OTX__TILE * OTX__TILE) {
        int16_t *here = otx__gram_table_at(table, tile, index * OTX__TILE);
        int16_t *there = otx__gram_table_at(table, index, tile * OTX__TILE);
        for (i = 0; i < OTX__TILE * OTX__TILE; i++) here[i] = otx__fixed(block[i] * 32767.0f);
        if (tile == index) continue;
        for (i = 0; i < OTX__TILE; i++)
            for (j = 0; j < OTX__TILE; j++) there[i * OTX__TILE + j] = here[j * OTX__TILE + i];
    }
}

OTX__PRIVATE otx_result otx__gram_table_fill(otx__gram_table *table, const otx__scratch *scratch,
                                             otx_error *error)
{
    const otx__dictionary *dictionary = table->dictionary;
    size_t group = otx__panels_group(&dictionary->panels), end;
    otx_result result = OTX_OK;
    otx__gram_table_task task;
    task.table = table;
    task.scratch = scratch;
    for (table->group = 0; table->group < dictionary->tiles && !result; table->group += group) {
        double work = (double)group * OTX__TILE * OTX__TILE * (double)dictionary->columns;
        otx__watch watch = otx__watch_open(dictionary->ctx, OTX_STAGE_GRAM,
                                           table->group * OTX__TILE,
                                           dictionary->tiles * OTX__TILE);
        end = otx__min(dictionary->tiles, table->group + group);
        result = otx__watch_loop(&watch, end, work, otx__gram_table_fill_body, &task, error);
    }
    table->columns = dictionary->count;
    return result;
}

/* ---- the columns form: those that are needed ---- */

OTX__PRIVATE void otx__gram_table_clear(otx__gram_table *table)
{
    size_t i;
    for (i = 0; i < table->dictionary->count; i++) table->slot_of[i] = -1;
    for (i = 0; i < table->slots; i++) {
        table->atom_of[i] = OTX__NO_ATOM;
        table->last_needed[i] = 0;
    }
}

/* Nothing is needed yet in the pass that begins. */
OTX__PRIVATE void otx__gram_table_begin(otx__gram_table *table)
{
    table->pass++;
    table->missing_count = 0;
    table->full = false;
}

/* Whether an atom has a column. */
OTX__PRIVATE bool otx__gram_table_has(const otx__gram_table *table, size_t atom)
{
    return !table->slot_of || table->slot_of[atom] >= 0;
}

OTX__PRIVATE uint32_t otx__gram_table_slot(const otx__gram_table *table, size_t atom)
{
    return table->slot_of ? (uint32_t)table->slot_of[atom] : (uint32_t)atom;
}

/* Keeps an atom's column for this pass, giving it a slot that nobody else needs
   in this pass if it has none. False if there is none. */
OTX__PRIVATE bool otx__gram_table_need(otx__gram_table *table, size_t atom)
{
    size_t tried, slot;
    if (table->slot_of[atom] >= 0) {
        table->last_needed[table->slot_of[atom]] = table->pass;
        return true;
    }
    for (tried = 0; tried < table->slots && !table->full; tried++) {
        slot = table->next_slot;
        table->next_slot = (slot + 1) % table->slots;
        if (table->last_needed[slot] == table->pass) continue;
        if (table->atom_of[slot] != OTX__NO_ATOM) table->slot_of[table->atom_of[slot]] = -1;
        table->atom_of[slot] = (uint32_t)atom;
        table->slot_of[atom] = (int32_t)slot;
        table->last_needed[slot] = table->pass;
        table->missing[table->missing_count++] = (uint32_t)slot;
        return true;
    }
    table->full = true;
    return false;
}

/* Gathers the atoms of one panel of the columns at hand. */
OTX__PRIVATE void otx__gram_table_gather_body(void *argument, size_t index, int worker)
{
    otx__gram_table *table = ((otx__gram_table_task *)argument)->table;
    size_t i, end = otx__min(table->batch_count, (index + 1) * OTX__TILE);
    (void)worker;
    for (i = index * OTX__TILE; i < end; i++)
        otx__panels_copy(&table->panels, i, &table->dictionary->panels,
                         table->atom_of[table->missing[table->batch + i]]);
}

/* One group of tiles against the columns at hand. */
OTX__PRIVATE void otx__gram_table_columns_body(void *argument, size_t index, int worker)
{
    otx__gram_table_task *task = (otx__gram_table_task *)argument;
    otx__gram_table *table = task->table;
    const otx__dictionary *dictionary = table->dictionary;
    size_t group = otx__panels_group(&dictionary->panels), first = index * group;
    size_t tiles = otx__min(group, dictionary->tiles - first), panel, tile, i, j;
    float *block = task->scratch[worker].block;
    for (panel = 0; panel < otx__tiles(table->batch_count); panel++) {
        size_t columns = otx__min(OTX__TILE, table->batch_count - panel * OTX__TILE);
        const uint32_t *slots = table->missing + table->batch + panel * OTX__TILE;
        otx__panels_multiply(dictionary->kernels, &dictionary->panels, first, tiles,
                             &table->panels, panel, block);
        for (tile = 0; tile < tiles; tile++) {
            for (j = 0; j < columns; j++) {
                const float *column = block + (tile * OTX__TILE + j) * OTX__TILE;
                int16_t *to = otx__gram_table_at(table, first + tile, slots[j]);
                for (i = 0; i < OTX__TILE; i++) to[i] = otx__fixed(column[i] * 32767.0f);
            }
        }
    }
}

/* Computes the columns of the atoms that got a slot in this pass. */
OTX__PRIVATE otx_result otx__gram_table_compute(otx__gram_table *table, otx__watch *watch,
                                                const otx__scratch *scratch, otx_error *error)
{
    const otx__dictionary *dictionary = table->dictionary;
    size_t group = otx__panels_group(&dictionary->panels);
    size_t groups = (dictionary->tiles + group - 1) / group;
    otx_result result = OTX_OK;
    otx__gram_table_task task;
    task.table = table;
    task.scratch = scratch;
    for (table->batch = 0; table->batch < table->missing_count && !result;
         table->batch += table->batch_count) {
        size_t count = otx__min(OTX__BATCH_COLUMNS, table->missing_count - table->batch);
        double work = (double)(group * OTX__TILE) * (double)count * (double)dictionary->columns;
        table->batch_count = count;
        otx__parallel(dictionary->ctx, otx__tiles(count), otx__gram_table_gather_body, &task);
        result = otx__watch_loop(watch, groups, work, otx__gram_table_columns_body, &task, error);
    }
    table->columns += table->missing_count;
    return result;
}

/* >>> src/solve/screen.h */
/* ---- screen: which atoms are worth scoring in double ---------------------------- */

/* Screening finds, for a block of targets at a time, approximate correlations of
   every atom with every residual and a bound on their error. Only atoms that the
   bound cannot rule out are scored in double, so the selection is exact whatever
   the screen computes in.

   With unit atoms a^ = common * m + rest, and everything in units of the target's
   norm, the correlation of atom n with the residual r = y - sum beta_j a^_j is

       <r, a^_n> = common_n <r, m> + <y', rest_n> - sum beta_j <rest_j, rest_n>

   where y' is y without its part along m. The Gram form and the columns form keep
   the products <rest_j, rest_n> (gram_table.h) and <y', rest_n> as 16-bit fixed point, and
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

#define OTX__FLOAT_ROUNDOFF 5.9604644775390625e-08 /* u */
#define OTX__FIXED_ROUNDOFF (0.51 / 32767.0)       /* grid */

/* Of a correlation in units of the target's norm, for one set. The residual form has one
   set and no second bound; its first may be infinite. */
typedef struct otx__bound {
    double scanned; /* as a scan computes it, with rounded betas */
    double refined; /* with the betas as floats */
} otx__bound;

/* A block of targets, and what the screen knows of them. A set is a support that a scan
   looks at: number 0 the atoms selected, and with each further one a predicted atom
   more. */
typedef struct otx__screen {
    const otx__problem *problem;
    otx_omp_form form;
    otx__gram_table table;  /* in the forms that scan */
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
    otx__bound *bounds;     /* [target][OTX__SETS] */
    float *betas;           /* [target][OTX__SETS][pitch] */
    double *along;          /* [target] <y, m> / ||y|| */
    double *rest;           /* [target] ||y'|| / ||y||, rounded up */
    float *scales;          /* these five as in otx__scan */
    uint32_t *atoms, *counts, *sets;
    int16_t *steps;
    uint32_t *last_right;   /* [target] the last set that the last scan was asked about: all
                               atoms predicted for it were right */
    uint32_t *undecided;    /* targets whose every atom is to be scored */
    otx__scratch *scratch;  /* [worker] */
    otx__watch watch;       /* of the stage at hand */
    uint64_t passes;        /* scans of a whole block */
    bool too_coarse;        /* the panels' 8 bits leave too many candidates */
} otx__screen;

/* Where <y', rest> of a tile's atoms stands for one target. */
OTX__PRIVATE int16_t *otx__screen_start(const otx__screen *screen, size_t tile, size_t target)
{
    return screen->start + (tile * screen->capacity + target) * OTX__TILE;
}

OTX__PRIVATE otx__bound *otx__screen_bound(const otx__screen *screen, size_t target, size_t set)
{
    return &screen->bounds[target * OTX__SETS + set];
}

/* Whether the residual form has a bound for a target. */
OTX__PRIVATE bool otx__screen_is_bounded(const otx__screen *screen, size_t target)
{
    return otx__screen_bound(screen, target, 0)->scanned < HUGE_VAL;
}

OTX__PRIVATE double otx__chain_error(size_t columns)
{
    return ((double)OTX__CHAIN + (double)(columns / OTX__CHAIN) + 12.0) * OTX__FLOAT_ROUNDOFF;
}

/* ---- what a scan needs of one target ---- */

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

/* The betas of one set on their way into a scan. */
typedef struct otx__set_betas {
    double *values;      /* [count] in double; in the end what rounding took off them */
    double sum, largest; /* of their magnitudes */
    double along;        /* <r, m> */
    double unit;         /* that they are rounded to multiples of */
} otx__set_betas;

/* Makes the betas of a support, whose coefficients are current, and keeps them as floats. */
OTX__PRIVATE void otx__screen_take_betas(const otx__screen *screen, size_t target, size_t set,
                                         otx__set_betas *betas)
{
    const otx__dictionary *dictionary = screen->problem->dictionary;
    const otx__support *support = &screen->supports[target];
    float *kept = screen->betas + (target * OTX__SETS + set) * screen->pitch;
    uint32_t *atoms = screen->atoms + target * screen->pitch;
    double scale = 1.0 / support->norm, along = screen->along[target], sum = 0.0, largest = 0.0;
    size_t j;
    for (j = 0; j < support->count; j++) {
        size_t atom = (size_t)support->indices[j];
        double share = support->coefficients[j] * scale;
        double beta = share * dictionary->norms[atom];
        along -= share * dictionary->along[atom];
        sum += fabs(beta);
        if (fabs(beta) > largest) largest = fabs(beta);
        atoms[j] = otx__gram_table_slot(&screen->table, atom);
        kept[j] = (float)beta;
        betas->values[j] = beta;
    }
    betas->along = along;
    betas->sum = sum;
    betas->largest = largest;
}

/* Rounds the betas to 16 bits, and leaves of each the error of the coefficient itself, as
   the factor wants it. */
OTX__PRIVATE void otx__screen_round_betas(const otx__screen *screen, size_t target, size_t set,
                                          otx__set_betas *betas)
{
    const otx__dictionary *dictionary = screen->problem->dictionary;
    const otx__support *support = &screen->supports[target];
    int16_t *steps = screen->steps + target * OTX__SETS * screen->pitch + 2 * set;
    size_t count = support->count, j;
    double *values = betas->values, unit, rate;
    /* Sums of up to 65,536 times 32,767 fit 32 bits. */
    unit = betas->sum / (65500.0 - (double)count);
    if (unit < betas->largest / 32766.0) unit = betas->largest / 32766.0;
    if (!(unit > 0.0)) unit = 1.0;
    rate = 1.0 / unit;
    for (j = 0; j < count; j++) {
        double rounded = values[j] * rate;
        int16_t step = (int16_t)(rounded + (rounded < 0.0 ? -0.5 : 0.5));
        steps[j / 2 * OTX__SETS * 2 + j % 2] = step;
        values[j] = (values[j] - unit * step) * support->norm /
                    dictionary->norms[support->indices[j]];
    }
    /* Later sets are larger, but by no more than a scan can take. */
    for (; j < otx__min(screen->pitch, count + OTX__SETS + 1); j++)
        steps[j / 2 * OTX__SETS * 2 + j % 2] = 0;
    betas->unit = unit;
}

/* The bound of a set, as above; the betas' errors are lost. */
OTX__PRIVATE otx__bound otx__screen_bound_set(const otx__screen *screen, size_t target,
                                              otx__set_betas *betas)
{
    const otx__support *support = &screen->supports[target];
    double chain = otx__chain_error(screen->problem->dictionary->columns);
    double rest = screen->rest[target], sum = betas->sum, count = (double)support->count;
    double ones = screen->panels.type == OTX__PANEL_ROWS ? 1.0 : rest;
    otx__bound bound;
    /* What the scan adds up are the rounded betas. */
    bound.scanned = (sum + 0.5 * count * betas->unit) * (OTX__FIXED_ROUNDOFF + chain) +
                    rest * OTX__FIXED_ROUNDOFF + ones * chain +
                    8.0 * OTX__FLOAT_ROUNDOFF *
                        (2.0 + 2.0 * sum + 2.0 * rest + fabs(betas->along));
    bound.refined = bound.scanned + (count + 4.0) * OTX__FLOAT_ROUNDOFF * sum;
    /* ||sum of errors_j a_j||: with G = L L' that is ||L' e||. */
    bound.scanned += otx__triangle_norm(support->factor, support->count, betas->values) *
                     (1.0 + 1e-6) * (1.0 / support->norm);
    return bound;
}

/* Makes a support ready for the next scan, as its set number `set`. */
OTX__PRIVATE void otx__screen_prepare(otx__screen *screen, size_t target, size_t set,
                                      otx__scratch *scratch)
{
    otx__support *support = &screen->supports[target];
    uint32_t *atoms = screen->atoms + target * screen->pitch;
    float *scales = screen->scales + 3 * (target * OTX__SETS + set);
    size_t count = support->count;
    otx__set_betas betas;
    betas.values = scratch->products;
    otx__support_solve(support);
    otx__screen_take_betas(screen, target, set, &betas);
    otx__screen_round_betas(screen, target, set, &betas);
    *otx__screen_bound(screen, target, set) = otx__screen_bound_set(screen, target, &betas);
    if (count % 2) {
        atoms[count] = atoms[count - 1];
        count++;
    }
    screen->counts[target] = (uint32_t)count;
    screen->sets[target] = (uint32_t)set + 1;
    scales[0] = (float)(screen->rest[target] / 32767.0);
    scales[1] = (float)betas.along;
    scales[2] = (float)(betas.unit / 32767.0);
}

/* Sums of coefficients, and parts of a residual, both in units of the target's norm, from
   which on the residual form scores every atom: the bound would mean nothing. */
#define OTX__BOUND_SUM_MAX 1e20
#define OTX__BOUND_PART_MAX 3.0

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
    otx__screen_bound(screen, target, 0)->scanned = HUGE_VAL;
    if (!(sum < OTX__BOUND_SUM_MAX)) return;
    along = otx__screen_split(screen, target, scratch->residual);
    if (!(screen->rest[target] + fabs(along) < OTX__BOUND_PART_MAX)) return;
    /* Rounded to 8 bits, sums are exact; in float, of numbers a little larger at most. */
    bound = screen->panels.type == OTX__PANEL_INT8 ? 0.0 : 1.02 * chain * screen->rest[target];
    bound += 16.0 * OTX__FLOAT_ROUNDOFF * (2.0 + screen->rest[target] + fabs(along)) +
             8.0 * DBL_EPSILON * (1.0 + sum) *
                 (double)(problem->k + problem->dictionary->columns);
    /* <a, r> - <a', r'>, with what they are rounded to: at most |a - a'| |r| + |a'| |r - r'|,
       and |a'| is at most 1 + |a - a'|. */
    bound += (double)screen->panels.error[target];
    screen->rest[target] += (double)screen->panels.error[target];
    otx__screen_bound(screen, target, 0)->scanned = bound * (1.0 + 1e-6);
}

/* >>> src/solve/scan.h */
/* ---- scan: the correlations of all atoms with a block's residuals --------------- */

/* ---- products of all atoms with the rows of a panel ---- */

/* Products of a tile's atoms with one target: to fixed point. */
OTX__PRIVATE void otx__screen_keep(const otx__screen *screen, size_t tile, size_t target,
                                   const float *products)
{
    double rest = screen->rest[target];
    float scale = rest > 0.0 ? (float)(32767.0 / rest) : 0.0f;
    int16_t *start = otx__screen_start(screen, tile, target);
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
    sift.bound = (float)otx__screen_bound(screen, target, 0)->scanned;
    sift.rest = (float)screen->rest[target];
    screen->masks[at] = dictionary->kernels->sift(&sift, &least[target], &screen->best[at]);
}

/* The products of a tile with the targets of one panel; in the residual form `least` is
   what the best of each target is at least, as far as this worker knows. */
OTX__PRIVATE void otx__screen_products(const otx__screen *screen, size_t tile, size_t panel,
                                       const float *products, float *least)
{
    size_t first = panel * OTX__TILE, target;
    size_t end = otx__min(screen->count, first + OTX__TILE);
    for (target = first; target < end; target++, products += OTX__TILE) {
        if (otx__form_scans(screen->form)) otx__screen_keep(screen, tile, target, products);
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

/* ---- scanning ---- */

OTX__PRIVATE otx__scan otx__screen_scan(const otx__screen *screen, size_t tile, size_t target,
                                        size_t count)
{
    const otx__dictionary *dictionary = screen->problem->dictionary;
    otx__scan scan;
    scan.gram = otx__gram_table_at(&screen->table, tile, 0);
    scan.common = dictionary->panels.common + tile * OTX__TILE;
    scan.weight = dictionary->weight + tile * OTX__TILE;
    scan.start = otx__screen_start(screen, tile, target);
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
    const int16_t *start = otx__screen_start(screen, tile, target);
    const float *common = dictionary->panels.common + tile * OTX__TILE;
    for (i = 0; i < OTX__TILE; i++)
        correlations[i] = (float)start[i] * scales[0] + common[i] * scales[1];
    dictionary->kernels->refine(otx__gram_table_at(&screen->table, tile, 0), atoms, betas, count,
                                correlations);
}

/* >>> src/solve/predict.h */
/* ---- predict: making targets ready for the next scan ---------------------------- */

/* Atoms among which those of the next steps are looked for, each from another tile. */
#define OTX__PROSPECTS_MAX 24

/* The best atoms of the tiles that held the best ones for a target's set, without those
   that it holds. Returns how many. */
OTX__PRIVATE size_t otx__prospects_find(const otx__screen *screen, size_t target, size_t set,
                                        uint32_t atoms[OTX__PROSPECTS_MAX])
{
    size_t tiles = screen->problem->dictionary->tiles, count = 0, kept = 0, tile, at;
    size_t most = otx__min(OTX__PROSPECTS_MAX, 4 + tiles / 8);
    const float *best = screen->best + set * tiles * screen->capacity + target;
    float values[OTX__PROSPECTS_MAX];
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

/* Columns from which on looking up exact products of atoms, which lie anywhere, takes less
   time than reading the atoms. */
#define OTX__LOOK_UP_COLUMNS_MIN 1024

/* Roughly the products of atoms with the residual of a target's support, whose
   coefficients are current: by the products of the atoms and, as the screen has them, of
   the target. */
OTX__PRIVATE void otx__prospects_look_up(const otx__screen *screen, size_t target,
                                         const uint32_t *atoms, size_t count, double *products)
{
    const otx__dictionary *dictionary = screen->problem->dictionary;
    const otx__support *support = &screen->supports[target];
    size_t i, j;
    for (i = 0; i < count; i++) {
        size_t atom = atoms[i], tile = atom / OTX__TILE, lane = atom % OTX__TILE;
        const double *gram = dictionary->exact_gram + atom * dictionary->count;
        double start = (double)otx__screen_start(screen, tile, target)[lane];
        double sum = start * screen->rest[target] / 32767.0 +
                     screen->along[target] * (double)dictionary->panels.common[atom];
        sum *= support->norm * dictionary->norms[atom];
        for (j = 0; j < support->count; j++)
            sum -= support->coefficients[j] * gram[support->indices[j]];
        products[i] = sum;
    }
}

/* The same by the residual, in float. */
OTX__PRIVATE void otx__prospects_multiply(const otx__screen *screen, size_t target,
                                          const uint32_t *atoms, size_t count,
                                          otx__scratch *scratch, double *products)
{
    const otx__dictionary *dictionary = screen->problem->dictionary;
    const otx__support *support = &screen->supports[target];
    otx__row rows[OTX__PROSPECTS_MAX];
    float rough[OTX__PROSPECTS_MAX];
    size_t i;
    for (i = 0; i < count; i++) rows[i] = otx__view_row(&dictionary->rows, atoms[i]);
    otx__support_rows(screen->problem, support, scratch);
    dictionary->kernels->rough_residual(scratch->rough, support->target, support->coefficients,
                                        scratch->rows, support->count, dictionary->columns);
    dictionary->kernels->rough_dots(scratch->rough, rows, count, dictionary->columns, rough);
    for (i = 0; i < count; i++) products[i] = (double)rough[i];
}

/* Takes the best of these atoms for a target's support off the list. False if there is
   none. */
OTX__PRIVATE bool otx__prospects_take(const otx__screen *screen, size_t target,
                                      uint32_t *atoms, size_t *count, otx__scratch *scratch,
                                      size_t *atom)
{
    const otx__dictionary *dictionary = screen->problem->dictionary;
    double products[OTX__PROSPECTS_MAX], score = 0.0;
    size_t i, best = 0;
    if (dictionary->exact_gram && dictionary->columns >= OTX__LOOK_UP_COLUMNS_MIN)
        otx__prospects_look_up(screen, target, atoms, *count, products);
    else
        otx__prospects_multiply(screen, target, atoms, *count, scratch, products);
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
   the other that is likely to come. The factor grows with them; the count does not. */
OTX__PRIVATE void otx__screen_predict(otx__screen *screen, size_t target, otx__scratch *scratch)
{
    const otx__problem *problem = screen->problem;
    otx__support *support = &screen->supports[target];
    size_t sure = support->count, last = screen->last_right[target], sets, count, atom;
    uint32_t prospects[OTX__PROSPECTS_MAX];
    otx__screen_prepare(screen, target, 0, scratch);
    if (sure == 0) return;
    count = otx__prospects_find(screen, target, last, prospects);
    /* One more than was right the last time. */
    for (sets = 1; sets < OTX__SETS && sets <= last + 1 && support->count + 1 < problem->k;
         sets++) {
        if (!otx__prospects_take(screen, target, prospects, &count, scratch, &atom) ||
            !otx__gram_table_has(&screen->table, atom) ||
            !otx__support_append(problem, support, atom, scratch))
            break;
        otx__screen_prepare(screen, target, sets, scratch);
    }
    support->count = sure;
}

/* Whether all the atoms that a target has selected have a column. */
OTX__PRIVATE bool otx__screen_has_columns(const otx__screen *screen, size_t target)
{
    const otx__support *support = &screen->supports[target];
    size_t i;
    for (i = 0; i < support->count; i++)
        if (!otx__gram_table_has(&screen->table, (size_t)support->indices[i])) return false;
    return true;
}

/* Makes a target ready for the next scan. One that has ended, or whose columns are
   not there, is left out of it. */
OTX__PRIVATE void otx__screen_make_ready(otx__screen *screen, size_t target, otx__scratch *scratch)
{
    double clock = otx__now();
    if (!otx__form_scans(screen->form))
        otx__screen_residual(screen, target, scratch);
    else if (screen->supports[target].ended || !otx__screen_has_columns(screen, target))
        screen->sets[target] = screen->counts[target] = 0;
    else
        otx__screen_predict(screen, target, scratch);
    scratch->seconds_predict += otx__now() - clock;
}

/* Targets that one task makes ready or selects for: a cache line of `best`. */
#define OTX__TASK_TARGETS 16

OTX__PRIVATE size_t otx__task_count(const otx__screen *screen)
{
    return (screen->count + OTX__TASK_TARGETS - 1) / OTX__TASK_TARGETS;
}

OTX__PRIVATE void otx__waiting_body(void *argument, size_t index, int worker)
{
    otx__screen *screen = (otx__screen *)argument;
    size_t target = index * OTX__TASK_TARGETS;
    size_t end = otx__min(screen->count, target + OTX__TASK_TARGETS);
    for (; target < end; target++)
        if (screen->sets[target] == 0 && !screen->supports[target].ended)
            otx__screen_make_ready(screen, target, &screen->scratch[worker]);
}

/* What selecting for so many targets costs, in multiply-adds or so. */
OTX__PRIVATE double otx__task_work(const otx__screen *screen)
{
    const otx__problem *problem = screen->problem;
    double n = (double)problem->dictionary->count, d = (double)problem->dictionary->columns;
    double scored = otx__form_scans(screen->form) ? 0.0 : n / 8.0; /* a block may have more */
    return OTX__TASK_TARGETS * (16.0 * (double)problem->k * d + scored * d + n / 8.0);
}

/* Makes the targets ready that the last scan left out: all of a new block or of new panels,
   and those that waited for columns. */
OTX__PRIVATE otx_result otx__screen_make_waiting_ready(otx__screen *screen, otx_error *error)
{
    return otx__watch_loop(&screen->watch, otx__task_count(screen), otx__task_work(screen),
                           otx__waiting_body, screen, error);
}

/* ---- the columns form ---- */

/* Keeps, or gets, the columns of a target's atoms; false if there is no room. */
OTX__PRIVATE bool otx__screen_need_columns(otx__screen *screen, size_t target)
{
    const otx__support *support = &screen->supports[target];
    size_t count = support->count, i;
    if (screen->sets[target]) count += screen->sets[target] - 1; /* those predicted */
    for (i = 0; i < count; i++)
        if (!otx__gram_table_need(&screen->table, (size_t)support->indices[i])) return false;
    return true;
}

/* The columns form: gets the columns that waiting targets need, the first of them
   first, and keeps those that the others use. As there is room for k columns, one
   target at least goes on, so all of them end. */
OTX__PRIVATE otx_result otx__screen_get_columns(otx__screen *screen, otx_error *error)
{
    otx__gram_table *table = &screen->table;
    size_t target;
    otx_result result;
    if (screen->form != OTX_FORM_COLUMNS) return OTX_OK;
    otx__gram_table_begin(table);
    for (target = 0; target < screen->count; target++)
        if (screen->sets[target]) (void)otx__screen_need_columns(screen, target);
    for (target = 0; target < screen->count; target++)
        if (!screen->sets[target] && !screen->supports[target].ended)
            (void)otx__screen_need_columns(screen, target);
    result = otx__gram_table_compute(table, &screen->watch, screen->scratch, error);
    return result ? result : otx__screen_make_waiting_ready(screen, error);
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
        scratch->row_target = NULL;
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
    return result ? result : otx__screen_make_waiting_ready(screen, error);
}

/* >>> src/solve/candidates.h */
/* ---- candidates: the atoms that a scan could not rule out ----------------------- */

/* Tiles with candidates of one target and set; more mean that every atom is scored. */
#define OTX__BEST_TILES_MAX 64

/* Atoms that may be the best for one set of one target, with their correlations as the
   screen has them, and weighted with the error added. In the residual form they stand in
   scratch->survivors until otx__sifted_narrow, and have no such numbers. */
typedef struct otx__candidates {
    size_t atoms[OTX__CANDIDATES_MAX];
    double correlations[OTX__CANDIDATES_MAX], high[OTX__CANDIDATES_MAX];
    size_t count;
    bool overflow; /* there are more, or others may be the best */
    double least;  /* what the best weighted correlation of all is at least */
} otx__candidates;

/* Tiles that may hold the best atom for one set of one target. */
typedef struct otx__best_tiles {
    uint32_t tiles[OTX__BEST_TILES_MAX];
    size_t count; /* more than OTX__BEST_TILES_MAX: too many */
    double least; /* what the best weighted correlation of all is at least */
} otx__best_tiles;

/* ---- in the forms that scan ---- */

/* How far the weighted correlation of a scan may be off, relatively, by its last
   operations. */
#define OTX__SCAN_RELATIVE_ERROR (8.0 * OTX__FLOAT_ROUNDOFF + OTX__PACKED)

/* Finds the best tiles of one set of each target of a task. */
OTX__PRIVATE void otx__scanned_tiles(const otx__screen *screen, size_t first, size_t count,
                                     size_t set, otx__best_tiles *found)
{
    const otx__dictionary *dictionary = screen->problem->dictionary;
    const float *all = screen->best + set * dictionary->tiles * screen->capacity + first;
    double least[OTX__TASK_TARGETS], bounds[OTX__TASK_TARGETS];
    size_t tile, j;
    for (j = 0; j < count; j++) {
        /* What is not looked at has no set of this number. */
        bool looked = set < screen->sets[first + j];
        least[j] = looked ? 0.0 : HUGE_VAL;
        bounds[j] = looked ? otx__screen_bound(screen, first + j, set)->scanned : 0.0;
        found[j].count = 0;
    }
    for (tile = 0; tile < dictionary->tiles; tile++) {
        const float *best = all + tile * screen->capacity;
        double weight = dictionary->tile_weight[tile];
        for (j = 0; j < count; j++) {
            double low = (double)best[j] * (1.0 - OTX__SCAN_RELATIVE_ERROR) -
                         weight * bounds[j] - 4.0 * (double)OTX__LEAST_WEIGHT;
            if (low > least[j]) least[j] = low;
        }
    }
    for (j = 0; j < count; j++) found[j].least = least[j];
    for (tile = 0; tile < dictionary->tiles; tile++) {
        const float *best = all + tile * screen->capacity;
        double weight = dictionary->tile_weight[tile];
        for (j = 0; j < count; j++) {
            double high = (double)best[j] * (1.0 + OTX__SCAN_RELATIVE_ERROR) + weight * bounds[j];
            if (!(high >= least[j])) continue;
            if (found[j].count < OTX__BEST_TILES_MAX)
                found[j].tiles[found[j].count] = (uint32_t)tile;
            found[j].count++;
        }
    }
}

/* Adds an atom that may be the best, with what its weighted correlation is at most.
   False if there is no room. */
OTX__PRIVATE bool otx__candidates_add(otx__candidates *candidates, size_t atom,
                                      double correlation, double high)
{
    size_t at = candidates->count;
    candidates->overflow |= at == OTX__CANDIDATES_MAX;
    if (candidates->overflow) return false;
    candidates->atoms[at] = atom;
    candidates->correlations[at] = correlation;
    candidates->high[at] = high;
    candidates->count = at + 1;
    return true;
}

/* Adds the atoms of one tile that may be the best. */
OTX__PRIVATE void otx__scanned_atoms(const otx__screen *screen, size_t tile, size_t target,
                                     size_t set, otx__candidates *candidates)
{
    const otx__dictionary *dictionary = screen->problem->dictionary;
    const float *weights = dictionary->weight + tile * OTX__TILE;
    float correlations[OTX__TILE];
    double bound = otx__screen_bound(screen, target, set)->refined;
    size_t i;
    otx__screen_refine(screen, tile, target, set, correlations);
    for (i = 0; i < OTX__TILE; i++) {
        double weight = (double)weights[i], value = fabs((double)correlations[i]), low, high;
        size_t atom = tile * OTX__TILE + i;
        high = (value + bound) * weight * (1.0 + 8.0 * OTX__FLOAT_ROUNDOFF);
        if (!(weight > 0.0) || high < candidates->least) continue;
        if (otx__support_holds(&screen->supports[target], atom)) continue;
        if (!otx__candidates_add(candidates, atom, value, high)) return;
        low = (value - bound) * weight * (1.0 - 8.0 * OTX__FLOAT_ROUNDOFF) -
              4.0 * (double)OTX__LEAST_WEIGHT;
        if (low > candidates->least) candidates->least = low;
    }
}

/* Drops the candidates that better ones, found later, rule out. */
OTX__PRIVATE void otx__scanned_prune(otx__candidates *candidates)
{
    size_t i, kept = 0;
    for (i = 0; i < candidates->count; i++) {
        if (candidates->high[i] < candidates->least) continue;
        candidates->atoms[kept] = candidates->atoms[i];
        candidates->correlations[kept++] = candidates->correlations[i];
    }
    candidates->count = kept;
}

/* ---- in the residual form ---- */

/* What the best weighted correlation of all is at least, for each target of a task. */
OTX__PRIVATE void otx__sifted_least(const otx__screen *screen, size_t first, size_t count,
                                    otx__best_tiles *found)
{
    size_t workers = (size_t)otx__threads(screen->problem->dictionary->ctx), worker, j;
    for (j = 0; j < count; j++) found[j].least = 0.0;
    for (worker = 0; worker < workers; worker++) {
        const float *least = screen->scratch[worker].least + first;
        for (j = 0; j < count; j++)
            if ((double)least[j] > found[j].least) found[j].least = (double)least[j];
    }
}

/* Gathers the atoms that the scan could not rule out: the survivors. */
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
                scratch->survivors[candidates->count++] = (uint32_t)i;
    }
    scratch->survivors_steps++;
}

/* Survivors up to which all are scored in double; more are scored in float first. */
#define OTX__DIRECT_SCORES_MAX 12

/* The residual, which must be current, as floats of a vector of norm 1. Returns its norm. */
OTX__PRIVATE double otx__survivors_open(const otx__dictionary *dictionary, otx__scratch *scratch)
{
    double norm = otx__norm(scratch->residual, dictionary->columns);
    double unit = norm > 1e-290 ? 1.0 / norm : 0.0;
    size_t i;
    for (i = 0; i < dictionary->columns; i++)
        scratch->rough[i] = (float)(scratch->residual[i] * unit);
    return norm;
}

/* What the scores of some survivors with that vector are at most, by products in float,
   and, of the best of them, at least. A sum of n such products is off by no more
   than n + 2 units of the norms, whatever its order, and by what counts as 0. */
OTX__PRIVATE double otx__survivors_score(const otx__dictionary *dictionary, size_t first,
                                         size_t end, otx__scratch *scratch)
{
    size_t n = dictionary->columns, i, count;
    double share = 1.02 * (double)(n + 2) * OTX__FLOAT_ROUNDOFF;
    double tiny = (double)n * ldexp(1.0, -125), least = 0.0;
    for (; first < end; first += count) {
        const uint32_t *atoms = scratch->survivors + first;
        otx__row rows[OTX__TILE];
        float products[OTX__TILE];
        count = otx__min(OTX__TILE, end - first);
        for (i = 0; i < count; i++) rows[i] = otx__view_row(&dictionary->rows, atoms[i]);
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

/* Drops the survivors whose tile promises less than the atoms of the most
   promising tile have, and returns how many are left, in their order. */
OTX__PRIVATE size_t otx__survivors_prune(const otx__screen *screen, size_t target, size_t count,
                                         double norm, otx__scratch *scratch)
{
    const otx__dictionary *dictionary = screen->problem->dictionary;
    const float *most = screen->best + target;
    double unit = screen->supports[target].norm * (dictionary->cosine ? 1.0 : dictionary->largest);
    size_t best = 0, end, i, kept = 0;
    double least;
    for (i = 0; i < count; i++)
        if (most[scratch->survivors[i] / OTX__TILE * screen->capacity] >
            most[scratch->survivors[best] / OTX__TILE * screen->capacity])
            best = i;
    for (end = best; end < count; end++)
        if (scratch->survivors[end] / OTX__TILE != scratch->survivors[best] / OTX__TILE) break;
    least = otx__survivors_score(dictionary, best, end, scratch) * norm / unit * (1.0 - 1e-5);
    for (i = 0; i < count; i++)
        if ((double)most[scratch->survivors[i] / OTX__TILE * screen->capacity] >= least)
            scratch->survivors[kept++] = scratch->survivors[i];
    return kept;
}

/* Makes candidates of those survivors that can be the best; the deciding residual must be
   current. False if there are none or too many. */
OTX__PRIVATE bool otx__sifted_narrow(const otx__screen *screen, size_t target,
                                     otx__candidates *candidates, otx__scratch *scratch)
{
    const otx__dictionary *dictionary = screen->problem->dictionary;
    size_t count = candidates->count, i;
    bool direct = count <= OTX__DIRECT_SCORES_MAX;
    double least = 0.0;
    if (!direct) {
        double norm = otx__survivors_open(dictionary, scratch);
        count = otx__survivors_prune(screen, target, count, norm, scratch);
        least = otx__survivors_score(dictionary, 0, count, scratch);
        scratch->survivors_scored += count;
    }
    candidates->count = 0;
    for (i = 0; i < count; i++)
        if ((direct || scratch->scores[i] >= least) &&
            !otx__candidates_add(candidates, scratch->survivors[i], 0.0, 0.0))
            return false;
    return candidates->count > 0;
}

/* ---- in either ---- */

/* What the weighted correlations of the atoms selected are at most: nothing without
   ridge, as the residual is orthogonal to them. */
OTX__PRIVATE double otx__candidates_held(const otx__screen *screen, size_t target, size_t set)
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
OTX__PRIVATE void otx__candidates_collect(const otx__screen *screen, size_t target, size_t set,
                                          const otx__best_tiles *found,
                                          otx__candidates *candidates, otx__scratch *scratch)
{
    size_t i;
    candidates->count = 0;
    candidates->least = found->least;
    candidates->overflow = otx__form_scans(screen->form) && found->count > OTX__BEST_TILES_MAX;
    /* An atom that is selected may have set the mark: none is ruled out by it. */
    if (screen->problem->ridge > 0.0 && found->least <= otx__candidates_held(screen, target, set))
        candidates->overflow = true;
    if (!otx__form_scans(screen->form)) {
        candidates->overflow |= !otx__screen_is_bounded(screen, target);
        if (candidates->overflow) return;
        otx__sifted_collect(screen, target, found->least, candidates, scratch);
        return;
    }
    for (i = 0; i < found->count && !candidates->overflow; i++)
        otx__scanned_atoms(screen, found->tiles[i], target, set, candidates);
}

/* >>> src/solve/select.h */
/* ---- select: the next atoms of each target -------------------------------------- */

/* Scores the candidates in double and returns the best, the lowest index among
   equals. */
OTX__PRIVATE size_t otx__select_decide(const otx__screen *screen,
                                       const otx__candidates *candidates, otx__scratch *scratch,
                                       double *score)
{
    const otx__dictionary *dictionary = screen->problem->dictionary;
    otx__row rows[OTX__CANDIDATES_MAX];
    size_t i, best = 0;
    for (i = 0; i < candidates->count; i++)
        rows[i] = otx__view_row(&dictionary->rows, candidates->atoms[i]);
    dictionary->kernels->dots(scratch->residual, rows, candidates->count, dictionary->columns,
                              scratch->scores);
    for (i = 0; i < candidates->count; i++) {
        scratch->scores[i] = otx__score(dictionary, candidates->atoms[i], scratch->scores[i]);
        if (scratch->scores[i] > scratch->scores[best]) best = i;
    }
    *score = scratch->scores[best];
    return candidates->atoms[best];
}

/* Finds the best atom for one support of a target among the candidates, or ends
   the target. False if it takes more than the candidates to tell. */
OTX__PRIVATE bool otx__select_best(otx__screen *screen, size_t target, size_t set,
                                   otx__candidates *candidates, otx__scratch *scratch,
                                   size_t *atom)
{
    const otx__problem *problem = screen->problem;
    otx__support *support = &screen->supports[target];
    double rounding = OTX__ROUNDING_LEVEL * (double)problem->dictionary->columns, score;
    bool scans = otx__form_scans(screen->form);
    double clock;
    if (scans) otx__scanned_prune(candidates);
    /* With atoms barred the screen's least may be theirs. */
    if (candidates->overflow || candidates->count == 0 || support->barred_count) return false;
    *atom = scans ? candidates->atoms[0] : 0;
    if (scans && candidates->count == 1 && !(problem->tolerance > 0.0) &&
        candidates->correlations[0] - otx__screen_bound(screen, target, set)->refined >
            2.0 * rounding) {
        scratch->candidates[0]++;
        return true;
    }
    clock = otx__now();
    otx__support_residual(problem, support, scratch);
    if (!otx__support_is_close(problem, support, scratch)) {
        if (!scans && !otx__sifted_narrow(screen, target, candidates, scratch)) return false;
        *atom = otx__select_decide(screen, candidates, scratch, &score);
        support->ended = otx__is_rounding(problem, support, *atom, score);
        scratch->candidates[candidates->count - 1]++;
    }
    scratch->seconds_rescore += otx__now() - clock;
    return true;
}

/* In place of a number of sets: the target is among screen->undecided. */
#define OTX__SETS_UNDECIDED UINT32_MAX

/* How a step came out. */
typedef enum otx__outcome {
    OTX__STEP_DONE,     /* an atom was selected, or the target has ended */
    OTX__STEP_FORESEEN, /* the atom predicted was: the next set holds good */
    OTX__STEP_OPEN      /* every atom has to be scored */
} otx__outcome;

/* One step of one target, by what the scan found for its set number `set`. */
OTX__PRIVATE otx__outcome otx__select_step(otx__screen *screen, size_t target, size_t set,
                                           otx__candidates *candidates,
                                           otx__scratch *scratch)
{
    const otx__problem *problem = screen->problem;
    otx__support *support = &screen->supports[target];
    size_t atom;
    if (!otx__select_best(screen, target, set, candidates, scratch, &atom))
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

/* Selects for the targets of a task, which a scan has served, and makes them ready for the
   next: target by target, as all that reads the rows of one support. */
OTX__PRIVATE void otx__select_body(void *argument, size_t index, int worker)
{
    otx__screen *screen = (otx__screen *)argument;
    otx__scratch *scratch = &screen->scratch[worker];
    size_t first = index * OTX__TASK_TARGETS, sets = 0, set, j;
    size_t count = otx__min(OTX__TASK_TARGETS, screen->count - first);
    otx__best_tiles found[OTX__SETS][OTX__TASK_TARGETS];
    otx__candidates candidates;
    for (j = 0; j < count; j++) sets = otx__max(sets, screen->sets[first + j]);
    for (set = 0; set < sets; set++) {
        if (otx__form_scans(screen->form))
            otx__scanned_tiles(screen, first, count, set, found[set]);
        else
            otx__sifted_least(screen, first, count, found[set]);
    }
    for (j = 0; j < count; j++) {
        size_t target = first + j;
        otx__outcome outcome = OTX__STEP_FORESEEN;
        if (screen->sets[target] == 0) continue;
        for (set = 0; outcome == OTX__STEP_FORESEEN; set++) {
            screen->last_right[target] = (uint32_t)set;
            otx__candidates_collect(screen, target, set, &found[set][j], &candidates, scratch);
            outcome = otx__select_step(screen, target, set, &candidates, scratch);
        }
        if (outcome == OTX__STEP_OPEN) screen->sets[target] = OTX__SETS_UNDECIDED;
        else otx__screen_make_ready(screen, target, scratch);
    }
}

/* ---- all targets of a block ---- */

OTX__PRIVATE void otx__undecided_body(void *argument, size_t index, int worker)
{
    otx__screen *screen = (otx__screen *)argument;
    otx__scratch *scratch = &screen->scratch[worker];
    size_t target = screen->undecided[index];
    scratch->fallbacks++;
    otx__support_exhaustive_step(screen->problem, &screen->supports[target], scratch);
    otx__screen_make_ready(screen, target, scratch);
}

/* Where more than this share of the atoms survive a scan of 8 bits, telling them apart
   takes longer than scanning in finer numbers. */
#define OTX__SURVIVORS_SHARE_MAX (1.0 / 40.0)

/* Whether the scan was too coarse, by what the workers counted since the last. */
OTX__PRIVATE bool otx__screen_is_too_coarse(const otx__screen *screen)
{
    const otx__dictionary *dictionary = screen->problem->dictionary;
    uint64_t atoms = 0, steps = 0;
    size_t worker;
    for (worker = 0; worker < (size_t)otx__threads(dictionary->ctx); worker++) {
        otx__scratch *scratch = &screen->scratch[worker];
        atoms += scratch->survivors_scored;
        steps += scratch->survivors_steps;
        scratch->survivors_scored = scratch->survivors_steps = 0;
    }
    return screen->panels.type == OTX__PANEL_INT8 &&
           (double)atoms > OTX__SURVIVORS_SHARE_MAX * (double)steps * (double)dictionary->count;
}

/* The next atom, or the next few, of every target that has been scanned. */
OTX__PRIVATE otx_result otx__screen_select(otx__screen *screen, otx_error *error)
{
    const otx__dictionary *dictionary = screen->problem->dictionary;
    double work = (double)dictionary->count * (double)dictionary->columns;
    size_t count = 0, target;
    otx_result result = otx__watch_loop(&screen->watch, otx__task_count(screen),
                                        otx__task_work(screen), otx__select_body, screen, error);
    for (target = 0; target < screen->count; target++)
        if (screen->sets[target] == OTX__SETS_UNDECIDED)
            screen->undecided[count++] = (uint32_t)target;
    if (result) return result;
    screen->too_coarse = otx__screen_is_too_coarse(screen);
    return otx__watch_loop(&screen->watch, count, work, otx__undecided_body, screen, error);
}

/* >>> src/solve/pursuit.h */
/* ---- pursuit: what one solve holds, and the memory it takes --------------------- */

typedef struct otx__pursuit {
    otx_context ctx; /* the caller's, with the number of threads settled */
    const otx_matrix *atoms, *targets; /* the caller's, as the next two */
    const otx_omp_options *options;
    const otx_omp_output *output;
    size_t first, end; /* targets wanted */
    otx__problem problem;
    otx__dictionary dictionary;
    otx__screen screen;
    otx__pool pool;
    double *centre; /* [columns] to be taken off all rows, or NULL */
    /* As planned, besides screen.capacity and screen.table.slots: */
    otx_omp_form form;
    otx__panel_type panels;
    bool exact_gram; /* exact products of all pairs of atoms, if there is memory */
    otx_omp_stats stats;
} otx__pursuit;

/* The longest rows that the residual form rounds to 8 bits. That leaves its bound at
   some 1.6 % of the residual's norm, of which the largest correlations are a smaller
   part in longer rows: too many atoms would be within the bound of each other. */
#define OTX__INT8_COLUMNS_MAX 1536

/* What the panels of a form hold. Products of rows that are bf16 already need no
   rounding; what the residual form rounds is given exact scores in the end. */
OTX__PRIVATE otx__panel_type otx__pursuit_panel_type(const otx__pursuit *pursuit,
                                                     otx_omp_form form)
{
    const otx__kernels *kernels = pursuit->dictionary.kernels;
    bool int8 = kernels->product_int8 && pursuit->atoms->columns <= OTX__INT8_COLUMNS_MAX;
    if (!otx__form_scans(form)) return int8 ? OTX__PANEL_INT8 : otx__panel_finer(kernels);
    if (!pursuit->options->centred && pursuit->atoms->dtype == OTX_BF16 &&
        pursuit->targets->dtype == OTX_BF16 && kernels->product_bf16)
        return OTX__PANEL_ROWS;
    return OTX__PANEL_FLOAT;
}

/* ---- how much a form needs ---- */

/* Bytes: fixed, for each target of a block and, in the columns form, for each column. A
   little more than what is taken below, and to be changed with it. */
typedef struct otx__pursuit_need {
    double fixed, target, column;
} otx__pursuit_need;

/* Bytes of the copy that a matrix needs. */
OTX__PRIVATE double otx__view_need(const otx_matrix *matrix, bool centred)
{
    if (otx__view_is_direct(matrix, centred)) return 0.0;
    return 4.0 * (double)matrix->rows * (double)matrix->columns;
}

OTX__PRIVATE otx__pursuit_need otx__pursuit_needs(const otx__pursuit *pursuit, otx_omp_form form)
{
    double n = (double)pursuit->dictionary.count, d = (double)pursuit->dictionary.columns;
    double k = (double)pursuit->problem.k, threads = pursuit->ctx.threads;
    double tiles = (double)pursuit->dictionary.tiles, width = tiles * OTX__TILE;
    double sets = otx__form_scans(form) ? OTX__SETS : 2; /* one, and the masks */
    bool centred = pursuit->options->centred;
    otx__panel_type type = otx__pursuit_panel_type(pursuit, form);
    double vector = otx__panel_need(pursuit->dictionary.kernels, type, d);
    otx__pursuit_need need;
    need.fixed = 24.0 * n + 8.0 * d + (centred ? 8.0 * d : 0.0) +
                 otx__view_need(pursuit->atoms, centred) +
                 otx__view_need(pursuit->targets, centred);
    need.fixed += threads * (20.0 * d + 40.0 * k + sizeof(otx__scratch) + 512.0 +
                             8.0 * (double)otx__scratch_scores(pursuit->dictionary.count));
    need.target = sizeof(otx__support) + 4.0 * k * (k + 1.0) + 12.0 * k;
    need.column = 0.0;
    if (form == OTX_FORM_RESIDUAL) {
        need.fixed += 4.0 * n * threads;
        need.target += 4.0 * threads;
    }
    if (form != OTX_FORM_EXHAUSTIVE) {
        need.fixed += threads * OTX__GROUP * OTX__TILE * OTX__TILE * 4.0;
        need.fixed += width * (vector + 4.0) + 4.0 * tiles;
        need.target += vector + sets * 4.0 * tiles + OTX__SETS * 28.0 + 32.0;
    }
    if (otx__form_scans(form))
        need.target += 2.0 * width + (4.0 + 6.0 * sets) * (k + 1.0) + 8.0;
    if (form == OTX_FORM_GRAM) need.fixed += 2.0 * width * width;
    if (form == OTX_FORM_COLUMNS) {
        need.column = 2.0 * width + 12.0;
        need.fixed += 4.0 * n + OTX__BATCH_COLUMNS * vector;
    }
    need.fixed += 65536.0; /* what aligns the blocks */
    return need;
}

/* ---- taking it ---- */

OTX__PRIVATE bool otx__pursuit_take_scratch(otx__pursuit *pursuit)
{
    otx__pool *pool = &pursuit->pool;
    bool residual = pursuit->form == OTX_FORM_RESIDUAL;
    size_t threads = (size_t)pursuit->ctx.threads, d = pursuit->dictionary.columns, i;
    size_t k = pursuit->problem.k, n = pursuit->dictionary.count, most = otx__scratch_scores(n);
    size_t block = pursuit->form == OTX_FORM_EXHAUSTIVE ? 1 : OTX__GROUP * OTX__TILE * OTX__TILE;
    size_t survivors = residual ? n : 1, capacity = residual ? pursuit->screen.capacity : 1;
    otx__scratch *scratch = (otx__scratch *)otx__pool_take_zero(pool, threads, sizeof *scratch);
    double *wide = (double *)otx__pool_take(pool, threads, d * sizeof(double));
    double *residuals = (double *)otx__pool_take(pool, threads, d * sizeof(double));
    double *products = (double *)otx__pool_take(pool, threads, (k + 2) * sizeof(double));
    double *scores = (double *)otx__pool_take(pool, threads, most * sizeof(double));
    otx__row *rows = (otx__row *)otx__pool_take(pool, threads, (k + 1) * sizeof(otx__row));
    float *blocks = (float *)otx__pool_take(pool, threads, block * sizeof(float));
    float *roughs = (float *)otx__pool_take(pool, threads, d * sizeof(float));
    float *least = (float *)otx__pool_take(pool, threads, capacity * sizeof(float));
    uint32_t *left = (uint32_t *)otx__pool_take(pool, threads, survivors * sizeof(uint32_t));
    if (pool->failed) return false;
    for (i = 0; i < threads; i++) {
        scratch[i].row = wide + i * d;
        scratch[i].residual = residuals + i * d;
        scratch[i].products = products + i * (k + 2);
        scratch[i].scores = scores + i * most;
        scratch[i].rows = rows + i * (k + 1);
        scratch[i].block = blocks + i * block;
        scratch[i].rough = roughs + i * d;
        scratch[i].least = least + i * capacity;
        scratch[i].survivors = left + i * survivors;
    }
    pursuit->screen.scratch = scratch;
    return true;
}

OTX__PRIVATE bool otx__pursuit_take_dictionary(otx__pursuit *pursuit)
{
    otx__dictionary *dictionary = &pursuit->dictionary;
    otx__pool *pool = &pursuit->pool;
    size_t n = dictionary->count, width = dictionary->tiles * OTX__TILE;
    dictionary->squares = (double *)otx__pool_take(pool, n, sizeof(double));
    dictionary->norms = (double *)otx__pool_take(pool, n, sizeof(double));
    if (pursuit->form == OTX_FORM_EXHAUSTIVE) return !pool->failed;
    dictionary->along = (double *)otx__pool_take(pool, n, sizeof(double));
    dictionary->direction = (double *)otx__pool_take(pool, dictionary->columns, sizeof(double));
    dictionary->weight = (float *)otx__pool_take(pool, width, sizeof(float));
    dictionary->tile_weight = (float *)otx__pool_take(pool, dictionary->tiles, sizeof(float));
    return otx__panels_take(&dictionary->panels, dictionary->kernels, pursuit->panels,
                            dictionary->columns, dictionary->tiles, pool);
}

OTX__PRIVATE bool otx__pursuit_take_table(otx__pursuit *pursuit)
{
    otx__gram_table *table = &pursuit->screen.table;
    otx__dictionary *dictionary = &pursuit->dictionary;
    otx__pool *pool = &pursuit->pool;
    size_t n = dictionary->count, width = dictionary->tiles * OTX__TILE, slots = table->slots;
    if (!otx__form_scans(pursuit->form)) return true;
    table->dictionary = dictionary;
    table->products = (int16_t *)otx__pool_take(pool, width, slots * sizeof(int16_t));
    if (pursuit->form == OTX_FORM_GRAM) return !pool->failed;
    table->slot_of = (int32_t *)otx__pool_take(pool, n, sizeof(int32_t));
    table->atom_of = (uint32_t *)otx__pool_take(pool, slots, sizeof(uint32_t));
    table->last_needed = (uint32_t *)otx__pool_take(pool, slots, sizeof(uint32_t));
    table->missing = (uint32_t *)otx__pool_take(pool, slots, sizeof(uint32_t));
    if (!otx__panels_take(&table->panels, dictionary->kernels, pursuit->panels,
                          dictionary->columns, OTX__BATCH_COLUMNS / OTX__TILE, pool))
        return false;
    otx__gram_table_clear(table);
    return true;
}

OTX__PRIVATE bool otx__pursuit_take_supports(otx__pursuit *pursuit)
{
    otx__pool *pool = &pursuit->pool;
    size_t k = pursuit->problem.k, triangle = otx__triangle_size(k), i;
    size_t capacity = pursuit->screen.capacity;
    otx__support *supports = (otx__support *)otx__pool_take(pool, capacity, sizeof *supports);
    double *factors = (double *)otx__pool_take(pool, capacity, triangle * sizeof(double));
    double *forwards = (double *)otx__pool_take(pool, capacity, k * sizeof(double));
    int32_t *barred = (int32_t *)otx__pool_take(pool, capacity, k * sizeof(int32_t));
    if (pool->failed) return false;
    for (i = 0; i < capacity; i++) {
        supports[i].factor = factors + i * triangle;
        supports[i].forward = forwards + i * k;
        supports[i].barred = barred + i * k;
    }
    pursuit->screen.supports = supports;
    return true;
}

OTX__PRIVATE bool otx__pursuit_take_screen(otx__pursuit *pursuit)
{
    otx__screen *screen = &pursuit->screen;
    otx__pool *pool = &pursuit->pool;
    size_t k = pursuit->problem.k, capacity = screen->capacity, pitch = k + k % 2;
    size_t tiles = pursuit->dictionary.tiles, width = tiles * OTX__TILE;
    size_t sets = otx__form_scans(pursuit->form) ? OTX__SETS : 1;
    if (pursuit->form == OTX_FORM_EXHAUSTIVE) return true;
    (void)otx__panels_take(&screen->panels, pursuit->dictionary.kernels, pursuit->panels,
                           pursuit->dictionary.columns, capacity / OTX__TILE, pool);
    screen->best = (float *)otx__pool_take(pool, capacity, sets * tiles * sizeof(float));
    screen->bounds = (otx__bound *)otx__pool_take(pool, capacity, OTX__SETS * sizeof(otx__bound));
    screen->along = (double *)otx__pool_take(pool, capacity, sizeof(double));
    screen->rest = (double *)otx__pool_take(pool, capacity, sizeof(double));
    screen->scales = (float *)otx__pool_take(pool, capacity, OTX__SETS * 3 * sizeof(float));
    screen->sets = (uint32_t *)otx__pool_take(pool, capacity, sizeof(uint32_t));
    screen->last_right = (uint32_t *)otx__pool_take_zero(pool, capacity, sizeof(uint32_t));
    screen->undecided = (uint32_t *)otx__pool_take(pool, capacity, sizeof(uint32_t));
    if (pursuit->form == OTX_FORM_RESIDUAL) {
        screen->masks = (uint32_t *)otx__pool_take(pool, capacity, tiles * sizeof(uint32_t));
        return !pool->failed;
    }
    screen->pitch = pitch;
    screen->start = (int16_t *)otx__pool_take(pool, capacity, width * sizeof(int16_t));
    screen->betas = (float *)otx__pool_take(pool, capacity, OTX__SETS * pitch * sizeof(float));
    screen->atoms = (uint32_t *)otx__pool_take_zero(pool, capacity, pitch * sizeof(uint32_t));
    screen->steps = (int16_t *)otx__pool_take(pool, capacity, OTX__SETS * pitch * sizeof(int16_t));
    screen->counts = (uint32_t *)otx__pool_take(pool, capacity, sizeof(uint32_t));
    return !pool->failed;
}

/* Views the atoms and the targets, and takes the memory of copies. */
OTX__PRIVATE bool otx__pursuit_take_views(otx__pursuit *pursuit)
{
    otx__pool *pool = &pursuit->pool;
    bool centred = pursuit->options->centred;
    if (centred)
        pursuit->centre =
            (double *)otx__pool_take(pool, pursuit->atoms->columns, sizeof(double));
    return !pool->failed &&
           otx__view_open(&pursuit->dictionary.rows, pursuit->atoms, centred, pool) &&
           otx__view_open(&pursuit->problem.targets, pursuit->targets, centred, pool);
}

/* All memory of a solve that has been planned; otx__pool_close gives it back. The exact
   products of all pairs of atoms come last: where there is no room for them, a solve goes
   on without. */
OTX__PRIVATE otx_result otx__pursuit_take(otx__pursuit *pursuit, otx_error *error)
{
    otx__pool *pool = &pursuit->pool;
    size_t n = pursuit->dictionary.count, all;
    if (!otx__pursuit_take_scratch(pursuit) || !otx__pursuit_take_dictionary(pursuit) ||
        !otx__pursuit_take_table(pursuit) || !otx__pursuit_take_supports(pursuit) ||
        !otx__pursuit_take_screen(pursuit) || !otx__pursuit_take_views(pursuit))
        return otx__pool_fail(pool, error);
    if (pursuit->exact_gram && otx__mul(n, n, &all))
        pursuit->dictionary.exact_gram = (double *)otx__pool_try(pool, all, sizeof(double));
    return OTX_OK;
}

/* >>> src/solve/plan.h */
/* ---- plan: which form, and in what blocks --------------------------------------- */

OTX_API const char *otx_omp_form_name(otx_omp_form form)
{
    static const char *const names[OTX_FORM_COUNT] = {"auto", "gram", "columns", "residual",
                                                      "exhaustive"};
    return (unsigned)form < OTX_FORM_COUNT ? names[form] : NULL;
}

/* The budget where the caller names none: 4 GiB. */
#define OTX__MEMORY_DEFAULT 4294967296.0

/* The most atoms of a target for which the scan's integer sums have room. */
#define OTX__SCAN_K_MAX 32000

/* One way to solve. */
typedef struct otx__plan {
    otx_omp_form form; /* AUTO: not considered */
    otx__panel_type panels;
    double capacity;   /* targets of a block */
    double columns;    /* of the table */
    bool exact_gram;   /* with exact products of all pairs of atoms */
    double seconds;    /* 0: there is no room for it */
    double bytes;      /* and then what it needs at least */
} otx__plan;

/* ---- what it costs ---- */

/* What a core does in a second, roughly, in 10^9 multiply-adds: of dense products in float,
   in bf16 and of 8-bit numbers, of scans, and in double. Only the ratios matter. */
typedef struct otx__plan_rates {
    double dense, dense_bf16, dense_int8, scan, exact;
} otx__plan_rates;

OTX__PRIVATE otx__plan_rates otx__plan_rates_of(otx_isa isa)
{
    static const otx__plan_rates rates[OTX_ISA_COUNT] = {
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
OTX__PRIVATE double otx__plan_dense_rate(const otx__plan_rates *rates, otx__panel_type type)
{
    if (type == OTX__PANEL_FLOAT) return rates->dense;
    return type == OTX__PANEL_INT8 ? rates->dense_int8 : rates->dense_bf16;
}

/* Columns that the targets of one block need, at a guess: supports share atoms. */
OTX__PRIVATE double otx__plan_block_columns(const otx__pursuit *pursuit, double capacity)
{
    double n = (double)pursuit->dictionary.count, taken = capacity * (double)pursuit->problem.k;
    return n * (1.0 - exp(-0.5 * taken / n));
}

/* Seconds, roughly; never 0. */
OTX__PRIVATE double otx__plan_cost(const otx__pursuit *pursuit, const otx__plan *plan)
{
    double n = (double)pursuit->dictionary.count, d = (double)pursuit->dictionary.columns;
    double k = (double)pursuit->problem.k, b = (double)(pursuit->end - pursuit->first);
    double blocks = ceil(b / plan->capacity), columns = plan->exact_gram ? 0.0 : n / 2.0;
    double exact = plan->exact_gram ? n * n * d / 2.0 + b * k * d : b * k * k * d;
    otx__plan_rates rates = otx__plan_rates_of(pursuit->dictionary.kernels->isa);
    double dense = otx__plan_dense_rate(&rates, plan->panels), threads = pursuit->ctx.threads;
    /* 10^9 bytes in a second, of a small table from a cache, of a large one from memory */
    const double bytes = 2.0 * n * plan->columns < 16777216.0 ? 50.0 : 10.0;
    if (plan->form == OTX_FORM_EXHAUSTIVE)
        return k * b * n * d / rates.exact / threads * 1e-9 + 1e-12;
    /* Residuals are made and rounded, and some 64 atoms a step told apart. */
    if (plan->form == OTX_FORM_RESIDUAL)
        return (k * b * n * d / dense + (3.0 * exact + 64.0 * k * b * d) / rates.exact) /
                   threads * 1e-9 + 1e-12;
    if (plan->form == OTX_FORM_COLUMNS) {
        double wanted = otx__plan_block_columns(pursuit, plan->capacity);
        /* Those of a block; and of each further one what the table does not keep. */
        columns = wanted + (blocks - 1.0) * (wanted > plan->columns ? wanted : wanted * 0.5);
        if (plan->columns >= n) columns = otx__least(columns, n);
    }
    return ((columns * n * d + b * n * d) / dense + b * n * k * k / 2.0 / rates.scan +
            exact / rates.exact + blocks * k * n * otx__least(n, plan->columns) / bytes) /
               threads * 1e-9 + 1e-12;
}

/* ---- what there is room for ---- */

/* The largest blocks, and the most columns, that a form has room for. */
OTX__PRIVATE bool otx__plan_fit(const otx__pursuit *pursuit, const otx__pursuit_need *need,
                                double budget, otx__plan *plan)
{
    double wanted = (double)(pursuit->end - pursuit->first), n = (double)pursuit->dictionary.count;
    double k = (double)pursuit->problem.k, room = budget - need->fixed;
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

/* The cheapest way of a form that there is room for: of the Gram form, with or without the
   exact products of all pairs of atoms. False if there is none. */
OTX__PRIVATE bool otx__plan_form(const otx__pursuit *pursuit, double budget, otx__plan *plan)
{
    double n = (double)pursuit->dictionary.count;
    otx__pursuit_need need = otx__pursuit_needs(pursuit, plan->form);
    otx__plan with;
    plan->panels = otx__pursuit_panel_type(pursuit, plan->form);
    plan->bytes = need.fixed + need.target * OTX__TILE +
                  need.column * (double)pursuit->problem.k;
    with = *plan;
    if (!otx__plan_fit(pursuit, &need, budget, plan)) return false;
    plan->seconds = otx__plan_cost(pursuit, plan);
    if (plan->form != OTX_FORM_GRAM) return true;
    with.exact_gram = true;
    need.fixed += 8.0 * n * n + OTX__ALIGNMENT;
    if (!otx__plan_fit(pursuit, &need, budget, &with)) return true;
    with.seconds = otx__plan_cost(pursuit, &with);
    if (with.seconds < 0.9 * plan->seconds) *plan = with;
    return true;
}

/* ---- what is chosen ---- */

/* A line on its way into a buffer of that size; what does not fit is cut. */
typedef struct otx__plan_line {
    char *text;
    size_t size, length;
} otx__plan_line;

OTX__PRIVATE void otx__plan_say(otx__plan_line *line, const char *format, ...)
    OTX__PRINTF(2, 3);
OTX__PRIVATE void otx__plan_say(otx__plan_line *line, const char *format, ...)
{
    va_list arguments;
    if (line->length >= line->size) return;
    va_start(arguments, format);
    line->length += otx__format_list(line->text + line->length, line->size - line->length,
                                     format, arguments);
    va_end(arguments);
}

/* Says what was chosen, and what the others would have taken. */
OTX__PRIVATE void otx__plan_tell(const otx__pursuit *pursuit, const otx__plan *plans,
                                 const otx__plan *best, double budget, otx__plan_line *line)
{
    const double mib = 1048576.0;
    size_t form;
    otx__plan_say(line, "%s form in blocks of %.0f targets, %.0f of %.0f MiB",
                  otx__word(otx_omp_form_name(best->form)), best->capacity,
                  ceil(best->bytes / mib), floor(budget / mib));
    if (best->exact_gram) otx__plan_say(line, ", exact products kept");
    if (best->form == OTX_FORM_RESIDUAL)
        otx__plan_say(line, ", rounded to %s", otx__panel_type_name(best->panels));
    if (best->form == OTX_FORM_COLUMNS)
        otx__plan_say(line, ", %.0f of %.0f columns kept", best->columns,
                      (double)pursuit->dictionary.count);
    for (form = OTX_FORM_GRAM; form < OTX_FORM_COUNT; form++) {
        const otx__plan *plan = &plans[form];
        const char *name = otx__word(otx_omp_form_name((otx_omp_form)form));
        if (plan == best || plan->form == OTX_FORM_AUTO) continue;
        if (plan->seconds > 0.0)
            otx__plan_say(line, "; %s: %.0f %% of the time", name,
                          100.0 * plan->seconds / best->seconds);
        else
            otx__plan_say(line, "; %s: needs %.0f MiB", name, ceil(plan->bytes / mib));
    }
}

/* Lets the pursuit go by a plan. */
OTX__PRIVATE void otx__pursuit_follow(otx__pursuit *pursuit, const otx__plan *plan)
{
    pursuit->form = pursuit->screen.form = plan->form;
    pursuit->exact_gram = plan->exact_gram;
    pursuit->panels = plan->panels;
    pursuit->screen.capacity = (size_t)plan->capacity;
    pursuit->screen.table.slots = plan->form == OTX_FORM_GRAM
                                      ? pursuit->dictionary.tiles * OTX__TILE
                                      : (size_t)plan->columns;
}

/* Picks the form and the size of its blocks. */
OTX__PRIVATE otx_result otx__pursuit_plan(otx__pursuit *pursuit, otx_error *error)
{
    const otx_omp_options *options = pursuit->options;
    double budget = options->memory ? (double)options->memory : OTX__MEMORY_DEFAULT, least = 0.0;
    otx__plan plans[OTX_FORM_COUNT];
    otx__plan_line line = {NULL, 0, 0};
    const otx__plan *best = NULL;
    int form;
    memset(plans, 0, sizeof plans);
    for (form = OTX_FORM_GRAM; form < OTX_FORM_COUNT; form++) {
        otx__plan *plan = &plans[form];
        otx_omp_form name = (otx_omp_form)form;
        bool fits;
        if (options->form != OTX_FORM_AUTO && options->form != name) continue;
        if (otx__form_scans(name) && pursuit->problem.k > OTX__SCAN_K_MAX) continue;
        plan->form = name;
        fits = otx__plan_form(pursuit, budget, plan);
        if (fits && (!best || plan->seconds < best->seconds)) best = plan;
        if (!fits && (least == 0.0 || plan->bytes < least)) least = plan->bytes;
    }
    if (!best)
        return otx__fail(error, OTX_ERROR_MEMORY,
                         "the solver needs at least %.0f MiB and its budget is %.0f MiB",
                         ceil(least / 1048576.0), floor(budget / 1048576.0));
    otx__pursuit_follow(pursuit, best);
    line.text = pursuit->stats.plan;
    line.size = sizeof pursuit->stats.plan;
    otx__plan_tell(pursuit, plans, best, budget, &line);
    otx__log(&pursuit->ctx, OTX_NOTE, "solver: %s", pursuit->stats.plan);
    return OTX_OK;
}

/* >>> src/solve/steps.h */
/* ---- steps: a pursuit from its rows to its results ------------------------------ */

/* Adds the time since the last call to a stage's. */
OTX__PRIVATE void otx__lap(double *clock, double *stage)
{
    double now = otx__now();
    *stage += now - *clock;
    *clock = now;
}

/* ---- what all targets share ---- */

/* Makes copies of those rows that need it, without the atoms' mean if that is wanted. */
OTX__PRIVATE otx_result otx__pursuit_copy(otx__pursuit *pursuit, otx_error *error)
{
    const otx_matrix *atoms = pursuit->atoms, *targets = pursuit->targets;
    otx__watch watch = otx__watch_open(&pursuit->ctx, OTX_STAGE_GRAM, 0, atoms->rows);
    otx__view *rows = &pursuit->dictionary.rows, *others = &pursuit->problem.targets;
    double *centre = pursuit->centre;
    otx_result result = OTX_OK;
    if (centre) result = otx__view_mean(&watch, rows, atoms, centre, error);
    if (!result) result = otx__view_copy(&watch, rows, atoms, centre, error);
    return result ? result : otx__view_copy(&watch, others, targets, centre, error);
}

/* Norms, and what the form screens by. */
OTX__PRIVATE otx_result otx__pursuit_prepare(otx__pursuit *pursuit, otx_error *error)
{
    otx__dictionary *dictionary = &pursuit->dictionary;
    otx__scratch *scratch = pursuit->screen.scratch;
    double *rows = scratch[0].row; /* [worker][columns] */
    otx_result result = otx__dictionary_norms(dictionary, rows, error);
    if (!result && pursuit->form != OTX_FORM_EXHAUSTIVE)
        result = otx__dictionary_split(dictionary, rows, error);
    if (!result && dictionary->exact_gram) result = otx__exact_gram_fill(dictionary, rows, error);
    if (!result && pursuit->form == OTX_FORM_GRAM)
        result = otx__gram_table_fill(&pursuit->screen.table, scratch, error);
    return result;
}

/* ---- a block of targets ---- */

OTX__PRIVATE void otx__block_open_body(void *argument, size_t index, int worker)
{
    otx__pursuit *pursuit = (otx__pursuit *)argument;
    const otx__dictionary *dictionary = &pursuit->dictionary;
    otx__scratch *scratch = &pursuit->screen.scratch[worker];
    otx__support *support = &pursuit->screen.supports[index];
    otx__row_widen(dictionary->kernels, support->target, dictionary->columns, scratch->row);
    scratch->row_target = NULL;
    support->norm = otx__norm(scratch->row, dictionary->columns);
    support->ended = !(support->norm > 0.0);
}

/* Points the block's supports at their targets and results. A target that is not finite is
   named. */
OTX__PRIVATE otx_result otx__block_open(otx__pursuit *pursuit, size_t first, otx_error *error)
{
    const otx_omp_output *output = pursuit->output;
    otx__screen *screen = &pursuit->screen;
    size_t i, k = pursuit->problem.k;
    otx__watch watch = otx__watch_open(&pursuit->ctx, OTX_STAGE_SOLVE,
                                       (first - pursuit->first) * k,
                                       (pursuit->end - pursuit->first) * k);
    otx_result result;
    screen->count = otx__min(screen->capacity, pursuit->end - first);
    for (i = 0; i < screen->count; i++) {
        otx__support *support = &screen->supports[i];
        support->target = otx__view_row(&pursuit->problem.targets, first + i);
        support->indices = output->indices + (first + i) * k;
        support->coefficients = output->coefficients + (first + i) * k;
        support->count = support->barred_count = 0;
    }
    result = otx__watch_loop(&watch, screen->count, 4.0 * (double)pursuit->dictionary.columns,
                             otx__block_open_body, pursuit, error);
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
    otx__pursuit *pursuit = (otx__pursuit *)argument;
    otx__support *support = &pursuit->screen.supports[index];
    if (!support->ended)
        otx__support_exhaustive_step(&pursuit->problem, support, &pursuit->screen.scratch[worker]);
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

/* Makes the panels anew in finer numbers. */
OTX__PRIVATE otx_result otx__pursuit_sharpen(otx__pursuit *pursuit, otx_error *error)
{
    otx__screen *screen = &pursuit->screen;
    otx__dictionary *dictionary = &pursuit->dictionary;
    size_t columns = dictionary->columns, i;
    otx_result result;
    pursuit->panels = otx__panel_finer(dictionary->kernels);
    otx__log(&pursuit->ctx, OTX_NOTE, "solver: 8 bits leave too many candidates; %s from here",
             otx__panel_type_name(pursuit->panels));
    otx__panels_set_type(&dictionary->panels, pursuit->panels, columns);
    otx__panels_set_type(&screen->panels, pursuit->panels, columns);
    result = otx__dictionary_split(dictionary, screen->scratch[0].row, error);
    for (i = 0; i < screen->capacity / OTX__TILE; i++) otx__panels_clear(&screen->panels, i);
    for (i = 0; i < screen->count; i++) screen->sets[i] = 0;
    return result ? result : otx__screen_make_waiting_ready(screen, error);
}

/* One step of all targets of a block, or, in the forms that scan, several. */
OTX__PRIVATE otx_result otx__block_step(otx__pursuit *pursuit, double *clock, otx_error *error)
{
    otx__screen *screen = &pursuit->screen;
    otx_omp_stats *stats = &pursuit->stats;
    otx_result result;
    if (pursuit->form == OTX_FORM_EXHAUSTIVE) {
        double work = (double)pursuit->dictionary.count * (double)pursuit->dictionary.columns;
        result = otx__watch_loop(&screen->watch, screen->count, work, otx__exhaustive_body,
                                 pursuit, error);
        otx__lap(clock, &stats->seconds_select);
        return result;
    }
    result = otx__screen_scan_all(screen, error);
    otx__lap(clock, &stats->seconds_scan);
    if (!result) result = otx__screen_select(screen, error);
    if (!result && screen->too_coarse) result = otx__pursuit_sharpen(pursuit, error);
    otx__lap(clock, &stats->seconds_select);
    if (!result) result = otx__screen_get_columns(screen, error);
    otx__lap(clock, &stats->seconds_gram);
    return result;
}

/* All steps of a block of targets. */
OTX__PRIVATE otx_result otx__block_run(otx__pursuit *pursuit, size_t first, double *clock,
                                       otx_error *error)
{
    otx__screen *screen = &pursuit->screen;
    uint64_t k = pursuit->problem.k, done = (first - pursuit->first) * k;
    otx_result result = OTX_OK;
    bool active;
    screen->watch = otx__watch_open(&pursuit->ctx, OTX_STAGE_SOLVE, done,
                                    (pursuit->end - pursuit->first) * k);
    if (pursuit->form != OTX_FORM_EXHAUSTIVE) result = otx__screen_open_block(screen, error);
    otx__lap(clock, &pursuit->stats.seconds_correlate);
    while (!result) {
        screen->watch.done = done + otx__block_steps(screen, &active);
        if (!active) break;
        result = otx__block_step(pursuit, clock, error);
    }
    if (result) return result;
    return otx__poll(&pursuit->ctx, OTX_STAGE_SOLVE, NULL, screen->watch.done,
                     screen->watch.total, error);
}

/* ---- results ---- */

OTX__PRIVATE void otx__finish_body(void *argument, size_t index, int worker)
{
    otx__pursuit *pursuit = (otx__pursuit *)argument;
    const otx_omp_output *output = pursuit->output;
    otx__support *support = &pursuit->screen.supports[index];
    otx__scratch *scratch = &pursuit->screen.scratch[worker];
    size_t k = pursuit->problem.k, target = (size_t)(support->indices - output->indices) / k, i;
    otx__support_solve(support);
    for (i = support->count; i < k; i++) { /* what was predicted last */
        support->indices[i] = -1;
        support->coefficients[i] = 0.0;
    }
    if (output->target_norms) output->target_norms[target] = support->norm;
    if (!output->residual_norms) return;
    otx__support_residual(&pursuit->problem, support, scratch);
    output->residual_norms[target] = otx__norm(scratch->residual, pursuit->dictionary.columns);
}

/* Adds up what the workers counted. */
OTX__PRIVATE void otx__pursuit_count(otx__pursuit *pursuit)
{
    otx_omp_stats *stats = &pursuit->stats;
    uint64_t steps[OTX__CANDIDATES_MAX + 1] = {0}, all = 0, below = 0, atoms;
    int threads = pursuit->ctx.threads;
    size_t i, j;
    for (i = 0; i < (size_t)threads; i++) {
        const otx__scratch *scratch = &pursuit->screen.scratch[i];
        stats->steps += scratch->steps;
        stats->fallbacks += scratch->fallbacks;
        stats->seconds_rescore += scratch->seconds_rescore / threads;
        stats->seconds_factor += scratch->seconds_factor / threads;
        stats->seconds_predict += scratch->seconds_predict / threads;
        for (j = 0; j <= OTX__CANDIDATES_MAX; j++) steps[j] += scratch->candidates[j];
    }
    for (j = 0; j <= OTX__CANDIDATES_MAX; j++) all += steps[j];
    for (j = 0; j <= OTX__CANDIDATES_MAX; j++) {
        atoms = j < OTX__CANDIDATES_MAX ? j + 1 : pursuit->dictionary.count;
        stats->candidates += steps[j] * atoms;
        if (below < all - all / 100) stats->candidates_99 = atoms;
        below += steps[j];
    }
    stats->passes = pursuit->screen.passes;
    stats->columns = pursuit->screen.table.columns;
}

/* Solves block after block; the pursuit has been planned, and its memory taken. */
OTX__PRIVATE otx_result otx__pursuit_run(otx__pursuit *pursuit, otx_error *error)
{
    otx__screen *screen = &pursuit->screen;
    double work = 2.0 * (double)pursuit->problem.k * (double)pursuit->dictionary.columns, clock;
    otx_result result = otx__pursuit_copy(pursuit, error);
    size_t first;
    clock = otx__now();
    if (!result) result = otx__pursuit_prepare(pursuit, error);
    otx__lap(&clock, &pursuit->stats.seconds_gram);
    for (first = pursuit->first; first < pursuit->end && !result; first += screen->count) {
        result = otx__block_open(pursuit, first, error);
        if (!result) result = otx__block_run(pursuit, first, &clock, error);
        if (result) break;
        result = otx__watch_loop(&screen->watch, screen->count, work, otx__finish_body, pursuit,
                                 error);
        otx__lap(&clock, &pursuit->stats.seconds_finish);
    }
    if (!result) otx__pursuit_count(pursuit);
    return result;
}

/* >>> src/solve/combine.h */
/* ---- combine: new rows of coefficients ------------------------------------------ */

/* Deciding, as a new row's bits are the output: in double, one product after the other. The
   kernels of residuals do it, as r = 0 - sum of -coefficient * row. */

/* The same for the types that they do not read. */
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

/* row: atoms->columns doubles. */
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

/* The kernels that combine many rows; all give the same bits. */
OTX__PRIVATE const otx__kernels *otx__combine_kernels(const otx_context *ctx)
{
    const otx__kernels *kernels = otx__kernels_for(ctx ? ctx->isa : OTX_ISA_AUTO);
    return kernels ? kernels : &otx__kernels_scalar;
}

OTX_API void otx_combine(const otx_context *ctx, const otx_matrix *atoms, const int32_t *indices,
                         const double *coefficients, size_t k, double *row)
{
    const otx__kernels *kernels = otx__kernels_baseline();
    if (ctx && ctx->isa == OTX_ISA_SCALAR) kernels = &otx__kernels_scalar;
    otx__combine(kernels, atoms, indices, coefficients, k, row);
}

/* >>> src/solve/solver.h */
/* ---- solver: the public call ---------------------------------------------------- */

/* Atoms of a target where the caller names no number. */
#define OTX__K_DEFAULT 64

/* The most ridge: beyond all use, and far from where the coefficients that screening
   keeps as floats would vanish. */
#define OTX__RIDGE_MAX 1e6

OTX_API size_t otx_omp_k(size_t k, size_t atoms, size_t columns)
{
    return otx__min(k ? k : OTX__K_DEFAULT, otx__min(atoms, columns));
}

/* ---- checks ---- */

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

OTX__PRIVATE otx_result otx__check_matrices(const otx_matrix *atoms, const otx_matrix *targets,
                                            otx_error *error)
{
    otx_result result = otx__check_matrix(atoms, "atoms", error);
    if (!result) result = otx__check_matrix(targets, "targets", error);
    if (!result && atoms->columns != targets->columns)
        return otx__fail(error, OTX_ERROR_ARGUMENT,
                         "atoms have %" PRIu64 " columns and targets %" PRIu64,
                         (uint64_t)atoms->columns, (uint64_t)targets->columns);
    return result;
}

OTX__PRIVATE otx_result otx__fail_option(otx_error *error, const char *name, double value,
                                         const char *range)
{
    char number[OTX__DOUBLE_TEXT + 1];
    number[otx__double_text(number, value)] = 0;
    return otx__fail(error, OTX_ERROR_ARGUMENT, "the solver's %s, %s, is out of range: %s", name,
                     number[0] ? number : "infinite or not a number", range);
}

/* targets: how many there are. */
OTX__PRIVATE otx_result otx__check_options(const otx_omp_options *options, size_t targets,
                                           otx_error *error)
{
    if ((unsigned)options->form >= OTX_FORM_COUNT)
        return otx__fail(error, OTX_ERROR_ARGUMENT, "the solver's form, %d, is out of range",
                         (int)options->form);
    if (options->tolerance < 0.0 || !otx__is_finite(options->tolerance))
        return otx__fail_option(error, "tolerance", options->tolerance, "0 or more");
    if (!(options->ridge >= 0.0 && options->ridge <= OTX__RIDGE_MAX))
        return otx__fail_option(error, "ridge", options->ridge, "0 to 1000000");
    if (options->first_target >= targets ||
        options->target_count > targets - options->first_target)
        return otx__fail(error, OTX_ERROR_ARGUMENT,
                         "targets %" PRIu64 " to %" PRIu64 " are not among %" PRIu64,
                         (uint64_t)options->first_target,
                         (uint64_t)options->first_target + options->target_count,
                         (uint64_t)targets);
    return OTX_OK;
}

/* All that a caller may have got wrong, and the kernels that are wanted. */
OTX__PRIVATE otx_result otx__pursuit_check(otx__pursuit *pursuit, otx_error *error)
{
    const otx_omp_options *options = pursuit->options;
    otx_isa isa = pursuit->ctx.isa;
    otx_result result = otx__check_matrices(pursuit->atoms, pursuit->targets, error);
    if (result) return result;
    pursuit->problem.k = otx_omp_k(options->k, pursuit->atoms->rows, pursuit->atoms->columns);
    if (otx__form_scans(options->form) && pursuit->problem.k > OTX__SCAN_K_MAX)
        return otx__fail(error, OTX_ERROR_ARGUMENT,
                         "the forms with products of atoms take at most %d atoms per target, "
                         "not %" PRIu64,
                         OTX__SCAN_K_MAX, (uint64_t)pursuit->problem.k);
    if (!pursuit->output || !pursuit->output->indices || !pursuit->output->coefficients)
        return otx__fail(error, OTX_ERROR_ARGUMENT, "an output array is missing");
    result = otx__check_options(options, pursuit->targets->rows, error);
    if (result) return result;
    pursuit->dictionary.kernels = otx__kernels_take(isa);
    if (!pursuit->dictionary.kernels)
        return otx__fail(error, OTX_ERROR_UNSUPPORTED,
                         "this machine or build has no instruction set \"%s\"",
                         otx_isa_name(isa) ? otx_isa_name(isa) : "?");
    return OTX_OK;
}

/* ---- the call ---- */

/* Checks and plans for the caller's arguments, which an otherwise empty pursuit holds. Takes
   no memory. */
OTX__PRIVATE otx_result otx__pursuit_open(otx__pursuit *pursuit, const otx_context *ctx,
                                          otx_error *error)
{
    const otx_omp_options *options = pursuit->options;
    otx__dictionary *dictionary = &pursuit->dictionary;
    otx_result result;
    if (ctx) pursuit->ctx = *ctx;
    pursuit->ctx.threads = otx__threads(ctx); /* it must not change on the way */
    otx__pool_open(&pursuit->pool, &pursuit->ctx);
    result = otx__pursuit_check(pursuit, error);
    if (result) return result;
    pursuit->first = options->first_target;
    pursuit->end = options->target_count ? options->first_target + options->target_count
                                         : pursuit->targets->rows;
    dictionary->ctx = &pursuit->ctx;
    dictionary->count = pursuit->atoms->rows;
    dictionary->columns = pursuit->atoms->columns;
    dictionary->tiles = otx__tiles(dictionary->count);
    dictionary->cosine = options->cosine;
    pursuit->problem.dictionary = dictionary;
    pursuit->problem.tolerance = options->tolerance;
    pursuit->problem.ridge = options->ridge;
    pursuit->screen.problem = &pursuit->problem;
    return otx__pursuit_plan(pursuit, error);
}

OTX_API otx_result otx_omp(const otx_context *ctx, const otx_matrix *atoms,
                           const otx_matrix *targets, const otx_omp_options *options,
                           const otx_omp_output *output, otx_omp_stats *stats,
                           otx_error *error)
{
    otx_omp_options defaults;
    otx__pursuit pursuit;
    otx_result result;
    double start = otx__now();
    memset(&defaults, 0, sizeof defaults);
    memset(&pursuit, 0, sizeof pursuit);
    pursuit.atoms = atoms;
    pursuit.targets = targets;
    pursuit.options = options ? options : &defaults;
    pursuit.output = output;
    result = otx__pursuit_open(&pursuit, ctx, error);
    if (!result) result = otx__pursuit_take(&pursuit, error);
    if (!result) result = otx__pursuit_run(&pursuit, error);
    if (!result && stats) {
        *stats = pursuit.stats;
        stats->form = pursuit.form;
        stats->isa = pursuit.dictionary.kernels->isa;
        stats->threads = pursuit.ctx.threads;
        stats->peak_bytes = pursuit.pool.bytes;
        stats->seconds = otx__now() - start;
    }
    otx__pool_close(&pursuit.pool);
    return result;
}

#ifndef OTX_NO_STDIO

/* >>> src/disk/chapter.h */
/* ==== disk: files and directories ==== */

/* Knows paths, directories, and what lies in them: weights in one file or in shards, and a
   tokenizer in whichever of its files.
   Hides POSIX and Windows (all that differs are their rooms), and the temporary names under
   which an output grows. Nothing else here asks the system, and nothing at a path is never
   the same as what cannot be looked at: otx__look tells, and its error names the path.
   Paths are UTF-8; one that is made is owned by its maker (otx__path_free). A checkpoint
   owns its files and their headers; an output owns its directory until it is committed.
   Read system.h for what is asked, look.h and trees.h for how; windows.h and posix.h to port.

   Rooms, in order of dependency:
     system               what POSIX and Windows are asked for
     windows_paths        paths as Windows takes them
     windows              the system as Windows gives it
     posix                the system as POSIX gives it
     paths                what can be told from their text
     failure              why the system refused
     look                 what stands at a path, and whether within another
     listing              listings of directories
     reading              files to read, and whether they have changed
     writing              files to write
     copying              copies of files
     trees                directories looked through, copied and removed with all they hold
     known                what weights are called in a directory
     staging              a directory made under another name, then renamed
     missing              a path or a directory without what is wanted of it
     weight_index         the index of a checkpoint in shards
     checkpoint           a model directory, in one file or in shards
     tokenizer_directory  the tokenizer of a model directory */

/* >>> src/disk/system.h */
/* ---- system: what POSIX and Windows are asked for --------------------------- */

/* Paths are UTF-8 on every platform. The functions otx__sys_* are all that differs
   between platforms (windows.h, posix.h), and nothing else asks the system. They set
   errno when they fail. Symbolic links are followed when reading and never when
   removing.

     root                    bytes at the start of a path that name its root or drive
     open, create, close     a file to read; a new one to write; -1 or false on failure
     read, write             the bytes moved; 0 or less where there are none
     sync, push              waits until all is on the disk; starts on a part of it
     sync_directory          makes the names in a directory durable
     status, status_open     what stands at a path; what was opened
     is_link                 whether the path itself is a link
     make_directory, rename
     remove                  a file, a link or an empty directory; else ENOTEMPTY
     unlock                  makes what is read-only writable; false where it was
     directory_open, _next, _close    the names in a directory, one after another */

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/types.h>

/* Most bytes one system call is asked to move: some systems refuse 2 GiB. */
#define OTX__CHUNK ((size_t)64 << 20)

/* What stands at a path, links followed. There is nothing only where the system says
   so of the path itself: what cannot be looked at, and a link that leads nowhere, is
   otx__sys_status's failure (ENOENT is such a link's). */
typedef struct otx__status {
    bool present;
    bool regular, directory; /* neither: a device or a pipe */
    uint64_t size;
    uint64_t modified;       /* when, in a unit of the system's own */
    uint64_t volume, number; /* together the same for all names of one file alone */
} otx__status;

/* >>> src/disk/windows_paths.h */
/* ---- windows_paths: paths as Windows takes them ---------------------------- */

#ifdef _WIN32

#include <wchar.h>

#define OTX__SEPARATOR(c) ((c) == '/' || (c) == '\\')

/* Room for a path in UTF-16 units, its terminator included; and from how many on it
   is given to the system as \\?\PATH: 260 are too many for any call, and some want
   room for a name of the old kind. */
#define OTX__WIDE 4096
#define OTX__WIDE_LONG 240

/* As windows.h declares it, without windows.h. */
#ifdef __cplusplus
extern "C"
#endif
__declspec(dllimport) unsigned long __stdcall GetFullPathNameW(const wchar_t *path,
                                                               unsigned long size, wchar_t *to,
                                                               wchar_t **name);

/* Bytes of a name, and of the separator behind it. */
OTX__PRIVATE size_t otx__sys_root_name(const char *path)
{
    size_t size = 0;
    while (path[size] && !OTX__SEPARATOR(path[size])) size++;
    return size + (path[size] != 0);
}

/* Bytes at the start of a path that name the root it counts from: "\", "C:" (from the
   drive's current directory), "C:\", "\\server\share\", and those behind "\\?\". */
OTX__PRIVATE size_t otx__sys_root(const char *path)
{
    const bool twice = OTX__SEPARATOR(path[0]) && OTX__SEPARATOR(path[1]);
    bool share = twice;
    size_t size = 0;
    if (twice && (path[2] == '?' || path[2] == '.') && OTX__SEPARATOR(path[3])) {
        size = 4;
        share = (path[4] == 'U' || path[4] == 'u') && (path[5] == 'N' || path[5] == 'n') &&
                (path[6] == 'C' || path[6] == 'c') && OTX__SEPARATOR(path[7]);
        if (share) size = 8;
    } else if (share) {
        size = 2;
    }
    if (share) {
        size += otx__sys_root_name(path + size);
        return size + otx__sys_root_name(path + size);
    }
    if (path[size] && path[size + 1] == ':') size += 2;
    return size + (OTX__SEPARATOR(path[size]) ? 1 : 0);
}

/* UTF-8 to UTF-16, with Windows' own separators. */
OTX__PRIVATE bool otx__sys_utf16(wchar_t to[OTX__WIDE], const char *path)
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
            to[count++] = (wchar_t)(code == '/' ? '\\' : code);
        }
        i += length;
    }
    to[count] = 0;
    return true;
}

/* A path as the system takes it: whole, in UTF-16, without separators at its end, which
   some calls refuse, and where it is long as \\?\C:\... or \\?\UNC\server\..., which
   alone may have more than 260 units. */
OTX__PRIVATE bool otx__sys_wide(wchar_t to[OTX__WIDE], const char *path)
{
    static const wchar_t local[] = L"\\\\?\\", remote[] = L"\\\\?\\UNC";
    const unsigned long room = OTX__WIDE - 8;
    wchar_t given[OTX__WIDE], *full = to + 8;
    unsigned long count;
    size_t prefix = 0;
    if (!otx__sys_utf16(given, path)) return false;
    count = given[0] ? GetFullPathNameW(given, room, full, NULL) : 0;
    if (count == 0 || count >= room) {
        errno = count ? ENAMETOOLONG : ENOENT;
        return false;
    }
    while (count > 1 && full[count - 1] == L'\\' && full[count - 2] != L':') count--;
    full[count] = 0;
    if (count >= OTX__WIDE_LONG && full[1] == L':') {
        prefix = 4;
        memcpy(to, local, prefix * sizeof *to);
    } else if (count >= OTX__WIDE_LONG && full[2] != L'?' && full[2] != L'.') {
        prefix = 7;
        memcpy(to, remote, prefix * sizeof *to);
        full++, count--; /* one of the two separators */
    }
    memmove(to + prefix, full, (count + 1) * sizeof *to);
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

#endif /* _WIN32 */

/* >>> src/disk/windows.h */
/* ---- windows: the system as Windows gives it ------------------------------- */

#ifdef _WIN32

#include <direct.h>
#include <io.h>
#include <share.h>
#include <wctype.h>

/* As windows.h declares them, without windows.h. */
struct _OVERLAPPED;
struct _SECURITY_ATTRIBUTES;
struct _BY_HANDLE_FILE_INFORMATION;
struct _WIN32_FIND_DATAW;
#ifdef __cplusplus
extern "C" {
#endif
__declspec(dllimport) int __stdcall ReadFile(void *file, void *buffer, unsigned long size,
                                             unsigned long *got, struct _OVERLAPPED *at);
__declspec(dllimport) void *__stdcall CreateFileW(const wchar_t *path, unsigned long access,
                                                  unsigned long share,
                                                  struct _SECURITY_ATTRIBUTES *security,
                                                  unsigned long creation, unsigned long flags,
                                                  void *pattern);
__declspec(dllimport) int __stdcall CloseHandle(void *file);
__declspec(dllimport) unsigned long __stdcall GetFileType(void *file);
__declspec(dllimport) unsigned long __stdcall GetFileAttributesW(const wchar_t *path);
__declspec(dllimport) int __stdcall GetFileInformationByHandle(
    void *file, struct _BY_HANDLE_FILE_INFORMATION *to);
__declspec(dllimport) void *__stdcall FindFirstFileW(const wchar_t *path,
                                                     struct _WIN32_FIND_DATAW *to);
__declspec(dllimport) int __stdcall FindNextFileW(void *search, struct _WIN32_FIND_DATAW *to);
__declspec(dllimport) int __stdcall FindClose(void *search);
__declspec(dllimport) unsigned long __stdcall GetLastError(void);
#ifdef __cplusplus
}
#endif

/* The layouts of an OVERLAPPED, a BY_HANDLE_FILE_INFORMATION and a WIN32_FIND_DATAW. */
typedef struct otx__overlapped {
    uintptr_t internal, internal_high;
    unsigned long offset, offset_high;
    void *event;
} otx__overlapped;

typedef struct otx__file_information {
    unsigned long attributes, created[2], accessed[2], modified_low, modified_high, volume,
        size_high, size_low, links, number_high, number_low;
} otx__file_information;

typedef struct otx__file_found {
    unsigned long attributes, times[6], size_high, size_low, tag, reserved;
    wchar_t name[260], short_name[14];
} otx__file_found;

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
OTX__PRIVATE bool otx__sys_sync_directory(const char *path)
{
    (void)path;
    return true;
}

/* ---- what stands at a path ---- */

/* A failure of CreateFileW as a value of errno. What cannot be a name names nothing. */
OTX__PRIVATE int otx__sys_number(unsigned long failure)
{
    static const struct { unsigned long failure; int number; } table[] = {
        {2, ENOENT},  /* ERROR_FILE_NOT_FOUND */
        {3, ENOENT},  /* ERROR_PATH_NOT_FOUND */
        {4, EMFILE},  /* ERROR_TOO_MANY_OPEN_FILES */
        {5, EACCES},  /* ERROR_ACCESS_DENIED */
        {8, ENOMEM},  /* ERROR_NOT_ENOUGH_MEMORY */
        {32, EACCES}, /* ERROR_SHARING_VIOLATION */
        {123, ENOENT}, /* ERROR_INVALID_NAME */
        {161, ENOENT}, /* ERROR_BAD_PATHNAME */
        {206, ENAMETOOLONG}, /* ERROR_FILENAME_EXCED_RANGE */
        {267, ENOENT},  /* ERROR_DIRECTORY: a file stands where a directory should */
        {1921, ELOOP},  /* ERROR_CANT_RESOLVE_FILENAME: links in a circle */
    };
    size_t i;
    for (i = 0; i < OTX__COUNT(table); i++)
        if (table[i].failure == failure) return table[i].number;
    return EIO;
}

OTX__PRIVATE bool otx__sys_status_of(otx__status *to, void *file)
{
    const unsigned long disk = 1, directory = 0x10; /* FILE_TYPE_, FILE_ATTRIBUTE_... */
    otx__file_information raw;
    memset(&raw, 0, sizeof raw);
    to->present = true;
    if (GetFileType(file) != disk) return true;
    if (!GetFileInformationByHandle(file, (struct _BY_HANDLE_FILE_INFORMATION *)&raw)) {
        errno = otx__sys_number(GetLastError());
        return false;
    }
    to->directory = (raw.attributes & directory) != 0;
    to->regular = !to->directory;
    to->size = to->regular ? (uint64_t)raw.size_high << 32 | raw.size_low : 0;
    to->modified = (uint64_t)raw.modified_high << 32 | raw.modified_low;
    to->volume = raw.volume;
    to->number = (uint64_t)raw.number_high << 32 | raw.number_low;
    return true;
}

/* A file system without numbers for its files: the path's own, without regard to case
   (FNV-1a). */
OTX__PRIVATE uint64_t otx__sys_path_number(const wchar_t *wide)
{
    uint64_t hash = 14695981039346656037u;
    for (; *wide; wide++) hash = (hash ^ (uint64_t)towlower(*wide)) * 1099511628211u;
    return hash;
}

OTX__PRIVATE bool otx__sys_status(const char *path, otx__status *status)
{
    /* FILE_READ_ATTRIBUTES, FILE_SHARE_..., OPEN_EXISTING, FILE_FLAG_BACKUP_SEMANTICS */
    const unsigned long look = 0x80, all = 7, existing = 3, directories_too = 0x02000000;
    wchar_t wide[OTX__WIDE];
    void *file;
    bool seen;
    memset(status, 0, sizeof *status);
    if (!otx__sys_wide(wide, path)) return errno == ENOENT;
    file = CreateFileW(wide, look, all, NULL, existing, directories_too, NULL);
    if ((intptr_t)file == -1) {
        errno = otx__sys_number(GetLastError());
        return errno == ENOENT && GetFileAttributesW(wide) == 0xffffffffu;
    }
    seen = otx__sys_status_of(status, file);
    if (seen && status->number == 0) status->number = otx__sys_path_number(wide);
    (void)CloseHandle(file);
    return seen;
}

OTX__PRIVATE bool otx__sys_status_open(int file, otx__status *status)
{
    memset(status, 0, sizeof *status);
    return otx__sys_status_of(status, (void *)_get_osfhandle(file));
}

/* Symbolic links and junctions. Other reparse points are files kept in a cloud and the
   like, which are read as any. */
OTX__PRIVATE bool otx__sys_is_link(const char *path)
{
    const unsigned long reparse_point = 0x400; /* FILE_ATTRIBUTE_... */
    const unsigned long link = 0xa000000cu, junction = 0xa0000003u; /* IO_REPARSE_TAG_... */
    otx__file_found found;
    wchar_t wide[OTX__WIDE];
    void *search;
    if (!otx__sys_wide(wide, path)) return false;
    search = FindFirstFileW(wide, (struct _WIN32_FIND_DATAW *)&found);
    if ((intptr_t)search == -1) return false;
    (void)FindClose(search);
    return (found.attributes & reparse_point) && (found.tag == link || found.tag == junction);
}

/* ---- names ---- */

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

OTX__PRIVATE bool otx__sys_remove(const char *path)
{
    wchar_t wide[OTX__WIDE];
    return otx__sys_wide(wide, path) && (_wunlink(wide) == 0 || _wrmdir(wide) == 0);
}

/* What is marked as read-only cannot be removed. */
OTX__PRIVATE bool otx__sys_unlock(const char *path)
{
    const unsigned long read_only = 1; /* FILE_ATTRIBUTE_... */
    wchar_t wide[OTX__WIDE];
    unsigned long attributes;
    if (!otx__sys_wide(wide, path)) return false;
    attributes = GetFileAttributesW(wide);
    if (attributes == 0xffffffffu || !(attributes & read_only)) return false;
    return _wchmod(wide, _S_IREAD | _S_IWRITE) == 0;
}

typedef struct otx__sys_directory {
    void *search; /* NULL: nothing was found */
    otx__file_found found;
    bool pending; /* `found` has not been handed out yet */
    char name[3 * 260 + 1];
} otx__sys_directory;

/* In the root of an empty drive not even "." is found. */
OTX__PRIVATE bool otx__sys_directory_open(otx__sys_directory *directory, const char *path)
{
    wchar_t wide[OTX__WIDE];
    otx__status status;
    size_t length;
    memset(directory, 0, sizeof *directory);
    if (!otx__sys_status(path, &status) || !otx__sys_wide(wide, path)) return false;
    if (!status.directory) {
        errno = status.present ? ENOTDIR : ENOENT;
        return false;
    }
    length = wcslen(wide);
    if (length + 3 > OTX__WIDE) {
        errno = ENAMETOOLONG;
        return false;
    }
    if (wide[length - 1] != L'\\') wide[length++] = L'\\';
    wide[length] = L'*';
    wide[length + 1] = 0;
    directory->search = FindFirstFileW(wide, (struct _WIN32_FIND_DATAW *)&directory->found);
    directory->pending = (intptr_t)directory->search != -1;
    if (directory->pending) return true;
    directory->search = NULL;
    errno = otx__sys_number(GetLastError());
    return errno == ENOENT;
}

/* The next name, NULL at the end or, with errno set, on failure. */
OTX__PRIVATE const char *otx__sys_directory_next(otx__sys_directory *directory)
{
    const unsigned long no_more_files = 18; /* ERROR_... */
    struct _WIN32_FIND_DATAW *found = (struct _WIN32_FIND_DATAW *)&directory->found;
    errno = 0;
    if (!directory->search) return NULL;
    if (!directory->pending && !FindNextFileW(directory->search, found)) {
        const unsigned long failure = GetLastError();
        if (failure != no_more_files) errno = otx__sys_number(failure);
        return NULL;
    }
    directory->pending = false;
    otx__sys_narrow(directory->name, directory->found.name);
    return directory->name;
}

OTX__PRIVATE void otx__sys_directory_close(otx__sys_directory *directory)
{
    if (directory->search) (void)FindClose(directory->search);
}

#endif /* _WIN32 */

/* >>> src/disk/posix.h */
/* ---- posix: the system as POSIX gives it ----------------------------------- */

#ifndef _WIN32

#include <dirent.h>
#include <unistd.h>

#define OTX__SEPARATOR(c) ((c) == '/')

/* Bytes at the start of a path that name the root it counts from. */
OTX__PRIVATE size_t otx__sys_root(const char *path) { return path[0] == '/' ? 1 : 0; }

/* What some systems or some feature-test macros do not offer. */
#ifdef O_CLOEXEC
#define OTX__O_CLOEXEC O_CLOEXEC
#else
#define OTX__O_CLOEXEC 0
#endif

/* glibc hides pread and readlink under strict -std=c99, and other system headers may
   have settled that before this file is reached; so they are declared under names of
   our own. The 64-bit form exists whatever the size of off_t. */
#ifdef __GLIBC__
#ifdef __cplusplus
extern "C" {
#endif
ssize_t otx__sys_pread(int file, void *to, size_t size, int64_t offset) __asm__("pread64");
ssize_t otx__sys_readlink(const char *path, char *to, size_t size) __asm__("readlink");
#ifdef __cplusplus
}
#endif
#else
#define otx__sys_pread(file, to, size, offset) pread(file, to, size, (off_t)(offset))
#define otx__sys_readlink(path, to, size) readlink(path, to, size)
#endif

/* The nanoseconds of a file's time: a macro st_mtime leads into a struct that has
   them too; without one they stand beside it, or nowhere. */
#if defined(__APPLE__) && defined(st_mtime)
#define OTX__NANOSECONDS(status) ((status)->st_mtimespec.tv_nsec)
#elif defined(st_mtime)
#define OTX__NANOSECONDS(status) ((status)->st_mtim.tv_nsec)
#elif defined(__GLIBC__) || defined(__APPLE__)
#define OTX__NANOSECONDS(status) ((status)->st_mtimensec)
#else
#define OTX__NANOSECONDS(status) 0
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

OTX__PRIVATE bool otx__sys_sync_directory(const char *path)
{
    int file = otx__sys_open(path), number = 0;
    if (file < 0) return false;
    if (!otx__sys_sync(file)) number = errno;
    (void)otx__sys_close(file);
    errno = number;
    return number == 0;
}

OTX__PRIVATE void otx__sys_status_of(otx__status *to, const struct stat *from)
{
    to->present = true;
    to->regular = S_ISREG(from->st_mode);
    to->directory = S_ISDIR(from->st_mode);
    to->size = from->st_size > 0 ? (uint64_t)from->st_size : 0;
    to->modified = (uint64_t)from->st_mtime * 1000000000u + (uint64_t)OTX__NANOSECONDS(from);
    to->volume = (uint64_t)from->st_dev;
    to->number = (uint64_t)from->st_ino;
}

/* Where the link leads to does not matter. Some systems refuse to give a part of it. */
OTX__PRIVATE bool otx__sys_is_link(const char *path)
{
    char target[256];
    return otx__sys_readlink(path, target, sizeof target) >= 0 || errno == ERANGE
#ifdef ENOBUFS
           || errno == ENOBUFS
#endif
        ;
}

OTX__PRIVATE bool otx__sys_status(const char *path, otx__status *status)
{
    struct stat raw;
    int number;
    memset(status, 0, sizeof *status);
    if (stat(path, &raw) == 0) {
        otx__sys_status_of(status, &raw);
        return true;
    }
    number = errno;
    if (number != ENOENT && number != ENOTDIR) return false;
    if (!otx__sys_is_link(path)) return true;
    errno = ENOENT;
    return false;
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

/* remove() follows no link, and unlike lstat() no header hides it. */
OTX__PRIVATE bool otx__sys_remove(const char *path)
{
    if (remove(path) == 0) return true;
    if (errno == EEXIST) errno = ENOTEMPTY;
    return false;
}

/* A file needs no leave of its own to be removed. WASI knows no modes. */
OTX__PRIVATE bool otx__sys_unlock(const char *path)
{
#ifdef __wasi__
    (void)path;
    return false;
#else
    struct stat raw;
    if (otx__sys_is_link(path) || stat(path, &raw) != 0 || !S_ISDIR(raw.st_mode)) return false;
    return (raw.st_mode & 0700) != 0700 && chmod(path, 0700) == 0;
#endif
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

#endif /* !_WIN32 */

/* >>> src/disk/paths.h */
/* ---- paths: what can be told from their text -------------------------------- */

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

/* directory/name in a block of its own; free with otx__path_free. NULL when out
   of memory. An empty directory gives the name alone, and a bare drive C:name. */
OTX__PRIVATE char *otx__path_join(const otx_context *ctx, const char *directory,
                                  const char *name)
{
    size_t length = strlen(directory), size = strlen(name);
    bool drive = length > 0 && directory[length - 1] == ':' &&
                 otx__sys_root(directory) == length;
    bool separate = length > 0 && !drive && !OTX__SEPARATOR(directory[length - 1]);
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

/* Where the last name of a path starts: at its end if it ends in a separator or is a
   root. */
OTX__PRIVATE size_t otx__path_name(const char *path)
{
    const size_t root = otx__sys_root(path);
    size_t at = strlen(path);
    while (at > root && !OTX__SEPARATOR(path[at - 1])) at--;
    return at;
}

/* The directory a path lies in, for otx__path_free: "." for a bare name, and a root for
   itself. */
OTX__PRIVATE char *otx__path_parent(const otx_context *ctx, const char *path)
{
    const size_t root = otx__sys_root(path);
    size_t size = otx__path_name(path);
    if (size == 0) return otx__path_copy(ctx, ".", 1);
    while (size > root && OTX__SEPARATOR(path[size - 1])) size--;
    return otx__path_copy(ctx, path, size);
}

/* >>> src/disk/failure.h */
/* ---- failure: why the system refused ----------------------------------------- */

/* strerror may use one buffer for all threads, strerror_r has two shapes, and both may
   be hidden: so this file says itself what the values that files can meet mean. */
typedef struct otx__reason {
    int number;
    const char *text;
} otx__reason;

static const otx__reason otx__reasons[] = {
    {EACCES, "Permission denied"},
    {EAGAIN, "Resource temporarily unavailable"},
    {EBADF, "Bad file descriptor"},
    {EBUSY, "Device or resource busy"},
    {EEXIST, "File exists"},
    {EFBIG, "File too large"},
    {EILSEQ, "Invalid or incomplete multibyte or wide character"},
    {EINTR, "Interrupted system call"},
    {EINVAL, "Invalid argument"},
    {EIO, "Input/output error"},
    {EISDIR, "Is a directory"},
    {EMFILE, "Too many open files"},
    {EMLINK, "Too many links"},
    {ENAMETOOLONG, "File name too long"},
    {ENFILE, "Too many open files in system"},
    {ENODEV, "No such device"},
    {ENOENT, "No such file or directory"},
    {ENOMEM, "Cannot allocate memory"},
    {ENOSPC, "No space left on device"},
    {ENOSYS, "Function not implemented"},
    {ENOTDIR, "Not a directory"},
    {ENOTEMPTY, "Directory not empty"},
    {ENXIO, "No such device or address"},
    {EPERM, "Operation not permitted"},
    {EPIPE, "Broken pipe"},
    {EROFS, "Read-only file system"},
    {EXDEV, "Invalid cross-device link"},
/* Not everywhere. */
#ifdef EDQUOT
    {EDQUOT, "Disk quota exceeded"},
#endif
#ifdef EHOSTDOWN
    {EHOSTDOWN, "Host is down"},
#endif
#ifdef ELOOP
    {ELOOP, "Too many levels of symbolic links"},
#endif
#ifdef ENOTCAPABLE
    {ENOTCAPABLE, "Capabilities insufficient"}, /* WASI: outside of what was opened to it */
#endif
#ifdef ENOTCONN
    {ENOTCONN, "Transport endpoint is not connected"}, /* a FUSE whose server has died */
#endif
#ifdef ENOTSUP
    {ENOTSUP, "Operation not supported"},
#endif
#ifdef EOVERFLOW
    {EOVERFLOW, "Value too large for defined data type"},
#endif
#ifdef EREMOTEIO
    {EREMOTEIO, "Remote I/O error"},
#endif
#ifdef ESTALE
    {ESTALE, "Stale file handle"}, /* NFS */
#endif
#ifdef ETIMEDOUT
    {ETIMEDOUT, "Connection timed out"},
#endif
#ifdef ETXTBSY
    {ETXTBSY, "Text file busy"},
#endif
};

/* Room for a reason: `char text[OTX__REASON_TEXT];`. */
#define OTX__REASON_TEXT 64

/* What a value of errno says. */
OTX__PRIVATE const char *otx__reason_text(char to[OTX__REASON_TEXT], int number)
{
    size_t i;
    for (i = 0; i < OTX__COUNT(otx__reasons); i++)
        if (otx__reasons[i].number == number) return otx__reasons[i].text;
    otx__format(to, OTX__REASON_TEXT, "error %d of the system", number);
    return to;
}

/* Whether the system would not let one, as a sandbox does above its top. */
OTX__PRIVATE bool otx__is_refusal(int number)
{
#ifdef ENOTCAPABLE
    if (number == ENOTCAPABLE) return true;
#endif
    return number == EACCES || number == EPERM;
}

/* Reports a failed system call: "PATH: WHAT: why". `number` is errno's value. */
OTX__PRIVATE otx_result otx__fail_system(otx_error *error, const char *path, const char *what,
                                         int number)
{
    char name[OTX__PATH_TEXT], why[OTX__REASON_TEXT];
    otx_result code = number == ENOENT || number == ENOTDIR ? OTX_ERROR_NOT_FOUND
                      : number == EEXIST || number == ENOTEMPTY ? OTX_ERROR_EXISTS
                      : number == ENOMEM ? OTX_ERROR_MEMORY
                                         : OTX_ERROR_IO;
    otx__path_text(name, path);
    if (number == EOVERFLOW || number == EFBIG)
        return otx__fail(error, OTX_ERROR_LIMIT, "%s: %s: too large for this build or file "
                         "system (files of 2 GiB and more need 64-bit offsets: compile with "
                         "-D_FILE_OFFSET_BITS=64)", name, what);
    return otx__fail(error, code, "%s: %s: %s%s", name, what, otx__reason_text(why, number),
                     number == EMFILE ? " (see ulimit -n)" : "");
}

/* >>> src/disk/look.h */
/* ---- look: what stands at a path, and whether within another ----------------- */

/* What stands at a path, links followed. Nothing at all is OTX_OK, with !present: what
   cannot be looked at, and a link that leads nowhere, is not nothing but an error. */
OTX__PRIVATE otx_result otx__look(const char *path, otx__status *status, otx_error *error)
{
    char name[OTX__PATH_TEXT];
    if (otx__sys_status(path, status)) return OTX_OK;
    if (errno != ENOENT)
        return otx__fail_system(error, path, "cannot be looked at", errno);
    return otx__fail(error, OTX_ERROR_IO, "%s: is a link that leads nowhere",
                     otx__path_text(name, path));
}

/* Whether both are of one file or directory. */
OTX__PRIVATE bool otx__same_file(const otx__status *a, const otx__status *b)
{
    return a->present && b->present && a->volume == b->volume && a->number == b->number;
}

/* The nearest directory above a path, or the path itself if it is one, for
   otx__path_free. */
OTX__PRIVATE otx_result otx__directory_above(const otx_context *ctx, const char *path,
                                             char **out, otx_error *error)
{
    char *here = otx__path_copy(ctx, path, strlen(path));
    otx_result result = OTX_OK;
    *out = NULL;
    while (here && !result) {
        otx__status status;
        char *parent;
        bool last;
        result = otx__look(here, &status, error);
        if (!result && status.directory) {
            *out = here;
            return OTX_OK;
        }
        parent = otx__path_parent(ctx, here);
        last = parent && strcmp(parent, here) == 0;
        if (!result && last)
            result = otx__fail_system(error, path, "no directory is above it", ENOENT);
        otx__path_free(ctx, here);
        here = parent;
    }
    if (!here && !result) result = otx__fail_memory(error, strlen(path) + 1);
    otx__path_free(ctx, here);
    return result;
}

/* Whether one of the directories that the path itself names is the target. Takes over
   `here`. */
OTX__PRIVATE otx_result otx__is_named_within(const otx_context *ctx, char *here,
                                             const otx__status *target, bool *within,
                                             otx_error *error)
{
    bool last = false;
    while (here && !last && !*within) {
        otx__status status;
        char *parent = otx__path_parent(ctx, here);
        *within = otx__sys_status(here, &status) && otx__same_file(&status, target);
        last = parent && strcmp(parent, here) == 0;
        otx__path_free(ctx, here);
        here = parent;
    }
    if (!here) return otx__fail_memory(error, OTX__PATH_TEXT);
    otx__path_free(ctx, here);
    return OTX_OK;
}

/* Goes up from a directory, as the system does, so that links make no difference, until
   it is the target or has nothing above it. A sandbox refuses to go above its top: then
   `*refused` is set. */
OTX__PRIVATE otx_result otx__climb(const otx_context *ctx, const char *from,
                                   const otx__status *target, bool *within, bool *refused,
                                   otx_error *error)
{
    char *here = otx__path_copy(ctx, from, strlen(from)), *above;
    otx__status status, next;
    otx_result result = here ? otx__look(here, &next, error)
                             : otx__fail_memory(error, strlen(from) + 1);
    while (!result) {
        status = next;
        *within = otx__same_file(&status, target);
        if (*within) break;
        above = otx__path_join(ctx, here, "..");
        if (!above) {
            result = otx__fail_memory(error, strlen(here) + 4);
            break;
        }
        otx__path_free(ctx, here);
        here = above;
        if (!otx__sys_status(here, &next)) {
            *refused = otx__is_refusal(errno);
            if (!*refused)
                result = otx__fail_system(error, from, "cannot go up from here", errno);
            break;
        }
        if (otx__same_file(&status, &next)) break; /* the root is its own parent */
    }
    otx__path_free(ctx, here);
    return result;
}

/* Whether `path` is `directory` or lies anywhere within it, or would if it existed. */
OTX__PRIVATE otx_result otx__is_within(const otx_context *ctx, const char *path,
                                       const char *directory, bool *within, otx_error *error)
{
    otx__status target;
    bool refused = false;
    char *here = NULL;
    otx_result result;
    *within = false;
    result = otx__look(directory, &target, error);
    if (!result) result = otx__directory_above(ctx, path, &here, error);
    if (!result) result = otx__climb(ctx, here, &target, within, &refused, error);
    if (!result && refused) return otx__is_named_within(ctx, here, &target, within, error);
    otx__path_free(ctx, here);
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
    return otx__sorted_find(listing->names, listing->count, sizeof *listing->names, &name,
                            otx__compare_names) != NULL;
}

/* >>> src/disk/reading.h */
/* ---- files to read ------------------------------------------------------ */

/* What an open source keeps. */
typedef struct otx__source_file {
    int file;
    otx__status status; /* of the file when it was opened */
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
    if (otx__sys_status(path, &status) && status.present && status.size < source->size)
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
    otx_result result = otx__look(path, &status, error);
    if (result || status.regular) return result;
    if (!status.present) return otx__fail_system(error, path, "cannot be opened", ENOENT);
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
    source->status = status;
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

/* ---- files that change while they are read ---- */

/* Fails if a file is no longer what it was: of that size and time. Not by its number,
   which some network file systems make up anew. */
OTX__PRIVATE otx_result otx__compare_status(const char *path, const otx__status *then,
                                            const otx__status *now, otx_error *error)
{
    char name[OTX__PATH_TEXT];
    if (now->present && then->size == now->size && then->modified == now->modified)
        return OTX_OK;
    otx__path_text(name, path);
    if (!now->present)
        return otx__fail(error, OTX_ERROR_IO, "%s: has vanished since it was first looked at",
                         name);
    if (then->size == now->size)
        return otx__fail(error, OTX_ERROR_IO, "%s: has been written to since it was first "
                         "looked at", name);
    return otx__fail(error, OTX_ERROR_IO, "%s: had %" PRIu64 " bytes when it was first looked "
                     "at, and has %" PRIu64 " now", name, then->size, now->size);
}

/* Fails if an open source is no longer what its path leads to: what was read may be a
   mixture. For what otx_source_open has opened. */
OTX__PRIVATE otx_result otx__source_unchanged(const otx_source *source, const char *path,
                                              otx_error *error)
{
    const otx__source_file *file = (const otx__source_file *)source->context;
    otx__status now;
    otx_result result = otx__look(path, &now, error);
    return result ? result : otx__compare_status(path, &file->status, &now, error);
}

/* ---- small files, whole ---- */

/* Reads all of an open source; the text is NUL-terminated. */
OTX__PRIVATE otx_result otx__source_text(const otx_context *ctx, const otx_source *source,
                                         const char *path, char **text, otx_error *error)
{
    const size_t size = (size_t)source->size;
    char *bytes = (char *)otx__alloc(ctx, size + 1, 1);
    otx_result result = OTX_OK;
    if (!bytes) return otx__fail_memory(error, source->size + 1);
    if (!source->read(source->context, 0, bytes, size))
        result = otx__fail_read(error, path, source, 0, size);
    if (!result) result = otx__source_unchanged(source, path, error);
    if (result) {
        otx__free(ctx, bytes, size + 1, 1);
        return result;
    }
    bytes[size] = 0;
    *text = bytes;
    return OTX_OK;
}

/* Reads a whole file of at most `limit` bytes. The text is NUL-terminated behind
   its `size` bytes; free it with otx__file_free. A file that does not exist is
   OTX_ERROR_NOT_FOUND. */
OTX__PRIVATE otx_result otx__file_read_all(const otx_context *ctx, const char *path,
                                           size_t limit, char **text, size_t *size,
                                           otx_error *error)
{
    char name[OTX__PATH_TEXT];
    otx_source source;
    otx_result result = otx_source_open(ctx, path, &source, error);
    *text = NULL;
    *size = 0;
    if (result) return result;
    if (source.size > limit || source.size >= SIZE_MAX)
        result = otx__fail(error, OTX_ERROR_LIMIT, "%s: has %" PRIu64 " bytes, more than the "
                           "limit of %" PRIu64, otx__path_text(name, path), source.size,
                           (uint64_t)limit);
    if (!result) result = otx__source_text(ctx, &source, path, text, error);
    if (!result) *size = (size_t)source.size;
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

/* Makes the names within a directory durable. Where the system fails at that, all is
   written but may not outlive a loss of power, which is worth a word. */
OTX__PRIVATE void otx__directory_sync(const otx_context *ctx, const char *path)
{
    char name[OTX__PATH_TEXT], why[OTX__REASON_TEXT];
    int number;
    if (otx__sys_sync_directory(path)) return;
    number = errno;
    otx__log(ctx, OTX_WARNING, "%s: may not outlive a loss of power: its names could not be "
             "brought to the disk: %s", otx__path_text(name, path),
             otx__reason_text(why, number));
}

/* >>> src/disk/copying.h */
/* ---- copying: of files ------------------------------------------------------ */

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
    return otx__poll(ctx, meter->stage, meter->subject, meter->done, meter->total, error);
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

/* Copies a file to a new one. The meter's total grows by its size. A file that changes
   meanwhile is an error: its copy may be a mixture. */
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
        if (!result) result = otx__source_unchanged(&source, from, error);
        result = otx__file_finish(&file, result, error);
    }
    otx_source_close(ctx, &source);
    return result;
}

/* >>> src/disk/trees.h */
/* ---- trees: directories looked through, copied and removed with all they hold --- */

/* Directories within directories that a copy goes down to. Real models have two. */
#define OTX__TREE_DEPTH 32

/* What an entry of a tree is. Only what can be copied is: a file, be it by a link, and a
   directory by its own name. A link to a directory may lead in a circle, or bring in
   what no one has thought of. */
OTX__PRIVATE otx_result otx__tree_entry(const char *path, unsigned depth, otx__status *status,
                                        otx_error *error)
{
    char name[OTX__PATH_TEXT];
    otx_result result = otx__look(path, status, error);
    if (result || status->regular) return result;
    if (!status->directory) return otx__require_regular(path, error);
    otx__path_text(name, path);
    if (otx__sys_is_link(path))
        return otx__fail(error, OTX_ERROR_UNSUPPORTED, "%s: is a link to a directory, and only "
                         "links to files are followed: put the directory in its place, or "
                         "remove it", name);
    if (depth == 0)
        return otx__fail(error, OTX_ERROR_LIMIT, "%s: more than %d directories deep", name,
                         OTX__TREE_DEPTH);
    return OTX_OK;
}

/* ---- files as they were when they were first looked at ---- */

typedef struct otx__stamp {
    char *path;
    otx__status status;
} otx__stamp;

/* Files that must stay as they are until all is done. All zero but for ctx is none. */
typedef struct otx__stamps {
    const otx_context *ctx;
    otx__stamp *items;
    size_t count, capacity;
} otx__stamps;

OTX__PRIVATE void otx__stamps_close(otx__stamps *stamps)
{
    size_t i;
    for (i = 0; i < stamps->count; i++) otx__path_free(stamps->ctx, stamps->items[i].path);
    if (stamps->capacity)
        otx__free(stamps->ctx, stamps->items, stamps->capacity, sizeof *stamps->items);
    memset(stamps, 0, sizeof *stamps);
}

OTX__PRIVATE otx_result otx__stamps_add(otx__stamps *stamps, const char *path,
                                        const otx__status *status, otx_error *error)
{
    void *items = stamps->items;
    otx__stamp *stamp;
    if (!otx__grow(stamps->ctx, &items, &stamps->capacity, stamps->count + 1,
                   sizeof *stamps->items))
        return otx__fail_memory(error, (stamps->count + 1) * sizeof *stamps->items);
    stamps->items = (otx__stamp *)items;
    stamp = &stamps->items[stamps->count];
    stamp->path = otx__path_copy(stamps->ctx, path, strlen(path));
    if (!stamp->path) return otx__fail_memory(error, strlen(path) + 1);
    stamp->status = *status;
    stamps->count++;
    return OTX_OK;
}

/* Adds the files of a directory, though not of those within, whose names are wanted. */
OTX__PRIVATE otx_result otx__stamps_take(otx__stamps *stamps, const char *directory,
                                         bool (*wanted)(const char *name), otx_error *error)
{
    otx__listing listing;
    otx_result result = otx__listing_open(stamps->ctx, directory, &listing, error);
    size_t i;
    for (i = 0; i < listing.count && !result; i++) {
        otx__status status;
        char *path;
        if (!wanted(listing.names[i])) continue;
        path = otx__path_join(stamps->ctx, directory, listing.names[i]);
        if (!path) {
            result = otx__fail_memory(error, strlen(directory) + 1);
            break;
        }
        result = otx__look(path, &status, error);
        if (!result && status.regular) result = otx__stamps_add(stamps, path, &status, error);
        otx__path_free(stamps->ctx, path);
    }
    otx__listing_close(&listing);
    return result;
}

/* Fails if one of the files is no longer what it was. */
OTX__PRIVATE otx_result otx__stamps_compare(const otx__stamps *stamps, otx_error *error)
{
    otx_result result = OTX_OK;
    size_t i;
    for (i = 0; i < stamps->count && !result; i++) {
        const otx__stamp *stamp = &stamps->items[i];
        otx__status now;
        result = otx__look(stamp->path, &now, error);
        if (!result) result = otx__compare_status(stamp->path, &stamp->status, &now, error);
    }
    return result;
}

/* ---- looking through ---- */

OTX__PRIVATE otx_result otx__tree_check_level(const otx_context *ctx, const char *path,
                                              unsigned depth, otx__stamps *stamps,
                                              otx_error *error)
{
    otx__listing listing;
    otx__status status;
    size_t i;
    otx_result result = otx__tree_entry(path, depth, &status, error);
    if (result) return result;
    if (status.regular) {
        int file = otx__sys_open(path);
        if (file < 0) return otx__fail_system(error, path, "cannot be opened", errno);
        (void)otx__sys_close(file);
        return stamps ? otx__stamps_add(stamps, path, &status, error) : OTX_OK;
    }
    result = otx__listing_open(ctx, path, &listing, error);
    if (result) return result;
    for (i = 0; i < listing.count && !result; i++) {
        char *child = otx__path_join(ctx, path, listing.names[i]);
        if (!child) result = otx__fail_memory(error, strlen(path) + 1);
        else result = otx__tree_check_level(ctx, child, depth - 1, stamps, error);
        otx__path_free(ctx, child);
    }
    otx__listing_close(&listing);
    return result;
}

/* Whether a file, or a directory and all it holds, can be copied, as far as that shows
   without reading: finds what otx__tree_copy would stumble over at the end of a long run.
   The files are added to `stamps`, unless that is NULL. */
OTX__PRIVATE otx_result otx__tree_check(const otx_context *ctx, const char *path,
                                        otx__stamps *stamps, otx_error *error)
{
    return otx__tree_check_level(ctx, path, OTX__TREE_DEPTH, stamps, error);
}

/* ---- copying ---- */

OTX__PRIVATE otx_result otx__tree_copy_level(const otx_context *ctx, const char *from,
                                             const char *to, unsigned depth, otx__meter *meter,
                                             otx_error *error)
{
    otx__listing listing;
    otx__status status;
    size_t i;
    otx_result result = otx__tree_entry(from, depth, &status, error);
    if (result) return result;
    if (status.regular) return otx__file_copy(ctx, from, to, meter, error);
    result = otx__listing_open(ctx, from, &listing, error);
    if (result) return result;
    if (!otx__sys_make_directory(to))
        result = otx__fail_system(error, to, "cannot be created", errno);
    for (i = 0; i < listing.count && !result; i++) {
        char *source = otx__path_join(ctx, from, listing.names[i]);
        char *target = otx__path_join(ctx, to, listing.names[i]);
        if (!source || !target) result = otx__fail_memory(error, strlen(from) + strlen(to));
        else result = otx__tree_copy_level(ctx, source, target, depth - 1, meter, error);
        otx__path_free(ctx, source);
        otx__path_free(ctx, target);
    }
    if (!result) otx__directory_sync(ctx, to);
    otx__listing_close(&listing);
    return result;
}

/* Copies a file, or a directory and all it holds, to a new name; files that links lead to
   become files. */
OTX__PRIVATE otx_result otx__tree_copy(const otx_context *ctx, const char *from, const char *to,
                                       otx__meter *meter, otx_error *error)
{
    return otx__tree_copy_level(ctx, from, to, OTX__TREE_DEPTH, meter, error);
}

/* ---- removing ---- */

OTX__PRIVATE bool otx__tree_remove(const otx_context *ctx, const char *path);

/* Removes all that a directory holds. */
OTX__PRIVATE bool otx__tree_clear(const otx_context *ctx, const char *path)
{
    otx__listing listing;
    bool gone = true;
    size_t i;
    if (otx__listing_open(ctx, path, &listing, NULL)) return false;
    for (i = 0; i < listing.count; i++) {
        char *child = otx__path_join(ctx, path, listing.names[i]);
        if (!child || !otx__tree_remove(ctx, child)) gone = false;
        otx__path_free(ctx, child);
    }
    otx__listing_close(&listing);
    return gone;
}

OTX__PRIVATE bool otx__tree_remove_unlocked(const otx_context *ctx, const char *path)
{
    if (otx__sys_remove(path)) return true;
    return errno == ENOTEMPTY && otx__tree_clear(ctx, path) && otx__sys_remove(path);
}

/* Removes what stands at a path and all it holds, however deep; links are removed, not
   followed, and what is read-only is made writable if need be. False if anything
   remains. */
OTX__PRIVATE bool otx__tree_remove(const otx_context *ctx, const char *path)
{
    if (otx__tree_remove_unlocked(ctx, path)) return true;
    return otx__sys_unlock(path) && otx__tree_remove_unlocked(ctx, path);
}

/* >>> src/disk/known.h */
/* ---- known: what weights are called in a directory --------------------------- */

/* A new name is a new row; the comment says whose it is. Names of a tokenizer's files
   stand in vocab/known.h, of tensors and of keys in model/known.h. */

#define OTX__MODEL_FILE "model.safetensors"
#define OTX__INDEX_FILE "model.safetensors.index.json"

/* Most bytes of an index, and of a tokenizer's files. Real ones stay below
   20 MB and 50 MB. */
#define OTX__INDEX_LIMIT ((size_t)256 << 20)
#define OTX__TOKENIZER_LIMIT ((size_t)1 << 30)

/* ---- in their place ---- */

#define OTX__SAVE_WEIGHTS \
    "load it with transformers and save it with save_pretrained, which writes safetensors"

/* What is not read, and what to do about it. */
static const otx__known_advice otx__weight_advice[] = {
    {"adapter_model.*", "an adapter; merge it into its model first"}, /* PEFT */
    {"model-*.safetensors", "a shard; the index " OTX__INDEX_FILE " is missing"},
    {"consolidated*.safetensors", "weights under the names of the original release; take the "
                                  "repository's files for transformers"}, /* Mistral, Meta */
    {"*.safetensors", "if that is the model, give that file's path"},
    {"*.bin.index.json", OTX__SAVE_WEIGHTS}, /* PyTorch, in shards */
    {"*.bin", OTX__SAVE_WEIGHTS},
    {"*.pt", OTX__SAVE_WEIGHTS},
    {"*.pth", OTX__SAVE_WEIGHTS},
    {"*.h5", OTX__SAVE_WEIGHTS},      /* TensorFlow */
    {"*.msgpack", OTX__SAVE_WEIGHTS}, /* Flax */
    {"*.gguf", "GGUF is not read; take the safetensors it was made from"},
    {"snapshots*", "a cache; give the directory within snapshots/"}, /* huggingface_hub */
};

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
    otx__format(path, size, "%s%s%u", output->path, suffix, number);
    exact = otx__path_copy(output->ctx, path, strlen(path));
    otx__free(output->ctx, path, size, 1);
    return exact;
}

/* Takes the name without separators at its end. */
OTX__PRIVATE otx_result otx__output_name(otx__output *output, const char *path,
                                         otx_error *error)
{
    char name[OTX__PATH_TEXT];
    const size_t root = otx__sys_root(path);
    size_t size = strlen(path), begin;
    while (size > root && OTX__SEPARATOR(path[size - 1])) size--;
    output->path = otx__path_copy(output->ctx, path, size);
    if (!output->path) return otx__fail_memory(error, size + 1);
    begin = otx__path_name(output->path);
    if (begin < size && strcmp(output->path + begin, ".") != 0 &&
        strcmp(output->path + begin, "..") != 0)
        return OTX_OK;
    return otx__fail(error, OTX_ERROR_ARGUMENT, "\"%s\": an output directory needs a name of "
                     "its own", otx__path_text(name, path));
}

OTX__PRIVATE bool otx__looks_like_model(const otx__listing *listing)
{
    return otx__listing_has(listing, "config.json") &&
           (otx__listing_has(listing, OTX__MODEL_FILE) ||
            otx__listing_has(listing, OTX__INDEX_FILE));
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
    result = otx__look(output->path, &status, error);
    *exists = status.present;
    if (result || !status.present) return result;
    if (!output->overwrite)
        return otx__fail(error, OTX_ERROR_EXISTS, "%s: exists already; pass --overwrite to "
                         "replace it", name);
    if (!status.directory)
        return otx__fail(error, OTX_ERROR_EXISTS, "%s: is not a directory and is not replaced",
                         name);
    result = otx__listing_open(output->ctx, output->path, &listing, error);
    if (result) return result;
    model = listing.count == 0 || otx__looks_like_model(&listing);
    otx__listing_close(&listing);
    if (model) return OTX_OK;
    return otx__fail(error, OTX_ERROR_EXISTS, "%s: does not look like a model (it has no "
                     "config.json with " OTX__MODEL_FILE " or its index) and is not replaced",
                     name);
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

/* Looks at what stands beside the final name, and tells of leftovers. */
OTX__PRIVATE otx_result otx__output_siblings(const otx__output *output, otx_error *error)
{
    const char *base = output->path + otx__path_name(output->path);
    char *parent = otx__path_parent(output->ctx, output->path);
    otx__listing listing;
    otx_result result;
    size_t i;
    if (!parent) return otx__fail_memory(error, strlen(output->path) + 1);
    result = otx__listing_open(output->ctx, parent, &listing, error);
    otx__path_free(output->ctx, parent);
    if (result) return result;
    for (i = 0; i < listing.count; i++)
        otx__output_leftover(output, base, listing.names[i]);
    otx__listing_close(&listing);
    return OTX_OK;
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
    if (output->partial && !otx__tree_remove(output->ctx, output->partial))
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
    if (!result) result = otx__output_siblings(output, error);
    if (!result) result = otx__output_make(output, error);
    if (result) otx__output_abandon(output);
    return result;
}

/* Renames what stands under the final name; `*old` is its new name. */
OTX__PRIVATE otx_result otx__output_set_aside(const otx__output *output, char **old,
                                              otx_error *error)
{
    unsigned number;
    for (number = 1; number <= OTX__LEFTOVERS; number++) {
        char *path = otx__output_sibling(output, OTX__OLD, number);
        otx__status status;
        otx_result result;
        if (!path) return otx__fail_memory(error, strlen(output->path) + 32);
        result = otx__look(path, &status, error);
        if (!result && !status.present) {
            if (otx__sys_rename(output->path, path)) {
                *old = path;
                return OTX_OK;
            }
            result = otx__fail_system(error, output->path, "cannot be renamed to make room",
                                      errno);
        }
        otx__path_free(output->ctx, path);
        if (result) return result;
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
    otx__directory_sync(output->ctx, output->partial);
    if (exists) result = otx__output_set_aside(output, &old, error);
    if (!result && !otx__sys_rename(output->partial, output->path)) {
        result = otx__fail_system(error, output->path, "cannot be given its final name", errno);
        if (old && !otx__sys_rename(old, output->path))
            otx__log(output->ctx, OTX_WARNING, "%s: the former output is here now",
                     otx__path_text(name, old));
    } else if (!result) {
        otx__path_free(output->ctx, output->partial);
        output->partial = NULL;
        otx__directory_sync(output->ctx, parent);
        if (old && !otx__tree_remove(output->ctx, old))
            otx__log(output->ctx, OTX_WARNING, "%s: the former output could not be removed",
                     otx__path_text(name, old));
    }
    otx__path_free(output->ctx, old);
    otx__path_free(output->ctx, parent);
    return result;
}

/* >>> src/disk/missing.h */
/* ---- missing: a path or a directory without what is wanted of it -------------- */

/* Reports a directory without what is wanted of it: what it has instead, if there is
   advice on that (OTX_ERROR_UNSUPPORTED), else only what is missing. */
OTX__PRIVATE otx_result otx__fail_missing(otx_error *error, const char *path,
                                          const char *wanted, const char *name,
                                          const char *advice)
{
    char where[OTX__PATH_TEXT], what[OTX__QUOTED];
    otx__path_text(where, path);
    if (!advice) return otx__fail(error, OTX_ERROR_NOT_FOUND, "%s: holds no %s", where, wanted);
    return otx__fail(error, OTX_ERROR_UNSUPPORTED, "%s: holds no %s, but \"%s\": %s", where,
                     wanted, otx__quote(what, sizeof what, name, strlen(name)), advice);
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

/* Finds out what stands at a path given by the user; nothing is an error. */
OTX__PRIVATE otx_result otx__model_status(const char *path, otx__status *status,
                                          otx_error *error)
{
    char name[OTX__PATH_TEXT];
    otx_result result = otx__look(path, status, error);
    if (result || status->present) return result;
    if (otx__is_hub_name(path))
        return otx__fail(error, OTX_ERROR_NOT_FOUND, "%s: no such file or directory; if it is "
                         "a model on a hub, download it first and give its directory",
                         otx__path_text(name, path));
    return otx__fail_system(error, path, "cannot be opened", ENOENT);
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

/* One line of the weight map. */
typedef struct otx__weight_entry {
    otx__span tensor, shard;
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
    return otx__compare_bytes(one->shard.bytes, one->shard.size, other->shard.bytes,
                              other->shard.size);
}

OTX__PRIVATE int otx__weight_by_tensor(const void *a, const void *b)
{
    const otx__weight_entry *one = (const otx__weight_entry *)a;
    const otx__weight_entry *other = (const otx__weight_entry *)b;
    return otx__compare_bytes(one->tensor.bytes, one->tensor.size, other->tensor.bytes,
                              other->tensor.size);
}

/* The weight map of a parsed index: the one member of that name. */
OTX__PRIVATE otx_result otx__weight_index_map(const otx_json *json, const char *name,
                                              uint32_t *map, otx_error *error)
{
    otx_json_iter at = otx_json_iter_of(json, 0);
    unsigned found = 0;
    if (otx_json_type_of(json, 0) != OTX_JSON_OBJECT)
        return otx__fail(error, OTX_ERROR_FORMAT, "%s: is not a JSON object", name);
    while (otx_json_iter_next(&at))
        if (otx_json_equals(json, at.key, "weight_map")) {
            *map = at.value;
            found++;
        }
    if (found != 1 || otx_json_type_of(json, *map) != OTX_JSON_OBJECT)
        return otx__fail(error, OTX_ERROR_FORMAT, "%s: %s", name,
                         found == 0   ? "has no \"weight_map\""
                         : found == 1 ? "\"weight_map\" is not an object"
                                      : "has more than one \"weight_map\"");
    if (otx_json_count(json, *map) == 0)
        return otx__fail(error, OTX_ERROR_FORMAT, "%s: \"weight_map\" is empty", name);
    return OTX_OK;
}

/* Fills in the entries from the members of the weight map, in their order. */
OTX__PRIVATE otx_result otx__weight_index_entries(const otx_json *json, uint32_t map,
                                                  const char *name, otx__weight_index *index,
                                                  otx_error *error)
{
    otx_json_iter at = otx_json_iter_of(json, map);
    char *end = index->strings;
    while (otx_json_iter_next(&at)) {
        otx__weight_entry *entry = &index->entries[at.index];
        char what[OTX__QUOTED];
        entry->tensor = otx__span_of(end, otx_json_string(json, at.key, end));
        end += entry->tensor.size;
        if (otx_json_type_of(json, at.value) != OTX_JSON_STRING)
            return otx__fail(error, OTX_ERROR_FORMAT, "%s: the file of tensor \"%s\" is not a "
                             "string", name, otx__quote(what, sizeof what, entry->tensor.bytes,
                                                        entry->tensor.size));
        entry->shard = otx__span_of(end, otx_json_string(json, at.value, end));
        end += entry->shard.size;
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
        index->count = otx_json_count(&json, map);
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
        if (!otx__is_weight_file(entry->shard.bytes, entry->shard.size))
            return otx__fail(error, OTX_ERROR_FORMAT, "%s: \"%s\" is not the name of a file "
                             "within the directory", otx__path_text(where, path),
                             otx__quote(what, sizeof what, entry->shard.bytes,
                                        entry->shard.size));
        file->name = otx__path_copy(ctx, entry->shard.bytes, entry->shard.size);
        if (!file->name) return otx__fail_memory(error, entry->shard.size + 1);
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
                             otx__quote(what, sizeof what, entry->tensor.bytes,
                                        entry->tensor.size));
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
                              : otx__compare_bytes(entry->tensor.bytes, entry->tensor.size,
                                                   tensor->name, tensor->name_size);
        if (order == 0 && entry->file == found->file) continue;
        if (order <= 0) {
            otx__name_text(one, checkpoint->files[entry->file].name);
            otx__quote(what, sizeof what, entry->tensor.bytes, entry->tensor.size);
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
    const char *name = NULL;
    const char *advice = otx__find_advice(otx__weight_advice, OTX__COUNT(otx__weight_advice),
                                          (const char *const *)listing->names, listing->count,
                                          &name);
    return otx__fail_missing(error, path, OTX__MODEL_FILE " and no " OTX__INDEX_FILE, name,
                             advice);
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

/* Fails if a file of the checkpoint is no longer what it was when it was opened. */
OTX__PRIVATE otx_result otx__checkpoint_unchanged(const otx_context *ctx,
                                                  const otx_checkpoint *checkpoint,
                                                  otx_error *error)
{
    otx_result result = OTX_OK;
    size_t i;
    for (i = 0; i < checkpoint->file_count && !result; i++) {
        const otx_checkpoint_file *file = &checkpoint->files[i];
        char *path = otx__path_join(ctx, checkpoint->path, file->name);
        result = path ? otx__source_unchanged(&file->source, path, error)
                      : otx__fail_memory(error, strlen(checkpoint->path) + 1);
        otx__path_free(ctx, path);
    }
    return result;
}

/* ---- reading ---- */

OTX__PRIVATE int otx__checkpoint_compare_name(const void *key, const void *item)
{
    const otx__span *name = (const otx__span *)key;
    const otx_tensor *tensor = ((const otx_checkpoint_tensor *)item)->tensor;
    return otx__compare_bytes(name->bytes, name->size, tensor->name, tensor->name_size);
}

OTX_API const otx_checkpoint_tensor *otx_checkpoint_find(const otx_checkpoint *checkpoint,
                                                         const char *name)
{
    const otx__span key = otx__span_of(name, strlen(name));
    return (const otx_checkpoint_tensor *)otx__sorted_find(
        checkpoint->tensors, checkpoint->tensor_count, sizeof *checkpoint->tensors, &key,
        otx__checkpoint_compare_name);
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

OTX__PRIVATE void otx__vocab_find_files(otx__vocab_files *files, const otx__listing *listing)
{
    size_t i, j;
    for (i = 0; i < OTX__COUNT(otx__known_files); i++) {
        const otx__known_file *known = &otx__known_files[i];
        if (known->file == OTX_VOCAB_FILES || files->names[known->file]) continue;
        for (j = 0; j < listing->count; j++)
            if (otx__name_fits(listing->names[j], known->pattern))
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

/* Reads the vocabulary that one of the files with tokens holds. */
OTX__PRIVATE otx_result otx__vocab_of_source(otx__vocab_files *files, size_t source,
                                             otx_vocab *out, otx_error *error)
{
    char directory[OTX__PATH_TEXT], file[OTX__QUOTED], name[OTX__PATH_TEXT + OTX__QUOTED];
    otx_result result = otx__vocab_read_file(files, source, error);
    size_t i;
    memset(out, 0, sizeof *out);
    for (i = OTX_VOCAB_SOURCES; i < OTX_VOCAB_FILES && !result; i++)
        if (otx__goes_with((otx_vocab_file)i, (otx_vocab_file)source))
            result = otx__vocab_read_file(files, i, error);
    if (!result) {
        const char *own = files->names[source];
        otx__format(name, sizeof name, "%s/%s", otx__path_text(directory, files->path),
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
    const char *name = NULL;
    const char *advice = otx__advise_on_tokenizer((const char *const *)listing->names,
                                                  listing->count, &name);
    return otx__fail_missing(error, path, "tokenizer.json or other file with tokens", name,
                             advice);
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

OTX__PRIVATE otx_result otx__vocab_open_file(const otx_context *ctx, const char *path,
                                             otx_vocab *out, otx_error *error)
{
    const otx_vocab_file file = otx__source_named(path + otx__path_name(path));
    otx_vocab_text texts[OTX_VOCAB_FILES];
    char name[OTX__PATH_TEXT], *bytes = NULL;
    otx_result result;
    memset(texts, 0, sizeof texts);
    if (file == OTX_VOCAB_FILES)
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

/* Knows a model directory as a whole: which of its tensors the vocabulary sizes and what
   each does, what its configs say, and how they must read under another tokenizer. What
   the world calls things stands in one room, known.h, a row for each and who needs it.
   Hides the quirks of architectures from the job: names, levels of configs, ties.
   A side owns all that is open of a model directory; tensors and parts point into its
   checkpoint, spans and nodes into its documents. It stands here and not in the job
   because the editing of configs reads both sides. What is edited goes into a text of the
   caller's; no file is written.
   To add a name, a key or a type of models: known.h. Read side.h first, then find.h for
   tensors and heirs.h for ids in configs.

   Rooms, in order of dependency:
     known        what the world calls things
     names        names of tensors
     document     the JSON files of a model directory
     config       what config.json says
     side         a model directory opened once
     code         the Python that a tokenizer is loaded with
     parts        what each tensor does for the vocabulary
     find         finding the parts of a model
     heirs        what becomes of the ids in a config
     config_ids   ids in a config being edited
     config_edit  config.json and generation_config.json, edited */

/* >>> src/model/known.h */
/* ---- known: what the world calls things --------------------------------- */

/* Everything that model and job know by name: tensors, keys of configs, types of models,
   files of a directory. Each row says who needs it. A model that calls something known by
   a name of its own is one row here; what has a rule of its own is a row and the rule,
   which stands where the table is used. Files and patterns of tokenizers are in
   vocab/known.h. */

/* ---- names of tensors ---- */

/* What stands before ".weight" at the end of an embedding's name; prefixes are free
   (model., transformer., language_model.model. and so on). In order of preference where
   several would do. */
static const char *const otx__embedding_names[] = {
    "embed_tokens",    /* Llama and most others */
    "tok_embeddings",  /* InternLM 2, the original Llama */
    "wte",             /* GPT-2, the first Qwen, Phi and OLMo */
    "word_embeddings", /* Falcon, BLOOM, BERT, ChatGLM */
    "embed_in",        /* GPT-NeoX */
    "shared",          /* T5, BART: of encoder and decoder */
    "embeddings",      /* Mamba, XLM */
    "word_embedding",  /* XLNet */
    "token_embedding", /* CLIP */
    "tokens_embed",    /* the first GPT */
    "input_embedding", /* CPM-Ant */
    "transformer.w",   /* CTRL */
    "embedding",       /* models outside transformers, and the three below */
    "embed",
    "emb",
};

/* The same of an output head, and before ".bias" of its bias. */
static const char *const otx__head_names[] = {
    "lm_head",           /* Llama and most others */
    "embed_out",         /* GPT-NeoX */
    "output",            /* InternLM 2, the original Llama */
    "output_layer",      /* ChatGLM */
    "vocab_projector",   /* DistilBERT */
    "decoder",           /* BERT, RoBERTa */
    "proj_out",          /* Whisper */
    "output_projection", /* XGLM */
    "generator_lm_head", /* ELECTRA */
    "lm_loss",           /* XLNet */
    "pred_layer.proj",   /* XLM */
    "linear",            /* the first Phi */
    "head",              /* copies for multi-token prediction: shared_head.head */
    "unembed",           /* models outside transformers, and the one below */
    "cls",
};

/* Owners of biases that are no heads: a number per token beside a tied head. */
static const char *const otx__bias_names[] = {
    "predictions",       /* BERT */
    "embedding_decoder", /* Perceiver */
};

/* A number per token that has the whole of its last component for itself. */
static const char *const otx__logits_bias_names[] = {
    "final_logits_bias", /* BART, Marian, Pegasus */
};

/* Words by which a tensor of a numbered layer speaks of tokens all the same: there a
   dimension as large as the vocabulary is no coincidence. */
static const char *const otx__lexical_words[] = {
    "embed",       /* embed_tokens of a layer for multi-token prediction */
    "wte",         /* the same after GPT-2 */
    "vocab",       /* vocab_projector and the like */
    "lm_head",     /* heads within layers */
    "shared_head", /* DeepSeek's of multi-token prediction */
    "token",       /* token_embedding and the like */
};

/* Tensors that cannot be carried over to another vocabulary, whatever their shape. */
typedef struct otx__refused_name {
    const char *component; /* of the name */
    unsigned from_end;     /* how many components come after it */
    const char *why;
} otx__refused_name;

static const char otx__why_per_layer[] =
    "holds per-layer embeddings, which are no rows of one space and cannot be transplanted";
static const char otx__why_draft[] =
    "maps a draft vocabulary to the full one, which is not true any more under another "
    "tokenizer";

static const otx__refused_name otx__refused_names[] = {
    {"embed_tokens_per_layer", 1, otx__why_per_layer}, /* Gemma 3n, Gemma 4 */
    {"d2t", 0, otx__why_draft}, /* EAGLE-3: from the ids of the draft to the target's */
    {"t2d", 0, otx__why_draft}, /* and back */
};

/* Parts of the last component under which quantised matrices keep their codes, scales,
   zero points and shapes, or adapters their factors. */
static const char *const otx__packed_words[] = {
    "scale",      /* fp8: weight_scale, weight_scale_inv */
    "scales",     /* GPTQ, AWQ, MLX */
    "quant",      /* bitsandbytes: quant_state, quant_map */
    "pack",       /* compressed-tensors: weight_packed */
    "qweight",    /* GPTQ, AWQ */
    "qzeros",     /* GPTQ, AWQ */
    "absmax",     /* bitsandbytes */
    "zero_point", /* compressed-tensors */
    "weight_",    /* weight_shape, weight_integer and whatever else stands beside a weight */
    "g_idx",      /* GPTQ */
    "SCB",        /* bitsandbytes' int8 */
    "lora_",      /* adapters: lora_A, lora_B */
    "codebook",   /* AQLM and its like */
};

/* Owners of such components that are embeddings or heads. */
static const char *const otx__packed_owners[] = {
    "lm_head",         "embed_out",      "output_layer", "embed_tokens",
    "tok_embeddings",  "wte",            "word_embeddings", "embed_in",
    "output",          "embeddings",     "shared",       "lm_head.linear",
};

/* ---- keys of config.json ---- */

#define OTX__KEY_VOCAB_SIZE "vocab_size"
#define OTX__KEY_TIE "tie_word_embeddings"
#define OTX__KEY_MODEL_TYPE "model_type"
#define OTX__KEY_CLASSES "architectures"
#define OTX__KEY_TOKENIZER_CLASS "tokenizer_class"
#define OTX__KEY_AUTO_MAP "auto_map"             /* classes that a model brings as code */
#define OTX__KEY_AUTO_TOKENIZER "AutoTokenizer"  /* its entry for the tokenizer's */
#define OTX__KEY_POSITIONS "max_position_embeddings"
#define OTX__KEY_LENGTH "model_max_length"       /* of tokenizer_config.json */

/* Within config.json, the objects that describe a language model of their own. */
static const char *const otx__nested_configs[] = {
    "text_config",     /* LLaVA and most others that see */
    "llm_config",      /* InternVL */
    "language_config", /* DeepSeek-VL */
    "thinker_config",  /* Qwen Omni */
    "vlm_config",      /* ColPali, ColQwen 2 */
    "decoder",         /* encoder-decoder, MusicGen */
    "encoder",         /* encoder-decoder */
};

/* Under these a level says how large the vocabulary is. */
static const char *const otx__size_keys[] = {
    OTX__KEY_VOCAB_SIZE, /* all */
    "padded_vocab_size", /* ChatGLM */
};

/* A number under a key with one of these words is a size or an id of a vocabulary. */
static const char *const otx__vocabulary_words[] = {
    "vocab", /* vocab_size, decoder_vocab_size, text_vocab_size */
    "token", /* image_token_id, num_image_tokens */
};

/* Under these a config says how wide the embedding is. Some models factorise it, and its
   own width then stands somewhere too. */
static const char *const otx__width_keys[] = {
    "hidden_size",          /* Llama and most others */
    "n_embd",               /* GPT-2, GPT-J */
    "d_model",              /* T5, BART, Mamba */
    "embedding_size",       /* ELECTRA, ALBERT */
    "word_embed_proj_dim",  /* OPT */
    "input_embedding_size", /* RemBERT */
};

/* The type that weights are in. */
static const char *const otx__dtype_keys[] = {
    "dtype",       /* transformers 5 */
    "torch_dtype", /* transformers 4 */
};
#define OTX__KEY_NEW_DTYPE "torch_dtype" /* the one that is added: both read it */

/* What config.json calls a type, as JSON. */
typedef struct otx__dtype_word {
    otx_dtype dtype;
    const char *word;
} otx__dtype_word;

static const otx__dtype_word otx__dtype_words[] = {
    {OTX_F32, "\"float32\""},
    {OTX_F16, "\"float16\""},
    {OTX_BF16, "\"bfloat16\""},
    {OTX_F64, "\"float64\""},
};

/* ---- keys of ids, in config.json and generation_config.json ---- */

typedef struct otx__special {
    const char *key;
    int role;     /* an otx_role, or -1 */
    int stand_in; /* the role that serves where a number is there and has no counterpart:
                     some classes take no null; or -1 */
    bool add;     /* written even if the base lacks the key: the classes of the common
                     architectures have defaults for it, now stale */
    bool if_set;  /* left alone where the base says null: it asks for behaviour */
} otx__special;

#define OTX__KEY_PAD "pad_token_id" /* no id of a token in some models: see below */

static const otx__special otx__specials[] = {
    {"bos_token_id", OTX_ROLE_BOS, -1, true, false},              /* all */
    {"eos_token_id", OTX_ROLE_EOS, -1, true, false},              /* all; may be a list */
    {OTX__KEY_PAD, OTX_ROLE_PAD, -1, true, false},                /* all */
    {"unk_token_id", OTX_ROLE_UNK, -1, false, false},             /* T5, mBART */
    {"sep_token_id", OTX_ROLE_SEP, OTX_ROLE_EOS, false, false},   /* BERT, FSMT */
    {"cls_token_id", OTX_ROLE_CLS, OTX_ROLE_BOS, false, false},   /* BERT */
    {"mask_token_id", OTX_ROLE_MASK, -1, false, false},           /* BERT, diffusion models */
    {"decoder_start_token_id", -1, OTX_ROLE_BOS, false, true},    /* T5, BART, Whisper */
    {"forced_bos_token_id", -1, -1, false, true},                 /* mBART, M2M-100 */
    {"forced_eos_token_id", -1, -1, false, true},                 /* BART */
};

/* Ends of other keys that hold one id or a list of them: image_token_id and the like. */
static const char *const otx__id_endings[] = {
    "_token_id",    /* most models that see or hear */
    "_token_ids",   /* the same, lists */
    "_token_index", /* LLaVA */
};

/* Lists of ids that steer generation. */
typedef enum otx__list_kind {
    OTX__LIST_IDS,   /* [id, ...] */
    OTX__LIST_LISTS, /* [[id, ...], ...] */
    OTX__LIST_PAIRS, /* [[position, id], ...] */
    OTX__LIST_OTHER  /* ids in a form of its own, which is not carried over */
} otx__list_kind;

typedef struct otx__id_list {
    const char *key;
    otx__list_kind kind;
} otx__id_list;

static const otx__id_list otx__id_lists[] = {
    {"suppress_tokens", OTX__LIST_IDS},       /* Whisper */
    {"begin_suppress_tokens", OTX__LIST_IDS}, /* Whisper */
    {"bad_words_ids", OTX__LIST_LISTS},       /* generation in general */
    {"force_words_ids", OTX__LIST_LISTS},     /* generation in general */
    {"forced_decoder_ids", OTX__LIST_PAIRS},  /* Whisper */
    {"sequence_bias", OTX__LIST_OTHER},       /* generation in general */
    {"lang_to_id", OTX__LIST_OTHER},          /* Whisper */
    {"task_to_id", OTX__LIST_OTHER},          /* Whisper */
};

/* ---- types and classes of models ---- */

/* What is peculiar about a "model_type". */
typedef enum otx__model_rule {
    OTX__PAD_IS_POSITION, /* it counts its positions from pad_token_id on, as fairseq does:
                             there the id is a number of the architecture, and the masked
                             padding may as well be the tokenizer's own */
    OTX__CLASS_ADDS_ROWS  /* its class gives the embedding more rows than "vocab_size" */
} otx__model_rule;

typedef struct otx__model_type {
    const char *type;
    otx__model_rule rule;
    bool within; /* so does every type with this in its name */
} otx__model_type;

static const otx__model_type otx__model_types[] = {
    {"roberta", OTX__PAD_IS_POSITION, true}, /* and xlm-roberta, roberta-prelayernorm, ... */
    {"camembert", OTX__PAD_IS_POSITION, false},
    {"longformer", OTX__PAD_IS_POSITION, false},
    {"mpnet", OTX__PAD_IS_POSITION, false},
    {"xglm", OTX__PAD_IS_POSITION, false},
    {"m2m_100", OTX__PAD_IS_POSITION, false},
    {"nllb-moe", OTX__PAD_IS_POSITION, false},
    {"fsmt", OTX__PAD_IS_POSITION, false},
    {"esm", OTX__PAD_IS_POSITION, false},
    {"ibert", OTX__PAD_IS_POSITION, false},
    {"data2vec-text", OTX__PAD_IS_POSITION, false},
    {"xmod", OTX__PAD_IS_POSITION, false},
    {"lilt", OTX__PAD_IS_POSITION, false},
    {"luke", OTX__PAD_IS_POSITION, false},
    {"mluke", OTX__PAD_IS_POSITION, false},
    {"layoutlmv3", OTX__PAD_IS_POSITION, false},
    {"markuplm", OTX__PAD_IS_POSITION, false},
    {"prophetnet", OTX__PAD_IS_POSITION, false},
    {"xlm-prophetnet", OTX__PAD_IS_POSITION, false},
    {"seamless_m4t", OTX__PAD_IS_POSITION, false},
    {"seamless_m4t_v2", OTX__PAD_IS_POSITION, false},
    {"kosmos-2", OTX__PAD_IS_POSITION, false},
    {"kosmos-2.5", OTX__PAD_IS_POSITION, false},
    {"trocr", OTX__PAD_IS_POSITION, false},
    {"roc_bert", OTX__PAD_IS_POSITION, false},
    {"mllama", OTX__CLASS_ADDS_ROWS, false}, /* 8 */
    {"mllama_text_model", OTX__CLASS_ADDS_ROWS, false},
    {"moshi", OTX__CLASS_ADDS_ROWS, false}, /* 1 */
    {"cpmant", OTX__CLASS_ADDS_ROWS, false},
};

/* Parts of the names of classes that have an output head. */
static const char *const otx__head_classes[] = {
    "For", /* LlamaForCausalLM, BertForMaskedLM, T5ForConditionalGeneration */
    "LM",  /* GPT2LMHeadModel */
};

/* ---- files and directories beside the weights ---- */

/* Directories with copies of the weights in other formats or layouts, which would still
   hold the old vocabulary. */
static const char *const otx__stale_directories[] = {
    "original", /* Meta's own files */
    "onnx", "openvino", "coreml", "gguf", "metal", "mlx",
};

/* Files that are such copies. In patterns * is any text. */
static const char *const otx__stale_files[] = {
    "*.safetensors", "*.safetensors.index.json", /* other layouts: consolidated, fp16 */
    "*.bin", "*.bin.index.json",                 /* PyTorch */
    "*.pt", "*.pth", "*.ckpt",                   /* PyTorch, Lightning */
    "*.gguf",                                    /* llama.cpp */
    "*.ggml",                                    /* what it read before */
    "*.h5",                                      /* TensorFlow */
    "*.tflite",                                  /* TensorFlow Lite */
    "*.msgpack", "*.msgpack.index.json",         /* Flax */
    "*.onnx", "*.onnx_data",                     /* ONNX Runtime */
    "*.ot",                                      /* rust-bert */
    "*.npz",                                     /* MLX, JAX */
    "*.nemo",                                    /* NeMo */
};

/* Sub-directories of models in training, each with the whole model; # is a number. */
static const char *const otx__training_directories[] = {
    "checkpoint-#", /* transformers' trainer */
    "global_step#", /* DeepSpeed */
};

/* What downloads and version control keep beside a model. */
static const char *const otx__bookkeeping[] = {
    ".git",         /* a clone */
    ".cache",       /* huggingface_hub: downloads into a directory */
    ".huggingface", /* the same, once */
};

/* Files that code of a tokenizer may name and that are the model's all the same. */
static const char *const otx__model_files[] = {
    "config.json", "generation_config.json",
    "preprocessor_config.json", "processor_config.json", /* of pictures and sound */
    "*.safetensors", "*.safetensors.index.json", "pytorch_model*",
};

/* Files that some loader may take in place of the weights that were checked, and one
   that only looks like it. */
static const char *const otx__rival_files[] = {
    "*.bin", "*.bin.index.json", /* transformers, where it is told to */
    "*.gguf",                    /* llama.cpp, Ollama */
    "*.safetensors",             /* vLLM: all that are there */
};
#define OTX__TRAINING_ARGUMENTS "training_args.bin" /* transformers' trainer */

/* ---- an index of shards ---- */

#define OTX__KEY_METADATA "metadata"            /* transformers does not load one without */
#define OTX__KEY_TOTAL_SIZE "total_size"        /* bytes of all tensors */
#define OTX__KEY_PARAMETERS "total_parameters"  /* elements; newer transformers */
#define OTX__KEY_WEIGHT_MAP "weight_map"

/* ---- draft models ---- */

/* llama.cpp compares tokens from this id on, and lets sizes differ by so much. */
#define OTX__DRAFT_FIRST 5
#define OTX__DRAFT_SLACK 128

/* Whether a tokenizer puts the tokens at both ends of a text. */
#define OTX__KEY_ADD_BOS "add_bos_token"
#define OTX__KEY_ADD_EOS "add_eos_token"

/* >>> src/model/names.h */
/* ---- names of tensors --------------------------------------------------- */

/* What a tensor that is sized by the vocabulary does. */
typedef enum otx__part_kind {
    OTX__PART_NONE,      /* it is not sized by the vocabulary */
    OTX__PART_EMBEDDING, /* a row per token, on the way in */
    OTX__PART_HEAD,      /* a row per token, on the way out */
    OTX__PART_BIAS       /* a number per token, added to what the head gives */
} otx__part_kind;

/* Whether any of the words stands anywhere in the text. */
OTX__PRIVATE bool otx__span_contains_any(otx__span text, const char *const *words,
                                         size_t count)
{
    size_t i;
    for (i = 0; i < count; i++)
        if (otx__span_contains(text, words[i])) return true;
    return false;
}

/* The component of a dotted name that ends `skip` components before the end; empty if
   there is none. */
OTX__PRIVATE otx__span otx__name_component(const otx_tensor *tensor, unsigned skip)
{
    size_t end = tensor->name_size, begin;
    for (;; skip--) {
        for (begin = end; begin > 0 && tensor->name[begin - 1] != '.'; begin--) {}
        if (skip == 0) return otx__span_of(tensor->name + begin, end - begin);
        if (begin == 0) return otx__span_of(tensor->name, 0);
        end = begin - 1;
    }
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
            digits += otx__is_digit(byte);
            length++;
        }
    }
    return false;
}

/* Whether the name speaks of tokens, whatever the layer. */
OTX__PRIVATE bool otx__name_is_lexical(const otx_tensor *tensor)
{
    return otx__span_contains_any(otx__span_of(tensor->name, tensor->name_size),
                                  otx__lexical_words, OTX__COUNT(otx__lexical_words));
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

OTX__PRIVATE bool otx__name_is_embedding(const otx_tensor *tensor)
{
    return otx__embedding_name(tensor) < OTX__COUNT(otx__embedding_names);
}

OTX__PRIVATE size_t otx__head_name(const otx_tensor *tensor)
{
    return otx__name_in(tensor, otx__head_names, OTX__COUNT(otx__head_names), "weight");
}

OTX__PRIVATE bool otx__name_is_head(const otx_tensor *tensor)
{
    return otx__head_name(tensor) < OTX__COUNT(otx__head_names);
}

/* The head of an encoder, BERT's and those after it: the flag that ties it to the
   embedding ties its biases too. */
OTX__PRIVATE bool otx__name_is_encoder_head(const otx_tensor *tensor)
{
    return otx__name_ends(tensor, "decoder", "weight");
}

/* The bias of a head, or a number per token under a name of its own. */
OTX__PRIVATE bool otx__name_is_bias(const otx_tensor *tensor)
{
    const otx__span last = otx__name_component(tensor, 0);
    size_t i;
    for (i = 0; i < OTX__COUNT(otx__logits_bias_names); i++)
        if (otx__span_is(last, otx__logits_bias_names[i])) return true;
    return otx__name_in(tensor, otx__head_names, OTX__COUNT(otx__head_names), "bias") <
               OTX__COUNT(otx__head_names) ||
           otx__name_in(tensor, otx__bias_names, OTX__COUNT(otx__bias_names), "bias") <
               OTX__COUNT(otx__bias_names);
}

/* Why a tensor cannot be carried over to another vocabulary by its name alone,
   whatever its shape; NULL if nothing speaks against it. */
OTX__PRIVATE const char *otx__name_verdict(const otx_tensor *tensor)
{
    size_t i;
    for (i = 0; i < OTX__COUNT(otx__refused_names); i++) {
        const otx__refused_name *refused = &otx__refused_names[i];
        if (otx__span_is(otx__name_component(tensor, refused->from_end), refused->component))
            return refused->why;
    }
    return NULL;
}

/* Whether the name is that of a packed or scaled embedding or head. */
OTX__PRIVATE bool otx__name_is_packed(const otx_tensor *tensor)
{
    otx__span last = otx__name_component(tensor, 0);
    char name[64];
    if (last.size >= sizeof name ||
        !otx__span_contains_any(last, otx__packed_words, OTX__COUNT(otx__packed_words)))
        return false;
    memcpy(name, last.bytes, last.size);
    name[last.size] = 0;
    return otx__name_in(tensor, otx__packed_owners, OTX__COUNT(otx__packed_owners), name) <
           OTX__COUNT(otx__packed_owners);
}

/* >>> src/model/document.h */
/* ---- documents: the JSON files of a model directory --------------------- */

/* Most objects of one file that describe a language model: see otx__document_levels.
   Real configs have three. */
#define OTX__MAX_LEVELS 64

/* One JSON file of a directory. Absent ones have no nodes, so that every
   look-up from otx__document_root finds nothing. */
typedef struct otx__document {
    char *text;
    size_t size;
    otx_json json;
    bool present;
    uint32_t levels[OTX__MAX_LEVELS]; /* nodes, the root first */
    size_t level_count;
} otx__document;

/* Far above any real one; keeps a hostile file from filling the memory. */
#define OTX__DOCUMENT_LIMIT OTX__INDEX_LIMIT

OTX__PRIVATE void otx__document_close(const otx_context *ctx, otx__document *document)
{
    otx_json_close(ctx, &document->json);
    otx__file_free(ctx, document->text, document->size);
    memset(document, 0, sizeof *document);
}

/* Lists the objects that describe the language model: the whole of config.json, and
   within it the parts that multimodal models keep for their text side, or an encoder
   and its decoder for themselves; within those again. The outer come first. */
OTX__PRIVATE otx_result otx__document_levels(otx__document *document, const char *path,
                                             otx_error *error)
{
    const otx_json *json = &document->json;
    char name[OTX__PATH_TEXT];
    size_t at, i;
    document->levels[document->level_count++] = 0;
    for (at = 0; at < document->level_count; at++) /* grows as it goes */
        for (i = 0; i < OTX__COUNT(otx__nested_configs); i++) {
            uint32_t node = otx_json_find(json, document->levels[at], otx__nested_configs[i]);
            if (otx_json_type_of(json, node) != OTX_JSON_OBJECT) continue;
            if (document->level_count == OTX__MAX_LEVELS)
                return otx__fail(error, OTX_ERROR_LIMIT, "%s: more than %d configs of language "
                                 "models lie within each other", otx__path_text(name, path),
                                 OTX__MAX_LEVELS);
            document->levels[document->level_count++] = node;
        }
    return OTX_OK;
}

/* Reads and parses directory/name, an object. A missing file is an absent
   document. NaN and Infinity are let through, as Python writes them. */
OTX__PRIVATE otx_result otx__document_open(const otx_context *ctx, const char *directory,
                                           const char *name, otx__document *out,
                                           otx_error *error)
{
    otx_json_options options;
    otx__status status;
    otx_result result;
    char *path;
    memset(out, 0, sizeof *out);
    memset(&options, 0, sizeof options);
    options.allow_nonfinite = true;
    path = otx__path_join(ctx, directory, name);
    if (!path) return otx__fail_memory(error, strlen(directory) + strlen(name) + 2);
    result = otx__look(path, &status, error);
    if (result || !status.present) goto done;
    result = otx__file_read_all(ctx, path, OTX__DOCUMENT_LIMIT, &out->text, &out->size, error);
    if (result) goto done;
    result = otx_json_parse(ctx, out->text, out->size, path, &options, &out->json, error);
    if (!result && otx_json_type_of(&out->json, 0) != OTX_JSON_OBJECT)
        result = otx__fail(error, OTX_ERROR_FORMAT, "%s: not a JSON object", path);
    if (!result) result = otx__document_levels(out, path, error);
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

/* ---- its levels ---- */

/* Steps through the levels of a document, the outer before the inner:
       levels = otx__all_levels(document);
       while (otx__levels_next(&levels)) ... levels.node ... */
typedef struct otx__levels {
    const otx__document *document;
    uint32_t node;
    size_t at;     /* the level after that */
    bool ours;     /* levels that give another size than `rows` are left out, but the root */
    uint64_t rows;
} otx__levels;

OTX__PRIVATE otx__levels otx__all_levels(const otx__document *document)
{
    otx__levels levels;
    memset(&levels, 0, sizeof levels);
    levels.document = document;
    levels.node = OTX_JSON_NONE;
    return levels;
}

OTX__PRIVATE bool otx__levels_next(otx__levels *levels)
{
    const otx__document *document = levels->document;
    uint64_t size;
    while (levels->at < document->level_count) {
        levels->node = document->levels[levels->at++];
        if (!levels->ours || levels->at == 1 ||
            !otx_json_uint(&document->json, otx_json_find(&document->json, levels->node,
                                                          OTX__KEY_VOCAB_SIZE), &size) ||
            size == levels->rows)
            return true;
    }
    return false;
}

/* The node under a key of the level at hand. */
OTX__PRIVATE uint32_t otx__levels_find(const otx__levels *levels, const char *key)
{
    return otx_json_find(&levels->document->json, levels->node, key);
}

/* Whether any level says key: value. *seen, if it is 0, becomes what the first
   level that has the key says instead. */
OTX__PRIVATE bool otx__config_says(const otx__document *config, const char *key, uint64_t value,
                                   uint64_t *seen)
{
    otx__levels levels = otx__all_levels(config);
    while (otx__levels_next(&levels)) {
        uint64_t said;
        if (!otx_json_uint(&config->json, otx__levels_find(&levels, key), &said)) continue;
        if (said == value) return true;
        if (*seen == 0) *seen = said;
    }
    return false;
}

/* The levels that are about the vocabulary of so many rows: not those that name the size
   of another, as of a speech codec, while one names ours. */
OTX__PRIVATE otx__levels otx__vocabulary_levels(const otx__document *document, uint64_t rows)
{
    otx__levels levels = otx__all_levels(document);
    uint64_t seen = 0;
    levels.ours = otx__config_says(document, OTX__KEY_VOCAB_SIZE, rows, &seen);
    levels.rows = rows;
    return levels;
}

/* ---- sizes ---- */

/* Whether any level says that the vocabulary has that many rows. *seen as above. */
OTX__PRIVATE bool otx__config_says_rows(const otx__document *config, uint64_t rows,
                                        uint64_t *seen)
{
    size_t i;
    for (i = 0; i < OTX__COUNT(otx__size_keys); i++)
        if (otx__config_says(config, otx__size_keys[i], rows, seen)) return true;
    return false;
}

/* Whether any number of config.json that is no size of a vocabulary has this
   value: then a dimension of that size says nothing about the vocabulary. */
OTX__PRIVATE bool otx__config_has_size(const otx__document *config, uint64_t size)
{
    const otx_json *json = &config->json;
    uint32_t object;
    for (object = 0; object < json->count; object++) {
        otx_json_iter member = otx_json_iter_of(json, object);
        if (!member.keyed) continue;
        while (otx_json_iter_next(&member)) {
            uint64_t value;
            if (otx_json_uint(json, member.value, &value) && value == size &&
                !otx__span_contains_any(otx__json_span(json, member.key),
                                        otx__vocabulary_words,
                                        OTX__COUNT(otx__vocabulary_words)))
                return true;
        }
    }
    return false;
}

/* ---- tying ---- */

typedef struct otx__tie_flag {
    bool said_true, said_false; /* on some level */
} otx__tie_flag;

OTX__PRIVATE otx__tie_flag otx__config_tie_flag(const otx__document *config)
{
    otx__levels levels = otx__all_levels(config);
    otx__tie_flag flag = {false, false};
    while (otx__levels_next(&levels)) {
        otx_json_type type = otx_json_type_of(&config->json,
                                              otx__levels_find(&levels, OTX__KEY_TIE));
        if (type == OTX_JSON_TRUE) flag.said_true = true;
        if (type == OTX_JSON_FALSE) flag.said_false = true;
    }
    return flag;
}

/* ---- types and classes ---- */

/* Whether a rule holds for the model's type. */
OTX__PRIVATE bool otx__config_follows(const otx__document *config, otx__model_rule rule)
{
    const otx_json *json = &config->json;
    uint32_t node = otx_json_find(json, otx__document_root(config), OTX__KEY_MODEL_TYPE);
    size_t i;
    if (otx_json_type_of(json, node) != OTX_JSON_STRING) return false;
    for (i = 0; i < OTX__COUNT(otx__model_types); i++) {
        const otx__model_type *known = &otx__model_types[i];
        if (known->rule == rule &&
            (known->within ? otx__span_contains(otx__json_span(json, node), known->type)
                           : otx_json_equals(json, node, known->type)))
            return true;
    }
    return false;
}

/* Whether the model has an output head at all: by its class, if config.json names it. */
OTX__PRIVATE bool otx__config_has_head(const otx__document *config)
{
    const otx_json *json = &config->json;
    uint32_t list = otx_json_find(json, otx__document_root(config), OTX__KEY_CLASSES);
    uint32_t name = otx_json_item(json, list, 0);
    return otx_json_type_of(json, name) != OTX_JSON_STRING ||
           otx__span_contains_any(otx__json_span(json, name), otx__head_classes,
                                  OTX__COUNT(otx__head_classes));
}

/* >>> src/model/side.h */
/* ---- side: a model directory opened once --------------------------------- */

/* Most tensors of a model that the vocabulary sizes. */
#define OTX__MAX_PARTS 16

typedef struct otx__vocab_tensor {
    const otx_checkpoint_tensor *at;
    otx__part_kind kind;
    uint64_t rows;  /* its own: those of the model, or `extra` more */
    bool redundant; /* the head of a tied model, stored once more: not written */
} otx__vocab_tensor;

/* The tensors of a model that the vocabulary sizes: see otx__parts_find. */
typedef struct otx__parts {
    uint64_t rows;  /* of them */
    uint64_t extra; /* rows that some have beyond those, as the classes of a few models
                       add to what config.json calls the vocabulary's size */
    otx__vocab_tensor tensors[OTX__MAX_PARTS]; /* by name */
    size_t count;
    const otx_checkpoint_tensor *embedding; /* the main one; NULL: not looked for yet */
    const otx_checkpoint_tensor *head;      /* NULL if none is stored */
    bool tied;                              /* the head is the embedding */
} otx__parts;

/* A model directory. Every use opens what it needs of it, by the functions that stand
   beside each type; the rest stays absent: documents that are not present, a vocabulary
   without tokens, a checkpoint without files. */
typedef struct otx__side {
    char *path;
    bool donor; /* of its tensors only the embedding and the head matter */
    otx__document config;     /* config.json */
    otx__document generation; /* generation_config.json */
    otx__document tokenizer;  /* tokenizer_config.json */
    otx_checkpoint checkpoint;
    otx_vocab vocab;
    otx__parts parts;
    otx__stamps read; /* the files beside the weights, as they were before they were read */
} otx__side;

/* A side of which nothing is open. Close it with otx__side_close in any case. */
OTX__PRIVATE otx_result otx__side_begin(const otx_context *ctx, const char *path, bool donor,
                                        otx__side *side, otx_error *error)
{
    memset(side, 0, sizeof *side);
    side->read.ctx = ctx;
    side->donor = donor;
    side->path = otx__path_copy(ctx, path, strlen(path));
    return side->path ? OTX_OK : otx__fail_memory(error, strlen(path) + 1);
}

OTX__PRIVATE void otx__side_close(const otx_context *ctx, otx__side *side)
{
    otx__stamps_close(&side->read);
    otx_vocab_close(ctx, &side->vocab);
    otx_checkpoint_close(ctx, &side->checkpoint);
    otx__document_close(ctx, &side->tokenizer);
    otx__document_close(ctx, &side->generation);
    otx__document_close(ctx, &side->config);
    otx__path_free(ctx, side->path);
    memset(side, 0, sizeof *side);
}

/* ---- looking at it ---- */

/* The token with an id, or NULL. */
OTX__PRIVATE const otx_token *otx__side_token(const otx__side *side, uint64_t id)
{
    const otx_token *token = id < side->vocab.count ? &side->vocab.tokens[id] : NULL;
    return token && token->kind != OTX_TOKEN_NONE ? token : NULL;
}

/* A token's content for a message, `none` where there is no token. */
OTX__PRIVATE const char *otx__side_content(char to[OTX__QUOTED], const otx__side *side,
                                           uint64_t id)
{
    const otx_token *token = otx__side_token(side, id);
    if (!token) return strcpy(to, "none");
    return otx__quote(to, OTX__QUOTED, token->content, token->content_size);
}

/* Room for a tensor's quoted name and shape. */
#define OTX__TENSOR_TEXT (OTX__QUOTED + 96)

/* `"lm_head.weight" [32000, 4096]`; returns `to`. */
OTX__PRIVATE const char *otx__tensor_text(char to[OTX__TENSOR_TEXT], const otx_tensor *tensor)
{
    char name[OTX__QUOTED], shape[OTX__TENSOR_TEXT - OTX__QUOTED - 8];
    otx__quote(name, sizeof name, tensor->name, tensor->name_size);
    otx__shape_text(shape, sizeof shape, tensor->shape, tensor->rank);
    otx__format(to, OTX__TENSOR_TEXT, "\"%s\" %s", name, shape);
    return to;
}

/* Refuses a tensor. */
OTX__PRIVATE otx_result otx__fail_tensor(const otx__side *side, const otx_tensor *tensor,
                                         const char *why, otx_error *error)
{
    char text[OTX__TENSOR_TEXT];
    return otx__fail(error, OTX_ERROR_UNSUPPORTED, "%s: tensor %s %s", side->path,
                     otx__tensor_text(text, tensor), why);
}

/* >>> src/model/code.h */
/* ---- code: the Python that a tokenizer is loaded with ------------------------ */

/* The most that is read of one module. */
#define OTX__CODE_LIMIT ((size_t)16 << 20)

/* The most bytes of a name that is looked for in a text. */
#define OTX__CODE_NAME 255

/* What the code of a tokenizer consists of. Loaders run the modules that "auto_map"
   names, those that these import from beside themselves, and these open files whose names
   stand in them as strings. */
typedef struct otx__code {
    const otx_context *ctx;
    const otx__side *side;
    otx__listing there; /* what the directory has */
    otx__listing files; /* of it, what is needed: in order of being found, each once */
    otx_error *error;
} otx__code;

OTX__PRIVATE void otx__code_close(otx__code *code)
{
    otx__listing_close(&code->there);
    otx__listing_close(&code->files);
}

OTX__PRIVATE bool otx__code_has(const otx__code *code, const char *name)
{
    size_t i;
    for (i = 0; i < code->files.count; i++)
        if (strcmp(code->files.names[i], name) == 0) return true;
    return false;
}

/* Adds a file if the directory has it; `*found` tells. */
OTX__PRIVATE otx_result otx__code_add(otx__code *code, const char *name, bool *found)
{
    *found = otx__listing_has(&code->there, name);
    if (!*found || otx__code_has(code, name) || otx__listing_add(&code->files, name))
        return OTX_OK;
    return otx__fail_memory(code->error, strlen(name) + 1);
}

/* Adds the module of a dotted name: name.py, or the package whose name comes first. One
   that is needed and not there is an error that names who wants it. */
OTX__PRIVATE otx_result otx__code_module(otx__code *code, otx__span module, const char *who,
                                         bool needed)
{
    char name[OTX__CODE_NAME + 4], text[OTX__PATH_TEXT], quoted[OTX__QUOTED];
    size_t size = 0;
    bool found = false;
    otx_result result;
    while (size < module.size && module.bytes[size] != '.') size++;
    if (size == 0 || size > OTX__CODE_NAME) return OTX_OK;
    memcpy(name, module.bytes, size);
    memcpy(name + size, ".py", 4);
    result = otx__code_add(code, name, &found);
    name[size] = 0;
    if (!result && !found) result = otx__code_add(code, name, &found);
    if (result || found || !needed) return result;
    return otx__fail(code->error, OTX_ERROR_NOT_FOUND,
                     "%s: %s needs \"%s.py\", which is not there; the tokenizer cannot be "
                     "loaded without it", otx__path_text(text, code->side->path), who,
                     otx__quote(quoted, sizeof quoted, name, size));
}

/* The modules of an auto_map's AutoTokenizer: "module.Class", alone or in a list of slow
   and fast. "repository--module.Class" is fetched by the loader, and needs no file. */
OTX__PRIVATE otx_result otx__code_auto_map(otx__code *code, const otx__document *document)
{
    const otx_json *json = &document->json;
    uint32_t map = otx_json_find(json, otx__document_root(document), OTX__KEY_AUTO_MAP);
    uint32_t node = otx_json_find(json, map, OTX__KEY_AUTO_TOKENIZER), i;
    otx_result result = OTX_OK;
    for (i = node; node != OTX_JSON_NONE && i < otx_json_after(json, node) && !result; i++) {
        otx__span name = otx__json_span(json, i);
        bool remote = otx__span_contains(name, "--");
        size_t at = name.size;
        if (otx_json_type_of(json, i) != OTX_JSON_STRING) continue;
        while (at > 0 && name.bytes[at - 1] != '-' && name.bytes[at - 1] != '/') at--;
        name.bytes += at;
        name.size -= at;
        result = otx__code_module(code, name, "\"" OTX__KEY_AUTO_MAP "\"", !remote);
    }
    return result;
}

/* ---- what a module imports and opens ---- */

OTX__PRIVATE otx__span otx__skip_blanks(otx__span text)
{
    while (text.size > 0 && (*text.bytes == ' ' || *text.bytes == '\t')) {
        text.bytes++;
        text.size--;
    }
    return text;
}

/* Takes a word off the front of a text if it begins with it and a blank follows. */
OTX__PRIVATE bool otx__take_word(otx__span *text, const char *word)
{
    size_t size = strlen(word);
    if (text->size <= size || memcmp(text->bytes, word, size) != 0) return false;
    if (text->bytes[size] != ' ' && text->bytes[size] != '\t') return false;
    text->bytes += size;
    text->size -= size;
    *text = otx__skip_blanks(*text);
    return true;
}

/* Takes off the front what may stand in a Python name, dots included. */
OTX__PRIVATE otx__span otx__take_name(otx__span *text)
{
    otx__span name = otx__span_of(text->bytes, 0);
    while (name.size < text->size) {
        unsigned char c = (unsigned char)text->bytes[name.size];
        if (!(c == '_' || c == '.' || c >= 0x80 || otx__is_digit((char)c) ||
              (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z')))
            break;
        name.size++;
    }
    text->bytes += name.size;
    text->size -= name.size;
    return name;
}

/* "from .module import ...", from whose line `text` is the rest of the file; or
   "from . import a, (b as c", where each may be a module or not. */
OTX__PRIVATE otx_result otx__code_import(otx__code *code, otx__span text, const char *who)
{
    otx_result result = OTX_OK;
    otx__span name;
    bool parenthesis = false;
    text = otx__skip_blanks(text);
    if (!otx__take_word(&text, "from")) return OTX_OK;
    name = otx__take_name(&text);
    text = otx__skip_blanks(text);
    if (name.size == 0 || *name.bytes != '.' || !otx__take_word(&text, "import")) return OTX_OK;
    name.bytes++;
    name.size--;
    if (name.size > 0)
        return *name.bytes == '.' ? OTX_OK : otx__code_module(code, name, who, true);
    while (text.size > 0 && !result) {
        name = otx__take_name(&text);
        if (name.size > 0 && !otx__span_is(name, "as"))
            result = otx__code_module(code, name, who, false);
        if (name.size > 0) continue;
        if (*text.bytes == '(') parenthesis = true;
        if (*text.bytes == ')' || (*text.bytes == '\n' && !parenthesis)) break;
        text.bytes++;
        text.size--;
    }
    return result;
}

/* Whether a file that code names is the model's and not the tokenizer's. */
OTX__PRIVATE bool otx__is_of_model(const char *name)
{
    size_t i;
    for (i = 0; i < OTX__COUNT(otx__model_files); i++)
        if (otx__name_fits(name, otx__model_files[i])) return true;
    return false;
}

/* The string that a quotation mark opens, if a file of the directory has its name. */
OTX__PRIVATE otx_result otx__code_string(otx__code *code, otx__span text)
{
    char name[OTX__CODE_NAME + 1];
    size_t size = 1;
    bool found;
    while (size < text.size && text.bytes[size] != *text.bytes && text.bytes[size] != '\n' &&
           size <= OTX__CODE_NAME)
        size++;
    if (size == 1 || size >= text.size || text.bytes[size] != *text.bytes) return OTX_OK;
    memcpy(name, text.bytes + 1, size - 1);
    name[size - 1] = 0;
    if (strlen(name) != size - 1 || otx__is_of_model(name)) return OTX_OK;
    return otx__code_add(code, name, &found);
}

/* Looks through a text: for imports if it is Python, and for names of files. */
OTX__PRIVATE otx_result otx__code_scan(otx__code *code, otx__span text, const char *who,
                                       bool python)
{
    otx_result result = OTX_OK;
    bool line = true; /* at the start of one */
    for (; text.size > 0 && !result; text.bytes++, text.size--) {
        if (line && python) result = otx__code_import(code, text, who);
        line = *text.bytes == '\n';
        if (!result && (*text.bytes == '"' || *text.bytes == '\''))
            result = otx__code_string(code, text);
    }
    return result;
}

/* Looks through one file that was found; directories are taken as they are. */
OTX__PRIVATE otx_result otx__code_file(otx__code *code, const char *name)
{
    char *path, *text = NULL;
    otx__status status;
    otx_result result;
    size_t size = 0;
    if (!otx__has_suffix(name, ".py")) return OTX_OK;
    path = otx__path_join(code->ctx, code->side->path, name);
    if (!path) return otx__fail_memory(code->error, strlen(name) + 1);
    result = otx__look(path, &status, code->error);
    if (!result && !status.directory)
        result = otx__file_read_all(code->ctx, path, OTX__CODE_LIMIT, &text, &size,
                                    code->error);
    if (!result && text) result = otx__code_scan(code, otx__span_of(text, size), name, true);
    otx__file_free(code->ctx, text, size);
    otx__path_free(code->ctx, path);
    return result;
}

/* Finds all that the code of a side's tokenizer needs; no files if it brings none. Close
   with otx__code_close in any case. A module that is not there is OTX_ERROR_NOT_FOUND. */
OTX__PRIVATE otx_result otx__code_open(const otx_context *ctx, const otx__side *side,
                                       otx__code *code, otx_error *error)
{
    const otx__document *config = &side->tokenizer;
    otx_result result;
    size_t i;
    memset(code, 0, sizeof *code);
    code->ctx = code->files.ctx = ctx;
    code->side = side;
    code->error = error;
    result = otx__listing_open(ctx, side->path, &code->there, error);
    if (!result) result = otx__code_auto_map(code, config);
    if (!result && code->files.count == 0) result = otx__code_auto_map(code, &side->config);
    if (!result && code->files.count > 0 && config->present)
        result = otx__code_scan(code, otx__span_of(config->text, config->size), "", false);
    for (i = 0; i < code->files.count && !result; i++) /* grows as it goes */
        result = otx__code_file(code, code->files.names[i]);
    return result;
}

/* >>> src/model/parts.h */
/* ---- parts: what each tensor does for the vocabulary ---------------------- */

/* ---- sizes ---- */

/* Whether a size is that of the vocabulary. */
OTX__PRIVATE bool otx__parts_have_rows(const otx__parts *parts, uint64_t size)
{
    return size == parts->rows || (parts->extra > 0 && size == parts->rows + parts->extra);
}

OTX__PRIVATE bool otx__parts_size(const otx__parts *parts, const otx_tensor *tensor)
{
    unsigned i;
    for (i = 0; i < tensor->rank; i++)
        if (otx__parts_have_rows(parts, tensor->shape[i])) return true;
    return false;
}

/* A [rows, columns] tensor. */
OTX__PRIVATE bool otx__is_matrix(const otx__parts *parts, const otx_tensor *tensor)
{
    return tensor->rank == 2 && otx__parts_have_rows(parts, tensor->shape[0]);
}

/* A [rows] or [1, rows] tensor. */
OTX__PRIVATE bool otx__is_vector(const otx__parts *parts, const otx_tensor *tensor)
{
    return (tensor->rank == 1 || (tensor->rank == 2 && tensor->shape[0] == 1)) &&
           otx__parts_have_rows(parts, tensor->shape[tensor->rank - 1]);
}

/* ---- the part of one tensor ---- */

/* What a tensor that is sized by the vocabulary is by its name. */
OTX__PRIVATE otx__part_kind otx__part_by_name(const otx__parts *parts, const otx_tensor *tensor)
{
    if (otx__is_matrix(parts, tensor)) {
        if (otx__name_is_embedding(tensor)) return OTX__PART_EMBEDDING;
        if (otx__name_is_head(tensor)) return OTX__PART_HEAD;
    }
    if (otx__is_vector(parts, tensor) && otx__name_is_bias(tensor)) return OTX__PART_BIAS;
    return OTX__PART_NONE;
}

/* A head under a known name, outside the numbered layers, whose size is neither the
   vocabulary's nor small enough to be something else. */
OTX__PRIVATE bool otx__is_other_head(const otx__side *side, const otx_tensor *tensor)
{
    return otx__name_is_head(tensor) && tensor->rank == 2 &&
           !otx__parts_have_rows(&side->parts, tensor->shape[0]) &&
           !otx__name_is_numbered(tensor) &&
           (tensor->shape[0] >= side->vocab.count ||
            otx__name_ends(tensor, "lm_head", "weight"));
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
OTX__PRIVATE otx_result otx__part_coincidence(const otx_context *ctx, const otx__side *side,
                                              const otx_tensor *tensor, otx_error *error)
{
    bool numbered = otx__name_is_numbered(tensor);
    bool explained = otx__config_has_size(&side->config, side->parts.rows);
    if (otx__dtype_is_integer(tensor->dtype) && !explained)
        return otx__fail_tensor(side, tensor, "is a table of integers by token, which cannot "
                                              "be transplanted", error);
    if (numbered && !otx__name_is_lexical(tensor)) return OTX_OK;
    if (!explained)
        return otx__fail_tensor(side, tensor, "has a dimension as large as the vocabulary, but "
                                              "what it is for is not known", error);
    if (!numbered && otx__is_matrix(&side->parts, tensor)) {
        char text[OTX__TENSOR_TEXT];
        otx__log(ctx, OTX_WARNING, "%s: tensor %s has as many rows as the vocabulary, but "
                 "config.json gives that size to something else too; it is left as it is",
                 side->path, otx__tensor_text(text, tensor));
    }
    return OTX_OK;
}

/* The part that a tensor plays, or a refusal. Of the base every tensor must be
   understood; of the donor only the embedding and the head are read. */
OTX__PRIVATE otx_result otx__part_of(const otx_context *ctx, const otx__side *side,
                                     const otx_tensor *tensor, otx__part_kind *kind,
                                     otx_error *error)
{
    const char *verdict = side->donor ? NULL : otx__name_verdict(tensor);
    *kind = OTX__PART_NONE;
    if (verdict) return otx__fail_tensor(side, tensor, verdict, error);
    if (otx__name_is_packed(tensor) && !(side->donor && otx__name_is_numbered(tensor)))
        return otx__fail_tensor(side, tensor,
                                "belongs to a packed or scaled vocabulary matrix; only plain "
                                "F64, F32, F16, BF16 and F8 ones are supported", error);
    if (otx__is_other_head(side, tensor))
        return otx__fail_tensor(side, tensor, "is an output head with another number of rows "
                                              "than the embedding", error);
    if (!otx__parts_size(&side->parts, tensor)) return OTX_OK;
    *kind = otx__part_by_name(&side->parts, tensor);
    if (side->donor && *kind == OTX__PART_BIAS) *kind = OTX__PART_NONE;
    if (*kind != OTX__PART_NONE || side->donor) return OTX_OK;
    return otx__part_coincidence(ctx, side, tensor, error);
}

/* >>> src/model/find.h */
/* ---- finding the parts of a model ---------------------------------------- */

/* ---- the main embedding ---- */

/* Lists what could be an embedding, for an architecture that is not known. */
OTX__PRIVATE otx_result otx__fail_unknown_model(const otx__side *side, const char *why,
                                                otx_error *error)
{
    const otx_checkpoint *checkpoint = &side->checkpoint;
    const uint64_t ids = side->vocab.count;
    char list[480] = "", text[OTX__TENSOR_TEXT];
    size_t i, length = 0, more = 0;
    for (i = 0; i < checkpoint->tensor_count; i++) {
        const otx_tensor *tensor = checkpoint->tensors[i].tensor;
        size_t size;
        if (tensor->rank != 2 || tensor->shape[0] < ids) continue;
        size = strlen(otx__tensor_text(text, tensor));
        if (length + size + 3 > sizeof list - 24) {
            more++;
            continue;
        }
        length += otx__format(list + length, sizeof list - length, "%s%s",
                              length ? ", " : "", text);
    }
    if (more)
        otx__format(list + length, sizeof list - length, " and %" PRIu64 " more",
                    (uint64_t)more);
    return otx__fail(error, OTX_ERROR_UNSUPPORTED, "%s: %s; tensors with at least the "
                     "tokenizer's %" PRIu64 " rows: %s", side->path, why, ids,
                     list[0] ? list : "none");
}

/* What is added to the rank of a tensor in a numbered layer, and to that of one of
   another size than config.json gives: more than any list of names is long. */
#define OTX__RANK_LAYER 100
#define OTX__RANK_SIZE 200

/* How well a tensor fits as the main embedding: lower is better, SIZE_MAX is not
   at all. The size that config.json gives decides before the place, the place
   (outside the numbered layers) before the name. */
OTX__PRIVATE size_t otx__embedding_rank(const otx__side *side, const otx_tensor *tensor)
{
    size_t rank = otx__embedding_name(tensor);
    uint64_t seen = 0;
    if (tensor->rank != 2 || !otx__name_is_embedding(tensor)) return SIZE_MAX;
    if (otx__name_is_numbered(tensor)) rank += OTX__RANK_LAYER;
    if (!otx__config_says_rows(&side->config, tensor->shape[0], &seen)) rank += OTX__RANK_SIZE;
    return rank;
}

/* Where an embedding has more rows than config.json says, the model's class adds them
   (Llama 3.2 Vision 8, Moshi 1), or it could not be loaded. The new one has as many
   more. */
OTX__PRIVATE void otx__find_extra(const otx_context *ctx, otx__side *side)
{
    otx__parts *parts = &side->parts;
    uint64_t said = 0;
    if (otx__config_says_rows(&side->config, parts->rows, &said) || said == 0) return;
    otx__log(ctx, OTX_WARNING, "%s: config.json says \"vocab_size\": %" PRIu64
             ", the embedding has %" PRIu64 " rows%s", side->path, said, parts->rows,
             said < parts->rows && !side->donor ? "; the new one will have as many more" : "");
    if (said > parts->rows) return;
    parts->extra = parts->rows - said;
    parts->rows = said;
}

OTX__PRIVATE otx_result otx__find_embedding(const otx_context *ctx, otx__side *side,
                                            otx_error *error)
{
    const otx_checkpoint *checkpoint = &side->checkpoint;
    otx__parts *parts = &side->parts;
    bool rival = false;
    size_t best = SIZE_MAX, i;
    for (i = 0; i < checkpoint->tensor_count; i++) {
        const otx_checkpoint_tensor *at = &checkpoint->tensors[i];
        size_t rank = otx__embedding_rank(side, at->tensor);
        if (rank == SIZE_MAX || rank > best) continue;
        if (rank < best) {
            best = rank;
            rival = false;
            parts->embedding = at;
        } else if (at->tensor->shape[0] != parts->embedding->tensor->shape[0]) {
            rival = true;
        }
    }
    if (!parts->embedding)
        return otx__fail_unknown_model(side, "no tensor is known as the input embedding",
                                       error);
    if (rival)
        return otx__fail_unknown_model(side, "several tensors may be the input embedding, of "
                                             "different sizes", error);
    parts->rows = parts->embedding->tensor->shape[0];
    if (parts->rows == 0 || parts->rows > INT32_MAX)
        return otx__fail_tensor(side, parts->embedding->tensor,
                                "is empty or has more than 2147483647 rows", error);
    otx__find_extra(ctx, side);
    return OTX_OK;
}

/* Hidden sizes stand under several names; some models factorise the embedding, and
   its own width then stands somewhere too. */
OTX__PRIVATE otx_result otx__check_width(const otx__side *side, otx_error *error)
{
    const otx_tensor *embedding = side->parts.embedding->tensor;
    uint64_t width = embedding->shape[1], seen = 0;
    char text[OTX__TENSOR_TEXT];
    size_t i, first = 0;
    for (i = 0; i < OTX__COUNT(otx__width_keys); i++) {
        bool before = seen != 0;
        if (otx__config_says(&side->config, otx__width_keys[i], width, &seen)) return OTX_OK;
        if (!before && seen) first = i;
    }
    if (!seen || otx__config_has_size(&side->config, width)) return OTX_OK;
    return otx__fail(error, OTX_ERROR_MISMATCH,
                     "%s: tensor %s has %" PRIu64
                     " columns, but config.json says \"%s\": %" PRIu64, side->path,
                     otx__tensor_text(text, embedding), width, otx__width_keys[first], seen);
}

/* ---- all of them ---- */

/* The main head: outside the numbered layers first, then by name. */
OTX__PRIVATE size_t otx__head_rank(const otx_tensor *tensor)
{
    return otx__head_name(tensor) + (otx__name_is_numbered(tensor) ? OTX__RANK_LAYER : 0u);
}

OTX__PRIVATE otx_result otx__parts_add(otx__side *side, const otx_checkpoint_tensor *at,
                                       otx__part_kind kind, otx_error *error)
{
    const otx_tensor *tensor = at->tensor;
    otx__parts *parts = &side->parts;
    otx__vocab_tensor *slot;
    if (!otx_dtype_is_embedding(tensor->dtype)) {
        char text[OTX__TENSOR_TEXT];
        return otx__fail(error, OTX_ERROR_UNSUPPORTED,
                         "%s: tensor %s is %s; F64, F32, F16, BF16, F8_E4M3 or F8_E5M2 is "
                         "expected", side->path, otx__tensor_text(text, tensor),
                         otx_dtype_name(tensor->dtype));
    }
    if (kind != OTX__PART_BIAS && (tensor->shape[1] == 0 || tensor->shape[1] > INT32_MAX))
        return otx__fail_tensor(side, tensor, "has no columns or more than 2147483647", error);
    if (parts->count == OTX__MAX_PARTS)
        return otx__fail(error, OTX_ERROR_LIMIT,
                         "%s: more than %d tensors are sized by the vocabulary", side->path,
                         OTX__MAX_PARTS);
    slot = &parts->tensors[parts->count++];
    slot->at = at;
    slot->kind = kind;
    slot->rows = tensor->shape[kind == OTX__PART_BIAS ? tensor->rank - 1 : 0];
    slot->redundant = false;
    if (kind == OTX__PART_HEAD &&
        (!parts->head || otx__head_rank(tensor) < otx__head_rank(parts->head->tensor)))
        parts->head = at;
    return OTX_OK;
}

OTX__PRIVATE otx_result otx__find_all(const otx_context *ctx, otx__side *side, otx_error *error)
{
    const otx_checkpoint *checkpoint = &side->checkpoint;
    otx_result result = OTX_OK;
    size_t i;
    for (i = 0; i < checkpoint->tensor_count && !result; i++) {
        otx__part_kind kind;
        result = otx__part_of(ctx, side, checkpoint->tensors[i].tensor, &kind, error);
        if (!result && kind != OTX__PART_NONE)
            result = otx__parts_add(side, &checkpoint->tensors[i], kind, error);
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
            result = otx__poll(ctx, OTX_STAGE_READ, b->tensor->name, at, size, error);
    }
    otx__free(ctx, bytes, 2, chunk);
    return result;
}

/* Tied: there is no head, or no level of the config denies it and the head is
   the embedding once more. */
OTX__PRIVATE otx_result otx__find_tie(const otx_context *ctx, otx__side *side, otx_error *error)
{
    otx__parts *parts = &side->parts;
    otx__tie_flag flag = otx__config_tie_flag(&side->config);
    bool denied = flag.said_false && !flag.said_true;
    otx_result result;
    size_t i;
    parts->tied = !parts->head;
    if (!parts->head) {
        if (denied)
            otx__log(ctx, OTX_WARNING, "%s: config.json says \"tie_word_embeddings\": false, "
                     "but there is no output head; taken as tied", side->path);
        return OTX_OK;
    }
    if (denied) return OTX_OK;
    result = otx__tensors_equal(ctx, &side->checkpoint, parts->embedding, parts->head,
                                &parts->tied, error);
    if (result) return result;
    if (!parts->tied && flag.said_true)
        otx__log(ctx, OTX_WARNING, "%s: config.json says \"tie_word_embeddings\": true, but "
                 "the output head differs from the embedding; taken as untied", side->path);
    for (i = 0; i < parts->count; i++)
        if (parts->tied && parts->tensors[i].at == parts->head)
            parts->tensors[i].redundant = true;
    return OTX_OK;
}

/* ---- the whole of it ---- */

/* Finds the tensors that the vocabulary sizes, by the config, the vocabulary and the
   checkpoint of the side. If it fails there is no embedding. */
OTX__PRIVATE otx_result otx__parts_find(const otx_context *ctx, otx__side *side,
                                        otx_error *error)
{
    otx_result result;
    memset(&side->parts, 0, sizeof side->parts);
    result = otx__find_embedding(ctx, side, error);
    if (!result) result = otx__check_width(side, error);
    if (!result) result = otx__find_all(ctx, side, error);
    if (!result) result = otx__find_tie(ctx, side, error);
    if (result) side->parts.embedding = NULL;
    return result;
}

/* >>> src/model/heirs.h */
/* ---- heirs: what becomes of the ids in a config ------------------------- */

/* What the edits of config.json and generation_config.json start from. */
typedef struct otx__config_plan {
    const otx_context *ctx;
    const otx__side *base, *donor;
    const otx_alignment *alignment;
    otx_dtype dtype; /* that the matrices are written in, or OTX_DTYPE_NONE: the base's */
    int64_t *heirs; /* by base id: the lowest donor id that takes over its row, or -1 */
    size_t remaps;  /* ids looked up by content so far */
} otx__config_plan;

/* ---- ids ---- */

/* Fills plan->heirs; free as many as base->vocab.count. */
OTX__PRIVATE otx_result otx__config_find_heirs(otx__config_plan *plan, otx_error *error)
{
    size_t count = plan->base->vocab.count, i;
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
    return id < plan->alignment->count && otx__side_token(plan->donor, id);
}

/* The donor id that takes over a base id's row, or -1. */
OTX__PRIVATE int64_t otx__config_heir(const otx__config_plan *plan, uint64_t base)
{
    return base < plan->base->vocab.count ? plan->heirs[base] : -1;
}

/* The donor id that the caller mapped to a base id, or whose content is the
   same, or -1. */
OTX__PRIVATE int64_t otx__config_same_content(const otx__config_plan *plan, uint64_t base)
{
    const otx_token *wanted = otx__side_token(plan->base, base);
    int64_t heir = otx__config_heir(plan, base);
    size_t i;
    if (heir >= 0 && plan->alignment->rows[heir].action == OTX_ACTION_MAP) return heir;
    if (!wanted) return -1;
    for (i = 0; i < plan->donor->vocab.count; i++) {
        const otx_token *token = &plan->donor->vocab.tokens[i];
        if (otx__same_bytes(token->content, token->content_size, wanted->content,
                            wanted->content_size) &&
            otx__config_id_is_valid(plan, i))
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
    otx_json_iter item = otx_json_iter_of(json, node);
    int64_t id;
    if (otx_json_type_of(json, node) != OTX_JSON_ARRAY) {
        id = otx__config_carry(plan, json, node, carry);
        if (id >= 0) otx__text_format(to, "%" PRId64, id);
        else *lost += otx_json_type_of(json, node) == OTX_JSON_NUMBER;
        return id >= 0;
    }
    otx__text_string(to, "[");
    while (otx_json_iter_next(&item)) {
        id = otx__config_carry(plan, json, item.value, carry);
        if (id >= 0) otx__text_format(to, "%s%" PRId64, written++ ? ", " : "", id);
        else ++*lost;
    }
    otx__text_string(to, "]");
    if (written == 0 && !to->failed) to->size = start;
    return written;
}

/* ---- special ids: bos, eos and their like ---- */

/* The valid ids that a file of the donor gives, from its first level with any. */
OTX__PRIVATE bool otx__config_donor_ids(const otx__config_plan *plan,
                                        const otx__document *document, const char *key,
                                        otx__text *to)
{
    otx__levels levels = otx__all_levels(document);
    size_t lost = 0;
    while (otx__levels_next(&levels)) {
        uint32_t node = otx__levels_find(&levels, key);
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
    int64_t id = role < 0 ? -1 : plan->donor->vocab.roles[role];
    if (id < 0 && role == OTX_ROLE_BOS) id = plan->donor->vocab.roles[OTX_ROLE_EOS];
    return id >= 0 && otx__config_id_is_valid(plan, (uint64_t)id) ? id : -1;
}

/* The new value of a special id, as JSON: from the donor's files, else from its
   tokenizer, else the heir of the base's id. False if none of them knows one. */
OTX__PRIVATE bool otx__config_special(const otx__config_plan *plan, const otx__special *special,
                                      bool generation, const otx_json *base, uint32_t node,
                                      otx__text *to)
{
    int64_t id = special->role < 0 ? -1 : plan->donor->vocab.roles[special->role];
    size_t lost = 0;
    if (generation && otx__config_donor_ids(plan, &plan->donor->generation, special->key, to))
        return true;
    if (otx__config_donor_ids(plan, &plan->donor->config, special->key, to)) return true;
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

/* The level where a key that is missing goes: the innermost that says how large the
   vocabulary is, else the first within. */
OTX__PRIVATE uint32_t otx__vocabulary_home(const otx__document *document, uint64_t rows)
{
    otx__levels levels = otx__vocabulary_levels(document, rows);
    uint32_t sized = OTX_JSON_NONE, second = OTX_JSON_NONE, count = 0;
    uint64_t size;
    while (otx__levels_next(&levels)) {
        if (++count == 2) second = levels.node;
        if (otx_json_uint(&document->json, otx__levels_find(&levels, OTX__KEY_VOCAB_SIZE),
                          &size))
            sized = levels.node;
    }
    if (sized == OTX_JSON_NONE) sized = second;
    return sized == OTX_JSON_NONE ? otx__document_root(document) : sized;
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
                 ", its %s token", e->plan->base->path, e->name, special->key, id,
                 id == e->plan->donor->vocab.roles[special->stand_in]
                     ? otx_role_name((otx_role)special->stand_in) : "eos");
    else
        otx__log(e->plan->ctx, OTX_WARNING,
                 "%s/%s: the donor has no counterpart of \"%s\"; set to null",
                 e->plan->base->path, e->name, special->key);
}

/* Sets one special id on every level that has it. */
OTX__PRIVATE otx_result otx__config_edit_special(otx__config_edit *e,
                                                 const otx__special *special, otx__text *value)
{
    const otx_json *json = &e->document->json;
    otx__levels levels = otx__vocabulary_levels(e->document, e->plan->base->parts.rows);
    uint32_t home = otx__vocabulary_home(e->document, e->plan->base->parts.rows);
    otx_result result = OTX_OK;
    bool present = false;
    while (!result && otx__levels_next(&levels)) {
        uint32_t node = otx__levels_find(&levels, special->key);
        bool null = otx_json_type_of(json, node) == OTX_JSON_NULL;
        if (node == OTX_JSON_NONE) continue;
        present = true;
        if (null && special->if_set) continue;
        if (!otx__config_special(e->plan, special, e->generation, json, node, value))
            otx__config_stand_in(e, special, node, value);
        result = otx__config_set_text(e, levels.node, special->key, value);
    }
    if (!result && !present && special->add &&
        otx__config_special(e->plan, special, e->generation, json, OTX_JSON_NONE, value))
        result = otx__config_set_text(e, home, special->key, value);
    return result;
}

OTX__PRIVATE otx_result otx__config_edit_specials(otx__config_edit *e)
{
    bool keep_pad = otx__config_follows(&e->plan->base->config, OTX__PAD_IS_POSITION);
    otx_result result = OTX_OK;
    otx__text value;
    size_t i;
    otx__text_open(&value, e->plan->ctx);
    for (i = 0; i < OTX__COUNT(otx__specials) && !result; i++)
        if (!keep_pad || otx__specials[i].role != OTX_ROLE_PAD)
            result = otx__config_edit_special(e, &otx__specials[i], &value);
    if (keep_pad && !e->generation)
        otx__log(e->plan->ctx, OTX_NOTE, "%s/%s: \"pad_token_id\" is left as it is, as this "
                 "model counts its positions from it on", e->plan->base->path, e->name);
    otx__text_close(&value);
    return result;
}

/* ---- other ids: image tokens and the like ---- */

/* Whether a key is one of the special ones. */
OTX__PRIVATE bool otx__key_is_special(otx__span key)
{
    size_t i;
    for (i = 0; i < OTX__COUNT(otx__specials); i++)
        if (otx__span_is(key, otx__specials[i].key)) return true;
    return false;
}

/* Whether a key names token ids that are no special ones. */
OTX__PRIVATE bool otx__key_names_ids(otx__span key)
{
    size_t i;
    if (otx__key_is_special(key)) return false;
    for (i = 0; i < OTX__COUNT(otx__id_endings); i++) {
        size_t length = strlen(otx__id_endings[i]);
        if (key.size > length &&
            memcmp(key.bytes + key.size - length, otx__id_endings[i], length) == 0)
            return true;
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
    otx_json_iter item = otx_json_iter_of(json, node);
    char token[OTX__QUOTED] = "none";
    uint64_t id = 0;
    if (otx_json_type_of(json, node) == OTX_JSON_ARRAY)
        while (otx_json_iter_next(&item)) {
            node = item.value;
            if (otx__config_carry(e->plan, json, node, OTX__CARRY_SAME) < 0) break;
        }
    if (otx_json_uint(json, node, &id)) otx__side_content(token, e->plan->base, id);
    return otx__fail(e->error, OTX_ERROR_UNSUPPORTED,
                     "%s/%s: \"%s\" is %" PRIu64 ", the token \"%s\", which the donor's "
                     "tokenizer lacks; give it one with --map 'DONOR=#%" PRIu64 "', DONOR "
                     "being a reserved or seldom used token of the donor", e->plan->base->path,
                     e->name, key, id, token, id);
}

/* Carries over what stands under such a key. What has no counterpart is left out
   of generation_config.json, and refused in config.json: the model would look for
   a token that its tokenizer never gives. */
OTX__PRIVATE otx_result otx__config_edit_ids(otx__config_edit *e, uint32_t key, uint32_t node,
                                             otx__text *value)
{
    const otx_json *json = &e->document->json;
    otx_json_type type = otx_json_type_of(json, node);
    char quoted[OTX__QUOTED];
    size_t lost = 0, written;
    otx_result result;
    uint64_t id;
    if (type == OTX_JSON_NUMBER && !otx_json_uint(json, node, &id)) return OTX_OK; /* below 0 */
    if (type != OTX_JSON_NUMBER && type != OTX_JSON_ARRAY) return OTX_OK;
    otx__quote_node(quoted, json, key);
    e->plan->remaps += type == OTX_JSON_ARRAY ? otx_json_count(json, node) : 1;
    if (e->plan->remaps > OTX__CONFIG_MAX_REMAPS)
        return otx__fail(e->error, OTX_ERROR_LIMIT, "%s/%s: more than %d token ids at \"%s\"",
                         e->plan->base->path, e->name, OTX__CONFIG_MAX_REMAPS, quoted);
    written = otx__config_carry_ids(e->plan, json, node, OTX__CARRY_SAME, value, &lost);
    if (lost && !e->generation) return otx__fail_lost_id(e, quoted, node);
    if (lost)
        otx__log(e->plan->ctx, OTX_WARNING,
                 "%s/%s: %" PRIu64 " of the ids in \"%s\" have no counterpart; left out",
                 e->plan->base->path, e->name, (uint64_t)lost, quoted);
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
    uint32_t object;
    otx__text value;
    otx__text_open(&value, e->plan->ctx);
    for (object = 0; object < json->count && !result; object++) {
        otx_json_iter member = otx_json_iter_of(json, object);
        if (!member.keyed) continue;
        while (!result && otx_json_iter_next(&member))
            if (otx__key_names_ids(otx__json_span(json, member.key)))
                result = otx__config_edit_ids(e, member.key, member.value, &value);
    }
    otx__text_close(&value);
    return result;
}

/* ---- lists that steer generation ---- */

/* One list of ids, all carried over, or false. With `pair` it is [position, id]. */
OTX__PRIVATE bool otx__config_carry_list(const otx__config_plan *plan, const otx_json *json,
                                         uint32_t node, bool pair, otx__text *to)
{
    otx_json_iter item = otx_json_iter_of(json, node);
    bool whole = otx_json_type_of(json, node) == OTX_JSON_ARRAY &&
                 otx_json_count(json, node) > 0;
    otx__text_string(to, "[");
    while (whole && otx_json_iter_next(&item)) {
        uint64_t number = 0;
        if (pair && item.index == 0) {
            whole = otx_json_uint(json, item.value, &number);
        } else {
            int64_t id = otx__config_carry(plan, json, item.value, OTX__CARRY_HEIR);
            whole = id >= 0;
            number = (uint64_t)id;
        }
        otx__text_format(to, "%s%" PRIu64, item.index ? ", " : "", number);
    }
    otx__text_string(to, "]");
    return whole;
}

/* A list of lists, in which an inner list without all its counterparts falls out
   whole. With `pairs` the inner lists are [position, id]. */
OTX__PRIVATE void otx__config_carry_lists(const otx__config_plan *plan, const otx_json *json,
                                          uint32_t node, bool pairs, otx__text *to,
                                          size_t *lost)
{
    otx_json_iter inner = otx_json_iter_of(json, node);
    size_t written = 0;
    otx__text_string(to, "[");
    while (otx_json_iter_next(&inner)) {
        size_t start = to->size;
        if (written) otx__text_string(to, ", ");
        if (otx__config_carry_list(plan, json, inner.value, pairs, to)) {
            written++;
        } else {
            if (!to->failed) to->size = start;
            ++*lost;
        }
    }
    otx__text_string(to, "]");
}

OTX__PRIVATE otx_result otx__config_edit_list(otx__config_edit *e, uint32_t object,
                                              const otx__id_list *list, otx__text *value)
{
    const otx_json *json = &e->document->json;
    uint32_t node = otx_json_find(json, object, list->key);
    otx__list_kind kind = list->kind;
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
                     "tokenizer; left out", e->plan->base->path, e->name, (uint64_t)lost,
                     list->key);
    } else {
        otx__log(e->plan->ctx, OTX_WARNING,
                 "%s/%s: \"%s\" holds ids of the base's tokenizer in a form that is not known; "
                 "set to null", e->plan->base->path, e->name, list->key);
        otx__text_string(value, "null");
    }
    return otx__config_set_text(e, object, list->key, value);
}

OTX__PRIVATE otx_result otx__config_edit_lists(otx__config_edit *e)
{
    otx__levels levels = otx__vocabulary_levels(e->document, e->plan->base->parts.rows);
    otx_result result = OTX_OK;
    otx__text value;
    size_t i;
    otx__text_open(&value, e->plan->ctx);
    while (!result && otx__levels_next(&levels))
        for (i = 0; i < OTX__COUNT(otx__id_lists) && !result; i++)
            result = otx__config_edit_list(e, levels.node, &otx__id_lists[i], &value);
    otx__text_close(&value);
    return result;
}

/* >>> src/model/config_edit.h */
/* ---- config.json and generation_config.json, edited --------------------- */

/* ---- sizes, tying, classes ---- */

/* Whether a member of a level says how large the vocabulary is: vocab_size whatever it
   says, and other names with that in them (padded_vocab_size, decoder_vocab_size) if
   they say as much. */
OTX__PRIVATE bool otx__config_is_size(const otx__config_edit *e, const otx_json_iter *member)
{
    const otx_json *json = member->json;
    uint64_t size;
    size_t i;
    if (!otx_json_uint(json, member->value, &size)) return false;
    for (i = 0; i < OTX__COUNT(otx__size_keys); i++)
        if (otx_json_equals(json, member->key, otx__size_keys[i])) return true;
    return size == e->plan->base->parts.rows &&
           otx__span_contains(otx__json_span(json, member->key), OTX__KEY_VOCAB_SIZE);
}

OTX__PRIVATE otx_result otx__config_edit_sizes(otx__config_edit *e)
{
    const uint64_t rows = e->plan->base->parts.rows;
    otx__levels levels = otx__vocabulary_levels(e->document, rows);
    otx_result result = OTX_OK;
    bool present = false;
    char value[32];
    otx__format(value, sizeof value, "%" PRIu64, (uint64_t)e->plan->alignment->count);
    while (!result && otx__levels_next(&levels)) {
        otx_json_iter member = otx_json_iter_of(&e->document->json, levels.node);
        while (!result && otx_json_iter_next(&member)) {
            if (!otx__config_is_size(e, &member)) continue;
            present = true;
            result = otx_json_edit_replace(e->plan->ctx, e->edit, member.value, value,
                                           e->error);
        }
    }
    if (!result && !present)
        result = otx__config_set(e, otx__vocabulary_home(e->document, rows),
                                 OTX__KEY_VOCAB_SIZE, value);
    return result;
}

/* The type that the rest of the model is in. Without a word on it loaders take that of
   the first tensor, which may now be a matrix in another type. */
OTX__PRIVATE otx_result otx__config_edit_dtype(otx__config_edit *e)
{
    const otx_dtype old = e->plan->base->parts.embedding->tensor->dtype;
    otx__levels levels = otx__all_levels(e->document);
    size_t i;
    if (e->plan->dtype == OTX_DTYPE_NONE || e->plan->dtype == old) return OTX_OK;
    while (otx__levels_next(&levels))
        for (i = 0; i < OTX__COUNT(otx__dtype_keys); i++)
            if (otx__levels_find(&levels, otx__dtype_keys[i]) != OTX_JSON_NONE) return OTX_OK;
    for (i = 0; i < OTX__COUNT(otx__dtype_words); i++)
        if (otx__dtype_words[i].dtype == old)
            return otx__config_set(e, 0, OTX__KEY_NEW_DTYPE, otx__dtype_words[i].word);
    return OTX_OK;
}

/* Makes the flag say what is written. Two matrices: false on the root and on the
   nested level, whether the flag was there or not, as the defaults of the classes
   differ. One matrix: true where the flag says otherwise, and on both levels if a
   second copy is dropped; else the base had the flag or the default it needs. An
   encoder's head (decoder.weight) keeps the flag, which ties its biases too. */
OTX__PRIVATE otx_result otx__config_edit_tie(otx__config_edit *e)
{
    const otx__parts *parts = &e->plan->base->parts;
    otx__levels levels = otx__vocabulary_levels(e->document, parts->rows);
    otx_result result = OTX_OK;
    if (!parts->tied && otx__name_is_encoder_head(parts->head->tensor)) return OTX_OK;
    while (!result && otx__levels_next(&levels)) {
        otx_json_type type = otx_json_type_of(&e->document->json,
                                              otx__levels_find(&levels, OTX__KEY_TIE));
        otx_json_type wanted = parts->tied ? OTX_JSON_TRUE : OTX_JSON_FALSE;
        bool said = type == OTX_JSON_TRUE || type == OTX_JSON_FALSE;
        if (said ? type == wanted : parts->tied && !parts->head) continue;
        result = otx__config_set(e, levels.node, OTX__KEY_TIE, parts->tied ? "true" : "false");
    }
    return result;
}

/* Appends a node of a document as it stands there, with all that is in it. */
OTX__PRIVATE void otx__config_raw(otx__text *to, const otx_json *json, uint32_t node)
{
    uint32_t start, end;
    otx__json_bytes(json, node, &start, &end);
    otx__text_bytes(to, json->text + start, end - start);
}

/* The donor's code for its tokenizer is named where the donor names it: a config.json that
   names some is followed where tokenizer_config.json names none. What the base has for its
   own tokenizer is named no more. */
OTX__PRIVATE otx_result otx__config_edit_code(otx__config_edit *e)
{
    const otx__document *donor = &e->plan->donor->config;
    uint32_t map = otx_json_find(&e->document->json, 0, OTX__KEY_AUTO_MAP);
    uint32_t given = otx_json_find(&donor->json, otx__document_root(donor), OTX__KEY_AUTO_MAP);
    uint32_t theirs = otx_json_find(&donor->json, given, OTX__KEY_AUTO_TOKENIZER);
    bool ours = otx_json_find(&e->document->json, map, OTX__KEY_AUTO_TOKENIZER) !=
                OTX_JSON_NONE;
    bool object = otx_json_type_of(&e->document->json, map) == OTX_JSON_OBJECT;
    otx_result result;
    otx__text value;
    if (theirs == OTX_JSON_NONE && !ours) return OTX_OK;
    otx__text_open(&value, e->plan->ctx);
    if (theirs != OTX_JSON_NONE && !object)
        otx__text_string(&value, "{\"" OTX__KEY_AUTO_TOKENIZER "\": ");
    if (theirs == OTX_JSON_NONE) otx__text_string(&value, "null");
    else otx__config_raw(&value, &donor->json, theirs);
    if (theirs != OTX_JSON_NONE && !object) otx__text_string(&value, "}");
    result = object ? otx__config_set_text(e, map, OTX__KEY_AUTO_TOKENIZER, &value)
                    : otx__config_set_text(e, 0, OTX__KEY_AUTO_MAP, &value);
    otx__text_close(&value);
    return result;
}

/* The class of the tokenizer is the donor's from now on. */
OTX__PRIVATE otx_result otx__config_edit_classes(otx__config_edit *e)
{
    const otx_json *json = &e->document->json;
    const otx__document *sources[2];
    uint32_t node = otx_json_find(json, 0, OTX__KEY_TOKENIZER_CLASS);
    otx_result result = OTX_OK;
    otx__text value;
    size_t i;
    sources[0] = &e->plan->donor->tokenizer;
    sources[1] = &e->plan->donor->config;
    otx__text_open(&value, e->plan->ctx);
    if (otx_json_type_of(json, node) == OTX_JSON_STRING) {
        for (i = 0; i < OTX__COUNT(sources) && value.size == 0; i++) {
            node = otx_json_find(&sources[i]->json, otx__document_root(sources[i]),
                                 OTX__KEY_TOKENIZER_CLASS);
            if (otx_json_type_of(&sources[i]->json, node) == OTX_JSON_STRING)
                otx__config_raw(&value, &sources[i]->json, node);
        }
        if (value.size == 0) otx__text_string(&value, "null");
        result = otx__config_set_text(e, 0, OTX__KEY_TOKENIZER_CLASS, &value);
    }
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
    if (!result && !generation) result = otx__config_edit_code(&e);
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
    const otx__document *donor = &plan->donor->generation;
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
    const otx__document *tokenizer = &plan->donor->tokenizer;
    uint64_t donor = 0, base = 0;
    if (!otx_json_uint(&tokenizer->json, otx_json_find(&tokenizer->json,
                                                       otx__document_root(tokenizer),
                                                       OTX__KEY_LENGTH), &donor))
        return;
    if (otx__config_says(&plan->base->config, OTX__KEY_POSITIONS, donor, &base) || base == 0)
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
        result = otx__config_edit_file(plan, &plan->base->config, "config.json", false, config,
                                       error);
    if (!result && plan->base->generation.present)
        result = otx__config_edit_file(plan, &plan->base->generation, "generation_config.json",
                                       true, generation, error);
    else if (!result)
        result = otx__config_new_generation(plan, generation, error);
    if (!result) otx__config_check_length(plan);
    otx__free(plan->ctx, plan->heirs, plan->base->vocab.count, sizeof *plan->heirs);
    plan->heirs = NULL;
    return result;
}

/* >>> src/job/chapter.h */
/* ==== job: the whole transplant, in the order in which it happens ==== */

/* Knows the order of things and little else: open both sides, align, plan, stage whatever
   needs no solving, solve, rebuild and write, commit. All that can be wrong with a file is
   found before the first solve. Knows besides how a finished directory is verified.
   Hides nothing: run.h reads like the README, and struct otx_job is its table of contents.
   A job owns both sides, the plan and the solutions; a writing owns the output until it is
   committed. What fails leaves nothing under the output's name, nor beside it.
   Read job.h, then run.h; to add a check of verify, one of the check_ rooms and verify.h.

   Rooms, in order of dependency:
     job           what a job holds
     open          opening the two models
     map           the caller's map
     align         where every new row comes from
     plan          what becomes of every tensor, and of the configs
     rows          rows in memory: reading, checking, their mean
     solve         solving for the rows of the donor
     rebuild       the new rows of one vocabulary tensor
     write         the output and its weights
     copy          the other files of the two models
     index         the files that are written anew
     run           the whole, in order
     report        what a job did, as JSON and as a table
     findings      what is told of a finished directory
     check_files   its files
     check_ids     sizes, ids and tying
     check_values  values
     check_draft   as a draft model for another
     verify        whether a finished directory agrees with itself */

/* >>> src/job/job.h */
/* ---- job: what a job holds ------------------------------------------------ */

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

/* In the order in which it is filled; before each part, the room that fills it. */
struct otx_job {
    /* job: what the caller asks for, and is told */
    otx_context outer; /* the caller's */
    otx_context ctx;   /* the same, with memory counted and progress remembered */
    otx_job_options options;
    uint64_t live_bytes, peak_bytes;
    otx_progress last; /* what was reported last, and is repeated by otx__job_poll */

    /* open: the two models */
    otx__side base, donor;

    /* map, align: where every row comes from */
    otx_alignment alignment;
    uint32_t *anchor_donors, *anchor_bases; /* ids, by donor id */
    uint32_t *targets;                      /* donor ids to solve for */
    size_t anchor_count, target_count;

    /* plan: what becomes of every tensor, and of the configs */
    otx__tensor_plan plans[OTX__MAX_PARTS];      /* of base.parts.tensors */
    size_t matrix_tensors[OTX_JOB_MAX_MATRICES]; /* of summary.matrices: which tensor */
    otx__text config, generation; /* the edited files; generation may be empty */

    /* solve: the combinations of anchors */
    otx__solution solutions[2];
    size_t solution_count;

    /* run, report: how it went */
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
    return otx__poll(&job->ctx, job->last.stage, job->last.subject, job->last.done,
                     job->last.total, error);
}

/* ---- options ---- */

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

/* Whether the method solves for rows. */
OTX__PRIVATE bool otx__job_solves(const otx_job *job)
{
    return job->options.method == OTX_METHOD_OMP ||
           job->options.method == OTX_METHOD_OMP_CENTRED;
}

/* Whether there are rows that it solves for. */
OTX__PRIVATE bool otx__job_has_solves(const otx_job *job)
{
    return otx__job_solves(job) && job->target_count > 0;
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
    if (options->dtype != OTX_DTYPE_NONE && !otx_dtype_is_embedding(options->dtype))
        return otx__fail(error, OTX_ERROR_ARGUMENT, "matrices cannot be written as %s",
                         otx__word(otx_dtype_name(options->dtype)));
    if (options->omp.first_target || options->omp.target_count)
        return otx__fail(
            error, OTX_ERROR_ARGUMENT,
            "a transplant solves all targets; leave first_target and target_count 0");
    return OTX_OK;
}

/* ---- a job ---- */

/* A job of which nothing is open but the caller's wishes. Close with otx_job_close. */
OTX__PRIVATE otx_result otx__job_new(const otx_context *ctx, const char *base,
                                     const char *donor, const otx_job_options *options,
                                     otx_job **out, otx_error *error)
{
    otx_job *job = (otx_job *)otx__alloc_zero(ctx, 1, sizeof *job);
    otx_result result;
    *out = job;
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
    result = otx__side_begin(&job->ctx, base, false, &job->base, error);
    if (!result) result = otx__side_begin(&job->ctx, donor, true, &job->donor, error);
    return result;
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
    otx__side_close(ctx, &job->donor);
    otx__side_close(ctx, &job->base);
    outer = job->outer;
    otx__free(&outer, job, 1, sizeof *job);
}

/* ---- looking at it ---- */

OTX_API const otx_vocab *otx_job_base_vocab(const otx_job *job) { return &job->base.vocab; }

OTX_API const otx_vocab *otx_job_donor_vocab(const otx_job *job) { return &job->donor.vocab; }

OTX_API const otx_alignment *otx_job_alignment(const otx_job *job) { return &job->alignment; }

OTX_API void otx_job_summarize(const otx_job *job, otx_job_summary *out)
{
    *out = job->summary;
    out->peak_bytes = job->peak_bytes;
}

/* >>> src/job/open.h */
/* ---- opening the two models ---------------------------------------------- */

#define OTX__OPENING_STEPS 6

/* Says at which of the steps the opening is, and at whose files. */
OTX__PRIVATE otx_result otx__opening(const otx_job *job, const otx__side *side, unsigned step,
                                     otx_error *error)
{
    return otx__poll(&job->ctx, OTX_STAGE_OPEN, side->path, step, OTX__OPENING_STEPS,
                         error);
}

OTX__PRIVATE otx_result otx__open_directory(const otx__side *side, otx_error *error)
{
    char name[OTX__PATH_TEXT];
    otx__status status;
    otx_result result = otx__model_status(side->path, &status, error);
    if (result || status.directory) return result;
    return otx__fail(error, OTX_ERROR_ARGUMENT, "%s: the %s must be a model directory, not a "
                     "file", otx__path_text(name, side->path), side->donor ? "donor" : "base");
}

/* Whether a file beside the weights is read, and must stay as it was. */
OTX__PRIVATE bool otx__is_read(const char *name)
{
    return strcmp(name, "config.json") == 0 || strcmp(name, "generation_config.json") == 0 ||
           strcmp(name, OTX__INDEX_FILE) == 0 || otx__is_of_tokenizer(name);
}

/* A matrix and its tokenizer are enough of a donor; the base's config is edited. The base's
   tokenizer_config.json is of no use. */
OTX__PRIVATE otx_result otx__open_documents(const otx_context *ctx, otx__side *side,
                                            otx_error *error)
{
    char name[OTX__PATH_TEXT];
    otx_result result = otx__stamps_take(&side->read, side->path, otx__is_read, error);
    if (!result)
        result = otx__document_open(ctx, side->path, "config.json", &side->config, error);
    if (!result && !side->config.present && !side->donor)
        result = otx__fail(error, OTX_ERROR_NOT_FOUND, "%s/config.json: is missing",
                           otx__path_text(name, side->path));
    if (!result)
        result = otx__document_open(ctx, side->path, "generation_config.json",
                                    &side->generation, error);
    if (!result && side->donor)
        result = otx__document_open(ctx, side->path, "tokenizer_config.json", &side->tokenizer,
                                    error);
    return result;
}

/* Opens both models, step by step: what is quickly found wrong with either comes before
   what takes long. */
OTX__PRIVATE otx_result otx__job_open_sides(otx_job *job, otx_error *error)
{
    const otx_context *ctx = &job->ctx;
    otx_result result = OTX_OK;
    otx__side *sides[2];
    unsigned i;
    sides[0] = &job->base;
    sides[1] = &job->donor;
    for (i = 0; i < 2 && !result; i++) result = otx__open_directory(sides[i], error);
    for (i = 0; i < 2 && !result; i++) result = otx__open_documents(ctx, sides[i], error);
    for (i = 0; i < 2 && !result; i++) {
        result = otx__opening(job, sides[i], i, error);
        if (!result)
            result = otx_checkpoint_open(ctx, sides[i]->path, &sides[i]->checkpoint, error);
    }
    for (i = 0; i < 2 && !result; i++) {
        result = otx__opening(job, sides[i], 2 + i, error);
        if (!result) result = otx_vocab_open(ctx, sides[i]->path, &sides[i]->vocab, error);
    }
    if (!result) result = otx__opening(job, &job->donor, 4, error);
    for (i = 0; i < 2 && !result; i++) result = otx__parts_find(ctx, sides[i], error);
    return result;
}

/* >>> src/job/map.h */
/* ---- the caller's map --------------------------------------------------- */

/* One half of "DONOR=BASE" with its escapes undone. */
typedef struct otx__map_half {
    const otx__side *side;
    uint64_t rows;
    char *bytes;
    size_t size;
    bool is_id; /* it started with an unescaped # and a digit */
} otx__map_half;

/* Undoes the escapes of one half, from `at` up to the unescaped `stop` (or the
   end, with 0). Returns where it stopped, or NULL where an escape is none. */
OTX__PRIVATE const char *otx__map_unescape(const char *at, char stop, otx__map_half *half)
{
    half->size = 0;
    half->is_id = at[0] == '#' && otx__is_digit(at[1]);
    while (*at && *at != stop) {
        if (*at != '\\') {
            half->bytes[half->size++] = *at++;
        } else if (at[1] == '\\' || at[1] == '=') {
            half->bytes[half->size++] = at[1];
            at += 2;
        } else if (at[1] == 'x' && otx__hex_digit(at[2]) >= 0 && otx__hex_digit(at[3]) >= 0) {
            half->bytes[half->size++] =
                (char)(otx__hex_digit(at[2]) * 16 + otx__hex_digit(at[3]));
            at += 4;
        } else {
            return NULL;
        }
    }
    return at;
}

/* The token with a number. */
OTX__PRIVATE bool otx__map_by_id(const otx__map_half *half, uint64_t *id)
{
    return otx__parse_uint(otx__span_of(half->bytes + 1, half->size - 1), id) &&
           otx__side_token(half->side, *id);
}

/* The token whose content, as the tokenizer's file spells it, is this, else that which
   stands for these bytes; the lowest of several. */
OTX__PRIVATE bool otx__map_by_text(const otx__map_half *half, uint64_t *id)
{
    bool found = false;
    uint64_t i;
    for (i = 0; i < half->side->vocab.count; i++) {
        const otx_token *token = otx__side_token(half->side, i);
        if (!token) continue;
        if (otx__same_bytes(token->content, token->content_size, half->bytes, half->size)) {
            *id = i;
            return true;
        }
        if (!found && otx__same_bytes(token->bytes, token->size, half->bytes, half->size)) {
            *id = i;
            found = true;
        }
    }
    return found;
}

/* The id that a half of an entry names. */
OTX__PRIVATE otx_result otx__map_find(const otx__map_half *half, const char *entry,
                                      uint64_t *id, otx_error *error)
{
    const char *what = half->side->donor ? "donor" : "base";
    char quoted[OTX__QUOTED], text[OTX__QUOTED];
    bool found = half->is_id ? otx__map_by_id(half, id) : otx__map_by_text(half, id);
    otx__quote(text, sizeof text, entry, strlen(entry));
    if (!found)
        return otx__fail(error, OTX_ERROR_NOT_FOUND,
                         "map \"%s\": the %s's tokenizer has no token \"%s\"", text, what,
                         otx__quote(quoted, sizeof quoted, half->bytes, half->size));
    if (*id >= half->rows)
        return otx__fail(error, OTX_ERROR_MISMATCH, "map \"%s\": %s id %" PRIu64 " has no row; "
                         "there are %" PRIu64, text, what, *id, half->rows);
    return OTX_OK;
}

/* Reads one entry; the new matrices have `rows` rows. */
OTX__PRIVATE otx_result otx__map_parse(const otx_job *job, const char *text, uint64_t rows,
                                       otx_map_entry *entry, otx_error *error)
{
    size_t size = strlen(text) + 1;
    char quoted[OTX__QUOTED];
    otx__map_half half;
    const char *at;
    otx_result result;
    memset(&half, 0, sizeof half);
    half.side = &job->donor;
    half.rows = rows;
    half.bytes = (char *)otx__alloc(&job->ctx, size, 1);
    if (!half.bytes) return otx__fail_memory(error, size);
    at = otx__map_unescape(text, '=', &half);
    if (!at || *at != '=' || half.size == 0) {
        result = otx__fail(error, OTX_ERROR_ARGUMENT, "map \"%s\": DONOR=BASE is expected, "
                           "each a token's content or #ID, with \\\\, \\= and \\xNN as escapes",
                           otx__quote(quoted, sizeof quoted, text, size - 1));
        goto done;
    }
    result = otx__map_find(&half, text, &entry->donor, error);
    if (result) goto done;
    half.side = &job->base;
    half.rows = job->base.parts.rows + job->base.parts.extra;
    at = otx__map_unescape(at + 1, 0, &half);
    if (!at || half.size == 0)
        result = otx__fail(error, OTX_ERROR_ARGUMENT, "map \"%s\": after = a base token's "
                           "content or #ID is expected, with \\\\, \\= and \\xNN as escapes",
                           otx__quote(quoted, sizeof quoted, text, size - 1));
    else result = otx__map_find(&half, text, &entry->base, error);
done:
    otx__free(&job->ctx, half.bytes, size, 1);
    return result;
}

/* >>> src/job/align.h */
/* ---- align: where every new row comes from ------------------------------ */

OTX__PRIVATE otx_result otx__new_rows(const otx_job *job, uint64_t *rows, otx_error *error)
{
    uint64_t multiple = job->options.rows_multiple, count = job->donor.vocab.count;
    *rows = job->donor.parts.rows;
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
OTX__PRIVATE void otx__limit_anchors(otx_job *job)
{
    otx_alignment *alignment = &job->alignment;
    size_t i;
    for (i = 0; i < alignment->count; i++) {
        otx_alignment_row *row = &alignment->rows[i];
        if (!row->anchor || (uint64_t)row->base < job->base.parts.rows) continue;
        row->anchor = false;
        alignment->anchor_count--;
    }
}

/* Pairs the tokens of the two models, by the caller's map first. */
OTX__PRIVATE otx_result otx__pair_tokens(otx_job *job, otx_error *error)
{
    otx_alignment_options options;
    size_t count = job->options.map_count, i;
    otx_map_entry *map = (otx_map_entry *)otx__alloc_zero(&job->ctx, count, sizeof *map);
    otx_result result;
    if (!map) return otx__fail_memory(error, (uint64_t)count * sizeof *map);
    memset(&options, 0, sizeof options);
    result = otx__new_rows(job, &options.rows, error);
    for (i = 0; i < count && !result; i++) {
        result = otx__map_parse(job, job->options.map[i], options.rows, &map[i], error);
        if (!result) result = otx__job_poll(job, error);
    }
    options.donor_rows = job->donor.parts.rows;
    options.base_rows = job->base.parts.rows + job->base.parts.extra;
    options.map = map;
    options.map_count = count;
    if (!result)
        result = otx_align(&job->ctx, &job->donor.vocab, &job->base.vocab, &options,
                           &job->alignment, error);
    if (!result) otx__limit_anchors(job);
    otx__free(&job->ctx, map, count, sizeof *map);
    return result;
}

/* The counts of the report, and what should not pass without a word. */
OTX__PRIVATE void otx__count_tokens(otx_job *job)
{
    const size_t *counts = job->alignment.counts;
    otx_job_tokens *tokens = &job->summary.tokens;
    size_t i, first = OTX__NONE;
    for (i = job->alignment.count; i < job->donor.vocab.count; i++) {
        if (!otx__side_token(&job->donor, i)) continue;
        if (first == OTX__NONE) first = i;
        tokens->skipped++;
    }
    tokens->total = job->donor.vocab.token_count;
    tokens->copied = counts[OTX_ACTION_COPY];
    tokens->by_role = counts[OTX_ACTION_ROLE];
    tokens->mapped = counts[OTX_ACTION_MAP];
    tokens->approximated = counts[OTX_ACTION_APPROXIMATE];
    tokens->unused = counts[OTX_ACTION_UNUSED];
    tokens->padding = counts[OTX_ACTION_PADDING];
    if (tokens->skipped)
        otx__log(&job->ctx, OTX_WARNING, "%s: %" PRIu64 " ids of the tokenizer, from %" PRIu64
                 " on, lie beyond the %" PRIu64 " rows and get none", job->donor.path,
                 tokens->skipped, (uint64_t)first, (uint64_t)job->alignment.count);
    else if (job->donor.vocab.count > job->donor.parts.rows)
        otx__log(&job->ctx, OTX_WARNING,
                 "%s: the tokenizer's ids reach %" PRIu64 ", the matrices have %" PRIu64
                 " rows; ids beyond can only be copied",
                 job->donor.path, (uint64_t)job->donor.vocab.count - 1, job->donor.parts.rows);
    if (job->base.vocab.count > job->base.parts.rows + job->base.parts.extra)
        otx__log(&job->ctx, OTX_WARNING,
                 "%s: the tokenizer's ids reach %" PRIu64 ", the matrices "
                 "have %" PRIu64 " rows; ids beyond are not copied from",
                 job->base.path, (uint64_t)job->base.vocab.count - 1,
                 job->base.parts.rows + job->base.parts.extra);
    if (job->options.padding == OTX_PADDING_ZERO && tokens->padding + tokens->unused > 0)
        otx__log(&job->ctx, OTX_WARNING, "%" PRIu64 " rows without a token of their own will "
                 "be zeros, which score 0 in an output head and may be sampled",
                 tokens->padding + tokens->unused);
}

/* Lists of the anchors and of the targets, both by donor id. */
OTX__PRIVATE otx_result otx__list_tokens(otx_job *job, otx_error *error)
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
                     "\"transplant align\" shows both", job->base.path, job->donor.path,
                     (uint64_t)targets);
}

/* Aligns the two vocabularies, tells what should not pass without a word, and lists
   anchors and targets. */
OTX__PRIVATE otx_result otx__job_align(otx_job *job, otx_error *error)
{
    otx_result result = otx__pair_tokens(job, error);
    if (result) return result;
    otx__count_tokens(job);
    return otx__list_tokens(job, error);
}

/* >>> src/job/plan.h */
/* ---- plan: what becomes of every tensor, and of the configs --------------- */

/* The solution for one matrix of the donor; makes room for it once. */
OTX__PRIVATE size_t otx__donor_solution(otx_job *job, const otx_checkpoint_tensor *donor)
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
OTX__PRIVATE otx_result otx__tensor_plan_matrix(otx_job *job, size_t which, otx_error *error)
{
    const otx__parts *donor = &job->donor.parts;
    const otx__vocab_tensor *tensor = &job->base.parts.tensors[which];
    const otx_tensor *old = tensor->at->tensor;
    bool head = tensor->kind == OTX__PART_HEAD && !job->base.parts.tied && !donor->tied;
    otx__tensor_plan *plan = &job->plans[which];
    otx_job_matrix *matrix;
    if (job->summary.matrix_count == OTX_JOB_MAX_MATRICES)
        return otx__fail(error, OTX_ERROR_LIMIT, "%s: more than %d matrices are sized by the "
                         "vocabulary", job->base.path, OTX_JOB_MAX_MATRICES);
    plan->shape[1] = old->shape[1];
    plan->columns = (size_t)old->shape[1];
    if (job->options.dtype != OTX_DTYPE_NONE) plan->dtype = job->options.dtype;
    plan->solution = otx__donor_solution(job, head ? donor->head : donor->embedding);
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

/* A bias has no space to solve in. */
OTX__PRIVATE void otx__tensor_plan_bias(otx_job *job, size_t which)
{
    const otx_tensor *old = job->base.parts.tensors[which].at->tensor;
    if (old->rank == 2) job->plans[which].shape[0] = 1;
    if (otx__job_has_solves(job))
        otx__log(&job->ctx, OTX_NOTE, "%s: tensor \"%s\" is a bias: tokens that are solved for "
                 "get the mean of the base's", job->base.path, old->name);
}

OTX__PRIVATE otx_result otx__tensor_plan_fill(otx_job *job, size_t which, otx_error *error)
{
    const otx__vocab_tensor *tensor = &job->base.parts.tensors[which];
    otx__tensor_plan *plan = &job->plans[which];
    plan->solution = plan->matrix = OTX__NONE;
    plan->rows = job->alignment.count + (size_t)(tensor->rows - job->base.parts.rows);
    plan->shape[0] = plan->shape[1] = plan->rows;
    plan->columns = 1;
    plan->dtype = tensor->at->tensor->dtype;
    if (tensor->kind == OTX__PART_BIAS) otx__tensor_plan_bias(job, which);
    else if (!tensor->redundant) return otx__tensor_plan_matrix(job, which, error);
    return OTX_OK;
}

/* Plans every tensor of the base's vocabulary: embeddings, then heads, then
   biases. */
OTX__PRIVATE otx_result otx__job_plan_tensors(otx_job *job, otx_error *error)
{
    static const otx__part_kind kinds[] = {OTX__PART_EMBEDDING, OTX__PART_HEAD,
                                           OTX__PART_BIAS};
    const otx__parts *parts = &job->base.parts;
    otx_result result = OTX_OK;
    size_t kind, i;
    for (kind = 0; kind < OTX__COUNT(kinds); kind++)
        for (i = 0; i < parts->count && !result; i++)
            if (parts->tensors[i].kind == kinds[kind])
                result = otx__tensor_plan_fill(job, i, error);
    return result;
}

/* Edits config.json and generation_config.json for what is planned. */
OTX__PRIVATE otx_result otx__job_plan_configs(otx_job *job, otx_error *error)
{
    otx__config_plan plan;
    memset(&plan, 0, sizeof plan);
    plan.ctx = &job->ctx;
    plan.base = &job->base;
    plan.donor = &job->donor;
    plan.alignment = &job->alignment;
    plan.dtype = job->options.dtype;
    return otx__config_make(&plan, &job->config, &job->generation, error);
}

/* >>> src/job/rows.h */
/* ---- rows in memory ----------------------------------------------------- */

/* ---- a tensor's rows, block by block ---- */

/* Bytes read before progress is reported. */
#define OTX__READ_BLOCK ((size_t)4 << 20)

/* Steps through the first rows of a tensor of a side:
       result = otx__row_walk_open(...);
       while (!result && otx__row_walk_next(&walk, &result, error))
           for (i = 0; i < walk.count; i++) ... row walk.first + i at walk.bytes + i * row_size
       otx__row_walk_close(&walk); */
typedef struct otx__row_walk {
    const otx_context *ctx;
    const otx__side *side;
    const otx_checkpoint_tensor *at;
    size_t rows, columns, row_size;
    size_t step;  /* rows of a block at most */
    char *whole;  /* where all rows go, or NULL */
    char *block;  /* where a block goes if they do not stay */
    size_t first, count; /* the rows at hand */
    char *bytes;
} otx__row_walk;

/* With `whole`, which has room for all rows, they stay there. */
OTX__PRIVATE otx_result otx__row_walk_open(const otx_context *ctx, const otx__side *side,
                                           const otx_checkpoint_tensor *at, size_t columns,
                                           size_t rows, char *whole, otx__row_walk *walk,
                                           otx_error *error)
{
    memset(walk, 0, sizeof *walk);
    walk->ctx = ctx;
    walk->side = side;
    walk->at = at;
    walk->rows = rows;
    walk->columns = columns;
    walk->whole = whole;
    if (!otx__mul(columns, otx_dtype_bits(at->tensor->dtype) / 8, &walk->row_size))
        return otx__fail_memory(error, UINT64_MAX);
    walk->step = otx__min(otx__max(OTX__READ_BLOCK / walk->row_size, 1), rows);
    if (whole) return OTX_OK;
    walk->block = (char *)otx__alloc(ctx, walk->step, walk->row_size);
    if (walk->block) return OTX_OK;
    return otx__fail_memory(error, (uint64_t)walk->step * walk->row_size);
}

OTX__PRIVATE void otx__row_walk_close(otx__row_walk *walk)
{
    otx__free(walk->ctx, walk->block, walk->step, walk->row_size);
}

/* Reads the next rows; false at the end and on failure. Progress is that of the rows
   before, which have been looked at by then. */
OTX__PRIVATE bool otx__row_walk_next(otx__row_walk *walk, otx_result *result, otx_error *error)
{
    walk->first += walk->count;
    if (walk->count > 0)
        *result = otx__poll(walk->ctx, OTX_STAGE_READ, walk->at->tensor->name,
                            (uint64_t)walk->first * walk->row_size,
                            (uint64_t)walk->rows * walk->row_size, error);
    walk->count = otx__min(walk->step, walk->rows - walk->first);
    if (*result || walk->count == 0) return false;
    walk->bytes = walk->whole ? walk->whole + walk->first * walk->row_size : walk->block;
    *result = otx_checkpoint_read(&walk->side->checkpoint, walk->at,
                                  (uint64_t)walk->first * walk->columns,
                                  walk->count * walk->columns, walk->bytes, error);
    return !*result;
}

/* ---- rows that are needed ---- */

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

OTX__PRIVATE otx_result otx__fail_row(const otx__side *side, const otx_tensor *tensor,
                                      size_t row, otx_error *error)
{
    const otx_token *token = &side->vocab.tokens[row];
    char name[OTX__QUOTED], content[OTX__QUOTED];
    return otx__fail(
        error, OTX_ERROR_NOT_FINITE,
        "%s: tensor \"%s\", row %" PRIu64 " (token \"%s\"): holds a NaN, an infinity "
        "or a value beyond 32-bit float, and is needed", side->path,
        otx__quote(name, sizeof name, tensor->name, tensor->name_size), (uint64_t)row,
        otx__quote(content, sizeof content, token->content, token->content_size));
}

/* Most parts of a block that are looked at at once. */
#define OTX__ROW_PARTS 64

typedef struct otx__row_check {
    const otx__row_walk *walk;
    const uint8_t *needed;     /* by row */
    size_t share;              /* rows of a part */
    size_t bad[OTX__ROW_PARTS]; /* the first of each that cannot be used, or OTX__NONE */
} otx__row_check;

OTX__PRIVATE void otx__row_check_body(void *argument, size_t index, int worker)
{
    otx__row_check *check = (otx__row_check *)argument;
    const otx__row_walk *walk = check->walk;
    const otx_dtype dtype = walk->at->tensor->dtype;
    size_t i = index * check->share, end = otx__min(i + check->share, walk->count);
    (void)worker;
    check->bad[index] = OTX__NONE;
    for (; i < end && check->bad[index] == OTX__NONE; i++)
        if (check->needed[walk->first + i] &&
            !otx__row_is_finite(walk->bytes + i * walk->row_size, dtype, walk->columns))
            check->bad[index] = walk->first + i;
}

/* Goes through rows and checks those that are needed, by row. */
OTX__PRIVATE otx_result otx__rows_check(otx__row_walk *walk, const uint8_t *needed,
                                        otx_error *error)
{
    otx_result result = OTX_OK;
    otx__row_check check;
    size_t i;
    check.walk = walk;
    check.needed = needed;
    while (!result && otx__row_walk_next(walk, &result, error)) {
        size_t parts = otx__min(walk->count, OTX__ROW_PARTS);
        check.share = (walk->count + parts - 1) / parts;
        otx__parallel(walk->ctx, parts, otx__row_check_body, &check);
        for (i = 0; i < parts && !result; i++)
            if (check.bad[i] != OTX__NONE)
                result = otx__fail_row(walk->side, walk->at->tensor, check.bad[i], error);
    }
    return result;
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

/* Reads the first rows of a side's tensor and checks those that are needed. */
OTX__PRIVATE otx_result otx__loaded_open(const otx_job *job, const otx__side *side,
                                         const otx_checkpoint_tensor *at, size_t columns,
                                         const uint8_t *needed, size_t rows, otx__loaded *out,
                                         otx_error *error)
{
    const size_t size = otx_dtype_bits(at->tensor->dtype) / 8;
    otx__row_walk walk;
    otx_result result;
    size_t elements;
    memset(out, 0, sizeof *out);
    out->dtype = at->tensor->dtype;
    out->rows = rows;
    out->columns = columns;
    if (!otx__mul(rows, columns, &elements)) return otx__fail_memory(error, UINT64_MAX);
    out->data = (char *)otx__alloc(&job->ctx, elements, size);
    if (!out->data) return otx__fail_memory(error, (uint64_t)elements * size);
    result = otx__row_walk_open(&job->ctx, side, at, columns, rows, out->data, &walk, error);
    if (!result) result = otx__rows_check(&walk, needed, error);
    if (result) otx__loaded_close(job, out);
    return result;
}

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
OTX__PRIVATE otx_result otx__rows_average(otx_job *job, const otx__loaded *rows,
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
OTX__PRIVATE uint8_t *otx__solution_needs(const otx_job *job, size_t rows)
{
    uint8_t *needed = (uint8_t *)otx__alloc_zero(&job->ctx, rows, 1);
    size_t i;
    if (!needed) return NULL;
    for (i = 0; i < job->anchor_count; i++) needed[job->anchor_donors[i]] = 1;
    for (i = 0; i < job->target_count; i++) needed[job->targets[i]] = 1;
    return needed;
}

/* Solves by the caller's hook, whose indices will be followed and so are checked. */
OTX__PRIVATE otx_result otx__solution_by_hook(const otx_job *job, const otx_matrix *atoms,
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

/* How many rows of the donor's matrices there are to read. */
OTX__PRIVATE size_t otx__solution_rows(const otx_job *job)
{
    return otx__min((size_t)job->donor.parts.rows, job->donor.vocab.count);
}

/* Whether the rows of one matrix of the donor can be used. */
OTX__PRIVATE otx_result otx__solution_check(const otx_job *job, const otx__solution *solution,
                                            otx_error *error)
{
    size_t rows = otx__solution_rows(job);
    uint8_t *needed = otx__solution_needs(job, rows);
    otx__row_walk walk;
    otx_result result;
    if (!needed) return otx__fail_memory(error, rows);
    result = otx__row_walk_open(&job->ctx, &job->donor, solution->donor,
                                (size_t)solution->donor->tensor->shape[1], rows, NULL, &walk,
                                error);
    if (!result) result = otx__rows_check(&walk, needed, error);
    otx__row_walk_close(&walk);
    otx__free(&job->ctx, needed, rows, 1);
    return result;
}

/* Reads one matrix of the donor, solves for all targets in it, and lets it go. */
OTX__PRIVATE otx_result otx__solution_make(otx_job *job, otx__solution *solution,
                                           otx_error *error)
{
    const otx_tensor *tensor = solution->donor->tensor;
    size_t rows = otx__solution_rows(job);
    uint8_t *needed = otx__solution_needs(job, rows);
    double start = otx__now();
    otx_matrix atoms, targets;
    otx_omp_options omp = job->options.omp;
    otx_omp_output output;
    otx__loaded read;
    otx_result result;
    if (!needed) return otx__fail_memory(error, rows);
    result = otx__loaded_open(job, &job->donor, solution->donor, (size_t)tensor->shape[1],
                              needed, rows, &read, error);
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
                     ? otx__solution_by_hook(job, &atoms, &targets, &omp, &output,
                                             &solution->stats, error)
                     : otx_omp(&job->ctx, &atoms, &targets, &omp, &output, &solution->stats,
                               error);
    }
    if (!result) otx__solution_summarize(job, solution);
    otx__loaded_close(job, &read);
    solution->seconds = otx__now() - start;
    return result;
}

/* Solves against every matrix of the donor that is needed. All but the first, which is read
   at once, are looked at before. */
OTX__PRIVATE otx_result otx__job_solve(otx_job *job, otx_error *error)
{
    otx_result result = OTX_OK;
    size_t i;
    if (!otx__job_has_solves(job)) return OTX_OK;
    for (i = 1; i < job->solution_count && !result; i++)
        result = otx__solution_check(job, &job->solutions[i], error);
    for (i = 0; i < job->solution_count && !result; i++) {
        result = otx__solution_make(job, &job->solutions[i], error);
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

/* >>> src/job/rebuild.h */
/* ---- the new rows of one vocabulary tensor ------------------------------ */

/* Targets that one call of the body combines; targets between polls, fewer where
   that is more multiply-adds of a worker than so many; bytes copied between polls. */
#define OTX__COMBINE_CHUNK 16
#define OTX__COMBINE_BATCH 1024
#define OTX__COMBINE_WORK 1e8
#define OTX__COPY_BLOCK ((size_t)64 << 20)

typedef struct otx__rebuild {
    otx_job *job;
    const otx__vocab_tensor *tensor;
    const otx__solution *solution; /* NULL: the mean or zeros instead */
    const otx__kernels *kernels;   /* asked for once: the processor takes long to tell */
    otx__loaded old, made;       /* the base's rows, and the new ones */
    size_t old_rows, old_size;   /* rows of the base to read, and bytes of one */
    uint8_t *flags;              /* by row of either */
    size_t flag_count;
    size_t row_size;             /* of a new row, in bytes */
    double *scratch;             /* a row for each worker, and one for a mean */
    const double *centre;        /* the mean of the anchors' rows, or NULL: not centred */
    size_t workers;
    size_t first;                /* target of the batch */
    size_t failed[OTX__COMBINE_BATCH / OTX__COMBINE_CHUNK]; /* first target that is out of
                                                               range, or OTX__NONE */
} otx__rebuild;

OTX__PRIVATE otx_result otx__fail_range(const otx__rebuild *r, size_t id, otx_error *error)
{
    const otx_tensor *tensor = r->tensor->at->tensor;
    const otx_token *token = otx__side_token(&r->job->donor, id);
    char name[OTX__QUOTED], content[OTX__QUOTED];
    otx__quote(name, sizeof name, tensor->name, tensor->name_size);
    if (!token)
        return otx__fail(error, OTX_ERROR_RANGE,
                         "%s: tensor \"%s\": the mean of the new rows, wanted for the padding "
                         "row %" PRIu64 ", has a value beyond the largest of %s",
                         r->job->base.path, name, (uint64_t)id, otx_dtype_name(r->made.dtype));
    return otx__fail(error, OTX_ERROR_RANGE,
                     "%s: tensor \"%s\": the new row of donor id %" PRIu64 " (token \"%s\") has "
                     "a value beyond the largest of %s; pass --saturate to clamp it",
                     r->job->base.path, name, (uint64_t)id,
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
        otx__combine(r->kernels, &anchors, solution->indices + target * solution->k,
                     coefficients, solution->k, row);
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
        return (int64_t)(r->job->base.parts.rows + (row - alignment->count));
    base = alignment->rows[row].base;
    return base < (int64_t)r->old_rows ? base : -1;
}

/* Whether a row of the base holds a token that the model has been trained on. */
OTX__PRIVATE bool otx__base_row_is_token(const otx_job *job, size_t row)
{
    const otx_token *token = otx__side_token(&job->base, row);
    return token && token->kind != OTX_TOKEN_UNUSED;
}

/* Flags the base's rows that will be used: those that are copied from, and those that a
   mean is taken of. */
OTX__PRIVATE void otx__rebuild_flag_old(otx__rebuild *r)
{
    const otx_job *job = r->job;
    const otx_alignment *alignment = &job->alignment;
    bool mean = !r->solution && job->options.method != OTX_METHOD_ZERO && job->target_count > 0;
    size_t i;
    memset(r->flags, 0, r->flag_count);
    for (i = 0; i < r->old_rows && mean; i++) r->flags[i] = otx__base_row_is_token(job, i);
    for (i = 0; i < alignment->count; i++)
        if (alignment->rows[i].base >= 0) r->flags[alignment->rows[i].base] = 1;
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

/* Copies one row of the base, bit for bit but into another type. */
OTX__PRIVATE otx_result otx__rebuild_copy_row(otx__rebuild *r, size_t to, const char *from,
                                              otx_error *error)
{
    const otx_dtype dtype = r->tensor->at->tensor->dtype;
    if (dtype == r->made.dtype) {
        memcpy(r->made.data + to * r->row_size, from, r->row_size);
        return OTX_OK;
    }
    otx__to_double(r->scratch, from, dtype, r->made.columns);
    return otx__rebuild_store(r, to, r->scratch) ? OTX_OK : otx__fail_range(r, to, error);
}

/* Reads the base's rows, checking those that will be used, and copies. */
OTX__PRIVATE otx_result otx__rebuild_copy(otx__rebuild *r, otx_error *error)
{
    otx_result result = otx__loaded_open(r->job, &r->job->base, r->tensor->at, r->made.columns,
                                         r->flags, r->old_rows, &r->old, error);
    size_t i;
    for (i = 0; i < r->made.rows && !result; i++) {
        int64_t base = otx__rebuild_source(r, i);
        if (base >= 0)
            result = otx__rebuild_copy_row(r, i, r->old.data + (size_t)base * r->old_size,
                                           error);
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
        result = otx__rows_average(job, &r->old, r->flags, mean, error);
        r->centre = mean;
    }
    if (r->solution) return result ? result : otx__rebuild_combine(r, error);
    for (i = 0; i < r->made.columns; i++) mean[i] = 0;
    if (job->options.method != OTX_METHOD_ZERO) {
        for (i = 0; i < r->old.rows; i++) r->flags[i] = otx__base_row_is_token(job, i);
        result = otx__rows_average(job, &r->old, r->flags, mean, error);
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
        result = otx__rows_average(job, &r->made, r->flags, mean, error);
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

/* Takes what is needed for `rows` new rows of one tensor, and flags the base's rows that
   will be used. Close with otx__rebuild_close in any case. */
OTX__PRIVATE otx_result otx__rebuild_begin(otx_job *job, size_t which, size_t rows,
                                           size_t workers, otx__rebuild *r, otx_error *error)
{
    const otx__tensor_plan *plan = &job->plans[which];
    size_t cells;
    memset(r, 0, sizeof *r);
    r->job = job;
    r->tensor = &job->base.parts.tensors[which];
    if (otx__job_has_solves(job) && plan->solution != OTX__NONE)
        r->solution = &job->solutions[plan->solution];
    r->made.dtype = plan->dtype;
    r->made.columns = plan->columns;
    r->made.rows = rows;
    r->row_size = plan->columns * (otx_dtype_bits(r->made.dtype) / 8);
    r->old_size = plan->columns * (otx_dtype_bits(r->tensor->at->tensor->dtype) / 8);
    r->old_rows = (size_t)r->tensor->rows;
    if (r->old_rows == job->base.parts.rows)
        r->old_rows = otx__min(r->old_rows, job->base.vocab.count);
    r->workers = workers;
    r->kernels = otx__combine_kernels(&job->ctx);
    r->flag_count = otx__max(otx__max(plan->rows, job->base.vocab.count),
                             (size_t)r->tensor->rows);
    r->flags = (uint8_t *)otx__alloc(&job->ctx, r->flag_count, 1);
    if (otx__mul(workers + 1, plan->columns, &cells))
        r->scratch = (double *)otx__alloc(&job->ctx, cells, sizeof *r->scratch);
    if (otx__mul(rows, plan->columns, &cells))
        r->made.data = (char *)otx__alloc(&job->ctx, cells, otx_dtype_bits(r->made.dtype) / 8);
    if (!r->flags || !r->scratch || !r->made.data)
        return otx__fail_memory(error, (uint64_t)rows * r->row_size);
    otx__rebuild_flag_old(r);
    return OTX_OK;
}

/* Makes the new rows of one tensor. On success they are r->made, and the base's
   are let go; close with otx__rebuild_close in any case. */
OTX__PRIVATE otx_result otx__rebuild_open(otx_job *job, size_t which, otx__rebuild *r,
                                          otx_error *error)
{
    otx_result result = otx__rebuild_begin(job, which, job->plans[which].rows,
                                           (size_t)otx__threads(&job->ctx), r, error);
    if (!result) result = otx__rebuild_copy(r, error);
    if (!result) result = otx__rebuild_targets(r, error);
    otx__loaded_close(job, &r->old);
    if (!result) result = otx__rebuild_padding(r, error);
    return result;
}

/* ---- before the solves ---- */

/* Whether the rows that will be copied fit into their new type. Flags those that do not,
   to name the first as the copying would. */
OTX__PRIVATE otx_result otx__rebuild_check_range(otx__rebuild *r, otx__row_walk *walk,
                                                 size_t rows, otx_error *error)
{
    otx_result result = OTX_OK;
    size_t i;
    memset(r->flags, 0, r->flag_count);
    for (i = 0; i < rows; i++) {
        int64_t base = otx__rebuild_source(r, i);
        if (base >= 0) r->flags[base] = 1;
    }
    while (!result && otx__row_walk_next(walk, &result, error))
        for (i = 0; i < walk->count; i++) {
            uint8_t *flag = &r->flags[walk->first + i];
            if (*flag && otx__rebuild_copy_row(r, 0, walk->bytes + i * walk->row_size, NULL))
                *flag = 2;
        }
    for (i = 0; i < rows && !result; i++) {
        int64_t base = otx__rebuild_source(r, i);
        if (base >= 0 && r->flags[base] == 2) result = otx__fail_range(r, i, error);
    }
    return result;
}

/* Whether the base's rows of one tensor can be used. */
OTX__PRIVATE otx_result otx__rebuild_check(otx_job *job, size_t which, otx_error *error)
{
    const otx__tensor_plan *plan = &job->plans[which];
    otx__row_walk walk;
    otx__rebuild r;
    otx_result result = otx__rebuild_begin(job, which, 1, 0, &r, error);
    memset(&walk, 0, sizeof walk);
    if (!result)
        result = otx__row_walk_open(&job->ctx, &job->base, r.tensor->at, plan->columns,
                                    r.old_rows, NULL, &walk, error);
    if (!result) result = otx__rows_check(&walk, r.flags, error);
    if (!result && plan->dtype != r.tensor->at->tensor->dtype && !job->options.saturate) {
        walk.first = walk.count = 0;
        result = otx__rebuild_check_range(&r, &walk, plan->rows, error);
    }
    otx__row_walk_close(&walk);
    otx__rebuild_close(&r);
    return result;
}

/* Looks at the base's rows before the solves, so that one which cannot be used ends the run
   before them and not after. */
OTX__PRIVATE otx_result otx__job_check_rows(otx_job *job, otx_error *error)
{
    otx_result result = OTX_OK;
    size_t i;
    if (!otx__job_has_solves(job)) return OTX_OK;
    for (i = 0; i < job->base.parts.count && !result; i++)
        if (!job->base.parts.tensors[i].redundant) result = otx__rebuild_check(job, i, error);
    return result;
}

/* >>> src/job/write.h */
/* ---- write: the output and its weights ------------------------------------ */

/* One file of weights of the output. */
typedef struct otx__out_file {
    const otx_checkpoint_file *old; /* the base's */
    bool touched;                 /* it holds tensors that change; else it is copied */
    bool empty;                   /* all its tensors are dropped: not written */
    otx_tensor *tensors;          /* of the new file, in order of the old one */
    const otx_tensor **originals; /* of each; names them and says where its bytes are */
    size_t count, capacity;
    otx_layout layout;
} otx__out_file;

/* An output while it is written. */
typedef struct otx__writing {
    otx__output output;   /* its directory, under a temporary name */
    otx__out_file *files; /* one for each of the base's */
    size_t file_count, opened;
    otx__meter meter;     /* of all that is written */
    otx__stamps copied;   /* the files that are copied, as they were before */
} otx__writing;

/* The place of a tensor among the base's vocabulary tensors, or OTX__NONE. */
OTX__PRIVATE size_t otx__which_tensor(const otx_job *job, const otx_tensor *tensor)
{
    size_t i;
    for (i = 0; i < job->base.parts.count; i++)
        if (job->base.parts.tensors[i].at->tensor == tensor) return i;
    return OTX__NONE;
}

/* ---- before the solve: where everything will stand ---- */

OTX__PRIVATE void otx__out_file_close(const otx_job *job, otx__out_file *file)
{
    otx_layout_close(&job->ctx, &file->layout);
    otx__free(&job->ctx, file->tensors, file->capacity, sizeof *file->tensors);
    otx__free(&job->ctx, file->originals, file->capacity, sizeof *file->originals);
}

/* Lays out the new file with the metadata of the old one. Some loaders want to
   see "format" in it. */
OTX__PRIVATE otx_result otx__out_file_layout(const otx_job *job, otx__out_file *file,
                                             otx_error *error)
{
    const otx_safetensors *old = &file->old->header;
    size_t count = old->metadata_count, i;
    otx_metadata *metadata =
        (otx_metadata *)otx__alloc(&job->ctx, count + 1, sizeof *metadata);
    otx_result result;
    bool format = false;
    if (!metadata) return otx__fail_memory(error, (count + 1) * sizeof *metadata);
    for (i = 0; i < count; i++) {
        metadata[i] = old->metadata[i];
        if (otx__same_bytes(metadata[i].key, metadata[i].key_size, "format", 6)) format = true;
    }
    metadata[count].key = "format";
    metadata[count].key_size = 6;
    metadata[count].value = "pt";
    metadata[count].value_size = 2;
    result = otx_layout_open(&job->ctx, file->tensors, file->count, metadata,
                             count + (format ? 0 : 1), &file->layout, error);
    otx__free(&job->ctx, metadata, count + 1, sizeof *metadata);
    return result;
}

/* Plans one file; close with otx__out_file_close in any case. */
OTX__PRIVATE otx_result otx__out_file_open(const otx_job *job, const otx_checkpoint_file *from,
                                           otx__out_file *file, otx_error *error)
{
    const otx_safetensors *old = &from->header;
    size_t i;
    memset(file, 0, sizeof *file);
    file->old = from;
    for (i = 0; i < old->tensor_count && !file->touched; i++)
        file->touched = otx__which_tensor(job, &old->tensors[i]) != OTX__NONE;
    if (!file->touched) return OTX_OK;
    file->capacity = old->tensor_count;
    file->tensors = (otx_tensor *)otx__alloc(&job->ctx, file->capacity, sizeof *file->tensors);
    file->originals =
        (const otx_tensor **)otx__alloc(&job->ctx, file->capacity, sizeof *file->originals);
    if (!file->tensors || !file->originals)
        return otx__fail_memory(error, (uint64_t)file->capacity * sizeof *file->tensors);
    for (i = 0; i < old->tensor_count; i++) {
        size_t which = otx__which_tensor(job, &old->tensors[i]);
        otx_tensor *tensor = &file->tensors[file->count];
        if (which != OTX__NONE && job->base.parts.tensors[which].redundant) continue;
        *tensor = old->tensors[i];
        if (which != OTX__NONE) {
            tensor->shape = job->plans[which].shape;
            tensor->dtype = job->plans[which].dtype;
        }
        file->originals[file->count++] = &old->tensors[i];
    }
    file->empty = file->count == 0;
    return file->empty ? OTX_OK : otx__out_file_layout(job, file, error);
}

/* No directory may hold another: the output would be copied into itself, or a
   model removed by what replaces it. */
OTX__PRIVATE otx_result otx__check_output(const otx_job *job, const char *out, otx_error *error)
{
    const otx__side *sides[2];
    char name[OTX__PATH_TEXT], other[OTX__PATH_TEXT];
    size_t i;
    sides[0] = &job->base;
    sides[1] = &job->donor;
    for (i = 0; i < 2; i++) {
        bool inside = false, around = false;
        otx__status status;
        otx_result result = otx__is_within(&job->ctx, out, sides[i]->path, &inside, error);
        if (!result) result = otx__look(out, &status, error);
        if (!result && !inside && status.present)
            result = otx__is_within(&job->ctx, sides[i]->path, out, &around, error);
        if (result) return result;
        if (inside || around)
            return otx__fail(error, OTX_ERROR_ARGUMENT, "%s: the output must not be, hold or "
                             "lie in the %s, %s", otx__path_text(name, out),
                             sides[i]->donor ? "donor" : "base",
                             otx__path_text(other, sides[i]->path));
    }
    return OTX_OK;
}

/* Makes the temporary directory. If it fails, nothing has been done; else close with
   otx__writing_close. */
OTX__PRIVATE otx_result otx__writing_begin(const otx_job *job, const char *out,
                                           otx__writing *writing, otx_error *error)
{
    otx_result result = otx__check_output(job, out, error);
    memset(writing, 0, sizeof *writing);
    writing->copied.ctx = &job->ctx;
    writing->meter.stage = OTX_STAGE_WRITE;
    writing->meter.subject = job->base.path;
    if (result) return result;
    return otx__output_begin(&job->ctx, out, job->options.overwrite, &writing->output, error);
}

/* Lays out all weights. */
OTX__PRIVATE otx_result otx__writing_layout(const otx_job *job, otx__writing *writing,
                                            otx_error *error)
{
    const otx_checkpoint *base = &job->base.checkpoint;
    otx_result result = OTX_OK;
    writing->files =
        (otx__out_file *)otx__alloc_zero(&job->ctx, base->file_count, sizeof *writing->files);
    if (!writing->files)
        return otx__fail_memory(error, (uint64_t)base->file_count * sizeof *writing->files);
    writing->file_count = base->file_count;
    while (writing->opened < writing->file_count && !result) {
        otx__out_file *file = &writing->files[writing->opened];
        result = otx__out_file_open(job, &base->files[writing->opened++], file, error);
        writing->meter.total += file->touched ? file->layout.file_size : file->old->source.size;
    }
    return result;
}

/* Ends a writing; what has not been committed is removed. */
OTX__PRIVATE void otx__writing_close(const otx_job *job, otx__writing *writing)
{
    size_t i;
    for (i = 0; i < writing->opened; i++) otx__out_file_close(job, &writing->files[i]);
    otx__free(&job->ctx, writing->files, writing->file_count, sizeof *writing->files);
    otx__stamps_close(&writing->copied);
    otx__output_abandon(&writing->output);
}

/* ---- after it: the weights ---- */

/* Writes the bytes of a new matrix in the file's byte order, and reports them. */
OTX__PRIVATE otx_result otx__write_rows(const otx_job *job, otx__loaded *rows, otx__file *to,
                                        otx__meter *meter, otx_error *error)
{
    size_t size = otx_dtype_bits(rows->dtype) / 8, count = rows->rows * rows->columns, at;
    otx_result result = OTX_OK;
    for (at = 0; at < count && !result;) {
        size_t step = otx__min(count - at, OTX__STREAM_BLOCK / size);
        char *bytes = rows->data + at * size;
        otx__little_endian(bytes, step, size);
        if (!to->sink.write(to->sink.context, bytes, step * size))
            return otx__fail(error, OTX_ERROR_IO, "cannot be written"); /* finish says why */
        result = otx__meter_add(&job->ctx, meter, (uint64_t)step * size, error);
        at += step;
    }
    return result;
}

/* Makes and writes one new matrix. */
OTX__PRIVATE otx_result otx__write_matrix(otx_job *job, size_t which, otx__file *to,
                                          otx__meter *meter, otx_error *error)
{
    const otx__tensor_plan *plan = &job->plans[which];
    double start = otx__now();
    otx__rebuild rebuild;
    otx_result result = otx__rebuild_open(job, which, &rebuild, error);
    if (!result && plan->matrix != OTX__NONE)
        job->summary.matrices[plan->matrix].seconds += otx__now() - start;
    if (!result) {
        meter->subject = job->base.parts.tensors[which].at->tensor->name;
        result = otx__write_rows(job, &rebuild.made, to, meter, error);
    }
    otx__rebuild_close(&rebuild);
    return result;
}

/* Writes a file whose vocabulary tensors are new and whose others are copied. */
OTX__PRIVATE otx_result otx__write_touched(otx_job *job, const otx__out_file *file,
                                           const char *from, otx__file *to, otx__meter *meter,
                                           otx_error *error)
{
    const otx_layout *layout = &file->layout;
    otx_result result = OTX_OK;
    size_t i;
    if (!to->sink.write(to->sink.context, layout->header, layout->header_size))
        return otx__fail(error, OTX_ERROR_IO, "cannot be written");
    result = otx__meter_add(&job->ctx, meter, layout->header_size, error);
    for (i = 0; i < layout->count && !result; i++) {
        const otx_tensor *original = file->originals[layout->order[i]];
        size_t which = otx__which_tensor(job, original);
        meter->subject = original->name;
        if (which != OTX__NONE) result = otx__write_matrix(job, which, to, meter, error);
        else if (original->end > original->begin)
            result = otx__stream(&job->ctx, &file->old->source, from, original->begin,
                                 original->end - original->begin, &to->sink, meter, error);
    }
    return result;
}

OTX__PRIVATE otx_result otx__write_file(otx_job *job, const otx__out_file *file,
                                        otx__writing *writing, otx_error *error)
{
    const otx_source *source = &file->old->source;
    const otx_context *ctx = &job->ctx;
    const char *directory = writing->output.partial, *name = file->old->name;
    char *from = otx__path_join(ctx, job->base.path, name);
    char *path = otx__path_join(ctx, directory, name);
    otx_result result;
    otx__file to;
    if (!from || !path) {
        result = otx__fail_memory(error, strlen(directory) + strlen(name) + 2);
        goto done;
    }
    result = otx__file_create(ctx, path, &to, error);
    if (result) goto done;
    writing->meter.subject = name;
    if (file->touched)
        result = otx__write_touched(job, file, from, &to, &writing->meter, error);
    else
        result = otx__stream(ctx, source, from, 0, source->size, &to.sink, &writing->meter,
                             error);
    result = otx__file_finish(&to, result, error);
done:
    otx__path_free(ctx, from);
    otx__path_free(ctx, path);
    return result;
}

/* Writes all files of weights, making the new rows on the way. */
OTX__PRIVATE otx_result otx__write_weights(otx_job *job, otx__writing *writing,
                                           otx_error *error)
{
    otx_result result = OTX_OK;
    size_t i;
    for (i = 0; i < writing->file_count && !result; i++)
        if (!writing->files[i].empty)
            result = otx__write_file(job, &writing->files[i], writing, error);
    return result;
}

/* >>> src/job/copy.h */
/* ---- copy: the other files of the two models ------------------------------ */

/* ---- what is copied, and what is left behind ---- */

OTX__PRIVATE bool otx__name_is_in(const char *name, const char *const *names, size_t count)
{
    size_t i;
    for (i = 0; i < count; i++)
        if (strcmp(name, names[i]) == 0) return true;
    return false;
}

OTX__PRIVATE bool otx__name_fits_any(const char *name, const char *const *patterns,
                                     size_t count)
{
    size_t i;
    for (i = 0; i < count; i++)
        if (otx__name_fits(name, patterns[i])) return true;
    return false;
}

/* Copies of the weights that would still hold the old vocabulary. */
OTX__PRIVATE bool otx__is_stale(const char *name, bool directory)
{
    if (directory)
        return otx__name_is_in(name, otx__stale_directories,
                               OTX__COUNT(otx__stale_directories));
    return otx__name_fits_any(name, otx__stale_files, OTX__COUNT(otx__stale_files));
}

/* Files that the job writes itself, or that the donor replaces. */
OTX__PRIVATE bool otx__job_replaces(const otx_job *job, const char *name)
{
    size_t i;
    if (strcmp(name, "config.json") == 0 || strcmp(name, "generation_config.json") == 0 ||
        strcmp(name, OTX__INDEX_FILE) == 0 || otx__is_of_tokenizer(name))
        return true;
    for (i = 0; i < job->base.checkpoint.file_count; i++)
        if (strcmp(name, job->base.checkpoint.files[i].name) == 0) return true;
    return false;
}

/* Whether a sub-directory of the base holds a model of its own, whose vocabulary is the
   old one: what training leaves behind, or what has a config.json with a model's type.
   Modules that come with a model, as those of sentence-transformers, have none. */
OTX__PRIVATE otx_result otx__holds_model(const otx_context *ctx, const char *path,
                                         const char *name, bool *holds, otx_error *error)
{
    otx__document config;
    otx_error problem;
    otx_result result;
    size_t i;
    *holds = false;
    for (i = 0; i < OTX__COUNT(otx__training_directories) && !*holds; i++)
        *holds = otx__has_shape(name, strlen(name), otx__training_directories[i]);
    if (*holds) return OTX_OK;
    result = otx__document_open(ctx, path, "config.json", &config, &problem);
    if (result == OTX_ERROR_FORMAT || result == OTX_ERROR_LIMIT) return OTX_OK; /* not ours */
    if (result) return otx__fail(error, result, "%s", problem.message);
    *holds = otx_json_find(&config.json, otx__document_root(&config), OTX__KEY_MODEL_TYPE) !=
             OTX_JSON_NONE;
    otx__document_close(ctx, &config);
    return OTX_OK;
}

/* Whether an entry of the base is left out because it may hold the old vocabulary's
   weights; says so. What cannot be looked at is judged by its name. */
OTX__PRIVATE otx_result otx__is_old(const otx_job *job, const char *path, const char *name,
                                    bool *old, otx_error *error)
{
    const bool stale = otx__is_stale(name, false);
    char quoted[OTX__QUOTED];
    otx__status status;
    otx_result result = otx__look(path, &status, stale ? NULL : error);
    if (result && !stale) return result;
    *old = result ? stale : otx__is_stale(name, status.directory);
    result = OTX_OK;
    if (!*old && status.directory) result = otx__holds_model(&job->ctx, path, name, old, error);
    if (*old)
        otx__log(&job->ctx, OTX_NOTE, "%s: \"%s\" is left out: it may hold weights for the old "
                 "vocabulary", job->base.path,
                 otx__quote(quoted, sizeof quoted, name, strlen(name)));
    return result;
}

/* Whether a file of the donor is copied: those of its tokenizer, and of code what its
   configuration names. */
OTX__PRIVATE bool otx__donor_gives(const otx__code *code, const char *name)
{
    return otx__code_has(code, name) ||
           (otx__is_of_tokenizer(name) && !otx__is_tokenizer_code(name));
}

/* Whether two files are the same byte for byte. */
OTX__PRIVATE otx_result otx__files_equal(const otx_context *ctx, const char *one,
                                         const char *other, bool *equal, otx_error *error)
{
    char *a = NULL, *b = NULL;
    size_t a_size = 0, b_size = 0;
    otx_result result = otx__file_read_all(ctx, one, OTX__CODE_LIMIT, &a, &a_size, error);
    if (!result) result = otx__file_read_all(ctx, other, OTX__CODE_LIMIT, &b, &b_size, error);
    *equal = !result && otx__same_bytes(a, a_size, b, b_size);
    otx__file_free(ctx, a, a_size);
    otx__file_free(ctx, b, b_size);
    return result;
}

/* A file that the donor's tokenizer brings takes the place of the base's by the same name,
   which must not be other code: the base's model may run it. */
OTX__PRIVATE otx_result otx__check_clash(const otx_job *job, const char *name,
                                         otx_error *error)
{
    const otx_context *ctx = &job->ctx;
    char *ours = otx__path_join(ctx, job->base.path, name);
    char *theirs = otx__path_join(ctx, job->donor.path, name);
    char quoted[OTX__QUOTED];
    bool equal = true;
    otx_result result = OTX_OK;
    if (!ours || !theirs) result = otx__fail_memory(error, strlen(name) + 1);
    else if (otx__has_suffix(name, ".py"))
        result = otx__files_equal(ctx, ours, theirs, &equal, error);
    if (!equal)
        result = otx__fail(error, OTX_ERROR_MISMATCH, "%s and %s both have \"%s\", which differ: "
                           "the model's code and the tokenizer's cannot stand in one directory",
                           job->base.path, job->donor.path,
                           otx__quote(quoted, sizeof quoted, name, strlen(name)));
    otx__path_free(ctx, ours);
    otx__path_free(ctx, theirs);
    return result;
}

/* Whether an entry of a side belongs into the output; looks through it if it does, and
   notes how its files are. `code` is the donor's. */
OTX__PRIVATE otx_result otx__is_wanted(const otx_job *job, const otx__side *side,
                                       const otx__code *code, const char *name,
                                       otx__stamps *copied, bool *wanted, otx_error *error)
{
    otx_result result = OTX_OK;
    bool old = false;
    char *path;
    *wanted = side->donor ? otx__donor_gives(code, name)
                          : !otx__job_replaces(job, name) &&
                                !otx__name_is_in(name, otx__bookkeeping,
                                                 OTX__COUNT(otx__bookkeeping));
    if (*wanted && !side->donor && otx__code_has(code, name)) {
        *wanted = false;
        return otx__check_clash(job, name, error);
    }
    if (!*wanted) return OTX_OK;
    path = otx__path_join(&job->ctx, side->path, name);
    if (!path) return otx__fail_memory(error, strlen(side->path) + strlen(name) + 2);
    if (!side->donor) result = otx__is_old(job, path, name, &old, error);
    *wanted = !old;
    if (!result && *wanted) result = otx__tree_check(&job->ctx, path, copied, error);
    otx__path_free(&job->ctx, path);
    return result;
}

/* Lists what is copied of a side. */
OTX__PRIVATE otx_result otx__list_wanted(const otx_job *job, const otx__side *side,
                                         const otx__code *code, otx__stamps *copied,
                                         otx__listing *wanted, otx_error *error)
{
    otx_result result = otx__listing_open(&job->ctx, side->path, wanted, error);
    size_t count = wanted->count, i;
    wanted->count = 0;
    for (i = 0; i < count; i++) {
        bool kept = true;
        if (!result)
            result = otx__is_wanted(job, side, code, wanted->names[i], copied, &kept, error);
        if (kept) wanted->names[wanted->count++] = wanted->names[i];
        else otx__path_free(&job->ctx, wanted->names[i]);
    }
    return result;
}

/* ---- copying ---- */

OTX__PRIVATE otx_result otx__copy_listed(const otx_context *ctx, const otx__side *side,
                                         const otx__listing *wanted, otx__writing *writing,
                                         otx_error *error)
{
    const char *directory = writing->output.partial;
    otx_result result = OTX_OK;
    size_t i;
    writing->meter.subject = side->path;
    for (i = 0; i < wanted->count && !result; i++) {
        const char *name = wanted->names[i];
        char *from = otx__path_join(ctx, side->path, name);
        char *to = otx__path_join(ctx, directory, name);
        if (from && to) result = otx__tree_copy(ctx, from, to, &writing->meter, error);
        else result = otx__fail_memory(error, strlen(directory) + strlen(name) + 2);
        otx__path_free(ctx, from);
        otx__path_free(ctx, to);
    }
    return result;
}

/* Copies everything of the base that does not depend on the vocabulary, and the donor's
   tokenizer. All of it is looked through before the first is copied. */
OTX__PRIVATE otx_result otx__copy_files(const otx_job *job, otx__writing *writing,
                                        otx_error *error)
{
    const otx_context *ctx = &job->ctx;
    otx__listing base, donor;
    otx__code code;
    otx_result result = otx__code_open(ctx, &job->donor, &code, error);
    memset(&base, 0, sizeof base);
    memset(&donor, 0, sizeof donor);
    if (!result)
        result = otx__list_wanted(job, &job->base, &code, &writing->copied, &base, error);
    if (!result)
        result = otx__list_wanted(job, &job->donor, &code, &writing->copied, &donor, error);
    if (!result) result = otx__copy_listed(ctx, &job->base, &base, writing, error);
    if (!result) result = otx__copy_listed(ctx, &job->donor, &donor, writing, error);
    otx__listing_close(&donor);
    otx__listing_close(&base);
    otx__code_close(&code);
    return result;
}

/* >>> src/job/index.h */
/* ---- index: the files that are written anew ------------------------------ */

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

OTX__PRIVATE otx__totals otx__sum_totals(const otx_job *job)
{
    otx__totals totals = {0, 0, 0};
    size_t i;
    for (i = 0; i < job->base.checkpoint.tensor_count; i++) {
        const otx_tensor *tensor = job->base.checkpoint.tensors[i].tensor;
        size_t which = otx__which_tensor(job, tensor);
        uint64_t elements = otx__tensor_elements(tensor, tensor->shape);
        totals.old_elements += elements;
        if (which == OTX__NONE) {
            totals.elements += elements;
            totals.bytes += tensor->end - tensor->begin;
        } else if (!job->base.parts.tensors[which].redundant) {
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
    const otx_checkpoint *base = &job->base.checkpoint;
    size_t i, written = 0;
    otx__text_string(to, "{");
    for (i = 0; i < base->tensor_count; i++) {
        const otx_tensor *tensor = base->tensors[i].tensor;
        const char *file = base->files[base->tensors[i].file].name;
        size_t which = otx__which_tensor(job, tensor);
        if (which != OTX__NONE && job->base.parts.tensors[which].redundant) continue;
        otx__text_string(to, written++ ? ",\n    " : "\n    ");
        otx__text_json_string(to, tensor->name, tensor->name_size);
        otx__text_string(to, ": ");
        otx__text_json_string(to, file, strlen(file));
    }
    otx__text_bytes(to, "\n  }", 5); /* with the terminator */
}

/* Takes what is not written out of the weight map. */
OTX__PRIVATE otx_result otx__edit_weight_map(const otx_job *job, otx_json_edit *edit,
                                             otx_error *error)
{
    bool whole = true;
    otx_result result;
    otx__text map;
    size_t i;
    for (i = 0; i < job->base.parts.count; i++)
        if (job->base.parts.tensors[i].redundant) whole = false;
    if (whole) return OTX_OK;
    otx__text_open(&map, &job->ctx);
    otx__new_weight_map(job, &map);
    result = map.failed ? otx__fail_memory(error, map.size)
                        : otx_json_edit_set(&job->ctx, edit, 0, OTX__KEY_WEIGHT_MAP, map.bytes,
                                            error);
    otx__text_close(&map);
    return result;
}

OTX__PRIVATE otx_result otx__edit_index(const otx_job *job, const otx__document *index,
                                        otx_json_edit *edit, otx_error *error)
{
    const otx_context *ctx = &job->ctx;
    const otx_json *json = &index->json;
    uint32_t metadata = otx_json_find(json, 0, OTX__KEY_METADATA);
    uint32_t node = otx_json_find(json, metadata, OTX__KEY_PARAMETERS);
    otx__totals totals = otx__sum_totals(job);
    otx_result result;
    char value[64];
    uint64_t parameters;
    if (otx_json_type_of(json, metadata) == OTX_JSON_OBJECT) {
        otx__format(value, sizeof value, "%" PRIu64, totals.bytes);
        result = otx_json_edit_set(ctx, edit, metadata, OTX__KEY_TOTAL_SIZE, value, error);
    } else {
        otx__format(value, sizeof value, "{\"" OTX__KEY_TOTAL_SIZE "\": %" PRIu64 "}",
                    totals.bytes);
        result = otx_json_edit_set(ctx, edit, 0, OTX__KEY_METADATA, value, error);
    }
    if (!result && otx_json_uint(json, node, &parameters)) {
        otx__format(value, sizeof value, "%" PRIu64,
                    parameters - totals.old_elements + totals.elements);
        result = otx_json_edit_replace(ctx, edit, node, value, error);
    }
    return result ? result : otx__edit_weight_map(job, edit, error);
}

/* The index of shards, with what has changed of it. */
OTX__PRIVATE otx_result otx__write_index(const otx_job *job, const char *directory,
                                         otx_error *error)
{
    const otx_context *ctx = &job->ctx;
    otx_json_edit *edit = NULL;
    otx__document index;
    otx__text text;
    otx_result result;
    if (!job->base.checkpoint.sharded) return OTX_OK;
    result = otx__document_open(ctx, job->base.path, OTX__INDEX_FILE, &index, error);
    if (result) return result;
    if (!index.present)
        return otx__fail(error, OTX_ERROR_NOT_FOUND, "%s/" OTX__INDEX_FILE ": is gone",
                         job->base.path);
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

/* config.json and generation_config.json, as planned. */
OTX__PRIVATE otx_result otx__write_configs(const otx_job *job, const char *directory,
                                           otx_error *error)
{
    otx_result result = otx__write_text(job, directory, "config.json", &job->config, error);
    if (!result && job->generation.size > 0)
        result = otx__write_text(job, directory, "generation_config.json", &job->generation,
                                 error);
    return result;
}

/* >>> src/job/run.h */
/* ---- run: the whole job, in order ---------------------------------------- */

/* Opens both models, finds where every row comes from, and plans what becomes of every
   tensor and of the configs. */
OTX__PRIVATE otx_result otx__job_prepare(otx_job *job, otx_error *error)
{
    otx_result result = otx__job_check_options(&job->options, error);
    if (!result) result = otx__job_open_sides(job, error);
    if (!result) result = otx__job_align(job, error);
    if (!result) result = otx__job_plan_tensors(job, error);
    if (!result) result = otx__opening(job, &job->base, 5, error);
    if (!result) result = otx__job_plan_configs(job, error);
    return result;
}

OTX_API otx_result otx_job_open(const otx_context *ctx, const char *base, const char *donor,
                                const otx_job_options *options, otx_job **out,
                                otx_error *error)
{
    double start = otx__now();
    otx_job *job;
    otx_result result = otx__job_new(ctx, base, donor, options, &job, error);
    *out = NULL;
    if (!result) result = otx__job_prepare(job, error);
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

/* Everything of an output that needs no solving, so that what is wrong with any file ends
   the run at once and not after hours: where the weights will stand, the other files, the
   index, the configs. */
OTX__PRIVATE otx_result otx__job_stage(const otx_job *job, otx__writing *writing,
                                       otx_error *error)
{
    const char *directory = writing->output.partial;
    otx_result result = otx__writing_layout(job, writing, error);
    if (!result) result = otx__copy_files(job, writing, error);
    if (!result) result = otx__write_index(job, directory, error);
    if (!result) result = otx__write_configs(job, directory, error);
    return result;
}

/* Fails if a file that was read or copied is no longer what it was: the output would be a
   mixture. */
OTX__PRIVATE otx_result otx__job_unchanged(const otx_job *job, const otx__writing *writing,
                                           otx_error *error)
{
    otx_result result = otx__stamps_compare(&job->base.read, error);
    if (!result) result = otx__stamps_compare(&job->donor.read, error);
    if (!result) result = otx__stamps_compare(&writing->copied, error);
    if (!result) result = otx__checkpoint_unchanged(&job->ctx, &job->base.checkpoint, error);
    if (!result) result = otx__checkpoint_unchanged(&job->ctx, &job->donor.checkpoint, error);
    return result;
}

/* Stages, solves, makes the new rows and writes them, and gives the output its name. */
OTX__PRIVATE otx_result otx__job_write(otx_job *job, otx__writing *writing, otx_error *error)
{
    otx_result result = otx__job_stage(job, writing, error);
    if (!result) result = otx__job_check_rows(job, error);
    if (!result) result = otx__job_solve(job, error);
    if (!result) result = otx__write_weights(job, writing, error);
    if (!result) result = otx__job_unchanged(job, writing, error);
    if (!result) result = otx__output_commit(&writing->output, error);
    return result;
}

OTX_API otx_result otx_job_run(otx_job *job, const char *out, otx_error *error)
{
    double start = otx__now();
    otx__writing writing;
    otx_result result = OTX_OK;
    size_t i;
    if (job->ran)
        return otx__fail(error, OTX_ERROR_ARGUMENT, "this job has been run; open another");
    if (out) result = otx__writing_begin(job, out, &writing, error);
    if (result) return result;
    job->ran = true;
    result = out ? otx__job_write(job, &writing, error) : otx__job_solve(job, error);
    if (out) otx__writing_close(job, &writing);
    for (i = 0; i < job->solution_count && (result || !job->options.keep_details); i++)
        otx__solution_close(job, &job->solutions[i]);
    job->summary.seconds += otx__now() - start;
    return result;
}

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
OTX__PRIVATE const otx_tensor *otx__report_tensor(const otx_job *job, size_t index)
{
    return job->base.parts.tensors[job->matrix_tensors[index]].at->tensor;
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
                     ", \"solver\": {\"form\": \"%s\", \"steps\": %" PRIu64
                     ", \"passes\": %" PRIu64 ", \"columns\": %" PRIu64,
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
    const otx_tensor *tensor = otx__report_tensor(job, index);
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
    otx__text_json_string(&text, job->base.path, strlen(job->base.path));
    otx__text_string(&text, ",\n  \"donor\": ");
    otx__text_json_string(&text, job->donor.path, strlen(job->donor.path));
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
OTX__PRIVATE void otx__token_table_bytes(otx__text *text, const char *bytes, size_t size)
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
OTX__PRIVATE void otx__token_table_number(otx__text *text, double value)
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
OTX__PRIVATE void otx__token_table_anchors(otx__text *text, const otx_job *job,
                                     const otx__solution *solution, size_t target)
{
    const int32_t *indices = solution->indices + target * solution->k;
    const double *coefficients = solution->coefficients + target * solution->k;
    size_t i;
    otx__text_string(text, "\t");
    otx__token_table_number(text, otx__solution_residual(solution, target));
    otx__text_string(text, "\t");
    for (i = 0; i < solution->k && indices[i] >= 0; i++) {
        otx__text_format(text, "%s%" PRIu32 ":%" PRIu32 ":", i ? " " : "",
                         job->anchor_donors[indices[i]], job->anchor_bases[indices[i]]);
        otx__token_table_number(text, coefficients[i]);
    }
}

OTX__PRIVATE void otx__token_table_head(otx__text *text, const otx_job *job)
{
    size_t i;
    otx__text_string(text, "id\tkind\tbytes\taction\tbase_id");
    for (i = 0; i < job->summary.matrix_count; i++) {
        const otx_tensor *tensor = otx__report_tensor(job, i);
        otx__text_string(text, "\tresidual:");
        otx__token_table_bytes(text, tensor->name, tensor->name_size);
        otx__text_string(text, "\tanchors:");
        otx__token_table_bytes(text, tensor->name, tensor->name_size);
    }
    otx__text_string(text, "\n");
}

/* The line of one donor id; `target` is its place among the targets if it is
   one. */
OTX__PRIVATE void otx__token_table_line(otx__text *text, const otx_job *job, size_t id,
                                        size_t target)
{
    const otx_alignment_row *row = id < job->alignment.count ? &job->alignment.rows[id] : NULL;
    const otx_token *token = otx__side_token(&job->donor, id);
    bool solved = row && row->action == OTX_ACTION_APPROXIMATE && job->ran &&
                  otx__job_solves(job);
    size_t i;
    otx__text_format(text, "%" PRIu64 "\t%s\t", (uint64_t)id,
                     otx__word(otx_token_kind_name(token ? token->kind : OTX_TOKEN_NONE)));
    if (token) otx__token_table_bytes(text, token->bytes, token->size);
    otx__text_format(text, "\t%s\t", row ? otx__word(otx_action_name(row->action)) : "skipped");
    if (row && row->base >= 0) otx__text_format(text, "%" PRId64, row->base);
    for (i = 0; i < job->summary.matrix_count; i++) {
        const otx__tensor_plan *plan = &job->plans[job->matrix_tensors[i]];
        if (solved)
            otx__token_table_anchors(text, job, &job->solutions[plan->solution], target);
        else otx__text_string(text, "\t\t");
    }
    otx__text_string(text, "\n");
}

OTX_API otx_result otx_job_write_tokens(const otx_job *job, const otx_sink *sink,
                                        otx_error *error)
{
    size_t count = otx__max(job->alignment.count, job->donor.vocab.count), target = 0, i;
    bool details = otx__job_has_solves(job) && job->ran;
    otx_result result = OTX_OK;
    otx__text text;
    if (details && !job->solutions[0].indices)
        return otx__fail(error, OTX_ERROR_ARGUMENT,
                         "the token table needs a job that has been run with keep_details");
    otx__text_open(&text, &job->ctx);
    otx__token_table_head(&text, job);
    for (i = 0; i < count && !result; i++) {
        otx__token_table_line(&text, job, i, target);
        if (target < job->target_count && job->targets[target] == i) target++;
        if (text.size < OTX__FILE_BUFFER && !text.failed) continue;
        result = otx__report_flush(&text, sink, error);
        if (!result) result = otx__job_poll(job, error);
    }
    if (!result) result = otx__report_flush(&text, sink, error);
    otx__text_close(&text);
    return result;
}

/* >>> src/job/findings.h */
/* ---- findings: what is told of a finished directory ----------------------- */

typedef struct otx__verifier {
    otx_context ctx;   /* the caller's, but warnings of what is opened are findings */
    otx_context quiet; /* the same without a log: for what is told here in other words */
    const otx_verify_options *options;
    otx_verify_summary summary;
    otx__side side;     /* what could not be opened is absent in it */
    otx_result failure; /* what ends the whole: lack of memory, cancelling */
    otx_error *error;
} otx__verifier;

OTX__PRIVATE void otx__found(otx__verifier *v, otx_severity severity, const char *format, ...)
    OTX__PRINTF(3, 4);
OTX__PRIVATE void otx__found(otx__verifier *v, otx_severity severity, const char *format, ...)
{
    char message[OTX__MESSAGE];
    va_list arguments;
    if (severity == OTX_FAULT) v->summary.faults++;
    else if (severity == OTX_WARNING) v->summary.warnings++;
    if (!v->options->finding) return;
    va_start(arguments, format);
    otx__message(message, format, arguments);
    va_end(arguments);
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

/* >>> src/job/check_files.h */
/* ---- verify: files -------------------------------------------------------- */

/* Opens a file that is JSON; a fault if it is needed and not there. */
OTX__PRIVATE void otx__verify_document(otx__verifier *v, const char *name, bool needed,
                                       otx__document *out)
{
    otx_error error;
    if (v->failure) return;
    if (!otx__verify_take(v, otx__document_open(&v->ctx, v->side.path, name, out, &error),
                          &error))
        return;
    if (needed && !out->present)
        otx__found(v, OTX_FAULT, "%s/%s: is missing", v->side.path, name);
}

/* Opens all that can be opened. */
OTX__PRIVATE void otx__verify_open(otx__verifier *v)
{
    otx__side *side = &v->side;
    otx_error error;
    otx__verify_document(v, "config.json", true, &side->config);
    otx__verify_document(v, "generation_config.json", false, &side->generation);
    otx__verify_document(v, "tokenizer_config.json", false, &side->tokenizer);
    if (!v->failure)
        otx__verify_take(v, otx_vocab_open(&v->ctx, side->path, &side->vocab, &error), &error);
    if (!v->failure)
        otx__verify_take(v, otx_checkpoint_open(&v->ctx, side->path, &side->checkpoint, &error),
                         &error);
    if (!v->failure && side->vocab.tokens && side->checkpoint.files)
        otx__verify_take(v, otx__parts_find(&v->quiet, side, &error), &error);
}

/* What transformers and others read of an index beyond its map, which
   otx_checkpoint_open has compared with the shards. */
OTX__PRIVATE void otx__verify_index(otx__verifier *v)
{
    const otx_checkpoint *checkpoint = &v->side.checkpoint;
    otx__document index;
    uint64_t total = 0, said;
    uint32_t metadata, size;
    size_t i;
    memset(&index, 0, sizeof index);
    if (v->failure || !checkpoint->sharded) return;
    otx__verify_document(v, OTX__INDEX_FILE, true, &index);
    for (i = 0; i < checkpoint->tensor_count; i++) {
        const otx_tensor *tensor = checkpoint->tensors[i].tensor;
        total += tensor->end - tensor->begin;
    }
    metadata = otx_json_find(&index.json, otx__document_root(&index), OTX__KEY_METADATA);
    size = otx_json_find(&index.json, metadata, OTX__KEY_TOTAL_SIZE);
    if (index.present && otx_json_type_of(&index.json, metadata) != OTX_JSON_OBJECT)
        otx__found(v, OTX_FAULT, "%s/" OTX__INDEX_FILE ": has no \"metadata\", without which "
                   "transformers does not load it", v->side.path);
    else if (otx_json_uint(&index.json, size, &said) && said != total)
        otx__found(v, OTX_WARNING, "%s/" OTX__INDEX_FILE ": says \"total_size\": %" PRIu64
                   ", the tensors have %" PRIu64 " bytes", v->side.path, said, total);
    otx__document_close(&v->ctx, &index);
}

/* Weights that some loader might take instead of those that were checked. */
OTX__PRIVATE bool otx__is_rival(const otx_checkpoint *checkpoint, const char *name)
{
    size_t i;
    if (!otx__name_fits_any(name, otx__rival_files, OTX__COUNT(otx__rival_files)) ||
        strcmp(name, OTX__TRAINING_ARGUMENTS) == 0)
        return false;
    for (i = 0; i < checkpoint->file_count; i++)
        if (strcmp(name, checkpoint->files[i].name) == 0) return false;
    return true;
}

OTX__PRIVATE void otx__verify_listing(otx__verifier *v)
{
    char quoted[OTX__QUOTED];
    otx__listing listing;
    otx_error error;
    size_t i;
    if (v->failure) return;
    if (!otx__verify_take(v, otx__listing_open(&v->ctx, v->side.path, &listing, &error),
                          &error))
        return;
    for (i = 0; i < listing.count && v->side.checkpoint.files; i++) {
        const char *name = listing.names[i];
        if (otx__is_rival(&v->side.checkpoint, name))
            otx__found(v, OTX_WARNING, "%s: \"%s\" stands beside the weights that were checked",
                       v->side.path, otx__quote(quoted, sizeof quoted, name, strlen(name)));
    }
    otx__listing_close(&listing);
}

/* The code that the tokenizer is loaded with, if it has any. */
OTX__PRIVATE void otx__verify_code(otx__verifier *v)
{
    otx__code code;
    otx_error error;
    if (v->failure) return;
    (void)otx__verify_take(v, otx__code_open(&v->ctx, &v->side, &code, &error), &error);
    otx__code_close(&code);
}

/* >>> src/job/check_ids.h */
/* ---- verify: sizes, ids and tying ------------------------------------------ */

/* ---- sizes ---- */

OTX__PRIVATE void otx__verify_size_said(otx__verifier *v, uint64_t rows, const char *tensor)
{
    const otx__document *config = &v->side.config;
    uint64_t said = 0;
    if (!otx__config_says_rows(config, rows, &said) && said != 0 &&
        !(rows > said && otx__config_follows(config, OTX__CLASS_ADDS_ROWS)))
        otx__found(v, OTX_FAULT, "%s/config.json: says \"vocab_size\": %" PRIu64
                   ", but tensor %s has %" PRIu64 " rows", v->side.path, said, tensor, rows);
    else if (config->present && said == 0 &&
             !otx__config_says(config, OTX__KEY_VOCAB_SIZE, rows, &said))
        otx__found(v, OTX_WARNING, "%s/config.json: names no \"vocab_size\"; the class's own "
                   "default must be %" PRIu64, v->side.path, rows);
}

OTX__PRIVATE void otx__verify_rows(otx__verifier *v)
{
    const otx__side *side = &v->side;
    const otx_tensor *embedding;
    char tensor[OTX__TENSOR_TEXT], token[OTX__QUOTED];
    size_t i, beyond = 0, first = 0;
    uint64_t rows;
    if (v->failure || !side->parts.embedding) return;
    embedding = side->parts.embedding->tensor;
    rows = embedding->shape[0];
    otx__verify_size_said(v, rows, otx__tensor_text(tensor, embedding));
    for (i = side->vocab.count; i-- > 0 && i >= rows;)
        if (otx__side_token(side, i)) {
            beyond++;
            first = i;
        }
    if (beyond)
        otx__found(v, OTX_FAULT, "%s: %" PRIu64 " of the tokenizer's ids, the first %" PRIu64
                   " (token \"%s\"), lie beyond the %" PRIu64 " rows of tensor %s", side->path,
                   (uint64_t)beyond, (uint64_t)first, otx__side_content(token, side, first),
                   rows, tensor);
}

/* ---- ids ---- */

/* Whether a key's id must have a token: not the padding's of a model that counts its
   positions from it on. */
OTX__PRIVATE bool otx__must_have_token(const otx__verifier *v, otx__span key)
{
    return !otx__span_is(key, OTX__KEY_PAD) ||
           !otx__config_follows(&v->side.config, OTX__PAD_IS_POSITION);
}

/* Checks one id that stands under `key`; of a list, one of its items. */
OTX__PRIVATE void otx__verify_id(otx__verifier *v, const char *file, otx__span key, uint64_t id)
{
    const otx__side *side = &v->side;
    const otx_checkpoint_tensor *embedding = side->parts.embedding;
    uint64_t rows = embedding ? embedding->tensor->shape[0] : UINT64_MAX;
    char name[OTX__QUOTED];
    otx__quote(name, sizeof name, key.bytes, key.size);
    if (id >= rows)
        otx__found(v, OTX_FAULT, "%s/%s: \"%s\" is %" PRIu64 "; there are %" PRIu64 " rows",
                   side->path, file, name, id, rows);
    else if (side->vocab.tokens && !otx__side_token(side, id) && otx__must_have_token(v, key))
        otx__found(v, OTX_WARNING, "%s/%s: \"%s\" is %" PRIu64 ", an id without a token",
                   side->path, file, name, id);
}

/* Whether a key holds ids, or lists of them, or lists of those. */
OTX__PRIVATE bool otx__key_holds_ids(otx__span key)
{
    size_t i;
    for (i = 0; i < OTX__COUNT(otx__id_lists); i++) {
        const otx__id_list *list = &otx__id_lists[i];
        if ((list->kind == OTX__LIST_IDS || list->kind == OTX__LIST_LISTS) &&
            otx__span_is(key, list->key))
            return true;
    }
    return otx__key_is_special(key) || otx__key_names_ids(key);
}

/* The ids of one object: every number within the value of such a key. */
OTX__PRIVATE void otx__verify_object(otx__verifier *v, const otx_json *json, const char *file,
                                     uint32_t object)
{
    otx_json_iter member = otx_json_iter_of(json, object);
    while (otx_json_iter_next(&member)) {
        otx__span key = otx__json_span(json, member.key);
        uint32_t node, end = otx_json_after(json, member.value);
        uint64_t id;
        if (!otx__key_holds_ids(key)) continue;
        for (node = member.value; node < end; node++)
            if (otx_json_uint(json, node, &id)) otx__verify_id(v, file, key, id);
    }
}

/* Whether a list or a number holds an id. */
OTX__PRIVATE bool otx__node_has_id(const otx_json *json, uint32_t node, uint64_t id)
{
    uint32_t end = otx_json_after(json, node);
    uint64_t value;
    for (; node < end; node++)
        if (otx_json_uint(json, node, &value) && value == id) return true;
    return false;
}

/* Whether the tokenizer's token in a role is the one that the two files name. Said of
   eos also where none is named: the model would not end its texts. */
OTX__PRIVATE void otx__verify_role(otx__verifier *v, otx_role role, const char *key)
{
    const otx__side *side = &v->side;
    const otx_json *config = &side->config.json, *generation = &side->generation.json;
    otx__levels levels = otx__vocabulary_levels(&side->config, side->parts.rows);
    uint32_t node = otx_json_find(generation, otx__document_root(&side->generation), key);
    int64_t id = side->vocab.roles[role];
    char token[OTX__QUOTED];
    bool named = otx_json_type_of(generation, node) != OTX_JSON_NULL, agree;
    if (id < 0) return;
    agree = otx__node_has_id(generation, node, (uint64_t)id);
    while (otx__levels_next(&levels)) {
        node = otx__levels_find(&levels, key);
        named |= otx_json_type_of(config, node) != OTX_JSON_NULL;
        agree |= otx__node_has_id(config, node, (uint64_t)id);
    }
    if (agree || (!named && role != OTX_ROLE_EOS)) return;
    otx__found(v, OTX_WARNING, "%s: the tokenizer's %s is %" PRId64 " (token \"%s\"), which "
               "\"%s\" of config.json and generation_config.json %s", side->path,
               otx_role_name(role), id, otx__side_content(token, side, (uint64_t)id), key,
               named ? "is not" : "does not name");
}

OTX__PRIVATE void otx__verify_ids(otx__verifier *v)
{
    const otx__side *side = &v->side;
    otx__levels levels = otx__vocabulary_levels(&side->config, side->parts.rows);
    size_t i;
    if (v->failure) return;
    while (otx__levels_next(&levels))
        otx__verify_object(v, &side->config.json, "config.json", levels.node);
    if (side->generation.present)
        otx__verify_object(v, &side->generation.json, "generation_config.json", 0);
    if (!side->vocab.tokens || !side->config.present) return;
    for (i = 0; i < OTX__COUNT(otx__specials); i++) {
        const otx__special *special = &otx__specials[i];
        if (special->add && otx__must_have_token(v, otx__span_of(special->key,
                                                                 strlen(special->key))))
            otx__verify_role(v, (otx_role)special->role, special->key);
    }
}

/* ---- tying ---- */

OTX__PRIVATE void otx__verify_tie(otx__verifier *v)
{
    const otx__side *side = &v->side;
    const otx__parts *parts = &side->parts;
    otx__tie_flag flag = otx__config_tie_flag(&side->config);
    char tensor[OTX__TENSOR_TEXT];
    if (v->failure || !parts->embedding) return;
    if (flag.said_true && flag.said_false)
        otx__found(v, OTX_WARNING, "%s/config.json: says \"tie_word_embeddings\" both true and "
                   "false, on two levels", side->path);
    else if (flag.said_false && !parts->head && otx__config_has_head(&side->config))
        otx__found(v, OTX_FAULT, "%s/config.json: says \"tie_word_embeddings\": false, but "
                   "there is no output head", side->path);
    if (flag.said_true && parts->head && !parts->tied &&
        !otx__name_is_encoder_head(parts->head->tensor))
        otx__found(v, OTX_FAULT, "%s/config.json: says \"tie_word_embeddings\": true, but "
                   "tensor %s differs from the embedding", side->path,
                   otx__tensor_text(tensor, parts->head->tensor));
}

/* >>> src/job/check_values.h */
/* ---- verify: values ------------------------------------------------------- */

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

/* Looks at every row of a tensor; a bias is one element a row. */
OTX__PRIVATE otx_result otx__verify_read(otx__verifier *v, const otx__vocab_tensor *what,
                                         otx__row_count *count, otx_error *error)
{
    const otx_tensor *tensor = what->at->tensor;
    const size_t columns = what->kind == OTX__PART_BIAS ? 1 : (size_t)tensor->shape[1];
    otx__row_walk walk;
    size_t i;
    otx_result result = otx__row_walk_open(&v->ctx, &v->side, what->at, columns,
                                           (size_t)what->rows, NULL, &walk, error);
    while (!result && otx__row_walk_next(&walk, &result, error))
        for (i = 0; i < walk.count; i++)
            otx__row_count_add(count, walk.first + i, walk.bytes + i * walk.row_size,
                               tensor->dtype, columns);
    otx__row_walk_close(&walk);
    return result;
}

/* Tells of rows that are not finite, and of rows of zeros that can be sampled. */
OTX__PRIVATE void otx__verify_tensor(otx__verifier *v, const otx__vocab_tensor *what)
{
    const otx__parts *parts = &v->side.parts;
    bool sampled = what->kind == OTX__PART_HEAD ||
                   (what->at == parts->embedding && parts->tied &&
                    otx__config_has_head(&v->side.config));
    char tensor[OTX__TENSOR_TEXT], token[OTX__QUOTED];
    otx__row_count count;
    otx_error error;
    memset(&count, 0, sizeof count);
    if (!otx__verify_take(v, otx__verify_read(v, what, &count, &error), &error)) return;
    otx__tensor_text(tensor, what->at->tensor);
    if (count.bad)
        otx__found(v, OTX_FAULT, "%s: tensor %s: %" PRIu64 " rows hold a NaN, an infinity or a "
                   "value beyond 32-bit float, the first %" PRIu64 " (token \"%s\")",
                   v->side.path, tensor, count.bad, count.first_bad,
                   otx__side_content(token, &v->side, count.first_bad));
    if (count.zero && sampled)
        otx__found(v, OTX_WARNING, "%s: tensor %s: %" PRIu64 " rows are zeros, the first "
                   "%" PRIu64 " (token \"%s\"): they score 0, which may be the most, and can "
                   "be sampled", v->side.path, tensor, count.zero, count.first_zero,
                   otx__side_content(token, &v->side, count.first_zero));
}

OTX__PRIVATE void otx__verify_values(otx__verifier *v)
{
    const otx__parts *parts = &v->side.parts;
    size_t i;
    for (i = 0; parts->embedding && i < parts->count && !v->failure; i++)
        otx__verify_tensor(v, &parts->tensors[i]);
}

/* >>> src/job/check_draft.h */
/* ---- verify: as a draft model for another --------------------------------- */

/* A flag of tokenizer_config.json; where it is silent, what llama.cpp takes for a
   SentencePiece vocabulary (bos yes) and others (no). */
OTX__PRIVATE bool otx__draft_adds(const otx__side *side, const char *key, bool silent)
{
    const otx__document *tokenizer = &side->tokenizer;
    uint32_t node = otx_json_find(&tokenizer->json, otx__document_root(tokenizer), key);
    otx_json_type type = otx_json_type_of(&tokenizer->json, node);
    if (type == OTX_JSON_TRUE || type == OTX_JSON_FALSE) return type == OTX_JSON_TRUE;
    return silent && side->vocab.family == OTX_FAMILY_METASPACE;
}

OTX__PRIVATE void otx__draft_kind(otx__verifier *v, const otx__side *target)
{
    const otx_vocab *ours = &v->side.vocab, *theirs = &target->vocab;
    if (ours->family == theirs->family &&
        strcmp(otx__word(ours->model), otx__word(theirs->model)) == 0)
        return;
    otx__found(v, OTX_FAULT, "draft: the vocabulary is %s %s, the target's %s %s; llama.cpp "
               "refuses the pair", otx_family_name(ours->family), otx__word(ours->model),
               otx_family_name(theirs->family), otx__word(theirs->model));
}

/* The tokens at both ends of a text. */
OTX__PRIVATE void otx__draft_end(otx__verifier *v, const otx__side *target, otx_role role,
                                 const char *key)
{
    bool silent = role == OTX_ROLE_BOS;
    bool ours = otx__draft_adds(&v->side, key, silent);
    bool theirs = otx__draft_adds(target, key, silent);
    int64_t id = v->side.vocab.roles[role], other = target->vocab.roles[role];
    if (ours != theirs)
        otx__found(v, OTX_FAULT, "draft: the tokenizer %s %s to its texts and the target's %s; "
                   "llama.cpp refuses the pair", ours ? "adds" : "does not add",
                   otx_role_name(role), theirs ? "does" : "does not");
    else if (id != other)
        otx__found(v, ours ? OTX_FAULT : OTX_WARNING, "draft: %s is %" PRId64
                   ", the target's is %" PRId64 "%s", otx_role_name(role), id, other,
                   ours ? "; llama.cpp refuses the pair" : "");
}

/* Whether an id stands for the same token on both sides, or for none. */
OTX__PRIVATE bool otx__draft_same(const otx__side *side, const otx__side *target, size_t id)
{
    const otx_token *ours = otx__side_token(side, id), *theirs = otx__side_token(target, id);
    if (!ours || !theirs) return !ours && !theirs;
    return otx__same_bytes(ours->content, ours->content_size, theirs->content,
                           theirs->content_size);
}

/* Compares the tokens of some ids. */
OTX__PRIVATE void otx__draft_tokens(otx__verifier *v, const otx__side *target, size_t begin,
                                    size_t end, otx_severity severity)
{
    char token[OTX__QUOTED], other[OTX__QUOTED];
    size_t i, different = 0, first = 0;
    for (i = end; i-- > begin;)
        if (!otx__draft_same(&v->side, target, i)) {
            first = i;
            different++;
        }
    if (different)
        otx__found(v, severity, "draft: %" PRIu64 " ids from %" PRIu64 " on stand for other "
                   "tokens than the target's, the first %" PRIu64 ": \"%s\", the target's "
                   "\"%s\"", (uint64_t)different, (uint64_t)begin, (uint64_t)first,
                   otx__side_content(token, &v->side, first),
                   otx__side_content(other, target, first));
}

OTX__PRIVATE void otx__draft_rows(otx__verifier *v, const otx__side *target)
{
    uint64_t rows = v->side.parts.embedding ? v->side.parts.rows : 0, wanted = 0, apart;
    (void)otx__config_says(&target->config, OTX__KEY_VOCAB_SIZE, UINT64_MAX, &wanted);
    if (rows == 0 || wanted == 0 || rows == wanted) return;
    apart = rows > wanted ? rows - wanted : wanted - rows;
    otx__found(v, OTX_FAULT, "draft: \"vocab_size\" is %" PRIu64 ", the target's %" PRIu64
               "; vLLM wants them equal%s", rows, wanted,
               apart > OTX__DRAFT_SLACK ? ", llama.cpp at most 128 apart" : "");
}

/* Compares the two models, by what llama.cpp and vLLM ask of them. */
OTX__PRIVATE void otx__draft_pair(otx__verifier *v, const otx__side *target)
{
    size_t count = otx__max(v->side.vocab.count, target->vocab.count);
    otx__draft_kind(v, target);
    otx__draft_end(v, target, OTX_ROLE_BOS, OTX__KEY_ADD_BOS);
    otx__draft_end(v, target, OTX_ROLE_EOS, OTX__KEY_ADD_EOS);
    otx__draft_tokens(v, target, 0, otx__min(count, OTX__DRAFT_FIRST), OTX_WARNING);
    otx__draft_tokens(v, target, OTX__DRAFT_FIRST, count, OTX_FAULT);
    otx__draft_rows(v, target);
}

OTX__PRIVATE void otx__verify_draft(otx__verifier *v)
{
    const otx_context *ctx = &v->ctx;
    const char *path = v->options->draft_for;
    otx__side target;
    otx_error error;
    otx_result result;
    if (v->failure || !path || !v->side.vocab.tokens) return;
    result = otx__side_begin(ctx, path, false, &target, &error);
    if (!result) result = otx_vocab_open(ctx, path, &target.vocab, &error);
    if (!result) result = otx__document_open(ctx, path, "config.json", &target.config, &error);
    if (!result)
        result = otx__document_open(ctx, path, "tokenizer_config.json", &target.tokenizer,
                                    &error);
    if (otx__verify_take(v, result, &error)) otx__draft_pair(v, &target);
    otx__side_close(ctx, &target);
}

/* >>> src/job/verify.h */
/* ---- verify: whether a finished directory agrees with itself --------------- */

OTX_API otx_result otx_verify(const otx_context *ctx, const char *path,
                              const otx_verify_options *options, otx_verify_summary *summary,
                              otx_error *error)
{
    otx_verify_options none;
    otx__verifier v;
    otx__status status;
    otx_result result = otx__model_status(path, &status, error);
    char name[OTX__PATH_TEXT];
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
    v.error = error;
    v.failure = otx__side_begin(&v.ctx, path, false, &v.side, error);
    otx__verify_open(&v);
    otx__verify_index(&v);
    otx__verify_listing(&v);
    otx__verify_code(&v);
    otx__verify_rows(&v);
    otx__verify_ids(&v);
    otx__verify_tie(&v);
    otx__verify_values(&v);
    otx__verify_draft(&v);
    otx__side_close(&v.ctx, &v.side);
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

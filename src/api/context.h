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
   threads at once if its hooks may. Hooks return: no longjmp, no exception. The
   library keeps no global state: two calls that share no object may always run
   at the same time. */
typedef struct otx_context {
    otx_allocator allocator;        /* resize NULL: realloc and free */
    otx_parallel_for parallel_for;  /* NULL: threads if OpenMP is compiled in, which on Linux
                                       and macOS sleep where they wait; else serial */
    void *parallel_context;
    int threads;                    /* most workers at once, up to 1,024; 0 or less: all
                                       that OpenMP gives, or 1 under a hook */
    otx_isa isa;                    /* an unavailable one is OTX_ERROR_UNSUPPORTED */
    bool (*progress)(void *context, const otx_progress *progress); /* false: cancel */
    void *progress_context;         /* called from the caller's thread only */
    void (*log)(void *context, otx_severity severity, const char *message);
    void *log_context;              /* messages are a line of UTF-8, as in otx_error */
    uint64_t hash_key[2]; /* a secret that keys the tables of tokens and rows, beside addresses
                             and the clock: for files of strangers where both can be foreseen
                             (WebAssembly, no clock). Results do not depend on it */
} otx_context;

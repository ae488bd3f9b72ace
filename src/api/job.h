/* ---- the whole job ------------------------------------------------------------------ */

/* How many rows the new matrices get. */
typedef enum otx_rows {
    OTX_ROWS_DONOR,     /* as many as the donor's matrices */
    OTX_ROWS_TOKENIZER, /* the donor's highest token id + 1 */
    OTX_ROWS_MULTIPLE,  /* that, up to the next multiple of rows_multiple */
    OTX_ROWS_EXACT      /* rows_exact: those of a draft's target, say, whose weights need
                           not be there */
} otx_rows;

/* What rows without a token of their own get: padding and reserved tokens. */
typedef enum otx_padding {
    OTX_PADDING_MEAN, /* the mean of the new rows that have a token: as an output row it
                         never scores above the best of them */
    OTX_PADDING_ZERO, /* zeros. As an output row it scores 0, which may be the most */
    OTX_PADDING_COUNT
} otx_padding;

/* "mean", "zero"; or NULL. */
OTX_API const char *otx_padding_name(otx_padding padding);

/* Which chat template the output has. */
typedef enum otx_chat {
    OTX_CHAT_DONOR, /* the donor's, with its other files; a warning if only the base has one */
    OTX_CHAT_BASE,  /* the base's, as chat_template.jinja. It may write tokens that the new
                       tokenizer lacks, of which a warning names one */
    OTX_CHAT_FILE,  /* that of chat_file */
    OTX_CHAT_COUNT
} otx_chat;

/* Which matrices take the row of a token that is not the same but like it. */
typedef enum otx_match {
    OTX_MATCH_DEFAULT,
    OTX_MATCH_NO,
    OTX_MATCH_YES,
    OTX_MATCH_EMBED,   /* only the embedding: the head's row is made */
    OTX_MATCH_LM_HEAD, /* only an output head of its own, with its bias */
    OTX_MATCH_COUNT
} otx_match;

/* "default", "no", "yes", "embed", "lm_head"; or NULL. */
OTX_API const char *otx_match_name(otx_match match);

typedef struct otx_job_options {
    otx_method method;
    bool own_head_method;   /* an output head of the base's own is made by head_method, and */
    otx_method head_method; /* method makes the rest. A base whose head is its embedding, or
                               that has none, is OTX_ERROR_ARGUMENT unless both are the same */
    otx_method_options how; /* of both. how.omp has no window. how.solve can share a transplant
                               among processes: it solves a window of the targets, exchanges,
                               and returns the results of all. It is called for one matrix of
                               the donor after another, in the same order in every process */
    otx_rows rows;
    uint64_t rows_multiple, rows_exact;
    otx_padding padding;
    otx_dtype dtype;   /* of the new matrices, one that otx_dtype_is_embedding accepts;
                          OTX_DTYPE_NONE: the base's. Loaders convert to the type that
                          config.json names, which stays. In GGUF F32, F16, BF16 or one that
                          otx_dtype_is_block accepts; shared rows are then no longer bit for
                          bit the base's, but within that type's rounding of them */
    const char *pre;   /* in GGUF: the name of the rule by which llama.cpp cuts text before
                          its tokenizer does; NULL: the donor's, where it is known */
    uint64_t split_max_size; /* in GGUF: bytes of tensors that a file has at most, but for one
                          that is larger by itself: "OUT-00001-of-00003.gguf" and so on; 0: one
                          file, whatever the base is in */
    const char *const *draft_vocab; /* with these two the output is a draft whose head has rows
                          for a part of the tokens alone; NULL and 0: for all. Each is a token of
                          the donor's by content, else by its bytes, with \xNN and \\ as escapes;
                          "#ID"; or a line "COUNT\tID\tTOKEN", which counts for nothing where
                          COUNT is 0. Read by otx_job_open. See there what is written */
    size_t draft_vocab_count;
    uint64_t draft_vocab_first; /* tokens with ids below this one besides, but for reserved ones */
    const char *const *map; /* "DONOR=BASE", by content; \xNN and \\ and \= escape,
                               #ID is an id; split at the first unescaped = */
    size_t map_count;
    otx_chat chat;
    const char *chat_file; /* of OTX_CHAT_FILE; read by otx_job_open */
    bool split_digits; /* the output's tokenizer cuts numbers into single digits, for a base
                          that has learned to count with those; all other text as the
                          donor's. Its tokens of several digits keep their rows and are
                          never met; so this does nothing for a draft, which is given the
                          target's tokens. For tokenizer.json alone */
    otx_match byte_match;   /* a BYTE token takes the row of the TEXT token of that one byte, or
                               the reverse. By default yes, as they are the same to a model;
                               only then they are anchors. OTX_ERROR_ARGUMENT where the base's
                               head is its embedding, or is none, and one of them is named */
    otx_match prefix_match; /* a new TEXT token takes the row of the longest TEXT token of the
                               base that its bytes begin with, but not with white space alone.
                               By default no: both then have the same row, so that as an output
                               the model cannot tell them apart. Likewise */
    bool magikarp;     /* text tokens whose rows look under-trained by otx_mark_undertrained, in
                          either model, are no anchors. Of those that both models have the
                          base's row is copied if that is good, made if the donor's is, and else
                          the token is treated as a reserved one; so is one of the donor's own
                          that looks so there. For this mergekit's option makes rows where the
                          base's is good, zeros where neither is, and judges control tokens */
    bool saturate;     /* clamp values beyond the base's dtype instead of failing */
    bool overwrite;    /* replace an existing output */
    bool keep_details; /* keep each token's atoms for otx_job_write_tokens */
} otx_job_options;

/* Counts of donor tokens by what becomes of them; they add up to total. Padding
   rows, which have no token, are apart. `skipped` ids lie beyond the new rows
   and get none. Of the `matched`, one matrix may have a row that is made. `untrained` are those
   of the unused that are so by their rows: see otx_job_open. */
typedef struct otx_job_tokens {
    uint64_t total, copied, by_role, mapped, matched, approximated, unused, skipped, padding;
    uint64_t untrained;
} otx_job_tokens;

typedef struct otx_job_matrix {
    char name[160]; /* of the base's tensor; longer ones are cut */
    otx_method method;
    uint64_t rows, columns;
    otx_dtype dtype;
    uint64_t anchors, approximated;
    uint64_t k; /* atoms per target at most. This and what follows: after otx_job_run */
    double mean_relative_residual, max_relative_residual; /* 0 where k is */
    double seconds;
    otx_omp_stats omp;
    otx_affine_trial choice; /* of the methods with a map */
    uint64_t hidden;         /* anchors by which it was chosen; 0 if there was no choice */
    double pieces;           /* weight of the rows of pieces beside the donor's; 0: none */
    otx_affine_trial other;  /* as in otx_fitted */
    otx_affine_stats affine;
    double anchor_norms[3];  /* that 1, 50 and 99 of 100 of the anchors' rows do not exceed */
    uint64_t long_rows;      /* new rows more than 1.5 times as long as the last of these; */
    uint64_t short_rows;     /* less than 1 / 1.5 of the first */
    uint64_t longest;        /* the donor's id of the longest new row */
    double longest_norm;
} otx_job_matrix;

#define OTX_JOB_MAX_MATRICES 8

typedef struct otx_job_summary {
    otx_job_tokens tokens;
    otx_job_matrix matrices[OTX_JOB_MAX_MATRICES];
    size_t matrix_count;
    uint64_t draft_rows; /* of a head that has rows for a part of the tokens; else 0 */
    otx_isa isa;
    int threads;
    uint64_t peak_bytes; /* most memory held at once through the allocator */
    double seconds;
} otx_job_summary;

/* A transplant: the base model, the donor of the tokenizer, and the plan. */
typedef struct otx_job otx_job;

/* Opens both models, which are directories or GGUF files in any mix, reads the
   vocabularies, finds the vocabulary tensors, aligns, and makes every check that needs no
   solving. Reads no tensor data, but where it takes the bytes of two matrices to tell
   whether they are tied, and where rows are to be solved for: then the matrices are read
   once for rows that hold nothing. Those are zeros, and rows that are the same bit for bit
   as three others, or as one that has no token or a reserved one: they were never trained.
   (Two or three alike may be copies that somebody made.) A token with such a row in a matrix
   of the donor that is used, the embedding or an untied head, is not solved for: where the
   base has no row to copy, it gets what a reserved token gets. Nor is it an anchor, nor is
   one with such a row in a matrix of the base.

   With a draft_vocab every output head of the output has a row for each token that is listed, and
   for those in use (otx_token), which a generation needs, in order of their ids; the embedding
   has all rows. A model whose head is its embedding gets a head of its own. A tensor "d2t" (I64)
   says which tokens the rows are of, as those read it who read it at all. In safetensors that are
   EAGLE-3 drafts of SafeAILab/EAGLE, vLLM and SGLang: the id less the row's number; "t2d" (BOOL)
   marks the tokens that have a row, and config.json says "draft_vocab_size". In GGUF those are
   the drafts EAGLE-3 and DFlash of llama.cpp: the id itself. A head with a bias, a list that
   leaves nothing out, and a model without a head are OTX_ERROR_ARGUMENT; tokens that are not
   there OTX_ERROR_NOT_FOUND. If both paths are the same, every row is copied, those without a
   token too: so is the head of a finished model cut down. */
OTX_API otx_result otx_job_open(const otx_context *ctx, const char *base, const char *donor,
                                const otx_job_options *options, otx_job **out,
                                otx_error *error);
OTX_API void otx_job_close(otx_job *job);

/* What the job looks at; valid until it is closed. */
OTX_API const otx_vocab *otx_job_base_vocab(const otx_job *job);
OTX_API const otx_vocab *otx_job_donor_vocab(const otx_job *job);
OTX_API const otx_alignment *otx_job_alignment(const otx_job *job);
OTX_API void otx_job_summarize(const otx_job *job, otx_job_summary *out);

/* Solves, and writes a complete model as the base is: a GGUF file, whose name must end in
   .gguf, or a directory, for which a donor that is a GGUF file must stand in a directory with
   its tokenizer.json. It grows under a temporary name beside `out`, and is then renamed; of
   several parts of a GGUF file the first comes last. On failure nothing stands under the
   final name and the temporary directory is removed. Files and sub-directories of the base
   that have nothing to do with the vocabulary are copied; weights in other formats, and
   sub-directories that hold a model of their own (checkpoint-500 and the like), are
   left out with a note. Links to files are followed, those to directories refused. A
   file of either model that changes until the end is an error, as the output would be a
   mixture. All but the weights is written before the first solve, so that
   a file that cannot be copied ends the run at once: OTX_STAGE_WRITE is reported before
   the solves and after them, as one count. With `out` NULL it solves and writes
   nothing: for the processes that only help another by options.solve. */
OTX_API otx_result otx_job_run(otx_job *job, const char *out, otx_error *error);

/* The report as one JSON object; the token table as tab-separated text, with the names of
   actions, "untrained" for unused tokens that are so by their rows, and "skipped". Before
   otx_job_run they hold the plan; after it the table needs keep_details. */
OTX_API otx_result otx_job_write_report(const otx_job *job, const otx_sink *sink,
                                        otx_error *error);
OTX_API otx_result otx_job_write_tokens(const otx_job *job, const otx_sink *sink,
                                        otx_error *error);

/* otx_job_open, otx_job_run, otx_job_close. summary may be NULL. */
OTX_API otx_result otx_transplant(const otx_context *ctx, const char *base, const char *donor,
                                  const char *out, const otx_job_options *options,
                                  otx_job_summary *summary, otx_error *error);

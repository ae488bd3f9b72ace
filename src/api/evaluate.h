/* ---- methods ranked on tokens that both models share ---------------------------------------- */

/* What a token is like, by its bytes alone. */
typedef enum otx_token_class {
    OTX_CLASS_ALL,
    OTX_CLASS_WORD,         /* Latin letters after a space */
    OTX_CLASS_CONTINUATION, /* Latin letters without one */
    OTX_CLASS_DIGITS,       /* ASCII digits, after a space or not */
    OTX_CLASS_SCRIPT,       /* any letter, digit or picture beyond Latin, or no UTF-8 */
    OTX_CLASS_SPACE,        /* white space only */
    OTX_CLASS_CODE,         /* what is left: punctuation, letters mixed with it */
    OTX_CLASS_COUNT
} otx_token_class;

/* "all", "word", "continuation", "digits", "script", "space", "code"; or NULL. */
OTX_API const char *otx_token_class_name(otx_token_class token_class);

/* Never OTX_CLASS_ALL. Thread-safe. */
OTX_API otx_token_class otx_token_class_of(const char *bytes, size_t size);

/* How near rows p that a method made come to the true rows b, over some hidden tokens. M is
   the second moment of the base's token rows (1,024 of them or all), m their mean. */
typedef struct otx_scores {
    uint64_t count;        /* tokens; all else is 0 without any */
    double share;          /* sum <p, b> / sum <b, b>: of its logit that a row gives */
    double error;          /* sqrt(sum <p - b, M (p - b)> / sum <b, M b>): of its logits
                              elsewhere */
    double loss;           /* error + 0.75 (1 - share): see otx_affine_fit */
    double cosine;         /* means over the tokens: of p and b, */
    double centred_cosine; /* of p - m and b - m, */
    double relative_error; /* ||p - b|| / ||b||, */
    double norm_ratio;     /* ||p|| / ||b|| */
    uint64_t ranked;       /* tokens whose true row was looked for among all token rows by the
                              cosine with p: 256 or all */
    double top1, top10;    /* the part of them where it was the first, among the first ten */
} otx_scores;

/* What came of one method on one matrix. */
typedef struct otx_evaluation_entry {
    otx_method method;
    size_t matrix;     /* in otx_evaluation.matrices */
    otx_result result; /* not OTX_OK: the method could not run, message says why */
    char message[200];
    size_t k;          /* anchors combined */
    otx_affine_trial choice; /* of the methods with a map */
    double pieces;     /* weight of the rows of pieces beside the donor's; 0: none */
    double seconds;
    otx_scores scores[OTX_CLASS_COUNT];
} otx_evaluation_entry;

typedef struct otx_evaluation_matrix {
    char name[160]; /* of the base's tensor */
    uint64_t rows, columns, donor_columns;
} otx_evaluation_matrix;

/* To be closed. */
typedef struct otx_evaluation {
    char *base, *donor; /* paths */
    uint64_t seed, anchors, hidden; /* anchors are those that were left */
    otx_evaluation_matrix matrices[OTX_JOB_MAX_MATRICES];
    size_t matrix_count;
    otx_evaluation_entry *entries; /* matrix after matrix, in the order of the methods */
    size_t entry_count;
} otx_evaluation;

/* All zero is the default. */
typedef struct otx_evaluate_options {
    const otx_method *methods; /* NULL: all */
    size_t method_count;
    double holdout; /* part of the shared tokens to hide, up to 0.5; 0: 0.05 */
    uint64_t seed;  /* of which */
    otx_method_options method;
} otx_evaluate_options;

/* Hides some of the tokens that both models share, makes their rows by each method from the
   others, and compares these with the true ones, for every matrix of the base that is sized by
   the vocabulary. Writes no model; both must have weights, and numbers in the rows of the
   base's tokens and of the shared ones. Cosine and relative error do not rank methods as a language
   model does: share and error are the figures that do.

   Holds one matrix of each model and what a method takes. A method that cannot run has its
   entry and does not end the others; cancelling and lack of memory do. On failure *out is
   zeros. */
OTX_API otx_result otx_evaluate(const otx_context *ctx, const char *base, const char *donor,
                                const otx_evaluate_options *options, otx_evaluation *out,
                                otx_error *error);
OTX_API void otx_evaluation_close(const otx_context *ctx, otx_evaluation *evaluation);

/* As one JSON object; as one HTML page with charts, which fetches nothing. */
OTX_API otx_result otx_evaluation_write_json(const otx_context *ctx,
                                             const otx_evaluation *evaluation,
                                             const otx_sink *sink, otx_error *error);
OTX_API otx_result otx_evaluation_write_html(const otx_context *ctx,
                                             const otx_evaluation *evaluation,
                                             const otx_sink *sink, otx_error *error);

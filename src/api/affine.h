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
   holds all shorter ones), and comparing with the true rows b by two figures over all of them,
   with M the second moment of the base's rows (its anchors', 1,024 of them or all):

     share = sum <p, b> / sum <b, b>                            of its logit that a row gives
     error = sqrt(sum <p - b, M (p - b)> / sum <b, M b>)        of its logits elsewhere

   The choice has the least loss, error + 0.75 * (1 - share): in that proportion the two
   explain the bits per byte that a language model needs with such rows, on average over three
   texts, to 0.007 over six methods that were measured on one pair. If it takes atoms, more
   of them are taken as long as the loss is within 1 % of it: targets lie further from the
   anchors than these from one another, and what is far wants more atoms. Anchors that look
   like the targets are hidden, where targets are given. */

/* One choice, and what came of it on the hidden anchors. */
typedef struct otx_affine_trial {
    size_t k;      /* atoms per target */
    bool cosine;   /* selected by cosine */
    double lambda; /* ridge of the map */
    double share, error, loss; /* as above; 0 where nothing was hidden */
} otx_affine_trial;

/* How the pursuit selects. By cosine, a short anchor can get a coefficient so large that a new
   row wins everywhere, which hidden anchors need not show: on one pair that was measured this
   doubled the bits per byte, on another cosine saved a quarter of them, on others it made
   little difference. */
typedef enum otx_affine_selection {
    OTX_AFFINE_EITHER,      /* by correlation; with up to 8 atoms, by cosine where the loss is
                               lower by a tenth, as it was on the second and not the first */
    OTX_AFFINE_CORRELATION, /* as otx_omp selects by itself */
    OTX_AFFINE_COSINE       /* as with its option `cosine` */
} otx_affine_selection;

typedef struct otx_affine_options {
    const size_t *ks;       /* atoms per target to choose from, in ascending order, 0 being
                               the map alone; larger ones than anchors and columns allow
                               count as what these allow. NULL: 0, 1, 2, 4, 8, 16, 24, 32, 48, 64 */
    size_t k_count;
    const double *lambdas;  /* to choose from, 0 to 1e6 each; NULL: 0.01 */
    size_t lambda_count;
    otx_affine_selection selection;
    size_t holdout;         /* anchors to hide, a tenth of all at most; 0: 256. None are where
                               there is but one choice and this is 0 */
    uint64_t seed;          /* of which are hidden, beyond those that look like targets */
    const uint32_t *hide;   /* which `holdout` anchors are hidden, in ascending order: those of
                               another map whose loss is to be compared. NULL: as above */
    uint64_t memory;        /* budget in bytes for fitting; 0: 4 GiB */
    double ridge, tolerance; /* of the pursuits that are tried, as in otx_omp_options: those of
                               the pursuit that the choice is for */
} otx_affine_options;

/* A map that was fitted, and the choice: what to run otx_omp with. To be closed. */
typedef struct otx_affine_map {
    size_t anchors, donor_columns, base_columns;
    otx_affine_trial choice;
    otx_affine_trial *trials; /* all choices, in order of lambda, selection and k */
    size_t trial_count;
    size_t hidden;            /* anchors; and which, in ascending order */
    uint32_t *hidden_anchors;
    uint64_t bytes;           /* that the map holds */
    void *state;
} otx_affine_map;

/* What fitting did. Seconds are wall time. */
typedef struct otx_affine_stats {
    otx_isa isa;
    int threads;
    uint64_t peak_bytes;     /* most memory held, without what otx_omp took */
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
   float first. Memory in bytes: about 8 (d^2 / 2 + d e), twice that where there is a choice;
   8,192 (d + e) and 2 d e, six times those without a kernel for bytes; and what otx_omp takes
   for the hidden anchors within what is left of the budget. Less room is OTX_ERROR_MEMORY.
   On failure *map is left alone. targets, options and stats may be NULL. Thread-safe if the
   hooks of ctx are; these must outlive the map if they allocate. */
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
   time, about 1,024 d bytes, six times that without a kernel for bytes. A target that is not
   finite is OTX_ERROR_NOT_FINITE; indices are not checked against N. ctx need not be that of
   fitting, but its isa does not count. Thread-safe on one map, if the hooks of ctx are. */
OTX_API otx_result otx_affine_apply(const otx_context *ctx, const otx_affine_map *map,
                                    const otx_matrix *donor, const otx_matrix *base,
                                    const otx_matrix *targets, size_t first, size_t count,
                                    const int32_t *indices, const double *coefficients,
                                    size_t k, double *rows, otx_error *error);

/* Frees what the map holds; one of zeros is fine. */
OTX_API void otx_affine_close(otx_affine_map *map);

/* ---- the solver --------------------------------------------------------- */

/* How correlations are kept up to date. All forms select the same atoms and
   give the same bits; they differ in time and memory. */
typedef enum otx_omp_form {
    OTX_FORM_AUTO,     /* by a model of cost, within the budget */
    OTX_FORM_GRAM,     /* keeps the products of all pairs of atoms; k <= 32,000 */
    OTX_FORM_COLUMNS,  /* keeps the products of all atoms with those that are selected,
                          as many as there is room for; k <= 32,000 */
    OTX_FORM_RESIDUAL, /* multiplies all atoms with all residuals at every step */
    OTX_FORM_SINGLE,   /* keeps the products of all pairs of atoms, and takes up to 32 steps of
                          one target before the next one's: for few atoms */
    OTX_FORM_EXHAUSTIVE, /* scores every atom in double at every step: the definition
                            itself, slow, with next to no memory */
    OTX_FORM_COUNT
} otx_omp_form;

/* "auto", "gram", "columns", "residual", "single", "exhaustive"; NULL for a number that is
   none. Thread-safe. */
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
    uint64_t passes;        /* times that a block of targets was screened, in the single form
                               for up to 32 steps each; what a few of them
                               that nearly are atoms take apart, at its end, is not counted */
    uint64_t columns;       /* of the Gram matrix computed; 0 in forms without */
    uint64_t candidates;    /* atoms that were left to decide between, over all steps */
    uint64_t candidates_99; /* 99 of 100 steps left no more than that many */
    uint64_t fallbacks;     /* steps at which every atom was scored in double: where an
                               atom is passed over, or hundreds tie */
    uint64_t peak_bytes;    /* most memory the solver held */
    double seconds;         /* of the whole call */
    double seconds_gram;      /* splitting the atoms; all their products, or columns */
    double seconds_correlate; /* products of targets and atoms */
    double seconds_scan;      /* correlations of all atoms, step by step; in the single form
                                 they are in the next */
    double seconds_select;    /* deciding between candidates, and all of these, which
                                 are averages over the threads and overlap: */
    double seconds_rescore;   /* - scoring candidates in double */
    double seconds_factor;    /* - rows of Cholesky factors */
    double seconds_predict;   /* - the next steps' likely atoms, and their factors */
    double seconds_finish;    /* coefficients and residual norms */
    char plan[384];           /* the form chosen, and what others would have cost */
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
   only isa matters, and of that only SCALAR: any other is taken for the best that is
   known without asking the processor. The bits are the same. Cannot fail, takes no
   memory. Thread-safe. */
OTX_API void otx_combine(const otx_context *ctx, const otx_matrix *atoms,
                         const int32_t *indices, const double *coefficients, size_t k,
                         double *row);

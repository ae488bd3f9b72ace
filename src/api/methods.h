/* ---- methods: rows for tokens that a model lacks ------------------------------------------- */

typedef enum otx_method {
    OTX_METHOD_OMP,         /* the combination of a few anchors that makes the donor's row, of
                               their rows in the base: arXiv 2506.06607 */
    OTX_METHOD_OMP_CENTRED, /* the same between the spaces without their means: a row is the
                               mean of the base's anchors plus the combination of what sets
                               them apart from it */
    OTX_METHOD_OMP_AFFINE,  /* what an affine map makes of the donor's row, and the combination
                               of what that map misses at the anchors: see otx_affine_fit.
                               Atoms per target are chosen for each matrix from none to 64 on
                               hidden anchors, unless omp.k says how many; and so is whether
                               the base's rows of a token's first and last piece stand beside
                               its row in the donor, unless `pieces` says */
    OTX_METHOD_AFFINE,      /* the map alone */
    OTX_METHOD_MEAN,        /* the mean of the base's token rows */
    OTX_METHOD_ZERO,
    /* Sums of anchors' rows, weighted by where these lie in the donor. A target of zeros has
       no cosine with anything, and gets zeros where cosines are the weights. */
    OTX_METHOD_COMMON_INTERPOLATION, /* the omp.k nearest anchors (64), by distance or with
                               omp.cosine by cosine, weighted as otx_weighting says: mergekit's
                               method of that name */
    OTX_METHOD_CLP,         /* all anchors, by cosine: CLP-Transfer (Ostendorff and Rehm 2023)
                               with the donor's rows as the helper's */
    OTX_METHOD_WECHSEL,     /* the 10 anchors (or omp.k) of largest cosine, by
                               softmax(cosine / 0.1): WECHSEL's rule (Minixhofer et al. 2022)
                               with the donor's rows in place of aligned word vectors */
    OTX_METHOD_FOCUS,       /* by the sparsemax of the cosines with all anchors: FOCUS' rule
                               (Dobler and de Melo 2023) with the donor's rows in place of
                               auxiliary word vectors */
    OTX_METHOD_HULL,        /* the anchors that omp takes, by weights of 0 or more that sum to
                               1 and come nearest to the donor's row: a row among them, which
                               as an output row never scores above the best of them */
    OTX_METHOD_MP_ROPE,     /* omp.k anchors (8) of a matching pursuit, each turned to a rotary
                               position: mergekit's method of that name, slow */
    /* Maps between the anchors' rows less their means. */
    OTX_METHOD_PROCRUSTES,  /* the rotation and the scale that bring the donor's rows nearest to
                               the base's (Schonemann and Carroll 1970); with more columns on
                               one side, as if the other had zeros there */
    OTX_METHOD_LANDMARK_PCA, /* the rotation alone, between as many principal directions of both
                               sides as the narrower has columns */
    OTX_METHOD_STB,         /* by a basis of the donor's principal directions, each made of omp.k
                               anchors (64), and the same combinations in the base: mergekit's
                               sparse token basis */
    /* Rows by chance, the same for the same seed, place among the targets, and tokens; for an
       output head by other deviates than for an embedding. */
    OTX_METHOD_RANDN,       /* normal deviates with each column's mean and standard deviation
                               over the base's token rows: not mergekit's, which are of mean 0
                               and deviation 1 whatever the model */
    OTX_METHOD_JOHN_HEWITT, /* with the mean and the covariance of the base's token rows:
                               Hewitt, Initializing new word embeddings, 2021 */
    OTX_METHOD_SUBWORD,     /* the rows of the pieces that the base's own tokenizer cuts a token
                               into, as otx_subword says: needs no row of the donor. Without a
                               piece, the mean of the base's token rows */
    OTX_METHOD_ZETT,        /* OTX_ERROR_UNSUPPORTED: a hypernetwork that was trained on the base
                               would be needed (Minixhofer et al. 2024) */
    OTX_METHOD_COUNT
} otx_method;

/* "omp", "omp-centred", "omp-affine", "affine", "mean", "zero", "common_interpolation", "clp",
   "wechsel", "focus", "hull", "mp_rope", "procrustes", "landmark_pca", "stb", "randn",
   "john_hewitt", "subword", "zett"; or NULL. */
OTX_API const char *otx_method_name(otx_method method);

/* How common_interpolation weighs the nearest anchors a_j of a target y. */
typedef enum otx_weighting {
    OTX_WEIGHTING_DISTANCE,      /* by 1 / ||y - a_j||, or by cosine under omp.cosine: those that
                                  are y itself share alike. Sum 1 */
    OTX_WEIGHTING_BARYCENTRIC,   /* the combination that is nearest to y, of those of sum 1 */
    OTX_WEIGHTING_LEAST_SQUARES, /* the combination that is nearest to y */
    OTX_WEIGHTING_COUNT
} otx_weighting;

/* "distance_proportional", "barycentric", "least_squares"; or NULL. */
OTX_API const char *otx_weighting_name(otx_weighting weights);

/* What subword makes of the rows of a token's pieces. An output head wants to begin the token,
   and what reads it has just ended it: where there are two sides to it, the one for the head
   stands behind the stroke. */
typedef enum otx_subword {
    OTX_SUBWORD_MEAN,
    OTX_SUBWORD_SUM,
    OTX_SUBWORD_WEIGHTED_MEAN, /* by 1, 2, ..., n / by n, ..., 2, 1: mergekit's documentation
                                  says so, and its code does the reverse */
    OTX_SUBWORD_FIRST_LAST,    /* the last piece's row / the first's */
    OTX_SUBWORD_LAST,          /* the last piece's row / the mean by 1, 1/2, 1/4, ...:
                                  transplant-vocab's */
    OTX_SUBWORD_LENGTH,        /* the mean by how many bytes the pieces have */
    OTX_SUBWORD_COUNT
} otx_subword;

/* "mean", "sum", "weighted_mean", "first_last", "last", "length"; or NULL. */
OTX_API const char *otx_subword_name(otx_subword subword);

/* The pieces of targets or anchors: those of number i from starts[i] to starts[i + 1] - 1. */
typedef struct otx_pieces {
    const size_t *starts;   /* [of them + 1], or NULL: nobody knows */
    const uint32_t *rows;   /* of tokens, in otx_method_rows */
    const uint32_t *sizes;  /* bytes that they stand for */
} otx_pieces;

/* What a method looks at. Everything but the donor's rows belongs to one matrix of the base. */
typedef enum otx_method_need {
    OTX_NEED_DONOR = 1,      /* to fit: donor and the rows of targets */
    OTX_NEED_BASE = 2,       /* to fit: base */
    OTX_NEED_TOKENS = 4,     /* to fit: tokens */
    OTX_NEED_DONOR_AGAIN = 8, /* to make rows: donor and the rows of targets once more */
    OTX_NEED_PIECES = 16,    /* to make rows: tokens, pieces and head */
    OTX_NEED_HYPERNETWORK = 32, /* what nobody can give */
    OTX_WANT_PIECES = 64    /* to fit and to make rows, where they can be had: tokens, pieces and
                               anchor_pieces */
} otx_method_need;

/* A sum of otx_method_need; 0 for a number that is no method. Rows are always made of the
   base's, base and tokens. */
OTX_API unsigned otx_method_needs(otx_method method);

/* The rows that a method works with. Matrices that it does not need may be all zeros, but for
   targets.rows, which says how many rows are wanted. */
typedef struct otx_method_rows {
    otx_matrix donor;   /* N x d: the anchors' rows in the donor */
    otx_matrix base;    /* N x e: the same anchors' in the base */
    otx_matrix targets; /* B x d: the donor's rows of the tokens that rows are wanted for */
    otx_matrix tokens;  /* T x e: all rows of the base that hold a token */
    otx_pieces pieces;  /* of the targets */
    otx_pieces anchor_pieces; /* of the anchors, each as if the base lacked it: no piece of an
                           anchor is the anchor */
    bool head;          /* the base's matrix is an output head of its own, not a tied one */
} otx_method_rows;

/* Solves as otx_omp does, from the same arguments after its own context. */
typedef otx_result (*otx_solve)(void *context, const otx_context *ctx,
                                const otx_matrix *atoms, const otx_matrix *targets,
                                const otx_omp_options *options, const otx_omp_output *output,
                                otx_omp_stats *stats, otx_error *error);

/* Whether rows are brought to a norm. */
typedef enum otx_row_norm {
    OTX_NORM_NONE,
    OTX_NORM_ANCHORS, /* the median of the anchors' in the base. Helps on some pairs, and ruins
                         others: evaluate */
    OTX_NORM_FITTED,  /* each row's difference from the mean of the anchors' rows in the base
                         times one factor, the same for all rows of a matrix: that with which
                         such rows of hidden anchors, one in 16 or 256 of them, have the least
                         loss (see otx_affine_fit); from 0 to 2. Takes a second fit, of the
                         method to the other anchors; with fewer than 32 the factor is 1. For
                         methods that need the donor's rows: of others it is
                         OTX_ERROR_ARGUMENT */
    OTX_NORM_COUNT
} otx_row_norm;

/* "none", "anchors", "fitted"; or NULL. */
OTX_API const char *otx_row_norm_name(otx_row_norm norm);

/* No rows of pieces; any weight below 0 is as good. */
#define OTX_PIECES_NONE (-1.0)

/* All zero is the default. */
typedef struct otx_method_options {
    otx_omp_options omp; /* of a pursuit. Its k, its cosine and its memory are those of other
                            methods too, where they have a use for them. No window */
    otx_weighting weights; /* of common_interpolation */
    uint64_t seed;       /* of randn and john_hewitt */
    otx_subword subword;
    double pieces;       /* of omp-affine: weight of the base's rows of a token's first and last
                            piece against its row in the donor, 1: each as much, by the mean
                            square of what sets anchors apart. 0: 0.5, or none, whichever has
                            less loss on the same hidden anchors (see otx_affine_fit), none if
                            the difference is small; OTX_PIECES_NONE: none. With pieces fitting
                            takes 2 or 4 bytes for each of (N + B) (d + 2 e) elements and a map
                            of d + 2 e columns */
    /* What is done to the rows of any method, in this order. base must be there for the first
       and the last when rows are made. */
    otx_row_norm norm;
    double scale;        /* a factor; 0: none */
    double noise;        /* the deviation of what is added to every element, by seed, and other
                            for an output head */
    double clip_norms;   /* rows longer than this quantile of the anchors' norms, such as 0.99,
                            are shortened to it; 0: none */
    size_t donor_heads, base_heads; /* of mp_rope: heads that rows are divided into (1, and in a */
    double donor_rope, base_rope;   /* job what config.json says), and the base of rotary
                                       positions (10,000, likewise) */
    otx_solve solve;     /* NULL: otx_omp. An index that is no atom's is OTX_ERROR_ARGUMENT, and
                            so is a coefficient that is no number */
    void *solve_context;
} otx_method_options;

/* A method that was fitted. To be closed. */
typedef struct otx_fitted {
    otx_method method;
    size_t targets;         /* that it can make rows for */
    size_t k;               /* anchors that a row combines, 0 if it combines none; then */
    int32_t *indices;       /* [targets][k] and the like are NULL */
    double *coefficients;   /* [targets][k] */
    double *residual_norms; /* [targets] || target - combination of anchors ||, in the donor */
    double *target_norms;   /* [targets] */
    otx_omp_stats omp;      /* of a pursuit; isa and threads of any method */
    otx_affine_map map;     /* of omp-affine and affine */
    otx_affine_stats affine;
    double pieces;          /* weight of pieces' rows; 0: none beside the donor's. And what was */
    otx_affine_trial other; /* chosen without them if there are, or with; zeros: not tried. In
                               the second case map's own loss is of other hidden anchors */
    struct otx__linear *linear; /* what other methods keep, or NULL */
    struct otx__spread *spread; /* what OTX_NORM_FITTED keeps, or NULL */
    otx_method_options options; /* that it was fitted with */
    size_t anchors;         /* that rows are made from: those of the donor's that it was fitted
                               to */
    uint64_t bytes;         /* that it holds, without the map's */
} otx_fitted;

/* Fits a method to the rows. options and error may be NULL; on failure *fitted is zeros.
   Errors are those of otx_omp and otx_affine_fit; a matrix that is needed and missing, or of
   another shape, is OTX_ERROR_ARGUMENT. Thread-safe if the hooks of ctx are. */
OTX_API otx_result otx_method_fit(const otx_context *ctx, otx_method method,
                                  const otx_method_rows *rows,
                                  const otx_method_options *options, otx_fitted *fitted,
                                  otx_error *error);

/* Makes the rows of targets `first` to first + count - 1: to is [count][e] doubles, before
   they are rounded to the base's type. rows are those that the method was fitted to, or the
   same read again; a method that does not look at the base to be fitted makes rows of any
   matrix of it. base must be there for methods that need the donor's rows, with as many rows
   as these had, and tokens for all others: else it is OTX_ERROR_ARGUMENT. The bits are the
   same on every instruction set and thread count. */
OTX_API otx_result otx_method_make(const otx_context *ctx, const otx_fitted *fitted,
                                   const otx_method_rows *rows, size_t first, size_t count,
                                   double *to, otx_error *error);

/* Frees what it holds, with the allocator that it was fitted with; zeros are fine. */
OTX_API void otx_method_close(const otx_context *ctx, otx_fitted *fitted);

/* ---- rows that nothing has trained ---- */

/* Marks the rows of a matrix that look under-trained, by the rule of mergekit's --magikarp (after
   Land and Bartolo, arXiv 2405.05417): those that are unused, which the caller says by row; with
   `norms`, those shorter than 99 of 100; and those whose cosine with the mean of the unused rows is
   above 0.5 and above that of 99 of 100. A row that holds no numbers is marked where it is unused
   alone, and counts for no mean. marks is by row and is added to: of a model with an output
   head the embedding is marked with `norms`, then the head without; of one without a head of its
   own the embedding without. */
OTX_API otx_result otx_mark_undertrained(const otx_context *ctx, const otx_matrix *matrix,
                                         const uint8_t *unused, bool norms, uint8_t *marks,
                                         otx_error *error);

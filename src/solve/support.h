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

/* What one worker computes in where each target is followed alone. */
typedef struct otx__single {
    float *correlations; /* [atom] of whole tiles */
    float *weight;       /* [atom] likewise: the dictionary's, 0 for what is hidden */
    float *best;         /* [tile] */
} otx__single;

/* What one worker computes in, and what it counts. */
typedef struct otx__scratch {
    double *row, *residual; /* [columns] */
    const void *row_target; /* the target that row holds, or NULL */
    otx__row *rows;         /* [k + 1] those of the atoms selected */
    double *products;       /* [k + 2] */
    double *scores;         /* [otx__scratch_scores(atoms)] */
    float *block;           /* [otx__group_most][32][32] dense products */
    float *rough;           /* [columns] */
    float *least;           /* [target of a block] the residual form: what the largest
                               weighted correlation is at least, by the tiles seen */
    uint32_t *survivors;    /* [atoms] likewise: those that a scan has not ruled out */
    otx__single single;     /* where targets are followed alone */
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

/* Atom number i of those selected and, behind them, barred. */
OTX__PRIVATE size_t otx__support_held(const otx__support *support, size_t i)
{
    return (size_t)(i < support->count ? support->indices[i]
                                       : support->barred[i - support->count]);
}

/* Whether these must be hidden from a screen, as they may score best: those barred, and with
   ridge those selected, as it leaves their correlations at ridge * ||atom||^2 * coefficient. */
OTX__PRIVATE bool otx__support_hides(const otx__problem *problem, const otx__support *support)
{
    return problem->ridge > 0.0 || support->barred_count > 0;
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

/* ---- weights: how a few anchors combine to a target ------------------------------------ */

/* What is known of one target and up to k anchors, and scratch. */
typedef struct otx__weighing {
    size_t k;       /* the pitch of gram */
    double *gram;   /* [k][k] products of the anchors, from the diagonal down */
    double *factor; /* [k (k + 1) / 2] */
    double *right;  /* [k] their products with the target */
    double *sizes;  /* [k] what a pivot^2 of each is measured by */
    double *answer, *trial; /* [k] */
    size_t *kept, *set;     /* [k] */
} otx__weighing;

/* Bytes that it takes with `more` behind them, rounded up to whole lines of the cache; false
   if they cannot be addressed. */
OTX__PRIVATE bool otx__weighing_fits(size_t k, size_t more, size_t *bytes)
{
    double need = 12.0 * (double)k * (double)k + 100.0 * (double)k + (double)more;
    if (need > 0.5 * (double)SIZE_MAX) return false;
    *bytes = (k * k + otx__triangle_size(k) + 4 * k) * sizeof(double) + 2 * k * sizeof(size_t);
    *bytes = (*bytes + more + OTX__ALIGNMENT) / OTX__ALIGNMENT * OTX__ALIGNMENT;
    return true;
}

OTX__PRIVATE otx__weighing otx__weighing_at(void *room, size_t k)
{
    otx__weighing w;
    w.k = k;
    w.gram = (double *)room;
    w.factor = w.gram + k * k;
    w.right = w.factor + otx__triangle_size(k);
    w.sizes = w.right + k;
    w.answer = w.sizes + k;
    w.trial = w.answer + k;
    w.kept = (size_t *)(void *)(w.trial + k);
    w.set = w.kept + k;
    return w;
}

/* The products of `count` anchors with each other and with the target. */
OTX__PRIVATE void otx__weighing_fill(otx__weighing *w, const otx__near *near, size_t target,
                                     const int32_t *indices, size_t count, double *wide)
{
    size_t first, some, i, j;
    for (first = 0; first < count; first += some) {
        otx__row rows[OTX__TILE];
        some = otx__min(OTX__TILE, count - first);
        for (j = 0; j < some; j++)
            rows[j] = otx__view_row(&near->anchor_rows, (size_t)indices[first + j]);
        otx__row_widen(near->kernels, otx__view_row(&near->target_rows, target), near->columns,
                       wide);
        near->kernels->products(wide, rows, some, near->columns, w->right + first);
        for (i = first; i < count; i++) {
            otx__row_widen(near->kernels,
                           otx__view_row(&near->anchor_rows, (size_t)indices[i]), near->columns,
                           wide);
            near->kernels->products(wide, rows, otx__min(some, i + 1 - first), near->columns,
                                    w->gram + i * w->k + first);
        }
    }
    for (i = 0; i < count; i++) w->sizes[i] = w->gram[i * w->k + i];
}

/* A pivot^2 that is no more of the anchor's size counts as none, as in otx_omp. */
#define OTX__DEPENDENT 1e-12

OTX__PRIVATE double otx__weighing_gram(const otx__weighing *w, size_t i, size_t j)
{
    return w->gram[otx__max(i, j) * w->k + otx__min(i, j)];
}

/* Solves gram x = right for the anchors that `set` lists, in its order. One that depends on
   those before it gets 0; false if there is one. */
OTX__PRIVATE bool otx__weighing_solve(otx__weighing *w, const size_t *set, size_t count,
                                      double *x)
{
    size_t held = 0, i, j;
    for (i = 0; i < count; i++) {
        double *row = w->factor + otx__triangle_size(held);
        double pivot = otx__weighing_gram(w, set[i], set[i]);
        for (j = 0; j < held; j++) row[j] = otx__weighing_gram(w, set[i], set[w->kept[j]]);
        if (held) otx__triangle_forward(w->factor, held, row);
        for (j = 0; j < held; j++) {
            double term = row[j] * row[j];
            pivot -= term;
        }
        x[i] = 0.0;
        if (!(pivot > OTX__DEPENDENT * w->sizes[set[i]])) continue;
        row[held] = sqrt(pivot);
        w->answer[held] = w->right[set[i]];
        w->kept[held++] = i;
    }
    if (!held) return count == 0;
    otx__triangle_forward(w->factor, held, w->answer);
    otx__triangle_backward(w->factor, held, w->answer);
    for (i = 0; i < held; i++) x[w->kept[i]] = w->answer[i];
    return held == count;
}

/* The combination that is nearest to the target. */
OTX__PRIVATE void otx__weigh_least_squares(otx__weighing *w, size_t count, double *weights)
{
    size_t i;
    for (i = 0; i < count; i++) w->set[i] = i;
    (void)otx__weighing_solve(w, w->set, count, weights);
}

/* Of those of sum 1: least squares on the differences from the first anchor, where near
   copies of it count as dependent. */
OTX__PRIVATE void otx__weigh_barycentric(otx__weighing *w, size_t count, double *weights)
{
    double corner = w->gram[0], right = w->right[0], rest = 1.0;
    size_t i, j;
    for (i = 1; i < count; i++) {
        double with = w->gram[i * w->k];
        w->right[i] = w->right[i] - right - with + corner;
        w->sizes[i] += corner;
        w->set[i - 1] = i;
        for (j = 1; j <= i; j++)
            w->gram[i * w->k + j] = w->gram[i * w->k + j] - with - w->gram[j * w->k] + corner;
    }
    (void)otx__weighing_solve(w, w->set, count - 1, weights + 1);
    for (i = 1; i < count; i++) rest -= weights[i];
    weights[0] = rest;
}

/* ---- weights of 0 or more, of sum 1 ---- */

/* Makes gram that of the differences from the target, with the same number added everywhere,
   which changes no comparison of weights of sum 1 and keeps systems well posed. Returns its
   largest element. */
OTX__PRIVATE double otx__hull_shift(otx__weighing *w, size_t count, double square)
{
    double most = 0.0;
    size_t i, j;
    for (i = 0; i < count; i++)
        for (j = 0; j <= i; j++) {
            double *at = w->gram + i * w->k + j;
            *at = *at - w->right[i] - w->right[j] + square;
            if (i == j && *at > most) most = *at;
        }
    for (i = 0; i < count; i++) {
        for (j = 0; j <= i; j++) w->gram[i * w->k + j] += most;
        w->sizes[i] = w->gram[i * w->k + i];
        w->right[i] = 1.0;
    }
    return 2.0 * most;
}

/* The anchor along which the combination, of `held` of them, comes nearer to the target
   fastest; count if it does not by more than `least`, or has not since *before. */
OTX__PRIVATE size_t otx__hull_next(const otx__weighing *w, size_t count, size_t held,
                                   const double *weights, double least, double *before)
{
    double square = 0.0, best = 0.0;
    size_t next = count, i, j;
    for (j = 0; j < held; j++) {
        double slope = 0.0;
        for (i = 0; i < held; i++)
            slope += weights[w->set[i]] * otx__weighing_gram(w, w->set[i], w->set[j]);
        square += weights[w->set[j]] * slope;
    }
    if (!(square < *before)) return count;
    *before = square;
    for (j = 0; j < count; j++) {
        double slope = 0.0;
        for (i = 0; i < held; i++)
            slope += weights[w->set[i]] * otx__weighing_gram(w, w->set[i], j);
        if (square - slope > least && (next == count || slope < best)) best = slope, next = j;
    }
    for (i = 0; i < held; i++)
        if (w->set[i] == next) return count;
    return next;
}

/* Moves the weights of the set to the combination of sum 1 that is nearest to the target, or
   as far as none becomes negative; those that become 0 leave the set. Returns how many stay;
   *there tells whether that combination was reached. */
OTX__PRIVATE size_t otx__hull_move(otx__weighing *w, size_t held, double *weights, bool *there)
{
    double sum = 0.0, step = 1.0;
    size_t left = 0, i;
    (void)otx__weighing_solve(w, w->set, held, w->trial);
    for (i = 0; i < held; i++) sum += w->trial[i];
    for (i = 0; i < held; i++) {
        double to = w->trial[i] / sum, from = weights[w->set[i]];
        w->trial[i] = to;
        if (to <= 0.0 && from / (from - to) < step) step = from > to ? from / (from - to) : 0.0;
    }
    *there = step >= 1.0;
    for (i = 0; i < held; i++) {
        double *at = weights + w->set[i], moved = *at + step * (w->trial[i] - *at);
        *at = w->trial[i] <= 0.0 && moved <= 1e-15 ? 0.0 : moved;
        if (*there) *at = w->trial[i];
        if (*at > 0.0) w->set[left++] = w->set[i];
        else *at = 0.0;
    }
    return left;
}

/* The point of the anchors' hull that is nearest to the target, whose square is given, by an
   active set: Wolfe, Finding the nearest point in a polytope, 1976. */
OTX__PRIVATE void otx__weigh_hull(otx__weighing *w, size_t count, double square,
                                  double *weights)
{
    double least = 1e-14 * otx__hull_shift(w, count, square), before = DBL_MAX;
    size_t held = 1, next, i;
    w->set[0] = 0;
    for (i = 0; i < count; i++) {
        weights[i] = 0.0;
        if (w->sizes[i] < w->sizes[w->set[0]]) w->set[0] = i;
    }
    weights[w->set[0]] = 1.0;
    while ((next = otx__hull_next(w, count, held, weights, least, &before)) < count) {
        bool there = false;
        w->set[held++] = next;
        while (!there && held > 1) held = otx__hull_move(w, held, weights, &there);
    }
}

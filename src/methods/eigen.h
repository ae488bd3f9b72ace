/* ---- eigen: principal directions of a matrix's rows --------------------------------- */

/* Householder's reduction to a tridiagonal matrix and the QL method with implicit shifts
   (Bowdler, Martin, Reinsch and Wilkinson 1968, as tql2 of EISPACK), with all loops over rows
   or columns divided among threads, no sum across them. What a pass over a matrix leaves to do
   is done in the next, as reading it takes the time. */

#define OTX__EIGEN_ROWS 32    /* that a task reduces */
#define OTX__EIGEN_COLUMNS 64 /* that a task rotates */
#define OTX__EIGEN_TURNS 60   /* of QL for one value; two or three do */
#define OTX__EIGEN_HELD 64    /* turns whose rotations the vectors wait for */

/* The rotations of a turn: of rows low to high. */
typedef struct otx__eigen_turned {
    size_t low, high;
} otx__eigen_turned;

typedef struct otx__eigen {
    otx__mill *mill;
    size_t n;
    double *matrix;  /* [n][n] symmetric; then the reflections, row k from column k + 1 on */
    double *vectors; /* [n][n] in rows */
    double *diagonal, *beside; /* [n] of the tridiagonal matrix */
    double *taus;    /* [n] */
    double *image;   /* [n] of the reflection at hand under the matrix */
    double *before;  /* [n] of the one before, which the rows behind it have yet to take off */
    double *cosines, *sines; /* [held][n] of the rotations of turns */
    otx__eigen_turned turned[OTX__EIGEN_HELD];
    size_t step, held;
} otx__eigen;

OTX__PRIVATE double otx__eigen_dot(const double *a, const double *b, size_t n)
{
    double lanes[OTX__LANES] = {0};
    size_t i, j;
    for (i = 0; i + OTX__LANES <= n; i += OTX__LANES)
        for (j = 0; j < OTX__LANES; j++) {
            double term = a[i + j] * b[i + j];
            lanes[j] += term;
        }
    for (; i < n; i++) {
        double term = a[i] * b[i];
        lanes[i % OTX__LANES] += term;
    }
    return otx__fold_lanes(lanes);
}

/* a -= by * b. */
OTX__PRIVATE void otx__eigen_take(double *OTX__RESTRICT a, const double *OTX__RESTRICT b,
                                  double by, size_t n)
{
    size_t i;
    for (i = 0; i < n; i++) {
        double term = by * b[i];
        a[i] -= term;
    }
}

/* ---- reduction ---- */

OTX__PRIVATE otx_result otx__eigen_loop(otx__eigen *e, otx_parallel_body body, size_t first,
                                        otx_error *error)
{
    size_t rows = e->n - first;
    e->mill->done = e->step;
    e->mill->total = e->n;
    return otx__mill_loop(e->mill, (rows + OTX__EIGEN_ROWS - 1) / OTX__EIGEN_ROWS,
                          2.0 * OTX__EIGEN_ROWS * (double)rows, body, e, error);
}

/* Both sides of a row reflected by step k: a_ij - v_i w_j - w_i v_j. */
OTX__PRIVATE void otx__eigen_reflect(const otx__eigen *e, size_t k, size_t i, const double *w)
{
    const double *v = e->matrix + k * e->n;
    double *row = e->matrix + i * e->n, left = v[i], right = w[i];
    size_t j;
    for (j = k + 1; j < e->n; j++) {
        double one = left * w[j], two = right * v[j];
        row[j] -= one + two;
    }
}

/* Rows of the matrix, with the step before taken off, and their products with the reflection. */
OTX__PRIVATE void otx__eigen_image_body(void *argument, size_t index, int worker)
{
    const otx__eigen *e = (const otx__eigen *)argument;
    size_t first = e->step + 1, i = first + index * OTX__EIGEN_ROWS;
    size_t end = otx__min(i + OTX__EIGEN_ROWS, e->n);
    const double *v = e->matrix + e->step * e->n + first;
    (void)worker;
    for (; i < end; i++) {
        if (e->step) otx__eigen_reflect(e, e->step - 1, i, e->before);
        e->image[i] = e->taus[e->step] *
                      otx__eigen_dot(e->matrix + i * e->n + first, v, e->n - first);
    }
}

/* Makes row k 0 but for its first two, from the diagonal on: the reflection, in its place. */
OTX__PRIVATE double otx__eigen_reflection(const otx__eigen *e, size_t k)
{
    size_t n = e->n - k - 1;
    double *v = e->matrix + k * e->n + k + 1;
    double norm = sqrt(otx__eigen_dot(v, v, n)), beside = v[0] > 0.0 ? -norm : norm;
    e->taus[k] = 0.0;
    if (!(norm > 0.0)) return 0.0;
    v[0] -= beside;
    e->taus[k] = 2.0 / otx__eigen_dot(v, v, n);
    return beside;
}

OTX__PRIVATE otx_result otx__eigen_reduce(otx__eigen *e, otx_error *error)
{
    otx_result result = OTX_OK;
    size_t n = e->n;
    for (e->step = 0; e->step < n && !result; e->step++) {
        size_t k = e->step, first = k + 1;
        const double *v = e->matrix + k * n + first;
        double *image = e->image;
        if (k && n > 2) otx__eigen_reflect(e, otx__min(k - 1, n - 3), k, e->before);
        e->diagonal[k] = e->matrix[k * n + k];
        e->beside[k] = first < n ? e->matrix[k * n + first] : 0.0;
        if (k + 2 >= n) continue;
        e->beside[k] = otx__eigen_reflection(e, k);
        result = otx__eigen_loop(e, otx__eigen_image_body, first, error);
        otx__eigen_take(image + first, v,
                        0.5 * e->taus[k] * otx__eigen_dot(image + first, v, n - first),
                        n - first);
        e->image = e->before;
        e->before = image;
    }
    return result;
}

/* Rows of the vectors under all reflections, the last first. */
OTX__PRIVATE void otx__eigen_vectors_body(void *argument, size_t index, int worker)
{
    const otx__eigen *e = (const otx__eigen *)argument;
    size_t n = e->n, begin = index * OTX__EIGEN_ROWS, i, k;
    size_t end = otx__min(begin + OTX__EIGEN_ROWS, n);
    (void)worker;
    for (i = begin; i < end; i++)
        for (k = 0; k < n; k++) e->vectors[i * n + k] = i == k ? 1.0 : 0.0;
    for (k = otx__min(n < 2 ? 0 : n - 2, end); k-- > 0;) {
        const double *v = e->matrix + k * n + k + 1;
        for (i = otx__max(begin, k + 1); i < end; i++) {
            double *row = e->vectors + i * n + k + 1;
            otx__eigen_take(row, v, e->taus[k] * otx__eigen_dot(row, v, n - k - 1), n - k - 1);
        }
    }
}

OTX__PRIVATE otx_result otx__eigen_gather(otx__eigen *e, otx_error *error)
{
    double n = (double)e->n;
    return otx__mill_loop(e->mill, (e->n + OTX__EIGEN_ROWS - 1) / OTX__EIGEN_ROWS,
                          OTX__EIGEN_ROWS * n * n, otx__eigen_vectors_body, e, error);
}

/* ---- QL ---- */

/* Some columns of the vectors under all rotations that they wait for. */
OTX__PRIVATE void otx__eigen_rotate_body(void *argument, size_t index, int worker)
{
    const otx__eigen *e = (const otx__eigen *)argument;
    size_t first = index * OTX__EIGEN_COLUMNS, turn, i, j;
    size_t count = otx__min(OTX__EIGEN_COLUMNS, e->n - first);
    (void)worker;
    for (turn = 0; turn < e->held; turn++) {
        for (i = e->turned[turn].high; i-- > e->turned[turn].low;) {
            double *OTX__RESTRICT a = e->vectors + i * e->n + first;
            double *OTX__RESTRICT b = e->vectors + (i + 1) * e->n + first;
            double c = e->cosines[turn * e->n + i], s = e->sines[turn * e->n + i];
            for (j = 0; j < count; j++) {
                double at = a[j], with = b[j];
                double sa = s * at, cb = c * with, ca = c * at, sb = s * with;
                b[j] = sa + cb;
                a[j] = ca - sb;
            }
        }
    }
}

/* Has the vectors take what they wait for. */
OTX__PRIVATE otx_result otx__eigen_rotate(otx__eigen *e, otx_error *error)
{
    size_t chunks = (e->n + OTX__EIGEN_COLUMNS - 1) / OTX__EIGEN_COLUMNS, turn;
    double rotations = 0.0;
    otx_result result;
    for (turn = 0; turn < e->held; turn++)
        rotations += (double)(e->turned[turn].high - e->turned[turn].low);
    result = otx__mill_loop(e->mill, chunks, 4.0 * OTX__EIGEN_COLUMNS * rotations,
                            otx__eigen_rotate_body, e, error);
    e->held = 0;
    return result;
}

/* One turn of QL on the block from l to m, its values less *shift. */
OTX__PRIVATE void otx__eigen_turn(otx__eigen *e, size_t l, size_t m, double *shift)
{
    double *d = e->diagonal, *b = e->beside;
    double g = d[l], p = (d[l + 1] - g) / (2.0 * b[l]), r = sqrt(p * p + 1.0), h, next, after;
    double c = 1.0, c2 = 1.0, c3 = 1.0, s = 0.0, s2 = 0.0;
    size_t i;
    if (p < 0.0) r = -r;
    d[l] = b[l] / (p + r);
    d[l + 1] = next = b[l] * (p + r);
    h = g - d[l];
    for (i = l + 2; i < e->n; i++) d[i] -= h;
    *shift += h;
    p = d[m];
    after = b[l + 1];
    for (i = m; i-- > l;) {
        c3 = c2;
        c2 = c;
        s2 = s;
        g = c * b[i];
        h = c * p;
        r = sqrt(p * p + b[i] * b[i]);
        b[i + 1] = s * r;
        s = r > 0.0 ? b[i] / r : 0.0;
        c = r > 0.0 ? p / r : 1.0;
        p = c * d[i] - s * g;
        d[i + 1] = h + s * (c * g + s * d[i]);
        e->cosines[e->held * e->n + i] = c;
        e->sines[e->held * e->n + i] = s;
    }
    p = -s * s2 * c3 * after * b[l] / next;
    b[l] = s * p;
    d[l] = c * p;
    e->turned[e->held].low = l;
    e->turned[e->held++].high = m;
}

OTX__PRIVATE otx_result otx__eigen_values(otx__eigen *e, otx_error *error)
{
    double *d = e->diagonal, *b = e->beside, shift = 0.0, most = 0.0;
    otx_result result = OTX_OK;
    size_t l, m;
    for (l = 0; l < e->n && !result; l++) {
        int turn;
        if (fabs(d[l]) + fabs(b[l]) > most) most = fabs(d[l]) + fabs(b[l]);
        e->mill->done = l;
        for (m = l; m + 1 < e->n && fabs(b[m]) > DBL_EPSILON * most;) m++;
        for (turn = 0; m > l && turn < OTX__EIGEN_TURNS && !result; turn++) {
            otx__eigen_turn(e, l, m, &shift);
            if (e->held == OTX__EIGEN_HELD) result = otx__eigen_rotate(e, error);
            if (!(fabs(b[l]) > DBL_EPSILON * most)) break;
        }
        d[l] += shift;
        b[l] = 0.0;
    }
    return result ? result : otx__eigen_rotate(e, error);
}

/* ---- directions ---- */

OTX__PRIVATE bool otx__eigen_take_room(otx__eigen *e, otx__mill *mill, size_t n)
{
    double **vectors[5];
    size_t i;
    memset(e, 0, sizeof *e);
    e->mill = mill;
    e->n = n;
    vectors[0] = &e->diagonal, vectors[1] = &e->beside, vectors[2] = &e->taus;
    vectors[3] = &e->image, vectors[4] = &e->before;
    e->matrix = (double *)otx__pool_take(&mill->pool, n, n * sizeof(double));
    e->vectors = (double *)otx__pool_take(&mill->pool, n, n * sizeof(double));
    e->cosines = (double *)otx__pool_take(&mill->pool, n + 1,
                                          OTX__EIGEN_HELD * sizeof(double));
    e->sines = (double *)otx__pool_take(&mill->pool, n + 1, OTX__EIGEN_HELD * sizeof(double));
    for (i = 0; i < 5; i++)
        *vectors[i] = (double *)otx__pool_take(&mill->pool, n + 1, sizeof(double));
    return !mill->pool.failed;
}

/* Bytes that otx__principal takes for a matrix of n columns. */
OTX__PRIVATE double otx__principal_need(size_t n)
{
    return 2.0 * otx__dense_need(n, n) + otx__dense_need(n, n) +
           2.0 * otx__dense_need(OTX__DENSE_ROWS, n) + (64.0 + 16.0 * OTX__EIGEN_HELD) * (double)n;
}

/* The directions along which rows, less their mean, have the most variance: as many as `to`
   has columns, which are filled with them, the largest first. */
OTX__PRIVATE otx_result otx__principal(otx__mill *mill, const otx_matrix *rows,
                                       const double *mean, const otx__dense *to,
                                       otx_error *error)
{
    size_t n = rows->columns, i, j, q, best;
    otx__dense products = otx__dense_take(&mill->pool, n, n);
    otx__dense_read left, right;
    otx__eigen e;
    otx_result result;
    otx__dense_read_open(mill, &left, rows);
    otx__dense_read_open(mill, &right, rows);
    left.less = right.less = mean;
    if (!otx__eigen_take_room(&e, mill, n)) return otx__pool_fail(&mill->pool, error);
    result = otx__dense_cross(mill, &products, &left, &right, OTX__DENSE_UPPER, error);
    for (i = 0; i < n && !result; i++)
        for (j = i; j < n; j++)
            e.matrix[i * n + j] = e.matrix[j * n + i] = *otx__dense_at(&products, i, j);
    if (!result) result = otx__eigen_reduce(&e, error);
    if (!result) result = otx__eigen_gather(&e, error);
    if (!result) result = otx__eigen_values(&e, error);
    for (q = 0; q < to->columns && !result; q++) {
        for (best = 0, i = 1; i < n; i++)
            if (e.diagonal[i] > e.diagonal[best]) best = i;
        e.diagonal[best] = -DBL_MAX;
        for (i = 0; i < n; i++) *otx__dense_at(to, i, q) = e.vectors[best * n + i];
    }
    return result;
}

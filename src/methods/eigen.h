/* ---- eigen: principal directions of a matrix's rows --------------------------------- */

/* Householder's reduction to a tridiagonal matrix and the QL method with implicit shifts
   (Bowdler, Martin, Reinsch and Wilkinson 1968, as tql2 of EISPACK), with all loops over rows
   or columns divided among threads, no sum across them. */

#define OTX__EIGEN_ROWS 32    /* that a task reduces */
#define OTX__EIGEN_COLUMNS 64 /* that a task rotates */
#define OTX__EIGEN_TURNS 60   /* of QL for one value; two or three do */

typedef struct otx__eigen {
    otx__mill *mill;
    size_t n;
    double *matrix;  /* [n][n] symmetric; then the reflections, row k from column k + 1 on */
    double *vectors; /* [n][n] in rows */
    double *diagonal, *beside; /* [n] of the tridiagonal matrix */
    double *taus;    /* [n] */
    double *image;   /* [n] of the reflection at hand under the matrix */
    double *cosines, *sines; /* [n] of the rotations at hand, */
    size_t step, low, high;  /* which are those of rows low to high */
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

/* Rows of the matrix with the reflection. */
OTX__PRIVATE void otx__eigen_image_body(void *argument, size_t index, int worker)
{
    const otx__eigen *e = (const otx__eigen *)argument;
    size_t first = e->step + 1, i = first + index * OTX__EIGEN_ROWS;
    size_t end = otx__min(i + OTX__EIGEN_ROWS, e->n);
    const double *v = e->matrix + e->step * e->n + first;
    (void)worker;
    for (; i < end; i++)
        e->image[i] = e->taus[e->step] *
                      otx__eigen_dot(e->matrix + i * e->n + first, v, e->n - first);
}

/* Both sides of them reflected: a_ij - v_i w_j - w_i v_j. */
OTX__PRIVATE void otx__eigen_reflect_body(void *argument, size_t index, int worker)
{
    const otx__eigen *e = (const otx__eigen *)argument;
    size_t first = e->step + 1, i = first + index * OTX__EIGEN_ROWS, j;
    size_t end = otx__min(i + OTX__EIGEN_ROWS, e->n);
    const double *v = e->matrix + e->step * e->n, *w = e->image;
    (void)worker;
    for (; i < end; i++) {
        double *row = e->matrix + i * e->n, left = v[i], right = w[i];
        for (j = first; j < e->n; j++) {
            double one = left * w[j], two = right * v[j];
            row[j] -= one + two;
        }
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
    for (e->step = 0; e->step + 2 < n && !result; e->step++) {
        size_t first = e->step + 1;
        const double *v = e->matrix + e->step * n + first;
        e->diagonal[e->step] = e->matrix[e->step * n + e->step];
        e->beside[e->step] = otx__eigen_reflection(e, e->step);
        result = otx__eigen_loop(e, otx__eigen_image_body, first, error);
        if (result) return result;
        otx__eigen_take(e->image + first, v,
                        0.5 * e->taus[e->step] *
                            otx__eigen_dot(e->image + first, v, n - first),
                        n - first);
        result = otx__eigen_loop(e, otx__eigen_reflect_body, first, error);
    }
    for (; e->step < n; e->step++) {
        e->diagonal[e->step] = e->matrix[e->step * n + e->step];
        e->beside[e->step] = e->step + 1 < n ? e->matrix[e->step * n + e->step + 1] : 0.0;
    }
    return result;
}

/* Rows of the vectors, reflected. */
OTX__PRIVATE void otx__eigen_vectors_body(void *argument, size_t index, int worker)
{
    const otx__eigen *e = (const otx__eigen *)argument;
    size_t first = e->step + 1, i = first + index * OTX__EIGEN_ROWS;
    size_t end = otx__min(i + OTX__EIGEN_ROWS, e->n);
    const double *v = e->matrix + e->step * e->n + first;
    (void)worker;
    for (; i < end; i++) {
        double *row = e->vectors + i * e->n + first;
        otx__eigen_take(row, v, e->taus[e->step] * otx__eigen_dot(row, v, e->n - first),
                        e->n - first);
    }
}

OTX__PRIVATE otx_result otx__eigen_gather(otx__eigen *e, otx_error *error)
{
    otx_result result = OTX_OK;
    size_t i;
    memset(e->vectors, 0, e->n * e->n * sizeof *e->vectors);
    for (i = 0; i < e->n; i++) e->vectors[i * e->n + i] = 1.0;
    for (i = e->n < 2 ? 0 : e->n - 2; i-- > 0 && !result;) {
        e->step = i;
        result = otx__eigen_loop(e, otx__eigen_vectors_body, i + 1, error);
    }
    return result;
}

/* ---- QL ---- */

/* Some columns of the vectors under all rotations at hand. */
OTX__PRIVATE void otx__eigen_rotate_body(void *argument, size_t index, int worker)
{
    const otx__eigen *e = (const otx__eigen *)argument;
    size_t first = index * OTX__EIGEN_COLUMNS, i, j;
    size_t count = otx__min(OTX__EIGEN_COLUMNS, e->n - first);
    (void)worker;
    for (i = e->high; i-- > e->low;) {
        double *OTX__RESTRICT a = e->vectors + i * e->n + first;
        double *OTX__RESTRICT b = e->vectors + (i + 1) * e->n + first;
        double c = e->cosines[i], s = e->sines[i];
        for (j = 0; j < count; j++) {
            double at = a[j], with = b[j], sa = s * at, cb = c * with, ca = c * at, sb = s * with;
            b[j] = sa + cb;
            a[j] = ca - sb;
        }
    }
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
        e->cosines[i] = c;
        e->sines[i] = s;
    }
    p = -s * s2 * c3 * after * b[l] / next;
    b[l] = s * p;
    d[l] = c * p;
    e->low = l;
    e->high = m;
}

OTX__PRIVATE otx_result otx__eigen_values(otx__eigen *e, otx_error *error)
{
    double *d = e->diagonal, *b = e->beside, shift = 0.0, most = 0.0;
    size_t chunks = (e->n + OTX__EIGEN_COLUMNS - 1) / OTX__EIGEN_COLUMNS, l, m;
    otx_result result = OTX_OK;
    for (l = 0; l < e->n && !result; l++) {
        int turn;
        if (fabs(d[l]) + fabs(b[l]) > most) most = fabs(d[l]) + fabs(b[l]);
        e->mill->done = l;
        for (m = l; m + 1 < e->n && fabs(b[m]) > DBL_EPSILON * most;) m++;
        for (turn = 0; m > l && turn < OTX__EIGEN_TURNS && !result; turn++) {
            otx__eigen_turn(e, l, m, &shift);
            result = otx__mill_loop(e->mill, chunks,
                                    4.0 * OTX__EIGEN_COLUMNS * (double)(m - l),
                                    otx__eigen_rotate_body, e, error);
            if (!(fabs(b[l]) > DBL_EPSILON * most)) break;
        }
        d[l] += shift;
        b[l] = 0.0;
    }
    return result;
}

/* ---- directions ---- */

OTX__PRIVATE bool otx__eigen_take_room(otx__eigen *e, otx__mill *mill, size_t n)
{
    double **vectors[6];
    size_t i;
    memset(e, 0, sizeof *e);
    e->mill = mill;
    e->n = n;
    vectors[0] = &e->diagonal, vectors[1] = &e->beside, vectors[2] = &e->taus;
    vectors[3] = &e->image, vectors[4] = &e->cosines, vectors[5] = &e->sines;
    e->matrix = (double *)otx__pool_take(&mill->pool, n, n * sizeof(double));
    e->vectors = (double *)otx__pool_take(&mill->pool, n, n * sizeof(double));
    for (i = 0; i < 6; i++)
        *vectors[i] = (double *)otx__pool_take(&mill->pool, n + 1, sizeof(double));
    return !mill->pool.failed;
}

/* Bytes that otx__principal takes for a matrix of n columns. */
OTX__PRIVATE double otx__principal_need(size_t n)
{
    return 2.0 * otx__dense_need(n, n) + otx__dense_need(n, n) +
           2.0 * otx__dense_need(OTX__DENSE_ROWS, n) + 64.0 * (double)n;
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

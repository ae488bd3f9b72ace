/* ---- triangle: packed lower triangles, row after row without the zeros ------- */

/* Row i of L holds i + 1 elements from i (i + 1) / 2 on. The loops take four rows at
   a time, for the processor to have four sums under way; the order of the operations
   on any one number, and so every bit, is that of the loops over single rows. */
#define OTX__TRIANGLE_ROWS 4

/* Pointers that nothing else in the function reaches. */
#if defined(__GNUC__) || defined(__clang__) || defined(_MSC_VER)
#define OTX__RESTRICT __restrict
#else
#define OTX__RESTRICT
#endif

OTX__PRIVATE size_t otx__triangle_size(size_t rows) { return rows * (rows + 1) / 2; }

/* The elements (first + i, first + j), i > j, of four rows' own block. */
OTX__PRIVATE void otx__triangle_corner(const double *const rows[OTX__TRIANGLE_ROWS], size_t first,
                                       size_t count, double sums[OTX__TRIANGLE_ROWS])
{
    size_t i, j;
    for (j = 0; j < count; j++) {
        sums[j] /= rows[j][first + j];
        for (i = j + 1; i < count; i++) {
            double term = rows[i][first + j] * sums[j];
            sums[i] -= term;
        }
    }
}

/* Solves L x = b in place. */
OTX__PRIVATE void otx__triangle_forward(const double *factor, size_t count, double *x)
{
    size_t first, i, j;
    for (first = 0; first < count; first += OTX__TRIANGLE_ROWS) {
        size_t rows = otx__min(OTX__TRIANGLE_ROWS, count - first);
        const double *at[OTX__TRIANGLE_ROWS];
        double sums[OTX__TRIANGLE_ROWS], s0, s1, s2, s3;
        for (i = 0; i < OTX__TRIANGLE_ROWS; i++) {
            at[i] = factor + otx__triangle_size(otx__min(first + i, count - 1));
            sums[i] = x[otx__min(first + i, count - 1)];
        }
        s0 = sums[0], s1 = sums[1], s2 = sums[2], s3 = sums[3];
        for (j = 0; j < first; j++) {
            double t0 = at[0][j] * x[j], t1 = at[1][j] * x[j];
            double t2 = at[2][j] * x[j], t3 = at[3][j] * x[j];
            s0 -= t0, s1 -= t1, s2 -= t2, s3 -= t3;
        }
        sums[0] = s0, sums[1] = s1, sums[2] = s2, sums[3] = s3;
        otx__triangle_corner(at, first, rows, sums);
        for (i = 0; i < rows; i++) x[first + i] = sums[i];
    }
}

/* x[j] -= sum over i of rows[i][j] * by[i], i from the last to the first. */
OTX__PRIVATE void otx__triangle_take(double *OTX__RESTRICT x, const double *OTX__RESTRICT r0,
                                     const double *OTX__RESTRICT r1,
                                     const double *OTX__RESTRICT r2,
                                     const double *OTX__RESTRICT r3, const double *by,
                                     size_t count)
{
    double b0 = by[0], b1 = by[1], b2 = by[2], b3 = by[3];
    size_t j;
    for (j = 0; j < count; j++) {
        double t0 = r0[j] * b0, t1 = r1[j] * b1, t2 = r2[j] * b2, t3 = r3[j] * b3;
        x[j] = x[j] - t3 - t2 - t1 - t0;
    }
}

/* Solves L' x = b in place, from the last to the first. */
OTX__PRIVATE void otx__triangle_backward(const double *factor, size_t count, double *x)
{
    size_t end, i, j;
    for (end = count; end > 0; end -= otx__min(OTX__TRIANGLE_ROWS, end)) {
        size_t rows = otx__min(OTX__TRIANGLE_ROWS, end), first = end - rows;
        const double *row[OTX__TRIANGLE_ROWS] = {factor, factor, factor, factor};
        for (i = rows; i-- > 0;) {
            row[i] = factor + otx__triangle_size(first + i);
            x[first + i] /= row[i][first + i];
            for (j = 0; j < i; j++) {
                double term = row[i][first + j] * x[first + i];
                x[first + j] -= term;
            }
        }
        if (first) otx__triangle_take(x, row[0], row[1], row[2], row[3], x + first, first);
    }
}

/* ||L' x||; x is lost. */
OTX__PRIVATE double otx__triangle_norm(const double *factor, size_t count, double *x)
{
    double square = 0.0;
    size_t i, j;
    for (i = 0; i < count; i++) {
        const double *row = factor + otx__triangle_size(i);
        double by = x[i];
        for (j = 0; j < i; j++) x[j] += row[j] * by;
        x[i] = row[i] * by;
    }
    for (i = 0; i < count; i++) square += x[i] * x[i];
    return sqrt(square);
}

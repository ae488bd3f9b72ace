/* ---- rope: rows turned to positions ---------------------------------------------------- */

/* Pairs of columns i and i + h / 2 of a head of h columns turn by the angle p base^(-2 i / h)
   at position p (Su et al., RoFormer, 2021); a column without a partner stays. */
typedef struct otx__rope {
    size_t columns, heads, pairs; /* pairs of a head */
    double *rates;                /* [pairs] angle a position */
} otx__rope;

/* The angle of (x, y), from -pi to pi; 0 of (0, 0). Series after two halvings. */
OTX__PRIVATE double otx__angle(double x, double y)
{
    const double half = 1.57079632679489661923;
    double a = fabs(x), b = fabs(y), t, square, sum = 0.0;
    int i;
    if (!(a + b > 0.0)) return 0.0;
    t = a < b ? a / b : b / a;
    t = t / (1.0 + sqrt(1.0 + t * t));
    t = t / (1.0 + sqrt(1.0 + t * t));
    square = t * t;
    for (i = 21; i > 0; i -= 2) sum = 1.0 / (double)i - square * sum;
    t = 4.0 * t * sum;
    if (a < b) t = half - t;
    if (x < 0.0) t = 2.0 * half - t;
    return y < 0.0 ? -t : t;
}

OTX__PRIVATE otx_result otx__rope_open(otx__rope *rope, size_t columns, size_t heads,
                                       double base, const char *name, otx__pool *pool,
                                       otx_error *error)
{
    size_t i, width;
    rope->columns = columns;
    rope->heads = heads ? heads : 1;
    if (columns % rope->heads)
        return otx__fail(error, OTX_ERROR_ARGUMENT,
                         "%s: rows of %" PRIu64 " columns are not of %" PRIu64 " heads", name,
                         (uint64_t)columns, (uint64_t)heads);
    if (base < 0.0 || (base > 0.0 && base < 1.0) || !otx__is_finite(base))
        return otx__fail(error, OTX_ERROR_ARGUMENT,
                         "%s: the base of rotary positions must be 1 or more", name);
    width = columns / rope->heads;
    rope->pairs = width / 2;
    rope->rates = (double *)otx__pool_take(pool, rope->pairs, sizeof(double));
    if (!rope->rates) return otx__pool_fail(pool, error);
    for (i = 0; i < rope->pairs; i++)
        rope->rates[i] = otx__exp(-otx__logarithm(base > 0.0 ? base : 10000.0) * 2.0 *
                                  (double)i / (double)width);
    return OTX_OK;
}

/* Turns a row to a position. */
OTX__PRIVATE void otx__rope_turn(const otx__rope *rope, double position, double *row)
{
    size_t width = rope->columns / rope->heads, head, i;
    for (i = 0; i < rope->pairs; i++) {
        double turns = position * rope->rates[i] / 6.28318530717958647693, c, s;
        otx__circle(turns - floor(turns), &c, &s);
        for (head = 0; head < rope->heads; head++) {
            double *x = row + head * width + i, *y = x + rope->pairs;
            double a = *x * c, b = *y * s, d = *y * c, e = *x * s;
            *x = a - b;
            *y = d + e;
        }
    }
}

/* The position of a row that fits a residual best; *row is not turned. */
OTX__PRIVATE double otx__rope_position(const otx__rope *rope, const double *row,
                                       const double *residual)
{
    const double pi = 3.14159265358979323846;
    size_t width = rope->columns / rope->heads, head, i;
    double sums[2] = {0.0, 0.0}, squares = 0.0;
    for (head = 0; head < rope->heads; head++) {
        for (i = 0; i < rope->pairs; i++) {
            const double *a = row + head * width + i, *r = residual + head * width + i;
            double x = a[0] * r[0] + a[rope->pairs] * r[rope->pairs];
            double y = a[0] * r[rope->pairs] - a[rope->pairs] * r[0];
            double angle = otx__angle(x, y), rate = rope->rates[i];
            sums[0] += angle * rate;
            sums[1] += (angle > 0.0 ? angle - pi : angle + pi) * rate;
            squares += rate * rate;
        }
    }
    if (!(squares > 0.0)) return 0.0;
    return (fabs(sums[0]) <= fabs(sums[1]) ? sums[0] : sums[1]) / squares;
}

/* What is done to the rows of any method: norms, factors, noise, clipping.
   A suite of the public API: linked with the implementation. */
#include <math.h>

#include "omp_transplant.h"
#include "test.h"

enum { ANCHORS = 5, TARGETS = 4, COLUMNS = 2 };

/* Anchors of the norms 1, 2, 3, 4, 10 in the base; each target is an anchor of the donor, so that
   its row is that anchor's, and one is zeros. */
static float base[ANCHORS * COLUMNS] = {0, 1, 2, 0, 0, 3, 4, 0, 0, 10};
static float donor[ANCHORS * COLUMNS] = {1, 1, -1, 1, 3, -1, 1, 4, 6, 5};
static float targets[TARGETS * COLUMNS] = {1, 1, 0, 0, 6, 5, 1, 4};
static double made[TARGETS * COLUMNS];
static otx_error error;

static otx_matrix matrix(const float *data, size_t rows)
{
    otx_matrix m;
    memset(&m, 0, sizeof m);
    m.data = data;
    m.rows = rows;
    m.columns = COLUMNS;
    m.dtype = OTX_F32;
    return m;
}

static otx_result make(const otx_method_options *options, size_t step)
{
    otx_method_rows rows;
    otx_fitted fitted;
    size_t first;
    otx_result result;
    memset(&rows, 0, sizeof rows);
    rows.donor = matrix(donor, ANCHORS);
    rows.base = matrix(base, ANCHORS);
    rows.targets = matrix(targets, TARGETS);
    result = otx_method_fit(NULL, OTX_METHOD_OMP, &rows, options, &fitted, &error);
    for (first = 0; first < TARGETS && !result; first += step)
        result = otx_method_make(NULL, &fitted, &rows, first, step, made + first * COLUMNS,
                                 &error);
    otx_method_close(NULL, &fitted);
    return result;
}

static double norm(size_t row)
{
    return sqrt(made[2 * row] * made[2 * row] + made[2 * row + 1] * made[2 * row + 1]);
}

/* Selected by cosine, one atom a target: rows are those of the anchors 0, none, 4 and 3. */
static otx_method_options one_atom(void)
{
    otx_method_options options;
    memset(&options, 0, sizeof options);
    options.omp.k = 1;
    options.omp.cosine = true;
    return options;
}

#define CHECK_NORM(row, wanted) CHECK(fabs(norm(row) - (wanted)) < 1e-12)

static void nothing_by_default(void)
{
    otx_method_options options = one_atom();
    CHECK_INT(make(&options, TARGETS), OTX_OK);
    CHECK_NORM(0, 1.0);
    CHECK_NORM(1, 0.0);
    CHECK_NORM(2, 10.0);
    CHECK_NORM(3, 4.0);
}

static void the_median_norm_of_the_anchors(void)
{
    otx_method_options options = one_atom();
    options.norm = OTX_NORM_ANCHORS;
    CHECK_INT(make(&options, 2), OTX_OK);
    CHECK_NORM(0, 3.0);
    CHECK_NORM(1, 0.0); /* zeros have no direction */
    CHECK_NORM(2, 3.0);
    CHECK_STRING(otx_row_norm_name(OTX_NORM_ANCHORS), "anchors");
    CHECK_STRING(otx_row_norm_name(OTX_NORM_FITTED), "fitted");
    CHECK(otx_row_norm_name(OTX_NORM_COUNT) == NULL);
}

static void no_row_longer_than_a_quantile(void)
{
    otx_method_options options = one_atom();
    options.clip_norms = 0.75;
    CHECK_INT(make(&options, TARGETS), OTX_OK);
    CHECK_NORM(0, 1.0);
    CHECK_NORM(2, 4.0);
    CHECK_NORM(3, 4.0);
    options.clip_norms = 1.0;
    CHECK_INT(make(&options, TARGETS), OTX_OK);
    CHECK_NORM(2, 10.0);
}

/* The factor comes after the norm, clipping after both. */
static void in_their_order(void)
{
    otx_method_options options = one_atom();
    options.scale = 2.0;
    CHECK_INT(make(&options, TARGETS), OTX_OK);
    CHECK_NORM(3, 8.0);
    options.norm = OTX_NORM_ANCHORS;
    CHECK_INT(make(&options, TARGETS), OTX_OK);
    CHECK_NORM(3, 6.0);
    options.clip_norms = 0.75;
    CHECK_INT(make(&options, TARGETS), OTX_OK);
    CHECK_NORM(3, 4.0);
}

static void noise_by_seed(void)
{
    otx_method_options options = one_atom();
    double plain[TARGETS * COLUMNS], seen[TARGETS * COLUMNS], sum = 0.0;
    size_t i;
    CHECK_INT(make(&options, TARGETS), OTX_OK);
    memcpy(plain, made, sizeof made);
    options.noise = 0.5;
    options.seed = 3;
    CHECK_INT(make(&options, TARGETS), OTX_OK);
    memcpy(seen, made, sizeof made);
    CHECK_INT(make(&options, 1), OTX_OK); /* windows do not matter */
    CHECK(memcmp(seen, made, sizeof made) == 0);
    options.seed = 4;
    CHECK_INT(make(&options, TARGETS), OTX_OK);
    CHECK(memcmp(seen, made, sizeof made) != 0);
    for (i = 0; i < COUNT(seen); i++) sum += fabs(seen[i] - plain[i]);
    CHECK(sum > 0.5 && sum < 8.0);
}

/* ---- the factor that is fitted ---- */

enum { MANY = 100, HIDDEN = 6, NEW = 7, FROM = 5, TO = 4 };

/* Numbers of either sign; base rows are a map of the donor's about a mean, with noise. */
static float many_base[MANY * TO], many_donor[MANY * FROM], many_new[NEW * FROM];

static double random_number(uint64_t *state)
{
    *state = *state * UINT64_C(6364136223846793005) + 1442695040888963407u;
    return (double)(*state >> 33) / 2147483648.0 - 0.5;
}

static void fill_many(void)
{
    uint64_t state = 1;
    size_t i, j;
    for (i = 0; i < COUNT(many_donor); i++) many_donor[i] = (float)random_number(&state);
    for (i = 0; i < COUNT(many_new); i++) many_new[i] = (float)random_number(&state);
    for (i = 0; i < MANY; i++)
        for (j = 0; j < TO; j++)
            many_base[i * TO + j] = (float)(3.0 + (double)many_donor[i * FROM + j] +
                                            (double)many_donor[i * FROM + j + 1] +
                                            0.5 * random_number(&state));
}

static otx_matrix some(const float *data, size_t columns, const uint32_t *index, size_t rows)
{
    otx_matrix m = matrix(data, rows);
    m.columns = columns;
    m.index = index;
    return m;
}

/* With `pieced` every token has two pieces, by its number; none is the token. */
static bool pieced;

static otx_pieces pieces_of(const uint32_t *listed, size_t count, size_t starts[MANY + 1],
                            uint32_t pieces[2 * MANY])
{
    static const uint32_t sizes[2 * MANY] = {0};
    otx_pieces all;
    size_t i;
    for (i = 0; i < count; i++) {
        size_t number = listed ? listed[i] : i;
        starts[i] = 2 * i;
        pieces[2 * i] = (uint32_t)((5 * number + 3) % MANY);
        pieces[2 * i + 1] = (uint32_t)((9 * number + 5) % MANY);
    }
    starts[count] = 2 * count;
    all.starts = starts;
    all.rows = pieces;
    all.sizes = sizes;
    return all;
}

/* Rows of `targets` by a method, from the anchors that are listed. */
static void make_of(otx_method method, const otx_method_options *options, const uint32_t *kept,
                    size_t count, otx_matrix targets_of, double *to)
{
    static size_t starts[2][MANY + 1];
    static uint32_t pieces[2][2 * MANY];
    otx_method_rows rows;
    otx_fitted fitted;
    size_t i;
    memset(&rows, 0, sizeof rows);
    rows.donor = some(many_donor, FROM, kept, count);
    rows.base = some(many_base, TO, kept, count);
    rows.targets = targets_of;
    if (pieced) {
        rows.tokens = some(many_base, TO, NULL, MANY);
        rows.pieces = pieces_of(targets_of.index, targets_of.rows, starts[0], pieces[0]);
        rows.anchor_pieces = pieces_of(kept, count, starts[1], pieces[1]);
    }
    CHECK_INT(otx_method_fit(NULL, method, &rows, options, &fitted, &error), OTX_OK);
    for (i = 0; i < targets_of.rows; i++)
        CHECK_INT(otx_method_make(NULL, &fitted, &rows, i, 1, to + i * TO, &error), OTX_OK);
    otx_method_close(NULL, &fitted);
}

static const uint32_t hidden_places[HIDDEN] = {0, 16, 33, 50, 66, 83};

/* The loss of the rows m + f (p - m): see otx_affine_fit; M is of the anchors that are kept. */
static double loss_of(double f, const double *p, const double *mean, const uint32_t *kept,
                      size_t count)
{
    double error_sum = 0.0, whole = 0.0, with = 0.0, own = 0.0;
    size_t i, j, n;
    for (i = 0; i < HIDDEN; i++) {
        const float *b = many_base + hidden_places[i] * TO;
        double off[TO];
        for (j = 0; j < TO; j++) {
            double row = mean[j] + f * (p[i * TO + j] - mean[j]);
            off[j] = row - (double)b[j];
            with += row * (double)b[j];
            own += (double)b[j] * (double)b[j];
        }
        for (n = 0; n < count; n++) {
            double along = 0.0, truth = 0.0;
            for (j = 0; j < TO; j++) {
                along += off[j] * (double)many_base[kept[n] * TO + j];
                truth += (double)b[j] * (double)many_base[kept[n] * TO + j];
            }
            error_sum += along * along;
            whole += truth * truth;
        }
    }
    return sqrt(error_sum / whole) + 0.75 * (1.0 - with / own);
}

/* About the mean of all anchors' rows, on every sixteenth of them: by trying. */
static double factor_of(otx_method method, const otx_method_options *options, double mean[TO])
{
    double rows[HIDDEN * TO], low = 0.0, high = 2.0;
    uint32_t kept[MANY];
    size_t count = 0, i, j;
    for (i = 0; i < MANY; i++) {
        size_t n = 0;
        while (n < HIDDEN && hidden_places[n] != i) n++;
        if (n == HIDDEN) kept[count++] = (uint32_t)i;
    }
    make_of(method, options, kept, count, some(many_donor, FROM, hidden_places, HIDDEN), rows);
    for (j = 0; j < TO; j++) {
        mean[j] = 0.0;
        for (i = 0; i < MANY; i++) mean[j] += (double)many_base[i * TO + j] / MANY;
    }
    for (i = 0; i < 100; i++) {
        double a = low + (high - low) / 3.0, b = high - (high - low) / 3.0;
        if (loss_of(a, rows, mean, kept, count) < loss_of(b, rows, mean, kept, count)) high = b;
        else low = a;
    }
    return low;
}

static void by_hidden_anchors(void)
{
    static const otx_method methods[] = {OTX_METHOD_OMP, OTX_METHOD_OMP_CENTRED,
                                         OTX_METHOD_OMP_AFFINE, OTX_METHOD_AFFINE,
                                         OTX_METHOD_CLP, OTX_METHOD_WECHSEL, OTX_METHOD_MP_ROPE,
                                         OTX_METHOD_PROCRUSTES, OTX_METHOD_OMP_AFFINE};
    otx_matrix all = some(many_new, FROM, NULL, NEW);
    uint32_t every[MANY];
    size_t n, i, within = 0;
    fill_many();
    for (i = 0; i < MANY; i++) every[i] = (uint32_t)i;
    for (n = 0; n < COUNT(methods); n++) {
        double plain[NEW * TO], fitted[NEW * TO], mean[TO], factor;
        otx_method_options options;
        memset(&options, 0, sizeof options);
        options.omp.k = 2;
        pieced = n + 1 == COUNT(methods); /* the last, as omp-affine has them */
        options.pieces = pieced ? 0.5 : OTX_PIECES_NONE;
        make_of(methods[n], &options, every, MANY, all, plain);
        factor = factor_of(methods[n], &options, mean);
        within += fabs(factor - 1.0) > 1e-3 && factor > 0.1 && factor < 1.9;
        options.norm = OTX_NORM_FITTED;
        make_of(methods[n], &options, every, MANY, all, fitted);
        for (i = 0; i < NEW * TO; i++)
            CHECK(fabs(fitted[i] - (mean[i % TO] + factor * (plain[i] - mean[i % TO]))) < 1e-5);
        /* With fewer than 32 anchors there is none. */
        options.norm = OTX_NORM_NONE;
        make_of(methods[n], &options, every, 31, all, plain);
        options.norm = OTX_NORM_FITTED;
        make_of(methods[n], &options, every, 31, all, fitted);
        for (i = 0; i < NEW * TO; i++) CHECK(fabs(plain[i] - fitted[i]) < 1e-12);
    }
    pieced = false;
    CHECK(within >= 4); /* others are at the bounds */
}

/* A method that makes no such rows of anchors has nothing to be fitted on. */
static void where_nothing_can_be_fitted(void)
{
    static const otx_method methods[] = {OTX_METHOD_MEAN, OTX_METHOD_ZERO, OTX_METHOD_RANDN,
                                         OTX_METHOD_JOHN_HEWITT, OTX_METHOD_SUBWORD};
    otx_method_options options;
    otx_method_rows rows;
    otx_fitted fitted;
    size_t n;
    memset(&options, 0, sizeof options);
    memset(&rows, 0, sizeof rows);
    rows.tokens = some(many_base, TO, NULL, MANY);
    options.norm = OTX_NORM_FITTED;
    for (n = 0; n < COUNT(methods); n++) {
        CHECK_INT(otx_method_fit(NULL, methods[n], &rows, &options, &fitted, &error),
                  OTX_ERROR_ARGUMENT);
        CHECK_CONTAINS(error.message, otx_method_name(methods[n]));
    }
}

static void what_makes_no_sense(void)
{
    otx_method_options options = one_atom();
    options.clip_norms = 1.5;
    CHECK_INT(make(&options, TARGETS), OTX_ERROR_ARGUMENT);
    CHECK_CONTAINS(error.message, "quantile");
    options = one_atom();
    options.noise = -1.0;
    CHECK_INT(make(&options, TARGETS), OTX_ERROR_ARGUMENT);
    options = one_atom();
    options.norm = OTX_NORM_COUNT;
    CHECK_INT(make(&options, TARGETS), OTX_ERROR_ARGUMENT);
    CHECK_CONTAINS(error.message, "anchors");
}

int main(void)
{
    RUN(nothing_by_default);
    RUN(the_median_norm_of_the_anchors);
    RUN(no_row_longer_than_a_quantile);
    RUN(in_their_order);
    RUN(noise_by_seed);
    RUN(by_hidden_anchors);
    RUN(where_nothing_can_be_fitted);
    RUN(what_makes_no_sense);
    return test_end();
}

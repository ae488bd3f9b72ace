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
    RUN(what_makes_no_sense);
    return test_end();
}

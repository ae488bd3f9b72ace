/* What goes wrong in other tools for the same work, and must not here. The faults are mergekit's,
   unless it is said otherwise; those of tokens and files are in test_align.c and
   test_tool_methods.py.
   A suite of the public API: linked with the implementation. */
#include <math.h>

#include "omp_transplant.h"
#include "test.h"

enum { ANCHORS = 60, TARGETS = 5, COLUMNS = 8 };

static float donor[ANCHORS * COLUMNS], base[ANCHORS * COLUMNS], targets[TARGETS * COLUMNS];
static double made[TARGETS * COLUMNS];
static otx_error error;

static double random_number(uint64_t *state)
{
    *state = *state * UINT64_C(6364136223846793005) + 1442695040888963407u;
    return (double)(*state >> 33) / 2147483648.0 - 0.5;
}

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

/* Turns two columns after two, each pair by its own angle, so that no turn is its own inverse. */
static void rotate(const float *row, double *to)
{
    size_t i, turns;
    for (i = 0; i < COLUMNS; i++) to[i] = (double)row[i];
    for (turns = 0; turns < 2; turns++)
        for (i = 0; i + 1 < COLUMNS; i++) {
            double angle = 0.4 + (double)i / 9.0, x = to[i], y = to[i + 1];
            to[i] = x * cos(angle) - y * sin(angle);
            to[i + 1] = x * sin(angle) + y * cos(angle);
        }
}

/* Donor rows of unlike spread by column; the base's are the same, turned. */
static otx_method_rows rotated_rows(void)
{
    otx_method_rows rows;
    uint64_t state = 3;
    double turned[COLUMNS];
    size_t i, j;
    for (i = 0; i < ANCHORS * COLUMNS; i++)
        donor[i] = (float)(random_number(&state) * (1.0 + (double)(i % COLUMNS)));
    for (i = 0; i < TARGETS * COLUMNS; i++) targets[i] = (float)random_number(&state);
    for (i = 0; i < ANCHORS; i++) {
        rotate(donor + i * COLUMNS, turned);
        for (j = 0; j < COLUMNS; j++) base[i * COLUMNS + j] = (float)turned[j];
    }
    memset(&rows, 0, sizeof rows);
    rows.donor = matrix(donor, ANCHORS);
    rows.base = rows.tokens = matrix(base, ANCHORS);
    rows.targets = matrix(targets, TARGETS);
    return rows;
}

static void run(otx_method method, const otx_method_rows *rows, size_t k, int32_t *first)
{
    otx_method_options options;
    otx_fitted fitted;
    memset(&options, 0, sizeof options);
    options.omp.k = k;
    CHECK_INT(otx_method_fit(NULL, method, rows, &options, &fitted, &error), OTX_OK);
    CHECK_INT(otx_method_make(NULL, &fitted, rows, 0, rows->targets.rows, made, &error), OTX_OK);
    if (first && fitted.k) *first = fitted.indices[0];
    otx_method_close(NULL, &fitted);
}

/* A rotation that is transposed turns the wrong way round. */
static void a_rotation_is_found_the_right_way_round(void)
{
    static const otx_method methods[] = {OTX_METHOD_LANDMARK_PCA, OTX_METHOD_PROCRUSTES};
    otx_method_rows rows = rotated_rows();
    size_t n, i, j;
    for (n = 0; n < COUNT(methods); n++) {
        run(methods[n], &rows, 0, NULL);
        for (i = 0; i < TARGETS; i++) {
            double wanted[COLUMNS];
            rotate(targets + i * COLUMNS, wanted);
            for (j = 0; j < COLUMNS; j++) CHECK(fabs(made[i * COLUMNS + j] - wanted[j]) < 1e-4);
        }
    }
}

/* A number of atoms is wanted where options are given: it never ran. */
static void a_token_basis_is_made(void)
{
    otx_method_rows rows = rotated_rows();
    size_t i, j;
    run(OTX_METHOD_STB, &rows, COLUMNS, NULL);
    for (i = 0; i < TARGETS; i++) {
        double wanted[COLUMNS];
        rotate(targets + i * COLUMNS, wanted);
        for (j = 0; j < COLUMNS; j++) CHECK(fabs(made[i * COLUMNS + j] - wanted[j]) < 1e-2);
    }
}

/* A covariance without an inverse: the way out of that asks a number for its length. */
static void columns_that_do_not_vary(void)
{
    otx_method_rows rows = rotated_rows();
    bool varies = false;
    size_t i;
    for (i = 0; i < ANCHORS * COLUMNS; i++)
        if (i % COLUMNS < 3) base[i] = 0.25f;
    run(OTX_METHOD_JOHN_HEWITT, &rows, 0, NULL);
    for (i = 0; i < TARGETS * COLUMNS; i++) {
        CHECK(made[i] - made[i] == 0.0); /* a number */
        if (i % COLUMNS < 3) CHECK(fabs(made[i] - 0.25) < 1e-6);
        else varies |= fabs(made[i] - made[i % COLUMNS]) > 1e-3;
    }
    CHECK(varies);
}

/* The largest score was taken, not the largest in size, in a matching pursuit with resets. */
static void an_opposite_anchor_is_the_nearest(void)
{
    static const otx_method methods[] = {OTX_METHOD_OMP, OTX_METHOD_MP_ROPE, OTX_METHOD_OMP_AFFINE};
    otx_method_rows rows = rotated_rows();
    size_t n, j;
    for (j = 0; j < COLUMNS; j++) targets[j] = -3.0f * donor[7 * COLUMNS + j];
    rows.targets.rows = 1;
    for (n = 0; n < COUNT(methods); n++) {
        int32_t first = -1;
        for (j = 0; j < ANCHORS * COLUMNS; j++)
            if (j / COLUMNS != 7) donor[j] *= 0.5f; /* so that it scores most by far */
        run(methods[n], &rows, 1, &first);
        if (methods[n] != OTX_METHOD_OMP_AFFINE) CHECK_INT(first, 7);
        if (methods[n] == OTX_METHOD_OMP)
            for (j = 0; j < COLUMNS; j++)
                CHECK(fabs(made[j] + 3.0 * (double)base[7 * COLUMNS + j]) < 1e-5);
    }
}

/* Atoms that are nearly the same: a pivot that is held up by a constant makes coefficients that
   explode; here the second is passed over or bounded, and the row stays what one gives. */
static void atoms_that_are_nearly_the_same(void)
{
    otx_method_rows rows = rotated_rows();
    double largest = 0.0;
    size_t i, j;
    for (i = 0; i < 20; i++)
        for (j = 0; j < COLUMNS; j++) {
            donor[(i + 20) * COLUMNS + j] = donor[i * COLUMNS + j];
            donor[(i + 40) * COLUMNS + j] = donor[i * COLUMNS + j] * (1.0f + 1.2e-7f);
        }
    run(OTX_METHOD_OMP, &rows, 64, NULL);
    for (i = 0; i < TARGETS * COLUMNS; i++)
        if (!(fabs(made[i]) < largest)) largest = fabs(made[i]);
    CHECK(largest < 1e3);
}

int main(void)
{
    RUN(a_rotation_is_found_the_right_way_round);
    RUN(a_token_basis_is_made);
    RUN(columns_that_do_not_vary);
    RUN(an_opposite_anchor_is_the_nearest);
    RUN(atoms_that_are_nearly_the_same);
    return test_end();
}

/* The affine map: the same bits everywhere, anchors that keep their rows, systems without
   full rank, the choice of atoms, and failures at every place. tests/affine_twin.py compares
   with an independent computation.
   A suite of the public API: linked with the implementation. */
#include <math.h>

#include "omp_transplant.h"
#include "test.h"
#include "failing.h"

enum { ANCHORS = 230, TARGETS = 70, COLUMNS = 37, WIDTH = 41, K = 6, GROUPS = 50 };

/* ---- problems ---- */

static uint32_t random_state;

static double uniform(void)
{
    random_state = random_state * 1664525u + 1013904223u;
    return (double)(random_state >> 8) / 8388608.0 - 1.0;
}

/* Rows of donor and base: a linear part, `local` of a part that goes by groups, noise. */
static float donor_data[(ANCHORS + TARGETS) * COLUMNS], base_data[(ANCHORS + TARGETS) * WIDTH];

static void make_rows(double local, double noise)
{
    static double group_donor[GROUPS][COLUMNS], group_base[GROUPS][WIDTH], map[COLUMNS][WIDTH];
    size_t i, j, p;
    random_state = 5;
    for (i = 0; i < GROUPS; i++) {
        for (j = 0; j < COLUMNS; j++) group_donor[i][j] = 3.0 * uniform();
        for (j = 0; j < WIDTH; j++) group_base[i][j] = local * uniform();
    }
    for (i = 0; i < COLUMNS; i++)
        for (j = 0; j < WIDTH; j++) map[i][j] = uniform() / 8.0;
    for (i = 0; i < ANCHORS + TARGETS; i++) {
        float *donor = donor_data + i * COLUMNS, *base = base_data + i * WIDTH;
        for (j = 0; j < COLUMNS; j++)
            donor[j] = (float)(group_donor[i % GROUPS][j] + uniform() + 0.5);
        for (j = 0; j < WIDTH; j++) {
            double sum = group_base[i % GROUPS][j] + noise * uniform();
            for (p = 0; p < COLUMNS; p++) sum += (double)donor[p] * map[p][j];
            base[j] = (float)sum;
        }
    }
}

static otx_matrix matrix_of(const void *data, otx_dtype dtype, size_t rows, size_t columns)
{
    otx_matrix matrix;
    memset(&matrix, 0, sizeof matrix);
    matrix.data = data;
    matrix.dtype = dtype;
    matrix.rows = rows;
    matrix.columns = columns;
    return matrix;
}

typedef struct problem {
    otx_matrix donor, base, targets;
} problem;

static problem make_noisy_problem(double local, double noise)
{
    problem p;
    make_rows(local, noise);
    p.donor = matrix_of(donor_data, OTX_F32, ANCHORS, COLUMNS);
    p.base = matrix_of(base_data, OTX_F32, ANCHORS, WIDTH);
    p.targets = matrix_of(donor_data + ANCHORS * COLUMNS, OTX_F32, TARGETS, COLUMNS);
    return p;
}

static problem make_problem(double local) { return make_noisy_problem(local, 0.02); }

/* The same rows rounded to another type. */
static otx_matrix as_type(const otx_matrix *matrix, otx_dtype dtype, void *room)
{
    size_t count = matrix->rows * matrix->columns, i;
    otx_matrix made = *matrix;
    for (i = 0; i < count; i++) {
        double value = (double)((const float *)matrix->data)[i];
        (void)otx_from_double((char *)room + i * (otx_dtype_bits(dtype) / 8), &value, dtype, 1,
                              false);
    }
    made.data = room;
    made.dtype = dtype;
    return made;
}

/* ---- solutions ---- */

typedef struct solution {
    int32_t indices[TARGETS * COLUMNS];
    double coefficients[TARGETS * COLUMNS];
    double rows[TARGETS * WIDTH];
    otx_affine_trial trials[64];
    size_t trial_count;
    otx_affine_trial choice;
} solution;

/* Fits, pursues and applies. */
static otx_result solve(const otx_context *ctx, const problem *p, const otx_affine_options *options,
                        solution *s, otx_error *error)
{
    otx_affine_map map;
    otx_omp_options pursuit;
    otx_omp_output output;
    size_t k = 0;
    otx_result result;
    memset(s, 0, sizeof *s);
    result = otx_affine_fit(ctx, &p->donor, &p->base, &p->targets, options, &map, NULL, error);
    if (result) return result;
    memcpy(s->trials, map.trials, map.trial_count * sizeof *map.trials);
    s->trial_count = map.trial_count;
    s->choice = map.choice;
    memset(&pursuit, 0, sizeof pursuit);
    memset(&output, 0, sizeof output);
    output.indices = s->indices;
    output.coefficients = s->coefficients;
    if (otx_affine_pursuit(&map, &pursuit)) {
        k = otx_omp_k(pursuit.k, p->donor.rows, p->donor.columns);
        result = otx_omp(ctx, &p->donor, &p->targets, &pursuit, &output, NULL, error);
    }
    if (!result)
        result = otx_affine_apply(ctx, &map, &p->donor, &p->base, &p->targets, 0,
                                  p->targets.rows, s->indices, s->coefficients, k, s->rows,
                                  error);
    otx_affine_close(&map);
    return result;
}

static const size_t few_ks[] = {0, 2, K};
static const double two_lambdas[] = {0.01, 0.3};

static otx_affine_options few_choices(void)
{
    otx_affine_options options;
    memset(&options, 0, sizeof options);
    options.ks = few_ks;
    options.k_count = COUNT(few_ks);
    options.lambdas = two_lambdas;
    options.lambda_count = 2;
    options.seed = 3;
    return options;
}

static bool same(const solution *a, const solution *b)
{
    size_t i;
    for (i = 0; i < a->trial_count; i++)
        if (a->trials[i].share != b->trials[i].share || a->trials[i].error != b->trials[i].error)
            return false;
    return a->trial_count == b->trial_count && memcmp(a->rows, b->rows, sizeof a->rows) == 0 &&
           a->choice.k == b->choice.k && a->choice.cosine == b->choice.cosine &&
           a->choice.lambda == b->choice.lambda;
}

/* Runs the tasks from last to first, each by another worker. */
static void backwards(void *context, size_t count, otx_parallel_body body, void *argument)
{
    int threads = *(const int *)context;
    while (count-- > 0) body(argument, count, (int)(count % (size_t)threads));
}

/* ---- the same bits ---- */

static void same_bits_on_every_set_and_thread_count(void)
{
    static solution wanted, seen;
    problem p = make_problem(1.0);
    otx_affine_options options = few_choices();
    otx_context ctx;
    otx_error error;
    int isa, threads;
    memset(&ctx, 0, sizeof ctx);
    ctx.isa = OTX_ISA_SCALAR;
    ctx.threads = 1;
    CHECK_INT(solve(&ctx, &p, &options, &wanted, &error), OTX_OK);
    CHECK_INT(wanted.trial_count, 12);
    for (isa = OTX_ISA_AUTO; isa < OTX_ISA_COUNT; isa++) {
        if (!otx_isa_available((otx_isa)isa)) continue;
        for (threads = 1; threads <= 3; threads++) {
            ctx.isa = (otx_isa)isa;
            ctx.threads = threads;
            CHECK_INT(solve(&ctx, &p, &options, &seen, &error), OTX_OK);
            CHECK(same(&wanted, &seen));
            ctx.parallel_for = backwards;
            ctx.parallel_context = &threads;
            CHECK_INT(solve(&ctx, &p, &options, &seen, &error), OTX_OK);
            CHECK(same(&wanted, &seen));
            ctx.parallel_for = NULL;
        }
    }
}

/* A digest of bits, by which other machines can tell. */
static uint64_t digest(const double *values, size_t count)
{
    uint64_t hash = 0, bits;
    size_t i;
    for (i = 0; i < count; i++) {
        memcpy(&bits, &values[i], sizeof bits);
        hash = (hash ^ bits) * UINT64_C(0x9e3779b97f4a7c15);
        hash ^= hash >> 32;
    }
    return hash;
}

static void the_bits_of_every_machine(void)
{
    static solution s;
    problem p = make_problem(6.0);
    otx_affine_options options = few_choices();
    otx_error error;
    CHECK_INT(solve(NULL, &p, &options, &s, &error), OTX_OK);
    CHECK_INT(digest(s.rows, COUNT(s.rows)), INT64_C(5669426954208459258));
    CHECK_INT(s.choice.k, 2);
}

static void types_agree(void)
{
    static solution wanted, seen;
    static char rooms[3][(ANCHORS + TARGETS) * WIDTH * 8];
    static float wide[3][(ANCHORS + TARGETS) * WIDTH];
    static const otx_dtype types[] = {OTX_F64, OTX_F16, OTX_BF16, OTX_F8_E4M3};
    otx_affine_options options = few_choices();
    otx_error error;
    size_t t, i;
    for (t = 0; t < COUNT(types); t++) {
        problem given = make_problem(1.0), floats;
        otx_matrix *from[3], *to[3];
        floats = given;
        from[0] = &given.donor, from[1] = &given.base, from[2] = &given.targets;
        to[0] = &floats.donor, to[1] = &floats.base, to[2] = &floats.targets;
        for (i = 0; i < 3; i++) {
            *from[i] = as_type(from[i], types[t], rooms[i]);
            otx_to_float(wide[i], rooms[i], types[t], from[i]->rows * from[i]->columns);
            to[i]->data = wide[i];
        }
        CHECK_INT(solve(NULL, &floats, &options, &wanted, &error), OTX_OK);
        CHECK_INT(solve(NULL, &given, &options, &seen, &error), OTX_OK);
        CHECK(same(&wanted, &seen));
    }
}

static void an_index_and_a_stride_pick_rows(void)
{
    static solution wanted, seen;
    static float strided[ANCHORS * (COLUMNS + 3)];
    static uint32_t backward[ANCHORS], order[ANCHORS];
    problem p = make_problem(1.0), q;
    otx_affine_options options = few_choices();
    otx_error error;
    size_t i;
    for (i = 0; i < ANCHORS; i++) {
        backward[i] = (uint32_t)(ANCHORS - 1 - i);
        order[i] = (uint32_t)i;
        memcpy(strided + (ANCHORS - 1 - i) * (COLUMNS + 3), donor_data + i * COLUMNS,
               COLUMNS * sizeof(float));
    }
    q = p;
    q.donor.data = strided;
    q.donor.stride = COLUMNS + 3;
    q.donor.index = backward;
    q.base.index = order;
    CHECK_INT(solve(NULL, &p, &options, &wanted, &error), OTX_OK);
    CHECK_INT(solve(NULL, &q, &options, &seen, &error), OTX_OK);
    CHECK(same(&wanted, &seen));
}

static void windows_join(void)
{
    static solution s;
    static double rows[TARGETS * WIDTH];
    problem p = make_problem(1.0);
    otx_affine_options options = few_choices();
    otx_affine_map map;
    otx_error error;
    size_t k, first;
    CHECK_INT(solve(NULL, &p, &options, &s, &error), OTX_OK);
    CHECK_INT(otx_affine_fit(NULL, &p.donor, &p.base, &p.targets, &options, &map, NULL, &error),
              OTX_OK);
    k = otx_omp_k(s.choice.k, ANCHORS, COLUMNS);
    for (first = 0; first < TARGETS; first += 33) {
        size_t count = TARGETS - first < 33 ? TARGETS - first : 33;
        CHECK_INT(otx_affine_apply(NULL, &map, &p.donor, &p.base, &p.targets, first, count,
                                   s.indices, s.coefficients, k, rows + first * WIDTH, &error),
                  OTX_OK);
    }
    CHECK(memcmp(rows, s.rows, sizeof rows) == 0);
    CHECK_INT(otx_affine_apply(NULL, &map, &p.donor, &p.base, &p.targets, TARGETS, 0, NULL, NULL,
                               0, NULL, &error),
              OTX_OK);
    otx_affine_close(&map);
    otx_affine_close(&map); /* of one that is closed */
}

/* ---- anchors ---- */

static void anchors_keep_their_rows(void)
{
    static char rooms[2][(ANCHORS + TARGETS) * WIDTH * 8];
    static double rows[ANCHORS * WIDTH], coefficients[ANCHORS * K];
    static int32_t indices[ANCHORS * K];
    static float truth[WIDTH];
    static const otx_dtype types[] = {OTX_F32, OTX_F64, OTX_F16, OTX_BF16};
    static const size_t k = K;
    otx_error error;
    size_t t, i, j;
    for (t = 0; t < COUNT(types); t++) {
        problem p = make_problem(1.0);
        otx_affine_options options = few_choices();
        otx_omp_options pursuit;
        otx_omp_output output;
        otx_affine_map map;
        options.ks = &k;
        options.k_count = 1;
        /* Two anchors with one donor row: a target that is both gets the first's row. */
        memcpy(donor_data + 50 * COLUMNS, donor_data + 20 * COLUMNS, COLUMNS * sizeof(float));
        p.donor = as_type(&p.donor, types[t], rooms[0]);
        p.base = as_type(&p.base, types[t], rooms[1]);
        CHECK_INT(otx_affine_fit(NULL, &p.donor, &p.base, NULL, &options, &map, NULL, &error),
                  OTX_OK);
        memset(&pursuit, 0, sizeof pursuit);
        memset(&output, 0, sizeof output);
        CHECK(otx_affine_pursuit(&map, &pursuit));
        output.indices = indices;
        output.coefficients = coefficients;
        CHECK_INT(otx_omp(NULL, &p.donor, &p.donor, &pursuit, &output, NULL, &error), OTX_OK);
        CHECK_INT(otx_affine_apply(NULL, &map, &p.donor, &p.base, &p.donor, 0, ANCHORS, indices,
                                   coefficients, K, rows, &error),
                  OTX_OK);
        for (i = 0; i < ANCHORS; i++) {
            size_t own = i == 50 ? 20 : i;
            size_t bytes = otx_dtype_bits(types[t]) / 8 * WIDTH;
            otx_to_float(truth, (const char *)p.base.data + own * bytes, types[t], WIDTH);
            for (j = 0; j < WIDTH; j++) CHECK(rows[i * WIDTH + j] == (double)truth[j]);
        }
        otx_affine_close(&map);
    }
}

/* ---- rank ---- */

/* Rows of the map alone. */
static otx_result map_alone(const problem *p, double lambda, double *rows, otx_error *error)
{
    static const size_t none = 0;
    otx_affine_options options;
    otx_affine_map map;
    otx_result result;
    memset(&options, 0, sizeof options);
    options.ks = &none;
    options.k_count = 1;
    options.lambdas = &lambda;
    options.lambda_count = 1;
    result = otx_affine_fit(NULL, &p->donor, &p->base, NULL, &options, &map, NULL, error);
    if (result) return result;
    CHECK_INT(map.hidden, 0); /* there is nothing to choose */
    result = otx_affine_apply(NULL, &map, &p->donor, &p->base, &p->targets, 0, p->targets.rows,
                              NULL, NULL, 0, rows, error);
    otx_affine_close(&map);
    return result;
}

static void check_finite(const double *rows, size_t count)
{
    size_t i;
    for (i = 0; i < count; i++) CHECK(rows[i] - rows[i] == 0.0);
}

static double largest_difference(const double *a, const double *b, size_t count)
{
    double largest = 0.0;
    size_t i;
    for (i = 0; i < count; i++)
        if (fabs(a[i] - b[i]) > largest) largest = fabs(a[i] - b[i]);
    return largest;
}

/* Columns that depend on others, constant ones and zeros change nothing without ridge. */
static void dependent_columns_are_left_out(void)
{
    static float more[(ANCHORS + TARGETS) * (COLUMNS + 4)];
    static double wanted[TARGETS * WIDTH], seen[TARGETS * WIDTH];
    problem p = make_problem(0.0), q;
    otx_error error;
    size_t i;
    for (i = 0; i < ANCHORS + TARGETS; i++) {
        float *to = more + i * (COLUMNS + 4);
        memcpy(to, donor_data + i * COLUMNS, COLUMNS * sizeof(float));
        to[COLUMNS] = to[3];
        to[COLUMNS + 1] = 7.5f;
        to[COLUMNS + 2] = 0.0f;
        to[COLUMNS + 3] = 2.0f * to[0];
    }
    q = p;
    q.donor = matrix_of(more, OTX_F32, ANCHORS, COLUMNS + 4);
    q.targets = matrix_of(more + ANCHORS * (COLUMNS + 4), OTX_F32, TARGETS, COLUMNS + 4);
    CHECK_INT(map_alone(&p, 0.0, wanted, &error), OTX_OK);
    CHECK_INT(map_alone(&q, 0.0, seen, &error), OTX_OK);
    check_finite(seen, COUNT(seen));
    /* A remainder's unit goes by its largest element, which may be a column added. */
    CHECK(largest_difference(wanted, seen, COUNT(seen)) < 1e-3);
}

static void fewer_anchors_than_columns(void)
{
    static double rows[TARGETS * WIDTH];
    problem p = make_problem(1.0);
    otx_error error;
    size_t anchors;
    for (anchors = 1; anchors < COLUMNS; anchors += 9) {
        p.donor.rows = p.base.rows = anchors;
        CHECK_INT(map_alone(&p, 0.01, rows, &error), OTX_OK);
        check_finite(rows, COUNT(rows));
        CHECK_INT(map_alone(&p, 0.0, rows, &error), OTX_OK);
        check_finite(rows, COUNT(rows));
    }
}

/* Anchors without variation give the mean, whatever the ridge. */
static void constant_anchors_give_the_mean(void)
{
    static double rows[TARGETS * WIDTH];
    problem p = make_problem(1.0);
    otx_error error;
    size_t i, j, lambda;
    for (i = 1; i < ANCHORS; i++)
        memcpy(donor_data + i * COLUMNS, donor_data, COLUMNS * sizeof(float));
    for (lambda = 0; lambda < 2; lambda++) {
        CHECK_INT(map_alone(&p, lambda ? 0.01 : 0.0, rows, &error), OTX_OK);
        for (j = 0; j < WIDTH; j++) {
            double mean = 0.0;
            for (i = 0; i < ANCHORS; i++) mean += (double)base_data[i * WIDTH + j];
            mean /= ANCHORS;
            for (i = 0; i < TARGETS; i++) CHECK(fabs(rows[i * WIDTH + j] - mean) < 1e-5);
        }
    }
}

/* Columns of very unlike size, and products of some that are nearly dependent. */
static void ill_conditioned_systems(void)
{
    static double rows[TARGETS * WIDTH];
    problem p = make_problem(1.0);
    otx_error error;
    size_t i;
    for (i = 0; i < ANCHORS + TARGETS; i++) {
        donor_data[i * COLUMNS] *= 1e30f;
        donor_data[i * COLUMNS + 1] *= 1e-30f;
        donor_data[i * COLUMNS + 2] =
            donor_data[i * COLUMNS + 3] * (1.0f + 1e-6f * (float)(i % 3));
    }
    CHECK_INT(map_alone(&p, 0.0, rows, &error), OTX_OK);
    check_finite(rows, COUNT(rows));
    CHECK_INT(map_alone(&p, 1e-6, rows, &error), OTX_OK);
    check_finite(rows, COUNT(rows));
}

/* A base that is an affine map of the donor is found again. */
static void an_affine_map_is_recovered(void)
{
    static double rows[TARGETS * WIDTH];
    problem p = make_problem(0.0);
    otx_error error;
    size_t i;
    CHECK_INT(map_alone(&p, 1e-9, rows, &error), OTX_OK);
    for (i = 0; i < COUNT(rows); i++) /* but for the noise of 0.02 */
        CHECK(fabs(rows[i] - (double)base_data[ANCHORS * WIDTH + i]) < 0.06);
}

/* ---- the choice ---- */

static void the_choice_follows_the_pair(void)
{
    static solution s;
    problem p = make_noisy_problem(0.0, 3.0);
    otx_error error;
    size_t i;
    /* What is not linear is noise: the map alone. */
    CHECK_INT(solve(NULL, &p, NULL, &s, &error), OTX_OK);
    CHECK_INT(s.choice.k, 0);
    CHECK_INT(s.trial_count, 14); /* 9 by correlation, to 37 columns, and 5 by cosine, to 8 */
    CHECK_INT(s.trials[8].k, COLUMNS);
    for (i = 0; i < s.trial_count; i++) {
        const otx_affine_trial *t = &s.trials[i];
        CHECK(t->cosine == (i >= 9) && t->lambda == 0.01);
        CHECK(fabs(t->loss - (t->error + 0.75 * (1.0 - t->share))) < 1e-12);
        CHECK(t->loss >= s.choice.loss);
    }
    /* What goes by groups is found from members of them. */
    p = make_problem(6.0);
    CHECK_INT(solve(NULL, &p, NULL, &s, &error), OTX_OK);
    CHECK(s.choice.k > 0);
}

/* Rows that are alike but for their length: the longest are not the nearest. */
static void cosine_is_taken_where_it_is_far_better(void)
{
    static solution s;
    problem p = make_problem(0.0);
    otx_error error;
    size_t i, j;
    for (i = 0; i < ANCHORS + TARGETS; i++) {
        size_t group = i % GROUPS;
        float length = 0.1f + 3.0f * (float)(i * 7919 % 101) / 101.0f;
        random_state = (uint32_t)group + 1;
        for (j = 0; j < COLUMNS; j++)
            donor_data[i * COLUMNS + j] = length * (float)uniform();
        for (j = 0; j < WIDTH; j++) base_data[i * WIDTH + j] = length * (float)uniform();
    }
    CHECK_INT(solve(NULL, &p, NULL, &s, &error), OTX_OK);
    CHECK(s.choice.cosine);
    CHECK(s.choice.k > 0 && s.choice.k <= 8);
}

static void few_anchors_take_the_first_choice(void)
{
    static solution s;
    problem p = make_problem(1.0);
    otx_error error;
    p.donor.rows = p.base.rows = 9;
    CHECK_INT(solve(NULL, &p, NULL, &s, &error), OTX_OK);
    CHECK_INT(s.choice.k, 0);
    CHECK(s.choice.loss == 0.0);
    p.donor.rows = p.base.rows = 10; /* one of them hidden */
    CHECK_INT(solve(NULL, &p, NULL, &s, &error), OTX_OK);
    CHECK(s.choice.loss > 0.0);
}

/* Anchors that one map hid make the figures of another comparable: the same, here. */
static void the_caller_names_what_is_hidden(void)
{
    problem p = make_noisy_problem(3.0, 1.0);
    otx_affine_options options = few_choices();
    otx_affine_map near_targets, named;
    otx_error error;
    uint32_t wrong[2] = {4, 4};
    size_t i;
    options.holdout = 12;
    CHECK_INT(otx_affine_fit(NULL, &p.donor, &p.base, &p.targets, &options, &near_targets, NULL,
                             &error), OTX_OK);
    CHECK_INT(near_targets.hidden, 12);
    options.hide = near_targets.hidden_anchors;
    options.seed = 5; /* of no account */
    CHECK_INT(otx_affine_fit(NULL, &p.donor, &p.base, NULL, &options, &named, NULL, &error),
              OTX_OK);
    CHECK_INT(named.hidden, 12);
    CHECK(memcmp(named.hidden_anchors, near_targets.hidden_anchors, 12 * sizeof(uint32_t)) == 0);
    for (i = 0; i < named.trial_count; i++)
        CHECK(named.trials[i].loss == near_targets.trials[i].loss);
    otx_affine_close(&named);
    otx_affine_close(&near_targets);
    options.hide = wrong;
    options.holdout = 2;
    CHECK_INT(otx_affine_fit(NULL, &p.donor, &p.base, NULL, &options, &named, NULL, &error),
              OTX_ERROR_ARGUMENT);
    CHECK_CONTAINS(error.message, "must ascend");
    wrong[1] = ANCHORS;
    CHECK_INT(otx_affine_fit(NULL, &p.donor, &p.base, NULL, &options, &named, NULL, &error),
              OTX_ERROR_ARGUMENT);
    options.holdout = 0;
    CHECK_INT(otx_affine_fit(NULL, &p.donor, &p.base, NULL, &options, &named, NULL, &error),
              OTX_ERROR_ARGUMENT);
    CHECK_CONTAINS(error.message, "1 to a tenth");
}

/* ---- failures ---- */

static void what_is_not_finite_is_named(void)
{
    static solution s;
    otx_error error;
    problem p = make_problem(1.0);
    donor_data[17 * COLUMNS + 36] = (float)INFINITY;
    CHECK_INT(solve(NULL, &p, NULL, &s, &error), OTX_ERROR_NOT_FINITE);
    CHECK_CONTAINS(error.message, "donor: row 17, column 36");
    p = make_problem(1.0);
    base_data[229 * WIDTH] = (float)NAN;
    CHECK_INT(solve(NULL, &p, NULL, &s, &error), OTX_ERROR_NOT_FINITE);
    CHECK_CONTAINS(error.message, "base: row 229, column 0");
    p = make_problem(1.0);
    donor_data[(ANCHORS + 3) * COLUMNS + 1] = (float)NAN;
    {
        static double rows[TARGETS * WIDTH];
        CHECK_INT(map_alone(&p, 0.01, rows, &error), OTX_ERROR_NOT_FINITE);
        CHECK_CONTAINS(error.message, "target 3,");
    }
    make_rows(1.0, 0.02); /* a target that is looked at for the choice: every third is */
    donor_data[(ANCHORS + 60) * COLUMNS] = (float)NAN;
    CHECK_INT(solve(NULL, &p, NULL, &s, &error), OTX_ERROR_NOT_FINITE);
    CHECK_CONTAINS(error.message, "target 60 ");
}

static void arguments_are_checked(void)
{
    static const size_t down[] = {4, 2};
    static const double far = 1e7;
    problem p = make_problem(1.0), q;
    otx_affine_options options;
    otx_affine_map map;
    otx_context ctx;
    otx_error error;
    double row[WIDTH];
    memset(&ctx, 0, sizeof ctx);
    memset(&map, 0, sizeof map);
    q = p;
    q.base.rows--;
    CHECK_INT(otx_affine_fit(NULL, &q.donor, &q.base, NULL, NULL, &map, NULL, &error),
              OTX_ERROR_ARGUMENT);
    CHECK_CONTAINS(error.message, "230 rows of anchors and base 229");
    q = p;
    q.targets.columns--;
    CHECK_INT(otx_affine_fit(NULL, &q.donor, &q.base, &q.targets, NULL, &map, NULL, &error),
              OTX_ERROR_ARGUMENT);
    memset(&options, 0, sizeof options);
    options.ks = down;
    options.k_count = 2;
    CHECK_INT(otx_affine_fit(NULL, &p.donor, &p.base, NULL, &options, &map, NULL, &error),
              OTX_ERROR_ARGUMENT);
    CHECK_CONTAINS(error.message, "2 after 4");
    options.k_count = 65; /* counted before any is looked at */
    CHECK_INT(otx_affine_fit(NULL, &p.donor, &p.base, NULL, &options, &map, NULL, &error),
              OTX_ERROR_ARGUMENT);
    CHECK_STRING(error.message, "at most 64 choices of a kind, not 65");
    memset(&options, 0, sizeof options);
    options.selection = (otx_affine_selection)3;
    CHECK_INT(otx_affine_fit(NULL, &p.donor, &p.base, NULL, &options, &map, NULL, &error),
              OTX_ERROR_ARGUMENT);
    CHECK_STRING(error.message, "selection 3 is none");
    memset(&options, 0, sizeof options);
    options.lambdas = &far;
    options.lambda_count = 1;
    CHECK_INT(otx_affine_fit(NULL, &p.donor, &p.base, NULL, &options, &map, NULL, &error),
              OTX_ERROR_ARGUMENT);
    ctx.isa = OTX_ISA_COUNT;
    CHECK_INT(otx_affine_fit(&ctx, &p.donor, &p.base, NULL, NULL, &map, NULL, &error),
              OTX_ERROR_UNSUPPORTED);
    CHECK_INT(otx_affine_apply(NULL, &map, &p.donor, &p.base, &p.targets, 0, 1, NULL, NULL, 0,
                               row, &error),
              OTX_ERROR_ARGUMENT);
    CHECK_INT(otx_affine_fit(NULL, &p.donor, &p.base, NULL, NULL, &map, NULL, &error), OTX_OK);
    CHECK_INT(otx_affine_apply(NULL, &map, &p.donor, &p.base, &p.targets, TARGETS - 1, 2, NULL,
                               NULL, 0, row, &error),
              OTX_ERROR_ARGUMENT);
    CHECK_CONTAINS(error.message, "are not among 70");
    q.donor.rows--;
    CHECK_INT(otx_affine_apply(NULL, &map, &q.donor, &p.base, &p.targets, 0, 1, NULL, NULL, 0,
                               row, &error),
              OTX_ERROR_ARGUMENT);
    otx_affine_close(&map);
}

static void memory_stays_within_the_budget(void)
{
    problem p = make_problem(1.0);
    otx_affine_options options = few_choices();
    otx_affine_stats stats;
    otx_affine_map map;
    otx_context ctx;
    otx_error error;
    failing memory;
    memset(&ctx, 0, sizeof ctx);
    memset(&memory, 0, sizeof memory);
    ctx.allocator.resize = failing_resize;
    ctx.allocator.context = &memory;
    ctx.threads = 1;
    options.memory = 1000;
    CHECK_INT(otx_affine_fit(&ctx, &p.donor, &p.base, NULL, &options, &map, NULL, &error),
              OTX_ERROR_MEMORY);
    CHECK_CONTAINS(error.message, "a map of 37 by 41 columns over 230 anchors takes");
    CHECK_INT(memory.live, 0);
    options.memory = 0;
    CHECK_INT(otx_affine_fit(&ctx, &p.donor, &p.base, NULL, &options, &map, &stats, &error),
              OTX_OK);
    CHECK(memory.bytes >= map.bytes); /* what it keeps, and is counted */
    CHECK(memory.bytes < map.bytes + 1000);
    CHECK(stats.peak_bytes > map.bytes);
    otx_affine_close(&map);
    CHECK_INT(memory.live, 0);
}

typedef struct watcher {
    long calls, stop_at;
    bool beyond;
} watcher;

static bool watch(void *context, const otx_progress *progress)
{
    watcher *w = (watcher *)context;
    if (progress->done > progress->total) w->beyond = true;
    return ++w->calls != w->stop_at;
}

static void cancel_at_every_call(void)
{
    static solution s;
    problem p = make_problem(1.0);
    otx_affine_options options = few_choices();
    otx_context ctx;
    failing memory;
    watcher w;
    otx_error error;
    long calls, stop;
    memset(&ctx, 0, sizeof ctx);
    memset(&w, 0, sizeof w);
    memset(&memory, 0, sizeof memory);
    ctx.threads = 1;
    ctx.progress = watch;
    ctx.progress_context = &w;
    ctx.allocator.resize = failing_resize;
    ctx.allocator.context = &memory;
    CHECK_INT(solve(&ctx, &p, &options, &s, &error), OTX_OK);
    CHECK(!w.beyond);
    calls = w.calls;
    CHECK(calls > 20);
    for (stop = 1; stop <= calls; stop++) {
        memset(&w, 0, sizeof w);
        w.stop_at = stop;
        CHECK_INT(solve(&ctx, &p, &options, &s, &error), OTX_ERROR_CANCELLED);
        CHECK_INT(w.calls, stop);
        CHECK_INT(memory.live, 0);
        CHECK(!memory.wrong_size);
    }
}

static void fail_at_every_allocation(void)
{
    static solution s;
    problem p = make_problem(1.0);
    otx_affine_options options = few_choices();
    otx_context ctx;
    failing memory;
    otx_error error;
    long requests, at;
    memset(&ctx, 0, sizeof ctx);
    memset(&memory, 0, sizeof memory);
    ctx.threads = 1;
    ctx.allocator.resize = failing_resize;
    ctx.allocator.context = &memory;
    CHECK_INT(solve(&ctx, &p, &options, &s, &error), OTX_OK);
    requests = memory.requests;
    for (at = 1; at <= requests; at++) {
        otx_result result;
        memset(&memory, 0, sizeof memory);
        memory.fail_at = at;
        result = solve(&ctx, &p, &options, &s, &error);
        /* A pursuit does without what it can. */
        CHECK(result == OTX_ERROR_MEMORY || (result == OTX_OK && memory.requests > at));
        CHECK_INT(memory.live, 0);
        CHECK(!memory.wrong_size);
    }
}

int main(void)
{
    RUN(same_bits_on_every_set_and_thread_count);
    RUN(the_bits_of_every_machine);
    RUN(types_agree);
    RUN(an_index_and_a_stride_pick_rows);
    RUN(windows_join);
    RUN(anchors_keep_their_rows);
    RUN(dependent_columns_are_left_out);
    RUN(fewer_anchors_than_columns);
    RUN(constant_anchors_give_the_mean);
    RUN(ill_conditioned_systems);
    RUN(an_affine_map_is_recovered);
    RUN(the_choice_follows_the_pair);
    RUN(cosine_is_taken_where_it_is_far_better);
    RUN(few_anchors_take_the_first_choice);
    RUN(the_caller_names_what_is_hidden);
    RUN(what_is_not_finite_is_named);
    RUN(arguments_are_checked);
    RUN(memory_stays_within_the_budget);
    RUN(cancel_at_every_call);
    RUN(fail_at_every_allocation);
    return test_end();
}

/* The solver against itself, in every form, on every instruction set and thread count, on
   data that is out to break it; and what the contract says besides.
   A suite of the public API: linked with the implementation. */
#include <float.h>

#include "problems.h"

/* ---- data that is out to break it ---- */

static void shapes(void)
{
    static const size_t cases[][4] = {
        /* atoms, targets, columns, k */
        {1, 1, 1, 1},   {1, 3, 7, 64},  {5, 1, 40, 64}, {40, 9, 5, 64}, {33, 17, 16, 8},
        {65, 40, 31, 9}, {100, 33, 17, 17}, {31, 2, 130, 31}, {129, 65, 257, 12}};
    size_t i;
    for (i = 0; i < sizeof cases / sizeof *cases; i++) {
        problem p = embedding_like(cases[i][0], cases[i][1], cases[i][2], cases[i][3], 1.0);
        check_all_ways(&p);
        problem_close(&p);
    }
}

static void strong_offset(void)
{
    problem p = embedding_like(300, 40, 48, 16, 8.0);
    check_all_ways(&p);
    problem_close(&p);
}

static void duplicates_and_zero_rows(void)
{
    problem p = embedding_like(200, 40, 24, 16, 1.0);
    size_t i, j;
    for (i = 100; i < 150; i++) memcpy(p.a + i * 24, p.a + (i - 100) * 24, 24 * sizeof *p.a);
    for (i = 150; i < 160; i++)
        for (j = 0; j < 24; j++)
            p.a[i * 24 + j] = p.a[(i - 150) * 24 + j] * (1.0f + 1e-6f * (float)normal());
    memset(p.a + 170 * 24, 0, 10 * 24 * sizeof *p.a);
    memset(p.y + 5 * 24, 0, 3 * 24 * sizeof *p.y);
    memcpy(p.y + 10 * 24, p.a, 24 * sizeof *p.y); /* a target that is an atom, twice over */
    check_all_ways(&p);
    {
        solution s = solve(&p, OTX_FORM_AUTO, OTX_ISA_AUTO, 2);
        for (i = 5; i < 8; i++) {
            CHECK_INT(s.indices[i * s.k], -1);
            CHECK(s.residuals[i] == 0.0 && s.norms[i] == 0.0);
        }
        for (i = 0; i < s.count; i++)
            CHECK(s.indices[i] < 100 || (s.indices[i] >= 150 && s.indices[i] < 170) ||
                  s.indices[i] >= 180); /* the lower index of equals, and no zero row */
        solution_close(&s);
    }
    problem_close(&p);
}

/* Norms over sixty decades, denormals included. */
static void wild_scales(void)
{
    static const float scales[] = {1e-42f, 1e-38f, 1e-30f, 1e-10f, 1.0f, 1e8f, 1e18f};
    problem p = embedding_like(210, 42, 32, 12, 1.0);
    size_t i, j;
    for (i = 0; i < p.atoms; i++)
        for (j = 0; j < 32; j++) p.a[i * 32 + j] *= scales[i % 7];
    for (i = 0; i < p.targets; i++)
        for (j = 0; j < 32; j++) p.y[i * 32 + j] = (float)normal() * scales[i % 7];
    check_all_ways(&p);
    problem_close(&p);
}

static void largest_floats(void)
{
    problem p = embedding_like(50, 10, 20, 8, 1.0);
    size_t i;
    for (i = 0; i < 50 * 20; i++) p.a[i] = p.a[i] < 0 ? -FLT_MAX : FLT_MAX * (float)uniform();
    for (i = 0; i < 10 * 20; i++) p.y[i] = FLT_MAX * (float)(uniform() - 0.5);
    check_all_ways(&p);
    problem_close(&p);
}

/* Small integers: correlations tie in great number, and exactly. */
static void ties(void)
{
    problem p = problem_open(256, 40, 12, 12);
    size_t i;
    for (i = 0; i < 256 * 12; i++) p.a[i] = (float)((int)(uniform() * 3.0) - 1);
    for (i = 0; i < 40 * 12; i++) p.y[i] = (float)((int)(uniform() * 5.0) - 2);
    check_all_ways(&p);
    problem_close(&p);
}

/* Of two equal correlations the lower index is taken. */
static void tie_goes_to_the_lower_index(void)
{
    float atoms[] = {0, 1, 1, 0, 1, 0, 0, -1}, target[] = {2, 2};
    problem p = {4, 1, 2, 2, atoms, target, NULL, NULL, false, 0.0};
    solution s = solve(&p, OTX_FORM_AUTO, OTX_ISA_AUTO, 1);
    CHECK_INT(s.indices[0], 0);
    CHECK_INT(s.indices[1], 1);
    CHECK(s.coefficients[0] == 2.0 && s.coefficients[1] == 2.0);
    solution_close(&s);
    check_all_ways(&p);
}

/* In every tile of many stands an atom that may be the best: all tiles are looked through for
   them. First a few vectors over and over, then rows that differ by less than a bound. */
static void the_best_in_every_tile(void)
{
    problem p = problem_open(2200, 3, 8, 4);
    size_t i, j;
    int alike;
    for (j = 0; j < 3 * 8; j++) p.y[j] = (float)(1.0 + uniform());
    for (alike = 0; alike < 2; alike++) {
        solution s, reference;
        for (i = 0; i < p.atoms; i++)
            for (j = 0; j < 8; j++)
                p.a[i * 8 + j] = alike ? 1.0f + 1e-5f * (float)normal()
                                       : (float)(j <= i % 5) + 0.25f * (float)(j == i % 5);
        reference = solve_reference(&p);
        s = solve(&p, OTX_FORM_RESIDUAL, OTX_ISA_AUTO, 1);
        for (i = 0; i < s.count && !alike; i++) CHECK(s.indices[i] < 5); /* of equals, the first */
        for (i = 0; i < p.targets && alike; i++) CHECK(s.indices[i * s.k] >= 64);
        CHECK(same(&s, &reference, p.targets));
        solution_close(&reference);
        solution_close(&s);
    }
    problem_close(&p);
}

/* The best atom depends on one taken, and the next best is taken instead: atom 1
   is atom 0 but for a part of 1e-7, large enough to correlate, too small to be
   independent. */
static void dependent_atom_is_passed_over(void)
{
    float atoms[] = {1, 0, 0, 1, 1e-7f, 0, 0, 0, 1e-9f}, target[] = {1, 1, 1};
    problem p = {3, 1, 3, 3, atoms, target, NULL, NULL, false, 0.0};
    solution s = solve(&p, OTX_FORM_AUTO, OTX_ISA_AUTO, 1);
    CHECK_INT(s.indices[0], 1);
    CHECK_INT(s.indices[1], 2);
    CHECK_INT(s.indices[2], -1);
    CHECK(s.coefficients[2] == 0.0);
    CHECK_INT(s.stats.steps, 2);
    solution_close(&s);
    check_all_ways(&p);
}

/* Huge coefficients that cancel: what rounding leaves of the correlations of the
   atoms selected is larger than those of the atoms still to come. */
static void heavy_atoms_that_cancel(void)
{
    problem p = problem_open(64, 1, 8, 5);
    static const float target[8] = {0.991958618f, -1.29806042f, -1.13922787f, 1.47965835e-7f,
                                    1.09975922e-8f, 1.22867084f, 0.0f, 0.0f};
    static const int32_t wanted[5] = {0, 1, 2, 40, 3};
    solution s;
    memset(p.a, 0, 64 * 8 * sizeof *p.a);
    memcpy(p.y, target, sizeof target);
    p.a[0] = p.a[8] = 16777216.0f;
    p.a[9] = p.a[17] = 23.0f;
    p.a[10] = p.a[18] = 26.5f;
    p.a[21] = 1.17249612e-4f;
    p.a[3 * 8 + 4] = 1.0f;
    p.a[40 * 8 + 3] = 1.0f;
    s = solve(&p, OTX_FORM_RESIDUAL, OTX_ISA_AUTO, 1);
    CHECK(!memcmp(s.indices, wanted, sizeof wanted));
    solution_close(&s);
    check_all_ways(&p);
    problem_close(&p);
}

/* A hundred near copies of one atom must all be passed over to reach an
   independent one. */
static void many_dependent_atoms(void)
{
    problem p = problem_open(102, 3, 4, 3);
    size_t i;
    memset(p.a, 0, 102 * 4 * sizeof *p.a);
    for (i = 0; i < 101; i++) {
        p.a[i * 4] = 1.0f;
        p.a[i * 4 + 1] = 1e-8f * (float)(i + 1) / 101.0f;
    }
    p.a[101 * 4 + 2] = 1e-9f;
    for (i = 0; i < 3 * 4; i++) p.y[i] = (float)(i + 1);
    {
        solution s = solve(&p, OTX_FORM_AUTO, OTX_ISA_AUTO, 1);
        CHECK(s.indices[0] >= 0 && s.indices[0] < 101);
        CHECK_INT(s.indices[1], 101);
        solution_close(&s);
    }
    check_all_ways(&p);
    problem_close(&p);
}

static void random_problems(void)
{
    int round;
    for (round = 0; round < 9; round++) {
        size_t atoms = 1 + (size_t)(uniform() * 220.0), columns = 1 + (size_t)(uniform() * 90.0);
        size_t targets = 1 + (size_t)(uniform() * 50.0), k = 1 + (size_t)(uniform() * 24.0);
        problem p = embedding_like(atoms, targets, columns, k, 3.0 * uniform());
        p.cosine = round % 2 == 1;
        p.ridge = round % 3 == 1 ? 1e-3 : round % 3 == 2 ? 0.3 * uniform() : 0.0;
        check_all_ways(&p);
        problem_close(&p);
    }
}

/* In none of the forms that screen a problem takes more than so many steps that score every
   atom, and few atoms are left to decide between. */
static void check_screened(const problem *p, uint64_t fallbacks)
{
    int form;
    for (form = OTX_FORM_GRAM; form < OTX_FORM_EXHAUSTIVE; form++) {
        solution s = solve(p, (otx_omp_form)form, OTX_ISA_AUTO, 1);
        CHECK(s.stats.fallbacks <= fallbacks);
        CHECK(s.stats.candidates <= 8 * s.stats.steps + fallbacks * p->atoms);
        solution_close(&s);
    }
}

/* With ridge the atoms taken go on scoring, and often best of all: a screen does not lose
   sight of the others by that. */
static void atoms_taken_that_score_best(void)
{
    static const double ridges[] = {1e-3, 0.3, 10.0, 1e6};
    size_t i;
    for (i = 0; i < sizeof ridges / sizeof *ridges; i++) {
        problem p = embedding_like(150, 16, 32, 16, 1.0);
        p.ridge = ridges[i];
        p.cosine = i % 2 == 1;
        check_all_ways(&p);
        check_screened(&p, 0);
        problem_close(&p);
    }
}

/* An atom that is passed over scores better than all others for the rest of a target's
   steps: one of them scores every atom, that which passes it over. */
static void atom_passed_over_that_scores_best(void)
{
    problem p = problem_open(200, 12, 24, 12);
    size_t i, j;
    for (i = 0; i < p.atoms * p.columns; i++) p.a[i] = 1e-9f * (float)normal();
    for (i = 0; i < p.targets * p.columns; i++) p.y[i] = (float)normal();
    memset(p.a, 0, 2 * p.columns * sizeof *p.a);
    p.a[0] = p.a[p.columns] = 1.0f;
    p.a[p.columns + 1] = 1e-7f;
    for (i = 0; i < 2; i++) {
        solution s = solve(&p, OTX_FORM_AUTO, OTX_ISA_AUTO, 1);
        for (j = 0; j < s.count; j++) CHECK((s.indices[j] < 2) == (j % s.k == 0));
        solution_close(&s);
        check_all_ways(&p);
        check_screened(&p, p.targets);
        p.ridge = 1e-14;
    }
    problem_close(&p);
}

/* Targets that nearly are atoms leave residuals below the rounding of a table's products: they
   score no more atoms in double for it, and hold up nobody. */
static void targets_that_nearly_are_atoms(void)
{
    int form, halved;
    for (halved = 0; halved < 2; halved++) {
        problem p = embedding_like(600, 70, 48, 12, 1.0);
        size_t i, j;
        for (i = 0; i < 40; i++) {
            for (j = 0; j < 48; j++)
                p.y[i * 48 + j] = p.a[i * 48 + j] * (1.0f + 2e-4f * (float)normal());
            p.y[i * 48] *= 1.01f; /* more than bf16 rounds off */
        }
        if (halved) problem_halve(&p);
        check_all_ways(&p);
        for (form = OTX_FORM_GRAM; form < OTX_FORM_EXHAUSTIVE; form++) {
            solution s = solve(&p, (otx_omp_form)form, OTX_ISA_AUTO, 1);
            CHECK_INT(s.stats.fallbacks, 0);
            CHECK(s.stats.passes <= p.k);
            solution_close(&s);
        }
        problem_close(&p);
    }
}

/* ---- what the contract says besides ---- */

/* The least-squares property: the residual is orthogonal to the atoms taken. */
static void residual_is_orthogonal(void)
{
    problem p = embedding_like(400, 20, 64, 24, 1.0);
    solution s = solve(&p, OTX_FORM_AUTO, OTX_ISA_AUTO, 2);
    size_t i, j, q, n;
    for (i = 0; i < p.targets; i++) {
        double r[64], norm = 0.0;
        for (q = 0; q < 64; q++) {
            r[q] = (double)p.y[i * 64 + q];
            for (j = 0; j < s.k; j++)
                r[q] -= s.coefficients[i * s.k + j] *
                        (double)p.a[(size_t)s.indices[i * s.k + j] * 64 + q];
            norm += r[q] * r[q];
        }
        CHECK(fabs(sqrt(norm) - s.residuals[i]) <= 1e-12 * s.norms[i]);
        for (j = 0; j < s.k; j++) {
            double dot = 0.0;
            n = (size_t)s.indices[i * s.k + j];
            for (q = 0; q < 64; q++) dot += r[q] * (double)p.a[n * 64 + q];
            CHECK(fabs(dot) <= 1e-9 * s.norms[i]);
        }
    }
    solution_close(&s);
    problem_close(&p);
}

static void tolerance_ends_a_target(void)
{
    problem p = embedding_like(300, 20, 40, 30, 1.0);
    solution full = solve(&p, OTX_FORM_EXHAUSTIVE, OTX_ISA_SCALAR, 1), s = solution_open(&p);
    otx_omp_options options;
    otx_error error;
    int form;
    size_t i, j;
    memset(&options, 0, sizeof options);
    options.k = p.k;
    options.tolerance = 0.3;
    for (form = OTX_FORM_GRAM; form < OTX_FORM_COUNT; form++) {
        options.form = (otx_omp_form)form;
        CHECK_INT(solve_into(&p, NULL, &options, &s, &error), OTX_OK);
        for (i = 0; i < p.targets; i++) {
            CHECK(s.residuals[i] <= 0.3 * s.norms[i] || s.indices[i * s.k + s.k - 1] >= 0);
            for (j = 0; j < s.k && s.indices[i * s.k + j] >= 0; j++)
                CHECK_INT(s.indices[i * s.k + j], full.indices[i * s.k + j]);
            CHECK(j > 0);
        }
        CHECK(s.stats.steps < full.stats.steps);
    }
    solution_close(&s);
    solution_close(&full);
    problem_close(&p);
}

/* Centring is what it says: the same as solving for the shifted rows. */
static void centred(void)
{
    problem p = embedding_like(200, 30, 24, 9, 4.0), shifted = embedding_like(200, 30, 24, 9, 4.0);
    solution reference, s = solution_open(&p);
    double mean[24] = {0};
    size_t i, j;
    int form;
    for (i = 0; i < 200; i++)
        for (j = 0; j < 24; j++) mean[j] += (double)p.a[i * 24 + j];
    for (j = 0; j < 24; j++) mean[j] /= 200.0;
    for (i = 0; i < 200 * 24; i++) shifted.a[i] = (float)((double)p.a[i] - mean[i % 24]);
    for (i = 0; i < 30 * 24; i++) shifted.y[i] = (float)((double)p.y[i] - mean[i % 24]);
    reference = solve(&shifted, OTX_FORM_EXHAUSTIVE, OTX_ISA_SCALAR, 1);
    for (form = OTX_FORM_AUTO; form < OTX_FORM_COUNT; form++) {
        otx_omp_options options;
        otx_error error;
        memset(&options, 0, sizeof options);
        options.k = p.k;
        options.form = (otx_omp_form)form;
        options.centred = true;
        CHECK_INT(solve_into(&p, NULL, &options, &s, &error), OTX_OK);
        CHECK(same(&s, &reference, p.targets));
    }
    solution_close(&s);
    solution_close(&reference);
    problem_close(&p);
    problem_close(&shifted);
}

static void types_index_and_stride(void)
{
    problem p = problem_open(120, 20, 36, 10);
    size_t i, j;
    uint16_t *bf16 = (uint16_t *)malloc(120 * 36 * 2), *f16 = (uint16_t *)malloc(120 * 36 * 2);
    double *f64 = (double *)malloc(120 * 36 * 8);
    float *spread = (float *)malloc(120 * 41 * 4);
    uint32_t *index = (uint32_t *)malloc(120 * sizeof *index);
    otx_matrix forms[5], y = matrix(p.y, OTX_F32, p.targets, p.columns);
    solution reference, s = solution_open(&p);
    otx_omp_output output;
    otx_omp_options options;
    otx_error error;
    for (i = 0; i < 120 * 36; i++) { /* values that bf16 and f16 both hold */
        p.a[i] = (float)((int)(uniform() * 255.0) - 127) / 64.0f;
        f64[i] = (double)p.a[i];
    }
    for (i = 0; i < 20 * 36; i++) p.y[i] = (float)normal();
    CHECK_INT(otx_from_double(bf16, f64, OTX_BF16, 120 * 36, false), 0);
    CHECK_INT(otx_from_double(f16, f64, OTX_F16, 120 * 36, false), 0);
    for (i = 0; i < 120; i++) { /* the rows in reverse, 41 apart */
        index[i] = (uint32_t)(119 - i);
        for (j = 0; j < 36; j++) spread[(119 - i) * 41 + j] = p.a[i * 36 + j];
    }
    forms[0] = matrix(bf16, OTX_BF16, 120, 36);
    forms[1] = matrix(f16, OTX_F16, 120, 36);
    forms[2] = matrix(f64, OTX_F64, 120, 36);
    forms[3] = matrix(spread, OTX_F32, 120, 36);
    forms[3].stride = 41;
    forms[3].index = index;
    forms[4] = matrix(p.a, OTX_F32, 120, 36);
    reference = solve(&p, OTX_FORM_GRAM, OTX_ISA_SCALAR, 1);
    memset(&options, 0, sizeof options);
    options.k = p.k;
    options.form = OTX_FORM_GRAM;
    output.indices = s.indices;
    output.coefficients = s.coefficients;
    output.residual_norms = s.residuals;
    output.target_norms = s.norms;
    for (i = 0; i < 5; i++) {
        double row[36], wanted[36];
        int isa;
        for (isa = OTX_ISA_SCALAR; isa < OTX_ISA_COUNT; isa++) {
            otx_context ctx;
            if (!otx_isa_available((otx_isa)isa)) continue;
            memset(&ctx, 0, sizeof ctx);
            ctx.isa = (otx_isa)isa;
            CHECK_INT(otx_omp(&ctx, &forms[i], &y, &options, &output, NULL, &error), OTX_OK);
            CHECK(same(&s, &reference, p.targets));
            otx_combine(&ctx, &forms[i], s.indices, s.coefficients, s.k, row);
            otx_combine(NULL, &forms[4], s.indices, s.coefficients, s.k, wanted);
            CHECK(!memcmp(row, wanted, sizeof row));
        }
    }
    solution_close(&s);
    solution_close(&reference);
    problem_close(&p);
    free(bf16);
    free(f16);
    free(f64);
    free(spread);
    free(index);
}

int main(void)
{
    problems_begin();
    RUN(shapes);
    RUN(strong_offset);
    RUN(duplicates_and_zero_rows);
    RUN(wild_scales);
    RUN(largest_floats);
    RUN(ties);
    RUN(tie_goes_to_the_lower_index);
    RUN(the_best_in_every_tile);
    RUN(dependent_atom_is_passed_over);
    RUN(heavy_atoms_that_cancel);
    RUN(many_dependent_atoms);
    RUN(random_problems);
    RUN(atoms_taken_that_score_best);
    RUN(atom_passed_over_that_scores_best);
    RUN(targets_that_nearly_are_atoms);
    RUN(residual_is_orthogonal);
    RUN(tolerance_ends_a_target);
    RUN(centred);
    RUN(types_index_and_stride);
    return test_end();
}

/* Problems for the solver, their solutions, and that every way to solve one gives the same. */
#ifndef PROBLEMS_H
#define PROBLEMS_H

#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "omp_transplant.h"
#include "test.h"

typedef struct problem {
    size_t atoms, targets, columns, k;
    float *a, *y;
    uint16_t *a16, *y16; /* the same numbers in bf16, after problem_halve */
    bool cosine;
    double ridge;
} problem;

typedef struct solution {
    int32_t *indices;
    double *coefficients, *residuals, *norms;
    size_t count, k;
    otx_omp_stats stats;
} solution;

static uint64_t seed;

static inline double uniform(void)
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return (double)(seed >> 11) / 9007199254740992.0;
}

static inline double normal(void)
{
    double sum = 0.0;
    int i;
    for (i = 0; i < 12; i++) sum += uniform();
    return sum - 6.0;
}

static inline problem problem_open(size_t atoms, size_t targets, size_t columns, size_t k)
{
    problem p;
    memset(&p, 0, sizeof p);
    p.atoms = atoms;
    p.targets = targets;
    p.columns = columns;
    p.k = k;
    p.a = (float *)malloc(atoms * columns * sizeof *p.a);
    p.y = (float *)malloc(targets * columns * sizeof *p.y);
    return p;
}

static inline void problem_close(problem *p)
{
    free(p->a);
    free(p->y);
    free(p->a16);
    free(p->y16);
}

/* Rounds numbers to bf16, and keeps them in it too. */
static inline uint16_t *halve(float *values, size_t count)
{
    uint16_t *halves = (uint16_t *)malloc(count * sizeof *halves);
    size_t i;
    for (i = 0; i < count; i++) {
        double value = (double)values[i];
        otx_from_double(&halves[i], &value, OTX_BF16, 1, true);
        otx_to_float(&values[i], &halves[i], OTX_BF16, 1);
    }
    return halves;
}

static inline void problem_halve(problem *p)
{
    p->a16 = halve(p->a, p->atoms * p->columns);
    p->y16 = halve(p->y, p->targets * p->columns);
}

/* Embedding-like rows: a common offset, a few shared directions, uneven norms. */
static inline problem embedding_like(size_t atoms, size_t targets, size_t columns, size_t k,
                              double offset)
{
    problem p = problem_open(atoms, targets, columns, k);
    size_t i, j, n;
    float *mean = (float *)malloc(columns * sizeof *mean);
    for (j = 0; j < columns; j++) mean[j] = (float)(offset * normal());
    for (i = 0; i < atoms + targets; i++) {
        float *row = i < atoms ? p.a + i * columns : p.y + (i - atoms) * columns;
        double scale = 0.3 + uniform() * uniform() * 3.0;
        for (j = 0; j < columns; j++) row[j] = (float)(scale * (mean[j] + 0.7 * normal()));
        for (n = 0; n < 3 && i >= atoms; n++) {
            size_t atom = (size_t)(uniform() * uniform() * (double)atoms);
            double share = normal();
            for (j = 0; j < columns; j++) row[j] += (float)share * p.a[atom * columns + j];
        }
    }
    free(mean);
    return p;
}

static inline otx_matrix matrix(const void *data, otx_dtype dtype, size_t rows, size_t columns)
{
    otx_matrix m;
    memset(&m, 0, sizeof m);
    m.data = data;
    m.dtype = dtype;
    m.rows = rows;
    m.columns = columns;
    return m;
}

static inline solution solution_open(const problem *p)
{
    solution s;
    memset(&s, 0, sizeof s);
    s.k = otx_omp_k(p->k, p->atoms, p->columns);
    s.count = p->targets * s.k;
    s.indices = (int32_t *)calloc(s.count, sizeof *s.indices);
    s.coefficients = (double *)calloc(s.count, sizeof *s.coefficients);
    s.residuals = (double *)calloc(p->targets, sizeof *s.residuals);
    s.norms = (double *)calloc(p->targets, sizeof *s.norms);
    return s;
}

static inline void solution_close(solution *s)
{
    free(s->indices);
    free(s->coefficients);
    free(s->residuals);
    free(s->norms);
}

static inline otx_result solve_into(const problem *p, const otx_context *ctx,
                             const otx_omp_options *options, solution *s, otx_error *error)
{
    otx_matrix a = matrix(p->a, OTX_F32, p->atoms, p->columns);
    otx_matrix y = matrix(p->y, OTX_F32, p->targets, p->columns);
    otx_omp_output output;
    if (p->a16) {
        a = matrix(p->a16, OTX_BF16, p->atoms, p->columns);
        y = matrix(p->y16, OTX_BF16, p->targets, p->columns);
    }
    output.indices = s->indices;
    output.coefficients = s->coefficients;
    output.residual_norms = s->residuals;
    output.target_norms = s->norms;
    return otx_omp(ctx, &a, &y, options, &output, &s->stats, error);
}

static inline solution solve(const problem *p, otx_omp_form form, otx_isa isa, int threads)
{
    solution s = solution_open(p);
    otx_omp_options options;
    otx_context ctx;
    otx_error error;
    memset(&options, 0, sizeof options);
    memset(&ctx, 0, sizeof ctx);
    options.k = p->k;
    options.form = form;
    options.cosine = p->cosine;
    options.ridge = p->ridge;
    ctx.isa = isa;
    ctx.threads = threads;
    if (solve_into(p, &ctx, &options, &s, &error)) {
        printf("  %s\n", error.message);
        CHECK(!"the solve succeeds");
    }
    return s;
}

/* To the last bit. */
static inline int same(const solution *a, const solution *b, size_t targets)
{
    return a->k == b->k && !memcmp(a->indices, b->indices, a->count * sizeof *a->indices) &&
           !memcmp(a->coefficients, b->coefficients, a->count * sizeof *a->coefficients) &&
           !memcmp(a->residuals, b->residuals, targets * sizeof *a->residuals) &&
           !memcmp(a->norms, b->norms, targets * sizeof *a->norms);
}

/* Whether a problem takes too long to be solved in every way. With OTX_TEST_FULL in the
   environment fewer do. */
static inline bool is_large(const problem *p)
{
    double work = (double)(p->atoms * p->targets) * (double)(p->columns * p->k);
    return work > (getenv("OTX_TEST_FULL") ? 1e9 : 1e8);
}

/* The solution by the definition: with scalar kernels, but of large problems in the full
   run alone. */
static inline solution solve_reference(const problem *p)
{
    bool scalar = !is_large(p) || getenv("OTX_TEST_FULL");
    return solve(p, OTX_FORM_EXHAUSTIVE, scalar ? OTX_ISA_SCALAR : OTX_ISA_AUTO, 1);
}

/* Every form, instruction set and thread count gives the same bytes as the
   reference. Of large problems some ways are left out, and more of them unless all are
   wanted. */
static inline void check_against(const problem *p, const solution *reference)
{
#ifdef _OPENMP
    static const int threads[] = {1, 2, 3};
#else
    static const int threads[] = {1};
#endif
#ifdef OTX_SMALL
    const int first = OTX_FORM_EXHAUSTIVE; /* it has no other */
#else
    const int first = OTX_FORM_GRAM;
#endif
    bool full = getenv("OTX_TEST_FULL") != NULL, large = is_large(p);
    int isa, form;
    size_t t;
    for (isa = OTX_ISA_SCALAR; isa < OTX_ISA_COUNT; isa++) {
        if (!otx_isa_available((otx_isa)isa)) continue;
        for (form = first; form < OTX_FORM_COUNT; form++) {
            for (t = 0; t < sizeof threads / sizeof *threads; t++) {
                solution s;
                if (form == OTX_FORM_EXHAUSTIVE && (t || large || isa == OTX_ISA_SCALAR))
                    continue; /* little new, and on the scalar set the reference itself */
                if (large && (t == 1 || (t && isa == OTX_ISA_SCALAR))) continue;
                if (large && isa == OTX_ISA_SCALAR && form != OTX_FORM_GRAM && !full) continue;
                s = solve(p, (otx_omp_form)form, (otx_isa)isa, threads[t]);
                CHECK_INT(s.stats.isa, isa);
                CHECK_INT(s.stats.form, form);
                CHECK_INT(s.stats.steps, reference->stats.steps);
                if (!same(&s, reference, p->targets)) {
                    printf("  %s, %s, %s, %d threads differ from the reference\n",
                           otx_isa_name((otx_isa)isa), otx_omp_form_name((otx_omp_form)form),
                           p->a16 ? "bf16" : "float", threads[t]);
                    CHECK(!"all ways agree");
                }
                solution_close(&s);
            }
        }
    }
}

/* And once more with the numbers in bf16, which the dense products treat differently. */
static inline void check_all_ways(const problem *p)
{
    problem halves = problem_open(p->atoms, p->targets, p->columns, p->k);
    solution reference = solve_reference(p);
    check_against(p, &reference);
    solution_close(&reference);
    memcpy(halves.a, p->a, p->atoms * p->columns * sizeof *p->a);
    memcpy(halves.y, p->y, p->targets * p->columns * sizeof *p->y);
    halves.cosine = p->cosine;
    halves.ridge = p->ridge;
    problem_halve(&halves);
    reference = solve_reference(&halves);
    check_against(&halves, &reference);
    solution_close(&reference);
    problem_close(&halves);
}

/* Names the instruction sets that are tested, and starts the numbers drawn. */
static inline void problems_begin(void)
{
    int isa;
    seed = 88172645463325252u;
    printf("kernels:");
    for (isa = OTX_ISA_SCALAR; isa < OTX_ISA_COUNT; isa++)
        if (otx_isa_available((otx_isa)isa)) printf(" %s", otx_isa_name((otx_isa)isa));
    printf("\n");
}

#endif

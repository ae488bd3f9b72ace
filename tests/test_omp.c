/* The solver: against the peer's own outputs, against itself in every form, on
   every instruction set and thread count, and against data that is out to break
   it. OTX_TEST_SMALL in the environment leaves out the largest case, which takes
   an emulator, or a sanitizer, many minutes. */
#define OMP_TRANSPLANT_IMPLEMENTATION
#include "../omp_transplant.h"

#include "failing.h"
#include "test.h"

/* ---- problems and their solutions ---- */

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

static double uniform(void)
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return (double)(seed >> 11) / 9007199254740992.0;
}

static double normal(void)
{
    double sum = 0.0;
    int i;
    for (i = 0; i < 12; i++) sum += uniform();
    return sum - 6.0;
}

static problem problem_open(size_t atoms, size_t targets, size_t columns, size_t k)
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

static void problem_close(problem *p)
{
    free(p->a);
    free(p->y);
    free(p->a16);
    free(p->y16);
}

/* Rounds numbers to bf16, and keeps them in it too. */
static uint16_t *halve(float *values, size_t count)
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

static void problem_halve(problem *p)
{
    p->a16 = halve(p->a, p->atoms * p->columns);
    p->y16 = halve(p->y, p->targets * p->columns);
}

/* Embedding-like rows: a common offset, a few shared directions, uneven norms. */
static problem embedding_like(size_t atoms, size_t targets, size_t columns, size_t k,
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

static otx_matrix matrix(const void *data, otx_dtype dtype, size_t rows, size_t columns)
{
    otx_matrix m;
    memset(&m, 0, sizeof m);
    m.data = data;
    m.dtype = dtype;
    m.rows = rows;
    m.columns = columns;
    return m;
}

static solution solution_open(const problem *p)
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

static void solution_close(solution *s)
{
    free(s->indices);
    free(s->coefficients);
    free(s->residuals);
    free(s->norms);
}

static otx_result solve_into(const problem *p, const otx_context *ctx,
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

static solution solve(const problem *p, otx_omp_form form, otx_isa isa, int threads)
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
static int same(const solution *a, const solution *b, size_t targets)
{
    return a->k == b->k && !memcmp(a->indices, b->indices, a->count * sizeof *a->indices) &&
           !memcmp(a->coefficients, b->coefficients, a->count * sizeof *a->coefficients) &&
           !memcmp(a->residuals, b->residuals, targets * sizeof *a->residuals) &&
           !memcmp(a->norms, b->norms, targets * sizeof *a->norms);
}

/* Every form, instruction set and thread count gives the same bytes as the
   reference. */
static void check_against(const problem *p, const solution *reference)
{
#ifdef _OPENMP
    static const int threads[] = {1, 2, 3};
#else
    static const int threads[] = {1};
#endif
    double work = (double)(p->atoms * p->targets) * (double)(p->columns * p->k);
    bool large = work > 1e9;
    int isa, form;
    size_t t;
    for (isa = OTX_ISA_SCALAR; isa < OTX_ISA_COUNT; isa++) {
        if (!otx_isa_available((otx_isa)isa)) continue;
        for (form = OTX_FORM_GRAM; form < OTX_FORM_COUNT; form++) {
            for (t = 0; t < sizeof threads / sizeof *threads; t++) {
                solution s;
                if (form == OTX_FORM_EXHAUSTIVE && (t || large)) continue; /* little new */
                if (large && (t == 1 || (t && isa == OTX_ISA_SCALAR))) continue;
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

/* The reference: scalar kernels, by the definition. And once more with the numbers
   in bf16, which the dense products treat differently. */
static void check_all_ways(const problem *p)
{
    problem halves = problem_open(p->atoms, p->targets, p->columns, p->k);
    solution reference = solve(p, OTX_FORM_EXHAUSTIVE, OTX_ISA_SCALAR, 1);
    check_against(p, &reference);
    solution_close(&reference);
    memcpy(halves.a, p->a, p->atoms * p->columns * sizeof *p->a);
    memcpy(halves.y, p->y, p->targets * p->columns * sizeof *p->y);
    halves.cosine = p->cosine;
    halves.ridge = p->ridge;
    problem_halve(&halves);
    reference = solve(&halves, OTX_FORM_EXHAUSTIVE, OTX_ISA_SCALAR, 1);
    check_against(&halves, &reference);
    solution_close(&reference);
    problem_close(&halves);
}

/* ---- golden ---- */

typedef struct golden {
    char *bytes;
    size_t size;
    otx_safetensors file;
} golden;

static golden golden_open(const char *name)
{
    golden g;
    char path[256];
    FILE *file;
    otx_source source;
    otx_error error;
    memset(&g, 0, sizeof g);
    snprintf(path, sizeof path, "tests/golden/%s.safetensors", name);
    file = fopen(path, "rb");
    if (!file) {
        printf("cannot open %s: run from the top of the repository\n", path);
        exit(1);
    }
    fseek(file, 0, SEEK_END);
    g.size = (size_t)ftell(file);
    rewind(file);
    g.bytes = (char *)malloc(g.size);
    if (fread(g.bytes, 1, g.size, file) != g.size) exit(1);
    fclose(file);
    source = otx_source_memory(g.bytes, g.size);
    if (otx_safetensors_open(NULL, &source, path, &g.file, &error)) {
        printf("%s\n", error.message);
        exit(1);
    }
    return g;
}

static void golden_close(golden *g)
{
    otx_safetensors_close(NULL, &g->file);
    free(g->bytes);
}

/* Little-endian numbers of a golden tensor, as doubles. */
static double *golden_values(const golden *g, const char *name, size_t *rows, size_t *columns)
{
    const otx_tensor *t = otx_safetensors_find(&g->file, name, strlen(name));
    size_t size, count, i, b;
    double *values;
    if (!t) {
        printf("no golden tensor %s\n", name);
        exit(1);
    }
    size = otx_dtype_bits(t->dtype) / 8;
    count = (size_t)(t->end - t->begin) / size;
    *rows = (size_t)t->shape[0];
    *columns = t->rank > 1 ? (size_t)t->shape[1] : 1;
    values = (double *)malloc(count * sizeof *values);
    for (i = 0; i < count; i++) {
        const unsigned char *at = (const unsigned char *)g->bytes + t->begin + i * size;
        uint64_t bits = 0;
        for (b = 0; b < size; b++) bits |= (uint64_t)at[b] << (8 * b);
        if (t->dtype == OTX_F32) {
            uint32_t half = (uint32_t)bits;
            float value;
            memcpy(&value, &half, sizeof value);
            values[i] = (double)value;
        } else if (t->dtype == OTX_F64) {
            memcpy(&values[i], &bits, sizeof values[i]);
        } else {
            values[i] = (double)(int64_t)bits;
        }
    }
    return values;
}

static float *golden_floats(const golden *g, const char *name, size_t *rows, size_t *columns)
{
    double *wide = golden_values(g, name, rows, columns);
    size_t i, count = *rows * *columns;
    float *narrow = (float *)malloc(count * sizeof *narrow);
    for (i = 0; i < count; i++) narrow[i] = (float)wide[i];
    free(wide);
    return narrow;
}

static double largest(const double *values, size_t count)
{
    double most = 0.0;
    size_t i;
    for (i = 0; i < count; i++)
        if (fabs(values[i]) > most) most = fabs(values[i]);
    return most;
}

/* Atoms in the same order; coefficients, residuals and base rows as the float64
   run has them, up to rounding. */
static void check_golden(const char *name)
{
    golden g = golden_open(name);
    problem p = {0, 0, 0, 0, NULL, NULL, NULL, NULL, false, 0.0};
    solution s;
    size_t rows, columns, base_columns, i, j;
    double *indices, *coefficients, *residuals, *wanted_rows, *row;
    float *base;
    otx_matrix base_matrix;
    p.a = golden_floats(&g, "donor_anchors", &p.atoms, &p.columns);
    p.y = golden_floats(&g, "targets", &p.targets, &columns);
    CHECK_INT(columns, p.columns);
    base = golden_floats(&g, "base_anchors", &rows, &base_columns);
    CHECK_INT(rows, p.atoms);
    indices = golden_values(&g, "indices_f64", &rows, &p.k);
    coefficients = golden_values(&g, "coeffs_f64", &rows, &columns);
    residuals = golden_values(&g, "residual_norm_f64", &rows, &columns);
    wanted_rows = golden_values(&g, "base_rows_f32", &rows, &columns);
    row = (double *)malloc(base_columns * sizeof *row);
    s = solve(&p, OTX_FORM_AUTO, OTX_ISA_AUTO, 0);
    CHECK_INT(s.k, p.k);
    base_matrix = matrix(base, OTX_F32, p.atoms, base_columns);
    for (i = 0; i < p.targets; i++) {
        const double *c = coefficients + i * p.k, *wanted = wanted_rows + i * base_columns;
        for (j = 0; j < p.k; j++) {
            CHECK_INT(s.indices[i * p.k + j], indices[i * p.k + j]);
            CHECK(fabs(s.coefficients[i * p.k + j] - c[j]) <= 1e-9 * largest(c, p.k));
        }
        CHECK(fabs(s.residuals[i] - residuals[i]) <= 1e-7 * s.norms[i]);
        otx_combine(NULL, &base_matrix, s.indices + i * p.k, s.coefficients + i * p.k, p.k, row);
        for (j = 0; j < base_columns; j++)
            CHECK(fabs(row[j] - wanted[j]) <= 2e-4 * largest(wanted, base_columns));
    }
    check_all_ways(&p);
    solution_close(&s);
    problem_close(&p);
    free(base);
    free(indices);
    free(coefficients);
    free(residuals);
    free(wanted_rows);
    free(row);
    golden_close(&g);
}

static void golden_plain(void) { check_golden("omp_plain"); }
static void golden_k64(void) { check_golden("omp_k64"); }
static void golden_bf16_values(void) { check_golden("omp_bf16_values"); }
static void golden_wild_norms(void) { check_golden("omp_wild_norms"); }
static void golden_target_is_anchor(void) { check_golden("omp_target_is_anchor"); }
static void golden_near_duplicates(void) { check_golden("omp_near_duplicates"); }

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
    for (round = 0; round < 12; round++) {
        size_t atoms = 1 + (size_t)(uniform() * 220.0), columns = 1 + (size_t)(uniform() * 90.0);
        size_t targets = 1 + (size_t)(uniform() * 50.0), k = 1 + (size_t)(uniform() * 24.0);
        problem p = embedding_like(atoms, targets, columns, k, 3.0 * uniform());
        p.cosine = round % 2 == 1;
        p.ridge = round % 3 == 1 ? 1e-3 : round % 3 == 2 ? 0.3 * uniform() : 0.0;
        check_all_ways(&p);
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

static void windows_join(void)
{
    problem p = embedding_like(200, 77, 30, 10, 1.0);
    solution whole = solve(&p, OTX_FORM_GRAM, OTX_ISA_AUTO, 2), parts = solution_open(&p);
    static const size_t cuts[] = {0, 1, 33, 70, 77};
    otx_error error;
    size_t i;
    for (i = 0; i + 1 < sizeof cuts / sizeof *cuts; i++) {
        otx_omp_options options;
        memset(&options, 0, sizeof options);
        options.k = p.k;
        options.form = i % 2 ? OTX_FORM_RESIDUAL : OTX_FORM_GRAM;
        options.first_target = cuts[i];
        options.target_count = cuts[i + 1] - cuts[i];
        CHECK_INT(solve_into(&p, NULL, &options, &parts, &error), OTX_OK);
    }
    CHECK(same(&whole, &parts, p.targets));
    solution_close(&parts);
    solution_close(&whole);
    problem_close(&p);
}

/* A budget that forces small blocks changes nothing, and is kept to. */
static void budgets(void)
{
    problem p = embedding_like(500, 300, 40, 16, 1.0);
    solution reference = solve(&p, OTX_FORM_GRAM, OTX_ISA_AUTO, 2);
    static const uint64_t sizes[] = {250000, 400000, 1000000, 2000000, 4000000};
    int seen[OTX_FORM_COUNT] = {0};
    size_t i;
    for (i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        solution s = solution_open(&p);
        otx_omp_options options;
        failing state;
        otx_context ctx;
        otx_error error;
        memset(&options, 0, sizeof options);
        memset(&state, 0, sizeof state);
        memset(&ctx, 0, sizeof ctx);
        ctx.allocator.resize = failing_resize;
        ctx.allocator.context = &state;
        ctx.threads = 2;
        options.k = p.k;
        options.memory = sizes[i];
        CHECK_INT(solve_into(&p, &ctx, &options, &s, &error), OTX_OK);
        CHECK(s.stats.peak_bytes <= sizes[i]);
        CHECK(s.stats.peak_bytes > 0);
        CHECK(same(&s, &reference, p.targets));
        CHECK_INT(state.live, 0);
        seen[s.stats.form] = 1;
        solution_close(&s);
    }
    CHECK(seen[OTX_FORM_GRAM]); /* the list of budgets reaches more than one form */
    CHECK(seen[OTX_FORM_RESIDUAL] || seen[OTX_FORM_EXHAUSTIVE]);
    solution_close(&reference);
    problem_close(&p);
}

/* Few atoms and many targets: the exact products of all pairs of atoms are kept where
   there is room for them, and change nothing. */
static void exact_products(void)
{
    problem p = embedding_like(300, 200, 40, 24, 1.0);
    int halves;
    for (halves = 0; halves < 2; halves++) {
        solution reference;
        uint64_t memory;
        int kept = 0, computed = 0;
        if (halves) problem_halve(&p);
        reference = solve(&p, OTX_FORM_EXHAUSTIVE, OTX_ISA_SCALAR, 1);
        check_against(&p, &reference);
        for (memory = 300000; memory < 8000000; memory += memory / 4) {
            solution s = solution_open(&p);
            otx_omp_options options;
            otx_context ctx;
            otx_error error;
            memset(&options, 0, sizeof options);
            memset(&ctx, 0, sizeof ctx);
            ctx.threads = 1;
            options.k = p.k;
            options.form = OTX_FORM_GRAM;
            options.memory = memory;
            if (solve_into(&p, &ctx, &options, &s, &error) == OTX_OK) {
                CHECK(same(&s, &reference, p.targets));
                CHECK(s.stats.peak_bytes <= memory);
                if (strstr(s.stats.plan, "exact products kept")) kept++;
                else computed++;
            }
            solution_close(&s);
        }
        CHECK(kept > 0);
        CHECK(computed > 0);
        solution_close(&reference);
    }
    problem_close(&p);
}

/* They serve guesses too, where rows are long. */
static void exact_products_of_long_rows(void)
{
    problem p = embedding_like(200, 120, 1030, 20, 1.0);
    solution reference = solve(&p, OTX_FORM_EXHAUSTIVE, OTX_ISA_SCALAR, 1);
    solution s = solve(&p, OTX_FORM_GRAM, OTX_ISA_AUTO, 1);
    CHECK(strstr(s.stats.plan, "exact products kept") != NULL);
    CHECK(s.stats.passes < 18); /* some guesses are right, or there would be 20 */
    check_against(&p, &reference);
    solution_close(&reference);
    solution_close(&s);
    problem_close(&p);
}

/* The columns form with room for hardly more columns than one target needs: targets
   wait for each other, and columns are computed over and over. */
static void few_columns(void)
{
    problem p = embedding_like(400, 120, 40, 24, 1.0);
    solution reference = solve(&p, OTX_FORM_EXHAUSTIVE, OTX_ISA_AUTO, 1);
    uint64_t memory, most = 0, least = UINT64_MAX;
    int solved = 0;
    for (memory = 200000; solved < 25; memory += memory / 16) {
        solution s = solution_open(&p);
        otx_omp_options options;
        otx_context ctx;
        otx_error error;
        otx_result result;
        memset(&options, 0, sizeof options);
        memset(&ctx, 0, sizeof ctx);
        ctx.threads = 2;
        options.k = p.k;
        options.form = OTX_FORM_COLUMNS;
        options.memory = memory;
        result = solve_into(&p, &ctx, &options, &s, &error);
        if (result == OTX_OK) {
            CHECK(same(&s, &reference, p.targets));
            CHECK(s.stats.peak_bytes <= memory);
            if (s.stats.columns > most) most = s.stats.columns;
            if (s.stats.columns < least) least = s.stats.columns;
            solved++;
        } else {
            CHECK_INT(result, OTX_ERROR_MEMORY);
            CHECK_INT(solved, 0); /* more memory never fails where less did */
        }
        solution_close(&s);
    }
    CHECK(most > 3 * p.atoms); /* the least memory made columns again and again */
    CHECK(least <= p.atoms);   /* the most, none twice */
    solution_close(&reference);
    problem_close(&p);
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
            otx__combine(otx__kernels_for((otx_isa)isa), &forms[i], s.indices, s.coefficients,
                         s.k, row);
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

/* ---- the screen's bound ---- */

/* How far a tile's best correlation is from what a scan says of it, as a share of the
   bound: at most 1. */
static double off_bound(const otx__screen *screen, size_t tile, size_t target, double best,
                        size_t atom)
{
    size_t at = tile * screen->capacity + target;
    double weight = (double)screen->problem->dictionary->tile_weight[tile];
    double bound = otx__screen_bound(screen, target, 0)->scanned, off;
    if (!otx__form_scans(screen->form)) {
        /* A tile's best is in its mask, unless it is less than the best of all is at least. */
        otx__best_tiles found;
        otx__sifted_least(screen, target, 1, &found);
        if (!(screen->masks[at] >> atom % OTX__TILE & 1)) {
            CHECK(best < found.least || best <= 0.0);
            return 0.0;
        }
        CHECK(best <= (double)screen->best[at]);
        /* Where it is alone, what it has at most is what was found and its bound. */
        if (screen->masks[at] != 1u << atom % OTX__TILE) return 0.0;
        bound += (double)screen->problem->dictionary->panels.error[atom] * screen->rest[target];
        bound *= (double)screen->problem->dictionary->weight[atom];
        off = fabs((double)screen->best[at] - bound - best);
        CHECK(off <= bound);
        return off / bound;
    }
    off = fabs(best - (double)screen->best[at]);
    CHECK(off <= weight * bound + best * OTX__SCAN_RELATIVE_ERROR);
    return weight * bound > 0.0 ? off / (weight * bound) : 0.0;
}

/* What the screen computes never differs from the exact correlation by more than
   the bound it states, in any form, after every step. */
static void check_bound(problem *p, otx_omp_form form, otx__panel_type type, bool tight)
{
    int isa;
    for (isa = OTX_ISA_SCALAR; isa < OTX_ISA_COUNT; isa++) {
        otx__pursuit pursuit;
        otx__screen *screen = &pursuit.screen;
        otx_omp_options options;
        otx_omp_output output;
        otx_context ctx;
        otx_matrix a = matrix(p->a, OTX_F32, p->atoms, p->columns);
        otx_matrix y = matrix(p->y, OTX_F32, p->targets, p->columns);
        solution s = solution_open(p);
        otx_error error;
        size_t step, target, tile, i;
        double worst = 0.0;
        const otx__kernels *kernels = otx__kernels_for((otx_isa)isa);
        if (!kernels ||
            (!otx__form_scans(form) && ((type == OTX__PANEL_INT8 && !kernels->product_int8) ||
                                        (type == OTX__PANEL_BF16 && !kernels->product_bf16)))) {
            solution_close(&s);
            continue;
        }
        memset(&options, 0, sizeof options);
        memset(&output, 0, sizeof output);
        memset(&pursuit, 0, sizeof pursuit);
        memset(&ctx, 0, sizeof ctx);
        ctx.isa = (otx_isa)isa;
        options.k = s.k;
        options.form = form;
        if (p->a16) {
            a = matrix(p->a16, OTX_BF16, p->atoms, p->columns);
            y = matrix(p->y16, OTX_BF16, p->targets, p->columns);
        }
        output.indices = s.indices;
        output.coefficients = s.coefficients;
        pursuit.atoms = &a;
        pursuit.targets = &y;
        pursuit.options = &options;
        pursuit.output = &output;
        CHECK_INT(otx__pursuit_open(&pursuit, &ctx, &error), OTX_OK);
        if (!otx__form_scans(form)) pursuit.panels = type;
        CHECK_INT(otx__pursuit_take(&pursuit, &error), OTX_OK);
        CHECK_INT(otx__pursuit_copy(&pursuit, &error), OTX_OK);
        CHECK_INT(otx__pursuit_prepare(&pursuit, &error), OTX_OK);
        screen->watch = otx__watch_open(&pursuit.ctx, OTX_STAGE_SOLVE, 0, 1);
        CHECK_INT(otx__block_open(&pursuit, 0, &error), OTX_OK);
        CHECK_INT(otx__screen_open_block(screen, &error), OTX_OK);
        for (step = 0; step < s.k; step++) {
            CHECK_INT(otx__screen_scan_all(screen, &error), OTX_OK);
            for (target = 0; target < screen->count; target++) {
                otx__support *support = &screen->supports[target];
                if (support->ended) continue;
                otx__support_residual(&pursuit.problem, support, screen->scratch);
                for (tile = 0; tile < pursuit.dictionary.tiles; tile++) {
                    double best = 0.0, off;
                    size_t atom = 0;
                    for (i = tile * OTX__TILE;
                         i < otx__min(p->atoms, (tile + 1) * OTX__TILE); i++) {
                        otx__row row = otx__view_row(&pursuit.dictionary.rows, i);
                        double exact;
                        if (!(pursuit.dictionary.norms[i] > 0.0)) continue;
                        otx__kernels_scalar.dots(screen->scratch->residual, &row, 1, p->columns,
                                                 &exact);
                        exact = fabs(exact) / pursuit.dictionary.norms[i] / support->norm;
                        exact *= (double)pursuit.dictionary.weight[i];
                        if (exact > best) {
                            best = exact;
                            atom = i;
                        }
                    }
                    off = off_bound(screen, tile, target, best, atom);
                    if (off > worst) worst = off;
                }
            }
            CHECK_INT(otx__screen_select(screen, &error), OTX_OK);
            if (screen->too_coarse) CHECK_INT(otx__pursuit_sharpen(&pursuit, &error), OTX_OK);
            screen->too_coarse = false;
            CHECK_INT(otx__screen_get_columns(screen, &error), OTX_OK);
        }
        if (tight) CHECK(worst > 1e-3); /* a bound a thousand times too wide would be no use */
        otx__pool_close(&pursuit.pool);
        solution_close(&s);
    }
}

static void bound_holds(void)
{
    static const double offsets[] = {0.0, 1.0, 8.0};
    size_t i, j;
    int form, halved;
    for (i = 0; i < sizeof offsets / sizeof *offsets; i++) {
        for (halved = 0; halved < 4; halved++) {
            /* With 90 targets exact products are kept. */
            problem p = embedding_like(160, i == 1 ? 90 : 33, 40, 20, offsets[i]);
            if (halved % 2) /* nearly dependent atoms: huge coefficients */
                for (j = 0; j < 160 * 40; j++) p.a[j] = p.a[j % 40] + 1e-2f * p.a[j];
            if (halved / 2) problem_halve(&p);
            for (form = OTX_FORM_GRAM; form < OTX_FORM_EXHAUSTIVE; form++)
                check_bound(&p, (otx_omp_form)form, OTX__PANEL_INT8,
                            otx__form_scans((otx_omp_form)form) || halved % 2 == 0);
            /* Among dependent atoms rounding may leave none alone. */
            check_bound(&p, OTX_FORM_RESIDUAL, OTX__PANEL_BF16, halved % 2 == 0);
            check_bound(&p, OTX_FORM_RESIDUAL, OTX__PANEL_FLOAT, true);
            problem_close(&p);
        }
    }
}

/* ---- residuals of few bits ---- */

static void find_note(void *context, otx_severity severity, const char *message)
{
    if (severity == OTX_NOTE && strstr(message, "8 bits leave too many")) *(int *)context = 1;
}

/* Solves in the residual form with every instruction set; where it begins with 8 bits,
   it finds them too coarse, or not. */
static void check_coarse(const problem *p, int coarse)
{
    solution reference = solve(p, OTX_FORM_EXHAUSTIVE, OTX_ISA_SCALAR, 1);
    int isa;
    for (isa = OTX_ISA_SCALAR; isa < OTX_ISA_COUNT; isa++) {
        solution s = solution_open(p);
        otx_omp_options options;
        otx_context ctx;
        otx_error error;
        int noted = 0;
        memset(&options, 0, sizeof options);
        memset(&ctx, 0, sizeof ctx);
        options.k = p->k;
        options.form = OTX_FORM_RESIDUAL;
        ctx.isa = (otx_isa)isa;
        ctx.log = find_note;
        ctx.log_context = &noted;
        if (otx_isa_available((otx_isa)isa)) {
            CHECK_INT(solve_into(p, &ctx, &options, &s, &error), OTX_OK);
            CHECK(same(&s, &reference, p->targets));
            CHECK_INT(noted, coarse && strstr(s.stats.plan, "8 bits") != NULL);
        }
        solution_close(&s);
    }
    solution_close(&reference);
}

static void eight_bits(void)
{
    problem p = embedding_like(600, 70, 24, 9, 1.0);
    size_t i, j;
    check_coarse(&p, 0);
    /* Atoms that 8 bits cannot tell apart, and bf16 can. */
    for (i = 0; i < 600; i++)
        for (j = 0; j < 24; j++)
            p.a[i * 24 + j] = p.a[j] + 0.02f * (float)normal();
    check_coarse(&p, 1);
    problem_close(&p);
}

/* A chain of atoms, each 2^-20 as long as the one before and nearly dependent on it: the
   coefficients grow beyond a float, while every factor is exact. The first `together` of
   them stand in one tile, among tiny ones. */
static problem chain(size_t atoms, size_t together, size_t columns)
{
    problem p = problem_open(atoms, 1, columns, 14);
    size_t i, j, link;
    memset(p.a, 0, atoms * columns * sizeof *p.a);
    for (j = 0; j < columns; j++) p.y[j] = j < 16 ? 1.0f : 0.0f;
    for (i = 0; i < atoms; i++) {
        p.a[i * columns + columns - 1 - i % 4] = ldexpf((float)(1 + i % 3), -126);
        p.a[i * columns + 14 + i % 2] = ldexpf(1.0f, -130);
    }
    for (link = 0; link < 13; link++) {
        size_t at = link < together ? link : OTX__TILE + link - together;
        double norm = ldexp(1.0, 126 - 20 * (int)link);
        float *row = p.a + at * columns;
        if (at >= atoms) break;
        for (j = 0; j < columns; j++) row[j] = 0.0f;
        if (link) row[link - 1] = (float)norm;
        row[link] = (float)(link ? ldexp(norm, -19) : norm);
    }
    return p;
}

static void coefficients_beyond_floats(void)
{
    static const size_t sizes[][3] = {{40, 4, 24}, {40, 9, 24}, {40, 2, 37}, {31, 31, 24}};
    size_t i;
    for (i = 0; i < OTX__COUNT(sizes); i++) {
        problem p = chain(sizes[i][0], sizes[i][1], sizes[i][2]);
        solution reference = solve(&p, OTX_FORM_EXHAUSTIVE, OTX_ISA_SCALAR, 1);
        check_against(&p, &reference);
        solution_close(&reference);
        problem_close(&p);
    }
}

/* Rows too long for 8 bits. */
static void long_residuals(void)
{
    problem p = embedding_like(70, 40, OTX__INT8_COLUMNS_MAX + 1, 5, 0.5);
    check_coarse(&p, 0);
    problem_close(&p);
}

/* ---- hooks, errors, memory ---- */

typedef struct backwards {
    int calls;
} backwards;

/* Runs the tasks last first, on worker 2 of 3. */
static void run_backwards(void *context, size_t count, otx_parallel_body body, void *argument)
{
    ((backwards *)context)->calls++;
    while (count-- > 0) body(argument, count, 2);
}

static void parallel_hook(void)
{
    problem p = embedding_like(150, 40, 30, 9, 1.0);
    solution reference = solve(&p, OTX_FORM_GRAM, OTX_ISA_AUTO, 1), s = solution_open(&p);
    otx_omp_options options;
    otx_context ctx;
    otx_error error;
    backwards state = {0};
    memset(&options, 0, sizeof options);
    memset(&ctx, 0, sizeof ctx);
    ctx.parallel_for = run_backwards;
    ctx.parallel_context = &state;
    ctx.threads = 3;
    options.k = p.k;
    options.form = OTX_FORM_GRAM;
    CHECK_INT(solve_into(&p, &ctx, &options, &s, &error), OTX_OK);
    CHECK(state.calls > 10);
    CHECK_INT(s.stats.threads, 3);
    CHECK(same(&s, &reference, p.targets));
    solution_close(&s);
    solution_close(&reference);
    problem_close(&p);
}

typedef struct watcher {
    long calls, stop_at;
    uint64_t last;
    int went_back, beyond;
} watcher;

static bool watch(void *context, const otx_progress *progress)
{
    watcher *w = (watcher *)context;
    w->calls++;
    if (progress->stage == OTX_STAGE_SOLVE) {
        if (progress->done < w->last) w->went_back = 1;
        w->last = progress->done;
    }
    if (progress->done > progress->total && progress->total) w->beyond = 1;
    return w->calls != w->stop_at;
}

static void progress_and_cancel(void)
{
    problem p = embedding_like(150, 70, 30, 9, 1.0);
    solution s = solution_open(&p);
    otx_omp_options options;
    otx_context ctx;
    otx_error error;
    failing state;
    long calls, stop;
    memset(&options, 0, sizeof options);
    memset(&ctx, 0, sizeof ctx);
    options.k = p.k;
    options.form = OTX_FORM_GRAM;
    ctx.progress = watch;
    ctx.allocator.resize = failing_resize;
    for (calls = 0, stop = 0; stop <= calls; stop++) {
        watcher w;
        memset(&w, 0, sizeof w);
        memset(&state, 0, sizeof state);
        w.stop_at = stop;
        ctx.progress_context = &w;
        ctx.allocator.context = &state;
        if (stop == 0) {
            CHECK_INT(solve_into(&p, &ctx, &options, &s, &error), OTX_OK);
            calls = w.calls;
            CHECK(calls > 4);
            CHECK(!w.went_back && !w.beyond);
        } else {
            CHECK_INT(solve_into(&p, &ctx, &options, &s, &error), OTX_ERROR_CANCELLED);
            CHECK_INT(w.calls, stop);
        }
        CHECK_INT(state.live, 0);
    }
    solution_close(&s);
    problem_close(&p);
}

static void every_allocation_can_fail(void)
{
    problem p = embedding_like(100, 20, 24, 6, 1.0);
    solution s = solution_open(&p);
    int form;
    for (form = OTX_FORM_GRAM; form < OTX_FORM_COUNT; form++) {
        otx_omp_options options;
        long n, failed = 0;
        memset(&options, 0, sizeof options);
        options.k = p.k;
        options.form = (otx_omp_form)form;
        for (n = 1;; n++) {
            failing state;
            otx_context ctx;
            otx_error error;
            otx_result result;
            memset(&state, 0, sizeof state);
            memset(&ctx, 0, sizeof ctx);
            state.fail_at = n;
            ctx.allocator.resize = failing_resize;
            ctx.allocator.context = &state;
            result = solve_into(&p, &ctx, &options, &s, &error);
            CHECK_INT(state.live, 0);
            CHECK(!state.wrong_size);
            if (result == OTX_OK) break;
            CHECK_INT(result, OTX_ERROR_MEMORY);
            CHECK_CONTAINS(error.message, "out of memory");
            failed++;
        }
        CHECK(failed >= 8);
    }
    solution_close(&s);
    problem_close(&p);
}

/* More blocks than any form takes: each apart from the others, aligned, and freed. */
static void pool_grows(void)
{
    enum { BLOCKS = 1000, SIZE = 40 };
    static unsigned char *blocks[BLOCKS];
    failing state;
    otx_context ctx;
    otx__pool pool;
    size_t i, j;
    memset(&state, 0, sizeof state);
    memset(&ctx, 0, sizeof ctx);
    ctx.allocator.resize = failing_resize;
    ctx.allocator.context = &state;
    otx__pool_open(&pool, &ctx);
    for (i = 0; i < BLOCKS; i++) {
        blocks[i] = (unsigned char *)otx__pool_take(&pool, SIZE, 1);
        CHECK(blocks[i] && (uintptr_t)blocks[i] % OTX__ALIGNMENT == 0);
        if (!blocks[i]) break;
        memset(blocks[i], (int)(i % 251), SIZE);
    }
    CHECK(!pool.failed);
    CHECK(pool.bytes == state.bytes);
    while (i-- > 0)
        for (j = 0; j < SIZE; j++) CHECK_INT(blocks[i][j], i % 251);
    otx__pool_close(&pool);
    CHECK_INT(state.live, 0);
    CHECK(!state.wrong_size);
}

/* A message says what was asked for, also where that is more than a size holds. */
static void pool_says_what_it_lacks(void)
{
    failing state;
    otx_context ctx;
    otx_error error;
    otx__pool pool;
    memset(&state, 0, sizeof state);
    memset(&ctx, 0, sizeof ctx);
    ctx.allocator.resize = failing_resize;
    ctx.allocator.context = &state;
    otx__pool_open(&pool, &ctx);
    CHECK(otx__pool_take(&pool, SIZE_MAX / 4, 8) == NULL);
    CHECK(otx__pool_take(&pool, 1, 1) == NULL); /* the first failure is the one told */
    CHECK_INT(otx__pool_fail(&pool, &error), OTX_ERROR_MEMORY);
    CHECK_CONTAINS(error.message, " times 8 bytes");
    CHECK(!strstr(error.message, "18446744073709551615"));
    otx__pool_close(&pool);
    state.fail_at = 1;
    CHECK(otx__pool_try(&pool, 1000, 8) == NULL);
    state.fail_at = 2;
    CHECK(!pool.failed && otx__pool_take(&pool, 1000, 8) == NULL);
    CHECK_INT(otx__pool_fail(&pool, &error), OTX_ERROR_MEMORY);
    CHECK_CONTAINS(error.message, "asking for 80"); /* and what the pool needs */
    otx__pool_close(&pool);
    CHECK_INT(state.live, 0);
}

static void expect_error(const problem *p, const otx_matrix *a, const otx_matrix *y,
                         const otx_omp_options *options, const otx_context *ctx,
                         otx_result wanted, const char *part)
{
    solution s = solution_open(p);
    otx_omp_output output;
    otx_error error;
    output.indices = s.indices;
    output.coefficients = s.coefficients;
    output.residual_norms = output.target_norms = NULL;
    error.message[0] = 0;
    CHECK_INT(otx_omp(ctx, a, y, options, &output, NULL, &error), wanted);
    CHECK_INT(error.code, wanted);
    CHECK_CONTAINS(error.message, part);
    CHECK_INT(otx_omp(ctx, a, y, options, &output, NULL, NULL), wanted); /* error is optional */
    solution_close(&s);
}

static void errors(void)
{
    problem p = embedding_like(40, 9, 10, 4, 1.0);
    otx_matrix a = matrix(p.a, OTX_F32, 40, 10), y = matrix(p.y, OTX_F32, 9, 10), bad;
    otx_omp_options options;
    otx_context ctx;
    float kept;
    int form, isa;
    memset(&options, 0, sizeof options);
    memset(&ctx, 0, sizeof ctx);
    options.k = 4;
    bad = a;
    bad.dtype = OTX_I32;
    expect_error(&p, &bad, &y, &options, NULL, OTX_ERROR_ARGUMENT, "atoms");
    bad = y;
    bad.columns = 9;
    expect_error(&p, &a, &bad, &options, NULL, OTX_ERROR_ARGUMENT, "10 columns and targets 9");
    bad = y;
    bad.rows = 0;
    expect_error(&p, &a, &bad, &options, NULL, OTX_ERROR_ARGUMENT, "targets: the matrix is empty");
    bad = a;
    bad.stride = 9;
    expect_error(&p, &bad, &y, &options, NULL, OTX_ERROR_ARGUMENT, "stride 9");
    expect_error(&p, NULL, &y, &options, NULL, OTX_ERROR_ARGUMENT, "atoms");
    options.first_target = 3;
    options.target_count = 7;
    expect_error(&p, &a, &y, &options, NULL, OTX_ERROR_ARGUMENT, "not among 9");
    options.first_target = options.target_count = 0;
    options.tolerance = -1.0;
    expect_error(&p, &a, &y, &options, NULL, OTX_ERROR_ARGUMENT, "out of range");
    options.tolerance = 0.0;
    options.ridge = 1e7;
    expect_error(&p, &a, &y, &options, NULL, OTX_ERROR_ARGUMENT, "out of range");
    options.ridge = 0.0;
    options.memory = 1000;
    expect_error(&p, &a, &y, &options, NULL, OTX_ERROR_MEMORY, "budget");
    options.memory = 0;
    for (isa = 0; isa < OTX_ISA_COUNT; isa++) {
        if (otx_isa_available((otx_isa)isa)) continue;
        ctx.isa = (otx_isa)isa;
        expect_error(&p, &a, &y, &options, &ctx, OTX_ERROR_UNSUPPORTED,
                     otx_isa_name((otx_isa)isa));
    }
    for (form = 0; form < OTX_FORM_COUNT; form++) {
        options.form = (otx_omp_form)form;
        kept = p.a[17 * 10 + 3];
        p.a[17 * 10 + 3] = NAN;
        expect_error(&p, &a, &y, &options, NULL, OTX_ERROR_NOT_FINITE, "atom 17");
        p.a[17 * 10 + 3] = kept;
        kept = p.y[8 * 10];
        p.y[8 * 10] = -INFINITY;
        expect_error(&p, &a, &y, &options, NULL, OTX_ERROR_NOT_FINITE, "target 8");
        p.y[8 * 10] = kept;
    }
    problem_close(&p);
}

static void names(void)
{
    int i;
    for (i = 0; i < OTX_ISA_COUNT; i++)
        CHECK_INT(otx_isa_from_name(otx_isa_name((otx_isa)i)), i);
    CHECK_INT(otx_isa_from_name("sse9"), OTX_ISA_COUNT);
    CHECK(otx_isa_name(OTX_ISA_COUNT) == NULL);
    CHECK(otx_isa_available(OTX_ISA_AUTO) && otx_isa_available(OTX_ISA_SCALAR));
    CHECK(otx_isa_available(otx_isa_best()) && otx_isa_best() != OTX_ISA_AUTO);
    CHECK_STRING(otx_omp_form_name(OTX_FORM_GRAM), "gram");
    CHECK(otx_omp_form_name(OTX_FORM_COUNT) == NULL);
    CHECK_INT(otx_omp_k(0, 100, 100), 64);
    CHECK_INT(otx_omp_k(0, 10, 100), 10);
    CHECK_INT(otx_omp_k(99, 100, 7), 7);
    CHECK_STRING(otx_result_name(OTX_ERROR_IO), "OTX_ERROR_IO");
    CHECK_STRING(otx_result_name(OTX_RESULT_COUNT), "OTX_ERROR_UNKNOWN");
    CHECK_STRING(otx_result_text(OTX_OK), "no error");
    CHECK_STRING(otx_version(), OTX_VERSION_STRING);
}

int main(void)
{
    int isa;
    seed = 88172645463325252u;
    printf("kernels:");
    for (isa = OTX_ISA_SCALAR; isa < OTX_ISA_COUNT; isa++)
        if (otx_isa_available((otx_isa)isa)) printf(" %s", otx_isa_name((otx_isa)isa));
    printf("\n");
    RUN(golden_plain);
    if (getenv("OTX_TEST_SMALL")) SKIP(golden_k64, "OTX_TEST_SMALL is set");
    else RUN(golden_k64);
    RUN(golden_bf16_values);
    RUN(golden_wild_norms);
    RUN(golden_target_is_anchor);
    RUN(golden_near_duplicates);
    RUN(shapes);
    RUN(strong_offset);
    RUN(duplicates_and_zero_rows);
    RUN(wild_scales);
    RUN(largest_floats);
    RUN(ties);
    RUN(tie_goes_to_the_lower_index);
    RUN(dependent_atom_is_passed_over);
    RUN(heavy_atoms_that_cancel);
    RUN(many_dependent_atoms);
    RUN(random_problems);
    RUN(residual_is_orthogonal);
    RUN(tolerance_ends_a_target);
    RUN(centred);
    RUN(windows_join);
    RUN(budgets);
    RUN(exact_products);
    RUN(exact_products_of_long_rows);
    RUN(few_columns);
    RUN(types_index_and_stride);
    RUN(bound_holds);
    RUN(eight_bits);
    RUN(coefficients_beyond_floats);
    RUN(long_residuals);
    RUN(parallel_hook);
    RUN(progress_and_cancel);
    RUN(every_allocation_can_fail);
    RUN(pool_grows);
    RUN(pool_says_what_it_lacks);
    RUN(errors);
    RUN(names);
    return test_end();
}

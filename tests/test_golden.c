/* The solver against the peer's own outputs, in every form, on every instruction set and
   thread count. OTX_TEST_SMALL in the environment leaves out the largest case, which takes
   an emulator, or a sanitizer, many minutes.
   A suite of the public API: linked with the implementation. */
#include "problems.h"

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

/* Which of the tokens 0 to 941 the peer keeps as well trained, with a head and without. */
static void golden_magikarp(void)
{
    golden g = golden_open("magikarp");
    size_t rows, columns, count, i, kept;
    float *embed = golden_floats(&g, "embed", &rows, &columns);
    float *head = golden_floats(&g, "lm_head", &rows, &columns);
    otx_matrix matrices[2];
    uint8_t unused[1000], marks[1000];
    int untied;
    matrices[0] = matrix(embed, OTX_F32, rows, columns);
    matrices[1] = matrix(head, OTX_F32, rows, columns);
    CHECK_INT(rows, COUNT(marks));
    for (i = 0; i < COUNT(unused); i++) unused[i] = i >= 940;
    for (untied = 0; untied < 2; untied++) {
        double *wanted = golden_values(&g, untied ? "well_trained_untied" : "well_trained_tied",
                                       &count, &columns);
        otx_error error;
        memset(marks, 0, sizeof marks);
        CHECK_INT(otx_mark_undertrained(NULL, &matrices[0], unused, untied, marks, &error), OTX_OK);
        if (untied)
            CHECK_INT(otx_mark_undertrained(NULL, &matrices[1], unused, false, marks, &error),
                      OTX_OK);
        for (i = kept = 0; i < 942; i++) {
            if (marks[i]) continue;
            CHECK(kept < count && wanted[kept] == (double)i);
            kept++;
        }
        CHECK_INT(kept, count);
        free(wanted);
    }
    free(embed);
    free(head);
    golden_close(&g);
}

int main(void)
{
    problems_begin();
    RUN(golden_magikarp);
    RUN(golden_plain);
    if (getenv("OTX_TEST_SMALL")) SKIP(golden_k64, "OTX_TEST_SMALL is set");
    else RUN(golden_k64);
    RUN(golden_bf16_values);
    RUN(golden_wild_norms);
    RUN(golden_target_is_anchor);
    RUN(golden_near_duplicates);
    return test_end();
}

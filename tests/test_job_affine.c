/* Transplants by an affine map: the rows of the output are those that the map's own functions
   make of the two models' matrices, to the last bit.
   A suite of the public API: linked with the implementation. */
#include "small_models.h"

#define BASE "examples/models/base"
#define DONOR "examples/models/donor"

static const char *const names[] = {"model.embed_tokens.weight", "lm_head.weight"};

/* ---- matrices ---- */

/* A whole matrix of a model directory as the map's functions take it; data to be freed. */
static otx_matrix read_matrix(const char *directory, const char *name)
{
    otx_matrix matrix;
    otx_checkpoint checkpoint;
    const otx_checkpoint_tensor *at;
    size_t bytes;
    memset(&matrix, 0, sizeof matrix);
    CHECK_INT(otx_checkpoint_open(NULL, directory, &checkpoint, NULL), OTX_OK);
    at = otx_checkpoint_find(&checkpoint, name);
    CHECK(at != NULL);
    if (at) {
        matrix.dtype = at->tensor->dtype;
        matrix.rows = (size_t)at->tensor->shape[0];
        matrix.columns = (size_t)at->tensor->shape[1];
        bytes = matrix.rows * matrix.columns * (otx_dtype_bits(matrix.dtype) / 8);
        matrix.data = malloc(bytes);
        if (!matrix.data) exit(1);
        CHECK_INT(otx_checkpoint_read(&checkpoint, at, 0, matrix.rows * matrix.columns,
                                      (void *)(uintptr_t)matrix.data, NULL), OTX_OK);
    }
    otx_checkpoint_close(NULL, &checkpoint);
    return matrix;
}

static void free_matrix(otx_matrix *matrix)
{
    free((void *)(uintptr_t)matrix->data);
    matrix->data = NULL;
}

/* The rows that a job pairs and makes, as indices of matrices. */
typedef struct pairing {
    uint32_t *donors, *bases, *targets;
    size_t anchors, target_count;
} pairing;

static pairing pairing_of(const char *base, const char *donor)
{
    pairing p;
    otx_job *job;
    const otx_alignment *alignment;
    size_t i;
    memset(&p, 0, sizeof p);
    CHECK_INT(otx_job_open(NULL, base, donor, NULL, &job, NULL), OTX_OK);
    alignment = otx_job_alignment(job);
    p.donors = (uint32_t *)malloc(alignment->count * sizeof *p.donors);
    p.bases = (uint32_t *)malloc(alignment->count * sizeof *p.bases);
    p.targets = (uint32_t *)malloc(alignment->count * sizeof *p.targets);
    if (!p.donors || !p.bases || !p.targets) exit(1);
    for (i = 0; i < alignment->count; i++) {
        const otx_alignment_row *row = &alignment->rows[i];
        if (row->action == OTX_ACTION_APPROXIMATE) p.targets[p.target_count++] = (uint32_t)i;
        if (!row->anchor) continue;
        p.donors[p.anchors] = (uint32_t)i;
        p.bases[p.anchors++] = (uint32_t)row->base;
    }
    otx_job_close(job);
    return p;
}

static void free_pairing(pairing *p)
{
    free(p->donors);
    free(p->bases);
    free(p->targets);
}

static otx_matrix chosen(const otx_matrix *whole, const uint32_t *index, size_t rows)
{
    otx_matrix matrix = *whole;
    matrix.index = index;
    matrix.rows = rows;
    return matrix;
}

/* ---- what must come out ---- */

/* The rows of all targets by the functions of the map; to be freed. */
static double *mapped_rows(const pairing *p, const otx_matrix *donor, const otx_matrix *base,
                           const otx_affine_options *options, otx_affine_trial *choice)
{
    otx_matrix atoms = chosen(donor, p->donors, p->anchors);
    otx_matrix anchors = chosen(base, p->bases, p->anchors);
    otx_matrix targets = chosen(donor, p->targets, p->target_count);
    otx_affine_map map;
    otx_omp_options omp;
    otx_omp_output output;
    double *rows = (double *)malloc(p->target_count * base->columns * sizeof *rows);
    size_t k = 0;
    memset(&omp, 0, sizeof omp);
    memset(&output, 0, sizeof output);
    if (!rows) exit(1);
    CHECK_INT(otx_affine_fit(NULL, &atoms, &anchors, &targets, options, &map, NULL, NULL),
              OTX_OK);
    *choice = map.choice;
    if (otx_affine_pursuit(&map, &omp)) {
        k = otx_omp_k(omp.k, atoms.rows, atoms.columns);
        output.indices = (int32_t *)malloc(p->target_count * k * sizeof(int32_t));
        output.coefficients = (double *)malloc(p->target_count * k * sizeof(double));
        CHECK_INT(otx_omp(NULL, &atoms, &targets, &omp, &output, NULL, NULL), OTX_OK);
    }
    CHECK_INT(otx_affine_apply(NULL, &map, &atoms, &anchors, &targets, 0, p->target_count,
                               output.indices, output.coefficients, k, rows, NULL), OTX_OK);
    free(output.indices);
    free(output.coefficients);
    otx_affine_close(&map);
    return rows;
}

/* That one matrix of the output, the job's `index`-th, holds those rows. */
static void check_mapped(const char *base, const char *donor, const char *out,
                         const char *name, const char *donor_name,
                         const otx_affine_options *options, const otx_job_matrix *summary)
{
    pairing p = pairing_of(base, donor);
    otx_matrix old = read_matrix(base, name), made = read_matrix(out, name);
    otx_matrix rows = read_matrix(donor, donor_name);
    otx_affine_trial choice;
    double *wanted = mapped_rows(&p, &rows, &old, options, &choice);
    size_t size = otx_dtype_bits(made.dtype) / 8 * made.columns, i, differing = 0;
    char *bytes = (char *)malloc(size);
    if (!bytes) exit(1);
    CHECK(p.target_count > 0);
    for (i = 0; i < p.target_count; i++) {
        CHECK_INT(otx_from_double(bytes, wanted + i * made.columns, made.dtype, made.columns,
                                  false), 0);
        if (memcmp(bytes, (const char *)made.data + p.targets[i] * size, size) != 0)
            differing++;
    }
    CHECK_INT(differing, 0);
    CHECK_INT(summary->k, choice.k);
    CHECK_INT(summary->choice.k, choice.k);
    CHECK(summary->choice.loss == choice.loss && summary->choice.share == choice.share);
    free(bytes);
    free(wanted);
    free_matrix(&old);
    free_matrix(&made);
    free_matrix(&rows);
    free_pairing(&p);
}

static otx_job_summary transplant(const char *base, const char *donor,
                                  const otx_job_options *options)
{
    otx_job_summary summary;
    otx_error error;
    otx_result result;
    memset(&summary, 0, sizeof summary);
    scratch_remove_tree("out");
    result = otx_transplant(NULL, base, donor, at("out"), options, &summary, &error);
    CHECK_INT(result, OTX_OK);
    if (result) printf("  %s\n", error.message);
    return summary;
}

/* ---- tests ---- */

static void test_the_program_chooses(void)
{
    otx_job_options options;
    otx_job_summary summary;
    size_t i;
    memset(&options, 0, sizeof options);
    options.method = OTX_METHOD_OMP_AFFINE;
    summary = transplant(BASE, DONOR, &options);
    CHECK_INT(summary.matrix_count, 2);
    for (i = 0; i < 2; i++) {
        const otx_job_matrix *matrix = &summary.matrices[i];
        CHECK_INT(matrix->hidden, matrix->anchors / 10);
        CHECK(matrix->choice.share > 0 && matrix->choice.error > 0);
        CHECK(matrix->k == 0 || matrix->mean_relative_residual > 0);
        check_mapped(BASE, DONOR, at("out"), names[i], names[i], NULL, matrix);
    }
}

/* The map alone, and a number of atoms that the caller wants; selection by cosine. */
static void test_the_caller_chooses(void)
{
    static const size_t none = 0, three = 3;
    otx_affine_options affine;
    otx_job_options options;
    otx_job_summary summary;
    size_t i;
    memset(&options, 0, sizeof options);
    memset(&affine, 0, sizeof affine);
    affine.k_count = 1;
    options.method = OTX_METHOD_AFFINE;
    affine.ks = &none;
    summary = transplant(BASE, DONOR, &options);
    for (i = 0; i < 2; i++) {
        CHECK_INT(summary.matrices[i].hidden, 0);
        CHECK_INT(summary.matrices[i].omp.steps, 0);
        check_mapped(BASE, DONOR, at("out"), names[i], names[i], &affine, &summary.matrices[i]);
    }
    options.method = OTX_METHOD_OMP_AFFINE;
    options.how.omp.k = 3;
    options.how.omp.cosine = true;
    affine.ks = &three;
    affine.selection = OTX_AFFINE_COSINE;
    summary = transplant(BASE, DONOR, &options);
    for (i = 0; i < 2; i++)
        check_mapped(BASE, DONOR, at("out"), names[i], names[i], &affine, &summary.matrices[i]);
}

/* Each matrix of the base has a map of its own, also from one matrix of the donor. */
static void test_tied_donor(void)
{
    otx_job_options options;
    otx_job_summary summary;
    model base, donor;
    memset(&options, 0, sizeof options);
    options.method = OTX_METHOD_OMP_AFFINE;
    base_model_of(&base, OTX_F32, true);
    donor_model_of(&donor, OTX_BF16, false);
    write_model("base", &base);
    write_model("donor", &donor);
    summary = transplant(at("base"), at("donor"), &options);
    CHECK_INT(summary.matrix_count, 2);
    check_mapped(at("base"), at("donor"), at("out"), names[0], names[0], NULL,
                 &summary.matrices[0]);
    check_mapped(at("base"), at("donor"), at("out"), names[1], names[0], NULL,
                 &summary.matrices[1]);
}

typedef struct counted {
    int calls;
    bool centred;
} counted;

static otx_result counting_solve(void *context, const otx_context *ctx, const otx_matrix *atoms,
                                 const otx_matrix *targets, const otx_omp_options *options,
                                 const otx_omp_output *output, otx_omp_stats *stats,
                                 otx_error *error)
{
    counted *c = (counted *)context;
    c->calls++;
    c->centred = options->centred;
    return otx_omp(ctx, atoms, targets, options, output, stats, error);
}

/* A solver of the caller's is asked for the pursuits that there are, and for no others. */
static void test_own_solver(void)
{
    otx_job_options options;
    otx_job_summary summary;
    counted c = {0, false};
    memset(&options, 0, sizeof options);
    options.method = OTX_METHOD_AFFINE;
    options.how.solve = counting_solve;
    options.how.solve_context = &c;
    transplant(BASE, DONOR, &options);
    CHECK_INT(c.calls, 0);
    options.method = OTX_METHOD_OMP_AFFINE;
    options.how.omp.k = 4;
    summary = transplant(BASE, DONOR, &options);
    CHECK_INT(c.calls, 2);
    CHECK(c.centred);
    CHECK_INT(summary.matrices[1].k, 4);
}

static void test_too_little_memory(void)
{
    otx_job_options options;
    memset(&options, 0, sizeof options);
    options.method = OTX_METHOD_OMP_AFFINE;
    options.how.omp.memory = 1 << 16;
    options.how.pieces = OTX_PIECES_NONE;
    scratch_remove_tree("out");
    CHECK_INT(otx_transplant(NULL, BASE, DONOR, at("out"), &options, NULL, &last_error),
              OTX_ERROR_MEMORY);
    CHECK_CONTAINS(last_error.message, "a map of 128 by 96 columns over 1533 anchors takes");
    options.how.pieces = 0.0;
    CHECK_INT(otx_transplant(NULL, BASE, DONOR, at("out"), &options, NULL, &last_error),
              OTX_ERROR_MEMORY);
    CHECK_CONTAINS(last_error.message, "--pieces no does without");
    CHECK(!has_file("out", "config.json"));
}

int main(void)
{
    scratch_open("job_affine");
    RUN(test_the_program_chooses);
    RUN(test_the_caller_chooses);
    RUN(test_tied_donor);
    RUN(test_own_solver);
    RUN(test_too_little_memory);
    scratch_close();
    return test_end();
}

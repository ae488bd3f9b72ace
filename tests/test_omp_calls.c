/* The solver in windows and within budgets; its hooks, errors and names.
   A suite of the public API: linked with the implementation. */
#include "failing.h"
#include "problems.h"

/* ---- windows and budgets ---- */

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
    int seen[OTX_FORM_COUNT] = {0}, forms = 0;
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
    /* The list of budgets reaches more than one form; which ones goes by the kernels' rates. */
    for (i = 0; i < OTX_FORM_COUNT; i++) forms += seen[i];
    CHECK(forms > 1);
    CHECK(seen[OTX_FORM_RESIDUAL] || seen[OTX_FORM_EXHAUSTIVE]);
    solution_close(&reference);
    problem_close(&p);
}

/* Few atoms and many targets: the exact products of all pairs of atoms are kept where
   there is room for them, and change nothing. */
static void exact_products(void)
{
    problem p = embedding_like(200, 110, 40, 16, 1.0);
    int halves;
    for (halves = 0; halves < 2; halves++) {
        solution reference;
        uint64_t memory;
        int kept = 0, computed = 0;
        if (halves) problem_halve(&p);
        reference = solve_reference(&p);
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
    solution reference = solve_reference(&p);
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

/* Every worker needs room of its own, and may have it within the budget alone. */
static void budgets_of_many_workers(void)
{
    problem p = embedding_like(40, 2048, 8, 2, 1.0);
    solution reference = solve(&p, OTX_FORM_EXHAUSTIVE, OTX_ISA_AUTO, 1), s = solution_open(&p);
    otx_omp_options options;
    otx_context ctx;
    otx_error error;
    backwards state = {0};
    int form;
    memset(&options, 0, sizeof options);
    memset(&ctx, 0, sizeof ctx);
    ctx.parallel_for = run_backwards;
    ctx.parallel_context = &state;
    ctx.threads = 1024;
    options.k = p.k;
    for (form = OTX_FORM_GRAM; form < OTX_FORM_COUNT; form++) {
        int solved = 0;
        options.form = (otx_omp_form)form;
        for (options.memory = 4000000; options.memory < 64000000;
             options.memory += options.memory / 4) {
            if (solve_into(&p, &ctx, &options, &s, &error) != OTX_OK) continue;
            CHECK(s.stats.peak_bytes <= options.memory);
            CHECK(same(&s, &reference, p.targets));
            solved++;
        }
        CHECK(solved > 1);
    }
    solution_close(&s);
    solution_close(&reference);
    problem_close(&p);
}

typedef struct watcher {
    long calls, stop_at, at_end; /* at the end: as if all steps had been taken */
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
        w->at_end += progress->done == progress->total;
    }
    if (progress->done > progress->total && progress->total) w->beyond = 1;
    return w->calls != w->stop_at;
}

/* Targets that are finished apart are not told of as finished before; and may be stopped. */
static void check_progress_apart(otx_omp_form form)
{
    problem p = embedding_like(600, 96, 30, 12, 1.0);
    solution s = solution_open(&p);
    otx_omp_options options;
    otx_context ctx;
    otx_error error;
    watcher w;
    long calls;
    size_t i;
    for (i = 0; i < 96 * 30; i++) p.y[i] = p.a[i] * (1.0f + 1e-5f * (float)normal());
    memset(&options, 0, sizeof options);
    memset(&ctx, 0, sizeof ctx);
    memset(&w, 0, sizeof w);
    options.k = p.k;
    options.form = form;
    ctx.progress = watch;
    ctx.progress_context = &w;
    CHECK_INT(solve_into(&p, &ctx, &options, &s, &error), OTX_OK);
    if (form == OTX_FORM_GRAM) CHECK(w.calls > 4 * 12); /* some were finished apart */
    CHECK(!w.went_back && !w.beyond);
    CHECK(w.at_end > 0 && w.at_end <= 3);
    calls = w.calls;
    memset(&w, 0, sizeof w);
    w.stop_at = calls / 2;
    CHECK_INT(solve_into(&p, &ctx, &options, &s, &error), OTX_ERROR_CANCELLED);
    solution_close(&s);
    problem_close(&p);
}

static void progress_apart(void)
{
    check_progress_apart(OTX_FORM_GRAM);
    check_progress_apart(OTX_FORM_SINGLE);
}

/* Stops at every call; more calls than that many are expected. */
static void check_progress_and_cancel(const problem *p, otx_omp_form form, long least)
{
    solution s = solution_open(p);
    otx_omp_options options;
    otx_context ctx;
    otx_error error;
    failing state;
    long calls, stop;
    memset(&options, 0, sizeof options);
    memset(&ctx, 0, sizeof ctx);
    options.k = p->k;
    options.form = form;
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
            CHECK_INT(solve_into(p, &ctx, &options, &s, &error), OTX_OK);
            calls = w.calls;
            CHECK(calls > least);
            CHECK(!w.went_back && !w.beyond);
        } else {
            CHECK_INT(solve_into(p, &ctx, &options, &s, &error), OTX_ERROR_CANCELLED);
            CHECK_INT(w.calls, stop);
        }
        CHECK_INT(state.live, 0);
    }
    solution_close(&s);
}

static void progress_and_cancel(void)
{
    problem p = embedding_like(150, 70, 30, 9, 1.0), deep = embedding_like(150, 3, 140, 129, 1.0);
    int form;
    for (form = OTX_FORM_GRAM; form < OTX_FORM_COUNT; form++)
        check_progress_and_cancel(&p, (otx_omp_form)form, 4);
    /* Steps of a target that is followed alone: 32 at a time. */
    check_progress_and_cancel(&deep, OTX_FORM_SINGLE, 4 + 129 / 32);
    problem_close(&p);
    problem_close(&deep);
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

/* Only the norms are optional. */
static void outputs_that_are_missing(void)
{
    problem p = embedding_like(40, 9, 10, 4, 1.0);
    otx_matrix a = matrix(p.a, OTX_F32, 40, 10), y = matrix(p.y, OTX_F32, 9, 10);
    int missing;
    for (missing = 0; missing < 4; missing++) {
        solution s = solution_open(&p);
        otx_omp_options options;
        otx_omp_output output;
        otx_error error;
        memset(&options, 0, sizeof options);
        memset(&output, 0, sizeof output);
        options.k = 4;
        output.indices = missing == 1 ? NULL : s.indices;
        output.coefficients = missing == 2 ? NULL : s.coefficients;
        CHECK_INT(otx_omp(NULL, &a, &y, &options, missing ? &output : NULL, NULL, &error),
                  missing == 3 ? OTX_OK : OTX_ERROR_ARGUMENT);
        if (missing < 3) CHECK_STRING(error.message, "an output array is missing");
        solution_close(&s);
    }
    problem_close(&p);
}

static void errors(void)
{
    problem p = embedding_like(40, 9, 10, 4, 1.0);
    otx_matrix a = matrix(p.a, OTX_F32, 40, 10), y = matrix(p.y, OTX_F32, 9, 10), bad, wide;
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
    /* More atoms than the sums of a scan have room for. */
    wide = matrix(p.a, OTX_F32, 40000, 32001);
    bad = matrix(p.y, OTX_F32, 9, 32001);
    options.k = 40000;
    options.form = OTX_FORM_GRAM;
    expect_error(&p, &wide, &bad, &options, NULL, OTX_ERROR_ARGUMENT,
                 sizeof(size_t) > 4 ? "take at most 32000 atoms per target, not 32001"
                                    : "the matrix is too large");
    options.k = 4;
    options.form = OTX_FORM_AUTO;
    options.first_target = 3;
    options.target_count = 7;
    expect_error(&p, &a, &y, &options, NULL, OTX_ERROR_ARGUMENT, "not among 9");
    options.first_target = options.target_count = 0;
    options.tolerance = -1.0;
    expect_error(&p, &a, &y, &options, NULL, OTX_ERROR_ARGUMENT,
                 "tolerance, -1.0, is out of range");
    options.tolerance = HUGE_VAL;
    expect_error(&p, &a, &y, &options, NULL, OTX_ERROR_ARGUMENT, "tolerance, infinite");
    options.tolerance = 0.0;
    options.ridge = 1e7;
    expect_error(&p, &a, &y, &options, NULL, OTX_ERROR_ARGUMENT,
                 "ridge, 10000000.0, is out of range");
    options.ridge = 0.0;
    options.form = OTX_FORM_COUNT;
    expect_error(&p, &a, &y, &options, NULL, OTX_ERROR_ARGUMENT, "form, 6, is out of range");
    options.form = OTX_FORM_AUTO;
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
    problems_begin();
    RUN(windows_join);
    RUN(budgets);
    RUN(exact_products);
    RUN(exact_products_of_long_rows);
    RUN(few_columns);
    RUN(parallel_hook);
    RUN(budgets_of_many_workers);
    RUN(progress_and_cancel);
    RUN(progress_apart);
    RUN(every_allocation_can_fail);
    RUN(outputs_that_are_missing);
    RUN(errors);
    RUN(names);
    return test_end();
}

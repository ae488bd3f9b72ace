/* The caller's hooks: cancelling at every call of the progress hook in every form, a
   pool of threads of the caller's own, and a solver of the caller's own. The whole job
   runs on the example models; tests/test_job.c does so on made-up ones.
   A suite of the public API: linked with the implementation. */
#include <math.h>

#include "omp_transplant.h"
#include "test.h"
#include "failing.h"
#include "scratch.h"

#ifndef _WIN32
#include <pthread.h>
#endif

#define BASE "examples/models/base"
#define DONOR "examples/models/donor"

/* ---- a problem for the solver alone ---- */

enum { ATOMS = 150, TARGETS = 70, COLUMNS = 30, K = 9 };

typedef struct solution {
    int32_t indices[TARGETS * K];
    double coefficients[TARGETS * K], residual_norms[TARGETS], target_norms[TARGETS];
} solution;

/* Fills in the matrices: numbers below 2 with a common offset. */
static void make_problem(otx_matrix *atoms, otx_matrix *targets)
{
    static float data[(ATOMS + TARGETS) * COLUMNS];
    uint32_t state = 7;
    size_t i;
    for (i = 0; i < COUNT(data); i++) {
        state = state * 1664525u + 1013904223u;
        data[i] = (float)(state >> 8) / 8388608.0f - 0.6f;
    }
    memset(atoms, 0, sizeof *atoms);
    atoms->data = data;
    atoms->dtype = OTX_F32;
    atoms->rows = ATOMS;
    atoms->columns = COLUMNS;
    *targets = *atoms;
    targets->data = data + ATOMS * COLUMNS;
    targets->rows = TARGETS;
}

static otx_result solve_form(const otx_context *ctx, otx_omp_form form, bool centred,
                             solution *s, otx_error *error)
{
    otx_matrix atoms, targets;
    otx_omp_options options;
    otx_omp_output output;
    make_problem(&atoms, &targets);
    memset(&options, 0, sizeof options);
    options.k = K;
    options.form = form;
    options.centred = centred;
    output.indices = s->indices;
    output.coefficients = s->coefficients;
    output.residual_norms = s->residual_norms;
    output.target_norms = s->target_norms;
    return otx_omp(ctx, &atoms, &targets, &options, &output, NULL, error);
}

/* ---- progress ---- */

typedef struct watcher {
    long calls, stop_at;
    long first_calls[OTX_STAGE_COUNT]; /* the first and the last call of each stage */
    long last_calls[OTX_STAGE_COUNT];
    bool beyond; /* more was done than there is */
} watcher;

static bool watch(void *context, const otx_progress *progress)
{
    watcher *w = (watcher *)context;
    w->calls++;
    if (!w->first_calls[progress->stage]) w->first_calls[progress->stage] = w->calls;
    w->last_calls[progress->stage] = w->calls;
    if (progress->done > progress->total) w->beyond = true;
    return w->calls != w->stop_at;
}

/* A context that watches and counts memory. */
static otx_context watching(watcher *w, failing *memory, long stop_at)
{
    otx_context ctx;
    memset(&ctx, 0, sizeof ctx);
    memset(w, 0, sizeof *w);
    memset(memory, 0, sizeof *memory);
    w->stop_at = stop_at;
    ctx.threads = 1;
    ctx.progress = watch;
    ctx.progress_context = w;
    ctx.allocator.resize = failing_resize;
    ctx.allocator.context = memory;
    return ctx;
}

static void cancel_every_form_at_every_call(void)
{
    static solution s;
    int form;
    for (form = OTX_FORM_GRAM; form < 2 * OTX_FORM_COUNT; form++) {
        otx_omp_form which = (otx_omp_form)(form % OTX_FORM_COUNT);
        bool centred = form >= OTX_FORM_COUNT;
        failing memory;
        watcher w;
        otx_error error;
        otx_context ctx = watching(&w, &memory, 0);
        long calls, stop;
        CHECK_INT(solve_form(&ctx, which, centred, &s, &error), OTX_OK);
        calls = w.calls;
        CHECK(calls >= 3);
        CHECK(!w.beyond);
        for (stop = 1; stop <= calls; stop++) {
            ctx = watching(&w, &memory, stop);
            CHECK_INT(solve_form(&ctx, which, centred, &s, &error), OTX_ERROR_CANCELLED);
            CHECK_INT(error.code, OTX_ERROR_CANCELLED);
            CHECK_INT(w.calls, stop); /* and not asked again */
            CHECK_INT(memory.live, 0);
            CHECK(!memory.wrong_size);
        }
    }
}

/* ---- a place to write ---- */

static otx_result transplant(const otx_context *ctx, const char *out, otx_job_options *options,
                             otx_error *error)
{
    options->how.omp.k = 3;
    return otx_transplant(ctx, BASE, DONOR, out ? at(out) : NULL, options, NULL, error);
}

/* Whether two outputs have the same file. */
static bool same_file(const char *one, const char *other, const char *file)
{
    const char *outputs[2];
    char *texts[2];
    size_t sizes[2] = {0, 0}, i;
    bool same;
    outputs[0] = one;
    outputs[1] = other;
    for (i = 0; i < 2; i++) {
        char name[300];
        snprintf(name, sizeof name, "%s/%s", outputs[i], file);
        texts[i] = scratch_read(name, &sizes[i]);
    }
    same = texts[0] && texts[1] && sizes[0] == sizes[1] &&
           memcmp(texts[0], texts[1], sizes[0]) == 0;
    free(texts[0]);
    free(texts[1]);
    return same;
}

static bool same_output(const char *one, const char *other)
{
    return same_file(one, other, "model.safetensors") && same_file(one, other, "config.json") &&
           same_file(one, other, "tokenizer.json");
}

static void cancel_the_job_at(long stop, otx_method method)
{
    otx_job_options options;
    failing memory;
    watcher w;
    otx_error error;
    otx_context ctx = watching(&w, &memory, stop);
    memset(&options, 0, sizeof options);
    options.method = method;
    options.how.omp.k = 8;
    CHECK_INT(transplant(&ctx, "out", &options, &error), OTX_ERROR_CANCELLED);
    CHECK_INT(error.code, OTX_ERROR_CANCELLED);
    CHECK_INT(w.calls, stop);
    CHECK_INT(memory.live, 0);
    CHECK_INT(scratch_count(""), 0);
}

/* The first, second and last call of every stage, and some between. */
static void cancel_the_job_in_every_stage(void)
{
    static const otx_method methods[] = {OTX_METHOD_OMP_CENTRED, OTX_METHOD_OMP_AFFINE,
                                         OTX_METHOD_MEAN};
    size_t i;
    for (i = 0; i < COUNT(methods); i++) {
        otx_job_options options;
        failing memory;
        watcher w, all;
        otx_error error;
        otx_context ctx = watching(&w, &memory, 0);
        int stage;
        memset(&options, 0, sizeof options);
        options.method = methods[i];
        options.how.omp.k = 8;
        CHECK_INT(transplant(&ctx, "out", &options, &error), OTX_OK);
        CHECK_INT(memory.live, 0);
        CHECK(!w.beyond);
        scratch_remove_tree("out");
        all = w;
        for (stage = 0; stage < OTX_STAGE_COUNT; stage++) {
            bool solving = stage == OTX_STAGE_GRAM || stage == OTX_STAGE_SOLVE;
            CHECK(all.first_calls[stage] > 0 || (solving && methods[i] == OTX_METHOD_MEAN));
            if (!all.first_calls[stage]) continue;
            cancel_the_job_at(all.first_calls[stage], methods[i]);
            cancel_the_job_at((all.first_calls[stage] + all.last_calls[stage]) / 2, methods[i]);
            cancel_the_job_at(all.last_calls[stage], methods[i]);
        }
        cancel_the_job_at(all.calls, methods[i]);
    }
}

/* ---- a pool of threads ---- */

/* Work that is handed out in turn. `threads` 0 is a pool whose threads could not be
   made: the caller does it all. */
typedef struct pool {
    int threads;
    long runs;
    size_t count, next;
    otx_parallel_body body;
    void *argument;
#ifndef _WIN32
    pthread_mutex_t lock;
#endif
} pool;

#ifndef _WIN32
typedef struct pool_worker {
    pool *of;
    int number;
} pool_worker;

static void *work(void *context)
{
    const pool_worker *w = (const pool_worker *)context;
    pool *p = w->of;
    for (;;) {
        size_t index;
        pthread_mutex_lock(&p->lock);
        index = p->next++;
        pthread_mutex_unlock(&p->lock);
        if (index >= p->count) return NULL;
        p->body(p->argument, index, w->number);
    }
}

static void run_pool(void *context, size_t count, otx_parallel_body body, void *argument)
{
    pool *p = (pool *)context;
    pthread_t threads[8];
    pool_worker workers[9];
    int i, made = 0;
    p->runs++;
    p->count = count;
    p->next = 0;
    p->body = body;
    p->argument = argument;
    for (i = 0; i < p->threads; i++) {
        workers[i].of = p;
        workers[i].number = i + 1;
        if (pthread_create(&threads[i], NULL, work, &workers[i]) != 0) break;
        made++;
    }
    workers[8].of = p;
    workers[8].number = 0;
    work(&workers[8]);
    for (i = 0; i < made; i++) pthread_join(threads[i], NULL);
}

static otx_context pooled(pool *p, int threads)
{
    otx_context ctx;
    memset(&ctx, 0, sizeof ctx);
    memset(p, 0, sizeof *p);
    p->threads = threads;
    pthread_mutex_init(&p->lock, NULL);
    ctx.parallel_for = run_pool;
    ctx.parallel_context = p;
    ctx.threads = threads + 1;
    return ctx;
}

static void a_pool_solves_the_same(void)
{
    static solution one, other;
    otx_context alone;
    otx_error error;
    int form, threads;
    memset(&alone, 0, sizeof alone);
    alone.threads = 1;
    for (form = OTX_FORM_GRAM; form < OTX_FORM_COUNT; form++) {
        memset(&one, 0, sizeof one);
        CHECK_INT(solve_form(&alone, (otx_omp_form)form, false, &one, &error), OTX_OK);
        for (threads = 0; threads <= 4; threads += 2) {
            pool p;
            otx_context ctx = pooled(&p, threads);
            memset(&other, 0, sizeof other);
            CHECK_INT(solve_form(&ctx, (otx_omp_form)form, false, &other, &error), OTX_OK);
            CHECK(p.runs > 2);
            CHECK(memcmp(&one, &other, sizeof one) == 0);
            pthread_mutex_destroy(&p.lock);
        }
    }
}

static void a_pool_transplants_the_same(void)
{
    static const otx_method methods[] = {OTX_METHOD_OMP_CENTRED, OTX_METHOD_OMP_AFFINE,
                                         OTX_METHOD_MEAN};
    size_t i;
    for (i = 0; i < COUNT(methods); i++) {
        otx_job_options options;
        otx_error error;
        otx_context alone;
        pool p;
        otx_context ctx = pooled(&p, 3);
        memset(&alone, 0, sizeof alone);
        memset(&options, 0, sizeof options);
        alone.threads = 1;
        options.method = methods[i];
        CHECK_INT(transplant(&alone, "alone", &options, &error), OTX_OK);
        CHECK_INT(transplant(&ctx, "pooled", &options, &error), OTX_OK);
        CHECK(p.runs > 0);
        CHECK(same_output("alone", "pooled"));
        scratch_remove_tree("alone");
        scratch_remove_tree("pooled");
        pthread_mutex_destroy(&p.lock);
    }
}
#endif

/* ---- a solver of the caller's own ---- */

typedef struct own_solver {
    int calls;
    int32_t index;     /* given to the last target's last atom, if it is not -1; */
    double factor;     /* its coefficient is multiplied by this */
    otx_result result; /* given instead of solving */
} own_solver;

/* Solves from the last target to the first, 500 at a time. */
static otx_result solve_own(void *context, const otx_context *ctx, const otx_matrix *atoms,
                            const otx_matrix *targets, const otx_omp_options *options,
                            const otx_omp_output *output, otx_omp_stats *stats,
                            otx_error *error)
{
    own_solver *own = (own_solver *)context;
    otx_omp_options window = *options;
    otx_context alone;
    size_t end = targets->rows;
    otx_result result = own->result;
    memset(&alone, 0, sizeof alone);
    if (ctx) alone = *ctx;
    CHECK(!alone.parallel_for); /* no threads of the library's but by its own calls */
    alone.threads = 1;          /* fewer than the job has */
    CHECK_INT(options->first_target, 0);
    CHECK_INT(options->target_count, 0);
    own->calls++;
    if (result) {
        error->code = result;
        strcpy(error->message, "no luck");
        return result;
    }
    while (end > 0 && !result) {
        window.first_target = end < 500 ? 0 : end - 500;
        window.target_count = end - window.first_target;
        end = window.first_target;
        result = otx_omp(&alone, atoms, targets, &window, output, stats, error);
    }
    if (own->index != -1) output->indices[targets->rows * 3 - 1] = own->index;
    output->coefficients[targets->rows * 3 - 1] *= own->factor;
    return result;
}

static void a_solver_of_ones_own(void)
{
    otx_job_options options;
    otx_error error;
    own_solver own = {0, -1, 1.0, OTX_OK};
    otx_context ctx;
    memset(&ctx, 0, sizeof ctx);
    memset(&options, 0, sizeof options);
    CHECK_INT(transplant(NULL, "alone", &options, &error), OTX_OK);
    options.how.solve = solve_own;
    options.how.solve_context = &own;
    CHECK_INT(transplant(NULL, "own", &options, &error), OTX_OK);
    CHECK_INT(own.calls, 2); /* the embedding and the head */
    CHECK(same_output("alone", "own"));
    scratch_remove_tree("own");
    ctx.threads = 4;
    CHECK_INT(transplant(&ctx, "own", &options, &error), OTX_OK);
    CHECK(same_output("alone", "own"));
    own.calls -= 2;
    scratch_remove_tree("own");
    scratch_remove_tree("alone");
    CHECK_INT(transplant(NULL, NULL, &options, &error), OTX_OK);
    CHECK_INT(own.calls, 4);
    CHECK_INT(scratch_count(""), 0); /* without an output nothing is written */
    own.index = 1533;      /* one more than there are shared tokens */
    CHECK_INT(transplant(NULL, "own", &options, &error), OTX_ERROR_ARGUMENT);
    CHECK_CONTAINS(error.message, "gave target 947 the atom 1533 of 1533");
    own.index = INT32_MAX;
    CHECK_INT(transplant(NULL, NULL, &options, &error), OTX_ERROR_ARGUMENT);
    own.index = INT32_MIN; /* any negative index ends a target */
    CHECK_INT(transplant(NULL, NULL, &options, &error), OTX_OK);
    own.index = -1;
    own.factor = (double)HUGE_VAL;
    CHECK_INT(transplant(NULL, "own", &options, &error), OTX_ERROR_ARGUMENT);
    CHECK_CONTAINS(error.message, "gave target 947 a coefficient of atom ");
    own.result = OTX_ERROR_UNSUPPORTED;
    CHECK_INT(transplant(NULL, "own", &options, &error), OTX_ERROR_UNSUPPORTED);
    CHECK_STRING(error.message, "no luck");
    CHECK_INT(scratch_count(""), 0);
    own.calls = 0;
    options.method = OTX_METHOD_MEAN;
    CHECK_INT(transplant(NULL, NULL, &options, &error), OTX_OK);
    CHECK_INT(own.calls, 0); /* there is nothing to solve */
}

int main(void)
{
    scratch_open("hooks");
    RUN(cancel_every_form_at_every_call);
    RUN(cancel_the_job_in_every_stage);
#ifndef _WIN32
    RUN(a_pool_solves_the_same);
    RUN(a_pool_transplants_the_same);
#endif
    RUN(a_solver_of_ones_own);
    CHECK(scratch_remove_path(scratch_root)); /* nothing was left in it */
    return test_end();
}

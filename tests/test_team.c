/* Loops on several threads: each index once, workers apart, waiting that costs no processor,
   helpers that are not waited for, and teams beside each other. Looks at private functions. */
#define OTX_STATIC
#define OMP_TRANSPLANT_IMPLEMENTATION
#include "omp_transplant.h"
#include "test.h"

#include <time.h>

#if defined(_OPENMP) && defined(__GNUC__) && (defined(__linux__) || defined(__APPLE__))
#include <sys/select.h>
#define HAS_TEAMS 1

enum { WORKERS = 8, INDICES = 3000 };

typedef struct loop {
    int seen[INDICES];    /* how often each index came */
    int inside[WORKERS];  /* calls of a worker at this time */
    int worked[WORKERS];  /* indices of each */
    int wrong;
    long nap;             /* microseconds that `slow` sleeps */
    size_t slow;          /* that index sleeps */
} loop;

static void sleep_for(long microseconds)
{
    struct timeval time;
    time.tv_sec = 0;
    time.tv_usec = (int)microseconds;
    (void)select(0, NULL, NULL, NULL, &time);
}

static void body(void *argument, size_t index, int worker)
{
    loop *l = (loop *)argument;
    if (worker < 0 || worker >= WORKERS ||
        __atomic_add_fetch(&l->inside[worker], 1, __ATOMIC_RELAXED) != 1)
        __atomic_store_n(&l->wrong, 1, __ATOMIC_RELAXED);
    l->seen[index]++;
    l->worked[worker]++;
    if (l->nap && index >= l->slow) sleep_for(l->nap);
    __atomic_sub_fetch(&l->inside[worker], 1, __ATOMIC_RELAXED);
}

static otx_context context_of(int threads)
{
    otx_context ctx;
    memset(&ctx, 0, sizeof ctx);
    ctx.threads = threads;
    return ctx;
}

static void check_loop(const loop *l, size_t count)
{
    size_t i, wrong = 0;
    for (i = 0; i < INDICES; i++) wrong += l->seen[i] != (i < count);
    CHECK_INT(wrong, 0);
    CHECK_INT(l->wrong, 0);
}

static void every_index_comes_once(void)
{
    static loop l;
    int threads, round;
    for (threads = 1; threads <= WORKERS; threads++) {
        otx_context ctx = context_of(threads);
        otx__team team;
        otx__team_open(&team, &ctx);
        CHECK_INT(otx__team_has(&ctx), threads > 1);
        for (round = 0; round < 300; round++) {
            size_t count = (size_t)(round * 7919) % (round % 3 ? 12 : INDICES);
            memset(&l, 0, sizeof l);
            otx__parallel(&ctx, count, body, &l);
            check_loop(&l, count);
        }
        otx__team_close(&team, &ctx);
        CHECK(!ctx.parallel_for && !ctx.parallel_context);
    }
}

static void a_loop_alone_has_a_team_of_its_own(void)
{
    static loop l;
    otx_context ctx = context_of(3);
    int i, workers = 0;
    memset(&l, 0, sizeof l);
    l.nap = 5000;
    otx__parallel(&ctx, 60, body, &l);
    check_loop(&l, 60);
    for (i = 0; i < WORKERS; i++) workers += l.worked[i] > 0;
    CHECK_INT(workers, 3);
    CHECK_INT(l.worked[0] + l.worked[1] + l.worked[2], 60);
}

/* One of two threads sleeps over its index each time, the other waits: in a team, and in loops
   of their own. */
static void who_waits_sleeps(void)
{
    static loop l;
    otx_context ctx = context_of(2);
    otx__team team;
    clock_t start;
    int i, own;
    for (own = 0; own < 2; own++) {
        if (!own) otx__team_open(&team, &ctx);
        start = clock();
        for (i = 0; i < 40; i++) {
            memset(&l, 0, sizeof l);
            l.nap = 15000;
            l.slow = 1;
            team.late = 0; /* or none would be called after a few */
            otx__parallel(&ctx, 2, body, &l);
            check_loop(&l, 2);
            if (!own) sleep_for(5000); /* helpers wait between loops as well */
        }
        CHECK((double)(clock() - start) / CLOCKS_PER_SEC < 0.2); /* spinning: 0.35 and more */
        if (!own) otx__team_close(&team, &ctx);
    }
}

/* Where helpers have made loops wait, a short loop calls none, and a long one does. */
static void helpers_that_come_late_are_not_called(void)
{
    static loop l;
    otx_context ctx = context_of(2);
    otx__team team;
    int i;
    otx__team_open(&team, &ctx);
    team.late = 0.05;
    for (i = 0; i < 10; i++) {
        memset(&l, 0, sizeof l);
        otx__parallel(&ctx, 100, body, &l);
        check_loop(&l, 100);
        CHECK_INT(l.worked[0], 100);
        CHECK_INT(team.started, 0);
    }
    CHECK(team.late < 0.025 && team.late > 0.01); /* less and less */
    memset(&l, 0, sizeof l);
    l.nap = 5000;
    otx__parallel(&ctx, 100, body, &l);
    check_loop(&l, 100);
    CHECK_INT(team.started, 1);
    CHECK(l.worked[0] > 4 && l.worked[1] > 4);
    otx__team_close(&team, &ctx);
}

/* As many as the loop has indices for. */
static void a_team_is_no_larger_than_its_work(void)
{
    static loop l;
    otx_context ctx = context_of(WORKERS);
    otx__team team;
    otx__team_open(&team, &ctx);
    memset(&l, 0, sizeof l);
    l.nap = 2000;
    otx__parallel(&ctx, 1, body, &l);
    CHECK_INT(team.started, 0);
    memset(&l, 0, sizeof l);
    l.nap = 2000;
    otx__parallel(&ctx, 3, body, &l);
    check_loop(&l, 3);
    CHECK_INT(team.started, 2);
    memset(&l, 0, sizeof l);
    l.nap = 10000;
    otx__parallel(&ctx, 100, body, &l);
    check_loop(&l, 100);
    CHECK_INT(team.started, WORKERS - 1);
    otx__team_close(&team, &ctx);
}

/* What OpenMP has been told is left to OpenMP. */
static void a_region_around_keeps_openmp(void)
{
    int inner = 0, loops = 0;
#pragma omp parallel num_threads(2) reduction(+ : inner, loops)
    {
        otx_context ctx = context_of(2);
        otx__team team;
        loop *l = (loop *)calloc(1, sizeof *l);
        otx__team_open(&team, &ctx);
        inner += otx__team_has(&ctx) && omp_get_num_threads() > 1;
        otx__team_close(&team, &ctx);
        if (l) {
            size_t i;
            otx__parallel(&ctx, 50, body, l);
            for (i = 0; i < INDICES; i++) loops += l->seen[i];
        }
        free(l);
    }
    CHECK_INT(inner, 0);
    CHECK(loops == 50 || loops == 100); /* of one thread or of two */
}

typedef struct nest {
    otx_context ctx;
    loop outer, inner;
} nest;

/* A body that any number of threads may run at once. */
static void counts(void *argument, size_t index, int worker)
{
    loop *l = (loop *)argument;
    (void)worker;
    __atomic_add_fetch(&l->seen[index], 1, __ATOMIC_RELAXED);
}

static void around(void *argument, size_t index, int worker)
{
    nest *n = (nest *)argument;
    (void)worker;
    n->outer.seen[index]++;
    otx__parallel(&n->ctx, 20, counts, &n->inner);
}

/* A loop in a loop, which runs alone. */
static void a_loop_within_a_loop(void)
{
    static nest n;
    otx__team team;
    size_t i;
    memset(&n, 0, sizeof n);
    n.ctx = context_of(4);
    otx__team_open(&team, &n.ctx);
    otx__parallel(&n.ctx, 100, around, &n);
    otx__team_close(&team, &n.ctx);
    check_loop(&n.outer, 100);
    for (i = 0; i < 20; i++) CHECK_INT(n.inner.seen[i], 100);
}

typedef struct sharer {
    const otx_context *ctx;
    loop l;
} sharer;

static void *shares(void *argument)
{
    sharer *s = (sharer *)argument;
    int round;
    for (round = 0; round < 300; round++) otx__parallel(s->ctx, 200, counts, &s->l);
    return NULL;
}

/* Two threads that have got hold of one team: the loops of one at a time are shared. */
static void two_threads_of_one_team(void)
{
    static sharer sharers[2];
    otx_context ctx = context_of(3);
    otx__team team;
    pthread_t threads[2];
    size_t i, wrong = 0;
    int s;
    otx__team_open(&team, &ctx);
    for (s = 0; s < 2; s++) {
        sharers[s].ctx = &ctx;
        CHECK_INT(pthread_create(&threads[s], NULL, shares, &sharers[s]), 0);
    }
    for (s = 0; s < 2; s++) CHECK_INT(pthread_join(threads[s], NULL), 0);
    otx__team_close(&team, &ctx);
    for (s = 0; s < 2; s++)
        for (i = 0; i < 200; i++) wrong += sharers[s].l.seen[i] != 300;
    CHECK_INT(wrong, 0);
}

/* Uneven work is no lateness, a helper that holds up what the caller had all but done is. */
static void what_helpers_cost(void)
{
    CHECK(otx__team_lost(1.0, 0.5, 4, 8) == 0.0);  /* alone: 2 s */
    CHECK(otx__team_lost(1.0, 0.5, 9, 10) > 0.38); /* alone: 1.1 s */
    CHECK(otx__team_lost(1.0, 0.5, 10, 10) == 0.5);
    CHECK(otx__team_lost(1.0, 500.0, 10, 10) == OTX__TEAM_LATE_MOST);
    CHECK(otx__team_lost(1.0, 1e-5, 10, 10) == 0.0);
    CHECK(otx__team_lost(1.0, 0.5, 0, 10) == 0.0);
}

static void *beside(void *argument)
{
    loop *l = (loop *)argument;
    otx_context ctx = context_of(3);
    otx__team team;
    int round;
    otx__team_open(&team, &ctx);
    for (round = 0; round < 200; round++) {
        memset(l, 0, sizeof *l);
        otx__parallel(&ctx, 100, body, l);
        if (l->wrong || l->seen[0] != 1 || l->seen[99] != 1) break;
    }
    otx__team_close(&team, &ctx);
    return round == 200 ? argument : NULL;
}

static void teams_beside_each_other(void)
{
    static loop loops[3];
    pthread_t threads[3];
    void *end;
    int i;
    for (i = 0; i < 3; i++) CHECK_INT(pthread_create(&threads[i], NULL, beside, &loops[i]), 0);
    for (i = 0; i < 3; i++) {
        CHECK_INT(pthread_join(threads[i], &end), 0);
        CHECK(end == &loops[i]);
    }
}
#endif

int main(void)
{
#ifdef HAS_TEAMS
    if (omp_get_proc_bind() != omp_proc_bind_false || omp_get_dynamic() ||
        omp_get_thread_limit() < 8) {
        SKIP(teams, "OpenMP was told where or how many threads run");
    } else {
        RUN(every_index_comes_once);
        RUN(a_loop_alone_has_a_team_of_its_own);
        RUN(who_waits_sleeps);
        RUN(helpers_that_come_late_are_not_called);
        RUN(a_team_is_no_larger_than_its_work);
        RUN(a_loop_within_a_loop);
        RUN(two_threads_of_one_team);
        RUN(what_helpers_cost);
        RUN(a_region_around_keeps_openmp);
        RUN(teams_beside_each_other);
    }
#else
    SKIP(teams, "no OpenMP, or no POSIX threads with it");
#endif
    return test_end();
}

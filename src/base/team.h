/* ---- team: loops on several threads, which sleep where they wait ------------ */

/* OpenMP says how many threads a caller wants. Its own teams gather at a barrier before and
   after every loop, and who waits there spins: GCC's for 20 ms and more, and nothing that a
   library may set changes that. On a machine that others use as well, that takes their
   processor, and each loop waits for threads that have not been scheduled yet. So here helpers
   sleep but for a moment, and the caller begins a loop at once, waits for no helper that has
   not come, and calls none into loops that end before help has paid so far.
   OpenMP's own teams remain where POSIX threads are not certain, and where what OpenMP has been
   told (places, limits, a region around) is best left to it. */
#if defined(_OPENMP) && defined(__GNUC__) && (defined(__linux__) || defined(__APPLE__))
#include <pthread.h>

/* Looks at what is waited for before going to sleep: some tens of microseconds. */
#define OTX__TEAM_LOOKS 1000

/* What a helper must have on its stack, far more than any loop's body takes: some systems give
   less if they are not asked. */
#define OTX__TEAM_STACK ((size_t)1 << 20)

/* How often as long a loop must have run alone as helpers have made loops wait, and the seconds
   of that at most and, where helpers must be started for one loop, at first. */
#define OTX__TEAM_PATIENCE 3.0
#define OTX__TEAM_LATE_MOST 1.0
#define OTX__TEAM_LATE_FIRST 1e-4

/* The helpers that one thread has started, and waits for at its end: so hundreds start in the
   time of a few, and nobody keeps a list. */
typedef struct otx__team_crew {
    pthread_t threads[2];
    int count;
} otx__team_crew;

/* `lock` guards all from `started` on, but for `next`; what is looked at without it as well is
   written by otx__team_set. */
typedef struct otx__team {
    int most;    /* helpers */
    bool open;   /* lock and conditions have been made */
    double late; /* seconds that helpers have made loops wait of late; the caller's */
    otx__team_crew crew; /* the caller's */
    int busy;    /* a loop runs: one within it or of another thread runs alone */
    pthread_mutex_t lock;
    pthread_cond_t work, done;
    int started, arrived; /* helpers */
    int wanted;  /* helpers that may still come into the loop at hand */
    int needed;  /* that it began with */
    int inside;  /* that are in it */
    int turn;    /* changes when there is something to do */
    bool over;
    otx_parallel_body body;
    void *argument;
    size_t count, next; /* indices; the first that nobody has taken */
} otx__team;

OTX__PRIVATE int otx__team_look(const int *at) { return __atomic_load_n(at, __ATOMIC_RELAXED); }

OTX__PRIVATE void otx__team_set(int *at, int value)
{
    __atomic_store_n(at, value, __ATOMIC_RELAXED);
}

/* Looks a few times whether a number is still the same. */
OTX__PRIVATE void otx__team_spin(const int *at, int value)
{
    int looks;
    for (looks = 0; looks < OTX__TEAM_LOOKS && otx__team_look(at) == value; looks++) {
#if defined(__x86_64__) || defined(__i386__)
        __asm__ volatile("pause");
#elif defined(__aarch64__)
        __asm__ volatile("isb" ::: "memory");
#endif
    }
}

OTX__PRIVATE size_t otx__team_take(otx__team *team)
{
    return __atomic_fetch_add(&team->next, 1, __ATOMIC_RELAXED);
}

/* ---- helpers ---- */

OTX__PRIVATE void *otx__helper_main(void *argument);

/* Asks for a stack that is large enough, where the system's usual one is not. */
OTX__PRIVATE void otx__helper_stack(pthread_attr_t *attributes)
{
    size_t size;
    if (pthread_attr_getstacksize(attributes, &size) != 0 || size < OTX__TEAM_STACK)
        (void)pthread_attr_setstacksize(attributes, OTX__TEAM_STACK);
}

/* Starts a helper if the loop needs more than there are. A system that gives no more threads
   leaves the loop to those at hand. */
OTX__PRIVATE void otx__crew_grow(otx__team *team, otx__team_crew *crew)
{
    pthread_attr_t attributes;
    bool more = true;
    while (more && crew->count < 2) {
        (void)pthread_mutex_lock(&team->lock);
        more = !team->over && team->started < team->needed;
        if (more) team->started++;
        (void)pthread_mutex_unlock(&team->lock);
        if (!more) return;
        more = pthread_attr_init(&attributes) == 0;
        if (more) {
            otx__helper_stack(&attributes);
            more = pthread_create(&crew->threads[crew->count], &attributes, otx__helper_main,
                                  team) == 0;
            (void)pthread_attr_destroy(&attributes);
        }
        if (more) {
            crew->count++;
        } else {
            (void)pthread_mutex_lock(&team->lock);
            team->started--;
            (void)pthread_mutex_unlock(&team->lock);
        }
    }
}

OTX__PRIVATE void otx__crew_join(otx__team_crew *crew)
{
    while (crew->count > 0) (void)pthread_join(crew->threads[--crew->count], NULL);
}

/* Whether there is something to do in the loop at hand. */
OTX__PRIVATE bool otx__team_calls(const otx__team *team)
{
    return team->wanted > 0 &&
           __atomic_load_n(&team->next, __ATOMIC_RELAXED) < team->count;
}

/* Takes indices until none is left. Under the lock, which is given up meanwhile. */
OTX__PRIVATE void otx__helper_work(otx__team *team, otx__team_crew *crew, int worker)
{
    const otx_parallel_body body = team->body;
    void *const argument = team->argument;
    const size_t count = team->count;
    size_t index;
    team->wanted--;
    otx__team_set(&team->inside, team->inside + 1);
    (void)pthread_mutex_unlock(&team->lock);
    otx__crew_grow(team, crew);
    while ((index = otx__team_take(team)) < count) body(argument, index, worker);
    (void)pthread_mutex_lock(&team->lock);
    otx__team_set(&team->inside, team->inside - 1);
    if (team->inside == 0) (void)pthread_cond_signal(&team->done);
}

OTX__PRIVATE void *otx__helper_main(void *argument)
{
    otx__team *team = (otx__team *)argument;
    otx__team_crew crew;
    int worker, turn;
    crew.count = 0;
    (void)pthread_mutex_lock(&team->lock);
    worker = ++team->arrived;
    while (!team->over) {
        turn = team->turn;
        if (otx__team_calls(team)) otx__helper_work(team, &crew, worker);
        if (team->turn != turn) continue;
        (void)pthread_mutex_unlock(&team->lock);
        otx__team_spin(&team->turn, turn);
        (void)pthread_mutex_lock(&team->lock);
        while (team->turn == turn) (void)pthread_cond_wait(&team->work, &team->lock);
    }
    (void)pthread_mutex_unlock(&team->lock);
    otx__crew_join(&crew);
    return NULL;
}

/* ---- the caller ---- */

/* Tells helpers that there is something to do. */
OTX__PRIVATE void otx__team_call(otx__team *team, int helpers)
{
    int i;
    (void)pthread_mutex_lock(&team->lock);
    team->wanted = team->needed = helpers;
    otx__team_set(&team->turn, (int)((unsigned)team->turn + 1));
    (void)pthread_mutex_unlock(&team->lock);
    if (helpers >= team->most) (void)pthread_cond_broadcast(&team->work);
    else
        for (i = 0; i < helpers; i++) (void)pthread_cond_signal(&team->work);
    otx__crew_grow(team, &team->crew);
}

/* Lets no helper in any more, and waits for those within. */
OTX__PRIVATE void otx__team_dismiss(otx__team *team)
{
    int inside, looks = 0;
    (void)pthread_mutex_lock(&team->lock);
    team->wanted = 0;
    inside = team->inside;
    (void)pthread_mutex_unlock(&team->lock);
    while (inside > 0 && looks++ < 2) { /* each that leaves gives it another moment */
        otx__team_spin(&team->inside, inside);
        inside = otx__team_look(&team->inside);
    }
    (void)pthread_mutex_lock(&team->lock);
    while (team->inside > 0) (void)pthread_cond_wait(&team->done, &team->lock);
    (void)pthread_mutex_unlock(&team->lock);
}

/* Seconds that a loop took longer by its helpers: waiting for the last of them counts as far as
   the caller would have been done alone by then, at the pace of its own `mine` indices. */
OTX__PRIVATE double otx__team_lost(double ran, double waited, size_t mine, size_t count)
{
    double lost;
    if (mine == 0) return 0.0;
    lost = ran + waited - ran * (double)count / (double)mine;
    if (lost > waited) lost = waited;
    if (lost > OTX__TEAM_LATE_MOST) lost = OTX__TEAM_LATE_MOST;
    return lost > 1e-4 ? lost : 0.0;
}

/* A loop of several indices; the caller is worker 0. */
OTX__PRIVATE void otx__team_run(otx__team *team, size_t count, otx_parallel_body body,
                                void *argument)
{
    const double patience = OTX__TEAM_PATIENCE * team->late, start = otx__now();
    const int helpers = (int)otx__min((size_t)team->most, count - 1);
    double end;
    size_t index = 0, mine = 0;
    bool called = false;
    (void)pthread_mutex_lock(&team->lock);
    team->body = body;
    team->argument = argument;
    team->count = count;
    __atomic_store_n(&team->next, 0, __ATOMIC_RELAXED);
    (void)pthread_mutex_unlock(&team->lock);
    do {
        if (!called && __atomic_load_n(&team->next, __ATOMIC_RELAXED) + 1 < count &&
            (patience <= 0 || otx__now() - start >= patience)) {
            otx__team_call(team, helpers);
            called = true;
        }
        index = otx__team_take(team);
        if (index < count) {
            body(argument, index, 0);
            mine++;
        }
    } while (index < count);
    if (!called) {
        team->late *= 0.9; /* others' work may have ended by now */
        return;
    }
    end = otx__now();
    otx__team_dismiss(team);
    team->late = 0.75 * team->late +
                 0.25 * otx__team_lost(end - start, otx__now() - end, mine, count);
}

OTX__PRIVATE void otx__team_for(void *context, size_t count, otx_parallel_body body,
                                void *argument)
{
    otx__team *team = (otx__team *)context;
    size_t i;
    if (count > 1 && team->open && !__atomic_exchange_n(&team->busy, 1, __ATOMIC_ACQUIRE)) {
        otx__team_run(team, count, body, argument);
        __atomic_store_n(&team->busy, 0, __ATOMIC_RELEASE);
    } else {
        for (i = 0; i < count; i++) body(argument, i, 0);
    }
}

/* Whether the caller's threads are to be ours; `threads` has been settled. */
OTX__PRIVATE bool otx__team_suits(const otx_context *ctx, int threads)
{
    if (threads < 2 || (ctx && ctx->parallel_for) || omp_in_parallel() || omp_get_dynamic())
        return false;
#if _OPENMP >= 201307
    if (omp_get_proc_bind() != omp_proc_bind_false) return false;
#endif
    return threads <= omp_get_thread_limit();
}

/* Gives a context, which must be the callee's own copy with its threads settled, a team for
   all its loops; closing takes it back. The team must not move meanwhile. It has no helpers
   before the first loop that needs them. */
OTX__PRIVATE void otx__team_open(otx__team *team, otx_context *ctx)
{
    memset(team, 0, sizeof *team);
    if (!otx__team_suits(ctx, ctx->threads)) return;
    if (pthread_mutex_init(&team->lock, NULL) != 0) return;
    if (pthread_cond_init(&team->work, NULL) != 0) {
        (void)pthread_mutex_destroy(&team->lock);
        return;
    }
    if (pthread_cond_init(&team->done, NULL) != 0) {
        (void)pthread_cond_destroy(&team->work);
        (void)pthread_mutex_destroy(&team->lock);
        return;
    }
    team->open = true;
    team->most = ctx->threads - 1;
    ctx->parallel_for = otx__team_for;
    ctx->parallel_context = team;
}

/* Whether a context has a team's loops, which no caller's hook are. */
OTX__PRIVATE bool otx__team_has(const otx_context *ctx)
{
    return ctx && ctx->parallel_for == otx__team_for;
}

/* Takes the team from a context: when it closes, and from a copy that goes to code of the
   caller's, which may have it run fewer workers, or several loops at once. */
OTX__PRIVATE void otx__team_leave(otx_context *ctx)
{
    if (!otx__team_has(ctx)) return;
    ctx->parallel_for = NULL;
    ctx->parallel_context = NULL;
}

OTX__PRIVATE void otx__team_close(otx__team *team, otx_context *ctx)
{
    if (!team->open) return;
    otx__team_leave(ctx);
    (void)pthread_mutex_lock(&team->lock);
    team->over = true;
    otx__team_set(&team->turn, (int)((unsigned)team->turn + 1));
    (void)pthread_cond_broadcast(&team->work);
    (void)pthread_mutex_unlock(&team->lock);
    otx__crew_join(&team->crew);
    (void)pthread_cond_destroy(&team->done);
    (void)pthread_cond_destroy(&team->work);
    (void)pthread_mutex_destroy(&team->lock);
    team->open = false;
}

/* Has a team's first loops run alone, if they are short. */
OTX__PRIVATE void otx__team_hesitate(otx__team *team) { team->late = OTX__TEAM_LATE_FIRST; }

#else /* no team: OpenMP's, or none */

typedef struct otx__team {
    bool open;
} otx__team;

OTX__PRIVATE void otx__team_open(otx__team *team, otx_context *ctx)
{
    (void)ctx;
    team->open = false;
}

OTX__PRIVATE void otx__team_close(otx__team *team, otx_context *ctx)
{
    (void)team;
    (void)ctx;
}

OTX__PRIVATE bool otx__team_has(const otx_context *ctx)
{
    (void)ctx;
    return false;
}

OTX__PRIVATE void otx__team_leave(otx_context *ctx) { (void)ctx; }
OTX__PRIVATE void otx__team_hesitate(otx__team *team) { (void)team; }
#endif

/* ---- loops ---- */

/* By the caller's hook or a team that the context has, by a team for this loop alone, by
   OpenMP, or one index after the other. */
OTX__PRIVATE void otx__parallel(const otx_context *ctx, size_t count, otx_parallel_body body,
                                void *argument)
{
    size_t i;
    if (ctx && ctx->parallel_for) {
        ctx->parallel_for(ctx->parallel_context, count, body, argument);
        return;
    }
#ifdef _OPENMP
    if (count > 1 && otx__threads(ctx) > 1) {
        int threads = (int)otx__min((size_t)otx__threads(ctx), count);
        int64_t index, total = (int64_t)count; /* signed: OpenMP 2.0 (MSVC) */
        otx_context own;
        otx__team team;
        memset(&own, 0, sizeof own);
        own.threads = threads;
        otx__team_open(&team, &own);
        otx__team_hesitate(&team);
        if (own.parallel_for) {
            own.parallel_for(own.parallel_context, count, body, argument);
            otx__team_close(&team, &own);
            return;
        }
#pragma omp parallel for schedule(dynamic, 1) num_threads(threads)
        for (index = 0; index < total; index++)
            body(argument, (size_t)index, omp_get_thread_num());
        return;
    }
#endif
    for (i = 0; i < count; i++) body(argument, i, 0);
}

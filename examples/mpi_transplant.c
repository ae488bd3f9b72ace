/* mpi_transplant - a transplant shared by many processes, over MPI.

       mpicc -O3 -fopenmp -I. examples/mpi_transplant.c -o mpi_transplant -lm
       mpirun -n 4 ./mpi_transplant BASE DONOR OUT

   Every rank opens both models and solves its share of the targets; then all get the
   results of all, and rank 0 writes OUT, the same to the last byte as one process
   alone would. All of it hangs on one hook, otx_method_options.solve: see share_solve. */

#define OMP_TRANSPLANT_IMPLEMENTATION
#include "omp_transplant.h"

#include <inttypes.h>
#include <mpi.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { STATUS_OK = 0, STATUS_ERROR = 1, STATUS_MISUSE = 2, STATUS_INTERRUPTED = 130 };

/* ---- the ranks -------------------------------------------------------------- */

typedef struct group {
    int rank, size;
    int failed; /* the lowest rank that failed, or `size` while none has */
} group;

/* Every rank brings its result here, and a number that tells what it is about to do. If
   one has failed, all fail with the message of the lowest such; if the numbers differ,
   the ranks do not see the same files. Those who have failed never meet again. */
static otx_result agree(group *g, uint64_t number, otx_result result, otx_error *error)
{
    uint64_t mine[3], most[3];
    mine[0] = result ? (uint64_t)(g->size - g->rank) : 0;
    mine[1] = number;
    mine[2] = ~number;
    MPI_Allreduce(mine, most, 3, MPI_UINT64_T, MPI_MAX, MPI_COMM_WORLD);
    g->failed = g->size - (int)most[0];
    if (g->failed == g->size && most[1] == ~most[2]) return OTX_OK;
    if (g->failed == g->size) {
        g->failed = 0;
        error->code = OTX_ERROR_MISMATCH;
        strcpy(error->message, "the ranks see different models or options");
    }
    MPI_Bcast(error, sizeof *error, MPI_BYTE, g->failed, MPI_COMM_WORLD);
    return error->code;
}

/* The first target of a rank's share: shares differ by one at most, and the lower
   ranks have the larger ones. Rank `size` is the end. */
static size_t first_target(const group *g, size_t targets, int rank)
{
    size_t share = targets / (size_t)g->size, rest = targets % (size_t)g->size;
    return share * (size_t)rank + ((size_t)rank < rest ? (size_t)rank : rest);
}

/* Gives every rank the rows that each has solved, `width` elements a target. MPI counts
   in int: of rows there are never more than that. */
static void exchange(const group *g, size_t targets, size_t width, MPI_Datatype type,
                     size_t size, void *rows)
{
    MPI_Datatype row;
    int rank;
    MPI_Type_contiguous((int)width, type, &row);
    MPI_Type_commit(&row);
    for (rank = 0; rank < g->size; rank++) {
        size_t first = first_target(g, targets, rank);
        int count = (int)(first_target(g, targets, rank + 1) - first);
        if (count == 0) break;
        MPI_Bcast((char *)rows + first * width * size, count, row, rank, MPI_COMM_WORLD);
    }
    MPI_Type_free(&row);
}

/* The sizes of a problem in one number. */
static uint64_t describe(const otx_matrix *atoms, const otx_matrix *targets, size_t k)
{
    const uint64_t prime = 1000000007;
    return ((atoms->rows * prime + atoms->columns) * prime + targets->rows) * prime + k;
}

/* The hook: what otx_omp does, by all ranks together. */
static otx_result share_solve(void *context, const otx_context *ctx, const otx_matrix *atoms,
                              const otx_matrix *targets, const otx_omp_options *options,
                              const otx_omp_output *output, otx_omp_stats *stats,
                              otx_error *error)
{
    group *g = (group *)context;
    otx_omp_options mine = *options;
    size_t k = otx_omp_k(options->k, atoms->rows, atoms->columns);
    uint64_t problem = describe(atoms, targets, k);
    otx_result result = agree(g, problem, OTX_OK, error); /* have all come this far? */
    if (result) return result;
    mine.first_target = first_target(g, targets->rows, g->rank);
    mine.target_count = first_target(g, targets->rows, g->rank + 1) - mine.first_target;
    if (mine.target_count > 0) /* 0 would mean all; there may be more ranks than targets */
        result = otx_omp(ctx, atoms, targets, &mine, output, stats, error);
    result = agree(g, problem, result, error);
    if (result) return result;
    exchange(g, targets->rows, k, MPI_INT32_T, sizeof(int32_t), output->indices);
    exchange(g, targets->rows, k, MPI_DOUBLE, sizeof(double), output->coefficients);
    exchange(g, targets->rows, 1, MPI_DOUBLE, sizeof(double), output->residual_norms);
    exchange(g, targets->rows, 1, MPI_DOUBLE, sizeof(double), output->target_norms);
    return OTX_OK;
}

/* ---- hooks --------------------------------------------------------------------- */

static volatile sig_atomic_t interrupted;

static void on_signal(int number)
{
    interrupted = 1;
    signal(number, SIG_DFL); /* a second one ends the process at once */
}

/* What was shown last. Only rank 0 shows anything. */
typedef struct display {
    bool quiet;
    int stage; /* -1 at first */
    double time;
} display;

/* A line as a stage begins, and one every ten seconds. */
static bool on_progress(void *context, const otx_progress *at)
{
    static const char *const stages[OTX_STAGE_COUNT] = {"opening", "reading", "correlating",
                                                        "solving", "writing"};
    display *d = (display *)context;
    double time = MPI_Wtime();
    if (!d->quiet && (d->stage != (int)at->stage || time - d->time >= 10)) {
        fprintf(stderr, "%s: %.0f %%\n", stages[at->stage],
                at->total ? 100 * (double)at->done / (double)at->total : 0);
        d->stage = (int)at->stage;
        d->time = time;
    }
    return !interrupted;
}

static void on_log(void *context, otx_severity severity, const char *message)
{
    const display *d = (const display *)context;
    if (d->quiet && severity == OTX_NOTE) return;
    fprintf(stderr, "mpi_transplant: %s: %s\n", severity == OTX_NOTE ? "note" : "warning",
            message);
}

/* ---- the command line -------------------------------------------------------------- */

typedef struct settings {
    const char *paths[3]; /* BASE, DONOR, OUT */
    otx_job_options job;
    int threads;
    bool quiet;
} settings;

static const char usage[] =
    "usage: mpirun -n RANKS mpi_transplant BASE DONOR OUT [options]\n"
    "  -k, --k N          shared tokens per new token (64)\n"
    "  -a, --approximation-method NAME\n"
    "                     omp, omp-centred, omp-affine, affine, mean or\n"
    "                     zero (omp-affine)\n"
    "      --threads N    threads of each rank (all that OpenMP gives)\n"
    "      --memory MIB   what the solver of each rank may use (4096)\n"
    "      --overwrite    replace OUT if it exists\n"
    "  -q, --quiet        print nothing but warnings and errors\n";

static bool parse_number(const char *text, uint64_t most, uint64_t *number)
{
    char *end;
    *number = strtoull(text, &end, 10);
    return *text >= '0' && *text <= '9' && !*end && *number >= 1 && *number <= most;
}

static bool parse_method(const char *text, otx_method *method)
{
    int i;
    for (i = 0; i < OTX_METHOD_COUNT; i++) {
        *method = (otx_method)i;
        if (strcmp(text, otx_method_name(*method)) == 0) return true;
    }
    return false;
}

static bool is_option(const char *word, const char *name, const char *letter)
{
    return strcmp(word, name) == 0 || (letter && strcmp(word, letter) == 0);
}

/* False if a word of the command line is wrong: `*wrong`. */
static bool parse(settings *to, int count, char **words, const char **wrong)
{
    int i, paths = 0;
    for (i = 1; i < count; i++) {
        const char *word = *wrong = words[i], *value = i + 1 < count ? words[i + 1] : "";
        uint64_t number = 0;
        bool good = true;
        if (is_option(word, "--overwrite", NULL)) {
            to->job.overwrite = true;
        } else if (is_option(word, "--quiet", "-q")) {
            to->quiet = true;
        } else if (word[0] != '-') {
            good = paths < 3;
            if (good) to->paths[paths++] = word;
        } else {
            if (is_option(word, "--k", "-k")) {
                good = parse_number(value, INT32_MAX, &number);
                to->job.how.omp.k = (size_t)number;
            } else if (is_option(word, "--threads", NULL)) {
                good = parse_number(value, 4096, &number);
                to->threads = (int)number;
            } else if (is_option(word, "--memory", NULL)) {
                good = parse_number(value, UINT64_MAX >> 20, &number);
                to->job.how.omp.memory = number << 20;
            } else {
                good = is_option(word, "--approximation-method", "-a") &&
                       parse_method(value, &to->job.method);
            }
            i++;
        }
        if (!good) return false;
    }
    *wrong = "too few arguments";
    return paths == 3;
}

/* ---- running ------------------------------------------------------------------------ */

static int run(const settings *s, group *g)
{
    display shown = {false, -1, 0.0};
    otx_context ctx;
    otx_error error;
    otx_job_options options = s->job;
    otx_job_summary summary;
    otx_job *job;
    otx_result result;
    memset(&ctx, 0, sizeof ctx);
    memset(&error, 0, sizeof error);
    memset(&summary, 0, sizeof summary);
    shown.quiet = s->quiet || g->rank > 0;
    ctx.threads = s->threads;
    ctx.progress = on_progress;
    ctx.progress_context = &shown;
    if (g->rank == 0) ctx.log = on_log;
    ctx.log_context = &shown;
    options.how.solve = share_solve;
    options.how.solve_context = g;
    result = otx_job_open(&ctx, s->paths[0], s->paths[1], &options, &job, &error);
    if (!result) otx_job_summarize(job, &summary);
    result = agree(g, summary.tokens.approximated, result, &error);
    if (!result) {
        result = otx_job_run(job, g->rank == 0 ? s->paths[2] : NULL, &error);
        if (!result) otx_job_summarize(job, &summary);
        /* Unless they have met in share_solve already, the others wait for the result. */
        if (g->failed == g->size) result = agree(g, 0, result, &error);
    }
    otx_job_close(job);
    if (result && g->rank == 0)
        fprintf(stderr, "mpi_transplant: error: rank %d: %s\n", g->failed, error.message);
    if (result) return result == OTX_ERROR_CANCELLED ? STATUS_INTERRUPTED : STATUS_ERROR;
    if (!shown.quiet)
        printf("%s: %" PRIu64 " tokens copied, %" PRIu64 " made by %d rank%s in %.1f s\n",
               s->paths[2], summary.tokens.copied, summary.tokens.approximated, g->size,
               g->size > 1 ? "s" : "", summary.seconds);
    return STATUS_OK;
}

int main(int count, char **words)
{
    const char *wrong = "";
    settings s;
    group g;
    int status, threads;
    MPI_Init_thread(&count, &words, MPI_THREAD_FUNNELED, &threads);
    MPI_Comm_rank(MPI_COMM_WORLD, &g.rank);
    MPI_Comm_size(MPI_COMM_WORLD, &g.size);
    g.failed = g.size;
    memset(&s, 0, sizeof s);
    s.job.method = OTX_METHOD_OMP_AFFINE; /* as of transplant */
    signal(SIGINT, on_signal);
    signal(SIGTERM, on_signal);
    if (parse(&s, count, words, &wrong)) {
        status = run(&s, &g);
    } else {
        if (g.rank == 0) fprintf(stderr, "mpi_transplant: error: %s\n%s", wrong, usage);
        status = STATUS_MISUSE;
    }
    MPI_Barrier(MPI_COMM_WORLD); /* rank 0 has tidied up and said what it has to say */
    MPI_Finalize();
    return status;
}

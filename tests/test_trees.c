/* What stands at a path and what cannot be told, and trees: looked through before they
   are copied, copied while they change, removed however deep or locked they are.
   Looks at private functions: includes the implementation, with functions that are static
   so that those not used are left out. */
#include <stdio.h>
#define OTX_STATIC
#define OMP_TRANSPLANT_IMPLEMENTATION
#include "omp_transplant.h"

#include "failing.h"
#include "scratch.h"
#include "test.h"

#ifndef _WIN32
#include <sys/wait.h>
#endif

static otx_error error;

#ifndef _WIN32
/* Runs a check as someone whom the modes of files bind, and tells whether it held; true
   where there is no such one. */
static bool as_nobody(bool (*check)(void))
{
    int status = 1;
    pid_t child;
    fflush(stdout);
    child = fork();
    if (child == 0) {
        if (getuid() == 0 && setuid(65534) != 0) _exit(0);
        if (!scratch_exists(scratch_root)) _exit(0); /* the way there is root's alone */
        _exit(check() ? 0 : 1);
    }
    if (child > 0) (void)waitpid(child, &status, 0);
    return status == 0;
}
#endif

/* ---- nothing is not the same as what cannot be told ---- */

OTX__PRIVATE void check_unclear(const char *path, const char *part)
{
    otx__status status;
    otx_source source;
    CHECK_INT(otx__look(path, &status, &error), OTX_ERROR_IO);
    CHECK(!status.present);
    CHECK_CONTAINS(error.message, part);
    CHECK_INT(otx_source_open(NULL, path, &source, &error), OTX_ERROR_IO);
    CHECK_CONTAINS(error.message, part);
}

static void test_links_to_nowhere(void)
{
#ifdef _WIN32
    SKIP(test_links_to_nowhere, "needs links");
#else
    char name[400];
    otx__status status;
    CHECK(scratch_shell("ln -s nothing dangling && ln -s round round && printf x > file && "
                        "ln -s file/x through && ln -s dangling twice"));
    check_unclear(at("dangling"), "/dangling: is a link that leads nowhere");
    check_unclear(at("twice"), "/twice: is a link that leads nowhere");
    check_unclear(at("through"), "/through: is a link that leads nowhere");
    CHECK(scratch_shell("ln -s $(printf %0250d 0)/$(printf %0250d 0) far"));
    check_unclear(at("far"), "/far: is a link that leads nowhere");
    check_unclear(at("round"), "/round: cannot be looked at: Too many levels of symbolic links");
    memset(name, 'n', sizeof name - 1);
    name[sizeof name - 1] = 0;
    check_unclear(at(name), "cannot be looked at: File name too long");
    /* Where a file or nothing stands in the place of a directory, nothing can be. */
    CHECK_INT(otx__look(at("file/x"), &status, &error), OTX_OK);
    CHECK(!status.present);
    CHECK_INT(otx__look(at("none/x"), &status, &error), OTX_OK);
    CHECK(!status.present);
#endif
}

#ifndef _WIN32
static bool locked_is_unclear(void)
{
    otx__status status;
    return otx__look(at("locked/file"), &status, &error) == OTX_ERROR_IO &&
           strstr(error.message, "/locked/file: cannot be looked at: Permission denied") &&
           otx__look(at("locked/none"), &status, &error) == OTX_ERROR_IO;
}
#endif

static void test_a_locked_directory(void)
{
#ifdef _WIN32
    SKIP(test_a_locked_directory, "needs modes");
#else
    CHECK(scratch_shell("mkdir locked && printf x > locked/file && chmod 0 locked"));
    CHECK(as_nobody(locked_is_unclear));
    CHECK(scratch_shell("chmod 700 locked"));
#endif
}

/* ---- looking through a tree ---- */

static void check_tree(const char *name, otx_result wanted, const char *part)
{
    otx__stamps stamps;
    memset(&stamps, 0, sizeof stamps);
    error.message[0] = 0;
    CHECK_INT(otx__tree_check(NULL, at(name), &stamps, &error), wanted);
    CHECK_CONTAINS(error.message, part);
    otx__stamps_close(&stamps);
    CHECK_INT(otx__tree_check(NULL, at(name), NULL, &error), wanted);
    CHECK_INT(otx__tree_copy(NULL, at(name), at("copy"), NULL, &error), wanted);
    CHECK_CONTAINS(error.message, part);
    if (scratch_exists(at("copy"))) CHECK(otx__tree_remove(NULL, at("copy")));
}

static void test_check(void)
{
    otx__stamps stamps;
    memset(&stamps, 0, sizeof stamps);
    scratch_directory("t");
    scratch_text("t/one", "1");
    scratch_directory("t/in");
    scratch_text("t/in/two", "2");
    check_tree("t", OTX_OK, "");
    check_tree("t/one", OTX_OK, "");
    check_tree("t/none", OTX_ERROR_NOT_FOUND, "/t/none: cannot be opened: No such file");
    CHECK_INT(otx__tree_check(NULL, at("t"), &stamps, &error), OTX_OK);
    CHECK_INT(stamps.count, 2);
    if (stamps.count == 2) CHECK_STRING(stamps.items[0].path, at("t/in/two"));
    otx__stamps_close(&stamps);
#ifndef _WIN32
    CHECK(scratch_shell("ln -s in/two t/three")); /* files are followed */
    check_tree("t", OTX_OK, "");
    CHECK(scratch_shell("ln -s nothing t/in/four"));
    check_tree("t", OTX_ERROR_IO, "/t/in/four: is a link that leads nowhere");
    CHECK(scratch_shell("rm t/in/four && mkfifo t/in/pipe"));
    check_tree("t", OTX_ERROR_IO, "/t/in/pipe: is a device or a pipe, not a regular file");
    CHECK(scratch_shell("rm t/in/pipe"));
#endif
}

static void test_links_to_directories(void)
{
#ifdef _WIN32
    SKIP(test_links_to_directories, "needs links");
#else
    CHECK(scratch_shell("mkdir ring elsewhere && printf x > elsewhere/x && ln -s . ring/again"));
    check_tree("ring", OTX_ERROR_UNSUPPORTED, "/ring/again: is a link to a directory");
    CHECK(scratch_shell("rm ring/again && ln -s ../elsewhere ring/out"));
    check_tree("ring", OTX_ERROR_UNSUPPORTED, "/ring/out: is a link to a directory");
    CHECK(scratch_shell("rm ring/out && mkdir ring/in && ln -s in ring/same"));
    check_tree("ring", OTX_ERROR_UNSUPPORTED, "/ring/same: is a link to a directory");
    CHECK(scratch_shell("rm ring/same && ln -s ../.. ring/in/up"));
    check_tree("ring", OTX_ERROR_UNSUPPORTED, "/ring/in/up: is a link to a directory");
    check_tree("ring/in/up", OTX_ERROR_UNSUPPORTED, "/ring/in/up: is a link to a directory");
#endif
}

/* `depth` directories within one another. */
static void make_deep(const char *name, unsigned depth)
{
    char path[1200];
    otx__file file;
    unsigned i;
    snprintf(path, sizeof path, "%s", at(name));
    CHECK(otx__sys_make_directory(path));
    for (i = 1; i < depth; i++) {
        strcat(path, "/d");
        CHECK(otx__sys_make_directory(path));
    }
    strcat(path, "/file");
    CHECK_INT(otx__file_create(NULL, path, &file, &error), OTX_OK);
    CHECK_INT(otx__file_finish(&file, OTX_OK, &error), OTX_OK);
}

static void test_deep(void)
{
    make_deep("deep", OTX__TREE_DEPTH);
    check_tree("deep", OTX_OK, "");
    make_deep("deeper", OTX__TREE_DEPTH + 1);
    check_tree("deeper", OTX_ERROR_LIMIT, "more than 32 directories deep");
    CHECK(otx__tree_remove(NULL, at("deeper")));
    make_deep("deepest", 150);
    CHECK(otx__tree_remove(NULL, at("deepest")));
    CHECK(!scratch_exists(at("deepest")));
}

#ifndef _WIN32
static bool unreadable_is_an_error(void)
{
    return otx__tree_check(NULL, at("side"), NULL, &error) == OTX_ERROR_IO &&
           strstr(error.message, "/side/secret: cannot be opened: Permission denied") != NULL;
}

static bool unlisted_is_an_error(void)
{
    return otx__tree_check(NULL, at("side"), NULL, &error) == OTX_ERROR_IO &&
           strstr(error.message, "/side: cannot list the directory: Permission denied") != NULL;
}
#endif

static void test_unreadable(void)
{
#ifdef _WIN32
    SKIP(test_unreadable, "needs modes");
#else
    CHECK(scratch_shell("mkdir side && printf x > side/secret && chmod 0 side/secret"));
    CHECK(as_nobody(unreadable_is_an_error));
    CHECK(scratch_shell("chmod 300 side"));
    CHECK(as_nobody(unlisted_is_an_error));
    CHECK(scratch_shell("chmod 700 side"));
#endif
}

/* ---- files that change while they are copied ---- */

/* Writes into the file that is being copied, once some of it has been. */
typedef struct meddler {
    const char *path, *mode;
    int calls;
} meddler;

static bool meddle(void *context, const otx_progress *progress)
{
    meddler *m = (meddler *)context;
    if (progress->done > 0 && m->calls++ == 0) {
        FILE *file = fopen(m->path, m->mode);
        if (!file || fputs("more", file) == EOF || fclose(file) != 0) return false;
    }
    return true;
}

static otx_result copied_amid(const char *name, const char *mode)
{
    otx_context ctx;
    otx__meter meter;
    meddler m;
    otx_result result;
    memset(&ctx, 0, sizeof ctx);
    memset(&meter, 0, sizeof meter);
    m.path = at(name);
    m.mode = mode;
    m.calls = 0;
    ctx.progress = meddle;
    ctx.progress_context = &m;
    result = otx__file_copy(&ctx, at(name), at("copied"), &meter, &error);
    CHECK_INT(m.calls > 0, 1);
    CHECK_INT(scratch_exists(at("copied")), !result);
    if (!result) (void)otx__sys_remove(at("copied"));
    return result;
}

/* A time by which the file system tells one write from the next. */
static void pass_time(void)
{
    double start = otx__now();
    while (otx__now() - start < 0.05) {}
}

static void test_changes(void)
{
    scratch_text("growing", "0123456789");
    scratch_text("edited", "0123456789");
    pass_time();
    CHECK_INT(copied_amid("growing", "ab"), OTX_ERROR_IO);
    CHECK_CONTAINS(error.message, "/growing: had 10 bytes when it was first looked at, and has "
                                  "14 now");
    CHECK_INT(copied_amid("edited", "r+b"), OTX_ERROR_IO);
    CHECK_CONTAINS(error.message, "/edited: has been written to since it was first looked at");
}

static void test_stamps(void)
{
    otx__stamps stamps;
    memset(&stamps, 0, sizeof stamps);
    scratch_directory("s");
    scratch_text("s/a", "a");
    scratch_text("s/b", "b");
    CHECK_INT(otx__tree_check(NULL, at("s"), &stamps, &error), OTX_OK);
    CHECK_INT(otx__stamps_compare(&stamps, &error), OTX_OK);
    scratch_text("s/new", "what comes later is not looked for");
    CHECK_INT(otx__stamps_compare(&stamps, &error), OTX_OK);
    pass_time();
    scratch_text("s/b", "c");
    CHECK_INT(otx__stamps_compare(&stamps, &error), OTX_ERROR_IO);
    CHECK_CONTAINS(error.message, "/s/b: has been written to");
    CHECK(otx__sys_remove(at("s/a")));
    CHECK_INT(otx__stamps_compare(&stamps, &error), OTX_ERROR_IO);
    CHECK_CONTAINS(error.message, "/s/a: has vanished");
    otx__stamps_close(&stamps);
}

/* ---- removal ---- */

#ifndef _WIN32
static bool locked_goes(void) { return otx__tree_remove(NULL, at("own/tree")); }
#endif

static void test_locked_is_removed(void)
{
#ifdef _WIN32
    SKIP(test_locked_is_removed, "needs modes");
#else
    CHECK(scratch_shell("mkdir -p own/tree/in/within && printf x > own/tree/in/file && "
                        "printf x > own/tree/in/within/file && ln -s . own/tree/in/ring && "
                        "chmod -R a-w own/tree && chmod 0 own/tree/in/within && "
                        "{ test $(id -u) -ne 0 || chown -R 65534 own; }"));
    CHECK(as_nobody(locked_goes));
    CHECK(!scratch_exists(at("own/tree")));
#endif
}

/* ---- memory ---- */

static otx_result everything(const otx_context *ctx)
{
    otx__stamps stamps;
    otx_result result;
    memset(&stamps, 0, sizeof stamps);
    stamps.ctx = ctx;
    result = otx__tree_check(ctx, at("m"), &stamps, &error);
    if (!result) result = otx__tree_copy(ctx, at("m"), at("m2"), NULL, &error);
    if (!result) result = otx__stamps_compare(&stamps, &error);
    otx__stamps_close(&stamps);
    return result;
}

static void test_memory(void)
{
    otx_context ctx;
    failing state;
    otx_result result = OTX_ERROR_MEMORY;
    long turn;
    memset(&ctx, 0, sizeof ctx);
    ctx.allocator.resize = failing_resize;
    ctx.allocator.context = &state;
    scratch_directory("m");
    scratch_directory("m/in");
    scratch_text("m/in/file", "x");
    for (turn = 1; turn < 1000 && result; turn++) {
        memset(&state, 0, sizeof state);
        state.fail_at = turn;
        result = everything(&ctx);
        if (result) CHECK_INT(result, OTX_ERROR_MEMORY);
        CHECK_INT(state.live, 0);
        CHECK_INT(state.wrong_size, 0);
        if (scratch_exists(at("m2"))) CHECK(otx__tree_remove(NULL, at("m2")));
    }
    CHECK_INT(result, OTX_OK);
    CHECK(turn > 10);
}

int main(void)
{
    scratch_open("trees");
    RUN(test_links_to_nowhere);
    RUN(test_a_locked_directory);
    RUN(test_check);
    RUN(test_links_to_directories);
    RUN(test_deep);
    RUN(test_unreadable);
    RUN(test_changes);
    RUN(test_stamps);
    RUN(test_locked_is_removed);
    RUN(test_memory);
    scratch_close();
    return test_end();
}

/* Calls of the system that fail where no test can make the system fail: the calls are
   ours, and fail on demand. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "test.h"

typedef enum call { READ, WRITE, SYNC, CLOSE, LIST, RENAME, STATUS, PUSH, COPY, CALLS } call;

/* The calls to come: how many of each go well before some fail, and how. */
static struct {
    int good, bad;
    int number; /* errno; 0: nothing is done, as at the end of a file */
} faults[CALLS];

static int called[CALLS];

/* Whether a call fails; sets errno if so. */
static int fails(call which)
{
    called[which]++;
    if (faults[which].good > 0) {
        faults[which].good--;
        return 0;
    }
    if (faults[which].bad == 0) return 0;
    faults[which].bad--;
    errno = faults[which].number;
    return 1;
}

static void plan(call which, int good, int bad, int number)
{
    memset(faults, 0, sizeof faults);
    memset(called, 0, sizeof called);
    faults[which].good = good;
    faults[which].bad = bad;
    faults[which].number = number;
}

static int write_limit; /* bytes that a write moves at most; 0: all */

static ssize_t faulty_write(int file, const void *bytes, size_t size)
{
    if (fails(WRITE)) return -1;
    if (write_limit > 0 && size > (size_t)write_limit) size = (size_t)write_limit;
    return write(file, bytes, size);
}

static int faulty_fsync(int file) { return fails(SYNC) ? -1 : fsync(file); }

static int faulty_close(int file)
{
    const int result = close(file);
    return fails(CLOSE) ? -1 : result;
}

static struct dirent *faulty_readdir(DIR *stream)
{
    return fails(LIST) ? NULL : readdir(stream);
}

static int faulty_rename(const char *from, const char *to)
{
    return fails(RENAME) ? -1 : rename(from, to);
}

static int faulty_stat(const char *path, struct stat *to)
{
    return fails(STATUS) ? -1 : stat(path, to);
}

/* Reads are known to the header by the names of their symbols, which these take. */
#ifdef __GLIBC__
ssize_t pread64(int file, void *to, size_t size, int64_t offset);
ssize_t pread64(int file, void *to, size_t size, int64_t offset)
{
    if (fails(READ)) return errno ? -1 : 0;
    return lseek(file, (off_t)offset, SEEK_SET) < 0 ? -1 : read(file, to, size);
}

int sync_file_range(int file, int64_t offset, int64_t bytes, unsigned flags);
int sync_file_range(int file, int64_t offset, int64_t bytes, unsigned flags)
{
    (void)file, (void)offset, (void)bytes, (void)flags;
    return fails(PUSH) ? -1 : 0;
}

ssize_t copy_file_range(int from, int64_t *offset, int to, int64_t *at, size_t size,
                        unsigned flags);
ssize_t copy_file_range(int from, int64_t *offset, int to, int64_t *at, size_t size,
                        unsigned flags)
{
    static char block[3000]; /* a short count for more */
    ssize_t got;
    if (fails(COPY)) return errno ? -1 : 0;
    if (at || flags || lseek(from, (off_t)*offset, SEEK_SET) < 0) abort();
    got = read(from, block, size < sizeof block ? size : sizeof block);
    if (got > 0) *offset += got;
    return got > 0 ? write(to, block, (size_t)got) : got;
}
#endif

#define write faulty_write /* members of that name too, from here to the end */
#define fsync(file) faulty_fsync(file)
#define close(file) faulty_close(file)
#define readdir(stream) faulty_readdir(stream)
#define rename(from, to) faulty_rename(from, to)
#define stat(path, to) faulty_stat(path, to)
#define OTX_STATIC
#define OMP_TRANSPLANT_IMPLEMENTATION
#include "omp_transplant.h"
#undef fsync
#undef close
#undef readdir
#undef rename
#undef stat

#include "scratch.h"

static otx_error error;
static char logged[2000];

static void log_hook(void *context, otx_severity severity, const char *message)
{
    (void)context;
    snprintf(logged + strlen(logged), sizeof logged - strlen(logged), "%s%s\n",
             severity == OTX_WARNING ? "warning: " : "", message);
}

static otx_context logging(void)
{
    otx_context ctx;
    memset(&ctx, 0, sizeof ctx);
    ctx.log = log_hook;
    logged[0] = 0;
    return ctx;
}

/* The system's own words, without its buffer that all threads share. */
static void test_reasons(void)
{
    char one[OTX__REASON_TEXT], other[OTX__REASON_TEXT];
    const char *first = otx__reason_text(one, 12345), *second = otx__reason_text(other, 12346);
    CHECK_STRING(first, "error 12345 of the system");
    CHECK_STRING(second, "error 12346 of the system");
#ifdef __GLIBC__
    {
        size_t i;
        for (i = 0; i < OTX__COUNT(otx__reasons); i++)
            CHECK_STRING(otx__reason_text(one, otx__reasons[i].number),
                         strerror(otx__reasons[i].number));
    }
#endif
}

static void check_copy_fails(const char *message)
{
    CHECK_INT(otx__file_copy(NULL, at("from"), at("to"), NULL, &error), OTX_ERROR_IO);
    CHECK_CONTAINS(error.message, message);
    CHECK(!scratch_exists(at("to")));
}

static void test_reads_that_fail(void)
{
#ifndef __GLIBC__
    SKIP(test_reads_that_fail, "the call has another name here");
#else
    char *text = NULL;
    size_t size;
    scratch_text("from", "0123456789");
    plan(READ, 0, 1, EIO);
    check_copy_fails("/from: cannot read 10 bytes at offset 0 of 10");
    plan(READ, 0, 1, 0); /* cut short meanwhile, by whoever grows it again */
    check_copy_fails("/from: cannot read 10 bytes at offset 0 of 10");
    plan(READ, 0, 1, EIO);
    CHECK_INT(otx__file_read_all(NULL, at("from"), 100, &text, &size, &error), OTX_ERROR_IO);
    CHECK(text == NULL);
    plan(READ, 0, 3, EINTR); /* a signal is no failure */
    CHECK_INT(otx__file_copy(NULL, at("from"), at("to"), NULL, &error), OTX_OK);
    CHECK_INT(called[READ], 4);
    CHECK(otx__sys_remove(at("to")));
#endif
}

static void test_writes_that_fail(void)
{
    char *text;
    scratch_text("from", "0123456789");
    plan(WRITE, 0, 1, ENOSPC);
    check_copy_fails("/to: cannot be written: No space left on device");
    plan(SYNC, 0, 1, EIO);
    check_copy_fails("/to: cannot be written: Input/output error");
    plan(CLOSE, 0, 1, EIO);
    check_copy_fails("/to: cannot be written: Input/output error");
    plan(WRITE, 2, 2, EINTR);
    write_limit = 1;
    CHECK_INT(otx__file_copy(NULL, at("from"), at("to"), NULL, &error), OTX_OK);
    write_limit = 0;
    CHECK_INT(called[WRITE], 12);
    text = scratch_read("to", NULL);
    CHECK_STRING(text ? text : "", "0123456789");
    free(text);
    /* A file system that knows of no syncing is none to complain about. */
    CHECK(otx__sys_remove(at("to")));
    plan(SYNC, 0, 1, EINVAL);
    CHECK_INT(otx__file_copy(NULL, at("from"), at("to"), NULL, &error), OTX_OK);
}

/* What the system copies, refuses or leaves half done: reading and writing do the rest, and
   tell what fails. */
static void test_copies_by_the_system(void)
{
#ifndef OTX__COPY_BY_SYSTEM
    SKIP(test_copies_by_the_system, "it is not asked to");
#else
    static const int refusals[] = {EXDEV, ENOSYS, EINVAL, EOPNOTSUPP, EPERM, EIO, 0};
    static char bytes[20001];
    char *text;
    size_t i, good;
    for (i = 0; i + 1 < sizeof bytes; i++) bytes[i] = (char)('a' + i * i % 23);
    scratch_text("from", bytes);
    (void)otx__sys_remove(at("to"));
    for (i = 0; i < COUNT(refusals); i++) {
        for (good = 0; good < 9; good += 2) {
            plan(COPY, (int)good, 1, refusals[i]);
            CHECK_INT(otx__file_copy(NULL, at("from"), at("to"), NULL, &error), OTX_OK);
            CHECK_INT(called[COPY], good < 7 ? good + 1 : 7);
            CHECK_INT(called[READ], good < 7 ? 1 : 0);
            text = scratch_read("to", NULL);
            CHECK(text && strcmp(text, bytes) == 0);
            free(text);
            CHECK(otx__sys_remove(at("to")));
        }
    }
    plan(COPY, 1, 2, EINTR);
    CHECK_INT(otx__file_copy(NULL, at("from"), at("to"), NULL, &error), OTX_OK);
    CHECK_INT(called[COPY], 9);
    CHECK_INT(called[READ], 0);
    CHECK(otx__sys_remove(at("to")));
    plan(COPY, 2, 1, EIO);
    faults[READ].bad = 1;
    faults[READ].number = EIO;
    check_copy_fails("/from: cannot read 14000 bytes at offset 6000 of 20000");
    plan(COPY, 2, 1, ENOSPC);
    faults[WRITE].bad = 1;
    faults[WRITE].number = ENOSPC;
    check_copy_fails("/to: cannot be written: No space left on device");
#endif
}

/* Bytes that wait in the buffer go before those that the system copies, which it is asked for
   where both lie alike in their pages. */
static void test_copies_behind_a_buffer(void)
{
    static char bytes[10001];
    otx_source source;
    otx__file file;
    otx_result result;
    char *text;
    int shift;
    memset(bytes, 'x', sizeof bytes - 1);
    scratch_text("from", bytes);
    for (shift = 0; shift < 2; shift++) {
        plan(COPY, 1, 1, EXDEV);
        CHECK_INT(otx_source_open(NULL, at("from"), &source, &error), OTX_OK);
        CHECK_INT(otx__file_create(NULL, at("behind"), &file, &error), OTX_OK);
        CHECK(file.sink.write(file.sink.context, "before", 6));
        result = otx__stream(NULL, &source, "from", (uint64_t)(4102 + shift), 4500, &file.sink,
                             NULL, &error);
        CHECK(file.sink.write(file.sink.context, "after", 5));
        CHECK_INT(otx__file_finish(&file, result, &error), OTX_OK);
        otx_source_close(NULL, &source);
#ifdef OTX__COPY_BY_SYSTEM
        CHECK_INT(called[COPY], shift ? 0 : 2);
#endif
        text = scratch_read("behind", NULL);
        CHECK_INT(text ? strlen(text) : 0, 6 + 4500 + 5);
        CHECK(text && memcmp(text, "beforex", 7) == 0 && strcmp(text + 4505, "xafter") == 0);
        free(text);
        CHECK(otx__sys_remove(at("behind")));
    }
}

/* A file of many writes, one of which fails: the rest is not written. */
static void test_a_full_disk_midway(void)
{
    static char block[OTX__FILE_BUFFER];
    otx__file file;
    int i, good = 0;
    CHECK_INT(otx__file_create(NULL, at("large"), &file, &error), OTX_OK);
    plan(WRITE, 3, 1, ENOSPC);
    for (i = 0; i < 10; i++) good += file.sink.write(file.sink.context, block, sizeof block);
    CHECK_INT(good, 3);
    CHECK_INT(called[WRITE], 4);
    CHECK_INT(otx__file_finish(&file, OTX_OK, &error), OTX_ERROR_IO);
    CHECK_CONTAINS(error.message, "/large: cannot be written: No space left on device");
    CHECK(!scratch_exists(at("large")));
#ifdef OTX__PUSH_BY_RANGE
    CHECK_INT(otx__file_create(NULL, at("large"), &file, &error), OTX_OK);
    plan(PUSH, 0, 1, EIO);
    for (i = 0; (uint64_t)i * sizeof block < OTX__FILE_PUSH; i++)
        (void)file.sink.write(file.sink.context, block, sizeof block);
    CHECK_INT(otx__file_finish(&file, OTX_OK, &error), OTX_ERROR_IO);
    CHECK_CONTAINS(error.message, "/large: cannot be written: Input/output error");
#endif
}

/* ---- names ---- */

static void test_a_listing_that_fails_midway(void)
{
    otx__listing listing;
    otx_checkpoint checkpoint;
    otx_vocab vocab;
    scratch_directory("tree");
    scratch_text("tree/a", "a");
    scratch_text("tree/b", "b");
    scratch_text("tree/tokenizer.json", "{}");
    plan(LIST, 3, 1, EIO);
    CHECK_INT(otx__listing_open(NULL, at("tree"), &listing, &error), OTX_ERROR_IO);
    CHECK_CONTAINS(error.message, "/tree: cannot list the directory: Input/output error");
    CHECK(listing.names == NULL && listing.count == 0);
    plan(LIST, 3, 1, EIO);
    CHECK_INT(otx_vocab_open(NULL, at("tree"), &vocab, &error), OTX_ERROR_IO);
    plan(LIST, 3, 1, EIO);
    CHECK_INT(otx_checkpoint_open(NULL, at("tree"), &checkpoint, &error), OTX_ERROR_IO);
    plan(LIST, 3, 1, EIO);
    CHECK_INT(otx__tree_check(NULL, at("tree"), NULL, &error), OTX_ERROR_IO);
    plan(LIST, 3, 1, EIO);
    CHECK_INT(otx__tree_copy(NULL, at("tree"), at("copy"), NULL, &error), OTX_ERROR_IO);
    CHECK(!scratch_exists(at("copy")));
    plan(LIST, 3, 1, EIO);
    CHECK(!otx__tree_remove(NULL, at("tree")));
    CHECK(scratch_exists(at("tree/a")) && scratch_exists(at("tree/b")));
    plan(LIST, 0, 0, 0);
    CHECK(otx__tree_remove(NULL, at("tree")));
}

/* What cannot be looked at for whatever reason is not taken for nothing. */
static void test_looks_that_fail(void)
{
    static const int numbers[] = {EACCES, EIO, ELOOP, ENAMETOOLONG, EOVERFLOW, ESTALE, ENOMEM};
    otx__status status;
    otx__document document;
    size_t i;
    scratch_directory("m");
    scratch_text("m/config.json", "{}");
    for (i = 0; i < OTX__COUNT(numbers); i++) {
        plan(STATUS, 0, 1, numbers[i]);
        CHECK(otx__look(at("m/config.json"), &status, &error) != OTX_OK);
        CHECK(!status.present);
        CHECK_CONTAINS(error.message, "/m/config.json: cannot be looked at: ");
        plan(STATUS, 0, 1, numbers[i]);
        CHECK(otx__document_open(NULL, at("m"), "config.json", &document, &error) != OTX_OK);
        CHECK(!document.present);
    }
}

/* Going up ends at the root, whatever the system says on the way. */
static void test_ways_up_that_are_not_there(void)
{
    static const char *const paths[] = {"/none/of/these", "none/of/these", "none", "/", "."};
    char *above = NULL;
    size_t i;
    for (i = 0; i < OTX__COUNT(paths); i++) {
        plan(STATUS, 0, 1000, ENOENT);
        CHECK_INT(otx__directory_above(NULL, paths[i], &above, &error), OTX_ERROR_NOT_FOUND);
        CHECK_CONTAINS(error.message, "no directory is above it");
        CHECK(called[STATUS] < 10);
        plan(STATUS, 0, 1000, EACCES);
        CHECK_INT(otx__directory_above(NULL, paths[i], &above, &error), OTX_ERROR_IO);
        CHECK_INT(called[STATUS], 1);
        CHECK(above == NULL);
    }
}

/* ---- outputs ---- */

static void put_model(const char *directory)
{
    static const char *const names[] = {"config.json", "model.safetensors"};
    size_t i;
    for (i = 0; i < OTX__COUNT(names); i++) {
        char *path = otx__path_join(NULL, directory, names[i]);
        otx__file file;
        CHECK_INT(otx__file_create(NULL, path, &file, &error), OTX_OK);
        CHECK_INT(otx__file_finish(&file, OTX_OK, &error), OTX_OK);
        otx__path_free(NULL, path);
    }
}

/* Fills an output in place of an older one, and commits it with a fault. */
static otx_result replace_with(const otx_context *ctx, call which, int good, int bad, int number)
{
    otx__output output;
    otx_result result;
    if (!scratch_exists(at("o"))) scratch_directory("o");
    if (!scratch_exists(at("o/out"))) {
        scratch_directory("o/out");
        put_model(at("o/out"));
    }
    scratch_text("o/out/mark", "old");
    plan(which, 0, 0, 0);
    CHECK_INT(otx__output_begin(ctx, at("o/out"), true, &output, &error), OTX_OK);
    put_model(output.partial);
    plan(which, good, bad, number);
    result = otx__output_commit(&output, &error);
    plan(which, 0, 0, 0);
    otx__output_abandon(&output);
    CHECK(!scratch_exists(at("o/out.otx-partial-1")));
    return result;
}

static void test_an_output_that_cannot_be_renamed(void)
{
    const otx_context ctx = logging();
    CHECK_INT(replace_with(&ctx, RENAME, 0, 1, EACCES), OTX_ERROR_IO);
    CHECK_CONTAINS(error.message, "/o/out: cannot be renamed to make room: Permission denied");
    CHECK(scratch_exists(at("o/out/mark")));
    CHECK_INT(replace_with(&ctx, RENAME, 1, 1, EACCES), OTX_ERROR_IO);
    CHECK_CONTAINS(error.message, "/o/out: cannot be given its final name: Permission denied");
    CHECK(scratch_exists(at("o/out/mark"))); /* it is back */
    CHECK_STRING(logged, "");
    CHECK_INT(replace_with(&ctx, RENAME, 1, 2, EACCES), OTX_ERROR_IO);
    CHECK(scratch_exists(at("o/out.otx-old-1/mark")));
    CHECK(!scratch_exists(at("o/out")));
    CHECK_CONTAINS(logged, "warning: ");
    CHECK_CONTAINS(logged, "/o/out.otx-old-1: the former output is here now");
}

/* The files of a set in parts, by their contents: "111" are the older ones. */
static const char *const set_names[] = {"s-1.gguf", "s-2.gguf", "s-3.gguf"};

static const char *set_state(const char *directory)
{
    static char state[4];
    char name[64];
    size_t i;
    for (i = 0; i < 3; i++) {
        char *text;
        snprintf(name, sizeof name, "%s/%s", directory, set_names[i]);
        text = scratch_read(name, NULL);
        state[i] = text ? text[4] : '-';
        free(text);
    }
    state[3] = 0;
    return state;
}

static void put_set(const char *directory, const char *text)
{
    char name[64];
    size_t i;
    for (i = 0; i < 3; i++) {
        snprintf(name, sizeof name, "%s/%s", directory, set_names[i]);
        scratch_text(name, text);
    }
}

/* Replaces a set; `good` renames go well, then `bad` fail. */
static otx_result replace_set(const otx_context *ctx, int good, int bad)
{
    otx__output output;
    otx_result result;
    if (!scratch_exists(at("set"))) scratch_directory("set");
    put_set("set", "GGUF1");
    CHECK_INT(otx__staged_begin(ctx, at("set/s.gguf"), true, &output, &error), OTX_OK);
    put_set("set/s.gguf.otx-partial-1", "GGUF2");
    plan(RENAME, good, bad, EIO);
    result = otx__staged_commit(&output, set_names, 3, &error);
    plan(RENAME, 0, 0, 0);
    otx__output_abandon(&output);
    return result;
}

static void test_a_set_that_cannot_be_renamed(void)
{
    const otx_context ctx = logging();
    int good;
    for (good = 0; good < 6; good++) { /* three go aside, three come */
        CHECK_INT(replace_set(&ctx, good, 1), OTX_ERROR_IO);
        CHECK_CONTAINS(error.message, good < 3 ? "cannot be replaced: Input/output error"
                                               : "cannot be given its final name: Input");
        CHECK_STRING(set_state("set"), "111");
        CHECK(!scratch_exists(at("set/s.gguf.otx-partial-1")));
    }
    CHECK_STRING(logged, "");
    CHECK_INT(replace_set(&ctx, 6, 0), OTX_OK);
    CHECK_STRING(set_state("set"), "222");
    CHECK(!scratch_exists(at("set/s.gguf.otx-partial-1")));
    CHECK_INT(replace_set(&ctx, 4, 100), OTX_ERROR_IO); /* nor back again */
    CHECK_STRING(set_state("set"), "---");
    CHECK_STRING(set_state("set/s.gguf.otx-partial-1/replaced"), "111");
    CHECK_CONTAINS(logged, "/set/s.gguf.otx-partial-1/replaced: has files of the output");
}

static void test_names_that_cannot_be_synced(void)
{
    const otx_context ctx = logging();
    CHECK_INT(replace_with(&ctx, SYNC, 0, 2, EIO), OTX_OK);
    CHECK(!scratch_exists(at("o/out/mark")));
    CHECK_CONTAINS(logged, "warning: ");
    CHECK_CONTAINS(logged, "/o/out.otx-partial-1: may not outlive a loss of power");
    CHECK_CONTAINS(logged, "/o: may not outlive a loss of power: its names could not be brought "
                           "to the disk: Input/output error");
    logged[0] = 0;
    CHECK_INT(replace_with(&ctx, SYNC, 0, 2, EINVAL), OTX_OK); /* it knows of no syncing */
    CHECK(!strstr(logged, "loss of power"));
}

int main(void)
{
    scratch_open("faults");
    RUN(test_reasons);
    RUN(test_reads_that_fail);
    RUN(test_writes_that_fail);
    RUN(test_copies_by_the_system);
    RUN(test_copies_behind_a_buffer);
    RUN(test_a_full_disk_midway);
    RUN(test_a_listing_that_fails_midway);
    RUN(test_looks_that_fail);
    RUN(test_ways_up_that_are_not_there);
    RUN(test_an_output_that_cannot_be_renamed);
    RUN(test_a_set_that_cannot_be_renamed);
    RUN(test_names_that_cannot_be_synced);
    scratch_close();
    return test_end();
}

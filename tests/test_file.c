/* Files: reading, writing, copying, listing, and the output directory.
   Looks at private functions: includes the implementation, with functions that are static
   so that those not used are left out. */
#include <stdio.h>
#define OTX_STATIC
#define OMP_TRANSPLANT_IMPLEMENTATION
#include "omp_transplant.h"

#include "failing.h"
#include "scratch.h"
#include "test.h"

static otx_error error;

/* The text of a file in the scratch directory, or "(none)". */
static const char *text_of(const char *name)
{
    static char text[4096];
    FILE *file = fopen(at(name), "rb");
    size_t size;
    if (!file) return "(none)";
    size = fread(text, 1, sizeof text - 1, file);
    text[size] = 0;
    fclose(file);
    return text;
}

/* Collects what is logged. */
typedef struct logged {
    int count;
    char text[2000];
} logged;

static void log_hook(void *context, otx_severity severity, const char *message)
{
    logged *log = (logged *)context;
    CHECK(severity == OTX_WARNING);
    log->count++;
    strncat(log->text, message, sizeof log->text - strlen(log->text) - 2);
    strcat(log->text, "\n");
}

static otx_context failing_context(failing *state)
{
    otx_context ctx;
    memset(state, 0, sizeof *state);
    memset(&ctx, 0, sizeof ctx);
    ctx.allocator.resize = failing_resize;
    ctx.allocator.context = state;
    return ctx;
}

static void test_source(void)
{
    otx_source source;
    char bytes[8] = "-------";
    scratch_text("numbers", "0123456789");
    CHECK_INT(otx_source_open(NULL, at("numbers"), &source, &error), OTX_OK);
    CHECK_INT(source.size, 10);
    CHECK(source.read(source.context, 7, bytes, 3));
    CHECK_STRING(bytes, "789----");
    CHECK(source.read(source.context, 0, bytes, 4));
    CHECK_STRING(bytes, "0123---");
    CHECK(source.read(source.context, 10, bytes, 0));
    CHECK(!source.read(source.context, 8, bytes, 3));
    otx_source_close(NULL, &source);
    CHECK(source.context == NULL);
    otx_source_close(NULL, &source);
}

static void test_source_refusals(void)
{
    otx_source source;
    CHECK_INT(otx_source_open(NULL, at("absent"), &source, &error), OTX_ERROR_NOT_FOUND);
    CHECK_CONTAINS(error.message, "/absent: cannot be opened: ");
    CHECK_INT(otx_source_open(NULL, scratch_root, &source, &error), OTX_ERROR_IO);
    CHECK_CONTAINS(error.message, ": is a directory, not a regular file");
    CHECK(source.context == NULL && source.read == NULL);
    CHECK_INT(otx_source_open(NULL, at("\n"), &source, NULL), OTX_ERROR_NOT_FOUND);
#ifndef _WIN32
    CHECK_INT(otx_source_open(NULL, "/dev/zero", &source, &error), OTX_ERROR_IO);
    CHECK_CONTAINS(error.message, "/dev/zero: is a device or a pipe, not a regular file");
    CHECK(scratch_shell("mkfifo pipe"));
    CHECK_INT(otx_source_open(NULL, at("pipe"), &source, &error), OTX_ERROR_IO);
    CHECK(scratch_shell("rm pipe"));
#endif
}

static void test_source_shrinks(void)
{
    otx_source source;
    char bytes[8];
    scratch_text("shrinking", "0123456789");
    CHECK_INT(otx_source_open(NULL, at("shrinking"), &source, &error), OTX_OK);
    scratch_text("shrinking", "01234");
    CHECK(!source.read(source.context, 4, bytes, 4));
    CHECK_INT(otx__fail_read(&error, at("shrinking"), &source, 4, 4), OTX_ERROR_IO);
    CHECK_CONTAINS(error.message, "/shrinking: has shrunk from 10 to 5 bytes");
    scratch_text("shrinking", "0123456789");
    CHECK_INT(otx__fail_read(&error, at("shrinking"), &source, 4, 3), OTX_ERROR_IO);
    CHECK_CONTAINS(error.message, "cannot read 3 bytes at offset 4 of 10");
    otx_source_close(NULL, &source);
}

/* Beyond 4 GiB; a build with 32-bit offsets refuses the file by name. */
static void test_source_large(void)
{
#ifdef _WIN32
    SKIP(test_source_large, "needs a sparse file");
#else
    otx_source source;
    otx_result result;
    char byte = 0;
    if (!scratch_shell("printf x | dd of=large bs=1 seek=5000000000 2>/dev/null")) {
        SKIP(test_source_large, "no sparse files here");
        return;
    }
    result = otx_source_open(NULL, at("large"), &source, &error);
    if (sizeof(off_t) >= 8) {
        CHECK_INT(result, OTX_OK);
        CHECK_INT(source.size, 5000000001);
        CHECK(source.read(source.context, 5000000000u, &byte, 1));
        CHECK_INT(byte, 'x');
    } else {
        CHECK_INT(result, OTX_ERROR_LIMIT);
        CHECK_CONTAINS(error.message, "/large: ");
        CHECK_CONTAINS(error.message, "_FILE_OFFSET_BITS");
    }
    otx_source_close(NULL, &source);
    remove(at("large"));
#endif
}

static void test_unicode_path(void)
{
    const char *name = "mod\xc3\xa8le-\xe6\xa8\xa1-\xf0\x9f\xa4\x97";
    otx__listing listing;
    otx__file file;
    size_t size = 0;
    char *text = NULL;
    scratch_directory("names");
    {
        char *path = otx__path_join(NULL, at("names"), name);
        CHECK_INT(otx__file_create(NULL, path, &file, &error), OTX_OK);
        CHECK(file.sink.write(file.sink.context, "abc", 3));
        CHECK_INT(otx__file_finish(&file, OTX_OK, &error), OTX_OK);
        CHECK_INT(otx__file_read_all(NULL, path, 3, &text, &size, &error), OTX_OK);
        CHECK_INT(size, 3);
        CHECK_STRING(text ? text : "", "abc");
        otx__file_free(NULL, text, size);
        otx__path_free(NULL, path);
    }
    CHECK_INT(otx__listing_open(NULL, at("names"), &listing, &error), OTX_OK);
    CHECK_INT(listing.count, 1);
    if (listing.count == 1) CHECK_STRING(listing.names[0], name);
    otx__listing_close(&listing);
    CHECK(otx__tree_remove(NULL, at("names")));
}

static void test_read_all(void)
{
    char *text = NULL;
    size_t size = 0;
    scratch_text("small", "{}\n");
    scratch_text("empty", "");
    CHECK_INT(otx__file_read_all(NULL, at("small"), 100, &text, &size, &error), OTX_OK);
    CHECK_INT(size, 3);
    CHECK_STRING(text, "{}\n");
    otx__file_free(NULL, text, size);
    CHECK_INT(otx__file_read_all(NULL, at("empty"), 0, &text, &size, &error), OTX_OK);
    CHECK_INT(size, 0);
    CHECK_STRING(text, "");
    otx__file_free(NULL, text, size);
    CHECK_INT(otx__file_read_all(NULL, at("small"), 2, &text, &size, &error),
              OTX_ERROR_LIMIT);
    CHECK(text == NULL);
    CHECK_CONTAINS(error.message, "/small: has 3 bytes, more than the limit of 2");
    CHECK_INT(otx__file_read_all(NULL, at("absent"), 2, &text, &size, &error),
              OTX_ERROR_NOT_FOUND);
}

static void check_join(const char *directory, const char *name, const char *wanted)
{
    char *path = otx__path_join(NULL, directory, name);
    CHECK_STRING(path, wanted);
    otx__path_free(NULL, path);
}

static void check_parent(const char *path, const char *wanted)
{
    char *parent = otx__path_parent(NULL, path);
    CHECK_STRING(parent, wanted);
    otx__path_free(NULL, parent);
}

static void test_paths(void)
{
    char text[OTX__PATH_TEXT], deep[1000];
    check_join("a", "b", "a/b");
    check_join("a/", "b", "a/b");
    check_join("", "b", "b");
    check_join("/", "b", "/b");
    check_parent("b", ".");
    check_parent("a/b", "a");
    check_parent("/b", "/");
    check_parent("a//b", "a");
    check_parent("/x/y/b", "/x/y");
    CHECK_INT(otx__path_name("a/bc"), 2);
    CHECK_INT(otx__path_name("bc"), 0);
    CHECK_STRING(otx__path_text(text, "a\nb\"c"), "a\\x0ab\\x22c");
    memset(deep, 'x', sizeof deep);
    memcpy(deep + sizeof deep - 10, "/file.txt", 10);
    otx__path_text(text, deep);
    CHECK(strncmp(text, "...xxx", 6) == 0);
    CHECK_CONTAINS(text, "xxx/file.txt");
}

static otx__status status_of(const char *path)
{
    otx__status status;
    CHECK_INT(otx__look(path, &status, &error), OTX_OK);
    return status;
}

static void test_look(void)
{
    scratch_text("file", "four");
    scratch_directory("directory");
    CHECK(status_of(at("file")).present && status_of(at("file")).regular);
    CHECK(!status_of(at("file")).directory);
    CHECK_INT(status_of(at("file")).size, 4);
    CHECK(status_of(at("directory")).present && status_of(at("directory")).directory);
    CHECK(status_of(at("directory/")).directory);
    CHECK(!status_of(at("absent")).present);
    CHECK(!status_of(at("absent/within")).present);
    CHECK(!status_of(at("file/within")).present);
    CHECK(!status_of("").present);
}

static bool same_file(const char *one, const char *other)
{
    const otx__status a = status_of(one), b = status_of(other);
    return otx__same_file(&a, &b);
}

static bool within(const char *path, const char *directory)
{
    bool answer = true;
    CHECK_INT(otx__is_within(NULL, path, directory, &answer, &error), OTX_OK);
    return answer;
}

static void test_within(void)
{
    scratch_directory("base");
    scratch_directory("base/sub");
    scratch_directory("basement");
    CHECK(same_file(at("base"), at("base/../base/sub/..")));
    CHECK(!same_file(at("base"), at("basement")));
    CHECK(!same_file(at("base"), at("absent")));
    CHECK(within(at("base"), at("base")));
    CHECK(within(at("base/sub"), at("base")));
    CHECK(within(at("base/sub/new"), at("base")));
    CHECK(within(at("base/new/"), at("base")));
    CHECK(!within(at("base"), at("base/sub")));
    CHECK(!within(at("basement"), at("base")));
    CHECK(!within(at("basement/new"), at("base")));
    CHECK(within("a-name-that-does-not-exist", "."));
    CHECK(!within("a-name-that-does-not-exist", at("base")));
#ifndef _WIN32
    CHECK(scratch_shell("ln -s base/sub link"));
    CHECK(within(at("link"), at("base")));
    CHECK(within(at("link/new"), at("base/sub")));
    CHECK(within(scratch_root, "/"));
#endif
}

static void test_listing(void)
{
    otx__listing listing;
    scratch_directory("list");
    scratch_text("list/b", "");
    scratch_text("list/a.json", "");
    scratch_text("list/_c", "");
    scratch_directory("list/Z");
    CHECK_INT(otx__listing_open(NULL, at("list"), &listing, &error), OTX_OK);
    CHECK_INT(listing.count, 4);
    if (listing.count == 4) {
        CHECK_STRING(listing.names[0], "Z");
        CHECK_STRING(listing.names[1], "_c");
        CHECK_STRING(listing.names[2], "a.json");
        CHECK_STRING(listing.names[3], "b");
    }
    CHECK(otx__listing_has(&listing, "a.json"));
    CHECK(!otx__listing_has(&listing, "a.jso"));
    otx__listing_close(&listing);
    CHECK(!otx__listing_has(&listing, "b"));
    CHECK_INT(otx__listing_open(NULL, at("absent"), &listing, &error),
              OTX_ERROR_NOT_FOUND);
    CHECK_CONTAINS(error.message, "/absent: cannot list the directory: ");
}

static void test_sink(void)
{
    const size_t size = 3 * OTX__FILE_BUFFER + 17;
    unsigned char *bytes = (unsigned char *)malloc(size), *back = (unsigned char *)malloc(size);
    otx_source source;
    otx__file file;
    size_t i, step;
    for (i = 0; i < size; i++) bytes[i] = (unsigned char)(i * 2654435761u >> 13);
    CHECK_INT(otx__file_create(NULL, at("sunk"), &file, &error), OTX_OK);
    for (i = 0, step = 0; i < size; i += step, step = step * 3 + 1) {
        if (step > size - i) step = size - i;
        CHECK(file.sink.write(file.sink.context, bytes + i, step));
    }
    CHECK_INT(otx__file_finish(&file, OTX_OK, &error), OTX_OK);
    CHECK_INT(otx_source_open(NULL, at("sunk"), &source, &error), OTX_OK);
    CHECK_INT(source.size, size);
    CHECK(source.read(source.context, 0, back, size));
    CHECK(memcmp(bytes, back, size) == 0);
    otx_source_close(NULL, &source);
    free(bytes);
    free(back);
}

static void test_sink_refusals(void)
{
    otx__file file;
    scratch_text("taken", "mine");
    CHECK_INT(otx__file_create(NULL, at("taken"), &file, &error), OTX_ERROR_EXISTS);
    CHECK_CONTAINS(error.message, "/taken: cannot be created: ");
    CHECK_STRING(text_of("taken"), "mine");
    CHECK_INT(otx__file_create(NULL, at("absent/x"), &file, &error), OTX_ERROR_NOT_FOUND);
    /* A writer that failed leaves no file, and its own message stays. */
    CHECK_INT(otx__file_create(NULL, at("given-up"), &file, &error), OTX_OK);
    CHECK(file.sink.write(file.sink.context, "x", 1));
    CHECK_INT(otx__file_finish(&file, otx__fail(&error, OTX_ERROR_RANGE, "seven"), &error),
              OTX_ERROR_RANGE);
    CHECK_STRING(error.message, "seven");
    CHECK(!scratch_exists(at("given-up")));
}

static void test_disk_full(void)
{
#ifdef _WIN32
    SKIP(test_disk_full, "needs /dev/full");
#else
    otx__file file;
    int full = open("/dev/full", O_WRONLY);
    if (full < 0) {
        SKIP(test_disk_full, "needs /dev/full");
        return;
    }
    CHECK_INT(otx__file_create(NULL, at("full"), &file, &error), OTX_OK);
    CHECK_INT(otx__sys_close(file.file), 1);
    file.file = full;
    CHECK(file.sink.write(file.sink.context, "x", 1));
    CHECK_INT(otx__file_finish(&file, OTX_OK, &error), OTX_ERROR_IO);
    CHECK_CONTAINS(error.message, "/full: cannot be written: ");
    CHECK_CONTAINS(error.message, strerror(ENOSPC));
    CHECK(!scratch_exists(at("full")));
#endif
}

static bool stop_hook(void *context, const otx_progress *progress)
{
    otx_progress *seen = (otx_progress *)context;
    *seen = *progress;
    return progress->done < 5;
}

static void test_copy(void)
{
    otx_progress seen;
    otx_context ctx;
    otx__meter meter;
    memset(&ctx, 0, sizeof ctx);
    memset(&seen, 0, sizeof seen);
    memset(&meter, 0, sizeof meter);
    ctx.progress = stop_hook;
    ctx.progress_context = &seen;
    meter.stage = OTX_STAGE_WRITE;
    meter.subject = "copy";
    scratch_text("from", "abcd");
    CHECK_INT(otx__file_copy(&ctx, at("from"), at("to"), &meter, &error), OTX_OK);
    CHECK_STRING(text_of("to"), "abcd");
    CHECK_INT(seen.done, 4);
    CHECK_INT(seen.total, 4);
    CHECK_INT(otx__file_copy(&ctx, at("from"), at("to2"), &meter, &error),
              OTX_ERROR_CANCELLED);
    CHECK_INT(seen.done, 8);
    CHECK(!scratch_exists(at("to2")));
    CHECK_INT(otx__file_copy(NULL, at("from"), at("to"), NULL, &error),
              OTX_ERROR_EXISTS);
    CHECK_INT(otx__file_copy(NULL, at("absent"), at("to3"), NULL, &error),
              OTX_ERROR_NOT_FOUND);
    CHECK(!scratch_exists(at("to3")));
    scratch_text("nothing", "");
    CHECK_INT(otx__file_copy(NULL, at("nothing"), at("to4"), NULL, &error), OTX_OK);
    CHECK_STRING(text_of("to4"), "");
}

static void test_tree(void)
{
    scratch_directory("tree");
    scratch_directory("tree/inner");
    scratch_text("tree/one", "1");
    scratch_text("tree/inner/two", "2");
#ifndef _WIN32
    scratch_directory("precious");
    scratch_text("precious/kept", "k");
    CHECK(scratch_shell("ln -s ../from-link tree/inner/file && printf L > tree/from-link"));
#endif
    CHECK_INT(otx__tree_copy(NULL, at("tree"), at("tree2"), NULL, &error), OTX_OK);
    CHECK_STRING(text_of("tree2/one"), "1");
    CHECK_STRING(text_of("tree2/inner/two"), "2");
#ifndef _WIN32
    CHECK_STRING(text_of("tree2/inner/file"), "L");
    CHECK(scratch_shell("test ! -L tree2/inner/file && ln -s ../precious tree/link"));
#endif
    CHECK(otx__tree_remove(NULL, at("tree")));
    CHECK(!scratch_exists(at("tree")));
#ifndef _WIN32
    CHECK_STRING(text_of("precious/kept"), "k");
#endif
    CHECK(otx__tree_remove(NULL, at("tree2")));
    CHECK(!otx__tree_remove(NULL, at("absent")));
}

/* Writes DIRECTORY/config.json with a text, and model.safetensors beside it. */
static void put_config(const otx__output *output, const char *text)
{
    static const char *const names[] = {"config.json", "model.safetensors"};
    size_t i;
    for (i = 0; i < 2; i++) {
        char *path = otx__path_join(NULL, output->partial, names[i]);
        otx__file file;
        CHECK_INT(otx__file_create(NULL, path, &file, &error), OTX_OK);
        CHECK(file.sink.write(file.sink.context, text, strlen(text)));
        CHECK_INT(otx__file_finish(&file, OTX_OK, &error), OTX_OK);
        otx__path_free(NULL, path);
    }
}

static void test_output(void)
{
    otx__output output;
    otx__listing listing;
    scratch_directory("o");
    CHECK_INT(otx__output_begin(NULL, at("o/model//"), false, &output, &error), OTX_OK);
    CHECK_STRING(output.partial, at("o/model.otx-partial-1"));
    CHECK(!scratch_exists(at("o/model")));
    put_config(&output, "{1}");
    CHECK_INT(otx__output_commit(&output, &error), OTX_OK);
    otx__output_abandon(&output);
    CHECK_STRING(text_of("o/model/config.json"), "{1}");
    CHECK_INT(otx__output_begin(NULL, at("o/model"), false, &output, &error),
              OTX_ERROR_EXISTS);
    CHECK_CONTAINS(error.message, "/o/model: exists already; pass --overwrite to replace it");
    /* Abandoned: what stood there stays. */
    CHECK_INT(otx__output_begin(NULL, at("o/model"), true, &output, &error), OTX_OK);
    put_config(&output, "{2}");
    otx__output_abandon(&output);
    CHECK_STRING(text_of("o/model/config.json"), "{1}");
    /* Replaced. */
    CHECK_INT(otx__output_begin(NULL, at("o/model"), true, &output, &error), OTX_OK);
    put_config(&output, "{3}");
    CHECK_STRING(text_of("o/model/config.json"), "{1}");
    CHECK_INT(otx__output_commit(&output, &error), OTX_OK);
    otx__output_abandon(&output);
    CHECK_STRING(text_of("o/model/config.json"), "{3}");
    /* Nothing else is left in the parent. */
    CHECK_INT(otx__listing_open(NULL, at("o"), &listing, &error), OTX_OK);
    CHECK_INT(listing.count, 1);
    otx__listing_close(&listing);
}

static void check_refused(const char *path, bool overwrite, otx_result wanted, const char *part)
{
    otx__output output;
    CHECK_INT(otx__output_begin(NULL, path, overwrite, &output, &error), wanted);
    CHECK_CONTAINS(error.message, part);
    CHECK(output.partial == NULL && output.path == NULL);
}

static void test_output_refusals(void)
{
    scratch_directory("r");
    scratch_text("r/file", "x");
    scratch_directory("r/home");
    scratch_text("r/home/letters", "x");
    scratch_directory("r/settings"); /* many things have a config.json */
    scratch_text("r/settings/config.json", "{}");
    check_refused(at("r/settings"), true, OTX_ERROR_EXISTS, "does not look like a model");
    check_refused(at("r/file"), true, OTX_ERROR_EXISTS, "is not a directory");
    check_refused(at("r/home"), true, OTX_ERROR_EXISTS, "does not look like a model");
    check_refused(at("r/home"), false, OTX_ERROR_EXISTS, "exists already, does not look like");
    check_refused(at("r/file"), false, OTX_ERROR_EXISTS, "give a name of which there is nothing");
    check_refused(at("r/absent/x"), false, OTX_ERROR_NOT_FOUND,
                  "/r/absent: cannot list the directory");
    check_refused(at("r/file/x"), false, OTX_ERROR_NOT_FOUND, "r/file");
    check_refused(at("r/.."), true, OTX_ERROR_ARGUMENT, "needs a name of its own");
    check_refused(".", true, OTX_ERROR_ARGUMENT, "needs a name of its own");
    check_refused("", true, OTX_ERROR_ARGUMENT, "needs a name of its own");
    check_refused("/", true, OTX_ERROR_ARGUMENT, "needs a name of its own");
#ifndef _WIN32
    CHECK(scratch_shell("ln -s nowhere r/dangling"));
    check_refused(at("r/dangling"), false, OTX_ERROR_IO, "is a link that leads nowhere");
    if (scratch_exists("/proc/self"))
        check_refused("/proc/model", false, OTX_ERROR_NOT_FOUND,
                      "/proc/model.otx-partial-1: cannot be created");
#endif
    CHECK_STRING(text_of("r/home/letters"), "x");
}

/* How many names a directory holds. */
static int names_in(const char *name)
{
    otx__listing listing;
    int count = -1;
    if (otx__listing_open(NULL, at(name), &listing, &error) == OTX_OK) count = (int)listing.count;
    otx__listing_close(&listing);
    return count;
}

/* An empty directory is as good as none, as long as it is empty. */
static void test_output_into_an_empty_directory(void)
{
    otx__output output;
    int overwrite;
    for (overwrite = 0; overwrite < 2; overwrite++) {
        scratch_directory("into");
        scratch_directory("into/out");
        CHECK_INT(otx__output_begin(NULL, at("into/out/"), overwrite != 0, &output, &error),
                  OTX_OK);
        CHECK_INT(names_in("into/out"), 0);
        put_config(&output, "{1}");
        otx__output_abandon(&output);
        CHECK_INT(names_in("into/out"), 0); /* it stays, if nothing comes of it */
        CHECK_INT(otx__output_begin(NULL, at("into/out"), overwrite != 0, &output, &error),
                  OTX_OK);
        put_config(&output, "{2}");
        CHECK_INT(otx__output_commit(&output, &error), OTX_OK);
        otx__output_abandon(&output);
        CHECK_STRING(text_of("into/out/config.json"), "{2}");
        CHECK_INT(names_in("into"), 1);
        scratch_remove_tree("into");
    }
    /* What comes into it meanwhile is not lost. */
    scratch_directory("into");
    scratch_directory("into/out");
    CHECK_INT(otx__output_begin(NULL, at("into/out"), false, &output, &error), OTX_OK);
    put_config(&output, "{3}");
    scratch_text("into/out/letter", "x");
    CHECK_INT(otx__output_commit(&output, &error), OTX_ERROR_EXISTS);
    otx__output_abandon(&output);
    CHECK_STRING(text_of("into/out/letter"), "x");
    CHECK(!otx__sys_replace_empty(at("into"), at("into/out")));
    CHECK(!otx__sys_replace_empty(at("into/out"), at("into/out/letter")));
    CHECK_STRING(text_of("into/out/letter"), "x");
#ifndef _WIN32
    /* A link to an empty one is not, and its mode is kept. */
    CHECK(scratch_shell("mkdir -m 750 into/mine && ln -s mine into/link"));
    check_refused(at("into/link"), false, OTX_ERROR_EXISTS, "exists already; pass --overwrite");
    CHECK_INT(otx__output_begin(NULL, at("into/mine"), false, &output, &error), OTX_OK);
    put_config(&output, "{4}");
    CHECK_INT(otx__output_commit(&output, &error), OTX_OK);
    otx__output_abandon(&output);
    CHECK(scratch_shell("test \"$(ls -ld into/mine | cut -c 1-10)\" = drwxr-x---"));
#endif
}

/* What appears under the final name while the output is made. */
static void test_output_races(void)
{
    otx__output output;
    scratch_directory("race");
    CHECK_INT(otx__output_begin(NULL, at("race/a"), false, &output, &error), OTX_OK);
    scratch_directory("race/a");
    scratch_text("race/a/x", "x");
    CHECK_INT(otx__output_commit(&output, &error), OTX_ERROR_EXISTS);
    otx__output_abandon(&output);
    CHECK_STRING(text_of("race/a/x"), "x");
    CHECK(!scratch_exists(at("race/a.otx-partial-1")));
    /* With overwrite, what is replaced must still look like a model. */
    CHECK_INT(otx__output_begin(NULL, at("race/b"), true, &output, &error), OTX_OK);
    scratch_directory("race/b");
    scratch_text("race/b/x", "x");
    CHECK_INT(otx__output_commit(&output, &error), OTX_ERROR_EXISTS);
    otx__output_abandon(&output);
    CHECK_STRING(text_of("race/b/x"), "x");
    /* The temporary directory is gone: the former output comes back. */
    scratch_directory("race/c");
    scratch_text("race/c/config.json", "old");
    scratch_text("race/c/model.safetensors", "old");
    CHECK_INT(otx__output_begin(NULL, at("race/c"), true, &output, &error), OTX_OK);
    CHECK(otx__tree_remove(NULL, output.partial));
    CHECK_INT(otx__output_commit(&output, &error), OTX_ERROR_NOT_FOUND);
    otx__output_abandon(&output);
    CHECK_STRING(text_of("race/c/config.json"), "old");
}

static void test_output_leftovers(void)
{
    otx__output output;
    otx_context ctx;
    logged log;
    memset(&ctx, 0, sizeof ctx);
    memset(&log, 0, sizeof log);
    ctx.log = log_hook;
    ctx.log_context = &log;
    scratch_directory("l");
    scratch_directory("l/m.otx-partial-1");
    scratch_directory("l/m.otx-old-1");
    scratch_directory("l/m.otx-other");
    scratch_directory("l/mm.otx-old-1");
    scratch_directory("l/m");
    CHECK_INT(otx__output_begin(&ctx, at("l/m"), true, &output, &error), OTX_OK);
    CHECK_INT(log.count, 2);
    CHECK_CONTAINS(log.text, "\"m.otx-partial-1\", left by an interrupted run");
    CHECK_CONTAINS(log.text, "\"m.otx-old-1\", a former output");
    CHECK_STRING(output.partial, at("l/m.otx-partial-2"));
    put_config(&output, "new");
    CHECK_INT(otx__output_commit(&output, &error), OTX_OK);
    otx__output_abandon(&output);
    CHECK_STRING(text_of("l/m/config.json"), "new");
    CHECK(scratch_exists(at("l/m.otx-old-1")));
    CHECK(!scratch_exists(at("l/m.otx-old-2")));
    CHECK(scratch_exists(at("l/m.otx-partial-1")));
    CHECK_INT(log.count, 2);
}

/* A link under the final name is replaced; what it leads to is untouched. */
static void test_output_link(void)
{
#ifdef _WIN32
    SKIP(test_output_link, "needs links");
#else
    otx__output output;
    scratch_directory("k");
    scratch_directory("k/real");
    scratch_text("k/real/config.json", "old");
    scratch_text("k/real/model.safetensors", "old");
    CHECK(scratch_shell("ln -s real k/link"));
    CHECK_INT(otx__output_begin(NULL, at("k/link"), true, &output, &error), OTX_OK);
    put_config(&output, "new");
    CHECK_INT(otx__output_commit(&output, &error), OTX_OK);
    otx__output_abandon(&output);
    CHECK_STRING(text_of("k/link/config.json"), "new");
    CHECK_STRING(text_of("k/real/config.json"), "old");
#endif
}

/* One pass over all that allocates. */
static otx_result everything(const otx_context *ctx)
{
    otx__output output;
    otx__listing listing;
    char *text = NULL, *path;
    size_t size = 0;
    bool answer;
    otx_result result = otx__listing_open(ctx, at("fail"), &listing, &error);
    if (!result) otx__listing_close(&listing);
    if (!result)
        result = otx__is_within(ctx, at("fail/in"), at("fail"), &answer, &error);
    if (!result)
        result = otx__file_read_all(ctx, at("fail/config.json"), 9, &text, &size, &error);
    if (text) otx__file_free(ctx, text, size);
    if (result) return result;
    result = otx__output_begin(ctx, at("fail"), true, &output, &error);
    if (result) return result;
    path = otx__path_join(ctx, output.partial, "copy");
    result = path ? otx__tree_copy(ctx, at("fail"), path, NULL, &error) : OTX_ERROR_MEMORY;
    otx__path_free(ctx, path);
    if (!result) put_config(&output, "x");
    if (!result) result = otx__output_commit(&output, &error);
    otx__output_abandon(&output);
    return result;
}

static void test_memory(void)
{
    failing state;
    otx_context ctx = failing_context(&state);
    otx_result result = OTX_ERROR_MEMORY;
    long turn;
    for (turn = 1; turn < 1000 && result; turn++) {
        state.requests = 0;
        state.fail_at = turn;
        if (!scratch_exists(at("fail"))) {
            scratch_directory("fail");
            scratch_directory("fail/in");
            scratch_text("fail/config.json", "x");
            scratch_text("fail/model.safetensors", "x");
            scratch_text("fail/in/file", "x");
        }
        result = everything(&ctx);
        if (result) CHECK_INT(result, OTX_ERROR_MEMORY);
        CHECK_INT(state.live, 0);
        CHECK_INT(state.wrong_size, 0);
    }
    CHECK_INT(result, OTX_OK);
    CHECK(turn > 20);
    CHECK(!scratch_exists(at("fail.otx-partial-1")));
    /* Only the removal of the former output may fail without failing the call. */
    CHECK_STRING(text_of("fail/copy/config.json"), "x");
}

static void test_clock(void)
{
    double start = otx__now(), now = start;
    unsigned long turns = 0;
    while (now == start && turns < 100000000ul) {
        now = otx__now();
        turns++;
    }
    CHECK(start > 0);
    CHECK(now > start);
    CHECK(now - start < 60);
}

int main(void)
{
    scratch_open("file");
    RUN(test_source);
    RUN(test_source_refusals);
    RUN(test_source_shrinks);
    RUN(test_source_large);
    RUN(test_unicode_path);
    RUN(test_read_all);
    RUN(test_paths);
    RUN(test_look);
    RUN(test_within);
    RUN(test_listing);
    RUN(test_sink);
    RUN(test_sink_refusals);
    RUN(test_disk_full);
    RUN(test_copy);
    RUN(test_tree);
    RUN(test_output);
    RUN(test_output_refusals);
    RUN(test_output_into_an_empty_directory);
    RUN(test_output_races);
    RUN(test_output_leftovers);
    RUN(test_output_link);
    RUN(test_memory);
    RUN(test_clock);
    scratch_close();
    return test_end();
}

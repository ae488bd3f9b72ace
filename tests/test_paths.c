/* Paths: their text on each system, roots, drives and shares, long paths, and whether one
   lies within another where a sandbox does not let one go up.
   Looks at private functions: includes the implementation, with functions that are static
   so that those not used are left out. */
#include <stdio.h>
#define OTX_STATIC
#define OMP_TRANSPLANT_IMPLEMENTATION
#include "omp_transplant.h"

#include "scratch.h"
#include "test.h"

static otx_error error;

static void check_parent(const char *path, const char *wanted)
{
    char *parent = otx__path_parent(NULL, path);
    CHECK_STRING(parent, wanted);
    otx__path_free(NULL, parent);
}

static void check_join(const char *directory, const char *name, const char *wanted)
{
    char *path = otx__path_join(NULL, directory, name);
    CHECK_STRING(path, wanted);
    otx__path_free(NULL, path);
}

/* What a path's root, parent and last name are. */
static void check_parts(const char *path, const char *root, const char *parent,
                        const char *name)
{
    char text[300];
    snprintf(text, sizeof text, "%.*s", (int)otx__sys_root(path), path);
    CHECK_STRING(text, root);
    check_parent(path, parent);
    CHECK_STRING(path + otx__path_name(path), name);
}

static void test_parts(void)
{
    check_parts("b", "", ".", "b");
    check_parts("a/b", "", "a", "b");
    check_parts("/", "/", "/", "");
    check_parts("/b", "/", "/", "b");
    check_parts("/a/b", "/", "/a", "b");
    check_join("/", "b", "/b");
    check_join("a", "b", "a/b");
#ifdef _WIN32
    check_parts("C:", "C:", "C:", "");
    check_parts("C:\\", "C:\\", "C:\\", "");
    check_parts("C:/", "C:/", "C:/", "");
    check_parts("C:\\b", "C:\\", "C:\\", "b");
    check_parts("C:\\a\\b", "C:\\", "C:\\a", "b");
    check_parts("C:b", "C:", "C:", "b"); /* in the drive's current directory */
    check_parts("C:a/b", "C:", "C:a", "b");
    check_parts("\\b", "\\", "\\", "b");
    check_parts("\\\\server\\share", "\\\\server\\share", "\\\\server\\share", "");
    check_parts("\\\\server\\share\\b", "\\\\server\\share\\", "\\\\server\\share\\", "b");
    check_parts("//server/share/a/b", "//server/share/", "//server/share/a", "b");
    check_parts("\\\\?\\C:\\b", "\\\\?\\C:\\", "\\\\?\\C:\\", "b");
    check_parts("\\\\?\\UNC\\server\\share\\b", "\\\\?\\UNC\\server\\share\\",
                "\\\\?\\UNC\\server\\share\\", "b");
    check_parts("\\\\?\\C:", "\\\\?\\C:", "\\\\?\\C:", "");
    check_parts("//?/C:/a/b", "//?/C:/", "//?/C:/a", "b");
    check_parts("\\\\?\\Volume{1}\\b", "\\\\?\\Volume{1}\\", "\\\\?\\Volume{1}\\",
                "b"); /* without the last separator it is the device and no directory */
    check_parts("\\\\.\\COM1", "\\\\.\\COM1", "\\\\.\\COM1", "");
    check_join("C:", "b", "C:b");
    check_join("\\\\?\\C:", "b", "\\\\?\\C:/b");
    check_join("C:\\", "b", "C:\\b");
    check_join("\\\\server\\share", "b", "\\\\server\\share/b");
#else
    check_parts("C:\\b", "", ".", "C:\\b"); /* a name as any */
    check_join("C:", "b", "C:/b");
#endif
}

/* ---- directories above ---- */

static void check_above(const char *path, const char *wanted)
{
    char *above = NULL;
    CHECK_INT(otx__directory_above(NULL, path, &above, &error), OTX_OK);
    CHECK_STRING(above ? above : "(none)", wanted);
    otx__path_free(NULL, above);
}

static void test_directory_above(void)
{
    scratch_directory("d");
    scratch_text("d/file", "x");
    check_above(at("d"), at("d"));
    check_above(at("d/none/of/these"), at("d"));
    check_above(at("d/file/x"), at("d"));
    check_above("none", ".");
    check_above("none/of/these", ".");
    check_above("", ".");
#ifndef _WIN32
    {
        char *above = NULL;
        check_above("/none/of/these", "/");
        CHECK(scratch_shell("ln -s nowhere d/dangling"));
        CHECK_INT(otx__directory_above(NULL, at("d/dangling/x"), &above, &error), OTX_ERROR_IO);
        CHECK_CONTAINS(error.message, "/d/dangling: is a link that leads nowhere");
        CHECK(above == NULL);
    }
#endif
}

/* Without the climb: what a sandbox lets one tell from the names alone. */
static bool named_within(const char *path, const char *directory)
{
    otx__status target;
    bool within = false;
    CHECK_INT(otx__look(directory, &target, &error), OTX_OK);
    CHECK_INT(otx__is_named_within(NULL, otx__path_copy(NULL, path, strlen(path)), &target,
                                   &within, &error), OTX_OK);
    return within;
}

static void test_named_within(void)
{
    scratch_directory("n");
    scratch_directory("n/in");
    CHECK(named_within(at("n/in"), at("n")));
    CHECK(named_within(at("n"), at("n")));
    CHECK(named_within(at("n/in"), scratch_root));
    CHECK(!named_within(at("n"), at("n/in")));
    CHECK(named_within("x", "."));
}

/* ---- long paths, drives ---- */

#ifdef _WIN32

static const char *wide_text(const char *path)
{
    static char text[3 * OTX__WIDE];
    wchar_t wide[OTX__WIDE];
    if (!otx__sys_wide(wide, path)) return "(none)";
    otx__sys_narrow(text, wide);
    return text;
}

static void test_wide(void)
{
    char path[800], wanted[800];
    const size_t size = 250;
    CHECK_STRING(wide_text("C:/a//b/../c/"), "C:\\a\\c");
    CHECK_STRING(wide_text("C:\\"), "C:\\");
    CHECK_STRING(wide_text("C:/.."), "C:\\");
    CHECK_STRING(wide_text("\\\\server\\share\\a\\..\\b"), "\\\\server\\share\\b");
    CHECK_STRING(wide_text("C:/a./b."), "C:\\a\\b"); /* as the system has it for all programs */
    CHECK_STRING(wide_text("\\\\.\\C:\\a\\..\\.."), "C:\\"); /* not \\.\, above the drive */
    CHECK_STRING(wide_text("NUL"), "\\\\.\\NUL");
    CHECK_STRING(wide_text(""), "(none)");
    CHECK_STRING(wide_text("a\xff"), "(none)");
    snprintf(path, sizeof path, "C:/%0*d/x", (int)size, 0);
    snprintf(wanted, sizeof wanted, "\\\\?\\C:\\%0*d\\x", (int)size, 0);
    CHECK_STRING(wide_text(path), wanted);
    snprintf(path, sizeof path, "//server/share/%0*d/x", (int)size, 0);
    snprintf(wanted, sizeof wanted, "\\\\?\\UNC\\server\\share\\%0*d\\x", (int)size, 0);
    CHECK_STRING(wide_text(path), wanted);
    snprintf(path, sizeof path, "//./C:/%0*d/x", (int)size, 0);
    snprintf(wanted, sizeof wanted, "\\\\?\\C:\\%0*d\\x", (int)size, 0);
    CHECK_STRING(wide_text(path), wanted);
    memset(path, 'x', size);
    path[size] = 0; /* with the current directory before it */
    CHECK(strncmp(wide_text(path), "\\\\?\\", 4) == 0);
    CHECK_CONTAINS(wide_text(path), "\\xxx");
}

/* Behind \\?\ names are kept as they are, with dots and spaces at their ends; only what is
   no name is resolved, and never above the root. */
static void test_wide_verbatim(void)
{
    static const char *const cases[][2] = {
        {"\\\\?\\C:\\a.", "\\\\?\\C:\\a."},
        {"\\\\?\\C:\\a. \\b .", "\\\\?\\C:\\a. \\b ."},
        {"\\\\?\\C:\\...\\NUL", "\\\\?\\C:\\...\\NUL"},
        {"\\\\?\\C:\\a\\b/c", "\\\\?\\C:\\a\\b\\c"},
        {"\\\\?\\C:/x", "\\\\?\\C:\\x"},
        {"//?/C:/x./..y", "\\\\?\\C:\\x.\\..y"},
        {"\\\\?\\C:\\.\\a.\\\\b\\..\\c\\", "\\\\?\\C:\\a.\\c"},
        {"\\\\?\\C:\\a\\..\\..", "\\\\?\\C:\\"},
        {"\\\\?\\C:\\..\\..\\a", "\\\\?\\C:\\a"},
        {"\\\\?\\C:\\", "\\\\?\\C:\\"},
        {"\\\\?\\unc\\server\\sh\303\251\\a.\\..\\b.", "\\\\?\\unc\\server\\sh\303\251\\b."},
        {"\\\\?\\UNC\\server\\share\\..\\..\\b", "\\\\?\\UNC\\server\\share\\b"},
        {"\\\\?\\Volume{1}\\a.", "\\\\?\\Volume{1}\\a."},
        {"\\\\?\\Volume{1}\\..", "\\\\?\\Volume{1}\\"},
    };
    char path[800], wanted[800];
    size_t i;
    for (i = 0; i < COUNT(cases); i++) CHECK_STRING(wide_text(cases[i][0]), cases[i][1]);
    snprintf(path, sizeof path, "//?/C:/a/../%0250d.", 0);
    snprintf(wanted, sizeof wanted, "\\\\?\\C:\\%0250d.", 0);
    CHECK_STRING(wide_text(path), wanted);
}

/* Where a file system has no numbers of its own, either form of a path gives the same. */
static void test_path_numbers(void)
{
    static const char *const pairs[][2] = {
        {"\\\\?\\C:\\a\\B", "c:/A/b"},
        {"\\\\?\\unc\\Server\\share\\a", "//server/share/a"},
    };
    wchar_t one[OTX__WIDE], other[OTX__WIDE];
    size_t i;
    for (i = 0; i < COUNT(pairs); i++) {
        CHECK(otx__sys_wide(one, pairs[i][0]) && otx__sys_wide(other, pairs[i][1]));
        CHECK(otx__sys_path_number(one) == otx__sys_path_number(other));
    }
}

/* A name with a dot at its end is another one, and is made and removed as it is. */
static void test_dotted(void)
{
    char path[600];
    otx__output output;
    scratch_directory("dot");
    scratch_directory("dot/out");
    scratch_text("dot/out/mine", "x");
    snprintf(path, sizeof path, "\\\\?\\%s\\out.", wide_text(at("dot")));
    CHECK_INT(otx__output_begin(NULL, path, false, &output, &error), OTX_OK);
    if (output.path) CHECK_INT(otx__output_commit(&output, &error), OTX_OK);
    otx__output_abandon(&output);
    CHECK(scratch_exists(path));
    CHECK(scratch_exists(at("dot/out/mine")));
    CHECK(otx__tree_remove(NULL, path));
    CHECK(scratch_exists(at("dot/out/mine")));
    CHECK(otx__tree_remove(NULL, at("dot")));
}

/* In the root of a drive, and in one that holds nothing at all (the drive E: of the run,
   if there is one). */
static void test_drives(void)
{
    static const char *const outputs[] = {"C:\\otx-test-out", "C:/otx-test-out/",
                                          "C:otx-test-out"};
    otx__listing listing;
    otx__status status;
    size_t i;
    for (i = 0; i < OTX__COUNT(outputs); i++) {
        otx__output output;
        CHECK_INT(otx__output_begin(NULL, outputs[i], false, &output, &error), OTX_OK);
        CHECK_INT(otx__output_commit(&output, &error), OTX_OK);
        otx__output_abandon(&output);
        CHECK(scratch_exists(outputs[i]));
        CHECK(scratch_exists(i == 2 ? "C:./otx-test-out" : "C:\\otx-test-out\\."));
        CHECK(otx__tree_remove(NULL, outputs[i]));
    }
    for (i = 0; i < 2; i++) {
        otx__output output;
        CHECK_INT(otx__output_begin(NULL, i ? "C:" : "C:\\", true, &output, &error),
                  OTX_ERROR_ARGUMENT);
        CHECK_CONTAINS(error.message, "needs a name of its own");
    }
    if (otx__look("E:\\", &status, NULL) != OTX_OK || !status.directory) return;
    CHECK_INT(otx__listing_open(NULL, "E:\\", &listing, &error), OTX_OK);
    otx__listing_close(&listing);
}

/* The same where paths are given as \\?\C:\..., up to the root and no further. */
static void test_verbatim(void)
{
    char path[500];
    otx__output output;
    bool within = true;
    scratch_directory("v");
    CHECK_INT(otx__is_within(NULL, "\\\\?\\C:\\otx-none", at("v"), &within, &error), OTX_OK);
    CHECK(!within);
    CHECK_INT(otx__is_within(NULL, "\\\\?\\C:\\", at("v"), &within, &error), OTX_OK);
    CHECK(!within);
    CHECK_INT(otx__is_within(NULL, "\\\\?\\C:\\otx-none", "C:\\", &within, &error), OTX_OK);
    CHECK(within);
    within = false;
    snprintf(path, sizeof path, "\\\\?\\%s\\x", wide_text(at("v")));
    CHECK_INT(otx__is_within(NULL, path, scratch_root, &within, &error), OTX_OK);
    CHECK(within);
    CHECK_INT(otx__output_begin(NULL, "\\\\?\\C:\\", true, &output, &error),
              OTX_ERROR_ARGUMENT);
    CHECK_CONTAINS(error.message, "needs a name of its own");
}

/* Names that the system keeps for its devices. */
static void test_devices(void)
{
    otx_source source;
    otx__output output;
    CHECK_INT(otx_source_open(NULL, "NUL", &source, &error), OTX_ERROR_IO);
    CHECK_CONTAINS(error.message, "NUL: is a device or a pipe, not a regular file");
    CHECK_INT(otx__output_begin(NULL, "NUL", true, &output, &error), OTX_ERROR_EXISTS);
    CHECK_CONTAINS(error.message, "NUL: is not a directory and is not replaced");
    CHECK_INT(otx_source_open(NULL, "LPT9", &source, &error), OTX_ERROR_IO);
    CHECK_CONTAINS(error.message, "LPT9: is a device or a pipe, not a regular file");
    CHECK_INT(otx__output_begin(NULL, "LPT9", true, &output, &error), OTX_ERROR_EXISTS);
    CHECK_CONTAINS(error.message, "LPT9: is not a directory and is not replaced");
    CHECK_INT(otx__output_begin(NULL, at("NUL"), true, &output, &error), OTX_ERROR_EXISTS);
    CHECK_INT(otx_source_open(NULL, "a?b*", &source, &error), OTX_ERROR_NOT_FOUND);
}

/* Names of dots and spaces alone, which the system takes away. */
static void test_no_names(void)
{
    static const char *const names[] = {"...", ". ", "x/ ", "x/.. ."};
    otx__output output;
    size_t i;
    for (i = 0; i < COUNT(names); i++) {
        CHECK_INT(otx__output_begin(NULL, names[i], true, &output, &error), OTX_ERROR_ARGUMENT);
        CHECK_CONTAINS(error.message, "needs a name of its own");
    }
}

/* A directory within that the system takes for the one that holds it, as only \\?\ can make one. */
static void test_no_way_up(void)
{
    static const char *const names[] = {".. ", "...", ". "};
    char path[600], within[600];
    otx__listing listing;
    size_t i;
    scratch_directory("up");
    scratch_directory("up/d");
    scratch_text("up/keep", "x");
    for (i = 0; i < COUNT(names); i++) {
        snprintf(path, sizeof path, "\\\\?\\%s\\%s", wide_text(at("up/d")), names[i]);
        snprintf(within, sizeof within, "%s\\x", path);
        CHECK(otx__sys_make_directory(path) && otx__sys_make_directory(within));
        CHECK_INT(otx__listing_open(NULL, at("up/d"), &listing, &error), OTX_OK);
        CHECK_INT(listing.count, 0);
        otx__listing_close(&listing);
        CHECK(!otx__tree_remove(NULL, at("up/d")));
        CHECK(scratch_exists(at("up/keep")) && scratch_exists(within));
        CHECK(otx__tree_remove(NULL, path));
    }
    CHECK(otx__tree_remove(NULL, at("up")));
}

static void test_read_only(void)
{
    scratch_directory("ro");
    scratch_directory("ro/in");
    scratch_text("ro/in/file", "x");
    CHECK_INT(_chmod(at("ro/in/file"), _S_IREAD), 0);
    CHECK(!otx__sys_remove(at("ro/in/file")));
    CHECK(otx__tree_remove(NULL, at("ro")));
    CHECK(!scratch_exists(at("ro")));
}

#endif

/* A name of 100 bytes, five times: more than 260 units, which Windows takes in one form
   only. */
static void test_long(void)
{
    char path[1200], target[1300];
    otx__listing listing;
    otx__output output;
    otx__file file;
    char *text = NULL;
    size_t size = 0;
    unsigned i;
    snprintf(path, sizeof path, "%s", at("long"));
    CHECK(otx__sys_make_directory(path));
    for (i = 0; i < 5; i++) {
        snprintf(path + strlen(path), sizeof path - strlen(path), "/%0100u", i);
        CHECK(otx__sys_make_directory(path));
    }
    CHECK_INT(otx__listing_open(NULL, path, &listing, &error), OTX_OK);
    CHECK_INT(listing.count, 0);
    otx__listing_close(&listing);
    snprintf(target, sizeof target, "%s/out", path);
    CHECK_INT(otx__output_begin(NULL, target, false, &output, &error), OTX_OK);
    snprintf(target, sizeof target, "%s/file", output.partial ? output.partial : "");
    CHECK_INT(otx__file_create(NULL, target, &file, &error), OTX_OK);
    CHECK(file.sink.write(file.sink.context, "abc", 3));
    CHECK_INT(otx__file_finish(&file, OTX_OK, &error), OTX_OK);
    CHECK_INT(otx__output_commit(&output, &error), OTX_OK);
    otx__output_abandon(&output);
    snprintf(target, sizeof target, "%s/out/file", path);
    CHECK_INT(otx__file_read_all(NULL, target, 3, &text, &size, &error), OTX_OK);
    CHECK_STRING(text ? text : "", "abc");
    if (text) otx__file_free(NULL, text, size);
    CHECK_INT(otx__tree_copy(NULL, at("long"), at("longer"), NULL, &error), OTX_OK);
    CHECK_INT(otx__listing_open(NULL, path, &listing, &error), OTX_OK);
    CHECK_INT(listing.count, 1);
    otx__listing_close(&listing);
    CHECK(otx__tree_remove(NULL, at("long")));
    CHECK(otx__tree_remove(NULL, at("longer")));
}

/* A directory's name does not tell what a file in it is. */
static void test_a_directory_named_like_a_file(void)
{
    static const char tokenizer[] = "{\"model\":{\"type\":\"BPE\",\"vocab\":{\"a\":0},"
                                    "\"merges\":[]},\"decoder\":{\"type\":\"ByteLevel\"}}";
    char path[600];
    otx_vocab vocab;
    scratch_directory("tekken");
    scratch_text("tekken/tokenizer.json", tokenizer);
    snprintf(path, sizeof path, "%s", at("tekken/tokenizer.json"));
#ifdef _WIN32
    {
        char *separator = path;
        while ((separator = strchr(separator, '/')) != NULL) *separator = '\\';
    }
#endif
    CHECK_INT(otx_vocab_open(NULL, path, &vocab, &error), OTX_OK);
    CHECK_INT(vocab.count, 1);
    otx_vocab_close(NULL, &vocab);
}

int main(void)
{
    scratch_open("paths");
    RUN(test_parts);
    RUN(test_directory_above);
    RUN(test_named_within);
#ifdef _WIN32
    RUN(test_wide);
    RUN(test_wide_verbatim);
    RUN(test_path_numbers);
    RUN(test_dotted);
    RUN(test_drives);
    RUN(test_verbatim);
    RUN(test_devices);
    RUN(test_no_names);
    RUN(test_no_way_up);
    RUN(test_read_only);
#endif
    RUN(test_long);
    RUN(test_a_directory_named_like_a_file);
    scratch_close();
    return test_end();
}

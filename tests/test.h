/* The few lines every C suite shares: named cases, checks that say what they
   saw, and a closing line that run.sh adds up. */
#ifndef TEST_H
#define TEST_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define COUNT(array) (sizeof(array) / sizeof *(array))

static int test_passed, test_failed, test_skipped, test_broken;
static const char *test_name = "";

/* A failing check ends nothing: the case goes on and counts as failed. */
#define CHECK(condition)                                                       \
    do {                                                                       \
        if (!(condition)) {                                                    \
            test_broken = 1;                                                   \
            printf("  %s:%d: %s: not true: %s\n", __FILE__, __LINE__, test_name, \
                   #condition);                                                \
        }                                                                      \
    } while (0)

#define CHECK_INT(seen, wanted)                                                \
    do {                                                                       \
        long long seen_ = (long long)(seen), wanted_ = (long long)(wanted);    \
        if (seen_ != wanted_) {                                                \
            test_broken = 1;                                                   \
            printf("  %s:%d: %s: %s is %lld, not %lld\n", __FILE__, __LINE__,  \
                   test_name, #seen, seen_, wanted_);                          \
        }                                                                      \
    } while (0)

#define CHECK_STRING(seen, wanted)                                             \
    do {                                                                       \
        const char *seen_ = (seen), *wanted_ = (wanted);                       \
        if (strcmp(seen_, wanted_) != 0) {                                     \
            test_broken = 1;                                                   \
            printf("  %s:%d: %s: %s is \"%s\", not \"%s\"\n", __FILE__, __LINE__, \
                   test_name, #seen, seen_, wanted_);                          \
        }                                                                      \
    } while (0)

/* That `text` has `part` in it: for messages. */
#define CHECK_CONTAINS(text, part)                                             \
    do {                                                                       \
        const char *text_ = (text), *part_ = (part);                           \
        if (!strstr(text_, part_)) {                                           \
            test_broken = 1;                                                   \
            printf("  %s:%d: %s: \"%s\" does not contain \"%s\"\n", __FILE__,  \
                   __LINE__, test_name, text_, part_);                         \
        }                                                                      \
    } while (0)

/* Whether a case is to run: OTX_TEST_ONLY in the environment may name some, with a space
   between them. */
static int test_chosen(const char *name)
{
    const char *only = getenv("OTX_TEST_ONLY"), *at = only;
    size_t size = strlen(name);
    if (!only) return 1;
    while ((at = strstr(at, name)) != NULL) {
        if ((at == only || at[-1] == ' ') && (at[size] == ' ' || !at[size])) return 1;
        at += size;
    }
    return 0;
}

#define RUN(test)                                                              \
    do {                                                                       \
        if (!test_chosen(#test)) break;                                        \
        test_name = #test;                                                     \
        test_broken = 0;                                                       \
        test();                                                                \
        if (test_broken) test_failed++, printf("  FAILED %s\n", test_name);    \
        else test_passed++;                                                    \
    } while (0)

#define SKIP(test, why) (test_skipped++, printf("  skipped %s: %s\n", #test, why))

/* Ends main: the line that run.sh reads, and the status. */
static int test_end(void)
{
    printf("%d passed, %d failed, %d skipped\n", test_passed, test_failed, test_skipped);
    return test_failed ? 1 : 0;
}

#endif

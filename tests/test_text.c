/* Text: the formatter against printf, what messages make of any bytes at any length,
   spans, digits, UTF-8.
   Looks at private functions: includes the implementation, with functions that are static
   so that those not used are left out. */
#define OTX_STATIC
#define OMP_TRANSPLANT_IMPLEMENTATION
#include "omp_transplant.h"
#include "test.h"
#include <locale.h>

/* ---- the formatter ---- */

static char ours[2048], theirs[2048];

/* The same by both, whole and cut at every length. */
#define SAME(...)                                                                       \
    do {                                                                                \
        const int size = snprintf(theirs, sizeof theirs, __VA_ARGS__);                  \
        size_t room;                                                                    \
        CHECK_INT(otx__format(ours, sizeof ours, __VA_ARGS__), size);                   \
        CHECK_STRING(ours, theirs);                                                     \
        for (room = 1; room < 12; room++) {                                             \
            ours[room] = 'x';                                                           \
            CHECK_INT(otx__format(ours, room, __VA_ARGS__), size);                      \
            CHECK(strncmp(ours, theirs, room - 1) == 0 && strlen(ours) < room);         \
            CHECK(ours[room] == 'x');                                                   \
        }                                                                               \
    } while (0)

static unsigned long long random_state = 1;

static unsigned long long random_bits(void)
{
    unsigned long long z = random_state += 0x9e3779b97f4a7c15u;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

static void strings(void)
{
    SAME("plain");
    SAME("%s", "");
    SAME("a%sb%s", "one", "two");
    SAME("%.3s|%.0s|%.9s", "abcdef", "abc", "abc");
    SAME("%.*s|%.*s|%.*s", 2, "abc", 0, "abc", -1, "abc");
    SAME("%8s|%2s", "abc", "abc");
    SAME("%c%c%3c", 'a', '%', 'z');
    SAME("100 %% of %s%%", "it");
    {
        /* A precision is a promise that there is no more to look at. */
        const char open[3] = {'a', 'b', 'c'};
        SAME("%.3s", open);
    }
}

static void integers(void)
{
    static const int values[] = {0, 1, -1, 9, 10, -10, 255, 4096, INT_MAX, INT_MIN};
    unsigned i;
    for (i = 0; i < OTX__COUNT(values); i++) {
        const int v = values[i];
        SAME("%d %u %x %X", v, (unsigned)v, (unsigned)v, (unsigned)v);
        SAME("%3d|%03d|%012d|%12d|%02d", v, v, v, v, v);
        SAME("%02x|%04x|%08X|%2x", (unsigned)v, (unsigned)v, (unsigned)v, (unsigned)v);
        SAME("%" PRId32 " %" PRIu32, (int32_t)v, (uint32_t)v);
    }
    for (i = 0; i < 2000; i++) {
        const uint64_t bits = random_bits() >> i % 64;
        const int64_t number = i % 2 ? (int64_t)bits : (int64_t)(0 - bits);
        SAME("%" PRIu64 " %" PRId64 " %08" PRIu64 " %30" PRIu64 " %025" PRId64, bits, number,
             bits, bits, number);
        SAME("%llu %lld %llx", (unsigned long long)bits, (long long)number,
             (unsigned long long)bits);
        SAME("%lu %ld", (unsigned long)bits, (long)number);
        SAME("%zu %ju %jd", (size_t)bits, (uintmax_t)bits, (intmax_t)number);
    }
    SAME("%" PRIu64 " %" PRId64 " %" PRId64, UINT64_MAX, INT64_MAX, INT64_MIN);
}

static void doubles(void)
{
    static const double values[] = {0.0, 0.5, 1.5, 2.5, 0.05, 0.25, 0.125, 1.0, 9.5, 9.499,
                                    99.5, 999999.5, 1e15, 123456789.125, 1e22, 1e23, 5e-324,
                                    1.7976931348623157e308, 0.1, 1048576.0};
    unsigned i;
    for (i = 0; i < OTX__COUNT(values); i++) {
        const double v = values[i];
        SAME("%.0f|%.0f|%.1f|%.2f|%.9f|%f", v, -v, v, -v, v, v);
        SAME("%8.0f|%08.1f|%08.1f|%12.3f", v, v, -v, v);
        SAME("%.40f|%.*f", v, 3, v);
    }
    SAME("%.0f %.1f %5.0f %05.0f", HUGE_VAL, -HUGE_VAL, HUGE_VAL, -HUGE_VAL);
    SAME("%.1074f", 5e-324);
    for (i = 0; i < 3000; i++) {
        uint64_t bits = random_bits();
        double value;
        if (i % 3) /* everyday sizes */
            bits = (bits & ~(UINT64_C(0x7ff) << 52)) | (uint64_t)(1023 - 30 + i % 80) << 52;
        if ((bits >> 52 & 0x7ff) == 0x7ff) continue;
        memcpy(&value, &bits, sizeof value);
        SAME("%.0f %.3f", value, value);
        SAME("%.1f", (double)(int64_t)(bits >> 40) / 16.0); /* many ties */
    }
}

/* What Microsoft's PRIu64 is, and what the formatter does not know: copied. */
static void other_spellings(void)
{
    char text[64], format[] = "%I64u %I64d", unknown[] = "%q %5k|%";
    CHECK_INT(otx__format(text, sizeof text, format, UINT64_MAX, INT64_MIN), 41);
    CHECK_STRING(text, "18446744073709551615 -9223372036854775808");
    CHECK_INT(otx__format(text, sizeof text, unknown, 1), 8);
    CHECK_STRING(text, "%q %5k|%");
    CHECK_INT(otx__format(NULL, 0, "%s", "abc"), 3);
}

/* Under a locale with a comma printf writes one; nothing of ours does. */
static void locale_with_a_comma(void)
{
    otx__text json;
    (void)snprintf(theirs, sizeof theirs, "%.2f", 0.5);
    otx__format(ours, sizeof ours, "%.2f %.0f", 0.5, 1234567.0);
    otx__text_open(&json, NULL);
    otx__text_double(&json, 0.25);
    otx__text_bytes(&json, "", 1);
    CHECK_STRING(theirs, "0,50");
    CHECK_STRING(ours, "0.50 1234567");
    CHECK_STRING(json.bytes, "0.25");
    otx__text_close(&json);
}

/* tests/linkage.sh makes one where the system has none. */
static bool has_comma(void)
{
    static const char *const names[] = {"de_DE.UTF-8", "de_DE.utf8", "de_DE", "fr_FR.UTF-8",
                                        "German_Germany.1252"};
    size_t i;
    for (i = 0; i < OTX__COUNT(names); i++)
        if (setlocale(LC_ALL, names[i])) return true;
    return false;
}

/* ---- messages ---- */

static otx_error error;

static const char *failing_with(const char *name)
{
    memset(&error, 'x', sizeof error);
    CHECK_INT(otx__fail(&error, OTX_ERROR_IO, "%s", name), OTX_ERROR_IO);
    CHECK(memchr(error.message, 0, sizeof error.message) != NULL);
    CHECK(otx__is_utf8(error.message, strlen(error.message)));
    return error.message;
}

static char logged[1024];

static void note(void *context, otx_severity severity, const char *message)
{
    (void)context;
    (void)severity;
    (void)snprintf(logged, sizeof logged, "%s", message);
}

static void messages(void)
{
    otx_context ctx;
    CHECK_STRING(failing_with("a/b: \"c\" \\d"), "a/b: \"c\" \\d");
    CHECK_STRING(failing_with("caf\xc3\xa9 \xe2\x96\x81 \xf0\x9f\x98\x80"),
                 "caf\xc3\xa9 \xe2\x96\x81 \xf0\x9f\x98\x80");
    CHECK_STRING(failing_with("two\nlines\t\x1b[31m\x7f"), "two?lines??[31m?");
    CHECK_STRING(failing_with("caf\xe9/x"), "caf\\xe9/x");
    CHECK_STRING(failing_with("\xff\xfe\x80"), "\\xff\\xfe\\x80");
    CHECK_STRING(failing_with("\xc0\xaf \xed\xa0\x80 \xf4\x90\x80\x80"),
                 "\\xc0\\xaf \\xed\\xa0\\x80 \\xf4\\x90\\x80\\x80");
    CHECK_STRING(failing_with("cut \xe2\x96"), "cut \\xe2\\x96");
    CHECK_STRING(failing_with("\xc2\x9b" "31m \xc2\xa0"), "\\xc2\\x9b" "31m \xc2\xa0");
    /* Messages that are made of themselves. */
    CHECK_STRING(failing_with("inner"), "inner");
    otx__fail(&error, OTX_ERROR_IO, "outer: %s", error.message);
    CHECK_STRING(error.message, "outer: inner");
    CHECK_INT(otx__fail(NULL, OTX_ERROR_IO, "%s", "\xff"), OTX_ERROR_IO);
    memset(&ctx, 0, sizeof ctx);
    ctx.log = note;
    otx__log(&ctx, OTX_NOTE, "%s: %d\n", "caf\xe9", 7);
    CHECK_STRING(logged, "caf\\xe9: 7?");
}

/* Every length around the limit, with characters of every size across it. */
static void long_messages(void)
{
    static const char *const fillers[] = {"a", "\xc3\xa9", "\xe2\x96\x81", "\xf0\x9f\x98\x80",
                                          "\xff", "\n"};
    const size_t limit = sizeof error.message - 1;
    char text[2 * sizeof error.message];
    size_t lead, count, kind;
    for (kind = 0; kind < OTX__COUNT(fillers); kind++) {
        const size_t size = strlen(fillers[kind]), shown = kind == 4 ? 4 : size;
        for (lead = 0; lead < 8; lead++) {
            for (count = (limit - 16) / shown; lead + count * shown < limit + 24; count++) {
                const size_t whole = lead + count * shown;
                size_t i, length;
                memset(text, 'b', lead);
                for (i = 0; i < count; i++)
                    memcpy(text + lead + i * size, fillers[kind], size);
                text[lead + count * size] = 0;
                length = strlen(failing_with(text));
                if (whole <= limit) {
                    CHECK_INT(length, whole);
                    continue;
                }
                CHECK(length <= limit && length > limit - shown);
                CHECK_STRING(error.message + length - 3, "...");
                CHECK_INT((length - 3 - lead) % shown, 0);
                for (i = 0; i < lead; i++) CHECK(error.message[i] == 'b');
            }
        }
    }
    /* Far more than fits, and invalid where the raw text itself is cut. */
    memset(text, '\xe2', sizeof text - 1);
    text[sizeof text - 1] = 0;
    CHECK_STRING(failing_with(text) + limit - 3, "...");
}

static void no_memory(void)
{
    CHECK_INT(otx__fail_memory(&error, 4096), OTX_ERROR_MEMORY);
    CHECK_STRING(error.message, "out of memory asking for 4096 bytes");
    CHECK_INT(otx__fail_memory(&error, UINT64_MAX), OTX_ERROR_MEMORY);
    CHECK_STRING(error.message, "out of memory asking for more bytes than can be addressed");
    CHECK_INT(otx__fail_array(&error, 10, 4), OTX_ERROR_MEMORY);
    CHECK_STRING(error.message, "out of memory asking for 40 bytes");
    CHECK_INT(otx__fail_array(&error, UINT64_C(1) << 62, 8), OTX_ERROR_MEMORY);
    CHECK_STRING(error.message, "out of memory asking for 4611686018427387904 elements of 8 "
                                "bytes, more than can be addressed");
}

/* ---- spans and digits ---- */

static void digits(void)
{
    static const struct {
        const char *text;
        bool good;
        uint64_t value;
    } cases[] = {{"0", true, 0}, {"007", true, 7}, {"18446744073709551615", true, UINT64_MAX},
                 {"18446744073709551616", false, 0}, {"99999999999999999999", false, 0},
                 {"000000000000000000000000001", true, 1}, {"", false, 0}, {"-1", false, 0},
                 {"+1", false, 0}, {" 1", false, 0}, {"1 ", false, 0}, {"1.0", false, 0},
                 {"0x1", false, 0}, {"\xff", false, 0}};
    unsigned i;
    int value;
    for (i = 0; i < OTX__COUNT(cases); i++) {
        uint64_t seen = 7;
        const otx__span span = otx__span_of(cases[i].text, strlen(cases[i].text));
        CHECK_INT(otx__parse_uint(span, &seen), cases[i].good);
        CHECK(seen == (cases[i].good ? cases[i].value : 7));
    }
    for (i = 0; i < 256; i++) {
        char one[2] = {(char)i, 0};
        value = i && strchr("0123456789abcdefABCDEF", (int)i) ? (int)strtol(one, NULL, 16) : -1;
        CHECK_INT(otx__hex_digit((char)i), value);
        CHECK_INT(otx__is_digit((char)i), i >= '0' && i <= '9');
    }
}

static void spans(void)
{
    const otx__span span = otx__span_of("vocab_size: 7", 10);
    CHECK(otx__span_is(span, "vocab_size") && !otx__span_is(span, "vocab_siz"));
    CHECK(otx__span_contains(span, "vocab") && otx__span_contains(span, "size"));
    CHECK(otx__span_contains(span, "") && !otx__span_contains(span, "size:"));
    CHECK(!otx__span_contains(otx__span_of("", 0), "a"));
    CHECK(otx__compare_bytes("a", 1, "ab", 2) < 0 && otx__compare_bytes("b", 1, "ab", 2) > 0);
    CHECK(otx__compare_bytes("\xff", 1, "a", 1) > 0 && otx__compare_bytes("", 0, "", 0) == 0);
    CHECK_INT(otx__utf8_cut("abc", 3), 3);
    CHECK_INT(otx__utf8_cut("abc", 2), 2);
    CHECK_INT(otx__utf8_cut("a\xe2\x96\x81", 3), 1);
    CHECK_INT(otx__utf8_cut("a\xe2\x96\x81", 4), 4);
    CHECK_INT(otx__utf8_cut("\xff\xff\xff", 2), 2);
}

static int compare_to_int(const void *key, const void *item)
{
    const int wanted = *(const int *)key, seen = *(const int *)item;
    return wanted < seen ? -1 : wanted > seen;
}

static void sorted_find(void)
{
    int items[40], wanted;
    size_t count;
    for (count = 0; count < OTX__COUNT(items); count++) {
        if (count) items[count - 1] = 2 * (int)count;
        for (wanted = 0; wanted < 100; wanted++) {
            const int *found = (const int *)otx__sorted_find(items, count, sizeof *items,
                                                             &wanted, compare_to_int);
            const bool there = wanted % 2 == 0 && wanted > 0 && wanted <= 2 * (int)count;
            CHECK(there ? found && *found == wanted : found == NULL);
        }
    }
    CHECK(otx__sorted_find(NULL, 0, sizeof *items, &wanted, compare_to_int) == NULL);
}

int main(void)
{
    RUN(strings);
    RUN(integers);
    RUN(doubles);
    RUN(other_spellings);
    if (has_comma()) RUN(locale_with_a_comma);
    else SKIP(locale_with_a_comma, "no such locale here");
    (void)setlocale(LC_ALL, "C");
    RUN(messages);
    RUN(long_messages);
    RUN(no_memory);
    RUN(digits);
    RUN(spans);
    RUN(sorted_find);
    return test_end();
}

/* What all wings share: text, numbers in text, base64, sorting, blocks of memory.
   Looks at private functions: includes the implementation, with functions that are static
   so that those not used are left out. */
#define OTX_STATIC
#define OMP_TRANSPLANT_IMPLEMENTATION
#include "omp_transplant.h"

#include "failing.h"
#include "json_text.h"
#include "test.h"

/* ---- text ---- */

static const char *written(otx__text *text)
{
    otx__text_bytes(text, "", 1);
    return text->bytes;
}

static void test_write_string(void)
{
    static const struct {
        const char *bytes;
        size_t size;
        const char *wanted;
    } cases[] = {{"", 0, "\"\""},
                 {"abc", 3, "\"abc\""},
                 {"\"\\/", 3, "\"\\\"\\\\/\""},
                 {"\b\f\n\r\t", 5, "\"\\b\\f\\n\\r\\t\""},
                 {"\0\x01\x1f\x7f", 4, "\"\\u0000\\u0001\\u001f\x7f\""},
                 {"a\xe2\x96\x81\xf0\x9f\x98\x80z", 9, "\"a\xe2\x96\x81\xf0\x9f\x98\x80z\""},
                 {"a\xff\xe2\x96", 4, "\"a\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\""},
                 {"\xed\xa0\x80", 3, "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\""}};
    otx__text text;
    unsigned i;
    for (i = 0; i < COUNT(cases); i++) {
        otx__text_open(&text, NULL);
        otx__text_json_string(&text, cases[i].bytes, cases[i].size);
        CHECK_STRING(written(&text), cases[i].wanted);
        otx__text_close(&text);
    }
    /* Every character of one or two bytes, there and back. */
    for (i = 0; i < 0x800; i++) {
        char bytes[3], seen[16];
        size_t size = i < 0x80 ? 1 : 2;
        bytes[0] = (char)(i < 0x80 ? i : 0xc0 | i >> 6);
        bytes[1] = (char)(0x80 | (i & 0x3f));
        otx__text_open(&text, NULL);
        otx__text_json_string(&text, bytes, size);
        CHECK_INT(parse_bytes(text.bytes, text.size, NULL), OTX_OK);
        CHECK_INT(otx_json_string(&json, 0, seen), size);
        CHECK(memcmp(seen, bytes, size) == 0);
        close_json();
        otx__text_close(&text);
    }
}

static void test_write_double(void)
{
    static const struct {
        double value;
        const char *wanted;
    } cases[] = {{0.0, "0.0"},
                 {-0.0, "-0.0"},
                 {1.0, "1.0"},
                 {-1.5, "-1.5"},
                 {0.1, "0.1"},
                 {0.30000000000000004, "0.30000000000000004"},
                 {2.0 / 3.0, "0.6666666666666666"},
                 {123456.789, "123456.789"},
                 {1e-4, "0.0001"},
                 {1.25e-4, "0.000125"},
                 {1e-5, "1e-05"},
                 {1.5e-7, "1.5e-07"},
                 {1e15, "1000000000000000.0"},
                 {9007199254740993.0, "9007199254740992.0"},
                 {9999999999999998.0, "9999999999999998.0"},
                 {1e16, "1e+16"},
                 {1e22, "1e+22"},
                 {1e23, "1e+23"},
                 {1.0000000000000001e23, "1.0000000000000001e+23"},
                 {1e100, "1e+100"},
                 {5e-324, "5e-324"},
                 {2.2250738585072014e-308, "2.2250738585072014e-308"},
                 {2.225073858507201e-308, "2.225073858507201e-308"},
                 {7.120236347223045e-307, "7.120236347223045e-307"}, /* 2^-1017 */
                 {1.7976931348623157e308, "1.7976931348623157e+308"}};
    otx__text text;
    double zero = 0.0;
    size_t i;
    for (i = 0; i < COUNT(cases); i++) {
        otx__text_open(&text, NULL);
        otx__text_double(&text, cases[i].value);
        CHECK_STRING(written(&text), cases[i].wanted);
        otx__text_close(&text);
    }
    otx__text_open(&text, NULL);
    otx__text_double(&text, HUGE_VAL);
    otx__text_double(&text, -HUGE_VAL);
    otx__text_double(&text, HUGE_VAL * zero);
    CHECK_STRING(written(&text), "nullnullnull");
    otx__text_close(&text);
}

/* What is written reads back as the same bits, with every double of a wide
   sample; is JSON; and has no more digits than 17. */
static void test_write_double_back(void)
{
    otx__text text;
    unsigned i;
    otx__text_open(&text, NULL);
    for (i = 0; i < 30000; i++) {
        uint64_t bits = random_bits();
        double value, back;
        if (i < 2046) bits = (uint64_t)(i + 1) << 52;                /* powers of two */
        else if (i < 4092) bits = ((uint64_t)(i - 2045) << 52) - 1;  /* just below them */
        else if (i < 4144) bits = UINT64_C(1) << (i - 4092);         /* subnormal ones */
        else if (i < 5000) bits >>= 12 + i % 50;                     /* subnormals */
        else if (i < 15000) bits = (bits & ~(UINT64_C(0x7ff) << 52)) |
                                   (uint64_t)(1023 - 60 + i % 120) << 52; /* everyday ones */
        if ((bits >> 52 & 0x7ff) == 0x7ff) continue;
        memcpy(&value, &bits, sizeof value);
        text.size = 0;
        otx__text_double(&text, value);
        CHECK(text.size <= 24);
        back = strtod(written(&text), NULL);
        CHECK(memcmp(&back, &value, sizeof value) == 0);
        CHECK_INT(parse_bytes(text.bytes, text.size - 1, NULL), OTX_OK);
        CHECK_INT(otx_json_type_of(&json, 0), OTX_JSON_NUMBER);
        close_json();
    }
    otx__text_close(&text);
}

static void string_is_text(void)
{
    static const char wanted[] = "a\"\\/\b\f\n\r\t\0\x7f\xc2\x80\xdf\xbf"
                                 "\xe0\xa0\x80\xed\x9f\xbf"
                                 "\xee\x80\x80\xef\xbf\xbf\xf0\x90\x80\x80\xf4\x8f\xbf\xbf";
    CHECK_INT(parse("\"a\\\"\\\\\\/\\b\\f\\n\\r\\t\\u0000\\u007F\\u0080\\u07ff\\u0800"
                    "\\uD7ff\\ue000\\uFFFF\\ud800\\uDC00\\uDBFF\\udfff\""), OTX_OK);
    CHECK(otx__json_is_text(&json, 0, wanted, sizeof wanted - 1));
    CHECK(!otx__json_is_text(&json, 0, wanted, sizeof wanted - 2));
    close_json();
}

static void test_table_numbers(void)
{
    static const struct {
        double value;
        const char *text;
    } cases[] = {
        {1, "1.00000000e+00"},         {-0.1, "-1.00000000e-01"},
        {123456789.4, "1.23456789e+08"}, {9.9999999999, "1.00000000e+01"},
        {5e-324, "4.94065646e-324"},   {1.7e308, "1.70000000e+308"}, {0, "0"},
    };
    otx__text text;
    size_t i;
    for (i = 0; i < COUNT(cases); i++) {
        otx__text_open(&text, NULL);
        otx__token_table_number(&text, cases[i].value);
        otx__text_bytes(&text, "", 1);
        CHECK_STRING(text.bytes, cases[i].text);
        otx__text_close(&text);
    }
    otx__text_open(&text, NULL);
    otx__token_table_bytes(&text, "a\t\n\\\xff\x01\xc3\xa9", 8);
    otx__text_bytes(&text, "", 1);
    CHECK_STRING(text.bytes, "a\\t\\n\\\\\\xff\\x01\xc3\xa9");
    otx__text_close(&text);
}

/* ---- base64 ---- */

static void base64(void)
{
    static const struct {
        const char *text, *bytes;
        int size;
    } cases[] = {
        {"", "", 0}, {"YQ==", "a", 1}, {"YWI=", "ab", 2}, {"YWJj", "abc", 3},
        {"YWJjZA==", "abcd", 4}, {"+/+/", "\xfb\xff\xbf", 3}, {"YQ", "", -1}, {"YR==", "", -1},
        {"YWJ=", "", -1}, {"Y===", "", -1}, {"====", "", -1}, {"YQ==YQ==", "", -1},
        {"Y Q=", "", -1}, {"YQ=a", "", -1}, {"YWI\n", "", -1}, {"-_-_", "", -1},
    };
    size_t i, length;
    char to[16];
    for (i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const bool good =
            otx__base64_decode(cases[i].text, strlen(cases[i].text), to, &length);
        CHECK_INT(good ? (int)length : -1, cases[i].size);
        if (good && length) CHECK(memcmp(to, cases[i].bytes, length) == 0);
    }
}

/* ---- sorting ---- */

static int compare_ints(const void *a, const void *b)
{
    int x = *(const int *)a, y = *(const int *)b;
    return x < y ? -1 : x > y;
}

static void test_sort(void)
{
    int items[300], seen[100], i, count;
    for (count = 0; count < 300; count++) {
        memset(seen, 0, sizeof seen);
        for (i = 0; i < count; i++) {
            items[i] = count % 3 == 0 ? i / 3 : count % 3 == 1 ? (count - i) / 3
                                                              : (int)(random_bits() % 100);
            seen[items[i]]++;
        }
        otx__sort(items, (size_t)count, sizeof *items, compare_ints);
        for (i = 0; i < count; i++) {
            CHECK(i == 0 || items[i - 1] <= items[i]);
            seen[items[i]]--;
        }
        for (i = 0; i < 100; i++) CHECK_INT(seen[i], 0);
    }
}

/* ---- memory ---- */

/* More blocks than any form takes: each apart from the others, aligned, and freed. */
static void pool_grows(void)
{
    enum { BLOCKS = 1000, SIZE = 40 };
    static unsigned char *blocks[BLOCKS];
    failing state;
    otx_context ctx;
    otx__pool pool;
    size_t i, j;
    memset(&state, 0, sizeof state);
    memset(&ctx, 0, sizeof ctx);
    ctx.allocator.resize = failing_resize;
    ctx.allocator.context = &state;
    otx__pool_open(&pool, &ctx);
    for (i = 0; i < BLOCKS; i++) {
        blocks[i] = (unsigned char *)otx__pool_take(&pool, SIZE, 1);
        CHECK(blocks[i] && (uintptr_t)blocks[i] % OTX__ALIGNMENT == 0);
        if (!blocks[i]) break;
        memset(blocks[i], (int)(i % 251), SIZE);
    }
    CHECK(!pool.failed);
    CHECK(pool.bytes == state.bytes);
    while (i-- > 0)
        for (j = 0; j < SIZE; j++) CHECK_INT(blocks[i][j], i % 251);
    otx__pool_close(&pool);
    CHECK_INT(state.live, 0);
    CHECK(!state.wrong_size);
}

/* A message says what was asked for, also where that is more than a size holds. */
static void pool_says_what_it_lacks(void)
{
    failing state;
    otx_context ctx;
    otx_error error;
    otx__pool pool;
    memset(&state, 0, sizeof state);
    memset(&ctx, 0, sizeof ctx);
    ctx.allocator.resize = failing_resize;
    ctx.allocator.context = &state;
    otx__pool_open(&pool, &ctx);
    CHECK(otx__pool_take(&pool, SIZE_MAX / 4, 8) == NULL);
    CHECK(otx__pool_take(&pool, 1, 1) == NULL); /* the first failure is the one told */
    CHECK_INT(otx__pool_fail(&pool, &error), OTX_ERROR_MEMORY);
    CHECK_CONTAINS(error.message, " times 8 bytes");
    CHECK(!strstr(error.message, "18446744073709551615"));
    otx__pool_close(&pool);
    state.fail_at = 1;
    CHECK(otx__pool_try(&pool, 1000, 8) == NULL);
    state.fail_at = 2;
    CHECK(!pool.failed && otx__pool_take(&pool, 1000, 8) == NULL);
    CHECK_INT(otx__pool_fail(&pool, &error), OTX_ERROR_MEMORY);
    CHECK_CONTAINS(error.message, "asking for 80"); /* and what the pool needs */
    otx__pool_close(&pool);
    CHECK_INT(state.live, 0);
}

/* ---- numbers ---- */

/* Every pattern of 2 bytes, and those of 4 around each border, at every place of rows of
   several lengths: finite as the float that it is widened to. */
static void patterns_that_are_finite(void)
{
    static const otx_dtype dtypes[] = {OTX_F16, OTX_BF16, OTX_F32};
    size_t i, count, place, wrong = 0;
    uint32_t pattern;
    for (i = 0; i < COUNT(dtypes); i++) {
        const size_t size = otx_dtype_bits(dtypes[i]) / 8;
        for (pattern = 0; pattern < 0x10000; pattern++) {
            uint32_t wide = pattern << 16 | (pattern & 1 ? 0xffff : 0);
            uint16_t narrow = (uint16_t)pattern;
            unsigned char row[9 * 4];
            float value;
            count = 1 + pattern % 9;
            place = (pattern / 9) % count;
            memset(row, size == 2 && pattern % 2 ? 0x3b : 0, sizeof row);
            memcpy(row + place * size, size == 2 ? (void *)&narrow : (void *)&wide, size);
            otx_to_float(&value, row + place * size, dtypes[i], 1);
            wrong += otx__bits_are_finite((char *)row, size, otx__format_of(dtypes[i]).beyond,
                                          count) != (value >= -FLT_MAX && value <= FLT_MAX);
        }
    }
    CHECK_INT(wrong, 0);
}

/* Rows of any length become doubles by parts. */
static void rows_widened_to_doubles(void)
{
    static const otx_dtype dtypes[] = {OTX_F16, OTX_BF16, OTX_F32, OTX_F64, OTX_F8_E4M3};
    static const size_t counts[] = {1, 255, 256, 257, 600, 1024, 1025};
    static unsigned char row[1025 * 8];
    static double wide[1026];
    size_t i, j, n, wrong = 0;
    for (i = 0; i < sizeof row; i++) row[i] = (unsigned char)(i * 7 % 59);
    for (i = 0; i < COUNT(dtypes); i++) {
        const size_t size = otx_dtype_bits(dtypes[i]) / 8;
        for (n = 0; n < COUNT(counts); n++) {
            wide[counts[n]] = 0.5;
            otx__to_double(wide, (char *)row, dtypes[i], counts[n]);
            CHECK(wide[counts[n]] == 0.5);
            for (j = 0; j < counts[n]; j++) {
                double value;
                float rough;
                otx_to_float(&rough, row + j * size, dtypes[i], 1);
                value = (double)rough;
                if (dtypes[i] == OTX_F64) memcpy(&value, row + j * size, sizeof value);
                wrong += memcmp(&wide[j], &value, sizeof value) != 0;
            }
        }
    }
    CHECK_INT(wrong, 0);
}

int main(void)
{
    RUN(test_write_string);
    RUN(test_write_double);
    RUN(test_write_double_back);
    RUN(string_is_text);
    RUN(test_table_numbers);
    RUN(base64);
    RUN(test_sort);
    RUN(pool_grows);
    RUN(pool_says_what_it_lacks);
    RUN(patterns_that_are_finite);
    RUN(rows_widened_to_doubles);
    return test_end();
}

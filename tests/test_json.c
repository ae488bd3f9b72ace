/* The JSON reader, the edits, and the writers of strings and numbers. */
#define OMP_TRANSPLANT_IMPLEMENTATION
#include "../omp_transplant.h"
#include "test.h"
#include "failing.h"

/* ---- helpers ---- */

static otx_json json;
static otx_error error;

/* Parses a copy that ends where its block ends, so that a read beyond is seen.
   The copy must outlive the document: close frees both. */
static char *copy;

static otx_result parse_bytes(const char *text, size_t size, const otx_json_options *options)
{
    copy = (char *)malloc(size ? size : 1);
    if (size) memcpy(copy, text, size);
    return otx_json_parse(NULL, copy, size, "x", options, &json, &error);
}

static otx_result parse(const char *text) { return parse_bytes(text, strlen(text), NULL); }

static void close_json(void)
{
    otx_json_close(NULL, &json);
    free(copy);
}

static const char *span(uint32_t node)
{
    static char text[256];
    const otx_json_node *at = &json.nodes[node];
    (void)snprintf(text, sizeof text, "%.*s", (int)(at->end - at->start),
                   json.text + at->start);
    return text;
}

typedef struct buffer {
    char bytes[4096];
    size_t size;
    int fail_at; /* which write fails, counting from 1; 0: none */
} buffer;

static bool buffer_write(void *context, const void *bytes, size_t size)
{
    buffer *to = (buffer *)context;
    if (to->fail_at > 0 && --to->fail_at == 0) return false;
    if (size > sizeof to->bytes - to->size) return false;
    memcpy(to->bytes + to->size, bytes, size);
    to->size += size;
    return true;
}

static unsigned long long random_state = 1;

static unsigned long long random_bits(void)
{
    unsigned long long z = random_state += 0x9e3779b97f4a7c15u;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

/* ---- reading ---- */

static void test_accepts(void)
{
    static const char *const texts[] = {
        "null", " true\r\n\t", "false", "0", "-0", "12", "-0.50", "1e5", "1E+5", "1e-05", "0e0",
        "\"\"", "\"a\"", "\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"", "\"\\u0000\"", "\"\\uD83D\\uDE00\"",
        "\"\\uffff\"", "\"\x7f\"", "\"\xc3\xa9\xe2\x96\x81\xf0\x9f\x98\x80\"", "[]", "[ ]",
        "{}", "{ }", "[[],{}]", "[1,2]", "{\"a\":1}", "{\"\":{\"\":[]}}",
        " { \"a\" : 1 , \"a\" : 2 } ", "1e308", "1.7976931348623157e308",
        "1.7976931348623158e308", "-1e308", "1e-999999999999", "0e999999999999",
        "0.000e999999999999"};
    size_t i;
    for (i = 0; i < OTX__COUNT(texts); i++) {
        CHECK_STRING(parse(texts[i]) ? error.message : "", "");
        close_json();
    }
}

static void test_rejects(void)
{
    static const struct {
        const char *text, *message;
    } cases[] = {
        {"", "x:1:1: the text ends, expected a value"},
        {" \n\t", "x:2:2: the text ends, expected a value"},
        {"\xef\xbb\xbf{}", "x:1:1: found a byte order mark, expected a value"},
        {"nul", "x:1:1: found 'n', expected a value"},
        {"nullx", "x:1:5: found 'x', expected the end of the text"},
        {"True", "x:1:1: found 'T', expected a value"},
        {"NaN", "x:1:1: found 'N', expected a value"},
        {"Infinity", "x:1:1: found 'I', expected a value"},
        {"-Infinity", "x:1:2: found 'I', expected a digit"},
        {"'a'", "x:1:1: found ''', expected a value"},
        {"/**/1", "x:1:1: found '/', expected a value"},
        {"01", "x:1:2: found '1', expected the end of the text"},
        {"-", "x:1:2: the text ends, expected a digit"},
        {"+1", "x:1:1: found '+', expected a value"},
        {".5", "x:1:1: found '.', expected a value"},
        {"1.", "x:1:3: the text ends, expected a digit"},
        {"1.e5", "x:1:3: found 'e', expected a digit"},
        {"1e", "x:1:3: the text ends, expected a digit"},
        {"1e+", "x:1:4: the text ends, expected a digit"},
        {"0x10", "x:1:2: found 'x', expected the end of the text"},
        {"[1e999]", "x:1:2: a number too large for a double"},
        {"-1e309", "x:1:1: a number too large for a double"},
        {"1.7976931348623159e308", "x:1:1: a number too large for a double"},
        {"1e99999999999999999999", "x:1:1: a number too large for a double"},
        {"\"a", "x:1:3: the text ends, expected the end of a string"},
        {"\"a\nb\"", "x:1:3: a control byte in a string"},
        {"\"\xff\"", "x:1:2: found byte 0xff, expected valid UTF-8"},
        {"\"\xc0\x80\"", "x:1:2: found byte 0xc0, expected valid UTF-8"},
        {"\"\xed\xa0\x80\"", "x:1:2: found byte 0xed, expected valid UTF-8"},
        {"\"\xf4\x90\x80\x80\"", "x:1:2: found byte 0xf4, expected valid UTF-8"},
        {"\"\xe2\x96\"", "x:1:2: found byte 0xe2, expected valid UTF-8"},
        {"\"\xc3\xa9\\x\"",
         "x:1:4: found 'x', expected one of \"\\/bfnrtu after the backslash"},
        {"\"\\", "x:1:3: the text ends, expected one of \"\\/bfnrtu after the backslash"},
        {"\"\\u12\"", "x:1:2: \\u without four hex digits"},
        {"\"\\u12g4\"", "x:1:2: \\u without four hex digits"},
        {"\"\\ud83d\"", "x:1:2: half a surrogate pair"},
        {"\"\\ude00\"", "x:1:2: half a surrogate pair"},
        {"\"\\ud83d\\n\"", "x:1:2: half a surrogate pair"},
        {"\"\\ud83d\\u0041\"", "x:1:2: half a surrogate pair"},
        {"\"\\ud83d\\uzzzz\"", "x:1:2: half a surrogate pair"},
        {"[", "x:1:2: the text ends, expected a value"},
        {"]", "x:1:1: found ']', expected a value"},
        {"[1", "x:1:3: the text ends, expected ',' or ']'"},
        {"[1 2]", "x:1:4: found '2', expected ',' or ']'"},
        {"[1}", "x:1:3: found '}', expected ',' or ']'"},
        {"[1,]", "x:1:4: found ']', expected a value"},
        {"[,1]", "x:1:2: found ',', expected a value"},
        {"{\n  \"a\": 1\n  \"b\": 2}", "x:3:3: found '\"', expected ',' or '}'"},
        {"{", "x:1:2: the text ends, expected a key in quotes"},
        {"{a:1}", "x:1:2: found 'a', expected a key in quotes"},
        {"{1:1}", "x:1:2: found '1', expected a key in quotes"},
        {"{\"a\"}", "x:1:5: found '}', expected ':'"},
        {"{\"a\" 1}", "x:1:6: found '1', expected ':'"},
        {"{\"a\":}", "x:1:6: found '}', expected a value"},
        {"{\"a\":1,}", "x:1:8: found '}', expected a key in quotes"},
        {"{\"a\":1]", "x:1:7: found ']', expected ',' or '}'"},
        {"{}{}", "x:1:3: found '{', expected the end of the text"},
        {"{} \x0c", "x:1:4: found byte 0x0c, expected the end of the text"}};
    size_t i;
    for (i = 0; i < OTX__COUNT(cases); i++) {
        CHECK_INT(parse(cases[i].text), OTX_ERROR_FORMAT);
        CHECK_STRING(error.message, cases[i].message);
        CHECK(json.nodes == NULL && json.count == 0);
        close_json();
    }
    CHECK_INT(parse_bytes("{}\0", 3, NULL), OTX_ERROR_FORMAT);
    CHECK_STRING(error.message, "x:1:3: found byte 0x00, expected the end of the text");
    close_json();
    CHECK_INT(otx_json_parse(NULL, "[", 1, NULL, NULL, &json, NULL), OTX_ERROR_FORMAT);
}

static void test_nodes(void)
{
    static const struct {
        const char *span;
        otx_json_type type;
        unsigned next, count;
    } wanted[] = {{"{\"k\": [1, \"\\n\", {}], \"l\":null}", OTX_JSON_OBJECT, 8, 2},
                  {"k", OTX_JSON_STRING, 2, 0},
                  {"[1, \"\\n\", {}]", OTX_JSON_ARRAY, 6, 3},
                  {"1", OTX_JSON_NUMBER, 4, 0},
                  {"\\n", OTX_JSON_STRING, 5, 0},
                  {"{}", OTX_JSON_OBJECT, 6, 0},
                  {"l", OTX_JSON_STRING, 7, 0},
                  {"null", OTX_JSON_NULL, 8, 0}};
    uint32_t i;
    CHECK_INT(parse(" {\"k\": [1, \"\\n\", {}], \"l\":null} "), OTX_OK);
    CHECK_INT(json.count, OTX__COUNT(wanted));
    for (i = 0; i < json.count && i < OTX__COUNT(wanted); i++) {
        CHECK_STRING(span(i), wanted[i].span);
        CHECK_INT(otx_json_type_of(&json, i), wanted[i].type);
        CHECK_INT(json.nodes[i].next, wanted[i].next);
        CHECK_INT(json.nodes[i].count, wanted[i].count);
        CHECK_INT(json.nodes[i].escaped, i == 4);
    }
    CHECK_INT(otx_json_type_of(&json, OTX_JSON_NONE), OTX_JSON_NULL);
    CHECK_INT(otx_json_type_of(&json, 8), OTX_JSON_NULL);
    close_json();
}

/* 2^1024 - 2^970 in several spellings is the smallest number refused. */
static void test_number_range(void)
{
    static const char digits[] =
        "17976931348623158079372897140530341507993413271003782693617377898044496829276475"
        "09466490179775872070963302864166928879109465555478519404026306574886715058206819"
        "08902000708383676273854845817711531764475730270069855571366959622842914819860834"
        "936475292719074168444365510704342711559699508093042880177904174497792";
    char text[2000];
    CHECK_INT(parse(digits), OTX_ERROR_FORMAT);
    close_json();
    strcpy(text, digits);
    text[308]--; /* one less */
    CHECK_INT(parse(text), OTX_OK);
    close_json();
    strcat(text, ".99999999999999999999");
    CHECK_INT(parse(text), OTX_OK);
    close_json();
    (void)snprintf(text, sizeof text, "-%s.000", digits);
    CHECK_INT(parse(text), OTX_ERROR_FORMAT);
    close_json();
    (void)snprintf(text, sizeof text, "%c.%se308", digits[0], digits + 1);
    CHECK_INT(parse(text), OTX_ERROR_FORMAT);
    close_json();
    (void)snprintf(text, sizeof text, "%c.%.200se+308", digits[0], digits + 1);
    CHECK_INT(parse(text), OTX_OK);
    close_json();
    (void)snprintf(text, sizeof text, "%s00000e-5", digits);
    CHECK_INT(parse(text), OTX_ERROR_FORMAT);
    close_json();
    (void)snprintf(text, sizeof text, "%s00000e-6", digits);
    CHECK_INT(parse(text), OTX_OK);
    close_json();
    (void)snprintf(text, sizeof text, "0.%0500d1e809", 0);
    CHECK_INT(parse(text), OTX_OK);
    close_json();
    (void)snprintf(text, sizeof text, "0.%0500d1e810", 0);
    CHECK_INT(parse(text), OTX_ERROR_FORMAT);
    close_json();
    (void)snprintf(text, sizeof text, "1%0308d", 0);
    CHECK_INT(parse(text), OTX_OK);
    close_json();
    (void)snprintf(text, sizeof text, "1%0309d", 0);
    CHECK_INT(parse(text), OTX_ERROR_FORMAT);
    close_json();
}

static void test_nonfinite(void)
{
    otx_json_options options;
    uint64_t value;
    memset(&options, 0, sizeof options);
    options.allow_nonfinite = true;
    CHECK_INT(parse_bytes("[NaN,Infinity,-Infinity,1e999,-1]", 33, &options), OTX_OK);
    CHECK_INT(json.count, 6);
    CHECK_INT(otx_json_type_of(&json, 1), OTX_JSON_NUMBER);
    CHECK_STRING(span(3), "-Infinity");
    CHECK(!otx_json_uint(&json, 1, &value));
    close_json();
    CHECK_INT(parse_bytes("-Inf", 4, &options), OTX_ERROR_FORMAT);
    close_json();
}

static void test_limits(void)
{
    static char text[400001];
    otx_json_options options;
    size_t depth;
    for (depth = 126; depth <= 129; depth++) {
        memset(text, '[', depth);
        memset(text + depth, ']', depth);
        CHECK_INT(parse_bytes(text, 2 * depth, NULL), depth <= 127 ? OTX_OK : OTX_ERROR_LIMIT);
        close_json();
    }
    memset(text, '[', sizeof text);
    CHECK_INT(parse_bytes(text, sizeof text, NULL), OTX_ERROR_LIMIT);
    CHECK_STRING(error.message, "x:1:128: nested deeper than the limit");
    close_json();
    memset(&options, 0, sizeof options);
    options.max_depth = 300000;
    CHECK_INT(parse_bytes(text, sizeof text, &options), OTX_ERROR_LIMIT);
    close_json();
    memset(text, '[', 200000);
    memset(text + 200000, ']', 200000);
    CHECK_INT(parse_bytes(text, 400000, &options), OTX_OK);
    CHECK_INT(json.count, 200000);
    CHECK_INT(json.nodes[199999].next, 200000);
    close_json();
    options.max_depth = 1;
    options.max_nodes = 3;
    CHECK_INT(parse_bytes("[1,2]", 5, &options), OTX_OK);
    close_json();
    CHECK_INT(parse_bytes("[1,2,3]", 7, &options), OTX_ERROR_LIMIT);
    CHECK_STRING(error.message, "x:1:6: more values than the limit");
    close_json();
    CHECK_INT(parse_bytes("[[]]", 4, &options), OTX_ERROR_LIMIT);
    close_json();
}

static void test_find(void)
{
    uint32_t o;
    CHECK_INT(parse("{\"a\":1,\"b\":{\"c\":[true]},\"\\u0061\":2,\"\":3,\"a\\u0000\":4,"
                    "\"\\ud83d\\ude00\":5,\"ab\":6,\"\xc3\xa9\":7,\"\\u00E9\":8,\"/\\n\":9}"),
              OTX_OK);
    CHECK_STRING(span(otx_json_find(&json, 0, "a")), "2");
    CHECK_STRING(span(otx_json_find(&json, 0, "")), "3");
    CHECK_STRING(span(otx_json_find(&json, 0, "ab")), "6");
    CHECK_STRING(span(otx_json_find(&json, 0, "\xf0\x9f\x98\x80")), "5");
    CHECK_STRING(span(otx_json_find(&json, 0, "\xc3\xa9")), "8");
    CHECK_STRING(span(otx_json_find(&json, 0, "/\n")), "9");
    CHECK_INT(otx_json_find(&json, 0, "abc"), OTX_JSON_NONE);
    CHECK_INT(otx_json_find(&json, 0, "\\u0061"), OTX_JSON_NONE);
    CHECK_INT(otx_json_find(&json, 0, "\xf0\x9f\x98"), OTX_JSON_NONE);
    o = otx_json_find(&json, otx_json_find(&json, 0, "b"), "c");
    CHECK_INT(otx_json_type_of(&json, o), OTX_JSON_ARRAY);
    CHECK_INT(otx_json_find(&json, o, "c"), OTX_JSON_NONE);
    CHECK_INT(otx_json_find(&json, OTX_JSON_NONE, "c"), OTX_JSON_NONE);
    CHECK(otx_json_equals(&json, 1, "a"));
    CHECK(!otx_json_equals(&json, 1, ""));
    CHECK(!otx_json_equals(&json, 2, "1"));
    CHECK(!otx_json_equals(&json, OTX_JSON_NONE, ""));
    close_json();
}

/* Every entry of a container as "key=value;", without the keys for an array. */
static const char *entries(uint32_t node)
{
    static char text[512];
    otx_json_iter at = otx_json_iter_of(&json, node);
    uint32_t count = 0;
    text[0] = 0;
    while (otx_json_iter_next(&at)) {
        CHECK_INT(at.index, count++);
        if (at.key != OTX_JSON_NONE) {
            CHECK_INT(otx_json_type_of(&json, at.key), OTX_JSON_STRING);
            strcat(strcat(text, span(at.key)), "=");
        }
        strcat(strcat(text, span(at.value)), ";");
    }
    CHECK_INT(count, otx_json_count(&json, node));
    /* It stays at its end. */
    CHECK(!otx_json_iter_next(&at));
    CHECK_INT(at.key, OTX_JSON_NONE);
    CHECK_INT(at.value, OTX_JSON_NONE);
    return text;
}

static void test_iterate(void)
{
    uint32_t node;
    CHECK_INT(parse("{\"a\": [1, [2, {\"x\": []}], {}, \"s\"], \"b\": {\"c\": {\"d\": 4}, "
                    "\"c\": 5}, \"e\": [], \"f\": {}}"), OTX_OK);
    CHECK_STRING(entries(0), "a=[1, [2, {\"x\": []}], {}, \"s\"];b={\"c\": {\"d\": 4}, "
                             "\"c\": 5};e=[];f={};");
    CHECK_STRING(entries(otx_json_find(&json, 0, "a")), "1;[2, {\"x\": []}];{};s;");
    CHECK_STRING(entries(otx_json_find(&json, 0, "b")), "c={\"d\": 4};c=5;");
    CHECK_STRING(entries(otx_json_find(&json, 0, "e")), "");
    CHECK_STRING(entries(otx_json_find(&json, 0, "f")), "");
    CHECK_STRING(entries(OTX_JSON_NONE), "");
    for (node = 0; node < json.count; node++)
        if (otx_json_type_of(&json, node) < OTX_JSON_ARRAY) CHECK_STRING(entries(node), "");
    CHECK_STRING(entries((uint32_t)json.count), "");
    node = otx_json_find(&json, 0, "a");
    CHECK_STRING(span(otx_json_item(&json, node, 0)), "1");
    CHECK_STRING(span(otx_json_item(&json, node, 3)), "s");
    CHECK_INT(otx_json_item(&json, node, 4), OTX_JSON_NONE);
    CHECK_INT(otx_json_item(&json, node, UINT32_MAX), OTX_JSON_NONE);
    CHECK_INT(otx_json_item(&json, 0, 0), OTX_JSON_NONE);
    CHECK_STRING(span(otx_json_after(&json, node)), "b");
    CHECK_INT(otx_json_after(&json, 0), json.count);
    close_json();
    CHECK_INT(parse("[]"), OTX_OK);
    CHECK_STRING(entries(0), "");
    close_json();
}

/* Every accessor takes NONE, a node of any other type, and a document without nodes. */
static void test_nothing_there(void)
{
    static const char *const types[] = {"null", "false", "true", "1", "\"s\"", "[1]",
                                        "{\"k\":1}"};
    uint32_t node, i;
    uint64_t value = 7;
    char to[8] = "unused";
    for (i = 0; i < OTX__COUNT(types); i++) {
        CHECK_INT(parse(types[i]), OTX_OK);
        CHECK_INT(otx_json_type_of(&json, 0), i);
        CHECK_INT(otx_json_uint(&json, 0, &value), i == OTX_JSON_NUMBER);
        CHECK_INT(otx_json_equals(&json, 0, "s"), i == OTX_JSON_STRING);
        CHECK_INT(otx_json_string(&json, 0, to), i == OTX_JSON_STRING);
        CHECK_STRING(to, i < OTX_JSON_STRING ? "unused" : "snused");
        CHECK_INT(otx_json_find(&json, 0, "k"), i == OTX_JSON_OBJECT ? 2 : OTX_JSON_NONE);
        CHECK_INT(otx_json_item(&json, 0, 0), i == OTX_JSON_ARRAY ? 1 : OTX_JSON_NONE);
        CHECK_INT(otx_json_count(&json, 0), i >= OTX_JSON_ARRAY);
        for (node = (uint32_t)json.count;; node = OTX_JSON_NONE) {
            CHECK_INT(otx_json_type_of(&json, node), OTX_JSON_NULL);
            CHECK(!otx_json_uint(&json, node, &value));
            CHECK(!otx_json_equals(&json, node, ""));
            CHECK_INT(otx_json_string(&json, node, to), 0);
            CHECK_INT(otx_json_find(&json, node, "k"), OTX_JSON_NONE);
            CHECK_INT(otx_json_item(&json, node, 0), OTX_JSON_NONE);
            CHECK_INT(otx_json_count(&json, node), 0);
            CHECK_INT(otx_json_after(&json, node), node);
            CHECK_STRING(entries(node), "");
            if (node == OTX_JSON_NONE) break;
        }
        close_json();
    }
    memset(&json, 0, sizeof json);
    CHECK_INT(otx_json_string(&json, 0, to), 0);
    CHECK_INT(otx_json_find(&json, 0, "k"), OTX_JSON_NONE);
    CHECK_STRING(entries(0), "");
}

static void test_uint(void)
{
    static const struct {
        const char *text;
        bool good;
        uint64_t value;
    } cases[] = {{"0", true, 0},
                 {"42", true, 42},
                 {"18446744073709551615", true, UINT64_MAX},
                 {"18446744073709551616", false, 0},
                 {"18446744073709551620", false, 0},
                 {"99999999999999999999999", false, 0},
                 {"-0", false, 0},
                 {"-1", false, 0},
                 {"1.0", false, 0},
                 {"1e0", false, 0},
                 {"\"1\"", false, 0},
                 {"true", false, 0},
                 {"[1]", false, 0}};
    size_t i;
    for (i = 0; i < OTX__COUNT(cases); i++) {
        uint64_t value = 7;
        CHECK_INT(parse(cases[i].text), OTX_OK);
        CHECK_INT(otx_json_uint(&json, 0, &value), cases[i].good);
        CHECK(value == (cases[i].good ? cases[i].value : 7));
        CHECK(!otx_json_uint(&json, OTX_JSON_NONE, &value));
        close_json();
    }
}

static void test_string(void)
{
    static const char wanted[] = "a\"\\/\b\f\n\r\t\0\x7f\xc2\x80\xdf\xbf"
                                 "\xe0\xa0\x80\xed\x9f\xbf"
                                 "\xee\x80\x80\xef\xbf\xbf\xf0\x90\x80\x80\xf4\x8f\xbf\xbf";
    char seen[256];
    size_t size;
    CHECK_INT(parse("\"a\\\"\\\\\\/\\b\\f\\n\\r\\t\\u0000\\u007F\\u0080\\u07ff\\u0800"
                    "\\uD7ff\\ue000\\uFFFF\\ud800\\uDC00\\uDBFF\\udfff\""),
              OTX_OK);
    CHECK(json.nodes[0].end - json.nodes[0].start <= sizeof seen);
    size = otx_json_string(&json, 0, seen);
    CHECK_INT(size, sizeof wanted - 1);
    CHECK(memcmp(seen, wanted, sizeof wanted - 1) == 0);
    CHECK(otx__json_is_text(&json, 0, wanted, sizeof wanted - 1));
    CHECK(!otx__json_is_text(&json, 0, wanted, sizeof wanted - 2));
    close_json();
    CHECK_INT(parse("\"\""), OTX_OK);
    CHECK_INT(otx_json_string(&json, 0, seen), 0);
    close_json();
}

static const char sample[] = "{\"a\": [1.5e3, -0, \"\\u00e9\\ud83d\\ude00\", "
                             "\"\xe2\x96\x81\"],\n"
                             " \"b\": {\"c\": null, \"d\": [true, false, {}]}, \"e\": []}";

/* Every prefix is rejected, and reads nothing behind its end. */
static void test_prefixes(void)
{
    size_t size;
    for (size = 0; size < sizeof sample - 1; size++) {
        CHECK_INT(parse_bytes(sample, size, NULL), OTX_ERROR_FORMAT);
        close_json();
    }
    CHECK_INT(parse(sample), OTX_OK);
    close_json();
}

/* What every caller relies on, whatever the text was. */
static void check_nodes(void)
{
    otx_json_iter at;
    uint32_t i, j, child;
    CHECK(json.count > 0 && json.nodes[0].next == json.count);
    for (i = 0; i < json.count; i++) {
        const otx_json_node *node = &json.nodes[i];
        bool object = node->type == OTX_JSON_OBJECT;
        CHECK(node->start <= node->end && node->end <= json.size);
        CHECK(node->next > i && node->next <= json.count);
        if (!object && node->type != OTX_JSON_ARRAY) {
            CHECK(node->next == i + 1);
            continue;
        }
        for (child = i + 1, j = 0; j < node->count && child < json.count; j++) {
            if (object) CHECK(json.nodes[child++].type == OTX_JSON_STRING);
            child = json.nodes[child].next;
        }
        CHECK(j == node->count && child == node->next);
        at = otx_json_iter_of(&json, i);
        for (j = 0, child = i + 1; otx_json_iter_next(&at); j++) {
            CHECK(at.index == j && at.value == child + object);
            CHECK(at.key == (object ? child : OTX_JSON_NONE));
            child = json.nodes[at.value].next;
        }
        CHECK(j == node->count && child == node->next);
    }
}

/* Copies the sample with up to three bytes changed to one of the pieces. */
static void spoil(char *text, const char *pieces, size_t count)
{
    unsigned changes = (unsigned)(random_bits() % 4);
    memcpy(text, sample, sizeof sample);
    while (changes-- > 0)
        text[random_bits() % (sizeof sample - 1)] = pieces[random_bits() % count];
}

static void test_garbage(void)
{
    static const char pieces[] = "{}[]:,\"\\ue0019-+.Enftl \n\xc3\xa9\xf0\x00";
    unsigned accepted = 0, round;
    for (round = 0; round < 100000; round++) {
        char text[sizeof sample];
        spoil(text, pieces, sizeof pieces - 1);
        if (parse_bytes(text, sizeof sample - 1, NULL) == OTX_OK) {
            accepted++;
            check_nodes();
        }
        close_json();
    }
    CHECK(accepted > 25000 && accepted < 75000);
}

/* ---- editing ---- */

/* Edits any value of any document: what comes out is a document again. */
static void test_random_edits(void)
{
    unsigned round;
    for (round = 0; round < 20000; round++) {
        static const char pieces[] = "{}[]:,\" \n\r\t1";
        char text[sizeof sample];
        otx_json_edit *edit;
        otx_sink sink;
        buffer seen;
        uint32_t node;
        spoil(text, pieces, sizeof pieces - 1);
        if (parse_bytes(text, sizeof sample - 1, NULL) == OTX_OK) {
            seen.size = 0;
            seen.fail_at = 0;
            sink.write = buffer_write;
            sink.context = &seen;
            CHECK_INT(otx_json_edit_open(NULL, &json, &edit, &error), OTX_OK);
            node = (uint32_t)(random_bits() % json.count);
            if (json.nodes[node].type == OTX_JSON_OBJECT) {
                CHECK_INT(otx_json_edit_set(NULL, edit, node, "new", "{}", &error), OTX_OK);
                CHECK_INT(otx_json_edit_set(NULL, edit, node, "n\"", "[7]", &error), OTX_OK);
            } else {
                (void)otx_json_edit_replace(NULL, edit, node, "{\"r\":1}", &error);
            }
            CHECK_INT(otx_json_edit_write(edit, &sink, &error), OTX_OK);
            otx_json_edit_close(NULL, edit);
            close_json();
            CHECK_STRING(parse_bytes(seen.bytes, seen.size, NULL) ? error.message : "", "");
            if (json.count > node && json.nodes[node].type == OTX_JSON_OBJECT)
                CHECK(otx_json_find(&json, node, "r") != OTX_JSON_NONE ||
                      otx_json_find(&json, node, "n\"") + 2 == json.nodes[node].next);
        }
        close_json();
    }
}

/* One line of a script: "path=value" replaces, "path+key=value" sets; a path is
   keys joined by '.', and empty for the root. */
static otx_result edit_line(otx_json_edit *edit, const char *line)
{
    char text[256], *value, *key, *part;
    uint32_t node = 0;
    strcpy(text, line);
    value = strchr(text, '=');
    *value++ = 0;
    key = strchr(text, '+');
    if (key) *key++ = 0;
    for (part = text; *part;) {
        char *dot = strchr(part, '.');
        if (dot) *dot = 0;
        node = otx_json_find(edit->json, node, part);
        part = dot ? dot + 1 : part + strlen(part);
    }
    return key ? otx_json_edit_set(NULL, edit, node, key, value, &error)
               : otx_json_edit_replace(NULL, edit, node, value, &error);
}

/* Applies lines, separated by ';', and compares what comes out. */
static void check_edit(const char *text, const char *script, const char *wanted)
{
    otx_json_edit *edit;
    otx_sink sink;
    buffer seen;
    char lines[512], *line, *end;
    CHECK_INT(parse(text), OTX_OK);
    CHECK_INT(otx_json_edit_open(NULL, &json, &edit, &error), OTX_OK);
    strcpy(lines, script);
    for (line = lines; *line; line = end) {
        end = line + strcspn(line, ";");
        if (*end) *end++ = 0;
        CHECK_STRING(edit_line(edit, line) ? error.message : "", "");
    }
    seen.size = 0;
    seen.fail_at = 0;
    sink.write = buffer_write;
    sink.context = &seen;
    CHECK_STRING(otx_json_edit_write(edit, &sink, &error) ? error.message : "", "");
    seen.bytes[seen.size] = 0;
    CHECK_STRING(seen.bytes, wanted);
    /* What comes out is JSON, and writing again gives the same. */
    otx_json_edit_close(NULL, edit);
    close_json();
    CHECK_STRING(parse_bytes(seen.bytes, seen.size, NULL) ? error.message : "", "");
    close_json();
}

static void test_replace(void)
{
    check_edit(sample, "", sample);
    check_edit(" {\"a\" :1, \"b\":2.50 }\n", "a=null", " {\"a\" :null, \"b\":2.50 }\n");
    check_edit("{\"a\":\"x\",\"b\":[1]}", "b={};a=\"longer\"", "{\"a\":\"longer\",\"b\":{}}");
    check_edit("{\"a\":\"x\"}", "a=1;a=2;a=3", "{\"a\":3}");
    check_edit("{\"a\":1,\"a\":2}", "a=3", "{\"a\":1,\"a\":3}");
    check_edit("1", "=[2]", "[2]");
    check_edit("\"x\"", "=\"y\"", "\"y\"");
    check_edit("{\"a\":1}", "+a=2", "{\"a\":2}");
    check_edit("{\"a\":1}", "a= 2 ", "{\"a\": 2 }");
}

static void test_add(void)
{
    /* objects without members, in text without lines */
    check_edit("{}", "+a=1", "{\"a\": 1}");
    check_edit("{}", "+a=1;+b=2;+a=3", "{\"a\": 3, \"b\": 2}");
    check_edit(" { } ", "+a=1", " {\"a\": 1} ");
    check_edit("{\"o\":{}}", "o+a=1;o+b=2", "{\"o\":{\"a\":1,\"b\":2}}");
    check_edit("{\"o\": {}}", "o+a=1;o+b=2", "{\"o\": {\"a\": 1, \"b\": 2}}");
    check_edit("{\"z\":{\n},\"o\":{}}", "o+a=1;o+b=2", "{\"z\":{\n},\"o\":{\"a\":1,\"b\":2}}");
    /* one member, in a line and in lines */
    check_edit("{\"a\":1}", "+b=2;+c=3", "{\"a\":1,\"b\":2,\"c\":3}");
    check_edit("{\"a\": 1}", "+b=2;+c=3", "{\"a\": 1, \"b\": 2, \"c\": 3}");
    check_edit("{ \"a\":1 }", "+b=2", "{ \"a\":1, \"b\":2 }");
    check_edit("{\n  \"a\": 1\n}\n", "+b=2;+c=3",
               "{\n  \"a\": 1,\n  \"b\": 2,\n  \"c\": 3\n}\n");
    check_edit("{\r\n\t\"a\" : 1\r\n}", "+b=2", "{\r\n\t\"a\" : 1,\r\n\t\"b\" : 2\r\n}");
    /* several members: as between the last two */
    check_edit("{\"a\":1,\"b\":2}", "+c=3;+d=4", "{\"a\":1,\"b\":2,\"c\":3,\"d\":4}");
    check_edit("{\"a\": 1, \"b\":  2}", "+c=3", "{\"a\": 1, \"b\":  2, \"c\":  3}");
    check_edit("{ \"a\":1\n, \"b\":[2] }", "+c=3", "{ \"a\":1\n, \"b\":[2]\n, \"c\":3 }");
    check_edit("{\"a\":{\"x\":\"\"},\"b\":\"s\"}", "+c=3",
               "{\"a\":{\"x\":\"\"},\"b\":\"s\",\"c\":3}");
    /* objects without members, in text with lines */
    check_edit("{\n  \"o\": {}\n}", "o+a=1;o+b=2",
               "{\n  \"o\": {\n    \"a\": 1,\n    \"b\": 2\n  }\n}");
    check_edit("{\r\n\t\"p\": {\r\n\t\t\"o\": {\r\n\t\t}\r\n\t}\r\n}", "p.o+a=1",
               "{\r\n\t\"p\": {\r\n\t\t\"o\": {\r\n\t\t\t\"a\": 1\r\n\t\t}\r\n\t}\r\n}");
    check_edit("{\n\"o\": {}}", "o+a=1", "{\n\"o\": {\n\"a\": 1\n}}");
    /* several objects and replaced values at once, in any order of calls */
    check_edit("{\"a\":1,\"o\":{\"x\":1}}", "+n=1;o+y=2;a=9;o.x=8;+m=2",
               "{\"a\":9,\"o\":{\"x\":8,\"y\":2},\"n\":1,\"m\":2}");
    /* keys are written with escapes, and compared as what they stand for */
    check_edit("{\"\\u0061\":1}", "+a=2;+\"\n=3;+\"\n=4", "{\"\\u0061\":2,\"\\\"\\n\":4}");
}

static void test_edit_errors(void)
{
    otx_json_edit *edit;
    otx_sink sink;
    buffer seen;
    int i;
    sink.write = buffer_write;
    sink.context = &seen;
    CHECK_INT(parse("{\"a\" : {\"b\": [1]}, \"c\": {}}"), OTX_OK);
    CHECK_INT(otx_json_edit_open(NULL, &json, &edit, &error), OTX_OK);
    CHECK_INT(otx_json_edit_replace(NULL, edit, 99, "1", &error), OTX_ERROR_ARGUMENT);
    CHECK_INT(otx_json_edit_replace(NULL, edit, OTX_JSON_NONE, "1", &error),
              OTX_ERROR_ARGUMENT);
    CHECK_INT(otx_json_edit_replace(NULL, edit, 1, "1", &error), OTX_ERROR_ARGUMENT);
    CHECK_STRING(error.message, "JSON value 1 is a key");
    CHECK_INT(otx_json_edit_replace(NULL, edit, 2, "1,", &error), OTX_ERROR_ARGUMENT);
    CHECK_STRING(error.message, "new value:1:2: found ',', expected the end of the text");
    CHECK_INT(otx_json_edit_replace(NULL, edit, 2, "", &error), OTX_ERROR_ARGUMENT);
    CHECK_INT(otx_json_edit_set(NULL, edit, 0, "n", "{", &error), OTX_ERROR_ARGUMENT);
    CHECK_INT(otx_json_edit_set(NULL, edit, 4, "n", "1", &error), OTX_ERROR_ARGUMENT);
    CHECK_STRING(error.message, "JSON value 4 is no object");
    CHECK_INT(otx_json_edit_set(NULL, edit, OTX_JSON_NONE, "n", "1", &error),
              OTX_ERROR_ARGUMENT);
    seen.size = 0;
    seen.fail_at = 0;
    CHECK_INT(otx_json_edit_write(edit, &sink, &error), OTX_OK);
    CHECK_INT(seen.size, json.size);
    CHECK_INT(otx_json_edit_set(NULL, edit, 0, "n", "NaN", &error), OTX_OK);
    CHECK_INT(otx_json_edit_set(NULL, edit, 0, "c", "2", &error), OTX_OK);
    for (i = 1; i <= 7; i++) {
        seen.fail_at = i;
        CHECK_INT(otx_json_edit_write(edit, &sink, &error), OTX_ERROR_IO);
    }
    seen.size = 0;
    CHECK_INT(otx_json_edit_replace(NULL, edit, 5, "7", &error), OTX_OK);
    CHECK_INT(otx_json_edit_write(edit, &sink, &error), OTX_OK);
    seen.bytes[seen.size] = 0;
    CHECK_STRING(seen.bytes, "{\"a\" : {\"b\": [7]}, \"c\": 2, \"n\": NaN}");
    /* An edit inside a value that is replaced: nothing is written. */
    seen.size = 0;
    CHECK_INT(otx_json_edit_set(NULL, edit, 7, "x", "1", &error), OTX_OK);
    CHECK_INT(otx_json_edit_write(edit, &sink, &error), OTX_ERROR_ARGUMENT);
    CHECK_STRING(error.message, "JSON value 7 is edited, and so is value 7 inside it");
    CHECK_INT(seen.size, 0);
    otx_json_edit_close(NULL, edit);
    CHECK_INT(otx_json_edit_open(NULL, &json, &edit, &error), OTX_OK);
    CHECK_INT(otx_json_edit_replace(NULL, edit, 5, "7", &error), OTX_OK);
    CHECK_INT(otx_json_edit_replace(NULL, edit, 2, "7", &error), OTX_OK);
    CHECK_INT(otx_json_edit_write(edit, &sink, &error), OTX_ERROR_ARGUMENT);
    CHECK_STRING(error.message, "JSON value 2 is edited, and so is value 5 inside it");
    CHECK_INT(seen.size, 0);
    otx_json_edit_close(NULL, edit);
    otx_json_edit_close(NULL, NULL);
    close_json();
}

/* Fails every allocation in turn, until one run needs none that fails. */
static void test_memory(void)
{
    failing state;
    otx_context ctx;
    otx_sink sink;
    buffer seen;
    long fail_at;
    otx_result result = OTX_ERROR_MEMORY;
    sink.write = buffer_write;
    sink.context = &seen;
    memset(&ctx, 0, sizeof ctx);
    ctx.allocator.resize = failing_resize;
    ctx.allocator.context = &state;
    for (fail_at = 1; fail_at < 100 && result == OTX_ERROR_MEMORY; fail_at++) {
        otx_json_edit *edit = NULL;
        memset(&state, 0, sizeof state);
        state.fail_at = fail_at;
        seen.size = 0;
        seen.fail_at = 0;
        result = otx_json_parse(&ctx, sample, sizeof sample - 1, "x", NULL, &json, &error);
        if (!result) result = otx_json_edit_open(&ctx, &json, &edit, &error);
        if (!result) result = otx_json_edit_set(&ctx, edit, 0, "a", "[1, 2]", &error);
        if (!result) result = otx_json_edit_set(&ctx, edit, 0, "new", "\"0123456789\"", &error);
        if (!result) result = otx_json_edit_replace(&ctx, edit, 10, "{\"x\": 1}", &error);
        if (!result) result = otx_json_edit_write(edit, &sink, &error);
        CHECK(result == OTX_OK || error.code == OTX_ERROR_MEMORY);
        otx_json_edit_close(&ctx, edit);
        otx_json_close(&ctx, &json);
        CHECK_INT(state.live, 0);
        CHECK_INT(state.bytes, 0);
        CHECK_INT(state.wrong_size, 0);
    }
    CHECK_INT(result, OTX_OK);
    CHECK(fail_at > 6);
}

/* ---- writing ---- */

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
    for (i = 0; i < OTX__COUNT(cases); i++) {
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
    for (i = 0; i < OTX__COUNT(cases); i++) {
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

int main(void)
{
    RUN(test_accepts);
    RUN(test_rejects);
    RUN(test_nodes);
    RUN(test_number_range);
    RUN(test_nonfinite);
    RUN(test_limits);
    RUN(test_find);
    RUN(test_iterate);
    RUN(test_nothing_there);
    RUN(test_uint);
    RUN(test_string);
    RUN(test_prefixes);
    RUN(test_garbage);
    RUN(test_random_edits);
    RUN(test_replace);
    RUN(test_add);
    RUN(test_edit_errors);
    RUN(test_memory);
    RUN(test_write_string);
    RUN(test_write_double);
    RUN(test_write_double_back);
    RUN(test_sort);
    return test_end();
}

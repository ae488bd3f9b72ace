/* The JSON reader.
   A suite of the public API: linked with the implementation. */
#include "json_text.h"

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
    for (i = 0; i < COUNT(texts); i++) {
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
    for (i = 0; i < COUNT(cases); i++) {
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
    CHECK_INT(json.count, COUNT(wanted));
    for (i = 0; i < json.count && i < COUNT(wanted); i++) {
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

#if SIZE_MAX > UINT32_MAX
/* Refused by its size, before a byte is looked at. */
static void test_size(void)
{
    CHECK_INT(otx_json_parse(NULL, "{}", (size_t)UINT32_MAX + 1, "x", NULL, &json, &error),
              OTX_ERROR_LIMIT);
    CHECK_STRING(error.message, "x: JSON of 4294967296 bytes, and at most 4294967294 are "
                                "supported");
    otx_json_close(NULL, &json);
}
#endif

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
    for (i = 0; i < COUNT(types); i++) {
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
    for (i = 0; i < COUNT(cases); i++) {
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
    close_json();
    CHECK_INT(parse("\"\""), OTX_OK);
    CHECK_INT(otx_json_string(&json, 0, seen), 0);
    close_json();
}

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

int main(void)
{
    RUN(test_accepts);
    RUN(test_rejects);
    RUN(test_nodes);
    RUN(test_number_range);
    RUN(test_nonfinite);
    RUN(test_limits);
#if SIZE_MAX > UINT32_MAX
    RUN(test_size);
#endif
    RUN(test_find);
    RUN(test_iterate);
    RUN(test_nothing_there);
    RUN(test_uint);
    RUN(test_string);
    RUN(test_prefixes);
    RUN(test_garbage);
    return test_end();
}

/* Edits of JSON, and running out of memory while reading and editing.
   A suite of the public API: linked with the implementation. */
#include "failing.h"
#include "json_text.h"

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
        node = otx_json_find(&json, node, part);
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

int main(void)
{
    RUN(test_random_edits);
    RUN(test_replace);
    RUN(test_add);
    RUN(test_edit_errors);
    RUN(test_memory);
    return test_end();
}

/* The safetensors reader and the layout of files to be written. The verdicts on odd
   headers are those of the reference implementation (huggingface/safetensors 0.8),
   but where a comment says otherwise; compare_safetensors.py checks that they are.
   A suite of the public API: linked with the implementation. */
#include "omp_transplant.h"
#include "test.h"
#include "failing.h"

static otx_safetensors file;
static otx_error error;

/* A file in a block of just its size. */
static unsigned char *bytes;
static size_t bytes_size;

static void make_file(const char *header, size_t header_size, size_t data_size)
{
    size_t i;
    bytes_size = 8 + header_size + data_size;
    bytes = (unsigned char *)malloc(bytes_size);
    for (i = 0; i < 8; i++) bytes[i] = (unsigned char)((uint64_t)header_size >> (8 * i));
    memcpy(bytes + 8, header, header_size);
    for (i = 0; i < data_size; i++) bytes[8 + header_size + i] = (unsigned char)i;
}

static otx_result open_file(const otx_context *ctx)
{
    otx_source source = otx_source_memory(bytes, bytes_size);
    error.code = OTX_OK;
    error.message[0] = 0;
    return otx_safetensors_open(ctx, &source, "file", &file, &error);
}

static otx_result open_header(const char *header, size_t data_size)
{
    otx_result result;
    make_file(header, strlen(header), data_size);
    result = open_file(NULL);
    free(bytes);
    return result;
}

/* A header that is refused; the message starts with `message`, after "file: ". */
static void check_rejected(const char *header, size_t data_size, const char *message)
{
    otx_result result = open_header(header, data_size);
    CHECK(result == OTX_ERROR_FORMAT || result == OTX_ERROR_LIMIT ||
          result == OTX_ERROR_UNSUPPORTED);
    CHECK_INT(error.code, result);
    CHECK_INT(strncmp(error.message, "file: ", 6), 0);
    if (strncmp(error.message + 6, message, strlen(message)) != 0)
        CHECK_STRING(error.message + 6, message);
    CHECK(!file.tensors && !file.memory && file.tensor_count == 0 && file.metadata_count == 0);
    otx_safetensors_close(NULL, &file);
}

static void check_accepted(const char *header, size_t data_size, size_t tensors)
{
    CHECK_STRING(open_header(header, data_size) ? error.message : "", "");
    CHECK_INT(file.tensor_count, tensors);
    otx_safetensors_close(NULL, &file);
}

/* One tensor, "a", with these fields. */
static char *one(const char *dtype, const char *shape, const char *offsets, const char *extra)
{
    static char header[8192];
    (void)snprintf(header, sizeof header,
                   "{\"a\":{\"dtype\":%s,\"shape\":%s,\"data_offsets\":%s%s}}", dtype, shape,
                   offsets, extra);
    return header;
}

static void test_sizes(void)
{
    static const unsigned char polyglot[] = {'<', 0, 0, 0, 0, 0, 0, 0};
    static const unsigned char large[] = {0x3c, 0, 0, 0, 0, 0xff, 0xff, 0xff};
    otx_source source;
    size_t size;
    for (size = 0; size < 8; size++) {
        source = otx_source_memory(polyglot, size);
        CHECK_INT(otx_safetensors_open(NULL, &source, "f", &file, &error), OTX_ERROR_FORMAT);
        CHECK_CONTAINS(error.message, "bytes are too few for a safetensors file");
    }
    source = otx_source_memory(polyglot, 8);
    CHECK_INT(otx_safetensors_open(NULL, &source, "f", &file, &error), OTX_ERROR_FORMAT);
    CHECK_STRING(error.message, "f: not a safetensors file, or cut short: a header of 60 bytes "
                                "in a file of 8");
    source = otx_source_memory(large, 8);
    CHECK_INT(otx_safetensors_open(NULL, &source, "f", &file, NULL), OTX_ERROR_FORMAT);
    check_rejected("", 0, "header:1:1: the text ends");
    check_rejected("{", 0, "header:1:2: the text ends");
    check_rejected("\xff", 0, "header:1:1: found byte 0xff");
    check_rejected("\xef\xbb\xbf{}", 0, "header:1:1: found a byte order mark");
    check_rejected("[]", 0, "the header is no JSON object");
    check_rejected("null", 0, "the header is no JSON object");
    check_rejected("{}", 4, "the tensors take 0 bytes, but 4 follow the header");
    check_rejected("{}{}", 0, "header:1:3: found '{'");
    check_accepted("{}", 0, 0);
    check_accepted("{}\r \t\n", 0, 0);
    check_accepted(" \n{}", 0, 0);
}

/* A source that pretends to be large: only the header limit may be the reason. */
static bool read_prefix(void *context, uint64_t offset, void *buffer, size_t size)
{
    (void)offset;
    memset(buffer, ' ', size);
    if (offset == 0) memcpy(buffer, context, 8);
    return true;
}

static void test_header_limit(void)
{
    unsigned char prefix[8] = {0x01, 0xe1, 0xf5, 0x05, 0, 0, 0, 0}; /* 100,000,001 */
    otx_source source;
    failing state;
    otx_context ctx;
    source.read = read_prefix;
    source.context = prefix;
    source.size = 200000000;
    memset(&state, 0, sizeof state);
    memset(&ctx, 0, sizeof ctx);
    ctx.allocator.resize = failing_resize;
    ctx.allocator.context = &state;
    CHECK_INT(otx_safetensors_open(&ctx, &source, "f", &file, &error), OTX_ERROR_LIMIT);
    CHECK_STRING(error.message,
                 "f: a header of 100000001 bytes, and at most 100000000 are allowed");
    CHECK_INT(state.requests, 0);
    prefix[0] = 0; /* the limit itself is fine; all spaces are no header though */
    CHECK_INT(otx_safetensors_open(&ctx, &source, "f", &file, &error), OTX_ERROR_FORMAT);
    CHECK_STRING(error.message, "f: header:1:100000001: the text ends, expected a value");
    CHECK_INT(state.live, 0);
}

static void test_dtypes(void)
{
    char header[256];
    int dtype;
    for (dtype = OTX_DTYPE_NONE + 1; dtype <= OTX_U64; dtype++) {
        unsigned size = otx_dtype_bits((otx_dtype)dtype) * 4 / 8;
        (void)snprintf(header, sizeof header,
                       "{\"a\":{\"dtype\":\"%s\",\"shape\":[2,2],\"data_offsets\":[0,%u]}}",
                       otx_dtype_name((otx_dtype)dtype), size);
        CHECK_STRING(open_header(header, size) ? error.message : "", "");
        CHECK_INT(file.tensor_count, 1);
        if (file.tensor_count == 1) CHECK_INT(file.tensors[0].dtype, dtype);
        otx_safetensors_close(NULL, &file);
    }
    for (; dtype < OTX_DTYPE_COUNT; dtype++) { /* what only GGUF holds */
        char name[16], message[80];
        (void)snprintf(name, sizeof name, "\"%s\"", otx_dtype_name((otx_dtype)dtype));
        (void)snprintf(message, sizeof message, "tensor \"a\" has an unknown dtype, %s", name);
        check_rejected(one(name, "[256]", "[0,0]", ""), 0, message);
    }
    check_accepted(one("\"F3\\u0032\"", "[1]", "[0,4]", ""), 4, 1);
    check_rejected(one("\"f32\"", "[1]", "[0,4]", ""), 4,
                   "tensor \"a\" has an unknown dtype, \"f32\"");
    check_rejected(one("\"\"", "[1]", "[0,4]", ""),
                   4, "tensor \"a\" has an unknown dtype, \"\"");
    check_rejected(one("8", "[1]", "[0,4]", ""), 4, "tensor \"a\" has no dtype");
    check_rejected(one("null", "[1]", "[0,4]", ""), 4, "tensor \"a\" has no dtype");
    /* the reference takes this for "F32" */
    check_rejected(one("{\"F32\":null}", "[1]", "[0,4]", ""), 4, "tensor \"a\" has no dtype");
    CHECK_INT(open_header(one("\"F33\"", "[1]", "[0,4]", ""), 4), OTX_ERROR_UNSUPPORTED);
}

static void test_shapes(void)
{
    static const char *const integers[] = {
        "[1e0]", "[1.0]", "[-1]", "[-0]", "[\"1\"]", "[true]", "[null]", "[[1]]", "[{}]",
        "[18446744073709551616]"};
    size_t i;
    for (i = 0; i < COUNT(integers); i++)
        check_rejected(one("\"U8\"", integers[i], "[0,1]", ""), 1,
                       "tensor \"a\" has a shape that is no list of 64-bit integers");
    check_rejected(one("\"U8\"", "[01]", "[0,1]", ""), 1, "header:1:30: found '1'");
    check_rejected(one("\"U8\"", "1", "[0,1]", ""), 1, "tensor \"a\" has no shape");
    check_rejected(one("\"U8\"", "{}", "[0,1]", ""), 1, "tensor \"a\" has no shape");
    check_accepted(one("\"I32\"", "[]", "[0,4]", ""), 4, 1);
    check_accepted(one("\"I32\"", "[2,0]", "[0,0]", ""), 0, 1);
    check_accepted(one("\"U8\"", "[1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,3]", "[0,3]", ""),
                   3, 1);
    check_accepted(one("\"I32\"", "[0,9223372036854775808,4]", "[0,0]", ""), 0, 1);
    check_rejected(one("\"I32\"", "[9223372036854775808,4,0]", "[0,0]", ""), 0,
                   "tensor \"a\" (I32 [9223372036854775808, 4, 0]) has 2^64 elements or more");
    check_rejected(one("\"I32\"", "[2,18446744073709551614]", "[0,16]", ""), 16,
                   "tensor \"a\" (I32 [2, 18446744073709551614]) has 2^64 elements or more");
    check_rejected(one("\"I32\"", "[2,9223372036854775807]", "[0,16]", ""), 16,
                   "tensor \"a\" (I32 [2, 9223372036854775807]) has 2^64 bits or more");
    check_rejected(one("\"I32\"", "[2,2]", "[0,4]", ""), 4,
                   "tensor \"a\" (I32 [2, 2]) takes 16 bytes, but its data_offsets [0, 4] "
                   "span 4");
    check_accepted(one("\"F4\"", "[1,2]", "[0,1]", ""), 1, 1);
    check_rejected(one("\"F4\"", "[1,3]", "[0,2]", ""), 2,
                   "tensor \"a\" (F4 [1, 3]) does not fill whole bytes");
    check_accepted(one("\"F6_E2M3\"", "[4]", "[0,3]", ""), 3, 1);
    check_rejected(one("\"F6_E3M2\"", "[3]", "[0,3]", ""), 3,
                   "tensor \"a\" (F6_E3M2 [3]) does not fill whole bytes");
    /* a shape too long for a message */
    check_rejected(one("\"U8\"", "[0,111111111111111111,2,3,4,555555555555555555,6,7,8,"
                       "999999999999999999,1,22222222222222222,3,4]", "[0,1]", ""), 1,
                   "tensor \"a\" (U8 [0, 111111111111111111, 2, 3, 4, 555555555555555555, 6, "
                   "7, 8, 999999999999999999, 1, 22222222222222222, ...]) takes 0 bytes");
}

static void test_offsets(void)
{
    static const char *const forms[] = {"[0]", "[0,1,2]", "[]", "null", "{}", "1"};
    static const char *const integers[] = {"[0,-1]", "[0,1.0]", "[\"0\",\"1\"]", "[0,1e0]",
                                           "[0,18446744073709551616]", "[[0],[1]]"};
    size_t i;
    for (i = 0; i < COUNT(forms); i++)
        check_rejected(one("\"U8\"", "[1]", forms[i], ""), 1,
                       "tensor \"a\" has no data_offsets (two of them)");
    for (i = 0; i < COUNT(integers); i++)
        check_rejected(one("\"U8\"", "[1]", integers[i], ""), 1,
                       "tensor \"a\" has data_offsets that are no 64-bit integers");
    check_rejected(one("\"U8\"", "[1]", "[1,0]", ""), 1,
                   "tensor \"a\" (U8 [1]) has data_offsets [1, 0], but the "
                   "bytes before it end at 0");
    check_rejected(one("\"U8\"", "[1]", "[1,2]", ""), 2,
                   "tensor \"a\" (U8 [1]) has data_offsets [1, 2], but the "
                   "bytes before it end at 0");
    check_rejected(one("\"U8\"", "[18446744073709551615]", "[0,18446744073709551615]", ""), 1,
                   "tensor \"a\" (U8 [18446744073709551615]) has 2^64 bits or more");
    check_rejected(one("\"U8\"", "[1]", "[0,1]", ""), 2,
                   "the tensors take 1 bytes, but 2 follow the header");
    check_rejected(one("\"U8\"", "[2]", "[0,2]", ""), 1,
                   "the tensors take 2 bytes, but 1 follow the header");
}

static void test_fields(void)
{
    check_rejected("{\"a\":{}}", 0, "tensor \"a\" has no dtype");
    check_rejected("{\"a\":[\"U8\",[1],[0,1]]}",
                   1, "tensor \"a\" is no object"); /* ref. accepts */
    check_rejected("{\"a\":null}", 1, "tensor \"a\" is no object");
    check_rejected("{\"a\":{\"dtype\":\"U8\",\"data_offsets\":[0,1]}}",
                   1, "tensor \"a\" has no shape");
    check_rejected("{\"a\":{\"dtype\":\"U8\",\"shape\":[1]}}",
                   1, "tensor \"a\" has no data_offsets");
    check_rejected(one("\"U8\"", "[1]", "[0,1]", ",\"dtype\":\"U8\""), 1,
                   "tensor \"a\" repeats a field");
    check_rejected(one("\"U8\"", "[1]", "[0,1]", ",\"shap\\u0065\":[1]"), 1,
                   "tensor \"a\" repeats a field");
    check_accepted(one("\"U8\"", "[1]", "[0,1]", ",\"x\":{\"dtype\":[null,{\"shape\":3}]}"),
                   1, 1);
    check_accepted(one("\"U8\"", "[1]", "[0,1]", ",\"x\":1,\"x\":2"), 1, 1);
    check_rejected(one("\"U8\"", "[1]", "[0,1]", ",\"x\":1e999"), 1,
                   "header:1:57: a number too large for a double");
    check_rejected(one("\"U8\"", "[1]", "[0,1]", ",\"x\":NaN"), 1, "header:1:57: found 'N'");
    check_rejected(one("\"U8\"", "[1]", "[0,1]", ",\"x\":1,"), 1, "header:1:59: found '}'");
}

/* Two levels are the header's own, so 125 more make the 127 that serde_json has. */
static void test_nesting(void)
{
    char nested[300] = ",\"x\":";
    unsigned depth;
    for (depth = 120; depth <= 130; depth++) {
        memset(nested + 5, '[', depth);
        memset(nested + 5 + depth, ']', depth);
        nested[5 + 2 * depth] = 0;
        if (depth <= 125) check_accepted(one("\"U8\"", "[1]", "[0,1]", nested), 1, 1);
        else
            check_rejected(one("\"U8\"", "[1]", "[0,1]", nested), 1,
                           "header:1:182: nested deeper than the limit");
    }
}

#define TENSOR(name) "\"" name "\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0,1]}"

static void test_metadata(void)
{
    CHECK_STRING(open_header("{\"__metadata__\":{\"format\":\"pt\",\"\\u0000\\n\":\"\","
                             "\"\":\"\\ud83d\\ude00\"}," TENSOR("a") "}", 1)
                     ? error.message : "", "");
    CHECK_INT(file.tensor_count, 1);
    CHECK_INT(file.metadata_count, 3);
    if (file.metadata_count == 3) {
        CHECK_STRING(file.metadata[0].key, "format");
        CHECK_STRING(file.metadata[0].value, "pt");
        CHECK_INT(file.metadata[1].key_size, 2);
        CHECK_INT(memcmp(file.metadata[1].key, "\0\n", 3), 0);
        CHECK_INT(file.metadata[1].value_size, 0);
        CHECK_STRING(file.metadata[2].value, "\xf0\x9f\x98\x80");
    }
    otx_safetensors_close(NULL, &file);
    check_accepted("{\"__metadata__\":null}", 0, 0);
    check_accepted("{" TENSOR("a") ",\"\\u005f_metadata__\":{\"a\":\"b\"}}", 1, 1);
    check_accepted("{\"__metadata__\":{}," TENSOR("a") "}", 1, 1);
    check_rejected("{\"__metadata__\":{\"a\":1}}", 0,
                   "metadata key \"a\" has a value that is no string");
    check_rejected("{\"__metadata__\":{\"a\":null}}", 0, "metadata key \"a\" has a value");
    check_rejected("{\"__metadata__\":[]}", 0, "the entry \"__metadata__\" is no object");
    check_rejected("{\"__metadata__\":\"x\"}", 0, "the entry \"__metadata__\" is no object");
    check_rejected("{\"__metadata__\":{},\"__metadata__\":{}}", 0,
                   "the entry \"__metadata__\" occurs twice");
    check_rejected("{\"__metadata__\":null,\"\\u005f_metadata__\":null}", 0,
                   "the entry \"\\x5cu005f_metadata__\" occurs twice");
    /* the reference takes the last */
    check_rejected("{\"__metadata__\":{\"b\":\"x\",\"a\":\"x\",\"\\u0062\":\"x\"}}", 0,
                   "metadata key \"b\" occurs twice");
}

static void test_names(void)
{
    static const char header[] =
        "{\"b\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[1,5]},"
        "\"\\u0000\":{\"dtype\":\"F16\",\"shape\":[0,7],\"data_offsets\":[5,5]},"
        "\"\":{\"dtype\":\"U8\",\"shape\":[],\"data_offsets\":[0,1]},"
        "\"ba\":{\"dtype\":\"U8\",\"shape\":[2,1],\"data_offsets\":[5,7]}}";
    const otx_tensor *found;
    check_accepted("{" TENSOR("") "}", 1, 1);
    check_accepted("{" TENSOR("\\ud83d\\ude00") "}", 1, 1);
    check_rejected("{" TENSOR("\\ud83d") "}", 1, "header:1:3: half a surrogate pair");
    check_rejected("{" TENSOR("a\tb") "}", 1, "header:1:4: a control byte in a string");
    CHECK_STRING(open_header(header, 7) ? error.message : "", "");
    CHECK_INT(file.tensor_count, 4);
    CHECK_INT(file.data_begin, 8 + sizeof header - 1);
    CHECK(otx_safetensors_find(&file, "", 0) == &file.tensors[0]);
    CHECK(otx_safetensors_find(&file, "b", 1) == &file.tensors[1]);
    CHECK(otx_safetensors_find(&file, "\0", 1) == &file.tensors[2]);
    CHECK(otx_safetensors_find(&file, "ba", 2) == &file.tensors[3]);
    CHECK(otx_safetensors_find(&file, "a", 1) == NULL);
    CHECK(otx_safetensors_find(&file, "bab", 3) == NULL);
    CHECK(otx_safetensors_find(&file, "\0b", 2) == NULL);
    found = otx_safetensors_find(&file, "ba", 2);
    if (found) {
        CHECK_INT(found->begin, file.data_begin + 5);
        CHECK_INT(found->end, file.data_begin + 7);
        CHECK_INT(found->rank, 2);
        CHECK_INT(found->shape[0], 2);
        CHECK_INT(found->shape[1], 1);
        CHECK_STRING(found->name, "ba");
    }
    otx_safetensors_close(NULL, &file);
    CHECK(otx_safetensors_find(&file, "b", 1) == NULL);
    /* the reference takes the last, also in the next two: a reader that takes the
       first and one that takes the last would see different tensors */
    check_rejected("{\"w\":{\"dtype\":\"U8\",\"shape\":[4],\"data_offsets\":[0,4]},"
                   "\"w\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]}}",
                   4, "tensor \"w\" ");
    check_rejected("{" TENSOR("a") "," TENSOR("\\u0061") "}", 1, "tensor \"a\" ");
    check_rejected("{\"e\":{\"dtype\":\"U8\",\"shape\":[0],\"data_offsets\":[0,0]},"
                   "\"e\":{\"dtype\":\"U8\",\"shape\":[0],\"data_offsets\":[0,0]}}", 0,
                   "tensor \"e\" occurs twice");
}

#define BYTES(name, size, begin, end) \
    "\"" name "\":{\"dtype\":\"U8\",\"shape\":[" #size "],\"data_offsets\":[" #begin "," #end  \
    "]}"

static void test_order(void)
{
    check_accepted("{" BYTES("b", 4, 1, 5) "," BYTES("a", 1, 0, 1) "}", 5, 2);
    check_accepted("{" BYTES("a", 0, 0, 0) "," BYTES("b", 0, 0, 0) "}", 0, 2);
    check_accepted("{" BYTES("a", 4, 0, 4) "," BYTES("b", 0, 4, 4) "," BYTES("c", 0, 0, 0) "}",
                   4, 3);
    check_rejected("{" BYTES("a", 4, 0, 4) "," BYTES("b", 0, 2, 2) "}", 4,
                   "tensor \"b\" (U8 [0]) has data_offsets [2, 2], but the "
                   "bytes before it end at 4");
    check_rejected("{" BYTES("a", 1, 0, 1) "," BYTES("b", 1, 2, 3) "}", 3,
                   "tensor \"b\" (U8 [1]) has data_offsets [2, 3], but the "
                   "bytes before it end at 1");
    check_rejected("{" BYTES("a", 2, 0, 2) "," BYTES("b", 2, 1, 3) "}", 3,
                   "tensor \"b\" (U8 [2]) has data_offsets [1, 3], but the "
                   "bytes before it end at 2");
    check_rejected("{" BYTES("a", 4, 0, 4) "," BYTES("b", 4, 0, 4) "}", 4,
                   "tensor \"b\" (U8 [4]) has data_offsets [0, 4], but the "
                   "bytes before it end at 4");
    /* a file that is something else from its end on, and one that is cut */
    check_rejected(one("\"I32\"", "[2,2]", "[0,16]", ""), 50, "the tensors take 16 bytes, but");
    check_rejected(one("\"I32\"", "[2,2]", "[0,16]", ""), 14, "the tensors take 16 bytes, but");
}

/* Every prefix of a file is rejected. */
static void test_prefixes(void)
{
    const char *header = "{\"__metadata__\":{\"k\":\"v\"}," BYTES("a", 4, 0, 4) "}";
    size_t whole;
    make_file(header, strlen(header), 4);
    whole = bytes_size;
    CHECK_INT(open_file(NULL), OTX_OK);
    otx_safetensors_close(NULL, &file);
    for (bytes_size = 0; bytes_size < whole; bytes_size++) {
        unsigned char *kept = bytes;
        bytes = (unsigned char *)malloc(bytes_size + !bytes_size);
        memcpy(bytes, kept, bytes_size);
        CHECK_INT(open_file(NULL), OTX_ERROR_FORMAT);
        free(bytes);
        bytes = kept;
    }
    free(bytes);
}

/* A source whose reads fail from the n-th on. */
typedef struct broken {
    otx_source inner;
    int good_reads;
} broken;

static bool broken_read(void *context, uint64_t offset, void *buffer, size_t size)
{
    broken *state = (broken *)context;
    return state->good_reads-- > 0 &&
           state->inner.read(state->inner.context, offset, buffer, size);
}

static void test_read_errors(void)
{
    static const char file_bytes[] = "\2\0\0\0\0\0\0\0{}";
    broken state;
    otx_source source;
    state.inner = otx_source_memory(file_bytes, 10);
    source.read = broken_read;
    source.context = &state;
    source.size = 10;
    state.good_reads = 0;
    CHECK_INT(otx_safetensors_open(NULL, &source, "f", &file, &error), OTX_ERROR_IO);
    CHECK_STRING(error.message, "f: the first 8 bytes could not be read");
    state.good_reads = 1;
    CHECK_INT(otx_safetensors_open(NULL, &source, "f", &file, &error), OTX_ERROR_IO);
    CHECK_STRING(error.message, "f: the header, 2 bytes at offset 8, could not be read");
    state.good_reads = 2;
    CHECK_INT(otx_safetensors_open(NULL, &source, "f", &file, &error), OTX_OK);
    otx_safetensors_close(NULL, &file);
}

static void test_memory(void)
{
    const char *header = "{\"__metadata__\":{\"k\":\"v\",\"l\":\"w\"}," BYTES("a", 4, 0, 4) "}";
    otx_result result = OTX_ERROR_MEMORY;
    failing state;
    otx_context ctx;
    otx_layout layout;
    long fail_at;
    memset(&ctx, 0, sizeof ctx);
    ctx.allocator.resize = failing_resize;
    ctx.allocator.context = &state;
    make_file(header, strlen(header), 4);
    for (fail_at = 1; fail_at < 100 && result == OTX_ERROR_MEMORY; fail_at++) {
        memset(&state, 0, sizeof state);
        memset(&layout, 0, sizeof layout);
        state.fail_at = fail_at;
        result = open_file(&ctx);
        if (!result)
            result = otx_layout_open(&ctx, file.tensors, file.tensor_count, file.metadata,
                                     file.metadata_count, &layout, &error);
        CHECK(result == OTX_OK || error.code == OTX_ERROR_MEMORY);
        otx_layout_close(&ctx, &layout);
        otx_safetensors_close(&ctx, &file);
        CHECK_INT(state.live, 0);
        CHECK_INT(state.bytes, 0);
        CHECK_INT(state.wrong_size, 0);
    }
    CHECK_INT(result, OTX_OK);
    CHECK(fail_at > 9);
    free(bytes);
}

/* Many tensors: all in place, all on the same bytes, all of one name, and one
   with as many dimensions. Anything quadratic would take minutes here. */
static void test_many(void)
{
    const unsigned count = 100000;
    char name[32], *header = (char *)malloc((size_t)count * 100);
    unsigned variant, i;
    for (variant = 0; variant < 3; variant++) {
        size_t size = 1;
        header[0] = '{';
        for (i = 0; i < count; i++) {
            unsigned begin = variant == 1 ? 0 : i;
            size += (size_t)sprintf(header + size,
                                    "\"layers.%u.weight\":{\"dtype\":\"U8\",\"shape\":[1],"
                                    "\"data_offsets\":[%u,%u]}%c",
                                    variant == 2 ? 7 : i * 7 % count, begin, begin + 1,
                                    i + 1 < count ? ',' : '}');
        }
        make_file(header, size, count);
        CHECK_INT(open_file(NULL), variant == 0 ? OTX_OK : OTX_ERROR_FORMAT);
        if (variant == 1) CHECK_CONTAINS(error.message, "but the bytes before it end at 1");
        if (variant == 2)
            CHECK_STRING(error.message, "file: tensor \"layers.7.weight\" occurs twice");
        for (i = 0; i < count && variant == 0; i++) {
            int length = sprintf(name, "layers.%u.weight", i * 7 % count);
            CHECK(otx_safetensors_find(&file, name, (size_t)length) == &file.tensors[i]);
        }
        otx_safetensors_close(NULL, &file);
        free(bytes);
    }
    strcpy(header, "{\"a\":{\"dtype\":\"U8\",\"data_offsets\":[0,1],\"shape\":[1");
    for (i = 1; i < count; i++) strcpy(header + 48 + 2 * (size_t)i, ",1");
    strcat(header, "]}}");
    CHECK_STRING(open_header(header, 1) ? error.message : "", "");
    CHECK_INT(file.tensor_count, 1);
    if (file.tensor_count == 1) CHECK_INT(file.tensors[0].rank, count);
    otx_safetensors_close(NULL, &file);
    free(header);
}

/* ---- writing ---- */

static otx_tensor tensor(const char *name, otx_dtype dtype, unsigned rank,
                         const uint64_t *shape)
{
    otx_tensor made;
    memset(&made, 0, sizeof made);
    made.name = name;
    made.name_size = strlen(name);
    made.dtype = dtype;
    made.rank = rank;
    made.shape = shape;
    return made;
}

static otx_metadata metadata(const char *key, const char *value)
{
    otx_metadata made;
    made.key = key;
    made.key_size = strlen(key);
    made.value = value;
    made.value_size = strlen(value);
    return made;
}

static const uint64_t dimensions[] = {1, 3, 0};

static void test_layout(void)
{
    static const char wanted[] =
        "{\"__metadata__\":{\"format\":\"pt\"},"
        "\"c\":{\"dtype\":\"I64\",\"shape\":[1],\"data_offsets\":[0,8]},"
        "\"A\":{\"dtype\":\"F32\",\"shape\":[0],\"data_offsets\":[8,8]},"
        "\"b\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[8,12]},"
        "\"s\":{\"dtype\":\"F32\",\"shape\":[],\"data_offsets\":[12,16]},"
        "\"d\":{\"dtype\":\"BF16\",\"shape\":[1],\"data_offsets\":[16,18]},"
        "\"a\":{\"dtype\":\"U8\",\"shape\":[3],\"data_offsets\":[18,21]}}";
    static const uint32_t order[] = {2, 4, 0, 5, 3, 1};
    static const unsigned offsets[] = {0, 8, 8, 12, 16, 18};
    const size_t length = sizeof wanted - 1, padded = (length + 7) / 8 * 8;
    otx_tensor tensors[6];
    otx_metadata entry = metadata("format", "pt");
    otx_layout layout;
    size_t i;
    tensors[0] = tensor("b", OTX_F32, 1, dimensions);
    tensors[1] = tensor("a", OTX_U8, 1, dimensions + 1);
    tensors[2] = tensor("c", OTX_I64, 1, dimensions);
    tensors[3] = tensor("d", OTX_BF16, 1, dimensions);
    tensors[4] = tensor("A", OTX_F32, 1, dimensions + 2);
    tensors[5] = tensor("s", OTX_F32, 0, dimensions);
    CHECK_STRING(otx_layout_open(NULL, tensors, 6, &entry, 1, &layout, &error) ? error.message
                                                                              : "", "");
    CHECK_INT(layout.count, 6);
    CHECK_INT(layout.header_size, 8 + padded);
    CHECK_INT(layout.file_size, 8 + padded + 21);
    if (layout.header_size == 8 + padded) {
        CHECK_INT((unsigned char)layout.header[0], padded & 0xff);
        CHECK_INT((unsigned char)layout.header[1], padded >> 8);
        CHECK(memcmp(layout.header + 2, "\0\0\0\0\0", 6) == 0);
        CHECK(memcmp(layout.header + 8, wanted, length) == 0);
        for (i = length; i < padded; i++) CHECK_INT(layout.header[8 + i], ' ');
    }
    for (i = 0; i < layout.count; i++) {
        CHECK_INT(layout.order[i], order[i]);
        CHECK_INT(layout.offsets[i], 8 + padded + offsets[i]);
    }
    otx_layout_close(NULL, &layout);
}

/* What is laid out reads back as the same, with any names. */
static void test_layout_back(void)
{
    otx_tensor tensors[4];
    otx_metadata entries[2];
    otx_layout layout;
    size_t i;
    tensors[0] = tensor("", OTX_F64, 1, dimensions + 1);
    tensors[1] = tensor("\"\\/\n\x1f\x7f\xc3\xa9\xf0\x9f\x98\x80", OTX_F4, 3, dimensions);
    tensors[2] = tensor("?a", OTX_F16, 2, dimensions);
    tensors[2].name = "\0a";
    tensors[3] = tensor("a", OTX_U16, 2, dimensions);
    entries[0] = metadata("z", "");
    entries[1] = metadata("", "\"\t");
    CHECK_STRING(otx_layout_open(NULL, tensors, 4, entries, 2, &layout, &error) ? error.message
                                                                               : "", "");
    bytes_size = (size_t)layout.file_size;
    bytes = (unsigned char *)calloc(1, bytes_size + !bytes_size);
    memcpy(bytes, layout.header, layout.header_size);
    CHECK_STRING(open_file(NULL) ? error.message : "", "");
    CHECK_INT(file.tensor_count, 4);
    CHECK_INT(file.metadata_count, 2);
    for (i = 0; i < file.tensor_count && i < 4; i++) {
        const otx_tensor *in = &tensors[layout.order[i]], *out = &file.tensors[i];
        CHECK(otx_safetensors_find(&file, in->name, in->name_size) == out);
        CHECK_INT(out->dtype, in->dtype);
        CHECK_INT(out->rank, in->rank);
        CHECK(memcmp(out->shape, in->shape, in->rank * sizeof *in->shape) == 0);
        CHECK_INT(out->begin, layout.offsets[i]);
    }
    for (i = 0; i < file.metadata_count && i < 2; i++) {
        CHECK_STRING(file.metadata[i].key, entries[i].key);
        CHECK_STRING(file.metadata[i].value, entries[i].value);
    }
    otx_safetensors_close(NULL, &file);
    otx_layout_close(NULL, &layout);
    free(bytes);
    CHECK_INT(otx_layout_open(NULL, NULL, 0, NULL, 0, &layout, &error), OTX_OK);
    CHECK_INT(layout.file_size, 16);
    CHECK_INT(layout.header_size, 16);
    CHECK(layout.header && memcmp(layout.header, "\x08\0\0\0\0\0\0\0{}      ", 16) == 0);
    otx_layout_close(NULL, &layout);
}

static void check_layout_fails(const otx_tensor *tensors, size_t count,
                               const otx_metadata *entries, size_t entry_count,
                               const char *message)
{
    otx_layout layout;
    CHECK_INT(otx_layout_open(NULL, tensors, count, entries, entry_count, &layout, &error),
              OTX_ERROR_ARGUMENT);
    CHECK_STRING(error.message, message);
    CHECK(!layout.header && !layout.order && !layout.offsets && layout.count == 0);
    otx_layout_close(NULL, &layout);
}

static void test_layout_errors(void)
{
    static const uint64_t huge[] = {UINT64_C(1) << 60, 1, 3, UINT64_C(1) << 40,
                                    UINT64_C(1) << 40};
    otx_tensor tensors[8];
    otx_metadata entries[3];
    size_t i;
    tensors[0] = tensor("x", OTX_F32, 1, dimensions);
    tensors[1] = tensor("y", OTX_F16, 1, dimensions);
    tensors[2] = tensor("x", OTX_F64, 1, dimensions);
    check_layout_fails(tensors, 3, NULL, 0, "tensor \"x\" occurs twice");
    tensors[0] = tensor("__metadata__", OTX_F32, 1, dimensions);
    check_layout_fails(tensors, 1, NULL, 0, "tensor \"__metadata__\" has a reserved name");
    tensors[0] = tensor("a\xff", OTX_F32, 1, dimensions);
    check_layout_fails(tensors, 1, NULL, 0, "tensor \"a\\xff\" has a name that is no UTF-8");
    tensors[0] = tensor("a", OTX_DTYPE_COUNT, 1, dimensions);
    check_layout_fails(tensors, 1, NULL, 0, "tensor \"a\" has an unknown dtype");
    tensors[0].dtype = OTX_Q8_0;
    check_layout_fails(tensors, 1, NULL, 0, "tensor \"a\" has an unknown dtype");
    tensors[0] = tensor("a", OTX_F4, 1, dimensions);
    check_layout_fails(tensors, 1, NULL, 0, "tensor \"a\" (F4 [1]) does not fill whole bytes");
    tensors[0] = tensor("a", OTX_F32, 1, huge);
    check_layout_fails(tensors, 1, NULL, 0,
                       "tensor \"a\" (F32 [1152921504606846976]) has 2^64 bits or more");
    tensors[0] = tensor("a", OTX_F32, 2, huge + 3);
    check_layout_fails(tensors, 1, NULL, 0, "tensor \"a\" (F32 [1099511627776, 1099511627776]) "
                                            "has 2^64 elements or more");
    for (i = 0; i < 8; i++) {
        static const char *const names[] = {"a", "b", "c", "d", "e", "f", "g", "h"};
        tensors[i] = tensor(names[i], OTX_U8, 1, huge);
    }
    check_layout_fails(tensors, 8, NULL, 0, "tensor \"h\" (U8 [1152921504606846976]) makes the "
                                            "file larger than files can be");
    entries[0] = metadata("a", "");
    entries[1] = metadata("b", "");
    entries[2] = metadata("a", "x");
    check_layout_fails(NULL, 0, entries, 3, "metadata key \"a\" occurs twice");
    entries[1] = metadata("b", "\xc3");
    check_layout_fails(NULL, 0, entries, 2,
                       "metadata key \"b\" is no UTF-8, or its value is none");
    entries[1] = metadata("\xed\xa0\x80", "");
    check_layout_fails(NULL, 0, entries, 2,
                       "metadata key \"\\xed\\xa0\\x80\" is no UTF-8, or its value is none");
}

/* A header beyond 100,000,000 bytes cannot be read back, so it is not made. */
static void test_layout_limit(void)
{
    const size_t size = 100000000;
    char *value = (char *)malloc(size);
    otx_metadata entry;
    otx_layout layout;
    memset(value, 'v', size);
    entry.key = "k";
    entry.key_size = 1;
    entry.value = value;
    entry.value_size = size - 25; /* {"__metadata__":{"k":"..."}} takes 25 besides */
    CHECK_INT(otx_layout_open(NULL, NULL, 0, &entry, 1, &layout, &error), OTX_OK);
    CHECK_INT(layout.file_size, size + 8);
    otx_layout_close(NULL, &layout);
    entry.value_size++;
    CHECK_INT(otx_layout_open(NULL, NULL, 0, &entry, 1, &layout, &error), OTX_ERROR_LIMIT);
    CHECK_STRING(error.message, "the header of 0 tensors takes 100000008 bytes, and at most "
                                "100000000 are allowed");
    free(value);
}

#if SIZE_MAX > UINT32_MAX
/* Refused by their number, before one is looked at. */
static void test_layout_count(void)
{
    otx_layout layout;
    CHECK_INT(otx_layout_open(NULL, NULL, (size_t)1 << 33, NULL, 0, &layout, &error),
              OTX_ERROR_LIMIT);
    CHECK_STRING(error.message, "8589934592 tensors are more than a header holds");
}
#endif

int main(void)
{
    RUN(test_sizes);
    RUN(test_header_limit);
    RUN(test_dtypes);
    RUN(test_shapes);
    RUN(test_offsets);
    RUN(test_fields);
    RUN(test_nesting);
    RUN(test_metadata);
    RUN(test_names);
    RUN(test_order);
    RUN(test_prefixes);
    RUN(test_read_errors);
    RUN(test_memory);
    RUN(test_many);
    RUN(test_layout);
    RUN(test_layout_back);
    RUN(test_layout_errors);
    RUN(test_layout_limit);
#if SIZE_MAX > UINT32_MAX
    RUN(test_layout_count);
#endif
    return test_end();
}

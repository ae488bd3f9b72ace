/* The GGUF reader. The rules are those of ggml's (src/gguf.cpp, August 2026), but where a
   comment says otherwise.
   A suite of the public API: linked with the implementation. */
#include "omp_transplant.h"
#include "test.h"
#include "failing.h"
#include "gguf_files.h"

static otx_gguf file;
static otx_error error;

/* Opens what was written, in a block of just its size. */
static otx_result open_with(const otx_context *ctx, size_t size)
{
    unsigned char *copy = (unsigned char *)malloc(size ? size : 1);
    otx_source source;
    otx_result result;
    if (size) memcpy(copy, gguf_bytes, size);
    source = otx_source_memory(copy, size);
    error.code = OTX_OK;
    error.message[0] = 0;
    result = otx_gguf_open(ctx, &source, "F", &file, &error);
    free(copy);
    return result;
}

/* What was written is refused with this message, after "F: ". */
static void check_refused(const char *message)
{
    const otx_result result = open_with(NULL, gguf_size);
    CHECK(result == OTX_ERROR_FORMAT || result == OTX_ERROR_LIMIT ||
          result == OTX_ERROR_UNSUPPORTED);
    CHECK_INT(error.code, result);
    CHECK_INT(strncmp(error.message, "F: ", 3), 0);
    if (strlen(error.message) > 3) CHECK_STRING(error.message + 3, message);
    CHECK(!file.memory && !file.keys && !file.tensors && file.key_count == 0);
    otx_gguf_close(NULL, &file);
}

/* What was written is read; the caller looks at it and closes it. */
static void check_read(size_t keys, size_t tensors)
{
    CHECK_STRING(open_with(NULL, gguf_size) ? error.message : "", "");
    CHECK_INT(file.key_count, keys);
    CHECK_INT(file.tensor_count, tensors);
}

static void check_accepted(size_t keys, size_t tensors)
{
    check_read(keys, tensors);
    otx_gguf_close(NULL, &file);
}

/* ---- the beginning ---- */

static void test_prefix(void)
{
    size_t size;
    put_start(0, 0);
    for (size = 0; size < 24; size++) {
        CHECK_INT(open_with(NULL, size), OTX_ERROR_FORMAT);
        CHECK_CONTAINS(error.message, "bytes are too few for a GGUF file");
    }
    check_accepted(0, 0);
    gguf_bytes[3] = 'f';
    check_refused("does not begin with GGUF, as every GGUF file does");
    gguf_size = 0;
    put_bytes("version https://git-lfs.github.com/spec/v1\n", 43);
    CHECK_INT(open_with(NULL, gguf_size), OTX_ERROR_FORMAT);
    CHECK_CONTAINS(error.message, "F: is a pointer of Git LFS");
}

static void test_versions(void)
{
    put_start_of(2, 0, 0);
    check_read(0, 0);
    CHECK_INT(file.version, 2);
    CHECK_INT(file.alignment, 32);
    CHECK_INT(file.data_begin, 24);
    otx_gguf_close(NULL, &file);
    put_start_of(0, 0, 0);
    check_refused("GGUF of version 0, and versions 2 and 3 are read");
    put_start_of(1, 0, 0);
    check_refused("GGUF of version 1, of August 2023, which llama.cpp does not read either; "
                  "convert the model anew");
    put_start_of(4, 0, 0);
    check_refused("GGUF of version 4, and versions 2 and 3 are read");
    put_start_of(UINT32_C(3) << 24, 0, 0);
    check_refused("GGUF for a big-endian machine, and only little-endian files are read; "
                  "gguf_convert_endian.py of llama.cpp's gguf-py makes one of it");
}

static void test_counts(void)
{
    put_start(0, 2);
    put_key_u32("a", 1);
    check_refused("cut short: key 2 of 2 needs 8 bytes at offset 41, and the file has 41");
    put_start(0, 0);
    put_key_u32("a", 1);
    check_accepted(0, 0); /* bytes that nothing speaks of, as in ggml */
    put_start(1, 0);
    check_refused("cut short: tensor 1 of 1 needs 8 bytes at offset 24, and the file has 24");
    put_start(2, 0);
    check_refused("says that it has 0 keys and 2 tensors, more than 24 bytes can hold");
    put_start(UINT64_MAX, 0);
    check_refused("says that it has 0 keys and 18446744073709551615 tensors, more than 24 bytes "
                  "can hold");
    put_start(0, (uint64_t)1 << 63);
    check_refused("says that it has 9223372036854775808 keys and 0 tensors, more than 24 bytes "
                  "can hold");
}

/* ---- keys ---- */

static void test_keys(void)
{
    put_start(0, 1);
    put_key_u32("", 1);
    check_refused("key \"\" is empty");
    put_start(0, 1);
    put_sized("a\0b", 3);
    put_u32(4), put_u32(1);
    check_refused("key \"a\\x00b\" has a NUL in its name"); /* ggml takes it */
    put_start(0, 3);
    put_key_u32("b", 1);
    put_key_u32("a", 1);
    put_key_string("b", "");
    check_refused("key \"b\" occurs twice");
    put_start(0, 1);
    put_u64((uint64_t)1 << 62);
    put_data(24);
    check_refused("key 1 of 1 has a string of 4611686018427387904 bytes, and at most 1073741824 "
                  "are allowed");
    put_start(0, 1);
    put_u64((uint64_t)1 << 30);
    put_data(24);
    check_refused("cut short: key 1 of 1 needs 1073741824 bytes at offset 32, and the file has "
                  "56");
    put_start(0, 1);
    put_string("a");
    put_number(4, 3);
    check_refused("cut short: key \"a\" needs 4 bytes at offset 33, and the file has 36");
}

static void test_values(void)
{
    static const unsigned sizes[] = {1, 1, 2, 2, 4, 4, 4, 1, 0, 0, 8, 8, 8};
    unsigned type;
    for (type = 0; type < COUNT(sizes); type++) {
        if (type == GGUF_ARRAY) continue;
        put_start(0, 2);
        put_key("a", type);
        if (type == GGUF_STRING) put_string("s");
        else put_number(1, sizes[type]);
        put_key_array("b", type, 2);
        put_number(0, type == GGUF_STRING ? 16 : 2 * sizes[type]);
        check_read(2, 0);
        CHECK_INT(file.keys[0].type, type);
        CHECK_INT(file.keys[0].count, 1);
        CHECK_INT(file.keys[0].size, type == GGUF_STRING ? 9 : sizes[type]);
        CHECK(!file.keys[0].array && file.keys[1].array);
        CHECK_INT(file.keys[1].type, type);
        CHECK_INT(file.keys[1].count, 2);
        otx_gguf_close(NULL, &file);
        gguf_size--;
        CHECK_INT(open_with(NULL, gguf_size), OTX_ERROR_FORMAT);
        CHECK_CONTAINS(error.message, "F: cut short: key \"b\" needs ");
    }
    put_start(0, 1);
    put_key("a", 13);
    put_data(16);
    check_refused("key \"a\" has the type 13, and there are 13");
    put_start(0, 1);
    put_key("a", 0xffffffff);
    put_data(16);
    check_refused("key \"a\" has the type 4294967295, and there are 13");
}

static void test_arrays(void)
{
    put_start(0, 1);
    put_key_array("a", GGUF_ARRAY, 0);
    check_refused("key \"a\" is an array of arrays, which ggml does not read either");
    put_start(0, 1);
    put_key_array("a", 14, 0);
    check_refused("key \"a\" has the type 14, and there are 13");
    put_start(0, 1);
    put_key_array("a", 0, ((uint64_t)1 << 30) + 1);
    check_refused("key \"a\" has 1073741825 elements, and at most 1073741824 are allowed");
    put_start(0, 1);
    put_key_array("a", 12, (uint64_t)1 << 30);
    check_refused("cut short: key \"a\" needs 8589934592 bytes at offset 49, and the file has "
                  "49");
    put_start(0, 1);
    put_key_array("a", GGUF_STRING, 2);
    put_string("x");
    put_u64(2);
    put_bytes("y", 1);
    check_refused("cut short: key \"a\" needs 2 bytes at offset 66, and the file has 67");
    put_start(0, 2);
    put_key_array("a", GGUF_STRING, 0);
    put_key_array("b", 4, 0);
    check_accepted(2, 0);
}

/* What keys say, by the functions that look at them. */
static void test_elements(void)
{
    static const struct {
        unsigned type, size;
        uint64_t bits;
        int64_t integer;
        bool whole;
        double number;
    } cases[] = {
        {0, 1, 0xff, 255, true, 255},
        {1, 1, 0x80, -128, true, -128},
        {1, 1, 0x7f, 127, true, 127},
        {2, 2, 0xfffe, 65534, true, 65534},
        {3, 2, 0xfffe, -2, true, -2},
        {4, 4, 0xfffffffe, 4294967294, true, 4294967294.0},
        {5, 4, 0x80000000, -2147483647 - 1, true, -2147483648.0},
        {6, 4, 0xc0200000, 0, false, -2.5},
        {7, 1, 1, 1, true, 1},
        {7, 1, 2, 1, true, 1},
        {7, 1, 0, 0, true, 0},
        {10, 8, UINT64_C(0x7fffffffffffffff), INT64_MAX, true, 9223372036854775807.0},
        {10, 8, UINT64_C(0x8000000000000000), 0, false, 9223372036854775808.0},
        {11, 8, UINT64_C(0x8000000000000000), INT64_MIN, true, -9223372036854775808.0},
        {11, 8, UINT64_C(0xffffffffffffffff), -1, true, -1},
        {11, 8, UINT64_C(0x7fffffffffffffff), INT64_MAX, true, 9223372036854775807.0},
        {12, 8, UINT64_C(0x3ff8000000000000), 0, false, 1.5},
    };
    int64_t integer;
    double number;
    size_t i;
    for (i = 0; i < COUNT(cases); i++) {
        put_start(0, 1);
        put_key_array("a", cases[i].type, 2);
        put_number(0, cases[i].size);
        put_number(cases[i].bits, cases[i].size);
        check_read(1, 0);
        integer = 0, number = 0;
        CHECK_INT(otx_gguf_integer(file.keys, 1, &integer), cases[i].whole);
        CHECK_INT(integer, cases[i].integer);
        CHECK(otx_gguf_number(file.keys, 1, &number));
        CHECK(number == cases[i].number);
        CHECK(!otx_gguf_integer(file.keys, 2, &integer));
        CHECK(!otx_gguf_number(file.keys, UINT64_MAX / 2, &number));
        otx_gguf_close(NULL, &file);
    }
    CHECK(!otx_gguf_integer(NULL, 0, &integer) && !otx_gguf_number(NULL, 0, &number));
}

static void test_strings(void)
{
    otx_gguf_strings strings;
    int64_t integer;
    double number;
    memset(&strings, 0, sizeof strings);
    put_model();
    check_read(5, 3);
    CHECK(!otx_gguf_next(NULL, &strings));
    CHECK(!otx_gguf_next(otx_gguf_find(&file, "llama.block_count"), &strings));
    CHECK(!otx_gguf_integer(otx_gguf_find(&file, "tokenizer.ggml.tokens"), 0, &integer));
    CHECK(!otx_gguf_number(otx_gguf_find(&file, "tokenizer.ggml.tokens"), 0, &number));
    {
        const otx_gguf_key *key = otx_gguf_find(&file, "tokenizer.ggml.tokens");
        CHECK(otx_gguf_next(key, &strings) && strings.size == 3);
        CHECK(memcmp(strings.bytes, "<s>", 3) == 0);
        CHECK(otx_gguf_next(key, &strings) && strings.size == 0);
        CHECK(otx_gguf_next(key, &strings) && strings.size == 5 && strings.count == 3);
        CHECK(!otx_gguf_next(key, &strings) && strings.count == 3);
    }
    memset(&strings, 0, sizeof strings);
    CHECK(otx_gguf_next(otx_gguf_find(&file, "general.architecture"), &strings));
    CHECK(strings.size == 5 && memcmp(strings.bytes, "llama", 5) == 0);
    CHECK(!otx_gguf_next(otx_gguf_find(&file, "general.architecture"), &strings));
    CHECK(!otx_gguf_find(&file, "") && !otx_gguf_find(&file, "general") &&
          !otx_gguf_find(&file, "general.architecture2"));
    CHECK_STRING(file.keys[0].name, "general.architecture"); /* a NUL stands behind it */
    CHECK_INT(file.keys[0].name_size, 20);
    otx_gguf_close(NULL, &file);
}

static void test_alignment(void)
{
    static const uint32_t wrong[] = {0, 3, 33, 48};
    size_t i;
    for (i = 0; i < COUNT(wrong); i++) {
        put_start(0, 1);
        put_key_u32("general.alignment", wrong[i]);
        check_refused("key \"general.alignment\" is no power of two");
    }
    put_start(0, 1);
    put_key_u32("general.alignment", 1u << 21);
    check_refused("key \"general.alignment\" is more than 2^20"); /* ggml takes it */
    put_start(0, 1);
    put_key("general.alignment", 10);
    put_u64(32);
    check_refused("key \"general.alignment\" is no u32");
    put_start(0, 1);
    put_key_array("general.alignment", 4, 1);
    put_u32(32);
    check_refused("key \"general.alignment\" is no u32");
    for (i = 0; i <= 20; i++) { /* 1 too, as in ggml */
        put_start(2, 1);
        put_key_u32("general.alignment", 1u << i);
        put_tensor("a", 1, 3, 0, 24, 0);
        put_tensor("b", 1, 1, 0, 24, (3 + (1u << i) - 1) >> i << i);
        put_padding((size_t)1 << i);
        put_number(0, 3);
        put_padding((size_t)1 << i);
        put_number(0, 1);
        check_read(1, 2);
        CHECK_INT(file.alignment, 1u << i);
        CHECK_INT(file.data_begin % (1u << i), 0);
        CHECK_INT(file.tensors[1].begin, gguf_size - 1);
        otx_gguf_close(NULL, &file);
    }
}

/* ---- tensors ---- */

/* A file with one tensor, and bytes enough for it. */
static void put_one(const char *name, unsigned rank, uint64_t columns, uint64_t rows,
                    uint32_t type)
{
    put_start(1, 0);
    put_tensor(name, rank, columns, rows, type, 0);
    put_padding(32);
    put_data(4096);
}

static void test_names(void)
{
    char name[80];
    memset(name, 'n', sizeof name);
    name[63] = 0;
    put_one(name, 1, 1, 0, 0);
    check_read(0, 1);
    CHECK(otx_gguf_tensor(&file, name) == file.tensors);
    CHECK_STRING(file.tensors[0].name, name);
    otx_gguf_close(NULL, &file);
    name[63] = 'n';
    name[64] = 0;
    put_one(name, 1, 1, 0, 0);
    CHECK_INT(open_with(NULL, gguf_size), OTX_ERROR_FORMAT);
    CHECK_CONTAINS(error.message, "has a name of 64 bytes, and at most 63 are allowed");
    put_one("", 1, 1, 0, 0);
    check_read(0, 1);
    CHECK_STRING(file.tensors[0].name, "");
    otx_gguf_close(NULL, &file);
    put_start(1, 0);
    put_sized("a\0", 2); /* ggml takes it, as "a" */
    put_u32(0), put_u32(0), put_u64(0);
    put_data(64);
    check_refused("tensor \"a\\x00\" has a NUL in its name");
    put_start(3, 0);
    put_tensor("b", 1, 8, 0, 0, 0);
    put_tensor("a", 1, 8, 0, 0, 32);
    put_tensor("b", 1, 8, 0, 0, 64);
    put_padding(32);
    put_data(96);
    check_refused("tensor \"b\" occurs twice");
}

static void test_shapes(void)
{
    const uint64_t huge = (uint64_t)1 << 62;
    unsigned i;
    put_one("a", 0, 0, 0, 0);
    check_read(0, 1);
    CHECK_INT(file.tensors[0].rank, 0);
    CHECK_INT(file.tensors[0].end - file.tensors[0].begin, 4);
    otx_gguf_close(NULL, &file);
    put_one("a", 2, 5, 3, 0); /* rows before columns, and ne the other way */
    check_read(0, 1);
    CHECK_INT(file.tensors[0].shape[0], 3);
    CHECK_INT(file.tensors[0].shape[1], 5);
    otx_gguf_close(NULL, &file);
    put_start(1, 0);
    put_string("a");
    put_u32(5);
    for (i = 0; i < 5; i++) put_u64(1);
    put_u32(0), put_u64(0);
    check_refused("tensor \"a\" has 5 dimensions, and at most 4 are allowed");
    put_one("a", 1, UINT64_MAX, 0, 24);
    check_refused("tensor \"a\" (I8 [18446744073709551615]) has a dimension of 2^63 or more");
    put_one("a", 2, huge, 2, 24);
    check_refused("tensor \"a\" (I8 [2, 4611686018427387904]) has 2^63 elements or more");
    put_one("a", 2, UINT64_C(1) << 32, UINT64_C(1) << 32, 24);
    check_refused("tensor \"a\" (I8 [4294967296, 4294967296]) has 2^63 elements or more");
    put_one("a", 1, huge, 0, 0);
    check_refused("tensor \"a\" (F32 [4611686018427387904]) has 2^63 bytes or more");
    put_one("a", 1, huge / 2, 0, 0);
    check_refused("tensor \"a\" (F32 [2305843009213693952]) has 2^63 bytes or more");
    put_start(1, 0); /* empty in one dimension, so the others may be any */
    put_string("a");
    put_u32(3), put_u64(0), put_u64(4), put_u64(huge), put_u32(0), put_u64(0);
    put_padding(32);
    check_accepted(0, 1);
    put_one("a", 2, 0, huge * 2 - 1, 0);
    check_accepted(0, 1);
    put_one("a", 2, huge, 0, 0);
    check_accepted(0, 1);
}

static void test_types(void)
{
    static const uint32_t removed[] = {4, 5, 31, 32, 33, 36, 37, 38};
    unsigned bytes, named = 0;
    uint32_t type;
    size_t i;
    for (type = 0; type < 43; type++) {
        const unsigned block = otx_gguf_type_block(type, &bytes);
        const otx_dtype dtype = otx_gguf_type_dtype(type);
        if (!otx_gguf_type_name(type)) continue;
        named++;
        put_one("a", 2, block * 2, 3, type);
        check_read(0, 1);
        CHECK_INT(file.types[0], type);
        CHECK_INT(file.tensors[0].dtype, dtype);
        CHECK_INT(file.tensors[0].end - file.tensors[0].begin, 6 * bytes);
        otx_gguf_close(NULL, &file);
        if (dtype != OTX_OPAQUE) { /* two tables say the same */
            unsigned other;
            CHECK_STRING(otx_dtype_name(dtype), otx_gguf_type_name(type));
            CHECK_INT(otx_dtype_block(dtype, &other), block);
            CHECK_INT(other, bytes);
            CHECK_INT(otx_gguf_type_of(dtype), type);
        }
        if (block == 1) continue;
        put_one("a", 2, block - 1, block, type);
        CHECK_INT(open_with(NULL, gguf_size), OTX_ERROR_FORMAT);
        CHECK_CONTAINS(error.message, "has rows that are no whole number of its type's blocks");
    }
    CHECK_INT(named, 43 - COUNT(removed));
    for (i = 0; i < COUNT(removed); i++) {
        put_one("a", 1, 32, 0, removed[i]);
        CHECK_INT(open_with(NULL, gguf_size), OTX_ERROR_UNSUPPORTED);
        CHECK_CONTAINS(error.message, "which was removed from ggml");
        CHECK_INT(otx_gguf_type_dtype(removed[i]), OTX_DTYPE_NONE);
    }
    put_one("a", 1, 32, 0, 43);
    check_refused("tensor \"a\" has ggml's type 43, which is not known");
    put_one("a", 1, 32, 0, UINT32_MAX);
    check_refused("tensor \"a\" has ggml's type 4294967295, which is not known");
    CHECK_INT(otx_gguf_type_of(OTX_OPAQUE), UINT32_MAX);
    CHECK_INT(otx_gguf_type_of(OTX_DTYPE_NONE), UINT32_MAX);
    CHECK_INT(otx_gguf_type_of(OTX_F8_E4M3), UINT32_MAX);
    CHECK_INT(otx_gguf_type_block(99, &bytes), 0);
    CHECK_INT(bytes, 0);
}

static void test_offsets(void)
{
    put_start(2, 0);
    put_tensor("a", 1, 3, 0, 0, 0);
    put_tensor("b", 1, 8, 0, 0, 64);
    put_padding(32);
    put_data(128);
    check_refused("tensor \"b\" (F32 [8]) has the offset 64, but the bytes before it end at 32, "
                  "padded to 32");
    put_start(2, 0); /* the other way round is a hole, too */
    put_tensor("b", 1, 8, 0, 0, 32);
    put_tensor("a", 1, 8, 0, 0, 0);
    put_padding(32);
    put_data(64);
    check_refused("tensor \"b\" (F32 [8]) has the offset 32, but the bytes before it end at 0, "
                  "padded to 32");
    put_start(2, 0); /* and sharing */
    put_tensor("a", 1, 8, 0, 0, 0);
    put_tensor("b", 1, 8, 0, 0, 0);
    put_padding(32);
    put_data(64);
    check_refused("tensor \"b\" (F32 [8]) has the offset 0, but the bytes before it end at 32, "
                  "padded to 32");
    put_one("a", 1, 8, 0, 0);
    memset(gguf_bytes + 24 + 9 + 4 + 8 + 4, 0xff, 8);
    check_refused("tensor \"a\" (F32 [8]) has an offset of 2^63 or more");
    put_start(2, 0); /* the last need not be padded: llama.cpp does not ask for it */
    put_tensor("a", 1, 3, 0, 0, 0);
    put_tensor("b", 1, 3, 0, 0, 32);
    put_padding(32);
    put_data(32 + 12);
    check_read(0, 2);
    CHECK_INT(file.tensors[1].end, gguf_size);
    otx_gguf_close(NULL, &file);
    gguf_size--;
    check_refused("tensor \"b\" (F32 [3]) takes 12 bytes at offset 128, but the file is cut "
                  "short: it has 139");
    gguf_size = 24 + 2 * 33; /* behind the header there is nothing */
    check_refused("tensor \"a\" (F32 [3]) takes 12 bytes at offset 96, but the file is cut "
                  "short: it has 90");
}

/* Every beginning of a file is refused, and nothing is read beyond it. */
static void test_cut(void)
{
    size_t whole, size;
    put_model();
    whole = gguf_size;
    for (size = 0; size < whole; size++) {
        CHECK_INT(open_with(NULL, size), OTX_ERROR_FORMAT);
        CHECK(!file.memory);
    }
    CHECK_INT(open_with(NULL, whole), OTX_OK);
    otx_gguf_close(NULL, &file);
}

static void test_no_memory(void)
{
    failing state;
    otx_context ctx;
    long i;
    put_model();
    for (i = 1;; i++) {
        otx_result result;
        memset(&state, 0, sizeof state);
        memset(&ctx, 0, sizeof ctx);
        state.fail_at = i;
        ctx.allocator.resize = failing_resize;
        ctx.allocator.context = &state;
        result = open_with(&ctx, gguf_size);
        if (!result) otx_gguf_close(&ctx, &file);
        CHECK_INT(state.live, 0);
        CHECK_INT(state.wrong_size, 0);
        if (!result) break;
        CHECK_INT(result, OTX_ERROR_MEMORY);
    }
    CHECK_INT(i, 3); /* a piece of the file, and the block that is kept */
}

/* ---- sources that are large, or fail ---- */

typedef struct pretence {
    size_t reads, most; /* how often it was read, and how far */
    size_t fail_from;   /* bytes from here on cannot be read */
} pretence;

/* What was written, and zeros behind it. */
static bool pretend(void *context, uint64_t offset, void *buffer, size_t size)
{
    pretence *p = (pretence *)context;
    size_t i;
    p->reads++;
    if (offset + size > p->most) p->most = (size_t)offset + size;
    if (p->fail_from && offset + size > p->fail_from) return false;
    for (i = 0; i < size; i++)
        ((unsigned char *)buffer)[i] = offset + i < gguf_size ? gguf_bytes[offset + i] : 0;
    return true;
}

static otx_result open_pretence(pretence *p, uint64_t size, failing *state)
{
    otx_source source;
    otx_context ctx;
    otx_result result;
    memset(state, 0, sizeof *state);
    memset(&ctx, 0, sizeof ctx);
    ctx.allocator.resize = failing_resize;
    ctx.allocator.context = state;
    source.read = pretend;
    source.context = p;
    source.size = size;
    result = otx_gguf_open(&ctx, &source, "F", &file, &error);
    if (!result) otx_gguf_close(&ctx, &file);
    CHECK_INT(state->live, 0);
    return result;
}

/* A large file of which only the header is read, in few pieces; and one that lies of its
   counts, which is read no further than it has to be. */
static void test_pieces(void)
{
    failing state;
    pretence p;
    size_t i;
    memset(&p, 0, sizeof p);
    put_start(0, 1);
    put_key_array("a", 4, 100000);
    for (i = 0; i < 100000; i++) put_u32(i);
    CHECK_INT(open_pretence(&p, (uint64_t)1 << 40, &state), OTX_OK);
    CHECK(p.reads <= 3 && p.most < 1000000);
    p.most = p.reads = 0;
    put_start(0, 1);
    put_key_array("a", GGUF_STRING, (uint64_t)1 << 30);
    put_u64((uint64_t)1 << 41);
    CHECK_INT(open_pretence(&p, (uint64_t)1 << 40, &state), OTX_ERROR_LIMIT);
    CHECK(p.reads == 1 && p.most <= 65536);
    put_start(0, 2);
    put_key_array("a", 12, (uint64_t)1 << 27); /* 2^30 bytes of f64 */
    p.most = 0;
    CHECK_INT(open_pretence(&p, (uint64_t)1 << 40, &state), OTX_ERROR_LIMIT);
    CHECK_STRING(error.message, "F: key \"a\" ends at byte 1073741873, and a header may have "
                                "1073741824");
    CHECK(p.most <= 65536);
    put_start((uint64_t)1 << 31, 0);
    CHECK_INT(open_pretence(&p, (uint64_t)1 << 40, &state), OTX_ERROR_LIMIT);
    CHECK_STRING(error.message, "F: 0 keys and 2147483648 tensors, and at most 1073741824 are "
                                "allowed");
}

static void test_short_reads(void)
{
    failing state;
    pretence p;
    size_t i;
    memset(&p, 0, sizeof p);
    put_start(0, 1);
    put_key_array("a", 4, 100000);
    for (i = 0; i < 100000; i++) put_u32(i);
    p.fail_from = 10;
    CHECK_INT(open_pretence(&p, (uint64_t)1 << 40, &state), OTX_ERROR_IO);
    CHECK_STRING(error.message, "F: the header could not be read, 65536 bytes at offset 0");
    p.fail_from = 65537;
    CHECK_INT(open_pretence(&p, (uint64_t)1 << 40, &state), OTX_ERROR_IO);
    CHECK_CONTAINS(error.message, " bytes at offset 65536");
}

int main(void)
{
    RUN(test_prefix);
    RUN(test_versions);
    RUN(test_counts);
    RUN(test_keys);
    RUN(test_values);
    RUN(test_arrays);
    RUN(test_elements);
    RUN(test_strings);
    RUN(test_alignment);
    RUN(test_names);
    RUN(test_shapes);
    RUN(test_types);
    RUN(test_offsets);
    RUN(test_cut);
    RUN(test_no_memory);
    RUN(test_pieces);
    RUN(test_short_reads);
    free(gguf_bytes);
    return test_end();
}

/* The layout of GGUF files to be written, and lists of keys that are being made.
   A suite that looks at private functions: it includes the implementation. */
#define OTX_STATIC
#define OMP_TRANSPLANT_IMPLEMENTATION
#include "omp_transplant.h"
#include "test.h"
#include "failing.h"
#include "gguf_files.h"

static otx_gguf file;
static otx_error error;

/* ---- files ---- */

static otx_gguf_layout layout;

/* What was written is read and laid out again: the same bytes. */
static void check_same(void)
{
    otx_source source = otx_source_memory(gguf_bytes, gguf_size);
    size_t i;
    CHECK_INT(otx_gguf_open(NULL, &source, "F", &file, &error), OTX_OK);
    CHECK_INT(otx_gguf_layout_open(NULL, file.keys, file.key_count, file.tensors, file.types,
                                   file.tensor_count, &layout, &error), OTX_OK);
    CHECK_INT(layout.header_size, file.data_begin);
    CHECK(layout.header_size <= gguf_size &&
          memcmp(layout.header, gguf_bytes, layout.header_size) == 0);
    CHECK_INT(layout.count, file.tensor_count);
    for (i = 0; i < layout.count; i++) CHECK_INT(layout.offsets[i], file.tensors[i].begin);
    CHECK_INT(layout.file_size, !file.tensor_count ? gguf_size
                                : (gguf_size + file.alignment - 1) / file.alignment *
                                      file.alignment);
    otx_gguf_layout_close(NULL, &layout);
    otx_gguf_close(NULL, &file);
}

static void test_written_again(void)
{
    unsigned type;
    put_model();
    check_same();
    put_start(2, 1); /* another alignment */
    put_key_u32("general.alignment", 64);
    put_tensor("a", 0, 0, 0, 0, 0);
    put_tensor("b", 2, 256, 2, 14, 64);
    put_padding(64);
    put_data(64 + 448);
    check_same();
    put_start(0, 12); /* every type of values */
    for (type = 0; type < 13; type++) {
        char name[2] = {(char)('a' + type), 0};
        if (type == GGUF_ARRAY) continue;
        put_key_array(name, type, type % 3);
        put_number(0, type % 3 * (type == GGUF_STRING ? 8 : type > 8 ? 8 :
                                  type == 0 || type == 1 || type == 7 ? 1 : type < 4 ? 2 : 4));
    }
    check_same(); /* no padding without tensors */
}

/* Keys and tensors that cannot be written. */
static void check_not_written(const otx_gguf_key *keys, size_t key_count,
                              const otx_tensor *tensors, const uint32_t *types, size_t count,
                              const char *message)
{
    CHECK_INT(otx_gguf_layout_open(NULL, keys, key_count, tensors, types, count, &layout,
                                   &error), OTX_ERROR_ARGUMENT);
    CHECK_STRING(error.message, message);
    CHECK(!layout.header && !layout.offsets && layout.count == 0);
}

static otx_gguf_key key_of(const char *name, otx_gguf_type type, bool array, uint64_t count,
                           const char *data, size_t size)
{
    otx_gguf_key key;
    key.name = name;
    key.name_size = strlen(name);
    key.type = type;
    key.array = array;
    key.count = count;
    key.data = data;
    key.size = size;
    return key;
}

static void test_unwritten_keys(void)
{
    static const char zeros[16] = {0};
    otx_gguf_key keys[2];
    keys[0] = key_of("", OTX_GGUF_U32, false, 1, zeros, 4);
    check_not_written(keys, 1, NULL, NULL, 0, "key \"\" has no name");
    keys[0] = key_of("a", OTX_GGUF_U32, false, 1, zeros, 4);
    keys[1] = key_of("a", OTX_GGUF_U8, false, 1, zeros, 1);
    check_not_written(keys, 2, NULL, NULL, 0, "key \"a\" occurs twice");
    keys[0] = key_of("a", OTX_GGUF_ARRAY, false, 1, zeros, 4);
    check_not_written(keys, 1, NULL, NULL, 0, "key \"a\" has an unknown type");
    keys[0] = key_of("a", OTX_GGUF_U32, false, 2, zeros, 8);
    check_not_written(keys, 1, NULL, NULL, 0, "key \"a\" is no array, and has not one element");
    keys[0] = key_of("a", OTX_GGUF_U32, true, 2, zeros, 9);
    check_not_written(keys, 1, NULL, NULL, 0, "key \"a\" has a size that is not its count's");
    keys[0] = key_of("a", OTX_GGUF_STRING, true, 2, zeros, 15);
    check_not_written(keys, 1, NULL, NULL, 0, "key \"a\" has strings that do not fill its bytes");
    keys[0] = key_of("a", OTX_GGUF_STRING, true, 1, zeros, 16);
    check_not_written(keys, 1, NULL, NULL, 0, "key \"a\" has strings that do not fill its bytes");
    keys[0] = key_of("general.alignment", OTX_GGUF_U32, false, 1, zeros, 4);
    check_not_written(keys, 1, NULL, NULL, 0,
                      "key \"general.alignment\" is no power of two");
}

static void test_unwritten_tensors(void)
{
    const uint64_t shape[5] = {2, 16, 1, 1, 1}, huge[2] = {UINT64_C(1) << 40, UINT64_C(1) << 21};
    const uint64_t most = (UINT64_C(1) << 63) - (UINT64_C(1) << 31) - 1;
    uint32_t types[2] = {0, 0};
    otx_tensor tensors[2];
    char name[65];
    memset(tensors, 0, sizeof tensors);
    memset(name, 'n', 64);
    name[64] = 0;
    tensors[0].name = tensors[1].name = "a";
    tensors[0].name_size = tensors[1].name_size = 1;
    tensors[0].shape = tensors[1].shape = shape;
    tensors[0].rank = tensors[1].rank = 2;
    check_not_written(NULL, 0, tensors, types, 2, "tensor \"a\" occurs twice");
    types[0] = 4;
    check_not_written(NULL, 0, tensors, types, 1, "tensor \"a\" (? [2, 16]) has an unknown type");
    types[0] = 8;
    check_not_written(NULL, 0, tensors, types, 1, "tensor \"a\" (Q8_0 [2, 16]) has rows that are "
                                                  "no whole number of its type's blocks");
    types[0] = 0;
    tensors[0].rank = 5;
    check_not_written(NULL, 0, tensors, types, 1,
                      "tensor \"a\" (F32 [2, 16, 1, 1, 1]) has more than 4 dimensions");
    tensors[0].rank = 2;
    tensors[0].shape = huge;
    check_not_written(NULL, 0, tensors, types, 1, "tensor \"a\" (F32 [1099511627776, 2097152]) has "
                                                  "2^63 bytes or more");
    /* The first fills a file up, with padding beyond what the second is measured by. */
    tensors[0].shape = &most;
    tensors[0].rank = 1;
    tensors[1].name = "b";
    types[0] = 24;
    check_not_written(NULL, 0, tensors, types, 2,
                      "tensor \"b\" (F32 [2, 16]) makes the file larger than files can be");
    types[0] = 0;
    tensors[0].rank = 2;
    tensors[0].shape = shape;
    tensors[0].name = "a\0b";
    tensors[0].name_size = 3;
    check_not_written(NULL, 0, tensors, types, 1,
                      "tensor \"a\\x00b\" (F32 [2, 16]) has a NUL in its name");
    tensors[0].name = name;
    tensors[0].name_size = 64;
    CHECK_INT(otx_gguf_layout_open(NULL, NULL, 0, tensors, types, 1, &layout, &error),
              OTX_ERROR_ARGUMENT);
    CHECK_CONTAINS(error.message, "has a name of more than 63 bytes");
}

static void test_layout_no_memory(void)
{
    otx_source source;
    failing state;
    otx_context ctx;
    long i;
    put_model();
    source = otx_source_memory(gguf_bytes, gguf_size);
    CHECK_INT(otx_gguf_open(NULL, &source, "F", &file, &error), OTX_OK);
    for (i = 1;; i++) {
        otx_result result;
        memset(&state, 0, sizeof state);
        memset(&ctx, 0, sizeof ctx);
        state.fail_at = i;
        ctx.allocator.resize = failing_resize;
        ctx.allocator.context = &state;
        result = otx_gguf_layout_open(&ctx, file.keys, file.key_count, file.tensors, file.types,
                                      file.tensor_count, &layout, &error);
        if (!result) otx_gguf_layout_close(&ctx, &layout);
        CHECK_INT(state.live, 0);
        CHECK_INT(state.wrong_size, 0);
        if (!result) break;
        CHECK_INT(result, OTX_ERROR_MEMORY);
    }
    CHECK(i > 5);
    otx_gguf_close(NULL, &file);
}

/* ---- lists of keys ---- */

/* That the keys of a finished list are these, with a space between them. */
static void check_list(const otx__gguf_list *list, const char *names)
{
    char seen[400] = "";
    size_t i;
    for (i = 0; i < list->count; i++) {
        if (i) strcat(seen, " ");
        strcat(seen, list->keys[i].name);
        CHECK_INT(list->keys[i].name_size, strlen(list->keys[i].name));
    }
    CHECK_STRING(seen, names);
}

static void test_list(void)
{
    otx_source source;
    otx__gguf_list list;
    otx_gguf_strings strings;
    otx__text text;
    int64_t value;
    double number;
    size_t i;
    put_model();
    source = otx_source_memory(gguf_bytes, gguf_size);
    CHECK_INT(otx_gguf_open(NULL, &source, "F", &file, &error), OTX_OK);
    otx__gguf_list_open(&list, NULL);
    CHECK(!otx__gguf_find_in(&list, "a"));
    otx__gguf_remove(&list, "a");
    for (i = 0; i < file.key_count; i++) otx__gguf_add(&list, &file.keys[i]);
    otx_gguf_close(NULL, &file); /* the list has copies */
    otx__gguf_add_u32(&list, "llama.block_count", 7);      /* in its place */
    otx__gguf_add_string(&list, "general.name", "N\0M", 3); /* last */
    otx__gguf_remove(&list, "tokenizer.ggml.add_bos_token");
    otx__gguf_remove(&list, "tokenizer.ggml.tokens");
    CHECK(!otx__gguf_find_in(&list, "tokenizer.ggml.tokens"));
    otx__gguf_add_bool(&list, "tokenizer.ggml.add_bos_token", false); /* back where it was */
    otx__text_open(&text, NULL);
    otx__gguf_text_i32(&text, -5);
    otx__gguf_text_i32(&text, 6);
    otx__gguf_add_text(&list, "i", OTX_GGUF_I32, 2, &text);
    text.size = 0;
    otx__gguf_text_f32(&text, -0.5f);
    otx__gguf_add_text(&list, "f", OTX_GGUF_F32, 1, &text);
    text.size = 0;
    otx__gguf_text_string(&text, "", 0);
    otx__gguf_text_string(&text, "xy", 2);
    otx__gguf_add_text(&list, "s", OTX_GGUF_STRING, 2, &text);
    otx__text_close(&text);
    CHECK_INT(otx__gguf_list_finish(&list, &error), OTX_OK);
    check_list(&list, "general.architecture llama.block_count tokenizer.ggml.token_type "
                      "tokenizer.ggml.add_bos_token general.name i f s");
    CHECK(otx_gguf_integer(otx__gguf_find_in(&list, "llama.block_count"), 0, &value));
    CHECK_INT(value, 7);
    CHECK(otx_gguf_integer(otx__gguf_find_in(&list, "tokenizer.ggml.add_bos_token"), 0, &value));
    CHECK_INT(value, 0);
    CHECK(otx_gguf_integer(otx__gguf_find_in(&list, "i"), 0, &value) && value == -5);
    CHECK(otx_gguf_number(otx__gguf_find_in(&list, "f"), 0, &number) && number == -0.5);
    memset(&strings, 0, sizeof strings);
    CHECK(otx_gguf_next(otx__gguf_find_in(&list, "general.name"), &strings));
    CHECK(strings.size == 3 && memcmp(strings.bytes, "N\0M", 3) == 0);
    memset(&strings, 0, sizeof strings);
    CHECK(otx_gguf_next(otx__gguf_find_in(&list, "s"), &strings) && strings.size == 0);
    CHECK(otx_gguf_next(otx__gguf_find_in(&list, "s"), &strings) && strings.size == 2);
    /* what it holds can be written, and read again */
    CHECK_INT(otx_gguf_layout_open(NULL, list.keys, list.count, NULL, NULL, 0, &layout, &error),
              OTX_OK);
    source = otx_source_memory(layout.header, layout.header_size);
    CHECK_INT(otx_gguf_open(NULL, &source, "F", &file, &error), OTX_OK);
    CHECK_INT(file.key_count, 8);
    otx_gguf_close(NULL, &file);
    otx_gguf_layout_close(NULL, &layout);
    otx__gguf_list_close(&list);
}

/* Many keys, added, replaced, found and removed: a table that grows. */
static void test_long_list(void)
{
    enum { COUNT_ = 3000 };
    otx__gguf_list list;
    char name[16];
    int64_t value;
    uint32_t i;
    otx__gguf_list_open(&list, NULL);
    for (i = 0; i < 2 * COUNT_; i++) {
        snprintf(name, sizeof name, "k%u", (unsigned)(i % COUNT_));
        otx__gguf_add_u32(&list, name, i);
    }
    for (i = 0; i < COUNT_; i += 2) {
        snprintf(name, sizeof name, "k%u", (unsigned)i);
        otx__gguf_remove(&list, name);
    }
    CHECK_INT(otx__gguf_list_finish(&list, &error), OTX_OK);
    CHECK_INT(list.count, COUNT_ / 2);
    for (i = 0; i < COUNT_; i++) {
        const otx_gguf_key *key;
        snprintf(name, sizeof name, "k%u", (unsigned)i);
        key = otx__gguf_find_in(&list, name);
        CHECK((key != NULL) == (i % 2 == 1));
        if (!key) continue;
        CHECK(key == &list.keys[i / 2] && otx_gguf_integer(key, 0, &value));
        CHECK_INT(value, COUNT_ + i);
    }
    otx__gguf_list_close(&list);
}

static void test_list_no_memory(void)
{
    failing state;
    otx_context ctx;
    long i;
    for (i = 1;; i++) {
        otx__gguf_list list;
        otx_result result;
        char name[8];
        unsigned j;
        memset(&state, 0, sizeof state);
        memset(&ctx, 0, sizeof ctx);
        state.fail_at = i;
        ctx.allocator.resize = failing_resize;
        ctx.allocator.context = &state;
        otx__gguf_list_open(&list, &ctx);
        for (j = 0; j < 40; j++) {
            snprintf(name, sizeof name, "k%u", j % 36);
            if (j % 3) otx__gguf_add_u32(&list, name, j);
            else otx__gguf_add_string(&list, name, name, strlen(name));
        }
        result = otx__gguf_list_finish(&list, &error);
        otx__gguf_list_close(&list);
        CHECK_INT(state.live, 0);
        CHECK_INT(state.wrong_size, 0);
        if (!result) break;
        CHECK_INT(result, OTX_ERROR_MEMORY);
        CHECK_CONTAINS(error.message, "out of memory");
    }
    CHECK(i > 40);
}

int main(void)
{
    RUN(test_written_again);
    RUN(test_unwritten_keys);
    RUN(test_unwritten_tensors);
    RUN(test_layout_no_memory);
    RUN(test_list);
    RUN(test_long_list);
    RUN(test_list_no_memory);
    free(gguf_bytes);
    return test_end();
}

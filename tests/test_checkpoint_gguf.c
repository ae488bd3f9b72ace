/* Checkpoints that are GGUF files: one file, a split one, a directory, reading tensors.
   A suite of the public API: linked with the implementation. */
#include "omp_transplant.h"
#include "failing.h"
#include "gguf_files.h"
#include "scratch.h"
#include "test.h"

static otx_error error;
static otx_checkpoint checkpoint;

static void check_refused(const char *name, otx_result wanted, const char *part)
{
    CHECK_INT(otx_checkpoint_open(NULL, at(name), &checkpoint, &error), wanted);
    CHECK_CONTAINS(error.message, part);
    CHECK(!checkpoint.path && !checkpoint.files && !checkpoint.tensors);
}

/* Opens what must be a model of so many files and tensors; the caller closes it. */
static bool check_opened(const char *name, size_t files, size_t tensors)
{
    otx_result result = otx_checkpoint_open(NULL, at(name), &checkpoint, &error);
    CHECK_STRING(result ? error.message : "", "");
    CHECK_INT(checkpoint.file_count, files);
    CHECK_INT(checkpoint.tensor_count, tensors);
    CHECK(result || (checkpoint.gguf && !checkpoint.sharded && !checkpoint.index));
    return !result;
}

static void put_file(const char *name)
{
    scratch_write(name, (const char *)gguf_bytes, gguf_size);
}

/* A part of a split file: the keys with these values, or without those that are negative,
   and a tensor of two F32 of each letter. */
static void put_part(const char *name, int number, int count, int tensors, const char *letters)
{
    size_t i, keys = (size_t)((number >= 0) + (count >= 0) + (tensors >= 0));
    put_start(strlen(letters), keys);
    if (number >= 0) put_key("split.no", 2), put_number((uint64_t)number, 2);
    if (tensors >= 0) put_key("split.tensors.count", 5), put_u32((uint64_t)tensors);
    if (count >= 0) put_key("split.count", 2), put_number((uint64_t)count, 2);
    for (i = 0; letters[i]; i++) {
        const char tensor[2] = {letters[i], 0};
        put_tensor(tensor, 1, 2, 0, 0, 32 * i);
    }
    put_padding(32);
    for (i = 0; letters[i]; i++) {
        put_u32(0x3f800000);               /* 1.0 and */
        put_u32(0x40000000 + (uint64_t)i); /* somewhat more than 2 */
        put_padding(32);
    }
    put_file(name);
}

static void test_one(void)
{
    const otx_checkpoint_tensor *tensor;
    put_model();
    put_file("model.gguf");
    put_file("blob"); /* known by what it holds */
    CHECK(check_opened("blob", 1, 3));
    otx_checkpoint_close(NULL, &checkpoint);
    if (!check_opened("model.gguf", 1, 3)) return;
    tensor = otx_checkpoint_find(&checkpoint, "token_embd.weight");
    CHECK(tensor && tensor->tensor->dtype == OTX_Q8_0);
    CHECK_INT(tensor->tensor->shape[0], 3);
    CHECK(tensor->tensor == otx_gguf_tensor(&checkpoint.files[0].gguf, "token_embd.weight"));
    CHECK(otx_safetensors_find(&checkpoint.files[0].header, "last", 4) ==
          otx_checkpoint_find(&checkpoint, "last")->tensor);
    CHECK(otx_gguf_find(&checkpoint.files[0].gguf, "general.architecture") != NULL);
    CHECK(!otx_checkpoint_find(&checkpoint, "output.weight"));
    otx_checkpoint_close(NULL, &checkpoint);
    scratch_text("bad.gguf", "words, and more words than are 24");
    check_refused("bad.gguf", OTX_ERROR_FORMAT, "/bad.gguf: does not begin with GGUF");
    scratch_write("short.gguf", (const char *)gguf_bytes, 30);
    check_refused("short.gguf", OTX_ERROR_FORMAT, "/short.gguf: ");
}

/* ---- directories ---- */

static void test_directory(void)
{
    scratch_directory("d");
    put_model();
    put_file("d/mmproj-model-f16.gguf");
    put_file("d/model.imatrix.gguf");
    check_refused("d", OTX_ERROR_UNSUPPORTED, "GGUF, but by its name no language model");
    put_file("d/model-Q8_0.gguf");
    CHECK(check_opened("d", 1, 3));
    CHECK_STRING(checkpoint.files ? checkpoint.files[0].name : "", "model-Q8_0.gguf");
    otx_checkpoint_close(NULL, &checkpoint);
    put_file("d/model-Q4_0.gguf");
    check_refused("d", OTX_ERROR_UNSUPPORTED, "but several other files of weights; give the path "
                                              "of one, such as ");
    CHECK_CONTAINS(error.message, "/d/model-Q4_0.gguf");
    scratch_remove("d/model-Q4_0.gguf");
    scratch_text("d/model-00001-of-00002.safetensors", ""); /* what is broken is told of */
    check_refused("d", OTX_ERROR_UNSUPPORTED, "a shard; put the index ");
    scratch_write("d/model.safetensors", "\2\0\0\0\0\0\0\0{}", 10); /* as before */
    CHECK_INT(otx_checkpoint_open(NULL, at("d"), &checkpoint, &error), OTX_OK);
    CHECK(!checkpoint.gguf && checkpoint.tensor_count == 0);
    otx_checkpoint_close(NULL, &checkpoint);
}

/* A split set is one model, also beside files that are none. */
static void test_split_directory(void)
{
    scratch_directory("s");
    put_part("s/m-00002-of-00002.gguf", 1, 2, 3, "a");
    check_refused("s", OTX_ERROR_UNSUPPORTED, "a part of a split GGUF file; put the first one");
    put_part("s/m-00001-of-00002.gguf", 0, 2, 3, "cb");
    put_part("s/mmproj.gguf", -1, -1, -1, "x");
    CHECK(check_opened("s", 2, 3));
    otx_checkpoint_close(NULL, &checkpoint);
    put_part("s/n.gguf", -1, -1, -1, "x");
    check_refused("s", OTX_ERROR_UNSUPPORTED, "/s/m-00001-of-00002.gguf");
}

/* ---- split files ---- */

#define FIRST "m-00001-of-00003.gguf"
#define SECOND "m-00002-of-00003.gguf"
#define THIRD "m-00003-of-00003.gguf"

static void put_parts(void)
{
    put_part(FIRST, 0, 3, 3, "");
    put_part(SECOND, 1, 3, 3, "cb");
    put_part(THIRD, 2, 3, 3, "a");
}

static void test_split(void)
{
    const otx_checkpoint_tensor *tensor;
    float values[2];
    put_parts();
    if (!check_opened(FIRST, 3, 3)) return;
    tensor = otx_checkpoint_find(&checkpoint, "b");
    CHECK(tensor && tensor->file == 1);
    CHECK_INT(otx_checkpoint_read(&checkpoint, tensor, 0, 2, values, &error), OTX_OK);
    CHECK(values[0] == 1.0f && values[1] > 2.0f && values[1] < 2.1f);
    CHECK_STRING(checkpoint.files[2].name, THIRD);
    otx_checkpoint_close(NULL, &checkpoint);
    check_refused(SECOND, OTX_ERROR_MISMATCH, "\"" SECOND "\" is part 2 of 3 of a split GGUF "
                                              "file; give the first, \"" FIRST "\"");
    put_part("whole.gguf", 0, 1, 1, "a"); /* split into one */
    CHECK(check_opened("whole.gguf", 1, 1));
    otx_checkpoint_close(NULL, &checkpoint);
    put_part("whole.gguf", 0, 3, 1, "a");
    check_refused("whole.gguf", OTX_ERROR_MISMATCH, "then its name must be "
                                                    "\"whole-00001-of-00003.gguf\"");
    put_part("w-00001-of-00002.gguf", 0, 3, 1, "a");
    check_refused("w-00001-of-00002.gguf", OTX_ERROR_MISMATCH, "\"w-00001-of-00003.gguf\"");
    put_part("w-00002-of-00003.gguf", -1, -1, -1, "a"); /* the name alone is no sign */
    CHECK(check_opened("w-00002-of-00003.gguf", 1, 1));
    otx_checkpoint_close(NULL, &checkpoint);
}

static void test_split_wrong(void)
{
    put_parts();
    put_part(THIRD, 1, 3, 3, "a");
    check_refused(FIRST, OTX_ERROR_MISMATCH, "\"" THIRD "\" says that it is part 2 of 3, and not 3 "
                                             "of 3");
    put_part(THIRD, 2, 4, 3, "a");
    check_refused(FIRST, OTX_ERROR_MISMATCH, "says that it is part 3 of 4, and not 3 of 3");
    put_part(THIRD, -1, 3, 3, "a");
    check_refused(FIRST, OTX_ERROR_FORMAT, "\"" THIRD "\": key \"split.no\", which every part of a "
                                           "split file has, is missing");
    put_part(THIRD, 2, -1, 3, "a");
    check_refused(FIRST, OTX_ERROR_FORMAT, "key \"split.count\"");
    put_part(THIRD, 2, 3, 3, "ad");
    check_refused(FIRST, OTX_ERROR_MISMATCH, "have 4 tensors, and the first says 3");
    put_part(THIRD, 2, 3, 3, "b");
    check_refused(FIRST, OTX_ERROR_MISMATCH, "have 3 tensors, and 2 names for them");
    put_part(THIRD, 2, 3, 3, "a");
    put_part(FIRST, 0, 3, -1, "");
    check_refused(FIRST, OTX_ERROR_FORMAT, "key \"split.tensors.count\"");
    put_start(0, 1);
    put_key_string("split.count", "3");
    put_file(FIRST);
    check_refused(FIRST, OTX_ERROR_FORMAT, "\"split.count\", which every part of a split file has, "
                                           "is no number that it can be");
    put_parts();
    scratch_remove(SECOND);
    check_refused(FIRST, OTX_ERROR_MISMATCH, "/" SECOND ": is missing, but the model is split");
}

static void test_no_memory(void)
{
    failing state;
    otx_context ctx;
    long i;
    put_parts();
    for (i = 1;; i++) {
        otx_result result;
        memset(&state, 0, sizeof state);
        memset(&ctx, 0, sizeof ctx);
        state.fail_at = i;
        ctx.allocator.resize = failing_resize;
        ctx.allocator.context = &state;
        result = otx_checkpoint_open(&ctx, at(FIRST), &checkpoint, &error);
        if (!result) otx_checkpoint_close(&ctx, &checkpoint);
        CHECK_INT(state.live, 0);
        CHECK_INT(state.wrong_size, 0);
        if (!result) break;
        CHECK_INT(result, OTX_ERROR_MEMORY);
    }
    CHECK(i > 10);
}

/* ---- reading ---- */

/* Blocks of Q8_0: half-precision scales of 1 and 2, and small whole numbers. */
static void test_blocks(void)
{
    const otx_checkpoint_tensor *tensor;
    float values[128];
    size_t i, j;
    put_start(2, 0);
    put_tensor("q", 2, 64, 2, 8, 0);
    put_tensor("i", 1, 256, 0, 21, 160);
    put_padding(32);
    for (i = 0; i < 4; i++) {
        put_number(i % 2 ? 0x4000 : 0x3c00, 2);
        for (j = 0; j < 32; j++) put_number(i * 32 + j - 64, 1);
    }
    put_padding(32);
    put_data(110);
    put_file("blocks.gguf");
    if (!check_opened("blocks.gguf", 1, 2)) return;
    tensor = otx_checkpoint_find(&checkpoint, "q");
    CHECK_INT(otx_checkpoint_read(&checkpoint, tensor, 0, 128, values, &error), OTX_OK);
    for (i = 0; i < 128; i++)
        CHECK(values[i] == (float)((int)i - 64) * (i / 32 % 2 ? 2.0f : 1.0f));
    memset(values, 0, sizeof values);
    CHECK_INT(otx_checkpoint_read(&checkpoint, tensor, 64, 32, values, &error), OTX_OK);
    for (i = 0; i < 32; i++) CHECK(values[i] == (float)i);
    CHECK(values[32] == 0);
    CHECK_INT(otx_checkpoint_read(&checkpoint, tensor, 64, 0, values, &error), OTX_OK);
    CHECK_INT(otx_checkpoint_read(&checkpoint, tensor, 0, 16, values, &error),
              OTX_ERROR_ARGUMENT);
    CHECK_STRING(error.message, "tensor \"q\": 16 elements from 0 on are no whole blocks of 32");
    CHECK_INT(otx_checkpoint_read(&checkpoint, tensor, 8, 32, values, &error),
              OTX_ERROR_ARGUMENT);
    CHECK_INT(otx_checkpoint_read(&checkpoint, tensor, 96, 64, values, &error),
              OTX_ERROR_ARGUMENT);
    CHECK_CONTAINS(error.message, "has 136 bytes; 68 from byte 102 on are beyond it");
    CHECK_INT(otx_checkpoint_read(&checkpoint, tensor, 0, SIZE_MAX / 32 * 32, values, &error),
              OTX_ERROR_ARGUMENT);
    tensor = otx_checkpoint_find(&checkpoint, "i");
    CHECK_INT(otx_checkpoint_read(&checkpoint, tensor, 0, 256, values, &error),
              OTX_ERROR_UNSUPPORTED);
    CHECK_STRING(error.message, "tensor \"i\": cannot read elements of type IQ3_S");
    otx_checkpoint_close(NULL, &checkpoint);
}

int main(void)
{
    scratch_open("checkpoint_gguf");
    RUN(test_one);
    RUN(test_directory);
    RUN(test_split_directory);
    RUN(test_split);
    RUN(test_split_wrong);
    RUN(test_no_memory);
    RUN(test_blocks);
    scratch_close();
    free(gguf_bytes);
    return test_end();
}

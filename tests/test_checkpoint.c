/* Model directories: one file, shards, what is refused, and reading tensors.
   A suite of the public API: linked with the implementation. */
#include "omp_transplant.h"
#include "failing.h"
#include "scratch.h"
#include "test.h"

#define INDEX "model.safetensors.index.json"

static otx_error error;

/* Writes a safetensors file: a header and `size` bytes. */
static void put_file(const char *name, const char *header, const void *data, size_t size)
{
    char file[4000];
    size_t length = strlen(header), i;
    for (i = 0; i < 8; i++) file[i] = (char)((uint64_t)length >> 8 * i & 0xff);
    memcpy(file + 8, header, length);
    memcpy(file + 8 + length, data, size);
    scratch_write(name, file, 8 + length + size);
}

/* Writes a file with one F32 tensor of shape [2] for each letter of `tensors`:
   its values are 1 and the letter's code. */
static void put_shard(const char *name, const char *tensors)
{
    unsigned char data[400];
    char header[2000] = "{";
    size_t i, j, size = 0;
    for (i = 0; tensors[i]; i++) {
        const float values[2] = {1.0f, (float)tensors[i]};
        snprintf(header + strlen(header), sizeof header - strlen(header),
                 "%s\"%c\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[%u,%u]}",
                 i ? "," : "", tensors[i], (unsigned)size, (unsigned)size + 8);
        for (j = 0; j < 8; j++) {
            uint32_t bits;
            memcpy(&bits, &values[j / 4], sizeof bits);
            data[size++] = (unsigned char)(bits >> 8 * (j % 4));
        }
    }
    strcat(header, "}");
    put_file(name, header, data, size);
}

/* Opens, closes; the result. */
static otx_result opened(const char *name)
{
    otx_checkpoint checkpoint;
    otx_result result = otx_checkpoint_open(NULL, at(name), &checkpoint, &error);
    if (!result) otx_checkpoint_close(NULL, &checkpoint);
    CHECK(checkpoint.path == NULL && checkpoint.files == NULL && checkpoint.tensors == NULL);
    if (!result) strcpy(error.message, "(none)");
    return result;
}

static void check_refused(const char *name, otx_result wanted, const char *part)
{
    CHECK_INT(opened(name), wanted);
    CHECK_CONTAINS(error.message, part);
}

/* A directory with the shards 1 (tensors a, b) and 2 (c), and an index. */
static void put_sharded(const char *name, const char *index)
{
    char path[200];
    scratch_directory(name);
    snprintf(path, sizeof path, "%s/1.safetensors", name);
    put_shard(path, "ba");
    snprintf(path, sizeof path, "%s/2.safetensors", name);
    put_shard(path, "c");
    snprintf(path, sizeof path, "%s/" INDEX, name);
    scratch_text(path, index);
}

static void check_value(const otx_checkpoint *checkpoint, const char *name, const char *file)
{
    const otx_checkpoint_tensor *tensor = otx_checkpoint_find(checkpoint, name);
    float values[2] = {0, 0};
    CHECK(tensor != NULL);
    if (!tensor) return;
    CHECK_STRING(checkpoint->files[tensor->file].name, file);
    CHECK_STRING(tensor->tensor->name, name);
    CHECK_INT(otx_checkpoint_read(checkpoint, tensor, 0, 2, values, &error), OTX_OK);
    CHECK_INT(values[0], 1);
    CHECK_INT(values[1], name[0]);
}

static void test_one_file(void)
{
    otx_checkpoint checkpoint;
    scratch_directory("one");
    put_shard("one/model.safetensors", "zbya");
    CHECK_INT(otx_checkpoint_open(NULL, at("one"), &checkpoint, &error), OTX_OK);
    CHECK(!checkpoint.sharded);
    CHECK_INT(checkpoint.file_count, 1);
    CHECK_INT(checkpoint.tensor_count, 4);
    CHECK_STRING(checkpoint.tensors[0].tensor->name, "a");
    CHECK_STRING(checkpoint.tensors[3].tensor->name, "z");
    check_value(&checkpoint, "a", "model.safetensors");
    check_value(&checkpoint, "b", "model.safetensors");
    check_value(&checkpoint, "y", "model.safetensors");
    check_value(&checkpoint, "z", "model.safetensors");
    CHECK(otx_checkpoint_find(&checkpoint, "c") == NULL);
    CHECK(otx_checkpoint_find(&checkpoint, "") == NULL);
    CHECK(otx_checkpoint_find(&checkpoint, "aa") == NULL);
    otx_checkpoint_close(NULL, &checkpoint);
    /* The file by its own path, whatever its name. */
    put_shard("one/other.safetensors", "q");
    CHECK_INT(otx_checkpoint_open(NULL, at("one/other.safetensors"), &checkpoint, &error),
              OTX_OK);
    CHECK_STRING(checkpoint.path, at("one"));
    check_value(&checkpoint, "q", "other.safetensors");
    otx_checkpoint_close(NULL, &checkpoint);
}

static void test_no_tensors(void)
{
    otx_checkpoint checkpoint;
    scratch_directory("bare");
    put_file("bare/model.safetensors", "{}", "", 0);
    CHECK_INT(otx_checkpoint_open(NULL, at("bare"), &checkpoint, &error), OTX_OK);
    CHECK_INT(checkpoint.tensor_count, 0);
    CHECK(otx_checkpoint_find(&checkpoint, "a") == NULL);
    otx_checkpoint_close(NULL, &checkpoint);
}

static void test_shards(void)
{
    otx_checkpoint checkpoint;
    put_sharded("good", "{\"metadata\":{\"total_size\":24},\"weight_map\":{"
                        "\"c\":\"2.safetensors\",\"\\u0061\":\"1.safetensors\","
                        "\"b\":\"\\u0031.safetensors\"}}");
    CHECK_INT(otx_checkpoint_open(NULL, at("good"), &checkpoint, &error), OTX_OK);
    CHECK(checkpoint.sharded);
    CHECK_INT(checkpoint.file_count, 2);
    CHECK_INT(checkpoint.tensor_count, 3);
    check_value(&checkpoint, "a", "1.safetensors");
    check_value(&checkpoint, "b", "1.safetensors");
    check_value(&checkpoint, "c", "2.safetensors");
    otx_checkpoint_close(NULL, &checkpoint);
    /* No "metadata", and a shard the index does not name: neither matters. */
    put_sharded("lean", "{\"weight_map\":{\"a\":\"1.safetensors\",\"b\":\"1.safetensors\"}}");
    CHECK_INT(opened("lean"), OTX_OK);
}

static void test_index_malformed(void)
{
    static const char *const cases[][2] = {
        {"", INDEX ":1:1: "},
        {"{", INDEX ":1:2: "},
        {"[]", "is not a JSON object"},
        {"{}", "has no \"weight_map\""},
        {"{\"weight_map\":[]}", "\"weight_map\" is not an object"},
        {"{\"weight_map\":{}}", "\"weight_map\" is empty"},
        {"{\"weight_map\":{\"a\":\"1.safetensors\"},\"weight_map\":{\"a\":\"x\"}}",
         "more than one \"weight_map\""},
        {"{\"weight_map\":{\"a\":\"1.safetensors\",\"b\":1}}",
         "the file of tensor \"b\" is not a string"},
        {"{\"weight_map\":{\"a\":\"1.safetensors\",\"b\":\"1.safetensors\","
         "\"a\":\"1.safetensors\"}}", "names tensor \"a\" twice"},
        {"{\"weight_map\":{\"a\":\"1.safetensors\",\"b\":\"1.safetensors\","
         "\"c\":\"2.safetensors\",\"a\":\"2.safetensors\"}}", "names tensor \"a\" twice"},
    };
    size_t i;
    for (i = 0; i < COUNT(cases); i++) {
        char name[20];
        snprintf(name, sizeof name, "bad%u", (unsigned)i);
        put_sharded(name, cases[i][0]);
        check_refused(name, OTX_ERROR_FORMAT, cases[i][1]);
    }
}

static void test_shard_names(void)
{
    static const char *const names[] = {
        "", ".", "..", "../one/model.safetensors", "/etc/passwd", "sub/1.safetensors",
        "..\\\\x", "C:x", "x:stream", "a\\u0000b", "a\\nb", ".hidden", "\\u007f",
        "1.safetensors.", "1.safetensors " /* on Windows the same as without its last byte */
    };
    char index[200];
    size_t i;
    for (i = 0; i < COUNT(names); i++) {
        char name[20];
        snprintf(index, sizeof index, "{\"weight_map\":{\"a\":\"%s\"}}", names[i]);
        snprintf(name, sizeof name, "name%u", (unsigned)i);
        put_sharded(name, index);
        check_refused(name, OTX_ERROR_FORMAT, "is not the name of a file within the directory");
    }
}

static void test_contradictions(void)
{
    put_sharded("missing", "{\"weight_map\":{\"a\":\"1.safetensors\",\"b\":\"1.safetensors\","
                           "\"c\":\"3.safetensors\"}}");
    check_refused("missing", OTX_ERROR_MISMATCH,
                  "/missing/3.safetensors: is missing, but the index names it");
    put_sharded("case", "{\"weight_map\":{\"a\":\"X.safetensors\",\"b\":\"x.safetensors\"}}");
    check_refused("case", OTX_ERROR_MISMATCH,
                  ".safetensors\" differ only in case");
    put_sharded("broken", "{\"weight_map\":{\"a\":\"1.safetensors\",\"b\":\"1.safetensors\"}}");
    scratch_text("broken/1.safetensors", "short");
    check_refused("broken", OTX_ERROR_FORMAT, "/broken/1.safetensors: ");
}

static char warnings[2000];

static void keep_warning(void *context, otx_severity severity, const char *message)
{
    size_t length = strlen(warnings);
    (void)context;
    CHECK_INT(severity, OTX_WARNING);
    snprintf(warnings + length, sizeof warnings - length, "%s\n", strstr(message, INDEX ": "));
}

/* Opens a directory whose index says something else than its shards; close it. */
static void open_differing(const char *name, const char *wanted, const char *absent,
                           otx_checkpoint *checkpoint)
{
    otx_context ctx;
    memset(&ctx, 0, sizeof ctx);
    ctx.log = keep_warning;
    warnings[0] = 0;
    CHECK_INT(otx_checkpoint_open(&ctx, at(name), checkpoint, &error), OTX_OK);
    CHECK_STRING(warnings, wanted);
    CHECK(checkpoint->index_differs == (wanted[0] != 0));
    CHECK_INT(checkpoint->absent_size, absent ? strlen(absent) + 1 : 0);
    if (absent) CHECK_STRING(checkpoint->absent, absent);
}

/* The tensors are those of the shards that the index names, whatever else it says. */
static void test_index_differs(void)
{
    otx_checkpoint c;
    put_sharded("true", "{\"weight_map\":{\"a\":\"1.safetensors\",\"b\":\"1.safetensors\","
                        "\"c\":\"2.safetensors\"}}");
    open_differing("true", "", NULL, &c);
    otx_checkpoint_close(NULL, &c);
    put_sharded("ghost", "{\"weight_map\":{\"a\":\"1.safetensors\",\"b\":\"1.safetensors\","
                         "\"c\":\"2.safetensors\",\"bb\":\"2.safetensors\"}}");
    open_differing("ghost", INDEX ": 1 tensors that it names are in no shard: \"bb\" in "
                   "\"2.safetensors\"\n", "bb", &c);
    CHECK_INT(c.tensor_count, 3);
    CHECK(otx_checkpoint_find(&c, "bb") == NULL);
    check_value(&c, "c", "2.safetensors");
    otx_checkpoint_close(NULL, &c);
    put_sharded("swapped", "{\"weight_map\":{\"a\":\"1.safetensors\",\"b\":\"2.safetensors\","
                           "\"c\":\"2.safetensors\"}}");
    open_differing("swapped", INDEX ": 1 tensors are read from another shard than it says: "
                   "\"b\" in \"1.safetensors\"\n", NULL, &c);
    check_value(&c, "b", "1.safetensors");
    otx_checkpoint_close(NULL, &c);
    put_sharded("unnamed", "{\"weight_map\":{\"c\":\"2.safetensors\",\"y\":\"1.safetensors\"}}");
    put_shard("unnamed/2.safetensors", "uvcwx");
    open_differing("unnamed", INDEX ": 1 tensors that it names are in no shard: \"y\" in "
                   "\"1.safetensors\"\n" INDEX ": 6 tensors are read that it does not name, as "
                   "transformers 5 does: \"a\" in \"1.safetensors\", \"b\" in \"1.safetensors\", "
                   "\"u\" in \"2.safetensors\", ...\n", "y", &c);
    CHECK_INT(c.tensor_count, 7);
    check_value(&c, "a", "1.safetensors");
    check_value(&c, "x", "2.safetensors");
    otx_checkpoint_close(NULL, &c);
}

/* Of tensors of one name that of the last shard counts, whichever the index names. */
static void test_repeated_tensors(void)
{
    static const char *const shards[] = {"1", "2"};
    char index[200];
    size_t i;
    for (i = 0; i < 2; i++) {
        char name[20], shard[40];
        otx_checkpoint c;
        snprintf(name, sizeof name, "double%s", shards[i]);
        snprintf(shard, sizeof shard, "%s/2.safetensors", name);
        snprintf(index, sizeof index, "{\"weight_map\":{\"a\":\"1.safetensors\",\"b\":"
                 "\"%s.safetensors\",\"c\":\"2.safetensors\"}}", shards[i]);
        put_sharded(name, index);
        put_shard(shard, "cb");
        open_differing(name, i == 1 ? INDEX ": 1 tensors are not read, as a later shard has "
                       "them too and transformers reads that: \"b\" in \"1.safetensors\"\n"
                       : INDEX ": 1 tensors are read from another shard than it says: \"b\" in "
                       "\"2.safetensors\"\n" INDEX ": 1 tensors are not read, as a later shard "
                       "has them too and transformers reads that: \"b\" in \"1.safetensors\"\n",
                       NULL, &c);
        CHECK_INT(c.tensor_count, 3);
        check_value(&c, "a", "1.safetensors");
        check_value(&c, "b", "2.safetensors");
        check_value(&c, "c", "2.safetensors");
        otx_checkpoint_close(NULL, &c);
    }
}

static void test_both(void)
{
    scratch_directory("both");
    put_shard("both/model.safetensors", "a");
    scratch_text("both/" INDEX, "{\"weight_map\":{\"a\":\"model.safetensors\"}}");
    CHECK_INT(opened("both"), OTX_OK);
    put_sharded("stale", "{\"weight_map\":{\"a\":\"1.safetensors\",\"b\":\"1.safetensors\","
                         "\"c\":\"2.safetensors\"}}");
    CHECK_INT(opened("stale"), OTX_OK);
    put_shard("stale/model.safetensors", "abc");
    check_refused("stale", OTX_ERROR_MISMATCH, "remove the one that is out of date");
}

static void test_foreign(void)
{
    scratch_directory("f");
    check_refused("f", OTX_ERROR_NOT_FOUND, "/f: holds no model.safetensors and no " INDEX);
    scratch_text("f/pytorch_model.bin", "");
    check_refused("f", OTX_ERROR_UNSUPPORTED, "but \"pytorch_model.bin\": in Python, D being");
    check_refused("f/pytorch_model.bin", OTX_ERROR_UNSUPPORTED, "is neither a directory nor");
    scratch_text("f/consolidated.safetensors", "");
    check_refused("f", OTX_ERROR_UNSUPPORTED, "under the names of the original release");
    scratch_text("f/model-00002-of-00003.safetensors", "");
    check_refused("f", OTX_ERROR_UNSUPPORTED, "a shard; put the index " INDEX " beside it");
    scratch_text("f/adapter_model.safetensors", "");
    check_refused("f", OTX_ERROR_UNSUPPORTED, "is an adapter of the model \"?\"");
    scratch_directory("f/snapshots");
    check_refused("f", OTX_ERROR_UNSUPPORTED, "holds no snapshot of its model; download");
    scratch_directory("f/snapshots/abc");
    check_refused("f", OTX_ERROR_UNSUPPORTED, "/f: is a model's folder in a cache; give the dir");
    check_refused("f/snapshots", OTX_ERROR_UNSUPPORTED, "/f/snapshots/abc");
    scratch_directory("f/snapshots/aaa"); /* the newer, or as new and the first */
    check_refused("f", OTX_ERROR_UNSUPPORTED, "/f/snapshots/aaa");
    check_refused("absent", OTX_ERROR_NOT_FOUND, "/absent: cannot be opened: ");
}

/* Files and indexes under other names: one alone in a directory, or given by its path. */
static void test_variants(void)
{
    otx_checkpoint checkpoint;
    scratch_directory("odd");
    put_shard("odd/model.fp16.safetensors", "a");
    put_shard("odd/adapter_model.safetensors", "b"); /* no whole model */
    put_shard("odd/model-00001-of-00002.safetensors", "c");
    CHECK_INT(otx_checkpoint_open(NULL, at("odd"), &checkpoint, &error), OTX_OK);
    CHECK_STRING(checkpoint.files[0].name, "model.fp16.safetensors");
    CHECK(!checkpoint.index);
    otx_checkpoint_close(NULL, &checkpoint);
    scratch_text("odd/model.safetensors.index.fp16.json",
                 "{\"weight_map\":{\"c\":\"model-00001-of-00002.safetensors\"}}");
    check_refused("odd", OTX_ERROR_UNSUPPORTED, "several other files of weights; give the "
                                                "path of one, such as ");
    CHECK_INT(otx_checkpoint_open(NULL, at("odd/model.safetensors.index.fp16.json"),
                                  &checkpoint, &error), OTX_OK);
    CHECK_STRING(checkpoint.index, "model.safetensors.index.fp16.json");
    CHECK(checkpoint.sharded && checkpoint.tensor_count == 1);
    otx_checkpoint_close(NULL, &checkpoint);
    put_shard("odd/whatever", "d");
    CHECK_INT(opened("odd/whatever"), OTX_OK);
    CHECK_INT(opened("odd/adapter_model.safetensors"), OTX_OK);
}

static void test_hub_name(void)
{
    otx_checkpoint checkpoint;
    otx_vocab vocab;
    CHECK_INT(otx_checkpoint_open(NULL, "some-org/no-such-model-1.5B", &checkpoint, &error),
              OTX_ERROR_NOT_FOUND);
    CHECK_CONTAINS(error.message, "some-org/no-such-model-1.5B: no such file or directory; if "
                                  "it is a model on a hub, download it first");
    CHECK_INT(otx_vocab_open(NULL, "some-org/no-such-model-1.5B", &vocab, &error),
              OTX_ERROR_NOT_FOUND);
    CHECK_CONTAINS(error.message, "download it first");
}

/* Every embedding type comes in host byte order; others are refused. */
static void test_read(void)
{
    static const unsigned char data[] = {
        0, 0, 0, 0, 0, 0, 0xf8, 0x3f, /* d: F64 1.5 */
        0, 0, 0x80, 0x3f, 0, 0, 0x20, 0x40, 0, 0, 0x80, 0xbf, /* f: F32 1, 2.5, -1 */
        0x80, 0x3f, 0x20, 0x40, /* b: BF16 1, 2.5 */
        0x00, 0x3c, /* h: F16 1 */
        7, 8, /* u: U8 */
    };
    static const char header[] =
        "{\"d\":{\"dtype\":\"F64\",\"shape\":[1],\"data_offsets\":[0,8]},"
        "\"f\":{\"dtype\":\"F32\",\"shape\":[3],\"data_offsets\":[8,20]},"
        "\"b\":{\"dtype\":\"BF16\",\"shape\":[2],\"data_offsets\":[20,24]},"
        "\"h\":{\"dtype\":\"F16\",\"shape\":[],\"data_offsets\":[24,26]},"
        "\"u\":{\"dtype\":\"U8\",\"shape\":[2],\"data_offsets\":[26,28]}}";
    const otx_checkpoint_tensor *f;
    otx_checkpoint checkpoint;
    double wide = 0;
    float single[3] = {0, 0, 0};
    uint16_t half[2] = {0, 0};
    unsigned char raw[2] = {0, 0};
    scratch_directory("read");
    put_file("read/model.safetensors", header, data, sizeof data);
    CHECK_INT(otx_checkpoint_open(NULL, at("read"), &checkpoint, &error), OTX_OK);
#define TENSOR(name) otx_checkpoint_find(&checkpoint, name)
    CHECK_INT(otx_checkpoint_read(&checkpoint, TENSOR("d"), 0, 1, &wide, &error), OTX_OK);
    CHECK(wide == 1.5);
    f = TENSOR("f");
    CHECK_INT(otx_checkpoint_read(&checkpoint, f, 1, 2, single, &error), OTX_OK);
    CHECK(single[0] == 2.5f && single[1] == -1.0f && single[2] == 0.0f);
    CHECK_INT(otx_checkpoint_read(&checkpoint, TENSOR("b"), 0, 2, half, &error), OTX_OK);
    CHECK_INT(half[0], 0x3f80);
    CHECK_INT(half[1], 0x4020);
    CHECK_INT(otx_checkpoint_read(&checkpoint, TENSOR("h"), 0, 1, half, &error), OTX_OK);
    CHECK_INT(half[0], 0x3c00);
    CHECK_INT(otx_checkpoint_read(&checkpoint, TENSOR("u"), 0, 2, raw, &error),
              OTX_ERROR_UNSUPPORTED);
    CHECK_STRING(error.message, "tensor \"u\": cannot read elements of type U8");
    /* Bounds, also where sizes would wrap. */
    CHECK_INT(otx_checkpoint_read(&checkpoint, f, 3, 0, single, &error), OTX_OK);
    CHECK_INT(otx_checkpoint_read(&checkpoint, f, 2, 2, single, &error), OTX_ERROR_ARGUMENT);
    CHECK_CONTAINS(error.message, "tensor \"f\" has 12 bytes; 8 from byte 8 on are beyond it");
    CHECK_INT(otx_checkpoint_read(&checkpoint, f, 4, 0, single, &error), OTX_ERROR_ARGUMENT);
    CHECK_INT(otx_checkpoint_read(&checkpoint, f, UINT64_C(1) << 62, 1, single, &error),
              OTX_ERROR_ARGUMENT);
    CHECK_INT(otx_checkpoint_read(&checkpoint, f, 0, SIZE_MAX, single, &error),
              OTX_ERROR_ARGUMENT);
    /* A file cut short while it is open. */
    scratch_text("read/model.safetensors", "cut");
    CHECK_INT(otx_checkpoint_read(&checkpoint, f, 0, 3, single, &error), OTX_ERROR_IO);
    CHECK_CONTAINS(error.message, "/read: \"model.safetensors\": tensor \"f\": cannot read 12 "
                                  "bytes at offset ");
    CHECK_CONTAINS(error.message, "was the file changed or cut short?");
    otx_checkpoint_close(NULL, &checkpoint);
#undef TENSOR
}

static void test_links(void)
{
#ifdef _WIN32
    SKIP(test_links, "needs links");
#else
    otx_checkpoint checkpoint;
    scratch_directory("blobs");
    put_shard("blobs/1234", "a");
    CHECK(scratch_shell("mkdir -p hub/snapshot && "
                        "ln -s ../../blobs/1234 hub/snapshot/model.safetensors"));
    CHECK_INT(otx_checkpoint_open(NULL, at("hub/snapshot"), &checkpoint, &error), OTX_OK);
    check_value(&checkpoint, "a", "model.safetensors");
    otx_checkpoint_close(NULL, &checkpoint);
    /* A cache whose blob is gone is no directory without a model. */
    CHECK(scratch_shell("rm blobs/1234"));
    check_refused("hub/snapshot", OTX_ERROR_IO,
                  "/model.safetensors: is a link that leads nowhere");
#endif
}

/* Many shards of a tensor each: the checks stay fast. */
static void test_many(void)
{
    otx_checkpoint checkpoint;
    static char index[100000];
    size_t used;
    unsigned i;
    scratch_directory("many");
    used = (size_t)snprintf(index, sizeof index, "{\"weight_map\":{");
    for (i = 0; i < 200; i++) {
        char name[60], header[100];
        snprintf(name, sizeof name, "many/model-%05u.safetensors", 199 - i);
        snprintf(header, sizeof header,
                 "{\"t%u\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0,1]}}", i);
        put_file(name, header, "x", 1);
        used += (size_t)snprintf(index + used, sizeof index - used, "%s\"t%u\":\"%s\"",
                                 i ? "," : "", i, name + 5);
    }
    snprintf(index + used, sizeof index - used, "}}");
    scratch_text("many/" INDEX, index);
    CHECK_INT(otx_checkpoint_open(NULL, at("many"), &checkpoint, &error), OTX_OK);
    CHECK_INT(checkpoint.file_count, 200);
    for (i = 0; i < 200; i++) {
        char name[20];
        const otx_checkpoint_tensor *tensor;
        snprintf(name, sizeof name, "t%u", i);
        tensor = otx_checkpoint_find(&checkpoint, name);
        CHECK(tensor != NULL);
        if (tensor) CHECK_INT(tensor->file, 199 - i);
    }
    otx_checkpoint_close(NULL, &checkpoint);
}

/* An index that names so many shards, none of which is there. */
static char *index_of(unsigned shards)
{
    char *index = (char *)malloc((size_t)shards * 24 + 40), *end = index;
    unsigned i;
    end += sprintf(end, "{\"weight_map\":{");
    for (i = 0; i < shards; i++)
        end += sprintf(end, "%s\"t%05x\":\"%05x\"", i ? "," : "", i, i);
    strcpy(end, "}}");
    return index;
}

/* More than any model has are refused before one is opened. */
static void test_too_many(void)
{
    char *index = index_of(65537);
    put_sharded("too-many", index);
    check_refused("too-many", OTX_ERROR_LIMIT,
                  "names 65537 shards, more than the limit of 65536");
    free(index);
    index = index_of(65536);
    scratch_text("too-many/" INDEX, index);
    check_refused("too-many", OTX_ERROR_MISMATCH, "/00000: is missing, but the index names it");
    free(index);
}

/* What is refused with advice needs memory for it, and may not get it. */
static void test_memory_of_advice(void)
{
    static const char *const names[] = {"m1", "m1/snapshots", "m2", "m3", "m4", "m5/pieces"};
    failing state;
    otx_context ctx;
    otx_checkpoint checkpoint;
    otx_vocab vocab;
    size_t i;
    scratch_directory("m1");
    scratch_directory("m1/refs");
    scratch_text("m1/refs/main", "abc\n");
    scratch_directory("m1/snapshots");
    scratch_directory("m1/snapshots/abc");
    scratch_directory("m2");
    scratch_text("m2/adapter_model.safetensors", "");
    scratch_text("m2/adapter_config.json", "{\"base_model_name_or_path\":\"org/name\"}");
    scratch_directory("m3");
    scratch_directory("m3/checkpoint-1");
    scratch_text("m3/checkpoint-1/model.safetensors", "");
    scratch_directory("m4");
    put_shard("m4/a.safetensors", "a");
    put_shard("m4/b.safetensors", "b");
    scratch_directory("m5");
    scratch_text("m5/pieces", "{\"a\":[]}");
    memset(&ctx, 0, sizeof ctx);
    ctx.allocator.resize = failing_resize;
    ctx.allocator.context = &state;
    for (i = 0; i < COUNT(names); i++) {
        long n = 0;
        memset(&state, 0, sizeof state);
        do {
            state.requests = 0;
            state.fail_at = ++n;
            CHECK(otx_checkpoint_open(&ctx, at(names[i]), &checkpoint, &error) != OTX_OK);
            CHECK(error.code == OTX_ERROR_MEMORY || error.code == OTX_ERROR_UNSUPPORTED);
            CHECK_INT(state.live, 0);
        } while (state.requests >= n && n < 500);
        CHECK(n > 1 && error.code == OTX_ERROR_UNSUPPORTED);
        n = 0;
        do {
            state.requests = 0;
            state.fail_at = ++n;
            CHECK(otx_vocab_open(&ctx, at(names[i]), &vocab, &error) != OTX_OK);
            CHECK_INT(state.live, 0);
        } while (state.requests >= n && n < 500);
        CHECK(n > 1 && !state.wrong_size);
    }
}

static void test_memory(void)
{
    failing state;
    otx_context ctx;
    otx_checkpoint checkpoint;
    otx_result result = OTX_ERROR_MEMORY;
    long turn;
    put_sharded("memory", "{\"weight_map\":{\"a\":\"1.safetensors\",\"b\":\"1.safetensors\","
                          "\"c\":\"2.safetensors\",\"ghost\":\"2.safetensors\"}}");
    memset(&state, 0, sizeof state);
    memset(&ctx, 0, sizeof ctx);
    ctx.allocator.resize = failing_resize;
    ctx.allocator.context = &state;
    for (turn = 1; turn < 1000 && result; turn++) {
        state.requests = 0;
        state.fail_at = turn;
        result = otx_checkpoint_open(&ctx, at("memory"), &checkpoint, &error);
        if (result) CHECK_INT(result, OTX_ERROR_MEMORY);
        else otx_checkpoint_close(&ctx, &checkpoint);
        CHECK_INT(state.live, 0);
        CHECK_INT(state.wrong_size, 0);
    }
    CHECK_INT(result, OTX_OK);
    CHECK(turn > 15);
}

/* ---- vocabularies ---- */

#define TOKENIZER                                                              \
    "{\"version\":\"1.0\",\"added_tokens\":[],\"normalizer\":null,"            \
    "\"pre_tokenizer\":null,\"post_processor\":null,\"decoder\":null,"         \
    "\"model\":{\"type\":\"WordLevel\",\"vocab\":{\"a\":0,\"b\":1,\"</s>\":2},"  \
    "\"unk_token\":\"a\"}}"

static void test_vocab(void)
{
    otx_vocab vocab;
    scratch_directory("v");
    scratch_text("v/tokenizer.json", TOKENIZER);
    CHECK_INT(otx_vocab_open(NULL, at("v"), &vocab, &error), OTX_OK);
    CHECK_INT(vocab.token_count, 3);
    CHECK_INT(vocab.roles[OTX_ROLE_EOS], -1);
    otx_vocab_close(NULL, &vocab);
    /* The files beside it count, in a directory. */
    scratch_text("v/tokenizer_config.json", "{\"eos_token\":\"</s>\"}");
    CHECK_INT(otx_vocab_open(NULL, at("v"), &vocab, &error), OTX_OK);
    CHECK_INT(vocab.roles[OTX_ROLE_EOS], 2);
    otx_vocab_close(NULL, &vocab);
    CHECK_INT(otx_vocab_open(NULL, at("v/tokenizer.json"), &vocab, &error), OTX_OK);
    CHECK_INT(vocab.roles[OTX_ROLE_EOS], -1);
    otx_vocab_close(NULL, &vocab);
#ifndef _WIN32
    /* A link to nothing is not the same as no file. */
    CHECK(scratch_shell("ln -s nothing v/special_tokens_map.json"));
    CHECK_INT(otx_vocab_open(NULL, at("v"), &vocab, &error), OTX_ERROR_IO);
    CHECK_CONTAINS(error.message, "/v/special_tokens_map.json: is a link that leads nowhere");
#endif
}

static void check_no_tokenizer(const char *name, otx_result wanted, const char *part)
{
    otx_vocab vocab;
    CHECK_INT(otx_vocab_open(NULL, at(name), &vocab, &error), wanted);
    CHECK_CONTAINS(error.message, part);
    CHECK(vocab.memory == NULL && vocab.tokens == NULL);
}

static void test_vocab_foreign(void)
{
    scratch_directory("w");
    check_no_tokenizer("w", OTX_ERROR_NOT_FOUND, "/w: holds no tokenizer.json");
    scratch_text("w/encoder.json", "");
    check_no_tokenizer("w", OTX_ERROR_UNSUPPORTED, "but \"encoder.json\": OpenAI's names");
    check_no_tokenizer("w/encoder.json", OTX_ERROR_FORMAT, "encoder.json: tokenizer.json is "
                                                           "empty");
    scratch_text("w/source.spm", "");
    check_no_tokenizer("w", OTX_ERROR_UNSUPPORTED, "but \"source.spm\": load it with");
    check_no_tokenizer("w/source.spm", OTX_ERROR_UNSUPPORTED, "nor a tokenizer.json, tekken");
    scratch_text("w/tokenizer.json", "{");
    check_no_tokenizer("w", OTX_ERROR_FORMAT, "/w");
}

int main(void)
{
    scratch_open("checkpoint");
    RUN(test_one_file);
    RUN(test_no_tensors);
    RUN(test_shards);
    RUN(test_index_malformed);
    RUN(test_shard_names);
    RUN(test_contradictions);
    RUN(test_index_differs);
    RUN(test_repeated_tensors);
    RUN(test_both);
    RUN(test_foreign);
    RUN(test_variants);
    RUN(test_hub_name);
    RUN(test_read);
    RUN(test_links);
    RUN(test_many);
    RUN(test_too_many);
    RUN(test_memory_of_advice);
    RUN(test_memory);
    RUN(test_vocab);
    RUN(test_vocab_foreign);
    scratch_close();
    return test_end();
}

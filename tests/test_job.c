/* The whole job, on small models that the test writes itself. Their numbers are
   chosen so that every new row can be told in advance, to the last bit. */
#define OMP_TRANSPLANT_IMPLEMENTATION
#include "../omp_transplant.h"
#include "test.h"
#include "failing.h"
#include "scratch.h"

/* ---- a place to write ---- */

static void remove_tree(const char *name)
{
    (void)otx__tree_remove(NULL, at(name));
}

static void write_bytes(const char *path, const void *bytes, size_t size)
{
    FILE *file = fopen(path, "wb");
    if (!file || fwrite(bytes, 1, size, file) != size || fclose(file) != 0) {
        printf("cannot write %s\n", path);
        exit(1);
    }
}

static void write_file(const char *directory, const char *name, const char *text)
{
    char path[1000];
    snprintf(path, sizeof path, "%s/%s/%s", scratch_root, directory, name);
    write_bytes(path, text, strlen(text));
}

/* The text of a file, or NULL; valid until the eighth call after. */
static const char *read_file(const char *directory, const char *name)
{
    static char *texts[8];
    static int next;
    char path[1000];
    size_t size;
    char **text = &texts[next++ % 8];
    snprintf(path, sizeof path, "%s/%s/%s", scratch_root, directory, name);
    if (*text) free(*text);
    *text = NULL;
    return otx__file_read_all(NULL, path, 1 << 20, text, &size, NULL) ? NULL : *text;
}

static bool has_file(const char *directory, const char *name)
{
    char path[1000];
    snprintf(path, sizeof path, "%s/%s/%s", scratch_root, directory, name);
    return scratch_exists(path);
}

/* How many names in the scratch directory start like that. */
static int count_names(const char *start)
{
    otx__listing listing;
    size_t i;
    int count = 0;
    if (otx__listing_open(NULL, scratch_root, &listing, NULL)) return -1;
    for (i = 0; i < listing.count; i++) count += otx__has_prefix(listing.names[i], start);
    otx__listing_close(&listing);
    return count;
}

/* ---- models to be written ---- */

typedef struct model_tensor {
    const char *name;
    otx_dtype dtype;
    uint64_t shape[2];
    unsigned rank;
    double (*value)(size_t row, size_t column);
    int file; /* which shard */
} model_tensor;

/* In the order of ids. "!x" is a special token x, NULL a hole. */
typedef struct model {
    const char *const *tokens;
    size_t token_count;
    model_tensor tensors[12];
    size_t tensor_count;
    int shards; /* 0: one file without an index */
    const char *config, *generation, *tokenizer_config;
} model;

static void write_tokenizer(const char *directory, const model *m)
{
    otx__text text;
    size_t i, written = 0;
    otx__text_open(&text, NULL);
    otx__text_string(&text, "{\"version\": \"1.0\", \"added_tokens\": [");
    for (i = 0; i < m->token_count; i++) {
        const char *token = m->tokens[i];
        if (!token || token[0] != '!') continue;
        otx__text_format(&text, "%s{\"id\": %d, \"content\": ", written++ ? ", " : "", (int)i);
        otx__text_json_string(&text, token + 1, strlen(token + 1));
        otx__text_string(&text,
                         ", \"single_word\": false, \"lstrip\": false, \"rstrip\": false, "
                         "\"normalized\": false, \"special\": true}");
    }
    otx__text_string(&text,
                     "], \"normalizer\": null, \"pre_tokenizer\": {\"type\": \"ByteLevel\", "
                     "\"add_prefix_space\": false, \"trim_offsets\": true, \"use_regex\": "
                     "true}, \"post_processor\": null, \"decoder\": {\"type\": \"ByteLevel\", "
                     "\"add_prefix_space\": true, \"trim_offsets\": true, \"use_regex\": "
                     "true}, \"model\": {\"type\": \"BPE\", \"dropout\": null, \"unk_token\": "
                     "null, \"continuing_subword_prefix\": null, \"end_of_word_suffix\": null, "
                     "\"fuse_unk\": false, \"byte_fallback\": false, \"vocab\": {");
    for (i = written = 0; i < m->token_count; i++) {
        const char *token = m->tokens[i];
        if (!token) continue;
        if (written++) otx__text_string(&text, ", ");
        otx__text_json_string(&text, token + (*token == '!'), strlen(token + (*token == '!')));
        otx__text_format(&text, ": %d", (int)i);
    }
    otx__text_string(&text, "}, \"merges\": []}}");
    otx__text_bytes(&text, "", 1);
    write_file(directory, "tokenizer.json", text.bytes);
    otx__text_close(&text);
}

static void write_shard(const char *path, const model *m, int shard)
{
    otx_tensor tensors[12];
    const model_tensor *sources[12];
    otx_layout layout;
    otx_error error;
    size_t count = 0, i, r, c;
    FILE *file = fopen(path, "wb");
    memset(tensors, 0, sizeof tensors);
    for (i = 0; i < m->tensor_count; i++) {
        if (m->shards && m->tensors[i].file != shard) continue;
        tensors[count].name = m->tensors[i].name;
        tensors[count].name_size = strlen(m->tensors[i].name);
        tensors[count].dtype = m->tensors[i].dtype;
        tensors[count].rank = m->tensors[i].rank;
        tensors[count].shape = m->tensors[i].shape;
        sources[count++] = &m->tensors[i];
    }
    if (!file || otx_layout_open(NULL, tensors, count, NULL, 0, &layout, &error)) {
        printf("cannot write %s\n", path);
        exit(1);
    }
    fwrite(layout.header, 1, layout.header_size, file);
    for (i = 0; i < count; i++) {
        const model_tensor *t = sources[layout.order[i]];
        size_t rows = t->rank == 2 ? (size_t)t->shape[0] : 1;
        size_t columns = (size_t)t->shape[t->rank - 1];
        for (r = 0; r < rows; r++)
            for (c = 0; c < columns; c++) {
                unsigned char bytes[8] = {0};
                double value = t->value(r, c);
                size_t size = otx_dtype_bits(t->dtype) / 8;
                if (otx_dtype_is_embedding(t->dtype)) {
                    otx_from_double(bytes, &value, t->dtype, 1, false);
                    otx__little_endian(bytes, 1, size);
                } else {
                    bytes[0] = (unsigned char)value;
                }
                fwrite(bytes, 1, size, file);
            }
    }
    if (fclose(file) != 0) exit(1);
    otx_layout_close(NULL, &layout);
}

static void write_model(const char *directory, const model *m)
{
    char name[64], index[4000];
    size_t length, i;
    int shard;
    remove_tree(directory);
    if (!otx__sys_make_directory(at(directory))) exit(1);
    write_tokenizer(directory, m);
    if (m->config) write_file(directory, "config.json", m->config);
    if (m->generation) write_file(directory, "generation_config.json", m->generation);
    if (m->tokenizer_config)
        write_file(directory, "tokenizer_config.json", m->tokenizer_config);
    if (!m->shards) {
        snprintf(name, sizeof name, "%s/model.safetensors", directory);
        write_shard(at(name), m, 0);
        return;
    }
    length = (size_t)snprintf(index, sizeof index,
                              "{\"metadata\": {\"total_size\": 1, \"mark\": 1e+00}, "
                              "\"weight_map\": {");
    for (i = 0; i < m->tensor_count; i++)
        length +=
            (size_t)snprintf(index + length, sizeof index - length,
                             "%s\"%s\": \"model-%05d-of-%05d.safetensors\"", i ? ", " : "",
                             m->tensors[i].name, m->tensors[i].file + 1, m->shards);
    snprintf(index + length, sizeof index - length, "}}\n");
    write_file(directory, "model.safetensors.index.json", index);
    for (shard = 0; shard < m->shards; shard++) {
        snprintf(name, sizeof name, "%s/model-%05d-of-%05d.safetensors", directory, shard + 1,
                 m->shards);
        write_shard(at(name), m, shard);
    }
}

static void add_tensor(model *m, const char *name, otx_dtype dtype, uint64_t rows,
                       uint64_t columns, double (*value)(size_t, size_t), int file)
{
    model_tensor *t = &m->tensors[m->tensor_count++];
    memset(t, 0, sizeof *t);
    t->name = name;
    t->dtype = dtype;
    t->rank = columns ? 2 : 1;
    t->shape[0] = rows;
    t->shape[1] = columns;
    t->value = value;
    t->file = file;
}

/* ---- the models: a base of 10 rows by 3, a donor of 14 rows by 9 ---- */

/* Base: 8 ids, then two padding rows. */
static const char *const base_tokens[] = {"!<s>", "!</s>", "a", "b", "c", "\304\240d", "e",
                                          "only-base"};
/* Donor: new tokens x (7) and y (8), a hole (9), a reserved token (10), a control
   token of the base's eos role (11), another control token (12), padding (13). */
static const char *const donor_tokens[] = {"c", "a", "\304\240d", "b", "e", "!<s>", "a\xc3\xa9",
                                           "x", "y", NULL, "!<unused7>", "!<end>", "!<tool>"};
enum { X = 7, Y = 8, HOLE = 9, UNUSED = 10, END = 11, TOOL = 12, PAD = 13 };

static double base_embedding(size_t row, size_t column)
{
    return ((double)((row * 7 + column * 5) % 16) - 8) / 8;
}

static double base_head(size_t row, size_t column)
{
    return ((double)((row * 5 + column * 11) % 16) - 7) / 16;
}

static double base_bias(size_t row, size_t column)
{
    return row == 0 ? (double)column / 4 : 0;
}

static double other_value(size_t row, size_t column) { return (double)(row * 3 + column) / 2; }

/* The same with one value in it, for what must be refused. */
static size_t bad_row;
static double bad_value;

static double spoiled_base(size_t row, size_t column)
{
    return row == bad_row && column == 1 ? bad_value : base_embedding(row, column);
}

/* Anchors are axes of the space; x, y, the control token and the rest are
   combinations of them. */
static double donor_embedding(size_t row, size_t column)
{
    if (row < 5) return column == row ? 2 : 0;                    /* c a _d b e */
    if (row == X) return column == 1 ? 2 : column == 3 ? -1 : 0;  /* a - b/2 */
    if (row == Y) return column == 0 ? 1 : 0;                     /* c/2 */
    if (row == 6) return column == 4 ? 4 : column == 2 ? 1 : 0;   /* 2e + _d/2 */
    if (row == TOOL) return column == 2 ? -2 : 0;                 /* -_d */
    return 9;
}

static double donor_head(size_t row, size_t column)
{
    if (row < 5) return column == row ? 1 : 0;
    if (row == X) return column == 2 ? 1 : 0;                     /* _d */
    if (row == Y) return column == 4 ? -0.5 : 0;                  /* -e/2 */
    if (row == 6) return column == 0 ? 1 : column == 1 ? 0.5 : 0; /* c + a/2 */
    if (row == TOOL) return column == 3 ? 0.25 : 0;               /* b/4 */
    return 9;
}

static const char *const plain_config =
    "{\n  \"architectures\": [\"LlamaForCausalLM\"],\n  \"bos_token_id\": 0,\n"
    "  \"eos_token_id\": 1,\n  \"hidden_size\": 3,\n  \"rope_theta\": 1e+04,\n"
    "  \"tie_word_embeddings\": false,\n  \"vocab_size\": 10\n}\n";

static void base_model_of(model *m, otx_dtype dtype, bool head)
{
    memset(m, 0, sizeof *m);
    m->tokens = base_tokens;
    m->token_count = OTX__COUNT(base_tokens);
    m->config = head
                    ? plain_config
                    : "{\"hidden_size\": 3, \"tie_word_embeddings\": true, \"vocab_size\": 10, "
                      "\"eos_token_id\": 1}";
    m->tokenizer_config = "{\"bos_token\": \"<s>\", \"eos_token\": \"</s>\"}";
    add_tensor(m, "model.embed_tokens.weight", dtype, 10, 3, base_embedding, 0);
    if (head) add_tensor(m, "lm_head.weight", dtype, 10, 3, base_head, 1);
    add_tensor(m, "model.layers.0.mlp.weight", OTX_F32, 4, 3, other_value, 1);
    add_tensor(m, "model.norm.weight", OTX_U8, 3, 0, other_value, 2);
}

static void donor_model_of(model *m, otx_dtype dtype, bool head)
{
    memset(m, 0, sizeof *m);
    m->tokens = donor_tokens;
    m->token_count = OTX__COUNT(donor_tokens);
    m->config = head ? "{\"hidden_size\": 9, \"vocab_size\": 14, \"eos_token_id\": 11, "
                       "\"tie_word_embeddings\": false}"
                     : "{\"hidden_size\": 9, \"vocab_size\": 14, \"eos_token_id\": 11}";
    m->tokenizer_config = "{\"bos_token\": \"<s>\", \"eos_token\": \"<end>\", "
                          "\"tokenizer_class\": \"PreTrainedTokenizerFast\"}";
    add_tensor(m, "model.embed_tokens.weight", dtype, 14, 9, donor_embedding, 0);
    if (head) add_tensor(m, "lm_head.weight", dtype, 14, 9, donor_head, 0);
}

/* ---- what must come out ---- */

/* The base id whose row each donor id gets, or -1. */
static const int copied_from[14] = {4, 2, 5, 3, 6, 0, -1, -1, -1, -1, -1, 1, -1, -1};

/* Donor ids 6, x, y and the control token as combinations of base ids. */
static double combined(size_t id, size_t column, bool by_head, double (*base)(size_t, size_t))
{
    double a = base(2, column), b = base(3, column), c = base(4, column), d = base(5, column);
    double e = base(6, column);
    if (by_head)
        return id == X ? d : id == Y ? -0.5 * e : id == 6 ? c + 0.5 * a : 0.25 * b;
    return id == X ? a - 0.5 * b : id == Y ? 0.5 * c : id == 6 ? 2 * e + 0.5 * d : 0 - d;
}

/* A value as it is once stored. */
static double stored(double value, otx_dtype dtype)
{
    unsigned char bytes[8];
    float narrow;
    otx_from_double(bytes, &value, dtype, 1, false);
    if (dtype == OTX_F64) return value;
    otx_to_float(&narrow, bytes, dtype, 1);
    return (double)narrow;
}

/* One element of a tensor of the output, as its bits, and its wanted value. */
static void check_matrix(const char *directory, const char *name, size_t rows, bool by_head,
                         double (*base)(size_t, size_t))
{
    otx_checkpoint checkpoint;
    const otx_checkpoint_tensor *tensor;
    size_t id, column, size, tokens = 0;
    otx_error error;
    if (otx_checkpoint_open(NULL, at(directory), &checkpoint, &error)) {
        printf("  %s\n", error.message);
        CHECK(!"the output opens");
        return;
    }
    tensor = otx_checkpoint_find(&checkpoint, name);
    CHECK(tensor != NULL);
    if (tensor) {
        CHECK_INT(tensor->tensor->rank, 2);
        CHECK_INT(tensor->tensor->shape[0], rows);
        CHECK_INT(tensor->tensor->shape[1], 3);
        size = otx_dtype_bits(tensor->tensor->dtype) / 8;
        for (column = 0; column < 3; column++) {
            double sum = 0;
            for (id = 0; id < 13; id++) {
                if (id == HOLE || id == UNUSED || id >= rows) continue;
                sum += stored(copied_from[id] >= 0 ? base((size_t)copied_from[id], column)
                                                   : combined(id, column, by_head, base),
                              tensor->tensor->dtype);
                tokens += column == 0;
            }
            for (id = 0; id < rows; id++) {
                unsigned char seen[8], wanted[8];
                double value = sum / (double)tokens;
                if (id < 13 && copied_from[id] >= 0)
                    value = base((size_t)copied_from[id], column);
                else if (id == 6 || id == X || id == Y || id == TOOL)
                    value = combined(id, column, by_head, base);
                otx_from_double(wanted, &value, tensor->tensor->dtype, 1, false);
                CHECK_INT(otx_checkpoint_read(&checkpoint, tensor, id * 3 + column, 1, seen,
                                              &error), OTX_OK);
                if (memcmp(seen, wanted, size) != 0) {
                    printf("  %s, row %d, column %d\n", name, (int)id, (int)column);
                    CHECK(!"the row is as expected");
                }
            }
        }
    }
    otx_checkpoint_close(NULL, &checkpoint);
}

static bool has_tensor(const char *directory, const char *name)
{
    otx_checkpoint checkpoint;
    bool found;
    if (otx_checkpoint_open(NULL, at(directory), &checkpoint, NULL)) return false;
    found = otx_checkpoint_find(&checkpoint, name) != NULL;
    otx_checkpoint_close(NULL, &checkpoint);
    return found;
}

/* ---- running ---- */

static char logged[8000];

static void remember(void *context, otx_severity severity, const char *message)
{
    size_t length = strlen(logged);
    (void)context;
    snprintf(logged + length, sizeof logged - length, "%s: %s\n",
             severity == OTX_WARNING ? "warning" : "note", message);
}

static otx_error last_error;

static otx_result run(const otx_job_options *options, otx_job_summary *summary)
{
    otx_context ctx;
    memset(&ctx, 0, sizeof ctx);
    ctx.log = remember;
    logged[0] = 0;
    memset(&last_error, 0, sizeof last_error);
    remove_tree("out");
    return otx_transplant(&ctx, at("base"), at("donor"), at("out"), options, summary,
                          &last_error);
}

#define CHECK_RUN(options, summary)                                            \
    do {                                                                       \
        otx_result result_ = run(options, summary);                            \
        CHECK_INT(result_, OTX_OK);                                            \
        if (result_) printf("  %s\n", last_error.message);                     \
    } while (0)

/* That the job fails so, says so, and leaves nothing behind. */
static void check_fails(const otx_job_options *options, otx_result wanted, const char *part)
{
    otx_result result = run(options, NULL);
    CHECK_INT(result, wanted);
    CHECK_INT(last_error.code, result);
    CHECK_CONTAINS(last_error.message, part);
    CHECK(!strchr(last_error.message, '\n'));
    CHECK_INT(count_names("out"), 0);
}

/* ---- the cases ---- */

static void test_untied(void)
{
    static const otx_dtype dtypes[] = {OTX_F32, OTX_BF16,    OTX_F16,
                                       OTX_F64, OTX_F8_E4M3, OTX_F8_E5M2};
    size_t i;
    for (i = 0; i < OTX__COUNT(dtypes); i++) {
        otx_job_summary summary;
        model base, donor;
        base_model_of(&base, dtypes[i], true);
        donor_model_of(&donor, dtypes[(i + 1) % OTX__COUNT(dtypes)], true);
        write_model("base", &base);
        write_model("donor", &donor);
        CHECK_RUN(NULL, &summary);
        check_matrix("out", "model.embed_tokens.weight", 14, false, base_embedding);
        check_matrix("out", "lm_head.weight", 14, true, base_head);
        CHECK_INT(summary.tokens.total, 12);
        CHECK_INT(summary.tokens.copied, 6);
        CHECK_INT(summary.tokens.by_role, 1);
        CHECK_INT(summary.tokens.mapped, 0);
        CHECK_INT(summary.tokens.approximated, 4);
        CHECK_INT(summary.tokens.unused, 1);
        CHECK_INT(summary.tokens.skipped, 0);
        CHECK_INT(summary.tokens.padding, 2);
        CHECK_INT(summary.matrix_count, 2);
        CHECK_INT(summary.matrices[0].anchors, 5);
        CHECK_INT(summary.matrices[0].approximated, 4);
        CHECK_INT(summary.matrices[1].rows, 14);
        CHECK_INT(summary.matrices[1].columns, 3);
        CHECK_INT(summary.matrices[1].dtype, dtypes[i]);
        CHECK(summary.matrices[0].max_relative_residual < 1e-12);
        CHECK(summary.peak_bytes > 0);
    }
    CHECK_STRING(read_file("out", "config.json"),
                 "{\n  \"architectures\": [\"LlamaForCausalLM\"],\n  \"bos_token_id\": 5,\n"
                 "  \"eos_token_id\": 11,\n  \"hidden_size\": 3,\n  \"rope_theta\": 1e+04,\n"
                 "  \"tie_word_embeddings\": false,\n  \"vocab_size\": 14\n}\n");
    CHECK_STRING(read_file("out", "tokenizer.json"), read_file("donor", "tokenizer.json"));
    CHECK_STRING(read_file("out", "tokenizer_config.json"),
                 read_file("donor", "tokenizer_config.json"));
    CHECK(!has_file("out", "generation_config.json"));
}

static void test_tied(void)
{
    otx_job_summary summary;
    model base, donor;
    /* A tied base takes the donor's embedding; the donor's head is not read. */
    base_model_of(&base, OTX_BF16, false);
    donor_model_of(&donor, OTX_F32, true);
    write_model("base", &base);
    write_model("donor", &donor);
    CHECK_RUN(NULL, &summary);
    CHECK_INT(summary.matrix_count, 1);
    check_matrix("out", "model.embed_tokens.weight", 14, false, base_embedding);
    CHECK(!has_tensor("out", "lm_head.weight"));
    CHECK_CONTAINS(read_file("out", "config.json"), "\"tie_word_embeddings\": true");
    /* A tied donor serves both matrices of an untied base. */
    base_model_of(&base, OTX_F32, true);
    donor_model_of(&donor, OTX_F32, false);
    write_model("base", &base);
    write_model("donor", &donor);
    CHECK_RUN(NULL, &summary);
    CHECK_INT(summary.matrix_count, 2);
    check_matrix("out", "model.embed_tokens.weight", 14, false, base_embedding);
    check_matrix("out", "lm_head.weight", 14, false, base_head);
    /* Both tied. */
    base_model_of(&base, OTX_F32, false);
    write_model("base", &base);
    CHECK_RUN(NULL, &summary);
    check_matrix("out", "model.embed_tokens.weight", 14, false, base_embedding);
    /* A head that is missing though the flag denies tying: said, and put right. */
    base.config = plain_config;
    write_model("base", &base);
    CHECK_RUN(NULL, NULL);
    CHECK_CONTAINS(logged, "taken as tied");
    CHECK_CONTAINS(read_file("out", "config.json"), "\"tie_word_embeddings\": true");
}

static void test_redundant_head(void)
{
    model base, donor;
    otx_job_summary summary;
    /* The flag is set and the head is the embedding once more: one is written. */
    base_model_of(&base, OTX_F32, true);
    base.tensors[1].value = base_embedding;
    base.config = "{\"hidden_size\": 3, \"tie_word_embeddings\": true, \"vocab_size\": 10}";
    base.shards = 3;
    donor_model_of(&donor, OTX_F32, true);
    write_model("base", &base);
    write_model("donor", &donor);
    CHECK_RUN(NULL, &summary);
    CHECK_INT(summary.matrix_count, 1);
    CHECK(!has_tensor("out", "lm_head.weight"));
    check_matrix("out", "model.embed_tokens.weight", 14, false, base_embedding);
    CHECK(!strstr(read_file("out", "model.safetensors.index.json"), "lm_head"));
    /* The flag is set, but they differ: two matrices, and the flag says so, nested
       as well. */
    base.tensors[1].value = base_head;
    base.config = "{\"text_config\": {\"hidden_size\": 3, \"vocab_size\": 10}, "
                  "\"tie_word_embeddings\": true}";
    write_model("base", &base);
    CHECK_RUN(NULL, &summary);
    CHECK_INT(summary.matrix_count, 2);
    CHECK_CONTAINS(logged, "taken as untied");
    check_matrix("out", "lm_head.weight", 14, true, base_head);
    CHECK_STRING(
        read_file("out", "config.json"),
        "{\"text_config\": {\"hidden_size\": 3, \"vocab_size\": 14, \"bos_token_id\": 5, "
        "\"eos_token_id\": 11, \"tie_word_embeddings\": false}, "
        "\"tie_word_embeddings\": false}");
}

static void test_shards(void)
{
    model base, donor;
    otx_safetensors header;
    otx_source source;
    base_model_of(&base, OTX_F32, true);
    base.shards = 3;
    donor_model_of(&donor, OTX_F32, true);
    donor.shards = 1;
    write_model("base", &base);
    write_model("donor", &donor);
    CHECK_RUN(NULL, NULL);
    check_matrix("out", "model.embed_tokens.weight", 14, false, base_embedding);
    check_matrix("out", "lm_head.weight", 14, true, base_head);
    /* 2 * 14*3*4 + 4*3*4 + 3 bytes; all else in the index stays. */
    CHECK_STRING(read_file("out", "model.safetensors.index.json"),
                 "{\"metadata\": {\"total_size\": 387, \"mark\": 1e+00}, \"weight_map\": "
                 "{\"model.embed_tokens.weight\": \"model-00001-of-00003.safetensors\", "
                 "\"lm_head.weight\": \"model-00002-of-00003.safetensors\", "
                 "\"model.layers.0.mlp.weight\": \"model-00002-of-00003.safetensors\", "
                 "\"model.norm.weight\": \"model-00003-of-00003.safetensors\"}}\n");
    CHECK(!has_file("out", "model.safetensors"));
    /* Rewritten shards say format: pt, whether the base did or not. */
    CHECK_INT(otx_source_open(NULL, at("out/model-00001-of-00003.safetensors"), &source, NULL),
              OTX_OK);
    CHECK_INT(otx_safetensors_open(NULL, &source, "out", &header, NULL), OTX_OK);
    CHECK_INT(header.metadata_count, 1);
    CHECK_STRING(header.metadata[0].key, "format");
    CHECK_STRING(header.metadata[0].value, "pt");
    otx_safetensors_close(NULL, &header);
    otx_source_close(NULL, &source);
}

/* Bytes of a tensor that is none of the vocabulary's. */
static void test_other_tensors(void)
{
    otx_checkpoint checkpoint;
    const otx_checkpoint_tensor *tensor;
    float values[12];
    unsigned char bytes[3];
    model base, donor;
    size_t i;
    base_model_of(&base, OTX_F32, true);
    donor_model_of(&donor, OTX_F32, true);
    write_model("base", &base);
    write_model("donor", &donor);
    CHECK_RUN(NULL, NULL);
    CHECK_INT(otx_checkpoint_open(NULL, at("out"), &checkpoint, NULL), OTX_OK);
    CHECK_INT(checkpoint.tensor_count, 4);
    tensor = otx_checkpoint_find(&checkpoint, "model.layers.0.mlp.weight");
    CHECK_INT(otx_checkpoint_read(&checkpoint, tensor, 0, 12, values, NULL), OTX_OK);
    for (i = 0; i < 12; i++) CHECK(values[i] == (float)other_value(i / 3, i % 3));
    tensor = otx_checkpoint_find(&checkpoint, "model.norm.weight");
    CHECK_INT(tensor->tensor->dtype, OTX_U8);
    CHECK_INT(otx__checkpoint_bytes(&checkpoint, tensor, 0, 3, bytes, NULL), OTX_OK);
    CHECK_INT(bytes[2], 1);
    otx_checkpoint_close(NULL, &checkpoint);
}

static void read_floats(const char *name, uint64_t first, size_t count, float *to)
{
    otx_checkpoint checkpoint;
    const otx_checkpoint_tensor *tensor;
    memset(to, 0, count * sizeof *to);
    CHECK_INT(otx_checkpoint_open(NULL, at("out"), &checkpoint, NULL), OTX_OK);
    tensor = otx_checkpoint_find(&checkpoint, name);
    CHECK(tensor != NULL);
    if (tensor)
        CHECK_INT(otx_checkpoint_read(&checkpoint, tensor, first, count, to, NULL), OTX_OK);
    otx_checkpoint_close(NULL, &checkpoint);
}

static void test_bias(void)
{
    static const int ids[] = {4, 2, 5, 3, 6, 0, -1, -1, -1, -2, -2, 1, -1, -2};
    double mean = 0, padding = 0;
    model base, donor;
    float values[14];
    size_t i;
    base_model_of(&base, OTX_F32, true);
    add_tensor(&base, "lm_head.bias", OTX_F32, 10, 0, base_bias, 0);
    add_tensor(&base, "final_logits_bias", OTX_F32, 1, 10, base_bias, 0);
    donor_model_of(&donor, OTX_F32, true);
    write_model("base", &base);
    write_model("donor", &donor);
    CHECK_RUN(NULL, NULL);
    for (i = 0; i < 8; i++) mean += (double)i / 4; /* the base's tokens */
    mean /= 8;
    for (i = 0; i < 14; i++)
        padding += ids[i] >= 0 ? ids[i] / 4.0 : ids[i] == -1 ? (double)(float)mean : 0;
    padding /= 11;
    read_floats("lm_head.bias", 0, 14, values);
    for (i = 0; i < 14; i++)
        CHECK(values[i] == (float)(ids[i] >= 0 ? ids[i] / 4.0 : ids[i] == -1 ? mean : padding));
    read_floats("final_logits_bias", 0, 14, values);
    CHECK(values[X] == (float)mean);
}

static void test_mean_and_zero(void)
{
    otx_job_options options;
    model base, donor;
    otx_job_summary summary;
    double mean[3] = {0, 0, 0};
    float values[42];
    size_t i;
    memset(&options, 0, sizeof options);
    base_model_of(&base, OTX_F32, true);
    donor_model_of(&donor, OTX_F32, true);
    write_model("base", &base);
    write_model("donor", &donor);
    options.method = OTX_METHOD_MEAN;
    CHECK_RUN(&options, &summary);
    for (i = 0; i < 24; i++) mean[i % 3] += base_embedding(i / 3, i % 3) / 8;
    read_floats("model.embed_tokens.weight", 0, 42, values);
    for (i = 0; i < 3; i++) {
        CHECK(values[X * 3 + i] == (float)mean[i]);
        CHECK(values[TOOL * 3 + i] == (float)mean[i]);
        CHECK(values[i] == (float)base_embedding(4, i));
    }
    options.method = OTX_METHOD_ZERO;
    CHECK_RUN(&options, &summary);
    read_floats("model.embed_tokens.weight", 0, 42, values);
    for (i = 0; i < 3; i++) {
        CHECK(values[X * 3 + i] == 0);
        CHECK(values[3 + i] == (float)base_embedding(2, i));
    }
    CHECK_INT(summary.tokens.approximated, 4);
}

/* The new matrices in another type than the base's. */
static void test_dtype(void)
{
    static const otx_dtype dtypes[] = {OTX_F32, OTX_F16, OTX_F64, OTX_F8_E4M3, OTX_F8_E5M2};
    otx_job_options options;
    otx_job_summary summary;
    model base, donor;
    size_t i;
    memset(&options, 0, sizeof options);
    base_model_of(&base, OTX_BF16, true);
    base.shards = 3;
    add_tensor(&base, "lm_head.bias", OTX_F32, 10, 0, base_bias, 0);
    donor_model_of(&donor, OTX_F32, true);
    write_model("base", &base);
    write_model("donor", &donor);
    for (i = 0; i < OTX__COUNT(dtypes); i++) {
        char size[64];
        options.dtype = dtypes[i];
        CHECK_RUN(&options, &summary);
        CHECK_INT(summary.matrices[1].dtype, dtypes[i]);
        check_matrix("out", "model.embed_tokens.weight", 14, false, base_embedding);
        check_matrix("out", "lm_head.weight", 14, true, base_head);
        /* The rest is in the type that loaders would have taken before. */
        CHECK_CONTAINS(read_file("out", "config.json"), "\"torch_dtype\": \"bfloat16\"");
        (void)snprintf(size, sizeof size, "\"total_size\": %u,",
                       2 * 42 * (otx_dtype_bits(dtypes[i]) / 8) + 4 * 3 * 4 + 3 + 14 * 4);
        CHECK_CONTAINS(read_file("out", "model.safetensors.index.json"), size);
    }
    /* One that config.json names stays. */
    base.shards = 0;
    base.config = "{\"hidden_size\": 3, \"vocab_size\": 10, \"dtype\": \"float32\"}";
    write_model("base", &base);
    CHECK_RUN(&options, NULL);
    CHECK(!strstr(read_file("out", "config.json"), "torch_dtype"));
    options.dtype = OTX_I8;
    check_fails(&options, OTX_ERROR_ARGUMENT, "cannot be written as I8");
    options.dtype = OTX_BOOL; /* the first of the types, and not the base's */
    check_fails(&options, OTX_ERROR_ARGUMENT, "cannot be written as BOOL");
    /* A row that is copied may not fit either. */
    options.dtype = OTX_F8_E4M3;
    base.tensors[0].value = spoiled_base;
    bad_row = 6;
    bad_value = 480;
    write_model("base", &base);
    check_fails(&options, OTX_ERROR_RANGE, "donor id 4 (token \"e\") has a value beyond the "
                                           "largest of F8_E4M3");
    options.saturate = true;
    CHECK_RUN(&options, NULL);
}

static void test_padding(void)
{
    otx_job_options options;
    model base, donor;
    float values[42];
    size_t i;
    memset(&options, 0, sizeof options);
    base_model_of(&base, OTX_F32, true);
    donor_model_of(&donor, OTX_F32, true);
    write_model("base", &base);
    write_model("donor", &donor);
    options.padding = OTX_PADDING_ZERO;
    CHECK_RUN(&options, NULL);
    CHECK_CONTAINS(logged, "warning: 3 rows without a token of their own will be zeros");
    read_floats("lm_head.weight", 0, 42, values);
    for (i = 0; i < 14; i++) {
        bool zero = values[i * 3] == 0 && values[i * 3 + 1] == 0 && values[i * 3 + 2] == 0;
        CHECK_INT(zero, i == HOLE || i == UNUSED || i == PAD);
    }
    options.padding = (otx_padding)2;
    check_fails(&options, OTX_ERROR_ARGUMENT, "mean and zero");
    CHECK_STRING(otx_padding_name(OTX_PADDING_MEAN), "mean");
    CHECK(otx_padding_name(OTX_PADDING_COUNT) == NULL);
}

/* A class that gives its embedding more rows than config.json says: they stay what
   they are, and a token among them is copied into the embedding alone. */
static void test_extra_rows(void)
{
    static const char *const base_ids[] = {"!<s>", "!</s>", "a", "b",  "c",       "\304\240d",
                                           "e",    "x0",    "x1", "x2", "!<tool>", NULL};
    otx_job_summary summary;
    model base, donor;
    float values[48];
    size_t i;
    base_model_of(&base, OTX_F32, true);
    base.tokens = base_ids;
    base.token_count = 11;
    base.tensors[0].shape[0] = 12;
    base.config = "{\"hidden_size\": 3, \"vocab_size\": 10, \"image_token_id\": 10, "
                  "\"tie_word_embeddings\": false}";
    donor_model_of(&donor, OTX_F32, true);
    write_model("base", &base);
    write_model("donor", &donor);
    CHECK_RUN(NULL, &summary);
    CHECK_CONTAINS(logged, "the new one will have as many more");
    CHECK_INT(summary.matrices[0].rows, 16);
    CHECK_INT(summary.matrices[1].rows, 14);
    CHECK_CONTAINS(read_file("out", "config.json"), "\"vocab_size\": 14");
    CHECK_CONTAINS(read_file("out", "config.json"), "\"image_token_id\": 12");
    read_floats("model.embed_tokens.weight", 0, 48, values);
    for (i = 0; i < 3; i++) {
        double mean = 0;
        size_t id;
        CHECK(values[3 * TOOL + i] == (float)base_embedding(10, i));
        CHECK(values[42 + i] == (float)base_embedding(10, i));
        CHECK(values[45 + i] == (float)base_embedding(11, i));
        for (id = 0; id < 13; id++)
            if (id != HOLE && id != UNUSED) mean += (double)values[3 * id + i];
        CHECK(values[3 * PAD + i] == (float)(mean / 11));
    }
    read_floats("lm_head.weight", 0, 42, values);
    for (i = 0; i < 3; i++) CHECK(values[3 * TOOL + i] == values[3 * PAD + i]);
}

static void test_rows(void)
{
    otx_job_options options;
    otx_job_summary summary;
    model base, donor;
    memset(&options, 0, sizeof options);
    base_model_of(&base, OTX_F32, false);
    donor_model_of(&donor, OTX_F32, false);
    write_model("base", &base);
    write_model("donor", &donor);
    options.rows = OTX_ROWS_TOKENIZER;
    CHECK_RUN(&options, &summary);
    check_matrix("out", "model.embed_tokens.weight", 13, false, base_embedding);
    options.rows = OTX_ROWS_MULTIPLE;
    options.rows_multiple = 8;
    CHECK_RUN(&options, &summary);
    check_matrix("out", "model.embed_tokens.weight", 16, false, base_embedding);
    CHECK_INT(summary.tokens.padding, 4);
    CHECK_CONTAINS(read_file("out", "config.json"), "\"vocab_size\": 16");
    options.rows_multiple = 0;
    check_fails(&options, OTX_ERROR_ARGUMENT, "multiple of at least 1");
    /* The tokenizer reaches beyond the donor's rows: fine if those get no row. */
    donor.tensors[0].shape[0] = 12;
    donor.config = "{\"hidden_size\": 9, \"vocab_size\": 12, \"eos_token_id\": [11, 12]}";
    write_model("donor", &donor);
    options.rows = OTX_ROWS_DONOR;
    CHECK_RUN(&options, &summary);
    check_matrix("out", "model.embed_tokens.weight", 12, false, base_embedding);
    CHECK_INT(summary.tokens.skipped, 1);
    CHECK_INT(summary.tokens.total, 12);
    CHECK_CONTAINS(logged, "from 12 on, lie beyond the 12 rows");
    CHECK_CONTAINS(read_file("out", "config.json"), "\"eos_token_id\": [11]");
    options.rows = OTX_ROWS_TOKENIZER;
    check_fails(&options, OTX_ERROR_MISMATCH, "\"<tool>\"");
}

static void test_map(void)
{
    static const char *const good[] = {"x=#7", "\\x79=only-base", "#12=a"};
    static const char *const bad[][2] = {
        {"x", "DONOR=BASE"},          {"x\\q=a", "DONOR=BASE"}, {"=a", "DONOR=BASE"},
        {"x=", "after ="},            {"x=nix", "\"nix\""},     {"nix=a", "no token \"nix\""},
        {"#9=a", "no token \"#9\""},  {"#99=a", "\"#99\""},     {"x=#8", "no token"},
        {"x=\\x4", "after ="},        {"#1a=a", "no token \"#1a\""},
    };
    otx_job_options options;
    otx_job_summary summary;
    model base, donor;
    float values[42];
    size_t i;
    memset(&options, 0, sizeof options);
    base_model_of(&base, OTX_F32, false);
    donor_model_of(&donor, OTX_F32, false);
    write_model("base", &base);
    write_model("donor", &donor);
    options.map = good;
    options.map_count = 3;
    CHECK_RUN(&options, &summary);
    CHECK_INT(summary.tokens.mapped, 3);
    CHECK_INT(summary.tokens.approximated, 1);
    read_floats("model.embed_tokens.weight", 0, 42, values);
    for (i = 0; i < 3; i++) {
        CHECK(values[X * 3 + i] == (float)base_embedding(7, i));
        CHECK(values[Y * 3 + i] == (float)base_embedding(7, i));
        CHECK(values[TOOL * 3 + i] == (float)base_embedding(2, i));
    }
    for (i = 0; i < OTX__COUNT(bad); i++) {
        const char *entry = bad[i][0];
        options.map = &entry;
        options.map_count = 1;
        CHECK(run(&options, NULL) != OTX_OK);
        CHECK_CONTAINS(last_error.message, bad[i][1]);
        CHECK_INT(count_names("out"), 0);
        CHECK(last_error.code == OTX_ERROR_ARGUMENT || last_error.code == OTX_ERROR_NOT_FOUND);
    }
}

static void test_config(void)
{
    model base, donor;
    base_model_of(&base, OTX_F32, false);
    base.config =
        "{\"vocab_size\": 10, \"padded_vocab_size\": 10, \"hidden_size\": 3, "
        "\"pad_token_id\": 1, \"sep_token_id\": 7, \"unk_token_id\": null, "
        "\"decoder_start_token_id\": 0, \"forced_eos_token_id\": null, "
        "\"image_token_id\": 0, \"mask_token_id\": -1, \"odd\": NaN, "
        "\"tokenizer_class\": \"Old\", \"auto_map\": {\"AutoTokenizer\": [\"t.T\", null], "
        "\"AutoModel\": \"m.M\"}}";
    base.generation = "{\"eos_token_id\": [1, 0], \"temperature\": 0.70, "
                      "\"suppress_tokens\": [2, 7, 3], \"bad_words_ids\": [[2, 3], [7]], "
                      "\"forced_decoder_ids\": [[1, 2], [2, 7]]}";
    donor_model_of(&donor, OTX_F32, false);
    donor.generation = "{\"eos_token_id\": [11, 12, 99], \"temperature\": 0.1}";
    write_model("base", &base);
    write_model("donor", &donor);
    CHECK_RUN(NULL, NULL);
    CHECK_STRING(read_file("out", "config.json"),
                 "{\"vocab_size\": 14, \"padded_vocab_size\": 14, \"hidden_size\": 3, "
                 "\"pad_token_id\": 11, \"sep_token_id\": 11, \"unk_token_id\": null, "
                 "\"decoder_start_token_id\": 5, \"forced_eos_token_id\": null, "
                 "\"image_token_id\": 5, \"mask_token_id\": null, \"odd\": NaN, "
                 "\"tokenizer_class\": \"PreTrainedTokenizerFast\", \"auto_map\": "
                 "{\"AutoTokenizer\": null, \"AutoModel\": \"m.M\"}, \"bos_token_id\": 5, "
                 "\"eos_token_id\": 11}");
    CHECK_STRING(read_file("out", "generation_config.json"),
                 "{\"eos_token_id\": [11, 12], \"temperature\": 0.70, "
                 "\"suppress_tokens\": [1, 3], \"bad_words_ids\": [[1, 3]], "
                 "\"forced_decoder_ids\": [[1, 1]], \"bos_token_id\": 5}");
    CHECK_CONTAINS(logged, "\"suppress_tokens\"");
    /* Without a file of its own, the base gets one for the donor's several ends. */
    base.generation = NULL;
    write_model("base", &base);
    CHECK_RUN(NULL, NULL);
    CHECK_STRING(read_file("out", "generation_config.json"),
                 "{\n  \"bos_token_id\": 5,\n  \"eos_token_id\": [11, 12]\n}\n");
    /* Where pad_token_id is where positions start, it stays. */
    base.config = "{\"model_type\": \"xlm-roberta\", \"vocab_size\": 10, \"pad_token_id\": 1}";
    donor.config = "{\"vocab_size\": 14, \"pad_token_id\": 12, \"eos_token_id\": 11}";
    write_model("base", &base);
    write_model("donor", &donor);
    CHECK_RUN(NULL, NULL);
    CHECK_CONTAINS(read_file("out", "config.json"), "\"pad_token_id\": 1,");
    CHECK_CONTAINS(logged, "counts its positions");
    /* Two levels down; another vocabulary's size and ids are none of ours. */
    base.config = "{\"thinker_config\": {\"text_config\": {\"vocab_size\": 10, "
                  "\"eos_token_id\": 1, \"suppress_tokens\": [2]}, \"audio_token_ids\": [0]}, "
                  "\"decoder\": {\"vocab_size\": 99, \"bos_token_id\": 98}}";
    write_model("base", &base);
    CHECK_RUN(NULL, NULL);
    CHECK_STRING(read_file("out", "config.json"),
                 "{\"thinker_config\": {\"text_config\": {\"vocab_size\": 14, "
                 "\"eos_token_id\": 11, \"suppress_tokens\": [1], "
                 "\"bos_token_id\": 5, \"pad_token_id\": 12}, \"audio_token_ids\": [5]}, "
                 "\"decoder\": {\"vocab_size\": 99, \"bos_token_id\": 98}}");
    /* A token that the donor lacks. */
    base.config = "{\"vocab_size\": 10, \"vision\": {\"image_token_index\": [0, 7]}}";
    write_model("base", &base);
    check_fails(NULL, OTX_ERROR_UNSUPPORTED, "\"image_token_index\" is 7, the token "
                                             "\"only-base\"");
}

/* A config of a language model within another, so many deep. */
static const char *nested_config(size_t depth)
{
    static char text[4000];
    size_t length = 0, i;
    for (i = 0; i < depth; i++)
        length += (size_t)snprintf(text + length, sizeof text - length, "{\"text_config\": ");
    length += (size_t)snprintf(text + length, sizeof text - length,
                               "{\"vocab_size\": 10, \"eos_token_id\": 1}");
    for (i = 0; i < depth; i++) text[length++] = '}';
    text[length] = 0;
    return text;
}

/* However deep the config of the language model lies, it is the one that is edited. */
static void test_levels(void)
{
    static const size_t depths[] = {1, 6, 7, 8, 30, 63};
    model base, donor;
    size_t i;
    base_model_of(&base, OTX_F32, false);
    donor_model_of(&donor, OTX_F32, false);
    write_model("donor", &donor);
    for (i = 0; i < OTX__COUNT(depths); i++) {
        const char *out;
        base.config = nested_config(depths[i]);
        write_model("base", &base);
        CHECK_RUN(NULL, NULL);
        out = read_file("out", "config.json");
        CHECK_CONTAINS(out, "{\"vocab_size\": 14, \"eos_token_id\": 11, \"bos_token_id\": 5");
        CHECK(out && strstr(out, "vocab_size") == strstr(out, "vocab_size\": 14, \"eos"));
    }
    base.config = nested_config(64);
    write_model("base", &base);
    check_fails(NULL, OTX_ERROR_LIMIT, "base/config.json: more than 64 configs of language "
                                       "models lie within each other");
}

static void test_files(void)
{
    model base, donor;
    base_model_of(&base, OTX_F32, false);
    donor_model_of(&donor, OTX_F32, false);
    donor.tokenizer_config = "{\"eos_token\": \"<end>\", \"auto_map\": {\"AutoTokenizer\": "
                             "[\"tokenization_donor.T\", null]}}";
    write_model("base", &base);
    write_model("donor", &donor);
    write_file("base", "LICENSE", "free");
    write_file("base", "tokenizer.model", "old");
    write_file("base", "tokenization_base.py", "old");
    write_file("base", "merges.txt", "old");
    write_file("base", "pytorch_model.bin", "old");
    write_file("base", "model-q4.gguf", "old");
    write_file("base", "consolidated.safetensors", "old");
    CHECK(otx__sys_make_directory(at("base/1_Pooling")));
    write_file("base/1_Pooling", "config.json", "{}");
    CHECK(otx__sys_make_directory(at("base/2_Dense")));
    write_file("base/2_Dense", "config.json", "{\"in_features\": 3}");
    write_file("base/2_Dense", "model.safetensors", "dense");
    CHECK(otx__sys_make_directory(at("base/checkpoint-500")));
    write_file("base/checkpoint-500", "model.safetensors", "old");
    CHECK(otx__sys_make_directory(at("base/best")));
    write_file("base/best", "config.json", "{\"model_type\": \"llama\"}");
    CHECK(otx__sys_make_directory(at("base/broken")));
    write_file("base/broken", "config.json", "{");
    CHECK(otx__sys_make_directory(at("base/onnx")));
    write_file("base/onnx", "model.onnx", "old");
    CHECK(otx__sys_make_directory(at("base/.git")));
    write_file("base/.git", "HEAD", "x");
    write_file("donor", "vocab.json", "{}");
    write_file("donor", "chat_template.jinja", "hello");
    write_file("donor", "README.md", "donor");
    write_file("donor", "tokenization_donor.py", "code");
    write_file("donor", "tokenization_other.py", "code");
    CHECK(otx__sys_make_directory(at("donor/additional_chat_templates")));
    write_file("donor/additional_chat_templates", "rag.jinja", "rag");
    CHECK_RUN(NULL, NULL);
    CHECK_STRING(read_file("out", "LICENSE"), "free");
    CHECK_STRING(read_file("out", "1_Pooling/config.json"), "{}");
    CHECK_STRING(read_file("out", "vocab.json"), "{}");
    CHECK_STRING(read_file("out", "chat_template.jinja"), "hello");
    CHECK_STRING(read_file("out", "additional_chat_templates/rag.jinja"), "rag");
    CHECK_STRING(read_file("out", "tokenization_donor.py"), "code");
    CHECK(!has_file("out", "tokenization_other.py"));
    CHECK(!has_file("out", "tokenization_base.py"));
    CHECK(!has_file("out", "tokenizer.model"));
    CHECK(!has_file("out", "merges.txt"));
    CHECK(!has_file("out", "README.md"));
    CHECK(!has_file("out", "pytorch_model.bin"));
    CHECK(!has_file("out", "model-q4.gguf"));
    CHECK(!has_file("out", "consolidated.safetensors"));
    CHECK(!has_file("out", "onnx"));
    CHECK_STRING(read_file("out", "2_Dense/model.safetensors"), "dense");
    CHECK_STRING(read_file("out", "broken/config.json"), "{");
    CHECK(!has_file("out", "checkpoint-500"));
    CHECK(!has_file("out", "best"));
    CHECK_CONTAINS(logged, "\"checkpoint-500\" is left out");
    CHECK(!has_file("out", ".git"));
    CHECK_CONTAINS(logged, "\"pytorch_model.bin\" is left out");
}

static int solves;

static otx_result count_solves(void *context, const otx_context *ctx, const otx_matrix *atoms,
                               const otx_matrix *targets, const otx_omp_options *options,
                               const otx_omp_output *output, otx_omp_stats *stats,
                               otx_error *error)
{
    (void)context;
    solves++;
    return otx_omp(ctx, atoms, targets, options, output, stats, error);
}

#ifndef _WIN32
/* A file that cannot be copied ends the run before the first solve, which may take hours,
   and what stood under the output's name stays. */
static void test_files_before_solving(void)
{
    static const char *const files[] = {"base/LICENSE", "base/assets/deep/a.txt",
                                        "donor/chat_template.jinja",
                                        "donor/additional_chat_templates/a.jinja"};
    static const struct {
        const char *command;
        const char *message;
    } cases[] = {
        {"mkfifo", "is a device or a pipe, not a regular file"},
        {"ln -s nowhere", "is a link that leads nowhere"},
        {"ln -s circle circle && ln -s circle", "cannot be looked at"},
    };
    otx_job_options options;
    model base, donor;
    size_t i, j;
    base_model_of(&base, OTX_F32, true);
    base.shards = 3;
    donor_model_of(&donor, OTX_F32, true);
    memset(&options, 0, sizeof options);
    options.solve = count_solves;
    options.overwrite = true;
    for (i = 0; i < OTX__COUNT(files); i++)
        for (j = 0; j < OTX__COUNT(cases); j++) {
            const char *name = strrchr(files[i], '/');
            char line[200];
            write_model("base", &base);
            write_model("donor", &donor);
            (void)snprintf(line, sizeof line, "mkdir -p %.*s && cd %.*s && %s %s",
                           (int)(name - files[i]), files[i], (int)(name - files[i]), files[i],
                           cases[j].command, name + 1);
            CHECK(scratch_shell(line));
            solves = 0;
            check_fails(&options, OTX_ERROR_IO, cases[j].message);
            CHECK_CONTAINS(last_error.message, files[i]);
            CHECK_INT(solves, 0);
            write_model("out", &base);
            CHECK_INT(otx_transplant(NULL, at("base"), at("donor"), at("out"), &options, NULL,
                                     NULL), OTX_ERROR_IO);
            CHECK_INT(solves, 0);
            CHECK_INT(count_names("out"), 1);
            CHECK_STRING(read_file("out", "config.json"), plain_config);
        }
    write_model("base", &base);
    write_model("donor", &donor);
    CHECK_RUN(&options, NULL);
    CHECK_INT(solves, 2); /* which is what was not called above */
}

/* An index that has become unreadable after the job was opened. */
static void test_index_before_solving(void)
{
    otx_job_options options;
    otx_error error;
    otx_job *job = NULL;
    model base, donor;
    base_model_of(&base, OTX_F32, true);
    base.shards = 3;
    donor_model_of(&donor, OTX_F32, true);
    write_model("base", &base);
    write_model("donor", &donor);
    remove_tree("out");
    memset(&options, 0, sizeof options);
    options.solve = count_solves;
    solves = 0;
    CHECK_INT(otx_job_open(NULL, at("base"), at("donor"), &options, &job, &error), OTX_OK);
    CHECK(otx__sys_remove(at("base/model.safetensors.index.json")));
    CHECK_INT(otx_job_run(job, at("out"), &error), OTX_ERROR_NOT_FOUND);
    CHECK_CONTAINS(error.message, "index.json: is gone");
    CHECK_INT(solves, 0);
    CHECK_INT(count_names("out"), 0);
    otx_job_close(job);
}
#endif

/* ---- what must be refused ---- */

static double spoiled_donor(size_t row, size_t column)
{
    return row == bad_row && column == 1 ? bad_value : donor_embedding(row, column);
}

static void test_not_finite(void)
{
    model base, donor;
    base_model_of(&base, OTX_F32, false);
    donor_model_of(&donor, OTX_BF16, false);
    donor.tensors[0].value = spoiled_donor;
    bad_row = X;
    bad_value = (double)NAN;
    write_model("base", &base);
    write_model("donor", &donor);
    check_fails(NULL, OTX_ERROR_NOT_FINITE,
                "donor: tensor \"model.embed_tokens.weight\", row 7 (token \"x\")");
    bad_row = 3; /* an anchor */
    bad_value = (double)INFINITY;
    write_model("donor", &donor);
    check_fails(NULL, OTX_ERROR_NOT_FINITE, "row 3 (token \"b\")");
    bad_row = PAD; /* nobody looks at those */
    write_model("donor", &donor);
    CHECK_RUN(NULL, NULL);
    bad_row = END; /* matched by role: the donor's row is not needed */
    write_model("donor", &donor);
    CHECK_RUN(NULL, NULL);
    donor.tensors[0].value = donor_embedding;
    write_model("donor", &donor);
    base.tensors[0].value = spoiled_base;
    bad_row = 1; /* copied by role */
    write_model("base", &base);
    check_fails(NULL, OTX_ERROR_NOT_FINITE, "row 1 (token \"</s>\")");
    bad_row = 7; /* a token that the donor does not have */
    write_model("base", &base);
    CHECK_RUN(NULL, NULL);
}

/* Values that cannot be used, of whatever matrix, end the run before the first solve. */
static void test_values_before_solving(void)
{
    otx_job_options options;
    model base, donor;
    memset(&options, 0, sizeof options);
    options.solve = count_solves;
    solves = 0;
    bad_row = 6;
    bad_value = (double)NAN;
    base_model_of(&base, OTX_F32, true);
    donor_model_of(&donor, OTX_F32, true);
    base.tensors[1].value = spoiled_base;
    write_model("base", &base);
    write_model("donor", &donor);
    check_fails(&options, OTX_ERROR_NOT_FINITE, "base: tensor \"lm_head.weight\", row 6");
    CHECK_INT(solves, 0);
    base.tensors[1].value = base_head;
    donor.tensors[1].value = spoiled_donor; /* the second that is solved for */
    write_model("base", &base);
    write_model("donor", &donor);
    check_fails(&options, OTX_ERROR_NOT_FINITE, "donor: tensor \"lm_head.weight\", row 6");
    CHECK_INT(solves, 0);
    CHECK_INT(otx_transplant(NULL, at("base"), at("donor"), NULL, &options, NULL, NULL),
              OTX_ERROR_NOT_FINITE);
    CHECK_INT(solves, 0);
    /* A row that is copied does not fit its new type. */
    bad_value = 480;
    options.dtype = OTX_F8_E4M3;
    donor.tensors[1].value = donor_head;
    base.tensors[0].value = spoiled_base;
    write_model("base", &base);
    write_model("donor", &donor);
    check_fails(&options, OTX_ERROR_RANGE, "donor id 4 (token \"e\") has a value beyond the "
                                           "largest of F8_E4M3; pass --saturate");
    CHECK_INT(solves, 0);
    options.saturate = true;
    CHECK_RUN(&options, NULL);
    CHECK_INT(solves, 2);
}

static void test_range(void)
{
    otx_job_options options;
    model base, donor;
    float largest;
    unsigned char bytes[2];
    otx_checkpoint out;
    memset(&options, 0, sizeof options);
    base_model_of(&base, OTX_F16, false);
    donor_model_of(&donor, OTX_F32, false);
    base.tensors[0].value = spoiled_base;
    bad_row = 6;
    bad_value = 40000; /* doubled for donor id 6 */
    write_model("base", &base);
    write_model("donor", &donor);
    check_fails(NULL, OTX_ERROR_RANGE, "donor id 6 (token \"a\xc3\xa9\")");
    options.saturate = true;
    CHECK_RUN(&options, NULL);
    CHECK_INT(otx_checkpoint_open(NULL, at("out"), &out, NULL), OTX_OK);
    CHECK_INT(otx_checkpoint_read(&out, otx_checkpoint_find(&out, "model.embed_tokens.weight"),
                                  6 * 3 + 1, 1, bytes, NULL), OTX_OK);
    otx_to_float(&largest, bytes, OTX_F16, 1);
    CHECK(largest == 65504);
    otx_checkpoint_close(NULL, &out);
}

static void test_no_anchors(void)
{
    static const char *const strangers[] = {"!<s>", "!<end>", "p", "q"};
    otx_job_options options;
    model base, donor;
    memset(&options, 0, sizeof options);
    base_model_of(&base, OTX_F32, false);
    donor_model_of(&donor, OTX_F32, false);
    donor.tokens = strangers;
    donor.token_count = OTX__COUNT(strangers);
    donor.config = "{\"hidden_size\": 9}";
    write_model("base", &base);
    write_model("donor", &donor);
    check_fails(NULL, OTX_ERROR_NO_ANCHORS, "transplant align");
    options.method = OTX_METHOD_MEAN; /* needs none */
    CHECK_RUN(&options, NULL);
}

/* Each adds one tensor to the base, or changes one, and must be refused by name. */
static void test_architectures(void)
{
    static const struct {
        const char *name;
        otx_dtype dtype;
        uint64_t rows, columns;
        const char *message;
    } refused[] = {
        {"model.embed_tokens_per_layer.weight", OTX_F32, 12, 4, "per-layer embeddings"},
        {"lm_head.qweight", OTX_I32, 3, 5, "packed or scaled"},
        {"lm_head.weight_scale_inv", OTX_F32, 1, 1, "packed or scaled"},
        {"d2t", OTX_I64, 5, 0, "draft vocabulary"},
        {"model.surprise.weight", OTX_F32, 10, 2, "\"model.surprise.weight\" [10, 2]"},
        {"model.layers.3.embed_more.weight", OTX_F32, 10, 2, "what it is for is not known"},
        {"lm_head.weight", OTX_F32, 8, 3, "another number of rows"},
        {"lm_head.weight", OTX_I8, 10, 3, "I8; F64, F32, F16, BF16, F8_E4M3 or F8_E5M2"},
        {"model.embed_tokens.weight_scale", OTX_F32, 10, 1, "packed or scaled"},
        {"model.layers.0.gate.tid2eid", OTX_I64, 10, 4, "table of integers by token"},
    };
    otx_job_summary summary;
    model base, donor;
    size_t i;
    donor_model_of(&donor, OTX_F32, true);
    write_model("donor", &donor);
    for (i = 0; i < OTX__COUNT(refused); i++) {
        base_model_of(&base, OTX_F32, false);
        add_tensor(&base, refused[i].name, refused[i].dtype, refused[i].rows,
                   refused[i].columns, other_value, 0);
        write_model("base", &base);
        check_fails(NULL, OTX_ERROR_UNSUPPORTED, refused[i].message);
        CHECK_CONTAINS(last_error.message, refused[i].name);
    }
    /* Nothing that is known as an embedding: what could be one is listed. */
    base_model_of(&base, OTX_F32, false);
    base.tensors[0].name = "net.lexicon.weight";
    write_model("base", &base);
    check_fails(NULL, OTX_ERROR_UNSUPPORTED, "\"net.lexicon.weight\" [10, 3]");
    /* Layer weights of that size, and sizes that config.json explains, are none. */
    base_model_of(&base, OTX_F32, false);
    add_tensor(&base, "model.layers.0.mlp.up.weight", OTX_F32, 10, 3, other_value, 0);
    write_model("base", &base);
    CHECK_RUN(NULL, NULL);
    add_tensor(&base, "model.positions", OTX_F32, 10, 3, other_value, 0);
    base.config = "{\"hidden_size\": 3, \"max_position_embeddings\": 10, \"vocab_size\": 10}";
    write_model("base", &base);
    CHECK_RUN(NULL, NULL);
    /* Copies for further heads get combinations of their own rows. */
    base_model_of(&base, OTX_F32, true);
    add_tensor(&base, "model.layers.1.embed_tokens.weight", OTX_F32, 10, 3, base_embedding, 0);
    add_tensor(&base, "model.layers.1.shared_head.head.weight", OTX_F32, 10, 3, base_head, 0);
    write_model("base", &base);
    CHECK_RUN(NULL, &summary);
    CHECK_INT(summary.matrix_count, 4);
    check_matrix("out", "model.layers.1.embed_tokens.weight", 14, false, base_embedding);
    check_matrix("out", "model.layers.1.shared_head.head.weight", 14, true, base_head);
    check_matrix("out", "lm_head.weight", 14, true, base_head);
}

static void test_names(void)
{
    static const struct {
        const char *embedding, *head;
    } names[] = {
        {"transformer.wte.weight", "lm_head.weight"},
        {"gpt_neox.embed_in.weight", "embed_out.weight"},
        {"model.tok_embeddings.weight", "output.weight"},
        {"transformer.embedding.word_embeddings.weight", "transformer.output_layer.weight"},
        {"backbone.embeddings.weight", "lm_head.weight"},
        {"transformer.embd.wte.weight", "lm_head.linear.weight"},
        {"layers.0.wte.weight", "layers.5.linear.weight"},
        {"shared.weight", "lm_head.weight"},
        {"transformer.embeddings.weight", "pred_layer.proj.weight"},
        {"transformer.word_embedding.weight", "lm_loss.weight"},
        {"embed.weight", "head.weight"},
        {"bert.embeddings.word_embeddings.weight", "cls.predictions.decoder.weight"},
        {"distilbert.embeddings.word_embeddings.weight", "vocab_projector.weight"},
        {"language_model.model.embed_tokens.weight", "language_model.lm_head.weight"},
        {"model.language_model.embed_tokens.weight", "lm_head.weight"},
    };
    model base, donor;
    size_t i;
    base_model_of(&base, OTX_F32, true);
    donor_model_of(&donor, OTX_F32, true);
    for (i = 0; i < OTX__COUNT(names); i++) {
        base.tensors[0].name = names[i].embedding;
        base.tensors[1].name = names[i].head;
        donor.tensors[0].name = names[OTX__COUNT(names) - 1 - i].embedding;
        donor.tensors[1].name = names[OTX__COUNT(names) - 1 - i].head;
        write_model("base", &base);
        write_model("donor", &donor);
        CHECK_RUN(NULL, NULL);
        check_matrix("out", names[i].embedding, 14, false, base_embedding);
        check_matrix("out", names[i].head, 14, true, base_head);
    }
}

static void test_errors(void)
{
    otx_job_options options;
    model base, donor;
    otx_error error;
    memset(&options, 0, sizeof options);
    base_model_of(&base, OTX_F32, true);
    base.shards = 3;
    donor_model_of(&donor, OTX_F32, true);
    write_model("base", &base);
    write_model("donor", &donor);
    remove_tree("out");
    /* Paths. */
    CHECK_INT(otx_transplant(NULL, "owner/name", at("donor"), at("out"), NULL, NULL, &error),
              OTX_ERROR_NOT_FOUND);
    CHECK_CONTAINS(error.message, "hub");
    CHECK_INT(otx_transplant(NULL, at("base/config.json"), at("donor"), at("out"), NULL, NULL,
                             &error), OTX_ERROR_ARGUMENT);
    CHECK_INT(otx_transplant(NULL, at("base"), at("donor"), at("base"), NULL, NULL, &error),
              OTX_ERROR_ARGUMENT);
    CHECK_CONTAINS(error.message, "must not be, hold or lie in the base");
    CHECK_INT(otx_transplant(NULL, at("base"), at("donor"), at("donor/deep/out"), NULL, NULL,
                             &error), OTX_ERROR_ARGUMENT);
    CHECK_INT(otx_transplant(NULL, at("base"), at("donor"), scratch_root, NULL, NULL, &error),
              OTX_ERROR_ARGUMENT);
    CHECK_INT(
        otx_transplant(NULL, at("base"), at("donor"), at("no/such/out"), NULL, NULL, &error),
        OTX_ERROR_NOT_FOUND);
    CHECK_INT(count_names("out"), 0);
    /* An output that exists. */
    CHECK_INT(otx_transplant(NULL, at("base"), at("donor"), at("out"), NULL, NULL, &error),
              OTX_OK);
    CHECK_INT(otx_transplant(NULL, at("base"), at("donor"), at("out"), NULL, NULL, &error),
              OTX_ERROR_EXISTS);
    options.overwrite = true;
    CHECK_INT(otx_transplant(NULL, at("base"), at("donor"), at("out"), &options, NULL, &error),
              OTX_OK);
    CHECK_INT(count_names("out"), 1);
    /* Options. */
    options.method = (otx_method)7;
    check_fails(&options, OTX_ERROR_ARGUMENT, "omp-centred, mean and zero");
    options.method = OTX_METHOD_OMP;
    options.omp.first_target = 1;
    check_fails(&options, OTX_ERROR_ARGUMENT, "first_target");
    /* Contradictions. */
    base.config = "{\"hidden_size\": 4, \"vocab_size\": 10}";
    write_model("base", &base);
    check_fails(NULL, OTX_ERROR_MISMATCH,
                "has 3 columns, but config.json says \"hidden_size\": 4");
    base.config = NULL;
    write_model("base", &base);
    check_fails(NULL, OTX_ERROR_NOT_FOUND, "config.json: is missing");
    base.config = "[]";
    write_model("base", &base);
    check_fails(NULL, OTX_ERROR_FORMAT, "not a JSON object");
    /* A missing shard. */
    base.config = plain_config;
    write_model("base", &base);
    CHECK(otx__sys_remove(at("base/model-00003-of-00003.safetensors")));
    check_fails(NULL, OTX_ERROR_NOT_FOUND, "model-00003-of-00003.safetensors");
}

/* ---- reports ---- */

static bool gather(void *context, const void *bytes, size_t size)
{
    otx__text_bytes((otx__text *)context, bytes, size);
    return true;
}

static bool refuse(void *context, const void *bytes, size_t size)
{
    (void)context, (void)bytes, (void)size;
    return false;
}

static uint64_t number_of(const otx_json *json, uint32_t object, const char *key)
{
    uint64_t value = 0;
    CHECK(otx_json_uint(json, otx_json_find(json, object, key), &value));
    return value;
}

static void test_reports(void)
{
    otx_job_options options;
    otx_job *job = NULL;
    otx__text text;
    otx_sink sink;
    otx_json json;
    otx_error error;
    uint32_t tokens, matrix;
    model base, donor;
    memset(&options, 0, sizeof options);
    base_model_of(&base, OTX_F32, true);
    donor_model_of(&donor, OTX_F32, true);
    write_model("base", &base);
    write_model("donor", &donor);
    remove_tree("out");
    options.keep_details = true;
    otx__text_open(&text, NULL);
    sink.write = gather;
    sink.context = &text;
    CHECK_INT(otx_job_open(NULL, at("base"), at("donor"), &options, &job, &error), OTX_OK);
    if (!job) return;
    CHECK_INT(otx_job_alignment(job)->anchor_count, 5);
    CHECK_INT(otx_job_donor_vocab(job)->count, 13);
    CHECK_INT(otx_job_base_vocab(job)->count, 8);
    CHECK_INT(otx_job_write_tokens(job, &sink, &error), OTX_OK); /* the plan, before the run */
    otx__text_bytes(&text, "", 1);
    CHECK_CONTAINS(text.bytes, "\n7\ttext\tx\tapproximate\t\t\t\t\t\n");
    otx__text_close(&text);
    CHECK_INT(otx_job_run(job, at("out"), &error), OTX_OK);
    CHECK_INT(otx_job_run(job, at("out2"), &error), OTX_ERROR_ARGUMENT);
    CHECK_INT(otx_job_write_report(job, &sink, &error), OTX_OK);
    CHECK_INT(otx_json_parse(NULL, text.bytes, text.size, "report", NULL, &json, &error),
              OTX_OK);
    CHECK(otx_json_equals(&json, otx_json_find(&json, 0, "version"), OTX_VERSION_STRING));
    CHECK(otx_json_equals(&json, otx_json_find(&json, 0, "method"), "omp"));
    CHECK(otx_json_equals(&json, otx_json_find(&json, 0, "base"), at("base")));
    CHECK_INT(number_of(&json, 0, "k"), 64);
    CHECK(number_of(&json, 0, "threads") >= 1);
    CHECK(number_of(&json, 0, "peak_bytes") > 0);
    tokens = otx_json_find(&json, 0, "tokens");
    CHECK_INT(number_of(&json, tokens, "total"),
              number_of(&json, tokens, "copied") + number_of(&json, tokens, "by_role") +
                  number_of(&json, tokens, "mapped") +
                  number_of(&json, tokens, "approximated") +
                  number_of(&json, tokens, "unused"));
    CHECK_INT(otx_json_find(&json, tokens, "skipped"), OTX_JSON_NONE); /* there are none */
    CHECK_INT(number_of(&json, tokens, "padding"), 2);
    matrix = otx_json_find(&json, 0, "matrices");
    CHECK_INT(json.nodes[matrix].count, 2);
    CHECK(otx_json_equals(&json, otx_json_find(&json, matrix + 1, "name"),
                          "model.embed_tokens.weight"));
    CHECK_INT(number_of(&json, matrix + 1, "rows"), 14);
    CHECK_INT(
        otx_json_type_of(&json, otx_json_find(&json, matrix + 1, "mean_relative_residual")),
        OTX_JSON_NUMBER);
    otx_json_close(NULL, &json);
    otx__text_close(&text);
    CHECK_INT(otx_job_write_tokens(job, &sink, &error), OTX_OK);
    otx__text_bytes(&text, "", 1);
    CHECK_CONTAINS(text.bytes,
                   "id\tkind\tbytes\taction\tbase_id\tresidual:model.embed_tokens.weight\t"
                   "anchors:model.embed_tokens.weight\tresidual:lm_head.weight\t"
                   "anchors:lm_head.weight\n");
    CHECK_CONTAINS(text.bytes, "\n2\ttext\t d\tcopy\t5\t\t\t\t\n");
    CHECK_CONTAINS(text.bytes, "\n7\ttext\tx\tapproximate\t\t0\t1:2:1.00000000e+00 "
                               "3:3:-5.00000000e-01\t0\t2:5:1.00000000e+00\n");
    CHECK_CONTAINS(text.bytes, "\n9\tnone\t\tpadding\t\t\t\t\t\n");
    CHECK_CONTAINS(text.bytes, "\n10\tunused\t<unused7>\tunused\t\t\t\t\t\n");
    CHECK_CONTAINS(text.bytes, "\n11\tcontrol\t<end>\trole\t1\t\t\t\t\n");
    otx__text_close(&text);
    sink.write = refuse;
    CHECK_INT(otx_job_write_report(job, &sink, &error), OTX_ERROR_IO);
    CHECK_INT(otx_job_write_tokens(job, &sink, &error), OTX_ERROR_IO);
    otx_job_close(job);
    otx_job_close(NULL);
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
    for (i = 0; i < OTX__COUNT(cases); i++) {
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

/* ---- cancelling, running out of memory ---- */

typedef struct counter {
    int calls, stop_at;
    bool backwards;
    uint64_t left;
    otx_stage stage;
} counter;

static bool count_progress(void *context, const otx_progress *progress)
{
    counter *c = (counter *)context;
    if (progress->done > progress->total) c->backwards = true;
    c->left = progress->total - progress->done;
    c->stage = progress->stage;
    return ++c->calls != c->stop_at;
}

/* A small model with everything in it: shards, a redundant file, a directory, a
   generation config, a bias. */
static void write_rich_models(void)
{
    model base, donor;
    base_model_of(&base, OTX_BF16, true);
    base.shards = 3;
    add_tensor(&base, "lm_head.bias", OTX_F32, 10, 0, base_bias, 1);
    base.generation = "{\"eos_token_id\": 1, \"suppress_tokens\": [2]}";
    donor_model_of(&donor, OTX_F32, true);
    write_model("base", &base);
    write_model("donor", &donor);
    write_file("base", "LICENSE", "free");
    CHECK(otx__sys_make_directory(at("base/assets")));
    write_file("base/assets", "a.txt", "a");
    remove_tree("out");
}

static void test_cancel(void)
{
    otx_context ctx;
    otx_error error;
    counter c;
    int total, i;
    write_rich_models();
    memset(&ctx, 0, sizeof ctx);
    memset(&c, 0, sizeof c);
    ctx.progress = count_progress;
    ctx.progress_context = &c;
    CHECK_INT(otx_transplant(&ctx, at("base"), at("donor"), at("out"), NULL, NULL, &error),
              OTX_OK);
    CHECK(!c.backwards);
    CHECK_INT(c.stage, OTX_STAGE_WRITE);
    CHECK_INT(c.left, 0); /* everything that was announced was written */
    total = c.calls;
    CHECK(total > 10);
    for (i = 1; i <= total; i++) {
        remove_tree("out");
        memset(&c, 0, sizeof c);
        c.stop_at = i;
        CHECK_INT(otx_transplant(&ctx, at("base"), at("donor"), at("out"), NULL, NULL, &error),
                  OTX_ERROR_CANCELLED);
        CHECK_INT(c.calls, i); /* and not asked again */
        CHECK_INT(count_names("out"), 0);
    }
}

static void test_memory(void)
{
    otx_context ctx;
    otx_job_summary summary;
    otx_error error;
    failing state;
    long total, without = 0, i;
    write_rich_models();
    memset(&ctx, 0, sizeof ctx);
    memset(&state, 0, sizeof state);
    ctx.allocator.resize = failing_resize;
    ctx.allocator.context = &state;
    ctx.threads = 1;
    CHECK_INT(otx_transplant(&ctx, at("base"), at("donor"), at("out"), NULL, &summary, &error),
              OTX_OK);
    CHECK_INT(state.live, 0);
    CHECK_INT(state.bytes, 0);
    CHECK(!state.wrong_size);
    CHECK(summary.peak_bytes > 0);
    total = state.requests;
    CHECK(total > 100);
    for (i = 1; i <= total; i++) {
        otx_result result;
        remove_tree("out");
        memset(&state, 0, sizeof state);
        memset(&error, 0, sizeof error);
        state.fail_at = i;
        result = otx_transplant(&ctx, at("base"), at("donor"), at("out"), NULL, NULL, &error);
        if (result == OTX_OK && count_names("out") == 1 && !state.live && !state.wrong_size) {
            without++; /* a solve goes on without its table of exact products */
            continue;
        }
        if (result != OTX_ERROR_MEMORY || error.code != result || state.live ||
            state.wrong_size || count_names("out") != 0) {
            printf("  request %ld of %ld: %s, \"%s\", %ld blocks live\n", i, total,
                   otx_result_name(result), error.message, state.live);
            CHECK(!"a failed allocation ends the job cleanly");
        }
    }
    CHECK_INT(without, 2); /* one for each of the two matrices */
}

/* ---- looking at what came out ---- */

static char findings[8000];

static void find(void *context, otx_severity severity, const char *message)
{
    size_t length = strlen(findings);
    (void)context;
    snprintf(findings + length, sizeof findings - length, "%s: %s\n",
             severity == OTX_FAULT ? "fault" : "warning", message);
}

static void test_verify(void)
{
    otx_context ctx;
    otx_verify_options options;
    otx_verify_summary summary;
    otx_error error;
    failing state;
    counter c;
    long total, i;
    int calls;
    write_rich_models();
    CHECK_RUN(NULL, NULL);
    memset(&options, 0, sizeof options);
    options.finding = find;
    options.draft_for = at("donor");
    findings[0] = 0;
    CHECK_INT(otx_verify(NULL, at("out"), &options, &summary, &error), OTX_OK);
    CHECK_STRING(findings, "");
    CHECK_INT(summary.faults + summary.warnings, 0);
    CHECK_INT(otx_verify(NULL, at("out"), NULL, NULL, &error), OTX_OK);
    CHECK_INT(otx_verify(NULL, at("none"), NULL, NULL, &error), OTX_ERROR_NOT_FOUND);
    CHECK_INT(otx_verify(NULL, at("out/config.json"), NULL, NULL, &error), OTX_ERROR_ARGUMENT);
    write_file("out", "generation_config.json", "{\"eos_token_id\": [1, 99]}");
    CHECK_INT(otx_verify(NULL, at("out"), &options, &summary, &error), OTX_OK);
    CHECK_INT(summary.faults, 1);
    CHECK_CONTAINS(findings, "fault: ");
    CHECK_CONTAINS(findings, "\"eos_token_id\" is 99; there are 14 rows");
    /* Each allocation fails in turn. */
    memset(&ctx, 0, sizeof ctx);
    memset(&state, 0, sizeof state);
    ctx.allocator.resize = failing_resize;
    ctx.allocator.context = &state;
    CHECK_INT(otx_verify(&ctx, at("out"), &options, &summary, &error), OTX_OK);
    CHECK_INT(state.live, 0);
    total = state.requests;
    CHECK(total > 50);
    for (i = 1; i <= total; i++) {
        otx_result result;
        memset(&state, 0, sizeof state);
        state.fail_at = i;
        findings[0] = 0;
        result = otx_verify(&ctx, at("out"), &options, &summary, &error);
        if (result != OTX_ERROR_MEMORY || error.code != result || state.live ||
            state.wrong_size) {
            printf("  request %ld of %ld: %s\n", i, total, otx_result_name(result));
            CHECK(!"a failed allocation ends it cleanly");
        }
    }
    /* And so does every call of the progress hook. */
    memset(&ctx, 0, sizeof ctx);
    memset(&c, 0, sizeof c);
    ctx.progress = count_progress;
    ctx.progress_context = &c;
    CHECK_INT(otx_verify(&ctx, at("out"), &options, &summary, &error), OTX_OK);
    calls = c.calls;
    CHECK(calls >= 3 && !c.backwards);
    for (i = 1; i <= calls; i++) {
        memset(&c, 0, sizeof c);
        c.stop_at = (int)i;
        CHECK_INT(otx_verify(&ctx, at("out"), &options, &summary, &error), OTX_ERROR_CANCELLED);
    }
}

/* The output does not depend on the number of threads. */
static void test_threads(void)
{
    otx_context ctx;
    otx_error error;
    otx_source one, other;
    model base, donor;
    char a[4096], b[4096];
    base_model_of(&base, OTX_F32, true);
    donor_model_of(&donor, OTX_F32, true);
    write_model("base", &base);
    write_model("donor", &donor);
    remove_tree("out");
    remove_tree("out-threads");
    memset(&ctx, 0, sizeof ctx);
    ctx.threads = 1;
    CHECK_INT(otx_transplant(&ctx, at("base"), at("donor"), at("out"), NULL, NULL, &error),
              OTX_OK);
    ctx.threads = 3;
    CHECK_INT(
        otx_transplant(&ctx, at("base"), at("donor"), at("out-threads"), NULL, NULL, &error),
        OTX_OK);
    CHECK_INT(otx_source_open(NULL, at("out/model.safetensors"), &one, NULL), OTX_OK);
    CHECK_INT(otx_source_open(NULL, at("out-threads/model.safetensors"), &other, NULL), OTX_OK);
    CHECK_INT(one.size, other.size);
    CHECK(one.size < sizeof a);
    CHECK(one.read(one.context, 0, a, (size_t)one.size));
    CHECK(other.read(other.context, 0, b, (size_t)one.size));
    CHECK(memcmp(a, b, (size_t)one.size) == 0);
    otx_source_close(NULL, &one);
    otx_source_close(NULL, &other);
    remove_tree("out-threads");
}

int main(void)
{
    scratch_open("job");
    RUN(test_untied);
    RUN(test_tied);
    RUN(test_redundant_head);
    RUN(test_shards);
    RUN(test_other_tensors);
    RUN(test_bias);
    RUN(test_mean_and_zero);
    RUN(test_dtype);
    RUN(test_padding);
    RUN(test_extra_rows);
    RUN(test_rows);
    RUN(test_map);
    RUN(test_config);
    RUN(test_levels);
    RUN(test_files);
#ifndef _WIN32
    RUN(test_files_before_solving);
    RUN(test_index_before_solving);
#endif
    RUN(test_not_finite);
    RUN(test_values_before_solving);
    RUN(test_range);
    RUN(test_no_anchors);
    RUN(test_architectures);
    RUN(test_names);
    RUN(test_errors);
    RUN(test_reports);
    RUN(test_table_numbers);
    RUN(test_cancel);
    RUN(test_memory);
    RUN(test_verify);
    RUN(test_threads);
    scratch_close();
    return test_end();
}

/* Small models that a suite writes itself, the run of a job on them, and what must come
   out. Their numbers are chosen so that every new row can be told in advance, to the last
   bit. */
#ifndef SMALL_MODELS_H
#define SMALL_MODELS_H

#include <math.h>

#include "omp_transplant.h"
#include "scratch.h"
#include "test.h"

/* ---- files of a directory within the scratch directory ---- */

static inline const char *path_of(const char *directory, const char *name)
{
    static char paths[4][300];
    static int next;
    char *path = paths[next++ % 4];
    snprintf(path, sizeof paths[0], "%s/%s", directory, name);
    return path;
}

static inline void write_file(const char *directory, const char *name, const char *text)
{
    scratch_text(path_of(directory, name), text);
}

/* The text of a file, or NULL; valid until the eighth call after. */
static inline const char *read_file(const char *directory, const char *name)
{
    static char *texts[8];
    static int next;
    char **text = &texts[next++ % 8];
    free(*text);
    *text = scratch_read(path_of(directory, name), NULL);
    return *text;
}

static inline bool has_file(const char *directory, const char *name)
{
    return scratch_exists(at(path_of(directory, name)));
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
    model_tensor tensors[20];
    size_t tensor_count;
    int shards; /* 0: one file without an index */
    const char *config, *generation, *tokenizer_config;
} model;

/* Writes a token of the model, in JSON. */
static inline void write_token(FILE *file, const char *token)
{
    fputc('"', file);
    for (token += *token == '!'; *token; token++) {
        if (*token == '"' || *token == '\\') fputc('\\', file);
        fputc(*token, file);
    }
    fputc('"', file);
}

static inline void write_tokenizer(const char *directory, const model *m)
{
    FILE *file = fopen(at(path_of(directory, "tokenizer.json")), "wb");
    size_t i, written = 0;
    if (!file) exit(1);
    fputs("{\"version\": \"1.0\", \"added_tokens\": [", file);
    for (i = 0; i < m->token_count; i++) {
        if (!m->tokens[i] || m->tokens[i][0] != '!') continue;
        fprintf(file, "%s{\"id\": %d, \"content\": ", written++ ? ", " : "", (int)i);
        write_token(file, m->tokens[i]);
        fputs(", \"single_word\": false, \"lstrip\": false, \"rstrip\": false, "
              "\"normalized\": false, \"special\": true}", file);
    }
    fputs("], \"normalizer\": null, \"pre_tokenizer\": {\"type\": \"ByteLevel\", "
          "\"add_prefix_space\": false, \"trim_offsets\": true, \"use_regex\": true}, "
          "\"post_processor\": null, \"decoder\": {\"type\": \"ByteLevel\", "
          "\"add_prefix_space\": true, \"trim_offsets\": true, \"use_regex\": true}, "
          "\"model\": {\"type\": \"BPE\", \"dropout\": null, \"unk_token\": null, "
          "\"continuing_subword_prefix\": null, \"end_of_word_suffix\": null, "
          "\"fuse_unk\": false, \"byte_fallback\": false, \"vocab\": {", file);
    for (i = written = 0; i < m->token_count; i++) {
        if (!m->tokens[i]) continue;
        if (written++) fputs(", ", file);
        write_token(file, m->tokens[i]);
        fprintf(file, ": %d", (int)i);
    }
    fputs("}, \"merges\": []}}", file);
    if (fclose(file) != 0) exit(1);
}

/* Writes the bytes of a number, which stand in this machine's order, little-endian. */
static inline void write_number(FILE *file, const unsigned char *bytes, size_t size)
{
    const unsigned short probe = 1;
    bool little = *(const unsigned char *)&probe == 1;
    size_t i;
    for (i = 0; i < size; i++) fputc(bytes[little ? i : size - 1 - i], file);
}

static inline void write_shard(const char *path, const model *m, int shard)
{
    otx_tensor tensors[20];
    const model_tensor *sources[20];
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
                } else {
                    bytes[0] = (unsigned char)value;
                }
                write_number(file, bytes, size);
            }
    }
    if (fclose(file) != 0) exit(1);
    otx_layout_close(NULL, &layout);
}

static inline void write_model(const char *directory, const model *m)
{
    char name[64], index[4000];
    size_t length, i;
    int shard;
    scratch_remove_tree(directory);
    scratch_directory(directory);
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

static inline void add_tensor(model *m, const char *name, otx_dtype dtype, uint64_t rows,
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

/* ---- reports ---- */

typedef struct gathered {
    char bytes[16384];
    size_t size;
} gathered;

/* A sink that keeps a text, with a NUL behind. */
static inline bool gather(void *context, const void *bytes, size_t size)
{
    gathered *text = (gathered *)context;
    if (size >= sizeof text->bytes - text->size) return false;
    memcpy(text->bytes + text->size, bytes, size);
    text->size += size;
    text->bytes[text->size] = 0;
    return true;
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

static inline double base_embedding(size_t row, size_t column)
{
    return ((double)((row * 7 + column * 5) % 16) - 8) / 8;
}

static inline double base_head(size_t row, size_t column)
{
    return ((double)((row * 5 + column * 11) % 16) - 7) / 16;
}

static inline double base_bias(size_t row, size_t column)
{
    return row == 0 ? (double)column / 4 : 0;
}

static inline double other_value(size_t row, size_t column)
{
    return (double)(row * 3 + column) / 2;
}

/* The same with one value in it, for what must be refused. */
static size_t bad_row;
static double bad_value;

static inline double spoiled_base(size_t row, size_t column)
{
    return row == bad_row && column == 1 ? bad_value : base_embedding(row, column);
}

/* Anchors are axes of the space; x, y, the control token and the rest are
   combinations of them. */
static inline double donor_embedding(size_t row, size_t column)
{
    if (row < 5) return column == row ? 2 : 0;                    /* c a _d b e */
    if (row == X) return column == 1 ? 2 : column == 3 ? -1 : 0;  /* a - b/2 */
    if (row == Y) return column == 0 ? 1 : 0;                     /* c/2 */
    if (row == 6) return column == 4 ? 4 : column == 2 ? 1 : 0;   /* 2e + _d/2 */
    if (row == TOOL) return column == 2 ? -2 : 0;                 /* -_d */
    return 9;
}

static inline double donor_head(size_t row, size_t column)
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

static inline void base_model_of(model *m, otx_dtype dtype, bool head)
{
    memset(m, 0, sizeof *m);
    m->tokens = base_tokens;
    m->token_count = COUNT(base_tokens);
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

static inline void donor_model_of(model *m, otx_dtype dtype, bool head)
{
    memset(m, 0, sizeof *m);
    m->tokens = donor_tokens;
    m->token_count = COUNT(donor_tokens);
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
static inline double combined(size_t id, size_t column, bool by_head,
                              double (*base)(size_t, size_t))
{
    double a = base(2, column), b = base(3, column), c = base(4, column), d = base(5, column);
    double e = base(6, column);
    if (by_head)
        return id == X ? d : id == Y ? -0.5 * e : id == 6 ? c + 0.5 * a : 0.25 * b;
    return id == X ? a - 0.5 * b : id == Y ? 0.5 * c : id == 6 ? 2 * e + 0.5 * d : 0 - d;
}

/* A value as it is once stored. */
static inline double stored(double value, otx_dtype dtype)
{
    unsigned char bytes[8];
    float narrow;
    otx_from_double(bytes, &value, dtype, 1, false);
    if (dtype == OTX_F64) return value;
    otx_to_float(&narrow, bytes, dtype, 1);
    return (double)narrow;
}

/* One element of a tensor of the output, as its bits, and its wanted value. */
static inline void check_matrix(const char *directory, const char *name, size_t rows,
                                bool by_head, double (*base)(size_t, size_t))
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

static inline bool has_tensor(const char *directory, const char *name)
{
    otx_checkpoint checkpoint;
    bool found;
    if (otx_checkpoint_open(NULL, at(directory), &checkpoint, NULL)) return false;
    found = otx_checkpoint_find(&checkpoint, name) != NULL;
    otx_checkpoint_close(NULL, &checkpoint);
    return found;
}

static inline void read_floats(const char *name, uint64_t first, size_t count, float *to)
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

/* ---- running ---- */

static char logged[8000];

static inline void remember(void *context, otx_severity severity, const char *message)
{
    size_t length = strlen(logged);
    (void)context;
    snprintf(logged + length, sizeof logged - length, "%s: %s\n",
             severity == OTX_WARNING ? "warning" : "note", message);
}

static otx_error last_error;

static inline otx_result run(const otx_job_options *options, otx_job_summary *summary)
{
    otx_context ctx;
    memset(&ctx, 0, sizeof ctx);
    ctx.log = remember;
    logged[0] = 0;
    memset(&last_error, 0, sizeof last_error);
    scratch_remove_tree("out");
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
static inline void check_fails(const otx_job_options *options, otx_result wanted,
                               const char *part)
{
    otx_result result = run(options, NULL);
    CHECK_INT(result, wanted);
    CHECK_INT(last_error.code, result);
    CHECK_CONTAINS(last_error.message, part);
    CHECK(!strchr(last_error.message, '\n'));
    CHECK_INT(scratch_count("out"), 0);
}

typedef struct counter {
    int calls, stop_at;
    bool backwards;
    uint64_t left;
    otx_stage stage;
} counter;

static inline bool count_progress(void *context, const otx_progress *progress)
{
    counter *c = (counter *)context;
    if (progress->done > progress->total) c->backwards = true;
    c->left = progress->total - progress->done;
    c->stage = progress->stage;
    return ++c->calls != c->stop_at;
}

/* A small model with everything in it: shards, a redundant file, a directory, a
   generation config, a bias. */
static inline void write_rich_models(void)
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
    scratch_directory("base/assets");
    write_file("base/assets", "a.txt", "a");
    scratch_remove_tree("out");
}

#endif

/* Rows of tokens that a model is given: from a donor, bit for bit as a transplant makes them, from
   pieces where it has none, and of bytes that were no tokens; which tokens of another tokenizer
   are taken; what is refused, and memory that runs out.
   A suite of the public API: linked with the implementation. */
#include "omp_transplant.h"
#include "failing.h"
#include "gguf_text.h"
#include "scratch.h"
#include "small_models.h"
#include "test.h"

static otx_error error;

/* A path that stays what it is. */
static const char *path_to(const char *name)
{
    static char paths[8][500];
    static int next;
    char *path = paths[next++ % 8];
    snprintf(path, sizeof paths[0], "%s", at(name));
    return path;
}

/* ---- two models ---- */

static const char *const letters[] = {"a", "b", "c", "d", "e", "f", "g", "h", "\xc4\xa0", "!<s>"};

/* The donor's: gh has a row of zeros, and no token of a word may hold what no word does. */
static const char *const others[] = {"h", "!<pad>", "g", "f", "e", "d", "c", "b", "a", "abc",
                                     "\xc4\xa0""de", "fg", "!<s>", "gh", "a+b", "ab", "\xc4\xa0",
                                     "!<tool>", "cab"};
enum { ZEROS = 13, CAB = 18 };

static double mixed(size_t row, size_t column, size_t salt)
{
    size_t x = (row * 2654435761u + column * 40503u + salt * 977u + 12345u) & 0xffffffu;
    x = ((x ^ (x >> 11)) * 7919u + row * 31u) & 0xffffffu;
    return (double)(x % 4001u) / 2000.0 - 1.0;
}

static double base_value(size_t row, size_t column) { return mixed(row, column, 1); }
static double head_value(size_t row, size_t column) { return mixed(row, column, 2); }
static double donor_value(size_t row, size_t column)
{
    return row == ZEROS ? 0.0 : mixed(row, column, 3);
}
static double nan_value(size_t row, size_t column)
{
    return row == CAB ? NAN : donor_value(row, column);
}

static void write_base(void)
{
    model m;
    memset(&m, 0, sizeof m);
    m.tokens = letters;
    m.token_count = COUNT(letters);
    m.config = "{\"hidden_size\": 3, \"tie_word_embeddings\": false, \"bos_token_id\": 9, "
               "\"vocab_size\": 10}";
    add_tensor(&m, "model.embed_tokens.weight", OTX_F32, COUNT(letters), 3, base_value, 0);
    add_tensor(&m, "lm_head.weight", OTX_BF16, COUNT(letters), 3, head_value, 0);
    add_tensor(&m, "lm_head.bias", OTX_F32, COUNT(letters), 0, head_value, 0);
    write_model("base", &m);
}

static void write_donor(double (*value)(size_t, size_t))
{
    model m;
    memset(&m, 0, sizeof m);
    m.tokens = others;
    m.token_count = COUNT(others);
    m.config = "{\"hidden_size\": 5, \"tie_word_embeddings\": true}";
    add_tensor(&m, "model.embed_tokens.weight", OTX_F32, COUNT(others), 5, value, 0);
    write_model("donor", &m);
}

static otx_extend_options options_of(const char *const *tokens, size_t count)
{
    otx_extend_options options;
    memset(&options, 0, sizeof options);
    options.tokens = tokens;
    options.token_count = count;
    options.how.omp.k = 2;
    options.how.pieces = OTX_PIECES_NONE;
    options.overwrite = true;
    return options;
}

/* The row of a token of a model, in a matrix; false if it has none. */
static bool row_of(const char *directory, const char *token, const char *name, float row[3])
{
    otx_checkpoint checkpoint;
    const otx_checkpoint_tensor *tensor;
    otx_vocab vocab;
    size_t id = 0;
    bool found = false;
    CHECK_INT(otx_vocab_open(NULL, at(directory), &vocab, &error), OTX_OK);
    CHECK_INT(otx_checkpoint_open(NULL, at(directory), &checkpoint, &error), OTX_OK);
    while (id < vocab.count && (vocab.tokens[id].kind == OTX_TOKEN_NONE ||
                                vocab.tokens[id].size != strlen(token) ||
                                memcmp(vocab.tokens[id].bytes, token, strlen(token)) != 0))
        id++;
    tensor = otx_checkpoint_find(&checkpoint, name);
    if (id < vocab.count && tensor)
        found = otx_checkpoint_read(&checkpoint, tensor, id * 3, 3, row, &error) == OTX_OK;
    otx_checkpoint_close(NULL, &checkpoint);
    otx_vocab_close(NULL, &vocab);
    return found;
}

static const char *const matrices[] = {"model.embed_tokens.weight", "lm_head.weight"};

/* Whether a token has the same rows in two models, bit for bit. */
static bool same_rows(const char *one, const char *two, const char *token)
{
    float a[3], b[3];
    size_t i;
    for (i = 0; i < COUNT(matrices); i++)
        if (!row_of(one, token, matrices[i], a) || !row_of(two, token, matrices[i], b) ||
            memcmp(a, b, sizeof a) != 0)
            return false;
    return true;
}

/* Whether a token's row is the mean of those of two letters. */
static bool is_mean(const char *token, const char *one, const char *two)
{
    float row[3], a[3], b[3];
    size_t i;
    if (!row_of("out", token, matrices[0], row) || !row_of("base", one, matrices[0], a) ||
        !row_of("base", two, matrices[0], b))
        return false;
    for (i = 0; i < 3; i++)
        if (fabs((double)row[i] - ((double)a[i] + (double)b[i]) / 2) > 1e-6) return false;
    return true;
}

static void check_old_rows(void)
{
    size_t i;
    for (i = 0; i < COUNT(letters) - 2; i++) CHECK(same_rows("base", "out", letters[i]));
    CHECK(same_rows("base", "out", " "));
    CHECK(same_rows("base", "out", "<s>"));
}

/* ---- rows from a donor ---- */

/* abc goes through ab, which the donor has too; bb is nothing to it, and gh no more. */
static const char *const wanted[] = {"abc", "fg", "bb", "gh", "a+b", "\\x20de"};

static otx_result transplant(otx_method method)
{
    otx_job_options job;
    memset(&job, 0, sizeof job);
    job.method = method;
    job.how.omp.k = 2;
    job.how.pieces = OTX_PIECES_NONE;
    job.overwrite = true;
    return otx_transplant(NULL, at("base"), at("donor"), at("whole"), &job, NULL, &error);
}

static void test_donor(void)
{
    static const otx_method methods[] = {
        OTX_METHOD_OMP, OTX_METHOD_OMP_CENTRED, OTX_METHOD_COMMON_INTERPOLATION, OTX_METHOD_CLP,
        OTX_METHOD_WECHSEL, OTX_METHOD_FOCUS, OTX_METHOD_HULL, OTX_METHOD_OMP_AFFINE,
        OTX_METHOD_PROCRUSTES, OTX_METHOD_LANDMARK_PCA, OTX_METHOD_STB};
    otx_extend_options options = options_of(wanted, COUNT(wanted));
    otx_extend_summary summary;
    size_t i;
    write_base();
    write_donor(donor_value);
    options.donor = path_to("donor");
    for (i = 0; i < COUNT(methods); i++) {
        options.method = methods[i];
        CHECK_INT(otx_extend(NULL, at("base"), at("out"), &options, &summary, &error), OTX_OK);
        CHECK_INT(summary.own, 5);
        CHECK_INT(summary.parts, 2); /* ab, and a space and d */
        CHECK_INT(summary.added, 1);
        CHECK_INT(summary.solved, 5);
        CHECK_INT(summary.after, 10 + 8);
        CHECK_INT(transplant(methods[i]), OTX_OK);
        CHECK(same_rows("out", "whole", "abc"));
        CHECK(same_rows("out", "whole", "ab"));
        CHECK(same_rows("out", "whole", "fg"));
        CHECK(same_rows("out", "whole", "a+b"));
        CHECK(same_rows("out", "whole", " de"));
        CHECK(is_mean("bb", "b", "b"));
        CHECK(is_mean("gh", "g", "h"));
        check_old_rows();
    }
    CHECK_CONTAINS(read_file("out", "config.json"), "\"vocab_size\": 18");
    CHECK_CONTAINS(read_file("out", "config.json"), "\"bos_token_id\": ");
    CHECK_INT(scratch_count("out"), 1);
}

/* Texts of another tokenizer that are too long for a token, or no UTF-8, are left. */
static void test_offered_that_cannot_be(void)
{
    static char longest[258], longer[258];
    const char *offered[] = {"a", longest, longer, "\303\203\302\251\303\203", "fg"};
    otx_extend_options options = options_of(NULL, 0);
    otx_extend_summary summary;
    model m;
    memset(longest, 'a', 256);
    memset(longer, 'a', 257);
    memset(&m, 0, sizeof m);
    m.tokens = offered;
    m.token_count = COUNT(offered);
    write_base();
    scratch_directory("other");
    write_tokenizer("other", &m);
    options.tokens_of = path_to("other");
    CHECK_INT(otx_extend(NULL, at("base"), at("out"), &options, &summary, &error), OTX_OK);
    CHECK_INT(summary.present, 1);
    CHECK_INT(summary.own, 2);
    CHECK_INT(summary.left, 2);
    CHECK_INT(summary.added, 0);
    scratch_remove_tree("other");
}

/* Without a list the donor's own texts are one: no special tokens, and none that would have to
   be cut out of texts. */
static void test_offered(void)
{
    otx_extend_options options = options_of(NULL, 0);
    otx_extend_summary summary;
    const char *file;
    write_base();
    write_donor(donor_value);
    options.donor = path_to("donor");
    CHECK_INT(otx_extend(NULL, at("base"), at("out"), &options, &summary, &error), OTX_OK);
    CHECK_INT(summary.present, 9);
    CHECK_INT(summary.own, 6);
    CHECK_INT(summary.left, 1);
    CHECK_INT(summary.added, 0);
    CHECK_INT(summary.solved, 5);
    file = read_file("out", "tokenizer.json");
    CHECK(!strstr(file, "a+b") && !strstr(file, "<pad>") && !strstr(file, "<tool>"));
    check_old_rows();
    options.first = 11; /* abc and " de" */
    CHECK_INT(otx_extend(NULL, at("base"), at("out"), &options, &summary, &error), OTX_OK);
    CHECK_INT(summary.own, 2);
    options.first = 0;
    options.most = 3;
    CHECK_INT(otx_extend(NULL, at("base"), at("out"), &options, &summary, &error), OTX_OK);
    CHECK_INT(summary.own, 3);
    options.most = 0;
    options.donor = NULL;
    options.tokens_of = path_to("donor");
    scratch_remove_path(at("donor/model.safetensors"));
    CHECK_INT(otx_extend(NULL, at("base"), at("out"), &options, &summary, &error), OTX_OK);
    CHECK_INT(summary.own, 6);
    CHECK_INT(summary.solved, 0);
    CHECK(is_mean("fg", "f", "g"));
    options.method = OTX_METHOD_ZERO;
    CHECK_INT(otx_extend(NULL, at("base"), at("out"), &options, &summary, &error), OTX_OK);
    CHECK(!is_mean("fg", "f", "g"));
}

static void refuse(const otx_extend_options *options, otx_result result, const char *message)
{
    scratch_remove_tree("out");
    CHECK_INT(otx_extend(NULL, at("base"), at("out"), options, NULL, &error), result);
    CHECK_CONTAINS(error.message, message);
    CHECK_INT(scratch_count("out"), 0);
}

static void test_refusals(void)
{
    static const char *const cab[] = {"cab"}, *const abc[] = {"abc"};
    otx_extend_options options = options_of(cab, 1);
    write_base();
    write_donor(nan_value);
    options.donor = path_to("donor");
    refuse(&options, OTX_ERROR_NOT_FINITE, "row 18 (token \"cab\")");
    CHECK(!strstr(error.message, "--map"));
    options.tokens = abc;
    CHECK_INT(otx_extend(NULL, at("base"), at("out"), &options, NULL, &error), OTX_OK);
    scratch_remove_path(at("donor/model.safetensors"));
    refuse(&options, OTX_ERROR_NOT_FOUND, "donor");
    options.method = OTX_METHOD_SUBWORD;
    CHECK_INT(otx_extend(NULL, at("base"), at("out"), &options, NULL, &error), OTX_OK);
    options.donor = path_to("nonesuch");
    refuse(&options, OTX_ERROR_NOT_FOUND, "nonesuch");
    options.donor = NULL;
    options.tokens_of = path_to("nonesuch");
    refuse(&options, OTX_ERROR_NOT_FOUND, "nonesuch");
    options.tokens_of = NULL;
    options.method = OTX_METHOD_COUNT;
    refuse(&options, OTX_ERROR_ARGUMENT, "unknown");
}

/* ---- bytes ---- */

static char text[8192];

/* A model with a tokenizer, in which ' stands for ", and nothing beside it. */
static void write_other(const char *tokenizer, size_t rows)
{
    model m;
    char *p;
    snprintf(text, sizeof text, "%s", tokenizer);
    for (p = text; *p; p++)
        if (*p == '\'') *p = '"';
    memset(&m, 0, sizeof m);
    m.tokens = letters;
    m.token_count = COUNT(letters);
    m.config = "{\"hidden_size\": 3, \"tie_word_embeddings\": false}";
    m.tokenizer_config = "{\"tokenizer_class\": \"BertTokenizer\", \"do_lower_case\": true}";
    add_tensor(&m, "model.embed_tokens.weight", OTX_F32, rows, 3, base_value, 0);
    add_tensor(&m, "lm_head.weight", OTX_F32, rows, 3, head_value, 0);
    add_tensor(&m, "lm_head.bias", OTX_F32, rows, 0, head_value, 0);
    write_model("base", &m);
    write_file("base", "tokenizer.json", text);
}

static otx_result to_bytes(const otx_context *ctx, otx_trim_summary *summary)
{
    otx_trim_options options;
    memset(&options, 0, sizeof options);
    options.bytes = true;
    options.overwrite = true;
    return otx_trim(ctx, at("base"), at("out"), &options, summary, &error);
}

/* Scores of that many tokens, 0 down: type 6 is F32, 5 I32. */
static void put_scores(uint32_t type, size_t count)
{
    size_t i;
    if (type == 6) {
        gguf_scores(count);
        return;
    }
    gguf_array("tokenizer.ggml.scores", type, count);
    for (i = 0; i < count; i++) gguf_put(0 - (uint64_t)i, 4);
}

/* Writes a GGUF file of Unigram's with those tokens, whose scores are of a type. */
static void write_unigram(uint32_t type, const char *tokens, size_t count)
{
    char rows[12 * 34] = {0};
    gguf_begin("t5");
    gguf_tokens(tokens);
    put_scores(type, count);
    gguf_add_tensor("token_embd.weight", count, 32, 8, rows, count * 34);
    gguf_end();
    scratch_write("base.gguf", gguf.file, gguf.size);
}

/* New pieces of Unigram's are met, long ones too: their scores lie between whole numbers. */
static void test_scores_of_unigram(void)
{
    static const char *const tokens[] = {"ab", "abab", "ababab"};
    otx_extend_options options;
    otx_extend_summary summary;
    otx_vocab vocab;
    uint32_t ids[8], type;
    size_t count, i;
    memset(&options, 0, sizeof options);
    options.tokens = tokens;
    options.token_count = COUNT(tokens);
    options.overwrite = true;
    for (type = 5; type <= 6; type++) {
        write_unigram(type, "3 <pad>|1 a|1 b|3 </s>|2 <unk>|1 \xe2\x96\x81|1 c|1 d|1 e|1 f|1 g|"
                      "1 h", 12);
        CHECK_INT(otx_extend(NULL, at("base.gguf"), at("out.gguf"), &options, &summary, &error),
                  OTX_OK);
        CHECK_INT(summary.own, 3);
        CHECK_INT(otx_vocab_open(NULL, at("out.gguf"), &vocab, &error), OTX_OK);
        CHECK_INT(otx_vocab_open_rules(NULL, at("out.gguf"), &vocab, &error), OTX_OK);
        for (i = 0; i < COUNT(tokens); i++) {
            CHECK_INT(otx_vocab_split(NULL, &vocab, tokens[i], strlen(tokens[i]), ids, 8, &count,
                                      &error), OTX_OK);
            CHECK(count == 1 && ids[0] == 12 + i);
        }
        otx_vocab_close(NULL, &vocab);
        scratch_remove_tree("out.gguf");
    }
}

/* Scores that are integers stay so where every text was there. */
static void test_scores_where_nothing_is_added(void)
{
    static const char *const tokens[] = {"a", "b"};
    otx_extend_options options;
    otx_extend_summary summary;
    const otx_gguf_key *scores;
    otx_source source;
    otx_gguf file;
    memset(&options, 0, sizeof options);
    options.tokens = tokens;
    options.token_count = COUNT(tokens);
    write_unigram(5, "3 <pad>|1 a|1 b|3 </s>|2 <unk>|1 \xe2\x96\x81", 6);
    CHECK_INT(otx_extend(NULL, at("base.gguf"), at("out.gguf"), &options, &summary, &error),
              OTX_OK);
    CHECK_INT(summary.present, 2);
    CHECK_INT(otx_source_open(NULL, at("out.gguf"), &source, &error), OTX_OK);
    CHECK_INT(otx_gguf_open(NULL, &source, "out", &file, &error), OTX_OK);
    scores = otx_gguf_find(&file, "tokenizer.ggml.scores");
    CHECK(scores && scores->type == OTX_GGUF_I32 && scores->count == 6);
    otx_gguf_close(NULL, &file);
    otx_source_close(NULL, &source);
    scratch_remove_tree("out.gguf");
}

/* In GGUF new tokens get scores as well, and ids that are none stay what they are. */
static void test_scores(void)
{
    static const char *const tokens[] = {"ab", "two words"};
    static const double scores[] = {0, -1, -2, -3, -4, -5, -1000, -1000};
    otx_extend_options options;
    otx_extend_summary summary;
    otx_source source;
    otx_gguf file;
    char rows[6 * 34] = {0};
    double score = 0;
    int64_t id = 0;
    size_t i;
    memset(&options, 0, sizeof options);
    options.tokens = tokens;
    options.token_count = COUNT(tokens);
    gguf_begin("llama");
    gguf_tokens("2 <unk>|3 <s>|3 </s>|1 \xe2\x96\x81|1 a|1 b");
    gguf_scores(6);
    gguf_u32("tokenizer.ggml.seperator_token_id", 77);
    gguf_add_tensor("token_embd.weight", 6, 32, 8, rows, sizeof rows);
    gguf_end();
    scratch_write("base.gguf", gguf.file, gguf.size);
    scratch_remove_tree("out.gguf");
    CHECK_INT(otx_extend(NULL, at("base.gguf"), at("out.gguf"), &options, &summary, &error),
              OTX_OK);
    CHECK_INT(summary.own, 0);
    CHECK_INT(summary.added, 2);
    CHECK_INT(otx_source_open(NULL, at("out.gguf"), &source, &error), OTX_OK);
    CHECK_INT(otx_gguf_open(NULL, &source, "out.gguf", &file, &error), OTX_OK);
    otx_source_close(NULL, &source);
    for (i = 0; i < 8; i++) {
        CHECK(otx_gguf_number(otx_gguf_find(&file, "tokenizer.ggml.scores"), i, &score));
        CHECK(score == scores[i]);
    }
    CHECK(otx_gguf_integer(otx_gguf_find(&file, "tokenizer.ggml.seperator_token_id"), 0, &id));
    CHECK_INT(id, 77);
    otx_gguf_close(NULL, &file);
    scratch_remove_tree("out.gguf");
}

/* An added token must not be in the way of another's spelling, nor take characters apart. */
static void test_added_that_cannot_be(void)
{
    static const char *const tokens[] = {"\xc4\xa0"}, *const strange[] = {"\xc3\xa9\xc3\xa9"};
    otx_extend_options options;
    char rows[5 * 34] = {0};
    memset(&options, 0, sizeof options);
    options.tokens = tokens;
    options.token_count = 1;
    write_base();
    scratch_remove_tree("out");
    CHECK_INT(otx_extend(NULL, at("base"), at("out"), &options, NULL, &error),
              OTX_ERROR_UNSUPPORTED);
    CHECK_CONTAINS(error.message, "has to be an added token, and cannot be");
    gguf_begin("t5");
    gguf_tokens("2 <unk>|3 </s>|1 \xe2\x96\x81|1 a|1 b");
    gguf_scores(5);
    gguf_add_tensor("token_embd.weight", 5, 32, 8, rows, sizeof rows);
    gguf_end();
    scratch_write("base.gguf", gguf.file, gguf.size);
    options.tokens = strange;
    CHECK_INT(otx_extend(NULL, at("base.gguf"), at("out.gguf"), &options, NULL, &error),
              OTX_ERROR_UNSUPPORTED);
    CHECK_CONTAINS(error.message, "would be an added token of llama.cpp's kind t5");
    CHECK_INT(scratch_count("out"), 0);
}

/* Only a tokenizer.json becomes one of bytes. */
static void test_bytes_of_a_list(void)
{
    model m;
    memset(&m, 0, sizeof m);
    m.config = "{\"hidden_size\": 3, \"tie_word_embeddings\": true}";
    add_tensor(&m, "model.embed_tokens.weight", OTX_F32, 3, 3, base_value, 0);
    write_model("base", &m);
    CHECK(scratch_remove("base/tokenizer.json"));
    write_file("base", "vocab.txt", "[UNK]\na\n##a\n");
    scratch_remove_tree("out");
    CHECK_INT(to_bytes(NULL, NULL), OTX_ERROR_UNSUPPORTED);
    CHECK_CONTAINS(error.message, "base: its tokenizer is read from vocab.txt; only a "
                                  "tokenizer.json becomes one of bytes: ");
    CHECK_INT(scratch_count("out"), 0);
}

/* Whether a byte's rows are the means of some old ones. */
static bool is_mean_of(unsigned char byte, const size_t *rows, size_t count)
{
    char name[2] = {0, 0};
    float row[3];
    size_t i, j, k;
    name[0] = (char)byte;
    for (k = 0; k < COUNT(matrices); k++) {
        if (!row_of("out", name, matrices[k], row)) return false;
        for (i = 0; i < 3; i++) {
            double mean = 0;
            for (j = 0; j < count; j++)
                mean += (double)(float)(k ? head_value(rows[j], i) : base_value(rows[j], i));
            if (fabs((double)row[i] - mean / (double)count) > 1e-6) return false;
        }
    }
    return true;
}

#define UNIGRAM \
    "{'added_tokens': [{'id': 0, 'content': '<unk>', 'special': true}], 'normalizer': {'type': " \
    "'Lowercase'}, 'pre_tokenizer': {'type': 'Metaspace', 'replacement': '\xe2\x96\x81'}, " \
    "'decoder': {'type': 'Metaspace', 'replacement': '\xe2\x96\x81'}, 'post_processor': null, " \
    "'model': {'type': 'Unigram', 'unk_id': 0, 'vocab': [['<unk>', 0], ['\xe2\x96\x81', -1], " \
    "['a', -2], ['\xc3\xa9', -3], ['\xc3\xa8', -3], ['\xe2\x96\x81\xc3\xa9', -4], ['ab', -4], " \
    "['xb', -5]]}}"

/* Of é, è and " é" the first byte is in all three, the last in two each. b is in two texts and no
   character; z is in none. */
static void test_unigram_bytes(void)
{
    static const size_t space[] = {1}, a[] = {2}, first[] = {3, 4, 5}, acute[] = {3, 5};
    static const size_t grave[] = {4}, b[] = {6, 7}, x[] = {7}, all[] = {0, 1, 2, 3, 4, 5, 6, 7};
    otx_trim_summary summary;
    const char *file;
    scratch_remove_tree("out");
    write_other(UNIGRAM, 8);
    CHECK_INT(to_bytes(NULL, &summary), OTX_OK);
    CHECK_INT(summary.after, 257);
    CHECK_INT(summary.made, 255); /* a is one already */
    CHECK(is_mean_of(' ', space, 1));
    CHECK(is_mean_of('a', a, 1));
    CHECK(is_mean_of(0xc3, first, 3));
    CHECK(is_mean_of(0xa9, acute, 2));
    CHECK(is_mean_of(0xa8, grave, 1));
    CHECK(is_mean_of('b', b, 2));
    CHECK(is_mean_of('x', x, 1));
    CHECK(is_mean_of('z', all, 8));
    CHECK(same_rows("base", "out", "<unk>"));
    file = read_file("out", "tokenizer.json");
    CHECK_CONTAINS(file, "\"normalizer\": null");
    CHECK_CONTAINS(file, "\"merges\": []");
    CHECK_CONTAINS(file, "{\"type\": \"BPE\"");
    CHECK(!strstr(file, "unk_id"));
    file = read_file("out", "tokenizer_config.json");
    CHECK_CONTAINS(file, "\"tokenizer_class\": \"PreTrainedTokenizerFast\"");
    CHECK_CONTAINS(file, "\"do_lower_case\": false");
    CHECK_INT(scratch_count("out"), 1);
}

static void test_wordpiece_bytes(void)
{
    static const size_t a[] = {2}, b[] = {3};
    otx_trim_summary summary;
    scratch_remove_tree("out");
    write_other("{'added_tokens': [{'id': 0, 'content': 'u', 'special': true}], 'decoder': "
                "{'type': 'WordPiece', 'prefix': '##'}, 'pre_tokenizer': {'type': "
                "'BertPreTokenizer'}, 'model': {'type': 'WordPiece', 'unk_token': 'u', "
                "'continuing_subword_prefix': '##', 'vocab': {'u': 0, 'a': 1, '##a': 2, 'b': 3, "
                "'ba': 4}}}", 5);
    CHECK_INT(to_bytes(NULL, &summary), OTX_ERROR_UNSUPPORTED); /* u is a byte, and unknown */
    CHECK_CONTAINS(error.message, "token \"u\" has to stay");
    CHECK_INT(scratch_count("out"), 0);
    write_other("{'added_tokens': [{'id': 0, 'content': '[U]', 'special': true}], 'decoder': "
                "{'type': 'WordPiece', 'prefix': '##'}, 'pre_tokenizer': {'type': "
                "'BertPreTokenizer'}, 'model': {'type': 'WordPiece', 'unk_token': '[U]', "
                "'continuing_subword_prefix': '##', 'vocab': {'[U]': 0, 'a': 1, '##a': 2, "
                "'b': 3, 'ba': 4}}}", 5);
    CHECK_INT(to_bytes(NULL, &summary), OTX_OK);
    CHECK_INT(summary.after, 257);
    CHECK(is_mean_of('a', a, 1)); /* ##a is that byte by itself */
    CHECK(is_mean_of('b', b, 1));
}

/* Where all bytes are tokens nothing is made; where a byte-level model lacks some, it keeps the
   rows of the others. */
static void test_byte_level_bytes(void)
{
    otx_trim_summary summary;
    scratch_remove_tree("out");
    write_base();
    CHECK_INT(to_bytes(NULL, &summary), OTX_OK);
    CHECK_INT(summary.made, 256 - 9);
    check_old_rows();
    scratch_remove_tree("base");
    CHECK_INT(rename(at("out"), at("base")), 0);
    CHECK_INT(to_bytes(NULL, &summary), OTX_OK);
    CHECK_INT(summary.made, 0);
    CHECK_INT(summary.after, 257);
    check_old_rows();
}

/* ---- memory ---- */

static otx_result with_donor(const otx_context *ctx)
{
    otx_extend_options options = options_of(wanted, 3);
    options.donor = path_to("donor");
    return otx_extend(ctx, at("base"), at("out"), &options, NULL, &error);
}

static otx_result with_offers(const otx_context *ctx)
{
    otx_extend_options options = options_of(NULL, 0);
    options.tokens_of = path_to("donor");
    return otx_extend(ctx, at("base"), at("out"), &options, NULL, &error);
}

static otx_result with_bytes(const otx_context *ctx) { return to_bytes(ctx, NULL); }

/* Every allocation fails once. */
static void check_memory(otx_result (*run)(const otx_context *ctx))
{
    otx_context ctx;
    failing state;
    long total, i;
    memset(&ctx, 0, sizeof ctx);
    memset(&state, 0, sizeof state);
    ctx.allocator.resize = failing_resize;
    ctx.allocator.context = &state;
    ctx.threads = 1;
    scratch_remove_tree("out");
    CHECK_INT(run(&ctx), OTX_OK);
    CHECK_INT(state.live, 0);
    CHECK(!state.wrong_size);
    total = state.requests;
    CHECK(total > 100);
    for (i = 1; i <= total; i++) {
        otx_result result;
        scratch_remove_tree("out");
        memset(&state, 0, sizeof state);
        state.fail_at = i;
        result = run(&ctx);
        /* What is removed at the end is tried twice, and plans do with less. */
        if ((result == OTX_ERROR_MEMORY || result == OTX_OK) && !state.live &&
            !state.wrong_size && scratch_count("out") == (result == OTX_OK))
            continue;
        printf("  request %ld of %ld: %s, \"%s\", %ld blocks live\n", i, total,
               otx_result_name(result), error.message, state.live);
        CHECK(!"a failed allocation ends it cleanly");
    }
}

static void test_memory(void)
{
    write_base();
    write_donor(donor_value);
    check_memory(with_donor);
    check_memory(with_offers);
    write_other(UNIGRAM, 8);
    check_memory(with_bytes);
}

int main(void)
{
    scratch_open("reshape_rows");
    RUN(test_donor);
    RUN(test_offered);
    RUN(test_offered_that_cannot_be);
    RUN(test_refusals);
    RUN(test_unigram_bytes);
    RUN(test_wordpiece_bytes);
    RUN(test_byte_level_bytes);
    RUN(test_memory);
    RUN(test_scores_where_nothing_is_added);
    RUN(test_scores);
    RUN(test_scores_of_unigram);
    RUN(test_added_that_cannot_be);
    RUN(test_bytes_of_a_list);
    scratch_close();
    return test_end();
}

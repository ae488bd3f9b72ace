/* The job on GGUF files: what it must refuse, cancelling it, running out of memory. What it
   writes is looked at by test_tool_gguf.py.
   A suite of the public API: linked with the implementation. */
#include "failing.h"
#include "gguf_files.h"
#include "omp_transplant.h"
#include "scratch.h"
#include "test.h"

#define COLUMNS 32
#define BLOCK 34 /* bytes of COLUMNS elements in Q8_0 */
#define SHARED 12

static const char *const base_tokens[] = {"a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k",
                                          "l", "only", "<|end|>"};
static const char *const donor_tokens[] = {"<unk>", "</s>", "l", "k", "j", "i", "h", "g", "f",
                                           "e", "d", "c", "b", "a", "new", "newer", "<0x00>"};
enum { BASE = 14, DONOR = 17 };

/* Blocks of small levels, of which `bad` has another scale. */
static void put_rows(size_t rows, uint16_t scale, size_t bad, uint16_t bad_scale)
{
    uint32_t state = 12345 + (uint32_t)rows;
    size_t i, j;
    for (i = 0; i < rows; i++) {
        put_number(i == bad ? bad_scale : scale, 2);
        for (j = 0; j < COLUMNS; j++) {
            state = state * 1664525 + 1013904223;
            put_number(state >> 24, 1);
        }
    }
    put_padding(32);
}

static size_t padded(size_t size) { return (size + 31) / 32 * 32; }

/* Writes the base, whose row `bad` has a scale that may be no number. */
static void write_base(size_t bad, uint16_t scale)
{
    size_t i;
    put_start(4, 7);
    put_key_string("general.architecture", "llama");
    put_key_u32("llama.vocab_size", BASE);
    put_key_string("tokenizer.ggml.model", "gpt2");
    put_key_strings("tokenizer.ggml.tokens", base_tokens, BASE);
    put_key_array("tokenizer.ggml.token_type", 5, BASE);
    for (i = 0; i < BASE; i++) put_u32(i + 1 == BASE ? 3 : 1);
    put_key_strings("tokenizer.ggml.merges", base_tokens, 0);
    put_key_u32("tokenizer.ggml.eos_token_id", BASE - 1);
    put_tensor("output_norm.weight", 1, COLUMNS, 0, 0, 0);
    put_tensor("token_embd.weight", 2, COLUMNS, BASE, 8, COLUMNS * 4);
    put_tensor("output.weight", 2, COLUMNS, BASE, 8, COLUMNS * 4 + padded(BASE * BLOCK));
    put_tensor("odd", 1, 3, 0, 1, COLUMNS * 4 + 2 * padded(BASE * BLOCK));
    put_padding(32);
    put_data(COLUMNS * 4);
    put_rows(BASE, 0x2400, bad, scale);
    put_rows(BASE, 0x2500, BASE, 0);
    put_data(6);
    put_padding(32);
    scratch_write("base.gguf", gguf_bytes, gguf_size);
}

/* Writes the donor, with scores of a type (6 is F32, 5 I32), its matrices with so many rows. */
static void write_donor_of(unsigned scores, size_t rows)
{
    size_t i;
    put_start(2, 7);
    put_key_string("general.architecture", "gemma");
    put_key_string("tokenizer.ggml.model", "llama");
    put_key_strings("tokenizer.ggml.tokens", donor_tokens, DONOR);
    put_key_array("tokenizer.ggml.token_type", 5, DONOR);
    for (i = 0; i < DONOR; i++) put_u32(i < 2 ? 2 + (uint32_t)i : i + 1 == DONOR ? 6 : 1);
    put_key_array("tokenizer.ggml.scores", scores, DONOR);
    for (i = 0; i < DONOR; i++) put_u32(0);
    put_key_u32("tokenizer.ggml.eos_token_id", 1);
    put_key_u32("tokenizer.ggml.unknown_token_id", 0);
    put_tensor("token_embd.weight", 2, COLUMNS, rows, 8, 0);
    put_tensor("output.weight", 2, COLUMNS, rows, 8, padded(rows * BLOCK));
    put_padding(32);
    put_rows(rows, 0x2600, rows, 0);
    put_rows(rows, 0x2700, rows, 0);
    scratch_write("donor.gguf", gguf_bytes, gguf_size);
}

static void write_donor(void) { write_donor_of(6, DONOR); }

static otx_result run(const otx_context *ctx, const otx_job_options *options, otx_error *error)
{
    return otx_transplant(ctx, at("base.gguf"), at("donor.gguf"), at("out.gguf"), options, NULL,
                          error);
}

/* Writes a base of so many tensors of one number besides its tokens' rows. */
static void write_base_of(size_t count)
{
    const size_t rows = padded(BASE * BLOCK);
    char name[16];
    size_t i;
    put_start(count + 1, 5);
    put_key_string("general.architecture", "llama");
    put_key_string("tokenizer.ggml.model", "gpt2");
    put_key_strings("tokenizer.ggml.tokens", base_tokens, BASE);
    put_key_strings("tokenizer.ggml.merges", base_tokens, 0);
    put_key_u32("tokenizer.ggml.eos_token_id", BASE - 1);
    put_tensor("token_embd.weight", 2, COLUMNS, BASE, 8, 0);
    for (i = 0; i < count; i++) {
        (void)snprintf(name, sizeof name, "blk.%u", (unsigned)i);
        put_tensor(name, 1, 1, 0, 0, rows + i * 32);
    }
    put_padding(32);
    put_rows(BASE, 0x2400, BASE, 0);
    for (i = 0; i < count; i++) {
        put_u32(0);
        put_padding(32);
    }
    scratch_write("base.gguf", gguf_bytes, gguf_size);
}

/* ---- what must be refused ---- */

static char said[4096];

static void hear(void *context, otx_severity severity, const char *message)
{
    (void)context, (void)severity;
    strncat(said, message, sizeof said - strlen(said) - 1);
}

/* Pieces are an offer: a base that does not say how it cuts text goes without, and says so; not
   where they were asked for. */
static void test_no_pieces(void)
{
    otx_job_options options;
    otx_context ctx;
    otx_error error;
    size_t i;
    memset(&options, 0, sizeof options);
    memset(&ctx, 0, sizeof ctx);
    ctx.log = hear;
    options.method = OTX_METHOD_OMP_AFFINE;
    write_donor();
    write_base(BASE, 0);
    for (i = 0; i + 21 < gguf_size; i++)
        if (memcmp(gguf_bytes + i, "tokenizer.ggml.merges", 21) == 0) gguf_bytes[i + 20] = 'r';
    scratch_write("base.gguf", gguf_bytes, gguf_size);
    said[0] = 0;
    CHECK_INT(run(&ctx, &options, &error), OTX_OK);
    CHECK(strstr(said, "the base's tokenizer cannot cut new tokens into pieces: ") != NULL);
    scratch_remove_tree("out.gguf");
    options.how.pieces = 0.5;
    CHECK_INT(run(&ctx, &options, &error), OTX_ERROR_NOT_FOUND);
    CHECK(strstr(error.message, "tokenizer.ggml.merges") != NULL);
    CHECK_INT(scratch_count("out"), 0);
}

/* A split file says how many parts there are in 16 bits. */
static void test_too_many_parts(void)
{
    otx_job_options options;
    otx_error error;
    memset(&options, 0, sizeof options);
    options.split_max_size = 1;
    write_donor();
    write_base_of(65535);
    CHECK_INT(run(NULL, &options, &error), OTX_ERROR_LIMIT);
    CHECK(strstr(error.message, "out.gguf: would be in 65536 parts; a larger --split-max-size "
                                "makes fewer, 65535 at most") != NULL);
    CHECK_INT(scratch_count("out"), 0);
    write_base_of(2); /* three parts */
    CHECK_INT(run(NULL, &options, &error), OTX_OK);
    CHECK_INT(scratch_count("out-0000"), 3);
    scratch_remove_tree("out-00001-of-00003.gguf");
    scratch_remove_tree("out-00002-of-00003.gguf");
    scratch_remove_tree("out-00003-of-00003.gguf");
    CHECK_INT(scratch_count("out"), 0);
}

static void test_not_a_number(void)
{
    otx_error error;
    write_donor();
    write_base(3, 0x7e00); /* "d" is copied, and an anchor */
    CHECK_INT(run(NULL, NULL, &error), OTX_ERROR_NOT_FINITE);
    CHECK(strstr(error.message, "\"token_embd.weight\", row 3 (token \"d\")") != NULL);
    write_base(12, 0x7c00); /* the donor has no such token */
    CHECK_INT(run(NULL, NULL, &error), OTX_OK);
    CHECK_INT(scratch_count("out"), 1);
    scratch_remove_tree("out.gguf");
}

static void test_options(void)
{
    otx_job_options options;
    otx_error error;
    memset(&options, 0, sizeof options);
    options.split_digits = true;
    write_base(BASE, 0);
    write_donor();
    CHECK_INT(run(NULL, &options, &error), OTX_ERROR_UNSUPPORTED);
    CHECK(strstr(error.message, "base.gguf: single digits cannot be split off in a GGUF file") !=
          NULL);
    options.split_digits = false;
    options.rows = OTX_ROWS_EXACT;
    options.rows_exact = DONOR - 1;
    CHECK_INT(run(NULL, &options, &error), OTX_ERROR_ARGUMENT);
    CHECK(strstr(error.message, "16 rows are fewer than the 17 ids of ") != NULL);
    CHECK_INT(scratch_count("out"), 0);
}

static void test_too_large(void)
{
    otx_job_options options;
    otx_error error;
    memset(&options, 0, sizeof options);
    options.how.scale = 1e6;
    write_base(BASE, 0);
    write_donor();
    CHECK_INT(run(NULL, &options, &error), OTX_OK);
    scratch_remove_tree("out.gguf");
    options.method = OTX_METHOD_MEAN;
    options.how.scale = 0;
    CHECK_INT(run(NULL, &options, &error), OTX_OK);
    scratch_remove_tree("out.gguf");
    write_base(BASE, 0);
    options.method = OTX_METHOD_OMP;
    options.how.scale = 1e6;
    options.how.norm = OTX_NORM_ANCHORS;
    options.dtype = OTX_F16;
    CHECK_INT(run(NULL, &options, &error), OTX_ERROR_RANGE);
    CHECK(strstr(error.message, "donor id 0 (token \"<unk>\")") != NULL);
    options.dtype = OTX_Q4_0;
    CHECK_INT(run(NULL, &options, &error), OTX_ERROR_RANGE);
    CHECK(strstr(error.message, "donor id 0 (token \"<unk>\")") != NULL);
    CHECK(strstr(error.message, "blocks of Q4_0") != NULL);
    CHECK_INT(scratch_count("out"), 0);
}

/* ---- how many rows ---- */

/* Checks that the output has so many rows, and in each list beside the tokens a number for each,
   the donor's and then those of tokens that nothing is. */
static void check_rows(uint64_t rows, otx_gguf_type scores)
{
    otx_source source;
    otx_gguf out;
    otx_error error;
    const otx_gguf_key *key;
    const otx_tensor *tensor;
    double score;
    int64_t type;
    uint64_t i;
    CHECK_INT(otx_source_open(NULL, at("out.gguf"), &source, &error), OTX_OK);
    CHECK_INT(otx_gguf_open(NULL, &source, "out.gguf", &out, &error), OTX_OK);
    tensor = otx_gguf_tensor(&out, "token_embd.weight");
    CHECK(tensor != NULL && tensor->shape[0] == rows);
    CHECK_INT(otx_gguf_find(&out, "tokenizer.ggml.tokens")->count, rows);
    key = otx_gguf_find(&out, "tokenizer.ggml.scores");
    CHECK_INT(key->type, scores);
    CHECK_INT(key->count, rows);
    for (i = 0; i < rows; i++) {
        CHECK(otx_gguf_number(key, i, &score) && score == (i < DONOR ? 0 : -10000));
        CHECK(otx_gguf_integer(otx_gguf_find(&out, "tokenizer.ggml.token_type"), i, &type));
        CHECK_INT(type, i < 2 ? 2 + i : i + 1 == DONOR ? 6 : i < DONOR ? 1 : 5);
    }
    otx_gguf_close(NULL, &out);
    otx_source_close(NULL, &source);
    scratch_remove_tree("out.gguf");
}

static void test_rows(void)
{
    otx_job_options options;
    otx_error error;
    otx_context ctx;
    unsigned scores;
    memset(&options, 0, sizeof options);
    memset(&ctx, 0, sizeof ctx);
    ctx.log = hear;
    options.rows = OTX_ROWS_EXACT;
    options.rows_exact = DONOR + 3;
    write_base(BASE, 0);
    for (scores = 5; scores <= 6; scores++) { /* some have them as integers */
        write_donor_of(scores, DONOR);
        CHECK_INT(run(NULL, &options, &error), OTX_OK);
        check_rows(DONOR + 3, (otx_gguf_type)scores);
    }
    /* A donor of fewer rows than tokens: each token has one, as the file must have it. */
    write_donor_of(6, DONOR - 1);
    said[0] = 0;
    CHECK_INT(run(&ctx, NULL, &error), OTX_OK);
    check_rows(DONOR, OTX_GGUF_F32);
    CHECK(strstr(said, "1 tokens, the first 16 (\"<0x00>\"), have no row among the 16 of the "
                       "donor's matrices") != NULL);
}

/* ---- cancelling, running out of memory ---- */

typedef struct counter {
    int calls, stop_at;
    uint64_t left;
} counter;

static bool count_progress(void *context, const otx_progress *progress)
{
    counter *c = (counter *)context;
    c->left = progress->total - progress->done;
    return ++c->calls != c->stop_at;
}

static void test_cancel(void)
{
    otx_context ctx;
    otx_error error;
    counter c;
    int total, i;
    write_base(BASE, 0);
    write_donor();
    memset(&ctx, 0, sizeof ctx);
    memset(&c, 0, sizeof c);
    ctx.progress = count_progress;
    ctx.progress_context = &c;
    CHECK_INT(run(&ctx, NULL, &error), OTX_OK);
    CHECK_INT(c.left, 0); /* everything that was announced was written */
    total = c.calls;
    CHECK(total > 10);
    for (i = 1; i <= total; i++) {
        scratch_remove_tree("out.gguf");
        memset(&c, 0, sizeof c);
        c.stop_at = i;
        CHECK_INT(run(&ctx, NULL, &error), OTX_ERROR_CANCELLED);
        CHECK_INT(c.calls, i);
        CHECK_INT(scratch_count("out"), 0);
    }
}

/* Every allocation fails once: then there is no output, or, where it can go on without, the
   whole one. */
static void check_memory(const otx_job_options *options)
{
    otx_context ctx;
    otx_error error;
    failing state;
    long total, i;
    memset(&ctx, 0, sizeof ctx);
    memset(&state, 0, sizeof state);
    ctx.allocator.resize = failing_resize;
    ctx.allocator.context = &state;
    ctx.threads = 1;
    CHECK_INT(run(&ctx, options, &error), OTX_OK);
    total = state.requests;
    for (i = 1; i <= total; i++) {
        otx_result result;
        scratch_shell("rm -rf out*");
        memset(&state, 0, sizeof state);
        state.fail_at = i;
        result = run(&ctx, options, &error);
        if (result != OTX_ERROR_MEMORY && result != OTX_OK) {
            printf("  request %ld of %ld: %s, \"%s\"\n", i, total, otx_result_name(result),
                   error.message);
            CHECK(!"a failed allocation ends the job cleanly");
        }
        CHECK_INT(state.live, 0);
        CHECK(!state.wrong_size);
        if (result) CHECK_INT(scratch_count("out"), 0);
    }
    scratch_shell("rm -rf out*");
}

static void test_memory(void)
{
    otx_job_options options;
    memset(&options, 0, sizeof options);
    write_base(BASE, 0);
    write_donor();
    check_memory(NULL);
    options.method = OTX_METHOD_MEAN;
    options.split_max_size = 300;
    options.rows = OTX_ROWS_EXACT;
    options.rows_exact = DONOR + 3;
    options.pre = "gpt-2";
    check_memory(&options);
}

static void test_again(void)
{
    otx_job *job = NULL;
    otx_error error;
    otx_job_summary summary;
    write_base(BASE, 0);
    write_donor();
    CHECK_INT(otx_job_open(NULL, at("base.gguf"), at("donor.gguf"), NULL, &job, &error), OTX_OK);
    CHECK_INT(otx_job_run(job, at("out"), &error), OTX_ERROR_ARGUMENT); /* has not begun */
    CHECK_INT(otx_job_run(job, at("out.gguf"), &error), OTX_OK);
    CHECK_INT(otx_job_run(job, at("out2.gguf"), &error), OTX_ERROR_ARGUMENT);
    otx_job_summarize(job, &summary);
    CHECK_INT(summary.matrix_count, 2);
    CHECK_INT(summary.matrices[0].dtype, OTX_Q8_0);
    CHECK_INT(summary.matrices[0].rows, DONOR);
    CHECK_INT(summary.tokens.copied, SHARED);
    CHECK_INT(scratch_count("out"), 1);
    otx_job_close(job);
    scratch_remove_tree("out.gguf");
}

int main(void)
{
    scratch_open("job_gguf");
    RUN(test_not_a_number);
    RUN(test_options);
    RUN(test_rows);
    RUN(test_no_pieces);
    RUN(test_too_large);
    RUN(test_too_many_parts);
    RUN(test_cancel);
    RUN(test_memory);
    RUN(test_again);
    scratch_close();
    free(gguf_bytes);
    return test_end();
}

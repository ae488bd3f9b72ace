/* Rows that nobody trained, zeros and copies of each other: their tokens are neither solved for
   nor solved from.
   A suite of the public API: linked with the implementation. */
#include "small_models.h"

/* What is done to a row of a matrix. */
enum { AS_IT_IS, ZERO, NEGATIVE, ALIKE, SPARE, NO_NUMBER };

static int donor_rows[14], head_rows[14], base_rows[10];

static double treated(int treatment, size_t column, double value)
{
    switch (treatment) {
    case ZERO: return 0;
    case NEGATIVE: return column == 2 ? -0.0 : 0;
    case ALIKE: return (double)column - 5;
    case SPARE: return 9; /* as the donor's rows without a token have it */
    case NO_NUMBER: return (double)NAN;
    default: return value;
    }
}

static double treated_donor(size_t row, size_t column)
{
    return treated(donor_rows[row], column, donor_embedding(row, column));
}

static double treated_head(size_t row, size_t column)
{
    return treated(head_rows[row], column, donor_head(row, column));
}

static double treated_base(size_t row, size_t column)
{
    return treated(base_rows[row], column, base_embedding(row, column));
}

static void reset(void)
{
    memset(donor_rows, 0, sizeof donor_rows);
    memset(head_rows, 0, sizeof head_rows);
    memset(base_rows, 0, sizeof base_rows);
}

static void write_models(bool base_head_too, bool donor_head_too, const char *donor_config)
{
    model base, donor;
    base_model_of(&base, OTX_F32, base_head_too);
    donor_model_of(&donor, OTX_F32, donor_head_too);
    base.tensors[0].value = treated_base;
    donor.tensors[0].value = treated_donor;
    if (donor_head_too) donor.tensors[1].value = treated_head;
    if (donor_config) donor.tokenizer_config = donor_config;
    write_model("base", &base);
    write_model("donor", &donor);
}

/* The donor's tokens by what becomes of them, in the letters of the actions, with * for an
   anchor. */
static const char *plan(const otx_job_options *options, otx_job_summary *summary)
{
    static char text[64];
    otx_context ctx;
    otx_job *job = NULL;
    size_t i, used = 0;
    memset(&ctx, 0, sizeof ctx);
    ctx.log = remember;
    logged[0] = text[0] = 0;
    memset(&last_error, 0, sizeof last_error);
    if (otx_job_open(&ctx, at("base"), at("donor"), options, &job, &last_error))
        return last_error.message;
    for (i = 0; i < otx_job_alignment(job)->count; i++) {
        const otx_alignment_row *row = &otx_job_alignment(job)->rows[i];
        used += (size_t)snprintf(text + used, sizeof text - used, "%c%s",
                                 otx_action_name(row->action)[0], row->anchor ? "*" : "");
    }
    otx_job_summarize(job, summary);
    otx_job_close(job);
    return text;
}

/* c a _d b e <s> a\xe9 x y, a hole, a reserved token, <end>, <tool>, padding */
#define AS_EVER "c*c*c*c*c*caaapurap"

static void test_zeros(void)
{
    otx_job_options options;
    otx_job_summary summary;
    memset(&options, 0, sizeof options);
    reset();
    write_models(true, true, NULL);
    CHECK_STRING(plan(&options, &summary), AS_EVER);
    CHECK_INT(summary.tokens.untrained, 0);
    CHECK(!strstr(logged, "trained"));
    donor_rows[X] = ZERO;
    donor_rows[TOOL] = NEGATIVE;
    write_models(true, true, NULL);
    CHECK_STRING(plan(&options, &summary), "c*c*c*c*c*cauapurup");
    CHECK_INT(summary.tokens.untrained, 2);
    CHECK_INT(summary.tokens.unused, 3);
    CHECK_INT(summary.tokens.approximated, 2);
    CHECK_CONTAINS(logged, "donor: 2 tokens have no trained row in the donor (zeros, or "
                           "identical to others): treated as reserved, the first 7 (\"x\")");
    CHECK(!strstr(logged, "in use"));
    /* Nobody solves: nobody looks. */
    options.method = OTX_METHOD_MEAN;
    CHECK_STRING(plan(&options, &summary), AS_EVER);
}

/* The head counts where it is solved in. */
static void test_head(void)
{
    otx_job_options options;
    otx_job_summary summary;
    memset(&options, 0, sizeof options);
    reset();
    head_rows[Y] = ZERO;
    head_rows[0] = ZERO;
    write_models(true, true, NULL);
    CHECK_STRING(plan(&options, &summary), "cc*c*c*c*caaupurap");
    CHECK_CONTAINS(logged, "donor: 1 tokens that both models have are no anchors: they have no "
                           "trained row here");
    write_models(false, true, NULL);
    CHECK_STRING(plan(&options, &summary), AS_EVER);
}

/* Two or three alike may be copies; more, or one that is like a row which nobody uses, are
   not trained. */
static void test_copies(void)
{
    otx_job_options options;
    otx_job_summary summary;
    memset(&options, 0, sizeof options);
    reset();
    donor_rows[X] = donor_rows[Y] = donor_rows[TOOL] = ALIKE;
    write_models(true, true, NULL);
    CHECK_STRING(plan(&options, &summary), AS_EVER);
    donor_rows[6] = ALIKE;
    write_models(true, true, NULL);
    CHECK_STRING(plan(&options, &summary), "c*c*c*c*c*cuuupurup");
    reset();
    donor_rows[X] = SPARE;
    write_models(true, true, NULL);
    CHECK_STRING(plan(&options, &summary), "c*c*c*c*c*cauapurap");
    reset();
    donor_rows[X] = donor_rows[UNUSED] = ALIKE;
    write_models(true, true, NULL);
    CHECK_STRING(plan(&options, &summary), "c*c*c*c*c*cauapurap");
    /* What holds no numbers is a fault, however often. */
    donor_rows[6] = donor_rows[X] = donor_rows[Y] = donor_rows[TOOL] = NO_NUMBER;
    write_models(true, true, NULL);
    check_fails(&options, OTX_ERROR_NOT_FINITE, "row 6 (token \"a");
}

/* A row of the base that holds nothing is copied, and teaches nothing. */
static void test_anchors(void)
{
    otx_job_options options;
    otx_job_summary summary;
    float row[3];
    size_t i;
    memset(&options, 0, sizeof options);
    reset();
    donor_rows[0] = ZERO;
    base_rows[2] = ZERO; /* a */
    write_models(true, true, NULL);
    CHECK_STRING(plan(&options, &summary), "ccc*c*c*caaapurap");
    CHECK_CONTAINS(logged, "base: 1 tokens that both models have are no anchors: they have no "
                           "trained row here");
    CHECK_CONTAINS(logged, "donor: 1 tokens that both models have are no anchors");
    CHECK_RUN(&options, NULL);
    read_floats("model.embed_tokens.weight", 3, 3, row);
    for (i = 0; i < 3; i++) CHECK(row[i] == 0);
    for (i = 0; i < 5; i++) donor_rows[i] = ZERO;
    write_models(true, true, NULL);
    check_fails(&options, OTX_ERROR_NO_ANCHORS, "share 5 text tokens, but of each the row is "
                "zeros or identical to others in one of the two");
    donor_rows[6] = donor_rows[X] = donor_rows[Y] = donor_rows[TOOL] = ZERO;
    write_models(true, true, NULL); /* nor is there anything to build */
    CHECK_RUN(&options, NULL);
}

/* What is in use is named. */
static void test_in_use(void)
{
    otx_job_options options;
    otx_job_summary summary;
    const char *map = "#12=a";
    memset(&options, 0, sizeof options);
    reset();
    donor_rows[TOOL] = donor_rows[X] = ZERO;
    write_models(true, true, "{\"bos_token\": \"<s>\", \"eos_token\": \"<end>\", "
                             "\"chat_template\": \"{{ '<tool>' }}\"}");
    CHECK_STRING(plan(&options, &summary), "c*c*c*c*c*cauapurup");
    CHECK_CONTAINS(logged, "donor: token \"<tool>\" (id 12) is in use, but has no trained row "
                           "in the donor, nor a counterpart in the base: --map '#12=BASE' gives "
                           "it a row");
    CHECK(!strstr(logged, "token \"x\""));
    options.map = &map;
    options.map_count = 1;
    CHECK_STRING(plan(&options, &summary), "c*c*c*c*c*cauapurmp");
    options.map_count = 0;
    donor_rows[END] = ZERO; /* its row is the base's */
    write_models(true, true, "{\"bos_token\": \"<s>\", \"eos_token\": \"<end>\", "
                             "\"pad_token\": \"<tool>\"}");
    CHECK_STRING(plan(&options, &summary), "c*c*c*c*c*cauapurup");
    CHECK_CONTAINS(logged, "token \"<tool>\" (id 12) is in use");
    CHECK(!strstr(logged, "<end>"));
}

/* Of many, the first few are. */
static void test_many_in_use(void)
{
    static const char *const tokens[] = {"c", "a", "\304\240d", "b", "e", "!<t0>", "!<t1>", "!<t2>",
                                         "!<t3>", "!<t4>", "!<t5>", "!<t6>", "!<t7>", "!<t8>"};
    otx_job_options options;
    otx_job_summary summary;
    model base, donor;
    size_t i;
    memset(&options, 0, sizeof options);
    reset();
    for (i = 5; i < COUNT(tokens); i++) donor_rows[i] = ZERO;
    base_model_of(&base, OTX_F32, false);
    donor_model_of(&donor, OTX_F32, false);
    donor.tensors[0].value = treated_donor;
    donor.tokens = tokens;
    donor.token_count = COUNT(tokens);
    donor.config = "{\"hidden_size\": 9, \"vocab_size\": 14}";
    donor.tokenizer_config = "{\"chat_template\": \"<t0><t1><t2><t3><t4><t5><t6><t7><t8>\"}";
    write_model("base", &base);
    write_model("donor", &donor);
    CHECK_STRING(plan(&options, &summary), "c*c*c*c*c*uuuuuuuuu");
    CHECK_CONTAINS(logged, "token \"<t7>\" (id 12) is in use");
    CHECK(!strstr(logged, "token \"<t8>\""));
    CHECK_CONTAINS(logged, "donor: so have 1 more tokens in use");
}

static double small_first(size_t row, size_t column)
{
    return (row == 0 ? 0.001 : 1.0) * (column == row ? 2.0 : 0.25);
}

/* One shared token is enough to build from, unless it looks under-trained and that counts. */
static void test_no_anchor_is_left(void)
{
    static const char *const tokens[] = {"c", "p", "q", "r", "s", "t"};
    otx_job_options options;
    model base, donor;
    memset(&options, 0, sizeof options);
    base_model_of(&base, OTX_F32, false);
    donor_model_of(&donor, OTX_F32, false);
    donor.tensors[0].value = small_first;
    donor.tensors[0].shape[0] = donor.token_count = COUNT(tokens);
    donor.tokens = tokens;
    donor.config = "{\"hidden_size\": 9, \"vocab_size\": 6, \"tie_word_embeddings\": true}";
    donor.tokenizer_config = "{}";
    write_model("base", &base);
    write_model("donor", &donor);
    CHECK_RUN(&options, NULL);
    options.magikarp = true;
    check_fails(&options, OTX_ERROR_NO_ANCHORS, "each of the 1 text tokens that ");
    CHECK_CONTAINS(last_error.message, "share looks under-trained in one of the two");
    options.method = OTX_METHOD_MEAN; /* which needs none */
    CHECK_RUN(&options, NULL);
}

/* In the output and in the reports they are what reserved tokens are. */
static void test_output(void)
{
    static gathered text;
    otx_job_options options;
    otx_job *job = NULL;
    otx_sink sink;
    float mean[3], row[3];
    int which;
    memset(&options, 0, sizeof options);
    options.keep_details = true;
    sink.write = gather;
    sink.context = &text;
    text.size = 0;
    reset();
    donor_rows[X] = ZERO;
    write_models(true, true, NULL);
    scratch_remove_tree("out");
    CHECK_INT(otx_job_open(NULL, at("base"), at("donor"), &options, &job, &last_error), OTX_OK);
    if (!job) return;
    CHECK_INT(otx_job_run(job, at("out"), &last_error), OTX_OK);
    CHECK_INT(otx_job_write_tokens(job, &sink, &last_error), OTX_OK);
    CHECK_CONTAINS(text.bytes, "\n7\ttext\tx\tuntrained\t\t\t\t\t\t\t\t\t\t\t\n");
    CHECK_CONTAINS(text.bytes, "\n10\tunused\t<unused7>\tunused\t\t\t\t\t\t\t\t\t\t\t\n");
    text.size = 0;
    CHECK_INT(otx_job_write_report(job, &sink, &last_error), OTX_OK);
    CHECK_CONTAINS(text.bytes, "\"unused\": 2, \"untrained\": 1, \"padding\": 2}");
    otx_job_close(job);
    for (which = 0; which < 2; which++) {
        const char *name = which ? "lm_head.weight" : "model.embed_tokens.weight";
        read_floats(name, UNUSED * 3, 3, mean);
        read_floats(name, X * 3, 3, row);
        CHECK(memcmp(row, mean, sizeof row) == 0);
        CHECK(row[0] != 0 || row[1] != 0);
    }
}

int main(void)
{
    scratch_open("job_untrained");
    RUN(test_zeros);
    RUN(test_head);
    RUN(test_copies);
    RUN(test_anchors);
    RUN(test_in_use);
    RUN(test_many_in_use);
    RUN(test_no_anchor_is_left);
    RUN(test_output);
    scratch_close();
    return test_end();
}

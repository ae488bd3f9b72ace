/* What the job must refuse, cancelling it, and running out of memory.
   A suite of the public API: linked with the implementation. */
#include "small_models.h"
#include "failing.h"

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

/* A mean takes every row of the base; where no token needs one, the advice is of the token that
   gets the row. */
static void test_not_finite_shared(void)
{
    static const char *const shared[] = {"c", "a", "\304\240d", "!<s>"};
    otx_job_options options;
    model base, donor;
    memset(&options, 0, sizeof options);
    options.method = OTX_METHOD_MEAN;
    base_model_of(&base, OTX_F32, true);
    donor_model_of(&donor, OTX_F32, false);
    donor.tokens = shared;
    donor.token_count = COUNT(shared);
    donor.config = "{\"hidden_size\": 9}";
    donor.tensors[0].shape[0] = COUNT(shared);
    base.tensors[1].value = spoiled_base;
    bad_row = 0;
    bad_value = (double)NAN;
    write_model("base", &base);
    write_model("donor", &donor);
    check_fails(&options, OTX_ERROR_NOT_FINITE,
                "base: tensor \"lm_head.weight\", row 0 (token \"<s>\"): holds a NaN, an infinity "
                "or a value beyond 32-bit float, and is needed; --map '#3=BASE' with another token "
                "of the base avoids it");
    donor_model_of(&donor, OTX_F32, false); /* one that has tokens to make */
    write_model("donor", &donor);
    check_fails(&options, OTX_ERROR_NOT_FINITE, "and is needed for the mean of all; -a omp or -a "
                                                "zero takes none");
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
    donor.token_count = COUNT(strangers);
    donor.config = "{\"hidden_size\": 9}";
    write_model("base", &base);
    write_model("donor", &donor);
    check_fails(NULL, OTX_ERROR_NO_ANCHORS, "transplant align");
    options.method = OTX_METHOD_MEAN; /* needs none */
    CHECK_RUN(&options, NULL);
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
    scratch_remove_tree("out");
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
    CHECK_INT(scratch_count("out"), 0);
    /* An output that exists. */
    CHECK_INT(otx_transplant(NULL, at("base"), at("donor"), at("out"), NULL, NULL, &error),
              OTX_OK);
    CHECK_INT(otx_transplant(NULL, at("base"), at("donor"), at("out"), NULL, NULL, &error),
              OTX_ERROR_EXISTS);
    options.overwrite = true;
    CHECK_INT(otx_transplant(NULL, at("base"), at("donor"), at("out"), &options, NULL, &error),
              OTX_OK);
    CHECK_INT(scratch_count("out"), 1);
    /* Options. */
    options.method = (otx_method)99;
    check_fails(&options, OTX_ERROR_ARGUMENT,
                "method 99 is unknown; known are omp, omp-centred, omp-affine");
    options.method = OTX_METHOD_OMP;
    options.how.omp.first_target = 1;
    check_fails(&options, OTX_ERROR_ARGUMENT, "first_target");
    options.how.omp.first_target = 0;
    options.how.subword = (otx_subword)99;
    check_fails(&options, OTX_ERROR_ARGUMENT, "subword 99 is unknown");
    options.how.subword = (otx_subword)0;
    options.byte_match = (otx_match)99;
    check_fails(&options, OTX_ERROR_ARGUMENT, "bytes and prefixes can be matched in");
    options.byte_match = (otx_match)0;
    options.chat = (otx_chat)99;
    check_fails(&options, OTX_ERROR_ARGUMENT, "the chat template must be the donor's");
    options.chat = (otx_chat)0;
    options.rows = OTX_ROWS_EXACT;
    options.rows_exact = UINT64_C(1) << 31;
    check_fails(&options, OTX_ERROR_LIMIT, "the new matrices would have 2147483648 rows");
    options.rows = OTX_ROWS_DONOR;
    options.method = OTX_METHOD_MP_ROPE;
    options.how.base_rope = 0.5;
    check_fails(&options, OTX_ERROR_ARGUMENT, "the base of rotary positions must be 1 or more; see "
                                              "--base-rope");
    options.how.base_rope = -1.0;
    check_fails(&options, OTX_ERROR_ARGUMENT, "--base-rope");
    options.method = OTX_METHOD_OMP;
    options.how.base_rope = 0.0;
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
    CHECK(scratch_remove("base/model-00003-of-00003.safetensors"));
    check_fails(NULL, OTX_ERROR_MISMATCH, "model-00003-of-00003.safetensors");
}

/* ---- cancelling, running out of memory ---- */

/* What interrupted runs leave is never taken for one's own; at some number it is enough. */
static void test_leftovers(void)
{
    model base, donor;
    char name[64];
    int i;
    base_model_of(&base, OTX_F32, true);
    donor_model_of(&donor, OTX_F32, true);
    write_model("base", &base);
    write_model("donor", &donor);
    scratch_remove_tree("out");
    for (i = 1; i <= 1000; i++) {
        (void)snprintf(name, sizeof name, "out.otx-partial-%d", i);
        scratch_directory(name);
    }
    CHECK_INT(run(NULL, NULL), OTX_ERROR_EXISTS);
    CHECK_CONTAINS(last_error.message, "out: more than 1000 leftovers of interrupted runs stand "
                                       "beside it");
    CHECK_CONTAINS(logged, "beside the output stands \"out.otx-partial-1");
    scratch_remove_tree("out.otx-partial-1000");
    CHECK_RUN(NULL, NULL);
    for (i = 1; i < 1000; i++) {
        (void)snprintf(name, sizeof name, "out.otx-partial-%d", i);
        scratch_remove_tree(name);
    }
}

/* So it is with former outputs that --overwrite has set aside. */
static void test_leftovers_set_aside(void)
{
    otx_job_options options;
    model base, donor;
    char name[64];
    int i;
    memset(&options, 0, sizeof options);
    options.overwrite = true;
    base_model_of(&base, OTX_F32, true);
    donor_model_of(&donor, OTX_F32, true);
    write_model("base", &base);
    write_model("donor", &donor);
    scratch_remove_tree("out");
    CHECK_RUN(NULL, NULL);
    for (i = 1; i <= 1000; i++) {
        (void)snprintf(name, sizeof name, "out.otx-old-%d", i);
        scratch_directory(name);
    }
    CHECK_INT(otx_transplant(NULL, at("base"), at("donor"), at("out"), &options, NULL,
                             &last_error), OTX_ERROR_EXISTS);
    CHECK_CONTAINS(last_error.message, "out: more than 1000 leftovers of interrupted runs stand "
                                       "beside it");
    CHECK(has_file("out", "config.json")); /* the former output is where it was */
    CHECK_INT(scratch_count("out.otx-partial"), 0);
    for (i = 1; i <= 1000; i++) {
        (void)snprintf(name, sizeof name, "out.otx-old-%d", i);
        scratch_remove_tree(name);
    }
    CHECK_INT(otx_transplant(NULL, at("base"), at("donor"), at("out"), &options, NULL,
                             &last_error), OTX_OK);
    CHECK_INT(scratch_count("out"), 1);
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
        scratch_remove_tree("out");
        memset(&c, 0, sizeof c);
        c.stop_at = i;
        CHECK_INT(otx_transplant(&ctx, at("base"), at("donor"), at("out"), NULL, NULL, &error),
                  OTX_ERROR_CANCELLED);
        CHECK_INT(c.calls, i); /* and not asked again */
        CHECK_INT(scratch_count("out"), 0);
    }
}

/* Every allocation fails once. A solve may go on without its table of exact products: so
   many. */
static void check_memory(const otx_job_options *options, long tables)
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
    CHECK_INT(otx_transplant(&ctx, at("base"), at("donor"), at("out"), options, &summary,
                             &error), OTX_OK);
    CHECK_INT(state.live, 0);
    CHECK_INT(state.bytes, 0);
    CHECK(!state.wrong_size);
    CHECK(summary.peak_bytes > 0);
    total = state.requests;
    CHECK(total > 100);
    for (i = 1; i <= total; i++) {
        otx_result result;
        scratch_remove_tree("out");
        memset(&state, 0, sizeof state);
        memset(&error, 0, sizeof error);
        state.fail_at = i;
        result = otx_transplant(&ctx, at("base"), at("donor"), at("out"), options, NULL,
                                &error);
        if (result == OTX_OK && scratch_count("out") == 1 && !state.live && !state.wrong_size) {
            without++;
            continue;
        }
        if (result != OTX_ERROR_MEMORY || error.code != result || state.live ||
            state.wrong_size || scratch_count("out") != 0) {
            printf("  request %ld of %ld: %s, \"%s\", %ld blocks live\n", i, total,
                   otx_result_name(result), error.message, state.live);
            CHECK(!"a failed allocation ends the job cleanly");
        }
    }
    CHECK_INT(without, tables);
}

static void test_memory(void)
{
    otx_job_options options;
    memset(&options, 0, sizeof options);
    check_memory(NULL, 2); /* two matrices */
    options.method = OTX_METHOD_OMP_AFFINE;
    check_memory(&options, 0); /* too few anchors to hide any: the map alone */
    options.how.omp.k = 2; /* too few for a table */
    check_memory(&options, 0);
    /* A head by another method, modifiers, and which tokens are whose. */
    options.method = OTX_METHOD_MEAN;
    options.own_head_method = true;
    options.head_method = OTX_METHOD_MP_ROPE;
    options.how.norm = OTX_NORM_ANCHORS;
    options.magikarp = true;
    options.prefix_match = OTX_MATCH_LM_HEAD;
    options.byte_match = OTX_MATCH_EMBED;
    check_memory(&options, 0);
}

int main(void)
{
    scratch_open("job_failing");
    RUN(test_not_finite);
    RUN(test_not_finite_shared);
    RUN(test_range);
    RUN(test_no_anchors);
    RUN(test_errors);
    RUN(test_leftovers);
    RUN(test_leftovers_set_aside);
    RUN(test_cancel);
    RUN(test_memory);
    scratch_close();
    return test_end();
}

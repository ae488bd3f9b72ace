/* What a job reports.
   A suite of the public API: linked with the implementation. */
#include "small_models.h"

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

/* The fields of a token whose row was not made, in two matrices. */
#define NOTHING "\t\t\t\t\t\t\t\t\t\t"

static void test_reports(void)
{
    otx_job_options options;
    otx_job *job = NULL;
    static gathered text;
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
    scratch_remove_tree("out");
    options.keep_details = true;
    text.size = 0;
    sink.write = gather;
    sink.context = &text;
    CHECK_INT(otx_job_open(NULL, at("base"), at("donor"), &options, &job, &error), OTX_OK);
    if (!job) return;
    CHECK_INT(otx_job_alignment(job)->anchor_count, 5);
    CHECK_INT(otx_job_donor_vocab(job)->count, 13);
    CHECK_INT(otx_job_base_vocab(job)->count, 8);
    CHECK_INT(otx_job_write_tokens(job, &sink, &error), OTX_OK); /* the plan, before the run */
    CHECK_CONTAINS(text.bytes, "\n7\ttext\tx\tapproximate\t" NOTHING "\n");
    text.size = 0;
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
    text.size = 0;
    CHECK_INT(otx_job_write_tokens(job, &sink, &error), OTX_OK);
    CHECK_CONTAINS(text.bytes,
                   "id\tkind\tbytes\taction\tbase_id\tresidual:model.embed_tokens.weight\t"
                   "anchors:model.embed_tokens.weight\tweight:model.embed_tokens.weight\t"
                   "norm:model.embed_tokens.weight\tnearest:model.embed_tokens.weight\t"
                   "residual:lm_head.weight\tanchors:lm_head.weight\tweight:lm_head.weight\t"
                   "norm:lm_head.weight\tnearest:lm_head.weight\n");
    CHECK_CONTAINS(text.bytes, "\n2\ttext\t d\tcopy\t5" NOTHING "\n");
    /* x is a - b / 2 in the embedding, where it is 1.278 long, the anchors' median 0.984, and
       its cosine with a 0.939; in the head it is d. */
    CHECK_CONTAINS(text.bytes, "\n7\ttext\tx\tapproximate\t\t0\t1:2:1.00000000e+00 "
                               "3:3:-5.00000000e-01\t1.50000000e+00\t1.29826187e+00\t"
                               "2:9.39373276e-01\t0\t2:5:1.00000000e+00\t1.00000000e+00\t"
                               "1.00000000e+00\t5:1.00000000e+00\n");
    /* y is half an anchor, turned round in the head. */
    CHECK_CONTAINS(text.bytes, "\t4:1.00000000e+00\t0\t4:6:-5.00000000e-01\t5.00000000e-01\t"
                               "4.48663238e-01\t6:-1.00000000e+00\n");
    CHECK_CONTAINS(text.bytes, "\n9\tnone\t\tpadding\t" NOTHING "\n");
    CHECK_CONTAINS(text.bytes, "\n10\tunused\t<unused7>\tunused\t" NOTHING "\n");
    CHECK_CONTAINS(text.bytes, "\n11\tcontrol\t<end>\trole\t1" NOTHING "\n");
    text.size = 0;
    sink.write = refuse;
    CHECK_INT(otx_job_write_report(job, &sink, &error), OTX_ERROR_IO);
    CHECK_INT(otx_job_write_tokens(job, &sink, &error), OTX_ERROR_IO);
    otx_job_close(job);
    otx_job_close(NULL);
}

static double long_embedding(size_t row, size_t column)
{
    return donor_embedding(row, column) * (row == X ? 10 : 1);
}

/* The combinations of a job that has been run are there if they were to be kept. */
static void test_details(void)
{
    static gathered text;
    otx_job *job = NULL;
    otx_error error;
    otx_sink sink;
    model base, donor;
    base_model_of(&base, OTX_F32, false);
    donor_model_of(&donor, OTX_F32, false);
    write_model("base", &base);
    write_model("donor", &donor);
    scratch_remove_tree("out");
    sink.write = gather;
    sink.context = &text;
    text.size = 0;
    CHECK_INT(otx_job_open(NULL, at("base"), at("donor"), NULL, &job, &error), OTX_OK);
    CHECK_INT(otx_job_run(job, at("out"), &error), OTX_OK);
    CHECK_INT(otx_job_write_tokens(job, &sink, &error), OTX_ERROR_ARGUMENT);
    CHECK_CONTAINS(error.message, "needs a job that has been run with keep_details");
    CHECK_INT(text.size, 0);
    otx_job_close(job);
}

/* A row that is far longer than the anchors' is named, with what to do. */
static void test_long_rows(void)
{
    otx_job_summary summary;
    model base, donor;
    base_model_of(&base, OTX_F32, false);
    donor_model_of(&donor, OTX_F32, false);
    write_model("base", &base);
    write_model("donor", &donor);
    CHECK_RUN(NULL, &summary);
    CHECK_INT(summary.matrices[0].long_rows, 1); /* id 6 is about twice an anchor */
    CHECK_INT(summary.matrices[0].longest, 6);
    donor.tensors[0].value = long_embedding;
    write_model("donor", &donor);
    CHECK_RUN(NULL, &summary);
    CHECK_INT(summary.matrices[0].long_rows, 2);
    CHECK_INT(summary.matrices[0].longest, X);
    CHECK(fabs(summary.matrices[0].longest_norm - 12.778) < 0.001);
    CHECK_CONTAINS(logged, "2 new rows of \"model.embed_tokens.weight\" are more than 1.5 times");
    CHECK_CONTAINS(logged, "is id 7 (\"x\")");
}

int main(void)
{
    scratch_open("report");
    RUN(test_reports);
    RUN(test_details);
    RUN(test_long_rows);
    scratch_close();
    return test_end();
}

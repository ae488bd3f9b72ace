/* Looking at a finished directory: otx_verify.
   A suite of the public API: linked with the implementation. */
#include "small_models.h"
#include "failing.h"

static char findings[8000];

static void find(void *context, otx_severity severity, const char *message)
{
    size_t length = strlen(findings);
    (void)context;
    snprintf(findings + length, sizeof findings - length, "%s: %s\n",
             severity == OTX_FAULT ? "fault" : severity == OTX_WARNING ? "warning" : "note",
             message);
}

#define ENDS "\"bos_token_id\": 0, \"eos_token_id\": 1"

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
    CHECK_STRING(findings, "note: draft: llama.cpp takes the pair\n"
                           "note: draft: vllm takes the pair\n"
                           "note: draft: sglang takes the pair\n"
                           "note: draft: transformers takes the pair\n");
    CHECK_INT(summary.faults + summary.warnings, 0);
    options.engine = OTX_ENGINE_VLLM;
    findings[0] = 0;
    CHECK_INT(otx_verify(NULL, at("out"), &options, NULL, &error), OTX_OK);
    CHECK_STRING(findings, "note: draft: vllm takes the pair\n");
    options.engine = OTX_ENGINE_ALL;
    CHECK_STRING(otx_engine_name(OTX_ENGINE_LLAMA_CPP), "llama.cpp");
    CHECK(otx_engine_name(OTX_ENGINE_COUNT) == NULL);
    CHECK_INT(otx_verify(NULL, at("out"), NULL, NULL, &error), OTX_OK);
    CHECK_INT(otx_verify(NULL, at("none"), NULL, NULL, &error), OTX_ERROR_NOT_FOUND);
    CHECK_INT(otx_verify(NULL, at("out/config.json"), NULL, NULL, &error), OTX_ERROR_ARGUMENT);
    write_file("out", "generation_config.json", "{\"eos_token_id\": [1, 99]}");
    CHECK_INT(otx_verify(NULL, at("out"), &options, &summary, &error), OTX_OK);
    CHECK_INT(summary.faults, 1);
    CHECK_CONTAINS(findings, "fault: ");
    CHECK_CONTAINS(findings, "\"eos_token_id\" is 99; there are 14 rows");
    write_file("out", "tokenizer_config.json",
               "{\"tokenizer_class\": \"GPT2Tokenizer\", \"added_tokens_decoder\": {\"0\": "
               "{\"content\": \"<end>\"}, \"7\": {\"content\": \"<s>\"}}}");
    options.draft_for = at("donor");
    findings[0] = 0;
    CHECK_INT(otx_verify(NULL, at("out"), &options, &summary, &error), OTX_OK);
    CHECK_CONTAINS(findings, "GPT2Tokenizer of transformers 5 goes by the latter");
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

/* What is wrong is said once, as a finding: the caller's log does not hear what a transplant would
   make of it. */
static void said_once(void)
{
    static const struct {
        const char *config, *finding;
    } cases[] = {
        {"{\"vocab_size\": 10, \"tie_word_embeddings\": false, " ENDS "}",
         "fault: %s/config.json: says \"tie_word_embeddings\": false, but there is no output "
         "head\n"},
        {"{\"vocab_size\": 8, \"tie_word_embeddings\": true, " ENDS "}",
         "fault: %s/config.json: says \"vocab_size\": 8, but tensor "
         "\"model.embed_tokens.weight\" [10, 3] has 10 rows\n"},
    };
    otx_verify_options options;
    otx_context ctx;
    model base;
    char wanted[600];
    size_t i;
    memset(&options, 0, sizeof options);
    memset(&ctx, 0, sizeof ctx);
    options.finding = find;
    ctx.log = remember;
    logged[0] = 0;
    base_model_of(&base, OTX_F32, false);
    for (i = 0; i < COUNT(cases); i++) {
        base.config = cases[i].config;
        write_model("base", &base);
        findings[0] = 0;
        CHECK_INT(otx_verify(&ctx, at("base"), &options, NULL, NULL), OTX_OK);
        (void)snprintf(wanted, sizeof wanted, cases[i].finding, at("base"));
        CHECK_STRING(findings, wanted);
    }
    CHECK_STRING(logged, "");
}

int main(void)
{
    scratch_open("verify");
    RUN(test_verify);
    RUN(said_once);
    scratch_close();
    return test_end();
}

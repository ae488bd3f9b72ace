/* Directories with several files of tokens: which counts, and what is said of the others.
   A suite of the public API: linked with the implementation. */
#include "scratch.h"
#include "source_files.h"

static otx_vocab unread; /* of what is refused */

#define TOKENIZER                                                                      \
    "{\"added_tokens\":[],\"model\":{\"type\":\"WordLevel\",\"vocab\":{\"a\":0,\"b\":1}," \
    "\"unk_token\":\"a\"}}"

static void expect_source(const char *name, const char *source, const char *log)
{
    const otx_context ctx = logging();
    otx_vocab vocab;
    error.message[0] = 0;
    CHECK_INT(otx_vocab_open(&ctx, at(name), &vocab, &error), OTX_OK);
    CHECK_STRING(error.message, "");
    CHECK_STRING(vocab.source ? vocab.source : "", source);
    if (log) CHECK_CONTAINS(messages, log);
    else CHECK_STRING(messages, "");
    otx_vocab_close(&ctx, &vocab);
}

static void precedence(void)
{
    scratch_directory("d");
    scratch_text("d/vocab.txt", "a\nb\n");
    expect_source("d", "vocab.txt", NULL);
    scratch_text("d/vocab.json", "{\"a\":0,\"b\":1}");
    scratch_text("d/merges.txt", "");
    expect_source("d", "vocab.json", "vocab.txt, which is not read, differs from vocab.json "
                                     "in 2 ids, first 0:  a in place of a");
    scratch_text("d/x.tiktoken", "YQ== 0\nYg== 1\n");
    expect_source("d", "tiktoken", "vocab.txt, which is not read, differs from x.tiktoken");
    CHECK(!strstr(messages, "vocab.json, which"));
    put_pieces();
    scratch_write("d/spiece.model", model, model_size);
    expect_source("d", "SentencePiece", "x.tiktoken, which is not read, differs from "
                                        "spiece.model in 6 ids, first 0: a in place of <unk>");
    scratch_text("d/tokenizer.model", "YQ== 0\nYg== 1\n");
    expect_source("d", "tiktoken", "vocab.txt, which");
    /* That other files lack added tokens is no contradiction. */
    scratch_text("d/tokenizer.json", "{\"added_tokens\":[{\"id\":2,\"content\":\"x\"}],"
                 "\"model\":{\"type\":\"WordLevel\",\"vocab\":{\"a\":0,\"b\":1}}}");
    expect_source("d", "tokenizer.json", "vocab.txt, which");
    CHECK(!strstr(messages, "vocab.json, which") && !strstr(messages, "tokenizer.model, which"));
    CHECK(scratch_remove("d/tokenizer.json"));
    scratch_text("d/tekken.json", "{");
    CHECK_INT(otx_vocab_open(NULL, at("d"), &unread, &error), OTX_ERROR_FORMAT);
    CHECK_CONTAINS(error.message, "/d/tekken.json:1:2: ");
    scratch_text("d/tokenizer.json", TOKENIZER);
    expect_source("d", "tokenizer.json", "W not read, and no good: ");
    CHECK_CONTAINS(messages, "tekken.json:1:2: ");
}

static void one_file(void)
{
    scratch_directory("f");
    put_pieces();
    scratch_write("f/x.model", model, model_size);
    expect_source("f/x.model", "SentencePiece", NULL);
    scratch_write("f/tokenizer.model.v7m1", model, model_size);
    expect_source("f/tokenizer.model.v7m1", "SentencePiece", NULL);
    expect_source("f", "SentencePiece", NULL);
    scratch_text("f/y.tiktoken", "YQ== 0\n");
    expect_source("f/y.tiktoken", "tiktoken", "y.tiktoken: holds no special tokens");
    scratch_text("f/my-vocab.txt", "a\n");
    expect_source("f/my-vocab.txt", "vocab.txt", NULL);
    scratch_text("f/tekken_1.json", TEKKEN(SIZES(3, 0), THREE, ",\"special_tokens\":[]"));
    expect_source("f/tekken_1.json", "tekken.json", NULL);
    scratch_text("f/vocab.json", "{\"a\":0}");
    expect_source("f/vocab.json", "vocab.json", NULL);
}

/* Whatever its name, a file by itself is what it holds. */
static void one_file_by_content(void)
{
    static const char *const other[][2] = {
        {"{\"weight_map\":{}}", "looks like an index of weights"},
        {"{\"model_type\":\"llama\",\"model\":{}}", "looks like a config.json"},
        {"{\"tokenizer_class\":\"T\"}", "looks like a tokenizer_config.json"},
        {"{\"eos_token_id\":1}", "looks like a generation_config.json"},
        {"{\"eos_token\":\"a\"}", "looks like a special_tokens_map.json"},
        {"{}", "looks like a JSON object of another kind"},
        {"{\"a\":0,\"b\":\"c\"}", "looks like a JSON object of another kind"},
        {"[1, 2]", "looks like JSON that is no object"},
        {"{\"a\":", "looks like JSON that is damaged"},
        {"a\nb\n", "looks like text"},
        {"\n", "looks like nothing, as it is empty"},
        {"a\x01\n", "looks like bytes that are no text"},
        {"PK\3\4....", "is a PyTorch file"},
        {"\x80\2....", "is a PyTorch file"},
        {"\x89HDF", "is a TensorFlow file"},
        {"\2\1\1\1\1\1\1\1{}", "looks like bytes"}, /* too short for its header */
    };
    size_t i;
    scratch_directory("names");
    put_pieces();
    scratch_write("names/x", model, model_size);
    expect_source("names/x", "SentencePiece", NULL);
    scratch_write("names/vocab.txt", model, model_size);
    expect_source("names/vocab.txt", "SentencePiece", NULL);
    scratch_text("names/x", "YQ== 0\nYg== 1\n");
    expect_source("names/x", "tiktoken", "holds no special tokens");
    scratch_text("names/x.model", TOKENIZER);
    expect_source("names/x.model", "tokenizer.json", NULL);
    scratch_text("names/x.json", TEKKEN(SIZES(3, 0), THREE, ",\"special_tokens\":[]"));
    expect_source("names/x.json", "tekken.json", NULL);
    scratch_text("names/x", " {\"a\":0,\"b\":1}");
    expect_source("names/x", "vocab.json", NULL);
    scratch_text("names/x", "[PAD]\r\n[UNK]\r\na\r\n");
    expect_source("names/x", "vocab.txt", NULL);
    for (i = 0; i < COUNT(other); i++) {
        scratch_text("names/y", other[i][0]);
        CHECK_INT(otx_vocab_open(NULL, at("names/y"), &unread, &error), OTX_ERROR_UNSUPPORTED);
        CHECK_CONTAINS(error.message, other[i][1]);
    }
    scratch_write("names/y", "\2\0\0\0\0\0\0\0{}", 10);
    CHECK_INT(otx_vocab_open(NULL, at("names/y"), &unread, &error), OTX_ERROR_UNSUPPORTED);
    CHECK_CONTAINS(error.message, "is a file of weights, in safetensors, and holds no tokens");
}

/* A folder without a tokenizer encodes nothing, and is told what it could have held. */
static void no_encoder(void)
{
    otx_encoder *encoder = NULL;
    scratch_remove_tree("d");
    scratch_directory("d");
    scratch_text("d/config.json", "{}");
    CHECK_INT(otx_encoder_open(NULL, at("d"), &encoder, &error), OTX_ERROR_NOT_FOUND);
    CHECK(!encoder);
    CHECK_CONTAINS(error.message, "tokenizer.json");
}

int main(void)
{
    scratch_open("sources");
    RUN(precedence);
    RUN(one_file);
    RUN(one_file_by_content);
    RUN(no_encoder);
    scratch_close();
    return test_end();
}

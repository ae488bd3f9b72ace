/* The whole job on small models: matrices, rows, types, options.
   A suite of the public API: linked with the implementation. */
#include <time.h>

#include "small_models.h"

static void test_untied(void)
{
    static const otx_dtype dtypes[] = {OTX_F32, OTX_BF16,    OTX_F16,
                                       OTX_F64, OTX_F8_E4M3, OTX_F8_E5M2};
    size_t i;
    for (i = 0; i < COUNT(dtypes); i++) {
        otx_job_summary summary;
        model base, donor;
        base_model_of(&base, dtypes[i], true);
        donor_model_of(&donor, dtypes[(i + 1) % COUNT(dtypes)], true);
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
    size_t i;
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
    /* The number of parameters too, if it is there, which need not be that of all elements; and
       what transformers wants is made. */
    for (i = 0; i < 3; i++) {
        static const char *const said[] = {"\"metadata\": {\"total_parameters\": 75}, ",
                                           "\"metadata\": {\"total_parameters\": 7}, ", ""};
        char index[1024];
        (void)snprintf(index, sizeof index, "{%s\"weight_map\": {\"model.embed_tokens.weight\": "
                       "\"model-00001-of-00003.safetensors\", \"lm_head.weight\": "
                       "\"model-00002-of-00003.safetensors\", \"model.layers.0.mlp.weight\": "
                       "\"model-00002-of-00003.safetensors\", \"model.norm.weight\": "
                       "\"model-00003-of-00003.safetensors\"}}",
                       said[i]);
        write_file("base", "model.safetensors.index.json", index);
        CHECK_RUN(NULL, NULL);
        CHECK_CONTAINS(read_file("out", "model.safetensors.index.json"),
                       i == 2   ? "\"metadata\": {\"total_size\": 387}"
                       : i == 1 ? "{\"total_parameters\": 31,"
                                : "{\"total_parameters\": 99,");
        CHECK_CONTAINS(read_file("out", "model.safetensors.index.json"), "\"total_size\": 387");
    }
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
    const otx_source *source;
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
    source = &checkpoint.files[tensor->file].source;
    CHECK_INT(tensor->tensor->end - tensor->tensor->begin, 3);
    CHECK(source->read(source->context, tensor->tensor->begin, bytes, 3));
    CHECK_INT(bytes[2], 1);
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
    for (i = 0; i < COUNT(dtypes); i++) {
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
   they are, and tokens among them are copied into the embedding alone: no atoms. */
static void test_extra_rows(void)
{
    static const char *const base_ids[] = {"!<s>", "!</s>", "a", "b",  "c",       "\304\240d",
                                           "e",    "x0",    "x1", "x2", "!<tool>", "x"};
    otx_job_summary summary;
    model base, donor;
    float values[48];
    size_t i;
    base_model_of(&base, OTX_F32, true);
    base.tokens = base_ids;
    base.token_count = COUNT(base_ids);
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
    CHECK_INT(summary.matrices[0].anchors, 5);
    CHECK_CONTAINS(read_file("out", "config.json"), "\"vocab_size\": 14");
    CHECK_CONTAINS(read_file("out", "config.json"), "\"image_token_id\": 12");
    read_floats("model.embed_tokens.weight", 0, 48, values);
    for (i = 0; i < 3; i++) {
        double mean = 0;
        size_t id;
        CHECK(values[3 * TOOL + i] == (float)base_embedding(10, i));
        CHECK(values[3 * X + i] == (float)base_embedding(11, i));
        CHECK(values[42 + i] == (float)base_embedding(10, i));
        CHECK(values[45 + i] == (float)base_embedding(11, i));
        for (id = 0; id < 13; id++)
            if (id != HOLE && id != UNUSED) mean += (double)values[3 * id + i];
        CHECK(values[3 * PAD + i] == (float)(mean / 11));
    }
    read_floats("lm_head.weight", 0, 42, values);
    for (i = 0; i < 3; i++) CHECK(values[3 * TOOL + i] == values[3 * PAD + i]);
    for (i = 0; i < 3; i++) CHECK(values[3 * X + i] == values[3 * PAD + i]);
}

static void test_rows(void)
{
    otx_job_options options;
    otx_job_summary summary;
    model base, donor;
    float values[39];
    size_t i;
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
    CHECK_CONTAINS(logged, "from 12 on (token \"<tool>\"), lie beyond the 12 rows");
    CHECK_CONTAINS(read_file("out", "config.json"), "\"eos_token_id\": [11]");
    /* With a row there is still nothing to solve for: it gets the padding's. */
    options.rows = OTX_ROWS_TOKENIZER;
    CHECK_RUN(&options, &summary);
    CHECK_INT(summary.tokens.skipped, 0);
    CHECK_CONTAINS(logged, "1 tokens, the first 12 (\"<tool>\"), have no row among the 12");
    read_floats("model.embed_tokens.weight", 0, 39, values);
    for (i = 0; i < 3; i++) CHECK(values[TOOL * 3 + i] == values[9 * 3 + i]);
    options.method = OTX_METHOD_MEAN; /* which asks for none */
    CHECK_RUN(&options, &summary);
    CHECK(!strstr(logged, "\"<tool>\""));
}

static double row_number(size_t row, size_t column) { return (double)row + (double)column; }

/* As many entries as tokens are read in the time of both. */
static void test_map_of_all(void)
{
    enum { TOKENS = 40000 };
    static char texts[TOKENS][8], entries[TOKENS][16];
    static const char *tokens[TOKENS], *map[TOKENS];
    otx_job_options options;
    otx_job_summary summary;
    clock_t start;
    size_t i;
    model base;
    for (i = 0; i < TOKENS; i++) {
        (void)snprintf(texts[i], sizeof texts[i], "t%05u", (unsigned)i);
        (void)snprintf(entries[i], sizeof entries[i], "t%05u=t%05u", (unsigned)i,
                       (unsigned)(TOKENS - 1 - i));
        tokens[i] = texts[i];
        map[i] = entries[i];
    }
    base_model_of(&base, OTX_F32, false);
    base.tokens = tokens;
    base.token_count = TOKENS;
    base.config = "{\"hidden_size\": 3, \"tie_word_embeddings\": true, \"vocab_size\": 40000}";
    base.tokenizer_config = "{}";
    base.tensors[0].shape[0] = TOKENS;
    base.tensors[0].value = row_number;
    write_model("base", &base);
    write_model("donor", &base);
    memset(&options, 0, sizeof options);
    options.map = map;
    options.map_count = TOKENS;
    start = clock();
    CHECK_RUN(&options, &summary);
    CHECK(clock() - start < 5 * CLOCKS_PER_SEC);
    CHECK_INT(summary.tokens.mapped, TOKENS);
    scratch_remove_tree("base");
    scratch_remove_tree("donor");
}

static void test_map(void)
{
    static const char *const good[] = {"x=#7", "\\x79=only-base", "#12=a",
                                       " d=a"}; /* by its bytes */
    static const char *const bad[][2] = {
        {"x", "DONOR=BASE"},          {"x\\q=a", "DONOR=BASE"}, {"=a", "DONOR=BASE"},
        {"x=", "after ="},            {"x=nix", "\"nix\""},     {"nix=a", "no token \"nix\""},
        {"#9=a", "no token \"#9\""},  {"#99=a", "\"#99\""},     {"x=#99", "no token"},
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
    options.map_count = COUNT(good);
    CHECK_RUN(&options, &summary);
    CHECK_INT(summary.tokens.mapped, 4);
    CHECK_INT(summary.tokens.approximated, 1);
    read_floats("model.embed_tokens.weight", 0, 42, values);
    for (i = 0; i < 3; i++) {
        CHECK(values[X * 3 + i] == (float)base_embedding(7, i));
        CHECK(values[Y * 3 + i] == (float)base_embedding(7, i));
        CHECK(values[TOOL * 3 + i] == (float)base_embedding(2, i));
        CHECK(values[2 * 3 + i] == (float)base_embedding(2, i));
    }
    for (i = 0; i < COUNT(bad); i++) {
        const char *entry = bad[i][0];
        options.map = &entry;
        options.map_count = 1;
        CHECK(run(&options, NULL) != OTX_OK);
        CHECK_CONTAINS(last_error.message, bad[i][1]);
        CHECK_INT(scratch_count("out"), 0);
        CHECK(last_error.code == OTX_ERROR_ARGUMENT || last_error.code == OTX_ERROR_NOT_FOUND);
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
    scratch_remove_tree("out");
    scratch_remove_tree("out-threads");
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
    scratch_remove_tree("out-threads");
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
    RUN(test_map_of_all);
    RUN(test_threads);
    scratch_close();
    return test_end();
}

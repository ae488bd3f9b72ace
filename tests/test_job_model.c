/* The job and what models look like: tensors' names, configs, the files beside them.
   A suite of the public API: linked with the implementation. */
#include "small_models.h"

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
    /* So it does for another end than that of the donor's config.json, but not for the same, nor
       where it would hide what the base's config.json says of generation. */
    donor.generation = "{\"eos_token_id\": 12}";
    write_model("donor", &donor);
    CHECK_RUN(NULL, NULL);
    CHECK(!has_file("out", "generation_config.json"));
    base.config = "{\"vocab_size\": 10}";
    write_model("base", &base);
    CHECK_RUN(NULL, NULL);
    CHECK_STRING(read_file("out", "generation_config.json"),
                 "{\n  \"bos_token_id\": 5,\n  \"eos_token_id\": 12\n}\n");
    CHECK_CONTAINS(read_file("out", "config.json"), "\"eos_token_id\": 11");
    donor.generation = "{\"eos_token_id\": 11}";
    write_model("donor", &donor);
    CHECK_RUN(NULL, NULL);
    CHECK(!has_file("out", "generation_config.json"));
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
    /* One that has neither a counterpart nor another in its place. */
    base.config = "{\"vocab_size\": 10, \"mask_token_id\": 7}";
    write_model("base", &base);
    CHECK_RUN(NULL, NULL);
    CHECK_CONTAINS(read_file("out", "config.json"), "\"mask_token_id\": null");
    CHECK_CONTAINS(logged, "the donor has no counterpart of \"mask_token_id\"; set to null");
    /* Those that have another: it, or what serves for it in turn. */
    base.config = "{\"vocab_size\": 10, \"sep_token_id\": 7, \"cls_token_id\": 7}";
    write_model("base", &base);
    CHECK_RUN(NULL, NULL);
    CHECK_CONTAINS(read_file("out", "config.json"), "\"sep_token_id\": 11, \"cls_token_id\": 5,");
    CHECK_CONTAINS(logged, "counterpart of \"sep_token_id\"; set to 11, its eos token");
    CHECK_CONTAINS(logged, "counterpart of \"cls_token_id\"; set to 5, its bos token");
    write_file("donor", "tokenizer_config.json", "{\"eos_token\": \"<end>\"}");
    CHECK_RUN(NULL, NULL);
    CHECK_CONTAINS(read_file("out", "config.json"), "\"cls_token_id\": 11,");
    CHECK_CONTAINS(logged, "counterpart of \"cls_token_id\"; set to 11, its eos token");
    /* A token that the donor lacks. */
    base.config = "{\"vocab_size\": 10, \"vision\": {\"image_token_index\": [0, 7]}}";
    write_model("base", &base);
    check_fails(NULL, OTX_ERROR_UNSUPPORTED, "\"image_token_index\" is 7, the token "
                                             "\"only-base\"");
    /* What only generates goes on without it, and without what is in no form of ids. */
    base.config = plain_config;
    base.generation = "{\"image_token_index\": [7], \"suppress_tokens\": \"all\"}";
    write_model("base", &base);
    CHECK_RUN(NULL, NULL);
    CHECK_CONTAINS(read_file("out", "generation_config.json"),
                   "{\"image_token_index\": [], \"suppress_tokens\": null");
    CHECK_CONTAINS(logged, "1 of the ids in \"image_token_index\" have no counterpart");
    CHECK_CONTAINS(logged, "\"suppress_tokens\" holds ids of the base's tokenizer in a form that "
                           "is not known; set to null");
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
    for (i = 0; i < COUNT(depths); i++) {
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

/* A class that the donor's config.json alone names is named in the output's, where the base's
   names none. */
static void test_named_class(void)
{
    model base, donor;
    base_model_of(&base, OTX_F32, false);
    base.config = "{\"vocab_size\": 10, \"model_type\": \"gpt2\"}";
    donor_model_of(&donor, OTX_F32, false);
    donor.config = "{\"vocab_size\": 14, \"tokenizer_class\": \"PreTrainedTokenizerFast\"}";
    donor.tokenizer_config = "{\"eos_token\": \"<end>\"}";
    write_model("base", &base);
    write_model("donor", &donor);
    CHECK_RUN(NULL, NULL);
    CHECK_CONTAINS(read_file("out", "config.json"),
                   "\"tokenizer_class\": \"PreTrainedTokenizerFast\"");
    CHECK_STRING(read_file("out", "tokenizer_config.json"), donor.tokenizer_config);
    /* Else tokenizer_config.json says it. */
    donor.tokenizer_config = "{\"tokenizer_class\": \"PreTrainedTokenizerFast\"}";
    write_model("donor", &donor);
    CHECK_RUN(NULL, NULL);
    CHECK(!strstr(read_file("out", "config.json"), "tokenizer_class"));
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
    scratch_directory("base/1_Pooling");
    write_file("base/1_Pooling", "config.json", "{}");
    scratch_directory("base/2_Dense");
    write_file("base/2_Dense", "config.json", "{\"in_features\": 3}");
    write_file("base/2_Dense", "model.safetensors", "dense");
    scratch_directory("base/checkpoint-500");
    write_file("base/checkpoint-500", "model.safetensors", "old");
    scratch_directory("base/best");
    write_file("base/best", "config.json", "{\"model_type\": \"llama\"}");
    scratch_directory("base/broken");
    write_file("base/broken", "config.json", "{");
    scratch_directory("base/onnx");
    write_file("base/onnx", "model.onnx", "old");
    scratch_directory("base/.git");
    write_file("base/.git", "HEAD", "x");
    write_file("donor", "vocab.json", "{}");
    write_file("donor", "chat_template.jinja", "hello");
    write_file("donor", "README.md", "donor");
    write_file("donor", "tokenization_donor.py", "code");
    write_file("donor", "tokenization_other.py", "code");
    scratch_directory("donor/additional_chat_templates");
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
    for (i = 0; i < COUNT(refused); i++) {
        base_model_of(&base, OTX_F32, false);
        add_tensor(&base, refused[i].name, refused[i].dtype, refused[i].rows,
                   refused[i].columns, other_value, 0);
        write_model("base", &base);
        check_fails(NULL, OTX_ERROR_UNSUPPORTED, refused[i].message);
        CHECK_CONTAINS(last_error.message, refused[i].name);
    }
    /* Embeddings of nothing. */
    base_model_of(&base, OTX_F32, false);
    base.config = "{}";
    base.tensors[0].shape[1] = 0;
    write_model("base", &base);
    check_fails(NULL, OTX_ERROR_UNSUPPORTED, "tensor \"model.embed_tokens.weight\" [10, 0] has no "
                                             "columns or more than 2147483647");
    base.tensors[0].shape[0] = 0;
    write_model("base", &base);
    check_fails(NULL, OTX_ERROR_UNSUPPORTED, "tensor \"model.embed_tokens.weight\" [0, 0] is empty "
                                             "or has more than 2147483647 rows");
    /* Nothing that is known as an embedding: what could be one is listed. */
    base_model_of(&base, OTX_F32, false);
    base.tensors[0].name = "net.lexicon.weight";
    write_model("base", &base);
    check_fails(NULL, OTX_ERROR_UNSUPPORTED, "\"net.lexicon.weight\" [10, 3]");
    base.tensor_count = 0; /* or counted */
    for (i = 0; i < 9; i++) {
        static char names[9][72];
        memset(names[i], 'a' + (int)i, sizeof names[i] - 1);
        add_tensor(&base, names[i], OTX_F32, 10, 3, other_value, 0);
    }
    write_model("base", &base);
    check_fails(NULL, OTX_ERROR_UNSUPPORTED, "aaa\" [10, 3], \"bbb");
    CHECK_CONTAINS(last_error.message, "eee\" [10, 3] and 4 more");
    /* Two that are as good, of different sizes, and nothing says which. */
    base_model_of(&base, OTX_F32, false);
    base.config = "{\"hidden_size\": 3}";
    add_tensor(&base, "other.embed_tokens.weight", OTX_F32, 12, 3, other_value, 0);
    write_model("base", &base);
    check_fails(NULL, OTX_ERROR_UNSUPPORTED, "several tensors may be the input embedding");
    CHECK_CONTAINS(last_error.message, "\"other.embed_tokens.weight\" [12, 3]");
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
    /* But no more than a summary has room for, nor than are looked at. */
    for (; base.tensor_count < 20;) {
        static char names[20][48];
        char *name = names[base.tensor_count];
        (void)snprintf(name, sizeof names[0], "model.layers.%d.embed_tokens.weight",
                       (int)base.tensor_count);
        add_tensor(&base, name, OTX_F32, 10, 3, base_embedding, 0);
        if (base.tensor_count == 11) { /* of which two are no matrices of tokens */
            write_model("base", &base);
            check_fails(NULL, OTX_ERROR_LIMIT, "base: more than 8 matrices are sized by the "
                                               "vocabulary");
        }
    }
    write_model("base", &base);
    check_fails(NULL, OTX_ERROR_LIMIT, "base: more than 16 tensors are sized by the vocabulary");
}

/* Where matrices change their type, config.json says that of the rest, if it has a word for it. */
static void test_dtype(void)
{
    static const struct {
        otx_dtype dtype;
        const char *config, *wanted;
    } cases[] = {
        {OTX_F16, "{\"vocab_size\": 10}", "\"torch_dtype\": \"float16\""},
        {OTX_F16, "{\"vocab_size\": 10, \"dtype\": \"auto\"}", "\"dtype\": \"auto\""},
        {OTX_F8_E4M3, "{\"vocab_size\": 10}", NULL},
    };
    otx_job_options options;
    model base, donor;
    size_t i;
    memset(&options, 0, sizeof options);
    options.dtype = OTX_F32;
    donor_model_of(&donor, OTX_F32, false);
    write_model("donor", &donor);
    for (i = 0; i < COUNT(cases); i++) {
        base_model_of(&base, cases[i].dtype, false);
        base.config = cases[i].config;
        write_model("base", &base);
        CHECK_RUN(&options, NULL);
        if (cases[i].wanted) CHECK_CONTAINS(read_file("out", "config.json"), cases[i].wanted);
        else CHECK(!strstr(read_file("out", "config.json"), "dtype"));
    }
}

/* A processor's file that is none is told of, and the rest is done. */
static void test_broken_processor(void)
{
    model base, donor;
    base_model_of(&base, OTX_F32, false);
    donor_model_of(&donor, OTX_F32, false);
    write_model("base", &base);
    write_file("base", "processor_config.json", "{\"image_token\": ");
    write_model("donor", &donor);
    CHECK_RUN(NULL, NULL);
    CHECK_CONTAINS(logged, "processor_config.json:1:17: the text ends, expected a value");
}

/* The base of rotary positions, also where each type of layer has its own: then full attention's,
   or the first. */
static void test_rope(void)
{
    static const char *const configs[] = {
        "{\"hidden_size\": 4, \"rope_theta\": 50000.0}",
        "{\"hidden_size\": 4, \"rope_parameters\": {\"rope_theta\": 50000}}",
        "{\"hidden_size\": 4, \"rope_parameters\": {\"sliding_attention\": {\"rope_theta\": 7}, "
        "\"full_attention\": {\"rope_theta\": 50000}}}",
        "{\"hidden_size\": 4, \"rope_parameters\": {\"x\": {}, \"sliding_attention\": "
        "{\"rope_theta\": 50000}, \"other\": {\"rope_theta\": 7}}}",
        "{\"hidden_size\": 4, \"rope_parameters\": {\"rope_theta\": 7}}",
    };
    float wanted[14 * 3], seen[14 * 3];
    otx_job_options options;
    model base, donor;
    size_t i;
    memset(&options, 0, sizeof options);
    options.method = OTX_METHOD_MP_ROPE;
    donor_model_of(&donor, OTX_F32, false);
    write_model("donor", &donor);
    for (i = 0; i < COUNT(configs); i++) {
        base_model_of(&base, OTX_F32, false);
        base.config = configs[i];
        base.tensors[0].shape[1] = 4; /* two pairs, the second by the base of positions */
        write_model("base", &base);
        CHECK_RUN(&options, NULL);
        read_floats("model.embed_tokens.weight", 0, 14 * 3, i ? seen : wanted);
        if (i) CHECK_INT(memcmp(seen, wanted, sizeof seen) == 0, i + 1 < COUNT(configs));
    }
}

static void test_classes(void)
{
    static const struct {
        const char *tokenizer_config, *type; /* of the donor */
        const char *wanted, *code;
    } cases[] = {
        {"{\"bos_token\": \"<s>\", \"tokenizer_class\": \"PreTrainedTokenizerFast\", "
         "\"model_max_length\": 4096}", "llama",
         "\"tokenizer_class\": \"PreTrainedTokenizerFast\"",
         "(PreTrainedTokenizerFast):\n    pass"},
        {"{\"tokenizer_class\": \"GPT2Tokenizer\"}", "gpt2",
         "\"tokenizer_class\": \"GPT2Tokenizer\"",
         "getattr(transformers, \"GPT2TokenizerFast\", None) or transformers.GPT2Tokenizer\n"},
        /* Of bytes: tokenizer.json as it stands, as its own directory takes it too. */
        {"{\"tokenizer_class\": \"LlamaTokenizerFast\"}", "llama",
         "\"tokenizer_class\": \"PreTrainedTokenizerFast\"",
         "(PreTrainedTokenizerFast):\n    pass"},
        {NULL, "bert", "\"tokenizer_class\": \"BertTokenizerFast\"",
         "getattr(transformers, \"BertTokenizerFast\", None) or transformers.BertTokenizer\n"},
    };
    char config[200];
    otx_verify_options options;
    model base, donor;
    size_t i;
    for (i = 0; i < COUNT(cases); i++) {
        base_model_of(&base, OTX_F32, true);
        base.config = "{\"hidden_size\": 3, \"vocab_size\": 10, \"model_type\": \"qwen2\", "
                      "\"max_position_embeddings\": 512}";
        donor_model_of(&donor, OTX_F32, true);
        donor.tokenizer_config = cases[i].tokenizer_config;
        (void)snprintf(config, sizeof config, "{\"hidden_size\": 9, \"vocab_size\": 14, "
                       "\"model_type\": \"%s\"}", cases[i].type);
        donor.config = config;
        scratch_remove_tree("donor");
        write_model("base", &base);
        write_model("donor", &donor);
        CHECK_RUN(NULL, NULL);
        CHECK_CONTAINS(read_file("out", "tokenizer_config.json"), cases[i].wanted);
        CHECK_CONTAINS(read_file("out", "tokenizer_config.json"),
                       "\"auto_map\": {\"AutoTokenizer\": "
                       "[\"tokenization_transplanted.TransplantedTokenizer\", ");
        CHECK_CONTAINS(read_file("out", "tokenization_transplanted.py"), cases[i].code);
        if (i == 0)
            CHECK_CONTAINS(logged, "says \"model_max_length\": 4096, the base's config.json "
                                   "\"max_position_embeddings\": 512");
    }
    /* Without the code, verify says what becomes of it. */
    write_file("out", "tokenizer_config.json", "{\"tokenizer_class\": \"BertTokenizer\"}");
    memset(&options, 0, sizeof options);
    options.finding = remember;
    logged[0] = 0;
    CHECK_INT(otx_verify(NULL, at("out"), &options, NULL, NULL), OTX_OK);
    CHECK_CONTAINS(logged, "transformers makes a Qwen2Tokenizer of the tokenizer of a model of "
                           "type qwen2, whatever tokenizer_config.json says (another class); load "
                           "it with transformers.BertTokenizer.from_pretrained");
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
    for (i = 0; i < COUNT(names); i++) {
        base.tensors[0].name = names[i].embedding;
        base.tensors[1].name = names[i].head;
        donor.tensors[0].name = names[COUNT(names) - 1 - i].embedding;
        donor.tensors[1].name = names[COUNT(names) - 1 - i].head;
        write_model("base", &base);
        write_model("donor", &donor);
        CHECK_RUN(NULL, NULL);
        check_matrix("out", names[i].embedding, 14, false, base_embedding);
        check_matrix("out", names[i].head, 14, true, base_head);
    }
}

int main(void)
{
    scratch_open("job_model");
    RUN(test_config);
    RUN(test_levels);
    RUN(test_named_class);
    RUN(test_files);
    RUN(test_architectures);
    RUN(test_dtype);
    RUN(test_broken_processor);
    RUN(test_rope);
    RUN(test_classes);
    RUN(test_names);
    scratch_close();
    return test_end();
}

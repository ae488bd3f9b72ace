/* What the world calls things: names of files, of tokens, of models on a hub.
   Looks at private functions: includes the implementation, with functions that are static
   so that those not used are left out. */
#define OTX_STATIC
#define OMP_TRANSPLANT_IMPLEMENTATION
#include "omp_transplant.h"

#include "test.h"

static void patterns(void)
{
    CHECK(otx__name_fits("", "") && otx__name_fits("", "*") && !otx__name_fits("", "a"));
    CHECK(otx__name_fits("a", "a") && !otx__name_fits("a", "") && !otx__name_fits("ab", "a"));
    CHECK(otx__name_fits("a.b", "*.b") && otx__name_fits(".b", "*.b"));
    CHECK(!otx__name_fits("a.bc", "*.b") && otx__name_fits("a.b.b", "*.b"));
    CHECK(otx__name_fits("ab", "a*") && otx__name_fits("a", "a*") && !otx__name_fits("ba", "a*"));
    CHECK(otx__name_fits("a_x.py", "a_*.py") && !otx__name_fits("a_.p", "a_*.py"));
    CHECK(otx__name_fits("aab", "*ab*") && otx__name_fits("aaab", "a*ab"));
    CHECK(!otx__name_fits("aba", "ab*ba"));
}

/* Which names belong to a tokenizer, what they are read as, and with what. */
static void known_names(void)
{
    static const char *const ours[] = {
        "tokenizer.json", "tokenizer_config.json", "special_tokens_map.json",
        "added_tokens.json", "tokenizer.model", "spiece.model", "spm.model",
        "sentencepiece.model", "sentencepiece.bpe.model", "tekken.json", "tiktoken.model",
        "vocab.json", "vocab.txt", "vocab.bpe", "merges.txt", "encoder.json", "bpe.codes",
        "chat_template.jinja", "chat_template.json", "additional_chat_templates",
        "tokenizer.model.v3", "tokenizer.model.old", "qwen.tiktoken", "source.spm",
        "tokenization_kimi.py"};
    static const char *const others[] = {
        "config.json", "generation_config.json", "model.safetensors", "README.md", "x.model",
        "modeling_kimi.py", "tokenization_kimi.txt", "tokenizer.json.bak", "my_vocab.txt"};
    static const struct {
        const char *name;
        otx_vocab_file file;
    } single[] = {{"a.json", OTX_VOCAB_TOKENIZER_JSON}, {"my-tekken_2.json", OTX_VOCAB_TEKKEN},
                  {"vocab.json", OTX_VOCAB_FILES}, {"a.tiktoken", OTX_VOCAB_TIKTOKEN},
                  {"tiktoken.model", OTX_VOCAB_TIKTOKEN}, {"a.model", OTX_VOCAB_SENTENCEPIECE},
                  {"tokenizer.model.v7", OTX_VOCAB_SENTENCEPIECE},
                  {"bert-vocab.txt", OTX_VOCAB_TXT}, {"a.txt", OTX_VOCAB_FILES}};
    const char *listed[] = {"README.md", "source.spm", "x.model"}, *name = "";
    size_t i;
    for (i = 0; i < COUNT(ours); i++) {
        CHECK_STRING(otx__is_of_tokenizer(ours[i]) ? "" : ours[i], "");
        CHECK_INT(otx__is_tokenizer_code(ours[i]), i == COUNT(ours) - 1);
    }
    for (i = 0; i < COUNT(others); i++)
        CHECK_STRING(otx__is_of_tokenizer(others[i]) ? others[i] : "", "");
    for (i = 0; i < COUNT(single); i++)
        CHECK_INT(otx__source_named(single[i].name), single[i].file);
    for (i = 0; i < OTX_VOCAB_FILES; i++)
        CHECK(strchr(otx__usual_name((otx_vocab_file)i), '*') == NULL);
    CHECK_STRING(otx__usual_name(OTX_VOCAB_SENTENCEPIECE), "tokenizer.model");
    CHECK(otx__goes_with(OTX_VOCAB_MERGES, OTX_VOCAB_JSON));
    CHECK(!otx__goes_with(OTX_VOCAB_MERGES, OTX_VOCAB_TXT));
    CHECK(!otx__goes_with(OTX_VOCAB_MODEL_CONFIG, OTX_VOCAB_TEKKEN));
    CHECK(otx__goes_with(OTX_VOCAB_ADDED_TOKENS, OTX_VOCAB_TEKKEN));
    CHECK_CONTAINS(otx__advise_on_tokenizer(listed, 3, &name), "save_pretrained");
    CHECK_STRING(name, "x.model");
    CHECK(otx__advise_on_tokenizer(listed, 1, &name) == NULL);
    for (i = 0; i < OTX_ROLE_COUNT; i++) {
        char key[16];
        (void)snprintf(key, sizeof key, "%s_token", otx_role_name((otx_role)i));
        CHECK_STRING(otx__role_keys[i], key);
    }
}

static void reserved(void)
{
    static const char *const yes[] = {
        "<unused0>", "<unused6241>", "[unused99]", "<unused_token_7>", "[UNUSED_TOKEN_145]",
        "<|reserved_special_token_250|>", "<|reserved_200017|>", "<reserved_106>",
        "<SPECIAL_20>", "<unused_3>", "<|unused3|>", "<|unused_3|>", "<reserved_token_3>",
        "<|reserved_token_163600|>", "<|dummy_83|>", "<|extra_204|>", ">>UNUSED_119<<",
        "<|placeholder6|>", "<[PLHD124_never_used]>",
        "<\xef\xbd\x9cplace\xe2\x96\x81holder\xe2\x96\x81no\xe2\x96\x81\67\71\71\xef\xbd\x9c>",
    };
    static const char *const no[] = {
        "<unused>", "<unused0", "unused0", " <unused0>", "<unused0> ", "<unused0x>",
        "<unused-1>", "<Unused0>", "<|unused0>",
        "<extra_id_0>", "<|reserved_special_token_|>", "<0x41>", "[MASK]", "", "<|im_start|>",
        "<reserved_>", "<SPECIAL_a>", "<unused0><unused1>",
    };
    size_t i;
    for (i = 0; i < sizeof yes / sizeof yes[0]; i++)
        CHECK(otx__is_reserved(yes[i], strlen(yes[i])));
    for (i = 0; i < sizeof no / sizeof no[0]; i++)
        CHECK(!otx__is_reserved(no[i], strlen(no[i])));
    CHECK(!otx__is_reserved("<unused0>\0", 10));
    CHECK(!otx__is_reserved("<unused0>", 8));
}

/* Every byte has one character, and that character gives the byte back. */
static void byte_alphabet(void)
{
    int seen[256], code, byte, count = 0;
    memset(seen, 0, sizeof seen);
    for (code = 0; code < 0x400; code++) {
        byte = otx__byte_of_character((unsigned)code);
        if (byte < 0) continue;
        count++;
        CHECK(byte < 256);
        if (byte < 256) seen[byte]++;
    }
    for (byte = 0; byte < 256; byte++) CHECK_INT(seen[byte], 1);
    CHECK_INT(count, 256);
}

static void hub_names(void)
{
    CHECK(otx__is_hub_name("gpt2"));
    CHECK(otx__is_hub_name("a/b"));
    CHECK(!otx__is_hub_name("a/b/c"));
    CHECK(!otx__is_hub_name("a/"));
    CHECK(!otx__is_hub_name("./a"));
    CHECK(!otx__is_hub_name("/a"));
    CHECK(!otx__is_hub_name(""));
}

static void tokenizer_files(void)
{
    static const char *const yes[] = {
        "tokenizer.json", "tokenizer_config.json", "tokenizer.model", "tokenizer.model.v3",
        "spiece.model", "sentencepiece.bpe.model", "tekken.json", "tiktoken.model",
        "qwen.tiktoken", "source.spm", "vocab.json", "merges.txt", "vocab.txt", "vocab.bpe",
        "encoder.json",
        "added_tokens.json", "special_tokens_map.json", "chat_template.jinja",
        "chat_template.json", "additional_chat_templates", "tokenization_qwen.py"
    };
    static const char *const no[] = {
        "config.json", "generation_config.json", "model.safetensors",
        "model.safetensors.index.json", "README.md",
        "modeling_qwen.py", "preprocessor_config.json", "tokenization_notes.md",
        "my_tokenizer.json", "tokenizer.json.bak", ""
    };
    size_t i;
    for (i = 0; i < COUNT(yes); i++) CHECK(otx__is_of_tokenizer(yes[i]));
    for (i = 0; i < COUNT(no); i++) CHECK(!otx__is_of_tokenizer(no[i]));
}

int main(void)
{
    RUN(patterns);
    RUN(known_names);
    RUN(reserved);
    RUN(byte_alphabet);
    RUN(hub_names);
    RUN(tokenizer_files);
    return test_end();
}

/* The keys of a GGUF file for the tokenizer of a directory: small tokenizers of every kind. What
   llama.cpp's converter and llama.cpp itself make of larger ones, tests/gguf_keys.py and
   tests/gguf_pre.py compare.
   Looks at private functions: includes the implementation. */
#define OTX_STATIC
#define OMP_TRANSPLANT_IMPLEMENTATION
#include "omp_transplant.h"

#include "failing.h"
#include "scratch.h"
#include "source_files.h"
#include "test.h"

/* ---- tools ---- */

static char shown[65536], said[4096];

static void hear(void *context, otx_severity severity, const char *message)
{
    (void)context;
    (void)severity;
    strncat(said, message, sizeof said - strlen(said) - 2);
    strcat(said, "\n");
}

static void show(const char *text, size_t size)
{
    const size_t length = strlen(shown);
    if (length + size + 1 >= sizeof shown) return;
    memcpy(shown + length, text, size);
    shown[length + size] = 0;
}

/* One key as "name=value", without what all names begin with; arrays with a bar between. */
static void show_key(const otx_gguf_key *key)
{
    static const char start[] = "tokenizer.";
    const bool ggml = key->name_size > 15 && memcmp(key->name, "tokenizer.ggml.", 15) == 0;
    const size_t skip = ggml ? 15 : sizeof start - 1;
    otx_gguf_strings strings;
    char number[40];
    double value;
    uint64_t i;
    memset(&strings, 0, sizeof strings);
    CHECK(key->name_size > skip && memcmp(key->name, start, sizeof start - 1) == 0);
    show(key->name + skip, key->name_size - skip);
    show("=", 1);
    for (i = 0; i < key->count; i++) {
        if (i) show("|", 1);
        if (otx_gguf_next(key, &strings)) {
            show(strings.bytes, strings.size);
        } else if (otx_gguf_number(key, i, &value)) {
            snprintf(number, sizeof number, "%g", value);
            show(number, strlen(number));
        }
    }
    show("\n", 1);
}

typedef struct asked {
    uint64_t rows; /* 0: as many as ids */
    const char *pre;
    const otx__text *chat;
} asked;

static otx_result make(const otx_context *ctx, asked wanted)
{
    otx__gguf_list list;
    otx__side side;
    otx_result result;
    size_t i;
    shown[0] = said[0] = 0;
    error.message[0] = 0;
    otx__gguf_list_open(&list, ctx);
    result = otx__side_begin(ctx, scratch_root, true, &side, &error);
    if (!result) result = otx__open_documents(ctx, &side, &error);
    if (!result) result = otx_vocab_open(ctx, side.path, &side.vocab, &error);
    if (!result)
        result = otx__gguf_vocab_keys(ctx, &side, wanted.rows ? wanted.rows : side.vocab.count,
                                      wanted.pre, wanted.chat, &list, &error);
    if (!result) result = otx__gguf_list_finish(&list, &error);
    for (i = 0; i < list.count && !result; i++) show_key(&list.keys[i]);
    otx__gguf_list_close(&list);
    otx__side_close(ctx, &side);
    return result;
}

static void expect_keys(asked wanted, const char *keys)
{
    otx_context ctx;
    memset(&ctx, 0, sizeof ctx);
    ctx.log = hear;
    CHECK_INT(make(&ctx, wanted), OTX_OK);
    CHECK_STRING(error.message, "");
    CHECK_STRING(shown, keys);
}

static void expect_part(const char *part)
{
    const asked plain = {0, NULL, NULL};
    CHECK_INT(make(NULL, plain), OTX_OK);
    CHECK_STRING(error.message, "");
    CHECK_CONTAINS(shown, part);
}

static void expect_refusal(asked wanted, const char *part)
{
    CHECK(make(NULL, wanted) != OTX_OK);
    CHECK_CONTAINS(error.message, part);
    CHECK(!strchr(error.message, '\n'));
}

static const asked plainly = {0, NULL, NULL};

/* Another directory. */
static void fresh(void)
{
    scratch_close();
    scratch_open("gguf-keys");
}

/* A tokenizer.json of these parts. */
static void document(const char *parts, const char *added, const char *model_parts)
{
    static char text[16384];
    snprintf(text, sizeof text, "{\"added_tokens\":[%s]%s%s,\"model\":{%s}}", added,
             *parts ? "," : "", parts, model_parts);
    scratch_text("tokenizer.json", text);
}

#define ADDED(id, content, special)                                                    \
    "{\"id\":" #id ",\"content\":\"" content "\",\"special\":" special "}"
#define LEVEL "{\"type\":\"ByteLevel\",\"add_prefix_space\":false,\"use_regex\":%s}"
#define GPT2 "\"pre_tokenizer\":{\"type\":\"ByteLevel\",\"add_prefix_space\":false}"
#define AB "\"type\":\"BPE\",\"vocab\":{\"a\":0,\"b\":1,\"\xc4\xa0\":2,\"ab\":3},"        \
           "\"merges\":[\"a b\"]"

/* ---- byte-level BPE ---- */

static void byte_level(void)
{
    const asked rows = {14, NULL, NULL};
    const asked named = {0, "kimi-k2", NULL};
    fresh();
    document(GPT2 ",\"post_processor\":{\"type\":\"TemplateProcessing\",\"single\":[{"
             "\"SpecialToken\":{\"id\":\"<s>\"}},{\"Sequence\":{\"id\":\"A\"}}],\"pair\":[]}",
             ADDED(6, "<s>", "true") "," ADDED(7, "</s>", "true") "," ADDED(8, "<|x|>", "false")
             "," ADDED(9, MARK "tool", "false") "," ADDED(10, "<unused1>", "false"),
             "\"type\":\"BPE\",\"vocab\":{\"a\":0,\"b\":1,\"\xc4\xa0\":2,\"ab\":3,\" c\":4,"
             "\"\":5},\"merges\":[[\"a\",\"b\"],[\" c\",\"a\"]]");
    scratch_text("tokenizer_config.json", "{\"bos_token\":\"<s>\",\"eos_token\":\"</s>\","
                 "\"add_eos_token\":true,\"chat_template\":\"T\"}");
    expect_keys(rows, "model=gpt2\npre=gpt-2\n"
                "tokens=a|b|\xc4\xa0|ab| c|[EMPTY5]|<s>|</s>|<|x|>| tool|<unused1>|[PAD11]|"
                "[PAD12]|[PAD13]\ntoken_type=1|1|1|1|1|1|3|3|3|4|3|5|5|5\n"
                "merges=a b|\xc4\xa0" "c a\nbos_token_id=6\nadd_bos_token=1\neos_token_id=7\n"
                "add_eos_token=1\nchat_template=T\n");
    CHECK_STRING(said, "");
    CHECK_INT(make(NULL, named), OTX_OK);
    CHECK_CONTAINS(shown, "pre=kimi-k2\n");
}

/* A donor without bos says so; ids that only config.json has; what is out of range is not
   written, and a flag without a token is false. */
static void roles_unsaid(void)
{
    fresh();
    document(GPT2, "", AB);
    scratch_text("tokenizer_config.json", "{\"bos_token\":null,\"add_bos_token\":true}");
    scratch_text("config.json", "{\"eos_token_id\":3,\"bos_token_id\":4,\"pad_token_id\":[1]}");
    expect_keys(plainly, "model=gpt2\npre=gpt-2\ntokens=a|b|\xc4\xa0|ab\ntoken_type=1|1|1|1\n"
                "merges=a b\nadd_bos_token=0\neos_token_id=3\nadd_eos_token=0\n");
}

/* What a template ends with in place of eos makes eos a turn's end. */
static void roles_in_templates(void)
{
    fresh();
    document(GPT2 ",\"post_processor\":{\"type\":\"TemplateProcessing\",\"single\":[{"
             "\"SpecialToken\":{\"id\":\"<c>\"}},{\"Sequence\":{\"id\":\"A\"}},{"
             "\"SpecialToken\":{\"id\":\"<e>\"}}],\"pair\":[{\"Sequence\":{\"id\":\"A\"}},{"
             "\"SpecialToken\":{\"id\":\"<e>\"}},{\"SpecialToken\":{\"id\":\"<p>\"}},{"
             "\"Sequence\":{\"id\":\"B\"}}]}",
             ADDED(4, "<c>", "true") "," ADDED(5, "<e>", "true") "," ADDED(6, "<p>", "true") ","
             ADDED(7, "<t>", "true"), AB);
    scratch_text("tokenizer_config.json", "{\"eos_token\":\"<t>\",\"sep_token\":\"<p>\"}");
    expect_part("bos_token_id=4\nadd_bos_token=1\neos_token_id=5\nadd_eos_token=1\n"
                "seperator_token_id=6\nadd_sep_token=1\neot_token_id=7\n");
}

/* Roles as objects, of which empty ones say nothing; and what stands between two texts: the eos
   where no sep is named, and nothing where the texts are turned round. */
static void roles_of_conversions(void)
{
    static const struct {
        const char *config, *pair, *keys;
    } rows[] = {
        {"\"bos_token\":{\"content\":\"<c>\"},\"cls_token\":\"<p>\",\"eos_token\":\"<e>\"",
         "{\"Sequence\":{\"id\":\"A\"}}",
         "bos_token_id=4\nadd_bos_token=0\neos_token_id=5\nadd_eos_token=0\n"},
        {"\"bos_token\":{},\"cls_token\":\"<c>\",\"eos_token\":[],\"sep_token\":\"<e>\"",
         "{\"Sequence\":{\"id\":\"A\"}}",
         "bos_token_id=4\nadd_bos_token=0\neos_token_id=5\nadd_eos_token=0\n"
         "seperator_token_id=5\n"},
        {"\"eos_token\":\"<e>\"",
         "{\"Sequence\":{\"id\":\"A\"}},{\"SpecialToken\":{\"id\":\"<e>\"}},"
         "{\"Sequence\":{\"id\":\"B\"}}",
         "bos_token_id=1\nadd_bos_token=0\neos_token_id=5\nadd_eos_token=0\n"
         "seperator_token_id=5\nadd_sep_token=1\n"},
        {"\"eos_token\":\"<e>\"",
         "{\"Sequence\":{\"id\":\"B\"}},{\"SpecialToken\":{\"id\":\"<e>\"}},"
         "{\"Sequence\":{\"id\":\"A\"}}",
         "bos_token_id=1\nadd_bos_token=0\neos_token_id=5\nadd_eos_token=0\n"},
    };
    char text[512];
    size_t i;
    for (i = 0; i < sizeof rows / sizeof *rows; i++) {
        fresh();
        (void)snprintf(text, sizeof text, GPT2 ",\"post_processor\":{\"type\":"
                       "\"TemplateProcessing\",\"single\":[{\"Sequence\":{\"id\":\"A\"}}],"
                       "\"pair\":[%s]}", rows[i].pair);
        document(text, ADDED(4, "<c>", "true") "," ADDED(5, "<e>", "true") ","
                 ADDED(6, "<p>", "true"), AB);
        scratch_text("config.json", "{\"bos_token_id\":1}"); /* where an object says none */
        (void)snprintf(text, sizeof text, "{%s}", rows[i].config);
        scratch_text("tokenizer_config.json", text);
        (void)snprintf(text, sizeof text, "model=gpt2\npre=gpt-2\ntokens=a|b|\xc4\xa0|ab|<c>|<e>|"
                       "<p>\ntoken_type=1|1|1|1|3|3|3\nmerges=a b\n%s", rows[i].keys);
        expect_keys(plainly, text);
    }
}

/* ---- names of pre-tokenizers ---- */

static void split_steps(const char *regex, const char *tail, bool whole)
{
    static char parts[2048], model_parts[512];
    char level[200];
    snprintf(level, sizeof level, LEVEL, *tail ? "false" : "true");
    snprintf(parts, sizeof parts, "\"pre_tokenizer\":{\"type\":\"Sequence\",\"pretokenizers\":["
             "{\"type\":\"Split\",\"pattern\":{\"Regex\":\"%s\"},\"behavior\":\"Isolated\","
             "\"invert\":false},%s]}", regex, level);
    snprintf(model_parts, sizeof model_parts, AB ",\"ignore_merges\":%s",
             whole ? "true" : "false");
    document(parts, "", model_parts);
}

#define LLAMA3                                                                             \
    "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\\\r\\\\n\\\\p{L}\\\\p{N}]?\\\\p{L}+|\\\\p{N}{1,3}|"  \
    " ?[^\\\\s\\\\p{L}\\\\p{N}]+[\\\\r\\\\n]*|\\\\s*[\\\\r\\\\n]+|\\\\s+(?!\\\\S)|\\\\s+"

static void pre_names(void)
{
    fresh();
    split_steps(LLAMA3, "plain", true);
    expect_part("pre=llama-bpe\n");
    split_steps(LLAMA3, "plain", false);
    expect_part("pre=glm4\n");
    split_steps(LLAMA3, "", false); /* and GPT-2's words besides */
    expect_refusal(plainly, "is not known here");
    CHECK_CONTAINS(error.message, "--pre");
    CHECK_CONTAINS(error.message, "llama-bpe, glm4, qwen2");
    split_steps("[^\\r\\n]", "plain", false);
    expect_refusal(plainly, "(R[^\\x5cr\\x5cn]\\x0aB0)");
}

/* One of more steps than a regex and bytes, and one that takes away what lies between matches. */
static void pre_steps(void)
{
    static char parts[1024];
    fresh();
    document("\"pre_tokenizer\":{\"type\":\"Sequence\",\"pretokenizers\":[{\"type\":\"Digits\","
             "\"individual_digits\":true},{\"type\":\"ByteLevel\",\"add_prefix_space\":false}]}",
             "", AB);
    expect_part("pre=smollm\n");
    document("\"pre_tokenizer\":{\"type\":\"Sequence\",\"pretokenizers\":[{\"type\":"
             "\"Punctuation\",\"behavior\":\"Contiguous\"},{\"type\":\"ByteLevel\","
             "\"add_prefix_space\":false},{\"type\":\"Digits\",\"individual_digits\":false},"
             "{\"type\":\"Split\",\"pattern\":{\"Regex\":\"[0-9][0-9][0-9]\"},\"behavior\":"
             "\"Isolated\",\"invert\":false}]}", "", AB);
    expect_part("pre=falcon\n");
    snprintf(parts, sizeof parts, "\"pre_tokenizer\":{\"type\":\"Sequence\",\"pretokenizers\":["
             "{\"type\":\"Split\",\"pattern\":{\"Regex\":\"%s\"},\"behavior\":\"Removed\","
             "\"invert\":true}," LEVEL "]}", LLAMA3, "false");
    document(parts, "", AB);
    expect_part("pre=glm4\n");
}

/* tekken.json says its pattern, which has one name. */
static void pre_of_tekken(void)
{
    static const char digits[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    static const char pattern[] = OTX__PRE_TEKKEN;
    static char text[32768];
    size_t used = (size_t)snprintf(text, sizeof text, "{\"config\":{\"pattern\":\""), i;
    for (i = 0; pattern[i]; i++) {
        if (pattern[i] == '\\') text[used++] = '\\';
        text[used++] = pattern[i];
    }
    used += (size_t)snprintf(text + used, sizeof text - used, "\",\"default_vocab_size\":258,"
                             "\"default_num_special_tokens\":1,\"version\":\"v3\"},"
                             "\"special_tokens\":[{\"rank\":0,\"token_str\":\"<s>\"}],\"vocab\":[");
    for (i = 0; i < 256; i++)
        used += (size_t)snprintf(text + used, sizeof text - used, "%s{\"rank\":%u,"
                                 "\"token_bytes\":\"%c%c==\"}", i ? "," : "", (unsigned)i,
                                 digits[i >> 2], digits[(i & 3) << 4]);
    (void)snprintf(text + used, sizeof text - used,
                   ",{\"rank\":256,\"token_bytes\":\"YWI=\"}]}");
    fresh();
    scratch_text("tekken.json", text);
    expect_part("pre=tekken\n");
    *strstr(text, "p{N}|") = 'P'; /* all but digits */
    fresh();
    scratch_text("tekken.json", text);
    expect_refusal(plainly, "--pre");
}

/* A name whose rules take whole words is right for merges that make all of them, only. */
static void pre_whole(void)
{
    static const char level[] = "\"pre_tokenizer\":{\"type\":\"ByteLevel\","
                                "\"add_prefix_space\":false}";
    fresh();
    document(level, "", AB ",\"ignore_merges\":true");
    expect_part("pre=gpt-2\n");
    document(level, "", "\"type\":\"BPE\",\"vocab\":{\"a\":0,\"b\":1,\"ab\":2,\"abb\":3},"
             "\"merges\":[\"a b\"],\"ignore_merges\":true");
    expect_refusal(plainly, "merges alone do not make token 3, \"abb\"");
}

static void pre_refused(void)
{
    static const char *const parts[] = {
        "\"pre_tokenizer\":null",
        "\"pre_tokenizer\":{\"type\":\"ByteLevel\",\"add_prefix_space\":true}",
        "\"pre_tokenizer\":{\"type\":\"ByteLevel\"}",
        "\"normalizer\":{\"type\":\"Lowercase\"}," GPT2,
        "\"normalizer\":{\"type\":\"Sequence\",\"normalizers\":[{\"type\":\"NFKC\"}]}," GPT2,
    };
    const asked named = {0, "gpt-2", NULL};
    size_t i;
    for (i = 0; i < COUNT(parts); i++) {
        fresh();
        document(parts[i], "", AB);
        scratch_text("tokenizer_config.json", "{}");
        if (i == 0) document("\"decoder\":{\"type\":\"ByteLevel\"}", "", AB);
        expect_refusal(plainly, "--pre");
        CHECK_INT(make(NULL, named), OTX_OK);
        CHECK_CONTAINS(shown, "pre=gpt-2\n");
    }
    fresh();
    document("\"normalizer\":{\"type\":\"NFC\"}," GPT2, "", AB);
    expect_part("pre=gpt-2\n");
}

/* Every row is another, and ends. */
static void pre_rows(void)
{
    size_t i, j, k;
    for (i = 0; i < COUNT(otx__pre_rows); i++) {
        CHECK(otx__pre_rows[i].steps[OTX__PRE_STEPS - 1] == NULL);
        CHECK_CONTAINS(OTX__PRE_NAMES, otx__pre_rows[i].name);
        for (j = 0; j < i; j++) {
            bool same = otx__pre_rows[i].whole == otx__pre_rows[j].whole;
            for (k = 0; k < OTX__PRE_STEPS && same; k++) {
                const char *a = otx__pre_rows[i].steps[k], *b = otx__pre_rows[j].steps[k];
                same = a && b ? strcmp(a, b) == 0 : a == b;
            }
            CHECK(!same);
        }
    }
}

/* ---- other sources of byte-level BPE ---- */

static void ranks(void)
{
    const asked named = {0, "kimi-k2", NULL};
    fresh();
    scratch_text("x.tiktoken", "IA== 0\nYQ== 1\n/w== 2\nIGE= 3\nYWE= 4\nIGFh 5\n");
    expect_refusal(plainly, "--pre");
    expect_keys(named, "model=gpt2\npre=kimi-k2\ntokens=\xc4\xa0|a|\xc3\xbf|\xc4\xa0" "a|aa|"
                "\xc4\xa0" "aa\ntoken_type=1|1|1|1|1|1\nmerges=\xc4\xa0 a|a a|\xc4\xa0 aa|"
                "\xc4\xa0" "a a\nadd_bos_token=0\nadd_eos_token=0\n");
}

static void merges_text(void)
{
    fresh();
    scratch_text("vocab.json", "{\"a\":0,\"b\":1,\"\xc4\xa0\":2,\"ab\":3,\"<|endoftext|>\":4}");
    scratch_text("merges.txt", "#version: 0.2\na b\n\n");
    scratch_text("tokenizer_config.json", "{\"tokenizer_class\":\"GPT2TokenizerFast\"}");
    expect_part("pre=gpt-2\ntokens=a|b|\xc4\xa0|ab|<|endoftext|>\ntoken_type=1|1|1|1|3\n"
                "merges=a b\nbos_token_id=4\nadd_bos_token=0\neos_token_id=4\n");
    scratch_text("tokenizer_config.json", "{\"tokenizer_class\":\"OtherTokenizer\"}");
    expect_refusal(plainly, "it says no steps");
}

/* llama.cpp wants some, wherever they would stand: it does not load a vocabulary without. */
static void no_merges(void)
{
    const asked named = {0, "kimi-k2", NULL};
    const char *missing = "there are no merges, which llama.cpp needs";
    fresh();
    document(GPT2, "", "\"type\":\"BPE\",\"vocab\":{\"a\":0,\"b\":1},\"merges\":[]");
    expect_refusal(plainly, missing);
    fresh();
    scratch_text("vocab.json", "{\"a\":0,\"b\":1,\"\xc4\xa0\":2,\"<|endoftext|>\":3}");
    scratch_text("merges.txt", "#version: 0.2\n\n");
    scratch_text("tokenizer_config.json", "{\"tokenizer_class\":\"GPT2TokenizerFast\"}");
    expect_refusal(plainly, missing);
    fresh();
    scratch_text("x.tiktoken", "IA== 0\nYQ== 1\n");
    expect_refusal(named, missing);
}

/* ---- SentencePiece's BPE ---- */

static char bytes_json[256 * 16];

/* A tokenizer.json with all bytes, whose ids are 3 to 258, and then these tokens. */
static void metaspace(const char *tokens, const char *merges, const char *parts)
{
    static char model_parts[8192];
    unsigned i;
    bytes_json[0] = 0;
    for (i = 0; i < 256; i++)
        snprintf(bytes_json + strlen(bytes_json), 20, ",\"<0x%02X>\":%u", i, i + 3);
    snprintf(model_parts, sizeof model_parts, "\"type\":\"BPE\",\"byte_fallback\":true,"
             "\"unk_token\":\"<unk>\",\"vocab\":{\"<unk>\":0,\"<s>\":1,\"</s>\":2%s,%s},"
             "\"merges\":[%s]", bytes_json, tokens, merges);
    document(parts, ADDED(0, "<unk>", "true") "," ADDED(1, "<s>", "true") ","
             ADDED(2, "</s>", "true"), model_parts);
}

#define SPACES "\"normalizer\":{\"type\":\"Sequence\",\"normalizers\":[{\"type\":\"Prepend\","   \
               "\"prepend\":\"" MARK "\"},{\"type\":\"Replace\",\"pattern\":{\"String\":\" \"}," \
               "\"content\":\"" MARK "\"}]}"
#define WORDS "\"ab\":259,\"" MARK "a\":260,\"" MARK "ab\":261,\"" MARK "\":262,\"a\":263," \
              "\"b\":264"

static void scores_of_merges(void)
{
    fresh();
    metaspace(WORDS, "\"a b\",\"" MARK " a\",\"" MARK " ab\",\"" MARK "a b\"", SPACES);
    expect_part("|6|6|1|1|1|1|1|1\n");
    CHECK_CONTAINS(shown, "model=llama\npre=default\ntokens=<unk>|<s>|</s>|<0x00>|");
    CHECK_CONTAINS(shown, "scores=-1000|-1000|-1000|0|0|");
    CHECK_CONTAINS(shown, "|0|0|0|-1|-2|-3|-4|-5\n");
    CHECK_CONTAINS(shown, "unknown_token_id=0\nadd_space_prefix=1\n");
    /* Ids in another order than merges. */
    metaspace("\"" MARK "ab\":259,\"" MARK "a\":260,\"ab\":261,\"" MARK "\":262,\"a\":263,"
              "\"b\":264", "\"a b\",\"" MARK " a\",\"" MARK " ab\",\"" MARK "a b\"", SPACES);
    expect_part("|0|0|-2|-1|0|-3|-3|-3\n");
}

/* Where text is cut at spaces that are no more, nothing is cut: so Gemma has it. */
static void scores_where_nothing_is_cut(void)
{
    fresh();
    metaspace(WORDS, "\"a b\",\"" MARK " a\",\"" MARK " ab\",\"" MARK "a b\"", SPACES
              ",\"pre_tokenizer\":{\"type\":\"Split\",\"pattern\":{\"String\":\" \"},"
              "\"behavior\":\"MergedWithPrevious\",\"invert\":false}");
    expect_part("|6|6|1|1|1|1|1|1\n");
    CHECK_CONTAINS(shown, "model=llama\n");
}

static void scores_refused(void)
{
    fresh();
    metaspace(WORDS, "\"a b\",\"" MARK " ab\",\"" MARK " a\",\"" MARK "a b\"", SPACES);
    expect_refusal(plainly, "is made by merges that do not follow each other");
    metaspace(WORDS, "\"a b\",\"" MARK " a\",\"" MARK "a b\"", SPACES);
    expect_refusal(plainly, "is not made of two of its parts");
    CHECK_CONTAINS(error.message, "tokenizer.model");
    metaspace(WORDS, "\"a b\"", SPACES ",\"pre_tokenizer\":{\"type\":\"Digits\"}");
    expect_refusal(plainly, "with a pre-tokenizer");
    document(SPACES, "", "\"type\":\"BPE\",\"vocab\":{\"a\":0,\"<0x01>\":1},\"merges\":[],"
             "\"byte_fallback\":true");
    expect_refusal(plainly, "no token for the byte 0x00");
}

/* The pieces of a SentencePiece model with all bytes. */
static void put_all(unsigned type)
{
    char name[16];
    unsigned i;
    model_size = 0;
    put_piece("<unk>", 2);
    put_piece("<s>", 3);
    put_piece("</s>", 3);
    for (i = 0; i < 256; i++) {
        snprintf(name, sizeof name, "<0x%02X>", i);
        put_piece(name, 6);
    }
    put_piece(MARK "a", 0);
    put_piece("b", 5);
    put_trainer(type, 1);
}

static void pieces(void)
{
    const asked rows = {262, NULL, NULL};
    fresh();
    put_all(2);
    put(26), put(4); /* a normalizer: no space before a text, and others stay */
    put_number(3, 0), put_number(4, 0);
    scratch_write("tokenizer.model", model, model_size);
    scratch_text("tokenizer_config.json", "{\"tokenizer_class\":\"LlamaTokenizer\"}");
    CHECK_INT(make(NULL, rows), OTX_OK);
    CHECK_STRING(error.message, "");
    CHECK_CONTAINS(shown, "model=llama\npre=default\ntokens=<unk>|<s>|</s>|<0x00>|");
    CHECK_CONTAINS(shown, "|" MARK "a|b|[PAD261]\nscores=1|1|1|1|");
    CHECK_CONTAINS(shown, "|1|1|-10000\ntoken_type=2|3|3|6|6|");
    CHECK_CONTAINS(shown, "|6|1|5|5\nbos_token_id=1\nadd_bos_token=1\neos_token_id=2\n"
                          "add_eos_token=0\nunknown_token_id=0\nadd_space_prefix=0\n");
}

/* What merges do not say, a SentencePiece model in the same directory does. */
static void scores_beside(void)
{
    fresh();
    metaspace("\"" MARK "a\":259,\"b\":260", "", SPACES);
    put_all(2);
    scratch_write("tokenizer.model", model, model_size);
    expect_part("|6|6|1|1\n");
    CHECK_CONTAINS(shown, "|0|0|1|1\n");
}

/* ---- Unigram and WordPiece ---- */

#define UNIGRAM "\"type\":\"Unigram\",\"unk_id\":1,\"vocab\":[[\"</s>\",0],[\"<unk>\",0],"     \
                "[\"" MARK "a\",-1.5],[\"b\",-2],[\"b\",-3]]"

/* The table of characters, and how Metaspace said it of old. */
static void normalizers_of_unigram(void)
{
    fresh();
    put_all(1);
    put(26), put(5);
    put_text(2, "\1\2\3", 3);
    scratch_write("tokenizer.model", model, model_size);
    CHECK_INT(make(NULL, plainly), OTX_OK);
    CHECK_CONTAINS(shown, "model=t5\n");
    CHECK_CONTAINS(shown, "precompiled_charsmap=1|2|3\n");
    fresh();
    document("\"pre_tokenizer\":{\"type\":\"Metaspace\",\"replacement\":\"" MARK "\","
             "\"add_prefix_space\":false}", "", UNIGRAM);
    CHECK_INT(make(NULL, plainly), OTX_OK);
    CHECK_CONTAINS(shown, "add_space_prefix=0\n");
    document("\"pre_tokenizer\":{\"type\":\"Metaspace\",\"replacement\":\"" MARK "\","
             "\"add_prefix_space\":true}", "", UNIGRAM);
    CHECK_INT(make(NULL, plainly), OTX_OK);
    CHECK_CONTAINS(shown, "add_space_prefix=1\n");
}

static void unigram(void)
{
    fresh();
    document("\"normalizer\":{\"type\":\"Sequence\",\"normalizers\":[{\"type\":\"Precompiled\","
             "\"precompiled_charsmap\":\"AQID\"},{\"type\":\"Replace\",\"pattern\":{\"Regex\":"
             "\" {2,}\"},\"content\":\"" MARK "\"}]},\"pre_tokenizer\":{\"type\":\"Metaspace\","
             "\"replacement\":\"" MARK "\",\"prepend_scheme\":\"never\"}",
             ADDED(0, "</s>", "true") "," ADDED(5, "<x>", "false"), UNIGRAM);
    scratch_text("tokenizer_config.json", "{\"eos_token\":\"</s>\",\"add_eos_token\":true}");
    expect_keys(plainly, "model=t5\npre=default\ntokens=</s>|<unk>|" MARK "a|[SAME3]|b|<x>\n"
                "scores=0|0|-1.5|-2|-3|-1000\ntoken_type=3|2|1|5|1|4\nadd_bos_token=0\n"
                "eos_token_id=0\nadd_eos_token=1\nunknown_token_id=1\nadd_space_prefix=0\n"
                "remove_extra_whitespaces=1\nprecompiled_charsmap=1|2|3\n");
    CHECK_CONTAINS(said, "1 tokens have the string of another");
    document("\"normalizer\":{\"type\":\"Precompiled\",\"precompiled_charsmap\":\"\"}", "",
             UNIGRAM);
    CHECK_INT(make(NULL, plainly), OTX_OK);
    CHECK(!strstr(shown, "charsmap"));
    document("\"normalizer\":{\"type\":\"Precompiled\",\"precompiled_charsmap\":\"#\"}", "",
             UNIGRAM);
    expect_refusal(plainly, "precompiled_charsmap is not base64");
    document("", "", "\"type\":\"Unigram\",\"unk_id\":1,\"vocab\":[[\"</s>\",0],[\"<unk>\",0],"
             "[\"a\",-1.5],[\"b\",-2],[\"b\",-3],[\"[SAME3]\",-4]]");
    expect_refusal(plainly, "tokens 3 and 5 have one string and cannot be told apart");
}

static void wordpiece(void)
{
    fresh();
    scratch_text("vocab.txt", "[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\na\n##b\n");
    scratch_text("tokenizer_config.json", "{\"do_lower_case\":false}");
    expect_keys(plainly, "model=bert\npre=default\ntokens=[PAD]|[UNK]|[CLS]|[SEP]|[MASK]|" MARK
                "a|b\ntoken_type=3|3|3|3|3|1|1\nadd_bos_token=0\nadd_eos_token=0\n"
                "unknown_token_id=1\nseperator_token_id=3\nadd_sep_token=1\npadding_token_id=0\n"
                "mask_token_id=4\nnormalizer.lowercase=0\n");
}

/* The same of tokenizer.json, and what BERT's normaliser says there and beside vocab.txt. */
static void wordpiece_normalizers(void)
{
    static const char model[] =
        "\"type\":\"WordPiece\",\"unk_token\":\"[UNK]\",\"continuing_subword_prefix\":\"%s\","
        "\"max_input_chars_per_word\":100,\"vocab\":{\"[UNK]\":0,\"a\":1,\"%sb\":2}";
    char parts[512];
    fresh();
    snprintf(parts, sizeof parts, model, "##", "##");
    document("\"normalizer\":{\"type\":\"BertNormalizer\",\"lowercase\":true,\"strip_accents\":"
             "false}", ADDED(0, "[UNK]", "true"), parts);
    expect_part("normalizer.lowercase=1\nnormalizer.strip_accents=0\n");
    snprintf(parts, sizeof parts, model, "@@", "@@");
    document("", ADDED(0, "[UNK]", "true"), parts);
    expect_refusal(plainly, "WordPiece without ##");
    fresh();
    scratch_text("vocab.txt", "[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\na\n##b\n");
    scratch_text("tokenizer_config.json", "{\"do_lower_case\":true,\"strip_accents\":true}");
    expect_part("normalizer.lowercase=1\nnormalizer.strip_accents=1\n");
}

/* RoBERTa's processor: all three are added, cls in place of a bos that nothing names. */
static void roberta(void)
{
    fresh();
    document(GPT2 ",\"post_processor\":{\"type\":\"RobertaProcessing\",\"sep\":[\"</s>\",5],"
             "\"cls\":[\"<s>\",4],\"trim_offsets\":true,\"add_prefix_space\":false}",
             ADDED(4, "<s>", "true") "," ADDED(5, "</s>", "true"), AB);
    scratch_text("tokenizer_config.json", "{\"bos_token\":\"<s>\",\"eos_token\":\"</s>\"}");
    expect_part("bos_token_id=4\nadd_bos_token=1\neos_token_id=5\nadd_eos_token=1\n"
                "seperator_token_id=5\nadd_sep_token=1\n");
}

static void other_kinds(void)
{
    fresh();
    document("", "", "\"type\":\"WordLevel\",\"vocab\":{\"a\":0},\"unk_token\":\"a\"");
    expect_refusal(plainly, "llama.cpp has no vocabulary of this kind, WordLevel");
    document("\"decoder\":{\"type\":\"BPEDecoder\",\"suffix\":\"</w>\"}", "", AB);
    expect_refusal(plainly, "neither byte-level nor SentencePiece's");
}

/* ---- templates, rows, memory ---- */

static void templates(void)
{
    otx__text chat;
    asked given = {0, NULL, NULL};
    fresh();
    document(GPT2, "", AB);
    scratch_text("tokenizer_config.json", "{\"chat_template\":[{\"name\":\"tool use\","
                 "\"template\":\"T\"},{\"name\":\"default\",\"template\":\"D\"},"
                 "{\"name\":\"tool-use\",\"template\":\"U\"}]}");
    expect_part("chat_template.tool_use=U\nchat_template=D\nchat_templates=tool_use\n");
    scratch_text("chat_template.jinja", "J");
    expect_part("add_eos_token=0\nchat_template=J\n");
    scratch_directory("additional_chat_templates");
    scratch_text("additional_chat_templates/rag.jinja", "R");
    scratch_text("additional_chat_templates/notes.txt", "N");
    expect_part("chat_template=J\nchat_template.rag=R\nchat_templates=rag\n");
    otx__text_open(&chat, NULL);
    given.chat = &chat;
    CHECK_INT(make(NULL, given), OTX_OK);
    CHECK(!strstr(shown, "chat_template"));
    otx__text_string(&chat, "G");
    CHECK_INT(make(NULL, given), OTX_OK);
    CHECK_CONTAINS(shown, "add_eos_token=0\nchat_template=G\n");
    CHECK(!strstr(shown, "rag"));
    otx__text_close(&chat);
}

static void too_few_rows(void)
{
    const asked rows = {3, NULL, NULL};
    fresh();
    document(GPT2, "", AB);
    expect_refusal(rows, "3 rows");
}

/* Every request for memory fails once. */
static void memory(void)
{
    unsigned kind; /* byte-level, scores, Unigram */
    for (kind = 0; kind < 3; kind++) {
        long n, total = 1;
        fresh();
        if (kind == 0) document(GPT2, ADDED(4, "<s>", "true"), AB ",\"ignore_merges\":true");
        if (kind == 1) metaspace(WORDS, "\"a b\",\"" MARK " a\",\"" MARK " ab\",\"" MARK "a b\"",
                                 SPACES);
        if (kind == 2)
            document("\"normalizer\":{\"type\":\"Precompiled\",\"precompiled_charsmap\":\"AQID\"}"
                     ",\"decoder\":{\"type\":\"Metaspace\",\"replacement\":\"" MARK "\"}", "",
                     UNIGRAM);
        scratch_text("tokenizer_config.json", "{\"chat_template\":[{\"name\":\"a\",\"template\":"
                     "\"T\"}]}");
        for (n = 0; n <= total; n++) {
            failing state;
            otx_context ctx;
            otx_result result;
            memset(&ctx, 0, sizeof ctx);
            memset(&state, 0, sizeof state);
            state.fail_at = n;
            ctx.allocator.resize = failing_resize;
            ctx.allocator.context = &state;
            result = make(&ctx, plainly);
            if (n == 0) total = state.requests;
            CHECK_INT(result, n == 0 ? OTX_OK : OTX_ERROR_MEMORY);
            CHECK_INT(state.live, 0);
            CHECK_INT(state.wrong_size, 0);
        }
    }
}

/* A value whose size is no size of memory is out of memory, and what stands in the list stays. */
static void sizes_beyond_memory(void)
{
    otx__gguf_list list;
    otx__gguf_list_open(&list, NULL);
    otx__gguf_add_u32(&list, "first", 1);
    otx__gguf_add_value(&list, "second", OTX_GGUF_STRING, "", SIZE_MAX);
    CHECK(list.pool.failed);
    CHECK_INT(otx__pool_fail(&list.pool, &error), OTX_ERROR_MEMORY);
    CHECK_INT(list.count, 1);
    CHECK_INT(list.keys[0].name_size, 5);
    otx__gguf_list_close(&list);
}

int main(void)
{
    scratch_open("gguf-keys");
    RUN(byte_level);
    RUN(roles_unsaid);
    RUN(roles_in_templates);
    RUN(roles_of_conversions);
    RUN(pre_names);
    RUN(pre_steps);
    RUN(pre_of_tekken);
    RUN(pre_whole);
    RUN(pre_refused);
    RUN(pre_rows);
    RUN(ranks);
    RUN(merges_text);
    RUN(no_merges);
    RUN(scores_of_merges);
    RUN(scores_where_nothing_is_cut);
    RUN(scores_refused);
    RUN(pieces);
    RUN(scores_beside);
    RUN(normalizers_of_unigram);
    RUN(unigram);
    RUN(wordpiece);
    RUN(wordpiece_normalizers);
    RUN(roberta);
    RUN(other_kinds);
    RUN(templates);
    RUN(too_few_rows);
    RUN(memory);
    RUN(sizes_beyond_memory);
    scratch_close();
    return test_end();
}

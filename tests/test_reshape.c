/* Vocabularies cut down and grown: which tokens can go, which merges lead to new ones, what the
   files of a small model become, and what is refused. tests/reshape_clients.py holds real ones to
   the packages.
   A suite of the public API: linked with the implementation. */
#include "omp_transplant.h"
#include "failing.h"
#include "scratch.h"
#include "small_models.h"
#include "test.h"

static otx_error error;

/* ---- which tokens can go ---- */

static char text[8192];

/* ' stands for ". */
static const char *quoted(const char *from)
{
    char *at;
    snprintf(text, sizeof text, "%s", from);
    for (at = text; *at; at++)
        if (*at == '\'') *at = '"';
    return text;
}

static otx_result open_vocab(const otx_context *ctx, const char *json, otx_vocab *vocab)
{
    otx_vocab_text texts[OTX_VOCAB_FILES];
    otx_result result;
    memset(texts, 0, sizeof texts);
    texts[OTX_VOCAB_TOKENIZER_JSON].bytes = quoted(json);
    texts[OTX_VOCAB_TOKENIZER_JSON].size = strlen(text);
    result = otx_vocab_parse(ctx, texts, "T", vocab, &error);
    return result ? result : otx_vocab_parse_rules(ctx, texts, "T", vocab, &error);
}

/* The ids that stay if the caller wants these to, "3 5", as text. */
static const char *staying(const char *json, const char *wanted, otx_trim_summary *summary)
{
    static char ids[256];
    bool keep[64] = {false};
    otx_trim_summary own;
    size_t used = 0, i;
    otx_vocab vocab;
    const char *at = wanted;
    char *end;
    memset(&own, 0, sizeof own);
    ids[0] = 0;
    CHECK_INT(open_vocab(NULL, json, &vocab), OTX_OK);
    for (i = (size_t)strtoul(at, &end, 10); end != at; i = (size_t)strtoul(at, &end, 10)) {
        keep[i] = true;
        at = end;
    }
    CHECK_INT(otx_vocab_close_under_merges(NULL, &vocab, keep, &own, &error), OTX_OK);
    for (i = 0; i < vocab.count; i++)
        if (keep[i])
            used += (size_t)snprintf(ids + used, sizeof ids - used, "%s%d", used ? " " : "",
                                     (int)i);
    otx_vocab_close(NULL, &vocab);
    if (summary) *summary = own;
    return ids;
}

/* Those of the first `count` ids that stay if the caller wants none. */
static const char *staying_first(const char *json, size_t count)
{
    static char ids[64];
    bool keep[300] = {false};
    size_t used = 0, i;
    otx_vocab vocab;
    ids[0] = 0;
    CHECK_INT(open_vocab(NULL, json, &vocab), OTX_OK);
    CHECK_INT(otx_vocab_close_under_merges(NULL, &vocab, keep, NULL, &error), OTX_OK);
    for (i = 0; i < count; i++)
        if (keep[i])
            used += (size_t)snprintf(ids + used, sizeof ids - used, "%s%d", used ? " " : "",
                                     (int)i);
    otx_vocab_close(NULL, &vocab);
    return ids;
}

/* abc is made of ab and c, and also of a and bc. */
#define MERGES \
    "{'decoder':{'type':'ByteLevel'},'added_tokens':[{'id':9,'content':'<s>','special':true}," \
    "{'id':10,'content':'<unused1>','special':true}]," \
    "'model':{'type':'BPE','vocab':{'a':0,'b':1,'c':2,'ab':3,'bc':4,'abc':5,'ca':6,'cab':7," \
    "'abcab':8},'merges':[['a','b'],['b','c'],['ab','c'],['a','bc'],['c','a'],['c','ab']," \
    "['abc','ab']]}}"

static void test_merges(void)
{
    otx_trim_summary summary;
    CHECK_STRING(staying(MERGES, "", &summary), "0 1 2 9");
    CHECK_INT(summary.always, 4);
    CHECK_INT(summary.parts, 0);
    CHECK_STRING(staying(MERGES, "5", &summary), "0 1 2 3 4 5 9");
    CHECK_INT(summary.parts, 2);
    CHECK_STRING(staying(MERGES, "6", NULL), "0 1 2 6 9");
    CHECK_STRING(staying(MERGES, "7", NULL), "0 1 2 3 7 9");
    CHECK_STRING(staying(MERGES, "8", NULL), "0 1 2 3 4 5 8 9");
    CHECK_STRING(staying(MERGES, "10", NULL), "0 1 2 9 10"); /* reserved: only if wanted */
}

static void test_other_kinds(void)
{
    /* The piece of the least score tells what is unknown costs. */
    CHECK_STRING(staying("{'model':{'type':'Unigram','unk_id':0,'vocab':[['<unk>',0],['a',-1],"
                         "['b',-2],['ab',-3],['abab',-9],['ba',-4]]}}", "", NULL), "0 1 2 4");
    CHECK_STRING(staying("{'decoder':{'type':'WordPiece','prefix':'##'},'model':{'type':"
                         "'WordPiece','unk_token':'[UNK]','continuing_subword_prefix':'##',"
                         "'max_input_chars_per_word':100,'vocab':{'[UNK]':0,'a':1,'##a':2,"
                         "'ab':3,'##ab':4,'\xc3\xa9':5,'##\xc3\xa9':6,'##b':7,'##a\xc3\xa9':8}}}",
                         "4", NULL),
                 "0 1 2 4 5 6 7");
}

/* Bytes that are decoded and never encoded stand in for nothing. */
static void test_bytes(void)
{
    static char json[8192];
    size_t used = 0;
    int i, pass;
    for (pass = 0; pass < 2; pass++) {
        used = (size_t)snprintf(json, sizeof json, "{'decoder':{'type':'ByteFallback'},'model':{"
                                "'type':'BPE','byte_fallback':%s,'vocab':{'a':0,'ab':1,'b':2",
                                pass ? "true" : "false");
        for (i = 0; i < 256; i++)
            used += (size_t)snprintf(json + used, sizeof json - used, ",'<0x%02X>':%d", i, i + 3);
        snprintf(json + used, sizeof json - used, "},'merges':['a b']}}");
        CHECK_STRING(staying_first(json, 3), pass ? "" : "0 2");
    }
}

/* Where no bytes stand in for them, a token whose characters are none has to stay: what it
   stands for would be unknown. */
static void test_characters(void)
{
    CHECK_STRING(staying("{'decoder':{'type':'WordPiece','prefix':'##'},'model':{'type':"
                         "'WordPiece','unk_token':'[UNK]','continuing_subword_prefix':'##',"
                         "'vocab':{'[UNK]':0,'a':1,'##a':2,'ab':3,'##ab':4,'\xc3\xa9':5,"
                         "'##\xc3\xa9t':6,'\xc3\xa9""a':7,'##aa':8}}}", "", NULL),
                 "0 1 2 3 4 5 6");
    CHECK_STRING(staying("{'model':{'type':'Unigram','unk_id':0,'vocab':[['<unk>',0],['a',-1],"
                         "['ab',-3],['aa',-2],['c',-4]]}}", "", NULL), "0 1 2 4");
}

static void test_rules_are_needed(void)
{
    otx_vocab_text texts[OTX_VOCAB_FILES];
    otx_vocab vocab;
    bool keep[16] = {false};
    memset(texts, 0, sizeof texts);
    texts[OTX_VOCAB_TOKENIZER_JSON].bytes = quoted(MERGES);
    texts[OTX_VOCAB_TOKENIZER_JSON].size = strlen(text);
    CHECK_INT(otx_vocab_parse(NULL, texts, "T", &vocab, &error), OTX_OK);
    CHECK_INT(otx_vocab_close_under_merges(NULL, &vocab, keep, NULL, &error),
              OTX_ERROR_ARGUMENT);
    otx_vocab_close(NULL, &vocab);
}

/* ---- a model ---- */

/* Its tokens: the merges above, an added token in the middle that the model lacks (3), one
   that is plain, and two alike by their bytes. */
#define TOKENIZER \
    "{\n  'added_tokens': [{'id': 9, 'content': '<s>', 'special': true, 'mark': 1e+0},\n" \
    "    {'id': 10, 'content': '<unused1>', 'special': true},\n" \
    "    {'id': 11, 'content': 'two words', 'special': false}],\n" \
    "  'padding': {'pad_id': 6, 'pad_token': 'ca'},\n" \
    "  'post_processor': {'type': 'Sequence', 'processors': [{'type': 'TemplateProcessing', " \
    "'special_tokens': {'<s>': {'id': '<s>', 'ids': [9], 'tokens': ['<s>']}}}, " \
    "{'type': 'BertProcessing', 'sep': ['abc', 5], 'cls': ['<s>', 9]}]},\n" \
    "  'decoder': {'type': 'ByteLevel'},\n" \
    "  'model': {'type': 'BPE', 'vocab': {'a': 0, 'b': 1, 'c': 2, 'ab': 3, 'bc': 4, 'abc': 5, " \
    "'ca': 6, 'cab': 7, 'abcab': 8}, 'merges': ['a b', 'b c', 'ab c', 'a bc', 'c a', 'c ab', " \
    "'abc ab']}}"

static double row_value(size_t row, size_t column) { return (double)(row * 10 + column); }

static double bias_value(size_t row, size_t column)
{
    (void)row;
    return (double)column;
}

/* The model, and nothing where it is to become another. */
static void write_base(void)
{
    model m;
    memset(&m, 0, sizeof m);
    m.tokens = base_tokens;
    m.token_count = COUNT(base_tokens);
    m.config = "{\"bos_token_id\": 9, \"hidden_size\": 3, \"tie_word_embeddings\": false, "
               "\"suppress_tokens\": [7, 4], \"vocab_size\": 14}";
    m.generation = "{\"bos_token_id\": 9, \"eos_token_id\": [5, 9]}";
    m.tokenizer_config = "{\"bos_token\": \"<s>\", \"added_tokens_decoder\": {\"9\": {\"content\": "
                         "\"<s>\", \"special\": true}, \"10\": {\"content\": \"<unused1>\", "
                         "\"special\": true}, \"11\": {\"content\": \"two words\"}}}";
    add_tensor(&m, "model.embed_tokens.weight", OTX_F32, 14, 3, row_value, 0);
    add_tensor(&m, "lm_head.weight", OTX_BF16, 14, 3, row_value, 0);
    add_tensor(&m, "lm_head.bias", OTX_F32, 14, 0, bias_value, 0);
    add_tensor(&m, "model.layers.0.mlp.weight", OTX_F32, 4, 3, other_value, 0);
    scratch_remove_tree("out");
    write_model("base", &m);
    write_file("base", "tokenizer.json", quoted(TOKENIZER));
    write_file("base", "added_tokens.json",
               "{\"<s>\": 9, \"<unused1>\": 10, \"two words\": 11}");
    write_file("base", "vocab.json", "{\"a\": 0, \"b\": 1, \"c\": 2, \"ab\": 3, \"bc\": 4, "
               "\"abc\": 5, \"ca\": 6, \"cab\": 7, \"abcab\": 8}");
    write_file("base", "merges.txt", "#version: 0.2\na b\r\nb c\nab c\na bc\nc a\nc ab\nabc ab");
    write_file("base", "tokenizer.model.old", "what it was made from");
}

/* Trims to the tokens of a list, or without them. */
static otx_result trim(const otx_context *ctx, const char *const *tokens, size_t count,
                       bool drop, otx_trim_summary *summary)
{
    otx_trim_options options;
    memset(&options, 0, sizeof options);
    options.tokens = tokens;
    options.token_count = count;
    options.drop = drop;
    return otx_trim(ctx, at("base"), at("out"), &options, summary, &error);
}

static void check_rows(const int *old, size_t count)
{
    otx_checkpoint checkpoint;
    const otx_checkpoint_tensor *tensor;
    float row[3];
    size_t i;
    CHECK_INT(otx_checkpoint_open(NULL, at("out"), &checkpoint, &error), OTX_OK);
    tensor = otx_checkpoint_find(&checkpoint, "model.embed_tokens.weight");
    CHECK(tensor && tensor->tensor->shape[0] == count);
    for (i = 0; tensor && i < count; i++) {
        CHECK_INT(otx_checkpoint_read(&checkpoint, tensor, i * 3, 3, row, &error), OTX_OK);
        CHECK(row[1] == (float)row_value((size_t)old[i], 1));
    }
    tensor = otx_checkpoint_find(&checkpoint, "lm_head.bias");
    for (i = 0; tensor && i < count; i++) {
        CHECK_INT(otx_checkpoint_read(&checkpoint, tensor, i, 1, row, &error), OTX_OK);
        CHECK(row[0] == (float)old[i]);
    }
    otx_checkpoint_close(NULL, &checkpoint);
}

/* All of them: the pad and the separator of the file, which nobody asked for, stay too. */
static void test_files(void)
{
    static const char *const tokens[] = {"bc"};
    static const int old[] = {0, 1, 2, 3, 4, 5, 6, 9, 11};
    otx_trim_summary summary;
    const char *file;
    write_base();
    CHECK_INT(trim(NULL, tokens, 1, false, &summary), OTX_OK);
    CHECK_INT(summary.before, 12);
    CHECK_INT(summary.after, 9);
    CHECK_INT(summary.wanted, 1);
    CHECK_INT(summary.matrices, 14 * (3 * 4 + 3 * 2 + 4));
    CHECK_INT(summary.trimmed, 9 * (3 * 4 + 3 * 2 + 4));
    check_rows(old, COUNT(old));
    file = read_file("out", "tokenizer.json");
    CHECK_CONTAINS(file, "{\"id\": 7, \"content\": \"<s>\", \"special\": true, \"mark\": 1e+0}");
    CHECK_CONTAINS(file, "{\"id\": 8, \"content\": \"two words\", \"special\": false}");
    CHECK(!strstr(file, "unused1"));
    CHECK_CONTAINS(file, "\"pad_id\": 6,");
    CHECK_CONTAINS(file, "\"ids\": [7]");
    CHECK_CONTAINS(file, "[\"abc\", 5], \"cls\": [\"<s>\", 7]");
    CHECK_CONTAINS(file, "\"ca\": 6\n");
    CHECK(!strstr(file, "\"cab\""));
    CHECK_CONTAINS(file, "\"c a\"\n");
    file = read_file("out", "tokenizer_config.json");
    CHECK_CONTAINS(file, "\"7\": {\"content\": \"<s>\", \"special\": true}");
    CHECK_CONTAINS(file, "\"8\": {\"content\": \"two words\"}");
    CHECK(!strstr(file, "unused1"));
    file = read_file("out", "config.json");
    CHECK_CONTAINS(file, "\"bos_token_id\": 7");
    CHECK_CONTAINS(file, "\"vocab_size\": 9");
    file = read_file("out", "generation_config.json");
    CHECK_CONTAINS(file, "\"bos_token_id\": 7");
    CHECK_STRING(read_file("out", "merges.txt"), "#version: 0.2\na b\r\nb c\nab c\na bc\nc a\n");
    CHECK(!strstr(read_file("out", "vocab.json"), "\"cab\""));
    CHECK_CONTAINS(read_file("out", "added_tokens.json"), "\"<s>\": 7");
    CHECK(!has_file("out", "tokenizer.model.old"));
    CHECK_INT(scratch_count("out"), 1);
}

static void test_drop_and_first(void)
{
    static const char *const tokens[] = {"#8", "cab", "ab"}; /* abc is made of ab */
    static const int old[] = {0, 1, 2, 3, 4, 5, 6, 9, 10, 11};
    otx_trim_options options;
    otx_trim_summary summary;
    write_base();
    CHECK_INT(trim(NULL, tokens, 3, true, &summary), OTX_OK);
    CHECK_INT(summary.after, 10);
    CHECK_INT(summary.parts, 1);
    check_rows(old, COUNT(old));
    memset(&options, 0, sizeof options);
    options.first = 4;
    options.multiple = 16;
    options.overwrite = true;
    CHECK_INT(otx_trim(NULL, at("base"), at("out"), &options, &summary, &error), OTX_OK);
    CHECK_INT(summary.wanted, 4);
    CHECK_CONTAINS(read_file("out", "config.json"), "\"vocab_size\": 16");
}

/* What a config names stays: ids that are written or looked for, in lists and pairs too. What
   lists forbid may go. */
static void test_named(void)
{
    static const int old[] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 11};
    otx_trim_summary summary;
    const char *file;
    write_base();
    write_file("base", "config.json",
               "{\"bos_token_id\": 9, \"eos_token_id\": [9, 4], \"image_token_id\": 7, "
               "\"hidden_size\": 3, \"tie_word_embeddings\": false, \"vocab_size\": 14, "
               "\"bad_words_ids\": [[10]]}");
    write_file("base", "generation_config.json",
               "{\"forced_decoder_ids\": [[1, 8]], \"suppress_tokens\": [10]}");
    CHECK_INT(trim(NULL, NULL, 0, false, &summary), OTX_OK);
    CHECK_INT(summary.after, 11);
    check_rows(old, COUNT(old));
    file = read_file("out", "config.json");
    CHECK_CONTAINS(file, "\"eos_token_id\": [9, 4]");
    CHECK_CONTAINS(file, "\"image_token_id\": 7");
    CHECK_CONTAINS(file, "\"bad_words_ids\": []");
    file = read_file("out", "generation_config.json");
    CHECK_CONTAINS(file, "\"forced_decoder_ids\": [[1, 8]]");
    CHECK_CONTAINS(file, "\"suppress_tokens\": []");
    write_base(); /* transformers makes a token of whatever stands under such a name */
    write_file("base", "tokenizer_config.json",
               "{\"bos_token\": \"<s>\", \"voice_token\": {\"content\": \"bc\"}}");
    CHECK_INT(trim(NULL, NULL, 0, false, &summary), OTX_OK);
    CHECK_CONTAINS(read_file("out", "tokenizer.json"), "\"bc\": 4");
    write_base(); /* codes, from an id on */
    write_file("base", "config.json", "{\"vocab_size\": 14, \"hidden_size\": 3, "
               "\"tie_word_embeddings\": false, \"image_token_offset\": 10}");
    CHECK_INT(trim(NULL, NULL, 0, false, &summary), OTX_OK);
    CHECK_CONTAINS(read_file("out", "config.json"), "\"image_token_offset\": 8,");
    CHECK_CONTAINS(read_file("out", "tokenizer.json"), "{\"id\": 8, \"content\": \"<unused1>\"");
    write_base(); /* dictionaries of ids, and back */
    write_file("base", "generation_config.json",
               "{\"lang_to_id\": {\"x\": 7, \"none\": \"\"}, \"id_to_text\": {\"8\": \"y\"}}");
    CHECK_INT(trim(NULL, NULL, 0, false, &summary), OTX_OK);
    CHECK_CONTAINS(read_file("out", "generation_config.json"),
                   "{\"lang_to_id\": {\"x\": 7}, \"id_to_text\": {\"8\": \"y\"}");
}

static void refuse(const char *name, otx_result wanted, const char *message)
{
    CHECK_INT(trim(NULL, &name, 1, false, NULL), wanted);
    CHECK_CONTAINS(error.message, message);
    CHECK_INT(scratch_count("out"), 0);
}

static void test_refusals(void)
{
    otx_trim_options options;
    otx_extend_options more;
    write_base();
    refuse("xyz", OTX_ERROR_NOT_FOUND, "token 1 of the list, \"xyz\"");
    refuse("#12", OTX_ERROR_NOT_FOUND, "\"#12\"");
    refuse("#99999999999999999999", OTX_ERROR_NOT_FOUND, "has no such token");
    refuse("a\\q", OTX_ERROR_ARGUMENT, "a backslash begins");
    memset(&options, 0, sizeof options);
    CHECK_INT(otx_trim(NULL, at("base"), at("base"), &options, NULL, &error), OTX_ERROR_EXISTS);
    scratch_remove_path(at(path_of("base", "tokenizer.json")));
    memset(&more, 0, sizeof more); /* vocab.json and merges.txt can be cut, and do not grow */
    CHECK_INT(otx_extend(NULL, at("base"), at("out"), &more, NULL, &error),
              OTX_ERROR_UNSUPPORTED);
    CHECK_CONTAINS(error.message, "save_pretrained");
    CHECK_INT(scratch_count("out"), 0);
    CHECK_INT(trim(NULL, NULL, 0, false, NULL), OTX_OK);
    CHECK_STRING(read_file("out", "merges.txt"), "#version: 0.2\na b\r\nb c\nab c\na bc\n");
}

/* Once: writes to the file, which has been read by then and will be again. */
static bool write_once(void *context, const otx_progress *progress)
{
    int *written = (int *)context;
    FILE *file;
    (void)progress;
    if ((*written)++) return true;
    file = fopen(at(path_of("base", "tokenizer.json")), "ab");
    return file && fputs(" ", file) != EOF && fclose(file) == 0;
}

static void test_files_that_change(void)
{
    const char *tokens[] = {"two more words"};
    otx_extend_options options;
    otx_context ctx;
    int written = 0;
    write_base();
    memset(&ctx, 0, sizeof ctx);
    ctx.progress = write_once;
    ctx.progress_context = &written;
    memset(&options, 0, sizeof options);
    options.tokens = tokens;
    options.token_count = 1;
    CHECK_INT(otx_extend(&ctx, at("base"), at("out"), &options, NULL, &error), OTX_ERROR_IO);
    CHECK_CONTAINS(error.message, "base/tokenizer.json: had ");
    CHECK_INT(scratch_count("out"), 0);
}

/* ---- more tokens ---- */

static otx_result extend(const otx_context *ctx, const char *const *tokens, size_t count,
                         otx_extend_summary *summary)
{
    otx_extend_options options;
    memset(&options, 0, sizeof options);
    options.tokens = tokens;
    options.token_count = count;
    options.overwrite = true;
    return otx_extend(ctx, at("base"), at("out"), &options, summary, &error);
}

/* The row of a new token is the mean of its pieces'. */
static void check_mean(size_t id, double one, double two)
{
    otx_checkpoint checkpoint;
    const otx_checkpoint_tensor *tensor;
    float row[3] = {0, 0, 0};
    CHECK_INT(otx_checkpoint_open(NULL, at("out"), &checkpoint, &error), OTX_OK);
    tensor = otx_checkpoint_find(&checkpoint, "model.embed_tokens.weight");
    if (tensor) (void)otx_checkpoint_read(&checkpoint, tensor, id * 3, 3, row, &error);
    CHECK(row[0] == (float)((one + two) / 2 * 10));
    otx_checkpoint_close(NULL, &checkpoint);
}

/* aca is merged from a and ca; cabca, of which abc comes first, goes through a part (cabc);
   bcaca is made of bc and the new aca; "a b" and abc+ are no words, and ab and abcab are there. */
static void test_growth(void)
{
    static const char *const tokens[] = {"aca", "cabca", "ab", "abcab", "a b", "bcaca", "aca",
                                         "abc+"};
    otx_extend_summary summary;
    const char *file;
    write_base();
    CHECK_INT(extend(NULL, tokens, COUNT(tokens), &summary), OTX_OK);
    CHECK_INT(summary.before, 12);
    CHECK_INT(summary.present, 3);
    CHECK_INT(summary.own, 3);
    CHECK_INT(summary.added, 2);
    CHECK_INT(summary.after, 12 + summary.own + summary.parts + summary.added);
    file = read_file("out", "tokenizer.json");
    CHECK_CONTAINS(file, "\"abcab\": 8,\n    \"aca\": 9,\n    \"cabc\": 10,\n"
                   "    \"cabca\": 11");
    CHECK_CONTAINS(file, "\"abc ab\",\n    \"a ca\",\n    \"c abc\",\n"
                   "    \"cabc a\",\n    \"bc aca\"\n");
    CHECK_CONTAINS(file, "\"content\": \"a b\", \"single_word\": false");
    CHECK_CONTAINS(file, "\"content\": \"abc+\"");
    file = read_file("out", "merges.txt");
    CHECK_CONTAINS(file, "abc ab\na ca\nc abc\ncabc a\nbc aca\n");
    CHECK_CONTAINS(read_file("out", "vocab.json"), "\"aca\": 9");
    CHECK_CONTAINS(read_file("out", "added_tokens.json"), "\"a b\": ");
    CHECK_CONTAINS(read_file("out", "tokenizer_config.json"), "{\"content\": \"a b\"");
    check_mean(9, 0, 6);  /* a and ca */
    check_mean(10, 2, 5); /* c and abc */
    CHECK_INT(scratch_count("out"), 1);
}

/* A later token must not spoil an earlier one: its merges come last. The new tokenizer itself
   splits each into one piece. */
static void test_growth_reaches(void)
{
    static const char *const tokens[] = {"bab", "babab", "abab", "babababab", "aabb", "bbaa",
                                         "aabbaabb", "cccc", "ccccc", "ccc", "acacac"};
    otx_vocab vocab;
    size_t i;
    write_base();
    CHECK_INT(extend(NULL, tokens, COUNT(tokens), NULL), OTX_OK);
    CHECK_INT(otx_vocab_open(NULL, at("out"), &vocab, &error), OTX_OK);
    CHECK_INT(otx_vocab_open_rules(NULL, at("out"), &vocab, &error), OTX_OK);
    for (i = 0; i < COUNT(tokens); i++) {
        uint32_t ids[16];
        size_t count = 0;
        CHECK_INT(otx_vocab_split(NULL, &vocab, tokens[i], strlen(tokens[i]), ids, 16, &count,
                                  &error), OTX_OK);
        CHECK_INT(count, 1);
        CHECK(ids[0] < vocab.count && vocab.tokens[ids[0]].size == strlen(tokens[i]));
    }
    otx_vocab_close(NULL, &vocab);
}

/* A model with that tokenizer and nothing beside it. */
static void write_other(const char *tokenizer, size_t rows)
{
    model m;
    memset(&m, 0, sizeof m);
    m.tokens = base_tokens;
    m.token_count = COUNT(base_tokens);
    m.config = "{\"hidden_size\": 3, \"tie_word_embeddings\": false}";
    add_tensor(&m, "model.embed_tokens.weight", OTX_F32, rows, 3, row_value, 0);
    add_tensor(&m, "lm_head.weight", OTX_F32, rows, 3, row_value, 0);
    scratch_remove_tree("base");
    write_model("base", &m);
    write_file("base", "tokenizer.json", quoted(tokenizer));
}

static void grows(const char *token, uint64_t own, uint64_t added)
{
    otx_extend_summary summary;
    memset(&summary, 0, sizeof summary);
    CHECK_INT(extend(NULL, &token, 1, &summary), OTX_OK);
    CHECK_INT(summary.own, own);
    CHECK_INT(summary.added, added);
}

/* Texts that the model never sees whole cannot be tokens of its own. */
static void test_growth_that_is_met(void)
{
    static char lengthy[128];
    write_base();
    grows("#1", 0, 1); /* a text, not the token of that id */
    write_other("{'added_tokens': [{'id': 3, 'content': 'bb', 'special': false}], 'decoder': "
                "{'type': 'ByteLevel'}, 'model': {'type': 'BPE', 'vocab': {'a': 0, 'b': 1, "
                "'c': 2}, 'merges': []}}", 4);
    grows("abba", 0, 1); /* bb is cut out of it */
    grows("abab", 1, 0);
    write_other("{'pre_tokenizer': {'type': 'Whitespace'}, 'model': {'type': 'WordLevel', "
                "'unk_token': 'u', 'vocab': {'u': 0, 'a': 1}}}", 2);
    grows("\\x20ab", 0, 1); /* the space is lost on the way */
    grows("ab", 1, 0);
    write_other("{'pre_tokenizer': {'type': 'BertPreTokenizer'}, 'decoder': {'type': "
                "'WordPiece', 'prefix': '##'}, 'model': {'type': 'WordPiece', 'unk_token': 'u', "
                "'continuing_subword_prefix': '##', 'max_input_chars_per_word': 100, 'vocab': "
                "{'u': 0, 'a': 1, '##a': 2}}}", 3);
    memset(lengthy, 'a', 102);
    lengthy[0] = ' ';
    grows(lengthy, 0, 1); /* 101 letters: unknown as a whole */
    lengthy[101] = 0;
    grows(lengthy, 1, 0);
    write_other("{'decoder': {'type': 'BPEDecoder', 'suffix': '</w>'}, 'model': {'type': 'BPE', "
                "'end_of_word_suffix': '</w>', 'vocab': {'a': 0, 'a</w>': 1}, 'merges': []}}", 2);
    grows("aa", 0, 1); /* where words end is not told */
}

/* Roles and what begins or ends a word. */
static void test_always(void)
{
    bool keep[64] = {false};
    otx_vocab vocab;
    CHECK_STRING(staying("{'model': {'type': 'BPE', 'end_of_word_suffix': '</w>', 'vocab': {"
                         "'a': 0, 'b': 1, 'a</w>': 2, 'ab</w>': 3, '\xc3\xa9</w>': 4}, 'merges': "
                         "[['a', 'b']]}}", "", NULL), "0 1 2 4");
    CHECK_INT(open_vocab(NULL, MERGES, &vocab), OTX_OK);
    vocab.roles[OTX_ROLE_PAD] = 5; /* a word, with what it is made of */
    CHECK_INT(otx_vocab_close_under_merges(NULL, &vocab, keep, NULL, &error), OTX_OK);
    CHECK(keep[5] && keep[3] && keep[4] && !keep[6] && !keep[8]);
    otx_vocab_close(NULL, &vocab);
}

/* What is unknown costs what the least score says, which stays. */
static void test_growth_of_unknown(void)
{
    scratch_remove_tree("out");
    write_other("{'model': {'type': 'Unigram', 'unk_id': 0, 'byte_fallback': false, 'vocab': "
                "[['u', 0], ['a', -1], ['b', -4.5]]}}", 3);
    grows("axya", 1, 0);
    CHECK_CONTAINS(read_file("out", "tokenizer.json"), "[\"axya\", -4.497]");
    grows("aab", 1, 0);
    CHECK_CONTAINS(read_file("out", "tokenizer.json"), "[\"aab\", -4.498]");
}

/* The processor's sequences may hold sequences. */
static void test_processors(void)
{
    static const char *const tokens[] = {"#0"};
    scratch_remove_tree("out");
    write_other("{'post_processor': {'type': 'Sequence', 'processors': [{'type': 'Sequence', "
                "'processors': [{'type': 'RobertaProcessing', 'sep': ['c', 2], 'cls': ['d', "
                "3]}]}]}, 'decoder': {'type': 'ByteLevel'}, 'model': {'type': 'BPE', 'vocab': "
                "{'a': 0, 'ab': 1, 'c': 2, 'd': 3, 'b': 4}, 'merges': ['a b']}}", 5);
    CHECK_INT(trim(NULL, tokens, 1, false, NULL), OTX_OK);
    CHECK_CONTAINS(read_file("out", "tokenizer.json"), "\"sep\": [\"c\", 1], \"cls\": [\"d\", 2]");
}

/* vocab.txt, in which a line is a token: cut down, and grown though its last line has no end. */
static void test_growth_of_words(void)
{
    static const char *const tokens[] = {"ab"}, *const gone[] = {"\\x20aa"};
    static const char words[] =
        "{'pre_tokenizer': {'type': 'BertPreTokenizer'}, 'decoder': {'type': 'WordPiece', "
        "'prefix': '##'}, 'model': {'type': 'WordPiece', 'unk_token': 'u', "
        "'continuing_subword_prefix': '##', 'max_input_chars_per_word': 100, 'vocab': "
        "{'u': 0, 'a': 1, '##a': 2, 'aa': 3, 'b': 4, '##b': 5}}}";
    scratch_remove_tree("out");
    write_other(words, 6);
    write_file("base", "vocab.txt", "u\na\n##a\naa\nb\n##b");
    CHECK_INT(trim(NULL, gone, 1, true, NULL), OTX_OK);
    CHECK_STRING(read_file("out", "vocab.txt"), "u\na\n##a\nb\n##b");
    CHECK(!strstr(read_file("out", "tokenizer.json"), "\"aa\""));
    CHECK_INT(extend(NULL, tokens, 1, NULL), OTX_OK);
    CHECK_STRING(read_file("out", "vocab.txt"), "u\na\n##a\naa\nb\n##b\n##ab\n");
    CHECK_CONTAINS(read_file("out", "tokenizer.json"), "\"##ab\": 6");
    write_file("base", "vocab.txt", "u\r\na\r\n##a\r\naa\r\nb\r\n##b\r\n");
    scratch_remove_tree("out");
    CHECK_INT(trim(NULL, gone, 1, true, NULL), OTX_OK);
    CHECK_STRING(read_file("out", "vocab.txt"), "u\r\na\r\n##a\r\nb\r\n##b\r\n");
}

/* Under merges whose second half begins with a prefix, what is made has it once. */
static void test_merges_with_a_prefix(void)
{
    static const char *const tokens[] = {"abab", "\\x20abab"}, *const gone[] = {"\\x20abb"};
    static const char merges[] =
        "{'decoder': {'type': 'WordPiece', 'prefix': '##'}, 'model': {'type': 'BPE', "
        "'continuing_subword_prefix': '##', 'vocab': {'a': 0, 'b': 1, '##a': 2, '##b': 3, "
        "'ab': 4, '##ab': 5, 'abb': 6}, 'merges': ['a ##b', '##a ##b', 'ab ##b']}}";
    const char *file;
    scratch_remove_tree("out");
    write_other(merges, 7);
    CHECK_INT(trim(NULL, gone, 1, true, NULL), OTX_OK);
    file = read_file("out", "tokenizer.json");
    CHECK_CONTAINS(file, "\"##ab\": 5\n");
    CHECK_CONTAINS(file, "\"a ##b\",\n    \"##a ##b\"\n");
    CHECK_INT(extend(NULL, tokens, 2, NULL), OTX_OK);
    file = read_file("out", "tokenizer.json");
    CHECK_CONTAINS(file, "\"##abab\": 7,\n    \"abab\": 8\n");
    CHECK_CONTAINS(file, "\"ab ##b\",\n    \"##ab ##ab\",\n    \"ab ##ab\"\n");
}

/* A merge may lead to a token that is there, and that one on by a merge that is there. */
static void test_growth_by_what_is_there(void)
{
    static const char *const tokens[] = {"bacc"};
    otx_extend_summary summary;
    const char *file;
    scratch_remove_tree("out");
    write_other("{'decoder': {'type': 'ByteLevel'}, 'model': {'type': 'BPE', 'vocab': {'a': 0, "
                "'b': 1, 'c': 2, 'ba': 3, 'bac': 4}, 'merges': ['ba c']}}", 5);
    CHECK_INT(extend(NULL, tokens, 1, &summary), OTX_OK);
    CHECK_INT(summary.own, 1);
    CHECK_INT(summary.parts, 0);
    file = read_file("out", "tokenizer.json");
    CHECK_CONTAINS(file, "\"bacc\": 5");
    CHECK_CONTAINS(file, "[\n    \"ba c\",\n    \"b a\",\n    \"bac c\"\n  ]");
}

/* Characters that are met as bytes become tokens, for merges to lead on from. */
static void test_growth_of_bytes(void)
{
    static const char *const tokens[] = {"a\xc3\xa9", "\xc3\xa9\xc3\xa9"};
    static char json[8192];
    otx_extend_summary summary;
    size_t used = 0, i;
    used += (size_t)snprintf(json, sizeof json, "{'decoder': {'type': 'Sequence', 'decoders': "
                             "[{'type': 'ByteFallback'}]}, 'model': {'type': 'BPE', "
                             "'byte_fallback': true, 'unk_token': 'u', 'vocab': {'u': 0, 'a': 1");
    for (i = 0; i < 256; i++)
        used += (size_t)snprintf(json + used, sizeof json - used, ", '<0x%02X>': %d", (unsigned)i,
                                 (int)i + 2);
    (void)snprintf(json + used, sizeof json - used, "}, 'merges': []}}");
    scratch_remove_tree("out");
    write_other(json, 258);
    CHECK_INT(extend(NULL, tokens, 2, &summary), OTX_OK);
    CHECK_INT(summary.own, 2);
    CHECK_INT(summary.parts, 1);
    CHECK_CONTAINS(strstr(read_file("out", "tokenizer.json"), "\"<0xFF>\""),
                   "257,\n    \"\xc3\xa9\": 258,\n    \"a\xc3\xa9\": 259,\n    "
                   "\"\xc3\xa9\xc3\xa9\": 260\n  }, \"merges\": [\n    [\"a\", \"\xc3\xa9\"],\n    "
                   "[\"\xc3\xa9\", \"\xc3\xa9\"]\n");
}

/* Of another tokenizer, two tokens may be one text here, and a character none. */
static void test_growth_offered(void)
{
    otx_extend_options options;
    otx_extend_summary summary;
    memset(&options, 0, sizeof options);
    scratch_remove_tree("out");
    write_other("{'pre_tokenizer': {'type': 'Metaspace', 'replacement': '\xe2\x96\x81', "
                "'prepend_scheme': 'always', 'split': true}, 'decoder': {'type': 'Metaspace', "
                "'replacement': '\xe2\x96\x81', 'prepend_scheme': 'always', 'split': true}, "
                "'model': {'type': 'BPE', 'vocab': {'\xe2\x96\x81': 0, 'a': 1, 'b': 2, 'ab': 3}, "
                "'merges': ['a b']}}", 4);
    scratch_remove_tree("other");
    scratch_directory("other");
    write_file("other", "tokenizer.json",
               quoted("{'added_tokens': [{'id': 5, 'content': 'hello', 'special': false}], "
                      "'decoder': {'type': 'Metaspace', 'replacement': '\xe2\x96\x81', "
                      "'prepend_scheme': 'always', 'split': true}, 'model': {'type': 'BPE', "
                      "'vocab': {'a': 0, 'z': 1, '\xe2\x96\x81" "ab': 2, ' ab': 3, 'ba': 4}, "
                      "'merges': []}}"));
    options.tokens_of = at("other");
    options.overwrite = true;
    CHECK_INT(otx_extend(NULL, at("base"), at("out"), &options, &summary, &error), OTX_OK);
    CHECK_INT(summary.present, 2); /* a, and the second that is " ab" */
    CHECK_INT(summary.left, 1);    /* z */
    CHECK_INT(summary.own, 2);
    CHECK_INT(summary.added, 1);
    CHECK_CONTAINS(read_file("out", "tokenizer.json"), "\"\xe2\x96\x81" "ab\": 4");
}

static void test_growth_refusals(void)
{
    static char lengthy[300];
    const char *token = "\\xff+";
    write_base();
    CHECK_INT(extend(NULL, &token, 1, NULL), OTX_ERROR_ARGUMENT);
    CHECK_CONTAINS(error.message, "is no UTF-8");
    memset(lengthy, 'a', sizeof lengthy - 1);
    token = lengthy;
    CHECK_INT(extend(NULL, &token, 1, NULL), OTX_ERROR_ARGUMENT);
    CHECK_CONTAINS(error.message, "has 299 bytes");
    token = "";
    CHECK_INT(extend(NULL, &token, 1, NULL), OTX_ERROR_ARGUMENT);
    CHECK_INT(scratch_count("out"), 0);
}

/* ---- memory ---- */

/* Every allocation fails once, in a trimming and in an extension. */
static otx_result reshape(const otx_context *ctx, bool larger)
{
    static const char *const tokens[] = {"bc", "\\x61b"}, *const news[] = {"acab", "a b"};
    return larger ? extend(ctx, news, 2, NULL) : trim(ctx, tokens, 2, false, NULL);
}

static void check_memory(bool larger)
{
    otx_context ctx;
    failing state;
    long total, i;
    write_base();
    memset(&ctx, 0, sizeof ctx);
    memset(&state, 0, sizeof state);
    ctx.allocator.resize = failing_resize;
    ctx.allocator.context = &state;
    ctx.threads = 1;
    scratch_remove_tree("out");
    CHECK_INT(reshape(&ctx, larger), OTX_OK);
    CHECK_INT(state.live, 0);
    CHECK(!state.wrong_size);
    total = state.requests;
    CHECK(total > 100);
    for (i = 1; i <= total; i++) {
        otx_result result;
        scratch_remove_tree("out");
        memset(&state, 0, sizeof state);
        state.fail_at = i;
        result = reshape(&ctx, larger);
        /* What is removed at the end is tried twice. */
        if ((result == OTX_ERROR_MEMORY || result == OTX_OK) && !state.live &&
            !state.wrong_size && scratch_count("out") == (result == OTX_OK))
            continue;
        printf("  request %ld of %ld: %s, \"%s\", %ld blocks live\n", i, total,
               otx_result_name(result), error.message, state.live);
        CHECK(!"a failed allocation ends it cleanly");
    }
}

static void test_memory(void)
{
    check_memory(false);
    check_memory(true);
}

int main(void)
{
    scratch_open("reshape");
    RUN(test_merges);
    RUN(test_other_kinds);
    RUN(test_bytes);
    RUN(test_characters);
    RUN(test_rules_are_needed);
    RUN(test_files);
    RUN(test_drop_and_first);
    RUN(test_named);
    RUN(test_refusals);
    RUN(test_files_that_change);
    RUN(test_growth);
    RUN(test_growth_reaches);
    RUN(test_growth_that_is_met);
    RUN(test_growth_of_unknown);
    RUN(test_processors);
    RUN(test_growth_of_words);
    RUN(test_merges_with_a_prefix);
    RUN(test_growth_by_what_is_there);
    RUN(test_growth_of_bytes);
    RUN(test_growth_offered);
    RUN(test_always);
    RUN(test_growth_refusals);
    RUN(test_memory);
    scratch_close();
    return test_end();
}

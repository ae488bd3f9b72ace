/* Vocabularies from GGUF files: every kind, what becomes of its tokens, roles and rules, and
   which file of a directory counts. tests/gguf_vocabs.py compares them with the directories that
   gguf-py wrote the files from.
   A suite of the public API: linked with the implementation. */
#include "omp_transplant.h"
#include "failing.h"
#include "gguf_text.h"
#include "scratch.h"
#include "test.h"
#include "vocab_text.h"

#define MARK "\xe2\x96\x81" /* U+2581 */

static otx_error error;

/* Reads the file that was made, with its rules if there are any. */
static otx_result parse(const otx_context *ctx, bool rules, otx_vocab *vocab)
{
    otx_gguf file;
    otx_source source;
    otx_result result;
    gguf_end();
    memset(vocab, 0, sizeof *vocab);
    source = otx_source_memory(gguf.file, gguf.size);
    result = otx_gguf_open(ctx, &source, "T", &file, &error);
    if (result) return result;
    result = otx_vocab_parse_gguf(ctx, &file, "T", vocab, &error);
    if (!result && rules) result = otx_vocab_parse_gguf_rules(ctx, &file, "T", vocab, &error);
    otx_gguf_close(ctx, &file);
    return result;
}

/* The roles "bos eos pad unk sep cls mask". */
static const char *roles(const otx_vocab *vocab)
{
    static char text[100];
    size_t used = 0, i;
    for (i = 0; i < OTX_ROLE_COUNT; i++)
        used += (size_t)snprintf(text + used, sizeof text - used, "%s%d", i ? " " : "",
                                 (int)vocab->roles[i]);
    return text;
}

/* Compares the table, the roles and what was logged. */
static void expect(const char *table, const char *wanted)
{
    const otx_context ctx = logging();
    otx_vocab vocab;
    error.message[0] = 0;
    CHECK_INT(parse(&ctx, false, &vocab), OTX_OK);
    CHECK_STRING(error.message, "");
    CHECK_STRING(vocab.source ? vocab.source : "", "GGUF");
    if (vocab.memory) {
        CHECK_STRING(dump(&vocab), table);
        CHECK_STRING(roles(&vocab), wanted);
    }
    otx_vocab_close(&ctx, &vocab);
}

static void refuse(otx_result result, const char *part)
{
    otx_vocab vocab;
    CHECK_STRING(otx_result_name(parse(NULL, false, &vocab)), otx_result_name(result));
    CHECK_CONTAINS(error.message, part);
    CHECK(!strchr(error.message, '\n'));
    CHECK(vocab.tokens == NULL && vocab.memory == NULL && vocab.count == 0);
}

/* ---- kinds ---- */

static void byte_level(void)
{
    gguf_begin("gpt2");
    gguf_tokens("1 a|1 \xc4\xa0the|1 \xc3\xa9|4 two words|4 \xc4\xa0raw|3 <s>|2 <unk>|"
                "1 \xe4\xb8\xad|1 <unused7>|5 reserved|5 [PAD10]|4 [PAD11]|1 [PAD12]");
    expect("0:t:a 1:t: the 2:t:\\xe9 3:t:two words+ 4:t:\xc4\xa0raw+ 5:c:<s>+ 6:c:<unk>+ "
           "7:t:\xe4\xb8\xad 8:u:<unused7> 9:u:reserved 12:t:[PAD12]",
           "-1 -1 -1 6 -1 -1 -1");
}

static void fillers_at_the_end(void)
{
    otx_vocab vocab;
    gguf_begin("gpt2");
    gguf_tokens("1 a|5 [PAD1]|1 b|5 [PAD3]|5 [PAD4]");
    CHECK_INT(parse(NULL, false, &vocab), OTX_OK);
    CHECK_INT(vocab.count, 3);
    CHECK_INT(vocab.token_count, 2);
    otx_vocab_close(NULL, &vocab);
    gguf_begin("gpt2");
    gguf_tokens("5 [PAD0]");
    refuse(OTX_ERROR_FORMAT, "T: holds no token");
    gguf_begin("gpt2");
    gguf_strings("tokenizer.ggml.tokens", "");
    refuse(OTX_ERROR_FORMAT, "T: holds no token");
}

static void pieces_of_sentencepiece(void)
{
    gguf_begin("llama");
    gguf_tokens("2 <unk>|3 <s>|3 </s>|6 <0x00>|6 <0xFF>|1 " MARK "the" MARK "|1 x|4   |4 " MARK
                "|5 idle|1 <0x41>");
    expect("0:c:<unk>+ 1:c:<s>+ 2:c:</s>+ 3:b:\\x00 4:b:\\xff 5:t: the  6:t:x 7:t:  + "
           "8:t:" MARK "+ 9:u:idle 10:t:<0x41>",
           "1 2 -1 0 -1 -1 -1");
}

static void sentencepiece_spelled_merges(void)
{
    static const char table[] = "0:t: a 1:b:A 2:c:<bos>+ 3:t: +";
    gguf_begin("gemma4");
    gguf_tokens("1 " MARK "a|1 <0x41>|3 <bos>|4  ");
    expect(table, "-1 -1 -1 -1 -1 -1 -1");
    gguf_begin("gpt2");
    gguf_text_key("tokenizer.ggml.pre", "sarvam-moe");
    gguf_tokens("1 " MARK "a|1 <0x41>|3 <bos>|4  ");
    expect(table, "-1 -1 -1 -1 -1 -1 -1");
}

/* gguf-py's reader tells of the added tokens only those that have a role. */
static void added_tokens_by_their_looks(void)
{
    gguf_begin("gemma4");
    gguf_tokens("1 <start>|1 <>|1 <a|1 a>|3 <bos>");
    expect("0:t:<start>+ 1:t:<> 2:t:<a 3:t:a> 4:c:<bos>+", "-1 -1 -1 -1 -1 -1 -1");
    gguf_begin("llama");
    gguf_tokens("1 <start>");
    expect("0:t:<start>", "-1 -1 -1 -1 -1 -1 -1");
}

static void words_of_wordpiece(void)
{
    gguf_begin("bert");
    gguf_u32("tokenizer.ggml.cls_token_id", 0);
    gguf_tokens("3 [CLS]|1 " MARK "un|1 able|1 " MARK MARK "|1 " MARK "[unused3]|1 [unused4]|5 "
                MARK "[PAD6]|1 " MARK "x");
    expect("0:c:[CLS]+ 1:t: un 2:t:able 3:t: " MARK " 4:u:[unused3] 5:u:[unused4] 7:t: x",
           "-1 -1 0 -1 -1 0 -1");
}

static void unigram(void)
{
    gguf_begin("t5");
    gguf_tokens("3 <pad>|3 </s>|2 <unk>|1 " MARK "a|4 <extra_id_0>");
    expect("0:c:<pad>+ 1:c:</s>+ 2:c:<unk>+ 3:t: a 4:t:<extra_id_0>+", "-1 1 0 2 -1 -1 -1");
}

static void escapes_of_python(void)
{
    gguf_begin("rwkv");
    gguf_tokens("3 <s>|1 \\x00|1 \\n\\t\\r|1 \\\\|1 it\\'s|1 \\xff\\xfe|1 \\x4|1 a|5 [PAD8]");
    expect("0:c:<s>+ 1:t:\\x00 2:t:\\x0a\\x09\\x0d 3:t:\\x5c 4:t:it's 5:t:\\xff\\xfe 6:t:x4 "
           "7:t:a", "-1 -1 -1 -1 -1 -1 -1");
}

static void plamo(void)
{
    gguf_begin("plamo2");
    gguf_tokens("2 <unk>|3 <bos>|3 <eos>|3 <pad>|6 <0x0A>|1  a|"
                "1 " MARK);
    expect("0:c:<unk>+ 1:c:<bos>+ 2:c:<eos>+ 3:c:<pad>+ 4:b:\\x0a 5:t: a 6:t:" MARK,
           "1 2 3 0 -1 -1 -1");
}

static void what_is_not_read(void)
{
    static const struct {
        const char *kind, *part;
        otx_result result;
    } rows[] = {
        {"none", "T: holds no vocabulary: key tokenizer.ggml.model is none", OTX_ERROR_NOT_FOUND},
        {"no_vocab", "is none", OTX_ERROR_NOT_FOUND},
        {"hybriddna", "of the kind \"hybriddna\"", OTX_ERROR_UNSUPPORTED},
        {"whitespace", "of the kind \"whitespace\" (tokenizer.ggml.model), and read here are gpt2",
         OTX_ERROR_UNSUPPORTED},
    };
    size_t i;
    for (i = 0; i < COUNT(rows); i++) {
        gguf_begin(rows[i].kind);
        gguf_tokens("1 a");
        refuse(rows[i].result, rows[i].part);
    }
    memset(&gguf, 0, sizeof gguf);
    gguf_tokens("1 a");
    refuse(OTX_ERROR_NOT_FOUND, "is not there, or no string");
}

/* ---- lists that do not fit ---- */

static void lists(void)
{
    gguf_begin("gpt2");
    refuse(OTX_ERROR_FORMAT, "T: there is no key tokenizer.ggml.tokens");
    gguf_begin("gpt2");
    gguf_text_key("tokenizer.ggml.tokens", "a");
    refuse(OTX_ERROR_FORMAT, "T: key tokenizer.ggml.tokens is not an array of strings");
    gguf_begin("gpt2");
    gguf_strings("tokenizer.ggml.tokens", "a|b");
    gguf_array("tokenizer.ggml.token_type", 5, 1);
    gguf_put(1, 4);
    refuse(OTX_ERROR_FORMAT, "T: key tokenizer.ggml.token_type has 1 elements for 2 tokens");
    gguf_begin("gpt2");
    gguf_strings("tokenizer.ggml.tokens", "a");
    gguf_array("tokenizer.ggml.token_type", 4, 1);
    gguf_put(1, 4);
    refuse(OTX_ERROR_FORMAT, "T: key tokenizer.ggml.token_type is not an array of numbers of type "
           "i32");
    gguf_begin("llama");
    gguf_tokens("1 a|1 b");
    gguf_scores(1);
    refuse(OTX_ERROR_FORMAT, "T: key tokenizer.ggml.scores has 1 elements for 2 tokens");
    gguf_begin("llama");
    gguf_tokens("1 a|6 0x41");
    refuse(OTX_ERROR_FORMAT, "T: token 1, \"0x41\", stands for a byte (type 6), but is not <0xNN>");
    gguf_begin("gpt2");
    gguf_tokens("1 a");
    gguf_text_key("tokenizer.ggml.merges", "a b");
    refuse(OTX_ERROR_FORMAT, "T: key tokenizer.ggml.merges is not an array of strings");
}

static void types_that_are_not_there(void)
{
    gguf_begin("gpt2");
    gguf_strings("tokenizer.ggml.tokens", "a|<s>");
    expect("0:t:a 1:t:<s>", "-1 -1 -1 -1 -1 -1 -1");
    gguf_begin("gpt2");
    gguf_tokens("0 a|9 b|7 c");
    expect("0:t:a 1:t:b 2:t:c", "-1 -1 -1 -1 -1 -1 -1");
}

static void bytes_that_are_no_text(void)
{
    gguf_begin("gpt2");
    gguf_tokens("1 \xff|1 a\xc3|1 \xa1|4 \xc3\xa9\xfe|1 \xc3\xa9");
    expect("0:t:\\xff 1:t:a\\xc3 2:t:\\xa1 3:t:\xc3\xa9\\xfe+ 4:t:\\xe9", "-1 -1 -1 -1 -1 -1 -1");
    gguf_begin("llama");
    gguf_tokens("1 " MARK "\xff|1 \xe2\x96");
    expect("0:t: \\xff 1:t:\\xe2\\x96", "-1 -1 -1 -1 -1 -1 -1");
}

/* llama.cpp refuses it; whoever only looks must be able to. */
static void the_same_twice(void)
{
    gguf_begin("gpt2");
    gguf_tokens("1 a|1 a|1 |1 ");
    expect("0:t:a 1:t:a 2:t: 3:t:", "-1 -1 -1 -1 -1 -1 -1");
}

/* ---- roles, and what is in use ---- */

static void roles_by_keys(void)
{
    gguf_begin("gpt2");
    gguf_tokens("1 a|3 <b>|3 <e>|3 <p>|3 <u>|3 <s>|3 <c>|3 <m>");
    gguf_u32("tokenizer.ggml.bos_token_id", 1);
    gguf_u32("tokenizer.ggml.eos_token_id", 2);
    gguf_u32("tokenizer.ggml.padding_token_id", 3);
    gguf_u32("tokenizer.ggml.unknown_token_id", 4);
    gguf_u32("tokenizer.ggml.seperator_token_id", 5);
    gguf_u32("tokenizer.ggml.cls_token_id", 6);
    gguf_u32("tokenizer.ggml.mask_token_id", 7);
    expect("0:t:a 1:c:<b>+ 2:c:<e>+ 3:c:<p>+ 4:c:<u>+ 5:c:<s>+ 6:c:<c>+ 7:c:<m>+",
           "1 2 3 4 5 6 7");
    CHECK_STRING(messages, "");
    gguf_begin("bert");
    gguf_tokens("3 [CLS]|3 [SEP]");
    gguf_u32("tokenizer.ggml.bos_token_id", 0);
    expect("0:c:[CLS]+ 1:c:[SEP]+", "0 -1 0 -1 -1 0 -1"); /* 0 is its padding */
    gguf_begin("gpt2"); /* every token was normal once, special or not */
    gguf_tokens("1 a|1 <end>");
    gguf_u32("tokenizer.ggml.eos_token_id", 1);
    expect("0:t:a 1:c:<end>", "-1 1 -1 -1 -1 -1 -1");
}

/* Id 11 is what llama.cpp takes where a byte-level vocabulary names no bos: GPT-2's comma. */
static void roles_that_no_key_names(void)
{
    gguf_begin("gpt2");
    gguf_tokens("1 a|1 b|1 c|1 d|1 e|1 f|1 g|1 h|1 i|1 j|1 k|1 ,");
    expect("0:t:a 1:t:b 2:t:c 3:t:d 4:t:e 5:t:f 6:t:g 7:t:h 8:t:i 9:t:j 10:t:k 11:t:,",
           "-1 -1 -1 -1 -1 -1 -1");
    gguf_begin("gpt2");
    gguf_tokens("1 a|1 b|1 c|1 d|1 e|1 f|1 g|1 h|1 i|1 j|1 k|3 <s>");
    expect("0:t:a 1:t:b 2:t:c 3:t:d 4:t:e 5:t:f 6:t:g 7:t:h 8:t:i 9:t:j 10:t:k 11:c:<s>+",
           "11 11 -1 -1 -1 -1 -1");
    gguf_begin("gpt2");
    gguf_text_key("tokenizer.ggml.pre", "glm4");
    gguf_tokens("1 a|1 b|1 c|1 d|1 e|1 f|1 g|1 h|1 i|1 j|1 k|3 <s>");
    expect("0:t:a 1:t:b 2:t:c 3:t:d 4:t:e 5:t:f 6:t:g 7:t:h 8:t:i 9:t:j 10:t:k 11:c:<s>+",
           "-1 11 -1 -1 -1 -1 -1");
    gguf_begin("t5"); /* pad 0, eos 1, unk 2 */
    gguf_tokens("2 <unk>|3 <s>|3 </s>");
    expect("0:c:<unk>+ 1:c:<s>+ 2:c:</s>+", "-1 1 -1 0 -1 -1 -1");
}

static void roles_that_lead_nowhere(void)
{
    gguf_begin("llama");
    gguf_tokens("2 <unk>|3 <s>|3 </s>|5 [PAD3]");
    gguf_u32("tokenizer.ggml.bos_token_id", 99);
    gguf_u32("tokenizer.ggml.padding_token_id", 3);
    expect("0:c:<unk>+ 1:c:<s>+ 2:c:</s>+", "1 2 -1 0 -1 -1 -1");
    CHECK_CONTAINS(messages, "W T: key tokenizer.ggml.bos_token_id is 99, an id without a token");
    CHECK_CONTAINS(messages, "W T: key tokenizer.ggml.padding_token_id is 3, an id without");
}

static void what_is_in_use(void)
{
    otx_vocab vocab;
    gguf_begin("gpt2");
    gguf_tokens("1 a|3 <unused0>|3 <unused1>|3 <unused2>|3 <unused3>|3 <unused4>");
    gguf_text_key("tokenizer.chat_template", "{{ '<unused1>' }}");
    gguf_text_key("tokenizer.chat_template.tools", "{{ '<unused2>' }}");
    gguf_u32("tokenizer.ggml.eot_token_id", 3);
    gguf_u32("tokenizer.ggml.eos_token_id", 4);
    gguf_u32("tokenizer.ggml.fim_pad_token_id", 77);
    CHECK_INT(parse(NULL, false, &vocab), OTX_OK);
    CHECK_STRING(dump(&vocab), "0:t:a 1:u:<unused0>+ 2:c:<unused1>+ 3:c:<unused2>+ "
                               "4:c:<unused3>+ 5:u:<unused4>+");
    CHECK(vocab.tokens[2].in_use && vocab.tokens[4].in_use && !vocab.tokens[1].in_use);
    otx_vocab_close(NULL, &vocab);
}

static void digits_by_the_pre_tokenizer(void)
{
    static const struct {
        const char *pre;
        size_t digits;
    } rows[] = {{"qwen2", 1}, {"llama-bpe", 3}, {"gpt-2", 4}, {"default", 3}, {NULL, 3},
                {"not known", 4}};
    size_t i;
    for (i = 0; i < COUNT(rows); i++) {
        otx_vocab vocab;
        gguf_begin("gpt2");
        if (rows[i].pre) gguf_text_key("tokenizer.ggml.pre", rows[i].pre);
        gguf_tokens("1 a|1 1|1 12|1 1234");
        CHECK_INT(parse(NULL, false, &vocab), OTX_OK);
        CHECK_INT(vocab.digits, rows[i].digits);
        otx_vocab_close(NULL, &vocab);
    }
    gguf_begin("llama");
    gguf_text_key("tokenizer.ggml.pre", "default");
    gguf_tokens("1 1|1 1234");
    {
        otx_vocab vocab;
        CHECK_INT(parse(NULL, false, &vocab), OTX_OK);
        CHECK_INT(vocab.digits, 4);
        otx_vocab_close(NULL, &vocab);
    }
}

/* ---- rules ---- */

/* The ids of the pieces of a text, by the file that was made. */
static const char *pieces(const char *bytes)
{
    static char text[256];
    uint32_t ids[32];
    size_t count = 0, used = 0, i;
    otx_vocab vocab;
    otx_result result;
    text[0] = 0;
    result = parse(NULL, true, &vocab);
    if (!result)
        result = otx_vocab_split(NULL, &vocab, bytes, strlen(bytes), ids, COUNT(ids), &count,
                                 &error);
    otx_vocab_close(NULL, &vocab);
    if (result) return error.message;
    for (i = 0; i < count; i++)
        used += (size_t)snprintf(text + used, sizeof text - used, "%s%lu", i ? " " : "",
                                 (unsigned long)ids[i]);
    return text;
}

#define BYTE_LEVEL "1 a|1 b|1 c|1 \xc4\xa0|1 ab|1 bc|1 \xc4\xa0" "a|1 abc|3 <s>|4 ba"

static void splits_by_merges(void)
{
    gguf_begin("gpt2");
    gguf_tokens(BYTE_LEVEL);
    gguf_merges("b c|\xc4\xa0 a|a b| x|nothing");
    CHECK_STRING(pieces("abc"), "0 5");
    CHECK_STRING(pieces(" ab"), "6 1");
    CHECK_STRING(pieces("ba"), "1 0"); /* user-defined: found before text is split */
    gguf_text_key("tokenizer.ggml.pre", "llama-bpe");
    CHECK_STRING(pieces("abc"), "7"); /* a word that is a token */
    gguf_begin("gpt2");
    gguf_tokens(BYTE_LEVEL);
    CHECK_CONTAINS(pieces("abc"), "T: cannot split text: there is no key tokenizer.ggml.merges");
    gguf_text_key("tokenizer.ggml.pre", "kimi-k2"); /* by ids */
    CHECK_STRING(pieces("abcab"), "7 4");
    gguf_begin("gpt2");
    gguf_tokens(BYTE_LEVEL);
    gguf_merges("a b|b c|a b"); /* one twice: llama.cpp keeps the first */
    CHECK_STRING(pieces("abc"), "4 2");
    gguf_begin("gemma4");
    gguf_tokens("1 a|1 " MARK "|1 " MARK "a|1 \n|1 \n\n");
    gguf_merges(MARK " a|\n \n");
    CHECK_STRING(pieces(" a\n\n"), "2 4");
}

static void splits_by_scores(void)
{
    gguf_begin("llama");
    gguf_tokens("2 <unk>|1 a|1 b|1 " MARK "|1 " MARK "a|1 ab|4   |6 <0x63>");
    gguf_scores(8);
    CHECK_STRING(pieces(" ab"), "4 2");
    CHECK_STRING(pieces("  a"), "3 4");
    CHECK_STRING(pieces("  "), "6"); /* of the model, though it is written out */
    CHECK_STRING(pieces("c"), "7");
    CHECK_STRING(pieces("x"), "0");
    gguf_begin("llama");
    gguf_tokens("2 <unk>|1 a");
    CHECK_CONTAINS(pieces("a"), "T: cannot split text: there is no key tokenizer.ggml.scores");
    gguf_begin("t5");
    gguf_tokens("3 <pad>|3 </s>|2 <unk>|1 b|1 ab|1 a|1 " MARK "|4 ba");
    gguf_scores(8);
    CHECK_STRING(pieces("ab"), "4");
    CHECK_STRING(pieces("ba"), "3 5");
    CHECK_STRING(pieces("xy b"), "2 6 3");
}

static void splits_by_the_longest(void)
{
    gguf_begin("bert");
    gguf_tokens("3 [UNK]|1 " MARK "un|1 able|1 ab|1 le|1 " MARK "able|1 " MARK "unable|1 d");
    gguf_u32("tokenizer.ggml.unknown_token_id", 0);
    CHECK_STRING(pieces(" unable"), "6");
    CHECK_STRING(pieces(" unabled"), "6 7");
    CHECK_STRING(pieces("abled"), "2 7"); /* continues a word */
    CHECK_STRING(pieces(" unab unx able"), "1 3 0 5");
    gguf_begin("rwkv");
    gguf_tokens("3 <s>|1 a|1 a b|1 \\n|1  |1 \\xe4|1 bb");
    CHECK_STRING(pieces("a bbb\n a\xe4"), "2 6 3 4 1 5");
    gguf_begin("plamo2");
    gguf_tokens("1 a");
    CHECK_CONTAINS(pieces("a"), "plamo2 splits text is not known here");
}

/* A word of WordPiece beyond 100 characters is unknown; RWKV has no words. */
static void long_words(void)
{
    char text[301];
    text[300] = 0;
    memset(text, 'a', 300);
    gguf_begin("bert");
    gguf_tokens("3 [UNK]|1 a|1 aa");
    gguf_u32("tokenizer.ggml.unknown_token_id", 0);
    CHECK_STRING(pieces(text), "0");
    gguf_begin("rwkv");
#define LONG "aaaaaaaaaaaaaaaaaaaaaaaaa" /* 25 */
    gguf_tokens("3 <s>|1 a|1 " LONG LONG LONG LONG);
    CHECK_STRING(pieces(text), "2 2 2");
}

/* ---- paths ---- */

static void write_file(const char *path)
{
    gguf_end();
    scratch_write(path, gguf.file, gguf.size);
}

/* What comes of opening a path, with its rules. */
static const char *opened(const char *path)
{
    static char text[4096];
    otx_vocab vocab;
    otx_result result = otx_vocab_open(NULL, at(path), &vocab, &error);
    if (!result) result = otx_vocab_open_rules(NULL, at(path), &vocab, &error);
    (void)snprintf(text, sizeof text, "%s", result ? error.message : dump(&vocab));
    if (!result) otx_vocab_close(NULL, &vocab);
    return text;
}

static void files_and_directories(void)
{
    scratch_directory("d");
    gguf_begin("gpt2");
    gguf_tokens("1 a");
    gguf_merges("");
    write_file("any.name");
    CHECK_STRING(opened("any.name"), "0:t:a");
    CHECK_CONTAINS(opened("d"), "/d: holds no tokenizer.json");
    write_file("d/mmproj-model.gguf");
    CHECK_CONTAINS(opened("d"), "/d: holds no tokenizer.json");
    write_file("d/model-00001-of-00002.gguf");
    write_file("d/model-00002-of-00002.gguf");
    CHECK_STRING(opened("d"), "0:t:a");
    write_file("d/other.gguf");
    CHECK_CONTAINS(opened("d"), "holds no tokenizer but those of several GGUF files, "
                   "\"model-00001-of-00002.gguf\" among them; give one of them");
    scratch_text("d/vocab.txt", "[UNK]\nb\n");
    CHECK_STRING(opened("d"), "0:c:[UNK] 1:t: b");
    gguf_key("split.no", 2);
    gguf_put(1, 2);
    write_file("part.gguf");
    CHECK_CONTAINS(opened("part.gguf"), "part 2 of a split file; give the first");
    scratch_text("cut.gguf", "GGUF\3");
    CHECK_CONTAINS(opened("cut.gguf"), "/cut.gguf: 5 bytes are too few");
}

/* ---- memory ---- */

static void every_allocation_can_fail(void)
{
    static const char *const kinds[] = {"gpt2", "llama", "bert", "rwkv", "t5"};
    failing state;
    otx_context ctx;
    size_t i;
    memset(&ctx, 0, sizeof ctx);
    ctx.allocator.resize = failing_resize;
    ctx.allocator.context = &state;
    for (i = 0; i < COUNT(kinds); i++) {
        long fail_at;
        for (fail_at = 1;; fail_at++) {
            otx_vocab vocab;
            otx_result result;
            gguf_begin(kinds[i]);
            gguf_tokens("3 <unk>|3 <s>|1 a|1 " MARK "b|4 a  b|6 <0x61>|5 [PAD6]");
            gguf_scores(7);
            gguf_merges("a b|ab c");
            memset(&state, 0, sizeof state);
            state.fail_at = fail_at;
            result = parse(&ctx, true, &vocab);
            otx_vocab_close(&ctx, &vocab);
            CHECK_INT(state.live, 0);
            CHECK_INT(state.wrong_size, 0);
            if (result == OTX_OK) break;
            CHECK_INT(result, OTX_ERROR_MEMORY);
        }
        CHECK(fail_at > 5);
    }
}

int main(void)
{
    scratch_open("vocab-gguf");
    RUN(byte_level);
    RUN(fillers_at_the_end);
    RUN(pieces_of_sentencepiece);
    RUN(sentencepiece_spelled_merges);
    RUN(added_tokens_by_their_looks);
    RUN(words_of_wordpiece);
    RUN(unigram);
    RUN(escapes_of_python);
    RUN(plamo);
    RUN(what_is_not_read);
    RUN(lists);
    RUN(types_that_are_not_there);
    RUN(bytes_that_are_no_text);
    RUN(the_same_twice);
    RUN(roles_by_keys);
    RUN(roles_that_no_key_names);
    RUN(roles_that_lead_nowhere);
    RUN(what_is_in_use);
    RUN(digits_by_the_pre_tokenizer);
    RUN(splits_by_merges);
    RUN(splits_by_scores);
    RUN(splits_by_the_longest);
    RUN(long_words);
    RUN(files_and_directories);
    RUN(every_allocation_can_fail);
    scratch_close();
    return test_end();
}

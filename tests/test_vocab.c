/* Vocabularies: what otx_vocab_parse makes of tokenizer.json and the files beside
   it. What the `tokenizers` package does with the same texts was seen by running
   it; tests/vocab_oracle.py runs it again.
   A suite of the public API: linked with the implementation. */
#include "omp_transplant.h"
#include "failing.h"
#include "test.h"
#include "vocab_text.h"

#define MARK "\xe2\x96\x81" /* U+2581 */

/* ---- tools ---- */

static otx_error error;

/* JSON stands in this file with ' for " and is never in need of a true '. */
static char *quotes(char *text)
{
    char *at;
    for (at = text; *at; at++)
        if (*at == '\'') *at = '"';
    return text;
}

/* The texts of tokenizer.json and the files beside it; NULL: absent. */
static const otx_vocab_text *texts_of(const char *tokenizer, const char *config,
                                      const char *map, const char *added)
{
    static const otx_vocab_file files[4] = {OTX_VOCAB_TOKENIZER_JSON,
                                            OTX_VOCAB_TOKENIZER_CONFIG,
                                            OTX_VOCAB_SPECIAL_TOKENS, OTX_VOCAB_ADDED_TOKENS};
    static char copies[4][8192];
    static otx_vocab_text texts[OTX_VOCAB_FILES];
    const char *from[4];
    size_t i;
    from[0] = tokenizer;
    from[1] = config;
    from[2] = map;
    from[3] = added;
    memset(texts, 0, sizeof texts);
    for (i = 0; i < 4; i++) {
        if (!from[i]) continue;
        (void)snprintf(copies[i], sizeof copies[i], "%s", from[i]);
        texts[files[i]].bytes = quotes(copies[i]);
        texts[files[i]].size = strlen(copies[i]);
    }
    return texts;
}

static otx_result parse4(const char *tokenizer, const char *config, const char *map,
                         const char *added, otx_vocab *vocab)
{
    const otx_context ctx = logging();
    error.message[0] = 0;
    return otx_vocab_parse(&ctx, texts_of(tokenizer, config, map, added), "T", vocab, &error);
}

static otx_result parse(const char *tokenizer, otx_vocab *vocab)
{
    return parse4(tokenizer, NULL, NULL, NULL, vocab);
}

/* A tokenizer.json from its parts; each may be "". */
static const char *make(const char *model, const char *added, const char *rest)
{
    static char text[8192];
    (void)snprintf(text, sizeof text, "{'version':'1.0','model':%s,'added_tokens':[%s]%s%s}",
                   model, added, *rest ? "," : "", rest);
    return quotes(text);
}

#define BPE(vocab) "{'type':'BPE','merges':[],'vocab':{" vocab "}}"
#define ABC BPE("'a':0,'b':1,'c':2")
#define ADDED(id, content) "{'id':" #id ",'content':'" content "','special':false}"
#define SPECIAL(id, content) "{'id':" #id ",'content':'" content "','special':true}"

/* Parses and compares the table. */
static void expect(const char *tokenizer, const char *table)
{
    otx_vocab vocab;
    const otx_result result = parse(tokenizer, &vocab);
    CHECK_STRING(otx_result_name(result), "OTX_OK");
    CHECK_STRING(error.message, "");
    if (!result) CHECK_STRING(dump(&vocab), table);
    otx_vocab_close(NULL, &vocab);
}

static void refuse(const char *tokenizer, otx_result result, const char *part)
{
    otx_vocab vocab;
    CHECK_STRING(otx_result_name(parse(tokenizer, &vocab)), otx_result_name(result));
    CHECK_CONTAINS(error.message, part);
    CHECK(!strchr(error.message, '\n'));
    CHECK(vocab.tokens == NULL && vocab.memory == NULL && vocab.count == 0);
    otx_vocab_close(NULL, &vocab);
}

/* ---- names ---- */

static void names(void)
{
    CHECK_STRING(otx_token_kind_name(OTX_TOKEN_NONE), "none");
    CHECK_STRING(otx_token_kind_name(OTX_TOKEN_UNUSED), "unused");
    CHECK(otx_token_kind_name(OTX_TOKEN_KIND_COUNT) == NULL);
    CHECK_STRING(otx_role_name(OTX_ROLE_BOS), "bos");
    CHECK_STRING(otx_role_name(OTX_ROLE_MASK), "mask");
    CHECK(otx_role_name(OTX_ROLE_COUNT) == NULL);
    CHECK_STRING(otx_family_name(OTX_FAMILY_PLAIN), "plain");
    CHECK_STRING(otx_family_name(OTX_FAMILY_WORD_SUFFIX), "word-suffix");
    CHECK(otx_family_name(OTX_FAMILY_COUNT) == NULL);
}

/* ---- ids ---- */

static void added_tokens_are_numbered_on(void)
{
    expect(make(ABC, "", ""), "0:t:a 1:t:b 2:t:c");
    expect(make(ABC, ADDED(3, "x") "," SPECIAL(4, "y"), ""), "0:t:a 1:t:b 2:t:c 3:t:x+ 4:c:y+");
    CHECK_STRING(messages, "");
    expect(make(ABC, ADDED(5, "x") "," ADDED(9, "y"), ""), "0:t:a 1:t:b 2:t:c 3:t:x+ 4:t:y+");
    CHECK_STRING(messages, "W T: added_tokens: 2 tokens have another id at run time than the "
                           "file says, such as \"x\": 3 instead of 5\n");
    expect(make(ABC, ADDED(4, "x") "," ADDED(3, "y"), ""), "0:t:a 1:t:b 2:t:c 3:t:x+ 4:t:y+");
    expect(make(ABC, ADDED(0, "y"), ""), "0:t:a 1:t:b 2:t:c 3:t:y+");
}

static void added_tokens_of_the_model_keep_its_id(void)
{
    expect(make(ABC, ADDED(7, "b") "," ADDED(3, "y"), ""), "0:t:a 1:t:b+ 2:t:c 3:t:y+");
    CHECK_CONTAINS(messages, "1 tokens have another id at run time");
    CHECK_CONTAINS(messages, "\"b\": 1 instead of 7");
    expect(make(ABC, SPECIAL(1, "b"), ""), "0:t:a 1:c:b+ 2:t:c");
}

static void added_tokens_given_twice(void)
{
    expect(make(ABC, ADDED(3, "y") "," ADDED(4, "y") "," ADDED(5, "z"), ""),
           "0:t:a 1:t:b 2:t:c 3:t:y+ 4:t:z+");
    expect(make(ABC, SPECIAL(3, "y") "," ADDED(3, "y"), ""), "0:t:a 1:t:b 2:t:c 3:c:y+");
    expect(make(ABC, ADDED(3, "y") "," SPECIAL(3, "y"), ""), "0:t:a 1:t:b 2:t:c 3:c:y+");
    expect(make(ABC, ADDED(3, "") "," ADDED(4, "y"), ""), "0:t:a 1:t:b 2:t:c 3:t:y+");
}

static void ids_with_holes(void)
{
    const char *gaps = BPE("'a':0,'b':5,'c':9");
    otx_vocab vocab;
    expect(make(gaps, ADDED(10, "x") "," ADDED(11, "y"), ""),
           "0:t:a 3:t:x+ 4:t:y+ 5:t:b 9:t:c");
    CHECK_INT(parse(make(gaps, "", ""), &vocab), OTX_OK);
    CHECK_INT(vocab.count, 10);
    CHECK_INT(vocab.token_count, 3);
    CHECK_INT(vocab.tokens[1].kind, OTX_TOKEN_NONE);
    otx_vocab_close(NULL, &vocab);
    refuse(make(BPE("'a':0,'b':2"), ADDED(3, "x"), ""), OTX_ERROR_FORMAT,
           "T: tokens \"b\" and \"x\" both have the id 2");
    refuse(make(BPE("'a':0,'b':0"), "", ""), OTX_ERROR_FORMAT,
           "T: tokens \"a\" and \"b\" both have the id 0");
}

static void names_given_twice(void)
{
    otx_vocab vocab;
    expect(make(BPE("'a':0,'a':2,'b':1"), "", ""), "1:t:b 2:t:a");
    expect(make(BPE("'a':0,'\\u0061':0,'b':1"), ADDED(2, "x"), ""), "0:t:a 1:t:b 2:t:x+");
    CHECK_INT(parse(make(BPE("'a':9,'a':0"), "", ""), &vocab), OTX_OK);
    CHECK_INT(vocab.count, 1);
    CHECK_INT(vocab.token_count, 1);
    otx_vocab_close(NULL, &vocab);
    /* A Unigram model keeps both; the content then means the last. */
    expect(make("{'type':'Unigram','unk_id':0,'vocab':[['u',0],['a',-1.5],['a',-2]]}",
                SPECIAL(3, "a") "," ADDED(3, "x"), ""),
           "0:c:u 1:t:a 2:c:a+ 3:t:x+");
}

static void ids_out_of_bounds(void)
{
    refuse(make(BPE("'a':0,'b':-1"), "", ""), OTX_ERROR_FORMAT,
           "T: token \"b\" has the id -1, expected a whole number from 0 to 4294967295");
    refuse(make(BPE("'b':1.0"), "", ""), OTX_ERROR_FORMAT, "\"b\" has the id 1.0");
    refuse(make(BPE("'b':1e0"), "", ""), OTX_ERROR_FORMAT, "\"b\" has the id 1e0");
    refuse(make(BPE("'b':'1'"), "", ""), OTX_ERROR_FORMAT, "\"b\" has the id 1,");
    refuse(make(BPE("'b':4294967296"), "", ""), OTX_ERROR_FORMAT, "has the id 4294967296");
    refuse(make(BPE("'b':99999999999999999999"), "", ""), OTX_ERROR_FORMAT, "has the id 9999");
    refuse(make(BPE("'b':4294967295"), "", ""), OTX_ERROR_LIMIT,
           "T: token \"b\" has the id 4294967295, and a vocabulary of 1 tokens may have ids "
           "below 65552");
    refuse(make(BPE("'b':65552"), "", ""), OTX_ERROR_LIMIT, "has the id 65552");
    expect(make(BPE("'b':65551"), "", ""), "65551:t:b");
    refuse(make(ABC, "{'id':-3,'content':'x','special':false}", ""), OTX_ERROR_FORMAT,
           "T: entry 0 of added_tokens");
}

/* ---- models ---- */

static void model_types(void)
{
    static const struct {
        const char *model, *type, *table;
    } cases[] = {
        {ABC, "BPE", "0:t:a 1:t:b 2:t:c"},
        {"{'vocab':{'a':0},'merges':[]}", "BPE", "0:t:a"},
        {"{'type':'WordLevel','unk_token':'u','vocab':{'u':0,'a':1}}", "WordLevel",
         "0:c:u 1:t:a"},
        {"{'vocab':{'a':0},'unk_token':'zz'}", "WordLevel", "0:t:a"},
        {"{'vocab':{'a':0,'##b':1},'unk_token':'u','continuing_subword_prefix':'##',"
         "'max_input_chars_per_word':100}", "WordPiece", "0:t: a 1:t:b"},
        {"{'vocab':[['u',0],['a',-1]]}", "Unigram", "0:t:u 1:t:a"},
        {"{'type':'Unigram','unk_id':1,'vocab':[['u',0.0],['a',-1e3]]}", "Unigram",
         "0:t:u 1:c:a"},
    };
    size_t i;
    for (i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        otx_vocab vocab;
        CHECK_INT(parse(make(cases[i].model, "", ""), &vocab), OTX_OK);
        CHECK_STRING(error.message, "");
        CHECK_STRING(vocab.model ? vocab.model : "none", cases[i].type);
        CHECK_STRING(dump(&vocab), cases[i].table);
        otx_vocab_close(NULL, &vocab);
    }
}

static void models_that_are_none(void)
{
    refuse("{'version':'1.0'}", OTX_ERROR_FORMAT, "T: there is no object \"model\"");
    refuse("[]", OTX_ERROR_FORMAT, "T: expected a JSON object");
    refuse("{'version':'2.0','model':" ABC "}", OTX_ERROR_UNSUPPORTED,
           "T: version is not \"1.0\"");
    refuse("{'version':1,'model':" ABC "}", OTX_ERROR_UNSUPPORTED, "version is not \"1.0\"");
    refuse(make("{'type':'Foo','vocab':{}}", "", ""), OTX_ERROR_UNSUPPORTED,
           "T: the model's type is none of BPE, WordPiece, WordLevel or Unigram");
    refuse(make("{'type':null,'vocab':{},'merges':[]}", "", ""), OTX_ERROR_UNSUPPORTED,
           "none of");
    refuse(make("{'vocab':{}}", "", ""), OTX_ERROR_UNSUPPORTED, "does not look like");
    refuse(make("{'type':'BPE','merges':[]}", "", ""), OTX_ERROR_FORMAT,
           "the vocabulary of a BPE model must be an object");
    refuse(make("{'type':'Unigram','vocab':{}}", "", ""), OTX_ERROR_FORMAT, "must be an array");
    refuse(make("{'type':'Unigram','vocab':[['a']]}", "", ""), OTX_ERROR_FORMAT,
           "entry 0 of the vocabulary is not [string, number]");
    refuse(make("{'type':'Unigram','vocab':[['a',0],[1,'a']]}", "", ""), OTX_ERROR_FORMAT,
           "entry 1 of the vocabulary");
    refuse(make("{'type':'Unigram','unk_id':1,'vocab':[['a',0]]}", "", ""),
           OTX_ERROR_FORMAT, "unk_id is not the position of one of the 1 tokens");
    refuse("{'model':" ABC ",'added_tokens':null}", OTX_ERROR_FORMAT,
           "T: added_tokens must be an array");
    refuse("{'model':" ABC ",'added_tokens':[{'id':3}]}", OTX_ERROR_FORMAT,
           "T: entry 0 of added_tokens lacks a content");
    refuse("", OTX_ERROR_FORMAT, "T: tokenizer.json is empty");
    refuse("{'model':", OTX_ERROR_FORMAT, "T:1:10:");
}

static void merges(void)
{
#define MERGES(list) make("{'type':'BPE','vocab':{'a':0},'merges':" list "}", "", "")
    expect(MERGES("['a b']"), "0:t:a");
    expect(MERGES("[['a','b c']]"), "0:t:a");
    expect(MERGES("['#version: 0.2','a b']"), "0:t:a");
    expect(MERGES("['a\\u0020b']"), "0:t:a");
    refuse(MERGES("['a b','a b c']"), OTX_ERROR_FORMAT, "T: merge 1 is neither");
    refuse(MERGES("['ab']"), OTX_ERROR_FORMAT, "merge 0");
    refuse(MERGES("[['a','b','c']]"), OTX_ERROR_FORMAT, "merge 0");
    refuse(MERGES("[['a',1]]"), OTX_ERROR_FORMAT, "merge 0");
    refuse(MERGES("[1]"), OTX_ERROR_FORMAT, "merge 0");
    refuse(MERGES("['a b',['a','b']]"), OTX_ERROR_FORMAT, "merge 1");
    refuse(MERGES("[['a','b'],'a b']"), OTX_ERROR_FORMAT, "merge 1");
    refuse(MERGES("{}"), OTX_ERROR_FORMAT, "must have an array \"merges\"");
#undef MERGES
}

/* ---- spelling ---- */

static void expect_family(const char *rest, const char *vocab_json, otx_family family,
                          const char *table)
{
    otx_vocab vocab;
    CHECK_INT(parse(make(vocab_json, "", rest), &vocab), OTX_OK);
    CHECK_STRING(error.message, "");
    CHECK_STRING(otx_family_name(vocab.family), otx_family_name(family));
    CHECK_STRING(dump(&vocab), table);
    otx_vocab_close(NULL, &vocab);
}

static void byte_level(void)
{
    /* U+0120 is the space, U+010A the newline, U+00E9 byte E9; a token with any
       character outside the alphabet stands for itself, space included. */
    const char *words = BPE("'\\u0120the':0,'\\u010a':1,'\\u00e9':2,'\\u00c3\\u00a9':3,"
                            "'<\\uff5cUser\\uff5c>':4,'a b':5,'<0x41>':6,'\\u0143':7,"
                            "'\\u0144':8,'\\u00ad':9,'\\u0121':10,'\\u0122':11,'':12");
    const char *table = "0:t: the 1:t:\\x0a 2:t:\\xe9 3:t:\xc3\xa9 "
                        "4:t:<\xef\xbd\x9cUser\xef\xbd\x9c> 5:t:a b 6:t:<0x41> 7:t:\\xad "
                        "8:t:\xc5\x84 9:t:\xc2\xad 10:t:\\x7f"
                        " 11:t:\\x80 12:t:";
    expect_family("'decoder':{'type':'ByteLevel'}", words, OTX_FAMILY_BYTE_LEVEL, table);
    expect_family("'pre_tokenizer':{'type':'Sequence','pretokenizers':[{'type':'Split',"
                  "'pattern':{'Regex':'x'}},{'type':'ByteLevel'}]}",
                  words, OTX_FAMILY_BYTE_LEVEL, table);
    expect_family("'normalizer':{'type':'ByteLevel'}", words, OTX_FAMILY_BYTE_LEVEL, table);
    expect_family("'post_processor':{'type':'ByteLevel'}", BPE("'\\u0120a':0"),
                  OTX_FAMILY_PLAIN, "0:t:\xc4\xa0" "a");
}

static void metaspace(void)
{
    const char *words = BPE("'" MARK "the':0,'" MARK MARK "':1,'a" MARK "b':2,'<0x0A>':3,"
                            "'<0xfF>':4,'<0xF>':5,'<0xFG>':6,'<0x000>':7,'<0x41>b':8");
    const char *bytes = "0:t: the 1:t:   2:t:a b 3:b:\\x0a 4:b:\\xff 5:t:<0xF> 6:t:<0xFG> "
                        "7:t:<0x000> 8:t:<0x41>b";
    const char *plain = "0:t: the 1:t:   2:t:a b 3:t:<0x0A> 4:t:<0xfF> 5:t:<0xF> 6:t:<0xFG> "
                        "7:t:<0x000> 8:t:<0x41>b";
    expect_family("'decoder':{'type':'Sequence','decoders':[{'type':'Replace','pattern':"
                  "{'String':'\\u2581'},'content':' '},{'type':'ByteFallback'},"
                  "{'type':'Fuse'}]}", words, OTX_FAMILY_METASPACE, bytes);
    expect_family("'decoder':{'type':'Metaspace','replacement':'" MARK "'}", words,
                  OTX_FAMILY_METASPACE, plain);
    expect_family("'pre_tokenizer':{'type':'Metaspace','replacement':'" MARK "'}", words,
                  OTX_FAMILY_METASPACE, plain);
    expect_family("'normalizer':{'type':'Replace','pattern':{'String':' '},'content':"
                  "'" MARK "'}", words, OTX_FAMILY_METASPACE, plain);
    expect_family("'decoder':{'type':'Metaspace','replacement':'_'}",
                  BPE("'_a':0,'" MARK "b':1"), OTX_FAMILY_METASPACE, "0:t: a 1:t:" MARK "b");
    /* Replacing something else by something else is no mark of a space. */
    expect_family("'decoder':{'type':'Replace','pattern':{'String':'a'},'content':'b'}",
                  BPE("'a':0"), OTX_FAMILY_PLAIN, "0:t:a");
    expect_family("'decoder':null", "{'type':'BPE','merges':[],'byte_fallback':true,'vocab':"
                  "{'<0x41>':0}}", OTX_FAMILY_PLAIN, "0:b:A");
}

static void words(void)
{
    const char *pieces = BPE("'the':0,'##s':1,'##':2,'#':3,'a##':4");
    expect_family("'decoder':{'type':'WordPiece','prefix':'##','cleanup':true}", pieces,
                  OTX_FAMILY_WORDPIECE, "0:t: the 1:t:s 2:t: 3:t: # 4:t: a##");
    expect_family("'decoder':{'type':'BPEDecoder','suffix':'</w>'}",
                  BPE("'the</w>':0,'th':1,'</w>':2"), OTX_FAMILY_WORD_SUFFIX,
                  "0:t:the  1:t:th 2:t: ");
    expect_family("'decoder':null", "{'type':'BPE','merges':[],'continuing_subword_prefix':"
                  "'','end_of_word_suffix':'</w>','vocab':{'the</w>':0}}",
                  OTX_FAMILY_WORD_SUFFIX, "0:t:the ");
    expect_family("'decoder':{'type':'BPEDecoder','suffix':''}", BPE("'a':0"),
                  OTX_FAMILY_PLAIN, "0:t:a");
}

static void control_tokens_are_not_spelled(void)
{
    expect(make(BPE("'" MARK "a':0,'<0x41>':1,'" MARK "b':2"),
                SPECIAL(0, MARK "a") "," SPECIAL(1, "<0x41>") "," ADDED(2, MARK "b"),
                "'decoder':{'type':'Sequence','decoders':[{'type':'ByteFallback'},{'type':"
                "'Metaspace','replacement':'" MARK "'}]}"),
           "0:c:" MARK "a+ 1:c:<0x41>+ 2:t: b+");
}

/* ---- added tokens: the text that they are cut out of ---- */

#define NORMAL(id, content) \
    "{'id':" #id ",'content':'" content "','special':false,'normalized':true}"
#define LITERAL(id, content) \
    "{'id':" #id ",'content':'" content "','special':false,'normalized':false}"
#define SPACES "{'type':'Replace','pattern':{'String':' '},'content':'" MARK "'}"
#define PREPEND "{'type':'Prepend','prepend':'" MARK "'}"

/* Whatever GPT-2's alphabet or a ByteFallback would make of their contents. */
static void added_tokens_are_literal(void)
{
    const char *words = BPE("'a':0,'\\u0120a':1");
    otx_vocab vocab;
    expect(make(words, NORMAL(2, "f\\u00fcr") "," LITERAL(3, "\\u00f5") ","
                NORMAL(4, "\\u0120b") "," ADDED(5, "<0x41>"), "'decoder':{'type':'ByteLevel'}"),
           "0:t:a 1:t: a 2:t:f\xc3\xbcr+ 3:t:\xc3\xb5+ 4:t:\xc4\xa0" "b+ 5:t:<0x41>+");
    expect(make(words, NORMAL(2, "f\\u00fcr"), "'normalizer':{'type':'ByteLevel'},"
                "'decoder':{'type':'ByteLevel'}"), "0:t:a 1:t: a 2:t:f\xc3\xbcr+");
    expect(make(BPE("'a':0"), LITERAL(1, "<0x41>") "," NORMAL(2, "<0x42>"),
                "'decoder':{'type':'ByteFallback'}"), "0:t:a 1:t:<0x41>+ 2:t:<0x42>+");
    expect(make(BPE("'a':0"), LITERAL(1, "b") "," LITERAL(2, "##c"),
                "'decoder':{'type':'WordPiece','prefix':'##'}"), "0:t: a 1:t:b+ 2:t:##c+");
    expect(make(BPE("'a</w>':0"), LITERAL(1, "b</w>") "," LITERAL(2, "c"),
                "'decoder':{'type':'BPEDecoder','suffix':'</w>'}"),
           "0:t:a  1:t:b</w>+ 2:t:c+");
    /* The files beside tokenizer.json. */
    CHECK_INT(parse4(make(BPE("'a':0"), "", "'decoder':{'type':'ByteLevel'}"),
                     "{'added_tokens_decoder':{'1':{'content':'\\u00fc'}}}", NULL, NULL, &vocab),
              OTX_OK);
    CHECK_STRING(dump(&vocab), "0:t:a 1:t:\xc3\xbc+");
    otx_vocab_close(NULL, &vocab);
}

/* A `normalized` one is found only where the normaliser leaves a space before it, if it puts
   one before every text. */
static void added_tokens_after_the_normaliser(void)
{
    const char *decoder = "'decoder':{'type':'Replace','pattern':{'String':'" MARK
                          "'},'content':' '}";
    char rest[400];
    const char *added = LITERAL(1, "x") "," NORMAL(2, "y") "," LITERAL(3, MARK "p") ","
                        NORMAL(4, MARK "q") "," NORMAL(5, "r s") "," ADDED(6, "z") ","
                        "{'id':7,'content':'<s>','special':true,'normalized':true}";
    (void)snprintf(rest, sizeof rest, "'normalizer':{'type':'Sequence','normalizers':[" PREPEND
                   "," SPACES "]},%s", decoder);
    expect(make(BPE("'" MARK "a':0"), added, rest),
           "0:t: a 1:t:x+ 2:t: y+ 3:t:" MARK "p+ 4:t:  q+ 5:t: r s+ 6:t: z+ 7:c:<s>+");
    (void)snprintf(rest, sizeof rest, "'normalizer':" SPACES ",%s", decoder);
    expect(make(BPE("'" MARK "a':0"), added, rest),
           "0:t: a 1:t:x+ 2:t:y+ 3:t:" MARK "p+ 4:t: q+ 5:t:r s+ 6:t:z+ 7:c:<s>+");
    (void)snprintf(rest, sizeof rest, "'normalizer':" PREPEND ",%s", decoder);
    expect(make(BPE("'" MARK "a':0"), added, rest),
           "0:t: a 1:t:x+ 2:t:" MARK "y+ 3:t:" MARK "p+ 4:t:" MARK MARK "q+ 5:t:" MARK
           "r s+ 6:t:" MARK "z+ 7:c:<s>+");
    (void)snprintf(rest, sizeof rest, "'pre_tokenizer':{'type':'Metaspace','replacement':'" MARK
                   "','prepend_scheme':'always'},%s", decoder);
    expect(make(BPE("'" MARK "a':0"), added, rest),
           "0:t: a 1:t:x+ 2:t:y+ 3:t:" MARK "p+ 4:t:" MARK "q+ 5:t:r s+ 6:t:z+ 7:c:<s>+");
}

/* What the model has as well, it goes on making as before, if there is a text to make it of. */
static void added_tokens_that_the_model_has(void)
{
    expect(make(BPE("'" MARK MARK "':0,'" MARK "a':1,'<0x41>':2"),
                LITERAL(0, MARK MARK) "," NORMAL(1, MARK "a") "," LITERAL(2, "<0x41>"),
                "'normalizer':" SPACES ",'decoder':{'type':'Sequence','decoders':[{'type':"
                "'Replace','pattern':{'String':'" MARK "'},'content':' '},"
                "{'type':'ByteFallback'}]}"), "0:t:  + 1:t: a+ 2:b:A+");
    expect(make(BPE("'\\u0120a':0,'\\u00f5':1,'\\u00c3\\u00a9':2,'\\u00fc':3"),
                LITERAL(0, "\\u0120a") "," LITERAL(1, "\\u00f5") ","
                LITERAL(2, "\\u00c3\\u00a9"), "'decoder':{'type':'ByteLevel'}"),
           "0:t: a+ 1:t:\xc3\xb5+ 2:t:\xc3\xa9+ 3:t:\\xfc");
}

/* A suffix that ends a word is a space, or nothing: the decoder tells. */
static void ends_of_words(void)
{
#define SUFFIX "{'type':'BPE','merges':[],'end_of_word_suffix':'</w>','vocab':" \
               "{'the</w>':0,'\\u00c3\\u00a9':1,'</w>':2,'</w>a':3}}"
#define TAKEN(by) "{'type':'Replace','pattern':{'String':'</w>'},'content':'" by "'}"
    expect(make(SUFFIX, "", "'decoder':" TAKEN("")),
           "0:t:the 1:t:\xc3\x83\xc2\xa9 2:t: 3:t:a");
    expect(make(SUFFIX, "", "'decoder':" TAKEN(" ")),
           "0:t:the  1:t:\xc3\x83\xc2\xa9 2:t:  3:t: a");
    expect(make(SUFFIX, "", "'decoder':{'type':'Sequence','decoders':[{'type':'ByteLevel'},"
                TAKEN("") "]}"), "0:t:the 1:t:\xc3\xa9 2:t: 3:t:</w>a");
    expect(make(SUFFIX, "", "'decoder':{'type':'Sequence','decoders':[{'type':'ByteLevel'},"
                TAKEN(" ") "]}"), "0:t:the  1:t:\xc3\xa9 2:t:  3:t:</w>a");
    expect(make(SUFFIX, "", "'decoder':{'type':'ByteLevel'}"),
           "0:t:the  1:t:\xc3\xa9 2:t:  3:t:</w>a"); /* CLIP's class does the rest */
}

static void bytes_and_content(void)
{
    otx_vocab vocab;
    CHECK_INT(parse(make(BPE("'a\\u0000\\ud83d\\ude00':0,'" MARK "b':1"), "",
                         "'decoder':{'type':'Metaspace','replacement':'" MARK "'}"),
                    &vocab), OTX_OK);
    CHECK_INT(vocab.tokens[0].size, 6);
    CHECK(memcmp(vocab.tokens[0].bytes, "a\0\xf0\x9f\x98\x80", 6) == 0);
    CHECK(vocab.tokens[0].bytes == vocab.tokens[0].content);
    CHECK_INT(vocab.tokens[1].size, 2);
    CHECK_INT(vocab.tokens[1].content_size, 4);
    CHECK(memcmp(vocab.tokens[1].bytes, " b", 2) == 0);
    CHECK(memcmp(vocab.tokens[1].content, MARK "b", 4) == 0);
    otx_vocab_close(NULL, &vocab);
}

/* ---- reserved tokens ---- */

static void reserved(void)
{
    expect(make(BPE("'a':0,'<unused0>':1"), SPECIAL(2, "<|reserved_7|>"), ""),
           "0:t:a 1:u:<unused0> 2:u:<|reserved_7|>+");
}

/* ---- roles ---- */

static void roles(void)
{
    otx_vocab vocab;
    const char *tokenizer = make(ABC, SPECIAL(3, "<s>") "," SPECIAL(4, "</s>") ","
                                 SPECIAL(5, "<|reserved_0|>"), "");
    CHECK_INT(parse4(tokenizer, "{'bos_token':'<s>','eos_token':{'__type':'AddedToken',"
                     "'content':'</s>'},'pad_token':'<|reserved_0|>','unk_token':null,"
                     "'sep_token':'</s>','cls_token':'\\u0061','mask_token':'none',"
                     "'model_max_length':1e30,'x':NaN}",
                     NULL, NULL, &vocab), OTX_OK);
    CHECK_STRING(error.message, "");
    CHECK_INT(vocab.roles[OTX_ROLE_BOS], 3);
    CHECK_INT(vocab.roles[OTX_ROLE_EOS], 4);
    CHECK_INT(vocab.roles[OTX_ROLE_PAD], 5);
    CHECK_INT(vocab.roles[OTX_ROLE_UNK], -1);
    CHECK_INT(vocab.roles[OTX_ROLE_SEP], 4);
    CHECK_INT(vocab.roles[OTX_ROLE_CLS], 0);
    CHECK_INT(vocab.roles[OTX_ROLE_MASK], 6);
    /* A role makes a control token of text, of a reserved token, and of what is none. */
    CHECK_STRING(dump(&vocab), "0:c:a 1:t:b 2:t:c 3:c:<s>+ 4:c:</s>+ 5:c:<|reserved_0|>+ "
                               "6:c:none+");
    CHECK_STRING(messages, "W T: tokenizer_config.json: 1 special tokens are no tokens of the "
                           "tokenizer and are added after its own, such as \"none\" with the "
                           "id 6\n");
    otx_vocab_close(NULL, &vocab);
}

static void special_tokens_map(void)
{
    otx_vocab vocab;
    const char *map = "{'bos_token':{'content':'b'},'eos_token':null}";
    /* The map goes first, also where it says that there is none ... */
    CHECK_INT(parse4(make(ABC, "", ""), "{'bos_token':'a','eos_token':'a','pad_token':'c'}",
                     map, NULL, &vocab), OTX_OK);
    CHECK_INT(vocab.roles[OTX_ROLE_BOS], 1);
    CHECK_INT(vocab.roles[OTX_ROLE_EOS], -1);
    CHECK_INT(vocab.roles[OTX_ROLE_PAD], 2);
    otx_vocab_close(NULL, &vocab);
    /* ... but is not read if tokenizer_config.json lists the added tokens. */
    CHECK_INT(parse4(make(ABC, "", ""), "{'bos_token':'a','added_tokens_decoder':{}}", map,
                     NULL, &vocab), OTX_OK);
    CHECK_INT(vocab.roles[OTX_ROLE_BOS], 0);
    otx_vocab_close(NULL, &vocab);
    CHECK_INT(parse4(make(ABC, "", ""), NULL, map, NULL, &vocab), OTX_OK);
    CHECK_INT(vocab.roles[OTX_ROLE_BOS], 1);
    otx_vocab_close(NULL, &vocab);
}

static void more_special_tokens(void)
{
    otx_vocab vocab;
    CHECK_INT(parse4(make(ABC, ADDED(3, "x"), ""),
                     "{'additional_special_tokens':['a',{'content':'x'},'gone','lost'],"
                     "'extra_special_tokens':{'image_token':'c'}}", NULL, NULL, &vocab),
              OTX_OK);
    CHECK_STRING(dump(&vocab), "0:c:a 1:t:b 2:c:c 3:c:x+ 4:c:gone+ 5:c:lost+");
    CHECK_CONTAINS(messages, "json: 2 special tokens are no tokens of the tokenizer and are "
                             "added after its own, such as \"gone\" with the id 4\n");
    otx_vocab_close(NULL, &vocab);
}

static void unknown_token_of_the_model(void)
{
    otx_vocab vocab;
    const char *model = "{'type':'BPE','merges':[],'unk_token':'b','vocab':{'a':0,'b':1}}";
    CHECK_INT(parse(make(model, "", ""), &vocab), OTX_OK);
    CHECK_INT(vocab.roles[OTX_ROLE_UNK], 1);
    otx_vocab_close(NULL, &vocab);
    CHECK_INT(parse4(make(model, "", ""), "{'unk_token':'a'}", NULL, NULL, &vocab), OTX_OK);
    CHECK_INT(vocab.roles[OTX_ROLE_UNK], 0);
    CHECK_STRING(dump(&vocab), "0:c:a 1:t:b");
    otx_vocab_close(NULL, &vocab);
}

/* ---- the files beside tokenizer.json ---- */

static void added_tokens_decoder(void)
{
    otx_vocab vocab;
    CHECK_INT(parse4(make(ABC, ADDED(3, "x"), ""),
                     "{'added_tokens_decoder':{'10':{'content':'z','special':true},"
                     "'4':{'content':'y','special':false},'3':{'content':'x','special':"
                     "true},'1':{'content':'b','special':true}}}", NULL,
                     "{'ignored':4}", &vocab), OTX_OK);
    CHECK_STRING(error.message, "");
    CHECK_STRING(dump(&vocab), "0:t:a 1:c:b+ 2:t:c 3:c:x+ 4:t:y+ 5:c:z+");
    CHECK_STRING(messages,
                 "W T: tokenizer_config.json: 1 tokens have another id at run time than the "
                 "file says, such as \"z\": 5 instead of 10\n"
                 "W T: tokenizer_config.json: 2 tokens are not in tokenizer.json and are added "
                 "after its own, such as \"y\" with the id 4\n"
                 "W T: tokenizer_config.json: 1 tokens are special, but not so in "
                 "tokenizer.json, such as \"x\" with the id 3\n");
    otx_vocab_close(NULL, &vocab);
}

/* What it declares of ids that have a token changes none of them. */
static void added_tokens_decoder_at_taken_ids(void)
{
    otx_vocab vocab;
    CHECK_INT(parse4(make(ABC, ADDED(3, "x") "," ADDED(4, "y"), ""),
                     "{'added_tokens_decoder':{'1':{'content':'new','special':true},"
                     "'2':{'content':'a','special':true},'3':{'content':'y','special':false},"
                     "'4':{'content':'x','special':false}}}", NULL, NULL, &vocab), OTX_OK);
    CHECK_STRING(dump(&vocab), "0:c:a+ 1:t:b 2:t:c 3:t:x+ 4:t:y+ 5:c:new+");
    CHECK_STRING(messages,
                 "W T: tokenizer_config.json: 4 tokens have another id at run time than the "
                 "file says, such as \"new\": 5 instead of 1\n"
                 "W T: tokenizer_config.json: 1 tokens are not in tokenizer.json and are added "
                 "after its own, such as \"new\" with the id 5\n");
    otx_vocab_close(NULL, &vocab);
}

static void added_tokens_json(void)
{
    otx_vocab vocab;
    CHECK_INT(parse4(make(ABC, ADDED(3, "x"), ""), "{'pad_token':'p'}", NULL,
                     "{'q':5,'p':4,'x':3}", &vocab), OTX_OK);
    CHECK_STRING(dump(&vocab), "0:t:a 1:t:b 2:t:c 3:t:x+ 4:c:p+ 5:t:q+");
    CHECK_INT(vocab.roles[OTX_ROLE_PAD], 4);
    CHECK_STRING(messages, "W T: added_tokens.json: 2 tokens are not in tokenizer.json and are "
                           "added after its own, such as \"p\" with the id 4\n");
    otx_vocab_close(NULL, &vocab);
}

/* A second list starts after the highest added id, if that is not the model's. */
static void second_list_numbers_on(void)
{
    otx_vocab vocab;
    CHECK_INT(parse4(make(BPE("'a':0,'b':5,'c':9"), ADDED(9, "c") "," ADDED(0, "a"), ""), NULL,
                     NULL, "{'x':10}", &vocab), OTX_OK);
    CHECK_STRING(dump(&vocab), "0:t:a+ 5:t:b 9:t:c+ 10:t:x+");
    otx_vocab_close(NULL, &vocab);
    CHECK_INT(parse4(make(BPE("'a':0,'b':1,'c':9"), ADDED(1, "b"), ""), NULL, NULL,
                     "{'x':10}", &vocab), OTX_OK);
    CHECK_STRING(dump(&vocab), "0:t:a 1:t:b+ 3:t:x+ 9:t:c");
    otx_vocab_close(NULL, &vocab);
}

static void refuse4(const char *config, const char *map, const char *added, const char *part)
{
    otx_vocab vocab;
    CHECK_INT(parse4(make(ABC, "", ""), config, map, added, &vocab), OTX_ERROR_FORMAT);
    CHECK_CONTAINS(error.message, part);
    CHECK(vocab.memory == NULL);
    otx_vocab_close(NULL, &vocab);
}

static void files_beside_that_are_broken(void)
{
    refuse4("{", NULL, NULL, "T: tokenizer_config.json:1:2:");
    refuse4("[]", NULL, NULL, "T: tokenizer_config.json: expected a JSON object");
    refuse4(NULL, "1", NULL, "T: special_tokens_map.json: expected a JSON object");
    refuse4(NULL, NULL, "[]", "T: added_tokens.json: expected a JSON object");
    refuse4(NULL, NULL, "{'x':-1}", "T: entry 0 of added_tokens.json");
    refuse4("{'added_tokens_decoder':[]}", NULL, NULL,
            "T: tokenizer_config.json must be an object");
    refuse4("{'added_tokens_decoder':{'x':{'content':'a'}}}", NULL, NULL,
            "T: entry 0 of tokenizer_config.json");
    refuse4("{'added_tokens_decoder':{'1':{'content':'a'},'2':{'content':'b','special':"
            "1}}}", NULL, NULL, "T: entry 1 of tokenizer_config.json");
    refuse4("{'added_tokens_decoder':{'4294967296':{'content':'a'}}}", NULL, NULL, "entry 0");
    refuse4("{'added_tokens_decoder':{'1':'a'}}", NULL, NULL, "entry 0");
}

/* ---- hostile input ---- */

static const char *rich(void)
{
    return make("{'type':'BPE','byte_fallback':true,'unk_token':'<unk>','vocab':{'<unk>':0,"
                "'" MARK "a':1,'\\u00e9':2,'<0x41>':3,'<unused1>':4},'merges':['a b']}",
                SPECIAL(0, "<unk>") "," ADDED(5, "x"),
                "'decoder':{'type':'Sequence','decoders':[{'type':'Replace','pattern':"
                "{'String':'" MARK "'},'content':' '},{'type':'ByteFallback'}]}");
}

static const char rich_config[] =
    "{'eos_token':'x','bos_token':'gone','additional_special_tokens':['x'],"
    "'added_tokens_decoder':{'7':{'content':'y','special':true}}}";

static void every_prefix_is_refused(void)
{
    const char *text = rich();
    const size_t size = strlen(text);
    size_t cut;
    for (cut = 0; cut < size; cut++) {
        otx_vocab_text texts[OTX_VOCAB_FILES];
        otx_vocab vocab;
        char *exact = (char *)malloc(cut ? cut : 1); /* so that reading on is caught */
        if (!exact) continue;
        memcpy(exact, text, cut);
        memset(texts, 0, sizeof texts);
        texts[OTX_VOCAB_TOKENIZER_JSON].bytes = exact;
        texts[OTX_VOCAB_TOKENIZER_JSON].size = cut;
        CHECK_INT(otx_vocab_parse(NULL, texts, "T", &vocab, &error), OTX_ERROR_FORMAT);
        CHECK(vocab.memory == NULL);
        free(exact);
    }
}

/* Replaces every byte in turn by some others: whatever comes of it, it ends, and
   what was read stands for itself. */
static void every_changed_byte(void)
{
    static const char others[] = "'{}[],:0a \\-\xff";
    char *text = (char *)malloc(strlen(rich()) + 1);
    size_t at, other, read = 0;
    if (!text) return;
    strcpy(text, rich());
    for (at = 0; text[at]; at++) {
        const char old = text[at];
        for (other = 0; others[other]; other++) {
            otx_vocab vocab;
            text[at] = others[other];
            if (parse4(text, rich_config, NULL, NULL, &vocab) == OTX_OK) {
                size_t i, tokens = 0;
                for (i = 0; i < vocab.count; i++)
                    tokens += vocab.tokens[i].kind != OTX_TOKEN_NONE;
                CHECK_INT(tokens, vocab.token_count);
                read++;
            } else {
                CHECK(error.message[0]);
            }
            otx_vocab_close(NULL, &vocab);
        }
        text[at] = old;
    }
    CHECK(read > 100);
    free(text);
}

static void every_allocation_can_fail(void)
{
    const otx_vocab_text *texts = texts_of(rich(), rich_config, NULL, NULL);
    failing state;
    otx_context ctx;
    long fail_at;
    memset(&ctx, 0, sizeof ctx);
    ctx.allocator.resize = failing_resize;
    ctx.allocator.context = &state;
    for (fail_at = 1;; fail_at++) {
        otx_vocab vocab;
        otx_result result;
        memset(&state, 0, sizeof state);
        state.fail_at = fail_at;
        result = otx_vocab_parse(&ctx, texts, "T", &vocab, &error);
        otx_vocab_close(&ctx, &vocab);
        CHECK_INT(state.live, 0);
        CHECK_INT(state.bytes, 0);
        CHECK_INT(state.wrong_size, 0);
        if (result == OTX_OK) break;
        CHECK_INT(result, OTX_ERROR_MEMORY);
    }
    CHECK(fail_at > 5);
    CHECK(state.requests < fail_at);
}

/* Enough tokens for anything quadratic to be noticed. */
static void many_tokens(void)
{
    enum { TOKENS = 50000 };
    const size_t capacity = (size_t)TOKENS * 32 + 200;
    char *text = (char *)malloc(capacity);
    size_t used, i;
    otx_vocab_text texts[OTX_VOCAB_FILES];
    otx_vocab vocab;
    if (!text) return;
    used = (size_t)snprintf(text, capacity, "{'model':{'type':'BPE','merges':[],'vocab':{");
    for (i = 0; i < TOKENS; i++)
        used += (size_t)snprintf(text + used, capacity - used, "%s'%05lu':%lu", i ? "," : "",
                                 (unsigned long)i, (unsigned long)(TOKENS - 1 - i));
    (void)snprintf(text + used, capacity - used, "}}}");
    memset(texts, 0, sizeof texts);
    texts[OTX_VOCAB_TOKENIZER_JSON].bytes = quotes(text);
    texts[OTX_VOCAB_TOKENIZER_JSON].size = strlen(text);
    CHECK_INT(otx_vocab_parse(NULL, texts, "T", &vocab, &error), OTX_OK);
    CHECK_INT(vocab.count, TOKENS);
    CHECK_INT(vocab.token_count, TOKENS);
    if (vocab.count == TOKENS) CHECK(memcmp(vocab.tokens[0].bytes, "49999", 5) == 0);
    otx_vocab_close(NULL, &vocab);
    free(text);
}

int main(void)
{
    RUN(names);
    RUN(added_tokens_are_numbered_on);
    RUN(added_tokens_of_the_model_keep_its_id);
    RUN(added_tokens_given_twice);
    RUN(ids_with_holes);
    RUN(names_given_twice);
    RUN(ids_out_of_bounds);
    RUN(model_types);
    RUN(models_that_are_none);
    RUN(merges);
    RUN(byte_level);
    RUN(metaspace);
    RUN(words);
    RUN(control_tokens_are_not_spelled);
    RUN(added_tokens_are_literal);
    RUN(added_tokens_after_the_normaliser);
    RUN(added_tokens_that_the_model_has);
    RUN(ends_of_words);
    RUN(bytes_and_content);
    RUN(reserved);
    RUN(roles);
    RUN(special_tokens_map);
    RUN(more_special_tokens);
    RUN(unknown_token_of_the_model);
    RUN(added_tokens_decoder);
    RUN(added_tokens_decoder_at_taken_ids);
    RUN(added_tokens_json);
    RUN(second_list_numbers_on);
    RUN(files_beside_that_are_broken);
    RUN(every_prefix_is_refused);
    RUN(every_changed_byte);
    RUN(every_allocation_can_fail);
    RUN(many_tokens);
    return test_end();
}

/* How many digits of a number one token has, as tokenizer.json tells it: by its tokens, and by
   what keeps texts from becoming them.
   A suite of the public API: linked with the implementation. */
#include <stdio.h>
#include <string.h>

#include "omp_transplant.h"
#include "test.h"

#define MARK "\xe2\x96\x81" /* U+2581 */
#define BPE(vocab) "{'type':'BPE','merges':[],'vocab':{" vocab "}}"

/* A tokenizer.json from its parts, each of which may be "", with ' for \". */
static const char *make(const char *model, const char *added, const char *rest)
{
    static char text[2048];
    char *at;
    (void)snprintf(text, sizeof text, "{'model':%s,'added_tokens':[%s]%s%s}", model, added,
                   *rest ? "," : "", rest);
    for (at = text; *at; at++)
        if (*at == '\'') *at = '"';
    return text;
}

static void expect_digits(const char *tokenizer, size_t digits)
{
    otx_vocab_text texts[OTX_VOCAB_FILES];
    otx_vocab vocab;
    otx_error error;
    memset(texts, 0, sizeof texts);
    texts[OTX_VOCAB_TOKENIZER_JSON].bytes = tokenizer;
    texts[OTX_VOCAB_TOKENIZER_JSON].size = strlen(tokenizer);
    CHECK_INT(otx_vocab_parse(NULL, texts, "T", &vocab, &error), OTX_OK);
    CHECK_INT(vocab.digits, digits);
    if (vocab.digits != digits) printf("  %s\n", tokenizer);
    otx_vocab_close(NULL, &vocab);
}

static void tokens(void)
{
    expect_digits(make(BPE("'a':0"), "", ""), 0);
    expect_digits(make(BPE("'1':0,'2':1,'a12':2,'1.5':3"),
                       "{'id':4,'content':'123','special':false}", ""), 1);
    expect_digits(make(BPE("'1':0,'12':1,'3a':2"), "", ""), 2);
    expect_digits(make(BPE("'1':0,'" MARK "2019':1,'" MARK "':2"), "",
                       "'decoder':{'type':'Metaspace','replacement':'" MARK "'}"), 4);
    expect_digits(make(BPE("'<0x31>':0,'<0x41>':1"), "", "'decoder':{'type':'ByteFallback'}"),
                  1);
    expect_digits(make("{'type':'BPE','merges':[],'end_of_word_suffix':'</w>','vocab':"
                       "{'1':0,'123</w>':1}}", "", ""), 3);
}

/* That a pre-tokenizer leaves so many together of the four digits that a token has. */
static void expect_together(const char *steps, size_t digits)
{
    char rest[1024];
    (void)snprintf(rest, sizeof rest, "'pre_tokenizer':{'type':'Sequence','pretokenizers':[%s]}",
                   steps);
    expect_digits(make(BPE("'1':0,'12':1,'1234':2"), "", rest), digits);
}

static void patterns(void)
{
    static const struct {
        const char *pattern;
        size_t digits;
    } rows[] = {
        {"[0-9]", 1}, {"\\\\d", 1}, {"\\\\p{Nd}", 1}, {"[\\\\p{N}]", 1}, {" ?\\\\p{N}", 1},
        {"\\\\s*\\\\p{N}{1,3}", 3}, {"\\\\p{N}{1,3}+", 4}, {"\\\\p{N}{2}+", 4},
        {"x{2}?\\\\p{N}", 1}, {"x{1,2}?\\\\p{N}", 4}, {"\\\\d{2}", 2},
        {"\\\\d{1,2}|[^\\\\s\\\\d]+|\\\\s", 2},
        {"(?i:s|t)|[^\\\\r\\\\n\\\\p{L}\\\\p{N}]?\\\\p{L}+|\\\\p{N}| ?[^\\\\s\\\\p{L}\\\\p{N}]+"
         "[\\\\r\\\\n]*|\\\\s*[\\\\r\\\\n]+|\\\\s+(?!\\\\S)|\\\\s+", 1}, /* Qwen */
        {"\\\\p{N}{1,3}|\\\\p{L}+", 3}, {" ?\\\\p{N}+", 4}, {"\\\\d{2,}", 4}, {"\\\\d*", 4},
        {"[0-9][0-9][0-9]", 4}, /* Falcon: what is over may be of any length */
        {"x\\\\d", 4}, {"\\\\d(?=x)", 4}, {"(?<=x)\\\\d", 4}, {"\\\\d|\\\\w+", 4},
        {"[^ ]+|\\\\d", 4},
        {"\\\\d|.", 4}, {"\\\\d|\\\\S+", 4}, {"(\\\\d)", 4}, {"[\\\\p{L}\\\\p{N}]", 4},
        {"\\\\p{L}+", 4}, {"", 4}, {"[", 4}, {"(", 4}, {"\\\\", 4}, {"\\\\d{", 4},
    };
    static const char split[] = "{'type':'Split','pattern':{'Regex':'%s'},'behavior':'%s',"
                                "'invert':false}";
    char step[600];
    size_t i;
    for (i = 0; i < sizeof rows / sizeof *rows; i++) {
        (void)snprintf(step, sizeof step, split, rows[i].pattern, "Isolated");
        expect_together(step, rows[i].digits);
    }
    (void)snprintf(step, sizeof step, split, "[0-9]", "Contiguous");
    expect_together(step, 4);
    expect_together("{'type':'Split','pattern':{'String':'1'},'behavior':'Isolated'}", 4);
    expect_together("{'type':'Digits','individual_digits':false}", 4);
    expect_together("{'type':'ByteLevel'},{'type':'Digits','individual_digits':true}", 1);
    expect_digits(make(BPE("'1234':0"), "", "'pre_tokenizer':{'type':'Digits',"
                       "'individual_digits':true}"), 1);
}

int main(void)
{
    RUN(tokens);
    RUN(patterns);
    return test_end();
}

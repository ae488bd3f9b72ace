/* Encoding within bounds: files that are made to take memory or time beyond all proportion are
   refused with a word, in the time and memory of the file or the text.
   A suite of the public API: linked with the implementation. */
#include "omp_transplant.h"
#include "encode_text.h"
#include "test.h"

/* A text put together of parts. */
static char file[1 << 22];
static size_t file_size;

static void add(const char *text)
{
    file_size += (size_t)snprintf(file + file_size, sizeof file - file_size, "%s", text);
}

static void add_repeated(const char *part, size_t times)
{
    while (times-- > 0) add(part);
}

static void begin(const char *text)
{
    file_size = 0;
    add(text);
}

/* That the file is refused. */
static void refused(const char *message)
{
    otx_encoder *e;
    CHECK_INT(open_with(NULL, OTX_VOCAB_TOKENIZER_JSON, file, &e), OTX_ERROR_LIMIT);
    CHECK_CONTAINS(error.message, message);
    otx_encoder_close(e);
}

/* That a text is refused, and the next one is not. */
static void refused_text(otx_encoder *e, const char *text, size_t size, const char *message)
{
    size_t count;
    CHECK_INT(otx_encode(e, text, size, NULL, 0, &count, &error), OTX_ERROR_LIMIT);
    CHECK_CONTAINS(error.message, message);
    CHECK_INT(otx_encode(e, text, 1, NULL, 0, &count, &error), OTX_OK);
    CHECK_INT(count, 1);
}

#define PLAIN "'model':{'type':'BPE','vocab':{'a':0,'0':1},'merges':[]}}"

/* ---- files ---- */

static void steps_of_a_normaliser(void)
{
    otx_encoder *e;
    begin("{'normalizer':{'type':'Sequence','normalizers':[{'type':'Nmt'}");
    add_repeated(",{'type':'Lowercase'}", 1023);
    add("]}," PLAIN);
    e = encoder_of(file);
    ENCODE(e, "A", "0");
    otx_encoder_close(e);
    begin("{'normalizer':{'type':'Sequence','normalizers':[{'type':'Nmt'}");
    add_repeated(",{'type':'Replace','pattern':{'String':'b'},'content':''}", 1024);
    add("]}," PLAIN);
    refused("T: the normalizer has more than 1024 steps");
}

/* A class of characters takes eight kilobytes. */
static void expressions_of_a_normaliser(void)
{
    size_t i;
    begin("{'normalizer':{'type':'Sequence','normalizers':[{'type':'Nmt'}");
    for (i = 0; i < 5; i++) {
        add(",{'type':'Replace','pattern':{'Regex':'");
        add_repeated("[ab]", 2000);
        add("'},'content':''}");
    }
    add("]}," PLAIN);
    refused("T: the normalizer has patterns of more than 32768 bytes");
}

/* A text that is looked for is compared at every place. */
static void long_texts_that_are_looked_for(void)
{
    static const char *const heads[2] = {"{'normalizer':{'type':'Replace','content':'',",
                                         "{'pre_tokenizer':{'type':'Split','behavior':'Isolated',"};
    static const char *const words[2] = {"T: the normalizer has patterns of more than 32768 bytes",
                                         "T: the pre-tokenizer has patterns of more than 32768 "
                                         "bytes"};
    size_t i;
    for (i = 0; i < 2; i++) {
        begin(heads[i]);
        add("'pattern':{'String':'");
        add_repeated("aaaaaaaa", 4097);
        add("b'}}," PLAIN);
        refused(words[i]);
    }
}

static void added_tokens_that_grow(void)
{
    char entry[64];
    size_t i;
    begin("{'normalizer':{'type':'Prepend','prepend':'");
    add_repeated("pppppppppp", 10000);
    add("'},'added_tokens':[{'id':2,'content':'aa','normalized':true}");
    for (i = 0; i < 10; i++) {
        (void)snprintf(entry, sizeof entry, ",{'id':%lu,'content':'b%lu','normalized':true}",
                       (unsigned long)i + 3, (unsigned long)i);
        add(entry);
    }
    add("]," PLAIN);
    refused("T: its normalizer makes more than 1049984 bytes of its added tokens");
}

/* ---- steps ---- */

/* Tokens that differ far behind their beginning are compared with a place of a text at once; that
   is still too much where every place goes on as they begin. */
static void added_tokens_that_begin_alike(void)
{
    static char text[200000];
    size_t count, lengths[2] = {16000, 100000}, i;
    memset(text, '0', sizeof text);
    for (i = 0; i < 2; i++) {
        otx_encoder *e;
        begin("{'added_tokens':[{'id':2,'content':'");
        add_repeated("0000000000", lengths[i] / 10);
        add("b'},{'id':3,'content':'");
        add_repeated("0000000000", lengths[i] / 10);
        add("c'}]," PLAIN);
        e = encoder_of(file);
        if (i == 0) {
            text[99999] = 'c';
            CHECK_INT(otx_encode(e, text, 100000, NULL, 0, &count, &error), OTX_OK);
            CHECK_INT(count, 100000 - 16000);
            text[99999] = '0';
        } else {
            refused_text(e, text, sizeof text, "T: it takes too many steps to look for the added "
                         "tokens in a text of 200000 bytes");
        }
        otx_encoder_close(e);
    }
}

/* The same of tokens of the model. */
static void tokens_that_begin_alike(void)
{
    static const char *const heads[2] = {
        "{'model':{'type':'Unigram','unk_id':0,'vocab':[['?',0],['a',-1],['",
        "{'model':{'type':'WordPiece','unk_token':'?','continuing_subword_prefix':'##',"
        "'max_input_chars_per_word':4000000000,'vocab':{'?':0,'a':1,'##a':2,'##",
    };
    static const char *const tails[2] = {"b',-1]]}}", "b':3}}}"};
    static char text[100000];
    size_t i, count;
    memset(text, 'a', sizeof text);
    for (i = 0; i < 2; i++) {
        otx_encoder *e;
        otx_vocab vocab;
        begin(heads[i]);
        add_repeated("aaaaaaaaaa", sizeof text / 10);
        add(tails[i]);
        e = encoder_of(file);
        refused_text(e, text, sizeof text, "T: a text of 100000 bytes takes too many steps to be "
                     "split");
        CHECK_INT(otx_encode(e, text, 10000, NULL, 0, &count, &error), OTX_OK);
        CHECK_INT(count, 10000);
        otx_encoder_close(e);
        CHECK_INT(otx_vocab_parse(NULL, texts, "T", &vocab, &error), OTX_OK);
        CHECK_INT(otx_vocab_parse_rules(NULL, texts, "T", &vocab, &error), OTX_OK);
        CHECK_INT(otx_vocab_split(NULL, &vocab, text, sizeof text, NULL, 0, &count, &error),
                  OTX_ERROR_LIMIT);
        CHECK_CONTAINS(error.message, "a text of 100000 bytes takes too many steps");
        otx_vocab_close(NULL, &vocab);
    }
}

/* Opens a tokenizer with a normaliser of `first` and `times` times `step`. */
static otx_encoder *of_steps(const char *added, const char *first, const char *step, size_t times)
{
    begin("{'added_tokens':[");
    add(added);
    add("],'normalizer':{'type':'Sequence','normalizers':[");
    add(first);
    while (times-- > 0) {
        add(",");
        add(step);
    }
    add("]}," PLAIN);
    return encoder_of(file);
}

/* Many steps over a text, over what grew of it, over its parts; as many as are left in peace. */
static void steps_over_a_text(void)
{
#define LOWER "{'type':'Lowercase'}"
#define TOKEN "{'id':2,'content':'a','normalized':false}"
#define GROWING "{'type':'Replace','pattern':{'String':'a'},'content':'0000000000000000000a'}"
    static const struct {
        const char *added, *first;
        size_t times;
        const char *message;
    } cases[] = {
        {"", LOWER, 200, "T: the 201 steps of its normalizer go over too many bytes for a text of "
                         "100000: over more than 128 times as many"},
        {"", GROWING, 20, "T: the 21 steps of its normalizer go over too many bytes for a text of "
                          "100000: over more than 128 times as many"},
        {TOKEN, LOWER, 200, "T: the 201 steps of its normalizer go over too many bytes for a text "
                            "of 1: over more than 128 times as many"},
        {"", LOWER, 127, NULL},
        {TOKEN, LOWER, 127, NULL},
        {"", GROWING, 5, NULL},
    };
    static char text[100000];
    size_t i, at, count;
    for (i = 0; i < COUNT(cases); i++) {
        otx_encoder *e = of_steps(cases[i].added, cases[i].first, LOWER, cases[i].times);
        for (at = 0; at < sizeof text; at++) text[at] = at % 2 ? 'a' : '0';
        if (cases[i].message) refused_text(e, text, sizeof text, cases[i].message);
        else CHECK_INT(otx_encode(e, text, sizeof text, NULL, 0, &count, &error), OTX_OK);
        otx_encoder_close(e);
    }
}

/* Of a text that is counted in parts it is said behind which line it is refused. */
static void lines_before_what_is_refused(void)
{
    static char lines[1 << 20], text[100000];
    uint64_t by_id[3] = {0};
    otx_token_counts counts = {by_id, 0, 0};
    size_t i;
    otx_encoder *e = of_steps("", GROWING, LOWER, 20);
    for (i = 0; i < sizeof lines; i++) lines[i] = i % 2 ? '\n' : '0';
    memset(text, 'a', sizeof text);
    CHECK_INT(otx_encoder_count(e, lines, sizeof lines, false, &counts, &error), OTX_OK);
    CHECK_INT(by_id[1], sizeof lines / 2 - 1); /* one stays with what comes next */
    CHECK_INT(otx_encoder_count(e, text, sizeof text, true, &counts, &error), OTX_ERROR_LIMIT);
    CHECK_CONTAINS(error.message, "behind line 524287: T: the 21 steps of its normalizer");
    otx_encoder_close(e);
}

/* All expressions of a normaliser have their steps together. */
static void many_expressions(void)
{
#define HARD "{'type':'Replace','content':'','pattern':{'Regex':'(?:a|a)*b'}}"
    static char text[20000];
    size_t i, count;
    for (i = 0; i < sizeof text; i++) text[i] = i % 6 == 5 ? '0' : 'a';
    for (i = 0; i < 2; i++) {
        otx_encoder *e = of_steps("", HARD, HARD, i ? 60 : 3);
        if (i) refused_text(e, text, sizeof text, "takes too many steps to match");
        else CHECK_INT(otx_encode(e, text, sizeof text, NULL, 0, &count, &error), OTX_OK);
        otx_encoder_close(e);
    }
}

/* An expression has its steps for a text, not for each of its parts. */
static void expressions_over_parts(void)
{
    static const char *const kinds[2] = {
        "'pre_tokenizer':{'type':'Split','behavior':'Isolated','pattern':{'Regex':'(?:a|a)*b'}},",
        "'normalizer':{'type':'Replace','content':'','pattern':{'Regex':'(?:a|a)*b'}},"
    };
    static char text[4000];
    size_t i, count;
    for (i = 0; i < sizeof text; i++) text[i] = i % 13 == 12 ? 'x' : 'a';
    for (i = 0; i < 2; i++) {
        otx_encoder *e;
        begin("{'added_tokens':[{'id':2,'content':'x'}],");
        add(kinds[i]);
        add(PLAIN);
        e = encoder_of(file);
        CHECK_INT(otx_encode(e, text, 160, NULL, 0, &count, &error), OTX_OK);
        refused_text(e, text, sizeof text, "takes too many steps to match");
        otx_encoder_close(e);
    }
    begin("{'added_tokens':[{'id':2,'content':'x'}");
    for (i = 0; i < 250; i++) {
        char entry[80];
        (void)snprintf(entry, sizeof entry, ",{'id':%lu,'content':'aaaaaaaaaaaaa%lu',"
                       "'normalized':true}", (unsigned long)i + 3, (unsigned long)i);
        add(entry);
    }
    add("],");
    add(kinds[1]);
    add(PLAIN);
    refused("takes too many steps to match");
}

int main(void)
{
    RUN(steps_of_a_normaliser);
    RUN(expressions_of_a_normaliser);
    RUN(long_texts_that_are_looked_for);
    RUN(added_tokens_that_grow);
    RUN(added_tokens_that_begin_alike);
    RUN(tokens_that_begin_alike);
    RUN(steps_over_a_text);
    RUN(lines_before_what_is_refused);
    RUN(many_expressions);
    RUN(expressions_over_parts);
    return test_end();
}

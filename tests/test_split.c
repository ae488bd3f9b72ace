/* Splitting text by a tokenizer's model: what otx_vocab_split makes of small tokenizers of every
   kind. tests/split_oracle.py holds it to the packages on real ones.
   A suite of the public API: linked with the implementation. */
#include "omp_transplant.h"
#include "failing.h"
#include "test.h"

#define MARK "\xe2\x96\x81" /* U+2581 */

static otx_error error;

/* A vocabulary with its rules, of one file and merges.txt. ' stands for ". */
static otx_result open_with(const otx_context *ctx, otx_vocab_file file, const char *text,
                            const char *merges, otx_vocab *vocab)
{
    static char copy[4096];
    otx_vocab_text texts[OTX_VOCAB_FILES];
    otx_result result;
    char *at;
    (void)snprintf(copy, sizeof copy, "%s", text);
    for (at = copy; *at; at++)
        if (*at == '\'') *at = '"';
    memset(texts, 0, sizeof texts);
    texts[file].bytes = copy;
    texts[file].size = strlen(copy);
    texts[OTX_VOCAB_MERGES].bytes = merges;
    texts[OTX_VOCAB_MERGES].size = merges ? strlen(merges) : 0;
    result = otx_vocab_parse(ctx, texts, "T", vocab, &error);
    return result ? result : otx_vocab_parse_rules(ctx, texts, "T", vocab, &error);
}

static otx_vocab vocab_of(const char *text)
{
    otx_vocab vocab;
    CHECK_INT(open_with(NULL, OTX_VOCAB_TOKENIZER_JSON, text, NULL, &vocab), OTX_OK);
    return vocab;
}

/* The ids of the pieces, as text. */
static const char *pieces(const otx_vocab *vocab, const char *bytes, size_t size)
{
    static char text[256];
    uint32_t ids[32];
    size_t count = 0, used = 0, i;
    text[0] = 0;
    if (otx_vocab_split(NULL, vocab, bytes, size, ids, COUNT(ids), &count, &error)) return "?";
    for (i = 0; i < count; i++)
        used += (size_t)snprintf(text + used, sizeof text - used, "%s%lu", i ? " " : "",
                                 (unsigned long)ids[i]);
    return text;
}

#define SPLIT(vocab, text, wanted) CHECK_STRING(pieces(&(vocab), text, sizeof text - 1), wanted)

/* ---- BPE ---- */

/* Bytes by GPT-2's alphabet; the merges' order counts, not their length. */
#define BYTE_LEVEL(more) \
    "{'decoder':{'type':'ByteLevel'},'model':{'type':'BPE'," more \
    "'vocab':{'a':0,'b':1,'c':2,'\xc4\xa0':3,'ab':4,'bc':5," \
    "'\xc4\xa0" "a':6,'abc':7,'\xc4\xa7':8}," \
    "'merges':['b c','a b','\xc4\xa0 a','a bc']}}"

static void merges_by_their_order(void)
{
    otx_vocab vocab = vocab_of(BYTE_LEVEL(""));
    SPLIT(vocab, "abc", "7");
    SPLIT(vocab, "ab", "4");
    SPLIT(vocab, "abab", "4 4");
    SPLIT(vocab, " abc", "6 5"); /* b c, then the space and a; abc would be a bc */
    SPLIT(vocab, "\x85" "a", "8 0"); /* no UTF-8 */
    SPLIT(vocab, "azb", "4"); /* what nothing stands for is as if it were not there */
    SPLIT(vocab, "", "");
    otx_vocab_close(NULL, &vocab);
}

static void a_word_that_is_a_token(void)
{
    otx_vocab vocab = vocab_of(
        "{'decoder':{'type':'ByteLevel'},'model':{'type':'BPE','ignore_merges':true,"
        "'vocab':{'a':0,'b':1,'ab':2},'merges':[]}}");
    SPLIT(vocab, "ab", "2");
    SPLIT(vocab, "aba", "0 1 0");
    otx_vocab_close(NULL, &vocab);
}

static void merges_as_pairs_and_lines(void)
{
    otx_vocab vocab = vocab_of("{'decoder':{'type':'ByteLevel'},'model':{'type':'BPE',"
                               "'vocab':{'a':0,'b':1,'ab':2,'aba':3},"
                               "'merges':[['a','b'],['ab','a']]}}");
    SPLIT(vocab, "aba", "3");
    otx_vocab_close(NULL, &vocab);
    CHECK_INT(open_with(NULL, OTX_VOCAB_JSON, "{'a':0,'b':1,'\xc4\xa0':2,'ab':3}",
                        "#version: 0.2\r\na b\r\n", &vocab), OTX_OK);
    SPLIT(vocab, "ab a", "3 2 0");
    otx_vocab_close(NULL, &vocab);
    CHECK_INT(open_with(NULL, OTX_VOCAB_JSON, "{'a':0}", "", &vocab), OTX_ERROR_NOT_FOUND);
    CHECK_CONTAINS(error.message, "merges.txt");
    otx_vocab_close(NULL, &vocab);
}

#define SPACED(fallback, bytes) \
    "{'decoder':{'type':'Sequence','decoders':[{'type':'Replace','pattern':{'String':'" MARK \
    "'},'content':' '},{'type':'ByteFallback'}]},'model':{'type':'BPE','byte_fallback':" fallback \
    ",'unk_token':'<unk>','fuse_unk':true,'vocab':{'<unk>':0,'" MARK "':1,'a':2,'" MARK "a':3," \
    "'\xc3\xa9':4" bytes "},'merges':['" MARK " a']}}"

static void bytes_for_what_is_no_token(void)
{
    otx_vocab vocab = vocab_of(SPACED("true", ",'<0xC3>':5,'<0xA8>':6,'<0xFF>':7"));
    SPLIT(vocab, " a\xc3\xa9", "3 4");
    SPLIT(vocab, "a\xc3\xa8", "2 5 6");   /* a character that is no token */
    SPLIT(vocab, "\xc3 a\xff", "5 3 7");  /* what is no UTF-8 */
    SPLIT(vocab, "zz a", "0 3");          /* bytes that are no tokens either: one unknown */
    otx_vocab_close(NULL, &vocab);
}

static void words_that_end_with_a_suffix(void)
{
    otx_vocab vocab = vocab_of(
        "{'decoder':{'type':'BPEDecoder','suffix':'</w>'},'model':{'type':'BPE',"
        "'end_of_word_suffix':'</w>','vocab':{'a':0,'b':1,'b</w>':2,'ab</w>':3,'ab':4},"
        "'merges':['a b</w>','a b']}}");
    SPLIT(vocab, "ab ", "3");
    SPLIT(vocab, "ab", "4"); /* goes on */
    SPLIT(vocab, "ab ab", "3 4");
    otx_vocab_close(NULL, &vocab);
}

/* ---- the other models ---- */

static void the_best_sum_of_scores(void)
{
    otx_vocab vocab = vocab_of(
        "{'decoder':{'type':'Metaspace','replacement':'" MARK "'},'model':{'type':'Unigram',"
        "'unk_id':0,'vocab':[['<unk>',0],['a',-1.5],['b',-1.5],['ab',-4.0],['abc',-25e-1],"
        "['c',-1.0],['" MARK "a',-0.5],['bc',-2.25]]}}");
    SPLIT(vocab, "ab", "1 2");    /* -3 against -4 */
    SPLIT(vocab, "abc", "4");     /* -2.5 against -3.75 and -4 */
    SPLIT(vocab, " abc", "6 7");  /* -2.75 against -3 */
    SPLIT(vocab, "azzb", "1 0 2");
    SPLIT(vocab, "\xff", "0");
    otx_vocab_close(NULL, &vocab);
}

static void the_longest_token_that_fits(void)
{
    otx_vocab vocab;
    CHECK_INT(open_with(NULL, OTX_VOCAB_TXT, "[UNK]\nun\n##able\n##ab\n##le\nable\nunable\n##d\n",
                        NULL, &vocab), OTX_OK);
    SPLIT(vocab, " unable", "6");
    SPLIT(vocab, " unabled", "6 7");
    SPLIT(vocab, "abled", "2 7"); /* continues a word */
    SPLIT(vocab, " unab unx able", "1 3 0 5"); /* a word is unknown as a whole */
    otx_vocab_close(NULL, &vocab);
}

static void ranks_of_what_two_make(void)
{
    otx_vocab vocab;
    CHECK_INT(open_with(NULL, OTX_VOCAB_TIKTOKEN,
                        "YQ== 0\nYg== 1\nYw== 2\n/w== 3\nYmM= 4\nYWI= 5\nYWJj 6\n", NULL, &vocab),
              OTX_OK);
    SPLIT(vocab, "ab", "5");
    SPLIT(vocab, "abc", "6");
    SPLIT(vocab, "ababc\xff", "5 6 3");
    SPLIT(vocab, "abcb", "6 1");
    otx_vocab_close(NULL, &vocab);
}

/* Those that are special, reserved or added are found in text by other means than the model. */
static void only_tokens_of_the_model(void)
{
    otx_vocab vocab = vocab_of(
        "{'added_tokens':[{'id':2,'content':'ab','special':true},{'id':4,'content':'ba',"
        "'special':false}],'decoder':{'type':'ByteLevel'},'model':{'type':'BPE',"
        "'vocab':{'a':0,'b':1,'ab':2,'bb':3},'merges':['a b','b b']}}");
    SPLIT(vocab, "abba", "0 3 0");
    otx_vocab_close(NULL, &vocab);
}

/* ---- the call ---- */

static void how_many_there_are(void)
{
    otx_vocab vocab = vocab_of(BYTE_LEVEL(""));
    uint32_t ids[2] = {99, 99};
    size_t count = 0;
    CHECK_INT(otx_vocab_split(NULL, &vocab, "a a a", 5, ids, 1, &count, &error), OTX_OK);
    CHECK_INT(count, 3);
    CHECK_INT(ids[0], 0);
    CHECK_INT(ids[1], 99);
    CHECK_INT(otx_vocab_split(NULL, &vocab, "ab", 2, NULL, 0, &count, &error), OTX_OK);
    CHECK_INT(count, 1);
    otx_vocab_close(NULL, &vocab);
}

static void rules_must_be_asked_for(void)
{
    otx_vocab_text texts[OTX_VOCAB_FILES];
    otx_vocab vocab;
    size_t count;
    memset(texts, 0, sizeof texts);
    texts[OTX_VOCAB_TIKTOKEN].bytes = "YQ== 0\n";
    texts[OTX_VOCAB_TIKTOKEN].size = 7;
    CHECK_INT(otx_vocab_parse(NULL, texts, "T", &vocab, &error), OTX_OK);
    CHECK(vocab.rules == NULL);
    CHECK_INT(otx_vocab_split(NULL, &vocab, "a", 1, NULL, 0, &count, &error), OTX_ERROR_ARGUMENT);
    CHECK_CONTAINS(error.message, "otx_vocab_open_rules");
    otx_vocab_close(NULL, &vocab);
}

static void a_long_text_takes_no_longer_than_it_must(void)
{
    enum { LONG = 400000 };
    char *text = (char *)malloc(LONG);
    size_t count = 0;
    otx_vocab vocab = vocab_of(BYTE_LEVEL(""));
    if (!text) return;
    memset(text, 'a', LONG);
    CHECK_INT(otx_vocab_split(NULL, &vocab, text, LONG, NULL, 0, &count, &error), OTX_OK);
    CHECK_INT(count, LONG);
    CHECK_INT(otx_vocab_split(NULL, &vocab, text, (size_t)1 << 30, NULL, 0, &count, &error),
              OTX_ERROR_LIMIT);
    otx_vocab_close(NULL, &vocab);
    free(text);
}

static void every_allocation_can_fail(void)
{
    failing state;
    otx_context ctx;
    long fail_at;
    memset(&ctx, 0, sizeof ctx);
    ctx.allocator.resize = failing_resize;
    ctx.allocator.context = &state;
    for (fail_at = 1;; fail_at++) {
        otx_vocab vocab;
        otx_result result;
        size_t count;
        memset(&state, 0, sizeof state);
        state.fail_at = fail_at;
        result = open_with(&ctx, OTX_VOCAB_TOKENIZER_JSON, BYTE_LEVEL(""), NULL, &vocab);
        if (!result) result = otx_vocab_split(&ctx, &vocab, "abc", 3, NULL, 0, &count, &error);
        otx_vocab_close(&ctx, &vocab);
        CHECK_INT(state.live, 0);
        CHECK_INT(state.wrong_size, 0);
        if (result == OTX_OK) break;
        CHECK_INT(result, OTX_ERROR_MEMORY);
    }
    CHECK(fail_at > 10);
    CHECK(state.requests < fail_at);
}

int main(void)
{
    RUN(merges_by_their_order);
    RUN(a_word_that_is_a_token);
    RUN(merges_as_pairs_and_lines);
    RUN(bytes_for_what_is_no_token);
    RUN(words_that_end_with_a_suffix);
    RUN(the_best_sum_of_scores);
    RUN(the_longest_token_that_fits);
    RUN(ranks_of_what_two_make);
    RUN(only_tokens_of_the_model);
    RUN(how_many_there_are);
    RUN(rules_must_be_asked_for);
    RUN(a_long_text_takes_no_longer_than_it_must);
    RUN(every_allocation_can_fail);
    return test_end();
}

/* Words as every kind of model splits them, on small tokenizers: bytes, what is unknown, tokens
   that no merges lead to. tests/encode_oracle.py holds it to the package on real ones.
   A suite of the public API: linked with the implementation. */
#include "omp_transplant.h"
#include "encode_text.h"
#include "test.h"

static void words_of_every_model(void)
{
    otx_encoder *e = encoder_of(
        "{'pre_tokenizer':{'type':'WhitespaceSplit'},'model':{'type':'WordPiece','unk_token':'?',"
        "'continuing_subword_prefix':'##','max_input_chars_per_word':4,"
        "'vocab':{'?':0,'un':1,'##ab':2,'##le':3}}}");
    ENCODE(e, "un unab unable x", "1 1 2 0 0"); /* of six characters: too long */
    otx_encoder_close(e);
    e = encoder_of(
        "{'pre_tokenizer':{'type':'Metaspace','replacement':'" MARK "','prepend_scheme':'always',"
        "'split':true},'model':{'type':'Unigram','unk_id':0,'vocab':[['<unk>',0],['" MARK "a',-1],"
        "['" MARK "',-2],['a',-2],['b',-1]]}}");
    ENCODE(e, "a ab zz b", "1 1 4 2 0 2 4");
    otx_encoder_close(e);
    e = encoder_of( /* scores of many digits, and of large exponents */
        "{'model':{'type':'Unigram','unk_id':0,'vocab':[['<unk>',0],"
        "['ab',-0.50000000000000000000000001],['a',-1e-30],['b',-10e-1],['aa',-3e-29]]}}");
    ENCODE(e, "abb", "1 3");
    ENCODE(e, "aab", "2 1");
    otx_encoder_close(e);
    e = encoder_of( /* one merge twice: its last place counts */
        "{'model':{'type':'BPE','vocab':{'a':0,'b':1,'c':2,'ab':3,'bc':4},"
        "'merges':['a b','b c','a b']}}");
    ENCODE(e, "abc", "0 4");
    otx_encoder_close(e);
    e = encoder_of("{'model':{'type':'BPE','continuing_subword_prefix':'##','vocab':{'a':0,"
                   "'##b':1,'ab':2,'##c':3,'abc':4},'merges':['a ##b','ab ##c']}}");
    ENCODE(e, "abc", "4");
    ENCODE(e, "ab", "2");
    otx_encoder_close(e);
}

/* A word that is a token is that one whatever the merges, but no part of a word is. */
static void whole_words_before_merges(void)
{
    otx_encoder *e = encoder_of("{'model':{'type':'BPE','ignore_merges':true,'vocab':{'a':0,'b':1,"
                                "'ab':2,'z':3},'merges':[]}}");
    ENCODE(e, "abzzzzzzzzzzzzzzzzzzzzzzzz",
           "0 1 3 3 3 3 3 3 3 3 3 3 3 3 3 3 3 3 3 3 3 3 3 3 3 3");
    ENCODE(e, "ab", "2");
    ENCODE(e, "abzzzzzzzzzzzzzzzzzzzzzzzz",
           "0 1 3 3 3 3 3 3 3 3 3 3 3 3 3 3 3 3 3 3 3 3 3 3 3 3");
    otx_encoder_close(e);
    e = encoder_of("{'model':{'type':'BPE','ignore_merges':true,'vocab':{'a':0,'z':1,"
                   "'zzzzzzzzzzzzzzzzzzzzzzzza':2},'merges':[]}}"); /* seams within a token */
    ENCODE(e, "zzzzzzzzzzzzzzzzzzzzzzzza", "2");
    ENCODE(e, "azzzzzzzzzzzzzzzzzzzzzzzza",
           "0 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 0");
    otx_encoder_close(e);
}

/* Bytes go by one spelling of their names, and whatever else these tokens are. */
static void tokens_of_bytes(void)
{
    static char own[1024], config[64];
    otx_encoder *e = encoder_of(
        "{'added_tokens':[" FLAGS("<0x0A>", "1", ",'special':true,'normalized':false") "],'model':{"
        "'type':'BPE','byte_fallback':true,'unk_token':'?','vocab':{'?':0,'<0x0A>':1,'a':2,"
        "'<0xC3>':5,'<0xA9>':6,'<0xc3>':7,'<0xc2>':8},'merges':[]}}");
    ENCODE(e, "a\n", "2 1");
    ENCODE(e, "\xc3\xa9", "5 6");
    ENCODE(e, "\xc2\xa9", "0");
    otx_encoder_close(e);
    memset(texts, 0, sizeof texts);
    put_text(OTX_VOCAB_TOKENIZER_JSON, own, sizeof own,
             "{'model':{'type':'Unigram','unk_id':0,'byte_fallback':true,'vocab':[['?',0],"
             "['<0x0A>',-1],['a',-1]]}}");
    put_text(OTX_VOCAB_TOKENIZER_CONFIG, config, sizeof config, "{'pad_token':'<0x0A>'}");
    CHECK_INT(otx_encoder_parse(NULL, texts, "T", &e, &error), OTX_OK);
    ENCODE(e, "a\n", "2 1");
    otx_encoder_close(e);
}

/* Text that wants an unknown token where there is none is a fault, as in the package; but for BPE
   that names none. */
static void no_unknown_token(void)
{
    static const struct {
        const char *model, *wanted, *lost;
    } cases[] = {
        {"'type':'WordLevel','unk_token':'?','vocab':{'a':0}", "0 0", "zz"},
        {"'type':'WordPiece','unk_token':'?','vocab':{'a':0}", "0 0", "zz"},
        {"'type':'BPE','unk_token':'?','vocab':{'a':0},'merges':[]", "0 0", "z"},
        {"'type':'Unigram','unk_id':null,'vocab':[['a',-1]]", "0 0", "z"},
        {"'type':'Unigram','unk_token':'a','byte_fallback':true,'vocab':[['a',-1],['<0x7A>',-1]]",
         "0 0", "z"},
        {"'type':'BPE','vocab':{'a':0},'merges':[]", "0 0", NULL},
        {"'type':'BPE','unk_token':'?','byte_fallback':true,'vocab':{'a':0,'<0x7A>':1},"
         "'merges':[]", "0 0", NULL},
    };
    size_t i, count;
    for (i = 0; i < COUNT(cases); i++) {
        char file[512], message[128];
        otx_encoder *e;
        (void)snprintf(file, sizeof file, "{'pre_tokenizer':{'type':'WhitespaceSplit'},'model':"
                       "{%s}}", cases[i].model);
        e = encoder_of(file);
        CHECK_STRING(encoded(e, "a a", 3), cases[i].wanted);
        CHECK_INT(otx_encode(e, "a zz a", 6, NULL, 0, &count, &error),
                  cases[i].lost ? OTX_ERROR_FORMAT : OTX_OK);
        if (cases[i].lost) {
            (void)snprintf(message, sizeof message, "T: its model has no token for \"%s\", and no "
                           "unknown token to stand for it", cases[i].lost);
            CHECK_STRING(error.message, message);
            CHECK_INT(otx_encode(e, "a zz a", 6, NULL, 0, &count, &error), OTX_ERROR_FORMAT);
        }
        CHECK_STRING(encoded(e, "a a", 3), cases[i].wanted);
        otx_encoder_close(e);
    }
}

/* Of a text that comes in parts such a fault says in which line it is. */
static void lines_of_faults(void)
{
    static char text[3 << 20];
    static const char lost[] = "T: its model has no token for \"zz\", and no unknown token to "
                               "stand for it";
    uint64_t by_id[2] = {0};
    otx_token_counts counts = {by_id, 0, 0};
    const size_t line = 6, lines = sizeof text / line - 1;
    char message[128];
    size_t i;
    otx_encoder *e = encoder_of("{'pre_tokenizer':{'type':'WhitespaceSplit'},'model':{'type':"
                                "'WordLevel','unk_token':'?','vocab':{'a':0,'b':1}}}");
    for (i = 0; i < sizeof text; i++) text[i] = "a b\r\n\n"[i % line];
    memcpy(text + line * (lines - 1), "b\nzz a", line);
    for (i = 0; i < 2; i++) { /* the next text begins anew */
        size_t at = 0;
        otx_result result = OTX_OK;
        for (; at < line * lines && !result; at += 5000) {
            const size_t size = line * lines - at < 5000 ? line * lines - at : 5000;
            result = otx_encoder_count(e, text + at, size, at + size == line * lines, &counts,
                                       &error);
        }
        CHECK_INT(result, OTX_ERROR_FORMAT);
        (void)snprintf(message, sizeof message, "line %lu: %s",
                       (unsigned long)(2 * (lines - 1) + 2), lost);
        CHECK_STRING(error.message, message);
        CHECK_INT(otx_encoder_count(e, "a\nb", 3, true, &counts, &error), OTX_OK);
    }
    CHECK_INT(otx_encoder_count(e, "a zz", 4, true, &counts, &error), OTX_ERROR_FORMAT);
    (void)snprintf(message, sizeof message, "line 1: %s", lost);
    CHECK_STRING(error.message, message);
    CHECK_INT(otx_encoder_count(e, "a zz", 4, true, &counts, NULL), OTX_ERROR_FORMAT);
    otx_encoder_close(e);
    e = encoder_of("{'model':{'type':'WordLevel','unk_token':'?','vocab':{'a\\n':0,'b':1}}}");
    CHECK_INT(otx_encoder_count(e, "a\nb", 3, true, &counts, &error), OTX_ERROR_FORMAT);
    CHECK_STRING(error.message, "T: its model has no token for \"a\\x0ab\", and no unknown token "
                                "to stand for it"); /* each line is one */
    otx_encoder_close(e);
}

/* Unigram: the unknown token's own text is as unknown as what is beside it; all of it may be a
   token. What is unknown costs more than the least score, also where all are above 0. */
static void unknown_pieces(void)
{
    otx_encoder *e = encoder_of("{'model':{'type':'Unigram','unk_id':0,'vocab':[['<unk>',0],"
                                "['a',-1]]}}");
    ENCODE(e, "<unk>z", "0");
    ENCODE(e, "z<unk><unk>a<unk>", "0 1 0");
    otx_encoder_close(e);
    e = encoder_of("{'model':{'type':'Unigram','unk_id':0,'byte_fallback':true,'vocab':[['<u>',0],"
                   "['a',-1],['<0x3C>',-9],['<0x75>',-9],['<0x3E>',-9],['<0x7A>',-9]]}}");
    ENCODE(e, "<u>", "0");
    ENCODE(e, "<u>z", "2 3 4 5");
    otx_encoder_close(e);
    e = encoder_of("{'model':{'type':'Unigram','unk_id':0,'vocab':[['<unk>',5],['xy',5],"
                   "['y',12]]}}");
    ENCODE(e, "xy", "0 2");
    otx_encoder_close(e);
    e = encoder_of("{'model':{'type':'Unigram','unk_id':0,'vocab':[['<unk>',30],['xy',30]]}}");
    ENCODE(e, "xy", "1");
    otx_encoder_close(e);
}

/* Bytes and the unknown token stand in before pieces are joined, as in the tokenizers package. */
static void merges_of_bytes_and_of_the_unknown(void)
{
    otx_encoder *e = encoder_of(
        "{'model':{'type':'BPE','unk_token':'?','fuse_unk':true,'byte_fallback':true,'vocab':"
        "{'?':0,'<0xC3>':1,'<0xA9>':2,'<0xC3><0xA9>':3,'a':4},'merges':['<0xC3> <0xA9>']}}");
    ENCODE(e, "\xc3\xa9" "a\xc3\xa9", "3 4 3");
    ENCODE(e, "z\xc3\xa9" "a", "3 0 4"); /* the unknown token behind the bytes */
    ENCODE(e, "z\xc3\xa9z\xc3\xa9" "a", "3 3 0 4");
    otx_encoder_close(e);
    e = encoder_of("{'model':{'type':'BPE','unk_token':'?','fuse_unk':true,"
                   "'vocab':{'?':0,'a':1,'?a':2},'merges':['? a']}}");
    ENCODE(e, "\xc3\xa9" "a", "2");
    ENCODE(e, "zza", "2");
    otx_encoder_close(e);
    e = encoder_of("{'model':{'type':'BPE','unk_token':'?','vocab':{'?':0,'a':1},'merges':[]}}");
    ENCODE(e, "zza", "0 0 1");
    otx_encoder_close(e);
}

/* The text that ends a word may be written six times as long; one without room is refused. */
static void affixes_of_words(void)
{
    otx_encoder *e = encoder_of(
        "{'model':{'type':'BPE','end_of_word_suffix':'\\u003c\\u002f\\u0077\\u002e\\u0077\\u003e',"
        "'vocab':{'a':0,'a</w.w>':1},'merges':[]}}");
    ENCODE(e, "aa", "0 1");
    otx_encoder_close(e);
    e = encoder_of("{'model':{'type':'WordPiece','unk_token':'?','continuing_subword_prefix':"
                   "'12345678901234567890123456789012','vocab':{'?':0,'a':1,"
                   "'12345678901234567890123456789012a':2}}}");
    ENCODE(e, "aa", "1 2");
    CHECK_INT(otx_encoder_vocab(e)->tokens[2].size, 1);
    otx_encoder_close(e);
    CHECK_INT(open_with(NULL, OTX_VOCAB_TOKENIZER_JSON, "{'model':{'type':'WordPiece','unk_token':"
                        "'?','continuing_subword_prefix':'123456789012345678901234567890123',"
                        "'vocab':{'?':0,'a':1,'12345678901234567890123456789012a':2}}}", &e),
              OTX_ERROR_LIMIT);
    CHECK_STRING(error.message, "T: the continuing_subword_prefix of its model has 33 bytes, and "
                                "at most 32 are supported");
}

int main(void)
{
    RUN(words_of_every_model);
    RUN(whole_words_before_merges);
    RUN(tokens_of_bytes);
    RUN(no_unknown_token);
    RUN(lines_of_faults);
    RUN(unknown_pieces);
    RUN(affixes_of_words);
    RUN(merges_of_bytes_and_of_the_unknown);
    return test_end();
}

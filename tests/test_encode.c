/* Whole texts as token ids: normalisers, added tokens, pre-tokenizer, model and the memory of
   words, on small tokenizers. tests/encode_oracle.py holds it to the package on real ones.
   A suite of the public API: linked with the implementation. */
#include "omp_transplant.h"
#include "encode_text.h"
#include "failing.h"
#include "test.h"

/* ---- all of it ---- */

static void from_text_to_ids(void)
{
    otx_encoder *e = encoder_of(GPT2("", "", "null"));
    const otx_vocab *vocab = otx_encoder_vocab(e);
    uint32_t ids[2] = {99, 99};
    size_t count;
    CHECK_INT(vocab->count, 10);
    ENCODE(e, "ab ab!", "3 4 7");
    ENCODE(e, "ab ab!", "3 4 7"); /* as remembered */
    ENCODE(e, "  ab1", "2 4 6");  /* the pre-tokenizer cuts before the last space */
    ENCODE(e, "aqb", "3");        /* what is no token is as if it were not there */
    ENCODE(e, "", "");
    CHECK_INT(otx_encode(e, "a b a", 5, ids, 1, &count, &error), OTX_OK);
    CHECK_INT(count, 5);
    CHECK_INT(ids[1], 99);
    CHECK_INT(otx_encode(e, "", (size_t)1 << 30, NULL, 0, &count, &error), OTX_ERROR_LIMIT);
    otx_encoder_close(e);
    otx_encoder_close(NULL);
}

static void added_tokens_are_cut_out(void)
{
    otx_encoder *e = encoder_of(GPT2(
        "", FLAGS("<a>", "10", ",'special':true,'normalized':false") ","
        FLAGS("<a>b", "11", ",'special':false,'normalized':false") ","
        FLAGS("<l>", "12", ",'lstrip':true,'normalized':false") ","
        FLAGS("<r>", "13", ",'rstrip':true,'normalized':false") ","
        FLAGS("<w>", "14", ",'single_word':true,'normalized':false") ","
        FLAGS("Xx", "15", ",'normalized':true"),
        "{'type':'Lowercase'}"));
    ENCODE(e, "a<a>a", "0 10 0");
    ENCODE(e, "a<a>b<a>", "0 11 10"); /* the longest */
    ENCODE(e, "a  <l> a", "0 12 2 0");
    ENCODE(e, "a <r>  a", "0 2 13 0");
    ENCODE(e, "<r> <l>a", "13 12 0");
    ENCODE(e, "a<w> <w> a", "0 2 14 2 0"); /* beside a letter it is none */
    ENCODE(e, "\xc3\xa9<w>", "");
    ENCODE(e, "axXB", "0 15 1");        /* looked for in what is made of the text */
    ENCODE(e, "<A>", "0");
    otx_encoder_close(e);
}

/* Tokens of the files beside tokenizer.json: with the flags that they have there, or by name. */
static void added_tokens_of_files_beside(void)
{
    static char own[4096], config[1024];
    otx_encoder *e;
    memset(texts, 0, sizeof texts);
    put_text(OTX_VOCAB_TOKENIZER_JSON, own, sizeof own,
             GPT2("", FLAGS("Xx", "10", ""), "{'type':'Lowercase'}"));
    put_text(OTX_VOCAB_TOKENIZER_CONFIG, config, sizeof config,
             "{'pad_token':'<N>','added_tokens_decoder':{'11':{'content':'<L>','lstrip':true,"
             "'special':true},'12':{'content':'Bb','special':false}}}");
    CHECK_INT(otx_encoder_parse(NULL, texts, "T", &e, &error), OTX_OK);
    ENCODE(e, "axXa", "0 10 0"); /* no word of "normalized": one that is not special is */
    ENCODE(e, "a  <L>a<l>", "0 11 0");
    ENCODE(e, "abBa", "0 12 0");
    ENCODE(e, "a<N>a<n>", "0 13 0");
    otx_encoder_close(e);
}

/* Where two files say otherwise of a token the last one counts, as transformers adds it again. One
   that is only named, as an object, has its flags there. */
static void flags_of_files_beside(void)
{
    static char own[4096], config[2048], map[512];
    otx_encoder *e;
    memset(texts, 0, sizeof texts);
    put_text(OTX_VOCAB_TOKENIZER_JSON, own, sizeof own,
             GPT2("", FLAGS("<m>", "10", ",'special':true,'normalized':false") ","
                  FLAGS("Xx", "11", ",'special':false,'normalized':true") ","
                  FLAGS("Yx", "12", ",'special':true,'normalized':true"),
                  "{'type':'Lowercase'}"));
    put_text(OTX_VOCAB_TOKENIZER_CONFIG, config, sizeof config,
             "{'mask_token':{'__type':'AddedToken','content':'<N>','lstrip':true,'normalized':"
             "false},'pad_token':{'content':'<m>','rstrip':true},'added_tokens_decoder':{"
             "'10':{'content':'<m>','lstrip':true,'special':true,'normalized':true},"
             "'11':{'content':'Xx','special':false,'normalized':false},"
             "'12':{'content':'Yx','special':true,'normalized':false}}}");
    put_text(OTX_VOCAB_SPECIAL_TOKENS, map, sizeof map,
             "{'sep_token':{'content':'<N>','lstrip':false,'rstrip':true}}");
    CHECK_INT(otx_encoder_parse(NULL, texts, "T", &e, &error), OTX_OK);
    ENCODE(e, "a <m> a<M>", "0 10 2 0 10");
    ENCODE(e, "axXaXx", "0 8 8 0 11");
    ENCODE(e, "ayXa", "0 8 0");
    ENCODE(e, "a <N> a<n>", "0 13 2 0"); /* the map counts only where no list is */
    otx_encoder_close(e);
    put_text(OTX_VOCAB_TOKENIZER_CONFIG, config, sizeof config, "{}");
    CHECK_INT(otx_encoder_parse(NULL, texts, "T", &e, &error), OTX_OK);
    ENCODE(e, "a <N> a", "0 2 13 0");
    otx_encoder_close(e);
}

/* Those of added_tokens.json are looked for in normalised text, unless they are special. */
static void names_of_added_tokens_json(void)
{
    static char own[4096], config[64], added[64];
    otx_encoder *e;
    memset(texts, 0, sizeof texts);
    put_text(OTX_VOCAB_TOKENIZER_JSON, own, sizeof own, GPT2("", "", "{'type':'Lowercase'}"));
    put_text(OTX_VOCAB_TOKENIZER_CONFIG, config, sizeof config, "{'pad_token':'Zar'}");
    put_text(OTX_VOCAB_ADDED_TOKENS, added, sizeof added, "{'Foo':10,'Zar':11}");
    CHECK_INT(otx_encoder_parse(NULL, texts, "T", &e, &error), OTX_OK);
    ENCODE(e, "aFOOaFooa", "0 10 0 10 0");
    ENCODE(e, "aZARaZara", "0 0 0 11 0");
    otx_encoder_close(e);
}

/* A token whose flags files give by a name: what "a <m>b" becomes, 0 7 1 where the token takes
   the space with it. An entry of added_tokens.json has flags of its own; of others the last name
   counts, in the order of roles and then of lists, as transformers 5 adds them. */
static void flags_by_names(void)
{
#define OBJECT(flags) "{'__type':'AddedToken','content':'<m>','normalized':false" flags "}"
#define LEFT OBJECT(",'lstrip':true,'special':true")
#define PLAIN OBJECT(",'lstrip':false,'special':true")
    static const struct {
        const char *config, *map, *added, *wanted, *lower;
    } cases[] = {
        {"{'mask_token':" LEFT "}", NULL, "{'<m>':7}", "0 2 7 1", "7"},
        {"{'mask_token':'<m>'}", NULL, "{'<m>':7}", "0 2 7 1", ""},
        {"{}", "{'mask_token':" LEFT "}", "{'<m>':7}", "0 2 7 1", ""},
        {"{'extra_special_tokens':[" LEFT "]}", NULL, "{'<m>':7}", "0 2 7 1", "7"},
        {"{'extra_special_tokens':['<m>']}", NULL, "{'<m>':7}", "0 2 7 1", ""},
        {"{'bos_token':" PLAIN ",'mask_token':" LEFT "}", NULL, NULL, "0 7 1", ""},
        {"{'mask_token':" LEFT ",'bos_token':" PLAIN "}", NULL, NULL, "0 7 1", ""},
        {"{'bos_token':" LEFT ",'mask_token':" PLAIN "}", NULL, NULL, "0 2 7 1", ""},
        {"{'bos_token':" PLAIN ",'cls_token':" LEFT ",'mask_token':" PLAIN "}", NULL, NULL,
         "0 7 1", ""}, /* the first again adds nothing */
        {"{'mask_token':" LEFT ",'extra_special_tokens':['<m>']}", NULL, NULL, "0 2 7 1", ""},
        {"{'mask_token':" LEFT ",'additional_special_tokens':['<m>']}", NULL, NULL, "0 2 7 1", ""},
        {"{'mask_token':'<m>','extra_special_tokens':[" LEFT "]}", NULL, NULL, "0 7 1", ""},
        {"{'mask_token':'<m>','extra_special_tokens':{'x_token':" LEFT "}}", NULL, NULL, "0 7 1",
         ""},
        {"{'bos_token':" PLAIN "}", "{'mask_token':" LEFT "}", NULL, "0 7 1", ""},
        {"{'mask_token':" LEFT "}", "{'bos_token':" PLAIN "}", NULL, "0 7 1", ""},
        {"{'mask_token':" PLAIN "}", "{'mask_token':" LEFT "}", NULL, "0 7 1", ""},
        {"{'mask_token':" LEFT "}", "{'additional_special_tokens':['<m>']}", NULL, "0 2 7 1", ""},
        {"{'mask_token':" LEFT ",'added_tokens_decoder':{'7':" PLAIN "}}", NULL, NULL, "0 2 7 1",
         ""},
    };
    static char files[4][1024];
    size_t i;
    for (i = 0; i < COUNT(cases); i++) {
        otx_encoder *e;
        memset(texts, 0, sizeof texts);
        put_text(OTX_VOCAB_TOKENIZER_JSON, files[0], sizeof files[0],
                 "{'normalizer':{'type':'Lowercase'},'model':{'type':'BPE','vocab':{'a':0,'b':1,"
                 "' ':2,'n':3,'o':4,'p':5,'q':6},'merges':[]}}");
        put_text(OTX_VOCAB_TOKENIZER_CONFIG, files[1], sizeof files[1], cases[i].config);
        if (cases[i].map)
            put_text(OTX_VOCAB_SPECIAL_TOKENS, files[2], sizeof files[2], cases[i].map);
        if (cases[i].added)
            put_text(OTX_VOCAB_ADDED_TOKENS, files[3], sizeof files[3], cases[i].added);
        CHECK_INT(otx_encoder_parse(NULL, texts, "T", &e, &error), OTX_OK);
        ENCODE(e, "a <m>b", cases[i].wanted);
        ENCODE(e, "<M>", cases[i].lower); /* met only in what is made of the text */
        otx_encoder_close(e);
    }
#undef PLAIN
#undef LEFT
#undef OBJECT
}

/* Of two that the normaliser makes alike the special one is met, then the one listed first. */
static void added_tokens_that_become_alike(void)
{
    otx_encoder *e = encoder_of(GPT2(
        "", FLAGS("XX", "10", ",'special':false,'normalized':true") ","
        FLAGS("xx", "11", ",'special':true,'normalized':true") ","
        FLAGS("BB", "12", ",'special':false,'normalized':true") ","
        FLAGS("bb", "13", ",'special':false,'normalized':true"), "{'type':'Lowercase'}"));
    ENCODE(e, "xXbB", "11 12");
    otx_encoder_close(e);
}

/* Time in proportion to the text: spaces that tokens take are gone through once, and a long
   token that is not there is one comparison. */
static void many_spaces_and_long_tokens(void)
{
    static char text[2000000], file[20000];
    size_t count = 0;
    otx_encoder *e = encoder_of(GPT2("", FLAGS(" ", "10", ",'rstrip':true,'normalized':false"),
                                     "null"));
    memset(text, ' ', sizeof text);
    CHECK_INT(otx_encode(e, text, sizeof text, NULL, 0, &count, &error), OTX_OK);
    CHECK_INT(count, sizeof text);
    ENCODE(e, "a  a a", "0 10 10 0 10 0");
    otx_encoder_close(e);
    e = encoder_of(GPT2("", FLAGS(" ", "10", ",'lstrip':true,'rstrip':true,'normalized':false"),
                        "null"));
    ENCODE(e, "a  a a   ", "0 10 0 10 0 10"); /* nothing is left for the next */
    otx_encoder_close(e);
    (void)snprintf(file, sizeof file, GPT2("", FLAGS("%016000db", "10", ",'normalized':false") ","
                                           FLAGS("00x", "11", ",'normalized':false"), "null"), 0);
    e = encoder_of(file);
    memset(text, '0', sizeof text);
    text[200000] = 'b';
    text[250000] = 'x';
    CHECK_INT(otx_encode(e, text, 250001, NULL, 0, &count, &error), OTX_OK);
    CHECK_INT(count, 2);
    otx_encoder_close(e);
}

static void what_is_no_utf8(void)
{
    otx_encoder *e = encoder_of(
        "{'model':{'type':'WordLevel','unk_token':'u','vocab':{'u':0,'a\xef\xbf\xbd':1,"
        "'\xef\xbf\xbd\xef\xbf\xbd':2,'a\xef\xbf\xbd" "b':3}}}");
    ENCODE(e, "a\xff", "1");
    ENCODE(e, "a\xe2\x96", "1");         /* the beginning of a character: one */
    ENCODE(e, "a\xf0\x9f\x98" "b", "3");
    ENCODE(e, "\xed\xa0", "2");          /* of a surrogate: a byte at a time */
    ENCODE(e, "\xc0\x80", "2");
    ENCODE(e, "\xf4\x90", "2");
    otx_encoder_close(e);
}

/* ---- normalisers ---- */

/* What a normaliser makes of a text: the words of a WordLevel model are what can come out. */
static void makes(const char *normalizer, const char *text, const char *wanted)
{
    char file[2048];
    otx_encoder *e;
    (void)snprintf(file, sizeof file, "{'normalizer':%s,'model':{'type':'WordLevel','unk_token':"
                   "'\x01','vocab':{'\x01':0,'%s':1}}}", normalizer, wanted);
    if (strchr(file, '\x01')) {
        char *at;
        while ((at = strchr(file, '\x01')) != NULL) *at = '?';
    }
    e = encoder_of(file);
    CHECK_STRING(encoded(e, text, strlen(text)), "1");
    if (strcmp(encoded(e, text, strlen(text)), "1") != 0) printf("  %s\n", normalizer);
    otx_encoder_close(e);
}

/* Of a text of which nothing is left nothing more is made. */
static void nothing_is_made(const char *normalizer)
{
    char file[512];
    otx_encoder *e;
    (void)snprintf(file, sizeof file, "{'normalizer':{'type':'Sequence','normalizers':[{'type':"
                   "'Strip','strip_left':true,'strip_right':true},%s]},'model':{'type':"
                   "'WordLevel','unk_token':'?','vocab':{'?':0}}}", normalizer);
    e = encoder_of(file);
    ENCODE(e, " ", "");
    otx_encoder_close(e);
}

static void normal_forms(void)
{
    makes("{'type':'NFC'}", "e\xcc\x81 \xe1\x84\x80\xe1\x85\xa1\xe1\x86\xa8",
          "\xc3\xa9 \xea\xb0\x81");
    makes("{'type':'NFC'}", "a\xcc\x81\xcc\xa3", "\xe1\xba\xa1\xcc\x81"); /* marks in order */
    makes("{'type':'NFD'}", "a\xcc\x81\xcc\xa3\xcc\x80", "a\xcc\xa3\xcc\x81\xcc\x80"); /* alike */
    makes("{'type':'NFC'}", "\xe2\x84\xab\xe0\xa5\x98", "\xc3\x85\xe0\xa4\x95\xe0\xa4\xbc");
    makes("{'type':'NFD'}", "\xe1\xb8\x99\xea\xb0\x81", "e\xcc\xad\xe1\x84\x80\xe1\x85\xa1"
          "\xe1\x86\xa8");
    makes("{'type':'NFKC'}", "\xef\xac\x81\xef\xbc\xa1\xe2\x91\xa0\xe3\x80\x80", "fiA1 ");
    makes("{'type':'NFKD'}", "\xe1\xba\x9b\xcc\xa3", "s\xcc\xa3\xcc\x87");
}

static void other_normalisers(void)
{
    makes("{'type':'Lowercase'}", "\xc3\x84" "B\xc4\xb0\xd0\x96", "\xc3\xa4" "bi\xcc\x87\xd0\xb6");
    makes("{'type':'StripAccents'}", "e\xcc\x81\xe0\xa4\xbe", "e");
    makes("{'type':'Strip','strip_left':true,'strip_right':false}", " \xc2\xa0" "a ", "a ");
    makes("{'type':'Strip','strip_left':false,'strip_right':true}", " a \n", " a");
    makes("{'type':'Replace','pattern':{'String':'aa'},'content':'b'}", "aaaxa", "baxa");
    makes("{'type':'Replace','pattern':{'Regex':' +'},'content':'_'}", "a  b c", "a_b_c");
    makes("{'type':'Replace','pattern':{'Regex':'^a|a$'},'content':'_'}", "a b\naba", "_ b\\n_b_");
    makes("{'type':'Replace','pattern':{'Regex':'^'},'content':'_'}", "ab", "_ab");
    makes("{'type':'Replace','pattern':{'Regex':'a*'},'content':'_'}", "abc", "_b_c_");
    makes("{'type':'Replace','pattern':{'String':''},'content':'_'}", "ab", "_a_b_");
    makes("{'type':'Prepend','prepend':'_'}", "a", "_a");
    nothing_is_made("{'type':'Prepend','prepend':'_'}");
    nothing_is_made("{'type':'Replace','pattern':{'Regex':'^'},'content':'_'}");
    nothing_is_made("{'type':'Replace','pattern':{'String':''},'content':'_'}");
    makes("{'type':'ByteLevel'}", " \xc3\xa9", "\xc4\xa0\xc3\x83\xc2\xa9");
    makes("{'type':'Nmt'}", "a\xe2\x80\x8b" "b\x7f", "a b");
    makes("{'type':'BertNormalizer','clean_text':true,'handle_chinese_chars':true,"
          "'strip_accents':null,'lowercase':true}", "\xc3\x89\t\xe4\xb8\x80\x01",
          "e  \xe4\xb8\x80 ");
    makes("{'type':'BertNormalizer','clean_text':false,'handle_chinese_chars':false,"
          "'strip_accents':false,'lowercase':true}", "\xc3\x89", "\xc3\xa9");
    makes("{'type':'Sequence','normalizers':[{'type':'Prepend','prepend':'B'},{'type':'Sequence',"
          "'normalizers':[{'type':'Lowercase'},{'type':'Sequence','normalizers':[]}]},"
          "{'type':'Prepend','prepend':'B'}]}", "A", "Bba");
}

/* "A" becomes "b!"; of a character as people see it the first that is known, the rest goes. */
#define CHARSMAP "{'type':'Precompiled','precompiled_charsmap':'DAAAAAAAAQBBDQAAAAAAgGIhAA=='}"

/* "A" becomes nothing. */
#define MAP_AWAY "{'type':'Precompiled','precompiled_charsmap':'DAAAAAAAAQBBDQAAAAAAgAA='}"

static void a_map_of_characters(void)
{
    otx_encoder *e;
    makes(CHARSMAP, "xAA", "xb!b!");
    makes(CHARSMAP, "A\xcc\x81x", "b!x");
    makes(CHARSMAP, "A\xcc\x81\xcc\x81\xcc\x81", "b!\xcc\x81\xcc\x81\xcc\x81"); /* a long one */
    makes(CHARSMAP, "A\xcc\x81\xcc\x81\xcc\x81\xcc\x81x",
          "b!\xcc\x81\xcc\x81\xcc\x81\xcc\x81x");
    makes(CHARSMAP, "A\xf3\xa0\x80\xa1x", "b!x"); /* a tag goes with it */
    makes(CHARSMAP, "A\xf3\xa0\x80\x81x", "b!\xf3\xa0\x80\x81x");
    makes(CHARSMAP, "A\xf3\xa0\x84\x80x", "b!x"); /* and so does what chooses a variant */
    makes(CHARSMAP, "A\xf3\xa0\x82\x81x", "b!\xf3\xa0\x82\x81x");
    makes(CHARSMAP, "\xf3\xa0\x84\x80" "A", "\xf3\xa0\x84\x80" "b!");
    makes(CHARSMAP, "\xf3\xa0\x82\x81" "A", "\xf3\xa0\x82\x81" "b!");
    makes(CHARSMAP, "A\xe1\x80\xab", "b!\xe1\x80\xab"); /* Myanmar's AA does not */
    /* the beginning of something longer */
    makes("{'type':'Precompiled','precompiled_charsmap':'DAAAAAAAAQBBDAAAAAAAgGIhAA=='}", "A",
          "A");
    CHECK_INT(open_with(NULL, OTX_VOCAB_TOKENIZER_JSON, "{'normalizer':{'type':'Precompiled',"
                        "'precompiled_charsmap':'/////w=='},'model':{'type':'WordLevel','vocab':"
                        "{'a':0}}}", &e), OTX_ERROR_FORMAT);
    CHECK_CONTAINS(error.message, "precompiled_charsmap");
    /* a unit that leads behind the last, and a text that begins there */
    makes("{'type':'Precompiled','precompiled_charsmap':'BAAAAAAEAAA='}", "A", "A");
    makes("{'type':'Precompiled','precompiled_charsmap':'DAAAAAAAAQBBDQAA////f2IhAA=='}", "A",
          "A");
}

#define NEST "{'type':'Sequence','normalizers':["
#define DEEP NEST NEST NEST NEST NEST
#define UP "]}]}]}]}]}"

static void what_is_not_known_is_refused(void)
{
    static const struct {
        const char *text, *word;
        otx_result result;
    } cases[] = {
        {"{'normalizer':{'type':'Shout'},'model':{'type':'BPE','vocab':{'a':0},'merges':[]}}",
         "normalizer is \"Shout\"", OTX_ERROR_UNSUPPORTED},
        {"{'normalizer':{'type':'Prepend'},'model':{'type':'BPE','vocab':{'a':0},'merges':[]}}",
         "Prepend lacks", OTX_ERROR_FORMAT},
        {"{'normalizer':{'type':'Replace','pattern':{},'content':'x'},'model':{'type':"
         "'BPE','vocab':{'a':0},'merges':[]}}", "Replace", OTX_ERROR_FORMAT},
        {"{'normalizer':{'type':'Replace','pattern':{'Regex':'('},'content':'x'},'model':{'type':"
         "'BPE','vocab':{'a':0},'merges':[]}}", "expression \"(\"", OTX_ERROR_FORMAT},
        {"{'normalizer':" DEEP DEEP DEEP DEEP "{'type':'Lowercase'}" UP UP UP UP ",'model':{'type':"
         "'BPE','vocab':{'a':0},'merges':[]}}", "Sequence", OTX_ERROR_FORMAT},
        {"{'pre_tokenizer':{'type':'Guess'},'model':{'type':'BPE','vocab':{'a':0},'merges':[]}}",
         "Guess", OTX_ERROR_UNSUPPORTED},
        {"{'model':{'type':'BPE','dropout':0.1,'vocab':{'a':0},'merges':[]}}", "dropout",
         OTX_ERROR_UNSUPPORTED},
    };
    otx_encoder *e;
    size_t i;
    for (i = 0; i < COUNT(cases); i++) {
        CHECK_INT(open_with(NULL, OTX_VOCAB_TOKENIZER_JSON, cases[i].text, &e), cases[i].result);
        CHECK_CONTAINS(error.message, cases[i].word);
        CHECK(e == NULL);
    }
    CHECK_INT(open_with(NULL, OTX_VOCAB_TOKENIZER_JSON,
                        GPT2("", FLAGS("\\n", "10", ",'special':false"), "{'type':'Strip',"
                             "'strip_left':false,'strip_right':true}"), &e),
              OTX_ERROR_UNSUPPORTED);
    CHECK_CONTAINS(error.message, "T: its normalizer leaves nothing of the added token \"\\x0a\"");
    CHECK_INT(open_with(NULL, OTX_VOCAB_TIKTOKEN, "YQ== 0\n", &e), OTX_ERROR_UNSUPPORTED);
    CHECK_CONTAINS(error.message, "tokenizer.json");
    CHECK_INT(open_with(NULL, OTX_VOCAB_TEKKEN, "{'config':{'pattern':5,'default_vocab_size':2,"
                        "'default_num_special_tokens':1,'version':'v3'},'special_tokens':[{"
                        "'rank':0,'token_str':'s'}],'vocab':[{'rank':0,"
                        "'token_bytes':'AA=='}]}", &e), OTX_ERROR_FORMAT);
    CHECK_CONTAINS(error.message, "config.pattern is no string");
}

/* ---- models ---- */

/* A space is put before what the caller's text begins with, if that is still there. */
static void at_the_beginning_of_a_text(void)
{
    otx_encoder *e = encoder_of(
        "{'added_tokens':[" FLAGS("<s>", "3", ",'normalized':false") "],'normalizer':{'type':"
        "'Sequence','normalizers':[{'type':'Prepend','prepend':'z'},{'type':'Replace','pattern':"
        "{'String':'z'},'content':''},{'type':'Strip','strip_left':true,'strip_right':false}]},"
        "'pre_tokenizer':{'type':'Metaspace','replacement':'" MARK "','prepend_scheme':'first',"
        "'split':true},'model':{'type':'WordLevel','unk_token':'?','vocab':{'?':0,'" MARK "a':1,"
        "'a':2}}}");
    ENCODE(e, "a<s>a", "1 3 2");
    ENCODE(e, " a a", "2 1");
    ENCODE(e, "za", "2");
    ENCODE(e, "a a", "1 1");
    otx_encoder_close(e);
}

/* What is put in the place of several characters stands where the last of them did; what is put
   before the first one, where that one does. Ids are as the package has them. */
static void what_begins_a_text(void)
{
#define FIRST "{'type':'Metaspace','replacement':'" MARK "','prepend_scheme':'first','split':true}"
#define CUT_AT_Z(how) "{'type':'Split','pattern':{'String':'z'},'behavior':'" how "'}," FIRST
#define Z_BEFORE "{'type':'Prepend','prepend':'z'}"
#define STRIP "{'type':'Strip','strip_left':true,'strip_right':true}"
#define BOTH(one, other) "{'type':'Sequence','normalizers':[" one "," other "]}"
    static const struct {
        const char *normalizer, *steps, *text, *wanted;
    } cases[] = {
        {"{'type':'Replace','pattern':{'String':'``'},'content':'b'}", FIRST, "``a", "2 1"},
        {"{'type':'Replace','pattern':{'String':'`'},'content':'b'}", FIRST, "`a", "0 2 1"},
        {"{'type':'Replace','pattern':{'Regex':'^..'},'content':'b'}", FIRST, "xxa", "2 1"},
        {"{'type':'Replace','pattern':{'Regex':'^.'},'content':'bz'}", FIRST, "xa", "0 2 3 1"},
        {Z_BEFORE, CUT_AT_Z("Isolated"), "a", "0 3 0 1"},
        {Z_BEFORE, CUT_AT_Z("Removed"), "a", "0 1"},
        {Z_BEFORE, CUT_AT_Z("Removed") "," FIRST, "aza", "0 1 1"},
        {"{'type':'Sequence','normalizers':[" Z_BEFORE ",{'type':'Replace','pattern':{'String':"
         "'za'},'content':'b'}]}", FIRST, "a", "0 2"},
        {"{'type':'Sequence','normalizers':[" Z_BEFORE ",{'type':'Replace','pattern':{'String':"
         "'zaa'},'content':'b'}]}", FIRST, "aa", "2"},
        {"{'type':'BertNormalizer','handle_chinese_chars':true}",
         "{'type':'WhitespaceSplit'}," FIRST, "\xe4\xbd\xa0", "0 4"},
        {"{'type':'NFC'}", FIRST, "e\xcc\x81", "0 5"},
        {"{'type':'StripAccents'}", FIRST, "\xcc\x81" "a", "1"},
        {STRIP, FIRST, " a", "1"},
        /* a map gives each character that it makes the place of the next that there was */
        {BOTH(STRIP, CHARSMAP), FIRST, " a", "1"},
        {BOTH("{'type':'StripAccents'}", CHARSMAP), FIRST, "\xcc\x81" "a", "1"},
        {BOTH(STRIP, MAP_AWAY), FIRST, " Aa", "1"},
        {BOTH(STRIP "," Z_BEFORE, MAP_AWAY), FIRST, " a", "3 1"},
        {CHARSMAP, FIRST, "Aa", "0 2 1"},
        {MAP_AWAY, CUT_AT_Z("Isolated"), "AAzza", "0 3 3 1"},
        {BOTH(Z_BEFORE, CHARSMAP), CUT_AT_Z("Isolated"), "A\xcc\x81za", "0 3 0 2 3 1"},
        {BOTH("{'type':'Prepend','prepend':'Az'}", MAP_AWAY), CUT_AT_Z("Isolated"), "zza",
         "0 3 0 3 0 3 1"},
    };
    char file[1024];
    size_t i;
    for (i = 0; i < COUNT(cases); i++) {
        otx_encoder *e;
        (void)snprintf(file, sizeof file, "{'normalizer':%s,'pre_tokenizer':{'type':'Sequence',"
                       "'pretokenizers':[%s]},'model':{'type':'BPE','vocab':{'" MARK "':0,'a':1,"
                       "'b':2,'z':3,'\xe4\xbd\xa0':4,'\xc3\xa9':5},'merges':[]}}",
                       cases[i].normalizer, cases[i].steps);
        e = encoder_of(file);
        CHECK_STRING(encoded(e, cases[i].text, strlen(cases[i].text)), cases[i].wanted);
        otx_encoder_close(e);
    }
}

/* A tokenizer that leaves texts whole: what no token holds is a seam, and nothing else. */
static void whole_texts_to_a_model(void)
{
    otx_encoder *e = encoder_of(
        "{'normalizer':{'type':'Sequence','normalizers':[{'type':'Prepend','prepend':'" MARK "'},"
        "{'type':'Replace','pattern':{'String':' '},'content':'" MARK "'}]},'model':{'type':'BPE',"
        "'unk_token':'?','fuse_unk':true,'vocab':{'?':0,'" MARK "':1,'a':2,'b':3,'" MARK "a':4,"
        "'b" MARK "':5,'" MARK "a" "b':6,'" MARK MARK "':7},'merges':['" MARK " a','" MARK
        " " MARK "','b " MARK "','" MARK "a b']}}");
    ENCODE(e, "ab aa aa aa aa aa aa aa", "6 4 2 4 2 4 2 4 2 4 2 4 2 4 2");
    ENCODE(e, "xxxxxxxxxxxxxxxxxxxxxxxx", "1 0");
    ENCODE(e, "aaaaaaaaaaab  ba", "4 2 2 2 2 2 2 2 2 2 2 3 7 3 2");
    ENCODE(e, "aaaaaaaaaaaaaaaaaaaaaaaaaab bb",
           "4 2 2 2 2 2 2 2 2 2 2 2 2 2 2 2 2 2 2 2 2 2 2 2 2 2 5 3 3");
    otx_encoder_close(e);
    /* None where a token says that it ends a word: only the last of these does. */
    e = encoder_of("{'model':{'type':'BPE','end_of_word_suffix':'</w>','vocab':{'a':0,'b':1,"
                   "'a</w>':2,'b</w>':3,'ab</w>':4},'merges':['a b</w>']}}");
    ENCODE(e, "aaaaaaaaaaaaaaaaaaaaaaaaaa", "0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 2");
    ENCODE(e, "bbbbbbbbbbbbbbbbbbbbbbbbab", "1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 4");
    otx_encoder_close(e);
}

/* Every byte is a token, and then "ab" and "1234". {1,3}+ gives nothing back, and takes no more. */
static void tekken(void)
{
    static const char digits[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    static char text[32768];
    size_t used, i;
    otx_encoder *e;
    used = (size_t)snprintf(text, sizeof text, "{'config':{'pattern':'[a-z]+|\\\\p{N}{1,3}+|"
                            "[^a-z\\\\p{N}]+','default_vocab_size':259,"
                            "'default_num_special_tokens':1,'version':'v3'},"
                            "'special_tokens':[{'rank':0,'token_str':'aa'}],"
                            "'vocab':[");
    for (i = 0; i < 256; i++)
        used += (size_t)snprintf(text + used, sizeof text - used, "{'rank':%lu,'token_bytes':"
                                 "'%c%c=='},", (unsigned long)i, digits[i >> 2],
                                 digits[(i & 3) << 4]);
    (void)snprintf(text + used, sizeof text - used, "{'rank':256,'token_bytes':'YWI='},"
                   "{'rank':257,'token_bytes':'MTIzNA=='}]}");
    CHECK_INT(open_with(NULL, OTX_VOCAB_TEKKEN, text, &e), OTX_OK);
    ENCODE(e, "ab ba\xc3\xa9", "257 33 99 98 196 170");
    ENCODE(e, "1234", "50 51 52 53");
    CHECK_INT(otx_encoder_vocab(e)->digits, 3);
    ENCODE(e, "aa", "98 98"); /* special tokens are not looked for, nor come out of merges */
    otx_encoder_close(e);
}

/* More words than are remembered. */
static void many_words(void)
{
    enum { WORDS = 150000, LETTERS = 9, EACH = LETTERS + 2 };
    otx_encoder *e = encoder_of(GPT2("", "", "null"));
    char *text = (char *)malloc((size_t)WORDS * EACH);
    size_t count = 0, i, at = 0, round;
    if (!text) return;
    for (i = 0; i < WORDS; i++) {
        size_t bits = i * 2654435761u % 262144, k;
        text[at++] = ' ';
        for (k = 0; k < LETTERS; k++, bits /= 4) text[at++] = "abxB"[bits % 4];
        text[at++] = '!';
    }
    for (round = 0; round < 2; round++) {
        size_t again = 0;
        CHECK_INT(otx_encode(e, text, at, NULL, 0, &again, &error), OTX_OK);
        CHECK(again > WORDS * 3);
        if (round) CHECK_INT(again, count);
        count = again;
    }
    free(text);
    otx_encoder_close(e);
}

/* ---- counting ---- */

typedef struct page {
    char text[1024];
    size_t size;
} page;

static bool put(void *context, const void *bytes, size_t size)
{
    page *to = (page *)context;
    if (to->size + size >= sizeof to->text) return false;
    memcpy(to->text + to->size, bytes, size);
    to->size += size;
    to->text[to->size] = 0;
    return true;
}

static void counts_of_a_text(void)
{
    otx_encoder *e = encoder_of(GPT2("", FLAGS("#1\\\\", "10", ",'normalized':false"), "null"));
    uint64_t by_id[11];
    otx_token_counts counts;
    page written;
    otx_sink sink;
    memset(by_id, 0, sizeof by_id);
    memset(&counts, 0, sizeof counts);
    memset(&written, 0, sizeof written);
    counts.by_id = by_id;
    sink.write = put;
    sink.context = &written;
    CHECK_INT(otx_encoder_count(e, "ab a", 4, false, &counts, &error), OTX_OK);
    CHECK_INT(counts.tokens, 0); /* it may go on */
    CHECK_INT(otx_encoder_count(e, "b ab#1\\", 7, true, &counts, &error), OTX_OK);
    CHECK_INT(counts.tokens, 4);
    CHECK_INT(counts.bytes, 11);
    CHECK_INT(otx_token_counts_write(NULL, otx_encoder_vocab(e), &counts, false, &sink, &error),
              OTX_OK);
    CHECK_STRING(written.text, "2\t4\t\xc4\xa0" "ab\n1\t3\tab\n1\t10\t\\x231\\\\\n");
    written.size = 0;
    CHECK_INT(otx_token_counts_write(NULL, otx_encoder_vocab(e), &counts, true, &sink, &error),
              OTX_OK);
    CHECK_CONTAINS(written.text, "\"bytes\": 11");
    CHECK_CONTAINS(written.text, "{\"id\": 10, \"count\": 1, \"token\": \"#1\\\\\"}\n  ]");
    written.size = sizeof written.text; /* no room is left */
    CHECK_INT(otx_token_counts_write(NULL, otx_encoder_vocab(e), &counts, true, &sink, &error),
              OTX_ERROR_IO);
    CHECK_CONTAINS(error.message, "the counts could not be written");
    otx_encoder_close(e);
}

/* Bytes that are no text stand in JSON by their id alone. */
static void counts_of_bytes(void)
{
    static const char ranks[] = "YQ== 0\n/w== 1\n";
    uint64_t by_id[2] = {3, 1};
    otx_token_counts counts;
    otx_vocab vocab;
    page written;
    otx_sink sink;
    memset(&counts, 0, sizeof counts);
    memset(&written, 0, sizeof written);
    memset(texts, 0, sizeof texts);
    texts[OTX_VOCAB_TIKTOKEN].bytes = ranks;
    texts[OTX_VOCAB_TIKTOKEN].size = sizeof ranks - 1;
    CHECK_INT(otx_vocab_parse(NULL, texts, "T", &vocab, &error), OTX_OK);
    counts.by_id = by_id;
    counts.tokens = 4;
    sink.write = put;
    sink.context = &written;
    CHECK_INT(otx_token_counts_write(NULL, &vocab, &counts, true, &sink, &error), OTX_OK);
    CHECK_CONTAINS(written.text, "{\"id\": 0, \"count\": 3, \"token\": \"a\"},\n"
                                 "    {\"id\": 1, \"count\": 1, \"token\": null}\n  ]");
    otx_vocab_close(NULL, &vocab);
}

/* A text without a place to part it is parted between two characters. */
static void parts_of_a_long_line(void)
{
    enum { CHARACTERS = 5000000 };
    otx_encoder *e = encoder_of(
        "{'pre_tokenizer':{'type':'Split','pattern':{'String':'\xef\xbf\xbd'},'behavior':"
        "'Isolated','invert':false},'model':{'type':'WordLevel','unk_token':'?','vocab':{'?':0,"
        "'\xef\xbf\xbd':1}}}");
    char *text = (char *)malloc(2 * CHARACTERS + 1);
    uint64_t by_id[2] = {0, 0};
    otx_token_counts counts;
    size_t i;
    memset(&counts, 0, sizeof counts);
    counts.by_id = by_id;
    if (!text) return;
    text[0] = 'a';
    for (i = 0; i < CHARACTERS; i++) memcpy(text + 1 + 2 * i, "\xc3\xa9", 2);
    CHECK_INT(otx_encoder_count(e, text, 2 * CHARACTERS + 1, true, &counts, &error), OTX_OK);
    CHECK_INT(counts.bytes, 2 * CHARACTERS + 1);
    CHECK_INT(by_id[0], 2);
    CHECK_INT(by_id[1], 0); /* what is no UTF-8 becomes U+FFFD */
    otx_encoder_close(e);
    free(text);
}

/* Parts end with a line before one that begins with a letter. */
static void parts_of_a_long_text(void)
{
    enum { LINES = 400000 };
    static const char line[] = "ab ab\n";
    otx_encoder *e = encoder_of(GPT2("", "", "{'type':'Prepend','prepend':'x'}"));
    uint64_t by_id[10];
    otx_token_counts counts;
    size_t size = LINES * (sizeof line - 1), i;
    char *text = (char *)malloc(size);
    memset(by_id, 0, sizeof by_id);
    memset(&counts, 0, sizeof counts);
    counts.by_id = by_id;
    if (!text) return;
    for (i = 0; i < size; i++) text[i] = line[i % (sizeof line - 1)];
    for (i = 0; i < size; i += 10000)
        CHECK_INT(otx_encoder_count(e, text + i, 10000, i + 10000 == size, &counts, &error),
                  OTX_OK);
    CHECK_INT(counts.bytes, size);
    CHECK_INT(by_id[4], LINES);
    CHECK_INT(by_id[8], 3); /* one before each part */
    CHECK_INT(by_id[3], LINES);
    otx_encoder_close(e);
    free(text);
}

/* They end where the pre-tokenizer cuts anyway, if there is such a place. */
static void parts_of_paragraphs(void)
{
    static const char *const lines[] = {"a\na\n\n", "a\na \n", "a\r\n"};
    otx_encoder *e = encoder_of(
        "{'pre_tokenizer':{'type':'ByteLevel','add_prefix_space':false,'use_regex':true},'decoder':"
        "{'type':'ByteLevel'},'model':{'type':'BPE','vocab':{'a':0,'\xc4\xa0':1,'\xc4\x8a':2,"
        "'\xc4\x8d':3,'\xc4\x8a\xc4\x8a':4,'\xc4\x8d\xc4\x8a':5,'\xc4\xa0\xc4\x8a':6},"
        "'merges':['\xc4\x8a \xc4\x8a','\xc4\x8d \xc4\x8a','\xc4\xa0 \xc4\x8a']}}");
    const size_t size = 5000000;
    char *text = (char *)malloc(size);
    size_t kind, i;
    for (kind = 0; kind < COUNT(lines) && text; kind++) {
        const size_t length = strlen(lines[kind]);
        uint64_t by_id[7];
        otx_token_counts counts;
        memset(by_id, 0, sizeof by_id);
        memset(&counts, 0, sizeof counts);
        counts.by_id = by_id;
        for (i = 0; i < size; i++) text[i] = lines[kind][i % length];
        text[size - 1] = 'a';
        CHECK_INT(otx_encoder_count(e, text, size, true, &counts, &error), OTX_OK);
        CHECK_INT(counts.tokens, size); /* no two of the spaces at a line's end are one */
    }
    free(text);
    otx_encoder_close(e);
}

/* A normaliser that makes far more of a text ends with a word; the next text is its own. */
static void texts_that_grow(void)
{
    static const char *const kinds[] = {"String", "Regex"};
    static char many[20000], normalizer[600], file[1200];
    size_t count, i;
    memset(many, '!', sizeof many);
    for (i = 0; i < COUNT(kinds); i++) {
        otx_token_counts counts;
        uint64_t by_id[10];
        otx_encoder *e;
        (void)snprintf(normalizer, sizeof normalizer, "{'type':'Replace','pattern':{'%s':'!'},"
                       "'content':'%0300d'}", kinds[i], 0);
        (void)snprintf(file, sizeof file, "{'normalizer':%s,'model':{'type':'BPE','vocab':{'a':0,"
                       "'0':1},'merges':[]}}", normalizer);
        e = encoder_of(file);
        memset(&counts, 0, sizeof counts);
        counts.by_id = by_id;
        memset(by_id, 0, sizeof by_id);
        CHECK_INT(otx_encode(e, "!!", 2, NULL, 0, &count, &error), OTX_OK);
        CHECK_INT(count, 600);
        CHECK_INT(otx_encode(e, many, sizeof many, NULL, 0, &count, &error), OTX_ERROR_LIMIT);
        CHECK_STRING(error.message, "T: its normalizer makes more than 2328576 bytes of a text of "
                                    "20000");
        CHECK_INT(otx_encoder_count(e, "aa", 2, false, &counts, &error), OTX_OK);
        CHECK_INT(otx_encoder_count(e, many, sizeof many, false, &counts, &error), OTX_OK);
        CHECK_INT(otx_encoder_count(e, "a", 1, true, &counts, &error), OTX_ERROR_LIMIT);
        CHECK_INT(otx_encoder_count(e, "a", 1, true, &counts, &error), OTX_OK);
        CHECK_INT(counts.bytes, 1);
        CHECK_INT(by_id[0], 1);
        otx_encoder_close(e);
    }
}

/* ---- memory ---- */

#define OF_ALL \
    GPT2("", FLAGS("<a>", "10", ",'normalized':false,'single_word':true") "," \
         FLAGS("Xx", "11", ",'normalized':true"), \
         "{'type':'Sequence','normalizers':[{'type':'NFKC'},{'type':'Lowercase'},{'type':'Strip'," \
         "'strip_left':false,'strip_right':true}," CHARSMAP "]}")

static void every_allocation_can_fail(void)
{
    static const char text[] = "ab <a> e\xcc\x81xX\xff ab";
    failing state;
    otx_context ctx;
    long fail_at;
    memset(&ctx, 0, sizeof ctx);
    ctx.allocator.resize = failing_resize;
    ctx.allocator.context = &state;
    for (fail_at = 1;; fail_at++) {
        otx_encoder *e;
        otx_token_counts counts;
        uint64_t by_id[12];
        otx_result result;
        size_t count;
        memset(&state, 0, sizeof state);
        memset(&counts, 0, sizeof counts);
        memset(by_id, 0, sizeof by_id);
        counts.by_id = by_id;
        state.fail_at = fail_at;
        result = open_with(&ctx, OTX_VOCAB_TOKENIZER_JSON, OF_ALL, &e);
        if (!result) {
            result = otx_encode(e, text, sizeof text - 1, NULL, 0, &count, &error);
            if (result) /* it can be used again */
                CHECK_INT(otx_encode(e, text, sizeof text - 1, NULL, 0, &count, &error), OTX_OK);
        }
        if (!result) result = otx_encoder_count(e, text, sizeof text - 1, true, &counts, &error);
        otx_encoder_close(e);
        CHECK_INT(state.live, 0);
        CHECK_INT(state.wrong_size, 0);
        if (result == OTX_OK) break;
        CHECK_INT(result, OTX_ERROR_MEMORY);
    }
    CHECK(fail_at > 20);
    CHECK(state.requests < fail_at);
}

int main(void)
{
    RUN(from_text_to_ids);
    RUN(added_tokens_are_cut_out);
    RUN(added_tokens_of_files_beside);
    RUN(flags_of_files_beside);
    RUN(names_of_added_tokens_json);
    RUN(flags_by_names);
    RUN(added_tokens_that_become_alike);
    RUN(many_spaces_and_long_tokens);
    RUN(what_is_no_utf8);
    RUN(normal_forms);
    RUN(other_normalisers);
    RUN(a_map_of_characters);
    RUN(what_is_not_known_is_refused);
    RUN(at_the_beginning_of_a_text);
    RUN(what_begins_a_text);
    RUN(whole_texts_to_a_model);
    RUN(tekken);
    RUN(many_words);
    RUN(counts_of_a_text);
    RUN(counts_of_bytes);
    RUN(parts_of_a_long_text);
    RUN(parts_of_a_long_line);
    RUN(parts_of_paragraphs);
    RUN(texts_that_grow);
    RUN(every_allocation_can_fail);
    return test_end();
}

/* Texts cut as pre-tokenizers cut them: every kind and behaviour, as tokenizer.json says it.
   tests/cut_oracle.py holds them to the tokenizers package.
   Looks at private functions: includes the implementation, with functions that are static so that
   those not used are left out. */
#define OTX_STATIC
#define OMP_TRANSPLANT_IMPLEMENTATION
#include "omp_transplant.h"
#include "failing.h"
#include "test.h"

#define MARK "\xe2\x96\x81" /* U+2581 */

static otx_error error;

/* The cutter of a pre-tokenizer; ' stands for ". */
static otx_result open_cutter(const otx_context *ctx, const char *text, otx__cutter *cutter)
{
    static char copy[65536];
    otx_json json;
    otx_result result;
    char *at;
    (void)snprintf(copy, sizeof copy, "%s", text);
    for (at = copy; *at; at++)
        if (*at == '\'') *at = '"';
    result = otx_json_parse(ctx, copy, strlen(copy), "T", NULL, &json, &error);
    if (result) return result;
    result = otx__cutter_open(ctx, &json, 0, "T", cutter, &error);
    otx_json_close(ctx, &json);
    return result;
}

/* The pieces with "|" between them. */
static const char *pieces(const otx__slices *slices)
{
    static char line[1024];
    size_t used = 0, i;
    line[0] = 0;
    for (i = 0; i < slices->count; i++)
        used += (size_t)snprintf(line + used, sizeof line - used, "%s%.*s", i ? "|" : "",
                                 (int)(slices->items[i].end - slices->items[i].start),
                                 slices->text.bytes + slices->items[i].start);
    return line;
}

static const char *cut_at(const char *step, const char *text, bool first)
{
    static char line[1024];
    otx__cutter cutter;
    otx__slices slices;
    otx_result result = open_cutter(NULL, step, &cutter);
    if (result) return otx_result_name(result) + strlen("OTX_ERROR_");
    otx__slices_open(&slices, NULL);
    result = otx__cutter_run(&cutter, text, strlen(text), first, &slices, &error);
    (void)snprintf(line, sizeof line, "%s", result ? otx_result_name(result) : pieces(&slices));
    otx__slices_close(&slices);
    otx__cutter_close(&cutter);
    return line;
}

#define CUTS(step, text, wanted) CHECK_STRING(cut_at(step, text, true), wanted)

#define SPLIT(kind, pattern, behaviour, invert) \
    "{'type':'Split','pattern':{'" kind "':'" pattern "'},'behavior':'" behaviour \
    "','invert':" invert "}"

/* ---- behaviours ---- */

static void behaviours(void)
{
    static const char *const steps[] = {
        SPLIT("String", "-", "Removed", "false"), SPLIT("String", "-", "Isolated", "false"),
        SPLIT("String", "-", "MergedWithPrevious", "false"),
        SPLIT("String", "-", "MergedWithNext", "false"),
        SPLIT("String", "-", "Contiguous", "false"),
    };
    static const char *const wanted[] = {
        "the|final|countdown", "the|-|final|-|-|countdown", "the-|final-|-|countdown",
        "the|-final|-|-countdown", "the|-|final|--|countdown",
    };
    static const char *const ends[] = {"a", "-|a|-", "-|a-", "-a|-", "-|a|-"};
    size_t i;
    for (i = 0; i < COUNT(steps); i++) {
        CUTS(steps[i], "the-final--countdown", wanted[i]);
        CUTS(steps[i], "-a-", ends[i]);
        CUTS(steps[i], "a", "a");
        CUTS(steps[i], "", "");
    }
    CUTS(steps[0], "--", "");
}

static void inverted(void)
{
    CUTS(SPLIT("Regex", "[a-z]+", "Removed", "true"), "ab 12 cd", "ab|cd");
    CUTS(SPLIT("Regex", "[a-z]+", "Isolated", "true"), "ab 12cd", "ab| 12|cd");
    CUTS(SPLIT("Regex", "[a-z]", "MergedWithPrevious", "true"), "ab-c", "a|b-|c");
    CUTS(SPLIT("Regex", "[a-z]", "MergedWithNext", "true"), "ab-c", "a|b|-c");
    CUTS(SPLIT("Regex", "[a-z]", "Contiguous", "true"), "ab--c", "ab|--|c");
}

/* An empty text, and what matches nothing at all, are found between characters. */
static void empty_matches(void)
{
    CUTS(SPLIT("String", "", "Isolated", "false"), "abc", "a|b|c");
    CUTS(SPLIT("Regex", "x*", "Isolated", "false"), "axxb", "a|xx|b");
    CUTS(SPLIT("Regex", "(?=b)", "MergedWithNext", "false"), "abab", "a|ba|b");
    CUTS(SPLIT("Regex", "$", "Isolated", "false"), "a\n", "a|\n");
}

static void texts_to_find(void)
{
    CUTS(SPLIT("String", "ab", "Isolated", "false"), "aabab", "a|ab|ab");
    CUTS(SPLIT("String", "aa", "Isolated", "false"), "aaaaa", "aa|aa|a");
    CUTS(SPLIT("String", ".", "Isolated", "false"), "a.b", "a|.|b");
    CUTS(SPLIT("String", " ", "MergedWithPrevious", "false"), "a b  c", "a |b | |c");
}

/* ---- kinds ---- */

#define BYTES(prefix, use) \
    "{'type':'ByteLevel','add_prefix_space':" prefix ",'trim_offsets':true,'use_regex':" use "}"

static void byte_level(void)
{
    CUTS(BYTES("false", "true"), "it's a\n12", "it|\x27s|\xc4\xa0" "a|\xc4\x8a|12");
    CUTS(BYTES("true", "true"), "ab c", "\xc4\xa0" "ab|\xc4\xa0" "c");
    CUTS(BYTES("true", "true"), " ab", "\xc4\xa0" "ab");
    CUTS(BYTES("false", "false"), "a b\xc3\xa9", "a\xc4\xa0" "b\xc3\x83\xc2\xa9");
    CUTS("{'type':'ByteLevel'}", "a", "\xc4\xa0" "a"); /* both are the rule */
    CUTS(BYTES("true", "true"), "", "");
}

#define META(scheme, split) \
    "{'type':'Metaspace','replacement':'" MARK "','prepend_scheme':'" scheme "','split':" split "}"

static void metaspace(void)
{
    CUTS(META("always", "true"), "a b  c", MARK "a|" MARK "b|" MARK "|" MARK "c");
    CUTS(META("always", "false"), "a b", MARK "a" MARK "b");
    CUTS(META("never", "true"), "a b", "a|" MARK "b");
    CUTS(META("first", "true"), " a", MARK "a");
    CHECK_STRING(cut_at(META("first", "true"), "a b", false), "a|" MARK "b");
    CHECK_STRING(cut_at(META("always", "true"), "a b", false), MARK "a|" MARK "b");
    CUTS("{'type':'Metaspace','replacement':'_','add_prefix_space':false,'str_rep':'_'}",
         "a b", "a|_b");
    CUTS("{'type':'Metaspace','replacement':'_'}", "a b", "_a|_b");
}

/* `first` is of what begins where the user's text does, whatever was cut off or put before. */
static void first_of_pieces(void)
{
#define AFTER(step, scheme) \
    "{'type':'Sequence','pretokenizers':[" step "," META(scheme, "true") "]}"
    CUTS(AFTER("{'type':'WhitespaceSplit'}", "first"), "a b", MARK "a|b");
    CUTS(AFTER("{'type':'WhitespaceSplit'}", "first"), " a b", "a|b");
    CUTS(AFTER("{'type':'WhitespaceSplit'}", "always"), " a b", MARK "a|" MARK "b");
    CUTS(AFTER("{'type':'WhitespaceSplit'}," BYTES("true", "false"), "first"), "a b",
         MARK "\xc4\xa0" "a|\xc4\xa0" "b");
    CUTS(AFTER("{'type':'WhitespaceSplit'}," BYTES("true", "false"), "first"), " a",
         "\xc4\xa0" "a");
#undef AFTER
}

static void classes(void)
{
    CUTS("{'type':'Whitespace'}", "it's a_1! \xc2\xb2", "it|\x27|s|a_1|!|\xc2\xb2");
    CUTS("{'type':'WhitespaceSplit'}", " a\xc2\xa0" "b\t\n c ", "a|b|c");
    CUTS("{'type':'BertPreTokenizer'}", "a,b $c\xe3\x80\x82", "a|,|b|$|c|\xe3\x80\x82");
    CUTS("{'type':'Digits','individual_digits':true}", "a12\xc2\xbd", "a|1|2|\xc2\xbd");
    CUTS("{'type':'Digits','individual_digits':false}", "a12b3", "a|12|b|3");
    CUTS("{'type':'Punctuation'}", "a..b", "a|.|.|b");
    CUTS("{'type':'Punctuation','behavior':'Contiguous'}", "a..b", "a|..|b");
    CUTS("{'type':'CharDelimiterSplit','delimiter':'\xc3\xa9'}", "a\xc3\xa9\xc3\xa9" "b", "a|b");
    CUTS("{'type':'FixedLength','length':2}", "a\xc3\xa9" "bcd", "a\xc3\xa9|bc|d");
    CUTS("{'type':'FixedLength'}", "abcdefg", "abcde|fg");
}

static void sequences(void)
{
    CUTS("null", "a b", "a b");
    CUTS("{'type':'Sequence','pretokenizers':[]}", "a b", "a b");
    CUTS("{'type':'Sequence','pretokenizers':[{'type':'Sequence','pretokenizers':["
         "{'type':'WhitespaceSplit'}]},{'type':'Digits','individual_digits':true}]}", "a1 b",
         "a|1|b");
    /* Digits behind ByteLevel see its alphabet: 0xB2 there is a digit. */
    CUTS("{'type':'Sequence','pretokenizers':[" BYTES("false", "false")
         ",{'type':'Digits','individual_digits':true}]}", "\xd0\xb2", "\xc3\x90|\xc2\xb2");
    /* What an expression sees is the piece, not what stands around it. */
    CUTS("{'type':'Sequence','pretokenizers':[{'type':'WhitespaceSplit'},"
         SPLIT("Regex", "^a|\\\\s", "Isolated", "false") "]}", "aa aa", "a|a|a|a");
}

/* ---- patterns alone ---- */

static void patterns_of_tiktoken(void)
{
    static const char pattern[] = "\\p{N}{1,2}+|\\p{L}+|\\s+$";
    otx__cutter cutter;
    otx__slices slices;
    otx__slices_open(&slices, NULL);
    CHECK_INT(otx__cutter_open_pattern(NULL, pattern, sizeof pattern - 1, "T", &cutter, &error),
              OTX_OK);
    CHECK_INT(otx__cutter_run(&cutter, "ab 123\n\n", 8, true, &slices, &error), OTX_OK);
    CHECK_STRING(pieces(&slices), "ab|12|3|\n\n"); /* what is not matched is left out */
    CHECK_INT(otx__cutter_run(&cutter, "", 0, true, &slices, &error), OTX_OK);
    CHECK_INT(slices.count, 0);
    otx__cutter_close(&cutter);
    CHECK_INT(otx__cutter_open_pattern(NULL, "(", 1, "T", &cutter, &error), OTX_ERROR_FORMAT);
    CHECK_CONTAINS(error.message, "T: the regular expression \"(\" cannot be used");
    otx__slices_close(&slices);
}

/* ---- refusals ---- */

static void check_refused(const char *step, const char *part)
{
    CHECK_STRING(cut_at(step, "a", true), "UNSUPPORTED");
    CHECK_CONTAINS(error.message, "T: the pre-tokenizer ");
    CHECK_CONTAINS(error.message, part);
}

static void what_cannot_be_applied(void)
{
    check_refused("{'type':'UnicodeScripts'}", "UnicodeScripts cannot be applied");
    check_refused("{'type':'New\\n'}", "New\\x0a cannot be applied");
    check_refused("{}", "without a type cannot be applied");
    check_refused("12", "without a type");
    check_refused("{'type':'Split','pattern':{},'behavior':'Removed'}", "Split has no pattern");
    check_refused("{'type':'Split','pattern':{'String':'a'}}", "Split has an unknown behavior");
    check_refused("{'type':'Punctuation','behavior':'Other'}", "unknown behavior");
    check_refused("{'type':'Metaspace','replacement':'ab'}", "Metaspace lacks the one character");
    check_refused("{'type':'Metaspace','replacement':'_','prepend_scheme':'last'}",
                  "unknown prepend_scheme");
    check_refused("{'type':'CharDelimiterSplit'}", "CharDelimiterSplit lacks");
    check_refused("{'type':'FixedLength','length':0}", "FixedLength has no length");
}

/* Sequences within sequences, and long ones. */
static void large_pre_tokenizers(void)
{
    static char text[65536];
    size_t used = 0;
    int i;
    for (i = 0; i < 9; i++)
        used += (size_t)sprintf(text + used, "{'type':'Sequence','pretokenizers':[");
    for (i = 0; i < 9; i++) used += (size_t)sprintf(text + used, "]}");
    check_refused(text, "Sequence is nested too deeply");
    used = (size_t)sprintf(text, "{'type':'Sequence','pretokenizers':[");
    for (i = 0; i < 400; i++)
        used += (size_t)sprintf(text + used, "%s{'type':'FixedLength'}", i ? "," : "");
    (void)sprintf(text + used, "]}");
    CHECK_STRING(cut_at(text, "a", true), "LIMIT");
    CHECK_CONTAINS(error.message, "more than 256 steps");
    used = (size_t)sprintf(text, "{'type':'Sequence','pretokenizers':[");
    for (i = 0; i < 3; i++)
        used += (size_t)sprintf(text + used, "%s" SPLIT("Regex", "%012000d", "Removed", "false"),
                                i ? "," : "", i);
    (void)sprintf(text + used, "]}");
    CHECK_STRING(cut_at(text, "a", true), "LIMIT");
    CHECK_CONTAINS(error.message, "patterns of more than 32768 bytes");
}

/* A failure in the midst of a text leaves pieces that can be used for the next. */
static void used_again(void)
{
    char as[4001];
    otx__cutter cutter, other;
    otx__slices slices;
    memset(as, 'a', sizeof as);
    otx__slices_open(&slices, NULL);
    CHECK_INT(open_cutter(NULL, SPLIT("Regex", "b|(a+)+c", "Isolated", "false"), &cutter), OTX_OK);
    CHECK_INT(open_cutter(NULL, "{'type':'WhitespaceSplit'}", &other), OTX_OK);
    as[0] = 'b';
    CHECK_INT(otx__cutter_run(&cutter, as, 4000, true, &slices, &error), OTX_ERROR_LIMIT);
    CHECK_CONTAINS(error.message, "takes too many steps to match at byte 1 of a text");
    CHECK_INT(otx__cutter_run(&other, "a b", 3, true, &slices, &error), OTX_OK);
    CHECK_STRING(pieces(&slices), "a|b");
    CHECK_INT(otx__cutter_run(&cutter, "bb", 2, true, &slices, &error), OTX_OK);
    CHECK_STRING(pieces(&slices), "b|b");
    CHECK_INT(otx__cutter_run(&other, as, OTX__SLICED_LIMIT, true, &slices, &error),
              OTX_ERROR_LIMIT);
    otx__slices_close(&slices);
    otx__cutter_close(&cutter);
    otx__cutter_close(&other);
}

static otx_result with_memory(const otx_context *ctx)
{
    static const char step[] =
        "{'type':'Sequence','pretokenizers':[{'type':'BertPreTokenizer'},"
        SPLIT("Regex", "(?:a|b)+?c", "Contiguous", "false") ","
        SPLIT("String", "--", "Removed", "false") "," META("first", "true") ","
        BYTES("true", "true") ",{'type':'FixedLength','length':2},{'type':'Digits'}]}";
    static const char text[] = "ab abc, --a1 (\xc3\xa9) a b c d e f g h i j k l m n o p q";
    otx__cutter cutter;
    otx__slices slices;
    otx_result result = open_cutter(ctx, step, &cutter);
    if (result) return result;
    otx__slices_open(&slices, ctx);
    result = otx__cutter_run(&cutter, text, sizeof text - 1, true, &slices, &error);
    otx__slices_close(&slices);
    otx__cutter_close(&cutter);
    return result;
}

static void every_allocation_can_fail(void)
{
    failing state;
    otx_context ctx;
    long fail_at;
    otx_result result = OTX_ERROR_MEMORY;
    memset(&ctx, 0, sizeof ctx);
    ctx.allocator.resize = failing_resize;
    ctx.allocator.context = &state;
    for (fail_at = 1; result == OTX_ERROR_MEMORY && fail_at < 10000; fail_at++) {
        memset(&state, 0, sizeof state);
        state.fail_at = fail_at;
        result = with_memory(&ctx);
        CHECK_INT(state.live, 0);
        CHECK_INT(state.wrong_size, 0);
        if (result) CHECK_CONTAINS(error.message, "out of memory");
    }
    CHECK_INT(result, OTX_OK);
    CHECK(fail_at > 40);
}

int main(void)
{
    RUN(behaviours);
    RUN(inverted);
    RUN(empty_matches);
    RUN(texts_to_find);
    RUN(byte_level);
    RUN(metaspace);
    RUN(first_of_pieces);
    RUN(classes);
    RUN(sequences);
    RUN(patterns_of_tiktoken);
    RUN(what_cannot_be_applied);
    RUN(large_pre_tokenizers);
    RUN(used_again);
    RUN(every_allocation_can_fail);
    return test_end();
}

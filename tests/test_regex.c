/* Regular expressions as pre-tokenizers have them: what they match, what is refused, and that no
   expression takes long. tests/cut_oracle.py holds them to the tokenizers package.
   Looks at private functions: includes the implementation, with functions that are static so that
   those not used are left out. */
#define OTX_STATIC
#define OMP_TRANSPLANT_IMPLEMENTATION
#include "omp_transplant.h"
#include "failing.h"
#include "test.h"

static otx_error error;

/* The matches in a text with "|" between them, or what failed. */
static const char *found(otx__dialect dialect, const char *expression, const char *text)
{
    static char line[2048];
    otx__pool pool;
    otx__pattern pattern;
    otx__matcher m;
    otx__pattern_walk walk;
    size_t start, end, used = 0;
    otx_result result;
    otx__pool_open(&pool, NULL);
    otx__matcher_open(&m, NULL);
    line[0] = 0;
    result = otx__pattern_open(&pool, dialect, "T", expression, strlen(expression), &pattern,
                               &error);
    if (!result) {
        CHECK(otx__matcher_set(&m, &pattern));
        m.text = (const unsigned char *)text;
        m.size = strlen(text);
        otx__matcher_allow(&m, m.size);
        walk.next = 0;
        walk.last_end = SIZE_MAX;
        while (otx__pattern_next(&m, &walk, &start, &end))
            used += (size_t)snprintf(line + used, sizeof line - used, "%s%.*s", used ? "|" : "",
                                     (int)(end - start), text + start);
        result = m.result;
        if (result) (void)otx__matcher_fail(&m, 0, &error);
    }
    otx__matcher_close(&m);
    otx__pool_close(&pool);
    if (result) return otx_result_name(result) + strlen("OTX_ERROR_");
    return line;
}

#define FINDS(expression, text, wanted) \
    CHECK_STRING(found(OTX__ONIGURUMA, expression, text), wanted)
#define TIKTOKEN_FINDS(expression, text, wanted) \
    CHECK_STRING(found(OTX__TIKTOKEN, expression, text), wanted)

/* ---- what they match ---- */

static void characters(void)
{
    FINDS("ab", "abcab", "ab|ab");
    FINDS("a.c", "abc a\nc a\xc3\xa9" "c", "abc|a\xc3\xa9" "c");
    FINDS("(?m:a.c)", "a\nc", "a\nc");
    FINDS("\\x61\\u0062\\x{63}\\t", "abc\t", "abc\t");
    FINDS("[a\\x{1F600}-\\x{1F64F}]+", "xa\xf0\x9f\x98\x80" "b\xf0\x9f\x9a\x80",
          "a\xf0\x9f\x98\x80");
    FINDS("\\.\\-\\\\\\/\\\xc3\xa9", ".-\\/\xc3\xa9", ".-\\/\xc3\xa9");
    FINDS("{|a{|a{,}|a{x}", "{a{,}a{x}", "{|a{|a{");
    FINDS("]", "a]", "]");
    FINDS("\\012a|\\N+|\\O", "b\nac\n", "b|\na|c|\n");
    FINDS("\xf0\x9f\x98\x80", "x\xf0\x9f\x98\x80", "\xf0\x9f\x98\x80");
}

static void classes(void)
{
    FINDS("[a-c]+", "abcd", "abc");
    FINDS("[^a-c]+", "abcde\n", "de\n");
    FINDS("[]a]+", "]a", "]a");
    FINDS("[a-]+|[-b]+|[c-e-g]+", "a- b- c-dg", "a-|b-|c-dg");
    FINDS("[\\]\\[\\\\^]+", "[]\\^", "[]\\^");
    FINDS("[\\d\\s]+", "a1 2b", "1 2");
    FINDS("[a-z&&[^aeiou]]+", "abcde", "bcd");
    FINDS("[^a-c&&b-d]+", "abcd", "a|d");
    FINDS("[a-f&&c-z&&[^d]]+", "abcdef", "c|ef");
    FINDS("[a&&]|[&&b]", "ab", "");
    FINDS("[[a-b]c]+", "abcd", "abc");
    FINDS("[[:alpha:]_]+", "ab_1", "ab_");
    FINDS("[[:^alpha:]]+", "ab_1", "_1");
    FINDS("[[:^punct:]]+|[[:punct:]]", "a.b$", "a|.|b|$");
    FINDS("[\\b]", "\b", "\b");
    FINDS("[\xc3\xa0-\xc3\xbf]+", "\xc3\x9f\xc3\xa0\xc3\xa9x", "\xc3\xa0\xc3\xa9");
}

static void properties(void)
{
    FINDS("\\p{L}+", "a\xc3\xa9\xe4\xb8\xad" "1", "a\xc3\xa9\xe4\xb8\xad");
    FINDS("\\P{L}+|\\p{^Lu}", "A1b", "1|b");
    FINDS("\\p{uppercase letter}|\\p{Lowercase_Letter}", "aA1", "a|A");
    FINDS("[\\p{Lu}\\p{M}]+", "E\xcc\x81" "e\xcc\x81", "E\xcc\x81|\xcc\x81");
    FINDS("\\p{Han}+", "a\xe4\xb8\xad\xe6\x96\x87\xe3\x81\x82", "\xe4\xb8\xad\xe6\x96\x87");
    FINDS("\\s+", "a \xc2\xa0\xe3\x80\x80" "b", " \xc2\xa0\xe3\x80\x80");
    FINDS("\\w+", "a_\xc3\xa9-\xd9\xa1", "a_\xc3\xa9|\xd9\xa1");
    FINDS("\\d+|\\h+", "12 ff \xc2\xb2", "12|ff");
    FINDS("\\p{Sm}|\\p{Sc}|\\p{Pd}", "+$-", "+|$|-");
}

static void case_folded(void)
{
    FINDS("(?i:'s|'t|'re)", "'S't'Re'\xc5\xbf", "'S|'t|'Re|'\xc5\xbf");
    FINDS("(?i:K)", "k\xe2\x84\xaa", "k|\xe2\x84\xaa");
    FINDS("(?i:a)b", "abABAb", "ab|Ab");
    FINDS("(?i)a(?-i)b", "AbAB", "Ab");
    FINDS("a(?i)b|c", "aBaCc", "aB|aC"); /* to the end of the group, branches and all */
    FINDS("(?i:[\xce\xb1-\xce\xb3])+", "\xce\x91\xce\xb2\xce\x93", "\xce\x91\xce\xb2\xce\x93");
    FINDS("(?i:[^k])", "Kk\xe2\x84\xaa.", ".");
}

static void repetitions(void)
{
    FINDS("a*", "aab", "aa|");
    FINDS("a+?", "aa", "a|a");
    FINDS("a{2}", "aaaaa", "aa|aa");
    FINDS("a{2,}b|a{,2}c", "aaab aac", "aaab|aac");
    FINDS("a{2,3}?", "aaaaa", "aa|aa");
    FINDS("a{2}+", "aaaaa", "aaaa");           /* two, again */
    TIKTOKEN_FINDS("a{1,3}+a", "aaa", "");     /* three, and none given back */
    FINDS("a++a|a?+b", "aab", "ab");
    FINDS("(?:ab){2,3}", "abababab", "ababab");
    FINDS("(?:ab|c)++c|b", "abcc", "b"); /* none is given back */
    FINDS("(?:ab?)*c", "aababc", "aababc");
    FINDS("(?:a*)*b|(?:a*)+c|(?:|a)+d", "aabaacad", "aab|aac|ad");
    FINDS("(?:a|b){2,}?c", "ababc", "ababc");
    FINDS("x.*?y|x.??z", "x12y xz", "x12y|xz");
    FINDS("(?:(?:(?:){1000}){1000}){1000}a", "a", "a");
    FINDS("a.{2,4}b", "a1234b a\xc3\xa9\xc3\xa9" "b", "a1234b|a\xc3\xa9\xc3\xa9" "b");
}

static void groups(void)
{
    FINDS("(a|ab)(c|bcd)(d*)", "abcd", "abcd");
    FINDS("(?:a|ab)c|(?<name>d)", "abcd", "abc|d");
    FINDS("(?>a|ab)c|(?>a+)a", "abcaac", "ac");
    FINDS("a|b|", "abc", "a|b|");
    FINDS("(?#no (thing)a", "a", "a");
    FINDS("(?x: a b # c\n c )", "abc", "abc");
    FINDS("a(?:b(?:c(?:d)?)?)?", "a ab abcd", "a|ab|abcd");
}

static void looking_around(void)
{
    FINDS("\\s+(?!\\S)|\\s+", "a  b   ", " | |   ");
    FINDS("a(?=b|c)", "abacad", "a|a");
    FINDS("(?=a(?!b))..", "abac", "ac");
    FINDS("(?<=a)b|(?<!a)c", "abacbc", "b|c");
    FINDS("(?<=ab|c)d", "abdcdbd", "d|d");
    FINDS("(?<=(?>ab))c|(?<=^a)b", "abcbab", "b|c");
    FINDS("(?<=\xc3\xa9)b", "\xc3\xa9" "bab", "b");
    FINDS("\\d{1,3}(?=(?:\\d{3})*\\b)", "1234567", "1|234|567");
    FINDS("(?:(?!ab)[a-c])+", "caab", "ca|b");
    FINDS("(?=(\\d{3})+(?!\\d))", "12345", ""); /* an empty match */
}

static void places(void)
{
    FINDS("^a", "a\na", "a|a");
    FINDS("a$", "a\na\n", "a|a");
    FINDS("\\Aa|b\\z|c\\Z", "aabcc\n", "a|c");
    FINDS("\\ba|a\\B", "ab a", "a|a");
    FINDS("b\\B", "ab ba", "b");
    TIKTOKEN_FINDS("^a|a$", "a\na", "a|a");
    TIKTOKEN_FINDS("a$", "a\nab", "");
    TIKTOKEN_FINDS("(?m:a$)|(?s:.)c", "a\nc", "a|\nc");
}

/* Bytes that are no UTF-8 are characters of no kind, one by one. */
static void broken_text(void)
{
    FINDS("\\p{L}+|[^\\p{L}]+", "a\xff\xc3", "a|\xff\xc3");
    FINDS(".", "\xe4\xb8", "\xe4|\xb8");
    FINDS("(?<=.)b", "\xb8\x62", "b");
    FINDS("a.*b", "a\xf0\x9f\x98z", "");
}

/* ---- what is refused ---- */

static void check_refused(const char *expression, const char *where)
{
    CHECK_STRING(found(OTX__ONIGURUMA, expression, "a"), "UNSUPPORTED");
    CHECK_CONTAINS(error.message, "T: the regular expression \"");
    CHECK_CONTAINS(error.message, where);
}

static void what_is_not_known_here(void)
{
    check_refused("(a)\\1", "this escape is not known here, at byte 4 (\"1\")");
    check_refused("a\\R", "at byte 2 (\"R\")");
    check_refused("\\p{Nope}b", "no such property is known here, at byte 3 (\"Nope}b\")");
    check_refused("\\pL", "\"{\" is expected here, at byte 2 (\"L\")");
    check_refused("[[:nope:]]", "no such property");
    check_refused("(?(1)a)", "this kind of group is not known here, at byte 2");
    check_refused("(?s:.)", "this kind of group");
    check_refused("*a", "there is nothing to repeat, at byte 0");
    check_refused("^*", "there is nothing to repeat");
    check_refused("(?=a)+", "there is nothing to repeat");
    check_refused("a\\", "a backslash ends it");
    check_refused("[a", "\"]\" is missing");
    check_refused("(?<=a+)b", "no fixed length");
    check_refused("(?<=b|a+)c", "no fixed length");
    check_refused("[\\", "a backslash ends it");
    check_refused("[\\R]", "this escape is not known here");
    check_refused("(?<=(?:a|bc)d)b", "no fixed length");
    check_refused("[a-\\d]", "a range ends with a character");
    check_refused("a{3,1}", "from more to less");
    check_refused("\\x{110000}", "there is no such character");
    check_refused("\\xff", "a byte of a character");
    check_refused("\\u12", "four digits");
    FINDS("(a", "a", "FORMAT");
    CHECK_CONTAINS(error.message, "\")\" is missing, at byte 0");
    FINDS("a)", "a", "FORMAT");
    FINDS("[z-a]", "a", "FORMAT");
    FINDS("\xff", "a", "FORMAT");
}

/* ---- what is out to break it ---- */

static char long_text[1 << 17];

/* `part` so many times, with something before and after. */
static const char *repeated(const char *before, const char *part, size_t times,
                            const char *after)
{
    const size_t size = strlen(part);
    char *at = long_text + sprintf(long_text, "%s", before);
    for (; times > 0; times--, at += size) memcpy(at, part, size);
    (void)sprintf(at, "%s", after);
    return long_text;
}

static void large_expressions(void)
{
    char name[32];
    size_t i, used = 0;
    FINDS(repeated("", "(", 48, "a"), "a", "FORMAT");
    FINDS(repeated("", "(", 16000, "a"), "a", "LIMIT");
    CHECK_CONTAINS(error.message, "nested too deeply, at byte 48");
    FINDS(repeated("", "(?i)", 4000, "a"), "a", "LIMIT");
    FINDS(repeated("", "[", 16000, "a"), "a", "LIMIT");
    FINDS(repeated("a", "?", 16000, ""), "a", "LIMIT");
    FINDS(repeated("a", "{2}", 5000, ""), "a", "LIMIT");
    FINDS(repeated("", "a", 16385, ""), "a", "LIMIT");
    CHECK_CONTAINS(error.message, "it is too long");
    FINDS(repeated("", "\\p{L}|", 2700, "a"), "ba", "b|a");
    used = (size_t)sprintf(long_text, "(?<=");
    for (i = 0; i < 44; i++) long_text[used++] = '(';
    used += (size_t)sprintf(long_text + used, "a|b");
    for (i = 0; i < 44; i++) used += (size_t)sprintf(long_text + used, ")|b");
    (void)sprintf(long_text + used, ")c");
    FINDS(long_text, "acc", "c"); /* how long that is, is asked once a part */
    used = 0;
    FINDS("(?:(?:(?:a|b){100}){100}){100}", "a", "LIMIT");
    CHECK_CONTAINS(error.message, "it is too large");
    FINDS("(?:ab|c){100001}", "a", "LIMIT");
    FINDS("(?:ab|c){60000}", "a", "LIMIT");
    for (i = 0; i < 1000; i++)
        used += (size_t)sprintf(long_text + used, "[\\u%04x\\u%04x]", (unsigned)(0x400 + i),
                                (unsigned)(0x1400 + i));
    FINDS(long_text, "a", "LIMIT");
    CHECK_CONTAINS(error.message, "too many different classes");
    (void)snprintf(name, sizeof name, "%s", repeated("(", "a*", 10, ")b"));
    FINDS(name, "aab", "aab");
}

/* More ways than anyone can wait for end in an error, not in a result. */
static void many_ways(void)
{
    static const char *const expressions[] = {
        "(a+)+b", "(a|a)*b", "(a*)*b", "(?:a?){30}a{30}b", "(?:a|aa)+b", "(?=(a+)+b)a",
        "(?<!a)(a+)+$(?!a)b", "(.*)(.*)(.*)(.*)(.*)b", "(?:a*?)*?b", "(?>(a+)+b)",
    };
    const char *text = repeated("", "a", 3000, "");
    char as[3001];
    size_t i;
    memcpy(as, text, sizeof as);
    for (i = 0; i < COUNT(expressions); i++) {
        FINDS(expressions[i], as, "LIMIT");
        CHECK_CONTAINS(error.message, "takes too many steps");
        CHECK_CONTAINS(error.message, "a text of 3000 bytes");
    }
}

/* So do steps back, where not one is taken in vain. */
static void far_back(void)
{
    const size_t size = 98000;
    char *text = (char *)malloc(size + 1);
    if (!text) return;
    memset(text, 'b', size);
    text[size] = 0;
    FINDS("(?<=a{99999})b", text, "LIMIT");
    CHECK_CONTAINS(error.message, "takes too many steps");
    free(text);
}

/* A choice for every byte of a long text: the stack ends before memory does. */
static void many_choices(void)
{
    const size_t size = 6000000;
    char *text = (char *)malloc(size + 1);
    if (!text) return;
    memset(text, 'a', size);
    text[size] = 0;
    FINDS("(?:a|b)*c", text, "LIMIT");
    CHECK_CONTAINS(error.message, "takes too many steps to match at byte 0");
    FINDS("(?:a|b*)*c", text, "LIMIT"); /* places of rounds that may be empty are kept as well */
    CHECK_CONTAINS(error.message, "takes too many steps to match at byte 0");
    free(text);
}

/* The expressions of real tokenizers take what real texts need. */
static void long_runs(void)
{
    static const char llama[] =
        "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}{1,3}|"
        " ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+";
    static const char *const parts[] = {"a", " ", "\n", ".", "A", "\xe4\xb8\xad",
                                        "\t\r", "a ", " ."};
    otx__pool pool;
    otx__pattern pattern;
    otx__matcher m;
    size_t i, start, end;
    otx__pool_open(&pool, NULL);
    otx__matcher_open(&m, NULL);
    CHECK_INT(otx__pattern_open(&pool, OTX__ONIGURUMA, "T", llama, sizeof llama - 1, &pattern,
                                &error), OTX_OK);
    for (i = 0; i < COUNT(parts); i++) {
        otx__pattern_walk walk;
        size_t sum = 0;
        const char *text = repeated("", parts[i], 30000, "x");
        CHECK(otx__matcher_set(&m, &pattern));
        m.text = (const unsigned char *)text;
        m.size = strlen(text);
        otx__matcher_allow(&m, m.size);
        walk.next = 0;
        walk.last_end = SIZE_MAX;
        while (otx__pattern_next(&m, &walk, &start, &end)) sum += end - start;
        CHECK_INT(m.result, OTX_OK);
        CHECK_INT(sum, m.size);
        CHECK(OTX__MATCH_STEPS + OTX__MATCH_STEPS_A_BYTE * m.size - m.steps < 12 * m.size);
    }
    otx__matcher_close(&m);
    otx__pool_close(&pool);
}

/* Where a run leads to nothing, no part of it does, and none is tried. */
static void runs_that_fail(void)
{
    FINDS("\\s+$", repeated("", " ", 60000, "x  "), "  ");
    FINDS("a++b|c", repeated("", "a", 2000, "b"), long_text);
    FINDS("a*?b", repeated("c", "a", 60000, "cab"), "ab");
    FINDS("a{2,}(?!c)b?", "aac aaac", "aa");
}

/* ---- memory ---- */

static otx_result with_memory(const otx_context *ctx, otx__pattern *pattern)
{
    static const char expression[] =
        "(?i:[\\p{Greek}k&&\\w])+|(?<!a)(?:b|[^c-e[:alpha:]]){2,}+|(?:f*)*\\bg";
    static const char text[] = "\xce\xb1K b1b1fffg";
    otx__pool pool;
    otx__matcher m;
    otx__pattern_walk walk;
    size_t start, end, count = 0;
    otx_result result;
    otx__pool_open(&pool, ctx);
    otx__matcher_open(&m, ctx);
    result = otx__pattern_open(&pool, OTX__ONIGURUMA, "T", expression, sizeof expression - 1,
                               pattern, &error);
    if (!result) {
        walk.next = 0;
        walk.last_end = SIZE_MAX;
        m.text = (const unsigned char *)text;
        m.size = sizeof text - 1;
        otx__matcher_allow(&m, m.size);
        if (otx__matcher_set(&m, pattern))
            while (otx__pattern_next(&m, &walk, &start, &end)) count++;
        result = m.result ? otx__matcher_fail(&m, 0, &error) : OTX_OK;
        if (!result) CHECK_INT(count, 2);
    }
    otx__matcher_close(&m);
    otx__pool_close(&pool);
    return result;
}

static void out_of_memory(void)
{
    otx_context ctx;
    failing state;
    otx__pattern pattern;
    otx_result result = OTX_ERROR_MEMORY;
    long at;
    memset(&ctx, 0, sizeof ctx);
    ctx.allocator.resize = failing_resize;
    ctx.allocator.context = &state;
    for (at = 1; result == OTX_ERROR_MEMORY && at < 10000; at++) {
        memset(&state, 0, sizeof state);
        state.fail_at = at;
        result = with_memory(&ctx, &pattern);
        CHECK_INT(state.live, 0);
        CHECK_INT(state.wrong_size, 0);
        if (result) CHECK_CONTAINS(error.message, "out of memory");
    }
    CHECK_INT(result, OTX_OK);
    CHECK(at > 20);
}

/* ---- sets ---- */

static void sets_of_characters(void)
{
    otx__char_set a, b;
    otx__char_set_open(&a, NULL);
    otx__char_set_open(&b, NULL);
    otx__char_set_add(&a, 10, 20);
    otx__char_set_add(&a, 5, 12);
    otx__char_set_add(&a, 30, 30);
    otx__char_set_settle(&a);
    CHECK_INT(a.count, 2);
    CHECK(otx__char_set_has(&a, 5) && otx__char_set_has(&a, 20) && !otx__char_set_has(&a, 21));
    otx__char_set_invert(&a);
    CHECK(!otx__char_set_has(&a, 30) && otx__char_set_has(&a, 0) &&
          otx__char_set_has(&a, OTX__LAST_CODE));
    otx__char_set_invert(&a);
    otx__char_set_add(&b, 18, 40);
    otx__char_set_meet(&a, &b);
    CHECK_INT(a.count, 2);
    CHECK(otx__char_set_has(&a, 18) && !otx__char_set_has(&a, 17) && otx__char_set_has(&a, 30));
    otx__char_set_close(&a);
    CHECK(otx__char_set_named("any", &a));
    CHECK_INT(a.count, 1); /* every character is of some category */
    CHECK_INT(a.items[0].last, OTX__LAST_CODE);
    CHECK(!otx__char_set_named("nope", &b));
    otx__char_set_close(&a);
    otx__char_set_close(&b);
}

int main(void)
{
    RUN(characters);
    RUN(classes);
    RUN(properties);
    RUN(case_folded);
    RUN(repetitions);
    RUN(groups);
    RUN(looking_around);
    RUN(places);
    RUN(broken_text);
    RUN(what_is_not_known_here);
    RUN(large_expressions);
    RUN(many_ways);
    RUN(far_back);
    RUN(many_choices);
    RUN(long_runs);
    RUN(runs_that_fail);
    RUN(out_of_memory);
    RUN(sets_of_characters);
    return test_end();
}

/* Alignment: which row of the base every donor token gets.
   A suite of the public API: linked with the implementation. */
#include "omp_transplant.h"
#include "failing.h"
#include "test.h"

static otx_error error;

/* ---- vocabularies made by hand ---- */

enum { LIMIT = 64 };

typedef struct table {
    otx_token tokens[LIMIT];
    otx_vocab vocab;
} table;

/* Fills a vocabulary from words "t:the", "b:A", "c:<s>", "u:<unused0>", or "-" for
   an id without a token. */
static const otx_vocab *fill(table *t, const char *const *words, size_t count)
{
    static const char letters[] = "-tbcu";
    size_t i;
    memset(t, 0, sizeof *t);
    for (i = 0; i < count; i++) {
        otx_token *token = &t->tokens[i];
        token->kind = (otx_token_kind)(strchr(letters, words[i][0]) - letters);
        if (token->kind == OTX_TOKEN_NONE) continue;
        token->bytes = token->content = words[i] + 2;
        token->size = token->content_size = (uint32_t)strlen(words[i] + 2);
        t->vocab.token_count++;
    }
    for (i = 0; i < OTX_ROLE_COUNT; i++) t->vocab.roles[i] = -1;
    t->vocab.tokens = t->tokens;
    t->vocab.count = count;
    return &t->vocab;
}

#define FILL(table, words) fill(table, words, sizeof(words) / sizeof(words)[0])

/* The rows as text: "c3*" copies base row 3 and is an anchor; "r" is by role, "m"
   mapped, "a" approximated, "u" unused and "p" padding. */
static const char *dump(const otx_alignment *alignment)
{
    static char text[2048];
    size_t used = 0, i;
    text[0] = 0;
    for (i = 0; i < alignment->count && used < sizeof text - 64; i++) {
        const otx_alignment_row *row = &alignment->rows[i];
        used += (size_t)snprintf(text + used, sizeof text - used, "%s%c", i ? " " : "",
                                 otx_action_name(row->action)[0]);
        if (row->base >= 0)
            used += (size_t)snprintf(text + used, sizeof text - used, "%d", (int)row->base);
        if (row->anchor) used += (size_t)snprintf(text + used, sizeof text - used, "*");
    }
    return text;
}

/* Aligns and compares; the counts must add up. */
static void expect(const otx_vocab *donor, const otx_vocab *base,
                   const otx_alignment_options *options, const char *rows)
{
    otx_alignment alignment;
    size_t counts[OTX_ACTION_COUNT], anchors = 0, i;
    error.message[0] = 0;
    CHECK_INT(otx_align(NULL, donor, base, options, &alignment, &error), OTX_OK);
    CHECK_STRING(error.message, "");
    CHECK_STRING(dump(&alignment), rows);
    memset(counts, 0, sizeof counts);
    for (i = 0; i < alignment.count; i++) {
        counts[alignment.rows[i].action]++;
        anchors += alignment.rows[i].anchor;
    }
    for (i = 0; i < OTX_ACTION_COUNT; i++) CHECK_INT(alignment.counts[i], counts[i]);
    CHECK_INT(alignment.anchor_count, anchors);
    otx_alignment_close(NULL, &alignment);
    CHECK(alignment.rows == NULL && alignment.count == 0);
}

static void refuse(const otx_vocab *donor, const otx_vocab *base,
                   const otx_alignment_options *options, otx_result result, const char *message)
{
    otx_alignment alignment;
    CHECK_STRING(otx_result_name(otx_align(NULL, donor, base, options, &alignment, &error)),
                 otx_result_name(result));
    CHECK_STRING(error.message, message);
    CHECK(alignment.rows == NULL && alignment.count == 0);
}

static otx_alignment_options no_options(void)
{
    otx_alignment_options options;
    memset(&options, 0, sizeof options);
    return options;
}

static void names(void)
{
    CHECK_STRING(otx_action_name(OTX_ACTION_PADDING), "padding");
    CHECK_STRING(otx_action_name(OTX_ACTION_UNUSED), "unused");
    CHECK(otx_action_name(OTX_ACTION_COUNT) == NULL);
}

/* ---- pairs ---- */

static void same_kind_and_bytes(void)
{
    static const char *const base[] = {"t:a", "t:b", "c:a", "-", "t:c", "u:<unused0>"};
    static const char *const donor[] = {"t:c", "t:x", "c:a", "t:b", "-", "u:<unused0>", "t:",
                                        "b:z"};
    table b, d;
    expect(FILL(&d, donor), FILL(&b, base), NULL, "c4* a c2 c1* p c5 a a");
}

static void duplicates(void)
{
    static const char *const base[] = {"t:x", "t:a", "t:a", "t:x"};
    static const char *const donor[] = {"t:a", "t:a", "t:x", "t:a"};
    table b, d;
    /* All get the lowest base row; only the lowest donor id is an anchor. */
    expect(FILL(&d, donor), FILL(&b, base), NULL, "c1* c1 c0* c1");
}

static void bytes_and_text(void)
{
    static const char *const text[] = {"t:A", "t:\n", "t:AB", "t:\xe9"};
    static const char *const both[] = {"b:A", "b:\n", "t:A", "b:\xe9", "t:AB"};
    table one, two;
    /* <0x41> comes first, but the anchor belongs to the text "A". */
    expect(FILL(&two, both), FILL(&one, text), NULL, "c0 c1* c0* c3* c2*");
    expect(FILL(&one, text), FILL(&two, both), NULL, "c2* c1* c4* c3*");
    expect(FILL(&two, both), FILL(&one, both), NULL, "c0* c1* c2* c3* c4*");
}

static void two_bytes_and_one_text(void)
{
    static const char *const base[] = {"t:A"};
    static const char *const donor[] = {"b:A", "b:A"};
    table b, d;
    expect(FILL(&d, donor), FILL(&b, base), NULL, "c0* c0");
}

static void control_is_not_text(void)
{
    static const char *const base[] = {"t:<s>", "c:</s>", "c:A"};
    static const char *const donor[] = {"c:<s>", "t:</s>", "b:A", "t:A"};
    table b, d;
    expect(FILL(&d, donor), FILL(&b, base), NULL, "a a a a");
}

/* A control token and a plain added one of the same content are one token to the
   model, but no text: copied, and no anchors. By content goes before by role. */
static void control_and_added(void)
{
    static const char *const base[] = {"t:<think>", "c:<tool>", "t:<end>", "c:<e>", "t:a"};
    static const char *const donor[] = {"c:<think>", "t:<tool>", "c:<end>", "t:a", "t:<e>"};
    table b, d;
    FILL(&b, base);
    FILL(&d, donor);
    b.tokens[0].added = b.tokens[2].added = true;
    d.tokens[1].added = true;
    b.vocab.roles[OTX_ROLE_EOS] = 3;
    d.vocab.roles[OTX_ROLE_EOS] = 2;
    expect(&d.vocab, &b.vocab, NULL, "c0 c1 c2 c4* a");
}

/* The same of two plain ones that are cut out of different texts. One that stands for the
   base's text goes by that. */
static void added_with_and_without_a_space(void)
{
    static const char *const base[] = {"t: <think>", "t:<tool>", "t: <end>", "t:<x>", "t:a"};
    static const char *const donor[] = {"t:<think>", "t: <tool>", "c:<end>", "t: <x>", "t:a",
                                        "t:<end>"};
    static const char *const contents[] = {"<think>", "<tool>", "<end>", "<x>"};
    table b, d;
    size_t i;
    FILL(&b, base);
    FILL(&d, donor);
    for (i = 0; i < 4; i++) {
        b.tokens[i].content = d.tokens[i].content = contents[i];
        b.tokens[i].content_size = d.tokens[i].content_size = (uint32_t)strlen(contents[i]);
        b.tokens[i].added = d.tokens[i].added = true;
    }
    expect(&d.vocab, &b.vocab, NULL, "c0 c1 c2 c3 c4* a");
    b.tokens[4] = b.tokens[3]; /* an ordinary one, and before it an added one */
    b.tokens[4].added = false;
    b.tokens[4].bytes = b.tokens[4].content = " <x>";
    b.tokens[4].size = b.tokens[4].content_size = 4;
    expect(&d.vocab, &b.vocab, NULL, "c0 c1 c2 c4* a a");
}

/* A word that one BERT has from its training, and another added. */
static void added_words(void)
{
    static const char *const base[] = {"t: covid", "t:zz", "t: virus", "c:<x>"};
    static const char *const donor[] = {"t:covid", "t: zz", "t: virus", "c: <x>", "c:virus"};
    static const char *const contents[] = {"covid", "zz", "virus", "<x>", "virus"};
    table b, d;
    size_t i;
    FILL(&b, base);
    FILL(&d, donor);
    for (i = 0; i < 5; i++) {
        if (i < 4) b.tokens[i].content = contents[i];
        if (i < 4) b.tokens[i].content_size = (uint32_t)strlen(contents[i]);
        d.tokens[i].content = contents[i];
        d.tokens[i].content_size = (uint32_t)strlen(contents[i]);
    }
    d.tokens[0].added = d.tokens[4].added = b.tokens[1].added = true;
    expect(&d.vocab, &b.vocab, NULL, "a a c2* a a");
    b.vocab.family = d.vocab.family = OTX_FAMILY_WORDPIECE;
    expect(&d.vocab, &b.vocab, NULL, "c0 c1 c2* a a");
}

static void reserved(void)
{
    static const char *const base[] = {"u:<unused0>", "c:<unused1>", "u:<unused2>",
                                       "t:<unused3>"};
    static const char *const donor[] = {"u:<unused0>", "u:<unused1>", "c:<unused2>",
                                        "u:<unused3>", "u:<unused9>"};
    table b, d;
    expect(FILL(&d, donor), FILL(&b, base), NULL, "c0 c1 a u u");
}

static void by_role(void)
{
    static const char *const base[] = {"c:<b>", "c:<e>", "c:<p>", "t:a", "c:<same>"};
    static const char *const donor[] = {"c:<bos>", "c:<eos>", "c:<other>", "c:<same>", "t:a"};
    table b, d;
    otx_vocab *base_vocab = &b.vocab, *donor_vocab = &d.vocab;
    FILL(&b, base);
    FILL(&d, donor);
    base_vocab->roles[OTX_ROLE_BOS] = 0;
    base_vocab->roles[OTX_ROLE_EOS] = 1;
    base_vocab->roles[OTX_ROLE_PAD] = 2;
    donor_vocab->roles[OTX_ROLE_BOS] = 0;
    donor_vocab->roles[OTX_ROLE_EOS] = 1;
    donor_vocab->roles[OTX_ROLE_PAD] = 1; /* the first role counts: eos */
    expect(donor_vocab, base_vocab, NULL, "r0 r1 a c4 c3*");
    donor_vocab->roles[OTX_ROLE_EOS] = 3; /* by content first, then pad by role */
    expect(donor_vocab, base_vocab, NULL, "r0 r2 a c4 c3*");
    donor_vocab->roles[OTX_ROLE_UNK] = 2; /* the base has none */
    expect(donor_vocab, base_vocab, NULL, "r0 r2 a c4 c3*");
    base_vocab->roles[OTX_ROLE_UNK] = 3; /* no control token */
    expect(donor_vocab, base_vocab, NULL, "r0 r2 a c4 c3*");
}

static void roles_in_order(void)
{
    static const char *const base[] = {"c:0", "c:1", "c:2", "c:3", "c:4", "c:5", "c:6"};
    static const char *const donor[] = {"c:x"};
    static const otx_role order[] = {OTX_ROLE_EOS, OTX_ROLE_BOS, OTX_ROLE_PAD, OTX_ROLE_UNK,
                                     OTX_ROLE_SEP, OTX_ROLE_CLS, OTX_ROLE_MASK};
    table b, d;
    size_t i;
    FILL(&b, base);
    FILL(&d, donor);
    for (i = 0; i < OTX_ROLE_COUNT; i++) {
        b.vocab.roles[order[i]] = (int64_t)i;
        d.vocab.roles[order[i]] = 0;
    }
    for (i = 0; i < OTX_ROLE_COUNT; i++) {
        char rows[8];
        (void)snprintf(rows, sizeof rows, "r%u", (unsigned)i);
        expect(&d.vocab, &b.vocab, NULL, rows);
        b.vocab.roles[order[i]] = -1;
    }
    expect(&d.vocab, &b.vocab, NULL, "a");
}

/* ---- the caller's map ---- */

static void map_goes_first(void)
{
    static const char *const base[] = {"t:a", "t:b", "u:<unused0>"};
    static const char *const donor[] = {"t:a", "t:x", "-", "t:a", "u:<unused1>", "t:b"};
    static const otx_map_entry map[] = {{0, 1}, {1, 0}, {2, 2}, {4, 0}};
    otx_alignment_options options = no_options();
    table b, d;
    options.map = map;
    options.map_count = 4;
    /* Mapped tokens are no anchors; the next of the same bytes is. */
    expect(FILL(&d, donor), FILL(&b, base), &options, "m1 m0 m2 c0* m0 c1*");
}

static void map_that_is_wrong(void)
{
    static const char *const words[] = {"t:a", "t:b"};
    static const otx_map_entry donor_id[] = {{0, 0}, {2, 0}}, base_id[] = {{0, 2}},
                               twice[] = {{1, 0}, {0, 0}, {1, 1}},
                               huge[] = {{UINT64_MAX, UINT64_MAX}};
    otx_alignment_options options = no_options();
    table b, d;
    FILL(&b, words);
    FILL(&d, words);
    options.map = donor_id;
    options.map_count = 2;
    refuse(&d.vocab, &b.vocab, &options, OTX_ERROR_ARGUMENT,
           "map entry 1: donor id 2 has no row; there are 2 rows");
    options.map = base_id;
    options.map_count = 1;
    refuse(&d.vocab, &b.vocab, &options, OTX_ERROR_ARGUMENT,
           "map entry 0: base id 2 has no row; the base has 2 rows");
    options.base_ids = 3; /* unless the caller says that it is an id all the same */
    expect(&d.vocab, &b.vocab, &options, "m2 c1*");
    options.base_ids = 0;
    options.map = twice;
    options.map_count = 3;
    refuse(&d.vocab, &b.vocab, &options, OTX_ERROR_ARGUMENT,
           "map entry 2: donor id 1 is mapped twice, to base ids 0 and 1");
    options.map = huge;
    options.map_count = 1;
    refuse(&d.vocab, &b.vocab, &options, OTX_ERROR_ARGUMENT,
           "map entry 0: donor id 18446744073709551615 has no row; there are 2 rows");
}

/* ---- rows ---- */

static void more_rows_than_tokens(void)
{
    static const char *const words[] = {"t:a", "t:b"};
    otx_alignment_options options = no_options();
    table b, d;
    FILL(&b, words);
    FILL(&d, words);
    options.donor_rows = 4;
    expect(&d.vocab, &b.vocab, &options, "c0* c1* p p");
    options.rows = 3;
    expect(&d.vocab, &b.vocab, &options, "c0* c1* p");
    options.rows = 1;
    expect(&d.vocab, &b.vocab, &options, "c0*");
}

static void base_rows_bound_what_is_copied(void)
{
    static const char *const base[] = {"t:x", "t:a", "c:</s>", "t:b"};
    static const char *const donor[] = {"t:a", "t:b", "c:<e>", "b:b"};
    static const otx_map_entry map[] = {{0, 5}};
    otx_alignment_options options = no_options();
    table b, d;
    FILL(&b, base);
    FILL(&d, donor);
    b.vocab.roles[OTX_ROLE_EOS] = d.vocab.roles[OTX_ROLE_EOS] = 2;
    expect(&d.vocab, &b.vocab, &options, "c1* c3* r2 c3");
    options.base_rows = 3;
    expect(&d.vocab, &b.vocab, &options, "c1* a r2 a");
    options.base_rows = 2;
    expect(&d.vocab, &b.vocab, &options, "c1* a a a");
    /* Rows of the base beyond its tokens can still be mapped to. */
    options.base_rows = 6;
    options.map = map;
    options.map_count = 1;
    expect(&d.vocab, &b.vocab, &options, "m5 c3* r2 c3");
}

static void tokens_beyond_the_donors_rows(void)
{
    static const char *const base[] = {"t:a", "t:b"};
    static const char *const donor[] = {"t:x", "t:y", "t:a", "u:<unused0>", "t:new\n"};
    static const otx_map_entry map[] = {{4, 1}};
    otx_alignment_options options = no_options();
    table b, d;
    FILL(&b, base);
    FILL(&d, donor);
    options.donor_rows = 2;
    expect(&d.vocab, &b.vocab, &options, "a a");
    options.rows = 5; /* copied, but with nothing to compare it with no anchor */
    expect(&d.vocab, &b.vocab, &options, "a a c0 u u");
    options.rows = 4;
    expect(&d.vocab, &b.vocab, &options, "a a c0 u");
    options.donor_rows = 1;
    expect(&d.vocab, &b.vocab, &options, "a u c0 u");
    options.donor_rows = 2;
    options.rows = 5;
    options.map = map;
    options.map_count = 1;
    expect(&d.vocab, &b.vocab, &options, "a a c0 u m1");
}

static void nothing_shared(void)
{
    static const char *const base[] = {"t:a"};
    static const char *const donor[] = {"t:x", "c:y"};
    table b, d;
    expect(FILL(&d, donor), FILL(&b, base), NULL, "a a");
    expect(FILL(&d, donor), fill(&b, NULL, 0), NULL, "a a");
    expect(fill(&d, NULL, 0), FILL(&b, base), NULL, "");
}

static void too_many_rows(void)
{
    static const char *const words[] = {"t:a"};
    otx_alignment_options options = no_options();
    otx_alignment alignment;
    table b, d;
    options.rows = UINT64_MAX;
    CHECK_INT(otx_align(NULL, FILL(&d, words), FILL(&b, words), &options, &alignment, &error),
              OTX_ERROR_MEMORY);
    CHECK_CONTAINS(error.message, "18446744073709551615 rows");
    CHECK(alignment.rows == NULL);
}

/* ---- against the same rules written plainly ---- */

static unsigned random_state = 1;

static unsigned random_below(unsigned limit)
{
    random_state = random_state * 1664525u + 1013904223u;
    return (random_state >> 16) % limit;
}

static const otx_vocab *random_vocab(table *t, size_t count)
{
    static const char *const words[] = {"t:a", "t:b", "t:ab", "t:",  "b:a", "b:b",
                                        "b:c", "t:c", "c:a",  "c:b", "c:ab", "u:a",
                                        "u:ab", "u:b", "-", "t:abc", "c:q"};
    const char *chosen[LIMIT];
    size_t i;
    for (i = 0; i < count; i++) chosen[i] = words[random_below(17)];
    fill(t, chosen, count);
    for (i = 0; i < OTX_ROLE_COUNT; i++)
        if (count && random_below(2)) t->vocab.roles[i] = random_below((unsigned)count);
    return &t->vocab;
}

static int64_t scan(const otx_vocab *vocab, size_t rows, otx_token_kind kind,
                    const otx_token *like)
{
    size_t id;
    for (id = 0; id < vocab->count && id < rows; id++)
        if (vocab->tokens[id].kind == kind && vocab->tokens[id].size == like->size &&
            memcmp(vocab->tokens[id].bytes, like->bytes, like->size) == 0)
            return (int64_t)id;
    return -1;
}

/* Pass 0 pairs tokens of the same kind, pass 1 the rest. */
static void plain_pass(int pass, const otx_vocab *donor, const otx_vocab *base,
                       size_t base_rows, otx_alignment_row *rows)
{
    static const otx_role order[] = {OTX_ROLE_EOS, OTX_ROLE_BOS, OTX_ROLE_PAD, OTX_ROLE_UNK,
                                     OTX_ROLE_SEP, OTX_ROLE_CLS, OTX_ROLE_MASK};
    size_t id, i;
    for (id = 0; id < donor->count; id++) {
        const otx_token *token = &donor->tokens[id];
        int64_t found = -1;
        if (token->kind == OTX_TOKEN_NONE || rows[id].action != OTX_ACTION_PADDING) continue;
        if (pass == 0) {
            found = scan(base, base_rows, token->kind, token);
            if (found < 0 && token->kind == OTX_TOKEN_UNUSED)
                found = scan(base, base_rows, OTX_TOKEN_CONTROL, token);
            if (found < 0) continue;
        } else if (token->kind == OTX_TOKEN_BYTE) {
            found = scan(base, base_rows, OTX_TOKEN_TEXT, token);
        } else if (token->kind == OTX_TOKEN_TEXT) {
            found = scan(base, base_rows, OTX_TOKEN_BYTE, token);
        }
        rows[id].action = found >= 0                         ? OTX_ACTION_COPY
                          : token->kind == OTX_TOKEN_UNUSED ? OTX_ACTION_UNUSED
                                                            : OTX_ACTION_APPROXIMATE;
        rows[id].base = found;
        if (found >= 0 && (token->kind == OTX_TOKEN_TEXT || token->kind == OTX_TOKEN_BYTE)) {
            rows[id].anchor = true;
            for (i = 0; i < donor->count; i++)
                if (i != id && rows[i].anchor && rows[i].base == found) rows[id].anchor = false;
        }
        for (i = 0; found < 0 && token->kind == OTX_TOKEN_CONTROL && i < 7; i++) {
            const int64_t role = base->roles[order[i]];
            if (donor->roles[order[i]] != (int64_t)id || role < 0 ||
                (size_t)role >= base_rows || base->tokens[role].kind != OTX_TOKEN_CONTROL)
                continue;
            rows[id].action = OTX_ACTION_ROLE;
            rows[id].base = found = role;
        }
    }
}

static void random_vocabularies(void)
{
    int round;
    for (round = 0; round < 3000; round++) {
        table d, b;
        const size_t donor_count = 1 + random_below(20), base_count = 1 + random_below(20);
        const otx_vocab *donor = random_vocab(&d, donor_count);
        const otx_vocab *base = random_vocab(&b, base_count);
        otx_alignment_options options = no_options();
        otx_alignment wanted;
        otx_alignment_row rows[LIMIT];
        char text[2048];
        size_t id, base_rows = base_count;
        if (random_below(2))
            options.base_rows = base_rows = 1 + random_below((unsigned)base_count);
        memset(rows, 0, sizeof rows);
        for (id = 0; id < LIMIT; id++) rows[id].base = -1;
        plain_pass(0, donor, base, base_rows, rows);
        plain_pass(1, donor, base, base_rows, rows);
        memset(&wanted, 0, sizeof wanted);
        wanted.rows = rows;
        wanted.count = donor_count;
        strcpy(text, dump(&wanted));
        expect(donor, base, &options, text);
        if (test_broken) return;
    }
}

static void every_allocation_can_fail(void)
{
    static const char *const base[] = {"t:a", "b:c", "c:<s>"};
    static const char *const donor[] = {"t:c", "t:a", "c:<e>", "t:q"};
    table b, d;
    failing state;
    otx_context ctx;
    long fail_at;
    FILL(&b, base);
    FILL(&d, donor);
    memset(&ctx, 0, sizeof ctx);
    ctx.allocator.resize = failing_resize;
    ctx.allocator.context = &state;
    for (fail_at = 1; fail_at < 100; fail_at++) {
        otx_alignment alignment;
        otx_result result;
        memset(&state, 0, sizeof state);
        state.fail_at = fail_at;
        result = otx_align(&ctx, &d.vocab, &b.vocab, NULL, &alignment, &error);
        if (result == OTX_OK) CHECK_STRING(dump(&alignment), "c1* c0* a a");
        otx_alignment_close(&ctx, &alignment);
        CHECK_INT(state.live, 0);
        CHECK_INT(state.bytes, 0);
        CHECK_INT(state.wrong_size, 0);
        if (result == OTX_OK) break;
        CHECK_INT(result, OTX_ERROR_MEMORY);
    }
    CHECK_INT(fail_at, 5);
}

int main(void)
{
    RUN(names);
    RUN(same_kind_and_bytes);
    RUN(duplicates);
    RUN(bytes_and_text);
    RUN(two_bytes_and_one_text);
    RUN(control_is_not_text);
    RUN(control_and_added);
    RUN(added_with_and_without_a_space);
    RUN(added_words);
    RUN(reserved);
    RUN(by_role);
    RUN(roles_in_order);
    RUN(map_goes_first);
    RUN(map_that_is_wrong);
    RUN(more_rows_than_tokens);
    RUN(base_rows_bound_what_is_copied);
    RUN(tokens_beyond_the_donors_rows);
    RUN(nothing_shared);
    RUN(too_many_rows);
    RUN(random_vocabularies);
    RUN(every_allocation_can_fail);
    return test_end();
}

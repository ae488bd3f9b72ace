/* Evaluating methods on hidden tokens: classes of tokens, figures that can be told in advance,
   refusals, threads, running out of memory. The figures of the other methods are held to NumPy's
   by evaluate_twin.py.
   A suite of the public API: linked with the implementation. */
#include <math.h>

#include "failing.h"
#include "small_models.h"

#define BASE "examples/models/base"
#define DONOR "examples/models/donor"

static void test_token_classes(void)
{
    static const struct {
        const char *bytes;
        otx_token_class token_class;
    } cases[] = {
        {" the", OTX_CLASS_WORD},          {"ing", OTX_CLASS_CONTINUATION},
        {" caf\xc3\xa9", OTX_CLASS_WORD},  {"\xc3\x9f", OTX_CLASS_CONTINUATION},
        {"7", OTX_CLASS_DIGITS},           {" 2024", OTX_CLASS_DIGITS},
        {" ", OTX_CLASS_SPACE},            {"\n\n", OTX_CLASS_SPACE},
        {"\t", OTX_CLASS_SPACE},           {"\xe3\x80\x80", OTX_CLASS_SPACE},
        {"();", OTX_CLASS_CODE},           {" foo_bar", OTX_CLASS_CODE},
        {"x1", OTX_CLASS_CODE},            {"a b", OTX_CLASS_CODE},
        {"", OTX_CLASS_CODE},              {"\xe2\x80\x94", OTX_CLASS_CODE},
        {"\xc3\x97", OTX_CLASS_CODE},      {"\xd0\xb4\xd0\xb0", OTX_CLASS_SCRIPT},
        {" \xe6\x97\xa5", OTX_CLASS_SCRIPT}, {"\xe6\x97", OTX_CLASS_SCRIPT},
        {"\xf0\x9f\x98\x80", OTX_CLASS_SCRIPT}, {"\xe1\xba\xa1", OTX_CLASS_CONTINUATION},
        {"\xef\xbc\x8c", OTX_CLASS_CODE},   {"\xef\xbc\x9a\xef\xbc\x88", OTX_CLASS_CODE},
        {" \xef\xbc\xa1", OTX_CLASS_WORD},  {"\xef\xac\x81x", OTX_CLASS_CONTINUATION},
        {"e\xcc\x81t", OTX_CLASS_CONTINUATION}, {"\xef\xbf\xa5", OTX_CLASS_CODE},
        {" \xe2\xb1\xae", OTX_CLASS_WORD},  {"\xea\x9c\xa5", OTX_CLASS_CONTINUATION},
        {"\xef\xb8\x8f", OTX_CLASS_CODE},   {"\xef\xbc\x90", OTX_CLASS_SCRIPT},
        {"\xef\xbd\xb1", OTX_CLASS_SCRIPT}, {"\xe0\xa5\xa4", OTX_CLASS_SCRIPT},
    };
    size_t i;
    for (i = 0; i < COUNT(cases); i++) {
        otx_token_class found = otx_token_class_of(cases[i].bytes, strlen(cases[i].bytes));
        if (found != cases[i].token_class) printf("  \"%s\"\n", cases[i].bytes);
        CHECK_STRING(otx_token_class_name(found), otx_token_class_name(cases[i].token_class));
    }
    CHECK_STRING(otx_token_class_name(OTX_CLASS_ALL), "all");
    CHECK(otx_token_class_name(OTX_CLASS_COUNT) == NULL);
}

static otx_evaluation evaluate(const otx_context *ctx, const otx_evaluate_options *options)
{
    otx_evaluation evaluation;
    otx_error error;
    otx_result result = otx_evaluate(ctx, BASE, DONOR, options, &evaluation, &error);
    CHECK_INT(result, OTX_OK);
    if (result) printf("  %s\n", error.message);
    return evaluation;
}

/* Of rows of zeros everything is known; the sums over the classes are those over all. */
static void test_known_figures(void)
{
    static const otx_method methods[] = {OTX_METHOD_ZERO, OTX_METHOD_AFFINE};
    otx_evaluate_options options;
    otx_evaluation e;
    size_t i, c;
    memset(&options, 0, sizeof options);
    options.methods = methods;
    options.method_count = 2;
    e = evaluate(NULL, &options);
    CHECK_INT(e.matrix_count, 2);
    CHECK_INT(e.entry_count, 4);
    CHECK_INT(e.anchors + e.hidden, 1533);
    CHECK_INT(e.hidden, 76);
    CHECK_STRING(e.matrices[1].name, "lm_head.weight");
    CHECK_INT(e.matrices[0].columns, 96);
    CHECK_INT(e.matrices[0].donor_columns, 128);
    for (i = 0; i < 4; i++) {
        const otx_scores *all = &e.entries[i].scores[OTX_CLASS_ALL];
        uint64_t count = 0;
        for (c = 1; c < OTX_CLASS_COUNT; c++) count += e.entries[i].scores[c].count;
        CHECK_INT(count, 76);
        CHECK_INT(all->count, 76);
        CHECK_INT(all->ranked, 76);
        CHECK_INT(e.entries[i].matrix, i / 2);
        CHECK_INT(e.entries[i].method, methods[i % 2]);
        if (methods[i % 2] != OTX_METHOD_ZERO) {
            CHECK(all->share > 0.1 && all->share < 1 && all->cosine > 0.2 && all->top10 > 0.3);
            continue;
        }
        CHECK(all->share == 0 && all->error == 1 && all->loss == 1.75);
        CHECK(all->cosine == 0 && all->norm_ratio == 0 && all->relative_error == 1);
        CHECK(all->top1 == 0 && all->top10 == 0);
    }
    otx_evaluation_close(NULL, &e);
}

/* Every figure is the same on any number of threads and by every set; another seed hides other
   tokens. */
static void test_threads_and_seeds(void)
{
    static const otx_method methods[] = {OTX_METHOD_OMP_CENTRED, OTX_METHOD_AFFINE,
                                         OTX_METHOD_MEAN, OTX_METHOD_MP_ROPE};
    otx_evaluate_options options;
    otx_context ctx;
    otx_evaluation one, other, seeded;
    int isa;
    size_t i;
    memset(&ctx, 0, sizeof ctx);
    memset(&options, 0, sizeof options);
    options.methods = methods;
    options.method_count = COUNT(methods);
    options.method.omp.k = 4;
    options.holdout = 0.2;
    ctx.threads = 1;
    one = evaluate(&ctx, &options);
    for (isa = OTX_ISA_SCALAR; isa < OTX_ISA_COUNT; isa++) {
        if (!otx_isa_available((otx_isa)isa)) continue;
        ctx.isa = (otx_isa)isa;
        other = evaluate(&ctx, &options);
        for (i = 0; i < one.entry_count; i++)
            CHECK(!memcmp(one.entries[i].scores, other.entries[i].scores,
                          sizeof one.entries[i].scores));
        otx_evaluation_close(&ctx, &other);
    }
    ctx.isa = OTX_ISA_AUTO;
    ctx.threads = 3;
    other = evaluate(&ctx, &options);
    options.seed = 5;
    seeded = evaluate(&ctx, &options);
    CHECK_INT(one.hidden, 306);
    CHECK_INT(one.entries[0].scores[0].ranked, 256);
    for (i = 0; i < one.entry_count; i++) {
        CHECK(!memcmp(one.entries[i].scores, other.entries[i].scores,
                      sizeof one.entries[i].scores));
        CHECK(one.entries[i].scores[0].cosine != seeded.entries[i].scores[0].cosine);
    }
    otx_evaluation_close(&ctx, &one);
    otx_evaluation_close(&ctx, &other);
    otx_evaluation_close(&ctx, &seeded);
}

static void test_refusals(void)
{
    static const otx_method unknown = (otx_method)77;
    otx_evaluate_options options;
    otx_evaluation e;
    otx_error error;
    model base, donor;
    memset(&options, 0, sizeof options);
    base_model_of(&base, OTX_F32, true);
    donor_model_of(&donor, OTX_F32, true);
    write_model("base", &base);
    write_model("donor", &donor);
    CHECK_INT(otx_evaluate(NULL, at("base"), at("donor"), NULL, &e, &error),
              OTX_ERROR_MISMATCH);
    CHECK_CONTAINS(error.message, "share 5 tokens");
    CHECK(e.entries == NULL);
    options.holdout = 0.75;
    CHECK_INT(otx_evaluate(NULL, BASE, DONOR, &options, &e, &error), OTX_ERROR_ARGUMENT);
    CHECK_CONTAINS(error.message, "0.750");
    options.holdout = -0.3;
    CHECK_INT(otx_evaluate(NULL, BASE, DONOR, &options, &e, &error), OTX_ERROR_ARGUMENT);
    CHECK_CONTAINS(error.message, "-0.300");
    options.holdout = (double)HUGE_VAL - (double)HUGE_VAL;
    CHECK_INT(otx_evaluate(NULL, BASE, DONOR, &options, &e, &error), OTX_ERROR_ARGUMENT);
    options.holdout = 0;
    options.methods = &unknown;
    options.method_count = 1;
    CHECK_INT(otx_evaluate(NULL, BASE, DONOR, &options, &e, &error), OTX_ERROR_ARGUMENT);
    CHECK_CONTAINS(error.message, "method 77 is unknown");
    options.method_count = 0;
    CHECK_INT(otx_evaluate(NULL, BASE, DONOR, &options, &e, &error), OTX_ERROR_ARGUMENT);
    CHECK_STRING(error.message, "0 methods cannot be evaluated");
    CHECK_INT(otx_evaluate(NULL, at("none"), DONOR, NULL, &e, &error), OTX_ERROR_NOT_FOUND);
}

/* omp-affine takes pieces as the base's tokenizer cuts tokens that it has to do without. */
static void test_pieces(void)
{
    static const otx_method methods[] = {OTX_METHOD_OMP_AFFINE};
    otx_evaluate_options options;
    otx_evaluation none, half;
    size_t i;
    memset(&options, 0, sizeof options);
    options.methods = methods;
    options.method_count = 1;
    options.method.pieces = OTX_PIECES_NONE;
    none = evaluate(NULL, &options);
    options.method.pieces = 0.5;
    half = evaluate(NULL, &options);
    for (i = 0; i < 2; i++) {
        CHECK(none.entries[i].pieces == 0 && half.entries[i].pieces == 0.5);
        CHECK_INT(half.entries[i].scores[0].count, none.hidden);
        CHECK(half.entries[i].scores[0].loss != none.entries[i].scores[0].loss);
        CHECK(half.entries[i].scores[0].share > 0.1 && half.entries[i].scores[0].share < 1);
    }
    otx_evaluation_close(NULL, &none);
    otx_evaluation_close(NULL, &half);
}

/* A text that grows as it is written. */
typedef struct page {
    char *bytes;
    size_t size;
} page;

static bool put(void *context, const void *bytes, size_t size)
{
    page *to = (page *)context;
    char *grown = (char *)realloc(to->bytes, to->size + size + 1);
    if (!grown) return false;
    memcpy(grown + to->size, bytes, size);
    to->bytes = grown;
    to->size += size;
    grown[to->size] = 0;
    return true;
}

/* What is written of an evaluation; valid until the next call. */
static const char *written(const otx_evaluation *e,
                           otx_result (*write)(const otx_context *, const otx_evaluation *,
                                               const otx_sink *, otx_error *))
{
    static page text;
    otx_sink sink;
    text.size = 0;
    sink.write = put;
    sink.context = &text;
    CHECK_INT(write(NULL, e, &sink, NULL), OTX_OK);
    return text.bytes ? text.bytes : "";
}

/* A method that cannot run says why, and the others run. */
static void test_one_that_fails(void)
{
    static const otx_method methods[] = {OTX_METHOD_OMP, OTX_METHOD_ZERO};
    otx_evaluate_options options;
    otx_evaluation e;
    char wanted[400];
    const char *said;
    memset(&options, 0, sizeof options);
    options.methods = methods;
    options.method_count = 2;
    options.method.omp.ridge = -1;
    e = evaluate(NULL, &options);
    CHECK_INT(e.entries[0].result, OTX_ERROR_ARGUMENT);
    CHECK_CONTAINS(e.entries[0].message, "ridge");
    CHECK_INT(e.entries[1].result, OTX_OK);
    said = written(&e, otx_evaluation_write_json);
    (void)snprintf(wanted, sizeof wanted, "{\"method\": \"omp\", \"error\": \"%s\"}",
                   e.entries[0].message);
    CHECK_CONTAINS(said, wanted);
    said = written(&e, otx_evaluation_write_html);
    CHECK_CONTAINS(said, "<p class=\"soft\">omp: ");
    CHECK(!strstr(said, "<p class=\"soft\">zero: "));
    otx_evaluation_close(NULL, &e);
}

/* Rows that hold no numbers come last, are nowhere the best, and have no bars. */
static void test_no_numbers(void)
{
    static const otx_method methods[] = {OTX_METHOD_ZERO, OTX_METHOD_MEAN};
    otx_evaluate_options options;
    otx_evaluation e;
    const char *said, *zero, *mean;
    memset(&options, 0, sizeof options);
    options.methods = methods;
    options.method_count = 2;
    options.method.scale = 1e308;
    e = evaluate(NULL, &options);
    CHECK(e.entries[2].scores[0].loss == 1.75); /* of the head */
    CHECK(e.entries[3].scores[0].loss != e.entries[3].scores[0].loss);
    said = written(&e, otx_evaluation_write_html);
    said = strstr(said, "lm_head.weight");
    zero = said ? strstr(said, "<tr><td>zero</td>") : NULL;
    mean = said ? strstr(said, "<tr><td>mean</td>") : NULL;
    CHECK(zero && mean && zero < mean);
    zero = zero ? strstr(zero + 1, "<tr><td>zero</td>") : NULL; /* by class of token */
    CHECK(zero && strstr(zero, "<tr><td>zero</td><td class=\"best\">1.750</td>") == zero);
    mean = mean ? strstr(mean + 1, "<tr><td>mean</td>") : NULL;
    CHECK(mean && strstr(mean, "<tr><td>mean</td><td>") == mean);
    otx_evaluation_close(NULL, &e);
}

/* Some fifty of all allocations fail, each in a run of its own. */
static void test_memory(void)
{
    static const otx_method methods[] = {OTX_METHOD_AFFINE, OTX_METHOD_MEAN};
    otx_evaluate_options options;
    otx_evaluation e;
    otx_context ctx;
    otx_error error;
    failing state;
    long total, i;
    memset(&options, 0, sizeof options);
    memset(&ctx, 0, sizeof ctx);
    memset(&state, 0, sizeof state);
    options.methods = methods;
    options.method_count = 2;
    ctx.allocator.resize = failing_resize;
    ctx.allocator.context = &state;
    ctx.threads = 1;
    CHECK_INT(otx_evaluate(&ctx, BASE, DONOR, &options, &e, &error), OTX_OK);
    otx_evaluation_close(&ctx, &e);
    CHECK_INT(state.live, 0);
    total = state.requests;
    CHECK(total > 50);
    for (i = 0; i < 50; i++) {
        memset(&state, 0, sizeof state);
        state.fail_at = total - i * total / 50;
        CHECK_INT(otx_evaluate(&ctx, BASE, DONOR, &options, &e, &error), OTX_ERROR_MEMORY);
        CHECK_INT(state.live, 0);
        CHECK(!state.wrong_size);
        CHECK(e.entries == NULL && e.base == NULL);
    }
}

int main(void)
{
    scratch_open("evaluate");
    RUN(test_token_classes);
    RUN(test_known_figures);
    RUN(test_threads_and_seeds);
    RUN(test_refusals);
    RUN(test_one_that_fails);
    RUN(test_no_numbers);
    RUN(test_pieces);
    RUN(test_memory);
    scratch_close();
    return test_end();
}

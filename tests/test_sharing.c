/* Columns that atoms share: a solve that is told of them gives the same bytes as one that is
   not, in every way, and looks them up where that pays; and what is told of lengthened rows.
   Looks at private functions: includes the implementation, with functions that are static
   so that those not used are left out. */
#define OTX_STATIC
#define OMP_TRANSPLANT_IMPLEMENTATION
#include "omp_transplant.h"

#include "failing.h"
#include "shared_columns.h"

typedef struct way {
    otx_omp_options options;
    otx_context ctx;
    const uint32_t *index; /* of the atoms; or NULL */
    size_t atoms;
} way;

static solution solve_way(const problem *p, const shared_columns *shared, const way *w,
                          otx_result *result)
{
    otx_matrix a = matrix(p->a, OTX_F32, p->atoms, p->columns);
    otx_matrix y = matrix(p->y, OTX_F32, p->targets, p->columns);
    problem some = *p;
    otx_omp_output output;
    otx_error error;
    solution s;
    some.atoms = w->atoms;
    s = solution_open(&some);
    if (p->a16) {
        a = matrix(p->a16, OTX_BF16, p->atoms, p->columns);
        y = matrix(p->y16, OTX_BF16, p->targets, p->columns);
    }
    a.rows = w->atoms;
    a.index = w->index;
    output.indices = s.indices;
    output.coefficients = s.coefficients;
    output.residual_norms = s.residuals;
    output.target_norms = s.norms;
    *result = otx__omp_shared(&w->ctx, &a, shared ? &shared->sharing : NULL, &y, &w->options,
                              &output, &s.stats, &error);
    return s;
}

/* Whether it can be told from the plan that columns are looked up. */
static bool looks_up(const solution *s)
{
    return strstr(s->stats.plan, "shared columns looked up") != NULL;
}

/* Solves by the definition, and, told of what is shared, with each set of kernels, one thread
   and several. Where it pays, columns are looked up by the columns form of all sets but those
   that multiply rows of bf16 as they are, and by the residual form of those that have floats
   alone; never by the definition, nor in a table of all pairs. */
static void check_ways(const problem *p, const shared_columns *shared, way *w, bool pays)
{
    static const otx_omp_form forms[] = {OTX_FORM_GRAM, OTX_FORM_COLUMNS, OTX_FORM_RESIDUAL};
    int isa, threads;
    size_t i;
    solution reference;
    otx_result result;
    w->options.form = OTX_FORM_EXHAUSTIVE;
    w->ctx.isa = OTX_ISA_AUTO;
    w->ctx.threads = 2;
    reference = solve_way(p, shared, w, &result);
    CHECK_INT(result, OTX_OK);
    CHECK(!looks_up(&reference));
    for (isa = OTX_ISA_SCALAR; isa < OTX_ISA_COUNT; isa++) {
        for (i = 0; i < sizeof forms / sizeof *forms; i++) {
            otx_omp_form form = forms[i];
            for (threads = form == OTX_FORM_GRAM ? 3 : 1; threads <= 3; threads += 2) {
                solution s;
                if (!otx_isa_available((otx_isa)isa)) continue;
                w->options.form = form;
                w->ctx.isa = (otx_isa)isa;
                w->ctx.threads = threads;
                s = solve_way(p, shared, w, &result);
                CHECK_INT(result, OTX_OK);
                CHECK(same(&s, &reference, p->targets));
                if (form == OTX_FORM_COLUMNS && (w->options.centred || !p->a16))
                    CHECK_INT(looks_up(&s), pays);
                if (form == OTX_FORM_RESIDUAL && isa <= OTX_ISA_AVX2)
                    CHECK_INT(looks_up(&s), pays);
                if (form == OTX_FORM_GRAM) CHECK(!looks_up(&s));
                solution_close(&s);
            }
        }
    }
    solution_close(&reference);
}

/* All selections, floats and bf16. Of more targets than products are kept for at once. */
static void same_bytes(void)
{
    int centred, cosine, halved;
    for (halved = 0; halved < 2; halved++) {
        problem p = embedding_like(130, OTX__SHARED_PANELS * OTX__TILE + 20, 60, 8, 1.0);
        shared_columns shared = share_columns(&p, 9, 13);
        memset(p.a + 3 * p.columns, 0, p.columns * sizeof *p.a); /* an atom of zeros */
        shared.which[0][3] = shared.which[1][3] = 0;
        if (halved) problem_halve(&p);
        for (centred = 0; centred < 2; centred++) {
            for (cosine = 0; cosine <= centred; cosine++) {
                way w;
                memset(&w, 0, sizeof w);
                w.options.k = p.k;
                w.options.centred = centred;
                w.options.cosine = cosine;
                w.atoms = p.atoms;
                check_ways(&p, &shared, &w, true);
            }
        }
        shared_columns_close(&shared);
        problem_close(&p);
    }
}

/* Some of the atoms, in another order; and ridge. */
static void some_atoms(void)
{
    problem p = embedding_like(400, 70, 130, 20, 0.3);
    shared_columns shared = share_columns(&p, 40, 100);
    uint32_t index[300];
    way w;
    size_t i;
    memset(&w, 0, sizeof w);
    for (i = 0; i < 300; i++) index[i] = (uint32_t)(399 - i - i % 3);
    w.options.k = p.k;
    w.options.centred = true;
    w.index = index;
    w.atoms = 300;
    check_ways(&p, &shared, &w, true);
    w.options.ridge = 0.3;
    check_ways(&p, &shared, &w, true);
    shared_columns_close(&shared);
    problem_close(&p);
}

/* Rows of several chains of products, of which the largest and smallest are beyond what floats
   could multiply as they are; their parts are like no others. */
static void long_rows(void)
{
    problem p = embedding_like(150, 33, 600, 3, 0.5);
    shared_columns shared = share_columns(&p, 140, 70);
    size_t i;
    way w;
    for (i = 0; i < p.columns; i++) {
        p.a[6 * p.columns + i] *= 1e36f;
        p.a[7 * p.columns + i] *= 1e-37f;
    }
    for (i = 0; i < OTX__SHARED_PARTS; i++) {
        shared.which[i][6] = 69;
        shared.which[i][7] = 70;
        shared.sharing.parts[i].count = 71;
    }
    memset(&w, 0, sizeof w);
    w.options.k = p.k;
    w.options.cosine = true;
    w.atoms = p.atoms;
    check_ways(&p, &shared, &w, true);
    w.options.cosine = false;
    check_ways(&p, &shared, &w, true);
    shared_columns_close(&shared);
    problem_close(&p);
}

/* Where nearly all parts differ nothing is looked up, nor for few targets. */
static void nothing_shared(void)
{
    problem p = embedding_like(60, 33, 200, 5, 0.5);
    shared_columns shared = share_columns(&p, 20, 60);
    way w;
    memset(&w, 0, sizeof w);
    w.options.k = p.k;
    w.options.centred = true;
    w.atoms = p.atoms;
    check_ways(&p, &shared, &w, false);
    shared_columns_close(&shared);
    shared = share_columns(&p, 20, 4);
    check_ways(&p, &shared, &w, true);
    p.targets = 31;
    check_ways(&p, &shared, &w, false);
    shared_columns_close(&shared);
    problem_close(&p);
}

/* The least budget that is enough, and some more, are kept to: blocks are small, and columns
   are computed again. */
static void small_budgets(void)
{
    problem p = embedding_like(400, 100, 60, 12, 0.5);
    shared_columns shared = share_columns(&p, 10, 31);
    size_t enough = 0, more = 0;
    otx_result result;
    solution reference;
    way w;
    memset(&w, 0, sizeof w);
    w.options.k = p.k;
    w.options.centred = true;
    w.atoms = p.atoms;
    w.ctx.threads = 2;
    w.ctx.isa = OTX_ISA_SCALAR; /* which has no 8 bits */
    reference = solve_way(&p, NULL, &w, &result);
    for (; more < 10; w.options.memory += enough ? 200000 : 20000, more += enough > 0) {
        solution s;
        w.options.form = more % 2 ? OTX_FORM_RESIDUAL : OTX_FORM_COLUMNS;
        s = solve_way(&p, &shared, &w, &result);
        if (w.options.memory && result == OTX_OK) {
            enough = enough ? enough : (size_t)w.options.memory;
            CHECK(same(&s, &reference, p.targets));
            CHECK(looks_up(&s));
            CHECK(s.stats.peak_bytes <= w.options.memory);
            if (!more) CHECK(s.stats.columns > p.atoms); /* some were computed again */
        } else {
            CHECK(!w.options.memory || (!enough && result == OTX_ERROR_MEMORY));
        }
        solution_close(&s);
    }
    solution_close(&reference);
    shared_columns_close(&shared);
    problem_close(&p);
}

/* Every request for memory that fails is an error, and leaves nothing behind. */
static void memory_fails(void)
{
    problem p = embedding_like(100, 40, 60, 5, 0.5);
    shared_columns shared = share_columns(&p, 10, 9);
    failing state;
    otx_result result;
    way w;
    int form;
    memset(&w, 0, sizeof w);
    memset(&state, 0, sizeof state);
    w.options.k = p.k;
    w.options.centred = true;
    w.atoms = p.atoms;
    w.ctx.threads = 1;
    w.ctx.isa = OTX_ISA_SCALAR;
    w.ctx.allocator.context = &state;
    w.ctx.allocator.resize = failing_resize;
    for (form = OTX_FORM_COLUMNS; form <= OTX_FORM_RESIDUAL; form++) {
        w.options.form = (otx_omp_form)form;
        do {
            solution s;
            state.requests = 0;
            state.fail_at++;
            s = solve_way(&p, &shared, &w, &result);
            CHECK(result == OTX_OK || result == OTX_ERROR_MEMORY);
            CHECK_INT(state.live, 0);
            CHECK(!state.wrong_size);
            solution_close(&s);
        } while (result);
        CHECK(state.fail_at > 40);
        state.fail_at = 0;
    }
    shared_columns_close(&shared);
    problem_close(&p);
}

/* Lengthened rows tell truly what they share: of pieces, of none, and of one whose row has no
   numbers, which is as none. */
static void lengthened_rows(void)
{
    enum { ANCHORS = 70, TARGETS = 9, TOKENS = 12, WIDTH = 7 };
    problem p = embedding_like(ANCHORS + TARGETS, TOKENS, WIDTH, 1, 0.5);
    size_t starts[ANCHORS + TARGETS + 2], part, i, j;
    uint32_t pieces[3 * (ANCHORS + TARGETS)];
    otx__lengthened l;
    otx_method_rows rows;
    otx_error error;
    memset(&rows, 0, sizeof rows);
    starts[0] = 0;
    for (i = 0; i < ANCHORS + TARGETS + 1; i++) {
        starts[i + 1] = starts[i];
        for (j = 0; i < ANCHORS + TARGETS && j < (size_t)(uniform() * 4.0); j++)
            pieces[starts[i + 1]++] = (uint32_t)(uniform() * TOKENS);
    }
    p.y[5 * WIDTH] = HUGE_VALF;
    rows.donor = rows.base = matrix(p.a, OTX_F32, ANCHORS, WIDTH);
    rows.targets = matrix(p.a + ANCHORS * WIDTH, OTX_F32, TARGETS, WIDTH);
    rows.tokens = matrix(p.y, OTX_F32, TOKENS, WIDTH);
    rows.anchor_pieces.starts = starts;
    rows.pieces.starts = starts + ANCHORS;
    rows.anchor_pieces.rows = rows.pieces.rows = pieces;
    CHECK_INT(otx__lengthened_open(NULL, &rows, &l, &error), OTX_OK);
    CHECK_INT(otx__lengthened_fill(NULL, &l, 0.5, &error), OTX_OK);
    CHECK_INT(l.sharing.own, WIDTH);
    for (part = 0; part < OTX__SHARED_PARTS; part++) {
        const otx__shared *shared = &l.sharing.parts[part];
        const float *all = (const float *)(const void *)l.data + shared->first;
        size_t alike = 0;
        CHECK_INT(shared->first, WIDTH * (part + 1));
        CHECK_INT(shared->columns, WIDTH);
        CHECK(shared->count > 2 && shared->count <= TOKENS); /* one has no numbers */
        for (i = 0; i < ANCHORS; i++) {
            CHECK(shared->which[i] < shared->count);
            for (j = 0; j < ANCHORS; j++) {
                bool same_part = !memcmp(all + i * 3 * WIDTH, all + j * 3 * WIDTH,
                                         WIDTH * sizeof *all);
                CHECK_INT(shared->which[i] == shared->which[j], same_part);
                alike += same_part;
            }
        }
        CHECK(alike > 2 * ANCHORS);
    }
    otx__pool_close(&l.pool);
    problem_close(&p);
}

/* omp-affine tells of what its rows with pieces share. */
static void a_method_shares(void)
{
    enum { ANCHORS = 120, TARGETS = 40, TOKENS = 9, WIDTH = 50 };
    problem p = embedding_like(ANCHORS, TARGETS, 10, 1, 0.5);
    problem q = embedding_like(ANCHORS, TOKENS, WIDTH, 1, 0.5);
    size_t starts[ANCHORS + 1], i;
    uint32_t pieces[ANCHORS];
    otx_method_options options;
    otx_method_rows rows;
    otx_fitted fitted;
    otx_error error;
    memset(&rows, 0, sizeof rows);
    memset(&options, 0, sizeof options);
    for (i = 0; i <= ANCHORS; i++) starts[i] = i;
    for (i = 0; i < ANCHORS; i++) pieces[i] = (uint32_t)(uniform() * TOKENS);
    rows.donor = matrix(p.a, OTX_F32, ANCHORS, 10);
    rows.targets = matrix(p.y, OTX_F32, TARGETS, 10);
    rows.base = matrix(q.a, OTX_F32, ANCHORS, WIDTH);
    rows.tokens = matrix(q.y, OTX_F32, TOKENS, WIDTH);
    rows.anchor_pieces.starts = rows.pieces.starts = starts;
    rows.anchor_pieces.rows = rows.pieces.rows = pieces;
    options.pieces = 0.5;
    options.omp.k = 3;
    options.omp.form = OTX_FORM_COLUMNS;
    CHECK_INT(otx_method_fit(NULL, OTX_METHOD_OMP_AFFINE, &rows, &options, &fitted, &error),
              OTX_OK);
    CHECK(strstr(fitted.omp.plan, "shared columns looked up") != NULL);
    otx_method_close(NULL, &fitted);
    problem_close(&p);
    problem_close(&q);
}

int main(void)
{
    problems_begin();
    RUN(same_bytes);
    RUN(some_atoms);
    RUN(long_rows);
    RUN(nothing_shared);
    RUN(small_budgets);
    RUN(memory_fails);
    RUN(lengthened_rows);
    RUN(a_method_shares);
    return test_end();
}

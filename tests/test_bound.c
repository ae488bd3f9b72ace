/* The bound on what the solver's screen computes, and what becomes of data that few bits
   cannot tell apart; the products of the affine map, which are exact.
   Looks at private functions: includes the implementation, with functions that are static
   so that those not used are left out. */
#define OTX_STATIC
#define OMP_TRANSPLANT_IMPLEMENTATION
#include "omp_transplant.h"

#include "shared_columns.h"

/* ---- the screen's bound ---- */

/* How far a tile's best correlation is from what a scan says of it, as a share of the
   bound: at most 1. */
static double off_bound(const otx__screen *screen, size_t tile, size_t target, double best,
                        size_t atom)
{
    size_t at = tile * screen->capacity + target;
    double weight = (double)screen->problem->dictionary->tile_weight[tile];
    double bound = otx__screen_bound(screen, target, 0)->scanned, off;
    if (!otx__form_scans(screen->form)) {
        /* A tile's best is in its mask, unless it is less than the best of all is at least. */
        otx__best_tiles found;
        otx__sifted_least(screen, target, 1, &found);
        if (!(screen->masks[at] >> atom % OTX__TILE & 1)) {
            CHECK(best < found.least || best <= 0.0);
            return 0.0;
        }
        CHECK(best <= (double)screen->best[at]);
        /* Where it is alone, what it has at most is what was found and its bound. */
        if (screen->masks[at] != 1u << atom % OTX__TILE) return 0.0;
        bound += (double)screen->problem->dictionary->panels.error[atom] * screen->rest[target];
        bound *= (double)screen->problem->dictionary->weight[atom];
        off = fabs((double)screen->best[at] - bound - best);
        CHECK(off <= bound);
        return off / bound;
    }
    off = fabs(best - (double)screen->best[at]);
    CHECK(off <= weight * bound + best * OTX__SCAN_RELATIVE_ERROR);
    return weight * bound > 0.0 ? off / (weight * bound) : 0.0;
}

/* What the residual form knows the best of all to be at least, by the scan and by the atoms
   tried before it, is no more than the best is. */
static void check_least(const otx__screen *screen, size_t target, double best)
{
    otx__best_tiles found;
    if (otx__form_scans(screen->form)) return;
    otx__sifted_least(screen, target, 1, &found);
    CHECK(found.least <= best);
    CHECK((double)screen->bars[target] <= best);
}

/* What columns the atoms share in the pursuits that are opened, or NULL. */
static const otx__sharing *sharing;

/* A pursuit that is ready for its first step, with what it points at. */
typedef struct opened {
    otx__pursuit pursuit;
    otx_omp_options options;
    otx_omp_output output;
    otx_matrix a, y;
    solution s;
} opened;

/* Opens it with an instruction set; false if that is not here, or has no such panels. */
static bool pursuit_begin(opened *o, problem *p, otx_omp_form form, otx__panel_type type, int isa)
{
    const otx__kernels *kernels = otx__kernels_for((otx_isa)isa);
    bool table = otx__form_has_table(form);
    otx__pursuit *pursuit = &o->pursuit;
    otx_context ctx;
    otx_error error;
    if (!kernels || (!table && ((type == OTX__PANEL_INT8 && !kernels->product_int8) ||
                                (!otx__panel_is_float(type) && type != OTX__PANEL_INT8 &&
                                 !kernels->product_bf16))))
        return false;
    memset(o, 0, sizeof *o);
    memset(&ctx, 0, sizeof ctx);
    o->s = solution_open(p);
    o->a = matrix(p->a, OTX_F32, p->atoms, p->columns);
    o->y = matrix(p->y, OTX_F32, p->targets, p->columns);
    if (p->a16) {
        o->a = matrix(p->a16, OTX_BF16, p->atoms, p->columns);
        o->y = matrix(p->y16, OTX_BF16, p->targets, p->columns);
    }
    ctx.isa = (otx_isa)isa;
    o->options.k = o->s.k;
    o->options.form = form;
    o->options.ridge = p->ridge;
    o->output.indices = o->s.indices;
    o->output.coefficients = o->s.coefficients;
    pursuit->atoms = &o->a;
    pursuit->targets = &o->y;
    pursuit->sharing = sharing;
    pursuit->options = &o->options;
    pursuit->output = &o->output;
    CHECK_INT(otx__pursuit_open(pursuit, &ctx, &error), OTX_OK);
    if (!table) pursuit->panels = type;
    CHECK(!sharing || pursuit->panels == OTX__PANEL_WHOLE);
    CHECK_INT(otx__pursuit_take(pursuit, &error), OTX_OK);
    CHECK_INT(otx__pursuit_copy(pursuit, &error), OTX_OK);
    CHECK_INT(otx__pursuit_prepare(pursuit, &error), OTX_OK);
    pursuit->screen.watch = otx__watch_open(&pursuit->ctx, OTX_STAGE_SOLVE, 0, 1);
    CHECK_INT(otx__block_open(pursuit, 0, &error), OTX_OK);
    CHECK_INT(otx__screen_open_block(&pursuit->screen, &error), OTX_OK);
    return true;
}

static void pursuit_end(opened *o)
{
    otx__pool_close(&o->pursuit.pool);
    solution_close(&o->s);
}

/* The weighted correlation of an atom with the deciding residual, which must be current. */
static double exact_score(const otx__screen *screen, size_t target, size_t atom)
{
    const otx__dictionary *dictionary = screen->problem->dictionary;
    otx__row row = otx__view_row(&dictionary->rows, atom);
    double exact;
    if (!(dictionary->norms[atom] > 0.0)) return 0.0;
    otx__kernels_scalar.dots(screen->scratch->residual, &row, 1, dictionary->columns, &exact);
    return fabs(exact) / dictionary->norms[atom] / screen->supports[target].norm *
           (double)dictionary->weight[atom];
}

/* What the screen computes never differs from the exact correlation by more than
   the bound it states, in any form, after every step. */
static void check_bound(problem *p, otx_omp_form form, otx__panel_type type, bool tight)
{
    int isa;
    for (isa = OTX_ISA_SCALAR; isa < OTX_ISA_COUNT; isa++) {
        opened o;
        otx__screen *screen = &o.pursuit.screen;
        otx_error error;
        size_t step, target, tile, i;
        double worst = 0.0, top;
        if (!pursuit_begin(&o, p, form, type, isa)) continue;
        for (step = 0; step < o.s.k; step++) {
            CHECK_INT(otx__screen_scan_all(screen, &error), OTX_OK);
            for (target = 0; target < screen->count; target++) {
                otx__support *support = &screen->supports[target];
                if (support->ended) continue;
                otx__support_residual(screen->problem, support, screen->scratch);
                top = 0.0;
                for (tile = 0; tile < o.pursuit.dictionary.tiles; tile++) {
                    double best = 0.0, off;
                    size_t atom = 0;
                    for (i = tile * OTX__TILE;
                         i < otx__min(p->atoms, (tile + 1) * OTX__TILE); i++) {
                        double exact;
                        if (!otx__form_scans(form) && p->ridge > 0.0 &&
                            otx__support_holds(support, i))
                            continue; /* it is hidden */
                        exact = exact_score(screen, target, i);
                        if (exact > best) {
                            best = exact;
                            atom = i;
                        }
                    }
                    off = off_bound(screen, tile, target, best, atom);
                    if (off > worst) worst = off;
                    if (best > top) top = best;
                }
                check_least(screen, target, top);
            }
            CHECK_INT(otx__screen_select(screen, &error), OTX_OK);
            if (screen->too_coarse) CHECK_INT(otx__pursuit_sharpen(&o.pursuit, &error), OTX_OK);
            screen->too_coarse = false;
            CHECK_INT(otx__screen_get_columns(screen, &error), OTX_OK);
        }
        if (tight) CHECK(worst > 1e-3); /* a bound a thousand times too wide would be no use */
        pursuit_end(&o);
    }
}

/* How far the correlations that one target is followed by are off, as a share of the bound.
   The best of a tile is that of its atoms that are not hidden. */
static double off_single(const otx__screen *screen, size_t target)
{
    const otx__dictionary *dictionary = screen->problem->dictionary;
    const otx__support *support = &screen->supports[target];
    const otx__single *single = &screen->scratch->single;
    double bound = otx__screen_bound(screen, target, 0)->refined, worst = 0.0;
    bool hides = otx__support_hides(screen->problem, support);
    size_t atom, tile;
    for (tile = 0; tile < dictionary->tiles; tile++) {
        double best = 0.0;
        for (atom = tile * OTX__TILE;
             atom < otx__min(dictionary->count, (tile + 1) * OTX__TILE); atom++) {
            double weight = (double)dictionary->weight[atom];
            double score = weight * fabs((double)single->correlations[atom]), off;
            if (!(weight > 0.0)) continue;
            off = fabs(score - exact_score(screen, target, atom)) / weight;
            CHECK(off <= bound);
            if (off / bound > worst) worst = off / bound;
            if (!(hides && otx__support_holds(support, atom)) && score > best) best = score;
        }
        CHECK(fabs(best - (double)single->best[tile]) <= best * 1e-6);
    }
    return worst;
}

/* The same where each target is followed alone. */
static void check_single(problem *p, bool tight)
{
    int isa;
    for (isa = OTX_ISA_SCALAR; isa < OTX_ISA_COUNT; isa++) {
        opened o;
        otx__screen *screen = &o.pursuit.screen;
        otx__candidates candidates;
        size_t target;
        double worst = 0.0;
        if (!pursuit_begin(&o, p, OTX_FORM_SINGLE, OTX__PANEL_FLOAT, isa)) continue;
        for (target = 0; target < screen->count; target++) {
            otx__support *support = &screen->supports[target];
            otx__scratch *scratch = screen->scratch;
            otx__outcome outcome = OTX__STEP_DONE;
            screen->sets[target] = 1;
            while (!support->ended && outcome != OTX__STEP_BLURRED) {
                double off;
                otx__single_look(screen, target, &candidates, scratch);
                otx__support_residual(screen->problem, support, scratch);
                off = off_single(screen, target);
                if (off > worst) worst = off;
                outcome = otx__select_step(screen, target, 0, &candidates, scratch);
                if (outcome == OTX__STEP_OPEN)
                    otx__support_exhaustive_step(screen->problem, support, scratch);
            }
        }
        if (tight) CHECK(worst > 1e-3);
        pursuit_end(&o);
    }
}

static void bound_holds(void)
{
    static const double offsets[] = {0.0, 1.0, 8.0, 1.0};
    size_t i, j;
    int form, halved;
    for (i = 0; i < sizeof offsets / sizeof *offsets; i++) {
        for (halved = 0; halved < 4; halved++) {
            /* With 90 targets exact products are kept. */
            problem p = embedding_like(160, i == 1 && halved % 3 == 0 ? 90 : 17, 40, 20,
                                       offsets[i]);
            if (halved % 2) /* nearly dependent atoms: huge coefficients */
                for (j = 0; j < 160 * 40; j++) p.a[j] = p.a[j % 40] + 1e-2f * p.a[j];
            if (halved / 2) problem_halve(&p);
            p.ridge = i == 3 ? 0.3 : 0.0;
            for (form = OTX_FORM_GRAM; form <= OTX_FORM_RESIDUAL; form++)
                check_bound(&p, (otx_omp_form)form, OTX__PANEL_INT8,
                            otx__form_scans((otx_omp_form)form) || halved % 2 == 0);
            check_single(&p, true);
            /* Among dependent atoms rounding may leave none alone. */
            check_bound(&p, OTX_FORM_RESIDUAL, OTX__PANEL_BF16, halved % 2 == 0);
            check_bound(&p, OTX_FORM_RESIDUAL, OTX__PANEL_FLOAT, true);
            if (p.a16) check_bound(&p, OTX_FORM_RESIDUAL, OTX__PANEL_ROWS, halved % 2 == 0);
            problem_close(&p);
        }
    }
}

/* Likewise with columns that are looked up. */
static void bound_holds_of_shared(void)
{
    static const double offsets[] = {0.0, 1.0, 8.0};
    size_t i;
    for (i = 0; i < sizeof offsets / sizeof *offsets; i++) {
        bool is_long = offsets[i] > 1.0; /* several chains of products */
        problem p = embedding_like(170, 40, is_long ? 700 : 90, is_long ? 6 : 20, offsets[i]);
        shared_columns shared = share_columns(&p, is_long ? 150 : 10, 50);
        sharing = &shared.sharing;
        p.ridge = i == 1 ? 0.3 : 0.0;
        check_bound(&p, OTX_FORM_COLUMNS, OTX__PANEL_WHOLE, true);
        check_bound(&p, OTX_FORM_RESIDUAL, OTX__PANEL_WHOLE, true);
        sharing = NULL;
        shared_columns_close(&shared);
        problem_close(&p);
    }
}

/* ---- residuals of few bits ---- */

static void find_note(void *context, otx_severity severity, const char *message)
{
    if (severity == OTX_NOTE && strstr(message, "8 bits leave too many")) *(int *)context = 1;
}

/* Solves in the residual form with every instruction set; where it begins with 8 bits,
   it finds them too coarse, or not. */
static void check_coarse(const problem *p, int coarse)
{
    solution reference = solve(p, OTX_FORM_EXHAUSTIVE, OTX_ISA_SCALAR, 1);
    int isa;
    for (isa = OTX_ISA_SCALAR; isa < OTX_ISA_COUNT; isa++) {
        solution s = solution_open(p);
        otx_omp_options options;
        otx_context ctx;
        otx_error error;
        int noted = 0;
        memset(&options, 0, sizeof options);
        memset(&ctx, 0, sizeof ctx);
        options.k = p->k;
        options.form = OTX_FORM_RESIDUAL;
        ctx.isa = (otx_isa)isa;
        ctx.log = find_note;
        ctx.log_context = &noted;
        if (otx_isa_available((otx_isa)isa)) {
            CHECK_INT(solve_into(p, &ctx, &options, &s, &error), OTX_OK);
            CHECK(same(&s, &reference, p->targets));
            CHECK_INT(noted, coarse && strstr(s.stats.plan, "8 bits") != NULL);
        }
        solution_close(&s);
    }
    solution_close(&reference);
}

static void eight_bits(void)
{
    problem p = embedding_like(600, 70, 24, 9, 1.0);
    size_t i, j;
    check_coarse(&p, 0);
    /* Atoms that 8 bits cannot tell apart, and bf16 can. */
    for (i = 0; i < 600; i++)
        for (j = 0; j < 24; j++)
            p.a[i * 24 + j] = p.a[j] + 0.02f * (float)normal();
    check_coarse(&p, 1);
    problem_close(&p);
}

/* A chain of atoms, each 2^-20 as long as the one before and nearly dependent on it: the
   coefficients grow beyond a float, while every factor is exact. The first `together` of
   them stand in one tile, among tiny ones. */
static problem chain(size_t atoms, size_t together, size_t columns)
{
    problem p = problem_open(atoms, 1, columns, 14);
    size_t i, j, link;
    memset(p.a, 0, atoms * columns * sizeof *p.a);
    for (j = 0; j < columns; j++) p.y[j] = j < 16 ? 1.0f : 0.0f;
    for (i = 0; i < atoms; i++) {
        p.a[i * columns + columns - 1 - i % 4] = ldexpf((float)(1 + i % 3), -126);
        p.a[i * columns + 14 + i % 2] = ldexpf(1.0f, -130);
    }
    for (link = 0; link < 13; link++) {
        size_t at = link < together ? link : OTX__TILE + link - together;
        double norm = ldexp(1.0, 126 - 20 * (int)link);
        float *row = p.a + at * columns;
        if (at >= atoms) break;
        for (j = 0; j < columns; j++) row[j] = 0.0f;
        if (link) row[link - 1] = (float)norm;
        row[link] = (float)(link ? ldexp(norm, -19) : norm);
    }
    return p;
}

static void coefficients_beyond_floats(void)
{
    static const size_t sizes[][3] = {{40, 4, 24}, {40, 9, 24}, {40, 2, 37}, {31, 31, 24}};
    size_t i;
    for (i = 0; i < COUNT(sizes); i++) {
        problem p = chain(sizes[i][0], sizes[i][1], sizes[i][2]);
        solution reference = solve(&p, OTX_FORM_EXHAUSTIVE, OTX_ISA_SCALAR, 1);
        check_against(&p, &reference);
        solution_close(&reference);
        problem_close(&p);
    }
}

/* Such chains among other atoms, in any place and of either sign. */
static problem random_chain(void)
{
    problem p = problem_open(33 + 32 * (size_t)(uniform() * 4.0), 1, 24, 14);
    size_t last = 1 + (size_t)(uniform() * 13.0), link, at, i, j;
    int mode = (int)(uniform() * 4.0);
    unsigned char used[160] = {0};
    for (j = 0; j < 24; j++) p.y[j] = j < 16 ? 1.0f : 0.0f;
    for (i = 0; i < p.atoms * 24; i++) {
        float tiny = (float)ldexp(normal(), mode > 1 ? -100 : -126);
        p.a[i] = mode == 0 || uniform() < 0.3 ? tiny : 0.0f;
    }
    for (link = 0; link < 13; link++) {
        double norm = ldexp(1.0, 126 - 20 * (int)link), sign = uniform() < 0.5 ? -1.0 : 1.0;
        at = link == last ? p.atoms - 1 : (size_t)(uniform() * (double)(p.atoms - 1));
        while (used[at]) at = (at + 1) % p.atoms;
        used[at] = 1;
        for (j = 0; j < 24; j++) p.a[at * 24 + j] = 0.0f;
        if (link) p.a[at * 24 + link - 1] = (float)(sign * norm);
        if (link && uniform() < 0.5) sign = -sign;
        p.a[at * 24 + link] = (float)(sign * (link ? ldexp(norm, -19) : norm));
    }
    return p;
}

static void coefficients_beyond_floats_anywhere(void)
{
    int i, seen = 0;
    seed = 11;
    for (i = 0; i < (getenv("OTX_TEST_SMALL") ? 40 : 100); i++) {
        problem p = random_chain();
        solution reference = solve(&p, OTX_FORM_EXHAUSTIVE, OTX_ISA_SCALAR, 1);
        size_t j, at;
        for (j = 0; j < p.k && reference.indices[j] >= 0; j++) {
            const float *row = p.a + (size_t)reference.indices[j] * 24;
            float most = 0.0f; /* of the row, about its norm */
            for (at = 0; at < 24; at++) most = fabsf(row[at]) > most ? fabsf(row[at]) : most;
            seen += fabs(reference.coefficients[j]) * (double)most > 1e39;
        }
        check_against(&p, &reference);
        solution_close(&reference);
        problem_close(&p);
    }
    CHECK(seen > 0);
}

/* Rows too long for 8 bits. */
static void long_residuals(void)
{
    problem p = embedding_like(70, 40, 3 * (size_t)OTX__INT8_COLUMNS + 1, 5, 0.5);
    check_coarse(&p, 0);
    problem_close(&p);
}

/* ---- the affine map's exact products ---- */

static void products_of_digits_are_exact(void)
{
    static float products[4 * OTX__GROUP * OTX__TILE * OTX__TILE];
    static double totals[2][OTX__TILE * OTX__TILE], vector[2100];
    static int32_t whole[3 * OTX__TILE][2100];
    static const size_t lengths[] = {1, 4, 37, 1023, 1024, 1025, 2100};
    int isa;
    size_t l, v, p, i, j;
    for (isa = OTX_ISA_SCALAR; isa < OTX_ISA_COUNT; isa++) {
        const otx__kernels *kernels = otx__kernels_for((otx_isa)isa);
        for (l = 0; l < COUNT(lengths) && kernels; l++) {
            size_t n = lengths[l];
            double *each[2];
            otx__pool pool;
            otx__digits digits;
            otx__pool_open(&pool, NULL);
            otx__digits_shape(&digits, kernels, 3, n);
            CHECK(otx__digits_take(&digits, &pool));
            seed = 11;
            for (v = 0; v < 3 * OTX__TILE; v++) {
                double unit;
                for (p = 0; p < n; p++) { /* the largest products too */
                    whole[v][p] = (int32_t)((2.0 * uniform() - 1.0) * 32512.0);
                    if (v % 5 == 0) whole[v][p] = v % 2 ? 32512 : -32512;
                    vector[p] = (double)whole[v][p] / 1024.0;
                }
                vector[0] = 32512.0 / 1024.0;
                whole[v][0] = 32512;
                otx__digits_put_vector(&digits, v / OTX__TILE, v % OTX__TILE, vector, &unit);
                CHECK(unit == 1.0 / 1024.0);
            }
            memset(totals, 0, sizeof totals);
            each[0] = totals[0];
            each[1] = totals[1];
            otx__digits_multiply(&digits, 1, 2, &digits, 0, each, products);
            for (i = 0; i < 2 * OTX__TILE; i++) {
                for (j = 0; j < OTX__TILE; j++) {
                    int64_t sum = 0;
                    for (p = 0; p < n; p++)
                        sum += (int64_t)whole[OTX__TILE + i][p] * whole[j][p];
                    CHECK(totals[i / OTX__TILE][j * OTX__TILE + i % OTX__TILE] == (double)sum);
                }
            }
            otx__pool_close(&pool);
        }
    }
}

int main(void)
{
    problems_begin();
    RUN(bound_holds);
    RUN(bound_holds_of_shared);
    RUN(eight_bits);
    RUN(coefficients_beyond_floats);
    RUN(coefficients_beyond_floats_anywhere);
    RUN(long_residuals);
    RUN(products_of_digits_are_exact);
    return test_end();
}

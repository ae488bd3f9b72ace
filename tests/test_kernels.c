/* The kernels, one by one, against their definition: the scalar set to the byte
   where kernels decide, exact arithmetic and the error bound where they screen.
   Looks at private functions: includes the implementation, with functions that are static
   so that those not used are left out. */
#define OTX_STATIC
#define OMP_TRANSPLANT_IMPLEMENTATION
#include "omp_transplant.h"
#include "test.h"

static uint64_t seed = 88172645463325252u;

static uint32_t bits32(void)
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return (uint32_t)(seed >> 32);
}

static double uniform(void) { return ((double)bits32() + 0.5) / 4294967296.0; }

/* Values that find what ordinary ones do not. */
enum { PLAIN, SPREAD, HUGE_ONES, SMALL_ONES, ZEROS, ONES, KINDS };

static float value(int kind)
{
    float sign = bits32() & 1 ? -1.0f : 1.0f;
    switch (kind) {
    case PLAIN: return sign * (float)uniform();
    case SPREAD: return sign * (float)ldexp(uniform(), (int)(bits32() % 60) - 50);
    case HUGE_ONES: return sign * (float)ldexp(1.0 + uniform(), 50);
    case SMALL_ONES: return sign * (float)ldexp(uniform(), -120 - (int)(bits32() % 30));
    case ZEROS: return bits32() % 3 ? sign * 0.0f : sign;
    default: return 1.0f;
    }
}

static uint16_t bf16_value(int kind)
{
    float wide = value(kind);
    uint32_t bits;
    memcpy(&bits, &wide, sizeof bits);
    return (uint16_t)(bits >> 16);
}

static const size_t lengths[] = {0,  1,  2,  3,  4,  7,  8,  9,  15,  16,  17,  31,
                                 32, 33, 47, 48, 63, 64, 65, 127, 128, 129, 1000, 4100};

/* The sets under test. */
static const otx__kernels *sets[OTX_ISA_COUNT];
static size_t set_count;

/* A failing check says which set it was. */
#define CHECK_SET(kernels, condition) \
    CHECK((condition) || (printf("  %s:\n", otx_isa_name((kernels)->isa)), 0))

/* ---- those that decide: the same bytes ---- */

#define ROWS 9

/* Rows of n elements of one type, most of them at odd addresses. */
static void make_rows(otx__row *rows, char *bytes, size_t n, bool bf16, int kind)
{
    size_t i, j;
    for (j = 0; j < ROWS; j++) {
        rows[j].bf16 = bf16;
        rows[j].data = bytes;
        for (i = 0; i < n; i++) {
            float wide = value(kind);
            uint16_t half = bf16_value(kind);
            if (rows[j].bf16) memcpy(bytes + 2 * i, &half, sizeof half);
            else memcpy(bytes + 4 * i, &wide, sizeof wide);
        }
        bytes += n * (bf16 ? 2 : 4) + j % 3;
    }
}

/* Rows 0 and 3 with the others; the two results lie 12 apart. */
static void check_pair(const otx__kernels *kernels, const otx__row *rows, size_t count, size_t n)
{
    double *wide = (double *)malloc((n + 1) * sizeof *wide), pair[24], exact[24];
    otx__row two[2];
    size_t i;
    two[0] = rows[0];
    two[1] = rows[3];
    for (i = 0; i < 24; i++) pair[i] = exact[i] = 7.0; /* what lies between is not touched */
    kernels->pair_products(two, rows, count, n, pair, 12);
    for (i = 0; i < 2; i++) {
        otx__row_widen(&otx__kernels_scalar, two[i], n, wide);
        otx__kernels_scalar.dots(wide, rows, count, n, exact + 12 * i);
    }
    CHECK_SET(kernels, memcmp(pair, exact, sizeof pair) == 0);
    free(wide);
}

static void check_deciding(const otx__kernels *kernels, size_t n, bool bf16, int kind)
{
    char *bytes = (char *)malloc(ROWS * n * 4 + 64), *more = (char *)malloc(ROWS * n * 4 + 64);
    double *wide = (double *)malloc((n + 1) * sizeof *wide);
    double *floats = (double *)malloc((n + 1) * sizeof *floats);
    double *one = (double *)malloc((n + 1) * sizeof *one);
    double *two = (double *)malloc((n + 1) * sizeof *two);
    double dots1[ROWS + 1], dots2[ROWS + 1], coefficients[ROWS];
    otx__row rows[ROWS], other[ROWS], none = {NULL, false};
    size_t i, count, y;
    make_rows(rows, bytes + 1, n, bf16, kind);
    make_rows(other, more + 1, n, !bf16, kind);
    for (i = 0; i < n; i++) wide[i] = (double)value(kind) * uniform();
    for (i = 0; i < n; i++) floats[i] = (double)value(kind);
    for (i = 0; i < ROWS; i++) coefficients[i] = (double)value(SPREAD) * uniform();
    for (count = 0; count <= ROWS; count++) {
        dots1[count] = dots2[count] = 7.0; /* what lies behind is not touched */
        kernels->dots(wide, rows, count, n, dots1);
        otx__kernels_scalar.dots(wide, rows, count, n, dots2);
        CHECK_SET(kernels, !memcmp(dots1, dots2, (count + 1) * sizeof *dots1));
        kernels->products(floats, rows, count, n, dots1);
        otx__kernels_scalar.dots(floats, rows, count, n, dots2);
        CHECK_SET(kernels, !memcmp(dots1, dots2, (count + 1) * sizeof *dots1));
        if (kernels->pair_products) check_pair(kernels, rows, count, n);
        for (y = 0; y < 3; y++) {
            otx__row from = y == 0 ? rows[1] : y == 1 ? other[0] : none;
            memcpy(one, wide, n * sizeof *one);
            memcpy(two, wide, n * sizeof *two);
            one[n] = two[n] = 7.0;
            kernels->residual(one, from, coefficients, rows, count, n);
            otx__kernels_scalar.residual(two, from, coefficients, rows, count, n);
            CHECK_SET(kernels, !memcmp(one, two, (n + 1) * sizeof *one));
        }
    }
    free(bytes);
    free(more);
    free(wide);
    free(floats);
    free(one);
    free(two);
}

static void deciding_kernels(void)
{
    size_t i, set;
    int kind;
    for (set = 0; set < set_count; set++)
        for (kind = 0; kind < KINDS; kind++)
            for (i = 0; i < 2 * OTX__COUNT(lengths); i++)
                check_deciding(sets[set], lengths[i / 2], i % 2 == 1, kind);
}

/* The definition itself: lanes, their order, one rounding for each operation. */
static void dots_by_hand(void)
{
    double a[35], lanes[16] = {0}, out;
    float b[35];
    otx__row row = {NULL, false};
    size_t i, set;
    row.data = b;
    for (i = 0; i < 35; i++) {
        volatile double product;
        a[i] = uniform() - 0.5;
        b[i] = value(PLAIN);
        product = a[i] * (double)b[i];
        lanes[i % 16] += product;
    }
    for (i = 0; i < 8; i++) lanes[i] += lanes[i + 8];
    for (i = 0; i < 4; i++) lanes[i] += lanes[i + 4];
    lanes[0] = (lanes[0] + lanes[2]) + (lanes[1] + lanes[3]);
    for (set = 0; set < set_count; set++) {
        sets[set]->dots(a, &row, 1, 35, &out);
        CHECK_SET(sets[set], out == lanes[0]);
    }
}

/* ---- those that screen: within the bound ---- */

#include "kernel_products.h"

/* What exact arithmetic has the weighted correlations be at least and at most. */
static void sift_marks(const otx__sift *sift, double *low, double *high)
{
    size_t i;
    for (i = 0; i < OTX__TILE; i++) {
        double weight = (double)sift->weight[i];
        double rounding = (double)sift->error[i] * (double)sift->rest;
        double spread = weight * ((double)sift->bound + rounding);
        double exact =
            weight * fabs((double)sift->products[i] * (double)sift->scale[i] * (double)sift->by +
                          (double)sift->common[i] * (double)sift->along);
        low[i] = exact - spread;
        high[i] = exact + spread;
    }
}

/* What atoms have: scale, common, weight and error. */
static void make_sifted(bool rounded, float arrays[4][OTX__TILE])
{
    size_t i;
    for (i = 0; i < OTX__TILE; i++) {
        arrays[0][i] = rounded ? 0.01f * (float)uniform() : 1.0f;
        arrays[1][i] = value(PLAIN);
        arrays[2][i] = bits32() % 8 ? (float)uniform() : 0.0f; /* some are never taken */
        arrays[3][i] = rounded ? 0.02f * (float)uniform() : 0.0f;
    }
}

static float sifted_product(bool rounded)
{
    return rounded ? (float)(bits32() % 20000) - 10000.0f : value(PLAIN);
}

/* One tile against the marks that exact arithmetic sets, which rounding may move by some
   millionths. */
static const double near_mark = 2e-6;

static void check_sift(const otx__kernels *kernels, float before, bool rounded)
{
    float products[OTX__TILE], arrays[4][OTX__TILE], least = before, most = -1.0f;
    double low[OTX__TILE], high[OTX__TILE], mark = (double)before, top = 0.0;
    otx__sift sift;
    uint32_t mask;
    size_t i;
    make_sifted(rounded, arrays);
    for (i = 0; i < OTX__TILE; i++) products[i] = sifted_product(rounded);
    sift.products = products;
    sift.scale = arrays[0];
    sift.common = arrays[1];
    sift.weight = arrays[2];
    sift.error = arrays[3];
    sift.by = rounded ? 0.01f * (float)uniform() : 1.0f;
    sift.along = value(PLAIN);
    sift.bound = 0.02f * (float)uniform();
    sift.rest = (float)uniform();
    sift_marks(&sift, low, high);
    for (i = 0; i < OTX__TILE; i++)
        if (low[i] > mark) mark = low[i];
    mask = kernels->sift(&sift, &least, &most);
    CHECK_SET(kernels, least >= before && fabs((double)least - mark) <= near_mark);
    for (i = 0; i < OTX__TILE; i++) {
        if (high[i] >= mark + near_mark) CHECK_SET(kernels, mask >> i & 1);
        if (high[i] < mark - near_mark) CHECK_SET(kernels, !(mask >> i & 1));
        if (mask >> i & 1 && high[i] > top) top = high[i];
    }
    if (mask) CHECK_SET(kernels, fabs((double)most - top) <= near_mark);
}

/* Of a residual for which sift_panel says whether an atom reaches what is given. */
static void check_passing(const otx__kernels *kernels, const otx__sift *sift, double least,
                          bool passes)
{
    double low[OTX__TILE], high[OTX__TILE], top = 0.0;
    size_t i;
    sift_marks(sift, low, high);
    for (i = 0; i < OTX__TILE; i++)
        if (high[i] > top) top = high[i];
    if (top >= least + near_mark) CHECK_SET(kernels, passes);
    if (top < least - near_mark) CHECK_SET(kernels, !passes);
}

/* One tile against some of the residuals of a panel, of which the first `count` have
   products: of others nothing is read. */
static void check_sift_panel(const otx__kernels *kernels, size_t count, float scale,
                             bool rounded)
{
    float *products = (float *)malloc(count * OTX__TILE * sizeof *products);
    float atoms[4][OTX__TILE], residuals[5][OTX__TILE];
    otx__sift_panel panel;
    uint32_t mask;
    size_t i;
    make_sifted(rounded, atoms);
    for (i = 0; i < count * OTX__TILE; i++) products[i] = sifted_product(rounded);
    for (i = 0; i < OTX__TILE; i++) {
        residuals[0][i] = rounded ? 0.01f * (float)uniform() : 1.0f;
        residuals[1][i] = value(PLAIN);
        residuals[2][i] = 0.02f * (float)uniform();
        residuals[3][i] = (float)uniform();
        residuals[4][i] = scale * (float)uniform();
    }
    panel.products = products;
    panel.scale = atoms[0];
    panel.common = atoms[1];
    panel.weight = atoms[2];
    panel.error = atoms[3];
    panel.by = residuals[0];
    panel.along = residuals[1];
    panel.bound = residuals[2];
    panel.rest = residuals[3];
    panel.least = residuals[4];
    panel.wanted = (bits32() | bits32()) & UINT32_MAX >> (OTX__TILE - count);
    mask = kernels->sift_panel(&panel);
    CHECK_SET(kernels, !(mask & ~panel.wanted));
    for (i = 0; i < count; i++) {
        otx__sift sift = otx__sift_of(&panel, i);
        if (panel.wanted >> i & 1)
            check_passing(kernels, &sift, (double)residuals[4][i], mask >> i & 1);
    }
    free(products);
}

static void sift(void)
{
    size_t set;
    int i;
    for (set = 0; set < set_count; set++) {
        for (i = 0; i < 2000; i++)
            check_sift(sets[set], i % 3 ? (float)uniform() : 0.0f, i % 2 == 0);
        check_sift(sets[set], 1e6f, true); /* none */
        for (i = 0; i < 500; i++)
            check_sift_panel(sets[set], 1 + (size_t)i % OTX__TILE,
                             i % 5 ? 4.0f * (float)uniform() : 1e6f, i % 2 == 0);
    }
}

/* ---- in float, for guesses and to rule atoms out ---- */

static void check_rough(const otx__kernels *kernels, size_t n, bool bf16)
{
    char *bytes = (char *)malloc(ROWS * n * 4 + 64);
    float *a = (float *)malloc((n + 1) * sizeof *a), *seen = (float *)malloc((n + 1) * sizeof *a);
    float dots[ROWS + 1];
    double coefficients[ROWS];
    otx__row rows[ROWS];
    size_t i, j, count;
    make_rows(rows, bytes + 1, n, bf16, PLAIN);
    for (i = 0; i < n; i++) a[i] = value(PLAIN);
    for (j = 0; j < ROWS; j++) coefficients[j] = (double)value(PLAIN) * uniform();
    for (count = 0; count < ROWS; count++) {
        dots[count] = seen[n] = 7.0f;
        kernels->rough_dots(a, rows, count, n, dots);
        kernels->rough_residual(seen, rows[ROWS - 1], coefficients, rows, count, n);
        CHECK_SET(kernels, dots[count] == 7.0f && seen[n] == 7.0f);
        for (j = 0; j < count; j++) {
            double exact = 0.0, size = 0.0;
            for (i = 0; i < n; i++) {
                double term = (double)a[i] * (double)otx__row_element(rows[j], i);
                exact += term;
                size += fabs(term);
            }
            CHECK_SET(kernels, fabs((double)dots[j] - exact) <=
                                   ((double)n + 1.0) * 0x1p-24 * size);
        }
        for (i = 0; i < n; i++) {
            double exact = (double)otx__row_element(rows[ROWS - 1], i), size = fabs(exact);
            for (j = 0; j < count; j++) {
                double term = coefficients[j] * (double)otx__row_element(rows[j], i);
                exact -= term;
                size += fabs(term);
            }
            CHECK_SET(kernels, fabs((double)seen[i] - exact) <=
                                   ((double)count + 3.0) * 0x1p-24 * size);
        }
    }
    free(bytes);
    free(a);
    free(seen);
}

static void rough(void)
{
    size_t i, set;
    for (set = 0; set < set_count; set++)
        for (i = 0; i < 2 * OTX__COUNT(lengths); i++)
            check_rough(sets[set], lengths[i / 2], i % 2 == 1);
}

/* ---- scans ---- */

#define ATOMS 40

/* A tile and targets to scan, everything in blocks of just the size needed. */
typedef struct scene {
    int16_t *gram, *start, *steps;
    uint32_t *atoms, *counts, *sets;
    float *scales, *best, common[OTX__TILE], weight[OTX__TILE];
    otx__scan scan;
} scene;

static scene scene_open(size_t targets, size_t pitch)
{
    scene s;
    s.gram = (int16_t *)calloc(ATOMS * OTX__TILE, sizeof *s.gram);
    s.start = (int16_t *)calloc(targets * OTX__TILE, sizeof *s.start);
    s.steps = (int16_t *)calloc(targets * OTX__SETS * pitch + 1, sizeof *s.steps);
    s.atoms = (uint32_t *)calloc(targets * pitch + 1, sizeof *s.atoms);
    s.counts = (uint32_t *)calloc(targets, sizeof *s.counts);
    s.sets = (uint32_t *)calloc(targets, sizeof *s.sets);
    s.scales = (float *)calloc(targets * OTX__SETS * 3, sizeof *s.scales);
    s.best = (float *)calloc(OTX__SETS * (targets + 3), sizeof *s.best);
    memset(s.common, 0, sizeof s.common);
    memset(s.weight, 0, sizeof s.weight);
    memset(&s.scan, 0, sizeof s.scan);
    s.scan.pitch = pitch;
    s.scan.targets = targets;
    s.scan.best_pitch = targets + 3;
    return s;
}

/* Scans. The scene may have moved since it was opened. */
static void scene_scan(scene *s, const otx__kernels *kernels)
{
    size_t i;
    s->scan.gram = s->gram;
    s->scan.common = s->common;
    s->scan.weight = s->weight;
    s->scan.start = s->start;
    s->scan.atoms = s->atoms;
    s->scan.steps = s->steps;
    s->scan.counts = s->counts;
    s->scan.sets = s->sets;
    s->scan.scales = s->scales;
    s->scan.best = s->best;
    for (i = 0; i < OTX__SETS * s->scan.best_pitch; i++) s->best[i] = -7.0f;
    kernels->scan(&s->scan);
}

static void scene_close(scene *s)
{
    free(s->gram);
    free(s->start);
    free(s->steps);
    free(s->atoms);
    free(s->counts);
    free(s->sets);
    free(s->scales);
    free(s->best);
}

static int16_t *step_of(scene *s, size_t target, size_t set, size_t j)
{
    return s->steps + target * OTX__SETS * s->scan.pitch + j / 2 * OTX__SETS * 2 + 2 * set + j % 2;
}

/* The integer sum of one atom of the tile for one support. */
static int64_t exact_sum(scene *s, size_t target, size_t set, size_t i)
{
    int64_t sum = 0;
    size_t j;
    for (j = 0; j < s->counts[target]; j++)
        sum += (int64_t)*step_of(s, target, set, j) *
               s->gram[s->atoms[target * s->scan.pitch + j] * OTX__TILE + i];
    return sum;
}

/* The weighted correlation of one atom of the tile, and what a scan of it may be off
   by: seven roundings, each of one of the three terms or of a sum of them, and the
   number of the atom in its place. */
static double exact_score(scene *s, size_t target, size_t set, size_t i, double *off)
{
    const float *scales = s->scales + (target * OTX__SETS + set) * 3;
    double y = s->start[target * OTX__TILE + i] * (double)scales[0];
    double m = (double)s->common[i] * (double)scales[1];
    double g = (double)exact_sum(s, target, set, i) * (double)scales[2];
    double size = (fabs(y) + fabs(m) + fabs(g)) * (double)s->weight[i];
    double score = (double)s->weight[i] * fabs(y + m - g);
    *off = size * 7.0 * 0x1p-24 * (1.0 + OTX__PACKED) + score * OTX__PACKED + 32.0 * 0x1p-149;
    return score;
}

/* What a scan found is the largest of the scores, and whose it says it is. */
static void check_best(scene *s, size_t target, size_t set, float seen,
                       const otx__kernels *kernels)
{
    double off, largest_off = 0.0, best = 0.0, score;
    size_t i;
    for (i = 0; i < OTX__TILE; i++) {
        score = exact_score(s, target, set, i, &off);
        if (score > best) best = score;
        if (off > largest_off) largest_off = off;
    }
    CHECK_SET(kernels, fabs((double)seen - best) <= largest_off);
    score = exact_score(s, target, set, otx__packed_atom(seen), &off);
    CHECK_SET(kernels, fabs((double)seen - score) <= off);
}

static void check_scan(scene *s, const otx__kernels *kernels)
{
    size_t target, set;
    scene_scan(s, kernels);
    for (set = 0; set < OTX__SETS; set++) {
        for (target = 0; target < s->scan.best_pitch; target++) {
            float seen = s->best[set * s->scan.best_pitch + target];
            if (target < s->scan.targets && set < s->sets[target]) {
                check_best(s, target, set, seen, kernels);
            } else {
                CHECK_SET(kernels, seen == -7.0f);
            }
        }
    }
}

static int16_t fixed_point(void) { return (int16_t)((int)(bits32() % 65535) - 32767); }

/* Steps of a support that add up to 65,500 at most, so that sums fit 32 bits. */
static void make_steps(scene *s, size_t target, size_t set, size_t count)
{
    int left = 65500;
    size_t j;
    for (j = 0; j < count; j++) {
        int step = (int)(bits32() % (uint32_t)(left < 32766 ? left + 1 : 32767));
        if (set && j + OTX__SETS - set > count) step = 0; /* an atom that it lacks */
        left -= step;
        *step_of(s, target, set, j) = (int16_t)(bits32() & 1 ? -step : step);
    }
}

static void make_scene(scene *s, size_t count)
{
    size_t i, target, set;
    for (i = 0; i < ATOMS * OTX__TILE; i++) s->gram[i] = fixed_point();
    for (i = 0; i < OTX__TILE; i++) {
        s->common[i] = value(PLAIN);
        s->weight[i] = i % 5 ? (float)uniform() : i % 2 ? 0.0f : 0x1p-100f;
    }
    for (target = 0; target < s->scan.targets; target++) {
        s->sets[target] = (uint32_t)((target + count / 2) % (OTX__SETS + 1));
        s->counts[target] = s->sets[target] ? (uint32_t)count : 0;
        for (i = 0; i < count; i++) s->atoms[target * s->scan.pitch + i] = bits32() % ATOMS;
        for (i = 0; i < OTX__TILE; i++) s->start[target * OTX__TILE + i] = fixed_point();
        for (set = 0; set < s->sets[target]; set++) {
            float *scales = s->scales + (target * OTX__SETS + set) * 3;
            make_steps(s, target, set, count);
            scales[0] = (float)(uniform() / 32767.0);
            scales[1] = value(PLAIN);
            scales[2] = (float)(uniform() / 32767.0 / 1000.0);
        }
    }
}

static void scan(void)
{
    static const size_t counts[] = {0, 2, 4, 6, 8, 10, 32, 64};
    size_t targets, i, set;
    for (i = 0; i < OTX__COUNT(counts); i++) {
        for (targets = 1; targets <= 11; targets++) {
            scene s = scene_open(targets, counts[i] + 2 * (i % 2));
            make_scene(&s, counts[i]);
            for (set = 0; set < set_count; set++) check_scan(&s, sets[set]);
            scene_close(&s);
        }
    }
}

/* Sums below 2^24 are exact in float: every atom of the tile, one at a time, must
   come out to the last unit, in every set. */
static void scan_finds_every_atom(void)
{
    scene s = scene_open(OTX__SETS, 6);
    size_t atom, i, j, target, set, kernels;
    for (i = 0; i < ATOMS * OTX__TILE; i++) s.gram[i] = (int16_t)((int)(bits32() % 401) - 200);
    for (target = 0; target < OTX__SETS; target++) {
        s.sets[target] = (uint32_t)target + 1;
        s.counts[target] = 6;
        for (j = 0; j < 6; j++) s.atoms[target * 6 + j] = bits32() % ATOMS;
        for (set = 0; set <= target; set++) {
            s.scales[(target * OTX__SETS + set) * 3] = 1.0f;
            s.scales[(target * OTX__SETS + set) * 3 + 2] = 1.0f;
            for (j = 0; j < 6; j++)
                *step_of(&s, target, set, j) = (int16_t)((int)(bits32() % 401) - 200);
        }
        for (i = 0; i < OTX__TILE; i++)
            s.start[target * OTX__TILE + i] = (int16_t)((int)(bits32() % 401) - 200);
    }
    for (atom = 0; atom < OTX__TILE; atom++) {
        memset(s.weight, 0, sizeof s.weight);
        s.weight[atom] = 1.0f;
        for (kernels = 0; kernels < set_count; kernels++) {
            scene_scan(&s, sets[kernels]);
            for (target = 0; target < OTX__SETS; target++) {
                for (set = 0; set <= target; set++) {
                    int64_t sum = s.start[target * OTX__TILE + atom];
                    float wanted;
                    sum -= exact_sum(&s, target, set, atom);
                    /* Of nothing but zeros the last atom is the largest. */
                    wanted = otx__packed((float)(sum < 0 ? -sum : sum),
                                         sum ? (uint32_t)atom : OTX__TILE - 1);
                    CHECK_SET(sets[kernels],
                              s.best[set * s.scan.best_pitch + target] == wanted);
                }
            }
        }
    }
    scene_close(&s);
}

/* The largest numbers there are: their sums just fit 32 bits. */
static void scan_of_extremes(void)
{
    static const int16_t steps[][2] = {{32766, 32734}, {-32766, -32734}, {32766, -32734}};
    static const int16_t grams[][2] = {{32767, 32767}, {-32767, -32767}, {32767, -32767}};
    size_t i, j, k, set, kernels;
    for (i = 0; i < OTX__COUNT(steps); i++) {
        for (j = 0; j < OTX__COUNT(grams); j++) {
            scene s = scene_open(1, 4);
            s.sets[0] = OTX__SETS;
            s.counts[0] = 4;
            s.atoms[1] = s.atoms[3] = 1;
            for (k = 0; k < OTX__TILE; k++) {
                s.gram[k] = grams[j][0];
                s.gram[OTX__TILE + k] = grams[j][1];
                s.start[k] = -32767;
                s.weight[k] = 1.0f;
            }
            for (set = 0; set < OTX__SETS; set++) {
                size_t at = set / 2 * 2; /* in either of the two pairs */
                *step_of(&s, 0, set, at) = steps[i][0];
                *step_of(&s, 0, set, at + 1) = steps[i][1];
                s.scales[3 * set] = 1.0f;
                s.scales[3 * set + 2] = 1.0f;
            }
            for (kernels = 0; kernels < set_count; kernels++) check_scan(&s, sets[kernels]);
            scene_close(&s);
        }
    }
}

/* ---- follow ---- */

/* All atoms against one support, off by the rounding of so many terms; nothing beyond the
   arrays is written, and nothing beyond the support taken. */
static void check_follow(const otx__kernels *kernels, size_t tiles, size_t count)
{
    size_t width = tiles * OTX__TILE, i, j;
    float *gram = (float *)malloc(width * width * sizeof *gram);
    float *rows = (float *)malloc((4 * width + 1) * sizeof *rows), best[9], betas[40];
    uint32_t atoms[40];
    otx__follow follow;
    for (i = 0; i < width * width; i++) gram[i] = value(PLAIN);
    for (i = 0; i < 3 * width; i++) rows[i] = value(PLAIN);
    for (j = 0; j < 40; j++) {
        betas[j] = j < count ? value(PLAIN) : NAN;
        atoms[j] = j < count ? bits32() % (uint32_t)width : UINT32_MAX;
    }
    follow.gram = gram;
    follow.atoms = atoms;
    follow.betas = betas;
    follow.count = count;
    follow.start = rows;
    follow.common = rows + width;
    follow.weight = rows + 2 * width;
    follow.along = value(PLAIN);
    follow.width = width;
    follow.correlations = rows + 3 * width;
    follow.best = best;
    for (i = 0; i < width; i++) /* some are never taken */
        rows[2 * width + i] = bits32() % 8 ? (float)uniform() : 0.0f;
    rows[4 * width] = best[tiles] = 7.0f;
    kernels->follow(&follow);
    CHECK_SET(kernels, rows[4 * width] == 7.0f && best[tiles] == 7.0f);
    for (i = 0; i < width; i++) {
        double exact = (double)rows[i] + (double)rows[width + i] * (double)follow.along;
        for (j = 0; j < count; j++)
            exact -= (double)betas[j] * (double)gram[atoms[j] * width + i];
        CHECK_SET(kernels, fabs((double)follow.correlations[i] - exact) <=
                               (double)(count + 8) * OTX__FLOAT_ROUNDOFF * (double)(count + 2));
    }
    for (i = 0; i < tiles; i++) {
        float most = 0.0f;
        for (j = i * OTX__TILE; j < (i + 1) * OTX__TILE; j++) {
            float score = follow.weight[j] * fabsf(follow.correlations[j]);
            if (score > most) most = score;
        }
        CHECK_SET(kernels, best[i] == most);
    }
    free(gram);
    free(rows);
}

static void follow(void)
{
    size_t set, count;
    for (set = 0; set < set_count; set++)
        for (count = 0; count <= 40; count++) check_follow(sets[set], 1 + bits32() % 8, count);
}

/* ---- refine ---- */

static void refine(void)
{
    int16_t gram[ATOMS * OTX__TILE];
    uint32_t atoms[100];
    float betas[100], start[OTX__TILE], seen[OTX__TILE];
    size_t i, j, set, count;
    for (i = 0; i < ATOMS * OTX__TILE; i++) gram[i] = fixed_point();
    for (set = 0; set < set_count; set++) {
        for (count = 0; count <= 100; count = count < 10 ? count + 1 : count + 45) {
            for (i = 0; i < OTX__TILE; i++) seen[i] = start[i] = value(PLAIN);
            for (j = 0; j < count; j++) {
                atoms[j] = bits32() % ATOMS;
                betas[j] = value(j % 2 ? PLAIN : SPREAD);
            }
            sets[set]->refine(gram, atoms, betas, count, seen);
            for (i = 0; i < OTX__TILE; i++) {
                double exact = (double)start[i], size = fabs(exact);
                for (j = 0; j < count; j++) {
                    double term = (double)betas[j] * gram[atoms[j] * OTX__TILE + i] / 32767.0;
                    exact -= term;
                    size += fabs(term);
                }
                CHECK_SET(sets[set], fabs((double)seen[i] - exact) <=
                                         ((double)count + 4.0) * 0x1p-24 * size);
            }
        }
    }
}

/* ---- which there are ---- */

/* A row made with the kernels of a set is that of the public call, which has one set. */
static void combine(void)
{
    enum { ATOM_ROWS = 9, ATOM_COLUMNS = 37, K = 5 };
    const int32_t indices[K] = {8, 0, 3, 5, -1};
    double coefficients[K], seen[ATOM_COLUMNS], wanted[ATOM_COLUMNS];
    float atoms[ATOM_ROWS * ATOM_COLUMNS];
    otx_matrix matrix = {NULL, OTX_F32, ATOM_ROWS, ATOM_COLUMNS, 0, NULL};
    size_t set, i;
    matrix.data = atoms;
    for (i = 0; i < ATOM_ROWS * ATOM_COLUMNS; i++) atoms[i] = (float)uniform();
    for (i = 0; i < K; i++) coefficients[i] = 3.0 * uniform() - 1.5;
    otx_combine(NULL, &matrix, indices, coefficients, K, wanted);
    for (set = 0; set < set_count; set++) {
        otx__combine_row(sets[set], &matrix, indices, coefficients, K, seen);
        CHECK_SET(sets[set], !memcmp(seen, wanted, sizeof seen));
    }
}

static void dispatch(void)
{
    int isa, best = (int)otx_isa_best();
    CHECK(otx_isa_available((otx_isa)best) && best != OTX_ISA_AUTO);
    CHECK(otx__kernels_for(OTX_ISA_AUTO) == otx__kernels_for((otx_isa)best));
    CHECK(otx__kernels_for(OTX_ISA_COUNT) == NULL);
    for (isa = OTX_ISA_SCALAR; isa < OTX_ISA_COUNT; isa++) {
        const otx__kernels *kernels = otx__kernels_for((otx_isa)isa);
        CHECK_INT(otx_isa_available((otx_isa)isa), kernels != NULL);
        if (!kernels) continue;
        CHECK_INT(kernels->isa, isa);
        CHECK(isa == OTX_ISA_SCALAR || best != OTX_ISA_SCALAR);
    }
    /* None of these is there without those it builds on. */
    CHECK(!otx_isa_available(OTX_ISA_AMX) || otx_isa_available(OTX_ISA_AVX512));
    CHECK(!otx_isa_available(OTX_ISA_AMX) || best == OTX_ISA_AMX);
    CHECK(!otx_isa_available(OTX_ISA_AVX512) || otx_isa_available(OTX_ISA_AVX2));
    CHECK(!otx_isa_available(OTX_ISA_AVX2) || otx_isa_available(OTX_ISA_SSE2));
    CHECK(!otx_isa_available(OTX_ISA_NEON_BF16) || otx_isa_available(OTX_ISA_NEON));
}

/* ---- */

static void add_set(const otx__kernels *kernels)
{
    printf(" %s", otx_isa_name(kernels->isa));
    sets[set_count++] = kernels;
}

static int run_all(void)
{
    printf("\n");
    RUN(deciding_kernels);
    RUN(dots_by_hand);
    RUN(product);
    RUN(product_bf16);
    RUN(product_int8);
    RUN(sift);
    RUN(rough);
    RUN(scan);
    RUN(scan_finds_every_atom);
    RUN(scan_of_extremes);
    RUN(follow);
    RUN(refine);
    RUN(combine);
    RUN(dispatch);
    return test_end();
}

#ifndef OTX_TEST_EMULATED
int main(void)
{
    int isa;
    printf("kernels:");
    for (isa = OTX_ISA_SCALAR; isa < OTX_ISA_COUNT; isa++)
        if (otx_isa_available((otx_isa)isa)) add_set(otx__kernels_for((otx_isa)isa));
    return run_all();
}
#endif

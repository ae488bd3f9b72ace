/* Every way of making rows by the same checks: names, the same bits everywhere, windows,
   types, budgets, rows that cannot be used, and failures at every place.
   tests/method_twins.py compares with an independent computation.
   A suite of the public API: linked with the implementation. */
#include <math.h>

#include "omp_transplant.h"
#include "test.h"
#include "failing.h"

enum { ANCHORS = 150, TARGETS = 70, COLUMNS = 37, WIDTH = 41, TOKENS = 180, K = 6 };

/* ---- problems ---- */

static uint32_t random_state;

static double uniform(void)
{
    random_state = random_state * 1664525u + 1013904223u;
    return (double)(random_state >> 8) / 8388608.0 - 1.0;
}

static float donor_data[(ANCHORS + TARGETS) * COLUMNS], base_data[TOKENS * WIDTH];

/* Rows that have something in common, some of them zeros or the same. */
static otx_method_rows make_rows(void)
{
    static size_t starts[ANCHORS + TARGETS + 2];
    static uint32_t pieces[3 * (ANCHORS + TARGETS)], sizes[3 * (ANCHORS + TARGETS)];
    static double hidden[ANCHORS + TARGETS][8], to_donor[8][COLUMNS], to_base[8][WIDTH];
    otx_method_rows rows;
    size_t i, j, p;
    random_state = 7;
    for (i = 0; i < ANCHORS + TARGETS; i++)
        for (p = 0; p < 8; p++) hidden[i][p] = uniform();
    for (p = 0; p < 8; p++) {
        for (j = 0; j < COLUMNS; j++) to_donor[p][j] = uniform();
        for (j = 0; j < WIDTH; j++) to_base[p][j] = uniform();
    }
    for (i = 0; i < ANCHORS + TARGETS; i++) {
        for (j = 0; j < COLUMNS; j++) {
            double sum = 0.3 + 0.5 * uniform();
            for (p = 0; p < 8; p++) sum += hidden[i][p] * to_donor[p][j];
            donor_data[i * COLUMNS + j] = (float)sum;
        }
        for (j = 0; j < WIDTH && i < TOKENS; j++) {
            double sum = 0.1 + 0.5 * uniform();
            for (p = 0; p < 8; p++) sum += hidden[i][p] * to_base[p][j];
            base_data[i * WIDTH + j] = (float)sum;
        }
    }
    for (j = 0; j < COLUMNS; j++) {
        donor_data[3 * COLUMNS + j] = donor_data[(ANCHORS + 1) * COLUMNS + j] = 0.0f;
        donor_data[8 * COLUMNS + j] = donor_data[7 * COLUMNS + j];
        donor_data[(ANCHORS + 2) * COLUMNS + j] = donor_data[9 * COLUMNS + j];
    }
    memset(&rows, 0, sizeof rows);
    rows.donor.data = donor_data;
    rows.targets.data = donor_data + ANCHORS * COLUMNS;
    rows.base.data = rows.tokens.data = base_data;
    rows.donor.dtype = rows.targets.dtype = rows.base.dtype = rows.tokens.dtype = OTX_F32;
    rows.donor.columns = rows.targets.columns = COLUMNS;
    rows.base.columns = rows.tokens.columns = WIDTH;
    rows.donor.rows = rows.base.rows = ANCHORS;
    rows.targets.rows = TARGETS;
    rows.tokens.rows = TOKENS;
    for (i = 0; i < TARGETS + ANCHORS; i++) { /* none to three pieces */
        starts[i + 1] = starts[i];
        for (j = 0; j < i % 4; j++) {
            sizes[starts[i + 1]] = (uint32_t)(1 + j);
            pieces[starts[i + 1]++] = (uint32_t)((5 * i + 7 * j) % TOKENS);
        }
    }
    rows.pieces.starts = starts;
    rows.pieces.rows = rows.anchor_pieces.rows = pieces;
    rows.pieces.sizes = rows.anchor_pieces.sizes = sizes;
    rows.anchor_pieces.starts = starts + TARGETS;
    return rows;
}

/* ---- ways ---- */

/* A method, and how it is asked for. */
typedef struct way {
    otx_method method;
    otx_method_options options;
} way;

enum { FITTED = OTX_METHOD_COUNT + 6, WAYS = FITTED + 5 };

/* The methods, behind them the weights of common_interpolation, and some with a norm that is
   fitted. */
static way way_of(size_t number)
{
    static const otx_method fitted[WAYS - FITTED] = {OTX_METHOD_OMP_CENTRED, OTX_METHOD_AFFINE,
                                                     OTX_METHOD_FOCUS, OTX_METHOD_MP_ROPE,
                                                     OTX_METHOD_OMP_AFFINE};
    way w;
    memset(&w, 0, sizeof w);
    w.options.omp.k = K;
    w.options.seed = 11;
    w.method = (otx_method)number;
    if (w.method == OTX_METHOD_ZETT) { /* makes no rows; another subword in its place */
        w.method = OTX_METHOD_SUBWORD;
        w.options.subword = OTX_SUBWORD_LENGTH;
    }
    if (number == FITTED - 1) {
        w.method = OTX_METHOD_OMP_AFFINE;
        w.options.pieces = 0.5;
    } else if (number >= OTX_METHOD_COUNT) {
        w.method = OTX_METHOD_COMMON_INTERPOLATION;
        w.options.weights = (otx_weighting)((number - OTX_METHOD_COUNT + 1) / 2);
        w.options.omp.cosine = (number - OTX_METHOD_COUNT) % 2 == 0;
    }
    if (number >= FITTED) {
        w.method = fitted[number - FITTED];
        w.options.norm = OTX_NORM_FITTED;
        w.options.pieces = w.method == OTX_METHOD_OMP_AFFINE ? 0.5 : 0.0;
    }
    return w;
}

/* Fits, and makes all rows in windows of `step`. */
static otx_result run(const otx_context *ctx, const way *w, const otx_method_rows *rows,
                      size_t step, double *to, otx_error *error)
{
    otx_fitted fitted;
    size_t first, count, width = rows->tokens.columns;
    otx_result result = otx_method_fit(ctx, w->method, rows, &w->options, &fitted, error);
    for (first = 0; first < rows->targets.rows && !result; first += count) {
        count = rows->targets.rows - first < step ? rows->targets.rows - first : step;
        result = otx_method_make(ctx, &fitted, rows, first, count, to + first * width, error);
    }
    otx_method_close(ctx, &fitted);
    otx_method_close(ctx, &fitted); /* of one that is closed */
    return result;
}

static double wanted[TARGETS * WIDTH], seen[TARGETS * WIDTH];

/* ---- names ---- */

static void names_and_needs(void)
{
    int i, j;
    for (i = 0; i < OTX_METHOD_COUNT; i++) {
        const char *name = otx_method_name((otx_method)i);
        CHECK(name != NULL);
        for (j = 0; j < i; j++) CHECK(strcmp(name, otx_method_name((otx_method)j)) != 0);
        CHECK(otx_method_needs((otx_method)i) < 128);
    }
    CHECK(otx_method_name(OTX_METHOD_COUNT) == NULL);
    CHECK(otx_method_name((otx_method)-1) == NULL);
    CHECK_INT(otx_method_needs(OTX_METHOD_COUNT), 0);
    CHECK_STRING(otx_weighting_name(OTX_WEIGHTING_BARYCENTRIC), "barycentric");
    CHECK(otx_weighting_name(OTX_WEIGHTING_COUNT) == NULL);
}

/* ---- subword ---- */

/* A token of three pieces, by hand. mergekit's weighted_mean has 3, 2, 1 for the embedding. */
static void pieces_by_hand(void)
{
    static const double shares[OTX_SUBWORD_COUNT][2][3] = {
        {{1, 1, 1}, {1, 1, 1}}, {{1, 1, 1}, {1, 1, 1}}, {{1, 2, 3}, {3, 2, 1}},
        {{0, 0, 1}, {1, 0, 0}}, {{0, 0, 1}, {4, 2, 1}}, {{1, 2, 3}, {1, 2, 3}}};
    otx_method_rows rows = make_rows();
    way w = way_of(OTX_METHOD_SUBWORD);
    size_t start = rows.pieces.starts[3], i, j, how, head;
    for (how = 0; how < OTX_SUBWORD_COUNT; how++)
        for (head = 0; head < 2; head++) {
            const double *c = shares[how][head];
            w.options.subword = (otx_subword)how;
            rows.head = head == 1;
            CHECK_INT(run(NULL, &w, &rows, TARGETS, seen, NULL), OTX_OK);
            for (j = 0; j < WIDTH; j++) {
                double sum = 0.0;
                for (i = 0; i < 3; i++)
                    sum += c[i] * (double)base_data[rows.pieces.rows[start + i] * WIDTH + j];
                if (how != OTX_SUBWORD_SUM) sum /= c[0] + c[1] + c[2];
                CHECK(fabs(sum - seen[3 * WIDTH + j]) < 1e-12);
            }
        }
    CHECK_STRING(otx_subword_name(OTX_SUBWORD_FIRST_LAST), "first_last");
    CHECK(otx_subword_name(OTX_SUBWORD_COUNT) == NULL);
}

static void zett_says_what_it_lacks(void)
{
    otx_method_rows rows = make_rows();
    otx_fitted fitted;
    otx_error error;
    CHECK_INT(otx_method_fit(NULL, OTX_METHOD_ZETT, &rows, NULL, &fitted, &error),
              OTX_ERROR_UNSUPPORTED);
    CHECK_CONTAINS(error.message, "hypernetwork");
}

static void unknown_ones_are_refused(void)
{
    otx_method_rows rows = make_rows();
    otx_method_options options;
    otx_fitted fitted;
    otx_error error;
    int i;
    memset(&options, 0, sizeof options);
    CHECK_INT(otx_method_fit(NULL, OTX_METHOD_COUNT, &rows, NULL, &fitted, &error),
              OTX_ERROR_ARGUMENT);
    for (i = 0; i < OTX_METHOD_COUNT; i++)
        CHECK_CONTAINS(error.message, otx_method_name((otx_method)i));
    options.weights = OTX_WEIGHTING_COUNT;
    CHECK_INT(otx_method_fit(NULL, OTX_METHOD_COMMON_INTERPOLATION, &rows, &options, &fitted,
                             &error), OTX_ERROR_ARGUMENT);
    CHECK_CONTAINS(error.message, "least_squares");
}

/* ---- pieces beside the donor's rows ---- */

/* omp-affine's rows with pieces of a weight, and the weight that was taken. */
static double run_pieces(const otx_method_rows *rows, double weight, size_t k, double *to,
                         otx_affine_trial *other)
{
    otx_method_options options;
    otx_fitted fitted;
    double taken;
    memset(&options, 0, sizeof options);
    options.omp.k = k;
    options.pieces = weight;
    CHECK_INT(otx_method_fit(NULL, OTX_METHOD_OMP_AFFINE, rows, &options, &fitted, NULL),
              OTX_OK);
    CHECK_INT(otx_method_make(NULL, &fitted, rows, 0, TARGETS, to, NULL), OTX_OK);
    taken = fitted.pieces;
    if (other) *other = fitted.other;
    otx_method_close(NULL, &fitted);
    return taken;
}

/* The base's row of a token is a map of the donor's and noise, and has nothing to do with its one
   piece; and one that is mostly that piece's, which the donor knows nothing of. */
static void pieces_are_taken_where_they_help(void)
{
    static size_t starts[ANCHORS + 1];
    static uint32_t pieces[ANCHORS];
    otx_method_rows rows = make_rows();
    otx_affine_trial other;
    size_t i, j;
    for (i = 0; i < ANCHORS; i++) {
        starts[i + 1] = i + 1;
        pieces[i] = (uint32_t)(ANCHORS + i % (TOKENS - ANCHORS));
        for (j = 0; j < WIDTH; j++)
            base_data[i * WIDTH + j] =
                donor_data[i * COLUMNS + j % COLUMNS] + (float)(0.5 * uniform());
    }
    rows.pieces.starts = rows.anchor_pieces.starts = starts;
    rows.pieces.rows = rows.anchor_pieces.rows = pieces;
    CHECK(run_pieces(&rows, 0.0, K, seen, &other) == 0.0);
    CHECK(other.loss > 0.0);
    CHECK(run_pieces(&rows, OTX_PIECES_NONE, K, wanted, &other) == 0.0);
    CHECK(other.loss == 0.0);
    CHECK(memcmp(wanted, seen, sizeof seen) == 0);
    for (i = 0; i < ANCHORS; i++)
        for (j = 0; j < WIDTH; j++)
            base_data[i * WIDTH + j] = (float)(0.2 * uniform()) +
                                       base_data[pieces[i] * WIDTH + j];
    CHECK(run_pieces(&rows, 0.0, 0, seen, &other) > 0.0);
    CHECK(other.loss > 0.0);
    CHECK(run_pieces(&rows, 0.5, 0, wanted, &other) == 0.5);
    CHECK(other.loss == 0.0);
    for (i = 0; i < TARGETS; i++) { /* which the rows are, then */
        double off = 0.0, whole = 0.0;
        for (j = 0; j < WIDTH; j++) {
            double row = (double)base_data[pieces[i] * WIDTH + j];
            off += (seen[i * WIDTH + j] - row) * (seen[i * WIDTH + j] - row);
            whole += row * row;
        }
        CHECK(off < 0.1 * whole);
    }
}

/* How many atoms are best is found by the pursuit that is then run: with its ridge, and ended by
   its tolerance. */
static void the_choice_is_of_the_same_pursuit(void)
{
    otx_method_rows rows = make_rows();
    otx_affine_trial trials[3];
    size_t i;
    for (i = 0; i < 3; i++) {
        otx_method_options options;
        otx_fitted fitted;
        memset(&options, 0, sizeof options);
        options.omp.ridge = i == 1 ? 0.5 : 0.0;
        options.omp.tolerance = i == 2 ? 0.8 : 0.0;
        CHECK_INT(otx_method_fit(NULL, OTX_METHOD_OMP_AFFINE, &rows, &options, &fitted, NULL),
                  OTX_OK);
        trials[i] = fitted.map.trials[4];
        otx_method_close(NULL, &fitted);
        CHECK_INT(trials[i].k, 8);
        CHECK(trials[i].loss > 0.0);
    }
    CHECK(fabs(trials[0].loss - trials[1].loss) > 1e-3);
    CHECK(fabs(trials[0].loss - trials[2].loss) > 1e-3);
}

/* Without a piece on either side, and with none that is finite, rows are those without. */
static void no_pieces_are_no_harm(void)
{
    static const size_t none[ANCHORS + 1];
    otx_method_rows rows = make_rows();
    size_t i;
    (void)run_pieces(&rows, OTX_PIECES_NONE, K, wanted, NULL);
    rows.anchor_pieces.starts = none;
    CHECK(run_pieces(&rows, 0.5, K, seen, NULL) == 0.0);
    CHECK(memcmp(wanted, seen, sizeof seen) == 0);
    rows = make_rows();
    rows.pieces.starts = none;
    CHECK(run_pieces(&rows, 0.0, K, seen, NULL) == 0.0);
    CHECK(memcmp(wanted, seen, sizeof seen) == 0);
    rows.pieces.starts = NULL; /* nobody knows */
    CHECK(run_pieces(&rows, 0.5, K, seen, NULL) == 0.0);
    CHECK(memcmp(wanted, seen, sizeof seen) == 0);
    rows = make_rows();
    for (i = ANCHORS; i < TOKENS; i++) base_data[i * WIDTH + 3] = (float)HUGE_VAL;
    for (i = 0; i < rows.pieces.starts[TARGETS]; i++)
        ((uint32_t *)(uintptr_t)rows.pieces.rows)[i] = ANCHORS + (uint32_t)i % 9;
    CHECK(run_pieces(&rows, 0.5, K, seen, NULL) == 0.0);
    CHECK(memcmp(wanted, seen, sizeof seen) == 0);
}

static void pieces_that_are_none_are_refused(void)
{
    otx_method_rows rows = make_rows();
    way w = way_of(OTX_METHOD_OMP_AFFINE);
    otx_error error;
    ((uint32_t *)(uintptr_t)rows.anchor_pieces.rows)[rows.anchor_pieces.starts[3]] = TOKENS;
    CHECK_INT(run(NULL, &w, &rows, TARGETS, seen, &error), OTX_ERROR_ARGUMENT);
    CHECK_CONTAINS(error.message, "a piece of anchor 3 is row 180 of 180 tokens");
    rows = make_rows();
    rows.tokens.columns--;
    CHECK_INT(run(NULL, &w, &rows, TARGETS, seen, &error), OTX_ERROR_ARGUMENT);
    CHECK_CONTAINS(error.message, "tokens have 40 columns and the base's anchors 41");
}

/* ---- the same bits ---- */

/* Runs the tasks from last to first, each by another worker. */
static void backwards(void *context, size_t count, otx_parallel_body body, void *argument)
{
    int threads = *(const int *)context;
    while (count-- > 0) body(argument, count, (int)(count % (size_t)threads));
}

static void same_bits_on_every_set_and_thread_count(void)
{
    otx_method_rows rows = make_rows();
    otx_context ctx;
    otx_error error;
    size_t i;
    int isa, threads;
    for (i = 0; i < WAYS; i++) {
        way w = way_of(i);
        memset(&ctx, 0, sizeof ctx);
        ctx.isa = OTX_ISA_SCALAR;
        ctx.threads = 1;
        CHECK_INT(run(&ctx, &w, &rows, TARGETS, wanted, &error), OTX_OK);
        for (isa = OTX_ISA_AUTO; isa < OTX_ISA_COUNT; isa++) {
            if (!otx_isa_available((otx_isa)isa)) continue;
            for (threads = 1; threads <= 3; threads++) {
                ctx.isa = (otx_isa)isa;
                ctx.threads = threads;
                ctx.parallel_for = threads == 2 ? NULL : backwards;
                ctx.parallel_context = &threads;
                CHECK_INT(run(&ctx, &w, &rows, TARGETS, seen, &error), OTX_OK);
                CHECK(memcmp(wanted, seen, sizeof seen) == 0);
            }
        }
    }
}

static void windows_join(void)
{
    static const size_t steps[] = {1, 2, 33, 69};
    otx_method_rows rows = make_rows();
    otx_error error;
    size_t i, j;
    for (i = 0; i < WAYS; i++) {
        way w = way_of(i);
        CHECK_INT(run(NULL, &w, &rows, TARGETS, wanted, &error), OTX_OK);
        for (j = 0; j < COUNT(steps); j++) {
            CHECK_INT(run(NULL, &w, &rows, steps[j], seen, &error), OTX_OK);
            CHECK(memcmp(wanted, seen, sizeof seen) == 0);
        }
    }
}

/* Turns a matrix around, and turns it back by its index and stride. */
static void turn(otx_matrix *matrix, float *room, uint32_t *index)
{
    size_t i, pitch = matrix->columns + 3;
    for (i = 0; i < matrix->rows; i++) {
        index[i] = (uint32_t)(matrix->rows - 1 - i);
        memcpy(room + index[i] * pitch, (const float *)matrix->data + i * matrix->columns,
               matrix->columns * sizeof *room);
    }
    matrix->data = room;
    matrix->stride = pitch;
    matrix->index = index;
}

static void an_index_and_a_stride_pick_rows(void)
{
    static float rooms[4][TOKENS * (WIDTH + 3)];
    static uint32_t indices[4][TOKENS];
    otx_method_rows rows = make_rows(), turned = rows;
    otx_error error;
    size_t i;
    turn(&turned.donor, rooms[0], indices[0]);
    turn(&turned.base, rooms[1], indices[1]);
    turn(&turned.targets, rooms[2], indices[2]);
    turn(&turned.tokens, rooms[3], indices[3]);
    for (i = 0; i < WAYS; i++) {
        way w = way_of(i);
        CHECK_INT(run(NULL, &w, &rows, 33, wanted, &error), OTX_OK);
        CHECK_INT(run(NULL, &w, &turned, 33, seen, &error), OTX_OK);
        CHECK(memcmp(wanted, seen, sizeof seen) == 0);
    }
}

static void targets_of_another_type(void)
{
    static uint16_t half[TARGETS * COLUMNS];
    static float wide[TARGETS * COLUMNS];
    otx_method_rows rows = make_rows();
    otx_error error;
    size_t i;
    for (i = 0; i < TARGETS * COLUMNS; i++) {
        double value = (double)((const float *)rows.targets.data)[i];
        (void)otx_from_double(half + i, &value, OTX_BF16, 1, false);
    }
    otx_to_float(wide, half, OTX_BF16, TARGETS * COLUMNS);
    for (i = 0; i < WAYS; i++) {
        way w = way_of(i);
        rows.targets.data = wide;
        rows.targets.dtype = OTX_F32;
        CHECK_INT(run(NULL, &w, &rows, 33, wanted, &error), OTX_OK);
        rows.targets.data = half;
        rows.targets.dtype = OTX_BF16;
        CHECK_INT(run(NULL, &w, &rows, 33, seen, &error), OTX_OK);
        CHECK(memcmp(wanted, seen, sizeof seen) == 0);
    }
}

/* ---- what cannot be ---- */

static void rows_that_cannot_be_used_are_named(void)
{
    otx_error error;
    size_t i, at;
    for (i = 0; i < WAYS; i++) {
        way w = way_of(i);
        unsigned needs = otx_method_needs(w.method);
        for (at = 0; at < 4; at++) {
            otx_method_rows rows = make_rows();
            static const unsigned bits[] = {OTX_NEED_DONOR, OTX_NEED_DONOR, OTX_NEED_BASE,
                                            OTX_NEED_TOKENS};
            if (at == 0) donor_data[5 * COLUMNS + 4] = (float)HUGE_VAL;
            if (at == 1) donor_data[(ANCHORS + 5) * COLUMNS + 4] = (float)-HUGE_VAL;
            if (at >= 2) base_data[5 * WIDTH + 4] = (float)HUGE_VAL;
            if (!(needs & bits[at])) continue;
            /* The map alone looks at no target before it makes its row. */
            if (w.method == OTX_METHOD_AFFINE && at == 1) continue;
            CHECK_INT(run(NULL, &w, &rows, TARGETS, seen, &error), OTX_ERROR_NOT_FINITE);
            if (w.method > OTX_METHOD_ZERO) CHECK_CONTAINS(error.message, " 5 ");
        }
    }
}

static void matrices_that_are_missing_are_refused(void)
{
    otx_error error;
    size_t i;
    for (i = 0; i < OTX_METHOD_COUNT; i++) {
        way w = way_of(i);
        unsigned needs = otx_method_needs(w.method);
        otx_method_rows rows = make_rows();
        if (needs & OTX_NEED_DONOR) {
            rows.targets.columns--;
            CHECK_INT(run(NULL, &w, &rows, TARGETS, seen, &error), OTX_ERROR_ARGUMENT);
            memset(&rows.donor, 0, sizeof rows.donor);
            CHECK_INT(run(NULL, &w, &rows, TARGETS, seen, &error), OTX_ERROR_ARGUMENT);
        }
        rows = make_rows();
        if (needs & OTX_NEED_DONOR) {
            rows.base.rows--;
            CHECK_INT(run(NULL, &w, &rows, TARGETS, seen, &error), OTX_ERROR_ARGUMENT);
            CHECK_CONTAINS(error.message, "149");
            memset(&rows.base, 0, sizeof rows.base);
            CHECK_INT(run(NULL, &w, &rows, TARGETS, seen, &error), OTX_ERROR_ARGUMENT);
            CHECK_CONTAINS(error.message, "base: ");
        } else if (w.method != OTX_METHOD_ZETT) {
            memset(&rows.tokens, 0, sizeof rows.tokens);
            CHECK_INT(run(NULL, &w, &rows, TARGETS, seen, &error), OTX_ERROR_ARGUMENT);
            CHECK_CONTAINS(error.message, "tokens: ");
        }
    }
}

static void refuse(const way *w, const otx_method_rows *rows, const char *message)
{
    otx_error error;
    error.message[0] = 0;
    CHECK_INT(run(NULL, w, rows, TARGETS, seen, &error), OTX_ERROR_ARGUMENT);
    CHECK_CONTAINS(error.message, message);
}

static void options_that_make_no_sense_are_refused(void)
{
    otx_method_rows rows = make_rows();
    way w = way_of(OTX_METHOD_MP_ROPE);
    w.options.donor_heads = 5;
    refuse(&w, &rows, "rows of 37 columns are not of 5 heads");
    w.options.donor_heads = 37;
    w.options.base_rope = 0.5;
    refuse(&w, &rows, "the base of rotary positions must be 1 or more");
    w = way_of(OTX_METHOD_OMP_AFFINE);
    w.options.pieces = (double)HUGE_VAL;
    refuse(&w, &rows, "the weight of pieces must be a number");
    w = way_of(OTX_METHOD_SUBWORD);
    w.options.subword = OTX_SUBWORD_COUNT;
    refuse(&w, &rows, "subword 6 is unknown");
    w.options.subword = (otx_subword)0;
    rows.pieces.starts = NULL;
    refuse(&w, &rows, "the pieces of the targets are missing");
}

/* A window of the targets would leave what is made of the others unsaid. */
static void windows_of_a_pursuit_are_refused(void)
{
    otx_method_rows rows = make_rows();
    size_t i;
    for (i = 0; i < WAYS; i++) {
        way w = way_of(i);
        w.options.omp.target_count = 1;
        refuse(&w, &rows, "leave first_target and target_count 0");
        w.options.omp.target_count = 0;
        w.options.omp.first_target = 1;
        refuse(&w, &rows, "leave first_target and target_count 0");
    }
}

/* Rows are made of what was fitted, for targets that it was fitted to. */
static void what_was_not_fitted_is_not_made(void)
{
    otx_method_rows rows = make_rows();
    otx_fitted fitted;
    otx_error error;
    memset(&fitted, 0, sizeof fitted);
    fitted.method = OTX_METHOD_COUNT;
    CHECK_INT(otx_method_make(NULL, &fitted, &rows, 0, 1, seen, &error), OTX_ERROR_ARGUMENT);
    CHECK_STRING(error.message, "no method was fitted");
    CHECK_INT(otx_method_fit(NULL, OTX_METHOD_AFFINE, &rows, NULL, &fitted, &error), OTX_OK);
    CHECK_INT(otx_method_make(NULL, &fitted, &rows, 1, TARGETS, seen, &error),
              OTX_ERROR_ARGUMENT);
    CHECK_STRING(error.message, "targets 1 to 71 are not among 70");
    CHECK_INT(otx_method_make(NULL, &fitted, &rows, TARGETS, 0, NULL, &error), OTX_OK);
    rows.donor.columns--;
    rows.targets.columns--;
    CHECK_INT(otx_method_make(NULL, &fitted, &rows, 0, 1, seen, &error), OTX_ERROR_ARGUMENT);
    CHECK_CONTAINS(error.message, "the map is from 37 to 41 columns over 150 anchors");
    otx_method_close(NULL, &fitted);
    rows = make_rows();
    CHECK_INT(otx_method_fit(NULL, OTX_METHOD_PROCRUSTES, &rows, NULL, &fitted, &error), OTX_OK);
    rows.donor.columns--;
    rows.targets.columns--;
    CHECK_INT(otx_method_make(NULL, &fitted, &rows, 0, 1, seen, &error), OTX_ERROR_ARGUMENT);
    CHECK_STRING(error.message,
                 "the map is of 37 by 41 columns, and the rows have 36 and 41");
    otx_method_close(NULL, &fitted);
}

/* Whatever computes says that a set is not there. */
static void a_set_that_is_not_there(void)
{
    static const otx_method methods[] = {OTX_METHOD_OMP, OTX_METHOD_AFFINE,
                                         OTX_METHOD_COMMON_INTERPOLATION};
    otx_method_rows rows = make_rows();
    otx_context ctx;
    otx_error error;
    int isa = OTX_ISA_SCALAR;
    size_t i;
    while (isa < OTX_ISA_COUNT && otx_isa_available((otx_isa)isa)) isa++;
    CHECK(isa < OTX_ISA_COUNT); /* no machine has all of them */
    memset(&ctx, 0, sizeof ctx);
    ctx.isa = (otx_isa)isa;
    for (i = 0; i < COUNT(methods); i++) {
        way w = way_of((size_t)methods[i]);
        CHECK_INT(run(&ctx, &w, &rows, TARGETS, seen, &error), OTX_ERROR_UNSUPPORTED);
        CHECK_CONTAINS(error.message, otx_isa_name(ctx.isa));
    }
}

/* A budget is kept to, or refused; within it rows are the same. */
static void budgets_are_kept(void)
{
    otx_method_rows rows = make_rows();
    otx_error error;
    size_t i;
    for (i = 0; i < WAYS; i++) {
        way w = way_of(i);
        CHECK_INT(run(NULL, &w, &rows, TARGETS, wanted, &error), OTX_OK);
        w.options.omp.memory = 1;
        if (otx_method_needs(w.method) & ~(unsigned)OTX_NEED_PIECES) {
            CHECK_INT(run(NULL, &w, &rows, TARGETS, seen, &error), OTX_ERROR_MEMORY);
            CHECK_CONTAINS(error.message, "budget");
        }
        for (; w.options.omp.memory < 1u << 27; w.options.omp.memory *= 2) {
            otx_result result = run(NULL, &w, &rows, TARGETS, seen, &error);
            CHECK(result == OTX_OK || result == OTX_ERROR_MEMORY);
            if (!result) CHECK(memcmp(wanted, seen, sizeof seen) == 0);
        }
    }
}

static void every_allocation_can_fail(void)
{
    otx_method_rows rows = make_rows();
    otx_context ctx;
    otx_error error;
    failing state;
    size_t i;
    long at;
    for (i = 0; i < WAYS; i++) {
        way w = way_of(i);
        otx_result result = OTX_ERROR_MEMORY;
        for (at = 1; result == OTX_ERROR_MEMORY && at < 2000; at++) {
            memset(&state, 0, sizeof state);
            memset(&ctx, 0, sizeof ctx);
            state.fail_at = at;
            ctx.allocator.resize = failing_resize;
            ctx.allocator.context = &state;
            ctx.threads = 1;
            result = run(&ctx, &w, &rows, 33, seen, &error);
            CHECK_INT(state.live, 0);
            CHECK_INT(state.wrong_size, 0);
            if (result == OTX_ERROR_MEMORY) CHECK_CONTAINS(error.message, "memory");
        }
        CHECK_INT(result, OTX_OK);
    }
}

static long calls_left;

static bool count_down(void *context, const otx_progress *progress)
{
    (void)context;
    CHECK(progress->done <= progress->total);
    return calls_left-- > 0;
}

/* At every call of the hook. */
static void cancelling(void)
{
    otx_method_rows rows = make_rows();
    otx_context ctx;
    otx_error error;
    size_t i;
    long at;
    memset(&ctx, 0, sizeof ctx);
    ctx.progress = count_down;
    ctx.threads = 1;
    for (i = 0; i < WAYS; i++) {
        way w = way_of(i);
        otx_result result = OTX_ERROR_CANCELLED;
        for (at = 0; result == OTX_ERROR_CANCELLED && at < 5000; at += at < 40 ? 1 : 17) {
            calls_left = at;
            result = run(&ctx, &w, &rows, 33, seen, &error);
        }
        CHECK_INT(result, OTX_OK);
    }
}

/* ---- targets that are none, and one anchor ---- */

static void no_targets_and_one_anchor(void)
{
    otx_error error;
    size_t i, j;
    for (i = 0; i < WAYS; i++) {
        way w = way_of(i);
        otx_method_rows rows = make_rows();
        rows.donor.rows = rows.base.rows = 1;
        CHECK_INT(run(NULL, &w, &rows, 33, seen, &error), OTX_OK);
        for (j = 0; j < COUNT(seen); j++) CHECK(fabs(seen[j]) < 1e6);
        rows.targets.rows = 0;
        CHECK_INT(run(NULL, &w, &rows, 33, seen, &error), OTX_OK);
    }
}

/* ---- chance ---- */

/* A head's deviates are its own: z of row = mean + deviation z. */
static void a_head_by_another_chance(void)
{
    otx_method_rows rows = make_rows();
    size_t i, n;
    for (n = 0; n < 3; n++) {
        way w = way_of(n == 0 ? OTX_METHOD_RANDN : n == 1 ? OTX_METHOD_JOHN_HEWITT
                                                          : OTX_METHOD_ZERO);
        double with = 0.0, one = 0.0, other = 0.0, mean[WIDTH] = {0.0};
        w.options.noise = n == 2 ? 1.0 : 0.0;
        rows.head = false;
        CHECK_INT(run(NULL, &w, &rows, TARGETS, seen, NULL), OTX_OK);
        rows.head = true;
        CHECK_INT(run(NULL, &w, &rows, TARGETS, wanted, NULL), OTX_OK);
        for (i = 0; i < TOKENS * WIDTH && n < 2; i++)
            mean[i % WIDTH] += (double)base_data[i] / TOKENS;
        for (i = 0; i < COUNT(seen); i++) {
            double a = seen[i] - mean[i % WIDTH], b = wanted[i] - mean[i % WIDTH];
            with += a * b;
            one += a * a;
            other += b * b;
        }
        CHECK(one > 0.0 && fabs(with) < 0.2 * sqrt(one * other));
        CHECK(fabs(one / other - 1.0) < 0.2);
    }
}

/* ---- rows that nothing has trained ---- */

/* A row of no numbers is not under-trained, and hides no row that is. */
static void rows_of_no_numbers_are_not_judged(void)
{
    enum { ROWS = 300, USED = 200, WIDE = 8 };
    static float data[ROWS * WIDE];
    uint8_t unused[ROWS], marks[ROWS];
    otx_matrix matrix;
    size_t i, j, with;
    memset(&matrix, 0, sizeof matrix);
    matrix.data = data;
    matrix.dtype = OTX_F32;
    matrix.rows = ROWS;
    matrix.columns = WIDE;
    for (i = 0; i < ROWS; i++) {
        unused[i] = i >= USED;
        for (j = 0; j < WIDE; j++) /* used ones lie apart from the others, but row 5 */
            data[i * WIDE + j] = (unused[i] || i == 5) == (j == 0) ? 1.0f + (float)i / 300 : 0.0f;
        if (unused[i]) data[i * WIDE + 1] = i % 2 ? 0.5f : -0.5f;
    }
    data[5 * WIDE] = 20.0f; /* along their mean, and not short */
    for (with = 0; with < 2; with++) {
        memset(marks, 0, sizeof marks);
        CHECK_INT(otx_mark_undertrained(NULL, &matrix, unused, true, marks, NULL), OTX_OK);
        CHECK_INT(marks[5], 1);
        CHECK_INT(marks[0], 0);
        CHECK_INT(marks[7], 0);
        CHECK_INT(marks[250], 1);
        data[7 * WIDE + 2] = data[250 * WIDE + 2] = (float)HUGE_VAL;
    }
}

int main(void)
{
    RUN(names_and_needs);
    RUN(pieces_by_hand);
    RUN(zett_says_what_it_lacks);
    RUN(unknown_ones_are_refused);
    RUN(pieces_are_taken_where_they_help);
    RUN(the_choice_is_of_the_same_pursuit);
    RUN(no_pieces_are_no_harm);
    RUN(pieces_that_are_none_are_refused);
    RUN(same_bits_on_every_set_and_thread_count);
    RUN(windows_join);
    RUN(an_index_and_a_stride_pick_rows);
    RUN(targets_of_another_type);
    RUN(rows_that_cannot_be_used_are_named);
    RUN(matrices_that_are_missing_are_refused);
    RUN(options_that_make_no_sense_are_refused);
    RUN(windows_of_a_pursuit_are_refused);
    RUN(what_was_not_fitted_is_not_made);
    RUN(a_set_that_is_not_there);
    RUN(budgets_are_kept);
    RUN(every_allocation_can_fail);
    RUN(cancelling);
    RUN(no_targets_and_one_anchor);
    RUN(a_head_by_another_chance);
    RUN(rows_of_no_numbers_are_not_judged);
    return test_end();
}

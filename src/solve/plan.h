/* ---- plan: which form, and in what blocks ------------------------------------ */

/* What one solve works with, and how it was planned. */
typedef struct otx__solve {
    const otx_context *ctx; /* the caller's, with the number of threads settled */
    otx__problem problem;
    otx__dictionary dictionary;
    otx__screen screen;
    const otx_omp_output *output;
    otx__pool pool;
    int threads;
    otx_omp_form form;
    otx__panel_type panels;
    bool gram;         /* exact products of all pairs of atoms */
    double *centre;    /* [columns] to be taken off all rows, or NULL */
    size_t first, end; /* targets wanted */
    otx_omp_stats stats;
} otx__solve;

/* The scan's integer sums have room for that many atoms of a target. */
#define OTX__GRAM_K 32000

/* What a form needs: fixed bytes, bytes for each target of a block, and, in the
   columns form, for each column. */
typedef struct otx__need {
    double fixed, target, column;
} otx__need;

/* One way to solve. */
typedef struct otx__plan {
    otx_omp_form form;
    double capacity; /* targets of a block */
    double columns;  /* of the table */
    bool gram;       /* with exact products of all pairs of atoms */
    double seconds, bytes;
} otx__plan;

/* Scores that a worker has room for. */
OTX__PRIVATE size_t otx__scores(size_t atoms) { return otx__max(atoms, OTX__CANDIDATES); }

/* The longest rows that the residual form rounds to 8 bits. That leaves its bound at
   some 1.6 % of the residual's norm, of which the largest correlations are a smaller
   part in longer rows: too many atoms would be within the bound of each other. */
#define OTX__INT8_COLUMNS 1536

/* What the panels of a form hold. Products of rows that are bf16 already need no
   rounding; what the residual form rounds is given exact scores in the end. */
OTX__PRIVATE otx__panel_type otx__plan_panels(const otx__solve *solve, const otx_matrix *atoms,
                                              const otx_matrix *targets, bool centred,
                                              otx_omp_form form)
{
    const otx__kernels *kernels = solve->dictionary.kernels;
    if (!otx__form_scans(form)) {
        if (kernels->product_int8 && atoms->columns <= OTX__INT8_COLUMNS) return OTX__PANEL_INT8;
        return otx__panel_finer(kernels);
    }
    if (!centred && atoms->dtype == OTX_BF16 && targets->dtype == OTX_BF16 &&
        kernels->product_bf16)
        return OTX__PANEL_ROWS;
    return OTX__PANEL_FLOAT;
}

OTX__PRIVATE otx__need otx__form_need(const otx__solve *solve, const otx_matrix *atoms,
                                      const otx_matrix *targets, bool centred,
                                      otx_omp_form form)
{
    double n = (double)atoms->rows, d = (double)atoms->columns, k = (double)solve->problem.k;
    double tiles = (double)otx__tiles(atoms->rows), width = tiles * OTX__TILE;
    double sets = otx__form_scans(form) ? OTX__SETS : 2; /* one, and the masks */
    otx__panel_type type = otx__plan_panels(solve, atoms, targets, centred, form);
    double vector = otx__panel_need(solve->dictionary.kernels, type, d);
    otx__need need;
    need.fixed = 24.0 * n + 8.0 * d +
                 solve->threads *
                     (20.0 * d + 40.0 * k + 8.0 * (double)otx__scores(atoms->rows) +
                      sizeof(otx__scratch) + 512.0);
    if (!otx__rows_are_direct(atoms, centred)) need.fixed += 4.0 * n * d;
    if (!otx__rows_are_direct(targets, centred)) need.fixed += 4.0 * (double)targets->rows * d;
    if (centred) need.fixed += 8.0 * d;
    if (form == OTX_FORM_RESIDUAL) need.fixed += 4.0 * n * solve->threads;
    need.target = sizeof(otx__support) + 4.0 * k * (k + 1.0) + 12.0 * k;
    if (form == OTX_FORM_RESIDUAL) need.target += 4.0 * solve->threads;
    need.column = 0.0;
    if (form != OTX_FORM_EXHAUSTIVE) {
        need.fixed += solve->threads * OTX__GROUP * OTX__TILE * OTX__TILE * 4.0;
        need.fixed += width * (vector + 4.0) + 4.0 * tiles;
        need.target += vector + sets * 4.0 * tiles + OTX__SETS * 28.0 + 32.0;
    }
    if (otx__form_scans(form))
        need.target += 2.0 * width + (4.0 + 6.0 * sets) * (k + 1.0) + 8.0;
    if (form == OTX_FORM_GRAM) need.fixed += 2.0 * width * width;
    if (form == OTX_FORM_COLUMNS) {
        need.column = 2.0 * width + 12.0;
        need.fixed += 4.0 * n + OTX__FRESH * vector;
    }
    need.fixed += 65536.0; /* alignment */
    return need;
}

/* What a core of a machine does in a second, roughly, in 10^9 multiply-adds: of dense
   products in float, in bf16 and of 8-bit numbers, of scans, and in double. Only the
   ratios matter. */
typedef struct otx__rates {
    double dense, dense_bf16, dense_int8, scan, exact;
} otx__rates;

OTX__PRIVATE otx__rates otx__rates_of(otx_isa isa)
{
    static const otx__rates rates[OTX_ISA_COUNT] = {
        {1.5, 1.0, 1.5, 1.0, 0.7},      /* auto, which is settled before */
        {1.5, 1.0, 1.5, 1.0, 0.7},      /* scalar */
        {11.0, 0.0, 0.0, 8.0, 2.0},     /* sse2 */
        {40.0, 0.0, 0.0, 20.0, 4.0},    /* avx2 */
        {40.0, 0.0, 90.0, 25.0, 4.0},   /* avx-vnni */
        {50.0, 0.0, 170.0, 35.0, 7.0},  /* avx512 */
        {50.0, 85.0, 170.0, 35.0, 7.0}, /* avx512-bf16 */
        {60.0, 300.0, 500.0, 35.0, 7.0}, /* amx */
        {12.0, 0.0, 0.0, 10.0, 2.0},    /* neon */
        {12.0, 24.0, 44.0, 10.0, 2.0},  /* neon-bf16 */
        {6.0, 0.0, 0.0, 5.0, 1.0},      /* wasm */
    };
    return rates[isa];
}

/* Of dense products with panels of a type. */
OTX__PRIVATE double otx__dense_rate(otx_isa isa, otx__panel_type type)
{
    otx__rates rates = otx__rates_of(isa);
    if (type == OTX__PANEL_FLOAT) return rates.dense;
    return type == OTX__PANEL_INT8 ? rates.dense_int8 : rates.dense_bf16;
}

/* Columns that the targets of one block need, at a guess: supports share atoms. */
OTX__PRIVATE double otx__block_columns(const otx__solve *solve, double capacity)
{
    double n = (double)solve->dictionary.count, taken = capacity * (double)solve->problem.k;
    return n * (1.0 - exp(-0.5 * taken / n));
}

/* Seconds, roughly. */
OTX__PRIVATE double otx__plan_cost(const otx__solve *solve, const otx__plan *plan,
                                   otx__panel_type type)
{
    double n = (double)solve->dictionary.count, d = (double)solve->dictionary.columns;
    double k = (double)solve->problem.k, b = (double)(solve->end - solve->first);
    double blocks = ceil(b / plan->capacity), columns = plan->gram ? 0.0 : n / 2.0;
    double exact = plan->gram ? n * n * d / 2.0 + b * k * d : b * k * k * d;
    otx__rates rates = otx__rates_of(solve->dictionary.kernels->isa);
    double dense = otx__dense_rate(solve->dictionary.kernels->isa, type);
    /* 10^9 bytes in a second, of a small table from a cache, of a large one from memory */
    const double bytes = 2.0 * n * plan->columns < 16777216.0 ? 50.0 : 10.0;
    if (plan->form == OTX_FORM_EXHAUSTIVE)
        return k * b * n * d / rates.exact / solve->threads * 1e-9;
    /* Residuals are made and rounded, and some 64 atoms a step told apart. */
    if (plan->form == OTX_FORM_RESIDUAL)
        return (k * b * n * d / dense + (3.0 * exact + 64.0 * k * b * d) / rates.exact) /
               solve->threads * 1e-9;
    if (plan->form == OTX_FORM_COLUMNS) {
        double wanted = otx__block_columns(solve, plan->capacity);
        /* Those of a block; and of each further one what the table does not keep. */
        columns = wanted + (blocks - 1.0) * (wanted > plan->columns ? wanted : wanted * 0.5);
        if (plan->columns >= n) columns = otx__least(columns, n);
    }
    return ((columns * n * d + b * n * d) / dense + b * n * k * k / 2.0 / rates.scan +
            exact / rates.exact + blocks * k * n * otx__least(n, plan->columns) / bytes) /
           solve->threads * 1e-9;
}

/* The largest blocks, and the most columns, that a form has room for. */
OTX__PRIVATE bool otx__plan_fit(const otx__solve *solve, const otx__need *need, double budget,
                                otx__plan *plan)
{
    double wanted = (double)(solve->end - solve->first), n = (double)solve->dictionary.count;
    double k = (double)solve->problem.k, room = budget - need->fixed;
    /* Only forms that scan gain by large blocks; small ones let a caller stop. */
    double most = otx__form_scans(plan->form) ? 16384.0 : 2048.0;
    plan->columns = plan->form == OTX_FORM_GRAM ? n : 0.0;
    if (plan->form == OTX_FORM_COLUMNS) {
        /* A quarter of the room for the targets leaves the rest for columns. */
        double fewest = otx__least(n, k);
        room -= fewest * need->column;
        plan->capacity = floor(otx__least(room / 4.0, room) / need->target / OTX__TILE);
        if (plan->capacity < 1.0) plan->capacity = floor(room / need->target / OTX__TILE);
        plan->capacity = otx__least(plan->capacity * OTX__TILE, most);
        plan->capacity = otx__least(plan->capacity, ceil(wanted / OTX__TILE) * OTX__TILE);
        room -= plan->capacity * need->target;
        plan->columns = otx__least(n, fewest + floor(room / need->column));
    } else {
        /* A pass reads the whole table and the whole block, which had better stay in a
           cache: it is hardly larger than four times the table. */
        double fit = 512.0 + ceil(8.0 * n * n / need->target / OTX__TILE) * OTX__TILE;
        if (plan->form == OTX_FORM_GRAM) most = otx__least(most, fit);
        plan->capacity = floor(room / need->target / OTX__TILE) * OTX__TILE;
        plan->capacity = otx__least(plan->capacity, most);
    }
    if (plan->capacity < OTX__TILE) return false;
    /* Blocks of the same size, so that none is a small remainder. */
    plan->capacity = ceil(wanted / ceil(wanted / plan->capacity) / OTX__TILE) * OTX__TILE;
    plan->bytes = need->fixed + plan->capacity * need->target + plan->columns * need->column;
    return true;
}

/* The cheapest way that a form has room for: the Gram form with or without the exact
   products of all pairs of atoms. False if there is none. */
OTX__PRIVATE bool otx__plan_form(const otx__solve *solve, const otx__need *need,
                                 otx__panel_type type, double budget, otx__plan *plan)
{
    double n = (double)solve->dictionary.count;
    otx__need more = *need;
    otx__plan with = *plan;
    if (!otx__plan_fit(solve, need, budget, plan)) return false;
    plan->seconds = otx__plan_cost(solve, plan, type) + 1e-12;
    with.gram = plan->form == OTX_FORM_GRAM;
    more.fixed += 8.0 * n * n + OTX__ALIGNMENT;
    if (!with.gram || !otx__plan_fit(solve, &more, budget, &with)) return true;
    with.seconds = otx__plan_cost(solve, &with, type) + 1e-12;
    if (with.seconds < 0.9 * plan->seconds) *plan = with;
    return true;
}

/* Says what was chosen, and what the others would have taken. */
OTX__PRIVATE void otx__plan_tell(const otx__solve *solve, const otx__plan *plans,
                                 const otx__plan *best, double budget, char *line, size_t size)
{
    size_t length, form;
    int written = snprintf(line, size, "%s form in blocks of %.0f targets, %.0f of %.0f MiB",
                           otx__word(otx_omp_form_name(best->form)), best->capacity,
                           ceil(best->bytes / 1048576.0), floor(budget / 1048576.0));
    length = written > 0 ? (size_t)written : 0;
    if (best->gram && length < size) {
        written = snprintf(line + length, size - length, ", exact products kept");
        length += written > 0 ? (size_t)written : 0;
    }
    if (best->form == OTX_FORM_RESIDUAL && length < size) {
        written = snprintf(line + length, size - length, ", rounded to %s",
                           solve->panels == OTX__PANEL_INT8   ? "8 bits"
                           : solve->panels == OTX__PANEL_BF16 ? "bf16"
                                                              : "float");
        length += written > 0 ? (size_t)written : 0;
    }
    if (best->form == OTX_FORM_COLUMNS && length < size) {
        written = snprintf(line + length, size - length, ", %.0f of %.0f columns kept",
                           best->columns, (double)solve->dictionary.count);
        length += written > 0 ? (size_t)written : 0;
    }
    for (form = OTX_FORM_GRAM; form < OTX_FORM_COUNT && length < size; form++) {
        if (&plans[form] == best) continue;
        if (plans[form].form == OTX_FORM_AUTO) continue;
        if (plans[form].seconds > 0.0)
            written = snprintf(line + length, size - length, "; %s: %.0f %% of the time",
                               otx__word(otx_omp_form_name((otx_omp_form)form)),
                               100.0 * plans[form].seconds / best->seconds);
        else
            written = snprintf(line + length, size - length, "; %s: needs %.0f MiB",
                               otx__word(otx_omp_form_name((otx_omp_form)form)),
                               ceil(plans[form].bytes / 1048576.0));
        length += written > 0 ? (size_t)written : 0;
    }
}

/* Picks the form and the size of its blocks. */
OTX__PRIVATE otx_result otx__solve_plan(otx__solve *solve, const otx_matrix *atoms,
                                        const otx_matrix *targets,
                                        const otx_omp_options *options, otx_error *error)
{
    double budget = options->memory ? (double)options->memory : 4294967296.0, least = 0.0;
    otx__plan plans[OTX_FORM_COUNT];
    const otx__plan *best = NULL;
    int form;
    memset(plans, 0, sizeof plans);
    for (form = OTX_FORM_GRAM; form < OTX_FORM_COUNT; form++) {
        otx__plan *plan = &plans[form];
        otx_omp_form name = (otx_omp_form)form;
        otx__need need = otx__form_need(solve, atoms, targets, options->centred, name);
        otx__panel_type type = otx__plan_panels(solve, atoms, targets, options->centred, name);
        double k = (double)solve->problem.k;
        if (options->form != OTX_FORM_AUTO && options->form != name) continue;
        if (otx__form_scans(name) && solve->problem.k > OTX__GRAM_K) continue;
        plan->form = name;
        plan->bytes = need.fixed + need.target * OTX__TILE + need.column * k;
        if (least == 0.0 || plan->bytes < least) least = plan->bytes;
        if (!otx__plan_form(solve, &need, type, budget, plan)) continue;
        if (!best || plan->seconds < best->seconds) best = plan;
    }
    if (!best)
        return otx__fail(error, OTX_ERROR_MEMORY,
                         "the solver needs at least %.0f MiB and its budget is %.0f MiB",
                         ceil(least / 1048576.0), floor(budget / 1048576.0));
    solve->form = best->form;
    solve->gram = best->gram;
    solve->panels = otx__plan_panels(solve, atoms, targets, options->centred, best->form);
    solve->screen.capacity = (size_t)best->capacity;
    solve->screen.table.slots =
        best->form == OTX_FORM_GRAM ? solve->dictionary.tiles * OTX__TILE : (size_t)best->columns;
    otx__plan_tell(solve, plans, best, budget, solve->stats.plan, sizeof solve->stats.plan);
    otx__log(solve->ctx, OTX_NOTE, "solver: %s", solve->stats.plan);
    return OTX_OK;
}

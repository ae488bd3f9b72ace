/* ---- plan: which form, and in what blocks --------------------------------------- */

OTX_API const char *otx_omp_form_name(otx_omp_form form)
{
    static const char *const names[OTX_FORM_COUNT] = {"auto",     "gram",   "columns",
                                                      "residual", "single", "exhaustive"};
    return (unsigned)form < OTX_FORM_COUNT ? names[form] : NULL;
}

/* The budget where the caller names none: 4 GiB. */
#define OTX__MEMORY_DEFAULT 4294967296.0

/* The most atoms of a target for which the scan's integer sums have room. */
#define OTX__SCAN_K_MAX 32000

/* One way to solve. */
typedef struct otx__plan {
    otx_omp_form form; /* AUTO: not considered */
    otx__panel_type panels;
    double capacity;   /* targets of a block */
    double columns;    /* of the table */
    bool exact_gram;   /* with exact products of all pairs of atoms */
    double seconds;    /* 0: there is no room for it */
    double bytes;      /* and then what it needs at least */
} otx__plan;

/* ---- what it costs ---- */

/* Columns that the targets of one block need, at a guess: supports share atoms. */
OTX__PRIVATE double otx__plan_block_columns(const otx__pursuit *pursuit, double capacity)
{
    double n = (double)pursuit->dictionary.count, taken = capacity * (double)pursuit->problem.k;
    return n * (1.0 - exp(-0.5 * taken / n));
}

/* 10^-9 seconds of a core for steps that read the products of the atoms selected: in scans, or
   following one target. */
OTX__PRIVATE double otx__plan_steps(const otx__pursuit *pursuit, const otx__plan *plan)
{
    double n = (double)pursuit->dictionary.count, k = (double)pursuit->problem.k;
    double b = (double)(pursuit->end - pursuit->first);
    otx__plan_rates rates = otx__plan_rates_of(pursuit->dictionary.kernels->isa);
    double work = b * n * k * k / 2.0, table = n * otx__least(n, plan->columns);
    double first = 4.0 * n * n > 8388608.0 ? b * k * 4.0 * n : 0.0;
    /* 10^9 bytes in a second, of a small table from a cache, of a large one from memory */
    const double bytes = 2.0 * n * plan->columns < 16777216.0 ? 50.0 : 10.0;
    /* A table of floats is large: its memory is new, and each column comes from afar when a
       target reads it first. */
    if (otx__form_is_single(plan->form))
        return work / rates.follow + first / bytes + 4.0 * n * n * pursuit->ctx.threads;
    return work / rates.scan + ceil(b / plan->capacity) * k * table / bytes;
}

/* Seconds for guessing, where that is done: each takes the residual, and the products of some
   24 atoms, and looks for these. */
OTX__PRIVATE double otx__plan_guesses(const otx__pursuit *pursuit, const otx__plan *plan)
{
    double d = (double)pursuit->dictionary.columns, k = (double)pursuit->problem.k;
    double steps = k * (double)(pursuit->end - pursuit->first);
    otx__plan_rates rates = otx__plan_rates_of(pursuit->dictionary.kernels->isa);
    if (!otx__form_scans(plan->form)) return 0.0;
    return steps * ((k / 2.0 + 24.0) * d + 20000.0) / rates.dense / pursuit->ctx.threads * 1e-9;
}

/* Seconds without guessing, roughly; never 0. */
OTX__PRIVATE double otx__plan_cost(const otx__pursuit *pursuit, const otx__plan *plan)
{
    double n = (double)pursuit->dictionary.count, d = (double)pursuit->dictionary.columns;
    double k = (double)pursuit->problem.k, b = (double)(pursuit->end - pursuit->first);
    double blocks = ceil(b / plan->capacity), columns = plan->exact_gram ? 0.0 : n / 2.0;
    double exact = plan->exact_gram ? n * n * d / 2.0 + b * k * d : b * k * k * d;
    otx__plan_rates rates = otx__plan_rates_of(pursuit->dictionary.kernels->isa);
    double dense = otx__plan_dense_rate(&rates, plan->panels, d), threads = pursuit->ctx.threads;
    double each = otx__pursuit_columns(pursuit, plan->panels);
    if (!otx__form_screens(plan->form))
        return k * b * n * d / rates.exact / threads * 1e-9 + 1e-12;
    /* Residuals are made and rounded, and some 64 atoms a step told apart. */
    if (plan->form == OTX_FORM_RESIDUAL)
        return (k * b * n * each / dense + (3.0 * exact + 64.0 * k * b * d) / rates.exact) /
                   threads * 1e-9 + 1e-12;
    if (plan->form == OTX_FORM_COLUMNS) {
        double wanted = otx__plan_block_columns(pursuit, plan->capacity);
        /* Those of a block; and of each further one what the table does not keep. */
        columns = wanted + (blocks - 1.0) * (wanted > plan->columns ? wanted : wanted * 0.5);
        if (plan->columns >= n) columns = otx__least(columns, n);
    }
    return ((columns + b) * n * each / dense + exact / rates.exact +
            otx__plan_steps(pursuit, plan)) / threads * 1e-9 + 1e-12;
}

/* ---- what there is room for ---- */

/* The largest blocks, and the most columns, that a form has room for. */
OTX__PRIVATE bool otx__plan_fit(const otx__pursuit *pursuit, const otx__pursuit_need *need,
                                double budget, otx__plan *plan)
{
    double wanted = (double)(pursuit->end - pursuit->first), n = (double)pursuit->dictionary.count;
    double k = (double)pursuit->problem.k, room = budget - need->fixed;
    /* Only forms that scan gain by large blocks; small ones let a caller stop. */
    double most = otx__form_scans(plan->form) ? 16384.0 : 2048.0;
    plan->columns = otx__form_keeps_all(plan->form) ? n : 0.0;
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

/* The cheapest way of a form that there is room for: of those that keep the products of all
   pairs of atoms, with or without exact ones. False if there is none. */
OTX__PRIVATE bool otx__plan_form(const otx__pursuit *pursuit, double budget, otx__plan *plan)
{
    double n = (double)pursuit->dictionary.count, guesses;
    otx__pursuit_need need = otx__pursuit_needs(pursuit, plan->form);
    otx__plan with;
    plan->panels = otx__pursuit_panel_type(pursuit, plan->form);
    plan->bytes = need.fixed + need.target * OTX__TILE +
                  need.column * (double)pursuit->problem.k;
    with = *plan;
    if (!otx__plan_fit(pursuit, &need, budget, plan)) return false;
    guesses = otx__plan_guesses(pursuit, plan);
    plan->seconds = otx__plan_cost(pursuit, plan);
    with.exact_gram = otx__form_keeps_all(plan->form);
    need.fixed += 8.0 * n * n + OTX__ALIGNMENT;
    if (with.exact_gram && otx__plan_fit(pursuit, &need, budget, &with)) {
        with.seconds = otx__plan_cost(pursuit, &with);
        if (with.seconds < 0.9 * plan->seconds) *plan = with;
    }
    plan->seconds += guesses;
    return true;
}

/* ---- what is chosen ---- */

/* A line on its way into a buffer of that size; what does not fit is cut. */
typedef struct otx__plan_line {
    char *text;
    size_t size, length;
} otx__plan_line;

OTX__PRIVATE void otx__plan_say(otx__plan_line *line, const char *format, ...)
    OTX__PRINTF(2, 3);
OTX__PRIVATE void otx__plan_say(otx__plan_line *line, const char *format, ...)
{
    va_list arguments;
    if (line->length >= line->size) return;
    va_start(arguments, format);
    line->length += otx__format_list(line->text + line->length, line->size - line->length,
                                     format, arguments);
    va_end(arguments);
}

/* Says what was chosen, and what the others would have taken. */
OTX__PRIVATE void otx__plan_tell(const otx__pursuit *pursuit, const otx__plan *plans,
                                 const otx__plan *best, double budget, otx__plan_line *line)
{
    const double mib = 1048576.0;
    size_t form;
    otx__plan_say(line, "%s form in blocks of %.0f targets, %.0f of %.0f MiB",
                  otx__word(otx_omp_form_name(best->form)), best->capacity,
                  ceil(best->bytes / mib), floor(budget / mib));
    if (best->exact_gram) otx__plan_say(line, ", exact products kept");
    if (best->form == OTX_FORM_RESIDUAL)
        otx__plan_say(line, ", rounded to %s", otx__panel_type_name(best->panels));
    if (best->form == OTX_FORM_COLUMNS)
        otx__plan_say(line, ", %.0f of %.0f columns kept", best->columns,
                      (double)pursuit->dictionary.count);
    if (best->panels == OTX__PANEL_WHOLE) otx__plan_say(line, ", shared columns looked up");
    for (form = OTX_FORM_GRAM; form < OTX_FORM_COUNT; form++) {
        const otx__plan *plan = &plans[form];
        const char *name = otx__word(otx_omp_form_name((otx_omp_form)form));
        if (plan == best || plan->form == OTX_FORM_AUTO) continue;
        if (plan->seconds > 0.0)
            otx__plan_say(line, "; %s: %.0f %% of the time", name,
                          100.0 * plan->seconds / best->seconds);
        else
            otx__plan_say(line, "; %s: needs %.0f MiB", name, ceil(plan->bytes / mib));
    }
}

/* Lets the pursuit go by a plan. */
OTX__PRIVATE void otx__pursuit_follow(otx__pursuit *pursuit, const otx__plan *plan)
{
    pursuit->form = pursuit->screen.form = plan->form;
    pursuit->exact_gram = plan->exact_gram;
    pursuit->panels = plan->panels;
    pursuit->screen.capacity = (size_t)plan->capacity;
    pursuit->apart.form = OTX_FORM_RESIDUAL;
    pursuit->apart.capacity = otx__min(pursuit->screen.capacity, OTX__APART_TARGETS);
    pursuit->screen.table.slots = otx__form_keeps_all(plan->form)
                                      ? pursuit->dictionary.tiles * OTX__TILE
                                      : (size_t)plan->columns;
}

/* Whether a form is to be considered. What supports need of a table of floats has to stay in
   a second cache. */
OTX__PRIVATE bool otx__plan_considers(const otx__pursuit *pursuit, otx_omp_form form)
{
    double n = (double)pursuit->dictionary.count, k = (double)pursuit->problem.k;
    if (!otx__form_is_here(form)) return false;
    if (otx__form_scans(form) && pursuit->problem.k > OTX__SCAN_K_MAX) return false;
    if (pursuit->options->form != OTX_FORM_AUTO) return form == pursuit->options->form;
    return !otx__form_is_single(form) || 4.0 * n * k <= 1048576.0;
}

/* Picks the form and the size of its blocks. */
OTX__PRIVATE otx_result otx__pursuit_plan(otx__pursuit *pursuit, otx_error *error)
{
    const otx_omp_options *options = pursuit->options;
    double budget = options->memory ? (double)options->memory : OTX__MEMORY_DEFAULT, least = 0.0;
    otx__plan plans[OTX_FORM_COUNT];
    otx__plan_line line = {NULL, 0, 0};
    const otx__plan *best = NULL;
    int form;
    memset(plans, 0, sizeof plans);
    for (form = OTX_FORM_GRAM; form < OTX_FORM_COUNT; form++) {
        otx__plan *plan = &plans[form];
        /* For little gain not a table of floats. */
        double share = form == OTX_FORM_SINGLE ? 0.9 : 1.0;
        bool fits;
        if (!otx__plan_considers(pursuit, (otx_omp_form)form)) continue;
        plan->form = (otx_omp_form)form;
        fits = otx__plan_form(pursuit, budget, plan);
        if (fits && (!best || plan->seconds < share * best->seconds)) best = plan;
        if (!fits && (least == 0.0 || plan->bytes < least)) least = plan->bytes;
    }
    if (!best)
        return otx__fail(error, OTX_ERROR_MEMORY,
                         "the solver needs at least %.0f MiB and its budget is %.0f MiB",
                         ceil(least / 1048576.0), floor(budget / 1048576.0));
    otx__pursuit_follow(pursuit, best);
    if (!otx__form_is_here(OTX_FORM_GRAM)) return OTX_OK; /* there was no choice */
    line.text = pursuit->stats.plan;
    line.size = sizeof pursuit->stats.plan;
    otx__plan_tell(pursuit, plans, best, budget, &line);
    otx__log(&pursuit->ctx, OTX_NOTE, "solver: %s", pursuit->stats.plan);
    return OTX_OK;
}

/* ---- select: the next atoms of each target -------------------------------------- */

/* Scores the candidates in double and returns the best, the lowest index among
   equals. */
OTX__PRIVATE size_t otx__select_decide(const otx__screen *screen,
                                       const otx__candidates *candidates, otx__scratch *scratch,
                                       double *score)
{
    const otx__dictionary *dictionary = screen->problem->dictionary;
    otx__row rows[OTX__CANDIDATES_MAX];
    size_t i, best = 0;
    for (i = 0; i < candidates->count; i++)
        rows[i] = otx__view_row(&dictionary->rows, candidates->atoms[i]);
    dictionary->kernels->dots(scratch->residual, rows, candidates->count, dictionary->columns,
                              scratch->scores);
    for (i = 0; i < candidates->count; i++) {
        scratch->scores[i] = otx__score(dictionary, candidates->atoms[i], scratch->scores[i]);
        if (scratch->scores[i] > scratch->scores[best]) best = i;
    }
    *score = scratch->scores[best];
    return candidates->atoms[best];
}

/* Finds the best atom for one support of a target among the candidates, or ends
   the target. False if it takes more than the candidates to tell. */
OTX__PRIVATE bool otx__select_best(otx__screen *screen, size_t target, size_t set,
                                   otx__candidates *candidates, otx__scratch *scratch,
                                   size_t *atom)
{
    const otx__problem *problem = screen->problem;
    otx__support *support = &screen->supports[target];
    double rounding = OTX__ROUNDING_LEVEL * (double)problem->dictionary->columns, score;
    bool table = otx__form_has_table(screen->form);
    double clock;
    if (table) otx__scanned_prune(candidates);
    if (candidates->overflow || candidates->count == 0) return false;
    *atom = table ? candidates->atoms[0] : 0;
    if (table && candidates->count == 1 && !(problem->tolerance > 0.0) &&
        candidates->correlations[0] - otx__screen_bound(screen, target, set)->refined >
            2.0 * rounding) {
        scratch->candidates[0]++;
        return true;
    }
    clock = otx__now();
    if (table) otx__support_residual(problem, support, scratch);
    else otx__residual_recall(screen, target, scratch);
    if (!otx__support_is_close(problem, support, scratch)) {
        if (!table && !otx__sifted_narrow(screen, target, candidates, scratch)) return false;
        *atom = otx__select_decide(screen, candidates, scratch, &score);
        support->ended = otx__is_rounding(problem, support, *atom, score);
        scratch->candidates[candidates->count - 1]++;
    }
    scratch->seconds_rescore += otx__now() - clock;
    return true;
}

/* In place of a number of sets: the target is among screen->undecided, or screen->apart. */
#define OTX__SETS_UNDECIDED UINT32_MAX
#define OTX__SETS_APART (UINT32_MAX - 1)

/* How a step came out. */
typedef enum otx__outcome {
    OTX__STEP_DONE,     /* an atom was selected, or the target has ended */
    OTX__STEP_FORESEEN, /* the atom predicted was: the next set holds good */
    OTX__STEP_OPEN,     /* every atom has to be scored */
    OTX__STEP_BLURRED   /* the screen leaves too many atoms */
} otx__outcome;

/* One step of one target, by what the scan found for its set number `set`. */
OTX__PRIVATE otx__outcome otx__select_step(otx__screen *screen, size_t target, size_t set,
                                           otx__candidates *candidates,
                                           otx__scratch *scratch)
{
    const otx__problem *problem = screen->problem;
    otx__support *support = &screen->supports[target];
    size_t atom;
    if (!otx__select_best(screen, target, set, candidates, scratch, &atom))
        return OTX__STEP_BLURRED;
    if (support->ended) return OTX__STEP_DONE;
    if (set + 1 < screen->sets[target] && (size_t)support->indices[support->count] == atom) {
        support->count++; /* all else was made ready with the prediction */
        scratch->steps++;
        support->ended = support->count == problem->k;
        return support->ended ? OTX__STEP_DONE : OTX__STEP_FORESEEN;
    }
    return otx__support_select(problem, support, atom, scratch) ? OTX__STEP_DONE : OTX__STEP_OPEN;
}

/* Selects for the targets of a task, which a scan has served, and makes them ready for the
   next: target by target, as all that reads the rows of one support. */
OTX__PRIVATE void otx__select_body(void *argument, size_t index, int worker)
{
    otx__screen *screen = (otx__screen *)argument;
    otx__scratch *scratch = &screen->scratch[worker];
    size_t first = index * OTX__TASK_TARGETS, sets = 0, set, j;
    size_t count = otx__min(OTX__TASK_TARGETS, screen->count - first);
    otx__best_tiles found[OTX__SETS][OTX__TASK_TARGETS];
    otx__candidates candidates;
    for (j = 0; j < count; j++) sets = otx__max(sets, screen->sets[first + j]);
    for (set = 0; set < sets; set++) {
        if (otx__form_scans(screen->form))
            otx__scanned_tiles(screen, first, count, set, found[set]);
        else
            otx__sifted_tiles(screen, first, count, found[set]);
    }
    for (j = 0; j < count; j++) {
        size_t target = first + j;
        otx__outcome outcome = OTX__STEP_FORESEEN;
        if (screen->sets[target] == 0) continue;
        for (set = 0; outcome == OTX__STEP_FORESEEN; set++) {
            screen->last_right[target] = (uint32_t)set;
            otx__candidates_collect(screen, target, set, &found[set][j], &candidates, scratch);
            outcome = otx__select_step(screen, target, set, &candidates, scratch);
        }
        if (outcome == OTX__STEP_BLURRED && otx__form_scans(screen->form))
            screen->sets[target] = OTX__SETS_APART;
        else if (outcome == OTX__STEP_BLURRED || outcome == OTX__STEP_OPEN)
            screen->sets[target] = OTX__SETS_UNDECIDED;
        else otx__screen_make_ready(screen, target, scratch);
    }
}

/* ---- all targets of a block ---- */

OTX__PRIVATE void otx__undecided_body(void *argument, size_t index, int worker)
{
    otx__screen *screen = (otx__screen *)argument;
    otx__scratch *scratch = &screen->scratch[worker];
    size_t target = screen->undecided[index];
    scratch->fallbacks++;
    otx__support_exhaustive_step(screen->problem, &screen->supports[target], scratch);
    otx__screen_make_ready(screen, target, scratch);
}

/* Where more than this share of the atoms survive a scan of 8 bits, telling them apart
   takes longer than scanning in finer numbers. */
#define OTX__SURVIVORS_SHARE_MAX (1.0 / 40.0)

/* Whether the scan was too coarse, by what the workers counted since the last. */
OTX__PRIVATE bool otx__screen_is_too_coarse(const otx__screen *screen)
{
    const otx__dictionary *dictionary = screen->problem->dictionary;
    uint64_t atoms = 0, steps = 0;
    size_t worker;
    for (worker = 0; worker < (size_t)otx__threads(dictionary->ctx); worker++) {
        otx__scratch *scratch = &screen->scratch[worker];
        atoms += scratch->survivors_scored;
        steps += scratch->survivors_steps;
        scratch->survivors_scored = scratch->survivors_steps = 0;
    }
    return screen->panels.type == OTX__PANEL_INT8 &&
           (double)atoms > OTX__SURVIVORS_SHARE_MAX * (double)steps * (double)dictionary->count;
}

/* Lists the targets that the last scan did not decide, and leaves those set apart out of the
   next. Returns how many are to have every atom scored. */
OTX__PRIVATE size_t otx__screen_list(otx__screen *screen)
{
    size_t count = 0, target;
    for (target = 0; target < screen->count; target++) {
        if (screen->sets[target] == OTX__SETS_UNDECIDED)
            screen->undecided[count++] = (uint32_t)target;
        if (screen->sets[target] != OTX__SETS_APART) continue;
        screen->apart[screen->apart_count++] = (uint32_t)target;
        screen->supports[target].ended = true;
        screen->sets[target] = screen->counts[target] = 0;
    }
    return count;
}

/* The next atom, or the next few, of every target that has been scanned. */
OTX__PRIVATE otx_result otx__screen_select(otx__screen *screen, otx_error *error)
{
    const otx__dictionary *dictionary = screen->problem->dictionary;
    double work = (double)dictionary->count * (double)dictionary->columns;
    size_t count;
    otx_result result = otx__watch_loop(&screen->watch, otx__task_count(screen),
                                        otx__task_work(screen), otx__select_body, screen, error);
    if (result) return result;
    count = otx__screen_list(screen);
    screen->too_coarse = otx__screen_is_too_coarse(screen);
    return otx__watch_loop(&screen->watch, count, work, otx__undecided_body, screen, error);
}

/* Steps that the block's targets have behind them; *active: one has not ended. */
OTX__PRIVATE uint64_t otx__screen_steps(const otx__screen *screen, bool *active)
{
    uint64_t steps = 0, k = screen->problem->k;
    size_t i;
    *active = false;
    for (i = 0; i < screen->count; i++) {
        const otx__support *support = &screen->supports[i];
        steps += support->ended ? k : support->count;
        *active |= !support->ended;
    }
    for (i = 0; i < screen->apart_count; i++)
        steps -= k - screen->supports[screen->apart[i]].count;
    return steps;
}

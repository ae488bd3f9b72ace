/* ---- mapping: omp-affine, affine ----------------------------------------------- */

/* Pieces are taken where the loss with them is lower than that without by this part of it, over
   the root of the number of hidden anchors: 1.5 % with 256. What differs less may be chance. On
   the pairs that were measured it is lower by 3 and 22 % where language models want pieces, and
   at most by 0.4 % where they do not. */
#define OTX__PIECES_CHANCE 0.24

/* The weight that is tried. On those pairs 1 has 0.5 % less loss at most; what it would gain is
   not worth a further fit. */
#define OTX__PIECES_WEIGHT 0.5

/* Whether the caller has pieces, and wants them. */
OTX__PRIVATE bool otx__mapping_has_pieces(const otx_fitted *fitted, const otx_method_rows *rows)
{
    return fitted->method == OTX_METHOD_OMP_AFFINE && fitted->options.pieces >= 0.0 &&
           rows->pieces.starts && rows->anchor_pieces.starts && rows->tokens.rows > 0;
}

OTX__PRIVATE double otx__mapping_budget(const otx_fitted *fitted)
{
    uint64_t memory = fitted->options.omp.memory;
    return memory ? (double)memory : OTX__MEMORY_DEFAULT;
}

/* Whether rows with pieces fit the budget, and a map of them. It is no matter of choice: which
   rows come out must not go by a machine's memory. */
OTX__PRIVATE otx_result otx__mapping_check_budget(const otx_fitted *fitted,
                                                  const otx_method_rows *rows,
                                                  otx_error *error)
{
    double e = (double)rows->base.columns, d = (double)rows->donor.columns + 2.0 * e;
    double need = otx__lengthened_bytes(rows) + 16.0 * d * (0.5 * d + e) + 8192.0 * (d + e);
    double budget = otx__mapping_budget(fitted);
    if (need <= budget) return OTX_OK;
    return otx__fail(error, OTX_ERROR_MEMORY, "rows of pieces beside the donor's, and a map of "
                     "them, take %.0f MiB, and the budget is %.0f MiB; --pieces no does without",
                     ceil(need / 1048576.0), floor(budget / 1048576.0));
}

OTX__PRIVATE otx_result otx__mapping_check_pieces(const otx_method_rows *rows, otx_error *error)
{
    size_t tokens = rows->tokens.rows;
    otx_result result = otx__check_matrix(&rows->tokens, "tokens", error);
    if (!result && rows->tokens.columns != rows->base.columns)
        return otx__fail(error, OTX_ERROR_ARGUMENT,
                         "tokens have %" PRIu64 " columns and the base's anchors %" PRIu64,
                         (uint64_t)rows->tokens.columns, (uint64_t)rows->base.columns);
    if (!result)
        result = otx__pieces_check(&rows->pieces, rows->targets.rows, tokens, "target", error);
    if (!result)
        result = otx__pieces_check(&rows->anchor_pieces, rows->donor.rows, tokens, "anchor",
                                   error);
    return result;
}

/* ---- fitting ---- */

/* What the choice takes; the caller's. */
typedef struct otx__mapping_choice {
    const otx_method_rows *rows;
    otx_fitted *fitted;
    otx__lengthened *l;
    size_t k;
    otx_affine_options affine;
} otx__mapping_choice;

OTX__PRIVATE void otx__mapping_settle(otx__mapping_choice *choice)
{
    const otx_omp_options *omp = &choice->fitted->options.omp;
    bool alone = choice->fitted->method == OTX_METHOD_AFFINE;
    choice->k = alone ? 0 : omp->k;
    choice->affine.memory = omp->memory;
    choice->affine.ridge = omp->ridge;
    choice->affine.tolerance = omp->tolerance;
    if (omp->cosine) choice->affine.selection = OTX_AFFINE_COSINE;
    if (choice->k || alone) {
        choice->affine.ks = &choice->k;
        choice->affine.k_count = 1;
    }
}

/* Fits one map to the donor's rows, or to the lengthened ones at hand, and counts it. */
OTX__PRIVATE otx_result otx__mapping_fit(const otx_context *ctx,
                                         const otx__mapping_choice *choice, bool lengthened,
                                         const otx_affine_options *options,
                                         otx_affine_map *map, otx_error *error)
{
    const otx_method_rows *rows = choice->rows;
    otx_affine_stats *sum = &choice->fitted->affine, stats;
    const otx_matrix *donor = lengthened ? &choice->l->donor : &rows->donor;
    const otx_matrix *targets = lengthened ? &choice->l->targets : &rows->targets;
    otx_result result = otx__affine_fit_shared(ctx, donor,
                                               lengthened ? &choice->l->sharing : NULL,
                                               &rows->base, targets, options, map, &stats, error);
    if (result) return result;
    sum->isa = stats.isa;
    sum->threads = stats.threads;
    if (stats.peak_bytes > sum->peak_bytes) sum->peak_bytes = stats.peak_bytes;
    sum->seconds += stats.seconds;
    sum->seconds_products += stats.seconds_products;
    sum->seconds_solve += stats.seconds_solve;
    sum->seconds_pursuit += stats.seconds_pursuit;
    sum->seconds_trials += stats.seconds_trials;
    return OTX_OK;
}

/* What the loss without pieces is on the anchors that a map with them hid, by the choice that
   was made without. */
OTX__PRIVATE otx_result otx__mapping_rival(const otx_context *ctx,
                                           const otx__mapping_choice *choice,
                                           const otx_affine_map *with, otx_affine_trial *rival,
                                           otx_error *error)
{
    const otx_affine_trial *own = &choice->fitted->map.choice;
    otx_affine_options options = choice->affine;
    otx_affine_map map;
    otx_result result;
    memset(&map, 0, sizeof map);
    options.ks = &own->k;
    options.k_count = 1;
    options.selection = own->cosine ? OTX_AFFINE_COSINE : OTX_AFFINE_CORRELATION;
    options.hide = with->hidden_anchors;
    options.holdout = with->hidden;
    result = otx__mapping_fit(ctx, choice, false, &options, &map, error);
    if (!result) *rival = map.choice;
    otx_affine_close(&map);
    return result;
}

/* Takes pieces if they make the loss lower by more than chance does. */
OTX__PRIVATE otx_result otx__mapping_compare(const otx_context *ctx, otx__mapping_choice *choice,
                                             otx_error *error)
{
    otx_fitted *fitted = choice->fitted;
    otx_affine_trial rival;
    otx_affine_map map;
    double least = 0.0;
    otx_result result = otx__lengthened_fill(ctx, choice->l, OTX__PIECES_WEIGHT, error);
    memset(&map, 0, sizeof map);
    memset(&rival, 0, sizeof rival);
    if (!result) result = otx__mapping_fit(ctx, choice, true, &choice->affine, &map, error);
    if (!result) result = otx__mapping_rival(ctx, choice, &map, &rival, error);
    if (!result) least = 1.0 - OTX__PIECES_CHANCE / sqrt((double)map.hidden);
    fitted->other = map.choice;
    if (result || map.choice.loss >= least * rival.loss) {
        otx_affine_close(&map);
        return result;
    }
    fitted->other = rival;
    fitted->pieces = OTX__PIECES_WEIGHT;
    otx_affine_close(&fitted->map);
    fitted->map = map;
    return OTX_OK;
}

/* Room for lengthened rows; the budget is what is left. choice->l has no piece if there are
   none of anchors or none of targets. */
OTX__PRIVATE otx_result otx__mapping_lengthen(const otx_context *ctx, otx__mapping_choice *choice,
                                              otx_error *error)
{
    double left = otx__mapping_budget(choice->fitted) - (double)choice->fitted->map.bytes;
    otx_result result = otx__lengthened_open(ctx, choice->rows, choice->l, error);
    left -= (double)choice->l->pool.bytes;
    choice->affine.memory = left > 1.0 ? (uint64_t)left : 1;
    return result;
}

/* Fits to the donor's rows, to lengthened ones, or to both and chooses. */
OTX__PRIVATE otx_result otx__mapping_choose(const otx_context *ctx, otx__mapping_choice *choice,
                                            otx_error *error)
{
    otx_fitted *fitted = choice->fitted;
    const otx_method_rows *rows = choice->rows;
    bool has = otx__mapping_has_pieces(fitted, rows);
    double forced = fitted->options.pieces;
    size_t tenth = rows->donor.rows / 10;
    otx_result result = OTX_OK;
    if (has) result = otx__mapping_check_pieces(rows, error);
    if (!result && has) result = otx__mapping_check_budget(fitted, rows, error);
    if (!result && !(has && forced > 0.0))
        result = otx__mapping_fit(ctx, choice, false, &choice->affine, &fitted->map, error);
    if (result || !has || (!tenth && !(forced > 0.0))) return result;
    result = otx__mapping_lengthen(ctx, choice, error);
    if (result) return result;
    if (!choice->l->pieced[0] || !choice->l->pieced[1]) {
        if (fitted->map.state) return OTX_OK;
        return otx__mapping_fit(ctx, choice, false, &choice->affine, &fitted->map, error);
    }
    if (forced > 0.0) {
        fitted->pieces = forced;
        result = otx__lengthened_fill(ctx, choice->l, forced, error);
        if (result) return result;
        return otx__mapping_fit(ctx, choice, true, &choice->affine, &fitted->map, error);
    }
    choice->affine.holdout = otx__min(OTX__HIDDEN, tenth); /* for one choice of k, too */
    return otx__mapping_compare(ctx, choice, error);
}

/* Fits the map, then runs the pursuit that was chosen to go with it, if any. */
OTX__PRIVATE otx_result otx__affine_method_fit(const otx_context *ctx,
                                               const otx_method_rows *rows,
                                               const otx_method_options *options,
                                               otx_fitted *fitted, otx_error *error)
{
    otx_omp_options omp = options->omp;
    otx_method_rows at_hand = *rows;
    otx__mapping_choice choice;
    otx__lengthened l;
    otx_result result;
    memset(&choice, 0, sizeof choice);
    memset(&l, 0, sizeof l);
    otx__pool_open(&l.pool, ctx);
    choice.rows = rows;
    choice.fitted = fitted;
    choice.l = &l;
    otx__mapping_settle(&choice);
    result = otx__mapping_choose(ctx, &choice, error);
    if (fitted->pieces > 0.0) {
        at_hand.donor = l.donor;
        at_hand.targets = l.targets;
        omp.memory = choice.affine.memory;
    } else {
        otx__pool_close(&l.pool);
    }
    if (!result && otx_affine_pursuit(&fitted->map, &omp))
        result = otx__pursue(ctx, &at_hand, fitted->pieces > 0.0 ? &l.sharing : NULL, options,
                             &omp, fitted, error);
    otx__pool_close(&l.pool);
    return result;
}

/* ---- making rows ---- */

/* What rows are made from: the caller's rows or, where pieces were taken, these lengthened once
   more, as large as they are: a caller need not hold the donor's meanwhile. */
typedef struct otx__at_hand {
    otx_method_rows rows;
    otx__lengthened l;
    const otx_method_rows *given; /* the caller's */
} otx__at_hand;

/* Close it in any case. */
OTX__PRIVATE otx_result otx__at_hand_open(const otx_context *ctx, const otx_fitted *fitted,
                                          const otx_method_rows *rows, otx__at_hand *to,
                                          otx_error *error)
{
    otx_result result;
    memset(to, 0, sizeof *to);
    otx__pool_open(&to->l.pool, ctx);
    to->rows = *rows;
    to->given = rows;
    if (!(fitted->pieces > 0.0)) return OTX_OK;
    result = otx__mapping_check_pieces(rows, error);
    if (!result) result = otx__lengthened_open(ctx, rows, &to->l, error);
    if (!result) result = otx__lengthened_fill(ctx, &to->l, fitted->pieces, error);
    to->rows.donor = to->l.donor;
    to->rows.targets = to->l.targets;
    return result;
}

OTX__PRIVATE void otx__at_hand_close(otx__at_hand *at_hand)
{
    otx__pool_close(&at_hand->l.pool);
}

OTX__PRIVATE otx_result otx__affine_method_make(const otx_context *ctx, const otx_fitted *fitted,
                                                const otx_method_rows *rows, size_t first,
                                                size_t count, double *to, otx_error *error)
{
    return otx_affine_apply(ctx, &fitted->map, &rows->donor, &rows->base, &rows->targets, first,
                            count, fitted->indices, fitted->coefficients, fitted->k, to, error);
}

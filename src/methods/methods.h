/* ---- methods: the table of all, and the public calls ---------------------------------- */

/* In the order of otx_method. A method without fit has nothing to fit. */
OTX__PRIVATE const otx__method_entry *otx__method_of(otx_method method)
{
    static const otx__method_entry methods[OTX_METHOD_COUNT] = {
        {"omp", OTX_NEED_DONOR, otx__omp_fit, otx__omp_make},
        {"omp-centred", OTX_NEED_DONOR, otx__omp_fit, otx__omp_centred_make},
        {"omp-affine", OTX_NEED_DONOR | OTX_NEED_BASE | OTX_NEED_DONOR_AGAIN | OTX_WANT_PIECES,
         otx__affine_method_fit, otx__affine_method_make},
        {"affine", OTX_NEED_DONOR | OTX_NEED_BASE | OTX_NEED_DONOR_AGAIN,
         otx__affine_method_fit, otx__affine_method_make},
        {"mean", 0, NULL, otx__mean_make},
        {"zero", 0, NULL, otx__zero_make},
        {"common_interpolation", OTX_NEED_DONOR, otx__interpolation_fit, otx__omp_make},
        {"clp", OTX_NEED_DONOR | OTX_NEED_BASE | OTX_NEED_DONOR_AGAIN, otx__clp_fit,
         otx__linear_make},
        {"wechsel", OTX_NEED_DONOR, otx__wechsel_fit, otx__omp_make},
        {"focus", OTX_NEED_DONOR | OTX_NEED_DONOR_AGAIN, otx__focus_fit, otx__focus_make},
        {"hull", OTX_NEED_DONOR, otx__hull_fit, otx__omp_make},
        {"mp_rope", OTX_NEED_DONOR, otx__mp_rope_fit, otx__mp_rope_make},
        {"procrustes", OTX_NEED_DONOR | OTX_NEED_BASE | OTX_NEED_DONOR_AGAIN,
         otx__procrustes_fit, otx__linear_make},
        {"landmark_pca", OTX_NEED_DONOR | OTX_NEED_BASE | OTX_NEED_DONOR_AGAIN,
         otx__landmark_pca_fit, otx__linear_make},
        {"stb", OTX_NEED_DONOR | OTX_NEED_BASE | OTX_NEED_DONOR_AGAIN, otx__stb_fit,
         otx__linear_make},
        {"randn", OTX_NEED_TOKENS, otx__randn_fit, otx__randn_make},
        {"john_hewitt", OTX_NEED_TOKENS, otx__john_hewitt_fit, otx__john_hewitt_make},
        {"subword", OTX_NEED_PIECES, NULL, otx__subword_make},
        {"zett", OTX_NEED_HYPERNETWORK, otx__zett_fit, NULL},
    };
    return (unsigned)method < OTX_METHOD_COUNT ? &methods[method] : NULL;
}

OTX_API const char *otx_method_name(otx_method method)
{
    const otx__method_entry *m = otx__method_of(method);
    return m ? m->name : NULL;
}

OTX_API unsigned otx_method_needs(otx_method method)
{
    const otx__method_entry *m = otx__method_of(method);
    return m ? m->needs : 0;
}

/* Whether it is a method; names all that are if not. */
OTX__PRIVATE otx_result otx__method_known(otx_method method, otx_error *error)
{
    char known[400] = "";
    size_t i, length = 0;
    if (otx__method_of(method)) return OTX_OK;
    for (i = 0; i < OTX_METHOD_COUNT; i++)
        length += otx__format(known + length, sizeof known - length, "%s%s", i ? ", " : "",
                              otx_method_name((otx_method)i));
    return otx__fail(error, OTX_ERROR_ARGUMENT, "method %d is unknown; known are %s",
                     (int)method, known);
}

/* Whether the matrices that are needed are there; their shapes fit each other. */
OTX__PRIVATE otx_result otx__method_check(const otx_method_rows *rows, unsigned needs,
                                          otx_error *error)
{
    const otx_matrix *donor = &rows->donor, *base = &rows->base;
    otx_result result = OTX_OK;
    if (needs & (OTX_NEED_DONOR | OTX_NEED_DONOR_AGAIN)) {
        result = otx__check_matrix(donor, "donor", error);
        if (!result && rows->targets.rows)
            result = otx__check_matrix(&rows->targets, "targets", error);
        if (!result && rows->targets.rows && rows->targets.columns != donor->columns)
            return otx__fail(error, OTX_ERROR_ARGUMENT,
                             "anchors have %" PRIu64 " columns in the donor and targets %" PRIu64,
                             (uint64_t)donor->columns, (uint64_t)rows->targets.columns);
    }
    if (!result && (needs & OTX_NEED_BASE)) {
        result = otx__check_matrix(base, "base", error);
        if (!result && base->rows != donor->rows)
            return otx__fail(error, OTX_ERROR_ARGUMENT,
                             "donor has %" PRIu64 " rows of anchors and base %" PRIu64,
                             (uint64_t)donor->rows, (uint64_t)base->rows);
    }
    if (!result && (needs & OTX_NEED_TOKENS))
        result = otx__check_matrix(&rows->tokens, "tokens", error);
    return result;
}

/* Whether options are in order whatever the method. */
OTX__PRIVATE otx_result otx__method_options_check(const otx_method_options *options,
                                                  otx_error *error)
{
    if (options->omp.first_target || options->omp.target_count)
        return otx__fail(error, OTX_ERROR_ARGUMENT, "a method makes rows of all targets; leave "
                         "first_target and target_count 0");
    if (!otx__is_finite(options->pieces))
        return otx__fail(error, OTX_ERROR_ARGUMENT, "the weight of pieces must be a number");
    return otx__modifiers_check(options, error);
}

OTX_API otx_result otx_method_fit(const otx_context *ctx, otx_method method,
                                  const otx_method_rows *rows,
                                  const otx_method_options *options, otx_fitted *fitted,
                                  otx_error *error)
{
    const otx__method_entry *m = otx__method_of(method);
    otx_method_options settled;
    otx_result result;
    memset(fitted, 0, sizeof *fitted);
    memset(&settled, 0, sizeof settled);
    if (options) settled = *options;
    result = otx__method_known(method, error);
    if (!result) result = otx__method_options_check(&settled, error);
    if (!result) result = otx__modifiers_fit(&settled, m->name, m->needs, error);
    if (!result)
        result = otx__method_check(rows, m->needs & ~(unsigned)OTX_NEED_DONOR_AGAIN, error);
    if (result) return result;
    fitted->method = method;
    fitted->targets = rows->targets.rows;
    fitted->options = settled;
    if (m->needs & OTX_NEED_DONOR) fitted->anchors = rows->donor.rows;
    if (m->fit && fitted->targets) result = m->fit(ctx, rows, &settled, fitted, error);
    if (!result && settled.norm == OTX_NORM_FITTED && fitted->targets)
        result = otx__spread_fit(ctx, rows, fitted, error);
    if (result) otx_method_close(ctx, fitted);
    else if (!fitted->omp.threads) { /* nothing was pursued */
        fitted->omp.isa = otx__combine_kernels(ctx)->isa;
        fitted->omp.threads = otx__threads(ctx);
    }
    return result;
}

/* Whether there are the rows of the base that others are made from. */
OTX__PRIVATE otx_result otx__make_check(const otx_fitted *fitted, const otx_method_rows *rows,
                                        otx_error *error)
{
    const otx__method_entry *m = otx__method_of(fitted->method);
    otx_result result;
    if (!(m->needs & (unsigned)OTX_NEED_DONOR))
        return otx__check_matrix(&rows->tokens, "tokens", error);
    result = otx__check_matrix(&rows->base, "base", error);
    if (result || rows->base.rows == fitted->anchors) return result;
    return otx__fail(error, OTX_ERROR_ARGUMENT, "base has %" PRIu64 " rows of anchors, and %s was "
                     "fitted to %" PRIu64, (uint64_t)rows->base.rows, m->name,
                     (uint64_t)fitted->anchors);
}

/* Checks the rows that a method makes others from, and gets them ready for all windows of
   targets. Close at_hand in any case. */
OTX__PRIVATE otx_result otx__make_open(const otx_context *ctx, const otx_fitted *fitted,
                                       const otx_method_rows *rows, otx__at_hand *at_hand,
                                       otx_error *error)
{
    const otx__method_entry *m = otx__method_of(fitted->method);
    otx_result result = OTX_OK;
    memset(at_hand, 0, sizeof *at_hand);
    if (!m) return otx__fail(error, OTX_ERROR_ARGUMENT, "no method was fitted");
    if (!m->make) return otx__fail(error, OTX_ERROR_ARGUMENT, "%s makes no rows", m->name);
    result = otx__make_check(fitted, rows, error);
    if (!result && m->needs & (unsigned)OTX_NEED_DONOR_AGAIN)
        result = otx__method_check(rows, OTX_NEED_DONOR_AGAIN | OTX_NEED_BASE, error);
    return result ? result : otx__at_hand_open(ctx, fitted, rows, at_hand, error);
}

/* The rows of a window of the targets. */
OTX__PRIVATE otx_result otx__make_window(const otx_context *ctx, const otx_fitted *fitted,
                                         const otx__at_hand *at_hand, size_t first, size_t count,
                                         double *to, otx_error *error)
{
    otx_result result = otx__method_of(fitted->method)->make(ctx, fitted, &at_hand->rows, first,
                                                             count, to, error);
    return result ? result : otx__modify(ctx, fitted, at_hand->given, first, count, to, error);
}

OTX_API otx_result otx_method_make(const otx_context *ctx, const otx_fitted *fitted,
                                   const otx_method_rows *rows, size_t first, size_t count,
                                   double *to, otx_error *error)
{
    otx__at_hand at_hand;
    otx_result result;
    if (!otx__method_of(fitted->method))
        return otx__fail(error, OTX_ERROR_ARGUMENT, "no method was fitted");
    if (first > fitted->targets || count > fitted->targets - first)
        return otx__fail(error, OTX_ERROR_ARGUMENT,
                         "targets %" PRIu64 " to %" PRIu64 " are not among %" PRIu64,
                         (uint64_t)first, (uint64_t)first + count, (uint64_t)fitted->targets);
    if (!count) return OTX_OK;
    result = otx__make_open(ctx, fitted, rows, &at_hand, error);
    if (!result) result = otx__make_window(ctx, fitted, &at_hand, first, count, to, error);
    otx__at_hand_close(&at_hand);
    return result;
}

OTX_API void otx_method_close(const otx_context *ctx, otx_fitted *fitted)
{
    size_t targets = fitted->targets, cells = targets * fitted->k;
    otx__free(ctx, fitted->indices, cells, sizeof *fitted->indices);
    otx__free(ctx, fitted->coefficients, cells, sizeof *fitted->coefficients);
    otx__free(ctx, fitted->residual_norms, targets, sizeof *fitted->residual_norms);
    otx__free(ctx, fitted->target_norms, targets, sizeof *fitted->target_norms);
    otx_affine_close(&fitted->map);
    otx__linear_close(fitted->linear);
    otx__spread_close(fitted->spread);
    memset(fitted, 0, sizeof *fitted);
}

/* ---- landmark_pca: a rotation between principal frames --------------------------------- */

/* mergekit's method of that name with its rotation the right way round: the anchors' rows of
   both models, less their means, in as many of their principal directions as the narrower
   model has columns; the rotation that brings the donor's nearest to the base's; and back. The
   narrower side's frame spans all its columns, so that nothing is lost in leaving it out: with
   as many columns on both sides it is procrustes without its scale. */
OTX__PRIVATE otx_result otx__landmark_pca_map(otx__mill *mill, const otx_method_rows *rows,
                                              otx__frames *f, const otx__linear *linear,
                                              otx_error *error)
{
    size_t least = f->cross.columns;
    otx__dense inner, spare, directions;
    otx_result result;
    if (f->cross.rows == least)
        return otx__polar_make(mill, &f->cross, &f->other, &f->square, error);
    directions = otx__dense_take(&mill->pool, f->cross.rows, least);
    inner = otx__dense_take(&mill->pool, least, least);
    spare = otx__dense_take(&mill->pool, least, least);
    if (mill->pool.failed) return otx__pool_fail(&mill->pool, error);
    result = otx__principal(mill, f->turned ? &rows->base : &rows->donor,
                            f->turned ? linear->to : linear->from, &directions, error);
    /* Of minus the products the rotation is minus theirs, and then it is taken off. */
    if (!result)
        result = otx__dense_product(mill, &inner, &directions, OTX__DENSE_TURNED, &f->cross,
                                    error);
    if (!result) result = otx__polar_make(mill, &inner, &spare, &f->square, error);
    otx__dense_clear(&f->cross);
    if (!result)
        result = otx__dense_product(mill, &f->cross, &directions, OTX__DENSE_PLAIN, &inner,
                                    error);
    return result;
}

OTX__PRIVATE otx_result otx__landmark_pca_fit(const otx_context *ctx,
                                              const otx_method_rows *rows,
                                              const otx_method_options *options,
                                              otx_fitted *fitted, otx_error *error)
{
    size_t d = rows->donor.columns, e = rows->base.columns, least = otx__min(d, e);
    double need = otx__frames_need(d, e);
    otx__frames f;
    otx__mill mill;
    otx_result result = otx__mill_open(&mill, ctx, options->omp.memory, error);
    if (result) return result;
    if (d != e)
        need += otx__dense_need(d, e) + 2.0 * otx__dense_need(least, least) +
                otx__principal_need(otx__max(d, e));
    if (need > otx__budget(mill.memory))
        return otx__fail_budget("the principal frames of the rows", need, mill.memory, error);
    result = otx__frames_open(&mill, &f, rows, fitted, error);
    if (!result) result = otx__landmark_pca_map(&mill, rows, &f, fitted->linear, error);
    if (!result) result = otx__frames_keep(&mill, &f, fitted->linear, error);
    otx__pool_close(&mill.pool);
    return result;
}

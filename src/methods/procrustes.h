/* ---- procrustes: a rotation and a scale -------------------------------------------------- */

/* With A0 and B0 the anchors' rows less their means and A0'B0 = U S V', the rotation R = U V'
   makes ||A0 R - B0|| least, and the scale is <A0 R, B0> / ||A0||^2 = <R, A0'B0> / ||A0||^2.
   The other way round, V U' turns the base's rows to the donor's: it is no answer here. */

/* The products of the sides' rows, of the wider with the narrower, and what is made of them. */
typedef struct otx__frames {
    otx__dense cross;         /* wider x narrower */
    otx__dense other, square; /* scratch of otx__polar_make */
    otx__dense_read donor, base;
    double *squares;          /* [d] of the donor's columns */
    bool turned;              /* the base is the wider side */
} otx__frames;

/* Bytes that they take, with the map's. */
OTX__PRIVATE double otx__frames_need(size_t d, size_t e)
{
    size_t least = otx__min(d, e);
    return 3.0 * otx__dense_need(d, e) + otx__dense_need(least, least) +
           otx__dense_need(OTX__DENSE_ROWS, d) + otx__dense_need(OTX__DENSE_ROWS, e);
}

/* Opens the map and adds up the products. */
OTX__PRIVATE otx_result otx__frames_open(otx__mill *mill, otx__frames *f,
                                         const otx_method_rows *rows, otx_fitted *fitted,
                                         otx_error *error)
{
    size_t d = rows->donor.columns, e = rows->base.columns, least = otx__min(d, e);
    otx_result result = otx__linear_open(mill, fitted, d, e, error);
    if (result) return result;
    memset(f, 0, sizeof *f);
    f->turned = e > d;
    f->cross = otx__dense_take(&mill->pool, otx__max(d, e), least);
    f->other = otx__dense_take(&mill->pool, otx__max(d, e), least);
    f->square = otx__dense_take(&mill->pool, least, least);
    otx__dense_read_open(mill, &f->donor, &rows->donor);
    otx__dense_read_open(mill, &f->base, &rows->base);
    f->squares = (double *)otx__pool_take_zero(&mill->pool, d, sizeof(double));
    if (mill->pool.failed) return otx__pool_fail(&mill->pool, error);
    f->donor.less = fitted->linear->from;
    f->base.less = fitted->linear->to;
    f->donor.squares = f->squares;
    result = otx__rows_mean(mill, &rows->donor, "donor", fitted->linear->from, error);
    if (!result) result = otx__rows_mean(mill, &rows->base, "base", fitted->linear->to, error);
    if (!result) result = otx__rows_finite(mill, &rows->targets, "targets", error);
    if (!result)
        result = otx__dense_cross(mill, &f->cross, f->turned ? &f->base : &f->donor,
                                  f->turned ? &f->donor : &f->base, OTX__DENSE_TURNED, error);
    return result;
}

/* Makes the products, or what became of them, the map. */
OTX__PRIVATE otx_result otx__frames_keep(otx__mill *mill, const otx__frames *f,
                                         const otx__linear *linear, otx_error *error)
{
    if (f->turned) return otx__dense_turn(mill, &linear->map, &f->cross, error);
    memcpy(linear->map.data, f->cross.data,
           f->cross.tall * f->cross.wide * OTX__TILE_SIZE * sizeof(double));
    return OTX_OK;
}

OTX__PRIVATE otx_result otx__procrustes_fit(const otx_context *ctx, const otx_method_rows *rows,
                                            const otx_method_options *options,
                                            otx_fitted *fitted, otx_error *error)
{
    size_t d = rows->donor.columns, e = rows->base.columns, i;
    double need = otx__frames_need(d, e) + otx__dense_need(d, e), norm = 0.0, scale = 0.0;
    otx__frames f;
    otx__dense cross;
    otx__mill mill;
    otx_result result = otx__mill_open(&mill, ctx, options->omp.memory, error);
    if (result) return result;
    if (need > otx__budget(mill.memory))
        return otx__fail_budget("the rotation between the rows", need, mill.memory, error);
    result = otx__frames_open(&mill, &f, rows, fitted, error);
    if (!result) {
        cross = otx__dense_take(&mill.pool, f.cross.rows, f.cross.columns);
        if (mill.pool.failed) result = otx__pool_fail(&mill.pool, error);
        else
            memcpy(cross.data, f.cross.data,
                   cross.tall * cross.wide * OTX__TILE_SIZE * sizeof(double));
    }
    if (!result) result = otx__polar_make(&mill, &f.cross, &f.other, &f.square, error);
    for (i = 0; i < d && !result; i++) norm += f.squares[i];
    if (!result && norm > 0.0) scale = otx__dense_inner(&f.cross, &cross) / norm;
    if (!result) otx__dense_scale(&f.cross, scale);
    if (!result) result = otx__frames_keep(&mill, &f, fitted->linear, error);
    otx__pool_close(&mill.pool);
    return result;
}

/* ---- stb: a basis of sparse combinations of anchors ------------------------------------- */

/* mergekit's sparse token basis: each principal direction of the donor's anchors is made of a
   few of them by OMP; the same combinations of the base's anchors are the basis there; a
   target is expressed in the donor's basis by least squares, and made with the base's. All
   rows less their means. With T and V the two bases, in rows, that is linear in the target:
   (y - a0) T' (T T')^-1 V. A direction that depends on those before it has no part. */

typedef struct otx__basis {
    const otx__kernels *kernels;
    const otx_matrix *atoms, *base; /* donor's less their mean, as float; the base's */
    const double *centre;           /* the base's mean */
    const otx__dense *directions;   /* d x r */
    float *targets;                 /* [r][d] the same in rows */
    int32_t *indices;               /* [r][k] */
    double *coefficients;
    size_t k;
    double *wide;                   /* [worker][d or e] */
    size_t pitch;
    otx__dense donor, other;        /* d x r: T'; r x e: minus V, then what solves for it */
} otx__basis;

OTX__PRIVATE void otx__basis_turn_body(void *argument, size_t q, int worker)
{
    const otx__basis *basis = (const otx__basis *)argument;
    size_t d = basis->directions->rows, i;
    (void)worker;
    for (i = 0; i < d; i++)
        basis->targets[q * d + i] = (float)*otx__dense_at(basis->directions, i, q);
}

/* One direction's combination on both sides. */
OTX__PRIVATE void otx__basis_combine_body(void *argument, size_t q, int worker)
{
    const otx__basis *basis = (const otx__basis *)argument;
    const int32_t *indices = basis->indices + q * basis->k;
    const double *coefficients = basis->coefficients + q * basis->k;
    double *row = basis->wide + (size_t)worker * basis->pitch, sum = 0.0;
    size_t i;
    otx__combine_row(basis->kernels, basis->atoms, indices, coefficients, basis->k, row);
    for (i = 0; i < basis->donor.rows; i++) *otx__dense_at(&basis->donor, i, q) = row[i];
    otx__combine_row(basis->kernels, basis->base, indices, coefficients, basis->k, row);
    for (i = 0; i < basis->k; i++) sum += coefficients[i];
    for (i = 0; i < basis->other.columns; i++) {
        double part = sum * basis->centre[i];
        *otx__dense_at(&basis->other, q, i) = part - row[i];
    }
}

/* Solves T T' z = minus V, where V stands. */
OTX__PRIVATE otx_result otx__basis_solve(otx__mill *mill, const otx__basis *basis,
                                         otx_error *error)
{
    size_t r = basis->other.rows, strips = basis->other.wide;
    otx__dense products = otx__dense_take(&mill->pool, r, r);
    otx__factoring f;
    otx_result result;
    if (mill->pool.failed) return otx__pool_fail(&mill->pool, error);
    result = otx__dense_product(mill, &products, &basis->donor, OTX__DENSE_UPPER, &basis->donor,
                                error);
    if (!result) result = otx__dense_factor(mill, &products, -1.0, &f, error);
    if (result) return result;
    f.normal.weights = basis->other.data;
    return otx__normal_loop(&f.normal, strips,
                            2.0 * (double)products.wide * (double)products.wide *
                                (double)OTX__TILE_SIZE * OTX__TILE,
                            otx__normal_solve_body, error);
}

/* Takes all memory but the solver's; false if there is not enough. */
OTX__PRIVATE bool otx__basis_take(otx__mill *mill, otx__basis *basis, size_t d, size_t e,
                                  size_t k, otx__dense *directions)
{
    otx__pool *pool = &mill->pool;
    size_t r = otx__min(d, e);
    basis->k = k;
    basis->pitch = otx__max(d, e);
    *directions = otx__dense_take(pool, d, r);
    basis->directions = directions;
    basis->donor = otx__dense_take(pool, d, r);
    basis->other = otx__dense_take(pool, r, e);
    basis->targets = (float *)otx__pool_take(pool, r, d * sizeof(float));
    basis->indices = (int32_t *)otx__pool_take(pool, r, k * sizeof(int32_t));
    basis->coefficients = (double *)otx__pool_take(pool, r, k * sizeof(double));
    basis->wide = (double *)otx__pool_take(pool, (size_t)mill->ctx.threads,
                                           basis->pitch * sizeof(double));
    return !pool->failed;
}

OTX__PRIVATE otx_matrix otx__float_rows(const float *data, size_t rows, size_t columns)
{
    otx_matrix matrix;
    memset(&matrix, 0, sizeof matrix);
    matrix.data = data;
    matrix.dtype = OTX_F32;
    matrix.rows = rows;
    matrix.columns = columns;
    return matrix;
}

/* Makes the directions of atoms, which are the donor's rows less their mean. */
OTX__PRIVATE otx_result otx__basis_pursue(otx__mill *mill, otx__basis *basis,
                                          const otx_method_options *options, double taken,
                                          otx_error *error)
{
    size_t r = basis->directions->columns, d = basis->directions->rows;
    const otx_matrix targets = otx__float_rows(basis->targets, r, d);
    double left = otx__budget(mill->memory) - taken;
    otx_omp_options omp = options->omp;
    otx_omp_output output;
    otx_result result = otx__mill_loop(mill, r, 4.0 * (double)d, otx__basis_turn_body, basis,
                                       error);
    if (result) return result;
    omp.centred = false;
    omp.memory = left > 1.0 ? (uint64_t)left : 1;
    memset(&output, 0, sizeof output);
    output.indices = basis->indices;
    output.coefficients = basis->coefficients;
    return otx_omp(&mill->ctx, basis->atoms, &targets, &omp, &output, NULL, error);
}

OTX__PRIVATE otx_result otx__stb_map(otx__mill *mill, const otx_method_rows *rows,
                                     const otx_method_options *options,
                                     const otx__linear *linear, double taken, otx_error *error)
{
    size_t d = rows->donor.columns, e = rows->base.columns;
    otx__watch watch = otx__watch_open(&mill->ctx, OTX_STAGE_SOLVE, 0, rows->donor.rows);
    otx__dense directions;
    otx__basis basis;
    otx__view view;
    otx_matrix atoms;
    otx_result result;
    memset(&basis, 0, sizeof basis);
    memset(&view, 0, sizeof view);
    (void)otx__view_open(&view, &rows->donor, true, &mill->pool);
    if (!otx__basis_take(mill, &basis, d, e, otx_omp_k(options->omp.k, rows->donor.rows, d),
                         &directions))
        return otx__pool_fail(&mill->pool, error);
    basis.kernels = otx__combine_kernels(&mill->ctx);
    basis.base = &rows->base;
    basis.centre = linear->to;
    result = otx__view_copy(&watch, &view, &rows->donor, linear->from, error);
    atoms = otx__float_rows(view.copy, rows->donor.rows, d);
    basis.atoms = &atoms;
    if (!result)
        result = otx__principal(mill, &rows->donor, linear->from, &directions, error);
    if (!result) result = otx__basis_pursue(mill, &basis, options, taken, error);
    if (!result)
        result = otx__mill_loop(mill, directions.columns,
                                (double)basis.k * (double)(d + e), otx__basis_combine_body,
                                &basis, error);
    if (!result) result = otx__basis_solve(mill, &basis, error);
    if (!result)
        result = otx__dense_product(mill, &linear->map, &basis.donor, OTX__DENSE_PLAIN,
                                    &basis.other, error);
    return result;
}

OTX__PRIVATE otx_result otx__stb_fit(const otx_context *ctx, const otx_method_rows *rows,
                                     const otx_method_options *options, otx_fitted *fitted,
                                     otx_error *error)
{
    size_t d = rows->donor.columns, e = rows->base.columns, r = otx__min(d, e);
    double need = 2.0 * otx__dense_need(d, r) + 1.5 * otx__dense_need(r, r) +
                  2.0 * otx__dense_need(r, e) + otx__principal_need(d) +
                  4.0 * (double)rows->donor.rows * (double)d;
    otx__mill mill;
    otx_result result = otx__mill_open(&mill, ctx, options->omp.memory, error);
    if (result) return result;
    if (need > otx__budget(mill.memory))
        return otx__fail_budget("the basis of anchors", need, mill.memory, error);
    result = otx__linear_open(&mill, fitted, d, e, error);
    if (!result)
        result = otx__rows_mean(&mill, &rows->donor, "donor", fitted->linear->from, error);
    if (!result) result = otx__rows_mean(&mill, &rows->base, "base", fitted->linear->to, error);
    if (!result) result = otx__rows_finite(&mill, &rows->targets, "targets", error);
    if (!result) result = otx__stb_map(&mill, rows, options, fitted->linear, need, error);
    otx__pool_close(&mill.pool);
    return result;
}

/* ---- combine: new rows of coefficients ------------------------------------------ */

/* Deciding, as a new row's bits are the output: in double, one product after the other. The
   kernels of residuals do it, as r = 0 - sum of -coefficient * row. */

/* The same for the types that they do not read. */
OTX__PRIVATE void otx__combine_slowly(double *row, otx_dtype dtype, const double *negated,
                                      const otx__row *rows, size_t count, size_t n)
{
    size_t element = otx_dtype_bits(dtype) / 8, i, j;
    for (j = 0; j < count; j++) {
        for (i = 0; i < n; i++) {
            float value;
            double term;
            otx_to_float(&value, (const char *)rows[j].data + i * element, dtype, 1);
            term = negated[j] * (double)value;
            row[i] -= term;
        }
    }
}

/* row: atoms->columns doubles. */
OTX__PRIVATE void otx__combine_row(const otx__kernels *kernels, const otx_matrix *atoms,
                               const int32_t *indices, const double *coefficients, size_t k,
                               double *row)
{
    size_t element = otx_dtype_bits(atoms->dtype) / 8, i, j, count;
    size_t stride = (atoms->stride ? atoms->stride : atoms->columns) * element;
    for (i = 0; i < atoms->columns; i++) row[i] = 0.0;
    for (j = 0; j < k && indices[j] >= 0; j += count) {
        otx__row rows[OTX__TILE], none = {NULL, false};
        double negated[OTX__TILE];
        for (count = 0; count < OTX__TILE && j + count < k && indices[j + count] >= 0; count++) {
            size_t atom = (size_t)indices[j + count];
            if (atoms->index) atom = atoms->index[atom];
            rows[count].data = (const char *)atoms->data + atom * stride;
            rows[count].bf16 = atoms->dtype == OTX_BF16;
            negated[count] = -coefficients[j + count];
        }
        if (atoms->dtype == OTX_F32 || atoms->dtype == OTX_BF16)
            kernels->residual(row, none, negated, rows, count, atoms->columns);
        else
            otx__combine_slowly(row, atoms->dtype, negated, rows, count, atoms->columns);
    }
}

/* The kernels that combine many rows; all give the same bits. */
OTX__PRIVATE const otx__kernels *otx__combine_kernels(const otx_context *ctx)
{
    const otx__kernels *kernels = otx__kernels_for(ctx ? ctx->isa : OTX_ISA_AUTO);
    return kernels ? kernels : &otx__kernels_scalar;
}

OTX_API void otx_combine(const otx_context *ctx, const otx_matrix *atoms, const int32_t *indices,
                         const double *coefficients, size_t k, double *row)
{
    const otx__kernels *kernels = otx__kernels_at_hand();
    if (ctx && ctx->isa == OTX_ISA_SCALAR) kernels = &otx__kernels_scalar;
    otx__combine_row(kernels, atoms, indices, coefficients, k, row);
}

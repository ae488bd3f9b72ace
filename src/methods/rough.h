/* ---- rough: products in float that leave few to be taken in double ------------------- */

/* Rows are laid 32 to a panel, [column][32], and multiplied by the dense kernel, whose sums
   differ between sets, so that they only rule out. With u = 2^-24, a row a as it is and a
   vector v of doubles brought to norm 1 and rounded to float, the product is off by at most

       (chain + 2 u) ||a|| + 1e-37

   chain being the bound of screen.h, and the last for what vanishes below the least float. */
OTX__PRIVATE double otx__rough_error(size_t columns)
{
    return (otx__chain_error(columns) + 2.0 * OTX__FLOAT_ROUNDOFF) * (1.0 + 1e-6);
}

#define OTX__ROUGH_LEAST 1e-37

/* A row of a matrix, 0 where it is missing. */
OTX__PRIVATE void otx__rough_put_row(float *panel, size_t lane, const otx_matrix *matrix,
                                     size_t row)
{
    float part[OTX__TILE];
    size_t first, count, i;
    for (first = 0; first < matrix->columns; first += count) {
        count = otx__min(OTX__TILE, matrix->columns - first);
        for (i = 0; i < count && row >= matrix->rows; i++) part[i] = 0.0f;
        if (row < matrix->rows)
            otx_to_float(part, otx__affine_at(matrix, row, first), matrix->dtype, count);
        for (i = 0; i < count; i++) panel[(first + i) * OTX__TILE + lane] = part[i];
    }
}

/* A tile of them. */
OTX__PRIVATE void otx__rough_put_tile(float *panel, const otx_matrix *matrix, size_t tile)
{
    size_t lane;
    for (lane = 0; lane < OTX__TILE; lane++)
        otx__rough_put_row(panel, lane, matrix, tile * OTX__TILE + lane);
}

/* A vector of that norm; one of norm 0, or of no numbers, counts as zeros. */
OTX__PRIVATE void otx__rough_put_vector(float *panel, size_t lane, const double *vector,
                                        size_t columns, double norm)
{
    double rate = norm > 0.0 && norm <= DBL_MAX ? 1.0 / norm : 0.0;
    size_t i;
    for (i = 0; i < columns; i++)
        panel[i * OTX__TILE + lane] = rate > 0.0 ? (float)(vector[i] * rate) : 0.0f;
}

/* ---- the factor of the normal equations, and their solution --------------------- */

/* t[j][i] -= sum over p of a[p][i] * b[p * step + j * pitch], p in order: the loop that the
   factor and the solution consist of. */
OTX__PRIVATE void otx__tile_take(double *t, const double *a, const double *b, size_t step,
                                 size_t pitch)
{
    size_t i, j, p, x, y;
    for (j = 0; j < OTX__TILE; j += 4) {
        for (i = 0; i < OTX__TILE; i += 4) {
            double sums[4][4];
            for (y = 0; y < 4; y++)
                for (x = 0; x < 4; x++) sums[y][x] = t[(j + y) * OTX__TILE + i + x];
            for (p = 0; p < OTX__TILE; p++) {
                OTX__UNROLL
                for (y = 0; y < 4; y++) {
                    double by = b[p * step + (j + y) * pitch];
                    OTX__UNROLL
                    for (x = 0; x < 4; x++) {
                        double term = a[p * OTX__TILE + i + x] * by;
                        sums[y][x] -= term;
                    }
                }
            }
            for (y = 0; y < 4; y++)
                for (x = 0; x < 4; x++) t[(j + y) * OTX__TILE + i + x] = sums[y][x];
        }
    }
}

/* The same in vectors, as gcc and clang know them for any set: four columns of two vectors
   each stay in registers. Written out, as what compilers make of the loop above for wider
   sets goes by their version and -O. The order of operations on any number is the same. Where
   C calculates in more than double, as with the x87 under -std=c99, gcc has no product of a
   vector and a double. */
#if (defined(__GNUC__) || defined(__clang__)) && FLT_EVAL_METHOD == 0
#define OTX__TAKE_IN_VECTORS
#endif

#define OTX__TAKE_COLUMN(y)                                                                  \
    do {                                                                                     \
        const double by = b[p * step + (j + (y)) * pitch];                                   \
        const vector term0 = a0 * by, term1 = a1 * by;                                       \
        sums[2 * (y)] -= term0;                                                              \
        sums[2 * (y) + 1] -= term1;                                                          \
    } while (0)

#define OTX__TAKE_VECTORS(width)                                                             \
    typedef double vector __attribute__((vector_size(8 * (width))));                         \
    const size_t size = sizeof(vector);                                                      \
    size_t i, j, p, y;                                                                       \
    for (j = 0; j < OTX__TILE; j += 4) {                                                     \
        for (i = 0; i < OTX__TILE; i += 2 * (width)) {                                       \
            double *to = t + j * OTX__TILE + i;                                              \
            vector sums[8], a0, a1;                                                          \
            for (y = 0; y < 8; y++)                                                          \
                memcpy(&sums[y], to + y / 2 * OTX__TILE + y % 2 * (width), size);            \
            for (p = 0; p < OTX__TILE; p++) {                                                \
                memcpy(&a0, a + p * OTX__TILE + i, size);                                    \
                memcpy(&a1, a + p * OTX__TILE + i + (width), size);                          \
                OTX__TAKE_COLUMN(0);                                                         \
                OTX__TAKE_COLUMN(1);                                                         \
                OTX__TAKE_COLUMN(2);                                                         \
                OTX__TAKE_COLUMN(3);                                                         \
            }                                                                                \
            for (y = 0; y < 8; y++)                                                          \
                memcpy(to + y / 2 * OTX__TILE + y % 2 * (width), &sums[y], size);            \
        }                                                                                    \
    }

#if defined(OTX__AVX2) && defined(OTX__TAKE_IN_VECTORS)
__attribute__((target("avx2"))) OTX__PRIVATE void otx__tile_take_avx2(
    double *t, const double *a, const double *b, size_t step, size_t pitch)
{
    OTX__TAKE_VECTORS(4)
}
#endif

#if defined(OTX__AVX512) && defined(OTX__TAKE_IN_VECTORS)
__attribute__((target("avx512f,avx512vl"))) OTX__PRIVATE void otx__tile_take_avx512(
    double *t, const double *a, const double *b, size_t step, size_t pitch)
{
    OTX__TAKE_VECTORS(8)
}
#endif

#undef OTX__TAKE_COLUMN
#undef OTX__TAKE_VECTORS

OTX__PRIVATE otx__take otx__tile_take_for(otx_isa isa)
{
#if defined(OTX__AVX512) && defined(OTX__TAKE_IN_VECTORS)
    if (isa == OTX_ISA_AVX512 || isa == OTX_ISA_AVX512_BF16 || isa == OTX_ISA_AMX)
        return otx__tile_take_avx512;
#endif
#if defined(OTX__AVX2) && defined(OTX__TAKE_IN_VECTORS)
    if (isa >= OTX_ISA_AVX2 && isa <= OTX_ISA_AMX) return otx__tile_take_avx2;
#endif
    (void)isa;
    return otx__tile_take;
}

/* A tile of the column at hand, less what the columns before it account for. */
OTX__PRIVATE void otx__factor_take_body(void *argument, size_t index, int worker)
{
    const otx__normal *normal = (const otx__normal *)argument;
    size_t x = normal->column + index, y;
    double *tile = otx__tile_at(normal->factor, x, normal->column);
    (void)worker;
    for (y = 0; y < normal->column; y++)
        normal->take(tile, otx__tile_at(normal->factor, x, y),
                       otx__tile_at(normal->factor, normal->column, y), OTX__TILE, 1);
}

/* Factors a tile of the diagonal, S = L L'. A column that depends on those before it is
   left out: its pivot, and all below it, become 0. */
OTX__PRIVATE void otx__factor_corner(const otx__normal *normal)
{
    size_t first = normal->column * OTX__TILE, i, j, p;
    double *tile = otx__tile_at(normal->factor, normal->column, normal->column);
    for (j = 0; j < OTX__TILE; j++) {
        double *column = tile + j * OTX__TILE;
        for (p = 0; p < j; p++) {
            double by = tile[p * OTX__TILE + j];
            for (i = j; i < OTX__TILE; i++) {
                double term = tile[p * OTX__TILE + i] * by;
                column[i] -= term;
            }
        }
        column[j] = column[j] > 1e-12 * normal->diagonal[first + j] ? sqrt(column[j]) : 0.0;
        for (i = j + 1; i < OTX__TILE; i++)
            column[i] = column[j] > 0.0 ? column[i] / column[j] : 0.0;
    }
}

/* Solves L z = c for a tile of 32 right-hand sides, in place. */
OTX__PRIVATE void otx__corner_forward(const double *corner, double *x)
{
    size_t i, j, c;
    for (j = 0; j < OTX__TILE; j++) {
        double *row = x + j * OTX__TILE, pivot = corner[j * OTX__TILE + j];
        for (i = 0; i < j; i++) {
            double by = corner[i * OTX__TILE + j];
            for (c = 0; c < OTX__TILE; c++) {
                double term = x[i * OTX__TILE + c] * by;
                row[c] -= term;
            }
        }
        for (c = 0; c < OTX__TILE; c++) row[c] = pivot > 0.0 ? row[c] / pivot : 0.0;
    }
}

/* The same columns of a tile below the diagonal: its rows are right-hand sides. */
OTX__PRIVATE void otx__factor_below_body(void *argument, size_t index, int worker)
{
    const otx__normal *normal = (const otx__normal *)argument;
    (void)worker;
    otx__corner_forward(otx__tile_at(normal->factor, normal->column, normal->column),
                        otx__tile_at(normal->factor, normal->column + 1 + index,
                                     normal->column));
}

OTX__PRIVATE otx_result otx__normal_factor(otx__normal *normal, otx_error *error)
{
    size_t tiles = normal->donor.tiles;
    otx_result result = OTX_OK;
    for (normal->column = 0; normal->column < tiles && !result; normal->column++) {
        size_t below = tiles - normal->column - 1;
        double work = (double)OTX__TILE * (double)OTX__TILE_SIZE;
        result = otx__normal_loop(normal, below + 1, (double)normal->column * work,
                                  otx__factor_take_body, error);
        if (result) return result;
        otx__factor_corner(normal);
        result = otx__normal_loop(normal, below, work, otx__factor_below_body, error);
        normal->done += otx__min(OTX__TILE, normal->donor.columns - normal->column * OTX__TILE);
    }
    return result;
}

/* ---- the solution ---- */

/* And L' w = z. */
OTX__PRIVATE void otx__corner_backward(const double *corner, double *x)
{
    size_t i, j, c;
    for (j = OTX__TILE; j-- > 0;) {
        double *row = x + j * OTX__TILE, pivot = corner[j * OTX__TILE + j];
        for (i = j + 1; i < OTX__TILE; i++) {
            double by = corner[j * OTX__TILE + i];
            for (c = 0; c < OTX__TILE; c++) {
                double term = x[i * OTX__TILE + c] * by;
                row[c] -= term;
            }
        }
        for (c = 0; c < OTX__TILE; c++) row[c] = pivot > 0.0 ? row[c] / pivot : 0.0;
    }
}

/* A strip of 32 columns of the map. */
OTX__PRIVATE void otx__normal_solve_body(void *argument, size_t strip, int worker)
{
    const otx__normal *normal = (const otx__normal *)argument;
    size_t tiles = normal->donor.tiles, x, y;
    double *to = normal->weights + strip * tiles * OTX__TILE_SIZE;
    (void)worker;
    for (x = 0; x < tiles; x++) {
        for (y = 0; y < x; y++)
            normal->take(to + x * OTX__TILE_SIZE, to + y * OTX__TILE_SIZE,
                           otx__tile_at(normal->factor, x, y), OTX__TILE, 1);
        otx__corner_forward(otx__tile_at(normal->factor, x, x), to + x * OTX__TILE_SIZE);
    }
    for (x = tiles; x-- > 0;) {
        for (y = tiles; y-- > x + 1;)
            normal->take(to + x * OTX__TILE_SIZE, to + y * OTX__TILE_SIZE,
                           otx__tile_at(normal->factor, y, x), 1, OTX__TILE);
        otx__corner_backward(otx__tile_at(normal->factor, x, x), to + x * OTX__TILE_SIZE);
    }
}

/* weights: the map that the sums so far give with that ridge, relative to the mean of the
   diagonal. If factor and weights are gram and cross themselves, the sums are lost. */
OTX__PRIVATE otx_result otx__normal_solve(otx__normal *normal, double lambda, otx_error *error)
{
    double columns = (double)normal->donor.tiles * OTX__TILE;
    otx_result result;
    normal->ridge = lambda * otx__normal_diagonal(normal);
    result = otx__normal_loop(normal, normal->donor.tiles + normal->base.tiles,
                              2.0 * OTX__TILE * columns, otx__normal_scale_body, error);
    if (!result) result = otx__normal_factor(normal, error);
    if (!result)
        result = otx__normal_loop(normal, normal->base.tiles,
                                  (double)OTX__TILE * columns * columns,
                                  otx__normal_solve_body, error);
    return result;
}

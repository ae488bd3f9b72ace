/* ---- digits: whole numbers of 16 bits, whose products are exact ---------------- */

/* The sums of the affine map are those of whole numbers. Each vector is rounded to whole
   multiples of its unit, 1 / 32,512 of its largest element, and each multiple written as
   255 * high + low with digits from -127 to 127. What the dense kernels make of digits is
   exact, whether they compute in integers or in float, as long as it stays below 2^24, and
   so is the sum of it all in double below 2^53: no order of operations matters, and every
   instruction set gives the same bits.

   Rounding adds to a vector of N elements what white noise would: 1 / 12 unit^2 an element,
   N * 2^-30 / 12 of the vector's square at the very most (one element that is larger than
   all others together) and about 10^-8 of it in embeddings; the ridge adds 10^-2. */
#define OTX__DIGIT 127
#define OTX__DIGIT_BASE 255
#define OTX__DIGITS_MOST (OTX__DIGIT_BASE * OTX__DIGIT + OTX__DIGIT)

/* Products of digits that are added up in one go: 127^2 * 1024 and, where sums of two
   digits are multiplied, 254^2 * 256 are below 2^24. */
#define OTX__DIGITS_BYTES 1024
#define OTX__DIGITS_FLOATS 256

/* Vectors, 32 to a tile. Tiles of a chunk of their terms stand together, laid out as the
   kernels want them (kernels.h): bytes for product_int8, else floats for product. Floats
   have room for the sum of both digits, and with it three products do for four. */
typedef struct otx__digits {
    const otx__kernels *kernels;
    bool floats;
    size_t tiles, terms;
    size_t chunk, chunks; /* terms of a chunk, a multiple of 4; what is missing is 0 */
    char *planes[3];      /* [chunk][tile][chunk * 32] high, low and, as floats, their sum */
} otx__digits;

OTX__PRIVATE void otx__digits_shape(otx__digits *digits, const otx__kernels *kernels,
                                    size_t tiles, size_t terms)
{
    size_t most;
    memset(digits, 0, sizeof *digits);
    digits->kernels = kernels;
    digits->floats = !kernels->product_int8;
    most = digits->floats ? OTX__DIGITS_FLOATS : OTX__DIGITS_BYTES;
    digits->tiles = tiles;
    digits->terms = terms;
    digits->chunks = (terms + most - 1) / most;
    digits->chunk = ((terms + digits->chunks - 1) / digits->chunks + 3) / 4 * 4;
}

/* Bytes of one plane of a tile's chunk. */
OTX__PRIVATE size_t otx__digits_bytes(const otx__digits *digits)
{
    return digits->chunk * OTX__TILE * (digits->floats ? sizeof(float) : 1);
}

/* Bytes of it all, also where they would not fit a size. */
OTX__PRIVATE double otx__digits_need(const otx__digits *digits)
{
    return (digits->floats ? 3.0 : 2.0) * (double)digits->chunks * (double)digits->tiles *
           (double)otx__digits_bytes(digits);
}

/* Their numbers are whatever stood there: all places are to be written, also those behind
   the last vector and term. */
OTX__PRIVATE bool otx__digits_take(otx__digits *digits, otx__pool *pool)
{
    size_t tiles = 0, i;
    if (!otx__mul(digits->tiles, digits->chunks, &tiles)) pool->failed = true;
    for (i = 0; i < (digits->floats ? 3u : 2u); i++)
        digits->planes[i] = (char *)otx__pool_take(pool, tiles, otx__digits_bytes(digits));
    return !pool->failed;
}

/* The same room for fewer terms. */
OTX__PRIVATE void otx__digits_resize(otx__digits *digits, size_t terms)
{
    otx__digits shape;
    otx__digits_shape(&shape, digits->kernels, digits->tiles, terms);
    digits->terms = shape.terms;
    digits->chunk = shape.chunk;
    digits->chunks = shape.chunks;
}

/* Terms with those added that fill up the last chunk. */
OTX__PRIVATE size_t otx__digits_terms(const otx__digits *digits)
{
    return digits->chunk * digits->chunks;
}

/* Rounds to the nearest whole number, the even of two; |value| is far below 2^31. */
OTX__INLINE int32_t otx__whole(double value)
{
    const double rounder = 6755399441055744.0; /* 1.5 * 2^52 */
    return (int32_t)(value + rounder - rounder);
}

/* The unit of a vector by its largest element; 0 for one of zeros. Elements that no float
   can hold count as such. */
OTX__PRIVATE double otx__digits_unit(double largest)
{
    return largest > 1e-200 ? largest / OTX__DIGITS_MOST : 0.0;
}

/* Writes one number, |whole| <= OTX__DIGITS_MOST, to place p of a chunk that begins at
   `block`. */
OTX__INLINE void otx__digits_write(const otx__digits *digits, size_t block, size_t lane, size_t p,
                                   int32_t whole)
{
    int32_t high = (whole + OTX__DIGIT + OTX__DIGIT_BASE * 128) / OTX__DIGIT_BASE - 128;
    int32_t low = whole - OTX__DIGIT_BASE * high;
    if (digits->floats) {
        size_t at = block + p * OTX__TILE + lane;
        ((float *)(void *)digits->planes[0])[at] = (float)high;
        ((float *)(void *)digits->planes[1])[at] = (float)low;
        ((float *)(void *)digits->planes[2])[at] = (float)(high + low);
    } else {
        size_t at = block + p / 4 * 4 * OTX__TILE + lane * 4 + p % 4;
        ((int8_t *)(void *)digits->planes[0])[at] = (int8_t)high;
        ((int8_t *)(void *)digits->planes[1])[at] = (int8_t)low;
    }
}

/* Where the chunk of a term of a tile begins. */
OTX__PRIVATE size_t otx__digits_block(const otx__digits *digits, size_t tile, size_t chunk)
{
    return (chunk * digits->tiles + tile) * digits->chunk * OTX__TILE;
}

/* Writes one term of a tile's 32 vectors, in units of these. */
OTX__PRIVATE void otx__digits_put_term(const otx__digits *digits, size_t tile, size_t term,
                                       const double elements[OTX__TILE])
{
    size_t block = otx__digits_block(digits, tile, term / digits->chunk);
    size_t p = term % digits->chunk, lane;
    for (lane = 0; lane < OTX__TILE; lane++)
        otx__digits_write(digits, block, lane, p, otx__whole(elements[lane]));
}

/* Writes all terms of one vector, in units of its own: *unit. */
OTX__PRIVATE void otx__digits_put_vector(const otx__digits *digits, size_t tile, size_t lane,
                                         const double *vector, double *unit)
{
    double largest = 0.0, rate;
    size_t chunk, p, i;
    for (i = 0; i < digits->terms; i++)
        if (fabs(vector[i]) > largest) largest = fabs(vector[i]);
    *unit = otx__digits_unit(largest);
    rate = *unit > 0.0 ? 1.0 / *unit : 0.0;
    for (chunk = 0, i = 0; chunk < digits->chunks; chunk++) {
        size_t block = otx__digits_block(digits, tile, chunk);
        for (p = 0; p < digits->chunk; p++, i++)
            otx__digits_write(digits, block, lane, p,
                              i < digits->terms ? otx__whole(vector[i] * rate) : 0);
    }
}

/* products[tile][j][i] of one plane of a and one of b over one chunk, exact. */
OTX__PRIVATE void otx__digits_chunk(const otx__digits *digits, const char *a, size_t tiles,
                                    const char *b, float *products)
{
    const float *x = (const float *)(const void *)a, *y = (const float *)(const void *)b;
    size_t n = digits->chunk, tile, j, p;
    if (!digits->floats) {
        digits->kernels->product_int8((const int8_t *)a, tiles, (const int8_t *)b, n, products);
        return;
    }
    for (tile = 0; tile < tiles; tile++, x += n * OTX__TILE)
        for (p = 0; p < n; p += OTX__CHAIN)
            for (j = 0; j < OTX__TILE; j += OTX__STRIP)
                digits->kernels->product(x + p * OTX__TILE, y + p * OTX__TILE + j,
                                         otx__min(OTX__CHAIN, n - p), p > 0,
                                         products + (tile * OTX__TILE + j) * OTX__TILE);
}

/* totals[tile][j][i] += <a_i, b_j> in units of both, for up to OTX__GROUP tiles of a from
   `first` on and one of b. products: room for 4 * OTX__GROUP * 32 * 32. */
OTX__PRIVATE void otx__digits_multiply(const otx__digits *a, size_t first, size_t tiles,
                                       const otx__digits *b, size_t other, double *const *totals,
                                       float *products)
{
    size_t size = tiles * OTX__TILE * OTX__TILE, chunk, tile, i;
    size_t bytes = otx__digits_bytes(a);
    const float *high = products, *low = products + size, *mixed = products + 2 * size;
    const float *turned = products + 3 * size;
    for (chunk = 0; chunk < a->chunks; chunk++) {
        size_t at = (chunk * a->tiles + first) * bytes, to = (chunk * b->tiles + other) * bytes;
        otx__digits_chunk(a, a->planes[0] + at, tiles, b->planes[0] + to, products);
        otx__digits_chunk(a, a->planes[1] + at, tiles, b->planes[1] + to, products + size);
        if (a->floats) {
            otx__digits_chunk(a, a->planes[2] + at, tiles, b->planes[2] + to,
                              products + 2 * size);
        } else {
            otx__digits_chunk(a, a->planes[0] + at, tiles, b->planes[1] + to,
                              products + 2 * size);
            otx__digits_chunk(a, a->planes[1] + at, tiles, b->planes[0] + to,
                              products + 3 * size);
        }
        for (tile = 0; tile < tiles; tile++) {
            double *total = totals[tile];
            size_t from = tile * OTX__TILE * OTX__TILE;
            for (i = 0; i < OTX__TILE * OTX__TILE; i++) {
                double top = (double)high[from + i], end = (double)low[from + i], middle;
                middle = a->floats ? (double)mixed[from + i] - top - end
                                   : (double)mixed[from + i] + (double)turned[from + i];
                total[i] += (double)(OTX__DIGIT_BASE * OTX__DIGIT_BASE) * top +
                            (double)OTX__DIGIT_BASE * middle + end;
            }
        }
    }
}

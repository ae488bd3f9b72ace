/* ---- panels: vectors as the dense products want them, and these ---------------- */

/* What the numbers of panels are. Those that round need fewer bytes and less time, and
   take their errors into the bound (screen.h). */
typedef enum otx__panel_type {
    OTX__PANEL_FLOAT, /* [tile][column][32] floats: the rests */
    OTX__PANEL_ROWS,  /* [tile][column / 2][32][2] bf16: the vectors as they are but for a
                         power of 2; their products have the common part taken out
                         afterwards */
    OTX__PANEL_WHOLE, /* [tile][column][32] floats: the vectors as they are but for their norm;
                         likewise. Columns that many atoms share are multiplied once
                         (sharing.h) */
    OTX__PANEL_BF16,  /* as ROWS, the rests, rounded */
    OTX__PANEL_INT8   /* [tile][column / 4][32][4] int8_t: the rests, rounded, in units
                         that make the largest element 127 */
} otx__panel_type;

/* Vectors split along the dictionary's direction, v / ||v|| = common * direction +
   rest, 32 to a panel. */
typedef struct otx__panels {
    otx__panel_type type;
    size_t columns; /* what is missing to whole pairs and fours is 0 */
    void *data;
    float *scale;   /* [tile][32] what the numbers are to be multiplied by */
    float *common;  /* [tile][32] */
    float *error;   /* [tile][32] the norm of what rounding took off the rest, or more */
} otx__panels;

/* ---- memory ---- */

OTX__PRIVATE bool otx__panel_is_float(otx__panel_type type)
{
    return type == OTX__PANEL_FLOAT || type == OTX__PANEL_WHOLE;
}

/* Whether panels hold vectors with their common part, which products then lose. */
OTX__PRIVATE bool otx__panel_is_whole(otx__panel_type type)
{
    return type == OTX__PANEL_ROWS || type == OTX__PANEL_WHOLE;
}

/* For what is said of a plan. */
OTX__PRIVATE const char *otx__panel_type_name(otx__panel_type type)
{
    return type == OTX__PANEL_INT8 ? "8 bits" : otx__panel_is_float(type) ? "float" : "bf16";
}

/* Columns with those added that fill up pairs or fours. */
OTX__PRIVATE size_t otx__panel_columns(otx__panel_type type, size_t columns)
{
    size_t group = otx__panel_is_float(type) ? 1 : type == OTX__PANEL_INT8 ? 4 : 2;
    return (columns + group - 1) / group * group;
}

/* Bytes of the numbers of one vector. */
OTX__PRIVATE size_t otx__panel_lane_bytes(otx__panel_type type, size_t columns)
{
    size_t each = otx__panel_is_float(type) ? 4 : type == OTX__PANEL_INT8 ? 1 : 2;
    return otx__panel_columns(type, columns) * each;
}

/* Bytes of the numbers of one panel. */
OTX__PRIVATE size_t otx__panel_bytes(otx__panel_type type, size_t columns)
{
    return otx__panel_lane_bytes(type, columns) * OTX__TILE;
}

/* What takes the place of panels of 8 bits where these are too coarse. */
OTX__PRIVATE otx__panel_type otx__panel_finer(const otx__kernels *kernels)
{
    return kernels->product_bf16 ? OTX__PANEL_BF16 : OTX__PANEL_FLOAT;
}

/* The type that a panel needs room for: one of 8 bits may become a finer one. */
OTX__PRIVATE otx__panel_type otx__panel_largest(const otx__kernels *kernels, otx__panel_type type)
{
    return type == OTX__PANEL_INT8 ? otx__panel_finer(kernels) : type;
}

/* Bytes that a vector takes in panels, at most; also where they would not fit a size. */
OTX__PRIVATE double otx__panel_need(const otx__kernels *kernels, otx__panel_type type,
                                    double columns)
{
    bool wide = otx__panel_is_float(otx__panel_largest(kernels, type));
    return (columns + 3.0) * (wide ? 4.0 : 2.0) + 3.0 * sizeof(float);
}

OTX__PRIVATE void otx__panels_set_type(otx__panels *panels, otx__panel_type type, size_t columns)
{
    panels->type = type;
    panels->columns = otx__panel_columns(type, columns);
}

OTX__PRIVATE bool otx__panels_take(otx__panels *panels, const otx__kernels *kernels,
                                   otx__panel_type type, size_t columns, size_t tiles,
                                   otx__pool *pool)
{
    otx__panel_type largest = otx__panel_largest(kernels, type);
    size_t bytes = otx__max(otx__panel_lane_bytes(type, columns),
                            otx__panel_lane_bytes(largest, columns));
    otx__panels_set_type(panels, type, columns);
    panels->data = otx__pool_take(pool, tiles * OTX__TILE, bytes);
    panels->scale = (float *)otx__pool_take(pool, tiles, OTX__TILE * sizeof(float));
    panels->common = (float *)otx__pool_take(pool, tiles, OTX__TILE * sizeof(float));
    panels->error = (float *)otx__pool_take(pool, tiles, OTX__TILE * sizeof(float));
    return !pool->failed;
}

/* The numbers of a panel. */
OTX__PRIVATE char *otx__panel_at(const otx__panels *panels, size_t tile)
{
    return (char *)panels->data + tile * otx__panel_bytes(panels->type, panels->columns);
}

/* Fills a panel with vectors of 0. */
OTX__PRIVATE void otx__panels_clear(otx__panels *panels, size_t tile)
{
    size_t i;
    memset(otx__panel_at(panels, tile), 0, otx__panel_bytes(panels->type, panels->columns));
    for (i = tile * OTX__TILE; i < (tile + 1) * OTX__TILE; i++)
        panels->common[i] = panels->scale[i] = panels->error[i] = 0.0f;
}

/* Copies a vector from one set of panels to another of the same type. */
OTX__PRIVATE void otx__panels_copy(otx__panels *to, size_t at, const otx__panels *from,
                                   size_t from_at)
{
    size_t bytes = otx__panel_bytes(from->type, from->columns), p;
    const char *source = otx__panel_at(from, from_at / OTX__TILE) + 4 * (from_at % OTX__TILE);
    char *copy = otx__panel_at(to, at / OTX__TILE) + 4 * (at % OTX__TILE);
    to->common[at] = from->common[from_at];
    to->scale[at] = from->scale[from_at];
    to->error[at] = from->error[from_at];
    /* One float, one pair or one four of every vector stand side by side. */
    for (p = 0; p < bytes; p += 4 * OTX__TILE) memcpy(copy + p, source + p, 4);
}

/* ---- products ---- */

/* products[tile][j][i], as below, of panels of float with at least one column. pitch: columns
   from one panel of a to the next. */
OTX__PRIVATE void otx__panels_multiply_strips(const otx__kernels *kernels, const float *a,
                                              size_t tiles, size_t pitch, const float *b,
                                              size_t columns, size_t wanted, float *products)
{
    const size_t share = OTX__CHAIN * OTX__STRIP * sizeof *b / tiles;
    size_t block, terms, tile, j;
    for (block = 0; block < columns; block += terms) {
        uintptr_t next = (uintptr_t)(b + otx__min(block + OTX__CHAIN, columns) * OTX__TILE);
        terms = otx__min(OTX__CHAIN, columns - block);
        for (tile = 0; tile < tiles; tile++) {
            for (j = 0; j < wanted; j += OTX__STRIP, next += share) {
                otx__ask(next, share);
                kernels->product(a + (tile * pitch + block) * OTX__TILE,
                                 b + block * OTX__TILE + j, terms, block > 0,
                                 products + (tile * OTX__TILE + j) * OTX__TILE);
            }
        }
    }
}

/* The same of whole panels. */
OTX__PRIVATE void otx__panels_multiply_floats(const otx__kernels *kernels, const float *a,
                                              size_t tiles, const float *b, size_t columns,
                                              float *products)
{
    otx__panels_multiply_strips(kernels, a, tiles, columns, b, columns, OTX__TILE, products);
}

/* Turns products of whole vectors, scaled so (WHOLE by 1), into those of their rests. */
OTX__PRIVATE void otx__panels_take_common(const otx__panels *a, size_t first, size_t tiles,
                                          const otx__panels *b, size_t other, size_t wanted,
                                          float *products)
{
    size_t tile, i, j;
    for (tile = 0; tile < tiles; tile++) {
        const float *scale = a->scale + (first + tile) * OTX__TILE;
        const float *common = a->common + (first + tile) * OTX__TILE;
        for (j = 0; j < wanted; j++) {
            float *column = products + (tile * OTX__TILE + j) * OTX__TILE;
            float by = b->scale[other * OTX__TILE + j], less = b->common[other * OTX__TILE + j];
            for (i = 0; i < OTX__TILE; i++)
                column[i] = column[i] * scale[i] * by - common[i] * less;
        }
    }
}

/* products[tile][j][i]: the product of the rests of the 32 vectors i of each of
   `tiles` panels of a from `first` on, and the first vectors j of one panel of b, as many as
   are wanted at least, of the same type; where that is INT8, in units of both their scales; where
   it is WHOLE, of a's columns alone and with the common part: see otx__dictionary_multiply. */
OTX__PRIVATE void otx__panels_multiply(const otx__kernels *kernels, const otx__panels *a,
                                       size_t first, size_t tiles, const otx__panels *b,
                                       size_t other, size_t wanted, float *products)
{
    const void *rows = otx__panel_at(a, first), *columns = otx__panel_at(b, other);
    switch (a->type) {
    case OTX__PANEL_FLOAT:
    case OTX__PANEL_WHOLE:
        otx__panels_multiply_strips(kernels, (const float *)rows, tiles, a->columns,
                                    (const float *)columns, a->columns, wanted, products);
        return;
    case OTX__PANEL_ROWS:
    case OTX__PANEL_BF16:
        kernels->product_bf16((const uint16_t *)rows, tiles, (const uint16_t *)columns,
                              a->columns, products);
        if (a->type == OTX__PANEL_ROWS)
            otx__panels_take_common(a, first, tiles, b, other, OTX__TILE, products);
        return;
    case OTX__PANEL_INT8:
        kernels->product_int8((const int8_t *)rows, tiles, (const int8_t *)columns, a->columns,
                              products);
        return;
    }
}

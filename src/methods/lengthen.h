/* ---- lengthen: the base's rows of pieces beside the donor's ---------------------------- */

/* A donor knows a token by the texts that it was trained on; the base, by the rows of the
   pieces that its own tokenizer would cut the token into. Beside its row in the donor a token
   gets the base's rows of its first and of its last piece, less their means over the anchors
   and scaled, so that a map and a pursuit look at all three. An anchor's pieces are those that
   it would have if the base lacked it: as a whole it would say what is to be predicted. */

#define OTX__NO_PIECE UINT32_MAX

/* Rows that one task fills. */
#define OTX__LENGTHEN_ROWS 64

/* What stands beside one another in a lengthened row. */
enum { OTX__OWN_PART, OTX__FIRST_PART, OTX__LAST_PART, OTX__PARTS };

typedef struct otx__lengthened {
    otx__pool pool;
    const otx_method_rows *rows;
    otx_matrix donor, targets; /* [anchors], [targets] of d + 2 e: bfloat16 if the donor is,
                                  else float */
    char *data;                /* of both */
    uint32_t *first, *last;    /* [anchors + targets] rows of tokens, or OTX__NO_PIECE */
    size_t pieced[2];          /* anchors and targets that have pieces */
    uint32_t *numbers;         /* [tokens] of those that are pieces at hand, from 1 on */
    uint32_t *which;           /* [first, last][anchors] the numbers of theirs, 0: none */
    otx__sharing sharing;      /* of the donor's columns, by these */
    double *means, *squares;   /* [d + 2 e] over the anchors that have the part: of what it
                                  holds, and the sum of its squares less the mean */
    double scales[OTX__PARTS];
} otx__lengthened;

OTX__PRIVATE size_t otx__lengthened_count(const otx_method_rows *rows)
{
    return rows->donor.rows + rows->targets.rows;
}

/* ---- pieces ---- */

/* The first and the last piece of some tokens; none where either has no numbers. */
OTX__PRIVATE void otx__lengthen_pick_body(void *argument, size_t index, int worker)
{
    const otx__lengthened *l = (const otx__lengthened *)argument;
    size_t anchors = l->rows->donor.rows, i = index * OTX__LENGTHEN_ROWS;
    size_t end = otx__min(i + OTX__LENGTHEN_ROWS, otx__lengthened_count(l->rows));
    (void)worker;
    for (; i < end; i++) {
        const otx_pieces *pieces = i < anchors ? &l->rows->anchor_pieces : &l->rows->pieces;
        const size_t *starts = pieces->starts + (i < anchors ? i : i - anchors);
        l->first[i] = l->last[i] = OTX__NO_PIECE;
        if (starts[0] == starts[1] ||
            !otx__matrix_row_is_finite(&l->rows->tokens, pieces->rows[starts[0]]) ||
            !otx__matrix_row_is_finite(&l->rows->tokens, pieces->rows[starts[1] - 1]))
            continue;
        l->first[i] = pieces->rows[starts[0]];
        l->last[i] = pieces->rows[starts[1] - 1];
    }
}

/* Whether all pieces are tokens. */
OTX__PRIVATE otx_result otx__pieces_check(const otx_pieces *pieces, size_t count, size_t tokens,
                                          const char *of, otx_error *error)
{
    size_t i, j;
    if (!pieces->starts)
        return otx__fail(error, OTX_ERROR_ARGUMENT, "the pieces of the %ss are missing", of);
    for (i = 0; i < count; i++)
        for (j = pieces->starts[i]; j < pieces->starts[i + 1]; j++)
            if (pieces->rows[j] >= tokens)
                return otx__fail(error, OTX_ERROR_ARGUMENT, "a piece of %s %" PRIu64 " is row "
                                 "%" PRIu32 " of %" PRIu64 " tokens", of, (uint64_t)i,
                                 pieces->rows[j], (uint64_t)tokens);
    return OTX_OK;
}

/* Numbers the pieces in which anchors begin or end: those that have the same one share its
   columns. */
OTX__PRIVATE void otx__lengthen_share(otx__lengthened *l, size_t part)
{
    size_t anchors = l->rows->donor.rows, e = l->rows->tokens.columns, i;
    const uint32_t *pieces = part == OTX__FIRST_PART ? l->first : l->last;
    otx__shared *shared = &l->sharing.parts[part - 1];
    uint32_t *which = l->which + (part - 1) * anchors;
    uint32_t count = 1;
    memset(l->numbers, 0, l->rows->tokens.rows * sizeof *l->numbers);
    for (i = 0; i < anchors; i++) {
        uint32_t *number = pieces[i] == OTX__NO_PIECE ? NULL : &l->numbers[pieces[i]];
        if (number && !*number) *number = count++;
        which[i] = number ? *number : 0;
    }
    l->sharing.own = l->rows->donor.columns;
    shared->first = l->sharing.own + (part - 1) * e;
    shared->columns = e;
    shared->count = count;
    shared->which = which;
}

/* ---- means and scales ---- */

/* The row that a part of an anchor comes from, or OTX__NO_PIECE. */
OTX__PRIVATE uint32_t otx__lengthen_row(const otx__lengthened *l, size_t part, size_t i)
{
    if (part == OTX__OWN_PART) return (uint32_t)i;
    return part == OTX__FIRST_PART ? l->first[i] : l->last[i];
}

/* 32 columns of a part: sums in double in the order of the anchors. */
OTX__PRIVATE void otx__lengthen_measure_body(void *argument, size_t tile, int worker)
{
    const otx__lengthened *l = (const otx__lengthened *)argument;
    size_t own = otx__tiles(l->rows->donor.columns), e = l->rows->tokens.columns;
    size_t beside = otx__tiles(e), pass, i, j, at, first, count, have = 0, part;
    const otx_matrix *matrix = tile < own ? &l->rows->donor : &l->rows->tokens;
    double sums[OTX__TILE] = {0}, squares[OTX__TILE] = {0};
    float values[OTX__TILE];
    (void)worker;
    part = tile < own ? 0 : 1 + (tile - own) / beside;
    first = (tile < own ? tile : (tile - own) % beside) * OTX__TILE;
    count = otx__min(OTX__TILE, matrix->columns - first);
    at = first + (part > OTX__OWN_PART ? l->rows->donor.columns + (part - 1) * e : 0);
    for (pass = 0; pass < 2; pass++) {
        for (i = 0; i < l->rows->donor.rows; i++) {
            uint32_t row = otx__lengthen_row(l, part, i);
            if (row == OTX__NO_PIECE) continue;
            have += !pass;
            otx_to_float(values, otx__affine_at(matrix, row, first), matrix->dtype, count);
            for (j = 0; j < count; j++) {
                double less = (double)values[j] - sums[j];
                sums[j] += pass ? 0.0 : (double)values[j];
                squares[j] += pass ? less * less : 0.0;
            }
        }
        for (j = 0; j < count && !pass; j++) sums[j] = have ? sums[j] / (double)have : 0.0;
    }
    memcpy(l->means + at, sums, count * sizeof *sums);
    memcpy(l->squares + at, squares, count * sizeof *squares);
}

/* The mean square of the distance from the mean of a part that `count` anchors have. */
OTX__PRIVATE double otx__lengthen_spread(const otx__lengthened *l, size_t part, size_t count)
{
    size_t d = l->rows->donor.columns, e = l->rows->tokens.columns, i;
    const double *squares = l->squares + (part > OTX__OWN_PART ? d + (part - 1) * e : 0);
    double sum = 0.0;
    for (i = 0; i < (part > OTX__OWN_PART ? e : d); i++) sum += squares[i];
    return count ? sum / (double)count : 0.0;
}

/* ---- rows ---- */

/* What the donor has of a token, as it is. */
OTX__PRIVATE void otx__lengthen_own(const otx__lengthened *l, size_t i, char *to)
{
    const otx_method_rows *rows = l->rows;
    bool anchor = i < rows->donor.rows;
    const otx_matrix *from = anchor ? &rows->donor : &rows->targets;
    size_t size = otx_dtype_bits(l->donor.dtype) / 8, first, count;
    const char *own = otx__affine_at(from, anchor ? i : i - rows->donor.rows, 0);
    float values[OTX__TILE];
    double wide[OTX__TILE];
    if (l->donor.dtype == OTX_BF16 && from->dtype == OTX_BF16) {
        memcpy(to, own, from->columns * size);
        return;
    }
    for (first = 0; first < from->columns; first += count, to += count * size) {
        size_t j, step = otx_dtype_bits(from->dtype) / 8;
        count = otx__min(OTX__TILE, from->columns - first);
        otx_to_float(values, own + first * step, from->dtype, count);
        for (j = 0; j < count; j++) wide[j] = (double)values[j];
        (void)otx_from_double(to, wide, l->donor.dtype, count, false);
    }
}

/* One of its pieces, or zeros. */
OTX__PRIVATE void otx__lengthen_piece(const otx__lengthened *l, size_t part, size_t i, char *to)
{
    const otx_matrix *tokens = &l->rows->tokens;
    const double *means = l->means + l->rows->donor.columns + (part - 1) * tokens->columns;
    size_t size = otx_dtype_bits(l->donor.dtype) / 8, row = otx__lengthen_row(l, part, i);
    size_t first, count, j;
    float values[OTX__TILE];
    double wide[OTX__TILE];
    if (row == OTX__NO_PIECE) {
        memset(to, 0, tokens->columns * size);
        return;
    }
    for (first = 0; first < tokens->columns; first += count, to += count * size) {
        count = otx__min(OTX__TILE, tokens->columns - first);
        otx_to_float(values, otx__affine_at(tokens, row, first), tokens->dtype, count);
        for (j = 0; j < count; j++)
            wide[j] = ((double)values[j] - means[first + j]) * l->scales[part];
        (void)otx_from_double(to, wide, l->donor.dtype, count, false);
    }
}

OTX__PRIVATE void otx__lengthen_fill_body(void *argument, size_t index, int worker)
{
    const otx__lengthened *l = (const otx__lengthened *)argument;
    size_t size = otx_dtype_bits(l->donor.dtype) / 8, i = index * OTX__LENGTHEN_ROWS;
    size_t end = otx__min(i + OTX__LENGTHEN_ROWS, otx__lengthened_count(l->rows));
    size_t d = l->rows->donor.columns, e = l->rows->tokens.columns;
    (void)worker;
    for (; i < end; i++) {
        char *row = l->data + i * l->donor.columns * size;
        otx__lengthen_own(l, i, row);
        otx__lengthen_piece(l, OTX__FIRST_PART, i, row + d * size);
        otx__lengthen_piece(l, OTX__LAST_PART, i, row + (d + e) * size);
    }
}

OTX__PRIVATE otx_result otx__lengthen_loop(const otx_context *ctx, otx__lengthened *l,
                                           size_t count, double work, otx_parallel_body body,
                                           otx_error *error)
{
    otx__watch watch = otx__watch_open(ctx, OTX_STAGE_GRAM, 0, otx__lengthened_count(l->rows));
    return otx__watch_loop(&watch, count, work, body, l, error);
}

/* Bytes that the lengthened rows take; more than can be addressed count as such. */
OTX__PRIVATE double otx__lengthened_bytes(const otx_method_rows *rows)
{
    double columns = (double)rows->donor.columns + 2.0 * (double)rows->tokens.columns;
    double size = rows->donor.dtype == OTX_BF16 ? 2.0 : 4.0;
    return (double)otx__lengthened_count(rows) * (columns * size + 8.0) + 16.0 * columns +
           8.0 * (double)rows->donor.rows + 4.0 * (double)rows->tokens.rows;
}

/* Takes the room, and learns how parts compare. Close it in any case. */
OTX__PRIVATE otx_result otx__lengthened_open(const otx_context *ctx, const otx_method_rows *rows,
                                             otx__lengthened *l, otx_error *error)
{
    size_t all = otx__lengthened_count(rows), d = rows->donor.columns, i;
    size_t e = rows->tokens.columns, columns = d + 2 * e, cells = 0;
    otx_dtype dtype = rows->donor.dtype == OTX_BF16 ? OTX_BF16 : OTX_F32;
    double tasks = (double)OTX__LENGTHEN_ROWS;
    otx_result result;
    memset(l, 0, sizeof *l);
    otx__pool_open(&l->pool, ctx);
    l->rows = rows;
    if (!otx__mul(columns, otx_dtype_bits(dtype) / 8, &cells))
        return otx__fail_memory(error, UINT64_MAX);
    l->data = (char *)otx__pool_take(&l->pool, all, cells);
    l->first = (uint32_t *)otx__pool_take(&l->pool, all, sizeof *l->first);
    l->last = (uint32_t *)otx__pool_take(&l->pool, all, sizeof *l->last);
    l->numbers = (uint32_t *)otx__pool_take(&l->pool, rows->tokens.rows, sizeof *l->numbers);
    l->which = (uint32_t *)otx__pool_take(&l->pool, rows->donor.rows, 2 * sizeof *l->which);
    l->means = (double *)otx__pool_take_zero(&l->pool, columns, sizeof(double));
    l->squares = (double *)otx__pool_take_zero(&l->pool, columns, sizeof(double));
    if (l->pool.failed) return otx__pool_fail(&l->pool, error);
    l->donor.data = l->data;
    l->donor.dtype = dtype;
    l->donor.columns = columns;
    l->targets = l->donor;
    l->donor.rows = rows->donor.rows;
    l->targets.data = l->data + rows->donor.rows * cells;
    l->targets.rows = rows->targets.rows;
    result = otx__lengthen_loop(ctx, l, (all + OTX__LENGTHEN_ROWS - 1) / OTX__LENGTHEN_ROWS,
                                tasks * 4.0 * (double)e, otx__lengthen_pick_body, error);
    if (result) return result;
    for (i = 0; i < all; i++) l->pieced[i >= rows->donor.rows] += l->first[i] != OTX__NO_PIECE;
    otx__lengthen_share(l, OTX__FIRST_PART);
    otx__lengthen_share(l, OTX__LAST_PART);
    return otx__lengthen_loop(ctx, l, otx__tiles(d) + 2 * otx__tiles(e),
                              8.0 * OTX__TILE * (double)rows->donor.rows,
                              otx__lengthen_measure_body, error);
}

/* Makes the rows, the pieces' with this weight each against the donor's. */
OTX__PRIVATE otx_result otx__lengthened_fill(const otx_context *ctx, otx__lengthened *l,
                                             double weight, otx_error *error)
{
    size_t all = otx__lengthened_count(l->rows), part;
    double own = otx__lengthen_spread(l, OTX__OWN_PART, l->rows->donor.rows);
    for (part = OTX__FIRST_PART; part < OTX__PARTS; part++) {
        double spread = otx__lengthen_spread(l, part, l->pieced[0]);
        l->scales[part] = spread > 0.0 ? weight * sqrt(own / spread) : 0.0;
    }
    return otx__lengthen_loop(ctx, l, (all + OTX__LENGTHEN_ROWS - 1) / OTX__LENGTHEN_ROWS,
                              4.0 * OTX__LENGTHEN_ROWS * (double)l->donor.columns,
                              otx__lengthen_fill_body, error);
}

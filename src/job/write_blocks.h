/* ---- write_blocks: new rows as blocks --------------------------------------------- */

/* What the base has as blocks of the same type is copied as such and never quantised again:
   shared rows stay bit for bit. Only rows that were made are quantised. */

/* Rows on their way into blocks. */
typedef struct otx__block_rows {
    const otx__rebuild *made;
    otx_dtype stored;
    size_t row_size;     /* as stored */
    bool same;           /* the base's rows are stored so too: copied as they are */
    size_t first, count; /* those at hand, */
    size_t share;        /* those of a part of them */
    char *block;
    size_t bad[OTX__ROW_PARTS]; /* the first of a part that could not be stored, or OTX__NONE */
} otx__block_rows;

/* Stores one row; with the error of one that cannot be read. */
OTX__PRIVATE otx_result otx__block_store(const otx__block_rows *rows, size_t row, char *to,
                                        otx_error *error)
{
    const otx__rebuild *r = rows->made;
    const int64_t base = rows->same ? otx__rebuild_source(r, otx__rebuild_id(r, row)) : -1;
    if (base >= 0)
        return otx__checkpoint_bytes(&r->job->base.checkpoint, r->tensor->at,
                                     (uint64_t)base * rows->row_size, rows->row_size, to, error);
    if (otx_blocks_from_float(to, (const float *)(const void *)(r->made.data + row * r->row_size),
                              rows->stored, r->made.columns) == 0)
        return OTX_OK;
    return OTX_ERROR_RANGE;
}

OTX__PRIVATE void otx__block_rows_body(void *argument, size_t index, int worker)
{
    otx__block_rows *rows = (otx__block_rows *)argument;
    size_t i = index * rows->share, end = otx__min(i + rows->share, rows->count);
    (void)worker;
    rows->bad[index] = OTX__NONE;
    for (; i < end && rows->bad[index] == OTX__NONE; i++)
        if (otx__block_store(rows, rows->first + i, rows->block + i * rows->row_size, NULL))
            rows->bad[index] = rows->first + i;
}

/* Says which row could not be stored, and why. */
OTX__PRIVATE otx_result otx__fail_block_row(const otx__block_rows *rows, size_t row,
                                           otx_error *error)
{
    const otx__rebuild *r = rows->made;
    const otx_tensor *tensor = r->tensor->at->tensor;
    const size_t id = otx__rebuild_id(r, row);
    char name[OTX__QUOTED], content[OTX__QUOTED];
    otx_result result = otx__block_store(rows, row, rows->block, error);
    if (result != OTX_ERROR_RANGE) return result;
    return otx__fail(error, result, "%s: tensor \"%s\": the new row of donor id %" PRIu64
                     " (token \"%s\") has values that blocks of %s cannot hold; --embedding-type "
                     "f32 holds them", r->job->base.path,
                     otx__quote(name, sizeof name, tensor->name, tensor->name_size),
                     (uint64_t)id, otx__side_content(content, &r->job->donor, id),
                     otx_dtype_name(rows->stored));
}

/* Writes the rows of a matrix as blocks: those that the base stores so as they stand there,
   all others quantised. */
OTX__PRIVATE otx_result otx__write_blocks(const otx__rebuild *r, otx_dtype stored,
                                               otx__file *to, otx__meter *meter,
                                               otx_error *error)
{
    const otx_context *ctx = &r->job->ctx;
    otx__block_rows rows;
    unsigned bytes;
    const unsigned elements = otx_dtype_block(stored, &bytes);
    const size_t count = otx__rebuild_count(r);
    size_t room, parts, i;
    otx_result result = OTX_OK;
    memset(&rows, 0, sizeof rows);
    rows.made = r;
    rows.stored = stored;
    rows.row_size = r->made.columns / elements * bytes;
    rows.same = r->tensor->at->tensor->dtype == stored;
    room = otx__min(OTX__STREAM_BLOCK / rows.row_size + 1, count);
    rows.block = (char *)otx__alloc(ctx, room, rows.row_size);
    if (!rows.block) return otx__fail_array(error, room, rows.row_size);
    for (; rows.first < count && !result; rows.first += rows.count) {
        rows.count = otx__min(room, count - rows.first);
        parts = otx__min(rows.count, OTX__ROW_PARTS);
        rows.share = (rows.count + parts - 1) / parts;
        otx__parallel(ctx, parts, otx__block_rows_body, &rows);
        for (i = 0; i < parts && !result; i++)
            if (rows.bad[i] != OTX__NONE) result = otx__fail_block_row(&rows, rows.bad[i], error);
        if (!result && !to->sink.write(to->sink.context, rows.block, rows.count * rows.row_size))
            result = otx__fail(error, OTX_ERROR_IO, "cannot be written"); /* finish says why */
        if (!result)
            result = otx__meter_add(ctx, meter, (uint64_t)rows.count * rows.row_size, error);
    }
    otx__free(ctx, rows.block, room, rows.row_size);
    return result;
}

/* ---- rows in memory ----------------------------------------------------- */

/* Bytes read before progress is reported. */
#define OTX__READ_BLOCK ((size_t)4 << 20)

/* Whether a row holds numbers only, none of them beyond float. */
OTX__PRIVATE bool otx__row_is_finite(const char *row, otx_dtype dtype, size_t columns)
{
    const size_t size = otx_dtype_bits(dtype) / 8;
    float values[256];
    size_t i, j;
    for (i = 0; i < columns; i += OTX__COUNT(values)) {
        size_t count = otx__min(columns - i, OTX__COUNT(values));
        otx_to_float(values, row + i * size, dtype, count);
        for (j = 0; j < count; j++)
            if (!(values[j] >= -FLT_MAX && values[j] <= FLT_MAX)) return false;
    }
    return true;
}

OTX__PRIVATE otx_result otx__fail_row(const otx_checkpoint *checkpoint,
                                      const otx_tensor *tensor, const otx_vocab *vocab,
                                      size_t row, otx_error *error)
{
    char name[OTX__QUOTED], token[OTX__QUOTED];
    return otx__fail(
        error, OTX_ERROR_NOT_FINITE,
        "%s: tensor \"%s\", row %" PRIu64 " (token \"%s\"): holds a NaN, an infinity "
        "or a value beyond 32-bit float, and is needed",
        checkpoint->path, otx__quote(name, sizeof name, tensor->name, tensor->name_size),
        (uint64_t)row,
        otx__quote(token, sizeof token, vocab->tokens[row].content,
                   vocab->tokens[row].content_size));
}

/* A matrix in memory: the first rows of a tensor, in its own type. */
typedef struct otx__loaded {
    char *data;
    otx_dtype dtype;
    size_t rows, columns;
} otx__loaded;

OTX__PRIVATE void otx__loaded_close(const otx_job *job, otx__loaded *rows)
{
    otx__free(&job->ctx, rows->data, rows->rows * rows->columns,
              otx_dtype_bits(rows->dtype) / 8);
    rows->data = NULL;
}

/* Reads the first rows of a tensor and checks those that are needed, by row. */
OTX__PRIVATE otx_result otx__loaded_open(otx_job *job, const otx_checkpoint *checkpoint,
                                       const otx_checkpoint_tensor *at, const otx_vocab *vocab,
                                       size_t columns, const uint8_t *needed, size_t rows,
                                       otx__loaded *out, otx_error *error)
{
    size_t size = otx_dtype_bits(at->tensor->dtype) / 8, row_size, first, step, elements;
    otx_result result = OTX_OK;
    memset(out, 0, sizeof *out);
    out->dtype = at->tensor->dtype;
    out->rows = rows;
    out->columns = columns;
    if (!otx__mul(columns, size, &row_size) || !otx__mul(rows, columns, &elements))
        return otx__fail_memory(error, UINT64_MAX);
    out->data = (char *)otx__alloc(&job->ctx, elements, size);
    if (!out->data) return otx__fail_memory(error, (uint64_t)rows * row_size);
    step = otx__max(OTX__READ_BLOCK / row_size, 1);
    for (first = 0; first < rows && !result; first += step) {
        size_t count = otx__min(step, rows - first), i;
        char *to = out->data + first * row_size;
        result = otx_checkpoint_read(checkpoint, at, (uint64_t)first * columns, count * columns,
                                     to, error);
        for (i = 0; i < count && !result; i++)
            if (needed[first + i] &&
                !otx__row_is_finite(to + i * row_size, out->dtype, columns))
                result = otx__fail_row(checkpoint, at->tensor, vocab, first + i, error);
        if (!result)
            result = otx__poll(&job->ctx, OTX_STAGE_READ, at->tensor->name,
                               (uint64_t)(first + count) * row_size,
                               (uint64_t)rows * row_size, error);
    }
    if (result) otx__loaded_close(job, out);
    return result;
}

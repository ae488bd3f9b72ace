/* ---- verify: values ------------------------------------------------------- */

/* What is told of the rows of one tensor. */
typedef struct otx__row_count {
    uint64_t bad, first_bad;   /* not finite */
    uint64_t zero, first_zero; /* zeros only */
} otx__row_count;

/* Looks at one row. */
OTX__PRIVATE void otx__row_count_add(otx__row_count *count, uint64_t row, const char *data,
                                     otx_dtype dtype, size_t columns)
{
    if (!otx__row_is_finite(data, dtype, columns)) {
        if (count->bad++ == 0) count->first_bad = row;
        return;
    }
    if (otx__row_is_zero(data, dtype, columns) && count->zero++ == 0) count->first_zero = row;
}

/* Looks at every row of a tensor; a bias is one element a row. */
OTX__PRIVATE otx_result otx__verify_read(otx__verifier *v, const otx__vocab_tensor *what,
                                         otx__row_count *count, otx_error *error)
{
    const otx_tensor *tensor = what->at->tensor;
    const size_t columns = what->kind == OTX__PART_BIAS ? 1 : (size_t)tensor->shape[1];
    otx__row_walk walk;
    size_t i;
    otx_result result = otx__row_walk_open(&v->ctx, &v->side, what->at, columns,
                                           (size_t)what->rows, NULL, &walk, error);
    while (!result && otx__row_walk_next(&walk, &result, error))
        for (i = 0; i < walk.count; i++)
            otx__row_count_add(count, walk.first + i, walk.bytes + i * walk.row_size,
                               walk.dtype, columns);
    otx__row_walk_close(&walk);
    return result;
}

/* The content of the token that a row is of. */
OTX__PRIVATE const char *otx__row_content(char to[OTX__QUOTED], const otx__verifier *v,
                                          const otx__vocab_tensor *what, uint64_t row)
{
    const bool draft = v->draft && what->kind == OTX__PART_HEAD && row < v->side.draft_rows;
    return otx__side_content(to, &v->side, draft ? v->draft[row] : row);
}

/* Tells of rows that are not finite, and of rows of zeros that can be sampled. */
OTX__PRIVATE void otx__verify_tensor(otx__verifier *v, const otx__vocab_tensor *what)
{
    const otx__parts *parts = &v->side.parts;
    bool sampled = what->kind == OTX__PART_HEAD ||
                   (what->at == parts->embedding && parts->tied &&
                    otx__config_has_head(&v->side.config));
    char tensor[OTX__TENSOR_TEXT], token[OTX__QUOTED];
    otx__row_count count;
    otx_error error;
    memset(&count, 0, sizeof count);
    if (!otx__verify_take(v, otx__verify_read(v, what, &count, &error), &error)) return;
    otx__tensor_text(tensor, what->at->tensor);
    if (count.bad)
        otx__found(v, OTX_FAULT, "%s: tensor %s: %" PRIu64 " rows hold a NaN, an infinity or a "
                   "value beyond 32-bit float, the first %" PRIu64 " (token \"%s\")",
                   v->side.path, tensor, count.bad, count.first_bad,
                   otx__row_content(token, v, what, count.first_bad));
    if (count.zero && sampled)
        otx__found(v, OTX_WARNING, "%s: tensor %s: %" PRIu64 " rows are zeros, the first "
                   "%" PRIu64 " (token \"%s\"): they score 0, which may be the most, and can "
                   "be sampled", v->side.path, tensor, count.zero, count.first_zero,
                   otx__row_content(token, v, what, count.first_zero));
}

OTX__PRIVATE void otx__verify_values(otx__verifier *v)
{
    const otx__parts *parts = &v->side.parts;
    size_t i;
    for (i = 0; parts->embedding && i < parts->count && !v->failure; i++)
        otx__verify_tensor(v, &parts->tensors[i]);
}

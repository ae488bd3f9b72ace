/* ---- targets: the rows that are made from the donor's ---------------------- */

/* Bytes of the rows that a method makes at a time. */
#define OTX__MADE_BYTES ((size_t)64 << 20)

/* What making the new rows of one vocabulary tensor takes. */
typedef struct otx__rebuild {
    otx_job *job;
    const otx__vocab_tensor *tensor;
    const otx__solution *solution; /* NULL: the mean or zeros instead */
    otx__loaded old, made;       /* the base's rows, and the new ones */
    size_t old_rows, old_size;   /* rows of the base to read, and bytes of one */
    uint8_t *flags;              /* by row of either */
    size_t flag_count;
    size_t row_size;             /* of a new row, in bytes */
    double *row;                 /* for a row on its way, or a mean */
    const uint32_t *places;      /* by target: the new row that it is; NULL: its id */
    const uint32_t *ids;         /* of the new rows that are left, where not all are */
} otx__rebuild;

OTX__PRIVATE otx_result otx__fail_range(const otx__rebuild *r, size_t id, otx_error *error)
{
    const otx_tensor *tensor = r->tensor->at->tensor;
    const otx_token *token = otx__side_token(&r->job->donor, id);
    char name[OTX__QUOTED], content[OTX__QUOTED];
    otx__quote(name, sizeof name, tensor->name, tensor->name_size);
    if (!token)
        return otx__fail(error, OTX_ERROR_RANGE,
                         "%s: tensor \"%s\": the mean of the new rows, wanted for the padding "
                         "row %" PRIu64 ", has a value beyond the largest of %s",
                         r->job->base.path, name, (uint64_t)id, otx_dtype_name(r->made.dtype));
    return otx__fail(error, OTX_ERROR_RANGE,
                     "%s: tensor \"%s\": the new row of donor id %" PRIu64 " (token \"%s\") has "
                     "a value beyond the largest of %s; pass --saturate to clamp it",
                     r->job->base.path, name, (uint64_t)id,
                     otx__quote(content, sizeof content, token->content, token->content_size),
                     otx_dtype_name(r->made.dtype));
}

/* Rounds a row into the new matrix; false if a value does not fit. */
OTX__PRIVATE bool otx__rebuild_store(otx__rebuild *r, size_t id, const double *row)
{
    bool saturate = r->job->options.saturate;
    size_t i;
    for (i = 0; i < r->made.columns; i++)
        if (!otx__is_finite(row[i])) return false;
    return otx_from_double(r->made.data + id * r->row_size, row, r->made.dtype, r->made.columns,
                           saturate) == 0 || saturate;
}

/* What becomes of a new row. One that would copy a row which this tensor of the base
   does not have is padding. */
OTX__PRIVATE otx_action otx__rebuild_action(const otx__rebuild *r, size_t row)
{
    const otx_alignment *alignment = &r->job->alignment;
    if (row >= alignment->count) return OTX_ACTION_COPY;
    if (alignment->rows[row].base >= (int64_t)r->old_rows) return OTX_ACTION_PADDING;
    if (alignment->rows[row].action == OTX_ACTION_MATCH &&
        !otx__job_matches(r->job, row, r->tensor->kind))
        return OTX_ACTION_APPROXIMATE;
    return alignment->rows[row].action;
}

/* Rounds the rows that were made of some targets, but for those that have another's row here. */
OTX__PRIVATE otx_result otx__rebuild_store_targets(otx__rebuild *r, size_t first, size_t count,
                                                   const double *rows, otx_error *error)
{
    size_t i;
    for (i = 0; i < count; i++) {
        const size_t id = r->job->targets[first + i];
        const size_t place = r->places ? r->places[first + i] : id;
        if (otx__rebuild_action(r, id) == OTX_ACTION_APPROXIMATE &&
            !otx__rebuild_store(r, place, rows + i * r->made.columns))
            return otx__fail_range(r, id, error);
    }
    return OTX_OK;
}

/* The rows of the targets, as many at a time as there is room for. */
OTX__PRIVATE otx_result otx__rebuild_make(otx__rebuild *r, const otx_method_rows *from,
                                          otx_error *error)
{
    const otx_job *job = r->job;
    const otx_context ctx = otx__job_uncounted(r->job);
    size_t width = r->made.columns, first, count;
    size_t room = otx__min(OTX__MADE_BYTES / (width * sizeof(double)) + 1, job->target_count);
    double *rows = (double *)otx__alloc(&job->ctx, room, width * sizeof *rows);
    otx__at_hand at_hand;
    otx_result result;
    if (!rows) return otx__fail_memory(error, (uint64_t)room * width * sizeof *rows);
    result = otx__make_open(&ctx, &r->solution->fitted, from, &at_hand, error);
    for (first = 0; first < job->target_count && !result; first += count) {
        count = otx__min(room, job->target_count - first);
        result = otx__make_window(&ctx, &r->solution->fitted, &at_hand, first, count, rows, error);
        if (!result) result = otx__rebuild_store_targets(r, first, count, rows, error);
    }
    otx__at_hand_close(&at_hand);
    otx__free(&job->ctx, rows, room, width * sizeof *rows);
    return result;
}

/* Makes the rows of the targets by the method, which may look at the donor once more. */
OTX__PRIVATE otx_result otx__rebuild_solved(otx__rebuild *r, otx_error *error)
{
    const otx_job *job = r->job;
    otx_method_rows rows;
    otx__loaded donor;
    otx_result result = OTX_OK;
    memset(&rows, 0, sizeof rows);
    memset(&donor, 0, sizeof donor);
    rows.base = otx__loaded_rows(&r->old, job->anchor_bases, job->anchor_count);
    rows.tokens = otx__loaded_rows(&r->old, job->pieces.tokens, job->pieces.token_count);
    rows.pieces = otx__pieces_for(&job->pieces, r->solution->method);
    rows.anchor_pieces = otx__pieces_for(&job->anchor_pieces, r->solution->method);
    rows.head = r->tensor->kind == OTX__PART_HEAD;
    if (otx_method_needs(r->solution->method) & OTX_NEED_DONOR_AGAIN)
        result = otx__solution_read_donor(job, r->solution, &donor, &rows, error);
    if (!result) result = otx__rebuild_make(r, &rows, error);
    otx__loaded_close(job, &donor);
    return result;
}

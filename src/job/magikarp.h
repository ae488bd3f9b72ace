/* ---- magikarp: tokens that look under-trained by their rows --------------------------------- */

/* What mergekit's option of that name does, but for three things: a row that is good in the base
   is copied even where the donor's is not, as it would be made of a bad one; what neither model has
   trained gets what reserved tokens get, not zeros; and control tokens are left alone, because
   what ends a text must go on ending it. */

/* Marks the rows of a side. A tied donor's embedding counts as its head too, a tied base's does
   not: so the peer reads them. */
OTX__PRIVATE otx_result otx__magikarp_mark(const otx_job *job, const otx__side *side,
                                           uint8_t *marks, otx_error *error)
{
    const otx__parts *parts = &side->parts;
    const size_t rows = (size_t)parts->rows;
    const otx_context ctx = otx__job_uncounted(job);
    uint8_t *unused = (uint8_t *)otx__alloc_zero(&job->ctx, rows, 1);
    uint8_t *needed = (uint8_t *)otx__alloc_zero(&job->ctx, rows, 1);
    bool head = !parts->tied && parts->head;
    otx_result result = OTX_OK;
    size_t i;
    if (!unused || !needed) result = otx__fail_memory(error, 2 * (uint64_t)rows);
    for (i = 0; i < rows && !result; i++) unused[i] = otx__is_spare(side, i);
    for (i = 0; i < (head ? 2u : 1u) && !result; i++) {
        const otx_checkpoint_tensor *at = i ? parts->head : parts->embedding;
        bool norms = i == 0 && (head || (parts->tied && side->donor));
        otx__loaded loaded;
        otx_matrix matrix;
        result = otx__loaded_open(job, side, at, (size_t)at->tensor->shape[1], needed, rows,
                                  &loaded, error);
        matrix = otx__loaded_rows(&loaded, NULL, rows);
        if (!result) result = otx_mark_undertrained(&ctx, &matrix, unused, norms, marks, error);
        otx__loaded_close(job, &loaded);
    }
    otx__free(&job->ctx, needed, rows, 1);
    otx__free(&job->ctx, unused, rows, 1);
    return result;
}

typedef struct otx__magikarp_counts {
    uint64_t anchors; /* that are no longer */
    uint64_t anew;    /* copied rows that are made instead */
    uint64_t reserved;
} otx__magikarp_counts;

OTX__PRIVATE void otx__magikarp_act(otx_alignment *alignment, size_t id, otx_action action)
{
    otx_alignment_row *row = &alignment->rows[id];
    alignment->counts[row->action]--;
    alignment->counts[action]++;
    row->action = action;
    row->base = -1;
}

/* One token of the donor; whether its row there is marked, and the base's that it would copy. */
OTX__PRIVATE void otx__magikarp_judge(otx_job *job, size_t id, bool donor, bool base,
                                      otx__magikarp_counts *counts)
{
    otx_alignment *alignment = &job->alignment;
    otx_alignment_row *row = &alignment->rows[id];
    bool copied = row->action == OTX_ACTION_COPY;
    if ((!copied && row->action != OTX_ACTION_APPROXIMATE) || (!donor && !base) ||
        !otx__stands_for_text(&job->donor.vocab.tokens[id]))
        return;
    if (row->anchor) {
        row->anchor = false;
        alignment->anchor_count--;
        counts->anchors++;
    }
    if (donor && (base || !copied)) {
        otx__magikarp_act(alignment, id, OTX_ACTION_UNUSED);
        job->summary.tokens.untrained++;
        counts->reserved++;
    } else if (base) {
        otx__magikarp_act(alignment, id, OTX_ACTION_APPROXIMATE);
        counts->anew++;
    }
}

OTX__PRIVATE otx_result otx__magikarp_apply(otx_job *job, const uint8_t *donor,
                                            const uint8_t *base, otx_error *error)
{
    const otx_alignment *alignment = &job->alignment;
    size_t rows = otx__min(alignment->count, (size_t)job->donor.parts.rows), i;
    uint64_t base_rows = job->base.parts.rows;
    otx__magikarp_counts counts;
    memset(&counts, 0, sizeof counts);
    for (i = 0; i < rows; i++) {
        int64_t from = alignment->rows[i].base;
        bool bad = from >= 0 && (uint64_t)from < base_rows && base[from];
        otx__magikarp_judge(job, i, donor[i], bad, &counts);
    }
    otx__log(&job->ctx, OTX_NOTE, "of the tokens of %s and %s that look under-trained %" PRIu64
             " are no anchors, %" PRIu64 " that the base has are made anew, and %" PRIu64 " are "
             "treated as reserved", job->donor.path, job->base.path, counts.anchors, counts.anew,
             counts.reserved);
    if (alignment->anchor_count > 0 || counts.anchors == 0 || !otx__job_solves(job) ||
        alignment->counts[OTX_ACTION_APPROXIMATE] == 0)
        return OTX_OK;
    return otx__fail(error, OTX_ERROR_NO_ANCHORS, "each of the %" PRIu64 " text tokens that %s "
                     "and %s share looks under-trained in one of the two, so that there is "
                     "nothing to build rows from; leave --magikarp out", counts.anchors,
                     job->base.path, job->donor.path);
}

/* Takes such tokens from the anchors, if that is asked for. */
OTX__PRIVATE otx_result otx__job_magikarp(otx_job *job, otx_error *error)
{
    const size_t donor_rows = (size_t)job->donor.parts.rows;
    const size_t base_rows = (size_t)job->base.parts.rows;
    uint8_t *donor, *base;
    otx_result result;
    if (!job->options.magikarp) return OTX_OK;
    result = otx__job_has_rows(job, "--magikarp judges tokens by their rows in both models", error);
    if (result) return result;
    donor = (uint8_t *)otx__alloc_zero(&job->ctx, donor_rows, 1);
    base = (uint8_t *)otx__alloc_zero(&job->ctx, base_rows, 1);
    if (!donor || !base) result = otx__fail_memory(error, (uint64_t)donor_rows + base_rows);
    if (!result) result = otx__magikarp_mark(job, &job->donor, donor, error);
    if (!result) result = otx__magikarp_mark(job, &job->base, base, error);
    if (!result) result = otx__magikarp_apply(job, donor, base, error);
    otx__free(&job->ctx, base, base_rows, 1);
    otx__free(&job->ctx, donor, donor_rows, 1);
    return result;
}

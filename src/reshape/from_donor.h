/* ---- from_donor: rows of new tokens, made from those that a donor has for them ------------- */

/* Two jobs of the same model: that of its new tokenizer, which writes, and that of the donor's,
   which makes the rows that a transplant would and writes nothing. */
typedef struct otx__from_donor {
    otx_job *job;     /* the model with the donor, or NULL: there is none */
    uint32_t *ids;    /* by the donor's id: the new token that takes its row, or OTX__GONE */
    size_t id_count;
    uint32_t *places; /* by target of the job: that token */
    /* The caller's: what opening tells is about tokens that nobody wants. */
    void (*log)(void *context, otx_severity severity, const char *message);
} otx__from_donor;

OTX__PRIVATE void otx__from_donor_close(otx__from_donor *d)
{
    if (!d->job) return;
    otx__free(&d->job->ctx, d->ids, d->id_count, sizeof *d->ids);
    otx__free(&d->job->ctx, d->places, d->job->target_count, sizeof *d->places);
    otx_job_close(d->job);
}

/* Opens the donor beside the model and pairs their tokens. Close it in any case. */
OTX__PRIVATE otx_result otx__from_donor_open(otx__from_donor *d, const otx_context *ctx,
                                             const char *model, const char *donor,
                                             const otx_job_options *options, otx_error *error)
{
    otx_result result = otx__job_new(ctx, model, donor, options, &d->job, error);
    if (result) return result;
    d->job->lends = true;
    d->log = d->job->ctx.log;
    d->job->ctx.log = NULL;
    result = otx__job_check_options(&d->job->options, error);
    if (!result) result = otx__job_open_sides(d->job, error);
    return result ? result : otx__job_align(d->job, error);
}

/* ---- whose rows are wanted ---- */

/* The donor's token that is the same as a new one and that the model lacks, or -1. An added
   token may be a special one there. */
OTX__PRIVATE int64_t otx__from_donor_find(const otx__from_donor *d, const otx__token_index *index,
                                          const otx_token *token)
{
    const otx_alignment *alignment = &d->job->alignment;
    int64_t id = otx__index_find(index, token->kind, token->bytes, token->size);
    if (id < 0 && token->added)
        id = otx__index_find(index, OTX_TOKEN_CONTROL, token->content, token->content_size);
    if (id < 0 || (uint64_t)id >= alignment->count ||
        alignment->rows[id].action != OTX_ACTION_APPROXIMATE || d->ids[id] != OTX__GONE)
        return -1;
    return id;
}

/* Finds the donor's tokens that the new ones are. */
OTX__PRIVATE otx_result otx__from_donor_pair(otx__from_donor *d, const otx__reshaping *t,
                                             const otx_vocab *fresh, otx_error *error)
{
    const otx_vocab *vocab = &d->job->donor.vocab;
    otx__token_index index;
    size_t i;
    otx_result result = otx__index_open(&d->job->ctx, &index, vocab->tokens, vocab->count, false,
                                        error);
    if (result) return result;
    for (i = 0; i < vocab->count; i++) {
        const otx_token *token = &vocab->tokens[i];
        uint32_t *slot;
        if (token->kind == OTX_TOKEN_NONE) continue;
        slot = otx__index_slot(&index, token->kind, token->bytes, token->size);
        if (!*slot) *slot = (uint32_t)i + 1;
    }
    for (i = 0; i < t->count && i < fresh->count; i++) {
        const int64_t id = t->olds[i] == OTX__GONE
                               ? otx__from_donor_find(d, &index, &fresh->tokens[i]) : -1;
        if (id >= 0) d->ids[id] = (uint32_t)i;
    }
    otx__index_close(&d->job->ctx, &index);
    return OTX_OK;
}

/* Makes targets of them alone: to the job all others are as if the donor lacked them. */
OTX__PRIVATE void otx__from_donor_limit(otx__from_donor *d)
{
    otx_alignment *alignment = &d->job->alignment;
    size_t i;
    for (i = 0; i < alignment->count; i++) {
        otx_alignment_row *row = &alignment->rows[i];
        if (row->action != OTX_ACTION_APPROXIMATE || d->ids[i] != OTX__GONE) continue;
        row->action = OTX_ACTION_PADDING;
        alignment->counts[OTX_ACTION_APPROXIMATE]--;
        alignment->counts[OTX_ACTION_PADDING]++;
    }
}

/* What is left of opening the job, and the solves. */
OTX__PRIVATE otx_result otx__from_donor_solve(otx__from_donor *d, otx_error *error)
{
    otx_job *job = d->job;
    otx_result result = otx__job_judge_rows(job, error);
    size_t i;
    if (!result) result = otx__job_list(job, error);
    if (!result) result = otx__job_plan_tensors(job, error);
    if (!result) result = otx__job_plan_rope(job, error);
    job->ctx.log = d->log;
    if (result) return result;
    d->places = (uint32_t *)otx__alloc(&job->ctx, job->target_count, sizeof *d->places);
    if (!d->places) return otx__fail_array(error, job->target_count, sizeof *d->places);
    for (i = 0; i < job->target_count; i++) d->places[i] = d->ids[job->targets[i]];
    return otx__job_solve(job, error);
}

/* ---- giving them ---- */

/* Fails if a file that the solves read is no longer what it was. The model's too: they saw it
   as it was when the donor was opened, and the job that writes looked at it later. */
OTX__PRIVATE otx_result otx__from_donor_unchanged(const otx__from_donor *d, otx_error *error)
{
    const otx_job *job = d->job;
    otx_result result = otx__checkpoint_unchanged(&job->ctx, &job->base.checkpoint, error);
    if (!result) result = otx__checkpoint_unchanged(&job->ctx, &job->donor.checkpoint, error);
    if (!result) result = otx__stamps_compare(&job->base.read, error);
    if (!result) result = otx__stamps_compare(&job->donor.read, error);
    return result;
}

/* Makes the rows of one tensor where the other job has it. */
OTX__PRIVATE otx_result otx__from_donor_give(void *context, otx__rebuild *to, otx_error *error)
{
    const otx__from_donor *d = (const otx__from_donor *)context;
    const size_t which = (size_t)(to->tensor - to->job->base.parts.tensors);
    otx__rebuild r;
    otx_result result;
    if (d->job->target_count == 0 || d->job->plans[which].solution == OTX__NONE) return OTX_OK;
    result = otx__rebuild_begin(d->job, which, 1, &r, error);
    otx__loaded_close(d->job, &r.made);
    if (!result) {
        r.made = to->made; /* lent, as the model's rows are */
        r.old = to->old;
        r.places = d->places;
        result = otx__rebuild_solved(&r, error);
        if (!result) result = otx__diagnose(&r, error);
        if (!result) result = otx__from_donor_unchanged(d, error);
        r.made.data = NULL;
        r.old.data = NULL;
    }
    otx__rebuild_close(&r);
    return result;
}

/* Has the job of the new tokenizer take rows from there. */
OTX__PRIVATE otx_result otx__from_donor_join(otx__from_donor *d, const otx__reshaping *t,
                                             otx_job *job, otx_error *error)
{
    size_t count = d->job->alignment.count, i;
    otx_result result;
    d->ids = (uint32_t *)otx__alloc(&d->job->ctx, count, sizeof *d->ids);
    if (!d->ids) return otx__fail_array(error, count, sizeof *d->ids);
    d->id_count = count;
    for (i = 0; i < count; i++) d->ids[i] = OTX__GONE;
    result = otx__from_donor_pair(d, t, &job->donor.vocab, error);
    if (result) return result;
    otx__from_donor_limit(d);
    job->give = otx__from_donor_give;
    job->give_context = d;
    return otx__from_donor_solve(d, error);
}

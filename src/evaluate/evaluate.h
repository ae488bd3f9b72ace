/* ---- evaluate: methods, one after the other, matrix by matrix ------------------------ */

/* Bytes of the rows that are made at a time. */
#define OTX__SCORED_BYTES ((size_t)32 << 20)

/* What scoring the methods on one matrix takes; the pool's. */
typedef struct otx__scores_room {
    otx__pool pool;
    otx__scoring scoring;
    otx__ranking ranking;
    double *mean, *rows;
    float *sample;
    size_t window; /* rows at a time */
} otx__scores_room;

/* The mean and a sample of the rows of all tokens. */
OTX__PRIVATE otx_result otx__scores_room_open(otx__scores_room *room, const otx__evaluating *e,
                                              otx_error *error)
{
    const otx_context *ctx = &e->job->ctx;
    size_t columns = e->all.columns, threads = (size_t)otx__threads(ctx), i;
    size_t element = otx_dtype_bits(e->all.dtype) / 8;
    otx__scoring *s = &room->scoring;
    otx_result result;
    otx__pool_open(&room->pool, ctx);
    s->e = e;
    s->kernels = otx__combine_kernels(ctx);
    s->sample_count = otx__min(OTX__EVALUATE_SAMPLE, e->token_count);
    room->window = otx__min(OTX__SCORED_BYTES / (columns * sizeof(double)) + 1, e->hidden);
    room->mean = (double *)otx__pool_take(&room->pool, columns, sizeof(double));
    room->rows = (double *)otx__pool_take(&room->pool, room->window, columns * sizeof(double));
    room->sample = (float *)otx__pool_take(&room->pool, s->sample_count, columns * sizeof(float));
    s->scratch = (double *)otx__pool_take(&room->pool, threads, 2 * columns * sizeof(double));
    s->moments = (double *)otx__pool_take(&room->pool, e->hidden, sizeof(double));
    result = otx__ranking_open(&room->ranking, e, threads, &room->pool, error);
    if (!result && room->pool.failed) result = otx__pool_fail(&room->pool, error);
    if (result) return result;
    s->mean = room->mean;
    s->sample = room->sample;
    s->rows = room->rows;
    for (i = 0; i < s->sample_count; i++) {
        size_t at = e->tokens[i * e->token_count / s->sample_count];
        otx_to_float(room->sample + i * columns,
                     (const char *)e->all.data + at * columns * element, e->all.dtype, columns);
    }
    return otx__matrix_mean(ctx, &e->all, room->mean, error);
}

/* Makes the rows of the hidden tokens and scores them. */
OTX__PRIVATE otx_result otx__evaluate_rows(otx__evaluating *e, otx__scores_room *room,
                                           const otx_fitted *fitted, otx_error *error)
{
    const otx_context *ctx = &e->job->ctx;
    double work = 2.0 * (double)room->scoring.sample_count * (double)e->truth.columns;
    otx__at_hand at_hand;
    size_t first, count;
    otx_result result = otx__make_open(ctx, fitted, &e->rows, &at_hand, error);
    for (first = 0; first < e->hidden && !result; first += count) {
        otx__watch watch = otx__watch_open(ctx, OTX_STAGE_SOLVE, first, e->hidden);
        count = otx__min(room->window, e->hidden - first);
        result = otx__make_window(ctx, fitted, &at_hand, first, count, room->rows, error);
        room->scoring.first = first;
        if (!result)
            result = otx__watch_loop(&watch, count, work, otx__scoring_body, &room->scoring,
                                     error);
        if (!result) otx__ranking_keep(&room->ranking, first, count, room->rows);
    }
    otx__at_hand_close(&at_hand);
    if (!result) room->scoring.known = true;
    return result ? result : otx__ranking_run(&room->ranking, error);
}

/* One method on the matrix at hand. What keeps it from running is its entry's. */
OTX__PRIVATE otx_result otx__evaluate_method(otx__evaluating *e, otx__scores_room *room,
                                             otx_evaluation_entry *entry, otx_error *error)
{
    const otx_context *ctx = &e->job->ctx;
    double start = otx__now();
    otx_fitted fitted;
    otx_error why;
    otx_result result;
    size_t i;
    memset(&why, 0, sizeof why);
    e->rows.pieces = otx__pieces_for(&e->pieces, entry->method);
    e->rows.anchor_pieces = otx__pieces_for(&e->anchor_pieces, entry->method);
    result = otx_method_fit(ctx, entry->method, &e->rows, &e->options->method, &fitted, &why);
    if (!result) result = otx__evaluate_rows(e, room, &fitted, &why);
    entry->k = fitted.k;
    entry->choice = fitted.map.choice;
    entry->pieces = fitted.pieces;
    entry->result = result;
    entry->seconds = otx__now() - start;
    otx_method_close(ctx, &fitted);
    for (i = 0; i < OTX_CLASS_COUNT && !result; i++)
        entry->scores[i] = otx__scores_of(e, (otx_token_class)i);
    if (result == OTX_ERROR_CANCELLED || result == OTX_ERROR_MEMORY) {
        if (error) *error = why;
        return result;
    }
    if (result)
        otx__format(entry->message, sizeof entry->message, "%.*s",
                    (int)otx__utf8_cut(why.message, sizeof entry->message - 1), why.message);
    return OTX_OK;
}

OTX__PRIVATE otx_result otx__evaluate_matrix(otx__evaluating *e, size_t matrix, otx_error *error)
{
    otx_evaluation *out = e->out;
    otx__scores_room room;
    otx_result result = otx__evaluating_read(e, matrix, error);
    size_t methods = out->entry_count / out->matrix_count, i;
    memset(&room, 0, sizeof room);
    otx__pool_open(&room.pool, &e->job->ctx);
    if (!result) result = otx__scores_room_open(&room, e, error);
    out->matrices[matrix].rows = e->all.rows;
    out->matrices[matrix].columns = e->all.columns;
    out->matrices[matrix].donor_columns = e->rows.donor.columns;
    for (i = 0; i < methods && !result; i++)
        result = otx__evaluate_method(e, &room, &out->entries[matrix * methods + i], error);
    otx__pool_close(&room.pool);
    otx__evaluating_let_go(e);
    return result;
}

/* ---- the evaluation ---- */

OTX__PRIVATE char *otx__copy_text(const otx_context *ctx, const char *text)
{
    char *copy = (char *)otx__alloc(ctx, strlen(text) + 1, 1);
    return copy ? strcpy(copy, text) : NULL;
}

/* Room for an entry for every method and matrix. */
OTX__PRIVATE otx_result otx__evaluation_open(const otx_context *ctx, const otx_job *job,
                                             const otx_evaluate_options *options,
                                             otx_evaluation *out, otx_error *error)
{
    size_t methods = options->methods ? options->method_count : (size_t)OTX_METHOD_COUNT, i;
    otx_result result = OTX_OK;
    for (i = 0; i < methods && options->methods && !result; i++)
        result = otx__method_known(options->methods[i], error);
    if (result) return result;
    if (methods == 0 || methods > 4 * OTX_METHOD_COUNT)
        return otx__fail(error, OTX_ERROR_ARGUMENT, "%" PRIu64 " methods cannot be evaluated",
                         (uint64_t)methods);
    out->matrix_count = job->summary.matrix_count;
    out->entry_count = methods * out->matrix_count;
    out->seed = options->seed;
    out->base = otx__copy_text(ctx, job->base.path);
    out->donor = otx__copy_text(ctx, job->donor.path);
    out->entries =
        (otx_evaluation_entry *)otx__alloc_zero(ctx, out->entry_count, sizeof *out->entries);
    if (!out->base || !out->donor || !out->entries)
        return otx__fail_memory(error, out->entry_count * sizeof *out->entries);
    for (i = 0; i < out->matrix_count; i++)
        memcpy(out->matrices[i].name, job->summary.matrices[i].name,
               sizeof out->matrices[i].name);
    for (i = 0; i < out->entry_count; i++) {
        out->entries[i].matrix = i / methods;
        out->entries[i].method = options->methods ? options->methods[i % methods]
                                                  : (otx_method)(i % methods);
    }
    return OTX_OK;
}

OTX_API void otx_evaluation_close(const otx_context *ctx, otx_evaluation *evaluation)
{
    if (evaluation->base) otx__free(ctx, evaluation->base, strlen(evaluation->base) + 1, 1);
    if (evaluation->donor) otx__free(ctx, evaluation->donor, strlen(evaluation->donor) + 1, 1);
    otx__free(ctx, evaluation->entries, evaluation->entry_count, sizeof *evaluation->entries);
    memset(evaluation, 0, sizeof *evaluation);
}

/* All matrices of a job that is open. */
OTX__PRIVATE otx_result otx__evaluate_job(otx_job *job, const otx_evaluate_options *options,
                                          otx_evaluation *out, otx_error *error)
{
    otx__evaluating e;
    otx_result result;
    size_t i;
    memset(&e, 0, sizeof e);
    e.job = job;
    e.options = options;
    e.out = out;
    otx__pool_open(&e.pool, &job->ctx);
    otx__pool_open(&e.pieces.pool, &job->ctx);
    otx__pool_open(&e.anchor_pieces.pool, &job->ctx);
    result = otx__evaluating_open(&e, error);
    if (!result && otx__evaluating_needs_pieces(&e)) result = otx__evaluating_split(&e, error);
    out->anchors = e.kept;
    out->hidden = e.hidden;
    for (i = 0; i < out->matrix_count && !result; i++)
        result = otx__evaluate_matrix(&e, i, error);
    otx__pieces_close(&job->ctx, &e.pieces);
    otx__pieces_close(&job->ctx, &e.anchor_pieces);
    otx__pool_close(&e.pool);
    return result;
}

/* Whether a method is among those that are wanted. */
OTX__PRIVATE bool otx__evaluates(const otx_evaluate_options *options, otx_method method)
{
    size_t i;
    for (i = 0; i < options->method_count && options->methods; i++)
        if (options->methods[i] == method) return true;
    return !options->methods;
}

OTX_API otx_result otx_evaluate(const otx_context *ctx, const char *base, const char *donor,
                                const otx_evaluate_options *options, otx_evaluation *out,
                                otx_error *error)
{
    otx_evaluate_options settled;
    otx_job_options plain;
    otx_job *job;
    otx_result result;
    otx__team team;
    memset(out, 0, sizeof *out);
    memset(&settled, 0, sizeof settled);
    memset(&plain, 0, sizeof plain); /* by OMP, for which both models' rows must be there */
    if (options) settled = *options;
    result = otx__job_open_rows(ctx, base, donor, &plain, &job, error);
    if (result) return result;
    if (otx__evaluates(&settled, OTX_METHOD_MP_ROPE)) otx__rope_settle(job, &settled.method);
    result = otx__evaluation_open(ctx, job, &settled, out, error);
    otx__team_open(&team, &job->ctx);
    if (!result) result = otx__evaluate_job(job, &settled, out, error);
    otx__team_close(&team, &job->ctx);
    if (result) otx_evaluation_close(ctx, out);
    otx_job_close(job);
    return result;
}

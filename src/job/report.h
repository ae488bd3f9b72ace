/* ---- report: what a job did, as JSON and as a table ------------------------- */

/* ---- the report ---- */

OTX__PRIVATE otx_result otx__report_flush(otx__text *text, const otx_sink *sink,
                                          otx_error *error)
{
    if (text->failed) return otx__fail_memory(error, text->size);
    if (text->size > 0 && !sink->write(sink->context, text->bytes, text->size))
        return otx__fail(error, OTX_ERROR_IO, "the report could not be written");
    text->size = 0;
    return OTX_OK;
}

/* The base's tensor that a matrix of the summary is about. */
OTX__PRIVATE const otx_tensor *otx__report_tensor(const otx_job *job, size_t index)
{
    return job->base.parts.tensors[job->matrix_tensors[index]].at->tensor;
}

OTX__PRIVATE void otx__report_tokens(otx__text *text, const otx_job_tokens *tokens)
{
    otx__text_format(text,
                     "  \"tokens\": {\"total\": %" PRIu64 ", \"copied\": %" PRIu64
                     ", \"by_role\": %" PRIu64 ", \"mapped\": %" PRIu64
                     ", \"approximated\": %" PRIu64 ", \"unused\": %" PRIu64,
                     tokens->total, tokens->copied, tokens->by_role, tokens->mapped,
                     tokens->approximated, tokens->unused);
    if (tokens->matched) otx__text_format(text, ", \"matched\": %" PRIu64, tokens->matched);
    if (tokens->untrained)
        otx__text_format(text, ", \"untrained\": %" PRIu64, tokens->untrained);
    if (tokens->skipped) otx__text_format(text, ", \"skipped\": %" PRIu64, tokens->skipped);
    otx__text_format(text, ", \"padding\": %" PRIu64 "},\n", tokens->padding);
}

OTX__PRIVATE void otx__report_solver(otx__text *text, const otx_omp_stats *omp)
{
    otx__text_format(text,
                     ", \"solver\": {\"form\": \"%s\", \"steps\": %" PRIu64
                     ", \"passes\": %" PRIu64 ", \"columns\": %" PRIu64,
                     otx__word(otx_omp_form_name(omp->form)), omp->steps, omp->passes,
                     omp->columns);
    otx__text_format(text,
                     ", \"candidates\": %" PRIu64 ", \"candidates_99\": %" PRIu64
                     ", \"fallbacks\": %" PRIu64 ", \"peak_bytes\": %" PRIu64 ", \"plan\": ",
                     omp->candidates, omp->candidates_99, omp->fallbacks, omp->peak_bytes);
    otx__text_json_string(text, omp->plan, strlen(omp->plan));
    otx__text_string(text, "}");
}

/* The map of a matrix, and the figures by which it was chosen; null without hidden anchors. */
OTX__PRIVATE void otx__report_map(otx__text *text, const otx_job_matrix *matrix)
{
    const otx_affine_trial *choice = &matrix->choice;
    const struct {
        const char *name;
        double value;
    } figures[] = {{"share", choice->share}, {"error", choice->error}, {"loss", choice->loss}};
    size_t i;
    otx__text_string(text, ", \"map\": {\"lambda\": ");
    otx__text_double(text, choice->lambda);
    otx__text_format(text, ", \"cosine\": %s, \"hidden\": %" PRIu64,
                     choice->cosine ? "true" : "false", matrix->hidden);
    for (i = 0; i < OTX__COUNT(figures); i++) {
        otx__text_format(text, ", \"%s\": ", figures[i].name);
        if (matrix->hidden) otx__text_double(text, figures[i].value);
        else otx__text_string(text, "null");
    }
    otx__text_string(text, ", \"pieces\": ");
    otx__text_double(text, matrix->pieces);
    otx__text_string(text, ", \"other_loss\": ");
    if (matrix->other.lambda > 0) otx__text_double(text, matrix->other.loss);
    else otx__text_string(text, "null");
    otx__text_format(text, ", \"peak_bytes\": %" PRIu64 ", \"seconds\": ",
                     matrix->affine.peak_bytes);
    otx__text_double(text, matrix->affine.seconds);
    otx__text_string(text, "}");
}

/* How the new rows' norms lie to the anchors'. */
OTX__PRIVATE void otx__report_norms(otx__text *text, const otx_job_matrix *matrix)
{
    size_t i;
    otx__text_string(text, ", \"norms\": {\"anchors\": [");
    for (i = 0; i < 3; i++) {
        otx__text_string(text, i ? ", " : "");
        otx__text_double(text, matrix->anchor_norms[i]);
    }
    otx__text_format(text, "], \"long\": %" PRIu64 ", \"short\": %" PRIu64
                     ", \"longest_id\": %" PRIu64 ", \"longest\": ", matrix->long_rows,
                     matrix->short_rows, matrix->longest);
    otx__text_double(text, matrix->longest_norm);
    otx__text_string(text, "}");
}

/* Residuals are null where nothing was solved. */
OTX__PRIVATE void otx__report_matrix(otx__text *text, const otx_job *job, size_t index)
{
    const otx_tensor *tensor = otx__report_tensor(job, index);
    const otx_job_matrix *matrix = &job->summary.matrices[index];
    bool ran = job->ran && (otx_method_needs(matrix->method) & OTX_NEED_DONOR) != 0;
    bool solved = ran && matrix->k > 0;
    otx__text_string(text, "    {\"name\": ");
    otx__text_json_string(text, tensor->name, tensor->name_size);
    otx__text_format(text,
                     ", \"rows\": %" PRIu64 ", \"columns\": %" PRIu64 ", \"dtype\": \"%s\"",
                     matrix->rows, matrix->columns, otx__word(otx_dtype_name(matrix->dtype)));
    otx__text_format(text, ", \"method\": \"%s\", \"anchors\": %" PRIu64
                     ", \"approximated\": %" PRIu64, otx__word(otx_method_name(matrix->method)),
                     matrix->anchors, matrix->approximated);
    otx__text_string(text, ", \"mean_relative_residual\": ");
    if (solved) otx__text_double(text, matrix->mean_relative_residual);
    else otx__text_string(text, "null");
    otx__text_string(text, ", \"max_relative_residual\": ");
    if (solved) otx__text_double(text, matrix->max_relative_residual);
    else otx__text_string(text, "null");
    otx__text_string(text, ", \"seconds\": ");
    otx__text_double(text, matrix->seconds);
    if (ran) otx__text_format(text, ", \"k\": %" PRIu64, matrix->k);
    if (solved) otx__report_solver(text, &matrix->omp);
    if (ran && matrix->choice.lambda > 0) otx__report_map(text, matrix);
    if (ran && matrix->anchor_norms[2] > 0) otx__report_norms(text, matrix);
    otx__text_string(text, "}");
}

OTX_API otx_result otx_job_write_report(const otx_job *job, const otx_sink *sink,
                                        otx_error *error)
{
    const otx_job_summary *summary = &job->summary;
    otx__text text;
    otx_result result;
    size_t i;
    otx__text_open(&text, &job->ctx);
    otx__text_string(&text, "{\n  \"version\": \"" OTX_VERSION_STRING "\",\n  \"base\": ");
    otx__text_json_string(&text, job->base.path, strlen(job->base.path));
    otx__text_string(&text, ",\n  \"donor\": ");
    otx__text_json_string(&text, job->donor.path, strlen(job->donor.path));
    otx__text_format(&text, ",\n  \"method\": \"%s\",\n  \"head_method\": \"%s\",\n  \"k\": ",
                     otx__word(otx_method_name(job->options.method)),
                     otx__word(otx_method_name(otx__job_method(job, OTX__PART_HEAD))));
    if (!job->options.how.omp.k && (otx__job_needs(job) & OTX_NEED_BASE))
        otx__text_string(&text, "null"); /* each matrix has its own */
    else
        otx__text_format(&text, "%" PRIu64,
                         (uint64_t)(job->options.how.omp.k ? job->options.how.omp.k : 64));
    otx__text_format(&text, ",\n  \"isa\": \"%s\",\n  \"threads\": %d,\n",
                     otx__word(otx_isa_name(summary->isa)), summary->threads);
    otx__text_format(&text, "  \"digits\": {\"base\": %" PRIu64 ", \"donor\": %" PRIu64
                     ", \"split\": %s},\n", (uint64_t)job->base.vocab.digits,
                     (uint64_t)job->donor.vocab.digits, job->digits.size ? "true" : "false");
    otx__report_tokens(&text, &summary->tokens);
    if (summary->draft_rows)
        otx__text_format(&text, "  \"draft_rows\": %" PRIu64 ",\n", summary->draft_rows);
    otx__text_string(&text, "  \"matrices\": [");
    for (i = 0; i < summary->matrix_count; i++) {
        otx__text_string(&text, i ? ",\n" : "\n");
        otx__report_matrix(&text, job, i);
    }
    otx__text_format(&text, "\n  ],\n  \"peak_bytes\": %" PRIu64 ",\n  \"seconds\": ",
                     job->peak_bytes);
    otx__text_double(&text, summary->seconds);
    otx__text_string(&text, "\n}\n");
    result = otx__report_flush(&text, sink, error);
    otx__text_close(&text);
    return result;
}

/* ---- the token table ---- */

/* Bytes as one field of a tab-separated line. */
OTX__PRIVATE void otx__token_table_bytes(otx__text *text, const char *bytes, size_t size)
{
    size_t i = 0;
    while (i < size) {
        unsigned char byte = (unsigned char)bytes[i];
        size_t length = otx__utf8_length((const unsigned char *)bytes + i, size - i);
        if (byte == '\t') otx__text_string(text, "\\t");
        else if (byte == '\n') otx__text_string(text, "\\n");
        else if (byte == '\\') otx__text_string(text, "\\\\");
        else if (length == 0 || byte < 0x20 || byte == 0x7f)
            otx__text_format(text, "\\x%02x", byte);
        else otx__text_bytes(text, bytes + i, length);
        i += otx__max(length, 1);
    }
}

/* A number to nine significant digits, "-1.23456789e-02": a table of millions of
   them is for reading and must not take minutes. */
OTX__PRIVATE void otx__token_table_number(otx__text *text, double value)
{
    double size = value < 0 ? -value : value;
    int power = 8;
    uint64_t digits;
    if (!otx__is_finite(value) || value == 0) {
        otx__text_string(text, value == 0 ? "0" : "nan");
        return;
    }
    while (size < 1e8) {
        size *= 10;
        power--;
    }
    while (size >= 999999999.5) {
        size /= 10;
        power++;
    }
    digits = (uint64_t)(size + 0.5);
    otx__text_format(text, "%s%" PRIu64 ".%08" PRIu64 "e%c%02d", value < 0 ? "-" : "",
                     digits / 100000000, digits % 100000000, power < 0 ? '-' : '+',
                     power < 0 ? -power : power);
}

/* The fields of a target in one matrix: its relative residual, and
   donor:base:coefficient for each of its anchors; and the sum of the coefficients' sizes. All
   are empty under a map alone. */
OTX__PRIVATE void otx__token_table_anchors(otx__text *text, const otx_job *job,
                                     const otx__solution *solution, size_t target)
{
    const otx_fitted *fitted = &solution->fitted;
    size_t at = target * fitted->k, end = at + fitted->k, i;
    double sum = 0;
    otx__text_string(text, "\t");
    if (fitted->residual_norms)
        otx__token_table_number(text, otx__solution_residual(solution, target));
    otx__text_string(text, "\t");
    for (i = at; i < end && fitted->indices[i] >= 0; i++) {
        otx__text_format(text, "%s%" PRIu32 ":%" PRIu32 ":", i > at ? " " : "",
                         job->anchor_donors[fitted->indices[i]],
                         job->anchor_bases[fitted->indices[i]]);
        otx__token_table_number(text, fitted->coefficients[i]);
        sum += fabs(fitted->coefficients[i]);
    }
    otx__text_string(text, "\t");
    if (fitted->k > 0) otx__token_table_number(text, sum);
}

/* The two fields of what a new row is like: its norm as so many times the median of the
   anchors', and the base's id whose row is most alike, with their cosine. */
OTX__PRIVATE void otx__token_table_diagnosis(otx__text *text, const otx__diagnosis *d,
                                             double median, size_t target)
{
    otx__text_string(text, "\t");
    if (d->norms) otx__token_table_number(text, otx__ratio(d->norms[target], median));
    otx__text_string(text, "\t");
    if (!d->nearest || d->nearest[target] < 0) return;
    otx__text_format(text, "%" PRId32 ":", d->nearest[target]);
    otx__token_table_number(text, d->cosines[target]);
}

OTX__PRIVATE void otx__token_table_head(otx__text *text, const otx_job *job)
{
    static const char *const fields[] = {"residual", "anchors", "weight", "norm", "nearest"};
    size_t i, field;
    otx__text_string(text, "id\tkind\tbytes\taction\tbase_id");
    for (i = 0; i < job->summary.matrix_count; i++) {
        const otx_tensor *tensor = otx__report_tensor(job, i);
        for (field = 0; field < OTX__COUNT(fields); field++) {
            otx__text_format(text, "\t%s:", fields[field]);
            otx__token_table_bytes(text, tensor->name, tensor->name_size);
        }
    }
    otx__text_string(text, "\n");
}

/* The line of one donor id; `target` is its place among the targets if it is
   one. */
OTX__PRIVATE void otx__token_table_line(otx__text *text, const otx_job *job, size_t id,
                                        size_t target)
{
    const otx_alignment_row *row = id < job->alignment.count ? &job->alignment.rows[id] : NULL;
    const otx_token *token = otx__side_token(&job->donor, id);
    bool made = row && job->ran && otx__job_makes(job, id);
    size_t i;
    otx__text_format(text, "%" PRIu64 "\t%s\t", (uint64_t)id,
                     otx__word(otx_token_kind_name(token ? token->kind : OTX_TOKEN_NONE)));
    if (token) otx__token_table_bytes(text, token->bytes, token->size);
    otx__text_format(text, "\t%s\t",
                     otx__is_untrained(job, id) ? "untrained"
                     : row ? otx__word(otx_action_name(row->action)) : "skipped");
    if (row && row->base >= 0) otx__text_format(text, "%" PRId64, row->base);
    for (i = 0; i < job->summary.matrix_count; i++) {
        const otx__tensor_plan *plan = &job->plans[job->matrix_tensors[i]];
        otx__part_kind kind = job->base.parts.tensors[job->matrix_tensors[i]].kind;
        if (made && !otx__job_matches(job, id, kind) &&
            otx__job_fits(job, job->summary.matrices[i].method)) {
            otx__token_table_anchors(text, job, &job->solutions[plan->solution], target);
            otx__token_table_diagnosis(text, &job->diagnoses[i],
                                       job->summary.matrices[i].anchor_norms[1], target);
        } else {
            otx__text_string(text, "\t\t\t\t\t");
        }
    }
    otx__text_string(text, "\n");
}

/* Whether the combinations of a job that has been run are still there. */
OTX__PRIVATE bool otx__token_table_has_all(const otx_job *job)
{
    size_t i;
    for (i = 0; i < job->solution_count && job->ran; i++)
        if (otx__job_fits(job, job->solutions[i].method) &&
            job->solutions[i].fitted.targets != job->target_count)
            return false;
    return true;
}

OTX_API otx_result otx_job_write_tokens(const otx_job *job, const otx_sink *sink,
                                        otx_error *error)
{
    size_t count = otx__max(job->alignment.count, job->donor.vocab.count), target = 0, i;
    otx_result result = OTX_OK;
    otx__text text;
    if (!otx__token_table_has_all(job))
        return otx__fail(error, OTX_ERROR_ARGUMENT,
                         "the token table needs a job that has been run with keep_details");
    otx__text_open(&text, &job->ctx);
    otx__token_table_head(&text, job);
    for (i = 0; i < count && !result; i++) {
        otx__token_table_line(&text, job, i, target);
        if (target < job->target_count && job->targets[target] == i) target++;
        if (text.size < OTX__FILE_BUFFER && !text.failed) continue;
        result = otx__report_flush(&text, sink, error);
        if (!result) result = otx__job_poll(job, error);
    }
    if (!result) result = otx__report_flush(&text, sink, error);
    otx__text_close(&text);
    return result;
}

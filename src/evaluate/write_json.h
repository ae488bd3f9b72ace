/* ---- write_json: an evaluation as JSON ------------------------------------------------ */

/* A figure by its name. */
typedef struct otx__named_score {
    const char *name;
    double value;
} otx__named_score;

#define OTX__SCORE_COUNT 9

/* The figures in the order in which they are printed. */
OTX__PRIVATE void otx__scores_list(const otx_scores *scores, otx__named_score list[])
{
    const otx__named_score all[OTX__SCORE_COUNT] = {
        {"share", scores->share},
        {"error", scores->error},
        {"loss", scores->loss},
        {"cosine", scores->cosine},
        {"centred_cosine", scores->centred_cosine},
        {"relative_error", scores->relative_error},
        {"norm_ratio", scores->norm_ratio},
        {"top1", scores->top1},
        {"top10", scores->top10},
    };
    memcpy(list, all, sizeof all);
}

OTX__PRIVATE void otx__json_scores(otx__text *text, const otx_scores *scores)
{
    otx__named_score list[OTX__SCORE_COUNT];
    size_t i;
    otx__scores_list(scores, list);
    otx__text_format(text, "{\"count\": %" PRIu64 ", \"ranked\": %" PRIu64, scores->count,
                     scores->ranked);
    for (i = 0; i < OTX__SCORE_COUNT && scores->count; i++) {
        otx__text_format(text, ", \"%s\": ", list[i].name);
        otx__text_double(text, list[i].value);
    }
    otx__text_string(text, "}");
}

OTX__PRIVATE void otx__json_entry(otx__text *text, const otx_evaluation_entry *entry)
{
    size_t i;
    otx__text_format(text, "      {\"method\": \"%s\"", otx__word(otx_method_name(entry->method)));
    if (entry->result) {
        otx__text_string(text, ", \"error\": ");
        otx__text_json_string(text, entry->message, strlen(entry->message));
        otx__text_string(text, "}");
        return;
    }
    otx__text_format(text, ", \"k\": %" PRIu64, (uint64_t)entry->k);
    if (entry->choice.lambda > 0) {
        otx__text_string(text, ", \"lambda\": ");
        otx__text_double(text, entry->choice.lambda);
        otx__text_format(text, ", \"cosine\": %s", entry->choice.cosine ? "true" : "false");
        otx__text_string(text, ", \"pieces\": ");
        otx__text_double(text, entry->pieces);
    }
    otx__text_string(text, ", \"seconds\": ");
    otx__text_double(text, entry->seconds);
    otx__text_string(text, ", \"scores\": {");
    for (i = 0; i < OTX_CLASS_COUNT; i++) {
        otx__text_format(text, "%s\n        \"%s\": ", i ? "," : "",
                         otx_token_class_name((otx_token_class)i));
        otx__json_scores(text, &entry->scores[i]);
    }
    otx__text_string(text, "}}");
}

OTX__PRIVATE void otx__json_matrix(otx__text *text, const otx_evaluation *evaluation, size_t which)
{
    const otx_evaluation_matrix *matrix = &evaluation->matrices[which];
    size_t i, written = 0;
    otx__text_string(text, "    {\"name\": ");
    otx__text_json_string(text, matrix->name, strlen(matrix->name));
    otx__text_format(text, ", \"rows\": %" PRIu64 ", \"columns\": %" PRIu64
                     ", \"donor_columns\": %" PRIu64 ", \"methods\": [", matrix->rows,
                     matrix->columns, matrix->donor_columns);
    for (i = 0; i < evaluation->entry_count; i++) {
        if (evaluation->entries[i].matrix != which) continue;
        otx__text_string(text, written++ ? ",\n" : "\n");
        otx__json_entry(text, &evaluation->entries[i]);
    }
    otx__text_string(text, "\n    ]}");
}

OTX_API otx_result otx_evaluation_write_json(const otx_context *ctx,
                                             const otx_evaluation *evaluation,
                                             const otx_sink *sink, otx_error *error)
{
    otx__text text;
    otx_result result;
    size_t i;
    otx__text_open(&text, ctx);
    otx__text_string(&text, "{\n  \"version\": \"" OTX_VERSION_STRING "\",\n  \"base\": ");
    otx__text_json_string(&text, evaluation->base, strlen(evaluation->base));
    otx__text_string(&text, ",\n  \"donor\": ");
    otx__text_json_string(&text, evaluation->donor, strlen(evaluation->donor));
    otx__text_format(&text, ",\n  \"seed\": %" PRIu64 ",\n  \"anchors\": %" PRIu64
                     ",\n  \"hidden\": %" PRIu64 ",\n  \"matrices\": [\n", evaluation->seed,
                     evaluation->anchors, evaluation->hidden);
    for (i = 0; i < evaluation->matrix_count; i++) {
        otx__text_string(&text, i ? ",\n" : "");
        otx__json_matrix(&text, evaluation, i);
    }
    otx__text_string(&text, "\n  ]\n}\n");
    result = otx__report_flush(&text, sink, error);
    otx__text_close(&text);
    return result;
}

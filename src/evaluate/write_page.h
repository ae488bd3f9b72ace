/* ---- write_page: an evaluation as a page ------------------------------------------------ */

/* One HTML file with its style and its charts in it: nothing is fetched, nothing is run. */
static const char otx__page_style[] =
    "<style>\n"
    ":root { color-scheme: light dark; --ink: #1b1f24; --soft: #5c6672; --line: #d5dae0;\n"
    "  --page: #ffffff; --share: #2f6fb2; --error: #c8641e; }\n"
    "@media (prefers-color-scheme: dark) { :root { --ink: #e6e9ed; --soft: #9aa4af;\n"
    "  --line: #3a424b; --page: #15191e; --share: #6aa5e3; --error: #e79a5b; } }\n"
    "body { font: 15px/1.5 system-ui, sans-serif; color: var(--ink); background: var(--page);\n"
    "  max-width: 62rem; margin: 2rem auto; padding: 0 1rem; }\n"
    "h1 { font-size: 1.5rem; } h2 { font-size: 1.15rem; margin-top: 2.5rem; }\n"
    "p { max-width: 46rem; } p.soft, td.soft { color: var(--soft); }\n"
    "div.wide { overflow-x: auto; } table { border-collapse: collapse; margin: 1rem 0; }\n"
    "th, td { padding: .25rem .6rem; border-bottom: 1px solid var(--line); text-align: right;\n"
    "  font-variant-numeric: tabular-nums; } th { font-weight: 600; }\n"
    "th:first-child, td:first-child { text-align: left; } td.best { font-weight: 700; }\n"
    "svg { display: block; width: 100%; max-width: 46rem; height: auto; }\n"
    "svg text { font: 13px system-ui, sans-serif; fill: var(--ink); }\n"
    "svg text.soft { fill: var(--soft); } .share { fill: var(--share); }\n"
    ".error { fill: var(--error); } svg line { stroke: var(--line); }\n"
    "</style>\n";

/* Bytes that are no UTF-8, and control bytes, become U+FFFD. */
OTX__PRIVATE void otx__page_escaped(otx__text *text, const char *string)
{
    size_t left = strlen(string), length;
    for (; left > 0; string += length, left -= length) {
        bool control = ((unsigned char)*string < 0x20 && *string != '\t' && *string != '\n') ||
                       *string == 0x7f;
        length = otx__utf8_length((const unsigned char *)string, left);
        if (*string == '<') otx__text_string(text, "&lt;");
        else if (*string == '>') otx__text_string(text, "&gt;");
        else if (*string == '&') otx__text_string(text, "&amp;");
        else if (*string == '"') otx__text_string(text, "&quot;");
        else if (length && !control) otx__text_bytes(text, string, length);
        else otx__text_string(text, "\xef\xbf\xbd");
        if (!length) length = 1;
    }
}

/* Whether a loss is lower than another; one that is no number is the highest. */
OTX__PRIVATE bool otx__page_lower(double loss, double other)
{
    return loss < other || (otx__is_finite(loss) && !otx__is_finite(other));
}

/* The entries of a matrix that came to their end, the best first. */
typedef struct otx__page_order {
    const otx_evaluation_entry *entries[4 * OTX_METHOD_COUNT];
    size_t count;
} otx__page_order;

OTX__PRIVATE void otx__page_sort(const otx_evaluation *evaluation, size_t matrix,
                                 otx__page_order *order)
{
    size_t i, j;
    order->count = 0;
    for (i = 0; i < evaluation->entry_count; i++) {
        const otx_evaluation_entry *entry = &evaluation->entries[i];
        if (entry->matrix != matrix || entry->result) continue;
        for (j = order->count++; j > 0; j--) {
            if (!otx__page_lower(entry->scores[0].loss, order->entries[j - 1]->scores[0].loss))
                break;
            order->entries[j] = order->entries[j - 1];
        }
        order->entries[j] = entry;
    }
}

/* ---- charts ---- */

/* A bar from 0 to a value on a scale of 0 to 1.5, which is cut off there, and the value. None for
   what is no number. */
OTX__PRIVATE void otx__page_bar(otx__text *text, const char *name, double value, unsigned y)
{
    double shown = value > 1.5 ? 1.5 : value > 0.0 ? value : 0.0;
    unsigned width = (unsigned)(shown * 300.0 + 0.5);
    otx__text_format(text, "<rect class=\"%s\" x=\"170\" y=\"%u\" width=\"%u\" height=\"11\"/>"
                     "<text class=\"soft\" x=\"%u\" y=\"%u\">%.3f</text>\n", name, y, width,
                     176 + width, y + 10, value);
}

/* Both figures of every method. */
OTX__PRIVATE void otx__page_chart(otx__text *text, const otx__page_order *order)
{
    unsigned height = 34 * (unsigned)order->count + 40, y = 28;
    size_t i;
    otx__text_format(text, "<svg viewBox=\"0 0 700 %u\" role=\"img\" aria-label=\"Share and error "
                     "of each method; the numbers are in the table below\">\n", height);
    otx__text_string(text, "<rect class=\"share\" x=\"170\" y=\"4\" width=\"11\" height=\"11\"/>"
                     "<text x=\"186\" y=\"14\">share, more is better</text>\n"
                     "<rect class=\"error\" x=\"340\" y=\"4\" width=\"11\" height=\"11\"/>"
                     "<text x=\"356\" y=\"14\">error, less is better</text>\n");
    otx__text_format(text, "<line x1=\"170\" y1=\"22\" x2=\"170\" y2=\"%u\"/>\n", height - 8);
    for (i = 0; i < order->count; i++, y += 34) {
        const otx_scores *scores = &order->entries[i]->scores[0];
        otx__text_format(text, "<text x=\"160\" y=\"%u\" text-anchor=\"end\">%s</text>\n", y + 16,
                         otx__word(otx_method_name(order->entries[i]->method)));
        otx__page_bar(text, "share", scores->share, y);
        otx__page_bar(text, "error", scores->error, y + 13);
    }
    otx__text_string(text, "</svg>\n");
}

/* ---- tables ---- */

OTX__PRIVATE void otx__page_table(otx__text *text, const otx__page_order *order)
{
    static const char *const heads[OTX__SCORE_COUNT] = {
        "share", "error", "loss", "cosine", "centred cosine", "relative error", "norm ratio",
        "top 1", "top 10"};
    otx__named_score list[OTX__SCORE_COUNT];
    size_t i, j;
    otx__text_string(text, "<div class=\"wide\"><table>\n<tr><th>method</th><th>k</th>");
    for (j = 0; j < OTX__SCORE_COUNT; j++) otx__text_format(text, "<th>%s</th>", heads[j]);
    otx__text_string(text, "<th>seconds</th></tr>\n");
    for (i = 0; i < order->count; i++) {
        const otx_evaluation_entry *entry = order->entries[i];
        otx__text_format(text, "<tr><td>%s</td><td>%" PRIu64 "</td>",
                         otx__word(otx_method_name(entry->method)), (uint64_t)entry->k);
        otx__scores_list(&entry->scores[0], list);
        for (j = 0; j < OTX__SCORE_COUNT; j++)
            otx__text_format(text, "<td>%.3f</td>", list[j].value);
        otx__text_format(text, "<td class=\"soft\">%.1f</td></tr>\n", entry->seconds);
    }
    otx__text_string(text, "</table></div>\n");
}

/* The loss of every method by class of token; the least of a class is marked. */
OTX__PRIVATE void otx__page_classes(otx__text *text, const otx__page_order *order)
{
    size_t i, c;
    otx__text_string(text, "<div class=\"wide\"><table>\n<tr><th>loss by class of token</th>");
    for (c = 1; c < OTX_CLASS_COUNT; c++)
        otx__text_format(text, "<th>%s (%" PRIu64 ")</th>",
                         otx_token_class_name((otx_token_class)c),
                         order->count ? order->entries[0]->scores[c].count : 0);
    otx__text_string(text, "</tr>\n");
    for (i = 0; i < order->count; i++) {
        otx__text_format(text, "<tr><td>%s</td>",
                         otx__word(otx_method_name(order->entries[i]->method)));
        for (c = 1; c < OTX_CLASS_COUNT; c++) {
            const otx_scores *scores = &order->entries[i]->scores[c];
            bool best = scores->count > 0 && otx__is_finite(scores->loss);
            size_t other;
            for (other = 0; other < order->count && best; other++)
                best = !otx__page_lower(order->entries[other]->scores[c].loss, scores->loss);
            if (scores->count)
                otx__text_format(text, "<td%s>%.3f</td>", best ? " class=\"best\"" : "",
                                 scores->loss);
            else
                otx__text_string(text, "<td></td>");
        }
        otx__text_string(text, "</tr>\n");
    }
    otx__text_string(text, "</table></div>\n");
}

/* What could not run, and why. */
OTX__PRIVATE void otx__page_failed(otx__text *text, const otx_evaluation *evaluation,
                                   size_t matrix)
{
    size_t i;
    for (i = 0; i < evaluation->entry_count; i++) {
        const otx_evaluation_entry *entry = &evaluation->entries[i];
        if (entry->matrix != matrix || !entry->result) continue;
        otx__text_format(text, "<p class=\"soft\">%s: ",
                         otx__word(otx_method_name(entry->method)));
        otx__page_escaped(text, entry->message);
        otx__text_string(text, "</p>\n");
    }
}

OTX__PRIVATE void otx__page_matrix(otx__text *text, const otx_evaluation *evaluation, size_t which)
{
    const otx_evaluation_matrix *matrix = &evaluation->matrices[which];
    otx__page_order order;
    otx__page_sort(evaluation, which, &order);
    otx__text_string(text, "<h2>");
    otx__page_escaped(text, matrix->name);
    otx__text_format(text, "</h2>\n<p class=\"soft\">%" PRIu64 " token rows of %" PRIu64
                     " columns, made from the donor's of %" PRIu64 ".</p>\n", matrix->rows,
                     matrix->columns, matrix->donor_columns);
    otx__page_chart(text, &order);
    otx__page_table(text, &order);
    otx__page_classes(text, &order);
    otx__page_failed(text, evaluation, which);
}

OTX__PRIVATE void otx__page_head(otx__text *text, const otx_evaluation *evaluation)
{
    otx__text_string(text, "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
                     "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
                     "<title>Methods of transplanting, evaluated</title>\n");
    otx__text_string(text, otx__page_style);
    otx__text_string(text, "</head>\n<body>\n<h1>Which method makes the best rows?</h1>\n"
                     "<p>Base: ");
    otx__page_escaped(text, evaluation->base);
    otx__text_string(text, "<br>\nDonor: ");
    otx__page_escaped(text, evaluation->donor);
    otx__text_format(text, "</p>\n<p>%" PRIu64 " of the tokens that both share were hidden and "
                     "made anew from the other %" PRIu64 " (seed %" PRIu64 "). ",
                     evaluation->hidden, evaluation->anchors, evaluation->seed);
    otx__text_string(text,
                     "<b>Share</b> is the part of its true logit that a new row gives where the "
                     "token is due, <b>error</b> how wrong its logits are elsewhere, and loss is "
                     "error + 0.75 (1 - share); methods stand in its order. Cosine and relative "
                     "error do not rank methods as a language model does. Top 1 and top 10 say "
                     "how often the true row is among the nearest of all rows.</p>\n");
}

OTX_API otx_result otx_evaluation_write_html(const otx_context *ctx,
                                             const otx_evaluation *evaluation,
                                             const otx_sink *sink, otx_error *error)
{
    otx__text text;
    otx_result result;
    size_t i;
    otx__text_open(&text, ctx);
    otx__page_head(&text, evaluation);
    for (i = 0; i < evaluation->matrix_count; i++) otx__page_matrix(&text, evaluation, i);
    otx__text_string(&text, "</body>\n</html>\n");
    result = otx__report_flush(&text, sink, error);
    otx__text_close(&text);
    return result;
}

/* web - what the page in this folder asks of the library, for WebAssembly.

       web look SIDE
       web align BASE DONOR
       web transplant BASE DONOR OUT METHOD K
       web verify MODEL
       web evaluate BASE DONOR

   worker.js starts it anew for every question, so that all memory is given back with it. What
   it has to say goes through the functions that the page lends it; files are the system's,
   whose calls wasi.js answers. ./build.sh compiles it. */

#define OTX_STATIC
#define OMP_TRANSPLANT_IMPLEMENTATION
#include "omp_transplant.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ---- what the page lends -------------------------------------------------------------- */

#define PAGE(name) __attribute__((import_module("page"), import_name(name)))

/* Adds bytes to the answer of that name. */
PAGE("give") void page_give(const char *name, size_t length, const void *bytes, size_t size);

/* How far it is; the numbers as doubles, which JavaScript's are. */
PAGE("progress") void page_progress(int stage, const char *subject, size_t length, double done,
                                    double total);

/* A line of the library's, a note or a warning. */
PAGE("log") void page_log(int severity, const char *message, size_t length);

static void give(const char *name, const void *bytes, size_t size)
{
    page_give(name, strlen(name), bytes, size);
}

static bool give_to_sink(void *name, const void *bytes, size_t size)
{
    give((const char *)name, bytes, size);
    return true;
}

static otx_sink sink_of(char *name)
{
    otx_sink sink;
    sink.write = give_to_sink;
    sink.context = name;
    return sink;
}

static bool on_progress(void *context, const otx_progress *at)
{
    const char *subject = at->subject ? at->subject : "";
    (void)context;
    page_progress((int)at->stage, subject, strlen(subject), (double)at->done, (double)at->total);
    return true; /* the page cancels by ending the worker */
}

static void on_log(void *context, otx_severity severity, const char *message)
{
    (void)context;
    page_log((int)severity, message, strlen(message));
}

static otx_context make_context(void)
{
    otx_context ctx;
    memset(&ctx, 0, sizeof ctx);
    ctx.progress = on_progress;
    ctx.log = on_log;
    (void)getentropy(ctx.hash_key, sizeof ctx.hash_key); /* files of strangers, a coarse clock */
    return ctx;
}

/* ---- the plan as a table ---------------------------------------------------------------- */

/* Numbers of a row, in a WebAssembly's byte order, which is little-endian: the base's id or
   -1, action, whether it is an anchor, the kinds of both tokens, and three sizes: the donor's
   bytes, its content, and what the base's token is called. */
typedef struct table_row {
    int32_t base;
    uint8_t action, anchor, kind, base_kind;
    uint32_t size, content_size, base_size;
} table_row;

/* All rows, then all bytes of "text": for each row the three of `table_row` one after another. */
static void give_table(const otx_vocab *donor, const otx_vocab *base, const otx_alignment *plan)
{
    static const otx_token none;
    size_t count = plan->count > donor->count ? plan->count : donor->count, id;
    for (id = 0; id < count; id++) {
        const otx_alignment_row *row = id < plan->count ? &plan->rows[id] : NULL;
        const otx_token *token = id < donor->count ? &donor->tokens[id] : &none;
        const otx_token *other = &none;
        bool special;
        table_row out;
        if (row && row->base >= 0 && (size_t)row->base < base->count)
            other = &base->tokens[row->base];
        special = other->kind != OTX_TOKEN_TEXT;
        memset(&out, 0, sizeof out);
        out.base = row ? (int32_t)row->base : -1;
        out.action = (uint8_t)(row ? row->action : OTX_ACTION_COUNT); /* has no row */
        out.anchor = row && row->anchor;
        out.kind = (uint8_t)token->kind;
        out.base_kind = (uint8_t)other->kind;
        out.size = token->size;
        out.content_size = token->content_size;
        out.base_size = special ? other->content_size : other->size;
        give("rows", &out, sizeof out);
        give("text", token->bytes, token->size);
        give("text", token->content, token->content_size);
        give("text", special ? other->content : other->bytes, out.base_size);
    }
}

/* ---- the questions ------------------------------------------------------------------------ */

/* The plan for two tokenizers, whose weights need not be there. */
static otx_result align(const otx_context *ctx, char **arguments, otx_error *error)
{
    otx_vocab vocabs[2]; /* of base and donor */
    otx_alignment plan;
    otx_result result;
    memset(vocabs, 0, sizeof vocabs);
    memset(&plan, 0, sizeof plan);
    result = otx_vocab_open(ctx, arguments[0], &vocabs[0], error);
    if (!result) result = otx_vocab_open(ctx, arguments[1], &vocabs[1], error);
    if (!result) result = otx_align(ctx, &vocabs[1], &vocabs[0], NULL, &plan, error);
    if (!result) give_table(&vocabs[1], &vocabs[0], &plan);
    otx_alignment_close(ctx, &plan);
    otx_vocab_close(ctx, &vocabs[1]);
    otx_vocab_close(ctx, &vocabs[0]);
    return result;
}

/* The weights of a side: how many tensors and bytes, or why there are none. */
static void look_at_weights(const otx_context *ctx, const char *path)
{
    otx_checkpoint checkpoint;
    otx_error error;
    char line[160];
    uint64_t bytes = 0;
    size_t i;
    if (otx_checkpoint_open(ctx, path, &checkpoint, &error)) {
        give(error.code == OTX_ERROR_NOT_FOUND ? "absent" : "unusable", error.message,
             strlen(error.message));
        return;
    }
    for (i = 0; i < checkpoint.file_count; i++) bytes += checkpoint.files[i].source.size;
    snprintf(line, sizeof line, "{\"tensors\": %" PRIu64 ", \"bytes\": %" PRIu64 ", \"gguf\": %s}",
             (uint64_t)checkpoint.tensor_count, bytes, checkpoint.gguf ? "true" : "false");
    give("weights", line, strlen(line));
    otx_checkpoint_close(ctx, &checkpoint);
}

/* What a side holds. A file that is a tokenizer's has no weights to look for. */
static otx_result look(const otx_context *ctx, char **arguments, otx_error *error)
{
    const char *path = arguments[0];
    otx_vocab vocab;
    char line[240];
    otx_result result = otx_vocab_open(ctx, path, &vocab, error);
    if (result) return result;
    snprintf(line, sizeof line, "{\"tokens\": %" PRIu64 ", \"model\": \"%s\", \"family\": \"%s\", "
             "\"source\": \"%s\"}", (uint64_t)vocab.token_count, vocab.model ? vocab.model : "",
             otx_family_name(vocab.family), vocab.source);
    give("vocabulary", line, strlen(line));
    if (!strchr(path, '/') || strcmp(vocab.source, "GGUF") == 0) look_at_weights(ctx, path);
    otx_vocab_close(ctx, &vocab);
    return OTX_OK;
}

static otx_method method_of(const char *name)
{
    int i;
    for (i = 0; i < OTX_METHOD_COUNT; i++)
        if (strcmp(otx_method_name((otx_method)i), name) == 0) return (otx_method)i;
    return OTX_METHOD_OMP_AFFINE;
}

/* What the solver may take of the 4 GiB that a 32-bit program has; the output does not depend
   on it. */
#define SOLVER_MEMORY ((uint64_t)1 << 30)

static otx_result transplant(const otx_context *ctx, char **arguments, otx_error *error)
{
    static char report[] = "report", tokens[] = "tokens";
    otx_sink to_report = sink_of(report), to_tokens = sink_of(tokens);
    otx_job_options options;
    otx_job *job = NULL;
    otx_result result;
    memset(&options, 0, sizeof options);
    options.method = method_of(arguments[3]);
    options.how.omp.k = (size_t)strtoul(arguments[4], NULL, 10);
    options.how.omp.memory = SOLVER_MEMORY;
    options.keep_details = true;
    result = otx_job_open(ctx, arguments[0], arguments[1], &options, &job, error);
    if (!result)
        give_table(otx_job_donor_vocab(job), otx_job_base_vocab(job), otx_job_alignment(job));
    if (!result) result = otx_job_run(job, arguments[2], error);
    if (!result) result = otx_job_write_report(job, &to_report, error);
    if (!result) result = otx_job_write_tokens(job, &to_tokens, error);
    otx_job_close(job);
    return result;
}

/* Findings are lines as others are; how many there were is the answer. */
static otx_result verify(const otx_context *ctx, char **arguments, otx_error *error)
{
    otx_verify_options options;
    otx_verify_summary summary;
    char line[80];
    otx_result result;
    memset(&options, 0, sizeof options);
    options.finding = on_log;
    result = otx_verify(ctx, arguments[0], &options, &summary, error);
    if (result) return result;
    snprintf(line, sizeof line, "{\"faults\": %" PRIu64 ", \"warnings\": %" PRIu64 "}",
             summary.faults, summary.warnings);
    give("verified", line, strlen(line));
    return OTX_OK;
}

static otx_result evaluate(const otx_context *ctx, char **arguments, otx_error *error)
{
    static char html[] = "html", json[] = "json";
    otx_sink to_html = sink_of(html), to_json = sink_of(json);
    otx_evaluate_options options;
    otx_evaluation evaluation;
    otx_result result;
    memset(&options, 0, sizeof options);
    options.method.omp.memory = SOLVER_MEMORY;
    result = otx_evaluate(ctx, arguments[0], arguments[1], &options, &evaluation, error);
    if (result) return result;
    result = otx_evaluation_write_html(ctx, &evaluation, &to_html, error);
    if (!result) result = otx_evaluation_write_json(ctx, &evaluation, &to_json, error);
    otx_evaluation_close(ctx, &evaluation);
    return result;
}

int main(int count, char **words)
{
    static const struct {
        const char *name;
        int arguments;
        otx_result (*ask)(const otx_context *ctx, char **arguments, otx_error *error);
    } questions[] = {{"look", 1, look}, {"align", 2, align}, {"transplant", 5, transplant},
                     {"verify", 1, verify}, {"evaluate", 2, evaluate}};
    otx_context ctx = make_context();
    otx_error error;
    size_t i;
    for (i = 0; i < sizeof questions / sizeof questions[0]; i++) {
        if (count < 2 || strcmp(words[1], questions[i].name) != 0) continue;
        if (count != questions[i].arguments + 2) break;
        if (!questions[i].ask(&ctx, words + 2, &error)) return 0;
        give("error", error.message, strlen(error.message));
        return 1;
    }
    return 2;
}

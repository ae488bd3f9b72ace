/* Drafts whose output head has rows for a part of the tokens: which tokens, what is written,
   what verify says of it, right and wrong.
   A suite of the public API: linked with the implementation. */
#include "failing.h"
#include "small_models.h"

/* ---- what is written ---- */

static char findings[8000];

static void find(void *context, otx_severity severity, const char *message)
{
    size_t length = strlen(findings);
    (void)context;
    snprintf(findings + length, sizeof findings - length, "%s: %s\n",
             severity == OTX_FAULT ? "fault" : severity == OTX_WARNING ? "warning" : "note",
             message);
}

/* What verify says of a directory. */
static const char *verify(const char *directory, const char *target)
{
    otx_verify_options options;
    otx_error error;
    memset(&options, 0, sizeof options);
    options.finding = find;
    options.draft_for = target ? at(target) : NULL;
    findings[0] = 0;
    if (otx_verify(NULL, at(directory), &options, NULL, &error))
        snprintf(findings, sizeof findings, "failed: %s", error.message);
    return findings;
}

/* The bytes of a tensor of out, for free(); NULL if there is none or it is of another type. */
static unsigned char *raw(const char *name, otx_dtype dtype, size_t *size)
{
    otx_checkpoint checkpoint;
    const otx_checkpoint_tensor *found;
    unsigned char *bytes = NULL;
    *size = 0;
    if (otx_checkpoint_open(NULL, at("out"), &checkpoint, NULL)) return NULL;
    found = otx_checkpoint_find(&checkpoint, name);
    if (found && found->tensor->dtype == dtype) {
        const otx_source *source = &checkpoint.files[found->file].source;
        *size = (size_t)(found->tensor->end - found->tensor->begin);
        bytes = (unsigned char *)malloc(*size + 1);
        CHECK(source->read(source->context, found->tensor->begin, bytes, *size));
    }
    otx_checkpoint_close(NULL, &checkpoint);
    return bytes;
}

/* Checks that the head of out has the rows of `whole`, of the ids that are listed, and that
   d2t and t2d say which. */
static void check_head(const int *ids, size_t count, const float *whole)
{
    float rows[14 * 3] = {0};
    size_t size, i, j;
    unsigned char *bytes = raw("d2t", OTX_I64, &size);
    CHECK_INT(size, count * 8);
    for (i = 0; i < count && bytes && size == count * 8; i++) {
        uint64_t value = 0;
        for (j = 8; j-- > 0;) value = value << 8 | bytes[i * 8 + j];
        CHECK_INT(value + i, ids[i]);
    }
    free(bytes);
    bytes = raw("t2d", OTX_BOOL, &size);
    CHECK_INT(size, 14);
    for (i = j = 0; i < 14 && bytes && size == 14; i++) {
        bool has = j < count && ids[j] == (int)i;
        CHECK_INT(bytes[i], has);
        j += has;
    }
    free(bytes);
    read_floats("lm_head.weight", 0, count * 3, rows);
    for (i = 0; i < count; i++)
        CHECK(memcmp(rows + i * 3, whole + (size_t)ids[i] * 3, 3 * sizeof *rows) == 0);
}

static void write_pair(bool head, int shards)
{
    model base, donor;
    base_model_of(&base, OTX_F32, head);
    base.shards = shards;
    donor_model_of(&donor, OTX_F32, head);
    write_model("base", &base);
    write_model("donor", &donor);
}

/* As a list names them: text, bytes, an id, counts; one with a count of 0 is not meant. The
   tokens with a role are there besides: <s> is 5, <end> is 11. */
static const char *const listed[] = {"x", " d", "#12", "40\t0\tc", "0\t3\tb", "7\t8\ty"};
static const int listed_ids[] = {0, 2, 5, 7, 8, 11, 12};

static void lists(void)
{
    otx_job_options options;
    otx_job_summary summary;
    float head[14 * 3], embedding[14 * 3], again[14 * 3];
    int shards;
    for (shards = 0; shards <= 3; shards += 3) {
        write_pair(true, shards);
        memset(&options, 0, sizeof options);
        CHECK_RUN(&options, &summary);
        CHECK_INT(summary.draft_rows, 0);
        read_floats("lm_head.weight", 0, 14 * 3, head);
        read_floats("model.embed_tokens.weight", 0, 14 * 3, embedding);
        options.draft_vocab = listed;
        options.draft_vocab_count = COUNT(listed);
        CHECK_RUN(&options, &summary);
        CHECK_INT(summary.draft_rows, COUNT(listed_ids));
        CHECK_INT(summary.matrices[1].rows, COUNT(listed_ids));
        check_head(listed_ids, COUNT(listed_ids), head);
        read_floats("model.embed_tokens.weight", 0, 14 * 3, again);
        CHECK(memcmp(embedding, again, sizeof again) == 0);
        CHECK_CONTAINS(read_file("out", "config.json"), "\"draft_vocab_size\": 7");
        CHECK_CONTAINS(read_file("out", "config.json"), "\"tie_word_embeddings\": false");
        CHECK_CONTAINS(verify("out", NULL), "warning: ");
        CHECK_CONTAINS(findings, "rows for 7 of 14 ids");
        CHECK_CONTAINS(findings, "this one is \"LlamaForCausalLM\"");
        CHECK_STRING(strchr(findings, '\n') + 1, ""); /* and no more */
    }
}

/* A tied model gets a head of its own, also one whose head was stored once more; another that
   it has for tokens further on is cut down as well, be it alone or not. */
static void tied_models(void)
{
    otx_job_options options;
    float embedding[14 * 3], again[14 * 3];
    model base;
    int stored_twice;
    for (stored_twice = 0; stored_twice < 4; stored_twice++) {
        write_pair(false, 3);
        if (stored_twice) {
            base_model_of(&base, OTX_F32, false);
            if (stored_twice < 3)
                add_tensor(&base, "lm_head.weight", OTX_F32, 10, 3, base_embedding, 0);
            if (stored_twice >= 2)
                add_tensor(&base, "model.layers.3.shared_head.head.weight", OTX_F32, 10, 3,
                           base_head, 0);
            write_model("base", &base);
        }
        memset(&options, 0, sizeof options);
        CHECK_RUN(&options, NULL);
        read_floats("model.embed_tokens.weight", 0, 14 * 3, embedding);
        CHECK(!has_tensor("out", "lm_head.weight"));
        options.keep_details = true;
        options.draft_vocab = listed;
        options.draft_vocab_count = COUNT(listed);
        CHECK_RUN(&options, NULL);
        check_head(listed_ids, COUNT(listed_ids), embedding);
        CHECK_INT(has_tensor("out", "model.layers.3.shared_head.head.weight"), stored_twice >= 2);
        read_floats("model.embed_tokens.weight", 0, 14 * 3, again);
        CHECK(memcmp(embedding, again, sizeof again) == 0);
        CHECK_CONTAINS(read_file("out", "config.json"), "\"tie_word_embeddings\": false");
        CHECK(!strstr(verify("out", NULL), "fault: "));
    }
}

/* Ids below a number, without reserved ones and ids that have no token; the rows of other
   methods and of another type. */
static void first_ids(void)
{
    static const int ids[] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 11};
    otx_job_options options;
    float head[14 * 3];
    write_pair(true, 0);
    memset(&options, 0, sizeof options);
    options.method = OTX_METHOD_MEAN;
    options.dtype = OTX_BF16;
    CHECK_RUN(&options, NULL);
    read_floats("lm_head.weight", 0, 1, head);
    options.dtype = OTX_DTYPE_NONE;
    CHECK_RUN(&options, NULL);
    read_floats("lm_head.weight", 0, 14 * 3, head);
    options.draft_vocab_first = 11;
    CHECK_RUN(&options, NULL);
    check_head(ids, COUNT(ids), head);
}

/* A base whose config has the count already, as it had another head: it is said once. */
static void counted_before(void)
{
    otx_job_options options;
    model base;
    write_pair(true, 0);
    base_model_of(&base, OTX_F32, true);
    base.config = "{\"vocab_size\": 10, \"draft_vocab_size\": 10, \"bos_token_id\": 0, "
                  "\"eos_token_id\": 1, \"tie_word_embeddings\": false}";
    write_model("base", &base);
    memset(&options, 0, sizeof options);
    options.draft_vocab_first = 2;
    CHECK_RUN(&options, NULL);
    CHECK_STRING(read_file("out", "config.json"),
                 "{\"vocab_size\": 14, \"draft_vocab_size\": 4, \"bos_token_id\": 5, "
                 "\"eos_token_id\": 11, \"tie_word_embeddings\": false}");
}

/* The tokens of a template of the caller's have rows as well. */
static void chat_templates(void)
{
    static const int ids[] = {0, 1, 5, 11, 12};
    otx_job_options options;
    char path[400];
    float head[14 * 3];
    write_pair(true, 0);
    write_file("base", "own.jinja", "{{ '<tool>' + messages[0] + '<none>' }}");
    snprintf(path, sizeof path, "%s", at("base/own.jinja"));
    memset(&options, 0, sizeof options);
    options.method = OTX_METHOD_MEAN;
    CHECK_RUN(&options, NULL);
    read_floats("lm_head.weight", 0, 14 * 3, head);
    options.draft_vocab_first = 2;
    CHECK_RUN(&options, NULL);
    check_head(ids, COUNT(ids) - 1, head);
    options.chat = OTX_CHAT_FILE;
    options.chat_file = path;
    CHECK_RUN(&options, NULL);
    check_head(ids, COUNT(ids), head);
}

/* The head of a finished model: all of its rows are copies, padding and reserved ones too. */
static void finished_models(void)
{
    static const int ids[] = {1, 3, 5, 11};
    static const char *const list[] = {"a", "b"};
    otx_job_options options;
    otx_error error;
    model donor;
    float head[14 * 3], embedding[14 * 9];
    otx_job_summary summary;
    otx_context ctx;
    size_t i, way;
    donor_model_of(&donor, OTX_F32, true);
    donor.tensors[1].shape[1] = 3; /* check_head's */
    write_model("donor", &donor);
    memset(&options, 0, sizeof options);
    options.method = OTX_METHOD_ZERO;
    options.padding = OTX_PADDING_ZERO;
    options.draft_vocab = list;
    options.draft_vocab_count = COUNT(list);
    memset(&ctx, 0, sizeof ctx);
    ctx.log = remember;
    for (way = 0; way < 2; way++) { /* however it is called the second time */
        scratch_remove_tree("out");
        logged[0] = 0;
        CHECK_INT(otx_transplant(&ctx, at("donor"), at(way ? "donor/." : "donor"), at("out"),
                                 &options, &summary, &error), OTX_OK);
        CHECK(!strstr(logged, "will be zeros"));
        CHECK_INT(summary.tokens.copied, summary.tokens.total);
        CHECK_INT(summary.tokens.unused, 0);
        for (i = 0; i < 14 * 3; i++) head[i] = (float)donor_head(i / 3, i % 3);
        check_head(ids, COUNT(ids), head);
        read_floats("model.embed_tokens.weight", 0, 14 * 9, embedding);
        for (i = 0; i < 14 * 9; i++) CHECK(embedding[i] == (float)donor_embedding(i / 9, i % 9));
    }
}

/* ---- what is refused ---- */

/* An id that the donor has and the new matrices have no row for; and how many rows there are. */
static void ids_beyond_the_rows(void)
{
    static const char *const last[] = {"#12"};
    static gathered text;
    otx_job_options options;
    otx_job *job = NULL;
    otx_error error;
    otx_sink sink;
    write_pair(true, 0);
    memset(&options, 0, sizeof options);
    options.draft_vocab = last;
    options.draft_vocab_count = 1;
    options.rows = OTX_ROWS_EXACT;
    options.rows_exact = 12;
    check_fails(&options, OTX_ERROR_MISMATCH, "entry 1 of the draft's tokens, \"#12\": id 12 has "
                                              "no row; there are 12");
    options.rows_exact = 13;
    sink.write = gather;
    sink.context = &text;
    text.size = 0;
    CHECK_INT(otx_job_open(NULL, at("base"), at("donor"), &options, &job, &error), OTX_OK);
    CHECK_INT(otx_job_write_report(job, &sink, &error), OTX_OK);
    CHECK_CONTAINS(text.bytes, "\"draft_rows\": 3,\n"); /* and the roles' */
    otx_job_close(job);
}

static void hostile_lists(void)
{
    static const struct {
        const char *entry;
        otx_result code;
        const char *message;
    } wrong[] = {
        {"no such token", OTX_ERROR_NOT_FOUND, "entry 2 of the draft's tokens, \"no such token\""},
        {"#99", OTX_ERROR_NOT_FOUND, "has no such token"},
        {"#9", OTX_ERROR_NOT_FOUND, "has no such token"}, /* a hole */
        {"#99999999999999999999999", OTX_ERROR_NOT_FOUND, "has no such token"},
        {"\\q", OTX_ERROR_ARGUMENT, "a backslash begins"},
        {"12\t99\tx", OTX_ERROR_NOT_FOUND, "has no such token"},
        {"12\t99999999999999999999999\tx", OTX_ERROR_NOT_FOUND, "has no such token"},
        {"12\t7\ty", OTX_ERROR_MISMATCH, "count with that tokenizer"},
        {"-1\t7\tx", OTX_ERROR_NOT_FOUND, "has no such token"},
        {"1\t7", OTX_ERROR_NOT_FOUND, "has no such token"},
        {"", OTX_ERROR_NOT_FOUND, "has no such token"},
        {"a line\nand \x1b[31m another", OTX_ERROR_NOT_FOUND, "a line\\n"},
    };
    otx_job_options options;
    const char *list[2];
    size_t i;
    write_pair(true, 0);
    memset(&options, 0, sizeof options);
    options.draft_vocab = list;
    options.draft_vocab_count = 2;
    list[0] = "a";
    for (i = 0; i < COUNT(wrong); i++) {
        list[1] = wrong[i].entry;
        if (i + 1 < COUNT(wrong)) check_fails(&options, wrong[i].code, wrong[i].message);
        else CHECK_INT(run(&options, NULL), wrong[i].code);
        CHECK(!strchr(last_error.message, '\n') && !strchr(last_error.message, '\x1b'));
    }
    /* Texts that were cut, or have escapes of another kind, are not compared. */
    list[1] = "12\t7\t...";
    CHECK_RUN(&options, NULL);
    list[1] = "12\t7\t\\q";
    CHECK_RUN(&options, NULL);
    list[1] = "12\t7\t";
    CHECK_RUN(&options, NULL);
    options.draft_vocab_first = 1000;
    check_fails(&options, OTX_ERROR_ARGUMENT, "rows for all 11 tokens");
    list[1] = "#10"; /* a reserved token makes up for none that is left out: <tool> */
    options.draft_vocab_first = 12;
    CHECK_RUN(&options, NULL);
}

static void heads_that_cannot_be_cut(void)
{
    otx_job_options options;
    model base, donor;
    memset(&options, 0, sizeof options);
    options.draft_vocab_first = 5;
    write_rich_models();
    check_fails(&options, OTX_ERROR_ARGUMENT, "\"lm_head.bias\" [10] is a bias by token");
    base_model_of(&base, OTX_F32, false);
    base.config = "{\"architectures\": [\"BertModel\"], \"hidden_size\": 3, \"vocab_size\": 10}";
    donor_model_of(&donor, OTX_F32, false);
    write_model("base", &base);
    write_model("donor", &donor);
    check_fails(&options, OTX_ERROR_ARGUMENT, "has no output head");
    /* One that has such a head already. */
    write_pair(true, 0);
    CHECK_RUN(&options, NULL);
    scratch_remove_tree("base");
    CHECK_INT(rename(at("out"), at("base")), 0);
    check_fails(&options, OTX_ERROR_UNSUPPORTED, "of its own head and tokenizer alone");
    scratch_remove_tree("donor");
    CHECK_INT(rename(at("base"), at("donor")), 0);
    base_model_of(&base, OTX_F32, true);
    write_model("base", &base);
    check_fails(&options, OTX_ERROR_UNSUPPORTED, "is the output head of a draft");
}

/* ---- what verify says ---- */

static double zeros(size_t row, size_t column) { return 0 * (double)(row + column); }
static double twos(size_t row, size_t column)
{
    (void)row;
    return (double)column * 2;
}

static double beyond(size_t row, size_t column)
{
    (void)row;
    return column == 4 ? 10 : 2;
}

static double same(size_t row, size_t column)
{
    (void)row;
    return column == 0 ? 1 : 0;
}

static double marks(size_t row, size_t column)
{
    (void)row;
    return column < 5;
}

static double no_marks(size_t row, size_t column)
{
    (void)row;
    return column > 7;
}


/* Writes a draft of the base's 10 rows with those tensors, and 5 rows of a head. */
static const char *draft(uint64_t head_rows, otx_dtype dtype, uint64_t elements,
                         double (*d2t)(size_t, size_t), double (*t2d)(size_t, size_t),
                         const char *said)
{
    static char config[400];
    model base;
    base_model_of(&base, OTX_F32, false);
    snprintf(config, sizeof config, "{\"architectures\": [\"LlamaForCausalLMEagle3\"], "
             "\"hidden_size\": 3, \"tie_word_embeddings\": false, \"vocab_size\": 10, "
             "\"bos_token_id\": 0, \"eos_token_id\": 1%s}", said);
    base.config = config;
    if (head_rows) add_tensor(&base, "lm_head.weight", OTX_F32, head_rows, 3, base_head, 0);
    add_tensor(&base, "d2t", dtype, elements, 0, d2t, 0);
    if (t2d) add_tensor(&base, "t2d", OTX_BOOL, 10, 0, t2d, 0);
    write_model("draft", &base);
    return verify("draft", NULL);
}

#define FIVE ", \"draft_vocab_size\": 5"

static void wrong_maps(void)
{
    CHECK_CONTAINS(draft(5, OTX_I64, 5, zeros, marks, FIVE), "note: ");
    CHECK_CONTAINS(findings, "rows for 5 of 10 ids, by d2t, which vLLM and SGLang read of "
                             "EAGLE-3 drafts\n");
    CHECK_STRING(strchr(findings, '\n') + 1, "");
    CHECK_CONTAINS(draft(5, OTX_I64, 5, beyond, NULL, FIVE),
                   "fault: ");
    CHECK_CONTAINS(findings, "1 rows are of no id below 10, the first 4 by 10; in safetensors it "
                             "holds the id less the row's number");
    CHECK_CONTAINS(draft(5, OTX_I64, 5, same, NULL, FIVE), "fault: ");
    CHECK_CONTAINS(findings, "1 rows are of ids that rows before them are of, the first 1 (token "
                             "\"</s>\")");
    CHECK_CONTAINS(draft(4, OTX_I64, 5, zeros, NULL, FIVE), "than d2t has elements");
    CHECK_CONTAINS(draft(10, OTX_I64, 5, zeros, NULL, FIVE), "has 10 rows for 5 elements");
    CHECK_CONTAINS(draft(0, OTX_I64, 5, zeros, NULL, FIVE), "no output head for the 5 elements");
    CHECK_CONTAINS(draft(11, OTX_I64, 11, zeros, NULL, ", \"draft_vocab_size\": 11"),
                   "tensor \"d2t\" has 11 elements; there are 10 ids");
    CHECK_CONTAINS(draft(5, OTX_I32, 5, zeros, NULL, FIVE), "is I32; one I64 for each row");
    CHECK_CONTAINS(draft(5, OTX_I64, 5, zeros, no_marks, FIVE),
                   "warning: ");
    CHECK_CONTAINS(findings, "of 7 tokens whether they have a row, the first 0 (\"<s>\")");
    CHECK_CONTAINS(draft(5, OTX_I64, 5, zeros, NULL, ""),
                   "config.json: has no count \"draft_vocab_size\"; d2t has 5 elements");
    CHECK_CONTAINS(draft(5, OTX_I64, 5, zeros, NULL, ", \"draft_vocab_size\": \"5\""),
                   "has no count");
    CHECK_CONTAINS(draft(5, OTX_I64, 5, zeros, NULL, ", \"draft_vocab_size\": 6"), "is 6; d2t");
    /* Ids 0, 3, 6: without eos; 9 has a row and no token. */
    CHECK_CONTAINS(draft(4, OTX_I64, 4, twos, NULL, ", \"draft_vocab_size\": 4"),
                   "no row for eos, 1 (token \"</s>\")");
    CHECK_CONTAINS(findings, "1 rows are of ids without a token, the first 3 (id 9)");
    CHECK(!strstr(findings, "fault: "));
}

/* Other ranks; values of rows are told of with the token that d2t says. */
static void odd_maps(void)
{
    model base;
    size_t i;
    base_model_of(&base, OTX_F32, false);
    add_tensor(&base, "lm_head.weight", OTX_F32, 5, 3, base_head, 0);
    add_tensor(&base, "d2t", OTX_I64, 5, 0, zeros, 0);
    add_tensor(&base, "t2d", OTX_BOOL, 9, 0, marks, 0);
    base.config = "{\"hidden_size\": 3, \"vocab_size\": 10, \"draft_vocab_size\": 5}";
    write_model("draft", &base);
    CHECK_CONTAINS(verify("draft", NULL), "warning: ");
    CHECK_CONTAINS(findings, "tensor \"t2d\" [9] is BOOL; one BOOL for each of the 10 rows of the "
                             "embedding is read");
    for (i = 0; i < 3; i++) {
        base_model_of(&base, OTX_F32, false);
        add_tensor(&base, "lm_head.weight", OTX_F32, 5, 3, i == 2 ? zeros : base_head, 0);
        add_tensor(&base, "d2t", OTX_I64, i == 0 ? 5 : i == 1 ? 0 : 5, i == 0 ? 1 : 0, twos, 0);
        write_model("draft", &base);
        CHECK_CONTAINS(verify("draft", NULL), i < 2 ? "one I64 for each row of the output head"
                                                    : "first 0 (token \"<s>\"): they score 0");
    }
}

static void draft_engines(void)
{
    otx_job_options options;
    memset(&options, 0, sizeof options);
    options.draft_vocab_first = 5;
    write_pair(true, 0);
    CHECK_RUN(&options, NULL);
    verify("out", "donor");
    CHECK_CONTAINS(findings, "warning: draft: llama.cpp takes the tokens of the pair, but not the "
                             "head: it reads d2t of EAGLE-3 and DFlash drafts\n");
    CHECK_CONTAINS(findings, "draft: vllm takes the tokens of the pair, but not the head: it reads "
                             "d2t of EAGLE-3 drafts\n");
    CHECK_CONTAINS(findings, "draft: sglang takes the tokens of the pair, but not the head");
    CHECK_CONTAINS(findings, "head: it reads d2t of no model\n");
    CHECK(!strstr(findings, "fault: "));
    verify("out", "base");
    CHECK_CONTAINS(findings, "fault: draft: vllm refuses the pair: \"vocab_size\" is 14");
    draft(5, OTX_I64, 5, zeros, NULL, FIVE);
    verify("draft", "draft");
    CHECK_CONTAINS(findings, "note: draft: vllm takes the pair\n");
    CHECK_CONTAINS(findings, "draft: transformers takes the tokens of the pair, but not the head");
}

/* ---- failures ---- */

/* Each allocation fails in turn, and each call of the progress hook stops it. */
static void failures(void)
{
    otx_context ctx;
    otx_job_options options;
    otx_verify_options look;
    failing state;
    counter c;
    otx_error error;
    long total = 0, without = 0, i;
    int calls, stop;
    write_pair(false, 3);
    memset(&options, 0, sizeof options);
    options.draft_vocab = listed;
    options.draft_vocab_count = COUNT(listed);
    memset(&look, 0, sizeof look);
    memset(&ctx, 0, sizeof ctx);
    ctx.allocator.resize = failing_resize;
    ctx.allocator.context = &state;
    for (i = 0; i <= total; i++) {
        otx_result result;
        memset(&state, 0, sizeof state);
        state.fail_at = i;
        scratch_remove_tree("out");
        result = otx_transplant(&ctx, at("base"), at("donor"), at("out"), &options, NULL, &error);
        CHECK_INT(state.live, 0);
        CHECK(!state.wrong_size);
        CHECK(result == OTX_OK || (i && result == OTX_ERROR_MEMORY));
        CHECK_INT(scratch_count("out") > 0, result == OTX_OK);
        without += i && !result;
        if (i == 0) total = state.requests;
    }
    CHECK(total > 100);
    CHECK(without <= 1); /* the solver's table, without which it only takes longer */
    memset(&ctx, 0, sizeof ctx);
    CHECK_RUN(&options, NULL);
    ctx.allocator.resize = failing_resize;
    ctx.allocator.context = &state;
    for (i = total = 0; i <= total; i++) {
        memset(&state, 0, sizeof state);
        state.fail_at = i;
        CHECK_INT(otx_verify(&ctx, at("out"), &look, NULL, &error),
                  i ? OTX_ERROR_MEMORY : OTX_OK);
        CHECK_INT(state.live, 0);
        CHECK(!state.wrong_size);
        if (i == 0) total = state.requests;
    }
    memset(&ctx, 0, sizeof ctx);
    ctx.progress = count_progress;
    ctx.progress_context = &c;
    for (stop = calls = 0; stop <= calls; stop++) {
        memset(&c, 0, sizeof c);
        c.stop_at = stop;
        scratch_remove_tree("out");
        CHECK_INT(otx_transplant(&ctx, at("base"), at("donor"), at("out"), &options, NULL, &error),
                  stop ? OTX_ERROR_CANCELLED : OTX_OK);
        CHECK_INT(scratch_count("out") > 0, stop == 0);
        CHECK(!c.backwards);
        if (stop == 0) calls = c.calls;
    }
}

int main(void)
{
    scratch_open("draft-head");
    RUN(lists);
    RUN(tied_models);
    RUN(first_ids);
    RUN(counted_before);
    RUN(chat_templates);
    RUN(finished_models);
    RUN(ids_beyond_the_rows);
    RUN(hostile_lists);
    RUN(heads_that_cannot_be_cut);
    RUN(wrong_maps);
    RUN(odd_maps);
    RUN(draft_engines);
    RUN(failures);
    scratch_close();
    return test_end();
}

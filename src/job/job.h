/* ---- job: what a job holds ------------------------------------------------ */

/* A method that was fitted to one matrix of the donor. Every matrix of the base in the same
   part takes the same combinations of its own rows; but a method that looks at the base's
   rows is fitted to one matrix of it. */
typedef struct otx__solution {
    otx_method method;
    const otx_checkpoint_tensor *donor; /* NULL for a method that does not look at it */
    const otx_checkpoint_tensor *base;  /* NULL for a method that serves any matrix */
    otx_fitted fitted;
    double mean_residual, max_residual; /* relative; 0 where nothing was pursued */
    double seconds;
} otx__solution;

/* What is known of the rows that were made for one matrix, by target. */
typedef struct otx__diagnosis {
    double *norms;    /* of the new rows */
    int32_t *nearest; /* the base's id whose row is most alike, by |cosine|, or -1; NULL unless
                         details are kept */
    double *cosines;  /* with it */
} otx__diagnosis;

#define OTX__NONE SIZE_MAX
struct otx__rebuild; /* targets.h */

/* What becomes of one vocabulary tensor of the base. */
typedef struct otx__tensor_plan {
    size_t solution;   /* in job->solutions, or OTX__NONE for a bias */
    size_t matrix;     /* in job->summary.matrices, or OTX__NONE for a bias */
    uint64_t shape[2]; /* its new shape */
    size_t rows;       /* tokens in it, and beyond them those that the class adds */
    size_t columns;    /* elements per token */
    otx_dtype dtype;           /* of the rows as they are made, */
    otx_dtype stored;          /* and as they are written: may be blocks */
} otx__tensor_plan;

/* What the base's tokenizer cuts tokens of the donor into. */
typedef struct otx__job_pieces {
    otx__pool pool;
    uint32_t *tokens;   /* the base's ids that hold a token: rows are places here */
    size_t token_count;
    size_t *starts;     /* as in otx_pieces */
    uint32_t *rows, *sizes;
    size_t *text_starts; /* the same but that tokens which stand for no text, or for one byte, */
    uint32_t *text_rows; /* have none; without sizes */
    uint32_t *ids;      /* scratch: of one token */
    size_t capacity;
} otx__job_pieces;

OTX__PRIVATE void otx__pieces_close(const otx_context *ctx, otx__job_pieces *p)
{
    if (p->capacity) otx__free(ctx, p->ids, p->capacity, sizeof *p->ids);
    otx__pool_close(&p->pool);
}

/* In the order in which it is filled; before each part, the room that fills it. */
struct otx_job {
    /* job: what the caller asks for, and is told */
    otx_context outer; /* the caller's */
    otx_context ctx;   /* the same, with memory counted and progress remembered */
    otx_job_options options;
    uint64_t live_bytes, peak_bytes;
    otx_progress last; /* what was reported last, and is repeated by otx__job_poll */

    /* open: the two models */
    otx__side base, donor;
    otx_error without; /* says why the donor has no weights, if it has none */

    /* map, align: where every row comes from */
    otx_alignment alignment;
    uint32_t *anchor_donors, *anchor_bases; /* ids, by donor id */
    uint32_t *targets;                      /* donor ids to solve for */
    size_t anchor_count, target_count;

    /* draft_vocab, draft_head: the tokens that the output's head has rows for */
    otx__draft_head draft;

    /* plan: what becomes of every tensor, and of the configs */
    otx__tensor_plan plans[OTX__MAX_PARTS];      /* of base.parts.tensors */
    size_t matrix_tensors[OTX_JOB_MAX_MATRICES]; /* of summary.matrices: which tensor */
    otx__text config, generation; /* the edited files; generation may be empty */
    otx__text digits;             /* digits: tokenizer.json that splits them, or empty */
    otx__text chat;               /* chat: the template, unless it is the donor's */
    otx__text tokenizer, code;    /* tokenizer_config.json, a module; or empty: plan.h */

    /* pieces: what new tokens are cut into, and anchors as if the base lacked them */
    otx__job_pieces pieces, anchor_pieces;

    /* solve: the combinations of anchors */
    otx__solution solutions[OTX_JOB_MAX_MATRICES];
    size_t solution_count;

    /* rebuild: puts rows from elsewhere in the place of those that the method made; or NULL */
    otx_result (*give)(void *context, struct otx__rebuild *rebuild, otx_error *error);
    void *give_context;
    bool lends;  /* or gives them to others and writes no model: nobody writes a map for it */
    bool renews, same_class; /* the donor is the base's own tokenizer; loaded as that is */

    /* diagnose: what is odd about the new rows, by summary.matrices */
    otx__diagnosis diagnoses[OTX_JOB_MAX_MATRICES];

    /* run, report: how it went */
    otx_job_summary summary;
    bool ran;
};

/* ---- hooks of the job ---- */

OTX__PRIVATE void *otx__job_resize(void *context, void *block, size_t old_size, size_t new_size)
{
    otx_job *job = (otx_job *)context;
    void *moved = otx__resize(&job->outer, block, old_size, new_size);
    if (new_size > 0 && !moved) return NULL;
    job->live_bytes = job->live_bytes - (block ? old_size : 0) + new_size;
    if (job->live_bytes > job->peak_bytes) job->peak_bytes = job->live_bytes;
    return moved;
}

/* Remembers what was reported, and says which tensor the solver is at. */
OTX__PRIVATE bool otx__job_progress(void *context, const otx_progress *progress)
{
    otx_job *job = (otx_job *)context;
    const char *subject = progress->subject ? progress->subject : job->last.subject;
    job->last = *progress;
    job->last.subject = subject;
    return job->outer.progress(job->outer.progress_context, &job->last);
}

/* Lets the caller cancel amid work that no stage counts. */
OTX__PRIVATE otx_result otx__job_poll(const otx_job *job, otx_error *error)
{
    return otx__poll(&job->ctx, job->last.stage, job->last.subject, job->last.done,
                     job->last.total, error);
}

/* Progress of work that is not counted: that of before is reported again. */
OTX__PRIVATE bool otx__job_repeat(void *context, const otx_progress *progress)
{
    const otx_job *job = (const otx_job *)context;
    (void)progress;
    return job->outer.progress(job->outer.progress_context, &job->last);
}

/* The context of such work. */
OTX__PRIVATE otx_context otx__job_uncounted(const otx_job *job)
{
    otx_context ctx = job->ctx;
    if (ctx.progress) ctx.progress = otx__job_repeat;
    return ctx;
}

/* ---- options ---- */

OTX_API const char *otx_padding_name(otx_padding padding)
{
    static const char *const names[OTX_PADDING_COUNT] = {"mean", "zero"};
    return (unsigned)padding < OTX_PADDING_COUNT ? names[padding] : NULL;
}

/* The method for the rows of a part. A bias goes with the head. */
OTX__PRIVATE otx_method otx__job_method(const otx_job *job, otx__part_kind kind)
{
    const otx_job_options *options = &job->options;
    return options->own_head_method && kind != OTX__PART_EMBEDDING ? options->head_method
                                                                   : options->method;
}

OTX_API const char *otx_match_name(otx_match match)
{
    static const char *const names[OTX_MATCH_COUNT] = {"default", "no", "yes", "embed",
                                                       "lm_head"};
    return (unsigned)match < OTX_MATCH_COUNT ? names[match] : NULL;
}

/* How a token is matched: one of a byte by bytes, longer ones by prefixes. What of bytes is no
   matter of the alignment's comes here as one of the matrices. */
OTX__PRIVATE otx_match otx__match_of(const otx_job *job, const otx_token *token)
{
    const otx_job_options *options = &job->options;
    otx_match how = token->size == 1 ? options->byte_match : options->prefix_match;
    return how == OTX_MATCH_DEFAULT || (token->size == 1 && how == OTX_MATCH_YES) ? OTX_MATCH_NO
                                                                                  : how;
}

/* Whether a row of a part is that of the token that the donor's is matched with. */
OTX__PRIVATE bool otx__job_matches(const otx_job *job, size_t id, otx__part_kind kind)
{
    otx_match how;
    if (job->alignment.rows[id].action != OTX_ACTION_MATCH) return false;
    how = otx__match_of(job, &job->donor.vocab.tokens[id]);
    return how == OTX_MATCH_YES ||
           how == (kind == OTX__PART_EMBEDDING ? OTX_MATCH_EMBED : OTX_MATCH_LM_HEAD);
}

/* Whether a row of the donor's is made in any part. */
OTX__PRIVATE bool otx__job_makes(const otx_job *job, size_t id)
{
    otx_action action = job->alignment.rows[id].action;
    return action == OTX_ACTION_APPROXIMATE ||
           (action == OTX_ACTION_MATCH && (!otx__job_matches(job, id, OTX__PART_EMBEDDING) ||
                                           !otx__job_matches(job, id, OTX__PART_HEAD)));
}

/* Whether the base has an output head of its own. */
OTX__PRIVATE bool otx__job_has_head(const otx_job *job)
{
    const otx__parts *parts = &job->base.parts;
    size_t i;
    for (i = 0; i < parts->count; i++)
        if (parts->tensors[i].kind == OTX__PART_HEAD && !parts->tensors[i].redundant) return true;
    return false;
}

/* Why it has none. */
OTX__PRIVATE const char *otx__job_headless(const otx_job *job)
{
    return job->base.parts.tied ? "the model is tied, its output head is its embedding"
                                : "the model has no output head";
}

/* What the methods of all parts need. */
OTX__PRIVATE unsigned otx__job_needs(const otx_job *job)
{
    return otx_method_needs(job->options.method) |
           otx_method_needs(otx__job_method(job, OTX__PART_HEAD));
}

/* Whether rows are made from the donor's. */
OTX__PRIVATE bool otx__job_solves(const otx_job *job)
{
    return (otx__job_needs(job) & OTX_NEED_DONOR) != 0;
}

/* Whether a method is fitted for its rows: not if they are all the same. */
OTX__PRIVATE bool otx__job_fits(const otx_job *job, otx_method method)
{
    return job->target_count > 0 &&
           (otx_method_needs(method) != 0 || otx__modifies(&job->options.how));
}

/* Whether any is. */
OTX__PRIVATE bool otx__job_has_fits(const otx_job *job)
{
    return otx__job_fits(job, job->options.method) ||
           otx__job_fits(job, otx__job_method(job, OTX__PART_HEAD));
}

OTX__PRIVATE otx_result otx__job_check_method(otx_method method, otx_error *error)
{
    otx_result result = otx__method_known(method, error);
    return !result && method == OTX_METHOD_ZETT ? otx__zett_refuse(error) : result;
}

OTX__PRIVATE otx_result otx__job_check_modifiers(const otx_method_options *how,
                                                 otx_method method, otx_error *error)
{
    return otx__modifiers_fit(how, otx_method_name(method), otx_method_needs(method), error);
}

/* How rows are made. */
OTX__PRIVATE otx_result otx__job_check_methods(const otx_job_options *options,
                                               otx_error *error)
{
    const otx_method_options *how = &options->how;
    otx_result result = otx__job_check_method(options->method, error);
    if (!result && options->own_head_method)
        result = otx__job_check_method(options->head_method, error);
    if (!result) result = otx__method_options_check(how, error);
    if (!result) result = otx__job_check_modifiers(how, options->method, error);
    if (!result && options->own_head_method)
        result = otx__job_check_modifiers(how, options->head_method, error);
    if (result) return result;
    if ((unsigned)how->subword >= OTX_SUBWORD_COUNT)
        return otx__fail(error, OTX_ERROR_ARGUMENT, "subword %d is unknown", (int)how->subword);
    return OTX_OK;
}

OTX__PRIVATE otx_result otx__job_check_options(const otx_job_options *options, otx_error *error)
{
    otx_result result = otx__job_check_methods(options, error);
    if (result) return result;
    if ((unsigned)options->rows > OTX_ROWS_EXACT ||
        (options->rows == OTX_ROWS_MULTIPLE && options->rows_multiple == 0) ||
        (options->rows == OTX_ROWS_EXACT && options->rows_exact == 0))
        return otx__fail(error, OTX_ERROR_ARGUMENT, "rows must be the donor's, the tokenizer's, "
                         "a multiple of at least 1, or a number of at least 1");
    if ((unsigned)options->byte_match >= OTX_MATCH_COUNT ||
        (unsigned)options->prefix_match >= OTX_MATCH_COUNT)
        return otx__fail(error, OTX_ERROR_ARGUMENT, "bytes and prefixes can be matched in "
                         "neither matrix, both, the embedding or the head");
    if ((unsigned)options->chat >= OTX_CHAT_COUNT ||
        (options->chat == OTX_CHAT_FILE && !options->chat_file))
        return otx__fail(error, OTX_ERROR_ARGUMENT, "the chat template must be the donor's, the "
                         "base's, or that of a file which is named");
    if ((unsigned)options->padding >= OTX_PADDING_COUNT)
        return otx__fail(error, OTX_ERROR_ARGUMENT,
                         "padding %d is unknown; known are mean and zero",
                         (int)options->padding);
    if (options->dtype != OTX_DTYPE_NONE && !otx_dtype_is_embedding(options->dtype) &&
        !otx_dtype_is_block(options->dtype))
        return otx__fail(error, OTX_ERROR_ARGUMENT, "matrices cannot be written as %s",
                         otx__word(otx_dtype_name(options->dtype)));
    return OTX_OK;
}

/* ---- a job ---- */

/* A job of which nothing is open but the caller's wishes. Close with otx_job_close. */
OTX__PRIVATE otx_result otx__job_new(const otx_context *ctx, const char *base,
                                     const char *donor, const otx_job_options *options,
                                     otx_job **out, otx_error *error)
{
    otx_job *job = (otx_job *)otx__alloc_zero(ctx, 1, sizeof *job);
    otx_result result;
    *out = job;
    if (!job) return otx__fail_memory(error, sizeof *job);
    if (ctx) job->outer = *ctx;
    if (options) job->options = *options;
    job->ctx = job->outer;
    job->ctx.threads = otx__threads(ctx); /* it must not change on the way */
    job->ctx.allocator.resize = otx__job_resize;
    job->ctx.allocator.context = job;
    if (job->outer.progress) job->ctx.progress = otx__job_progress;
    job->ctx.progress_context = job;
    otx__pool_open(&job->pieces.pool, &job->ctx);
    otx__pool_open(&job->anchor_pieces.pool, &job->ctx);
    otx__text_open(&job->config, &job->ctx);
    otx__text_open(&job->generation, &job->ctx);
    otx__text_open(&job->digits, &job->ctx);
    otx__text_open(&job->chat, &job->ctx);
    otx__text_open(&job->tokenizer, &job->ctx);
    otx__text_open(&job->code, &job->ctx);
    result = otx__side_begin(&job->ctx, base, false, &job->base, error);
    if (!result) result = otx__side_begin(&job->ctx, donor, true, &job->donor, error);
    return result;
}

/* The nearest tokens only for a caller who will ask for them: they take a scan of all. */
OTX__PRIVATE bool otx__diagnosis_take(const otx_job *job, otx__diagnosis *d)
{
    size_t targets = job->target_count;
    d->norms = (double *)otx__alloc(&job->ctx, targets, sizeof *d->norms);
    if (!job->options.keep_details) return d->norms != NULL;
    d->nearest = (int32_t *)otx__alloc(&job->ctx, targets, sizeof *d->nearest);
    d->cosines = (double *)otx__alloc(&job->ctx, targets, sizeof *d->cosines);
    return d->norms && d->nearest && d->cosines;
}

OTX__PRIVATE void otx__diagnosis_close(const otx_job *job, otx__diagnosis *d)
{
    otx__free(&job->ctx, d->norms, job->target_count, sizeof *d->norms);
    otx__free(&job->ctx, d->nearest, job->target_count, sizeof *d->nearest);
    otx__free(&job->ctx, d->cosines, job->target_count, sizeof *d->cosines);
    memset(d, 0, sizeof *d);
}

OTX_API void otx_job_close(otx_job *job)
{
    const otx_context *ctx;
    otx_context outer;
    size_t i;
    if (!job) return;
    ctx = &job->ctx;
    for (i = 0; i < job->solution_count; i++) otx_method_close(ctx, &job->solutions[i].fitted);
    for (i = 0; i < OTX_JOB_MAX_MATRICES; i++) otx__diagnosis_close(job, &job->diagnoses[i]);
    otx__pieces_close(ctx, &job->pieces);
    otx__pieces_close(ctx, &job->anchor_pieces);
    otx__text_close(&job->config);
    otx__text_close(&job->generation);
    otx__text_close(&job->digits);
    otx__text_close(&job->chat);
    otx__text_close(&job->tokenizer);
    otx__text_close(&job->code);
    otx__free(ctx, job->anchor_donors, job->anchor_count, sizeof *job->anchor_donors);
    otx__free(ctx, job->anchor_bases, job->anchor_count, sizeof *job->anchor_bases);
    otx__free(ctx, job->targets, job->target_count, sizeof *job->targets);
    otx__draft_close(ctx, &job->draft);
    otx_alignment_close(ctx, &job->alignment);
    otx__side_close(ctx, &job->donor);
    otx__side_close(ctx, &job->base);
    outer = job->outer;
    otx__free(&outer, job, 1, sizeof *job);
}

/* ---- looking at it ---- */

OTX_API const otx_vocab *otx_job_base_vocab(const otx_job *job) { return &job->base.vocab; }

OTX_API const otx_vocab *otx_job_donor_vocab(const otx_job *job) { return &job->donor.vocab; }

OTX_API const otx_alignment *otx_job_alignment(const otx_job *job) { return &job->alignment; }

OTX_API void otx_job_summarize(const otx_job *job, otx_job_summary *out)
{
    *out = job->summary;
    out->peak_bytes = job->peak_bytes;
}

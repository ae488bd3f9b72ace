/* ---- hidden: which tokens are hidden, and the rows at hand ------------------------ */

/* Anchors that there must be, so that a share of them can be hidden. */
#define OTX__EVALUATE_LEAST 20

/* Rows of the base that stand for its second moment, and tokens that are ranked. */
#define OTX__EVALUATE_SAMPLE 1024
#define OTX__EVALUATE_RANKED 256

/* What is known of one hidden token under one method: sums over its elements. */
typedef struct otx__figure {
    double pp, pb, bb;       /* <p, p>, <p, b>, <b, b> */
    double cpp, cpb, cbb;    /* the same less the mean */
    double off;              /* ||p - b||^2 */
    double moment_off, moment; /* <p - b, M (p - b)>, <b, M b> */
    uint32_t rank;           /* true row among all: 0 the first; UINT32_MAX: not looked for */
} otx__figure;

typedef struct otx__evaluating {
    otx_job *job;
    const otx_evaluate_options *options;
    otx_evaluation *out;
    otx__pool pool;
    size_t kept, hidden;                      /* anchors */
    uint32_t *kept_donors, *kept_bases;       /* rows of the matrices */
    uint32_t *hidden_donors, *hidden_bases;
    uint32_t *tokens;                         /* base rows with a token: the hidden ones last */
    size_t token_count;
    uint8_t *classes;                         /* otx_token_class, by hidden token */
    otx__job_pieces pieces, anchor_pieces; /* of the hidden tokens and of the others, if a
                                              method wants them */
    /* of the matrix at hand */
    otx__loaded donor, base;
    otx_method_rows rows;
    otx_matrix truth, all; /* hidden tokens' rows in the base, and all tokens' */
    otx__figure *figures;  /* by hidden token */
    size_t ranked;
} otx__evaluating;

/* Draws which anchors are hidden: a partial shuffle, then both parts in order. */
OTX__PRIVATE otx_result otx__evaluating_draw(otx__evaluating *e, otx_error *error)
{
    const otx_job *job = e->job;
    size_t count = job->anchor_count, i, kept = 0, hidden = 0;
    uint64_t state = e->options->seed;
    uint8_t *marks = (uint8_t *)otx__pool_take_zero(&e->pool, count, 1);
    uint32_t *order = (uint32_t *)otx__pool_take(&e->pool, count, sizeof *order);
    e->kept_donors = (uint32_t *)otx__pool_take(&e->pool, e->kept, sizeof(uint32_t));
    e->kept_bases = (uint32_t *)otx__pool_take(&e->pool, e->kept, sizeof(uint32_t));
    e->hidden_donors = (uint32_t *)otx__pool_take(&e->pool, e->hidden, sizeof(uint32_t));
    e->hidden_bases = (uint32_t *)otx__pool_take(&e->pool, e->hidden, sizeof(uint32_t));
    if (e->pool.failed) return otx__pool_fail(&e->pool, error);
    for (i = 0; i < count; i++) order[i] = (uint32_t)i;
    for (i = 0; i < e->hidden; i++) {
        size_t other = i + (size_t)(otx__next_random(&state) % (count - i));
        uint32_t drawn = order[other];
        order[other] = order[i];
        order[i] = drawn;
        marks[drawn] = 1;
    }
    for (i = 0; i < count; i++) {
        uint32_t **donors = marks[i] ? &e->hidden_donors : &e->kept_donors;
        uint32_t **bases = marks[i] ? &e->hidden_bases : &e->kept_bases;
        size_t *to = marks[i] ? &hidden : &kept;
        (*donors)[*to] = job->anchor_donors[i];
        (*bases)[(*to)++] = job->anchor_bases[i];
    }
    return OTX_OK;
}

/* The base's rows with a token, the hidden ones behind the others, and their classes. */
OTX__PRIVATE otx_result otx__evaluating_tokens(otx__evaluating *e, otx_error *error)
{
    const otx_job *job = e->job;
    const otx_vocab *donor = &job->donor.vocab;
    size_t rows = otx__min((size_t)job->base.parts.rows, job->base.vocab.count), i;
    uint8_t *hidden = (uint8_t *)otx__pool_take_zero(&e->pool, rows, 1);
    e->tokens = (uint32_t *)otx__pool_take(&e->pool, rows, sizeof *e->tokens);
    e->classes = (uint8_t *)otx__pool_take(&e->pool, e->hidden, 1);
    e->figures = (otx__figure *)otx__pool_take_zero(&e->pool, e->hidden, sizeof *e->figures);
    if (e->pool.failed) return otx__pool_fail(&e->pool, error);
    for (i = 0; i < e->hidden; i++) {
        const otx_token *token = &donor->tokens[e->hidden_donors[i]];
        e->classes[i] = (uint8_t)otx_token_class_of(token->bytes, token->size);
        hidden[e->hidden_bases[i]] = 1;
    }
    for (i = 0; i < rows; i++)
        if (!hidden[i] && otx__base_row_is_token(job, i))
            e->tokens[e->token_count++] = (uint32_t)i;
    e->rows.tokens.rows = e->token_count;
    for (i = 0; i < rows; i++)
        if (hidden[i]) e->tokens[e->token_count++] = (uint32_t)i;
    return OTX_OK;
}

/* Whether any of the methods looks at pieces. */
OTX__PRIVATE bool otx__evaluating_needs_pieces(const otx__evaluating *e)
{
    const otx_evaluate_options *options = e->options;
    const unsigned either = OTX_NEED_PIECES | OTX_WANT_PIECES;
    bool needs = !options->methods;
    size_t i;
    for (i = 0; i < options->method_count && !needs; i++)
        needs = (otx_method_needs(options->methods[i]) & either) != 0;
    return needs;
}

/* Splits the hidden tokens by the base's tokenizer as if it had none of them. One whose rules
   cannot be read is worth a word: only a method that wants pieces will miss them. */
OTX__PRIVATE otx_result otx__evaluating_split(otx__evaluating *e, otx_error *error)
{
    otx_job *job = e->job;
    otx_vocab *base = &job->base.vocab;
    uint8_t *without = (uint8_t *)otx__pool_take_zero(&e->pool, base->count, 1);
    otx_error why;
    size_t i;
    otx_result result;
    if (!without) return otx__pool_fail(&e->pool, error);
    result = otx_vocab_open_rules(&job->ctx, job->base.path, base, &why);
    if (result == OTX_ERROR_MEMORY) return otx__fail(error, result, "%s", why.message);
    if (result) {
        otx__log(&job->ctx, OTX_WARNING, "%s", why.message);
        return OTX_OK;
    }
    for (i = 0; i < e->hidden; i++) without[e->hidden_bases[i]] = 1;
    ((otx__rules *)base->rules)->without = without;
    result = otx__pieces_open(&e->pieces, job, e->hidden_donors, e->hidden, e->tokens,
                              e->rows.tokens.rows, NULL, NULL, error);
    if (result) return result;
    return otx__pieces_open_anchors(&e->anchor_pieces, job, e->kept_donors, e->kept_bases,
                                    e->kept, e->tokens, e->rows.tokens.rows, without, error);
}

/* Hides a part of the job's anchors. */
OTX__PRIVATE otx_result otx__evaluating_open(otx__evaluating *e, otx_error *error)
{
    const otx_job *job = e->job;
    double part = e->options->holdout == 0.0 ? 0.05 : e->options->holdout;
    otx_result result;
    if (!(part > 0.0 && part <= 0.5))
        return otx__fail(error, OTX_ERROR_ARGUMENT, "%.3f of the shared tokens cannot be hidden; "
                         "some can, and at most half of them", part);
    if (job->anchor_count < OTX__EVALUATE_LEAST)
        return otx__fail(error, OTX_ERROR_MISMATCH, "%s and %s share %" PRIu64 " tokens; with "
                         "fewer than %d there are not enough to hide some", job->base.path,
                         job->donor.path, (uint64_t)job->anchor_count, OTX__EVALUATE_LEAST);
    e->hidden = otx__max((size_t)(part * (double)job->anchor_count), 1);
    e->kept = job->anchor_count - e->hidden;
    e->ranked = otx__min(e->hidden, OTX__EVALUATE_RANKED);
    result = otx__evaluating_draw(e, error);
    return result ? result : otx__evaluating_tokens(e, error);
}

/* The hidden token that is ranked at a place. */
OTX__PRIVATE size_t otx__evaluating_ranked(const otx__evaluating *e, size_t place)
{
    return place * e->hidden / e->ranked;
}

/* Reads one matrix of a side, of which rows that are listed will be looked at. */
OTX__PRIVATE otx_result otx__evaluating_load(const otx_job *job, const otx__side *side,
                                             const otx_checkpoint_tensor *at,
                                             const uint32_t *listed, size_t count,
                                             otx__loaded *to, otx_error *error)
{
    size_t rows = otx__min((size_t)side->parts.rows, side->vocab.count), i;
    uint8_t *needed = (uint8_t *)otx__alloc_zero(&job->ctx, rows, 1);
    otx_result result;
    if (!needed) return otx__fail_memory(error, rows);
    for (i = 0; i < count; i++) needed[listed[i]] = 1;
    result = otx__loaded_open(job, side, at, (size_t)at->tensor->shape[1], needed, rows, to,
                              error);
    otx__free(&job->ctx, needed, rows, 1);
    return result;
}

/* Reads the rows of one matrix on both sides: of the donor's those of shared tokens alone. */
OTX__PRIVATE otx_result otx__evaluating_read(otx__evaluating *e, size_t matrix, otx_error *error)
{
    const otx_job *job = e->job;
    const size_t which = job->matrix_tensors[matrix];
    const otx__solution *solution = &job->solutions[job->plans[which].solution];
    otx_result result = otx__evaluating_load(job, &job->donor, solution->donor,
                                             job->anchor_donors, job->anchor_count, &e->donor,
                                             error);
    if (!result)
        result = otx__evaluating_load(job, &job->base, job->base.parts.tensors[which].at,
                                      e->tokens, e->token_count, &e->base, error);
    if (result) return result;
    e->rows.donor = otx__loaded_rows(&e->donor, e->kept_donors, e->kept);
    e->rows.targets = otx__loaded_rows(&e->donor, e->hidden_donors, e->hidden);
    e->rows.base = otx__loaded_rows(&e->base, e->kept_bases, e->kept);
    e->rows.tokens = otx__loaded_rows(&e->base, e->tokens, e->rows.tokens.rows);
    e->rows.head = job->base.parts.tensors[which].kind == OTX__PART_HEAD;
    e->truth = otx__loaded_rows(&e->base, e->hidden_bases, e->hidden);
    e->all = otx__loaded_rows(&e->base, e->tokens, e->token_count);
    return OTX_OK;
}

OTX__PRIVATE void otx__evaluating_let_go(otx__evaluating *e)
{
    otx__loaded_close(e->job, &e->donor);
    otx__loaded_close(e->job, &e->base);
}

/* ---- untrained: rows of either model that hold nothing -------------------- */

/* So many rows that are the same bit for bit were never trained: a few may be copies that
   somebody made of a token, and training would have driven more of them apart. A copy of a
   row that no token has, or a reserved one, is enough by itself. */
#define OTX__SAME_ROWS 4

/* By which rows that may be the same are found. What is the same is told by comparing. */
typedef struct otx__row_print {
    uint64_t print, row;
} otx__row_print;

/* What looks through one matrix. */
typedef struct otx__sieve {
    const otx_job *job;
    const otx__side *side;
    const otx_checkpoint_tensor *at;
    otx_dtype dtype;        /* of the rows in memory */
    size_t rows, columns, row_size;
    uint8_t *untrained;     /* [rows] set where it is found, never cleared */
    otx__row_print *prints; /* [rows] of those that are not zeros */
    size_t count;
    char *two;              /* room for two rows */
} otx__sieve;

OTX__PRIVATE uint64_t otx__print_word(uint64_t print, uint64_t word)
{
    print = (print ^ word) * UINT64_C(0x9e3779b97f4a7c15);
    return print ^ print >> 29;
}

OTX__PRIVATE uint64_t otx__print_row(const char *row, size_t size)
{
    uint64_t print = 0, word;
    size_t i;
    for (i = 0; i + sizeof word <= size; i += sizeof word) {
        memcpy(&word, row + i, sizeof word);
        print = otx__print_word(print, word);
    }
    word = 0;
    memcpy(&word, row + i, size - i);
    return otx__print_word(print, word);
}

OTX__PRIVATE int otx__compare_prints(const void *a, const void *b)
{
    const otx__row_print *x = (const otx__row_print *)a, *y = (const otx__row_print *)b;
    if (x->print != y->print) return x->print < y->print ? -1 : 1;
    return x->row < y->row ? -1 : x->row > y->row;
}

/* Reads the matrix once: marks its zeros, and collects the prints of the others. */
OTX__PRIVATE otx_result otx__sieve_read(otx__sieve *s, otx_error *error)
{
    otx__row_walk walk;
    size_t i;
    otx_result result = otx__row_walk_open(&s->job->ctx, s->side, s->at, s->columns, s->rows,
                                           NULL, &walk, error);
    while (!result && otx__row_walk_next(&walk, &result, error))
        for (i = 0; i < walk.count; i++) {
            const char *row = walk.bytes + i * walk.row_size;
            if (otx__row_is_zero(row, s->dtype, s->columns)) {
                s->untrained[walk.first + i] = 1;
                continue;
            }
            s->prints[s->count].row = walk.first + i;
            s->prints[s->count++].print = otx__print_row(row, walk.row_size);
        }
    otx__row_walk_close(&walk);
    return result;
}

/* Whether nothing is ever looked up in a row. */
OTX__PRIVATE bool otx__is_spare(const otx__side *side, uint64_t row)
{
    const otx_token *token = otx__side_token(side, row);
    return !token || token->kind == OTX_TOKEN_UNUSED;
}

OTX__PRIVATE otx_result otx__sieve_fetch(const otx__sieve *s, uint64_t row, char *to,
                                         otx_error *error)
{
    return otx_checkpoint_read(&s->side->checkpoint, s->at, row * s->columns, s->columns, to,
                               error);
}

/* Marks rows of one print if they are the same and that tells that nobody trained them. Rows
   that hold no numbers are a fault, which is told where they are needed. */
OTX__PRIVATE otx_result otx__sieve_group(const otx__sieve *s, otx__row_print *group,
                                         size_t count, otx_error *error)
{
    char *first = s->two, *other = s->two + s->row_size;
    bool spare = false;
    size_t i, same = 1;
    otx_result result;
    for (i = 0; i < count; i++) spare |= otx__is_spare(s->side, group[i].row);
    if (count < 2 || (count < OTX__SAME_ROWS && !spare)) return OTX_OK;
    result = otx__sieve_fetch(s, group[0].row, first, error);
    if (result || !otx__row_is_finite(first, s->dtype, s->columns)) return result;
    spare = otx__is_spare(s->side, group[0].row);
    for (i = 1; i < count && !result; i++) {
        result = otx__sieve_fetch(s, group[i].row, other, error);
        if (result || memcmp(first, other, s->row_size) != 0) continue;
        spare |= otx__is_spare(s->side, group[i].row);
        group[same++] = group[i];
        if (i % 1024 == 0) result = otx__job_poll(s->job, error);
    }
    if (same < 2 || (same < OTX__SAME_ROWS && !spare)) return result;
    for (i = 0; i < same && !result; i++) s->untrained[group[i].row] = 1;
    return result;
}

/* Marks the rows of one matrix that hold nothing: zeros, and copies of each other. */
OTX__PRIVATE otx_result otx__sieve_matrix(const otx_job *job, const otx__side *side,
                                          const otx_checkpoint_tensor *at, uint8_t *untrained,
                                          otx_error *error)
{
    otx__sieve s;
    otx_result result = OTX_OK;
    size_t first, end;
    memset(&s, 0, sizeof s);
    s.job = job;
    s.side = side;
    s.at = at;
    s.rows = (size_t)side->parts.rows;
    s.columns = (size_t)at->tensor->shape[1];
    s.dtype = otx__row_dtype(at->tensor->dtype);
    s.row_size = s.columns * (otx_dtype_bits(s.dtype) / 8);
    s.untrained = untrained;
    s.prints = (otx__row_print *)otx__alloc(&job->ctx, s.rows, sizeof *s.prints);
    if (!s.prints) return otx__fail_array(error, s.rows, sizeof *s.prints);
    s.two = (char *)otx__alloc(&job->ctx, 2, s.row_size);
    if (!s.two) result = otx__fail_array(error, 2, s.row_size);
    if (!result) result = otx__sieve_read(&s, error);
    if (!result) otx__sort(s.prints, s.count, sizeof *s.prints, otx__compare_prints);
    for (first = 0; first < s.count && !result; first = end) {
        for (end = first + 1; end < s.count && s.prints[end].print == s.prints[first].print;)
            end++;
        result = otx__sieve_group(&s, s.prints + first, end - first, error);
    }
    otx__free(&job->ctx, s.two, 2, s.row_size);
    otx__free(&job->ctx, s.prints, s.rows, sizeof *s.prints);
    return result;
}

/* Goes through the matrices of both models between which rows are made: those of the base,
   and of the donor that in whose space each is solved. */
OTX__PRIVATE otx_result otx__sieve_models(const otx_job *job, uint8_t *donor, uint8_t *base,
                                          otx_error *error)
{
    const otx__parts *parts = &job->base.parts;
    const otx_checkpoint_tensor *seen[OTX__MAX_PARTS];
    otx_result result = OTX_OK;
    size_t i, j;
    for (i = 0; i < parts->count && !result; i++) {
        const otx__vocab_tensor *tensor = &parts->tensors[i];
        seen[i] = NULL;
        if (tensor->kind == OTX__PART_BIAS || tensor->redundant) continue;
        result = otx__sieve_matrix(job, &job->base, tensor->at, base, error);
        seen[i] = otx__donor_matrix(job, tensor);
        for (j = 0; j < i && seen[j] != seen[i];) j++;
        if (j == i && !result)
            result = otx__sieve_matrix(job, &job->donor, seen[i], donor, error);
    }
    return result;
}

/* ---- what becomes of their tokens ---- */

/* Names the tokens in use that are treated as reserved ones. */
OTX__PRIVATE void otx__tell_bare(const otx_job *job)
{
    enum { NAMES = 8 };
    const uint64_t rows = job->donor.parts.rows;
    uint64_t names = 0, i;
    char content[OTX__QUOTED];
    for (i = 0; i < job->alignment.count && i < rows; i++) {
        const otx_token *token = otx__side_token(&job->donor, i);
        if (!token || !otx__is_untrained(job, (size_t)i)) continue;
        if (token->in_use && names++ < NAMES)
            otx__log(&job->ctx, OTX_WARNING, "%s: token \"%s\" (id %" PRIu64 ") is in use, but "
                     "has no trained row in the donor, nor a counterpart in the base: --map "
                     "'#%" PRIu64 "=BASE' gives it a row", job->donor.path,
                     otx__side_content(content, &job->donor, i), i, i);
    }
    if (names > NAMES)
        otx__log(&job->ctx, OTX_WARNING, "%s: so have %" PRIu64 " more tokens in use",
                 job->donor.path, names - NAMES);
}

/* Tells what was found. */
OTX__PRIVATE void otx__tell_untrained(const otx_job *job, uint64_t of_donor, uint64_t of_base)
{
    const uint64_t count = job->summary.tokens.untrained;
    char content[OTX__QUOTED];
    size_t first = 0;
    if (count > 0) {
        while (!otx__is_untrained(job, first)) first++;
        otx__log(&job->ctx, OTX_WARNING, "%s: %" PRIu64 " tokens have no trained row in the "
                 "donor (zeros, or identical to others): treated as reserved, the first %" PRIu64
                 " (\"%s\")", job->donor.path, count, (uint64_t)first,
                 otx__side_content(content, &job->donor, first));
        if (!job->lends) otx__tell_bare(job);
    }
    if (of_donor > 0)
        otx__log(&job->ctx, OTX_NOTE, "%s: %" PRIu64 " tokens that both models have are no "
                 "anchors: they have no trained row here", job->donor.path, of_donor);
    if (of_base > 0)
        otx__log(&job->ctx, OTX_NOTE, "%s: %" PRIu64 " tokens that both models have are no "
                 "anchors: they have no trained row here", job->base.path, of_base);
}

/* Takes tokens without a trained row from the targets, and from the anchors. */
OTX__PRIVATE otx_result otx__drop_untrained(otx_job *job, const uint8_t *donor,
                                            const uint8_t *base, otx_error *error)
{
    otx_alignment *alignment = &job->alignment;
    uint64_t of_donor = 0, of_base = 0;
    size_t i, rows = otx__min(alignment->count, (size_t)job->donor.parts.rows);
    for (i = 0; i < rows; i++) {
        otx_alignment_row *row = &alignment->rows[i];
        if (donor[i] && row->action == OTX_ACTION_APPROXIMATE) {
            row->action = OTX_ACTION_UNUSED;
            alignment->counts[OTX_ACTION_APPROXIMATE]--;
            alignment->counts[OTX_ACTION_UNUSED]++;
            job->summary.tokens.untrained++;
        }
        if (!row->anchor || (!donor[i] && !base[row->base])) continue;
        if (donor[i]) of_donor++;
        else of_base++;
        row->anchor = false;
        alignment->anchor_count--;
    }
    otx__tell_untrained(job, of_donor, of_base);
    if (alignment->anchor_count > 0 || of_donor + of_base == 0 ||
        alignment->counts[OTX_ACTION_APPROXIMATE] == 0)
        return OTX_OK;
    return otx__fail(error, OTX_ERROR_NO_ANCHORS, "the tokenizers of %s and %s share %" PRIu64
                     " text tokens, but of each the row is zeros or identical to others in one "
                     "of the two, so that there is nothing to build %" PRIu64 " rows from",
                     job->base.path, job->donor.path, of_donor + of_base,
                     (uint64_t)alignment->counts[OTX_ACTION_APPROXIMATE]);
}

/* Judges tokens by their rows, where rows are to be solved for. */
OTX__PRIVATE otx_result otx__job_judge_rows(otx_job *job, otx_error *error)
{
    const size_t donor_rows = (size_t)job->donor.parts.rows;
    const size_t base_rows = (size_t)job->base.parts.rows;
    uint8_t *donor, *base;
    otx_result result = OTX_OK;
    if (!otx__job_solves(job) || job->alignment.counts[OTX_ACTION_APPROXIMATE] == 0 ||
        !otx__has_weights(&job->donor.checkpoint)) /* which is refused soon */
        return OTX_OK;
    donor = (uint8_t *)otx__alloc_zero(&job->ctx, donor_rows, 1);
    base = (uint8_t *)otx__alloc_zero(&job->ctx, base_rows, 1);
    if (!donor || !base) result = otx__fail_memory(error, (uint64_t)donor_rows + base_rows);
    if (!result) result = otx__sieve_models(job, donor, base, error);
    if (!result) result = otx__drop_untrained(job, donor, base, error);
    otx__free(&job->ctx, base, base_rows, 1);
    otx__free(&job->ctx, donor, donor_rows, 1);
    return result;
}

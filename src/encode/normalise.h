/* ---- normalise: what a tokenizer makes of a text before all else ------------------------ */

/* What may become of a text: so many times its bytes and so many more, up to a limit. Real
   normalisers make four times as many; one that does not end is told by its name. */
#define OTX__TIDY_TIMES 64u
#define OTX__TIDY_LEAST ((size_t)1 << 20)
#define OTX__TIDY_MOST ((size_t)1 << 28)

OTX__PRIVATE size_t otx__tidy_limit(size_t size)
{
    return size < (OTX__TIDY_MOST - OTX__TIDY_LEAST) / OTX__TIDY_TIMES
               ? OTX__TIDY_LEAST + OTX__TIDY_TIMES * size
               : OTX__TIDY_MOST;
}

/* What matches is replaced, also where it is nothing; the rest stays. */
OTX__PRIVATE otx_result otx__tidy_matches(otx__tidy *n, otx__tidy_step *step,
                                            otx__span text, otx__text *to, otx_error *error)
{
    otx__matcher *m = &n->matcher;
    const size_t lead = n->lead;
    otx__pattern_walk walk;
    size_t at = 0, start, end;
    n->lead = 0;
    if (text.size == 0) return OTX_OK; /* which nothing matches, not even nothing */
    walk.next = 0;
    walk.last_end = SIZE_MAX;
    if (!otx__matcher_set(m, &step->pattern)) return otx__matcher_fail(m, 0, error);
    m->text = (const unsigned char *)text.bytes;
    m->size = text.size;
    while (to->size <= n->limit && otx__pattern_next(m, &walk, &start, &end)) {
        otx__text_bytes(to, text.bytes + at, start - at);
        otx__text_bytes(to, step->to.bytes, step->to.size);
        n->lead += otx__tidy_led(lead, at, start) + (end <= lead ? step->to.size : 0);
        at = end;
    }
    if (m->result) return otx__matcher_fail(m, at, error);
    otx__text_bytes(to, text.bytes + at, text.size - at);
    n->lead += otx__tidy_led(lead, at, text.size);
    return OTX_OK;
}

OTX__PRIVATE otx_result otx__tidy_step_run(otx__tidy *n, otx__tidy_step *step,
                                             otx__span text, otx__text *to, otx_error *error)
{
    const otx__tidy_tables *t = &n->tables;
    switch (step->kind) {
    case OTX__TIDY_LOWER: otx__tidy_lower(&t->lower, text, to); break;
    case OTX__TIDY_MARKS: otx__tidy_without(&t->marks, text, to); break;
    case OTX__TIDY_ACCENTS: otx__tidy_without(&t->accents, text, to); break;
    case OTX__TIDY_STRIP: otx__tidy_strip(step, text, to); break;
    case OTX__TIDY_REPLACE: otx__tidy_replace(step, text, n->limit, &n->lead, to); break;
    case OTX__TIDY_MATCHES: return otx__tidy_matches(n, step, text, to, error);
    case OTX__TIDY_PREPEND:
        if (text.size) otx__text_bytes(to, step->to.bytes, step->to.size);
        otx__text_bytes(to, text.bytes, text.size);
        break;
    case OTX__TIDY_CLEAN: otx__tidy_clean(&t->controls, text, to); break;
    case OTX__TIDY_CHINESE: otx__tidy_chinese(text, to); break;
    case OTX__TIDY_NMT: otx__tidy_nmt(text, to); break;
    case OTX__TIDY_BYTES: otx__tidy_bytes(text, to); break;
    case OTX__TIDY_CHARSMAP: otx__charsmap_run(&step->map, text, n->limit, to); break;
    default: otx__tidy_form(n->pool.ctx, t, step->kind, text, to);
    }
    return OTX_OK;
}

/* The bytes that a step, which has run, leaves of those that stand where the caller's text
   begins: the beginning of `text` by itself shows it, but where what is taken out tells. */
OTX__PRIVATE size_t otx__tidy_lead(otx__tidy *n, otx__tidy_step *step, otx__span text,
                                   const otx__text *made)
{
    size_t lead = n->lead, next = 0, white = 0;
    if (step->kind == OTX__TIDY_PREPEND) {
        if (lead) lead += step->to.size;
    } else if (step->kind == OTX__TIDY_STRIP) {
        while (step->left && white < lead &&
               otx__is_white(otx__utf8_next(text.bytes, text.size, &next)))
            white = next;
        lead -= white;
    } else if (step->kind == OTX__TIDY_CHARSMAP) {
        lead = otx__charsmap_lead(&step->map, text, lead);
    } else if (step->kind != OTX__TIDY_REPLACE && step->kind != OTX__TIDY_MATCHES) {
        n->start.size = 0;
        (void)otx__tidy_step_run(n, step, otx__span_of(text.bytes, lead), &n->start, NULL);
        lead = n->start.size;
    }
    lead = otx__min(lead, made->size);
    while (lead > 0 && lead < made->size && ((unsigned char)made->bytes[lead] & 0xc0) == 0x80)
        lead++; /* two characters became one */
    return lead;
}

/* Takes a step over a text from the work that is left. */
OTX__PRIVATE otx_result otx__tidy_work(otx__tidy *n, size_t size, size_t whole, otx_error *error)
{
    const uint64_t work = (uint64_t)size + OTX__TIDY_WORK_A_STEP;
    if (work > n->work)
        return otx__fail(error, OTX_ERROR_LIMIT, "%s: the %" PRIu64 " steps of its normalizer go "
                         "over too many bytes for a text of %" PRIu64 ": over more than %u times "
                         "as many", n->name, (uint64_t)n->count, (uint64_t)whole,
                         OTX__TIDY_WORK_A_BYTE);
    n->work -= work;
    return OTX_OK;
}

/* What becomes of a text of UTF-8: of the caller's, or in the normaliser until the next call. */
OTX__PRIVATE otx_result otx__tidy_run(otx__tidy *n, otx__span text, otx__span *out,
                                        otx_error *error)
{
    otx__tidy_step *step;
    const size_t whole = text.size;
    size_t side = 0;
    n->lead = 0;
    if (whole) (void)otx__utf8_next(text.bytes, whole, &n->lead);
    n->limit = otx__tidy_limit(whole);
    otx__matcher_add(&n->matcher, OTX__TIDY_EXPRESSIONS * whole);
    n->work += OTX__TIDY_WORK_A_BYTE * ((uint64_t)whole + OTX__TIDY_WORK_A_STEP);
    for (step = n->first; step; step = step->next, side = !side) {
        otx__text *to = &n->texts[side];
        otx_result result = otx__tidy_work(n, text.size, whole, error);
        to->size = 0;
        if (!result) result = otx__tidy_step_run(n, step, text, to, error);
        if (result) return result;
        n->lead = otx__tidy_lead(n, step, text, to);
        if (to->failed || n->start.failed) {
            to->failed = n->start.failed = false;
            return otx__fail_memory(error, to->size + text.size);
        }
        if (to->size > n->limit)
            return otx__fail(error, OTX_ERROR_LIMIT, "%s: its normalizer makes more than %" PRIu64
                             " bytes of a text of %" PRIu64, n->name, (uint64_t)n->limit,
                             (uint64_t)whole);
        text = otx__span_of(to->bytes ? to->bytes : "", to->size);
    }
    *out = text;
    return OTX_OK;
}

/* ---- cutter: texts cut by the steps of a pre-tokenizer --------------------------------- */

OTX__PRIVATE void otx__cutter_close(otx__cutter *cutter)
{
    const otx_context *ctx = cutter->pool.ctx;
    if (cutter->capacity)
        otx__free(ctx, cutter->steps, cutter->capacity, sizeof *cutter->steps);
    otx__pool_close(&cutter->pool);
    memset(cutter, 0, sizeof *cutter);
    otx__pool_open(&cutter->pool, ctx);
}

OTX__PRIVATE void otx__cutter_begin(const otx_context *ctx, const char *name,
                                    otx__cutter *cutter, otx__step_reader *r, otx_error *error)
{
    memset(cutter, 0, sizeof *cutter);
    memset(r, 0, sizeof *r);
    otx__pool_open(&cutter->pool, ctx);
    cutter->name = name;
    r->cutter = cutter;
    r->error = error;
}

OTX__PRIVATE otx_result otx__cutter_end(otx__step_reader *r)
{
    if (r->result) otx__cutter_close(r->cutter);
    return r->result;
}

/* Opens the cutter of a pre-tokenizer, the value `node` of a tokenizer.json (OTX_JSON_NONE and
   null: texts stay whole). The document may go; `name`, which stands in errors, must last. On
   failure nothing is left open. */
OTX__PRIVATE otx_result otx__cutter_open(const otx_context *ctx, const otx_json *json,
                                         uint32_t node, const char *name, otx__cutter *cutter,
                                         otx_error *error)
{
    otx__step_reader r;
    otx__cutter_begin(ctx, name, cutter, &r, error);
    r.json = json;
    if (otx_json_type_of(json, node) != OTX_JSON_NULL)
        otx__read_steps(&r, node, OTX__STEP_DEPTH);
    return otx__cutter_end(&r);
}

/* Opens one that finds all matches of a regular expression, as tiktoken does; the pieces are
   bytes of the text as they are. The pattern is copied. */
OTX__PRIVATE otx_result otx__cutter_open_pattern(const otx_context *ctx, const char *pattern,
                                                 size_t size, const char *name,
                                                 otx__cutter *cutter, otx_error *error)
{
    otx__step_reader r;
    char *text;
    otx__cutter_begin(ctx, name, cutter, &r, error);
    text = (char *)otx__pattern_keep(&cutter->pool, pattern, size, 1);
    if (!text) r.result = otx__pool_fail(&cutter->pool, error);
    otx__read_pattern(&r, OTX__CUT_REMOVED, true, OTX__TIKTOKEN, text, size);
    return otx__cutter_end(&r);
}

/* ---- steps that write the text anew ---- */

OTX__PRIVATE void otx__apply_replace(otx__slices *slices, const otx__step *step, size_t at,
                                     size_t end)
{
    const char *text = slices->text.bytes;
    while (at < end) {
        const char *space = (const char *)memchr(text + at, ' ', end - at);
        const size_t plain = space ? (size_t)(space - text) : end;
        otx__text_bytes(&slices->next_text, text + at, plain - at);
        at = plain;
        if (space) otx__text_bytes(&slices->next_text, step->text, step->text_size);
        if (space) at++;
    }
}

OTX__PRIVATE void otx__apply_bytes(otx__slices *slices, size_t at, size_t end)
{
    const char *text = slices->text.bytes;
    char buffer[512];
    size_t length = 0;
    for (; at < end; at++) {
        length += otx__spell_byte(buffer + length, text[at]);
        if (length + 4 > sizeof buffer) {
            otx__text_bytes(&slices->next_text, buffer, length);
            length = 0;
        }
    }
    otx__text_bytes(&slices->next_text, buffer, length);
}

/* `first`: the piece begins where the user's text does. */
OTX__PRIVATE void otx__apply_begin(otx__slices *slices, const otx__step *step,
                                   const otx__slice *slice, bool first)
{
    const char *text = slices->text.bytes + slice->start;
    const size_t size = slice->end - slice->start;
    const bool there = size >= step->text_size && memcmp(text, step->text, step->text_size) == 0;
    if (!there && (first || !step->first_only))
        otx__text_bytes(&slices->next_text, step->text, step->text_size);
}

/* A part of a piece. */
OTX__PRIVATE void otx__apply_part(otx__slices *slices, const otx__step *step, size_t at,
                                  size_t end)
{
    if (step->kind == OTX__STEP_REPLACE) otx__apply_replace(slices, step, at, end);
    else if (step->kind == OTX__STEP_BYTES) otx__apply_bytes(slices, at, end);
    else otx__text_bytes(&slices->next_text, slices->text.bytes + at, end - at);
}

/* What becomes of the bytes that stand where the user's text begins stands there, too. */
OTX__PRIVATE void otx__apply_rewrite(otx__slices *slices, const otx__step *step)
{
    size_t i, lead = 0;
    slices->next_text.size = 0;
    for (i = 0; i < slices->count && !slices->next_text.failed; i++) {
        const otx__slice *slice = &slices->items[i];
        const size_t start = slices->next_text.size;
        const size_t led = otx__min(slice->end, otx__max(slice->start, slices->lead));
        const bool first = slice->start < slices->lead;
        if (step->kind == OTX__STEP_BEGIN) otx__apply_begin(slices, step, slice, first);
        otx__apply_part(slices, step, slice->start, led);
        if (first) lead = slices->next_text.size;
        otx__apply_part(slices, step, led, slice->end);
        otx__slices_put(slices, start, slices->next_text.size);
    }
    slices->lead = lead;
    otx__slices_turn(slices, true);
}

OTX__PRIVATE void otx__apply_length(otx__slices *slices, uint64_t length)
{
    size_t i;
    for (i = 0; i < slices->count; i++) {
        const otx__slice slice = slices->items[i];
        size_t at = slice.start, start = at;
        uint64_t count = 0;
        while (at < slice.end) {
            at += otx__split_step(slices->text.bytes, at, slice.end);
            if (++count % length > 0) continue;
            otx__slices_put(slices, start, at);
            start = at;
        }
        otx__slices_put(slices, start, at);
    }
    otx__slices_turn(slices, false);
}

/* ---- the whole ---- */

/* Cuts a text (UTF-8, what a normaliser made of it). `lead`: so many bytes of it stand where what
   the user gave begins; 0, if it is behind an added token. `slices` is open, and used again from
   text to text; what is in it lasts until the next call, and its matcher's steps until these are
   allowed anew. After a failure it can be used again or closed. */
OTX__PRIVATE otx_result otx__cutter_run(const otx__cutter *cutter, const char *text, size_t size,
                                        size_t lead, otx__slices *slices, otx_error *error)
{
    otx_result result = OTX_OK;
    size_t i;
    slices->text.size = slices->next_text.size = 0;
    slices->text.failed = slices->next_text.failed = slices->failed = false;
    slices->count = slices->next_count = 0;
    slices->lead = lead;
    otx__matcher_add(&slices->matcher, size);
    if (size < OTX__SLICED_LIMIT) {
        otx__text_bytes(&slices->text, text, size);
        otx__slices_put(slices, 0, size);
        otx__slices_turn(slices, false);
    }
    for (i = 0; i < cutter->count && !result && !slices->failed; i++) {
        const otx__step *step = &cutter->steps[i];
        if (size >= OTX__SLICED_LIMIT || slices->text.size >= OTX__SLICED_LIMIT)
            break;
        if (step->kind == OTX__STEP_CUT) result = otx__slices_cut(slices, &step->rule, error);
        else if (step->kind == OTX__STEP_LENGTH) otx__apply_length(slices, step->length);
        else otx__apply_rewrite(slices, step);
    }
    if (result) return result;
    if (size >= OTX__SLICED_LIMIT || slices->text.size >= OTX__SLICED_LIMIT)
        return otx__fail(error, OTX_ERROR_LIMIT, "%s: a text of %" PRIu64 " bytes is too long to "
                         "be cut: the pre-tokenizer makes %" PRIu64 " of it", cutter->name,
                         (uint64_t)size, (uint64_t)otx__max(size, slices->text.size));
    if (slices->failed) return otx__fail_memory(error, slices->text.size);
    return OTX_OK;
}

/* ---- verify: a head of fewer rows than tokens -------------------------------- */

/* Where d2t is wrong, what should be in it. */
OTX__PRIVATE const char *otx__d2t_rule(const otx__verifier *v)
{
    return v->side.gguf ? "; in GGUF it holds the id itself"
                        : "; in safetensors it holds the id less the row's number";
}

/* Looks for d2t, before the tensors are: it says how many rows a head has. */
OTX__PRIVATE void otx__verify_find_d2t(otx__verifier *v)
{
    otx__side *side = &v->side;
    const otx_checkpoint_tensor *at;
    char text[OTX__TENSOR_TEXT];
    if (v->failure || !side->checkpoint.files) return;
    at = otx_checkpoint_find(&side->checkpoint, OTX__D2T);
    if (!at) return;
    side->draft_rows = at->tensor->rank > 0 && at->tensor->shape[0] > 0 ? at->tensor->shape[0] : 1;
    if (at->tensor->dtype != OTX_I64 || at->tensor->rank != 1 || at->tensor->shape[0] == 0)
        otx__found(v, OTX_FAULT, "%s: tensor %s is %s; one I64 for each row of the output head is "
                   "read", side->path, otx__tensor_text(text, at->tensor),
                   otx__word(otx__checkpoint_type_name(&side->checkpoint, at)));
}

/* What is wrong with the elements of d2t. */
typedef struct otx__d2t_count {
    uint64_t beyond, twice, empty; /* rows of ids without a row, had before, without a token */
    uint64_t first_beyond, first_twice, first_empty;
    int64_t element; /* the first beyond */
} otx__d2t_count;

OTX__PRIVATE void otx__d2t_count_add(const otx__verifier *v, otx__d2t_count *count,
                                     uint64_t row, int64_t element, uint8_t *seen)
{
    uint64_t id;
    if (!otx__draft_id(v->side.gguf, row, element, v->side.parts.rows, &id)) {
        if (count->beyond++ == 0) {
            count->first_beyond = row;
            count->element = element;
        }
        return;
    }
    if (seen[id] && count->twice++ == 0) count->first_twice = row;
    if (!otx__side_token(&v->side, id) && count->empty++ == 0) count->first_empty = row;
    seen[id] = 1;
    v->draft[row] = (uint32_t)id;
}

/* Reads d2t; seen[] becomes 1 for ids that have a row. */
OTX__PRIVATE otx_result otx__d2t_read(otx__verifier *v, const otx_checkpoint_tensor *at,
                                      otx__d2t_count *count, uint8_t *seen, otx_error *error)
{
    char bytes[512 * 8];
    uint64_t row = 0;
    otx_result result = OTX_OK;
    while (row < v->side.draft_rows && !result) {
        const uint64_t left = v->side.draft_rows - row;
        const size_t step = left < 512 ? (size_t)left : 512;
        size_t i;
        result = otx__checkpoint_bytes(&v->side.checkpoint, at, row * 8, step * 8, bytes, error);
        for (i = 0; i < step && !result; i++, row++) {
            const uint64_t raw = otx__gguf_uint(bytes + i * 8, 8);
            const int64_t element = raw <= INT64_MAX ? (int64_t)raw : -(int64_t)~raw - 1;
            otx__d2t_count_add(v, count, row, element, seen);
        }
        if (!result)
            result = otx__poll(&v->ctx, OTX_STAGE_READ, OTX__D2T, row, v->side.draft_rows, error);
    }
    return result;
}

OTX__PRIVATE void otx__d2t_tell(otx__verifier *v, const otx__d2t_count *count)
{
    const otx__side *side = &v->side;
    char token[OTX__QUOTED];
    if (count->beyond)
        otx__found(v, OTX_FAULT, "%s: tensor \"" OTX__D2T "\": %" PRIu64 " rows are of no id "
                   "below %" PRIu64 ", the first %" PRIu64 " by %" PRId64 "%s", side->path,
                   count->beyond, side->parts.rows, count->first_beyond, count->element,
                   otx__d2t_rule(v));
    if (count->twice)
        otx__found(v, OTX_FAULT, "%s: tensor \"" OTX__D2T "\": %" PRIu64 " rows are of ids that "
                   "rows before them are of, the first %" PRIu64 " (token \"%s\")%s", side->path,
                   count->twice, count->first_twice,
                   otx__side_content(token, side, v->draft[count->first_twice]),
                   otx__d2t_rule(v));
    if (count->empty)
        otx__found(v, OTX_WARNING, "%s: tensor \"" OTX__D2T "\": %" PRIu64 " rows are of ids "
                   "without a token, the first %" PRIu64 " (id %" PRIu32 ")", side->path,
                   count->empty, count->first_empty, v->draft[count->first_empty]);
}

/* Whether t2d marks the same tokens; nobody who runs drafts reads it, only who trains them. */
OTX__PRIVATE otx_result otx__t2d_check(otx__verifier *v, const uint8_t *seen, otx_error *error)
{
    const otx__side *side = &v->side;
    const otx_checkpoint_tensor *at = otx_checkpoint_find(&side->checkpoint, OTX__T2D);
    const uint64_t rows = side->parts.rows;
    char bytes[4096], text[OTX__TENSOR_TEXT], token[OTX__QUOTED];
    uint64_t id = 0, wrong = 0, first = 0;
    otx_result result = OTX_OK;
    if (!at) return OTX_OK;
    if (at->tensor->dtype != OTX_BOOL || at->tensor->rank != 1 || at->tensor->shape[0] != rows) {
        otx__found(v, OTX_WARNING, "%s: tensor %s is %s; one BOOL for each of the %" PRIu64
                   " rows of the embedding is read", side->path,
                   otx__tensor_text(text, at->tensor),
                   otx__word(otx__checkpoint_type_name(&side->checkpoint, at)), rows);
        return OTX_OK;
    }
    while (id < rows && !result) {
        const size_t step = rows - id < sizeof bytes ? (size_t)(rows - id) : sizeof bytes;
        size_t i;
        result = otx__checkpoint_bytes(&side->checkpoint, at, id, step, bytes, error);
        for (i = 0; i < step && !result; i++, id++)
            if ((bytes[i] != 0) != (seen[id] != 0) && wrong++ == 0) first = id;
    }
    if (!result && wrong)
        otx__found(v, OTX_WARNING, "%s: tensor \"" OTX__T2D "\" says otherwise than \"" OTX__D2T
                   "\" of %" PRIu64 " tokens whether they have a row, the first %" PRIu64
                   " (\"%s\")", side->path, wrong, first, otx__side_content(token, side, first));
    return result;
}

/* What config.json says of it, and whether a text can end. */
OTX__PRIVATE void otx__verify_head_said(otx__verifier *v, const uint8_t *seen)
{
    const otx__side *side = &v->side;
    const otx__document *config = &side->config;
    const int64_t eos = side->vocab.roles[OTX_ROLE_EOS];
    char token[OTX__QUOTED];
    uint64_t said = 0;
    const bool named = otx_json_uint(
        &config->json, otx_json_find(&config->json, otx__document_root(config),
                                     OTX__KEY_DRAFT_SIZE), &said);
    if (!side->gguf && config->present && !named)
        otx__found(v, OTX_FAULT, "%s/config.json: has no count \"" OTX__KEY_DRAFT_SIZE "\"; "
                   OTX__D2T " has %" PRIu64 " elements", side->path, side->draft_rows);
    else if (!side->gguf && config->present && said != side->draft_rows)
        otx__found(v, OTX_FAULT, "%s/config.json: \"" OTX__KEY_DRAFT_SIZE "\" is %" PRIu64 "; "
                   OTX__D2T " has %" PRIu64 " elements", side->path, said, side->draft_rows);
    if (eos >= 0 && (uint64_t)eos < side->parts.rows && !seen[eos])
        otx__found(v, OTX_WARNING, "%s: the output head has no row for eos, %" PRId64 " (token "
                   "\"%s\"): the draft does not foresee the end of a text", side->path, eos,
                   otx__side_content(token, side, (uint64_t)eos));
}

/* The name of what the model is: an architecture of GGUF, or its class. */
OTX__PRIVATE otx__span otx__model_name(const otx__side *side)
{
    const otx__document *config = &side->config;
    uint32_t list = otx_json_find(&config->json, otx__document_root(config), OTX__KEY_CLASSES);
    if (side->gguf)
        return otx__gguf_word_of(otx__gguf_of(&side->checkpoint), OTX__KEY_ARCHITECTURE);
    return otx__json_span(&config->json, otx_json_item(&config->json, list, 0));
}

/* Whether the model is of those of which engines read d2t. */
OTX__PRIVATE bool otx__reads_d2t(const otx__side *side)
{
    const otx__span name = otx__model_name(side);
    size_t i;
    for (i = 0; side->gguf && i < OTX__COUNT(otx__d2t_architectures); i++)
        if (otx__span_is(name, otx__d2t_architectures[i])) return true;
    return !side->gguf && otx__span_contains_any(name, otx__d2t_classes,
                                                 OTX__COUNT(otx__d2t_classes));
}

/* What it is good for. */
OTX__PRIVATE void otx__verify_head_use(otx__verifier *v)
{
    const otx__side *side = &v->side;
    const otx__span name = otx__model_name(side);
    const bool reads = otx__reads_d2t(side);
    char quoted[OTX__QUOTED];
    otx__found(v, reads ? OTX_NOTE : OTX_WARNING, "%s: a draft whose output head has rows for %"
               PRIu64 " of %" PRIu64 " ids, by " OTX__D2T ", which %s%s%s%s", side->path,
               side->draft_rows, side->parts.rows,
               side->gguf ? "llama.cpp reads of EAGLE-3 and DFlash drafts"
                          : "vLLM and SGLang read of EAGLE-3 drafts",
               reads ? "" : "; this one is \"",
               reads ? "" : otx__quote(quoted, sizeof quoted, name.bytes, name.size),
               reads ? "" : "\", which no engine as released loads without a row for each token");
}

/* Whether every head has as many rows as d2t elements; of GGUF that is told elsewhere. */
OTX__PRIVATE bool otx__verify_head_rows(otx__verifier *v)
{
    const otx__parts *parts = &v->side.parts;
    char text[OTX__TENSOR_TEXT];
    bool good = parts->head != NULL;
    size_t i;
    if (!good)
        otx__found(v, OTX_FAULT, "%s: there is no output head for the %" PRIu64 " elements of "
                   OTX__D2T, v->side.path, v->side.draft_rows);
    for (i = 0; i < parts->count; i++) {
        const otx_tensor *tensor = parts->tensors[i].at->tensor;
        if (parts->tensors[i].kind != OTX__PART_HEAD || tensor->shape[0] == v->side.draft_rows)
            continue;
        good = false;
        if (!v->side.gguf)
            otx__found(v, OTX_FAULT, "%s: tensor %s has %" PRIu64 " rows for %" PRIu64 " elements "
                       "of " OTX__D2T, v->side.path, otx__tensor_text(text, tensor),
                       tensor->shape[0], v->side.draft_rows);
    }
    return good;
}

/* Checks the head of a draft that has d2t. */
OTX__PRIVATE void otx__verify_head(otx__verifier *v)
{
    const otx_checkpoint_tensor *at;
    const otx__parts *parts = &v->side.parts;
    otx__d2t_count count;
    uint8_t *seen;
    otx_error error;
    otx_result result;
    if (v->failure || !v->side.draft_rows || !parts->embedding) return;
    at = otx_checkpoint_find(&v->side.checkpoint, OTX__D2T);
    if (at->tensor->dtype != OTX_I64 || at->tensor->rank != 1 || at->tensor->shape[0] == 0) return;
    if (v->side.draft_rows > parts->rows) { /* and no memory is taken for all of them */
        otx__found(v, OTX_FAULT, "%s: tensor \"" OTX__D2T "\" has %" PRIu64 " elements; there are "
                   "%" PRIu64 " ids, each of which can have one", v->side.path,
                   v->side.draft_rows, parts->rows);
        return;
    }
    memset(&count, 0, sizeof count);
    v->draft = (uint32_t *)otx__alloc(&v->ctx, (size_t)v->side.draft_rows, sizeof *v->draft);
    seen = (uint8_t *)otx__alloc_zero(&v->ctx, (size_t)parts->rows, 1);
    if (!v->draft || !seen) {
        v->failure = otx__fail_memory(v->error, v->side.draft_rows * 4 + parts->rows);
    } else {
        memset(v->draft, 0xff, (size_t)v->side.draft_rows * sizeof *v->draft);
        result = otx__d2t_read(v, at, &count, seen, &error);
        if (otx__verify_take(v, result, &error)) {
            otx__d2t_tell(v, &count);
            otx__verify_head_said(v, seen);
            if (otx__verify_head_rows(v)) otx__verify_head_use(v);
            (void)otx__verify_take(v, otx__t2d_check(v, seen, &error), &error);
        }
    }
    if (seen) otx__free(&v->ctx, seen, (size_t)parts->rows, 1);
}

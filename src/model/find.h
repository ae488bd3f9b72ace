/* ---- finding the parts of a model ---------------------------------------- */

/* ---- the main embedding ---- */

/* Whether the weights are an adapter's, under whatever name: "...lora_A.weight". */
OTX__PRIVATE bool otx__is_adapter(const otx_checkpoint *checkpoint)
{
    size_t i;
    for (i = 0; i < checkpoint->tensor_count; i++)
        if (otx__span_contains(otx__span_of(checkpoint->tensors[i].tensor->name,
                                            checkpoint->tensors[i].tensor->name_size), "lora_"))
            return true;
    return false;
}

/* What to do with the weights of a model as PEFT holds it, whose names are its own; "" for
   others'. */
OTX__PRIVATE const char *otx__peft_advice(const otx_checkpoint *checkpoint)
{
    size_t i;
    for (i = 0; i < checkpoint->tensor_count; i++) {
        const otx_tensor *tensor = checkpoint->tensors[i].tensor;
        const otx__span name = otx__span_of(tensor->name, tensor->name_size);
        if (otx__span_contains(name, ".modules_to_save.") ||
            otx__span_contains(name, ".base_layer."))
            return "; the names are those of a model within PEFT, which transformers does not "
                   "load either: save what its merge_and_unload() returns";
    }
    return "";
}

/* Lists what could be an embedding, for an architecture that is not known. */
OTX__PRIVATE otx_result otx__fail_unknown_model(const otx_context *ctx, const otx__side *side,
                                                const char *why, otx_error *error)
{
    const otx_checkpoint *checkpoint = &side->checkpoint;
    const uint64_t ids = side->vocab.count;
    char list[480] = "", text[OTX__TENSOR_TEXT];
    size_t i, length = 0, more = 0;
    if (otx__is_adapter(checkpoint))
        return otx__fail_adapter(ctx, side->path, checkpoint->files[0].name, error);
    for (i = 0; i < checkpoint->tensor_count; i++) {
        const otx_tensor *tensor = checkpoint->tensors[i].tensor;
        size_t size;
        if (tensor->rank != 2 || tensor->shape[0] < ids) continue;
        size = strlen(otx__tensor_text(text, tensor));
        if (length + size + 3 > sizeof list - 24) {
            more++;
            continue;
        }
        length += otx__format(list + length, sizeof list - length, "%s%s",
                              length ? ", " : "", text);
    }
    if (more)
        otx__format(list + length, sizeof list - length, " and %" PRIu64 " more",
                    (uint64_t)more);
    return otx__fail(error, OTX_ERROR_UNSUPPORTED, "%s: %s%s; tensors with at least the "
                     "tokenizer's %" PRIu64 " rows: %s", side->path, why,
                     otx__peft_advice(checkpoint), ids, list[0] ? list : "none");
}

/* What is added to the rank of a tensor in a numbered layer, and to that of one of
   another size than config.json gives: more than any list of names is long. */
#define OTX__RANK_LAYER 100
#define OTX__RANK_SIZE 200

/* How well a tensor fits as the main embedding: lower is better, SIZE_MAX is not
   at all. The size that config.json gives decides before the place, the place
   (outside the numbered layers) before the name. */
OTX__PRIVATE size_t otx__embedding_rank(const otx__side *side, const otx_tensor *tensor)
{
    size_t rank = otx__embedding_name(tensor);
    uint64_t seen = 0;
    if (tensor->rank != 2 || !otx__name_is_embedding(tensor)) return SIZE_MAX;
    if (otx__name_is_numbered(tensor)) rank += OTX__RANK_LAYER;
    if (!otx__config_says_rows(&side->config, tensor->shape[0], &seen)) rank += OTX__RANK_SIZE;
    return rank;
}

/* Where an embedding has more rows than config.json says, the model's class adds them
   (Llama 3.2 Vision 8, Moshi 1), or it could not be loaded. The new one has as many
   more. */
OTX__PRIVATE void otx__find_extra(const otx_context *ctx, otx__side *side)
{
    otx__parts *parts = &side->parts;
    uint64_t said = 0;
    if (otx__config_says_rows(&side->config, parts->rows, &said) || said == 0) return;
    otx__log(ctx, OTX_WARNING, "%s: config.json says \"vocab_size\": %" PRIu64
             ", the embedding has %" PRIu64 " rows%s", side->path, said, parts->rows,
             said < parts->rows && !side->donor ? "; the new one will have as many more" : "");
    if (said > parts->rows) return;
    parts->extra = parts->rows - said;
    parts->rows = said;
}

OTX__PRIVATE otx_result otx__find_embedding(const otx_context *ctx, otx__side *side,
                                            otx_error *error)
{
    const otx_checkpoint *checkpoint = &side->checkpoint;
    otx__parts *parts = &side->parts;
    bool rival = false;
    size_t best = SIZE_MAX, i;
    for (i = 0; i < checkpoint->tensor_count; i++) {
        const otx_checkpoint_tensor *at = &checkpoint->tensors[i];
        size_t rank = otx__embedding_rank(side, at->tensor);
        if (rank == SIZE_MAX || rank > best) continue;
        if (rank < best) {
            best = rank;
            rival = false;
            parts->embedding = at;
        } else if (at->tensor->shape[0] != parts->embedding->tensor->shape[0]) {
            rival = true;
        }
    }
    if (!parts->embedding) {
        otx_result result = otx__check_whole(side, error);
        return result ? result
                      : otx__fail_unknown_model(ctx, side, "no tensor is known as the input "
                                                           "embedding", error);
    }
    if (rival)
        return otx__fail_unknown_model(ctx, side, "several tensors may be the input embedding, "
                                                  "of different sizes", error);
    parts->rows = parts->embedding->tensor->shape[0];
    if (parts->rows == 0 || parts->rows > INT32_MAX)
        return otx__fail_tensor(side, parts->embedding->tensor,
                                "is empty or has more than 2147483647 rows", error);
    otx__find_extra(ctx, side);
    return OTX_OK;
}

/* Hidden sizes stand under several names; some models factorise the embedding, and
   its own width then stands somewhere too. */
OTX__PRIVATE otx_result otx__check_width(const otx__side *side, otx_error *error)
{
    const otx_tensor *embedding = side->parts.embedding->tensor;
    uint64_t width = embedding->shape[1], seen = 0;
    char text[OTX__TENSOR_TEXT];
    size_t i, first = 0;
    for (i = 0; i < OTX__COUNT(otx__width_keys); i++) {
        bool before = seen != 0;
        if (otx__config_says(&side->config, otx__width_keys[i], width, &seen)) return OTX_OK;
        if (!before && seen) first = i;
    }
    if (!seen || otx__config_has_size(&side->config, width)) return OTX_OK;
    return otx__fail(error, OTX_ERROR_MISMATCH,
                     "%s: tensor %s has %" PRIu64
                     " columns, but config.json says \"%s\": %" PRIu64, side->path,
                     otx__tensor_text(text, embedding), width, otx__width_keys[first], seen);
}

/* ---- all of them ---- */

/* The main head: outside the numbered layers first, then by name. */
OTX__PRIVATE size_t otx__head_rank(const otx_tensor *tensor)
{
    return otx__head_name(tensor) + (otx__name_is_numbered(tensor) ? OTX__RANK_LAYER : 0u);
}

/* Refuses blocks that can be copied and no more. */
OTX__PRIVATE otx_result otx__fail_opaque(const otx__side *side, const otx_checkpoint_tensor *at,
                                         otx_error *error)
{
    char text[OTX__TENSOR_TEXT];
    return otx__fail(error, OTX_ERROR_UNSUPPORTED, "%s: tensor %s is %s, which cannot be read "
                     "here; make the file anew with llama-quantize --token-embedding-type q8_0 "
                     "--output-tensor-type q8_0", side->path, otx__tensor_text(text, at->tensor),
                     otx__word(otx__checkpoint_type_name(&side->checkpoint, at)));
}

OTX__PRIVATE otx_result otx__parts_add(otx__side *side, const otx_checkpoint_tensor *at,
                                       otx__part_kind kind, otx_error *error)
{
    const otx_tensor *tensor = at->tensor;
    otx__parts *parts = &side->parts;
    otx__vocab_tensor *slot;
    if (tensor->dtype == OTX_OPAQUE) return otx__fail_opaque(side, at, error);
    if (!otx_dtype_is_embedding(tensor->dtype) && !otx_dtype_is_block(tensor->dtype)) {
        char text[OTX__TENSOR_TEXT];
        return otx__fail(error, OTX_ERROR_UNSUPPORTED,
                         "%s: tensor %s is %s; F64, F32, F16, BF16, F8_E4M3 or F8_E5M2 is "
                         "expected", side->path, otx__tensor_text(text, tensor),
                         otx_dtype_name(tensor->dtype));
    }
    if (kind == OTX__PART_BIAS && otx_dtype_is_block(tensor->dtype))
        return otx__fail_tensor(side, tensor, "is a bias in blocks, which nobody writes: its "
                                              "numbers belong to one token each", error);
    if (kind != OTX__PART_BIAS && (tensor->shape[1] == 0 || tensor->shape[1] > INT32_MAX))
        return otx__fail_tensor(side, tensor, "has no columns or more than 2147483647", error);
    if (parts->count == OTX__MAX_PARTS)
        return otx__fail(error, OTX_ERROR_LIMIT,
                         "%s: more than %d tensors are sized by the vocabulary", side->path,
                         OTX__MAX_PARTS);
    slot = &parts->tensors[parts->count++];
    slot->at = at;
    slot->kind = kind;
    slot->rows = tensor->shape[kind == OTX__PART_BIAS ? tensor->rank - 1 : 0];
    slot->redundant = false;
    if (kind == OTX__PART_HEAD &&
        (!parts->head || otx__head_rank(tensor) < otx__head_rank(parts->head->tensor)))
        parts->head = at;
    return OTX_OK;
}

OTX__PRIVATE otx_result otx__find_all(const otx_context *ctx, otx__side *side, otx_error *error)
{
    const otx_checkpoint *checkpoint = &side->checkpoint;
    otx_result result = OTX_OK;
    size_t i;
    side->parts.explained = side->gguf ? otx__gguf_has_size(checkpoint, side->parts.rows)
                                       : otx__config_has_size(&side->config, side->parts.rows);
    for (i = 0; i < checkpoint->tensor_count && !result; i++) {
        otx__part_kind kind;
        result = otx__part_of(ctx, side, checkpoint->tensors[i].tensor, &kind, error);
        if (!result && kind != OTX__PART_NONE)
            result = otx__parts_add(side, &checkpoint->tensors[i], kind, error);
    }
    return result;
}

/* ---- tying ---- */

#define OTX__COMPARE_CHUNK ((size_t)1 << 20)

/* Whether two tensors are equal in type, shape and every byte. Ends at the first
   difference. */
OTX__PRIVATE otx_result otx__tensors_equal(const otx_context *ctx,
                                           const otx_checkpoint *checkpoint,
                                           const otx_checkpoint_tensor *a,
                                           const otx_checkpoint_tensor *b, bool *equal,
                                           otx_error *error)
{
    const size_t chunk = OTX__COMPARE_CHUNK;
    uint64_t size = a->tensor->end - a->tensor->begin, at = 0;
    otx_result result = OTX_OK;
    char *bytes;
    *equal = a->tensor->dtype == b->tensor->dtype && a->tensor->rank == b->tensor->rank &&
             memcmp(a->tensor->shape, b->tensor->shape,
                    a->tensor->rank * sizeof *a->tensor->shape) == 0;
    if (!*equal) return OTX_OK;
    bytes = (char *)otx__alloc(ctx, 2, chunk);
    if (!bytes) return otx__fail_memory(error, 2 * (uint64_t)chunk);
    while (!result && *equal && at < size) {
        size_t count = size - at < chunk ? (size_t)(size - at) : chunk;
        result = otx__checkpoint_bytes(checkpoint, a, at, count, bytes, error);
        if (!result)
            result = otx__checkpoint_bytes(checkpoint, b, at, count, bytes + chunk, error);
        if (!result) *equal = memcmp(bytes, bytes + chunk, count) == 0;
        at += count;
        if (!result)
            result = otx__poll(ctx, OTX_STAGE_READ, b->tensor->name, at, size, error);
    }
    otx__free(ctx, bytes, 2, chunk);
    return result;
}

/* Tied: there is no head, or no level of the config denies it and the head is
   the embedding once more. */
OTX__PRIVATE otx_result otx__find_tie(const otx_context *ctx, otx__side *side, otx_error *error)
{
    otx__parts *parts = &side->parts;
    otx__tie_flag flag = otx__config_tie_flag(&side->config);
    bool denied = flag.said_false && !flag.said_true;
    otx_result result;
    size_t i;
    parts->tied = !parts->head;
    if (!parts->head) {
        if (denied)
            otx__log(ctx, OTX_WARNING, "%s: config.json says \"tie_word_embeddings\": false, "
                     "but there is no output head; taken as tied", side->path);
        return OTX_OK;
    }
    if (denied) return OTX_OK;
    result = otx__tensors_equal(ctx, &side->checkpoint, parts->embedding, parts->head,
                                &parts->tied, error);
    if (result) return result;
    if (!parts->tied && flag.said_true)
        otx__log(ctx, OTX_WARNING, "%s: config.json says \"tie_word_embeddings\": true, but "
                 "the output head differs from the embedding; taken as untied", side->path);
    for (i = 0; i < parts->count; i++) /* a reader of GGUF may insist on both */
        if (parts->tied && parts->tensors[i].at == parts->head)
            parts->tensors[i].redundant = !side->gguf;
    return OTX_OK;
}

/* ---- the whole of it ---- */

/* Finds the tensors that the vocabulary sizes, by the config, the vocabulary and the
   checkpoint of the side. If it fails there is no embedding. */
OTX__PRIVATE otx_result otx__parts_find(const otx_context *ctx, otx__side *side,
                                        otx_error *error)
{
    otx_result result;
    memset(&side->parts, 0, sizeof side->parts);
    result = otx__find_embedding(ctx, side, error);
    if (!result) result = otx__check_width(side, error);
    if (!result) result = otx__find_all(ctx, side, error);
    if (!result) result = otx__check_whole(side, error);
    if (!result) result = otx__find_tie(ctx, side, error);
    if (result) side->parts.embedding = NULL;
    return result;
}

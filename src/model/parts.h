/* ---- parts: the tensors that the vocabulary sizes ----------------------- */

/* ---- tensors in messages ---- */

/* Room for a tensor's quoted name and shape. */
#define OTX__TENSOR_TEXT (OTX__QUOTED + 96)

/* `"lm_head.weight" [32000, 4096]`; returns `to`. */
OTX__PRIVATE const char *otx__tensor_text(char *to, const otx_tensor *tensor)
{
    char name[OTX__QUOTED];
    size_t length, i;
    otx__quote(name, sizeof name, tensor->name, tensor->name_size);
    length = otx__format(to, OTX__TENSOR_TEXT, "\"%s\" [", name);
    for (i = 0; i < tensor->rank && i < 3; i++)
        length += otx__format(to + length, OTX__TENSOR_TEXT - length, "%s%" PRIu64,
                              i ? ", " : "", tensor->shape[i]);
    otx__format(to + length, OTX__TENSOR_TEXT - length, tensor->rank > 3 ? ", ...]" : "]");
    return to;
}

/* ---- the vocabulary's tensors of one model ---- */

#define OTX__MODEL_MAX_TENSORS 16

typedef struct otx__model_tensor {
    const otx_checkpoint_tensor *at;
    otx__part part;
    uint64_t rows;  /* its own: those of the model, or `extra` more */
    bool redundant; /* the head of a tied model, stored once more: not written */
} otx__model_tensor;

typedef struct otx__model {
    const otx_context *ctx;
    const otx_checkpoint *checkpoint;
    const otx__document *config;
    uint64_t ids; /* of the tokenizer: the highest + 1 */
    bool donor;
    uint64_t rows;  /* of the tensors below */
    uint64_t extra; /* rows that some have beyond those, as the classes of a few models
                       add to what config.json calls the vocabulary's size */
    otx__model_tensor tensors[OTX__MODEL_MAX_TENSORS]; /* by name */
    size_t tensor_count;
    const otx_checkpoint_tensor *embedding; /* the main one */
    const otx_checkpoint_tensor *head;      /* NULL if none is stored */
    bool tied;                              /* the head is the embedding */
} otx__model;

OTX__PRIVATE otx_result otx__model_refuse(const otx__model *model, const otx_tensor *tensor,
                                          const char *why, otx_error *error)
{
    char text[OTX__TENSOR_TEXT];
    return otx__fail(error, OTX_ERROR_UNSUPPORTED, "%s: tensor %s %s", model->checkpoint->path,
                     otx__tensor_text(text, tensor), why);
}

/* Lists what could be an embedding, for an architecture that is not known. */
OTX__PRIVATE otx_result otx__fail_unknown_model(const otx__model *model, const otx_vocab *vocab,
                                           const char *why, otx_error *error)
{
    char list[480] = "", text[OTX__TENSOR_TEXT];
    size_t i, length = 0, more = 0;
    for (i = 0; i < model->checkpoint->tensor_count; i++) {
        const otx_tensor *tensor = model->checkpoint->tensors[i].tensor;
        size_t size;
        if (tensor->rank != 2 || tensor->shape[0] < vocab->count) continue;
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
    return otx__fail(error, OTX_ERROR_UNSUPPORTED,
                     "%s: %s; tensors with at least the tokenizer's %" PRIu64 " rows: %s",
                     model->checkpoint->path, why, (uint64_t)vocab->count,
                     list[0] ? list : "none");
}

/* How well a tensor fits as the main embedding: lower is better, SIZE_MAX is not
   at all. The size that config.json gives decides before the place, the place
   (outside the numbered layers) before the name. */
OTX__PRIVATE size_t otx__embedding_rank(const otx__model *model, const otx_tensor *tensor)
{
    size_t name = otx__embedding_name(tensor), rank = name;
    uint64_t seen = 0;
    if (tensor->rank != 2 || name == OTX__COUNT(otx__embedding_names)) return SIZE_MAX;
    if (otx__name_is_numbered(tensor)) rank += 100;
    if (!otx__config_says(model->config, "vocab_size", tensor->shape[0], &seen) &&
        !otx__config_says(model->config, "padded_vocab_size", tensor->shape[0], &seen))
        rank += 200;
    return rank;
}

/* Where an embedding has more rows than config.json says, the model's class adds them
   (Llama 3.2 Vision 8, Moshi 1), or it could not be loaded. The new one has as many
   more. */
OTX__PRIVATE void otx__model_find_extra(otx__model *model)
{
    uint64_t said = 0;
    if (otx__config_says(model->config, "vocab_size", model->rows, &said) ||
        otx__config_says(model->config, "padded_vocab_size", model->rows, &said) || said == 0)
        return;
    otx__log(model->ctx, OTX_WARNING,
             "%s: config.json says \"vocab_size\": %" PRIu64 ", the embedding has %" PRIu64
             " rows%s", model->checkpoint->path, said, model->rows,
             said < model->rows && !model->donor ? "; the new one will have as many more" : "");
    if (said > model->rows) return;
    model->extra = model->rows - said;
    model->rows = said;
}

OTX__PRIVATE otx_result otx__model_find_embedding(otx__model *model, const otx_vocab *vocab,
                                                  otx_error *error)
{
    const otx_checkpoint *checkpoint = model->checkpoint;
    const otx_checkpoint_tensor *rival = NULL;
    size_t best = SIZE_MAX, i;
    for (i = 0; i < checkpoint->tensor_count; i++) {
        size_t rank = otx__embedding_rank(model, checkpoint->tensors[i].tensor);
        if (rank == SIZE_MAX || rank > best) continue;
        if (rank < best) {
            best = rank;
            rival = NULL;
            model->embedding = &checkpoint->tensors[i];
        } else if (checkpoint->tensors[i].tensor->shape[0] !=
                   model->embedding->tensor->shape[0]) {
            rival = &checkpoint->tensors[i];
        }
    }
    if (!model->embedding)
        return otx__fail_unknown_model(model, vocab,
                                       "no tensor is known as the input embedding", error);
    if (rival)
        return otx__fail_unknown_model(
            model, vocab, "several tensors may be the input embedding, of different sizes",
            error);
    model->rows = model->embedding->tensor->shape[0];
    if (model->rows == 0 || model->rows > INT32_MAX)
        return otx__model_refuse(model, model->embedding->tensor,
                                 "is empty or has more than 2147483647 rows", error);
    otx__model_find_extra(model);
    return OTX_OK;
}

/* ---- every tensor in its part ---- */

/* Whether a size is that of the vocabulary. */
OTX__PRIVATE bool otx__model_has_rows(const otx__model *model, uint64_t size)
{
    return size == model->rows || (model->extra > 0 && size == model->rows + model->extra);
}

OTX__PRIVATE bool otx__model_sizes(const otx__model *model, const otx_tensor *tensor)
{
    unsigned i;
    for (i = 0; i < tensor->rank; i++)
        if (otx__model_has_rows(model, tensor->shape[i])) return true;
    return false;
}

/* A [rows] or [1, rows] tensor. */
OTX__PRIVATE bool otx__is_vector(const otx__model *model, const otx_tensor *tensor)
{
    return (tensor->rank == 1 || (tensor->rank == 2 && tensor->shape[0] == 1)) &&
           otx__model_has_rows(model, tensor->shape[tensor->rank - 1]);
}

/* Why a tensor cannot be carried over to another vocabulary by its name alone,
   whatever its shape; NULL if nothing speaks against it. */
OTX__PRIVATE const char *otx__name_verdict(const otx_tensor *tensor)
{
    otx__component last = otx__name_component(tensor, 0),
                   before = otx__name_component(tensor, 1);
    if (otx__component_is(before, "embed_tokens_per_layer"))
        return "holds per-layer embeddings, which are no rows of one space and cannot be "
               "transplanted";
    if (otx__component_is(last, "d2t") || otx__component_is(last, "t2d"))
        return "maps a draft vocabulary to the full one, which is not true any more under "
               "another tokenizer";
    return NULL;
}

/* Whether the last component is one of those under which quantised matrices keep
   their codes, scales, zero points and shapes, or adapters their factors. */
OTX__PRIVATE bool otx__component_is_packed(otx__component last)
{
    static const char *const parts[] = {"scale",  "scales", "quant",       "pack",   "qweight",
                                        "qzeros", "absmax", "zero_point",  "weight_", "g_idx",
                                        "SCB",    "lora_",  "codebook"};
    size_t i;
    for (i = 0; i < OTX__COUNT(parts); i++)
        if (otx__span_has(last.bytes, last.size, parts[i])) return true;
    return false;
}

/* Whether the name is that of a packed or scaled embedding or head. */
OTX__PRIVATE bool otx__name_is_packed(const otx_tensor *tensor)
{
    static const char *const owners[] = {"lm_head",         "embed_out",      "output_layer",
                                         "embed_tokens",    "tok_embeddings", "wte",
                                         "word_embeddings", "embed_in",       "output",
                                         "embeddings",      "shared",         "lm_head.linear"};
    otx__component last = otx__name_component(tensor, 0);
    char name[64];
    if (last.size >= sizeof name || !otx__component_is_packed(last)) return false;
    memcpy(name, last.bytes, last.size);
    name[last.size] = 0;
    return otx__name_in(tensor, owners, OTX__COUNT(owners), name) < OTX__COUNT(owners);
}

/* What a tensor that is sized by the vocabulary is by its name. */
OTX__PRIVATE otx__part otx__name_part(const otx__model *model, const otx_tensor *tensor)
{
    if (tensor->rank == 2 && otx__model_has_rows(model, tensor->shape[0])) {
        if (otx__embedding_name(tensor) < OTX__COUNT(otx__embedding_names))
            return OTX__PART_EMBEDDING;
        if (otx__head_name(tensor) < OTX__COUNT(otx__head_names)) return OTX__PART_HEAD;
    }
    if (otx__is_vector(model, tensor) && otx__name_is_bias(tensor)) return OTX__PART_BIAS;
    return OTX__PART_NONE;
}

/* A head under a known name, outside the numbered layers, whose size is neither the
   vocabulary's nor small enough to be something else. */
OTX__PRIVATE bool otx__is_other_head(const otx__model *model, const otx_tensor *tensor)
{
    return otx__head_name(tensor) < OTX__COUNT(otx__head_names) && tensor->rank == 2 &&
           !otx__model_has_rows(model, tensor->shape[0]) && !otx__name_is_numbered(tensor) &&
           (tensor->shape[0] >= model->ids || otx__name_ends(tensor, "lm_head", "weight"));
}

OTX__PRIVATE bool otx__dtype_is_integer(otx_dtype dtype)
{
    return dtype == OTX_I64 || dtype == OTX_U64 || dtype == OTX_I32 || dtype == OTX_U32 ||
           dtype == OTX_I16 || dtype == OTX_U16 || dtype == OTX_BOOL;
}

/* The base's tensor is sized like the vocabulary, but under no name that is known.
   Those of numbered layers whose names say nothing of tokens, and those whose size
   config.json explains otherwise, only happen to be; a table of integers per token
   (DeepSeek V4's of experts) does not. */
OTX__PRIVATE otx_result otx__model_coincidence(const otx__model *model,
                                               const otx_tensor *tensor, otx_error *error)
{
    bool numbered = otx__name_is_numbered(tensor);
    bool explained = otx__config_has_size(model->config, model->rows);
    if (otx__dtype_is_integer(tensor->dtype) && !explained)
        return otx__model_refuse(model, tensor, "is a table of integers by token, which cannot "
                                                "be transplanted", error);
    if (numbered && !otx__name_is_lexical(tensor)) return OTX_OK;
    if (!explained)
        return otx__model_refuse(model, tensor, "has a dimension as large as the vocabulary, "
                                                "but what it is for is not known", error);
    if (!numbered && tensor->rank == 2 && otx__model_has_rows(model, tensor->shape[0])) {
        char text[OTX__TENSOR_TEXT];
        otx__log(model->ctx, OTX_WARNING,
                 "%s: tensor %s has as many rows as the vocabulary, "
                 "but config.json gives that size to something else too; it is left as it is",
                 model->checkpoint->path, otx__tensor_text(text, tensor));
    }
    return OTX_OK;
}

/* The part that a tensor plays, or a refusal. Of the base every tensor must be
   understood; of the donor only the embedding and the head are read. */
OTX__PRIVATE otx_result otx__model_part(const otx__model *model, const otx_tensor *tensor,
                                        otx__part *part, otx_error *error)
{
    const char *verdict = model->donor ? NULL : otx__name_verdict(tensor);
    *part = OTX__PART_NONE;
    if (verdict) return otx__model_refuse(model, tensor, verdict, error);
    if (otx__name_is_packed(tensor) && !(model->donor && otx__name_is_numbered(tensor)))
        return otx__model_refuse(model, tensor,
                                 "belongs to a packed or scaled vocabulary matrix; only plain "
                                 "F64, F32, F16, BF16 and F8 ones are supported", error);
    if (otx__is_other_head(model, tensor))
        return otx__model_refuse(model, tensor, "is an output head with another number of rows "
                                                "than the embedding", error);
    if (!otx__model_sizes(model, tensor)) return OTX_OK;
    *part = otx__name_part(model, tensor);
    if (model->donor && *part == OTX__PART_BIAS) *part = OTX__PART_NONE;
    if (*part != OTX__PART_NONE || model->donor) return OTX_OK;
    return otx__model_coincidence(model, tensor, error);
}

/* The main head: outside the numbered layers first, then by name. */
OTX__PRIVATE size_t otx__head_rank(const otx_tensor *tensor)
{
    return otx__head_name(tensor) + (otx__name_is_numbered(tensor) ? 100u : 0u);
}

OTX__PRIVATE otx_result otx__model_add(otx__model *model, const otx_checkpoint_tensor *at,
                                       otx__part part, otx_error *error)
{
    const otx_tensor *tensor = at->tensor;
    otx__model_tensor *slot = &model->tensors[model->tensor_count];
    if (!otx_dtype_is_embedding(tensor->dtype)) {
        char text[OTX__TENSOR_TEXT];
        return otx__fail(error, OTX_ERROR_UNSUPPORTED,
                         "%s: tensor %s is %s; F64, F32, F16, BF16, F8_E4M3 or F8_E5M2 is "
                         "expected",
                         model->checkpoint->path, otx__tensor_text(text, tensor),
                         otx_dtype_name(tensor->dtype));
    }
    if (part != OTX__PART_BIAS && (tensor->shape[1] == 0 || tensor->shape[1] > INT32_MAX))
        return otx__model_refuse(model, tensor, "has no columns or more than 2147483647",
                                 error);
    if (model->tensor_count == OTX__MODEL_MAX_TENSORS)
        return otx__fail(error, OTX_ERROR_LIMIT,
                         "%s: more than %d tensors are sized by the vocabulary",
                         model->checkpoint->path, OTX__MODEL_MAX_TENSORS);
    slot->at = at;
    slot->part = part;
    slot->rows = tensor->shape[part == OTX__PART_BIAS ? tensor->rank - 1 : 0];
    slot->redundant = false;
    model->tensor_count++;
    if (part == OTX__PART_HEAD &&
        (!model->head || otx__head_rank(tensor) < otx__head_rank(model->head->tensor)))
        model->head = at;
    return OTX_OK;
}

OTX__PRIVATE otx_result otx__model_find_parts(otx__model *model, otx_error *error)
{
    const otx_checkpoint *checkpoint = model->checkpoint;
    otx_result result = OTX_OK;
    size_t i;
    for (i = 0; i < checkpoint->tensor_count && !result; i++) {
        otx__part part;
        result = otx__model_part(model, checkpoint->tensors[i].tensor, &part, error);
        if (!result && part != OTX__PART_NONE)
            result = otx__model_add(model, &checkpoint->tensors[i], part, error);
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
OTX__PRIVATE otx_result otx__model_find_tie(otx__model *model, otx_error *error)
{
    otx__tie_flag flag = otx__config_tie_flag(model->config);
    otx_result result;
    size_t i;
    model->tied = !model->head;
    if (!model->head) {
        if (flag.said_false && !flag.said_true)
            otx__log(
                model->ctx, OTX_WARNING,
                "%s: config.json says \"tie_word_embeddings\": false, but there is no output "
                "head; taken as tied",
                model->checkpoint->path);
        return OTX_OK;
    }
    if (flag.said_false && !flag.said_true) return OTX_OK;
    result = otx__tensors_equal(model->ctx, model->checkpoint, model->embedding, model->head,
                                &model->tied, error);
    if (result) return result;
    if (!model->tied && flag.said_true)
        otx__log(
            model->ctx, OTX_WARNING,
            "%s: config.json says \"tie_word_embeddings\": true, but the output head differs "
            "from the embedding; taken as untied",
            model->checkpoint->path);
    for (i = 0; i < model->tensor_count; i++)
        if (model->tied && model->tensors[i].at == model->head)
            model->tensors[i].redundant = true;
    return OTX_OK;
}

/* ---- the whole of it ---- */

/* Hidden sizes stand under several names; some models factorise the embedding, and
   its own width then stands somewhere too. */
OTX__PRIVATE otx_result otx__model_check_width(const otx__model *model, otx_error *error)
{
    static const char *const keys[] = {"hidden_size", "n_embd", "d_model", "embedding_size",
                                       "word_embed_proj_dim", "input_embedding_size"};
    uint64_t width = model->embedding->tensor->shape[1], seen = 0;
    char text[OTX__TENSOR_TEXT];
    size_t i, first = 0;
    for (i = 0; i < OTX__COUNT(keys); i++) {
        bool before = seen != 0;
        if (otx__config_says(model->config, keys[i], width, &seen)) return OTX_OK;
        if (!before && seen) first = i;
    }
    if (!seen || otx__config_has_size(model->config, width)) return OTX_OK;
    return otx__fail(error, OTX_ERROR_MISMATCH,
                     "%s: tensor %s has %" PRIu64
                     " columns, but config.json says \"%s\": %" PRIu64,
                     model->checkpoint->path, otx__tensor_text(text, model->embedding->tensor),
                     width, keys[first], seen);
}

/* Finds the vocabulary's tensors of an open checkpoint, which must outlive the
   model as must its config. */
OTX__PRIVATE otx_result otx__model_open(const otx_context *ctx,
                                        const otx_checkpoint *checkpoint,
                                        const otx__document *config, const otx_vocab *vocab,
                                        bool donor, otx__model *out, otx_error *error)
{
    otx_result result;
    memset(out, 0, sizeof *out);
    out->ctx = ctx;
    out->checkpoint = checkpoint;
    out->config = config;
    out->ids = vocab->count;
    out->donor = donor;
    result = otx__model_find_embedding(out, vocab, error);
    if (!result) result = otx__model_check_width(out, error);
    if (!result) result = otx__model_find_parts(out, error);
    if (!result) result = otx__model_find_tie(out, error);
    return result;
}

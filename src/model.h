/* ---- model: config.json, and the tensors that the vocabulary sizes -------- */

/* ---- documents of a model directory ---- */

/* One JSON file of a directory. Absent ones have no nodes, so that every
   look-up from otx__document_root finds nothing. */
typedef struct otx__document {
    char *text;
    size_t size;
    otx_json json;
    bool present;
} otx__document;

/* Far above any real one; keeps a hostile file from filling the memory. */
#define OTX__DOCUMENT_LIMIT OTX__INDEX_LIMIT

OTX__PRIVATE void otx__document_close(const otx_context *ctx, otx__document *document)
{
    otx_json_close(ctx, &document->json);
    otx__file_free(ctx, document->text, document->size);
    memset(document, 0, sizeof *document);
}

/* Reads and parses directory/name, an object. A missing file is an absent
   document. NaN and Infinity are let through, as Python writes them. */
OTX__PRIVATE otx_result otx__document_open(const otx_context *ctx, const char *directory,
                                           const char *name, otx__document *out,
                                           otx_error *error)
{
    otx_json_options options;
    otx_result result;
    char *path;
    memset(out, 0, sizeof *out);
    memset(&options, 0, sizeof options);
    options.allow_nonfinite = true;
    path = otx__path_join(ctx, directory, name);
    if (!path) return otx__fail_memory(error, strlen(directory) + strlen(name) + 2);
    result = OTX_OK;
    if (!otx__file_exists(path)) goto done;
    result = otx__file_read_all(ctx, path, OTX__DOCUMENT_LIMIT, &out->text, &out->size, error);
    if (result) goto done;
    result = otx_json_parse(ctx, out->text, out->size, path, &options, &out->json, error);
    if (!result && otx_json_type_of(&out->json, 0) != OTX_JSON_OBJECT)
        result = otx__fail(error, OTX_ERROR_FORMAT, "%s: not a JSON object", path);
    if (result) otx__document_close(ctx, out);
    else out->present = true;
done:
    otx__path_free(ctx, path);
    return result;
}

OTX__PRIVATE uint32_t otx__document_root(const otx__document *document)
{
    return document->present ? 0 : OTX_JSON_NONE;
}

/* ---- what config.json says ---- */

/* The objects that describe the language model: the whole of config.json, and
   within it the parts that multimodal models keep for their text side, or an
   encoder and its decoder for themselves; within those again. */
#define OTX__CONFIG_LEVELS 8

typedef struct otx__levels {
    uint32_t nodes[OTX__CONFIG_LEVELS]; /* the root first */
    size_t count;
} otx__levels;

OTX__PRIVATE otx__levels otx__config_levels(const otx__document *config)
{
    static const char *const nested[] = {"text_config",    "llm_config", "language_config",
                                         "thinker_config", "vlm_config", "decoder",
                                         "encoder"};
    otx__levels levels;
    size_t at, i;
    memset(&levels, 0, sizeof levels);
    if (!config->present) return levels;
    levels.nodes[levels.count++] = 0;
    for (at = 0; at < levels.count; at++) /* grows as it goes */
        for (i = 0; i < OTX__COUNT(nested) && levels.count < OTX__CONFIG_LEVELS; i++) {
            uint32_t node = otx_json_find(&config->json, levels.nodes[at], nested[i]);
            if (otx_json_type_of(&config->json, node) == OTX_JSON_OBJECT)
                levels.nodes[levels.count++] = node;
        }
    return levels;
}

/* Whether any level says key: value. *seen, if it is 0, becomes what the first
   level that has the key says instead. */
OTX__PRIVATE bool otx__config_says(const otx__document *config, const char *key, uint64_t value,
                                   uint64_t *seen)
{
    otx__levels levels = otx__config_levels(config);
    size_t i;
    for (i = 0; i < levels.count; i++) {
        uint64_t said;
        uint32_t node = otx_json_find(&config->json, levels.nodes[i], key);
        if (!otx_json_uint(&config->json, node, &said)) continue;
        if (said == value) return true;
        if (*seen == 0) *seen = said;
    }
    return false;
}

/* Whether `part` stands anywhere in the text. */
OTX__PRIVATE bool otx__span_has(const char *text, size_t size, const char *part)
{
    size_t length = strlen(part), i;
    for (i = 0; i + length <= size; i++)
        if (memcmp(text + i, part, length) == 0) return true;
    return false;
}

/* Whether any number of config.json that is no size of a vocabulary has this
   value: then a dimension of that size says nothing about the vocabulary. */
OTX__PRIVATE bool otx__config_has_size(const otx__document *config, uint64_t size)
{
    const otx_json *json = &config->json;
    uint32_t object, i, key;
    for (object = 0; object < json->count; object++) {
        if (otx_json_type_of(json, object) != OTX_JSON_OBJECT) continue;
        key = object + 1;
        for (i = 0; i < json->nodes[object].count; i++) {
            const otx_json_node *name = &json->nodes[key];
            uint64_t value;
            if (otx_json_uint(json, key + 1, &value) && value == size &&
                !otx__span_has(json->text + name->start, name->end - name->start, "vocab") &&
                !otx__span_has(json->text + name->start, name->end - name->start, "token"))
                return true;
            key = json->nodes[key + 1].next;
        }
    }
    return false;
}

typedef struct otx__tie_flag {
    bool said_true, said_false; /* on some level */
} otx__tie_flag;

OTX__PRIVATE otx__tie_flag otx__config_tie_flag(const otx__document *config)
{
    otx__levels levels = otx__config_levels(config);
    otx__tie_flag flag = {false, false};
    size_t i;
    for (i = 0; i < levels.count; i++) {
        uint32_t node = otx_json_find(&config->json, levels.nodes[i], "tie_word_embeddings");
        if (otx_json_type_of(&config->json, node) == OTX_JSON_TRUE) flag.said_true = true;
        if (otx_json_type_of(&config->json, node) == OTX_JSON_FALSE) flag.said_false = true;
    }
    return flag;
}

/* ---- names of tensors ---- */

/* What a tensor that is sized by the vocabulary does. */
typedef enum otx__part {
    OTX__PART_NONE,      /* it is not sized by the vocabulary */
    OTX__PART_EMBEDDING, /* a row per token, on the way in */
    OTX__PART_HEAD,      /* a row per token, on the way out */
    OTX__PART_BIAS       /* a number per token, added to what the head gives */
} otx__part;

/* What stands before ".weight" at the end of a name, for the models in use: llama
   and most others (embed_tokens, lm_head), internlm2 (tok_embeddings, output), gpt2
   (wte), falcon, bloom, bert and chatglm (word_embeddings, output_layer), neox
   (embed_in, embed_out), mamba and xlm (embeddings, pred_layer.proj), t5 and bart
   (shared), clip (token_embedding), xlnet (word_embedding, lm_loss), openai-gpt
   (tokens_embed), cpm-ant (input_embedding), ctrl (transformer.w), bert, roberta and
   distilbert heads (decoder, vocab_projector), phi (linear), MTP copies
   (shared_head.head), electra, whisper (proj_out), xglm (output_projection).
   Prefixes are free: model., transformer., language_model.model. and so on. The
   order is that of preference where several would do. */
static const char *const otx__embedding_names[] = {
    "embed_tokens",   "tok_embeddings",  "wte",          "word_embeddings", "embed_in",
    "shared",         "embeddings",      "word_embedding", "token_embedding",
    "tokens_embed",   "input_embedding", "transformer.w", "embedding",       "embed",
    "emb",
};
static const char *const otx__head_names[] = {
    "lm_head", "embed_out", "output", "output_layer", "vocab_projector", "decoder", "proj_out",
    "output_projection", "generator_lm_head", "lm_loss", "pred_layer.proj", "linear", "head",
    "unembed", "cls",
};
/* Owners of biases that are no heads: a number per token beside a tied head. */
static const char *const otx__bias_names[] = {"predictions", "embedding_decoder"};

/* A view of one component of a dotted name. */
typedef struct otx__component {
    const char *bytes;
    size_t size;
} otx__component;

/* The component that ends `skip` components before the end; size 0 if none. */
OTX__PRIVATE otx__component otx__name_component(const otx_tensor *tensor, unsigned skip)
{
    otx__component component = {tensor->name, 0};
    size_t end = tensor->name_size, begin;
    for (;; skip--) {
        for (begin = end; begin > 0 && tensor->name[begin - 1] != '.'; begin--) {}
        if (skip == 0) break;
        if (begin == 0) return component;
        end = begin - 1;
    }
    component.bytes = tensor->name + begin;
    component.size = end - begin;
    return component;
}

OTX__PRIVATE bool otx__component_is(otx__component component, const char *text)
{
    return component.size == strlen(text) && memcmp(component.bytes, text, component.size) == 0;
}

/* Whether the tensor belongs to a numbered layer: a component of digits. */
OTX__PRIVATE bool otx__name_is_numbered(const otx_tensor *tensor)
{
    size_t i, digits = 0, length = 0;
    for (i = 0; i <= tensor->name_size; i++) {
        char byte = i < tensor->name_size ? tensor->name[i] : '.';
        if (byte == '.') {
            if (length > 0 && digits == length) return true;
            digits = length = 0;
        } else {
            digits += byte >= '0' && byte <= '9';
            length++;
        }
    }
    return false;
}

/* Whether the name speaks of tokens, whatever the layer. */
OTX__PRIVATE bool otx__name_is_lexical(const otx_tensor *tensor)
{
    static const char *const words[] = {"embed",   "wte",         "vocab",
                                        "lm_head", "shared_head", "token"};
    size_t i;
    for (i = 0; i < OTX__COUNT(words); i++)
        if (otx__span_has(tensor->name, tensor->name_size, words[i])) return true;
    return false;
}

/* Whether the name is STEM.LAST, whatever stands before it; either may have several
   components. */
OTX__PRIVATE bool otx__name_ends(const otx_tensor *tensor, const char *stem, const char *last)
{
    size_t stem_size = strlen(stem), last_size = strlen(last), at;
    if (tensor->name_size < stem_size + last_size + 1) return false;
    at = tensor->name_size - (stem_size + last_size + 1);
    return (at == 0 || tensor->name[at - 1] == '.') &&
           memcmp(tensor->name + at, stem, stem_size) == 0 &&
           tensor->name[at + stem_size] == '.' &&
           memcmp(tensor->name + at + stem_size + 1, last, last_size) == 0;
}

/* Which of the stems the name has, or `count`. */
OTX__PRIVATE size_t otx__name_in(const otx_tensor *tensor, const char *const *stems,
                                 size_t count, const char *last)
{
    size_t i;
    for (i = 0; i < count && !otx__name_ends(tensor, stems[i], last); i++) {}
    return i;
}

OTX__PRIVATE size_t otx__embedding_name(const otx_tensor *tensor)
{
    return otx__name_in(tensor, otx__embedding_names, OTX__COUNT(otx__embedding_names),
                        "weight");
}

OTX__PRIVATE size_t otx__head_name(const otx_tensor *tensor)
{
    return otx__name_in(tensor, otx__head_names, OTX__COUNT(otx__head_names), "weight");
}

/* The bias of a head, or a number per token under a name of its own. */
OTX__PRIVATE bool otx__name_is_bias(const otx_tensor *tensor)
{
    return otx__component_is(otx__name_component(tensor, 0), "final_logits_bias") ||
           otx__name_in(tensor, otx__head_names, OTX__COUNT(otx__head_names), "bias") <
               OTX__COUNT(otx__head_names) ||
           otx__name_in(tensor, otx__bias_names, OTX__COUNT(otx__bias_names), "bias") <
               OTX__COUNT(otx__bias_names);
}

/* ---- tensors in messages ---- */

/* Room for a tensor's quoted name and shape. */
#define OTX__TENSOR_TEXT (OTX__QUOTED + 96)

/* `"lm_head.weight" [32000, 4096]`; returns `to`. */
OTX__PRIVATE const char *otx__tensor_text(char *to, const otx_tensor *tensor)
{
    char name[OTX__QUOTED];
    size_t length, i;
    otx__quote(name, sizeof name, tensor->name, tensor->name_size);
    length = (size_t)snprintf(to, OTX__TENSOR_TEXT, "\"%s\" [", name);
    for (i = 0; i < tensor->rank && i < 3; i++)
        length += (size_t)snprintf(to + length, OTX__TENSOR_TEXT - length, "%s%" PRIu64,
                                   i ? ", " : "", tensor->shape[i]);
    (void)snprintf(to + length, OTX__TENSOR_TEXT - length, tensor->rank > 3 ? ", ...]" : "]");
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
        length += (size_t)snprintf(list + length, sizeof list - length, "%s%s",
                                   length ? ", " : "", text);
    }
    if (more)
        (void)snprintf(list + length, sizeof list - length, " and %" PRIu64 " more",
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
            result = otx__progress(ctx, OTX_STAGE_READ, b->tensor->name, at, size, error);
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

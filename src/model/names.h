/* ---- names of tensors --------------------------------------------------- */

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

/* ---- names of tensors --------------------------------------------------- */

/* What a tensor that is sized by the vocabulary does. */
typedef enum otx__part_kind {
    OTX__PART_NONE,      /* it is not sized by the vocabulary */
    OTX__PART_EMBEDDING, /* a row per token, on the way in */
    OTX__PART_HEAD,      /* a row per token, on the way out */
    OTX__PART_BIAS       /* a number per token, added to what the head gives */
} otx__part_kind;

/* Whether any of the words stands anywhere in the text. */
OTX__PRIVATE bool otx__span_contains_any(otx__span text, const char *const *words,
                                         size_t count)
{
    size_t i;
    for (i = 0; i < count; i++)
        if (otx__span_contains(text, words[i])) return true;
    return false;
}

/* The component of a dotted name that ends `skip` components before the end; empty if
   there is none. */
OTX__PRIVATE otx__span otx__name_component(const otx_tensor *tensor, unsigned skip)
{
    size_t end = tensor->name_size, begin;
    for (;; skip--) {
        for (begin = end; begin > 0 && tensor->name[begin - 1] != '.'; begin--) {}
        if (skip == 0) return otx__span_of(tensor->name + begin, end - begin);
        if (begin == 0) return otx__span_of(tensor->name, 0);
        end = begin - 1;
    }
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
            digits += otx__is_digit(byte);
            length++;
        }
    }
    return false;
}

/* Whether the name speaks of tokens, whatever the layer. */
OTX__PRIVATE bool otx__name_is_lexical(const otx_tensor *tensor)
{
    return otx__span_contains_any(otx__span_of(tensor->name, tensor->name_size),
                                  otx__lexical_words, OTX__COUNT(otx__lexical_words));
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

OTX__PRIVATE bool otx__name_is_embedding(const otx_tensor *tensor)
{
    return otx__embedding_name(tensor) < OTX__COUNT(otx__embedding_names);
}

OTX__PRIVATE size_t otx__head_name(const otx_tensor *tensor)
{
    return otx__name_in(tensor, otx__head_names, OTX__COUNT(otx__head_names), "weight");
}

OTX__PRIVATE bool otx__name_is_head(const otx_tensor *tensor)
{
    return otx__head_name(tensor) < OTX__COUNT(otx__head_names);
}

/* The head of an encoder, BERT's and those after it: the flag that ties it to the
   embedding ties its biases too. */
OTX__PRIVATE bool otx__name_is_encoder_head(const otx_tensor *tensor)
{
    return otx__name_ends(tensor, "decoder", "weight");
}

/* The bias of a head, or a number per token under a name of its own. */
OTX__PRIVATE bool otx__name_is_bias(const otx_tensor *tensor)
{
    const otx__span last = otx__name_component(tensor, 0);
    size_t i;
    for (i = 0; i < OTX__COUNT(otx__logits_bias_names); i++)
        if (otx__span_is(last, otx__logits_bias_names[i])) return true;
    return otx__name_in(tensor, otx__head_names, OTX__COUNT(otx__head_names), "bias") <
               OTX__COUNT(otx__head_names) ||
           otx__name_in(tensor, otx__bias_names, OTX__COUNT(otx__bias_names), "bias") <
               OTX__COUNT(otx__bias_names);
}

/* Whether a matrix is a table of hashed ids by its name. */
OTX__PRIVATE bool otx__name_is_hashed(const otx_tensor *tensor)
{
    const otx__span name = otx__span_of(tensor->name, tensor->name_size);
    return tensor->rank == 2 && tensor->shape[0] >= OTX__HASHED_ROWS &&
           otx__span_contains_any(name, otx__hashed_words, OTX__COUNT(otx__hashed_words)) &&
           otx__span_contains_any(name, otx__hashed_tables, OTX__COUNT(otx__hashed_tables));
}

/* Why a tensor cannot be carried over to another vocabulary by its name alone,
   whatever its shape; NULL if nothing speaks against it. */
OTX__PRIVATE const char *otx__name_verdict(const otx_tensor *tensor)
{
    size_t i;
    for (i = 0; i < OTX__COUNT(otx__refused_names); i++) {
        const otx__refused_name *refused = &otx__refused_names[i];
        if (otx__span_is(otx__name_component(tensor, refused->from_end), refused->component))
            return refused->why;
    }
    return otx__name_is_hashed(tensor) ? otx__why_hashed : NULL;
}

/* Whether the name is that of a packed or scaled embedding or head. */
OTX__PRIVATE bool otx__name_is_packed(const otx_tensor *tensor)
{
    otx__span last = otx__name_component(tensor, 0);
    char name[64];
    if (last.size >= sizeof name ||
        !otx__span_contains_any(last, otx__packed_words, OTX__COUNT(otx__packed_words)))
        return false;
    memcpy(name, last.bytes, last.size);
    name[last.size] = 0;
    return otx__name_in(tensor, otx__packed_owners, OTX__COUNT(otx__packed_owners), name) <
           OTX__COUNT(otx__packed_owners);
}

/* Whether a tensor says which tokens the rows of a head are of. */
OTX__PRIVATE bool otx__is_draft_map(const otx_tensor *tensor)
{
    const otx__span name = otx__span_of(tensor->name, tensor->name_size);
    return otx__span_is(name, OTX__D2T) || otx__span_is(name, OTX__T2D);
}

/* ---- parts: what each tensor does for the vocabulary ---------------------- */

/* ---- sizes ---- */

/* Whether a size is that of the vocabulary. */
OTX__PRIVATE bool otx__parts_have_rows(const otx__parts *parts, uint64_t size)
{
    return size == parts->rows || (parts->extra > 0 && size == parts->rows + parts->extra);
}

OTX__PRIVATE bool otx__parts_size(const otx__parts *parts, const otx_tensor *tensor)
{
    unsigned i;
    for (i = 0; i < tensor->rank; i++)
        if (otx__parts_have_rows(parts, tensor->shape[i])) return true;
    return false;
}

/* A [rows, columns] tensor. */
OTX__PRIVATE bool otx__is_matrix(const otx__parts *parts, const otx_tensor *tensor)
{
    return tensor->rank == 2 && otx__parts_have_rows(parts, tensor->shape[0]);
}

/* A [rows] or [1, rows] tensor. */
OTX__PRIVATE bool otx__is_vector(const otx__parts *parts, const otx_tensor *tensor)
{
    return (tensor->rank == 1 || (tensor->rank == 2 && tensor->shape[0] == 1)) &&
           otx__parts_have_rows(parts, tensor->shape[tensor->rank - 1]);
}

/* ---- the part of one tensor ---- */

/* What a tensor that is sized by the vocabulary is by its name. */
OTX__PRIVATE otx__part_kind otx__part_by_name(const otx__parts *parts, const otx_tensor *tensor)
{
    if (otx__is_matrix(parts, tensor)) {
        if (otx__name_is_embedding(tensor)) return OTX__PART_EMBEDDING;
        if (otx__name_is_head(tensor)) return OTX__PART_HEAD;
    }
    if (otx__is_vector(parts, tensor) && otx__name_is_bias(tensor)) return OTX__PART_BIAS;
    return OTX__PART_NONE;
}

/* A head under a known name, outside the numbered layers, whose size is neither the
   vocabulary's nor small enough to be something else. */
OTX__PRIVATE bool otx__is_other_head(const otx__side *side, const otx_tensor *tensor)
{
    return otx__name_is_head(tensor) && tensor->rank == 2 &&
           !otx__parts_have_rows(&side->parts, tensor->shape[0]) &&
           !otx__name_is_numbered(tensor) &&
           (tensor->shape[0] >= side->vocab.count ||
            otx__name_ends(tensor, "lm_head", "weight") ||
            (side->gguf && otx__span_is(otx__span_of(tensor->name, tensor->name_size),
                                        "output.weight")));
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
OTX__PRIVATE otx_result otx__part_coincidence(const otx_context *ctx, const otx__side *side,
                                              const otx_tensor *tensor, otx_error *error)
{
    const bool numbered = otx__name_is_numbered(tensor), explained = side->parts.explained;
    if (otx__dtype_is_integer(tensor->dtype) && !explained)
        return otx__fail_tensor(side, tensor, "is a table of integers by token, which cannot "
                                              "be transplanted", error);
    if (numbered && !otx__name_is_lexical(tensor)) return OTX_OK;
    if (!explained)
        return otx__fail_tensor(side, tensor, "has a dimension as large as the vocabulary, but "
                                              "what it is for is not known", error);
    if (!numbered && otx__is_matrix(&side->parts, tensor)) {
        char text[OTX__TENSOR_TEXT];
        otx__log(ctx, OTX_WARNING, "%s: tensor %s has as many rows as the vocabulary, but "
                 "%s gives that size to something else too; it is left as it is", side->path,
                 otx__tensor_text(text, tensor), side->gguf ? "a key" : "config.json");
    }
    return OTX_OK;
}

/* Whether a tensor is a head with a row for each element of d2t. */
OTX__PRIVATE bool otx__is_draft_part(const otx__side *side, const otx_tensor *tensor)
{
    return side->draft_rows && tensor->rank == 2 && tensor->shape[0] == side->draft_rows &&
           otx__name_is_head(tensor) &&
           (!otx__name_is_numbered(tensor) || otx__name_is_lexical(tensor));
}

/* Why such a head is refused. */
OTX__PRIVATE const char *otx__why_other_head(const otx__side *side)
{
    if (side->draft_rows)
        return "is an output head with another number of rows than d2t has elements";
    if (otx_checkpoint_find(&side->checkpoint, OTX__D2T))
        return "is the output head of a draft, which has rows for a part of the tokens; give a "
               "model with a whole head";
    return "is an output head with another number of rows than the embedding";
}

/* The part that a tensor plays, or a refusal. Of the base every tensor must be
   understood; of the donor only the embedding and the head are read. */
OTX__PRIVATE otx_result otx__part_of(const otx_context *ctx, const otx__side *side,
                                     const otx_tensor *tensor, otx__part_kind *kind,
                                     otx_error *error)
{
    const char *verdict = side->donor ? NULL : otx__name_verdict(tensor);
    *kind = otx__is_draft_part(side, tensor) ? OTX__PART_HEAD : OTX__PART_NONE;
    if (*kind || (side->draft_rows && otx__is_draft_map(tensor))) return OTX_OK;
    if (verdict) return otx__fail_tensor(side, tensor, verdict, error);
    if (otx__name_is_packed(tensor) && !(side->donor && otx__name_is_numbered(tensor)))
        return otx__fail_tensor(side, tensor,
                                "belongs to a packed or scaled vocabulary matrix; only plain "
                                "F64, F32, F16, BF16 and F8 ones are supported", error);
    if (otx__is_other_head(side, tensor))
        return otx__fail_tensor(side, tensor, otx__why_other_head(side), error);
    if (!otx__parts_size(&side->parts, tensor)) return OTX_OK;
    *kind = otx__part_by_name(&side->parts, tensor);
    if (side->donor && *kind == OTX__PART_BIAS) *kind = OTX__PART_NONE;
    if (*kind != OTX__PART_NONE || side->donor) return OTX_OK;
    return otx__part_coincidence(ctx, side, tensor, error);
}

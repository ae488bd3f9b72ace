/* ---- bos: texts that begin otherwise than the base's ----------------------------- */

/* A body that has always read a token before a text (Gemma's, Llama's) reads poorly from a
   text without one, whatever the rows. */

/* What a GGUF file says of it, or llama.cpp takes where it says nothing. */
OTX__PRIVATE bool otx__gguf_adds_bos(const otx__side *side)
{
    const otx_gguf *file = otx__gguf_of(&side->checkpoint);
    const otx__vocab_kind *kind = otx__vocab_kind_of(file);
    const otx__gguf_pre *pre = otx__gguf_pre_of(file);
    int64_t value;
    if (otx_gguf_integer(otx_gguf_find(file, OTX__GGUF_ADD_BOS), 0, &value)) return value != 0;
    return (kind && kind->adds[OTX_ROLE_BOS]) || (pre && pre->adds_bos);
}

/* Classes that put bos before a text as "add_bos_token" says in transformers 4; 5 goes by the
   post-processor for these too, or by neither, so that a file should say the same in both places.
   All other classes leave it to the post-processor. */
static const char *const otx__bos_classes[] = {
    "LlamaTokenizer", "CodeLlamaTokenizer", "GemmaTokenizer", "CohereTokenizer",
    "GPTNeoXTokenizer",
};

/* Whether a side's tokenizer may be of such a class: where none is named, too. */
OTX__PRIVATE bool otx__bos_is_flagged(const otx__side *side)
{
    const otx__span name = otx__side_class(side);
    size_t i;
    for (i = 0; i < OTX__COUNT(otx__bos_classes); i++)
        if (otx__span_is(otx__class_stem(name), otx__bos_classes[i])) return true;
    return name.size == 0;
}

/* Whether a template's name for a token, which it explains beside, is that of bos. */
OTX__PRIVATE bool otx__bos_is_named(const otx__side *side, const otx_json *json,
                                    uint32_t processor, uint32_t name)
{
    const uint64_t bos = (uint64_t)side->vocab.roles[OTX_ROLE_BOS];
    const otx_token *token = otx__side_token(side, bos);
    const otx__span wanted = otx__json_span(json, name);
    otx_json_iter at = otx_json_iter_of(json, otx_json_find(json, processor, "special_tokens"));
    uint64_t id;
    if (otx_json_type_of(json, name) != OTX_JSON_STRING) return false;
    while (at.keyed && otx_json_iter_next(&at)) {
        const otx__span key = otx__json_span(json, at.key);
        const uint32_t ids = otx_json_find(json, at.value, "ids");
        if (otx__same_bytes(key.bytes, key.size, wanted.bytes, wanted.size) &&
            otx_json_uint(json, otx_json_item(json, ids, 0), &id))
            return id == bos;
    }
    return token && otx__json_is_text(json, name, token->content, token->content_size);
}

/* Whether a post-processor, or one of a sequence, begins texts with bos. */
OTX__PRIVATE bool otx__bos_stands_first(const otx__side *side, const otx_json *json,
                                        uint32_t processor)
{
    otx_json_iter item = otx_json_iter_of(json, otx_json_find(json, processor, "processors"));
    const uint32_t single = otx_json_find(json, processor, "single");
    const uint32_t special = otx_json_find(json, otx_json_item(json, single, 0), "SpecialToken");
    uint32_t first = otx_json_find(json, special, "id");
    if (first == OTX_JSON_NONE) /* RobertaProcessing, BertProcessing */
        first = otx_json_item(json, otx_json_find(json, processor, "cls"), 0);
    if (otx__bos_is_named(side, json, processor, first)) return true;
    while (otx_json_iter_next(&item)) /* as deep as JSON may be */
        if (otx__bos_stands_first(side, json, item.value)) return true;
    return false;
}

/* What stands in a side's tokenizer.json and tokenizer_config.json on it. */
OTX__PRIVATE otx_result otx__bos_of(const otx_job *job, const otx__side *side, bool *adds,
                                    otx_error *error)
{
    const otx_json *config = &side->tokenizer.json;
    otx__document tokens;
    otx__converted found;
    otx_json_type said;
    otx_result result;
    bool first;
    memset(&tokens, 0, sizeof tokens);
    memset(&found, 0, sizeof found);
    *adds = false;
    if (side->vocab.roles[OTX_ROLE_BOS] < 0) return OTX_OK;
    if (side->gguf) {
        *adds = otx__gguf_adds_bos(side);
        return OTX_OK;
    }
    result = otx__document_open(&job->ctx, side->path, "tokenizer.json", &tokens, error);
    if (result) return result;
    first = otx__bos_stands_first(side, &tokens.json, otx_json_find(
        &tokens.json, otx__document_root(&tokens), "post_processor"));
    said = otx_json_type_of(config, otx_json_find(config, otx__document_root(&side->tokenizer),
                                                  OTX__KEY_ADD_BOS));
    otx__converted_read(side, &tokens, &found);
    if (job->base.gguf) *adds = found.adds[OTX_ROLE_BOS]; /* what the output will say */
    else if (tokens.present && !otx__bos_is_flagged(side)) *adds = first;
    else if (said == OTX_JSON_TRUE || said == OTX_JSON_FALSE) *adds = said == OTX_JSON_TRUE;
    else *adds = first || found.adds[OTX_ROLE_BOS];
    otx__document_close(&job->ctx, &tokens);
    return OTX_OK;
}

/* The donor's token to begin texts with: its bos, else one that the caller mapped to the base's;
   or -1. */
OTX__PRIVATE int64_t otx__bos_in_place(const otx_job *job)
{
    size_t i;
    if (job->donor.vocab.roles[OTX_ROLE_BOS] >= 0) return job->donor.vocab.roles[OTX_ROLE_BOS];
    for (i = 0; i < job->alignment.count; i++)
        if (job->alignment.rows[i].action == OTX_ACTION_MAP &&
            job->alignment.rows[i].base == job->base.vocab.roles[OTX_ROLE_BOS])
            return (int64_t)i;
    return -1;
}

/* Says so where the base's tokenizer puts a token before every text and the donor's none. */
OTX__PRIVATE otx_result otx__job_tell_bos(const otx_job *job, otx_error *error)
{
    const int64_t base = job->base.vocab.roles[OTX_ROLE_BOS];
    const int64_t donor = otx__bos_in_place(job);
    bool ours, theirs;
    char content[OTX__QUOTED], other[OTX__QUOTED];
    otx_result result = otx__bos_of(job, &job->base, &ours, error);
    if (result || !ours) return result;
    result = otx__bos_of(job, &job->donor, &theirs, error);
    if (result || theirs) return result;
    otx__side_content(content, &job->base, (uint64_t)base);
    if (donor < 0)
        otx__log(&job->ctx, OTX_WARNING, "%s puts \"%s\" before every text, and %s has no such "
                 "token: the model will read poorly without; --map 'TOKEN=#%" PRId64 "' makes one "
                 "of its tokens that, to begin texts with", job->base.path, content,
                 job->donor.path, base);
    else
        otx__log(&job->ctx, OTX_WARNING, "%s puts \"%s\" before every text, and %s nothing: the "
                 "model will read poorly without; begin texts with \"%s\", id %" PRId64,
                 job->base.path, content, job->donor.path,
                 otx__side_content(other, &job->donor, (uint64_t)donor), donor);
    return OTX_OK;
}

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

/* What stands in a side's tokenizer.json and tokenizer_config.json on it. */
OTX__PRIVATE otx_result otx__bos_of(const otx_job *job, const otx__side *side, bool *adds,
                                    otx_error *error)
{
    otx__document tokens;
    otx__converted found;
    otx_result result;
    memset(&tokens, 0, sizeof tokens);
    memset(&found, 0, sizeof found);
    *adds = false;
    if (side->vocab.roles[OTX_ROLE_BOS] < 0) return OTX_OK;
    if (side->gguf) {
        *adds = otx__gguf_adds_bos(side);
        return OTX_OK;
    }
    result = otx__document_open(&job->ctx, side->path, "tokenizer.json", &tokens, error);
    if (!result) otx__converted_read(side, &tokens, &found);
    *adds = !result && found.adds[OTX_ROLE_BOS];
    otx__document_close(&job->ctx, &tokens);
    return result;
}

/* Says so where the base's tokenizer puts a token before every text and the donor's none. */
OTX__PRIVATE otx_result otx__job_tell_bos(const otx_job *job, otx_error *error)
{
    const int64_t base = job->base.vocab.roles[OTX_ROLE_BOS];
    const int64_t donor = job->donor.vocab.roles[OTX_ROLE_BOS];
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

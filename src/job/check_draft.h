/* ---- verify: as a draft model for another --------------------------------- */

/* A flag of tokenizer_config.json; where it is silent, what llama.cpp takes for a
   SentencePiece vocabulary (bos yes) and others (no). */
OTX__PRIVATE bool otx__draft_adds(const otx__side *side, const char *key, bool silent)
{
    const otx__document *tokenizer = &side->tokenizer;
    uint32_t node = otx_json_find(&tokenizer->json, otx__document_root(tokenizer), key);
    otx_json_type type = otx_json_type_of(&tokenizer->json, node);
    if (type == OTX_JSON_TRUE || type == OTX_JSON_FALSE) return type == OTX_JSON_TRUE;
    return silent && side->vocab.family == OTX_FAMILY_METASPACE;
}

OTX__PRIVATE void otx__draft_kind(otx__verifier *v, const otx__side *target)
{
    const otx_vocab *ours = &v->side.vocab, *theirs = &target->vocab;
    if (ours->family == theirs->family &&
        strcmp(otx__word(ours->model), otx__word(theirs->model)) == 0)
        return;
    otx__found(v, OTX_FAULT, "draft: the vocabulary is %s %s, the target's %s %s; llama.cpp "
               "refuses the pair", otx_family_name(ours->family), otx__word(ours->model),
               otx_family_name(theirs->family), otx__word(theirs->model));
}

/* The tokens at both ends of a text. */
OTX__PRIVATE void otx__draft_end(otx__verifier *v, const otx__side *target, otx_role role,
                                 const char *key)
{
    bool silent = role == OTX_ROLE_BOS;
    bool ours = otx__draft_adds(&v->side, key, silent);
    bool theirs = otx__draft_adds(target, key, silent);
    int64_t id = v->side.vocab.roles[role], other = target->vocab.roles[role];
    if (ours != theirs)
        otx__found(v, OTX_FAULT, "draft: the tokenizer %s %s to its texts and the target's %s; "
                   "llama.cpp refuses the pair", ours ? "adds" : "does not add",
                   otx_role_name(role), theirs ? "does" : "does not");
    else if (id != other)
        otx__found(v, ours ? OTX_FAULT : OTX_WARNING, "draft: %s is %" PRId64
                   ", the target's is %" PRId64 "%s", otx_role_name(role), id, other,
                   ours ? "; llama.cpp refuses the pair" : "");
}

/* Whether an id stands for the same token on both sides, or for none. */
OTX__PRIVATE bool otx__draft_same(const otx__side *side, const otx__side *target, size_t id)
{
    const otx_token *ours = otx__side_token(side, id), *theirs = otx__side_token(target, id);
    if (!ours || !theirs) return !ours && !theirs;
    return otx__same_bytes(ours->content, ours->content_size, theirs->content,
                           theirs->content_size);
}

/* Compares the tokens of some ids. */
OTX__PRIVATE void otx__draft_tokens(otx__verifier *v, const otx__side *target, size_t begin,
                                    size_t end, otx_severity severity)
{
    char token[OTX__QUOTED], other[OTX__QUOTED];
    size_t i, different = 0, first = 0;
    for (i = end; i-- > begin;)
        if (!otx__draft_same(&v->side, target, i)) {
            first = i;
            different++;
        }
    if (different)
        otx__found(v, severity, "draft: %" PRIu64 " ids from %" PRIu64 " on stand for other "
                   "tokens than the target's, the first %" PRIu64 ": \"%s\", the target's "
                   "\"%s\"", (uint64_t)different, (uint64_t)begin, (uint64_t)first,
                   otx__side_content(token, &v->side, first),
                   otx__side_content(other, target, first));
}

OTX__PRIVATE void otx__draft_rows(otx__verifier *v, const otx__side *target)
{
    uint64_t rows = v->side.parts.embedding ? v->side.parts.rows : 0, wanted = 0, apart;
    (void)otx__config_says(&target->config, OTX__KEY_VOCAB_SIZE, UINT64_MAX, &wanted);
    if (rows == 0 || wanted == 0 || rows == wanted) return;
    apart = rows > wanted ? rows - wanted : wanted - rows;
    otx__found(v, OTX_FAULT, "draft: \"vocab_size\" is %" PRIu64 ", the target's %" PRIu64
               "; vLLM wants them equal%s", rows, wanted,
               apart > OTX__DRAFT_SLACK ? ", llama.cpp at most 128 apart" : "");
}

/* Whether texts are cut as the target's are, though the tokens are the same. */
OTX__PRIVATE void otx__draft_digits(otx__verifier *v, const otx__side *target)
{
    char ours[48], theirs[48];
    if (otx__digits_alike(&v->side.vocab, &target->vocab)) return;
    otx__found(v, OTX_WARNING, "draft: texts are encoded otherwise than by the target: this "
               "tokenizer reads numbers %s, the target's %s; a draft is given the target's tokens",
               otx__digits_text(ours, v->side.vocab.digits),
               otx__digits_text(theirs, target->vocab.digits));
}

/* Compares the two models, by what llama.cpp and vLLM ask of them. */
OTX__PRIVATE void otx__draft_pair(otx__verifier *v, const otx__side *target)
{
    size_t count = otx__max(v->side.vocab.count, target->vocab.count);
    otx__draft_kind(v, target);
    otx__draft_end(v, target, OTX_ROLE_BOS, OTX__KEY_ADD_BOS);
    otx__draft_end(v, target, OTX_ROLE_EOS, OTX__KEY_ADD_EOS);
    otx__draft_tokens(v, target, 0, otx__min(count, OTX__DRAFT_FIRST), OTX_WARNING);
    otx__draft_tokens(v, target, OTX__DRAFT_FIRST, count, OTX_FAULT);
    otx__draft_digits(v, target);
    otx__draft_rows(v, target);
}

OTX__PRIVATE void otx__verify_draft(otx__verifier *v)
{
    const otx_context *ctx = &v->ctx;
    const char *path = v->options->draft_for;
    otx__side target;
    otx_error error;
    otx_result result;
    if (v->failure || !path || !v->side.vocab.tokens) return;
    result = otx__side_begin(ctx, path, false, &target, &error);
    if (!result) result = otx_vocab_open(ctx, path, &target.vocab, &error);
    if (!result) result = otx__document_open(ctx, path, "config.json", &target.config, &error);
    if (!result)
        result = otx__document_open(ctx, path, "tokenizer_config.json", &target.tokenizer,
                                    &error);
    if (otx__verify_take(v, result, &error)) otx__draft_pair(v, &target);
    otx__side_close(ctx, &target);
}

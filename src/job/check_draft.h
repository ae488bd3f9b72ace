/* ---- verify: as a draft model for another --------------------------------- */

/* Both models, as the engines look at them: the draft, then its target. */
typedef struct otx__draft {
    const otx__side *sides[2];
    uint64_t sizes[2]; /* "vocab_size" of the model of text; 0: not known */
    otx__converted gguf[2];
} otx__draft;

/* Why an engine does not take the pair, or what it overlooks: one line. */
typedef struct otx__draft_why {
    char text[OTX__MESSAGE];
    size_t size;
} otx__draft_why;

OTX__PRIVATE void otx__draft_say(otx__draft_why *to, const char *format, ...)
    OTX__PRINTF(2, 3);
OTX__PRIVATE void otx__draft_say(otx__draft_why *to, const char *format, ...)
{
    size_t room = sizeof to->text - to->size;
    va_list arguments;
    if (to->size > 0) to->size += otx__format(to->text + to->size, room, "; ");
    to->size = otx__min(to->size, sizeof to->text - 1);
    va_start(arguments, format);
    to->size += otx__format_list(to->text + to->size, sizeof to->text - to->size, format,
                                 arguments);
    va_end(arguments);
    to->size = otx__min(to->size, sizeof to->text - 1);
}

/* ---- sizes ---- */

/* The size of the model of text, where transformers' get_text_config finds it; where that
   names none, what any level does. */
OTX__PRIVATE uint64_t otx__draft_size(const otx__document *config)
{
    static const char *const parts[] = {"text_encoder", "decoder", "generator", "text_config"};
    const otx_json *json = &config->json;
    uint32_t root = otx__document_root(config), node = root;
    uint64_t size = 0;
    size_t i;
    for (i = 0; i < OTX__COUNT(parts); i++) {
        uint32_t part = otx_json_find(json, root, parts[i]);
        if (otx_json_type_of(json, part) == OTX_JSON_OBJECT) node = part;
    }
    if (!otx_json_uint(json, otx_json_find(json, node, OTX__KEY_VOCAB_SIZE), &size))
        (void)otx__config_says_rows(config, UINT64_MAX, &size);
    return size;
}

/* Compares the sizes. False if either is not known, which is said. */
OTX__PRIVATE bool otx__draft_sized(const otx__draft *d, otx__draft_why *why)
{
    if (d->sizes[0] && d->sizes[1]) return true;
    otx__draft_say(why, "%s/config.json names no \"vocab_size\", which it compares",
                   d->sides[d->sizes[0] ? 1 : 0]->path);
    return false;
}

/* ---- tokens ---- */

/* Whether an id stands for the same token on both sides, or for none. A converter to GGUF
   makes up a token where there is none, of which `pads` is the text; it spells some otherwise
   than the directory, which stand for the same bytes. */
OTX__PRIVATE bool otx__draft_same(const otx__draft *d, size_t id, bool pads)
{
    const otx_token *ours = otx__side_token(d->sides[0], id);
    const otx_token *theirs = otx__side_token(d->sides[1], id), *one = ours ? ours : theirs;
    char pad[32];
    size_t size;
    if (!ours && !theirs) return true;
    if (ours && theirs)
        return otx__same_bytes(ours->content, ours->content_size, theirs->content,
                               theirs->content_size) ||
               (d->sides[0]->gguf != d->sides[1]->gguf &&
                otx__same_bytes(ours->bytes, ours->size, theirs->bytes, theirs->size));
    size = otx__format(pad, sizeof pad, "[PAD%" PRIu64 "]", (uint64_t)id);
    return pads && otx__same_bytes(one->content, one->content_size, pad, size);
}

/* Says which ids of [begin, end) stand for other tokens. */
OTX__PRIVATE bool otx__draft_tokens(const otx__draft *d, size_t begin, size_t end, bool pads,
                                    otx__draft_why *why)
{
    char token[OTX__QUOTED], other[OTX__QUOTED];
    size_t i, different = 0, first = 0;
    for (i = end; i-- > begin;)
        if (!otx__draft_same(d, i, pads)) {
            first = i;
            different++;
        }
    if (different)
        otx__draft_say(why, "%" PRIu64 " ids from %" PRIu64 " on stand for other tokens than "
                       "the target's, the first %" PRIu64 ": \"%s\", the target's \"%s\"",
                       (uint64_t)different, (uint64_t)begin, (uint64_t)first,
                       otx__side_content(token, d->sides[0], first),
                       otx__side_content(other, d->sides[1], first));
    return different == 0;
}

/* Ids that may have a token on either side. */
OTX__PRIVATE size_t otx__draft_count(const otx__draft *d)
{
    return otx__max(d->sides[0]->vocab.count, d->sides[1]->vocab.count);
}

/* ---- the engines ---- */

/* The end of a text: a flag, and where that is set an id. */
OTX__PRIVATE bool otx__draft_end(const otx__draft *d, otx_role role, otx__draft_why *why)
{
    const otx__converted *ours = &d->gguf[0], *theirs = &d->gguf[1];
    const char *name = otx_role_name(role);
    if (ours->adds[role] != theirs->adds[role])
        otx__draft_say(why, "the tokenizer %s %s to its texts and the target's %s",
                       ours->adds[role] ? "adds" : "does not add", name,
                       theirs->adds[role] ? "does" : "does not");
    else if (ours->adds[role] && ours->ids[role] != theirs->ids[role])
        otx__draft_say(why, "%s is %" PRId64 ", the target's is %" PRId64, name,
                       ours->ids[role], theirs->ids[role]);
    else return true;
    return false;
}

/* Where one is a directory, what its conversion is called may be told by the other. */
OTX__PRIVATE bool otx__draft_kind(const otx__draft *d, otx__draft_why *why)
{
    const otx_vocab *ours = &d->sides[0]->vocab, *theirs = &d->sides[1]->vocab;
    const char *kind = d->gguf[0].kind, *wanted = d->gguf[1].kind;
    if (strcmp(kind, wanted) == 0 ||
        (d->sides[0]->gguf != d->sides[1]->gguf && ours->family == theirs->family &&
         strcmp(ours->model, theirs->model) == 0))
        return true;
    otx__draft_say(why, "the vocabulary is %s (%s %s), the target's %s (%s %s)", kind,
                   otx_family_name(ours->family), otx__word(ours->model), wanted,
                   otx_family_name(theirs->family), otx__word(theirs->model));
    return false;
}

/* common/speculative.cpp: common_speculative_are_compatible, and what convert_hf_to_gguf.py
   makes of the directories: as many tokens as "vocab_size" says. */
OTX__PRIVATE otx_severity otx__draft_llama_cpp(const otx__draft *d, otx__draft_why *why)
{
    uint64_t counts[2], apart, both;
    bool good = otx__draft_kind(d, why);
    size_t i;
    for (i = 0; i < 2; i++)
        counts[i] = d->sizes[i] ? d->sizes[i] : d->sides[i]->vocab.count;
    both = counts[0] < counts[1] ? counts[0] : counts[1];
    apart = counts[0] - both + counts[1] - both;
    good &= otx__draft_end(d, OTX_ROLE_BOS, why);
    good &= otx__draft_end(d, OTX_ROLE_EOS, why);
    good &= apart <= OTX__DRAFT_SLACK;
    if (apart > OTX__DRAFT_SLACK)
        otx__draft_say(why, "\"vocab_size\" is %" PRIu64 ", the target's %" PRIu64 ", and at "
                       "most %d may lie between", counts[0], counts[1], OTX__DRAFT_SLACK);
    i = otx__draft_count(d);
    if (both < i) i = (size_t)both;
    good &= otx__draft_tokens(d, OTX__DRAFT_FIRST, i, true, why);
    return good ? OTX_NOTE : OTX_FAULT;
}

/* What vLLM and sglang ask alike. */
OTX__PRIVATE otx_severity otx__draft_sizes(const otx__draft *d, const char *unless,
                                           otx__draft_why *why)
{
    if (!otx__draft_sized(d, why)) return OTX_WARNING;
    if (d->sizes[0] == d->sizes[1]) return OTX_NOTE;
    otx__draft_say(why, "\"vocab_size\" is %" PRIu64 ", the target's %" PRIu64 "%s",
                   d->sizes[0], d->sizes[1], unless);
    return OTX_FAULT;
}

/* vllm/config/speculative.py: verify_equal_vocab_size_if_draft_model. */
OTX__PRIVATE otx_severity otx__draft_vllm(const otx__draft *d, otx__draft_why *why)
{
    otx_severity severity = otx__draft_sizes(d, ", and it wants them equal unless "
                                             "use_heterogeneous_vocab is set", why);
    if (severity == OTX_NOTE && !otx__draft_tokens(d, 0, otx__draft_count(d), false, why))
        severity = OTX_WARNING;
    return severity;
}

/* sglang/srt/speculative/standalone_worker.py: _validate_vocab_compatibility. */
OTX__PRIVATE otx_severity otx__draft_sglang(const otx__draft *d, otx__draft_why *why)
{
    otx_severity severity = otx__draft_sizes(d, ", and it wants them equal", why);
    if (!otx__draft_tokens(d, 0, otx__draft_count(d), false, why)) severity = OTX_FAULT;
    return severity;
}

/* transformers/generation/utils.py: _validate_generation_mode. */
OTX__PRIVATE otx_severity otx__draft_transformers(const otx__draft *d, otx__draft_why *why)
{
    bool sized = otx__draft_sized(d, why);
    if (sized && d->sizes[0] != d->sizes[1]) {
        otx__draft_say(why, "\"vocab_size\" is %" PRIu64 ", the target's %" PRIu64 ", so that "
                       "generate() wants tokenizer and assistant_tokenizer", d->sizes[0],
                       d->sizes[1]);
        return OTX_WARNING;
    }
    return otx__draft_tokens(d, 0, otx__draft_count(d), false, why) && sized ? OTX_NOTE
                                                                             : OTX_WARNING;
}

/* ---- all of them ---- */

OTX_API const char *otx_engine_name(otx_engine engine)
{
    static const char *const names[OTX_ENGINE_COUNT] = {"all", "llama.cpp", "vllm", "sglang",
                                                        "transformers"};
    return (unsigned)engine < OTX_ENGINE_COUNT ? names[engine] : NULL;
}

/* Of which models an engine reads d2t, where this is none of them and has it; else NULL. */
OTX__PRIVATE const char *otx__draft_unread(const otx__draft *d, otx_engine engine)
{
    static const char *const read[OTX_ENGINE_COUNT] = {
        NULL, "EAGLE-3 and DFlash drafts", "EAGLE-3 drafts", "EAGLE-3 drafts", "no model"};
    const otx__side *side = d->sides[0];
    if (!side->draft_rows || (engine != OTX_ENGINE_TRANSFORMERS && otx__reads_d2t(side)))
        return NULL;
    return read[engine];
}

/* A rule: OTX_NOTE if the engine takes the pair and nothing speaks against that. */
typedef otx_severity (*otx__draft_rule)(const otx__draft *d, otx__draft_why *why);

/* Whether texts are cut as the target's are, though the tokens are the same. */
OTX__PRIVATE void otx__draft_digits(otx__verifier *v, const otx__draft *d)
{
    const otx_vocab *ours = &d->sides[0]->vocab, *theirs = &d->sides[1]->vocab;
    char text[48], other[48];
    if (otx__digits_alike(ours, theirs)) return;
    otx__found(v, OTX_WARNING, "draft: texts are encoded otherwise than by the target: this "
               "tokenizer reads numbers %s, the target's %s; a draft is given the target's "
               "tokens", otx__digits_text(text, ours->digits),
               otx__digits_text(other, theirs->digits));
}

/* Says of each engine that is asked for whether it takes the pair. GGUF files are
   llama.cpp's, if no other is asked for by name. */
OTX__PRIVATE void otx__draft_pair(otx__verifier *v, const otx__draft *d)
{
    static const otx__draft_rule rules[OTX_ENGINE_COUNT] = {
        NULL, otx__draft_llama_cpp, otx__draft_vllm, otx__draft_sglang,
        otx__draft_transformers};
    const bool gguf = d->sides[0]->gguf || d->sides[1]->gguf;
    int engine;
    for (engine = OTX_ENGINE_ALL + 1; engine < OTX_ENGINE_COUNT; engine++) {
        otx_severity severity;
        otx__draft_why why;
        const char *unread;
        if (v->options->engine == OTX_ENGINE_ALL ? gguf && engine != OTX_ENGINE_LLAMA_CPP
                                                 : v->options->engine != (otx_engine)engine)
            continue;
        memset(&why, 0, sizeof why);
        severity = rules[engine](d, &why);
        unread = severity == OTX_FAULT ? NULL : otx__draft_unread(d, (otx_engine)engine);
        if (unread) {
            otx__found(v, OTX_WARNING, "draft: %s takes the tokens of the pair, but not the head: "
                       "it reads " OTX__D2T " of %s", otx_engine_name((otx_engine)engine),
                       unread);
            continue;
        }
        otx__found(v, severity, "draft: %s %s the pair%s%s",
                   otx_engine_name((otx_engine)engine),
                   severity == OTX_FAULT ? "refuses" : "takes",
                   severity == OTX_FAULT     ? ": "
                   : severity == OTX_WARNING ? ", but "
                                             : "", why.text);
    }
}

/* Opens what is compared of the target: of a GGUF file all is in itself. */
OTX__PRIVATE otx_result otx__draft_open_target(const otx_context *ctx, otx__side *target,
                                               otx_error *error)
{
    char *file;
    otx_result result = otx__find_gguf(ctx, target->path, &file, error);
    if (!result && file) {
        otx__path_free(ctx, target->path);
        target->path = file;
        target->gguf = true;
        result = otx_checkpoint_open(ctx, file, &target->checkpoint, error);
    }
    if (!result) result = otx_vocab_open(ctx, target->path, &target->vocab, error);
    if (result || target->gguf) return result;
    result = otx__document_open(ctx, target->path, "config.json", &target->config, error);
    if (!result)
        result = otx__document_open(ctx, target->path, "tokenizer_config.json",
                                    &target->tokenizer, error);
    return result;
}

/* Finds what the engines look at on one side. */
OTX__PRIVATE otx_result otx__draft_look(const otx_context *ctx, otx__draft *d, size_t i,
                                        otx_error *error)
{
    const otx__side *side = d->sides[i];
    otx__document tokens;
    otx_result result;
    if (side->gguf) {
        const otx_gguf *file = otx__gguf_of(&side->checkpoint);
        otx__converted_from_gguf(file, &d->gguf[i]);
        d->sizes[i] = otx_gguf_find(file, OTX__GGUF_TOKENS)->count;
        return OTX_OK;
    }
    memset(&tokens, 0, sizeof tokens);
    result = otx__document_open(ctx, side->path, "tokenizer.json", &tokens, error);
    if (!result) {
        d->sizes[i] = otx__draft_size(&side->config);
        otx__converted_read(side, &tokens, &d->gguf[i]);
    }
    otx__document_close(ctx, &tokens);
    return result;
}

OTX__PRIVATE void otx__verify_draft(otx__verifier *v)
{
    const otx_context *ctx = &v->ctx;
    otx__side target;
    otx__draft draft;
    otx_error error;
    otx_result result;
    size_t i;
    if (v->failure || !v->options->draft_for || !v->side.vocab.tokens) return;
    memset(&draft, 0, sizeof draft);
    draft.sides[0] = &v->side;
    draft.sides[1] = &target;
    result = otx__side_begin(ctx, v->options->draft_for, false, &target, &error);
    if (!result) result = otx__draft_open_target(ctx, &target, &error);
    for (i = 0; i < 2 && !result; i++) result = otx__draft_look(ctx, &draft, i, &error);
    if (otx__verify_take(v, result, &error)) {
        if (!draft.sizes[0] && v->side.parts.embedding) draft.sizes[0] = v->side.parts.rows;
        otx__draft_pair(v, &draft);
        otx__draft_digits(v, &draft);
    }
    otx__side_close(ctx, &target);
}

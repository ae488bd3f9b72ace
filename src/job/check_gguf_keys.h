/* ---- verify: the other keys and the tensors of a GGUF file -------------------------- */

/* ---- special tokens ---- */

/* Calls for every key with the id of a special token; `at` is where to go on. */
OTX__PRIVATE const otx_gguf_key *otx__gguf_next_id(const otx_gguf *file, size_t *at, int64_t *id)
{
    static const char before[] = "tokenizer.ggml.", after[] = "_token_id";
    while (*at < file->key_count) {
        const otx_gguf_key *key = &file->keys[(*at)++];
        if (key->array || key->name_size < sizeof before + sizeof after ||
            memcmp(key->name, before, sizeof before - 1) != 0 ||
            memcmp(key->name + key->name_size - (sizeof after - 1), after, sizeof after - 1) != 0)
            continue;
        if (otx_gguf_integer(key, 0, id)) return key;
    }
    return NULL;
}

OTX__PRIVATE void otx__verify_gguf_ids(otx__gguf_verify *c)
{
    const otx_gguf_key *key;
    char name[OTX__QUOTED], token[OTX__QUOTED];
    size_t at = 0;
    int64_t id, type;
    while ((key = otx__gguf_next_id(c->file, &at, &id)) != NULL) {
        otx__quote(name, sizeof name, key->name, key->name_size);
        if (id < 0 || (uint64_t)id >= c->count) {
            otx__found(c->v, OTX_FAULT, "%s: key %s is %" PRId64 "; there are %" PRIu64 " tokens, "
                       "and llama.cpp takes another in its place", c->path, name, id,
                       (uint64_t)c->count);
            continue;
        }
        if (!otx_gguf_integer(c->types, (uint64_t)id, &type) || type == OTX__GGUF_CONTROL ||
            type == OTX__GGUF_UNKNOWN)
            continue;
        otx__found(c->v, OTX_WARNING, "%s: key %s is %" PRId64 " (token \"%s\"), which is of type %"
                   PRId64 ", not of a control token (3)", c->path, name, id,
                   otx__side_content(token, &c->v->side, (uint64_t)id), type);
    }
}

/* A token that is added to texts, and is none. */
OTX__PRIVATE void otx__verify_gguf_ends(otx__gguf_verify *c)
{
    otx__converted flags;
    size_t i;
    if (!c->kind) return;
    otx__converted_from_gguf(c->file, &flags);
    for (i = 0; i < 2; i++)
        if (flags.adds[i] && flags.ids[i] < 0)
            otx__found(c->v, OTX_WARNING, "%s: texts are to get %s, and no key says which token "
                       "that is", c->path, otx_role_name((otx_role)i));
        else if (flags.adds[i] && !otx_gguf_find(c->file, otx__gguf_role_keys[i]))
            otx__found(c->v, OTX_WARNING, "%s: texts are to get %s, and there is no key %s: "
                       "llama.cpp takes %" PRId64, c->path, otx_role_name((otx_role)i),
                       otx__gguf_role_keys[i], flags.ids[i]);
}

OTX__PRIVATE void otx__verify_gguf_suppressed(otx__gguf_verify *c)
{
    const otx_gguf_key *key = otx_gguf_find(c->file, "tokenizer.ggml.suppress_tokens");
    uint64_t i, bad = 0;
    int64_t id, first = 0;
    for (i = 0; otx_gguf_integer(key, i, &id); i++)
        if ((id < 0 || (uint64_t)id >= c->count) && bad++ == 0) first = id;
    if (bad)
        otx__found(c->v, OTX_WARNING, "%s: key tokenizer.ggml.suppress_tokens has %" PRIu64 " ids "
                   "without a token, the first %" PRId64, c->path, bad, first);
}

/* ---- pre-tokenizer and chat template ---- */

OTX__PRIVATE void otx__verify_gguf_pre(otx__gguf_verify *c)
{
    const otx__span pre = otx__gguf_word_of(c->file, OTX__GGUF_PRE);
    char name[OTX__QUOTED];
    if (!c->kind || c->kind->family != OTX_FAMILY_BYTE_LEVEL) return;
    if (pre.size == 0)
        otx__found(c->v, OTX_WARNING, "%s: there is no key " OTX__GGUF_PRE ": llama.cpp splits "
                   "text by its default, hardly as the model has learned it", c->path);
    else if (!otx__gguf_pre_of(c->file))
        otx__found(c->v, OTX_WARNING, "%s: " OTX__GGUF_PRE " is \"%s\", which llama.cpp of August "
                   "2026 does not know; one that does not know it does not load the file", c->path,
                   otx__quote(name, sizeof name, pre.bytes, pre.size));
}

/* The size of what begins a text with <| and ends with |>, or the same with U+FF5C: no space,
   quote or brace is in it, as where a template puts one together; 0 if it does not. */
OTX__PRIVATE size_t otx__gguf_mark(otx__span text)
{
    static const char *const bars[] = {"|", "\xef\xbd\x9c"};
    size_t i, at;
    for (i = 0; i < OTX__COUNT(bars); i++) {
        const size_t bar = strlen(bars[i]);
        if (text.size < 2 * bar + 2 || text.bytes[0] != '<' ||
            memcmp(text.bytes + 1, bars[i], bar) != 0)
            continue;
        for (at = 1 + bar; at + bar < text.size && at < OTX__MARK_MOST; at++) {
            if (strchr(" \n\t'\"{}<", text.bytes[at])) break;
            if (memcmp(text.bytes + at, bars[i], bar) == 0 && text.bytes[at + bar] == '>')
                return at + bar + 1;
        }
    }
    return 0;
}

OTX__PRIVATE void otx__verify_gguf_template(otx__gguf_verify *c, const otx_gguf_key *key)
{
    char name[OTX__QUOTED], first[OTX__QUOTED];
    otx_gguf_strings strings;
    otx__span text;
    uint64_t bad = 0;
    memset(&strings, 0, sizeof strings);
    if (key->array || !otx_gguf_next(key, &strings)) return;
    for (text = otx__span_of(strings.bytes, strings.size); text.size > 0;) {
        size_t size = otx__gguf_mark(text);
        if (size && !otx__gguf_has_string(c, text.bytes, size) && bad++ == 0)
            otx__quote(first, sizeof first, text.bytes, size);
        size = size ? size : 1;
        text = otx__span_of(text.bytes + size, text.size - size);
    }
    if (bad)
        otx__found(c->v, OTX_WARNING, "%s: key %s names %" PRIu64 " times what looks like a token "
                   "and is none, first \"%s\"", c->path,
                   otx__quote(name, sizeof name, key->name, key->name_size), bad, first);
}

OTX__PRIVATE void otx__verify_gguf_templates(otx__gguf_verify *c)
{
    const size_t size = strlen(OTX__GGUF_TEMPLATE);
    size_t i;
    for (i = 0; i < c->file->key_count; i++) {
        const otx_gguf_key *key = &c->file->keys[i];
        if (key->name_size >= size && memcmp(key->name, OTX__GGUF_TEMPLATE, size) == 0)
            otx__verify_gguf_template(c, key);
    }
}

/* ---- sizes ---- */

/* Whether a tensor has a row for each token: the embedding, the head, its bias, and the copies
   of the first two that predict several tokens. With `d2t` a head has a row for each of its
   elements. */
OTX__PRIVATE bool otx__gguf_is_by_token(const otx_tensor *tensor, bool *head)
{
    static const char *const heads[] = {"output.weight", "output.bias",
                                        "blk.*.nextn.shared_head_head.weight"};
    static const char *const others[] = {"token_embd.weight",
                                         "blk.*.nextn.embed_tokens.weight"};
    char name[80];
    otx__format(name, sizeof name, "%.*s", (int)otx__min(tensor->name_size, 70), tensor->name);
    *head = otx__name_fits_any(name, heads, OTX__COUNT(heads));
    return *head || otx__name_fits_any(name, others, OTX__COUNT(others));
}

OTX__PRIVATE void otx__verify_gguf_tensors(otx__gguf_verify *c)
{
    const otx_checkpoint *checkpoint = &c->v->side.checkpoint;
    const otx_checkpoint_tensor *draft = otx_checkpoint_find(checkpoint, OTX__D2T);
    char text[OTX__TENSOR_TEXT];
    size_t i;
    for (i = 0; i < checkpoint->tensor_count; i++) {
        const otx_tensor *tensor = checkpoint->tensors[i].tensor;
        uint64_t wanted = c->count;
        bool head;
        if (!otx__gguf_is_by_token(tensor, &head)) continue;
        if (head && draft && draft->tensor->rank > 0) wanted = draft->tensor->shape[0];
        if (tensor->rank > 0 && tensor->shape[0] == wanted) continue;
        otx__found(c->v, OTX_FAULT, "%s: tensor %s has %" PRIu64 " rows for %" PRIu64 " %s: "
                   "llama.cpp does not load it", c->path, otx__tensor_text(text, tensor),
                   tensor->rank ? tensor->shape[0] : 0, wanted,
                   wanted == c->count ? "tokens" : "elements of d2t");
    }
    if (checkpoint->tensor_count == 0)
        otx__found(c->v, OTX_WARNING, "%s: holds no tensors, a vocabulary alone", c->path);
    else if (!otx_checkpoint_find(checkpoint, "token_embd.weight"))
        otx__found(c->v, OTX_FAULT, "%s: has no tensor \"token_embd.weight\"", c->path);
}

OTX__PRIVATE void otx__verify_gguf_size(otx__gguf_verify *c)
{
    size_t i;
    for (i = 0; i < c->file->key_count; i++) {
        const otx_gguf_key *key = &c->file->keys[i];
        char name[OTX__QUOTED];
        int64_t said;
        if (!otx__gguf_is_of_model(c->file, key, OTX__KEY_VOCAB_SIZE) || key->array ||
            !otx_gguf_integer(key, 0, &said) || (uint64_t)said == c->count)
            continue;
        otx__found(c->v, OTX_WARNING, "%s: key %s is %" PRId64 "; there are %" PRIu64 " tokens",
                   c->path, otx__quote(name, sizeof name, key->name, key->name_size), said,
                   (uint64_t)c->count);
    }
}

/* ---- all of it ---- */

/* Opens what can be opened of the file. */
OTX__PRIVATE void otx__verify_gguf_open(otx__verifier *v)
{
    otx__side *side = &v->side;
    otx_error error;
    otx_result result;
    if (!otx__verify_take(v, otx_checkpoint_open(&v->ctx, side->path, &side->checkpoint, &error),
                          &error))
        return;
    result = otx_vocab_parse_gguf(&v->quiet, otx__gguf_of(&side->checkpoint), side->path,
                                  &side->vocab, &error);
    if (!otx__verify_take(v, result, &error) || side->checkpoint.tensor_count == 0) return;
    otx__verify_find_d2t(v);
    result = otx__parts_find(&v->quiet, side, &error);
    if (result == OTX_ERROR_UNSUPPORTED)
        otx__found(v, OTX_WARNING, "values are not looked at: %s", error.message);
    else (void)otx__verify_take(v, result, &error);
}

/* Checks a GGUF file, whose path the side has. */
OTX__PRIVATE void otx__verify_gguf(otx__verifier *v)
{
    const otx_gguf *file;
    otx__gguf_verify check;
    if (v->failure) return;
    v->side.gguf = true;
    otx__verify_gguf_open(v);
    file = otx__gguf_of(&v->side.checkpoint);
    if (v->failure || !file) return;
    if (otx__gguf_verify_open(&check, v, file)) {
        otx__verify_gguf_strings(&check);
        otx__verify_gguf_types(&check);
        otx__verify_gguf_lists(&check);
        otx__verify_gguf_merges(&check);
        otx__verify_gguf_bytes(&check);
        otx__verify_gguf_ids(&check);
        otx__verify_gguf_ends(&check);
        otx__verify_gguf_suppressed(&check);
        otx__verify_gguf_pre(&check);
        otx__verify_gguf_templates(&check);
        otx__verify_gguf_size(&check);
        otx__verify_gguf_tensors(&check);
    }
    otx__gguf_verify_close(&check);
    otx__verify_head(v);
    otx__verify_values(v);
}

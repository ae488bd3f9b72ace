/* ---- processor: the tokens that a processor looks for by their text ----------------- */

/* The files in which a processor of pictures or sounds keeps its settings. */
static const otx_vocab_file otx__processor_files[] = {OTX_VOCAB_PROCESSOR,
                                                      OTX_VOCAB_PREPROCESSOR};

/* Keys of these files that hold such a text: image_token and the like. */
#define OTX__KEY_TEXT_ENDING "_token"

/* Bytes of the longest text that is looked for. */
#define OTX__TOKEN_TEXT_MOST 256

/* What is checked: the files of one model against the tokens of another, or its own. */
typedef struct otx__processor {
    const otx_context *ctx;
    const otx__side *side, *tokens;
    otx__token_index contents, own; /* of the tokens, and of the side's own */
    bool present, lost; /* a file is there; a text that is looked for is no token */
} otx__processor;

/* Decodes the text under such a key, a string or an object with "content"; 0 if there is
   none, or a longer one. */
OTX__PRIVATE size_t otx__processor_text(const otx_json *json, const otx_json_iter *member,
                                        char to[OTX__TOKEN_TEXT_MOST])
{
    char key[OTX__KEY_MOST + 1];
    const otx__span name = otx__json_span(json, member->key);
    uint32_t node = member->value;
    if (name.size > OTX__KEY_MOST) return 0;
    memcpy(key, name.bytes, name.size);
    key[name.size] = 0;
    if (!otx__has_suffix(key, OTX__KEY_TEXT_ENDING)) return 0;
    if (otx_json_type_of(json, node) == OTX_JSON_OBJECT)
        node = otx_json_find(json, node, "content");
    if (otx__json_span(json, node).size > OTX__TOKEN_TEXT_MOST) return 0;
    return otx_json_string(json, node, to);
}

/* Whether a text is no token although it must be one: the model's own tokenizer has it.
   Where that is the tokenizer at hand, brackets say so. */
OTX__PRIVATE bool otx__processor_loses(const otx__processor *p, const char *text, size_t size)
{
    if (size == 0 || otx__index_find(&p->contents, OTX_TOKEN_NONE, text, size) >= 0)
        return false;
    return p->side == p->tokens
               ? *text == '<' || *text == '['
               : otx__index_find(&p->own, OTX_TOKEN_NONE, text, size) >= 0;
}

OTX__PRIVATE void otx__processor_look(otx__processor *p, const otx__document *document,
                                      const char *name)
{
    const otx_json *json = &document->json;
    char text[OTX__TOKEN_TEXT_MOST], quoted[OTX__QUOTED], key[OTX__QUOTED];
    uint32_t object;
    for (object = 0; object < json->count; object++) {
        otx_json_iter member = otx_json_iter_of(json, object);
        while (member.keyed && otx_json_iter_next(&member)) {
            size_t size = otx__processor_text(json, &member, text);
            if (!otx__processor_loses(p, text, size)) continue;
            p->lost = true;
            otx__log(p->ctx, OTX_WARNING, "%s/%s: \"%s\" is \"%s\", which is no token of %s; the "
                     "processor would look for it in vain: write there the text of a token",
                     p->side->path, name, otx__quote_node(key, json, member.key),
                     otx__quote(quoted, sizeof quoted, text, size), p->tokens->path);
        }
    }
}

/* Whether a key of tokenizer_config.json is one that every tokenizer has. */
OTX__PRIVATE bool otx__is_role_key(const otx_json *json, uint32_t key)
{
    size_t i;
    for (i = 0; i < OTX__COUNT(otx__role_keys); i++)
        if (otx_json_equals(json, key, otx__role_keys[i])) return true;
    return false;
}

/* By size, then by bytes. */
OTX__PRIVATE int otx__compare_spans(const void *a, const void *b)
{
    const otx__span *x = (const otx__span *)a, *y = (const otx__span *)b;
    if (x->size != y->size) return x->size < y->size ? -1 : 1;
    return x->size ? memcmp(x->bytes, y->bytes, x->size) : 0;
}

/* Lists how all nodes are spelt that end as such keys do, sorted; returns how many. */
OTX__PRIVATE size_t otx__processor_spellings(const otx_json *json, otx__span *to)
{
    const size_t size = strlen(OTX__KEY_TEXT_ENDING);
    size_t count = 0;
    uint32_t node;
    for (node = 0; node < json->count; node++) {
        const otx__span span = otx__json_span(json, node);
        if (span.size >= size &&
            memcmp(span.bytes + span.size - size, OTX__KEY_TEXT_ENDING, size) == 0)
            to[count++] = span;
    }
    otx__sort(to, count, sizeof *to, otx__compare_spans);
    return count;
}

/* Warns of the tokens that the base's tokenizer has a name for, so that a processor can ask
   it, and the donor's has not: it would not be loaded, or take what its class says. */
OTX__PRIVATE otx_result otx__processor_names(const otx__processor *p, otx_error *error)
{
    const otx_json *json = &p->side->tokenizer.json, *other = &p->tokens->tokenizer.json;
    char text[OTX__TOKEN_TEXT_MOST], key[OTX__QUOTED];
    otx__span *names = (otx__span *)otx__alloc(p->ctx, other->count, sizeof *names);
    size_t count;
    uint32_t object;
    if (!names) return otx__fail_array(error, other->count, sizeof *names);
    count = otx__processor_spellings(other, names);
    for (object = 0; object < json->count; object++) {
        otx_json_iter member = otx_json_iter_of(json, object);
        while (member.keyed && otx_json_iter_next(&member)) {
            const otx__span name = otx__json_span(json, member.key);
            if (otx__processor_text(json, &member, text) == 0 ||
                otx__is_role_key(json, member.key) ||
                otx__sorted_find(names, count, sizeof *names, &name, otx__compare_spans))
                continue;
            otx__log(p->ctx, OTX_WARNING, "%s/tokenizer_config.json: names \"%s\", for a "
                     "processor to ask for; that of %s does not: name there what takes its "
                     "place", p->side->path, otx__quote_node(key, json, member.key),
                     p->tokens->path);
        }
    }
    otx__free(p->ctx, names, other->count, sizeof *names);
    return OTX_OK;
}

/* Opens one of the files and looks into it. One that is no JSON is nobody's processor. */
OTX__PRIVATE otx_result otx__processor_file(otx__processor *p, const char *name,
                                            otx_error *error)
{
    otx__document document;
    otx_error cause;
    otx_result result = otx__document_open(p->ctx, p->side->path, name, &document, &cause);
    if (result == OTX_ERROR_FORMAT) {
        otx__log(p->ctx, OTX_WARNING, "%s", cause.message);
        return OTX_OK;
    }
    if (result) return otx__fail(error, result, "%s", cause.message);
    p->present |= document.present;
    if (document.present && !p->contents.slots)
        result = otx__side_contents(p->ctx, p->tokens, &p->contents, error);
    if (!result && document.present && !p->own.slots)
        result = otx__side_contents(p->ctx, p->side, &p->own, error);
    if (!result && document.present) otx__processor_look(p, &document, name);
    otx__document_close(p->ctx, &document);
    return result;
}

/* Warns of every text that the processor of a model looks for and that is no token of
   `tokens`. *silent becomes whether there is a processor of which nothing was said. */
OTX__PRIVATE otx_result otx__processor_check(const otx_context *ctx, const otx__side *side,
                                             const otx__side *tokens, bool *silent,
                                             otx_error *error)
{
    otx__processor p;
    otx_result result = OTX_OK;
    size_t i;
    memset(&p, 0, sizeof p);
    p.ctx = ctx;
    p.side = side;
    p.tokens = tokens;
    for (i = 0; i < OTX__COUNT(otx__processor_files) && !result; i++)
        result = otx__processor_file(&p, otx__usual_name(otx__processor_files[i]), error);
    if (!result && p.present && side != tokens) result = otx__processor_names(&p, error);
    if (p.contents.slots) otx__index_close(ctx, &p.contents);
    if (p.own.slots) otx__index_close(ctx, &p.own);
    *silent = p.present && !p.lost;
    return result;
}

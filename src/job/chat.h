/* ---- chat: the template that turns messages into text ------------------------ */

#define OTX__TEMPLATE_LIMIT ((size_t)16 << 20)

/* Reads a file as it stands. */
OTX__PRIVATE otx_result otx__chat_file(const otx_context *ctx, const char *path, otx__text *to,
                                       otx_error *error)
{
    char *bytes = NULL;
    size_t size = 0;
    otx_result result =
        otx__file_read_all(ctx, path, OTX__TEMPLATE_LIMIT, &bytes, &size, error);
    if (result) return result;
    otx__text_bytes(to, bytes, size);
    otx__file_free(ctx, bytes, size);
    return to->failed ? otx__fail_memory(error, size) : OTX_OK;
}

/* The template of a document: "chat_template", a string, or of a list of named ones the
   one that is called "default", or the first. OTX_JSON_NONE if it has none. */
OTX__PRIVATE uint32_t otx__chat_node(const otx__document *document)
{
    const otx_json *json = &document->json;
    uint32_t node = otx_json_find(json, otx__document_root(document), OTX__KEY_CHAT);
    otx_json_iter at = otx_json_iter_of(json, node);
    uint32_t found = OTX_JSON_NONE;
    if (otx_json_type_of(json, node) == OTX_JSON_STRING) return node;
    while (otx_json_iter_next(&at)) {
        uint32_t text = otx_json_find(json, at.value, "template");
        if (otx_json_type_of(json, text) != OTX_JSON_STRING) continue;
        if (found == OTX_JSON_NONE ||
            otx_json_equals(json, otx_json_find(json, at.value, "name"), "default"))
            found = text;
    }
    return found;
}

OTX__PRIVATE otx_result otx__chat_string(const otx_context *ctx, const otx__document *document,
                                         otx__text *to, otx_error *error)
{
    const uint32_t node = otx__chat_node(document);
    size_t room;
    char *bytes;
    if (node == OTX_JSON_NONE) return OTX_OK;
    room = otx__json_span(&document->json, node).size + 1;
    bytes = (char *)otx__alloc(ctx, room, 1);
    if (!bytes) return otx__fail_memory(error, room);
    otx__text_bytes(to, bytes, otx_json_string(&document->json, node, bytes));
    otx__free(ctx, bytes, room, 1);
    return to->failed ? otx__fail_memory(error, room) : OTX_OK;
}

/* Appends the template of a directory, from where transformers takes it; nothing if it has
   none. */
OTX__PRIVATE otx_result otx__chat_directory(const otx_context *ctx, const otx__side *side,
                                            otx__text *to, otx_error *error)
{
    char *path = otx__path_join(ctx, side->path, otx__usual_name(OTX_VOCAB_CHAT_TEMPLATE));
    otx__document old;
    otx__status status;
    otx_result result;
    if (!path) return otx__fail_memory(error, strlen(side->path) + 1);
    result = otx__look(path, &status, error);
    if (!result && status.present) result = otx__chat_file(ctx, path, to, error);
    otx__path_free(ctx, path);
    if (result || to->size > 0) return result;
    result = otx__chat_string(ctx, &side->tokenizer, to, error);
    if (result || to->size > 0) return result;
    result = otx__document_open(ctx, side->path, otx__usual_name(OTX_VOCAB_CHAT_JSON), &old,
                                error);
    if (!result) result = otx__chat_string(ctx, &old, to, error);
    otx__document_close(ctx, &old);
    return result;
}

/* Appends the template of a side; nothing if it has none. */
OTX__PRIVATE otx_result otx__chat_of(const otx_context *ctx, const otx__side *side,
                                     otx__text *to, otx_error *error)
{
    otx__span text;
    if (!side->gguf) return otx__chat_directory(ctx, side, to, error);
    text = otx__gguf_word_of(otx__gguf_of(&side->checkpoint), OTX__GGUF_TEMPLATE);
    otx__text_bytes(to, text.bytes, text.size);
    return to->failed ? otx__fail_memory(error, text.size) : OTX_OK;
}

/* Warns of what a template that is not the donor's puts into texts although it is no
   token of the donor's: there it becomes letters. Only the base's tokens count; other
   brackets are the template's own. */
OTX__PRIVATE otx_result otx__chat_check(const otx_job *job, otx_error *error)
{
    otx__token_index base, donor;
    otx__span text = otx__span_of(job->chat.bytes, job->chat.size), mark;
    char quoted[OTX__QUOTED];
    bool told = false;
    otx_result result = otx__side_contents(&job->ctx, &job->base, &base, error);
    memset(&donor, 0, sizeof donor);
    if (!result) result = otx__side_contents(&job->ctx, &job->donor, &donor, error);
    while (!result && !told && otx__next_mark(&text, &mark)) {
        told = otx__index_find(&base, OTX_TOKEN_NONE, mark.bytes, mark.size) >= 0 &&
               otx__index_find(&donor, OTX_TOKEN_NONE, mark.bytes, mark.size) < 0;
        if (told)
            otx__log(&job->ctx, OTX_WARNING, "the chat template writes \"%s\", which is no token "
                     "of %s; give the template in words of that tokenizer",
                     otx__quote(quoted, sizeof quoted, mark.bytes, mark.size), job->donor.path);
    }
    if (donor.slots) otx__index_close(&job->ctx, &donor);
    if (base.slots) otx__index_close(&job->ctx, &base);
    return result;
}

/* Settles which template the output has, and says so where one disappears. */
OTX__PRIVATE otx_result otx__job_plan_chat(otx_job *job, otx_error *error)
{
    const otx_context *ctx = &job->ctx;
    otx__text other; /* that is only looked for */
    otx_result result = OTX_OK;
    otx__text_open(&other, ctx);
    if (job->options.chat == OTX_CHAT_FILE)
        result = otx__chat_file(ctx, job->options.chat_file, &job->chat, error);
    else if (job->options.chat == OTX_CHAT_BASE)
        result = otx__chat_of(ctx, &job->base, &job->chat, error);
    else result = otx__chat_of(ctx, &job->donor, &other, error);
    if (!result && job->options.chat == OTX_CHAT_DONOR && other.size == 0) {
        result = otx__chat_of(ctx, &job->base, &other, error);
        if (!result && other.size > 0)
            otx__log(ctx, OTX_WARNING, "the output has no chat template: %s has none, and that "
                     "of %s is in words of its own tokenizer; --chat-template base keeps it, "
                     "--chat-template FILE gives another", job->donor.path, job->base.path);
    }
    if (!result && job->options.chat == OTX_CHAT_BASE && job->chat.size == 0)
        result = otx__fail(error, OTX_ERROR_NOT_FOUND, "%s: has no chat template to keep",
                           job->base.path);
    if (!result && job->chat.size > 0) result = otx__chat_check(job, error);
    otx__text_close(&other);
    return result;
}

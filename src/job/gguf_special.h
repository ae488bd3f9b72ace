/* ---- gguf_special: ids of special tokens, flags, templates and normalisation -------- */

/* ---- ids and flags ---- */

typedef struct otx__gguf_role {
    otx_role role;
    const char *id, *adds; /* keys; adds NULL: there is no flag */
} otx__gguf_role;

/* Those that llama.cpp has, spelled as it spells them; it has no cls. */
static const otx__gguf_role otx__gguf_roles[] = {
    {OTX_ROLE_BOS, "tokenizer.ggml.bos_token_id", "tokenizer.ggml.add_bos_token"},
    {OTX_ROLE_EOS, "tokenizer.ggml.eos_token_id", "tokenizer.ggml.add_eos_token"},
    {OTX_ROLE_UNK, "tokenizer.ggml.unknown_token_id", NULL},
    {OTX_ROLE_SEP, "tokenizer.ggml.seperator_token_id", "tokenizer.ggml.add_sep_token"},
    {OTX_ROLE_PAD, "tokenizer.ggml.padding_token_id", NULL},
    {OTX_ROLE_MASK, "tokenizer.ggml.mask_token_id", NULL},
};

/* Whether the loader's class adds a token of that role where no file says so: without a
   tokenizer.json, whose processor would. */
OTX__PRIVATE bool otx__gguf_adds_unsaid(const otx__gguf_donor *donor, otx__gguf_kind kind,
                                        otx_role role)
{
    if (donor->at.reader->complete) return false;
    if (role == OTX_ROLE_BOS) return kind == OTX__GGUF_SPM || kind == OTX__GGUF_WPM;
    return kind == (role == OTX_ROLE_EOS ? OTX__GGUF_UGM : OTX__GGUF_WPM);
}

/* Writes what the converter writes; the tokens of roles that it misses; and flags in any case,
   as what is not said is not "no" for llama.cpp, which adds the bos of some kinds unasked. It
   ends on a flag without a token. */
OTX__PRIVATE void otx__gguf_add_roles(const otx__gguf_donor *donor, otx__gguf_kind kind,
                                      uint64_t rows, otx__gguf_list *list)
{
    const otx_vocab *vocab = &donor->side->vocab;
    const otx__document json = otx__gguf_donor_json(donor);
    otx__converted converted;
    size_t i;
    otx__converted_read(donor->side, &json, &converted);
    for (i = 0; i < OTX__COUNT(otx__gguf_roles); i++) {
        const otx__gguf_role *to = &otx__gguf_roles[i];
        int64_t id = converted.given[to->role];
        const int said = converted.said[to->role];
        bool adds;
        if (id < 0 || (uint64_t)id >= rows) id = vocab->roles[to->role];
        if (id >= 0 && (uint64_t)id < rows) otx__gguf_add_u32(list, to->id, (uint32_t)id);
        else id = -1;
        if (!to->adds) continue;
        adds = said < 0 ? otx__gguf_adds_unsaid(donor, kind, to->role) : said > 0;
        if (said >= 0 || adds || to->role != OTX_ROLE_SEP)
            otx__gguf_add_bool(list, to->adds, adds && id >= 0);
    }
    if (converted.turn_id >= 0 && (uint64_t)converted.turn_id < rows)
        otx__gguf_add_u32(list, "tokenizer.ggml.eot_token_id", (uint32_t)converted.turn_id);
}

/* ---- chat templates ---- */

#define OTX__GGUF_CHAT "tokenizer.chat_template"

/* Templates with names, of which llama.cpp wants a list. */
typedef struct otx__gguf_chats {
    otx__gguf_list *list;
    otx__text names;
    uint64_t count;
} otx__gguf_chats;

/* Adds a template: "default", or one by a name in which what is no letter or digit is "_". */
OTX__PRIVATE void otx__gguf_add_chat(otx__gguf_chats *chats, otx__span name, const char *bytes,
                                     size_t size)
{
    char key[256];
    const size_t head = sizeof OTX__GGUF_CHAT; /* with a dot for the NUL */
    size_t i;
    if (name.size == 0 || name.size >= sizeof key - head) return;
    if (otx__span_is(name, "default")) {
        otx__gguf_add_string(chats->list, OTX__GGUF_CHAT, bytes, size);
        return;
    }
    memcpy(key, OTX__GGUF_CHAT ".", head);
    for (i = 0; i < name.size; i++) {
        const char c = name.bytes[i];
        const bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
        key[head + i] = letter || otx__is_digit(c) ? c : '_';
    }
    key[head + name.size] = 0;
    if (!otx__gguf_find_in(chats->list, key)) {
        otx__gguf_text_string(&chats->names, key + head, name.size);
        chats->count++;
    }
    otx__gguf_add_string(chats->list, key, bytes, size);
}

/* Adds the string of a node. */
OTX__PRIVATE otx_result otx__gguf_add_chat_node(otx__gguf_chats *chats, const otx_json *json,
                                                uint32_t name, uint32_t text, otx_error *error)
{
    const otx_context *ctx = chats->names.ctx;
    const size_t room = otx__json_span(json, text).size + 1;
    char *bytes, called[200] = "default";
    size_t size = 7;
    if (otx_json_type_of(json, text) != OTX_JSON_STRING) return OTX_OK;
    if (name != OTX_JSON_NONE) {
        if (otx__json_span(json, name).size > sizeof called) return OTX_OK;
        size = otx_json_string(json, name, called);
    }
    bytes = (char *)otx__alloc(ctx, room, 1);
    if (!bytes) return otx__fail_memory(error, room);
    otx__gguf_add_chat(chats, otx__span_of(called, size), bytes,
                       otx_json_string(json, text, bytes));
    otx__free(ctx, bytes, room, 1);
    return OTX_OK;
}

/* Adds those of a document, a string or a list of named ones. */
OTX__PRIVATE otx_result otx__gguf_add_chats_of(otx__gguf_chats *chats,
                                               const otx__document *document, otx_error *error)
{
    const otx_json *json = &document->json;
    const uint32_t node = otx_json_find(json, otx__document_root(document), OTX__KEY_CHAT);
    otx_json_iter at = otx_json_iter_of(json, node);
    otx_result result = otx__gguf_add_chat_node(chats, json, OTX_JSON_NONE, node, error);
    while (!result && otx_json_iter_next(&at)) {
        const uint32_t name = otx_json_find(json, at.value, "name");
        if (otx_json_type_of(json, name) == OTX_JSON_STRING)
            result = otx__gguf_add_chat_node(chats, json, name,
                                             otx_json_find(json, at.value, "template"), error);
    }
    return result;
}

/* Adds the files NAME.jinja of a directory. */
OTX__PRIVATE otx_result otx__gguf_add_chat_files(otx__gguf_chats *chats, const char *directory,
                                                 otx_error *error)
{
    const otx_context *ctx = chats->names.ctx;
    otx__listing listing;
    size_t i;
    otx_result result = otx__listing_open(ctx, directory, &listing, error);
    if (result) return result;
    for (i = 0; i < listing.count && !result; i++) {
        const char *file = listing.names[i];
        char *path;
        otx__text text;
        if (!otx__has_suffix(file, ".jinja")) continue;
        otx__text_open(&text, ctx);
        path = otx__path_join(ctx, directory, file);
        result = path ? otx__chat_file(ctx, path, &text, error)
                      : otx__fail_memory(error, strlen(file) + 1);
        if (!result)
            otx__gguf_add_chat(chats, otx__span_of(file, strlen(file) - strlen(".jinja")),
                               text.bytes, text.size);
        otx__path_free(ctx, path);
        otx__text_close(&text);
    }
    otx__listing_close(&listing);
    return result;
}

/* Adds chat_template.jinja and what stands in the directory beside it; *found if there is
   the former. */
OTX__PRIVATE otx_result otx__gguf_add_jinja(otx__gguf_chats *chats, const otx__side *side,
                                            bool *found, otx_error *error)
{
    static const char *const names[] = {"chat_template.jinja", "additional_chat_templates"};
    const otx_context *ctx = chats->names.ctx;
    otx_result result = OTX_OK;
    otx__text text;
    size_t i;
    *found = false;
    otx__text_open(&text, ctx);
    for (i = 0; i < 2 && !result && *found == (i > 0); i++) {
        char *path = otx__path_join(ctx, side->path, names[i]);
        otx__status status;
        memset(&status, 0, sizeof status);
        result = path ? otx__look(path, &status, error)
                      : otx__fail_memory(error, strlen(side->path) + 1);
        if (!result && i == 0 && status.present) {
            *found = true;
            result = otx__chat_file(ctx, path, &text, error);
            if (!result)
                otx__gguf_add_string(chats->list, OTX__GGUF_CHAT, text.bytes, text.size);
        } else if (!result && status.present && status.directory) {
            result = otx__gguf_add_chat_files(chats, path, error);
        }
        otx__path_free(ctx, path);
    }
    otx__text_close(&text);
    return result;
}

/* Adds the donor's templates, from where transformers takes them. */
OTX__PRIVATE otx_result otx__gguf_add_chats(const otx_context *ctx, const otx__side *side,
                                            otx__gguf_list *list, otx_error *error)
{
    otx__gguf_chats chats;
    otx__document old;
    bool found;
    otx_result result;
    memset(&chats, 0, sizeof chats);
    chats.list = list;
    otx__text_open(&chats.names, ctx);
    result = otx__gguf_add_jinja(&chats, side, &found, error);
    if (!result && !found) result = otx__gguf_add_chats_of(&chats, &side->tokenizer, error);
    if (!result && !found && chats.count == 0 && !otx__gguf_find_in(list, OTX__GGUF_CHAT)) {
        result = otx__document_open(ctx, side->path, otx__usual_name(OTX_VOCAB_CHAT_JSON), &old,
                                    error);
        if (!result) result = otx__gguf_add_chats_of(&chats, &old, error);
        otx__document_close(ctx, &old);
    }
    if (!result && chats.count > 0)
        otx__gguf_add_text(list, OTX__GGUF_CHAT "s", OTX_GGUF_STRING, chats.count,
                           &chats.names);
    otx__text_close(&chats.names);
    return result;
}

/* ---- added tokens: what other files add to a model's tokens ------------------ */

/* A token that one of the files adds to those of the model. */
typedef struct otx__added_token {
    uint64_t declared; /* its id, by the file; UINT64_MAX: it says none */
    uint32_t content;  /* a node */
    bool special;
    bool normalized;   /* looked for in normalised text; by default those that are plain */
} otx__added_token;

/* A list of them, in the order in which they are added. */
typedef struct otx__added_list {
    const otx_json *json;
    const char *file;
    otx__added_token *tokens;
    size_t count, room; /* there are, there is memory for */
} otx__added_list;

/* ---- lists of added tokens ---- */

OTX__PRIVATE int otx__compare_added(const void *a, const void *b)
{
    const otx__added_token *x = (const otx__added_token *)a, *y = (const otx__added_token *)b;
    if (x->declared != y->declared) return x->declared < y->declared ? -1 : 1;
    return x->content < y->content ? -1 : x->content > y->content;
}

/* An id written as the name of a member: decimal digits only. */
OTX__PRIVATE bool otx__id_of_key(const otx_json *json, uint32_t key, uint64_t *id)
{
    const otx__span digits = otx__json_span(json, key);
    return digits.size <= 10 && otx__parse_uint(digits, id) && *id <= UINT32_MAX;
}

/* Where a file that adds tokens has the parts of one entry. */
typedef enum otx__added_form {
    OTX__ADDED_LIST,  /* tokenizer.json: [{"id": 3, "content": "x", "special": true}] */
    OTX__ADDED_BY_ID, /* added_tokens_decoder: {"3": {"content": "x", "special": true}} */
    OTX__ADDED_BY_NAME /* added_tokens.json: {"x": 3} */
} otx__added_form;

OTX__PRIVATE bool otx__added_entry(const otx_json_iter *entry, otx__added_form form,
                                   otx__added_token *token)
{
    const otx_json *json = entry->json;
    const uint32_t special = otx_json_find(json, entry->value, "special");
    const uint32_t normalized = otx_json_find(json, entry->value, "normalized");
    uint32_t id = entry->value;
    token->content = form == OTX__ADDED_BY_NAME ? entry->key
                                                : otx_json_find(json, entry->value, "content");
    token->special = otx_json_type_of(json, special) == OTX_JSON_TRUE;
    if (special != OTX_JSON_NONE && !token->special &&
        otx_json_type_of(json, special) != OTX_JSON_FALSE)
        return false;
    token->normalized = otx_json_type_of(json, normalized) == OTX_JSON_TRUE ||
                        (normalized == OTX_JSON_NONE && !token->special);
    if (otx_json_type_of(json, token->content) != OTX_JSON_STRING) return false;
    if (form == OTX__ADDED_BY_ID) return otx__id_of_key(json, entry->key, &token->declared);
    if (form == OTX__ADDED_LIST) id = otx_json_find(json, entry->value, "id");
    return otx_json_uint(json, id, &token->declared) && token->declared <= UINT32_MAX;
}

/* Collects the tokens that a file adds. The two forms that are objects are added
   in the order of their ids, as transformers does. */
OTX__PRIVATE otx_result otx__list_added(otx__tokenizer *t, const otx_json *json, uint32_t node,
                                        otx__added_form form, const char *file,
                                        otx__added_list *list)
{
    const bool object = form != OTX__ADDED_LIST;
    const uint32_t count = otx_json_count(json, node);
    otx_json_iter entry = otx_json_iter_of(json, node);
    if (node == OTX_JSON_NONE) return OTX_OK;
    if (otx_json_type_of(json, node) != (object ? OTX_JSON_OBJECT : OTX_JSON_ARRAY))
        return otx__fail(t->error, OTX_ERROR_FORMAT, "%s: %s must be an %s", t->name, file,
                         object ? "object" : "array");
    list->json = json;
    list->file = file;
    list->tokens = (otx__added_token *)otx__alloc(t->ctx, count, sizeof *list->tokens);
    if (!list->tokens) return otx__fail_array(t->error, count, sizeof *list->tokens);
    list->count = list->room = count;
    while (otx_json_iter_next(&entry))
        if (!otx__added_entry(&entry, form, &list->tokens[entry.index]))
            return otx__fail(t->error, OTX_ERROR_FORMAT,
                             "%s: entry %" PRIu32 " of %s lacks a content that is a string, "
                             "an id from 0 to %" PRIu32 ", or a special that is true or false",
                             t->name, entry.index, file, UINT32_MAX);
    if (object) otx__sort(list->tokens, count, sizeof *list->tokens, otx__compare_added);
    return OTX_OK;
}

/* The id that the next new added token gets. */
OTX__PRIVATE uint64_t otx__next_added_id(const otx__tokenizer *t)
{
    return otx__max(t->model_size, (size_t)(t->last_added + 1));
}

/* What is worth saying about a list of added tokens. */
typedef struct otx__added_news {
    otx__example moved;  /* ids that differ from what the file says */
    otx__example fresh;  /* tokens that the files before it lack */
    otx__example raised; /* tokens that are special only by this file */
} otx__added_news;

OTX__PRIVATE void otx__report_added(const otx__tokenizer *t, const otx__added_list *list,
                                    const otx__added_news *news)
{
    const bool beside = t->reader->complete && list->json != &t->json;
    const char *file = list->file;
    if (news->moved.count)
        otx__log(t->ctx, OTX_WARNING,
                 "%s: %s: %" PRIu64 " tokens have another id at run time than the file says, "
                 "such as \"%s\": %" PRIu64 " instead of %" PRIu64, t->name, file,
                 news->moved.count, news->moved.quoted, news->moved.id, news->moved.declared);
    if (news->fresh.count && beside)
        otx__log(t->ctx, OTX_WARNING,
                 "%s: %s: %" PRIu64 " tokens are not in tokenizer.json and are added after its "
                 "own, such as \"%s\" with the id %" PRIu64, t->name, file, news->fresh.count,
                 news->fresh.quoted, news->fresh.id);
    if (news->raised.count && beside)
        otx__log(t->ctx, OTX_WARNING,
                 "%s: %s: %" PRIu64 " tokens are special, but not so in tokenizer.json, such "
                 "as \"%s\" with the id %" PRIu64, t->name, file, news->raised.count,
                 news->raised.quoted, news->raised.id);
}

/* The token that an added token replaces by its declared id: a placeholder of the
   model, such as InternLM's [UNUSED_TOKEN_145]. Or NULL. */
OTX__PRIVATE otx_token *otx__replaced_token(const otx__tokenizer *t, uint64_t declared)
{
    const otx__vocab_memory *memory = (const otx__vocab_memory *)t->vocab->memory;
    if (t->reader->numbering != OTX__NUMBERED_IN_PLACE || declared >= memory->token_limit ||
        t->vocab->tokens[declared].kind == OTX_TOKEN_NONE)
        return NULL;
    return &t->vocab->tokens[declared];
}

/* Makes the content in t->scratch, which no token has, a token. */
OTX__PRIVATE otx_result otx__put_added(otx__tokenizer *t, const otx__added_token *added,
                                       size_t size, uint64_t *next, int64_t *id)
{
    otx_token *replaced = otx__replaced_token(t, added->declared);
    otx__given word;
    otx_result result;
    word.content = t->scratch;
    word.size = size;
    word.kind = OTX_TOKEN_TEXT;
    word.added = false; /* not before it is known what becomes of it */
    word.id = *next;
    if (replaced || t->reader->numbering == OTX__NUMBERED_AS_SAID) word.id = added->declared;
    else ++*next;
    if (replaced) {
        memset(replaced, 0, sizeof *replaced);
        t->vocab->token_count--;
    }
    result = otx__put_token(t, &word);
    *id = (int64_t)word.id;
    if (!result)
        otx__spell_added(t->vocab, added->normalized ? &t->normal : NULL,
                         &t->vocab->tokens[word.id]);
    return result;
}

/* Adds a list. Content that is known keeps its id, whatever is declared; for other
   content see otx__numbering. */
OTX__PRIVATE otx_result otx__add_tokens(otx__tokenizer *t, const otx__added_list *list)
{
    uint64_t next = otx__next_added_id(t);
    otx__added_news news;
    size_t i;
    memset(&news, 0, sizeof news);
    for (i = 0; i < list->count; i++) {
        const otx__added_token *added = &list->tokens[i];
        otx_token *token;
        size_t size = 0;
        int64_t id;
        otx_result result = otx__tokenizer_string(t, list->json, added->content, &size);
        if (result) return result;
        if (size == 0) continue;
        id = otx__index_find(&t->contents, OTX_TOKEN_NONE, t->scratch, size);
        if (id < 0) {
            result = otx__put_added(t, added, size, &next, &id);
            if (result) return result;
            otx__example_add(&news.fresh, t->scratch, size, (uint64_t)id, 0);
        }
        token = &t->vocab->tokens[id];
        if ((uint64_t)id != added->declared)
            otx__example_add(&news.moved, t->scratch, size, (uint64_t)id, added->declared);
        if (added->special && token->added && token->kind == OTX_TOKEN_TEXT)
            otx__example_add(&news.raised, t->scratch, size, (uint64_t)id, 0);
        if (added->special) token->kind = OTX_TOKEN_CONTROL;
        token->added = true;
        if (id > t->last_added) t->last_added = id;
    }
    otx__report_added(t, list, &news);
    return OTX_OK;
}

/* ---- special tokens and roles ---- */

/* The order in which transformers adds the tokens of roles. */
static const otx_role otx__roles_as_added[OTX_ROLE_COUNT] = {
    OTX_ROLE_BOS, OTX_ROLE_EOS, OTX_ROLE_UNK, OTX_ROLE_SEP, OTX_ROLE_PAD, OTX_ROLE_CLS,
    OTX_ROLE_MASK,
};

/* The node that names the token of a role, and the file it stands in; NONE if there
   is none. special_tokens_map.json goes before tokenizer_config.json, but is read
   only if the latter lists no added tokens, as by transformers. */
OTX__PRIVATE uint32_t otx__role_node(const otx__tokenizer *t, const char *key,
                                     const otx_json **json)
{
    uint32_t node = OTX_JSON_NONE;
    *json = &t->special_map;
    if (t->legacy) node = otx_json_find(*json, 0, key);
    if (node != OTX_JSON_NONE) return node;
    *json = &t->config;
    return otx_json_find(*json, 0, key);
}

OTX__PRIVATE void otx__name_added(otx__added_list *list, uint32_t node)
{
    const uint32_t content = otx__content_node(list->json, node);
    otx__added_token *token = &list->tokens[list->count];
    if (content == OTX_JSON_NONE) return;
    token->declared = UINT64_MAX;
    token->content = content;
    token->special = true;
    list->count++;
}

/* Collects the tokens that a file names as special, in the order in which transformers 5
   adds those that are no tokens: of roles, by their names in an object, in a list. Where
   extra_special_tokens is a list with tokens, additional_special_tokens is not read. */
OTX__PRIVATE otx_result otx__list_named(otx__tokenizer *t, const otx_json *json,
                                        const char *file, otx__added_list *list)
{
    const uint32_t more = otx_json_find(json, 0, "extra_special_tokens");
    const bool object = otx_json_type_of(json, more) == OTX_JSON_OBJECT;
    uint32_t lists[2];
    size_t i;
    lists[0] = more;
    lists[1] = object || otx_json_count(json, more) == 0
        ? otx_json_find(json, 0, "additional_special_tokens") : OTX_JSON_NONE;
    list->json = json;
    list->file = file;
    list->room = (size_t)OTX_ROLE_COUNT + otx_json_count(json, lists[0]) +
                 otx_json_count(json, lists[1]);
    list->tokens = (otx__added_token *)otx__alloc(t->ctx, list->room, sizeof *list->tokens);
    if (!list->tokens) return otx__fail_array(t->error, list->room, sizeof *list->tokens);
    memset(list->tokens, 0, list->room * sizeof *list->tokens);
    for (i = 0; i < OTX_ROLE_COUNT; i++) {
        const otx_json *from;
        const uint32_t node = otx__role_node(t, otx__role_keys[otx__roles_as_added[i]], &from);
        if (from == json) otx__name_added(list, node);
    }
    for (i = 0; i < 2; i++) {
        otx_json_iter named = otx_json_iter_of(json, lists[i]);
        while (otx_json_iter_next(&named)) otx__name_added(list, named.value);
    }
    return OTX_OK;
}

/* Adds those of a list of names that are no tokens, as transformers does for every
   tokenizer of its own. */
OTX__PRIVATE otx_result otx__add_named(otx__tokenizer *t, const otx__added_list *list)
{
    uint64_t next = otx__next_added_id(t);
    otx__example fresh;
    size_t i;
    memset(&fresh, 0, sizeof fresh);
    if (t->reader->numbering == OTX__NUMBERED_AS_SAID) return OTX_OK;
    for (i = 0; i < list->count; i++) {
        size_t size = 0;
        int64_t id;
        otx_result result = otx__tokenizer_string(t, list->json, list->tokens[i].content, &size);
        if (result) return result;
        if (size == 0 || otx__index_find(&t->contents, OTX_TOKEN_NONE, t->scratch, size) >= 0)
            continue;
        result = otx__put_added(t, &list->tokens[i], size, &next, &id);
        if (result) return result;
        otx__example_add(&fresh, t->scratch, size, (uint64_t)id, 0);
        t->vocab->tokens[id].kind = OTX_TOKEN_CONTROL;
        t->vocab->tokens[id].added = true;
        t->last_added = id;
    }
    if (fresh.count)
        otx__log(t->ctx, OTX_WARNING,
                 "%s: %s: %" PRIu64 " special tokens are no tokens of the tokenizer and are "
                 "added after its own, such as \"%s\" with the id %" PRIu64, t->name, list->file,
                 fresh.count, fresh.quoted, fresh.id);
    return OTX_OK;
}

/* Marks the tokens that a file names as special, in a list or in an object. */
OTX__PRIVATE otx_result otx__mark_special(otx__tokenizer *t, const otx_json *json,
                                          const char *key)
{
    const uint32_t list = otx_json_find(json, 0, key);
    otx_json_iter named = otx_json_iter_of(json, list);
    otx__example missing;
    memset(&missing, 0, sizeof missing);
    while (otx_json_iter_next(&named)) {
        const uint32_t content = otx__content_node(json, named.value);
        size_t size = 0;
        int64_t id;
        otx_result result;
        if (content == OTX_JSON_NONE) continue;
        result = otx__tokenizer_string(t, json, content, &size);
        if (result) return result;
        id = otx__index_find(&t->contents, OTX_TOKEN_NONE, t->scratch, size);
        if (id >= 0) t->vocab->tokens[id].kind = OTX_TOKEN_CONTROL;
        else otx__example_add(&missing, t->scratch, size, 0, 0);
    }
    if (missing.count)
        otx__log(t->ctx, OTX_WARNING,
                 "%s: %" PRIu64 " of the %s are no tokens of the tokenizer, such as \"%s\"",
                 t->name, missing.count, key, missing.quoted);
    return OTX_OK;
}

/* Finds the token of every role. One that no file speaks of is the reader's; an
   unknown token is so even where a file says that there is none. */
OTX__PRIVATE otx_result otx__read_roles(otx__tokenizer *t)
{
    int64_t *roles = t->vocab->roles;
    int role;
    for (role = 0; role < OTX_ROLE_COUNT; role++) {
        const otx_json *json;
        const char *key = otx__role_keys[role];
        char quoted[OTX__QUOTED];
        uint32_t node, content;
        otx_result result;
        node = otx__role_node(t, key, &json);
        content = otx__content_node(json, node);
        if (content != OTX_JSON_NONE) {
            result = otx__find_content(t, json, content, &roles[role]);
            if (result) return result;
            if (roles[role] < 0)
                otx__log(t->ctx, OTX_WARNING, "%s: the %s \"%s\" is no token of the tokenizer",
                         t->name, key, otx__quote_node(quoted, json, content));
        }
        if (node == OTX_JSON_NONE || (role == OTX_ROLE_UNK && roles[role] < 0))
            roles[role] = t->fallback[role];
    }
    return OTX_OK;
}

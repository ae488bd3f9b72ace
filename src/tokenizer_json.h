/* ---- tokenizer.json: the vocabulary as the `tokenizers` package sees it ---- */

/* What is at hand while a vocabulary is read. The three JSON documents beside
   tokenizer.json are empty when absent, so that looking things up in them finds
   nothing. */
typedef struct otx__tokenizer {
    const otx_context *ctx;
    const char *name;
    otx_error *error;
    otx_json json, config, special_map, added;
    uint32_t model, words;     /* nodes of tokenizer.json */
    bool ids_by_position;      /* Unigram: a list instead of an object */
    bool legacy;               /* tokenizer_config.json lists no added tokens */
    otx_vocab *vocab;
    otx__token_index contents; /* the id of each content */
    size_t model_size;         /* tokens of the model */
    int64_t last_added;        /* highest id of an added token, or -1 */
    char *scratch;             /* the string decoded last */
    size_t scratch_capacity;
} otx__tokenizer;

/* A token that one of the files adds to those of the model. */
typedef struct otx__added_token {
    uint64_t declared; /* its id, by the file */
    uint32_t content;  /* a node */
    bool special;
} otx__added_token;

/* A list of them, in the order in which they are added. */
typedef struct otx__added_list {
    const otx_json *json;
    const char *file;
    otx__added_token *tokens;
    size_t count;
} otx__added_list;

/* For a message about many tokens: how many there are, and the first of them. */
typedef struct otx__example {
    char quoted[OTX__QUOTED];
    uint64_t count, id, declared;
} otx__example;

/* ---- small tools ---- */

OTX__PRIVATE void otx__example_add(otx__example *example, const char *bytes, size_t size,
                                   uint64_t id, uint64_t declared)
{
    if (example->count++) return;
    (void)otx__quote(example->quoted, sizeof example->quoted, bytes, size);
    example->id = id;
    example->declared = declared;
}

/* Quotes a string or number for a message, as the file spells it. */
OTX__PRIVATE const char *otx__quote_node(char to[OTX__QUOTED], const otx_json *json,
                                         uint32_t node)
{
    const otx_json_node *value = &json->nodes[node];
    return otx__quote(to, OTX__QUOTED, json->text + value->start, value->end - value->start);
}

/* Decodes a string node to t->scratch, which the next call overwrites. */
OTX__PRIVATE otx_result otx__tokenizer_string(otx__tokenizer *t, const otx_json *json,
                                              uint32_t node, size_t *size)
{
    const size_t need = (size_t)json->nodes[node].end - json->nodes[node].start + 1;
    void *items = t->scratch;
    if (!otx__grow(t->ctx, &items, &t->scratch_capacity, need, 1))
        return otx__fail_memory(t->error, need);
    t->scratch = (char *)items;
    *size = otx_json_string(json, node, t->scratch);
    return OTX_OK;
}

/* A string given as such or as {"content": "..."}; or OTX_JSON_NONE. */
OTX__PRIVATE uint32_t otx__content_node(const otx_json *json, uint32_t node)
{
    if (otx_json_type_of(json, node) == OTX_JSON_OBJECT)
        node = otx_json_find(json, node, "content");
    return otx_json_type_of(json, node) == OTX_JSON_STRING ? node : OTX_JSON_NONE;
}

/* The id of the token with that content, or -1. */
OTX__PRIVATE otx_result otx__find_content(otx__tokenizer *t, const otx_json *json,
                                          uint32_t node, int64_t *id)
{
    size_t size = 0;
    otx_result result = otx__tokenizer_string(t, json, node, &size);
    if (!result) *id = otx__index_find(&t->contents, OTX_TOKEN_NONE, t->scratch, size);
    return result;
}

/* Parses one of the files beside tokenizer.json, which Python reads and writes. */
OTX__PRIVATE otx_result otx__open_beside(otx__tokenizer *t, const char *text, size_t size,
                                         const char *file, otx_json *json)
{
    static const char own[] = "tokenizer.json";
    char name[512];
    otx_json_options options;
    otx_result result;
    size_t stem = strlen(t->name), length = sizeof own - 1;
    if (size == 0) return OTX_OK;
    memset(&options, 0, sizeof options);
    options.allow_nonfinite = true;
    if (stem >= length && strcmp(t->name + stem - length, own) == 0)
        (void)snprintf(name, sizeof name, "%.*s%s", (int)otx__min(stem - length, 400), t->name,
                       file);
    else
        (void)snprintf(name, sizeof name, "%.400s: %s", t->name, file);
    result = otx_json_parse(t->ctx, text, size, name, &options, json, t->error);
    if (!result && otx_json_type_of(json, 0) != OTX_JSON_OBJECT)
        result = otx__fail(t->error, OTX_ERROR_FORMAT, "%s: expected a JSON object", name);
    return result;
}

/* ---- the model: its type, its merges ---- */

/* The type of a model without `type`, by the members that only it has: files
   from before the type was written. */
OTX__PRIVATE const char *otx__legacy_model_type(const otx_json *json, uint32_t model)
{
    if (otx_json_type_of(json, otx_json_find(json, model, "vocab")) == OTX_JSON_ARRAY)
        return "Unigram";
    if (otx_json_find(json, model, "merges") != OTX_JSON_NONE) return "BPE";
    if (otx_json_find(json, model, "unk_token") == OTX_JSON_NONE) return NULL;
    return otx_json_find(json, model, "continuing_subword_prefix") != OTX_JSON_NONE &&
                   otx_json_find(json, model, "max_input_chars_per_word") != OTX_JSON_NONE
               ? "WordPiece"
               : "WordLevel";
}

/* Finds the model and its vocabulary. Sets *type to one of four literals. */
OTX__PRIVATE otx_result otx__find_model(otx__tokenizer *t, const char **type)
{
    static const char *const types[] = {"BPE", "WordPiece", "WordLevel", "Unigram"};
    const otx_json *json = &t->json;
    const uint32_t version = otx_json_find(json, 0, "version");
    uint32_t node;
    size_t i;
    if (otx_json_type_of(json, 0) != OTX_JSON_OBJECT)
        return otx__fail(t->error, OTX_ERROR_FORMAT, "%s: expected a JSON object", t->name);
    if (version != OTX_JSON_NONE && !otx_json_equals(json, version, "1.0"))
        return otx__fail(t->error, OTX_ERROR_UNSUPPORTED, "%s: version is not \"1.0\"",
                         t->name);
    t->model = otx_json_find(json, 0, "model");
    if (otx_json_type_of(json, t->model) != OTX_JSON_OBJECT)
        return otx__fail(t->error, OTX_ERROR_FORMAT, "%s: there is no object \"model\"",
                         t->name);
    node = otx_json_find(json, t->model, "type");
    *type = NULL;
    for (i = 0; i < OTX__COUNT(types); i++)
        if (otx_json_equals(json, node, types[i])) *type = types[i];
    if (node == OTX_JSON_NONE) *type = otx__legacy_model_type(json, t->model);
    if (!*type)
        return otx__fail(t->error, OTX_ERROR_UNSUPPORTED,
                         "%s: the model's type is %s BPE, WordPiece, WordLevel or Unigram",
                         t->name, node == OTX_JSON_NONE ? "not given, and does not look like"
                                                        : "none of");
    t->ids_by_position = strcmp(*type, "Unigram") == 0;
    t->words = otx_json_find(json, t->model, "vocab");
    if (otx_json_type_of(json, t->words) !=
        (t->ids_by_position ? OTX_JSON_ARRAY : OTX_JSON_OBJECT))
        return otx__fail(t->error, OTX_ERROR_FORMAT,
                         "%s: the vocabulary of a %s model must be %s", t->name, *type,
                         t->ids_by_position ? "an array" : "an object");
    return OTX_OK;
}

/* Whether a merge is "a b", with one space in it, or a comment. */
OTX__PRIVATE bool otx__is_merge_line(const char *line, size_t size)
{
    size_t i, spaces = 0;
    if (size >= 8 && memcmp(line, "#version", 8) == 0) return true;
    for (i = 0; i < size; i++) spaces += line[i] == ' ';
    return spaces == 1;
}

/* Merges make no tokens, but a file whose merges are broken is no tokenizer.
   They are all "a b" or all ["a", "b"]. */
OTX__PRIVATE otx_result otx__check_merges(otx__tokenizer *t)
{
    const otx_json *json = &t->json;
    const uint32_t merges = otx_json_find(json, t->model, "merges");
    otx_json_type wanted = OTX_JSON_NULL;
    uint32_t node, i;
    if (otx_json_type_of(json, merges) != OTX_JSON_ARRAY)
        return otx__fail(t->error, OTX_ERROR_FORMAT,
                         "%s: a BPE model must have an array \"merges\"", t->name);
    for (i = 0, node = merges + 1; i < json->nodes[merges].count; i++) {
        const otx_json_type type = otx_json_type_of(json, node);
        bool good = type == OTX_JSON_STRING;
        if (good) {
            size_t size = 0;
            otx_result result = otx__tokenizer_string(t, json, node, &size);
            if (result) return result;
            good = otx__is_merge_line(t->scratch, size);
        } else if (type == OTX_JSON_ARRAY && json->nodes[node].count == 2) {
            good = otx_json_type_of(json, node + 1) == OTX_JSON_STRING &&
                   otx_json_type_of(json, node + 2) == OTX_JSON_STRING;
        }
        if (i == 0) wanted = type;
        if (!good || type != wanted)
            return otx__fail(t->error, OTX_ERROR_FORMAT,
                             "%s: merge %" PRIu32 " is neither \"a b\" nor [\"a\", \"b\"], or "
                             "not written as the first is", t->name, i);
        node = json->nodes[node].next;
    }
    return OTX_OK;
}

/* ---- the model's tokens ---- */

/* The next entry of the model's vocabulary: sets *content and *id, and moves
   *node on to the entry after it. */
OTX__PRIVATE otx_result otx__next_word(const otx__tokenizer *t, uint32_t *node,
                                       uint32_t position, uint32_t *content, uint64_t *id)
{
    const otx_json *json = &t->json;
    char quoted[OTX__QUOTED], number[OTX__QUOTED];
    uint32_t value;
    if (t->ids_by_position) {
        *content = *node + 1;
        *id = position;
        if (otx_json_type_of(json, *node) != OTX_JSON_ARRAY || json->nodes[*node].count != 2 ||
            otx_json_type_of(json, *content) != OTX_JSON_STRING ||
            otx_json_type_of(json, *content + 1) != OTX_JSON_NUMBER)
            return otx__fail(t->error, OTX_ERROR_FORMAT,
                             "%s: entry %" PRIu32 " of the vocabulary is not [string, number]",
                             t->name, position);
        *node = json->nodes[*node].next;
        return OTX_OK;
    }
    *content = *node;
    value = *node + 1;
    *node = json->nodes[value].next;
    if (otx_json_uint(json, value, id) && *id <= UINT32_MAX) return OTX_OK;
    return otx__fail(t->error, OTX_ERROR_FORMAT,
                     "%s: token \"%s\" has the id %s, expected a whole number from 0 to "
                     "%" PRIu32, t->name, otx__quote_node(quoted, json, *content),
                     otx__quote_node(number, json, value), UINT32_MAX);
}

/* What a string takes in the table at most: its content, and its bytes, which a
   word mark may make longer by one. */
OTX__PRIVATE uint64_t otx__string_room(const otx_json *json, uint32_t node)
{
    return 2 * ((uint64_t)json->nodes[node].end - json->nodes[node].start) + 1;
}

/* Makes the table: checks the ids of the model and counts what the lists add. */
OTX__PRIVATE otx_result otx__reserve_tokens(otx__tokenizer *t, const otx__added_list *lists,
                                            size_t list_count)
{
    const uint32_t count = t->json.nodes[t->words].count;
    const uint64_t limit = 16 * (uint64_t)count + 65536;
    char quoted[OTX__QUOTED];
    uint64_t bytes = 0;
    size_t extra = 0, ids = count, i, j;
    uint32_t node = t->words + 1, position, content;
    uint64_t id = 0;
    otx_result result;
    for (position = 0; position < count; position++) {
        result = otx__next_word(t, &node, position, &content, &id);
        if (result) return result;
        if (id >= limit)
            return otx__fail(t->error, OTX_ERROR_LIMIT,
                             "%s: token \"%s\" has the id %" PRIu64 ", and a vocabulary of "
                             "%" PRIu32 " tokens may have ids below %" PRIu64, t->name,
                             otx__quote_node(quoted, &t->json, content), id, count, limit);
        ids = otx__max(ids, (size_t)id + 1);
        bytes += otx__string_room(&t->json, content);
    }
    for (i = 0; i < list_count; i++) {
        for (j = 0; j < lists[i].count; j++)
            bytes += otx__string_room(lists[i].json, lists[i].tokens[j].content);
        extra += lists[i].count;
    }
    if (bytes > SIZE_MAX) return otx__fail_memory(t->error, bytes);
    result = otx__vocab_reserve(t->ctx, t->vocab, ids + extra, (size_t)bytes, t->error);
    if (!result)
        result = otx__index_open(t->ctx, &t->contents, t->vocab->tokens, count + extra, true,
                                 t->error);
    return result;
}

/* Gives `id` to the content in t->scratch. Of two members of an object with one
   name the last counts, and the id of the first is left without a token. */
OTX__PRIVATE otx_result otx__put_token(otx__tokenizer *t, uint64_t id, size_t size)
{
    otx_token *token = &t->vocab->tokens[id];
    uint32_t *slot = otx__index_slot(&t->contents, OTX_TOKEN_NONE, t->scratch, size);
    char *content;
    if (*slot && !t->ids_by_position) {
        memset(&t->vocab->tokens[*slot - 1], 0, sizeof *token);
        t->vocab->token_count--;
    }
    if (token->kind != OTX_TOKEN_NONE) {
        char first[OTX__QUOTED], second[OTX__QUOTED];
        return otx__fail(t->error, OTX_ERROR_FORMAT,
                         "%s: tokens \"%s\" and \"%s\" both have the id %" PRIu64
                         ", and a model has one row for it", t->name,
                         otx__quote(first, sizeof first, token->content, token->content_size),
                         otx__quote(second, sizeof second, t->scratch, size), id);
    }
    content = otx__vocab_keep(t->vocab, size);
    memcpy(content, t->scratch, size);
    token->content = content;
    token->content_size = (uint32_t)size;
    token->kind = OTX_TOKEN_TEXT;
    *slot = (uint32_t)id + 1;
    t->vocab->token_count++;
    return OTX_OK;
}

OTX__PRIVATE otx_result otx__read_model(otx__tokenizer *t)
{
    const uint32_t count = t->json.nodes[t->words].count;
    uint32_t node = t->words + 1, position, content;
    for (position = 0; position < count; position++) {
        uint64_t id = 0;
        size_t size = 0;
        otx_result result = otx__next_word(t, &node, position, &content, &id);
        if (!result) result = otx__tokenizer_string(t, &t->json, content, &size);
        if (!result) result = otx__put_token(t, id, size);
        if (result) return result;
    }
    t->model_size = t->vocab->token_count;
    return OTX_OK;
}

/* ---- added tokens ---- */

OTX__PRIVATE int otx__compare_added(const void *a, const void *b)
{
    const otx__added_token *x = (const otx__added_token *)a, *y = (const otx__added_token *)b;
    if (x->declared != y->declared) return x->declared < y->declared ? -1 : 1;
    return x->content < y->content ? -1 : x->content > y->content;
}

/* An id written as the name of a member: decimal digits only. */
OTX__PRIVATE bool otx__id_of_key(const otx_json *json, uint32_t key, uint64_t *id)
{
    const otx_json_node *node = &json->nodes[key];
    uint32_t at;
    *id = 0;
    if (node->start == node->end || node->end - node->start > 10) return false;
    for (at = node->start; at < node->end; at++) {
        if (json->text[at] < '0' || json->text[at] > '9') return false;
        *id = *id * 10 + (uint64_t)(json->text[at] - '0');
    }
    return *id <= UINT32_MAX;
}

/* Where a file that adds tokens has the parts of one entry. */
typedef enum otx__added_form {
    OTX__ADDED_LIST,  /* tokenizer.json: [{"id": 3, "content": "x", "special": true}] */
    OTX__ADDED_BY_ID, /* added_tokens_decoder: {"3": {"content": "x", "special": true}} */
    OTX__ADDED_BY_NAME /* added_tokens.json: {"x": 3} */
} otx__added_form;

OTX__PRIVATE bool otx__added_entry(const otx_json *json, otx__added_form form, uint32_t node,
                                   otx__added_token *token)
{
    const uint32_t entry = form == OTX__ADDED_LIST ? node : node + 1;
    const uint32_t special = otx_json_find(json, entry, "special");
    token->content = form == OTX__ADDED_BY_NAME ? node : otx_json_find(json, entry, "content");
    token->special = otx_json_type_of(json, special) == OTX_JSON_TRUE;
    if (special != OTX_JSON_NONE && !token->special &&
        otx_json_type_of(json, special) != OTX_JSON_FALSE)
        return false;
    if (otx_json_type_of(json, token->content) != OTX_JSON_STRING) return false;
    if (form == OTX__ADDED_BY_ID) return otx__id_of_key(json, node, &token->declared);
    if (form == OTX__ADDED_LIST) node = otx_json_find(json, entry, "id");
    else node = entry;
    return otx_json_uint(json, node, &token->declared) && token->declared <= UINT32_MAX;
}

/* Collects the tokens that a file adds. The two forms that are objects are added
   in the order of their ids, as transformers does. */
OTX__PRIVATE otx_result otx__list_added(otx__tokenizer *t, const otx_json *json, uint32_t node,
                                        otx__added_form form, const char *file,
                                        otx__added_list *list)
{
    const bool object = form != OTX__ADDED_LIST;
    uint32_t i, count;
    if (node == OTX_JSON_NONE) return OTX_OK;
    if (otx_json_type_of(json, node) != (object ? OTX_JSON_OBJECT : OTX_JSON_ARRAY))
        return otx__fail(t->error, OTX_ERROR_FORMAT, "%s: %s must be an %s", t->name, file,
                         object ? "object" : "array");
    count = json->nodes[node].count;
    list->json = json;
    list->file = file;
    list->tokens = (otx__added_token *)otx__alloc(t->ctx, count, sizeof *list->tokens);
    if (!list->tokens)
        return otx__fail_memory(t->error, (uint64_t)count * sizeof *list->tokens);
    list->count = count;
    for (i = 0, node++; i < count; i++) {
        if (!otx__added_entry(json, form, node, &list->tokens[i]))
            return otx__fail(t->error, OTX_ERROR_FORMAT,
                             "%s: entry %" PRIu32 " of %s lacks a content that is a string, "
                             "an id from 0 to %" PRIu32 ", or a special that is true or false",
                             t->name, i, file, UINT32_MAX);
        node = json->nodes[object ? node + 1 : node].next;
    }
    if (object) qsort(list->tokens, count, sizeof *list->tokens, otx__compare_added);
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

OTX__PRIVATE void otx__report_added(const otx__tokenizer *t, const char *file, bool beside,
                                    const otx__added_news *news)
{
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
    if (news->raised.count)
        otx__log(t->ctx, OTX_WARNING,
                 "%s: %s: %" PRIu64 " tokens are special, but not so in tokenizer.json, such "
                 "as \"%s\" with the id %" PRIu64, t->name, file, news->raised.count,
                 news->raised.quoted, news->raised.id);
}

/* Adds a list by the rule of the tokenizers package: the declared id does not
   count. Content that is known keeps its id, other content is numbered on. */
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
            id = (int64_t)next++;
            result = otx__put_token(t, (uint64_t)id, size);
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
    otx__report_added(t, list->file, list->json != &t->json, &news);
    return OTX_OK;
}

/* ---- special tokens and roles ---- */

/* Marks the tokens that a file names as special, in a list or in an object. */
OTX__PRIVATE otx_result otx__mark_special(otx__tokenizer *t, const otx_json *json,
                                          const char *key)
{
    const uint32_t list = otx_json_find(json, 0, key);
    const bool object = otx_json_type_of(json, list) == OTX_JSON_OBJECT;
    otx__example missing;
    uint32_t i, node;
    memset(&missing, 0, sizeof missing);
    if (!object && otx_json_type_of(json, list) != OTX_JSON_ARRAY) return OTX_OK;
    for (i = 0, node = list + 1; i < json->nodes[list].count; i++) {
        const uint32_t value = object ? node + 1 : node;
        const uint32_t content = otx__content_node(json, value);
        if (content != OTX_JSON_NONE) {
            size_t size = 0;
            int64_t id;
            otx_result result = otx__tokenizer_string(t, json, content, &size);
            if (result) return result;
            id = otx__index_find(&t->contents, OTX_TOKEN_NONE, t->scratch, size);
            if (id >= 0) t->vocab->tokens[id].kind = OTX_TOKEN_CONTROL;
            else otx__example_add(&missing, t->scratch, size, 0, 0);
        }
        node = json->nodes[value].next;
    }
    if (missing.count)
        otx__log(t->ctx, OTX_WARNING,
                 "%s: %" PRIu64 " of the %s are no tokens of the tokenizer, such as \"%s\"",
                 t->name, missing.count, key, missing.quoted);
    return OTX_OK;
}

/* The node that names the token of a role, and the file it stands in.
   special_tokens_map.json goes before tokenizer_config.json, but is read only if
   the latter lists no added tokens, as by transformers. */
OTX__PRIVATE uint32_t otx__role_node(const otx__tokenizer *t, const char *key,
                                     const otx_json **json)
{
    uint32_t node = OTX_JSON_NONE;
    *json = &t->special_map;
    if (t->legacy) node = otx_json_find(*json, 0, key);
    if (node == OTX_JSON_NONE) {
        *json = &t->config;
        node = otx_json_find(*json, 0, key);
    }
    return otx__content_node(*json, node);
}

/* The id that the model itself names as unknown, or -1. */
OTX__PRIVATE otx_result otx__model_unknown(otx__tokenizer *t, int64_t *id)
{
    const uint32_t content =
        otx__content_node(&t->json, otx_json_find(&t->json, t->model, "unk_token"));
    const uint32_t number = otx_json_find(&t->json, t->model, "unk_id");
    uint64_t position;
    *id = -1;
    if (content != OTX_JSON_NONE && !t->ids_by_position)
        return otx__find_content(t, &t->json, content, id);
    if (!t->ids_by_position || otx_json_type_of(&t->json, number) == OTX_JSON_NULL)
        return OTX_OK;
    if (!otx_json_uint(&t->json, number, &position) || position >= t->model_size)
        return otx__fail(t->error, OTX_ERROR_FORMAT,
                         "%s: unk_id is not the position of one of the %" PRIu64 " tokens",
                         t->name, (uint64_t)t->model_size);
    *id = (int64_t)position;
    return OTX_OK;
}

/* Finds the token of every role. */
OTX__PRIVATE otx_result otx__read_roles(otx__tokenizer *t)
{
    int64_t *roles = t->vocab->roles, unknown;
    otx_result result;
    int role;
    for (role = 0; role < OTX_ROLE_COUNT; role++) {
        const otx_json *json;
        char key[16], quoted[OTX__QUOTED];
        uint32_t node;
        (void)snprintf(key, sizeof key, "%s_token", otx_role_name((otx_role)role));
        node = otx__role_node(t, key, &json);
        if (node == OTX_JSON_NONE) continue;
        result = otx__find_content(t, json, node, &roles[role]);
        if (result) return result;
        if (roles[role] < 0)
            otx__log(t->ctx, OTX_WARNING, "%s: the %s \"%s\" is no token of the tokenizer",
                     t->name, key, otx__quote_node(quoted, json, node));
    }
    result = otx__model_unknown(t, &unknown);
    if (roles[OTX_ROLE_UNK] < 0) roles[OTX_ROLE_UNK] = unknown;
    return result;
}

/* ---- spelling ---- */

/* How this tokenizer writes text as tokens. */
typedef struct otx__spelling {
    otx_family family;
    bool byte_fallback; /* <0xNN> is a byte */
    char mark[32];      /* METASPACE: the space; WORDPIECE: the prefix that continues a
                           word; WORD_SUFFIX: the suffix that ends one */
    size_t mark_size;
} otx__spelling;

/* The first object of that type after node `after`, within the decoder (or
   pre-tokenizer or normalizer) `part`, in its sequences too; or OTX_JSON_NONE. */
OTX__PRIVATE uint32_t otx__find_step(const otx_json *json, uint32_t part, uint32_t after,
                                     const char *type)
{
    uint32_t node, end;
    if (part == OTX_JSON_NONE) return OTX_JSON_NONE;
    end = json->nodes[part].next;
    for (node = after == OTX_JSON_NONE ? part : after + 1; node < end; node++)
        if (json->nodes[node].type == OTX_JSON_OBJECT &&
            otx_json_equals(json, otx_json_find(json, node, "type"), type))
            return node;
    return OTX_JSON_NONE;
}

/* The string that a step replaces by a space (or, in a normalizer, puts in its
   place), or OTX_JSON_NONE. */
OTX__PRIVATE uint32_t otx__replaced_by_space(const otx_json *json, uint32_t part,
                                             bool normalizer)
{
    uint32_t step = OTX_JSON_NONE;
    while ((step = otx__find_step(json, part, step, "Replace")) != OTX_JSON_NONE) {
        const uint32_t pattern = otx_json_find(json, step, "pattern");
        const uint32_t from = otx_json_find(json, pattern, "String");
        const uint32_t to = otx_json_find(json, step, "content");
        if (otx_json_equals(json, normalizer ? from : to, " ")) return normalizer ? to : from;
    }
    return OTX_JSON_NONE;
}

/* Sets the family and its mark, if `node` is a string that is not empty. */
OTX__PRIVATE bool otx__spell_with(const otx_json *json, otx__spelling *spelling,
                                  otx_family family, uint32_t node)
{
    if (otx_json_type_of(json, node) != OTX_JSON_STRING ||
        json->nodes[node].start == json->nodes[node].end ||
        json->nodes[node].end - json->nodes[node].start > sizeof spelling->mark)
        return false;
    spelling->family = family;
    spelling->mark_size = otx_json_string(json, node, spelling->mark);
    return true;
}

/* Where the mark of a family may be given. */
typedef struct otx__mark_place {
    const char *part, *step, *member; /* step NULL: the member of the part itself */
    otx_family family;
} otx__mark_place;

OTX__PRIVATE uint32_t otx__mark_node(const otx_json *json, const otx__mark_place *place)
{
    const uint32_t part = otx_json_find(json, 0, place->part);
    if (!place->step) return otx_json_find(json, part, place->member);
    if (strcmp(place->step, "Replace") == 0)
        return otx__replaced_by_space(json, part, strcmp(place->member, "content") == 0);
    return otx_json_find(json, otx__find_step(json, part, OTX_JSON_NONE, place->step),
                         place->member);
}

/* Finds out the family: from the decoder where it tells, since that is what turns
   tokens into text, and else from what text goes through on its way in. */
OTX__PRIVATE void otx__find_spelling(otx__tokenizer *t, otx__spelling *spelling)
{
    static const char *const parts[] = {"decoder", "pre_tokenizer", "normalizer"};
    static const otx__mark_place places[] = {
        {"decoder", "Metaspace", "replacement", OTX_FAMILY_METASPACE},
        {"decoder", "Replace", "pattern", OTX_FAMILY_METASPACE},
        {"decoder", "WordPiece", "prefix", OTX_FAMILY_WORDPIECE},
        {"decoder", "BPEDecoder", "suffix", OTX_FAMILY_WORD_SUFFIX},
        {"pre_tokenizer", "Metaspace", "replacement", OTX_FAMILY_METASPACE},
        {"normalizer", "Replace", "content", OTX_FAMILY_METASPACE},
        {"model", NULL, "continuing_subword_prefix", OTX_FAMILY_WORDPIECE},
        {"model", NULL, "end_of_word_suffix", OTX_FAMILY_WORD_SUFFIX},
    };
    const otx_json *json = &t->json;
    const uint32_t decoder = otx_json_find(json, 0, "decoder");
    size_t i;
    memset(spelling, 0, sizeof *spelling);
    spelling->byte_fallback =
        otx__find_step(json, decoder, OTX_JSON_NONE, "ByteFallback") != OTX_JSON_NONE ||
        otx_json_type_of(json, otx_json_find(json, t->model, "byte_fallback")) == OTX_JSON_TRUE;
    for (i = 0; i < OTX__COUNT(parts); i++) {
        const uint32_t part = otx_json_find(json, 0, parts[i]);
        if (otx__find_step(json, part, OTX_JSON_NONE, "ByteLevel") == OTX_JSON_NONE) continue;
        spelling->family = OTX_FAMILY_BYTE_LEVEL;
        return;
    }
    for (i = 0; i < OTX__COUNT(places); i++)
        if (otx__spell_with(json, spelling, places[i].family, otx__mark_node(json, &places[i])))
            return;
}

/* The byte that a character of the GPT-2 alphabet stands for, or -1. Printable
   bytes stand for themselves; the other 68 are U+0100 and on, in order. */
OTX__PRIVATE int otx__byte_of_character(unsigned code)
{
    if ((code >= 0x21 && code <= 0x7e) || (code >= 0xa1 && code <= 0xff && code != 0xad))
        return (int)code;
    if (code < 0x100 || code > 0x143) return -1;
    code -= 0x100;
    if (code <= 0x20) return (int)code;
    if (code == 0x21) return 0x7f;
    return code == 0x43 ? 0xad : (int)(0x80 + (code - 0x22));
}

/* Undoes the GPT-2 alphabet; a token with any other character stands for itself,
   as in the decoder of the tokenizers package. */
OTX__PRIVATE size_t otx__spell_byte_level(const char *content, size_t size, char *to)
{
    size_t at = 0, length = 0;
    while (at < size) {
        const unsigned char lead = (unsigned char)content[at];
        unsigned code = lead;
        int byte;
        if (lead >= 0xc0 && lead < 0xe0)
            code = (lead & 0x1fu) << 6 | ((unsigned char)content[at + 1] & 0x3fu);
        byte = lead < 0xe0 ? otx__byte_of_character(code) : -1;
        if (byte < 0) {
            memcpy(to, content, size);
            return size;
        }
        to[length++] = (char)byte;
        at += lead < 0x80 ? 1 : 2;
    }
    return length;
}

/* Replaces every mark by a space. */
OTX__PRIVATE size_t otx__spell_spaces(const otx__spelling *spelling, const char *content,
                                      size_t size, char *to)
{
    const size_t mark = spelling->mark_size;
    size_t at = 0, length = 0;
    while (at < size) {
        if (size - at >= mark && memcmp(content + at, spelling->mark, mark) == 0) {
            to[length++] = ' ';
            at += mark;
        } else {
            to[length++] = content[at++];
        }
    }
    return length;
}

/* Writes the bytes that a token stands for to `to`, which has room for one more
   than `size`, and returns how many there are. */
OTX__PRIVATE size_t otx__spell(const otx__spelling *spelling, const char *content, size_t size,
                               char *to)
{
    const size_t mark = spelling->mark_size;
    switch (spelling->family) {
    case OTX_FAMILY_BYTE_LEVEL:
        return otx__spell_byte_level(content, size, to);
    case OTX_FAMILY_METASPACE:
    case OTX_FAMILY_WORD_SUFFIX:
        return otx__spell_spaces(spelling, content, size, to);
    case OTX_FAMILY_WORDPIECE: /* what continues no word begins one, after a space */
        if (size >= mark && memcmp(content, spelling->mark, mark) == 0) {
            memcpy(to, content + mark, size - mark);
            return size - mark;
        }
        to[0] = ' ';
        memcpy(to + 1, content, size);
        return size + 1;
    default:
        memcpy(to, content, size);
        return size;
    }
}

OTX__PRIVATE int otx__hex_digit(char digit)
{
    if (digit >= '0' && digit <= '9') return digit - '0';
    if (digit >= 'a' && digit <= 'f') return digit - 'a' + 10;
    if (digit >= 'A' && digit <= 'F') return digit - 'A' + 10;
    return -1;
}

/* The byte of a token that is exactly <0xNN>, or -1. */
OTX__PRIVATE int otx__fallback_byte(const char *content, size_t size)
{
    int high, low;
    if (size != 6 || memcmp(content, "<0x", 3) != 0 || content[5] != '>') return -1;
    high = otx__hex_digit(content[3]);
    low = otx__hex_digit(content[4]);
    return high < 0 || low < 0 ? -1 : high * 16 + low;
}

/* Settles kind and bytes of a token whose content and kind (TEXT or CONTROL) are
   known. The bytes are written where the next string goes (otx__string_room has
   seen to the room), and kept only if they differ from the content. */
OTX__PRIVATE void otx__finish_token(otx_vocab *vocab, const otx__spelling *spelling,
                                    otx_token *token)
{
    otx__vocab_memory *memory = (otx__vocab_memory *)vocab->memory;
    int byte = -1;
    token->bytes = token->content;
    token->size = token->content_size;
    if (otx__is_reserved(token->content, token->content_size)) token->kind = OTX_TOKEN_UNUSED;
    if (token->kind != OTX_TOKEN_TEXT) return;
    if (spelling->byte_fallback)
        byte = otx__fallback_byte(token->content, token->content_size);
    if (byte >= 0) {
        token->kind = OTX_TOKEN_BYTE;
        memory->next[0] = (char)byte;
        token->size = 1;
    } else {
        token->size =
            (uint32_t)otx__spell(spelling, token->content, token->content_size, memory->next);
    }
    if (!otx__same_bytes(memory->next, token->size, token->content, token->content_size))
        token->bytes = otx__vocab_keep(vocab, token->size);
}

/* Settles all tokens. One that has a role is in use whatever its name. */
OTX__PRIVATE void otx__finish_tokens(otx__tokenizer *t)
{
    otx_vocab *vocab = t->vocab;
    const size_t limit = ((otx__vocab_memory *)vocab->memory)->token_limit;
    otx__spelling spelling;
    size_t id;
    int role;
    otx__find_spelling(t, &spelling);
    vocab->family = spelling.family;
    for (id = 0; id < limit; id++) {
        if (vocab->tokens[id].kind == OTX_TOKEN_NONE) continue;
        otx__finish_token(vocab, &spelling, &vocab->tokens[id]);
        vocab->count = id + 1;
    }
    for (role = 0; role < OTX_ROLE_COUNT; role++) {
        otx_token *token;
        if (vocab->roles[role] < 0) continue;
        token = &vocab->tokens[vocab->roles[role]];
        token->kind = OTX_TOKEN_CONTROL;
        token->bytes = token->content;
        token->size = token->content_size;
    }
}

/* ---- the whole ---- */

OTX__PRIVATE void otx__tokenizer_close(otx__tokenizer *t)
{
    if (t->contents.slots) otx__index_close(t->ctx, &t->contents);
    if (t->scratch_capacity) otx__free(t->ctx, t->scratch, t->scratch_capacity, 1);
    otx_json_close(t->ctx, &t->json);
    otx_json_close(t->ctx, &t->config);
    otx_json_close(t->ctx, &t->special_map);
    otx_json_close(t->ctx, &t->added);
}

OTX__PRIVATE otx_result otx__open_texts(otx__tokenizer *t, const otx_vocab_texts *texts)
{
    otx_result result;
    if (texts->tokenizer_json_size == 0)
        return otx__fail(t->error, OTX_ERROR_FORMAT, "%s: tokenizer.json is empty", t->name);
    result = otx_json_parse(t->ctx, texts->tokenizer_json, texts->tokenizer_json_size, t->name,
                            NULL, &t->json, t->error);
    if (!result)
        result = otx__open_beside(t, texts->tokenizer_config, texts->tokenizer_config_size,
                                  "tokenizer_config.json", &t->config);
    if (!result)
        result = otx__open_beside(t, texts->special_tokens_map, texts->special_tokens_map_size,
                                  "special_tokens_map.json", &t->special_map);
    if (!result)
        result = otx__open_beside(t, texts->added_tokens, texts->added_tokens_size,
                                  "added_tokens.json", &t->added);
    return result;
}

/* Reads the tokens of the model and of the two lists that add to them. */
OTX__PRIVATE otx_result otx__read_tokens(otx__tokenizer *t, otx__added_list lists[2])
{
    const uint32_t decoder = otx_json_find(&t->config, 0, "added_tokens_decoder");
    otx_result result;
    t->legacy = decoder == OTX_JSON_NONE;
    result = otx__list_added(t, &t->json, otx_json_find(&t->json, 0, "added_tokens"),
                             OTX__ADDED_LIST, "added_tokens", &lists[0]);
    if (!result && t->legacy)
        result = otx__list_added(t, &t->added, t->added.count ? 0 : OTX_JSON_NONE,
                                 OTX__ADDED_BY_NAME, "added_tokens.json", &lists[1]);
    else if (!result)
        result = otx__list_added(t, &t->config, decoder, OTX__ADDED_BY_ID,
                                 "tokenizer_config.json", &lists[1]);
    if (!result) result = otx__reserve_tokens(t, lists, 2);
    if (!result) result = otx__read_model(t);
    if (!result) result = otx__add_tokens(t, &lists[0]);
    if (!result) result = otx__add_tokens(t, &lists[1]);
    return result;
}

OTX__PRIVATE otx_result otx__read_special(otx__tokenizer *t)
{
    static const char *const keys[] = {"additional_special_tokens", "extra_special_tokens"};
    otx_result result = OTX_OK;
    size_t i;
    for (i = 0; !result && i < OTX__COUNT(keys); i++) {
        result = otx__mark_special(t, &t->config, keys[i]);
        if (!result && t->legacy) result = otx__mark_special(t, &t->special_map, keys[i]);
    }
    return result ? result : otx__read_roles(t);
}

OTX_API otx_result otx_vocab_parse(const otx_context *ctx, const otx_vocab_texts *texts,
                                   const char *name, otx_vocab *out, otx_error *error)
{
    otx__tokenizer t;
    otx__added_list lists[2];
    const char *type = NULL;
    otx_result result;
    size_t i;
    memset(&t, 0, sizeof t);
    memset(lists, 0, sizeof lists);
    memset(out, 0, sizeof *out);
    t.ctx = ctx;
    t.name = name ? name : "tokenizer.json";
    t.error = error;
    t.vocab = out;
    t.last_added = -1;
    result = otx__open_texts(&t, texts);
    if (!result) result = otx__find_model(&t, &type);
    if (!result && strcmp(type, "BPE") == 0) result = otx__check_merges(&t);
    if (!result) result = otx__read_tokens(&t, lists);
    if (!result) result = otx__read_special(&t);
    if (!result) {
        otx__finish_tokens(&t);
        out->model = type;
    } else {
        otx_vocab_close(ctx, out);
    }
    for (i = 0; i < OTX__COUNT(lists); i++)
        otx__free(ctx, lists[i].tokens, lists[i].count, sizeof *lists[i].tokens);
    otx__tokenizer_close(&t);
    return result;
}

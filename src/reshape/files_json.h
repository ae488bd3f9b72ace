/* ---- files_json: tokenizer.json and the JSON files beside it ---------------------- */

/* A file that is written anew. */
typedef struct otx__new_file {
    otx__reshaping *t;
    const otx_json *json;
    otx_json_edit *edit;
    otx__text value; /* that takes the place of one in the file */
    size_t count;    /* items or members in it so far */
    otx_error *error;
    otx_result result; /* the first failure: what follows does nothing */
} otx__new_file;

/* ---- pieces of a value ---- */

/* Decodes a string to t->scratch; nothing where the node is none, or without memory. */
OTX__PRIVATE otx__span otx__new_string(otx__new_file *f, uint32_t node)
{
    if (f->result) return otx__span_of("", 0);
    f->result = otx__reshape_room(f->t, otx__json_span(f->json, node).size + 1, f->error);
    if (f->result) return otx__span_of("", 0);
    return otx__span_of(f->t->scratch, otx_json_string(f->json, node, f->t->scratch));
}

/* A value as the file has it. */
OTX__PRIVATE void otx__new_copy(otx__new_file *f, uint32_t node)
{
    uint32_t start, end;
    otx__json_bytes(f->json, node, &start, &end);
    otx__text_bytes(&f->value, f->json->text + start, end - start);
}

/* The beginning of the next item or member. */
OTX__PRIVATE void otx__new_next(otx__new_file *f)
{
    otx__text_string(&f->value, f->count++ ? ",\n    " : "\n    ");
}

/* Ends the value that was made. */
OTX__PRIVATE void otx__new_end(otx__new_file *f, const char *close)
{
    otx__text_string(&f->value, close);
    otx__text_bytes(&f->value, "", 1);
    if (!f->result && f->value.failed) f->result = otx__fail_memory(f->error, f->value.size);
}

/* Puts it in the place of a node's. */
OTX__PRIVATE void otx__new_put(otx__new_file *f, uint32_t node, const char *close)
{
    otx__new_end(f, close);
    if (!f->result)
        f->result = otx_json_edit_replace(f->t->ctx, f->edit, node, f->value.bytes, f->error);
}

/* Gives an id of a node its new number, if it is one of a token that stays. */
OTX__PRIVATE void otx__new_put_id(otx__new_file *f, uint32_t node)
{
    char digits[16];
    uint64_t id;
    if (f->result || !otx_json_uint(f->json, node, &id) || id >= f->t->vocab.count ||
        f->t->ids[id] == OTX__GONE)
        return;
    otx__format(digits, sizeof digits, "%" PRIu32, f->t->ids[id]);
    f->result = otx_json_edit_replace(f->t->ctx, f->edit, node, digits, f->error);
}

/* ---- tokens ---- */

/* A member {"content": id} for each new token that is added, or is the model's own. */
OTX__PRIVATE void otx__append_members(otx__new_file *f, bool added)
{
    const otx__growth *g = f->t->growth;
    size_t i;
    for (i = 0; g && i < g->token_count; i++) {
        const otx__new_token *token = &g->tokens[i];
        if (token->added != added) continue;
        otx__new_next(f);
        otx__text_json_string(&f->value, g->contents.bytes + token->at, token->size);
        otx__text_format(&f->value, ": %" PRIu32, f->t->new_ids[i]);
    }
}

/* {"content": id}: of tokenizer.json, vocab.json and added_tokens.json. */
OTX__PRIVATE void otx__new_members(otx__new_file *f, uint32_t object)
{
    otx_json_iter member = otx_json_iter_of(f->json, object);
    while (otx_json_iter_next(&member)) {
        const otx__span content = otx__new_string(f, member.key);
        uint64_t declared = UINT64_MAX;
        uint32_t id;
        (void)otx_json_uint(f->json, member.value, &declared);
        id = otx__reshape_id(f->t, content.bytes, content.size, declared);
        if (id == OTX__GONE) continue;
        otx__new_next(f);
        otx__new_copy(f, member.key);
        otx__text_format(&f->value, ": %" PRIu32, id);
    }
}

OTX__PRIVATE void otx__new_words(otx__new_file *f, uint32_t object)
{
    otx__new_members(f, object);
    otx__append_members(f, false);
}

OTX__PRIVATE void otx__new_added_names(otx__new_file *f, uint32_t object)
{
    otx__new_members(f, object);
    otx__append_members(f, true);
}

/* The new tokens of the model, each with its score. */
OTX__PRIVATE void otx__append_scored(otx__new_file *f)
{
    const otx__growth *g = f->t->growth;
    size_t i;
    for (i = 0; g && i < g->token_count; i++) {
        const otx__new_token *token = &g->tokens[i];
        if (token->added) continue;
        otx__new_next(f);
        otx__text_string(&f->value, "[");
        otx__text_json_string(&f->value, g->contents.bytes + token->at, token->size);
        otx__text_string(&f->value, ", ");
        otx__text_double(&f->value, token->score);
        otx__text_string(&f->value, "]");
    }
}

/* [[content, score]], in which a token's id is its place. */
OTX__PRIVATE void otx__new_scored(otx__new_file *f, uint32_t array)
{
    otx_json_iter item = otx_json_iter_of(f->json, array);
    while (otx_json_iter_next(&item)) {
        if (item.index >= f->t->vocab.count || f->t->ids[item.index] == OTX__GONE) continue;
        otx__new_next(f);
        otx__new_copy(f, item.value);
    }
    otx__append_scored(f);
}

/* A new added token, as the two lists have it: after its id, or under it. */
OTX__PRIVATE void otx__append_added(otx__new_file *f, bool by_id)
{
    const otx__growth *g = f->t->growth;
    size_t i;
    for (i = 0; g && i < g->token_count; i++) {
        const otx__new_token *token = &g->tokens[i];
        if (!token->added) continue;
        otx__new_next(f);
        otx__text_format(&f->value, by_id ? "\"%" PRIu32 "\": {" : "{\"id\": %" PRIu32 ", ",
                         f->t->new_ids[i]);
        otx__text_string(&f->value, "\"content\": ");
        otx__text_json_string(&f->value, g->contents.bytes + token->at, token->size);
        otx__text_string(&f->value, ", \"single_word\": false, \"lstrip\": false, "
                                    "\"rstrip\": false, \"normalized\": false, "
                                    "\"special\": false}");
    }
}

/* The items of added_tokens, whose ids stand in them. */
OTX__PRIVATE void otx__new_added(otx__new_file *f, uint32_t array)
{
    otx_json_iter item = otx_json_iter_of(f->json, array);
    while (otx_json_iter_next(&item)) {
        const uint32_t node = otx_json_find(f->json, item.value, "id");
        const otx__span content =
            otx__new_string(f, otx_json_find(f->json, item.value, "content"));
        uint32_t start, end, at, after, id;
        uint64_t declared = UINT64_MAX;
        (void)otx_json_uint(f->json, node, &declared);
        id = otx__reshape_id(f->t, content.bytes, content.size, declared);
        if (id == OTX__GONE) continue;
        otx__json_bytes(f->json, item.value, &start, &end);
        otx__json_bytes(f->json, node, &at, &after);
        otx__new_next(f);
        otx__text_bytes(&f->value, f->json->text + start, at - start);
        otx__text_format(&f->value, "%" PRIu32, id);
        otx__text_bytes(&f->value, f->json->text + after, end - after);
    }
    otx__append_added(f, false);
}

/* The members of added_tokens_decoder, whose ids are their names. */
OTX__PRIVATE void otx__new_decoder(otx__new_file *f, uint32_t object)
{
    otx_json_iter member = otx_json_iter_of(f->json, object);
    while (otx_json_iter_next(&member)) {
        const otx__span content =
            otx__new_string(f, otx_json_find(f->json, member.value, "content"));
        uint64_t declared = UINT64_MAX;
        uint32_t id;
        (void)otx__id_of_key(f->json, member.key, &declared);
        id = otx__reshape_id(f->t, content.bytes, content.size, declared);
        if (id == OTX__GONE) continue;
        otx__new_next(f);
        otx__text_format(&f->value, "\"%" PRIu32 "\": ", id);
        otx__new_copy(f, member.value);
    }
    otx__append_added(f, true);
}

/* Marks the tokens of the model's own list. */
OTX__PRIVATE void otx__new_find_own(otx__new_file *f)
{
    const otx_vocab *vocab = &f->t->vocab;
    const uint32_t words = otx_json_find(f->json, otx_json_find(f->json, 0, "model"), "vocab");
    otx_json_iter member = otx_json_iter_of(f->json, words);
    while (otx_json_iter_next(&member)) {
        uint64_t id = member.index;
        if (member.key != OTX_JSON_NONE && !otx_json_uint(f->json, member.value, &id)) continue;
        if (id < vocab->count && vocab->tokens[id].kind != OTX_TOKEN_NONE) f->t->own[id] = true;
    }
}

/* ---- merges ---- */

/* Whether a merge stays: "left right" or ["left", "right"]. */
OTX__PRIVATE bool otx__merge_stays(otx__new_file *f, uint32_t node)
{
    const uint32_t one = otx_json_item(f->json, node, 0), two = otx_json_item(f->json, node, 1);
    otx__span text;
    size_t right;
    if (otx_json_type_of(f->json, node) == OTX_JSON_STRING) {
        text = otx__new_string(f, node);
        return !f->result && otx__reshape_merge_line(f->t, text.size);
    }
    text = otx__new_string(f, one);
    if (!f->result)
        f->result = otx__reshape_room(f->t, text.size + otx__json_span(f->json, two).size + 1,
                                   f->error);
    if (f->result) return false;
    right = otx_json_string(f->json, two, f->t->scratch + text.size);
    return otx__reshape_merges(f->t, text.size, right);
}

/* A content as a string of JSON, or what stands in one. */
OTX__PRIVATE void otx__put_content(otx__text *to, otx__span content, bool quotes)
{
    const size_t at = to->size;
    otx__text_json_string(to, content.bytes, content.size);
    if (quotes || to->failed) return;
    memmove(to->bytes + at, to->bytes + at + 1, to->size - at - 2);
    to->size -= 2;
}

/* The new merges, as the others are written. */
OTX__PRIVATE void otx__append_merges(otx__new_file *f, bool pairs)
{
    const otx__growth *g = f->t->growth;
    size_t i;
    for (i = 0; g && i < g->merge_count; i++) {
        const otx__span left = otx__growth_content(g, g->merges[i].left);
        const otx__span right = otx__growth_content(g, g->merges[i].right);
        otx__new_next(f);
        otx__text_string(&f->value, pairs ? "[" : "\"");
        otx__put_content(&f->value, left, pairs);
        otx__text_string(&f->value, pairs ? ", " : " ");
        otx__put_content(&f->value, right, pairs);
        otx__text_string(&f->value, pairs ? "]" : "\"");
    }
}

OTX__PRIVATE void otx__new_merge_list(otx__new_file *f, uint32_t array)
{
    otx_json_iter merge = otx_json_iter_of(f->json, array);
    bool pairs = true;
    while (otx_json_iter_next(&merge)) {
        pairs = otx_json_type_of(f->json, merge.value) == OTX_JSON_ARRAY;
        if (!otx__merge_stays(f, merge.value)) continue;
        otx__new_next(f);
        otx__new_copy(f, merge.value);
    }
    otx__append_merges(f, pairs);
}

/* ---- ids in other places ---- */

/* What tokenizer.json puts around texts, by id: {"ids": [1]} of TemplateProcessing, and
   ["</s>", 2] of BertProcessing and RobertaProcessing. `visit` sees each number. */
OTX__PRIVATE void otx__new_processor(otx__new_file *f, uint32_t processor,
                                      void (*visit)(otx__new_file *f, uint32_t node))
{
    static const char *const pairs[] = {"sep", "cls"};
    const otx_json *json = f->json;
    otx_json_iter special = otx_json_iter_of(json, otx_json_find(json, processor,
                                                                 "special_tokens"));
    size_t i;
    while (otx_json_iter_next(&special)) {
        otx_json_iter id = otx_json_iter_of(json, otx_json_find(json, special.value, "ids"));
        while (otx_json_iter_next(&id)) visit(f, id.value);
    }
    for (i = 0; i < OTX__COUNT(pairs); i++)
        visit(f, otx_json_item(json, otx_json_find(json, processor, pairs[i]), 1));
}

/* Every id of tokenizer.json outside its model. */
OTX__PRIVATE void otx__new_named_around(otx__new_file *f,
                                        void (*visit)(otx__new_file *f, uint32_t node))
{
    const otx_json *json = f->json;
    const uint32_t first = otx_json_find(json, 0, "post_processor");
    const uint32_t end = otx_json_after(json, first);
    uint32_t node;
    visit(f, otx_json_find(json, otx_json_find(json, 0, "padding"), "pad_id"));
    for (node = first; node < end; node++) /* sequences may hold sequences */
        if (otx_json_find(json, node, "type") != OTX_JSON_NONE)
            otx__new_processor(f, node, visit);
}

/* Every id of tokenizer.json outside the lists of tokens. */
OTX__PRIVATE void otx__new_named(otx__new_file *f,
                                  void (*visit)(otx__new_file *f, uint32_t node))
{
    otx__new_named_around(f, visit);
    visit(f, otx_json_find(f->json, otx_json_find(f->json, 0, "model"), "unk_id"));
}

/* ---- whole files ---- */

/* Puts a list or an object made by `make` in the place of one, if it is there. */
OTX__PRIVATE void otx__new_part(otx__new_file *f, uint32_t node,
                                 void (*make)(otx__new_file *f, uint32_t node))
{
    const otx_json_type type = otx_json_type_of(f->json, node);
    if (f->result || (type != OTX_JSON_ARRAY && type != OTX_JSON_OBJECT)) return;
    otx__text_close(&f->value);
    f->count = 0;
    otx__text_string(&f->value, type == OTX_JSON_ARRAY ? "[" : "{");
    make(f, node);
    otx__new_put(f, node, type == OTX_JSON_ARRAY ? "\n  ]" : "\n  }");
}

/* The list of added tokens, which a file may lack that gets some. */
OTX__PRIVATE void otx__new_added_list(otx__new_file *f)
{
    const uint32_t list = otx_json_find(f->json, 0, "added_tokens");
    otx__new_part(f, list, otx__new_added);
    if (otx_json_type_of(f->json, list) == OTX_JSON_ARRAY) return;
    otx__text_close(&f->value);
    f->count = 0;
    otx__text_string(&f->value, "[");
    otx__append_added(f, false);
    otx__new_end(f, "\n  ]");
    if (!f->result && f->count)
        f->result = otx_json_edit_set(f->t->ctx, f->edit, 0, "added_tokens", f->value.bytes,
                                      f->error);
}

OTX__PRIVATE void otx__new_tokenizer_json(otx__new_file *f)
{
    const otx_json *json = f->json;
    const uint32_t model = otx_json_find(json, 0, "model");
    const uint32_t words = otx_json_find(json, model, "vocab");
    otx__new_added_list(f);
    otx__new_part(f, words, otx_json_type_of(json, words) == OTX_JSON_ARRAY
                                 ? otx__new_scored : otx__new_words);
    otx__new_part(f, otx_json_find(json, model, "merges"), otx__new_merge_list);
    otx__new_named(f, otx__new_put_id);
}

OTX__PRIVATE void otx__new_tokenizer_config(otx__new_file *f)
{
    otx__new_part(f, otx_json_find(f->json, 0, "added_tokens_decoder"), otx__new_decoder);
}

OTX__PRIVATE void otx__new_vocab_json(otx__new_file *f)
{
    otx__new_part(f, 0, otx__new_words);
}

OTX__PRIVATE void otx__new_added_tokens_json(otx__new_file *f)
{
    otx__new_part(f, 0, otx__new_added_names);
}

/* Makes such a file anew from its JSON. */
OTX__PRIVATE otx_result otx__new_json(otx__reshaping *t, const otx_json *json,
                                       void (*make)(otx__new_file *f), otx__text *to,
                                       otx_error *error)
{
    otx__new_file f;
    memset(&f, 0, sizeof f);
    f.t = t;
    f.json = json;
    f.error = error;
    otx__text_open(&f.value, t->ctx);
    f.result = otx_json_edit_open(t->ctx, json, &f.edit, error);
    if (!f.result) make(&f);
    if (!f.result) f.result = otx__edit_to_text(f.edit, to, error);
    otx_json_edit_close(t->ctx, f.edit);
    otx__text_close(&f.value);
    return f.result;
}

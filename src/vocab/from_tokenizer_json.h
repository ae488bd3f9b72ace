/* ---- tokenizer.json: the vocabulary as the `tokenizers` package sees it ---- */

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

/* Finds the model, its type and its vocabulary. */
OTX__PRIVATE otx_result otx__find_model(otx__tokenizer *t)
{
    static const char *const types[] = {"BPE", "WordPiece", "WordLevel", "Unigram"};
    const otx_json *json = &t->json;
    const uint32_t version = otx_json_find(json, 0, "version");
    uint32_t node;
    size_t i;
    if (version != OTX_JSON_NONE && !otx_json_equals(json, version, "1.0"))
        return otx__fail(t->error, OTX_ERROR_UNSUPPORTED, "%s: version is not \"1.0\"",
                         t->name);
    t->model = otx_json_find(json, 0, "model");
    if (otx_json_type_of(json, t->model) != OTX_JSON_OBJECT)
        return otx__fail(t->error, OTX_ERROR_FORMAT, "%s: there is no object \"model\"",
                         t->name);
    node = otx_json_find(json, t->model, "type");
    t->type = NULL;
    for (i = 0; i < OTX__COUNT(types); i++)
        if (otx_json_equals(json, node, types[i])) t->type = types[i];
    if (node == OTX_JSON_NONE) t->type = otx__legacy_model_type(json, t->model);
    if (!t->type)
        return otx__fail(t->error, OTX_ERROR_UNSUPPORTED,
                         "%s: the model's type is %s BPE, WordPiece, WordLevel or Unigram",
                         t->name, node == OTX_JSON_NONE ? "not given, and does not look like"
                                                        : "none of");
    t->ids_by_position = strcmp(t->type, "Unigram") == 0;
    t->words = otx_json_find(json, t->model, "vocab");
    if (otx_json_type_of(json, t->words) !=
        (t->ids_by_position ? OTX_JSON_ARRAY : OTX_JSON_OBJECT))
        return otx__fail(t->error, OTX_ERROR_FORMAT,
                         "%s: the vocabulary of a %s model must be %s", t->name, t->type,
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

/* Whether a node is an array of two items of these types. */
OTX__PRIVATE bool otx__is_pair(const otx_json *json, uint32_t node, otx_json_type first,
                               otx_json_type second)
{
    otx_json_iter item = otx_json_iter_of(json, node);
    return otx_json_type_of(json, node) == OTX_JSON_ARRAY && otx_json_count(json, node) == 2 &&
           otx_json_iter_next(&item) && otx_json_type_of(json, item.value) == first &&
           otx_json_iter_next(&item) && otx_json_type_of(json, item.value) == second;
}

/* Merges make no tokens, but a file whose merges are broken is no tokenizer.
   They are all "a b" or all ["a", "b"]. */
OTX__PRIVATE otx_result otx__check_merges(otx__tokenizer *t)
{
    const otx_json *json = &t->json;
    const uint32_t merges = otx_json_find(json, t->model, "merges");
    otx_json_type wanted = OTX_JSON_NULL;
    otx_json_iter merge = otx_json_iter_of(json, merges);
    if (otx_json_type_of(json, merges) != OTX_JSON_ARRAY)
        return otx__fail(t->error, OTX_ERROR_FORMAT,
                         "%s: a BPE model must have an array \"merges\"", t->name);
    while (otx_json_iter_next(&merge)) {
        const otx_json_type type = otx_json_type_of(json, merge.value);
        bool good = type == OTX_JSON_STRING;
        if (good) {
            size_t size = 0;
            otx_result result = otx__tokenizer_string(t, json, merge.value, &size);
            if (result) return result;
            good = otx__is_merge_line(t->scratch, size);
        } else {
            good = otx__is_pair(json, merge.value, OTX_JSON_STRING, OTX_JSON_STRING);
        }
        if (merge.index == 0) wanted = type;
        if (!good || type != wanted)
            return otx__fail(t->error, OTX_ERROR_FORMAT,
                             "%s: merge %" PRIu32 " is neither \"a b\" nor [\"a\", \"b\"], or "
                             "not written as the first is", t->name, merge.index);
    }
    return OTX_OK;
}

/* ---- spelling ---- */

/* The first object of that type after node `after`, within the decoder (or
   pre-tokenizer or normalizer) `part`, in its sequences too; or OTX_JSON_NONE. */
OTX__PRIVATE uint32_t otx__find_step(const otx_json *json, uint32_t part, uint32_t after,
                                     const char *type)
{
    const uint32_t end = otx_json_after(json, part);
    uint32_t node;
    for (node = after == OTX_JSON_NONE ? part : after + 1; node < end; node++)
        if (otx_json_equals(json, otx_json_find(json, node, "type"), type)) return node;
    return OTX_JSON_NONE;
}

/* Whether the decoder takes away the suffix that ends a word and leaves no space. */
OTX__PRIVATE bool otx__is_silent(const otx_json *json, const otx__spelling *spelling)
{
    const uint32_t decoder = otx_json_find(json, 0, "decoder");
    uint32_t step = OTX_JSON_NONE;
    while ((step = otx__find_step(json, decoder, step, "Replace")) != OTX_JSON_NONE) {
        const uint32_t pattern = otx_json_find(json, step, "pattern");
        const uint32_t from = otx_json_find(json, pattern, "String");
        if (otx_json_type_of(json, from) == OTX_JSON_STRING &&
            otx__json_is_text(json, from, spelling->mark, spelling->mark_size))
            return otx_json_equals(json, otx_json_find(json, step, "content"), "");
    }
    return false;
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

/* Sets the family and its mark, if `node` is a string that is not empty and has room: as written
   it may be six times as long. */
OTX__PRIVATE bool otx__spell_with(const otx_json *json, otx__spelling *spelling,
                                  otx_family family, uint32_t node)
{
    char mark[6 * sizeof spelling->mark];
    const size_t written = otx__json_span(json, node).size;
    size_t size;
    if (otx_json_type_of(json, node) != OTX_JSON_STRING || written == 0 || written > sizeof mark)
        return false;
    size = otx_json_string(json, node, mark);
    if (size > sizeof spelling->mark) return false;
    memcpy(spelling->mark, mark, size);
    spelling->family = family;
    spelling->mark_size = size;
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
OTX__PRIVATE void otx__find_spelling(otx__tokenizer *t)
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
    otx__spelling *spelling = &t->spelling;
    size_t i;
    spelling->byte_fallback =
        otx__find_step(json, decoder, OTX_JSON_NONE, "ByteFallback") != OTX_JSON_NONE ||
        otx_json_type_of(json, otx_json_find(json, t->model, "byte_fallback")) == OTX_JSON_TRUE;
    for (i = 0; i < OTX__COUNT(parts); i++) {
        const uint32_t part = otx_json_find(json, 0, parts[i]);
        if (otx__find_step(json, part, OTX_JSON_NONE, "ByteLevel") == OTX_JSON_NONE) continue;
        spelling->family = OTX_FAMILY_BYTE_LEVEL; /* CLIP's words end with </w> */
        (void)otx__spell_with(json, spelling, OTX_FAMILY_BYTE_LEVEL,
                              otx_json_find(json, t->model, "end_of_word_suffix"));
        break;
    }
    for (i = 0; i < OTX__COUNT(places) && spelling->family == OTX_FAMILY_PLAIN; i++)
        (void)otx__spell_with(json, spelling, places[i].family,
                              otx__mark_node(json, &places[i]));
    if (spelling->family == OTX_FAMILY_BYTE_LEVEL ||
        spelling->family == OTX_FAMILY_WORD_SUFFIX)
        spelling->silent = otx__is_silent(json, spelling);
}

/* Finds what the normaliser makes of spaces. */
OTX__PRIVATE void otx__find_normal(otx__tokenizer *t)
{
    const otx_json *json = &t->json;
    const uint32_t part = otx_json_find(json, 0, "normalizer");
    const uint32_t step = otx__find_step(json, part, OTX_JSON_NONE, "Prepend");
    otx__spelling before;
    (void)otx__spell_with(json, &t->normal.spaces, OTX_FAMILY_METASPACE,
                          otx__replaced_by_space(json, part, true));
    if (!otx__spell_with(json, &before, OTX_FAMILY_PLAIN, otx_json_find(json, step, "prepend")))
        return;
    memcpy(t->normal.before, before.mark, before.mark_size);
    t->normal.before_size = before.mark_size;
}

/* ---- the reader ---- */

OTX__PRIVATE otx_result otx__tokenizer_json_open(otx__tokenizer *t)
{
    otx_result result;
    if (t->text.size == 0)
        return otx__fail(t->error, OTX_ERROR_FORMAT, "%s: tokenizer.json is empty", t->name);
    result = otx__open_own(t);
    if (!result) result = otx__find_model(t);
    if (!result && strcmp(t->type, "BPE") == 0) result = otx__check_merges(t);
    if (!result) otx__find_spelling(t);
    if (!result) otx__find_normal(t);
    t->repeat = t->ids_by_position ? OTX__REPEAT_STAYS : OTX__REPEAT_REPLACES;
    return result;
}

/* The next entry of a list of [content, score]: ids are positions. */
OTX__PRIVATE otx_result otx__next_scored(otx__tokenizer *t, otx__given *word, bool *more)
{
    const otx_json *json = &t->json;
    otx_result result;
    if (t->position == 0) t->entries = otx_json_iter_of(json, t->words);
    *more = otx_json_iter_next(&t->entries);
    if (!*more) return OTX_OK;
    if (!otx__is_pair(json, t->entries.value, OTX_JSON_STRING, OTX_JSON_NUMBER))
        return otx__fail(t->error, OTX_ERROR_FORMAT,
                         "%s: entry %" PRIu64 " of the vocabulary is not [string, number]",
                         t->name, t->position);
    result = otx__tokenizer_string(t, json, otx_json_item(json, t->entries.value, 0),
                                   &word->size);
    word->content = t->scratch;
    word->id = t->position++;
    word->kind = OTX_TOKEN_TEXT;
    word->score = otx__json_double(json, otx_json_item(json, t->entries.value, 1));
    return result;
}

OTX__PRIVATE otx_result otx__tokenizer_json_next(otx__tokenizer *t, otx__given *word,
                                                 bool *more)
{
    return t->ids_by_position ? otx__next_scored(t, word, more)
                              : otx__next_member(t, word, more);
}

/* The id that the model itself names as unknown. */
OTX__PRIVATE otx_result otx__tokenizer_json_roles(otx__tokenizer *t)
{
    const uint32_t content =
        otx__content_node(&t->json, otx_json_find(&t->json, t->model, "unk_token"));
    const uint32_t number = otx_json_find(&t->json, t->model, "unk_id");
    uint64_t position;
    if (content != OTX_JSON_NONE && !t->ids_by_position)
        return otx__find_content(t, &t->json, content, &t->fallback[OTX_ROLE_UNK]);
    if (!t->ids_by_position || otx_json_type_of(&t->json, number) == OTX_JSON_NULL)
        return OTX_OK;
    if (!otx_json_uint(&t->json, number, &position) || position >= t->model_size)
        return otx__fail(t->error, OTX_ERROR_FORMAT,
                         "%s: unk_id is not the position of one of the %" PRIu64 " tokens",
                         t->name, (uint64_t)t->model_size);
    t->fallback[OTX_ROLE_UNK] = (int64_t)position;
    return OTX_OK;
}

/* ---- config.json and generation_config.json, edited --------------------- */

/* ---- sizes, tying, classes ---- */

/* Whether a member of a level says how large the vocabulary is: vocab_size whatever it
   says, and other names with that in them (padded_vocab_size, decoder_vocab_size) if
   they say as much. */
OTX__PRIVATE bool otx__config_is_size(const otx__config_edit *e, const otx_json_iter *member)
{
    const otx_json *json = member->json;
    uint64_t size;
    size_t i;
    if (!otx_json_uint(json, member->value, &size)) return false;
    for (i = 0; i < OTX__COUNT(otx__size_keys); i++)
        if (otx_json_equals(json, member->key, otx__size_keys[i])) return true;
    return size == e->plan->base->parts.rows &&
           otx__span_contains(otx__json_span(json, member->key), OTX__KEY_VOCAB_SIZE);
}

OTX__PRIVATE otx_result otx__config_edit_sizes(otx__config_edit *e)
{
    const uint64_t rows = e->plan->base->parts.rows;
    otx__levels levels = otx__vocabulary_levels(e->document, rows);
    otx_result result = OTX_OK;
    bool present = false;
    char value[32];
    otx__format(value, sizeof value, "%" PRIu64, (uint64_t)e->plan->alignment->count);
    while (!result && otx__levels_next(&levels)) {
        otx_json_iter member = otx_json_iter_of(&e->document->json, levels.node);
        while (!result && otx_json_iter_next(&member)) {
            if (!otx__config_is_size(e, &member)) continue;
            present = true;
            result = otx_json_edit_replace(e->plan->ctx, e->edit, member.value, value,
                                           e->error);
        }
    }
    if (!result && !present)
        result = otx__config_set(e, otx__vocabulary_home(e->document, rows),
                                 OTX__KEY_VOCAB_SIZE, value);
    return result;
}

/* The type that the rest of the model is in. Without a word on it loaders take that of
   the first tensor, which may now be a matrix in another type. */
OTX__PRIVATE otx_result otx__config_edit_dtype(otx__config_edit *e)
{
    const otx_dtype old = e->plan->base->parts.embedding->tensor->dtype;
    otx__levels levels = otx__all_levels(e->document);
    size_t i;
    if (e->plan->dtype == OTX_DTYPE_NONE || e->plan->dtype == old) return OTX_OK;
    while (otx__levels_next(&levels))
        for (i = 0; i < OTX__COUNT(otx__dtype_keys); i++)
            if (otx__levels_find(&levels, otx__dtype_keys[i]) != OTX_JSON_NONE) return OTX_OK;
    for (i = 0; i < OTX__COUNT(otx__dtype_words); i++)
        if (otx__dtype_words[i].dtype == old)
            return otx__config_set(e, 0, OTX__KEY_NEW_DTYPE, otx__dtype_words[i].word);
    return OTX_OK;
}

/* Makes the flag say what is written. Two matrices: false on the root and on the
   nested level, whether the flag was there or not, as the defaults of the classes
   differ. One matrix: true where the flag says otherwise, and on both levels if a
   second copy is dropped or the type of the model would have a head of its own; else the
   base had the flag or the default it needs. An encoder's head (decoder.weight) keeps the
   flag, which ties its biases too. */
OTX__PRIVATE otx_result otx__config_edit_tie(otx__config_edit *e)
{
    const otx__parts *parts = &e->plan->base->parts;
    otx__levels levels = otx__vocabulary_levels(e->document, parts->rows);
    otx__tie_flag flag = otx__config_tie_flag(e->document);
    bool silent = !flag.said_true && !flag.said_false, needed;
    otx_result result = OTX_OK;
    if (!parts->tied && otx__name_is_encoder_head(parts->head->tensor)) return OTX_OK;
    needed = parts->head || (silent && otx__config_unties(e->document) &&
                             otx__config_has_head(e->document));
    while (!result && otx__levels_next(&levels)) {
        otx_json_type type = otx_json_type_of(&e->document->json,
                                              otx__levels_find(&levels, OTX__KEY_TIE));
        otx_json_type wanted = parts->tied ? OTX_JSON_TRUE : OTX_JSON_FALSE;
        bool said = type == OTX_JSON_TRUE || type == OTX_JSON_FALSE;
        if (said ? type == wanted : parts->tied && !needed) continue;
        result = otx__config_set(e, levels.node, OTX__KEY_TIE, parts->tied ? "true" : "false");
    }
    return result;
}

/* Appends a node of a document as it stands there, with all that is in it. */
OTX__PRIVATE void otx__config_raw(otx__text *to, const otx_json *json, uint32_t node)
{
    uint32_t start, end;
    otx__json_bytes(json, node, &start, &end);
    otx__text_bytes(to, json->text + start, end - start);
}

/* The donor's code for its tokenizer is named where the donor names it: a config.json that
   names some is followed where tokenizer_config.json names none. What the base has for its
   own tokenizer is named no more. */
OTX__PRIVATE otx_result otx__config_edit_code(otx__config_edit *e)
{
    const otx__document *donor = &e->plan->donor->config;
    uint32_t map = otx_json_find(&e->document->json, 0, OTX__KEY_AUTO_MAP);
    uint32_t given = otx_json_find(&donor->json, otx__document_root(donor), OTX__KEY_AUTO_MAP);
    uint32_t theirs = otx_json_find(&donor->json, given, OTX__KEY_AUTO_TOKENIZER);
    bool ours = otx_json_find(&e->document->json, map, OTX__KEY_AUTO_TOKENIZER) !=
                OTX_JSON_NONE;
    bool object = otx_json_type_of(&e->document->json, map) == OTX_JSON_OBJECT;
    otx_result result;
    otx__text value;
    if (theirs == OTX_JSON_NONE && !ours) return OTX_OK;
    otx__text_open(&value, e->plan->ctx);
    if (theirs != OTX_JSON_NONE && !object)
        otx__text_string(&value, "{\"" OTX__KEY_AUTO_TOKENIZER "\": ");
    if (theirs == OTX_JSON_NONE) otx__text_string(&value, "null");
    else otx__config_raw(&value, &donor->json, theirs);
    if (theirs != OTX_JSON_NONE && !object) otx__text_string(&value, "}");
    result = object ? otx__config_set_text(e, map, OTX__KEY_AUTO_TOKENIZER, &value)
                    : otx__config_set_text(e, 0, OTX__KEY_AUTO_MAP, &value);
    otx__text_close(&value);
    return result;
}

/* The class of the tokenizer is the donor's from now on. */
OTX__PRIVATE otx_result otx__config_edit_classes(otx__config_edit *e)
{
    const otx_json *json = &e->document->json;
    const otx__document *sources[2];
    uint32_t node = otx_json_find(json, 0, OTX__KEY_TOKENIZER_CLASS);
    otx_result result = OTX_OK;
    otx__text value;
    size_t i;
    sources[0] = &e->plan->donor->tokenizer;
    sources[1] = &e->plan->donor->config;
    otx__text_open(&value, e->plan->ctx);
    if (otx_json_type_of(json, node) == OTX_JSON_STRING) {
        for (i = 0; i < OTX__COUNT(sources) && value.size == 0; i++) {
            node = otx_json_find(&sources[i]->json, otx__document_root(sources[i]),
                                 OTX__KEY_TOKENIZER_CLASS);
            if (otx_json_type_of(&sources[i]->json, node) == OTX_JSON_STRING)
                otx__config_raw(&value, &sources[i]->json, node);
        }
        if (value.size == 0) otx__text_string(&value, "null");
        result = otx__config_set_text(e, 0, OTX__KEY_TOKENIZER_CLASS, &value);
    }
    otx__text_close(&value);
    return result;
}

/* ---- the two files ---- */

OTX__PRIVATE bool otx__text_sink_write(void *context, const void *bytes, size_t size)
{
    otx__text *text = (otx__text *)context;
    otx__text_bytes(text, bytes, size);
    return !text->failed;
}

/* Appends the edited document to `out`. */
OTX__PRIVATE otx_result otx__edit_to_text(otx_json_edit *edit, otx__text *out, otx_error *error)
{
    otx_result result;
    otx_sink sink;
    sink.write = otx__text_sink_write;
    sink.context = out;
    result = otx_json_edit_write(edit, &sink, error);
    return out->failed ? otx__fail_memory(error, out->size) : result;
}

/* Appends the edited file to `out`. */
OTX__PRIVATE otx_result otx__config_edit_file(otx__config_plan *plan,
                                              const otx__document *document, const char *name,
                                              bool generation, otx__text *out, otx_error *error)
{
    otx__config_edit e;
    otx_result result;
    memset(&e, 0, sizeof e);
    e.plan = plan;
    e.document = document;
    e.name = name;
    e.generation = generation;
    e.error = error;
    result = otx_json_edit_open(plan->ctx, &document->json, &e.edit, error);
    if (result) return result;
    result = otx__config_edit_specials(&e);
    if (!result) result = otx__config_edit_other_ids(&e);
    if (!result) result = otx__config_edit_lists(&e);
    if (!result && !generation) result = otx__config_edit_sizes(&e);
    if (!result && !generation) result = otx__config_edit_tie(&e);
    if (!result && !generation) result = otx__config_edit_dtype(&e);
    if (!result && !generation) result = otx__config_edit_classes(&e);
    if (!result && !generation) result = otx__config_edit_code(&e);
    if (!result) result = otx__edit_to_text(e.edit, out, error);
    otx_json_edit_close(plan->ctx, e.edit);
    return result;
}

/* A base without a generation_config.json needs one only if the donor ends its
   texts with several tokens: config.json keeps one eos for readers that expect
   no list. */
OTX__PRIVATE otx_result otx__config_new_generation(const otx__config_plan *plan, otx__text *out,
                                                   otx_error *error)
{
    const otx__document *donor = &plan->donor->generation;
    uint32_t eos = otx_json_find(&donor->json, otx__document_root(donor), "eos_token_id");
    size_t i, members = 0;
    if (otx_json_type_of(&donor->json, eos) != OTX_JSON_ARRAY) return OTX_OK;
    otx__text_string(out, "{");
    for (i = 0; i < OTX__COUNT(otx__specials); i++) {
        size_t start = out->size;
        if (!otx__specials[i].add) continue;
        otx__text_format(out, "%s\n  \"%s\": ", members ? "," : "", otx__specials[i].key);
        if (otx__config_special(plan, &otx__specials[i], true, NULL, OTX_JSON_NONE, out))
            members++;
        else if (!out->failed)
            out->size = start;
    }
    otx__text_string(out, "\n}\n");
    return out->failed ? otx__fail_memory(error, out->size) : OTX_OK;
}

/* What the tokenizer promises against what the model can hold. */
OTX__PRIVATE void otx__config_check_length(const otx__config_plan *plan)
{
    const otx__document *tokenizer = &plan->donor->tokenizer;
    uint64_t donor = 0, base = 0;
    if (!otx_json_uint(&tokenizer->json, otx_json_find(&tokenizer->json,
                                                       otx__document_root(tokenizer),
                                                       OTX__KEY_LENGTH), &donor))
        return;
    if (otx__config_says(&plan->base->config, OTX__KEY_POSITIONS, donor, &base) || base == 0)
        return;
    otx__log(plan->ctx, OTX_WARNING,
             "the donor's tokenizer_config.json says \"model_max_length\": %" PRIu64
             ", the base's config.json \"max_position_embeddings\": %" PRIu64, donor, base);
}

/* Edits both files for the new vocabulary. `generation` stays empty if none is to
   be written. */
OTX__PRIVATE otx_result otx__config_make(otx__config_plan *plan, otx__text *config,
                                         otx__text *generation, otx_error *error)
{
    otx_result result = otx__config_find_heirs(plan, error);
    if (!result)
        result = otx__config_edit_file(plan, &plan->base->config, "config.json", false, config,
                                       error);
    if (!result && plan->base->generation.present)
        result = otx__config_edit_file(plan, &plan->base->generation, "generation_config.json",
                                       true, generation, error);
    else if (!result)
        result = otx__config_new_generation(plan, generation, error);
    if (!result) otx__config_check_length(plan);
    otx__free(plan->ctx, plan->heirs, plan->heir_count, sizeof *plan->heirs);
    plan->heirs = NULL;
    return result;
}

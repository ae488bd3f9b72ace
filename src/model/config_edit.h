/* ---- config.json and generation_config.json, edited --------------------- */

/* ---- sizes ---- */

/* A size, changed whatever it says in an object about the vocabulary, but vocab_size beside
   another that is the text's; a weaker one only where it says as much. */
OTX__PRIVATE otx_result otx__config_edit_size(otx__config_edit *e, const otx__members *at)
{
    uint64_t size;
    if (!otx_json_uint(at->json, at->value, &size)) return OTX_OK;
    if (e->plan->draft_rows && otx_json_equals(at->json, at->key, OTX__KEY_DRAFT_SIZE))
        return OTX_OK; /* otx__config_edit_draft has it */
    if (!otx__members_has_size(at) &&
        (!at->ours || at->kind == OTX__MEMBER_SIZE_IF ||
         (otx_json_equals(at->json, at->key, OTX__KEY_VOCAB_SIZE) &&
          otx_json_find(at->json, at->object, OTX__KEY_TEXT_SIZE) != OTX_JSON_NONE)))
        return OTX_OK;
    e->sized = true;
    otx__text_format(&e->value, "%" PRIu64, (uint64_t)e->plan->alignment->count);
    return otx__config_put(e, at->value);
}

/* Nothing is rounded any more: the rows are as many as the size says. */
OTX__PRIVATE otx_result otx__config_edit_rounding(otx__config_edit *e, const otx__members *at)
{
    uint64_t multiple;
    if (!at->ours || !otx_json_uint(at->json, at->value, &multiple)) return OTX_OK;
    otx__text_string(&e->value, "1");
    return otx__config_put(e, at->value);
}

OTX__PRIVATE otx_result otx__config_refuse(const otx__config_edit *e, const otx__members *at)
{
    otx_json_type type = otx_json_type_of(at->json, at->value);
    char key[OTX__QUOTED];
    uint64_t number;
    if (type == OTX_JSON_NULL || type == OTX_JSON_FALSE ||
        (otx_json_uint(at->json, at->value, &number) && number == 0))
        return OTX_OK;
    return otx__fail(e->error, OTX_ERROR_UNSUPPORTED,
                     "%s/%s: \"%s\" %s, which cannot be carried over to another vocabulary",
                     e->plan->base->path, e->name, otx__quote_node(key, at->json, at->key),
                     at->rule->why);
}

/* ---- all members ---- */

OTX__PRIVATE otx_result otx__config_edit_member(otx__config_edit *e, const otx__members *at)
{
    switch (at->kind) {
    case OTX__MEMBER_SPECIAL: return otx__config_edit_special(e, at);
    case OTX__MEMBER_ID: return otx__config_edit_ids(e, at);
    case OTX__MEMBER_LIST:
    case OTX__MEMBER_LISTS:
    case OTX__MEMBER_PAIRS:
    case OTX__MEMBER_OTHER_FORM: return otx__config_edit_list(e, at);
    case OTX__MEMBER_MAP:
    case OTX__MEMBER_MAP_BACK: return otx__config_edit_map(e, at);
    default: break;
    }
    if (e->generation) return OTX_OK;
    switch (at->kind) {
    case OTX__MEMBER_FIRST: return otx__config_edit_range(e, at);
    case OTX__MEMBER_SIZE:
    case OTX__MEMBER_SIZE_IF: return otx__config_edit_size(e, at);
    case OTX__MEMBER_ROUNDING: return otx__config_edit_rounding(e, at);
    case OTX__MEMBER_REFUSED: return otx__config_refuse(e, at);
    default: return OTX_OK;
    }
}

/* Every id and every size that the file has, and those that it must have. */
OTX__PRIVATE otx_result otx__config_edit_members(otx__config_edit *e)
{
    const otx__side *base = e->plan->base;
    otx_result result = OTX_OK;
    otx__members at;
    otx__members_open(&at, e->document, &base->config,
                      otx__config_size(&base->config, base->parts.rows));
    while (!result && otx__members_next(&at)) result = otx__config_edit_member(e, &at);
    if (!result) result = otx__config_add_specials(e);
    if (result || e->generation || e->sized) return result;
    otx__text_format(&e->value, "%" PRIu64, (uint64_t)e->plan->alignment->count);
    return otx__config_put_under(e, otx__vocabulary_home(e->document, base->parts.rows),
                                 OTX__KEY_VOCAB_SIZE);
}

/* ---- types, tying, classes ---- */

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
            return otx_json_edit_set(e->plan->ctx, e->edit, 0, OTX__KEY_NEW_DTYPE,
                                     otx__dtype_words[i].word, e->error);
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
    const bool tied = parts->tied && !e->plan->draft_rows; /* a draft's head is its own */
    otx_result result = OTX_OK;
    if (!parts->tied && otx__name_is_encoder_head(parts->head->tensor)) return OTX_OK;
    needed = parts->head || (silent && otx__config_unties(e->document) &&
                             otx__config_has_head(e->document));
    while (!result && otx__levels_next(&levels)) {
        otx_json_type type = otx_json_type_of(&e->document->json,
                                              otx__levels_find(&levels, OTX__KEY_TIE));
        otx_json_type wanted = tied ? OTX_JSON_TRUE : OTX_JSON_FALSE;
        bool said = type == OTX_JSON_TRUE || type == OTX_JSON_FALSE;
        if (said ? type == wanted : tied && !needed) continue;
        result = otx_json_edit_set(e->plan->ctx, e->edit, levels.node, OTX__KEY_TIE,
                                   tied ? "true" : "false", e->error);
    }
    return result;
}

/* How many rows a draft's head has, where its readers look for that. */
OTX__PRIVATE otx_result otx__config_edit_draft(otx__config_edit *e)
{
    if (!e->plan->draft_rows) return OTX_OK;
    otx__text_format(&e->value, "%" PRIu64, e->plan->draft_rows);
    return otx__config_put_under(e, 0, OTX__KEY_DRAFT_SIZE);
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
    if (e->plan->same_class || (theirs == OTX_JSON_NONE && !ours)) return OTX_OK;
    if (theirs != OTX_JSON_NONE && !object)
        otx__text_string(&e->value, "{\"" OTX__KEY_AUTO_TOKENIZER "\": ");
    if (theirs == OTX_JSON_NONE) otx__text_string(&e->value, "null");
    else otx__config_raw(&e->value, &donor->json, theirs);
    if (theirs != OTX_JSON_NONE && !object) otx__text_string(&e->value, "}");
    return object ? otx__config_put_under(e, map, OTX__KEY_AUTO_TOKENIZER)
                  : otx__config_put_under(e, 0, OTX__KEY_AUTO_MAP);
}

/* The class of the tokenizer is the donor's from now on. One that the donor's config.json
   alone names is named even where the base's names none. */
OTX__PRIVATE otx_result otx__config_edit_classes(otx__config_edit *e)
{
    const otx_json *json = &e->document->json;
    const otx__document *sources[2];
    uint32_t node = otx_json_find(json, 0, OTX__KEY_TOKENIZER_CLASS);
    size_t i;
    sources[0] = &e->plan->donor->tokenizer;
    sources[1] = &e->plan->donor->config;
    if (e->plan->same_class ||
        (otx_json_type_of(json, node) != OTX_JSON_STRING &&
         (otx__document_word(sources[0], OTX__KEY_TOKENIZER_CLASS).size > 0 ||
          otx__document_word(sources[1], OTX__KEY_TOKENIZER_CLASS).size == 0)))
        return OTX_OK;
    for (i = 0; i < OTX__COUNT(sources) && e->value.size == 0; i++) {
        node = otx_json_find(&sources[i]->json, otx__document_root(sources[i]),
                             OTX__KEY_TOKENIZER_CLASS);
        if (otx_json_type_of(&sources[i]->json, node) == OTX_JSON_STRING)
            otx__config_raw(&e->value, &sources[i]->json, node);
    }
    if (e->value.size == 0) otx__text_string(&e->value, "null");
    return otx__config_put_under(e, 0, OTX__KEY_TOKENIZER_CLASS);
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
    e.keep_pad = otx__config_follows(&plan->base->config, OTX__PAD_IS_POSITION);
    result = otx_json_edit_open(plan->ctx, &document->json, &e.edit, error);
    if (result) return result;
    otx__text_open(&e.value, plan->ctx);
    result = otx__config_edit_members(&e);
    if (!result && !generation) result = otx__config_edit_tie(&e);
    if (!result && !generation) result = otx__config_edit_draft(&e);
    if (!result && !generation) result = otx__config_edit_dtype(&e);
    if (!result && !generation) result = otx__config_edit_classes(&e);
    if (!result && !generation) result = otx__config_edit_code(&e);
    if (!result) result = otx__edit_to_text(e.edit, out, error);
    otx__text_close(&e.value);
    otx_json_edit_close(plan->ctx, e.edit);
    return result;
}

/* Of what generation goes by: readers take it from config.json only where there is no
   generation_config.json. */
static const char *const otx__generation_keys[] = {
    "decoder_start_token_id", "forced_bos_token_id", "forced_eos_token_id", "suppress_tokens",
    "begin_suppress_tokens",  "bad_words_ids",       "max_length",          "num_beams",
    "do_sample",              "temperature",         "top_k",               "top_p",
    "repetition_penalty",     "length_penalty",      "early_stopping",      "no_repeat_ngram_size",
    "task_specific_params",
};

OTX__PRIVATE bool otx__config_has_generation(const otx__document *config)
{
    const otx_json *json = &config->json;
    const uint32_t root = otx__document_root(config);
    size_t i;
    for (i = 0; i < OTX__COUNT(otx__generation_keys); i++)
        if (otx_json_type_of(json, otx_json_find(json, root, otx__generation_keys[i])) !=
            OTX_JSON_NULL)
            return true;
    return false;
}

/* Whether the donor's generation_config.json ends texts otherwise than config.json will say:
   with several tokens, as that keeps one for readers that expect no list, or with another.
   A text that could not grow is told of by `out`. */
OTX__PRIVATE bool otx__config_ends_otherwise(const otx__config_plan *plan,
                                             const otx__special *eos, otx__text *out)
{
    otx__text one, other;
    bool differs = false;
    otx__text_open(&one, plan->ctx);
    otx__text_open(&other, plan->ctx);
    if (otx__config_donor_ids(plan, &plan->donor->generation, eos->key, &one)) {
        (void)otx__config_special(plan, eos, false, NULL, OTX_JSON_NONE, &other);
        if (one.failed || other.failed) out->failed = true;
        else differs = *one.bytes == '[' ||
                       (!otx__same_bytes(one.bytes, one.size, other.bytes, other.size) &&
                        !otx__config_has_generation(&plan->base->config));
    }
    otx__text_close(&one);
    otx__text_close(&other);
    return differs;
}

/* A base without a generation_config.json needs one only if the donor's ends texts
   otherwise. */
OTX__PRIVATE otx_result otx__config_new_generation(const otx__config_plan *plan, otx__text *out,
                                                   otx_error *error)
{
    const otx__special *eos = otx__special_of(otx__span_of("eos_token_id", 12));
    size_t i, members = 0;
    if (otx__special_is_foreign(plan, eos, &plan->base->config, 0) ||
        !otx__config_ends_otherwise(plan, eos, out))
        return out->failed ? otx__fail_memory(error, out->size) : OTX_OK;
    otx__text_string(out, "{");
    for (i = 0; i < OTX__COUNT(otx__specials); i++) {
        size_t start = out->size;
        if (!otx__specials[i].add ||
            otx__special_is_foreign(plan, &otx__specials[i], &plan->base->config, 0))
            continue;
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
    otx_result result = otx__processor_check(plan->ctx, plan->base, plan->donor,
                                             &plan->processor, error);
    if (!result) result = otx__config_find_heirs(plan, error);
    if (!result)
        result = otx__config_edit_file(plan, &plan->base->config, "config.json", false, config,
                                       error);
    if (!result && plan->base->generation.present)
        result = otx__config_edit_file(plan, &plan->base->generation, "generation_config.json",
                                       true, generation, error);
    else if (!result)
        result = otx__config_new_generation(plan, generation, error);
    if (!result) otx__config_check_length(plan);
    otx__config_plan_close(plan);
    return result;
}

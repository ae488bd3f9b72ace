/* ---- config.json and generation_config.json, edited --------------------- */

/* ---- sizes, tying, classes ---- */

/* Whether a member of a level says how large the vocabulary is: vocab_size whatever it
   says, and other names with that in them (padded_vocab_size, decoder_vocab_size) if
   they say as much. */
OTX__PRIVATE bool otx__config_is_size(const otx__config_edit *e, uint32_t key)
{
    const otx_json *json = &e->document->json;
    const otx_json_node *name = &json->nodes[key];
    uint64_t size;
    if (!otx_json_uint(json, key + 1, &size)) return false;
    return otx_json_equals(json, key, "vocab_size") ||
           otx_json_equals(json, key, "padded_vocab_size") ||
           (size == e->plan->model->rows &&
            otx__span_has(json->text + name->start, name->end - name->start, "vocab_size"));
}

OTX__PRIVATE otx_result otx__config_edit_sizes(otx__config_edit *e)
{
    const otx_json *json = &e->document->json;
    otx__levels levels = otx__vocabulary_levels(e->document, e->plan->model->rows);
    otx_result result = OTX_OK;
    bool present = false;
    char value[32];
    uint32_t key, i;
    size_t at;
    otx__format(value, sizeof value, "%" PRIu64, (uint64_t)e->plan->alignment->count);
    for (at = 0; at < levels.count; at++) {
        key = levels.nodes[at] + 1;
        for (i = 0; i < json->nodes[levels.nodes[at]].count && !result; i++) {
            if (otx__config_is_size(e, key)) {
                present = true;
                result = otx_json_edit_replace(e->plan->ctx, e->edit, key + 1, value, e->error);
            }
            key = json->nodes[key + 1].next;
        }
    }
    if (!result && !present)
        result = otx__config_set(e, otx__vocabulary_home(e->document, e->plan->model->rows),
                                 "vocab_size", value);
    return result;
}

/* The type that the rest of the model is in. Without a word on it loaders take that of
   the first tensor, which may now be a matrix in another type. */
OTX__PRIVATE otx_result otx__config_edit_dtype(otx__config_edit *e)
{
    static const struct {
        otx_dtype dtype;
        const char *name;
    } names[] = {{OTX_F32, "\"float32\""}, {OTX_F16, "\"float16\""},
                 {OTX_BF16, "\"bfloat16\""}, {OTX_F64, "\"float64\""}};
    const otx_dtype old = e->plan->model->embedding->tensor->dtype;
    otx__levels levels = otx__config_levels(e->document);
    size_t i;
    if (!e->plan->dtype || e->plan->dtype == old) return OTX_OK;
    for (i = 0; i < levels.count; i++)
        if (otx_json_find(&e->document->json, levels.nodes[i], "dtype") != OTX_JSON_NONE ||
            otx_json_find(&e->document->json, levels.nodes[i], "torch_dtype") != OTX_JSON_NONE)
            return OTX_OK;
    for (i = 0; i < OTX__COUNT(names); i++)
        if (names[i].dtype == old) return otx__config_set(e, 0, "torch_dtype", names[i].name);
    return OTX_OK;
}

/* Makes the flag say what is written. Two matrices: false on the root and on the
   nested level, whether the flag was there or not, as the defaults of the classes
   differ. One matrix: true where the flag says otherwise, and on both levels if a
   second copy is dropped; else the base had the flag or the default it needs. An
   encoder's head (decoder.weight) keeps the flag, which ties its biases too. */
OTX__PRIVATE otx_result otx__config_edit_tie(otx__config_edit *e)
{
    const otx__model *model = e->plan->model;
    otx__levels levels = otx__vocabulary_levels(e->document, model->rows);
    otx_result result = OTX_OK;
    size_t i;
    if (!model->tied && otx__name_ends(model->head->tensor, "decoder", "weight")) return OTX_OK;
    for (i = 0; i < levels.count && !result; i++) {
        uint32_t node =
            otx_json_find(&e->document->json, levels.nodes[i], "tie_word_embeddings");
        otx_json_type type = otx_json_type_of(&e->document->json, node);
        otx_json_type wanted = model->tied ? OTX_JSON_TRUE : OTX_JSON_FALSE;
        bool said = type == OTX_JSON_TRUE || type == OTX_JSON_FALSE;
        if (said ? type == wanted : model->tied && !model->head) continue;
        result = otx__config_set(e, levels.nodes[i], "tie_word_embeddings",
                                 model->tied ? "true" : "false");
    }
    return result;
}

/* Appends a JSON string node of a document as JSON, quotes included. */
OTX__PRIVATE void otx__config_quote(otx__text *to, const otx_json *json, uint32_t node)
{
    otx__text_string(to, "\"");
    otx__text_bytes(to, json->text + json->nodes[node].start,
                    json->nodes[node].end - json->nodes[node].start);
    otx__text_string(to, "\"");
}

/* The class of the tokenizer is the donor's from now on; code that only the base
   brings for its own tokenizer is named no more. */
OTX__PRIVATE otx_result otx__config_edit_classes(otx__config_edit *e)
{
    const otx_json *json = &e->document->json;
    const otx__document *sources[2];
    uint32_t map = otx_json_find(json, 0, "auto_map");
    uint32_t node = otx_json_find(json, 0, "tokenizer_class");
    otx_result result = OTX_OK;
    otx__text value;
    size_t i;
    sources[0] = e->plan->donor_tokenizer;
    sources[1] = e->plan->donor;
    otx__text_open(&value, e->plan->ctx);
    if (otx_json_type_of(json, node) == OTX_JSON_STRING) {
        for (i = 0; i < OTX__COUNT(sources) && value.size == 0; i++) {
            node = otx_json_find(&sources[i]->json, otx__document_root(sources[i]),
                                 "tokenizer_class");
            if (otx_json_type_of(&sources[i]->json, node) == OTX_JSON_STRING)
                otx__config_quote(&value, &sources[i]->json, node);
        }
        if (value.size == 0) otx__text_string(&value, "null");
        result = otx__config_set_text(e, 0, "tokenizer_class", &value);
    }
    if (!result && otx_json_find(json, map, "AutoTokenizer") != OTX_JSON_NONE)
        result = otx__config_set(e, map, "AutoTokenizer", "null");
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
    const otx__document *donor = plan->donor_generation;
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
    uint64_t donor = 0, base = 0;
    if (!otx_json_uint(&plan->donor_tokenizer->json,
                       otx_json_find(&plan->donor_tokenizer->json,
                                     otx__document_root(plan->donor_tokenizer),
                                     "model_max_length"), &donor))
        return;
    if (otx__config_says(plan->base, "max_position_embeddings", donor, &base) || base == 0)
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
        result = otx__config_edit_file(plan, plan->base, "config.json", false, config, error);
    if (!result && plan->base_generation->present)
        result = otx__config_edit_file(plan, plan->base_generation, "generation_config.json",
                                       true, generation, error);
    else if (!result)
        result = otx__config_new_generation(plan, generation, error);
    if (!result) otx__config_check_length(plan);
    otx__free(plan->ctx, plan->heirs, plan->base_vocab->count, sizeof *plan->heirs);
    plan->heirs = NULL;
    return result;
}

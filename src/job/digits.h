/* ---- digits: where the two tokenizers cut numbers differently ------------------- */

/* The body of a model counts with the pieces of numbers that it was trained on. Given others
   it does arithmetic worse, whatever their rows: arXiv 2506.06607 calls it the critical
   challenge of a transplant. */

/* "digit by digit", or "in pieces of up to 3 digits". */
OTX__PRIVATE const char *otx__digits_text(char to[48], size_t digits)
{
    if (digits == 1) return strcpy(to, "digit by digit");
    otx__format(to, 48, "in pieces of up to %" PRIu64 " digits", (uint64_t)digits);
    return to;
}

/* Where pieces are long, the most frequent numbers are tokens, and others are cut anyhow. */
#define OTX__MANY_DIGITS 4

/* Whether two vocabularies cut numbers alike, as far as they show. */
OTX__PRIVATE bool otx__digits_alike(const otx_vocab *one, const otx_vocab *other)
{
    return one->digits == other->digits || one->digits == 0 || other->digits == 0 ||
           (one->digits >= OTX__MANY_DIGITS && other->digits >= OTX__MANY_DIGITS);
}

OTX__PRIVATE void otx__digits_warn(const otx_job *job)
{
    const otx_vocab *base = &job->base.vocab, *donor = &job->donor.vocab;
    char ours[48], theirs[48];
    if (otx__digits_alike(base, donor)) return;
    otx__log(&job->ctx, OTX_WARNING, "%s reads numbers %s, %s %s: %s, and the model will be worse "
             "at arithmetic%s", job->base.path, otx__digits_text(ours, base->digits),
             job->donor.path, otx__digits_text(theirs, donor->digits),
             donor->digits > base->digits ? "rows of longer ones are combinations"
                                          : "texts will have shorter ones than it counts with",
             base->digits == 1 ? "; --split-digits keeps single digits" : "");
}

/* ---- single digits: what is put behind the donor's pre-tokenizer ---- */

/* It stands last, so that whatever has no digit in it is cut as it was: before the others,
   spaces in front of a number would be cut otherwise, and steps that mark the beginning of a
   text would mark every digit. */
#define OTX__DIGIT_STEP "{\"type\": \"Split\", \"pattern\": {\"Regex\": \"[0-9]\"}, " \
                        "\"behavior\": \"Isolated\", \"invert\": false}"

/* A digit that the vocabulary has no token for by itself, or 0. */
OTX__PRIVATE char otx__digit_missing(const otx_vocab *vocab)
{
    bool has[10] = {false};
    size_t i;
    for (i = 0; i < vocab->count; i++) {
        const otx_token *token = &vocab->tokens[i];
        if (token->size == 1 && otx__is_digit(*token->bytes) && otx__number_digits(token))
            has[*token->bytes - '0'] = true;
    }
    for (i = 0; i < OTX__COUNT(has); i++)
        if (!has[i]) return (char)('0' + i);
    return 0;
}

/* Whether the model marks how a token stands in its word: each digit would be a word. */
OTX__PRIVATE bool otx__marks_words(const otx_json *json)
{
    static const char *const keys[] = {"continuing_subword_prefix", "end_of_word_suffix"};
    const uint32_t model = otx_json_find(json, 0, "model");
    size_t i;
    for (i = 0; i < OTX__COUNT(keys); i++) {
        const uint32_t node = otx_json_find(json, model, keys[i]);
        if (otx_json_type_of(json, node) == OTX_JSON_STRING && otx__json_span(json, node).size)
            return true;
    }
    return false;
}

/* What keeps the donor's tokenizer from cutting single digits, or NULL. */
OTX__PRIVATE const char *otx__digits_refusal(const otx_job *job, char to[OTX__QUOTED])
{
    const otx_vocab *donor = &job->donor.vocab;
    const char missing = otx__digit_missing(donor);
    if (strcmp(otx__word(donor->source), "tokenizer.json") != 0)
        return "its tokenizer is not read from tokenizer.json, which alone can say so";
    if (otx__side_is_mapped(&job->donor))
        return "its tokenizer is loaded by code of its own, which may not heed tokenizer.json";
    if (donor->family != OTX_FAMILY_BYTE_LEVEL && donor->family != OTX_FAMILY_METASPACE)
        return "its tokens say where words begin or end, so that each digit would be a word";
    if (!missing) return NULL;
    otx__format(to, OTX__QUOTED, "it has no token for the digit %c alone", missing);
    return to;
}

/* The array's text with the step as its last item, laid out as the first is. */
OTX__PRIVATE void otx__digits_append(const otx_json *json, uint32_t array, otx__text *to)
{
    const char *text = json->text;
    uint32_t start = json->nodes[array].start, end = json->nodes[array].end, close = end - 1;
    uint32_t first = otx__json_after_space(json, start + 1);
    while (otx__json_is_space(text[close - 1])) close--;
    if (otx_json_count(json, array) > 0) {
        otx__text_bytes(to, text + start, close - start);
        otx__text_string(to, first > start + 1 ? "," : ", ");
        otx__text_bytes(to, text + start + 1, first - start - 1);
        otx__text_string(to, OTX__DIGIT_STEP);
        otx__text_bytes(to, text + close, end - close);
    } else {
        otx__text_string(to, "[" OTX__DIGIT_STEP "]");
    }
    otx__text_bytes(to, "", 1);
}

/* Puts the step into tokenizer.json, all else of which stays byte for byte. */
OTX__PRIVATE otx_result otx__digits_edit(const otx_json *json, otx_json_edit *edit,
                                         otx__text *value, otx_error *error)
{
    const otx_context *ctx = value->ctx;
    const uint32_t part = otx_json_find(json, 0, "pre_tokenizer");
    const uint32_t array = otx_json_find(json, part, "pretokenizers");
    const bool listed = otx_json_equals(json, otx_json_find(json, part, "type"), "Sequence") &&
                        otx_json_type_of(json, array) == OTX_JSON_ARRAY;
    if (listed) {
        otx__digits_append(json, array, value);
    } else if (otx_json_type_of(json, part) == OTX_JSON_OBJECT) {
        const otx_json_node *node = &json->nodes[part];
        otx__text_string(value, "{\"type\": \"Sequence\", \"pretokenizers\": [");
        otx__text_bytes(value, json->text + node->start, node->end - node->start);
        otx__text_bytes(value, ", " OTX__DIGIT_STEP "]}", sizeof ", " OTX__DIGIT_STEP "]}");
    } else {
        otx__text_bytes(value, OTX__DIGIT_STEP, sizeof OTX__DIGIT_STEP);
    }
    if (value->failed) return otx__fail_memory(error, value->size);
    if (listed) return otx_json_edit_replace(ctx, edit, array, value->bytes, error);
    return otx_json_edit_set(ctx, edit, 0, "pre_tokenizer", value->bytes, error);
}

/* Makes tokenizer.json anew. */
OTX__PRIVATE otx_result otx__digits_make(otx_job *job, otx_error *error)
{
    const otx_context *ctx = &job->ctx;
    otx_json_edit *edit = NULL;
    otx__document document;
    otx__text value;
    otx_result result =
        otx__document_open(ctx, job->donor.path, "tokenizer.json", &document, error);
    if (result) return result;
    otx__text_open(&value, ctx);
    if (otx__marks_words(&document.json))
        result = otx__fail(error, OTX_ERROR_UNSUPPORTED, "%s/tokenizer.json: single digits "
                           "cannot be split off: its tokens say where words begin or end, so "
                           "that each digit would be a word", job->donor.path);
    if (!result) result = otx_json_edit_open(ctx, &document.json, &edit, error);
    if (!result) result = otx__digits_edit(&document.json, edit, &value, error);
    if (!result) result = otx__edit_to_text(edit, &job->digits, error);
    otx_json_edit_close(ctx, edit);
    otx__text_close(&value);
    otx__document_close(ctx, &document);
    return result;
}

/* Whether a file of the donor is left out as it would cut numbers as the donor does. */
OTX__PRIVATE bool otx__digits_hides(const otx_job *job, const char *name)
{
    char quoted[OTX__QUOTED];
    if (job->digits.size == 0) return false;
    if (strcmp(name, "tokenizer.json") == 0) return true;
    if (!otx__is_other_source(name)) return false;
    otx__log(&job->ctx, OTX_NOTE, "%s: \"%s\" is left out: it does not cut numbers into single "
             "digits", job->donor.path, otx__quote(quoted, sizeof quoted, name, strlen(name)));
    return true;
}

/* Splits off single digits if that is asked for, and says so where numbers will be cut
   otherwise than the base has learned. */
OTX__PRIVATE otx_result otx__job_plan_digits(otx_job *job, otx_error *error)
{
    char text[OTX__QUOTED], ours[48];
    const char *refusal;
    if (!job->options.split_digits) {
        otx__digits_warn(job);
        return OTX_OK;
    }
    if (job->base.gguf)
        return otx__fail(error, OTX_ERROR_UNSUPPORTED, "%s: single digits cannot be split off in "
                         "a GGUF file, where llama.cpp has the rules by which text is cut",
                         job->base.path);
    if (job->base.vocab.digits != 1)
        return otx__fail(error, OTX_ERROR_MISMATCH, "%s reads numbers %s: single digits help "
                         "only a model that has learned to count with them", job->base.path,
                         job->base.vocab.digits ? otx__digits_text(ours, job->base.vocab.digits)
                                                : "in no way that its tokenizer shows");
    if (job->donor.vocab.digits == 1) {
        otx__log(&job->ctx, OTX_NOTE, "%s reads numbers digit by digit, as %s does: nothing is "
                 "to be split", job->donor.path, job->base.path);
        return OTX_OK;
    }
    refusal = otx__digits_refusal(job, text);
    if (refusal)
        return otx__fail(error, OTX_ERROR_UNSUPPORTED, "%s: single digits cannot be split off: "
                         "%s", job->donor.path, refusal);
    return otx__digits_make(job, error);
}

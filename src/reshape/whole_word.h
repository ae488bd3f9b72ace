/* ---- whole_word: which texts a tokenizer leaves in one piece ----------------------- */

/* A token of the model's own list is met only where the normaliser leaves its text as it is
   and the pre-tokenizer does not cut it, whatever stands around it. What may stand there is not
   tried; these are texts of which it is certain, if a tokenizer.json also leaves them whole where
   they stand alone. Any other can be an added token, which is cut out of a text before either. */

/* Letters that no known pre-tokenizer cuts from their like: of one script, of one case. */
static const struct {
    uint32_t first, last;
} otx__word_letters[] = {
    {'a', 'z'}, {0xdf, 0xf6}, {0xf8, 0xff}, {0x3b1, 0x3c9}, {0x430, 0x44f}, {0x5d0, 0x5ea},
    {0x621, 0x63a}, {0x3041, 0x3096}, {0x30a1, 0x30fa}, {0x4e00, 0x9fa5}, {0xac00, 0xd7a3},
};

/* From here on they follow no space. */
#define OTX__WORDS_SPACED 7

/* The row of the table that a character is of, or their number. */
OTX__PRIVATE size_t otx__word_row(uint32_t code)
{
    size_t row = 0;
    while (row < OTX__COUNT(otx__word_letters) && (code < otx__word_letters[row].first ||
                                                   code > otx__word_letters[row].last))
        row++;
    return row < 3 && row > 0 ? 0 : row; /* Latin */
}

/* Whether a text is letters of one row, after a space or none; with `ascii`, a to z, and else the
   first of Latin ones may be a capital of A to Z. */
OTX__PRIVATE bool otx__is_word(otx__span text, bool ascii)
{
    size_t row = OTX__COUNT(otx__word_letters), at = 0, step, count = 0;
    const bool spaced = text.size > 0 && text.bytes[0] == ' ';
    for (at = spaced; at < text.size; at += step, count++) {
        size_t its;
        step = otx__utf8_length((const unsigned char *)text.bytes + at, text.size - at);
        if (step == 0 || (ascii && step > 1)) return false;
        its = otx__word_row(otx__utf8_code((const unsigned char *)text.bytes + at, step));
        if (!ascii && count == 0 && text.bytes[at] >= 'A' && text.bytes[at] <= 'Z') its = 0;
        if (its == OTX__COUNT(otx__word_letters) || (count && its != row)) return false;
        row = its;
    }
    return count > 0 && (!spaced || row < OTX__WORDS_SPACED);
}

/* What a tokenizer does to texts before its model sees them. */
typedef struct otx__before_model {
    bool changes; /* a normaliser does more than mark spaces */
    bool cuts;    /* a pre-tokenizer cuts at more than spaces */
    bool cuts_ideographs;
    bool never;    /* no text is certain to be a token of the model's own */
    uint64_t most; /* characters of a word that is not unknown; 0: any */
    bool tries;    /* a tokenizer.json is at hand to see it done: */
    otx__tidy normal;
    otx__cutter cutter;
    otx__slices slices;
} otx__before_model;

OTX__PRIVATE void otx__before_close(otx__before_model *before)
{
    if (!before->tries) return;
    otx__slices_close(&before->slices);
    otx__cutter_close(&before->cutter);
    otx__tidy_close(&before->normal);
    before->tries = false;
}

/* Whether a step of a normaliser or pre-tokenizer leaves all but spaces alone. */
OTX__PRIVATE bool otx__step_is_plain(const otx_json *json, uint32_t step)
{
    const uint32_t type = otx_json_find(json, step, "type");
    const uint32_t pattern = otx_json_find(json, otx_json_find(json, step, "pattern"), "String");
    if (otx_json_equals(json, type, "Prepend") || otx_json_equals(json, type, "Metaspace") ||
        otx_json_equals(json, type, "Sequence"))
        return true;
    if (otx_json_equals(json, type, "Replace") || otx_json_equals(json, type, "Split"))
        return otx_json_equals(json, pattern, " ");
    return otx_json_equals(json, type, "ByteLevel") &&
           otx_json_type_of(json, otx_json_find(json, step, "use_regex")) == OTX_JSON_FALSE;
}

/* Whether every step of a part is such, in its sequences too. */
OTX__PRIVATE bool otx__part_is_plain(const otx_json *json, uint32_t part, bool *ideographs)
{
    const uint32_t end = otx_json_after(json, part);
    uint32_t node;
    bool plain = true;
    if (otx_json_type_of(json, part) != OTX_JSON_OBJECT) return true;
    for (node = part; node < end; node++) {
        const uint32_t type = otx_json_find(json, node, "type");
        if (otx_json_type_of(json, type) != OTX_JSON_STRING) continue;
        if (!otx__step_is_plain(json, node)) plain = false;
        if (otx_json_equals(json, type, "BertPreTokenizer") ||
            otx_json_equals(json, type, "BertNormalizer"))
            *ideographs = true;
    }
    return plain;
}

/* Opens what a tokenizer.json does to texts. Where that is not known nothing is certain. */
OTX__PRIVATE otx_result otx__before_try(const otx_context *ctx, const otx_json *json,
                                        otx__before_model *before, otx_error *error)
{
    static const char name[] = "tokenizer.json";
    otx_result result = otx__tidy_open(ctx, json, otx_json_find(json, 0, "normalizer"), name,
                                       &before->normal, error);
    if (!result) {
        result = otx__cutter_open(ctx, json, otx_json_find(json, 0, "pre_tokenizer"), name,
                                  &before->cutter, error);
        if (result) otx__tidy_close(&before->normal);
    }
    before->tries = !result;
    before->never = result != OTX_OK;
    if (before->tries) otx__slices_open(&before->slices, ctx);
    return result == OTX_ERROR_MEMORY ? result : OTX_OK;
}

/* Close it in any case; all zero it is closed. */
OTX__PRIVATE otx_result otx__look_before_model(const otx_context *ctx, const otx_json *json,
                                               otx__before_model *before, otx_error *error)
{
    const uint32_t model = otx_json_find(json, 0, "model");
    memset(before, 0, sizeof *before);
    if (otx_json_find(json, model, "merges") == OTX_JSON_NONE)
        (void)otx_json_uint(json, otx_json_find(json, model, "max_input_chars_per_word"),
                            &before->most);
    before->changes = !otx__part_is_plain(json, otx_json_find(json, 0, "normalizer"),
                                          &before->cuts_ideographs);
    before->cuts = !otx__part_is_plain(json, otx_json_find(json, 0, "pre_tokenizer"),
                                       &before->cuts_ideographs);
    return otx__before_try(ctx, json, before, error);
}

/* Of a GGUF file the kind says it: whatever cuts under a list of merges is a known one, and
   Unigram changes texts. SentencePiece's scores and ranks would need those of all parts, and
   what else there is has no words. */
OTX__PRIVATE otx__before_model otx__look_before_gguf(const otx_vocab *vocab)
{
    const otx__rules *rules = (const otx__rules *)vocab->rules;
    otx__before_model before;
    memset(&before, 0, sizeof before);
    before.cuts = true;
    before.changes = rules->how == OTX__SPLIT_VITERBI;
    before.never = !before.changes && rules->how != OTX__SPLIT_MERGES;
    return before;
}

/* Characters of a text of UTF-8 but for a space before it. */
OTX__PRIVATE uint64_t otx__word_length(otx__span text)
{
    uint64_t count = 0;
    size_t i;
    for (i = text.size > 0 && text.bytes[0] == ' '; i < text.size; i++)
        count += ((unsigned char)text.bytes[i] & 0xc0) != 0x80;
    return count;
}

/* Whether the model sees the whole of a text at once, as it is. */
OTX__PRIVATE bool otx__is_whole(const otx__before_model *before, otx__span text)
{
    if (before->never) return false;
    if (before->most && otx__word_length(text) > before->most) return false;
    if (text.size > 1 && memchr(text.bytes + 1, ' ', text.size - 1)) return false;
    if (!otx__is_utf8(text.bytes, text.size)) return false;
    if (before->changes || before->cuts_ideographs) return otx__is_word(text, true);
    return !before->cuts || otx__is_word(text, false);
}

/* Whether a text is marks of spaces, however many. */
OTX__PRIVATE bool otx__is_marks(otx__span text, otx__span mark)
{
    while (mark.size && text.size >= mark.size &&
           memcmp(text.bytes, mark.bytes, mark.size) == 0) {
        text.bytes += mark.size;
        text.size -= mark.size;
    }
    return text.size == 0;
}

/* Whether the pieces of a text that stands alone are one, `content`, but for the spaces that
   are put before it. */
OTX__PRIVATE bool otx__is_one_slice(const otx__slices *slices, otx__span content,
                                    otx__span mark)
{
    size_t i;
    for (i = 0; i < slices->count; i++) {
        const otx__slice slice = slices->items[i];
        otx__span piece = otx__span_of(slices->text.bytes + slice.start, slice.end - slice.start);
        if (i + 1 == slices->count) {
            if (piece.size < content.size) return false;
            piece.size -= content.size;
            if (memcmp(piece.bytes + piece.size, content.bytes, content.size) != 0) return false;
        }
        if (!otx__is_marks(piece, mark)) return false;
    }
    return slices->count > 0;
}

/* Whether a text becomes `content`, as the tokenizer spells it, in one piece; where that cannot be
   tried, whether nothing is known that speaks against it. */
OTX__PRIVATE otx_result otx__try_whole(otx__before_model *before, const otx__spelling *spelling,
                                       otx__span text, otx__span content, bool *whole,
                                       otx_error *error)
{
    const bool marked = spelling->family == OTX_FAMILY_METASPACE;
    char space[4] = " ";
    otx__span mark = otx__span_of(space, 1), made;
    otx_result result;
    *whole = !before->never;
    if (!before->tries) return OTX_OK;
    if (marked) mark = otx__span_of(spelling->mark, spelling->mark_size);
    if (spelling->family == OTX_FAMILY_BYTE_LEVEL) mark.size = otx__spell_byte(space, ' ');
    if (spelling->family == OTX_FAMILY_WORDPIECE && content.size > spelling->mark_size &&
        memcmp(content.bytes, spelling->mark, spelling->mark_size) == 0) {
        content.bytes += spelling->mark_size; /* it continues a word, of which it is the first */
        content.size -= spelling->mark_size;
    }
    otx__tidy_allow(&before->normal);
    otx__matcher_allow(&before->slices.matcher, 0);
    result = otx__tidy_run(&before->normal, text, &made, error);
    if (!result)
        result = otx__cutter_run(&before->cutter, made.bytes, made.size, false, &before->slices,
                                 error);
    *whole = !result && otx__is_one_slice(&before->slices, content, mark);
    return result == OTX_ERROR_MEMORY ? result : OTX_OK;
}

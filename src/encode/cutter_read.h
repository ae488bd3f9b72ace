/* ---- cutter_read: the steps of a pre-tokenizer, read ----------------------------------- */

/* One pre-tokenizer is one to three of these. */
typedef enum otx__step_kind {
    OTX__STEP_CUT,      /* by a rule */
    OTX__STEP_REPLACE,  /* every space becomes a text */
    OTX__STEP_BEGIN,    /* a text is put before each piece that does not begin with it */
    OTX__STEP_BYTES,    /* bytes become characters of GPT-2's alphabet */
    OTX__STEP_LENGTH    /* pieces of so many characters */
} otx__step_kind;

typedef struct otx__step {
    otx__step_kind kind;
    otx__cut_rule rule;
    const char *text;
    size_t text_size;
    bool first_only;    /* only what begins where the user's text does */
    uint64_t length;
} otx__step;

/* Steps of a pre-tokenizer at most, sequences within sequences, and bytes of all that it looks for
   together: regular expressions take memory by them, and texts time at every place. */
#define OTX__STEP_LIMIT 256u
#define OTX__STEP_DEPTH 8u
#define OTX__STEP_PATTERNS (2 * OTX__PATTERN_BYTES)

typedef struct otx__cutter {
    otx__pool pool;     /* of all that steps point to */
    otx__step *steps;
    size_t count, capacity;
    const char *name;   /* of the file; lasts */
} otx__cutter;

/* A pre-tokenizer being read. */
typedef struct otx__step_reader {
    otx__cutter *cutter;
    const otx_json *json;
    size_t pattern_bytes; /* so far */
    otx_error *error;
    otx_result result;
} otx__step_reader;

/* ---- what they look for ---- */

/* GPT-2's, where ByteLevel cuts by itself. */
static const char otx__gpt2_pattern[] =
    "'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+";

/* \w+|[^\w\s]+ of Rust's regex, in whose words there are joiners. */
static const char otx__words_pattern[] = "[\\w\\u200c\\u200d]+|[^\\w\\s\\u200c\\u200d]+";

OTX__PRIVATE otx__step *otx__read_step(otx__step_reader *r, otx__step_kind kind)
{
    otx__cutter *cutter = r->cutter;
    void *items = cutter->steps;
    otx__step *step;
    if (r->result) return NULL;
    if (cutter->count == OTX__STEP_LIMIT) {
        r->result = otx__fail(r->error, OTX_ERROR_LIMIT, "%s: the pre-tokenizer has more than "
                              "%u steps", cutter->name, OTX__STEP_LIMIT);
        return NULL;
    }
    if (!otx__grow(cutter->pool.ctx, &items, &cutter->capacity, cutter->count + 1,
                   sizeof *cutter->steps)) {
        r->result = otx__fail_array(r->error, cutter->count + 1, sizeof *cutter->steps);
        return NULL;
    }
    cutter->steps = (otx__step *)items;
    step = &cutter->steps[cutter->count++];
    memset(step, 0, sizeof *step);
    step->kind = kind;
    return step;
}

/* A step that looks for a pattern of that many bytes. */
OTX__PRIVATE otx__step *otx__read_search(otx__step_reader *r, size_t size)
{
    otx__step *step = otx__read_step(r, OTX__STEP_CUT);
    if (!step) return NULL;
    r->pattern_bytes += size;
    if (r->pattern_bytes <= OTX__STEP_PATTERNS) return step;
    r->result = otx__fail(r->error, OTX_ERROR_LIMIT, "%s: the pre-tokenizer has patterns of more "
                          "than %u bytes", r->cutter->name, OTX__STEP_PATTERNS);
    return NULL;
}

OTX__PRIVATE void otx__read_pattern(otx__step_reader *r, otx__behaviour behaviour, bool invert,
                                    otx__dialect dialect, const char *text, size_t size)
{
    otx__step *step = otx__read_search(r, size <= OTX__PATTERN_BYTES ? size : 0);
    if (!step) return;
    step->rule.behaviour = behaviour;
    step->rule.invert = invert;
    step->rule.kind = OTX__MATCH_PATTERN;
    r->result = otx__pattern_open(&r->cutter->pool, dialect, r->cutter->name, text, size,
                                  &step->rule.pattern, r->error);
}

OTX__PRIVATE void otx__read_text(otx__step_reader *r, otx__behaviour behaviour, bool invert,
                                 const char *text, size_t size)
{
    otx__step *step;
    if (size == 0) { /* matches everywhere */
        otx__read_pattern(r, behaviour, invert, OTX__ONIGURUMA, text, size);
        return;
    }
    step = otx__read_search(r, size);
    if (!step) return;
    step->rule.behaviour = behaviour;
    step->rule.invert = invert;
    step->rule.kind = OTX__MATCH_TEXT;
    step->rule.text = text;
    step->rule.text_size = size;
}

/* Of any character of a set, which is closed. */
OTX__PRIVATE void otx__read_table(otx__step_reader *r, otx__behaviour behaviour,
                                  otx__char_set *set)
{
    otx__step *step = otx__read_step(r, OTX__STEP_CUT);
    if (step) {
        step->rule.behaviour = behaviour;
        step->rule.kind = OTX__MATCH_TABLE;
        if (set->failed)
            r->result = otx__fail_array(r->error, set->count + 1, sizeof *set->items);
        else if (!otx__char_table_make(&r->cutter->pool, set, &step->rule.table))
            r->result = otx__pool_fail(&r->cutter->pool, r->error);
    }
    otx__char_set_close(set);
}

/* ---- members ---- */

OTX__PRIVATE void otx__read_fail(otx__step_reader *r, const char *type, const char *problem)
{
    if (!r->result)
        r->result = otx__fail(r->error, OTX_ERROR_UNSUPPORTED, "%s: the pre-tokenizer %s %s",
                              r->cutter->name, type, problem);
}

/* A string, kept in the pool; NULL if it is none. */
OTX__PRIVATE const char *otx__read_string(otx__step_reader *r, uint32_t node, size_t *size)
{
    char *text;
    if (r->result || otx_json_type_of(r->json, node) != OTX_JSON_STRING) return NULL;
    text = (char *)otx__pool_take(&r->cutter->pool, otx__json_span(r->json, node).size + 1, 1);
    if (!text) {
        r->result = otx__pool_fail(&r->cutter->pool, r->error);
        return NULL;
    }
    *size = otx_json_string(r->json, node, text);
    return text;
}

/* A member that is true or false, or is not there. */
OTX__PRIVATE bool otx__read_flag(const otx__step_reader *r, uint32_t step, const char *member,
                                 bool otherwise)
{
    const otx_json_type type = otx_json_type_of(r->json, otx_json_find(r->json, step, member));
    return type == OTX_JSON_TRUE || (type != OTX_JSON_FALSE && otherwise);
}

OTX__PRIVATE otx__behaviour otx__read_behaviour(otx__step_reader *r, uint32_t step,
                                                const char *type, bool needed)
{
    static const char *const names[] = {"Removed", "Isolated", "MergedWithPrevious",
                                        "MergedWithNext", "Contiguous"};
    const uint32_t node = otx_json_find(r->json, step, "behavior");
    size_t i;
    for (i = 0; i < OTX__COUNT(names); i++)
        if (otx_json_equals(r->json, node, names[i])) return (otx__behaviour)i;
    if (needed || node != OTX_JSON_NONE) otx__read_fail(r, type, "has an unknown behavior");
    return OTX__CUT_ISOLATED;
}

/* A member that is one character. */
OTX__PRIVATE const char *otx__read_character(otx__step_reader *r, uint32_t step,
                                             const char *type, const char *member, size_t *size)
{
    const char *text = otx__read_string(r, otx_json_find(r->json, step, member), size);
    if (text && *size && otx__utf8_length((const unsigned char *)text, *size) == *size)
        return text;
    otx__read_fail(r, type, "lacks the one character that it goes by");
    return NULL;
}

/* ---- pre-tokenizers ---- */

OTX__PRIVATE void otx__read_split(otx__step_reader *r, uint32_t step)
{
    const otx__behaviour behaviour = otx__read_behaviour(r, step, "Split", true);
    const bool invert = otx__read_flag(r, step, "invert", false);
    const uint32_t pattern = otx_json_find(r->json, step, "pattern");
    size_t size = 0;
    const char *text = otx__read_string(r, otx_json_find(r->json, pattern, "Regex"), &size);
    if (text) {
        otx__read_pattern(r, behaviour, invert, OTX__ONIGURUMA, text, size);
        return;
    }
    text = otx__read_string(r, otx_json_find(r->json, pattern, "String"), &size);
    if (text) otx__read_text(r, behaviour, invert, text, size);
    else otx__read_fail(r, "Split", "has no pattern");
}

/* Puts a text before pieces. */
OTX__PRIVATE void otx__read_begin(otx__step_reader *r, const char *text, size_t size,
                                  bool first_only)
{
    otx__step *step = otx__read_step(r, OTX__STEP_BEGIN);
    if (!step) return;
    step->text = text;
    step->text_size = size;
    step->first_only = first_only;
}

OTX__PRIVATE void otx__read_byte_level(otx__step_reader *r, uint32_t step)
{
    if (otx__read_flag(r, step, "add_prefix_space", true)) otx__read_begin(r, " ", 1, false);
    if (otx__read_flag(r, step, "use_regex", true))
        otx__read_pattern(r, OTX__CUT_ISOLATED, false, OTX__ONIGURUMA, otx__gpt2_pattern,
                          sizeof otx__gpt2_pattern - 1);
    (void)otx__read_step(r, OTX__STEP_BYTES);
}

OTX__PRIVATE void otx__read_metaspace(otx__step_reader *r, uint32_t step)
{
    const otx_json *json = r->json;
    const uint32_t scheme = otx_json_find(json, step, "prepend_scheme");
    size_t size = 0;
    const char *mark = otx__read_character(r, step, "Metaspace", "replacement", &size);
    otx__step *replace = mark ? otx__read_step(r, OTX__STEP_REPLACE) : NULL;
    bool before = otx__read_flag(r, step, "add_prefix_space", true);
    if (!replace) return;
    replace->text = mark;
    replace->text_size = size;
    if (otx_json_equals(json, scheme, "never")) before = false;
    else if (scheme != OTX_JSON_NONE && !otx_json_equals(json, scheme, "always") &&
             !otx_json_equals(json, scheme, "first"))
        otx__read_fail(r, "Metaspace", "has an unknown prepend_scheme");
    if (before) otx__read_begin(r, mark, size, otx_json_equals(json, scheme, "first"));
    if (otx__read_flag(r, step, "split", true))
        otx__read_text(r, OTX__CUT_MERGED_WITH_NEXT, false, mark, size);
}

/* Those that go by kinds of characters; false if it is none of them. */
OTX__PRIVATE bool otx__read_classes(otx__step_reader *r, uint32_t step, uint32_t type)
{
    const otx_json *json = r->json;
    const bool bert = otx_json_equals(json, type, "BertPreTokenizer");
    otx__char_set set;
    otx__char_set_open(&set, r->cutter->pool.ctx);
    if (bert || otx_json_equals(json, type, "WhitespaceSplit")) {
        (void)otx__char_set_named("space", &set);
        otx__read_table(r, OTX__CUT_REMOVED, &set);
        if (!bert) return true;
        otx__char_set_punctuation(&set);
        otx__read_table(r, OTX__CUT_ISOLATED, &set);
    } else if (otx_json_equals(json, type, "Digits")) {
        otx__char_set_numeric(&set);
        otx__read_table(r, otx__read_flag(r, step, "individual_digits", false)
                               ? OTX__CUT_ISOLATED : OTX__CUT_CONTIGUOUS, &set);
    } else if (otx_json_equals(json, type, "Punctuation")) {
        otx__char_set_punctuation(&set);
        otx__read_table(r, otx__read_behaviour(r, step, "Punctuation", false), &set);
    } else if (otx_json_equals(json, type, "Whitespace")) {
        otx__read_pattern(r, OTX__CUT_REMOVED, true, OTX__ONIGURUMA, otx__words_pattern,
                          sizeof otx__words_pattern - 1);
    } else {
        return false;
    }
    return true;
}

OTX__PRIVATE void otx__read_length(otx__step_reader *r, uint32_t node)
{
    const uint32_t length = otx_json_find(r->json, node, "length");
    otx__step *step = otx__read_step(r, OTX__STEP_LENGTH);
    if (!step) return;
    step->length = 5;
    if (length != OTX_JSON_NONE && (!otx_json_uint(r->json, length, &step->length) ||
                                    step->length == 0))
        otx__read_fail(r, "FixedLength", "has no length");
}

/* A pre-tokenizer, or all of a sequence. */
OTX__PRIVATE void otx__read_steps(otx__step_reader *r, uint32_t step, unsigned depth)
{
    const otx_json *json = r->json;
    const uint32_t type = otx_json_find(json, step, "type");
    char quoted[OTX__QUOTED];
    size_t size = 0;
    const char *text;
    if (r->result || otx__read_classes(r, step, type)) return;
    if (otx_json_equals(json, type, "Sequence")) {
        otx_json_iter at = otx_json_iter_of(json, otx_json_find(json, step, "pretokenizers"));
        if (depth == 0) otx__read_fail(r, "Sequence", "is nested too deeply");
        while (!r->result && otx_json_iter_next(&at))
            otx__read_steps(r, at.value, depth - 1);
    } else if (otx_json_equals(json, type, "Split")) {
        otx__read_split(r, step);
    } else if (otx_json_equals(json, type, "ByteLevel")) {
        otx__read_byte_level(r, step);
    } else if (otx_json_equals(json, type, "Metaspace")) {
        otx__read_metaspace(r, step);
    } else if (otx_json_equals(json, type, "FixedLength")) {
        otx__read_length(r, step);
    } else if (otx_json_equals(json, type, "CharDelimiterSplit")) {
        text = otx__read_character(r, step, "CharDelimiterSplit", "delimiter", &size);
        if (text) otx__read_text(r, OTX__CUT_REMOVED, false, text, size);
    } else {
        text = otx__read_string(r, type, &size);
        otx__read_fail(r, text ? otx__quote(quoted, sizeof quoted, text, size) : "without a type",
                       "cannot be applied");
    }
}

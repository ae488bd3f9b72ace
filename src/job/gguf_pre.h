/* ---- gguf_pre: what llama.cpp calls the way a tokenizer cuts text into words -------- */

/* llama.cpp knows by name in which words a byte-level vocabulary is applied; its converter
   finds the name by the tokens of one text. Here it is found by the pre_tokenizer of
   tokenizer.json: a row says the steps that cut text where llama.cpp's own regexes for that
   name do (src/llama-vocab.cpp, November 2026). Of names that cut alike one is enough. What is
   not known must be said: a wrong name spoils every text a little, and nothing shows it. */

/* A step is one text: R and a regex that cuts out what it finds ("Split"); D1, every digit by
   itself, or D0, runs of them ("Digits"); P, runs of punctuation ("Punctuation"); B1, GPT-2's
   words, or B0, no cut ("ByteLevel"). Line ends in regexes are written \r and \n. */
#define OTX__PRE_STEPS 7

typedef struct otx__pre_row {
    const char *name;
    bool whole; /* a word that is a token is that one, whatever the merges (ignore_merges) */
    const char *steps[OTX__PRE_STEPS];
} otx__pre_row;

#define OTX__PRE_SHORT "(?i:'s|'t|'re|'ve|'m|'ll|'d)"
#define OTX__PRE_LETTERS "|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+"
#define OTX__PRE_ENDS "|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+"
#define OTX__PRE_REST "| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*" OTX__PRE_ENDS
#define OTX__PRE_UPPER "[\\p{Lu}\\p{Lt}\\p{Lm}\\p{Lo}\\p{M}]"
#define OTX__PRE_LOWER "[\\p{Ll}\\p{Lm}\\p{Lo}\\p{M}]"
#define OTX__PRE_CASES(after)                                                    \
    "[^\\r\\n\\p{L}\\p{N}]?" OTX__PRE_UPPER "*" OTX__PRE_LOWER "+" after         \
    "|[^\\r\\n\\p{L}\\p{N}]?" OTX__PRE_UPPER "+" OTX__PRE_LOWER "*" after
#define OTX__PRE_PATHS "| ?[^\\s\\p{L}\\p{N}]+[\\r\\n/]*" OTX__PRE_ENDS
#define OTX__PRE_GPT4O OTX__PRE_CASES(OTX__PRE_SHORT "?") "|\\p{N}{1,3}" OTX__PRE_PATHS
#define OTX__PRE_TEKKEN OTX__PRE_CASES("") "|\\p{N}" OTX__PRE_PATHS
#define OTX__PRE_LLAMA3 OTX__PRE_SHORT OTX__PRE_LETTERS "|\\p{N}{1,3}" OTX__PRE_REST
/* Not a letter, a space or one of |.,!? and others' full stops and commas. */
#define OTX__PRE_BLOOM                                                           \
    " ?[^(\\s|[.,!?\xe2\x80\xa6\xe3\x80\x82\xef\xbc\x8c\xe3\x80\x81\xe0\xa5\xa4" \
    "\xdb\x94\xd8\x8c])]+"

static const otx__pre_row otx__pre_rows[] = {
    {"llama-bpe", true, {"R" OTX__PRE_LLAMA3, "B0"}},  /* Llama 3 */
    {"glm4", false, {"R" OTX__PRE_LLAMA3, "B0"}},      /* the same without ignore_merges */
    {"qwen2", false, {"R" OTX__PRE_SHORT OTX__PRE_LETTERS "|\\p{N}" OTX__PRE_REST,
                      "B0"}},                          /* Qwen 2 to 3; transformers' class */
    {"qwen35", false, {"R" OTX__PRE_SHORT "|[^\\r\\n\\p{L}\\p{N}]?[\\p{L}\\p{M}]+|\\p{N}"
                       "| ?[^\\s\\p{L}\\p{M}\\p{N}]+[\\r\\n]*" OTX__PRE_ENDS,
                       "B0"}},                         /* transformers' class for Qwen 3.5 */
    {"gpt-4o", false, {"R" OTX__PRE_GPT4O, "B0"}},     /* gpt-oss */
    {"tekken", true, {"R" OTX__PRE_TEKKEN, "B0"}},     /* llama.cpp's note; tekken.json */
    {"gpt-2", false, {"B1"}},                          /* transformers' class */
    {"smollm", false, {"D1", "B1"}},                   /* transformers' class for Cohere */
    {"falcon", false, {"P", "B1", "D0", "R[0-9][0-9][0-9]"}}, /* Falcon */
    {"bloom", false, {"R" OTX__PRE_BLOOM, "B0"}},      /* BLOOM */
    {"viking", false, {"R" OTX__PRE_BLOOM, "D1", "B0"}},
    {"deepseek-v3", false,                             /* DeepSeek V3 */
     {"R\\p{N}{1,3}",
      "R[\xe4\xb8\x80-\xe9\xbe\xa5\xe3\x81\x80-\xe3\x82\x9f\xe3\x82\xa0-\xe3\x83\xbf]+",
      "R[!\"#$%&'()*+,\\-./:;<=>?@\\[\\\\\\]^_`{|}~][A-Za-z]+"
      "|[^\\r\\n\\p{L}\\p{P}\\p{S}]?[\\p{L}\\p{M}]+| ?[\\p{P}\\p{S}]+[\\r\\n]*" OTX__PRE_ENDS,
      "B0"}},
    {"deepseek-coder", false,                          /* DeepSeek Coder */
     {"R[\\r\\n]", "R\\s?\\p{L}+", "R\\s?\\p{P}+",
      "R[\xe4\xb8\x80-\xe9\xbe\xa5\xe0\xa0\x80-\xe4\xb8\x80\xea\xb0\x80-\xed\x9f\xbf]+", "D1",
      "B0"}},
    {"minicpm5", true, {"R\\p{N}{1,3}", "R" OTX__PRE_SHORT OTX__PRE_LETTERS "|\\p{N}+"
                        OTX__PRE_REST, "B0"}},         /* llama.cpp's note */
    {"jais-2", false, {"R" OTX__PRE_SHORT OTX__PRE_LETTERS "|\\p{N}{1,3}"
                       "| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s{512}(?!\\S)"
                       "|\\s{256}(?!\\S)|\\s{128}(?!\\S)|\\s{64}(?!\\S)|\\s{32}(?!\\S)"
                       "|\\s{16}(?!\\S)|\\s{8}(?!\\S)|\\s{4}(?!\\S)|\\s{1,2}(?!\\S)|\\s{1}",
                       "B0"}},                         /* llama.cpp's note */
    {"seed-coder", false, {"R" OTX__PRE_SHORT OTX__PRE_LETTERS "|\\p{N}{1}"
                           "| ?[^\\s\\p{L}\\p{N}\\r\\n]+" OTX__PRE_ENDS,
                           "B0"}},                     /* llama.cpp's note */
};

/* The classes of transformers that have no tokenizer.json to say it. */
static const struct {
    const char *class_name, *name;
} otx__pre_classes[] = {
    {"GPT2Tokenizer", "gpt-2"}, {"RobertaTokenizer", "gpt-2"}, {"CodeGenTokenizer", "gpt-2"},
    {"GPTNeoXTokenizer", "gpt-2"}, {"WhisperTokenizer", "gpt-2"}, {"Qwen2Tokenizer", "qwen2"},
    {"CohereTokenizer", "smollm"},
};

/* All names that llama.cpp takes, but those that mean what another does. */
#define OTX__PRE_NAMES                                                                         \
    "llama-bpe, glm4, qwen2, qwen35, gpt-4o, tekken, gpt-2, smollm, falcon, bloom, viking, "   \
    "deepseek-llm, deepseek-coder, deepseek-v3, kimi-k2, minicpm5, jais-2, seed-coder, "       \
    "tiny_aya, exaone-moe, bailingmoe, youtu, superbpe, chameleon, grok-2, afmoe, laguna, "    \
    "granite-embed-multi-97m, spark2_5, ufakzeka, default"

/* ---- the steps of a tokenizer ---- */

/* The steps as one text, each behind a line end. */
OTX__PRIVATE void otx__pre_regex(const otx_json *json, uint32_t node, otx__text *to)
{
    const size_t room = otx__json_span(json, node).size + 1;
    char *bytes = (char *)otx__alloc(to->ctx, room, 1);
    size_t size, i;
    if (!bytes) to->failed = true;
    if (!bytes) return;
    size = otx_json_string(json, node, bytes);
    for (i = 0; i < size; i++) {
        if (bytes[i] == '\r') otx__text_string(to, "\\r");
        else if (bytes[i] == '\n') otx__text_string(to, "\\n");
        else otx__text_bytes(to, bytes + i, 1);
    }
    otx__free(to->ctx, bytes, room, 1);
}

/* Whether a Split cuts out what its regex finds: also if it throws away the rest and there
   is none, as the last choice is any space. */
OTX__PRIVATE bool otx__pre_cuts(const otx_json *json, uint32_t step)
{
    const uint32_t behavior = otx_json_find(json, step, "behavior");
    const uint32_t regex = otx_json_find(json, otx_json_find(json, step, "pattern"), "Regex");
    const otx__span text = otx__json_span(json, regex);
    const bool inverted =
        otx_json_type_of(json, otx_json_find(json, step, "invert")) == OTX_JSON_TRUE;
    if (otx_json_type_of(json, regex) != OTX_JSON_STRING) return false;
    if (otx_json_equals(json, behavior, "Isolated")) return !inverted;
    return otx_json_equals(json, behavior, "Removed") && inverted && text.size > 5 &&
           memcmp(text.bytes + text.size - 5, "|\\\\s+", 5) == 0;
}

/* One step; a type that no row has stands by its name. */
OTX__PRIVATE void otx__pre_step(const otx_json *json, uint32_t step, otx__text *to)
{
    const uint32_t type = otx_json_find(json, step, "type");
    const uint32_t digits = otx_json_find(json, step, "individual_digits");
    const uint32_t words = otx_json_find(json, step, "use_regex");
    const uint32_t prefix = otx_json_find(json, step, "add_prefix_space");
    char name[OTX__QUOTED];
    otx__text_string(to, "\n");
    if (otx_json_equals(json, type, "Split") && otx__pre_cuts(json, step)) {
        otx__text_string(to, "R");
        otx__pre_regex(json, otx_json_find(json, otx_json_find(json, step, "pattern"), "Regex"),
                       to);
    } else if (otx_json_equals(json, type, "Digits")) {
        otx__text_string(to, otx_json_type_of(json, digits) == OTX_JSON_TRUE ? "D1" : "D0");
    } else if (otx_json_equals(json, type, "Punctuation") &&
               otx_json_equals(json, otx_json_find(json, step, "behavior"), "Contiguous")) {
        otx__text_string(to, "P");
    } else if (otx_json_equals(json, type, "ByteLevel") &&
               otx_json_type_of(json, prefix) == OTX_JSON_FALSE) {
        otx__text_string(to, otx_json_type_of(json, words) == OTX_JSON_FALSE ? "B0" : "B1");
    } else {
        otx__text_string(to, "?");
        otx__text_string(to, otx__quote_node(name, json, type));
    }
}

/* Most sequences within each other; real ones have one. */
#define OTX__PRE_DEPTH 8

/* All steps of a part, those of sequences in turn. Writes no more than rows may have. */
OTX__PRIVATE void otx__pre_steps(const otx_json *json, uint32_t part, const char *list,
                                 otx__text *to)
{
    otx_json_iter stack[OTX__PRE_DEPTH];
    size_t depth = 0;
    uint32_t node = part;
    for (;;) {
        if (otx_json_equals(json, otx_json_find(json, node, "type"), "Sequence")) {
            if (depth == OTX__PRE_DEPTH) otx__text_string(to, "\n?deep");
            else stack[depth++] = otx_json_iter_of(json, otx_json_find(json, node, list));
        } else if (otx_json_type_of(json, node) != OTX_JSON_NULL) {
            otx__pre_step(json, node, to);
        }
        while (depth > 0 && !otx_json_iter_next(&stack[depth - 1])) depth--;
        if (depth == 0) return;
        node = stack[depth - 1].value;
    }
}

/* Whether a row has these steps. */
OTX__PRIVATE bool otx__pre_is(const otx__pre_row *row, const otx__text *steps)
{
    size_t i, at = 0;
    for (i = 0; i < OTX__PRE_STEPS && row->steps[i]; i++) {
        const size_t size = strlen(row->steps[i]);
        if (steps->size - at < size + 1 || steps->bytes[at] != '\n' ||
            memcmp(steps->bytes + at + 1, row->steps[i], size) != 0)
            return false;
        at += size + 1;
        if (at < steps->size && steps->bytes[at] != '\n') return false;
    }
    return at == steps->size;
}

/* ---- the name ---- */

/* Whether text is changed before it is cut: llama.cpp changes none. What NFC makes of text
   that is written as usual is the same text. */
OTX__PRIVATE bool otx__pre_normalizes(const otx_json *json)
{
    const uint32_t part = otx_json_find(json, 0, "normalizer");
    const uint32_t end = otx_json_after(json, part);
    uint32_t node;
    if (otx_json_type_of(json, part) != OTX_JSON_OBJECT) return false;
    for (node = part; node < end; node++) {
        const uint32_t type = otx_json_find(json, node, "type");
        if (otx_json_type_of(json, type) == OTX_JSON_STRING &&
            !otx_json_equals(json, type, "NFC") && !otx_json_equals(json, type, "Sequence"))
            return true;
    }
    return false;
}

/* The row of a tokenizer.json, or NULL; of two that differ in `whole` alone the one that says
   what the file says, if there is one. */
OTX__PRIVATE const otx__pre_row *otx__pre_row_of(const otx_json *json, const otx__text *steps)
{
    const uint32_t model = otx_json_find(json, 0, "model");
    const bool whole =
        otx_json_type_of(json, otx_json_find(json, model, "ignore_merges")) == OTX_JSON_TRUE;
    const otx__pre_row *found = NULL;
    size_t i;
    if (otx__pre_normalizes(json)) return NULL;
    for (i = 0; i < OTX__COUNT(otx__pre_rows); i++)
        if (otx__pre_is(&otx__pre_rows[i], steps) &&
            (!found || otx__pre_rows[i].whole == whole))
            found = &otx__pre_rows[i];
    return found;
}

/* The name that the loader's class goes by, or NULL. */
OTX__PRIVATE const char *otx__pre_of_class(const otx__tokenizer *t)
{
    const uint32_t node = otx_json_find(&t->config, 0, "tokenizer_class");
    size_t i;
    for (i = 0; i < OTX__COUNT(otx__pre_classes); i++)
        if (otx__is_class(&t->config, node, otx__pre_classes[i].class_name))
            return otx__pre_classes[i].name;
    return NULL;
}

/* That of tekken.json, which says its regex. */
OTX__PRIVATE const char *otx__pre_of_tekken(const otx_json *json)
{
    const uint32_t config = otx_json_find(json, 0, "config");
    return otx_json_equals(json, otx_json_find(json, config, "pattern"), OTX__PRE_TEKKEN)
               ? "tekken" : NULL;
}

OTX__PRIVATE otx_result otx__pre_refuse(const otx__gguf_donor *donor, const otx__text *steps,
                                        otx_error *error)
{
    char quoted[OTX__QUOTED];
    const size_t skip = steps->size > 0;
    return otx__fail(error, OTX_ERROR_UNSUPPORTED, "%s: which of llama.cpp's pre-tokenizers cuts "
                     "text as this tokenizer does is not known here (%s); name it with --pre if "
                     "you are sure: " OTX__PRE_NAMES, donor->at.name,
                     steps->size ? otx__quote(quoted, sizeof quoted, steps->bytes + skip,
                                              steps->size - skip) : "it says no steps");
}

/* The name for a byte-level vocabulary. *row is set where the steps of tokenizer.json told. */
OTX__PRIVATE otx_result otx__pre_find(const otx__gguf_donor *donor, const char **name,
                                      const otx__pre_row **row, otx_error *error)
{
    const otx__tokenizer *t = &donor->at;
    otx__text steps;
    otx_result result = OTX_OK;
    otx__text_open(&steps, t->ctx);
    *row = NULL;
    *name = NULL;
    if (t->reader->complete) {
        otx__pre_steps(&t->json, otx_json_find(&t->json, 0, "pre_tokenizer"), "pretokenizers",
                       &steps);
        if (steps.failed) result = otx__fail_memory(error, steps.size);
        else *row = otx__pre_row_of(&t->json, &steps);
        if (*row) *name = (*row)->name;
    } else if (otx__gguf_donor_is(donor, "vocab.json")) {
        *name = otx__pre_of_class(t);
    } else if (otx__gguf_donor_is(donor, "tekken.json")) {
        *name = otx__pre_of_tekken(&t->json);
    }
    if (!result && !*name) result = otx__pre_refuse(donor, &steps, error);
    otx__text_close(&steps);
    return result;
}

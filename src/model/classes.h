/* ---- classes: which class a tokenizer is loaded as ---------------------------- */

/* transformers 5 takes the class of a tokenizer from "model_type" for some types of models,
   whatever the tokenizer says, and many classes bring rules of their own for how text is
   cut: the same files read otherwise beside another model. */

#define OTX__AS_IS "TokenizersBackend" /* tokenizer.json as it stands, by transformers 5 */
#define OTX__AS_IS_4 "PreTrainedTokenizerFast" /* the same for 4 and 5 */

/* A name without "Fast". */
OTX__PRIVATE otx__span otx__class_stem(otx__span name)
{
    if (name.size > 4 && memcmp(name.bytes + name.size - 4, "Fast", 4) == 0) name.size -= 4;
    return name;
}

/* What is known of a type of models, or NULL. */
OTX__PRIVATE const otx__class_types *otx__class_of_type(otx__span type)
{
    size_t i;
    for (i = 0; i < OTX__COUNT(otx__tokenizer_classes) && type.size > 0; i++)
        if (otx__has_word(otx__tokenizer_classes[i].types, type))
            return &otx__tokenizer_classes[i];
    return NULL;
}

/* The class that a name makes by itself, without "Fast": one that is generic or not known
   takes tokenizer.json as it stands. */
OTX__PRIVATE otx__span otx__class_made(otx__span name)
{
    const otx__span stem = otx__class_stem(name);
    size_t i;
    for (i = 0; i < OTX__COUNT(otx__tokenizer_classes); i++)
        if (otx__tokenizer_classes[i].rule != OTX__CLASS_AS_IS &&
            otx__span_is(stem, otx__tokenizer_classes[i].name))
            return stem;
    for (i = 0; i < OTX__COUNT(otx__other_classes); i++)
        if (otx__span_is(stem, otx__other_classes[i])) return stem;
    return otx__span_of(OTX__AS_IS, strlen(OTX__AS_IS));
}

/* The class that AutoTokenizer makes, without "Fast", beside a model of a type of a
   tokenizer that names a class or (size 0) none. `mapped`: it names code of its own. */
OTX__PRIVATE otx__span otx__class_effective(otx__span type, otx__span name, bool byte_level,
                                            bool mapped)
{
    const otx__span as_is = otx__span_of(OTX__AS_IS, strlen(OTX__AS_IS));
    const otx__class_types *own = mapped ? NULL : otx__class_of_type(type);
    if (name.size == 0) return own ? otx__span_of(own->name, strlen(own->name)) : as_is;
    if (own && own->rule == OTX__CLASS_FORCED) return otx__span_of(own->name, strlen(own->name));
    if (!mapped && byte_level && otx__span_is(otx__class_stem(name), "LlamaTokenizer"))
        return as_is;
    return own && own->rule == OTX__CLASS_AS_IS ? as_is : otx__class_made(name);
}

/* ---- one directory ---- */

/* The class that a side's tokenizer names. */
OTX__PRIVATE otx__span otx__side_class(const otx__side *side)
{
    otx__span name = otx__document_word(&side->tokenizer, OTX__KEY_TOKENIZER_CLASS);
    return name.size ? name : otx__document_word(&side->config, OTX__KEY_TOKENIZER_CLASS);
}

/* Whether its tokenizer_config.json names code of its own. */
OTX__PRIVATE bool otx__side_is_mapped(const otx__side *side)
{
    const otx_json *json = &side->tokenizer.json;
    uint32_t map = otx_json_find(json, otx__document_root(&side->tokenizer), OTX__KEY_AUTO_MAP);
    return otx_json_type_of(json, otx_json_find(json, map, OTX__KEY_AUTO_TOKENIZER)) !=
           OTX_JSON_NULL;
}

/* ---- the donor's tokenizer beside the base's config ---- */

/* What to write for the donor's class to be made. */
typedef struct otx__class_choice {
    char name[OTX__QUOTED]; /* tokenizer_class; empty: the file stays as it is */
    char made[OTX__QUOTED]; /* the class that the donor's own directory makes */
    bool rebuilt;           /* that class is given up, and with it the special tokens which it
                               has where no file names them */
    bool from_model;        /* nothing is, but transformers 4 would make the class that is named
                               of tokenizer.model */
    bool code;              /* "auto_map" is needed as well: see otx__class_code */
} otx__class_choice;

/* Whether transformers 4 makes it of tokenizer.model, though tokenizer.json is there. */
OTX__PRIVATE bool otx__class_needs_model(const otx__side *donor, otx__span name)
{
    const otx_json *json = &donor->tokenizer.json;
    return otx__span_is(otx__class_stem(name), "LlamaTokenizer") &&
           otx_json_type_of(json, otx_json_find(json, otx__document_root(&donor->tokenizer),
                                                "add_prefix_space")) != OTX_JSON_NULL;
}

/* By the policy that tests/tokenizer_classes.py states and tries with both versions of
   transformers. `as_is`: tokenizer.json must be taken as it stands. */
OTX__PRIVATE void otx__class_choose(const otx__side *donor, const otx__side *base, bool as_is,
                                    otx__class_choice *choice)
{
    const bool byte_level = donor->vocab.family == OTX_FAMILY_BYTE_LEVEL;
    const bool has_json = strcmp(otx__word(donor->vocab.source), "tokenizer.json") == 0;
    const otx__span type = otx__document_word(&base->config, OTX__KEY_MODEL_TYPE);
    const otx__span name = otx__side_class(donor);
    const bool from_model = as_is && otx__class_needs_model(donor, name);
    otx__span wanted = otx__class_effective(
        otx__document_word(&donor->config, OTX__KEY_MODEL_TYPE), name, byte_level, false);
    otx__span chosen, seen, made;
    memset(choice, 0, sizeof *choice);
    if (otx__side_is_mapped(donor)) return; /* its code is loaded beside any model */
    otx__format(choice->made, sizeof choice->made, "%.*s", (int)wanted.size, wanted.bytes);
    choice->rebuilt = as_is && !otx__span_is(wanted, OTX__AS_IS);
    choice->from_model = from_model && !choice->rebuilt;
    if (as_is) wanted = otx__span_of(OTX__AS_IS, strlen(OTX__AS_IS));
    seen = otx__class_effective(type, name, byte_level, false);
    if (name.size > 0 && otx__same_bytes(seen.bytes, seen.size, wanted.bytes, wanted.size) &&
        !from_model)
        return;
    if (otx__span_is(wanted, OTX__AS_IS) || otx__span_is(wanted, "Qwen3_5Tokenizer"))
        otx__format(choice->name, sizeof choice->name, OTX__AS_IS_4); /* 4 knows neither */
    else if (name.size > 0 && otx__span_is(otx__class_stem(name), choice->made))
        otx__format(choice->name, sizeof choice->name, "%.*s", (int)name.size, name.bytes);
    else
        otx__format(choice->name, sizeof choice->name, "%s%s", choice->made,
                    has_json ? "Fast" : "");
    chosen = otx__span_of(choice->name, strlen(choice->name));
    seen = otx__class_effective(type, chosen, byte_level, false);
    made = otx__class_made(chosen);
    choice->code = !otx__same_bytes(seen.bytes, seen.size, made.bytes, made.size);
}

/* Where "auto_map" keeps a class from being forced: without trust in code loaders pass it
   by and take tokenizer_class, with it they run this file. */
#define OTX__CLASS_MODULE "tokenization_transplanted"
#define OTX__CLASS_MAP                                                       \
    "[\"" OTX__CLASS_MODULE ".TransplantedTokenizer\", \"" OTX__CLASS_MODULE \
    ".TransplantedTokenizer\"]"

/* Appends that file. A class with an __init__ of its own is made as such by transformers 5,
   others take tokenizer.json as it stands. */
OTX__PRIVATE void otx__class_code(const otx__class_choice *choice, otx__text *to)
{
    if (strcmp(choice->name, OTX__AS_IS_4) == 0) {
        otx__text_string(to, "from transformers import PreTrainedTokenizerFast\n\n\n"
                             "class TransplantedTokenizer(PreTrainedTokenizerFast):\n"
                             "    pass\n");
        return;
    }
    otx__text_format(to, "import transformers\n\nClass = getattr(transformers, \"%sFast\", None) "
                         "or transformers.%s\n\n\n", choice->made, choice->made);
    otx__text_string(to, "class TransplantedTokenizer(Class):\n"
                         "    def __init__(self, *arguments, **settings):\n"
                         "        super().__init__(*arguments, **settings)\n");
}

/* Names the special tokens that no class will add: those of roles that the file leaves open. */
OTX__PRIVATE otx_result otx__class_roles(const otx_context *ctx, const otx__side *donor,
                                         otx_json_edit *edit, otx_error *error)
{
    const otx_json *json = &donor->tokenizer.json;
    otx_result result = OTX_OK;
    otx__text value;
    int role;
    otx__text_open(&value, ctx);
    for (role = 0; role < OTX_ROLE_COUNT && !result; role++) {
        const int64_t id = donor->vocab.roles[role];
        const char *key = otx__role_keys[role];
        if (id < 0 || otx_json_type_of(json, otx_json_find(json, 0, key)) != OTX_JSON_NULL)
            continue;
        value.size = 0;
        otx__text_json_string(&value, donor->vocab.tokens[id].content,
                              donor->vocab.tokens[id].content_size);
        otx__text_bytes(&value, "", 1);
        result = value.failed ? otx__fail_memory(error, value.size)
                              : otx_json_edit_set(ctx, edit, 0, key, value.bytes, error);
    }
    otx__text_close(&value);
    return result;
}

/* Appends tokenizer_config.json with what was chosen. */
OTX__PRIVATE otx_result otx__class_config(const otx_context *ctx, const otx__side *donor,
                                          const otx__class_choice *choice, otx__text *to,
                                          otx_error *error)
{
    const otx__document *document = &donor->tokenizer;
    otx_json_edit *edit = NULL;
    char value[OTX__QUOTED + 2];
    otx_result result;
    if (!document->present) {
        otx__text_format(to, "{\n  \"" OTX__KEY_TOKENIZER_CLASS "\": \"%s\"", choice->name);
        if (choice->code)
            otx__text_string(to, ",\n  \"" OTX__KEY_AUTO_MAP "\": {\"" OTX__KEY_AUTO_TOKENIZER
                                 "\": " OTX__CLASS_MAP "}");
        otx__text_string(to, "\n}\n");
        return to->failed ? otx__fail_memory(error, to->size) : OTX_OK;
    }
    otx__format(value, sizeof value, "\"%s\"", choice->name);
    result = otx_json_edit_open(ctx, &document->json, &edit, error);
    if (!result)
        result = otx_json_edit_set(ctx, edit, 0, OTX__KEY_TOKENIZER_CLASS, value, error);
    if (!result && choice->code)
        result = otx_json_edit_set(ctx, edit, 0, OTX__KEY_AUTO_MAP,
                                   "{\"" OTX__KEY_AUTO_TOKENIZER "\": " OTX__CLASS_MAP "}", error);
    if (!result && choice->rebuilt) result = otx__class_roles(ctx, donor, edit, error);
    if (!result) result = otx__edit_to_text(edit, to, error);
    otx_json_edit_close(ctx, edit);
    return result;
}

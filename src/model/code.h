/* ---- code: the Python that a tokenizer is loaded with ------------------------ */

/* The most that is read of one module. */
#define OTX__CODE_LIMIT ((size_t)16 << 20)

/* The most bytes of a name that is looked for in a text. */
#define OTX__CODE_NAME 255

/* What the code of a tokenizer consists of. Loaders run the modules that "auto_map"
   names, those that these import from beside themselves, and these open files whose names
   stand in them as strings. */
typedef struct otx__code {
    const otx_context *ctx;
    const otx__side *side;
    otx__listing there; /* what the directory has */
    otx__listing files; /* of it, what is needed: in order of being found, each once */
    otx_error *error;
} otx__code;

OTX__PRIVATE void otx__code_close(otx__code *code)
{
    otx__listing_close(&code->there);
    otx__listing_close(&code->files);
}

OTX__PRIVATE bool otx__code_has(const otx__code *code, const char *name)
{
    size_t i;
    for (i = 0; i < code->files.count; i++)
        if (strcmp(code->files.names[i], name) == 0) return true;
    return false;
}

/* Adds a file if the directory has it; `*found` tells. */
OTX__PRIVATE otx_result otx__code_add(otx__code *code, const char *name, bool *found)
{
    *found = otx__listing_has(&code->there, name);
    if (!*found || otx__code_has(code, name) || otx__listing_add(&code->files, name))
        return OTX_OK;
    return otx__fail_memory(code->error, strlen(name) + 1);
}

/* Adds the module of a dotted name: name.py, or the package whose name comes first. One
   that is needed and not there is an error that names who wants it. */
OTX__PRIVATE otx_result otx__code_module(otx__code *code, otx__span module, const char *who,
                                         bool needed)
{
    char name[OTX__CODE_NAME + 4], text[OTX__PATH_TEXT], quoted[OTX__QUOTED];
    size_t size = 0;
    bool found = false;
    otx_result result;
    while (size < module.size && module.bytes[size] != '.') size++;
    if (size == 0 || size > OTX__CODE_NAME) return OTX_OK;
    memcpy(name, module.bytes, size);
    memcpy(name + size, ".py", 4);
    result = otx__code_add(code, name, &found);
    name[size] = 0;
    if (!result && !found) result = otx__code_add(code, name, &found);
    if (result || found || !needed) return result;
    return otx__fail(code->error, OTX_ERROR_NOT_FOUND,
                     "%s: %s needs \"%s.py\", which is not there; the tokenizer cannot be "
                     "loaded without it", otx__path_text(text, code->side->path), who,
                     otx__quote(quoted, sizeof quoted, name, size));
}

/* The modules of an auto_map's AutoTokenizer: "module.Class", alone or in a list of slow
   and fast. "repository--module.Class" is fetched by the loader, and needs no file. */
OTX__PRIVATE otx_result otx__code_auto_map(otx__code *code, const otx__document *document)
{
    const otx_json *json = &document->json;
    uint32_t map = otx_json_find(json, otx__document_root(document), OTX__KEY_AUTO_MAP);
    uint32_t node = otx_json_find(json, map, OTX__KEY_AUTO_TOKENIZER), i;
    otx_result result = OTX_OK;
    for (i = node; node != OTX_JSON_NONE && i < otx_json_after(json, node) && !result; i++) {
        otx__span name = otx__json_span(json, i);
        bool remote = otx__span_contains(name, "--");
        size_t at = name.size;
        if (otx_json_type_of(json, i) != OTX_JSON_STRING) continue;
        while (at > 0 && name.bytes[at - 1] != '-' && name.bytes[at - 1] != '/') at--;
        name.bytes += at;
        name.size -= at;
        result = otx__code_module(code, name, "\"" OTX__KEY_AUTO_MAP "\"", !remote);
    }
    return result;
}

/* ---- what a module imports and opens ---- */

OTX__PRIVATE otx__span otx__skip_blanks(otx__span text)
{
    while (text.size > 0 && (*text.bytes == ' ' || *text.bytes == '\t')) {
        text.bytes++;
        text.size--;
    }
    return text;
}

/* Takes a word off the front of a text if it begins with it and a blank follows. */
OTX__PRIVATE bool otx__take_word(otx__span *text, const char *word)
{
    size_t size = strlen(word);
    if (text->size <= size || memcmp(text->bytes, word, size) != 0) return false;
    if (text->bytes[size] != ' ' && text->bytes[size] != '\t') return false;
    text->bytes += size;
    text->size -= size;
    *text = otx__skip_blanks(*text);
    return true;
}

/* Takes off the front what may stand in a Python name, dots included. */
OTX__PRIVATE otx__span otx__take_name(otx__span *text)
{
    otx__span name = otx__span_of(text->bytes, 0);
    while (name.size < text->size) {
        unsigned char c = (unsigned char)text->bytes[name.size];
        if (!(c == '_' || c == '.' || c >= 0x80 || otx__is_digit((char)c) ||
              (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z')))
            break;
        name.size++;
    }
    text->bytes += name.size;
    text->size -= name.size;
    return name;
}

/* "from .module import ...", from whose line `text` is the rest of the file; or
   "from . import a, (b as c", where each may be a module or not. */
OTX__PRIVATE otx_result otx__code_import(otx__code *code, otx__span text, const char *who)
{
    otx_result result = OTX_OK;
    otx__span name;
    bool parenthesis = false;
    text = otx__skip_blanks(text);
    if (!otx__take_word(&text, "from")) return OTX_OK;
    name = otx__take_name(&text);
    text = otx__skip_blanks(text);
    if (name.size == 0 || *name.bytes != '.' || !otx__take_word(&text, "import")) return OTX_OK;
    name.bytes++;
    name.size--;
    if (name.size > 0)
        return *name.bytes == '.' ? OTX_OK : otx__code_module(code, name, who, true);
    while (text.size > 0 && !result) {
        name = otx__take_name(&text);
        if (name.size > 0 && !otx__span_is(name, "as"))
            result = otx__code_module(code, name, who, false);
        if (name.size > 0) continue;
        if (*text.bytes == '(') parenthesis = true;
        if (*text.bytes == ')' || (*text.bytes == '\n' && !parenthesis)) break;
        text.bytes++;
        text.size--;
    }
    return result;
}

/* Whether a file that code names is the model's and not the tokenizer's. */
OTX__PRIVATE bool otx__is_of_model(const char *name)
{
    return otx__name_fits_any(name, otx__model_files, OTX__COUNT(otx__model_files));
}

/* The string that a quotation mark opens, if a file of the directory has its name. */
OTX__PRIVATE otx_result otx__code_string(otx__code *code, otx__span text)
{
    char name[OTX__CODE_NAME + 1];
    size_t size = 1;
    bool found;
    while (size < text.size && text.bytes[size] != *text.bytes && text.bytes[size] != '\n' &&
           size <= OTX__CODE_NAME)
        size++;
    if (size == 1 || size >= text.size || text.bytes[size] != *text.bytes) return OTX_OK;
    memcpy(name, text.bytes + 1, size - 1);
    name[size - 1] = 0;
    if (strlen(name) != size - 1 || otx__is_of_model(name)) return OTX_OK;
    return otx__code_add(code, name, &found);
}

/* Looks through a text: for imports if it is Python, and for names of files. */
OTX__PRIVATE otx_result otx__code_scan(otx__code *code, otx__span text, const char *who,
                                       bool python)
{
    otx_result result = OTX_OK;
    bool line = true; /* at the start of one */
    for (; text.size > 0 && !result; text.bytes++, text.size--) {
        if (line && python) result = otx__code_import(code, text, who);
        line = *text.bytes == '\n';
        if (!result && (*text.bytes == '"' || *text.bytes == '\''))
            result = otx__code_string(code, text);
    }
    return result;
}

/* Looks through one file that was found; directories are taken as they are. */
OTX__PRIVATE otx_result otx__code_file(otx__code *code, const char *name)
{
    char *path, *text = NULL;
    otx__status status;
    otx_result result;
    size_t size = 0;
    if (!otx__has_suffix(name, ".py")) return OTX_OK;
    path = otx__path_join(code->ctx, code->side->path, name);
    if (!path) return otx__fail_memory(code->error, strlen(name) + 1);
    result = otx__look(path, &status, code->error);
    if (!result && !status.directory)
        result = otx__file_read_all(code->ctx, path, OTX__CODE_LIMIT, &text, &size,
                                    code->error);
    if (!result && text) result = otx__code_scan(code, otx__span_of(text, size), name, true);
    otx__file_free(code->ctx, text, size);
    otx__path_free(code->ctx, path);
    return result;
}

/* Finds all that the code of a side's tokenizer needs; no files if it brings none. Close
   with otx__code_close in any case. A module that is not there is OTX_ERROR_NOT_FOUND. */
OTX__PRIVATE otx_result otx__code_open(const otx_context *ctx, const otx__side *side,
                                       otx__code *code, otx_error *error)
{
    const otx__document *config = &side->tokenizer;
    otx_result result;
    size_t i;
    memset(code, 0, sizeof *code);
    code->ctx = code->files.ctx = ctx;
    code->side = side;
    code->error = error;
    result = otx__listing_open(ctx, side->path, &code->there, error);
    if (!result) result = otx__code_auto_map(code, config);
    if (!result && code->files.count == 0) result = otx__code_auto_map(code, &side->config);
    if (!result && code->files.count > 0 && config->present)
        result = otx__code_scan(code, otx__span_of(config->text, config->size), "", false);
    for (i = 0; i < code->files.count && !result; i++) /* grows as it goes */
        result = otx__code_file(code, code->files.names[i]);
    return result;
}

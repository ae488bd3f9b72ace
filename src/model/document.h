/* ---- documents: the JSON files of a model directory --------------------- */

/* Most objects of one file that describe a language model: see otx__document_levels.
   Real configs have three. */
#define OTX__MAX_LEVELS 64

/* One JSON file of a directory. Absent ones have no nodes, so that every
   look-up from otx__document_root finds nothing. */
typedef struct otx__document {
    char *text;
    size_t size;
    otx_json json;
    bool present;
    uint32_t levels[OTX__MAX_LEVELS]; /* nodes, the root first */
    size_t level_count;
} otx__document;

/* Far above any real one; keeps a hostile file from filling the memory. */
#define OTX__DOCUMENT_LIMIT OTX__INDEX_LIMIT

OTX__PRIVATE void otx__document_close(const otx_context *ctx, otx__document *document)
{
    otx_json_close(ctx, &document->json);
    otx__file_free(ctx, document->text, document->size);
    memset(document, 0, sizeof *document);
}

/* Lists the objects that describe the language model: the whole of config.json, and
   within it the parts that multimodal models keep for their text side, or an encoder
   and its decoder for themselves; within those again. The outer come first. */
OTX__PRIVATE otx_result otx__document_levels(otx__document *document, const char *path,
                                             otx_error *error)
{
    const otx_json *json = &document->json;
    char name[OTX__PATH_TEXT];
    size_t at, i;
    document->levels[document->level_count++] = 0;
    for (at = 0; at < document->level_count; at++) /* grows as it goes */
        for (i = 0; i < OTX__COUNT(otx__nested_configs); i++) {
            uint32_t node = otx_json_find(json, document->levels[at], otx__nested_configs[i]);
            if (otx_json_type_of(json, node) != OTX_JSON_OBJECT) continue;
            if (document->level_count == OTX__MAX_LEVELS)
                return otx__fail(error, OTX_ERROR_LIMIT, "%s: more than %d configs of language "
                                 "models lie within each other", otx__path_text(name, path),
                                 OTX__MAX_LEVELS);
            document->levels[document->level_count++] = node;
        }
    return OTX_OK;
}

/* Reads and parses directory/name, an object. A missing file is an absent
   document. NaN and Infinity are let through, as Python writes them. */
OTX__PRIVATE otx_result otx__document_open(const otx_context *ctx, const char *directory,
                                           const char *name, otx__document *out,
                                           otx_error *error)
{
    otx_json_options options;
    otx__status status;
    otx_result result;
    char *path;
    memset(out, 0, sizeof *out);
    memset(&options, 0, sizeof options);
    options.allow_nonfinite = true;
    path = otx__path_join(ctx, directory, name);
    if (!path) return otx__fail_memory(error, strlen(directory) + strlen(name) + 2);
    result = otx__look(path, &status, error);
    if (result || !status.present) goto done;
    result = otx__file_read_all(ctx, path, OTX__DOCUMENT_LIMIT, &out->text, &out->size, error);
    if (result) goto done;
    result = otx_json_parse(ctx, out->text, out->size, path, &options, &out->json, error);
    if (!result && otx_json_type_of(&out->json, 0) != OTX_JSON_OBJECT)
        result = otx__fail(error, OTX_ERROR_FORMAT, "%s: not a JSON object", path);
    if (!result) result = otx__document_levels(out, path, error);
    if (result) otx__document_close(ctx, out);
    else out->present = true;
done:
    otx__path_free(ctx, path);
    return result;
}

OTX__PRIVATE uint32_t otx__document_root(const otx__document *document)
{
    return document->present ? 0 : OTX_JSON_NONE;
}

/* Whether a node is one of those objects. */
OTX__PRIVATE bool otx__document_has_level(const otx__document *document, uint32_t node)
{
    size_t i;
    for (i = 0; i < document->level_count; i++)
        if (document->levels[i] == node) return true;
    return false;
}

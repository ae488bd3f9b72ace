/* ---- weights: which files they are, and what may stand in their place -------- */

/* ---- in a directory ---- */

/* The weights of a directory: an index or a file, or if it has neither a GGUF file, by names
   of its listing; none, if it holds none, or several that may be meant. */
typedef struct otx__weights_found {
    const char *index, *file, *gguf;
    const char *rival; /* the first of several */
} otx__weights_found;

/* Whether a name is that of one shard of several: "model-00001-of-00002.safetensors". */
OTX__PRIVATE bool otx__is_shard(const char *name)
{
    const char *of = strstr(name, "-of-");
    return of && of > name && otx__is_digit(of[-1]) && otx__is_digit(of[4]);
}

/* Takes the one index or file under another name than the usual, of which there must not
   be two: model.fp16.safetensors and the like. */
OTX__PRIVATE void otx__weights_variant(const otx__listing *listing, otx__weights_found *found)
{
    size_t i, count = 0;
    for (i = 0; i < listing->count; i++) {
        const char *name = listing->names[i];
        bool index = otx__name_fits_any(name, otx__index_variants,
                                        OTX__COUNT(otx__index_variants));
        bool file = otx__has_suffix(name, ".safetensors") && !otx__is_shard(name) &&
                    !otx__name_fits_any(name, otx__partial_weights,
                                        OTX__COUNT(otx__partial_weights));
        if (!index && !file) continue;
        if (count++ == 0) found->rival = name;
        if (index) found->index = name;
        else found->file = name;
    }
    if (count == 1) found->rival = NULL;
    else found->index = found->file = NULL;
}

OTX__PRIVATE void otx__weights_find(const otx__listing *listing, otx__weights_found *found)
{
    memset(found, 0, sizeof *found);
    if (otx__listing_has(listing, OTX__INDEX_FILE)) found->index = OTX__INDEX_FILE;
    if (otx__listing_has(listing, OTX__MODEL_FILE)) found->file = OTX__MODEL_FILE;
    if (!found->index && !found->file) otx__weights_variant(listing, found);
    if (!found->index && !found->file && !otx__listing_like(listing, "*.safetensors"))
        found->gguf = otx__gguf_in(listing, &found->rival);
}

/* ---- a cache of huggingface_hub ---- */

/* The directory of a snapshot, if it is one: "CACHE/snapshots/NAME"; or NULL. */
OTX__PRIVATE otx_result otx__snapshot(const otx_context *ctx, const char *snapshots,
                                      const char *name, char **path, uint64_t *modified,
                                      otx_error *error)
{
    otx__status status;
    otx_result result;
    *path = otx__path_join(ctx, snapshots, name);
    if (!*path) return otx__fail_memory(error, strlen(snapshots) + strlen(name) + 2);
    result = otx__look(*path, &status, error);
    *modified = status.modified;
    if (!result && status.directory) return OTX_OK;
    otx__path_free(ctx, *path);
    *path = NULL;
    return result;
}

/* The snapshot that refs/main of a cache names, or NULL. */
OTX__PRIVATE otx_result otx__snapshot_main(const otx_context *ctx, const char *cache,
                                           const char *snapshots, char **path,
                                           otx_error *error)
{
    char *refs = otx__path_join(ctx, cache, "refs/main"), *name = NULL;
    otx_error problem;
    uint64_t modified;
    size_t size = 0, length;
    otx_result result = OTX_OK;
    *path = NULL;
    if (!refs) return otx__fail_memory(error, strlen(cache) + 10);
    if (!otx__file_read_all(ctx, refs, OTX__REFERENCE_LIMIT, &name, &size, &problem)) {
        length = strspn(name, "0123456789abcdefABCDEF");
        name[length] = 0; /* a line's end may follow */
        if (length > 0)
            result = otx__snapshot(ctx, snapshots, name, path, &modified, error);
        otx__file_free(ctx, name, size);
    }
    otx__path_free(ctx, refs);
    return result;
}

/* The snapshot that was made last, or NULL. */
OTX__PRIVATE otx_result otx__snapshot_last(const otx_context *ctx, const char *snapshots,
                                           char **path, otx_error *error)
{
    otx__listing listing;
    uint64_t newest = 0;
    size_t i;
    otx_result result = otx__listing_open(ctx, snapshots, &listing, error);
    *path = NULL;
    for (i = 0; i < listing.count && !result; i++) {
        uint64_t modified;
        char *found;
        result = otx__snapshot(ctx, snapshots, listing.names[i], &found, &modified, error);
        if (!result && found && (!*path || modified > newest)) {
            otx__path_free(ctx, *path);
            *path = found;
            newest = modified;
        } else {
            otx__path_free(ctx, found);
        }
    }
    otx__listing_close(&listing);
    return result;
}

/* Names the snapshot that is to be given in place of a cache, the folder that holds
   `snapshots`. `what` stands at the path. */
OTX__PRIVATE otx_result otx__fail_snapshot(const otx_context *ctx, const char *path,
                                           const char *cache, const char *what,
                                           otx_error *error)
{
    char where[OTX__PATH_TEXT], there[OTX__PATH_TEXT];
    char *snapshots = otx__path_join(ctx, cache, "snapshots"), *found = NULL;
    otx_result result;
    otx__path_text(where, path);
    if (!snapshots) return otx__fail_memory(error, strlen(cache) + 11);
    result = otx__snapshot_main(ctx, cache, snapshots, &found, error);
    if (!result && !found) result = otx__snapshot_last(ctx, snapshots, &found, error);
    if (!result && found)
        result = otx__fail(error, OTX_ERROR_UNSUPPORTED, "%s: is %s; give the directory %s",
                           where, what, otx__path_text(there, found));
    else if (!result)
        result = otx__fail(error, OTX_ERROR_UNSUPPORTED, "%s: is %s, and holds no snapshot of "
                           "its model; download the model again", where, what);
    otx__path_free(ctx, found);
    otx__path_free(ctx, snapshots);
    return result;
}

/* Refuses a directory that is one of huggingface_hub's cache, and names the one within that
   is meant: for a model's folder, for `snapshots` in it, and for the folder of them all.
   OTX_OK if it is none. */
OTX__PRIVATE otx_result otx__refuse_cache(const otx_context *ctx, const char *path,
                                          const otx__listing *listing, otx_error *error)
{
    const char *last = path + otx__path_name(path);
    const char *models = otx__listing_like(listing, "models--*");
    char *cache;
    otx_result result;
    if (otx__listing_has(listing, "snapshots"))
        return otx__fail_snapshot(ctx, path, path, "a model's folder in a cache", error);
    if (!models && strcmp(last, "snapshots") != 0) return OTX_OK;
    cache = models ? otx__path_join(ctx, path, models) : otx__path_parent(ctx, path);
    if (!cache) return otx__fail_memory(error, strlen(path) + 1);
    result = otx__fail_snapshot(ctx, path, cache, models ? "a cache of models" :
                                "a folder of snapshots", error);
    otx__path_free(ctx, cache);
    return result;
}

/* ---- an adapter ---- */

/* What adapter_config.json in a directory says of the model that it is for, for a message;
   "?" if it says nothing. Returns `to`. */
OTX__PRIVATE const char *otx__adapter_base(const otx_context *ctx, const char *directory,
                                           char to[OTX__QUOTED])
{
    char *path = otx__path_join(ctx, directory, OTX__ADAPTER_CONFIG), *text = NULL, *name;
    otx_error problem;
    otx_json json;
    size_t size = 0;
    uint32_t node;
    memset(&json, 0, sizeof json);
    strcpy(to, "?");
    if (!path) return to;
    if (!otx__file_read_all(ctx, path, OTX__INDEX_LIMIT, &text, &size, &problem) &&
        !otx_json_parse(ctx, text, size, path, NULL, &json, &problem)) {
        node = otx_json_find(&json, 0, OTX__KEY_ADAPTER_BASE);
        name = otx_json_type_of(&json, node) == OTX_JSON_STRING
                   ? (char *)otx__alloc(ctx, size, 1) : NULL;
        if (name) otx__quote(to, OTX__QUOTED, name, otx_json_string(&json, node, name));
        otx__free(ctx, name, size, 1);
    }
    otx_json_close(ctx, &json);
    if (text) otx__file_free(ctx, text, size);
    otx__path_free(ctx, path);
    return to;
}

/* Refuses an adapter, the file `name` in a directory. */
OTX__PRIVATE otx_result otx__fail_adapter(const otx_context *ctx, const char *directory,
                                          const char *name, otx_error *error)
{
    char where[OTX__PATH_TEXT], base[OTX__QUOTED], file[OTX__QUOTED];
    return otx__fail(error, OTX_ERROR_UNSUPPORTED, "%s: \"%s\" is an adapter of the model \"%s\" "
                     "and no model; merge it, in Python, D being this directory and NEW another: "
                     OTX__MERGE_ADAPTER " and give NEW", otx__path_text(where, directory),
                     otx__quote(file, sizeof file, name, strlen(name)),
                     otx__adapter_base(ctx, directory, base));
}

/* ---- reports ---- */

/* A directory within that holds weights, or NULL: the last of several, as of the
   checkpoints of a training. */
OTX__PRIVATE otx_result otx__weights_within(const otx_context *ctx, const char *path,
                                            const otx__listing *listing, const char **within,
                                            otx_error *error)
{
    otx_result result = OTX_OK;
    size_t i, j;
    *within = NULL;
    for (i = 0; i < listing->count && !result; i++)
        for (j = 0; j < 2; j++) {
            char *inner = otx__path_join(ctx, path, listing->names[i]), *file = NULL;
            otx__status status;
            memset(&status, 0, sizeof status);
            if (inner) file = otx__path_join(ctx, inner, j ? OTX__INDEX_FILE : OTX__MODEL_FILE);
            if (!file) result = otx__fail_memory(error, strlen(path) + 1);
            else if (otx__sys_status(file, &status) && status.regular)
                *within = listing->names[i];
            otx__path_free(ctx, inner);
            otx__path_free(ctx, file);
        }
    return result;
}

/* Reports a directory that holds no weights, or more than one model's. */
OTX__PRIVATE otx_result otx__fail_no_weights(const otx_context *ctx, const char *path,
                                             const otx__listing *listing,
                                             const otx__weights_found *found, otx_error *error)
{
    char where[OTX__PATH_TEXT], file[OTX__QUOTED];
    const char *adapter = otx__listing_like(listing, OTX__ADAPTER), *name = NULL, *advice;
    const char *within = NULL;
    otx_result result = otx__refuse_cache(ctx, path, listing, error);
    if (result) return result;
    otx__path_text(where, path);
    if (found->rival)
        return otx__fail(error, OTX_ERROR_UNSUPPORTED, "%s: holds no " OTX__MODEL_FILE " and no "
                         OTX__INDEX_FILE ", but several other files of weights; give the path of "
                         "one, such as %s/%s", where, where,
                         otx__quote(file, sizeof file, found->rival, strlen(found->rival)));
    if (adapter) return otx__fail_adapter(ctx, path, adapter, error);
    advice = otx__find_advice(otx__weight_advice, OTX__COUNT(otx__weight_advice),
                              (const char *const *)listing->names, listing->count, &name);
    if (!advice) result = otx__weights_within(ctx, path, listing, &within, error);
    if (result) return result;
    if (within)
        return otx__fail(error, OTX_ERROR_UNSUPPORTED, "%s: holds no " OTX__MODEL_FILE " and no "
                         OTX__INDEX_FILE "; its directory \"%s\" does: give %s/%s", where,
                         otx__quote(file, sizeof file, within, strlen(within)), where, file);
    return otx__fail_missing(error, path, OTX__MODEL_FILE " and no " OTX__INDEX_FILE, name,
                             advice);
}

/* ---- one file ---- */

/* What a file that is given as weights is. */
typedef enum otx__weights_kind {
    OTX__WEIGHTS_FILE, /* safetensors */
    OTX__WEIGHTS_INDEX,
    OTX__WEIGHTS_GGUF
} otx__weights_kind;

/* Bytes that a file is recognised by. */
#define OTX__MAGIC 16

/* What a file that begins with these bytes is, with a word on what to do; or NULL. */
OTX__PRIVATE const otx__known_magic *otx__magic_of(const char *bytes, size_t size)
{
    size_t i;
    for (i = 0; i < OTX__COUNT(otx__known_magics); i++)
        if (size >= otx__known_magics[i].size &&
            memcmp(bytes, otx__known_magics[i].bytes, otx__known_magics[i].size) == 0)
            return &otx__known_magics[i];
    return NULL;
}

/* Whether a file that begins with these bytes is a safetensors file. */
OTX__PRIVATE bool otx__is_safetensors(const char *bytes, size_t got, uint64_t size)
{
    uint64_t header = 0;
    size_t i;
    if (got < 9 || bytes[8] != '{') return false;
    for (i = 8; i-- > 0;) header = header << 8 | (unsigned char)bytes[i];
    return header <= size - 8;
}

/* Tells what an open file is, or refuses it. Its name counts where it says what the file
   should be: then what is wrong with it is found by who reads it. */
OTX__PRIVATE otx_result otx__weights_look(const otx_source *source, const char *path,
                                          otx__weights_kind *kind, otx_error *error)
{
    const char *name = path + otx__path_name(path);
    char bytes[OTX__MAGIC], where[OTX__PATH_TEXT];
    size_t got = source->size < sizeof bytes ? (size_t)source->size : sizeof bytes;
    const otx__known_magic *magic = NULL;
    otx_result result = OTX_OK;
    *kind = OTX__WEIGHTS_FILE;
    otx__path_text(where, path);
    if (!source->read(source->context, 0, bytes, got))
        return otx__fail_read(error, path, source, 0, got);
    if (!otx__is_safetensors(bytes, got, source->size)) magic = otx__magic_of(bytes, got);
    if (got >= 4 && memcmp(bytes, OTX__GGUF_MAGIC, 4) == 0) {
        *kind = OTX__WEIGHTS_GGUF;
    } else if (magic) {
        result = otx__fail(error, OTX_ERROR_UNSUPPORTED, "%s: is %s; %s", where, magic->what,
                           magic->advice);
    } else if (otx__name_fits_any(name, otx__index_variants,
                                  OTX__COUNT(otx__index_variants))) {
        *kind = OTX__WEIGHTS_INDEX;
    } else if (otx__has_suffix(name, ".gguf")) {
        *kind = OTX__WEIGHTS_GGUF;
    } else if (!otx__has_suffix(name, ".safetensors") &&
               !otx__is_safetensors(bytes, got, source->size)) {
        result = otx__fail(error, OTX_ERROR_UNSUPPORTED, "%s: is neither a directory nor a "
                           "safetensors or GGUF file", where);
    }
    return result;
}

/* The same for a path. */
OTX__PRIVATE otx_result otx__weights_look_at(const otx_context *ctx, const char *path,
                                             otx__weights_kind *kind, otx_error *error)
{
    otx_source source;
    otx_result result = otx_source_open(ctx, path, &source, error);
    if (result) return result;
    result = otx__weights_look(&source, path, kind, error);
    otx_source_close(ctx, &source);
    return result;
}

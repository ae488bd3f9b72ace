/* ---- the other files of the two models ---------------------------------- */

/* Copies of the weights that would still hold the old vocabulary: other formats,
   other layouts, and directories of either. */
OTX__PRIVATE bool otx__name_is_stale_weights(const char *name, bool directory)
{
    static const char *const directories[] = {"original", "onnx", "openvino", "coreml", "gguf",
                                              "metal", "mlx"};
    static const char *const ends[] = {".safetensors", ".safetensors.index.json", ".bin",
                                       ".bin.index.json", ".gguf", ".ggml", ".h5", ".msgpack",
                                       ".msgpack.index.json", ".pt", ".pth", ".ckpt", ".onnx",
                                       ".onnx_data", ".ot", ".tflite", ".npz", ".nemo"};
    size_t i;
    for (i = 0; directory && i < OTX__COUNT(directories); i++)
        if (strcmp(name, directories[i]) == 0) return true;
    for (i = 0; !directory && i < OTX__COUNT(ends); i++)
        if (otx__has_suffix(name, ends[i])) return true;
    return false;
}

/* What the download and version control keep beside a model. */
OTX__PRIVATE bool otx__name_is_bookkeeping(const char *name)
{
    return strcmp(name, ".git") == 0 || strcmp(name, ".cache") == 0 ||
           strcmp(name, ".huggingface") == 0;
}

OTX__PRIVATE bool otx__name_is_tokenizer_code(const char *name)
{
    return otx__has_prefix(name, "tokenization_") && otx__has_suffix(name, ".py");
}

/* Files that the job writes itself, or that the donor replaces. */
OTX__PRIVATE bool otx__job_replaces(const otx_job *job, const char *name)
{
    size_t i;
    if (strcmp(name, "config.json") == 0 || strcmp(name, "generation_config.json") == 0 ||
        strcmp(name, OTX__INDEX_FILE) == 0 || otx__is_of_tokenizer(name))
        return true;
    for (i = 0; i < job->base.file_count; i++)
        if (strcmp(name, job->base.files[i].name) == 0) return true;
    return false;
}

/* Copies one entry of a directory of the base or the donor, whole. */
OTX__PRIVATE otx_result otx__copy_entry(const otx_job *job, const char *from_directory,
                                        const char *to_directory, const char *name,
                                        otx__meter *meter, otx_error *error)
{
    const otx_context *ctx = &job->ctx;
    char *from = otx__path_join(ctx, from_directory, name);
    char *to = otx__path_join(ctx, to_directory, name);
    otx_result result;
    if (!from || !to)
        result = otx__fail_memory(error, strlen(from_directory) + strlen(name) + 2);
    else result = otx__tree_copy(ctx, from, to, meter, error);
    otx__path_free(ctx, from);
    otx__path_free(ctx, to);
    return result;
}

/* Whether a sub-directory of the base holds a model of its own, whose vocabulary is the
   old one: what training leaves behind, or what has a config.json with a model's type.
   Modules that come with a model, as those of sentence-transformers, have none. */
OTX__PRIVATE otx_result otx__holds_model(const otx_context *ctx, const char *path,
                                         const char *name, bool *holds, otx_error *error)
{
    otx__document config;
    otx_result result;
    *holds = otx__has_shape(name, strlen(name), "checkpoint-#") ||
             otx__has_shape(name, strlen(name), "global_step#");
    if (*holds) return OTX_OK;
    result = otx__document_open(ctx, path, "config.json", &config, error);
    if (result == OTX_ERROR_FORMAT || result == OTX_ERROR_LIMIT) return OTX_OK; /* not ours */
    if (result) return result;
    *holds = otx_json_find(&config.json, otx__document_root(&config), "model_type") !=
             OTX_JSON_NONE;
    otx__document_close(ctx, &config);
    return OTX_OK;
}

/* Everything of the base that does not depend on the vocabulary. */
OTX__PRIVATE otx_result otx__copy_base(otx_job *job, const char *directory, otx__meter *meter,
                                       otx_error *error)
{
    otx__listing listing;
    otx_result result = otx__listing_open(&job->ctx, job->base_path, &listing, error);
    size_t i;
    if (result) return result;
    for (i = 0; i < listing.count && !result; i++) {
        const char *name = listing.names[i];
        char *path;
        otx__status status;
        bool stale = false;
        if (otx__job_replaces(job, name) || otx__name_is_bookkeeping(name)) continue;
        path = otx__path_join(&job->ctx, job->base_path, name);
        if (!path) {
            result = otx__fail_memory(error, strlen(job->base_path) + strlen(name) + 2);
            break;
        }
        result = otx__look(path, &status, error);
        if (result && otx__name_is_stale_weights(name, false)) result = OTX_OK; /* left out */
        if (!result && status.directory)
            result = otx__holds_model(&job->ctx, path, name, &stale, error);
        otx__path_free(&job->ctx, path);
        if (result) break;
        if (stale || otx__name_is_stale_weights(name, status.directory)) {
            char quoted[OTX__QUOTED];
            otx__log(&job->ctx, OTX_NOTE, "%s: \"%s\" is left out: it may hold weights for the "
                     "old vocabulary", job->base_path,
                     otx__quote(quoted, sizeof quoted, name, strlen(name)));
            continue;
        }
        result = otx__copy_entry(job, job->base_path, directory, name, meter, error);
    }
    otx__listing_close(&listing);
    return result;
}

/* Whether some string in an auto_map's AutoTokenizer, "module.Class" or
   "repository--module.Class", names the module that is in `name` (module.py). */
OTX__PRIVATE bool otx__auto_map_names(const otx__document *document, const char *name)
{
    const otx_json *json = &document->json;
    uint32_t map = otx_json_find(json, otx__document_root(document), "auto_map");
    uint32_t node = otx_json_find(json, map, "AutoTokenizer"), end, i;
    size_t size = strlen(name) - 3; /* without .py */
    if (node == OTX_JSON_NONE) return false;
    end = json->nodes[node].next;
    for (i = node; i < end; i++) {
        const char *text = json->text + json->nodes[i].start;
        size_t length = json->nodes[i].end - json->nodes[i].start, at;
        if (otx_json_type_of(json, i) != OTX_JSON_STRING) continue;
        for (at = length; at > 0 && text[at - 1] != '-' && text[at - 1] != '/'; at--) {}
        if (length - at > size && memcmp(text + at, name, size) == 0 && text[at + size] == '.')
            return true;
    }
    return false;
}

/* The donor's tokenizer files, and the code that its configuration names. */
OTX__PRIVATE otx_result otx__copy_donor(otx_job *job, const char *directory,
                                        otx__meter *meter, otx_error *error)
{
    otx__listing listing;
    otx_result result = otx__listing_open(&job->ctx, job->donor_path, &listing, error);
    size_t i;
    if (result) return result;
    for (i = 0; i < listing.count && !result; i++) {
        const char *name = listing.names[i];
        bool code = otx__name_is_tokenizer_code(name) &&
                    (otx__auto_map_names(&job->donor_tokenizer, name) ||
                     otx__auto_map_names(&job->donor_config, name));
        if (otx__name_is_tokenizer_code(name) ? !code : !otx__is_of_tokenizer(name)) continue;
        result = otx__copy_entry(job, job->donor_path, directory, name, meter, error);
    }
    otx__listing_close(&listing);
    return result;
}

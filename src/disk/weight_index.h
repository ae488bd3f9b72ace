/* ---- weight_index: the index of a checkpoint in shards ---------------------- */

/* Room for a file's name in a message: `char text[OTX__NAME_TEXT];`. */
#define OTX__NAME_TEXT 96

OTX__PRIVATE const char *otx__name_text(char to[OTX__NAME_TEXT], const char *name)
{
    return otx__quote(to, OTX__NAME_TEXT, name, strlen(name));
}

/* Most entries and shards of an index: about a hundred times those of the
   largest models there are. */
#define OTX__INDEX_NODES ((size_t)1 << 24)
#define OTX__INDEX_FILES 65536

/* One line of the weight map. */
typedef struct otx__weight_entry {
    otx__span tensor, shard;
    uint32_t file;
    bool absent; /* it is in no shard */
} otx__weight_entry;

typedef struct otx__weight_index {
    char *text; /* the file */
    size_t text_size;
    char *strings; /* what the entries point at; text_size bytes */
    otx__weight_entry *entries;
    size_t count;
} otx__weight_index;

OTX__PRIVATE void otx__weight_index_close(const otx_context *ctx, otx__weight_index *index)
{
    otx__free(ctx, index->entries, index->count, sizeof *index->entries);
    otx__free(ctx, index->strings, index->text_size, 1);
    if (index->text) otx__file_free(ctx, index->text, index->text_size);
    memset(index, 0, sizeof *index);
}

OTX__PRIVATE int otx__weight_by_file(const void *a, const void *b)
{
    const otx__weight_entry *one = (const otx__weight_entry *)a;
    const otx__weight_entry *other = (const otx__weight_entry *)b;
    return otx__compare_bytes(one->shard.bytes, one->shard.size, other->shard.bytes,
                              other->shard.size);
}

OTX__PRIVATE int otx__weight_by_tensor(const void *a, const void *b)
{
    const otx__weight_entry *one = (const otx__weight_entry *)a;
    const otx__weight_entry *other = (const otx__weight_entry *)b;
    return otx__compare_bytes(one->tensor.bytes, one->tensor.size, other->tensor.bytes,
                              other->tensor.size);
}

/* The weight map of a parsed index: the one member of that name. */
OTX__PRIVATE otx_result otx__weight_index_map(const otx_json *json, const char *name,
                                              uint32_t *map, otx_error *error)
{
    otx_json_iter at = otx_json_iter_of(json, 0);
    unsigned found = 0;
    if (otx_json_type_of(json, 0) != OTX_JSON_OBJECT)
        return otx__fail(error, OTX_ERROR_FORMAT, "%s: is not a JSON object", name);
    while (otx_json_iter_next(&at))
        if (otx_json_equals(json, at.key, "weight_map")) {
            *map = at.value;
            found++;
        }
    if (found != 1 || otx_json_type_of(json, *map) != OTX_JSON_OBJECT)
        return otx__fail(error, OTX_ERROR_FORMAT, "%s: %s", name,
                         found == 0   ? "has no \"weight_map\""
                         : found == 1 ? "\"weight_map\" is not an object"
                                      : "has more than one \"weight_map\"");
    if (otx_json_count(json, *map) == 0)
        return otx__fail(error, OTX_ERROR_FORMAT, "%s: \"weight_map\" is empty", name);
    return OTX_OK;
}

/* Fills in the entries from the members of the weight map, in their order. */
OTX__PRIVATE otx_result otx__weight_index_entries(const otx_json *json, uint32_t map,
                                                  const char *name, otx__weight_index *index,
                                                  otx_error *error)
{
    otx_json_iter at = otx_json_iter_of(json, map);
    char *end = index->strings;
    while (otx_json_iter_next(&at)) {
        otx__weight_entry *entry = &index->entries[at.index];
        char what[OTX__QUOTED];
        entry->tensor = otx__span_of(end, otx_json_string(json, at.key, end));
        end += entry->tensor.size;
        if (otx_json_type_of(json, at.value) != OTX_JSON_STRING)
            return otx__fail(error, OTX_ERROR_FORMAT, "%s: the file of tensor \"%s\" is not a "
                             "string", name, otx__quote(what, sizeof what, entry->tensor.bytes,
                                                        entry->tensor.size));
        entry->shard = otx__span_of(end, otx_json_string(json, at.value, end));
        end += entry->shard.size;
    }
    return OTX_OK;
}

/* Reads an index. `path` is its file's. */
OTX__PRIVATE otx_result otx__weight_index_open(const otx_context *ctx, const char *path,
                                               otx__weight_index *index, otx_error *error)
{
    char name[OTX__PATH_TEXT];
    uint32_t map = 0;
    otx_json json;
    otx_json_options options;
    otx_result result;
    memset(index, 0, sizeof *index);
    memset(&json, 0, sizeof json);
    memset(&options, 0, sizeof options);
    options.max_nodes = OTX__INDEX_NODES;
    otx__path_text(name, path);
    result = otx__file_read_all(ctx, path, OTX__INDEX_LIMIT, &index->text, &index->text_size,
                                error);
    if (!result)
        result = otx_json_parse(ctx, index->text, index->text_size, name, &options, &json,
                                error);
    if (!result) result = otx__weight_index_map(&json, name, &map, error);
    if (!result) {
        index->count = otx_json_count(&json, map);
        index->strings = (char *)otx__alloc(ctx, index->text_size, 1);
        index->entries = (otx__weight_entry *)otx__alloc_zero(ctx, index->count,
                                                             sizeof *index->entries);
        if (!index->strings || !index->entries)
            result = otx__fail_memory(error, index->count * sizeof *index->entries);
    }
    if (!result) result = otx__weight_index_entries(&json, map, name, index, error);
    otx_json_close(ctx, &json);
    if (result) otx__weight_index_close(ctx, index);
    return result;
}

/* Shards are names within the directory, the same on every file system: no way
   out of it, no drive, no stream, nothing a terminal would act on, and no dot or space at
   the end, which Windows takes away. */
OTX__PRIVATE bool otx__is_weight_file(const char *name, size_t size)
{
    size_t i;
    if (size == 0 || size > 255 || name[0] == '.') return false;
    if (name[size - 1] == '.' || name[size - 1] == ' ') return false;
    for (i = 0; i < size; i++) {
        unsigned char c = (unsigned char)name[i];
        if (c < 0x20 || c == 0x7f || c == '/' || c == '\\' || c == ':') return false;
    }
    return true;
}

OTX__PRIVATE int otx__lower(char c) { return c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c; }

/* Order by name without regard to ASCII case. */
OTX__PRIVATE int otx__compare_folded(const void *a, const void *b)
{
    const char *one = *(char *const *)a, *other = *(char *const *)b;
    while (*one && otx__lower(*one) == otx__lower(*other)) one++, other++;
    return otx__lower(*one) - otx__lower(*other);
}

/* Two shards whose names differ only in case would be one file elsewhere. */
OTX__PRIVATE otx_result otx__check_case(const otx_context *ctx,
                                        const otx_checkpoint *checkpoint, const char *path,
                                        otx_error *error)
{
    size_t count = checkpoint->file_count, i;
    otx_result result = OTX_OK;
    char **names = (char **)otx__alloc(ctx, count, sizeof *names);
    if (!names) return otx__fail_memory(error, count * sizeof *names);
    for (i = 0; i < count; i++) names[i] = checkpoint->files[i].name;
    otx__sort(names, count, sizeof *names, otx__compare_folded);
    for (i = 1; i < count && !result; i++)
        if (otx__compare_folded(&names[i - 1], &names[i]) == 0) {
            char where[OTX__PATH_TEXT], one[OTX__NAME_TEXT], other[OTX__NAME_TEXT];
            result = otx__fail(error, OTX_ERROR_MISMATCH, "%s: the shards \"%s\" and \"%s\" "
                               "differ only in case", otx__path_text(where, path),
                               otx__name_text(one, names[i - 1]),
                               otx__name_text(other, names[i]));
        }
    otx__free(ctx, names, count, sizeof *names);
    return result;
}

/* Lists the shards that an index names, each once, and notes in the entries
   which is theirs. Sorts the entries by shard. */
OTX__PRIVATE otx_result otx__weight_index_list(const otx_context *ctx, otx__weight_index *index,
                                               const char *path, otx_checkpoint *checkpoint,
                                               otx_error *error)
{
    char where[OTX__PATH_TEXT], what[OTX__QUOTED];
    size_t i, count = 0;
    otx__sort(index->entries, index->count, sizeof *index->entries, otx__weight_by_file);
    for (i = 0; i < index->count; i++) {
        otx__weight_entry *entry = &index->entries[i];
        if (i == 0 || otx__weight_by_file(entry - 1, entry) != 0) count++;
        entry->file = (uint32_t)(count - 1);
    }
    if (count > OTX__INDEX_FILES)
        return otx__fail(error, OTX_ERROR_LIMIT, "%s: names %" PRIu64 " shards, more than the "
                         "limit of %d", otx__path_text(where, path), (uint64_t)count,
                         OTX__INDEX_FILES);
    checkpoint->files =
        (otx_checkpoint_file *)otx__alloc_zero(ctx, count, sizeof *checkpoint->files);
    if (!checkpoint->files) return otx__fail_memory(error, count * sizeof *checkpoint->files);
    checkpoint->file_count = count;
    for (i = 0; i < index->count; i++) {
        const otx__weight_entry *entry = &index->entries[i];
        otx_checkpoint_file *file = &checkpoint->files[entry->file];
        if (file->name) continue;
        if (!otx__is_weight_file(entry->shard.bytes, entry->shard.size))
            return otx__fail(error, OTX_ERROR_FORMAT, "%s: \"%s\" is not the name of a file "
                             "within the directory", otx__path_text(where, path),
                             otx__quote(what, sizeof what, entry->shard.bytes,
                                        entry->shard.size));
        file->name = otx__path_copy(ctx, entry->shard.bytes, entry->shard.size);
        if (!file->name) return otx__fail_memory(error, entry->shard.size + 1);
    }
    return otx__check_case(ctx, checkpoint, path, error);
}

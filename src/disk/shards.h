/* ---- shards: what an index and the headers of its shards say of each other ----- */

/* transformers 5 takes of an index the names of the files alone: it reads every tensor of
   each, in the order of the names, so that of two tensors of one name the last counts. It
   is read so here; where the index says otherwise there is a warning, and the index of an
   output is made from the shards. */

/* Tensors that the index says something else of: how many, and the first. */
typedef struct otx__strays {
    char list[3 * (2 * OTX__NAME_TEXT + 12)];
    size_t length;
    uint64_t count;
} otx__strays;

OTX__PRIVATE void otx__strays_add(otx__strays *strays, otx__span name, otx__span shard)
{
    char quoted[OTX__NAME_TEXT], file[OTX__NAME_TEXT];
    if (strays->count++ >= 3) return;
    strays->length += otx__format(strays->list + strays->length,
                                  sizeof strays->list - strays->length, "%s\"%s\" in \"%s\"",
                                  strays->length ? ", " : "",
                                  otx__quote(quoted, sizeof quoted, name.bytes, name.size),
                                  otx__quote(file, sizeof file, shard.bytes, shard.size));
}

/* The same for one that a file holds. */
OTX__PRIVATE void otx__strays_found(otx__strays *strays, const otx_checkpoint *checkpoint,
                                    const otx_tensor *tensor, size_t file)
{
    const char *name = checkpoint->files[file].name;
    otx__strays_add(strays, otx__span_of(tensor->name, tensor->name_size),
                    otx__span_of(name, strlen(name)));
}

OTX__PRIVATE void otx__strays_tell(const otx_context *ctx, const char *path,
                                   const otx__strays *strays, const char *what)
{
    char where[OTX__PATH_TEXT];
    if (strays->count == 0) return;
    otx__log(ctx, OTX_WARNING, "%s: %" PRIu64 " tensors %s: %s%s", otx__path_text(where, path),
             strays->count, what, strays->list, strays->count > 3 ? ", ..." : "");
}

/* ---- the tensors of all files ---- */

/* By name, and those of one name by file. */
OTX__PRIVATE int otx__checkpoint_by_name(const void *a, const void *b)
{
    const otx_checkpoint_tensor *one = (const otx_checkpoint_tensor *)a;
    const otx_checkpoint_tensor *other = (const otx_checkpoint_tensor *)b;
    int order = otx__compare_tensors(one->tensor, other->tensor);
    if (order != 0) return order;
    return one->file < other->file ? -1 : one->file > other->file;
}

/* Whether the tensor after this one is of the same name. */
OTX__PRIVATE bool otx__is_superseded(const otx_checkpoint_tensor *all, size_t count, size_t i)
{
    return i + 1 < count && otx__compare_tensors(all[i].tensor, all[i + 1].tensor) == 0;
}

/* Gathers the tensors of all files, sorted by name, of those of one name the last. */
OTX__PRIVATE otx_result otx__checkpoint_gather(const otx_context *ctx,
                                               otx_checkpoint *checkpoint, otx_error *error)
{
    otx_checkpoint_tensor *all, *next;
    size_t count = 0, kept = 0, i, j;
    for (i = 0; i < checkpoint->file_count; i++)
        count += checkpoint->files[i].header.tensor_count;
    all = next = (otx_checkpoint_tensor *)otx__alloc(ctx, count, sizeof *all);
    if (!all) return otx__fail_memory(error, count * sizeof *all);
    for (i = 0; i < checkpoint->file_count; i++)
        for (j = 0; j < checkpoint->files[i].header.tensor_count; j++, next++) {
            next->tensor = &checkpoint->files[i].header.tensors[j];
            next->file = (uint32_t)i;
        }
    otx__sort(all, count, sizeof *all, otx__checkpoint_by_name);
    for (i = 0; i < count; i++) kept += !otx__is_superseded(all, count, i);
    next = (otx_checkpoint_tensor *)otx__alloc(ctx, kept, sizeof *next);
    checkpoint->tensors = next;
    checkpoint->tensor_count = next ? kept : 0;
    for (i = 0; i < count && next; i++)
        if (!otx__is_superseded(all, count, i)) *next++ = all[i];
    otx__free(ctx, all, count, sizeof *all);
    return checkpoint->tensors ? OTX_OK : otx__fail_memory(error, kept * sizeof *all);
}

OTX__PRIVATE int otx__checkpoint_compare_name(const void *key, const void *item)
{
    const otx__span *name = (const otx__span *)key;
    const otx_tensor *tensor = ((const otx_checkpoint_tensor *)item)->tensor;
    return otx__compare_bytes(name->bytes, name->size, tensor->name, tensor->name_size);
}

/* Whether a tensor of one of the files is the one that is read. */
OTX__PRIVATE bool otx__checkpoint_reads(const otx_checkpoint *checkpoint,
                                        const otx_tensor *tensor)
{
    const otx__span name = otx__span_of(tensor->name, tensor->name_size);
    const otx_checkpoint_tensor *found = (const otx_checkpoint_tensor *)otx__sorted_find(
        checkpoint->tensors, checkpoint->tensor_count, sizeof *checkpoint->tensors, &name,
        otx__checkpoint_compare_name);
    return found && found->tensor == tensor;
}

/* ---- the index beside them ---- */

/* No tensor may be in the index twice. Its entries are sorted by tensor. */
OTX__PRIVATE otx_result otx__weight_index_unique(const otx__weight_index *index,
                                                 const char *path, otx_error *error)
{
    char where[OTX__PATH_TEXT], what[OTX__QUOTED];
    size_t i;
    for (i = 1; i < index->count; i++) {
        const otx__weight_entry *entry = &index->entries[i];
        if (otx__weight_by_tensor(entry - 1, entry) == 0)
            return otx__fail(error, OTX_ERROR_FORMAT, "%s: names tensor \"%s\" twice",
                             otx__path_text(where, path),
                             otx__quote(what, sizeof what, entry->tensor.bytes,
                                        entry->tensor.size));
    }
    return OTX_OK;
}

/* Tells of the tensors that are in several shards. */
OTX__PRIVATE void otx__checkpoint_repeats(const otx_context *ctx, otx_checkpoint *checkpoint,
                                          const char *path)
{
    otx__strays strays;
    size_t count = 0, i, j;
    memset(&strays, 0, sizeof strays);
    for (i = 0; i < checkpoint->file_count; i++)
        count += checkpoint->files[i].header.tensor_count;
    if (count == checkpoint->tensor_count) return;
    checkpoint->index_differs = true;
    for (i = 0; i < checkpoint->file_count; i++)
        for (j = 0; j < checkpoint->files[i].header.tensor_count; j++) {
            const otx_tensor *tensor = &checkpoint->files[i].header.tensors[j];
            if (!otx__checkpoint_reads(checkpoint, tensor))
                otx__strays_found(&strays, checkpoint, tensor, i);
        }
    otx__strays_tell(ctx, path, &strays, "are not read, as a later shard has them too and "
                                         "transformers reads that");
}

/* Keeps the names of tensors that no shard holds. */
OTX__PRIVATE otx_result otx__checkpoint_keep(const otx_context *ctx, otx_checkpoint *checkpoint,
                                             const otx__weight_index *index, otx_error *error)
{
    size_t i, size = 0;
    char *end;
    for (i = 0; i < index->count; i++)
        if (index->entries[i].absent) size += index->entries[i].tensor.size + 1;
    if (size == 0) return OTX_OK;
    checkpoint->absent = end = (char *)otx__alloc(ctx, size, 1);
    if (!end) return otx__fail_memory(error, size);
    checkpoint->absent_size = size;
    for (i = 0; i < index->count; i++) {
        const otx__span name = index->entries[i].tensor;
        if (!index->entries[i].absent) continue;
        memcpy(end, name.bytes, name.size);
        end[name.size] = 0;
        end += name.size + 1;
    }
    return OTX_OK;
}

/* Compares the index with the tensors: two lists, each sorted by name and without
   repetitions, that should go in step. */
OTX__PRIVATE otx_result otx__checkpoint_compare(const otx_context *ctx,
                                                otx_checkpoint *checkpoint,
                                                const otx__weight_index *index,
                                                const char *path, otx_error *error)
{
    otx__strays ghosts, unlisted, elsewhere;
    size_t i = 0, j = 0;
    memset(&ghosts, 0, sizeof ghosts);
    memset(&unlisted, 0, sizeof unlisted);
    memset(&elsewhere, 0, sizeof elsewhere);
    while (i < index->count || j < checkpoint->tensor_count) {
        otx__weight_entry *entry = i < index->count ? &index->entries[i] : NULL;
        const otx_checkpoint_tensor *at =
            j < checkpoint->tensor_count ? &checkpoint->tensors[j] : NULL;
        int order = !entry ? 1 : !at ? -1 : otx__compare_bytes(entry->tensor.bytes,
                                                               entry->tensor.size,
                                                               at->tensor->name,
                                                               at->tensor->name_size);
        if (order < 0) otx__strays_add(&ghosts, entry->tensor, entry->shard);
        else if (order > 0) otx__strays_found(&unlisted, checkpoint, at->tensor, at->file);
        else if (entry->file != at->file)
            otx__strays_found(&elsewhere, checkpoint, at->tensor, at->file);
        if (entry) entry->absent = order < 0;
        i += order <= 0;
        j += order >= 0;
    }
    if (ghosts.count || unlisted.count || elsewhere.count) checkpoint->index_differs = true;
    otx__strays_tell(ctx, path, &ghosts, "that it names are in no shard");
    otx__strays_tell(ctx, path, &unlisted, "are read that it does not name, as transformers 5 "
                                           "does");
    otx__strays_tell(ctx, path, &elsewhere, "are read from another shard than it says");
    otx__checkpoint_repeats(ctx, checkpoint, path);
    return otx__checkpoint_keep(ctx, checkpoint, index, error);
}

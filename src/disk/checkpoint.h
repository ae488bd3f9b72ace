/* ---- checkpoint: a model directory, in one file or in several ------------ */

/* ---- opening ---- */

/* Opens the file number `i`, whose name is set, and reads its header. */
OTX__PRIVATE otx_result otx__checkpoint_open_file(const otx_context *ctx,
                                                  otx_checkpoint *checkpoint, size_t i,
                                                  otx_error *error)
{
    otx_checkpoint_file *file = &checkpoint->files[i];
    char name[OTX__PATH_TEXT], *path = otx__path_join(ctx, checkpoint->path, file->name);
    otx_result result;
    if (!path) return otx__fail_memory(error, strlen(checkpoint->path) + strlen(file->name));
    otx__path_text(name, path);
    result = otx_source_open(ctx, path, &file->source, error);
    if (result == OTX_ERROR_NOT_FOUND && (checkpoint->sharded || checkpoint->file_count > 1))
        result = otx__fail(error, OTX_ERROR_MISMATCH, "%s: is missing, but the %s", name,
                           checkpoint->gguf ? "model is split, and this is a part of it"
                                            : "index names it");
    if (!result && checkpoint->gguf) {
        result = otx_gguf_open(ctx, &file->source, name, &file->gguf, error);
        file->header.tensors = file->gguf.tensors;
        file->header.tensor_count = file->gguf.tensor_count;
        file->header.data_begin = file->gguf.data_begin;
    } else if (!result) {
        result = otx_safetensors_open(ctx, &file->source, name, &file->header, error);
    }
    otx__path_free(ctx, path);
    return result;
}

OTX_API void otx_checkpoint_close(const otx_context *ctx, otx_checkpoint *checkpoint)
{
    size_t i;
    for (i = 0; i < checkpoint->file_count; i++) {
        otx_checkpoint_file *file = &checkpoint->files[i];
        otx_safetensors_close(ctx, &file->header);
        otx_gguf_close(ctx, &file->gguf);
        otx_source_close(ctx, &file->source);
        otx__path_free(ctx, file->name);
    }
    otx__free(ctx, checkpoint->files, checkpoint->file_count, sizeof *checkpoint->files);
    otx__free(ctx, checkpoint->tensors, checkpoint->tensor_count, sizeof *checkpoint->tensors);
    otx__path_free(ctx, checkpoint->index);
    otx__free(ctx, checkpoint->absent, checkpoint->absent_size, 1);
    otx__path_free(ctx, checkpoint->path);
    memset(checkpoint, 0, sizeof *checkpoint);
}

/* Opens the one file of a checkpoint, or the first of several. */
OTX__PRIVATE otx_result otx__checkpoint_first(const otx_context *ctx,
                                               otx_checkpoint *checkpoint, const char *name,
                                               otx_error *error)
{
    checkpoint->files =
        (otx_checkpoint_file *)otx__alloc_zero(ctx, 1, sizeof *checkpoint->files);
    if (!checkpoint->files) return otx__fail_memory(error, sizeof *checkpoint->files);
    checkpoint->file_count = 1;
    checkpoint->files[0].name = otx__path_copy(ctx, name, strlen(name));
    if (!checkpoint->files[0].name) return otx__fail_memory(error, strlen(name) + 1);
    return otx__checkpoint_open_file(ctx, checkpoint, 0, error);
}

/* A checkpoint that is one file. */
OTX__PRIVATE otx_result otx__checkpoint_single(const otx_context *ctx,
                                               otx_checkpoint *checkpoint, const char *name,
                                               otx_error *error)
{
    otx_result result = otx__checkpoint_first(ctx, checkpoint, name, error);
    return result ? result : otx__checkpoint_gather(ctx, checkpoint, error);
}

/* Names the parts of a split GGUF file, whose first is open, and makes room for them. */
OTX__PRIVATE otx_result otx__checkpoint_parts(const otx_context *ctx,
                                              otx_checkpoint *checkpoint, size_t count,
                                              otx_error *error)
{
    const char *name = checkpoint->files[0].name;
    const size_t size = strlen(name);
    char end[16];
    size_t i;
    otx_checkpoint_file *files =
        (otx_checkpoint_file *)otx__alloc_zero(ctx, count, sizeof *files);
    if (!files) return otx__fail_array(error, count, sizeof *files);
    files[0] = checkpoint->files[0];
    otx__free(ctx, checkpoint->files, 1, sizeof *files);
    checkpoint->files = files;
    checkpoint->file_count = count;
    for (i = 1; i < count; i++) {
        files[i].name = otx__path_copy(ctx, name, size);
        if (!files[i].name) return otx__fail_memory(error, size + 1);
        otx__format(end, sizeof end, "%05u", (unsigned)i + 1);
        memcpy(files[i].name + size - OTX__GGUF_PART + 1, end, 5);
    }
    return OTX_OK;
}

/* A checkpoint that is a GGUF file, or a split one by its first part. */
OTX__PRIVATE otx_result otx__checkpoint_gguf(const otx_context *ctx, otx_checkpoint *checkpoint,
                                             const char *name, otx_error *error)
{
    size_t count = 1, i;
    otx_result result;
    checkpoint->gguf = true;
    result = otx__checkpoint_first(ctx, checkpoint, name, error);
    if (!result) result = otx__gguf_parts_count(checkpoint, &count, error);
    if (!result && count > 1) result = otx__checkpoint_parts(ctx, checkpoint, count, error);
    for (i = 1; i < count && !result; i++) {
        result = otx__checkpoint_open_file(ctx, checkpoint, i, error);
        if (!result) result = otx__gguf_part_check(checkpoint, i, error);
    }
    if (!result) result = otx__checkpoint_gather(ctx, checkpoint, error);
    if (!result && count > 1) result = otx__gguf_parts_check(checkpoint, error);
    return result;
}

/* A checkpoint with an index, of that name. `both`: there is a model.safetensors besides,
   which some loaders would take and others not. */
OTX__PRIVATE otx_result otx__checkpoint_sharded(const otx_context *ctx,
                                                otx_checkpoint *checkpoint,
                                                const char *index_name, bool both,
                                                otx_error *error)
{
    char name[OTX__PATH_TEXT], *path = otx__path_join(ctx, checkpoint->path, index_name);
    otx__weight_index index;
    otx_result result;
    size_t i;
    if (!path) return otx__fail_memory(error, strlen(checkpoint->path) + 64);
    checkpoint->sharded = true;
    memset(&index, 0, sizeof index);
    checkpoint->index = otx__path_copy(ctx, index_name, strlen(index_name));
    result = checkpoint->index ? otx__weight_index_open(ctx, path, &index, error)
                               : otx__fail_memory(error, strlen(index_name) + 1);
    if (!result) result = otx__weight_index_list(ctx, &index, path, checkpoint, error);
    if (!result && both &&
        (checkpoint->file_count > 1 || strcmp(checkpoint->files[0].name, OTX__MODEL_FILE) != 0))
        result = otx__fail(error, OTX_ERROR_MISMATCH, "%s: holds both " OTX__MODEL_FILE " and "
                           OTX__INDEX_FILE ", which names other files; remove the one that is "
                           "out of date", otx__path_text(name, checkpoint->path));
    for (i = 0; i < checkpoint->file_count && !result; i++)
        result = otx__checkpoint_open_file(ctx, checkpoint, i, error);
    if (!result) result = otx__checkpoint_gather(ctx, checkpoint, error);
    if (!result)
        otx__sort(index.entries, index.count, sizeof *index.entries, otx__weight_by_tensor);
    if (!result) result = otx__weight_index_unique(&index, path, error);
    if (!result) result = otx__checkpoint_compare(ctx, checkpoint, &index, path, error);
    otx__weight_index_close(ctx, &index);
    otx__path_free(ctx, path);
    return result;
}

/* `*absent` is set where the directory holds no weights. */
OTX__PRIVATE otx_result otx__checkpoint_directory(const otx_context *ctx, const char *path,
                                                  otx_checkpoint *checkpoint, bool *absent,
                                                  otx_error *error)
{
    otx__listing listing;
    otx__weights_found found;
    otx_result result;
    checkpoint->path = otx__path_copy(ctx, path, strlen(path));
    if (!checkpoint->path) return otx__fail_memory(error, strlen(path) + 1);
    result = otx__listing_open(ctx, path, &listing, error);
    if (result) return result;
    otx__weights_find(&listing, &found);
    *absent = !found.index && !found.file && !found.gguf;
    if (found.index)
        result = otx__checkpoint_sharded(ctx, checkpoint, found.index, found.file != NULL,
                                         error);
    else if (found.file) result = otx__checkpoint_single(ctx, checkpoint, found.file, error);
    else if (found.gguf) result = otx__checkpoint_gguf(ctx, checkpoint, found.gguf, error);
    else result = otx__fail_no_weights(ctx, path, &listing, &found, error);
    otx__listing_close(&listing);
    return result;
}

/* A checkpoint that is named by its file or its index. */
OTX__PRIVATE otx_result otx__checkpoint_given(const otx_context *ctx, const char *path,
                                              otx_checkpoint *checkpoint, otx_error *error)
{
    const char *name = path + otx__path_name(path);
    otx__weights_kind kind;
    otx_result result = otx__weights_look_at(ctx, path, &kind, error);
    if (result) return result;
    checkpoint->path = otx__path_parent(ctx, path);
    if (!checkpoint->path) return otx__fail_memory(error, strlen(path) + 1);
    if (kind == OTX__WEIGHTS_FILE) return otx__checkpoint_single(ctx, checkpoint, name, error);
    if (kind == OTX__WEIGHTS_GGUF) return otx__checkpoint_gguf(ctx, checkpoint, name, error);
    return otx__checkpoint_sharded(ctx, checkpoint, name, false, error);
}

/* As otx_checkpoint_open; `*absent` is set where the path is a directory without weights. */
OTX__PRIVATE otx_result otx__checkpoint_try(const otx_context *ctx, const char *path,
                                            otx_checkpoint *out, bool *absent,
                                            otx_error *error)
{
    otx__status status;
    otx_result result;
    memset(out, 0, sizeof *out);
    *absent = false;
    result = otx__model_status(path, &status, error);
    if (result) return result;
    result = status.directory ? otx__checkpoint_directory(ctx, path, out, absent, error)
                              : otx__checkpoint_given(ctx, path, out, error);
    if (result) otx_checkpoint_close(ctx, out);
    return result;
}

OTX_API otx_result otx_checkpoint_open(const otx_context *ctx, const char *path,
                                       otx_checkpoint *out, otx_error *error)
{
    bool absent;
    return otx__checkpoint_try(ctx, path, out, &absent, error);
}

/* Fails if a file of the checkpoint is no longer what it was when it was opened. */
OTX__PRIVATE otx_result otx__checkpoint_unchanged(const otx_context *ctx,
                                                  const otx_checkpoint *checkpoint,
                                                  otx_error *error)
{
    otx_result result = OTX_OK;
    size_t i;
    for (i = 0; i < checkpoint->file_count && !result; i++) {
        const otx_checkpoint_file *file = &checkpoint->files[i];
        char *path = otx__path_join(ctx, checkpoint->path, file->name);
        result = path ? otx__source_unchanged(&file->source, path, error)
                      : otx__fail_memory(error, strlen(checkpoint->path) + 1);
        otx__path_free(ctx, path);
    }
    return result;
}

/* ---- reading ---- */

OTX_API const otx_checkpoint_tensor *otx_checkpoint_find(const otx_checkpoint *checkpoint,
                                                         const char *name)
{
    const otx__span key = otx__span_of(name, strlen(name));
    return (const otx_checkpoint_tensor *)otx__sorted_find(
        checkpoint->tensors, checkpoint->tensor_count, sizeof *checkpoint->tensors, &key,
        otx__checkpoint_compare_name);
}

/* What a tensor's type is called in its file: in GGUF, where it may be one that is not read
   here, by ggml. */
OTX__PRIVATE const char *otx__checkpoint_type_name(const otx_checkpoint *checkpoint,
                                                   const otx_checkpoint_tensor *tensor)
{
    const otx_gguf *gguf = &checkpoint->files[tensor->file].gguf;
    return checkpoint->gguf ? otx_gguf_type_name(gguf->types[tensor->tensor - gguf->tensors])
                            : otx_dtype_name(tensor->tensor->dtype);
}

/* Reads bytes of a tensor as they stand in the file, `first` counting from its
   own first. Thread-safe. */
OTX__PRIVATE otx_result otx__checkpoint_bytes(const otx_checkpoint *checkpoint,
                                              const otx_checkpoint_tensor *tensor,
                                              uint64_t first, size_t size, void *to,
                                              otx_error *error)
{
    const otx_checkpoint_file *file = &checkpoint->files[tensor->file];
    const otx_tensor *what = tensor->tensor;
    uint64_t have = what->end - what->begin;
    char where[OTX__PATH_TEXT], shard[OTX__NAME_TEXT], name[OTX__QUOTED];
    bool within = first <= have && size <= have - first;
    if (within && file->source.read(file->source.context, what->begin + first, to, size))
        return OTX_OK;
    otx__path_text(where, checkpoint->path);
    otx__name_text(shard, file->name);
    otx__quote(name, sizeof name, what->name, what->name_size);
    if (!within)
        return otx__fail(error, OTX_ERROR_ARGUMENT, "%s: \"%s\": tensor \"%s\" has %" PRIu64
                         " bytes; %" PRIu64 " from byte %" PRIu64 " on are beyond it", where,
                         shard, name, have, (uint64_t)size, first);
    return otx__fail(error, OTX_ERROR_IO, "%s: \"%s\": tensor \"%s\": cannot read %" PRIu64
                     " bytes at offset %" PRIu64 "; was the file changed or cut short?", where,
                     shard, name, (uint64_t)size, what->begin + first);
}

/* Elements of `size` bytes between the files' byte order and the host's, in
   place; either way is the same. */
OTX__PRIVATE void otx__little_endian(void *elements, size_t count, size_t size)
{
    const uint16_t probe = 1;
    unsigned char *bytes = (unsigned char *)elements, low;
    size_t i, j;
    memcpy(&low, &probe, 1);
    if (low == 1) return;
    for (i = 0; i < count; i++, bytes += size)
        for (j = 0; j < size / 2; j++) {
            unsigned char swapped = bytes[j];
            bytes[j] = bytes[size - 1 - j];
            bytes[size - 1 - j] = swapped;
        }
}

/* Reads a tensor of blocks, and widens it where it is read to: its bytes come to the end of
   the room for its floats, which no float reaches before they were read. */
OTX__PRIVATE otx_result otx__checkpoint_blocks(const otx_checkpoint *checkpoint,
                                               const otx_checkpoint_tensor *tensor,
                                               uint64_t first, size_t count, float *to,
                                               otx_error *error)
{
    unsigned char block[256];
    char name[OTX__QUOTED];
    const unsigned char *from;
    unsigned bytes;
    const unsigned elements = otx_dtype_block(tensor->tensor->dtype, &bytes);
    size_t size, room, i;
    uint64_t offset;
    otx_result result;
    if (first % elements != 0 || count % elements != 0)
        return otx__fail(error, OTX_ERROR_ARGUMENT, "tensor \"%s\": %" PRIu64 " elements from %"
                         PRIu64 " on are no whole blocks of %u", otx__quote(name, sizeof name,
                         tensor->tensor->name, tensor->tensor->name_size), (uint64_t)count,
                         first, elements);
    if (!otx__mul64(first / elements, bytes, &offset)) offset = UINT64_MAX;
    if (!otx__mul(count / elements, bytes, &size) || !otx__mul(count, sizeof *to, &room))
        size = room = SIZE_MAX;
    from = (unsigned char *)to + (room - size);
    result = otx__checkpoint_bytes(checkpoint, tensor, offset, size,
                                   (unsigned char *)to + (room - size), error);
    for (i = 0; i < count / elements && !result; i++) {
        memcpy(block, from + i * bytes, bytes);
        otx_blocks_to_float(to + i * elements, block, tensor->tensor->dtype, elements);
    }
    return result;
}

OTX_API otx_result otx_checkpoint_read(const otx_checkpoint *checkpoint,
                                       const otx_checkpoint_tensor *tensor, uint64_t first,
                                       size_t count, void *to, otx_error *error)
{
    size_t size = otx_dtype_bits(tensor->tensor->dtype) / 8, bytes;
    uint64_t offset;
    otx_result result;
    if (otx_dtype_is_block(tensor->tensor->dtype))
        return otx__checkpoint_blocks(checkpoint, tensor, first, count, (float *)to, error);
    if (!otx_dtype_is_embedding(tensor->tensor->dtype)) {
        char what[OTX__QUOTED];
        return otx__fail(error, OTX_ERROR_UNSUPPORTED, "tensor \"%s\": cannot read elements of "
                         "type %s", otx__quote(what, sizeof what, tensor->tensor->name,
                                               tensor->tensor->name_size),
                         otx__checkpoint_type_name(checkpoint, tensor));
    }
    if (!otx__mul64(first, size, &offset)) offset = UINT64_MAX;
    if (!otx__mul(count, size, &bytes)) bytes = SIZE_MAX;
    result = otx__checkpoint_bytes(checkpoint, tensor, offset, bytes, to, error);
    if (!result) otx__little_endian(to, count, size);
    return result;
}

/* ---- write_gguf: the output as a GGUF file, or as parts of one --------------------- */

#define OTX__GGUF_ENDING ".gguf"

/* Most parts: their count is written in 16 bits. */
#define OTX__GGUF_PARTS 65535

/* One file of the output. */
typedef struct otx__gguf_part {
    size_t first, count; /* of its tensors among all */
    otx_gguf_layout layout;
} otx__gguf_part;

/* An output while it is written. */
typedef struct otx__gguf_writing {
    otx__output output;
    otx__gguf_list keys;
    otx_tensor *tensors; /* of the output: the base's in their order, */
    uint32_t *types;     /* ggml's numbers of their types, */
    otx_checkpoint_tensor *originals; /* and where they come from */
    size_t count;
    otx__gguf_part *parts;
    size_t part_count;
    char **names; /* of the parts, in the output's directory */
    otx__meter meter;
} otx__gguf_writing;

/* ---- names ---- */

/* Fails if a name is that of a file of either model. */
OTX__PRIVATE otx_result otx__gguf_check_name(const otx_job *job, const char *path,
                                             otx_error *error)
{
    const otx__side *sides[2];
    char name[OTX__PATH_TEXT];
    otx__status ours, theirs;
    otx_result result = otx__look(path, &ours, error);
    size_t i, j;
    sides[0] = &job->base;
    sides[1] = &job->donor;
    for (i = 0; i < 2; i++)
        for (j = 0; j < sides[i]->checkpoint.file_count && !result; j++) {
            char *file = otx__path_join(&job->ctx, sides[i]->checkpoint.path,
                                        sides[i]->checkpoint.files[j].name);
            if (!file) return otx__fail_memory(error, strlen(path));
            result = otx__look(file, &theirs, error);
            otx__path_free(&job->ctx, file);
            if (!result && otx__same_file(&ours, &theirs))
                result = otx__fail(error, OTX_ERROR_ARGUMENT, "%s: the output must not be a file "
                                   "of the %s", otx__path_text(name, path),
                                   sides[i]->donor ? "donor" : "base");
        }
    return result;
}

/* Fails unless the output's name is one that a GGUF file can have. */
OTX__PRIVATE otx_result otx__gguf_check_output(const otx_job *job, const char *out,
                                               otx_error *error)
{
    char name[OTX__PATH_TEXT];
    otx__path_text(name, out);
    if (!otx__has_suffix(out, OTX__GGUF_ENDING))
        return otx__fail(error, OTX_ERROR_ARGUMENT, "%s: the base is a GGUF file, and so is the "
                         "output: give a name that ends in " OTX__GGUF_ENDING, name);
    if (otx__is_shard(out + otx__path_name(out)))
        return otx__fail(error, OTX_ERROR_ARGUMENT, "%s: is the name of a part of several; give "
                         "NAME" OTX__GGUF_ENDING ", which becomes NAME-00001-of-00002"
                         OTX__GGUF_ENDING " and so on where there are parts", name);
    return otx__gguf_check_name(job, out, error);
}

/* The name of a part, for otx__path_free; NULL when out of memory. */
OTX__PRIVATE char *otx__gguf_part_name(const otx_job *job, const otx__output *output,
                                       size_t part, size_t count)
{
    const char *name = output->path + otx__path_name(output->path);
    const size_t stem = strlen(name) - strlen(OTX__GGUF_ENDING);
    char number[32], *joined;
    size_t size;
    if (count == 1) return otx__path_copy(&job->ctx, name, strlen(name));
    size = otx__format(number, sizeof number, "-%05" PRIu64 "-of-%05" PRIu64 OTX__GGUF_ENDING,
                       (uint64_t)part + 1, (uint64_t)count);
    joined = (char *)otx__alloc(&job->ctx, stem + size + 1, 1);
    if (!joined) return NULL;
    memcpy(joined, name, stem);
    memcpy(joined + stem, number, size + 1);
    return joined;
}

/* Names the parts, and looks whether the names are free, or may be. */
OTX__PRIVATE otx_result otx__gguf_name_parts(const otx_job *job, otx__gguf_writing *w,
                                             otx_error *error)
{
    otx_result result = OTX_OK;
    size_t i;
    w->names = (char **)otx__alloc_zero(&job->ctx, w->part_count, sizeof *w->names);
    if (!w->names) return otx__fail_array(error, w->part_count, sizeof *w->names);
    for (i = 0; i < w->part_count && !result; i++) {
        char *path = NULL;
        bool present;
        w->names[i] = otx__gguf_part_name(job, &w->output, i, w->part_count);
        if (w->names[i]) path = otx__staged_path(&w->output, w->names[i]);
        result = path ? otx__gguf_check_name(job, path, error)
                      : otx__fail_memory(error, strlen(w->output.path) + 32);
        if (!result) result = otx__staged_check(&w->output, path, &present, error);
        otx__path_free(&job->ctx, path);
    }
    return result;
}

/* ---- before the solve: where everything will stand ---- */

/* Takes a directory beside the output's name. If it fails, nothing has been done; else
   close with otx__gguf_writing_close. */
OTX__PRIVATE otx_result otx__gguf_writing_begin(const otx_job *job, const char *out,
                                                otx__gguf_writing *w, otx_error *error)
{
    otx_result result = otx__gguf_check_output(job, out, error);
    memset(w, 0, sizeof *w);
    otx__gguf_list_open(&w->keys, &job->ctx);
    w->meter.stage = OTX_STAGE_WRITE;
    w->meter.subject = job->base.path;
    if (result) return result;
    return otx__staged_begin(&job->ctx, out, job->options.overwrite, &w->output, error);
}

OTX__PRIVATE void otx__gguf_writing_close(const otx_job *job, otx__gguf_writing *w)
{
    const otx_context *ctx = &job->ctx;
    size_t i;
    for (i = 0; i < w->part_count && w->names; i++) otx__path_free(ctx, w->names[i]);
    for (i = 0; i < w->part_count && w->parts; i++)
        otx_gguf_layout_close(ctx, &w->parts[i].layout);
    otx__free(ctx, w->names, w->part_count, sizeof *w->names);
    otx__free(ctx, w->parts, w->part_count, sizeof *w->parts);
    otx__free(ctx, w->originals, w->count, sizeof *w->originals);
    otx__free(ctx, w->types, w->count, sizeof *w->types);
    otx__free(ctx, w->tensors, w->count, sizeof *w->tensors);
    otx__gguf_list_close(&w->keys);
    otx__output_abandon(&w->output);
}

/* Lists the tensors of the output: those of all the base's files, file after file. */
OTX__PRIVATE otx_result otx__gguf_list_tensors(const otx_job *job, otx__gguf_writing *w,
                                               bool *blocks, otx_error *error)
{
    const otx_checkpoint *base = &job->base.checkpoint;
    size_t file, i, at = 0;
    w->count = base->tensor_count + job->draft.extra_count;
    w->tensors = (otx_tensor *)otx__alloc(&job->ctx, w->count, sizeof *w->tensors);
    w->types = (uint32_t *)otx__alloc(&job->ctx, w->count, sizeof *w->types);
    w->originals =
        (otx_checkpoint_tensor *)otx__alloc(&job->ctx, w->count, sizeof *w->originals);
    if (!w->tensors || !w->types || !w->originals)
        return otx__fail_array(error, w->count, sizeof *w->tensors);
    for (file = 0; file < base->file_count; file++) {
        const otx_gguf *header = &base->files[file].gguf;
        for (i = 0; i < header->tensor_count && at < base->tensor_count; i++, at++) {
            size_t which = otx__which_tensor(job, &header->tensors[i]);
            w->originals[at].tensor = &header->tensors[i];
            w->originals[at].file = (uint32_t)file;
            w->tensors[at] = header->tensors[i];
            w->types[at] = header->types[i];
            if (which != OTX__NONE) {
                w->tensors[at].shape = job->plans[which].shape;
                w->tensors[at].dtype = job->plans[which].stored;
                w->types[at] = otx_gguf_type_of(job->plans[which].stored);
            }
            *blocks |= otx_gguf_type_block(w->types[at], NULL) > 1;
        }
    }
    for (i = 0; i < job->draft.extra_count; i++, at++) {
        w->tensors[at] = job->draft.extras[i];
        w->types[at] = otx_gguf_type_of(w->tensors[at].dtype);
        w->originals[at].tensor = &job->draft.extras[i];
        w->originals[at].file = 0;
    }
    return OTX_OK;
}

/* Bytes of a tensor of the output. */
OTX__PRIVATE uint64_t otx__gguf_new_bytes(const otx__gguf_writing *w, size_t i)
{
    unsigned bytes;
    const unsigned elements = otx_gguf_type_block(w->types[i], &bytes);
    return otx__tensor_elements(&w->tensors[i], w->tensors[i].shape) / elements * bytes;
}

/* Deals the tensors out among parts of a size: counts these, or with `parts` fills them. */
OTX__PRIVATE size_t otx__gguf_deal(const otx_job *job, const otx__gguf_writing *w,
                                   otx__gguf_part *parts)
{
    const uint64_t most = job->options.split_max_size;
    uint64_t filled = 0;
    size_t i, count = 1;
    for (i = 0; i < w->count; i++) {
        const uint64_t bytes = otx__gguf_new_bytes(w, i);
        if (most && filled > 0 && (filled > most || bytes > most - filled)) {
            count++;
            filled = 0;
        }
        filled += bytes;
        if (!parts) continue;
        if (parts[count - 1].count++ == 0) parts[count - 1].first = i;
    }
    return count;
}

/* Adds what says which part a file is. */
OTX__PRIVATE void otx__gguf_add_split(const otx__gguf_writing *w, size_t part,
                                      otx__gguf_list *keys)
{
    otx__text text;
    otx__text_open(&text, keys->pool.ctx);
    otx__gguf_text_uint(&text, part, 2);
    otx__gguf_text_uint(&text, w->part_count, 2);
    otx__gguf_text_uint(&text, w->count, 4);
    if (text.failed) otx__gguf_list_fail(keys, text.size, 1);
    else {
        otx__gguf_add_value(keys, OTX__KEY_SPLIT_NO, OTX_GGUF_U16, text.bytes, 2);
        otx__gguf_add_value(keys, OTX__KEY_SPLIT_COUNT, OTX_GGUF_U16, text.bytes + 2, 2);
        otx__gguf_add_value(keys, OTX__KEY_SPLIT_TENSORS, OTX_GGUF_I32,
                            text.bytes + 4, 4);
    }
    otx__text_close(&text);
}

/* Lays out one part: the first has all keys, the others what tells them apart. */
OTX__PRIVATE otx_result otx__gguf_lay_part(const otx_job *job, otx__gguf_writing *w, size_t i,
                                           otx_error *error)
{
    otx__gguf_part *part = &w->parts[i];
    const otx_gguf_key *alignment = otx__gguf_find_in(&w->keys, OTX__KEY_ALIGNMENT);
    otx__gguf_list few, *keys = i == 0 ? &w->keys : &few;
    otx_result result;
    otx__gguf_list_open(&few, &job->ctx);
    if (i > 0 && alignment) otx__gguf_add(keys, alignment);
    if (w->part_count > 1) otx__gguf_add_split(w, i, keys);
    result = otx__gguf_list_finish(keys, error);
    if (!result)
        result = otx_gguf_layout_open(&job->ctx, keys->keys, keys->count,
                                      w->tensors + part->first, w->types + part->first,
                                      part->count, &part->layout, error);
    otx__gguf_list_close(&few);
    return result;
}

/* Lays out all of it. */
OTX__PRIVATE otx_result otx__gguf_writing_layout(const otx_job *job, otx__gguf_writing *w,
                                                 otx_error *error)
{
    bool blocks = false;
    size_t i;
    otx_result result = otx__gguf_list_tensors(job, w, &blocks, error);
    if (!result) result = otx__gguf_merge(job, blocks, &w->keys, error);
    if (result) return result;
    w->part_count = otx__gguf_deal(job, w, NULL);
    if (w->part_count > OTX__GGUF_PARTS)
        return otx__fail(error, OTX_ERROR_LIMIT, "%s: would be in %" PRIu64 " parts; a larger "
                         "--split-max-size makes fewer, %d at most", w->output.path,
                         (uint64_t)w->part_count, OTX__GGUF_PARTS);
    w->parts = (otx__gguf_part *)otx__alloc_zero(&job->ctx, w->part_count, sizeof *w->parts);
    if (!w->parts) return otx__fail_array(error, w->part_count, sizeof *w->parts);
    otx__gguf_deal(job, w, w->parts);
    result = otx__gguf_name_parts(job, w, error);
    for (i = 0; i < w->part_count && !result; i++) {
        result = otx__gguf_lay_part(job, w, i, error);
        w->meter.total += w->parts[i].layout.file_size;
    }
    return result;
}

/* ---- after it: the tensors ---- */

/* Writes zeros, up to the next tensor. */
OTX__PRIVATE otx_result otx__gguf_fill(const otx_job *job, otx__file *to, uint64_t size,
                                       otx__meter *meter, otx_error *error)
{
    static const char zeros[64] = {0};
    otx_result result = OTX_OK;
    while (size > 0 && !result) {
        size_t step = size < sizeof zeros ? (size_t)size : sizeof zeros;
        if (!to->sink.write(to->sink.context, zeros, step))
            result = otx__fail(error, OTX_ERROR_IO, "cannot be written");
        size -= step;
        if (!result) result = otx__meter_add(&job->ctx, meter, step, error);
    }
    return result;
}

/* Copies a tensor of the base, byte for byte. */
OTX__PRIVATE otx_result otx__gguf_copy(const otx_job *job, const otx_checkpoint_tensor *at,
                                       otx__file *to, otx__meter *meter, otx_error *error)
{
    const otx_checkpoint *base = &job->base.checkpoint;
    const otx_checkpoint_file *file = &base->files[at->file];
    char *path = otx__path_join(&job->ctx, base->path, file->name);
    otx_result result;
    if (!path) return otx__fail_memory(error, strlen(base->path) + 1);
    meter->subject = at->tensor->name;
    result = otx__stream(&job->ctx, &file->source, path, at->tensor->begin,
                         at->tensor->end - at->tensor->begin, &to->sink, meter, error);
    otx__path_free(&job->ctx, path);
    return result;
}

/* Writes one part into a file that has been created. */
OTX__PRIVATE otx_result otx__gguf_write_part(otx_job *job, otx__gguf_writing *w,
                                             const otx__gguf_part *part, otx__file *to,
                                             otx_error *error)
{
    const otx_gguf_layout *layout = &part->layout;
    uint64_t at = layout->header_size;
    otx_result result = OTX_OK;
    size_t i;
    if (!to->sink.write(to->sink.context, layout->header, layout->header_size))
        return otx__fail(error, OTX_ERROR_IO, "cannot be written");
    result = otx__meter_add(&job->ctx, &w->meter, at, error);
    for (i = 0; i < part->count && !result; i++) {
        const otx_checkpoint_tensor *original = &w->originals[part->first + i];
        result = otx__gguf_fill(job, to, layout->offsets[i] - at, &w->meter, error);
        if (!result &&
            !otx__write_made(job, original->tensor, to, &w->meter, &result, error))
            result = otx__gguf_copy(job, original, to, &w->meter, error);
        at = layout->offsets[i] + otx__gguf_new_bytes(w, part->first + i);
    }
    return result ? result : otx__gguf_fill(job, to, layout->file_size - at, &w->meter, error);
}

/* Writes all parts, making the new rows on the way. */
OTX__PRIVATE otx_result otx__gguf_write_parts(otx_job *job, otx__gguf_writing *w,
                                              otx_error *error)
{
    otx_result result = OTX_OK;
    size_t i;
    for (i = 0; i < w->part_count && !result; i++) {
        char *path = otx__path_join(&job->ctx, w->output.partial, w->names[i]);
        otx__file to;
        if (!path) return otx__fail_memory(error, strlen(w->output.partial) + 32);
        w->meter.subject = w->names[i];
        result = otx__file_create(&job->ctx, path, &to, error);
        if (!result)
            result = otx__file_finish(&to, otx__gguf_write_part(job, w, &w->parts[i], &to, error),
                                      error);
        otx__path_free(&job->ctx, path);
    }
    return result;
}

/* ---- write: the output and its weights ------------------------------------ */

/* One file of weights of the output, in the place of one of the base's. */
typedef struct otx__out_file {
    bool touched;                 /* not all its tensors stay; else it is copied */
    bool empty;                   /* all its tensors are dropped: not written */
    otx_tensor *tensors;          /* of the new file, in order of the old one */
    const otx_tensor **originals; /* of each; names them and says where its bytes are */
    size_t count, capacity;
    otx_layout layout;
} otx__out_file;

/* An output while it is written. */
typedef struct otx__writing {
    otx__output output;   /* its directory, under a temporary name */
    otx__out_file *files; /* one for each of the base's */
    size_t file_count, opened;
    otx__meter meter;     /* of all that is written */
    otx__stamps copied;   /* the files that are copied, as they were before */
} otx__writing;

/* The place of a tensor among the base's vocabulary tensors, or OTX__NONE. */
OTX__PRIVATE size_t otx__which_tensor(const otx_job *job, const otx_tensor *tensor)
{
    size_t i;
    for (i = 0; i < job->base.parts.count; i++)
        if (job->base.parts.tensors[i].at->tensor == tensor) return i;
    return OTX__NONE;
}

/* Elements of a tensor in a shape. */
OTX__PRIVATE uint64_t otx__tensor_elements(const otx_tensor *tensor, const uint64_t *shape)
{
    uint64_t elements = 1;
    unsigned i;
    for (i = 0; i < tensor->rank; i++) elements *= shape[i];
    return elements;
}

/* ---- before the solve: where everything will stand ---- */

OTX__PRIVATE void otx__out_file_close(const otx_job *job, otx__out_file *file)
{
    otx_layout_close(&job->ctx, &file->layout);
    otx__free(&job->ctx, file->tensors, file->capacity, sizeof *file->tensors);
    otx__free(&job->ctx, file->originals, file->capacity, sizeof *file->originals);
}

/* Lays out the new file with the metadata of the old one. Some loaders want to
   see "format" in it. */
OTX__PRIVATE otx_result otx__out_file_layout(const otx_job *job, const otx_safetensors *old,
                                             otx__out_file *file, otx_error *error)
{
    size_t count = old->metadata_count, i;
    otx_metadata *metadata =
        (otx_metadata *)otx__alloc(&job->ctx, count + 1, sizeof *metadata);
    otx_result result;
    bool format = false;
    if (!metadata) return otx__fail_memory(error, (count + 1) * sizeof *metadata);
    for (i = 0; i < count; i++) {
        metadata[i] = old->metadata[i];
        if (otx__same_bytes(metadata[i].key, metadata[i].key_size, "format", 6)) format = true;
    }
    metadata[count].key = "format";
    metadata[count].key_size = 6;
    metadata[count].value = "pt";
    metadata[count].value_size = 2;
    result = otx_layout_open(&job->ctx, file->tensors, file->count, metadata,
                             count + (format ? 0 : 1), &file->layout, error);
    otx__free(&job->ctx, metadata, count + 1, sizeof *metadata);
    return result;
}

/* Plans one file; close with otx__out_file_close in any case. */
OTX__PRIVATE otx_result otx__out_file_open(const otx_job *job, const otx_safetensors *old,
                                           otx__out_file *file, otx_error *error)
{
    size_t i;
    memset(file, 0, sizeof *file);
    for (i = 0; i < old->tensor_count && !file->touched; i++)
        file->touched = otx__which_tensor(job, &old->tensors[i]) != OTX__NONE ||
                        !otx__checkpoint_reads(&job->base.checkpoint, &old->tensors[i]);
    if (!file->touched) return OTX_OK;
    file->capacity = old->tensor_count + OTX__DRAFT_EXTRAS;
    file->tensors = (otx_tensor *)otx__alloc(&job->ctx, file->capacity, sizeof *file->tensors);
    file->originals =
        (const otx_tensor **)otx__alloc(&job->ctx, file->capacity, sizeof *file->originals);
    if (!file->tensors || !file->originals)
        return otx__fail_memory(error, (uint64_t)file->capacity * sizeof *file->tensors);
    for (i = 0; i < old->tensor_count; i++) {
        size_t which = otx__which_tensor(job, &old->tensors[i]);
        otx_tensor *tensor = &file->tensors[file->count];
        if (which != OTX__NONE && job->base.parts.tensors[which].redundant) continue;
        if (!otx__checkpoint_reads(&job->base.checkpoint, &old->tensors[i])) continue;
        *tensor = old->tensors[i];
        if (which != OTX__NONE) {
            tensor->shape = job->plans[which].shape;
            tensor->dtype = job->plans[which].dtype;
        }
        file->originals[file->count++] = &old->tensors[i];
    }
    for (i = 0; i < job->draft.extra_count; i++) {
        if (&job->base.checkpoint.files[job->draft.home].header != old) continue;
        file->tensors[file->count] = job->draft.extras[i];
        file->originals[file->count++] = &job->draft.extras[i];
    }
    file->empty = file->count == 0;
    return file->empty ? OTX_OK : otx__out_file_layout(job, old, file, error);
}

/* No directory may hold another: the output would be copied into itself, or a
   model removed by what replaces it. */
OTX__PRIVATE otx_result otx__check_output(const otx_job *job, const char *out, otx_error *error)
{
    const otx__side *sides[2];
    char name[OTX__PATH_TEXT], other[OTX__PATH_TEXT];
    size_t i;
    if (job->donor.gguf) return otx__fail_only_gguf(job, error);
    if (otx__has_suffix(out, ".gguf"))
        return otx__fail(error, OTX_ERROR_ARGUMENT, "%s: the base is a directory in safetensors, "
                         "and so is the output; llama.cpp's convert_hf_to_gguf.py makes a GGUF "
                         "file of that", otx__path_text(name, out));
    sides[0] = &job->base;
    sides[1] = &job->donor;
    for (i = 0; i < 2; i++) {
        bool inside = false, around = false;
        otx__status status;
        otx_result result = otx__is_within(&job->ctx, out, sides[i]->path, &inside, error);
        if (!result) result = otx__look(out, &status, error);
        if (!result && !inside && status.present)
            result = otx__is_within(&job->ctx, sides[i]->path, out, &around, error);
        if (result) return result;
        if (inside || around)
            return otx__fail(error, OTX_ERROR_ARGUMENT, "%s: the output must not be, hold or "
                             "lie in the %s, %s", otx__path_text(name, out),
                             sides[i]->donor ? "donor" : "base",
                             otx__path_text(other, sides[i]->path));
    }
    return OTX_OK;
}

/* Makes the temporary directory. If it fails, nothing has been done; else close with
   otx__writing_close. */
OTX__PRIVATE otx_result otx__writing_begin(const otx_job *job, const char *out,
                                           otx__writing *writing, otx_error *error)
{
    otx_result result = otx__check_output(job, out, error);
    memset(writing, 0, sizeof *writing);
    writing->copied.ctx = &job->ctx;
    writing->meter.stage = OTX_STAGE_WRITE;
    writing->meter.subject = job->base.path;
    if (result) return result;
    return otx__output_begin(&job->ctx, out, job->options.overwrite, &writing->output, error);
}

/* Lays out all weights. */
OTX__PRIVATE otx_result otx__writing_layout(const otx_job *job, otx__writing *writing,
                                            otx_error *error)
{
    const otx_checkpoint *base = &job->base.checkpoint;
    otx_result result = OTX_OK;
    writing->files =
        (otx__out_file *)otx__alloc_zero(&job->ctx, base->file_count, sizeof *writing->files);
    if (!writing->files)
        return otx__fail_memory(error, (uint64_t)base->file_count * sizeof *writing->files);
    writing->file_count = base->file_count;
    while (writing->opened < writing->file_count && !result) {
        const otx_checkpoint_file *old = &base->files[writing->opened];
        otx__out_file *file = &writing->files[writing->opened++];
        result = otx__out_file_open(job, &old->header, file, error);
        writing->meter.total += file->touched ? file->layout.file_size : old->source.size;
    }
    return result;
}

/* Ends a writing; what has not been committed is removed. */
OTX__PRIVATE void otx__writing_close(const otx_job *job, otx__writing *writing)
{
    size_t i;
    for (i = 0; i < writing->opened; i++) otx__out_file_close(job, &writing->files[i]);
    otx__free(&job->ctx, writing->files, writing->file_count, sizeof *writing->files);
    otx__stamps_close(&writing->copied);
    otx__output_abandon(&writing->output);
}

/* ---- after it: the weights ---- */

/* Writes the bytes of the first rows of a new matrix in the file's byte order, and reports
   them. */
OTX__PRIVATE otx_result otx__write_rows(const otx_job *job, otx__loaded *rows, size_t first,
                                        otx__file *to, otx__meter *meter, otx_error *error)
{
    size_t size = otx_dtype_bits(rows->dtype) / 8, count = first * rows->columns, at;
    otx_result result = OTX_OK;
    for (at = 0; at < count && !result;) {
        size_t step = otx__min(count - at, OTX__STREAM_BLOCK / size);
        char *bytes = rows->data + at * size;
        otx__little_endian(bytes, step, size);
        if (!to->sink.write(to->sink.context, bytes, step * size))
            return otx__fail(error, OTX_ERROR_IO, "cannot be written"); /* finish says why */
        result = otx__meter_add(&job->ctx, meter, (uint64_t)step * size, error);
        at += step;
    }
    return result;
}

/* Makes and writes one new matrix; of a draft's `head` the rows that it has. */
OTX__PRIVATE otx_result otx__write_matrix(otx_job *job, size_t which, bool head, otx__file *to,
                                          otx__meter *meter, otx_error *error)
{
    const otx__tensor_plan *plan = &job->plans[which];
    double start = otx__now();
    otx__rebuild rebuild;
    otx_result result = otx__rebuild_open(job, which, &rebuild, error);
    if (!result && plan->matrix != OTX__NONE)
        job->summary.matrices[plan->matrix].seconds += otx__now() - start;
    if (!result && head && job->draft.ids) otx__rebuild_pick(&rebuild);
    if (!result)
        result = otx_dtype_is_block(plan->stored)
                     ? otx__write_blocks(&rebuild, plan->stored, to, meter, error)
                     : otx__write_rows(job, &rebuild.made, otx__rebuild_count(&rebuild), to,
                                       meter, error);
    otx__rebuild_close(&rebuild);
    return result;
}

/* Writes a tensor that is the vocabulary's, or one that a draft has besides; false where it
   is neither, and the base's bytes are to be copied. */
OTX__PRIVATE bool otx__write_made(otx_job *job, const otx_tensor *original, otx__file *to,
                                  otx__meter *meter, otx_result *result, otx_error *error)
{
    const size_t which = otx__which_tensor(job, original), extra = otx__draft_extra(job, original);
    meter->subject = original->name;
    if (which != OTX__NONE)
        *result = otx__write_matrix(job, which, job->base.parts.tensors[which].kind ==
                                                    OTX__PART_HEAD, to, meter, error);
    else if (extra == OTX__NONE) return false;
    else if (original->rank == 2)
        *result = otx__write_matrix(job, job->draft.own, true, to, meter, error);
    else *result = otx__write_draft_map(job, original, to, meter, error);
    return true;
}

/* Writes a file whose vocabulary tensors are new and whose others are copied from the old
   one, which is at `from`. */
OTX__PRIVATE otx_result otx__write_touched(otx_job *job, const otx__out_file *file,
                                           const otx_source *old, const char *from,
                                           otx__file *to, otx__meter *meter, otx_error *error)
{
    const otx_layout *layout = &file->layout;
    otx_result result = OTX_OK;
    size_t i;
    if (!to->sink.write(to->sink.context, layout->header, layout->header_size))
        return otx__fail(error, OTX_ERROR_IO, "cannot be written");
    result = otx__meter_add(&job->ctx, meter, layout->header_size, error);
    for (i = 0; i < layout->count && !result; i++) {
        const otx_tensor *original = file->originals[layout->order[i]];
        if (otx__write_made(job, original, to, meter, &result, error)) continue;
        if (original->end > original->begin)
            result = otx__stream(&job->ctx, old, from, original->begin,
                                 original->end - original->begin, &to->sink, meter, error);
    }
    return result;
}

/* The name of a file of the base's weights in the output: a single one gets that which
   loaders look for. */
OTX__PRIVATE const char *otx__out_name(const otx_job *job, size_t index)
{
    const otx_checkpoint *base = &job->base.checkpoint;
    return base->sharded ? base->files[index].name : OTX__MODEL_FILE;
}

OTX__PRIVATE otx_result otx__write_file(otx_job *job, size_t index, otx__writing *writing,
                                        otx_error *error)
{
    const otx_checkpoint_file *old = &job->base.checkpoint.files[index];
    const otx__out_file *file = &writing->files[index];
    const otx_context *ctx = &job->ctx;
    const char *directory = writing->output.partial, *name = old->name;
    char *from = otx__path_join(ctx, job->base.path, name);
    char *path = otx__path_join(ctx, directory, otx__out_name(job, index));
    otx_result result;
    otx__file to;
    if (!from || !path) {
        result = otx__fail_memory(error, strlen(directory) + strlen(name) + 2);
        goto done;
    }
    result = otx__file_create(ctx, path, &to, error);
    if (result) goto done;
    writing->meter.subject = name;
    if (file->touched)
        result = otx__write_touched(job, file, &old->source, from, &to, &writing->meter, error);
    else
        result = otx__stream(ctx, &old->source, from, 0, old->source.size, &to.sink,
                             &writing->meter, error);
    result = otx__file_finish(&to, result, error);
done:
    otx__path_free(ctx, from);
    otx__path_free(ctx, path);
    return result;
}

/* Writes all files of weights, making the new rows on the way. */
OTX__PRIVATE otx_result otx__write_weights(otx_job *job, otx__writing *writing,
                                           otx_error *error)
{
    otx_result result = OTX_OK;
    size_t i;
    for (i = 0; i < writing->file_count && !result; i++)
        if (!writing->files[i].empty)
            result = otx__write_file(job, i, writing, error);
    return result;
}

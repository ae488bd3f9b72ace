/* ---- copying: of files ------------------------------------------------------ */

/* How far a long run of copies has come; NULL where nobody asks. */
typedef struct otx__meter {
    otx_stage stage;
    const char *subject;
    uint64_t done, total;
} otx__meter;

OTX__PRIVATE otx_result otx__meter_add(const otx_context *ctx, otx__meter *meter,
                                       uint64_t bytes, otx_error *error)
{
    if (!meter) return OTX_OK;
    meter->done += bytes;
    return otx__poll(ctx, meter->stage, meter->subject, meter->done, meter->total, error);
}

/* Bytes moved at a time: few calls, progress often enough, and still in a core's cache when they
   are written. */
#define OTX__STREAM_BLOCK ((size_t)1 << 20)

/* Bytes from which on the system is asked to copy: for fewer a buffer saves calls. */
#define OTX__COPY_LEAST 4096

/* Has the system copy, where both ends are files of ours. How many bytes it did, or 0. */
OTX__PRIVATE size_t otx__stream_take(const otx_source *source, uint64_t offset, size_t size,
                                     const otx_sink *sink)
{
    if (source->read != otx__source_read || sink->write != otx__file_write) return 0;
    return otx__file_take((otx__file *)sink->context,
                          ((const otx__source_file *)source->context)->file, offset, size);
}

/* Copies a range of a source into a sink. `path` names the source in errors. */
OTX__PRIVATE otx_result otx__stream(const otx_context *ctx, const otx_source *source,
                                    const char *path, uint64_t offset, uint64_t size,
                                    const otx_sink *sink, otx__meter *meter, otx_error *error)
{
    const size_t capacity = size < OTX__STREAM_BLOCK ? (size_t)size : OTX__STREAM_BLOCK;
    char name[OTX__PATH_TEXT], *block = (char *)otx__alloc(ctx, capacity, 1);
    bool takes = size >= OTX__COPY_LEAST;
    otx_result result = OTX_OK;
    if (!block) return otx__fail_memory(error, capacity);
    while (size > 0 && !result) {
        size_t step = size < capacity ? (size_t)size : capacity;
        size_t taken = takes ? otx__stream_take(source, offset, step, sink) : 0;
        takes = taken > 0; /* who refuses once is not asked again */
        if (takes) result = otx__meter_add(ctx, meter, step = taken, error);
        else if (!source->read(source->context, offset, block, step))
            result = otx__fail_read(error, path, source, offset, step);
        else if (!sink->write(sink->context, block, step))
            result = otx__fail(error, OTX_ERROR_IO, "%s: its copy cannot be written",
                               otx__path_text(name, path));
        else result = otx__meter_add(ctx, meter, step, error);
        offset += step;
        size -= step;
    }
    otx__free(ctx, block, capacity, 1);
    return result;
}

/* Copies a file to a new one. The meter's total grows by its size. A file that changes
   meanwhile is an error: its copy may be a mixture. */
OTX__PRIVATE otx_result otx__file_copy(const otx_context *ctx, const char *from, const char *to,
                                       otx__meter *meter, otx_error *error)
{
    otx_source source;
    otx__file file;
    otx_result result = otx_source_open(ctx, from, &source, error);
    if (result) return result;
    if (meter) meter->total += source.size;
    result = otx__meter_add(ctx, meter, 0, error);
    if (!result) result = otx__file_create(ctx, to, &file, error);
    if (!result) {
        result = otx__stream(ctx, &source, from, 0, source.size, &file.sink, meter, error);
        if (!result) result = otx__source_unchanged(&source, from, error);
        result = otx__file_finish(&file, result, error);
    }
    otx_source_close(ctx, &source);
    return result;
}

/* ---- draft_head: a head of fewer rows, and what says which --------------------- */

/* Whether a tied model has heads within its layers alone, for tokens further on: that of the
   next one is the embedding. */
OTX__PRIVATE bool otx__draft_is_within(const otx_job *job)
{
    const otx_checkpoint_tensor *head = job->base.parts.head;
    return head && otx__name_is_numbered(head->tensor) &&
           (job->base.gguf || otx__config_tie_flag(&job->base.config).said_true);
}

/* Whether the base's main head is written, and not the embedding once more. */
OTX__PRIVATE bool otx__draft_has_head(const otx_job *job)
{
    const otx__parts *parts = &job->base.parts;
    size_t i;
    if (otx__draft_is_within(job)) return false;
    for (i = 0; i < parts->count; i++)
        if (parts->tensors[i].at == parts->head) return !parts->tensors[i].redundant;
    return false;
}

/* The base's tensor that the new ones go with: its head, else its embedding. */
OTX__PRIVATE const otx_checkpoint_tensor *otx__draft_home(const otx_job *job)
{
    const otx__parts *parts = &job->base.parts;
    return otx__draft_has_head(job) ? parts->head : parts->embedding;
}

/* Adds a tensor that the base does not have. */
OTX__PRIVATE otx_tensor *otx__draft_add(otx_job *job, const char *name, size_t name_size,
                                        otx_dtype dtype, unsigned rank, uint64_t rows)
{
    otx__draft_head *draft = &job->draft;
    otx_tensor *tensor = &draft->extras[draft->extra_count];
    uint64_t *shape = draft->shapes[draft->extra_count++];
    shape[0] = rows;
    tensor->name = name;
    tensor->name_size = name_size;
    tensor->dtype = dtype;
    tensor->rank = rank;
    tensor->shape = shape;
    return tensor;
}

/* Gives a model whose head is its embedding one of its own: under the name of the copy that
   was stored beside it, if there was one. */
OTX__PRIVATE void otx__draft_add_head(otx_job *job)
{
    const otx__parts *parts = &job->base.parts;
    const char *name = job->base.gguf ? "output.weight" : "lm_head.weight";
    size_t size = strlen(name), i;
    if (parts->head && !otx__draft_is_within(job)) {
        name = parts->head->tensor->name;
        size = parts->head->tensor->name_size;
    }
    for (i = 0; i < parts->count; i++)
        if (parts->tensors[i].at == parts->embedding) job->draft.own = i;
    otx__draft_add(job, name, size, job->plans[job->draft.own].stored, 2, job->draft.count);
    job->draft.shapes[0][1] = job->plans[job->draft.own].columns;
}

/* Whether the base is of a kind that has an output head, its embedding or another. */
OTX__PRIVATE bool otx__draft_is_headed(const otx_job *job)
{
    otx__span kind;
    if (otx__job_has_head(job)) return true;
    if (!otx__has_weights(&job->base.checkpoint)) return false;
    if (!job->base.gguf) return otx__config_has_head(&job->base.config);
    kind = otx__gguf_word_of(otx__gguf_of(&job->base.checkpoint), OTX__KEY_ARCHITECTURE);
    return !otx__span_contains_any(kind, otx__headless_architectures,
                                   OTX__COUNT(otx__headless_architectures));
}

/* Refuses heads that cannot be cut down. */
OTX__PRIVATE otx_result otx__draft_check(const otx_job *job, otx_error *error)
{
    const otx__parts *parts = &job->base.parts;
    char text[OTX__TENSOR_TEXT];
    size_t i;
    for (i = 0; i < parts->count; i++)
        if (parts->tensors[i].kind == OTX__PART_BIAS)
            return otx__fail(error, OTX_ERROR_ARGUMENT, "%s: tensor %s is a bias by token, and "
                             "those who read " OTX__D2T " know of none: the head cannot be cut "
                             "down", job->base.path,
                             otx__tensor_text(text, parts->tensors[i].at->tensor));
    if (otx__draft_is_headed(job)) return OTX_OK;
    return otx__fail(error, OTX_ERROR_ARGUMENT, "%s: has no output head that could be cut down",
                     job->base.path);
}

/* Plans the tensors that the base does not have, once the others are planned. */
OTX__PRIVATE otx_result otx__job_plan_draft(otx_job *job, otx_error *error)
{
    const size_t size = strlen(OTX__D2T);
    otx_result result;
    if (!job->draft.ids) return OTX_OK;
    result = otx__draft_check(job, error);
    if (result) return result;
    job->draft.home = otx__draft_home(job)->file;
    if (!otx__draft_has_head(job)) otx__draft_add_head(job);
    otx__draft_add(job, OTX__D2T, size, OTX_I64, 1, job->draft.count);
    if (!job->base.gguf) otx__draft_add(job, OTX__T2D, size, OTX_BOOL, 1, job->alignment.count);
    return OTX_OK;
}

/* ---- writing them ---- */

/* The place of a tensor among those that the base does not have, or OTX__NONE. */
OTX__PRIVATE size_t otx__draft_extra(const otx_job *job, const otx_tensor *tensor)
{
    size_t i;
    for (i = 0; i < job->draft.extra_count; i++)
        if (tensor == &job->draft.extras[i]) return i;
    return OTX__NONE;
}

/* Elements of d2t or t2d made at a time. */
#define OTX__DRAFT_CHUNK 512

/* The bytes of one element as it stands in the file. `next` is the first of the ids that are
   not below it. */
OTX__PRIVATE void otx__draft_bytes(const otx_job *job, const otx_tensor *tensor, uint64_t at,
                                   size_t *next, unsigned char *to)
{
    const otx__draft_head *draft = &job->draft;
    uint64_t element;
    size_t i;
    if (tensor->dtype == OTX_BOOL) {
        while (*next < draft->count && draft->ids[*next] < at) ++*next;
        *to = *next < draft->count && draft->ids[*next] == at;
        return;
    }
    element = (uint64_t)otx__draft_element(job->base.gguf, at, draft->ids[at]);
    for (i = 0; i < 8; i++) to[i] = (unsigned char)(element >> (8 * i) & 0xff);
}

/* Writes d2t or t2d. */
OTX__PRIVATE otx_result otx__write_draft_map(const otx_job *job, const otx_tensor *tensor,
                                             otx__file *to, otx__meter *meter,
                                             otx_error *error)
{
    const size_t size = otx_dtype_bits(tensor->dtype) / 8;
    unsigned char bytes[OTX__DRAFT_CHUNK * 8];
    uint64_t at = 0;
    size_t next = 0, i;
    otx_result result = OTX_OK;
    while (at < tensor->shape[0] && !result) {
        for (i = 0; i < OTX__DRAFT_CHUNK && at < tensor->shape[0]; i++, at++)
            otx__draft_bytes(job, tensor, at, &next, bytes + i * size);
        if (!to->sink.write(to->sink.context, bytes, i * size))
            return otx__fail(error, OTX_ERROR_IO, "cannot be written"); /* finish says why */
        result = otx__meter_add(&job->ctx, meter, (uint64_t)i * size, error);
    }
    return result;
}

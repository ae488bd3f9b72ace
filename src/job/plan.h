/* ---- plan: what becomes of every tensor, and of the configs --------------- */

/* Whether the base has an output head of its own where its rows have a method of their own. */
OTX__PRIVATE otx_result otx__plan_head(const otx_job *job, otx_error *error)
{
    const otx_job_options *options = &job->options;
    if (!options->own_head_method || options->head_method == options->method ||
        otx__job_has_head(job))
        return OTX_OK;
    return otx__fail(error, OTX_ERROR_ARGUMENT, "%s: %s, so that there are no rows for "
                     "--head-method %s to make; -a makes those of the embedding",
                     job->base.path, otx__job_headless(job),
                     otx_method_name(options->head_method));
}

/* The solution by a method for one matrix of the donor, and of the base where the method looks
   at that; makes room for it once. */
OTX__PRIVATE size_t otx__plan_solution(otx_job *job, otx_method method,
                                       const otx_checkpoint_tensor *donor,
                                       const otx_checkpoint_tensor *base)
{
    unsigned needs = otx_method_needs(method);
    size_t i;
    if (!(needs & (OTX_NEED_BASE | OTX_NEED_TOKENS))) base = NULL;
    if (!(needs & OTX_NEED_DONOR)) donor = NULL;
    for (i = 0; i < job->solution_count; i++)
        if (job->solutions[i].method == method && job->solutions[i].donor == donor &&
            job->solutions[i].base == base)
            return i;
    job->solutions[i].method = method;
    job->solutions[i].donor = donor;
    job->solutions[i].base = base;
    job->solution_count++;
    return i;
}

/* The matrix of the donor in whose space one of the base is solved. A head is solved in
   that of the donor's head; in that of its embedding if either model has but one matrix. */
OTX__PRIVATE const otx_checkpoint_tensor *otx__donor_matrix(const otx_job *job,
                                                            const otx__vocab_tensor *tensor)
{
    const otx__parts *donor = &job->donor.parts;
    bool head = tensor->kind == OTX__PART_HEAD && !job->base.parts.tied && !donor->tied;
    return head ? donor->head : donor->embedding;
}

/* Whether a new matrix can be written in its type where it will stand. */
OTX__PRIVATE otx_result otx__plan_check_type(const otx_job *job, size_t which, otx_error *error)
{
    const otx_tensor *tensor = job->base.parts.tensors[which].at->tensor;
    const otx_dtype dtype = job->plans[which].stored;
    const unsigned block = otx_dtype_block(dtype, NULL);
    char text[OTX__TENSOR_TEXT];
    if (!job->base.gguf && otx_dtype_is_block(dtype))
        return otx__fail(error, OTX_ERROR_ARGUMENT, "%s: matrices of %s stand in GGUF files alone, "
                         "and this model is in safetensors", job->base.path,
                         otx_dtype_name(dtype));
    if (job->base.gguf && !otx_dtype_is_block(dtype) && dtype != OTX_F32 && dtype != OTX_F16 &&
        dtype != OTX_BF16)
        return otx__fail(error, OTX_ERROR_ARGUMENT, "%s: tensor %s cannot be written as %s, which "
                         "llama.cpp does not look up rows in; --embedding-type f16 or q8_0 does",
                         job->base.path, otx__tensor_text(text, tensor), otx_dtype_name(dtype));
    if (tensor->shape[1] % block == 0) {
        if (job->base.gguf && dtype != tensor->dtype)
            otx__log(&job->ctx, OTX_NOTE, "%s: tensor %s becomes %s as a whole, and was %s: shared "
                     "rows are as near as that type is, and not bit for bit", job->base.path,
                     otx__tensor_text(text, tensor), otx_dtype_name(dtype),
                     otx_dtype_name(tensor->dtype));
        return OTX_OK;
    }
    return otx__fail(error, OTX_ERROR_ARGUMENT, "%s: tensor %s cannot be written as %s, whose "
                     "blocks have %u columns; --embedding-type %s can", job->base.path,
                     otx__tensor_text(text, tensor), otx_dtype_name(dtype), block,
                     tensor->shape[1] % 32 == 0 ? "q8_0" : "f16");
}

/* Enters one tensor of the base into the summary. */
OTX__PRIVATE otx_result otx__tensor_plan_matrix(otx_job *job, size_t which, otx_error *error)
{
    const otx__vocab_tensor *tensor = &job->base.parts.tensors[which];
    const otx_tensor *old = tensor->at->tensor;
    otx__tensor_plan *plan = &job->plans[which];
    otx_job_matrix *matrix;
    otx_result result;
    size_t i;
    if (job->summary.matrix_count == OTX_JOB_MAX_MATRICES)
        return otx__fail(error, OTX_ERROR_LIMIT, "%s: more than %d matrices are sized by the "
                         "vocabulary", job->base.path, OTX_JOB_MAX_MATRICES);
    if (tensor->kind == OTX__PART_HEAD && job->draft.ids) plan->shape[0] = job->draft.count;
    plan->shape[1] = old->shape[1];
    plan->columns = (size_t)old->shape[1];
    if (job->options.dtype != OTX_DTYPE_NONE) plan->stored = job->options.dtype;
    plan->dtype = otx__row_dtype(plan->stored);
    result = job->lends ? OTX_OK : otx__plan_check_type(job, which, error);
    if (result) return result;
    plan->solution = otx__plan_solution(job, otx__job_method(job, tensor->kind),
                                        otx__donor_matrix(job, tensor), tensor->at);
    plan->matrix = job->summary.matrix_count++;
    job->matrix_tensors[plan->matrix] = which;
    matrix = &job->summary.matrices[plan->matrix];
    (void)otx__quote(matrix->name, sizeof matrix->name, old->name, old->name_size);
    matrix->method = job->solutions[plan->solution].method;
    matrix->rows = plan->shape[0];
    matrix->columns = old->shape[1];
    matrix->dtype = plan->stored;
    matrix->anchors = job->anchor_count;
    for (i = 0; i < job->target_count; i++)
        matrix->approximated += !otx__job_matches(job, job->targets[i], tensor->kind);
    return OTX_OK;
}

/* A bias has no space to solve in. */
OTX__PRIVATE void otx__tensor_plan_bias(otx_job *job, size_t which)
{
    const otx_tensor *old = job->base.parts.tensors[which].at->tensor;
    if (old->rank == 2) job->plans[which].shape[0] = 1;
    if (otx__job_fits(job, otx__job_method(job, OTX__PART_BIAS)))
        otx__log(&job->ctx, OTX_NOTE, "%s: tensor \"%s\" is a bias: tokens that are solved for "
                 "get the mean of the base's", job->base.path, old->name);
}

OTX__PRIVATE otx_result otx__tensor_plan_fill(otx_job *job, size_t which, otx_error *error)
{
    const otx__vocab_tensor *tensor = &job->base.parts.tensors[which];
    otx__tensor_plan *plan = &job->plans[which];
    plan->solution = plan->matrix = OTX__NONE;
    plan->rows = job->alignment.count + (size_t)(tensor->rows - job->base.parts.rows);
    plan->shape[0] = plan->shape[1] = plan->rows;
    plan->columns = 1;
    plan->dtype = plan->stored = tensor->at->tensor->dtype;
    if (tensor->kind == OTX__PART_BIAS) otx__tensor_plan_bias(job, which);
    else if (!tensor->redundant) return otx__tensor_plan_matrix(job, which, error);
    return OTX_OK;
}

/* Tells of modifiers that change nothing, and refuses those that have nothing to go by. */
OTX__PRIVATE otx_result otx__plan_modifiers(const otx_job *job, otx_error *error)
{
    const otx_method_options *how = &job->options.how;
    bool by_anchors = how->norm != OTX_NORM_NONE || how->clip_norms > 0.0;
    const char *which = how->norm != OTX_NORM_NONE ? "norm" : how->scale != 0.0 ? "scale"
                        : how->clip_norms > 0.0 ? "longest norm" : NULL;
    bool zero = job->options.method == OTX_METHOD_ZERO ||
                otx__job_method(job, OTX__PART_HEAD) == OTX_METHOD_ZERO;
    if (by_anchors && job->target_count > 0 && job->anchor_count == 0)
        return otx__fail(error, OTX_ERROR_NO_ANCHORS, "the tokenizers of %s and %s share no text "
                         "token by whose norm new rows could be measured; leave --norm and "
                         "--clip-norms out", job->base.path, job->donor.path);
    if (zero && which && !(how->noise > 0.0) && job->target_count > 0)
        otx__log(&job->ctx, OTX_NOTE, "the %s that is asked for changes no row of zeros, which is "
                 "what the method zero makes", which);
    return OTX_OK;
}

/* Plans every tensor of the base's vocabulary: embeddings, then heads, then
   biases. */
OTX__PRIVATE otx_result otx__job_plan_tensors(otx_job *job, otx_error *error)
{
    static const otx__part_kind kinds[] = {OTX__PART_EMBEDDING, OTX__PART_HEAD,
                                           OTX__PART_BIAS};
    const otx__parts *parts = &job->base.parts;
    otx_result result = otx__plan_head(job, error);
    size_t kind, i;
    for (kind = 0; kind < OTX__COUNT(kinds); kind++)
        for (i = 0; i < parts->count && !result; i++)
            if (parts->tensors[i].kind == kinds[kind])
                result = otx__tensor_plan_fill(job, i, error);
    return result ? result : otx__plan_modifiers(job, error);
}

/* Edits config.json and generation_config.json for what is planned. */
OTX__PRIVATE otx_result otx__job_plan_configs(otx_job *job, otx_error *error)
{
    otx__config_plan plan;
    if (job->base.gguf) return OTX_OK; /* its keys are made as it is written */
    memset(&plan, 0, sizeof plan);
    plan.ctx = &job->ctx;
    plan.base = &job->base;
    plan.donor = &job->donor;
    plan.alignment = &job->alignment;
    plan.dtype = job->options.dtype;
    plan.draft_rows = job->draft.count;
    plan.renews = job->renews;
    plan.same_class = job->same_class;
    return otx__config_make(&plan, &job->config, &job->generation, error);
}

/* Says which class is named, and why. */
OTX__PRIVATE void otx__class_note(const otx_job *job, const otx__class_choice *choice)
{
    const char *code = choice->code ? ", and " OTX__CLASS_MODULE ".py" : "";
    if (choice->rebuilt)
        otx__log(&job->ctx, OTX_NOTE, "tokenizer_config.json names the class %s%s: the %s that "
                 "transformers makes of the tokenizer of %s would not split digits",
                 choice->name, code, choice->made, job->donor.path);
    else if (choice->from_model)
        otx__log(&job->ctx, OTX_NOTE, "tokenizer_config.json names the class %s%s: what "
                 "transformers 4 makes of a tokenizer.model for the class that %s names would not "
                 "split digits", choice->name, code, job->donor.path);
    else
        otx__log(&job->ctx, OTX_NOTE, "tokenizer_config.json names the class %s%s: beside the "
                 "config.json of %s, transformers would load the tokenizer of %s otherwise than "
                 "it does there", choice->name, code, job->base.path, job->donor.path);
}

/* Names another class for the tokenizer where the donor's own name would be taken for
   another beside the base's config.json, or would not heed a tokenizer.json that is not its
   class's. */
OTX__PRIVATE otx_result otx__job_plan_class(otx_job *job, otx_error *error)
{
    otx__class_choice choice;
    otx_result result;
    if (job->base.gguf || job->donor.gguf || job->same_class) return OTX_OK;
    otx__class_choose(&job->donor, &job->base, job->digits.size > 0, &choice);
    if (!choice.name[0]) return OTX_OK;
    if (choice.rebuilt &&
        (!job->donor.tokenizer.present || job->donor.vocab.roles[OTX_ROLE_EOS] < 0))
        return otx__fail(error, OTX_ERROR_UNSUPPORTED, "%s: single digits cannot be split off: "
                         "transformers makes a %s of it, which does not heed tokenizer.json and "
                         "has special tokens that no file names; load it with AutoTokenizer and "
                         "save it with save_pretrained", job->donor.path, choice.made);
    result = otx__class_config(&job->ctx, &job->donor, &choice, &job->tokenizer, error);
    if (result) return result;
    if (choice.code) otx__class_code(&choice, &job->code);
    otx__class_note(job, &choice);
    return job->code.failed ? otx__fail_memory(error, job->code.size) : OTX_OK;
}

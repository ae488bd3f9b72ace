/* ---- rope: heads and rotary positions of the two models ------------------------------------ */

/* The number under the first of some keys on the levels of a config that are about the
   vocabulary, if it is 1 or more; otherwise 0. */
OTX__PRIVATE double otx__rope_said(const otx__side *side, const char *const *keys, size_t count)
{
    otx__levels levels = otx__vocabulary_levels(&side->config, side->parts.rows);
    size_t i;
    while (otx__levels_next(&levels))
        for (i = 0; i < count; i++) {
            double said = otx__json_double(&side->config.json, otx__levels_find(&levels, keys[i]));
            if (said >= 1.0 && said <= DBL_MAX) return said;
        }
    return 0.0;
}

/* The same of what transformers 5 keeps apart: {"rope_theta": N}, or such an object for each type
   of layer, of which full attention counts, or the first. */
OTX__PRIVATE double otx__rope_parameter(const otx__side *side)
{
    const otx_json *json = &side->config.json;
    otx__levels levels = otx__vocabulary_levels(&side->config, side->parts.rows);
    while (otx__levels_next(&levels)) {
        uint32_t all = otx__levels_find(&levels, OTX__KEY_ROPE);
        uint32_t full = otx_json_find(json, all, OTX__KEY_ROPE_FULL);
        otx_json_iter member = otx_json_iter_of(json, all);
        double said = otx__json_double(json, otx_json_find(json, all, otx__rope_keys[0]));
        if (!(said >= 1.0))
            said = otx__json_double(json, otx_json_find(json, full, otx__rope_keys[0]));
        while (!(said >= 1.0) && member.keyed && otx_json_iter_next(&member))
            said = otx__json_double(json, otx_json_find(json, member.value, otx__rope_keys[0]));
        if (said >= 1.0 && said <= DBL_MAX) return said;
    }
    return 0.0;
}

/* Takes what nobody gave from a model's config. */
OTX__PRIVATE void otx__rope_of(const otx_job *job, const otx__side *side, size_t *heads,
                               double *rope)
{
    if (!*heads) {
        double said = otx__rope_said(side, otx__heads_keys, OTX__COUNT(otx__heads_keys));
        *heads = said > 0.0 && said <= 65536.0 ? (size_t)said : 1;
    }
    if (*rope == 0.0) *rope = otx__rope_said(side, otx__rope_keys, OTX__COUNT(otx__rope_keys));
    if (*rope == 0.0) *rope = otx__rope_parameter(side);
    if (*rope == 0.0) *rope = 10000.0;
    otx__log(&job->ctx, OTX_NOTE, "%s: mp_rope takes rows as of %" PRIu64 " head%s with rotary "
             "positions of base %.0f", side->path, (uint64_t)*heads, *heads == 1 ? "" : "s",
             *rope);
}

/* Fills in what mp_rope wants to know of both models. */
OTX__PRIVATE void otx__rope_settle(const otx_job *job, otx_method_options *how)
{
    otx__rope_of(job, &job->donor, &how->donor_heads, &how->donor_rope);
    otx__rope_of(job, &job->base, &how->base_heads, &how->base_rope);
}

OTX__PRIVATE otx_result otx__rope_check(const otx__side *side, const otx_checkpoint_tensor *at,
                                        size_t heads, double rope, otx_error *error)
{
    const uint64_t columns = at->tensor->shape[1];
    const char *which = side->donor ? "donor" : "base";
    if (columns % heads)
        return otx__fail(error, OTX_ERROR_ARGUMENT, "%s: rows of %" PRIu64 " columns are not of %"
                         PRIu64 " heads, as mp_rope needs them to be; --%s-heads says otherwise",
                         side->path, columns, (uint64_t)heads, which);
    if (!(rope >= 1.0 && otx__is_finite(rope)))
        return otx__fail(error, OTX_ERROR_ARGUMENT, "%s: the base of rotary positions must be 1 or "
                         "more; see --%s-rope", side->path, which);
    return OTX_OK;
}

/* For the matrices that mp_rope makes. */
OTX__PRIVATE otx_result otx__job_plan_rope(otx_job *job, otx_error *error)
{
    otx_method_options *how = &job->options.how;
    const otx__parts *parts = &job->base.parts;
    otx_result result = OTX_OK;
    bool settled = false;
    size_t i;
    for (i = 0; i < parts->count && !result; i++) {
        const otx__vocab_tensor *tensor = &parts->tensors[i];
        if (job->plans[i].solution == OTX__NONE || job->target_count == 0 ||
            job->solutions[job->plans[i].solution].method != OTX_METHOD_MP_ROPE)
            continue;
        if (!settled) otx__rope_settle(job, how);
        settled = true;
        result = otx__rope_check(&job->base, tensor->at, how->base_heads, how->base_rope, error);
        if (!result)
            result = otx__rope_check(&job->donor, otx__donor_matrix(job, tensor),
                                     how->donor_heads, how->donor_rope, error);
    }
    return result;
}

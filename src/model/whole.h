/* ---- whether all tensors are there ----------------------------------------- */

/* An index may name tensors that no shard holds: most are of parts that were left out on
   purpose, of others the loaders make random values without failing. The latter are
   refused where the tensors that are there tell them apart. */

/* Steps through the names of such tensors: `name` has nothing else. */
OTX__PRIVATE bool otx__absent_next(const otx_checkpoint *checkpoint, size_t *at,
                                   otx_tensor *name)
{
    if (*at >= checkpoint->absent_size) return false;
    memset(name, 0, sizeof *name);
    name->name = checkpoint->absent + *at;
    name->name_size = strlen(name->name);
    *at += name->name_size + 1;
    return true;
}

OTX__PRIVATE otx_result otx__fail_absent(const otx__side *side, const otx_tensor *name,
                                         const char *why, otx_error *error)
{
    char quoted[OTX__QUOTED];
    return otx__fail(error, OTX_ERROR_MISMATCH, "%s: " OTX__INDEX_FILE " names tensor \"%s\", "
                     "which is in no shard%s", side->path,
                     otx__quote(quoted, sizeof quoted, name->name, name->name_size), why);
}

/* ---- layers ---- */

/* A name with a number as one of its components, in three parts: "model.layers.", 7 and
   ".mlp.up_proj.weight". */
typedef struct otx__layer_name {
    otx__span before, after;
    uint64_t layer;
} otx__layer_name;

OTX__PRIVATE bool otx__split_layer(const otx_tensor *name, otx__layer_name *out)
{
    size_t begin = 0, end;
    for (; begin < name->name_size; begin = end + 1) {
        otx__span part;
        end = begin;
        while (end < name->name_size && name->name[end] != '.') end++;
        part = otx__span_of(name->name + begin, end - begin);
        if (part.size > 9 || !otx__parse_uint(part, &out->layer)) continue;
        out->before = otx__span_of(name->name, begin);
        out->after = otx__span_of(name->name + end, name->name_size - end);
        return true;
    }
    return false;
}

/* Whether there is a tensor of a name, up to the end of `key` or as a whole. */
typedef struct otx__layer_key {
    char text[512];
    size_t size;
    bool whole;
} otx__layer_key;

OTX__PRIVATE int otx__compare_layer_key(const void *key, const void *item)
{
    const otx__layer_key *wanted = (const otx__layer_key *)key;
    const otx_tensor *tensor = ((const otx_checkpoint_tensor *)item)->tensor;
    size_t size = wanted->whole ? tensor->name_size : otx__min(tensor->name_size, wanted->size);
    return otx__compare_bytes(wanted->text, wanted->size, tensor->name, size);
}

OTX__PRIVATE bool otx__has_in_layer(const otx_checkpoint *checkpoint,
                                    const otx__layer_name *name, uint64_t layer, bool whole)
{
    otx__layer_key key;
    key.whole = whole;
    key.size = otx__format(key.text, sizeof key.text, "%.*s%" PRIu64 "%.*s",
                           (int)name->before.size, name->before.bytes, layer,
                           whole ? (int)name->after.size : 1, name->after.bytes);
    return key.size < sizeof key.text &&
           otx__sorted_find(checkpoint->tensors, checkpoint->tensor_count,
                            sizeof *checkpoint->tensors, &key, otx__compare_layer_key) != NULL;
}

/* How far away a like layer is looked for: hybrids have some only every eighth layer. */
#define OTX__LAYER_STRIDE 8

/* Whether the layer is there, and one like it that has such a tensor. */
OTX__PRIVATE bool otx__is_hole(const otx_checkpoint *checkpoint, const otx_tensor *absent)
{
    otx__layer_name name;
    uint64_t i;
    if (!otx__split_layer(absent, &name) || name.after.size < 2 || absent->name_size > 400 ||
        !otx__has_in_layer(checkpoint, &name, name.layer, false))
        return false;
    for (i = 1; i <= OTX__LAYER_STRIDE; i++)
        if (otx__has_in_layer(checkpoint, &name, name.layer + i, true) ||
            (i <= name.layer && otx__has_in_layer(checkpoint, &name, name.layer - i, true)))
            return true;
    return false;
}

/* ---- the whole of it ---- */

/* Refuses an absent embedding, head or part of a layer; the parts that are there have been
   found. Of a donor's layers nothing is needed. */
OTX__PRIVATE otx_result otx__check_whole(const otx__side *side, otx_error *error)
{
    const otx__tie_flag flag = otx__config_tie_flag(&side->config);
    const bool headless = !side->parts.head && !flag.said_true &&
                          (flag.said_false || otx__config_unties(&side->config));
    otx_tensor absent;
    size_t at = 0;
    while (otx__absent_next(&side->checkpoint, &at, &absent)) {
        if (!side->parts.embedding && otx__name_is_embedding(&absent))
            return otx__fail_absent(side, &absent, " and no other is the embedding", error);
        if (headless && otx__name_is_head(&absent) && !otx__name_is_numbered(&absent))
            return otx__fail_absent(side, &absent, "; the model has no output head", error);
        if (!side->donor && otx__is_hole(&side->checkpoint, &absent))
            return otx__fail_absent(side, &absent, ", though other layers have theirs: a part "
                                    "of the model is missing", error);
    }
    return OTX_OK;
}

/* ---- verify: files -------------------------------------------------------- */

/* Opens a file that is JSON; a fault if it is needed and not there. */
OTX__PRIVATE void otx__verify_document(otx__verifier *v, const char *name, bool needed,
                                       otx__document *out)
{
    otx_error error;
    if (v->failure) return;
    if (!otx__verify_take(v, otx__document_open(&v->ctx, v->side.path, name, out, &error),
                          &error))
        return;
    if (needed && !out->present)
        otx__found(v, OTX_FAULT, "%s/%s: is missing", v->side.path, name);
}

/* Opens all that can be opened. */
OTX__PRIVATE void otx__verify_open(otx__verifier *v)
{
    otx__side *side = &v->side;
    otx_error error;
    otx__verify_document(v, "config.json", true, &side->config);
    otx__verify_document(v, "generation_config.json", false, &side->generation);
    otx__verify_document(v, "tokenizer_config.json", false, &side->tokenizer);
    if (!v->failure)
        otx__verify_take(v, otx_vocab_open(&v->ctx, side->path, &side->vocab, &error), &error);
    if (!v->failure)
        otx__verify_take(v, otx_checkpoint_open(&v->ctx, side->path, &side->checkpoint, &error),
                         &error);
    otx__verify_find_d2t(v);
    if (!v->failure && side->vocab.tokens && side->checkpoint.files)
        otx__verify_take(v, otx__parts_find(&v->quiet, side, &error), &error);
}

/* What transformers and others read of an index beyond its map, which
   otx_checkpoint_open has compared with the shards. */
OTX__PRIVATE void otx__verify_index(otx__verifier *v)
{
    const otx_checkpoint *checkpoint = &v->side.checkpoint;
    otx__document index;
    uint64_t total = 0, said;
    uint32_t metadata, size;
    size_t i;
    memset(&index, 0, sizeof index);
    if (v->failure || !checkpoint->sharded) return;
    otx__verify_document(v, checkpoint->index, true, &index);
    for (i = 0; i < checkpoint->tensor_count; i++) {
        const otx_tensor *tensor = checkpoint->tensors[i].tensor;
        total += tensor->end - tensor->begin;
    }
    metadata = otx_json_find(&index.json, otx__document_root(&index), OTX__KEY_METADATA);
    size = otx_json_find(&index.json, metadata, OTX__KEY_TOTAL_SIZE);
    if (index.present && otx_json_type_of(&index.json, metadata) != OTX_JSON_OBJECT)
        otx__found(v, OTX_FAULT, "%s/%s: has no \"metadata\", without which "
                   "transformers does not load it", v->side.path, checkpoint->index);
    else if (otx_json_uint(&index.json, size, &said) && said != total)
        otx__found(v, OTX_WARNING, "%s/%s: says \"total_size\": %" PRIu64
                   ", the tensors have %" PRIu64 " bytes", v->side.path, checkpoint->index,
                   said, total);
    otx__document_close(&v->ctx, &index);
}

/* Weights that some loader might take instead of those that were checked. */
OTX__PRIVATE bool otx__is_rival(const otx_checkpoint *checkpoint, const char *name)
{
    size_t i;
    if (!otx__name_fits_any(name, otx__rival_files, OTX__COUNT(otx__rival_files)) ||
        strcmp(name, OTX__TRAINING_ARGUMENTS) == 0)
        return false;
    for (i = 0; i < checkpoint->file_count; i++)
        if (strcmp(name, checkpoint->files[i].name) == 0) return false;
    return true;
}

OTX__PRIVATE void otx__verify_listing(otx__verifier *v)
{
    char quoted[OTX__QUOTED];
    otx__listing listing;
    otx_error error;
    size_t i;
    if (v->failure) return;
    if (!otx__verify_take(v, otx__listing_open(&v->ctx, v->side.path, &listing, &error),
                          &error))
        return;
    for (i = 0; i < listing.count && v->side.checkpoint.files; i++) {
        const char *name = listing.names[i];
        if (otx__is_rival(&v->side.checkpoint, name))
            otx__found(v, OTX_WARNING, "%s: \"%s\" stands beside the weights that were checked",
                       v->side.path, otx__quote(quoted, sizeof quoted, name, strlen(name)));
    }
    otx__listing_close(&listing);
}

/* The code that the tokenizer is loaded with, if it has any. */
OTX__PRIVATE void otx__verify_code(otx__verifier *v)
{
    otx__code code;
    otx_error error;
    if (v->failure) return;
    (void)otx__verify_take(v, otx__code_open(&v->ctx, &v->side, &code, &error), &error);
    otx__code_close(&code);
}

/* Whether the processor looks for tokens that are none. */
OTX__PRIVATE void otx__verify_processor(otx__verifier *v)
{
    bool silent;
    otx_error error;
    if (v->failure || !v->side.vocab.tokens) return;
    (void)otx__verify_take(v, otx__processor_check(&v->ctx, &v->side, &v->side, &silent, &error),
                           &error);
}

/* Whether transformers makes another class of the tokenizer than it names, or one that
   passes by some of its tokens. */
OTX__PRIVATE void otx__verify_class(otx__verifier *v)
{
    const otx__span type = otx__document_word(&v->side.config, OTX__KEY_MODEL_TYPE);
    const otx__class_types *forced = otx__class_of_type(type);
    const otx__span name = otx__side_class(&v->side);
    const otx__span made = otx__class_made(name);
    char quoted[OTX__QUOTED];
    otx_error error;
    if (v->failure || !v->side.vocab.tokens) return;
    if (!otx__verify_take(v, otx__warn_renumbered(&v->ctx, &v->side, &error), &error)) return;
    if (!forced || forced->rule != OTX__CLASS_FORCED ||
        otx__side_is_mapped(&v->side) || otx__span_is(otx__class_stem(name), forced->name))
        return;
    otx__found(v, OTX_FAULT, "%s: transformers makes a %s of the tokenizer of a model of type "
               "%s, whatever tokenizer_config.json says (%s); load it with "
               "transformers.%.*s.from_pretrained(...)", v->side.path, forced->name,
               otx__quote(quoted, sizeof quoted, type.bytes, type.size),
               name.size ? "another class" : "nothing",
               otx__span_is(made, OTX__AS_IS) ? (int)strlen(OTX__AS_IS_4) : (int)made.size,
               otx__span_is(made, OTX__AS_IS) ? OTX__AS_IS_4 : made.bytes);
}

/* ---- gguf_parts: the parts of a split GGUF file ------------------------------------ */

/* Room for the name of a part. */
#define OTX__PART_TEXT (OTX__NAME_TEXT + OTX__GGUF_PART)

/* The name of a part for a message, "NAME-00001-of-00003.gguf", made from that of any file
   of its model. Returns `to`. */
OTX__PRIVATE const char *otx__gguf_part_text(char to[OTX__PART_TEXT], const char *name,
                                             uint64_t number, uint64_t count)
{
    char stem[OTX__NAME_TEXT];
    size_t size = strlen(name);
    uint64_t ignored;
    if (otx__gguf_part_of(name, &ignored, &ignored)) size -= OTX__GGUF_PART;
    else if (otx__has_suffix(name, ".gguf")) size -= 5;
    otx__format(to, OTX__PART_TEXT, "%s-%05u-of-%05u.gguf",
                otx__quote(stem, sizeof stem, name, size), (unsigned)number, (unsigned)count);
    return to;
}

/* A number of the parts that a file says, at most `limit`. */
OTX__PRIVATE otx_result otx__gguf_split_key(const otx_checkpoint *checkpoint, size_t file,
                                            const char *name, int64_t limit, int64_t *value,
                                            otx_error *error)
{
    char where[OTX__PATH_TEXT], part[OTX__NAME_TEXT];
    const otx_gguf_key *key = otx_gguf_find(&checkpoint->files[file].gguf, name);
    if (key && !key->array && otx_gguf_integer(key, 0, value) && *value >= 0 && *value <= limit)
        return OTX_OK;
    return otx__fail(error, OTX_ERROR_FORMAT, "%s: \"%s\": key \"%s\", which every part of a split "
                     "file has, is %s", otx__path_text(where, checkpoint->path),
                     otx__name_text(part, checkpoint->files[file].name), name,
                     key ? "no number that it can be" : "missing");
}

/* How many parts the model has that the first file of a checkpoint is of; 1 if it is whole.
   Fails if it is another part than the first, or not named as one. */
OTX__PRIVATE otx_result otx__gguf_parts_count(const otx_checkpoint *checkpoint, size_t *count,
                                              otx_error *error)
{
    const char *name = checkpoint->files[0].name;
    char where[OTX__PATH_TEXT], own[OTX__NAME_TEXT], first[OTX__PART_TEXT];
    uint64_t named = 0, of = 0;
    int64_t number, parts = 1;
    otx_result result = OTX_OK;
    *count = 1;
    if (!otx_gguf_find(&checkpoint->files[0].gguf, OTX__KEY_SPLIT_COUNT)) return OTX_OK;
    result = otx__gguf_split_key(checkpoint, 0, OTX__KEY_SPLIT_COUNT, UINT16_MAX, &parts, error);
    if (result || parts <= 1) return result;
    result = otx__gguf_split_key(checkpoint, 0, OTX__KEY_SPLIT_NO, UINT16_MAX, &number, error);
    if (result) return result;
    *count = (size_t)parts;
    otx__path_text(where, checkpoint->path);
    otx__name_text(own, name);
    otx__gguf_part_text(first, name, 1, (uint64_t)parts);
    if (number != 0)
        return otx__fail(error, OTX_ERROR_MISMATCH, "%s: \"%s\" is part %" PRId64 " of %" PRId64
                         " of a split GGUF file; give the first, \"%s\"", where, own, number + 1,
                         parts, first);
    if (otx__gguf_part_of(name, &named, &of) && named == 1 && of == (uint64_t)parts)
        return OTX_OK;
    return otx__fail(error, OTX_ERROR_MISMATCH, "%s: \"%s\" says that it is the first of %" PRId64
                     " parts; then its name must be \"%s\", and the others must lie beside it",
                     where, own, parts, first);
}

/* Checks that a file is the part that its name says. */
OTX__PRIVATE otx_result otx__gguf_part_check(const otx_checkpoint *checkpoint, size_t file,
                                             otx_error *error)
{
    char where[OTX__PATH_TEXT], name[OTX__NAME_TEXT];
    int64_t number = 0, parts = 0;
    otx_result result = otx__gguf_split_key(checkpoint, file, OTX__KEY_SPLIT_NO, UINT16_MAX,
                                            &number, error);
    if (!result)
        result = otx__gguf_split_key(checkpoint, file, OTX__KEY_SPLIT_COUNT, UINT16_MAX, &parts,
                                     error);
    if (result || ((uint64_t)number == file && (uint64_t)parts == checkpoint->file_count))
        return result;
    return otx__fail(error, OTX_ERROR_MISMATCH, "%s: \"%s\" says that it is part %" PRId64 " of %"
                     PRId64 ", and not %" PRIu64 " of %" PRIu64, otx__path_text(where,
                     checkpoint->path), otx__name_text(name, checkpoint->files[file].name),
                     number + 1, parts, (uint64_t)file + 1, (uint64_t)checkpoint->file_count);
}

/* Checks that the parts have as many tensors together as the first says, and no two of one
   name. The tensors are gathered. */
OTX__PRIVATE otx_result otx__gguf_parts_check(const otx_checkpoint *checkpoint,
                                              otx_error *error)
{
    char where[OTX__PATH_TEXT];
    int64_t said;
    uint64_t count = 0;
    size_t i;
    otx_result result = otx__gguf_split_key(checkpoint, 0, OTX__KEY_SPLIT_TENSORS, INT32_MAX,
                                            &said, error);
    if (result) return result;
    for (i = 0; i < checkpoint->file_count; i++) count += checkpoint->files[i].gguf.tensor_count;
    otx__path_text(where, checkpoint->path);
    if (count != checkpoint->tensor_count)
        return otx__fail(error, OTX_ERROR_MISMATCH, "%s: the parts of a split GGUF file have %"
                         PRIu64 " tensors, and %" PRIu64 " names for them", where, count,
                         (uint64_t)checkpoint->tensor_count);
    if (count == (uint64_t)said) return OTX_OK;
    return otx__fail(error, OTX_ERROR_MISMATCH, "%s: the parts of a split GGUF file have %" PRIu64
                     " tensors, and the first says %" PRId64, where, count, said);
}

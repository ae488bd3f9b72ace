/* ---- what is in a directory that is not read ---------------------------- */

#define OTX__MODEL_FILE "model.safetensors"
#define OTX__INDEX_FILE "model.safetensors.index.json"

/* Most bytes of an index, and of a tokenizer's files. Real ones stay below
   20 MB and 50 MB. */
#define OTX__INDEX_LIMIT ((size_t)256 << 20)
#define OTX__TOKENIZER_LIMIT ((size_t)1 << 30)

/* ---- what else may be in a directory ---- */

/* Whether a name in a model directory belongs to its tokenizer: those of the
   base are left out of an output, and the donor's are copied. One stale file
   would do harm: converters take the first that they know. */
OTX__PRIVATE bool otx__is_tokenizer_file(const char *name)
{
    static const char *const names[] = {
        "tokenizer.json", "tokenizer_config.json", "special_tokens_map.json",
        "added_tokens.json", "tokenizer.model", "spiece.model", "spm.model",
        "sentencepiece.model", "sentencepiece.bpe.model", "tekken.json", "tiktoken.model",
        "vocab.json", "vocab.txt", "vocab.bpe", "merges.txt", "encoder.json", "bpe.codes",
        "chat_template.jinja", "chat_template.json", "additional_chat_templates"
    };
    size_t i;
    for (i = 0; i < OTX__COUNT(names); i++)
        if (strcmp(name, names[i]) == 0) return true;
    return otx__has_prefix(name, "tokenizer.model.") || otx__has_suffix(name, ".tiktoken") ||
           otx__has_suffix(name, ".spm") ||
           (otx__has_prefix(name, "tokenization_") && otx__has_suffix(name, ".py"));
}

/* A kind of file that this library does not read, and what to do about it. */
typedef struct otx__foreign {
    const char *prefix, *suffix, *advice;
} otx__foreign;

/* The first kind of `table` that a listed name matches, and that name. */
OTX__PRIVATE const otx__foreign *otx__foreign_find(const otx__foreign *table, size_t count,
                                                   const otx__listing *listing,
                                                   const char **name)
{
    size_t i, j;
    for (i = 0; i < count; i++)
        for (j = 0; j < listing->count; j++)
            if (otx__has_prefix(listing->names[j], table[i].prefix) &&
                otx__has_suffix(listing->names[j], table[i].suffix)) {
                *name = listing->names[j];
                return &table[i];
            }
    return NULL;
}

/* Reports a directory without what is wanted of it: what it has instead, if that
   is known (OTX_ERROR_UNSUPPORTED), else only what is missing. */
OTX__PRIVATE otx_result otx__fail_foreign(otx_error *error, const char *path,
                                          const char *wanted, const otx__foreign *table,
                                          size_t count, const otx__listing *listing)
{
    char where[OTX__PATH_TEXT], what[OTX__QUOTED];
    const char *name = NULL;
    const otx__foreign *kind = otx__foreign_find(table, count, listing, &name);
    otx__path_text(where, path);
    if (!kind)
        return otx__fail(error, OTX_ERROR_NOT_FOUND, "%s: holds no %s", where, wanted);
    return otx__fail(error, OTX_ERROR_UNSUPPORTED, "%s: holds no %s, but \"%s\": %s", where,
                     wanted, otx__quote(what, sizeof what, name, strlen(name)), kind->advice);
}

/* Whether a path that leads nowhere looks like a model's name on a hub: a name,
   or two with one slash, and no leading dot. */
OTX__PRIVATE bool otx__is_hub_name(const char *path)
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                  "0123456789-_.";
    size_t head = strspn(path, letters);
    if (head == 0 || path[0] == '.') return false;
    if (path[head] == 0) return true;
    return path[head] == '/' && path[head + 1] != 0 &&
           path[head + 1 + strspn(path + head + 1, letters)] == 0;
}

/* Finds out what stands at a path given by the user. */
OTX__PRIVATE otx_result otx__model_status(const char *path, otx__status *status,
                                          otx_error *error)
{
    char name[OTX__PATH_TEXT];
    int number;
    if (otx__sys_status(path, status)) return OTX_OK;
    number = errno;
    if (number == ENOENT && otx__is_hub_name(path))
        return otx__fail(error, OTX_ERROR_NOT_FOUND, "%s: no such file or directory; if it is "
                         "a model on a hub, download it first and give its directory",
                         otx__path_text(name, path));
    return otx__fail_system(error, path, "cannot be opened", number);
}

/* Room for a shard's name in a message. */
#define OTX__SHARD_TEXT 96

OTX__PRIVATE const char *otx__shard_text(char to[OTX__SHARD_TEXT], const char *name)
{
    return otx__quote(to, OTX__SHARD_TEXT, name, strlen(name));
}

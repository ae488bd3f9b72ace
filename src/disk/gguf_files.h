/* ---- GGUF files of a directory, by their names ------------------------------------ */

/* Bytes of "-00002-of-00003.gguf", with which the name of a part ends. */
#define OTX__GGUF_PART 20

/* Whether a name is that of a part of a split file, as llama.cpp makes it: then which, from
   1, and of how many. */
OTX__PRIVATE bool otx__gguf_part_of(const char *name, uint64_t *number, uint64_t *count)
{
    const size_t size = strlen(name);
    const char *end;
    if (size <= OTX__GGUF_PART) return false;
    end = name + size - OTX__GGUF_PART;
    return end[0] == '-' && memcmp(end + 6, "-of-", 4) == 0 &&
           strcmp(end + 15, ".gguf") == 0 && otx__parse_uint(otx__span_of(end + 1, 5), number) &&
           otx__parse_uint(otx__span_of(end + 10, 5), count);
}

/* The one GGUF file of a listing that may be a language model, of a split one the first
   part; NULL if there is none or several, and of those the first is *rival. */
OTX__PRIVATE const char *otx__gguf_in(const otx__listing *listing, const char **rival)
{
    const char *found = NULL;
    uint64_t number, count;
    size_t i;
    for (i = 0; i < listing->count; i++) {
        const char *name = listing->names[i];
        if (!otx__has_suffix(name, ".gguf") ||
            otx__name_fits_any(name, otx__side_ggufs, OTX__COUNT(otx__side_ggufs)) ||
            (otx__gguf_part_of(name, &number, &count) && number != 1))
            continue;
        if (found) {
            *rival = found;
            return NULL;
        }
        found = name;
    }
    return found;
}

/* ---- the caller's map --------------------------------------------------- */

/* A side's tokens by content, and by (kind, bytes): the lowest id of each. Entries may be as
   many as tokens. */
typedef struct otx__names {
    otx__token_index contents, bytes;
} otx__names;

OTX__PRIVATE void otx__names_close(const otx_context *ctx, otx__names *names)
{
    if (names->bytes.slots) otx__index_close(ctx, &names->bytes);
    if (names->contents.slots) otx__index_close(ctx, &names->contents);
}

/* Close with otx__names_close in any case. */
OTX__PRIVATE otx_result otx__names_open(const otx_context *ctx, const otx__side *side,
                                        otx__names *names, otx_error *error)
{
    const otx_vocab *vocab = &side->vocab;
    size_t id;
    otx_result result = otx__side_contents(ctx, side, &names->contents, error);
    memset(&names->bytes, 0, sizeof names->bytes);
    if (!result)
        result = otx__index_open(ctx, &names->bytes, vocab->tokens, vocab->count, false, error);
    for (id = vocab->count; id-- > 0 && !result;) {
        const otx_token *token = &vocab->tokens[id];
        if (token->kind != OTX_TOKEN_NONE)
            *otx__index_slot(&names->bytes, token->kind, token->bytes, token->size) =
                (uint32_t)id + 1;
    }
    return result;
}

/* One half of "DONOR=BASE" with its escapes undone. */
typedef struct otx__map_half {
    const otx__side *side;
    const otx__names *names; /* the side's */
    uint64_t rows; /* of the new matrices, or of the base's */
    char *bytes;
    size_t size;
    bool is_id; /* it started with an unescaped # and a digit */
} otx__map_half;

/* Undoes the escapes of one half, from `at` up to the unescaped `stop` (or the
   end, with 0). Returns where it stopped, or NULL where an escape is none. */
OTX__PRIVATE const char *otx__map_unescape(const char *at, char stop, otx__map_half *half)
{
    half->size = 0;
    half->is_id = at[0] == '#' && otx__is_digit(at[1]);
    while (*at && *at != stop) {
        if (*at != '\\') {
            half->bytes[half->size++] = *at++;
        } else if (at[1] == '\\' || at[1] == '=') {
            half->bytes[half->size++] = at[1];
            at += 2;
        } else if (at[1] == 'x' && otx__hex_digit(at[2]) >= 0 && otx__hex_digit(at[3]) >= 0) {
            half->bytes[half->size++] =
                (char)(otx__hex_digit(at[2]) * 16 + otx__hex_digit(at[3]));
            at += 4;
        } else {
            return NULL;
        }
    }
    return at;
}

/* The token with a number. Of the base also a row without a token, and an id that
   config.json names: a model may look for one that its tokenizer does not give. */
OTX__PRIVATE bool otx__map_by_id(const otx__map_half *half, uint64_t *id)
{
    if (!otx__parse_uint(otx__span_of(half->bytes + 1, half->size - 1), id)) return false;
    if (otx__side_token(half->side, *id)) return true;
    return !half->side->donor && *id <= INT32_MAX &&
           (*id < half->rows || otx__config_names_id(&half->side->config, *id));
}

/* The token whose content, as the tokenizer's file spells it, is this, else that which
   stands for these bytes; the lowest of several. */
OTX__PRIVATE bool otx__map_by_text(const otx__map_half *half, uint64_t *id)
{
    static const otx_token_kind kinds[] = {OTX_TOKEN_TEXT, OTX_TOKEN_BYTE, OTX_TOKEN_CONTROL,
                                           OTX_TOKEN_UNUSED};
    int64_t lowest = otx__index_find(&half->names->contents, OTX_TOKEN_NONE, half->bytes,
                                     half->size);
    size_t i, count = lowest < 0 ? OTX__COUNT(kinds) : 0;
    for (i = 0; i < count; i++) {
        int64_t found = otx__index_find(&half->names->bytes, kinds[i], half->bytes, half->size);
        if (found >= 0 && (lowest < 0 || found < lowest)) lowest = found;
    }
    *id = (uint64_t)lowest;
    return lowest >= 0;
}

/* The id that a half of an entry names. */
OTX__PRIVATE otx_result otx__map_find(const otx__map_half *half, const char *entry,
                                      uint64_t *id, otx_error *error)
{
    const char *what = half->side->donor ? "donor" : "base";
    char quoted[OTX__QUOTED], text[OTX__QUOTED];
    bool found = half->is_id ? otx__map_by_id(half, id) : otx__map_by_text(half, id);
    otx__quote(text, sizeof text, entry, strlen(entry));
    if (!found)
        return otx__fail(error, OTX_ERROR_NOT_FOUND,
                         "map \"%s\": the %s's tokenizer has no token \"%s\"", text, what,
                         otx__quote(quoted, sizeof quoted, half->bytes, half->size));
    if (*id >= half->rows && half->side->donor)
        return otx__fail(error, OTX_ERROR_MISMATCH, "map \"%s\": donor id %" PRIu64 " has no "
                         "row; there are %" PRIu64 "; --rows tokenizer gives every token one",
                         text, *id, half->rows);
    return OTX_OK;
}

/* Reads one entry; the new matrices have `rows` rows. `names` are the donor's, then the
   base's. */
OTX__PRIVATE otx_result otx__map_parse(const otx_job *job, const char *text, uint64_t rows,
                                       const otx__names names[2], otx_map_entry *entry,
                                       otx_error *error)
{
    size_t size = strlen(text) + 1;
    char quoted[OTX__QUOTED];
    otx__map_half half;
    const char *at;
    otx_result result;
    memset(&half, 0, sizeof half);
    half.side = &job->donor;
    half.names = &names[0];
    half.rows = rows;
    half.bytes = (char *)otx__alloc(&job->ctx, size, 1);
    if (!half.bytes) return otx__fail_memory(error, size);
    at = otx__map_unescape(text, '=', &half);
    if (!at || *at != '=' || half.size == 0) {
        result = otx__fail(error, OTX_ERROR_ARGUMENT, "map \"%s\": DONOR=BASE is expected, "
                           "each a token's content or #ID, with \\\\, \\= and \\xNN as escapes",
                           otx__quote(quoted, sizeof quoted, text, size - 1));
        goto done;
    }
    result = otx__map_find(&half, text, &entry->donor, error);
    if (result) goto done;
    half.side = &job->base;
    half.names = &names[1];
    half.rows = job->base.parts.rows + job->base.parts.extra;
    at = otx__map_unescape(at + 1, 0, &half);
    if (!at || half.size == 0)
        result = otx__fail(error, OTX_ERROR_ARGUMENT, "map \"%s\": after = a base token's "
                           "content or #ID is expected, with \\\\, \\= and \\xNN as escapes",
                           otx__quote(quoted, sizeof quoted, text, size - 1));
    else result = otx__map_find(&half, text, &entry->base, error);
done:
    otx__free(&job->ctx, half.bytes, size, 1);
    return result;
}

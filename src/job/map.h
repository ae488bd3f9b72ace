/* ---- the caller's map --------------------------------------------------- */

/* One side of "DONOR=BASE" with its escapes undone. */
typedef struct otx__map_side {
    const char *what; /* "donor" or "base" */
    const otx_vocab *vocab;
    uint64_t rows;
    char *bytes;
    size_t size;
    bool is_id; /* it started with an unescaped # and a digit */
} otx__map_side;

/* Undoes the escapes of one side, from `at` up to the unescaped `stop` (or the
   end, with 0). Returns where it stopped, or NULL where an escape is none. */
OTX__PRIVATE const char *otx__map_unescape(const char *at, char stop, otx__map_side *side)
{
    side->size = 0;
    side->is_id = at[0] == '#' && at[1] >= '0' && at[1] <= '9';
    while (*at && *at != stop) {
        if (*at != '\\') {
            side->bytes[side->size++] = *at++;
        } else if (at[1] == '\\' || at[1] == '=') {
            side->bytes[side->size++] = at[1];
            at += 2;
        } else if (at[1] == 'x' && otx__hex_digit(at[2]) >= 0 && otx__hex_digit(at[3]) >= 0) {
            side->bytes[side->size++] =
                (char)(otx__hex_digit(at[2]) * 16 + otx__hex_digit(at[3]));
            at += 4;
        } else {
            return NULL;
        }
    }
    return at;
}

/* The id of a side: by number, by content as the tokenizer's file spells it, or
   by the bytes it stands for; the lowest of several. */
OTX__PRIVATE otx_result otx__map_find(const otx__map_side *side, const char *entry,
                                      uint64_t *id, otx_error *error)
{
    const otx_vocab *vocab = side->vocab;
    char quoted[OTX__QUOTED], text[OTX__QUOTED];
    bool found = false;
    size_t i;
    *id = 0;
    if (side->is_id) {
        for (i = 1; i < side->size; i++) {
            unsigned digit = (unsigned)((unsigned char)side->bytes[i] - '0');
            if (digit > 9 || *id > UINT32_MAX) break;
            *id = *id * 10 + digit;
        }
        found = i == side->size && *id < vocab->count &&
                vocab->tokens[*id].kind != OTX_TOKEN_NONE;
    } else {
        size_t by_bytes = vocab->count;
        for (i = 0; i < vocab->count && !found; i++) {
            const otx_token *token = &vocab->tokens[i];
            if (token->kind == OTX_TOKEN_NONE) continue;
            found = token->content_size == side->size &&
                    memcmp(token->content, side->bytes, side->size) == 0;
            if (found) *id = i;
            else if (by_bytes == vocab->count && token->size == side->size &&
                     memcmp(token->bytes, side->bytes, side->size) == 0)
                by_bytes = i;
        }
        if (!found && by_bytes < vocab->count) {
            found = true;
            *id = by_bytes;
        }
    }
    otx__quote(quoted, sizeof quoted, side->bytes, side->size);
    otx__quote(text, sizeof text, entry, strlen(entry));
    if (!found)
        return otx__fail(error, OTX_ERROR_NOT_FOUND,
                         "map \"%s\": the %s's tokenizer has no token "
                         "\"%s\"",
                         text, side->what, quoted);
    if (*id >= side->rows)
        return otx__fail(error, OTX_ERROR_MISMATCH, "map \"%s\": %s id %" PRIu64 " has no row; "
                         "there are %" PRIu64, text, side->what, *id, side->rows);
    return OTX_OK;
}

OTX__PRIVATE otx_result otx__map_parse(otx_job *job, const char *text, uint64_t rows,
                                       otx_map_entry *entry, otx_error *error)
{
    size_t size = strlen(text) + 1;
    char quoted[OTX__QUOTED], *bytes = (char *)otx__alloc(&job->ctx, size, 1);
    otx__map_side side = {"donor", NULL, 0, NULL, 0, false};
    const char *at;
    otx_result result;
    if (!bytes) return otx__fail_memory(error, size);
    side.vocab = &job->donor_vocab;
    side.rows = rows;
    side.bytes = bytes;
    at = otx__map_unescape(text, '=', &side);
    if (!at || *at != '=' || side.size == 0) {
        result = otx__fail(error, OTX_ERROR_ARGUMENT,
                           "map \"%s\": DONOR=BASE is expected, each "
                           "a token's content or #ID, with \\\\, \\= and \\xNN as escapes",
                           otx__quote(quoted, sizeof quoted, text, size - 1));
        goto done;
    }
    result = otx__map_find(&side, text, &entry->donor, error);
    if (result) goto done;
    side.what = "base";
    side.vocab = &job->base_vocab;
    side.rows = job->base_model.rows + job->base_model.extra;
    at = otx__map_unescape(at + 1, 0, &side);
    if (!at || side.size == 0)
        result = otx__fail(error, OTX_ERROR_ARGUMENT,
                           "map \"%s\": after = a base token's content "
                           "or #ID is expected, with \\\\, \\= and \\xNN as escapes",
                           otx__quote(quoted, sizeof quoted, text, size - 1));
    else result = otx__map_find(&side, text, &entry->base, error);
done:
    otx__free(&job->ctx, bytes, size, 1);
    return result;
}

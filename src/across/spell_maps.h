/* ---- spell_maps: two maps as JSON, for people ------------------------------------------- */

/* What a token stands for, as a JSON string: text as it is, any other byte as \xNN, and a
   backslash as \\, of which JSON doubles every backslash once more. */
OTX__PRIVATE void otx__maps_token(otx__text *text, const otx_vocab *vocab, uint64_t id)
{
    const otx_token *token = &vocab->tokens[id];
    size_t i = 0, length;
    otx__text_string(text, "\"");
    for (; i < token->size; i += otx__max(length, 1)) {
        const unsigned char byte = (unsigned char)token->bytes[i];
        length = otx__utf8_length((const unsigned char *)token->bytes + i, token->size - i);
        if (byte == '"') otx__text_string(text, "\\\"");
        else if (byte == '\\') otx__text_string(text, "\\\\\\\\");
        else if (length == 0 || byte < 0x20 || byte == 0x7f)
            otx__text_format(text, "\\\\x%02x", byte);
        else otx__text_bytes(text, token->bytes + i, length);
    }
    otx__text_string(text, "\"");
}

/* The line of one token. */
OTX__PRIVATE void otx__maps_line(otx__text *text, const otx_vocab *from, const otx_vocab *to,
                                 const otx_token_map *map, size_t row)
{
    int64_t i, first = map->piece_indptr[row], end = map->piece_indptr[row + 1];
    otx__text_format(text, "    {\"id\": %" PRIu64 ", \"token\": ", (uint64_t)row);
    otx__maps_token(text, from, row);
    otx__text_format(text, ", \"kind\": \"%s\", \"to\": [",
                     otx__word(otx_counterpart_name((otx_counterpart)map->kinds[row])));
    for (i = map->indptr[row]; i < map->indptr[row + 1]; i++) {
        otx__text_format(text, "%s{\"id\": %" PRId64 ", \"token\": ",
                         i > map->indptr[row] ? ", " : "", map->indices[i]);
        otx__maps_token(text, to, (uint64_t)map->indices[i]);
        otx__text_string(text, ", \"weight\": ");
        otx__text_double(text, (double)map->weights[i]);
        otx__text_string(text, "}");
    }
    otx__text_string(text, "]");
    if (end - first > 1) otx__text_string(text, ", \"pieces\": [");
    for (i = first; i < end && end - first > 1; i++) {
        otx__text_string(text, i > first ? ", " : "");
        otx__maps_token(text, to, (uint64_t)map->pieces[i]);
    }
    otx__text_string(text, end - first > 1 ? "]}" : "}");
}

/* The counts of a map and its lines; holes have none. */
OTX__PRIVATE otx_result otx__maps_object(otx__text *text, const char *name,
                                         const otx_vocab *from, const otx_vocab *to,
                                         const otx_token_map *map, const otx_sink *sink,
                                         otx_error *error)
{
    otx_result result = OTX_OK;
    bool more = false;
    size_t i;
    otx__text_format(text, ",\n  \"%s\": {\"rows\": %" PRIu64 ", \"columns\": %" PRIu64
                     ", \"entries\": %" PRIu64 ", \"counts\": {", name, (uint64_t)map->rows,
                     (uint64_t)map->columns, (uint64_t)map->entries);
    for (i = 0; i < OTX_COUNTERPART_COUNT; i++)
        otx__text_format(text, "%s\"%s\": %" PRIu64, i ? ", " : "",
                         otx__word(otx_counterpart_name((otx_counterpart)i)), map->counts[i]);
    otx__text_string(text, "}, \"least_sum\": ");
    otx__text_double(text, map->least_sum);
    otx__text_string(text, ", \"most_sum\": ");
    otx__text_double(text, map->most_sum);
    otx__text_format(text, ", \"negative\": %" PRIu64 ", \"tokens\": [", map->negative);
    for (i = 0; i < map->rows && !result; i++) {
        if (map->kinds[i] == OTX_COUNTERPART_ABSENT) continue;
        otx__text_string(text, more ? ",\n" : "\n");
        more = true;
        otx__maps_line(text, from, to, map, i);
        if (text->size >= OTX__MAP_BLOCK || text->failed)
            result = otx__maps_flush(text, sink, error);
    }
    otx__text_string(text, "\n  ]}");
    return result;
}

/* Whether the maps are those of the vocabularies, whose tokens they lead to. */
OTX__PRIVATE otx_result otx__maps_check(const otx_token_maps *maps, otx_error *error)
{
    const size_t a = maps->a->count, b = maps->b->count;
    if (maps->a_to_b->rows == a && maps->a_to_b->columns == b && maps->b_to_a->rows == b &&
        maps->b_to_a->columns == a)
        return OTX_OK;
    return otx__fail(error, OTX_ERROR_ARGUMENT, "maps of %" PRIu64 " and %" PRIu64 " rows are "
                     "not those of vocabularies of %" PRIu64 " and %" PRIu64 " ids",
                     (uint64_t)maps->a_to_b->rows, (uint64_t)maps->b_to_a->rows, (uint64_t)a,
                     (uint64_t)b);
}

OTX_API otx_result otx_token_maps_write_json(const otx_context *ctx, const otx_token_maps *maps,
                                             const otx_sink *sink, otx_error *error)
{
    const char *const named[3][2] = {
        {"a", maps->a_name}, {"b", maps->b_name}, {"method", maps->method}};
    otx__text text;
    otx_result result = otx__maps_check(maps, error);
    size_t i;
    if (result) return result;
    otx__text_open(&text, ctx);
    otx__text_string(&text, "{\n  \"version\": \"" OTX_VERSION_STRING "\"");
    for (i = 0; i < OTX__COUNT(named); i++) {
        if (!named[i][1]) continue;
        otx__text_format(&text, ",\n  \"%s\": ", named[i][0]);
        otx__text_json_string(&text, named[i][1], strlen(named[i][1]));
    }
    result = otx__maps_object(&text, "a_to_b", maps->a, maps->b, maps->a_to_b, sink, error);
    if (!result)
        result = otx__maps_object(&text, "b_to_a", maps->b, maps->a, maps->b_to_a, sink, error);
    otx__text_string(&text, "\n}\n");
    if (!result) result = otx__maps_flush(&text, sink, error);
    otx__text_close(&text);
    return result;
}

/* ---- map_rows: a map, gathered row by row --------------------------------------------- */

OTX_API const char *otx_counterpart_name(otx_counterpart counterpart)
{
    static const char *const names[OTX_COUNTERPART_COUNT] = {"same",   "role", "split", "combined",
                                                             "unused", "none", "absent"};
    return (unsigned)counterpart < OTX_COUNTERPART_COUNT ? names[counterpart] : NULL;
}

/* An entry of the row at hand. */
typedef struct otx__map_cell {
    int64_t id;
    double weight;
} otx__map_cell;

/* A map on its way. Row after row: cells are put, then the row is ended. */
typedef struct otx__map_rows {
    const otx_context *ctx;
    otx_token_map *map;
    size_t next;          /* the row at hand */
    otx__map_cell *cells; /* of it */
    size_t count, room;
} otx__map_rows;

OTX_API void otx_token_map_close(const otx_context *ctx, otx_token_map *map)
{
    if (map->entry_room) {
        otx__free(ctx, map->indices, map->entry_room, sizeof *map->indices);
        otx__free(ctx, map->weights, map->entry_room, sizeof *map->weights);
    }
    if (map->piece_room) otx__free(ctx, map->pieces, map->piece_room, sizeof *map->pieces);
    otx__free(ctx, map->indptr, map->rows + 1, sizeof *map->indptr);
    otx__free(ctx, map->piece_indptr, map->rows + 1, sizeof *map->piece_indptr);
    otx__free(ctx, map->kinds, map->rows, sizeof *map->kinds);
    memset(map, 0, sizeof *map);
}

/* Zeroes the map and makes room for its rows. Close with otx__map_rows_close in any case. */
OTX__PRIVATE otx_result otx__map_rows_open(const otx_context *ctx, size_t rows, size_t columns,
                                           otx_token_map *map, otx__map_rows *to,
                                           otx_error *error)
{
    memset(map, 0, sizeof *map);
    memset(to, 0, sizeof *to);
    to->ctx = ctx;
    to->map = map;
    if (rows == SIZE_MAX) return otx__fail_memory(error, UINT64_MAX);
    map->rows = rows;
    map->columns = columns;
    map->indptr = (int64_t *)otx__alloc_zero(ctx, rows + 1, sizeof *map->indptr);
    map->piece_indptr = (int64_t *)otx__alloc_zero(ctx, rows + 1, sizeof *map->piece_indptr);
    map->kinds = (uint8_t *)otx__alloc_zero(ctx, rows, sizeof *map->kinds);
    if (map->indptr && map->piece_indptr && map->kinds) return OTX_OK;
    return otx__fail_array(error, (uint64_t)rows + 1, sizeof *map->indptr);
}

OTX__PRIVATE void otx__map_rows_close(otx__map_rows *to)
{
    if (to->room) otx__free(to->ctx, to->cells, to->room, sizeof *to->cells);
}

/* Puts a cell into the row at hand. */
OTX__PRIVATE otx_result otx__map_put(otx__map_rows *to, int64_t id, double weight,
                                     otx_error *error)
{
    void *cells = to->cells;
    if (!otx__grow(to->ctx, &cells, &to->room, to->count + 1, sizeof *to->cells))
        return otx__fail_array(error, (uint64_t)to->count + 1, sizeof *to->cells);
    to->cells = (otx__map_cell *)cells;
    to->cells[to->count].id = id;
    to->cells[to->count++].weight = weight;
    return OTX_OK;
}

/* Keeps a piece of the row at hand. */
OTX__PRIVATE otx_result otx__map_put_piece(otx__map_rows *to, int64_t id, otx_error *error)
{
    otx_token_map *map = to->map;
    void *pieces = map->pieces;
    if (!otx__grow(to->ctx, &pieces, &map->piece_room, map->piece_count + 1, sizeof *map->pieces))
        return otx__fail_array(error, (uint64_t)map->piece_count + 1, sizeof *map->pieces);
    map->pieces = (int64_t *)pieces;
    map->pieces[map->piece_count++] = id;
    return OTX_OK;
}

/* Room for `count` more entries. */
OTX__PRIVATE bool otx__map_reserve(otx__map_rows *to, size_t count)
{
    otx_token_map *map = to->map;
    size_t need, room = map->entry_room;
    int64_t *indices;
    float *weights;
    if (!otx__add(map->entries, count, &need)) return false;
    if (need <= room) return true;
    room = otx__max(need, room < SIZE_MAX / 2 ? 2 * room : need);
    indices = (int64_t *)otx__alloc(to->ctx, room, sizeof *indices);
    weights = (float *)otx__alloc(to->ctx, room, sizeof *weights);
    if (!indices || !weights) {
        otx__free(to->ctx, indices, room, sizeof *indices);
        otx__free(to->ctx, weights, room, sizeof *weights);
        return false;
    }
    if (map->entries) {
        memcpy(indices, map->indices, map->entries * sizeof *indices);
        memcpy(weights, map->weights, map->entries * sizeof *weights);
    }
    if (map->entry_room) {
        otx__free(to->ctx, map->indices, map->entry_room, sizeof *indices);
        otx__free(to->ctx, map->weights, map->entry_room, sizeof *weights);
    }
    map->indices = indices;
    map->weights = weights;
    map->entry_room = room;
    return true;
}

OTX__PRIVATE int otx__map_by_column(const void *a, const void *b)
{
    const otx__map_cell *x = (const otx__map_cell *)a, *y = (const otx__map_cell *)b;
    if (x->id != y->id) return x->id < y->id ? -1 : 1;
    return x->weight < y->weight ? -1 : x->weight > y->weight;
}

/* Enters the cells as entries: sorted, those of one id as one, none of weight 0. */
OTX__PRIVATE void otx__map_enter(otx__map_rows *to)
{
    otx_token_map *map = to->map;
    const size_t first = map->entries;
    double sum = 0.0;
    size_t i, j;
    otx__sort(to->cells, to->count, sizeof *to->cells, otx__map_by_column);
    for (i = 0; i < to->count; i = j) {
        double weight = 0.0;
        float rounded;
        for (j = i; j < to->count && to->cells[j].id == to->cells[i].id; j++)
            weight += to->cells[j].weight;
        rounded = (float)weight;
        if (rounded == 0.0f) continue;
        map->indices[map->entries] = to->cells[i].id;
        map->weights[map->entries++] = rounded;
        map->negative += rounded < 0.0f;
        sum += (double)rounded;
    }
    if (map->entries == first) return;
    if (first == 0 || sum < map->least_sum) map->least_sum = sum;
    if (first == 0 || sum > map->most_sum) map->most_sum = sum;
}

/* Ends the row at hand. One of cells that come to nothing is none; so is one of a kind that has
   an empty row. */
OTX__PRIVATE otx_result otx__map_end_row(otx__map_rows *to, otx_counterpart kind,
                                         otx_error *error)
{
    otx_token_map *map = to->map;
    const size_t before = map->entries;
    if (!otx__map_reserve(to, to->count))
        return otx__fail_array(error, (uint64_t)before + to->count, sizeof *map->indices);
    otx__map_enter(to);
    to->count = 0;
    if (map->entries == before && kind < OTX_COUNTERPART_UNUSED) kind = OTX_COUNTERPART_NONE;
    map->kinds[to->next++] = (uint8_t)kind;
    map->counts[kind]++;
    map->indptr[to->next] = (int64_t)map->entries;
    map->piece_indptr[to->next] = (int64_t)map->piece_count;
    return OTX_OK;
}

/* A row of one entry of weight 1. */
OTX__PRIVATE otx_result otx__map_one(otx__map_rows *to, otx_counterpart kind, int64_t id,
                                     otx_error *error)
{
    otx_result result = otx__map_put(to, id, 1.0, error);
    if (!result) result = otx__map_put_piece(to, id, error);
    return result ? result : otx__map_end_row(to, kind, error);
}

/* The row of a token by what otx_align says of it, if that is enough; false if it is not. */
OTX__PRIVATE bool otx__map_aligned(otx__map_rows *to, const otx_alignment_row *row,
                                   const otx_token *token, otx_result *result,
                                   otx_error *error)
{
    if (token->kind == OTX_TOKEN_NONE) {
        *result = otx__map_end_row(to, OTX_COUNTERPART_ABSENT, error);
    } else if (row->action == OTX_ACTION_COPY || row->action == OTX_ACTION_ROLE) {
        const bool same = row->action == OTX_ACTION_COPY;
        *result = otx__map_one(to, same ? OTX_COUNTERPART_SAME : OTX_COUNTERPART_ROLE,
                               row->base, error);
    } else if (row->action != OTX_ACTION_APPROXIMATE) {
        *result = otx__map_end_row(to, OTX_COUNTERPART_UNUSED, error);
    } else {
        return false;
    }
    return true;
}

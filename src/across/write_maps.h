/* ---- write_maps: two maps as safetensors ---------------------------------------------- */

/* Bytes that go to the sink at a time. */
#define OTX__MAP_BLOCK ((size_t)1 << 16)

OTX__PRIVATE otx_result otx__maps_flush(otx__text *text, const otx_sink *sink, otx_error *error)
{
    if (text->failed) return otx__fail_memory(error, text->size);
    if (text->size > 0 && !sink->write(sink->context, text->bytes, text->size))
        return otx__fail(error, OTX_ERROR_IO, "the maps could not be written");
    text->size = 0;
    return OTX_OK;
}

/* A number of `size` bytes, the lowest first. */
OTX__PRIVATE void otx__maps_number(otx__text *text, uint64_t value, size_t size)
{
    char bytes[8];
    size_t i;
    for (i = 0; i < size; i++) bytes[i] = (char)(unsigned char)(value >> (8 * i) & 255);
    otx__text_bytes(text, bytes, size);
}

/* The tensors of one map, and those of two. */
enum { OTX__MAP_TENSORS = 7, OTX__MAPS_TENSORS = 2 * OTX__MAP_TENSORS };

/* A tensor of the file and where its elements are. */
typedef struct otx__map_tensor {
    const void *data;
    uint64_t shape[1];
    otx_dtype dtype;
    char name[32];
} otx__map_tensor;

typedef struct otx__maps_file {
    int64_t sizes[2][2];
    otx__map_tensor parts[OTX__MAPS_TENSORS];
    otx_tensor tensors[OTX__MAPS_TENSORS];
} otx__maps_file;

/* Lists the tensors of one map. */
OTX__PRIVATE void otx__maps_list(otx__maps_file *file, size_t which, const char *name,
                                 const otx_token_map *map)
{
    const struct {
        const char *name;
        const void *data;
        size_t count;
        otx_dtype dtype;
    } parts[OTX__MAP_TENSORS] = {
        {"shape", file->sizes[which], 2, OTX_I64},
        {"indptr", map->indptr, map->rows + 1, OTX_I64},
        {"indices", map->indices, map->entries, OTX_I64},
        {"weights", map->weights, map->entries, OTX_F32},
        {"piece_indptr", map->piece_indptr, map->rows + 1, OTX_I64},
        {"pieces", map->pieces, map->piece_count, OTX_I64},
        {"kinds", map->kinds, map->rows, OTX_U8},
    };
    size_t i;
    file->sizes[which][0] = (int64_t)map->rows;
    file->sizes[which][1] = (int64_t)map->columns;
    for (i = 0; i < OTX__MAP_TENSORS; i++) {
        otx__map_tensor *part = &file->parts[which * OTX__MAP_TENSORS + i];
        otx_tensor *tensor = &file->tensors[which * OTX__MAP_TENSORS + i];
        part->data = parts[i].data;
        part->dtype = parts[i].dtype;
        part->shape[0] = parts[i].count;
        otx__format(part->name, sizeof part->name, "%s.%s", name, parts[i].name);
        tensor->name = part->name;
        tensor->name_size = strlen(part->name);
        tensor->dtype = part->dtype;
        tensor->rank = 1;
        tensor->shape = part->shape;
    }
}

/* Writes the elements of one tensor. */
OTX__PRIVATE otx_result otx__maps_elements(const otx__map_tensor *part, otx__text *text,
                                           const otx_sink *sink, otx_error *error)
{
    otx_result result = OTX_OK;
    size_t i;
    for (i = 0; i < part->shape[0] && !result; i++) {
        if (part->dtype == OTX_F32) {
            uint32_t bits;
            memcpy(&bits, (const float *)part->data + i, sizeof bits);
            otx__maps_number(text, bits, 4);
        } else if (part->dtype == OTX_U8) {
            otx__maps_number(text, ((const uint8_t *)part->data)[i], 1);
        } else {
            otx__maps_number(text, (uint64_t)((const int64_t *)part->data)[i], 8);
        }
        if (text->size >= OTX__MAP_BLOCK || text->failed)
            result = otx__maps_flush(text, sink, error);
    }
    return result;
}

/* What the header says besides; what is no UTF-8 cannot stand there. */
OTX__PRIVATE size_t otx__maps_metadata(const otx_token_maps *maps, otx_metadata metadata[4])
{
    const char *const entries[4][2] = {{"format", "pt"},
                                       {"a", maps->a_name},
                                       {"b", maps->b_name},
                                       {"method", maps->method}};
    size_t count = 0, i;
    for (i = 0; i < OTX__COUNT(entries); i++) {
        const char *value = entries[i][1];
        if (!value || !otx__is_utf8(value, strlen(value))) continue;
        metadata[count].key = entries[i][0];
        metadata[count].key_size = strlen(entries[i][0]);
        metadata[count].value = value;
        metadata[count++].value_size = strlen(value);
    }
    return count;
}

OTX_API otx_result otx_token_maps_write(const otx_context *ctx, const otx_token_maps *maps,
                                        const otx_sink *sink, otx_error *error)
{
    otx__maps_file file;
    otx_metadata metadata[4];
    otx_layout layout;
    otx__text text;
    otx_result result;
    size_t i;
    memset(&file, 0, sizeof file);
    otx__maps_list(&file, 0, "a_to_b", maps->a_to_b);
    otx__maps_list(&file, 1, "b_to_a", maps->b_to_a);
    result = otx_layout_open(ctx, file.tensors, OTX__MAPS_TENSORS, metadata,
                             otx__maps_metadata(maps, metadata), &layout, error);
    if (result) return result;
    otx__text_open(&text, ctx);
    otx__text_bytes(&text, layout.header, layout.header_size);
    for (i = 0; i < layout.count && !result; i++)
        result = otx__maps_elements(&file.parts[layout.order[i]], &text, sink, error);
    if (!result) result = otx__maps_flush(&text, sink, error);
    otx__text_close(&text);
    otx_layout_close(ctx, &layout);
    return result;
}

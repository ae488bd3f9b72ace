/* ---- GGUF: a list of keys that is being made ---------------------------------------- */

/* What will be written, in order, in memory of its own. A key that is added takes the place
   of the one of that name, also of one that was removed, or comes last. Once memory was short
   nothing is added any more: one check at the end, by otx__gguf_list_finish, is enough. */
typedef struct otx__gguf_list {
    otx__pool pool;
    otx_gguf_key *keys; /* until the list is finished, removed ones are among them, which
                           have the type OTX_GGUF_TYPE_COUNT */
    size_t count, capacity;
    uint32_t *slots; /* a table of places in keys, plus 1, by the hash of their names */
    size_t slot_count;
    otx__hash_key secret;
} otx__gguf_list;

OTX__PRIVATE void otx__gguf_list_open(otx__gguf_list *list, const otx_context *ctx)
{
    memset(list, 0, sizeof *list);
    otx__pool_open(&list->pool, ctx);
    list->secret = otx__hash_key_for(ctx, list);
}

OTX__PRIVATE void otx__gguf_list_close(otx__gguf_list *list)
{
    const otx_context *ctx = list->pool.ctx;
    if (list->capacity) otx__free(ctx, list->keys, list->capacity, sizeof *list->keys);
    otx__free(ctx, list->slots, list->slot_count, sizeof *list->slots);
    otx__pool_close(&list->pool);
    memset(list, 0, sizeof *list);
}

/* The slot of a name: its own, or the empty one where it would stand. */
OTX__PRIVATE uint32_t *otx__gguf_slot(const otx__gguf_list *list, const char *name, size_t size)
{
    size_t at = (size_t)otx__hash(list->secret, name, size) & (list->slot_count - 1);
    for (; list->slots[at]; at = (at + 1) & (list->slot_count - 1)) {
        const otx_gguf_key *key = &list->keys[list->slots[at] - 1];
        if (otx__same_bytes(key->name, key->name_size, name, size)) break;
    }
    return &list->slots[at];
}

/* Fills the table of slots from the keys. */
OTX__PRIVATE void otx__gguf_list_index(otx__gguf_list *list)
{
    size_t i;
    memset(list->slots, 0, list->slot_count * sizeof *list->slots);
    for (i = 0; i < list->count; i++)
        *otx__gguf_slot(list, list->keys[i].name, list->keys[i].name_size) = (uint32_t)i + 1;
}

/* Nothing is added any more. */
OTX__PRIVATE bool otx__gguf_list_fail(otx__gguf_list *list, size_t count, size_t size)
{
    if (list->pool.failed) return false;
    list->pool.failed = true;
    list->pool.failed_count = count;
    list->pool.failed_size = size;
    return false;
}

/* Makes room for one key more, in the list and, twice over, in the table. */
OTX__PRIVATE bool otx__gguf_list_grow(otx__gguf_list *list)
{
    const otx_context *ctx = list->pool.ctx;
    const size_t wanted = list->slot_count ? list->slot_count * 2 : 64;
    void *keys = list->keys;
    uint32_t *slots;
    if (list->count >= UINT32_MAX / 4 ||
        !otx__grow(ctx, &keys, &list->capacity, list->count + 1, sizeof *list->keys))
        return otx__gguf_list_fail(list, list->count + 1, sizeof *list->keys);
    list->keys = (otx_gguf_key *)keys;
    if ((list->count + 1) * 2 <= list->slot_count) return true;
    slots = (uint32_t *)otx__alloc(ctx, wanted, sizeof *slots);
    if (!slots) return otx__gguf_list_fail(list, wanted, sizeof *slots);
    otx__free(ctx, list->slots, list->slot_count, sizeof *list->slots);
    list->slots = slots;
    list->slot_count = wanted;
    otx__gguf_list_index(list);
    return true;
}

/* The key of that name, or NULL. It stands there until another is added. */
OTX__PRIVATE otx_gguf_key *otx__gguf_find_in(const otx__gguf_list *list, const char *name)
{
    const uint32_t *slot = list->slot_count ? otx__gguf_slot(list, name, strlen(name)) : NULL;
    otx_gguf_key *key = slot && *slot ? &list->keys[*slot - 1] : NULL;
    return key && key->type != OTX_GGUF_TYPE_COUNT ? key : NULL;
}

/* Takes the key of that name out, if there is one. */
OTX__PRIVATE void otx__gguf_remove(otx__gguf_list *list, const char *name)
{
    otx_gguf_key *key = otx__gguf_find_in(list, name);
    if (key) key->type = OTX_GGUF_TYPE_COUNT;
}

/* Adds a copy of a key, of another file or of parts that stand anywhere. */
OTX__PRIVATE void otx__gguf_add(otx__gguf_list *list, const otx_gguf_key *key)
{
    const size_t head = key->name_size + 1;
    otx_gguf_key *to;
    uint32_t *slot;
    char *block;
    if (list->pool.failed || !otx__gguf_list_grow(list)) return;
    if (key->size > SIZE_MAX - head) {
        otx__gguf_list_fail(list, SIZE_MAX, 2);
        return;
    }
    block = (char *)otx__pool_take(&list->pool, head + (size_t)key->size, 1);
    if (!block) return;
    memcpy(block, key->name, key->name_size);
    block[key->name_size] = 0;
    if (key->size) memcpy(block + head, key->data, (size_t)key->size);
    slot = otx__gguf_slot(list, key->name, key->name_size);
    if (!*slot) *slot = (uint32_t)++list->count;
    to = &list->keys[*slot - 1];
    *to = *key;
    to->name = block;
    to->data = block + head;
}

/* Adds an array, whose elements are bytes as a file has them. */
OTX__PRIVATE void otx__gguf_add_array(otx__gguf_list *list, const char *name,
                                      otx_gguf_type type, uint64_t count, const void *data,
                                      uint64_t size)
{
    otx_gguf_key key;
    key.name = name;
    key.name_size = strlen(name);
    key.type = type;
    key.array = true;
    key.count = count;
    key.data = (const char *)data;
    key.size = size;
    otx__gguf_add(list, &key);
}

/* The same for elements that were written with otx__gguf_text_string, _i32 or _f32. */
OTX__PRIVATE void otx__gguf_add_text(otx__gguf_list *list, const char *name, otx_gguf_type type,
                                     uint64_t count, const otx__text *text)
{
    if (text->failed) otx__gguf_list_fail(list, text->size, 1);
    else otx__gguf_add_array(list, name, type, count, text->bytes, text->size);
}

/* Adds a value that is no array, of bytes as a file has them. */
OTX__PRIVATE void otx__gguf_add_value(otx__gguf_list *list, const char *name,
                                      otx_gguf_type type, const void *data, uint64_t size)
{
    otx_gguf_key key;
    key.name = name;
    key.name_size = strlen(name);
    key.type = type;
    key.array = false;
    key.count = 1;
    key.data = (const char *)data;
    key.size = size;
    otx__gguf_add(list, &key);
}

OTX__PRIVATE void otx__gguf_add_string(otx__gguf_list *list, const char *name,
                                       const char *bytes, size_t size)
{
    otx__text text;
    otx__text_open(&text, list->pool.ctx);
    otx__gguf_text_string(&text, bytes, size);
    if (text.failed) otx__gguf_list_fail(list, size, 1);
    else otx__gguf_add_value(list, name, OTX_GGUF_STRING, text.bytes, text.size);
    otx__text_close(&text);
}

OTX__PRIVATE void otx__gguf_add_u32(otx__gguf_list *list, const char *name, uint32_t value)
{
    char bytes[4];
    unsigned i;
    for (i = 0; i < 4; i++) bytes[i] = (char)(unsigned char)(value >> 8 * i);
    otx__gguf_add_value(list, name, OTX_GGUF_U32, bytes, sizeof bytes);
}

OTX__PRIVATE void otx__gguf_add_bool(otx__gguf_list *list, const char *name, bool value)
{
    const char byte = value ? 1 : 0;
    otx__gguf_add_value(list, name, OTX_GGUF_BOOL, &byte, 1);
}

/* Drops what was removed, so that the keys can be written; OTX_OK, or why not all was
   added. */
OTX__PRIVATE otx_result otx__gguf_list_finish(otx__gguf_list *list, otx_error *error)
{
    size_t i, kept = 0;
    if (list->pool.failed) return otx__pool_fail(&list->pool, error);
    for (i = 0; i < list->count; i++)
        if (list->keys[i].type != OTX_GGUF_TYPE_COUNT) list->keys[kept++] = list->keys[i];
    list->count = kept;
    if (list->slot_count) otx__gguf_list_index(list);
    return OTX_OK;
}

/* A GGUF file: its header, every key, element and tensor of it, and the same header written
   again. */
#define OMP_TRANSPLANT_IMPLEMENTATION
#include "../../omp_transplant.h"
#include "fuzz.h"

/* Looks at all of a key. */
static void fuzz_key(const otx_gguf *file, const otx_gguf_key *key)
{
    otx_gguf_strings strings;
    uint64_t i;
    int64_t integer;
    double number;
    FUZZ_CHECK(key->name_size > 0 && strlen(key->name) == key->name_size);
    FUZZ_CHECK(otx_gguf_find(file, key->name) == key);
    FUZZ_CHECK(key->array || key->count == 1);
    (void)fuzz_touch(key->data, (size_t)key->size);
    memset(&strings, 0, sizeof strings);
    while (otx_gguf_next(key, &strings)) (void)fuzz_touch(strings.bytes, strings.size);
    FUZZ_CHECK(key->type != OTX_GGUF_STRING ||
               (strings.count == key->count && strings.next == key->size));
    for (i = 0; i < key->count && key->type != OTX_GGUF_STRING; i++) {
        FUZZ_CHECK(otx_gguf_number(key, i, &number));
        (void)otx_gguf_integer(key, i, &integer);
    }
    FUZZ_CHECK(!otx_gguf_number(key, key->count, &number));
}

/* Writes the header again, also from a list of keys. */
static void fuzz_write(const otx_gguf *file, const char *bytes, size_t size)
{
    otx_gguf_layout layout;
    otx__gguf_list list;
    otx_error error;
    size_t i;
    otx__gguf_list_open(&list, NULL);
    for (i = 0; i < file->key_count; i++) otx__gguf_add(&list, &file->keys[i]);
    FUZZ_CHECK(otx__gguf_list_finish(&list, &error) == OTX_OK);
    FUZZ_CHECK(list.count == file->key_count);
    FUZZ_CHECK(otx_gguf_layout_open(NULL, list.keys, list.count, file->tensors, file->types,
                                    file->tensor_count, &layout, &error) == OTX_OK);
    FUZZ_CHECK(layout.header_size == file->data_begin && layout.header_size <= size);
    for (i = 0; i < layout.count; i++)
        FUZZ_CHECK(layout.offsets[i] == file->tensors[i].begin);
    /* All but the version and the padding, which a reader does not look at. */
    for (i = 8; i < layout.header_size; i++)
        FUZZ_CHECK(layout.header[i] == bytes[i] || layout.header[i] == 0);
    otx_gguf_layout_close(NULL, &layout);
    otx__gguf_list_close(&list);
}

static void fuzz_one(const char *bytes, size_t size)
{
    const otx_source source = otx_source_memory(bytes, size);
    otx_gguf file;
    otx_error error;
    size_t i;
    if (otx_gguf_open(NULL, &source, "fuzz", &file, &error)) {
        fuzz_check_error(&error);
        return;
    }
    for (i = 0; i < file.key_count; i++) fuzz_key(&file, &file.keys[i]);
    for (i = 0; i < file.tensor_count; i++) {
        const otx_tensor *tensor = &file.tensors[i];
        FUZZ_CHECK(tensor->begin >= file.data_begin && tensor->begin <= tensor->end &&
                   tensor->end <= size && tensor->begin % file.alignment == 0);
        FUZZ_CHECK(strlen(tensor->name) == tensor->name_size);
        FUZZ_CHECK(otx_gguf_tensor(&file, tensor->name) == tensor);
        (void)fuzz_touch(tensor->shape, tensor->rank * sizeof *tensor->shape);
    }
    fuzz_write(&file, bytes, size);
    otx_gguf_close(NULL, &file);
}

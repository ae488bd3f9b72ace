/* A safetensors file: its header, and finding every tensor in it again. */
#define OMP_TRANSPLANT_IMPLEMENTATION
#include "../../omp_transplant.h"
#include "fuzz.h"

static void fuzz_one(const char *bytes, size_t size)
{
    const otx_source source = otx_source_memory(bytes, size);
    otx_safetensors file;
    otx_layout layout;
    otx_error error;
    size_t i;
    if (otx_safetensors_open(NULL, &source, "fuzz", &file, &error)) {
        fuzz_check_error(&error);
        return;
    }
    for (i = 0; i < file.tensor_count; i++) {
        const otx_tensor *tensor = &file.tensors[i];
        FUZZ_CHECK(tensor->begin <= tensor->end && tensor->end <= size);
        FUZZ_CHECK(tensor->name[tensor->name_size] == 0);
        FUZZ_CHECK(otx_safetensors_find(&file, tensor->name, tensor->name_size) == tensor);
        (void)fuzz_touch(tensor->shape, tensor->rank * sizeof *tensor->shape);
    }
    for (i = 0; i < file.metadata_count; i++) {
        (void)fuzz_touch(file.metadata[i].key, file.metadata[i].key_size);
        (void)fuzz_touch(file.metadata[i].value, file.metadata[i].value_size);
    }
    /* What was read can be written. */
    FUZZ_CHECK(otx_layout_open(NULL, file.tensors, file.tensor_count, file.metadata,
                               file.metadata_count, &layout, &error) == OTX_OK);
    FUZZ_CHECK(layout.count == file.tensor_count);
    otx_layout_close(NULL, &layout);
    otx_safetensors_close(NULL, &file);
}

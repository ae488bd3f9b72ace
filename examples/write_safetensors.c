/* Writes a safetensors file, and reads it back.
       cc -O3 -I. examples/write_safetensors.c -o write_safetensors -lm
       ./write_safetensors FILE */
#define OMP_TRANSPLANT_IMPLEMENTATION
#include "omp_transplant.h"

#include <stdio.h>
#include <string.h>

int main(int argc, char **argv)
{
    static const uint64_t shapes[2][2] = {{2, 3}, {2, 0}};
    static const double values[] = {0.5, -1.0, 1.5, 2.0, -2.5, 3.0}, scale[] = {1.0, 0.25};
    unsigned char bf16[12], f32[8];
    const void *bytes[2] = {bf16, f32};
    const size_t sizes[2] = {sizeof bf16, sizeof f32};
    const otx_metadata format = {"format", "pt", 6, 2};
    const otx_tensor tensors[2] = {{"embedding", 9, OTX_BF16, 2, shapes[0], 0, 0},
                                   {"scale", 5, OTX_F32, 1, shapes[1], 0, 0}};
    otx_layout layout;
    otx_checkpoint file;
    otx_error error;
    size_t i;
    bool good;
    FILE *out;
    if (argc != 2) return 2;
    otx_from_double(bf16, values, OTX_BF16, 6, false); /* on a little-endian machine */
    otx_from_double(f32, scale, OTX_F32, 2, false);
    if (otx_layout_open(NULL, tensors, 2, &format, 1, &layout, &error))
        return fprintf(stderr, "%s\n", error.message), 1;
    out = fopen(argv[1], "wb");
    good = out && fwrite(layout.header, 1, layout.header_size, out) == layout.header_size;
    for (i = 0; good && i < layout.count; i++) /* in the order of the format */
        good = fwrite(bytes[layout.order[i]], 1, sizes[layout.order[i]], out) ==
               sizes[layout.order[i]];
    if (!out || fclose(out) != 0 || !good) return perror(argv[1]), 1;
    otx_layout_close(NULL, &layout);

    if (otx_checkpoint_open(NULL, argv[1], &file, &error))
        return fprintf(stderr, "%s\n", error.message), 1;
    for (i = 0; i < file.tensor_count; i++) {
        const otx_tensor *t = file.tensors[i].tensor;
        printf("%s: %s, %d bytes\n", t->name, otx_dtype_name(t->dtype), (int)(t->end - t->begin));
    }
    otx_checkpoint_close(NULL, &file);
    return 0;
}

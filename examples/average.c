/* The average of two models' weights, tensor by tensor.
       cc -O3 -I. examples/average.c -o average -lm
       ./average A B FILE
   A and B are model directories or safetensors files with the same tensors, as merge.sh makes
   them; FILE is written with A's types and order. */
#define OMP_TRANSPLANT_IMPLEMENTATION
#include "omp_transplant.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { STEP = 65536 };

static int fail(const char *message) { return fprintf(stderr, "average: %s\n", message), 1; }

/* Writes the average of a tensor of A and that of B with its name. */
static int average(const otx_checkpoint models[2], const otx_tensor *t, FILE *out)
{
    static unsigned char bytes[8 * STEP];
    static float part[STEP];
    static double sum[STEP];
    const uint64_t count = (t->end - t->begin) * 8 / otx_dtype_bits(t->dtype);
    uint64_t first, size, i;
    otx_error error;
    for (first = 0; first < count; first += size) {
        int m;
        size = count - first < STEP ? count - first : STEP;
        memset(sum, 0, sizeof sum);
        for (m = 0; m < 2; m++) {
            const otx_checkpoint_tensor *at = otx_checkpoint_find(&models[m], t->name);
            if (!at || at->tensor->rank != t->rank ||
                memcmp(at->tensor->shape, t->shape, t->rank * sizeof *t->shape) != 0)
                return fail(t->name), fail("the models have this tensor in unlike shapes");
            if (otx_checkpoint_read(&models[m], at, first, (size_t)size, bytes, &error))
                return fail(error.message);
            otx_to_float(part, bytes, at->tensor->dtype, (size_t)size);
            for (i = 0; i < size; i++) sum[i] += 0.5 * (double)part[i];
        }
        otx_from_double(bytes, sum, t->dtype, (size_t)size, true); /* on a little-endian machine */
        if (fwrite(bytes, otx_dtype_bits(t->dtype) / 8, (size_t)size, out) != size)
            return fail("the output cannot be written");
    }
    return 0;
}

int main(int argc, char **argv)
{
    const otx_metadata format = {"format", "pt", 6, 2};
    otx_checkpoint models[2];
    otx_tensor *tensors;
    otx_layout layout;
    otx_error error;
    size_t i;
    int status;
    FILE *out;
    if (argc != 4) return fail("usage: average A B FILE"), 2;
    for (i = 0; i < 2; i++)
        if (otx_checkpoint_open(NULL, argv[1 + i], &models[i], &error)) return fail(error.message);
    if (models[0].tensor_count != models[1].tensor_count)
        return fail("the models have unlike numbers of tensors");
    tensors = (otx_tensor *)malloc(models[0].tensor_count * sizeof *tensors);
    for (i = 0; tensors && i < models[0].tensor_count; i++)
        tensors[i] = *models[0].tensors[i].tensor;
    if (!tensors) return fail("out of memory");
    if (otx_layout_open(NULL, tensors, models[0].tensor_count, &format, 1, &layout, &error))
        return fail(error.message);
    out = fopen(argv[3], "wb");
    if (!out) return perror(argv[3]), 1;
    status = fwrite(layout.header, 1, layout.header_size, out) != layout.header_size;
    for (i = 0; i < layout.count && !status; i++)
        status = average(models, &tensors[layout.order[i]], out);
    if (fclose(out) != 0 || status) return remove(argv[3]), fail("nothing was written");
    printf("%d tensors averaged\n", (int)layout.count);
    otx_layout_close(NULL, &layout);
    free(tensors);
    for (i = 0; i < 2; i++) otx_checkpoint_close(NULL, &models[i]);
    return 0;
}

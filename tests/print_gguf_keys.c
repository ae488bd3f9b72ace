/* Writes the keys that a GGUF file gets for the tokenizer of a directory as a GGUF file without
   tensors: print_gguf_keys DIRECTORY OUTPUT [ROWS [PRE]]. For tests/gguf_keys.py. */
#define OTX_STATIC
#define OMP_TRANSPLANT_IMPLEMENTATION
#include "omp_transplant.h"

#include <stdio.h>
#include <stdlib.h>

static otx_result print_keys(const otx_context *ctx, otx__side *side, char **arguments,
                             otx__gguf_list *list, otx_error *error)
{
    const char *rows = arguments[3], *pre = rows ? arguments[4] : NULL;
    uint64_t count = rows ? strtoull(rows, NULL, 10) : 0;
    otx_gguf_layout layout;
    FILE *file;
    otx_result result = otx__open_documents(ctx, side, error);
    if (!result) result = otx_vocab_open(ctx, side->path, &side->vocab, error);
    if (count < side->vocab.count) count = side->vocab.count;
    otx__gguf_add_string(list, "general.architecture", "llama", 5);
    if (!result) result = otx__gguf_vocab_keys(ctx, side, count, pre, NULL, list, error);
    if (!result) result = otx__gguf_list_finish(list, error);
    if (result) return result;
    result = otx_gguf_layout_open(ctx, list->keys, list->count, NULL, NULL, 0, &layout, error);
    if (result) return result;
    file = fopen(arguments[2], "wb");
    if (!file || fwrite(layout.header, 1, layout.header_size, file) != layout.header_size)
        result = otx__fail(error, OTX_ERROR_IO, "%s: cannot be written", arguments[2]);
    if (file && fclose(file) != 0)
        result = otx__fail(error, OTX_ERROR_IO, "%s: cannot be written", arguments[2]);
    otx_gguf_layout_close(ctx, &layout);
    return result;
}

int main(int argc, char **argv)
{
    const otx_context *ctx = NULL;
    otx__gguf_list list;
    otx__side side;
    otx_error error;
    otx_result result;
    if (argc < 3) return 2;
    otx__gguf_list_open(&list, ctx);
    result = otx__side_begin(ctx, argv[1], true, &side, &error);
    if (!result) result = print_keys(ctx, &side, argv, &list, &error);
    if (result) (void)fprintf(stderr, "%s\n", error.message);
    otx__gguf_list_close(&list);
    otx__side_close(ctx, &side);
    return result != OTX_OK;
}

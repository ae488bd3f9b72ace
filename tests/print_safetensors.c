/* Prints what otx_safetensors_open makes of files, for compare_safetensors.py:
   print_safetensors FILE... gives for each "reject MESSAGE" or "accept", followed by
   one line for each tensor, "NAME DTYPE SHAPE BEGIN END" (name in hex, offsets from
   the start of the file), one for each metadata entry, "KEY VALUE" (in hex), and the
   header that this library would write for it (in hex). */
#define OMP_TRANSPLANT_IMPLEMENTATION
#include "../omp_transplant.h"

static void print_hex(const char *bytes, size_t size)
{
    size_t i;
    putchar('"');
    for (i = 0; i < size; i++) printf("%02x", (unsigned char)bytes[i]);
    putchar('"');
}

static void print_file(const otx_safetensors *file)
{
    size_t i;
    unsigned j;
    puts("accept");
    for (i = 0; i < file->tensor_count; i++) {
        const otx_tensor *tensor = &file->tensors[i];
        printf("tensor ");
        print_hex(tensor->name, tensor->name_size);
        printf(" %s [", otx_dtype_name(tensor->dtype));
        for (j = 0; j < tensor->rank; j++) printf("%s%" PRIu64, j ? "," : "", tensor->shape[j]);
        printf("] %" PRIu64 " %" PRIu64 "\n", tensor->begin, tensor->end);
    }
    for (i = 0; i < file->metadata_count; i++) {
        const otx_metadata *entry = &file->metadata[i];
        printf("metadata ");
        print_hex(entry->key, entry->key_size);
        putchar(' ');
        print_hex(entry->value, entry->value_size);
        putchar('\n');
    }
}

static void print_layout(const otx_safetensors *file)
{
    otx_layout layout;
    otx_error error;
    if (otx_layout_open(NULL, file->tensors, file->tensor_count, file->metadata,
                        file->metadata_count, &layout, &error)) {
        printf("no layout: %s\n", error.message);
        return;
    }
    printf("layout ");
    print_hex(layout.header, layout.header_size);
    putchar('\n');
    otx_layout_close(NULL, &layout);
}

static int print_path(const char *path)
{
    FILE *stream = fopen(path, "rb");
    char *bytes = NULL;
    long size;
    otx_source source;
    otx_safetensors file;
    otx_error error;
    if (!stream || fseek(stream, 0, SEEK_END) || (size = ftell(stream)) < 0 ||
        fseek(stream, 0, SEEK_SET) || !(bytes = (char *)malloc((size_t)size + 1)) ||
        fread(bytes, 1, (size_t)size, stream) != (size_t)size) {
        fprintf(stderr, "%s: cannot be read\n", path);
        free(bytes);
        if (stream) fclose(stream);
        return 1;
    }
    fclose(stream);
    source = otx_source_memory(bytes, (size_t)size);
    if (otx_safetensors_open(NULL, &source, "file", &file, &error) == OTX_OK) {
        print_file(&file);
        print_layout(&file);
        otx_safetensors_close(NULL, &file);
    } else {
        printf("reject %s\n", error.message);
    }
    free(bytes);
    return 0;
}

int main(int count, char **arguments)
{
    int i;
    for (i = 1; i < count; i++)
        if (print_path(arguments[i])) return 1;
    return 0;
}

/* Prints what otx_encode makes of texts, for tests/encode_oracle.py: a line for every line of
   hexadecimal bytes on standard input.
     print_encode TOKENIZER            ids
     print_encode TOKENIZER --normal   what its normaliser makes of the text, in hexadecimal */
#define OMP_TRANSPLANT_IMPLEMENTATION
#include "../omp_transplant.h"

static otx_error error;

static otx_result print_ids(otx_encoder *encoder, const char *bytes, size_t size)
{
    static uint32_t ids[1 << 20];
    size_t count, i;
    otx_result result =
        otx_encode(encoder, bytes, size, ids, sizeof ids / sizeof *ids, &count, &error);
    for (i = 0; !result && i < count && i < sizeof ids / sizeof *ids; i++)
        printf("%s%lu", i ? " " : "", (unsigned long)ids[i]);
    printf("\n");
    return result;
}

static otx_result print_normal(otx_encoder *encoder, const char *bytes, size_t size)
{
    otx__span text = otx__span_of(bytes, size);
    otx_result result = otx__tidy_run(&encoder->normal, text, &text, &error);
    size_t i;
    for (i = 0; !result && i < text.size; i++)
        printf("%02x", (unsigned)(unsigned char)text.bytes[i]);
    printf("\n");
    return result;
}

static int hex(int c) { return c >= 'a' ? c - 'a' + 10 : c - '0'; }

int main(int argc, char **argv)
{
    static char line[1 << 22], bytes[1 << 21];
    otx_encoder *encoder = NULL;
    otx_result result;
    if (argc != 2 && argc != 3) {
        fprintf(stderr, "usage: print_encode TOKENIZER [--normal]\n");
        return 2;
    }
    result = otx_encoder_open(NULL, argv[1], &encoder, &error);
    while (!result && fgets(line, sizeof line, stdin)) {
        size_t size = 0;
        for (; line[2 * size] >= '0'; size++)
            bytes[size] = (char)(hex(line[2 * size]) * 16 + hex(line[2 * size + 1]));
        result = argc == 3 ? print_normal(encoder, bytes, size) : print_ids(encoder, bytes, size);
    }
    if (result) fprintf(stderr, "%s\n", error.message);
    otx_encoder_close(encoder);
    return result ? 1 : 0;
}

/* Prints how a tokenizer splits the tokens of another, for tests/split_oracle.py: a line for
   every token of DONOR that stands for text, with its id, its bytes (in hexadecimal, after an
   x), and the ids of its pieces.
     print_split BASE DONOR
     print_split BASE       the texts are lines of hexadecimal bytes on standard input */
#define OMP_TRANSPLANT_IMPLEMENTATION
#include "../omp_transplant.h"

static otx_error error;

static otx_result print_split(const otx_vocab *base, size_t id, const char *bytes, size_t size)
{
    static uint32_t ids[65536];
    size_t count, i;
    otx_result result =
        otx_vocab_split(NULL, base, bytes, size, ids, sizeof ids / sizeof *ids, &count, &error);
    if (result) return result;
    printf("%lu x", (unsigned long)id);
    for (i = 0; i < size; i++) printf("%02x", (unsigned)(unsigned char)bytes[i]);
    for (i = 0; i < count && i < sizeof ids / sizeof *ids; i++)
        printf(" %lu", (unsigned long)ids[i]);
    printf("\n");
    return OTX_OK;
}

static otx_result print_tokens(const otx_vocab *base, const char *path)
{
    otx_vocab donor;
    otx_result result = otx_vocab_open(NULL, path, &donor, &error);
    size_t i;
    for (i = 0; !result && i < donor.count; i++) {
        const otx_token *token = &donor.tokens[i];
        if (token->kind == OTX_TOKEN_TEXT || token->kind == OTX_TOKEN_BYTE)
            result = print_split(base, i, token->bytes, token->size);
    }
    otx_vocab_close(NULL, &donor);
    return result;
}

static otx_result print_lines(const otx_vocab *base)
{
    static char line[65536], bytes[32768];
    otx_result result = OTX_OK;
    size_t number = 0;
    while (!result && fgets(line, sizeof line, stdin)) {
        size_t size = 0;
        unsigned byte;
        while (sscanf(line + 2 * size, "%2x", &byte) == 1) bytes[size++] = (char)byte;
        result = print_split(base, number++, bytes, size);
    }
    return result;
}

int main(int argc, char **argv)
{
    otx_vocab base;
    otx_result result;
    memset(&base, 0, sizeof base);
    if (argc != 2 && argc != 3) {
        fprintf(stderr, "usage: print_split BASE [DONOR]\n");
        return 2;
    }
    result = otx_vocab_open(NULL, argv[1], &base, &error);
    if (!result) result = otx_vocab_open_rules(NULL, argv[1], &base, &error);
    if (!result) result = argc == 3 ? print_tokens(&base, argv[2]) : print_lines(&base);
    if (result) fprintf(stderr, "%s\n", error.message);
    otx_vocab_close(NULL, &base);
    return result ? 1 : 0;
}

/* Prints what the library makes of tokenizers, for tests/vocab_oracle.py:
     print_alignment DIR          every token: id, kind, added, content, bytes (in
                                  hexadecimal, after an x); then the family and roles
     print_alignment BASE DONOR   every donor id: donor, base, action, anchor
   DIR, BASE and DONOR hold a tokenizer.json and, if there, a tokenizer_config.json,
   a special_tokens_map.json and an added_tokens.json. */
#define OMP_TRANSPLANT_IMPLEMENTATION
#include "../omp_transplant.h"

typedef struct text {
    char *bytes;
    size_t size;
} text;

/* The whole file, or nothing if it is not there. */
static text read_file(const char *directory, const char *name)
{
    text read = {NULL, 0};
    size_t capacity = 1 << 16, got;
    char path[4096];
    FILE *file;
    if (snprintf(path, sizeof path, "%s/%s", directory, name) >= (int)sizeof path) return read;
    file = fopen(path, "rb");
    if (!file) return read;
    read.bytes = (char *)malloc(capacity);
    while (read.bytes &&
           (got = fread(read.bytes + read.size, 1, capacity - read.size, file)) > 0) {
        read.size += got;
        if (read.size == capacity) {
            char *larger = (char *)realloc(read.bytes, capacity *= 2);
            if (!larger) free(read.bytes);
            read.bytes = larger;
        }
    }
    (void)fclose(file);
    if (!read.bytes) read.size = 0;
    return read;
}

static void print_log(void *context, otx_severity severity, const char *message)
{
    (void)context;
    fprintf(stderr, "%s: %s\n", severity == OTX_WARNING ? "warning" : "note", message);
}

static otx_context logging(void)
{
    otx_context ctx;
    memset(&ctx, 0, sizeof ctx);
    ctx.log = print_log;
    return ctx;
}

static otx_result read_vocab(const char *directory, otx_vocab *vocab, otx_error *error)
{
    static const char *const names[] = {"tokenizer.json", "tokenizer_config.json",
                                        "special_tokens_map.json", "added_tokens.json"};
    const otx_context ctx = logging();
    otx_vocab_texts texts;
    otx_result result;
    text files[4];
    size_t i;
    for (i = 0; i < 4; i++) files[i] = read_file(directory, names[i]);
    texts.tokenizer_json = files[0].bytes;
    texts.tokenizer_json_size = files[0].size;
    texts.tokenizer_config = files[1].bytes;
    texts.tokenizer_config_size = files[1].size;
    texts.special_tokens_map = files[2].bytes;
    texts.special_tokens_map_size = files[2].size;
    texts.added_tokens = files[3].bytes;
    texts.added_tokens_size = files[3].size;
    result = otx_vocab_parse(&ctx, &texts, directory, vocab, error);
    for (i = 0; i < 4; i++) free(files[i].bytes);
    return result;
}

static void print_hex(const char *bytes, size_t size)
{
    size_t i;
    printf(" x");
    for (i = 0; i < size; i++) printf("%02x", (unsigned)(unsigned char)bytes[i]);
}

static otx_result print_vocab(const char *directory, otx_error *error)
{
    otx_vocab vocab;
    size_t i;
    otx_result result = read_vocab(directory, &vocab, error);
    if (result) return result;
    for (i = 0; i < vocab.count; i++) {
        const otx_token *token = &vocab.tokens[i];
        if (token->kind == OTX_TOKEN_NONE) continue;
        printf("token %lu %s %d", (unsigned long)i, otx_token_kind_name(token->kind),
               token->added);
        print_hex(token->content, token->content_size);
        print_hex(token->bytes, token->size);
        printf("\n");
    }
    printf("family %s\nmodel %s\ntokens %lu\n", otx_family_name(vocab.family), vocab.model,
           (unsigned long)vocab.token_count);
    for (i = 0; i < OTX_ROLE_COUNT; i++)
        printf("role %s %ld\n", otx_role_name((otx_role)i), (long)vocab.roles[i]);
    otx_vocab_close(NULL, &vocab);
    return OTX_OK;
}

static otx_result print_alignment(const char *base_directory, const char *donor_directory,
                                  otx_error *error)
{
    otx_vocab base, donor;
    otx_alignment alignment;
    size_t i;
    otx_result result = read_vocab(base_directory, &base, error);
    if (result) return result;
    result = read_vocab(donor_directory, &donor, error);
    if (!result) {
        result = otx_align(NULL, &donor, &base, NULL, &alignment, error);
        otx_vocab_close(NULL, &donor);
    }
    otx_vocab_close(NULL, &base);
    if (result) return result;
    for (i = 0; i < alignment.count; i++)
        printf("%lu %ld %s %d\n", (unsigned long)i, (long)alignment.rows[i].base,
               otx_action_name(alignment.rows[i].action), alignment.rows[i].anchor);
    otx_alignment_close(NULL, &alignment);
    return OTX_OK;
}

int main(int count, char **arguments)
{
    otx_error error;
    otx_result result;
    if (count != 2 && count != 3) {
        fprintf(stderr, "usage: print_alignment DIR | print_alignment BASE DONOR\n");
        return 2;
    }
    result = count == 2 ? print_vocab(arguments[1], &error)
                        : print_alignment(arguments[1], arguments[2], &error);
    if (result) fprintf(stderr, "print_alignment: %s\n", error.message);
    return result ? 1 : 0;
}

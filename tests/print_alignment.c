/* Prints what the library makes of tokenizers, for tests/vocab_oracle.py:
     print_alignment DIR          every token: id, kind, added, content, bytes (in
                                  hexadecimal, after an x); then what is known of
                                  the whole, and the roles
     print_alignment BASE DONOR   every donor id: donor, base, action, anchor
   DIR, BASE and DONOR are directories with a tokenizer, or one of its files. What is
   logged goes to stderr. */
#define OMP_TRANSPLANT_IMPLEMENTATION
#include "../omp_transplant.h"

static void print_log(void *context, otx_severity severity, const char *message)
{
    (void)context;
    fprintf(stderr, "%s: %s\n", severity == OTX_WARNING ? "warning" : "note", message);
}

static otx_result read_vocab(const char *path, otx_vocab *vocab, otx_error *error)
{
    otx_context ctx;
    memset(&ctx, 0, sizeof ctx);
    ctx.log = print_log;
    return otx_vocab_open(&ctx, path, vocab, error);
}

static void print_hex(const char *bytes, size_t size)
{
    size_t i;
    printf(" x");
    for (i = 0; i < size; i++) printf("%02x", (unsigned)(unsigned char)bytes[i]);
}

static otx_result print_vocab(const char *path, otx_error *error)
{
    otx_vocab vocab;
    size_t i;
    otx_result result = read_vocab(path, &vocab, error);
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
    printf("family %s\nmodel %s\nsource %s\ntokens %lu\n", otx_family_name(vocab.family),
           vocab.model, vocab.source, (unsigned long)vocab.token_count);
    for (i = 0; i < OTX_ROLE_COUNT; i++)
        printf("role %s %ld\n", otx_role_name((otx_role)i), (long)vocab.roles[i]);
    otx_vocab_close(NULL, &vocab);
    return OTX_OK;
}

static otx_result print_alignment(const char *base_path, const char *donor_path,
                                  otx_error *error)
{
    otx_vocab base, donor;
    otx_alignment alignment;
    size_t i;
    otx_result result = read_vocab(base_path, &base, error);
    if (result) return result;
    result = read_vocab(donor_path, &donor, error);
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

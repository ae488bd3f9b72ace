/* What two tokenizers share: how many of one's tokens the other has, by the bytes that they
   stand for, and the first that it lacks.
       cc -O3 -I. examples/compare_vocabularies.c -o compare_vocabularies -lm
       ./compare_vocabularies examples/models/base examples/models/donor
   The arguments are model directories, or files such as tokenizer.json. */
#define OMP_TRANSPLANT_IMPLEMENTATION
#include "omp_transplant.h"

#include <stdio.h>

static int fail(const otx_error *error) { return fprintf(stderr, "%s\n", error->message), 1; }

int main(int argc, char **argv)
{
    otx_vocab base, donor;
    otx_alignment alignment;
    otx_error error;
    size_t id;
    int action, shown = 0;
    if (argc != 3) return 2;
    if (otx_vocab_open(NULL, argv[1], &base, &error)) return fail(&error);
    if (otx_vocab_open(NULL, argv[2], &donor, &error)) return fail(&error);
    if (otx_align(NULL, &donor, &base, NULL, &alignment, &error)) return fail(&error);
    printf("%s: %d tokens, %s\n", argv[1], (int)base.token_count, otx_family_name(base.family));
    printf("%s: %d tokens, %s\n", argv[2], (int)donor.token_count,
           otx_family_name(donor.family));
    for (action = 0; action < OTX_ACTION_COUNT; action++)
        if (alignment.counts[action])
            printf("%-12s%d\n", otx_action_name((otx_action)action),
                   (int)alignment.counts[action]);
    for (id = 0; id < alignment.count && shown < 5; id++) {
        const otx_token *token = &donor.tokens[id];
        if (alignment.rows[id].action != OTX_ACTION_APPROXIMATE) continue;
        printf("only in the second: %d \"%.*s\"\n", (int)id, (int)token->size, token->bytes);
        shown++;
    }
    otx_alignment_close(NULL, &alignment);
    otx_vocab_close(NULL, &donor);
    otx_vocab_close(NULL, &base);
    return 0;
}

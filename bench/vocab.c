/* Reads two vocabularies and aligns them, for bench/run.sh.

     vocab DONOR BASE ROUNDS

   One line of JSON on stdout: the processor's seconds of each round, for reading both and for
   aligning them, and the wall's. */
#define OMP_TRANSPLANT_IMPLEMENTATION
#include "omp_transplant.h"

#include <stdio.h>

static double processor(void) { return (double)clock() / CLOCKS_PER_SEC; }

int main(int count, char **words)
{
    otx_vocab donor, base;
    otx_alignment alignment;
    otx_error error;
    int i, rounds = count == 4 ? atoi(words[3]) : 0;
    if (rounds < 1) {
        fprintf(stderr, "usage: vocab DONOR BASE ROUNDS\n");
        return 2;
    }
    printf("{\"rounds\": [");
    for (i = 0; i < rounds; i++) {
        double wall = otx__now(), start = processor(), read;
        if (otx_vocab_open(NULL, words[1], &donor, &error) ||
            otx_vocab_open(NULL, words[2], &base, &error)) {
            fprintf(stderr, "vocab: %s\n", error.message);
            return 1;
        }
        read = processor();
        if (otx_align(NULL, &donor, &base, NULL, &alignment, &error)) {
            fprintf(stderr, "vocab: %s\n", error.message);
            return 1;
        }
        printf("%s[%.4f, %.4f, %.4f]", i ? ", " : "", read - start, processor() - read,
               otx__now() - wall);
        if (i + 1 == rounds)
            printf("], \"donor\": %llu, \"base\": %llu, \"shared\": %llu}\n",
                   (unsigned long long)donor.count, (unsigned long long)base.count,
                   (unsigned long long)alignment.anchor_count);
        otx_alignment_close(NULL, &alignment);
        otx_vocab_close(NULL, &base);
        otx_vocab_close(NULL, &donor);
    }
    return 0;
}

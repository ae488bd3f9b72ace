/* The vocabulary of a GGUF file, and how it splits text. */
#define OMP_TRANSPLANT_IMPLEMENTATION
#include "../../omp_transplant.h"
#include "fuzz.h"
#include "fuzz_vocab.h"

static void fuzz_one(const char *bytes, size_t size)
{
    const otx_source source = otx_source_memory(bytes, size);
    otx_gguf file;
    otx_vocab vocab;
    otx_error error;
    if (otx_gguf_open(NULL, &source, "fuzz", &file, &error)) {
        fuzz_check_error(&error);
        return;
    }
    if (otx_vocab_parse_gguf(NULL, &file, "fuzz", &vocab, &error)) {
        fuzz_check_error(&error);
        FUZZ_CHECK(!vocab.tokens);
    } else {
        check_vocab(&vocab);
        if (otx_vocab_parse_gguf_rules(NULL, &file, "fuzz", &vocab, &error))
            fuzz_check_error(&error);
        else check_split(&vocab);
        otx_vocab_close(NULL, &vocab);
    }
    otx_gguf_close(NULL, &file);
}

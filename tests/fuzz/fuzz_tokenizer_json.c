/* tokenizer.json. */
#define OMP_TRANSPLANT_IMPLEMENTATION
#include "../../omp_transplant.h"
#include "fuzz.h"
#define OTX_FUZZ_FILE OTX_VOCAB_TOKENIZER_JSON
#include "fuzz_vocab.h"

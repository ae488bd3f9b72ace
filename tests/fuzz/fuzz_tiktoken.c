/* Lines of base64 and rank. */
#define OMP_TRANSPLANT_IMPLEMENTATION
#include "../../omp_transplant.h"
#include "fuzz.h"
#define OTX_FUZZ_FILE OTX_VOCAB_TIKTOKEN
#include "fuzz_vocab.h"

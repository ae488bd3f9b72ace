/* vocab.json, and merges.txt after the first separator. */
#define OMP_TRANSPLANT_IMPLEMENTATION
#include "../../omp_transplant.h"
#include "fuzz.h"
#define OTX_FUZZ_FILE OTX_VOCAB_JSON
#define OTX_FUZZ_MERGES
#include "fuzz_vocab.h"

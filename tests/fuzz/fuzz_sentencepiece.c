/* A SentencePiece model. */
#define OMP_TRANSPLANT_IMPLEMENTATION
#include "../../omp_transplant.h"
#include "fuzz.h"
#define OTX_FUZZ_FILE OTX_VOCAB_SENTENCEPIECE
#include "fuzz_vocab.h"

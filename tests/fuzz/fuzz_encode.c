/* Texts as token ids: the input is a tokenizer.json and a text, with "\x1e\n" between them. What
   a text is encoded to the first time it is the second time, when its words are remembered. */
#define OMP_TRANSPLANT_IMPLEMENTATION
#include "../../omp_transplant.h"
#include "fuzz.h"

static void check_ids(otx_encoder *encoder, const char *text, size_t size)
{
    const otx_vocab *vocab = otx_encoder_vocab(encoder);
    uint32_t ids[2][256];
    size_t counts[2], i;
    otx_error error;
    memset(&error, 0, sizeof error);
    for (i = 0; i < 2; i++)
        if (otx_encode(encoder, text, size, ids[i], 256, &counts[i], &error)) {
            fuzz_check_error(&error);
            return;
        }
    FUZZ_CHECK(counts[0] == counts[1]);
    for (i = 0; i < counts[0] && i < 256; i++) {
        FUZZ_CHECK(ids[0][i] == ids[1][i]);
        FUZZ_CHECK(ids[0][i] < vocab->count);
        FUZZ_CHECK(vocab->tokens[ids[0][i]].kind != OTX_TOKEN_NONE);
    }
}

static void fuzz_one(const char *bytes, size_t size)
{
    otx_vocab_text texts[OTX_VOCAB_FILES];
    otx_encoder *encoder;
    otx_error error;
    size_t at = 0;
    char *text;
    while (at < size && !(size - at >= 2 && memcmp(bytes + at, "\x1e\n", 2) == 0)) at++;
    memset(texts, 0, sizeof texts);
    memset(&error, 0, sizeof error);
    texts[OTX_VOCAB_TOKENIZER_JSON].bytes = bytes;
    texts[OTX_VOCAB_TOKENIZER_JSON].size = at;
    if (otx_encoder_parse(NULL, texts, "fuzz", &encoder, &error)) {
        fuzz_check_error(&error);
        FUZZ_CHECK(!encoder);
        return;
    }
    at = at + 2 < size ? at + 2 : size;
    text = (char *)malloc(size > at ? size - at : 1); /* so that a byte read beyond is caught */
    if (text) {
        memcpy(text, bytes + at, size - at);
        check_ids(encoder, text, size - at);
        free(text);
    }
    otx_encoder_close(encoder);
}

/* Files with tokens as a test writes them: the next vocabulary's, what must come of them,
   SentencePiece models and tekken.json. */
#ifndef SOURCE_FILES_H
#define SOURCE_FILES_H

#include "omp_transplant.h"
#include "test.h"
#include "vocab_text.h"

#define MARK "\xe2\x96\x81" /* U+2581 */

/* ---- the files of a vocabulary ---- */

static otx_error error;
static otx_vocab_text texts[OTX_VOCAB_FILES];

/* The files of the next vocabulary: the first call forgets those before. */
static inline void give_bytes(otx_vocab_file file, const char *bytes, size_t size)
{
    if (file < OTX_VOCAB_SOURCES) memset(texts, 0, sizeof texts);
    texts[file].bytes = bytes;
    texts[file].size = size;
}

static inline void give(otx_vocab_file file, const char *text)
{
    give_bytes(file, text, strlen(text));
}

/* Reads what was given and compares the table, and the roles as "bos eos pad unk". */
static inline void expect(const char *source, const char *table, const char *roles)
{
    const otx_context ctx = logging();
    otx_vocab vocab;
    char seen[100];
    error.message[0] = 0;
    CHECK_INT(otx_vocab_parse(&ctx, texts, "T", &vocab, &error), OTX_OK);
    CHECK_STRING(error.message, "");
    if (vocab.memory) {
        CHECK_STRING(vocab.source, source);
        CHECK_STRING(dump(&vocab), table);
        (void)snprintf(seen, sizeof seen, "%d %d %d %d", (int)vocab.roles[OTX_ROLE_BOS],
                       (int)vocab.roles[OTX_ROLE_EOS], (int)vocab.roles[OTX_ROLE_PAD],
                       (int)vocab.roles[OTX_ROLE_UNK]);
        CHECK_STRING(seen, roles);
    }
    otx_vocab_close(&ctx, &vocab);
}

static inline void refuse(otx_result result, const char *part)
{
    const otx_context ctx = logging();
    otx_vocab vocab;
    CHECK_STRING(otx_result_name(otx_vocab_parse(&ctx, texts, "T", &vocab, &error)),
                 otx_result_name(result));
    CHECK_CONTAINS(error.message, part);
    CHECK(!strchr(error.message, '\n'));
    CHECK(vocab.tokens == NULL && vocab.memory == NULL && vocab.count == 0);
}

static inline void refuse_text(otx_vocab_file file, const char *text, otx_result result,
                        const char *part)
{
    give(file, text);
    refuse(result, part);
}

/* ---- SentencePiece ---- */

/* A message that is being written. */
static unsigned char model[16384];
static size_t model_size;

static inline void put(unsigned byte) { model[model_size++] = (unsigned char)byte; }

static inline void put_varint(uint64_t value)
{
    for (; value > 127; value >>= 7) put((unsigned)(value & 127) | 128);
    put((unsigned)value);
}

static inline void put_number(unsigned field, uint64_t value)
{
    put_varint(field << 3);
    put_varint(value);
}

static inline void put_text(unsigned field, const char *text, size_t size)
{
    put_varint(field << 3 | 2);
    put_varint(size);
    memcpy(model + model_size, text, size);
    model_size += size;
}

/* A piece; the type goes before the text where it is odd, and a score between. */
static inline void put_piece(const char *text, unsigned type)
{
    const size_t size = strlen(text);
    put(10);
    put_varint(2 + size + (type ? 2 : 0) + 5);
    if (type % 2) put_number(3, type);
    put_text(1, text, size);
    put(21); /* field 2, four bytes */
    put(0), put(0), put(128), put(63);
    if (type && type % 2 == 0) put_number(3, type);
}

/* A trainer of that type of model, with or without bytes. */
static inline void put_trainer(unsigned type, unsigned fallback)
{
    put(18);
    put_varint(2 + 3);
    put_number(3, type);
    put_number(35, fallback);
}

static inline void put_pieces(void)
{
    model_size = 0;
    put_piece("<unk>", 2);
    put_piece("<s>", 3);
    put_piece("</s>", 3);
    put_piece(MARK "a", 0);
    put_piece("x" MARK "y", 1);
    put_piece(MARK MARK, 4);
    put_piece("<unused7>", 1);
    put_piece("z", 5);
}

static inline void give_model(void)
{
    give_bytes(OTX_VOCAB_SENTENCEPIECE, (const char *)model, model_size);
}

/* ---- tekken.json ---- */

#define TEKKEN(config, vocab, specials)                                                     \
    "{\"config\":{\"pattern\":\"x\"," config "},\"vocab\":[" vocab "]" specials "}"
#define SIZES(size, special) "\"default_vocab_size\":" #size                                \
                             ",\"default_num_special_tokens\":" #special
#define ENTRY(rank, bytes)                                                                  \
    "{\"rank\":" #rank ",\"token_bytes\":\"" bytes "\",\"token_str\":null}"
#define THREE ENTRY(0, "AA==") "," ENTRY(1, "AQ==") "," ENTRY(2, "Ag==")
#define NAMED(rank, text) "{\"rank\":" #rank ",\"token_str\":\"" text "\",\"is_control\":true}"
#define V3 ",\"version\":\"v3\""

#endif

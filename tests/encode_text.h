/* Small tokenizers and what texts become of them, for the suites of encoding. */
#ifndef ENCODE_TEXT_H
#define ENCODE_TEXT_H

#include "omp_transplant.h"
#include "test.h"

#define MARK "\xe2\x96\x81" /* U+2581 */

static otx_error error;

/* The texts of an encoder to be opened; ' stands for " in them. */
static otx_vocab_text texts[OTX_VOCAB_FILES];

static void put_text(otx_vocab_file file, char *copy, size_t room, const char *text)
{
    char *at;
    (void)snprintf(copy, room, "%s", text);
    for (at = copy; *at; at++)
        if (*at == '\'') *at = '"';
    texts[file].bytes = copy;
    texts[file].size = strlen(copy);
}

/* An encoder of one text. */
static otx_result open_with(const otx_context *ctx, otx_vocab_file file, const char *text,
                            otx_encoder **encoder)
{
    static char copy[1 << 22];
    memset(texts, 0, sizeof texts);
    put_text(file, copy, sizeof copy, text);
    return otx_encoder_parse(ctx, texts, "T", encoder, &error);
}

static otx_encoder *encoder_of(const char *text)
{
    otx_encoder *encoder;
    CHECK_INT(open_with(NULL, OTX_VOCAB_TOKENIZER_JSON, text, &encoder), OTX_OK);
    return encoder;
}

/* The ids of a text, as text. */
static const char *encoded(otx_encoder *encoder, const char *bytes, size_t size)
{
    static char text[512];
    uint32_t ids[64];
    size_t count = 0, used = 0, i;
    text[0] = 0;
    if (!encoder || otx_encode(encoder, bytes, size, ids, COUNT(ids), &count, &error)) return "?";
    for (i = 0; i < count && i < COUNT(ids); i++)
        used += (size_t)snprintf(text + used, sizeof text - used, "%s%lu", i ? " " : "",
                                 (unsigned long)ids[i]);
    return text;
}

#define ENCODE(encoder, text, wanted) \
    CHECK_STRING(encoded(encoder, text, sizeof text - 1), wanted)

/* A byte-level tokenizer: members of its model, added tokens, a normaliser. */
#define GPT2(more, added, normalizer) \
    "{'added_tokens':[" added "],'normalizer':" normalizer ",'pre_tokenizer':{'type':" \
    "'ByteLevel','add_prefix_space':false,'use_regex':true},'decoder':{'type':'ByteLevel'}," \
    "'model':{'type':'BPE'," more "'vocab':{'a':0,'b':1,'\xc4\xa0':2,'ab':3,'\xc4\xa0" "ab':4," \
    "'\xc4\xa0" "a':5,'1':6,'!':7,'x':8,'B':9},'merges':['a b','\xc4\xa0 ab']}}"

/* An entry of added_tokens. */
#define FLAGS(content, id, flags) "{'id':" id ",'content':'" content "'" flags "}"

#endif

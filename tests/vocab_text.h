/* Vocabularies as text, and what was logged of them. */
#ifndef VOCAB_TEXT_H
#define VOCAB_TEXT_H

#include <stdio.h>
#include <string.h>

#include "omp_transplant.h"

static char messages[8192]; /* all that was logged, a line each */

static void keep_log(void *context, otx_severity severity, const char *message)
{
    size_t used = strlen(messages);
    (void)context;
    (void)snprintf(messages + used, sizeof messages - used, "%c %s\n",
                   severity == OTX_WARNING ? 'W' : 'N', message);
}

static otx_context logging(void)
{
    otx_context ctx;
    memset(&ctx, 0, sizeof ctx);
    ctx.log = keep_log;
    messages[0] = 0;
    return ctx;
}

/* The length of the character of UTF-8 that begins there, 0 if none does. */
static size_t character_length(const unsigned char *bytes, size_t size)
{
    size_t length = *bytes < 0x80 ? 1 : *bytes < 0xc2 ? 0 : *bytes < 0xe0 ? 2
                  : *bytes < 0xf0 ? 3 : *bytes < 0xf5 ? 4 : 0, i;
    if (length > size) return 0;
    for (i = 1; i < length; i++)
        if ((bytes[i] & 0xc0) != 0x80) return 0;
    if ((*bytes == 0xe0 && bytes[1] < 0xa0) || (*bytes == 0xed && bytes[1] > 0x9f) ||
        (*bytes == 0xf0 && bytes[1] < 0x90) || (*bytes == 0xf4 && bytes[1] > 0x8f))
        return 0;
    return length;
}

/* The bytes of a token as messages have them: what cannot stand in a line in quotes is
   written as \xNN, and the end of a long one as "...". */
static const char *quoted(const char *bytes, size_t size)
{
    static char text[160];
    size_t used = 0, i = 0;
    while (i < size && used + 8 < sizeof text) {
        unsigned char byte = (unsigned char)bytes[i];
        size_t length = character_length((const unsigned char *)bytes + i, size - i);
        if (byte < 0x20 || byte == 0x7f || byte == '\\' || byte == '"') length = 0;
        memcpy(text + used, bytes + i, length);
        if (!length) (void)snprintf(text + used, 5, "\\x%02x", byte);
        used += length ? length : 4;
        i += length ? length : 1;
    }
    strcpy(text + used, i < size ? "..." : "");
    return text;
}

/* The table as text: "0:t:a 1:c:<s>+ ..." with the first letter of the kind, the
   bytes, and + for an added token. */
static const char *dump(const otx_vocab *vocab)
{
    static char text[4096];
    size_t used = 0, i;
    text[0] = 0;
    for (i = 0; i < vocab->count && used < sizeof text - 200; i++) {
        const otx_token *token = &vocab->tokens[i];
        if (token->kind == OTX_TOKEN_NONE) continue;
        used += (size_t)snprintf(text + used, sizeof text - used, "%s%u:%c:%s%s",
                                 used ? " " : "", (unsigned)i,
                                 otx_token_kind_name(token->kind)[0],
                                 quoted(token->bytes, token->size),
                                 token->added ? "+" : "");
    }
    return text;
}

#endif

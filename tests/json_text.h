/* A JSON text and what was read of it. */
#ifndef JSON_TEXT_H
#define JSON_TEXT_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "omp_transplant.h"
#include "test.h"

static otx_json json;
static otx_error error;

/* Parses a copy that ends where its block ends, so that a read beyond is seen.
   The copy must outlive the document: close frees both. */
static char *copy;

static inline otx_result parse_bytes(const char *text, size_t size, const otx_json_options *options)
{
    copy = (char *)malloc(size ? size : 1);
    if (size) memcpy(copy, text, size);
    return otx_json_parse(NULL, copy, size, "x", options, &json, &error);
}

static inline otx_result parse(const char *text) { return parse_bytes(text, strlen(text), NULL); }

static inline void close_json(void)
{
    otx_json_close(NULL, &json);
    free(copy);
}

static inline const char *span(uint32_t node)
{
    static char text[256];
    const otx_json_node *at = &json.nodes[node];
    (void)snprintf(text, sizeof text, "%.*s", (int)(at->end - at->start),
                   json.text + at->start);
    return text;
}

typedef struct buffer {
    char bytes[4096];
    size_t size;
    int fail_at; /* which write fails, counting from 1; 0: none */
} buffer;

static inline bool buffer_write(void *context, const void *bytes, size_t size)
{
    buffer *to = (buffer *)context;
    if (to->fail_at > 0 && --to->fail_at == 0) return false;
    if (size > sizeof to->bytes - to->size) return false;
    memcpy(to->bytes + to->size, bytes, size);
    to->size += size;
    return true;
}

static unsigned long long random_state = 1;

static inline unsigned long long random_bits(void)
{
    unsigned long long z = random_state += 0x9e3779b97f4a7c15u;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

static const char sample[] = "{\"a\": [1.5e3, -0, \"\\u00e9\\ud83d\\ude00\", "
                             "\"\xe2\x96\x81\"],\n"
                             " \"b\": {\"c\": null, \"d\": [true, false, {}]}, \"e\": []}";

/* Copies the sample with up to three bytes changed to one of the pieces. */
static inline void spoil(char *text, const char *pieces, size_t count)
{
    unsigned changes = (unsigned)(random_bits() % 4);
    memcpy(text, sample, sizeof sample);
    while (changes-- > 0)
        text[random_bits() % (sizeof sample - 1)] = pieces[random_bits() % count];
}

#endif

/* For Frama-C's value analysis: every text of SIZE bytes, parsed as JSON. */
#include <stdlib.h>
#include <string.h>
#define OMP_TRANSPLANT_IMPLEMENTATION
#include "eva.h"
#ifndef BEHIND
#define BEHIND 0 /* bytes that the text is said to have and does not: those must be alarms */
#endif

/* Frama-C's own contract says nothing of how far strspn goes. */
size_t strspn(const char *string, const char *accepted)
{
    size_t n = 0;
    while (string[n] && string[n] == accepted[0]) n++;
    return n;
}

/* Bytes of which nothing is ever known: a block that stands for several, so that what is
   learned of a byte is forgotten at once, and paths that differ by that alone join. */
static char *any_bytes(size_t size)
{
    char *block;
    do {
        block = (char *)calloc(1, size);
        Frama_C_make_unknown(block, size);
    } while (Frama_C_interval(0, 1));
    return block;
}

int main(void)
{
    otx_json json;
    otx_json_options options = {0};
    char *text = any_bytes(SIZE);
    options.max_nodes = 15;
    options.allow_nonfinite = Frama_C_interval(0, 1);
    if (!otx_json_parse(0, text, SIZE + BEHIND, "text", &options, &json, 0))
        otx_json_close(0, &json);
    return 0;
}

/* An allocator that counts, that checks what it is told, and that fails on
   demand: at the n-th request, once. */
#ifndef FAILING_H
#define FAILING_H

#include <stdlib.h>
#include <string.h>

typedef struct failing {
    long requests;   /* allocations and growths so far */
    long fail_at;    /* which request fails, counting from 1; 0: none */
    long live;       /* blocks not freed */
    size_t bytes;    /* bytes not freed */
    int wrong_size;  /* a block was handed back with a size that was never asked for */
} failing;

/* The size stands before each block, so that old_size can be checked. */
static void *failing_resize(void *context, void *block, size_t old_size, size_t new_size)
{
    failing *state = (failing *)context;
    const size_t head = 16;
    char *real = block ? (char *)block - head : NULL;
    if (real) {
        size_t size;
        memcpy(&size, real, sizeof size);
        if (size != old_size) state->wrong_size = 1;
    }
    if (new_size == 0) {
        if (real) state->live--, state->bytes -= old_size;
        free(real);
        return NULL;
    }
    if (++state->requests == state->fail_at) return NULL;
    /* A fresh block every time, so that a stale pointer is caught. */
    {
        char *fresh = (char *)malloc(head + new_size);
        if (!fresh) return NULL;
        memset(fresh, 0xa5, head + new_size);
        memcpy(fresh, &new_size, sizeof new_size);
        if (real) {
            memcpy(fresh + head, block, old_size < new_size ? old_size : new_size);
            state->bytes -= old_size;
            free(real);
        } else {
            state->live++;
        }
        state->bytes += new_size;
        return fresh + head;
    }
}

#endif

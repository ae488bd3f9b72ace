/* A transplant under the caller's control: an allocator that counts and has a limit,
   progress that is shown, and a job that is cancelled on the way.
       cc -O3 -I. examples/hooks.c -o hooks -lm
       ./hooks examples/models/base examples/models/donor OUT */
#define OMP_TRANSPLANT_IMPLEMENTATION
#include "omp_transplant.h"

#include <stdio.h>
#include <stdlib.h>

typedef struct heap {
    size_t used, most, limit;
} heap;

/* Allocates, resizes or frees; the old size comes along, so nothing is kept beside. */
static void *resize(void *context, void *block, size_t old_size, size_t new_size)
{
    heap *h = (heap *)context;
    void *fresh = NULL;
    if (new_size > old_size && new_size - old_size > h->limit - h->used) return NULL;
    if (new_size == 0) free(block);
    else if (!(fresh = realloc(block, new_size))) return NULL;
    h->used += new_size - old_size;
    if (h->used > h->most) h->most = h->used;
    return fresh;
}

/* Called now and then by the thread that called the library: false cancels. */
static bool progress(void *context, const otx_progress *at)
{
    static const char *const stages[OTX_STAGE_COUNT] = {"open", "read", "gram", "solve", "write"};
    fprintf(stderr, "\r%s %3d %%", stages[at->stage],
            (int)(at->total ? 100.0 * (double)at->done / (double)at->total : 0.0));
    return at->stage != *(const otx_stage *)context;
}

int main(int argc, char **argv)
{
    heap h = {0, 0, (size_t)256 << 20};
    otx_stage stop = OTX_STAGE_SOLVE;
    otx_context ctx = {0};
    otx_error error;
    if (argc != 4) return 2;
    ctx.allocator.resize = resize;
    ctx.allocator.context = &h;
    ctx.progress = progress;
    ctx.progress_context = &stop;
    if (otx_transplant(&ctx, argv[1], argv[2], argv[3], NULL, NULL, &error))
        printf("%s: %s\n", otx_result_name(error.code), error.message);
    printf("%d bytes in use\n", (int)h.used);
    stop = OTX_STAGE_COUNT; /* never */
    if (otx_transplant(&ctx, argv[1], argv[2], argv[3], NULL, NULL, &error))
        return fprintf(stderr, "%s\n", error.message), 1;
    printf("done within %d MiB, %d bytes in use\n", (int)(h.most >> 20) + 1, (int)h.used);
    return 0;
}

/* ---- watch: long loops that the caller can stop ---------------------------- */

/* Multiply-adds of one thread between two looks at whether the caller wants to
   stop: well under a second, in double on slow machines too. */
#define OTX__POLL_WORK 2e8

/* A long loop, and what is told of it while it runs. */
typedef struct otx__watch {
    const otx_context *ctx;
    otx_stage stage;
    uint64_t done, total;
    otx_parallel_body body;
    void *argument;
    size_t first; /* of the indices at hand */
} otx__watch;

OTX__PRIVATE otx__watch otx__watch_open(const otx_context *ctx, otx_stage stage, uint64_t done,
                                        uint64_t total)
{
    otx__watch watch;
    memset(&watch, 0, sizeof watch);
    watch.ctx = ctx;
    watch.stage = stage;
    watch.done = done;
    watch.total = total;
    return watch;
}

OTX__PRIVATE void otx__watch_body(void *argument, size_t index, int worker)
{
    otx__watch *watch = (otx__watch *)argument;
    watch->body(watch->argument, watch->first + index, worker);
}

/* Multiply-adds up to which one thread does a loop alone: a team takes as long to gather. */
#define OTX__ALONE_WORK 1e5

/* Runs the items at hand: together or, where there is little to do, alone. */
OTX__PRIVATE void otx__watch_slice(otx__watch *watch, size_t count, double work)
{
    size_t i;
    bool hook = watch->ctx && watch->ctx->parallel_for && !otx__team_has(watch->ctx);
    if (hook || (double)count * work > OTX__ALONE_WORK)
        otx__parallel(watch->ctx, count, otx__watch_body, watch);
    else
        for (i = 0; i < count; i++) otx__watch_body(watch, i, 0);
}

/* otx__parallel in slices, for items of `work` multiply-adds or so each. */
OTX__PRIVATE otx_result otx__watch_loop(otx__watch *watch, size_t count, double work,
                                        otx_parallel_body body, void *argument,
                                        otx_error *error)
{
    size_t threads = (size_t)otx__threads(watch->ctx), slice = count;
    double share = OTX__POLL_WORK * (double)threads / (work + 1.0);
    otx_result result = OTX_OK;
    if (share < (double)count) slice = otx__max(threads, (size_t)share);
    watch->body = body;
    watch->argument = argument;
    for (watch->first = 0; watch->first < count && !result; watch->first += slice) {
        otx__watch_slice(watch, otx__min(slice, count - watch->first), work);
        result = otx__poll(watch->ctx, watch->stage, NULL, watch->done, watch->total, error);
    }
    return result;
}

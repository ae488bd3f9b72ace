/* ---- hooks of the caller ------------------------------------------------ */

OTX__PRIVATE void otx__log(const otx_context *ctx, otx_severity severity, const char *format,
                           ...) OTX__PRINTF(3, 4);
OTX__PRIVATE void otx__log(const otx_context *ctx, otx_severity severity, const char *format,
                           ...)
{
    char message[OTX__MESSAGE];
    va_list arguments;
    if (!ctx || !ctx->log) return;
    va_start(arguments, format);
    otx__message(message, format, arguments);
    va_end(arguments);
    ctx->log(ctx->log_context, severity, message);
}

/* Reports progress; OTX_ERROR_CANCELLED if the caller wants to stop. */
OTX__PRIVATE otx_result otx__poll(const otx_context *ctx, otx_stage stage,
                                  const char *subject, uint64_t done, uint64_t total,
                                  otx_error *error)
{
    otx_progress progress;
    if (!ctx || !ctx->progress) return OTX_OK;
    progress.stage = stage;
    progress.subject = subject;
    progress.done = done;
    progress.total = total;
    if (ctx->progress(ctx->progress_context, &progress)) return OTX_OK;
    return otx__fail(error, OTX_ERROR_CANCELLED, "cancelled");
}

/* More threads than any machine has of processors end in the runtime's own crash. */
#define OTX__THREADS_MOST 1024

/* Most workers that otx__parallel (team.h) runs at once. */
OTX__PRIVATE int otx__threads(const otx_context *ctx)
{
    int threads = ctx ? ctx->threads : 0;
#ifdef _OPENMP
    if (threads <= 0 && !(ctx && ctx->parallel_for)) threads = omp_get_max_threads();
#else
    if (!(ctx && ctx->parallel_for)) threads = 1;
#endif
    if (threads > OTX__THREADS_MOST) return OTX__THREADS_MOST;
    return threads > 0 ? threads : 1;
}

/* ---- base: results, checked sizes, memory, buffers, hooks ---------------- */

#define OTX__COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* double that is not binary64, or a byte that is not eight bits, breaks every
   promise of this file: better no build than a wrong one. */
typedef char otx__assert_binary64[DBL_MANT_DIG == 53 && DBL_MAX_EXP == 1024 ? 1 : -1];
typedef char otx__assert_binary32[FLT_MANT_DIG == 24 && FLT_MAX_EXP == 128 ? 1 : -1];
typedef char otx__assert_octets[CHAR_BIT == 8 ? 1 : -1];

OTX_API const char *otx_version(void) { return OTX_VERSION_STRING; }

OTX_API const char *otx_result_name(otx_result result)
{
    static const char *const names[] = {
#define OTX__RESULT_NAME(name, text) #name,
        OTX_RESULTS(OTX__RESULT_NAME)
#undef OTX__RESULT_NAME
    };
    return (unsigned)result < OTX__COUNT(names) ? names[result] : "OTX_ERROR_UNKNOWN";
}

OTX_API const char *otx_result_text(otx_result result)
{
    static const char *const texts[] = {
#define OTX__RESULT_TEXT(name, text) text,
        OTX_RESULTS(OTX__RESULT_TEXT)
#undef OTX__RESULT_TEXT
    };
    return (unsigned)result < OTX__COUNT(texts) ? texts[result] : "unknown error";
}

/* A message is one line, whatever names are in it, and does nothing to a terminal. */
OTX__PRIVATE void otx__one_line(char *message)
{
    for (; *message; message++)
        if ((unsigned char)*message < 0x20 || *message == 0x7f) *message = '?';
}

/* Fills in the error and returns its code, so that failing reads
   `return otx__fail(error, OTX_ERROR_FORMAT, "%s: ...", name);`. A message too
   long is cut. Never allocates. */
OTX__PRIVATE otx_result otx__fail(otx_error *error, otx_result code, const char *format, ...)
    OTX__PRINTF(3, 4);
OTX__PRIVATE otx_result otx__fail(otx_error *error, otx_result code, const char *format, ...)
{
    if (error) {
        va_list arguments;
        va_start(arguments, format);
        error->code = code;
        (void)vsnprintf(error->message, sizeof error->message, format, arguments);
        va_end(arguments);
        otx__one_line(error->message);
    }
    return code;
}

OTX__PRIVATE otx_result otx__fail_memory(otx_error *error, uint64_t bytes)
{
    return otx__fail(error, OTX_ERROR_MEMORY, "out of memory asking for %" PRIu64 " bytes", bytes);
}

/* ---- names in messages ---- */

/* Room for a quoted name: `char text[OTX__QUOTED];`. */
#define OTX__QUOTED 160

/* Makes any bytes fit for one line of a message: control bytes, quotes,
   backslashes and invalid UTF-8 become \xNN, long ones are cut with "...".
   Returns `to`. */
OTX__PRIVATE const char *otx__quote(char *to, size_t capacity, const char *bytes, size_t size);

/* Length of the well-formed UTF-8 sequence that `bytes` starts with (no overlong
   forms, no surrogates, at most U+10FFFF), or 0. */
OTX__PRIVATE size_t otx__utf8_length(const unsigned char *bytes, size_t size)
{
    unsigned lead, low = 0x80, high = 0xbf;
    size_t length, i;
    if (size == 0) return 0;
    lead = bytes[0];
    if (lead < 0x80) return 1;
    if (lead < 0xc2 || lead > 0xf4) return 0;
    length = lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
    if (size < length) return 0;
    if (lead == 0xe0) low = 0xa0;
    if (lead == 0xed) high = 0x9f;
    if (lead == 0xf0) low = 0x90;
    if (lead == 0xf4) high = 0x8f;
    if (bytes[1] < low || bytes[1] > high) return 0;
    for (i = 2; i < length; i++)
        if ((bytes[i] & 0xc0) != 0x80) return 0;
    return length;
}

OTX__PRIVATE bool otx__has_suffix(const char *name, const char *suffix)
{
    size_t size = strlen(name), length = strlen(suffix);
    return size >= length && memcmp(name + size - length, suffix, length) == 0;
}

OTX__PRIVATE bool otx__has_prefix(const char *name, const char *prefix)
{
    return strncmp(name, prefix, strlen(prefix)) == 0;
}

/* A name for a message, also where there is none. */
OTX__PRIVATE const char *otx__word(const char *word) { return word ? word : "?"; }

/* ---- checked sizes ---- */

OTX__PRIVATE bool otx__mul(size_t a, size_t b, size_t *product)
{
    if (b != 0 && a > SIZE_MAX / b) return false;
    *product = a * b;
    return true;
}

OTX__PRIVATE bool otx__add(size_t a, size_t b, size_t *sum)
{
    if (a > SIZE_MAX - b) return false;
    *sum = a + b;
    return true;
}

OTX__PRIVATE bool otx__mul64(uint64_t a, uint64_t b, uint64_t *product)
{
    if (b != 0 && a > UINT64_MAX / b) return false;
    *product = a * b;
    return true;
}

OTX__PRIVATE size_t otx__min(size_t a, size_t b) { return a < b ? a : b; }
OTX__PRIVATE size_t otx__max(size_t a, size_t b) { return a > b ? a : b; }
OTX__PRIVATE double otx__least(double a, double b) { return a < b ? a : b; }

/* ---- memory ---- */

OTX__PRIVATE void *otx__resize(const otx_context *ctx, void *block, size_t old_size,
                               size_t new_size)
{
    if (ctx && ctx->allocator.resize)
        return ctx->allocator.resize(ctx->allocator.context, block, old_size, new_size);
    if (new_size == 0) {
        free(block);
        return NULL;
    }
    return realloc(block, new_size);
}

/* count elements of `size` bytes; NULL when out of memory or when the product
   overflows. A count of 0 still gives a block that must be freed (as 1 byte). */
OTX__PRIVATE void *otx__alloc(const otx_context *ctx, size_t count, size_t size)
{
    size_t bytes;
    if (!otx__mul(count, size, &bytes)) return NULL;
    return otx__resize(ctx, NULL, 0, bytes ? bytes : 1);
}

OTX__PRIVATE void *otx__alloc_zero(const otx_context *ctx, size_t count, size_t size)
{
    void *block = otx__alloc(ctx, count, size);
    if (block) memset(block, 0, count * size);
    return block;
}

/* Frees what otx__alloc(ctx, count, size) gave; NULL is fine. */
OTX__PRIVATE void otx__free(const otx_context *ctx, void *block, size_t count, size_t size)
{
    size_t bytes = count * size;
    if (block) (void)otx__resize(ctx, block, bytes ? bytes : 1, 0);
}

/* Makes room for at least `need` elements in a growing array (doubling).
   `*items` may move; false when out of memory, and then nothing has changed.
   Free with otx__free(ctx, items, capacity, size) if capacity > 0. */
OTX__PRIVATE bool otx__grow(const otx_context *ctx, void **items, size_t *capacity, size_t need,
                            size_t size)
{
    size_t wanted = *capacity ? *capacity : 16, old_bytes = *capacity * size, bytes;
    void *moved;
    if (need <= *capacity) return true;
    while (wanted < need) {
        if (wanted > SIZE_MAX / 2) return false;
        wanted *= 2;
    }
    if (!otx__mul(wanted, size, &bytes)) return false;
    moved = otx__resize(ctx, *items, old_bytes, bytes);
    if (!moved) return false;
    *items = moved;
    *capacity = wanted;
    return true;
}

/* ---- growing text ---- */

/* A byte buffer. Appending to one that has failed does nothing, so a run of
   appends needs one check of `failed` at its end. */
typedef struct otx__text {
    const otx_context *ctx;
    char *bytes;
    size_t size, capacity;
    bool failed;
} otx__text;

OTX__PRIVATE void otx__text_open(otx__text *text, const otx_context *ctx)
{
    memset(text, 0, sizeof *text);
    text->ctx = ctx;
}

OTX__PRIVATE void otx__text_close(otx__text *text)
{
    if (text->capacity) otx__free(text->ctx, text->bytes, text->capacity, 1);
    otx__text_open(text, text->ctx);
}

OTX__PRIVATE void otx__text_bytes(otx__text *text, const void *bytes, size_t size)
{
    void *items = text->bytes;
    size_t need;
    if (text->failed || size == 0) return;
    if (!otx__add(text->size, size, &need) ||
        !otx__grow(text->ctx, &items, &text->capacity, need, 1)) {
        text->failed = true;
        return;
    }
    text->bytes = (char *)items;
    memcpy(text->bytes + text->size, bytes, size);
    text->size = need;
}

OTX__PRIVATE void otx__text_string(otx__text *text, const char *string)
{
    otx__text_bytes(text, string, strlen(string));
}

/* For what fits in 512 bytes: numbers and short words. %g and the like are
   barred, because they follow the locale: see otx__text_double. */
OTX__PRIVATE void otx__text_format(otx__text *text, const char *format, ...) OTX__PRINTF(2, 3);
OTX__PRIVATE void otx__text_format(otx__text *text, const char *format, ...)
{
    char line[512];
    int length;
    va_list arguments;
    va_start(arguments, format);
    length = vsnprintf(line, sizeof line, format, arguments);
    va_end(arguments);
    if (length < 0 || (size_t)length >= sizeof line) text->failed = true;
    else otx__text_bytes(text, line, (size_t)length);
}

/* ---- hooks ---- */

OTX__PRIVATE void otx__log(const otx_context *ctx, otx_severity severity, const char *format, ...)
    OTX__PRINTF(3, 4);
OTX__PRIVATE void otx__log(const otx_context *ctx, otx_severity severity, const char *format, ...)
{
    char message[768];
    va_list arguments;
    if (!ctx || !ctx->log) return;
    va_start(arguments, format);
    (void)vsnprintf(message, sizeof message, format, arguments);
    va_end(arguments);
    otx__one_line(message);
    ctx->log(ctx->log_context, severity, message);
}

/* Reports progress; OTX_ERROR_CANCELLED if the caller wants to stop. */
OTX__PRIVATE otx_result otx__progress(const otx_context *ctx, otx_stage stage, const char *subject,
                                      uint64_t done, uint64_t total, otx_error *error)
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

/* Most workers that otx__parallel_for runs at once. */
OTX__PRIVATE int otx__threads(const otx_context *ctx)
{
    if (ctx && ctx->threads > 0) {
#ifndef _OPENMP
        if (!ctx->parallel_for) return 1;
#endif
        return ctx->threads;
    }
    if (ctx && ctx->parallel_for) return 1;
#ifdef _OPENMP
    return omp_get_max_threads();
#else
    return 1;
#endif
}

OTX__PRIVATE void otx__parallel(const otx_context *ctx, size_t count, otx_parallel_body body,
                                void *argument)
{
    size_t i;
    if (ctx && ctx->parallel_for) {
        ctx->parallel_for(ctx->parallel_context, count, body, argument);
        return;
    }
#ifdef _OPENMP
    if (count > 1 && otx__threads(ctx) > 1) {
        int threads = otx__threads(ctx);
        int64_t index, total = (int64_t)count; /* signed: OpenMP 2.0 (MSVC) */
#pragma omp parallel for schedule(dynamic, 1) num_threads(threads)
        for (index = 0; index < total; index++)
            body(argument, (size_t)index, omp_get_thread_num());
        return;
    }
#endif
    for (i = 0; i < count; i++) body(argument, i, 0);
}

OTX__PRIVATE const char *otx__quote(char *to, size_t capacity, const char *bytes, size_t size)
{
    static const char digits[] = "0123456789abcdef";
    size_t i = 0, length = 0;
    while (i < size && length + 8 < capacity) {
        unsigned char byte = (unsigned char)bytes[i];
        size_t step = otx__utf8_length((const unsigned char *)bytes + i, size - i);
        if (byte >= 0x20 && byte != 0x7f && byte != '\\' && byte != '"' && step) {
            memcpy(to + length, bytes + i, step);
            length += step;
            i += step;
        } else {
            to[length++] = '\\';
            to[length++] = 'x';
            to[length++] = digits[byte >> 4];
            to[length++] = digits[byte & 15];
            i++;
        }
    }
    if (i < size) {
        memcpy(to + length, "...", 3);
        length += 3;
    }
    to[length] = 0;
    return to;
}

/* ---- results, failures, checked sizes ----------------------------------- */

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

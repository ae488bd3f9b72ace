/* ---- result: results and failures ----------------------------------------- */

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

/* ---- messages ---- */

#define OTX__MESSAGE sizeof(((otx_error *)0)->message)

/* What stands in a message for the character at `bytes`: the character itself, but '?'
   for a control character, and \xNN for a byte that is no UTF-8 or starts a control
   character of two bytes. Returns the size of what it wrote; *step is that of what it
   read. */
OTX__PRIVATE size_t otx__message_character(char to[4], const char *bytes, size_t size,
                                           size_t *step)
{
    static const char digits[] = "0123456789abcdef";
    const unsigned char byte = (unsigned char)bytes[0];
    const size_t length = otx__utf8_length((const unsigned char *)bytes, size);
    if (length > 1 && !(byte == 0xc2 && (unsigned char)bytes[1] < 0xa0)) {
        memcpy(to, bytes, length);
        return *step = length;
    }
    *step = 1;
    to[0] = byte < 0x20 || byte == 0x7f ? '?' : bytes[0];
    if (byte < 0x80) return 1;
    to[0] = '\\';
    to[1] = 'x';
    to[2] = digits[byte >> 4];
    to[3] = digits[byte & 15];
    return 4;
}

/* Makes a message for people: one line of UTF-8 that does nothing to a terminal,
   whatever the names in it hold. One too long is cut between two characters, with
   "...". */
OTX__PRIVATE void otx__message(char to[OTX__MESSAGE], const char *format, va_list arguments)
    OTX__PRINTF(2, 0);
OTX__PRIVATE void otx__message(char to[OTX__MESSAGE], const char *format, va_list arguments)
{
    /* A message is never shorter than what it is made of: no more of that is looked at than
       what fits, and one character that does not. */
    char raw[OTX__MESSAGE + 4], character[4] = {0};
    const size_t limit = OTX__MESSAGE - 1;
    size_t size = otx__min(otx__format_list(raw, sizeof raw, format, arguments), sizeof raw - 1);
    size_t at = 0, length = 0, cut = 0, step, room;
    for (; at < size; at += step, length += room) {
        room = otx__message_character(character, raw + at, size - at, &step);
        if (length + room > limit) {
            memcpy(to + cut, "...", 3);
            length = cut + 3;
            break;
        }
        memcpy(to + length, character, room);
        if (length + room + 3 <= limit) cut = length + room;
    }
    to[length] = 0;
}

/* Fills in the error and returns its code, so that failing reads
   `return otx__fail(error, OTX_ERROR_FORMAT, "%s: ...", name);`. Never allocates. The
   arguments may point into the error's own message. */
OTX__PRIVATE otx_result otx__fail(otx_error *error, otx_result code, const char *format, ...)
    OTX__PRINTF(3, 4);
OTX__PRIVATE otx_result otx__fail(otx_error *error, otx_result code, const char *format, ...)
{
    if (error) {
        va_list arguments;
        va_start(arguments, format);
        error->code = code;
        otx__message(error->message, format, arguments);
        va_end(arguments);
    }
    return code;
}
#ifdef __clang_analyzer__ /* which does not look into a function of "...": what it returns */
#define otx__fail(error, code, ...) ((void)otx__fail(error, code, __VA_ARGS__), (code))
#endif

/* `bytes` may be UINT64_MAX for a sum or a product that wraps. */
OTX__PRIVATE otx_result otx__fail_memory(otx_error *error, uint64_t bytes)
{
    if (bytes == UINT64_MAX)
        return otx__fail(error, OTX_ERROR_MEMORY,
                         "out of memory asking for more bytes than can be addressed");
    return otx__fail(error, OTX_ERROR_MEMORY, "out of memory asking for %" PRIu64 " bytes%s",
                     bytes, bytes > SIZE_MAX ? ", more than can be addressed" : "");
}

/* The same for `count` elements of `size` bytes, whose product may wrap. */
OTX__PRIVATE otx_result otx__fail_array(otx_error *error, uint64_t count, size_t size)
{
    uint64_t bytes;
    if (otx__mul64(count, size, &bytes)) return otx__fail_memory(error, bytes);
    return otx__fail(error, OTX_ERROR_MEMORY,
                     "out of memory asking for %" PRIu64 " elements of %" PRIu64 " bytes, "
                     "more than can be addressed", count, (uint64_t)size);
}
#ifdef __clang_analyzer__ /* nor as deep as these are called */
#define otx__fail_memory(error, bytes) ((void)otx__fail_memory(error, bytes), OTX_ERROR_MEMORY)
#define otx__fail_array(error, count, size)                                                      \
    ((void)otx__fail_array(error, count, size), OTX_ERROR_MEMORY)
#endif

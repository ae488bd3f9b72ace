/* ---- text: names in messages, and text that grows -------------------------------- */

/* ---- names in messages ---- */

/* A name for a message, also where there is none. */
OTX__PRIVATE const char *otx__word(const char *word) { return word ? word : "?"; }

/* What a repository holds in place of a large file that was not fetched begins so. */
#define OTX__LFS_POINTER "version https://git-lfs.github.com/spec/"

OTX__PRIVATE otx_result otx__fail_lfs(otx_error *error, const char *name)
{
    return otx__fail(error, OTX_ERROR_FORMAT, "%s: is a pointer of Git LFS, not the file that it "
                     "stands for; \"git lfs pull\" fetches that", name);
}

/* Room for a quoted name: `char text[OTX__QUOTED];`. */
#define OTX__QUOTED 160

/* Makes any bytes fit for one line of a message: control bytes, quotes,
   backslashes and invalid UTF-8 become \xNN, long ones are cut with "...".
   Returns `to`. */
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

/* For what fits in 512 bytes: numbers and short words. */
OTX__PRIVATE void otx__text_format(otx__text *text, const char *format, ...) OTX__PRINTF(2, 3);
OTX__PRIVATE void otx__text_format(otx__text *text, const char *format, ...)
{
    char line[512];
    size_t length;
    va_list arguments;
    va_start(arguments, format);
    length = otx__format_list(line, sizeof line, format, arguments);
    va_end(arguments);
    if (length >= sizeof line) text->failed = true;
    else otx__text_bytes(text, line, length);
}

/* Appends a number as otx__double_text writes it; one that JSON does not have becomes
   null. */
OTX__PRIVATE void otx__text_double(otx__text *text, double value)
{
    char digits[OTX__DOUBLE_TEXT];
    const size_t size = otx__double_text(digits, value);
    if (size) otx__text_bytes(text, digits, size);
    else otx__text_string(text, "null");
}

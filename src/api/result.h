/* ---- results ---------------------------------------------------------- */

/* One list feeds the enum, otx_result_name and otx_result_text. */
#define OTX_RESULTS(X)                                                         \
    X(OTX_OK, "no error")                                                      \
    X(OTX_ERROR_ARGUMENT, "an argument is invalid")                            \
    X(OTX_ERROR_MEMORY, "out of memory, or over the memory budget")            \
    X(OTX_ERROR_IO, "a file could not be read or written")                     \
    X(OTX_ERROR_NOT_FOUND, "a file, tensor or token is missing")               \
    X(OTX_ERROR_EXISTS, "the output exists already")                           \
    X(OTX_ERROR_FORMAT, "a file is malformed")                                 \
    X(OTX_ERROR_LIMIT, "a file exceeds a limit of this library")               \
    X(OTX_ERROR_UNSUPPORTED, "a well-formed file holds what is not supported") \
    X(OTX_ERROR_MISMATCH, "two parts of the input contradict each other")      \
    X(OTX_ERROR_NO_ANCHORS, "the vocabularies share no token")                 \
    X(OTX_ERROR_NOT_FINITE, "a value that is needed is NaN or infinite")       \
    X(OTX_ERROR_RANGE, "a value is beyond the range of the output type")       \
    X(OTX_ERROR_CANCELLED, "cancelled by the progress callback")

typedef enum otx_result {
#define OTX__RESULT_ENUM(name, text) name,
    OTX_RESULTS(OTX__RESULT_ENUM)
#undef OTX__RESULT_ENUM
        OTX_RESULT_COUNT
} otx_result;

/* "OTX_ERROR_IO" and "a file could not be read or written"; never NULL, also
   for numbers that are no result. */
OTX_API const char *otx_result_name(otx_result result);
OTX_API const char *otx_result_text(otx_result result);

/* What went wrong, in one line of UTF-8 that names the file, the tensor or
   token and the numbers involved. Every function that can fail takes one (NULL
   is allowed) and fills it in only when it fails. */
typedef struct otx_error {
    otx_result code;
    char message[768];
} otx_error;

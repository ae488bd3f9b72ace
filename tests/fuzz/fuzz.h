/* What every fuzz target shares. A target includes the implementation, then this
   file, and defines fuzz_one. With -DOTX_LIBFUZZER and -fsanitize=fuzzer it is a
   libFuzzer target; without, a program that reads the files it is given. */
#ifndef FUZZ_H
#define FUZZ_H

static void fuzz_one(const char *bytes, size_t size);

/* Ends the program where a promise is broken, so that the fuzzer sees it. */
#define FUZZ_CHECK(condition)                                                      \
    do {                                                                           \
        if (!(condition)) {                                                        \
            fprintf(stderr, "%s:%d: not true: %s\n", __FILE__, __LINE__, #condition); \
            abort();                                                               \
        }                                                                          \
    } while (0)

/* A failure is said in one line of UTF-8; it can be seen with OTX_FUZZ_VERBOSE. */
OTX__PRIVATE void fuzz_check_error(const otx_error *error)
{
    if (getenv("OTX_FUZZ_VERBOSE")) fprintf(stderr, "refused: %s\n", error->message);
    FUZZ_CHECK(error->code != OTX_OK && error->message[0] && !strchr(error->message, '\n'));
    FUZZ_CHECK(otx__is_utf8(error->message, strlen(error->message)));
}

/* Reads every byte, so that the sanitizer does. */
OTX__PRIVATE unsigned fuzz_touch(const void *bytes, size_t size)
{
    unsigned sum = 0;
    size_t i;
    for (i = 0; i < size; i++) sum += ((const unsigned char *)bytes)[i];
    return sum;
}

#ifdef OTX_LIBFUZZER

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    fuzz_one((const char *)bytes, size);
    return 0;
}

#else

/* A block of exactly the file's size: a byte read beyond it is caught. */
static int fuzz_file(const char *path)
{
    FILE *file = fopen(path, "rb");
    long size = -1;
    char *bytes = NULL;
    if (file && fseek(file, 0, SEEK_END) == 0 && (size = ftell(file)) >= 0 &&
        fseek(file, 0, SEEK_SET) == 0)
        bytes = (char *)malloc(size > 0 ? (size_t)size : 1);
    if (!bytes || fread(bytes, 1, (size_t)size, file) != (size_t)size) {
        fprintf(stderr, "%s: cannot be read\n", path);
        size = -1;
    }
    if (file) (void)fclose(file);
    if (getenv("OTX_FUZZ_VERBOSE")) fprintf(stderr, "%s\n", path);
    if (size >= 0) fuzz_one(bytes, (size_t)size);
    free(bytes);
    return size < 0;
}

int main(int count, char **arguments)
{
    int failed = 0, i;
    for (i = 1; i < count; i++) failed += fuzz_file(arguments[i]);
    printf("%d passed, %d failed\n", count - 1 - failed, failed);
    return failed != 0;
}

#endif
#endif

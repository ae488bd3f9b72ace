/* Prints how pre-tokenizers cut texts, for tests/cut_oracle.py.
     print_cut            standard input: lines "{JSON}" open the pre-tokenizer of a
                          tokenizer.json, "/HEX" that of a regular expression alone; other lines
                          are texts in hexadecimal. A text's pieces are printed in hexadecimal,
                          with spaces between them; what is refused, as "! MESSAGE".
     print_cut TIMES FILE JSON     cuts a file's lines, and says how long that takes */
#define OMP_TRANSPLANT_IMPLEMENTATION
#include "../omp_transplant.h"
#include <time.h>

static otx_error error;
static otx__cutter cutter;
static otx__slices slices;

static void fail(void) { printf("! %s\n", error.message); }

static bool open_cutter(const char *text, size_t size)
{
    otx_json json;
    otx_result result = otx_json_parse(NULL, text, size, "T", NULL, &json, &error);
    uint32_t node;
    otx__cutter_close(&cutter);
    if (result) return false;
    node = otx_json_find(&json, 0, "pre_tokenizer");
    if (otx_json_find(&json, 0, "model") == OTX_JSON_NONE && node == OTX_JSON_NONE) node = 0;
    result = otx__cutter_open(NULL, &json, node, "T", &cutter, &error);
    otx_json_close(NULL, &json);
    return !result;
}

static size_t unhex(char *line)
{
    size_t size = 0, i;
    for (i = 0; otx__hex_digit(line[i]) >= 0; i += 2)
        line[size++] = (char)(otx__hex_digit(line[i]) * 16 + otx__hex_digit(line[i + 1]));
    return size;
}

static void print_pieces(void)
{
    static const char digits[] = "0123456789abcdef";
    size_t i, k;
    for (i = 0; i < slices.count; i++) {
        if (i) putchar(' ');
        for (k = slices.items[i].start; k < slices.items[i].end; k++) {
            putchar(digits[(unsigned char)slices.text.bytes[k] >> 4]);
            putchar(digits[(unsigned char)slices.text.bytes[k] & 15]);
        }
    }
    putchar('\n');
}

static void lines(char *text, size_t size)
{
    size_t at, end;
    bool open = true;
    for (at = 0; at < size; at = end + 1) {
        char *line = text + at;
        for (end = at; end < size && text[end] != '\n'; end++) {}
        if (*line == '{') {
            open = open_cutter(line, end - at);
            if (!open) fail();
        } else if (*line == '/') {
            const size_t length = unhex(line + 1);
            otx__cutter_close(&cutter);
            open = !otx__cutter_open_pattern(NULL, line + 1, length, "T", &cutter, &error);
            if (!open) fail();
        } else if (open) {
            const size_t length = unhex(line);
            if (otx__cutter_run(&cutter, line, length, true, &slices, &error)) fail();
            else print_pieces();
        }
    }
}

static int timed(int times, char *text, size_t size)
{
    const clock_t begin = clock();
    size_t pieces = 0;
    double seconds;
    int i;
    for (i = 0; i < times; i++) {
        if (otx__cutter_run(&cutter, text, size, true, &slices, &error)) {
            fail();
            return 1;
        }
        pieces += slices.count;
    }
    seconds = (double)(clock() - begin) / CLOCKS_PER_SEC;
    printf("%lu pieces, %.3f s, %.1f MB/s\n", (unsigned long)pieces, seconds,
           (double)size * times / seconds / 1e6);
    return 0;
}

static char *read_all(FILE *file, size_t *size)
{
    size_t room = 1 << 16, got;
    char *text = (char *)malloc(room);
    *size = 0;
    while (text && (got = fread(text + *size, 1, room - *size - 1, file)) > 0) {
        *size += got;
        if (room - *size < 2) text = (char *)realloc(text, room *= 2);
    }
    if (text) text[*size] = 0;
    return text;
}

int main(int argc, char **argv)
{
    FILE *file = argc > 2 ? fopen(argv[2], "rb") : stdin;
    size_t size;
    char *text = file ? read_all(file, &size) : NULL;
    int status = 0;
    if (!text) return 2;
    otx__slices_open(&slices, NULL);
    if (argc > 3 && !open_cutter(argv[3], strlen(argv[3]))) {
        fail();
        return 1;
    }
    if (argc > 3) status = timed(atoi(argv[1]), text, size);
    else lines(text, size);
    otx__slices_close(&slices);
    otx__cutter_close(&cutter);
    free(text);
    if (file != stdin) (void)fclose(file);
    return status;
}
